"""Follow-up tasks: due a number of hours after an event, in calendar hours or in business hours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from crmvalue._core.checks import (
    as_float,
    as_ordered_items,
    as_time,
    as_time_column,
    as_times,
    require,
    require_same_index,
    require_same_labels,
    require_same_length,
)
from crmvalue._core.clock.business_hours import BusinessHours, as_business_hours, as_hours
from crmvalue._core.encoding.customers import encode_customers, text_array
from crmvalue._core.frames import Columns
from crmvalue._core.json import from_json, to_json
from crmvalue._core.values import (
    checked_field,
    count_field,
    date_table,
    flag_table,
    hand_over,
    label_column,
    optional,
    require_at_most,
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

__all__ = ["FollowUpRule", "FollowUpTasks", "follow_up_due", "follow_up_tasks"]

_HOUR = 3_600_000_000  # microseconds


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
    hours: float = checked_field("hours", lambda name, value: float(as_hours(name, as_float(name, value))))
    business_hours: BusinessHours | None = checked_field("business_hours", optional(as_business_hours), default=None)
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
    time: Dates = date_table("time", missing=False)
    due: Dates = date_table("due", missing=False)
    done: Bools = flag_table("done")
    late: Bools = flag_table("late")
    n_later: int = count_field("n_later", default=0)
    n_without_rule: int = count_field("n_without_rule", default=0)
    unmet: tuple[str, ...] = words_field("unmet", default=())

    def __attrs_post_init__(self) -> None:
        names = ("customer", "event", "task", "time", "due", "done", "late")
        require_columns(self, len(self.row), names, "tasks")
        require_at_most(self, "time", "due")
        require_at_most(self, "time", "as_of")
        rule = "whether the task was due before `as_of`, where it is not done"
        require(self.done | (self.late == (self.due < self.as_of)), "late", self.late, rule)

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

    def to_json(self) -> str:
        """Write the tasks as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> FollowUpTasks:
        """Read what :meth:`to_json` wrote; other text raises :class:`~crmvalue.errors.InputError`."""
        return from_json(cls, text)


def follow_up_due(time: ArrayLike, hours: ArrayLike, *, business_hours: BusinessHours | None = None) -> Dates:
    """Due time of a task that has to be done within a number of hours after an event.

    Parameters
    ----------
    time : array_like
        Time of each event, in local time, or in UTC where `business_hours` has a time zone.
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
    Local times are taken as they are. Over a change to or from summer time, they are wrong by the change. Where that
    matters, give times in UTC, and business hours with a `time_zone`.

    Examples
    --------
    Three business hours after Friday, 17:00, and 24 calendar hours after it:

    >>> hours = BusinessHours(start="09:00", end="18:00")
    >>> str(follow_up_due("2024-05-31 17:00", 3, business_hours=hours))[:16]
    '2024-06-03T11:00'
    >>> str(follow_up_due("2024-05-31 17:00", 24))[:16]
    '2024-06-01T17:00'
    """
    require_same_labels({"time": time, "hours": hours})
    start = as_times("time", time)
    wait = as_hours("hours", hours)
    opening = optional(as_business_hours)("business_hours", business_hours)
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
        Time of each event, in local time, or all times in UTC where the business hours of the rules have a time zone,
        shape (rows,).
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
        task=hand_over(text_array(tasks[kind[opened]].tolist())),
        time=hand_over(times[opened]),
        due=hand_over(due[opened]),
        done=hand_over(is_done),
        late=hand_over(np.where(is_done, finish, now) > due[opened]),
        n_later=int((~known).sum()),
        n_without_rule=int(known.sum()) - len(opened),
        unmet=tuple(sorted(set(by_event) - set(names.tolist()))),
    )


def _due(start: Dates, hours: Floats | np.float64, opening: BusinessHours | None) -> Dates:
    if opening is not None:
        return opening.add_hours(start, hours)
    wait = np.maximum(np.rint(hours * _HOUR), 1).astype(np.int64)
    by_calendar: Dates = start + wait.astype("timedelta64[us]")
    require(by_calendar < np.datetime64("10000-01-01"), "hours", hours, "so few that they end by the year 9999")
    return by_calendar


def _by_event(rules: object) -> dict[str, FollowUpRule]:
    found: dict[str, FollowUpRule] = {}
    for index, rule in enumerate(as_ordered_items("rules", rules, "FollowUpRule values")):
        if not isinstance(rule, FollowUpRule):
            raise InputError("rules", "FollowUpRule values", rule, index=index)
        if rule.event in found:
            raise InputError("rules", "one for each event", rule.event, index=index)
        found[rule.event] = rule
    return found
