"""What a programme owes and costs: revenue that waits for points, cost by month, and the share that is redeemed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import attrs
import numpy as np

from crmvalue._core.checks import (
    as_column,
    as_day,
    as_fraction,
    as_positive,
    as_time_column,
    require,
    require_choice,
    require_same_index,
    require_same_length,
)
from crmvalue._core.frames import Columns
from crmvalue._core.json import from_json, to_json
from crmvalue._core.labels import as_given
from crmvalue._core.pictures.pictured import Pictured
from crmvalue._core.values import (
    array_columns,
    date_table,
    hand_over,
    number_column,
    number_field,
    of_class,
    require_columns,
    require_ends,
    stay_frozen,
    whole_table,
)
from crmvalue._loyalty.ledger import PointsLedger
from crmvalue._loyalty.pictures import costs_parts, liability_parts, rates_parts
from crmvalue.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue._core.pictures.parts import Parts
    from crmvalue.typing import ArrayLike, Dates, Floats, Integers

__all__ = [
    "ProgrammeCosts",
    "ProgrammeLiability",
    "RedemptionRates",
    "programme_costs",
    "programme_liability",
    "redemption_rates",
]

CohortPeriod: TypeAlias = Literal["month", "year"]

_ROUNDING = 1e-9


@stay_frozen
@attrs.frozen(kw_only=True)
class ProgrammeLiability(Columns, Pictured):
    """Sales divided between goods and points, and the revenue of the points at each reporting date.

    Parameters
    ----------
    goods : float
        Part of the sales that is revenue of the goods at once [money].
    points : float
        Part of the sales that waits for the points [money].
    revenue : ndarray of float
        Revenue of the points in the period that ends at each date [money]; negative where more redemptions are
        expected than before.
    liability : ndarray of float
        What is still owed at each date [money].

    Examples
    --------
    >>> found = programme_liability(100_000, 9_500, redeemed=[4_500, 8_500], expected=[9_500, 9_700])
    >>> found.liability.round().tolist()
    [4566.0, 1073.0]
    """

    goods: float = number_field("goods", low=0.0)
    points: float = number_field("points", low=0.0)
    revenue: Floats = number_column("revenue")
    liability: Floats = number_column("liability")

    def __attrs_post_init__(self) -> None:
        require_columns(self, len(self.revenue), ("liability",), "reporting dates")
        slack = _ROUNDING * (1.0 + self.points)
        within = (self.liability >= -slack) & (self.liability <= self.points + slack)
        require(within, "liability", self.liability, f"from 0 to `points`, {as_given(self.points)}")

    def _parts(self) -> Parts:
        return liability_parts(self.points, self.liability)

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give one row for each reporting date, for a dataframe of any kind."""
        return array_columns(self)

    def to_json(self) -> str:
        """Write the result as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> ProgrammeLiability:
        """Read what `to_json` wrote."""
        return from_json(cls, text)


def programme_liability(
    sales: ArrayLike, points_value: ArrayLike, *, redeemed: ArrayLike, expected: ArrayLike
) -> ProgrammeLiability:
    r"""Divide sales between goods and points, and give the revenue of the points by cumulative catch-up.

    Parameters
    ----------
    sales : float
        What customers paid for the goods with which points were earned [money], > 0.
    points_value : float
        Stand-alone value of these points [money], > 0: their number times the value of one, times the probability that
        it is redeemed.
    redeemed : array_like
        Points redeemed since the sale, at each reporting date, >= 0 and never less than before. Shape (n,).
    expected : array_like
        Points that will be redeemed in all, as each reporting date expects it, > 0 and at least `redeemed`.

    Returns
    -------
    ProgrammeLiability
        Revenue and liability at each reporting date.

    Raises
    ------
    InputError
        If an amount is not above 0, the redeemed points fall, or more are redeemed than expected.

    Notes
    -----
    The goods are taken at their price, the sales. The points get the share

    .. math:: S \cdot \frac{V}{S + V}

    of the sales S, with V their stand-alone value. Revenue up to a date is this share times redeemed / expected. A
    change of what is expected counts in the period in which it becomes known (IFRS 15, B39 to B46). The function
    computes; whether a programme is a material right, an accountant decides.

    References
    ----------
    IFRS 15 Revenue from Contracts with Customers, illustrative example 52.

    Examples
    --------
    >>> found = programme_liability(100_000, 9_500, redeemed=[4_500, 8_500], expected=[9_500, 9_700])
    >>> round(found.goods), round(found.points)
    (91324, 8676)
    >>> found.revenue.round().tolist()
    [4110.0, 3493.0]
    """
    require_same_index(redeemed=redeemed, expected=expected)
    price, value = as_positive("sales", sales), as_positive("points_value", points_value)
    done, whole = as_column("redeemed", redeemed), as_column("expected", expected)
    require_same_length(redeemed=done, expected=whole)
    require(done >= 0, "redeemed", done, ">= 0")
    require(whole > 0, "expected", whole, "> 0")
    require(np.diff(done, prepend=0.0) >= 0, "redeemed", done, "the sum since the sale, never less than before")
    require(whole >= done, "expected", whole, "at least `redeemed`")
    points = price * value / (price + value)
    earned = points * (done / whole)  # all of it where all are redeemed
    return ProgrammeLiability(
        goods=price - points,
        points=points,
        revenue=hand_over(np.diff(earned, prepend=0.0)),
        liability=hand_over(points - earned),
    )


_LOWEST = -(2**53)


@stay_frozen
@attrs.frozen(kw_only=True)
class ProgrammeCosts(Columns, Pictured):
    """What a running programme costs in each calendar month.

    Parameters
    ----------
    month : ndarray of datetime64
        First day of each month, from the first event or order to `as_of`; the last month may be incomplete.
    issued : ndarray of int
        Points earned, without those that returns of orders took back.
    redeemed : ndarray of int
        Points spent, without those that were given back.
    expired : ndarray of int
        Points that ran out or were taken away.
    adjusted : ndarray of int
        Points of adjustments.
    deducted : ndarray of int
        Points of returned orders that were spent already, and that the refund pays; 0 under any other policy.
    outstanding : ndarray of int
        Points at the end of the month, pending ones included; debts of members are negative.
    liability_change : ndarray of float
        Change of what the outstanding points are expected to cost [minor units].
    cost : ndarray of float
        Cost of the month [minor units]: redeemed points less deducted ones, at their value, plus the liability change.
    spend : ndarray of float, optional
        Money of the orders of the month [minor units]; None if no orders were given.

    Examples
    --------
    >>> from crmvalue.loyalty import PointsLedger, PointsPolicy
    >>> ledger = PointsLedger(
    ...     policy=PointsPolicy(if_spent="negative"),
    ...     event=[1, 2],
    ...     member=["ann", "ann"],
    ...     kind=["earn", "spend"],
    ...     time=["2024-01-10", "2024-02-20"],
    ...     points=[100, 80],
    ... )
    >>> costs = programme_costs(ledger, "2024-02-29", point_value=1, redemption_rate=0.5)
    >>> costs.liability_change.tolist(), costs.cost.tolist()
    ([50.0, -40.0], [50.0, 40.0])
    """

    month: Dates = date_table("month", missing=False)
    issued: Integers = whole_table("issued", low=_LOWEST)
    redeemed: Integers = whole_table("redeemed", low=_LOWEST)
    expired: Integers = whole_table("expired", low=_LOWEST)
    adjusted: Integers = whole_table("adjusted", low=_LOWEST)
    deducted: Integers = whole_table("deducted")
    outstanding: Integers = whole_table("outstanding", low=_LOWEST)
    liability_change: Floats = number_column("liability_change")
    cost: Floats = number_column("cost")
    spend: Floats | None = number_column("spend", low=0.0, default=None)

    def __attrs_post_init__(self) -> None:
        names = ("issued", "redeemed", "expired", "adjusted", "deducted", "outstanding", "liability_change", "cost")
        require_columns(self, len(self.month), (*names, "spend"), "months")
        _require_ascending("month", self.month)
        if self.spend is not None:
            with np.errstate(over="ignore"):
                share = self.cost_share
            require(~np.isinf(share), "cost", self.cost, "of a share of `spend` that is a number")

    def _parts(self) -> Parts:
        return costs_parts(self.month, self.cost, self.liability_change, self.spend)

    @property
    def cost_share(self) -> Floats:
        """Cost in relation to the money of the orders of each month; NaN in a month without money."""
        if self.spend is None:
            raise InputError("spend", "given, to relate the cost to it", None)
        share = np.full(len(self.month), np.nan)
        np.divide(self.cost, self.spend, out=share, where=self.spend > 0)
        return share

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give one row for each month, for a dataframe of any kind."""
        columns = array_columns(self)
        return columns if self.spend is None else {**columns, "cost_share": self.cost_share}

    def to_json(self) -> str:
        """Write the costs as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> ProgrammeCosts:
        """Read what `to_json` wrote."""
        return from_json(cls, text)


def programme_costs(
    ledger: PointsLedger,
    as_of: ArrayLike,
    *,
    point_value: ArrayLike,
    redemption_rate: ArrayLike,
    time: ArrayLike | None = None,
    spend: ArrayLike | None = None,
) -> ProgrammeCosts:
    """Find what a running programme costs in each calendar month, by its ledger.

    Parameters
    ----------
    ledger : PointsLedger
        The ledger of the programme.
    as_of : date
        Last day that counts.
    point_value : float
        Cost of one point when it is redeemed [minor units], > 0.
    redemption_rate : float
        Share of the outstanding points that will still be redeemed, in [0, 1]. Months whose points have expired tell it
        (:func:`redemption_rates`).
    time : array_like, optional
        Moment of each order of the shop, with or without points.
    spend : array_like, optional
        Money of each order [minor units], >= 0; given with `time`.

    Returns
    -------
    ProgrammeCosts
        One row for each month, also for those in which nothing happened.

    Raises
    ------
    InputError
        If a number is out of its range, `time` comes without `spend`, or nothing happened by `as_of`.

    Notes
    -----
    A point costs when it is issued what it is expected to cost in the end. What is redeemed beyond this expectation
    costs more in its month, what expires costs less. Over all months the cost is what was redeemed, plus what the
    outstanding points are expected to cost. The last part changes with `redemption_rate`, so give one rate to months
    that are compared. This is the cost of the points. For the revenue of a reporting period see
    :func:`programme_liability`.

    Examples
    --------
    >>> from crmvalue.loyalty import PointsLedger, PointsPolicy
    >>> ledger = PointsLedger(
    ...     policy=PointsPolicy(if_spent="negative"),
    ...     event=[1, 2],
    ...     member=["ann", "ann"],
    ...     kind=["earn", "spend"],
    ...     time=["2024-01-10", "2024-02-20"],
    ...     points=[100, 80],
    ... )
    >>> costs = programme_costs(
    ...     ledger,
    ...     "2024-02-29",
    ...     point_value=1,
    ...     redemption_rate=0.5,
    ...     time=["2024-01-10", "2024-02-20"],
    ...     spend=[2000, 1000],
    ... )
    >>> costs.cost.tolist(), costs.cost_share.tolist()
    ([50.0, 40.0], [0.025, 0.04])
    """
    value = as_positive("point_value", point_value)
    rate = as_fraction("redemption_rate", redemption_rate, closed=True)
    end = as_day("as_of", as_of)
    flows = _ledger(ledger).flows(end)
    month, money = np.zeros(0, dtype="datetime64[M]"), np.zeros(0)
    if (time is None) != (spend is None):
        raise InputError("spend" if spend is None else "time", "given where the other of `time` and `spend` is", None)
    if time is not None and spend is not None:
        require_same_index(time=time, spend=spend)
        moment, money = as_time_column("time", time).astype("datetime64[D]"), as_column("spend", spend)
        require_same_length(time=moment, spend=money)
        require(money >= 0, "spend", money, ">= 0")
        month, money = moment[moment <= end].astype("datetime64[M]"), money[moment <= end]
    own = flows.pop("month").astype("datetime64[M]")
    if not len(own) and not len(month):
        raise InputError("as_of", "a day by which something happened", str(end))
    first = np.concatenate([own, month]).min()
    months = np.arange(first, end.astype("datetime64[M]") + 1)
    gap = len(months) - len(own)
    flow = {name: np.concatenate([np.zeros(gap, dtype=np.int64), column]) for name, column in flows.items()}
    deducted = flow.pop("short") * (ledger.policy.if_spent == "refund")
    change = np.diff(flow["outstanding"], prepend=0) * (value * rate)
    return ProgrammeCosts(
        month=hand_over(months.astype("datetime64[D]")),
        **{name: hand_over(column) for name, column in flow.items()},
        deducted=hand_over(deducted),
        liability_change=hand_over(change),
        cost=hand_over((flow["redeemed"] - deducted) * value + change),
        spend=None if time is None else hand_over(np.bincount((month - first).astype(np.int64), money, len(months))),
    )


@stay_frozen
@attrs.frozen(kw_only=True)
class RedemptionRates(Columns, Pictured):
    """Share of the points of each period of issue that has been spent.

    Parameters
    ----------
    period : ndarray of datetime64
        First day of each period of issue.
    n_members : ndarray of int
        Members who got points in the period.
    issued : ndarray of int
        Points issued, without those of returned orders.
    redeemed : ndarray of int
        Points of these that are spent.
    expired : ndarray of int
        Points of these that can no longer be spent.
    rate : ndarray of float
        Share redeemed / issued.
    low, high : ndarray of float
        Ends of the interval of the rate, NaN where fewer than 2 members got points. A member, not a point, is one
        observation. Where all members have spent one and the same share, such as nothing, the others may be members who
        do not: as many as would be missing among so few with a probability of (1 - level) / 2, spending all or nothing.

    Examples
    --------
    >>> from crmvalue.loyalty import PointsLedger, PointsPolicy
    >>> ledger = PointsLedger(
    ...     policy=PointsPolicy(if_spent="negative"),
    ...     event=[1, 2, 3],
    ...     member=["ann", "bob", "ann"],
    ...     kind=["earn", "earn", "spend"],
    ...     time=["2024-01-10", "2024-01-12", "2024-02-20"],
    ...     points=[100, 100, 80],
    ... )
    >>> redemption_rates(ledger, "2024-03-01").rate.tolist()
    [0.4]
    """

    period: Dates = date_table("period", missing=False)
    n_members: Integers = whole_table("n_members")
    issued: Integers = whole_table("issued")
    redeemed: Integers = whole_table("redeemed")
    expired: Integers = whole_table("expired")
    rate: Floats = number_column("rate", low=0.0, high=1.0)
    low: Floats = number_column("low", low=0.0, high=1.0, missing=True)
    high: Floats = number_column("high", low=0.0, high=1.0, missing=True)

    def __attrs_post_init__(self) -> None:
        names = ("n_members", "issued", "redeemed", "expired", "rate", "low", "high")
        require_columns(self, len(self.period), names, "periods")
        _require_ascending("period", self.period)
        gone = self.redeemed + self.expired
        require(gone <= self.issued, "issued", self.issued, "at least `redeemed` and `expired` together")
        near = np.abs(self.rate * self.issued - self.redeemed) < 1.0
        require(near, "rate", self.rate, "`redeemed` in relation to `issued`")
        require_ends(self, "low", "high")
        outside = (self.rate < self.low - _ROUNDING) | (self.rate > self.high + _ROUNDING)
        require(~outside, "rate", self.rate, "in its interval, from `low` to `high`")

    def _parts(self) -> Parts:
        counts = (self.issued, self.redeemed, self.expired)
        return rates_parts(self.period, counts, self.rate, (self.low, self.high))

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give one row for each period, for a dataframe of any kind."""
        return array_columns(self)

    def to_json(self) -> str:
        """Write the rates as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> RedemptionRates:
        """Read what `to_json` wrote."""
        return from_json(cls, text)


def redemption_rates(
    ledger: PointsLedger, as_of: ArrayLike, *, period: CohortPeriod = "month", level: float = 0.95
) -> RedemptionRates:
    """Find the share of points that is spent, by month or year of issue.

    Parameters
    ----------
    ledger : PointsLedger
        The ledger of the programme.
    as_of : date
        Last day that counts.
    period : {"month", "year"}, default "month"
        Calendar period of issue.
    level : float, default 0.95
        Level of the intervals, in (0, 1).

    Returns
    -------
    RedemptionRates
        One row for each period in which points were issued. Points of young periods can still be spent: compare
        periods whose points have expired.

    Raises
    ------
    InputError
        If the level is not in (0, 1) or the date is none.

    Examples
    --------
    >>> from crmvalue.loyalty import PointsLedger, PointsPolicy
    >>> ledger = PointsLedger(
    ...     policy=PointsPolicy(if_spent="negative"),
    ...     event=[1, 2, 3],
    ...     member=["ann", "bob", "ann"],
    ...     kind=["earn", "earn", "spend"],
    ...     time=["2024-01-10", "2024-01-12", "2024-02-20"],
    ...     points=[100, 100, 80],
    ... )
    >>> found = redemption_rates(ledger, "2024-03-01")
    >>> found.issued.tolist(), found.redeemed.tolist()
    ([200], [80])
    """
    require_choice("period", period, get_args(CohortPeriod))
    level = as_fraction("level", level)
    member, day, issued, spent, expired = _ledger(ledger).issues(as_of)
    if not len(day):
        raise InputError("as_of", "a day by which points were issued", as_of)
    unit = "datetime64[M]" if period == "month" else "datetime64[Y]"
    periods, place = np.unique(day.astype(unit), return_inverse=True)
    _, person = np.unique(member, return_inverse=True)
    rows = []
    for number in range(len(periods)):
        own = place == number
        _, who = np.unique(person[own], return_inverse=True)
        got, used = np.bincount(who, issued[own]), np.bincount(who, spent[own])
        low, high = _interval(used, got, level)
        rows.append((len(got), got.sum(), used.sum(), expired[own].sum(), used.sum() / got.sum(), low, high))
    n, got, used, gone, rate, low, high = (np.array(column) for column in zip(*rows, strict=True))
    return RedemptionRates(
        period=periods.astype("datetime64[D]"),
        n_members=n,
        issued=got,
        redeemed=used,
        expired=gone,
        rate=rate,
        low=low,
        high=high,
    )


def _interval(used: npt.NDArray[Any], got: npt.NDArray[Any], level: float) -> tuple[Any, Any]:
    if len(got) < 2:
        return np.nan, np.nan
    share = used.sum() / got.sum()
    if (np.abs(used - share * got) <= 1e-12 * got).all():  # all members did the same, which says nothing of the spread
        others = 1 - ((1 - level) / 2) ** (1 / len(got))
        return share - share * others, share + (1 - share) * others
    from scipy import stats

    error = np.sqrt(len(got) / (len(got) - 1) * ((used - share * got) ** 2).sum()) / got.sum()
    width = stats.t.isf((1 - level) / 2, len(got) - 1) * error
    return max(share - width, 0.0), min(share + width, 1.0)


def _require_ascending(name: str, days: Dates) -> None:
    """Refuse missing days, and days that are not after the one before."""
    require(~np.isnat(days), name, days, "a date, not missing")
    require(np.append(True, days[1:] > days[:-1])[: len(days)], name, days, "in ascending order, each once")


def _ledger(value: object) -> PointsLedger:
    found: PointsLedger = of_class(PointsLedger)("ledger", value)
    return found
