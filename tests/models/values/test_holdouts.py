"""Intervals widened by the errors of forecasts for holdouts: what a season does that no model knows."""

from __future__ import annotations

import math
from functools import partial

import attrs
import numpy as np
import pytest
from scipy.stats import binom, t

from crmvalue._models.values.holdouts import _reach, _widened, inflated, read_holdouts
from crmvalue.errors import DataWarning, InputError
from crmvalue.models import (
    GammaGamma,
    ValueIntervals,
    customer_values,
    fit_bg_cnbd,
    fit_bg_nbd,
    fit_calendar,
    fit_gamma_gamma,
    fit_mbg_cnbd,
    fit_mbg_nbd,
    fit_nbd,
    fit_pareto_nbd,
)
from crmvalue.purchases import split_purchases, summarise_purchases
from crmvalue.typing import Interval

START = np.datetime64("2023-01-01")
SPEND = GammaGamma(6.25, 3.74, 15.44)
WEEKS, QUARTERS = 13, 8


def draw_log(n, season, rng):
    """Draw a log of customers who never leave; `season` is the logarithm of the pace of each quarter.

    Purchases are uniform in the time of the customers, of which a good quarter holds more.
    """
    edges = np.concatenate([[0.0], np.cumsum(np.exp(season)) * WEEKS])
    first = rng.random(n) * edges[-4]
    owner = np.repeat(np.arange(n), rng.poisson(rng.gamma(1.5, 0.1, n) * (edges[-1] - first)))
    times = first[owner] + rng.random(len(owner)) * (edges[-1] - first)[owner]
    who = np.concatenate([np.arange(n), owner])
    week = np.interp(np.concatenate([first, times]), edges, np.arange(len(edges)) * WEEKS)
    nu = rng.gamma(SPEND.q, 1 / SPEND.gamma, n)
    return who, START + np.floor(7 * week).astype(int), rng.gamma(SPEND.p, 1 / nu[who])


def end_of(quarter):
    return START + 7 * WEEKS * quarter - 1


def split_at(log, quarter, length=1, **options):
    return split_purchases(*log, calibration_end=end_of(quarter), holdout_end=end_of(quarter + length), **options)


def without_money(split):
    return attrs.evolve(split, holdout_spend=np.zeros(len(split.calibration)))


def with_one_customer(split):
    """Give the split of one customer alone: too few to fit a model."""
    names = ("holdout_n_purchases", "holdout_spend", "last_n_purchases", "last_spend")
    columns = {name: getattr(split, name) for name in names}
    kept = {name: None if column is None else column[:1] for name, column in columns.items()}
    return attrs.evolve(split, calibration=split.calibration[:1], **kept)


def last_quarters(log, n=4):
    return [split_at(log, quarter) for quarter in range(QUARTERS - n, QUARTERS)]


def valued(history, fits, **changes):
    options = {"horizon": WEEKS, "margin": 0.5, "level": 0.9, "n_draws": 40, "rng": np.random.default_rng(1)}
    return customer_values(history, *fits, **{**options, **changes})


@pytest.fixture(scope="module")
def log():
    rng = np.random.default_rng(5)
    return draw_log(500, rng.normal(0, 0.3, QUARTERS + 1), rng)


@pytest.fixture(scope="module")
def history(log):
    return summarise_purchases(*log, as_of=end_of(QUARTERS), time_unit="week")


@pytest.fixture(scope="module")
def fits(history):
    return fit_nbd(history), fit_gamma_gamma(history)


@pytest.fixture(scope="module")
def splits(log):
    return last_quarters(log)


def share_covered(n_bases, spread, n_customers=400):
    """Value bases whose quarters are good and bad by chance, and count the next quarters that lie in the interval."""
    hits = 0
    for seed in range(n_bases):
        rng = np.random.default_rng(seed)
        log = draw_log(n_customers, rng.normal(0, spread, QUARTERS + 1), rng)
        history = summarise_purchases(*log, as_of=end_of(QUARTERS), time_unit="week")
        fits = fit_nbd(history), fit_gamma_gamma(history, priors={"p": (6.0, 0.5), "q": (4.0, 0.5)})
        found = valued(history, fits, inflate="holdout", holdout=last_quarters(log))
        low, high = found.intervals.total_outcome
        hits += low <= 0.5 * split_at(log, QUARTERS).holdout_spend.sum() <= high
    return hits


class TestReach:
    """Logarithms of the value over its lower end, and of its upper end over the value."""

    @pytest.mark.parametrize("unit", [1e-6, 1, 1e6])
    def test_has_no_unit(self, unit):
        found = _reach(Interval(0.25 * unit, 4 * unit), 0.5 * unit, 0.0)
        assert found == pytest.approx((math.log(2), math.log(8)), rel=1e-12)
        assert _reach(Interval(-0.25 * unit, 3.5 * unit), unit, 0.5 * unit) == pytest.approx((math.log(4), math.log(4)))

    @pytest.mark.parametrize("unit", [1e-6, 1, 1e6])
    def test_what_is_independent_adds_up_as_squares(self, unit):
        ends = Interval(0.5 * unit, 2 * unit)
        found = _widened(ends, unit, 0.0, (_reach(ends, unit, 0.0),), math.sqrt(3) * math.log(2))
        assert found == pytest.approx((unit / 4, unit * 4), rel=1e-12)  # sqrt(1 + 3) times log 2
        assert _widened(ends, 0.0, 0.0, (), 1.0) == ends

    def test_ends_that_are_no_gain(self):
        assert _reach(Interval(0.0, 0.0), 1.0, 0.0) == (math.inf, 0.0)
        assert _reach(Interval(-2.0, -1.0), 1.0, 0.0) == (math.inf, 0.0)
        assert _reach(Interval(1.0, 2.0), 0.0, 0.0) == (math.inf, math.inf)


class TestInflate:
    """`inflate="holdout"`: ends moved out by h = t sqrt(mean of e^2), e = log(money of a holdout / its forecast)."""

    def test_errors_are_those_of_models_fitted_again(self, history, fits, splits):
        found = valued(history, fits, inflate="holdout", holdout=splits).intervals
        for split, error in zip(splits, found.holdout_errors, strict=True):
            past = split.calibration
            spend = fit_gamma_gamma(past).model.expected_spend(past)
            foretold = (fit_nbd(past).model.expected_purchases(past, horizon=WEEKS) * spend).sum()
            assert error == pytest.approx(math.log(split.holdout_spend.sum() / foretold), rel=1e-9)

    def test_the_total_holds_what_the_errors_say(self, history, fits, splits):
        """On the logarithmic scale, the half-width of the total is h where a season hides chance and parameters."""
        plain, found = valued(history, fits), valued(history, fits, inflate="holdout", holdout=splits)
        errors = found.intervals.holdout_errors
        h = t.ppf(0.95, 4) * math.sqrt((errors**2).mean())
        low, high = np.log(np.array(found.intervals.total_outcome) / found.total)
        assert h > 0.4
        assert [-low, high] == pytest.approx([h, h], rel=0.02)  # the ends of the models are not quite symmetric
        own = [
            np.abs(np.log(np.array(ends) / plain.total)).min()
            for ends in (plain.intervals.total, plain.intervals.total_outcome)
        ]
        assert found.intervals.inflation == pytest.approx(math.exp(math.sqrt(h**2 - own[0] ** 2 - own[1] ** 2)))

    def test_customers(self, history, fits, splits):
        plain, found = valued(history, fits), valued(history, fits, inflate="holdout", holdout=splits)
        factor = found.intervals.inflation
        assert factor > 1.3
        for name, column in plain.intervals.to_columns().items():
            moved = column * factor if name.endswith("high") else column / factor
            np.testing.assert_allclose(getattr(found.intervals, name), moved, rtol=1e-12)
        for name in ("clv", "expected_purchases", "prob_alive"):
            assert np.array_equal(getattr(found, name), getattr(plain, name))

    def test_the_cost_of_serving_is_not_moved(self, history, fits, splits):
        options = {"inflate": "holdout", "holdout": splits, "service_cost": 0.2}
        plain, found = valued(history, fits, service_cost=0.2).intervals, valued(history, fits, **options).intervals
        cost = 0.2 * WEEKS  # nobody leaves
        np.testing.assert_allclose(found.clv_high + cost, (plain.clv_high + cost) * found.inflation, rtol=1e-6)
        np.testing.assert_allclose(found.outcome_low.min(), -cost, rtol=1e-6)
        assert found.total.low < plain.total.low < plain.total.high < found.total.high

    def test_one_split_is_a_list_of_one(self, history, fits, splits):
        one, same = (
            valued(history, fits, inflate="holdout", holdout=given).intervals for given in (splits[-1], (splits[-1],))
        )
        assert one == same
        assert "one holdout" in one.caution

    def test_all_models_and_covariates_and_priors(self, log):
        rng = np.random.default_rng(1)
        traits = {"z": rng.normal(size=500)}
        names = {"customer": np.arange(500)}
        history = summarise_purchases(*log, as_of=end_of(QUARTERS), time_unit="week").with_covariates(traits, **names)
        split = split_at(log, QUARTERS - 1).with_covariates(traits, **names)
        spend = fit_gamma_gamma(history, priors={"p": (6.0, 0.5)})
        priors = {"a": (1.0, 0.5), "b": (9.0, 0.5)}
        regular = [partial(fit, k=k) for fit, k in ((fit_bg_cnbd, 2), (fit_mbg_cnbd, 3))]
        for fit in (fit_bg_nbd, fit_mbg_nbd, *regular):
            both = [fit(one, priors=priors, purchase_covariates=["z"]) for one in (history, split.calibration)]
            found = valued(history, (both[0], spend), inflate="holdout", holdout=split).intervals
            past = split.calibration
            money = fit_gamma_gamma(past, priors=spend.priors).model.expected_spend(past)
            foretold = both[1].model.expected_purchases(past, horizon=WEEKS) @ money
            assert found.holdout_errors[0] == pytest.approx(math.log(split.holdout_spend.sum() / foretold), rel=1e-9)
        pareto = fit_pareto_nbd(history, priors={"s": (1.0, 0.3), "beta": (300.0, 0.3)})
        assert valued(history, (pareto, spend), inflate="holdout", holdout=split).intervals.inflation > 1

    def test_a_calendar_cannot_be_fitted_again(self, log, history, fits, splits):
        season = fit_calendar(*log[:2], as_of=end_of(QUARTERS), model="nbd", by="weekday")
        with pytest.raises(InputError, match="fit the model without one") as caught:
            valued(history, (season.fit, fits[1]), inflate="holdout", holdout=splits)
        assert caught.value.name == "purchase_model"

    def test_customers_who_never_pay(self, log):
        """The fit has left them out, so it leaves them out of the calibration too."""
        customer, date, amount = log
        free = customer, date, np.where(customer < 20, 0.0, amount)
        history = summarise_purchases(*free, as_of=end_of(QUARTERS), time_unit="week")
        fits = fit_nbd(history), fit_gamma_gamma(history, zeros="drop")
        assert fits[1].left_out["zero spend"] > 0
        assert valued(history, fits, inflate="holdout", holdout=last_quarters(free)).intervals.inflation > 1

    @pytest.mark.slow
    def test_covers_the_next_quarter(self):
        """Of 40 bases about 36; 31 or fewer have a chance below 2 %."""
        assert 32 <= share_covered(40, 0.25) <= 40

    @pytest.mark.slow
    @pytest.mark.parametrize("spread", [0.1, 0.4])
    def test_covers_90_percent_of_the_next_quarters(self, spread):
        low, high = binom.interval(0.99, 300, 0.9)
        assert low <= share_covered(300, spread, 800) <= high

    def test_horizon_and_holdout_of_different_length(self, log, history, fits, splits):
        for changes in ({"horizon": 52}, {"horizon": 4}, {"horizon": None, "discount_rate": 0.01}):
            with pytest.warns(DataWarning, match="the holdouts have 13 weeks") as caught:
                valued(history, fits, inflate="holdout", holdout=splits, **changes)
            assert caught[0].filename == __file__
        valued(history, fits, inflate="holdout", holdout=split_at(log, QUARTERS - 2, 2), horizon=26)

    @pytest.mark.parametrize("horizon", [13.0, 26.0])
    def test_one_of_the_holdouts_of_another_length(self, log, history, horizon):
        """3/4 of 26 weeks are 19.5: too many for a horizon of 13, and more than the shorter holdout has."""
        splits = [split_at(log, QUARTERS - 4, 2), split_at(log, QUARTERS - 2)]
        with pytest.warns(DataWarning, match="the holdouts have 13 to 26 weeks"):
            read_holdouts(splits, history, horizon)

    @pytest.mark.parametrize(
        ("change", "name", "rule"),
        [
            (lambda _: {"inflate": None}, "inflate", '"holdout" where'),
            (lambda _: {"inflate": "season"}, "inflate", "holdout"),
            (lambda _: {"level": None}, "level", "where `inflate` is"),
            (lambda _: {"holdout": None}, "holdout", "a PurchaseSplit"),
            (lambda _: {"holdout": []}, "holdout", "a PurchaseSplit"),
            (lambda _: {"holdout": [1]}, "holdout", "a PurchaseSplit"),
            (lambda log: {"holdout": split_at(log, 6, time_unit="day")}, "holdout", "in the unit of the history"),
            (lambda log: {"holdout": without_money(split_at(log, 6))}, "holdout", "with money"),
            (lambda log: {"holdout": [split_at(log, 4, 2), split_at(log, 5)]}, "holdout", "do not overlap"),
            (lambda log: {"holdout": split_at(log, QUARTERS)}, "holdout", "over when the history ends"),
            (
                lambda log: {"holdout": split_purchases(*log[:2], calibration_end=end_of(6), holdout_end=end_of(7))},
                "holdout",
                "amounts",
            ),
            (
                lambda log: {"holdout": split_at((log[0] + 9999, *log[1:]), 6)},
                "holdout",
                "same log",
            ),
            (
                lambda log: {"holdout": with_one_customer(split_at(log, 6))},
                "holdout",
                "both models can be fitted",
            ),
        ],
    )
    def test_rejects(self, log, history, fits, splits, change, name, rule):
        with pytest.raises(InputError) as caught:
            valued(history, fits, **{"inflate": "holdout", "holdout": splits, **change(log)})
        assert caught.value.name == name
        assert rule in caught.value.rule


INTERVALS = ValueIntervals(
    level=0.9,
    n_draws=200,
    clv_low=[90.0, 0.0],
    clv_high=[110.0, np.inf],
    outcome_low=[0.0, -1.0],
    outcome_high=[300.0, 0.0],
    total=(100.0 / 1.03, 103.0),
    total_outcome=(100.0 / 1.04, 104.0),
    effective_share=0.9,
)
OWN = math.hypot(math.log(1.03), math.log(1.04))


class TestInflated:
    """Half-widths add up as squares of logarithms."""

    def test_covers_the_next_error(self):
        """Errors of a normal distribution: 90 % of the next ones, for any number of holdouts and any spread."""
        rng = np.random.default_rng(2)
        for k, spread in ((1, 0.3), (2, 0.5), (4, 0.2), (8, 0.4)):
            hits = 0
            for errors in rng.normal(0, spread, (1500, k + 1)):
                low, high = inflated(INTERVALS, np.array([60.0, 40.0]), np.zeros(2), errors[1:]).total_outcome
                hits += low <= 100 * math.exp(errors[0]) <= high
            assert abs(hits / 1500 - 0.9) < 0.03 if k > 1 else 0.87 < hits / 1500 < 0.98

    def test_small_errors_leave_what_the_models_say(self):
        found = inflated(INTERVALS, np.array([60.0, 40.0]), np.zeros(2), np.array([0.01, -0.01, 0.005]))
        assert found.inflation == 1.0
        assert found.total == pytest.approx(INTERVALS.total)
        assert found.total_outcome == pytest.approx((100 * math.exp(-OWN), 100 * math.exp(OWN)))
        assert np.array_equal(found.clv_high, INTERVALS.clv_high)

    def test_the_cost_of_serving_is_taken_out_first(self):
        """Without it: 130 of money, of which 30 go for serving; the ends of money move, and 30 go again."""
        cost, errors = np.array([20.0, 10.0]), np.array([0.3, -0.3])
        found = inflated(INTERVALS, np.array([60.0, 40.0]), cost, errors)
        h = t.ppf(0.95, 2) * 0.3
        low, high = (np.array([ends.low, ends.high]) + 30 for ends in (INTERVALS.total, INTERVALS.total_outcome))
        own = [min(math.log(130 / ends[0]), math.log(ends[1] / 130)) for ends in (low, high)]
        more = math.sqrt(h**2 - own[0] ** 2 - own[1] ** 2)
        assert found.inflation == pytest.approx(math.exp(more))
        reach = math.hypot(more, math.log(130 / low[0]))
        assert found.total.low == pytest.approx(130 * math.exp(-reach) - 30)
        reach = math.hypot(more, math.log(low[1] / 130), math.log(high[1] / 130))
        assert found.total_outcome.high == pytest.approx(130 * math.exp(reach) - 30)
        assert found.clv_low.tolist() == pytest.approx([110 / found.inflation - 20, 10 / found.inflation - 10])
        assert found.outcome_high.tolist() == pytest.approx([320 * found.inflation - 20, 10 * found.inflation - 10])

    def test_ends_of_0_below_0_and_without_end(self):
        found = inflated(INTERVALS, np.array([60.0, 40.0]), np.zeros(2), np.array([0.3, -0.3]))
        assert found.clv_high.tolist() == [110 * found.inflation, np.inf]
        assert found.outcome_low.tolist() == [0.0, -1.0]
        assert found.outcome_high.tolist() == [300 * found.inflation, 0.0]

    def test_a_total_below_0_stays(self):
        """No factor brings money below 0, but the cost of serving may."""
        loss = attrs.evolve(INTERVALS, total_outcome=(-5.0, 104.0))
        found = inflated(loss, np.array([60.0, 40.0]), np.zeros(2), np.array([0.3, -0.3]))
        assert found.total_outcome.low == -5.0
        assert found.total_outcome.high > 120

    def test_an_absurd_error_gives_numbers(self):
        found = inflated(attrs.evolve(INTERVALS, level=0.999), np.array([60.0, 40.0]), np.zeros(2), np.array([5.0]))
        assert found.total.low == pytest.approx(0.0, abs=1e-200)
        assert found.total.high > 1e200
        assert np.isfinite(found.inflation)

    def test_nothing_is_worth_nothing(self):
        nothing = attrs.evolve(
            INTERVALS,
            **{name: [0.0, 0.0] for name in INTERVALS.to_columns()},
            total=(0.0, 0.0),
            total_outcome=(0.0, 0.0),
        )
        found = inflated(nothing, np.zeros(2), np.zeros(2), np.array([0.3, 0.1]))
        assert found.total == found.total_outcome == (0.0, 0.0)
        assert found.clv_high.tolist() == [0.0, 0.0]


class TestCaution:
    """In words: what is left out, and whether there are too few draws."""

    @pytest.mark.parametrize(
        ("changes", "said", "not_said"),
        [
            ({}, ["leave out the season", 'inflate="holdout"'], ["rough", "trusted"]),
            ({"effective_share": 0.19}, ["leave out the season", "are rough", "only 38 of 200 draws"], ["trusted"]),
            ({"effective_share": 0.05}, ["not to be trusted", "only 10 of 200 draws"], ["rough"]),
            ({"effective_share": 0.239, "n_draws": 20_000}, ["leave out the season"], ["rough", "trusted"]),
            ({"effective_share": 0.239, "n_draws": 1600}, ["are rough", "only 382 of 1,600 draws"], ["trusted"]),
            ({"effective_share": 0.239, "n_draws": 1700}, ["leave out the season"], ["rough", "trusted"]),
            ({"effective_share": 0.239, "n_draws": 1700, "level": 0.99}, ["are rough"], ["trusted"]),
            ({"effective_share": 0.09, "n_draws": 20_000}, ["not to be trusted"], ["rough"]),
            ({"inflation": 1.2, "holdout_errors": [0.1] * 4}, ["errors on 4 holdouts"], ["leave out the season"]),
            ({"inflation": 2.0, "holdout_errors": [0.1]}, ["one holdout"], ["leave out the season"]),
            ({"seasonal": True}, ["calendar", "count as known"], ["leave out the season"]),
            ({"seasonal": True, "effective_share": 0.19}, ["count as known", "are rough"], ["leave out the season"]),
            ({"seasonal": True, "inflation": 1.2, "holdout_errors": [0.1] * 4}, ["4 holdouts"], ["count as known"]),
        ],
    )
    def test_says(self, changes, said, not_said):
        caution = attrs.evolve(INTERVALS, **changes).caution
        assert all(words in caution for words in said)
        assert not any(words in caution for words in not_said)
