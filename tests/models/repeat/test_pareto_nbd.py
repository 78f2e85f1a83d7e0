"""Pareto/NBD: likelihood, predictions, simulation and fit."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tests.models.references as reference
from crmvalue._models.repeat.pareto_nbd import ParetoNbd, fit_pareto_nbd
from crmvalue._models.repeat.pareto_nbd_likelihood import log_likelihood_derivatives
from crmvalue.datasets import load_cdnow
from crmvalue.errors import InputError
from crmvalue.purchases import PurchaseHistory, split_purchases

CDNOW = (0.55315, 10.57633, 0.60625, 11.67150)  # B in the notes of Fader and Hardie, as recomputed
UNDERFLOW = (0.55, 10.58, 0.61, 11.67)


def logs(low, high):
    return st.floats(math.log(low), math.log(high)).map(math.exp)


@st.composite
def models(draw):
    r, s = draw(logs(0.01, 20)), draw(st.one_of(logs(0.01, 20), st.just(1.0), st.floats(1 - 1e-6, 1 + 1e-6)))
    alpha = draw(logs(0.01, 1e4))
    beta = draw(st.one_of(logs(0.01, 1e4), st.just(alpha), st.just(min(alpha * (1 + 1e-9), 1e4))))
    return r, alpha, s, beta


@st.composite
def rows(draw):
    age = draw(logs(0.01, 5000))
    x = draw(st.one_of(st.integers(0, 10), st.integers(0, 5000)))
    share = draw(st.one_of(st.floats(0.001, 1), logs(1e-6, 1), st.just(1.0), st.just(1 - 1e-10)))
    return x, (age * share if x else 0.0), age


horizons = logs(1e-3, 1e4)


def history_of(*customers):
    x, t_x, age = zip(*customers, strict=True)
    return PurchaseHistory.from_columns(frequency=x, recency=t_x, age=age, time_unit="week")


def model_of(parameters):
    return ParetoNbd(*parameters, "week")


def close(found, exact, rel):
    """Compare with 50 digits; what is too small for a float is 0."""
    return mpmath.almosteq(mpmath.mpf(float(found)), exact, rel_eps=rel, abs_eps=mpmath.mpf("1e-290"))


def calibration():
    log = load_cdnow()
    return split_purchases(log.customer, log.date, calibration_end="1997-09-30").calibration


EXTREMES = [
    pytest.param((0, 0, 39), CDNOW, id="no repeat purchase"),
    pytest.param((26, 30.85714, 31), CDNOW, id="heavy buyer"),
    pytest.param((3000, 700, 710), CDNOW, id="very heavy buyer, gone"),
    pytest.param((5000, 5000, 5000), CDNOW, id="last purchase today"),
    pytest.param((5000, 0.01, 5000), (20, 0.01, 20, 0.01), id="long gone"),
    pytest.param((0, 0, 5000), (0.01, 0.01, 0.01, 1e4), id="wide scales"),
    pytest.param((100, 0.01, 5000), (0.01, 1e4, 0.01, 0.01), id="wide scales the other way"),
    pytest.param((800, 1, 100.5), (0.5, 0.05, 2, 50), id="overflow of 2F1"),
    pytest.param((7, 35, 77.86), (0.5, 12, 1, 12), id="alpha = beta, s = 1"),
    pytest.param((0, 0, 0), CDNOW, id="bought today"),
]


class TestLogLikelihood:
    """C {(alpha+T)^-(r+x) (beta+T)^-s + integral of s (alpha+u)^-(r+x) (beta+u)^-(s+1)}."""

    def test_oracle(self):
        found = model_of(UNDERFLOW).log_likelihood(history_of((1, 1.5, 12)))
        assert found[0] == pytest.approx(-4.00694866, abs=5e-9)  # oracle table, section 1

    def test_log_a0(self):
        """Log A0 of Fader and Hardie: here L / C is s / (r + s + x) A0, the term of being alive being negligible."""
        r, alpha, s, beta, x = 0.5, 0.05, 2.0, 50.0, 800
        constant = math.lgamma(r + x) - math.lgamma(r) + r * math.log(alpha) + s * math.log(beta)
        found = model_of((r, alpha, s, beta)).log_likelihood(history_of((x, 1, 100.5)))[0]
        assert found - constant - math.log(s / (r + s + x)) == pytest.approx(-50.7995451748, abs=1e-9)

    @pytest.mark.parametrize(("row", "model"), EXTREMES)
    def test_extremes(self, row, model):
        exact = float(reference.likelihood(row, model))
        assert model_of(model).log_likelihood(history_of(row))[0] == pytest.approx(exact, rel=1e-10, abs=1e-10)

    @settings(max_examples=6)
    @given(rows(), models())
    def test_equals_its_definition(self, row, model):
        exact = float(reference.likelihood(row, model))
        assert model_of(model).log_likelihood(history_of(row))[0] == pytest.approx(exact, rel=1e-9, abs=1e-9)

    @given(rows(), models(), st.sampled_from([1 / 7, 7.0, 365.25]))
    def test_another_ruler_changes_the_density_by_its_power(self, row, model, ruler):
        x, t_x, age = row
        r, alpha, s, beta = model
        there = model_of((r, alpha * ruler, s, beta * ruler)).log_likelihood(history_of((x, t_x * ruler, age * ruler)))
        here = model_of(model).log_likelihood(history_of(row))
        assert there[0] + x * math.log(ruler) == pytest.approx(here[0], rel=1e-10, abs=1e-9)

    @pytest.mark.parametrize(
        ("row", "model"),
        [
            ((2, 30.43, 38.86), CDNOW),
            ((0, 0, 39), (0.5, 12, 1, 12)),
            ((300, 20, 100), (3, 0.5, 0.2, 900)),
            ((5, 10, 10), CDNOW),
        ],
    )
    def test_derivatives(self, row, model):
        """Gradient and Hessian in the logarithms of the parameters: differences of the reference at 50 digits."""
        x, t_x, age = (np.array([float(value)]) for value in row)
        r, alpha, s, beta = model
        at = log_likelihood_derivatives(x, t_x, age, r, np.array([alpha]), s, np.array([beta]))
        step = mpmath.mpf("1e-12")
        with mpmath.workdps(50):

            def value(i, j, a, b):
                shifts = [mpmath.mpf(0)] * 4
                shifts[i] += a * step
                shifts[j] += b * step
                return reference.likelihood(row, [p * mpmath.exp(h) for p, h in zip(model, shifts, strict=True)])

            middle = value(0, 0, 0, 0)
            for i in range(4):
                ahead, behind = value(i, i, 1, 0), value(i, i, -1, 0)
                slope = float((ahead - behind) / (2 * step))
                bend = float((ahead - 2 * middle + behind) / step**2)
                scale = max(1.0, model[0] + row[0])
                assert at.gradient[i, 0] == pytest.approx(slope, rel=1e-8, abs=1e-9 * scale)
                assert at.hessian[i, i, 0] == pytest.approx(bend, rel=1e-7, abs=1e-8 * scale)
            i, j = 1, 3
            cross = value(i, j, 1, 1) - value(i, j, 1, -1) - value(i, j, -1, 1) + value(i, j, -1, -1)
            assert at.hessian[i, j, 0] == pytest.approx(float(cross / (4 * step**2)), rel=1e-7, abs=1e-8 * scale)
        np.testing.assert_allclose(at.hessian, at.hessian.transpose(1, 0, 2), rtol=1e-13, atol=1e-13)
        assert at.value[0] == pytest.approx(model_of(model).log_likelihood(history_of(row))[0], rel=1e-11, abs=1e-10)


class TestProbAlive:
    """The share of being alive in the likelihood."""

    def test_oracle(self):
        assert model_of(CDNOW).prob_alive(history_of((26, 30.85714, 31)))[0] == pytest.approx(0.997874, abs=1e-6)

    @pytest.mark.parametrize(("row", "model"), EXTREMES)
    def test_extremes(self, row, model):
        assert close(model_of(model).prob_alive(history_of(row))[0], reference.prob_alive(row, model), 1e-10)

    @settings(max_examples=6)
    @given(rows(), models(), horizons)
    def test_equals_its_definition(self, row, model, at):
        found = model_of(model).prob_alive(history_of(row), at=at)[0]
        assert close(found, reference.prob_alive(row, model, at), 1e-8)

    @given(rows(), models(), horizons, horizons)
    def test_falls_with_time(self, row, model, one, other):
        first, second = (model_of(model).prob_alive(history_of(row), at=at)[0] for at in sorted([one, other]))
        assert 0 <= second <= first <= 1


class TestExpectedPurchases:
    """Integral of the rate of purchase of those still there."""

    def test_oracles(self):
        assert model_of(CDNOW).expected_purchases_new(horizon=52) == pytest.approx(
            1.473434, abs=5e-5
        )  # parameters rounded
        heavy = model_of(CDNOW).expected_purchases(history_of((26, 30.85714, 31)), horizon=52)
        assert heavy[0] == pytest.approx(25.45647, abs=5e-4)  # parameters rounded

    @pytest.mark.parametrize(("x", "expected"), [(132, 6.2060517889632418), (133, 6.2528722475748113)])
    def test_underflow_pair(self, x, expected):
        found = model_of(UNDERFLOW).expected_purchases(history_of((x, 200, 200)), horizon=10)
        assert found[0] == pytest.approx(expected, rel=1e-12)

    @settings(max_examples=6)
    @given(rows(), models(), horizons)
    def test_equals_its_definition(self, row, model, horizon):
        found = model_of(model).expected_purchases(history_of(row), horizon=horizon)[0]
        assert close(found, reference.expected(row, horizon, model), 1e-8)
        assert close(
            model_of(model).expected_purchases_new(horizon=horizon), reference.expected_new(horizon, model), 1e-8
        )

    @given(models(), horizons, horizons)
    def test_tower(self, model, first, second):
        """The expectation of both horizons is that of the first and, for those still there, that of the second."""
        r, alpha, s, beta = model
        later = (
            model_of((r, alpha, s, beta + first)).expected_purchases_new(horizon=second) * (beta / (beta + first)) ** s
        )
        both = model_of(model).expected_purchases_new(horizon=first + second)
        assert model_of(model).expected_purchases_new(horizon=first) + later == pytest.approx(both, rel=1e-11)

    @given(models(), st.integers(0, 3), horizons)
    def test_a_history_without_time_is_a_new_customer(self, model, n, horizon):
        new = history_of((0, 0, 0))
        found = model_of(model).expected_purchases(new, horizon=horizon)[0]
        assert found == pytest.approx(model_of(model).expected_purchases_new(horizon=horizon), rel=1e-13)
        chance = model_of(model).prob_purchases(new, n, horizon=horizon)[0]
        assert chance == pytest.approx(model_of(model).prob_purchases_new(n, horizon=horizon), rel=1e-12, abs=1e-300)


class TestProbPurchases:
    """Negative binomial probabilities of those who stay and of those who leave on the way."""

    @settings(max_examples=6)
    @given(rows(), models(), st.integers(0, 300), horizons)
    def test_equals_its_definition(self, row, model, n, horizon):
        found = model_of(model).prob_purchases(history_of(row), n, horizon=horizon)[0]
        assert close(found, reference.pmf(row, n, horizon, model), 1e-8)
        assert close(model_of(model).prob_purchases_new(n, horizon=horizon), reference.pmf_new(n, horizon, model), 1e-8)

    @pytest.mark.parametrize("model", [CDNOW, (2.0, 5.0, 1.0, 5.0), (0.3, 8.0, 0.01, 0.01)])
    @pytest.mark.parametrize("horizon", [0.0, 0.1, 39.0])
    def test_sum_to_one_and_have_the_expectation(self, model, horizon):
        n = np.arange(1500)
        chance = model_of(model).prob_purchases_new(n, horizon=horizon)
        assert chance.sum() == pytest.approx(1, rel=1e-12)
        expected = model_of(model).expected_purchases_new(horizon=horizon)
        assert (chance * n).sum() == pytest.approx(expected, rel=1e-11, abs=1e-15)

    def test_the_same_for_a_known_customer(self):
        history = history_of((3, 20, 39))
        chances = [model_of(CDNOW).prob_purchases(history, n, horizon=30)[0] for n in range(120)]
        assert sum(chances) == pytest.approx(1, rel=1e-12)
        expected = model_of(CDNOW).expected_purchases(history, horizon=30)[0]
        assert sum(n * chance for n, chance in enumerate(chances)) == pytest.approx(expected, rel=1e-11)


class TestDiscountedExpectedPurchases:
    """Integral of the rate of purchase of those still there, discounted."""

    def test_oracle(self):
        model = model_of((0.5629966, 12.5590370, 0.4081095, 10.5148048))  # DERT in the notes of Fader and Hardie
        found = model.discounted_expected_purchases(history_of((7, 35, 77.86)), discount_rate=math.expm1(0.0027))
        assert found[0] == pytest.approx(1.86418332807, rel=1e-11)

    @settings(max_examples=6)
    @given(rows(), models(), logs(1e-5, 0.2), st.one_of(st.none(), horizons))
    def test_equals_its_definition(self, row, model, rate, horizon):
        of = model_of(model)
        found = of.discounted_expected_purchases(history_of(row), discount_rate=rate, horizon=horizon)[0]
        assert close(found, reference.discounted(row, rate, horizon, model), 1e-8)
        found = of.discounted_expected_purchases_new(discount_rate=rate, horizon=horizon)
        assert close(found, reference.discounted_new(rate, horizon, model), 1e-8)

    @given(rows(), models(), horizons)
    def test_without_a_discount_it_is_the_expectation(self, row, model, horizon):
        found = model_of(model).discounted_expected_purchases(history_of(row), discount_rate=0, horizon=horizon)
        assert found[0] == model_of(model).expected_purchases(history_of(row), horizon=horizon)[0]
        nearly = model_of(model).discounted_expected_purchases(history_of(row), discount_rate=1e-14, horizon=horizon)
        assert nearly[0] == pytest.approx(found[0], rel=1e-9)

    def test_for_life_without_a_discount(self):
        assert model_of((2, 4, 3, 8)).discounted_expected_purchases_new(discount_rate=0) == pytest.approx(
            2 / 4 * 8 / (3 - 1)
        )
        with pytest.raises(InputError, match="infinite"):
            model_of((2, 4, 1, 8)).discounted_expected_purchases_new(discount_rate=0)


class TestVectors:
    """Many customers at once are the loop over them; arguments are checked."""

    def test_equals_the_loop(self):
        history = calibration()
        some = slice(0, 60)
        part = PurchaseHistory.from_columns(
            frequency=history.frequency[some], recency=history.recency[some], age=history.age[some], time_unit="week"
        )
        model = model_of(CDNOW)
        horizon = np.linspace(0, 50, 60)
        n = np.arange(60) % 4
        results = {
            "likelihood": model.log_likelihood(part),
            "alive": model.prob_alive(part, at=horizon),
            "expected": model.expected_purchases(part, horizon=horizon),
            "probability": model.prob_purchases(part, n, horizon=horizon),
            "discounted": model.discounted_expected_purchases(part, discount_rate=0.002, horizon=horizon),
        }
        for i in range(60):
            one = history_of((part.frequency[i], part.recency[i], part.age[i]))
            options = {"horizon": horizon[i]}
            singles = {
                "likelihood": model.log_likelihood(one),
                "alive": model.prob_alive(one, at=horizon[i]),
                "expected": model.expected_purchases(one, **options),
                "probability": model.prob_purchases(one, n[i], **options),
                "discounted": model.discounted_expected_purchases(one, discount_rate=0.002, **options),
            }
            for name, single in singles.items():
                assert results[name][i] == pytest.approx(single[0], rel=1e-12), name

    @pytest.mark.parametrize(
        ("call", "name"),
        [
            (lambda m, h: m.prob_alive(h, at=-1), "at"),
            (lambda m, h: m.expected_purchases(h, horizon=-1), "horizon"),
            (lambda m, h: m.expected_purchases(h, horizon=[1, 2, 3]), "horizon"),
            (lambda m, _: m.expected_purchases_new(horizon=math.nan), "horizon"),
            (lambda m, h: m.prob_purchases(h, 1.5, horizon=1), "n"),
            (lambda m, _: m.prob_purchases_new(-1, horizon=1), "n"),
            (lambda m, h: m.discounted_expected_purchases(h, discount_rate=-0.1), "discount_rate"),
            (lambda m, h: m.discounted_expected_purchases(h, discount_rate=0), "discount_rate"),
            (lambda m, _: m.simulate([1, -1], rng=np.random.default_rng(1)), "ages"),
            (lambda m, _: m.simulate([1, 1], rng=1), "rng"),
            (lambda m, _: m.log_likelihood([1, 2]), "history"),
            (lambda _, h: ParetoNbd(1, 1, 1, 1, "day").prob_alive(h), "history"),
            (lambda *_: ParetoNbd(0, 1, 1, 1, "day"), "r"),
            (lambda *_: ParetoNbd(1, 1, 1, math.inf, "day"), "beta"),
            (lambda *_: ParetoNbd(1, 1, 1, 1, "fortnight"), "time_unit"),
        ],
    )
    def test_refuses(self, call, name):
        with pytest.raises(InputError) as caught:
            call(model_of(CDNOW), history_of((1, 2, 3), (0, 0, 3)))
        assert caught.value.name == name

    def test_json(self):
        model = model_of(CDNOW)
        assert ParetoNbd.from_json(model.to_json()) == model
        with pytest.raises(InputError):
            ParetoNbd.from_json('{"kind": "BgNbd"}')


class TestSimulate:
    """A Poisson process until an exponential lifetime, both rates gamma."""

    def test_agrees_with_theory(self):
        model = model_of((0.8, 6.0, 1.5, 20.0))
        n = 200_000
        history = model.simulate(np.full(n, 30.0), rng=np.random.default_rng(5))
        expected = model.expected_purchases_new(horizon=30)
        error = history.frequency.std() / math.sqrt(n)
        assert abs(history.frequency.mean() - expected) < 4 * error
        for k in range(4):
            chance = model.prob_purchases_new(k, horizon=30)
            share = (history.frequency == k).mean()
            assert abs(share - chance) < 4 * math.sqrt(chance / n)
        assert (model.prob_alive(history)).mean() == pytest.approx((20 / 50) ** 1.5, abs=0.003)  # share still there
        again = model.simulate(np.full(n, 30.0), rng=np.random.default_rng(5))
        assert again == history


class TestFit:
    """Maximum likelihood, with a diagnosis."""

    def test_cdnow(self):
        """B of the oracle table, section 1; beta is flat, so it is asserted loosely."""
        found = fit_pareto_nbd(calibration())
        assert found.log_likelihood == pytest.approx(-9594.976, abs=1e-3)
        assert found.estimates == pytest.approx([0.55315, 10.57633, 0.60625, 11.67150], rel=5e-4)
        errors = [found.standard_errors[name] for name in ("r", "alpha", "s", "beta")]
        assert errors == pytest.approx([0.0476264, 0.8427222, 0.1872594, 6.2105448], rel=5e-4)
        assert found.diagnosis.trustworthy
        assert found.model.expected_purchases_new(horizon=52) == pytest.approx(1.473434, abs=1e-6)
        assert found == fit_pareto_nbd(calibration())

    def test_the_time_unit_scales_alpha_and_beta_alone(self):
        weeks = calibration()
        days = PurchaseHistory.from_columns(
            frequency=weeks.frequency, recency=weeks.recency * 7, age=weeks.age * 7, time_unit="day"
        )
        r, alpha, s, beta = fit_pareto_nbd(weeks).estimates
        assert fit_pareto_nbd(days).estimates == pytest.approx([r, alpha * 7, s, beta * 7], rel=1e-5)

    def test_priors(self):
        history = history_of((0, 0, 10), (1, 3, 10), (2, 8, 9))
        priors = {"r": (1, 0.5), "alpha": (5, 0.5), "s": (0.5, 0.5), "beta": (10, 0.5)}
        found = fit_pareto_nbd(history, priors=priors)
        assert found.diagnosis.trustworthy
        for name, prior in priors.items():
            assert found.priors[name] == pytest.approx(prior)
        assert found.estimates == pytest.approx([1, 5, 0.5, 10], rel=0.6)
        with pytest.raises(InputError):
            fit_pareto_nbd(history, priors={"a": (1, 1)})

    @pytest.mark.parametrize(
        "history",
        [
            pytest.param(history_of((0, 0, 10), (0, 0, 20)), id="nobody bought again"),
            pytest.param(history_of((3, 5, 10)), id="one customer"),
            pytest.param(history_of((0, 0, 0)), id="one customer of today"),
            pytest.param(history_of(*[(2, 5, 10)] * 50), id="all equal"),
            pytest.param(history_of((2, 10, 10), (1, 20, 20)), id="all bought today"),
        ],
    )
    def test_little_data_give_a_diagnosed_answer(self, history):
        found = fit_pareto_nbd(history)
        assert np.isfinite(found.estimates).all()
        assert math.isfinite(found.log_likelihood)
        assert not found.diagnosis.trustworthy
        assert "prior" in found.diagnosis.messages[0]

    def test_small_samples(self):
        """An answer for every base of 100; the likelihood found is the best of several starts, up to 1e-3."""
        model = model_of(CDNOW)
        rng = np.random.default_rng(8)
        for _ in range(6):
            history = model.simulate(np.full(100, 39.0), rng=rng)
            found = fit_pareto_nbd(history)
            starts = [ParetoNbd(*np.exp(rng.normal(0, 1, 4)) * (1, 10, 1, 10), "week") for _ in range(4)]
            best = max(fit_pareto_nbd(history, starts=[start]).log_likelihood for start in starts)
            assert found.log_likelihood > best - 1e-3
            assert np.isfinite(list(found.standard_errors.values())).all() or not found.diagnosis.trustworthy

    def test_recovers_the_parameters(self):
        truth = np.array([0.8, 6.0, 1.2, 15.0])
        history = model_of(truth).simulate(np.full(20_000, 60.0), rng=np.random.default_rng(9))
        found = fit_pareto_nbd(history)
        away = np.abs(found.estimates - truth) / list(found.standard_errors.values())
        assert (away < 4).all()
