"""What the command prints on any console, and the table that it writes, or cannot write."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from crmvalue.__main__ import main
from crmvalue._report.output import check_output, check_page, write_page, write_table
from crmvalue._report.text import fit_lines, format_models, format_summary
from crmvalue.datasets import load_cdnow
from crmvalue.errors import InputError
from crmvalue.report import Estimate, summarise_base, summarise_models

duckdb = pytest.importorskip("duckdb")


def run(*arguments, **options):
    """Run the command as a user does."""
    command = [sys.executable, "-m", "crmvalue", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, check=False, **options)


def few_orders(path, customers=("a", "b"), header="customer,date,amount"):
    path.write_text(header + "\n" + "".join(f"{who},2024-01-0{i + 1},5\n" for i, who in enumerate(customers)), "utf-8")
    return path


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    """Write a log of 500 customers, enough for a model; some of their names are formulas."""
    cdnow = load_cdnow()
    chosen = cdnow.customer <= 500
    names = {1: "=cmd|' /C calc'!A0", 2: "+380 44", 3: "-x", 4: "@sum", 5: "-5", 6: "+1.5", 7: "007", 8: "'quoted"}
    who = [names.get(number, str(number)) for number in cdnow.customer[chosen].tolist()]
    rows = zip(who, cdnow.date[chosen].tolist(), cdnow.amount[chosen].tolist(), strict=True)
    path = tmp_path_factory.mktemp("log") / "orders.csv"
    path.write_text("customer,date,amount\n" + "".join(f'"{who}",{day},{money}\n' for who, day, money in rows), "utf-8")
    return path


class TestConsole:
    """A console that cannot show a letter shows a question mark; no control character reaches it."""

    @pytest.mark.parametrize(
        "encoding",
        [*(pytest.param(name, marks=pytest.mark.slow) for name in ("cp1252", "latin-1")), "ascii", "cp1251", "utf-8"],
    )
    def test_ukrainian_heading(self, tmp_path, encoding):
        path = few_orders(tmp_path / "orders.csv", header="покупець,date,amount")
        done = run(path, "--customer", "покупець", env={**os.environ, "PYTHONIOENCODING": encoding})
        assert (done.returncode, done.stderr) == (0, b"")
        shown = "покупець" if encoding in {"cp1251", "utf-8"} else "?" * 8
        assert f"customer = '{shown}'" in done.stdout.decode(encoding)
        assert "THE BASE" in done.stdout.decode(encoding)

    def test_ukrainian_error(self):
        done = run("немає.csv", env={**os.environ, "PYTHONIOENCODING": "ascii"})
        assert done.returncode == 2
        assert done.stderr.count(b"\n") == 1
        assert done.stderr.startswith(b"crmvalue: there is no file '")

    @pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such a name")
    def test_a_file_name_that_is_no_text(self, tmp_path):
        path = os.fsencode(tmp_path) + b"/\xe9.csv"
        done = subprocess.run([sys.executable, "-m", "crmvalue", path], capture_output=True, check=False)
        assert (done.returncode, done.stdout, done.stderr.count(b"\n")) == (2, b"", 1)

    def test_control_characters_are_escaped(self, tmp_path, capsys):
        path = few_orders(tmp_path / "orders.csv", header="cli\x1b[31ment,when\x07,amount")
        assert main([str(path)]) == 2
        assert "\x1b" not in capsys.readouterr().err
        assert main([str(path), "--customer", "none\x1b"]) == 2
        error = capsys.readouterr().err
        assert "\x1b" not in error
        assert "\\x1b[31m" in error

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a full device")
    def test_a_full_disk_under_the_overview(self, tmp_path):
        path = few_orders(tmp_path / "orders.csv")
        with Path("/dev/full").open("wb") as full:
            done = subprocess.run(
                [sys.executable, "-m", "crmvalue", path], stdout=full, stderr=subprocess.PIPE, check=False
            )
        assert done.returncode == 2
        assert done.stderr == b"crmvalue: cannot print the overview: No space left on device\n"

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a full device")
    @pytest.mark.parametrize(("option", "what"), [("--help", "the help"), ("--version", "the version")])
    def test_a_full_disk_under_the_help(self, option, what, capsys, monkeypatch):
        with Path("/dev/full").open("w", encoding="utf-8") as full:
            monkeypatch.setattr(sys, "stdout", full)
            with pytest.raises(SystemExit) as stopped:
                main([option])
        assert stopped.value.code == 2
        assert capsys.readouterr().err == f"crmvalue: cannot print {what}: No space left on device\n"

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a full device")
    def test_a_full_disk_under_the_errors(self):
        with Path("/dev/full").open("wb") as full:
            done = subprocess.run([sys.executable, "-m", "crmvalue", "none.csv"], stderr=full, check=False)
        assert done.returncode == 2

    def test_a_closed_output_is_no_success(self, tmp_path, monkeypatch, capsys):
        path = str(few_orders(tmp_path / "orders.csv"))
        monkeypatch.setattr(sys, "stdout", None)  # as Python has it where its caller closed the stream
        assert main([path]) == 2
        assert capsys.readouterr().err == "crmvalue: cannot print the overview: the output is closed\n"

    @pytest.mark.parametrize("arguments", [["none.csv"], ["--none"]])
    def test_errors_do_not_go_to_the_overview_where_stderr_is_closed(self, monkeypatch, capsys, arguments):
        monkeypatch.setattr(sys, "stderr", None)  # as Python has it where its caller closed the stream
        try:
            code = main(arguments)
        except SystemExit as stop:
            code = stop.code
        assert (code, capsys.readouterr().out) == (2, "")
        assert sys.stderr is None

    @pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs a file that opens and cannot be read")
    def test_a_read_error_after_opening(self, capsys):
        assert main(["/proc/self/mem"]) == 2
        error = capsys.readouterr().err
        assert error.startswith("crmvalue: cannot ")
        assert error.count("\n") == 1


class TestWidth:
    """No word is cut: what does not fit goes on in the next line."""

    @pytest.mark.parametrize("width", [20, 30, 40, 58, 79, 80, 100, 119])
    def test_all_words_stay_in_their_order(self, width):
        cdnow = load_cdnow()
        money = {"margin": 0.3, "acquisition_cost": 20, "discount_rate": 0.1}
        text = format_summary(summarise_base(cdnow.customer, cdnow.date, cdnow.amount, **money))
        fitted = fit_lines(text, width)
        assert fitted.split() == text.split()
        assert max(map(len, fitted.splitlines())) <= width

    def test_a_figure_stands_before_its_note(self):
        assert fit_lines("  customers      12       of them all, and a few more than that", 40) == (
            "  customers      12\n      of them all, and a few more than\n      that"
        )

    def test_a_terminal_is_filled_and_not_overrun(self, tmp_path):
        pty = pytest.importorskip("pty")
        path, columns = few_orders(tmp_path / "orders.csv"), 60
        leader, follower = pty.openpty()
        with subprocess.Popen(
            [sys.executable, "-m", "crmvalue", path], stdout=follower, env={**os.environ, "COLUMNS": str(columns)}
        ) as process:
            os.close(follower)
            shown = b""
            try:
                while block := os.read(leader, 65536):
                    shown += block
            except OSError:  # the other end is closed
                pass
        os.close(leader)
        assert process.returncode == 0
        lines = shown.decode().splitlines()
        assert 40 < max(map(len, lines)) <= columns

    def test_an_interval_never_touches_the_note(self):
        summary = summarise_base([1, 1, 2], ["2024-01-01", "2024-03-01", "2024-02-10"], [1e7, 2e7, 3.5e7])
        assert re.search(r"to \d[\d,.]+  so far", format_summary(summary))

    def test_columns_never_touch(self, tmp_path, capsys):
        path = tmp_path / "orders.csv"
        path.write_text("customer,date,amount\n" + "".join(f"{i},2024-01-0{i},9e14\n" for i in range(1, 6)))
        assert main([str(path)]) == 0
        table = capsys.readouterr().out.split("GROUPS OF CUSTOMERS")[1]
        assert re.search(r"% +\d{3},\d{3},\d{3},\d{3},\d{3}\.00 ", table)
        assert not re.search(r"%\d|\.\d\d\d", table)

    def test_no_infinity_in_figures(self):
        cdnow = load_cdnow()
        chosen = cdnow.customer <= 500
        late = cdnow.date[chosen] > np.datetime64("1997-11-24")
        amount = np.where(late, 0.0, cdnow.amount[chosen])
        summary = summarise_models(cdnow.customer[chosen], cdnow.date[chosen], amount)
        assert summary.score(summary.model).spend.bias == np.inf
        text = format_models(summary)
        assert not re.search(r"\binf\b", text)
        assert "the holdout has no money to compare with" in text


class TestTable:
    """The file appears whole or not at all, and says which customers a spreadsheet would have run."""

    @pytest.mark.parametrize("name", ["a" * 246 + ".csv", "a" * 252 + ".csv", "~nobody-here/x.csv", "a\0.csv"])
    def test_impossible_or_long_names(self, tmp_path, monkeypatch, name):
        monkeypatch.chdir(tmp_path)
        if len(name) == 250:
            assert write_table({"customer": np.array(["a"])}, check_output(name)) == 0
            assert [file.name for file in tmp_path.iterdir()] == [name]
        else:
            with pytest.raises(InputError, match=r"in a folder that exists|a file that can be written"):
                check_output(name)
            assert not list(tmp_path.iterdir())

    def test_a_long_name_is_refused_before_the_work(self, tmp_path, capsys, monkeypatch):
        monkeypatch.setattr("crmvalue._report.base.summarise_base_log", None)
        assert main(["--output", str(tmp_path / ("a" * 260 + ".csv"))]) == 2
        error = capsys.readouterr().err
        assert "File name too long" in error
        assert error.count("\n") == 1

    def test_no_device(self, tmp_path):
        (tmp_path / "x.csv").symlink_to("/dev/null")
        with pytest.raises(InputError, match="not a device"):
            check_output(str(tmp_path / "x.csv"))

    def test_a_link_stays_and_its_file_is_written(self, tmp_path):
        (tmp_path / "far").mkdir()
        for name in ("page.html", "table.csv"):
            (tmp_path / name).symlink_to(tmp_path / "far" / f"the-{name[:4]}")
        write_page("new", check_page(str(tmp_path / "page.html")))
        write_table({"customer": np.array(["a"])}, check_output(str(tmp_path / "table.csv")))
        assert all((tmp_path / name).is_symlink() for name in ("page.html", "table.csv"))
        assert (tmp_path / "far" / "the-page").read_text() == "new"
        assert sorted(file.name for file in (tmp_path / "far").iterdir()) == ["the-page", "the-tabl"]

    @pytest.mark.slow
    @pytest.mark.parametrize("form", ["csv", "parquet"])
    def test_a_full_disk(self, log, tmp_path, form):
        """A file may not grow beyond 4 kB, as if the disk were full then."""
        target = tmp_path / f"values.{form}"
        target.write_text("old")

        # In the process itself: between fork and exec, handlers of libraries that other tests have loaded may end it.
        limited = (
            "import resource, runpy; resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)); "
            "runpy.run_module('crmvalue', run_name='__main__', alter_sys=True)"
        )
        command = [sys.executable, "-c", limited, str(log), "--output", str(target)]
        done = subprocess.run(command, capture_output=True, check=False)
        assert done.returncode == 2
        assert b"WHAT THE CUSTOMERS WILL DO" in done.stdout  # the work is not lost
        error = done.stderr.decode()
        assert error.startswith("crmvalue: --output must be a file that can be written")
        assert error.endswith("Hint: File too large\n")
        assert error.count("\n") == 1
        assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [(target.name, "old")]

    def test_formulas_are_guarded_in_csv(self, log, tmp_path, capsys):
        assert main([str(log), "--output", str(tmp_path / "values.csv")]) == 0
        printed = " ".join(capsys.readouterr().out.split())
        assert (
            "4 customers begin with a sign that a spreadsheet takes for a formula, or with apostrophes before such"
            in printed
        )
        found = duckdb.read_csv(str(tmp_path / "values.csv"), all_varchar=True).fetchnumpy()["customer"].tolist()
        names = {"'=cmd|' /C calc'!A0", "'+380 44", "'-x", "'@sum", "-5", "+1.5", "007", "'quoted"}
        assert names <= set(found)
        assert len(found) == len(set(found)) == len(names | set(map(str, range(9, 501))))

    def test_and_are_as_they_were_in_parquet(self, log, tmp_path, capsys):
        assert main([str(log), "--output", str(tmp_path / "values.parquet")]) == 0
        assert "a spreadsheet" not in capsys.readouterr().out
        found = duckdb.read_parquet(str(tmp_path / "values.parquet")).fetchnumpy()["customer"].tolist()
        assert {"=cmd|' /C calc'!A0", "+380 44", "-x", "@sum", "-5", "007", "'quoted"} <= set(found)

    @pytest.mark.parametrize(
        ("text", "written"),
        [
            ("=1+1", "'=1+1"), ("\t=1", "'\t=1"), ("\r=1", "'\r=1"), ("\n=1", "'\n=1"), ("+", "'+"),
            ("-2+3", "'-2+3"), ("-5", "-5"), ("-5,5", "-5,5"), ("+380441234567", "+380441234567"), ("a=1", "a=1"),
            ("", ""), ("'=1", "''=1"), ("''=1", "'''=1"), ("'x", "'x"), ("'-5", "''-5"), ("\uff1d1", "'\uff1d1"),
        ],
    )  # fmt: skip
    def test_what_is_guarded(self, tmp_path, text, written):
        n = write_table({"customer": np.array(["x", text])}, tmp_path / "x.csv")
        assert n == (text != written)
        relation = duckdb.read_csv(str(tmp_path / "x.csv"), all_varchar=True, header=True, delimiter=",")
        assert (relation.fetchall()[1][0] or "") == written

    def test_different_texts_stay_different(self, tmp_path):
        texts = ["'" * n + end for n in range(4) for end in ("=q", "-5", "-x", "q", "@")]
        assert write_table({"customer": np.array(texts)}, tmp_path / "x.csv") == 4 * 3 + 3
        relation = duckdb.read_csv(str(tmp_path / "x.csv"), all_varchar=True, header=True, delimiter=",")
        written = [row[0] for row in relation.fetchall()]
        assert len(set(written)) == len(texts)
        assert not any(text.startswith(("=", "@", "-x")) for text in written)

    @pytest.mark.parametrize(
        ("kind", "values"),
        [
            ("BIGINT", [2**53 + 1, -5]), ("UTINYINT", [7]), ("HUGEINT", [2**100]), ("DOUBLE", [17850.0, 0.1]),
            ("DECIMAL(9,2)", [Decimal("1.50")]), ("VARCHAR", ["007", "-x"]), ("DATE", ["2024-01-01"]),
        ],
    )  # fmt: skip
    def test_ids_become_numbers_again_in_parquet(self, tmp_path, kind, values):
        text = np.array([str(value) for value in values])
        assert write_table({"customer": text}, tmp_path / "x.parquet", kind) == 0
        assert [row[0] for row in duckdb.read_parquet(str(tmp_path / "x.parquet")).fetchall()] == values

    def test_ids_of_a_parquet_log_keep_their_type(self, tmp_path, capsys):
        cdnow = load_cdnow()
        chosen = cdnow.customer <= 500
        orders = {"customer": cdnow.customer[chosen], "date": cdnow.date[chosen].astype("datetime64[us]")}
        with duckdb.connect() as database:
            database.register("orders", {**orders, "amount": cdnow.amount[chosen]})
            database.execute(f"copy orders to '{tmp_path / 'orders.parquet'}' (format parquet)")
        assert main([str(tmp_path / "orders.parquet"), "--output", str(tmp_path / "values.parquet")]) == 0
        assert "Wrote the table" in capsys.readouterr().out
        relation = duckdb.read_parquet(str(tmp_path / "values.parquet"))
        assert str(relation.types[0]) == "BIGINT"
        assert set(relation.fetchnumpy()["customer"].tolist()) == set(orders["customer"].tolist())


def test_estimates_of_any_size_stay_apart():
    """The figure, its interval and its note are told apart by two spaces."""
    from crmvalue._report.text import _estimate

    for size in 10.0 ** np.arange(16):
        line = _estimate("revenue per customer", Estimate(size, 0.9 * size, 1.1 * size), note="so far")
        assert len(re.split(r"  +", line.strip())) == 4


def test_customers_who_are_all_alike_give_no_interval():
    """Fifty orders of 10.00 do not show that the next one is of 10.00."""
    from crmvalue._report.page.html import _interval
    from crmvalue._report.text import _estimate

    assert _estimate("average order value", Estimate(10.0, 10.0, 10.0)).endswith("10.00  all alike")
    assert _estimate("average order value", Estimate(10.0, 9.0, 11.0)).endswith("9.00 to 11.00")
    assert (_interval(10.0, 10.0, str), _interval(9.0, 11.0, str)) == ("", "9.0 – 11.0")  # noqa: RUF001 - as in the page
