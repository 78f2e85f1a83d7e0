"""One test body for all engines: frames give what the functions of arrays give."""

from __future__ import annotations

import functools
import subprocess
import sys
from pathlib import Path

import narwhals as nw
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmvalue import frames
from crmvalue.datasets import load_cdnow
from crmvalue.models import (
    Gb2Spend,
    Nbd,
    customer_values,
    fit_bg_nbd,
    fit_gamma_gamma,
    fit_gb2_spend,
    fit_lognormal_spend,
    fit_nbd,
)
from crmvalue.purchases import split_purchases, summarise_purchases
from tests.frames.engines import ENGINES, LOCAL_SPARK, needs, read, without_local_spark
from tests.frames.logs import AMOUNTS, DATES, IDS, assert_close, compare, make_log, table_of

each_engine = pytest.mark.parametrize(
    "engine", [pytest.param(e, id=e.name, marks=pytest.mark.slow if e.is_slowest else ()) for e in ENGINES]
)
each_fast_engine = pytest.mark.parametrize(
    "engine", [engine for engine in ENGINES if not engine.is_slow], ids=lambda engine: engine.name
)
TERMS = {"horizon": 52, "margin": 0.3, "discount_rate": 0.001, "service_cost": 0.01}


@pytest.fixture(autouse=True)
def _installed(request):
    if "engine" in request.fixturenames:
        needs(request.getfixturevalue("engine"))


def cdnow(refunds):
    """Give the orders of CDNOW with text identifiers; every seventh is a refund where refunds are asked for."""
    log = load_cdnow()
    amount = log.amount.copy()
    if refunds == "net":
        amount[::7] *= -1
    names = [f"c{number:05d}" for number in log.customer]
    return pa.table({"customer_id": names, "order_date": log.date.astype("datetime64[s]"), "amount": amount})


@functools.cache
def cdnow_on_arrays(refunds):
    """Go from the orders of CDNOW to values on arrays, once for all engines."""
    table = cdnow(refunds)
    history = summarise_purchases(*(table[name] for name in table.column_names), as_of="1997-09-30", refunds=refunds)
    fit, spend_fit = fit_bg_nbd(history), fit_gamma_gamma(history, zeros="drop")
    return table, history, fit, spend_fit, customer_values(history, fit, spend_fit, **TERMS)


def check_cdnow(engine, refunds):
    """Go from the orders of CDNOW to values, in the frame of an engine and on arrays."""
    table, history, fit, spend_fit, values = cdnow_on_arrays(refunds)
    orders = engine.make(table)
    customers = frames.summarise(orders, as_of="1997-09-30", refunds=refunds)
    found = frames.fit(customers, "bg_nbd"), frames.fit(customers, "gamma_gamma")
    valued = frames.value(customers, *found, **TERMS)

    assert type(valued.frame) is type(customers.frame)
    assert type(nw.from_native(valued.frame)) is type(nw.from_native(orders))
    columns = read(valued.frame, "customer_id")
    wanted = {**history.to_columns(), **values.to_columns()}
    assert columns.pop("customer_id") == wanted.pop("customer").tolist()
    assert sorted(columns) == sorted(wanted)
    assert_close(columns, wanted)
    for one, other in zip(found, (fit, spend_fit), strict=True):
        assert one.log_likelihood == pytest.approx(other.log_likelihood, rel=1e-14)
        assert one.n_customers == other.n_customers


class TestCdnow:
    """From orders to values."""

    @each_engine
    def test_equals_the_functions_of_arrays(self, engine):
        check_cdnow(engine, "raise")

    @pytest.mark.parametrize(
        "engine", [engine for engine in ENGINES if engine.has_window and engine.name != "SQLFrame"],
        ids=lambda engine: engine.name,
    )  # fmt: skip
    def test_with_refunds(self, engine):
        check_cdnow(engine, "net")

    @pytest.mark.slow
    def test_with_refunds_on_sqlframe(self):
        engine = next(engine for engine in ENGINES if engine.name == "SQLFrame")
        needs(engine)
        check_cdnow(engine, "net")


LENIENT = {"missing": "drop", "refunds": "net"}

KINDS = [
    ({}, LENIENT),
    ({"ids": "number", "dates": "time"}, {**LENIENT, "duplicates": "drop", "time_unit": "day"}),
    ({"ids": "category", "dates": "seconds", "amounts": "parts"}, {**LENIENT, "grain": "week", "time_unit": "month"}),
    ({"amounts": "decimal"}, {**LENIENT, "zeros": "drop", "time_unit": "quarter", "as_of": "2024-02-10"}),
    ({"amounts": "large", "dates": "time"}, {**LENIENT, "duplicates": "drop", "grain": "week"}),
    ({"amounts": "round"}, {**LENIENT, "as_of": "2024-03-31"}),
    ({"amounts": "whole"}, {**LENIENT, "time_unit": "year", "zeros": "drop"}),
    ({"amounts": "short", "ids": "number"}, LENIENT),
    ({}, {"missing": "drop", "refunds": "drop", "zeros": "drop", "duplicates": "drop"}),
    ({"dates": "time", "amounts": "parts"}, {"missing": "drop", "refunds": "drop", "grain": "week"}),
    ({"gaps": False, "back": False}, {"as_of": "2024-12-31"}),
]
"""Logs of every kind, and the policies to read them with."""


def without_windows(engine, options):
    """Ask an engine without running sums for the other policy."""
    net = options.get("refunds") == "net" and not engine.has_window
    return {**options, "refunds": "drop"} if net else options


def check_kinds(engine, kinds, seed):
    for number, (kind, options) in enumerate(kinds):
        if engine.name == "Dask" and kind.get("amounts") == "decimal":
            continue  # Decimals are Python objects there
        compare(engine, make_log(seed + number, **kind), **without_windows(engine, options))


def check_split(engine, seed, **kind):
    ends = {"calibration_end": "2024-01-31", "holdout_end": "2024-03-01"}
    compare(engine, make_log(seed, **kind), "split", **ends, **without_windows(engine, LENIENT))


class TestKinds:
    """Ids, dates and amounts of each kind, with gaps, copies, refunds, zeros and residues, under each policy."""

    @pytest.mark.parametrize("kind", KINDS, ids=str)
    @each_fast_engine
    def test_fast_engines(self, engine, kind):
        check_kinds(engine, [kind], 11)

    @pytest.mark.parametrize(
        "engine",
        [engine for engine in ENGINES if engine.is_slow and not engine.is_slowest],
        ids=lambda engine: engine.name,
    )
    def test_slow_engines(self, engine):
        check_kinds(engine, KINDS[1:3], 23)

    @pytest.mark.slow
    @pytest.mark.parametrize("engine", [engine for engine in ENGINES if engine.is_slow], ids=lambda engine: engine.name)
    def test_slow_engines_at_length(self, engine):
        check_kinds(engine, KINDS, 31)
        check_split(engine, 6, dates="time", amounts="parts")
        if engine.name == "Dask":
            compare(engine, make_log(3, dates="zone"), missing="drop", refunds="drop")

    @pytest.mark.parametrize(
        "engine", [engine for engine in ENGINES if not engine.is_slowest], ids=lambda engine: engine.name
    )
    def test_split(self, engine):
        check_split(engine, 5)

    @pytest.mark.parametrize("name", ["pandas", "pandas of Arrow", "Polars", "Polars, lazy", "PyArrow"])
    def test_days_are_those_of_the_zone(self, name):
        engine = next(engine for engine in ENGINES if engine.name == name)
        needs(engine)
        compare(engine, make_log(3, dates="zone"), **without_windows(engine, LENIENT))


@st.composite
def tables(draw):
    """Draw a small log."""
    one = st.tuples(
        st.none() | st.integers(0, 3),
        st.none() | st.integers(0, 40),
        st.sampled_from((0, 43_200, 86_399)),
        st.none() | st.integers(0, 20),
    )
    whole = st.tuples(st.integers(0, 3), st.integers(0, 40), st.just(0), st.integers(0, 20))
    rows = draw(st.lists(one, min_size=1, max_size=10) | st.lists(whole, min_size=1, max_size=10))
    rows += draw(st.lists(st.sampled_from(rows), max_size=3))
    kinds = (draw(st.sampled_from(sorted(kinds))) for kinds in (IDS, set(DATES) - {"zone"}, AMOUNTS))
    return table_of(rows, *kinds)


OPTIONS = st.fixed_dictionaries(
    {
        "refunds": st.sampled_from(("raise", "drop", "net")),
        "zeros": st.sampled_from(("raise", "drop", "keep")),
        "missing": st.sampled_from(("raise", "drop", "drop")),
        "duplicates": st.sampled_from(("raise", "drop", "keep")),
        "time_unit": st.sampled_from(("day", "week", "month", "quarter", "year")),
        "grain": st.sampled_from(("day", "week")),
        "as_of": st.sampled_from((None, "2023-12-27", "2024-01-10", "2024-12-31")),
    }
)

SEARCHES = [pytest.param(engine, id=engine.name) for engine in ENGINES if not engine.is_slow]


class TestSearched:
    """Small logs and policies, searched for a difference: the same columns and counts, or an error of the same name."""

    @pytest.mark.parametrize("engine", SEARCHES)
    def test_summarise(self, engine):
        @settings(max_examples=12)
        @given(tables(), OPTIONS)
        def search(table, options):
            compare(engine, table, **options)

        search()

    @pytest.mark.slow
    @pytest.mark.parametrize("engine", SEARCHES)
    def test_summarise_at_length(self, engine):
        @settings(max_examples=60 if engine.package == "duckdb" else 300)
        @given(tables(), OPTIONS)
        def search(table, options):
            compare(engine, table, **options)

        search()

    @pytest.mark.parametrize("engine", SEARCHES)
    def test_split(self, engine):
        @settings(max_examples=8)
        @given(tables(), OPTIONS)
        def search(table, options):
            options = {name: value for name, value in options.items() if name != "as_of"}
            compare(engine, table, "split", **options, calibration_end="2024-01-10", holdout_end="2024-01-31")

        search()


@pytest.mark.slow
def test_spark_on_this_machine():
    """The bodies above on Spark itself, in a process of its own; see `LOCAL_SPARK`."""
    reason = without_local_spark()
    if reason:
        pytest.skip(reason)
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-m", "tests.frames.test_engines"], cwd=root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.endswith("equal\n")


def check_amounts(engine, refunds):
    """Go from orders, some of them of nothing, to lognormal values: columns, fit and values as on arrays."""
    rng = np.random.default_rng(3)
    who, day = rng.integers(0, 60, 400), np.sort(rng.integers(0, 300, 400))
    amount = np.exp(rng.normal(3, 0.6, 60)[who] + rng.normal(0, 0.4, 400)).round(2)
    amount[rng.random(400) < 0.1] = 0.0
    if refunds == "net":
        amount[rng.random(400) < 0.05] *= -1.0
    date = np.datetime64("2023-01-01") + day
    options = {"as_of": "2023-12-31", "refunds": refunds, "keep_amounts": True}
    history = summarise_purchases(who, date, amount, **options)
    purchases, spend = Nbd(1.2, 20.0, "week"), fit_lognormal_spend(history, zeros="drop")
    values = customer_values(history, purchases, spend, **TERMS)
    parts = [own[own > 0] for own in np.split(history.amounts.amount, history.amounts.start[1:])]
    logs = [np.log(own) if len(own) else np.array([np.nan]) for own in parts]
    known = np.array([[len(own), log.mean(), log.var()] for own, log in zip(parts, logs, strict=True)])
    table = pa.table({"customer": who, "date": date.astype("datetime64[s]"), "amount": amount})

    customers = frames.summarise(engine.make(table), **options)
    found = frames.fit(customers, "lognormal_spend")
    columns = read(frames.value(customers, purchases, found, **TERMS).frame, "customer")
    assert_close(columns, dict(zip(("n_paid", "mean_log_spend", "var_log_spend"), known.T, strict=True)), rtol=1e-11)
    assert_close(columns, {"expected_spend": values.expected_spend, "clv": values.clv}, rtol=1e-9)
    np.testing.assert_allclose(found.estimates, spend.estimates, rtol=1e-8)
    assert found.log_likelihood == pytest.approx(spend.log_likelihood, rel=1e-12)
    assert (found.n_customers, dict(found.left_out)) == (spend.n_customers, dict(spend.left_out))


SLOW_BUT_ONE = [engine for engine in ENGINES if engine.is_slow and engine.name != "SQLFrame"]
"""SQLFrame writes the same SQL for DuckDB, in ten times as long."""


class TestAmounts:
    """Models of single amounts, from the columns of logarithms."""

    @each_fast_engine
    @pytest.mark.parametrize("refunds", ["raise", "net"])
    def test_lognormal_spend(self, engine, refunds):
        check_amounts(engine, refunds)

    @pytest.mark.slow
    @pytest.mark.parametrize("engine", SLOW_BUT_ONE, ids=lambda engine: engine.name)
    def test_lognormal_spend_on_slow_engines(self, engine):
        check_amounts(engine, "raise")

    @pytest.mark.parametrize("engine", [engine for engine in ENGINES if not engine.is_lazy], ids=lambda each: each.name)
    def test_every_model_in_memory(self, engine):
        """Amounts go along with the rows of a split: heavy tails, seasons and intervals are those of arrays."""
        log = load_cdnow()
        kept = log.amount > 0
        table = pa.table(
            {"customer": log.customer[kept], "date": log.date[kept].astype("datetime64[s]"), "amount": log.amount[kept]}
        )
        options = {"calibration_end": "1997-09-30", "keep_amounts": True}
        history = split_purchases(log.customer[kept], log.date[kept], log.amount[kept], **options).calibration
        customers = frames.split(engine.make(table), **options)
        heavy, purchases = frames.fit(customers, "gb2_spend"), fit_nbd(history)
        np.testing.assert_array_equal(heavy.estimates, fit_gb2_spend(history).estimates)
        for model, terms in (
            (Gb2Spend(1.2, 25.0, 2.0, 3.0, season=[0.1] * 11 + [0.3]), {}),
            (fit_lognormal_spend(history), {"level": 0.5, "n_draws": 20}),
        ):
            draws = {"rng": np.random.default_rng(1)} if terms else {}
            valued = frames.value(customers, purchases, model, **TERMS, **terms, **draws)
            draws = {"rng": np.random.default_rng(1)} if terms else {}
            values = customer_values(history, purchases, model, **TERMS, **terms, **draws)
            columns = read(valued.frame, "customer")
            wanted = {name: column for name, column in values.to_columns().items() if name != "customer"}
            assert_close(columns, wanted)
            assert valued.amounts == customers.amounts


class TestOrder:
    """Rows in memory stay where they are."""

    @pytest.mark.parametrize("engine", [engine for engine in ENGINES if not engine.is_lazy], ids=lambda each: each.name)
    def test_values_and_scores_keep_the_order(self, engine):
        history = summarise_purchases(*load_cdnow().to_columns().values(), as_of="1997-09-30")
        table = history.to_frame("pyarrow")
        shuffled = table.take(pa.array(np.random.default_rng(5).permutation(len(table))))
        customers = frames.value(
            engine.make(shuffled), fit_bg_nbd(history), fit_gamma_gamma(history), **TERMS, time_unit="week"
        )
        scored = nw.from_native(frames.rfm(customers, spend_basis="total").frame)
        assert scored["customer"].to_list() == shuffled["customer"].to_pylist()


if __name__ == "__main__":
    check_cdnow(LOCAL_SPARK, "net")
    check_kinds(LOCAL_SPARK, KINDS[1:3], 41)
    check_split(LOCAL_SPARK, 7)
    check_amounts(LOCAL_SPARK, "raise")
    sys.stdout.write("equal\n")
