"""GGompertz/NBD: likelihood, predictions, simulation and fit."""

from __future__ import annotations

import math
from itertools import islice

import attrs
import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from crmvalue._models.aging import ggompertz_nbd
from crmvalue._models.aging.ggompertz_nbd import _SEARCH
from crmvalue._models.aging.ggompertz_nbd_likelihood import log_likelihood_derivatives
from crmvalue._models.aging.ggompertz_nbd_predictions import prob_purchases
from crmvalue._models.aging.panels import nodes_from, straight_from
from crmvalue._models.shared.common import take
from crmvalue._models.shared.process import Past
from crmvalue.datasets import load_cdnow
from crmvalue.errors import InputError
from crmvalue.models import (
    CovariateEffect,
    Fit,
    GammaGamma,
    GgompertzNbd,
    ParetoNbd,
    customer_values,
    draw_posterior,
    fit_ggompertz_nbd,
    fit_pareto_nbd,
    likelihood_ratio_test,
)
from crmvalue.purchases import PurchaseHistory, split_purchases
from tests.models.references import GgompertzNbdMp

AGED = (0.8, 10.0, 0.05, 0.6, 1.5)  # the rate of leaving grows by 5 % a week
SUDDEN = (2.0, 8.0, 0.1, 2.0, 30.0)  # by 10 %: half of the customers leave within 26 weeks
DISCOUNT = 0.01


def logs(low, high):
    return st.floats(math.log(low), math.log(high)).map(math.exp)


@st.composite
def cases(draw, most=5000.0):
    """Parameters, a customer, a horizon and a number of purchases."""
    parameters = tuple(
        draw(logs(low, high)) for low, high in ((0.01, 20), (0.01, 1e4), (1e-7, 1), (0.01, 20), (1e-7, 1e6))
    )
    longest = min(most, 150 / parameters[2])
    age, horizon = draw(logs(0.1, longest)), draw(logs(0.01, longest))
    x = draw(st.one_of(st.integers(0, 10), st.integers(0, 5000)))
    share = draw(st.one_of(st.floats(0.001, 1), logs(1e-6, 1), st.just(1.0), st.just(1 - 1e-10)))
    n = draw(st.one_of(st.integers(0, 10), st.integers(0, 1000)))
    return parameters, (x, age * share if x else 0.0, age), horizon, n


def history_of(*customers):
    x, t_x, age = zip(*customers, strict=True)
    return PurchaseHistory.from_columns(frequency=x, recency=t_x, age=age, time_unit="week")


def model_of(parameters):
    return GgompertzNbd(*parameters, "week")


def close(found, exact, rel=1e-10):
    """Compare with 50 digits; what is too small for a float is 0."""
    return mpmath.almosteq(mpmath.mpf(float(found)), exact, rel_eps=rel, abs_eps=mpmath.mpf("1e-290"))


def check(parameters, customer, horizon, n):
    """Compare everything that is said of one customer with its definition at 50 digits."""
    model, exact, one = model_of(parameters), GgompertzNbdMp(*parameters), history_of(customer)
    x, _, age = customer
    assert close(model.log_likelihood(one)[0], exact.log_likelihood(*customer))
    alive = exact.prob_alive(*customer)
    assert close(model.prob_alive(one, at=horizon)[0], alive * exact.stay_on(age, horizon))
    assert close(model.expected_purchases(one, horizon=horizon)[0], alive * exact.discounted(x, age, horizon))
    discounted = model.discounted_expected_purchases(one, discount_rate=DISCOUNT, horizon=horizon)[0]
    force = mpmath.log1p(mpmath.mpf(DISCOUNT))
    assert close(discounted, alive * exact.discounted(x, age, horizon, force))
    lost = 1 - alive if n == 0 else 0
    found = model.prob_purchases(one, n, horizon=horizon)[0]
    assert close(found, alive * exact.prob_purchases(x, age, n, horizon) + lost)


def calibration():
    log = load_cdnow()
    return split_purchases(log.customer, log.date, calibration_end="1997-09-30").calibration


CASES = [
    pytest.param(AGED, (2, 30.43, 38.86), 39.0, 1, id="ordinary"),
    pytest.param(AGED, (0, 0.0, 3.0), 52.0, 3, id="new"),
    pytest.param((0.01, 0.02, 1e-4, 3.2, 0.007), (300, 3.9, 17.4), 1.6, 100, id="gone for sure"),
    pytest.param((1.0, 5.0, 0.5, 4.0, 1e5), (20, 20.0, 21.0), 30.0, 40, id="sudden death at 23"),
    pytest.param((20.0, 1e4, 1e-7, 20.0, 1e-7), (5000, 4000.0, 5000.0), 5000.0, 900, id="Pareto, many purchases"),
    pytest.param((1.4, 15.9, 3675.0, 0.001, 0.04), (3, 1.0, 2.7), 143.0, 4, id="half a million times 1 / b"),
    pytest.param((0.55, 10.6, 30.0, 0.01, 0.04), (6, 30.0, 38.9), 39.0, 8, id="a thousand times 1 / b"),
    pytest.param((5.0, 2.0, 10.0, 0.02, 1e3), (300, 10.0, 38.9), 500.0, 250, id="many purchases, long over"),
]


class TestAgainstTheDefinition:
    """All methods against integrals over the moment of leaving (Bemmaor and Glady 2012)."""

    @pytest.mark.parametrize(("parameters", "customer", "horizon", "n"), CASES[:2])
    def test_two_customers(self, parameters, customer, horizon, n):
        check(parameters, customer, horizon, n)

    @pytest.mark.slow
    @pytest.mark.parametrize(("parameters", "customer", "horizon", "n"), CASES[2:])
    def test_extremes(self, parameters, customer, horizon, n):
        check(parameters, customer, horizon, n)

    @pytest.mark.slow
    @settings(deadline=None, max_examples=25)
    @given(cases())
    def test_searched(self, case):
        check(*case)

    def test_many_purchases_of_the_few_who_stay_so_long(self):
        """49 purchases come from customers who stay where of all others less than exp(-60) are left."""
        parameters, horizon = (1.0, 10.67124186384102, 1.0, 16.00701704730937, 1.0), 10.67124186384102
        one, exact = history_of((0, 0.0, 1.0)), GgompertzNbdMp(*parameters)
        chance = exact.prob_alive(0, 0.0, 1.0) * exact.prob_purchases(0, 1.0, 49, horizon)
        assert close(model_of(parameters).prob_purchases(one, 49, horizon=horizon)[0], chance)

    @pytest.mark.parametrize("n", [0, 1, 3, 7])
    @pytest.mark.parametrize("parameters", [(8e5, 5.6e8, 2.3e10, 1.9e7, 7e-9), (2.0, 50.0, 1e3, 1e5, 1e-3)])
    def test_customers_who_leave_at_once(self, parameters, n):
        """All leave within 1e-10 by a Lomax law, of which E(t^n) is known: one purchase was certain, not 2e-29."""
        r, alpha, b, s, beta = parameters
        i = np.arange(n)
        chance = np.prod((r + i) / alpha * (beta / b) / (s - 1.0 - i))
        with np.errstate(all="raise"):
            found = model_of(parameters).prob_purchases_new(n, horizon=10.0)
        np.testing.assert_allclose(found, chance, rtol=1e-6)  # they leave by bt and not by exp(bt) - 1

    @pytest.mark.slow
    @pytest.mark.parametrize("customer", [(2, 5.0, 9.0), (0, 0.0, 7.0)])
    def test_reference_is_the_mixture_over_levels_of_leaving(self, customer):
        """Eight digits of an integral over eta in place of the closed form."""
        exact = GgompertzNbdMp(*AGED)
        over_eta = exact.likelihood_by_integration(*customer)
        assert float(mpmath.log(over_eta)) == pytest.approx(float(exact.log_likelihood(*customer)), rel=1e-8)

    @pytest.mark.parametrize(
        "parameters", [(0.01, 20.0, 0.05, 0.6, 1.5), (0.5, 400.0, 0.3, 2.0, 5.0), (1e-7, 20.0, 0.05, 0.6, 0.01)]
    )
    def test_customers_who_are_hardly_expected_to_buy(self, parameters):
        """The chance to buy is the integral of r alpha^r (alpha+u)^-(r+1) S(u), which keeps its digits."""
        r, alpha, b, s, beta = parameters

        def density(u):
            return r / alpha * (1 + u / alpha) ** -(r + 1) * (1 + math.expm1(b * u) / beta) ** -s

        ages = (1e-6, 0.5, 12.0, 60.0)
        expected = [math.log1p(-quad(density, 0.0, age, epsabs=0.0, epsrel=1e-13)[0]) for age in ages]
        found = model_of(parameters).log_likelihood(history_of(*((0, 0.0, age) for age in ages)))
        assert found == pytest.approx(expected, rel=1e-11, abs=0.0)

    def test_for_life_is_a_long_horizon(self):
        one = history_of((2, 30.43, 38.86))
        model = model_of(AGED)
        for_life = model.discounted_expected_purchases(one, discount_rate=DISCOUNT)
        assert for_life == pytest.approx(
            model.discounted_expected_purchases(one, discount_rate=DISCOUNT, horizon=4000.0), rel=1e-12
        )
        with pytest.raises(InputError, match="horizon"):
            model.discounted_expected_purchases(one, discount_rate=0.0)

    def test_all_numbers_of_purchases_are_certain(self):
        found = model_of(AGED).prob_purchases_new(np.arange(400), horizon=52.0)
        assert found.sum() == pytest.approx(1.0, abs=1e-12)
        mean = float(found @ np.arange(400))
        assert mean == pytest.approx(model_of(AGED).expected_purchases_new(horizon=52.0), rel=1e-10)

    @settings(max_examples=20)
    @given(cases(most=500.0), st.floats(0.1, 10))
    def test_scales_with_the_unit_of_time(self, case, unit):
        (r, alpha, b, s, beta), (x, t_x, age), horizon, n = case
        one = model_of((r, alpha, b, s, beta))
        other = model_of((r, alpha * unit, b / unit, s, beta))
        past, scaled = history_of((x, t_x, age)), history_of((x, t_x * unit, age * unit))
        assert other.log_likelihood(scaled) == pytest.approx(
            one.log_likelihood(past) - x * math.log(unit), rel=1e-9, abs=1e-9
        )
        found = other.prob_purchases(scaled, n, horizon=horizon * unit)
        assert found == pytest.approx(one.prob_purchases(past, n, horizon=horizon), rel=1e-8, abs=1e-290)


class TestTails:
    """Chances of at least n purchases are what the chances of fewer leave of 1."""

    def test_some_counts_at_once(self, monkeypatch):
        """One customer buys a hundred times as often as the others: the others are not asked about on their way."""
        model = GgompertzNbd(*AGED, "week")
        x, age = np.array([0.0, 3.0, 300.0, 0.0]), np.array([40.0, 43.0, 43.0, 0.0])
        past, ahead = Past(x, np.where(x > 0, age, 0.0), age), np.full(4, 8.0)
        process, again = model._process(None), np.tile(np.arange(4), 120)
        counts = np.repeat(np.arange(120.0), 4)
        each = process.prob(past.of_rows(again), ahead[again], counts).reshape(120, 4)
        asked = []

        def counting(n, *rest):
            asked.append(len(n))
            return prob_purchases(n, *rest)

        monkeypatch.setattr(ggompertz_nbd, "prob_purchases", counting)
        found = [tail for (tail,) in islice(process.tails(past, ahead), 120)]
        np.testing.assert_allclose(found, 1.0 - np.cumsum(each, axis=0), rtol=0, atol=1e-11)
        assert asked == [256, 64]  # 64 counts of all customers at once, then of the one who has more

    def test_time_as_a_customer_is_exact(self):
        """The cost of serving for life, where customers leave suddenly, at a small rate."""
        model = GgompertzNbd(*SUDDEN, "week")
        history = PurchaseHistory.from_columns(
            frequency=[0], recency=[0.0], age=[1.0], mean_repeat_spend=[0.0], time_unit="week"
        )
        terms = {"horizon": None, "margin": 0.3, "discount_rate": 0.0005, "service_cost": 1.0}
        values = customer_values(history, model, GammaGamma(6.25, 3.74, 15.44), **terms)
        force, b, s, beta = math.log1p(0.0005), *SUDDEN[2:]

        def stays(age):
            return (beta / (beta + mpmath.exp(b * age) - 1)) ** s

        time = mpmath.quad(lambda u: mpmath.exp(-force * u) * stays(1 + u), [0, 10, 20, 40, 80, 160, 400]) / stays(1)
        assert values.expected_service_cost[0] == pytest.approx(float(time) * values.prob_alive[0], rel=1e-9)


class TestPanels:
    """The rule on which all integrals stand."""

    @pytest.mark.parametrize("centre", [0.0, 3.0, 40.0, 9e5])
    def test_a_wide_range_takes_few_panels_and_none_is_left_out(self, centre):
        """Areas of 1 / (1 + v), and of a bell around the centre that fades by its half in 2 beside it."""
        width, scale = np.array([1e6, 50.0]), np.array([1.0, 1.0])
        middle = np.minimum(centre, width)
        straight = straight_from(1.0, np.array([1.0, math.exp(-20.0)]), np.array([1.0, 1.0]))
        assert straight == pytest.approx([0.0, 20.0], abs=1e-12)
        area, bell, n_panels = np.zeros(2), np.zeros(2), 0
        for rows, v, weight in nodes_from(middle, width, scale, straight):
            area[rows] += (weight / (1.0 + v)).sum(axis=0)
            bell[rows] += (weight / (4.0 + (v - middle[rows]) ** 2)).sum(axis=0)
            n_panels += 1
        assert area == pytest.approx(np.log1p(width), rel=1e-12)  # a place v is rounded to 1e-10 beside 9e5
        sides = np.arctan(middle / 2.0) + np.arctan((width - middle) / 2.0)
        assert bell == pytest.approx(sides / 2.0, rel=1e-13)
        assert n_panels <= 65  # 400,000 of the longest near singular points

    def test_panels_stay_short_before_the_last_singular_point(self):
        """Of 1 / (1 + e^(v - 20)), which has poles at 20 and odd multiples of pi i."""
        width, straight = np.array([1e4]), np.array([20.0])
        found = np.zeros(1)
        for _, v, weight in nodes_from(np.zeros(1), width, np.ones(1), straight):
            found += (weight / (1.0 + np.exp(np.minimum(v - 20.0, 500.0)))).sum(axis=0)
        assert found == pytest.approx([20.0 + math.log1p(math.exp(-20.0))], rel=1e-13)


class TestParetoLimit:
    """With b -> 0 and beta / b held it is the Pareto/NBD."""

    @settings(max_examples=20)
    @given(cases())
    def test_same_numbers(self, case):
        (r, alpha, _, s, beta), customer, horizon, n = case
        scale = min(max(beta, 0.01), 1e4)
        pareto = ParetoNbd(r, alpha, s, scale, "week")
        limit = model_of((r, alpha, 1e-17, s, scale * 1e-17))
        past = history_of(customer)
        assert limit.log_likelihood(past) == pytest.approx(pareto.log_likelihood(past), rel=1e-10, abs=1e-300)
        for method, arguments in (
            ("prob_alive", {"at": horizon}),
            ("expected_purchases", {"horizon": horizon}),
            ("discounted_expected_purchases", {"discount_rate": DISCOUNT}),
            ("prob_purchases", {"n": n, "horizon": horizon}),
        ):
            found, same = (getattr(model, method)(past, **arguments) for model in (limit, pareto))
            assert found == pytest.approx(same, rel=2e-10, abs=1e-290), method

    def test_the_limit_is_as_usable_as_the_pareto_nbd(self):
        """What is flat in age may be "not usable"; its forecasts are those of the simpler fit."""
        fit = fit_pareto_nbd(calibration()[:300])

        def graded(grade):
            messages = () if grade == "good" else ("flat",)
            return attrs.evolve(fit, diagnosis=attrs.evolve(fit.diagnosis, grade=grade, messages=messages))

        for grade, expected in (("good", "usable"), ("usable", "usable"), ("not usable", "not usable")):
            found = ggompertz_nbd._name_limit(graded("not usable"), graded(grade)).diagnosis
            assert found.grade == expected
            assert found.messages[-1].startswith("no effect of age")

    def test_cdnow_is_there_and_the_diagnosis_says_so(self):
        """CLVTools prints -9594.9762."""
        history = calibration()
        found = fit_ggompertz_nbd(history)
        assert found.log_likelihood == pytest.approx(-9594.9762, abs=1e-4)
        assert found.estimates[[0, 1, 3]] == pytest.approx([0.55313, 10.5758, 0.60682], rel=2e-3)
        assert found.model.beta / found.model.b == pytest.approx(1.3e-5 / 1.1e-6, rel=0.05)
        assert found.diagnosis.messages[-1].startswith("no effect of age")
        assert found.diagnosis.grade == "usable"
        same = fit_pareto_nbd(history).model.expected_purchases(history, horizon=39.0)
        assert found.model.expected_purchases(history, horizon=39.0) == pytest.approx(same, rel=1e-3)


@pytest.fixture(scope="module")
def aged():
    rng = np.random.default_rng(1)
    history = model_of(SUDDEN).simulate(rng.uniform(30.0, 80.0, 4_000), rng=rng)
    return history.with_covariates({"z": rng.integers(0, 2, 4_000)})


@pytest.fixture(scope="module")
def fitted(aged):
    return fit_ggompertz_nbd(aged)


class TestFit:
    """`fit_ggompertz_nbd`: maximum likelihood."""

    def test_recovers_the_truth(self, aged, fitted):
        """Within four standard errors, on the scale of logarithms (a false alarm in 1 of 2,000 runs)."""
        assert fitted.diagnosis.trustworthy
        away = np.log(fitted.estimates / np.array(SUDDEN))
        assert (np.abs(away) < 4 * np.sqrt(np.diag(fitted.search_covariance))).all()
        assert fitted.log_likelihood == pytest.approx(fitted.model.log_likelihood(aged).sum(), rel=1e-11)
        test = likelihood_ratio_test(fit_pareto_nbd(aged), fitted)
        assert test.degrees == 1
        assert test.p_value < 1e-3

    def test_time_unit_and_starts(self, aged, fitted):
        days = PurchaseHistory.from_columns(
            frequency=aged.frequency, recency=aged.recency * 7, age=aged.age * 7, time_unit="day"
        )
        start = GgompertzNbd(0.5, 50.0, 0.01, 1.0, 1.0, "day")
        found = fit_ggompertz_nbd(days.unique(), starts=[start])
        assert found.estimates == pytest.approx(fitted.estimates * [1, 7, 1 / 7, 1, 1], rel=1e-4)

    def test_covariates(self, aged):
        some = take(aged, slice(0, 2000))
        found = fit_ggompertz_nbd(some, purchase_covariates=["z"], dropout_covariates=["z"], equal_covariates=["z"])
        assert found.log_likelihood == pytest.approx(found.model.log_likelihood(some).sum(), rel=1e-11)
        assert found.names[5:] == ("both.z",)
        profile = found.model.for_covariates({"z": 1.0})
        effect = found.model.dropout_effects[0]
        assert profile.beta == pytest.approx(
            found.model.beta / math.exp(effect.coefficient * (1 - effect.centre) / effect.scale)
        )
        assert profile.b == found.model.b

    def test_json_and_posterior(self, aged, fitted):
        assert Fit.from_json(fitted.to_json()) == fitted
        posterior = draw_posterior(fitted, aged, n_draws=40, rng=np.random.default_rng(1))
        assert posterior.names == ("r", "alpha", "b", "s", "beta")

    @settings(max_examples=15)
    @given(st.tuples(st.floats(-1, 1), st.floats(0, 3), st.floats(-6, 1), st.floats(-1.5, 1.5), st.floats(-1, 4)))
    def test_gradient_and_hessian_against_differences(self, theta):
        """Central differences of the log-likelihood and of its gradient, steps of 1e-5: good to about 1e-7."""
        x, t_x, age = np.array([0.0, 1, 3, 40, 2]), np.array([0.0, 2, 9, 9.5, 10]), np.array([8.0, 10, 10, 10, 10])

        def of(theta):
            r, alpha, b, s, p = np.exp(theta)
            return log_likelihood_derivatives(x, t_x, age, r, np.full(5, alpha), b, s, np.full(5, p))

        at = of(np.array(theta))
        size = max(1.0, float(np.abs(at.hessian).max()))
        for i, step in enumerate(np.eye(5) * 1e-5):
            ahead, behind = of(theta + step), of(theta - step)
            assert (ahead.value - behind.value) / 2e-5 == pytest.approx(at.gradient[i], abs=1e-6 * size)
            np.testing.assert_allclose((ahead.gradient - behind.gradient) / 2e-5, at.hessian[i], atol=1e-6 * size)

    def test_what_no_base_is_like_is_no_place_to_search(self):
        likelihood = _SEARCH.likelihood(history_of((1, 3.0, 5.0)).unique())
        assert likelihood(np.array([0.0, 0, 9, 0, 0])).value == -math.inf

    @pytest.mark.parametrize("wrong", [{"b": 0.0}, {"beta": -1.0}, {"s": np.nan}, {"time_unit": "hour"}])
    def test_rejections(self, wrong):
        fields = {"r": 1, "alpha": 1, "b": 1, "s": 1, "beta": 1, "time_unit": "week", **wrong}
        with pytest.raises(InputError):
            GgompertzNbd(**fields)


class TestSimulate:
    """Draws of new customers and of futures."""

    def test_purchases_and_the_last_of_them(self):
        """Means of 40,000 customers within four standard errors."""
        model, n = model_of((0.8, 10.0, 0.2, 2.0, 30.0)), 40_000
        drawn = model.simulate(np.full(n, 30.0), rng=np.random.default_rng(1))
        x = drawn.frequency
        assert abs(x.mean() - model.expected_purchases_new(horizon=30.0)) < 4 * x.std() / math.sqrt(n)
        none = model.prob_purchases_new(0, horizon=30.0)
        assert abs((x == 0).mean() - none) < 4 * math.sqrt(none * (1 - none) / n)
        later = model.prob_alive(drawn).mean()
        truth = math.exp(-2.0 * math.log1p(math.expm1(0.2 * 30.0) / 30.0))
        assert later == pytest.approx(truth, abs=0.01)

    def test_futures(self):
        model, n = model_of(AGED), 40_000
        one = history_of((2, 30.43, 38.86))
        process = model._process(None)
        future = process.draw_future(model._past(one), np.zeros(n, dtype=int), 26.0, np.random.default_rng(2))
        alive = model.prob_alive(one)[0]
        expected = model.expected_purchases(one, horizon=26.0)[0] / alive
        assert abs(future.n_before.mean() - expected) < 4 * future.n_before.std() / math.sqrt(n)
        stay = model.prob_alive(one, at=26.0)[0] / alive
        assert abs((future.stay == 26.0).mean() - stay) < 4 * math.sqrt(stay * (1 - stay) / n)

    def test_customers_who_leave_at_once_overflow_nothing(self):
        """A rate of leaving above 1.8e8 overflowed with a warning."""
        model = GgompertzNbd(0.6, 8.0, 0.02, 1e9, 0.5, "week")
        assert model.simulate([40.0] * 50, rng=np.random.default_rng(1)).frequency.sum() == 0


def test_a_covariate_divides_alpha_or_beta_by_its_factor():
    """The rate of buying, or of leaving at each age, is multiplied by exp(0.3 x (5 - 3) / 2)."""
    effect, factor = CovariateEffect("income", 0.3, centre=3.0, scale=2.0), math.exp(0.3)
    r, alpha, b, s, beta = AGED
    rows = {"frequency": [2, 0], "recency": [7.0, 0.0], "age": [20.0, 9.0], "time_unit": "week"}
    known = PurchaseHistory.from_columns(**rows).with_covariates({"income": [5.0, 5.0]})
    for option, moved in (
        ("purchase_effects", (r, alpha / factor, b, s, beta)),
        ("dropout_effects", (r, alpha, b, s, beta / factor)),
    ):
        found = GgompertzNbd(*AGED, "week", **{option: [effect]})
        plain, one = GgompertzNbd(*moved, "week"), PurchaseHistory.from_columns(**rows)
        np.testing.assert_allclose(found.log_likelihood(known), plain.log_likelihood(one), rtol=1e-12)
        np.testing.assert_allclose(
            found.expected_purchases(known, horizon=9.0), plain.expected_purchases(one, horizon=9.0), rtol=1e-12
        )
