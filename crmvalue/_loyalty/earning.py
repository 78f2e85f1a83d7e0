"""What earns points: purchases, items and events, with exclusions, levels and caps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

from crmvalue._core.checks import as_ordered_items, as_text, as_whole_number
from crmvalue._core.json import from_json, to_json
from crmvalue._core.values import FixedMapping, checked_field, choice_field, optional, plain_label
from crmvalue._loyalty.shares import divide_product, share_out_groups
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from crmvalue.typing import Dates, Integers

__all__ = ["EarnRule", "Lines", "points_of_rule"]

Basis: TypeAlias = Literal["spend", "items", "orders", "event"]
CapPeriod: TypeAlias = Literal["day", "month", "year"]
EarnRounding: TypeAlias = Literal["down", "half_up"]

_MOST_POINTS = 10**15  # of an order and a rule: floats hold them exactly
_UNITS = {"day": "datetime64[D]", "month": "datetime64[M]", "year": "datetime64[Y]"}


def _named(name: str, value: Any) -> str:
    text = as_text(name, value)
    if not text.strip():
        raise InputError(name, "a name, not empty", value)
    return text


def _whole(name: str, value: Any) -> int:
    return as_whole_number(name, value, low=1, high=10**9)


def _values_by_column(name: str, value: Any) -> FixedMapping[str, tuple[Any, ...]]:
    rule = "a mapping of columns to lists of values, such as {'brand': ['Ajax']}"
    if not isinstance(value, Mapping):
        raise InputError(name, rule, value)
    pairs = (
        (as_text(name, key), as_ordered_items(f"{name}[{key!r}]", items, "a list of values, such as ['Ajax']"))
        for key, items in value.items()
    )
    found = {key: tuple(map(plain_label, items)) for key, items in pairs}
    for key, items in found.items():
        for item in items:
            if not isinstance(item, str | int | float | np.generic | None) or item != item:  # noqa: PLR0124 - NaN
                raise InputError(f"{name}[{key!r}]", "texts or numbers", item)
    return FixedMapping(found)


def _percents(name: str, value: Any) -> FixedMapping[str, int]:
    if not isinstance(value, Mapping):
        raise InputError(name, "a mapping of levels to percent, such as {'gold': 150}", value)
    return FixedMapping(
        {
            as_text(name, key): as_whole_number(f"{name}[{key!r}]", part, low=0, high=10_000)
            for key, part in value.items()
        }
    )


@attrs.frozen(kw_only=True)
class EarnRule:
    """One rule by which members earn points, stamps or cashback.

    Parameters
    ----------
    name : str
        Name of the rule, in results.
    points : int
        Points for each unit of `basis`, from 1 to 10**9. For cashback of 5 %, 5 minor units for each 100.
    basis : {"spend", "items", "orders", "event"}, default "spend"
        What earns: money spent, items bought (stamps), an order, or an event such as a review.
    per : int, default 1
        So many minor units of money, or items, of one order earn `points`, from 1 to 10**9. Less or more earns in
        proportion: with 5 points per 100, an order of 150 earns 7.5, rounded. No rest is carried over to the next
        order. Always 1 where the basis is "orders" or "event".
    event : str, optional
        Event that earns, where the basis is "event": "review", "birthday", "referral", "registration".
    rounding : {"down", "half_up"}, default "down"
        Rounding of the points of an order. Its lines are added up first.
    only, excluded : mapping of str to list, optional
        Columns of the lines, and the values that earn or do not earn, such as ``{"brand": ["Ajax"]}``. A line must fit
        each column of `only` and no value of `excluded`.
    level_percent : mapping of str to int, optional
        Points of members of a level in percent, such as ``{"gold": 150}``; other levels get 100.
    most_per_order, most_per_period : int, optional
        Caps in points, from 1 to 10**9; the second for each member and `period`.
    period : {"day", "month", "year"}, default "month"
        Calendar period of the second cap.

    Examples
    --------
    >>> rule = EarnRule(name="base", points=1, per=1000, level_percent={"gold": 150})
    >>> rule.per
    1000
    """

    name: str = checked_field("name", _named)
    points: int = checked_field("points", _whole)
    basis: str = choice_field("basis", Basis, default="spend")
    per: int = checked_field("per", _whole, default=1)
    event: str | None = checked_field("event", optional(as_text), default=None)
    rounding: str = choice_field("rounding", EarnRounding, default="down")
    only: FixedMapping[str, tuple[Any, ...]] = checked_field("only", _values_by_column, factory=dict)
    excluded: FixedMapping[str, tuple[Any, ...]] = checked_field("excluded", _values_by_column, factory=dict)
    level_percent: FixedMapping[str, int] = checked_field("level_percent", _percents, factory=dict)
    most_per_order: int | None = checked_field("most_per_order", optional(_whole), default=None)
    most_per_period: int | None = checked_field("most_per_period", optional(_whole), default=None)
    period: str = choice_field("period", CapPeriod, default="month")

    def __attrs_post_init__(self) -> None:
        if (self.basis == "event") != (self.event is not None):
            raise InputError("event", 'given if, and only if, the basis is "event"', self.event)
        if self.per > 1 and self.basis in {"orders", "event"}:
            hint = "each order or event earns by itself; what several of them win is the price of a `Reward`"
            raise InputError("per", f'1 where the basis is "{self.basis}"', self.per, hint=hint)
        if self.event == "order":
            raise InputError(
                "event", "another name than that of orders", self.event, hint='the basis "orders" is for them'
            )

    def to_json(self) -> str:
        """Write the rule as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> EarnRule:
        """Read what `to_json` wrote."""
        return from_json(cls, text)


class Lines(NamedTuple):
    """Checked lines of orders, or events."""

    order: Integers
    """Number of the order of each line; orders are numbered in the order of time."""
    member: Integers
    """Number of the member of each order."""
    day: Dates
    """Day of each order."""
    spend: Integers
    items: Integers
    event: npt.NDArray[Any] | None
    """Name of the event of each line, None for a log of orders."""
    traits: Mapping[str, npt.NDArray[Any]]


def points_of_rule(rule: EarnRule, lines: Lines, percent: Integers) -> tuple[Integers, Integers]:
    """Give the points of each order and of each line by one rule; `percent` is that of the level at each order."""
    fits = np.ones(len(lines.order), dtype=bool)
    for column, values in rule.only.items():
        fits &= _among(lines, column, values, "only")
    for column, values in rule.excluded.items():
        fits &= ~_among(lines, column, values, "excluded")
    if rule.basis == "event":
        fits &= lines.event == rule.event if lines.event is not None else False
    elif lines.event is not None:
        fits &= lines.event == "order"
    weight = np.where(fits, lines.spend if rule.basis == "spend" else lines.items, 0)
    if rule.basis in {"orders", "event"}:
        weight = fits.astype(np.int64)
    n = len(lines.day)
    total = np.bincount(lines.order, weight, minlength=n).astype(np.int64)
    if rule.basis == "orders":
        total = np.minimum(total, 1)
    points = _earned(rule, total, percent)
    if rule.most_per_order is not None:
        points = np.minimum(points, rule.most_per_order)
    if rule.most_per_period is not None:
        points = _capped(points, lines.member, lines.day.astype(_UNITS[rule.period]), rule.most_per_period)
    return points, share_out_groups(lines.order, points, weight)


def _earned(rule: EarnRule, total: Integers, percent: Integers) -> Integers:
    """Give the points of each order before caps, by the sum of what counts in it."""
    divisor = rule.per * 100
    factor = rule.points * percent
    if float((total.astype(np.float64) * factor).max(initial=0)) > _MOST_POINTS * divisor:
        raise InputError("rules", "of at most 10**15 points for an order before caps", rule.name)
    points, rest = divide_product(total, factor, np.full(len(total), divisor))
    return points + (2 * rest >= divisor) if rule.rounding == "half_up" else points


def _among(lines: Lines, column: str, values: tuple[Any, ...], name: str) -> npt.NDArray[np.bool_]:
    """Tell which lines have one of the values in a column."""
    if column not in lines.traits:
        raise InputError(name, f"of columns among {', '.join(lines.traits) or 'none'}", column)
    found = lines.traits[column]
    if found.dtype.kind == "O":
        return np.array([item in values for item in found.tolist()], dtype=bool)
    unlike = [value for value in values if isinstance(value, str) != (found.dtype.kind == "U")]
    if unlike:
        raise InputError(name, f"of values of the type that the column {column!r} has", unlike[0])
    kept = [value for value in values if not (isinstance(value, str) and value.endswith("\0"))]  # none of the column
    return np.isin(found, np.array(kept, dtype=None if kept else found.dtype))


def _capped(points: Integers, member: Integers, period: Dates, most: int) -> Integers:
    """Give what a cap leaves of the points of each order, the earlier orders of the period first."""
    order = np.lexsort((np.arange(len(points)), period, member))
    total = np.cumsum(points[order])
    first = np.ones(len(order), dtype=bool)
    if len(order):
        first[1:] = (np.diff(member[order]) != 0) | (period[order][1:] != period[order][:-1])
    starts = np.nonzero(first)[0]
    offset = np.where(starts > 0, total[starts - 1], 0)[np.cumsum(first) - 1]
    after = total - offset
    found = np.empty(len(points), dtype=np.int64)
    found[order] = np.minimum(after, most) - np.minimum(after - points[order], most)
    return found
