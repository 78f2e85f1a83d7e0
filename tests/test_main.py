"""The command `python -m crmvalue`, and the reading of files behind it."""

from __future__ import annotations

import datetime as dt
import gzip
import re
import subprocess
import sys

import numpy as np
import pytest

from crmvalue import report
from crmvalue.__main__ import main
from crmvalue._files import read_orders
from crmvalue.datasets import load_cdnow
from crmvalue.errors import InputError

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
        path = write(tmp_path / "orders.csv", header='"who\'s ""it""",date,amount; drop table x')
        orders = read_orders(path, customer='who\'s "it"', amount="AMOUNT; DROP TABLE X")
        assert as_rows(orders) == sorted(ROWS)
        assert orders.guessed == {"date"}

    def test_whole_number_customers_beside_missing_ones_keep_their_form(self, tmp_path):
        path = tmp_path / "orders.csv"
        path.write_text("customer,date\n17850.0,2024-01-01\n,2024-01-02\n13047.0,2024-01-02\n")
        orders = read_orders(str(path))
        assert orders.customer.tolist() == ["13047", "17850"]
        assert (orders.n_rows, orders.n_without_customer) == (3, 1)

    def test_rows_of_one_customer_and_day_are_added_up_by_kind(self, tmp_path):
        path = tmp_path / "orders.csv"
        path.write_text(
            "customer,date,amount\na,2024-01-01,10\na,2024-01-01,5.5\na,2024-01-01,-3\na,2024-01-01,0\n"
            "a,2024-01-01,NA\n,2024-01-01,7\nb,,7\n"
        )
        orders = read_orders(str(path))
        assert sorted(orders.amount.tolist(), key=str) == pytest.approx([-3.0, 0.0, 15.5, np.nan], nan_ok=True)
        assert (orders.n_rows, orders.n_without_customer, orders.n_without_date) == (7, 1, 1)

    def test_instants_fall_on_their_day_in_utc(self, tmp_path):
        path = tmp_path / "orders.parquet"
        duckdb.sql(
            f"copy (select 1 as customer, timestamptz '2024-01-01 23:00:00-05' as date, 1.0 as amount) to '{path}'"
        )
        assert read_orders(str(path)).date.tolist() == [dt.date(2024, 1, 2)]

    @pytest.mark.parametrize(
        ("content", "name", "says"),
        [
            (b"", "FILE", "at least one row"),
            (b"customer,date,amount\n", "FILE", "at least one row"),
            (b"customer,date\n,2024-01-01\n", "FILE", "a customer and a date"),
            (bytes(range(256)) * 40, "FILE", "a readable CSV or Parquet file"),
            (b"PAR1garbage", "FILE", "a readable CSV or Parquet file"),
            (b"x,y\n1,2024-01-01\n", "--customer", "x, y"),
            (b"customer,y\n1,7.5\n", "--date", "customer, y"),
            (b"customer,date\na,2024-01-01\nb,yesterday\n", "column date", "yesterday"),
            (b"customer,date\na,7.5\n", "column date", "7.5"),
            (b"customer,date\na,2024-02-30\n", "column date", "2024-02-30"),
            (b"customer,date\na,2024-01-01\nb,99999-01-01\n", "column date", "99999-01-01"),
            (b"customer,date,amount\na,2024-01-01,1\nb,2024-01-01,two\n", "column amount", "two"),
            (b"customer,date,amount\na,2024-01-01,1\nb,2024-01-01,inf\n", "column amount", "inf"),
            (b"customer,date,amount\na,2024-01-01,1\nb,2024-01-01,1e300\n", "column amount", "1e+300"),
        ],
    )
    def test_rejects_content(self, tmp_path, content, name, says):
        path = tmp_path / "orders.csv"
        path.write_bytes(content)
        with pytest.raises(InputError) as caught:
            read_orders(str(path))
        assert caught.value.name == name
        assert says in str(caught.value)

    def test_rejects_missing_file_folder_and_wrong_columns(self, tmp_path):
        path = write(tmp_path / "orders.csv")
        for bad in (str(tmp_path / "none.csv"), str(tmp_path)):
            with pytest.raises(InputError, match="an existing file"):
                read_orders(bad)
        with pytest.raises(InputError, match=r"--amount.*a column of the file \(customer, date, amount\)"):
            read_orders(path, amount="money")
        with pytest.raises(InputError, match="different columns"):
            read_orders(path, customer="date", date="date")

    def test_says_which_extra_is_missing(self, tmp_path, monkeypatch):
        monkeypatch.setitem(sys.modules, "duckdb", None)
        with pytest.raises(ModuleNotFoundError, match=r"crmvalue\[report\]"):
            read_orders(write(tmp_path / "orders.csv"))


class TestMain:
    """Prints the overview and returns 0; one clear sentence and 2 for input that cannot be used."""

    def test_shipped_data(self, capsys):
        assert main([]) == 0
        printed = capsys.readouterr().out
        for fact in (r"customers +2,357", r"purchases +6,696", r"revenue +244,091\.94", r"1997-01-01 to 1998-06-30"):
            assert re.search(fact, printed), fact
        assert "give a margin" in printed

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
        assert printed.split("THE BASE")[1] == shipped
        assert printed.startswith("Read 6,919 rows: customer = 'id', date = 'when', amount = 'money'.\n")
        assert "guess" not in printed

    def test_says_what_it_guessed_and_left_out(self, tmp_path, capsys):
        path = tmp_path / "orders.csv"
        path.write_text("client,day,total\na,2024-01-01,5\n,2024-01-01,5\na,,5\na,2024-01-03,\na,2024-01-04,-2\n")
        assert main([str(path)]) == 0
        printed = capsys.readouterr().out
        for fact in (
            r"customer = 'client' \(guessed\), date = 'day' \(guessed\), amount = 'total' \(guessed\)",
            r"for want of a customer: 1 ",
            r"for want of a date: 1 ",
            r"1 row +without an amount",
            r"1 row +taken off purchases; 0 purchases cancelled",
            r"revenue +3\.00",
        ):
            assert re.search(fact, printed), fact

    def test_a_file_without_amounts(self, tmp_path, capsys):
        path = tmp_path / "orders.csv"
        path.write_text("customer,date\na,2024-01-01\na,2024-03-01\n")
        assert main([str(path)]) == 0
        assert "the log has no amounts" in capsys.readouterr().out

    @pytest.mark.parametrize(
        ("arguments", "says"),
        [
            (["none.csv"], "an existing file"),
            (["--customer", "id"], "together with a FILE"),
            (["--margin", "30"], "a fraction, not percent"),
            (["--margin", "nan"], "finite"),
            (["--acquisition-cost", "0"], "> 0"),
            (["--discount-rate", "-0.1"], ">= 0"),
            (["--as-of", "tomorrow"], "a date"),
            (["--as-of", "1990-01-01"], "on or before 1990-01-01"),
        ],
    )
    def test_one_sentence_and_two(self, capsys, arguments, says):
        assert main(arguments) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.count("\n") == 1
        assert says in captured.err

    def test_as_a_command(self):
        done = subprocess.run(
            [sys.executable, "-m", "crmvalue", "none.csv"], capture_output=True, text=True, check=False
        )
        assert done.returncode == 2
        assert done.stderr == "crmvalue: `FILE` must be an existing file; got 'none.csv'\n"
        help_text = subprocess.run(
            [sys.executable, "-m", "crmvalue", "--help"], capture_output=True, text=True, check=True
        ).stdout
        for option in ("FILE", "--customer", "--date", "--amount", "--margin", "--acquisition-cost", "--as-of"):
            assert option in help_text

    def test_does_not_hide_defects(self, monkeypatch):
        def broken(*_, **__):
            raise ZeroDivisionError

        monkeypatch.setattr(report, "summarise_base_log", broken)
        with pytest.raises(ZeroDivisionError):
            main([])
