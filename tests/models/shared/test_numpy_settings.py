"""`np.errstate` of the caller neither stops a model nor changes what it says."""

from __future__ import annotations

import numpy as np
import pytest

from crmvalue.models import (
    BetaDiscreteWeibull,
    BgBb,
    BgNbd,
    ContractHistory,
    CorrelatedParetoNbd,
    CovariateEffect,
    GammaGamma,
    GgompertzNbd,
    MbgNbd,
    Nbd,
    OpportunityHistory,
    ParetoNbd,
    ShiftedBetaGeometric,
    customer_values,
    fit_beta_discrete_weibull,
    fit_bg_bb,
    fit_bg_nbd,
    fit_correlated_pareto_nbd,
    fit_gamma_gamma,
    fit_ggompertz_nbd,
    fit_mbg_nbd,
    fit_nbd,
    fit_pareto_nbd,
    fit_shifted_beta_geometric,
    likelihood_ratio_test,
    spend_independence,
)
from crmvalue.purchases import PurchaseHistory

HISTORY = PurchaseHistory.from_columns(
    frequency=[0, 1, 2, 499, 3, 0, 2000],
    recency=[0, 1e-30, 30.43, 71.3, 5, 0, 3000],
    age=[40, 40, 38.86, 800, 1e6, 1e-90, 3001],
    mean_repeat_spend=[0, 1e-90, 22.35, 1e90, 7, 0, 3],
    time_unit="week",
).with_covariates({"member": [0, 1, 0, 1, 1, 0, 0]})
ORDINARY = PurchaseHistory.from_columns(
    frequency=[0, 0, 1, 2, 5, 0, 1],
    recency=[0, 0, 3, 20, 30, 0, 33],
    age=[30, 35, 31, 38, 33, 28, 36],
    mean_repeat_spend=[0, 0, 9, 20, 12, 0, 30],
    time_unit="week",
).with_covariates({"member": [0, 1, 0, 1, 1, 0, 0]})
DONORS = OpportunityHistory(frequency=[0, 1, 2, 3000], recency=[0, 1, 3, 3000], n_opportunities=[3, 3000, 3, 3000])
COHORT = [100, 80, 70, 65]
CONTRACTS = ContractHistory(lifetime=[1, 3, 900_000_000, 0], churned=[True, False, True, False])

EFFECTS = {"purchase_effects": [CovariateEffect("member", 0.5)], "dropout_effects": [CovariateEffect("member", 5.0)]}
IN_TIME = [kind(*values, "week") for kind in (BgNbd, MbgNbd, ParetoNbd) for values in (
    (0.243, 4.414, 0.793, 2.426), (1e-3, 1e-3, 30.0, 50.0), (20.0, 1e4, 0.01, 0.01),
)]  # fmt: skip
IN_TIME += [kind(0.243, 4.414, 0.793, 2.426, "week", **EFFECTS) for kind in (BgNbd, MbgNbd, ParetoNbd)]
IN_TIME += [Nbd(*values, "week") for values in ((0.385, 12.07), (1e-3, 1e-3), (20.0, 1e4))]
IN_TIME += [Nbd(0.385, 12.07, "week", purchase_effects=EFFECTS["purchase_effects"])]
IN_TIME += [GgompertzNbd(*values, "week") for values in ((0.55, 10.6, 0.02, 0.6, 0.25), (1e-3, 1e-3, 1.0, 30.0, 1e-5))]
IN_TIME += [
    CorrelatedParetoNbd(*values, "week") for values in ((0.55, 10.6, 0.61, 11.7, 1.5), (20.0, 1e4, 0.01, 0.01, -300.0))
]
IN_TURNS = [BgBb(1.204, 0.750, 0.657, 2.783), BgBb(1e-3, 50.0, 1e-3, 50.0)]
CONTRACT_MODELS = [
    kind(*values, *rest)
    for kind, rest in ((ShiftedBetaGeometric, ()), (BetaDiscreteWeibull, (1.5,)))
    for values in ((0.668, 3.806), (1e-3, 50.0), (300.0, 1e-2))
]
SPEND = [GammaGamma(6.25, 3.74, 15.44), GammaGamma(1e-2, 1.001, 1e-80), GammaGamma(1e3, 1e3, 1e80)]


def same(ask):
    """Ask with the usual settings and with all errors raised; the answers are equal."""
    usual = ask()
    with np.errstate(all="raise"):
        strict = ask()
    np.testing.assert_equal(strict, usual)


@pytest.mark.parametrize("model", IN_TIME, ids=repr)
def test_models_in_time(model):
    same(lambda: model.log_likelihood(HISTORY))
    for ahead in (0, 1e-60, 52, 1e6):
        same(lambda ahead=ahead: model.prob_alive(HISTORY, at=ahead))
        same(lambda ahead=ahead: model.expected_purchases(HISTORY, horizon=ahead))
        same(lambda ahead=ahead: model.expected_purchases_new(horizon=ahead))
        for n in (0, 1, 500):
            same(lambda ahead=ahead, n=n: model.prob_purchases(HISTORY, n, horizon=ahead))
            same(lambda ahead=ahead, n=n: model.prob_purchases_new(n, horizon=ahead))
        for rate in (1e-90, 0.002, 50.0):
            given = {"discount_rate": rate, "horizon": ahead}
            same(lambda given=given: model.discounted_expected_purchases(HISTORY, **given))
            same(lambda given=given: model.discounted_expected_purchases_new(**given))
    same(lambda: model.discounted_expected_purchases(HISTORY, discount_rate=0.002))
    covariates = {"member": 1} if model.purchase_effects else None
    same(lambda: model.simulate(HISTORY.age[:3], rng=np.random.default_rng(1), covariates=covariates))


@pytest.mark.parametrize("model", IN_TURNS, ids=repr)
def test_models_in_turns(model):
    same(lambda: model.log_likelihood(DONORS))
    for ahead in (0, 1, 5000):
        same(lambda ahead=ahead: model.prob_alive(DONORS, at=ahead))
        same(lambda ahead=ahead: model.expected_purchases(DONORS, horizon=ahead))
        same(lambda ahead=ahead: model.prob_purchases(DONORS, 1, horizon=ahead))
        same(lambda ahead=ahead: model.prob_purchases_new(1, horizon=ahead))
    same(lambda: model.discounted_expected_purchases(DONORS, discount_rate=50.0))
    same(lambda: model.discounted_expected_purchases_new(discount_rate=1e-3))
    same(lambda: model.simulate(50, n_opportunities=9, rng=np.random.default_rng(1)))


@pytest.mark.parametrize("model", CONTRACT_MODELS, ids=repr)
def test_models_of_contracts(model):
    t = [1, 2, 1000, 1_000_000_000]
    same(lambda: model.log_likelihood(CONTRACTS))
    same(lambda: model.survival(t, tenure=3))
    same(lambda: model.retention_rate(t))
    same(lambda: model.prob_churn(t))
    same(lambda: model.expected_remaining_lifetime(t, horizon=10_000))
    same(lambda: model.discounted_expected_lifetime(discount_rate=0.1))
    same(lambda: model.discounted_expected_residual_lifetime(t, discount_rate=9.0))
    same(lambda: model.simulate(100, n_periods=9, rng=np.random.default_rng(1)))


@pytest.mark.parametrize("model", SPEND, ids=repr)
def test_models_of_spend(model):
    same(lambda: model.log_likelihood(HISTORY))
    same(lambda: model.expected_spend(HISTORY))
    same(model.expected_spend_new)
    same(lambda: model.simulate(HISTORY.frequency, rng=np.random.default_rng(1)))


@pytest.mark.parametrize("history", [HISTORY, ORDINARY], ids=["hopeless", "ordinary"])
@pytest.mark.parametrize("fit", [fit_bg_nbd, fit_mbg_nbd, fit_nbd, fit_pareto_nbd, fit_gamma_gamma])
def test_fits(fit, history):
    same(lambda: fit(history).to_json())
    same(lambda: fit(history).confidence_interval())
    same(lambda: fit(history).covariance)


@pytest.mark.parametrize(
    "fit", [fit_bg_nbd, fit_mbg_nbd, fit_nbd, fit_pareto_nbd, fit_ggompertz_nbd, fit_correlated_pareto_nbd]
)
def test_fits_with_covariates(fit):
    priors = {"r": (0.5, 1.0), "purchase.member": (0.0, 0.5)}
    same(lambda: fit(ORDINARY, purchase_covariates=["member"], priors=priors).to_json())


def test_other_fits():
    same(lambda: fit_bg_bb(DONORS).to_json())
    same(lambda: fit_shifted_beta_geometric(COHORT).to_json())
    same(lambda: fit_beta_discrete_weibull([10**6, 3, 1, 0]).to_json())
    huge = [10**12, 10**12 // 2, 10**12 // 2 - 5, 10**12 // 4]
    fits = fit_shifted_beta_geometric(huge), fit_beta_discrete_weibull(huge)
    same(lambda: likelihood_ratio_test(*fits))


@pytest.mark.parametrize("model", IN_TIME[::3], ids=repr)
def test_values(model):
    for horizon in (1e-60, 52.0, None):
        terms = {"horizon": horizon, "margin": 1e-90, "discount_rate": 0.002, "service_cost": 1e-90}
        same(lambda terms=terms: customer_values(HISTORY, model, SPEND[0], **terms).to_json())


def test_independence():
    same(lambda: spend_independence(ORDINARY))
