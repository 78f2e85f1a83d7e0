"""An order log cut in two by time; :mod:`crmvalue.purchases` is the public door."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
import numpy.typing as npt

from crmvalue._core.checks import as_day, as_flag, require
from crmvalue._core.frames import Columns
from crmvalue._core.labels import spoken_for
from crmvalue._core.values import (
    checked_field,
    float_column,
    hand_over,
    label_column,
    number_field,
    of_class,
    require_columns,
    stay_frozen,
)
from crmvalue._purchases.history import DAYS_PER_UNIT, PurchaseHistory
from crmvalue._purchases.order_log import OrderLogCounts, Policy, aggregate, last_day, read_log, require_holdout
from crmvalue._purchases.summary import to_history
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crmvalue._purchases.order_log import Duplicates, Grain, Log, Missing, Refunds, Summary, TimeUnit, Zeros
    from crmvalue.typing import ArrayLike, Floats

__all__ = ["PurchaseSplit", "split_purchases"]


@stay_frozen
@attrs.frozen(kw_only=True)
class PurchaseSplit(Columns):
    """A log cut in two by time: the calibration for fitting a model, and the holdout for checking it.

    Parameters
    ----------
    calibration : PurchaseHistory
        The customers' histories up to and including `calibration.as_of`.
    holdout_n_purchases : ndarray
        Purchases of each of these customers in the holdout, shape (n,), whole numbers >= 0.
    holdout_spend : ndarray or None
        Money of each of them in the holdout; None for a log without amounts.
    holdout_length : float
        Length of the holdout [time_unit of `calibration`], whole days.
    last_n_purchases, last_spend : ndarray or None
        Purchases and money of each of them at the end of the calibration, over a time as long as the holdout. Where the
        log is too short for that, those of the part there is, in proportion. `last_spend` is None for a log without
        amounts; both are None for a split that was put together by hand without them.
    new_customer : ndarray
        Identifiers of customers whose first purchase is in the holdout; they are not in the calibration.
    new_n_purchases : ndarray
        Purchases of each new customer in the holdout, the first included.
    new_spend : ndarray or None
        Money of each new customer in the holdout.
    holdout_counts : OrderLogCounts
        Counts of the rows of the holdout.

    Examples
    --------
    >>> split = split_purchases([1, 1, 2], ["2024-01-01", "2024-03-01", "2024-03-02"], calibration_end="2024-01-31")
    >>> split.holdout_n_purchases, split.n_new_customers
    (array([1.]), 1)
    """

    calibration: PurchaseHistory = checked_field("calibration", of_class(PurchaseHistory))
    holdout_n_purchases: Floats = float_column("holdout_n_purchases")
    holdout_spend: Floats | None = float_column("holdout_spend", optional=True)
    holdout_length: float = number_field("holdout_length", low=0.0)
    new_customer: npt.NDArray[Any] = label_column("new_customer", identifiers=True)
    new_n_purchases: Floats = float_column("new_n_purchases")
    new_spend: Floats | None = float_column("new_spend", optional=True)
    holdout_counts: OrderLogCounts = checked_field("holdout_counts", of_class(OrderLogCounts))
    last_n_purchases: Floats | None = float_column("last_n_purchases", optional=True)
    last_spend: Floats | None = float_column("last_spend", optional=True)

    def __attrs_post_init__(self) -> None:
        known = ("holdout_n_purchases", "holdout_spend", "last_n_purchases", "last_spend")
        require_columns(self, len(self.calibration), known, "customers of the calibration")
        require_columns(self, len(self.new_customer), ("new_n_purchases", "new_spend"), "new customers")
        if not self.holdout_length > 0:
            raise InputError("holdout_length", "> 0", self.holdout_length)
        for name, low in (("holdout_n_purchases", 0.0), ("new_n_purchases", 1.0)):
            number = getattr(self, name)
            require((number >= low) & (number == np.floor(number)), name, number, f"a whole number >= {low:g}")
        for name in ("holdout_spend", "last_n_purchases", "last_spend", "new_spend"):
            column = getattr(self, name)
            if column is not None:
                require(column >= 0, name, column, ">= 0")

    def with_covariates(self, columns: Mapping[str, ArrayLike], *, customer: ArrayLike | None = None) -> PurchaseSplit:
        """Add known traits of the customers of the calibration: see :meth:`PurchaseHistory.with_covariates`.

        Parameters
        ----------
        columns, customer
            As there.

        Returns
        -------
        PurchaseSplit
            The same split, its calibration with these covariates.

        Raises
        ------
        InputError
            As there.
        """
        return attrs.evolve(self, calibration=self.calibration.with_covariates(columns, customer=customer))

    @property
    def n_new_customers(self) -> int:
        """Number of customers whose first purchase is in the holdout."""
        return len(self.new_customer)

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give the customers of the calibration with their purchases in the holdout, for a dataframe of any kind."""
        found = {"holdout_n_purchases": self.holdout_n_purchases, "holdout_spend": self.holdout_spend}
        known = {name: column for name, column in found.items() if column is not None}
        return self.calibration.to_columns() | known


def split_purchases(
    customer: ArrayLike,
    date: ArrayLike,
    amount: ArrayLike | None = None,
    *,
    calibration_end: ArrayLike,
    holdout_end: ArrayLike | None = None,
    time_unit: TimeUnit = "week",
    grain: Grain = "day",
    refunds: Refunds = "raise",
    zeros: Zeros = "keep",
    missing: Missing = "raise",
    duplicates: Duplicates = "keep",
    keep_amounts: bool = False,
) -> PurchaseSplit:
    """Cut an order log into a calibration part and a holdout part by whole days.

    Parameters
    ----------
    customer, date, amount, time_unit, grain, refunds, zeros, missing, duplicates, keep_amounts
        As in :func:`summarise_purchases`. Each part is summarised by itself: a refund in the holdout is never taken off
        a purchase of the calibration, because a model at that time would not know of the refund.
    calibration_end : date
        Last day of the calibration; the holdout begins on the next day.
    holdout_end : date, optional
        Last day of the holdout; by default the last date of the log. Later rows are left out and counted. It must be
        given if rows lie far after all others, as `as_of` of :func:`summarise_purchases`.

    Returns
    -------
    PurchaseSplit
        The histories of the calibration, the purchases of the same customers in the holdout, and the new customers.

    Raises
    ------
    InputError
        As :func:`summarise_purchases`, and if no day is left between `calibration_end` and the end of the holdout.

    Examples
    --------
    >>> from crmvalue.datasets import load_cdnow
    >>> cdnow = load_cdnow()
    >>> split = split_purchases(cdnow.customer, cdnow.date, cdnow.amount, calibration_end="1997-09-30")
    >>> int(split.calibration.frequency.sum()), int(split.holdout_n_purchases.sum()), split.holdout_length
    (2457, 1882, 39.0)
    """
    log = read_log(customer, date, amount, time_unit=time_unit, grain=grain, missing=missing)
    policy = Policy(refunds, zeros, missing, duplicates)
    kept = as_flag("keep_amounts", keep_amounts)
    return split_log(log, policy, calibration_end, holdout_end, time_unit, grain, keep_amounts=kept)


def split_log(
    log: Log,
    policy: Policy,
    calibration_end: ArrayLike,
    holdout_end: ArrayLike | None,
    time_unit: TimeUnit,
    grain: Grain,
    *,
    keep_amounts: bool = False,
) -> PurchaseSplit:
    """Do what :func:`split_purchases` does, for a log that has been read."""
    with spoken_for():  # the other end warns of the log
        cut = last_day(log, "calibration_end", as_day("calibration_end", calibration_end))
    end = last_day(log, "holdout_end", holdout_end)
    require_holdout(cut, end, holdout_end)
    past = aggregate(log, policy, None, cut, grain)
    calibration = to_history(past, cut, time_unit, grain, keep_amounts=keep_amounts)
    later = aggregate(log, policy, cut, end, grain)
    ids = calibration.customer
    if ids is None:  # pragma: no cover - a history made from a log has its customers
        raise AssertionError
    frequency, spend, known = _of_customers(ids, later)
    begin = cut - (end - cut)
    last_frequency, last_spend, _ = _of_customers(ids, aggregate(log, policy, begin, cut, grain))
    longer = (end - cut) / (cut - max(begin, log.begin(cut) - np.timedelta64(1, "D")))
    return PurchaseSplit(
        calibration=calibration,
        holdout_n_purchases=hand_over(frequency),
        holdout_spend=None if spend is None else hand_over(spend),
        holdout_length=float((end - cut).astype(np.int64) / DAYS_PER_UNIT[time_unit]),
        new_customer=hand_over(later.customer[~known]),
        new_n_purchases=hand_over(later.n_purchases[~known].astype(np.float64)),
        new_spend=None if later.total is None else hand_over(later.total[~known]),
        holdout_counts=later.counts,
        last_n_purchases=hand_over(last_frequency * longer),
        last_spend=None if last_spend is None else hand_over(last_spend * longer),
    )


def _of_customers(ids: npt.NDArray[Any], part: Summary) -> tuple[Floats, Floats | None, npt.NDArray[np.bool_]]:
    """Purchases and money of known customers in a part of a log, and which customers of the part are known."""
    place = np.searchsorted(ids, part.customer)
    known = ids[np.minimum(place, len(ids) - 1)] == part.customer
    frequency = np.zeros(len(ids))
    frequency[place[known]] = part.n_purchases[known]
    if part.total is None:
        return frequency, None, known
    spend = np.zeros(len(ids))
    spend[place[known]] = part.total[known]
    return frequency, spend, known
