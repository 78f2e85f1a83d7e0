"""What must hold for BG/CNBD-k and MBG/CNBD-k: their definition over the whole domain, known answers, and fits."""

from __future__ import annotations

import math

import mpmath as mp
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.stats import nbinom

from crmvalue._models.regular import erlang, erlang_roots
from crmvalue._models.regular.bg_cnbd import _steps_of_random_days
from crmvalue._models.regular.erlang import ErlangProcess
from crmvalue._models.regular.erlang_likelihood import Likelihood, log_likelihood_derivatives
from crmvalue._models.shared.process import ContinuousProcess, Past
from crmvalue.datasets import load_cdnow
from crmvalue.errors import InputError
from crmvalue.models import (
    BgCnbd,
    BgNbd,
    Fit,
    GammaGamma,
    MbgCnbd,
    MbgNbd,
    customer_values,
    fit_bg_cnbd,
    fit_bg_nbd,
    fit_gamma_gamma,
    fit_mbg_cnbd,
    fit_mbg_nbd,
)
from crmvalue.purchases import PurchaseHistory, Regularity, estimate_regularity, split_purchases, summarise_purchases

FIRST_HALF = "1997-09-30"
REGULAR = MbgCnbd(1.3, 2.8, 0.6, 1.5, "week", k=2)
each_pair = pytest.mark.parametrize(
    ("regular", "random", "fit", "fit_random"),
    [(BgCnbd, BgNbd, fit_bg_cnbd, fit_bg_nbd), (MbgCnbd, MbgNbd, fit_mbg_cnbd, fit_mbg_nbd)],
    ids=["BG", "MBG"],
)


def log_uniform(low, high):
    return st.floats(math.log(low), math.log(high)).map(math.exp)


@pytest.fixture(scope="module")
def cdnow():
    log = load_cdnow()
    return split_purchases(log.customer, log.date, log.amount, calibration_end=FIRST_HALF).calibration


@pytest.fixture(scope="module")
def many():
    return REGULAR.simulate(np.random.default_rng(1).uniform(27, 39, 3000), rng=np.random.default_rng(2))


def history_of(x, t_x, age):
    return PurchaseHistory.from_columns(frequency=[x], recency=[t_x], age=[age], time_unit="week")


class Reference:
    """The model from its definition at 30 digits: events at random, every k-th a purchase, then a coin."""

    def __init__(self, k, r, alpha, a, b, early, x, t_x, age):
        self.k, self.x = k, x
        self.r, self.alpha, self.a, self.b, self.t_x, self.age = map(mp.mpf, (r, alpha, a, b, t_x, age))
        self.until_now, self.left = self.alpha + self.age, self.b + x + early
        part = (self.age - self.t_x) / self.until_now
        self.waiting = [mp.rf(self.r + k * x, j) / mp.factorial(j) * part**j for j in range(k)]
        tosses = x + early
        self.kept = mp.beta(self.a, self.b + tosses) / mp.beta(self.a, self.b)
        self.lost = mp.beta(self.a + 1, self.b + tosses - 1) / mp.beta(self.a, self.b) if tosses else mp.mpf(0)

    def likelihoods(self):
        """Density of the events that are purchases, and of no other one: of those alive, and of those lost."""
        shape = self.r + self.k * self.x
        rates = mp.gamma(shape) / mp.gamma(self.r) * self.alpha**self.r
        alive = rates / self.until_now**shape * sum(self.waiting) * self.kept
        return alive, rates / (self.alpha + self.t_x) ** shape * self.lost

    def averages(self, ahead, n):
        """Chance to survive, expected purchases, and chance of n purchases, of a customer who is alive."""
        w = mp.mpf(ahead) / self.until_now
        found = [mp.mpf(0)] * 3
        for j, chance in enumerate(self.waiting):
            shape = self.r + self.k * self.x + j
            event, kept, made, lost = (1 + w) ** -shape, mp.mpf(1), mp.mpf(0), mp.mpf(0)
            attempts = 0  # `lost` is the chance to be lost at the n-th purchase, among those who had so many attempts
            last = int(shape * w + 12 * mp.sqrt(shape * w * (1 + w)) + 75 * (1 + w)) + 5
            for m in range(last):
                if m:
                    event *= w / (1 + w) * (shape + m - 1) / m
                if (m + j) // self.k > attempts:
                    made += kept
                    stay = (self.left + attempts) / (self.a + self.left + attempts)
                    attempts += 1
                    if attempts == n:
                        lost = kept * (1 - stay)
                    kept *= stay
                exactly = (kept if attempts == n else 0) + lost  # lost at the n-th, or alive after it
                part = chance / sum(self.waiting) * event
                found = [total + part * one for total, one in zip(found, (kept, made, exactly), strict=True)]
        return found


@st.composite
def cases(draw, most=300):
    x = draw(st.one_of(st.sampled_from([0, 1, most]), log_uniform(1, most).map(int)))
    age = draw(log_uniform(0.1, 2000))
    t_x = age * draw(st.one_of(st.just(1.0), st.floats(1e-6, 1))) if x else 0.0
    shape = st.one_of(log_uniform(0.01, 50), st.just(1.0))
    parameters = draw(st.tuples(log_uniform(0.01, 20), log_uniform(0.01, 1e4), shape, shape))
    return (draw(st.integers(1, 12)), *parameters, draw(st.integers(0, 1)), x, t_x, age)


class TestDefinition:
    @given(cases())
    def test_likelihood_and_chance_to_be_alive(self, case):
        *parameters, x, t_x, age = case
        past = Past(*(np.array([float(value)]) for value in (x, t_x, age)))
        process = ErlangProcess(*parameters)
        with mp.workdps(120):  # a likelihood near 1
            alive, lost = Reference(*case).likelihoods()
            wanted = mp.log(alive + lost)
            shares = float(alive / (alive + lost)), float(lost / (alive + lost))
        assert process.log_likelihood(*past)[0] == pytest.approx(float(wanted), rel=1e-11, abs=1e-300)
        found = [float(one[0]) for one in process.alive_and_lost(*past)]
        np.testing.assert_allclose(found, shares, rtol=1e-9, atol=1e-290)

    @given(cases(), log_uniform(1e-3, 1e3), st.integers(0, 4))
    @settings(max_examples=25)
    def test_predictions(self, case, ahead, n):
        k, r, alpha, *_, x, _, age = case
        ahead = min(
            ahead, 600.0 * (alpha + age) / (r + k * x + k), 30.0 * (alpha + age)
        )  # so far the reference is quick
        past = Past(*(np.array([float(value)]) for value in case[-3:]))
        process = ErlangProcess(*case[:-3])
        when, count = np.array([ahead]), np.array([float(n)])
        found = process.survival(past, when), process.purchases(past, when), process.prob(past, when, count)
        with mp.workdps(30):
            wanted = [float(one) for one in Reference(*case).averages(ahead, n)]
        np.testing.assert_allclose([float(one[0]) for one in found], wanted, rtol=1e-9, atol=1e-290)

    @given(cases(most=40), log_uniform(0.1, 100), st.sampled_from([1e-4, 0.002, 0.1]))
    @example((10, 1.0, 1.0, 1.0, 1.0, 1, 40, 1.0, 1.0), math.e, 0.1)  # purchases that rise in steps
    @settings(max_examples=8)
    def test_discounted(self, case, ahead, force):
        """By parts, with the purchases up to each moment."""
        past = Past(*(np.array([float(value)]) for value in case[-3:]))
        process = ErlangProcess(*case[:-3])
        node, weight = np.polynomial.legendre.leggauss(200)
        grown = ahead * (0.5 * (node + 1.0)) ** 6  # purchases change most quickly at first
        each = weight * 3.0 * ahead * (0.5 * (node + 1.0)) ** 5 * np.exp(-force * grown)
        many = past.of_rows(np.zeros(200, dtype=int))
        wanted = np.exp(-force * ahead) * process.purchases(past, np.array([ahead]))[0]
        wanted += force * (each * process.purchases(many, grown)).sum()
        assert process.discounted(past, np.array([ahead]), force)[0] == pytest.approx(wanted, rel=1e-8)

    @given(cases(most=40), st.sampled_from([1e-4, 0.002, 0.1]))
    @settings(max_examples=8)
    def test_discounted_for_life(self, case, force):
        """For life is up to a moment that no purchase beyond matters; that is found by parts, in another way."""
        past = Past(*(np.array([float(value)]) for value in case[-3:]))
        process = ErlangProcess(*case[:-3])
        found, nearly = (process.discounted(past, np.array([ahead]), force)[0] for ahead in (np.inf, 44.9 / force))
        assert found == pytest.approx(nearly, rel=1e-8)

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("case", "force"),
        [
            ((1, 0.243, 4.414, 0.793, 2.426, 0, 2, 30.43, 38.86), 0.002),
            ((2, 0.01, 5000.0, 0.01, 0.02, 0, 0, 0.0, 0.5), 1e-5),
            ((9, 0.0114, 0.3023, 15.34, 0.0403, 0, 5, 0.0622, 1.332), 0.00925),
            ((12, 11.4, 5.85, 0.457, 0.449, 1, 300, 1950.0, 2000.0), 0.2),
        ],
    )
    def test_discounted_for_life_at_many_digits(self, case, force):
        """Sum over m of E[(1 - p)^(m - 1) q^(m k - j)]; over p that is a hypergeometric function of q^k."""
        k, *_, x, t_x, age = case
        past = Past(*(np.array([float(value)]) for value in (x, t_x, age)))
        found = ErlangProcess(*case[:-3]).discounted(past, np.array([np.inf]), force)[0]
        with mp.workdps(20):
            r, alpha, a, b = (mp.mpf(value) for value in case[1:5])
            shape, kappa, left = r + k * x, force * (alpha + age), b + x + case[5]
            part = (mp.mpf(age) - t_x) / (alpha + age)
            chances = [mp.rf(shape, j) / mp.factorial(j) * part**j for j in range(k)]

            def worth(log_rate):
                rate = mp.exp(log_rate)
                q = rate / (rate + kappa)
                of_p = mp.hyp2f1(1, left, a + left, q**k)
                densities = (mp.exp((shape + j) * log_rate - rate - mp.loggamma(shape + j)) for j in range(k))
                each = (
                    chance * one * q ** (k - j) for j, (chance, one) in enumerate(zip(chances, densities, strict=True))
                )
                return of_p * sum(each) / sum(chances)

            spread = 12 / mp.sqrt(shape + k)
            low = min(mp.log(shape), mp.log(kappa)) - 50 if shape < 1 else mp.log(shape) - spread - 40 / shape
            wanted = mp.quad(worth, mp.linspace(low, mp.log(shape + k) + spread, 30))
        assert found == pytest.approx(float(wanted), rel=1e-12)

    @pytest.mark.parametrize("r", [1e9, 1e11, 1e12, 1e14, 1e20, 1e50])
    def test_one_rate_for_all(self, r):
        """As r grows, all customers buy at the rate r / alpha: q^k / (1 - (1 - p) q^k), averaged over p alone."""
        k, a, b, rate = 2, mp.mpf("0.8"), mp.mpf("2.4"), mp.mpf("0.25")
        worth = (rate / (rate + mp.log("1.001"))) ** k

        def average(left):
            def weighted(p):
                return p ** (a - 1) * (1 - p) ** (left - 1) / mp.beta(a, left) * worth / (1 - (1 - p) * worth)

            return mp.quad(weighted, [0, 1e-4, 1e-2, 1])

        for model, expected in ((BgCnbd, average(b)), (MbgCnbd, b / (a + b) * average(b + 1))):
            found = model(r, 4 * r, 0.8, 2.4, "week", k=k).discounted_expected_purchases_new(discount_rate=0.001)
            np.testing.assert_allclose(found, float(expected), rtol=1e-8)  # r is not infinite

    def test_few_and_many_events_meet(self):
        """Sums over events, and integrals over the chance to be lost, on both sides of the change of method."""
        process = ErlangProcess(3, 0.9, 5.0, 0.8, 2.5, 1)
        past = Past(np.full(41, 6.0), np.full(41, 28.0), np.full(41, 35.0))
        ahead = np.linspace(30.0, 400.0, 41)
        for method in (process.survival, process.purchases):
            found = method(past, ahead)
            with mp.workdps(30):
                for place in (0, 7, 8, 9, 10, 11, 12, 36, 37, 38, 39, 40):
                    wanted = Reference(3, 0.9, 5.0, 0.8, 2.5, 1, 6, 28.0, 35.0).averages(ahead[place], 0)
                    assert found[place] == pytest.approx(float(wanted[method == process.purchases]), rel=1e-12)

    def test_many_events_of_one_who_buys_all_the_time(self):
        """A sum over events begins with the chance of none, exp(-735): a float below 1e-308 has few digits."""
        k, x, events = 5, 1e6, 734.9
        past = Past(np.array([x]), np.array([100.0]), np.array([100.0]))
        w = events / (0.7 + k * x)
        found = ErlangProcess(k, 0.7, 0.25, 0.8, 2.5, 0).purchases(past, np.array([100.25 * w]))
        n = np.arange(400.0)
        at_least = nbinom.sf(k * (n + 1.0) - 1.0, 0.7 + k * x, 1.0 / (1.0 + w))  # n + 1 attempts
        kept = np.cumprod(np.append(1.0, (2.5 + x + n) / (3.3 + x + n)))[:-1]
        assert found[0] == pytest.approx((at_least * kept).sum(), rel=1e-8)  # scipy's tails have about nine digits

    @pytest.mark.parametrize("w", [3.0, 6.0, 11.0])
    def test_sums_and_integrals_agree(self, monkeypatch, w):
        process = ErlangProcess(5, 1.3, 1.0, np.array([0.7]), np.array([1.5]), 1)
        asked = Past(np.array([2.0]), np.array([3.0]), np.array([4.0])), np.array([5 * w])
        by_sums = process.purchases(*asked), process.survival(*asked)
        monkeypatch.setattr(erlang, "_MOST_TERMS", 0.0)
        by_integrals = process.purchases(*asked), process.survival(*asked)
        np.testing.assert_allclose(by_integrals, by_sums, rtol=1e-12)

    @pytest.mark.parametrize("w", [0.02, 0.06, 0.2, 3.0])
    @pytest.mark.parametrize("power", [300.0, 2000.0])
    def test_purchases_given_p_where_some_roots_vanish(self, power, w):
        """Against the sum over attempts of the chance that they come and that all before were survived."""
        p, attempt = np.array([1e-9, 1e-3, 0.4, 0.9998]), np.arange(1, 1200)
        for j in (0, 5, 11):
            comes = nbinom.sf(12 * attempt - j - 1, power, 1 / (1 + w))
            expected = ((1 - p[:, np.newaxis]) ** (attempt - 1) * comes).sum(axis=1)
            found = erlang_roots.purchases_given(12, j, p, power, np.array([w]))
            np.testing.assert_allclose(found, expected, rtol=1e-11)

    def test_roots_that_vanish_are_no_work(self, monkeypatch):
        """All other roots of a customer with 200 purchases are below exp(-60); they took most of the time."""
        monkeypatch.setattr(erlang_roots, "_polar", None)
        comes = nbinom.sf(12 * np.arange(1, 900) - 1, 2400.0, 1 / 2)
        found = erlang_roots.purchases_given(12, 0, np.array([0.25]), 2400.0, np.array([1.0]))
        assert found[0] == pytest.approx((0.75 ** np.arange(899) * comes).sum(), rel=1e-12)

    @each_pair
    def test_one_step_is_at_random(self, regular, random, fit, fit_random, cdnow):
        found, wanted = fit(cdnow, k=1), fit_random(cdnow)
        np.testing.assert_allclose(found.estimates, wanted.estimates, rtol=1e-6)
        assert found.log_likelihood == pytest.approx(wanted.log_likelihood, rel=1e-12)
        one, other = regular(0.525, 6.183, 0.891, 1.614, "week", k=1), random(0.525, 6.183, 0.891, 1.614, "week")
        for method, options in (
            ("prob_alive", {}), ("prob_alive", {"at": 20}), ("expected_purchases", {"horizon": 39}),
            ("prob_purchases", {"n": 2, "horizon": 39}), ("log_likelihood", {}),
            ("discounted_expected_purchases", {"horizon": 52, "discount_rate": 0.002}),
            ("discounted_expected_purchases", {"discount_rate": 0.002}),
        ):  # fmt: skip
            same = getattr(one, method)(cdnow, **options), getattr(other, method)(cdnow, **options)
            np.testing.assert_allclose(*same, rtol=1e-9, err_msg=method)

    def test_futures(self):
        """Drawn and expected: purchases up to a moment, and who is still there."""
        history = history_of(4, 20.0, 24.0)
        process = ErlangProcess(3, 0.9, 5.0, 0.8, 2.5, 1)
        past = Past(history.frequency, history.recency, history.age)
        drawn = process.draw_future(past, np.zeros(200_000, dtype=np.int64), 30.0, np.random.default_rng(4))
        bought = drawn.n_before + drawn.one_more
        error = 4 * bought.std() / math.sqrt(len(bought))
        assert bought.mean() == pytest.approx(float(process.purchases(past, np.array([30.0]))[0]), abs=error)
        stays = (drawn.one_more == 0).mean()
        assert stays == pytest.approx(float(process.survival(past, np.array([30.0]))[0]), abs=0.005)

    def test_simulated_customers(self, many):
        """Customers of an age, drawn and expected: purchases, and those without any."""
        ages = np.full(100_000, 30.0)
        drawn = REGULAR.simulate(ages, rng=np.random.default_rng(3))
        error = 4 * drawn.frequency.std() / math.sqrt(len(ages))
        assert drawn.frequency.mean() == pytest.approx(float(REGULAR.expected_purchases_new(horizon=30.0)), abs=error)
        for n in (0, 1, 5):
            share = (drawn.frequency == n).mean()
            assert share == pytest.approx(float(REGULAR.prob_purchases_new(n, horizon=30.0)), abs=0.006)
        alive = REGULAR.prob_alive(many)
        assert ((alive >= 0) & (alive <= 1)).all()


class TestDiscounted:
    """Where a horizon leaves out nothing that counts, the sum up to it is that of the whole life, found otherwise."""

    @pytest.mark.parametrize(
        ("model", "discount_rate", "horizon"),
        [
            (BgCnbd(0.0813, 61.8, 0.001057, 318.0, "week", k=6), 0.898, 52),
            (BgCnbd(0.0026, 11.63, 0.00079, 8.726, "week", k=6), 0.0932, 500),
            (MbgCnbd(0.1066, 46.2, 57.25, 1.795, "week", k=7), 0.3227, 52),
            (BgCnbd(1.8768, 0.4554, 1.1327, 0.0357, "week", k=4), 0.938, 52),
        ],
    )
    def test_of_a_regular_customer_with_many_purchases(self, model, discount_rate, horizon):
        """They were up to 2e-11 apart, the shorter one above the longer one."""
        history = history_of(200, 79.0, 80.0)
        found = model.discounted_expected_purchases(history, discount_rate=discount_rate, horizon=horizon)
        np.testing.assert_allclose(
            found, model.discounted_expected_purchases(history, discount_rate=discount_rate), rtol=3e-13
        )

    @pytest.mark.parametrize(("k", "x"), [(1, 0.0), (2, 1.0), (3, 300.0), (6, 2.0)])
    @pytest.mark.parametrize("stay", [False, True])
    def test_customers_who_leave_in_their_own_ways_share_nodes(self, k, x, stay, monkeypatch):
        """Each alone is averaged over p at every moment: 1,000 of them took 5 to 33 seconds for life."""
        n = 30
        own, age = np.linspace(-1.0, 1.0, n), np.linspace(30.0, 50.0, n)
        process = ErlangProcess(
            k=k, r=1.3, alpha=3.0 * np.exp(-0.3 * own), a=0.4 * np.exp(own), b=0.8 * np.exp(-0.5 * own), early=1
        )
        past = Past(np.full(n, x), 0.9 * age * (x > 0), age)
        moment, weight = np.array([0.01, 30.0, 400.0, 9_000.0]), np.array([0.2, 0.4, 0.3, 0.1])
        few = np.array([0, 29])
        alone = ContinuousProcess.at_moments(process.of_rows(few), past.of_rows(few), moment, weight, stay=stay)
        monkeypatch.setattr(ErlangProcess, "_one_by_one", None)
        found = process.at_moments(past, moment, weight, stay=stay)
        np.testing.assert_allclose(found[few], alone, rtol=3e-13)


class TestLikelihood:
    @pytest.mark.parametrize("early", [0, 1])
    @pytest.mark.parametrize("k", [1, 2, 5])
    def test_derivatives(self, many, k, early):
        few = many.unique()
        likelihood = Likelihood(few, k, early)
        theta = np.log([0.9, 0.3, 0.7, 2.5])
        at = likelihood(theta)
        for i in range(4):
            step = np.eye(4)[i] * 1e-5
            up, down = likelihood(theta + step), likelihood(theta - step)
            assert at.gradient[i] == pytest.approx((up.value - down.value) / 2e-5, rel=1e-5, abs=1e-3)
            np.testing.assert_allclose(at.hessian[i], (up.gradient - down.gradient) / 2e-5, rtol=1e-5, atol=1e-2)
        r, alpha, a, b = np.exp(theta)
        rows = (few.frequency, few.recency, few.age)
        ones = np.ones(len(few.age))
        each = log_likelihood_derivatives(*rows, r, alpha * likelihood.ruler * ones, a * ones, b * ones, k, early)
        assert (each.value * few.weight).sum() == pytest.approx(at.value, rel=1e-11)
        np.testing.assert_allclose(each.gradient @ few.weight, at.gradient, rtol=1e-8, atol=1e-6)
        np.testing.assert_allclose(each.hessian @ few.weight, at.hessian, rtol=1e-8, atol=1e-5)
        process = ErlangProcess(k, r, alpha * likelihood.ruler, a, b, early)
        assert (process.log_likelihood(*rows) * few.weight).sum() == pytest.approx(at.value, rel=1e-11)

    def test_cdnow(self, cdnow):
        """Estimates as published for two and three steps; at random is likeliest there."""
        np.testing.assert_allclose(fit_mbg_cnbd(cdnow, k=2).estimates, [0.580, 2.288, 1.135, 1.585], atol=6e-4)
        np.testing.assert_allclose(fit_mbg_cnbd(cdnow, k=3).estimates, [0.533, 1.258, 1.289, 1.845], atol=6e-4)
        log = load_cdnow()
        found = fit_mbg_cnbd(cdnow, regularity=estimate_regularity(log.customer, log.date, as_of=FIRST_HALF))
        assert found.model.k == 1
        assert "-9,582.14 for k = 1" in found.comparison

    def test_recovery(self, many):
        found = fit_mbg_cnbd(many, k=2)
        known = np.log([1.3, 2.8, 0.6, 1.5])
        errors = np.sqrt(np.diag(found.search_covariance))
        assert (np.abs(np.log(found.estimates) - known) < 4 * errors).all()
        assert found.diagnosis.grade == "good"
        assert found.log_likelihood == pytest.approx(float(found.model.log_likelihood(many).sum()), rel=1e-10)
        assert Fit.from_json(found.to_json()) == found

    @pytest.mark.slow
    def test_intervals_of_parameters_hold_the_truth(self):
        inside = np.zeros(4)
        for seed in range(200):
            rng = np.random.default_rng(seed)
            found = fit_mbg_cnbd(REGULAR.simulate(rng.uniform(27, 39, 2000), rng=rng), k=2)
            away = np.log(found.estimates) - np.log([1.3, 2.8, 0.6, 1.5])
            inside += np.abs(away) < 1.96 * np.sqrt(np.diag(found.search_covariance))
        assert ((inside >= 184) & (inside <= 196)).all()

    def test_covariates(self):
        rng = np.random.default_rng(8)
        member = rng.integers(0, 2, 6000).astype(float)
        quick = MbgCnbd(1.3, 2.8 / 1.8, 0.6, 1.5, "week", k=2)
        slow = REGULAR.simulate(np.full(6000, 36.0), rng=rng)
        fast = quick.simulate(np.full(6000, 36.0), rng=rng)
        x, t_x = (
            np.where(member, one, other)
            for one, other in ((fast.frequency, slow.frequency), (fast.recency, slow.recency))
        )
        history = PurchaseHistory.from_columns(frequency=x, recency=t_x, age=slow.age, time_unit="week")
        known = history.with_covariates({"member": member})
        found = fit_mbg_cnbd(known, k=2, purchase_covariates=["member"])
        assert found.log_likelihood == pytest.approx(found.model.log_likelihood(known).sum(), rel=1e-9)
        effect = found.model.purchase_effects[0]
        assert effect.coefficient / effect.scale == pytest.approx(math.log(1.8), abs=0.12)
        assert found.model.k == 2

    def test_values_with_intervals(self):
        log = load_cdnow()
        history = summarise_purchases(log.customer, log.date, log.amount, as_of=FIRST_HALF)
        fits = fit_mbg_cnbd(history, k=2), fit_gamma_gamma(history, zeros="drop")
        options = {"horizon": 39.0, "margin": 0.3, "discount_rate": 0.002}
        found = customer_values(history, *fits, **options, level=0.9, rng=np.random.default_rng(1))
        assert ((found.intervals.clv_low <= found.clv) & (found.clv <= found.intervals.clv_high)).mean() > 0.99
        assert found.intervals.total.low < found.clv.sum() < found.intervals.total.high
        alone = customer_values(history, fits[0].model, GammaGamma(6.25, 3.74, 15.44), **options)
        assert np.isfinite(alone.clv).all()


class TestRegularity:
    def test_shape_of_known_times(self):
        """Gamma times of a known shape, of customers of many paces."""
        rng = np.random.default_rng(5)
        who = np.repeat(np.arange(3000), 9)
        gap = rng.gamma(2.5, 1.0, (3000, 9)) * np.exp(rng.normal(3.0, 0.5, 3000))[:, np.newaxis]
        day = np.datetime64("2020-01-01") + np.round(np.cumsum(gap, axis=1)).astype(int).ravel()
        found = estimate_regularity(who, day)
        assert found.shape == pytest.approx(2.5, abs=4 * found.standard_error + 0.03)  # days are rounded
        assert (found.n_customers, found.n_intervals) == (
            3000,
            len(np.unique(np.stack([who, day.astype(int)]), axis=1)[0]) - 3000,
        )
        assert Regularity.from_json(found.to_json()) == found

    def test_greatest_conditional_likelihood(self):
        """Of each customer's times given their sum, by going through all compositions: no other shape is likelier."""
        dates = ["2024-01-01", "2024-01-08", "2024-01-22", "2024-01-27", "2024-01-01", "2024-01-03", "2024-01-09"]
        found = estimate_regularity(["ann"] * 4 + ["bob"] * 3, dates, time_unit="day")
        assert found.sum_log_intervals == pytest.approx(math.log(7 * 14 * 5 * 2 * 6))

        def weight(days, shape):
            return math.prod(((day + 0.5) ** shape - (day - 0.5) ** shape) / shape for day in days)

        def likelihood(shape):
            ann = sum(weight((i, j, 26 - i - j), shape) for i in range(1, 25) for j in range(1, 26 - i))
            bob = sum(weight((i, 8 - i), shape) for i in range(1, 8))
            return math.log(weight((7, 14, 5), shape) / ann) + math.log(weight((2, 6), shape) / bob)

        best = likelihood(found.shape)
        assert best > max(likelihood(found.shape * 1.001), likelihood(found.shape / 1.001))
        h = 0.01 * found.shape
        information = (2 * best - likelihood(found.shape + h) - likelihood(found.shape - h)) / h**2
        assert found.standard_error == pytest.approx(information**-0.5, rel=1e-3)

    def test_one_lapsed_daily_buyer_does_not_speak_for_the_base(self):
        """Beside 200 random buyers, 500 daily purchases moved the shape from 1.1 to 1.8; by 20 times they cannot."""
        rng = np.random.default_rng(1)
        who = np.repeat(np.arange(200), rng.poisson(rng.gamma(0.5, 12.0, 200)) + 1)
        when = np.datetime64("2022-01-01") + rng.integers(0, 1230, len(who))
        daily = np.datetime64("2022-01-01") + np.arange(500)
        plain = estimate_regularity(who, when)
        found = estimate_regularity(np.append(who, np.full(500, 200)), np.append(when, daily))
        assert found.n_intervals == plain.n_intervals + 499
        assert abs(found.shape - plain.shape) < plain.standard_error
        assert found.standard_error == pytest.approx(plain.standard_error, rel=0.05)

    @pytest.mark.slow
    def test_the_standard_error_is_that_of_customers_with_many_times(self):
        """The spread of the shape over 200 logs of 60 customers, of whom a third have 80 times each."""
        found = []
        for seed in range(200):
            rng = np.random.default_rng(seed)
            number = np.repeat([81, 5, 9], 20)
            gap = np.ceil(1000 * rng.gamma(1.5, 1.0, number.sum())).astype(int)
            who = np.repeat(np.arange(60), number)
            day = np.cumsum(gap)
            found.append(estimate_regularity(who, np.datetime64("0001-01-01") + day // 10, time_unit="year"))
        errors = [one.standard_error for one in found]
        assert np.std([one.shape for one in found]) == pytest.approx(np.mean(errors), rel=0.15)  # 200 runs: 5 %
        assert np.mean([one.shape for one in found]) == pytest.approx(1.5, abs=0.05)

    def estimate(self, shape, mean, seed, n_customers=3000, number=7, **options):
        """Estimate from gamma times of customers with different paces, whose purchases a log has as whole days."""
        rng = np.random.default_rng(seed)
        pace = mean * rng.gamma(4.0, 0.25, (n_customers, 1))
        time = np.cumsum(rng.gamma(shape, 1.0 / shape, (n_customers, number + 20)) * pace, axis=1)[:, 20:]
        day = np.datetime64("1970-01-01") + np.floor(time).astype(int).ravel()
        return estimate_regularity(np.repeat(np.arange(n_customers), number), day, as_of=day.max(), **options)

    @pytest.mark.parametrize(("shape", "mean"), [(1, 3), (1, 14), (2, 7), (3, 7), (8, 14)])
    def test_whole_days_do_not_make_customers_look_regular(self, shape, mean):
        """If the days were taken for continuous times, the first two would be 1.9 and 1.2."""
        assert self.estimate(shape, mean, seed=mean).shape == pytest.approx(shape, rel=0.04)

    def test_nor_do_whole_weeks(self):
        found = self.estimate(1, 28, seed=1, grain="week", time_unit="week")
        assert found.shape == pytest.approx(1, abs=0.06)

    @pytest.mark.slow
    @pytest.mark.parametrize("number", [3, 7, 21])
    @pytest.mark.parametrize("mean", [7, 14, 60])
    @pytest.mark.parametrize("shape", [1, 2, 3, 8])
    def test_shapes_are_right_from_a_week_on(self, shape, mean, number):
        """As documented, and two standard errors for the simulation."""
        found = self.estimate(shape, mean, seed=7, n_customers=100000 // number, number=number)
        assert abs(found.shape - shape) < 0.03 * shape + 2 * found.standard_error
        assert found.standard_error < 0.015 * shape

    @pytest.mark.slow
    @pytest.mark.parametrize("number", [3, 7, 21])
    @pytest.mark.parametrize(
        ("shape", "low", "high"), [(0.5, 0.41, 0.47), (1, 1, 1), (2, 2.0, 2.1), (3, 3.0, 3.2), (8, 7.6, 8.3)]
    )
    def test_shapes_at_three_days(self, shape, low, high, number):
        """As documented."""
        found = self.estimate(shape, 3, seed=7, n_customers=60000 // number, number=number)
        error = 2 * found.standard_error
        assert low - error < found.shape < high + error

    def test_like_a_clock_and_too_little(self):
        weekly = np.arange("2024-01-01", "2024-03-01", 7, dtype="datetime64[D]")
        assert estimate_regularity(["a"] * len(weekly), weekly).shape == math.inf
        daily = np.arange("2024-01-01", "2024-03-01", dtype="datetime64[D]")
        assert math.isnan(estimate_regularity(["a"] * len(daily), daily).shape)  # whole days leave no other times
        assert math.isnan(estimate_regularity(["a"] * 3, weekly[:3]).shape)
        once = estimate_regularity(["a", "b", "b"], ["2024-01-01", "2024-01-01", "2024-01-05"])
        assert math.isnan(once.shape)
        assert (once.n_customers, once.n_intervals) == (0, 1)
        assert Regularity.from_json(once.to_json()) == once

    def test_few_random_buyers_do_not_buy_like_a_clock(self):
        """Of 300 groups of ten customers with three purchases at random, 134 were as good as equal in whole weeks."""
        rng = np.random.default_rng(3)
        who = np.repeat(np.arange(10), 3)
        found = []
        for _ in range(100):
            day = np.cumsum(rng.exponential(7.0, (10, 3)), axis=1).ravel().astype(int)
            date = np.datetime64("2020-01-01") + day
            found.append(estimate_regularity(who, date, as_of=date.max(), grain="week").shape)
        assert np.isinf(found).mean() <= 0.05


class TestWordsOfTheChoice:
    """The words on k claim no more than the log shows."""

    def fit(self, customer, date):
        history = summarise_purchases(customer, date, as_of="2024-06-30")
        return fit_mbg_cnbd(history, regularity=estimate_regularity(customer, date, as_of="2024-06-30"))

    def test_nobody_purchased_again(self):
        found = self.fit([1, 2, 3], ["2024-01-01", "2024-01-08", "2024-01-15"])
        assert found.model.k == 1
        assert found.comparison == "k = 1, because nobody purchased again: the log says nothing of regularity"

    def test_the_largest_k_that_is_tried(self):
        days = np.tile(np.datetime64("2024-01-01") + 7 * np.arange(6), 8)
        found = self.fit(np.repeat(np.arange(8), 6), days)
        assert found.comparison.startswith("k = 6 is likeliest, the largest that is tried: give `k` for more;")
        assert "Whole days" not in found.comparison

    @pytest.mark.parametrize(("mean", "k", "coarse"), [(3, 2, True), (12, 1, False)])
    def test_days_too_coarse_for_purchases_at_random(self, mean, k, coarse):
        """Each day with the same chance, so the days between purchases are geometric: nothing regular about them."""
        bought = np.random.default_rng(mean).random((200, 180)) < 1 / mean
        customer, day = np.nonzero(bought)
        found = self.fit(customer, np.datetime64("2024-01-01") + day)
        assert found.model.k == k
        assert ("would give k = 2 too" in found.comparison) == coarse
        assert ("of `regularity` allows for whole days" in found.comparison) == coarse

    @pytest.mark.parametrize("time_unit", ["week", "day"])
    def test_weeks_too_coarse_for_purchases_at_random(self, time_unit):
        """Each week with the same chance; a mean of 3 weeks is 21 days, for which days would be fine enough."""
        customer, week = np.nonzero(np.random.default_rng(3).random((200, 100)) < 1 / 3)
        log = (customer, np.datetime64("2022-01-03") + 7 * week)
        as_told = {"as_of": "2023-12-03", "grain": "week", "time_unit": time_unit}
        found = fit_mbg_cnbd(summarise_purchases(*log, **as_told), regularity=estimate_regularity(*log, **as_told))
        assert found.model.k == 2
        mean = np.diff(week)[np.diff(customer) == 0].mean()
        assert f"Whole weeks are coarse beside a mean of {mean:.1f} weeks" in found.comparison

    def test_long_times_need_no_work(self):
        """A mean of 1e12 days, of which 40 times as many would not fit into memory."""
        assert _steps_of_random_days(1e12) == _steps_of_random_days(99.0) == 1

    def test_regular_purchases_of_few_days_are_not_put_in_doubt(self):
        """Every third day but for one day: more regular than purchases at random of any kind."""
        rng = np.random.default_rng(1)
        day = 4 * np.arange(40) + rng.integers(0, 2, (60, 40))
        found = self.fit(np.repeat(np.arange(60), 40), (np.datetime64("2024-01-01") + day).ravel())
        assert found.model.k > 2
        assert "Whole days" not in found.comparison

    @pytest.mark.parametrize("mean", [1.2, 1.8, 2.6, 5, 9, 30])
    def test_the_k_of_purchases_at_random_is_the_likeliest(self, mean):
        """The expected log density of times of k steps, under days that are geometric, in many digits."""
        p = 1 / mp.mpf(mean)
        of_log = sum(p * (1 - p) ** (day - 1) * mp.log(day) for day in range(1, int(60 * mean)))
        value = [k * mp.log(k / mp.mpf(mean)) + (k - 1) * of_log - k - mp.loggamma(k) for k in range(1, 7)]
        assert _steps_of_random_days(mean) == 1 + value.index(max(value))


class TestRefusals:
    @pytest.mark.parametrize(
        ("name", "options"),
        [
            ("k", {}), ("k", {"k": 0}), ("k", {"k": 13}), ("k", {"k": 2.5}), ("regularity", {"regularity": 2}),
            ("starts", {"k": 2, "starts": [MbgCnbd(1.0, 1.0, 1.0, 1.0, "week", k=3)]}),
            ("starts", {"k": 2, "starts": [MbgNbd(1.0, 1.0, 1.0, 1.0, "week")]}),
        ],
    )  # fmt: skip
    def test_arguments(self, cdnow, name, options):
        with pytest.raises(InputError) as caught:
            fit_mbg_cnbd(cdnow, **options)
        assert caught.value.name == name

    def test_regularity_of_another_log(self, cdnow):
        log = load_cdnow()
        whole = estimate_regularity(log.customer, log.date)
        days = estimate_regularity(log.customer, log.date, as_of=FIRST_HALF, time_unit="day")
        right = estimate_regularity(log.customer, log.date, as_of=FIRST_HALF)
        for options in (
            {"regularity": whole}, {"regularity": days}, {"regularity": right, "k": 2},
            {"regularity": right, "starts": [REGULAR]},
        ):  # fmt: skip
            with pytest.raises(InputError):
                fit_mbg_cnbd(cdnow, **options)

    def test_nobody_and_one(self):
        one = history_of(3, 20.0, 30.0)
        found = fit_mbg_cnbd(one, k=2)
        assert found.diagnosis.messages
        none = history_of(0, 0.0, 30.0)
        assert fit_bg_cnbd(none, k=3).diagnosis.messages
