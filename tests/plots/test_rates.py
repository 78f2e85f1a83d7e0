"""Pictures of how much customers differ: quantiles of the distributions of a model, and their intervals."""

from __future__ import annotations

import functools

import attrs
import numpy as np
import pytest
from scipy import stats

from crmvalue import models, plots
from crmvalue.datasets import load_cdnow
from crmvalue.errors import InputError
from crmvalue.purchases import split_purchases

MODEL = models.BgNbd(0.243, 4.414, 0.793, 2.426, "week")
PARETO = models.ParetoNbd(0.553, 10.58, 0.606, 11.67, "week")
MIDDLES = np.arange(0.95, 0, -0.1)


@functools.cache
def fit():
    log = load_cdnow()
    return models.fit_bg_nbd(split_purchases(log.customer, log.date, calibration_end="1997-09-30").calibration)


def simulated(quantiles, n=4000):
    """Draw parameters from their normal distribution on the logarithms, and give the ends of 95 % of the quantiles."""
    draws = np.random.default_rng(1).multivariate_normal(np.log(fit().estimates), fit().search_covariance, n)
    found = np.array([quantiles(**dict(zip(fit().names, np.exp(row), strict=True))) for row in draws])
    return np.quantile(found, [0.025, 0.975], axis=0)


class TestPurchaseRates:
    """Quantiles of the gamma distribution of the rates."""

    def test_medians_of_tenths(self):
        data = plots.purchase_rates(MODEL).plot_data()
        assert data["rate"] == pytest.approx(stats.gamma(0.243, scale=1 / 4.414).ppf(MIDDLES), rel=1e-9)
        assert data["average"] == pytest.approx(0.243 / 4.414)
        assert "low" not in data

    def test_interval_of_a_fit_is_that_of_simulated_parameters(self):
        data = plots.purchase_rates(fit()).plot_data()
        low, high = simulated(lambda r, alpha, **_: stats.gamma(r, scale=1 / alpha).ppf(MIDDLES))
        # A simulation of 4,000 draws, and a curve in place of a line: some percent.
        assert data["low"][:5] == pytest.approx(low[:5], rel=0.05)
        assert data["high"][:5] == pytest.approx(high[:5], rel=0.05)

    def test_the_interval_holds_the_median(self):
        data = plots.purchase_rates(fit()).plot_data()
        assert (data["low"] < data["rate"]).all()
        assert (data["rate"] < data["high"]).all()

    def test_no_interval_without_what_the_data_determine(self):
        known = fit()
        unsure = attrs.evolve(known, search_covariance=np.diag([np.inf, 1.0, 1.0, 1.0]))
        assert "low" not in plots.purchase_rates(unsure).plot_data()
        other = attrs.evolve(
            known, search_covariance=np.diag([0.01, 0.01, np.inf, 1.0])
        )  # leaving does not matter here
        assert "low" in plots.purchase_rates(other).plot_data()


class TestOtherModels:
    """Models with more than two rates are drawn by these; those that have none say so."""

    def test_by_the_model_inside(self):
        season = models.SeasonalModel(MODEL, models.Calendar(month={"December": 2.0}))
        changing = models.TimeVaryingParetoNbd(0.553, 10.58, 0.606, 11.67, "week")
        for other, same in ((season, MODEL), (changing, PARETO)):
            for draw, column in ((plots.purchase_rates, "rate"), (plots.leaving_rates, "prob_leaving")):
                assert draw(other).plot_data()[column].tolist() == draw(same).plot_data()[column].tolist()

    def test_a_fit_of_an_aging_model_has_an_interval(self):
        """The purchases of CDNOW say as much of r and alpha as with BG/NBD, so the rates are nearly as certain."""
        log = load_cdnow()
        calibration = split_purchases(log.customer, log.date, calibration_end="1997-09-30").calibration
        data = plots.purchase_rates(models.fit_ggompertz_nbd(calibration)).plot_data()
        assert (data["low"] < data["rate"]).all()
        assert (data["high"] / data["low"] < 4)[:5].all()

    def test_an_ensemble_has_no_rates_but_values(self):
        pool = models.Ensemble(models=[MODEL, PARETO], weights=[1.0, 0.0], names=["one", "two"])
        for draw in (plots.purchase_rates, plots.leaving_rates):
            with pytest.raises(InputError, match="draw each of its `models`"):
                draw(pool)
        found, same = (plots.value_matrix(model, age=52, horizon=52, margin=10).plot_data() for model in (pool, MODEL))
        assert found["value"] == pytest.approx(same["value"], rel=1e-12)


class TestLeavingRates:
    """Quantiles of the beta distribution of leaving, or of leaving within a unit of time."""

    def test_medians_of_tenths(self):
        data = plots.leaving_rates(MODEL).plot_data()
        assert data["prob_leaving"] == pytest.approx(stats.beta(0.793, 2.426).ppf(MIDDLES), rel=1e-9)
        assert data["average"] == pytest.approx(0.793 / (0.793 + 2.426))

    def test_pareto_leaves_at_any_time(self):
        data = plots.leaving_rates(PARETO).plot_data()
        rate = stats.gamma(0.606, scale=1 / 11.67)
        assert data["prob_leaving"] == pytest.approx(1 - np.exp(-rate.ppf(MIDDLES)), rel=1e-9)
        assert data["average"][0] == pytest.approx(rate.expect(lambda mu: 1 - np.exp(-mu)), rel=1e-6)

    def test_interval_of_a_fit_is_that_of_simulated_parameters(self):
        data = plots.leaving_rates(fit()).plot_data()
        low, high = simulated(lambda a, b, **_: stats.beta(a, b).ppf(MIDDLES))
        # As above; the parameters of leaving are less certain.
        assert data["low"][:7] == pytest.approx(low[:7], rel=0.1)
        assert data["high"][:7] == pytest.approx(high[:7], rel=0.1)
        assert (data["high"] < 1).all()

    def test_of_those_who_leave_faster_as_they_age(self):
        """The chance to stay the first week is that of a Gompertz lifetime, averaged over the gamma distribution."""
        data = plots.leaving_rates(models.GgompertzNbd(0.553, 10.58, 0.5, 0.606, 0.25, "week")).plot_data()
        level = stats.gamma(0.606, scale=1 / 0.25)
        gone = stats.gompertz  # of scipy, with the hazard c e^x
        assert data["prob_leaving"] == pytest.approx(gone(level.ppf(MIDDLES)).cdf(0.5), rel=1e-9)
        assert data["average"][0] == pytest.approx(level.expect(lambda eta: gone(eta).cdf(0.5)), rel=1e-6)

    @pytest.mark.parametrize("model", [models.Nbd(0.385, 12.07, "week"), None, models.GammaGamma(6, 4, 15)])
    def test_other_models_are_refused(self, model):
        with pytest.raises(InputError) as caught:
            plots.leaving_rates(model)
        assert caught.value.name == "model"

    def test_hardly_anybody_leaves(self):
        title = plots.leaving_rates(models.BgNbd(0.2, 4.0, 1e-6, 1e3, "week")).title
        assert title == "By this model, customers hardly ever leave"
