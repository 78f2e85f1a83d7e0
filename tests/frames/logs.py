"""Order logs of every kind as Arrow tables, and what the functions of arrays make of them."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
from hypothesis import settings

from crmvalue import frames
from crmvalue.errors import InputError
from crmvalue.purchases import split_purchases, summarise_purchases
from tests.frames.engines import ENGINES, read

__all__ = [
    "AMOUNTS",
    "DATES",
    "IDS",
    "SEARCHED",
    "arrays",
    "assert_close",
    "compare",
    "few",
    "make_log",
    "outcome",
    "table_of",
]

SEARCHED = [engine for engine in ENGINES if engine.name in {"pandas", "Polars, lazy", "PyArrow", "DuckDB"}]
"""Engines of each way to read a frame, for searches of small data."""

ZONE = "Pacific/Auckland"  # 11 to 13 hours from UTC: nearly every day is another one

IDS = {
    "text": (pa.string(), lambda n: f" Ünï-{n}'"),
    "number": (pa.int64(), lambda n: 2**40 + n),
    "category": (pa.dictionary(pa.int32(), pa.string()), lambda n: f"kind {n}"),
}
DATES = {
    "date": (pa.date32(), lambda day, _: day),
    "time": (pa.timestamp("us"), lambda day, second: dt.datetime.combine(day, dt.time()) + dt.timedelta(0, second, 7)),
    "seconds": (pa.timestamp("s"), lambda day, second: dt.datetime.combine(day, dt.time()) + dt.timedelta(0, second)),
    "zone": (
        pa.timestamp("us", tz=ZONE),
        lambda day, second: dt.datetime.combine(day, dt.time(), dt.UTC) + dt.timedelta(0, second),
    ),
}
AMOUNTS = {
    "cents": (pa.float64(), [20.0, 19.99, 0.01, 7.5, -7.5, -20.0, -0.01, 0.0, 4e-16, -4e-16]),
    "parts": (pa.float64(), [1 / 3, 2 / 3, 19.999, 1e-5, -1 / 3, -2 / 3, 0.0, 1e-12]),
    "large": (pa.float64(), [1e15, 9.9e14, 1e6, 12.34, 0.0]),
    "round": (pa.float64(), [1e15, 5e14, 2.5e14, -1e15, -5e14, -2.5e14, 0.0]),  # engines take refunds off running sums
    "decimal": (pa.decimal128(12, 2), [Decimal("20.00"), Decimal("19.99"), Decimal("-7.50"), Decimal("0.00")]),
    "whole": (pa.int64(), [20, 19, 3, -3, 0]),
    "short": (pa.float32(), [20.5, 19.25, -7.5, 0.0]),
}


def table_of(rows, ids="text", dates="date", amounts="cents"):
    """Make a table of rows (customer, day, second, amount), each of them None where it is missing."""
    start = dt.date(2023, 12, 28)
    customer, day, second, amount = zip(*rows, strict=True) if rows else ((), (), (), ())
    id_type, name = IDS[ids]
    date_type, moment = DATES[dates]
    amount_type, values = AMOUNTS[amounts]
    times = [None if d is None else moment(start + dt.timedelta(d), s) for d, s in zip(day, second, strict=True)]
    return pa.table(
        {
            "who": pa.array([None if n is None else name(n) for n in customer], id_type),
            "day": pa.array(times, date_type),
            "paid": pa.array([None if n is None else values[n % len(values)] for n in amount], amount_type),
        }
    )


def make_log(seed, n_customers=60, *, ids="text", dates="date", amounts="cents", gaps=True, back=True):
    """Draw a log with copies of rows and, where asked for, with gaps and with money that is not above 0."""
    rng = np.random.default_rng(seed)
    good = [i for i, value in enumerate(AMOUNTS[amounts][1]) if back or value > 1e-6]
    rows = []
    for n in range(n_customers):
        for _ in range(rng.geometric(0.3)):
            row = [n, int(rng.integers(0, 90)), int(rng.integers(0, 86_400)), int(rng.choice(good))]
            if gaps and rng.random() < 0.1:
                row[int(rng.choice([0, 1, 3]))] = None
            rows.extend([row] * (1 + (rng.random() < 0.1)))
    return table_of([rows[i] for i in rng.permutation(len(rows))], ids, dates, amounts)


def arrays(table):
    """Give the columns of a table as the functions of arrays take them; times are those of the clock on the wall."""
    zone = getattr(table.schema.field("day").type, "tz", None)
    times = table["day"].to_pylist()
    if zone:
        times = [None if time is None else time.astimezone(ZoneInfo(zone)).replace(tzinfo=None) for time in times]
    paid = [np.nan if value is None else float(value) for value in table["paid"].to_pylist()]
    return (
        np.array([*table["who"].to_pylist(), None], dtype=object)[:-1],
        np.array(times, dtype="datetime64[us]"),
        np.array(paid, dtype=np.float64),
    )


def few(engine):
    """Give a number of examples for a few seconds of search."""
    return settings(max_examples=12 if engine.package == "duckdb" else 40)


def outcome(run):
    """Give what a call returns, or the error that it raises."""
    try:
        return run()
    except InputError as error:
        return error


def assert_close(found, expected, rtol=1e-12):
    """Compare columns of numbers, missing values equal to NaN."""
    for name, column in expected.items():
        numbers = np.array([np.nan if value is None else value for value in found[name]], dtype=np.float64)
        np.testing.assert_allclose(numbers, np.asarray(column, dtype=np.float64), rtol=rtol, atol=1e-13, err_msg=name)


def compare(engine, table, call="summarise", **options):
    """Compare a call on the frame of an engine with the same call on arrays: the result, its counts, or its error."""
    on_arrays, on_frames = {
        "summarise": (summarise_purchases, frames.summarise),
        "split": (split_purchases, frames.split),
    }[call]
    expected = outcome(lambda: on_arrays(*arrays(table), **options))
    frame = engine.make(table)
    found = outcome(lambda: on_frames(frame, customer="who", date="day", amount="paid", **options))
    if isinstance(expected, InputError):
        if not isinstance(found, InputError) and "no purchase" in str(expected.value):
            assert options["refunds"] == "net"  # what refunds leave is known only to who asks for the customers
            assert read(found.frame, "who")["who"] == []
            return
        assert isinstance(found, InputError), expected
        assert found.name == expected.name, (found, expected)
        return
    if isinstance(found, InputError):
        raise found
    columns = read(found.frame, "who")
    wanted = expected.to_columns()
    names = wanted.pop("customer").tolist()
    order = sorted(range(len(names)), key=names.__getitem__)
    assert columns.pop("who") == [names[i] for i in order]
    assert list(columns) == list(wanted)
    assert_close(columns, {name: np.asarray(column)[order] for name, column in wanted.items()})
    history = expected if call == "summarise" else expected.calibration
    assert (found.as_of, found.time_unit) == (history.as_of, history.time_unit)
    names = ["n_rows", "n_purchase_rows", "n_missing", "n_residues", "n_refunds_netted", "n_refunds_dropped"]
    names.append("n_duplicates_dropped")
    counted = [(found.counts, history.counts)]
    if call == "split":
        counted.append((found.holdout_counts, expected.holdout_counts))
    for counts, others in counted:
        assert [getattr(counts, name) for name in names] == [getattr(others, name) for name in names]
