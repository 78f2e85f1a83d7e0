"""What must hold for BG/NBD and MBG/NBD alike: their definition over the whole domain, properties, and fits."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import mpmath as mp
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import tests.models.references as reference
from crmvalue._models.repeat.beta_geometric import BetaGeometric
from crmvalue._models.repeat.beta_geometric_fit import Likelihood
from crmvalue._models.shared.process import Past
from crmvalue.datasets import load_cdnow
from crmvalue.errors import InputError
from crmvalue.models import BgNbd, MbgNbd, fit_bg_nbd, fit_mbg_nbd
from crmvalue.purchases import PurchaseHistory, split_purchases


class Case(NamedTuple):
    """One of the two models, with the tosses before its first repeat purchase."""

    kind: Any
    fit: Any
    early: int
    model: BgNbd | MbgNbd


each_model = pytest.mark.parametrize(
    "case",
    [
        pytest.param(Case(BgNbd, fit_bg_nbd, 0, BgNbd(0.243, 4.414, 0.793, 2.426, "week")), id="BgNbd"),
        pytest.param(Case(MbgNbd, fit_mbg_nbd, 1, MbgNbd(0.525, 6.183, 0.891, 1.614, "week")), id="MbgNbd"),
    ],
)


def log_uniform(low, high):
    return st.floats(math.log(low), math.log(high)).map(math.exp)


shapes = st.one_of(log_uniform(0.01, 50), st.sampled_from([1.0, 1 + 1e-9, 1 - 1e-9, 0.01, 50.0]))
parameters = st.tuples(log_uniform(0.01, 20), log_uniform(0.01, 1e4), shapes, shapes)
horizons = log_uniform(1e-3, 1e4)


@st.composite
def customers(draw, most=5000):
    """Draw x, t_x and T; x = 0 and t_x = T come often."""
    x = draw(st.one_of(st.sampled_from([0, 1, 2, most]), log_uniform(1, most).map(int)))
    age = draw(log_uniform(0.1, 5000))
    return x, (age * draw(st.one_of(st.just(1.0), st.floats(1e-6, 1))) if x else 0.0), age


def history_of(*rows):
    x, t_x, age = np.array(rows, dtype=float).T
    return PurchaseHistory.from_columns(frequency=x, recency=t_x, age=age, time_unit="week")


def close(found, expected, rel):
    return abs(mp.mpf(float(found)) - expected) <= rel * abs(expected) + mp.mpf("1e-297")


@pytest.fixture(scope="module")
def cdnow():
    log = load_cdnow()
    return split_purchases(log.customer, log.date, calibration_end="1997-09-30")


def check_expected_purchases(case, values, row, horizon):
    found = case.kind(*values, "week").expected_purchases(history_of(row), horizon=horizon)[0]
    assert close(found, reference.expected_mp(*values, *row, horizon, early=case.early), 1e-8)


@each_model
class TestExactness:
    """Equal to references with 50 digits over the whole domain."""

    @pytest.mark.parametrize(("digits", "rel"), [(10, 1e-9), pytest.param(25, 1e-12, marks=pytest.mark.slow)])
    def test_the_reference_is_the_integral_over_both_distributions(self, case, digits, rel):
        """The double integrals take mpmath long at 25 digits, so the default run is content with 10."""
        point = (0.6, 4.0, 0.8, 2.5, 2, 12.0, 20.0)
        by_hand = mp.log(reference.likelihood_by_integration(*point, early=case.early, digits=digits))
        assert close(reference.log_likelihood_mp(*point, early=case.early), by_hand, rel)
        expected = reference.expected_by_integration(*point, 30.0, early=case.early, digits=digits)
        assert close(reference.expected_mp(*point, 30.0, early=case.early), expected, rel)

    @given(parameters, customers())
    @example((0.34, 1780.0, 32.75, 7.89), (5000, 3.9244388344683423, 3.924438838392781))
    def test_log_likelihood(self, case, values, row):
        found = case.kind(*values, "week").log_likelihood(history_of(row))[0]
        expected = reference.log_likelihood_mp(*values, *row, early=case.early)
        assert abs(found - expected) <= 1e-9 * max(1, abs(expected))

    @given(parameters, customers(), st.one_of(st.just(0.0), horizons))
    @example((0.0592, 4007.6, 5.6, 15.5), (1433, 44.4, 44.4), 2655.7)
    def test_prob_alive(self, case, values, row, at):
        found = case.kind(*values, "week").prob_alive(history_of(row), at=at)[0]
        assert close(found, reference.prob_alive_mp(*values, *row, at, early=case.early), 1e-8)

    @pytest.mark.parametrize(
        ("values", "row", "horizon"),
        [
            ((0.01, 0.01, 0.01, 0.01), (5000, 5000.0, 5000.0), 1e4),
            ((0.01, 0.01, 50.0, 0.01), (0, 0.0, 0.01), 1e4),
            ((20.0, 1e4, 1.0, 50.0), (5000, 5000.0, 5000.0), 1e-3),
            ((0.6, 4.0, 0.8, 2.5), (2, 12.0, 20.0), 30.0),
        ],
    )
    def test_expected_purchases_at_the_ends(self, case, values, row, horizon):
        check_expected_purchases(case, values, row, horizon)

    @pytest.mark.slow
    @given(parameters, customers(), horizons)
    def test_expected_purchases(self, case, values, row, horizon):
        """The normal run searches for the mean of all probabilities instead, see `TestProperties`."""
        check_expected_purchases(case, values, row, horizon)

    @given(parameters, customers(), st.one_of(st.integers(0, 5), st.integers(0, 1000)), horizons)
    def test_prob_purchases(self, case, values, row, n, horizon):
        found = case.kind(*values, "week").prob_purchases(history_of(row), n, horizon=horizon)[0]
        assert close(found, reference.prob_purchases_mp(*values, *row, n, horizon, early=case.early), 1e-8)

    @pytest.mark.slow
    @settings(max_examples=10)
    @given(parameters, customers(most=50), log_uniform(1e-5, 1), st.one_of(st.none(), horizons))
    def test_discounted_expected_purchases(self, case, values, row, rate, horizon):
        model = case.kind(*values, "week")
        found = model.discounted_expected_purchases(history_of(row), discount_rate=rate, horizon=horizon)[0]
        assert close(found, reference.discounted_mp(*values, *row, rate, horizon, early=case.early), 1e-8)

    @given(parameters, customers())
    def test_numbers_far_outside_the_domain_stay_numbers(self, case, values, row):
        for model in (
            case.kind(*values, "week"),
            case.kind(1e-100, 1e100, 1e-100, 1e100, "week"),
            case.kind(1e8, 1e-8, 1e8, 1e-8, "week"),
        ):
            for horizon in (0.0, 1e-100, 1e100):
                found = model.expected_purchases(history_of(row), horizon=horizon)
                assert np.isfinite(found).all()
                assert (found >= 0).all()
                assert 0 <= model.prob_alive(history_of(row), at=horizon)[0] <= 1


@each_model
class TestProperties:
    """What holds for any parameters."""

    @given(parameters, customers(most=50))
    def test_probabilities_sum_to_one_and_their_mean_is_the_expectation(self, case, values, row):
        model = case.kind(*values, "week")
        horizon = 2.0 * (values[1] + row[2]) / (values[0] + row[0])
        n = np.arange(3000 + int(40 * (1 + 2.0 / (values[0] + row[0]))))  # beyond it the tail is below exp(-40)
        prob = model.prob_purchases(history_of(*[row] * len(n)), n, horizon=horizon)
        expected = model.expected_purchases(history_of(row), horizon=horizon)[0]
        assert prob.sum() == pytest.approx(1, rel=1e-9)
        assert (prob * n).sum() == pytest.approx(expected, rel=1e-8)
        new = model.prob_purchases_new(n, horizon=horizon)
        assert new.sum() <= 1 + 1e-9

    @given(parameters, customers(most=300), horizons, horizons)
    def test_horizons_and_no_discount(self, case, values, row, first, second):
        """More time, more purchases and fewer alive; without a discount the sum is the expectation."""
        model = case.kind(*values, "week")
        history = history_of(row)
        whole = model.expected_purchases(history, horizon=first + second)[0]
        part = model.expected_purchases(history, horizon=first)[0]
        assert part <= whole * (1 + 1e-12)
        rate = model.discounted_expected_purchases(history, discount_rate=0, horizon=first + second)[0]
        assert rate == pytest.approx(whole, rel=1e-8, abs=1e-290)
        later = model.prob_alive(history, at=first + second)[0]
        assert later <= model.prob_alive(history, at=first)[0] * (1 + 1e-12)

    @pytest.mark.parametrize("row", [(0, 0.0, 30.0), (2, 20.0, 30.0), (9, 30.0, 30.0)])
    def test_tower_over_two_horizons(self, case, row):
        """Purchases after s are those of the customers as they are simulated to be at s."""
        x, t_x, age = row
        whole, part = (case.model.expected_purchases(history_of(row), horizon=h)[0] for h in (50.0, 20.0))
        alive = case.model.prob_alive(history_of(row))[0]
        left = x + case.early + case.model.b
        rng = np.random.default_rng(4)
        n = 200_000
        rate = rng.gamma(case.model.r + x, 1 / (case.model.alpha + age), n)
        p = rng.beta(case.model.a, left, n)
        attempts = rng.poisson(rate * 20.0)
        tosses = np.maximum(np.ceil(rng.standard_exponential(n) / -np.log1p(-np.minimum(p, 1 - 1e-16))), 1)
        count = np.minimum(attempts, tosses)
        last = np.zeros(n)
        bought = count > 0
        last[bought] = 20.0 * rng.beta(count[bought], attempts[bought] - count[bought] + 1)
        recency = np.where(bought, age + last, t_x)
        then = PurchaseHistory.from_columns(
            frequency=x + count, recency=recency, age=np.full(n, age + 20.0), time_unit="week"
        )
        # Who is alive at the start may still be taken for lost later, and the other way round: the average is the same.
        later = case.model.expected_purchases(then, horizon=30.0)
        asleep = case.model.expected_purchases(history_of((x, t_x, age + 20.0)), horizon=30.0)[0]
        found = alive * later + (1 - alive) * asleep
        error = found.std() / math.sqrt(n)
        assert part + found.mean() == pytest.approx(whole, abs=4.5 * error)

    @given(parameters, customers(), st.floats(0.01, 100))
    def test_time_rescaling_changes_alpha_alone(self, case, values, row, scale):
        r, alpha, a, b = values
        model, scaled = case.kind(r, alpha, a, b, "week"), case.kind(r, alpha * scale, a, b, "week")
        x, t_x, age = row
        history, longer = history_of(row), history_of((x, min(t_x * scale, age * scale), age * scale))
        found = scaled.expected_purchases(longer, horizon=10 * scale)
        np.testing.assert_allclose(found, model.expected_purchases(history, horizon=10), rtol=1e-8, atol=1e-290)
        log_likelihood = scaled.log_likelihood(longer) + x * math.log(scale)
        np.testing.assert_allclose(log_likelihood, model.log_likelihood(history), rtol=1e-8, atol=1e-7)

    def test_newcomers_are_customers_of_age_zero(self, case):
        new = history_of((0, 0, 0))
        for horizon in (0.0, 3.0, 1e4):
            found = case.model.expected_purchases_new(horizon=horizon)
            assert found == pytest.approx(case.model.expected_purchases(new, horizon=horizon)[0], rel=1e-12)
        for rate, horizon in ((0.001, None), (0.0, 52)):
            found = case.model.discounted_expected_purchases_new(discount_rate=rate, horizon=horizon)
            known = case.model.discounted_expected_purchases(new, discount_rate=rate, horizon=horizon)[0]
            assert found == pytest.approx(known, rel=1e-12)

    def test_shapes(self, case):
        assert case.model.expected_purchases_new(horizon=3).shape == ()
        assert case.model.expected_purchases_new(horizon=[[1, 2], [3, 4]]).shape == (2, 2)
        assert case.model.prob_purchases_new([[0], [1]], horizon=[1.0, 2.0, 3.0]).shape == (2, 3)
        assert case.model.prob_purchases_new([], horizon=3.0).shape == (0,)

    def test_each_customer_is_apart(self, case, cdnow):
        history = cdnow.calibration
        mixed = np.random.default_rng(1).permutation(len(history))[:200]
        some = history_of(
            *zip(*(column[mixed] for column in (history.frequency, history.recency, history.age)), strict=True)
        )
        horizon = np.linspace(0, 100, 200)
        together = case.model.expected_purchases(some, horizon=horizon)
        discounted = case.model.discounted_expected_purchases(some, discount_rate=0.01, horizon=horizon)
        for i in range(0, 200, 13):
            row = (some.frequency[i], some.recency[i], some.age[i])
            alone = case.model.expected_purchases(history_of(row), horizon=horizon[i])[0]
            assert together[i] == pytest.approx(alone, rel=1e-9)
            one = case.model.discounted_expected_purchases(history_of(row), discount_rate=0.01, horizon=horizon[i])
            assert discounted[i] == pytest.approx(one[0], rel=1e-9)

    def test_simulation_agrees(self, case):
        n = 200_000
        drawn = case.model.simulate(np.full(n, 30.0), rng=np.random.default_rng(3))
        error = drawn.frequency.std() / math.sqrt(n)
        assert drawn.frequency.mean() == pytest.approx(case.model.expected_purchases_new(horizon=30.0), abs=4 * error)
        for k in range(4):
            prob = case.model.prob_purchases_new(k, horizon=30.0)
            assert (drawn.frequency == k).mean() == pytest.approx(prob, abs=4 * math.sqrt(prob / n))
        fit = case.fit(history_of(*zip(drawn.frequency, drawn.recency, drawn.age, strict=True)))
        interval = fit.confidence_interval(0.9999)
        for name, value in zip(
            ("r", "alpha", "a", "b"), (case.model.r, case.model.alpha, case.model.a, case.model.b), strict=True
        ):
            assert interval[name].low < value < interval[name].high

    def test_json_round_trip(self, case):
        assert case.kind.from_json(case.model.to_json()) == case.model


@each_model
class TestFit:
    """Maximum likelihood, with what is known about it."""

    @given(parameters, st.lists(customers(most=3000), min_size=1, max_size=6), st.integers(0, 3))
    @settings(max_examples=15)
    def test_gradient_and_hessian(self, case, values, rows, i):
        """Against differences of the exact log-likelihood with 50 digits."""
        likelihood = Likelihood(history_of(*rows).unique(), case.early)
        scale = np.array([1.0, likelihood.ruler, 1.0, 1.0])
        theta = np.log(np.array(values) / scale)
        found = likelihood(theta)
        exact = np.exp(theta) * scale

        def height(step):
            with mp.workdps(50):
                moved = [mp.mpf(float(v)) for v in exact]
                moved[i] *= mp.exp(step)
                return sum(_exact(case.early, *moved, *row) for row in rows)

        with mp.workdps(50):
            h = mp.mpf(10) ** -12
            low, mid, high = height(-h), height(0), height(h)
            slope, bend = (high - low) / (2 * h), (high - 2 * mid + low) / h**2
        size = sum(row[0] + 1 for row in rows)
        assert found.value == pytest.approx(float(mid), rel=1e-9, abs=1e-9)
        assert found.gradient[i] == pytest.approx(float(slope), rel=1e-8, abs=1e-9 * size)
        assert found.hessian[i, i] == pytest.approx(float(bend), rel=1e-7, abs=1e-8 * size)
        other = likelihood(theta + 1e-6 * np.eye(4)[i]), likelihood(theta - 1e-6 * np.eye(4)[i])
        column = (other[0].gradient - other[1].gradient) / 2e-6
        limit = 1e-4 * (1 + np.abs(found.hessian).max()) + 1e-9 * size / 1e-6
        assert np.abs(found.hessian[i] - column).max() <= limit

    def test_the_order_of_customers_does_not_matter_and_calls_repeat(self, case, cdnow):
        history = cdnow.calibration
        order = np.random.default_rng(2).permutation(len(history))
        mixed = history_of(*zip(history.frequency[order], history.recency[order], history.age[order], strict=True))
        first = case.fit(history)
        assert (first.estimates == case.fit(history).estimates).all()
        assert (first.estimates == case.fit(mixed).estimates).all()
        total = first.model.log_likelihood(history).sum()
        assert first.log_likelihood == pytest.approx(total, rel=1e-12)

    def test_a_time_unit_changes_alpha_alone(self, case, cdnow):
        history = cdnow.calibration
        weeks = case.fit(history)
        days = case.fit(
            PurchaseHistory.from_columns(
                frequency=history.frequency, recency=history.recency * 7, age=history.age * 7, time_unit="day"
            ),
            priors={},
        )
        np.testing.assert_allclose(days.estimates, weeks.estimates * [1, 7, 1, 1], rtol=1e-5)

    def test_a_prior_pulls(self, case, cdnow):
        tight = case.fit(cdnow.calibration, priors={"alpha": (10.0, 1e-3)})
        assert tight.model.alpha == pytest.approx(10.0, rel=0.01)
        assert tight.priors["alpha"] == pytest.approx((10.0, 1e-3))

    @pytest.mark.parametrize(
        "rows",
        [
            pytest.param([(0, 0, 10), (0, 0, 12), (0, 0, 40)], id="all x = 0"),
            pytest.param([(0, 0, 10)], id="one customer, x = 0"),
            pytest.param([(3, 8, 10)], id="one customer"),
            pytest.param([(3, 8, 10)] * 20, id="all equal"),
            pytest.param([(0, 0, 0)] * 2, id="no time at all"),
            pytest.param([(3, 5, 5), (1, 5, 5), (4, 5, 5)], id="all just bought"),
            pytest.param([(1e9, 5, 5), (3, 4, 5)], id="a billion purchases"),
            pytest.param([(1, 1e-90, 1e-90), (0, 0, 1e-90)], id="tiny times"),
            pytest.param([(3, 1e90, 1e90), (1, 1e90, 2e90)], id="vast times"),
        ],
    )
    def test_what_cannot_be_fitted_says_so(self, case, rows):
        fit = case.fit(history_of(*rows))
        assert np.isfinite(fit.estimates).all()
        assert not fit.diagnosis.trustworthy
        assert "prior" in fit.diagnosis.messages[0]

    def test_a_prior_on_each_parameter_makes_any_base_fit(self, case):
        priors = dict.fromkeys(("r", "alpha", "a", "b"), (1.0, 1.0))
        assert case.fit(history_of((0, 0, 10), (2, 3, 10)), priors=priors).diagnosis.trustworthy

    def test_small_bases_get_an_answer_near_the_best(self, case):
        rng = np.random.default_rng(5)
        for _ in range(8):
            history = case.model.simulate(rng.uniform(27, 39, 100), rng=rng)
            fit = case.fit(history)
            starts = [case.kind(*np.exp(rng.normal(0, 2, 4)), "week") for _ in range(8)]
            assert fit.log_likelihood > case.fit(history, starts=starts).log_likelihood - 1e-3
            assert not fit.diagnosis.trustworthy or (fit.estimates < 1000).all()

    def test_heavy_buyers(self, case):
        rng = np.random.default_rng(6)
        true = case.kind(2, 0.5, 2, 20, "week")
        history = true.simulate(np.full(5_000, 2_000.0), rng=rng)
        assert history.frequency.max() > 1_000
        fit = case.fit(history)
        assert fit.diagnosis.trustworthy
        np.testing.assert_allclose(fit.estimates, [2, 0.5, 2, 20], rtol=0.3)


def _exact(early, r, alpha, a, b, x, t_x, age):
    """Log-likelihood of one customer for parameters with 50 digits."""
    tosses, t_x, age = x + early, mp.mpf(t_x), mp.mpf(age)
    common = mp.loggamma(r + x) - mp.loggamma(r) + r * mp.log(alpha) - mp.log(mp.beta(a, b))
    found = mp.beta(a, b + tosses) * (alpha + age) ** -(r + x)
    if tosses:
        found += mp.beta(a + 1, b + tosses - 1) * (alpha + t_x) ** -(r + x)
    return common + mp.log(found)


@each_model
class TestRefusals:
    """Wrong input is named."""

    @pytest.mark.parametrize(
        ("call", "name"),
        [
            (lambda case, _: case.kind(0, 1, 1, 1, "week"), "r"),
            (lambda case, _: case.kind(1, -1, 1, 1, "week"), "alpha"),
            (lambda case, _: case.kind(1, 1, math.nan, 1, "week"), "a"),
            (lambda case, _: case.kind(1, 1, 1, math.inf, "week"), "b"),
            (lambda case, _: case.kind(1, 1, 1, 1, "fortnight"), "time_unit"),
            (lambda case, h: case.kind(1, 1, 1, 1, "day").prob_alive(h), "history"),
            (lambda case, _: case.model.prob_alive([1, 2, 3]), "history"),
            (lambda case, h: case.model.prob_alive(h, at=-1), "at"),
            (lambda case, h: case.model.expected_purchases(h, horizon=-1), "horizon"),
            (lambda case, h: case.model.expected_purchases(h, horizon=[1, 2, 3]), "horizon"),
            (lambda case, _: case.model.expected_purchases_new(horizon=math.nan), "horizon"),
            (lambda case, h: case.model.prob_purchases(h, 1.5, horizon=1), "n"),
            (lambda case, h: case.model.prob_purchases(h, -1, horizon=1), "n"),
            (lambda case, _: case.model.prob_purchases_new([1, 2], horizon=[1, 2, 3]), "horizon"),
            (lambda case, h: case.model.discounted_expected_purchases(h, discount_rate=0), "discount_rate"),
            (
                lambda case, h: case.model.discounted_expected_purchases(h, discount_rate=-0.1, horizon=1),
                "discount_rate",
            ),
            (lambda case, _: case.model.discounted_expected_purchases_new(discount_rate=0.1, horizon=-1), "horizon"),
            (lambda case, _: case.model.simulate([1, -1], rng=np.random.default_rng(1)), "ages"),
            (lambda case, _: case.model.simulate([1e80], rng=np.random.default_rng(1)), "ages"),
            (lambda case, _: case.model.simulate([1], rng=7), "rng"),
            (lambda case, _: case.fit([1, 2]), "history"),
            (
                lambda case, _: case.fit(
                    PurchaseHistory.from_columns(frequency=[], recency=[], age=[], time_unit="week")
                ),
                "history",
            ),
            (lambda case, h: case.fit(h, priors={"beta": (1, 1)}), "priors"),
            (lambda case, h: case.fit(h, starts=[case.kind(1, 1, 1, 1, "day")]), "starts"),
            (lambda case, _: case.kind.from_json('{"kind": "Other"}'), "text"),
        ],
    )
    def test_rejections(self, case, call, name):
        with pytest.raises(InputError) as caught:
            call(case, history_of((0, 0, 5), (2, 3, 5)))
        assert caught.value.name == name


class TestManyRows:
    """Most of many rows comes from tables over alpha + T: a million distinct ones took over a minute for life."""

    @pytest.mark.parametrize("early", [0, 1])
    @pytest.mark.parametrize("ahead", [math.inf, 39.0])
    def test_are_what_they_are_alone(self, early, ahead, monkeypatch):
        process = BetaGeometric(r=0.243, alpha=4.414, a=0.793, b=2.426, early=early)
        age = np.linspace(20.0, 104.0, 17_000)
        past = Past(np.arange(17_000.0) % 3, np.zeros(17_000), age)
        sizes, block = [], BetaGeometric.discounted_block

        def counted(self, x, *rest):
            sizes.append(len(x))
            return block(self, x, *rest)

        few = np.array([0, 1, 5_000, 16_999])
        alone = process.discounted(past.of_rows(few), np.full(4, ahead), 0.002)
        monkeypatch.setattr(BetaGeometric, "discounted_block", counted)
        found = process.discounted(past, np.full(17_000, ahead), 0.002)
        assert sum(sizes) < 1_000
        np.testing.assert_allclose(found[few], alone, rtol=1e-13)

    def test_some_thousands_are_many(self, monkeypatch):
        """Of 16,383 distinct customers each was computed alone, in 3.5 seconds; 16,384 took 0.05."""
        process = BetaGeometric(r=0.243, alpha=4.414, a=0.793, b=2.426, early=1)
        past, ahead = Past(np.zeros(2_100), np.zeros(2_100), np.linspace(20.0, 104.0, 2_100)), np.full(2_100, 39.0)
        sizes, block = [], BetaGeometric.discounted_block

        def counted(self, x, *rest):
            sizes.append(len(x))
            return block(self, x, *rest)

        monkeypatch.setattr(BetaGeometric, "discounted_block", counted)
        process.discounted(past, ahead, 0.002)
        assert sum(sizes) < 1_000
