"""Summaries of purchases whose pieces contradict each other are refused."""

from __future__ import annotations

import numpy as np
import pytest

from tests.contradictions import first, refuses


@pytest.mark.parametrize(
    ("cls", "changes", "words"),
    [
        (
            "Regularity",
            {"shape": np.inf, "standard_error": 2.5},
            "standard_error.*NaN where `shape` is infinite or NaN",
        ),
        ("OrderLogCounts", {"n_rows": 1}, "n_rows.*at least the"),
        ("OrderLogCounts", {"n_zeros_kept": 10**6}, "n_zeros_kept.*at most `n_purchase_rows`"),
        ("OrderLogCounts", {"n_residues": 10**6}, "n_residues.*at most `n_rows`"),
        ("OrderLogCounts", {"n_duplicates_kept": 10**6}, "n_duplicates_kept.*at most `n_rows`"),
        ("OrderLogCounts", {"n_customers_after_as_of": 10**6}, "n_customers_after_as_of.*at most `n_rows_after_as_of`"),
        ("OrderLogCounts", {"n_customers_without_purchase": 10**6}, "n_customers_without_purchase.*at most `n_rows`"),
        ("OrderLogCounts", {"n_purchases_cancelled": 10**6}, "n_purchase_rows.*at least the"),
        ("PurchaseSplit", {"holdout_length": 0.0}, "holdout_length.*> 0"),
        ("PurchaseSplit", {"holdout_n_purchases": first(-1.0)}, "holdout_n_purchases.*a whole number >= 0"),
        ("PurchaseSplit", {"holdout_n_purchases": first(0.5)}, "holdout_n_purchases.*a whole number >= 0"),
        ("PurchaseSplit", {"holdout_spend": first(-1.0)}, "holdout_spend.*>= 0"),
        ("PurchaseSplit", {"last_n_purchases": first(-1.0)}, "last_n_purchases.*>= 0"),
        ("PurchaseSplit", {"last_spend": first(-1.0)}, "last_spend.*>= 0"),
        (
            "PurchaseSplit",
            {"new_customer": [9], "new_n_purchases": [0.0], "new_spend": [0.0]},
            "new_n_purchases.*a whole number >= 1",
        ),
        ("PurchaseWindow", {"n_purchases": first(0)}, "days_since_last.*below the window"),
        ("PurchaseWindow", {"days_since_last": first(10**5)}, "days_since_last.*below the window"),
        ("PurchaseWindow", {"total_spend": first(-1.0)}, "total_spend.*>= 0"),
        ("UniquePurchases", {"inverse": first(10**6)}, "inverse.*the place of one of the"),
        ("UniquePurchases", {"weight": first(10**6)}, "weight.*the number of customers of the row"),
        ("UniquePurchases", {"age": first(1e300)}, "age"),
    ],
)
def test_contradictions_are_refused(cls, changes, words):
    refuses(cls, changes, words)
