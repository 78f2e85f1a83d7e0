"""What the best customers buy more than others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from crmvalue._core.checks import as_fraction, as_whole_number, require
from crmvalue._core.encoding.customers import as_comparable, encode_customers
from crmvalue._core.labels import counted, times
from crmvalue._core.values import (
    count_column,
    count_field,
    hand_over,
    label_column,
    number_column,
    number_field,
    require_at_most,
    stay_frozen,
)
from crmvalue._products.counting import as_lines, incidence, items_of, order_starts
from crmvalue._products.lines import ItemKind, order_codes
from crmvalue._products.table import Table, interval_of_ratio, item_kind_field, q_values, require_quotient, tail
from crmvalue.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue._products.lines import OrderLines
    from crmvalue.typing import ArrayLike, Floats, Integers

__all__ = ["BestCustomerProducts", "best_customer_products", "customer_counts"]

_SAME = 1e-12  # of the largest sum: less is what binary arithmetic leaves of nothing
_HALF = 0.5
"""Added to the counts of an item that one of the groups never bought (Haldane 1956)."""


@stay_frozen
@attrs.frozen(kw_only=True)
class BestCustomerProducts(Table):
    """What the best customers buy more than others, the surest first.

    Parameters
    ----------
    item : ndarray
        Product, category or brand.
    n_buyers : ndarray of int
        Customers who bought it.
    buyers_best, buyers_others : ndarray
        Share of the best, and of the other customers, who bought it.
    share_best, share_others : ndarray
        Its share of the purchases of the best, and of the other customers. A purchase is an item in an order.
    index : ndarray
        ``share_best / share_others``: 1 if the best prefer it as much as others do.
    index_low, index_high : ndarray
        Interval of the index at `level`.
    q_value : ndarray
        Expected share of false findings among the items with a `q_value` up to this one.
    n_best, n_others : int
        Customers.
    item_kind : str
        What an item is.
    level : float
        Confidence level.

    Examples
    --------
    >>> from crmvalue.products import OrderLines
    >>> lines = OrderLines(
    ...     customer=[1, 1, 2, 2, 3, 3, 4, 4],
    ...     date=["2024-01-05"] * 8,
    ...     product=["tea", "jam", "tea", "jam"] + ["jam"] * 4,
    ... )
    >>> best_customer_products(lines, best=[1, 2], min_buyers=1).share_best
    array([0.5, 0.5])
    """

    item: npt.NDArray[Any] = label_column("item")
    n_buyers: Integers = count_column("n_buyers")
    buyers_best: Floats = number_column("buyers_best", low=0.0, high=1.0)
    buyers_others: Floats = number_column("buyers_others", low=0.0, high=1.0)
    share_best: Floats = number_column("share_best", low=0.0, high=1.0)
    share_others: Floats = number_column("share_others", low=0.0, high=1.0)
    index: Floats = number_column("index", infinite=True, low=0.0)
    index_low: Floats = number_column("index_low", low=0.0)
    index_high: Floats = number_column("index_high", infinite=True)
    q_value: Floats = number_column("q_value", low=0.0, high=1.0)
    n_best: int = count_field("n_best", low=1)
    n_others: int = count_field("n_others", low=1)
    item_kind: str = item_kind_field()
    level: float = number_field("level", low=0.0, high=1.0)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        buyers = self.buyers_best * self.n_best + self.buyers_others * self.n_others
        rule = "those of `n_best` and `n_others`, by their shares"
        require(np.isclose(buyers, self.n_buyers, rtol=1e-9, atol=0), "n_buyers", self.n_buyers, rule)
        require_quotient(self, "index", "share_best", "share_others")
        require_at_most(self, "index_low", "index", "index_high")

    @property
    def conclusion(self) -> str:
        """Say what the best prefer."""
        more = np.nonzero((self.index > 1) & (self.q_value <= 0.05))[0]
        items = counted(len(self), "item")
        said = f"A larger share of the purchases of the best, beyond chance: {len(more):,} of {items}."
        if not len(more):
            return said
        first = more[0]
        larger = self.index[first]
        return f"{said} First: {self.item[first]}, " + (
            f"{times(larger)} times the share." if larger < np.inf else "theirs alone."
        )


def best_customer_products(
    lines: OrderLines,
    *,
    best: ArrayLike | None = None,
    top_share: float = 0.2,
    item_kind: ItemKind = "product",
    min_buyers: int = 10,
    level: float = 0.95,
) -> BestCustomerProducts:
    r"""Find what the best customers buy more than others.

    Parameters
    ----------
    lines : OrderLines
        The lines.
    best : array_like, optional
        Identifiers of the best customers, such as those of a value tier. Without it the customers with the largest sum
        of `amount` are the best.
    top_share : float, default 0.2
        Share of the customers that is the best where `best` is not given, in (0, 1). Customers with equal sums are all
        among the best or none is, whichever comes nearer to this share.
    item_kind : {"product", "category", "brand"}, default "product"
        What is compared.
    min_buyers : int, default 10
        Fewest customers who bought an item, >= 1.
    level : float, default 0.95
        Confidence level of the intervals, in (0, 1).

    Returns
    -------
    BestCustomerProducts
        One row an item, ordered by `index_low`, the highest first.

    Raises
    ------
    InputError
        If `best` holds an unknown customer or all of them, if there is neither `best` nor an amount, if all customers
        have equal sums, or if a number is out of its range.

    Notes
    -----
    The best buy more of nearly everything. So the index compares shares of purchases and not numbers of buyers: it says
    what they prefer. An item counts once in an order. So where there are few items, such as categories, and the best
    have larger orders, these hold most items anyway, and rare ones look preferred: an index little above 1 says nothing
    then. The interval is that of the logarithm of a ratio of two ratios, with the variance between customers, whose
    purchases are not independent, and with Student's distribution for the customers of the smaller group: one customer
    shows nothing of how the best differ. A group in which a few customers make most of the purchases has only as many
    as stand for these by Kish's effective number, and each customer is compared with the others of their group (a
    jackknife). `q_value` is corrected for all items by Benjamini and Hochberg. An item that one of the groups never
    bought gets half a purchase in both for its interval.

    Customers who are the best by the same lines are the best because of what they bought: expensive items look
    preferred. Give `best` from an earlier period to see what comes before a high value.

    Examples
    --------
    >>> from crmvalue.products import OrderLines
    >>> lines = OrderLines(
    ...     customer=[1, 1, 2, 2, 3, 3, 4, 4],
    ...     date=["2024-01-05"] * 8,
    ...     product=["tea", "jam", "tea", "jam", "jam", "oil", "jam", "tea"],
    ... )
    >>> found = best_customer_products(lines, best=[1, 2], min_buyers=1)
    >>> dict(sorted(zip(found.item.tolist(), found.index.tolist())))
    {'jam': 1.0, 'oil': 0.0, 'tea': 2.0}
    """
    lines = as_lines(lines)
    item = items_of(lines, item_kind)
    fewest = as_whole_number("min_buyers", min_buyers, low=1)
    level = as_fraction("level", level)
    is_best = _best(lines, best, as_fraction("top_share", top_share))

    counts = customer_counts(lines, item.code, len(item.distinct))
    bought = counts.copy()
    bought.data[:] = 1
    n_buyers = np.asarray(bought.sum(axis=0)).astype(np.int64)
    kept = np.nonzero(n_buyers >= fewest)[0]
    total = np.asarray(counts.sum(axis=1)).astype(np.float64)
    groups = [_Group.of(counts[rows], bought[rows], total[rows], kept) for rows in (is_best, ~is_best)]
    own, other = groups
    with np.errstate(divide="ignore", invalid="ignore"):
        index = np.where(other.share > 0, own.share / other.share, np.where(own.share > 0, np.inf, 1.0))
    empty = (own.n == 0) | (other.n == 0)
    variance = np.where(empty, 1 / (own.n + _HALF) + 1 / (other.n + _HALF), own.variance + other.variance)
    with np.errstate(divide="ignore", invalid="ignore"):
        near = np.where(empty, own.with_half / other.with_half, index)
    degrees = max(min(_standing_for(total[is_best]), _standing_for(total[~is_best])) - 1.0, 0.0)
    interval = interval_of_ratio(near, variance, level, degrees)
    order = np.lexsort((kept, -n_buyers[kept], -np.asarray(interval.low)))
    columns = {
        "item": item.distinct[kept],
        "n_buyers": n_buyers[kept],
        "buyers_best": own.buyers,
        "buyers_others": other.buyers,
        "share_best": own.share,
        "share_others": other.share,
        "index": index,
        "index_low": np.minimum(np.asarray(interval.low), index),
        "index_high": np.maximum(np.asarray(interval.high), index),
        "q_value": q_values(tail(near, variance, degrees), len(kept)),
    }
    return BestCustomerProducts(
        **{name: hand_over(column[order]) for name, column in columns.items()},
        n_best=int(is_best.sum()),
        n_others=int((~is_best).sum()),
        item_kind=item_kind,
        level=level,
    )


def _standing_for(total: Floats) -> float:
    """Kish's effective number of the customers who made so many purchases each."""
    return float(total.sum() ** 2 / (total**2).sum())


@attrs.frozen
class _Group:
    """What a group of customers bought, one element an item."""

    n: Floats
    buyers: Floats
    share: Floats
    with_half: Floats
    variance: Floats

    @classmethod
    def of(cls, counts: Any, bought: Any, total: Floats, kept: Integers) -> _Group:
        """Sum up; the variance is that of the logarithm of the share, by leaving out one customer at a time."""
        from scipy.sparse import diags_array

        n_customers, everything = len(total), float(total.sum())
        n = np.asarray(counts.sum(axis=0))[kept].astype(np.float64)
        share = n / everything
        # a customer pulls the share of the group towards their own; set against the others, they differ by more
        apart = 1 / np.maximum(1 - total / everything, 1 / everything) ** 2
        own = diags_array(apart) @ counts
        squares = np.asarray(own.multiply(counts).sum(axis=0))[kept]
        with_total = np.asarray(counts.T @ (apart * total))[kept]
        spread = squares - 2 * share * with_total + share**2 * float((apart * total**2).sum())
        scale = (n_customers - 1) / n_customers
        variance = np.divide(scale * np.maximum(spread, 0.0), n**2, out=np.zeros(len(n)), where=n > 0)
        buyers = np.asarray(bought.sum(axis=0))[kept] / n_customers
        return cls(n, buyers, share, (n + _HALF) / (everything + 2 * _HALF), variance)


def customer_counts(lines: OrderLines, code: npt.NDArray[Any], n_items: int) -> Any:
    """Count the orders of each customer that have each item."""
    order = order_codes(lines)
    table = incidence(order, code, (int(order.max()) + 1, n_items))
    customer = order_starts(order, lines.customer.code)
    return (
        incidence(customer, np.arange(len(customer)), (len(lines.customer.distinct), len(customer))) @ table
    ).tocsr()


def _best(lines: OrderLines, best: ArrayLike | None, top_share: float) -> npt.NDArray[np.bool_]:
    """Tell who is among the best customers."""
    ids = lines.customer.distinct
    if best is None:
        if lines.amount is None:
            raise InputError("best", "given where the lines have no amount", None)
        spend = np.bincount(lines.customer.code, weights=lines.amount)
        require(len(ids) > 1, "lines", len(ids), "of at least two customers")
        n_top = min(max(round(top_share * len(ids)), 1), len(ids) - 1)
        last = np.partition(spend, -n_top)[-n_top]
        rounding = _SAME * np.abs(spend).max()
        groups = spend > last + rounding, spend >= last - rounding  # without the equals of the last one, and with them
        some = [group for group in groups if 0 < group.sum() < len(ids)]
        hint = "say who is the best: `best`"
        require(len(some) > 0, "lines", len(ids), "of customers with different sums of `amount`", hint=hint)
        return min(some, key=lambda group: abs(int(group.sum()) - n_top))
    wanted, code = encode_customers("best", best)
    if len(wanted) and isinstance(wanted[0], str) != isinstance(ids[0], str):
        raise InputError("best", "of text or whole numbers, as `customer`", wanted[0])
    ids, wanted = as_comparable(ids, wanted)
    place = np.minimum(np.searchsorted(ids, wanted), len(ids) - 1)
    known = ids[place] == wanted if len(wanted) else np.zeros(0, dtype=bool)
    require(known[code], "best", wanted[code], "customers of the lines")
    is_best = np.zeros(len(ids), dtype=bool)
    is_best[place] = True
    require(0 < len(wanted) < len(ids), "best", len(wanted), "some of the customers, not all or none")
    return is_best
