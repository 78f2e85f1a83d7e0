"""Results that contradict themselves are refused, whoever makes them."""

from __future__ import annotations

import importlib
import math

import attrs
import pytest

from crmvalue import cohorts
from crmvalue.errors import InputError

UNPAID = {"acquisition_cost": [2.0, 2.0], "payback": None}


def a_value(name, **changes):
    """Give the first public value of a class, with other fields."""
    values = importlib.import_module("tests.core.public_values").VALUES
    return attrs.evolve(next(value for value in values if type(value).__name__ == name), **changes)


@pytest.mark.parametrize(
    ("name", "changes", "named"),
    [
        ("NDayRetention", {"first_day": [-1.0, 7.0]}, "first_day.*>= 0"),
        ("NDayRetention", {"last_day": [0.0, 7.0]}, "first_day.*at most `last_day`"),
        ("NDayRetention", {"last_day": [2.0, 7.0]}, 'last_day.*`first_day` for "day"'),
        ("NDayRetention", {"kind": "unbounded"}, 'last_day.*infinite for "unbounded"'),
        ("NDayRetention", {"kind": "bracket", "last_day": [2.0, math.inf]}, 'last_day.*finite for "bracket"'),
        ("CohortLtv", {"period": "nan"}, "period.*month"),
        ("CohortLtv", {"cohort": ["2024-02-01", "2024-01-01"]}, "cohort.*ascending"),
        ("CohortLtv", {"size": [0, 1]}, "size.*>= 1"),
        ("CohortLtv", {"ltv": [[math.nan, 4.0], [1.0, math.nan]]}, "ltv.*NaN only after the last observed age"),
        ("CohortLtv", {"ltv": [[1e300, 1e300], [1.0, math.nan]]}, "ltv.*magnitude up to 1e\\+150"),
        ("CohortLtv", UNPAID, "payback.*given where, and only where, `acquisition_cost`"),
        ("CohortLtv", {"acquisition_cost": [-2.0, 2.0]}, "acquisition_cost.*>= 0"),
        ("CohortLtv", {"payback": [-1.0, math.nan]}, "payback.*whole number from 0 to 2"),
        ("CohortLtv", {"payback": [1.5, math.nan]}, "payback.*whole number from 0 to 2"),
        ("CohortLtv", {"payback": [3.0, math.nan]}, "payback.*whole number from 0 to 2"),
        ("SurvivalCurve", {"time": [2.0, 1.0]}, "time.*ascending"),
        ("SurvivalCurve", {"survival": [0.5, 0.6]}, "survival.*falling"),
        ("SurvivalCurve", {"survival": [2.0, 0.6]}, "survival.*in \\[0, 1\\]"),
        ("SurvivalCurve", {"low": [0.7, 0.0]}, "low.*at most `survival`"),
        ("SurvivalCurve", {"high": [0.96, math.nan]}, "low.*NaN where, and only where, `high`"),
        ("SurvivalCurve", {"high": [0.6, 0.6]}, "survival.*at most `high`"),
        ("SurvivalCurve", {"n_events": [5, 1]}, "n_at_risk.*without the customers who left"),
        ("SurvivalCurve", {"n_at_risk": [3, 3]}, "n_at_risk.*without the customers who left"),
        ("CohortComparison", {"low": [math.inf, 2.0], "high": [1.0, 3.0]}, "low.*at most `high`"),
        ("CohortComparison", {"high": [math.nan, 3.0]}, "low.*NaN where, and only where, `high`"),
        ("CohortComparison", {"pair_p_value": [-0.5]}, "pair_p_value.*in \\[0, 1\\]"),
        ("CohortComparison", {"direction": [2]}, "direction.*-1, 0 or 1"),
        ("CohortComparison", {"second": [0]}, "second.*another cohort than `first`"),
        ("RetentionProjection", {"n_active": [[100.0, 80.0, 90.0, 60.0]]}, "n_active.*never rises"),
        ("RetentionProjection", {"n_active": [[100.0, math.nan, 90.0, 60.0]]}, "n_active.*finite"),
        ("RetentionProjection", {"n_observed": [6]}, "n_observed.*at most the 5 periods"),
        ("RetentionProjection", {"holdout_actual": [[0.5]]}, "holdout_actual.*whole number"),
        ("RetentionProjection", {"holdout_actual": [[101.0]]}, "holdout_actual.*at most `n_active`"),
        ("RetentionProjection", {"holdout_predicted": [[101.0]]}, "holdout_predicted.*at most `n_active`"),
        ("RetentionProjection", {"holdout_actual": [[math.nan]]}, "holdout_predicted.*NaN where, and only where"),
    ],
)
def test_contradictions_are_refused(name, changes, named):
    with pytest.raises(InputError, match=named):
        a_value(name, **changes)


def test_what_just_fits_is_taken():
    """Costs that the last period covers, and a held-out period in which nobody has left."""
    assert a_value("CohortLtv", payback=[2.0, math.nan]).payback[0] == 2
    assert a_value("RetentionProjection", holdout_actual=[[100.0]]).holdout_actual[0, 0] == 100
    given = {"period": "month", "as_of": "2024-01-31", "cohort": ["2024-01-01"], "size": [1], "active": [[1]]}
    found = cohorts.RetentionTriangle(**given, revenue=None)
    assert (found.n_duplicates, found.n_duplicates_kept) == (0, 0)


def test_what_the_room_makes_passes():
    """Nobody left, all left at once, one customer, and a level next to 0."""
    for duration, event in (([3, 3], [False, False]), ([3, 3], [True, True]), ([0], [True]), ([0, 5], [False, True])):
        for level in (1e-9, 0.95, 1 - 1e-9):
            curve = cohorts.survival_curve(duration, event, level=level)
            assert cohorts.SurvivalCurve.from_json(curve.to_json()) == curve
    alike = cohorts.compare_survival([1, 2, 1, 2], [True] * 4, ["a", "a", "b", "b"], level=1e-9)
    assert cohorts.CohortComparison.from_json(alike.to_json()) == alike
    unknown = a_value("CohortLtv", ltv=[[math.nan] * 2] * 2, payback=[math.nan] * 2)
    assert cohorts.CohortLtv.from_json(unknown.to_json()) == unknown
