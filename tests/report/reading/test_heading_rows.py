"""Heading rows at which the reader gives up, lines that do not fit them, and names that differ in case alone."""

from __future__ import annotations

import gzip
import re

import pytest

from crmvalue.__main__ import main
from crmvalue._report.reading.orders import FileProblemsError, read_orders
from crmvalue.errors import InputError

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")
pytest.importorskip("duckdb")

ROWS = "".join(f"{i},2024-01-{i:02d},5,x\n" for i in range(1, 11))


def write(path, heading, rows=ROWS):
    path.write_text(f"{heading}\n{rows}")
    return str(path)


class TestHeadingRow:
    """A heading row is a list of names, or the file is refused: its rows are never left out in silence."""

    @pytest.mark.parametrize(
        "heading",
        [
            'customer,date,amount,"note"x',
            'customer,date,amount,"note" x',
            'customer,date,amount,"no"te"',
            'customer,date,amount,"note',
            'customer,date,amount,"""',
            'customer,"date"x,amount,note',
            'customer,date,amount,"no\nte"x',
        ],
    )
    def test_refuses_a_quote_that_is_not_closed_or_that_text_follows(self, tmp_path, heading):
        path = write(tmp_path / "a.csv", heading)
        with pytest.raises(InputError, match=r"the first line of 'a\.csv' is no list of column names: is a quote"):
            read_orders(path)
        good = write(tmp_path / "b.csv", "customer,date,amount,note")
        with pytest.raises(InputError, match=r"a\.csv' is no list of column names"):
            read_orders([good, path])

    def test_a_heading_before_which_the_delimiter_is_named(self, tmp_path):
        with pytest.raises(InputError, match="no list of column names"):
            read_orders(write(tmp_path / "a.csv", 'sep=,\ncustomer,date,amount,"note"x'))

    @pytest.mark.parametrize(
        "heading",
        ['"customer" , "date", amount,note', 'customer,date,amount,"no ""te"""', 'customer,date,amount,12" LP'],
    )
    def test_takes_other_quotes(self, tmp_path, heading):
        assert read_orders(write(tmp_path / "a.csv", heading)).n_rows == 10

    def test_a_title_above_the_headings_is_named(self, tmp_path):
        place = tmp_path / "orders.csv"
        place.write_text("Sales of 2024;;\n;;\nclient;day;total\na;2024-01-01;5\n", encoding="utf-8")
        with pytest.raises(FileProblemsError) as caught:
            read_orders(str(place))
        said = "line 3 looks like the row of headings: take out the lines above it"
        assert str(caught.value.problems[-1]) == said

    @pytest.mark.parametrize(("title", "line"), [("Sales of 2024\n", 2), ("Sales, 2024\n\n", 3)])
    def test_a_title_of_fewer_fields_is_named(self, tmp_path, title, line):
        (tmp_path / "a.csv").write_text(f"{title}client,day,total\na,2024-01-01,5\n", encoding="utf-8")
        with pytest.raises(
            InputError, match=rf"\. Line {line} looks like the row of headings: take out the lines above"
        ):
            read_orders(str(tmp_path / "a.csv"))

    def test_headings_repeated_among_the_rows_are_left_out_and_counted(self, tmp_path):
        """Files that were joined without a look have them; they stopped the run as no date and no number."""
        place = tmp_path / "orders.csv"
        place.write_text("client,day,total\na,2024-01-01,5\nclient,day,total\nb,2024-01-02,6\n,2024-01-02,7\n", "utf-8")
        orders = read_orders(str(place))
        assert (orders.n_rows, orders.n_without_customer, orders.n_headings) == (4, 2, 1)
        assert orders.amount.sum() == 11

    def test_headings_repeated_in_other_capitals(self, tmp_path):
        text = "Client,Дата,Total\na,2024-01-01,5\nCLIENT,ДАТА,TOTAL\nclient,дата,total\nTotal,2024-01-02,6\n"
        (tmp_path / "orders.csv").write_text(text, "utf-8")
        orders = read_orders(str(tmp_path / "orders.csv"))
        assert (orders.n_rows, orders.n_without_customer, orders.n_headings, orders.amount.sum()) == (4, 2, 2, 11)

    def test_headings_repeated_are_counted_each_where_copies_are_dropped(self, tmp_path):
        place = write(tmp_path / "a.csv", "client,day,total", "a,2024-01-01,5\nclient,day,total\nclient,day,total\n")
        orders = read_orders(str(place), duplicates="drop")
        assert (orders.n_without_customer, orders.n_headings) == (2, 2)

    def test_a_row_with_one_field(self, tmp_path):
        with pytest.raises(InputError, match="line 12 has 1 field instead of the 4 of the header"):
            read_orders(write(tmp_path / "a.csv", "customer,date,amount,note", ROWS + "x"))


class TestUnevenLines:
    """A line in 200 with more or fewer fields than the header stops nothing: it is left out, named and counted."""

    @staticmethod
    def lines(changed, n=1000):
        """Give orders of which some lines, counted with the header, are others."""
        rows = [f"c{i % 70};2024-{1 + i % 6:02}-{1 + i % 28:02};{10 + i % 9};shop" for i in range(n)]
        return [changed.get(line, row) for line, row in enumerate(["customer;date;amount;place", *rows], start=1)]

    @pytest.mark.parametrize("odd", ["c1;2024-01-01;5", "c1", "c1;2024-01-01;5;shop;2", "c1;2024;01;01;5;shop", ";;"])
    @pytest.mark.parametrize("line", [2, 500, 1001])
    def test_one(self, odd, line, tmp_path, capsys):
        path = tmp_path / "orders.csv"
        path.write_text("\n".join(self.lines({line: odd})), "utf-8")
        orders = read_orders(str(path))
        said = f"Line {line} is left out: it has more or fewer fields than the 4 of the header."
        assert (orders.n_rows, orders.notes) == (999, (said,))
        rest = [float(row.split(";")[2]) for row in self.lines({})[1:]]
        assert orders.amount.sum() == sum(rest) - rest[line - 2]
        assert main([str(path)]) == 0
        assert said in capsys.readouterr().out

    @pytest.mark.parametrize("packed", [False, True])
    @pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1251"])
    def test_in_other_encodings_with_quotes_and_a_named_delimiter(self, packed, encoding, tmp_path):
        odd = {6: "c1;2024-01-01;5", 9: '"c;9";2024-01-01;5;"in\r\n ""this"" shop"', 12: 'c1;2024-01-01;5;5" disc'}
        text = "sep=;\r\n" + "\r\n".join(["покупець;дата;сума;місто", *self.lines(odd)[1:]]) + "\r\n"
        path = tmp_path / ("orders.csv.gz" if packed else "orders.csv")
        path.write_bytes(gzip.compress(text.encode(encoding)) if packed else text.encode(encoding))
        orders = read_orders(str(path))
        assert (orders.n_rows, "c;9" in orders.customer) == (999, True)
        assert orders.notes == ("Line 7 is left out: it has more or fewer fields than the 4 of the header.",)

    def test_of_several_files_each_is_named(self, tmp_path):
        for name, odd in (("1.csv", {3: "x", 8: "x", 9: "x"}), ("2.csv", {}), ("3.csv", {4: "x"})):
            (tmp_path / name).write_text("\n".join(self.lines(odd)), "utf-8")
        orders = read_orders(str(tmp_path), duplicates="drop")
        of_header = "more or fewer fields than the 4 of the header"
        first, last = orders.notes
        assert re.fullmatch(rf"3 lines of '.*1\.csv' are left out, such as line 3: they have {of_header}\.", first)
        assert re.fullmatch(rf"Line 4 of '.*3\.csv' is left out: it has {of_header}\.", last)

    @pytest.mark.parametrize("line", [1, 3, 500, 1001])
    def test_a_line_with_another_end_is_read(self, line, tmp_path):
        for ends in (("\n", "\r\n"), ("\r\n", "\n")):
            text = "".join(row + ends[i == line] for i, row in enumerate(self.lines({}), start=1))
            (tmp_path / "orders.csv").write_bytes(text.encode())
            orders = read_orders(str(tmp_path / "orders.csv"))
            assert (orders.n_rows, orders.notes) == (1000, ())
            assert orders.amount.sum() == sum(float(row.split(";")[2]) for row in self.lines({})[1:])

    @pytest.mark.parametrize(
        ("changed", "what"),
        [
            (dict.fromkeys(range(2, 8), "x"), "line 2 has 1 field instead of the 4 of the header"),
            ({4: "x", 900: 'c1;2024-01-01;5;"shop'}, "line 4 has 1 field instead of the 4 of the header"),
        ],
    )
    def test_many_and_those_beside_an_open_quote_are_an_error(self, changed, what, tmp_path):
        path = tmp_path / "orders.csv"
        path.write_text("\n".join(self.lines(changed)), "utf-8")
        with pytest.raises(InputError, match=what):
            read_orders(str(path))
        if len(changed) == 6:
            path.write_text("\n".join(self.lines(changed, n=1200)), "utf-8")
            assert read_orders(str(path)).n_rows == 1194


class TestParquetNames:
    """Columns are named as the file names them: `Amount` and `amount` are two, and two `amount` are refused."""

    def write(self, path, names, **more):
        columns = [pa.array([1, 2]), pa.array(["2024-01-01", "2024-02-01"]), pa.array([5.0, 6.0]), pa.array([100, 200])]
        table = pa.table([*columns, *more.values()], names=[*names, *more])
        pq.write_table(table, path)
        return str(path)

    @pytest.mark.parametrize(("name", "revenue"), [("Amount", 11), ("amount", 300)])
    def test_names_that_differ_in_case(self, tmp_path, name, revenue):
        path = self.write(tmp_path / "a.parquet", ["customer", "date", "Amount", "amount"])
        orders = read_orders(path, amount=name)
        assert (orders.columns["amount"], orders.amount.sum()) == (name, revenue)
        other = self.write(tmp_path / "b.parquet", ["customer", "date", "Amount", "amount"])
        assert read_orders([path, other], amount=name).amount.sum() == 2 * revenue

    def test_the_same_name_twice(self, tmp_path):
        path = self.write(tmp_path / "a.parquet", ["customer", "date", "amount", "amount"])
        with pytest.raises(InputError, match="2 columns of the file are called 'amount': rename them"):
            read_orders(path)

    def test_names_beside_lists_and_records(self, tmp_path):
        nested = pa.array([[{"amount": 1, "of": {"date": 2}}]] * 2)
        path = self.write(
            tmp_path / "[a].parquet", ["customer", "date", "amount", "n"], lines=nested, last=pa.array([1, 1])
        )
        orders = read_orders(path)
        assert (orders.n_columns, orders.amount.sum()) == (6, 11)
        with pytest.raises(InputError, match="column 'lines' has a list or a record in each row"):
            read_orders(path, amount="lines")
        assert read_orders(path, amount="last").amount.sum() == 2


def test_durations_are_no_amounts(tmp_path, capsys):
    duckdb = pytest.importorskip("duckdb")
    path = tmp_path / "a.parquet"
    duckdb.sql(f"copy (select 1 as customer, date '2024-01-01' as date, interval 3 days as amount) to '{path}'")
    assert main([str(path)]) == 2
    assert capsys.readouterr().err.startswith("crmvalue: '3 days' in column 'amount' is no number (1 such row)")
