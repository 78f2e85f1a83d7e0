"""The customers that a report names: who is due today, and who is about to be lost.

The public door is :mod:`crmvalue.report`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import attrs
import numpy as np

from crmvalue._core.checks import require
from crmvalue._core.frames import Columns
from crmvalue._core.values import (
    array_columns,
    choice_field,
    count_column,
    count_field,
    date_table,
    label_column,
    number_column,
    require_columns,
    stay_frozen,
    whole_table,
)
from crmvalue.errors import InputError
from crmvalue.journeys import Cascade
from crmvalue.purchases import PurchaseHistory

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue.typing import Dates, Floats, Integers

__all__ = ["RECENT_DAYS", "CustomerList", "ListBasis", "find_due", "find_leaving", "find_silent"]

ListBasis: TypeAlias = Literal["cascade", "model", "groups"]

RECENT_DAYS = 7
_LISTED = 12
_WEEKS_AHEAD = 4
_EVEN = 0.5  # more likely active than gone
_SILENT_GROUPS = ("Can't Lose Them", "At Risk")


@stay_frozen
@attrs.frozen(kw_only=True)
class CustomerList(Columns):
    """The first customers of a list in a report, one row for each, most important first.

    Parameters
    ----------
    basis : {"cascade", "model", "groups"}
        Where the list comes from: steps of the win-back cascade, the probability to be alive, or the groups of RFM.
    n_all : int
        Customers on the whole list, of whom these are the first.
    customer : ndarray
        Identifiers, shape (n,).
    segment : ndarray of str
        Group of each.
    n_purchases : ndarray
        Purchases of each.
    last_purchase : ndarray of datetime64[D]
        Day of the last one.
    total_spend : ndarray or None
        Money of all their purchases [money]; None for a log without amounts.
    month : ndarray or None
        Months of silence of the step that is due; None unless the list is the cascade's.
    prob_alive : ndarray or None
        Probability to be alive; None unless the list is the model's.
    clv : ndarray or None
        Value within the horizon of the forecast [money]; None without one.
    write_by : ndarray of datetime64[D] or None
        Day on which the probability falls below one half if the customer stays silent; None unless the list is the
        model's.

    Examples
    --------
    >>> found = CustomerList(
    ...     basis="groups",
    ...     n_all=3,
    ...     customer=["ann"],
    ...     segment=["At Risk"],
    ...     n_purchases=[4],
    ...     last_purchase=["2024-01-31"],
    ... )
    >>> len(found), found.n_all
    (1, 3)
    """

    basis: ListBasis = choice_field("basis", ListBasis)
    n_all: int = count_field("n_all")
    customer: npt.NDArray[Any] = label_column("customer")
    segment: npt.NDArray[np.str_] = label_column("segment", texts=True)
    n_purchases: Integers = count_column("n_purchases")
    last_purchase: Dates = date_table("last_purchase")
    total_spend: Floats | None = number_column("total_spend", default=None)
    month: Integers | None = whole_table("month", default=None)
    prob_alive: Floats | None = number_column("prob_alive", low=0.0, high=1.0, default=None)
    clv: Floats | None = number_column("clv", default=None)
    write_by: Dates | None = date_table("write_by", missing=False, default=None)

    def __attrs_post_init__(self) -> None:
        optional = ("total_spend", "month", "prob_alive", "clv", "write_by")
        require_columns(self, len(self), ("segment", "n_purchases", "last_purchase", *optional), "`customer`")
        if len(self) > self.n_all:
            raise InputError("n_all", f"at least the {len(self)} customers of the list", self.n_all)
        require(~np.isnat(self.last_purchase), "last_purchase", self.last_purchase, "a day")
        for name, basis in (("month", "cascade"), ("prob_alive", "model"), ("write_by", "model")):
            if getattr(self, name) is not None and self.basis != basis:
                raise InputError(name, f"None unless `basis` is {basis!r}", self.basis)

    def __len__(self) -> int:
        return len(self.customer)

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give all columns by name, for a dataframe of any kind."""
        return array_columns(self)


def find_due(history: PurchaseHistory, segment: npt.NDArray[np.str_]) -> CustomerList:
    """List who is due in a first run of the default cascade: those with a step in the last days first."""
    day = _day_of(history)
    due = Cascade().due(_last_purchase(history), day)
    fresh = due.date > day - np.timedelta64(RECENT_DAYS, "D")
    order = np.lexsort((-_worth(history)[due.row], ~fresh))[:_LISTED]
    return _listed("cascade", len(due), history, segment, due.row[order], month=due.month[order])


def find_leaving(
    history: PurchaseHistory, segment: npt.NDArray[np.str_], model: Any, alive: Floats, clv: Floats | None
) -> CustomerList:
    """List who is more likely active than gone today and will not be in a few weeks of silence; the dearest first."""
    later = model.prob_alive(_aged(history, _WEEKS_AHEAD * 7.0))
    rows = np.nonzero((alive >= _EVEN) & (later < _EVEN))[0]
    worth = _worth(history) if clv is None else clv
    first = rows[np.argsort(-worth[rows], kind="stable")][:_LISTED]
    days_left = _days_until_even(_rows_of(history, first), model) if len(first) else np.zeros(0, dtype=np.int64)
    return _listed(
        "model", len(rows), history, segment, first,
        prob_alive=alive[first], clv=None if clv is None else clv[first], write_by=_day_of(history) + days_left,
    )  # fmt: skip


def find_silent(history: PurchaseHistory, segment: npt.NDArray[np.str_]) -> CustomerList:
    """List the best buyers of the groups that have been silent for long, where no model can tell who has left."""
    rows = np.nonzero(np.isin(segment, _SILENT_GROUPS))[0]
    first = rows[np.argsort(-_worth(history)[rows], kind="stable")][:_LISTED]
    return _listed("groups", len(rows), history, segment, first)


def _days_until_even(history: PurchaseHistory, model: Any) -> Integers:
    """Count the days of silence until customers are more likely gone than active."""
    after = np.arange(1, 7 * _WEEKS_AHEAD + 1)
    rows = np.repeat(np.arange(len(history)), len(after))
    alive = model.prob_alive(_aged(_rows_of(history, rows), np.tile(after, len(history))))
    days: Integers = after[(alive.reshape(len(history), len(after)) < _EVEN).argmax(axis=1)]
    return days


def _listed(
    basis: ListBasis,
    n_all: int,
    history: PurchaseHistory,
    segment: npt.NDArray[np.str_],
    rows: Integers,
    **columns: Any,
) -> CustomerList:
    spend, names = history.total_spend, history.customer
    return CustomerList(
        basis=basis,
        n_all=n_all,
        customer=np.asarray(rows if names is None else names[rows]),
        segment=segment[rows],
        n_purchases=history.n_purchases[rows].astype(np.int64),
        last_purchase=_last_purchase(history)[rows],
        total_spend=None if spend is None else spend[rows],
        **columns,
    )


def _day_of(history: PurchaseHistory) -> np.datetime64:
    day: Any = history.as_of  # it was made from a log
    return np.datetime64(day, "D")


def _last_purchase(history: PurchaseHistory) -> Dates:
    return _day_of(history) - np.rint(history.days_since_last).astype(np.int64).astype("timedelta64[D]")


def _worth(history: PurchaseHistory) -> Floats:
    """Give the spend of customers so far, or their purchases where that is not known."""
    return history.n_purchases if history.total_spend is None else history.total_spend


def _rows_of(history: PurchaseHistory, rows: Integers) -> PurchaseHistory:
    return PurchaseHistory.from_columns(
        frequency=history.frequency[rows],
        recency=history.recency[rows],
        age=history.age[rows],
        time_unit=history.time_unit,
    )


def _aged(history: PurchaseHistory, days: Any) -> PurchaseHistory:
    """Give the same purchases, some days later."""
    return PurchaseHistory.from_columns(
        frequency=history.frequency,
        recency=history.recency,
        age=history.age + days / 7.0,
        time_unit=history.time_unit,
    )
