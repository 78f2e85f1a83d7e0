"""A linear pool: weighted means of what models foretell, with the weights of the best log score."""

from __future__ import annotations

import attrs
import numpy as np
import pytest

from crmvalue.datasets import load_cdnow
from crmvalue.errors import InputError
from crmvalue.models import (
    BgNbd,
    CovariateEffect,
    Ensemble,
    GammaGamma,
    MbgCnbd,
    Nbd,
    ParetoNbd,
    compare_models,
    customer_values,
    fit_ensemble,
    fit_mbg_nbd,
    proper_scores,
)
from crmvalue.purchases import PurchaseHistory, split_purchases

MODELS = (
    BgNbd(0.243, 4.414, 0.793, 2.426, "week"),
    ParetoNbd(0.553, 10.578, 0.606, 11.669, "week"),
    MbgCnbd(0.58, 2.288, 1.134, 1.585, "week", k=2),
)
WEIGHTS = (0.5, 0.3, 0.2)
POOL = Ensemble(models=MODELS, weights=WEIGHTS, names=["a", "b", "c"])
KNOWN = PurchaseHistory.from_columns(
    frequency=[2, 0, 7, 0], recency=[30.43, 0, 20, 0], age=[38.86, 38.86, 39, 0], time_unit="week"
)


@pytest.fixture(scope="module")
def split():
    log = load_cdnow()
    return split_purchases(log.customer, log.date, log.amount, calibration_end="1997-09-30")


def mean_of(ask):
    return sum(weight * ask(model) for weight, model in zip(WEIGHTS, MODELS, strict=True))


class TestEnsemble:
    """Each prediction is the weighted mean of those of the models."""

    @pytest.mark.parametrize(
        "ask",
        [
            lambda model: model.prob_alive(KNOWN),
            lambda model: model.prob_alive(KNOWN, at=13.0),
            lambda model: model.expected_purchases(KNOWN, horizon=[39, 1, 0, 20]),
            lambda model: model.prob_purchases(KNOWN, [0, 1, 2, 3], horizon=39.0),
            lambda model: model.discounted_expected_purchases(KNOWN, discount_rate=0.01),
            lambda model: model.discounted_expected_purchases(KNOWN, discount_rate=0.01, horizon=39.0),
            lambda model: model.expected_purchases_new(horizon=[1, 39]),
            lambda model: model.prob_purchases_new([0, 3], horizon=39.0),
            lambda model: model.discounted_expected_purchases_new(discount_rate=0.01),
        ],
    )
    def test_is_the_weighted_mean(self, ask):
        np.testing.assert_allclose(ask(POOL), mean_of(ask), rtol=1e-12)

    def test_likelihood_and_values(self, split):
        each = mean_of(lambda model: np.exp(model.log_likelihood(KNOWN)))
        np.testing.assert_allclose(POOL.log_likelihood(KNOWN), np.log(each), rtol=1e-12, atol=1e-15)
        spend, options = GammaGamma(6.25, 3.74, 15.44), {"horizon": 52.0, "margin": 0.3, "discount_rate": 0.002}

        def values(model):
            return customer_values(split.calibration, model, spend, service_cost=0.01, **options).clv

        np.testing.assert_allclose(values(POOL), mean_of(values), rtol=1e-9)

    def test_scores_follow_from_its_probabilities(self, split):
        found = proper_scores(split, POOL)
        prob = POOL.prob_purchases(split.calibration, split.holdout_n_purchases, horizon=39.0)
        assert found.log_score == pytest.approx(-np.log(prob).mean(), rel=1e-12)
        three = PurchaseHistory.from_columns(
            frequency=[2, 0, 7], recency=[30.43, 0, 20], age=[38.86, 38.86, 39], time_unit="week"
        )
        nothing = dict.fromkeys(("holdout_spend", "last_n_purchases", "last_spend"))
        few = attrs.evolve(split, calibration=three, holdout_n_purchases=[1, 0, 9], **nothing)
        total, score = 0.0, 0.0
        for n in range(80):
            total = total + POOL.prob_purchases(three, n, horizon=39.0)
            score = score + (total - (few.holdout_n_purchases <= n)) ** 2
        assert proper_scores(few, POOL).crps == pytest.approx(score.mean(), rel=1e-10)
        assert compare_models(split, {"pool": POOL})[0].counts == found

    def test_simulates_a_mixture(self):
        drawn = POOL.simulate(np.full(20_000, 39.0), rng=np.random.default_rng(1))
        none = mean_of(lambda model: model.prob_purchases_new(0, horizon=39.0))
        assert abs((drawn.frequency == 0).mean() - none) < 4 * (none * (1 - none) / 20_000) ** 0.5

    def test_with_covariates(self):
        moved = attrs.evolve(MODELS[0], purchase_effects=[CovariateEffect("vip", 0.5)])
        pool = Ensemble(models=[moved, MODELS[1]], weights=[0.5, 0.5], names=["a", "b"])
        known = KNOWN.with_covariates({"vip": [1, 0, 0, 1]})
        each = [model.expected_purchases(known, horizon=39.0) for model in (moved, MODELS[1])]
        np.testing.assert_allclose(pool.expected_purchases(known, horizon=39.0), np.mean(each, axis=0), rtol=1e-12)
        plain = pool.for_covariates({"vip": 1})
        assert plain.models[0] == moved.for_covariates({"vip": 1})
        for wrong in (None, "vip", {}, {"vip": 1, "town": 2}, {"vip": "yes"}):
            with pytest.raises(InputError, match="covariates"):
                pool.for_covariates(wrong)
        with pytest.raises(InputError, match=r"those of the model \(none\)"):
            POOL.for_covariates({"vip": 1})

    def test_json_and_other_fits(self):
        assert repr(POOL).startswith("Ensemble(0.5 a: BgNbd(r=0.243, ")
        assert Ensemble.from_json(POOL.to_json()) == POOL
        lean = Ensemble(models=MODELS, weights=[0.4, 0.0, 0.6], names=["a", "b", "c"])
        other = lean.refitted({"a": MODELS[1], "c": MODELS[2]})
        assert (other.names, other.models) == (("a", "c"), (MODELS[1], MODELS[2]))

    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"weights": [0.5, 0.5]}, "weights"),
            ({"weights": [0.5, 0.6, -0.1]}, "weights"),
            ({"weights": [0.5, 0.4, 0.2]}, "weights"),
            ({"models": []}, "models"),
            ({"models": [1, 2, 3]}, "models[0]"),
            ({"models": [POOL, POOL, POOL]}, "models"),
            ({"models": [*MODELS[:2], Nbd(1, 1, "day")]}, "models"),
            ({"names": ["a", "a", "b"]}, "names"),
        ],
    )
    def test_rejects(self, changes, name):
        with pytest.raises(InputError) as caught:
            Ensemble(**{"models": MODELS, "weights": WEIGHTS, "names": ["a", "b", "c"], **changes})
        assert caught.value.name == name
        with pytest.raises(InputError, match="fits"):
            POOL.refitted({})


class TestFitEnsemble:
    """Weights of the greatest mean logarithm of the mixture."""

    def test_is_best_among_all_weights(self, split):
        """A grid over the weights of two models, the one too low and the other too high."""
        past = split.calibration
        low, high = Nbd(0.1, 12.0, "week"), Nbd(1.5, 12.0, "week")
        pool = fit_ensemble(split, {"low": low, "high": high, "far": Nbd(50.0, 1.0, "week")})
        prob = [model.prob_purchases(past, split.holdout_n_purchases, horizon=39.0) for model in (low, high)]
        grid = np.linspace(0, 1, 10_001)
        means = [np.log(w * prob[0] + (1 - w) * prob[1]).mean() for w in grid[::100]]
        near = grid[::100][int(np.argmax(means))]
        fine = grid[(grid > near - 0.01) & (grid < near + 0.01)]
        best = fine[int(np.argmax([np.log(w * prob[0] + (1 - w) * prob[1]).mean() for w in fine]))]
        assert pool.weights[0] == pytest.approx(best, abs=2e-4)
        assert pool.weights[2] == 0.0
        assert proper_scores(split, pool).log_score < min(
            proper_scores(split, model).log_score for model in (low, high)
        )

    def test_one_model_and_bad_input(self, split):
        fit = fit_mbg_nbd(split.calibration)
        assert fit_ensemble(split, {"MBG/NBD": fit}).weights.tolist() == [1.0]
        for fits in ({}, [fit], {"a": 1}, {1: fit}):
            with pytest.raises(InputError, match="fits"):
                fit_ensemble(split, fits)
