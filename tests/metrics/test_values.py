"""Results that contradict themselves are refused, whoever makes them."""

from __future__ import annotations

import importlib
import math

import attrs
import numpy as np
import pytest

from crmvalue.errors import InputError
from crmvalue.metrics import OpenTickets, PlanAndActual, ResponseTime


def a_value(name, **changes):
    """Give the first public value of a class, with other fields."""
    values = importlib.import_module("tests.core.public_values").VALUES
    return attrs.evolve(next(value for value in values if type(value).__name__ == name), **changes)


@pytest.mark.parametrize(
    ("name", "changes", "named"),
    [
        ("NpsChange", {"interval": (40.0, 60.0)}, "interval.*around the change of 33.3"),
        ("NpsChange", {"interval": (-500.0, 60.0)}, "interval.*within -200 and 200"),
        ("NpsChange", {"interval": (-60.0, math.inf)}, "interval.*within -200 and 200"),
        ("ScoreDrivers", {"low": [7.0]}, "low.*at most `effect`"),
        ("ScoreDrivers", {"high": [0.0]}, "effect.*at most `high`"),
        ("ScoreDrivers", {"p_value": [-0.5]}, "p_value.*in \\[0, 1\\]"),
        ("ScoreDrivers", {"importance": [-0.5]}, "importance.*>= 0"),
        ("ScoreDrivers", {"importance": [5.0]}, "importance.*of the sum `explained`"),
        ("ScoreDrivers", {"n_answers": 2}, "n_answers.*2 more than there are questions"),
        ("ResponseBySegment", {"n_answered": [1000, 0]}, "n_answered.*at most `n_asked`; got 1000 at index 0"),
        ("ResponseBySegment", {"p_value": [1.0, -0.5]}, "p_value.*in \\[0, 1\\]; got -0.5 at index 1"),
        ("ResponseBySegment", {"low": [0.5, 0.5]}, "low.*at most `rate`"),
        ("ResponseBySegment", {"high": [1.0, 2.0]}, "high.*in \\[0, 1\\]"),
        ("AgentScores", {"low": [5.0, 4.0]}, "low.*at most `shrunk`"),
        ("AgentScores", {"high": [3.0, 5.0]}, "shrunk.*at most `high`"),
        ("WorstTicketRetention", {"n_lost": [0, 2]}, "n_lost.*at most `n_customers`"),
        ("WorstTicketRetention", {"retained": [2.0, 1.0], "low": [math.nan, 0.05]}, "retained.*in \\[0, 1\\]"),
        ("WorstTicketRetention", {"low": [math.nan, 0.05]}, "low.*NaN where, and only where, `high`"),
        ("WorstTicketRetention", {"retained": [math.nan, 1.0]}, "low.*NaN where, and only where, `retained`"),
        ("WorstTicketRetention", {"high": [0.5, 1.0]}, "retained.*at most `high`"),
        ("OpenTickets", {"row": [1, 2], "hours_left": [5, -1], "at_risk": [False] * 2}, "hours_left.*ascending"),
        ("OpenTickets", {"at_risk": [True]}, "at_risk.*False where the target is missed"),
        ("ServiceLevel", {"n_missed": [0]}, "open.*at most as many tickets as"),
        ("ServiceLevel", {"design_effect": [0.5]}, "design_effect.*>= 1"),
        ("PlanAndActual", {"end": ["2023-12-31"]}, "start.*at most `end`"),
        ("PlanAndActual", {"end": np.array(["NaT"], "datetime64[D]")}, "end.*a date, not missing"),
        ("PlanAndActual", {"target": [-100.0]}, "target.*>= 0"),
        ("PlanAndActual", {"prob_reached": [2.0]}, "prob_reached.*in \\[0, 1\\]"),
        ("PlanAndActual", {"forecast_low": [math.nan]}, "forecast_low.*NaN where, and only where, `forecast_high`"),
        ("PlanAndActual", {"forecast": [math.nan]}, "forecast_low.*NaN where `forecast` is NaN"),
        ("PlanAndActual", {"forecast_high": [0.0]}, "forecast.*at most `forecast_high`"),
        ("PlanAndActual", {"days_over": [11]}, "days_over.*at most the days of the period"),
        ("PlanAndActual", {"days_left": [22]}, "days_left.*at most the days of the period"),
        ("PlanAndActual", {"n_unlabelled": 1}, "n_unlabelled.*at most `n_unplanned`"),
        ("PlanAndActual", {"unplanned": 5.0}, "unplanned.*0 where `n_unplanned` is 0"),
        ("ResponseTime", {"mean": math.inf}, "mean"),
        ("ResponseTime", {"percentile_90": math.inf}, "percentile_90.*finite where `n_open` is 0"),
        ("TimeToPurchase", {"median": 2.0}, "median.*infinite where `n_purchased` is 0"),
    ],
)
def test_contradictions_are_refused(name, changes, named):
    with pytest.raises(InputError, match=named):
        a_value(name, **changes)


def test_what_is_not_known_passes():
    unknown = [math.nan]
    plan = a_value("PlanAndActual", forecast_low=unknown, forecast_high=unknown, prob_reached=unknown)
    assert PlanAndActual.from_json(plan.to_json()) == plan
    lost = {"retained": [0.0, math.nan], "low": [0.0, math.nan], "high": [0.95, math.nan]}
    assert "nobody of 1 watched so long" in a_value("WorstTicketRetention", **lost).conclusion
    waits = {"median": math.inf, "percentile_90": math.inf, "n_answered": 0, "n_open": 1}
    assert ResponseTime.from_json(a_value("ResponseTime", **waits).to_json()).median == math.inf
    assert len(OpenTickets(row=[], hours_left=[], at_risk=[])) == 0


def test_a_target_next_to_nothing_has_an_infinite_share():
    plan = a_value("PlanAndActual", target=[5e-324])
    assert np.isinf(plan.share).all()
    assert len(plan.plot_data()["target"]) == 1
