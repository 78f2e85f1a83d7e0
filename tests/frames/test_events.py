"""Cohorts, funnels and plans on all engines: they are those of the functions of arrays."""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
import zoneinfo

import attrs
import narwhals as nw
import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from crmvalue import frames, journeys
from crmvalue.cohorts import retention_triangle
from crmvalue.errors import InputError
from crmvalue.funnels import funnel_from_events
from crmvalue.journeys import BirthdayJourney, Customers, Events, Journey, Message, Policy, TriggerJourney, Wait
from tests.frames.engines import ENGINES, needs, own_connection, read
from tests.frames.logs import SEARCHED, arrays, assert_close, few, make_log, outcome, table_of

each_engine = pytest.mark.parametrize(
    "engine", [pytest.param(e, id=e.name, marks=pytest.mark.slow if e.is_slowest else ()) for e in ENGINES]
)
one_of_the_slowest = pytest.mark.parametrize("engine", [e for e in ENGINES if e.is_slowest], ids=lambda e: e.name)
SESSIONS = {"duckdb", "sqlframe", "pysail"}  # packages of engines that keep no zone with a column
slow_marked = [pytest.param(e, id=e.name, marks=pytest.mark.slow if e.is_slow else ()) for e in ENGINES]
each_with_zones = pytest.mark.parametrize("engine", [p for p in slow_marked if p.values[0].package not in SESSIONS])
each_with_sessions = pytest.mark.parametrize("engine", [p for p in slow_marked if p.values[0].package in SESSIONS])
searched = pytest.mark.parametrize("engine", SEARCHED, ids=lambda engine: engine.name)
each_eager = pytest.mark.parametrize("engine", [e for e in ENGINES if not e.is_lazy], ids=lambda e: e.name)


@pytest.fixture(autouse=True)
def _installed(request):
    if "engine" in request.fixturenames:
        needs(request.getfixturevalue("engine"))


@contextlib.contextmanager
def session_in(engine, zone):
    """Set the time zone of the session of an engine that keeps no zone with a column."""
    small = nw.from_native(engine.make(pa.table({"a": [1]}))).to_native()
    if engine.name == "DuckDB":
        import duckdb

        run = duckdb.execute
    elif engine.package == "duckdb":
        run = own_connection().execute
    elif engine.package == "sqlframe":
        run = small.session._conn.execute
    else:
        run = None
    if run is None:
        settings = small.sparkSession.conf
        before = settings.get("spark.sql.session.timeZone")
        settings.set("spark.sql.session.timeZone", zone)
        try:
            yield
        finally:
            settings.set("spark.sql.session.timeZone", before)
        return
    before = run("select current_setting('TimeZone')").fetchone()[0]
    run(f"set TimeZone = '{zone}'")
    try:
        yield
    finally:
        run(f"set TimeZone = '{before}'")


def assert_same_table(frame, wanted, key):
    """Compare the rows of a small table, in the order of one of its columns."""
    columns = read(frame, key)
    assert list(columns) == list(wanted)
    order = sorted(range(len(wanted[key])), key=wanted[key].tolist().__getitem__)
    for name, column in wanted.items():
        if column.dtype.kind in "fiub":
            assert_close(columns, {name: column[order]})
        elif column.dtype.kind == "U":
            assert columns[name] == column[order].tolist()


def check_retention(engine, table, *, has_money=True, **options):
    """Compare the triangle of a log with that of arrays."""
    who, day, paid = arrays(table)
    expected = outcome(lambda: retention_triangle(who, day, paid if has_money else None, **options))
    kept = table if has_money else table.drop_columns("paid")
    money = "paid" if has_money else None
    frame = engine.make(kept)
    found = outcome(lambda: frames.retention(frame, customer="who", date="day", amount=money, **options))
    if isinstance(expected, InputError):
        assert isinstance(found, InputError), expected
        assert found.name == expected.name, (found, expected)
        return
    if isinstance(found, InputError):
        raise found
    for field in attrs.fields(type(expected)):
        one, other = getattr(found.result, field.name), getattr(expected, field.name)
        if field.name == "n_duplicates_kept" and engine.is_lazy and options.get("duplicates", "keep") == "keep":
            assert one is None
        elif field.name.startswith("revenue") and other is not None:
            np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-9, err_msg=field.name)
        else:
            assert np.array_equal(one, other), field.name
    wanted = expected.to_columns()
    rows = read(found.frame, "cohort")
    assert list(rows) == list(wanted)
    assert len(rows["cohort"]) == len(wanted["cohort"])
    assert sum(rows["active"]) == wanted["active"].sum()


PERIODS = [
    {"period": "month", "as_of": "2024-03-10"},
    {"period": "week", "week_start": "sunday", "as_of": "2024-02-29"},
    {"period": "week", "as_of": "2024-12-31"},
    {"period": "quarter", "as_of": "2024-03-31"},
    {"period": "year", "as_of": "2024-01-01"},
]


class TestRetention:
    """Triangles with returns, late rows, each period, and customers who only sent back."""

    @each_engine
    def test_copies(self, engine):
        one = make_log(53, 20, gaps=False, amounts="whole", dates="time")
        log = pa.concat_tables([one, one.slice(0, 9), one.slice(3, 9)])
        options = PERIODS[0]
        for duplicates in ("drop", "raise") if engine.is_slow else ("keep", "drop", "raise"):
            check_retention(engine, log, duplicates=duplicates, **options)
        check_retention(engine, log, has_money=False, duplicates="drop", **options)
        check_retention(engine, one.slice(0, 1), duplicates="raise", period="month", as_of="2024-12-31")
        with pytest.raises(InputError, match="duplicates"):
            frames.retention(engine.make(log), customer="who", date="day", duplicates="some", **options)

    @each_engine
    def test_periods(self, engine):
        log = make_log(51, 30, gaps=False, amounts="whole", dates="time")
        for options in PERIODS[: 2 if engine.is_slow else None]:
            check_retention(engine, log, **options)
        check_retention(engine, log, has_money=False, **PERIODS[0])

    @each_engine
    def test_amounts_of_less_than_a_residue_buy_for_nothing(self, engine):
        rows = {"who": [1, 1, 2], "day": ["2024-01-05", "2024-02-05", "2024-01-06"], "paid": [-4e-10, 9.0, 5.0]}
        table = pa.table({**rows, "day": pa.array(np.array(rows["day"], "datetime64[D]"))})
        check_retention(engine, table, **PERIODS[0])

    @one_of_the_slowest
    def test_slowest_engines(self, engine):
        check_retention(engine, make_log(51, 30, gaps=False, amounts="whole"), **PERIODS[0])

    @pytest.mark.parametrize("name", ["pandas", "Polars", "Polars, lazy", "PyArrow"])
    def test_days_are_those_of_the_zone(self, name):
        engine = next(engine for engine in ENGINES if engine.name == name)
        needs(engine)
        for options in PERIODS:
            check_retention(engine, make_log(52, 30, gaps=False, amounts="whole", dates="zone"), **options)

    @searched
    def test_without_rows(self, engine):
        check_retention(engine, table_of([]), period="month", as_of="2024-01-31")

    @searched
    def test_searched(self, engine):
        one = st.tuples(st.integers(0, 3), st.integers(0, 99), st.sampled_from((0, 86_399)), st.integers(0, 20))
        gap = st.tuples(st.none() | st.just(1), st.none() | st.just(2), st.just(0), st.none() | st.just(3))
        kinds = st.sampled_from(("cents", "parts", "whole", "round", "decimal"))
        ends = st.sampled_from(("2023-12-27", "2023-12-31", "2024-01-31", "2024-02-29", "2024-12-31"))
        periods = st.sampled_from((("month", "monday"), ("quarter", "monday"), ("year", "monday"), ("week", "monday")))

        @few(engine)
        @given(
            st.lists(one, min_size=1, max_size=12), st.none() | gap, kinds, ends,
            periods | st.just(("week", "sunday")), st.booleans(),
        )  # fmt: skip
        @example([(1, 1, 0, 8)], None, "cents", "2024-01-31", ("month", "monday"), True)
        @example([(1, 1, 0, 4)], None, "cents", "2024-01-31", ("month", "monday"), True)
        def search(rows, missing, amounts, as_of, period, has_money):
            table = table_of([*rows, *([] if missing is None else [missing])], "text", "time", amounts)
            options = {"period": period[0], "week_start": period[1], "as_of": as_of}
            check_retention(engine, table, has_money=has_money, **options)

        search()


def events_table(rows, kind="time"):
    """Make a table of rows (customer, event, hours since the year began)."""
    customer, event, hours = zip(*rows, strict=True) if rows else ((), (), ())
    start = dt.datetime(2024, 1, 1)
    times = [None if hour is None else start + dt.timedelta(hours=hour) for hour in hours]
    types = {"time": pa.timestamp("us"), "seconds": pa.timestamp("s"), "date": pa.date32()}
    if kind == "date":
        times = [None if time is None else time.date() for time in times]
    return pa.table(
        {
            "customer": pa.array(customer, pa.string()),
            "event": pa.array(event, pa.string()),
            "time": pa.array(times, types[kind]),
        }
    )


def check_funnel(engine, table, steps, **options):
    """Compare the counts of a funnel with those of arrays."""
    columns = [np.array([*table[name].to_pylist(), None], dtype=object)[:-1] for name in ("customer", "event")]
    times = np.array(table["time"].to_pylist(), dtype="datetime64[us]")
    expected = outcome(lambda: funnel_from_events(*columns, times, steps, **options))
    frame = engine.make(table)
    found = outcome(lambda: frames.funnel(frame, steps=steps, **options))
    if isinstance(expected, InputError):
        assert isinstance(found, InputError), expected
        assert found.name == expected.name, (found, expected)
        return
    if isinstance(found, InputError):
        raise found
    wanted = expected.to_columns()
    rows = read(found.frame, "stage")
    assert list(rows) == list(wanted)
    order = np.argsort(wanted["stage"])
    assert rows.pop("stage") == wanted.pop("stage")[order].tolist()
    assert_close(rows, {name: column[order] for name, column in wanted.items()})


def many_events(seed, n):
    """Draw events with many at one moment."""
    rng = np.random.default_rng(seed)
    who, what, when = rng.integers(0, n // 4, n), rng.choice(list("abcdx"), n), rng.integers(0, 400, n) / 4
    return [(f"c{i}", name, hour) for i, name, hour in zip(who.tolist(), what.tolist(), when.tolist(), strict=True)]


FUNNELS = [
    {},
    {"window": 1.5},
    {"window": 1, "exclude": ["x"], "as_of": "2024-01-03T12:00"},
    {"exclude": ["x"], "duplicates": "drop"},
]


class TestFunnel:
    """Funnels of first attempts, with ties, windows and events that end an attempt."""

    @each_engine
    def test_options(self, engine):
        table = events_table(many_events(61, 200))
        for options in FUNNELS[:: 2 if engine.is_slow else 1]:
            check_funnel(engine, table, ["a", "b", ["c", "d"]], **{"as_of": "2024-02-01", **options})

    @one_of_the_slowest
    def test_slowest_engines(self, engine):
        check_funnel(engine, events_table(many_events(61, 200)), ["a", "b", ["c", "d"]], as_of="2024-02-01", window=2)

    @searched
    def test_searched(self, engine):
        hours = st.sampled_from((0, 12, 24, 24.5, 36, 48, 72))
        good = st.tuples(st.sampled_from(("u", "v")), st.sampled_from("abcdx"), hours)
        odd = st.tuples(
            st.sampled_from(("u", None, "", " ")), st.sampled_from(("a", None, "", " ")), st.none() | st.just(1)
        )
        steps = st.sampled_from((["a", "b"], ["a", "b", "c"], ["a", ["b", "c"], "d"], [["a", "b"], ["c", "d"]]))

        @few(engine)
        @given(
            st.lists(good, min_size=1, max_size=14), st.none() | odd, steps,
            st.sampled_from((None, None, 0.5, 1, 2)), st.sampled_from(((), ["x"], ["x", "y"])),
            st.sampled_from(("2023-12-31", "2024-01-02", "2024-01-02T12:00", "2024-01-05")),
            st.sampled_from(("allow", "allow", "error")), st.sampled_from(("time", "seconds", "date")),
        )  # fmt: skip
        @example([("u", "a", 0)], ("", "a", 1), ["a", "b"], None, (), "2024-01-05", "allow", "time")
        @example([("u", "a", 0)], ("u", " ", 1), ["a", "b"], None, (), "2024-01-05", "allow", "time")
        @example([("u", "a", 0), ("u", "b", 12)], None, ["a", "b"], 1, (), "2024-01-02", "allow", "time")
        def search(rows, wrong, steps, window, exclude, as_of, absent, kind):
            table = events_table([*rows, *([] if wrong is None else [wrong])], kind)
            check_funnel(engine, table, steps, window=window, exclude=exclude, as_of=as_of, absent=absent)

        search()

    @searched
    def test_without_rows(self, engine):
        for absent in ("allow", "error"):
            check_funnel(engine, events_table([]), ["a", "b"], as_of="2024-01-05", absent=absent)

    @pytest.mark.parametrize("name", ["pandas", "pandas of Arrow", "Polars", "Polars, lazy", "PyArrow"])
    def test_times_are_those_of_the_zone(self, name):
        engine = next(engine for engine in ENGINES if engine.name == name)
        needs(engine)
        times = [dt.datetime(2024, 1, 1, 6 * part, tzinfo=dt.UTC) for part in range(4)]
        moments = pa.array(times, pa.timestamp("us", tz="Pacific/Auckland"))
        table = pa.table({"customer": [1, 1, 2, 2], "event": ["a", "b", "a", "b"], "time": moments})
        found = frames.funnel(engine.make(table), steps=["a", "b"], as_of="2024-01-02T02:00")
        assert read(found.frame, "stage")["entered"] == [2, 1]

    @each_with_zones
    @pytest.mark.parametrize("day", ["2024-11-02", "2024-12-01"])
    def test_time_passes_evenly_where_the_clocks_change(self, engine, day):
        """On 3 November 2024 01:50 is followed by 01:10 in New York, and on 10 March 01:50 by 03:10: 20 minutes each.

        Times stand on the clock at `as_of`, so that the end of observation is a time of that zone too.
        """
        times = ["2024-11-03T05:50", "2024-11-03T06:10", "2024-03-10T06:50", "2024-03-10T07:10"]
        moments = pa.array([dt.datetime.fromisoformat(f"{time}+00:00") for time in times])
        moments = moments.cast(pa.timestamp("us", tz="America/New_York"))
        table = pa.table({"customer": [1, 1, 2, 2], "event": ["a", "b"] * 2, "time": moments})
        for minutes, converted in ((19, 0), (20, 2)):
            window = dt.timedelta(minutes=minutes)
            found = frames.funnel(engine.make(table), steps=["a", "b"], as_of=day, window=window)
            n_seen = 2 if day > "2024-11-03" else 1
            assert read(found.frame, "stage")["entered"] == [n_seen, min(converted, n_seen)]
        end = "2024-11-03T01:10"  # comes twice: the first time stands for it, before the event at the second
        with_end = frames.funnel(engine.make(table), steps=["a", "b"], as_of=end)
        assert read(with_end.frame, "stage")["entered"] == [1, 1]

    @each_with_sessions
    def test_time_passes_evenly_on_the_clock_of_a_session(self, engine):
        """The same moments as above, and one before 1970; the zone is that of the session."""
        times = ["2024-11-03T05:50", "2024-11-03T06:10:00.7", "2024-03-10T06:50", "2024-03-10T07:10:00.7"]
        times += ["1969-12-31T23:50", "1970-01-01T00:10:00.7"]
        moments = pa.array([dt.datetime.fromisoformat(f"{time}+00:00") for time in times])
        table = pa.table({"customer": [1, 1, 2, 2, 3, 3], "event": ["a", "b"] * 3, "time": moments})
        with session_in(engine, "America/New_York"):
            frame = engine.make(table)
            for seconds, converted in ((1200.6, 0), (1200.7, 3)):
                window = dt.timedelta(seconds=seconds)
                found = frames.funnel(frame, steps=["a", "b"], as_of="2024-12-01", window=window)
                assert read(found.frame, "stage")["entered"] == [3, converted]
            for end, entered in (("2024-03-10T03:10:00.6", [2, 1]), ("2024-03-10T03:10:00.7", [2, 2])):
                found = frames.funnel(frame, steps=["a", "b"], as_of=end)
                assert read(found.frame, "stage")["entered"] == entered

    @pytest.mark.slow
    @pytest.mark.filterwarnings("ignore:fetch_arrow_table:DeprecationWarning")  # by Ibis itself
    def test_time_passes_evenly_on_the_clock_of_a_session_behind_ibis(self):
        """A table of the database, whose zone is that of the session; a table in memory has its own."""
        ibis = pytest.importorskip("ibis")
        session = ibis.duckdb.connect()
        session.raw_sql("set TimeZone = 'America/New_York'")
        times = ["2024-11-03T05:50", "2024-11-03T06:10:00.7", "2024-03-10T06:50", "2024-03-10T07:10:00.7"]
        rows = ", ".join(f"({i // 2}, '{'ab'[i % 2]}', '{time}+00'::timestamptz)" for i, time in enumerate(times))
        session.raw_sql(f"create table events as select * from (values {rows}) as t(customer, event, time)")  # noqa: S608 - our own times
        frame = session.table("events")
        for seconds, converted in ((1200.6, 0), (1200.7, 2)):
            window = dt.timedelta(seconds=seconds)
            found = frames.funnel(frame, steps=["a", "b"], as_of="2024-12-01", window=window)
            assert read(found.frame, "stage")["entered"] == [2, converted]
        for end, entered in (("2024-03-10T03:10:00.6", [1, 0]), ("2024-03-10T03:10:00.7", [1, 1])):
            found = frames.funnel(frame, steps=["a", "b"], as_of=end)
            assert read(found.frame, "stage")["entered"] == entered

    @pytest.mark.parametrize("zone", ["+05:30", "-03:00", "Etc/GMT-5"])
    def test_zones_of_pandas_and_arrow(self, zone):
        moments = pa.array([0, 3600, 7200], pa.timestamp("s", tz=zone))
        table = pa.table({"customer": [1, 1, 1], "event": ["a", "b", "a"], "time": moments})
        hours = {"+05:30": 5.5, "-03:00": -3, "Etc/GMT-5": 5}[zone]
        end = np.datetime64(int((hours + 1) * 3600), "s")
        for frame in (table, table.to_pandas()):
            for as_of, entered in ((end, [1, 1]), (end - np.timedelta64(1, "s"), [1, 0])):
                found = frames.funnel(frame, steps=["a", "b"], as_of=as_of)
                assert read(found.frame, "stage")["entered"] == entered

    @searched
    def test_kinds_of_events(self, engine):
        table = events_table([("u", "a", 0), ("v", "b", 1), ("u", "b", 2)])
        wanted = read(frames.funnel(engine.make(table), steps=["a", "b"], as_of="2024-02-01").frame, "stage")
        words = pa.table(
            {**dict(zip(table.column_names, table.columns, strict=True)), "event": table["event"].dictionary_encode()}
        )
        found = read(frames.funnel(engine.make(words), steps=["a", "b"], as_of="2024-02-01").frame, "stage")
        assert found["entered"] == wanted["entered"]
        numbers = engine.make(words.set_column(1, "event", pa.array([1, 2, 2])))
        found = read(frames.funnel(numbers, steps=[1, 2], as_of="2024-02-01").frame, "stage")
        assert found["entered"] == wanted["entered"]
        flags = engine.make(words.set_column(1, "event", pa.array([True, False, False])))
        for frame, steps in ((numbers, ["1", "2"]), (engine.make(table), [1, 2]), (flags, [1, 0])):
            error = outcome(functools.partial(frames.funnel, frame, steps=steps, as_of="2024-02-01"))
            assert isinstance(error, InputError)

    @searched
    def test_names_that_are_blank_steps(self, engine):
        check_funnel(engine, events_table([("u", "a", 0)]), ["a", " "], as_of="2024-01-05", absent="allow")


PEOPLE = {
    "customer": pa.array(["ann", "bob", "eve", "joe"]),
    "born": pa.array([dt.date(1990, 6, 7), None, dt.date(1985, 6, 8), dt.date(2000, 6, 7)], pa.date32()),
    "vip": pa.array([True, False, True, True]),
    "email_ok": pa.array([True, True, True, False]),
    "city": pa.array(["Kyiv", None, "Ünï", "Kyiv"]),
    "zone": pa.array(["Europe/Kyiv", "UTC", "Pacific/Auckland", "UTC"]),
}
CARTS = [("ann", "cart", 3639.5), ("bob", "cart", 3641.0), ("bob", "purchase", 3641.5), ("joe", "cart", 3640.0)]
JOURNEYS = [
    BirthdayJourney("birthday", offer="10 %"),
    BirthdayJourney("vip birthday", offer="20 %", segment="vip", priority=1),
    TriggerJourney.abandoned_cart(),
]


class TestPlan:
    """Plans of frames in memory, with a history from the plan before."""

    @each_eager
    def test_equals_the_plan_of_arrays(self, engine):
        people, carts = pa.table(PEOPLE), events_table(CARTS)
        columns = {name: column.to_pylist() for name, column in PEOPLE.items()}
        base = Customers(
            customer=columns["customer"],
            dates={"birthday": columns["born"]},
            segments={"vip": columns["vip"]},
            attributes={"city": columns["city"]},
            consent={"email": columns["email_ok"]},
            time_zone=columns["zone"],
        )
        done = Events(
            customer=carts["customer"].to_pylist(), name=carts["event"].to_pylist(), time=carts["time"].to_pylist()
        )
        mapped = {
            "dates": {"birthday": "born"}, "segments": ["vip"], "attributes": ["city"],
            "consent": {"email": "email_ok"}, "time_zone": "zone",
        }  # fmt: skip
        history, sent = None, None
        for as_of in ("2024-05-31", "2024-06-01", "2024-06-02"):
            expected = journeys.plan(JOURNEYS, base, done, history, Policy(), as_of=as_of, days=2)
            found = frames.plan(JOURNEYS, engine.make(people), engine.make(carts), sent, as_of=as_of, days=2, **mapped)
            wanted = expected.to_columns()
            assert found.result.to_columns().keys() == wanted.keys()
            for name, column in found.result.to_columns().items():
                assert np.array_equal(column, wanted[name], equal_nan=column.dtype.kind == "M"), name
            rows = read(found.frame, "customer")
            assert list(rows) == list(wanted)
            assert sorted(rows["decision"]) == sorted(wanted["decision"].tolist())
            history = expected.history()
            sent = engine.make(pa.table({name: pa.array(column) for name, column in history.to_columns().items()}))
        assert len(history) or "duplicate" in wanted["decision"]

    @pytest.mark.parametrize("zone", ["UTC", "Europe/Kyiv", "America/New_York"])
    @pytest.mark.parametrize("name", ["pandas", "pandas of Arrow", "Polars", "PyArrow"])
    def test_times_with_a_zone_become_local_times_of_the_customers(self, name, zone):
        """A cart at 20:30 UTC, that is 23:30 in Kyiv: its message goes out an hour later, not two hours before."""
        engine = next(engine for engine in ENGINES if engine.name == name)
        needs(engine)
        times = [dt.datetime(2024, 6, 1, 20, 30, tzinfo=dt.UTC)] * 3
        carts = {"customer": ["ann", "bob", "nobody"], "event": ["cart"] * 3}
        done = engine.make(pa.table({**carts, "time": pa.array(times, pa.timestamp("us", tz=zone))}))
        mapped = {"consent": {"email": "email_ok"}, "as_of": "2024-06-01", "days": 3}
        people, cart = engine.make(pa.table(PEOPLE)), [TriggerJourney.abandoned_cart()]
        found = frames.plan(cart, people, done, time_zone="zone", **mapped).result
        sent = found.decision == "send"
        assert found.customer[sent].tolist() == ["bob", "ann"]
        assert [str(time) for time in found.anchor[sent]] == ["2024-06-01T20:30:00", "2024-06-01T23:30:00"]
        assert {str(time) for time in found.send_time_utc[sent]} == {"2024-06-01T21:30:00"}
        history = found.history().to_columns()
        moments = pa.array([dt.datetime(2024, 6, 1, 21, 30, tzinfo=dt.UTC)] * 2, pa.timestamp("us", tz=zone))
        seen = engine.make(pa.table({**{key: pa.array(column) for key, column in history.items()}, "sent_at": moments}))
        again = frames.plan(cart, people, done, seen, time_zone="zone", **mapped).result
        assert "send" not in again.decision
        plain = frames.plan(cart, people, done, **mapped).result  # without zones, times are those of UTC
        assert {str(time) for time in plain.anchor} == {"2024-06-01T20:30:00"}

    @pytest.mark.parametrize("name", ["pandas", "Polars", "PyArrow"])
    def test_a_moment_at_which_the_clock_shows_an_hour_again(self, name):
        """In Kyiv, 03:30 of 27 October 2024 comes at 00:30 and at 01:30 UTC; the waits end at 12:30 and 13:30 UTC."""
        engine = next(engine for engine in ENGINES if engine.name == name)
        needs(engine)
        people = engine.make(pa.table({"customer": ["ann", "bob"], "ok": [True, True], "zone": ["Europe/Kyiv"] * 2}))
        times = [dt.datetime(2024, 10, 27, hour, 30, tzinfo=dt.UTC) for hour in (1, 0)]
        carts = {"customer": ["ann", "bob"], "event": ["cart"] * 2}
        done = engine.make(pa.table({**carts, "time": pa.array(times, pa.timestamp("us", tz="UTC"))}))
        steps = {"wait": journeys.Wait("12 hours", then="ask"), "ask": journeys.Message(offer="5 %")}
        kinds = [
            TriggerJourney("trigger", event="cart", wait_hours=12, offer="5 %"),
            journeys.Journey("journey", entry="cart", steps=steps),
        ]
        for kind in kinds:
            found = frames.plan(
                [kind], people, done, as_of="2024-10-27", time_zone="zone", consent={"email": "ok"}
            ).result
            planned = dict(zip(found.customer.tolist(), found.send_time_utc.astype(str).tolist(), strict=True))
            assert planned == {"ann": "2024-10-27T13:30:00", "bob": "2024-10-27T12:30:00"}
            assert set(found.anchor.astype(str)) == {"2024-10-27T03:30:00"}

    @pytest.mark.parametrize("name", ["pandas", "Polars", "PyArrow"])
    def test_a_purchase_within_an_hour_that_the_clock_shows_again(self, name):
        """In Kyiv, 03:00 to 04:00 of 27 October 2024 comes from 00:00 and from 01:00 UTC: 03:10 may follow 03:30."""
        engine = next(engine for engine in ENGINES if engine.name == name)
        needs(engine)
        people = {"customer": ["after", "before", "between"], "ok": [True] * 3, "zone": ["Europe/Kyiv"] * 3}
        done = [
            ("after", "cart", (0, 30)), ("after", "purchase", (1, 10)),
            ("before", "purchase", (0, 50)), ("before", "cart", (1, 10)),
            ("between", "purchase", (0, 10)), ("between", "cart", (0, 30)), ("between", "purchase", (1, 10)),
        ]  # fmt: skip
        columns = [list(column) for column in zip(*done, strict=True)]
        times = pa.array(
            [dt.datetime(2024, 10, 27, *at, tzinfo=dt.UTC) for at in columns[2]], pa.timestamp("us", "UTC")
        )
        events = engine.make(pa.table({"customer": columns[0], "event": columns[1], "time": times}))
        for minutes, sent in ((120, {"before"}), (6, {"before", "between", "after"})):
            steps = {"wait": journeys.Wait(f"{minutes} minutes", then="ask"), "ask": journeys.Message()}
            for kind in (
                TriggerJourney("trigger", event="cart", wait_hours=minutes / 60, unless="purchase", send_hour="any"),
                journeys.Journey("goal", entry="cart", steps=steps, goals="purchase"),
                journeys.Journey("exit", entry="cart", steps=steps, exits="purchase"),
            ):
                found = frames.plan(
                    [kind], engine.make(pa.table(people)), events, as_of="2024-10-27", time_zone="zone",
                    consent={"email": "ok"},
                ).result  # fmt: skip
                assert set(found.customer[found.decision == "send"].tolist()) == sent

    @searched
    def test_a_lazy_frame_is_refused(self, engine):
        frame = engine.make(pa.table(PEOPLE))
        error = outcome(
            lambda: frames.plan(
                JOURNEYS[:1], frame, as_of="2024-05-31", dates={"birthday": "born"}, consent={"email": "email_ok"}
            )
        )
        if engine.is_lazy:
            assert error.hint == "collect the customers who may get a message first"
        else:
            assert len(error.result.decision)

    @given(
        entered=st.lists(st.integers(0, 47), min_size=1, max_size=6, unique=True),
        left=st.lists(st.integers(0, 47), max_size=6, unique=True),
        reentry=st.sampled_from(["never", "after exit", "50 minutes"]),
    )
    @example(entered=[0, 28], left=[20], reentry="after exit")  # leaves at the first 02:45, enters at the second 02:30
    @example(entered=[30, 36], left=[18], reentry="after exit")  # enters and leaves at 02:31, an hour before
    @example(entered=[0, 18], left=[26], reentry="after exit")  # enters at the first 02:30, leaves at the second 02:10
    def test_entries_in_the_hour_that_comes_twice(self, entered, left, reentry):
        """From 01:00 to 05:00 of Berlin, of which the hour from 02:00 comes twice; against a walk in UTC."""
        midnight, clock = dt.datetime(2026, 10, 24, 23, 0, tzinfo=dt.UTC), zoneinfo.ZoneInfo("Europe/Berlin")
        enters = [midnight + dt.timedelta(minutes=5 * n + 1) for n in sorted(entered)]
        leaves = [midnight + dt.timedelta(minutes=5 * n + 1) for n in sorted(left)]
        shown = [time.astimezone(clock).replace(tzinfo=None) for time in enters]
        assume(len(set(shown)) == len(shown))  # two entries at one local time are one
        assume(not {*enters} & {*leaves})
        expected, free = [], midnight
        for start, local in zip(enters, shown, strict=True):
            if start >= free and not (reentry == "never" and expected):
                expected.append(local)
                ends = [time for time in leaves if time > start] + [start + dt.timedelta(minutes=40)]
                free = (
                    min(ends) + dt.timedelta(seconds=1) if reentry == "after exit" else start + dt.timedelta(minutes=50)
                )
        steps = {"wait": Wait("40 minutes"), "message": Message(valid_days=2)}
        journey = Journey("x", entry="enter", steps=steps, exits="leave", reentry=reentry)
        base = pl.DataFrame({"customer": [1], "zone": ["Europe/Berlin"], "email": [True]})
        names = ["enter"] * len(enters) + ["leave"] * len(leaves)
        did = pl.DataFrame({"customer": [1] * len(names), "event": names, "time": enters + leaves})
        made = frames.plan(
            [journey],
            base,
            did,
            as_of="2026-10-25",
            consent={"email": "email"},
            time_zone="zone",
        ).result
        assert sorted(set(made.anchor.tolist())) == sorted(expected)


SOLD = {
    "customer": [1, 2, 2, 9],
    "date": ["2024-06-02", "2024-06-03", "2024-07-09", "2024-06-03"],
    "amount": [19.9, 5.0, 7.0, 3.0],
    "code": ["A1", None, None, None],
}
SEEN = {"customer": [1, 3], "event": ["opened", "clicked"], "time": ["2024-06-01T12:00:00"] * 2}
SEGMENTS = {"customer": [1, 2], "segment": ["vip", "other"]}


class TestResults:
    """Results of frames are those of arrays, for every kind of frame in memory."""

    def messages(self):
        base = Customers(
            customer=range(1, 5), dates={"birthday": ["1990-06-07"] * 4}, consent={"email": [True, True, True, False]}
        )
        made = journeys.plan([BirthdayJourney("birthday")], base, None, None, Policy(), "2024-05-31")
        return made.with_codes(["A1", "", "", ""])

    @searched
    def test_are_those_of_arrays(self, engine):
        made = self.messages()
        options = {"as_of": "2024-06-30", "by": ["journey", "segment"], "credit": "code or last", "contact_cost": "0.1"}
        sold = journeys.Orders(
            customer=SOLD["customer"],
            time=SOLD["date"],
            revenue=SOLD["amount"],
            margin=0.5,
            code=["A1", "", "", ""],
        )
        seen = journeys.Responses(customer=[1, 3], name=["opened", "clicked"], time=SEEN["time"])
        expected = journeys.journey_results(
            made, seen, sold, segment_customer=[1, 2], segment=["vip", "other"], **options
        )
        tables = [engine.make(pa.table(table)) for table in (SEEN, SOLD, SEGMENTS)]
        call = {"margin": 0.5, "segment": tables[2], "code": "code", **options}
        if engine.is_lazy:
            error = outcome(lambda: frames.journey_results(made, tables[0], tables[1], **call))
            assert error.name in {"orders", "responses", "segment"}
            return
        columns = pa.table({name: pa.array(column) for name, column in made.to_columns().items()})
        for messages in (made, engine.make(columns)):
            found = frames.journey_results(messages, tables[0], tables[1], **call)
            assert found.result == expected
            assert found.conclusion == expected.conclusion
            assert found.columns["responses.time"] == "time"
            assert {"customer", "responses.name", "segment.customer"} < set(found.guessed)
            rows = read(found.frame, "segment")
            assert sorted(rows["revenue"]) == sorted(expected.revenue.tolist())

    @pytest.mark.parametrize("name", ["pandas", "Polars", "PyArrow"])
    def test_times_of_two_zones_are_refused(self, name):
        """Each counts as its own clock shows it, so that an order before a message could be credited to it."""
        engine = next(engine for engine in ENGINES if engine.name == name)
        needs(engine)
        made = self.messages()

        def at(zone):
            return pa.array([dt.datetime(2024, 6, 2, 9, tzinfo=dt.UTC)], pa.timestamp("us", tz=zone))

        sold = engine.make(pa.table({"customer": [1], "date": at("UTC"), "amount": [5.0]}))
        for zone in ("UTC", "Europe/Kyiv"):
            seen = engine.make(pa.table({"customer": [1], "name": ["opened"], "time": at(zone)}))
            log = pa.table({"customer": [1], "journey": ["birthday"], "channel": ["email"], "sent_at": at(zone)})
            for messages, responses in ((made, seen), (engine.make(log), None)):
                call = functools.partial(frames.journey_results, as_of="2024-06-30", margin=0.5)
                found = outcome(functools.partial(call, messages, responses, sold))
                assert isinstance(found, InputError) is (zone != "UTC")
                if zone != "UTC":
                    assert "a frame whose times are those of UTC, as others are; got 'Europe/Kyiv'" in str(found)

    @pytest.mark.parametrize("name", ["pandas", "Polars", "PyArrow"])
    def test_moments_tell_what_came_first_in_the_hour_that_comes_twice(self, name):
        """Berlin shows 02:50 and then 02:10 again; days stay those of the clock, of which the last has 25 hours."""
        engine = next(engine for engine in ENGINES if engine.name == name)
        needs(engine)

        def at(*times):
            moments = [dt.datetime.fromisoformat(f"2024-10-{time}").replace(tzinfo=dt.UTC) for time in times]
            return pa.array(moments, pa.timestamp("us", tz="Europe/Berlin"))

        sent = {"customer": [1, 2, 3], "journey": ["a"] * 3, "channel": ["email"] * 3}
        log = pa.table({**sent, "sent_at": at("27T00:50", "27T01:10", "26T12:00")})
        seen = pa.table({"customer": [1, 2], "name": ["opened"] * 2, "time": at("27T01:10", "27T00:50")})
        sold = {"customer": [1, 2, 3], "date": at("27T01:10", "27T00:50", "27T13:00"), "amount": [5.0, 7.0, 9.0]}
        local = pa.table({"customer": [1], "name": ["opened"], "time": [dt.datetime(2024, 10, 27, 2, 55)]})
        for reactions, n_unmatched in ((seen, 1), (local, 0)):
            tables = [engine.make(table) for table in (log, reactions, pa.table(sold))]
            found = frames.journey_results(*tables, as_of="2024-11-30", margin=1, within_days=1).result
            assert (found.revenue.tolist(), found.n_converted.tolist()) == ([14.0], [2])
            assert (found.n_opened.tolist(), found.n_unmatched) == ([1], n_unmatched)

    @pytest.mark.parametrize("name", ["pandas", "Polars", "PyArrow"])
    @pytest.mark.parametrize(
        ("codes", "problem"),
        [
            (pa.array([None, "A1"]), None),
            (pa.array([None, "A1"]).dictionary_encode(), None),
            (pa.array([None, "A1"], pa.string_view()), None),
            (pa.array([None, None], pa.float64()), None),
            (pa.array([None, 12], pa.int64()), "text in column 'code'"),
            (pa.array([None, 12]).dictionary_encode(), "text in column 'code'"),
        ],
        ids=["text", "categories", "views", "none", "numbers", "categories of numbers"],
    )
    def test_codes_are_text_of_any_type(self, name, codes, problem):
        """Categories of pandas stopped the call with an error of their own, and engines wrote numbers differently."""
        engine = next(engine for engine in ENGINES if engine.name == name)
        needs(engine)
        moment = pa.array([dt.datetime(2024, 6, 1)] * 2)
        sent = pa.table({"customer": [1, 2], "journey": ["a", "a"], "channel": ["email"] * 2, "sent_at": moment})
        sold = pa.table({"customer": [1, 2], "date": moment, "amount": [5.0, 7.0]})
        coded = [engine.make(table.append_column("code", codes)) for table in (sent, sold)]
        call = functools.partial(frames.journey_results, as_of="2024-06-30", margin=0.5)
        found = [
            outcome(functools.partial(call, coded[0], None, engine.make(sold))),
            outcome(functools.partial(call, engine.make(sent), None, coded[1], code="code")),
        ]
        for result in found:
            if problem is None:
                assert list(read(result.frame, "journey")["revenue"]) == [12.0]
            else:
                assert problem in str(result)
