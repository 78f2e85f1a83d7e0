"""What must hold for Pareto/NBD with a calendar: customers buy by its clock, and leave by the ordinary one."""

from __future__ import annotations

import math
from itertools import islice

import attrs
import mpmath as mp
import numpy as np
import pytest

from crmvalue._models.clocks import pareto_clock_process
from crmvalue._models.clocks.pieces import cut
from crmvalue._models.shared.numerics import count_tails
from crmvalue.datasets import load_cdnow
from crmvalue.errors import InputError
from crmvalue.models import (
    Calendar,
    CovariateEffect,
    GammaGamma,
    ParetoNbd,
    SeasonalModel,
    customer_values,
    proper_scores,
    purchase_tracking,
    revenue_plan,
)
from crmvalue.purchases import PurchaseHistory, split_purchases
from tests.models.references import TimeVaryingMp
from tests.models.seasons.test_seasonal_model import EVEN, HISTORY, UNEVEN, answers

PARETO = ParetoNbd(0.553, 10.58, 0.606, 11.67, "week")
CDNOW = load_cdnow()
LOG = CDNOW.customer, CDNOW.date
END = np.datetime64("2024-11-30")


def exactly(model, calendar, age, horizon):
    """Give the model by its definition at 50 digits, for customers of one age: periods are runs of equal levels."""
    n_days = math.ceil(age * 7), math.ceil(horizon * 7)
    level = calendar.level(np.arange(END - n_days[0] + 1, END + n_days[1] + 1))
    last = np.append(np.flatnonzero(np.diff(level)), len(level) - 1)
    # The end of observation is the end of a day; the first purchase may be within one.
    ends = [mp.mpf(float(age)) + mp.mpf(int(day) + 1 - n_days[0]) / 7 for day in last]
    exact = TimeVaryingMp(model.r, model.alpha, model.s, model.beta, [1.0] * len(ends), level[last], [1.0] * len(ends))
    exact.ends = ends
    return exact


def log_likelihood(exact, x, t_x, age):
    """Leave out the levels of the days of purchases, as the model does."""
    with mp.workdps(50):
        shared = mp.loggamma(exact.r + x) - mp.loggamma(exact.r) + exact.r * mp.log(exact.alpha)
        return shared + mp.log(sum(exact.likelihood(x, mp.mpf(float(t_x)), mp.mpf(float(age)))))


def compare(model, calendar, x, t_x, age, n, horizon, *, within, predictions=True):
    """All answers for one customer, beside the integrals."""
    seasonal = SeasonalModel(model, calendar)
    history = PurchaseHistory.from_columns(frequency=[x], recency=[t_x], age=[age], time_unit="week", as_of=END)
    exact = exactly(model, calendar, age, horizon)
    with mp.workdps(50):
        alive, left = exact.likelihood(x, mp.mpf(float(t_x)), mp.mpf(float(age)))
        chance = alive / (alive + left)
    expected = {"likelihood": log_likelihood(exact, x, t_x, age), "alive": chance}
    found = {"likelihood": seasonal.log_likelihood(history), "alive": seasonal.prob_alive(history)}
    if predictions:
        with mp.workdps(50):
            begin = mp.mpf(float(age))
            rate = (exact.r + x) / (exact.alpha + exact.grown(begin, exact.bought))
            force = mp.log1p(mp.mpf(0.01))

            def bought(discount):
                def each(u):
                    return mp.exp(-discount * (u - begin)) * exact.factor(u, exact.bought) * exact.stay(u)

                return chance * rate * exact.over(each, begin, begin + mp.mpf(float(horizon))) / exact.stay(begin)

            expected["purchases"], expected["discounted"] = bought(mp.mpf(0)), bought(force)
            expected["count"] = chance * exact.prob_purchases(x, age, n, horizon) + (0 if n else 1 - chance)
            expected["later"] = chance * exact.stay(begin + mp.mpf(float(horizon))) / exact.stay(begin)
        found["purchases"] = seasonal.expected_purchases(history, horizon=horizon)
        found["discounted"] = seasonal.discounted_expected_purchases(history, discount_rate=0.01, horizon=horizon)
        found["count"] = seasonal.prob_purchases(history, n, horizon=horizon)
        found["later"] = seasonal.prob_alive(history, at=horizon)
    for name, value in expected.items():
        assert found[name][0] == pytest.approx(float(value), rel=within, abs=1e-300), name


class TestExact:
    """The definition at 50 digits: one rate of buying times the level, and a lifetime by the ordinary clock."""

    def test_likelihood_of_a_customer(self):
        compare(PARETO, attrs.evolve(UNEVEN, weekday=None), 40, 15.5, 19.0, 0, 0.0, within=1e-12, predictions=False)

    def test_predictions_day_by_day(self):
        """The mean rate times the level times the chance to stay, at six nodes of each day."""
        seasonal, horizon = SeasonalModel(PARETO, UNEVEN), 9.3
        edges = np.append(np.arange(np.ceil(horizon * 7)), horizon * 7) / 7
        node, weight = np.polynomial.legendre.leggauss(6)
        moment = edges[:-1, np.newaxis] + np.diff(edges)[:, np.newaxis] * (node + 1) / 2
        level = UNEVEN.level(END + 1 + np.arange(len(moment)))
        until = UNEVEN.operational_history(HISTORY).age
        rate = (PARETO.r + HISTORY.frequency) / (PARETO.alpha + until) * seasonal.prob_alive(HISTORY)
        for discount in (0.0, 0.01):
            weights = np.diff(edges)[:, np.newaxis] * weight / 2 * level[:, np.newaxis] * (1 + discount) ** -moment
            stays = (1 + moment.ravel() / (PARETO.beta + HISTORY.age[:, np.newaxis])) ** -PARETO.s
            found = seasonal.discounted_expected_purchases(HISTORY, discount_rate=discount, horizon=horizon)
            assert found == pytest.approx(rate * (stays @ weights.ravel()), rel=1e-12)

    @pytest.mark.slow
    @pytest.mark.parametrize(("x", "t_x", "age", "n"), [(2, 30.0, 38.0, 1), (0, 0.0, 20.0, 0), (40, 35.5, 36.0, 12)])
    def test_of_a_customer(self, x, t_x, age, n):
        compare(PARETO, attrs.evolve(UNEVEN, weekday=None), x, t_x, age, n, 9.5, within=1e-12)

    @pytest.mark.slow
    def test_by_weekday(self):
        compare(PARETO, UNEVEN, 3, 2.0, 5.0, 0, 2.0, within=1e-12, predictions=False)

    @pytest.mark.slow
    @pytest.mark.parametrize("seed", range(3))
    def test_of_searched_parameters(self, seed):
        """A wider search, of 64 customers of up to 100 weeks and horizons of up to 60, was clean."""
        rng = np.random.default_rng([7, seed])
        r, s = np.exp(rng.uniform(np.log(0.01), np.log(20), 2))
        alpha, beta = np.exp(rng.uniform(np.log(0.01), np.log(1e4), 2))
        age = float(rng.integers(1, 150)) / 7
        x = int(rng.choice([0, 1, 3, 30, 500]))
        t_x = float(rng.uniform(0, age)) if x else 0.0
        calendar = Calendar(month=np.exp(rng.uniform(-2.0, 2.0, 12)))
        n, horizon = int(rng.choice([0, 1, 5, 60])), float(rng.uniform(0.1, 12.0))
        compare(ParetoNbd(r, alpha, s, beta, "week"), calendar, x, t_x, age, n, horizon, within=1e-10)


class TestClock:
    def test_an_even_calendar_is_none(self):
        plain = answers(PARETO)
        for name, found in answers(SeasonalModel(PARETO, EVEN)).items():
            assert found == pytest.approx(plain[name], rel=1e-12, abs=1e-300), name

    def test_a_nearly_even_calendar_is_nearly_none(self):
        """The same by pieces: levels that differ in the last digits only."""
        nearly = Calendar(month=1.0 + 1e-13 * np.arange(12), weekday=1.0 + 1e-13 * np.arange(7))
        plain = answers(PARETO)
        for name, found in answers(SeasonalModel(PARETO, nearly)).items():
            assert found == pytest.approx(plain[name], rel=1e-11, abs=1e-300), name

    def test_levels_and_alpha_have_one_scale(self):
        c = 3.7
        faster = Calendar(month=UNEVEN.month * c, weekday=UNEVEN.weekday, days=UNEVEN.days)
        slower = attrs.evolve(PARETO, alpha=PARETO.alpha * c)
        found, plain = answers(SeasonalModel(slower, faster)), answers(SeasonalModel(PARETO, UNEVEN))
        plain["likelihood"] = plain["likelihood"] - HISTORY.frequency * np.log(c)
        for name, column in found.items():
            assert column == pytest.approx(plain[name], rel=1e-11), name

    def test_one_level_for_all_days(self):
        doubled = SeasonalModel(attrs.evolve(PARETO, alpha=2.0 * PARETO.alpha), Calendar(month=[2.0] * 12))
        plain = answers(PARETO)
        plain["likelihood"] = plain["likelihood"] - HISTORY.frequency * np.log(2.0)
        for name, column in answers(doubled).items():
            assert column == pytest.approx(plain[name], rel=1e-12), name

    def test_silence_out_of_season_says_little(self):
        """Nobody buys in summer: those who did not are not lost. In a busy season they are."""
        quiet, busy = (SeasonalModel(PARETO, Calendar(month={"November": level})) for level in (0.01, 5.0))
        history = PurchaseHistory.from_columns(
            frequency=[20], recency=[40.0], age=[44.0], time_unit="week", as_of=END
        )  # fmt: skip
        assert quiet.prob_alive(history) > PARETO.prob_alive(history) > busy.prob_alive(history)

    def test_counts_sum_to_one_and_to_the_mean(self):
        seasonal = SeasonalModel(PARETO, UNEVEN)
        counts = np.arange(120)
        each = np.array([seasonal.prob_purchases(HISTORY, n, horizon=20.0) for n in counts.tolist()])
        assert each.sum(axis=0) == pytest.approx(1.0, rel=1e-12)
        assert counts @ each == pytest.approx(seasonal.expected_purchases(HISTORY, horizon=20.0), rel=1e-11)

    def test_tails_are_sums_of_the_counts(self):
        seasonal = SeasonalModel(PARETO, UNEVEN)
        often = PurchaseHistory.from_columns(frequency=[30], recency=[2.9], age=[3.0], time_unit="week", as_of=END)
        for history, ahead in ((HISTORY, [20.0, 3.0, 50.0, 0.0]), (often, [260.0])):
            process, past, time = seasonal._process(history), seasonal._past(history), np.array(ahead)
            total = np.zeros(len(time))
            for n, (tail,) in enumerate(islice(process.tails(past, time), 12)):
                total += process.prob(past, time, np.full(len(time), float(n)))
                assert tail == pytest.approx(1.0 - total, abs=1e-12)

    def test_tails_take_no_node_for_each_day(self, monkeypatch):
        """A year of levels by weekday has 365 bends; the counts change little from one to the next."""
        levels = {"Monday": 0.5, "Tuesday": 1.5, "Wednesday": 0.7, "Thursday": 1.2, "Friday": 2.0, "Saturday": 0.1}
        weekly = Calendar(weekday={**levels, "Sunday": 1.0})
        seasonal = SeasonalModel(PARETO, weekly)
        process, past, ahead = seasonal._process(HISTORY), seasonal._past(HISTORY), np.full(4, 52.0)
        cells = []

        def counting(shape, w):
            cells.append(w.size)
            return count_tails(shape, w)

        monkeypatch.setattr(pareto_clock_process, "count_tails", counting)
        total = np.zeros(4)
        for n, (tail,) in enumerate(islice(process.tails(past, ahead), 12)):
            total += process.prob(past, ahead, np.full(4, float(n)))
            assert tail == pytest.approx(1.0 - total, abs=1e-12)
        assert sum(cells) < 4 * 500

    def test_scores_of_a_holdout(self):
        split = split_purchases(*LOG, calibration_end="1997-09-30", holdout_end="1997-12-31")
        even, found = (proper_scores(split, model) for model in (PARETO, SeasonalModel(PARETO, EVEN)))
        assert found.crps == pytest.approx(even.crps, rel=1e-9)
        assert found.log_score == pytest.approx(even.log_score, rel=1e-9)

    @pytest.mark.parametrize(("rate", "horizon"), [(0.0005, 300.0), (2.0, 0.1), (0.003, 3000.0), (1.0, 30.0)])
    def test_discounted_stays_between_none_and_all(self, rate, horizon):
        seasonal = SeasonalModel(PARETO, UNEVEN)
        found = seasonal.discounted_expected_purchases(HISTORY, discount_rate=rate, horizon=horizon)
        whole = seasonal.expected_purchases(HISTORY, horizon=horizon)
        assert (found <= whole * (1 + 1e-12)).all()
        assert (found >= whole * (1 + rate) ** -horizon * (1 - 1e-12)).all()

    def test_without_a_rate_a_horizon_is_needed(self):
        with pytest.raises(InputError, match="discount_rate"):
            SeasonalModel(PARETO, UNEVEN).discounted_expected_purchases(HISTORY, discount_rate=0.0)

    def test_horizons_that_end_where_the_clock_changes(self):
        """A week is seven days: seven times the horizon may be a rounding error from the end of a day."""
        seasonal = SeasonalModel(PARETO, UNEVEN)
        days = np.arange(130)
        expected = [seasonal.expected_purchases(HISTORY[[0]], horizon=day / 7)[0] for day in days.tolist()]
        each = UNEVEN.level(END + 1 + days[:-1])
        assert (np.diff(expected) / each / expected[1] < 8.0).all()
        assert (np.diff(np.diff(expected) / each) < 1e-12).all()


class TestPieces:
    def test_each_row_is_cut(self):
        found = cut(np.array([0.0, 2.0, 3.0, 2.5]), np.array([5.0, 2.0, 4.0, 3.0]), np.array([1.0, 3.0, 4.0]))
        assert found.owner.tolist() == [0, 0, 0, 0, 2, 3]
        assert found.begin.tolist() == [0.0, 1.0, 3.0, 4.0, 3.0, 2.5]
        assert found.end.tolist() == [1.0, 3.0, 4.0, 5.0, 4.0, 3.0]
        assert found.starts.tolist() == [0, 4, 5]
        assert found.log_sums(np.log(found.length))[[0, 2, 3]] == pytest.approx(np.log([5.0, 1.0, 0.5]))
        assert found.log_sums(np.zeros(6))[1] == -np.inf
        assert found.maxima(found.begin).tolist() == [4.0, -np.inf, 3.0, 2.5]


class TestDraws:
    def test_an_even_calendar_draws_as_none(self):
        ages = np.linspace(1, 30, 500)
        plain = PARETO.simulate(ages, rng=np.random.default_rng(4))
        found = SeasonalModel(PARETO, EVEN).simulate(ages, rng=np.random.default_rng(4), as_of="2025-01-20")
        assert np.array_equal(found.frequency, plain.frequency)
        assert found.recency == pytest.approx(plain.recency, rel=1e-9)

    def test_drawn_customers_buy_in_their_season(self):
        calendar = Calendar(month={"December": 5.0, "January": 0.01, "November": 0.01})
        model = SeasonalModel(ParetoNbd(2.0, 8.0, 1.5, 30.0, "week"), calendar)
        drawn = model.simulate(np.full(6000, 12.0), rng=np.random.default_rng(3), as_of="2025-01-20")
        new = model.starting("2024-10-28")
        assert drawn.frequency.mean() == pytest.approx(new.expected_purchases_new(horizon=12.0), rel=0.04)
        assert (drawn.frequency == 0).mean() == pytest.approx(new.prob_purchases_new(0, horizon=12.0), abs=0.02)
        last = drawn.recency[drawn.frequency > 0] * 7
        assert ((last > 34) & (last <= 65)).mean() > 0.95

    def test_values_and_plans_follow_the_calendar(self):
        seasonal, spend = SeasonalModel(PARETO, UNEVEN), GammaGamma(6.25, 3.74, 15.44)
        values = customer_values(HISTORY, seasonal, spend, horizon=4, margin=0.3, service_cost=0.1)
        assert values.expected_purchases == pytest.approx(seasonal.expected_purchases(HISTORY, horizon=4), rel=1e-12)
        plan = revenue_plan(HISTORY, seasonal, spend, margin=0.3, n_months=2)
        upto = [seasonal.expected_purchases(HISTORY, horizon=days / 7).sum() for days in (31, 62)]
        assert np.cumsum(plan.expected_purchases) == pytest.approx(upto, rel=1e-12)

    def test_futures_have_the_mean_that_is_expected(self):
        seasonal, spend = SeasonalModel(PARETO, UNEVEN), GammaGamma(6.25, 3.74, 15.44)
        many = HISTORY[np.tile(np.arange(4), 50)]
        values = customer_values(many, seasonal, spend, horizon=26, margin=0.3)
        process, past = seasonal._process(HISTORY), seasonal._past(HISTORY)
        owner = np.repeat(np.arange(4), 20_000)
        drawn = process.draw_future(past, owner, 26.0, np.random.default_rng(5))
        mean = np.bincount(owner, drawn.n_before) / 20_000
        assert mean == pytest.approx(process.purchases(past, np.full(4, 26.0)), rel=0.04)
        assert len(values.clv) == 200

    def test_tracking_adds_newcomers_up(self):
        customer, date = [1, 2, 3, 1], ["2024-11-01", "2024-11-20", "2024-12-25", "2024-12-30"]
        seasonal = SeasonalModel(PARETO, UNEVEN)
        found = purchase_tracking(customer, date, seasonal, as_of="2025-01-31", period_days=1)
        until = np.datetime64("2025-01-15")
        each = [
            seasonal.starting(first).expected_purchases_new(
                horizon=int((until - np.datetime64(first)).astype(int)) / 7
            ) for first in date[:3]
        ]  # fmt: skip
        day = int(np.flatnonzero(found.end == until)[0])
        assert found.cumulative_expected[day] == pytest.approx(sum(each), rel=1e-12)

    def test_effects_of_covariates_stay(self):
        effect = CovariateEffect("is_member", 0.5)
        model = attrs.evolve(PARETO, purchase_effects=[effect], dropout_effects=[effect])
        seasonal = SeasonalModel(model, UNEVEN)
        members = HISTORY.with_covariates({"is_member": [1.0, 0.0, 1.0, 0.0]})
        for value in (0.0, 1.0):
            one = answers(seasonal.for_covariates({"is_member": value}))
            both = answers(seasonal, members)
            rows = [0, 2] if value else [1, 3]
            for name, column in both.items():
                assert column[rows] == pytest.approx(one[name][rows], rel=1e-12), name

    def test_json_and_parameters(self):
        seasonal = SeasonalModel(PARETO, UNEVEN).starting("2024-05-01")
        assert SeasonalModel.from_json(seasonal.to_json()) == seasonal
        assert (seasonal.r, seasonal.alpha, seasonal.s, seasonal.beta) == (0.553, 10.58, 0.606, 11.67)
        assert not hasattr(seasonal, "a")
