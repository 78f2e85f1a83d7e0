"""Columns of results that do not fit together are refused, whoever makes the value."""

from __future__ import annotations

import attrs
import pytest

from crmvalue.errors import InputError
from crmvalue.loyalty import EarnRule, Level, LoyaltyProgramme, simulate_programme
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


def test_the_sentence_of_a_simulation_has_a_unit():
    """The log is in cents; a sentence without a unit would be read as a hundred times the cost."""
    made = LoyaltyProgramme(rules=[EarnRule(name="visit", basis="orders", points=50)])
    log = {"order": [1], "customer": ["ann"], "time": ["2024-01-05"]}
    found = simulate_programme(made, **log, spend=[20_000], point_value=1, redemption_rate=0.5)
    assert "cost 25 minor units" in found.conclusion
    free = simulate_programme(made, **log, spend=[0], point_value=1, redemption_rate=0.5)
    assert "cost 25 minor units" in free.conclusion
    assert "no money" in free.conclusion


def test_names_of_levels_hold_for_all_members():
    found = LoyaltyProgramme(levels=[Level(name="base", at_least=0)], window="year").member_levels(
        ["ann"], ["2024-01-05"], [5]
    )
    with pytest.raises(InputError, match="number of a level"):
        attrs.evolve(found, tier=[1])
