"""The how-to pages of frames: the lines of Spark run, and the lines that read own files do."""

from __future__ import annotations

import contextlib
import io
import re
import warnings
from pathlib import Path

import pytest

from crmvalue.frames import summarise
from tests.frames.engines import ENGINES, needs, quiet_pyspark

PAGES = Path(__file__).parents[2] / "docs" / "how-to"
SPARK = (PAGES / "run-on-spark.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(py|text)\n(.*?)```", SPARK, flags=re.DOTALL)
FRAMES = (PAGES / "dataframes-and-warehouses.md").read_text(encoding="utf-8")
PART = FRAMES.partition("## Start from your own file")[2].partition("\n## ")[0]
ROWS = dict(re.findall(r"^\| (dates|Parquet|semicolons)[^|]* (\|.*)\|$", PART, re.MULTILINE))
PLAIN = "customer,date,amount\nMüller,2024-12-31,1234.50\nÖz,2024-02-01,9.90\n"
GERMAN = "Käufer;Datum;Betrag\nMüller;31.12.2024;1234,50\nÖz;01.02.2024;9,90\n"


@pytest.mark.slow
def test_the_lines_of_the_page_run(tmp_path, monkeypatch):
    needs(next(engine for engine in ENGINES if engine.package == "pysail"))
    monkeypatch.chdir(tmp_path)  # the tables are files
    monkeypatch.setenv("RUST_LOG", "error")
    names, printed, shown = {}, "", ""
    with quiet_pyspark(), warnings.catch_warnings(action="ignore"):  # PySpark warns of pandas 3
        for language, text in BLOCKS:
            if language == "text":
                shown += text
                continue
            output = io.StringIO()
            with contextlib.redirect_stdout(output):
                exec(compile(text, "run-on-spark.md", "exec"), names)  # noqa: S102 - the lines of this very page
            printed += output.getvalue()
        assert names["tonight"].count() == 2357
        names["spark"].stop()
        names["server"].stop()
    assert printed.split() == shown.split()
    assert printed


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
