"""Columns of results that do not fit together are refused, whoever makes the value."""

from __future__ import annotations

import attrs
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from crmvalue.errors import InputError
from crmvalue.loyalty import EarnRule, Level, LoyaltyProgramme, PointsLedger, PointsPolicy, simulate_programme
from tests.core.public_values import VALUES

LONG = [1, 2, 3, 4, 5, 6, 7, 8, 9]
CHANGES = [
    ("ProgrammeLiability", "liability", LONG),
    ("ProgrammeCosts", "deducted", LONG),
    ("ProgrammeCosts", "spend", LONG),
    ("RedemptionRates", "n_members", LONG),
    ("RedemptionRates", "high", LONG),
    ("MemberLevels", "to_keep", LONG),
    ("MemberLevels", "names", ()),
    ("EarnedPoints", "points", LONG),
    ("EarnedPoints", "rules", tuple("abcdefghi")),
    ("Referrals", "outcome", ["rewarded"] * 9),
    ("Challenge", "current", LONG),
    ("Challenge", "won_customer", LONG),
    ("ProgrammeSimulation", "member_points", LONG),
    ("ProgrammeSimulation", "cost_by_month", LONG),
    ("ProgrammeSimulation", "points_by_rule", LONG),
    ("MemberEffect", "n_matched", 10**9),
]


@pytest.mark.parametrize(("kind", "field", "value"), CHANGES)
def test_parts_that_do_not_fit_are_refused(kind, field, value):
    made = next(known for known in VALUES if type(known).__name__ == kind)
    with pytest.raises(InputError):
        attrs.evolve(made, **{field: value})


def test_points_of_no_order_keep_their_rules_through_json():
    made = next(known for known in VALUES if type(known).__name__ == "EarnedPoints")
    columns = ("order", "member", "time", "spend", "points", "by_rule", "line_points", "tier")
    none = attrs.evolve(made, **{name: getattr(made, name)[:0] for name in columns})
    again = type(made).from_json(none.to_json())
    assert again == none
    assert again.by_rule.shape == (0, len(made.rules))


def test_a_ledger_without_a_time_is_refused():
    columns = {"event": [1, 2], "member": ["a", "b"], "kind": ["earn"] * 2, "points": [5, 5]}
    for time in ([None] * 2, [pd.NaT] * 2, pl.Series([None] * 2), np.array(["NaT"] * 2, "M8[s]"), pa.nulls(2)):
        with pytest.raises(InputError, match="`time` must be a date"):
            PointsLedger(policy=PointsPolicy(if_spent="negative"), time=time, **columns)


def test_the_sentence_of_a_simulation_has_a_unit():
    """The log is in cents; a sentence without a unit would be read as a hundred times the cost."""
    made = LoyaltyProgramme(rules=[EarnRule(name="visit", basis="orders", points=50)])
    log = {"order": [1], "customer": ["ann"], "time": ["2024-01-05"]}
    found = simulate_programme(made, **log, spend=[20_000], point_value=1, redemption_rate=0.5)
    assert "cost 25 minor units" in found.conclusion
    free = simulate_programme(made, **log, spend=[0], point_value=1, redemption_rate=0.5)
    assert "cost 25 minor units" in free.conclusion
    assert "no money" in free.conclusion
    tiny = simulate_programme(made, **log, spend=[10**6], point_value=0.01, redemption_rate=0.5)
    assert (
        "cost 0.25 minor units (such as cents), less than 0.1% of the money" in tiny.conclusion
    )  # not 0, and not 0.0%


def test_names_of_levels_hold_for_all_members():
    found = LoyaltyProgramme(levels=[Level(name="base", at_least=0)], window="year").member_levels(
        ["ann"], ["2024-01-05"], [5]
    )
    with pytest.raises(InputError, match="number of a level"):
        attrs.evolve(found, tier=[1])
