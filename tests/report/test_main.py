"""The command `python -m crmvalue`, and the reading of files behind it."""

from __future__ import annotations

import datetime as dt
import gzip
import io
import os
import re
import subprocess
import sys
import zoneinfo

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest

from crmvalue import frames
from crmvalue.__main__ import main
from crmvalue._report import base
from crmvalue._report.page.cautions import _of_dates
from crmvalue._report.page.words import words_of
from crmvalue._report.reading.orders import read_orders
from crmvalue._report.reading.terms import read_terms_file
from crmvalue.datasets import load_cdnow
from crmvalue.errors import InputError
from crmvalue.ltv import convert_rate
from crmvalue.models import customer_values, fit_bg_nbd, fit_gamma_gamma, fit_mbg_nbd, fit_pareto_nbd
from crmvalue.purchases import summarise_purchases

duckdb = pytest.importorskip("duckdb")

ROWS = [
    ("ann", dt.date(2024, 1, 31), 10.5),
    ("bob", dt.date(2024, 2, 15), 20.0),
    ("ann", dt.date(2024, 3, 28), 1.25),
]


def write(path, header="customer,date,amount", rows=ROWS, sep=",", day="%Y-%m-%d", money=str):
    lines = [header] + [sep.join([who, when.strftime(day), money(amount)]) for who, when, amount in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(path)


def as_rows(orders):
    return sorted(zip(orders.customer[orders.code].tolist(), orders.date.tolist(), orders.amount.tolist(), strict=True))


def write_column(path, role, values):
    """Write a file in which one column is the text to be read: dates for customers 00, 01, ..., or their amounts."""
    quoted = ['"' + value.replace('"', '""') + '"' for value in values]
    cells = [(value, "1") if role == "date" else ("2024-01-31", value) for value in quoted]
    path.write_text("customer,date,amount\n" + "".join(f"{i:03},{d},{a}\n" for i, (d, a) in enumerate(cells)), "utf-8")
    return str(path)


def read_dates(path, values, **options):
    """Read dates written in a file, in its order."""
    orders = read_orders(write_column(path, "date", values), **options)
    return orders.date[np.argsort(orders.code)].tolist(), orders


def read_amounts(path, values, **options):
    """Read amounts written in a file, in its order."""
    orders = read_orders(write_column(path, "amount", values), **options)
    return orders.amount[np.argsort(orders.code)].tolist(), orders


class TestOddValues:
    """A value in 200 rows that cannot be read stops nothing: it counts as missing, and is named and counted."""

    @staticmethod
    def write(path, *, dates=None, amounts=None, n=2000, form="%Y-%m-%d", sign="."):
        """Write n orders of 200 days, the values of some rows in place of good ones."""
        start, dates, amounts = dt.date(2024, 1, 1), dates or {}, amounts or {}
        rows = [
            f"{i % 90};{dates.get(i, (start + dt.timedelta(days=i % 200)).strftime(form))}"
            f";{amounts.get(i, f'{20 + i % 7}{sign}50')}"
            for i in range(n)
        ]
        path.write_text("customer;date;amount\n" + "\n".join(rows) + "\n", encoding="utf-8")
        return str(path)

    @pytest.mark.parametrize("odd", ["unknown", "2024-02-30", "20244-02-12", "-", "45292", "31.01.2024", "Total"])
    def test_of_dates(self, odd, tmp_path):
        orders = read_orders(self.write(tmp_path / "orders.csv", dates={7: odd}))
        said = f"{odd!r} in column 'date' is no date of the form year-month-day (1 such row)"
        assert orders.unreadable == {"date": (1, said)}
        assert (orders.n_without_date, int(orders.n_file_rows.sum())) == (1, 1999)

    @pytest.mark.parametrize(
        ("odd", "what"),
        [("free", "is no number"), ("-", "is no number"), ("1.2.3", "is no number"), ("2e16", "is above 1e15")],
    )
    def test_of_amounts(self, odd, what, tmp_path, capsys):
        path = self.write(tmp_path / "orders.csv", amounts={1000: odd}, sign=",")
        orders = read_orders(path)
        assert orders.unreadable == {"amount": (1, f"{odd!r} in column 'amount' {what} (1 such row)")}
        assert (int(np.isnan(orders.amount).sum()), orders.currency, orders.decimal) == (1, None, ",")
        assert main([path]) == 0
        shown = capsys.readouterr().out
        assert f"Counted as missing: {odd!r} in column 'amount' {what} (1 such row). Correct it in the file." in shown
        assert main([path, "--missing", "raise"]) == 2

    def test_of_quantities(self, tmp_path):
        rows = [f"{i % 9},2024-01-{1 + i % 28},5,{'two' if i == 3 else 2}" for i in range(400)]
        path = tmp_path / "orders.csv"
        path.write_text("customer,date,price,quantity\n" + "\n".join(rows) + "\n")
        orders = read_orders(str(path), amount="price", quantity="quantity")
        assert orders.unreadable == {"quantity": (1, "'two' in column 'quantity' is no number (1 such row)")}
        assert np.nansum(orders.amount) == 399 * 10

    def test_of_times_in_parquet_far_from_all_calendars(self, tmp_path):
        seconds = np.arange(400) * 86_400 + 1_700_000_000
        seconds[9] = 4_611_686_018_427  # in the year 148108
        times = pa.array(seconds * 1000, pa.timestamp("ms"))
        pq.write_table(pa.table({"customer": np.arange(400) % 30, "date": times}), tmp_path / "orders.parquet")
        orders = read_orders(str(tmp_path / "orders.parquet"))
        assert orders.unreadable["date"][0] == orders.n_without_date == 1
        assert "148108" in orders.unreadable["date"][1]

    def test_the_command_names_them_and_goes_on(self, tmp_path, capsys):
        path = self.write(tmp_path / "orders.csv", dates={0: "n.d.", 1: "", 1999: "n.d."}, amounts={5: "x"})
        assert main([path]) == 0
        shown = capsys.readouterr().out
        assert "Left out, because the date is missing: 1 of the rows.\n" in shown
        form = "is no date of the form year-month-day (2 such rows). Correct them in the file."
        assert f"Left out: 'n.d.' in column 'date' {form}\n" in shown
        assert (
            "Counted as missing: 'x' in column 'amount' is no number (1 such row). Correct it in the file.\n" in shown
        )

    def test_the_page_says_so_too(self, tmp_path):
        path = self.write(tmp_path / "orders.csv", dates={0: "n.d.", 9: "2024-01-01;5;"})
        assert main([path, "--report", str(tmp_path / "page.html")]) == 0
        page = (tmp_path / "page.html").read_text("utf-8")
        assert "Some lines were left out, because they have more or fewer fields than the header." in page
        assert "Some dates, amounts or quantities cannot be read, and count as missing." in page

    @pytest.mark.parametrize(("n_odd", "good"), [(10, True), (11, False)])
    @pytest.mark.parametrize("column", ["dates", "amounts"])
    def test_more_than_one_in_200_rows_are_an_error(self, column, n_odd, good, tmp_path):
        path = self.write(tmp_path / "orders.csv", **{column: dict.fromkeys(range(n_odd), "odd")})
        if good:
            assert [n for n, _ in read_orders(path).unreadable.values()] == [10]
        else:
            with pytest.raises(InputError, match=r"'odd' in column '(date|amount)' is no .* \(11 such rows\)\. Hint: "):
                read_orders(path)

    def test_they_do_not_decide_between_two_forms(self, tmp_path):
        """The days of all good dates are below 13; and one date fits each form alone."""
        for odd in ({0: "x"}, {0: "13/01/2024", 1: "01/13/2024"}):
            dates = {i: f"{1 + i % 12:02}/{1 + i % 11:02}/2024" for i in range(2000)} | odd
            with pytest.raises(InputError, match="can be read as day/month/year or month/day/year"):
                read_orders(self.write(tmp_path / "orders.csv", dates=dates))
        amounts = dict.fromkeys(range(2000), "1.234") | {4: "x"}
        with pytest.raises(InputError, match="can stand before decimals or thousands"):
            read_orders(self.write(tmp_path / "orders.csv", amounts=amounts))

    def test_a_form_is_found_beside_them(self, tmp_path):
        path = self.write(tmp_path / "orders.csv", dates={0: "x", 1: "13/25/2024", 2: "25/12/2024"}, form="%m/%d/%Y")
        orders = read_orders(path)
        assert (orders.date_format, orders.unreadable["date"][0]) == ("month/day/year", 3)


class TestReadOrders:
    """One row per customer, day and kind of row, whatever the file looks like."""

    @pytest.mark.parametrize(
        "dialect",
        [
            {},
            {"sep": ";", "header": "customer;date;amount"},
            {"sep": "\t", "header": "customer\tdate\tamount"},
            {"sep": ";", "header": "customer;date;amount", "money": lambda m: str(m).replace(".", ",")},
            {"day": "%m/%d/%Y"},
            {"day": "%Y%m%d"},
            {"day": "%Y-%m-%d 13:45:00"},
            {"sep": ";", "header": "customer;date;amount", "day": "%d.%m.%Y"},
            {"header": "Customer ID,Order Date,Total Amount"},
            {"header": "USER_ID,created_at,Revenue"},
        ],
    )
    def test_dialects(self, tmp_path, dialect):
        orders = read_orders(write(tmp_path / "orders.csv", **dialect))
        assert as_rows(orders) == sorted(ROWS)
        assert orders.guessed == {"customer", "date", "amount"}

    def test_names_of_folders_are_no_columns(self, tmp_path):
        folder = tmp_path / "customer=1" / "amount=7"
        folder.mkdir(parents=True)
        plain = write(tmp_path / "orders.csv")
        duckdb.sql(f"copy (select * from '{plain}') to '{folder / 'orders.parquet'}'")  # noqa: S608 - a file of this test
        assert as_rows(read_orders(str(folder / "orders.parquet"))) == sorted(ROWS)
        assert as_rows(read_orders(write(folder / "orders.csv"))) == sorted(ROWS)

    @pytest.mark.parametrize("name", ["orders.csv.gz", "orders.csv"])
    def test_a_last_line_that_would_be_lost_is_refused(self, tmp_path, name):
        path = tmp_path / name
        with gzip.open(path, "wb", compresslevel=1) if name.endswith("gz") else path.open("wb") as file:
            file.write(b"customer,date,amount,note\n1,2024-01-01,5,\n2,2024-01-02,7," + b"1" * 33_600_000)
        with pytest.raises(InputError, match="has a line of more than"):
            read_orders(str(path))

    def test_a_line_that_the_reader_takes_for_too_long_is_called_so(self, tmp_path):
        path = tmp_path / "orders.csv"
        path.write_text(f"customer,date,amount\n1,2024-01-01,5\n{'x' * 2_100_000},2024-01-01,5\n3,2024-01-01,5\n")
        with pytest.raises(InputError, match="line 3 has more than 2,000,000 bytes: is a quote not closed"):
            read_orders(str(path))

    def test_a_header_of_very_many_columns_is_refused_at_once(self, tmp_path):
        path = tmp_path / "orders.csv"
        path.write_text(",".join(f"c{i}" for i in range(145_000)) + "\n1\n", "utf-8")
        with pytest.raises(InputError, match="columns in its first line"):
            read_orders(str(path))

    def test_gzip_and_parquet(self, tmp_path):
        plain = write(tmp_path / "orders.csv")
        (tmp_path / "orders.csv.gz").write_bytes(gzip.compress((tmp_path / "orders.csv").read_bytes()))
        parquet = tmp_path / "orders.parquet"
        duckdb.sql(f"copy (select * from '{plain}') to '{parquet}'")  # noqa: S608 - a file of this test
        assert as_rows(read_orders(str(tmp_path / "orders.csv.gz"))) == sorted(ROWS)
        assert as_rows(read_orders(str(parquet))) == sorted(ROWS)

    @pytest.mark.parametrize("name", ["a b.csv", "we[ird]*.csv", "it's.csv", "what?.csv", 'quo"te.csv'])
    def test_odd_file_names(self, tmp_path, name):
        assert as_rows(read_orders(write(tmp_path / name))) == sorted(ROWS)

    def test_odd_column_names(self, tmp_path):
        path = write(tmp_path / "orders.csv", header='"who\'s, ""it""",date,amount; drop table x')
        orders = read_orders(path, customer='who\'s, "it"', amount="AMOUNT; DROP TABLE X")
        assert as_rows(orders) == sorted(ROWS)
        assert orders.guessed == {"date"}

    def test_a_path_from_home(self, tmp_path, monkeypatch):
        monkeypatch.setenv("HOME", str(tmp_path))
        write(tmp_path / "orders.csv")
        assert as_rows(read_orders("~/orders.csv")) == sorted(ROWS)

    @pytest.mark.parametrize(
        "change",
        [
            lambda raw: b"\xef\xbb\xbf" + raw,
            lambda raw: raw.replace(b"\n", b"\r\n"),
            lambda raw: raw.replace(b"customer,", b'"customer",').replace(b"bob,", b'"bob",'),
            lambda raw: raw.replace(b"customer,date,amount", b'"customer","date","amount"'),
            lambda raw: raw.rstrip(b"\n"),
            lambda raw: raw.replace(b"\n", b",x\n").replace(b"amount,x", b'amount,"a\nb"').replace(b",x", b',"x\ny"'),
            lambda raw: raw.replace(b"\n", b",\xe9\n").replace(b"amount,\xe9", b"amount,note"),
            lambda raw: (
                raw.replace(b"customer", b"id,id,customer").replace(b"ann", b"1,2,ann").replace(b"bob", b"1,2,bob")
            ),
        ],
        ids=[
            "mark",
            "crlf",
            "quotes",
            "quoted-names",
            "no-last-end",
            "line-in-field",
            "latin-1-unused",
            "twice-unused",
        ],
    )
    def test_forms_of_csv(self, tmp_path, change):
        path = tmp_path / "orders.csv"
        write(path)
        path.write_bytes(change(path.read_bytes()))
        assert as_rows(read_orders(str(path))) == sorted(ROWS)

    @pytest.mark.parametrize(
        "ids",
        [
            ["00123", "123", "0123"],
            ["12345678901234567890", "12345678901234567891"],
            ["0x1F", "1e5", "1_000", "true", "2024-01-01"],
            ["17850.0", "17850.5"],
            ["17850.0", "A17"],
            ["A,17", 'B"18', "ő\u00a0é"],
        ],
    )
    def test_customers_are_text(self, tmp_path, ids):
        path = tmp_path / "orders.csv"
        quoted = ['"' + name.replace('"', '""') + '"' for name in ids]
        path.write_text("customer,date\n" + "".join(f"{name},2024-01-01\n" for name in quoted), "utf-8")
        orders = read_orders(str(path))
        assert orders.customer.tolist() == sorted(ids)
        assert not orders.ids_shortened

    def test_one_odd_customer_behind_many_numbers(self, tmp_path):
        path = tmp_path / "orders.csv"
        path.write_text(
            "customer,date\n" + "".join(f"{i:06},2024-01-01\n" for i in range(150_000)) + "A17,2024-01-01\n"
        )
        orders = read_orders(str(path))
        assert (len(orders.customer), orders.customer[0], orders.customer[-1]) == (150_001, "000000", "A17")

    @pytest.mark.parametrize("kind", ["csv", "parquet"])
    def test_whole_number_customers_beside_missing_ones_lose_their_point(self, tmp_path, kind):
        path = tmp_path / "orders.csv"
        path.write_text("customer,date\n17850.0,2024-01-01\n,2024-01-02\n13047.0,2024-01-02\n130470.0,2024-01-02\n")
        if kind == "parquet":
            plain, path = path, tmp_path / "orders.parquet"
            duckdb.sql(f"copy (select customer::double as customer, date from '{plain}') to '{path}'")  # noqa: S608 - a file of this test
        orders = read_orders(str(path))
        assert orders.customer.tolist() == ["13047", "130470", "17850"]
        assert (orders.n_rows, orders.n_without_customer, orders.ids_shortened) == (4, 1, True)

    @pytest.mark.parametrize("kind", ["csv", "parquet"])
    @pytest.mark.parametrize("word", ["inf", "-inf", "Infinity", "INF"])
    def test_infinite_amounts_are_missing(self, tmp_path, kind, word):
        path = tmp_path / "orders.csv"
        path.write_text(f"customer,date,amount\na,2024-01-01,10\nb,2024-01-02,{word}\ninf,2024-01-03,3\n")
        if kind == "parquet":
            plain, path = path, tmp_path / "orders.parquet"
            duckdb.sql(f"copy (select * replace (amount::double as amount) from '{plain}') to '{path}'")  # noqa: S608 - a file of this test
        orders = read_orders(str(path))
        assert orders.customer.tolist() == ["a", "b", "inf"]
        assert orders.n_infinite == 1
        assert sorted(orders.amount.tolist(), key=str) == pytest.approx([10, 3, np.nan], nan_ok=True)

    @pytest.mark.parametrize("zone", ["Europe/Kyiv", "UTC"])
    def test_the_hour_that_comes_twice_has_no_copies(self, tmp_path, zone):
        """In Kyiv both 00:30 and 01:30 of UTC were 03:30 on this day: only the third order is a copy."""
        path = tmp_path / "orders.parquet"
        times = np.array([f"2024-10-27T{hour}:30" for hour in ("00", "01", "01")], dtype="datetime64[us]")
        moments = pa.array(times).cast(pa.timestamp("us", tz="UTC")).cast(pa.timestamp("us", tz=zone))
        pq.write_table(pa.table({"customer": [1, 1, 1], "date": moments, "amount": [5.0] * 3}), path)
        orders = read_orders(str(path), duplicates="drop", time_zone="Europe/Kyiv")
        assert (orders.n_duplicates, orders.n_rows, float(orders.amount.sum())) == (1, 2, 10.0)

    def test_bytes_are_read_as_text_or_refused(self, tmp_path):
        path = tmp_path / "orders.parquet"
        day = np.array(["2024-01-01", "2024-01-02"], dtype="datetime64[D]")
        pq.write_table(pa.table({"customer": ["Оленка".encode(), rb"a\x01"], "date": day}), path)
        assert read_orders(str(path)).customer.tolist() == [r"a\x01", "Оленка"]
        numbers = pa.array([n.to_bytes(16, "little") for n in (2**70, 2**70 + 1)], pa.binary(16))
        pq.write_table(pa.table({"customer": numbers, "date": day}), path)
        with pytest.raises(InputError, match="column 'customer' has bytes that are no text: write it as text"):
            read_orders(str(path))

    def test_infinite_amounts_are_counted_apart(self, tmp_path, capsys):
        path = tmp_path / "orders.csv"
        rows = ["a,2024-01-01,10", "a,2024-01-01,inf", "b,2024-01-02,-Infinity", "b,2024-01-02,NA", "b,2024-01-03,5"]
        rows += [*["c,2024-01-04,1"] * 9, ",2024-01-03,inf", "b,2203-01-01,inf", "a,,inf"]
        path.write_text("\n".join(["customer,date,amount", *rows]))
        assert main([str(path)]) == 0
        printed = capsys.readouterr().out
        assert (
            "2 rows have an infinite amount, as a division by 0 leaves it, and count as rows without one.\n" in printed
        )
        assert re.search(r"left out +3 rows +without an amount\n", printed)
        page = tmp_path / "page.html"
        assert main([str(path), "--report", str(page)]) == 0
        assert "Rows without an amount, left out: 3." in page.read_text("utf-8")
        assert "Rows with an infinite amount, counted as rows without one: 2." in page.read_text("utf-8")
        path.write_text("customer,date,price,quantity\na,2024-01-01,10,inf\na,2024-01-02,10,2\na,2024-01-05,10,inf\n")
        assert main([str(path), "--as-of", "2024-01-03"]) == 0
        assert (
            "1 row has an infinite amount, as a division by 0 leaves it, and counts as a row" in capsys.readouterr().out
        )
        assert main([str(path), "--missing", "raise"]) == 2
        assert "a number, not missing" in capsys.readouterr().err

    def test_rows_of_one_customer_and_day_are_added_up_by_kind(self, tmp_path):
        path = tmp_path / "orders.csv"
        path.write_text(
            "customer,date,amount\na,2024-01-01,10\na,2024-01-01,5.5\na,2024-01-01,-3\na,2024-01-01,0\n"
            "a,2024-01-01,NA\n,2024-01-01,7\nb,,7\n"
        )
        orders = read_orders(str(path))
        assert sorted(orders.amount.tolist(), key=str) == pytest.approx([-3.0, 0.0, 15.5, np.nan], nan_ok=True)
        assert (orders.n_rows, orders.n_without_customer, orders.n_without_date) == (7, 1, 1)

    @pytest.mark.parametrize(
        ("content", "name", "says"),
        [
            (b"", "FILE", "is empty"),
            (b" \n \n", "FILE", "is empty"),
            (b"\ncustomer,date\na,2024-01-01\n", "FILE", "first line .* is empty"),
            (b"customer,date,amount\n", "FILE", "a header and no rows"),
            (b"customer,date\n,2024-01-01\na,\n", "FILE", "both a customer and a date"),
            (bytes(range(256)) * 40, "FILE", "not UTF-8"),
            (b"PAR1garbage", "FILE", r"csv': it is damaged or not complete, or it is no CSV or Parquet file$"),
            (b"\x1f\x8bgarbage", "FILE", r"csv': it is damaged or not complete, or it is no CSV or Parquet file$"),
            (b'"' + b"x" * 200_000 + b'",date\na,2024-01-01\n', "FILE", "is no list of column names"),
            (b"a\x1b[31m,b\x07,it's\n1,2,3\n", "--customer", r"\('a\\x1b\[31m', 'b\\x07', it's\)$"),
            (b"x" * 9_000 + b",y\n1,2\n", "--customer", r"\(x{57}\.\.\., y\)$"),
            (b"customer,date\na," + b"x" * 9_000 + b"\n", "column date", r"^'x{57}\.\.\.' in column"),
            (b"customer,date,n\xe9\0\na,2024-01-01,x\n", "FILE", "line 1 .* not UTF-8"),
            (b"customer,date\na,2024-01-01\n\xe9,2024-01-01\n", "FILE", "line 3 is not UTF-8: save the file as UTF-8"),
            (b"customer,date\na,2024-01-01\nb\n", "FILE", "line 3 has 1 field instead of the 2 of the header"),
            (b"customer,date\na,2024-01-01,5\n", "FILE", "line 2 has 3 fields instead of the 2 of the header"),
            (b'customer,date\na,2024-01-01\n"b,2024-01-01\n', "FILE", "line 3 has a quote"),
            (b"customer,date,date\na,2024-01-01,2024-01-01\n", "FILE", "2 columns of the file are called 'date'"),
            (b"x,y\n1,2024-01-01\n", "--customer", r"no column looks like a customer \(x, y\)"),
            (b"customer,y\n1,7.5\n", "--date", r"no column looks like a date \(customer, y\)"),
            (b"1,2024-01-01,5\n2,2024-01-01,5\n", "--customer", "2024-01-01"),
        ],
    )
    def test_rejects_content(self, tmp_path, content, name, says):
        path = tmp_path / "orders.csv"
        path.write_bytes(content)
        with pytest.raises(InputError, match=says) as caught:
            read_orders(str(path))
        assert caught.value.name == name
        assert "None" not in str(caught.value)

    def test_rejects_what_is_no_file_and_wrong_columns(self, tmp_path):
        path = write(tmp_path / "orders.csv")
        pipe = tmp_path / "pipe"
        os.mkfifo(pipe)
        (tmp_path / "empty").mkdir()
        for bad, says in (
            (tmp_path / "none.csv", "there is no"),
            (tmp_path / "empty", "the folder .* has no CSV or Parquet file$"),
            (pipe, "stream"),
            ("-", "stream"),
        ):
            with pytest.raises(InputError, match=says):
                read_orders(str(bad))
        with pytest.raises(InputError, match=r"--amount.*a column of the file \(customer, date, amount\)"):
            read_orders(path, amount="money")
        with pytest.raises(InputError, match="different columns"):
            read_orders(path, customer="date", date="date")

    def test_rejects_a_file_that_may_not_be_read(self, tmp_path, monkeypatch):
        def refuse(*_, **__):
            raise PermissionError(13, "Permission denied")

        path = write(tmp_path / "orders.csv")
        monkeypatch.setattr("pathlib.Path.open", refuse)
        with pytest.raises(InputError, match=r"cannot open .*orders\.csv': Permission denied"):
            read_orders(path)

    @pytest.mark.slow
    def test_own_words_for_every_damage(self, tmp_path):
        path = tmp_path / "orders.csv"
        path.write_text("customer,date,amount\n" + "".join(f"c{i},2024-01-{1 + i % 28:02},{i}.5\n" for i in range(500)))
        duckdb.execute(f"copy (select * from '{path}') to '{tmp_path / 'orders.parquet'}'")  # noqa: S608 - a file of this test
        rng = np.random.default_rng(7)
        said = set()
        for raw in (gzip.compress(path.read_bytes()), (tmp_path / "orders.parquet").read_bytes()):
            for _ in range(70):
                damaged = bytearray(raw)
                place = int(rng.integers(4, len(raw)))
                change = rng.integers(3)
                if change == 0:
                    damaged = damaged[:place]
                elif change == 1:
                    damaged[place] = int(rng.integers(256))
                else:
                    damaged[place:place] = rng.bytes(20)
                path.write_bytes(damaged)
                try:
                    read_orders(str(path))
                except InputError as error:
                    said.add(str(error).partition(": ")[2] if str(error).startswith("cannot read") else "of a value")
        assert said <= {
            "it is damaged or not complete, or it is no CSV or Parquet file",
            "a text in it is not UTF-8: write it in UTF-8",
            "of a value",
        }

    def test_a_packed_file_that_is_cut_behind_its_first_megabyte(self, tmp_path):
        path = tmp_path / "orders.csv.gz"
        rows = np.random.default_rng(3).integers(0, 10**9, 300_000)
        whole = gzip.compress(("customer,date\n" + "".join(f"{n},2024-01-01\n" for n in rows)).encode(), 1)
        path.write_bytes(whole[: len(whole) * 9 // 10])
        with pytest.raises(InputError, match="damaged or not complete"):
            read_orders(str(path))

    def test_a_disk_that_fails_while_it_is_read(self, tmp_path, monkeypatch):
        class Broken(io.BytesIO):
            def read(self, *_):
                raise OSError(5, "Input/output error")

        path = write(tmp_path / "orders.csv")
        monkeypatch.setattr("pathlib.Path.open", lambda *_: Broken())
        with pytest.raises(InputError, match=r"cannot read .*: Input/output error$"):
            read_orders(path)

    @pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
    @pytest.mark.parametrize("name", ["caf\udce9.csv", "caf\udce9/orders.csv"])
    def test_a_name_that_is_not_utf_8(self, tmp_path, name):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path = write(path)
        with pytest.raises(InputError, match=r"^the name of .*\\udce9.* is not UTF-8: rename the file or its folder$"):
            read_orders(path)

    @pytest.mark.parametrize(("price", "quantity"), [("price", "quantity"), ("Unit Price", "Qty"), ("Price", "UNITS")])
    def test_a_price_of_one_piece_is_no_amount(self, tmp_path, price, quantity):
        path = tmp_path / "orders.csv"
        path.write_text(f"customer,date,{price},{quantity}\na,2024-01-01,5,2\n")
        orders = read_orders(str(path))
        assert (orders.amount.tolist(), orders.columns["amount"], orders.columns["quantity"]) == ([10], price, quantity)
        orders = read_orders(str(path), amount=price)
        assert (orders.amount.tolist(), "quantity" in orders.columns) == ([5], False)
        path.write_text(f"customer,date,{price},{quantity},total\na,2024-01-01,5,2,11\n")
        assert read_orders(str(path)).amount.tolist() == [11]
        assert read_orders(str(path), quantity=quantity).amount.tolist() == [10]
        path.write_text("customer,date,price\na,2024-01-01,5\n")
        assert read_orders(str(path)).columns["amount"] == "price"

    def test_says_which_extra_is_missing(self, tmp_path, monkeypatch):
        monkeypatch.setitem(sys.modules, "duckdb", None)
        with pytest.raises(ModuleNotFoundError, match=r"crmvalue\[report\]"):
            read_orders(write(tmp_path / "orders.csv"))

    @pytest.mark.parametrize("value", ["[1.0, 2.0]", "{'a': 1.0}", "map {'a': 1.0}"])
    def test_a_column_of_lists_or_records_is_named(self, tmp_path, value):
        path = tmp_path / "orders.parquet"
        duckdb.sql(f"copy (select 1 as customer, date '2024-01-01' as date, {value} as amount) to '{path}'")
        with pytest.raises(InputError, match="column 'amount' has a list or a record in each row"):
            read_orders(str(path))

    def test_decimals_of_a_warehouse_are_amounts(self, tmp_path):
        path = tmp_path / "orders.parquet"
        duckdb.sql(f"copy (select 1 as customer, date '2024-01-01' as date, 1.5::decimal(10, 2) as amount) to '{path}'")
        assert read_orders(str(path)).amount.tolist() == [1.5]


class TestDates:
    """The one known format that fits all values of the column; ISO before all; two that differ are asked for."""

    @pytest.mark.parametrize(
        ("values", "read_as", "days"),
        [
            (["2024-01-05", "2024-12-1"], "year-month-day", ["2024-01-05", "2024-12-01"]),
            (["2024-01-05 23:59", "2024-01-06"], "year-month-day", ["2024-01-05", "2024-01-06"]),
            (["2024-01-05T23:59:59.123456", "2024-01-06T00:00:00"], "year-month-day", ["2024-01-05", "2024-01-06"]),
            (["20240105", "20241231"], "yearmonthday", ["2024-01-05", "2024-12-31"]),
            (["2024/01/05", "2024/1/6 7:30"], "year/month/day", ["2024-01-05", "2024-01-06"]),
            (["2024.01.05"], "year.month.day", ["2024-01-05"]),
            (["05.01.2024", "6.1.2024 07:30"], "day.month.year", ["2024-01-05", "2024-01-06"]),
            (["05.01.24", "31.12.98"], "day.month.year (two digits)", ["2024-01-05", "1998-12-31"]),
            (["01/02/2024", "13/02/2024"], "day/month/year", ["2024-02-01", "2024-02-13"]),
            (["12/1/2010 8:26", "12/13/2010 10:05"], "month/day/year", ["2010-12-01", "2010-12-13"]),
            (["1/2/2024 12:05:00 AM", "1/13/2024 8:26 pm"], "month/day/year", ["2024-01-02", "2024-01-13"]),
            (["01/02/24", "01/13/24"], "month/day/year (two digits)", ["2024-01-02", "2024-01-13"]),
            (["31/01/98", "01/02/98"], "day/month/year (two digits)", ["1998-01-31", "1998-02-01"]),
            (["13-02-2024", "01-02-2024"], "day-month-year", ["2024-02-13", "2024-02-01"]),
            (["02-13-2024", "02-01-2024"], "month-day-year", ["2024-02-13", "2024-02-01"]),
            (["2 Jan 2024", "13 May 2024"], "day month year", ["2024-01-02", "2024-05-13"]),
            (["May 2, 2024", "June 13, 2024"], "month day, year", ["2024-05-02", "2024-06-13"]),
            (["1000-01-01", "9999-12-31 23:59:59"], "year-month-day", ["1000-01-01", "9999-12-31"]),
            (["0001-01-01 00:00:00", "2024-12-31"], "year-month-day", ["0001-01-01", "2024-12-31"]),
            (["31.12.0001", "1.1.0001"], "day.month.year", ["0001-12-31", "0001-01-01"]),
            (["1000-01-01", "9999-12-31T23:59:59.999999999"], "year-month-day", ["1000-01-01", "9999-12-31"]),
            (["31.12.9999 23:59:59.1234567", "1.1.1000"], "day.month.year", ["9999-12-31", "1000-01-01"]),
            (["05-JAN-24", "06-FEB-24"], "day-month-year (two digits)", ["2024-01-05", "2024-02-06"]),
            (["01/01/2024", "02/02/2024"], "day/month/year", ["2024-01-01", "2024-02-02"]),  # the same in both orders
        ],
    )
    def test_formats(self, tmp_path, values, read_as, days):
        found, orders = read_dates(tmp_path / "orders.csv", values)
        assert [str(day) for day in found] == days
        assert orders.date_format == read_as
        assert orders.time_zone is None

    @pytest.mark.parametrize(
        ("values", "patterns"),
        [
            (["01/02/2024", "03/04/2024"], ["%d/%m/%Y", "%m/%d/%Y"]),
            (["01-02-2024"], ["%d-%m-%Y", "%m-%d-%Y"]),
            (["01/02/24"], ["%d/%m/%y", "%m/%d/%y", "%y/%m/%d"]),
            (["24/01/05", "24/01/13"], ["%d/%m/%y", "%y/%m/%d"]),
            (["24-01-05", "24-01-13"], ["%d-%m-%y", "%y-%m-%d"]),
        ],
    )
    def test_two_that_fit_are_asked_for(self, tmp_path, values, patterns):
        with pytest.raises(InputError, match="--date-format") as caught:
            read_dates(tmp_path / "orders.csv", values)
        assert str(caught.value).endswith("give --date-format " + " or ".join(patterns))
        assert values[0] in str(caught.value)

    @pytest.mark.parametrize(
        ("good", "none"),
        [("2024-01-31", "0000-00-00"), ("2024-01-31 10:00:00", "0000-00-00 00:00:00"), ("31.01.2024", "00.00.0000"),
         ("20240131", "00000000"), ("1/31/2024", "1/0/1900"), ("31.01.2024", "00.01.1900"),
         ("31-Jan-24", "0-Jan-00"), ("31-JAN-2024", "00-JAN-1900"), ("1/31/24", "1/0/00 0:00")],
    )  # fmt: skip
    def test_a_date_of_noughts_is_missing(self, tmp_path, good, none):
        """One among many refused the whole file; databases write it where there is no date."""
        orders = read_orders(write_column(tmp_path / "orders.csv", "date", [good] * 5 + [none]))
        assert (orders.n_rows, orders.n_without_date) == (6, 1)
        assert {str(day) for day in orders.date} == {"2024-01-31"}

    def test_a_row_without_a_customer_is_left_out_whatever_it_says(self, tmp_path):
        """The line below a table refused the file where it has its label in the column of dates or of amounts."""
        path = tmp_path / "orders.csv"
        path.write_text("date,customer,unit price,qty\n13/02/2024,a,5,1\nTotal:,,5 in all,-\n")
        orders = read_orders(str(path))
        assert (orders.n_rows, orders.n_without_customer, orders.amount.tolist()) == (2, 1, [5.0])
        path.write_text("date,customer,amount\n03/02/2024,a,5\nTotal:,,5\n")
        with pytest.raises(InputError, match="can be read as day/month/year or month/day/year"):
            read_orders(str(path))

    def test_the_last_of_many_rows_decides(self, tmp_path):
        path = tmp_path / "orders.csv"
        path.write_text("customer,date\n" + "a,01/02/2024\n" * 3000 + "b,13/02/2024\n")
        orders = read_orders(str(path))
        assert (orders.date_format, min(orders.date.tolist())) == ("day/month/year", dt.date(2024, 2, 1))
        path.write_text("customer,date\n" + "a,13/02/2024\n" * 3000 + "b,02/14/2024\n" * 16)
        with pytest.raises(
            InputError, match=r"'02/14/2024' in column 'date' is no date of the form day/month/year \(16 "
        ):
            read_orders(str(path))

    @pytest.mark.parametrize(
        ("pattern", "values", "days"),
        [
            ("%d/%m/%Y", ["01/02/2024", "03/04/2024 10:30"], ["2024-02-01", "2024-04-03"]),
            ("%m/%d/%Y", ["01/02/2024", "03/04/2024"], ["2024-01-02", "2024-03-04"]),
            ("%y/%m/%d", ["24/01/05"], ["2024-01-05"]),
            ("%H:%M %d.%m.%Y", ["10:30 05.01.2024"], ["2024-01-05"]),
            ("%d %b '%y", ["5 Jan '24"], ["2024-01-05"]),
            (
                "%d.%m.%Y %H:%M:%S.%n",
                ["31.12.9999 23:59:59.123456789", "1.1.1000 0:00:00.1"],
                ["9999-12-31", "1000-01-01"],
            ),
        ],
    )
    def test_asked_format(self, tmp_path, pattern, values, days):
        found, _ = read_dates(tmp_path / "orders.csv", values, date_format=pattern)
        assert [str(day) for day in found] == days

    @pytest.mark.parametrize("pattern", ["", "%", "%Q", "dd/mm/yyyy", "%d", "%d/%m", "%Y", "%H:%M"])
    def test_rejects_what_is_no_format(self, tmp_path, pattern):
        with pytest.raises(InputError, match="strptime pattern"):
            read_dates(tmp_path / "orders.csv", ["2024-01-05"], date_format=pattern)

    @pytest.mark.parametrize(
        ("values", "bad", "count"),
        [
            (["2024-01-05", "yesterday", "tomorrow"], "yesterday", 2),
            (["yesterday"], "yesterday", 1),
            (["7.5"], "7.5", 1),
            (["2024-02-30"], "2024-02-30", 1),
            (["2024-01-05", "05.01.2024"], "05.01.2024", 1),
            (["2024-01-05", "99999-01-01"], "99999-01-01", 1),
            (["0024-01-05"], "0024-01-05", 1),
            (["2024-01-05 25:00"], "2024-01-05 25:00", 1),
            (["2024-01-05 10:00 Nowhere/Land"], "2024-01-05 10:00 Nowhere/Land", 1),
            (["2024-01-05T10:00+99:00"], "2024-01-05T10:00+99:00", 1),
            (["2024-01-05T10:00-14:30"], "2024-01-05T10:00-14:30", 1),
            (["2024-01-05T10:00+05:60"], "2024-01-05T10:00+05:60", 1),
            (["2024-01-05T10:00:99Z"], "2024-01-05T10:00:99Z", 1),
            (["2024115"], "2024115", 1),
            (["01/02/024"], "01/02/024", 1),
            (["2024-01-05", "infinity"], "infinity", 1),
            (["Epoch"], "Epoch", 1),
        ],
    )
    def test_rejects_what_no_format_fits(self, tmp_path, values, bad, count):
        with pytest.raises(InputError) as caught:
            read_dates(tmp_path / "orders.csv", values)
        assert (caught.value.name, caught.value.value, caught.value.count) == ("column date", bad, count)
        assert f"({count} such row" in str(caught.value)

    @pytest.mark.parametrize(
        ("value", "day"),
        [
            ("2024-01-01T23:00:00-05:00", "2024-01-02"),
            ("2024-01-01 23:00:00 -0500", "2024-01-02"),
            ("2024-01-02T00:30+02", "2024-01-01"),
            ("2024-01-02T00:30+14:00", "2024-01-01"),
            ("2024-01-01T12:30-1400", "2024-01-02"),
            ("2024-01-02 00:30:00.123+02:00", "2024-01-01"),
            ("2024-01-01T23:00:00.123456789Z", "2024-01-01"),
            ("2024-01-01 23:00:00 UTC", "2024-01-01"),
        ],
    )
    def test_instants_fall_on_their_day_in_utc(self, tmp_path, value, day):
        found, orders = read_dates(tmp_path / "orders.csv", ["2024-01-07", value])
        assert [str(day) for day in found] == ["2024-01-07", day]
        assert orders.time_zone == "UTC"

    def test_instants_in_parquet(self, tmp_path):
        path = tmp_path / "orders.parquet"
        duckdb.sql(
            f"copy (select 1 as customer, timestamptz '2024-01-01 23:00:00-05' as date, 1.0 as amount) to '{path}'"
        )
        orders = read_orders(str(path))
        assert orders.date.tolist() == [dt.date(2024, 1, 2)]
        assert (orders.time_zone, orders.date_format, orders.decimal) == ("UTC", None, None)

    @pytest.mark.parametrize("zone", ["Europe/Kyiv", "America/New_York", "Asia/Kathmandu", "Pacific/Kiritimati", "UTC"])
    @pytest.mark.parametrize("kind", ["csv", "s", "ms", "us", "ns"])
    def test_days_of_a_zone(self, tmp_path, zone, kind):
        start = dt.datetime(2024, 3, 1, tzinfo=dt.UTC)
        times = [start + dt.timedelta(hours=7 * i) for i in range(400)]  # over both changes of the clocks
        path = tmp_path / "orders"
        if kind == "csv":
            forms = ("%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M UTC", "%Y-%m-%dT%H:%M:%S+00:00")
            values = [time.strftime(forms[i % 3]) for i, time in enumerate(times)]
            values[3] = (times[3] + dt.timedelta(hours=5, minutes=30)).strftime("%Y-%m-%dT%H:%M+05:30")
            found, orders = read_dates(path, values, time_zone=zone)
        else:
            column = pa.array(times, pa.timestamp(kind, tz="America/Caracas"))
            pq.write_table(pa.table({"customer": [f"{i:03}" for i in range(len(times))], "date": column}), path)
            orders = read_orders(str(path), time_zone=zone)
            found = orders.date[np.argsort(orders.code)].tolist()
        assert found == [time.astimezone(zoneinfo.ZoneInfo(zone)).date() for time in times]
        assert orders.time_zone == zone

    def test_counts_the_dates_without_a_zone_among_others_with_one(self, tmp_path, capsys):
        path = tmp_path / "orders.csv"
        rows = [
            ("a", "2024-01-01T23:30:00Z"),
            ("a", "2024-02-01T23:30:00"),
            ("b", "2024-02-03"),
            ("c", ""),
            ("", "2024-02-03"),
        ]
        path.write_text("customer,date,amount\n" + "".join(f"{who},{time},5\n" for who, time in rows))
        assert read_orders(str(path)).n_without_zone == 2
        main([str(path)])
        assert "2 of the rows have none, and count on the day that is written.\n" in capsys.readouterr().out
        path.write_text("customer,date,amount\n" + "".join(f"{who},{time},5\n" for who, time in rows[1:]))
        assert read_orders(str(path)).n_without_zone == 0

    def test_rejects_what_is_no_zone_and_dates_without_one(self, tmp_path):
        path = write(tmp_path / "orders.csv")
        with pytest.raises(InputError, match="`--time-zone` must be the name of a time zone, such as Europe/Kyiv"):
            read_orders(path, time_zone="Kiev'")
        with pytest.raises(InputError, match="--time-zone is for dates with a time zone, and column 'date' has none"):
            read_orders(path, time_zone="Europe/Kyiv")

    def test_a_parquet_file_keeps_its_types(self, tmp_path):
        path = tmp_path / "orders.parquet"
        duckdb.sql(f"copy (select 1 as customer, date '1987-01-05' as date, 1.0 as amount) to '{path}'")
        assert str(read_orders(str(path)).date[0]) == "1987-01-05"
        with pytest.raises(InputError, match="--date-format is for text, and column 'date' holds dates"):
            read_orders(str(path), date_format="%d/%m/%Y")
        with pytest.raises(InputError, match="--decimal is for text, and column 'amount' holds numbers"):
            read_orders(str(path), decimal=",")
        duckdb.sql(f"copy (select 1 as customer, '31.01.2024' as date, '1,5' as amount) to '{path}'")
        orders = read_orders(str(path))
        assert as_rows(orders) == [("1", dt.date(2024, 1, 31), 1.5)]
        assert (orders.date_format, orders.decimal) == ("day.month.year", ",")
        duckdb.sql(f"copy (select 1 as customer, 20240131 as date, 'nan'::double as amount) to '{path}'")
        orders = read_orders(str(path))
        assert orders.date.tolist() == [dt.date(2024, 1, 31)]
        assert np.isnan(orders.amount).all()


class TestAmounts:
    """The one use of point and comma that fits all values of the column; two that differ are asked for."""

    @pytest.mark.parametrize(
        ("values", "sign", "numbers"),
        [
            (
                ["1200.5", "10", "-3.25", "+4", ".5", "5.", "1e2", "0.125"],
                ".",
                [1200.5, 10, -3.25, 4, 0.5, 5, 100, 0.125],
            ),
            (["12,50", "10", "-3,5"], ",", [12.5, 10, -3.5]),
            (["1,200", "12,50"], ",", [1.2, 12.5]),
            (["1200,125", "3"], ",", [1200.125, 3]),
            (["0,125", "3"], ",", [0.125, 3]),
            (["1.200", "12.50"], ".", [1.2, 12.5]),
            (["1,200.50", "2,500", "10"], ".", [1200.5, 2500, 10]),
            (["1,200,500", "2,500"], ".", [1200500, 2500]),
            (["1.200,50", "2.500", "10"], ",", [1200.5, 2500, 10]),
            (["1.200.500", "2.500"], ",", [1200500, 2500]),
            (["1 200,50", "1\u00a0234\u00a0567,5", "1\u202f200"], ",", [1200.5, 1234567.5, 1200]),
            (["1'200.50", "1\u2019200.50"], ".", [1200.5, 1200.5]),
            (["$5", "-$5.50", "$-5.50", "$ 1,200.50", "($5.50)"], ".", [5, -5.5, -5.5, 1200.5, -5.5]),
            (["12,50 €", "1.200,00 €", "-3,5€"], ",", [12.5, 1200, -3.5]),
            (["USD 5.50", "7.25USD"], ".", [5.5, 7.25]),
            (["£5", "6"], ".", [5, 6]),
            (["₴5,50"], ",", [5.5]),
            (["(5.50)", "\u22125.50"], ".", [-5.5, -5.5]),
            (["5,50 грн.", "1 200 грн", "-3,5 ГРН."], ",", [5.5, 1200, -3.5]),
            (["100 руб.", "5.50 р.", "7 Руб"], ".", [100, 5.5, 7]),  # noqa: RUF001 - Cyrillic
            (["1 200 сом", "5,50 сом"], ",", [1200, 5.5]),
            (["1 200 тг", "5,50 ₸"], ",", [1200, 5.5]),
            (["5 ლარი", "6 ₾", "7 GEL"], ".", [5, 6, 7]),
            (["5 man.", "6 manat", "7 ₼"], ".", [5, 6, 7]),
            (["Rs. 1,200.50", "Rs.5", "Rs 7.5"], ".", [1200.5, 5, 7.5]),
            (["5,00-", "1.200,50-", "7,5- EUR", "3,25"], ",", [-5, -1200.5, -7.5, 3.25]),
            (["$(5)", "$(1,200.50)", "(5) USD", "7.25"], ".", [-5, -1200.5, -5, 7.25]),
        ],
    )
    def test_forms(self, tmp_path, values, sign, numbers):
        found, orders = read_amounts(tmp_path / "orders.csv", values)
        assert found == pytest.approx(numbers, rel=1e-12)
        assert orders.decimal == sign

    @pytest.mark.parametrize("values", [["1,200", "2,500", "10"], ["1.200", "2.500", "10"], ["$1,200"]])
    def test_two_that_fit_are_asked_for(self, tmp_path, values):
        with pytest.raises(InputError, match=r"--decimal \. or --decimal ,") as caught:
            read_amounts(tmp_path / "orders.csv", values)
        assert repr(values[0]) in str(caught.value)

    def test_asked_sign(self, tmp_path):
        path = tmp_path / "orders.csv"
        assert read_amounts(path, ["1,200", "2,500", "10"], decimal=".")[0] == [1200, 2500, 10]
        assert read_amounts(path, ["1,200", "2,500", "10"], decimal=",")[0] == [1.2, 2.5, 10]
        assert read_amounts(path, ["1.200", "10"], decimal=",")[0] == [1200, 10]
        with pytest.raises(InputError, match="'12,50' in column 'amount' is no number"):
            read_amounts(path, ["12,50"], decimal=".")

    def test_the_last_of_many_rows_decides(self, tmp_path):
        path = tmp_path / "orders.csv"
        assert read_amounts(path, ["1,200"] * 3000 + ["1,200.50"])[0][0] == 1200
        assert read_amounts(path, ["1,200"] * 3000 + ["1,20"])[0][0] == 1.2
        with pytest.raises(InputError, match=r"'1,20' in column 'amount' is no number \(16 such rows\)"):
            read_amounts(path, ["1.20"] * 3000 + ["1,20"] * 16)

    @pytest.mark.parametrize(
        ("values", "bad", "says"),
        [
            (["1", "two", "three"], "two", "is no number (2 such rows)"),
            (["1_000"], "1_000", "is no number"),
            (["1,20,3"], "1,20,3", "is no number"),
            (["12 34"], "12 34", "is no number"),
            (["(5"], "(5", "is no number"),
            (["-(5)"], "-(5)", "is no number"),
            (["1,5", "5,-"], "5,-", "is no number"),
            (["-5-"], "-5-", "is no number"),
            (["-$(5)"], "-$(5)", "is no number"),
            (["5р.5"], "5р.5", "is no number"),
            (["--5"], "--5", "is no number"),
            (["-$-5"], "-$-5", "is no number"),
            (["5%"], "5%", "is no number"),
            (["1", "1e300"], "1e300", "is above 1e15"),
            (["1", "1e400"], "1e400", "is above 1e15"),
            (["1", "-2,000,000,000,000,000.00"], "-2,000,000,000,000,000.00", "is above 1e15"),
        ],
    )
    def test_rejects(self, tmp_path, values, bad, says):
        with pytest.raises(InputError) as caught:
            read_amounts(tmp_path / "orders.csv", values)
        assert (caught.value.name, caught.value.value) == ("column amount", bad)
        assert says in str(caught.value)

    @pytest.mark.parametrize(("heading", "second"), [("Currency", "EUR"), ("Код валюти", "EUR"), ("Currency", "usd")])
    def test_says_that_a_column_has_several_currencies(self, tmp_path, capsys, heading, second):
        rows = [("1", dt.date(2024, 1, day), f"5,{second if day == 4 else 'USD'}") for day in range(1, 7)]
        write(
            tmp_path / "orders.csv",
            f"customer,date,amount,{heading}",
            [*rows, *(("2", dt.date(2024, 1, 9), f"5,{word}") for word in ("", "n/a"))],
        )
        assert main([str(tmp_path / "orders.csv")]) == 0
        said = f"Column {heading!r} has 2 currencies, such as USD and EUR."
        assert (said in capsys.readouterr().out.splitlines()) == (second == "EUR")

    @pytest.mark.parametrize(
        ("heading", "cells", "said"),
        [
            ("currencyCode", ["EUR", "€", "euro", "EUR", "-", "?"], ""),
            ("CURRENCY_CODE", ["USD", "US$", "$", "usd", "n/a", ""], ""),
            ("currencyCode", ["грн", "UAH", "₴", "USD", "-", ""], "2 currencies, such as UAH and USD."),
            ("Währungs-Code", ["€", "€", "-", "-", "-", "$"], "2 currencies, such as € and $."),
            ("Presentment Currency", ["CAD", "C$", "CAD", "C$", "cad", "CA$"], ""),
            ("ccy", ["CAD", "C$", "CAD", "C$", "$", "$"], "2 currencies, such as C$ and $."),
            ("Currency Symbol", ["$", "$", "$", "£", "£", "€"], "3 currencies, such as $ and £."),
            ("Валюта заказа", ["₽", "RUB", "₽.", "rub", "USD", "USD"], "2 currencies, such as RUB and USD."),
            ("total_price_currency", ["EUR", "USD", "EUR", "USD", "EUR", "USD"], "2 currencies, such as EUR and USD."),
            ("id_currency", ["1", "1", "2", "2", "2", "2"], "2 currencies, such as 2 and 1."),
            ("Amount (currency)", ["100", "200", "300", "5 EUR", "6", "7"], ""),
            ("Recurrence", ["monthly", "yearly", "monthly", "monthly", "yearly", ""], ""),
            ("Currency rate", ["1.1", "1.2", "1.3", "1", "1", "1"], ""),
            ("AccYear", ["2023", "2023", "2024", "2024", "2024", "2024"], ""),
            ("Aufbewahrung", ["kühl", "warm", "kühl", "warm", "kühl", "warm"], ""),
            ("Multi-currency", ["yes", "no", "yes", "no", "no", "no"], ""),
        ],
    )
    def test_a_sign_and_a_code_are_one_currency_and_a_dash_is_none(self, tmp_path, capsys, heading, cells, said):
        rows = [(str(k), dt.date(2024, 1, 1 + k), f"5,{cell}") for k, cell in enumerate(cells)]
        write(tmp_path / "orders.csv", f"customer,date,amount,{heading}", rows)
        assert main([str(tmp_path / "orders.csv")]) == 0
        lines = [line for line in capsys.readouterr().out.splitlines() if "currencies" in line]
        assert lines == ([f"Column {heading!r} has {said}"] if said else [])

    @pytest.mark.parametrize(("note", "n"), [("café", 1), ("cafe", 1), ("cafe", 0)])
    def test_currencies_are_seen_beside_a_column_that_is_not_utf_8(self, tmp_path, capsys, note, n):
        """A note with an accent hid them without a word; a column of currencies that is not UTF-8 stops nothing."""
        rows = "".join(f"{k},2024-01-0{k + 1},5,{'EUR' if k or n else '£'},{note}\n" for k in range(2))
        heading = "customer,date,amount,currency,note\n"
        (tmp_path / "orders.csv").write_text(heading + rows + n * "3,2024-01-03,5,USD,-\n", encoding="latin-1")
        assert main([str(tmp_path / "orders.csv")]) == 0
        assert capsys.readouterr().out.count("Column 'currency' has 2 currencies, such as EUR and USD.") == n

    def test_amounts_may_name_a_currency_in_several_ways(self, tmp_path):
        column = ["5 €", "EUR 6", "7 EUR"]
        assert read_amounts(tmp_path / "orders.csv", column)[0] == [5, 6, 7]
        with pytest.raises(InputError, match="mixes EUR and USD"):
            read_amounts(tmp_path / "orders.csv", [*column, "8 USD"])

    def test_rejects_two_currencies(self, tmp_path):
        with pytest.raises(InputError, match=r"mixes \$ and €"):
            read_amounts(tmp_path / "orders.csv", ["$5", "€6"])

    @pytest.mark.parametrize(
        ("values", "said"),
        [
            (["5", "6", "0", "", "7 USD"], "Some amounts are in USD; 2 of the rows name none, and count as USD."),
            (["5 €", "-6", "7 €"], "Some amounts are in €; 1 of the rows names none, and counts as €."),
            (["5 €", "0", "7 €"], ""),
            (["5", "6", "0"], ""),
        ],
    )
    def test_says_that_amounts_without_a_currency_count_as_others(self, tmp_path, capsys, values, said):
        rows = [("", dt.date(2024, 1, 1), "9")]  # of no customer, so it does not count
        rows += [(str(i % 2), dt.date(2024, 1, 1 + i), value) for i, value in enumerate(values)]
        write(tmp_path / "orders.csv", rows=rows)
        assert main([str(tmp_path / "orders.csv")]) == 0
        lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("Some amounts")]
        assert lines == ([said] if said else [])


class TestMain:
    """Prints the overview and returns 0; one clear sentence and 2 for input that cannot be used."""

    def test_shipped_data(self, capsys):
        assert main([]) == 0
        printed = capsys.readouterr().out
        for fact in (r"customers +2,357", r"purchases +6,696", r"revenue +244,091\.94", r"1997-01-01 to 1998-06-30"):
            assert re.search(fact, printed), fact
        assert "give a margin" in printed
        ahead = printed.split("WHAT THE CUSTOMERS WILL DO (model)")[1]
        for fact in (
            r"chosen model +MBG/NBD",
            "same rate as before",
            r"still active +0\.\d\d",
            r"of the base, in revenue",
        ):
            assert re.search(fact, ahead), fact

    def test_a_file_gives_the_same_figures_as_its_columns(self, tmp_path, capsys):
        cdnow = load_cdnow()
        path = tmp_path / "cdnow.csv"
        rows = zip(cdnow.customer.tolist(), cdnow.date.tolist(), cdnow.amount.tolist(), strict=True)
        path.write_text("id,when,money\n" + "".join(f"{who},{day},{money}\n" for who, day, money in rows))
        columns = ["--customer", "id", "--date", "when", "--amount", "money"]
        money = ["--margin", "0.3", "--acquisition-cost", "20", "--discount-rate", "0.1", "--as-of", "1998-03-31"]
        assert main(money) == 0
        shipped = capsys.readouterr().out.split("THE BASE")[1]
        assert main([str(path), *columns, *money]) == 0
        printed = capsys.readouterr().out
        told = [
            line for line in shipped.splitlines() if "exact copies" not in line
        ]  # of a file, the first lines say it
        assert printed.split("THE BASE")[1].splitlines() == told
        used = [
            row
            for row in zip(cdnow.customer.tolist(), cdnow.date.tolist(), cdnow.amount.tolist(), strict=True)
            if row[1] <= dt.date(1998, 3, 31)
        ]
        n_copies = len(used) - len(set(used))
        assert printed.startswith(
            "Read 6,919 rows: customer = 'id', date = 'when', amount = 'money'.\n"
            "Dates read as year-month-day. If this is wrong, give --date-format.\n"
            f"{n_copies} rows are exact copies of another row, in all 3 columns of the file.\n"
            "Counted like the others; --duplicates drop leaves them out.\n"
            "No other column tells such rows apart: they may be different purchases or lines of one order.\n\n"
        )

    def test_copies_in_all_columns_are_counted_and_said(self, tmp_path, capsys):
        path = tmp_path / "orders.csv"
        path.write_text("customer,date,amount,item\na,2024-01-01,5,x\na,2024-01-01,5,x\na,2024-01-01,5,y\n")
        assert main([str(path)]) == 0
        printed = capsys.readouterr().out
        assert (
            "1 row is an exact copy of another row, in all 4 columns of the file.\nCounted like the others" in printed
        )
        assert "tells such rows apart" not in printed
        assert re.search(r"revenue +15\.00", printed)
        assert main([str(path), "--duplicates", "drop"]) == 0
        printed = capsys.readouterr().out
        assert "Read 3 rows" in printed
        assert "1 row is an exact copy of another row, in all 4 columns of the file.\nLeft out." in printed
        assert re.search(r"revenue +10\.00", printed)
        assert main([str(path), "--duplicates", "raise"]) == 2
        assert "--duplicates drop leaves them out" in capsys.readouterr().err

    def test_residues_count_as_zero_and_are_said(self, tmp_path, capsys):
        path = tmp_path / "orders.csv"
        rows = ["customer,date,amount", "a,2024-01-01,5", "b,2024-01-01,4e-16", "b,2024-01-02,-4e-16", "b,2024-01-03,1"]
        path.write_text("\n".join(rows))
        assert main([str(path)]) == 0
        printed = capsys.readouterr().out
        assert re.search(r"tiny amounts +2 rows +below 1e-9: counted as 0", printed)
        assert re.search(r"revenue +6\.00", printed)
        assert re.search(r"purchases +4 ", printed)

    def test_rows_far_from_all_others_are_named_and_left_out(self, tmp_path, capsys):
        path = tmp_path / "orders.csv"
        rows = ["customer,date,amount", *(f"c{i},2024-01-{1 + i:02},5" for i in range(30))]
        path.write_text("\n".join([*rows, "zoe,2203-01-01,7"]))
        assert main([str(path)]) == 0
        printed = capsys.readouterr().out
        left_out = "Left out, because the date is more than 5 years from those of the log: 1 of the rows: "
        told = f"{left_out}2203-01-01 (customer 'zoe'). Correct a wrong date in the file. If it is right"
        assert told in " ".join(printed.split())
        for fact in ("THE BASE as of 2024-01-30", r"customers +30\n", r"revenue +150\.00"):
            assert re.search(fact, printed), fact
        for end, facts in {
            "2024-01-30": (r"customers +30\n", r"left out +1 row +after that day; 1 customer first bought then"),
            "2203-01-01": (r"customers +31\n", r"revenue +157\.00"),
        }.items():
            assert main([str(path), "--as-of", end]) == 0
            printed = capsys.readouterr().out
            assert "more than 5 years" not in printed
            for fact in facts:
                assert re.search(fact, printed), fact

    def test_rows_far_before_all_others(self, tmp_path, capsys):
        path = tmp_path / "orders.csv"
        rows = ["customer,date,amount", *(f"c{i % 30},2024-01-{1 + i % 30:02},5" for i in range(60))]
        path.write_text(
            "\n".join([*rows, *["zoe,1900-01-01,7"] * 2, "c1,1900-01-01,7", "c2,1970-01-01,7", "c3,1980-01-01,7"])
        )
        assert main([str(path), "--as-of", "2024-01-30"]) == 0
        printed = capsys.readouterr().out
        named = "1980-01-01 (customer 'c3'), 1970-01-01 (customer 'c2'), 1900-01-01 (customer 'c1') and more."
        assert f"5 of the rows: {named} Correct a wrong date in the file. 30 rows are" in " ".join(printed.split())
        for fact in (r"customers +30\n", r"period +2024-01-01 to 2024-01-30", r"revenue +300\.00"):
            assert re.search(fact, printed), fact
        assert "without any purchase left" not in printed

    def test_rows_far_from_the_others_that_are_more_than_a_tenth(self, tmp_path, capsys):
        path = tmp_path / "orders.csv"
        path.write_text("customer,date,amount\na,1900-01-01,5\na,2024-01-02,5\nb,2024-01-02,5\nb,2024-02-03,5\n")
        assert main([str(path)]) == 0
        printed = capsys.readouterr().out
        assert "No order between 1900-01-01 and 2024-01-02: 1 row lies before, and counts.\n" in printed
        assert re.search(r"period +1900-01-01 to 2024-02-03\n", printed)

    def test_many_rows_of_1970_hide_no_row_of_2203(self, tmp_path, capsys):
        path = tmp_path / "orders.csv"
        rows = [f"c{i % 30},{'1970-01-01' if i < 40 else f'2024-01-{1 + i % 30:02}'},5" for i in range(299)]
        path.write_text("\n".join(["customer,date,amount", *rows, "zoe,2203-01-01,7"]))
        assert main([str(path)]) == 0
        printed = capsys.readouterr().out
        assert "1 of the rows: 2203-01-01 (customer 'zoe')." in printed
        assert "No order between 1970-01-01 and 2024-01-01: 40 rows lie before, and count.\n" in printed
        assert re.search(r"period +1970-01-01 to 2024-01-30\n", printed)
        assert main([str(path), "--as-of", "2024-01-31"]) == 0  # the row of 2203 is after the last day, and no gap
        printed = capsys.readouterr().out
        assert "No order between 1970-01-01 and 2024-01-01: 40 rows lie before, and count.\n" in printed

    @pytest.mark.parametrize(
        ("lost", "options", "said"),
        [
            (
                (30, 60),
                [],
                "between 2024-01-30 and 2024-03-01, for 30 days; the 30 days before have 60 rows.",
            ),
            ((100, 120), ["--as-of", "2024-05-10"], "after 2024-04-09, for 31 days; the 31 days before have 62 rows."),
            ((30, 43), [], None),
            ((30, 60), ["--as-of", "2024-01-30"], None),
        ],
    )
    def test_weeks_without_an_order_may_be_lost_rows(self, tmp_path, capsys, lost, options, said):
        path = tmp_path / "orders.csv"
        days = [day for day in range(120) if not lost[0] <= day < lost[1]]
        rows = [f"{who}{day % 9},{np.datetime64('2024-01-01') + day},5" for day in days for who in "ab"]
        path.write_text("\n".join(["customer,date,amount", *rows]))
        page = tmp_path / "r.html"
        assert main([str(path), *options, "--report", str(page)]) == 0
        printed = capsys.readouterr().out
        assert (f"No order {said}" in printed) if said else ("No order" not in printed)
        assert ("Days without an order after" in page.read_text("utf-8")) == (said is not None)

    def test_a_log_that_fades_away_has_no_lost_weeks(self, tmp_path, capsys):
        path = tmp_path / "orders.csv"
        days = [*np.repeat(np.arange(30), 4), 60]
        rows = [f"c{day % 9},{np.datetime64('2024-01-01') + day},5" for day in days]
        path.write_text("\n".join(["customer,date,amount", *rows]))
        assert main([str(path)]) == 0
        assert "No order" not in capsys.readouterr().out

    def test_lost_weeks_are_said_beside_longer_ones_around_one_order(self, tmp_path, capsys):
        path = tmp_path / "orders.csv"
        days = [-90, *range(30), *range(60, 100), 190]  # an order long before the others, and one long after them
        rows = [f"c{day % 9},{np.datetime64('2024-04-01') + day},5" for day in days]
        path.write_text("\n".join(["customer,date,amount", *rows]))
        assert main([str(path)]) == 0
        said = "No order between 2024-04-30 and 2024-05-31, for 30 days; the 30 days before have 30 rows.\n"
        assert said in capsys.readouterr().out

    def test_many_lines_of_few_orders_are_no_lost_weeks(self, tmp_path, capsys):
        path = tmp_path / "orders.csv"
        days = [0, 4, 9, 11, 16, 20, 40, 43, 48, 50, 55]  # 19 days without an order are chance where one comes in 4
        rows = [f"c{day % 4},{np.datetime64('2024-01-01') + day},{line}" for day in days for line in range(1, 16)]
        path.write_text("\n".join(["customer,date,amount", *rows]))
        assert main([str(path)]) == 0
        assert "No order" not in capsys.readouterr().out

    @pytest.mark.parametrize(
        ("late", "options", "said"),
        [
            ([395, 500], [], "2 rows are later than 2024-01-30, by 366 days or more: from 2025-01-30 to 2025-05-15."),
            ([395, 500], ["--as-of", "2025-05-01"], "1 row is later than 2024-01-30, by 366 days or more: on 2025-0"),
            ([395], ["--as-of", "2024-01-30"], None),
        ],
    )
    def test_a_few_rows_long_after_the_others_are_said(self, tmp_path, capsys, late, options, said):
        """Such as a wrong year: the newest year would hold that customer alone, and all others would have left."""
        path = tmp_path / "orders.csv"
        rows = [f"c{day % 9},{np.datetime64('2024-01-01') + day},5" for day in [*np.repeat(np.arange(30), 2), *late]]
        path.write_text("\n".join(["customer,date,amount", *rows]))
        page = tmp_path / "r.html"
        assert main([str(path), *(options or ["--report", str(page)])]) == 0
        printed = capsys.readouterr().out
        assert (f"Only {said}" in printed) if said else ("Only" not in printed)
        assert ("give --as-of 2024-01-30.\n" in printed) == (said is not None)
        assert options or "Days without an order after" in page.read_text("utf-8")

    def test_the_page_says_lost_weeks_and_late_rows(self, tmp_path):
        path = tmp_path / "orders.csv"
        days = [*range(30), *range(60, 100), 500]
        rows = [f"c{day % 9},{np.datetime64('2024-01-01') + day},5" for day in days]
        path.write_text("\n".join(["customer,date,amount", *rows]))
        said = list(_of_dates(read_orders(str(path)), np.datetime64("2025-05-15"), words_of("en")))
        for text, gap in zip(said, ("2024-01-30: 30;", "2024-04-09: 400;"), strict=True):
            assert text.startswith(f"Days without an order after {gap}")

    def test_files_with_one_day_a_month_have_no_lost_weeks(self, tmp_path, capsys):
        path = tmp_path / "orders.csv"
        rows = [f"c{i},2024-{month:02}-01,5" for month in range(1, 10) for i in range(50)]
        path.write_text("\n".join(["customer,date,amount", *rows]))
        assert main([str(path)]) == 0
        assert "No order" not in capsys.readouterr().out

    def test_copies_are_counted_among_the_rows_that_are_used(self, tmp_path, capsys):
        """Three equal rows each without a customer, without a date, of a far day, after the last day, and good."""
        path = tmp_path / "orders.csv"
        odd = [",2024-01-05,5", "zed,,5", "zoe,2203-01-01,5", "kim,2024-03-01,5", "ann,2024-01-07,5"]
        good = [f"c{i % 30},2024-01-{1 + i % 30:02},{i}" for i in range(60)]
        path.write_text("\n".join(["customer,date,amount", *good, *odd * 3]))
        for end, n_copies, n_far in ((None, 4, 3), ("2024-01-31", 2, 0)):
            for policy in ("keep", "drop"):
                orders = read_orders(str(path), duplicates=policy, as_of=end)
                assert (orders.n_duplicates, orders.n_far) == (n_copies, n_far)
                assert (orders.n_without_customer, orders.n_without_date) == (3, 3)
                assert orders.n_rows == (75 if policy == "keep" else 75 - n_copies)
                after = orders.date > np.datetime64("2024-01-31")
                assert orders.n_file_rows[after].sum() == (6 if end else 3 if policy == "keep" else 1)
        assert main([str(path), "--as-of", "2024-01-31", "--duplicates", "raise"]) == 2
        assert " 2 rows are exact copies" in capsys.readouterr().err
        frame = pacsv.read_csv(path)
        counts = frames.summarise(frame, as_of="2024-01-31", missing="drop").counts
        assert (counts.n_duplicates_kept, counts.n_without_customer, counts.n_without_date) == (2, 3, 3)

    def test_copies_across_files_are_counted_among_the_rows_that_are_used(self, tmp_path):
        for name in "ab":
            rows = ["customer,date,amount", ",2024-01-05,5", "zed,,5", "ann,2024-01-07,5", f"{name},2024-01-08,1"]
            (tmp_path / f"{name}.csv").write_text("\n".join(rows))
        for policy in ("keep", "drop"):
            orders = read_orders(str(tmp_path), duplicates=policy)
            assert (orders.n_duplicates, orders.n_without_customer, orders.n_without_date) == (1, 2, 2)
            assert [row[-1] for row in orders.copied] == [1]

    def test_a_customer_without_any_purchase_left_has_a_label(self, tmp_path, capsys):
        path = tmp_path / "orders.csv"
        path.write_text("customer,date,amount\na,2024-01-01,5\nb,2024-01-02,7\nb,2024-01-03,-7\n")
        assert main([str(path)]) == 0
        assert re.search(r"\n  left out +1 customer +without any purchase left\n", capsys.readouterr().out)

    def test_says_what_it_guessed_and_left_out(self, tmp_path, capsys):
        path = tmp_path / "orders.csv"
        path.write_text("client,day,total\na,2024-01-01,5\n,2024-01-01,5\na,,5\na,2024-01-03,\na,2024-01-04,-2\n")
        assert main([str(path)]) == 0
        printed = capsys.readouterr().out
        for fact in (
            r"customer = 'client' \(guessed\), date = 'day' \(guessed\), amount = 'total' \(guessed\)",
            r"the customer is missing: 1 ",
            r"the date is missing: 1 ",
            r"1 row +without an amount",
            r"1 row +taken off purchases; 0 purchases cancelled",
            r"revenue +3\.00",
        ):
            assert re.search(fact, printed), fact

    def test_a_refund_without_a_purchase_is_not_taken_off_one(self, tmp_path, capsys):
        path = tmp_path / "orders.csv"
        path.write_text("client,day,total\na,2024-01-01,5\nb,2024-01-04,-2\n")
        assert main([str(path)]) == 0
        assert "taken off purchases, if any; 0 purchases cancelled\n" in capsys.readouterr().out

    def test_a_file_without_amounts(self, tmp_path, capsys):
        path = tmp_path / "orders.csv"
        path.write_text("customer,date\na,2024-01-01\na,2024-03-01\n")
        assert main([str(path)]) == 0
        assert "the log has no amounts" in capsys.readouterr().out

    def test_says_how_it_read_the_file(self, tmp_path, capsys):
        path = tmp_path / "orders.csv"
        path.write_text("customer;date;amount\n1.0;2024-01-01T23:00-05:00;5,5\n2.0;2024-03-01T10:00Z;7\n")
        assert main([str(path)]) == 0
        printed = capsys.readouterr().out
        assert "Dates read as year-month-day." in printed
        assert "each order counts on its day in UTC.\nFor the days of another zone, give --time-zone" in printed
        assert "decimal comma" in printed
        assert "decimal numbers: 1.0 is read as 1.\n" in printed
        assert main([str(path), "--time-zone", "america/new_york"]) == 0
        printed = capsys.readouterr().out
        assert "each order counts on its day in America/New_York.\nAmounts read" in printed
        assert "2024-01-01 to 2024-03-01" in printed
        assert main([str(path), "--time-zone", "Mars"]) == 2
        assert capsys.readouterr().err.startswith("crmvalue: --time-zone must be the name of a time zone")
        path.write_text("customer,date,amount\n1,01/02/2024,5\n2,03/04/2024,7\n")
        assert main([str(path), "--date-format", "%m/%d/%Y"]) == 0
        printed = capsys.readouterr().out
        assert "Dates read as month/day/year." in printed
        assert "2024-01-02 to 2024-03-04" in printed
        for word in ("UTC", "comma", "is read as", "rounded"):
            assert word not in printed

    @pytest.mark.parametrize("first", ["sep=;\n", "\ufeffSEP=;\n", '"sep=;"\n'])
    def test_a_line_of_excel_names_the_delimiter(self, tmp_path, capsys, first):
        path = tmp_path / "orders.csv"
        path.write_text(f"{first}customer;date;amount\n1;2024-01-01;5\n2;2024-01-02;7\n", encoding="utf-8", newline="")
        assert main([str(path)]) == 0
        assert "Read 2 rows: customer = 'customer' (guessed)" in capsys.readouterr().out
        path.write_text(f"{first}customer;date;amount\n1;2024-01-01;5\n2;2024-01-02\n", encoding="utf-8", newline="")
        assert main([str(path)]) == 2
        assert "line 4 has 2 fields instead of the 3 of the header" in capsys.readouterr().err

    def test_the_sum_of_the_table_counts_as_a_customer(self, tmp_path, capsys):
        path = tmp_path / "orders.csv"
        rows = "customer,date,amount\nann,2024-01-01,5\nbob,2024-01-02,7\n"
        path.write_text(rows)
        assert main([str(path)]) == 0
        assert "Counted as" not in capsys.readouterr().out
        path.write_text(rows + "Total:,2024-01-02,12\nGrand total,2024-01-03,12\n", encoding="utf-8")
        assert main([str(path)]) == 0
        said = "Counted as a customer: 'Total:'. If this is the sum of the table, take the row out of the file."
        late = "Left out, because only the sum of the table is dated after 2024-01-02: 'Grand total'. If this is"
        printed = " ".join(capsys.readouterr().out.split())
        assert f"{said} {late} a customer, give --as-of 2024-01-03." in printed
        assert "THE BASE as of 2024-01-02 customers 3" in printed
        assert main([str(path), "--as-of", "2024-01-03"]) == 0
        said = "Counted as customers: 'Grand total', 'Total:'. If these are sums of the table, take the rows out"
        assert said in capsys.readouterr().out
        path.write_text(rows + "Summe:,2024-01-02,12\nYekun,2024-01-02,12\n", encoding="utf-8")
        assert main([str(path)]) == 0
        assert "Counted as customers: 'Summe:', 'Yekun'." in capsys.readouterr().out

    def test_sums_at_the_ends_of_several_files_do_not_move_the_last_day(self, tmp_path, capsys):
        for month in (1, 2):
            rows = "".join(f"{who},2024-0{month}-1{who},5\n" for who in "123")
            (tmp_path / f"{month}.csv").write_text(f"customer,date,amount\n{rows}Total,2024-03-31,15\n")
        assert main([str(tmp_path)]) == 0
        printed = capsys.readouterr().out
        assert "only the sum of the table is dated after 2024-02-13: 'Total'." in printed
        assert "THE BASE as of 2024-02-13" in printed
        (tmp_path / "2.csv").write_text((tmp_path / "2.csv").read_text() + "Total,2024-04-02,15\n")
        assert main([str(tmp_path)]) == 0  # more rows than files: a customer of that name
        assert "THE BASE as of 2024-04-02" in capsys.readouterr().out

    @pytest.mark.parametrize(
        ("name", "last", "is_sum"),
        [
            ("Σ Kunden", "66.10", True),
            ("Σ Kunden", "66.20", False),
            ("Σ Kunden", "66", False),
            ("Total 2024", "66", True),  # rounded to whole units, as its name allows
            ("Total 2024", "67", False),
        ],
    )
    def test_the_sum_of_the_table_has_any_name(self, tmp_path, capsys, name, last, is_sum):
        """In a language that is not known it counted as a customer without a word, and doubled the revenue."""
        path = tmp_path / "orders.csv"
        rows = "".join(f"c{day},2024-01-{day:02},{day}.01\n" for day in range(2, 12))  # ten numbers, 65 and 0.10
        path.write_text(f"customer,date,amount\n{rows}c1,2024-01-01,1\n{name},2025-03-31,{last}\n", encoding="utf-8")
        assert main([str(path)]) == 0
        printed = capsys.readouterr().out
        assert (f"after 2024-01-11: {name!r}." in " ".join(printed.split())) is is_sum
        assert f"THE BASE as of {'2024-01-11' if is_sum else '2025-03-31'}" in printed

    def test_sums_of_years_and_months_are_named(self, tmp_path, capsys):
        """A row such as "Total 2023" counted as a customer without a word, and hid the sum of all."""
        path = tmp_path / "orders.csv"
        rows = [(f"c{k % 9}", f"202{3 + k // 24}-{1 + k // 2 % 12:02}-11", k + 0.25) for k in range(48)]
        year, month = sum(money for *_, money in rows[:24]), rows[26][2] + rows[27][2]
        rows += [
            ("Total 2023", "2023-12-31", year),
            ("Total Wine 24", "2024-12-01", 1500),
            ("May total", "2024-05-31", 1),
        ]
        rows += [
            ("Итого февраль", "2024-02-29", month),
            ("Σ", "2024-12-20", sum(money for *_, money in rows[:48]) + 1501),
        ]
        path.write_text("\n".join(["customer,date,amount", *(",".join(map(str, row)) for row in rows)]), "utf-8")
        assert main([str(path)]) == 0
        printed = " ".join(capsys.readouterr().out.split())
        assert "Counted as customers: 'Total 2023', 'Итого февраль'. If" in printed
        assert "only the sum of the table is dated after 2024-12-11: 'Σ'." in printed

    def test_the_sum_of_the_table_is_no_small_order_and_no_known_customer(self, tmp_path, capsys):
        """Of amounts below a cent all were said to be the sum, and one beside a sum that has a name was not."""
        path = tmp_path / "orders.csv"
        rows = [(f"c{day}", f"2024-01-{day:02}", 0.0001 * day) for day in range(2, 13)]  # 0.0077 in all
        heading = "customer,date,amount\n"
        path.write_text(heading + "".join(f"{who},{day},{amount:.4f}\n" for who, day, amount in rows))
        assert main([str(path)]) == 0
        assert "Counted as" not in capsys.readouterr().out
        path.write_text(path.read_text() + "Σ Kunden,2024-01-12,0.0077\nTotal,2024-01-12,0.0077\n", encoding="utf-8")
        assert main([str(path)]) == 0
        assert "Counted as customers: 'Total', 'Σ Kunden'." in capsys.readouterr().out
        path.write_text(
            heading + "".join(f"c{day},2024-01-{day:02},5\n" for day in range(2, 13)) + "c2,2024-01-14,55\n"
        )
        assert main([str(path)]) == 0
        assert "Counted as" not in capsys.readouterr().out

    def test_money_below_a_cent_is_not_written_as_0(self, tmp_path, capsys):
        """The mean order of 0.0026 was 0.00, from 0.00 to 0.00, in the overview and on the page."""
        path, page = tmp_path / "orders.csv", tmp_path / "page.html"
        rows = "".join(f"c{day % 5},2024-01-{day:02},{0.0001 * (20 + day % 13):.4f}\n" for day in range(2, 28))
        path.write_text(f"customer,date,amount\n{rows}", encoding="utf-8")  # each remainder twice: 26 means 0.0026
        assert main([str(path), "--report", str(page)]) == 0
        said = next(line for line in capsys.readouterr().out.splitlines() if "average order value" in line)
        assert said.split()[3] == "0.0026"
        assert float(said.split()[4]) < 0.0026 < float(said.split()[6])
        assert ">0.0026<" in page.read_text(encoding="utf-8")

    @pytest.mark.parametrize(
        ("written", "hint"),
        [
            ("45292", "if a spreadsheet wrote this for 2024-01-01, show the column as dates there, and save it again"),
            ("Total:", "if this is the sum of the table, take the row out of the file"),
            ("5 sty 2024", "write months as numbers, such as 2024-02-29"),
            ("5 janv. 2024", "write months as numbers, such as 2024-02-29"),
            ("5 de enero de 2024", "write months as numbers, such as 2024-02-29"),
            ("31 Feb 2024", "write dates as 2024-02-29, or name their format with --date-format"),
            ("31 Sept 2024", "write dates as 2024-02-29, or name their format with --date-format"),
            ("12345", "write dates as 2024-02-29, or name their format with --date-format"),
        ],
    )
    def test_what_to_do_about_a_text_that_is_no_date(self, tmp_path, capsys, written, hint):
        path = tmp_path / "orders.csv"
        path.write_text(f"customer,date\nann,{written}\n")
        assert main([str(path)]) == 2
        assert capsys.readouterr().err.endswith(f"is no date (1 such row). Hint: {hint}\n")

    @pytest.mark.parametrize(
        ("written", "said"),
        [
            (["1.23457E+11", "1.2E+12", "A1E+5"], "2 customers are rounded numbers, such as 1.23457E+11, as"),
            (["1,23457E+11", "12"], "1 customer is a rounded number, such as 1,23457E+11, as"),
            (["1.2345678901234568e+17", "12"], "1 customer is a rounded number, such as 1.2345678901234568e+17, as"),
            (["5E+11", "1234567E+11"], "1 customer is a rounded number, such as 5E+11, as"),
            (["3.80672E11", "1.5E2"], "1 customer is a rounded number, such as 3.80672E11, as"),
            (["5E11", "12E34", "1.5E11A", "A.5E11", "1.2E3456", "1.25E05"], None),
            (["E+11", "1.5E-11", "1.5+11", "1.E+11", "+380501234567"], None),
        ],
    )
    def test_customers_that_a_spreadsheet_has_rounded(self, tmp_path, capsys, written, said):
        path = tmp_path / "orders.csv"
        path.write_text("customer;date\n" + "".join(f"{who};2024-01-01\n" for who in written))
        assert main([str(path)]) == 0
        printed = capsys.readouterr().out
        assert ("rounded" in printed) is (said is not None)
        if said is not None:
            assert f"{said} spreadsheets write long ones.\nDifferent customers may have become one." in printed

    @pytest.mark.parametrize(
        ("rows", "said"),
        [
            (
                ['"ann;2024-01-01', "bob;2024-01-02", 'eve";2024-01-03'],
                "1 customer has a name of 3 lines of the file, such",
            ),
            (['"ann\nKyiv";2024-01-01', "bob;2024-01-02"], None),  # an address is no row
        ],
    )
    def test_rows_within_a_name_are_named(self, tmp_path, capsys, rows, said):
        """Two quotation marks made one customer of hundreds of rows, without a word."""
        path = tmp_path / "orders.csv"
        path.write_text("customer;date\n" + "\n".join(rows))
        assert main([str(path)]) == 0
        printed = capsys.readouterr().out
        assert ("Rows within a name do not count." in printed) is (said is not None)
        assert said is None or f"{said} as 'ann;2024-01-01'." in printed

    def test_customers_whose_letters_were_lost(self, tmp_path, capsys):
        path = tmp_path / "orders.csv"
        path.write_text("customer;date\n" + "".join(f"{who};2024-01-01\n" for who in ("?????", "?liyev", "what?")))
        assert main([str(path)]) == 0
        assert "2 customers have ? in place of letters, such as '?????': the encoding" in capsys.readouterr().out

    def test_asked_decimal_sign(self, tmp_path, capsys):
        path = tmp_path / "orders.csv"
        path.write_text('customer,date,amount\na,2024-01-01,"1,200"\nb,2024-01-02,"2,500"\n')
        assert main([str(path), "--decimal", "."]) == 0
        assert re.search(r"revenue +3,700\.00", capsys.readouterr().out)
        assert main([str(path), "--decimal", ","]) == 0
        assert re.search(r"revenue +3\.70", capsys.readouterr().out)

    @pytest.mark.parametrize(
        ("policy", "fact"),
        [
            ([], r"purchases +3 [\s\S]*revenue +12\.00"),
            (["--refunds", "drop"], r"purchases +3 [\s\S]*revenue +15\.00[\s\S]*1 row +with a refund"),
            (["--zeros", "drop"], r"purchases +2 [\s\S]*1 row +with an amount of 0"),
        ],
    )
    def test_policies(self, tmp_path, capsys, policy, fact):
        path = tmp_path / "orders.csv"
        path.write_text(
            "customer,date,amount\na,2024-01-01,5\na,2024-01-02,10\na,2024-01-03,-3\nb,2024-01-04,0\nb,2024-01-05,\n"
        )
        assert main([str(path), *policy]) == 0
        assert re.search(fact, capsys.readouterr().out)

    @pytest.mark.parametrize(
        ("policy", "says"),
        [
            (["--refunds", "raise"], "the amounts must be >= 0. Hint: --refunds net takes such rows off purchases, "),
            (
                ["--zeros", "raise"],
                "the amounts must be other than 0. Hint: --zeros keep counts such rows, --zeros drop does not\n",
            ),
            (
                ["--missing", "raise"],
                "the amounts must be a number, not missing. Hint: --missing drop leaves such rows out\n",
            ),
        ],
    )
    def test_policies_that_raise(self, tmp_path, capsys, policy, says):
        path = tmp_path / "orders.csv"
        path.write_text("customer,date,amount\na,2024-01-01,5\na,2024-01-03,-3\nb,2024-01-04,0\nb,2024-01-05,\n")
        assert main([str(path), *policy]) == 2
        assert capsys.readouterr().err.startswith(f"crmvalue: {says}")

    def test_nothing_but_refunds(self, tmp_path, capsys):
        path = tmp_path / "orders.csv"
        path.write_text("customer,date,amount\na,2024-01-01,-5\n")
        assert main([str(path)]) == 2
        assert (
            "the amounts must be such that at least one row until 2024-01-01 is a purchase" in capsys.readouterr().err
        )

    @pytest.mark.parametrize(
        ("arguments", "says"),
        [
            (["none.csv"], "there is no file 'none.csv'"),
            ([""], "the name of a file is empty"),
            (["--customer", "id"], "--customer must be given together with a FILE"),
            (["--date-format", "%d/%m/%Y"], "--date-format must be given together with a FILE"),
            (["--time-zone", "UTC"], "--time-zone must be given together with a FILE"),
            (["--decimal", ","], "--decimal must be given together with a FILE"),
            (["--margin", "30"], "--margin must be in [0, 1]; got 30.0. Hint: a fraction, not percent"),
            (["--margin", "nan"], "--margin must be"),
            (["--margin", "0.3", "--acquisition-cost", "0"], "--acquisition-cost must be > 0; got 0.0"),
            (["--margin", "0.3", "--discount-rate", "-0.1"], "--discount-rate must be >= 0; got -0.1"),
            (["--acquisition-cost", "20"], "--acquisition-cost must be given together with --margin"),
            (["--discount-rate", "0.1"], "--discount-rate must be given together with --margin"),
            (["--as-of", "tomorrow"], "--as-of must be a date; got 'tomorrow'. Hint: a day such as 2024-02-29"),
            (["--as-of", "1990-01-01"], "--as-of must be on or after the first date of the log (1997-01-01)"),
        ],
    )
    def test_one_sentence_and_two(self, capsys, arguments, says):
        assert main(arguments) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.count("\n") == 1
        assert captured.err.startswith(f"crmvalue: {says}")

    @pytest.mark.parametrize("number", ["1_000", "\N{ARABIC-INDIC DIGIT THREE}", "\uff11", "x", ""])
    @pytest.mark.parametrize("option", ["--margin", "--acquisition-cost", "--discount-rate", "--ignore-first-days"])
    def test_numbers_are_plain_digits(self, capsys, option, number):
        with pytest.raises(SystemExit) as caught:
            main([option, number])
        assert caught.value.code == 2
        assert f"number: {number!r}" in capsys.readouterr().err

    @pytest.mark.parametrize("argument", ["--no\x1b[31m", "--m\x9b=3", "-\x07"])
    def test_an_unknown_option_does_not_steer_the_console(self, capsys, argument):
        with pytest.raises(SystemExit) as caught:
            main([argument])
        assert caught.value.code == 2
        said = capsys.readouterr().err
        assert "unrecognized arguments: " + argument.encode("unicode_escape").decode() in said
        assert all(letter.isprintable() or letter == "\n" for letter in said)

    @pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("Query interrupted")])
    def test_stopped_by_the_user(self, capsys, monkeypatch, error):
        """The second is what DuckDB raises while it reads."""

        def interrupted(*_, **__):
            raise error

        monkeypatch.setattr(base, "summarise_base_log", interrupted)
        assert main([]) == 130
        assert capsys.readouterr() == ("", "crmvalue: stopped\n")

    def test_a_reader_who_stops_early(self):
        command = [sys.executable, "-m", "crmvalue"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            process.stdout.close()
            assert process.stderr.read() == b""
        assert process.returncode == 0

    def test_as_a_command(self):
        done = subprocess.run(
            [sys.executable, "-m", "crmvalue", "none.csv"], capture_output=True, text=True, check=False
        )
        assert done.returncode == 2
        assert done.stderr == "crmvalue: there is no file 'none.csv'\n"
        help_text = subprocess.run(
            [sys.executable, "-m", "crmvalue", "--help"], capture_output=True, text=True, check=True
        ).stdout
        columns = (
            "FILE",
            "--customer",
            "--date",
            "--amount",
            "--quantity COL",
            "--spend {total,mean}",
            "--date-format F",
            "--time-zone ZONE",
            "--decimal SIGN",
            "%d/%m/%Y",
        )
        rows = ("--refunds {net,drop,raise}", "--zeros {keep,drop,raise}", "--missing {drop,raise}", "--as-of")
        for option in (
            *columns,
            *rows,
            "--margin",
            "--acquisition-cost",
            "--discount-rate",
            "--service-cost S",
            "--terms TABLE",
            "--industry NAME",
            "--output TABLE",
            ".parquet",
        ):
            assert option in help_text

    def test_does_not_hide_defects(self, monkeypatch):
        def broken(*_, **__):
            raise ZeroDivisionError

        monkeypatch.setattr(base, "summarise_base_log", broken)
        with pytest.raises(ZeroDivisionError):
            main([])


@pytest.fixture(scope="module")
def cdnow_csv(tmp_path_factory):
    """Write a third of CDNOW, with text identifiers, and a table of terms for them in another order."""
    folder = tmp_path_factory.mktemp("terms")
    log = load_cdnow()
    kept = log.customer % 3 == 0
    rows = zip(log.customer[kept].tolist(), log.date[kept].tolist(), log.amount[kept].tolist(), strict=True)
    lines = [f"c{who:05},{day},{money}" for who, day, money in rows]
    (folder / "orders.csv").write_text("\n".join(["customer,date,amount", *lines, ""]), "utf-8")
    ids = np.unique(log.customer[kept])[::-1]
    terms = [f"c{who:05},{'ads' if who % 2 else 'mail'},{who % 5 * 2.5},0.{who % 7}" for who in ids.tolist()]
    (folder / "terms.csv").write_text("\n".join(["Customer,segment,service_cost,margin", *terms, ""]), "utf-8")
    return folder


class TestTermsOfEachCustomer:
    """Margin and costs from a table of customers, or by the segment in it."""

    def test_table_is_that_of_the_function(self, cdnow_csv, capsys):
        orders, terms, out = (str(cdnow_csv / name) for name in ("orders.csv", "terms.csv", "out.csv"))
        money = ["--discount-rate", "ads=0.1,mail=0.2", "--acquisition-cost", "12", "--industry", "B2B SaaS"]
        assert main([orders, "--terms", terms, *money, "--output", out]) == 0
        printed = capsys.readouterr().out
        log = load_cdnow()
        kept = log.customer % 3 == 0
        history = summarise_purchases(log.customer[kept], log.date[kept], log.amount[kept])
        who = history.customer
        weekly = convert_rate([0.1, 0.2], kind="discount", from_period="year", to_period="week")
        fits = {"MBG/NBD": fit_mbg_nbd, "BG/NBD": fit_bg_nbd, "Pareto/NBD": fit_pareto_nbd}
        fit = fits[re.search(r"chosen model +(\S+)", printed).group(1)](history)
        wanted = customer_values(
            history,
            fit,
            fit_gamma_gamma(history, zeros="drop"),
            horizon=52,
            margin=who % 7 / 10,
            service_cost=who % 5 * 2.5 * 7 / 365.25,
            discount_rate=np.where(who % 2, *weekly),
        )
        table = duckdb.read_csv(out).fetchnumpy()
        np.testing.assert_array_equal(table["customer"], [f"c{number:05}" for number in who])
        np.testing.assert_allclose(table["clv"].astype(float), wanted.clv, rtol=1e-6, atol=1e-9)
        np.testing.assert_allclose(table["net_clv"].astype(float), wanted.clv - 12, rtol=1e-6, atol=1e-9)
        np.testing.assert_allclose(
            table["expected_service_cost"].astype(float), wanted.expected_service_cost, rtol=1e-6, atol=1e-9
        )
        loss = wanted.clv < 0
        assert (
            f"{loss.sum():,} of {len(who):,} customers are expected to cost {-wanted.clv[loss].sum():,.2f}" in printed
        )
        own = "margin (weighted by revenue), discount rate, service cost; the value rests on those of each customer."
        assert f"Different by customer, above as means: {own}" in printed
        words = " ".join(printed.split())
        assert re.search(r"LTV:CAC [^;]+ before the cost of serving; [\w -]+: .{,99}(B2B SaaS|money|risky)", words)

    def test_different_terms_are_named_without_a_forecast(self, tmp_path, capsys):
        (tmp_path / "orders.csv").write_text("customer,date,amount\nann,2024-01-01,5\nbob,2024-01-02,7\n", "utf-8")
        (tmp_path / "terms.csv").write_text("customer,margin\nann,0.2\nbob,0.4\n", "utf-8")
        assert main([str(tmp_path / "orders.csv"), "--terms", str(tmp_path / "terms.csv")]) == 0
        printed = capsys.readouterr().out
        assert "not known: the log spans 2 days" in printed
        assert "  Different by customer, above as means: margin (weighted by revenue).\n" in printed

    @pytest.mark.parametrize("form", ["{}.0", "{}"])
    def test_whole_numbers_are_matched(self, tmp_path, capsys, form):
        rows = [f"{1 + n % 20},2023-{1 + n % 12:02}-{1 + n % 28:02},{n % 7 + 1}" for n in range(200)]
        (tmp_path / "orders.csv").write_text("\n".join(["customer,date,amount", *rows, ""]), "utf-8")
        terms = [f"{form.format(n)},0.{n % 9 + 1},4e-16" for n in range(3, 25)]
        (tmp_path / "terms.csv").write_text("\n".join(["customer,margin,service_cost", *terms, ""]), "utf-8")
        orders, table = (str(tmp_path / name) for name in ("orders.csv", "terms.csv"))
        assert main([orders, "--terms", table, "--margin", "0.3", "--service-cost", "0"]) == 0
        printed = capsys.readouterr().out
        said = "is used for 2 of 20 customers, the column {} of the file of --terms for the others."
        assert f"  --margin 0.3 {said.format('margin')}" in printed
        assert f"  --service-cost 0 {said.format('service_cost')}" in printed
        assert "Not in the file of --terms: 2 of 20 customers." in printed
        assert "In the file of --terms, but not in the orders: 4 customers." in printed

    def test_an_option_beside_its_column_says_for_whom_it_counts(self, tmp_path, capsys):
        log = "".join(f"{n},2024-0{month}-1{n % 9},{n}.5\n" for n in range(1, 21) for month in range(1, 7))
        (tmp_path / "orders.csv").write_text(f"customer,date,amount\n{log}")
        terms = "".join(f"{n},{'NA' if n == 7 else 0.3},web,3\n" for n in range(1, 21))
        (tmp_path / "terms.csv").write_text(f"customer,margin,segment,service_cost\n{terms}")
        orders, table = (str(tmp_path / name) for name in ("orders.csv", "terms.csv"))
        assert main([orders, "--terms", table, "--margin", "0.2", "--service-cost", "0.5"]) == 0
        printed = capsys.readouterr().out
        assert "  --margin 0.2 is used for 1 of 20 customers, the column margin" in printed
        assert "  --service-cost 0.5 is used for 0 of 20 customers, the column service_cost" in printed
        assert main([orders, "--terms", table, "--margin", "web=0.2"]) == 0
        printed = capsys.readouterr().out
        assert "  --margin is used for all customers, and the column margin of the file of --terms for none." in printed
        assert "service_cost of the file" not in printed
        (tmp_path / "terms.csv").write_text(f"customer,margin,segment,service_cost\n{terms}".replace("\n5,", "\n55,"))
        assert main([orders, "--terms", table, "--margin", "web=0.2"]) == 2
        assert capsys.readouterr().err.endswith("Hint: customer 5 is not in the file of --terms\n")

    def test_rows_without_a_customer_are_left_out_and_counted(self, tmp_path, capsys):
        """Spreadsheets write empty rows below a table."""
        log = "".join(f"{n},2024-0{month}-1{n % 9},{n}.5\n" for n in range(1, 21) for month in range(1, 7))
        (tmp_path / "orders.csv").write_text(f"customer,date,amount\n{log}")
        terms = "".join(f"{n}.0,0.3\n" for n in range(1, 21))
        (tmp_path / "terms.csv").write_text(f"customer,margin\n{terms},\nNA,0.4\n,\n")
        orders, table = (str(tmp_path / name) for name in ("orders.csv", "terms.csv"))
        assert main([orders, "--terms", table]) == 0
        printed = capsys.readouterr().out
        assert "Left out of the file of --terms, because the customer is missing: 3 of the rows." in printed
        assert "Not in the file of --terms" not in printed
        (tmp_path / "terms.csv").write_text("customer,margin\n,0.3\n")
        assert main([orders, "--terms", table]) == 2
        assert capsys.readouterr().err.endswith("Hint: it has no row with a customer\n")

    def test_a_number_of_the_table_of_terms_is_named_as_such(self, tmp_path, capsys):
        (tmp_path / "orders.csv").write_text("customer,date,amount\nann,2024-01-01,5\nbob,2024-02-01,5\n")
        (tmp_path / "terms.csv").write_text("customer,margin\nann,0.3\nbob,30\n")
        assert main([str(tmp_path / "orders.csv"), "--terms", str(tmp_path / "terms.csv")]) == 2
        says = "crmvalue: column 'margin' of the terms must be in [0, 1]; customer bob has 30\n"
        assert capsys.readouterr().err == says

    @pytest.mark.parametrize(
        ("kind", "word"),
        [*(("csv", word) for word in ("NaN", "NA", "null", "Null", "n/a", "")), ("parquet", "NaN"), ("parquet", None)],
    )
    def test_a_missing_number_is_the_one_for_all(self, tmp_path, capsys, word, kind):
        rows = [f"c{n % 20},2023-{1 + n % 12:02}-{1 + n % 28:02},{n % 7 + 1}" for n in range(200)]
        (tmp_path / "orders.csv").write_text("\n".join(["customer,date,amount", *rows]))
        table = tmp_path / f"terms.{kind}"
        margins = ["" if n == 3 else "0.4" for n in range(20)]
        if kind == "csv":
            lines = [f"c{n},{margin or word}" for n, margin in enumerate(margins)]
            table.write_text("\n".join(["customer,margin", *lines]))
        else:
            numbers = [float(margin or word) if margin or word else None for margin in margins]
            pq.write_table(pa.table({"customer": [f"c{n}" for n in range(20)], "margin": numbers}), table)
        options = [str(tmp_path / "orders.csv"), "--terms", str(table)]
        assert main([*options, "--margin", "0.2"]) == 0
        capsys.readouterr()
        assert main(options) == 2
        says = "got 1. Hint: customer c3 has none; --margin gives it for those without one\n"
        assert capsys.readouterr().err.endswith(says)

    @pytest.mark.parametrize(
        ("first", "said"),
        [
            ("12,5", None),
            ("1,200", "the comma in '1,200' can stand before"),
            ("1.200,5", "'1.200,5', which is no number"),
        ],
    )
    def test_decimal_commas(self, tmp_path, capsys, first, said):
        (tmp_path / "orders.csv").write_text("customer,date,amount\nann,2024-01-01,5\nbob,2024-01-02,5\n")
        (tmp_path / "terms.csv").write_text(f"customer;margin;acquisition_cost\nann;0,3;{first}\nbob;0,25;2\n")
        done = main([str(tmp_path / "orders.csv"), "--terms", str(tmp_path / "terms.csv")])
        printed = capsys.readouterr()
        assert done == (0 if said is None else 2)
        assert said is None or (said in printed.err and printed.err.count("\n") == 1)
        assert (
            said
            or "Different by customer, above as means: margin (weighted by revenue), acquisition cost." in printed.out
        )
        if said is None:
            terms = read_terms_file(str(tmp_path / "terms.csv"), np.array(["ann", "bob"]), {})
            assert (terms.margin.tolist(), terms.acquisition_cost.tolist()) == ([0.3, 0.25], [12.5, 2.0])

    def test_an_acquisition_cost_of_0_in_the_table_of_terms_gives_no_ratio(self, tmp_path, capsys):
        (tmp_path / "orders.csv").write_text("customer,date,amount\nann,2024-01-01,5\nbob,2024-01-02,5\n")
        (tmp_path / "terms.csv").write_text("customer,margin,acquisition_cost\nann,0.3,0\nbob,0.3,0\n")
        options = [str(tmp_path / "orders.csv"), "--terms", str(tmp_path / "terms.csv")]
        assert main(options) == 0
        printed = capsys.readouterr().out
        assert "No LTV:CAC: the acquisition cost of all customers is 0." in printed
        assert not re.search(r"\n  LTV:CAC", printed)
        assert main([*options[:1], "--margin", "0.3", "--acquisition-cost", "0"]) == 2
        assert "--acquisition-cost must be > 0; got 0.0" in capsys.readouterr().err

    def test_problems_of_the_table_of_terms_are_not_those_of_the_orders(self, tmp_path, capsys):
        (tmp_path / "terms").mkdir()
        for name in ("orders.csv", "terms/a.csv", "terms/b.csv"):
            (tmp_path / name).write_bytes(b"customer,date\na,2024-01-01\n" if name == "orders.csv" else b"PK\x03\x04")
        assert main([str(tmp_path / "orders.csv"), "--terms", str(tmp_path / "terms"), "--margin", "0.3"]) == 2
        assert capsys.readouterr().err.startswith("crmvalue: the files have 2 problems:\n- '")

    def test_the_table_of_terms_is_not_written_over(self, cdnow_csv, capsys):
        orders, terms = (str(cdnow_csv / name) for name in ("orders.csv", "terms.csv"))
        before = (cdnow_csv / "terms.csv").read_bytes()
        assert main([orders, "--terms", terms, "--output", terms]) == 2
        assert "--output must be another file than the one that is read" in capsys.readouterr().err
        assert (cdnow_csv / "terms.csv").read_bytes() == before

    @pytest.mark.parametrize(
        ("arguments", "says"),
        [
            (["--margin", "web=0.3"], "--margin must be one number where --terms has no column segment"),
            (["--service-cost", "3"], "--service-cost must be given together with --margin"),
            (["--margin", "0.3", "--terms", "none.csv"], "there is no file 'none.csv'"),
            (["--margin", "ads=0.3", "--terms", "TERMS"], "--margin must be given for the segment of each customer"),
            (["--margin", "ads=0.3,mail=2", "--terms", "TERMS"], "--margin must be in [0, 1]; got 2.0"),
            (["--margin", "0.3", "--service-cost", "ads=-1,mail=2", "--terms", "TERMS"], "--service-cost must be >= 0"),
            (["--margin", "0.3", "--terms", "ORDERS"], "--terms must be a file with the column customer"),
            (["--margin", "0.3", "--industry", "bakery"], "--industry must be one of 'B2B SaaS'"),
            (["--terms", "PART"], "--terms must be a file with the margin of each customer"),
            (["--terms", "TWICE"], "'TWICE' has customers in more than one row"),
            (["--terms", "WORDS"], "column 'margin' of the terms has 'much'"),
            (["--terms", "STRANGERS", "--margin", "0.3"], "--terms must be a file with customers of the orders"),
            (["--terms", "COLUMNS"], "'COLUMNS' has the column 'margin' more than once"),
            (["--margin", "0.3", "--acquisition-cost", "1e-100"], "--acquisition-cost must be > 0; got 1e-100"),
            (["--margin", "0.3", "--service-cost", "inf"], "--service-cost must be at most 1e+15; got inf"),
            (["--margin", "0.3", "--service-cost", "1e300"], "--service-cost must be at most 1e+15; got 1e+300"),
        ],
    )
    def test_one_sentence(self, cdnow_csv, capsys, arguments, says):
        files = {"PART": ["c00003,0.3"], "TWICE": ["c00003,0.3", "c00003,0.3"], "WORDS": ["c00003,much"]}
        files |= {"STRANGERS": ["3,0.3"], "COLUMNS": ["c00003,0.3,0.4"]}
        for name, rows in files.items():
            heading = "customer,margin,Margin" if name == "COLUMNS" else "customer,margin"
            (cdnow_csv / f"{name}.csv").write_text("\n".join([heading, *rows, ""]), "utf-8")
        places = {name: str(cdnow_csv / f"{name.lower()}.csv") for name in ("TERMS", "ORDERS")}
        places |= {name: str(cdnow_csv / f"{name}.csv") for name in files}
        given = [places.get(argument, argument) for argument in arguments]
        assert main([places["ORDERS"], *given]) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        for name, place in places.items():
            says = says.replace(f"'{name}'", repr(place))
        assert says in error

    @pytest.mark.parametrize("text", ["a=x", "=0.3", "a=0.3,", "a=0.3,a=0.4", "a=1_0"])
    def test_other_text_is_refused(self, capsys, text):
        with pytest.raises(SystemExit) as caught:
            main(["--margin", text])
        assert caught.value.code == 2
        assert "invalid number" in capsys.readouterr().err
