"""A value of each public class, for the tests of what all frozen values have in common.

Some of them are fitted, planned or drawn, so the tests import this module when they run and not when they are found.
"""

from __future__ import annotations

import attrs
import numpy as np

from crmvalue import (
    attribution,
    codes,
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
    profiles,
    promotions,
    purchases,
    report,
    segmentation,
)
from crmvalue.datasets import Transactions

__all__ = ["VALUES"]

LOG = ([1, 1, 2], ["2024-01-01", "2024-03-01", "2024-02-10"], [10, 20, 30])

SPLIT = purchases.split_purchases(
    [1, 1, 1, 2, 2, 3, 3, 3],
    ["2024-01-01", "2024-01-20", "2024-03-01", "2024-01-03", "2024-02-10", "2024-01-04", "2024-02-01", "2024-02-09"],
    [10, 20, 30, 12, 14, 9, 8, 11],
    calibration_end="2024-02-15",
    time_unit="week",
)
PURCHASES = models.BgNbd(0.243, 4.414, 0.793, 2.426, "week")
SPEND = models.GammaGamma(6.25, 3.74, 15.44)
LOGNORMAL = models.LognormalSpend(
    3.0, 0.8, 0.5, drift=0.1, origin="2024-01-01", season=[0.1] * 6 + [-0.1] * 6,
    spend_effects=[models.CovariateEffect("z", 0.2, 1.0, 2.0)],
)  # fmt: skip
RNG = np.random.default_rng(3)
ITEMS = journeys.InstalledItems(
    customer=["ann"], last_service=["2024-01-31"], interval_months=6, last_visit=["2024-02-01"]
)
IVAN = journeys.Technician("Ivan", districts="north", hours=journeys.BusinessHours())
SERVICE = metrics.service_level(["2024-03-01"] * 2, ["2024-03-02", None], 4, as_of="2024-03-03")
FIT = models.fit_shifted_beta_geometric([100, 80, 70, 65])
STAGE = journey_map.Stage("search", touchpoints=[journey_map.Touchpoint("product page", "website")], emotion=-1)
STUDENT = journey_map.Persona("Student", needs=["time"], evidence=[journey_map.Evidence("data", "clicks")])
CURRENT = journey_map.JourneyMap(
    persona="Student", type="current state", stages=[STAGE, journey_map.Stage("order")], reviewed_on="2024-01-31"
)
COLUMNS = segmentation.SegmentColumns({"spend": "number", "city": "text", "member": "flag"})
RULE = (COLUMNS["spend"] > 1) & ((COLUMNS["city"] == "b") | ~COLUMNS["member"].is_true())
MEMBERSHIP = segmentation.evaluate_segments(
    [segmentation.Segment("rich", RULE)],
    {"spend": [2, None], "city": ["b", None], "member": [True, None]},
    as_of="2024-01-01",
    customer=["ann", "bob"],
)
PRICED = promotions.best_price(
    promotions.Cart(lines=[promotions.CartLine(id="1", product="soap", unit_price="2.50", quantity=3)], currency="UAH"),
    [
        promotions.Promotion.percent("tenth", 10, combines_with=["*"], family="a"),
        promotions.Promotion.gift("mini", "eau 5 ml", "1.00", combines_with=["*"], family="a"),
        promotions.Promotion.percent("app", 20, channels=["app"]),
    ],
    caps=promotions.Caps(line_percent=50),
)
RETURNED = promotions.return_items(PRICED, {"1": 1}, policy="reprice")
PAST_CARTS = promotions.CartHistory(
    cart=[1, 1, 2],
    product=["soap", "eau", "soap"],
    unit_price=[250, 1000, 250],
    quantity=[1, 2, 3],
    unit_cost=[100, 600, 100],
    time=["2026-03-01", "2026-03-01", "2026-03-02"],
    categories={"soap": ["care"]},
    currency="UAH",
)
SUMMARY = segmentation.summarise_segments(["a", "b"], [1, 2], as_of="2024-01-01")
VALUES_WITH_INTERVALS = attrs.evolve(
    models.customer_values(SPLIT.calibration, PURCHASES, SPEND, horizon=52, margin=0.3),
    intervals=models.ValueIntervals(
        level=0.5,
        n_draws=4,
        **{end: np.zeros(len(SPLIT.calibration)) for end in ("clv_low", "clv_high", "outcome_low", "outcome_high")},
        total=(0.0, np.inf),
        total_outcome=(0.0, 1.0),
        effective_share=1.0,
        inflation=1.5,
        holdout_errors=[0.1, -0.2],
    ),
)
CHOICE = models.ModelChoice(
    name="BG/NBD",
    fit=models.fit_bg_nbd(SPLIT.calibration),
    criterion="crps",
    holdout_begin="2024-01-31",
    candidates=["NBD", "BG/NBD"],
    scores=[np.nan, 0.5],
    rule="nobody buys",
    rule_score=0.6,
    conclusion="BG/NBD is chosen.",
)
SCORES = models.compare_models(SPLIT, {"BG/NBD": models.fit_bg_nbd(SPLIT.calibration)})

ASLEEP = journeys.Customers(customer=[1], dates={"last_purchase": ["2023-08-31"]}, consent={"email": [True]})
PLAN = journeys.plan([journeys.Cascade()], ASLEEP, None, None, journeys.Policy(), "2024-05-31")
SEEN = journeys.Responses(customer=[1], name=["opened"], time=["2024-05-31T12:00"])
SOLD = journeys.Orders(customer=[1], time=["2024-06-02"], revenue=["19.90"], margin=0.3)
RESULTS = journeys.journey_results(PLAN, SEEN, SOLD, as_of="2024-06-30")

PROFILES = profiles.resolve_profiles(
    [1, 2, 3], {"card": ["a", "a", "b"]}, ["card"], apart=[(1, 2)], never={"card": ["b"]}
)
FIELD = profiles.choose_values(PROFILES, [1, 3], ["Kyiv", "Baku"], choose="first")

STEPS = {
    "who": journeys.Branch("vip", then="lot", otherwise="city"),
    "city": journeys.Choice("city", cases={"Kyiv": "wait"}, otherwise="end"),
    "lot": journeys.Split({"wait": 0.5, "opened": 0.5}),
    "wait": journeys.Wait("3 days"),
    "opened": journeys.WaitFor("opened", at_most="7 days"),
    "letter": journeys.Message(),
}
JOURNEY = journeys.Journey("hello", entry="registered", steps=STEPS)
WHO = journeys.Customers(
    customer=[1],
    dates={"birthday": ["1990-01-01"]},
    segments={"vip": [True]},
    attributes={"city": [None]},
    consent={"email": [True]},
)
DID = journeys.Events(customer=[1], name=["registered"], time=["2024-05-31T12:00"])

TRIANGLE = cohorts.retention_triangle(
    [1, 1, 2], ["2024-01-05", "2024-02-09", "2024-02-20"], [5, 3, 2], period="month", as_of="2024-02-29"
)

PATHS = attribution.Paths.from_lists([["G"], ["M"], ["G", "M"], ["G"]], [2, 1, 1, 0])

LEADS = funnels.LeadScore(
    fit=[funnels.FitRule(attribute="n", points=1, at_least=1)],
    signals=[funnels.Signal(event="visit", points=5)],
    grades=[funnels.Grade(name="warm", enter=5, leave=3)],
)
FORECAST = funnels.forecast_pipeline([5.0, 3.0], [0.5, 0.2], month=["2024-06-03", "2024-07-15"], by=["a", "b"])
ENTERED = funnels.funnel_from_events(
    [1, 1], ["a", "b"], ["2024-01-01", "2024-01-02"], ["a", "b"], as_of="2024-02-01", window=5, by=["x", "y"]
)

KEY = bytes(range(32))
GIFT = codes.GiftCertificate.sell(
    "GIFT",
    certificate="g-1",
    event_id="e1",
    amount=1000,
    order="o-1",
    paid_at="2026-03-01",
    phone="+380671234567",
    key=KEY,
    rules=codes.CertificateRules(policy=None, valid_days=365),
)
CODE = codes.PromoCode.issue(
    "SPRING",
    code_id="c-1",
    event_id="e1",
    time="2026-03-01",
    key=KEY,
    rules=codes.CodeRules(segments=["vip"], ends="2026-04-01", policy=None),
    phone="+380671234567",
).activate("e2", time="2026-03-01")
LEDGER = codes.CertificateLedger(certificates=[GIFT])

PROGRAMME = loyalty.LoyaltyProgramme(
    rules=[loyalty.EarnRule(name="base", points=5, per=100)],
    levels=[loyalty.Level(name="base", at_least=0), loyalty.Level(name="gold", at_least=100)],
    window="year",
)
POINTS = loyalty.PointsLedger(
    policy=loyalty.PointsPolicy(if_spent="negative"),
    event=[1, 2, 3],
    member=["ann", "bob", "ann"],
    kind=["earn", "earn", "spend"],
    time=["2024-01-10", "2024-01-12", "2024-02-20"],
    points=[100, 100, 80],
)
CATALOGUE = loyalty.RewardCatalogue(rewards=[loyalty.Reward(name="mug", price=10, stock=2)])

LINES = products.read_order_lines(
    customer=["ann", "ann", "ann", "ann", "bob", "bob", "bob"],
    date=["2024-01-05", "2024-02-05", "2024-02-05", "2024-03-05", "2024-01-05", "2024-02-05", "2024-03-05"],
    product=["tea", "tea", "jam", "tea", "jam", "tea", "jam"],
    category=["drinks", "drinks", "food", "drinks", "food", "drinks", "food"],
    quantity=[1, 2, 1, 1, 1, 1, 1],
    amount=[3.0, 6.0, 4.0, 3.0, 4.0, 3.0, 4.0],
    order=[1, 2, 2, 3, 4, 5, 6],
)

VALUES = [
    LINES,
    LINES.counts,
    products.product_pairs(LINES, min_count=1),
    products.next_purchases(LINES, within_days=40, min_count=1),
    products.replenishment(LINES, as_of="2024-03-31", min_intervals=1),
    products.next_products(LINES, as_of="2024-03-31", horizon_days=30, n=2, margin=0.4),
    products.check_next_products(LINES, as_of="2024-03-31", horizon_days=30, n=1),
    products.best_customer_products(LINES, best=["ann"], min_buyers=1),
    products.product_trends(LINES, as_of="2024-03-31", period_days=30, min_buyers=1),
    products.first_products(LINES, as_of="2024-03-31", horizon_days=30, min_customers=2),
    PROGRAMME,
    PROGRAMME.rules[0],
    PROGRAMME.levels[1],
    loyalty.EarnRule(name="base", points=1, only={"brand": ["Ajax"]}, level_percent={"gold": 150}),
    loyalty.Level(name="gold", at_least=100, privileges=["free delivery"]),
    loyalty.Reward(name="mug", price=10, levels=["gold"]),
    PROGRAMME.member_levels(["ann", "bob"], ["2024-03-01", "2024-05-01"], [120, 70], as_of="2024-06-30"),
    PROGRAMME.earn(
        order=["o1", "o2"], customer=["ann", "bob"], time=["2024-01-05", "2024-02-05"], spend=[10_000, 30_000]
    ),
    POINTS,
    POINTS.policy,
    CATALOGUE,
    CATALOGUE.rewards[0],
    loyalty.find_streaks(["ann"] * 3, ["2024-01-05", "2024-02-07", "2024-03-01"], period="month", length=3),
    loyalty.programme_liability(100_000.0, 9500.0, redeemed=[4500.0, 8500.0], expected=[9500.0, 9700.0]),
    loyalty.programme_costs(
        POINTS, "2024-03-01", point_value=1.0, redemption_rate=0.5, time=["2024-01-10"], spend=[2000.0]
    ),
    loyalty.redemption_rates(POINTS, as_of="2024-03-01"),
    loyalty.attribute_referrals(["bob", "ann"], ["ann", None], ["2024-02-01", "2024-01-01"], paid=[500.0, 900.0]),
    loyalty.referred_value([True] * 20 + [False] * 20, [1.0, 2.0, 3.0, 4.0, 5.0] * 8, start={"month": [1.0, 2.0] * 20}),
    loyalty.member_effect(
        [True] * 20 + [False] * 20, [1.0, 2.0, 3.0, 4.0, 5.0] * 8, before={"orders": [1.0, 2.0] * 20}
    ),
    loyalty.simulate_programme(
        PROGRAMME,
        order=["o1", "o2"],
        customer=["ann", "bob"],
        time=["2024-01-05", "2024-02-05"],
        spend=[10_000, 30_000],
        point_value=1.0,
        redemption_rate=0.8,
    ),
    codes.CodePolicy(),
    codes.CodeRules(channels=["app"], policy=codes.CodePolicy()),
    codes.CertificateRules(),
    codes.MessageCodes(key=["a"], code=["b"]),
    CODE,
    CODE.value,
    CODE.value.events[-1],
    GIFT,
    GIFT.events[0],
    LEDGER,
    LEDGER.balance(["2026-03-01", "2026-04-01"]),
    PROFILES,
    PROFILES.rules[0],
    PROFILES.refused,
    PROFILES.changes_since(PROFILES),
    FIELD,
    profiles.ScoredPairs(first=[1], second=[3], prob=[0.5]),
    profiles.contact_quality(["web"], {"card": ["1"]}),
    profiles.check_names(["Ana"], ["Anna"]),
    profiles.profile_table(PROFILES, {"city": FIELD}),
    profiles.profile_table(PROFILES, {"city": FIELD}).of(0),
    profiles.MergeStep(1, 2, "card", "a"),
    experiments.compare_proportions([48, 56], [80, 70]),
    experiments.compare_means([1, 2, 3, 5], ["a", "a", "b", "b"], control="a"),
    experiments.adjust_by_covariate([1, 2, 3, 5], [1, 4, 2, 3], ["a", "a", "b", "b"], control="a"),
    experiments.sample_size(0.2, 0.25, null_variance="pooled"),
    experiments.sample_ratio_mismatch([310, 98], [0.7, 0.3]),
    experiments.sequential_test([[3, 5]], [[50, 50]]),
    experiments.sequential_test_means([1, 2, 3, 5], ["a", "a", "b", "b"], control="a", effect_scale=1.0),
    funnels.Funnel(["a", "b"]),
    funnels.funnel_conversion([500, 300, 120]),
    ENTERED,
    funnels.time_in_stage(ENTERED),
    FORECAST,
    FORECAST.by_group,
    funnels.stage_probabilities(["offer", "call"], [True, False], stages=["call", "offer"]),
    funnels.forecast_calibration([0.5, 0.5], [True, False]),
    *LEADS.fit,
    *LEADS.signals,
    *LEADS.grades,
    LEADS,
    LEADS.score([1, 2], attributes={"n": [1, 0]}, events=([1], ["visit"], ["2024-05-01"]), as_of="2024-05-31"),
    funnels.fit_lead_score(np.arange(8.0)[:, np.newaxis], [0, 1] * 4, names=["visits"], rng=np.random.default_rng(1)),
    funnels.BusinessHours(hours={"Mon-Fri": "09:00-18:00"}, holidays=["2024-12-25"], time_zone="Europe/Kyiv"),
    metrics.response_time(["2024-03-01"], ["2024-03-02"], as_of="2024-03-03"),
    SERVICE,
    SERVICE.open,
    metrics.nps_change(metrics.nps_counts([9, 7, 3]), metrics.nps_counts([9, 9, 3])),
    metrics.score_drivers([9, 7, 3, 8], {"speed": [5, 4, 2, 4]}),
    metrics.response_by_segment(["new", "vip"], [True, False]),
    metrics.agent_scores(["ann", "bob", "ann"], [4, 5, 3]),
    metrics.retention_by_worst_ticket(
        ["ann", "bob"],
        ["2024-01-01"] * 2,
        [None, "2024-05-01"],
        ["bob"],
        ["2024-01-05"],
        ["bad"],
        order=["bad"],
        as_of="2024-12-31",
        landmark_days=30,
        horizon_days=90,
    ),
    funnels.STAGE_CRITERIA,
    funnels.STAGE_CRITERIA.criteria[0],
    funnels.step_alarms(funnels.funnel_conversion([9, 5, 1]), 0.5),
    funnels.forecast_sales([5, 10], [0.5, 0.2], margin=0.5),
    funnels.FollowUpRule(event="answer", hours=24, business_hours=funnels.BusinessHours()),
    funnels.follow_up_tasks(
        ["a"], ["answer"], ["2024-05-01"], rules=[funnels.FollowUpRule(event="answer", hours=24)], as_of="2024-05-31"
    ),
    PATHS,
    attribution.attribute(PATHS, model="markov"),
    attribution.channel_returns(attribution.attribute(PATHS, model="last"), [6, 3]),
    attribution.channel_transitions(PATHS),
    attribution.markov_removal_effects(PATHS),
    attribution.shapley_values({("a",): 4, ("b",): 2, ("a", "b"): 10}),
    TRIANGLE,
    cohorts.n_day_retention(
        [1, 1, 2], ["2024-01-01", "2024-01-08", "2024-01-01"], [1, 7], kind="day", as_of="2024-02-01"
    ),
    cohorts.survival_curve([1, 2, 2], [True, False, True]),
    cohorts.compare_survival([1, 2, 2], [True, False, True], ["a", "a", "b"]),
    cohorts.project_retention([100, 80, 70], 2, n_holdout=1),
    cohorts.cohort_ltv(TRIANGLE, margin=0.5, acquisition_cost=2),
    *STEPS.values(),
    JOURNEY,
    JOURNEY.runs(WHO, DID, "2024-05-31"),
    WHO,
    DID,
    journeys.Policy(suppressed=[1]),
    ITEMS,
    journeys.ServiceCycle(items=ITEMS, group_days=7, unless="visit booked"),
    IVAN,
    journeys.assign_visits(["2024-06-10"], ["north"], [IVAN], as_of="2024-06-01"),
    journeys.terms_in_force(["ann"], ["price"], [None], ["Olha"], ["Ihor"], as_of="2024-06-01"),
    journeys.Offer(percent=10),
    journeys.Cascade(offers=["5 %"], repeat_last=True),
    journeys.Cascade().steps(["2023-08-31"]),
    journeys.Cascade().state(["2023-08-31"], "2024-05-31"),
    journeys.Cascade().due(["2023-08-31"], "2024-05-31"),
    journeys.BirthdayJourney("birthday"),
    journeys.TriggerJourney("cart", event="cart"),
    journeys.FrequencyCap(messages=1, days=7),
    PLAN,
    PLAN.history(),
    SEEN,
    SOLD,
    RESULTS,
    journeys.best_send_hours([1, 1, 2], ["2024-05-01T09:00", "2024-05-02T09:00", "2024-05-01T19:00"]),
    journeys.observed_effect([True] * 20 + [False] * 20, [1.0, 2.0, 3.0, 4.0] * 10, past=[[1.0, 2.0] * 20] * 2),
    RESULTS.rank(),
    ltv.LTV_TO_CAC_BANDS,
    ltv.LTV_TO_CAC_BANDS.bands[-1],
    ltv.LTV_TO_CAC_BENCHMARKS[0],
    ltv.QUOTED_FIGURES[0],
    ltv.check_quoted_figures(csat=0.8, churned=(3, 0)),
    ltv.customer_profits([10, 20], margin=[0.3, 0.4], service_cost=[5, 5], customer=["ann", "bob"]),
    ltv.group_economics({"channel": ["a", "b", "a"]}, [1, 2, 3], acquisition_cost=1),
    ltv.split_budget(10, spend={"a": 5, "b": 5}, n_new=1, value=20, target_ratio=2, keep="each", elasticity=0.5),
    ltv.ltv_segments([1, 2], 0.5, 0.5, names=["a", "b"], as_of="2024-01-01"),
    metrics.nps_counts([9, 10, 3]),
    metrics.plan_and_actual(
        {"manager": ["ann"], "start": ["2024-01-01"], "end": ["2024-01-31"], "target": [100.0]},
        {"manager": ["ann"], "date": ["2024-01-02"], "amount": [10.0]},
        as_of="2024-01-10",
    ),
    metrics.weighted_choice({"A": {"price": 9, "help": 4}, "B": {"price": 5, "help": 7}}, {"price": 3, "help": 2}),
    metrics.customer_movements(
        [1, 2], ["2024-01-01", "2024-02-01"], start="2024-01-02", end="2024-02-02", active_days=9
    ),
    metrics.time_to_purchase(["2024-01-01"], [None], as_of="2024-01-02"),
    metrics.resolution_time(["2024-01-01"], ["2024-01-02"], as_of="2024-01-02"),
    metrics.first_contact_resolution_from_tickets(
        ["2024-01-01"], ["2024-01-01"], [None], as_of="2024-02-02", window_days=3
    ),
    metrics.recurring_revenue_movements([1, 2], [2, 0]),
    PURCHASES,
    models.MbgNbd(0.525, 6.183, 0.891, 1.614, "week"),
    models.GgompertzNbd(0.553, 10.58, 0.02, 0.606, 0.25, "week"),
    models.CorrelatedParetoNbd(0.553, 10.58, 0.606, 11.67, 1.5, "week"),
    models.TimeVaryingHistory(
        customer=["ann", "bob"],
        frequency=[1, 0],
        recency=[2.5, 0.0],
        age=[3.0, 3.0],
        n_periods=[2, 1],
        period_end=[2.0, 4.0, 4.0],
        covariate_names=["discount"],
        covariate_values=[[0.0], [0.2], [0.1]],
        purchase_totals=[[0.2], [0.0]],
        time_unit="week",
    ),
    models.TimeVaryingParetoNbd(
        0.8, 10.0, 0.6, 11.0, "week", purchase_effects=[models.CovariateEffect("discount", 3.0)]
    ),
    models.BgCnbd(0.525, 6.183, 0.891, 1.614, "week", k=1),
    models.MbgCnbd(1.329, 2.813, 0.425, 0.790, "week", k=2),
    models.Calendar(month={"December": 2.0}, weekday=[1.1] * 5 + [0.9] * 2, unseen=["May"]),
    models.DayEffect(name="sale", date=["2024-11-29", "2025-11-28"], level=2.5, value=[1.0, 0.5]),
    models.SeasonalModel(PURCHASES, models.Calendar(month={"December": 2.0}), start="2024-11-01"),
    models.fit_calendar(*LOG[:2], model="nbd", holidays={"sale": ["2024-02-10"]}),
    models.CovariateEffect("income", 0.3, centre=40_000, scale=15_000),
    models.Nbd(0.385, 12.07, "week"),
    models.ParetoNbd(0.553, 10.58, 0.606, 11.67, "week"),
    models.BgBb(1.204, 0.750, 0.657, 2.783),
    models.ShiftedBetaGeometric(0.668, 3.806),
    models.BetaDiscreteWeibull(0.668, 3.806, 1.1),
    SPEND,
    LOGNORMAL,
    models.Gb2Spend(2.1, 290.0, 0.8, 1.0, use_first=False),
    models.ContractHistory.from_survivors([100, 80, 70]),
    models.CountHistogram(counts=[60, 25, 15], cells=[0, 1, 2], period_ends=[1], time_unit="year"),
    models.BinnedHistory(
        frequency_low=[0, 1],
        frequency_high=[0, np.inf],
        recency_low=[0, 0],
        recency_high=[0, 39],
        age=[39, 39],
        weight=[6, 4],
        time_unit="week",
    ),
    models.OpportunityHistory(frequency=[0, 1], recency=[0, 2], n_opportunities=[3, 3]),
    FIT,
    FIT.diagnosis,
    models.draw_posterior(FIT, models.ContractHistory.from_survivors([100, 80, 70, 65]), n_draws=5, rng=RNG),
    models.likelihood_ratio_test(FIT, models.fit_beta_discrete_weibull([100, 80, 70, 65])),
    SCORES[0],
    SCORES[0].purchases,
    SCORES[0].counts,
    CHOICE,
    models.RollingHoldout(
        origin=np.array(["2024-01-31"], dtype="M8[D]"),
        name=["nobody buys"],
        n_customers=[3],
        n_purchases=[2.0],
        expected=[0.0],
        bias=[-1.0],
        mean_absolute_error=[0.5],
        root_mean_squared_error=[0.6],
        log_score=[np.inf],
        crps=[0.5],
        coverage=[np.nan],
        problems=["NBD, 2024-01-31: no end"],
    ),
    models.Ensemble(
        models=[PURCHASES, models.Nbd(0.385, 12.07, "week")], weights=[0.25, 0.75], names=["BG/NBD", "NBD"]
    ),
    models.customer_values(SPLIT.calibration, PURCHASES, SPEND, horizon=52, margin=0.3),
    models.revenue_plan(SPLIT.calibration, PURCHASES, SPEND, margin=0.3, n_months=2),
    VALUES_WITH_INTERVALS,
    VALUES_WITH_INTERVALS.intervals,
    models.calibration_by_frequency(SPLIT, PURCHASES),
    models.probability_integral_transform(SPLIT, PURCHASES, rng=np.random.default_rng(1), n_bins=4),
    models.purchase_tracking(*LOG[:2], PURCHASES),
    models.spend_independence(SPLIT.calibration),
    purchases.summarise_purchases(*LOG),
    purchases.summarise_purchases(["a", "b", "b"], *LOG[1:]),
    purchases.summarise_purchases(*LOG).counts,
    purchases.summarise_purchases(*LOG, keep_amounts=True),
    purchases.summarise_purchases(*LOG, keep_amounts=True).amounts,
    purchases.summarise_window(*LOG, window=30),
    purchases.estimate_regularity(*LOG[:2]),
    purchases.summarise_purchases(*LOG).unique(),
    purchases.split_purchases(*LOG, calibration_end="2024-01-31"),
    segmentation.lorenz_curve([1, 3]),
    segmentation.concentration([1, 3], warning_share=0.5),
    segmentation.fit_rfm([3, 40, 40], [9, 1, 1], [9, 5, 1], spend_basis="mean", as_of="2024-01-01", window=365),
    segmentation.RfmScores(r_score=[5, 1], f_score=[4, 2], m_score=[3, 3], n_bins=5),
    segmentation.SegmentTable.preset("A"),
    STAGE,
    STAGE.touchpoints[0],
    CURRENT,
    STUDENT,
    STUDENT.evidence[0],
    journey_map.lint(CURRENT, as_of="2024-06-30")[0],
    journey_map.compare_maps(CURRENT, attrs.evolve(CURRENT, type="future state")),
    journey_map.compare_maps(CURRENT, attrs.evolve(CURRENT, type="future state")).kept[0],
    COLUMNS,
    RULE,
    RULE.rules[0],
    RULE.rules[1],
    RULE.rules[1].rules[1],
    segmentation.Segment("rich", RULE),
    MEMBERSHIP,
    MEMBERSHIP.changes_since(MEMBERSHIP),
    segmentation.migration_matrix(["a", "b"], ["b", "c"], value_before=[1, 2], value_now=[3, 4]),
    SUMMARY,
    segmentation.segment_value_changes(SUMMARY, SUMMARY),
    Transactions(customer=LOG[0], date=LOG[1], amount=LOG[2]),
    plots.customer_history(["2024-01-08", "2024-02-05"], PURCHASES, as_of="2024-04-01", horizon=52),
    plots.value_matrix(PURCHASES, age=52, horizon=52, margin=10),
    plots.purchase_rates(PURCHASES),
    plots.purchases_by_period(models.purchase_tracking(*LOG[:2], PURCHASES)),
    plots.compare_attributions([attribution.attribute(PATHS, model=model) for model in ("first", "last", "markov")]),
    plots.compare_ltv_to_cac(["mail", "ads"], [90, 40], [20, 50]),
    plots.sensitivity(ltv.ltv_margin_churn, {"arpu": 15, "margin": 0.6, "churn_rate": 0.04}),
    report.Estimate(0.5, 0.4),
    report.LastPeriod(name="month", n_months=1, n_before=0, n_active=0, prob_silent=0.1),
    report.BaseValue(ltv_revenue=report.Estimate(120.0)),
    report.Concentration(top_decile_share=0.3, top_fifth_share=0.5, gini=0.4),
    report.summarise_base(*LOG, margin=0.3),
    report.summarise_groups(*LOG),
    report.summarise_models(*LOG, margin=0.3),
    report.summarise_report(*LOG, margin=0.3),
    report.summarise_report(*LOG).leaving,
    promotions.CartLine(id="1", product="soap", unit_price="2.50"),
    promotions.Cart(
        lines=[promotions.CartLine(id="1", product="soap", unit_price="2.50", attributes={"scent": "rose"})],
        currency="UAH",
        time="2026-03-07T11:00",
        tax_rates={"": "20"},
    ),
    promotions.Items(brands=["LUX"], attributes={"scent": "rose"}),
    promotions.Promotion.percent("spring", "12.5", brands=["LUX"], starts="2026-03-01", ends="2026-03-08"),
    promotions.Promotion.bundle("pair", [promotions.Items(brands=["LUX"]), promotions.Items()], price="9.00"),
    promotions.Promotion.threshold("more", {"100.00": 10, "200.00": "12.5"}, hours=("10:00", "14:00")),
    promotions.Promotion.threshold("less", {100: 10, 200: "12.50"}, steps_in="amount"),
    promotions.Caps(brand_percent={"LUX": 10}, floor_price={"soap": 100}),
    RETURNED,
    RETURNED.lines[0],
    promotions.NextOffer(promotion="pair", text="needs 1 more of any item", reached=0.5, missing_quantity=1),
    *promotions.lint_promotions([promotions.Promotion.percent("spring", 10, uses_left=0)]),
    PAST_CARTS,
    promotions.compare_promotions(PAST_CARTS, [], [promotions.Promotion.percent("tenth", 10)]),
    PRICED,
    *PRICED.lines,
    *PRICED.lines[0].discounts,
    *PRICED.applied,
    *PRICED.rejected,
    *PRICED.gifts,
    journeys.ServiceCycle().due(["2023-06-10"], 12, "2024-06-01"),
    journeys.expiring_terms(["price"], ["2024-07-10"], as_of="2024-06-30"),
    journeys.spread_visits(["2024-06-12"] * 9, 1, as_of="2024-06-01"),
    journeys.without_next_step(["ann", "bob"], ["ann"], ["2024-07-01"], as_of="2024-06-30"),
    journeys.campaign_effect(80, 56, 80, 48, assignment="random"),
    journeys.campaign_effect(
        2, 1, 2, 1, assignment="observed", revenue_treated=[1, 3], revenue_control=[1, 2], margin=0.5
    ),
    journeys.steps_that_pay([50, 400], [0.2, 0.1], [0.1, 0.05], 5),
    journeys.best_last_step([50, 400], [0.2, 0.1], [0.1, 0.05], 5),
]
"""One of each public class of values, and more."""
