"""What a programme owes: revenue that waits for points, and the share of points that is redeemed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import attrs
import numpy as np

from crmvalue._core.checks import (
    as_column,
    as_fraction,
    as_positive,
    require,
    require_choice,
    require_same_index,
    require_same_length,
)
from crmvalue._core.frames import Columns
from crmvalue._core.json import from_json, to_json
from crmvalue._core.pictures.parts import Axis, Layer, Parts, shown
from crmvalue._core.pictures.pictured import Pictured
from crmvalue._core.values import (
    array_columns,
    date_table,
    float_column,
    hand_over,
    number_column,
    number_field,
    stay_frozen,
    whole_table,
)
from crmvalue.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue._loyalty.ledger import PointsLedger
    from crmvalue.typing import ArrayLike, Dates, Floats, Integers

__all__ = ["ProgrammeLiability", "RedemptionRates", "programme_liability", "redemption_rates"]

CohortPeriod: TypeAlias = Literal["month", "year"]


@stay_frozen
@attrs.frozen(kw_only=True)
class ProgrammeLiability(Columns, Pictured):
    """Sales divided between goods and points, and the revenue of the points at each reporting date.

    Attributes
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

    goods: float = number_field("goods")
    points: float = number_field("points")
    revenue: Floats = number_column("revenue")
    liability: Floats = number_column("liability")

    def _parts(self) -> Parts:
        owed = np.array([self.points, *self.liability])
        n = len(owed)
        share = f"{shown(owed[-1] / self.points, 'share')} of the money for points" if self.points > 0 else "Nothing"
        return Parts(
            title=f"{share} is still owed after {n - 1} reporting {'date' if n == 2 else 'dates'}",
            x=Axis(title="Reporting date; 0 is the sale", form="name"),
            y=Axis(title="Owed for points [money]", form="money"),
            columns={
                "reporting_date": np.arange(n).astype(str),
                "liability": owed,
                "amount": [shown(amount, "money") for amount in owed],
            },
            layers=[
                Layer(mark="bar", x="reporting_date", y="liability"),
                Layer(mark="text", x="reporting_date", y="liability", text="amount"),
            ],
        )

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
    earned = points * done / whole
    return ProgrammeLiability(
        goods=price - points,
        points=points,
        revenue=hand_over(np.diff(earned, prepend=0.0)),
        liability=hand_over(points - earned),
    )


@stay_frozen
@attrs.frozen(kw_only=True)
class RedemptionRates(Columns):
    """Share of the points of each period of issue that has been spent.

    Attributes
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
        redeemed / issued.
    low, high : ndarray of float
        Ends of the interval of the rate, NaN where fewer than 2 members got points. A member, not a point, is one
        observation.

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

    period: Dates = date_table("period")
    n_members: Integers = whole_table("n_members")
    issued: Integers = whole_table("issued")
    redeemed: Integers = whole_table("redeemed")
    expired: Integers = whole_table("expired")
    rate: Floats = float_column("rate")
    low: Floats = number_column("low", missing=True, infinite=True)
    high: Floats = number_column("high", missing=True, infinite=True)

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
    as_fraction("level", level)
    member, day, issued, spent, expired = ledger.issues(as_of)
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
    from scipy import stats

    error = np.sqrt(len(got) / (len(got) - 1) * ((used - share * got) ** 2).sum()) / got.sum()
    width = stats.t.ppf(0.5 + level / 2, len(got) - 1) * error
    return max(share - width, 0.0), min(share + width, 1.0)
