"""Columns of pandas whose labels stand in different orders are refused, or matched by their labels."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path

import attrs
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from crmvalue.attribution import Paths
from crmvalue.cohorts import n_day_retention, retention_triangle, survival_curve
from crmvalue.errors import InputError
from crmvalue.experiments import ProportionComparison, sequential_test
from crmvalue.funnels import FitRule, LeadScore, Signal, fit_lead_score, follow_up_due, funnel_from_events
from crmvalue.journeys import (
    Cascade,
    Customers,
    Events,
    MessageHistory,
    Policy,
    ServiceCycle,
    best_last_step,
    campaign_effect,
    next_service,
    plan,
    steps_that_pay,
)
from crmvalue.ltv import (
    CustomerProfits,
    customer_profits,
    ltv_retention,
    ltv_simple,
    npv,
    payback_periods,
    retention_uplift,
)
from crmvalue.metrics import churn_rate, growth_rate, proportion_interval
from crmvalue.models import (
    BgBb,
    BgNbd,
    ContractHistory,
    CovariateEffect,
    Ensemble,
    GammaGamma,
    OpportunityHistory,
    ShiftedBetaGeometric,
    TimeVaryingHistory,
    TimeVaryingParetoNbd,
    customer_values,
    fit_calendar,
)
from crmvalue.profiles import resolve_profiles
from crmvalue.purchases import PurchaseHistory, split_purchases
from crmvalue.report import BaseSummary, summarise_base
from crmvalue.segmentation import Migration, SegmentSummary, migration_matrix
from tests.calls import Later

NUMBERS, DAYS, TEXTS = [1, 2], ["2024-01-01", "2024-01-02"], ["x", "y"]


def labelled(values, labels):
    return pd.Series(values, index=list(labels))


CASES = [
    (Customers, {"customer": NUMBERS, "dates": {"birthday": DAYS}}),
    (Customers, {"customer": NUMBERS, "consent": {"email": [True, False]}}),
    (Customers, {"customer": NUMBERS, "time_zone": ["UTC", "Europe/Kyiv"]}),
    (Events, {"customer": NUMBERS, "name": TEXTS, "time": DAYS}),
    (
        MessageHistory,
        {
            "customer": NUMBERS,
            "group": TEXTS,
            "step": TEXTS,
            "anchor": DAYS,
            "sent_at": DAYS,
            "channel": TEXTS,
            "counted": [True, False],
        },
    ),
    (ContractHistory, {"lifetime": NUMBERS, "churned": [True, False]}),
    (OpportunityHistory, {"frequency": NUMBERS, "recency": NUMBERS, "n_opportunities": NUMBERS}),
    (PurchaseHistory, {"frequency": NUMBERS, "recency": NUMBERS, "age": [3, 3], "time_unit": "week"}),
    (
        PurchaseHistory.from_columns,
        {"frequency": NUMBERS, "recency": NUMBERS, "age": [3, 3], "mean_repeat_spend": NUMBERS, "time_unit": "week"},
    ),
]


def with_labels(value, labels):
    if isinstance(value, dict):
        return {name: labelled(column, labels) for name, column in value.items()}
    return value if isinstance(value, str) else labelled(value, labels)


@pytest.mark.parametrize(("make", "given"), CASES)
def test_columns_of_a_value(make, given):
    columns = {name: with_labels(value, "ab") for name, value in given.items()}
    assert make(**columns) is not None
    last = [name for name, value in given.items() if not isinstance(value, str)][-1]
    with pytest.raises(InputError, match="same index"):
        make(**{**columns, last: with_labels(given[last], "ba")})


def test_whole_number_that_no_float_holds_is_no_outcome():
    with pytest.raises(InputError, match="event"):
        survival_curve([1, 2], [10**400, 0])


def test_duration_is_no_event():
    with pytest.raises(InputError, match="steps"):
        funnel_from_events([1, 1], ["a", "b"], DAYS, steps=np.array([1, 2], "m8[D]"), as_of="2024-03-01", window=30.0)


def test_overview_has_no_negative_counts():
    text = summarise_base([1, 1, 2], ["2024-01-01", "2024-03-01", "2024-02-10"], [10, 20, 30]).to_json()
    with pytest.raises(InputError):
        BaseSummary.from_json(text.replace('"n_customers": 2', '"n_customers": -5'))


BG = BgNbd(0.243, 4.414, 0.793, 2.426, "week", purchase_effects=(CovariateEffect("z", 0.5),))
PLAIN, SPEND = BgNbd(0.243, 4.414, 0.793, 2.426, "week"), GammaGamma(6.25, 3.74, 15.44)
CHURN = ShiftedBetaGeometric(0.668, 3.806)


LOG = {"customer": NUMBERS, "date": DAYS, "as_of": "2024-03-01"}
LEADS = LeadScore(fit=[FitRule(attribute="size", equals=1, points=5)])
VISITS = LeadScore(signals=[Signal(event="x", points=5)])
CONTACTS = {"last_service": DAYS, "interval_months": 12, "as_of": "2024-03-01"}


def effect_of(revenue, benefit):
    return campaign_effect(2, 1, 2, 1, assignment="random", revenue_treated=revenue, revenue_control=[1, 2], margin=1,
                           benefit=benefit)  # fmt: skip


def dates(column):
    return column.map(dict(zip(NUMBERS, DAYS, strict=True)))


@pytest.mark.parametrize(
    "call",
    [
        effect_of,
        lambda one, other: ServiceCycle().due(dates(one), other, "2024-03-01"),
        lambda one, other: ServiceCycle().due(**CONTACTS | {"last_service": dates(one)}, last_visit=dates(other)),
        lambda one, other: ServiceCycle().due(**CONTACTS, deferred_on=dates(one), deferred_reason=other.map(str)),
        lambda one, other: ServiceCycle().due(**CONTACTS, deferred_on=dates(one), last_contact=dates(other)),
        lambda one, other: Cascade().due(dates(one), "2024-03-01", last_sent=dates(other)),
        lambda one, other: Cascade().due(dates(one), "2024-03-01", last_reaction=dates(other)),
        lambda one, other: retention_triangle(**LOG, period="month", start=(one, dates(other))),
        lambda one, other: n_day_retention(**LOG, days=1, kind="day", start=(one, dates(other))),
        lambda one, other: LEADS.score(one, attributes={"size": other}, as_of="2024-03-01"),
        lambda one, other: VISITS.score(NUMBERS, events=(one, TEXTS, dates(other)), as_of="2024-03-01"),
        lambda one, other: VISITS.score(NUMBERS, events=(one, other.map(str), DAYS), as_of="2024-03-01"),
        lambda one, other: Paths.from_lists([["x"], ["y"]], one, value=other),
        lambda one, other: steps_that_pay(one, other.to_frame() / 10, [0.1], [1.0]),
        lambda one, other: best_last_step(one, [0.1], other.to_frame() / 10, [1.0]),
        lambda one, other: CHURN.survival(one, tenure=other),
        lambda one, other: CHURN.prob_churn(one, tenure=other),
        lambda one, other: BG.for_covariates({"z": 1}).prob_purchases_new(one, horizon=other),
        lambda one, other: BG.simulate(one, covariates={"z": other}, rng=np.random.default_rng(1)),
    ],
)
def test_columns_of_a_method(call):
    call(labelled([1, 2], "ab"), labelled([1, 2], "ab"))
    with pytest.raises(InputError, match="same index"):
        call(labelled([1, 2], "ab"), labelled([1, 2], "ba"))


def test_days_and_values_of_a_calendar():
    figure = (dates(labelled([1, 2], "ab")), labelled([1, 2], "ba"))
    with pytest.raises(InputError, match="same index"):
        fit_calendar(**LOG, model="nbd", covariates={"x": figure})


def test_outcomes_of_leads():
    rng = np.random.default_rng(1)
    leads = pd.DataFrame({"visits": rng.poisson(2, 400)}, index=rng.permutation(400))
    won = pd.Series(rng.random(400) < 1 / (1 + np.exp(2 - leads["visits"].to_numpy())), index=leads.index)
    fit_lead_score(leads, won, rng=rng)
    with pytest.raises(InputError, match="same index"):
        fit_lead_score(leads, won.sort_index(), rng=rng)


def test_an_array_without_a_dimension_is_no_list_of_events():
    with pytest.raises(InputError, match="exclude"):
        funnel_from_events([1, 1], ["a", "b"], DAYS, steps=["a", "b"], exclude=np.array("a"), as_of="2024-03-01")


def test_a_text_of_null_characters_is_empty():
    """Numpy drops them at the end of a text, so they would not come back from JSON."""
    given = {"customer": [1], "group": ["x"], "step": ["y"], "anchor": DAYS[:1], "sent_at": DAYS[:1]}
    with pytest.raises(InputError, match="channel"):
        MessageHistory(**given, channel=["\0"], counted=[True])


def columns_of_rows(value):
    """Give the fields of a value, and those of them that are columns of as many rows as most others."""
    fields = {field.alias: getattr(value, field.name) for field in attrs.fields(type(value)) if field.init}
    columns = {name: part for name, part in fields.items() if isinstance(part, np.ndarray) and part.ndim == 1}
    lengths = [len(column) for column in columns.values()]
    most = max(lengths, key=lengths.count, default=0)
    return fields, {name: column for name, column in columns.items() if len(column) == most and most}


def as_texts(column):
    return [None if day is None else str(day) for day in column.tolist()] if column.dtype.kind == "M" else column


def test_columns_of_every_value():
    n_refused = 0
    for value in importlib.import_module("tests.core.public_values").VALUES:
        fields, columns = columns_of_rows(value)
        if len(columns) < 2:
            continue
        last, n = list(columns)[-1], len(next(iter(columns.values())))
        labels = [f"row {i}" for i in range(n)]
        given = {name: labelled(as_texts(column), labels) for name, column in columns.items()}
        given[last] = labelled(as_texts(columns[last]), [f"other {label}" for label in labels])
        with pytest.raises(InputError) as caught:
            type(value)(**{**fields, **given})
        n_refused += "same index" in str(caught.value)
    assert n_refused > 60


def test_codes_of_a_plan():
    base = Customers(customer=NUMBERS, dates={"last_purchase": ["2023-08-31"] * 2}, consent={"email": [True] * 2})
    made = plan([Cascade()], base, None, None, Policy(), "2024-05-31")
    made.with_codes(labelled(["c1", "c2"], "ab"), key=labelled(made.key, "ab"))
    with pytest.raises(InputError, match="same index"):
        made.with_codes(labelled(["c1", "c2"], "ab"), key=labelled(made.key, "ba"))
    with pytest.raises(InputError, match="without labels"):
        made.with_codes(labelled(["c1", "c2"], made.key[::-1]))
    assert made.with_codes(labelled(["c1", "c2"], [0, 1])).code.tolist() == ["c1", "c2"]


class TestTables:
    """Tables are matched by position: neither rows nor columns may carry the same labels in another order."""

    STEPS = pd.DataFrame([[0.5, 0.4], [0.3, 0.2]], columns=["first", "second"])

    @pytest.mark.parametrize("table", [lambda given: given, pl.from_pandas, pa.Table.from_pandas])
    @pytest.mark.parametrize("function", [steps_that_pay, best_last_step])
    def test_columns_of_two_tables(self, function, table):
        other = self.STEPS[["second", "first"]] / 2
        function([100.0, 200.0], table(self.STEPS), table(self.STEPS / 2), [5.0, 6.0])
        with pytest.raises(InputError, match="`prob_return_without` must be with the column 'second'"):
            function([100.0, 200.0], table(self.STEPS), table(other), [5.0, 6.0])

    @pytest.mark.parametrize("table", [lambda given: given, pl.from_pandas, pa.Table.from_pandas])
    @pytest.mark.parametrize("function", [steps_that_pay, best_last_step])
    def test_columns_of_steps_are_matched_by_name(self, function, table):
        value = labelled([100.0, 200.0], "xy")
        tables = (
            (table(self.STEPS), table(self.STEPS / 2))
            if table(self.STEPS) is not self.STEPS
            else (self.STEPS.set_axis(value.index), self.STEPS.set_axis(value.index) / 2)
        )
        plain = function(value.to_numpy(), self.STEPS.to_numpy(), self.STEPS.to_numpy() / 2, [5.0, 6.0], [1.0, 2.0])
        benefit, cost = pd.Series({"second": 6.0, "first": 5.0}), pd.Series({"first": 1.0, "second": 2.0})
        assert function(value, *tables, benefit, cost) == plain
        assert function(value, *tables, benefit, [1.0, 2.0]) == plain
        by_step = [labelled([0.5, 0.4], ["first", "second"]), labelled([0.2, 0.25], ["second", "first"])]
        found = function(value, *by_step, benefit, cost)
        assert found == function(value.to_numpy(), [0.5, 0.4], [0.25, 0.2], [5.0, 6.0], [1.0, 2.0])
        for wrong in (labelled([5.0, 6.0], "xy"), pd.Series([5.0, 6.0]), pd.Series({"first": 5.0})):
            with pytest.raises(InputError, match="`benefit` must be of the steps first, second"):
                function(value, *tables, wrong)
        with pytest.raises(InputError, match="different labels"):
            function(value, *tables, labelled([5.0, 6.0], ["first", "first"]))

    def test_looks_of_a_test(self):
        n = pd.DataFrame({"A": [500, 1000], "B": [500, 1000]}, index=["Monday", "Tuesday"])
        x = n // 10
        assert sequential_test(x, n).trials.tolist() == [[500, 500], [1000, 1000]]
        with pytest.raises(InputError, match=r"`trials\['A'\]` must be with the same index"):
            sequential_test(x, n[::-1])

    def test_arms_of_looks_in_a_list(self):
        n = [labelled([500, 500], "AB"), labelled([1000, 1000], "AB")]
        assert len(sequential_test([labelled([30, 50], "AB"), labelled([60, 110], "AB")], n).p_value) == 2
        with pytest.raises(InputError, match="`trials` must be with the column 'A' at the same place"):
            sequential_test([labelled([50, 30], "BA"), labelled([110, 60], "BA")], n)

    def test_touches_of_a_frame_with_the_same_labels(self):
        touches = [labelled(["ad", "mail"], "aa"), labelled(["mail"], "b")]
        assert Paths.from_lists(touches, [1, 1]) == Paths.from_lists([["ad", "mail"], ["mail"]], [1, 1])

    @pytest.mark.parametrize(
        "function",
        [
            lambda rows: npv(rows, 0.1, timing="end"),
            lambda rows: payback_periods(rows, [3.0, 4.0], timing="end", interpolate=True),
            lambda rows: sequential_test(rows, [[5, 5], [9, 9]]),
        ],
    )
    def test_columns_in_a_list(self, function):
        function([labelled([1, 2], "ab"), labelled([3, 4], "ab")])
        with pytest.raises(InputError, match="same index"):
            function([labelled([1, 2], "ab"), labelled([4, 3], "ba")])


class TestTableBesideColumn:
    """What broadcasts stands beside the columns of a table, so a column has their labels, or is refused."""

    TABLE = pd.DataFrame({"a": [1.0, 3.0], "b": [2.0, 4.0]}, index=["x", "y"])

    @pytest.mark.parametrize(
        "table", [lambda given: given, pl.from_pandas, lambda given: [row for _, row in given.iterrows()]]
    )
    def test_a_column_has_the_labels_of_the_columns(self, table):
        found = ltv_simple(table(self.TABLE), labelled([10, 20], "ab"))
        assert found.tolist() == [[10, 40], [30, 80]]
        for other in (labelled([10, 20], "ba"), labelled([10, 20], "xy")):
            with pytest.raises(InputError, match="`lifetime` must be with the same index as `arpu"):
                ltv_simple(table(self.TABLE), other)

    @pytest.mark.parametrize(
        ("function", "numbers"),
        [
            (ltv_simple, [10.0, 20.0]),
            (lambda one, other: churn_rate(other, one * 100), [1, 2]),
            (lambda one, other: proportion_interval(other, one * 100), [1, 2]),
            (lambda one, other: growth_rate(one, other, n_periods=1), [1, 2]),
            (lambda one, other: ltv_retention(one, 0.5, 0.8, 0.1, timing="end", n_periods=other), [1, 2]),
            (lambda one, other: retention_uplift(one / 10, other / 10), [1, 2]),
            (next_service, [6, 12]),
            (follow_up_due, [6, 12]),
            (lambda one, other: CHURN.survival(one, tenure=other), [1, 2]),
            (lambda one, other: PLAIN.prob_purchases_new(one, horizon=other), [1, 2]),
        ],
    )
    def test_one_column_of_a_table_beside_a_column(self, function, numbers):
        """With double brackets, numpy would give each customer beside each other: n times n numbers."""
        frame = pd.DataFrame({"one": [1.0, 2.0], "other": numbers})
        if function in (next_service, follow_up_due):
            frame["one"] = np.array(DAYS, "M8[D]")
        assert np.shape(function(frame["one"], frame["other"]))[-1] == 2
        assert np.shape(function(frame[["one"]], frame[["other"]]))[-2:] == (2, 1)
        with pytest.raises(InputError, match=r"same index as .*\.columns"):
            function(frame[["one"]], frame["other"])


def columns_given(given):
    """Give each column among the arguments of a call, with the place where it stands."""
    for name, value in given.items():
        parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, tuple) else ()
        for key, part in [((name,), value), *(((name, key), part) for key, part in parts)]:
            plain = isinstance(part, list) and len(part) > 1
            if plain and not any(isinstance(item, list | tuple | dict) or attrs.has(type(item)) for item in part):
                yield key, part


def replaced(given, place, column):
    """Give the arguments with another column at one place."""
    if len(place) == 1:
        return {**given, place[0]: column}
    whole, (name, key) = given[place[0]], place
    if isinstance(whole, dict):
        return {**given, name: {**whole, key: column}}
    return {**given, name: tuple(column if i == key else part for i, part in enumerate(whole))}


NOT_REFUSED = {
    "compare_means_from_summary": "matched by the names of the arms",
    "compare_proportions": "matched by the names of the arms",
    "ltv_npv": "the margin of periods, the others of streams",
    "npv_dated": "the dates of periods, the rate of streams",
    "sample_ratio_mismatch": "matched by the names of the arms",
    "split_budget": "matched by the names of the channels",
    "without_next_step": "the customers are a table of their own",
}


def test_columns_of_every_function():
    """With one column of which the labels stand in another order, each function raises, or is listed here."""
    found, refusals = set(), []
    rooms = sorted(path.parent.name for path in Path(__file__).parent.glob("*/calls.py"))
    for call in (call for room in rooms for call in importlib.import_module(f"tests.{room}.calls").CALLS):
        columns = dict(columns_given({name: part for name, part in call.given.items() if not isinstance(part, Later)}))
        lengths = [len(column) for column in columns.values()]
        columns = {place: column for place, column in columns.items() if lengths.count(len(column)) > 1}
        given = call.arguments if columns else {}
        for place, column in columns.items():
            given = replaced(given, place, labelled(column, [f"row {i}" for i in range(len(column))]))
        for place, column in columns.items():
            try:
                call.function(
                    **replaced(given, place, labelled(column, [f"row {i}" for i in range(len(column))][::-1]))
                )
            except InputError as error:
                refusals.append((call.function.__name__, place, str(error)))
            else:
                found.add(call.function.__name__)
    assert found == set(NOT_REFUSED)
    assert [refusal for refusal in refusals if "same index" not in refusal[2]] == []
    assert len(refusals) > 300


IDS = [30, 10, 20]
SHUFFLED = [20, 30, 10]
"""The customers of a labelled column."""
ROWS = {"frequency": [2.0, 0.0, 1.0], "recency": [3.0, 0.0, 2.0], "age": [5.0, 6.0, 8.0]}
HISTORY = PurchaseHistory.from_columns(customer=IDS, **ROWS, time_unit="week", as_of="2024-03-01").with_covariates(
    {"z": [0.0, 1.0, 2.0], "x": [0.5, 1.0, 2.0]}
)


def by_customer(column):
    """Label a column that is in the order of the customers, in another order."""
    return pd.Series(dict(zip(IDS, column, strict=True)))[SHUFFLED]


def histories_for(model):
    """Give the customers of a model, with and without identifiers."""
    if isinstance(model, TimeVaryingParetoNbd):
        names = {effect.name: 0 for effect in (*model.purchase_effects, *model.dropout_effects)} or {"z": 0}
        yield TimeVaryingHistory(
            customer=IDS, **ROWS, n_periods=[1] * 3, period_end=[90.0] * 3, covariate_names=list(names),
            covariate_values=[[1.0] * len(names)] * 3, purchase_totals=[[x] * len(names) for x in ROWS["frequency"]],
            time_unit=model.time_unit,
        )  # fmt: skip
    elif isinstance(model, BgBb):
        yield OpportunityHistory(frequency=ROWS["frequency"], recency=ROWS["recency"], n_opportunities=ROWS["age"])
    else:
        effects = (*model.purchase_effects, *model.dropout_effects)
        history = attrs.evolve(HISTORY, time_unit=model.time_unit)
        if effects:
            history = history.with_covariates({effect.name: [0.0, 1.0, 2.0] for effect in effects})
        yield from (history, attrs.evolve(history, customer=None))


def methods_beside_a_history(model):
    """Give each method of a model that takes a history, with its arguments that may be columns."""
    for name in sorted(dir(type(model))):
        static = inspect.getattr_static(type(model), name)
        if name.startswith("_") or isinstance(static, property) or not callable(static):
            continue
        parameters = inspect.signature(static).parameters
        columns = [part for part, of in parameters.items() if "ArrayLike" in str(of.annotation)]
        if "history" in parameters and columns:
            yield name, [part for part in columns if part != "discount_rate"], "discount_rate" in columns


def test_columns_beside_a_history():
    """Every model matches them by the labels of the customers, and refuses other labels."""
    values = importlib.import_module("tests.core.public_values").VALUES
    models = {type(value): value for value in values if hasattr(value, "prob_purchases")}
    found = set()
    for kind, model in models.items():
        for history in histories_for(model):
            for name, parts, has_rate in methods_beside_a_history(model):
                ask = getattr(model, name)
                rate = {"discount_rate": 0.01} if has_rate else {}
                plain = {part: [2, 0, 1] if part == "n" else [3, 1, 2] for part in parts}
                expected = ask(history, **{part: pd.Series(column) for part, column in plain.items()}, **rate)
                for part in parts:
                    found.add((kind.__name__, name, part))
                    if getattr(history, "customer", None) is None:
                        with pytest.raises(InputError, match=f"`{part}` must be .* no identifiers"):
                            ask(history, **plain | {part: by_customer(plain[part])}, **rate)
                        continue
                    matched = ask(history, **plain | {part: by_customer(plain[part])}, **rate)
                    np.testing.assert_array_equal(matched, expected)
                    with pytest.raises(InputError, match=f"`{part}` must be .* without 30"):
                        ask(history, **plain | {part: by_customer(plain[part]).rename({30: 31})}, **rate)
    parts = {("prob_alive", "at"), ("expected_purchases", "horizon"), ("prob_purchases", "n"),
             ("prob_purchases", "horizon"), ("discounted_expected_purchases", "horizon")}  # fmt: skip
    assert {(kind.__name__, *part) for kind in models for part in parts} == found
    assert len(models) > 10


class TestColumnsBesideCustomers:
    """A labelled column is matched by customer; without identifiers or with some missing it is refused."""

    NAMELESS = attrs.evolve(HISTORY, customer=None)

    def test_covariates(self):
        income, is_member = by_customer([1.0, 2.0, 3.0]), by_customer([True, False, True])
        found = HISTORY.with_covariates({"income": income, "is_member": is_member})
        assert found.covariate_values.T.tolist() == [[1, 2, 3], [1, 0, 1]]
        log = [30, 10, 20, 10], ["2024-01-01", "2024-01-02", "2024-01-03", "2024-03-01"]
        split = split_purchases(*log, calibration_end="2024-01-31")
        split = attrs.evolve(split, calibration=split.calibration[[2, 0, 1]])
        income[99] = 4.0
        assert split.with_covariates({"income": income}).calibration.covariate("income").tolist() == [1, 2, 3]
        for history, column in ((self.NAMELESS, income), (HISTORY, income[:2]), (HISTORY, income.rename({10: 11}))):
            with pytest.raises(
                InputError, match=r"columns\['income'\]` must be a column whose index holds each of the customers"
            ):
                history.with_covariates({"income": column})

    def test_covariates_beside_identifiers(self):
        frame = pd.DataFrame({"id": [10, 20, 30, 40], "income": [2.0, 3.0, 1.0, 9.0]}, index=[7, 5, 6, 4])
        found = HISTORY.with_covariates({"income": frame["income"]}, customer=frame["id"])
        assert found.covariate("income").tolist() == [1, 2, 3]
        found = HISTORY.with_covariates({"income": by_customer([1.0, 2.0, 3.0])}, customer=[10, 20, 30])
        assert found.covariate("income").tolist() == [1, 2, 3]
        with pytest.raises(InputError, match="same index"):
            HISTORY.with_covariates({"income": frame["income"][::-1]}, customer=frame["id"])
        with pytest.raises(InputError, match="without 10, 20, 30 and 1 more"):
            HISTORY.with_covariates({"income": frame["income"]}, customer=frame["id"].tolist())

    def test_row_numbers_of_a_filtered_table(self):
        """They hold all customers by accident, and others; of customers, the index has a name, or those alone."""
        rows = pd.Series(np.arange(50.0), index=range(1, 51))
        with pytest.raises(InputError, match=r"a filtered or sorted table; .* rename_axis\('customer'\)"):
            HISTORY.with_covariates({"income": rows})
        for column in (rows.rename_axis("id"), rows[[10, 20, 30]], rows[::-1]):
            assert HISTORY.with_covariates({"income": column}).covariate("income").tolist() == [29, 9, 19]

    def test_row_numbers_of_a_sorted_table(self):
        frame = pd.DataFrame({"id": range(1, 51), "income": np.arange(50.0)}).sort_values("income", ascending=False)
        with pytest.raises(InputError, match="row numbers of a filtered or sorted table"):
            HISTORY.with_covariates({"income": frame["income"]})
        named = frame.set_index("id")["income"]
        assert HISTORY.with_covariates({"income": named}).covariate("income").tolist() == [29, 9, 19]

    def test_chosen_customers(self):
        assert HISTORY[by_customer([True, False, True])].customer.tolist() == [30, 20]
        assert HISTORY[labelled([2, 0], "ab")].customer.tolist() == [20, 30]
        with pytest.raises(InputError, match="no identifiers"):
            self.NAMELESS[labelled([True, False, True], [2, 1, 0])]

    def test_what_they_brought(self):
        values = customer_values(
            attrs.evolve(HISTORY, mean_repeat_spend=[5.0, np.nan, 7.0]), PLAIN, SPEND, horizon=52, margin=0.3
        )
        earned = [30.0, 1.0, 2.0]
        assert values.profits(earned=by_customer(earned)) == values.profits(earned=earned)
        with pytest.raises(InputError, match="without 30"):
            values.profits(earned=by_customer(earned)[[10, 20]])


@pytest.mark.parametrize(
    ("make", "given", "column"),
    [
        (Ensemble, {"models": [PLAIN, PLAIN], "names": "ab"}, "weights"),
        (ProportionComparison, {"names": "ab", "trials": [9, 9]}, "successes"),
        (SegmentSummary, {"names": "ab", "value": [1.0, 2.0], "meanings": "xy", "actions": "xy"}, "n_customers"),
        (
            CustomerProfits,
            {"customer": ["a", "b"], "service_cost": [0, 0], "acquisition_cost": [0, 0], "margin": [1, 1]},
            "income",
        ),
    ],
)
def test_a_column_whose_labels_are_the_names_has_their_order(make, given, column):
    given = {name: tuple(value) if isinstance(value, str) else value for name, value in given.items()}
    numbers = [0.75, 0.25] if column == "weights" else [1, 2]
    assert make(**given, **{column: labelled(numbers, "ab")}) == make(**given, **{column: numbers})
    with pytest.raises(InputError, match=r"in the order of `(names|customer)`"):
        make(**given, **{column: labelled(numbers, "ba")})


def test_a_table_by_groups_has_the_order_of_the_states():
    moves = pd.crosstab(pd.Series(["new", "gold"]), pd.Series(["new", "gold"]))
    with pytest.raises(InputError, match="in the order of `states`"):
        Migration(states=("new", "gold"), counts=moves, n_new=[0, 0], n_gone=[0, 0])


@pytest.mark.parametrize("ids", [["ann", "bob"], np.array([17, 4]), [2, 1]])
@pytest.mark.parametrize(
    "call",
    [
        lambda ids, column: customer_profits(column, margin=0.5, customer=ids),
        lambda ids, column: Customers(customer=ids, segments={"vip": column > 1}),
        lambda ids, column: migration_matrix(["x", "y"], ["x", "y"], customer_before=ids, customer_now=ids,
                                             value_before=column, value_now=[1, 2]),
    ],
)  # fmt: skip
def test_a_column_whose_labels_are_the_identifiers_has_their_order(call, ids):
    """A sum by customer has the customers as its labels; a plain list of them in another order is no match by row."""
    assert call(ids, labelled([1, 2], ids)) is not None
    assert call(ids, labelled([1, 2], [1, 0])) is not None  # rows of a sorted frame
    for kind in (list, pd.Index, pd.Categorical, pl.Series, pa.array, lambda items: pa.chunked_array([items])):
        with pytest.raises(InputError, match="in the order of `customer"):
            call(kind(ids), labelled([1, 2], list(ids)[::-1]))


def test_rows_labelled_by_customers_who_come_again():
    """Dates sorted by customer would stand beside customers in the order of time; numbers may be those of rows."""
    log = pd.DataFrame({"customer": list("abab"), "date": pd.date_range("2024-01-01", periods=4, freq="10D")})
    by_customer = log.sort_values("customer", kind="stable").set_index("customer")["date"]
    options = {"period": "month", "as_of": "2024-02-29"}
    with pytest.raises(InputError, match="in the order of `customer`"):
        retention_triangle(log["customer"].tolist(), by_customer, **options)
    assert retention_triangle(by_customer.index.tolist(), by_customer, **options).size.tolist() == [2]
    joined = pd.concat([log["date"][:2]] * 2)  # its rows are 0, 1, 0 and 1
    assert retention_triangle([0, 0, 1, 1], joined, **options).size.tolist() == [2]


def test_a_sum_by_customer_beside_customers_in_the_order_of_the_log():
    log = pd.DataFrame({"customer": [3, 1, 2, 3], "spend": [300.0, 10.0, 20.0, 5.0]})
    with pytest.raises(InputError, match="in the order of `customer`"):
        customer_profits(log.groupby("customer")["spend"].sum(), margin=1, customer=log["customer"].unique())
    in_order = log.groupby("customer", sort=False)["spend"].sum()
    assert customer_profits(in_order, margin=1, customer=log["customer"].unique()).income.tolist() == [305, 10, 20]


class OwnFrame:
    """A frame of a user's own kind, which sets its columns when it is made."""

    def __init__(self, **columns):
        self.columns, self.shape, self._given = list(columns), (2, len(columns)), columns

    def __getitem__(self, name):
        return self._given[name]


def test_a_frame_that_has_its_columns_since_it_was_made():
    found = resolve_profiles([1, 2], OwnFrame(card=["7", "7"], email=["", ""]), ["card"])
    assert found == resolve_profiles([1, 2], {"card": ["7", "7"], "email": ["", ""]}, ["card"])
