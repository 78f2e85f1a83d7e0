"""Log score, CRPS and coverage of foretold counts, beside sums over all counts."""

from __future__ import annotations

import attrs
import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from crmvalue._models.validation.predictive import foretell, of_poisson
from crmvalue.datasets import load_cdnow
from crmvalue.errors import InputError
from crmvalue.models import (
    BgCnbd,
    BgNbd,
    MbgCnbd,
    MbgNbd,
    Nbd,
    ParetoNbd,
    ProperScores,
    compare_models,
    fit_bg_nbd,
    fit_mbg_nbd,
    fit_nbd,
    proper_scores,
)
from crmvalue.purchases import PurchaseHistory, split_purchases
from tests.models.references import nbd_pmf, pmf, prob_purchases_mp

NBD = Nbd(0.385, 12.07, "week")
MODELS = [
    NBD,
    BgNbd(0.243, 4.414, 0.793, 2.426, "week"),
    MbgNbd(0.525, 6.183, 0.891, 1.614, "week"),
    ParetoNbd(0.553, 10.578, 0.606, 11.669, "week"),
    MbgCnbd(1.329, 2.813, 0.425, 0.79, "week", k=2),
    BgCnbd(1.329, 2.813, 0.425, 0.79, "week", k=3),
]
each_model = pytest.mark.parametrize("model", MODELS, ids=lambda model: type(model).__name__)


def history(x, t_x, age):
    return PurchaseHistory.from_columns(frequency=x, recency=t_x, age=age, time_unit="week")


SOME = history([0, 0, 1, 2, 5, 30, 0], [0, 0, 4, 30.43, 27, 28.9, 0], [0, 38.86, 38, 38.86, 30, 39, 2])
CAME = np.array([3.0, 0.0, 2.0, 1.0, 8.0, 20.0, 90.0])
MANY = history([400, 400, 1500], [38.9, 37.5, 59.99], [39, 39, 60])
CAME_OF_MANY = np.array([300.0, 5.0, 1400.0])


def by_sums(model, known, came, horizon, most):
    """CRPS and both ends of the range of each customer's count, from the probability of each count."""
    total, score, fewer = (np.zeros(len(came)) for _ in range(3))
    upto = np.zeros(len(came))
    for n in range(most):
        total = total + model.prob_purchases(known, n, horizon=horizon)
        score += (total - (came <= n)) ** 2
        fewer, upto = np.where(came == n + 1, total, fewer), np.where(came == n, total, upto)
    return score, fewer, upto


@pytest.fixture(scope="module")
def split():
    log = load_cdnow()
    return split_purchases(log.customer, log.date, log.amount, calibration_end="1997-09-30")


def split_of(known, came, horizon=39.0):
    log = load_cdnow()
    split = split_purchases(log.customer, log.date, calibration_end="1997-09-30")
    return attrs.evolve(
        split, calibration=known, holdout_n_purchases=came, holdout_length=horizon, last_n_purchases=None
    )


class TestForetell:
    """CRPS: the sum over n of (P(X <= n) - 1{x <= n})^2. Range: P(X < x) to P(X <= x)."""

    @each_model
    def test_equals_sums_over_all_counts(self, model):
        found = foretell(model, SOME, 39.0, CAME)
        score, fewer, upto = by_sums(model, SOME, CAME, 39.0, 300)
        np.testing.assert_allclose(found.crps, score, rtol=1e-12, atol=1e-13)
        np.testing.assert_allclose(found.fewer, fewer, rtol=1e-11, atol=1e-14)
        np.testing.assert_allclose(found.upto, upto, rtol=1e-11, atol=1e-14)
        np.testing.assert_array_equal(found.prob, model.prob_purchases(SOME, CAME, horizon=39.0))

    def test_of_many_purchases_by_a_rule(self):
        """Above 64 a quadrature rule takes the place of the sum: 1e-8 of a purchase."""
        found = foretell(MODELS[1], MANY, 39.0, CAME_OF_MANY)
        score, fewer, upto = by_sums(MODELS[1], MANY, CAME_OF_MANY, 39.0, 2200)
        np.testing.assert_allclose(found.crps, score, atol=1e-8)
        np.testing.assert_allclose(found.fewer, fewer, atol=1e-11)
        np.testing.assert_allclose(found.upto, upto, atol=1e-11)

    @pytest.mark.slow
    @each_model
    @pytest.mark.parametrize(("horizon", "most"), [(0.5, 150), (39.0, 2300), (120.0, 5500)])
    def test_of_many_purchases_for_each_model(self, model, horizon, most):
        found = foretell(model, MANY, horizon, np.floor(CAME_OF_MANY * horizon / 39.0))
        score, fewer, upto = by_sums(model, MANY, np.floor(CAME_OF_MANY * horizon / 39.0), horizon, most)
        np.testing.assert_allclose(found.crps, score, atol=1e-7)
        np.testing.assert_allclose(found.fewer, fewer, atol=1e-10)
        np.testing.assert_allclose(found.upto, upto, atol=1e-10)

    @pytest.mark.parametrize("came", [0, 1, 7, 100_000])
    def test_of_a_count_far_out_and_a_heavy_tail(self, came):
        """NBD of a newcomer over 10,000 weeks: |came - X| and |X - X'|, means over scipy's distribution."""
        r, part = 0.385, 12.07 / (12.07 + 10_000.0)
        found = foretell(NBD, history([0], [0], [0]), 10_000.0, np.array([float(came)]))
        n = np.arange(250_000)
        upto = stats.nbinom.cdf(n, r, part)
        assert found.crps[0] == pytest.approx(((upto - (came <= n)) ** 2).sum(), rel=1e-9)
        assert found.upto[0] == pytest.approx(stats.nbinom.cdf(came, r, part), rel=1e-9)

    @pytest.mark.slow
    @pytest.mark.parametrize("came", [0, 2, 12])
    def test_at_50_digits(self, came):
        """The same sums of probabilities from the definitions, with mpmath."""
        row, t = (2, 30.43, 38.86), 39.0
        known = history([2], [30.43], [38.86])
        bg, mbg, pareto = (0.243, 4.414, 0.793, 2.426), (0.525, 6.183, 0.891, 1.614), (0.553, 10.578, 0.606, 11.669)
        cases = [
            (NBD, lambda n: nbd_pmf(row, n, t, (0.385, 12.07))),
            (MODELS[1], lambda n: prob_purchases_mp(*bg, *row, n, t, early=0)),
            (MODELS[2], lambda n: prob_purchases_mp(*mbg, *row, n, t, early=1)),
            (MODELS[3], lambda n: pmf(row, n, t, pareto)),
        ]
        for model, prob in cases:
            total, score, scored = mpmath.mpf(0), mpmath.mpf(0), mpmath.mpf(0)
            for n in range(60):
                exactly = prob(n)
                total += exactly
                score += (total - (came <= n)) ** 2
                scored += -mpmath.log(exactly) if n == came else 0
            found = proper_scores(split_of(known, np.array([float(came)]), t), model)
            assert found.crps == pytest.approx(float(score), rel=1e-11)
            assert found.log_score == pytest.approx(float(scored), rel=1e-11)


class TestPoisson:
    """The distribution of the naive rules."""

    @given(st.floats(0.0, 200.0), st.integers(0, 300))
    def test_equals_sums(self, mean, came):
        found = of_poisson(np.array([mean]), np.array([float(came)]))
        n = np.arange(800)
        upto = stats.poisson.cdf(n, mean)
        assert found.crps[0] == pytest.approx(((upto - (came <= n)) ** 2).sum(), rel=1e-9, abs=1e-11)
        assert found.prob[0] == pytest.approx(stats.poisson.pmf(came, mean), rel=1e-10, abs=1e-300)
        assert found.upto[0] - found.fewer[0] == pytest.approx(found.prob[0], abs=1e-12)


class TestProperScores:
    """Means over customers: -log P(X = x) in nats, CRPS, and the share inside the central interval."""

    def test_by_hand(self):
        """Two customers of an NBD: negative binomial distributions of scipy."""
        known, came = history([2, 0], [30.43, 0], [38.86, 10]), np.array([1.0, 0.0])
        found = proper_scores(split_of(known, came), NBD, level=0.5)
        each = [stats.nbinom(0.385 + x, (12.07 + t) / (12.07 + t + 39)) for x, t in ((2, 38.86), (0, 10))]
        assert found.log_score == pytest.approx(-np.mean([each[0].logpmf(1), each[1].logpmf(0)]), rel=1e-12)
        n = np.arange(2000)
        sums = [((one.cdf(n) - (x <= n)) ** 2).sum() for one, x in zip(each, came, strict=True)]
        assert found.crps == pytest.approx(np.mean(sums), rel=1e-12)
        inside = []
        for one, x in zip(each, came, strict=True):
            low, high = one.cdf(x - 1), one.cdf(x)
            inside.append(max(min(high, 0.75) - max(low, 0.25), 0.0) / (high - low))
        assert found.coverage == pytest.approx(np.mean(inside), rel=1e-11)
        assert found.level == 0.5

    def test_is_part_of_the_comparison(self, split):
        model = MODELS[1]
        score, nobody, same, gap, last = compare_models(split, {"BG/NBD": model})
        assert score.counts == proper_scores(split, model)
        assert nobody.counts.log_score == np.inf
        assert nobody.counts.crps == nobody.purchases.mean_absolute_error == split.holdout_n_purchases.mean()
        assert gap.counts is None
        past, came = split.calibration, split.holdout_n_purchases
        rate = past.frequency.sum() / past.age.sum()
        mean = (past.frequency + 0.5) / (past.age + 0.5 / rate) * 39
        assert same.counts.log_score == pytest.approx(-stats.poisson.logpmf(came, mean).mean(), rel=1e-10)
        before = split.last_n_purchases
        mean = (before + 0.5) / (1 + 0.5 / before.mean())
        assert last.counts.log_score == pytest.approx(-stats.poisson.logpmf(came, mean).mean(), rel=1e-10)
        assert score.counts.log_score < min(same.counts.log_score, last.counts.log_score)

    def test_nobody_has_bought_again(self):
        split = split_of(history([0, 0], [0, 0], [3, 4]), np.array([0.0, 1.0]))
        nobody, same, _ = compare_models(split, {"NBD": NBD})[1:]
        assert (nobody.purchases.root_mean_squared_error, same.counts) == (0.5**0.5, None)

    @each_model
    def test_covers_what_it_promises_where_it_is_true(self, model):
        """Coverage of 20,000 futures of newcomers is the level within four standard errors."""
        drawn = model.simulate(np.full(20_000, 60.0), rng=np.random.default_rng(7))
        split = split_of(history(np.zeros(20_000), np.zeros(20_000), np.zeros(20_000)), drawn.frequency, 60.0)
        found = proper_scores(split, model, level=0.8)
        assert abs(found.coverage - 0.8) < 4 * (0.16 / 20_000) ** 0.5
        worse = attrs.evolve(model, r=2.5 * model.r)
        assert proper_scores(split, worse).log_score > found.log_score
        assert proper_scores(split, worse).crps > found.crps

    @pytest.mark.slow
    @each_model
    def test_the_true_model_is_best(self, model):
        """Of 300,000 futures of newcomers, no other fitted or moved model foretells more, by log score or CRPS."""
        rng = np.random.default_rng(11)
        history_of_others = model.simulate(np.full(20_000, 60.0), rng=rng)
        came = model.simulate(np.full(300_000, 60.0), rng=rng).frequency
        nothing = np.zeros(len(came))
        drawn = split_of(history(nothing, nothing, nothing), came, 60.0)
        true = proper_scores(drawn, model)
        others = [fit(history_of_others).model for fit in (fit_nbd, fit_bg_nbd, fit_mbg_nbd)]
        others = [other for other in others if type(other) is not type(model)]
        changes = [{name: factor * getattr(model, name)} for name in ("r", "alpha") for factor in (0.8, 1.25)]
        moved = [attrs.evolve(model, **change) for change in changes]
        for other in (*others, *moved):
            found = proper_scores(drawn, other)
            assert found.log_score > true.log_score - 1e-4
            assert found.crps > true.crps - 1e-4
        assert all(proper_scores(drawn, other).log_score > true.log_score for other in moved)

    @pytest.mark.parametrize(
        ("changes", "name"), [({"split": None}, "split"), ({"model": 1}, "model"), ({"level": 1.0}, "level")]
    )
    def test_rejects(self, split, changes, name):
        with pytest.raises(InputError) as caught:
            proper_scores(**{"split": split, "model": MODELS[1], **changes})
        assert caught.value.name == name

    def test_json(self):
        scores = ProperScores(log_score=np.inf, crps=0.5, coverage=0.9, level=0.9)
        assert ProperScores.from_json(scores.to_json()) == scores
