"""Groups of customers on all engines: scores, segments and movements are those of the functions of arrays."""

from __future__ import annotations

import datetime as dt
import functools
from decimal import Decimal

import attrs
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from crmvalue import frames
from crmvalue.errors import InputError
from crmvalue.segmentation import (
    Segment,
    SegmentColumns,
    SegmentTable,
    evaluate_segments,
    fit_rfm,
    migration_matrix,
    score_rfm,
)
from tests.frames.engines import ENGINES, needs, read
from tests.frames.logs import SEARCHED, few, outcome

each_engine = pytest.mark.parametrize(
    "engine",
    [pytest.param(e, id=e.name, marks=pytest.mark.slow if e.is_slowest else ()) for e in ENGINES],
)
searched = pytest.mark.parametrize("engine", SEARCHED, ids=lambda engine: engine.name)
one_of_the_slowest = pytest.mark.parametrize(
    "engine", [engine for engine in ENGINES if engine.is_slowest], ids=lambda engine: engine.name
)
SPEND = {"mean": "mean_spend", "total": "total_spend"}
FIVE = SegmentTable.preset("A")


@pytest.fixture(autouse=True)
def _installed(request):
    if "engine" in request.fixturenames:
        needs(request.getfixturevalue("engine"))


def scored_table(days, number, spend, basis="total"):
    ids = [f"c{i:04d}" for i in range(len(days))]
    columns = {"days_since_last": days, "n_purchases": number, SPEND[basis]: spend}
    return pa.table({"who": ids, **{name: pa.array(column, pa.float64()) for name, column in columns.items()}})


def check_rfm(engine, rows, *, basis="total", breaks=None, table=None, **options):
    """Compare the scores, groups and break points of a frame with those of arrays; give the result of the frame."""
    days, number, spend = ([*column] for column in zip(*rows, strict=True))
    arrays = [np.array([np.nan if x is None else x for x in column], dtype=float) for column in (days, number, spend)]

    def on_arrays():
        points = fit_rfm(*arrays, spend_basis=basis, **options) if breaks is None else breaks
        return points, score_rfm(*arrays, points, window=options.get("window"))

    expected = outcome(on_arrays)
    frame = engine.make(scored_table(days, number, spend, basis))
    found = outcome(lambda: frames.rfm(frame, spend_basis=basis, breaks=breaks, table=table, **options))
    if isinstance(expected, InputError):
        assert isinstance(found, InputError), expected
        assert found.name in {"days_since_last", "n_purchases", "spend", SPEND[basis]}
        return None
    if isinstance(found, InputError):
        raise found
    points, scores = expected
    assert found.breaks == points
    columns = read(found.frame, "who")
    for name in ("r_score", "f_score", "m_score"):
        assert columns[name] == getattr(scores, name).tolist(), name
    names = FIVE if table is None and points.n_bins == 5 else table
    if names is None:
        assert "rfm_group" not in columns
    else:
        assert columns["rfm_group"] == scores.segments(names).tolist()
    return found


def base(seed, n):
    """Draw customers with many ties, and with what binary arithmetic leaves of nothing and of equal sums."""
    rng = np.random.default_rng(seed)
    money = rng.choice([0.0, 4e-16, -4e-16, 0.3, 0.1 + 0.2, 5.0, 7.5, 20.0, 1e6], n) * rng.integers(1, 4, n)
    return list(zip(rng.integers(0, 30, n).tolist(), (1 + rng.geometric(0.5, n)).tolist(), money.tolist(), strict=True))


def all_of_rfm(engine):
    rows, others = base(1, 90), base(2, 40)
    found = check_rfm(engine, rows)
    check_rfm(engine, others, breaks=found.breaks)
    check_rfm(engine, rows, basis="mean", method="quantile", n_bins=3, window=180)
    check_rfm(engine, [*rows, (181.0, 0.0, 0.0)], window=180)  # the last purchase came before the window
    check_rfm(engine, [*rows, (181.0, 1.0, 5.0)], window=180)
    check_rfm(engine, [(1.0, 1.0, 0.3), (1.0, 1.0, 0.1 + 0.2)] * 4)  # one money, added up in two orders


class TestRfm:
    """Scores, groups and break points."""

    @each_engine
    def test_scores(self, engine):
        all_of_rfm(engine)

    @one_of_the_slowest
    def test_slowest_engines(self, engine):
        check_rfm(engine, base(1, 90))

    @each_engine
    def test_halves_of_the_last_digit_are_rounded_alike(self, engine):
        """Sixteenths end in a half of the third decimal, which DuckDB rounds away from 0 and numpy to even."""
        rows = [(1.0, 16.0, 15_000_000 + part / 16) for part in (1, 3, 5, 7, 9)]
        days, number, spend = map(np.array, zip(*rows, strict=True))
        points = fit_rfm(days, number, spend, spend_basis="mean", method="rank")
        check_rfm(engine, rows, basis="mean", breaks=points)
        check_rfm(engine, [(1.0, 1.0, cents / 100) for cents in range(9_999_980, 10_000_030)], method="rank")

    @searched
    def test_searched(self, engine):
        number = st.integers(0, 4).map(float)
        money = st.sampled_from((0.0, 4e-16, -4e-16, 1.0, 2.5, 1e9))
        good = st.lists(st.tuples(number, number, money), min_size=1, max_size=12)
        bad = st.tuples(
            st.sampled_from((0.0, -1.0, None)),
            st.sampled_from((1.0, 1.5, -1.0, None)),
            st.sampled_from((1.0, -1.0, None)),
        )

        @few(engine)
        @given(
            good, good, st.none() | bad, st.sampled_from(("rank", "quantile")), st.integers(2, 7),
            st.sampled_from(("mean", "total")),
        )  # fmt: skip
        @example([(1.0, 1.0, 1.0)], [(1.0, 1.0, -4e-16)], None, "rank", 5, "total")
        @example([(1.0, 1.0, 1.0)], [(1.0, 1.0, 1.0)], (0.0, 1.5, 1.0), "rank", 5, "total")
        @example([(1.0, 1.0, 1.0)], [(1.0, 1.0, 1.0)], (None, 1.0, 1.0), "rank", 5, "total")
        def search(rows, others, wrong, method, n_bins, basis):
            found = check_rfm(engine, rows, method=method, n_bins=n_bins, basis=basis)
            check_rfm(engine, others, breaks=found.breaks, basis=basis)
            if wrong is not None:
                check_rfm(engine, [*others, wrong], breaks=found.breaks, basis=basis)
                check_rfm(engine, [*others, wrong], method=method, n_bins=n_bins, basis=basis)

        search()

    @searched
    def test_texts_are_no_numbers(self, engine):
        table = pa.table({"days_since_last": [1, 2], "n_purchases": [1, 2], "total_spend": ["1", "2"]})
        assert isinstance(outcome(lambda: frames.rfm(engine.make(table), spend_basis="total")), InputError)

    @searched
    def test_not_a_number(self, engine):
        """NaN is above all numbers for some engines, and must not score best."""
        for place in range(3):
            rows = [[1.0, 1.0, 1.0], [2.0, 2.0, 2.0]]
            points = frames.rfm(engine.make(scored_table(*zip(*rows, strict=True))), spend_basis="total").breaks
            rows[1][place] = np.nan
            frame = engine.make(scored_table(*zip(*rows, strict=True)))
            for options in ({"spend_basis": "total"}, {"breaks": points}):
                found = outcome(lambda frame=frame, options=options: frames.rfm(frame, **options))
                assert isinstance(found, InputError), (place, options)

    @searched
    def test_tables(self, engine):
        rows = base(3, 30)
        check_rfm(engine, rows, n_bins=4)
        four = SegmentTable.from_groups({"Best": "4*", "Other": "1* 2* 3*"}, basis="rf", n_bins=4)
        check_rfm(engine, rows, n_bins=4, table=four)
        frame = engine.make(scored_table(*zip(*rows, strict=True)))
        error = outcome(lambda: frames.rfm(frame, spend_basis="total", n_bins=4, table=FIVE))
        assert (error.name, error.rule) == ("table", "one for 4 bins, as the scores have")


TODAY = "2024-02-29"
OF = SegmentColumns({"spend": "number", "city": "text", "day": "date", "moment": "date", "vip": "flag"})
NUMBERS = st.sampled_from((-1.0, 0.0, 0.1, 5.0, 1e9))
TEXTS = st.sampled_from(("Kyiv", "kyiv", "", " ", "Zürich", "it's"))
DATES = st.sampled_from(
    [dt.date(2024, 2, 29), dt.date(2024, 1, 31), dt.date(2024, 1, 29), dt.date(2024, 3, 1), dt.date(2023, 2, 28)]
    + [dt.date(2023, 12, day) for day in (28, 29, 30, 31)] + [dt.date(1969, 12, 31), dt.date(2100, 2, 28)]
)  # fmt: skip
TODAYS = st.sampled_from(("2024-02-29", "2024-04-30", "2023-02-28", "2024-02-28", "2024-12-31", "2024-01-30"))


def comparisons(column, values):
    """Draw a comparison of a column with values."""
    one = st.sampled_from(("==", "!=", "<", "<=", ">", ">="))
    return (
        st.builds(column._condition, one, values)
        | st.lists(values, min_size=1, max_size=3).map(column.is_in)
        | st.tuples(values, values).map(lambda pair: column.between(*sorted(pair)))
        | st.just(column.is_missing())
    )


def conditions():
    text = OF["city"]
    days, months = st.integers(-40, 400).map(float), st.integers(-3, 14).map(float)
    dates = DATES.map(dt.date.isoformat)
    return st.one_of(
        comparisons(OF["spend"], NUMBERS),
        TEXTS.map(text.__eq__), TEXTS.map(text.__ne__), st.lists(TEXTS, min_size=1, max_size=3).map(text.is_in),
        st.just(text.is_missing()),
        *(comparisons(OF[name], dates) for name in ("day", "moment")),
        *(comparisons(OF[name].days_ago, days) for name in ("day", "moment")),
        *(comparisons(OF[name].months_ago, months) for name in ("day", "moment")),
        st.sampled_from((OF["vip"].is_true(), OF["vip"].is_false(), OF["vip"].is_missing())),
    )  # fmt: skip


def rules():
    return st.recursive(
        conditions(),
        lambda rule: (
            rule.map(lambda part: ~part)
            | st.tuples(rule, rule).map(lambda pair: pair[0] & pair[1])
            | st.tuples(rule, rule).map(lambda pair: pair[0] | pair[1])
        ),
        max_leaves=6,
    )


ROWS = st.lists(
    st.tuples(
        st.none() | NUMBERS, st.none() | TEXTS, st.none() | DATES, st.none() | DATES, st.integers(0, 86_399),
        st.none() | st.booleans(),
    ),
    min_size=1, max_size=8,
)  # fmt: skip


def check_segments(engine, rows, segments, today):
    spend, city, day, moment, second, vip = ([*column] for column in zip(*rows, strict=True))
    moment = [
        None if one is None else dt.datetime.combine(one, dt.time()) + dt.timedelta(0, late, 5)
        for one, late in zip(moment, second, strict=True)
    ]
    if engine.name == "Dask":
        vip = [bool(one) for one in vip]  # it makes texts of flags with gaps, as pandas has them
    ids = [f"c{i:04d}" for i in range(len(rows))]
    table = pa.table(
        {
            "who": ids,
            "spend": pa.array(spend, pa.float64()),
            "city": pa.array(city, pa.string()),
            "day": pa.array(day, pa.date32()),
            "moment": pa.array(moment, pa.timestamp("us")),
            "vip": pa.array(vip, pa.bool_()),
        }
    )
    columns = {
        "spend": np.array([np.nan if x is None else x for x in spend], dtype=float),
        "city": np.array([*city, None], dtype=object)[:-1],
        "day": np.array(day, dtype="datetime64[D]"),
        "moment": np.array(moment, dtype="datetime64[us]"),
        "vip": np.array([*vip, None], dtype=object)[:-1],
    }
    wanted = evaluate_segments(segments, columns, as_of=today)
    found = read(frames.segments(engine.make(table), segments, as_of=today).frame, "who")
    assert found["who"] == ids
    for segment in segments:
        assert found[segment.name] == wanted.members(segment.name).tolist(), segment


EVERY_KIND = [
    Segment("is number", (OF["spend"] > 0.1) | OF["spend"].is_missing()),
    Segment("is few", OF["spend"].is_in([0, 5]) & ~OF["spend"].between(0, 1)),
    Segment("is text", (OF["city"] != "Kyiv") & ~OF["city"].is_in(["", "it's"])),
    Segment("is day", (OF["day"] >= "2023-12-29") & (OF["moment"].days_ago < 60)),
    Segment("is month", (OF["day"].months_ago >= 2) | (OF["moment"].months_ago == 0)),
    Segment("is flag", ~OF["vip"].is_true() & ~(OF["vip"].is_missing() | (OF["spend"] < 5))),
]
EVERY_ROW = [
    (0.0, "Kyiv", dt.date(2023, 12, 30), dt.date(2024, 1, 31), 86_399, True),
    (0.1, None, None, dt.date(2024, 2, 29), 0, None),
    (None, "", dt.date(2023, 12, 29), None, 0, False),
    (5.0, "it's", dt.date(2024, 3, 1), dt.date(1969, 12, 31), 3, None),
    (1e9, "Zürich", dt.date(2023, 12, 31), dt.date(2023, 12, 31), 43_200, False),
]


class TestSegments:
    """Rules of every kind; a missing value meets no condition."""

    @each_engine
    def test_every_kind(self, engine):
        for today in (TODAY, "2024-01-30"):
            check_segments(engine, EVERY_ROW, EVERY_KIND, today)

    @one_of_the_slowest
    def test_slowest_engines(self, engine):
        check_segments(engine, EVERY_ROW, EVERY_KIND, TODAY)

    @searched
    def test_searched(self, engine):
        @few(engine)
        @given(ROWS, st.lists(rules(), min_size=1, max_size=4), TODAYS)
        def search(rows, drawn, today):
            check_segments(engine, rows, [Segment(f"s{i}", rule) for i, rule in enumerate(drawn)], today)

        search()

    @pytest.mark.parametrize("name", ["pandas", "pandas of Arrow", "Polars", "Polars, lazy", "PyArrow"])
    def test_days_are_those_of_the_zone(self, name):
        engine = next(engine for engine in ENGINES if engine.name == name)
        needs(engine)
        times = [dt.datetime(2024, 1, 31, hour, tzinfo=dt.UTC) for hour in (2, 20)]
        table = pa.table({"who": ["a", "b"], "moment": pa.array(times, pa.timestamp("us", tz="Pacific/Auckland"))})
        wanted = {"day": OF["moment"] == "2024-02-01", "month": OF["moment"].months_ago >= 1}
        found = frames.segments(engine.make(table), [Segment(*rule) for rule in wanted.items()], as_of=TODAY)
        columns = read(found.frame, "who")
        assert (columns["day"], columns["month"]) == ([False, True], [True, False])

    @searched
    def test_categories_and_decimals(self, engine):
        city, spend = ["Kyiv", None, "Ünï"], [Decimal("0.10"), Decimal("0.20"), None]
        columns = {"who": ["a", "b", "c"], "city": pa.array(city).dictionary_encode()}
        table = pa.table({**columns, "spend": pa.array(spend, pa.decimal128(9, 2))})
        rules = [Segment("other", OF["city"] != "Kyiv"), Segment("dime", OF["spend"] == 0.1)]
        found = read(frames.segments(engine.make(table), rules, as_of=TODAY).frame, "who")
        assert (found["other"], found["dime"]) == ([False, False, True], [True, False, False])

    @searched
    def test_a_flag_is_true_or_false(self, engine):
        frame = engine.make(pa.table({"who": ["a", "b"], "vip": [1, 2]}))
        error = outcome(lambda: frames.segments(frame, [Segment("s", OF["vip"].is_true())], as_of=TODAY))
        assert isinstance(error, InputError)


def grouped_table(rows):
    customer, group, worth = zip(*rows, strict=True) if rows else ((), (), ())
    return pa.table(
        {
            "who": pa.array(customer, pa.string()),
            "rfm_group": pa.array(group, pa.string()),
            "worth": pa.array(worth, pa.float64()),
        }
    )


def check_migrate(engine, before, now, *, value=True, **options):
    """Compare the movements of customers (who, group, worth) with those of arrays; give the error, if there is one."""
    then, today = ([[*column] for column in zip(*rows, strict=True)] or [[], [], []] for rows in (before, now))
    columns = {"customer_before": then[0], "customer_now": today[0]}
    if value:
        columns |= {
            name: np.array([np.nan if x is None else x for x in column], dtype=float)
            for name, column in (("value_before", then[2]), ("value_now", today[2]))
        }
    expected = outcome(lambda: migration_matrix(then[1], today[1], **columns, **options))
    made = [engine.make(grouped_table(rows)) for rows in (before, now)]
    found = outcome(lambda: frames.migrate(*made, customer="who", value="worth" if value else None, **options))
    if isinstance(expected, InputError):
        assert isinstance(found, InputError), expected
        return found
    if isinstance(found, InputError):
        raise found
    for field in attrs.fields(type(expected)):
        one, other = getattr(found.result, field.name), getattr(expected, field.name)
        if field.name.startswith("value") and other is not None:
            np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-13)
        else:
            assert np.array_equal(one, other), field.name
    wanted = expected.to_columns()
    columns = read(found.frame, next(iter(wanted)))
    assert list(columns) == list(wanted)
    assert len(columns[next(iter(wanted))]) == len(next(iter(wanted.values())))
    return None


BEFORE = [("a", "Loyal", 10.0), ("b", "Lost", 0.1), ("c", "Loyal", 7.0), ("d", "New", 1 / 3)]
NOW = [("d", "Loyal", 10.0), ("b", "Lost", 4e-16), ("c", "Lost", -7.0), ("e", "New", 0.1), ("f", "Good", 0.2)]


class TestMigrate:
    """Movements between two frames."""

    @each_engine
    def test_new_and_gone_customers(self, engine):
        check_migrate(engine, BEFORE, NOW)
        check_migrate(engine, BEFORE, NOW, value=False, states=["New", "Good", "Loyal", "Lost", "None"], level=0.5)

    @one_of_the_slowest
    def test_slowest_engines(self, engine):
        check_migrate(engine, BEFORE, NOW)

    @searched
    def test_what_is_refused(self, engine):
        for wrong in (("a", "Loyal", 1.0), ("g", None, 1.0), ("g", "", 1.0), ("g", "Loyal", None), (None, "Lost", 1.0)):
            assert check_migrate(engine, [*BEFORE, wrong], NOW) is not None, wrong
            assert check_migrate(engine, BEFORE, [*NOW, wrong, wrong]) is not None, wrong
        assert check_migrate(engine, BEFORE, NOW, states=["Loyal", "Lost"]) is not None
        assert check_migrate(engine, [], NOW) is not None
        assert check_migrate(engine, BEFORE, []) is not None

    @pytest.mark.parametrize(
        ("before", "now"),
        [
            ([1, 2, 3], [3, 4, 1]),
            ([1.0, 2.0, 3.0], [3, 4, 1]),
            ([2**53, 2**53 + 1, 3], [2**53 + 1, 3, 4]),
            (["x", "y", "z"], ["z", "x", "q"]),
            ([1, 2, 3], ["3", "4", "1"]),
            ([1, 2, None], [1, 2, 3]),
            ([True, False], [True, False]),
        ],
        ids=str,
    )
    @searched
    def test_kinds_of_identifiers(self, engine, before, now):
        columns = [np.array(ids, dtype=object if None in ids else None) for ids in (before, now)]
        labels = [["Loyal", "Lost", "New"][: len(ids)] for ids in columns]
        expected = outcome(lambda: migration_matrix(*labels, customer_before=columns[0], customer_now=columns[1]))
        made = []
        for ids, label in zip((before, now), labels, strict=True):
            texts = isinstance(ids[0], str)
            customer = pa.array(ids).dictionary_encode() if texts else pa.array(ids)
            made.append(engine.make(pa.table({"who": customer, "rfm_group": pa.array(label).dictionary_encode()})))
        found = outcome(lambda: frames.migrate(*made, customer="who"))
        if isinstance(expected, InputError):
            assert isinstance(found, InputError)
            assert found.name == expected.name.removeprefix("customer_")
        else:
            assert found.result == expected

    @searched
    def test_kinds_of_columns(self, engine):
        table = pa.table({"who": [1, 2], "rfm_group": [4, 5], "text": ["a", "b"]})
        frame = engine.make(table)
        for options in ({}, {"group": "text", "value": "text"}):
            error = outcome(functools.partial(frames.migrate, frame, frame, customer="who", **options))
            assert isinstance(error, InputError)

    def test_windows_are_those_of_the_scores(self):
        customers = pa.table({"who": [1, 2], "days_since_last": [5, 90], "n_purchases": [4, 1], "total_spend": [9, 2]})
        all_time, recent = (frames.rfm(customers, spend_basis="total", window=window) for window in (None, 180))
        for before, now, windows in (
            (all_time, all_time, ("all", "all")),
            (recent, all_time, (180, "all")),
            (recent, recent, (180, 180)),
            (recent, all_time.frame, (None, None)),
        ):
            moved = frames.migrate(before, now, customer="who").result
            assert (moved.window_before, moved.window_now) == windows
        assert "by construction" in frames.migrate(recent, all_time, customer="who").result.statements()[-1]
        told = frames.migrate(recent, all_time, customer="who", window_before=90, window_now=90).result
        assert told.window_now == 90

    def test_scores_of_other_break_points_are_not_said_to_be_comparable(self):
        customers = {"who": [1, 2], "days_since_last": [5, 90], "n_purchases": [4, 1], "total_spend": [9, 2]}
        first, second = pa.table(customers), pa.table(customers | {"total_spend": [90, 20]})
        before, own = (frames.rfm(table, spend_basis="total", window=180) for table in (first, second))
        assert "no windows are given" in frames.migrate(before, own, customer="who").result.caution
        shared = frames.rfm(second, breaks=before.breaks, window=180)
        assert frames.migrate(before, shared, customer="who").result.caution == ""
        of_all_time = (frames.rfm(table, spend_basis="total") for table in (first, second))
        assert "only rise" in frames.migrate(*of_all_time, customer="who").result.caution

    @searched
    def test_searched(self, engine):
        name = st.sampled_from(("Loyal", "Lost", " New", "Ünï"))
        money = st.none() | st.sampled_from((0.1, 0.2, 1e-12, -3.0, 1e15, 4e-16))
        one = st.tuples(st.sampled_from(("a", "b", "c", "d", " ", "é")), name | st.none(), money)
        good = st.tuples(st.sampled_from(("a", "b", "c", "d", "é")), name, money.filter(lambda x: x is not None))
        side = st.lists(good, min_size=1, max_size=6, unique_by=lambda row: row[0]) | st.lists(one, max_size=4)

        @few(engine)
        @given(side, side, st.booleans())
        def search(before, now, value):
            check_migrate(engine, before, now, value=value)

        search()
