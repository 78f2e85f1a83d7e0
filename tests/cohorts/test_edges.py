"""Cohorts at the edges of what is known: the last moment, one customer, no cost, errors of both signs."""

from __future__ import annotations

import math
import re

import attrs
import numpy as np
import pytest

from crmvalue.cohorts import (
    RetentionTriangle,
    cohort_ltv,
    compare_retention,
    n_day_retention,
    project_retention,
    retention_triangle,
    survival_curve,
)
from crmvalue.errors import DataWarning, InputError


class TestTriangle:
    """Shares so far are of the whole cohort; means are of periods that are over."""

    def test_shares_so_far(self):
        """One of four who signed up in January bought then, two in February, which is not over."""
        start = (range(4), ["2024-01-05"] * 4)
        log = [0, 0, 1], ["2024-01-09", "2024-02-03", "2024-02-04"]
        found = retention_triangle(*log, period="month", as_of="2024-02-10", start=start)
        assert found.retention_so_far.tolist() == [[0.25, 0.5]]
        np.testing.assert_array_equal(found.mean_retention, [0.25, np.nan])

    def test_the_mean_leaves_out_a_running_period(self):
        """Of two of January one came back in February; he of February is in a running March."""
        found = retention_triangle(
            [1, 1, 2, 3, 3],
            ["2024-01-05", "2024-02-06", "2024-01-07", "2024-02-08", "2024-03-01"],
            period="month",
            as_of="2024-03-09",
        )
        np.testing.assert_array_equal(found.mean_retention, [1, 0.5, np.nan])

    def test_dates_of_starts_are_as_many_as_customers(self):
        log = {"customer": ["a"], "date": ["2024-01-05"], "as_of": "2024-01-31"}
        with pytest.raises(InputError, match="two columns of equal length"):
            retention_triangle(**log, period="month", start=(["a", "b"], ["2024-01-01"]))

    @pytest.mark.parametrize(("size", "first"), [(199, "2001-01-01"), (198, "2000-01-01")])
    def test_one_of_200_may_stand_before_the_log(self, size, first):
        sizes = [1, size]
        triangle = RetentionTriangle(
            period="year", as_of="2002-12-31", cohort=["2000-01-01", "2001-01-01"], size=sizes,
            active=[[1, 1, 0], [size, 9, 0]],
        )  # fmt: skip
        assert compare_retention(triangle, 1).log_begins_with == first

    def test_at_age_0_all_have_bought(self):
        triangle = retention_triangle([1, 2], ["2024-01-05", "2024-02-09"], period="month", as_of="2024-02-29")
        with pytest.raises(InputError, match=r"age.*>= 1"):
            compare_retention(triangle, 0)


class TestDays:
    """Wilson's interval of one customer of one: from 1 / (1 + z^2) to 1."""

    def test_one_customer(self):
        found = n_day_retention([1, 1], ["2024-01-01", "2024-01-08"], 7, kind="day", as_of="2024-02-01")
        low, high = found.interval()
        assert low[0] == pytest.approx(1 / (1 + 1.959963984540054**2))
        assert high[0] == 1


class TestSurvival:
    """The curve is known up to its last time, that time included."""

    def test_the_last_time(self):
        curve = survival_curve([3, 5, 5, 8, 12], [True, True, False, True, False])
        assert curve.at(12) == pytest.approx(0.8 * 0.75 * 0.5)
        assert curve.restricted_mean(horizon=12) == pytest.approx(3 + 2 * 0.8 + 3 * 0.6 + 4 * 0.3)
        assert math.isnan(curve.at(12.001))
        with pytest.raises(InputError, match="longest duration"):
            curve.restricted_mean(horizon=12.001)


class TestOneWrongDate:
    """An order of 1900 among those of two years is named, and does not begin the log."""

    CUSTOMER = np.append(np.arange(2000) % 100, 7)  # each buys every 36 days from the first days on
    DATE = np.append(np.datetime64("2022-01-01") + np.arange(2000) * 36 // 100, np.datetime64("1900-01-01"))

    @pytest.mark.parametrize(
        "call",
        [
            lambda log: retention_triangle(*log, period="month", as_of="2023-12-31"),
            lambda log: n_day_retention(*log, [30], kind="unbounded", as_of="2023-12-31"),
        ],
    )
    def test_is_named(self, call):
        newcomers = np.arange(300) % 60 + 1000, np.datetime64("2022-06-01") + np.arange(300) * 9 // 5
        log = [np.append(*columns) for columns in zip((self.CUSTOMER, self.DATE), newcomers, strict=True)]
        with pytest.warns(DataWarning) as found:
            call(log)
        words = [str(warning.message) for warning in found]
        assert words[0] == "1 row is more than 5 years before all others, the first of 1900-01-01: correct a wrong date"
        assert re.match(r"first purchases pile up in the first \d\d days of the log: 100 of 160 customers", words[1])


class TestProjection:
    """Errors of both signs do not cancel; large cohorts weigh more."""

    def test_the_error_of_a_check(self):
        made = project_retention([100, 80, 60, 50, 45], 1, n_holdout=2)
        wrong = attrs.evolve(made, holdout_actual=[[50.0, 40.0]], holdout_predicted=[[53.0, 37.0]])
        assert wrong.holdout_error == pytest.approx(6 / 90)

    def test_the_share_of_all(self):
        """Of 100 and of 10 customers, 50 and 9 are left after one period: 54 of 100."""
        made = project_retention([100, 80, 60, 50], 1)
        both = attrs.evolve(
            made, n_active=[[100.0, 50.0], [10.0, 9.0]], n_observed=[1, 1],
            holdout_actual=np.zeros((2, 0)), holdout_predicted=np.zeros((2, 0)),
        )  # fmt: skip
        assert both.conclusion.startswith("After 1 period, 53.6% of the customers are expected to be active.")


class TestLtv:
    """A customer who costs nothing has no ratio; values up to 1e150 are taken."""

    def test_no_cost(self):
        triangle = retention_triangle(
            [1, 2], ["2024-01-05", "2024-02-09"], [50, 30], period="month", as_of="2024-02-29"
        )
        found = cohort_ltv(triangle, margin=0.5, acquisition_cost=[0, 5])
        np.testing.assert_array_equal(found.ltv_to_cac, [np.nan, 3])
        assert found.payback.tolist() == [0, 1]

    def test_a_cost_for_a_cohort_that_is_not_there(self):
        triangle = retention_triangle([1], ["2024-01-05"], [50], period="month", as_of="2024-01-31")
        with pytest.raises(InputError, match="2024-02-01"):
            cohort_ltv(triangle, margin=0.5, acquisition_cost={"2024-01-01": 3, "2024-02-01": 5})
        with pytest.raises(InputError, match="the same day twice"):
            cohort_ltv(triangle, margin=0.5, acquisition_cost={"2024-01-01": 3, np.datetime64("2024-01-01"): 5})

    def test_the_largest_value(self):
        triangle = retention_triangle([1], ["2024-01-05"], [50], period="month", as_of="2024-01-31")
        large = attrs.evolve(cohort_ltv(triangle, margin=0.5), ltv=[[1e150]])
        assert large.ltv[0, 0] == 1e150
