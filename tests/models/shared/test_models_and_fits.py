"""Where only the parameters are needed, a model serves as well as its fit; where more is needed, an error says what."""

from __future__ import annotations

import attrs
import numpy as np
import pytest

from crmvalue.datasets import load_cdnow
from crmvalue.errors import InputError
from crmvalue.models import (
    calibration_by_frequency,
    compare_models,
    customer_values,
    draw_posterior,
    fit_bg_nbd,
    fit_gamma_gamma,
    fit_mbg_nbd,
    fit_nbd,
    fit_pareto_nbd,
    likelihood_ratio_test,
    purchase_tracking,
)
from crmvalue.purchases import split_purchases

LOG = load_cdnow()
SPLIT = split_purchases(LOG.customer, LOG.date, LOG.amount, calibration_end="1997-09-30")
HISTORY = SPLIT.calibration
FITS = {"bg": fit_bg_nbd, "mbg": fit_mbg_nbd, "nbd": fit_nbd, "pareto": fit_pareto_nbd}
SPEND = fit_gamma_gamma(HISTORY, zeros="drop")


def value(purchases, spend=SPEND, **more):
    """All but the grade, which only a fit has."""
    return attrs.evolve(customer_values(HISTORY, purchases, spend, horizon=39, margin=0.3, **more), grade=None)


def score(purchases, spend=SPEND):
    """All but the AIC, which only a fit has, and the warnings of its diagnosis."""
    scores = compare_models(SPLIT, {"model": purchases}, spend_model=spend)
    rounded = attrs.evolve(scores[0], log_likelihood=round(scores[0].log_likelihood, 6))
    return (attrs.evolve(rounded, aic=None, warnings=()), *scores[1:])


OF_PURCHASES = {
    "calibration_by_frequency": lambda given: calibration_by_frequency(SPLIT, given),
    "purchase_tracking": lambda given: purchase_tracking(LOG.customer, LOG.date, given),
    "customer_values": value,
    "compare_models": score,
}
OF_SPEND = {
    "customer_values": lambda given: value(fit_bg_nbd(HISTORY), given),
    "compare_models": lambda given: score(fit_bg_nbd(HISTORY), given),
}
NEED_A_FIT = {
    "customer_values, level": lambda given: value(given, level=0.9, rng=np.random.default_rng(1)),
    "draw_posterior": lambda given: draw_posterior(given, HISTORY, rng=np.random.default_rng(1)),
    "likelihood_ratio_test": lambda given: likelihood_ratio_test(given, fit_bg_nbd(HISTORY)),
}


class TestModelsAndFits:
    """One table: each function that takes a model or a fit."""

    @pytest.mark.parametrize("function", OF_PURCHASES.values(), ids=OF_PURCHASES)
    @pytest.mark.parametrize("fit", FITS.values(), ids=FITS)
    def test_of_purchases(self, function, fit):
        found = fit(HISTORY)
        assert function(found.model) == function(found)

    @pytest.mark.parametrize("function", OF_SPEND.values(), ids=OF_SPEND)
    def test_of_spend(self, function):
        assert function(SPEND.model) == function(SPEND)

    @pytest.mark.parametrize("fit", FITS.values(), ids=FITS)
    @pytest.mark.parametrize("more", [{}, {"purchase_covariates": ["z"]}], ids=["plain", "covariates"])
    def test_starts(self, fit, more):
        history = HISTORY.with_covariates({"z": np.sin(np.arange(len(HISTORY)))})
        found = fit(HISTORY)
        assert fit(history, starts=[found], **more) == fit(history, starts=[found.model], **more)

    @pytest.mark.parametrize("function", NEED_A_FIT.values(), ids=NEED_A_FIT)
    def test_what_needs_the_uncertainty_says_so(self, function):
        with pytest.raises(InputError, match="a Fit"):
            function(fit_bg_nbd(HISTORY).model)

    def test_a_model_alone_has_a_likelihood_and_no_aic(self):
        fit = fit_bg_nbd(HISTORY)
        alone, fitted = compare_models(SPLIT, {"published": fit.model, "fitted": fit})[:2]
        assert alone.log_likelihood == pytest.approx(fitted.log_likelihood, rel=1e-9)
        assert (alone.aic, alone.warnings) == (None, ())
