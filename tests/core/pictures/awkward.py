"""Pictures of odd bases: one customer, all equal, very many, long names, other scripts, no money, losses."""

from __future__ import annotations

import functools
import itertools

import numpy as np

from crmvalue import (
    attribution,
    cohorts,
    experiments,
    funnels,
    journey_map,
    journeys,
    loyalty,
    ltv,
    metrics,
    models,
    plots,
    products,
    promotions,
    purchases,
    segmentation,
)

__all__ = ["FEW", "awkward"]

MODEL = models.BgNbd(0.243, 4.414, 0.793, 2.426, "week")
SPEND = models.GammaGamma(6.25, 3.74, 15.44)
GEORGIAN = ["ერთგული მყიდველები თბილისიდან", "ახალი მყიდველები", "დაკარგული მყიდველები ბათუმიდან და ქუთაისიდან"]
NAMES = [
    GEORGIAN[0],
    "Вірні покупці з Івано-Франківська",
    "Ən sadiq alıcılar Gəncədən və Şəkidən",
    "x" * 80,
    "a long name" * 9,
]

FEW = (
    "value of one", "no repeat purchase", "losses", "Georgian groups", "nobody left", "no payback", "a Georgian name",
    "boxes of names", "no box has a value", "a cascade of names", "no step of a cascade pays", "attempts of names",
    "a map of names", "an empty map", "results without control", "economics of names", "nothing moves",
    "targets of names",
)  # fmt: skip
"""Those that are looked at in the normal run; the others are slow."""


def values_of(frequency, recency, age):
    spend = np.where(np.array(frequency) > 0, 20.0, np.nan)
    history = purchases.PurchaseHistory.from_columns(
        frequency=frequency, recency=recency, age=age, mean_repeat_spend=spend, time_unit="week"
    )
    return models.customer_values(history, MODEL, SPEND, horizon=52, margin=0.3)


def boxes(names, value):
    return plots.segment_treemap(segmentation.summarise_segments(names, value))


def cascade(n=9, value=(100.0,), prob=(0.10, 0.05), benefit=1.0, **options):
    given = journeys.Cascade(**{"offers": ["5 %", "7 %"], "repeat_last": True, **options})
    k = min(n, len(given.months))
    gain = journeys.best_last_step(list(value), [prob[0]] * k, [prob[1]] * k, [benefit] * k)
    return plots.cascade_timeline(given, "2024-02-29", gain)


def attempts(customer, event, time, steps=("lead", "deal"), **options):
    given = {"as_of": "2024-06-01", "absent": "allow", **options}
    return funnels.funnel_from_events(customer, event, time, list(steps), **given)


def results(names, *, n=60, control=0.0, spend=20.0):
    """Give results of anniversaries, with or without a control group, of customers who all buy once."""
    rng = np.random.default_rng(4)
    base = journeys.Customers(
        customer=range(n),
        dates={name: np.datetime64("1990-06-01") + rng.integers(0, 20, n) for name in names},
        consent={"email": [True] * n},
    )
    kinds = [journeys.BirthdayJourney(name, date=name) for name in names]
    made = journeys.simulate_plan(kinds, base, None, journeys.Policy(control_share=control), "2024-05-20", "2024-06-05")
    bought = np.datetime64("2024-05-25T10:00:00") + rng.integers(0, 20 * 86_400, n)
    revenue = np.round(spend * rng.gamma(2, 1, n), 2)
    sold = journeys.Orders(customer=rng.integers(0, n, n), time=bought, revenue=revenue, margin=1)
    return journeys.journey_results(made, None, sold, as_of="2024-07-01")


def map_of(names, emotions):
    stages = [
        journey_map.Stage(name, emotion=emotion, barriers=[NAMES[0]], touchpoints=[journey_map.Touchpoint("x", "web")])
        for name, emotion in zip(names, emotions, strict=True)
    ]
    return journey_map.JourneyMap(persona=NAMES[0], type="current state", stages=stages)


def costs_of(n_months):
    months = np.arange(n_months).astype("datetime64[M]").astype("datetime64[D]")
    names = ("issued", "redeemed", "expired", "adjusted", "deducted", "outstanding")
    money = 1e9 * np.sin(np.arange(n_months))
    counts = {name: np.zeros(n_months, dtype=np.int64) for name in names}
    return loyalty.ProgrammeCosts(month=months, liability_change=money, cost=-money, **counts)


def months_of(n):
    start = np.arange(n).astype("datetime64[M]")
    ends = {"revenue_low": np.full(n, -np.inf), "revenue_high": np.full(n, 1e9), "level": 0.8}
    sums = {"expected_purchases": np.ones(n), "revenue": np.geomspace(1e8, 1, n), "margin": np.zeros(n)}
    days = {"start": start.astype("datetime64[D]"), "end": (start + 1).astype("datetime64[D]") - 1}
    return models.RevenuePlan(**days, **sums, **ends, total_revenue=(0.0, np.inf), as_of="1969-12-31")


def effect_of(difference, half, naive):
    return loyalty.MemberEffect(
        effect=difference,
        interval=(difference - half, difference + half),
        naive_difference=naive,
        naive_interval=(naive - 2 * half, naive + 2 * half),
        before_difference=0.5,
        n_members=50,
        n_matched=40,
        n_others=70,
        level=0.95,
    )


def days_back(n, *, young=0):
    """Give the retention of a base of which some are too young, on each of n days."""
    days, counts = np.arange(1.0, n + 1), np.full(n, 40)
    return cohorts.NDayRetention(
        kind="unbounded",
        as_of="2024-01-31",
        first_day=days,
        last_day=np.full(n, np.inf),
        n_eligible=counts - young,
        n_retained=np.minimum(counts - young, np.arange(n)[::-1]),
        n_too_young=np.full(n, young),
    )


def stage_times(stages, days):
    n = len(stages) - 1
    times, counts = np.resize(np.array(days, dtype=float), (n, 2)), np.arange(n)
    return funnels.StageTimes(
        stages=stages, prob=[0.1, 0.9], time_in_stage=times, time_to_convert=times.sum(axis=0), n_moved_on=counts,
        n_censored=counts,
    )  # fmt: skip


def redemptions(n, share, *, expired=0.0):
    issued = np.full(n, 1000)
    months = (np.datetime64("1999-12") + np.arange(n)).astype("datetime64[D]")
    counts = {"issued": issued, "redeemed": (issued * share).astype(int), "expired": (issued * expired).astype(int)}
    ends = {"low": np.full(n, np.nan if n == 1 else 0.0), "high": np.full(n, np.nan if n == 1 else 1.0)}
    return loyalty.RedemptionRates(period=months, n_members=np.ones(n, int), rate=np.full(n, share), **counts, **ends)


def simulated_points(n, points, spend=0.0):
    months = (np.datetime64("1999-12") + np.arange(n)).astype("datetime64[D]")
    by_month = {"points_by_month": np.full(n, points), "cost_by_month": np.full(n, 0.5 * points)}
    whole = float(n * points)
    return loyalty.ProgrammeSimulation(
        cost=0.5 * whole, cost_if_all_redeemed=whole, spend=spend, rules=[NAMES[0]], points_by_rule=[n * points],
        month=months, **by_month, levels=NAMES[:2], points_by_level=[n * points, 0], member=NAMES[:1],
        member_points=[n * points], member_spend=[int(spend)],
    )  # fmt: skip


def targets(names, target, amount):
    n = len(names)
    plan = {"name": names, "start": ["2025-03-01"] * n, "end": ["2025-03-31"] * n, "target": target}
    days = np.arange("2025-03-01", "2025-03-11", dtype="datetime64[D]")
    sold = {"name": np.repeat(names, len(days)), "date": np.tile(days, n), "amount": np.resize(amount, n * len(days))}
    return metrics.plan_and_actual(plan, sold, as_of=days[-1])


def drivers(names, effect, half):
    n = len(names)
    effect = np.resize(np.array(effect, dtype=float), n)
    ends = {"low": effect - half, "high": effect + half}
    p_value = np.where((ends["low"] > 0) | (ends["high"] < 0), 0.001, 1.0)
    return metrics.ScoreDrivers(
        question=names, effect=effect, **ends, p_value=p_value, importance=np.full(n, 1 / n), mean=np.ones(n),
        explained=1.0, n_answers=n + 99, n_incomplete=0, level=0.95,
    )  # fmt: skip


def service_level(names, within, missed):
    n = len(names)
    waiting = metrics.OpenTickets(row=[], hours_left=[], at_risk=[])
    counts = {"n_within": np.resize(within, n), "n_missed": np.resize(missed, n), "n_pending": np.zeros(n, int)}
    return metrics.ServiceLevel(
        customer_class=names, priority=names[::-1], **counts, level=0.95, open=waiting, n_later=0, as_of="2024-03-01"
    )


def budget(names, value, money=1e4):
    each = {"spend": 1e3, "n_new": 50.0, "elasticity": 0.6}
    columns = {key: dict.fromkeys(names, one) for key, one in each.items()}
    worth = dict(zip(names, np.resize(value, len(names)).tolist(), strict=True))
    return ltv.split_budget(money, **columns, value=worth, target_ratio=3, keep="total")


def offers(names, worth, n=60):
    product, kinds = np.resize(np.array(names), n), ["again", "cross-sell", "upsell"]
    return products.NextProducts(
        customer=np.arange(n), product=product, kind=np.resize(np.array(kinds), n), prob=np.full(n, 0.5),
        expected_margin=np.resize(np.array(worth, dtype=float), n), reason=["popular"] * n, because_of=product,
        horizon_days=3660, as_of="2024-01-01", kinds=kinds,
    )  # fmt: skip


def draws_of(names, spread, n=50):
    rng = np.random.default_rng(5)
    draws = np.exp(spread * rng.normal(size=(n, len(names))))
    return models.Posterior(names=names, draws=draws, weight=np.full(n, 1 / n))


def regular(shape, error):
    counts = {"n_customers": 5, "n_intervals": 20, "sum_log_intervals": 3.0}
    return purchases.Regularity(shape=shape, standard_error=error, **counts, time_unit="week")


def total(**inputs):
    return sum(inputs.values())


@functools.cache
def awkward():
    """Give what makes each picture, by its name."""
    millions = np.linspace(0, 1, 1_000_001)
    one_day = {"period": "month", "as_of": "2024-01-31"}
    new = cohorts.retention_triangle([1, 2], ["2024-01-05", "2024-01-20"], [1e9, 2e9], **one_day)
    years = np.arange("2000-01", "2010-01", dtype="datetime64[M]").astype("datetime64[D]")
    old = cohorts.retention_triangle(
        np.arange(len(years)), years, np.ones(len(years)), period="month", as_of="2010-01-01"
    )
    counts = np.arange(144).reshape(12, 12)
    states = tuple(f"{name} {k}" for name, k in itertools.product(GEORGIAN, range(4)))
    rng = np.random.default_rng(1)
    many = [f"group {k}" for k in rng.integers(0, 300, 3000)]
    no_orders = journeys.Orders(customer=[1], time=["2023-01-01"], revenue=[5], margin=1)
    days = {"birthday": np.arange("1990-06-01", "1990-09-01", dtype="datetime64[D]")}
    born = journeys.Customers(customer=range(92), dates=days, consent={"email": [True] * 92})
    sent = journeys.plan([journeys.BirthdayJourney("birthday")], born, None, None, journeys.Policy(), "2024-05-31")
    every_day = np.arange("2004-01-01", "2024-01-01", dtype="datetime64[D]")
    return {
        "one customer": lambda: segmentation.lorenz_curve([5]),
        "equal customers": lambda: segmentation.lorenz_curve([3] * 40),
        "a million": lambda: segmentation.LorenzCurve(customer_share=millions, value_share=millions**3),
        "value of one": lambda: values_of([2], [30.0], [38.0]),
        "values of three": lambda: values_of([2, 2, 2], [30.0] * 3, [38.0] * 3),
        "no repeat purchase": lambda: values_of([0] * 30, [0.0] * 30, [38.0] * 30),
        "large sums": lambda: segmentation.summarise_segments(["a"] * 9 + ["b"], [3e9] * 9 + [1.0]),
        "losses": lambda: segmentation.summarise_segments(["a", "b"], [-3.0, -1.0]),
        "Georgian groups": lambda: segmentation.summarise_segments(GEORGIAN, [1000.0, 300.0, 20.0]),
        "many groups": lambda: segmentation.summarise_segments([f"group {k:03}" for k in range(99)], np.arange(99.0)),
        "many scores": lambda: segmentation.RfmScores(r_score=[1, 30], f_score=[30, 1], m_score=[1, 1], n_bins=30),
        "many states": lambda: segmentation.Migration(states=states, counts=counts, n_new=counts[0], n_gone=counts[1]),
        "nobody moved": lambda: segmentation.migration_matrix(["a"], ["a"]),
        "nobody lost": lambda: funnels.funnel_conversion([7, 7]),
        "nobody left": lambda: funnels.funnel_conversion([10_000_000, 1, 0, 0], funnel=[*GEORGIAN, "x"]),
        "long stages": lambda: funnels.funnel_conversion([[9, 5], [7, 7]], funnel=GEORGIAN[:2], by=GEORGIAN[:2]),
        "a young cohort": lambda: new,
        "old cohorts": lambda: old,
        "a young value": lambda: cohorts.cohort_ltv(new, margin=0.5),
        "no payback": lambda: cohorts.cohort_ltv(new, margin=0.5, acquisition_cost=1e12),
        "all stay": lambda: cohorts.survival_curve([5, 5, 7], [False, False, False]),
        "one left": lambda: cohorts.survival_curve([5], [True]),
        "no value": lambda: models.FrequencyCalibration(
            frequency=[0, 1], n_customers=[0, 0], actual=[np.nan] * 2, expected=[np.nan] * 2
        ),
        "many arms": lambda: experiments.compare_proportions([1] * 12, [9] * 12),
        "one look": lambda: experiments.sequential_test([[3, 5]], [[50, 50]]),
        "no credit": lambda: attribution.attribute(attribution.Paths.from_lists([["a"], ["b"]], [0, 0]), model="last"),
        "no step pays": lambda: journeys.best_last_step([1.0], [0.1], [0.1], [10.0]),
        "other promotions": lambda: promotions.compare_promotions(
            promotions.CartHistory(
                cart=[1, 1, 2],
                product=["საპონი", "eau", "საპონი"],
                unit_price=[10**9] * 3,
                quantity=[1, 2, 3],
                currency="UAH",
            ),
            [promotions.Promotion.percent("ძველი", 10)],
            [promotions.Promotion.percent("ახალი", 20)],
        ),
        "an empty plan": lambda: journeys.plan(
            [journeys.Cascade()],
            journeys.Customers(customer=[1], dates={"last_purchase": ["2024-05-30"]}),
            None,
            None,
            journeys.Policy(),
            "2024-05-31",
        ),
        "one purchase": lambda: plots.customer_history(["2024-01-01"], MODEL, as_of="2024-01-01", horizon=1),
        "a Georgian name": lambda: plots.customer_history(
            ["2024-01-08", "2024-02-05"], MODEL, as_of="2026-04-01", horizon=52, name="ნინო გელაშვილი-მაისურაძე"
        ),
        "boxes of names": lambda: boxes([*NAMES, "b"], [1e9, 5, -3, 0, 2, 1]),
        "boxes of one": lambda: boxes(["a"], [1.0]),
        "equal boxes": lambda: boxes(list("abcdefgh"), [2.0] * 8),
        "no box has a value": lambda: plots.segment_treemap(
            segmentation.summarise_segments(["a", "b", "b"], [0.0] * 3)
        ),
        "boxes of losses": lambda: plots.segment_treemap(
            segmentation.summarise_segments(["a", "b", "b"], [-1.0, -5.0, -6.0])
        ),
        "many boxes": lambda: boxes(many, np.arange(3000.0)),
        "a cascade of names": lambda: cascade(
            offers=[*NAMES[:4], "y" * 50, "a", "b", "c", "d"], repeat_last=False, allow_equal=True
        ),
        "no step of a cascade pays": lambda: cascade(benefit=1000.0),
        "a cascade of nothing": lambda: cascade(value=(0.0,), benefit=0.0, prob=(0.1, 0.1)),
        "a monthly cascade": lambda: cascade(99, (1e9,) * 3, first_month=1, every_months=1, end_month=60, offers=[]),
        "rates alike": lambda: plots.purchase_rates(models.Nbd(5000.0, 10_000.0, "week")),
        "rates that differ": lambda: plots.purchase_rates(models.Nbd(1e-3, 12.0, "week")),
        "nobody leaves": lambda: plots.leaving_rates(models.BgNbd(0.2, 4.0, 1e-6, 1e3, "week")),
        "leaving at any time": lambda: plots.leaving_rates(models.ParetoNbd(0.553, 10.58, 0.606, 11.67, "week")),
        "no attempt": lambda: attempts([1], ["other"], ["2024-01-01"]),
        "an open attempt": lambda: attempts([1], ["lead"], ["2024-05-31"], window=5),
        "no window": lambda: attempts([1, 1, 2], ["lead", "deal", "lead"], ["2024-01-01", "2024-01-02", "2024-01-01"]),
        "attempts of names": lambda: attempts(
            [1, 1, 2, 3], [NAMES[0], NAMES[1], NAMES[0], NAMES[2]], ["2024-01-01"] * 4, NAMES, window=9, order="stages"
        ),
        "attempts of groups": lambda: attempts([1, 2], ["lead"] * 2, ["2024-01-01"] * 2, window=3, by=NAMES[:2]),
        "economics of one": lambda: ltv.group_economics({"channel": ["a"]}, [5.0], acquisition_cost=1),
        "free customers": lambda: ltv.group_economics({"channel": ["a", "b"]}, [5.0, 4.0], acquisition_cost=0),
        "economics of names": lambda: ltv.group_economics(
            {"канал": NAMES * 4, "x": ["u", "v"] * 10}, rng.normal(-5, 50, 20), acquisition_cost=3
        ),
        "economics of many": lambda: ltv.group_economics({"channel": many}, rng.gamma(1, 9, 3000), acquisition_cost=3),
        "results without control": lambda: results(["birthday"]),
        "results with control": lambda: results(["birthday", NAMES[1]], n=300, control=0.3, spend=1e6),
        "results without orders": lambda: journeys.journey_results(sent, None, no_orders, as_of="2024-07-01"),
        "results of many": lambda: results([f"journey number {k}" for k in range(20)]),
        "rank of names": lambda: results(NAMES[:3], n=300).rank(),
        "an empty map": lambda: journey_map.JourneyMap(persona="Student", type="current state"),
        "a map without emotions": lambda: map_of(["a", "b"], [None, None]),
        "a map of names": lambda: map_of(NAMES, [0, -2, 1, None, -1.5]),
        "a long map": lambda: map_of([f"stage {k}" for k in range(99)], np.sin(np.arange(99.0))),
        "a flat map": lambda: map_of("abc", [1, 1, 1]),
        "costs of years": lambda: costs_of(288),
        "costs of no month": lambda: costs_of(0),
        "many dates": lambda: loyalty.programme_liability(1e9, 1e8, redeemed=np.arange(400.0), expected=[1e3] * 400),
        "no difference": lambda: effect_of(0.0, 0.0, 0.0),
        "a large difference": lambda: effect_of(-1e9, 1e8, 3e9),
        "move of many": lambda: segmentation.migration_matrix(many, many[::-1]),
        "move of names": lambda: segmentation.migration_matrix(NAMES, NAMES[::-1]),
        "hundred scores": lambda: segmentation.RfmScores(
            r_score=np.arange(1, 101), f_score=np.arange(100, 0, -1), m_score=[1] * 100, n_bins=100
        ),
        "funnels of many": lambda: funnels.funnel_conversion(
            [[9, 5 - k % 5, 1] for k in range(400)], funnel=["a", "b", "c"], by=[f"group {k}" for k in range(400)]
        ),
        "counts of many": lambda: models.FrequencyCalibration(
            frequency=np.arange(501), n_customers=[1] * 501, actual=np.arange(501.0), expected=np.arange(501.0)
        ),
        "days of years": lambda: models.purchase_tracking(
            [1, 1, 2], ["1984-01-01", "2000-01-01", "2023-12-31"], MODEL, period_days=1
        ),
        "each day of years": lambda: plots.purchases_by_period(
            models.purchase_tracking([1, 1, 2], ["1984-01-01", "2000-01-01", "2023-12-31"], MODEL, period_days=1)
        ),
        "purchases on each day": lambda: plots.customer_history(
            every_day, MODEL, as_of="2024-03-01", horizon=52, name="x" * 80
        ),
        "hundred arms": lambda: experiments.compare_proportions([1] * 100, [9] * 100),
        "arms of names": lambda: experiments.compare_proportions([5, 9, 7], [100] * 3, names=NAMES[:3]),
        "many looks": lambda: experiments.sequential_test(
            np.arange(1, 501)[:, np.newaxis] * [1, 2], np.arange(1, 501)[:, np.newaxis] * [20, 20]
        ),
        "hundred steps": lambda: journeys.steps_that_pay([5.0], [0.1] * 100, [0.05] * 100, [1.0] * 100),
        "hundred last steps": lambda: journeys.best_last_step([500.0], [0.1] * 100, [0.05] * 100, [1.0] * 100),
        "hundred channels": lambda: plots.compare_ltv_to_cac(
            [f"c{k}" for k in range(99)], np.arange(99.0), np.ones(99)
        ),
        "hundred inputs": lambda: plots.sensitivity(total, {f"{GEORGIAN[0]} {k}": float(k) for k in range(99)}),
        "nothing moves": lambda: plots.sensitivity(total, {"a": 0.0, "b": 0.0}),
        "one month": lambda: models.RevenuePlan(
            start=["2024-01-01"],
            end=["2024-01-31"],
            expected_purchases=[2],
            revenue=[9],
            margin=[3],
            as_of="2023-12-31",
        ),
        "months of years": lambda: months_of(300),
        "one deal": lambda: funnels.forecast_calibration([0.5], [True]),
        "cohorts that stay": lambda: cohorts.compare_survival([1, 2, 3], [False] * 3, ["a", "b", NAMES[0]]),
        "cohorts of names": lambda: cohorts.compare_survival([1, 2, 3, 4], [True] * 4, [*NAMES[:2]] * 2),
        "many days": lambda: days_back(1000, young=7),
        "nobody old enough": lambda: days_back(3, young=40),
        "many steps": lambda: stage_times([f"stage {k}" for k in range(60)], [1.0, 2.0, 7.0, np.inf]),
        "steps of names": lambda: stage_times(NAMES, [1.0, np.inf, np.inf, np.inf]),
        "steps at once": lambda: stage_times(["a", "b"], [0.0, 0.0]),
        "points of years": lambda: redemptions(200, 0.3, expired=0.7),
        "points of one month": lambda: redemptions(1, 0.0),
        "points that are all spent": lambda: redemptions(5, 1.0),
        "costs of points of years": lambda: simulated_points(500, 10**11, 1e15),
        "no points": lambda: simulated_points(2, 0),
        "targets of names": lambda: targets(NAMES, [1e9, 5.0, 0.0, 100.0, 3e3], [-50.0, 90.0, 10.0]),
        "many targets": lambda: targets([f"manager {k}" for k in range(300)], np.arange(300.0), [9.0, 11.0]),
        "drivers of names": lambda: drivers(NAMES, [-3.0, 1e-3, 2e3], 1e3),
        "many drivers": lambda: drivers([f"question {k}" for k in range(200)], [0.5, 0.1, -0.2], 0.3),
        "no driver": lambda: drivers(["a"], [0.0], 0.0),
        "service of names": lambda: service_level(NAMES, [9, 0, 10_000_000], [0, 9, 1]),
        "service of many": lambda: service_level([f"class {k}" for k in range(400)], np.arange(400), [7]),
        "no service yet": lambda: service_level(["a"], [0], [0]),
        "a budget of names": lambda: budget(NAMES, [50.0, 300.0, 2.0], 1e9),
        "a budget of many": lambda: budget([f"channel {k}" for k in range(90)], np.arange(90.0)),
        "a budget of nothing": lambda: budget(["a"], [0.0]),
        "offers of names": lambda: offers(NAMES, [1e9, 2e9, 5.0, 1.0]),
        "offers of many": lambda: offers([f"product {k}" for k in range(900)], [np.nan], 2000),
        "offers that lose": lambda: offers(NAMES[:2], [-1e6, 3.0]),
        "no offers": lambda: offers(["a"], [0.0], 1),
        "draws of names": lambda: draws_of(NAMES, 20.0),
        "draws of many": lambda: draws_of([f"purchase.x{k}" for k in range(300)], 0.1),
        "one draw": lambda: draws_of(["r"], 1.0, 1),
        "like a clock": lambda: regular(np.inf, np.nan),
        "not regular": lambda: regular(0.5, 3.0),
        "nothing regular": lambda: regular(np.nan, np.nan),
        "runs of a year": lambda: journeys.simulate_plan(
            [journeys.BirthdayJourney("birthday")],
            journeys.Customers(
                customer=range(99), dates={"birthday": every_day[:99] - 9999}, consent={"email": [True] * 99}
            ),
            None,
            journeys.Policy(),
            "2023-01-01",
            "2023-12-31",
        ),
    }
