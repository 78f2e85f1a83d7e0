"""The probability integral transform: even for a right forecast, uneven for others."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
from scipy import stats

from crmvalue.datasets import load_cdnow
from crmvalue.errors import InputError
from crmvalue.models import (
    BgNbd,
    Ensemble,
    MbgCnbd,
    Nbd,
    ParetoNbd,
    ProbabilityIntegralTransform,
    fit_nbd,
    probability_integral_transform,
)
from crmvalue.purchases import PurchaseHistory, split_purchases

MODEL = BgNbd(0.243, 4.414, 0.793, 2.426, "week")


@pytest.fixture(scope="module")
def split():
    log = load_cdnow()
    return split_purchases(log.customer, log.date, calibration_end="1997-09-30")


def split_of(split, came, horizon, known=None):
    n = np.zeros(len(came))
    known = PurchaseHistory.from_columns(frequency=n, recency=n, age=n, time_unit="week") if known is None else known
    return attrs.evolve(
        split, calibration=known, holdout_n_purchases=came, holdout_length=horizon, last_n_purchases=None
    )


class TestProbabilityIntegralTransform:
    """A place drawn evenly from P(X < x) to P(X <= x) is uniform for a right forecast."""

    def test_by_hand(self, split):
        """An NBD newcomer who did not buy, and one who bought twice: distributions of scipy."""
        model, one = Nbd(0.385, 12.07, "week"), stats.nbinom(0.385, 12.07 / (12.07 + 39))
        found = probability_integral_transform(
            split_of(split, np.array([0.0, 2.0]), 39.0), model, rng=np.random.default_rng(1), n_bins=4
        )
        edges = np.arange(5) / 4
        upto = [np.clip((edges - one.cdf(x - 1)) / one.pmf(x), 0, 1) for x in (0, 2)]
        np.testing.assert_allclose(found.share, np.diff(np.mean(upto, axis=0)), rtol=1e-11, atol=1e-13)
        assert found.upper.tolist() == [0.25, 0.5, 0.75, 1.0]
        assert found.n_drawn.sum() == 2
        assert found.statistic == stats.chisquare(found.n_drawn).statistic
        assert found.p_value == pytest.approx(stats.chisquare(found.n_drawn).pvalue, rel=1e-12)

    @pytest.mark.parametrize(
        "model",
        [MODEL, ParetoNbd(0.553, 10.578, 0.606, 11.669, "week"), MbgCnbd(1.329, 2.813, 0.425, 0.79, "week", k=2)],
        ids=lambda model: type(model).__name__,
    )
    def test_a_right_forecast_is_even_and_others_are_not(self, split, model):
        rng = np.random.default_rng(3)
        drawn = split_of(split, model.simulate(np.full(5000, 60.0), rng=rng).frequency, 60.0)
        right = probability_integral_transform(drawn, model, rng=rng)
        assert right.p_value > 0.001
        assert abs(right.share - 0.1).max() < 4 * (0.1 * 0.9 / 5000) ** 0.5
        for factor, word in ((0.5, "more"), (2.0, "less")):
            wrong = probability_integral_transform(drawn, attrs.evolve(model, r=factor * model.r), rng=rng)
            assert wrong.p_value < 1e-6
            assert wrong.to_vega()["title"]["text"] == [f"Customers bought {word} than was foretold of them"]

    def test_too_narrow(self, split):
        """Rates that are nearly alike, and customers who are not."""
        rng = np.random.default_rng(4)
        drawn = split_of(split, rng.negative_binomial(1.0, 1.0 / 11.0, 4000).astype(float), 10.0)
        found = probability_integral_transform(drawn, Nbd(100.0, 100.0, "week"), rng=rng)
        assert found.share[[0, -1]].min() > 0.2

    @pytest.mark.slow
    def test_p_values_are_uniform(self, split):
        rng = np.random.default_rng(5)
        values = [
            probability_integral_transform(
                split_of(split, MODEL.simulate(np.full(1000, 60.0), rng=rng).frequency, 60.0), MODEL, rng=rng
            ).p_value
            for _ in range(300)
        ]
        assert stats.kstest(values, "uniform").pvalue > 0.001

    def test_bins_share_all_customers(self, split):
        found = probability_integral_transform(split, MODEL, rng=np.random.default_rng(1), n_bins=120)
        assert found.share.sum() == pytest.approx(1.0, abs=1e-12)
        assert (found.share >= 0).all()
        assert found.n_drawn.sum() == 2357
        assert len(found.plot_data()["customers"]) <= 20
        again = probability_integral_transform(split, MODEL, rng=np.random.default_rng(2), n_bins=120)
        np.testing.assert_array_equal(found.share, again.share)
        assert ProbabilityIntegralTransform.from_json(found.to_json()) == found

    def test_estimates_have_errors(self, split):
        """The statistic is d' (S + G V G')^- d, by the pseudoinverse and distributions of scipy."""
        rng, truth, edges = np.random.default_rng(6), Nbd(0.8, 6.0, "week"), np.arange(11) / 10
        fit = fit_nbd(truth.simulate(np.full(150, 50.0), rng=rng))
        came = truth.simulate(np.full(2000, 40.0), rng=rng).frequency
        found = probability_integral_transform(split_of(split, came, 40.0), fit, rng=rng)

        def shares(theta):
            r, alpha = np.exp(theta)
            one = stats.nbinom(r, alpha / (alpha + 40.0))
            upto = (edges - one.cdf(came - 1)[:, np.newaxis]) / one.pmf(came)[:, np.newaxis]
            return np.diff(np.clip(upto, 0.0, 1.0).mean(axis=0))

        variance, axes = np.linalg.eigh(fit.search_covariance)
        steps = (axes * np.sqrt(variance)).T
        centre = np.log(fit.estimates)
        moved = np.array([(shares(centre + step) - shares(centre - step)) / 2 for step in steps])
        off = found.n_drawn / 2000 - 0.1
        error = (np.eye(10) / 10 - 0.01) / 2000 + moved.T @ moved
        assert found.statistic == pytest.approx(off @ np.linalg.pinv(error) @ off, rel=1e-7)
        assert found.p_value == pytest.approx(stats.chi2(9).sf(found.statistic), rel=1e-9)
        known = probability_integral_transform(split_of(split, came, 40.0), fit.model, rng=np.random.default_rng(1))
        assert known.statistic == pytest.approx(stats.chisquare(known.n_drawn).statistic)

    def test_a_wrong_fit_is_found(self, split):
        rng, truth = np.random.default_rng(7), Nbd(0.8, 6.0, "week")
        fit = fit_nbd(truth.simulate(np.full(1000, 50.0), rng=rng))
        came = truth.simulate(np.full(1000, 20.0), rng=rng).frequency
        found = probability_integral_transform(split_of(split, came, 40.0), fit, rng=rng)
        assert found.p_value < 1e-6
        assert found.to_vega()["title"]["text"] == ["Customers bought less than was foretold of them"]

    @pytest.mark.slow
    def test_p_values_of_fits_are_uniform(self, split):
        """Fits to 1,000 customers, and 3,000 others: where estimates count as known, a quarter is blamed."""
        rng, truth = np.random.default_rng(8), Nbd(0.8, 6.0, "week")
        of_fit, of_model = [], []
        for _ in range(120):
            fit = fit_nbd(truth.simulate(np.full(1000, 50.0), rng=rng))
            drawn = split_of(split, truth.simulate(np.full(3000, 40.0), rng=rng).frequency, 40.0)
            of_fit.append(probability_integral_transform(drawn, fit, rng=rng).p_value)
            of_model.append(probability_integral_transform(drawn, fit.model, rng=rng).p_value)
        assert np.mean(np.array(of_fit) < 0.05) < 0.09
        assert np.mean(np.array(of_model) < 0.05) > 0.15
        assert stats.kstest(of_fit, "uniform").pvalue > 0.001

    def test_no_claim_where_the_error_is_not_known(self, split):
        """Half as many purchases as foretold, and no test: a parameter that is open, and an ensemble."""
        rng, truth = np.random.default_rng(9), Nbd(0.8, 6.0, "week")
        fit = fit_nbd(truth.simulate(np.full(300, 50.0), rng=rng))
        opened = attrs.evolve(fit, search_covariance=np.diag([0.01, np.inf]))
        drawn = split_of(split, truth.simulate(np.full(1000, 20.0), rng=rng).frequency, 40.0)
        for one in (opened, Ensemble(models=[fit.model, MODEL], weights=[0.5, 0.5], names=["NBD", "BG/NBD"])):
            found = probability_integral_transform(drawn, one, rng=rng)
            assert np.isnan([found.statistic, found.p_value]).all()
            assert found.n_drawn.sum() == 1000
            title = " ".join(found.to_vega()["title"]["text"])
            assert title == "No test whether customers did what was foretold: the error of the estimates is not known"
            assert np.isnan(ProbabilityIntegralTransform.from_json(found.to_json()).p_value)

    @pytest.mark.parametrize(
        ("changes", "name"),
        [({"split": 1}, "split"), ({"model": 1}, "model"), ({"rng": 1}, "rng"), ({"n_bins": 1}, "n_bins")],
    )
    def test_rejects(self, split, changes, name):
        with pytest.raises(InputError) as caught:
            probability_integral_transform(
                **{"split": split, "model": MODEL, "rng": np.random.default_rng(1), **changes}
            )
        assert caught.value.name == name
