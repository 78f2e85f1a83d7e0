"""Frames with names, types and values that a careless user has, and what SQL makes of them."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from crmvalue import frames
from crmvalue.errors import DataWarning, InputError
from crmvalue.models import BgNbd, GammaGamma, fit_bg_nbd
from crmvalue.purchases import PurchaseHistory, UniquePurchases
from crmvalue.segmentation import Segment, SegmentColumns
from tests.frames.engines import ENGINES, needs, read

MODEL, SPEND = BgNbd(0.243, 4.414, 0.793, 2.426, "week"), GammaGamma(6.25, 3.74, 15.44)
TERMS = {"horizon": 10, "margin": 0.3, "time_unit": "week"}
NAMES = ("pandas", "PyArrow", "Polars", "Polars, lazy", "DuckDB", "Ibis")
CHOSEN = [engine for engine in ENGINES if engine.name in NAMES]
each_engine = pytest.mark.parametrize("engine", CHOSEN, ids=lambda engine: engine.name)
IN_ENGINE = [engine for engine in CHOSEN if engine.name not in {"pandas", "PyArrow"}]
each_asked_engine = pytest.mark.parametrize("engine", IN_ENGINE, ids=lambda engine: engine.name)
EACH_SLOW_ONE_MARKED = [pytest.param(engine, marks=[pytest.mark.slow] if engine.is_slow else []) for engine in ENGINES]
NAN, INF = float("nan"), float("inf")


@pytest.fixture(autouse=True)
def _installed(request):
    if "engine" in request.fixturenames:
        needs(request.getfixturevalue("engine"))


@pytest.fixture
def duckdb():
    return pytest.importorskip("duckdb")


def people(**changes):
    columns = {
        "customer": ["a", "b", "c"], "frequency": [2.0, 0.0, 1.0], "recency": [30.0, 0.0, 3.0],
        "age": [38.0, 38.0, 20.0], "mean_repeat_spend": [22.0, 0.0, 10.0],
    }  # fmt: skip
    return pa.table(columns | changes)


def scored(**changes):
    return pa.table({"days_since_last": [1.0, 2.0], "n_purchases": [1.0, 2.0], "total_spend": [1.0, 2.0]} | changes)


def orders(**changes):
    days = [dt.date(2024, 1, day) for day in (1, 5, 9)]
    return pa.table(
        {"customer": ["a", "b", "a"], "date": pa.array(days, pa.date32()), "amount": [1.0, 2.0, 3.0]} | changes
    )


def value(frame):
    return frames.value(frame, MODEL, SPEND, **TERMS).frame


def refusal(function, *args, **kwargs):
    with pytest.raises(InputError) as caught:
        function(*args, **kwargs)
    return caught.value


WANTED = read(value(people().to_pandas()), "customer")["clv"]


class TestTypesOfCustomers:
    """Numbers of every type are the same numbers; what is no number is refused."""

    @pytest.mark.parametrize(
        "changes",
        [
            {"frequency": [2, 0, 1]},
            {"frequency": pa.array([2, 0, 1], pa.uint8())},
            {"frequency": pa.array([Decimal(2), Decimal(0), Decimal(1)], pa.decimal128(10, 2))},
            {"recency": pa.array([30, 0, 3], pa.float32()), "age": [38, 38, 20]},
            {"recency": [30.0, -0.0, 3.0]},
            {"mean_repeat_spend": [22.0, None, 10.0]},
        ],
        ids=["int", "uint8", "decimal", "float32", "minus zero", "no spend"],
    )
    @each_engine
    def test_numbers(self, engine, changes):
        found = read(value(engine.make(people(**changes))), "customer")
        np.testing.assert_allclose(found["clv"], WANTED, rtol=1e-12)
        assert list(found)[:5] == people().column_names

    @pytest.mark.parametrize("column", ["frequency", "age", "mean_repeat_spend"])
    @each_engine
    def test_texts_are_no_numbers(self, engine, column):
        texts = [str(int(number)) for number in people()[column].to_pylist()]
        error = refusal(value, engine.make(people(**{column: texts})))
        if engine.name in {"pandas", "PyArrow", "Polars"}:  # columns in memory
            assert (error.name, error.value) == (column, texts[0])
        else:
            assert (error.name, error.value) == ("customers", "String")
            assert column in error.rule

    @pytest.mark.parametrize("spend", [None, NAN, -5.0, INF])
    @each_engine
    def test_spends_that_cannot_be(self, engine, spend):
        table = people(mean_repeat_spend=[spend, 0.0, 10.0])
        assert refusal(value, engine.make(table)).name == "mean_repeat_spend"
        assert refusal(frames.fit, engine.make(table), "gamma_gamma").name == "mean_repeat_spend"

    @pytest.mark.parametrize("frequency", [2.5, NAN, INF])
    @each_engine
    def test_frequencies_that_cannot_be(self, engine, frequency):
        frame = engine.make(people(frequency=[frequency, 0.0, 1.0]))
        assert "frequency" in str(refusal(frames.fit, frame, "gamma_gamma"))

    @pytest.mark.parametrize(
        ("column", "number"),
        [("days_since_last", NAN), ("total_spend", NAN), ("total_spend", INF), ("n_purchases", 1.5)],
    )
    @pytest.mark.parametrize("again", [False, True])
    @each_asked_engine
    def test_scores(self, engine, column, number, again):
        options = {"spend_basis": "total"}
        if again:
            options["breaks"] = frames.rfm(engine.make(scored()), **options).breaks
        assert refusal(frames.rfm, engine.make(scored(**{column: [number, 2.0]})), **options).name == column

    @each_engine
    def test_a_covariate_with_the_name_of_a_count(self, engine):
        rng = np.random.default_rng(1)
        x, age = rng.poisson(1.5, 300).astype(float), rng.uniform(20, 40, 300)
        history = PurchaseHistory.from_columns(
            frequency=x, recency=np.where(x > 0, age / 2, 0), age=age, time_unit="week"
        ).with_covariates({"n": rng.integers(0, 2, 300).astype(float)})
        fit = fit_bg_nbd(history, purchase_covariates=["n"]).model
        tables = [people(n=column) for column in ([0.0, 1.0, 1.0], [False, True, True])]
        clv = [
            read(frames.value(make(table), fit, SPEND, **TERMS).frame, "customer")["clv"]
            for make in (engine.make, lambda table: table)
            for table in tables
        ]
        np.testing.assert_allclose(clv, [clv[-1]] * 4, rtol=1e-12)


class TestFits:
    """A fit that is not to be trusted is said to be so, wherever the values are computed."""

    @each_engine
    def test_values_warn_of_a_fit_that_is_not_usable(self, engine):
        fit = fit_bg_nbd(PurchaseHistory.from_columns(frequency=[1, 0], recency=[3, 0], age=[5, 9], time_unit="week"))
        assert fit.diagnosis.grade == "not usable"
        with pytest.warns(DataWarning, match="the values rest on a fit of BgNbd that is not usable"):
            frames.value(engine.make(people()), fit, SPEND, **TERMS)

    @pytest.mark.parametrize(
        ("name", "changed"),
        [
            ("weight", [1]),
            ("frequency", [-1.0, 0.0]),
            ("recency", [3.0, 0.0]),
            ("time_unit", "fortnight"),
        ],
    )
    def test_distinct_rows_that_no_customers_have(self, name, changed):
        rows = {
            "frequency": [1.0, 0.0],
            "recency": [1.0, 0.0],
            "age": [2.0, 3.0],
            "weight": [1, 2],
            "time_unit": "week",
        }
        assert refusal(UniquePurchases, **rows | {name: changed}).name == name


class TestNames:
    """Columns of the user whose names are those of ours, or the same but for capitals."""

    @each_engine
    def test_columns_of_the_user_are_kept(self, engine):
        extra = {"_time": [1, 2, 3], "_discounted": [4, 5, 6], "n": [7, 8, 9], "_who": [0, 1, 2], 'or"der': [3, 2, 1]}
        found = read(value(engine.make(people(**extra))), "customer")
        assert {name: found[name] for name in extra} == extra
        np.testing.assert_allclose(found["clv"], WANTED, rtol=1e-12)

    @each_asked_engine
    def test_capitals(self, engine):
        more = {"CLV": [1, 2, 3], "R_Score": [1, 2, 3]}
        counts = {"days_since_last": [1, 2, 3], "n_purchases": [3, 1, 2], "total_spend": [1.0, 2.0, 3.0]}
        frame = engine.make(people(**more, **counts))
        rule = SegmentColumns({"age": "number"})["age"] > 20
        calls = [
            lambda: value(frame),
            lambda: frames.rfm(frame, spend_basis="total").frame,
            lambda: frames.segments(frame, [Segment("clv", rule)], as_of="2024-01-01").frame,
            lambda: frames.segments(frame, [Segment("x", rule), Segment("X", ~rule)], as_of="2024-01-01").frame,
        ]
        if engine.name.startswith("Polars"):
            assert read(calls[0](), "customer")["CLV"] == [1, 2, 3]
            assert read(calls[1](), "customer")["R_Score"] == [1, 2, 3]
            assert read(calls[2](), "customer")["CLV"] == [1, 2, 3]
            assert read(calls[3](), "customer")["X"] == [False, False, True]
        else:
            assert [refusal(call).name for call in calls] == ["customers", "customers", "customers", "rules"]

    def test_what_duckdb_renames_is_not_taken_for_another_column(self, duckdb):
        frame = duckdb.from_arrow(orders(Amount=[7.0, 7.0, 7.0]))
        error = refusal(frames.summarise, frame, customer="customer", date="date", amount="Amount")
        assert (error.name, error.hint) == ("amount", "is it Amount_1?")
        log = orders().rename_columns(["Age", "date", "amount"])
        assert refusal(frames.summarise, duckdb.from_arrow(log), customer="Age", date="date").name == "customer"
        assert frames.summarise(log, customer="Age", date="date").frame.column_names[0] == "Age"

    @pytest.mark.parametrize("role", ["customer", "event", "time", "by"])
    @pytest.mark.parametrize("column", [3, ["event"], b"event"])
    def test_roles_that_are_no_names(self, role, column):
        events = pa.table({"customer": [1], "event": ["lead"], "time": orders()["date"][:1]})
        error = refusal(frames.funnel, events, steps=["lead"], as_of="2024-03-01", **{role: column})
        assert (error.name, error.rule) == (role, "the name of a column")

    def test_names_that_are_no_texts(self):
        log = orders().to_pandas().assign(date=pd.to_datetime(["2024-01-01", "2024-01-05", "2024-01-09"]))
        log[0], log[("x", "y")] = 1, 2
        assert frames.summarise(log).frame["customer"].tolist() == ["a", "b"]

    @pytest.mark.parametrize("columns", [[0, 1, 2], pd.MultiIndex.from_tuples([("a", "x"), ("a", "y"), ("b", "x")])])
    @pytest.mark.parametrize(
        "read",
        [
            frames.summarise,
            lambda table: frames.rfm(table, spend_basis="mean"),
            lambda table: frames.summarise(table, customer="0"),
        ],
    )
    def test_a_frame_without_headings_is_to_be_renamed(self, columns, read):
        bare = orders().to_pandas().set_axis(columns, axis=1)
        with pytest.raises(
            InputError, match=r"columns are named by text; got .(0, 1, 2|\('a', 'x'\), .*).\. Hint: rename"
        ):
            read(bare)

    def test_an_unknown_heading_is_met_with_the_way_out(self):
        log = pd.DataFrame({"client": ["a"], "when": ["2024-01-05"], "total": [7.5]})
        with pytest.raises(InputError, match=r'\(client, when, total\)\. Hint: give the names of the columns: date="'):
            frames.summarise(log)
        assert frames.summarise(log, date="when").frame["client"].tolist() == ["a"]


class TestDuckDb:
    """The connection of the user has tables, views and settings of its own."""

    def test_a_table_named_rows(self, duckdb):
        connection = duckdb.connect()
        frame = connection.from_arrow(people())
        connection.register("people", people())
        connection.execute(
            "create table rows as select frequency, recency, age, 0.5 as prob_alive, 1.0 as expected_purchases, "
            "9.0 as _crmvalue_discounted from people"
        )
        np.testing.assert_allclose(read(value(frame), "customer")["clv"], WANTED, rtol=1e-12)

    def test_a_view_of_the_user_stays(self, duckdb):
        connection = duckdb.connect()
        connection.execute("create view crmvalue_rows as select 42 as x")
        first = value(connection.from_arrow(people()))
        second = frames.value(connection.from_arrow(people()), MODEL, SPEND, **TERMS | {"margin": 0.6}).frame
        assert connection.sql("select * from crmvalue_rows").fetchall() == [(42,)]
        np.testing.assert_allclose(read(second, "customer")["clv"], np.multiply(WANTED, 2), rtol=1e-12)
        np.testing.assert_allclose(read(first, "customer")["clv"], WANTED, rtol=1e-12)

    def test_a_connection_that_reads_no_tables_of_python(self, duckdb):
        connection = duckdb.connect()
        frame = connection.from_arrow(people())
        connection.execute("set python_enable_replacements = false")
        assert refusal(value, frame).hint == "set python_enable_replacements = true in the connection"

    def test_frames_of_two_connections(self, duckdb):
        groups = pa.table({"customer": [1, 2], "rfm_group": ["x", "y"]})
        before, now = (duckdb.connect().from_arrow(groups) for _ in range(2))
        error = refusal(frames.migrate, before, now)
        assert (error.name, error.rule) == ("now", "a frame of the connection of `before`")


class TestOrders:
    """Identifiers, dates, zones and pieces."""

    @pytest.mark.parametrize("ids", [[1.5, 2.0, 1.5], [2.0**53, 1.0, 2.0], [INF, 1.0, 2.0]])
    @each_engine
    def test_floats_that_are_no_identifiers(self, engine, ids):
        frame = engine.make(orders(customer=ids))
        assert refusal(frames.summarise, frame).name == "customer"
        assert refusal(frames.retention, frame, period="month", as_of="2024-02-29").name == "customer"

    @pytest.mark.parametrize("digits", [0, 2])
    @each_engine
    def test_decimals_are_no_identifiers(self, engine, digits):
        ids = pa.array([Decimal(1), Decimal(2), Decimal(1)], pa.decimal128(10, digits))
        frame = engine.make(orders(customer=ids))
        for found in (
            refusal(frames.summarise, frame),
            refusal(frames.retention, frame, period="month", as_of="2024-02-29"),
        ):
            assert found.name == "customer"
            assert "whole numbers or" in found.rule

    @pytest.mark.parametrize("call", ["retention", "summarise", "funnel", "journey_results"])
    def test_objects_of_polars_are_no_identifiers_and_no_texts(self, call):
        """Polars keeps UUIDs as objects, and broke off with a panic."""
        odd = pl.Series([uuid.UUID(int=1)] * 2, dtype=pl.Object)
        rows = {"customer": odd, "event": ["a", "b"], "date": [dt.date(2024, 1, 1)] * 2, "amount": [1.0, 2.0]}
        sent = pl.DataFrame({"customer": [1], "journey": ["a"], "channel": ["a"], "sent_at": [dt.date(2024, 1, 1)]})
        frame, end = pl.DataFrame(rows), {"as_of": "2024-02-01"}
        calls = {
            "retention": lambda: frames.retention(frame, period="week", **end),
            "summarise": lambda: frames.summarise(frame.lazy(), **end),
            "funnel": lambda: frames.funnel(frame.lazy(), steps=["a", "b"], time="date", **end),
            "journey_results": lambda: frames.journey_results(
                sent, None, frame.with_columns(pl.lit(1).alias("customer")), margin=1, code="code", **end
            ),
        }
        if call == "journey_results":
            frame = frame.with_columns(odd.alias("code"))
        with pytest.raises(InputError, match=r"text in column '(customer|code)'; got 'Object'"):
            calls[call]()

    def test_decimals_of_arrow_are_no_identifiers_in_dask(self):
        """Decimals among the objects of pandas are texts by the time that Dask hands them over."""
        dask = pytest.importorskip("dask.dataframe")
        ids = pa.array([Decimal(1), Decimal(2), Decimal(1)], pa.decimal128(10, 2))
        frame = dask.from_pandas(orders(customer=ids).to_pandas(types_mapper=pd.ArrowDtype), npartitions=1)
        assert refusal(frames.summarise, frame).name == "customer"

    @pytest.mark.parametrize("day", [-1_000_000, 4_000_000])
    @pytest.mark.parametrize("engine", [engine for engine in CHOSEN if engine.name != "pandas"], ids=lambda e: e.name)
    def test_years_that_no_calendar_of_python_has(self, engine, day):
        frame = engine.make(orders(date=pa.array([day, 0, 1], pa.date32())))
        assert refusal(frames.summarise, frame).rule == "in the years 1 to 9999"
        assert refusal(frames.retention, frame, period="month", as_of="2024-02-29").rule == "in the years 1 to 9999"

    @pytest.mark.parametrize("zone", ["UTC", "Europe/Kyiv", "America/New_York"])
    @pytest.mark.parametrize("time", [2**63 - 1, -(2**62), 2**62])
    def test_zoned_times_that_no_calendar_of_python_has(self, zone, time):
        pl = pytest.importorskip("polars")
        times = pl.Series([time, 0, 1]).cast(pl.Datetime("us", zone))
        for frame in (pl.from_arrow(orders()).with_columns(date=times), pl.from_arrow(orders(date=times.to_arrow()))):
            for given in (frame, frame.lazy()):
                assert refusal(frames.summarise, given).rule == "in the years 1 to 9999"
            assert refusal(frames.retention, frame, period="month", as_of="2024-02-29").rule == "in the years 1 to 9999"

    @pytest.mark.parametrize("unit", ["ms", "us", "ns"])
    def test_clocks_of_zoned_times(self, unit):
        pl = pytest.importorskip("polars")
        moments = np.datetime64("2010-11-05", "s") + np.arange(0, 4 * 86_400, 977)
        clock = ZoneInfo("America/St_Johns")
        for each in moments.tolist()[::40]:
            times = pl.Series([each, each]).dt.replace_time_zone("UTC").dt.convert_time_zone("America/St_Johns")
            frame = pl.DataFrame({"customer": [1, 2], "date": times.cast(pl.Datetime(unit, "America/St_Johns"))})
            wanted = each.replace(tzinfo=dt.UTC).astimezone(clock).date()
            assert frames.summarise(frame).as_of == frames.summarise(frame.lazy()).as_of == np.datetime64(wanted)

    @pytest.mark.parametrize("engine", EACH_SLOW_ONE_MARKED, ids=lambda engine: engine.name)
    def test_copies_in_the_hour_that_comes_twice(self, engine):
        """In Kyiv both 00:30 and 01:30 of UTC were 03:30 on this day: two orders, and only the third is a copy."""
        times = [dt.datetime(2024, 10, 27, hour, 30, tzinfo=dt.UTC) for hour in (0, 1, 1)]
        times += [None, dt.datetime(2024, 11, 5, tzinfo=dt.UTC)]
        moments = pa.array(times, pa.timestamp("us", tz="Europe/Kyiv"))
        frame = engine.make(pa.table({"customer": [1, 1, 1, 1, 2], "date": moments, "amount": [5.0] * 5}))
        found = frames.summarise(frame, duplicates="drop", missing="drop", time_unit="day")
        assert read(found.frame, "customer")["total_spend"] == [10.0, 5.0]
        assert (found.counts.n_duplicates_dropped, found.counts.n_without_date) == (1, 1)
        if engine.is_slow:
            return
        found = frames.split(frame, calibration_end="2024-10-30", duplicates="drop", missing="drop")
        assert read(found.frame, "customer")["total_spend"] == [10.0]
        assert refusal(frames.summarise, frame, duplicates="raise", missing="drop").count == 1
        dated = engine.make(pa.table({"customer": [1, 1, 1], "date": moments[:3], "amount": [5.0] * 3}))
        found = frames.retention(dated, period="month", as_of="2024-10-31", duplicates="drop")
        assert (found.result.revenue.tolist(), found.result.n_duplicates) == ([[10.0]], 1)
        kept = frames.retention(dated, period="month", as_of="2024-10-31").result.n_duplicates_kept
        assert kept == (None if engine.is_lazy else 1)

    @pytest.mark.parametrize("zone", ["America/New_York", "Etc/GMT-5"])
    def test_zones_of_dask(self, zone):
        dask = pytest.importorskip("dask.dataframe")
        times = pd.to_datetime(["2024-01-01 02:00", "2024-01-05 23:00"]).tz_localize("UTC").tz_convert(zone)
        orders = pd.DataFrame({"customer": [1, 1], "date": times})
        wanted = (times[1].date() - times[0].date()).days
        found = frames.summarise(dask.from_pandas(orders, npartitions=1), time_unit="day")
        assert found.frame.compute()["recency"].to_list() == [wanted]
        assert found.as_of == np.datetime64(times[1].date())

    @pytest.mark.parametrize("zone", ["America/New_York", "America/Argentina/Buenos_Aires", "Etc/GMT-5", "+05:30"])
    @pytest.mark.parametrize("arrow", [False, True])
    def test_zones_of_pandas(self, zone, arrow):
        times = pd.to_datetime(["2024-01-01 02:00", "2024-01-05 23:00"]).tz_localize("UTC").tz_convert(zone)
        column = pd.Series(times, index=[7, 7])
        if arrow:
            column = column.astype(pd.ArrowDtype(pa.timestamp("us", zone)))
        found = frames.summarise(pd.DataFrame({"customer": ["a", "a"], "date": column}), time_unit="day")
        days = times.tz_localize(None).normalize()
        assert found.frame["recency"].tolist() == [(days[1] - days[0]).days]
        assert found.as_of == np.datetime64(days[1], "D")

    @pytest.mark.parametrize(
        ("price", "pieces", "total"),
        [
            (pa.array([100, 100, 100], pa.int8()), pa.array([100, 1, 2], pa.int8()), 10_200),
            ([2**40, 1, 1], [2**40, 1, 1], None),
            (pa.array([Decimal("1.10")] * 3, pa.decimal128(5, 2)), [2.0, 1.0, 3.0], 5.5),
            ([1.0, 1.0, 1.0], ["1", "1", "1"], None),
            ([1.0, 1.0, 1.0], [True, True, True], None),
        ],
        ids=["small", "large", "decimal", "text", "flag"],
    )
    @each_engine
    def test_pieces(self, engine, price, pieces, total):
        frame = engine.make(orders(amount=price, pieces=pieces))
        options = {"amount": "amount", "quantity": "pieces"}
        if total is None:
            assert refusal(frames.summarise, frame, **options).name in options
        else:
            found = read(frames.summarise(frame, **options).frame, "customer")["total_spend"][0]
            assert found == pytest.approx(total, rel=1e-12)


class TestMigrate:
    """Customers and groups that are not of one kind."""

    @pytest.mark.parametrize(
        ("before", "now"),
        [
            ({"customer": [1, 2]}, {"customer": ["1", "2"]}),
            ({"customer": [1, 2]}, {"customer": ["a", "2"]}),
            ({"customer": [1, None]}, {}),
            ({"customer": [1.5, 2.0]}, {"customer": [1.5, 2.0]}),
            ({"customer": [[1], [2]]}, {"customer": [[1], [2]]}),
            ({"rfm_group": [1, 2]}, {}),
            ({"worth": [1.0, None]}, {}),
            ({"worth": ["1", "2"]}, {}),
        ],
    )
    @each_engine
    def test_refused(self, engine, before, now):
        usual = {"customer": [1, 2], "rfm_group": ["x", "y"], "worth": [1.0, 2.0]}
        made = [engine.make(pa.table(usual | changes)) for changes in (before, now)]
        refusal(frames.migrate, *made, value="worth")

    @each_engine
    def test_categories_beside_texts(self, engine):
        table = pa.table({"customer": ["a", "b"], "rfm_group": ["x", "y"]})
        other = table.set_column(0, "customer", table["customer"].dictionary_encode())
        moved = frames.migrate(engine.make(table), engine.make(other)).result
        assert moved.counts.tolist() == [[1, 0], [0, 1]]


class TestFunnel:
    """Events of another type than the steps, and customers that are none."""

    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"event": [1, 2, 1]}, "steps"),
            ({"customer": [1.0, NAN, 2.0]}, "customer"),
            ({"customer": [1.0, 1.5, 2.0]}, "customer"),
            ({"customer": ["a", "a", " "]}, "customer"),
            ({"customer": [[1], [1], [2]]}, "customer"),
        ],
    )
    @each_engine
    def test_refused(self, engine, changes, name):
        events = {"customer": [1, 1, 2], "event": ["lead", "deal", "lead"], "time": orders()["date"]}
        frame = engine.make(pa.table(events | changes))
        assert refusal(frames.funnel, frame, steps=["lead", "deal"], as_of="2024-03-01").name == name


class TestWordsOfOthers:
    """An error speaks of what was given; options of the library that reads frames mean nothing here."""

    def test_a_column_is_no_frame(self):
        with pytest.raises(InputError, match=r"or Spark; got 'Series'$"):
            frames.summarise(pd.Series([1]))

    @pytest.mark.parametrize("names", [["customer", "date", "date"], [("a", 1), ("a", 1), "b"], [1, 2, 2]])
    def test_names_that_come_twice(self, names):
        frame = pd.DataFrame([[1, 2, 3]])
        frame.columns = pd.Index(names, tupleize_cols=False)
        twice = next(name for name in names if names.count(name) > 1)
        with pytest.raises(InputError) as caught:
            frames.summarise(frame)
        assert str(caught.value) == f"`orders` must be a frame whose columns have different names; got {twice!r}"
