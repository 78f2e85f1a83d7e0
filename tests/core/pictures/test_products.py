"""Pictures of next products: what is expected of offered products, and how many customers each rule hits."""

from __future__ import annotations

import numpy as np
import pytest

from crmvalue import products


def parts(value):
    return value.to_vega()["description"], value.plot_data()


class TestNextProducts:
    """Expected margin or purchases of each product by kind, the largest first."""

    def offers(self, **changes):
        given = {
            "customer": [1, 1, 2, 2, 3],
            "product": ["tea", "jam", "tea", "mug", "jam"],
            "kind": ["again", "cross-sell", "cross-sell", "upsell", "cross-sell"],
            "prob": [0.5, 0.25, 0.25, 0.125, 0.5],
            "expected_margin": [5.0, 1.0, 2.0, 8.0, 4.0],
            "reason": ["popular"] * 5,
            "because_of": ["tea"] * 5,
            "horizon_days": 60,
            "as_of": "2024-03-31",
            "kinds": ["again", "cross-sell", "upsell"],
        }
        return products.NextProducts(**{**given, **changes})

    def test_margin(self):
        title, data = parts(self.offers())
        assert title == "The most margin is expected of mug: 40 % of all"
        assert data["product"].tolist() == ["mug", "tea", "jam"]
        assert data["upsell_high"].tolist() == [8, 7, 5]
        np.testing.assert_array_equal(data["again_low"], [np.nan, 0, np.nan])
        np.testing.assert_array_equal(data["cross-sell_low"], [np.nan, 5, 0])
        assert data["said"].tolist() == ["1 offer", "2 offers", "2 offers"]

    def test_purchases(self):
        title, data = parts(self.offers(expected_margin=[np.nan] * 5))
        assert title == "The most purchases are expected of jam: 46 % of all; 1 more is equal"
        assert data["upsell_high"].tolist() == [0.75, 0.75, 0.125]

    def test_losses(self):
        title, data = parts(self.offers(expected_margin=[-5.0, 1.0, -2.0, 8.0, 4.0]))
        assert title == "The most margin is expected of mug"
        assert (data["again_high"][2], data["cross-sell_high"][2]) == (-5, -7)

    def test_few(self):
        empty = {"customer": [], "product": [], "kind": [], "prob": [], "expected_margin": [], "reason": []}
        assert parts(self.offers(**empty, because_of=[]))[0] == "There is no product to offer"
        assert parts(self.offers(product=["tea"] * 5))[0] == "20 of margin is expected of tea"
        nothing = {"product": ["tea"] * 5, "prob": [0.0] * 5, "expected_margin": [np.nan] * 5}
        assert parts(self.offers(**nothing))[0] == "No purchase is expected of any product"
        once = nothing | {"prob": [0.5, 0.5, 0, 0, 0]}
        assert parts(self.offers(**once))[0] == "1 purchase is expected of tea"

    def test_of_many_products_the_rest_is_one(self):
        n = 100
        columns = {"customer": np.arange(n), "product": np.arange(n), "prob": np.linspace(0, 1, n)}
        same = {"kind": ["again"] * n, "reason": ["popular"] * n, "because_of": np.arange(n)}
        _, data = parts(self.offers(**columns, **same, expected_margin=np.arange(float(n))))
        assert data["product"].tolist() == [*map(str, range(n - 1, n - 14, -1)), "87 other products"]
        assert data["again_high"].sum() == pytest.approx(n * (n - 1) / 2)


class TestNextProductsCheck:
    """Hit rates with intervals, the naive rules in columns of their own."""

    def check(self, **changes):
        given = {
            "rule": ["next_products", "most popular", "bought before"],
            "n_hit": [50, 20, 40],
            "hit_rate": [0.5, 0.2, 0.4],
            "hit_low": [0.45, 0.15, 0.35],
            "hit_high": [0.55, 0.25, 0.45],
            "n_found": [60, 25, 45],
            "found_share": [0.3, 0.1, 0.2],
            "lead": [0.0, 0.3, 0.1],
            "lead_low": [0.0, 0.25, 0.05],
            "lead_high": [0.0, 0.35, 0.15],
            "n_customers": 100,
            "n_purchases": 200,
            "n_expected": 70.0,
            "n": 5,
            "new_only": False,
            "as_of": "2024-03-31",
            "horizon_days": 30,
            "level": 0.95,
        }
        return products.NextProductsCheck(**{**given, **changes})

    def test_rows(self):
        _, data = parts(self.check())
        np.testing.assert_array_equal(data["hit_rate"], [0.5, np.nan, np.nan])
        np.testing.assert_array_equal(data["naive_hit_rate"], [np.nan, 0.2, 0.4])
        np.testing.assert_array_equal(data["naive_low"], [np.nan, 0.15, 0.35])
        assert (data["low"][0], data["high"][0]) == (0.45, 0.55)

    @pytest.mark.parametrize(
        ("changes", "title"),
        [
            ({}, "The first 5 products hit 50 % of the customers, more than each naive rule"),
            (
                {"lead_low": [0, 0.25, -0.05], "n": 1},
                'The first product hits 50 % of the customers, not shown to be more than by "bought before"',
            ),
            (
                {"lead": [0, 0, -0.15], "lead_low": [0, -0.25, -0.2], "lead_high": [0, 0.3, -0.1]},
                'The first 5 products hit 50 % of the customers, less than by "bought before"',
            ),
        ],
    )
    def test_titles(self, changes, title):
        assert parts(self.check(**changes))[0] == title
