"""What a set of rules would have cost on past orders, and whom it would have rewarded."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
import numpy.typing as npt

from crmvalue._core.checks import as_fraction, as_positive, require
from crmvalue._core.frames import Columns
from crmvalue._core.json import from_json, to_json
from crmvalue._core.labels import as_given, counted, figure, listed, percent
from crmvalue._core.pictures.pictured import Pictured
from crmvalue._core.values import (
    date_table,
    hand_over,
    label_column,
    number_column,
    number_field,
    require_at_most,
    require_columns,
    stay_frozen,
    whole_table,
    words_field,
)
from crmvalue._loyalty.pictures import simulation_parts
from crmvalue._loyalty.programme import LoyaltyProgramme
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crmvalue._core.pictures.parts import Parts
    from crmvalue.typing import ArrayLike, Dates, Floats, Integers

__all__ = ["ProgrammeSimulation", "simulate_programme"]

_ROUNDING = 1e-9


@stay_frozen
@attrs.frozen(kw_only=True)
class ProgrammeSimulation(Columns, Pictured):
    """Points and cost of a programme on past orders: in all, by rule, month, level and member.

    Parameters
    ----------
    cost : float
        Expected cost: points times the value of one times the redemption rate [minor units].
    cost_if_all_redeemed : float
        Cost if each point were redeemed [minor units].
    spend : float
        Money of all orders [minor units].
    rules : tuple of str
        Names of the rules.
    points_by_rule : ndarray of int
        Points by each rule.
    month : ndarray of datetime64
        First day of each month with orders or events.
    points_by_month : ndarray of int
        Points by month.
    cost_by_month : ndarray of float
        Expected cost of the points earned in each month [minor units].
    levels : tuple of str
        Names of the levels, the lowest first; empty without levels.
    points_by_level : ndarray of int
        Points by the level that the member had before the order.
    member : ndarray
        Customers, ascending.
    member_points, member_spend : ndarray of int
        Points and money [minor units] of each.

    Examples
    --------
    >>> from crmvalue.loyalty import EarnRule, LoyaltyProgramme, simulate_programme
    >>> programme = LoyaltyProgramme(rules=[EarnRule(name="base", points=5, per=100)])
    >>> found = simulate_programme(
    ...     programme,
    ...     order=[1, 2],
    ...     customer=["ann", "bob"],
    ...     time=["2024-01-05", "2024-02-05"],
    ...     spend=[10_000, 30_000],
    ...     point_value=1,
    ...     redemption_rate=0.8,
    ... )
    >>> found.cost_share
    0.04
    """

    cost: float = number_field("cost", low=0)
    cost_if_all_redeemed: float = number_field("cost_if_all_redeemed", low=0)
    spend: float = number_field("spend", low=0)
    rules: tuple[str, ...] = words_field("rules")
    points_by_rule: Integers = whole_table("points_by_rule")
    month: Dates = date_table("month", missing=False)
    points_by_month: Integers = whole_table("points_by_month")
    cost_by_month: Floats = number_column("cost_by_month", low=0.0)
    levels: tuple[str, ...] = words_field("levels")
    points_by_level: Integers = whole_table("points_by_level")
    member: npt.NDArray[Any] = label_column("member")
    member_points: Integers = whole_table("member_points")
    member_spend: Integers = whole_table("member_spend")

    def __attrs_post_init__(self) -> None:
        require_columns(self, len(self.rules), ("points_by_rule",), "rules")
        require_columns(self, len(self.month), ("points_by_month", "cost_by_month"), "months")
        require_columns(self, len(self.member), ("member_points", "member_spend"), "members")
        require_at_most(self, "cost", "cost_if_all_redeemed")
        require(~np.isnat(self.month), "month", self.month, "a date, not missing")
        later = np.append(True, self.month[1:] > self.month[:-1])[: len(self.month)]
        require(later, "month", self.month, "in ascending order, each once")
        whole = int(self.member_points.sum())
        for name in ("points_by_rule", "points_by_month", "points_by_level"):
            total = int(getattr(self, name).sum())
            if len(getattr(self, name)) and total != whole:
                raise InputError(name, f"of the same sum as `member_points`, {whole}", total)
        self._require_sum("spend", self.member_spend)
        self._require_sum("cost", self.cost_by_month)

    def _require_sum(self, name: str, parts: Floats | Integers) -> None:
        """Refuse an amount that is not the sum of its parts."""
        one, total = float(getattr(self, name)), float(parts.sum())
        if not math.isclose(one, total, rel_tol=_ROUNDING, abs_tol=_ROUNDING):
            raise InputError(name, f"the sum of that of each part, {as_given(total)}", one)

    def _parts(self) -> Parts:
        totals = (self.cost, self.cost_if_all_redeemed, self.spend)
        return simulation_parts(self.month, self.cost_by_month, self.points_by_month, totals)

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give one row for each member, for a dataframe of any kind."""
        return {"member": self.member, "points": self.member_points, "spend": self.member_spend}

    @property
    def cost_share(self) -> float:
        """Expected cost in relation to the money of all orders, NaN without money."""
        return self.cost / self.spend if self.spend else float("nan")

    @property
    def share_rewarded(self) -> float:
        """Share of the customers who get any points; NaN without customers."""
        return float((self.member_points > 0).mean()) if len(self.member_points) else math.nan

    def share_of_top(self, share: float = 0.1) -> float:
        """Share of all points that goes to this share of the customers, those with the most points; NaN without points.

        The number of these customers is rounded up.
        """
        part = as_fraction("share", share)
        most = np.sort(self.member_points)[::-1]
        whole = most.sum()
        return float(most[: int(np.ceil(round(part * len(most), 9)))].sum() / whole) if whole else float("nan")

    @property
    def conclusion(self) -> str:
        """What the programme would have cost, in minor units of money, and which rules gave no points."""
        part = "less than 0.1%" if self.spend and 0 < self.cost_share < 0.0005 else percent(self.cost_share)
        share = f"{part} of the money of all orders" if self.spend else "in a log with no money"
        return (
            f"The points would have cost {figure(self.cost)} minor units (such as cents), {share}, and "
            f"{figure(self.cost_if_all_redeemed)} if each point were redeemed; orders that a programme brings or "
            f"changes are not in it.{self._without_points()}"
        )

    def _without_points(self) -> str:
        idle = [name for name, points in zip(self.rules, self.points_by_rule.tolist(), strict=True) if not points]
        return f" Without points: {counted(len(idle), 'rule')} ({listed(idle)})." if idle else ""

    def to_json(self) -> str:
        """Write the simulation as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> ProgrammeSimulation:
        """Read what `to_json` wrote."""
        return from_json(cls, text)


def simulate_programme(
    programme: LoyaltyProgramme,
    *,
    order: ArrayLike,
    customer: ArrayLike,
    time: ArrayLike,
    spend: ArrayLike,
    point_value: ArrayLike,
    redemption_rate: ArrayLike,
    items: ArrayLike | None = None,
    event: ArrayLike | None = None,
    traits: Mapping[str, ArrayLike] | None = None,
    joined: ArrayLike | None = None,
) -> ProgrammeSimulation:
    """Find what a programme would have cost on past orders, and whom it would have rewarded.

    Parameters
    ----------
    programme : LoyaltyProgramme
        The rules and levels.
    order : array_like
        Identifier of the order of each line, or of the event. Leave out returned lines.
    customer : array_like
        Customer of each line, the same in all lines of an order.
    time : array_like
        Moment of each line, the same in all lines of an order.
    spend : array_like
        Money of each line [minor units], a whole number >= 0.
    point_value : float
        Cost of one point when it is redeemed [minor units], > 0.
    redemption_rate : float
        Share of the points that will be redeemed, in [0, 1]. Past programmes tell it
        (:func:`~crmvalue.loyalty.redemption_rates`); try a low and a high one.
    items : array_like, optional
        Number of items of each line, a whole number from 0 to 10**6; by default 1.
    event : array_like of str, optional
        "order" for lines of orders, else the name of an event such as "review"; by default all are lines of orders.
    traits : mapping of str to array_like, optional
        More columns of the lines, for `only` and `excluded` of the rules, such as ``{"brand": [...]}``.
    joined : array_like of dates, optional
        Day of joining of the customer of each line; by default the day of their first row.

    Returns
    -------
    ProgrammeSimulation
        Points and cost.

    Raises
    ------
    InputError
        If a column is out of range, columns differ in length, or an order has two customers or two times.

    Notes
    -----
    Past orders stay as they are: nobody buys more or less because of the points. So this is the cost, not the gain.

    Examples
    --------
    >>> from crmvalue.loyalty import EarnRule, LoyaltyProgramme, simulate_programme
    >>> programme = LoyaltyProgramme(rules=[EarnRule(name="base", points=5, per=100)])
    >>> found = simulate_programme(
    ...     programme,
    ...     order=[1, 2],
    ...     customer=["ann", "bob"],
    ...     time=["2024-01-05", "2024-02-05"],
    ...     spend=[10_000, 30_000],
    ...     point_value=1,
    ...     redemption_rate=0.8,
    ... )
    >>> found.cost, found.cost_if_all_redeemed
    (1600.0, 2000.0)
    """
    if not isinstance(programme, LoyaltyProgramme):
        raise InputError("programme", "a LoyaltyProgramme", programme)
    value = as_positive("point_value", point_value)
    rate = as_fraction("redemption_rate", redemption_rate, closed=True)
    earned = programme.earn(
        order=order, customer=customer, time=time, spend=spend, items=items, event=event, traits=traits, joined=joined
    )
    months, month = np.unique(earned.time.astype("datetime64[M]"), return_inverse=True)
    people, person = np.unique(earned.member, return_inverse=True)
    by_month = _sums(month, earned.points, len(months))
    whole = float(earned.points.sum()) * value
    return ProgrammeSimulation(
        cost=whole * rate,
        cost_if_all_redeemed=whole,
        spend=float(earned.spend.sum()),
        rules=earned.rules,
        points_by_rule=earned.by_rule.sum(axis=0),
        month=months.astype("datetime64[D]"),
        points_by_month=by_month,
        cost_by_month=hand_over(by_month * (value * rate)),
        levels=tuple(level.name for level in programme.levels),
        points_by_level=_sums(earned.tier, earned.points, len(programme.levels)),
        member=people,
        member_points=_sums(person, earned.points, len(people)),
        member_spend=_sums(person, earned.spend, len(people)),
    )


def _sums(place: Integers, amount: Integers, n: int) -> Integers:
    return np.bincount(place, amount, minlength=n).astype(np.int64)
