"""Results of this room whose figures contradict each other, made by hand or read from JSON, are refused."""

import attrs
import numpy as np
import pytest

from crmvalue.errors import InputError
from tests.contradictions import changed, value_of


@pytest.mark.parametrize(
    ("name", "field", "nonsense", "words"),
    [
        ("JourneyResults", "n_orders", -1, "`n_orders` must be >= 0"),
        ("JourneyResults", "n_orders", 1e9, "`n_orders` must be at most `n_credited_orders`"),
        ("JourneyResults", "n_credited_orders", 10**9, "`n_credited_orders` must be at most `n_all_orders`"),
        ("JourneyResults", "credited_revenue", 1e300, "`credited_revenue` must be at most `all_revenue`"),
        ("JourneyResults", "revenue", -1, "`revenue` must be >= 0"),
        ("JourneyResults", "revenue", 1e300, "`revenue` must be at most `credited_revenue`"),
        ("JourneyResults", "benefit", -1, "`benefit` must be >= 0"),
        ("JourneyResults", "contact_cost", -1, "`contact_cost` must be >= 0"),
        ("JourneyResults", "converted_effect", 2, r"`converted_effect` must be in \[-1, 1\]"),
        ("JourneyResults", "converted_effect_low", 0.5, "`converted_effect_low` must be NaN where, and only where"),
        ("JourneyResults", "revenue_effect_high", 0, "`revenue_effect_low` must be NaN where, and only where"),
        ("JourneyResults", "margin_effect", 1e300, "`margin_effect` must be in"),
        ("ObservedEffect", "n_outside", 10**9, "`n_outside` must be at most `n_treated`"),
        ("ObservedEffect", "n_effective", 1e9, "`n_effective` must be at most `n_control`"),
        ("ObservedEffect", "overlap_treated", 9, "`overlap_treated` must be of sum 20"),
        ("ObservedEffect", "overlap_control", 9, "`overlap_control` must be of sum 20"),
        ("ObservedEffect", "trend_difference", None, "`trend_difference` must be given if and only if"),
        ("ObservedEffect", "effect", 1e300, "`effect` must be in"),
        ("ObservedEffect", "effect", 7.0, "`interval` must be an interval that holds its estimate, 7;"),
        ("ObservedEffect", "did_difference", 7.0, "`did_interval` must be an interval that holds its estimate, 7;"),
        ("ObservedEffect", "naive_difference", 7.0, "`naive_interval` must be an interval that holds its estimate, 7;"),
        ("CampaignEffect", "n_treated_responded", 0, "`response_interval` must be an interval that holds its estimate"),
        ("CampaignEffect", "revenue_difference", 1.0, "`revenue_difference` must be given if and only if"),
        ("CampaignEffect", "net_difference", 1e300, "`net_difference` must be in"),
        ("CampaignEffect", "did_interval", (0, 1), "`did_difference` must be given if and only if"),
        ("SendHours", "customer", 0.5, "`customer` must be all whole numbers or all text"),
    ],
)
def test_contradictions_are_refused(name, field, nonsense, words):
    value = value_of(name)
    with pytest.raises(InputError, match=words):
        changed(value, field, nonsense)


def test_ends_in_the_wrong_order():
    value = value_of("JourneyResults")
    low, high = np.full(len(value), 0.5), np.full(len(value), -0.5)
    with pytest.raises(InputError, match="`converted_effect_low` must be at most `converted_effect_high`"):
        attrs.evolve(value, converted_effect_low=low, converted_effect_high=high)


@pytest.mark.parametrize(("name", "field"), [("ServiceDue", "days_late"), ("ExpiringTerms", "days_left")])
def test_days_are_those_of_one_run(name, field):
    value = value_of(name)
    columns = {
        each.name: np.repeat(getattr(value, each.name), 2)
        for each in attrs.fields(type(value))
        if isinstance(getattr(value, each.name), np.ndarray)
    }
    assert len(attrs.evolve(value, **columns)) == 2 * len(value)
    columns[field] = np.arange(2 * len(value))
    with pytest.raises(InputError, match=f"`{field}` must be days from"):
        attrs.evolve(value, **columns)
