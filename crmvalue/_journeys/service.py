"""The service cycle: when installed items are due, whom to contact, and how visits fit into the weeks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from crmvalue._core.calendar import add_months, months_between
from crmvalue._core.checks import (
    as_counts,
    as_day,
    as_day_column,
    as_days,
    as_floats,
    as_items,
    as_whole_number,
    require,
    require_same_index,
    to_array,
)
from crmvalue._core.encoding.customers import encode_customers
from crmvalue._core.frames import Columns
from crmvalue._core.values import (
    array_columns,
    checked_field,
    count_field,
    date_table,
    hand_over,
    label_column,
    stay_frozen,
    whole_table,
)
from crmvalue._journeys.data import Customers
from crmvalue.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue.typing import ArrayLike, Dates, Integers

__all__ = [
    "ExpiringTerms",
    "ServiceCycle",
    "ServiceDue",
    "VisitSchedule",
    "WithoutNextStep",
    "expiring_terms",
    "next_service",
    "spread_visits",
    "without_next_step",
]

_MOST_MONTHS = 1200
_MOST_DAYS = 3660
_MOST_WEEKS = 520
_KINDS = ("reminder", "overdue", "after a visit", "after a deferred sale")
_NEVER = np.datetime64("NaT", "D")
_MONDAY = np.datetime64("1970-01-05", "D")  # weeks are counted from this one


def next_service(last_service: ArrayLike, interval_months: ArrayLike) -> Any:
    """Compute the day of the next service of installed items.

    Parameters
    ----------
    last_service : array_like
        Day of the last service; before the first service, day of the installation.
    interval_months : array_like
        Calendar months between services, whole, 1 to 1200; shapes broadcast.

    Returns
    -------
    datetime64[D] or ndarray of datetime64[D]
        A date for two scalars, else an array of the broadcast shape.

    Raises
    ------
    InputError
        If a date is missing, an interval is not a whole number from 1 to 1200, or the shapes do not broadcast.

    Notes
    -----
    The interval counts calendar months from the last service. Where the month is too short, its last day counts: six
    months after 31 August is the last day of February.

    Examples
    --------
    >>> next_service(["2023-08-31", "2024-02-29"], [6, 12])
    array(['2024-02-29', '2025-02-28'], dtype='datetime64[D]')
    """
    require_same_index(last_service=last_service, interval_months=interval_months)
    last, months = as_days("last_service", last_service), _intervals(interval_months)
    try:
        np.broadcast_shapes(last.shape, months.shape)
    except ValueError as error:
        raise InputError("interval_months", f"as many as `last_service` {last.shape}", months.shape) from error
    return add_months(last, months)[()]


@stay_frozen
@attrs.frozen(kw_only=True)
class ServiceDue(Columns):
    """Contacts about installed items that are due on a day, columns of equal length, sorted by item.

    Parameters
    ----------
    row : ndarray
        Place of the item in the columns that were given.
    kind : ndarray of str
        "reminder", "overdue", "after a visit" or "after a deferred sale".
    month : ndarray
        Months after the visit or the deferral; 0 for reminders and overdue items.
    date : ndarray of datetime64[D]
        Day on which the contact fell due; for an overdue item the day of the service.
    about : ndarray of datetime64[D]
        Day of the next service, of the visit or of the deferral that the contact is about.
    days_late : ndarray
        Days from `date` to the day of the run.
    reason : ndarray of str
        Why the sale was deferred; empty for the other kinds.

    Examples
    --------
    >>> due = ServiceCycle().due(["2023-06-10"], 12, "2024-06-01")
    >>> due.kind, due.date, due.n_by_kind
    (array(['reminder'], dtype='<U21'), array(['2024-05-27'], dtype='datetime64[D]'), {'reminder': 1})
    """

    row: Integers = whole_table("row")
    kind: npt.NDArray[np.str_] = label_column("kind")
    month: Integers = whole_table("month")
    date: Dates = date_table("date")
    about: Dates = date_table("about")
    days_late: Integers = whole_table("days_late", low=-(2**53))
    reason: npt.NDArray[np.str_] = label_column("reason")

    def __attrs_post_init__(self) -> None:
        _require_equal_columns(self)

    def __len__(self) -> int:
        return len(self.row)

    @property
    def n_by_kind(self) -> dict[str, int]:
        """Number of contacts by kind; kinds without contacts are left out."""
        counts = ((kind, int(np.count_nonzero(self.kind == kind))) for kind in _KINDS)
        return {kind: count for kind, count in counts if count}

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give all columns by name, for a dataframe of any kind."""
        return array_columns(self)


def _follow_up_months(value: object) -> tuple[int, ...]:
    items = as_items("follow_up_months", value, "a sequence of whole months")
    months = tuple(as_whole_number("follow_up_months", month, low=1, high=_MOST_MONTHS) for month in items)
    if sorted(set(months)) != list(months):
        raise InputError("follow_up_months", "rising, without repetition", months)
    return months


@attrs.frozen(kw_only=True)
class ServiceCycle:
    """Reminders before a service, and follow-ups after visits and deferred sales.

    Parameters
    ----------
    remind_days_before : int, optional
        Days before the next service from which the customer is reminded, 0 to 3660.
    follow_up_months : sequence of int, optional
        Calendar months after a visit or a deferral, rising, each 1 to 1200.
    most_days_late : int, optional
        Days after its day on which a missed follow-up is still made, 0 to 3660.

    Notes
    -----
    All follow-ups count calendar months from the visit or the deferral. Where a month is too short, its last day
    counts: after 30 August, the follow-up of month 6 is on the last day of February, and that of month 12 on 30 August.

    Examples
    --------
    >>> cycle = ServiceCycle(remind_days_before=21)
    >>> cycle.follow_up_months
    (1, 6, 12)
    """

    remind_days_before: int = checked_field(
        "remind_days_before", lambda name, value: as_whole_number(name, value, low=0, high=_MOST_DAYS), default=14
    )
    follow_up_months: tuple[int, ...] = attrs.field(default=(1, 6, 12), converter=_follow_up_months)
    most_days_late: int = checked_field(
        "most_days_late", lambda name, value: as_whole_number(name, value, low=0, high=_MOST_DAYS), default=14
    )

    def due(
        self,
        last_service: ArrayLike,
        interval_months: ArrayLike,
        as_of: ArrayLike,
        *,
        last_visit: ArrayLike | None = None,
        deferred_on: ArrayLike | None = None,
        deferred_reason: ArrayLike | None = None,
        last_contact: ArrayLike | None = None,
    ) -> ServiceDue:
        """Find whom to contact about which item.

        Parameters
        ----------
        last_service : array_like
            Day of the last service of each item, shape (n,); before the first service, day of its installation.
        interval_months : array_like
            Calendar months between services, one number for all items or one for each, 1 to 1200.
        as_of : date
            Day of the run.
        last_visit : array_like, optional
            Day of the last visit for each item, shape (n,); NaT where there was none.
        deferred_on : array_like, optional
            Day on which a sale was deferred, shape (n,); NaT where no deferred sale is open.
        deferred_reason : array_like of str, optional
            Why each sale was deferred; empty or missing where no reason is known.
        last_contact : array_like, optional
            Day of the last contact about each item, shape (n,); NaT where there was none. Reminders and follow-ups that
            fell due on or before that day are done.

        Returns
        -------
        ServiceDue
            Contacts by item. A reminder is due from `remind_days_before` days before the service to the day of the
            service. "overdue" follows from the next day until the item is serviced; a contact does not end it. Of the
            follow-ups, the latest is due, unless it is too late.

        Raises
        ------
        InputError
            If a date is after `as_of`, a date of service is missing, an interval is not a whole number from 1 to 1200,
            the lengths differ, or reasons are given without `deferred_on`.

        Examples
        --------
        >>> due = ServiceCycle().due(
        ...     ["2023-06-10", "2024-03-01"],
        ...     [12, 24],
        ...     "2024-06-30",
        ...     deferred_on=[None, "2024-05-30"],
        ...     deferred_reason=["", "budget of next year"],
        ... )
        >>> due.kind.tolist(), due.days_late.tolist(), str(due.reason[1])
        (['overdue', 'after a deferred sale'], [20, 0], 'budget of next year')
        """
        require_same_index(
            last_service=last_service, interval_months=interval_months, last_visit=last_visit,
            deferred_on=deferred_on, deferred_reason=deferred_reason, last_contact=last_contact,
        )  # fmt: skip
        today = as_day("as_of", as_of)
        serviced = as_day_column("last_service", last_service)
        n = len(serviced)
        require(serviced <= today, "last_service", serviced, f"no later than as_of ({today})")
        interval = _intervals(interval_months)
        if interval.shape not in ((), (n,)):
            raise InputError("interval_months", f"one, or one for each of the {n} items", interval.shape)
        visited = _past("last_visit", last_visit, n, today)
        deferred = _past("deferred_on", deferred_on, n, today)
        contacted = _past("last_contact", last_contact, n, today)
        if deferred_reason is not None and deferred_on is None:
            raise InputError("deferred_reason", "left out where there is no `deferred_on`", "reasons")
        reasons = _texts("deferred_reason", deferred_reason, n)

        service = add_months(serviced, interval)
        first_day = service - np.timedelta64(self.remind_days_before, "D")
        remind = np.nonzero((first_day <= today) & (today <= service) & ~(contacted >= first_day))[0]
        late = np.nonzero(service < today)[0]
        seen, seen_month, seen_date = self._follow_ups(visited, contacted, today)
        put_off, put_off_month, put_off_date = self._follow_ups(deferred, contacted, today)

        rows = np.concatenate((remind, late, seen, put_off))
        kinds = np.repeat(np.arange(4), [len(remind), len(late), len(seen), len(put_off)])
        none = np.zeros(len(remind) + len(late), dtype=np.int64)
        months = np.concatenate((none, seen_month, put_off_month))
        dates = np.concatenate((first_day[remind], service[late], seen_date, put_off_date))
        about = np.concatenate((service[remind], service[late], visited[seen], deferred[put_off]))
        order = np.lexsort((kinds, rows))
        rows, kinds, dates = rows[order], kinds[order], dates[order]
        return ServiceDue(
            row=hand_over(rows),
            kind=hand_over(np.array(_KINDS)[kinds]),
            month=hand_over(months[order]),
            date=hand_over(dates),
            about=hand_over(about[order]),
            days_late=hand_over((today - dates).astype(np.int64)),
            reason=hand_over(np.where(kinds == 3, reasons[rows], "")),
        )

    def _follow_ups(self, start: Dates, contacted: Dates, today: np.datetime64) -> tuple[Integers, Integers, Dates]:
        """Find rows, months and days of the latest follow-ups that are neither done nor too late."""
        months = np.array(self.follow_up_months, dtype=np.int64)
        rows = np.nonzero(~np.isnat(start))[0]
        step = np.searchsorted(months, months_between(start[rows], np.asarray(today)), side="right") - 1
        rows, month = rows[step >= 0], months[step[step >= 0]]
        date = add_months(start[rows], month)
        open_ = (today - date <= np.timedelta64(self.most_days_late, "D")) & ~(contacted[rows] >= date)
        return rows[open_], month[open_], date[open_]


@stay_frozen
@attrs.frozen(kw_only=True)
class ExpiringTerms(Columns):
    """Promised terms that end soon, columns of equal length, the earliest first.

    Parameters
    ----------
    row : ndarray
        Place of the promise in the columns that were given.
    term : ndarray of str
        Name of the promised term.
    expires : ndarray of datetime64[D]
        Its last day.
    days_left : ndarray
        Days from the day of the run to the last day; 0 on it.
    n_expired : int
        Number of promises that ended before the day of the run.
    n_open : int
        Number of promises without a last day.

    Examples
    --------
    >>> soon = expiring_terms(["price of 2023", "free delivery"], ["2024-07-10", None], as_of="2024-06-30")
    >>> soon.term, soon.days_left, soon.n_open
    (array(['price of 2023'], dtype='<U13'), array([10]), 1)
    """

    row: Integers = whole_table("row")
    term: npt.NDArray[np.str_] = label_column("term")
    expires: Dates = date_table("expires")
    days_left: Integers = whole_table("days_left", low=-(2**53))
    n_expired: int = count_field("n_expired")
    n_open: int = count_field("n_open")

    def __attrs_post_init__(self) -> None:
        _require_equal_columns(self)

    def __len__(self) -> int:
        return len(self.row)

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give all columns by name, for a dataframe of any kind."""
        return array_columns(self)


def expiring_terms(term: ArrayLike, expires: ArrayLike, *, as_of: ArrayLike, days_before: int = 30) -> ExpiringTerms:
    """List the terms promised to customers that end within some days.

    Parameters
    ----------
    term : array_like of str
        Name of each promised term, such as a price, a discount or a delivery time.
    expires : array_like
        Last day of each promise; NaT or None for a promise without one.
    as_of : date
        Day of the run.
    days_before : int, default 30
        Days to look ahead, 0 to 3660; both ends are included.

    Returns
    -------
    ExpiringTerms
        One row for each promise whose last day is from `as_of` to `days_before` days later; the others are counted.

    Raises
    ------
    InputError
        If a date cannot be read, the lengths differ or `days_before` is out of range.

    Examples
    --------
    >>> expiring_terms(["price", "price"], ["2024-07-30", "2024-06-29"], as_of="2024-06-30").n_expired
    1
    """
    require_same_index(term=term, expires=expires)
    last = as_day_column("expires", expires, allow_missing=True)
    terms = _texts("term", term, len(last))
    today = as_day("as_of", as_of)
    ahead = as_whole_number("days_before", days_before, low=0, high=_MOST_DAYS)

    rows = np.nonzero((last >= today) & (last <= today + np.timedelta64(ahead, "D")))[0]
    rows = rows[np.argsort(last[rows], kind="stable")]
    return ExpiringTerms(
        row=hand_over(rows),
        term=hand_over(terms[rows]),
        expires=hand_over(last[rows]),
        days_left=hand_over((last[rows] - today).astype(np.int64)),
        n_expired=int(np.count_nonzero(last < today)),
        n_open=int(np.count_nonzero(np.isnat(last))),
    )


@stay_frozen
@attrs.frozen(kw_only=True)
class VisitSchedule(Columns):
    """Visits spread over weeks, columns of equal length in the order of the visits.

    Parameters
    ----------
    planned_week : ndarray of datetime64[D]
        Monday of the week for which each visit was planned; for an overdue visit the Monday of the week of `as_of`.
    week : ndarray of datetime64[D]
        Monday of the week that each visit got; NaT where there was no room.

    Examples
    --------
    >>> schedule = spread_visits(["2024-06-12", "2024-06-13"], 1, as_of="2024-06-01", weeks_early=1)
    >>> schedule.week, schedule.weeks_moved
    (array(['2024-06-03', '2024-06-10'], dtype='datetime64[D]'), array([-1,  0]))
    """

    planned_week: Dates = date_table("planned_week")
    week: Dates = date_table("week")

    def __attrs_post_init__(self) -> None:
        _require_equal_columns(self)

    def __len__(self) -> int:
        return len(self.week)

    @property
    def is_placed(self) -> npt.NDArray[np.bool_]:
        """Whether each visit has a week."""
        return ~np.isnat(self.week)

    @property
    def weeks_moved(self) -> Integers:
        """Weeks by which each visit was moved, negative for earlier; 0 where there was no room."""
        moved = np.where(self.is_placed, self.week - self.planned_week, np.timedelta64(0, "D"))
        return moved.astype(np.int64) // 7

    @property
    def n_early(self) -> int:
        """Number of visits that were moved to an earlier week."""
        return int(np.count_nonzero(self.weeks_moved < 0))

    @property
    def n_late(self) -> int:
        """Number of visits that were moved to a later week."""
        return int(np.count_nonzero(self.weeks_moved > 0))

    @property
    def n_not_placed(self) -> int:
        """Number of visits for which there was no room."""
        return int(np.count_nonzero(~self.is_placed))

    @property
    def n_by_week(self) -> dict[str, int]:
        """Number of visits by the Monday of their week."""
        weeks, counts = np.unique(self.week[self.is_placed], return_counts=True)
        return dict(zip(np.datetime_as_string(weeks).tolist(), counts.tolist(), strict=True))

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give all columns by name, for a dataframe of any kind."""
        return array_columns(self)


def spread_visits(
    dates: ArrayLike, capacity_per_week: ArrayLike, *, as_of: ArrayLike, weeks_early: int = 2, weeks_late: int = 4
) -> VisitSchedule:
    """Spread visits over the weeks so that no week has more visits than it can take.

    Parameters
    ----------
    dates : array_like
        Day for which each visit is planned, shape (n,). A visit planned before `as_of` counts for the week of `as_of`.
    capacity_per_week : array_like
        Visits that a week can take, whole numbers >= 0: one for all weeks, or one for each week, beginning with the
        week of `as_of`. Weeks beyond the list take no visits.
    as_of : date
        Day of the run; no visit goes to an earlier week.
    weeks_early, weeks_late : int, optional
        Most weeks by which a visit may be earlier and later than planned, 0 to 520.

    Returns
    -------
    VisitSchedule
        Week of each visit, and how many visits were moved or got no week.

    Raises
    ------
    InputError
        If a date is missing, a capacity is not a whole number >= 0 or a number of weeks is out of range.

    Notes
    -----
    Weeks begin on Monday. A first pass goes through the weeks and gives the places of each week to the visits that may
    come in it, the earliest planned first. All windows are equally wide, so the earliest planned visit is also the one
    whose window closes first; no other rule places more visits (Glover 1967, convex bipartite graphs). A second pass
    goes back from the last week and moves each visit as near to its planned week as room allows. No visit is then early
    without need, and none is later than the first pass made it. Visits of one day keep the order of the rows.

    Examples
    --------
    >>> schedule = spread_visits(["2024-06-12"] * 4, 1, as_of="2024-06-10", weeks_late=2)
    >>> schedule.n_by_week, schedule.n_late, schedule.n_not_placed
    ({'2024-06-10': 1, '2024-06-17': 1, '2024-06-24': 1}, 2, 1)
    """
    day = as_day_column("dates", dates)
    (capacity,) = as_counts(capacity_per_week=capacity_per_week)
    if capacity.ndim > 1:
        raise InputError("capacity_per_week", "one number, or one for each week", f"{capacity.ndim} dimensions")
    first = _week_of(as_day("as_of", as_of))
    early = as_whole_number("weeks_early", weeks_early, low=0, high=_MOST_WEEKS)
    late = as_whole_number("weeks_late", weeks_late, low=0, high=_MOST_WEEKS)

    order = np.argsort(day, kind="stable")
    planned = np.maximum(_week_of(day[order]) - first, 0)  # weeks are counted from that of the run
    end = int(planned[-1]) + late + 1 if len(planned) else 0
    room = np.zeros(end, dtype=np.int64)
    room[: end if capacity.ndim == 0 else capacity.size] = capacity[:end] if capacity.ndim else capacity
    got = _earliest_first(planned - early, planned + late, room)
    placed = got >= 0
    got[placed] = _back_to_plan(np.maximum(planned, got)[placed], room)
    week = np.full(len(day), _NEVER)
    week[order[placed]] = _monday(got[placed] + first)
    return VisitSchedule(planned_week=hand_over(_monday(np.maximum(_week_of(day), first))), week=hand_over(week))


@stay_frozen
@attrs.frozen(kw_only=True)
class WithoutNextStep(Columns):
    """Customers without a planned next step, columns of equal length.

    Parameters
    ----------
    row : ndarray
        Place of the customer in the column that was given.
    customer : ndarray
        Identifier.
    last_step : ndarray of datetime64[D]
        Day of the latest step in the past; NaT where there was none.
    n_unknown : int
        Number of steps of customers who are not in the column.

    Examples
    --------
    >>> found = without_next_step(["ann", "bob"], ["ann", "bob"], ["2024-07-01", "2024-05-01"], as_of="2024-06-30")
    >>> found.customer, found.last_step
    (array(['bob'], dtype='<U3'), array(['2024-05-01'], dtype='datetime64[D]'))
    """

    row: Integers = whole_table("row")
    customer: npt.NDArray[Any] = label_column("customer")
    last_step: Dates = date_table("last_step")
    n_unknown: int = count_field("n_unknown")

    def __attrs_post_init__(self) -> None:
        _require_equal_columns(self)

    def __len__(self) -> int:
        return len(self.row)

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give all columns by name, for a dataframe of any kind."""
        return array_columns(self)


def without_next_step(
    customer: ArrayLike, step_customer: ArrayLike, step_date: ArrayLike, *, as_of: ArrayLike
) -> WithoutNextStep:
    """List the customers without any step on or after a day.

    Parameters
    ----------
    customer : array_like
        Identifiers, all different, shape (n,).
    step_customer : array_like
        Customer of each step, shape (m,): services, visits, calls and follow-ups, all in one column.
    step_date : array_like
        Day of each step, past or planned. A step without a day, NaT or None, does not count.
    as_of : date
        Day of the run; a step on that day counts as a next step.

    Returns
    -------
    WithoutNextStep
        One row for each such customer, in the order of the customers. Steps of unknown customers are counted.

    Raises
    ------
    InputError
        If an identifier is missing, a customer comes twice, a date cannot be read or the lengths differ.

    Examples
    --------
    >>> without_next_step([7, 8, 9], [7, 8], ["2024-06-30", None], as_of="2024-06-30").customer
    array([8, 9])
    """
    require_same_index(step_customer=step_customer, step_date=step_date)
    base = Customers(customer=customer)
    distinct, code = encode_customers("step_customer", step_customer)
    day = as_day_column("step_date", step_date, allow_missing=True)
    if len(day) != len(code):
        raise InputError("step_date", f"as long as `step_customer` ({len(code)} rows)", len(day))
    today = as_day("as_of", as_of)

    owner = base.rows_of(distinct)[code]
    known = owner >= 0
    has_next = np.zeros(len(base), dtype=bool)
    has_next[owner[known & (day >= today)]] = True
    past = known & (day < today)
    last = np.full(len(base), np.iinfo(np.int64).min)  # which is NaT
    np.maximum.at(last, owner[past], day[past].astype(np.int64))
    rows = np.nonzero(~has_next)[0]
    return WithoutNextStep(
        row=hand_over(rows),
        customer=hand_over(base.customer[rows]),
        last_step=hand_over(last[rows].astype("datetime64[D]")),
        n_unknown=int(np.count_nonzero(~known)),
    )


def _require_equal_columns(value: Any) -> None:
    fields = [field.name for field in attrs.fields(type(value))]
    columns = {name: getattr(value, name) for name in fields if isinstance(getattr(value, name), np.ndarray)}
    (first_name, first), *others = columns.items()
    for name, column in others:
        if column.shape != first.shape:
            raise InputError(name, f"as long as `{first_name}` ({len(first)})", column.shape)


def _intervals(value: ArrayLike) -> Integers:
    (months,) = as_floats(interval_months=value)
    whole = (months == np.floor(months)) & (months >= 1) & (months <= _MOST_MONTHS)
    require(whole, "interval_months", months, f"a whole number from 1 to {_MOST_MONTHS}")
    return months.astype(np.int64)


def _past(name: str, value: ArrayLike | None, n: int, today: np.datetime64) -> Dates:
    """Read a column of days up to the day of the run; all NaT where it is left out."""
    if value is None:
        return np.full(n, _NEVER)
    column = as_day_column(name, value, allow_missing=True)
    if len(column) != n:
        raise InputError(name, f"one for each of the {n} items", len(column))
    require(np.isnat(column) | (column <= today), name, column, f"no later than as_of ({today})")
    return column


def _texts(name: str, value: ArrayLike | None, n: int) -> npt.NDArray[np.str_]:
    """Read a column of texts; a missing text becomes empty."""
    if value is None:
        return np.zeros(n, dtype=np.str_)
    array = to_array(name, value, "a column of texts", as_objects=True)[0]
    if array.shape != (n,):
        raise InputError(name, f"one for each of the {n} rows", array.shape)
    items = ["" if item is None or item != item else item for item in array.tolist()]  # noqa: PLR0124 - NaN
    for index, item in enumerate(items):
        if not isinstance(item, str):
            raise InputError(name, "a column of texts", item, index=index)
    return np.array(items, dtype=np.str_)


def _week_of(day: Any) -> Any:
    """Count the weeks from 5 January 1970, a Monday, to each day."""
    return (day - _MONDAY).astype(np.int64) // 7


def _monday(week: Integers) -> Any:
    return _MONDAY + (7 * week).astype("timedelta64[D]")


def _earliest_first(first: Integers, last: Integers, room: Integers) -> Integers:
    """Find the week of each visit, -1 for none; both ends of the windows ascend, so each week takes neighbours."""
    got = np.full(len(first), -1, dtype=np.int64)
    weeks = np.arange(len(room))
    n_over = np.searchsorted(last, weeks, side="left").tolist()  # visits whose window closed before the week
    n_open = np.searchsorted(first, weeks, side="right").tolist()
    head = 0
    for week, places in enumerate(room.tolist()):
        head = max(head, n_over[week])
        stop = min(head + places, n_open[week])
        if stop > head:
            got[head:stop] = week
            head = stop
    return got


def _back_to_plan(latest: Integers, room: Integers) -> Integers:
    """Find the last possible week of each placed visit, up to `latest`, which ascends."""
    got = np.empty(len(latest), dtype=np.int64)
    n_before = np.searchsorted(latest, np.arange(len(room)), side="left").tolist()
    tail = len(latest)
    for week in range(len(room) - 1, -1, -1):
        start = max(tail - int(room[week]), n_before[week])
        if start < tail:
            got[start:tail] = week
            tail = start
    return got
