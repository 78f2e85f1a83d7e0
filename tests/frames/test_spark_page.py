"""The how-to page of Spark: its lines run, and print what the page shows."""

from __future__ import annotations

import contextlib
import io
import re
import warnings
from pathlib import Path

import pytest

from tests.frames.engines import ENGINES, needs, quiet_pyspark

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "run-on-spark.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(py|text)\n(.*?)```", PAGE, flags=re.DOTALL)


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
