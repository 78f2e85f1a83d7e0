"""Pictures of rates, times and money show the figures of their results, beside a naive rule where there is one."""

from __future__ import annotations

import numpy as np
import pytest

from crmvalue import cohorts, funnels
from crmvalue._core.pictures.parts import apart


def parts(value):
    return value.to_vega()["description"], value.plot_data()


def test_apart():
    assert apart(["a", "b", "a", "a (2)", "a"]) == ["a", "b", "a (2)", "a (2) (2)", "a (3)"]


class TestNDayRetention:
    """Shares by day, with intervals, beside those in which customers who are too young count as lost."""

    def retention(self, **changes):
        given = {
            "kind": "day",
            "as_of": "2024-03-01",
            "first_day": [1, 7, 90],
            "last_day": [1, 7, 90],
            "n_eligible": [10, 8, 0],
            "n_retained": [5, 2, 0],
            "n_too_young": [0, 2, 10],
        }
        return cohorts.NDayRetention(**{**given, **changes})

    def test_shares(self):
        found = self.retention()
        title, data = parts(found)
        assert title == "50 % of the customers come back on day 1, 25 % on day 7"
        assert data["days"].tolist() == ["1", "7", "90"]
        np.testing.assert_array_equal(data["rate"], found.rate)
        np.testing.assert_array_equal(data["low"], found.interval().low)
        np.testing.assert_array_equal(data["too_young_as_lost"], [np.nan, 0.2, np.nan])

    def test_titles_of_spans(self):
        brackets = self.retention(kind="bracket", last_day=[6, 30, 90])
        assert parts(brackets)[0] == "50 % of the customers come back on days 1 to 6, 25 % on days 7 to 30"
        assert parts(brackets)[1]["days"].tolist() == ["1–6", "7–30", "90"]  # noqa: RUF001 - a dash in a range
        later = self.retention(kind="unbounded", last_day=[np.inf] * 3)
        assert parts(later)[1]["days"].tolist() == ["1+", "7+", "90+"]
        assert parts(self.retention(n_eligible=[0] * 3, n_retained=[0] * 3))[0] == "No customer is old enough yet"


class TestStageTimes:
    """The middle quantile of each step between the outer ones; what was not seen goes to the edge."""

    def times(self, **changes):
        given = {
            "stages": ["lead", "call", "deal"],
            "prob": [0.75, 0.25, 0.5],
            "time_in_stage": [[9.0, 2.0, 4.0], [np.inf, 3.0, 6.0]],
            "time_to_convert": [np.inf, 8.0, np.inf],
            "n_moved_on": [30, 20],
            "n_censored": [10, 10],
        }
        return funnels.StageTimes(**{**given, **changes})

    def test_rows(self):
        title, data = parts(self.times())
        assert title == "The longest step, call to deal: half went on within 6 days"
        assert data["step"].tolist() == ["lead to call", "call to deal", "entry to conversion"]
        np.testing.assert_array_equal(data["days"], [4, 6, np.nan])
        np.testing.assert_array_equal(data["low"], [2, 3, 8])
        assert data["high"] == pytest.approx([9, 1.15 * 9, 1.15 * 9])
        assert data["said"].tolist() == [
            "4 days; 30 of 40 went on",
            "6 days; 20 of 30 went on",
            "not seen; 20 of 40 went on",
        ]

    def test_not_seen(self):
        found = self.times(time_in_stage=[[9, 2, 4], [np.inf, 3, np.inf]])
        assert parts(found)[0] == "Fewer than half were seen to go on from call to deal"
        nobody = self.times(
            time_in_stage=np.full((2, 3), np.inf), time_to_convert=[np.inf] * 3, n_moved_on=[0, 0], n_censored=[9, 0]
        )
        assert parts(nobody)[0] == "Fewer than half were seen to go on from lead to call"

    def test_of_many_steps_the_longest(self):
        n = 40
        days = np.random.default_rng(1).permutation(n).astype(float)[:, np.newaxis]
        found = funnels.StageTimes(
            stages=[f"s{k}" for k in range(n + 1)],
            prob=[0.5],
            time_in_stage=days,
            time_to_convert=[99.0],
            n_moved_on=[5] * n,
            n_censored=[0] * n,
        )
        _, data = parts(found)
        assert sorted(data["days"].tolist()) == [*range(n - 13, n), 99]
        assert data["step"][-1] == "entry to conversion"
