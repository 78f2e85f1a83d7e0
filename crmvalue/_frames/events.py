"""Funnels from a frame of events; :mod:`crmvalue.frames` is the public door."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from crmvalue._core.checks import as_time, require_choice
from crmvalue._frames.columns import TIMES, find_customer, find_named, require_name, require_present
from crmvalue._frames.customers import FrameResult
from crmvalue._frames.engines import as_frame, collect, flag, from_columns, native, time_kind, total, upload, with_epoch
from crmvalue._frames.log import offset_at, utc_time, zone_of
from crmvalue._frames.orders import WHOLE, day_number, is_named, no_id, require_ids
from crmvalue._funnels.counts import stage_columns, to_all_stages
from crmvalue._funnels.steps import as_window, read_steps
from crmvalue.errors import InputError
from crmvalue.funnels import FunnelConversion, funnel_from_events

if TYPE_CHECKING:
    import narwhals as nw

    from crmvalue.typing import ArrayLike

__all__ = ["funnel"]

_EVENTS = ("event", "event_name", "event_type", "action", "activity", "stage", "step")
_COLLECT = "collect the events of the customers in question first"
_DAY = 86_400e6  # microseconds
_IN_ENGINE = {"order": "ordered", "reentry": "first", "repeats": "end", "ties": "steps", "belongs_to": "entry"}


def funnel(
    events: Any,
    *,
    steps: Any,
    as_of: ArrayLike,
    customer: str | None = None,
    event: str | None = None,
    time: str | None = None,
    by: str | None = None,
    window: Any = None,
    order: str = "ordered",
    reentry: str = "first",
    repeats: str = "end",
    exclude: Any = (),
    ties: str = "steps",
    duplicates: str = "keep",
    belongs_to: str = "entry",
    absent: str = "error",
) -> FrameResult:
    """Follow the customers of a frame of events through the steps of a funnel.

    Parameters
    ----------
    events : DataFrame or LazyFrame
        One row per event.
    steps, as_of, window, order, reentry, repeats, exclude, ties, duplicates, belongs_to, absent
        As in :func:`crmvalue.funnels.funnel_from_events`.
    customer, event, time : str, optional
        Names of the columns; by default they are guessed from their headings.
    by : str, optional
        Column of a value of each event to break down by.

    Returns
    -------
    FrameResult
        A table with one row per stage: `stage`, `entered`, `converted`, `lost`, `open`, `matured` and
        `step_conversion`; with `by` one row per group and stage, and the column `group`. The `result` is a
        :class:`crmvalue.funnels.EventFunnel`. Of a lazy frame, no attempt came into memory; the `result` is then the
        :class:`crmvalue.funnels.FunnelConversion` of the matured attempts, and None without a window or without such
        attempts.

    Raises
    ------
    InputError
        As :func:`crmvalue.funnels.funnel_from_events`. Of a lazy frame, the engine follows first attempts through
        ordered steps with different events; for anything else, and for `by`, collect the events first.

    Notes
    -----
    Times with a time zone are put on one clock, which is that of their zone at `as_of`. So the time between two events
    is the time that has passed, also where the clocks changed in between, in each engine. In engines that keep no zone
    with a column (DuckDB, Spark), the zone is that of the session.

    Examples
    --------
    >>> import pandas as pd
    >>> events = pd.DataFrame(
    ...     {
    ...         "customer": [1, 1, 2],
    ...         "event": ["lead", "deal", "lead"],
    ...         "time": pd.to_datetime(["2024-01-01", "2024-01-05", "2024-01-02"]),
    ...     }
    ... )
    >>> passed = funnel(events, steps=["lead", "deal"], as_of="2024-03-01", window=30)
    >>> passed.frame[["stage", "entered", "lost", "step_conversion"]]
      stage  entered  lost  step_conversion
    0  lead        2     1              0.5
    1  deal        1     0              NaN
    """
    import narwhals as nw

    frame = as_frame("events", events)
    who = find_customer("events", frame, customer)
    what = find_named("events", frame, "event", event, _EVENTS)
    when = find_named("events", frame, "time", time, TIMES)
    roles = {"customer": who, "event": what, "time": when}
    if by is not None:
        require_name("by", by)
        require_present("events", frame, (by,), "name the column to break down by")
        roles["by"] = by
    options: dict[str, Any] = {
        "order": order, "reentry": reentry, "repeats": repeats, "ties": ties, "belongs_to": belongs_to,
    }  # fmt: skip
    lazy = frame if isinstance(frame, nw.LazyFrame) else None
    result: Any
    if lazy is None:
        arrays = {role: frame[name].to_native() for role, name in roles.items()}
        arrays["time"] = _on_one_clock(frame[when], as_of).to_native()
        checked: dict[str, Any] = {
            **options, "window": window, "exclude": exclude, "duplicates": duplicates, "absent": absent,
        }  # fmt: skip
        result = funnel_from_events(**arrays, steps=steps, as_of=as_of, **checked)
        table: Any = from_columns(result.to_columns(), frame)
    else:
        _require_plain({**options, "by": by})
        require_choice("duplicates", duplicates, ("keep", "drop"))  # a copy of an event changes no first attempt
        require_choice("absent", absent, ("error", "allow"))
        course = _read_steps(steps, exclude, window, as_of)
        counts = _follow(lazy, roles, course, allow_absent=absent == "allow")
        table = upload(counts, lazy)
        matured = counts["matured"]
        result = None
        if window is not None and matured[0]:
            result = FunnelConversion(counts=matured, stages=course.stages)
    guessed = tuple(role for role, asked in (("customer", customer), ("event", event), ("time", time)) if asked is None)
    return FrameResult(frame=native(table, frame), result=result, columns=roles, guessed=guessed)


def _on_one_clock(column: Any, as_of: ArrayLike) -> Any:
    """Give times without their zone, by its clock at `as_of`, so that their differences are times that passed."""
    zone = zone_of(column)
    if zone is None:
        return column
    return utc_time(column) + dt.timedelta(seconds=offset_at(zone, as_time("as_of", as_of)))


class _Course(NamedTuple):
    """Stages, the events that open each, the events that end an attempt, the window and the end [microseconds]."""

    stages: tuple[str, ...]
    opening: list[list[Any]]
    closing: list[Any]
    window: float | None
    as_of: float


def _require_plain(options: dict[str, Any]) -> None:
    """Refuse what needs the events of each customer one by one."""
    for name, value in options.items():
        plain = _IN_ENGINE.get(name)
        if value != plain:
            raise InputError(name, f"{plain!r} for a lazy frame", value, hint=_COLLECT)


def _read_steps(steps: Any, exclude: Any, window: Any, as_of: ArrayLike) -> _Course:
    read = read_steps(steps, exclude, "ordered")
    opening: list[list[Any]] = [[] for _ in read.stages]
    for item, of in read.parts.items():
        if len(of) > 1:
            raise InputError("steps", "of different events for a lazy frame", item, hint=_COLLECT)
        opening[of[0]].append(item)
    length = as_window("window", window)
    end = as_time("as_of", as_of).astype("datetime64[us]").astype(np.int64)
    return _Course(read.stages, opening, list(read.closing), None if length is None else float(length), float(end))


def _follow(lazy: nw.LazyFrame[Any], roles: dict[str, str], course: _Course, *, allow_absent: bool) -> dict[str, Any]:
    """Find the first attempt of each customer: the earliest event of each step that is not before the last step."""
    import narwhals as nw

    rows = _read_events(lazy, roles, course, allow_absent=allow_absent)
    time = nw.col("_time")

    def earliest(names: list[Any], since: nw.LazyFrame[Any], column: str, after: str) -> nw.LazyFrame[Any]:
        found = rows.filter(nw.col("_event").is_in(names)).join(since, on="_who", how="inner")
        found = found.filter(time >= nw.col(after))
        if course.window is not None:
            found = found.filter(time <= nw.col("_t0") + course.window)
        if course.closing and column != "_closed":
            found = found.filter(nw.col("_closed").is_null() | (time <= nw.col("_closed")))
        return since.join(found.group_by("_who").agg(time.min().alias(column)), on="_who", how="left")

    entries = rows.filter(nw.col("_event").is_in(course.opening[0]))
    attempts = entries.group_by("_who").agg(time.min().alias("_t0"))
    if course.closing:
        attempts = earliest(course.closing, attempts, "_closed", "_t0")
    for step, names in enumerate(course.opening[1:], start=1):
        attempts = earliest(names, attempts, f"_t{step}", f"_t{step - 1}")
    reached = nw.lit(1).cast(nw.Int64)
    for step in range(1, len(course.stages)):
        reached = reached + flag(~nw.col(f"_t{step}").is_null())
    matured = nw.lit(0).cast(nw.Int64)
    if course.window is not None:
        matured = flag(nw.col("_t0") + course.window <= course.as_of)
    over = flag(~nw.col("_closed").is_null()) if course.closing else nw.lit(0).cast(nw.Int64)
    attempts = attempts.with_columns(reached.alias("_reached"), matured.alias("_matured"), over.alias("_over"))
    table = collect(attempts.group_by("_reached", "_matured", "_over").agg(nw.len().alias("_n")))
    columns = {name: np.asarray(column, dtype=np.int64) for name, column in table.items()}
    last, n = columns["_reached"] - 1, columns["_n"]
    k = len(course.stages)
    won = last == k - 1
    lost = ((columns["_matured"] == 1) | (columns["_over"] == 1)) & ~won

    def at_last(which: Any) -> Any:
        return np.bincount(last[which], n[which], minlength=k).astype(np.int64)

    def reached_by(which: Any) -> Any:
        return at_last(which)[::-1].cumsum()[::-1]

    entered, ripe = reached_by(n >= 0), reached_by(columns["_matured"] == 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = ripe[1:] / ripe[:-1]
    return stage_columns(
        course.stages, None, entered=entered, converted=np.append(entered[1:], entered[-1]), lost=at_last(lost),
        open=at_last(~lost & ~won), matured=ripe, step_conversion=to_all_stages(share, np.nan),
    )  # fmt: skip


def _read_events(
    lazy: nw.LazyFrame[Any], roles: dict[str, str], course: _Course, *, allow_absent: bool
) -> nw.LazyFrame[Any]:
    """Give the events of the funnel until its end: "_who", "_event", and "_time" in microseconds."""
    import narwhals as nw

    schema = lazy.collect_schema()
    who, words = schema[roles["customer"]], schema[roles["event"]]
    require_ids(roles["customer"], who)
    event, are_texts = nw.col(roles["event"]), isinstance(words, nw.String | nw.Categorical | nw.Enum)
    if not (are_texts or words.is_integer()):
        raise InputError("event", f"texts or whole numbers in column {roles['event']!r}", str(words))
    if are_texts:
        event = event.cast(nw.String)
    wanted = {"steps": [item for items in course.opening for item in items], "exclude": course.closing}
    for name, items in wanted.items():
        strange = [item for item in items if isinstance(item, str) is not are_texts]
        if strange:
            raise InputError(name, f"events as in column {roles['event']!r}, of type {words}", strange[0])
    kind = time_kind(lazy, roles["time"])
    if not isinstance(kind, nw.Date | nw.Datetime):
        hint = "cast the column first, so that the engine knows the form of its dates"
        raise InputError("time", f"dates or times in column {roles['time']!r}", str(kind), hint=hint)
    columns = {"_who": nw.col(roles["customer"]), "_event": event, "_time": nw.col(roles["time"])}
    rows = _in_microseconds(lazy.select(**columns), kind, course.as_of)
    _refuse_gaps(rows, who, words)
    if not allow_absent:
        named = [item for items in wanted.values() for item in items]
        found = collect(rows.filter(nw.col("_event").is_in(named)).select("_event").unique(["_event"]))["_event"]
        seen = set(found.tolist())
        for name, items in wanted.items():
            absent = [item for item in items if item not in seen]
            if absent:
                hint = 'misspelt? absent="allow" takes an event that has not happened yet'
                raise InputError(name, "events of the log", absent[0], hint=hint)
    return rows.filter(nw.col("_time") <= course.as_of)


def _in_microseconds(rows: nw.LazyFrame[Any], kind: Any, as_of: float) -> nw.LazyFrame[Any]:
    """Give "_time" as microseconds since 1970; times with a zone stand on its clock at `as_of`."""
    import narwhals as nw

    if isinstance(kind, nw.Datetime) and kind.time_zone is not None:
        ahead = offset_at(kind.time_zone, np.datetime64(int(as_of), "us"))
        since = nw.col("_moment").cast(nw.Float64) + ahead * 1e6
        return with_epoch(rows, "_time", "_moment").select("_who", "_event", since.alias("_time"))
    when = nw.col("_time")
    moment = day_number(when) * _DAY
    if isinstance(kind, nw.Datetime):
        part = when.dt
        second = (part.hour().cast(nw.Float64) * 60.0 + part.minute().cast(nw.Float64)) * 60.0
        second = second + part.second().cast(nw.Float64)
        moment = moment + second * 1e6 + part.microsecond().cast(nw.Float64)
    return rows.with_columns(moment.alias("_time"))


def _refuse_gaps(rows: nw.LazyFrame[Any], who: Any, words: Any) -> None:
    """Refuse events without a customer, a name or a time, and customers who are no identifiers."""
    import narwhals as nw

    gaps = {"_event": ~is_named(nw.col("_event"), words), "_time": nw.col("_time").is_null()}
    gaps["_who"] = ~is_named(nw.col("_who"), who)
    odd_id = no_id(rows)
    if odd_id is not None:
        gaps["_odd_id"] = odd_id
    flags = rows.select(*(flag(gap).alias(name) for name, gap in gaps.items()))
    missing = collect(flags.select(nw.len().alias("_rows"), *(nw.col(name).sum() for name in gaps)))
    if not total(missing["_rows"]):
        raise InputError("customer", "at least one row", 0)
    for name, role, rule in (
        ("_who", "customer", "given in each row"),
        ("_odd_id", "customer", WHOLE),
        ("_event", "event", "given in each row"),
        ("_time", "time", "given in each row"),
    ):
        count = total(missing[name]) if name in missing else 0
        if count:
            raise InputError(role, rule, "another float" if rule == WHOLE else None, count=count)
