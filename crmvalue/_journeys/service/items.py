"""Installed items of customers, and one visit for several of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from crmvalue._core.checks import (
    as_day_column,
    as_whole_number,
    require_same_index,
    require_same_length,
)
from crmvalue._core.encoding.customers import encode_customers
from crmvalue._core.frames import Columns
from crmvalue._core.json import from_json, to_json
from crmvalue._core.values import (
    array_columns,
    array_field,
    hand_over,
    read_only,
    require_columns,
    stay_frozen,
)
from crmvalue._journeys.service.columns import as_intervals, service_after
from crmvalue.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue.typing import ArrayLike, Dates, Integers

__all__ = ["InstalledItems", "group_services"]

_MOST_DAYS = 3660


def _identifiers(value: ArrayLike) -> npt.NDArray[Any]:
    distinct, code = encode_customers("customer", value)
    return read_only(hand_over(distinct[code]))


def _some_days(name: str, value: Any) -> Dates | None:
    if value is None:
        return None
    return read_only(hand_over(as_day_column(name, value, allow_missing=True)))


@stay_frozen
@attrs.frozen(kw_only=True)
class InstalledItems(Columns):
    """Items that customers have at home, with their services; every column has one element for each item.

    Parameters
    ----------
    customer : array_like
        Customer of each item, whole numbers or text; a customer may have several items.
    last_service : array_like
        Day of the last service; before the first service, day of the installation.
    interval_months : array_like
        Calendar months between services, one number for all items or one for each, 1 to 1200. No service may fall after
        the year 9999.
    last_visit, deferred_on, last_contact : array_like, optional
        Days as in :meth:`ServiceCycle.due`; NaT or None where there was none.

    Examples
    --------
    >>> items = InstalledItems(
    ...     customer=["ann", "ann", "bob"],
    ...     last_service=["2023-06-10", "2023-06-12", "2024-03-01"],
    ...     interval_months=[12, 12, 6],
    ... )
    >>> len(items), items.next_service.astype(str).tolist()
    (3, ['2024-06-10', '2024-06-12', '2024-09-01'])
    """

    customer: npt.NDArray[Any] = array_field(_identifiers)
    last_service: Dates = array_field(lambda value: read_only(hand_over(as_day_column("last_service", value))))
    interval_months: Integers = array_field(lambda value: read_only(hand_over(as_intervals(value))))
    last_visit: Dates | None = array_field(lambda value: _some_days("last_visit", value), default=None)
    deferred_on: Dates | None = array_field(lambda value: _some_days("deferred_on", value), default=None)
    last_contact: Dates | None = array_field(lambda value: _some_days("last_contact", value), default=None)

    def __attrs_post_init__(self) -> None:
        n = len(self.customer)
        if self.interval_months.shape not in ((), (n,)):
            raise InputError("interval_months", f"one, or one for each of the {n} items", self.interval_months.shape)
        months = read_only(np.broadcast_to(self.interval_months, n))
        object.__setattr__(self, "interval_months", months)  # JSON holds a column
        require_columns(self, n, ("last_service", "last_visit", "deferred_on", "last_contact"), "items")
        service_after(self.last_service, months)  # within the calendar

    def __len__(self) -> int:
        return len(self.customer)

    @property
    def next_service(self) -> Dates:
        """Day of the next service of each item."""
        return service_after(self.last_service, self.interval_months)

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give the items column by column, with the next service of each, for a dataframe of any kind."""
        return {**array_columns(self), "next_service": self.next_service}

    def to_json(self) -> str:
        """Write the items as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> InstalledItems:
        """Read what :meth:`to_json` wrote."""
        return from_json(cls, text)


def group_services(customer: ArrayLike, dates: ArrayLike, *, days_early: int) -> Dates:
    """Bring services of a customer forward to an earlier one, so that one visit serves several items.

    Parameters
    ----------
    customer : array_like
        Customer of each item, whole numbers or text, shape (n,).
    dates : array_like
        Day of the next service of each item, shape (n,).
    days_early : int
        Most days by which a service may be brought forward, 0 to 3660: 7 for a week, 30 for a month.

    Returns
    -------
    ndarray of datetime64[D]
        Day of the visit for each item. The earliest service of a customer takes all that follow within `days_early`
        days, the next one that is left takes its own followers, and so on.

    Raises
    ------
    InputError
        If the columns differ in length, an identifier or a date is missing, or `days_early` is out of range.

    Examples
    --------
    >>> group_services(["ann", "ann", "bob"], ["2024-06-10", "2024-06-14", "2024-06-12"], days_early=7).astype(str)
    array(['2024-06-10', '2024-06-10', '2024-06-12'], dtype='<U28')
    """
    require_same_index(customer=customer, dates=dates)
    distinct, code = encode_customers("customer", customer)
    day = as_day_column("dates", dates)
    require_same_length(customer=code, dates=day)
    early = as_whole_number("days_early", days_early, low=0, high=_MOST_DAYS)

    # Items of one customer and day go together, so that a customer with many items takes no longer.
    low, span = day.min(), 10_000 * 366
    pair, place = np.unique(code * span + (day - low).astype(np.int64), return_inverse=True)
    whose, due = pair // span, pair % span
    visit, left = due.copy(), np.arange(len(pair))
    while len(left):  # once for each visit of the customer with the most of them
        first = np.full(len(distinct), span)
        np.minimum.at(first, whose[left], due[left])
        start = first[whose[left]]
        taken = due[left] - start <= early
        visit[left[taken]] = start[taken]
        left = left[~taken]
    return np.asarray(low + visit[place].astype("timedelta64[D]"))
