"""Frozen values that hold arrays: copied, checked, read-only, comparable."""

from __future__ import annotations

import copy
import importlib
import pickle
import pkgutil
import re

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import crmvalue
from crmvalue import (
    attribution,
    cohorts,
    experiments,
    funnels,
    journey_map,
    journeys,
    ltv,
    metrics,
    models,
    purchases,
    report,
    segmentation,
)
from crmvalue._core.checks import as_fraction
from crmvalue._core.values import (
    array_field,
    checked_field,
    count_field,
    float_column,
    hand_over,
    number_column,
    read_only,
    stay_frozen,
)
from crmvalue.datasets import Transactions
from crmvalue.errors import InputError


@stay_frozen
@attrs.frozen(kw_only=True)
class Columns:
    """A value with one field of each kind."""

    plain: np.ndarray = array_field(default=None)
    number: np.ndarray = float_column("number")
    gaps: np.ndarray = float_column("gaps", missing=True, optional=True)
    spare: np.ndarray = float_column("spare", optional=True)


class TestReadOnly:
    """`read_only`: a read-only copy; what was given away by `own` is not copied."""

    @pytest.mark.parametrize("value", [[1, 2], (1, 2), range(1, 3), np.array([1, 2]), np.array([0, 1, 2])[1:]])
    def test_cannot_be_written_to(self, value):
        array = read_only(value)
        assert array.tolist() == [1, 2]
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 9

    def test_the_argument_stays_writeable_and_apart(self):
        mine = np.array([1, 2])
        array = read_only(mine)
        mine[0] = 9
        assert mine.flags.writeable
        assert array.tolist() == [1, 2]

    def test_a_locked_view_is_copied(self):
        mine = np.array([1, 2])
        view = mine.view()
        view.flags.writeable = False
        array = read_only(view)
        mine[0] = 9
        assert array.tolist() == [1, 2]

    def test_memory_of_others_is_copied(self):
        mine = bytearray(np.array([1, 2]).tobytes())
        array = read_only(np.frombuffer(memoryview(mine).toreadonly(), dtype=np.int64))
        mine[0] = 9
        assert array.tolist() == [1, 2]

    def test_a_locked_array_is_copied(self):
        """Whoever owns it can unlock it."""
        mine = np.array([1, 2])
        mine.flags.writeable = False
        array = read_only(mine)
        mine.flags.writeable = True
        mine[0] = 9
        assert array.tolist() == [1, 2]

    def test_what_is_given_away_is_not_copied(self):
        mine = np.array([1, 2])
        assert read_only(hand_over(mine)) is mine
        assert not mine.flags.writeable


class TestFloatColumn:
    """`float_column`: a one-dimensional float64 column, checked under the name of the field."""

    def test_casts_and_copies(self):
        mine = np.array([1, 2])
        value = Columns(number=mine)
        mine[0] = 9
        assert value.number.tolist() == [1.0, 2.0]
        assert value.number.dtype == np.float64
        assert value.plain is not None
        assert value.gaps is value.spare is None

    def test_missing_passes_where_it_is_asked_for(self):
        np.testing.assert_array_equal(Columns(number=[], gaps=[1, None, np.nan]).gaps, [1, np.nan, np.nan])

    @pytest.mark.parametrize("wrong", [[1, np.nan], [1, np.inf], [1, "2"], [1, None], 1, [[1]], [1e101], [True]])
    @pytest.mark.parametrize("name", ["number", "spare"])
    def test_rejections(self, name, wrong):
        with pytest.raises(InputError) as caught:
            Columns(**{"number": [1], name: wrong})
        assert caught.value.name == name

    @pytest.mark.parametrize("wrong", [[1, np.inf], [1, "2"], 1, [[1]], [1e-101], [True]])
    def test_rejections_where_gaps_pass(self, wrong):
        with pytest.raises(InputError) as caught:
            Columns(number=[1], gaps=wrong)
        assert caught.value.name == "gaps"

    def test_what_is_given_away_is_neither_checked_nor_copied(self):
        mine = np.array([np.inf])
        assert Columns(number=hand_over(mine)).number is mine

    def test_a_needed_column_has_no_default(self):
        with pytest.raises(TypeError, match="number"):
            Columns()


class TestNumberColumn:
    """`number_column`: numbers of any size, infinite ones only where allowed, never NaN."""

    @staticmethod
    def make(**options):
        return attrs.make_class("Results", {"x": number_column("x", **options)})

    def test_takes_numbers_of_any_size(self):
        mine = np.array([1e-300, -1e300])
        column = self.make()(x=mine).x
        np.testing.assert_array_equal(column, mine)
        assert not np.shares_memory(column, mine)
        assert not column.flags.writeable
        assert self.make()(x=[1, 2]).x.dtype == np.float64

    def test_infinity_where_allowed(self):
        assert self.make(infinite=True)(x=[np.inf]).x[0] == np.inf
        with pytest.raises(InputError, match="`x` must be a finite number; got inf at index 1"):
            self.make()(x=[1, np.inf])

    def test_none_where_it_is_the_default(self):
        assert self.make(default=None)().x is None
        with pytest.raises(InputError):
            self.make()(x=None)

    @pytest.mark.parametrize("wrong", [[np.nan], ["1"], [[1.0]], 1.0, [True, 1], [1, None], [[1], [1, 2]]])
    @pytest.mark.parametrize("infinite", [True, False])
    def test_rejections(self, wrong, infinite):
        with pytest.raises(InputError, match="`x` must be"):
            self.make(infinite=infinite)(x=wrong)


class TestCheckedField:
    """`checked_field`: what a check takes, under the name of the field."""

    def test_takes_and_refuses(self):
        terms = attrs.make_class("Terms", {"n": checked_field("n", as_fraction, default=0.5)})
        assert (terms().n, terms(n=0.25).n) == (0.5, 0.25)
        with pytest.raises(InputError, match="`n` must be in"):
            terms(n=2)


class TestArrayField:
    """`array_field`: equality compares all elements, NaN equal to NaN."""

    @given(
        st.lists(st.floats(1, 2) | st.just(np.nan), max_size=4), st.lists(st.floats(1, 2) | st.just(np.nan), max_size=4)
    )
    def test_equality_is_that_of_lists_of_numbers(self, left, right):
        def words(numbers):
            return [repr(number) for number in numbers]

        same = words(left) == words(right)
        assert (Columns(number=[], gaps=left) == Columns(number=[], gaps=right)) is same
        assert Columns(number=[], gaps=left) == Columns(number=[], gaps=list(left))

    @pytest.mark.parametrize(
        ("left", "right", "same"),
        [
            (["a", "b"], ["a", "b"], True),
            (["a", "b"], ["a", "c"], False),
            (["a"], [1], False),
            ([1], [1.0], True),
            ([1, 2], [1], False),
            ([1], [[1]], False),
            (np.array(["2024-01-01"], dtype="M8[D]"), np.array(["2024-01-01"], dtype="M8[D]"), True),
            (np.array(["2024-01-01"], dtype="M8[D]"), np.array(["2024-01-02"], dtype="M8[D]"), False),
            (np.array(["a", "b"], dtype=object), ["a", "b"], True),
        ],
    )
    def test_equality_of_other_kinds(self, left, right, same):
        assert (Columns(plain=left, number=[]) == Columns(plain=right, number=[])) is same

    def test_nothing_equals_nothing_alone(self):
        assert Columns(number=[1]) == Columns(number=[1])
        assert Columns(number=[1]) != Columns(number=[1], gaps=[])
        assert Columns(number=[1], gaps=[]) != Columns(number=[1])
        assert Columns(number=[1]) != "columns"

    def test_long_arrays_are_shown_short(self):
        shown = repr(Columns(plain=None, number=np.arange(10_000.0)))
        assert "[0.000e+00, 1.000e+00, 2.000e+00, ..., 9.997e+03, 9.998e+03, 9.999e+03]" in shown
        assert "gaps=None" in shown
        assert len(shown) < 200

    def test_evolve_keeps_what_is_not_changed(self):
        value = Columns(number=[1, 2], gaps=[np.nan])
        changed = attrs.evolve(value, number=[3])
        assert changed.number.tolist() == [3.0]
        np.testing.assert_array_equal(changed.gaps, value.gaps)


class TestCountField:
    """`count_field`: a whole number of at least `low`, checked under the name of the field."""

    def test_takes_and_refuses(self):
        counts = attrs.make_class("Counts", {"n": count_field("n", low=1, default=3)})
        assert counts().n == 3
        assert type(counts(n=np.float64(2)).n) is int
        with pytest.raises(InputError, match="`n` must be a whole number >= 1"):
            counts(n=0)


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
RNG = np.random.default_rng(3)
FIT = models.fit_shifted_beta_geometric([100, 80, 70, 65])
STAGE = journey_map.Stage("search", touchpoints=[journey_map.Touchpoint("product page", "website")], emotion=-1)
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
    ),
)
SCORES = models.compare_models(SPLIT, {"BG/NBD": models.fit_bg_nbd(SPLIT.calibration)})

ASLEEP = journeys.Customers(customer=[1], dates={"last_purchase": ["2023-08-31"]}, consent={"email": [True]})
PLAN = journeys.plan([journeys.Cascade()], ASLEEP, None, None, journeys.Policy(), "2024-05-31")

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
FORECAST = funnels.forecast_pipeline([5.0, 3.0], [0.5, 0.2], month=["2024-06-03", "2024-07-15"], group=["a", "b"])
ENTERED = funnels.funnel_from_events(
    [1, 1], ["a", "b"], ["2024-01-01", "2024-01-02"], ["a", "b"], as_of="2024-02-01", window=5, by=["x", "y"]
)

VALUES = [
    experiments.compare_proportions([48, 56], [80, 70]),
    experiments.compare_means([1, 2, 3, 5], ["a", "a", "b", "b"], control="a"),
    experiments.adjust_by_covariate([1, 2, 3, 5], [1, 4, 2, 3], ["a", "a", "b", "b"], control="a"),
    experiments.sample_size(0.2, 0.25, null_variance="pooled"),
    experiments.sample_ratio_mismatch([310, 98], [0.7, 0.3]),
    experiments.sequential_test([[3, 5]], [[50, 50]]),
    experiments.sequential_test_means([1, 2, 3, 5], ["a", "a", "b", "b"], control="a", effect_scale=1.0),
    funnels.Funnel(["a", "b"]),
    funnels.conversion([500, 300, 120]),
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
    funnels.BusinessHours(holidays=["2024-12-25"]),
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
    journeys.Offer(percent=10),
    journeys.Cascade(offers=["5 %"]),
    journeys.Cascade().steps(["2023-08-31"]),
    journeys.Cascade().state(["2023-08-31"], "2024-05-31"),
    journeys.Cascade().due(["2023-08-31"], "2024-05-31"),
    journeys.BirthdayJourney("birthday"),
    journeys.TriggerJourney("cart", event="cart"),
    journeys.FrequencyCap(messages=1, days=7),
    PLAN,
    PLAN.history(),
    ltv.LTV_TO_CAC_BANDS,
    ltv.LTV_TO_CAC_BANDS.bands[-1],
    ltv.LTV_TO_CAC_BENCHMARKS[0],
    ltv.ltv_segments([1, 2], 0.5, 0.5, names=["a", "b"], as_of="2024-01-01"),
    metrics.nps_counts([9, 10, 3]),
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
    models.CovariateEffect("income", 0.3, centre=40_000, scale=15_000),
    models.ParetoNbd(0.553, 10.58, 0.606, 11.67, "week"),
    models.BgBb(1.204, 0.750, 0.657, 2.783),
    models.ShiftedBetaGeometric(0.668, 3.806),
    models.BetaDiscreteWeibull(0.668, 3.806, 1.1),
    SPEND,
    models.ContractHistory.from_survivors([100, 80, 70]),
    models.OpportunityHistory(frequency=[0, 1], recency=[0, 2], n_opportunities=[3, 3]),
    FIT,
    FIT.diagnosis,
    models.draw_posterior(FIT, models.ContractHistory.from_survivors([100, 80, 70, 65]), n_draws=5, rng=RNG),
    models.likelihood_ratio_test(FIT, models.fit_beta_discrete_weibull([100, 80, 70, 65])),
    SCORES[0],
    SCORES[0].purchases,
    models.customer_values(SPLIT.calibration, PURCHASES, SPEND, horizon=52, margin=0.3),
    VALUES_WITH_INTERVALS,
    VALUES_WITH_INTERVALS.intervals,
    models.calibration_by_frequency(SPLIT, PURCHASES),
    models.purchase_tracking(*LOG[:2], PURCHASES),
    models.spend_independence(SPLIT.calibration),
    purchases.summarise_purchases(*LOG),
    purchases.summarise_purchases(["a", "b", "b"], *LOG[1:]),
    purchases.summarise_purchases(*LOG).counts,
    purchases.summarise_purchases(*LOG).unique(),
    purchases.split_purchases(*LOG, calibration_end="2024-01-31"),
    segmentation.lorenz_curve([1, 3]),
    segmentation.concentration([1, 3], warning_share=0.5),
    segmentation.fit_rfm([3, 40, 40], [9, 1, 1], [9, 5, 1], spend_basis="mean", as_of="2024-01-01", window=365),
    segmentation.RfmScores(r_score=[5, 1], f_score=[4, 2], m_score=[3, 3]),
    segmentation.SegmentTable.preset("A"),
    STAGE,
    STAGE.touchpoints[0],
    CURRENT,
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
    report.Estimate(0.5, 0.4),
    report.LastPeriod(name="month", n_months=1, n_before=0, n_active=0, prob_silent=0.1),
    report.BaseValue(ltv_revenue=report.Estimate(120.0)),
    report.Concentration(top_decile_share=0.3, top_fifth_share=0.5, gini=0.4),
    report.summarise_base(*LOG, margin=0.3),
    report.summarise_groups(*LOG),
    report.summarise_models(*LOG, margin=0.3),
    journeys.ServiceCycle(),
    journeys.ServiceCycle().due(["2023-06-10"], 12, "2024-06-01"),
    journeys.expiring_terms(["price"], ["2024-07-10"], as_of="2024-06-30"),
    journeys.spread_visits(["2024-06-12"] * 9, 1, as_of="2024-06-01"),
    journeys.without_next_step(["ann", "bob"], ["ann"], ["2024-07-01"], as_of="2024-06-30"),
    journeys.campaign_effect(80, 56, 80, 48),
    journeys.campaign_effect(2, 1, 2, 1, revenue_treated=[1, 3], revenue_control=[1, 2], margin=0.5),
    journeys.steps_that_pay([50, 400], [0.2, 0.1], [0.1, 0.05], 5),
    journeys.best_last_step([50, 400], [0.2, 0.1], [0.1, 0.05], 5),
]
"""One of each public class of values, and more."""

NOT_COMPARED = {segmentation.Column}
"""A class whose `==` makes a rule."""


def each_value():
    return [pytest.param(value, id=f"{type(value).__name__}-{i}") for i, value in enumerate(VALUES)]


def public_values():
    """Find all public attrs classes."""
    names = [info.name for info in pkgutil.iter_modules(crmvalue.__path__, "crmvalue.")]
    modules = [importlib.import_module(name) for name in names if not re.search(r"\._", name)]
    things = [getattr(module, name) for module in modules for name in module.__all__]
    return {thing for thing in things if isinstance(thing, type) and attrs.has(thing)}


def through_pickle(value):
    return pickle.loads(pickle.dumps(value))  # noqa: S301 - it was made here


def arrays_of(value):
    """Give the arrays of a value, those of the values in it included."""
    parts = [getattr(value, field.name) for field in attrs.fields(type(value))]
    parts += [item for part in parts if isinstance(part, dict) for item in part.values()]
    inner = [array for part in parts if attrs.has(type(part)) for array in arrays_of(part)]
    return [part for part in parts if isinstance(part, np.ndarray)] + inner


class TestPublicValues:
    """Every public value equals its copies, and they are as frozen as it is."""

    def test_none_escapes(self):
        assert {type(value) for value in VALUES} == public_values() - NOT_COMPARED

    @pytest.mark.parametrize("again", [through_pickle, copy.deepcopy, copy.copy, attrs.evolve])
    @pytest.mark.parametrize("value", each_value())
    def test_copies_are_equal_and_frozen(self, value, again):
        twin = again(value)
        assert type(twin) is type(value)
        assert (twin == value) is True
        assert (twin != value) is False
        assert value != 5
        for array in (*arrays_of(value), *arrays_of(twin)):
            with pytest.raises(ValueError, match="read-only"):
                array[:0] = array[:0]
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            setattr(twin, attrs.fields(type(twin))[0].name, None)

    @pytest.mark.parametrize("value", each_value())
    def test_values_with_arrays_say_that_they_have_no_hash(self, value):
        if arrays_of(value):
            with pytest.raises(TypeError, match=f"unhashable type: '{type(value).__name__}'"):
                hash(value)
        else:
            assert hash(copy.deepcopy(value)) == hash(value)

    @pytest.mark.parametrize("value", each_value())
    def test_the_arrays_given_are_not_kept(self, value):
        """An array that its owner locked and unlocks again is no way into a value."""
        for name in [f.name for f in attrs.fields(type(value)) if isinstance(getattr(value, f.name), np.ndarray)]:
            mine = getattr(value, name).copy()
            mine.flags.writeable = False
            twin = attrs.evolve(value, **{name: mine})
            assert not np.shares_memory(getattr(twin, name), mine)
