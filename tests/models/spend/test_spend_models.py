"""Models of the money of single purchases: lognormal, and heavy-tailed (GB2)."""

from __future__ import annotations

import attrs
import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from crmvalue._models.shared.process import Past
from crmvalue._models.shared.purchase_model import process_of
from crmvalue._models.spend.gb2_likelihood import Gb2Likelihood
from crmvalue._models.spend.lognormal import LogSums, _products_of, fit_log_sums
from crmvalue._models.spend.payments import payments_of
from crmvalue._models.spend.spend_fit import read_task
from crmvalue._models.values.outcomes import Known, Terms, draw_outcomes
from crmvalue.errors import DataWarning, InputError
from crmvalue.models import (
    CovariateEffect,
    GammaGamma,
    Gb2Spend,
    LognormalSpend,
    Nbd,
    compare_models,
    customer_values,
    draw_posterior,
    fit_gb2_spend,
    fit_lognormal_spend,
    fit_nbd,
)
from crmvalue.purchases import PurchaseAmounts, PurchaseHistory, split_purchases, summarise_purchases
from tests.models.spend.references import (
    gb2_density,
    gb2_mean,
    gb2_share_below,
    lognormal_density,
    lognormal_mean,
)

LOGNORMAL, HEAVY = LognormalSpend(3.0, 0.8, 0.5), Gb2Spend(2.1, 290.0, 0.8, 1.0)
MODELS = [pytest.param(LOGNORMAL, fit_lognormal_spend, id="lognormal"), pytest.param(HEAVY, fit_gb2_spend, id="gb2")]
FITS = [pytest.param(fit_lognormal_spend, id="lognormal"), pytest.param(fit_gb2_spend, id="gb2")]
levels = st.floats(-5, 12).filter(lambda mu: mu == 0 or abs(mu) >= 1e-100)  # what the model takes
amounts_of = st.lists(st.floats(-3, 6).map(lambda y: 10.0**y), min_size=1, max_size=6)
FALSE_ALARM = 1e-4


def history_of(*amounts, n_days=1, as_of="2024-12-31", **columns):
    """Give customers with these amounts, one purchase every `n_days` days from the first of January 2024."""
    n = np.array([len(own) for own in amounts])
    day = np.concatenate([np.arange(k) for k in n]) * n_days if len(n) else np.zeros(0, dtype=int)
    frequency = n - 1.0
    return PurchaseHistory(
        frequency=frequency,
        recency=frequency * n_days / 7,
        age=np.maximum(366, frequency * n_days) / 7,
        mean_repeat_spend=[np.mean(own[1:]) if len(own) > 1 else np.nan for own in amounts],
        time_unit="week",
        as_of=as_of,
        amounts=PurchaseAmounts(
            n_purchases=n,
            day=np.datetime64("2024-01-01") + day,
            amount=np.concatenate([np.array(own) for own in amounts]),
        ),
        **columns,
    )


def drawn(model, n, rng):
    """Draw customers of a model with these numbers of purchases."""
    amount = model.simulate(n, rng=rng)
    return history_of(*np.split(amount, np.cumsum(n)[:-1]))


def base(model, n_customers, seed):
    rng = np.random.default_rng(seed)
    return drawn(model, rng.integers(1, 8, n_customers), rng)


@pytest.fixture(scope="module")
def retail():
    """Give the split of two years of 300 customers who spend heavily."""
    rng = np.random.default_rng(8)
    n = 1 + rng.poisson(rng.gamma(1.5, 3.0, 300))
    amount = HEAVY.simulate(n, rng=rng)
    customer = np.repeat(np.arange(300), n)
    first = np.repeat(rng.integers(0, 300, 300), n)
    day = first + np.where(np.diff(customer, prepend=-1) > 0, 0, rng.integers(1, 430, len(customer)))
    date = np.datetime64("2022-01-01") + day
    return split_purchases(
        customer, date, amount, calibration_end="2023-06-30", holdout_end="2023-12-31", keep_amounts=True
    )


class TestLogLikelihood:
    """Density of all amounts of a customer: the integral over the level."""

    @pytest.mark.parametrize("amounts", [[20.0], [20.0, 41.0], [3.0, 800.0, 20.0, 20.0]])
    def test_equals_the_integral(self, amounts):
        """With fewer digits and points than the slow search below."""
        found = LOGNORMAL.log_likelihood(history_of(amounts))[0]
        assert found == pytest.approx(float(lognormal_density(3.0, 0.8, 0.5, amounts, 20)), rel=1e-11, abs=1e-11)
        found = HEAVY.log_likelihood(history_of(amounts))[0]
        assert found == pytest.approx(float(gb2_density(2.1, 290.0, 0.8, 1.0, amounts, 20)), rel=1e-11, abs=1e-11)

    @pytest.mark.slow
    @settings(deadline=None, max_examples=60)
    @given(levels, st.floats(0.05, 4), st.floats(0.05, 4), amounts_of)
    def test_lognormal_equals_the_integral_everywhere(self, mu, tau, sigma, amounts):
        model, history = LognormalSpend(mu, tau, sigma), history_of(amounts)
        exact = float(lognormal_density(mu, tau, sigma, amounts))
        assert model.log_likelihood(history)[0] == pytest.approx(exact, rel=1e-10, abs=1e-10)
        exact = float(lognormal_mean(mu, tau, sigma, amounts))
        assert model.expected_spend(history)[0] == pytest.approx(exact, rel=1e-10)

    @pytest.mark.slow
    @settings(deadline=None, max_examples=60)
    @given(
        st.floats(-0.7, 1).map(lambda y: 10.0**y),
        st.floats(-1, 4).map(lambda y: 10.0**y),
        st.floats(-0.7, 1.7).map(lambda y: 10.0**y),
        st.floats(-0.7, 1.7).map(lambda y: 10.0**y),
        amounts_of,
    )
    def test_gb2_equals_the_integral_everywhere(self, a, scale, p, q, amounts):
        model, history = Gb2Spend(a, scale, p, q), history_of(amounts)
        exact = float(gb2_density(a, scale, p, q, amounts))
        assert model.log_likelihood(history)[0] == pytest.approx(exact, rel=1e-10, abs=1e-9)
        if a * (q + len(amounts) * p) > 1.0 + 1e-6:
            exact = float(gb2_mean(a, scale, p, q, amounts))
            assert model.expected_spend(history)[0] == pytest.approx(exact, rel=1e-9)

    def test_gb2_of_power_one_is_the_gamma_gamma_model(self):
        """The density of the mean is that of the amounts, times that of the mean given the amounts' proportions."""
        model = Gb2Spend(1.0, 15.44 * 6.25 / 3.74, 6.25, 3.74, use_first=False)
        history = history_of([9.0, 20.0], [50.0, 35.0])
        expected = GammaGamma(6.25, 3.74, 15.44)
        np.testing.assert_allclose(model.log_likelihood(history), expected.log_likelihood(history), rtol=1e-12)
        many = history_of([9.0, 20.0, 11.0, 30.0], [5.0])
        np.testing.assert_allclose(model.expected_spend(many), expected.expected_spend(many), rtol=1e-12)
        assert model.expected_spend_new() == pytest.approx(expected.expected_spend_new(), rel=1e-13)

    def test_gb2_comes_near_the_lognormal_model(self):
        """With a -> 0 and shapes 1 / (a times a standard deviation) squared; the error falls with a."""
        history, errors = history_of([9.0, 20.0, 14.0], [50.0]), []
        spend = LOGNORMAL.expected_spend(history)
        for a in (0.01, 0.001):
            p, q = 1 / (a * LOGNORMAL.sigma) ** 2, 1 / (a * LOGNORMAL.tau) ** 2
            near = Gb2Spend(a, np.exp(3.0), p, q)
            errors.append(np.abs(near.log_likelihood(history) - LOGNORMAL.log_likelihood(history)).max())
            np.testing.assert_allclose(near.expected_spend(history), spend, rtol=0.1 * a**0.5)
        assert errors[0] < 0.01
        assert errors[1] < 0.2 * errors[0]

    @pytest.mark.parametrize("model", [LOGNORMAL, HEAVY])
    def test_adds_up_over_customers_and_leaves_out_what_does_not_count(self, model):
        whole = history_of([9.0, 0.0, 11.0], [0.0], [5.0])
        parts = history_of([9.0, 11.0], [5.0])
        found = model.log_likelihood(whole)
        np.testing.assert_allclose(found[[0, 2]], model.log_likelihood(parts), rtol=1e-13)
        assert found[1] == 0.0
        later = attrs.evolve(model, use_first=False)
        np.testing.assert_allclose(later.log_likelihood(whole), [model.log_likelihood(history_of([11.0]))[0], 0.0, 0.0])


class TestExpectedSpend:
    """Mean of the next amount, given those of the customer."""

    @pytest.mark.parametrize("amounts", [[20.0], [3.0, 800.0, 20.0, 20.0]])
    def test_equals_the_ratio_of_integrals(self, amounts):
        history = history_of(amounts)
        exact = float(lognormal_mean(3.0, 0.8, 0.5, amounts, 20))
        assert LOGNORMAL.expected_spend(history)[0] == pytest.approx(exact, rel=1e-11)
        exact = float(gb2_mean(2.1, 290.0, 0.8, 1.0, amounts, 20))
        assert HEAVY.expected_spend(history)[0] == pytest.approx(exact, rel=1e-11)

    def test_ignores_the_own_level_without_differences_between_customers(self):
        model = LognormalSpend(3.0, 1e-9, 0.5)
        np.testing.assert_allclose(model.expected_spend(history_of([1e6], [1.0])), np.exp(3.125), rtol=1e-9)

    def test_is_the_own_level_after_many_purchases(self):
        history = history_of(np.full(40_000, 1e6))
        assert LOGNORMAL.expected_spend(history)[0] == pytest.approx(1e6 * np.exp(0.125), rel=1e-3)
        within = 700.0 * np.random.default_rng(2).gamma(0.8, size=40_000) ** (1 / 2.1)
        assert HEAVY.expected_spend(history_of(within))[0] == pytest.approx(within.mean(), rel=0.02)

    @pytest.mark.parametrize("model", [LOGNORMAL, HEAVY])
    def test_scales_with_money_and_grows_with_it(self, model):
        amounts = np.array([3.0, 800.0, 20.0])
        name = "mu" if model is LOGNORMAL else "scale"
        larger = attrs.evolve(model, **{name: model.mu + np.log(7.0) if model is LOGNORMAL else model.scale * 7.0})
        found = larger.expected_spend(history_of(7.0 * amounts))
        np.testing.assert_allclose(found, 7.0 * model.expected_spend(history_of(amounts)), rtol=1e-12)
        one, two = model.expected_spend(history_of([20.0, 30.0], [20.0, 31.0]))
        assert one < two

    def test_a_wholesaler_keeps_their_level(self):
        """Two orders of a hundred times the typical amount: the heavy tail believes them more than the gamma-gamma."""
        history = history_of([29_000.0, 29_000.0])
        tame = Gb2Spend(1.0, 290.0, 2.5, 3.4)
        assert HEAVY.expected_spend(history)[0] > 0.75 * 29_000.0
        assert HEAVY.expected_spend(history)[0] > 1.1 * tame.expected_spend(history)[0]

    def test_keeps_its_digits_near_the_lognormal_model(self):
        """Shapes of millions, of which logarithms of gamma functions differ by little."""
        n, a, scale, p, q = 400, 0.034, 20.0, 44_000.0, 145.0
        with mpmath.workdps(40):
            b = mpmath.mpf(scale) * (mpmath.mpf(q) / p) ** (1 / mpmath.mpf(a))
            shape, root = mpmath.mpf(q) + n * mpmath.mpf(p), 1 / mpmath.mpf(a)
            ratio = mpmath.loggamma(p + root) - mpmath.loggamma(p) + mpmath.loggamma(shape - root)
            ratio -= mpmath.loggamma(shape)
            mean = b * mpmath.exp(ratio) * (1 + n * (20.0 / b) ** mpmath.mpf(a)) ** root
        found = Gb2Spend(a, scale, p, q).expected_spend(history_of(np.full(n, 20.0)))[0]
        assert found == pytest.approx(float(mean), rel=1e-11)

    def test_refuses_a_base_without_a_mean(self):
        model = Gb2Spend(0.5, 290.0, 0.5, 1.0)
        with pytest.raises(InputError, match="finite mean"):
            model.expected_spend_new()
        with pytest.raises(InputError, match="finite mean"):
            model.expected_spend(history_of([5.0]))
        assert np.isfinite(model.expected_spend(history_of([5.0] * 4))).all()

    @pytest.mark.parametrize(
        "model",
        [
            LognormalSpend(3.0, 100.0, 100.0),
            LognormalSpend(3.0, 0.8, 0.5, drift=1e6, origin="2000-01-01"),
            LognormalSpend(3.0, 0.8, 0.5, season=[1e6] * 12),
        ],
    )
    def test_refuses_money_beyond_numbers(self, model):
        with np.errstate(all="raise"), pytest.raises(InputError, match="`history`"):
            model.expected_spend(history_of([5.0]))

    def test_refuses_new_customers_without_a_mean(self):
        with pytest.raises(InputError, match="`model` must be one whose new customers have a finite mean"):
            LognormalSpend(1e5, 0.8, 0.5).expected_spend_new()

    def test_needs_amounts(self):
        history = PurchaseHistory(frequency=[0], recency=[0], age=[1], time_unit="week")
        with pytest.raises(InputError, match="one with `amounts`"):
            LOGNORMAL.expected_spend(history)


class TestSpendInterval:
    """Quantiles of the next amount."""

    def test_holds_the_stated_probability(self):
        amounts = [120.0, 800.0, 20.0]
        low, high = (end[0] for end in HEAVY.spend_interval(history_of(amounts), level=0.8))
        for end, share in ((low, 0.1), (high, 0.9)):
            assert float(gb2_share_below(2.1, 290.0, 0.8, 1.0, amounts, end, 15)) == pytest.approx(share, rel=1e-9)

    @pytest.mark.parametrize("model", [LOGNORMAL, HEAVY])
    def test_covers_draws(self, model):
        """Each customer's last amount, given the others: chances below it are uniform."""
        rng = np.random.default_rng(4)
        amount = model.simulate(np.full(4000, 3), rng=rng).reshape(-1, 3)
        history = history_of(*amount[:, :2])
        ends = {level: model.spend_interval(history, level=level) for level in (0.5, 0.9)}
        for level, (low, high) in ends.items():
            inside = int(((low <= amount[:, 2]) & (amount[:, 2] <= high)).sum())
            assert binom.ppf(FALSE_ALARM, 4000, level) <= inside <= binom.ppf(1 - FALSE_ALARM, 4000, level)

    def test_refuses_a_level_of_one(self):
        with pytest.raises(InputError, match="`level`"):
            HEAVY.spend_interval(history_of([5.0]), level=1.0)


class TestDriftSeasonAndEffects:
    """What moves the logarithms of amounts is taken off before, and added for the time ahead."""

    SEASON = (0.5,) * 2 + (0.0,) * 8 + (-0.5,) * 2

    @pytest.mark.parametrize("model", [LOGNORMAL, HEAVY])
    def test_move_amounts_by_factors(self, model):
        history = history_of([20.0, 30.0, 25.0], [400.0], n_days=40).with_covariates({"z": [1.0, -1.0]})
        moving = attrs.evolve(
            model, drift=0.3, origin="2024-12-31", season=self.SEASON, spend_effects=[CovariateEffect("z", 0.7)]
        )
        day = history.amounts.day
        month = day.astype("datetime64[M]").astype(int) % 12
        moved = 0.3 * ((day - history.as_of) / np.timedelta64(1, "D")) / 365.25 + np.array(self.SEASON)[month]
        moved = moved + 0.7 * np.array([1.0, -1.0])[history.amounts.row]
        plain = attrs.evolve(
            history, amounts=attrs.evolve(history.amounts, amount=history.amounts.amount * np.exp(-moved))
        )
        total = np.bincount(history.amounts.row, weights=moved)
        np.testing.assert_allclose(moving.log_likelihood(history), model.log_likelihood(plain) - total, rtol=1e-12)
        own = np.exp(0.7 * np.array([1.0, -1.0])) * model.expected_spend(plain)
        year = np.exp(self.SEASON).mean()
        np.testing.assert_allclose(moving.expected_spend(history), own * year, rtol=1e-12)
        four_weeks = moving.expected_spend(history, horizon=4)  # January
        np.testing.assert_allclose(four_weeks, own * np.exp(0.5), rtol=1e-12)

    @pytest.mark.parametrize("fit", FITS)
    def test_are_found(self, fit):
        rng = np.random.default_rng(5)
        n = rng.integers(2, 9, 800)
        model = attrs.evolve(HEAVY if fit is fit_gb2_spend else LOGNORMAL)
        history = drawn(model, n, rng)
        z = rng.standard_normal(len(n))
        day = np.sort(rng.integers(0, 730, (len(n), 9)), axis=1)
        date = np.datetime64("2023-01-01") + np.concatenate([row[:k] for row, k in zip(day, n, strict=True)])
        month = date.astype("datetime64[M]").astype(int) % 12
        growth = 0.4 * ((date - np.datetime64("2024-12-31")) / np.timedelta64(1, "D")) / 365.25
        season = 0.3 * np.cos(2 * np.pi * np.arange(12) / 12)
        amount = history.amounts.amount * np.exp(growth + season[month] + 0.5 * z[history.amounts.row])
        moved = attrs.evolve(
            history, amounts=attrs.evolve(history.amounts, day=date, amount=amount), frequency=n - 1.0
        ).with_covariates({"z": z})
        found = fit(moved, drift=True, season=True, spend_covariates=["z"])
        assert found.diagnosis.trustworthy
        error = found.standard_errors
        assert abs(found.model.drift - 0.4) < 4 * error["drift"]
        assert abs(found.model.spend_effects[0].per_unit - 0.5) < 4 * error["spend.z"]
        np.testing.assert_allclose(found.model.season, season, atol=4 * error["season.1"])
        assert sum(found.model.season) == pytest.approx(0.0, abs=1e-12)
        assert found.model.log_likelihood(moved).sum() == pytest.approx(found.log_likelihood, abs=1e-6)
        plain = fit(moved)
        assert found.log_likelihood > plain.log_likelihood + 50

    @pytest.mark.parametrize("fit", FITS)
    def test_less_than_a_year_is_flagged(self, fit):
        history = base(HEAVY, 200, 3)
        for options in ({"drift": True}, {"season": True}):
            found = fit(history, **options)
            assert found.diagnosis.grade != "good"
            assert "less than a year" in found.diagnosis.messages[-1]
        assert found.model.season == ()  # one month was seen

    @pytest.mark.parametrize("fit", FITS)
    def test_one_purchase_dated_1970_shows_no_year(self, fit):
        day = [*np.arange("2024-01-01", "2024-07-01", dtype="datetime64[D]"), np.datetime64("1970-01-01")]
        amount = np.exp(np.random.default_rng(2).normal(3.0, 0.5, len(day)))
        with pytest.warns(DataWarning, match="1 row is more than 5 years before all others"):
            history = summarise_purchases(np.arange(len(day)) % 60, day, amount, keep_amounts=True)
        found = fit(history, season=True)
        assert "rests on 182 days, less than a year" in found.diagnosis.messages[-1]

    def test_need_a_day(self):
        with pytest.raises(InputError, match="`origin`"):
            LognormalSpend(3.0, 0.8, 0.5, drift=0.1)
        model = attrs.evolve(LOGNORMAL, season=self.SEASON)
        with pytest.raises(InputError, match="`as_of`"):
            model.expected_spend(history_of([5.0], as_of=None))
        with pytest.raises(InputError, match="twelve numbers"):
            LognormalSpend(3.0, 0.8, 0.5, season=[0.1])


class TestFit:
    """Maximum likelihood of single amounts."""

    @pytest.mark.parametrize(
        ("objective", "theta"), [(_products_of, [2.8, -0.2, -0.6]), (Gb2Likelihood, [0.5, 0.2, 0.1, 0.3])]
    )
    def test_gradient_and_hessian_are_analytic(self, objective, theta):
        history = history_of([20.0, 35.0, 18.0], [400.0], [90.0, 70.0], n_days=100).with_covariates(
            {"z": [1.0, -1.0, 3.0]}
        )
        task = read_task(
            history, use_first=True, zeros="raise", drift=True, season=True, spend_covariates=["z"]
        )  # fmt: skip
        likelihood = objective(task, 50.0) if objective is Gb2Likelihood else objective(task)
        theta = np.array([*theta, *np.linspace(-0.2, 0.3, len(task.names))])
        at, step = likelihood(theta), 1e-5
        for i in range(len(theta)):
            away = np.eye(len(theta))[i] * step
            up, down = likelihood(theta + away), likelihood(theta - away)
            assert (up.value - down.value) / (2 * step) == pytest.approx(at.gradient[i], rel=1e-6, abs=1e-6)
            np.testing.assert_allclose((up.gradient - down.gradient) / (2 * step), at.hessian[i], rtol=1e-6, atol=1e-5)

    @pytest.mark.parametrize(("n_days", "drift", "names"), [(100, True, ["z"]), (100, False, []), (1, True, ["z"])])
    def test_sums_by_month_are_those_of_single_purchases(self, n_days, drift, names):
        """The likelihood is that of the model with the same numbers, and effects of months add up to 0."""
        history = history_of([20.0, 35.0, 18.0], [400.0], [90.0, 70.0], n_days=n_days).with_covariates(
            {"z": [1.0, -1.0, 3.0]}
        )
        options = {"zeros": "raise", "drift": drift, "season": True, "spend_covariates": names}
        task = read_task(history, use_first=True, **options)
        theta = np.array([0.5, 0.2, 0.1, 0.3, *np.linspace(-0.2, 0.3, len(task.names))])
        a, scale, p, q = np.exp(theta[:4])
        model = Gb2Spend(a, 50.0 * scale, p, q, **task.fields(theta[4:]))
        expected = model.log_likelihood(history).sum() + task.spent.log.sum()
        assert Gb2Likelihood(task, 50.0)(theta).value == pytest.approx(expected, rel=1e-12)
        columns = np.array(task.columns(slice(0, 3), slice(0, 6), task.spent.row)).reshape(-1, 6)
        plain = np.array(task.plain_columns(slice(0, 3), slice(0, 6), task.spent.row)).reshape(-1, 6)
        by_month = np.eye(task.n_months)[task.month_places()].T if task.n_months else plain[:0]
        np.testing.assert_array_equal(columns, task.contrasts.T @ np.vstack([plain, by_month]))

    def test_sums_of_logarithms_are_all_that_the_lognormal_model_needs(self):
        history = base(LOGNORMAL, 300, 4)
        plain = fit_lognormal_spend(history)
        amounts = history.amounts
        logs = [np.log(own) for own in np.split(amounts.amount, amounts.start[1:])]
        table = np.array([[len(own), own.mean(), own.var()] for own in logs])
        groups = [table[table[:, 0] == n] for n in np.unique(table[:, 0])]
        sums = [[g[0, 0], len(g), g[:, 1].sum(), (g[:, 1] ** 2).sum(), g[:, 2].sum()] for g in groups]
        found = fit_log_sums(LogSums(*np.array(sums).T), {})
        np.testing.assert_allclose(found.estimates, plain.estimates, rtol=1e-9)
        assert found.log_likelihood == pytest.approx(plain.log_likelihood, rel=1e-12)
        assert found.n_customers == 300

    @pytest.mark.parametrize(("model", "fit"), MODELS)
    def test_climbs_to_the_top_and_counts_everybody(self, model, fit):
        history = base(model, 400, 1)
        found = fit(history)
        assert found.diagnosis.trustworthy
        assert found.model.log_likelihood(history).sum() == pytest.approx(found.log_likelihood, abs=1e-7)
        for name in found.names:
            for factor in (0.99, 1.01):
                other = attrs.evolve(found.model, **{name: getattr(found.model, name) * factor})
                assert other.log_likelihood(history).sum() < found.log_likelihood
        draws = draw_posterior(found, history, n_draws=100, rng=np.random.default_rng(1))
        assert draws.effective_share > 0.5

    @pytest.mark.slow
    @pytest.mark.parametrize(("model", "fit"), MODELS)
    def test_intervals_cover(self, model, fit):
        """Of 200 bases, 95 % intervals hold the truth in 92 to 98 %."""
        held = []
        for seed in range(200):
            found = fit(base(model, 600, [7, seed]))
            ends = np.array(list(found.confidence_interval(0.95).values()))
            truth = np.array([getattr(model, name) for name in found.names])
            held.append((ends[:, 0] <= truth) & (truth <= ends[:, 1]))
        held = np.sum(held, axis=0)
        assert ((held >= 184) & (held <= 196)).all(), held

    def test_many_customers_are_thinned_first(self, monkeypatch):
        history = base(HEAVY, 700, 2)
        plain = fit_gb2_spend(history)
        monkeypatch.setattr("crmvalue._models.spend.gb2._MANY", 600)
        monkeypatch.setattr("crmvalue._models.spend.gb2._THINNED", 2)
        np.testing.assert_allclose(fit_gb2_spend(history).estimates, plain.estimates, rtol=1e-5)

    @pytest.mark.parametrize("fit", FITS)
    @pytest.mark.parametrize(
        "amounts",
        [[[10.0] * 4] * 5, [[10.0, 12.0, 9.0]], [[5.0]], [[1.0], [3.0], [200.0]], [[1e15, 9e14], [8e14] * 3, [1e15]],
         [[1e-8, 2e-8], [1e-8] * 3], [[1e-6, 2e-6], [1e12, 1.1e12], [3.0, 2.5]]],
        ids=["all equal", "one customer", "one purchase", "one each", "huge", "tiny", "eighteen orders"],
    )  # fmt: skip
    def test_awkward_bases_have_an_answer_or_a_flag(self, fit, amounts):
        history = history_of(*amounts)
        found = fit(history)
        assert np.isfinite(found.estimates).all()
        assert found.diagnosis.messages or amounts[0][0] == 1e15  # three customers may say enough
        known = np.array([max(own) for own in amounts])
        if isinstance(found.model, LognormalSpend) or found.model.a * (found.model.q + found.model.p) > 1.0:
            spend = found.model.expected_spend(history)
            assert np.isfinite(spend).all()
            assert (spend < 1e3 * known.max()).all()

    @pytest.mark.parametrize("fit", FITS)
    def test_purchases_of_nothing_are_refused_or_counted(self, fit):
        history = history_of([9.0, 0.0, 11.0], [0.0], [5.0, 6.0])
        with pytest.raises(InputError, match="above 0"):
            fit(history)
        found = fit(history, zeros="drop")
        assert (found.n_customers, dict(found.left_out)) == (
            2,
            {"no purchase of money that counts": 1, "purchases of 0": 2},
        )
        later = fit(history, zeros="drop", use_first=False)
        assert later.n_customers == 2
        with pytest.raises(InputError, match="some money"):
            fit(history_of([0.0]), zeros="drop")

    @pytest.mark.parametrize("fit", FITS)
    @pytest.mark.parametrize(
        "options",
        [{"zeros": "keep"}, {"drift": 1}, {"season": "yes"}, {"spend_covariates": ["z"]}, {"use_first": None}],
    )
    def test_refuses_other_options(self, fit, options):
        with pytest.raises(InputError):
            fit(history_of([9.0, 11.0]), **options)

    @pytest.mark.parametrize(("model", "fit"), MODELS)
    def test_simulated_amounts_have_the_mean_of_new_customers(self, model, fit):  # noqa: ARG002 - the pairs of above
        amount = model.simulate(np.ones(60_000), rng=np.random.default_rng(3))
        assert amount.mean() == pytest.approx(model.expected_spend_new(), rel=0.05)
        empty = np.zeros(1)
        scale = model._level(np.zeros(0), empty).scale
        shares = [np.mean(amount <= scale * model._quantile(empty, share)) for share in (0.2, 0.7)]
        np.testing.assert_allclose(shares, [0.2, 0.7], atol=0.01)
        with pytest.raises(InputError, match="`n_purchases` must be of at most 100,000,000 purchases in all"):
            model.simulate([10**15], rng=np.random.default_rng(3))


class TestMoney:
    """Money forecasts take each model of spend."""

    def test_values_multiply_purchases_and_spend(self, retail):
        history, purchases = retail.calibration, Nbd(1.5, 20.0, "week")
        for model in (LOGNORMAL, HEAVY):
            values = customer_values(history, purchases, model, horizon=26, margin=0.5)
            expected = 0.5 * purchases.expected_purchases(history, horizon=26) * model.expected_spend(history)
            np.testing.assert_allclose(values.clv, expected, rtol=1e-12)
            score = compare_models(retail, {"nbd": purchases}, spend_model=model)[0]
            foretold = 2.0 * expected * retail.holdout_length / 26  # a process without dropout is linear in time
            assert score.spend.bias == pytest.approx(foretold.sum() / retail.holdout_spend.sum() - 1.0, rel=1e-9)

    @pytest.mark.parametrize("fit", FITS)
    def test_intervals_cover_and_the_median_lies_inside(self, retail, fit):
        history = retail.calibration
        fits = fit_nbd(history), fit(history)
        options = {"horizon": retail.holdout_length, "margin": 1.0, "n_draws": 400, "discount_rate": 0.001}
        values = customer_values(history, *fits, level=0.9, rng=np.random.default_rng(1), **options)
        plain = customer_values(history, *fits, **options | {"n_draws": 200})
        np.testing.assert_array_equal(values.clv, plain.clv)
        known = values.intervals
        assert (known.clv_low < values.clv).all()
        assert (values.clv < known.clv_high).all()
        assert known.total.low < values.total < known.total.high
        assert known.total_outcome.low < values.total < known.total_outcome.high
        inside = (known.outcome_low <= retail.holdout_spend) & (retail.holdout_spend <= known.outcome_high)
        assert inside.mean() > 0.85

    @pytest.mark.parametrize("model", [LOGNORMAL, HEAVY])
    def test_drawn_outcomes_have_the_expected_mean(self, model):
        history, purchases = history_of([50.0, 90.0, 300.0, 20.0], [700.0] * 9, n_days=30), Nbd(2.0, 8.0, "week")
        terms = Terms(26.0, 0.01, 0.5, 0.0)
        payments = payments_of(model)
        known = Known(
            process=process_of(purchases, history),
            past=Past(history.frequency, history.recency, history.age),
            scale=payments.scale(history, 26.0),
            alive=purchases.prob_alive(history),
        )
        outcomes = draw_outcomes(known, payments, terms, 20_000, np.random.default_rng(2))
        values = customer_values(history, purchases, model, **terms._asdict()).clv
        assert (np.abs(outcomes.mean(axis=1) - values) < 4.0 * outcomes.std(axis=1) / np.sqrt(20_000)).all()

    def test_moments_of_purchases_are_those_of_their_draws(self):
        for model in (LOGNORMAL, HEAVY):
            payments = payments_of(model)
            draws = payments.purchases(200_000, np.random.default_rng(6))
            assert payments.mean == pytest.approx(draws.mean(), rel=0.01)
            assert payments.variance == pytest.approx(draws.var(), rel=0.05)

    def test_a_holdout_widens_the_interval(self, retail):
        history = retail.calibration
        amounts = history.amounts
        customer = history.customer[amounts.row]
        earlier = split_purchases(
            customer, amounts.day, amounts.amount, calibration_end="2022-12-31", keep_amounts=True
        )
        fits = fit_nbd(history), fit_gb2_spend(history)
        values = customer_values(
            history, *fits, horizon=26, margin=1.0, level=0.9, n_draws=100, rng=np.random.default_rng(1),
            inflate="holdout", holdout=earlier,
        )  # fmt: skip
        assert values.intervals.inflation >= 1.0
        bare = split_purchases(customer, amounts.day, amounts.amount, calibration_end="2022-12-31")
        with pytest.raises(InputError, match="both models can be fitted"):
            customer_values(
                history, *fits, horizon=26, margin=1.0, level=0.9, n_draws=100, rng=np.random.default_rng(1),
                inflate="holdout", holdout=bare,
            )  # fmt: skip

    def test_intervals_need_purchases_of_money(self):
        history = summarise_purchases(
            [1, 1, 1, 2, 2, 3], np.datetime64("2024-01-01") + np.array([0, 9, 20, 3, 30, 5]), [9, 0, 12, 30, 41, 6],
            as_of="2024-06-01", keep_amounts=True,
        )  # fmt: skip
        fits = (
            fit_nbd(history, priors={"r": (1.0, 0.3), "alpha": (8.0, 0.3)}),
            fit_lognormal_spend(history, zeros="drop", priors={"tau": (0.8, 0.2), "sigma": (0.4, 0.2)}),
        )
        with pytest.raises(InputError, match="without purchases of 0"):
            customer_values(history, *fits, horizon=26, margin=1, level=0.9, rng=np.random.default_rng(1))

    def test_json(self):
        for model in (attrs.evolve(LOGNORMAL, drift=0.1, origin="2024-01-01", season=[0.1] * 12), HEAVY):
            assert type(model).from_json(model.to_json()) == model
        assert (
            repr(attrs.evolve(HEAVY, use_first=False)) == "Gb2Spend(a=2.1, scale=290.0, p=0.8, q=1.0, use_first=False)"
        )

    def test_other_models_are_refused(self, retail):
        with pytest.raises(InputError, match="`spend_model` must be a spend model"):
            customer_values(retail.calibration, Nbd(1.5, 20.0, "week"), Nbd(1.5, 20.0, "week"), horizon=1, margin=1)
