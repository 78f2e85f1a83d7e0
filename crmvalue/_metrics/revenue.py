"""Key figures of revenue: per order, per user, per month."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import attrs
import numpy as np

from crmvalue._core.checks import (
    as_amounts,
    as_counts,
    as_floats,
    as_outcomes,
    require,
    require_same_index,
    require_same_length,
)
from crmvalue._core.json import from_json, to_json
from crmvalue._metrics.common import amount_field, per_unit

if TYPE_CHECKING:
    from crmvalue.typing import ArrayLike, FloatOrArray

__all__ = [
    "RecurringRevenueMovements",
    "average_order_value",
    "average_revenue_per_user",
    "monthly_recurring_revenue",
    "recurring_revenue_movements",
]

_ROUNDING = 1e-9  # parts of a sum that were rounded apart need not add up to the last digit


@attrs.frozen(kw_only=True)
class RecurringRevenueMovements:
    """Changes of recurring revenue from one month to another.

    The parts reconcile: ``start + new + reactivation + expansion - contraction - lost == end``, up to rounding.

    Parameters
    ----------
    start, end : float
        Recurring revenue before and after [money/month], >= 0.
    new : float
        Fees of subscribers who were not subscribed before, >= 0. Returning subscribers are among them, unless
        the movements tell them apart.
    expansion, contraction : float
        Increases and decreases of the fees of subscribers who stayed, both >= 0.
    lost : float
        Former fees of subscribers who left, >= 0.
    reactivation : float
        Fees of subscribers who were away before and have come back, >= 0; 0 where they are not told apart from the new.

    Examples
    --------
    >>> moved = RecurringRevenueMovements(start=100, new=30, expansion=10, contraction=5, lost=20, end=115)
    >>> moved.net_revenue_retention, moved.gross_revenue_retention
    (0.85, 0.75)
    """

    start: float = amount_field("start")
    new: float = amount_field("new")
    expansion: float = amount_field("expansion")
    contraction: float = amount_field("contraction")
    lost: float = amount_field("lost")
    end: float = amount_field("end")
    reactivation: float = amount_field("reactivation", default=0.0)

    def __attrs_post_init__(self) -> None:
        rounding = _ROUNDING * (self.start + self.new + self.reactivation + self.expansion)
        gone = self.contraction + self.lost
        require(gone <= self.start + rounding, "start", self.start, "at least `contraction` + `lost`")
        gained = (self.start, self.new, self.reactivation, self.expansion)
        balance = math.fsum((*gained, -self.contraction, -self.lost, -self.end))
        rule = "`start` + `new` + `reactivation` + `expansion` - `contraction` - `lost`"
        require(abs(balance) <= rounding, "end", self.end, rule)

    @property
    def net_revenue_retention(self) -> float:
        """Revenue of the former subscribers as a share of `start`: above 1 if expansion outweighs losses.

        Without revenue at the start, none can be retained: both shares are NaN then.
        """
        return self._share_of_start(self.start, self.expansion, -self.contraction, -self.lost)

    @property
    def gross_revenue_retention(self) -> float:
        """Revenue of the former subscribers without expansion, as a share of `start`, in [0, 1] or NaN."""
        return self._share_of_start(self.start, -self.contraction, -self.lost)

    def _share_of_start(self, *parts: float) -> float:
        if not self.start:
            return math.nan
        return max(math.fsum(parts), 0.0) / self.start  # rounded sums may leave a little less than nothing

    def to_json(self) -> str:
        """Write the movements as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str) -> RecurringRevenueMovements:
        """Read what :meth:`to_json` wrote, and check it; other text is an InputError."""
        return from_json(cls, text)


def average_order_value(revenue: ArrayLike, n_orders: ArrayLike) -> FloatOrArray:
    """Average order value (AOV): revenue per order.

    Parameters
    ----------
    revenue : array_like
        Revenue of the orders [money], >= 0.
    n_orders : array_like
        Orders, > 0.

    Returns
    -------
    numpy.float64 or numpy.ndarray
        Money per order.

    Raises
    ------
    InputError
        If an input is NaN or infinite, `revenue` is negative or `n_orders` is not above 0.

    Notes
    -----
    ``revenue / n_orders``. Orders of one customer are not independent, so its interval is :func:`ratio_interval` over
    customers.

    Examples
    --------
    >>> print(average_order_value(50_000, 200))
    250.0
    """
    return per_unit(revenue=revenue, n_orders=n_orders)


def average_revenue_per_user(revenue: ArrayLike, n_active: ArrayLike) -> FloatOrArray:
    """Average revenue per user (ARPU): revenue of a period per customer active in it.

    Parameters
    ----------
    revenue : array_like
        Revenue in the period [money], >= 0.
    n_active : array_like
        Customers active in the period, > 0; a mean over its days may have decimals.

    Returns
    -------
    numpy.float64 or numpy.ndarray
        Money per customer and period.

    Raises
    ------
    InputError
        If an input is NaN or infinite, `revenue` is negative or `n_active` is not above 0.

    Notes
    -----
    ``revenue / n_active``. Dividing by *all* customers instead of the active ones gives another, lower figure.

    Examples
    --------
    >>> print(average_revenue_per_user(36_000, 1_200))
    30.0
    """
    return per_unit(revenue=revenue, n_active=n_active)


def monthly_recurring_revenue(n_subscribers: ArrayLike, mean_monthly_fee: ArrayLike) -> FloatOrArray:
    """Monthly recurring revenue (MRR).

    Parameters
    ----------
    n_subscribers : array_like
        Active subscribers, a whole number >= 0.
    mean_monthly_fee : array_like
        Their mean fee [money/month], >= 0. A yearly fee counts as a twelfth a month, a single payment as 0.

    Returns
    -------
    numpy.float64 or numpy.ndarray
        Money per month.

    Raises
    ------
    InputError
        If an input is NaN, infinite or negative, or `n_subscribers` is not whole.

    Notes
    -----
    ``n_subscribers * mean_monthly_fee``.

    Examples
    --------
    >>> print(monthly_recurring_revenue(200, 300))
    60000.0
    """
    subscribers, fee = as_floats(n_subscribers=n_subscribers, mean_monthly_fee=mean_monthly_fee)
    as_counts(n_subscribers=subscribers)
    require(fee >= 0, "mean_monthly_fee", fee, ">= 0")

    return (subscribers * fee)[()]


def recurring_revenue_movements(
    fee_before: ArrayLike, fee_after: ArrayLike, *, subscribed_earlier: ArrayLike | None = None
) -> RecurringRevenueMovements:
    """Split the change of monthly recurring revenue into new, reactivation, expansion, contraction and lost.

    Parameters
    ----------
    fee_before, fee_after : array_like
        Monthly fee of each subscriber at the two moments [money/month], from 0 to 1e15, one element per subscriber in
        the same order; 0, and less than 1e-15, means not subscribed.
    subscribed_earlier : array_like of bool, optional
        Whether each subscriber had ever subscribed before the first moment, in the same order. Those among them who
        were away at the first moment and pay at the second are `reactivation`. By default they count as new.

    Returns
    -------
    RecurringRevenueMovements
        The parts, with net and gross revenue retention.

    Raises
    ------
    InputError
        If the columns are empty or unequally long, a fee is NaN, infinite or negative, or `subscribed_earlier` is not a
        column of True and False.

    Notes
    -----
    A fee that was 0 before is new; a fee that is 0 after is lost. Other increases are expansion, other decreases are
    contraction. Net and gross retention do not depend on who is new and who has come back.

    Examples
    --------
    >>> moved = recurring_revenue_movements([50, 30, 20, 0], [60, 25, 0, 30])
    >>> moved.start, moved.new, moved.expansion, moved.contraction, moved.lost, moved.end
    (100.0, 30.0, 10.0, 5.0, 20.0, 115.0)

    One of two who were away had subscribed earlier:

    >>> moved = recurring_revenue_movements([50, 0, 0], [50, 30, 20], subscribed_earlier=[True, True, False])
    >>> moved.reactivation, moved.new
    (30.0, 20.0)
    """
    require_same_index(fee_before=fee_before, fee_after=fee_after, subscribed_earlier=subscribed_earlier)
    before = as_amounts("fee_before", fee_before)
    after = as_amounts("fee_after", fee_after)
    require_same_length(fee_before=before, fee_after=after)
    require(before >= 0, "fee_before", before, ">= 0")
    require(after >= 0, "fee_after", after, ">= 0")

    returned = np.zeros(len(before), dtype=bool)
    if subscribed_earlier is not None:
        earlier = as_outcomes("subscribed_earlier", subscribed_earlier)
        require_same_length(fee_before=before, subscribed_earlier=earlier)
        returned = earlier & (before == 0)

    change = after - before
    stays = (before > 0) & (after > 0)
    return RecurringRevenueMovements(
        start=math.fsum(before),
        new=math.fsum(after[(before == 0) & ~returned]),
        expansion=math.fsum(change[stays & (change > 0)]),
        contraction=math.fsum(-change[stays & (change < 0)]),
        lost=math.fsum(before[after == 0]),
        end=math.fsum(after),
        reactivation=math.fsum(after[returned]),
    )
