"""`python -m crmvalue --report`: what it writes, and when it refuses."""

from __future__ import annotations

import errno
import sys
from pathlib import Path

import numpy as np
import pytest

from crmvalue.__main__ import main
from crmvalue._report.output import check_page, write_page
from crmvalue._report.page.words import words_of
from crmvalue.datasets import load_cdnow
from crmvalue.errors import InputError

pytest.importorskip("duckdb")
pytest.importorskip("jinja2")
pytest.importorskip("matplotlib")


_CURRENCIES = (
    "Currencies in the column “%(column)s”: %(n)s, such as %(one)s and %(other)s. Amounts are added up as they are: "
    "convert them to one currency first, if they differ."
)
_GAP = (
    "No order between %(before)s and %(after)s; rows before, which count: %(n)s. If a date stands for none, take it "
    "out of the file."
)


@pytest.fixture
def orders(tmp_path):
    """Write a small log: quick to read, too small for a forecast."""
    path = tmp_path / "<b>orders & co.csv"
    rows = [f"{who},2024-0{month}-1{month},{10 * month}\n" for who in "abcd" for month in (1, 2, 3)]
    path.write_text("customer,date,amount\n" + "".join(rows), "utf-8")
    return path


class TestPage:
    """The page stands where it was asked for, complete, beside the overview that is printed."""

    def test_is_written_and_the_overview_is_printed(self, orders, tmp_path, capsys):
        page = tmp_path / "report.html"
        assert main([str(orders), "--report", str(page), "--margin", "0.3"]) == 0
        out, err = capsys.readouterr()
        assert out.startswith("Read 12 rows")
        assert out.endswith(f"Wrote the report to {page}.\n")
        assert err == ""
        text = page.read_text("utf-8")
        assert text.startswith('<!doctype html>\n<html lang="en">')
        assert "&lt;b&gt;orders &amp; co.csv" in text
        assert "<b>" not in text
        assert [path.name for path in tmp_path.iterdir() if path.suffix == ".part"] == []

    def test_says_how_the_table_of_terms_fits_the_orders(self, orders, tmp_path):
        table, page = tmp_path / "terms.csv", tmp_path / "r.html"
        table.write_text("customer,margin,service_cost\na,0.3,1\nb,,1\nzoe,0.4,1\n,0.2,1\n", "utf-8")
        given = ["--terms", str(table), "--margin", "0.2", "--service-cost", "0"]
        assert main([str(orders), *given, "--report", str(page)]) == 0
        text = page.read_text("utf-8")
        for said in (
            "Customers for whom the given “Margin” counts, and not that of the table of terms: 3.",
            "“Cost of serving a customer per year” counts, and not that of the table of terms: 2.",
            "Customers who are not in the table of terms: 2. They have the numbers that are given for all.",
            "Customers of the table of terms who are not in the orders: 1.",
            "Rows of the table of terms without a customer, left out: 1.",
        ):
            assert said in text

    def test_is_in_the_language(self, orders, tmp_path):
        assert main([str(orders), "--report", str(tmp_path / "r.html"), "--language", "ka"]) == 0
        assert '<html lang="ka">' in (tmp_path / "r.html").read_text("utf-8")

    def test_takes_the_place_of_an_older_one(self, orders, tmp_path):
        page = tmp_path / "report.htm"
        page.write_text("old")
        assert main([str(orders), "--report", str(page)]) == 0
        assert "old" not in page.read_text("utf-8").split()

    @pytest.mark.parametrize(
        ("duplicates", "said"),
        [
            ("keep", "Exact copies of other rows: 1. They count like all others."),
            ("drop", "Exact copies of other rows, left out: 1."),
        ],
    )
    def test_says_what_became_of_copies(self, orders, tmp_path, duplicates, said):
        lines = orders.read_text("utf-8").splitlines()
        orders.write_text("\n".join([*lines, lines[-1], *[",2024-01-01,5"] * 2]), "utf-8")
        page = tmp_path / "r.html"
        assert main([str(orders), "--report", str(page), "--duplicates", duplicates]) == 0
        text = page.read_text("utf-8")
        assert f"<li>{said}</li>" in text
        assert text.count("Exact copies") == 1
        assert "Rows without a customer, left out: 2." in text
        assert "<dd>15</dd>" in text

    def test_says_who_costs_more_than_they_bring(self, tmp_path, capsys):
        """A cost of 1,000 a year for each customer of CDNOW is more than nearly all of them bring."""
        cdnow = load_cdnow()
        rows = zip(cdnow.customer.tolist(), cdnow.date.tolist(), cdnow.amount.tolist(), strict=True)
        chosen = [f"{who},{day},{money}" for who, day, money in rows if who <= 400]
        (tmp_path / "o.csv").write_text("\n".join(["customer,date,amount", *chosen]), "utf-8")
        page, table = tmp_path / "r.html", tmp_path / "t.csv"
        options = ["--margin", "0.3", "--service-cost", "1000", "--acquisition-cost", "20"]
        options += ["--output", str(table), "--report", str(page)]
        assert main([str(tmp_path / "o.csv"), *options]) == 0
        head, *lines = table.read_text("utf-8").splitlines()
        place = head.split(",").index("clv")
        n = sum(float(line.split(",")[place]) < 0 for line in lines)
        text = page.read_text("utf-8")
        assert n > 0
        assert f"expected to cost more than they bring: {n}." in text
        assert "differ by customer" not in text  # one number holds for all
        assert "<dt>Cost of serving a customer per year</dt>" in text
        assert "The cost of serving a customer in this time is taken off." in text
        assert text.count(", before the cost of serving") == 4  # newcomer, active, LTV:CAC and acquisition cost
        printed = " ".join(capsys.readouterr().out.split())
        assert "Different by customer" not in printed
        assert "Serving a customer costs 1,000.00 a year" in printed
        assert "in margin at 0.3, less 1,000.00 a year for serving each" in printed
        for said in (
            "ARPU x margin 0.3 / churn, before the cost of serving",
            "buys again in the second, before the cost of serving",
            "of a newcomer, before the cost of serving; ",
            "at most, for an LTV:CAC of 3, before the cost of serving",
        ):
            assert said in printed

    def test_names_what_the_file_warns_of(self, tmp_path):
        rows = [
            "ann,2024-01-31,5",
            "Total:,2024-01-31,9",
            "?????,2024-01-31,2",
            "1.5E+11,2024-02-01,3",
            '"eve,2024-02-01,3',
            "dan,2024-02-01,4",
            'flo",2024-02-02,4',
            ",2024-02-02,1",
            "bob,,1",
            "bob,2203-01-01,1",
        ]
        rows += [f"c{k},2024-02-0{k},{k}" for k in range(1, 9)] * 2
        (tmp_path / "o.csv").write_text("Käufer,date,amount\n" + "\n".join(rows), "cp1252")
        assert main([str(tmp_path / "o.csv"), "--report", str(tmp_path / "r.html")]) == 0
        text = (tmp_path / "r.html").read_text("utf-8")
        for said in (
            "Rows without a customer, left out: 1.",
            "Rows without a date, left out: 1.",
            "Rows whose date is years away from all others, left out: 1.",
            "Customers that a spreadsheet has rounded, such as 1.5E+11: 1.",
            "Customers with rows of the file in their names, such as “eve,2024-02-01,3”: 1, lines in all: 3.",
            "Counted as a customer: “Total:”.",
            "Customers whose letters were lost, such as “?????”: 1.",
            "Not all is UTF-8. It was read as cp1252, in which the headings are known.",
            "Columns that were guessed by their names: “Käufer”, “date”, “amount”.",
        ):
            assert said in text, said

    def test_says_that_files_were_left_out_only_where_some_were(self, orders, tmp_path, capsys):
        page, said = tmp_path / "r.html", "Some files were left out."
        assert main([str(orders), str(orders), "--report", str(page)]) == 0
        assert "1 file was named more than once: read once." in capsys.readouterr().out
        assert said not in page.read_text("utf-8")
        assert main([str(tmp_path), "--report", str(page)]) == 0  # the page is in the folder too
        assert "1 file was skipped, as no CSV or Parquet file: 'r.html'." in capsys.readouterr().out
        assert said in page.read_text("utf-8")

    def test_warns_of_the_file_as_the_command_does(self, tmp_path, capsys):
        """Currencies, the sum that is left out, dates without a zone and a gap of years were on no page."""
        rows = [
            f"{who},20{16 + 8 * (k > 0)}-02-0{k + 1}T10:00Z,{k} €,{['EUR', 'USD'][k % 2]}"
            for who in "ab"
            for k in range(4)
        ]
        rows += ["c,2024-02-05T10:00,7,USD", "Subtotal,2024-02-04T10:00Z,1,", "Total,2024-02-04T10:00Z,2,"]
        rows += ["Grand total,2024-03-01T00:00Z,99,"]
        (tmp_path / "o.csv").write_text("customer,date,amount,currencyCode\n" + "\n".join(rows), "utf-8")
        page = tmp_path / "r.html"
        assert main([str(tmp_path / "o.csv"), "--report", str(page), "--language", "uk"]) == 0
        printed, text = " ".join(capsys.readouterr().out.split()), page.read_text("utf-8")
        for said in (
            "Column 'currencyCode' has 2 currencies, such as USD and EUR.",
            "Some amounts are in €; 4 of the rows name none, and count as €.",
            "Left out, because only the sum of the table is dated after 2024-02-05: 'Grand total'.",
            "Counted as customers: 'Subtotal', 'Total'.",
            "1 of the rows has no time zone",
            "No order between 2016-02-01 and 2024-02-02: 2 rows lie before, and count.",
        ):
            assert said in printed, said
        of_language = words_of("uk")
        days = {"day": of_language.day(np.datetime64("2024-02-05")), "who": "Grand total"}
        gap = {
            "before": of_language.day(np.datetime64("2016-02-01")),
            "after": of_language.day(np.datetime64("2024-02-02")),
        }
        for label, values in (
            (_CURRENCIES, {"column": "currencyCode", "n": 2, "one": "USD", "other": "EUR"}),
            ("Some amounts are in %(currency)s. Rows that name no currency, counted as %(currency)s: %(n)s.",
             {"currency": "€", "n": 4}),
            ("Left out, because only sums of the table are dated after %(day)s: %(who)s.", days),
            ("Counted as customers: %(who)s. If they are sums of the table, take the rows out.",
             {"who": "Subtotal, Total"}),
            ("Rows whose date has no time zone, counted on the day that is written: %(n)s.", {"n": 1}),
            (_GAP, {**gap, "n": 2}),
        ):  # fmt: skip
            assert f"<li>{of_language(label, **values)}</li>" in text, label


class TestRefusals:
    """What cannot be done is said at once, in one line, with exit code 2, and nothing is written."""

    def refused(self, capsys, *arguments):
        assert main([str(argument) for argument in arguments]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err.count("\n") == 1
        return err

    @pytest.mark.parametrize("name", ["report.pdf", "report", "report.html.txt"])
    def test_another_ending(self, orders, tmp_path, capsys, name):
        err = self.refused(capsys, orders, "--report", tmp_path / name)
        assert "--report" in err
        assert "a file whose name ends in .html or .htm" in err

    def test_a_folder_that_is_not_there(self, orders, tmp_path, capsys):
        assert "in a folder that exists" in self.refused(capsys, orders, "--report", tmp_path / "no" / "r.html")

    def test_a_folder_in_its_place(self, orders, tmp_path, capsys):
        (tmp_path / "r.html").mkdir()
        assert "a file, not a folder" in self.refused(capsys, orders, "--report", tmp_path / "r.html")

    def test_the_file_that_is_read(self, orders, capsys):
        named = orders.rename(orders.with_suffix(".html"))
        assert "another file" in self.refused(capsys, named, "--report", named)

    def test_a_language_without_a_page(self, orders, capsys):
        assert "--language" in self.refused(capsys, orders, "--language", "uk")

    def test_a_language_that_is_not_there(self, orders, tmp_path, capsys):
        with pytest.raises(SystemExit) as stopped:
            main([str(orders), "--report", str(tmp_path / "r.html"), "--language", "de"])
        assert stopped.value.code == 2
        assert "de" in capsys.readouterr().err

    @pytest.mark.parametrize("library", ["jinja2", "matplotlib"])
    def test_the_extra_is_missing(self, orders, tmp_path, capsys, monkeypatch, library):
        monkeypatch.setitem(sys.modules, library, None)
        err = self.refused(capsys, orders, "--report", tmp_path / "r.html")
        assert "pip install 'crmvalue[report]'" in err
        assert not (tmp_path / "r.html").exists()

    def test_a_place_that_cannot_be_written(self, tmp_path, monkeypatch):
        def refuse(*_, **__):
            raise PermissionError(errno.EACCES, "Permission denied")

        monkeypatch.setattr(Path, "touch", refuse)
        with pytest.raises(InputError, match="a file that can be written"):
            check_page(str(tmp_path / "r.html"))

    def test_a_disk_that_is_full(self, orders, tmp_path, capsys, monkeypatch):
        """The overview is not lost, and neither is the page that stood there before."""

        def fill(*_, **__):
            raise OSError(errno.ENOSPC, "No space left on device")

        (tmp_path / "r.html").write_text("old")
        monkeypatch.setattr(Path, "write_text", fill)
        assert main([str(orders), "--report", str(tmp_path / "r.html")]) == 2
        out, err = capsys.readouterr()
        assert "THE BASE" in out
        assert "Wrote" not in out
        assert "No space left on device" in err
        assert (tmp_path / "r.html").read_bytes() == b"old"


def test_a_page_is_written_in_utf_8_with_plain_ends_of_lines(tmp_path):
    write_page("ა\nї\n", tmp_path / "r.html")
    assert (tmp_path / "r.html").read_bytes() == "ა\nї\n".encode()
