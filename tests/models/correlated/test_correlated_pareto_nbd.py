"""Pareto/NBD with correlated rates: likelihood, predictions, simulation and fit."""

from __future__ import annotations

import math

import attrs
import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmvalue._models.correlated.dependence import kappa_derivatives, tilt_of
from crmvalue._models.correlated.likelihood import row_derivatives
from crmvalue._models.shared.common import take
from crmvalue.datasets import load_cdnow
from crmvalue.errors import InputError
from crmvalue.models import (
    CorrelatedParetoNbd,
    Fit,
    ParetoNbd,
    compare_models,
    customer_values,
    draw_posterior,
    fit_correlated_pareto_nbd,
    fit_gamma_gamma,
    fit_pareto_nbd,
    likelihood_ratio_test,
    proper_scores,
)
from crmvalue.purchases import PurchaseHistory, split_purchases
from tests.models.correlated.references import CorrelatedMp, omega_of, over_rates

CDNOW = (0.55315, 10.57633, 0.60625, 11.67150)
REGULAR = (1.2, 8.0, 1.0, 20.0)
DISCOUNT = 0.01


def logs(low, high):
    return st.floats(math.log(low), math.log(high)).map(math.exp)


@st.composite
def parameters(draw, most=5.0):
    r, alpha, s, beta = (draw(logs(low, high)) for low, high in ((0.01, 20), (0.01, 1e4)) * 2)
    return r, alpha, s, beta, draw(st.one_of(six_digits(most), st.sampled_from([-most, most])))


def six_digits(most):
    """Numbers of either sign that are 0 or not too small for a parameter."""
    return st.floats(-most, most).map(lambda value: round(value, 6))


@st.composite
def rows(draw):
    age = draw(logs(0.01, 5000))
    x = draw(st.one_of(st.integers(0, 10), st.integers(0, 5000)))
    share = draw(st.one_of(st.floats(0.001, 1), logs(1e-6, 1), st.just(1.0), st.just(1 - 1e-10)))
    return x, (age * share if x else 0.0), age


horizons = logs(1e-3, 1e4)
counts = st.one_of(st.integers(0, 10), st.integers(0, 1000))


def history_of(*customers):
    x, t_x, age = zip(*customers, strict=True)
    return PurchaseHistory.from_columns(frequency=x, recency=t_x, age=age, time_unit="week")


def model_of(values):
    return CorrelatedParetoNbd(*values, "week")


def close(found, exact, rel=1e-10):
    """Compare with 50 digits; what is too small for a float is 0."""
    return mpmath.almosteq(mpmath.mpf(float(found)), exact, rel_eps=rel, abs_eps=mpmath.mpf("1e-290"))


def check(values, row, horizon, n):
    """Compare everything that is said of one customer with its definition at 50 digits."""
    model, exact, one = model_of(values), CorrelatedMp(*values), history_of(row)
    assert close(model.log_likelihood(one)[0], exact.log_likelihood(row))
    assert close(model.prob_alive(one, at=horizon)[0], exact.prob_alive(row, horizon))
    assert close(model.expected_purchases(one, horizon=horizon)[0], exact.discounted(row, 0, horizon))
    discounted = model.discounted_expected_purchases(one, discount_rate=DISCOUNT, horizon=horizon)[0]
    assert close(discounted, exact.discounted(row, DISCOUNT, horizon))
    assert close(model.prob_purchases(one, n, horizon=horizon)[0], exact.pmf(row, n, horizon))


def calibration():
    log = load_cdnow()
    return split_purchases(log.customer, log.date, log.amount, calibration_end="1997-09-30")


class TestDependence:
    """The joint density of the rates: 1 + omega (e1 - p) (e2 - q), of log odds ratio `dependence` at its corners."""

    @settings(max_examples=15)
    @given(parameters(most=20.0))
    def test_corners(self, values):
        """To ten digits: where r and s are nearly the same, their difference has no more."""
        r, _, s, _, dependence = values
        with mpmath.workdps(60):
            omega, p, q = omega_of(*(mpmath.mpf(float(value)) for value in (r, s, dependence)))
            corners = {(i, j): 1 + omega * (i - p) * (j - q) for i in (0, 1) for j in (0, 1)}
        found = tilt_of(r, s, dependence)
        for (i, j), exact in corners.items():
            assert close(getattr(found, f"at_{i}{j}"), exact, 1e-10)

    @settings(max_examples=10)
    @given(parameters(most=10.0))
    def test_derivatives(self, values):
        """Central differences, steps of 1e-5: good to about 1e-9 of a smooth function."""
        at = np.log(values[0]), np.log(values[2]), values[4]

        def of(point):
            return kappa_derivatives(math.exp(point[0]), math.exp(point[1]), point[2])

        k, slope, bend = of(at)
        assert k == tilt_of(values[0], values[2], values[4]).kappa
        for i, step in enumerate(np.eye(3) * 1e-5):
            ahead, behind = of(at + step), of(at - step)
            assert slope[i] == pytest.approx((ahead[0] - behind[0]) / 2e-5, abs=1e-7 * max(1.0, abs(k)))
            np.testing.assert_allclose(bend[i], (ahead[1] - behind[1]) / 2e-5, atol=1e-6 * max(1.0, abs(k)))

    @settings(max_examples=10)
    @given(parameters(), six_digits(0.999))
    def test_from_correlation(self, values, share):
        r, alpha, s, beta, _ = values
        low, high = model_of(values).correlation_range
        assert -0.25 <= low < 0 < high < 0.33
        wanted = share * (high if share > 0 else -low)
        found = CorrelatedParetoNbd.from_correlation(r, alpha, s, beta, wanted, "week")
        assert found.correlation == pytest.approx(wanted, rel=1e-9, abs=1e-15)
        for outside in (low, high, -1.0, 1.0):
            with pytest.raises(InputError, match="correlation"):
                CorrelatedParetoNbd.from_correlation(r, alpha, s, beta, outside, "week")

    @pytest.mark.parametrize("dependence", [-3.0, 0.5, 4.0])
    def test_drawn_rates_have_the_correlation_and_the_margins(self, dependence):
        """100,000 rates of each process: mean to 2 % and variance to 4 %, correlation within five standard errors."""
        model, n = model_of((*REGULAR, dependence)), 100_000
        nothing = np.zeros(n)
        past = model._past(history_of((0, 0.0, 0.0)))._replace(x=nothing, t_x=nothing, age=nothing)
        rate, leaving = model._process(None).draw_rates(past, np.random.default_rng(1))
        assert np.corrcoef(rate, leaving)[0, 1] == pytest.approx(model.correlation, abs=5 * 1.5 / math.sqrt(n))
        for drawn, shape, scale in ((rate, 1.2, 8.0), (leaving, 1.0, 20.0)):
            assert drawn.mean() == pytest.approx(shape / scale, rel=0.02)
            assert drawn.var() == pytest.approx(shape / scale**2, rel=0.04)


CASES = [
    pytest.param((*CDNOW, 1.5), (2, 30.43, 38.86), 39.0, 1, id="ordinary"),
    pytest.param((*CDNOW, -4.0), (0, 0.0, 39.0), 52.0, 0, id="no repeat purchase"),
    pytest.param((0.01, 0.01, 20.0, 1e4, 5.0), (5000, 4000.0, 5000.0), 1e2, 90, id="wide scales, heavy buyer"),
    pytest.param((20.0, 1e4, 0.01, 0.01, -5.0), (100, 0.01, 5000.0), 1e4, 3, id="wide scales the other way, long gone"),
    pytest.param((1.0, 12.0, 1.0, 12.0, 5.0), (7, 35.0, 77.86), 1.0, 0, id="alpha = beta, r = s = 1"),
    pytest.param((0.553, 1e4, 0.6, 1e4, 3.0), (0, 0.0, 0.01), 0.01, 1, id="near certainty"),
]


class TestAgainstTheDefinition:
    """All methods against integrals over the moment of leaving, and over both rates."""

    @pytest.mark.parametrize(("values", "row", "horizon", "n"), CASES[:1])
    def test_one_customer(self, values, row, horizon, n):
        check(values, row, horizon, n)

    @pytest.mark.slow
    @pytest.mark.parametrize(("values", "row", "horizon", "n"), CASES[1:])
    def test_extremes(self, values, row, horizon, n):
        check(values, row, horizon, n)

    @pytest.mark.slow
    @settings(deadline=None, max_examples=6)
    @given(parameters(most=12.0), rows(), horizons, counts)
    def test_searched(self, values, row, horizon, n):
        check(values, row, horizon, n)

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("values", "row", "n"),
        [((1.5, 9.0, 1.1, 15.0, 2.5), (3, 20.0, 30.0), 2), ((1.2, 8.0, 0.9, 20.0, -3.0), (0, 0.0, 30.0), 0)],
    )
    def test_over_both_rates(self, values, row, n):
        """The double integral of the joint density, to ten digits: a coarse rule and cut tails."""
        exact = over_rates(values, row, 39.0, n, digits=15, step="0.25")
        model, one = model_of(values), history_of(row)
        found = (
            model.log_likelihood(one)[0],
            model.prob_alive(one)[0],
            model.expected_purchases(one, horizon=39.0)[0],
            model.prob_purchases(one, n, horizon=39.0)[0],
        )
        assert found == pytest.approx([float(value) for value in exact], rel=1e-10)

    def test_all_numbers_of_purchases_are_certain(self):
        model, n = model_of((*REGULAR, 3.0)), np.arange(300)
        found = model.prob_purchases_new(n, horizon=52.0)
        assert found.sum() == pytest.approx(1.0, abs=1e-12)
        assert found @ n == pytest.approx(model.expected_purchases_new(horizon=52.0), rel=1e-10)

    def test_for_life(self):
        model, one = model_of((1.2, 8.0, 2.0, 20.0, 3.0)), history_of((2, 30.43, 38.86))
        long = model.discounted_expected_purchases(one, discount_rate=DISCOUNT, horizon=1e4)
        assert model.discounted_expected_purchases(one, discount_rate=DISCOUNT) == pytest.approx(long, rel=1e-12)
        assert np.isfinite(model.discounted_expected_purchases(one, discount_rate=0.0)).all()
        with pytest.raises(InputError, match="horizon"):
            model_of((*CDNOW, 1.0)).discounted_expected_purchases(one, discount_rate=0.0)

    def test_scores_add_up_the_probabilities_of_all_counts(self):
        """CRPS of one customer, from its definition; over a hundred purchases ahead, where the tails are integrated."""
        log = calibration()
        heavy = history_of((80, 30.0, 31.0), (2, 5.0, 31.0))
        model, actual = model_of((*CDNOW, 3.0)), np.array([90.0, 0.0])
        nothing = dict.fromkeys(("holdout_spend", "last_n_purchases", "last_spend"))
        split = attrs.evolve(log, calibration=heavy, holdout_n_purchases=actual, **nothing)
        score = proper_scores(split, model)
        n = np.arange(2000)
        total = 0.0
        for i, seen in enumerate(actual):
            one = take(heavy, np.array([i] * len(n)))
            upto = np.cumsum(model.prob_purchases(one, n, horizon=split.holdout_length))
            total += ((upto - (n >= seen)) ** 2).sum()
        assert score.crps == pytest.approx(total / 2, rel=1e-8)


class TestIndependence:
    """With a dependence of 0 it is the Pareto/NBD."""

    @settings(max_examples=15)
    @given(parameters(), rows(), horizons, counts)
    def test_same_numbers(self, values, row, horizon, n):
        plain, same, past = ParetoNbd(*values[:4], "week"), model_of((*values[:4], 0.0)), history_of(row)
        assert same.correlation == 0.0
        assert same.log_likelihood(past) == pytest.approx(plain.log_likelihood(past), rel=1e-12, abs=1e-300)
        for method, arguments in (
            ("prob_alive", {"at": horizon}),
            ("expected_purchases", {"horizon": horizon}),
            ("discounted_expected_purchases", {"discount_rate": DISCOUNT}),
            ("prob_purchases", {"n": n, "horizon": horizon}),
        ):
            found, other = (getattr(model, method)(past, **arguments) for model in (same, plain))
            assert found == pytest.approx(other, rel=1e-12, abs=1e-290), method


class TestUnitOfTime:
    """Each rate is measured by its own mean, so weeks and days are the same model."""

    @settings(max_examples=15)
    @given(parameters(), rows(), horizons, counts, st.sampled_from([1 / 7, 7.0, 365.25]))
    def test_another_ruler(self, values, row, horizon, n, ruler):
        (r, alpha, s, beta, dependence), (x, t_x, age) = values, row
        here, there = model_of(values), model_of((r, alpha * ruler, s, beta * ruler, dependence))
        past, scaled = history_of(row), history_of((x, t_x * ruler, age * ruler))
        assert there.correlation == here.correlation
        assert there.log_likelihood(scaled)[0] + x * math.log(ruler) == pytest.approx(
            here.log_likelihood(past)[0], rel=1e-10, abs=1e-9
        )
        assert there.prob_alive(scaled) == pytest.approx(here.prob_alive(past), rel=1e-9, abs=1e-290)
        found = there.prob_purchases(scaled, n, horizon=horizon * ruler)
        assert found == pytest.approx(here.prob_purchases(past, n, horizon=horizon), rel=1e-8, abs=1e-290)


@pytest.fixture(scope="module")
def drawn():
    rng = np.random.default_rng(1)
    history = model_of((*REGULAR, -2.0)).simulate(rng.integers(30, 80, 3_000), rng=rng)
    return history.with_covariates({"z": rng.integers(0, 2, 3_000)})


@pytest.fixture(scope="module")
def fitted(drawn):
    return fit_correlated_pareto_nbd(drawn)


class TestFit:
    """`fit_correlated_pareto_nbd`: maximum likelihood."""

    def test_recovers_the_truth(self, drawn, fitted):
        """Within four standard errors (a false alarm in 1 of 2,000 runs)."""
        away = fitted.estimates - np.array([*REGULAR, -2.0])
        away[:4] = np.log(fitted.estimates[:4] / REGULAR)
        assert (np.abs(away) < 4 * np.sqrt(np.diag(fitted.search_covariance))).all()
        assert fitted.log_likelihood == pytest.approx(fitted.model.log_likelihood(drawn).sum(), rel=1e-11)
        assert fitted.model.correlation < 0
        test = likelihood_ratio_test(fit_pareto_nbd(drawn), fitted)
        assert (test.degrees, test.p_value < 0.05) == (1, True)

    def test_time_unit_starts_and_rows(self, drawn, fitted):
        days = PurchaseHistory.from_columns(
            frequency=drawn.frequency, recency=drawn.recency * 7, age=drawn.age * 7, time_unit="day"
        )
        start = CorrelatedParetoNbd(0.5, 50.0, 1.0, 70.0, 1.0, "day")
        found = fit_correlated_pareto_nbd(days.unique(), starts=[start])
        assert found.estimates == pytest.approx(fitted.estimates * [1, 7, 1, 7, 1], rel=1e-3)
        assert found.model.correlation == pytest.approx(fitted.model.correlation, abs=1e-4)

    def test_covariates(self, drawn):
        some = take(drawn, slice(0, 1000))
        options = {"purchase_covariates": ["z"], "dropout_covariates": ["z"], "equal_covariates": ["z"]}
        found = fit_correlated_pareto_nbd(some, priors={"dependence": (0.0, 2.0)}, l2=0.1, **options)
        assert found.log_likelihood == pytest.approx(found.model.log_likelihood(some).sum(), rel=1e-11)
        assert found.names[4:] == ("dependence", "both.z")
        assert found.priors["dependence"] == (0.0, 2.0)
        effect, profile = found.model.dropout_effects[0], found.model.for_covariates({"z": 1.0})
        moved = math.exp(effect.coefficient * (1 - effect.centre) / effect.scale)
        assert profile.beta == pytest.approx(found.model.beta / moved)
        assert profile.correlation == found.model.correlation

    def test_a_fit_at_the_end_of_the_range_is_flagged(self):
        """On CDNOW the purchases before leaving are so that no correlation of this family is enough."""
        history = calibration().calibration
        found = fit_correlated_pareto_nbd(history)
        assert found.diagnosis.boundary == ("dependence",)
        assert "end of its range" in found.diagnosis.messages[-1]
        assert found.model.correlation == pytest.approx(found.model.correlation_range[1], rel=1e-3)
        assert found.log_likelihood > fit_pareto_nbd(history).log_likelihood + 10
        assert found.standard_errors["dependence"] == math.inf

    def test_small_bases_get_an_answer(self):
        rng = np.random.default_rng(1)
        few = model_of((*CDNOW, 2.0)).simulate(rng.uniform(27, 104, 100), rng=rng)
        found = fit_correlated_pareto_nbd(few)
        assert found.log_likelihood >= fit_pareto_nbd(few).log_likelihood - 1e-6
        assert not found.diagnosis.trustworthy
        assert np.isfinite(found.model.expected_purchases(few, horizon=52.0)).all()

    def test_json_posterior_and_values(self, drawn):
        fit = fit_correlated_pareto_nbd(take(drawn, slice(0, 1000)), priors={"dependence": (0.0, 1.0)})
        assert Fit.from_json(fit.to_json()) == fit
        assert CorrelatedParetoNbd.from_json(fit.model.to_json()) == fit.model
        posterior = draw_posterior(fit, take(drawn, slice(0, 1000)), n_draws=30, rng=np.random.default_rng(1))
        assert (posterior["dependence"] < 0).any()

    def test_what_takes_a_model_takes_this_one(self):
        split = calibration()
        fit = fit_correlated_pareto_nbd(split.calibration, priors={"dependence": (0.0, 2.0)})
        scores = compare_models(split, {"correlated": fit, "plain": fit_pareto_nbd(split.calibration)})
        assert scores[0].counts.log_score < scores[1].counts.log_score
        spend = fit_gamma_gamma(split.calibration, zeros="drop")
        values = customer_values(
            split.calibration, fit, spend, horizon=39, margin=0.3, level=0.9, n_draws=50, rng=np.random.default_rng(1)
        )
        low, high = values.intervals.total_outcome
        assert low < values.clv.sum() < high

    @settings(max_examples=8)
    @given(st.tuples(st.floats(-1, 1), st.floats(0, 3), st.floats(-1.5, 1.5), st.floats(0, 4), six_digits(4.0)))
    def test_gradient_and_hessian_against_differences(self, theta):
        """Central differences of the log-likelihood and of its gradient, steps of 1e-5: good to about 1e-7."""
        x, t_x, age = np.array([0.0, 1, 3, 40, 2]), np.array([0.0, 2, 9, 9.5, 10]), np.array([8.0, 10, 10, 10, 10])

        def of(theta):
            r, alpha, s, beta = np.exp(theta[:4])
            return row_derivatives(x, t_x, age, r, np.full(5, alpha), s, np.full(5, beta), theta[4])

        at = of(np.array(theta))
        size = max(1.0, float(np.abs(at.hessian).max()))
        model = model_of((*np.exp(theta[:4]), theta[4]))
        past = history_of(*zip(x, t_x, age, strict=True))
        assert at.value == pytest.approx(model.log_likelihood(past), rel=1e-11, abs=1e-11)
        for i, step in enumerate(np.eye(5) * 1e-5):
            ahead, behind = of(theta + step), of(theta - step)
            assert (ahead.value - behind.value) / 2e-5 == pytest.approx(at.gradient[i], abs=1e-6 * size)
            np.testing.assert_allclose((ahead.gradient - behind.gradient) / 2e-5, at.hessian[i], atol=1e-6 * size)

    @pytest.mark.parametrize("wrong", [{"dependence": math.inf}, {"r": 0.0}, {"beta": -1.0}, {"time_unit": "hour"}])
    def test_rejections(self, wrong):
        fields = {"r": 1, "alpha": 1, "s": 1, "beta": 1, "dependence": 1, "time_unit": "week", **wrong}
        with pytest.raises(InputError):
            CorrelatedParetoNbd(**fields)


class TestSimulate:
    """Draws of new customers and of futures, against the predictions."""

    def test_purchases_and_the_last_of_them(self):
        """Means of 40,000 customers within four standard errors."""
        model, n = model_of((*REGULAR, 4.0)), 40_000
        drawn = model.simulate(np.full(n, 30.0), rng=np.random.default_rng(1))
        x = drawn.frequency
        assert abs(x.mean() - model.expected_purchases_new(horizon=30.0)) < 4 * x.std() / math.sqrt(n)
        none = model.prob_purchases_new(0, horizon=30.0)
        assert abs((x == 0).mean() - none) < 4 * math.sqrt(none * (1 - none) / n)
        assert model.prob_alive(drawn).mean() == pytest.approx(20.0 / 50.0, abs=0.01)

    @pytest.mark.parametrize("dependence", [-4.0, 6.0])
    def test_futures(self, dependence):
        model, n = model_of((*CDNOW, dependence)), 40_000
        one = history_of((12, 30.43, 38.86))
        future = model._process(None).draw_future(
            model._past(one), np.zeros(n, dtype=int), 26.0, np.random.default_rng(2)
        )
        alive = model.prob_alive(one)[0]
        expected = model.expected_purchases(one, horizon=26.0)[0] / alive
        assert abs(future.n_before.mean() - expected) < 4 * future.n_before.std() / math.sqrt(n)
        stay = model.prob_alive(one, at=26.0)[0] / alive
        assert abs((future.stay == 26.0).mean() - stay) < 4 * math.sqrt(stay * (1 - stay) / n)
        none = (model.prob_purchases(one, 0, horizon=26.0)[0] - (1 - alive)) / alive
        assert abs((future.n_before == 0).mean() - none) < 4 * math.sqrt(none * (1 - none) / n)
