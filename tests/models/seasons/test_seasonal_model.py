"""What must hold for a model with a calendar: it is the model in operational time, and nothing without a season."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmvalue._models.clocks.clock import Clock
from crmvalue._models.regular.erlang import ErlangProcess
from crmvalue._models.repeat.beta_geometric import BetaGeometric
from crmvalue.errors import InputError
from crmvalue.models import (
    BgBb,
    BgCnbd,
    BgNbd,
    Calendar,
    CovariateEffect,
    DayEffect,
    Ensemble,
    GammaGamma,
    MbgCnbd,
    MbgNbd,
    Nbd,
    SeasonalModel,
    customer_values,
    purchase_tracking,
    revenue_plan,
)
from crmvalue.purchases import PurchaseHistory

MODELS = [
    BgNbd(0.243, 4.414, 0.793, 2.426, "week"),
    MbgNbd(0.525, 6.183, 0.891, 1.614, "week"),
    Nbd(0.385, 12.07, "week"),
    MbgCnbd(1.329, 2.813, 0.425, 0.790, "week", k=2),
    BgCnbd(0.525, 3.183, 0.891, 1.614, "week", k=3),
]
MBG = MODELS[1]
each_model = pytest.mark.parametrize("model", MODELS, ids=lambda model: type(model).__name__)
HISTORY = PurchaseHistory.from_columns(
    frequency=[2, 0, 7, 1], recency=[30.0, 0, 20.0, 5 / 7], age=[38.0, 50.0, 60.0, 5 / 7],
    mean_repeat_spend=[10.0, 0, 20.0, 5.0], time_unit="week", as_of="2024-11-30",
)  # fmt: skip
SALE = DayEffect(name="sale", date=["2024-12-20"], level=4.0)
UNEVEN = Calendar(month={"December": 2.0, "January": 0.5, "July": 0.3}, weekday={"Sunday": 0.2}, days=[SALE])
EVEN = Calendar(month=[1.0] * 12, week=[1.0] * 53)


def answers(model, history=HISTORY, horizon=9.5):
    return {
        "likelihood": model.log_likelihood(history),
        "alive": model.prob_alive(history),
        "later": model.prob_alive(history, at=horizon),
        "purchases": model.expected_purchases(history, horizon=horizon),
        "none": model.prob_purchases(history, 0, horizon=horizon),
        "two": model.prob_purchases(history, 2, horizon=horizon),
        "discounted": model.discounted_expected_purchases(history, discount_rate=0.01, horizon=horizon),
        "for life": model.discounted_expected_purchases(history, discount_rate=0.01),
    }


def elapsed(calendar, first, last):
    """Operational weeks from one day to another."""
    return calendar.level(np.arange(np.datetime64(first) + 1, np.datetime64(last) + 1)).sum() / 7


class TestClock:
    @each_model
    def test_an_even_calendar_is_none(self, model):
        plain = answers(model)
        for name, found in answers(SeasonalModel(model, EVEN)).items():
            assert found == pytest.approx(plain[name], rel=1e-12, abs=1e-300), name

    @each_model
    def test_levels_and_alpha_have_one_scale(self, model):
        """All levels times c, and alpha times c, are the same model, but for the density of the times of purchases."""
        c = 3.7
        faster = Calendar(month=UNEVEN.month * c, weekday=UNEVEN.weekday, days=UNEVEN.days)
        slower = type(model).from_json(
            model.to_json().replace(f'"alpha": {model.alpha}', f'"alpha": {model.alpha * c}')
        )
        found, plain = answers(SeasonalModel(slower, faster)), answers(SeasonalModel(model, UNEVEN))
        events = getattr(model, "k", 1) * HISTORY.frequency
        plain["likelihood"] = plain["likelihood"] - events * np.log(c)
        for name, column in found.items():
            assert column == pytest.approx(plain[name], rel=1e-11), name

    @each_model
    def test_is_the_model_in_operational_time(self, model):
        found = answers(SeasonalModel(model, UNEVEN), horizon=6.0)
        known = UNEVEN.operational_history(HISTORY)
        ahead = elapsed(UNEVEN, "2024-11-30", "2025-01-11")
        plain = answers(model, known, ahead)
        for name in ("likelihood", "alive", "later", "purchases", "none", "two"):
            assert found[name] == pytest.approx(plain[name], rel=1e-12), name

    def test_longer_calendars_of_the_unit(self):
        """A model in days is that in weeks with other numbers."""
        daily = SeasonalModel(MbgNbd(MBG.r, 7 * MBG.alpha, MBG.a, MBG.b, "day"), UNEVEN)
        history = PurchaseHistory.from_columns(
            frequency=HISTORY.frequency, recency=HISTORY.recency * 7, age=HISTORY.age * 7, time_unit="day",
            as_of="2024-11-30",
        )  # fmt: skip
        weekly = SeasonalModel(MBG, UNEVEN)
        assert daily.expected_purchases(history, horizon=70) == pytest.approx(
            weekly.expected_purchases(HISTORY, horizon=10), rel=1e-12
        )

    def test_far_away_counts_the_mean(self):
        model = SeasonalModel(MBG, Calendar(month={"December": 2.0}))
        years = 1e4
        found = model.expected_purchases(HISTORY, horizon=years * 52.1775)
        mean = 1.0 + 31 / 365.25
        assert found == pytest.approx(MBG.expected_purchases(
            Calendar(month={"December": 2.0}).operational_history(HISTORY), horizon=years * 52.1775 * mean
        ), rel=1e-3)  # fmt: skip
        assert np.isfinite(found).all()

    def test_four_centuries_have_their_days(self):
        """After 146,097 days the dates return; sixty years of them stand for all."""
        december = Calendar(month={"December": 2.0})
        days = np.arange("2024-12-01", "2424-12-01", dtype="datetime64[D]")
        found = SeasonalModel(MBG, december).expected_purchases(HISTORY, horizon=len(days) / 7.0)
        operational = december.level(days).sum() / 7.0
        expected = MBG.expected_purchases(december.operational_history(HISTORY), horizon=operational)
        assert found == pytest.approx(expected, rel=2e-5)

    def test_a_day_in_sixty_years_counts_and_the_way_back_is_the_same(self):
        """Up to 2083-01-02 there are 21,217 days; one of them is as long as 1,001 others."""
        sale = Calendar(days=[DayEffect(name="sale", date=["2083-01-01"], level=1001.0)])
        clock = Clock(sale.level, np.datetime64("2024-11-30"), 1.0)
        assert clock.ahead(np.array([21_217.0]))[0] == 21_217.0 + 1000.0
        for days in (21_217.0, 80_000.0):
            assert clock.time_ahead(clock.ahead(np.array([days])), days)[0] == pytest.approx(days, rel=1e-14)


class TestDiscounted:
    """The discount runs by the ordinary clock: the integral by parts, day by day at six nodes."""

    @pytest.mark.parametrize("model", [MBG, MODELS[3], MODELS[2]], ids=["MBG", "MBG/CNBD", "NBD"])
    @pytest.mark.parametrize(
        ("calendar", "rate", "horizon"),
        [
            (UNEVEN, 0.01, 9.0), (UNEVEN, 0.002, 4.3), (UNEVEN, 0.5, 20.0), (UNEVEN, 0.003, 30.0),
            (Calendar(month={"December": 2.0}), 0.2, 4.3),  # all days ahead have one level, which is not 1
        ],
        ids=["two months", "one month", "a large rate", "a half-year", "days of one level"],
    )  # fmt: skip
    def test_equals_the_integral(self, model, calendar, rate, horizon):
        seasonal = SeasonalModel(model, calendar)
        force, end = np.log1p(rate), horizon * 7
        edges = np.append(np.arange(np.ceil(end)), end) / 7
        node, weight = np.polynomial.legendre.leggauss(6)
        moments = (edges[:-1, np.newaxis] + np.diff(edges)[:, np.newaxis] * (node + 1) / 2).ravel()
        weights = (np.diff(edges)[:, np.newaxis] * weight / 2).ravel() * force * np.exp(-force * moments)
        again = np.tile(np.arange(4), len(moments))
        upto = seasonal.expected_purchases(HISTORY[again], horizon=np.repeat(moments, 4)).reshape(-1, 4)
        exact = weights @ upto + np.exp(-force * horizon) * seasonal.expected_purchases(HISTORY, horizon=horizon)
        found = seasonal.discounted_expected_purchases(HISTORY, discount_rate=rate, horizon=horizon)
        assert found == pytest.approx(exact, rel=1e-11)

    def test_of_several_horizons(self):
        seasonal = SeasonalModel(MBG, UNEVEN)
        ahead = [4.0, 9.0, 4.0, 0.0]
        found = seasonal.discounted_expected_purchases(HISTORY, discount_rate=0.01, horizon=ahead)
        for row, horizon in enumerate(ahead):
            one = seasonal.discounted_expected_purchases(HISTORY[[row]], discount_rate=0.01, horizon=horizon)
            assert found[row] == pytest.approx(one[0], rel=1e-12)

    def test_many_customers_at_once_are_what_they_are_alone(self, monkeypatch):
        """Of regular models, most comes from tables: 3,000 customers for life took 14 seconds of the processor."""
        seasonal = SeasonalModel(MODELS[3], Calendar(month={"December": 2.0}))
        age, x = 20.0 + np.arange(400) / 7, np.arange(400) % 3
        history = PurchaseHistory.from_columns(
            frequency=x, recency=0.8 * age * (x > 0), age=age, time_unit="week", as_of="2024-11-30"
        )
        sizes, one_by_one = [], ErlangProcess._one_by_one

        def counted(self, j, x, w, *rest):
            sizes.append(len(w))
            return one_by_one(self, j, x, w, *rest)

        monkeypatch.setattr(ErlangProcess, "_one_by_one", counted)
        found = seasonal.discounted_expected_purchases(history, discount_rate=0.01, horizon=20.0)
        assert sum(sizes) < 8_000  # of 50,000
        few = [0, 1, 2, 398, 399]
        alone = seasonal.discounted_expected_purchases(history[few], discount_rate=0.01, horizon=20.0)
        assert found[few] == pytest.approx(alone, rel=1e-12)

    def test_without_a_rate_it_is_all_purchases(self):
        seasonal = SeasonalModel(MBG, UNEVEN)
        assert np.array_equal(
            seasonal.discounted_expected_purchases(HISTORY, discount_rate=0.0, horizon=9),
            seasonal.expected_purchases(HISTORY, horizon=9),
        )
        with pytest.raises(InputError, match="discount_rate"):
            seasonal.discounted_expected_purchases(HISTORY, discount_rate=0.0)

    @given(st.floats(0.0005, 2.0), st.floats(0.1, 3000))
    def test_stays_between_none_and_all(self, rate, horizon):
        seasonal = SeasonalModel(MBG, UNEVEN)
        found = seasonal.discounted_expected_purchases(HISTORY, discount_rate=rate, horizon=horizon)
        whole = seasonal.expected_purchases(HISTORY, horizon=horizon)
        assert (found <= whole * (1 + 1e-12)).all()
        assert (found >= whole * (1 + rate) ** -horizon * (1 - 1e-12)).all()


class TestNewcomers:
    def test_their_season_follows_from_their_first_day(self):
        seasonal = SeasonalModel(MBG, UNEVEN)
        ahead = elapsed(UNEVEN, "2024-11-30", "2024-12-28")
        found = seasonal.starting("2024-11-30").expected_purchases_new(horizon=4)
        assert found == pytest.approx(MBG.expected_purchases_new(horizon=ahead), rel=1e-13)
        assert seasonal.expected_purchases_new(horizon=4) == MBG.expected_purchases_new(horizon=4)

    def test_tracking_adds_them_up(self):
        customer, date = [1, 2, 3, 1], ["2024-11-01", "2024-11-20", "2024-12-25", "2024-12-30"]
        found = purchase_tracking(customer, date, SeasonalModel(MBG, UNEVEN), as_of="2025-01-31", period_days=1)
        ahead = [elapsed(UNEVEN, first, "2025-01-15") for first in date[:3]]
        day = int(np.flatnonzero(found.end == np.datetime64("2025-01-15"))[0])
        assert found.cumulative_expected[day] == pytest.approx(
            MBG.expected_purchases_new(horizon=ahead).sum(), rel=1e-13
        )

    def test_an_even_calendar_tracks_as_none(self):
        log = [1, 2, 3, 1], ["2024-11-01", "2024-11-20", "2024-12-25", "2024-12-30"]
        found, plain = (purchase_tracking(*log, model).expected for model in (SeasonalModel(MBG, EVEN), MBG))
        assert found == pytest.approx(plain, rel=1e-10)


class TestDraws:
    def test_drawn_customers_buy_in_their_season(self):
        calendar = Calendar(month={"December": 5.0, "January": 0.01, "November": 0.01})
        model = SeasonalModel(Nbd(2.0, 8.0, "week"), calendar)
        ages = np.full(4000, 12.0)
        drawn = model.simulate(ages, rng=np.random.default_rng(3), as_of="2025-01-20")
        whole = elapsed(calendar, "2024-10-28", "2025-01-20")
        assert drawn.as_of == np.datetime64("2025-01-20")
        assert drawn.frequency.mean() == pytest.approx(2.0 / 8.0 * whole, rel=0.04)
        last = drawn.recency[drawn.frequency > 0] * 7
        december = (last > 34) & (last <= 65)
        assert december.mean() > 0.95

    def test_an_even_calendar_draws_as_none(self):
        ages = np.linspace(1, 30, 500)
        plain = MBG.simulate(ages, rng=np.random.default_rng(4))
        found = SeasonalModel(MBG, EVEN).simulate(ages, rng=np.random.default_rng(4), as_of="2025-01-20")
        assert np.array_equal(found.frequency, plain.frequency)
        assert found.recency == pytest.approx(plain.recency, rel=1e-9)
        assert found.recency[found.frequency > 0].min() < 0.5

    def test_needs_the_day(self):
        with pytest.raises(InputError, match="as_of"):
            SeasonalModel(MBG, EVEN).simulate([1.0], rng=np.random.default_rng(4))


class TestUses:
    SPEND = GammaGamma(6.25, 3.74, 15.44)

    def test_values_and_plans_follow_the_calendar(self):
        seasonal = SeasonalModel(MBG, UNEVEN)
        values = customer_values(HISTORY, seasonal, self.SPEND, horizon=4, margin=0.3, service_cost=0.1)
        assert values.expected_purchases == pytest.approx(seasonal.expected_purchases(HISTORY, horizon=4), rel=1e-12)
        plan = revenue_plan(HISTORY, seasonal, self.SPEND, margin=0.3, n_months=2)
        upto = [seasonal.expected_purchases(HISTORY, horizon=days / 7).sum() for days in (31, 62)]
        assert np.cumsum(plan.expected_purchases) == pytest.approx(upto, rel=1e-12)

    @pytest.mark.parametrize("rate", [0.0, 0.002])
    def test_the_cost_of_serving_is_a_sum_over_days(self, rate):
        """Three years of the chance to be alive, day by day; for a pool of such models too."""
        seasonal = SeasonalModel(MBG, UNEVEN)
        pool = Ensemble(names=["a"], models=[seasonal], weights=[1.0])
        node, weight = np.polynomial.legendre.leggauss(3)
        at = ((np.arange(3 * 365)[:, np.newaxis] + 0.5 + 0.5 * node) / 7).ravel()
        rows = np.repeat(np.arange(4), len(at))
        columns = {name: getattr(HISTORY, name)[rows] for name in ("frequency", "recency", "age")}
        many = PurchaseHistory.from_columns(**columns, time_unit="week", as_of=HISTORY.as_of)
        alive = seasonal.prob_alive(many, at=np.tile(at, 4)).reshape(4, -1)
        exact = alive @ (np.tile(weight / 14, 3 * 365) * (1 + rate) ** -at)
        terms = {"horizon": 3 * 365 / 7, "margin": 0.3, "discount_rate": rate, "service_cost": 1.0}
        for model in (seasonal, pool):
            values = customer_values(HISTORY, model, self.SPEND, **terms)
            assert values.expected_service_cost == pytest.approx(exact, rel=1e-8)

    def test_effects_of_covariates_stay(self):
        effect = CovariateEffect("is_member", 0.5)
        model = MbgNbd(0.525, 6.183, 0.891, 1.614, "week", purchase_effects=[effect], dropout_effects=[effect])
        seasonal = SeasonalModel(model, UNEVEN)
        members = HISTORY.with_covariates({"is_member": [1.0] * 4})
        one = seasonal.for_covariates({"is_member": 1.0})
        assert one.model == model.for_covariates({"is_member": 1.0})
        assert seasonal.expected_purchases(members, horizon=9) == pytest.approx(
            one.expected_purchases(HISTORY, horizon=9), rel=1e-13
        )
        drawn = seasonal.simulate(
            [9.0] * 3, rng=np.random.default_rng(1), covariates={"is_member": 1.0}, as_of="2025-01-01"
        )
        assert drawn.covariate_names == ("is_member",)

    def test_needs_days(self):
        history = PurchaseHistory.from_columns(frequency=[0], recency=[0], age=[1], time_unit="week")
        for ask in (
            lambda model: model.prob_alive(history),
            lambda model: model.expected_purchases(history, horizon=1),
            lambda model: model.log_likelihood(history),
        ):
            with pytest.raises(InputError, match="as_of"):
                ask(SeasonalModel(MBG, UNEVEN))

    def test_other_models_are_refused(self):
        with pytest.raises(InputError, match="ParetoNbd"):
            SeasonalModel(BgBb(1.2, 0.75, 0.66, 2.8), UNEVEN)

    def test_an_nbd_has_no_parameters_of_leaving(self):
        assert not hasattr(SeasonalModel(MODELS[2], UNEVEN), "a")
        assert not hasattr(SeasonalModel(MODELS[2], UNEVEN), "b")
        assert not hasattr(SeasonalModel(MODELS[2], UNEVEN), "s")
        assert not hasattr(SeasonalModel(MODELS[2], UNEVEN), "beta")

    def test_is_written_with_its_start(self):
        seasonal = SeasonalModel(MBG, Calendar(month={"May": 2.0})).starting("2024-05-01")
        assert repr(seasonal).startswith("SeasonalModel(MbgNbd(r=0.525")
        assert "start='2024-05-01'" in repr(seasonal)
        assert SeasonalModel.from_json(seasonal.to_json()) == seasonal

    @pytest.mark.parametrize("model", MODELS[:2], ids=["bg_nbd", "mbg_nbd"])
    def test_customers_of_bg_nbd_who_leave_in_their_own_ways_share_nodes(self, model, monkeypatch):
        """Each was averaged over p at every moment of its own: 30,000 took 118 seconds for life."""
        effect = CovariateEffect("income", 0.4)
        seasonal = SeasonalModel(attrs.evolve(model, dropout_effects=[effect]), UNEVEN)
        income, options = [-1.0, 0.3, 0.9, 2.0], {"discount_rate": 0.01, "horizon": 9.5}
        first, last = (
            seasonal.for_covariates({"income": income[row]}).discounted_expected_purchases(HISTORY, **options)[row]
            for row in (0, -1)
        )
        monkeypatch.setattr(BetaGeometric, "purchases", None)
        found = seasonal.discounted_expected_purchases(HISTORY.with_covariates({"income": income}), **options)
        assert found[[0, -1]] == pytest.approx([first, last], rel=1e-12)
