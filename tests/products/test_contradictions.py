"""Results of this room whose figures contradict each other, made by hand or read from JSON, are refused."""

import attrs
import numpy as np
import pytest

from crmvalue.errors import InputError
from tests.contradictions import changed, value_of


@pytest.mark.parametrize(
    ("name", "field", "nonsense", "words"),
    [
        ("ProductPairs", "support", 2, r"`support` must be in \[0, 1\]"),
        ("ProductPairs", "support", 0.9, "`support` must be `n_together` / `n_orders`"),
        ("ProductPairs", "confidence", 0.9, "`confidence` must be `n_together` / `n_bought`"),
        ("ProductPairs", "n_together", 5, "`n_together` must be at most `n_bought`"),
        ("ProductPairs", "n_bought", 10**9, "`n_bought` must be at most `n_orders`"),
        ("ProductPairs", "n_also_bought", 10**9, "`n_also_bought` must be at most `n_orders`"),
        ("ProductPairs", "lift", -0.5, "`lift` must be >= 0"),
        ("ProductPairs", "lift_low", 1e300, "`lift_low` must be at most `lift`"),
        ("ProductPairs", "lift_high", -np.inf, "`lift` must be at most `lift_high`"),
        ("ProductPairs", "q_value", -0.5, r"`q_value` must be in \[0, 1\]"),
        ("ProductPairs", "item_kind", "nan", "`item_kind` must be one of 'product'"),
        ("NextPurchases", "n_next", 7, "`n_next` must be at most `n_bought`"),
        ("NextPurchases", "n_bought", 10**9, "`n_bought` must be at most `n_purchases`"),
        ("NextPurchases", "prob", 0.3, "`prob` must be `n_next` / `n_bought`"),
        ("NextPurchases", "prob_low", 2, r"`prob_low` must be in \[0, 1\]"),
        ("NextPurchases", "prob_high", 0.1, "`prob_low` must be at most|`prob` must be at most `prob_high`"),
        ("NextPurchases", "lift", 1e300, "`lift` must be at most `n_purchases`"),
        ("NextPurchases", "mean_days", 41, "`mean_days` must be at most `within_days`"),
        ("NextPurchases", "q_value", -0.5, r"`q_value` must be in \[0, 1\]"),
        ("Replenishment", "interval_days", -1, "`interval_days` must be >= 0"),
        ("Replenishment", "due_low", np.datetime64("9999-01-01"), "`due_low` must be at most `due_date`"),
        ("Replenishment", "due_high", np.datetime64("2024-01-01"), "`due_date` must be at most `due_high`"),
        ("Replenishment", "last_date", np.datetime64("9999-01-01"), "`last_date` must be at most `due_low`"),
        ("Replenishment", "as_of", np.datetime64("1999-01-01"), "`last_date` must be at most `as_of`"),
        ("Replenishment", "n_purchases", 0, "`n_purchases` must be >= 1"),
        ("Replenishment", "n_purchases", 99, "`n_intervals` must be at least the 196"),
        ("NextProducts", "prob", 2, r"`prob` must be in \[0, 1\]"),
        ("NextProducts", "kinds", ("again",) * 2, "`kinds` must be different texts"),
        ("NextProductsCheck", "hit_rate", 2, r"`hit_rate` must be in \[0, 1\]"),
        ("NextProductsCheck", "n_hit", 10**9, "`n_hit` must be at most `n_customers`"),
        ("NextProductsCheck", "n_found", 10**9, "`n_found` must be at most `n_purchases`"),
        ("NextProductsCheck", "hit_low", 1, "`hit_low` must be at most `hit_high`"),
        ("NextProductsCheck", "lead_low", 1, "`lead_low` must be at most `lead_high`"),
        ("NextProductsCheck", "hit_rate", 0, "`hit_low` must be at most `hit_rate`"),
        ("NextProductsCheck", "lead", 1, "`lead` must be at most `lead_high`"),
        ("NextProductsCheck", "lead", -2, r"`lead` must be in \[-1, 1\]"),
        ("NextProductsCheck", "n_customers", 10**9, "`n_customers` must be at most `n_purchases`"),
        ("BestCustomerProducts", "buyers_best", -0.5, r"`buyers_best` must be in \[0, 1\]"),
        ("BestCustomerProducts", "share_others", 1e300, r"`share_others` must be in \[0, 1\]"),
        ("BestCustomerProducts", "n_buyers", 10**9, "`n_buyers` must be those of `n_best` and `n_others`"),
        ("BestCustomerProducts", "n_others", 0, "`n_others` must be"),
        ("BestCustomerProducts", "index", np.inf, "`index` must be `share_best` / `share_others`"),
        ("BestCustomerProducts", "index_low", 1e300, "`index_low` must be at most `index`"),
        ("BestCustomerProducts", "index_high", 0, "`index` must be at most `index_high`"),
        ("BestCustomerProducts", "q_value", -0.5, r"`q_value` must be in \[0, 1\]"),
        ("ProductTrends", "buyers_now", 10**9, "`buyers_now` must be at most `customers_now`"),
        ("ProductTrends", "buyers_ratio", 7, "`buyers_ratio` must be `buyers_now` / `buyers_before`"),
        ("ProductTrends", "buyers_high", 0, "`buyers_low` must be|`buyers_ratio` must be at most `buyers_high`"),
        ("ProductTrends", "times_now", 0.5, "`times_now` must be >= 1"),
        ("ProductTrends", "times_ratio", 7, "`times_ratio` must be `times_now` / `times_before`"),
        ("ProductTrends", "times_low", np.nan, "`times_low` must be NaN where, and only where"),
        ("ProductTrends", "buyers_q_value", 2, r"`buyers_q_value` must be in \[0, 1\]"),
        ("ProductTrends", "days_missing", 10**6, "`days_missing` must be at most `period_days`"),
        ("ProductTrends", "change", ("nan", "nan"), "`change` must be words"),
        ("FirstProducts", "n_old", 7, "`began_after` must be the day"),
        ("OrderLineCounts", "n_rows", 9, "`n_rows` must be the sum of all rows"),
        ("OrderLineCounts", "n_residues", 9, "`n_residues` must be at most `n_rows`"),
    ],
)
def test_contradictions_are_refused(name, field, nonsense, words):
    value = value_of(name)
    with pytest.raises(InputError, match=words):
        changed(value, field, nonsense)


def test_more_lines_than_were_read_are_refused():
    lines = value_of("OrderLines")
    counts = attrs.evolve(lines.counts, n_rows=2, n_lines=2)
    with pytest.raises(InputError, match="`customer` must be of at most the 2 lines of `counts`"):
        attrs.evolve(lines, counts=counts)
