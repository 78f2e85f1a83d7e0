"""NBD: likelihood, predictions, simulation, fit, and the models that it is the limit of."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import gammaln
from scipy.stats import nbinom

import tests.models.references as reference
from crmvalue._models.repeat.nbd_likelihood import Likelihood, log_likelihood_derivatives
from crmvalue._models.shared.process import Past
from crmvalue._models.shared.purchase_model import process_of
from crmvalue.datasets import load_cdnow
from crmvalue.errors import InputError
from crmvalue.models import (
    BgNbd,
    Fit,
    GammaGamma,
    MbgNbd,
    Nbd,
    ParetoNbd,
    calibration_by_frequency,
    compare_models,
    customer_values,
    draw_posterior,
    fit_bg_nbd,
    fit_gamma_gamma,
    fit_nbd,
    holdout_error,
    likelihood_ratio_test,
    purchase_tracking,
)
from crmvalue.purchases import PurchaseHistory, split_purchases

CDNOW = (0.38476614, 12.07202284)  # of TestFit.test_cdnow
GROCERIES = (0.42032, 5.24512)  # oracle table, section 7


def logs(low, high):
    return st.floats(math.log(low), math.log(high)).map(math.exp)


models = st.tuples(logs(0.01, 20), logs(0.01, 1e4))
horizons = logs(1e-3, 1e4)


@st.composite
def rows(draw):
    age = draw(logs(0.01, 5000))
    x = draw(st.one_of(st.integers(0, 10), st.integers(0, 5000)))
    return x, (age * draw(st.floats(0.001, 1)) if x else 0.0), age


def history_of(*customers):
    x, t_x, age = zip(*customers, strict=True)
    return PurchaseHistory.from_columns(frequency=x, recency=t_x, age=age, time_unit="week")


def model_of(parameters):
    return Nbd(*parameters, "week")


def close(found, exact, rel):
    """Compare with 50 digits; what is too small for a float is 0."""
    return mpmath.almosteq(mpmath.mpf(float(found)), exact, rel_eps=rel, abs_eps=mpmath.mpf("1e-290"))


def part(history, rows):
    columns = (column[rows] for column in (history.frequency, history.recency, history.age, history.mean_repeat_spend))
    x, t_x, age, spend = columns
    return PurchaseHistory.from_columns(
        frequency=x, recency=t_x, age=age, mean_repeat_spend=spend, time_unit=history.time_unit
    )


def cdnow():
    log = load_cdnow()
    return split_purchases(log.customer, log.date, log.amount, calibration_end="1997-09-30")


ORDINARY = [
    pytest.param((0, 0, 39), CDNOW, id="no repeat purchase"),
    pytest.param((3, 20, 39), CDNOW, id="three"),
    pytest.param((2, 1, 4), (1.0, 2.0), id="exponential rates"),
    pytest.param((7, 35, 50), (2.5, 12.0), id="seven"),
]


class TestReferences:
    """The closed forms at 50 digits are the integrals over the rates."""

    @pytest.mark.parametrize(("row", "model"), ORDINARY)
    def test_likelihood_is_an_integral(self, row, model):
        x, _, age = row
        density = reference.nbd_mean(lambda u: u**x * mpmath.exp(-u * age), (0, 0, 0), model)
        assert mpmath.almosteq(reference.nbd_likelihood(row, model), mpmath.log(density), rel_eps=1e-8)

    @pytest.mark.parametrize(("row", "model"), ORDINARY)
    def test_predictions_are_integrals(self, row, model):
        for n in (0, 1, 4):
            chance = reference.nbd_mean(
                lambda u, n=n: mpmath.exp(-9 * u) * (9 * u) ** n / math.factorial(n), row, model
            )
            assert mpmath.almosteq(reference.nbd_pmf(row, n, 9, model), chance, rel_eps=1e-8)
        bought = reference.nbd_mean(lambda u: 9 * u, row, model)
        assert mpmath.almosteq(reference.nbd_discounted(row, 0, 9, model), bought, rel_eps=1e-8)


class TestLogLikelihood:
    """Gamma(r + x) / Gamma(r) alpha^r / (alpha + T)^(r + x): the density of the times of the purchases."""

    @given(rows(), models)
    def test_equals_its_definition(self, row, model):
        """To rounding: 1e-15 of the terms that are added up, which are as large as x log(x)."""
        exact = float(reference.nbd_likelihood(row, model))
        x, _, age = row
        terms = x * math.log(max(x, 2.0)) + x * abs(math.log(model[1] + age))
        assert model_of(model).log_likelihood(history_of(row))[0] == pytest.approx(exact, rel=1e-12, abs=3e-15 * terms)

    def test_counts_have_a_further_factor(self):
        """The probability of x purchases until T is the density of their times, times T^x / x!."""
        x, age = np.arange(40.0), 17.0
        history = history_of(*((n, 5.0 if n else 0.0, age) for n in x))
        r, alpha = GROCERIES
        counts = nbinom.logpmf(x, r, alpha / (alpha + age))
        found = model_of(GROCERIES).log_likelihood(history) + x * np.log(age) - gammaln(x + 1)
        np.testing.assert_allclose(found, counts, rtol=1e-11)

    @given(rows(), models)
    def test_the_last_purchase_is_of_no_account(self, row, model):
        x, t_x, age = row
        other = (x, (age + t_x) / 2 if x else 0.0, age)
        first, second = model_of(model).log_likelihood(history_of(row, other))
        assert first == second

    @given(rows(), models)
    def test_derivatives(self, row, model):
        """Gradient and Hessian in the logarithms of r and alpha: differences of the reference at 50 digits."""
        x, t_x, age = (np.array([float(value)]) for value in row)
        r, alpha = model
        at = log_likelihood_derivatives(x, t_x, age, r, np.array([alpha]))
        step = mpmath.mpf("1e-12")
        with mpmath.workdps(50):

            def value(a, b):
                return reference.nbd_likelihood(row, (r * mpmath.exp(a * step), alpha * mpmath.exp(b * step)))

            slopes = [(value(*unit) - value(-unit[0], -unit[1])) / (2 * step) for unit in ((1, 0), (0, 1))]
            bends = [(value(*u) - 2 * value(0, 0) + value(-u[0], -u[1])) / step**2 for u in ((1, 0), (0, 1))]
            cross = (value(1, 1) - value(1, -1) - value(-1, 1) + value(-1, -1)) / (4 * step**2)
        scale = r + row[0]
        for i in range(2):
            assert at.gradient[i, 0] == pytest.approx(float(slopes[i]), rel=1e-9, abs=1e-12 * scale)
            assert at.hessian[i, i, 0] == pytest.approx(float(bends[i]), rel=1e-9, abs=1e-11 * scale)
        assert at.hessian[0, 1, 0] == at.hessian[1, 0, 0] == pytest.approx(float(cross), rel=1e-9, abs=1e-11 * scale)
        assert at.value[0] == pytest.approx(float(value(0, 0)), rel=1e-12, abs=1e-10)

    @given(st.lists(rows(), min_size=1, max_size=30), models)
    def test_the_sum_is_that_of_the_rows(self, several, model):
        """The likelihood of the fit, by sums over distinct x and T, and the rows one by one."""
        history = history_of(*several)
        likelihood = Likelihood(history.unique())
        r, alpha = model
        at = likelihood(np.log([r, alpha / likelihood.ruler]))
        each = log_likelihood_derivatives(
            history.frequency, history.recency, history.age, r, np.full(len(history), alpha)
        )
        size = 1.0 + float(np.abs(each.value).sum()) + float(history.frequency.sum())
        assert at.value == pytest.approx(each.value.sum(), rel=1e-11, abs=1e-12 * size)
        np.testing.assert_allclose(at.gradient, each.gradient.sum(axis=1), rtol=1e-9, atol=1e-12 * size)
        np.testing.assert_allclose(at.hessian, each.hessian.sum(axis=2), rtol=1e-9, atol=1e-12 * size)


class TestPredictions:
    """Poisson purchases at a rate that is gamma(r + x, alpha + T) for a known customer."""

    @given(rows(), models, horizons)
    def test_everybody_is_alive(self, row, model, at):
        assert model_of(model).prob_alive(history_of(row)).tolist() == [1.0]
        assert model_of(model).prob_alive(history_of(row), at=at).tolist() == [1.0]

    @given(rows(), models, horizons)
    def test_expected_purchases(self, row, model, horizon):
        found = model_of(model).expected_purchases(history_of(row), horizon=horizon)[0]
        assert close(found, reference.nbd_discounted(row, 0, horizon, model), 1e-13)
        new = model_of(model).expected_purchases_new(horizon=horizon)
        assert close(new, reference.nbd_discounted((0, 0, 0), 0, horizon, model), 1e-13)

    @given(rows(), models, st.one_of(st.integers(0, 10), st.integers(0, 5000)), horizons)
    def test_prob_purchases(self, row, model, n, horizon):
        found = model_of(model).prob_purchases(history_of(row), n, horizon=horizon)[0]
        assert close(found, reference.nbd_pmf(row, n, horizon, model), 1e-9)
        new = model_of(model).prob_purchases_new(n, horizon=horizon)
        assert close(new, reference.nbd_pmf((0, 0, 0), n, horizon, model), 1e-9)

    @given(rows(), models, logs(1e-12, 0.5), st.one_of(st.none(), horizons))
    def test_discounted(self, row, model, rate, horizon):
        of, terms = model_of(model), {"discount_rate": rate, "horizon": horizon}
        found = of.discounted_expected_purchases(history_of(row), **terms)[0]
        assert close(found, reference.nbd_discounted(row, rate, horizon, model), 1e-12)
        new = of.discounted_expected_purchases_new(**terms)
        assert close(new, reference.nbd_discounted((0, 0, 0), rate, horizon, model), 1e-12)

    @given(rows(), models, horizons)
    def test_without_a_discount_it_is_the_expectation(self, row, model, horizon):
        found = model_of(model).discounted_expected_purchases(history_of(row), discount_rate=0, horizon=horizon)
        assert found[0] == model_of(model).expected_purchases(history_of(row), horizon=horizon)[0]

    def test_for_life_without_a_discount(self):
        for ask in (
            lambda: model_of(CDNOW).discounted_expected_purchases_new(discount_rate=0),
            lambda: model_of(CDNOW).discounted_expected_purchases(history_of((1, 2, 3)), discount_rate=0),
        ):
            with pytest.raises(InputError, match="infinite, since no customer leaves"):
                ask()

    @pytest.mark.parametrize(("row", "model"), ORDINARY)
    def test_chances_sum_to_one_and_have_the_expectation(self, row, model):
        n = np.arange(1000)
        history = history_of(*[row] * len(n))
        chance = model_of(model).prob_purchases(history, n, horizon=12)
        assert chance.sum() == pytest.approx(1.0, rel=1e-12)
        expected = model_of(model).expected_purchases(history_of(row), horizon=12)[0]
        assert (n * chance).sum() == pytest.approx(expected, rel=1e-11)

    @given(rows(), models, horizons, horizons)
    def test_what_was_expected_comes_about(self, row, model, first, second):
        """The mean of the next forecast, over what may be bought until then, is the forecast of today."""
        x, _, age = row
        bought = model_of(model).expected_purchases(history_of(row), horizon=first)[0]
        later = (model[0] + x + bought) / (model[1] + age + first) * second
        both = model_of(model).expected_purchases(history_of(row), horizon=first + second)[0]
        assert bought + later == pytest.approx(both, rel=1e-12)

    def test_no_time_no_purchases(self):
        assert model_of(CDNOW).prob_purchases_new([0, 1], horizon=0).tolist() == [1.0, 0.0]

    def test_columns_equal_the_loop(self):
        history = part(cdnow().calibration, slice(60))
        horizon, n, model = np.linspace(0, 50, 60), np.arange(60) % 4, model_of(CDNOW)
        many = (
            model.log_likelihood(history),
            model.expected_purchases(history, horizon=horizon),
            model.prob_purchases(history, n, horizon=horizon),
            model.discounted_expected_purchases(history, discount_rate=0.002, horizon=horizon),
        )
        for i in range(60):
            one = history_of((history.frequency[i], history.recency[i], history.age[i]))
            single = (
                model.log_likelihood(one),
                model.expected_purchases(one, horizon=horizon[i]),
                model.prob_purchases(one, n[i], horizon=horizon[i]),
                model.discounted_expected_purchases(one, discount_rate=0.002, horizon=horizon[i]),
            )
            for column, value in zip(many, single, strict=True):
                assert column[i] == pytest.approx(value[0], rel=1e-12)


class TestLimits:
    """BG/NBD and MBG/NBD for a chance to leave of 0, Pareto/NBD for a rate of leaving of 0."""

    LIMITS = pytest.mark.parametrize(
        "near",
        [
            pytest.param(lambda r, alpha, small: BgNbd(r, alpha, small, 1.0, "week"), id="bg, a to 0"),
            pytest.param(lambda r, alpha, small: BgNbd(r, alpha, 1.0, 1.0 / small, "week"), id="bg, b to infinity"),
            pytest.param(lambda r, alpha, small: MbgNbd(r, alpha, small, 1.0, "week"), id="mbg, a to 0"),
            pytest.param(lambda r, alpha, small: ParetoNbd(r, alpha, small, 10.0, "week"), id="pareto, s to 0"),
            pytest.param(lambda r, alpha, small: ParetoNbd(r, alpha, 1.0, 1.0 / small, "week"), id="pareto, beta"),
        ],
    )

    @LIMITS
    @given(x=st.integers(0, 6), share=st.floats(0.6, 1), r=logs(0.1, 2), alpha=logs(10, 50))
    def test_each_answer_comes_close(self, near, x, share, r, alpha):
        """The distance is in proportion to the chance to leave, and below 1e-3.

        That chance is 1e-6 a week at most, in 39 weeks, times the odds that silence makes of it, up to 17.
        """
        history = history_of((x, 30.0 * share if x else 0.0, 30.0))
        model, limit = near(r, alpha, 1e-6), Nbd(r, alpha, "week")
        answers = (
            lambda m: m.log_likelihood(history)[0],
            lambda m: m.prob_alive(history, at=9)[0],
            lambda m: m.expected_purchases(history, horizon=9)[0],
            lambda m: m.prob_purchases(history, 1, horizon=9)[0],
            lambda m: m.discounted_expected_purchases(history, discount_rate=0.01, horizon=9)[0],
            lambda m: m.expected_purchases_new(horizon=9),
        )
        for answer in answers:
            assert answer(model) == pytest.approx(answer(limit), rel=1e-3, abs=1e-3)

    @LIMITS
    def test_closer_and_closer(self, near):
        history = history_of((3, 20.0, 39.0))
        exact = model_of(CDNOW).log_likelihood(history)[0]
        away = [abs(near(*CDNOW, small).log_likelihood(history)[0] - exact) for small in (1e-2, 1e-4, 1e-6)]
        assert away[0] > 20 * away[1] > 400 * away[2]

    def test_a_fit_of_bg_nbd_runs_to_it(self):
        """Nobody leaves, so BG/NBD finds no better likelihood, and the same rates."""
        rng = np.random.default_rng(3)
        history = model_of(CDNOW).simulate(rng.uniform(27, 39, 3000), rng=rng)
        plain, larger = fit_nbd(history), fit_bg_nbd(history)
        assert 0.0 <= larger.log_likelihood - plain.log_likelihood < 3.0
        assert larger.estimates[:2] == pytest.approx(plain.estimates, rel=0.05)
        assert plain.diagnosis.trustworthy


class TestSimulate:
    """A Poisson process at a gamma rate."""

    def test_agrees_with_theory(self):
        model, n = model_of((0.8, 6.0)), 200_000
        history = model.simulate(np.full(n, 30.0), rng=np.random.default_rng(5))
        x = history.frequency
        assert abs(x.mean() - 4.0) < 4 * x.std() / math.sqrt(n)
        assert x.var() == pytest.approx(4.0 + 16.0 / 0.8, rel=0.03)
        for k in range(4):
            chance = model.prob_purchases_new(k, horizon=30)
            assert abs((x == k).mean() - chance) < 4 * math.sqrt(chance / n)
        for k in (1, 5):  # the last of k points that are uniform on (0, 30)
            last = history.recency[x == k] / 30.0
            assert abs(last.mean() - k / (k + 1)) < 4 * last.std() / math.sqrt(len(last))
        assert model.simulate(np.full(n, 30.0), rng=np.random.default_rng(5)) == history

    def test_extremes(self):
        drawn = model_of((1e-3, 1e-3)).simulate([0.0, 1e-99, 1e6] * 100, rng=np.random.default_rng(1))
        assert (drawn.recency[drawn.frequency > 0] > 0).all()


class TestFutures:
    """Futures of known customers: everybody stays, and buys a negative binomial number of times."""

    def test_agree_with_theory(self):
        model, n = model_of((0.8, 6.0)), 100_000
        history = history_of((0, 0, 30), (4, 20, 30))
        owner = np.repeat([0, 1], n)
        process = process_of(model, history)
        drawn = process.draw_future(
            Past(history.frequency, history.recency, history.age), owner, 12.0, np.random.default_rng(5)
        )
        assert (drawn.stay == 12.0).all()
        assert (drawn.one_more == 0.0).all()
        for row in (0, 1):
            bought = drawn.n_before[owner == row]
            for k in range(4):
                chance = model.prob_purchases(history, k, horizon=12)[row]
                assert abs((bought == k).mean() - chance) < 4 * math.sqrt(chance / n)
            expected = model.expected_purchases(history, horizon=12)[row]
            assert abs(bought.mean() - expected) < 4 * bought.std() / math.sqrt(n)


class TestFit:
    """Maximum likelihood, with a diagnosis."""

    def test_cdnow(self):
        """Found by an optimiser that knows nothing but scipy's negative binomial."""
        history = cdnow().calibration
        x, age = history.frequency, history.age

        def loss(logs):
            r, alpha = np.exp(logs)
            return -nbinom.logpmf(x, r, alpha / (alpha + age)).sum()

        best = minimize(loss, [0.0, 2.0], method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-10})
        found = fit_nbd(history)
        assert found.estimates == pytest.approx(np.exp(best.x), rel=1e-6)
        assert found.estimates == pytest.approx([0.385, 12.072], abs=5e-4)
        times = (gammaln(x + 1) - x * np.log(age)).sum()
        assert found.log_likelihood == pytest.approx(times - best.fun, abs=1e-6)
        assert found.log_likelihood == pytest.approx(-9763.66, abs=5e-3)
        assert found.diagnosis.trustworthy
        assert found == fit_nbd(history)
        assert Fit.from_json(found.to_json()) == found

    def test_standard_errors(self):
        """The inverse of the observed information, by differences."""
        history = cdnow().calibration
        found = fit_nbd(history)
        centre, h = np.log(found.estimates), 1e-4

        def value(i, j):
            return model_of(np.exp(centre + h * np.array([i, j]))).log_likelihood(history).sum()

        middle = value(0, 0)
        cross = (value(1, 1) - value(1, -1) - value(-1, 1) + value(-1, -1)) / 4
        bends = [[value(1, 0) - 2 * middle + value(-1, 0), cross], [cross, value(0, 1) - 2 * middle + value(0, -1)]]
        covariance = np.linalg.inv(-np.array(bends) / h**2)
        np.testing.assert_allclose(found.search_covariance, covariance, rtol=1e-3)  # differences of sums of 1e4

    def test_coverage(self):
        """Of 200 bases, the 95 % interval of each parameter holds the truth in 92 to 98 %."""
        held = np.zeros(2)
        for base in range(200):
            rng = np.random.default_rng([6, base])
            found = fit_nbd(model_of(CDNOW).simulate(rng.uniform(27, 104, 1500), rng=rng))
            ends = found.confidence_interval(0.95)
            held += [ends[name].low <= true <= ends[name].high for name, true in zip(found.names, CDNOW, strict=True)]
        assert (held / 200 >= 0.92).all()
        assert (held / 200 <= 0.98).all()

    def test_the_time_unit_scales_alpha_alone(self):
        weeks = cdnow().calibration
        days = PurchaseHistory.from_columns(
            frequency=weeks.frequency, recency=weeks.recency * 7, age=weeks.age * 7, time_unit="day"
        )
        r, alpha = fit_nbd(weeks).estimates
        assert fit_nbd(days).estimates == pytest.approx([r, alpha * 7], rel=1e-6)

    def test_order_and_copies(self):
        """Rows in another order change nothing; each customer twice halves the variance."""
        history = cdnow().calibration
        found, turned = fit_nbd(history), fit_nbd(part(history, slice(None, None, -1)))
        assert turned.estimates == pytest.approx(found.estimates, rel=1e-9)
        twice = fit_nbd(part(history, np.tile(np.arange(len(history)), 2)))
        assert twice.estimates == pytest.approx(found.estimates, rel=1e-6)
        np.testing.assert_allclose(twice.search_covariance * 2, found.search_covariance, rtol=1e-5)

    def test_priors(self):
        history = history_of((0, 0, 10), (1, 3, 10), (2, 8, 9))
        priors = {"r": (1, 0.5), "alpha": (5, 0.5)}
        found = fit_nbd(history, priors=priors)
        assert found.diagnosis.trustworthy
        assert found.estimates == pytest.approx([1, 5], rel=0.6)
        tight = fit_nbd(history, priors={"r": (3.0, 1e-6)})
        assert tight.model.r == pytest.approx(3.0, rel=1e-4)
        with pytest.raises(InputError):
            fit_nbd(history, priors={"a": (1, 1)})

    def test_any_start_finds_the_same(self):
        history = cdnow().calibration
        found = fit_nbd(history)
        rng = np.random.default_rng(2)
        for _ in range(20):
            start = model_of(np.exp(rng.uniform(np.log([0.01, 0.1]), np.log([100, 1000]))))
            assert fit_nbd(history, starts=[start]).log_likelihood == pytest.approx(found.log_likelihood, abs=1e-6)
        with pytest.raises(InputError, match="starts"):
            fit_nbd(history, starts=[BgNbd(1, 1, 1, 1, "week")])

    @pytest.mark.parametrize(
        ("history", "names"),
        [
            pytest.param(history_of((0, 0, 10), (0, 0, 20)), {"r", "alpha"}, id="nobody bought again"),
            pytest.param(history_of((3, 5, 10)), {"r", "alpha"}, id="one customer"),
            pytest.param(history_of((0, 0, 0)), {"r", "alpha"}, id="one customer of today"),
            pytest.param(history_of(*[(2, 5, 10)] * 50), {"r", "alpha"}, id="all equal"),
        ],
    )
    def test_little_data_give_a_diagnosed_answer(self, history, names):
        found = fit_nbd(history)
        assert np.isfinite(found.estimates).all()
        assert not found.diagnosis.trustworthy
        assert set(found.diagnosis.boundary + found.diagnosis.flat) & names
        assert "prior" in found.diagnosis.messages[0]

    def test_equal_customers_have_the_common_rate(self):
        """They differ less than chance alone makes them, so r and alpha grow; r / alpha stays."""
        found = fit_nbd(history_of(*[(2, 5, 10)] * 50))
        assert found.model.r / found.model.alpha == pytest.approx(0.2, rel=1e-3)

    def test_small_bases(self):
        """An answer for every base of 50; the likelihood found is the best of several starts."""
        for base in range(30):
            rng = np.random.default_rng([7, base])
            history = model_of(CDNOW).simulate(np.full(50, 39.0), rng=rng)
            found = fit_nbd(history)
            for start in ((0.1, 1.0), (1.0, 30.0), (20.0, 600.0)):
                assert fit_nbd(history, starts=[model_of(start)]).log_likelihood <= found.log_likelihood + 1e-5
            if found.diagnosis.trustworthy:
                assert np.isfinite(found.search_covariance).all()

    def test_posterior(self):
        history = cdnow().calibration
        found = fit_nbd(history)
        posterior = draw_posterior(found, history, n_draws=400, rng=np.random.default_rng(1))
        assert posterior.effective_share > 0.9
        mean = (posterior.weight * posterior["r"]).sum()
        assert mean == pytest.approx(found.model.r, abs=0.3 * found.standard_errors["r"])

    def test_it_is_not_nested_by_the_test(self):
        """The limit is on the boundary of the others, where twice the gain is no chi-square."""
        history = cdnow().calibration
        with pytest.raises(InputError, match="nested"):
            likelihood_ratio_test(fit_nbd(history), fit_bg_nbd(history))


class TestBesideTheOthers:
    """What takes a purchase model takes this one, and its fit."""

    def test_validation(self):
        split, log = cdnow(), load_cdnow()
        found = fit_nbd(split.calibration)
        groups = calibration_by_frequency(split, found)
        assert groups.expected.tolist() == calibration_by_frequency(split, found.model).expected.tolist()
        assert (np.diff(groups.expected) > 0).all()
        tracking = purchase_tracking(log.customer, log.date, found, as_of="1997-09-30")
        assert tracking.cumulative_expected[-1] == pytest.approx(tracking.cumulative_actual[-1], rel=0.1)
        scores = compare_models(split, {"NBD": found, "BG/NBD": fit_bg_nbd(split.calibration)})
        assert scores[0].name == "NBD"
        assert scores[0].purchases.mean_absolute_error > scores[1].purchases.mean_absolute_error  # customers do leave
        foretold = found.model.expected_purchases(split.calibration, horizon=split.holdout_length)
        assert holdout_error(foretold, split.holdout_n_purchases) == scores[0].purchases

    @pytest.mark.parametrize("discount_rate", [0.0, 0.002])
    def test_values(self, discount_rate):
        """Money at the mean rate, less the cost of serving, over a time that is known in closed form."""
        history = cdnow().calibration
        spend = GammaGamma(6.25, 3.74, 15.44)
        values = customer_values(
            history, model_of(CDNOW), spend, horizon=52, margin=0.3, discount_rate=discount_rate, service_cost=0.1
        )
        force = math.log1p(discount_rate)
        time = -math.expm1(-force * 52) / force if force else 52.0
        rate = (CDNOW[0] + history.frequency) / (CDNOW[1] + history.age)
        expected = (0.3 * spend.expected_spend(history) * rate - 0.1) * time
        np.testing.assert_allclose(values.clv, expected, rtol=1e-7, atol=1e-6)
        assert (values.prob_alive == 1.0).all()

    def test_values_for_life(self):
        history = cdnow().calibration
        spend = GammaGamma(6.25, 3.74, 15.44)
        life = customer_values(history, model_of(CDNOW), spend, horizon=None, margin=0.3, discount_rate=0.01)
        rate = (CDNOW[0] + history.frequency) / (CDNOW[1] + history.age)
        expected = 0.3 * spend.expected_spend(history) * rate / math.log1p(0.01)
        np.testing.assert_allclose(life.clv, expected, rtol=1e-12)

    def test_intervals(self):
        """The ends of an outcome hold the true one: futures of the model fall between them as often as they say."""
        history = part(cdnow().calibration, slice(400))
        purchases, spend = fit_nbd(history), fit_gamma_gamma(history)
        values = customer_values(
            history, purchases, spend, horizon=26, margin=1.0, level=0.9, rng=np.random.default_rng(1)
        )
        intervals = values.intervals
        assert intervals is not None
        assert (intervals.clv_low <= values.clv).all()
        assert (values.clv <= intervals.clv_high).mean() > 0.99
        chance = purchases.model.prob_purchases(history, 0, horizon=26)
        assert (intervals.outcome_low[chance > 0.06] == 0.0).all()
        assert (intervals.outcome_high[chance > 0.96] == 0.0).all()


class TestArguments:
    """Arguments are checked; a model is a value."""

    @pytest.mark.parametrize(
        ("call", "name"),
        [
            (lambda m, h: m.prob_alive(h, at=-1), "at"),
            (lambda m, h: m.expected_purchases(h, horizon=-1), "horizon"),
            (lambda m, h: m.prob_purchases(h, 1.5, horizon=1), "n"),
            (lambda m, h: m.discounted_expected_purchases(h, discount_rate=-0.1), "discount_rate"),
            (lambda m, _: m.simulate([1, -1], rng=np.random.default_rng(1)), "ages"),
            (lambda m, _: m.log_likelihood([1, 2]), "history"),
            (lambda _, h: Nbd(1, 1, "day").prob_alive(h), "history"),
            (lambda *_: Nbd(0, 1, "day"), "r"),
            (lambda *_: Nbd(1, math.inf, "day"), "alpha"),
            (lambda *_: Nbd(1, 1, "fortnight"), "time_unit"),
        ],
    )
    def test_refuses(self, call, name):
        with pytest.raises(InputError) as caught:
            call(model_of(CDNOW), history_of((1, 2, 3), (0, 0, 3)))
        assert caught.value.name == name

    def test_json(self):
        model = model_of(CDNOW)
        assert Nbd.from_json(model.to_json()) == model == eval(repr(model))  # noqa: S307 - of our own making
        assert model.dropout_effects == ()
        with pytest.raises(InputError):
            Nbd.from_json('{"kind": "BgNbd"}')

    def test_there_are_no_covariates_of_dropout(self):
        with pytest.raises(TypeError):
            fit_nbd(history_of((1, 2, 3)), dropout_covariates=["z"])
