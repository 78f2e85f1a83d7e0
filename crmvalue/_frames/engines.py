"""What differs between engines: reading, collecting, and bringing a small table to where the data are."""

from __future__ import annotations

import datetime as dt
import operator
import shutil
import tempfile
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from crmvalue._core.encoding.indexes import part_of
from crmvalue._core.frames import make_frame
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import narwhals as nw
    import numpy.typing as npt

__all__ = [
    "Arrays",
    "as_frame",
    "collect",
    "divider",
    "flag",
    "from_columns",
    "ignores_case",
    "in_engine",
    "is_known",
    "is_whole",
    "join_rows",
    "native",
    "need_window",
    "time_kind",
    "total",
    "upload",
    "with_columns",
    "with_epoch",
    "with_local_clock",
]

Frame: TypeAlias = Any
"""An eager frame of narwhals; what engines need of it differs."""

Arrays: TypeAlias = dict[str, "npt.NDArray[Any]"]
"""Columns of one length by name."""

_KINDS = "a dataframe: pandas, Polars, PyArrow, DuckDB, Ibis, SQLFrame, Dask or Spark"
_TWO_53 = 2.0**53
_LOOKUP = "crmvalue_rows"
_ROW = "_crmvalue_row"


def as_frame(name: str, value: Any) -> nw.DataFrame[Any] | nw.LazyFrame[Any]:
    """Take a dataframe of any kind, eager or lazy."""
    import narwhals as nw

    if isinstance(value, nw.DataFrame | nw.LazyFrame):
        return value
    try:
        frame = nw.from_native(value)
    except (TypeError, ValueError) as error:  # narwhals refuses what is no frame, and pandas' names that come twice
        if part_of(part_of(value, "columns"), "is_unique", True):
            raise InputError(name, _KINDS, type(value).__name__) from error
        twice = value.columns[value.columns.duplicated()]
        raise InputError(name, "a frame whose columns have different names", twice[0]) from error
    if not isinstance(frame, nw.DataFrame | nw.LazyFrame):
        raise InputError(name, _KINDS, type(value).__name__)
    return frame


def lazy_or_none(frame: nw.DataFrame[Any] | nw.LazyFrame[Any]) -> nw.LazyFrame[Any] | None:
    """Give a lazy frame; None for one in memory."""
    import narwhals as nw

    return frame if isinstance(frame, nw.LazyFrame) else None


def in_engine(frame: nw.DataFrame[Any] | nw.LazyFrame[Any]) -> nw.LazyFrame[Any] | None:
    """Give the frame for work in its own engine; None for one whose columns go through the functions of arrays."""
    import narwhals as nw

    if isinstance(frame, nw.LazyFrame):
        return frame
    return frame.lazy() if frame.implementation is nw.Implementation.POLARS else None


def ignores_case(frame: nw.DataFrame[Any] | nw.LazyFrame[Any]) -> bool:
    """Whether the engine takes names that differ in capitals alone for the same, as those that speak SQL do."""
    import narwhals as nw

    exact = {nw.Implementation.POLARS, nw.Implementation.DASK}
    return isinstance(frame, nw.LazyFrame) and frame.implementation not in exact


def native(frame: nw.DataFrame[Any] | nw.LazyFrame[Any], like: nw.DataFrame[Any] | nw.LazyFrame[Any]) -> Any:
    """Give a frame of the user's own kind: lazy stays lazy, and what was eager is computed."""
    import narwhals as nw

    if isinstance(frame, nw.LazyFrame) and isinstance(like, nw.DataFrame):
        frame = frame.collect()
    return frame.to_native()


def collect(frame: nw.LazyFrame[Any]) -> Arrays:
    """Bring a small table into memory: distinct rows, or counts. Missing numbers become NaN."""
    table = frame.collect()
    columns = {}
    for name in table.columns:  # one copy of each column at a time
        columns[name] = table[name].to_numpy()
        table = table.drop(name)
    return columns


def flag(kind: nw.Expr) -> nw.Expr:
    """Write a condition as 1 or 0, to be summed; missing is 0."""
    import narwhals as nw

    return nw.when(kind).then(nw.lit(1)).otherwise(nw.lit(0)).cast(nw.Int64)


def total(column: npt.NDArray[Any]) -> int:
    """Read a sum of whole numbers, which some engines give as decimals, or as nothing of no rows."""
    return int(column.sum() if column.dtype.kind in "iu" else np.nansum(np.asarray(column, dtype=np.float64)))


def is_known(column: str) -> nw.Expr:
    """Whether a number is neither null nor NaN; engines differ in which of them they use."""
    import narwhals as nw

    value = nw.col(column).cast(nw.Float64())
    return ~value.is_null() & ~value.is_nan()


def is_whole(number: nw.Expr) -> nw.Expr:
    """Whether a float is a whole number below 2**53; larger ones are kept from an engine that rounds to integers."""
    import narwhals as nw

    small = nw.when(number.abs() < _TWO_53).then(number).otherwise(nw.lit(0.5)).cast(nw.Float64)
    return small == small.floor()


def divider(frame: nw.LazyFrame[Any]) -> Callable[[nw.Expr, Any], nw.Expr]:
    """Give the division of an engine.

    Over Spark Connect, servers other than Spark divide no floats as it is asked. Polars multiplies by the inverse of a
    single number, so 33,440 cents become 334.40000000000003; by a column it divides.
    """
    import narwhals as nw

    def by_power(number: nw.Expr, divisor: Any) -> nw.Expr:
        quotient: nw.Expr = number * divisor**-1.0
        return quotient

    def by_column(number: nw.Expr, divisor: Any) -> nw.Expr:
        quotient: nw.Expr = number / (divisor if isinstance(divisor, nw.Expr) else number - number + divisor)
        return quotient

    own = {nw.Implementation.PYSPARK_CONNECT: by_power, nw.Implementation.POLARS: by_column}
    return own.get(frame.implementation, operator.truediv)


def need_window(frame: nw.LazyFrame[Any], name: str, value: object, instead: str) -> None:
    """Refuse what needs a running sum in the order of time, where the engine has none."""
    import narwhals as nw

    if frame.implementation is nw.Implementation.DASK:
        rule = "something else on a Dask frame, since Dask has no sums in the order of time"
        raise InputError(name, rule, value, hint=f"{instead}, or compute() the frame first")


def time_kind(frame: nw.LazyFrame[Any], time: str) -> Any:
    """Give the type of a column of times.

    The engine is asked where narwhals knows no zone of pandas with a sign beside letters, as New_York, or keeps the
    first zone of a session of Spark; so is DuckDB behind Ibis, which takes any zone of the session for UTC.
    """
    import narwhals as nw

    kind = frame.collect_schema()[time]
    if isinstance(kind, nw.Datetime) and kind.time_zone is not None and frame.implementation.is_spark_like():
        session = getattr(frame.to_native(), "sparkSession", None)
        kind = kind if session is None else nw.Datetime("us", session.conf.get("spark.sql.session.timeZone"))
    if isinstance(kind, nw.Datetime) and kind.time_zone == "UTC" and _is_duckdb_in_ibis(frame):
        asked = frame.to_native().get_backend().raw_sql("select current_setting('TimeZone')")
        kind = nw.Datetime("us", asked.fetchall()[0][0])
    if frame.implementation is nw.Implementation.DASK:
        found = frame.to_native().dtypes[time]
        zone = getattr(getattr(found, "pyarrow_dtype", found), "tz", None)
        kind = kind if zone is None else nw.Datetime("us", str(zone))
    return kind


def _is_duckdb_in_ibis(frame: nw.LazyFrame[Any]) -> bool:
    import narwhals as nw

    return frame.implementation is nw.Implementation.IBIS and frame.to_native().get_backend().name == "duckdb"


def with_local_clock(frame: nw.LazyFrame[Any], time: str, instant: str) -> nw.LazyFrame[Any]:
    """Give times of Dask as the clock of their zone shows them: narwhals knows no zone with a sign, as New_York.

    The clock shows one hour of the year twice, so the column `instant` has the times of UTC beside it.
    """
    import narwhals as nw

    if frame.implementation is not nw.Implementation.DASK or getattr(time_kind(frame, time), "time_zone", None) is None:
        return frame
    native_frame = frame.to_native()
    zoned = native_frame[time]
    clocks = {time: zoned.dt.tz_localize(None), instant: zoned.dt.tz_convert("UTC").dt.tz_localize(None)}
    found: nw.LazyFrame[Any] = nw.from_native(native_frame.assign(**clocks))
    return found


def with_epoch(frame: nw.LazyFrame[Any], time: str, name: str) -> nw.LazyFrame[Any]:
    """Add the microseconds since 1970, in UTC, of a column of times with a time zone.

    Each engine counts them itself: what it shows of such times is a clock of the zone, which goes back once a year.
    """
    import narwhals as nw

    engine, native_frame = frame.implementation, frame.to_native()
    found: nw.LazyFrame[Any]
    if engine is nw.Implementation.DUCKDB:
        import duckdb

        micros = duckdb.FunctionExpression("epoch_us", duckdb.ColumnExpression(time)).alias(name)
        found = nw.from_native(native_frame.select(duckdb.StarExpression(), micros))
    elif _is_duckdb_in_ibis(frame):  # whose seconds are those of the clock of the session
        start = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
        found = nw.from_native(native_frame.mutate(**{name: native_frame[time].delta(start, unit="microsecond")}))
    elif engine is nw.Implementation.IBIS:
        column = native_frame[time]  # its seconds are rounded, not cut
        micros = column.truncate("s").epoch_seconds().cast("int64") * 1_000_000 + column.microsecond()
        found = nw.from_native(native_frame.mutate(**{name: micros}))
    elif engine is nw.Implementation.SQLFRAME:
        from sqlframe.base import functions

        found = nw.from_native(native_frame.withColumn(name, functions.unix_micros(functions.col(time))))
    elif engine in {nw.Implementation.PYSPARK, nw.Implementation.PYSPARK_CONNECT}:  # whose whole numbers are seconds
        moment = nw.col(time)
        found = frame.with_columns((moment.cast(nw.Int64) * 1_000_000 + moment.dt.microsecond()).alias(name))
    else:
        if engine is nw.Implementation.DASK:
            frame = nw.from_native(native_frame.assign(**{time: native_frame[time].dt.tz_convert("UTC")}))
        found = frame.with_columns(nw.col(time).dt.timestamp("us").alias(name))
    return found


def from_columns(columns: Mapping[str, npt.NDArray[Any]], like: Frame) -> nw.DataFrame[Any]:
    """Make an eager frame of the kind of another one."""
    return _with_nulls(columns, like.implementation.value)


def _with_nulls(columns: Mapping[str, npt.NDArray[Any]], backend: str) -> nw.DataFrame[Any]:
    """Make an eager frame. A number that does not exist is null where there are nulls."""
    import narwhals as nw

    frame = make_frame(columns, backend)
    gaps = [name for name, column in columns.items() if column.dtype.kind == "f" and np.isnan(column).any()]
    if backend == "pandas" or not gaps:
        return frame
    return frame.with_columns(*(nw.when(~nw.col(name).is_nan()).then(nw.col(name)).alias(name) for name in gaps))


def with_columns(frame: Frame, columns: Mapping[str, npt.NDArray[Any]]) -> nw.DataFrame[Any]:
    """Add columns whose rows are those of the frame, in its order and with its index."""
    import narwhals as nw

    made = from_columns(columns, frame)
    if frame.implementation is nw.Implementation.PANDAS:
        assigned = frame.to_native().assign(**{name: made[name].to_numpy() for name in columns})
        wrapped: nw.DataFrame[Any] = nw.from_native(assigned)
        return wrapped
    wider: nw.DataFrame[Any] = frame.with_columns(*(made[name] for name in columns))
    return wider


def join_rows(frame: nw.LazyFrame[Any], table: Arrays, keys: Sequence[str]) -> nw.LazyFrame[Any]:
    """Join what was computed once for each distinct row back to all rows; Polars is told to leave them in order."""
    import narwhals as nw

    kept = [name for name in frame.collect_schema().names() if name not in table or name in keys]
    rows, found = frame.select(kept), upload(table, frame)
    ours, theirs = rows.collect_schema(), found.collect_schema()
    on = {name: name if ours[name] == theirs[name] else f"_crmvalue_{name}" for name in keys}
    cast = {name: made for name, made in on.items() if name != made}
    if cast:  # not all engines compare a whole number or a decimal with a float
        rows = rows.with_columns(*(nw.col(name).cast(theirs[name]).alias(made) for name, made in cast.items()))
        found = found.rename(cast)
    if frame.implementation is not nw.Implementation.POLARS:
        joined = rows.join(found, on=list(on.values()), how="left")
    else:
        row = nw.struct(*on.values()).alias(_ROW)  # one key keeps the order in half the time of several
        options: Any = {"on": _ROW, "how": "left", "maintain_order": "left"}
        left, right = rows.with_columns(row).to_native(), found.with_columns(row).drop(*on.values()).to_native()
        joined = nw.from_native(left.join(right, **options)).drop(_ROW)
    return joined.drop(*cast.values()) if cast else joined


def upload(columns: Arrays, like: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """Bring a small table to the engine of a frame, into the same session."""
    import narwhals as nw

    engine, frame = like.implementation, like.to_native()
    if engine is nw.Implementation.POLARS:
        return _with_nulls(columns, "polars").lazy()
    if engine is nw.Implementation.DASK:
        return make_frame(columns, "pandas").lazy("dask")
    table = _with_nulls(columns, "pyarrow")
    if engine is nw.Implementation.DUCKDB:
        return _upload_to_duckdb(frame, table.to_native())
    if engine is nw.Implementation.IBIS:
        return table.lazy("ibis")
    if engine is nw.Implementation.SQLFRAME:
        return _upload_to_sqlframe(frame.session, table)
    return table.lazy(engine, session=frame.sparkSession)


def _upload_to_duckdb(relation: Any, crmvalue_uploaded_rows: Any) -> nw.LazyFrame[Any]:  # noqa: ARG001 - in the query
    """Query an Arrow table in the connection of a relation; DuckDB finds the table by the name of the variable.

    A table of the user with this name would be found first, so the name is one that nobody has.
    """
    import duckdb
    import narwhals as nw

    try:
        made = relation.query(_LOOKUP, "select * from crmvalue_uploaded_rows")
    except duckdb.CatalogException as error:
        hint = "set python_enable_replacements = true in the connection"
        rule = "of a connection that may read Arrow tables"
        raise InputError("customers", rule, "one that may not", hint=hint) from error
    found: nw.LazyFrame[Any] = nw.from_native(made)
    return found


def _upload_to_sqlframe(session: Any, table: nw.DataFrame[Any]) -> nw.LazyFrame[Any]:
    """Hand over a file: SQLFrame writes each value of a table into the query, which takes minutes for a large one."""
    import narwhals as nw

    folder = tempfile.mkdtemp()
    weakref.finalize(session, shutil.rmtree, folder, ignore_errors=True)
    path = str(Path(folder, "rows.parquet"))
    table.write_parquet(path)
    found: nw.LazyFrame[Any] = nw.from_native(session.read.parquet(path))
    return found
