"""What the overview refuses: text that is no summary, what is no summary, and days too late to be due again."""

from __future__ import annotations

import json

import numpy as np
import pytest

from crmvalue.__main__ import main
from crmvalue.errors import DataWarning, InputError
from crmvalue.report import (
    BaseSummary,
    format_summary,
    summarise_base,
    summarise_groups,
    summarise_models,
    summarise_report,
)

SUMMARY = summarise_base([1, 1, 2], ["2024-01-01", "2024-03-01", "2024-02-10"], [10, 20, 30])


def without(name):
    """Give the text of a summary in which one field is missing."""
    return json.dumps({key: value for key, value in json.loads(SUMMARY.to_json()).items() if key != name})


def with_field(name, value):
    """Give the text of a summary in which one field is another."""
    return json.dumps(json.loads(SUMMARY.to_json()) | {name: value})


class TestFromJson:
    """What is wrong with the text of a summary is wrong with `text`."""

    @pytest.mark.parametrize(
        "text",
        [
            *("", "x", "{}", "[]", "5", "null", None, 5),
            *(without(name) for name in ("as_of", "counts", "value", "n_customers")),
            *(with_field(*field) for field in (("as_of", "soon"), ("counts", 5), ("value", None), ("more", 1))),
            with_field("counts", {"n_rows": -5}),
        ],
    )
    def test_refuses_other_text(self, text):
        with pytest.raises(InputError) as caught:
            BaseSummary.from_json(text)
        assert (caught.value.name, caught.value.value) == ("text", text)


class TestFormatSummary:
    """Only a summary can be written."""

    @pytest.mark.parametrize("summary", [None, 5, SUMMARY.to_json()])
    def test_refuses(self, summary):
        with pytest.raises(InputError, match="`summary` must be a BaseSummary"):
            format_summary(summary)


class TestSummariseBase:
    """The figures must be due again on a day that exists, and amounts be ordinary money."""

    def test_refuses_a_day_too_late(self):
        with pytest.raises(InputError, match="not after 9999-12-31") as caught:
            summarise_base([1], ["2024-01-01"], [5], as_of="9999-12-31")
        assert caught.value.name == "as_of"
        assert str(summarise_base([1], ["2024-01-01"], [5], as_of="9999-09-30").recompute_on) == "9999-12-30"
        with pytest.raises(InputError, match="`date` must be such that 3 months later is not after 9999-12-31"):
            summarise_base([1], ["9999-12-31"], [5])

    def test_the_command_names_no_option_that_was_not_given(self, tmp_path, capsys):
        path = tmp_path / "orders.csv"
        path.write_text("customer,date,amount\na,9999-12-31,5\nb,9999-12-31,6\n")
        assert main([str(path)]) == 2
        assert capsys.readouterr().err.startswith("crmvalue: the dates must be such that 3 months later is not after")
        assert main([str(path), "--as-of", "9999-12-31"]) == 2
        assert capsys.readouterr().err.startswith("crmvalue: --as-of must be such that")

    @pytest.mark.parametrize("amount", [1e99, 1e16])
    def test_refuses_amounts_whose_sums_are_not_ordinary(self, amount):
        with pytest.raises(InputError) as caught:
            summarise_base([1, 1], ["2024-01-01", "2024-03-01"], [5, amount])
        assert (caught.value.name, caught.value.index) == ("amount", 1)


@pytest.mark.parametrize("function", [summarise_base, summarise_groups, summarise_models])
def test_a_row_far_after_all_others_is_named(function):
    log = (range(10), ["2024-01-05"] * 4 + ["2203-01-01"] + ["2024-01-09"] * 5, [1.0] * 10)
    with pytest.raises(InputError, match=r"unless `as_of` is given.*2203.* at index 4") as caught:
        function(*log)
    assert caught.value.name == "date"
    assert str(function(*log, as_of="2024-01-09").as_of) == "2024-01-09"


@pytest.mark.parametrize("function", [summarise_base, summarise_groups, summarise_models, summarise_report])
def test_what_is_odd_about_a_log_is_said_once(function, monkeypatch):
    monkeypatch.setattr("crmvalue._report.models._candidates", lambda _: ("NBD",))
    day = np.datetime64("2024-01-01") + np.append(np.arange(60) * 7, -10_000)
    with pytest.warns(DataWarning, match="1 row is more than 5 years before all others") as caught:
        function(np.append(np.arange(60) % 12, 99), day)
    assert len(caught) == 1
