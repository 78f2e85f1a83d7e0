"""Pictures of the uncertainty of parameters and of the regularity of purchases."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import integrate, stats

from crmvalue import models, purchases
from crmvalue._models.pictures import transform_parts


def parts(value):
    return value.to_vega()["description"], value.plot_data()


def posterior(draws, weight=None, names=("r",)):
    table = np.reshape(np.array(draws, dtype=float), (-1, len(names)))
    n = len(table)
    return models.Posterior(names=names, draws=table, weight=np.full(n, 1 / n) if weight is None else weight)


class TestPosterior:
    """Weighted intervals as multiples of the median, beside those without weights."""

    def test_parameters_that_are_not_drawn_are_counted(self):
        draws = np.random.default_rng(1).exponential(size=(9, 20))
        found = posterior(draws, names=[f"p{k}" for k in range(20)])._parts()
        assert found.x.title.endswith("; 14 of 20 parameters")

    def test_known_quantiles(self):
        """Of the draws 1 to 999, alike in weight, the quantiles are the 25th, the 500th and the 975th."""
        title, data = parts(posterior(np.random.default_rng(1).permutation(999) + 1))
        assert title == "r is the least certain: 25 to 975"
        assert data["low"] == pytest.approx([25 / 500])
        assert data["high"] == pytest.approx([975 / 500])
        assert data["naive_high"] == data["high"]
        assert data["said"].tolist() == ["500 (25 to 975)"]

    def test_weights(self):
        """Twice the weight is the same draw twice."""
        rng = np.random.default_rng(2)
        draws, twice = rng.gamma(3, 1, 999), rng.random(999) < 0.5
        weighted = parts(posterior(draws, np.where(twice, 2, 1) / (999 + twice.sum())))[1]
        repeated = parts(posterior(np.repeat(draws, np.where(twice, 2, 1))))[1]
        assert (weighted["low"][0], weighted["high"][0]) == (repeated["low"][0], repeated["high"][0])
        assert weighted["naive_high"][0] != repeated["high"][0]

    def test_effects_of_covariates(self):
        """An effect acts by its exponential, so its multiple is that of the exponential."""
        title, data = parts(posterior([[2, -1.0], [2, 0.0], [2, 1.0]], names=("r", "purchase.x")))
        assert title == "purchase.x is the least certain: −1 to 1"  # noqa: RUF001 - a minus
        assert data["low"] == pytest.approx([1, np.exp(-1)])
        assert data["high"] == pytest.approx([1, np.exp(1)])

    def test_wide_intervals_are_cut(self):
        found = posterior([1.0, 1.0, 1e9])
        _, data = parts(found)
        assert data["high"].tolist() == [8]
        assert found.to_vega()["layer"][0]["encoding"]["x"]["title"] == "Multiple of the median, cut at 8"

    def test_titles(self):
        assert parts(posterior([3.0]))[0] == "One draw says nothing of how certain the parameters are"
        assert parts(posterior([3.0, 3.0]))[0] == "All draws of the parameters are the same"
        failed = posterior([1.0, 2.0, 3.0, 4.0], [0.97, 0.01, 0.01, 0.01])
        assert parts(failed)[0] == "Do not rely on these draws: they are worth 27 % of their number"
        assert parts(posterior([1.0, np.inf]))[0] == "r is the least certain: 1 to infinity"


class TestValues:
    """Titles of values of customers."""

    @pytest.mark.parametrize(
        ("clv", "title"),
        [
            ([10.0] * 96 + [9.8] * 4, "All customers are worth about the same: 9.99"),
            ([10.0] * 96 + [0.0] * 4, "The best 10 % of the customers hold 10 % of the future value"),
            ([9.0] * 5 + [1.0] * 45, "The best 10 % of the customers hold 50 % of the future value"),
            ([2.0, 5.0, 3.0], "The best customer holds 50 % of the future value"),
        ],
    )
    def test_alike(self, clv, title):
        ones = np.ones(len(clv))
        terms = {"horizon": 5.0, "discount_rate": 0.0, "margin": 1.0, "service_cost": 0.0, "time_unit": "week"}
        columns = {"prob_alive": ones, "expected_purchases": ones, "expected_spend": ones, "clv": clv}
        assert parts(models.CustomerValues(**columns, **terms))[0] == title

    def test_few_customers_have_their_rank(self):
        clv, terms = np.array([2.0, 5.0, 3.0]), {"margin": 1.0, "service_cost": 0.0, "time_unit": "week"}
        columns = {"prob_alive": np.ones(3), "expected_purchases": np.ones(3), "expected_spend": np.ones(3), "clv": clv}
        drawn = models.CustomerValues(**columns, **terms, horizon=5.0, discount_rate=0.0)._parts().columns
        assert drawn["customers"].tolist() == ["1", "2", "3"]
        assert drawn["mean_clv"].tolist() == [5.0, 3.0, 2.0]


class TestRegularity:
    """Shares of gamma times of mean 1 with the shape found, beside those of exponential ones."""

    def regularity(self, shape, error, n_customers=5):
        counts = {"n_customers": n_customers, "n_intervals": 20}
        return purchases.Regularity(
            shape=shape, standard_error=error, **counts, sum_log_intervals=3.0, time_unit="week"
        )

    @pytest.mark.parametrize("shape", [0.4, 1.0, 3.2])
    def test_shares_are_integrals_of_the_density(self, shape):
        _, data = parts(self.regularity(shape, 0.1))
        edges = np.r_[np.arange(8) * 0.4, 60.0]

        def density(time):
            return stats.gamma.pdf(time, shape, scale=1 / shape)

        areas = [integrate.quad(density, *ends, limit=200)[0] for ends in itertools.pairwise(edges)]
        assert data["share"] == pytest.approx(areas, abs=1e-7)
        assert data["at_random"] == pytest.approx(-np.diff(np.exp(-np.r_[edges[:-1], np.inf])))
        assert (data["low"] <= data["share"] + 1e-12).all()
        assert (data["high"] >= data["share"] - 1e-12).all()

    @pytest.mark.parametrize(
        ("shape", "error", "title"),
        [
            (1.04, 0.03, "No difference from purchases at random is shown: shape 1.04 (0.981 to 1.1)"),
            (1.2, 0.02, "Customers buy more regularly than at random: shape 1.2 (1.16 to 1.24)"),
            (3.2, 0.2, "Customers buy more regularly than at random: shape 3.2 (2.81 to 3.59)"),
            (0.4, 0.05, "Customers buy in bursts, less regularly than at random: shape 0.4 (0.302 to 0.498)"),
            (np.inf, np.nan, "Customers buy like a clock: the times of each are as good as equal"),
            (0.001, np.nan, "The times between purchases have the shape 0.001; 1 is at random"),
            (np.nan, np.nan, "The times between purchases are too few, or too short, to tell how regular they are"),
        ],
    )
    def test_titles(self, shape, error, title):
        assert parts(self.regularity(shape, error))[0] == title

    def test_nobody_has_two_times(self):
        assert parts(self.regularity(np.nan, np.nan, 0))[0] == "No customer has two times between purchases"

    def test_a_clock(self):
        assert parts(self.regularity(np.inf, np.nan))[1]["share"].tolist() == [0, 0, 1, 0, 0, 0, 0, 0]
        assert parts(self.regularity(0.0, np.nan))[1]["share"][0] > 0.99


class TestTransform:
    """A title says that a forecast is off, and in which way, only where a test says so."""

    UPPER = np.arange(1, 11) / 10
    HIGH, OUTER = np.repeat([0.0, 0.2], 5), np.array([3.0, 2, 0, 0, 0, 0, 0, 0, 2, 3]) / 10

    @pytest.mark.parametrize(
        ("share", "p_value", "title"),
        [
            (HIGH, 0.05, "Customers did what was foretold, as far as the data show"),
            (HIGH, 0.9, "Customers did what was foretold, as far as the data show"),
            (HIGH, 0.049, "Customers bought more than was foretold of them"),
            (HIGH[::-1], 0.001, "Customers bought less than was foretold of them"),
            (OUTER, 0.001, "What is foretold of each customer is too narrow"),
            (np.roll(OUTER, 5), 0.001, "What is foretold of each customer is too wide"),
        ],
    )
    def test_titles(self, share, p_value, title):
        drawn = transform_parts(self.UPPER, share, p_value)
        assert drawn.title == title
        np.testing.assert_allclose(drawn.columns["customers"], 10 * share, rtol=1e-12)
