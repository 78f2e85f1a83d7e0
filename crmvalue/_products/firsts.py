"""First products, and the value of the customers who began with them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from crmvalue._core.checks import as_day, as_fraction, as_whole_number, require
from crmvalue._core.clock.old_customers import days_bought, pile_of_old_customers
from crmvalue._core.labels import counted
from crmvalue._core.values import (
    checked_field,
    count_column,
    count_field,
    hand_over,
    label_column,
    number_column,
    number_field,
    optional,
    require_at_most,
    stay_frozen,
)
from crmvalue._products.counting import as_lines, incidence, items_of
from crmvalue._products.table import Table, item_kind_field, lines_left_out, q_values
from crmvalue.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue._products.lines import ItemKind, OrderLines
    from crmvalue.typing import ArrayLike, Floats, Integers

__all__ = ["FirstProducts", "first_products"]

"""Customers of an item who are too few to show how skewed money varies."""

_SKEWED = 0.5
"""Skewness of a sum from which on the lower tail of a Pearson III distribution is too short."""


@stay_frozen
@attrs.frozen(kw_only=True)
class FirstProducts(Table):
    """What customers began with, and what they bought later; the best beginning first.

    Parameters
    ----------
    item : ndarray
        Product, category or brand of the first day.
    n_customers : ndarray of int
        Customers who began with it; one who began with two items counts for both.
    repeat_rate : ndarray
        Share of them who bought again in time.
    mean_first : ndarray
        Their mean amount on the first day [money].
    mean_later : ndarray
        Their mean amount in the `horizon_days` after it [money].
    later_low, later_high : ndarray
        Interval of `mean_later` at `level` [money].
    difference : ndarray
        `mean_later` less that of the customers who began without the item [money].
    q_value : ndarray
        Expected share of false findings among the items with a `q_value` up to this one; for `difference`.
    n_followed : int
        Customers whose time after the first day is known in full.
    horizon_days : int
        Length of that time [days].
    item_kind : str
        What an item is.
    level : float
        Confidence level.
    n_old : int
        Customers who are left out because they may be older than the log.
    began_after : datetime64[D] or None
        Day up to which a first day does not count; None if all count.
    n_later : int
        Lines after the last day of the log, left out.

    Examples
    --------
    >>> from crmvalue.products import OrderLines
    >>> lines = OrderLines(
    ...     customer=[1, 1, 2], date=["2024-01-01", "2024-02-01", "2024-01-01"], product=["tea"] * 3, amount=[5, 8, 6]
    ... )
    >>> first_products(lines, as_of="2024-12-31", horizon_days=90, min_customers=2).mean_later
    array([4.])
    """

    item: npt.NDArray[Any] = label_column("item")
    n_customers: Integers = count_column("n_customers")
    repeat_rate: Floats = number_column("repeat_rate", low=0.0, high=1.0)
    mean_first: Floats = number_column("mean_first", low=0.0)
    mean_later: Floats = number_column("mean_later")
    later_low: Floats = number_column("later_low")
    later_high: Floats = number_column("later_high")
    difference: Floats = number_column("difference", missing=True)
    q_value: Floats = number_column("q_value", low=0.0, high=1.0)
    n_followed: int = count_field("n_followed")
    horizon_days: int = count_field("horizon_days", low=1)
    item_kind: str = item_kind_field()
    level: float = number_field("level", low=0.0, high=1.0)
    n_old: int = count_field("n_old", default=0)
    began_after: np.datetime64 | None = checked_field("began_after", optional(as_day), default=None, eq=str)
    n_later: int = count_field("n_later", default=0)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        require_at_most(self, "n_customers", "n_followed")
        require_at_most(self, "later_low", "mean_later", "later_high")
        if self.n_old and self.began_after is None:
            raise InputError("began_after", "the day up to which `n_old` customers began", None)

    @property
    def conclusion(self) -> str:
        """Say how many beginnings are better or worse beyond chance."""
        sure = self.q_value <= 0.05
        better, worse = (int(np.count_nonzero(sure & part)) for part in (self.difference > 0, self.difference < 0))
        return (
            f"More later revenue, beyond chance: {better:,} of {counted(len(self), 'first item')}; less: {worse:,}. "
            f"Followed: {counted(self.n_followed, 'customer')}.{self._left_out()}{lines_left_out(self.n_later)}"
        )

    def _left_out(self) -> str:
        if not self.n_old:
            return ""
        return f" Left out, first seen up to {self.began_after}: {counted(self.n_old, 'customer')}, who may be older."


def first_products(
    lines: OrderLines,
    *,
    as_of: ArrayLike,
    horizon_days: int,
    began_after: ArrayLike | None = None,
    item_kind: ItemKind = "product",
    min_customers: int = 10,
    level: float = 0.95,
) -> FirstProducts:
    """Compare customers by the product that they began with.

    Parameters
    ----------
    lines : OrderLines
        The lines, with amounts.
    as_of : date_like
        Last day of the log; later lines are left out and counted.
    horizon_days : int
        How long customers are followed after their first day [days]. Those who began later than that before `as_of`
        are left out.
    began_after : date_like, optional
        Leave out customers whose first day is up to this day. At the start of a log an old customer looks new. By
        default, the days on which first purchases pile up at the start are left out, if there are any; to keep all
        customers, give the day before the first line.
    item_kind : {"product", "category", "brand"}, default "product"
        What is compared.
    min_customers : int, default 10
        Fewest customers who began with an item, >= 2.
    level : float, default 0.95
        Confidence level of the intervals, in (0, 1).

    Returns
    -------
    FirstProducts
        One row an item, ordered by `later_low`, the highest first.

    Raises
    ------
    InputError
        If the lines have no amount, a number is out of its range, or no customer can be followed.

    Notes
    -----
    The interval is Student's for a mean. Spend is skewed, and the customers of one item mostly miss the few large sums,
    so their spread counts as that of all customers if that is larger. The p-value says how often as many customers,
    drawn from all who were followed, bring a sum as far from the expected one: by a Pearson III distribution with the
    exact variance and skewness of such draws [1]_, and for few customers also by how many of them lie above the median
    of all. `q_value` is its correction for all items by Benjamini and Hochberg. Who begins with a product differs from
    others in much else, so a difference is no effect of the product. To know that, offer it to a random half of the
    newcomers.

    .. [1] Mielke, P. W. and Berry, K. J. (2007). Permutation Methods: A Distance Function Approach. Springer.

    Examples
    --------
    >>> from crmvalue.products import OrderLines
    >>> lines = OrderLines(
    ...     customer=[1, 1, 2, 2, 3, 4],
    ...     date=["2024-01-01", "2024-02-01", "2024-01-02", "2024-03-01", "2024-01-03", "2024-01-04"],
    ...     product=["tea", "jam", "tea", "jam", "oil", "oil"],
    ...     amount=[5, 10, 5, 20, 9, 9],
    ... )
    >>> found = first_products(lines, as_of="2024-12-31", horizon_days=90, min_customers=2)
    >>> found.item, found.mean_later, found.repeat_rate
    (array(['tea', 'oil'], dtype='<U3'), array([15.,  0.]), array([1., 0.]))
    """
    log = as_lines(lines)
    lines = log.until(as_of)
    end = as_day("as_of", as_of)
    horizon = as_whole_number("horizon_days", horizon_days, low=1)
    start = None if began_after is None else as_day("began_after", began_after)
    item = items_of(lines, item_kind)
    fewest = as_whole_number("min_customers", min_customers, low=2)
    level = as_fraction("level", level)
    if lines.amount is None:
        raise InputError("lines", "with an amount", None)

    n_all = len(lines.customer.distinct)
    first = np.full(n_all, end)
    np.minimum.at(first, lines.customer.code, lines.date)
    who = lines.customer.code
    pile = 0 if start is not None else pile_of_old_customers(first, lambda: days_bought(first, who, lines.date))
    if pile:
        start = first.min() + np.timedelta64(pile - 1, "D")
    followed = (end - first).astype(np.int64) >= horizon
    old = np.zeros(n_all, dtype=bool) if start is None else first <= start
    if start is not None and began_after is None and not (followed & ~old).any():
        hint = f"first purchases pile up until {start}: give `began_after` to count customers of these days too"
        raise InputError("as_of", "late enough for a new customer to be followed for `horizon_days`", end, hint=hint)
    followed &= ~old
    require(followed.any(), "as_of", end, "late enough for a customer to be followed for `horizon_days`")
    since = (lines.date - first[lines.customer.code]).astype(np.int64)
    known = followed[lines.customer.code] & (since <= horizon)
    later = known & (since > 0)
    amount = lines.amount
    spend = np.bincount(who[later], weights=amount[later], minlength=n_all)[followed].astype(np.float64)
    at_first = known & (since == 0)
    first_spend = np.bincount(who[at_first], weights=amount[at_first], minlength=n_all)[followed].astype(np.float64)
    again = (np.bincount(who[later], minlength=n_all) > 0)[followed]
    row = (np.cumsum(followed) - 1)[lines.customer.code[at_first]]
    began = incidence(row, item.code[at_first], (int(followed.sum()), len(item.distinct)))
    found = _table(
        began, item.distinct, (spend, first_spend, again.astype(np.float64)), fewest, horizon, item_kind, level
    )
    return attrs.evolve(found, n_old=int(np.count_nonzero(old)), began_after=start, n_later=len(log) - len(lines))


def chance_of_total(total: Floats, n: Floats, n_above: Floats, off: Floats) -> Floats:
    """Two-sided chance of a sum as far from 0 if it is that of `n` customers drawn from all without replacement.

    `off` are the values of all customers less their mean, and `n_above` of the `n` lie above the median of all. The sum
    has a Pearson III distribution with its exact variance and skewness. Where that is skewed, its lower tail ends too
    early, so a small sum is as likely as so few customers above the median, at least.
    """
    from scipy import special, stats

    n_all, squares = len(off), float((off**2).sum())
    chance, possible = np.ones(len(n)), (n < n_all) & (squares > 0)
    if n_all < 3 or not possible.any():
        return chance
    n, total, n_above = n[possible], total[possible], n_above[possible]
    left = n_all - n
    spread = np.sqrt(squares / n_all * (n * left / (n_all - 1)))
    skew = float(((off / math.sqrt(squares / n_all)) ** 3).mean())
    skew = skew * (left - n) * math.sqrt(n_all - 1) / ((n_all - 2) * np.sqrt(n * left))
    z = np.where(skew < 0, -total, total) / spread
    shape = 4.0 / np.maximum(np.abs(skew), 1e-5) ** 2  # a smaller skewness makes no difference
    at = np.maximum(shape + z * np.sqrt(shape), 0.0)
    with np.errstate(under="ignore"):
        lower, upper = special.gammainc(shape, at), special.gammaincc(shape, at)
        few = stats.hypergeom.cdf(n_above, n_all, np.count_nonzero(off > np.median(off)), n)
    lower = np.where(skew > _SKEWED, np.maximum(lower, few), lower)
    chance[possible] = np.minimum(2.0 * np.minimum(lower, upper), 1.0)
    return chance


def _table(
    began: Any,
    names: npt.NDArray[Any],
    figures: tuple[Floats, Floats, Floats],
    fewest: int,
    horizon: int,
    item_kind: str,
    level: float,
) -> FirstProducts:
    from scipy import special

    spend, first_spend, again = figures
    n_items = np.asarray(began.sum(axis=0)).astype(np.float64)
    kept = np.nonzero(n_items >= fewest)[0]
    n, n_all = n_items[kept], len(spend)
    middle = spend.mean()
    off = spend - middle  # around the mean, so that squares keep their digits
    total, squares = np.asarray(began.T @ off)[kept], np.asarray(began.T @ off**2)[kept]
    mean = total / n
    variance = np.maximum(squares - n * mean**2, 0.0) / (n - 1) / n
    overall = float((off**2).sum()) / max(n_all - 1, 1) / n
    variance = np.maximum(variance, overall)  # customers of one item mostly miss the few large sums
    half = -special.stdtrit(n - 1, (1 - level) / 2) * np.sqrt(variance)
    with np.errstate(divide="ignore", invalid="ignore"):
        difference = np.where(n < n_all, mean + total / (n_all - n), np.nan)
    columns = {
        "item": names[kept],
        "n_customers": n.astype(np.int64),
        "repeat_rate": np.asarray(began.T @ again)[kept] / n,
        "mean_first": np.asarray(began.T @ first_spend)[kept] / n,
        "mean_later": middle + mean,
        "later_low": middle + mean - half,
        "later_high": middle + mean + half,
        "difference": difference,
        "q_value": q_values(
            chance_of_total(total, n, np.asarray(began.T @ (off > np.median(off)))[kept], off), len(kept)
        ),
    }
    order = np.lexsort((kept, -n, -columns["later_low"]))
    return FirstProducts(
        **{name: hand_over(column[order]) for name, column in columns.items()},
        n_followed=n_all,
        horizon_days=horizon,
        item_kind=item_kind,
        level=level,
    )
