"""What the customers of today bring month by month."""

from __future__ import annotations

import math

import attrs
import numpy as np
import pytest

from crmvalue._models.shared.common import alike
from crmvalue._models.shared.process import Past
from crmvalue._models.shared.purchase_model import process_of
from crmvalue._models.spend.payments import payments_of
from crmvalue._models.values import revenue_plan as revenue_plans
from crmvalue._models.values.outcomes import Known, Terms, draw_outcomes
from crmvalue._models.values.revenue_plan import _require_short
from crmvalue.errors import InputError
from crmvalue.models import (
    Calendar,
    GammaGamma,
    Gb2Spend,
    LognormalSpend,
    MbgNbd,
    Nbd,
    ParetoNbd,
    RevenuePlan,
    SeasonalModel,
    customer_values,
    fit_gamma_gamma,
    fit_gb2_spend,
    fit_lognormal_spend,
    fit_mbg_nbd,
    fit_nbd,
    revenue_plan,
)
from crmvalue.purchases import PurchaseHistory, summarise_purchases
from tests.models.values.test_costs_of_customers import some_customers
from tests.models.values.test_customer_values import HISTORY, MODELS, SPEND, each_model

DATED = attrs.evolve(HISTORY, as_of="2024-01-31")


def live(n, rng):
    """Walk through the purchases of n customers over 550 days: customer, day and money of each."""
    log = []
    for who in range(n):
        pace, leaving = rng.gamma(0.8) / 60.0, rng.beta(0.6, 1.8)
        spend_rate = rng.gamma(3.74) / 15.44
        day = rng.uniform(1, 330)
        while day <= 550:
            log.append((who, math.ceil(day), rng.gamma(6.25) / spend_rate))
            if rng.random() < leaving:
                break
            day += rng.exponential(1 / pace)
    return (np.array(column) for column in zip(*log, strict=True))


AMOUNTS = [LognormalSpend(3.0, 0.8, 0.5), Gb2Spend(2.5, 290.0, 0.9, 1.6)]


def paid(model, n, rng):
    """Give a history of n customers with purchases through 2023 and amounts of a model."""
    number = 1 + rng.poisson(rng.gamma(1.2, 2.0, n))
    customer = np.repeat(np.arange(n), number)
    day = rng.integers(0, 365, len(customer))
    return summarise_purchases(
        customer, np.datetime64("2023-01-01") + day, model.simulate(number, rng=rng), as_of="2023-12-31",
        keep_amounts=True,
    )  # fmt: skip


class TestRevenuePlan:
    """Expected purchases between the ends of months, times the expected spend."""

    @each_model
    def test_months_are_differences_of_values(self, model):
        """An undiscounted value with margin 1 is the revenue up to its horizon."""
        plan = revenue_plan(DATED, model, SPEND, margin=1, n_months=14)
        days = (plan.end - np.datetime64("2024-01-31")).astype(int)
        upto = [customer_values(DATED, model, SPEND, horizon=day / 7, margin=1).total for day in days]
        np.testing.assert_allclose(np.cumsum(plan.revenue), upto, rtol=1e-9)
        counts = [model.expected_purchases(DATED, horizon=day / 7).sum() for day in days]
        np.testing.assert_allclose(np.cumsum(plan.expected_purchases), counts, rtol=1e-9)
        assert plan.total == pytest.approx(upto[-1], rel=1e-9)

    def test_calendar_months(self):
        plan = revenue_plan(DATED, MODELS[0], SPEND, margin=1, n_months=3)
        assert plan.start.astype(str).tolist() == ["2024-02-01", "2024-03-01", "2024-04-01"]
        assert plan.end.astype(str).tolist() == ["2024-02-29", "2024-03-31", "2024-04-30"]
        rest = revenue_plan(attrs.evolve(HISTORY, as_of="2024-01-20"), MODELS[0], SPEND, margin=1, n_months=2)
        assert rest.start.astype(str).tolist() == ["2024-01-21", "2024-02-01"]
        assert rest.end.astype(str).tolist() == ["2024-01-31", "2024-02-29"]

    def test_the_last_year(self):
        history = attrs.evolve(HISTORY, as_of="9989-11-30")
        assert str(revenue_plan(history, MODELS[0], SPEND, margin=0.3, n_months=120).end[-1]) == "9999-11-30"
        with pytest.raises(InputError, match="before the year 9990"):
            revenue_plan(attrs.evolve(HISTORY, as_of="9989-12-31"), MODELS[0], SPEND, margin=0.3)

    def test_margin_by_segment(self):
        plan = revenue_plan(DATED, MODELS[0], SPEND, margin={"a": 0.5, "b": 0.1}, segment=["a", "b", "a", "b"])
        each = [revenue_plan(DATED[[i]], MODELS[0], SPEND, margin=1).revenue for i in range(4)]
        np.testing.assert_allclose(plan.margin, np.array([0.5, 0.1, 0.5, 0.1]) @ each, rtol=1e-9)
        np.testing.assert_allclose(plan.revenue, np.sum(each, axis=0), rtol=1e-9)

    @pytest.mark.parametrize("model", AMOUNTS)
    def test_models_of_single_amounts(self, model):
        """Revenue is purchases times spend; a season moves each month by its own factor over that of the year."""
        history, purchases = paid(model, 30, np.random.default_rng(2)), Nbd(1.2, 20.0, "week")
        plan = revenue_plan(history, purchases, model, margin=0.5, n_months=14)
        spend = model.expected_spend(history)
        ends = (plan.end - np.datetime64("2023-12-31")).astype(int) / 7
        upto = [purchases.expected_purchases(history, horizon=end) @ spend for end in ends]
        np.testing.assert_allclose(np.cumsum(plan.revenue), upto, rtol=1e-9)
        np.testing.assert_allclose(plan.margin, 0.5 * plan.revenue, rtol=1e-12)
        season = (0.0,) * 10 + (0.4, 0.9)
        moved = attrs.evolve(model, season=season)
        level = moved.expected_spend(history).sum() / np.mean(np.exp(season)) / spend.sum()
        assert level != pytest.approx(1.0, rel=1e-3)  # what was paid in December says less of the customer
        each = np.array([revenue_plan(history[[i]], purchases, moved, margin=1, n_months=14).revenue for i in range(9)])
        own = moved.expected_spend(history[:9]) / np.mean(np.exp(season))
        counts = np.array(
            [revenue_plan(history[[i]], purchases, model, margin=1, n_months=14).expected_purchases for i in range(9)]
        )
        np.testing.assert_allclose(each, counts * own[:, np.newaxis] * np.exp((*season, *season[:2])), rtol=1e-9)

    @pytest.mark.parametrize(("model", "fit"), list(zip(AMOUNTS, (fit_lognormal_spend, fit_gb2_spend), strict=True)))
    def test_intervals_of_models_of_single_amounts(self, model, fit):
        """Ends of the total are near those of `customer_values`, which draws the same futures otherwise."""
        history = paid(model, 400, np.random.default_rng(3))
        fits = fit_nbd(history), fit(history)
        options = {"margin": 1, "level": 0.9, "n_draws": 200}
        plan = revenue_plan(history, *fits, n_months=4, rng=np.random.default_rng(1), **options)
        assert (plan.revenue_low < plan.revenue).all()
        assert (plan.revenue < plan.revenue_high).all()
        horizon = (plan.end[-1] - np.datetime64("2023-12-31")).astype(int) / 7
        known = customer_values(history, *fits, horizon=horizon, rng=np.random.default_rng(1), **options).intervals
        half = [
            math.hypot(a - plan.total, b - plan.total) for a, b in zip(known.total, known.total_outcome, strict=True)
        ]
        ends = [plan.total - half[0], plan.total + half[1]]  # two independent sources of error
        np.testing.assert_allclose(plan.total_revenue, ends, rtol=0.05)

    def test_intervals_follow_the_unit_of_money(self):
        rng = np.random.default_rng(3)
        number = 1 + rng.poisson(rng.gamma(1.2, 2.0, 100))
        customer = np.repeat(np.arange(100), number)
        day = np.datetime64("2023-01-01") + rng.integers(0, 365, len(customer))
        amount = AMOUNTS[0].simulate(number, rng=rng)
        plans = []
        for unit in (1.0, 1000.0):
            history = summarise_purchases(customer, day, amount / unit, as_of="2023-12-31", keep_amounts=True)
            options = {"margin": 1, "n_months": 2, "level": 0.9, "n_draws": 100, "rng": np.random.default_rng(1)}
            plans.append(revenue_plan(history, fit_nbd(history), fit_lognormal_spend(history), **options))
        np.testing.assert_allclose(plans[1].revenue_low * 1000, plans[0].revenue_low, rtol=1e-3)  # two searches
        np.testing.assert_allclose(plans[1].revenue_high * 1000, plans[0].revenue_high, rtol=1e-3)

    def test_intervals_move_with_the_season(self):
        """In a season, the ends of a month keep their distance in shares of its revenue."""
        history = paid(AMOUNTS[0], 400, np.random.default_rng(4))
        month = history.amounts.day.astype("datetime64[M]").astype(int) % 12
        moved = attrs.evolve(
            history,
            amounts=attrs.evolve(history.amounts, amount=history.amounts.amount * np.where(month < 2, 5.0, 1.0)),
        )
        fits = fit_nbd(history), fit_lognormal_spend(moved, season=True)
        assert fits[1].diagnosis.trustworthy
        plan = revenue_plan(moved, *fits, margin=1, n_months=6, level=0.9, n_draws=200, rng=np.random.default_rng(1))
        assert plan.revenue[:2].min() > 3.0 * plan.revenue[2:].max()
        widths = (plan.revenue_high - plan.revenue_low) / plan.revenue
        assert widths.max() < 1.5 * widths.min()

    @pytest.mark.parametrize(
        "inner", [Nbd(0.8, 60.0, "day"), MbgNbd(0.8, 60.0, 0.6, 1.8, "day"), ParetoNbd(0.8, 60.0, 0.7, 300.0, "day")]
    )
    def test_drawn_futures_follow_the_calendar(self, inner):
        """Each month has the purchases of its days, by their levels: nearly all chance is in December here."""
        history = PurchaseHistory.from_columns(
            frequency=[4], recency=[200.0], age=[240.0], time_unit="day", as_of="2024-09-30"
        )
        model = SeasonalModel(inner, Calendar(month={"December": 30.0}))
        until = np.array([31.0, 61.0, 92.0, 123.0])  # October to January
        expected = np.diff([model.expected_purchases(history, horizon=end)[0] for end in until], prepend=0.0)
        past = Past(history.frequency, history.recency, history.age)
        drawn = revenue_plans._units(
            process_of(model, history), past, np.zeros(40_000, dtype=int), payments_of(GammaGamma(6.0, 4.0, 1.0)),
            until, np.random.default_rng(1),
        ).mean(axis=0)  # fmt: skip
        shares = expected / expected.sum()
        np.testing.assert_allclose(drawn / drawn.sum(), shares, atol=0.01)
        assert shares[2] > 0.8

    @pytest.mark.parametrize(("pace", "n_drawn"), [(1.0, 20_000), (10_000.0, 2_000)])
    @pytest.mark.parametrize("inner", [Nbd(2.0, 30.0, "day"), ParetoNbd(2.0, 30.0, 0.7, 300.0, "day")])
    def test_discounted_futures_follow_the_calendar(self, inner, pace, n_drawn):
        """What drawn futures bring on average is what is expected, also if purchases come in thousands."""
        history = PurchaseHistory.from_columns(
            frequency=[4 * pace],
            recency=[240.0],
            age=[240.0],
            mean_repeat_spend=[20.0],
            time_unit="day",
            as_of="2024-09-30",
        )
        inner = attrs.evolve(inner, r=2.0 * pace)
        model, spend = SeasonalModel(inner, Calendar(month={"December": 30.0})), GammaGamma(6.0, 14.0, 40.0)
        payments = payments_of(spend)
        known = Known(
            process=process_of(model, history),
            past=Past(history.frequency, history.recency, history.age),
            scale=payments.scale(history, None),
            alive=model.prob_alive(history),
        )
        terms = Terms(92.0, 0.02, 1.0, 0.0)
        drawn = draw_outcomes(known, payments, terms, n_drawn, np.random.default_rng(1))
        value = customer_values(history, model, spend, **terms._asdict()).clv[0]
        assert abs(drawn.mean() - value) < 4.0 * drawn.std() / math.sqrt(n_drawn)
        assert 4.0 * drawn.std() / math.sqrt(n_drawn) < 0.1 * value  # even times would bring twice as much

    def test_chance_moves_with_the_calendar(self):
        """In a month with six times the purchases, chance is the root of six times as large, or more."""
        rng = np.random.default_rng(4)
        customer, day, amount = live(400, rng)
        dates = np.datetime64("2022-12-31") + day.astype("timedelta64[D]")
        history = summarise_purchases(customer, dates, amount, as_of="2023-12-31", keep_amounts=True)
        calendar = Calendar(month={"March": 6.0})
        plain = fit_nbd(calendar.operational_history(history))
        seasonal = attrs.evolve(plain, model=SeasonalModel(plain.model, calendar))
        fits = seasonal, fit_lognormal_spend(history)
        plan = revenue_plan(history, *fits, margin=1, n_months=4, level=0.9, n_draws=400, rng=rng)
        widths = plan.revenue_high - plan.revenue_low
        assert plan.revenue[2] > 5.0 * plan.revenue[3]
        assert widths[2] > 2.2 * widths[3]

    @pytest.mark.slow
    @pytest.mark.parametrize(("model", "fit"), list(zip(AMOUNTS, (fit_lognormal_spend, fit_gb2_spend), strict=True)))
    def test_intervals_cover_simulated_amounts(self, model, fit):
        """As below, with other amounts."""
        rng = np.random.default_rng(12)
        hits = []
        for _ in range(16):
            customer, day, _ = live(300, rng)
            amount = model.simulate(np.bincount(customer), rng=rng)
            past = day <= 365
            dates = np.datetime64("2022-12-31") + day.astype("timedelta64[D]")
            history = summarise_purchases(
                customer[past], dates[past], amount[past], as_of="2023-12-31", keep_amounts=True
            )
            fits = fit_mbg_nbd(history), fit(history)
            if not all(fit.diagnosis.trustworthy for fit in fits):
                continue
            plan = revenue_plan(history, *fits, margin=1, n_months=6, level=0.8, n_draws=100, rng=rng)
            months = zip(plan.start, plan.end, plan.revenue_low, plan.revenue_high, strict=True)
            for start, end, low, high in months:
                hits.append(low <= amount[(dates >= start) & (dates <= end)].sum() <= high)
        assert len(hits) >= 60
        assert 0.70 <= np.mean(hits) <= 0.90

    @pytest.mark.slow
    def test_intervals_cover_simulated_months(self):
        """Bases live on at known parameters; an interval at 80 % holds 70 to 90 % of their months."""
        rng = np.random.default_rng(11)
        hits = []
        for _ in range(24):
            customer, day, amount = live(300, rng)
            past = day <= 365
            dates = np.datetime64("2022-12-31") + day.astype("timedelta64[D]")
            history = summarise_purchases(customer[past], dates[past], amount[past], as_of="2023-12-31")
            fits = fit_mbg_nbd(history), fit_gamma_gamma(history)
            if not all(fit.diagnosis.trustworthy for fit in fits):
                continue
            plan = revenue_plan(history, *fits, margin=1, n_months=6, level=0.8, n_draws=100, rng=rng)
            months = zip(plan.start, plan.end, plan.revenue_low, plan.revenue_high, strict=True)
            for start, end, low, high in months:
                hits.append(low <= amount[(dates >= start) & (dates <= end)].sum() <= high)
        assert len(hits) >= 80
        assert 0.70 <= np.mean(hits) <= 0.90

    def test_the_sum_is_narrower_than_the_sums_of_the_ends(self):
        history, *fits = some_customers()
        plan = revenue_plan(history, *fits, margin=1, level=0.9, n_draws=40, rng=np.random.default_rng(1))
        assert (plan.revenue_low <= plan.revenue).all()
        assert (plan.revenue <= plan.revenue_high).all()
        low, high = plan.total_revenue
        assert plan.revenue_low.sum() < low < plan.total < high < plan.revenue_high.sum()
        assert RevenuePlan.from_json(plan.to_json()) == plan
        assert plan == revenue_plan(history, *fits, margin=1, level=0.9, n_draws=40, rng=np.random.default_rng(1))

    def test_a_large_base_has_no_more_futures_than_its_variance_needs(self, monkeypatch):
        """The ends rest on all draws of the parameters; their chance is that of a plan with all futures."""
        history, *fits = some_customers()
        sizes = []

        def counted(process, past, owner, *rest):
            sizes.append((len(past.x), len(owner)))
            return units(process, past, owner, *rest)

        def planned():
            sizes.clear()
            plan = revenue_plan(
                history, *fits, margin=1, n_months=3, level=0.9, n_draws=600, rng=np.random.default_rng(1)
            )
            rows, futures = np.sum(sizes, axis=0)
            return plan.total_revenue.high - plan.total_revenue.low, futures / rows

        units = revenue_plans._units
        monkeypatch.setattr(revenue_plans, "_units", counted)
        monkeypatch.setattr(revenue_plans, "_FUTURES", 300)
        monkeypatch.setattr(revenue_plans, "_ALL_CELLS", 1)
        few, per_row = planned()
        assert per_row == 300
        monkeypatch.setattr(revenue_plans, "_ALL_CELLS", 1 << 40)
        every, per_row = planned()
        assert per_row == 600
        assert few == pytest.approx(every, rel=0.05)

    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"history": HISTORY}, "history"),
            ({"n_months": 0}, "n_months"),
            ({"n_months": 121}, "n_months"),
            ({"margin": 3}, "margin"),
            ({"level": 0.9}, "rng"),
            ({"level": 0.9, "rng": np.random.default_rng(1)}, "purchase_model"),
            ({"level": 0.99, "n_draws": 20, "rng": np.random.default_rng(1)}, "n_draws"),
            ({"level": 0.9, "n_draws": 100_000, "rng": np.random.default_rng(1)}, "n_draws"),  # half a minute and more
        ],
    )
    def test_refuses(self, changes, name):
        with pytest.raises(InputError) as caught:
            revenue_plan(
                **{"history": DATED, "purchase_model": MODELS[0], "spend_model": SPEND, "margin": 1, **changes}
            )
        assert caught.value.name == name

    MONTH = {  # noqa: RUF012 - read only
        "start": ["2024-02-01"],
        "end": ["2024-02-29"],
        "expected_purchases": [1.0],
        "revenue": [9.0],
        "margin": [3.0],
    }

    def test_the_caution_says_which_season_it_knows(self):
        ends = {"revenue_low": [8], "revenue_high": [10], "total_revenue": (8, 10), "level": 0.9}
        plain, seasonal, of_draws = (
            RevenuePlan(**self.MONTH, as_of=None, **more).caution
            for more in ({}, {"seasonal": True}, {"seasonal": True, **ends})
        )
        today = "The plan holds the customers of today alone: what new customers bring comes on top."
        assert plain.startswith(f"{today} It knows no season but that of its models")
        assert seasonal == f"{today} It follows the calendar of the purchase model."
        assert of_draws.startswith(f"{seasonal} The intervals take its levels as known")

    @pytest.mark.parametrize("as_of", ["2024-02-01", "2024-02-15"])
    def test_a_month_that_has_begun_is_no_plan(self, as_of):
        assert RevenuePlan(**self.MONTH, as_of="2024-01-31").total == 9
        with pytest.raises(InputError, match="after `as_of`") as caught:
            RevenuePlan(**self.MONTH, as_of=as_of)
        assert caught.value.name == "start"

    def test_spend_at_a_draw_is_the_mean_after_what_a_customer_paid(self):
        """The gamma-gamma: p (gamma + paid) / (p x + q - 1) for each purchase, and no mean with q at most 1 and x 0."""
        one = PurchaseHistory.from_columns(
            frequency=[2, 0], recency=[3, 0], age=[9, 9], time_unit="week", mean_repeat_spend=[30.0, np.nan]
        )
        customers = alike(one)
        upto = np.where((customers.rows.frequency > 0)[:, np.newaxis], [0.5, 1.2], [0.1, 0.3])
        draws = [np.array([6.0, 2.0]), np.array([4.0, 1.0]), np.array([15.0, 7.0])]
        found = revenue_plans._spend_at_draws(one, customers, upto, draws)
        bought, nothing = 6 * (15 + 60) / (6 * 2 + 3), 6 * 15 / 3
        np.testing.assert_allclose(found[:, 0], [0.5 * bought + 0.1 * nothing, 0.7 * bought + 0.2 * nothing])
        assert np.isinf(found[:, 1]).all()


class TestWork:
    """What would take more than some two minutes is refused before anything is computed."""

    @pytest.mark.parametrize(
        ("n_draws", "n_rows", "n_months", "name", "rule"),
        [
            (200, 1_000_000, 12, "n_draws", "at most 50 for 1,000,000 different customers and 12 months"),
            (200, 100_000, 120, "n_draws", "at most 50 for 100,000 different customers and 120 months"),
            (20, 10_000_000, 12, "n_months", "at most 1 with intervals of 10,000,000 different customers"),
            (201, 1_000_000, 1, "n_draws", "at most 200 for 1,000,000 different customers"),
            (19, 1, 1, "n_draws", "at least 20 for a level of 0.9"),
        ],
    )
    def test_refusals(self, n_draws, n_rows, n_months, name, rule):
        with pytest.raises(InputError, match=rule) as caught:
            _require_short(0.9, n_draws, n_rows, n_months)
        assert caught.value.name == name

    @pytest.mark.parametrize(
        ("n_draws", "n_rows", "n_months"), [(50, 1_000_000, 12), (29_732, 1_018, 120), (200, 400_000, 12)]
    )
    def test_taken(self, n_draws, n_rows, n_months):
        _require_short(0.9, n_draws, n_rows, n_months)
