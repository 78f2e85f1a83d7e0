"""Values made of columns refuse columns of pandas whose labels stand in different orders."""

from __future__ import annotations

import importlib

import attrs
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from crmvalue.attribution import Paths
from crmvalue.cohorts import n_day_retention, retention_triangle, survival_curve
from crmvalue.errors import InputError
from crmvalue.experiments import sequential_test
from crmvalue.funnels import FitRule, LeadScore, Signal, fit_lead_score, funnel_from_events
from crmvalue.journeys import (
    Cascade,
    Customers,
    Events,
    MessageHistory,
    Policy,
    ServiceCycle,
    best_last_step,
    campaign_effect,
    plan,
    steps_that_pay,
)
from crmvalue.ltv import npv, payback_periods
from crmvalue.models import (
    BgNbd,
    ContractHistory,
    CovariateEffect,
    OpportunityHistory,
    ShiftedBetaGeometric,
    fit_calendar,
)
from crmvalue.purchases import PurchaseHistory
from crmvalue.report import BaseSummary, summarise_base

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
HISTORY = PurchaseHistory.from_columns(frequency=NUMBERS, recency=NUMBERS, age=[3, 3], time_unit="week")
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
        lambda one, other: BG.for_covariates({"z": 1}).prob_purchases(HISTORY, one, horizon=other),
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
