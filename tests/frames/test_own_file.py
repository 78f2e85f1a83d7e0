"""The lines of "Start from your own file" read what they say they read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from crmvalue.frames import summarise

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "dataframes-and-warehouses.md").read_text(encoding="utf-8")
PART = PAGE.partition("## Start from your own file")[2].partition("\n## ")[0]
ROWS = dict(re.findall(r"^\| (dates|Parquet|semicolons)[^|]* (\|.*)\|$", PART, re.MULTILINE))
PLAIN = "customer,date,amount\nMüller,2024-12-31,1234.50\nÖz,2024-02-01,9.90\n"
GERMAN = "Käufer;Datum;Betrag\nMüller;31.12.2024;1234,50\nÖz;01.02.2024;9,90\n"


@pytest.mark.parametrize("engine", ["pandas", "polars", "duckdb"])
def test_each_line_reads_its_file(tmp_path, engine):
    module = pytest.importorskip(engine)
    pandas = pytest.importorskip("pandas")
    file = str(tmp_path / "orders")
    codes = {row: re.findall("`([^`]+)`", cells) for row, cells in ROWS.items()}
    lines = {row: next(code for code in found if code.startswith(engine)) for row, found in codes.items()}
    for row, text, encoding in (
        ("dates", PLAIN, "utf-8"),
        ("semicolons", GERMAN, "utf-8"),
        ("semicolons", GERMAN, "cp1252"),
    ):
        if (engine, encoding) == ("duckdb", "cp1252"):  # the page says that DuckDB reads UTF-8 alone
            continue
        Path(file).write_text(text, encoding=encoding)
        line = lines[row] if encoding == "utf-8" else f'{lines[row][:-1]}, encoding="{encoding}")'
        check(eval(line, {engine: module, "file": file}))  # noqa: S307 - a line of our own page
    days = pandas.to_datetime(["2024-12-31", "2024-02-01"])
    pandas.DataFrame({"customer": ["Müller", "Öz"], "date": days, "amount": [1234.5, 9.9]}).to_parquet(file)
    check(eval(lines["Parquet"], {engine: module, "file": file}))  # noqa: S307 - a line of our own page


def check(orders):
    customers = summarise(orders)
    assert str(customers.as_of) == "2024-12-31"
    frame = customers.frame
    frame = frame.df() if hasattr(frame, "df") else frame
    assert sorted(frame["total_spend"]) == [9.9, 1234.5]
