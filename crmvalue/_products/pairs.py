"""What goes together: items of one order, with support, confidence and lift."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import attrs
import numpy as np

from crmvalue._core.checks import as_fraction, as_text, as_whole_number, require_choice
from crmvalue._core.labels import counted, times
from crmvalue._core.values import (
    checked_field,
    count_column,
    count_field,
    hand_over,
    label_column,
    number_column,
    number_field,
    require_at_most,
    stay_frozen,
)
from crmvalue._products.counting import as_lines, count_together, customers_behind, incidence, items_of, order_starts
from crmvalue._products.lines import ItemKind, order_codes
from crmvalue._products.table import Table, interval_of_ratio, item_kind_field, q_values, require_quotient, rows_of

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue._products.counting import Together
    from crmvalue._products.lines import OrderLines
    from crmvalue.typing import Floats, Integers

__all__ = ["ProductPairs", "chance_for_customers", "chance_of_more", "lift_variance", "product_pairs"]

_MOST_EQUALS = 10
"""Most customers with equally many orders who are left out one by one; of more, nobody has a large share."""

_LIKELY = 0.05
"""Pairs with a larger chance are not shown anyway."""

Within: TypeAlias = Literal["order", "customer"]


@stay_frozen
@attrs.frozen(kw_only=True)
class ProductPairs(Table):
    """Items that are bought together; a pair has two rows, one in each direction, the surest lift first.

    Parameters
    ----------
    bought, also_bought : ndarray
        The two items.
    n_together : ndarray of int
        Orders with both.
    n_bought, n_also_bought : ndarray of int
        Orders with `bought`, and with `also_bought`.
    support : ndarray
        Share of all orders that have both.
    confidence : ndarray
        Share of the orders with `bought` that have `also_bought` too.
    lift : ndarray
        `confidence` divided by the share of all orders with `also_bought`: 1 if one has nothing to do with the other.
    lift_low, lift_high : ndarray
        Interval of the lift at `level`.
    q_value : ndarray
        Expected share of false findings among the pairs with a `q_value` up to this one.
    n_orders : int
        All orders; all customers with `within="customer"`.
    n_tested : int
        Pairs, each counted once, that the q-values allow for: all pairs of items that are in `min_count` orders.
    min_count : int
        Fewest orders with both.
    item_kind, within : str
        What an item is, and what a pair has to share.
    level : float
        Confidence level.

    Examples
    --------
    >>> from crmvalue.products import OrderLines
    >>> lines = OrderLines(customer=[1, 1, 2, 2, 3], date=["2024-01-05"] * 5, product=["tea", "milk"] * 2 + ["jam"])
    >>> product_pairs(lines, min_count=2).lift
    array([1.5, 1.5])
    """

    bought: npt.NDArray[Any] = label_column("bought", identifiers=True)
    also_bought: npt.NDArray[Any] = label_column("also_bought", identifiers=True)
    n_together: Integers = count_column("n_together")
    n_bought: Integers = count_column("n_bought")
    n_also_bought: Integers = count_column("n_also_bought")
    support: Floats = number_column("support", low=0.0, high=1.0)
    confidence: Floats = number_column("confidence", low=0.0, high=1.0)
    lift: Floats = number_column("lift", low=0.0)
    lift_low: Floats = number_column("lift_low", low=0.0)
    lift_high: Floats = number_column("lift_high", infinite=True)
    q_value: Floats = number_column("q_value", low=0.0, high=1.0)
    n_orders: int = count_field("n_orders")
    n_tested: int = count_field("n_tested")
    min_count: int = count_field("min_count", low=1)
    item_kind: str = item_kind_field()
    within: str = checked_field("within", as_text)
    level: float = number_field("level", low=0.0, high=1.0)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        require_at_most(self, "n_together", "n_bought", "n_orders")
        require_at_most(self, "n_together", "n_also_bought", "n_orders")
        require_quotient(self, "support", "n_together", "n_orders")
        require_quotient(self, "confidence", "n_together", "n_bought")
        require_at_most(self, "lift_low", "lift", "lift_high")

    def of(self, item: Any) -> ProductPairs:
        """Give the rows of one item: what is also bought with it.

        Parameters
        ----------
        item : int or str
            The item.

        Returns
        -------
        ProductPairs
            Its rows, none if it is in no pair.
        """
        found: ProductPairs = rows_of(self, "bought", "item", item)
        return found

    @property
    def conclusion(self) -> str:
        """Say how many pairs go together, and which pair most surely."""
        sure = np.nonzero((self.lift > 1) & (self.q_value <= 0.05))[0]
        # A pair has a row for each direction, but the rows of one item alone have one.
        names, code = np.unique(np.concatenate([self.bought[sure], self.also_bought[sure]]), return_inverse=True)
        one, other = code[: len(sure)], code[len(sure) :]
        surely = len(np.unique(np.minimum(one, other) * len(names) + np.maximum(one, other)))
        said = (
            f"Bought together more often than chance explains: {surely:,} of {counted(self.n_tested, 'possible pair')}."
        )
        if not surely:
            return said
        first = sure[0]
        pair = f"{self.bought[first]} and {self.also_bought[first]}"
        return f"{said} First: {pair}, {times(self.lift[first])} times as often."


def product_pairs(
    lines: OrderLines,
    *,
    item_kind: ItemKind = "product",
    within: Within = "order",
    min_count: int = 5,
    level: float = 0.95,
) -> ProductPairs:
    r"""Find the products, categories or brands that are bought together.

    Parameters
    ----------
    lines : OrderLines
        The lines.
    item_kind : {"product", "category", "brand"}, default "product"
        What is counted.
    within : {"order", "customer"}, default "order"
        "order" counts orders that have both, "customer" counts customers who bought both at any time.
    min_count : int, default 5
        Fewest orders, or customers, with both, >= 1.
    level : float, default 0.95
        Confidence level of the intervals, in (0, 1).

    Returns
    -------
    ProductPairs
        Two rows a pair, ordered by `lift_low`, the highest first.

    Raises
    ------
    InputError
        If the lines have no such column, or a number is out of its range.

    Notes
    -----
    With :math:`n` orders, :math:`n_a`, :math:`n_b` and :math:`n_{ab}` of them with a, with b and with both:

    .. math::

        \mathrm{support} = \frac{n_{ab}}{n}, \qquad \mathrm{confidence} = \frac{n_{ab}}{n_a}, \qquad
        \mathrm{lift} = \frac{n \, n_{ab}}{n_a n_b}

    The definitions are those of Agrawal, Imieliński and Swami (1993) and Brin et al. (1997). The interval is that of
    the logarithm of the lift by the delta method, with the variance
    :math:`1/n_{ab} - 1/n_a - 1/n_b + (2 \, \mathrm{lift} - 1) / n`. It takes orders as independent. Orders of one
    customer are not; where few customers place most orders, use ``within="customer"``.

    With many products many pairs look special by chance. The p-value is the chance of at least :math:`n_{ab}` orders
    with both if the more frequent item were in each order of the other one with its overall share (a binomial tail).
    Large orders have much of everything, so any two items of them meet more often than this share says: where more is
    to be expected of how many other items the orders of an item have, and of the share of the second item in these, it
    takes the place. With ``within="order"``, the counts are divided by how many orders stand for one customer: with
    :math:`w` orders of each customer that have both, :math:`\sum w^2 / \sum w` (Kish 1965). The chance is never less
    than that without the customer who has most of these orders, and the share never less than that without the customer
    who has most of all orders, or without any one of up to ten who have equally many: one customer with a habit is no
    evidence for a pair.
    `q_value` is this p-value after the correction of Benjamini and Hochberg (1995) for all pairs of items with
    `min_count` orders each, those that never met included. Among the pairs with a q-value up to 0.05, about 5 % at
    most are false.

    Examples
    --------
    >>> from crmvalue.products import OrderLines
    >>> lines = OrderLines(
    ...     customer=[1, 1, 2, 2, 3, 3, 4],
    ...     date=["2024-01-05"] * 7,
    ...     product=["tea", "milk", "tea", "milk", "tea", "jam", "jam"],
    ... )
    >>> pairs = product_pairs(lines, min_count=2).of("tea")
    >>> pairs.also_bought, pairs.confidence.round(2), pairs.lift.round(2)
    (array(['milk'], dtype='<U4'), array([0.67]), array([1.33]))
    """
    lines = as_lines(lines)
    item = items_of(lines, item_kind)
    require_choice("within", within, get_args(Within))
    fewest = as_whole_number("min_count", min_count, low=1)
    level = as_fraction("level", level)
    row = order_codes(lines) if within == "order" else lines.customer.code
    n = int(row.max()) + 1

    table = incidence(row, item.code, (n, len(item.distinct)))
    n_with = np.asarray(table.sum(axis=0)).astype(np.int64)
    n_often = int(np.count_nonzero(n_with >= fewest))
    found = _apart(count_together(table, table, min_count=fewest))
    a, b = found.left, found.right
    n_a, n_b, n_both = n_with[a], n_with[b], found.n
    lift = n_both * (n / (n_a * n_b.astype(np.float64)))
    interval = interval_of_ratio(lift, lift_variance(n_both, n_a, n_b, n), level)
    key = np.minimum(a, b) * np.int64(len(item.distinct)) + np.maximum(a, b)
    _, once, both_ways = np.unique(key, return_index=True, return_inverse=True)  # each pair is there in both directions
    buyers = order_starts(row.astype(np.int64), lines.customer.code) if within == "order" else None
    p_value = _chances(table, (a[once], b[once]), n_both[once], buyers)[both_ways]
    order = np.lexsort((b, a, -lift, -np.asarray(interval.low)))
    n_directed = n_often * (n_often - 1)
    columns = {
        "bought": item.distinct[a],
        "also_bought": item.distinct[b],
        "n_together": n_both,
        "n_bought": n_a,
        "n_also_bought": n_b,
        "support": n_both / n,
        "confidence": n_both / n_a,
        "lift": lift,
        "lift_low": np.asarray(interval.low),
        "lift_high": np.asarray(interval.high),
        "q_value": q_values(p_value, n_directed),  # each pair twice, among twice as many
    }
    return ProductPairs(
        **{name: hand_over(column[order]) for name, column in columns.items()},
        n_orders=n,
        n_tested=n_directed // 2,
        min_count=fewest,
        item_kind=item_kind,
        within=within,
        level=level,
    )


def _chances(
    table: Any, pairs: tuple[Integers, Integers], n_both: Integers, bought_by: npt.NDArray[Any] | None
) -> Floats:
    """Chance of each pair to meet so often; `bought_by` is the customer of each row, where rows are orders."""
    n_with = np.asarray(table.sum(axis=0)).astype(np.int64)
    n_rare = np.minimum(n_with[pairs[0]], n_with[pairs[1]])
    share = _share_by_chance(table, *pairs)
    p_value = chance_of_more(n_both, n_rare, share)
    if bought_by is None:
        return p_value
    n_orders = np.bincount(bought_by)
    most = np.nonzero(n_orders == n_orders.max())[0]
    for customer in most if len(most) <= _MOST_EQUALS else ():
        others = np.nonzero(bought_by != customer)[0]
        share = np.maximum(share, _share_by_chance(table[others], *pairs)) if len(others) else share
    return chance_for_customers(p_value, (n_both, n_rare, share), table, table, pairs, bought_by)


def _apart(found: Together) -> Together:
    """Leave out pairs of an item with itself."""
    kept = found.left != found.right
    return type(found)(found.left[kept], found.right[kept], found.n[kept], None)


def _share_by_chance(table: Any, a: Integers, b: Integers) -> Floats:
    """Share of the rows with the rarer item that would have the other by chance, given how many items each row has."""
    size, n_with = (np.asarray(table.sum(axis=axis)).astype(np.float64) for axis in (1, 0))
    beside = np.asarray(table.T @ (size - 1))  # other items in the rows of each item
    rest = np.maximum(size.sum() - n_with, 1.0)
    n_a, n_b, n_rare = n_with[a], n_with[b], np.maximum(np.minimum(n_with[a], n_with[b]), 1.0)
    sized = np.maximum(beside[a] * (n_b / rest[a]), beside[b] * (n_a / rest[b]))
    share: Floats = np.minimum(np.maximum(n_a * (n_b / len(size)), sized) / n_rare, 1.0)
    return share


def lift_variance(n_both: Integers, n_a: Integers, n_b: Integers, n: int | Integers) -> Floats:
    """Variance of the logarithm of a lift, by the delta method on the shares of one multinomial sample."""
    lift = n_both * (n / (n_a * n_b.astype(np.float64)))
    variance: Floats = np.maximum(1 / n_both - 1 / n_a - 1 / n_b + (2 * lift - 1) / n, 0.0)
    return variance


def chance_for_customers(
    p_value: Floats,
    counts: tuple[Integers, Integers, Floats],
    left: Any,
    right: Any,
    pairs: tuple[Integers, Integers],
    customer: npt.NDArray[Any],
) -> Floats:
    """Raise the chances of :func:`chance_of_more` where few customers stand behind a pair, if they are small.

    The counts of a pair are divided by how many rows stand for one customer (Kish), or lose those of the customer with
    most of them: whichever makes the chance larger.
    """
    n_both, n_rare, share = counts
    (some,) = np.nonzero(p_value <= _LIKELY)
    behind, most = customers_behind(left, right, (pairs[0][some], pairs[1][some]), customer)
    part = behind / n_both[some]
    fewer = chance_of_more(n_both[some] * part, n_rare[some] * part, share[some])
    others = np.where(
        most < n_both[some], chance_of_more(np.maximum(n_both[some] - most, 1), n_rare[some] - most, share[some]), 1.0
    )
    corrected: Floats = p_value.copy()
    corrected[some] = np.maximum(np.maximum(fewer, others), p_value[some])
    return corrected


def chance_of_more(n_both: Integers | Floats, n_rare: Integers | Floats, share: Floats) -> Floats:
    """Chance of at least so many of `n_rare` orders with an item that is in this share of all orders."""
    from scipy import special

    with np.errstate(under="ignore"):
        p_value: Floats = special.betainc(n_both, n_rare - n_both + 1, share)
    return p_value
