"""Follow-up tasks: due a number of hours after an event, in calendar hours or in business hours."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from crmvalue._core.checks import (
    as_day_column,
    as_float,
    as_floats,
    as_items,
    as_text,
    as_time,
    as_time_column,
    as_times,
    require,
    require_same_index,
    require_same_length,
)
from crmvalue._core.encoding.customers import encode_customers
from crmvalue._core.frames import Columns
from crmvalue._core.json import from_json, to_json
from crmvalue._core.values import (
    array_field,
    checked_field,
    count_field,
    date_table,
    flag_table,
    hand_over,
    label_column,
    optional,
    read_only,
    require_columns,
    stay_frozen,
    whole_table,
    words_field,
)
from crmvalue._funnels.counts import as_name
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt

    from crmvalue.typing import ArrayLike, Dates, Floats, Integers

    Bools = npt.NDArray[np.bool_]

__all__ = ["BusinessHours", "FollowUpRule", "FollowUpTasks", "follow_up_due", "follow_up_tasks"]

_WEEK = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)|24:00", re.ASCII)
_HOUR = 3_600_000_000  # microseconds
_MOST_HOURS = 100_000.0  # eleven years


def _hours(name: str, value: ArrayLike) -> Floats:
    (hours,) = as_floats(**{name: value})
    require((hours > 0) & (hours <= _MOST_HOURS), name, hours, f"above 0 and at most {_MOST_HOURS:,.0f}")
    return hours


def _days(value: object) -> tuple[str, ...]:
    days = as_items("days", value, f"some of {', '.join(_WEEK)}")
    for index, day in enumerate(days):
        if not isinstance(day, str) or day not in _WEEK or day in days[:index]:
            raise InputError("days", f"some of {', '.join(_WEEK)}, each once", day, index=index)
    if not days:
        raise InputError("days", "at least one day of the week", days)
    return tuple(sorted(days, key=_WEEK.index))


def _holidays(value: ArrayLike) -> Dates:
    return read_only(hand_over(np.unique(as_day_column("holidays", value))))


def _clock(name: str, value: object) -> str:
    text = as_text(name, value)
    if not _CLOCK.fullmatch(text):
        raise InputError(name, "a time of day such as '09:00', up to '24:00'", text)
    return text


@stay_frozen
@attrs.frozen(kw_only=True)
class BusinessHours:
    """Working hours, the same on each working day, in local time.

    Parameters
    ----------
    days : iterable of str, optional
        Working days of the week, of "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" and "Sun"; Monday to Friday by default.
    start, end : str, optional
        Opening and closing time "HH:MM", `end` after `start` and at most "24:00".
    holidays : array_like of dates, optional
        Days without work, on any day of the week.

    Examples
    --------
    >>> hours = BusinessHours(start="09:00", end="18:00", holidays=["2024-12-25"])
    >>> hours.hours_per_day
    9.0
    """

    days: tuple[str, ...] = attrs.field(converter=_days, default=_WEEK[:5])
    start: str = checked_field("start", _clock, default="09:00")
    end: str = checked_field("end", _clock, default="18:00")
    holidays: Dates = array_field(_holidays, default=())

    def __attrs_post_init__(self) -> None:
        if self.end <= self.start:
            raise InputError("end", "after `start` of the same day", self.end, hint="nights are not supported")

    @property
    def hours_per_day(self) -> float:
        """Hours of a working day."""
        return (_microseconds(self.end) - _microseconds(self.start)) / _HOUR

    def to_json(self) -> str:
        """Write the hours as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> BusinessHours:
        """Read what :meth:`to_json` wrote."""
        return from_json(cls, text)


def _business_hours(name: str, value: object) -> BusinessHours:
    if not isinstance(value, BusinessHours):
        raise InputError(name, "BusinessHours, or None for calendar hours", value)
    return value


@stay_frozen
@attrs.frozen(kw_only=True)
class FollowUpRule:
    """A task that must follow an event, and its time limit.

    Parameters
    ----------
    event : str
        Name of the event in the log.
    hours : float
        Hours from the event until the task is due, above 0.
    business_hours : BusinessHours, optional
        The hours that count; by default all hours of the calendar.
    task : str, optional
        What has to be done; by default "follow up".

    Examples
    --------
    >>> FollowUpRule(event="offer_answered", hours=24).task
    'follow up'
    """

    event: str = checked_field("event", as_name)
    hours: float = checked_field("hours", lambda name, value: float(_hours(name, as_float(name, value))))
    business_hours: BusinessHours | None = checked_field("business_hours", optional(_business_hours), default=None)
    task: str = checked_field("task", as_name, default="follow up")

    def to_json(self) -> str:
        """Write the rule as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> FollowUpRule:
        """Read what :meth:`to_json` wrote."""
        return from_json(cls, text, BusinessHours)


@stay_frozen
@attrs.frozen(kw_only=True)
class FollowUpTasks(Columns):
    """Tasks that events have opened, in the order of their due times.

    Parameters
    ----------
    as_of : datetime64[us]
        Moment for which the tasks are given.
    row : ndarray of int
        Row of the log that opened each task.
    customer, event, task : ndarray
        The customer, the event, and what has to be done.
    time, due : ndarray of datetime64[us]
        Time of the event, and when the task is due.
    done : ndarray of bool
        Whether the task was done at or before `as_of`.
    late : ndarray of bool
        Whether the task was done after it was due, or is still not done and was due before `as_of`.
    n_later : int
        Events after `as_of`. They open no task yet.
    n_without_rule : int
        Events up to `as_of` without a rule.
    unmet : tuple of str
        Events of rules that the log does not have. They may be misspelt, or have not happened.

    Examples
    --------
    >>> tasks = follow_up_tasks(
    ...     ["anna", "boris"],
    ...     ["offer_answered", "offer_answered"],
    ...     ["2024-05-31 17:00", "2024-06-03 10:00"],
    ...     rules=[FollowUpRule(event="offer_answered", hours=24, task="call")],
    ...     as_of="2024-06-03 12:00",
    ... )
    >>> tasks.conclusion
    '2 tasks: 0 done in time, 0 done late, 1 overdue, 1 not yet due.'
    >>> tasks.customer[tasks.overdue].tolist()
    ['anna']
    """

    as_of: np.datetime64 = checked_field("as_of", as_time, eq=str)
    row: Integers = whole_table("row")
    customer: npt.NDArray[Any] = label_column("customer")
    event: npt.NDArray[Any] = label_column("event")
    task: npt.NDArray[Any] = label_column("task")
    time: Dates = date_table("time")
    due: Dates = date_table("due")
    done: Bools = flag_table("done")
    late: Bools = flag_table("late")
    n_later: int = count_field("n_later", default=0)
    n_without_rule: int = count_field("n_without_rule", default=0)
    unmet: tuple[str, ...] = words_field("unmet", default=())

    def __attrs_post_init__(self) -> None:
        names = ("customer", "event", "task", "time", "due", "done", "late")
        require_columns(self, len(self.row), names, "tasks")

    @property
    def overdue(self) -> npt.NDArray[np.bool_]:
        """Whether each task was due before `as_of` and is not done."""
        return self.late & ~self.done

    @property
    def conclusion(self) -> str:
        """Count the tasks that are done in time, done late, overdue and not yet due."""
        n = len(self.row)
        n_done, n_overdue = int(self.done.sum()), int(self.overdue.sum())
        n_late = int((self.done & self.late).sum())
        return (
            f"{n:,} task{'' if n == 1 else 's'}: {n_done - n_late:,} done in time, {n_late:,} done late, "
            f"{n_overdue:,} overdue, {n - n_done - n_overdue:,} not yet due."
            + (f" The log has no event {', '.join(map(repr, self.unmet))}." if self.unmet else "")
        )

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give the tasks column by column, for a dataframe of any kind.

        Returns
        -------
        dict of str to ndarray
            One row for each task: `customer`, `event`, `task`, `time`, `due`, `done`, `late` and `overdue`.
        """
        names = ("customer", "event", "task", "time", "due", "done", "late", "overdue")
        return {name: getattr(self, name) for name in names}


def follow_up_due(time: ArrayLike, hours: ArrayLike, *, business_hours: BusinessHours | None = None) -> Dates:
    """Due time of a task that has to be done within a number of hours after an event.

    Parameters
    ----------
    time : array_like
        Time of each event, in local time.
    hours : array_like
        Hours until the task is due, above 0 and at most 100,000; broadcasts with `time`.
    business_hours : BusinessHours, optional
        The hours that count; by default all hours of the calendar.

    Returns
    -------
    datetime64[us] or ndarray of it
        The first moment at which that many hours have passed. A task whose hours end exactly at closing time is due at
        closing time, not at the next opening. An event outside the business hours starts to count at the next opening.

    Raises
    ------
    InputError
        If a time is missing or of a wrong kind, or a number of hours is not above 0 or too large.

    Notes
    -----
    Local times are taken as they are. Over a change to or from summer time, calendar hours are wrong by the change.
    Give times in UTC where that matters.

    Examples
    --------
    Three business hours after Friday, 17:00, and 24 calendar hours after it:

    >>> hours = BusinessHours(start="09:00", end="18:00")
    >>> str(follow_up_due("2024-05-31 17:00", 3, business_hours=hours))[:16]
    '2024-06-03T11:00'
    >>> str(follow_up_due("2024-05-31 17:00", 24))[:16]
    '2024-06-01T17:00'
    """
    require_same_index(time=time, hours=hours)
    start = as_times("time", time)
    wait = _hours("hours", hours)
    opening = optional(_business_hours)("business_hours", business_hours)
    try:
        np.broadcast_shapes(start.shape, wait.shape)
    except ValueError as error:
        raise InputError(
            "hours", f"of a shape that broadcasts with that of `time`, {start.shape}", wait.shape
        ) from error
    return _due(start, wait, opening)[()]


def follow_up_tasks(
    customer: ArrayLike,
    event: ArrayLike,
    time: ArrayLike,
    *,
    rules: Iterable[FollowUpRule],
    as_of: ArrayLike,
    done_at: ArrayLike | None = None,
) -> FollowUpTasks:
    """Open a task for each event that has a rule, and tell which tasks are overdue.

    Parameters
    ----------
    customer, event : array_like
        Customer and name of each event, shape (rows,).
    time : array_like
        Time of each event, in local time, shape (rows,).
    rules : iterable of FollowUpRule
        At most one rule for each event.
    as_of : datetime
        Moment for which the tasks are given; a date means its midnight. A task due at exactly this moment is not
        overdue.
    done_at : array_like, optional
        When the task of each row was done, missing where it is not done, shape (rows,). A task that was done after
        `as_of` counts as not done.

    Returns
    -------
    FollowUpTasks
        The tasks in the order of their due times, and how many events opened none.

    Raises
    ------
    InputError
        If the columns differ in length or are empty, a value is missing or of a wrong kind, an event has two rules, or
        a task was done before its event.

    Examples
    --------
    >>> tasks = follow_up_tasks(
    ...     [1, 2, 3],
    ...     ["offer_answered", "visit", "offer_answered"],
    ...     ["2024-05-31 17:00", "2024-05-31 17:30", "2024-06-03 09:30"],
    ...     rules=[FollowUpRule(event="offer_answered", hours=4, business_hours=BusinessHours())],
    ...     as_of="2024-06-03 12:30",
    ...     done_at=["2024-06-03 09:15", None, None],
    ... )
    >>> tasks.due.astype("datetime64[m]").tolist() == [
    ...     np.datetime64("2024-06-03T12:00").item(),
    ...     np.datetime64("2024-06-03T13:30").item(),
    ... ]
    True
    >>> tasks.conclusion, tasks.n_without_rule
    ('2 tasks: 1 done in time, 0 done late, 0 overdue, 1 not yet due.', 1)
    """
    require_same_index(customer=customer, event=event, time=time, done_at=done_at)
    people, person = encode_customers("customer", customer)
    names, kind = encode_customers("event", event)
    times = as_time_column("time", time)
    require_same_length(customer=person, event=kind, time=times)
    now = as_time("as_of", as_of)
    done = None if done_at is None else as_time_column("done_at", done_at, allow_missing=True)
    if done is not None:
        require_same_length(time=times, done_at=done)
        require(~(done < times), "done_at", done, "missing, or not before `time`")
    by_event = _by_event(rules)

    due = np.full(len(times), np.datetime64("NaT", "us"))
    known = times <= now
    for code, name in enumerate(names.tolist()):
        if name in by_event:
            rows = known & (kind == code)
            rule = by_event[name]
            due[rows] = _due(times[rows], np.float64(rule.hours), rule.business_hours)
    opened = np.nonzero(~np.isnat(due))[0]
    opened = opened[np.argsort(due[opened], kind="stable")]
    finish = np.full(len(opened), now) if done is None else done[opened]
    is_done = np.zeros(len(opened), dtype=bool) if done is None else finish <= now  # NaT compares false
    tasks = np.array([by_event[name].task if name in by_event else "" for name in names.tolist()], dtype=object)
    return FollowUpTasks(
        as_of=now,
        row=hand_over(opened),
        customer=hand_over(people[person[opened]]),
        event=hand_over(names[kind[opened]]),
        task=hand_over(tasks[kind[opened]].astype(str)),
        time=hand_over(times[opened]),
        due=hand_over(due[opened]),
        done=hand_over(is_done),
        late=hand_over(np.where(is_done, finish, now) > due[opened]),
        n_later=int((~known).sum()),
        n_without_rule=int(known.sum()) - len(opened),
        unmet=tuple(sorted(set(by_event) - set(names.tolist()))),
    )


def _due(start: Dates, hours: Floats | np.float64, opening: BusinessHours | None) -> Dates:
    wait = np.maximum(np.rint(hours * _HOUR), 1).astype(np.int64)
    if opening is None:
        by_calendar: Dates = start + wait.astype("timedelta64[us]")
        return by_calendar
    mask = [day in opening.days for day in _WEEK]
    first, length = _microseconds(opening.start), _microseconds(opening.end) - _microseconds(opening.start)
    day = start.astype("datetime64[D]")
    # Working time before `start`, counted from the first working day at or after its day.
    free = ~np.is_busday(day, weekmask=mask, holidays=opening.holidays)
    since_midnight = (start - day.astype("datetime64[us]")).astype(np.int64)
    over = np.where(free, 0, np.clip(since_midnight - first, 0, length))
    target = over + wait
    whole = (target - 1) // length  # a task that ends at closing time stays on its day
    due_day = np.busday_offset(day, whole, roll="forward", weekmask=mask, holidays=opening.holidays)
    due: Dates = due_day.astype("datetime64[us]") + (first + target - whole * length).astype("timedelta64[us]")
    return due


def _microseconds(clock: str) -> int:
    hour, minute = map(int, clock.split(":"))
    return hour * _HOUR + minute * (_HOUR // 60)


def _by_event(rules: object) -> dict[str, FollowUpRule]:
    found: dict[str, FollowUpRule] = {}
    for index, rule in enumerate(as_items("rules", rules, "FollowUpRule values")):
        if not isinstance(rule, FollowUpRule):
            raise InputError("rules", "FollowUpRule values", rule, index=index)
        if rule.event in found:
            raise InputError("rules", "one for each event", rule.event, index=index)
        found[rule.event] = rule
    return found
