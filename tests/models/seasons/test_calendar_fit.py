"""What must hold for the fit with a calendar: its likelihood purchase by purchase, what it finds, and what it says."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from itertools import pairwise
from statistics import NormalDist

import attrs
import mpmath as mp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import betaln, gammaln
from scipy.stats import binom

from crmvalue import frames
from crmvalue._models.seasons import calendar_fit as calendar_fit_module
from crmvalue._models.seasons import likelihood as likelihood_module
from crmvalue._models.seasons.calendar_fit import MODELS
from crmvalue._models.seasons.day_log import dated_purchases, history_of, read_log
from crmvalue._models.seasons.likelihood import DatedPurchases, Family, SeasonalLikelihood
from crmvalue.datasets import load_cdnow
from crmvalue.errors import DataWarning, InputError
from crmvalue.models import (
    Calendar,
    MbgNbd,
    SeasonalFit,
    compare_models,
    customer_values,
    fit_bg_cnbd,
    fit_bg_nbd,
    fit_calendar,
    fit_gamma_gamma,
    fit_mbg_cnbd,
    fit_mbg_nbd,
    fit_nbd,
    proper_scores,
    revenue_plan,
)
from crmvalue.purchases import PurchaseHistory, split_purchases, summarise_purchases

CDNOW = load_cdnow()
LOG = CDNOW.customer, CDNOW.date
FAMILIES = {
    "nbd": Family(1, None), "bg_nbd": Family(1, 0), "mbg_nbd": Family(1, 1),
    "bg_cnbd": Family(2, 0), "mbg_cnbd": Family(3, 1),
}  # fmt: skip
PLAIN = {
    "nbd": fit_nbd, "bg_nbd": fit_bg_nbd, "mbg_nbd": fit_mbg_nbd, "bg_cnbd": fit_bg_cnbd, "mbg_cnbd": fit_mbg_cnbd,
}  # fmt: skip
parameters = st.tuples(
    *(
        st.floats(math.log(low), math.log(high)).map(math.exp)
        for low, high in ((0.01, 20), (0.01, 1e4), (0.01, 50), (0.01, 50))
    )
)
each_model = pytest.mark.parametrize("name", FAMILIES)

TRUTH = MbgNbd(3.0, 60.0, 0.8, 2.4, "week")
MONTHS = np.array([0.8, 0.7, 0.9, 1.0, 1.0, 0.9, 0.7, 0.8, 1.0, 1.1, 1.4, 1.7])
BEGIN, N_DAYS = np.datetime64("2023-01-01"), 730


def k_of(name):
    return {"k": FAMILIES[name].k} if FAMILIES[name].k > 1 else {}


def draw_log(n_customers, seed, months=MONTHS):
    """Draw a log purchase by purchase: when customers come, their rate, their chance to leave, and their gaps."""
    rng = np.random.default_rng(seed)
    level = Calendar(month=months).level(BEGIN + np.arange(N_DAYS + 1))
    clock = np.append(0.0, np.cumsum(level[1:] / level[1:].mean()))
    first = rng.integers(0, N_DAYS - 60, n_customers)
    rate = rng.gamma(TRUTH.r, 1.0, n_customers) / (TRUTH.alpha * 7.0)
    leave = rng.beta(TRUTH.a, TRUTH.b, n_customers)
    customer, now = np.arange(n_customers), clock[first]
    rows = [(customer, first)]
    while len(customer):
        stays = rng.random(len(customer)) >= leave[customer]
        customer, now = customer[stays], now[stays]
        now = now + rng.exponential(1.0, len(customer)) / rate[customer]
        inside = now <= clock[-1]
        customer, now = customer[inside], now[inside]
        rows.append((customer, np.searchsorted(clock, now)))
    customers, days = (np.concatenate(column) for column in zip(*rows, strict=True))
    return customers, BEGIN + days


@pytest.fixture(scope="module")
def season():
    return fit_calendar(*draw_log(3000, 11), as_of=BEGIN + N_DAYS)


@pytest.fixture(scope="module")
def peak():
    """Give a fit by month and weekday, its likelihood, and the point and the prior at its end."""
    customer, date = draw_log(3000, 11)
    season = fit_calendar(customer, date, as_of=BEGIN + N_DAYS, by=("month", "weekday"))
    log = read_log(customer, date, BEGIN + N_DAYS)
    days = log.dates.astype("datetime64[D]")
    months = (days.astype("datetime64[M]").astype(int) % 12)[:, np.newaxis] == np.arange(12)
    weekdays = ((days.astype(int) + 3) % 7)[:, np.newaxis] == np.arange(7)
    design = np.hstack([months, weekdays]).astype(float)
    likelihood = SeasonalLikelihood(Family(1, 1), dated_purchases(log, 1), design, 7.0)
    beta = np.log(season.level)
    means = beta[:12].mean(), beta[12:].mean()
    units = np.array([1.0, likelihood.ruler / 7.0, 1.0, 1.0])
    theta = np.concatenate([np.log(season.fit.estimates / units), beta[:12] - means[0], beta[12:] - means[1]])
    theta[1] -= sum(means)
    spreads = np.repeat([season.shrinkage["month"], season.shrinkage["weekday"]], [12, 7])
    return season, likelihood, likelihood(theta), theta, np.concatenate([np.zeros(4), spreads**-2.0])


@pytest.fixture(scope="module")
def cdnow():
    return fit_calendar(*LOG, as_of="1997-09-30", by="month")


def small_log():
    """Give some customers of CDNOW in 60 days, and a design with two halves and a figure."""
    chosen = np.isin(CDNOW.customer, np.unique(CDNOW.customer)[::40])
    days = CDNOW.date[chosen].astype("datetime64[D]").astype(np.int64)
    dates = np.datetime64("1997-01-01") + (days - days.min()) // 9
    log = read_log(CDNOW.customer[chosen], dates, "1997-03-04")
    design = np.zeros((log.n_days, 3))
    design[:30, 0], design[30:, 1] = 1.0, 1.0
    design[:, 2] = np.random.default_rng(5).normal(size=log.n_days)
    return log, design


def event_by_event(name, log, design, theta, lib, units):
    """Likelihood of each customer from their purchases one by one: gaps, rates, levels and tosses of the coin.

    `lib` says how to compute: numbers of numpy, or of mpmath.
    """
    family = FAMILIES[name]
    m = family.n_parameters
    natural = [lib.exp(value) for value in theta[:m]]
    r, alpha = natural[:2]
    beta = theta[m:]
    level = [lib.exp(sum(float(z) * one for z, one in zip(row, beta, strict=True))) for row in design]
    bought = defaultdict(list)
    for customer, day in zip(log.customer.tolist(), log.day.tolist(), strict=True):
        bought[customer].append(day)
    total = 0.0
    k = family.k
    for days in bought.values():
        # With k events to a purchase, a gap g has the density rate^k g^(k-1) exp(-rate g), but for (k - 1)!.
        logs, elapsed = 0.0, 0.0
        for before, day in pairwise(days):
            gap = sum(level[before + 1 : day + 1], start=0.0) / units
            elapsed = elapsed + gap
            logs += (k - 1) * lib.log(gap) + lib.log(level[day])
        x, silence = len(days) - 1, sum(level[days[-1] + 1 :], start=0.0) / units
        events = k * x

        def mean_of_rates(power, time):
            """Mean of rate^power exp(-rate time) over the gamma distribution."""
            of_rates = lib.lgamma(r + power) - lib.lgamma(r) + r * lib.log(alpha)
            return lib.exp(of_rates - (r + power) * lib.log(alpha + time))

        alive = sum(mean_of_rates(events + j, elapsed + silence) * silence**j / math.factorial(j) for j in range(k))
        if family.early is None:
            total += logs + lib.log(alive)
            continue
        a, b = natural[2:]
        tosses = x + family.early

        def mean_of_chances(lost, kept, a=a, b=b):
            return lib.exp(lib.lbeta(a + lost, b + kept) - lib.lbeta(a, b))

        likelihood = alive * mean_of_chances(0, tosses)
        if tosses:
            likelihood += mean_of_rates(events, elapsed) * mean_of_chances(1, tosses - 1)
        total += logs + lib.log(likelihood)
    return total


class Floats:
    exp, log, lgamma, lbeta = np.exp, np.log, gammaln, betaln


class Exact:
    exp, log, lgamma = mp.exp, mp.log, mp.loggamma

    @staticmethod
    def lbeta(a, b):
        return mp.loggamma(a) + mp.loggamma(b) - mp.loggamma(a + b)


def likelihood_of(name):
    """Likelihood of a small log in weeks, and a point of the search in the units of `event_by_event`."""
    log, design = small_log()
    found = SeasonalLikelihood(FAMILIES[name], dated_purchases(log, FAMILIES[name].k), design, 7.0)
    m = FAMILIES[name].n_parameters
    theta = np.concatenate([[-0.4, -1.2, -0.3, 0.7][:m], [0.3, -0.5, 0.2]])
    return found, log, design, theta


def in_weeks(found, theta):
    """Move log(alpha / ruler) to log(alpha) in weeks."""
    moved = list(theta)
    moved[1] = moved[1] + math.log(found.ruler / 7.0)
    return moved


class TestLikelihood:
    """The likelihood of all purchases one by one, in operational time, times the levels of their days."""

    @each_model
    def test_equals_that_of_the_purchases_one_by_one(self, name):
        found, log, design, theta = likelihood_of(name)
        exact = event_by_event(name, log, design, in_weeks(found, theta), Floats, 7.0)
        assert found(theta).value == pytest.approx(exact, rel=1e-11)

    @each_model
    def test_derivatives_are_those_of_the_value(self, name):
        found, _, _, theta = likelihood_of(name)
        at = found(theta)
        for i in range(len(theta)):
            step = 1e-5 * np.eye(len(theta))[i]
            above, below = found(theta + step), found(theta - step)
            assert (above.value - below.value) / 2e-5 == pytest.approx(at.gradient[i], rel=1e-6, abs=1e-5)
            assert (above.gradient - below.gradient) / 2e-5 == pytest.approx(at.hessian[i], rel=1e-6, abs=1e-5)

    @pytest.mark.slow
    @each_model
    def test_value_and_gradient_at_50_digits(self, name):
        with mp.workdps(50):
            found, log, design, theta = likelihood_of(name)
            at = found(theta)

            def exact(i, step):
                moved = [mp.mpf(value) for value in theta]
                moved[i] += step
                moved[1] += mp.log(mp.mpf(found.ruler) / 7)
                return event_by_event(name, log, design, moved, Exact, 7)

            assert at.value == pytest.approx(float(exact(0, 0)), rel=1e-13)
            step = mp.mpf(10) ** -15
            for i in range(len(theta)):
                slope = (exact(i, step) - exact(i, -step)) / (2 * step)
                assert at.gradient[i] == pytest.approx(float(slope), rel=1e-10, abs=1e-10)

    @each_model
    def test_of_many_days(self, name, monkeypatch):
        """Where there are many days, pairs of days are a sparse matrix: the same derivatives."""
        found, log, design, theta = likelihood_of(name)
        monkeypatch.setattr(likelihood_module, "_MANY_DAYS", 10)
        sparse = SeasonalLikelihood(FAMILIES[name], dated_purchases(log, FAMILIES[name].k), design, 7.0)
        assert sparse(theta).hessian == pytest.approx(found(theta).hessian, rel=1e-11, abs=1e-9)

    @given(st.sampled_from([*FAMILIES]), parameters, st.integers(0, 1000))
    def test_equals_that_of_the_model_in_operational_time(self, name, natural, seed):
        """Over the domain in which the likelihoods of the models are known at 50 digits."""
        rng = np.random.default_rng(seed)
        family, n_days = FAMILIES[name], int(rng.integers(3, 700))
        x = rng.choice([0, 1, 2, 40, 500], 8).astype(float)
        first = rng.integers(0, n_days - 1, 8)
        last = np.where(x > 0, rng.integers(first + 1, n_days), first)
        n_repeat = np.append(0.0, rng.poisson(2.0, n_days - 1))
        nothing = np.zeros(0, dtype=np.int64)
        dated = DatedPurchases(x, first, last, np.ones(8), n_repeat, (nothing, nothing, np.zeros(0)))
        design = rng.normal(size=(n_days, 2))
        found = SeasonalLikelihood(family, dated, design, 7.0)
        theta = np.concatenate([np.log(natural[: family.n_parameters]), rng.normal(size=2)])
        model = MODELS[name].make(*natural[: family.n_parameters], "week", **k_of(name))
        theta[1] -= math.log(found.ruler / 7.0)
        level = found.levels(theta)
        clock = (np.cumsum(level) - level[0]) / 7.0
        history = PurchaseHistory.from_columns(
            frequency=x, recency=clock[last] - clock[first], age=clock[-1] - clock[first], time_unit="week"
        )
        # the unit counts each repeat purchase of the days, and k of them for each purchase of the customers
        units = (n_repeat.sum() - family.k * x.sum()) * math.log(found.ruler / 7.0)
        exact = model.log_likelihood(history).sum() + n_repeat @ np.log(level) - units
        assert found(theta).value == pytest.approx(exact, rel=1e-9, abs=1e-9 * (1.0 + abs(units)))

    @each_model
    def test_without_levels_it_is_that_of_the_model(self, name):
        log, _ = small_log()
        dated = dated_purchases(log, FAMILIES[name].k)
        found = SeasonalLikelihood(FAMILIES[name], dated, np.zeros((log.n_days, 0)), 7.0)
        history = summarise_purchases(log.customer, log.begin + log.day, as_of=log.end)
        plain = PLAIN[name](history, **k_of(name))
        units = np.where(np.array(plain.names) == "alpha", found.ruler / 7.0, 1.0)
        begin, end, count = dated.between
        gaps = (FAMILIES[name].k - 1) * (count * np.log((end - begin) / 7.0)).sum()
        assert found(np.log(plain.estimates / units)).value == pytest.approx(plain.log_likelihood + gaps, rel=1e-12)


class TestFit:
    """Parameters and levels are found together."""

    def test_finds_the_levels(self, season):
        level = Calendar(month=MONTHS).level(BEGIN + np.arange(1, N_DAYS + 1))
        error = np.log(season.level / (MONTHS / level.mean())) / np.sqrt(np.diag(season.covariance))
        assert np.abs(error).max() < 3.5
        assert (error**2).mean() < 3
        assert season.shrinkage["month"] == pytest.approx(np.log(MONTHS).std(), rel=0.6)
        assert season.log_likelihood > season.log_likelihood_flat + 20

    def test_finds_the_parameters(self, season):
        truth = np.array([TRUTH.r, TRUTH.alpha, TRUTH.a, TRUTH.b])
        error = np.log(season.fit.estimates / truth) / np.sqrt(np.diag(season.fit.search_covariance))
        assert np.abs(error).max() < 3.5
        assert season.fit.diagnosis.trustworthy
        assert season.trustworthy

    def test_the_mean_level_is_one(self, season):
        days = BEGIN + np.arange(1, N_DAYS + 1)
        assert season.calendar.level(days).mean() == pytest.approx(1.0, rel=1e-12)
        both = fit_calendar(*LOG, by=("month", "weekday"), holidays={"Christmas": ["1997-12-25"]})
        days = np.arange(both.begin + 1, both.end + 1)
        assert both.calendar.level(days).mean() == pytest.approx(1.0, rel=1e-12)

    def test_its_end_is_a_peak_of_likelihood_and_prior(self, peak):
        """No parameter and no level can be moved to a higher sum of both; the errors are those of the peak."""
        season, _, at, theta, precision = peak
        assert np.abs(at.gradient - precision * theta).max() < 1e-3
        covariance = np.linalg.inv(np.diag(precision) - at.hessian)
        others = np.array([0, 2, 3])
        assert season.fit.search_covariance[np.ix_(others, others)] == pytest.approx(
            covariance[np.ix_(others, others)], rel=1e-2
        )
        for i, j in ((0, 5), (3, 11), (13, 18)):  # the scale of the levels cancels in a ratio within a season
            apart = np.eye(19)[i] - np.eye(19)[j]
            own = apart @ season.covariance @ apart
            assert own == pytest.approx(apart @ covariance[4:, 4:] @ apart, rel=1e-2)

    def test_the_spread_makes_the_data_most_probable(self, peak):
        """By Laplace's approximation, times the spread: a parabola through three spreads has its top there."""
        season, likelihood, at, theta, precision = peak

        def log_marginal(step, chosen):
            prior = precision.copy()
            prior[chosen] *= math.exp(-2.0 * step)
            point, now = theta.copy(), at
            for _ in range(4):  # Newton's steps to the peak under this prior
                point = point + np.linalg.solve(np.diag(prior) - now.hessian, now.gradient - prior * point)
                now = likelihood(point)
            _, log_determinant = np.linalg.slogdet(np.diag(prior) - now.hessian)
            n_levels = len(theta[chosen])
            return now.value - 0.5 * prior @ point**2 - 0.5 * log_determinant - (n_levels - 1) * step

        for chosen in (slice(4, 16), slice(16, 23)):
            below, middle, above = (log_marginal(step, chosen) for step in (-0.2, 0.0, 0.2))
            top = 0.2 * 0.5 * (below - above) / (below - 2.0 * middle + above)
            assert abs(top) < 0.05
        assert set(season.shrinkage) == {"month", "weekday"}

    @each_model
    def test_log_likelihoods(self, name):
        """Of the fit: that of the model; of the calendar: with the levels of the days of purchases."""
        found = fit_calendar(*LOG, as_of="1997-06-30", by="month", model=name, **k_of(name))
        history = summarise_purchases(*LOG, as_of="1997-06-30")
        assert found.fit.log_likelihood == pytest.approx(found.model.log_likelihood(history).sum(), abs=1e-6)
        plain = PLAIN[name](history, **k_of(name))
        log = read_log(*LOG, "1997-06-30")
        begin, end, count = dated_purchases(log, FAMILIES[name].k).between
        gaps = (FAMILIES[name].k - 1) * (count * np.log((end - begin) / 7.0)).sum()
        assert found.log_likelihood_flat == pytest.approx(plain.log_likelihood + gaps, abs=1e-6)
        assert found.log_likelihood > found.log_likelihood_flat

    def test_many_customers_are_merged_first(self, cdnow, monkeypatch):
        """The search ends at the same peak if it begins with merged customers, and with fewer looks at all of them."""
        monkeypatch.setattr(calendar_fit_module, "_MANY", 100)
        found = fit_calendar(*LOG, as_of="1997-09-30", by="month")
        assert found.level == pytest.approx(cdnow.level, rel=2e-3)
        assert found.log_likelihood == pytest.approx(cdnow.log_likelihood, abs=0.1)
        assert found.fit.diagnosis.n_evaluations < cdnow.fit.diagnosis.n_evaluations

    def test_strong_shrinkage_leaves_no_season(self):
        found = fit_calendar(*LOG, as_of="1997-09-30", shrinkage=1e-4)
        plain = fit_mbg_nbd(summarise_purchases(*LOG, as_of="1997-09-30"))
        assert found.level == pytest.approx(1.0, abs=1e-5)
        assert found.fit.estimates == pytest.approx(plain.estimates, rel=1e-4)

    def test_a_known_calendar(self, cdnow):
        """The model fitted to the levels that were found has the parameters that were found."""
        found = fit_calendar(*LOG, as_of="1997-09-30", calendar=cdnow.calendar)
        assert found.fit.estimates == pytest.approx(cdnow.fit.estimates, rel=1e-4)
        assert found.log_likelihood == pytest.approx(cdnow.log_likelihood, abs=1e-5)
        assert found.names == ()
        assert SeasonalFit.from_json(found.to_json()) == found
        flat = fit_calendar(*LOG, as_of="1997-09-30", calendar=Calendar(month=[1.0] * 12))
        n_later = sum(str(day) > "1997-09-30" for day in CDNOW.date.astype("datetime64[D]").tolist())
        assert cdnow.n_later == found.n_later == n_later > 0
        assert flat.log_likelihood == pytest.approx(flat.log_likelihood_flat, rel=1e-13)
        assert flat.horizon_messages(9) == ()

    def test_holidays_and_figures(self):
        customer, date = draw_log(1500, 12, months=np.ones(12))
        sale = ["2023-06-01", "2023-09-01", "2024-03-01", "2024-06-01", "2024-10-01"]
        known = np.unique(customer[date < np.datetime64(sale[0])])
        buyers = np.random.default_rng(13).choice(known, (len(sale), 20))
        days = np.repeat(np.array(sale, dtype="datetime64[D]"), 20)
        log = np.concatenate([customer, buyers.ravel()]), np.concatenate([date, days])
        found = fit_calendar(*log, by=(), holidays={"sale": sale}, as_of=BEGIN + N_DAYS)
        assert found.names == ("sale",)
        assert found.n_days.tolist() == [5]
        assert 2.0 < found.level[0] < 12.0
        days = BEGIN + np.arange(N_DAYS + 1)
        figure = fit_calendar(
            *log, by=(), covariates={"in tens": (days, 10.0 * np.isin(days, np.array(sale, dtype="datetime64[D]")))},
            as_of=BEGIN + N_DAYS, shrinkage=50.0,
        )  # fmt: skip
        free = fit_calendar(*log, by=(), holidays={"sale": sale}, as_of=BEGIN + N_DAYS, shrinkage=50.0)
        assert figure.level[0] ** 10 == pytest.approx(free.level[0], rel=1e-3)

    def test_other_units_of_time(self, cdnow):
        daily = fit_calendar(*LOG, as_of="1997-09-30", time_unit="day")
        assert daily.level == pytest.approx(cdnow.level, rel=1e-6)
        assert daily.model.alpha == pytest.approx(7 * cdnow.model.alpha, rel=1e-5)

    def test_order_of_rows_and_copies_do_not_matter(self, cdnow):
        order = np.random.default_rng(1).permutation(len(CDNOW.date))
        again = np.concatenate([order, order[:500]])
        found = fit_calendar(CDNOW.customer[again], CDNOW.date[again], as_of="1997-09-30")
        later = CDNOW.date[order[:500]].astype("datetime64[D]") > np.datetime64("1997-09-30")
        assert attrs.evolve(found, n_later=found.n_later - int(later.sum())) == cdnow  # it counts rows, and so copies

    @pytest.mark.slow
    def test_coverage_of_two_hundred_logs(self):
        """92 to 98 % of the intervals hold the truth, those of parameters and of levels; single ones within chance."""
        level = Calendar(month=MONTHS).level(BEGIN + np.arange(1, N_DAYS + 1))
        truth = np.log(np.concatenate([[TRUTH.r, TRUTH.alpha, TRUTH.a, TRUTH.b], MONTHS / level.mean()]))
        held = np.zeros(len(truth))
        for base in range(200):
            found = fit_calendar(*draw_log(2000, [20, base]), as_of=BEGIN + N_DAYS)
            half = 1.959964 * np.sqrt(np.diag(found.fit.search_covariance))
            of_parameters = np.abs(np.log(found.fit.estimates) - truth[:4]) <= half
            low, high = np.log(found.ends())
            held += np.concatenate([of_parameters, (low <= truth[4:]) & (truth[4:] <= high)])
        assert 0.92 < held[:4].mean() / 200 < 0.98
        assert 0.92 < held[4:].mean() / 200 < 0.98
        assert (held >= binom.ppf(1e-4, 200, 0.95)).all(), held


class TestMessages:
    """What the calendar cannot know is said."""

    def test_months_that_were_not_seen(self, cdnow):
        assert cdnow.messages[0].startswith("not in the data (1997-01-01 to 1997-09-30): October, November, December;")
        assert cdnow.calendar.month[9:].tolist() == [1.0] * 3
        assert cdnow.calendar.unseen == ("October", "November", "December")
        assert "October" not in cdnow.names
        assert not cdnow.trustworthy

    def test_a_leap_week_is_like_the_week_before(self):
        found = fit_calendar(*draw_log(400, 17), as_of=BEGIN + N_DAYS, by="week")
        assert found.calendar.week[52] == found.calendar.week[51] != 1.0
        assert found.calendar.unseen == ()

    def test_days_that_were_not_seen(self):
        early = ["2023-12-20", "2023-12-28", "2024-01-09", "2024-02-10"]
        found = fit_calendar([1, 1, 2, 1], early, as_of="2024-03-03", by="week", holidays={"Easter": ["2024-03-31"]})
        assert "week 52" in found.names
        assert found.calendar.unseen[:2] == ("week 10", "week 11")
        assert found.calendar.unseen[-1] == "Easter"
        assert found.calendar.level(["2024-03-31"]).tolist() == [1.0]

    def test_horizons(self, cdnow):
        assert "lies in a season" in cdnow.horizon_messages(13)[0]
        assert "lies in part in a season" in cdnow.horizon_messages(30)[0]
        with pytest.raises(InputError, match="horizon"):
            cdnow.horizon_messages(0)

    def test_a_covariate_that_ends_within_the_horizon(self):
        """Its value is 0 on later days, which for a price index of 100 is a level of another world."""
        days = np.arange("2023-12-20", "2024-03-11", dtype="datetime64[D]")
        log = [1, 1, 2, 1, 2], ["2023-12-20", "2023-12-28", "2024-01-09", "2024-02-10", "2024-02-20"]
        found = fit_calendar(*log, as_of="2024-03-03", by=(), covariates={"rain": (days, np.arange(82) % 3)})
        assert found.horizon_messages(1) == ()
        ended = "the horizon ends on 2024-03-17, but rain has no value after 2024-03-10: it is 0 then"
        assert found.horizon_messages(2) == (ended,)

    def test_a_season_that_was_seen_once(self, cdnow, season):
        assert "0.7 years" in cdnow.messages[1]
        assert season.messages == ()

    def test_few_purchases(self):
        some = np.isin(CDNOW.customer, np.unique(CDNOW.customer)[:100])
        found = fit_calendar(CDNOW.customer[some], CDNOW.date[some], by="week")
        assert any("it is mostly the prior" in message for message in found.messages)
        assert np.isfinite(found.level).all()

    def test_no_season(self):
        found = fit_calendar(*draw_log(400, 14, months=np.ones(12)), as_of=BEGIN + N_DAYS)
        assert found.level == pytest.approx(1.0, abs=0.4)

    @pytest.mark.parametrize("seed", range(3))
    def test_small_bases_have_an_answer(self, seed):
        found = fit_calendar(*draw_log(100, [5, seed]), as_of=BEGIN + N_DAYS)
        assert np.isfinite(found.level).all()
        assert (np.diag(found.covariance) > 0).all()
        assert found.messages or found.fit.diagnosis.messages

    @pytest.mark.parametrize(("name", "by"), [("mbg_nbd", ("month", "weekday")), ("mbg_cnbd", "month")])
    def test_odd_logs_have_an_answer(self, name, by):
        """All purchases on a few days, many customers on one day, or one customer: levels stay finite."""
        rng = np.random.default_rng(8)
        for n_customers, days in (
            (16, rng.integers(0, 700, 60) // 30 * 30),
            (40, rng.choice([0, 1], 80)),
            (1, np.arange(9)),
        ):
            customer = rng.integers(0, n_customers, len(days))
            log = customer, np.datetime64("2023-01-05") + days
            found = fit_calendar(*log, by=by, model=name, **k_of(name), as_of="2024-12-31")
            history = summarise_purchases(*log, as_of="2024-12-31")
            assert np.isfinite(found.level).all()
            assert (np.diag(found.covariance) >= 0).all()
            assert np.isfinite(found.model.expected_purchases(history, horizon=9)).all()
            assert found.fit.log_likelihood == pytest.approx(found.model.log_likelihood(history).sum(), rel=1e-6)

    def test_nobody_bought_again(self):
        found = fit_calendar([1, 2, 3], ["2024-01-01", "2024-02-03", "2024-03-04"], as_of="2024-06-30")
        assert found.level == pytest.approx(1.0, abs=1e-3)
        assert not found.trustworthy


class TestChoice:
    """`choose` leaves a calendar out that does not help on the last quarter."""

    def test_the_first_part_is_summarised_as_any_log(self):
        found = history_of(read_log(*LOG, "1997-06-30"), "week")
        exact = summarise_purchases(*LOG, as_of="1997-06-30")
        for name in ("frequency", "recency", "age", "as_of", "grain", "time_unit"):
            assert np.array_equal(getattr(found, name), getattr(exact, name)), name

    def test_a_season_is_kept(self):
        found = fit_calendar(*draw_log(3000, 11), as_of=BEGIN + N_DAYS, choose=True)
        assert "log score of the last quarter" in found.fit.comparison
        assert len(found.names) == 12

    def test_the_log_score_is_that_of_other_functions(self):
        """Minus the mean logarithm, so that lower is better, as in `proper_scores`."""
        found = fit_calendar(*LOG, as_of="1997-09-30", by="month", choose=True)
        said = re.search(r"lower is better\): (\S+) with the calendar, (\S+) without", found.fit.comparison)
        split = split_purchases(*LOG, calibration_end="1997-07-24", holdout_end="1997-09-30")
        flat = proper_scores(split, fit_mbg_nbd(split.calibration)).log_score
        assert float(said[2]) == pytest.approx(flat, abs=6e-5)
        assert 0 < float(said[1]) < flat

    @pytest.mark.slow
    def test_a_base_without_seasons_seldom_keeps_a_calendar(self):
        """By the larger log score alone, 14 to 24 of 40 logs kept one."""
        kept = 0
        for seed in range(40):
            rng = np.random.default_rng(seed)
            begin, pace = rng.integers(0, 365, 100), rng.gamma(0.7, 1 / 21, 100)
            n = rng.poisson(pace * (760 - begin))
            who = np.repeat(np.arange(100), n + 1)
            day = begin[who] + np.floor(rng.random(len(who)) * (760 - begin[who])).astype(int)
            day[np.cumsum(n + 1) - 1] = begin
            found = fit_calendar(who, np.datetime64("2022-01-01") + day, by="weekday", model="nbd", choose=True)
            kept += bool(found.names)
        assert kept <= 10  # one standard error is passed by chance in 16 of 100

    def test_none_is_left_out(self):
        spring = np.array([1, 1, 4, 4, 1, 1, 1, 1, 1, 1, 1, 1.0])
        customer, date = draw_log(600, 16, months=np.ones(12))
        early = date < np.datetime64("2024-01-01")
        other, on = draw_log(600, 15, months=spring)
        kept = on < np.datetime64("2024-01-01")
        log = np.concatenate([customer, other[kept] + 600]), np.concatenate([date, on[kept]])
        assert early.any()
        found = fit_calendar(*log, as_of="2024-05-31", choose=True)
        if found.names:  # it helped
            assert "log score" in found.fit.comparison
        else:
            assert found.messages[0].startswith("the calendar was left out: log score of the last quarter")
            assert found.calendar == Calendar()


class TestUses:
    def test_in_comparisons_and_values(self, cdnow):
        split = split_purchases(*LOG, CDNOW.amount, calibration_end="1997-09-30")
        score, *_ = compare_models(split, {"MBG with a calendar": cdnow.fit})
        assert score.log_likelihood == cdnow.fit.log_likelihood
        spend = fit_gamma_gamma(split.calibration)
        values = customer_values(split.calibration[:50], cdnow.fit, spend, horizon=13, margin=0.3, discount_rate=0.002)
        assert values.expected_purchases == pytest.approx(
            cdnow.model.expected_purchases(split.calibration[:50], horizon=13), rel=1e-12
        )

    def test_with_intervals(self, cdnow):
        split = split_purchases(*LOG, CDNOW.amount, calibration_end="1997-09-30")
        spend = fit_gamma_gamma(split.calibration)
        values = customer_values(
            split.calibration, cdnow.fit, spend, horizon=13, margin=0.3, level=0.9, n_draws=40,
            rng=np.random.default_rng(1),
        )  # fmt: skip
        low, high = values.intervals.total
        assert low < values.clv.sum() < high
        assert "levels count as known" in values.intervals.caution
        plan = revenue_plan(
            split.calibration, cdnow.fit, spend, margin=0.3, n_months=2, level=0.9, n_draws=40,
            rng=np.random.default_rng(1),
        )  # fmt: skip
        assert "levels" not in attrs.evolve(plan, level=None).caution
        assert "take its levels as known" in plan.caution
        assert "It follows the calendar" in plan.caution
        assert "knows no season" in attrs.evolve(plan, seasonal=False).caution

    def test_in_frames(self, cdnow):
        customers = frames.summarise(CDNOW.to_frame("polars"), as_of="1997-09-30", time_unit="week")
        found = frames.value(customers, cdnow.fit, horizon=13).frame["expected_purchases"].to_numpy()
        history = summarise_purchases(*LOG, as_of="1997-09-30")
        assert found == pytest.approx(cdnow.model.expected_purchases(history, horizon=13), rel=1e-12)
        lazy = frames.summarise(CDNOW.to_frame("polars").lazy(), as_of="1997-09-30", time_unit="week")
        valued = frames.value(lazy, cdnow.fit, horizon=13, margin=0.3).frame.collect()
        assert valued["expected_purchases"].sum() == pytest.approx(found.sum(), rel=1e-9)

    def test_holdouts_are_not_fitted_again(self, cdnow):
        split = split_purchases(*LOG, CDNOW.amount, calibration_end="1997-06-30", holdout_end="1997-09-30")
        known = summarise_purchases(*LOG, CDNOW.amount, as_of="1997-09-30")
        with pytest.raises(InputError, match="purchase_model"):
            customer_values(
                known, cdnow.fit, fit_gamma_gamma(known), horizon=13, margin=0.3, level=0.9, n_draws=40,
                rng=np.random.default_rng(1), inflate="holdout", holdout=split,
            )  # fmt: skip

    def test_table_and_picture(self, cdnow):
        assert cdnow.to_columns()["n_repeat"].sum() == summarise_purchases(*LOG, as_of="1997-09-30").frequency.sum()
        assert "fastest in February" in cdnow._parts().title
        assert SeasonalFit.from_json(cdnow.to_json()) == cdnow
        assert "No level" in fit_calendar(*LOG, calendar=Calendar())._parts().title

    def test_levels_that_the_data_do_not_determine(self, season):
        with np.errstate(all="raise"):
            low, high = attrs.evolve(season, data_error=np.full(12, 1e50)).ends()
            assert (low.max(), high.min()) == (0.0, np.inf)
            low, high = season.ends(1 - 2**-53)
        z = -NormalDist().inv_cdf(2**-54)
        assert np.log(high / season.data_level) == pytest.approx(z * season.data_error, rel=1e-9)
        assert low * high == pytest.approx(season.data_level**2, rel=1e-9)

    @pytest.mark.parametrize("horizon", [1e6, 1e100])
    def test_a_horizon_after_the_last_year(self, season, horizon):
        with pytest.raises(InputError, match="`horizon` must be such that it ends by the year 9999"):
            season.horizon_messages(horizon)


class TestRejections:
    @pytest.mark.parametrize(
        "wrong",
        [
            {"names": ("May",) * 12},
            {"level": np.zeros(12)},
            {"level": np.ones(11)},
            {"data_level": np.zeros(12)},
            {"data_error": -np.ones(12)},
            {"covariance": np.eye(11)},
            {"covariance": -np.eye(12)},
            {"shrinkage": 0.3},
            {"shrinkage": {"month": 0.0}},
            {"fit": fit_nbd(summarise_purchases(*LOG))},
        ],
    )
    def test_of_a_value(self, season, wrong):
        with pytest.raises(InputError, match=f"`{next(iter(wrong))}"):
            attrs.evolve(season, **wrong)

    def test_a_log_of_one_day_is_said_in_words(self):
        with pytest.raises(InputError, match="got '1 day from 2024-01-01 on'"):
            fit_calendar([1, 2, 3], ["2024-01-01"] * 3, by=("month",))

    @pytest.mark.parametrize(
        ("wrong", "name"),
        [
            ({"model": "bg_bb"}, "model"),
            ({"model": "mbg_cnbd"}, "k"),
            ({"k": 2}, "k"),
            ({"by": "quarter"}, "by"),
            ({"by": ("month", "month")}, "by"),
            ({"by": ("month", "week")}, "by"),
            ({"by": ()}, "by"),
            ({"holidays": ["2024-01-01"]}, "holidays"),
            ({"holidays": {"May": ["2024-01-01"]}}, "holidays"),
            ({"covariates": {"rain": ["2024-01-01"]}}, "covariates"),
            ({"covariates": {"rain": 1.0}}, "covariates['rain']"),
            ({"covariates": {"rain": (["1997-02-30"], [1.0])}}, "covariates['rain'][0]"),
            ({"covariates": {"rain": (["1997-02-03"], [1.0, 2.0])}}, "covariates['rain'][1]"),
            ({"covariates": {"rain": (["1997-02-03"], [1e15])}}, "covariates['rain'][1]"),
            ({"covariates": {"May": (["1997-02-03"], [1.0])}}, "covariates"),
            ({"covariates": {"sale": (["1997-02-03"], [1.0])}, "holidays": {"sale": ["1997-02-03"]}}, "covariates"),
            ({"holidays": {"sale": ["1997-02-30"]}}, "holidays['sale']"),
            ({"calendar": 1}, "calendar"),
            ({"calendar": Calendar(), "shrinkage": 0.3}, "calendar"),
            ({"calendar": Calendar(), "by": "week"}, "calendar"),
            ({"calendar": Calendar(), "choose": True}, "calendar"),
            ({"shrinkage": 0.0}, "shrinkage"),
            ({"shrinkage": 1e9}, "shrinkage"),
            ({"as_of": "1996-12-31"}, "as_of"),
            ({"as_of": "9999-12-31"}, "date"),
            ({"as_of": "1997-01-01"}, "date"),
            ({"time_unit": "hour"}, "time_unit"),
        ],
    )
    def test_each_is_named(self, wrong, name):
        with pytest.raises(InputError) as caught:
            fit_calendar(*LOG, **wrong)
        assert caught.value.name.startswith(name)

    def test_figures_too_small_for_a_level(self):
        """The level is the factor for a value of 1: for figures of 1e-12 it would be no number."""
        days = np.arange("1997-01-01", "1998-07-01", dtype="datetime64[D]")
        rain = 1e-12 * (np.arange(len(days)) % 7)
        with pytest.raises(InputError, match=r"covariates\['rain'\].*smaller unit"):
            fit_calendar(*LOG, covariates={"rain": (days, rain)})


def test_no_prior_is_advised_where_none_is_taken():
    day = np.datetime64("2022-01-01") + np.random.default_rng(0).integers(0, 700, 120)
    messages = fit_calendar(np.repeat(np.arange(40), 3), day, calendar=Calendar()).fit.diagnosis.messages
    assert "r, a, b ran to the boundary of the search: try a simpler model, or get more data" in messages


class TestOneOddRow:
    """A row dated 1970 by mistake makes no short log a long one."""

    @pytest.mark.parametrize("choose", [False, True])
    def test_what_was_seen_once_is_no_season(self, choose):
        log = load_cdnow()
        odd = np.append(log.customer, -1), np.append(log.date, np.datetime64("1970-01-01"))
        with pytest.warns(DataWarning, match="1 row is more than 5 years before all others, the first of 1970-01-01"):
            found = fit_calendar(*odd, choose=choose)
        plain = fit_calendar(log.customer, log.date, choose=choose)
        assert found.messages == plain.messages
        assert not found.trustworthy
        assert found.names == plain.names
