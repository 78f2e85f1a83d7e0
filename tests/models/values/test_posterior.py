"""Draws from the posterior, and fits as JSON."""

from __future__ import annotations

import json
import math
from types import SimpleNamespace

import numpy as np
import pytest

from crmvalue._models.values.posterior import _log_posterior, draw, spenders
from crmvalue.datasets import load_cdnow
from crmvalue.errors import InputError
from crmvalue.models import (
    BgNbd,
    ContractHistory,
    Fit,
    Posterior,
    ShiftedBetaGeometric,
    draw_posterior,
    fit_bg_nbd,
    fit_gamma_gamma,
    fit_pareto_nbd,
    fit_shifted_beta_geometric,
)
from crmvalue.purchases import PurchaseHistory, summarise_purchases

COHORT = [1000, 869, 743, 653, 593, 551, 517, 491]  # Fader and Hardie (2007), the high-end segment


@pytest.fixture(scope="module")
def history():
    cdnow = load_cdnow()
    return summarise_purchases(cdnow.customer, cdnow.date, cdnow.amount, as_of="1997-09-30")


def posterior_by_quadrature(log_likelihood, prior):
    """Mean of alpha and beta under a flat prior in their logarithms, on a fine grid around the published estimates."""
    log_a, log_b = np.linspace(-1.6, 0.9, 161), np.linspace(0.3, 2.7, 161)
    height = np.array([[log_likelihood(math.exp(a), math.exp(b)) + prior(a, b) for b in log_b] for a in log_a])
    weight = np.exp(height - height.max())
    weight /= weight.sum()
    return (weight.sum(axis=1) * np.exp(log_a)).sum(), (weight.sum(axis=0) * np.exp(log_b)).sum()


class TestDrawPosterior:
    """Normal draws on the logarithms, weighed by the true posterior over the normal density."""

    @pytest.mark.slow
    @pytest.mark.parametrize("priors", [None, {"alpha": (1.0, 0.3)}])
    def test_means_equal_those_of_quadrature(self, priors):
        churned = -np.diff(COHORT)

        def log_likelihood(a, b):
            survival = np.cumprod((b + np.arange(7)) / (a + b + np.arange(7)))
            lost = np.concatenate([[1.0], survival])[:-1] - survival
            return float((churned * np.log(lost)).sum() + COHORT[-1] * np.log(survival[-1]))

        def prior(a, _):
            return 0.0 if priors is None else -0.5 * (a / 0.3) ** 2

        fit = fit_shifted_beta_geometric(COHORT, priors=priors)
        rng = np.random.default_rng(11)
        posterior = draw_posterior(fit, ContractHistory.from_survivors(COHORT), n_draws=4000, rng=rng)
        expected = posterior_by_quadrature(log_likelihood, prior)
        for name, mean in zip(("alpha", "beta"), expected, strict=True):
            draws = posterior[name]
            found = (posterior.weight * draws).sum()
            spread = math.sqrt((posterior.weight * (draws - found) ** 2).sum())
            assert abs(found - mean) < 4 * spread / math.sqrt(4000 * posterior.effective_share)
        assert 0.5 < posterior.effective_share <= 1
        assert posterior.weight.sum() == pytest.approx(1, rel=1e-12)

    def test_cdnow_is_nearly_normal_and_the_same_seed_gives_the_same_bits(self, history):
        fit = fit_bg_nbd(history)
        first, second = (draw_posterior(fit, history, n_draws=300, rng=np.random.default_rng(2)) for _ in range(2))
        assert first.effective_share > 0.7
        np.testing.assert_array_equal(first.weight, second.weight)
        np.testing.assert_array_equal(first["alpha"], second["alpha"])
        assert (first.weight * first["r"]).sum() == pytest.approx(0.2426, rel=0.02)

    def test_refuses_what_the_data_do_not_determine(self):
        nobody = PurchaseHistory.from_columns(frequency=[0] * 9, recency=[0] * 9, age=range(9, 18), time_unit="week")
        fit = fit_bg_nbd(nobody)
        assert not fit.diagnosis.trustworthy
        with pytest.raises(InputError, match="give priors"):
            draw_posterior(fit, nobody, rng=np.random.default_rng(1))

    def test_one_draw_has_all_the_weight(self):
        fit, history = fit_shifted_beta_geometric(COHORT), ContractHistory.from_survivors(COHORT)
        one = draw_posterior(fit, history, n_draws=1, rng=np.random.default_rng(3))
        assert one.weight.tolist() == [1.0]

    @pytest.mark.parametrize(
        ("changes", "name"),
        [({"fit": 5}, "fit"), ({"n_draws": 0}, "n_draws"), ({"rng": 1}, "rng"), ({"history": [1, 2]}, "history")],
    )
    def test_rejects(self, changes, name):
        good = {
            "fit": fit_shifted_beta_geometric(COHORT),
            "history": ContractHistory.from_survivors(COHORT),
            "n_draws": 5,
            "rng": np.random.default_rng(1),
        }
        with pytest.raises(InputError) as caught:
            draw_posterior(**{**good, **changes})
        assert caught.value.name == name


class TestFitJson:
    """A fit goes to JSON and back, infinite variances included."""

    def test_round_trips(self, history):
        nobody = PurchaseHistory.from_columns(frequency=[0] * 9, recency=[0] * 9, age=range(9, 18), time_unit="week")
        fits = [
            fit_bg_nbd(history, priors={"r": (0.3, 1.0)}),
            fit_pareto_nbd(history),
            fit_gamma_gamma(history, zeros="drop"),
            fit_shifted_beta_geometric(COHORT),
            fit_bg_nbd(nobody),
        ]
        for fit in fits:
            again = Fit.from_json(fit.to_json())
            assert again == fit
            assert again.model == fit.model
            assert "Infinity" not in fit.to_json()

    @pytest.mark.parametrize("text", ["", "5", "[]", "{}", '{"model": {"kind": "os"}}', '{"model": 5}'])
    def test_refuses_other_text(self, text):
        with pytest.raises(InputError, match="text"):
            Fit.from_json(text)

    @pytest.mark.parametrize(
        ("field", "wrong"),
        [
            ("model", None),
            ("model", 5),
            ("model", "BgNbd"),
            ("model", []),
            ("model", {}),
            ("model", {"kind": []}),
            ("model", {"kind": "Diagnosis"}),
            ("model", {"kind": "ShiftedBetaGeometric", "alpha": 1.0, "beta": "x"}),
            ("n_customers", "9"),
            ("n_customers", None),
            ("names", [1, 2]),
            ("estimates", None),
            ("diagnosis", None),
        ],
    )
    def test_refuses_another_value_of_a_field(self, field, wrong):
        fields = json.loads(fit_shifted_beta_geometric(COHORT).to_json())
        with pytest.raises(InputError) as caught:
            Fit.from_json(json.dumps({**fields, field: wrong}))
        assert caught.value.name == "text"

    @pytest.mark.parametrize("kind", [BgNbd, ShiftedBetaGeometric])
    @pytest.mark.parametrize("text", ["", "5", "[]", '{"kind": "BgBb"}', '{"kind": "BgNbd", "r": "x"}'])
    def test_models_refuse_other_text(self, kind, text):
        with pytest.raises(InputError):
            kind.from_json(text)


class TestHeights:
    """The weight of a draw is the posterior over the normal density that it was drawn from."""

    FIT = SimpleNamespace(
        names=("shift",), positive=np.array([False]), priors={"shift": (2.0, 0.5)}, estimates=np.array([2.0]),
        search_covariance=np.eye(1),
    )  # fmt: skip

    def test_the_prior_of_a_parameter_that_may_be_negative(self):
        """A normal one: at 3, two standard deviations from the median 2."""
        assert _log_posterior(self.FIT, lambda _: -1.0, np.array([3.0])) == -1.0 - 0.5 * 2.0**2

    def test_draws_far_from_the_best(self):
        """Their log-likelihoods differ by more than exponents of floats can hold."""
        found = draw(self.FIT, lambda values: -1e4 * (values[0] - 2.0) ** 2, 200, np.random.default_rng(1))
        assert found.weight.sum() == pytest.approx(1.0)
        assert np.isfinite(found.weight).all()


def test_small_amounts_are_spend():
    """Of whom a fit of spend learns: who came again and paid, if only half a unit of money."""
    history = PurchaseHistory.from_columns(
        frequency=[1, 2, 1, 0], recency=[1, 2, 3, 0], age=[9] * 4, time_unit="week",
        mean_repeat_spend=[0.5, 3.0, 0.0, np.nan],
    )  # fmt: skip
    assert spenders(history).frequency.tolist() == [1, 2]


@pytest.mark.parametrize("weight", [[0.5, 0.4], [0.9, 0.9], [0.5, 0.5 + 1e-6]])
def test_weights_that_do_not_sum_to_1_are_refused(weight):
    with pytest.raises(InputError, match="of sum 1"):
        Posterior(names=("r",), draws=[[1.0], [2.0]], weight=weight)
