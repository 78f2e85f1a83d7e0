"""The service cycle: when installed items are due, and whom to contact."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import attrs
import numpy as np

from crmvalue._core.calendar import add_months, months_between
from crmvalue._core.checks import (
    as_day,
    as_day_column,
    as_days,
    as_ordered_items,
    as_whole_number,
    require,
    require_same_index,
    require_same_labels,
)
from crmvalue._core.encoding.customers import encode_customers
from crmvalue._core.frames import Columns
from crmvalue._core.json import from_json, to_json
from crmvalue._core.values import (
    array_columns,
    checked_field,
    count_field,
    date_table,
    hand_over,
    label_column,
    of_class,
    optional,
    stay_frozen,
    whole_table,
)
from crmvalue._journeys.context import Candidates, Context
from crmvalue._journeys.data import Customers, rows_among
from crmvalue._journeys.fields import (
    channels_field,
    flag_field,
    hour_field,
    name_field,
    name_of,
    offer_field,
    priority_field,
    segment_field,
    whole_field,
    words_of,
)
from crmvalue._journeys.moments import at_hour
from crmvalue._journeys.offers import Offer
from crmvalue._journeys.service.columns import as_intervals, require_equal_columns, service_after, text_column
from crmvalue._journeys.service.items import InstalledItems, group_services
from crmvalue.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue.typing import ArrayLike, Dates, Integers

__all__ = [
    "ServiceCycle",
    "ServiceDue",
    "WithoutNextStep",
    "next_service",
    "without_next_step",
]

_MOST_MONTHS = 1200
_MOST_DAYS = 3660
_KINDS = ("reminder", "overdue", "after a visit", "after a deferred sale")
_DAY = np.timedelta64(1, "D")
_FIRST_DAY = np.datetime64("0001-01-01", "D")
_LAST_DAY = np.datetime64("9999-12-31", "D")
_NEVER = np.datetime64("NaT", "D")


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
        If a date is missing, an interval is not a whole number from 1 to 1200, the shapes do not broadcast, or a
        service would be after the year 9999.

    Notes
    -----
    The interval counts calendar months from the last service. Where the month is too short, its last day counts: six
    months after 31 August is the last day of February.

    Examples
    --------
    >>> next_service(["2023-08-31", "2024-02-29"], [6, 12])
    array(['2024-02-29', '2025-02-28'], dtype='datetime64[D]')
    """
    require_same_labels({"last_service": last_service, "interval_months": interval_months})
    last, months = as_days("last_service", last_service), as_intervals(interval_months)
    try:
        np.broadcast_shapes(last.shape, months.shape)
    except ValueError as error:
        raise InputError("interval_months", f"as many as `last_service` {last.shape}", months.shape) from error
    return service_after(last, months)[()]


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
    kind: npt.NDArray[np.str_] = label_column("kind", texts=True)
    month: Integers = whole_table("month")
    date: Dates = date_table("date", missing=False)
    about: Dates = date_table("about", missing=False)
    days_late: Integers = whole_table("days_late", low=-(2**53))
    reason: npt.NDArray[np.str_] = label_column("reason", texts=True)

    def __attrs_post_init__(self) -> None:
        require_equal_columns(self)
        today = self.date.astype("datetime64[D]") + self.days_late
        same = np.isnat(today) | (today == today[:1])
        require(same, "days_late", self.days_late, "days from `date` to one day of the run")

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

    def to_json(self) -> str:
        """Write the contacts as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> ServiceDue:
        """Read what :meth:`to_json` wrote; other text raises :class:`~crmvalue.errors.InputError`."""
        return from_json(cls, text)


def _follow_up_months(value: object) -> tuple[int, ...]:
    items = as_ordered_items("follow_up_months", value, "a sequence of whole months")
    months = tuple(as_whole_number("follow_up_months", month, low=1, high=_MOST_MONTHS) for month in items)
    if sorted(set(months)) != list(months):
        raise InputError("follow_up_months", "rising, without repetition", months)
    return months


@stay_frozen
@attrs.frozen(kw_only=True)
class ServiceCycle:
    """Reminders before a service, and follow-ups after visits and deferred sales.

    With `items` it is a journey like the others: :func:`plan` gives its messages consent, hours, channel, caps and a
    check for duplicates. Without them, :meth:`due` lists whom to call.

    Parameters
    ----------
    remind_days_before : int, optional
        Days before the next service from which the customer is reminded, 0 to 3660.
    follow_up_months : sequence of int, optional
        Calendar months after a visit or a deferral, rising, each 1 to 1200.
    most_days_late : int, optional
        Days after its day on which a missed follow-up is still made, 0 to 3660; in a plan also the word that a service
        is overdue.
    items : InstalledItems, optional
        The installed items; needed in a plan. Items serviced after the day of a run are left out of it.
    group_days : int, optional
        Services of a customer that fall due up to so many days after an earlier one are announced with it, in one
        message, 0 to 3660: 7 or 30 for "a week or a month early".
    unless : str or sequence of str, optional
        Events after the day of the last service, visit or deferral that call its messages off, such as "visit booked".
    name, send_hour, offer, segment, priority, channels, exempt
        As in :class:`BirthdayJourney`.
    purpose : str, optional
        Purpose to which the customer has to have agreed.

    Notes
    -----
    In a plan, a message is about the day of a service, a visit or a deferral, and comes once. The reminder goes out at
    `send_hour` of its first day, and is tried again each day until the service. The day after the service, the customer
    hears once that it is overdue. Of several late messages to a customer, the `catch_up` of the policy decides: by
    default the latest one goes out.

    All follow-ups count calendar months from the visit or the deferral. Where a month is too short, its last day
    counts: after 30 August, the follow-up of month 6 is on the last day of February, and that of month 12 on 30 August.

    Examples
    --------
    >>> cycle = ServiceCycle(remind_days_before=21)
    >>> cycle.follow_up_months
    (1, 6, 12)

    As a journey:

    >>> from crmvalue.journeys import Customers, Policy, plan
    >>> items = InstalledItems(customer=["ann", "bob"], last_service=["2023-06-10", "2024-03-01"], interval_months=12)
    >>> cycle = ServiceCycle(items=items, channels="sms")
    >>> base = Customers(customer=["ann", "bob"], consent={"sms": [True, True]})
    >>> made = plan([cycle], base, None, None, Policy(quiet_hours=(20, 9)), "2024-05-27")
    >>> made.customer.tolist(), made.step.tolist(), made.decision.tolist()
    (['ann'], ['reminder'], ['send'])
    """

    remind_days_before: int = checked_field(
        "remind_days_before", lambda name, value: as_whole_number(name, value, low=0, high=_MOST_DAYS), default=14
    )
    follow_up_months: tuple[int, ...] = attrs.field(default=(1, 6, 12), converter=_follow_up_months)
    most_days_late: int = checked_field(
        "most_days_late", lambda name, value: as_whole_number(name, value, low=0, high=_MOST_DAYS), default=14
    )
    items: InstalledItems | None = checked_field("items", optional(of_class(InstalledItems)), default=None)
    group_days: int = whole_field("group_days", 0, _MOST_DAYS, default=0)
    unless: tuple[str, ...] = checked_field("unless", words_of, default=())
    name: str = name_field(default="service")
    send_hour: int | str | None = hour_field()
    offer: Offer | None = offer_field()
    segment: str | None = segment_field()
    priority: int = priority_field()
    channels: tuple[str, ...] = channels_field()
    purpose: str = checked_field("purpose", name_of, default="service")
    exempt: bool = flag_field("exempt", default=False)

    version: ClassVar[int] = 0
    shares_group: ClassVar[bool] = False
    cool_down_days: ClassVar[int] = 0
    once: ClassVar[bool] = False

    @property
    def group(self) -> str:
        """A cycle is a group of its own."""
        return self.name

    def to_json(self) -> str:
        """Write the cycle with its items as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> ServiceCycle:
        """Read what :meth:`to_json` wrote."""
        return from_json(cls, text, InstalledItems, Offer)

    def candidates(self, context: Context) -> Candidates:
        """Find the messages of the run, including those that were missed in the last days.

        :meta private:
        """
        of_class(Context)("context", context)
        if self.items is None:
            raise InputError("journeys", "a ServiceCycle with its `items`", None, hint="without them, use `due`")
        items, today = self.items, context.today
        distinct, code = encode_customers("customer", items.customer)
        owner = rows_among(context.customers, distinct)[code]
        require(owner >= 0, "items", items.customer, "of customers of the plan")
        service = items.next_service
        if self.group_days:
            service = group_services(items.customer, service, days_early=self.group_days)
        known = items.last_service <= today
        contacted = _known_until(items.last_contact, len(items), today)
        first = service - np.timedelta64(self.remind_days_before, "D")
        after = service + _DAY
        remind = np.nonzero(known & (first <= today) & (today <= service) & ~(contacted >= first))[0]
        late = np.nonzero(known & (after <= today) & (today - after <= np.timedelta64(self.most_days_late, "D")))[0]
        parts = [
            (
                remind,
                np.zeros(len(remind), dtype=np.int64),
                service,
                items.last_service,
                first[remind],
                service[remind],
            ),
            (
                late,
                np.ones(len(late), dtype=np.int64),
                service,
                items.last_service,
                after[late],
                self._last(after[late]),
            ),
        ]
        for kind, given in enumerate((items.last_visit, items.deferred_on)):
            begun = _known_until(given, len(items), today)
            rows, month, date = self._follow_ups(begun, contacted, today)
            place = 2 + kind * len(self.follow_up_months) + np.searchsorted(self.follow_up_months, month)
            parts.append((rows, place, begun, begun, date, self._last(date)))
        rows = np.concatenate([part[0] for part in parts])
        hour = context.hour_of_day(self.send_hour, owner[rows])
        planned = at_hour(np.concatenate([part[4] for part in parts]), hour)
        since = np.concatenate([start[at] for at, _, _, start, _, _ in parts])
        labels = ("reminder", "overdue", *(f"{kind}, month {m}" for kind in _KINDS[2:] for m in self.follow_up_months))
        return Candidates(
            owner[rows],
            np.concatenate([part[1] for part in parts]),
            labels,
            np.concatenate([about[at] for at, _, about, _, _, _ in parts]).astype("datetime64[s]"),
            planned,
            _end_of(np.concatenate([part[5] for part in parts])),
            context.first_after(self.unless, owner[rows], _end_of(since)),
            (self.offer,) * len(labels),
        )

    def _last(self, date: Dates) -> Dates:
        """Last day on which a message of a day is still sent, in the year 9999 at the latest."""
        return np.minimum(date + np.timedelta64(self.most_days_late, "D"), _LAST_DAY)

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
            the lengths differ, reasons are given without `deferred_on`, or a service or a reminder is outside the years
            1 to 9999.

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
        interval = as_intervals(interval_months)
        if interval.shape not in ((), (n,)):
            raise InputError("interval_months", f"one, or one for each of the {n} items", interval.shape)
        visited = _past("last_visit", last_visit, n, today)
        deferred = _past("deferred_on", deferred_on, n, today)
        contacted = _past("last_contact", last_contact, n, today)
        if deferred_reason is not None and deferred_on is None:
            raise InputError("deferred_reason", "left out where there is no `deferred_on`", "reasons")
        reasons = text_column("deferred_reason", deferred_reason, n)

        service = next_service(serviced, interval)
        first_day = service - np.timedelta64(self.remind_days_before, "D")
        is_reminded = (first_day <= today) & (today <= service) & ~(contacted >= first_day)
        rule = "so late that its reminder is not before 0001-01-01"
        require(~is_reminded | (first_day >= _FIRST_DAY), "last_service", serviced, rule)
        remind = np.nonzero(is_reminded)[0]
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
        require_equal_columns(self)

    def __len__(self) -> int:
        return len(self.row)

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give all columns by name, for a dataframe of any kind."""
        return array_columns(self)

    def to_json(self) -> str:
        """Write the customers as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> WithoutNextStep:
        """Read what :meth:`to_json` wrote; other text raises :class:`~crmvalue.errors.InputError`."""
        return from_json(cls, text)


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

    owner = rows_among(base, distinct)[code]
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


def _past(name: str, value: ArrayLike | None, n: int, today: np.datetime64) -> Dates:
    """Read a column of days up to the day of the run; all NaT where it is left out."""
    if value is None:
        return np.full(n, _NEVER)
    column = as_day_column(name, value, allow_missing=True)
    if len(column) != n:
        raise InputError(name, f"one for each of the {n} items", len(column))
    require(np.isnat(column) | (column <= today), name, column, f"no later than as_of ({today})")
    return column


def _known_until(value: Dates | None, n: int, today: np.datetime64) -> Dates:
    """Days up to the day of the run; NaT for later ones, and all NaT where the column is left out."""
    if value is None:
        return np.full(n, _NEVER)
    return np.where(value <= today, value, _NEVER)


def _end_of(day: Dates) -> Dates:
    """Last second of each day."""
    end: Dates = np.subtract((day + _DAY).astype("datetime64[s]"), np.timedelta64(1, "s"))
    return end
