"""Counts of items that occur together, by products of sparse matrices in blocks of bounded size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, get_args

import numpy as np

from crmvalue._core.checks import require_choice
from crmvalue._core.encoding.threads import side_by_side
from crmvalue._core.values import of_class
from crmvalue._products.lines import ItemKind, OrderLines
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import numpy.typing as npt

    from crmvalue._products.lines import Labels
    from crmvalue.typing import Floats, Integers

__all__ = [
    "Together",
    "additions",
    "as_lines",
    "blocks",
    "count_together",
    "customers_behind",
    "distinct",
    "each_block",
    "first_of_each",
    "incidence",
    "is_among",
    "items_of",
    "may_lead",
    "mcnemar",
    "order_starts",
]

Part = TypeVar("Part")

_BLOCK = 1 << 25
"""Additions of one block of a product, which bound its memory."""

_MOST_PAIRS = 6_000_000
"""Most pairs of one result, which take 1.8 GB while they are tested."""


def as_lines(value: Any) -> OrderLines:
    """Take order lines."""
    lines: OrderLines = of_class(OrderLines)("lines", value)
    return lines


def items_of(lines: OrderLines, item_kind: str) -> Labels:
    """Give the column of the products, categories or brands."""
    require_choice("item_kind", item_kind, get_args(ItemKind))
    column: Labels | None = getattr(lines, item_kind)
    if column is None:
        raise InputError(
            "item_kind", "a column of the lines", item_kind, hint=f"give `{item_kind}` to `read_order_lines`"
        )
    return column


class Together(NamedTuple):
    """Pairs of items with how often they occur together, and the sum of the weights there."""

    left: Integers
    right: Integers
    n: Integers
    weight: Floats | None


def distinct(key: Integers) -> Integers:
    """Give the distinct numbers in ascending order; for many that are nearly all different, sorting beats hashing."""
    ascending = np.sort(key)
    return ascending[np.append(True, ascending[1:] != ascending[:-1])] if len(key) else ascending


def is_among(key: Integers, ascending: Integers) -> npt.NDArray[np.bool_]:
    """Tell which numbers are among others, which ascend."""
    if not len(ascending):
        return np.zeros(len(key), dtype=bool)
    place = np.minimum(np.searchsorted(ascending, key), len(ascending) - 1)
    found: npt.NDArray[np.bool_] = ascending[place] == key
    return found


def incidence(row: npt.NDArray[Any], item: npt.NDArray[Any], shape: tuple[int, int]) -> Any:
    """Make the sparse matrix that is 1 where an item occurs in a row, however often."""
    from scipy.sparse import coo_array

    found = coo_array((np.ones(len(row), dtype=np.int32), (row, item)), shape=shape).tocsr()
    found.sum_duplicates()
    found.data[:] = 1
    return found


def order_starts(order: Integers, column: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Give the value of a column, the same in all lines of an order, for each order."""
    value = np.empty(int(order.max()) + 1, dtype=column.dtype)
    value[order] = column
    return value


def additions(left: Any, right: Any) -> Integers:
    """Count the additions of each row of a product of two sparse matrices."""
    return np.asarray(left.astype(bool).astype(np.int64) @ np.diff(right.indptr).astype(np.int64))


def each_block(work: Callable[[int, int], Part], spans: Iterable[tuple[int, int]], n: int) -> list[Part]:
    """Call `work(begin, end)` for each block, two at a time if they have `n` elements that are worth a thread."""
    each = list(spans)
    half = (len(each) + 1) // 2

    def some(of: list[tuple[int, int]]) -> list[Part]:
        return [work(begin, end) for begin, end in of]

    first, second = side_by_side(n if len(each) > 1 else 0, lambda: some(each[:half]), lambda: some(each[half:]))
    return first + second


def blocks(work: Integers, size: int = _BLOCK) -> Iterator[tuple[int, int]]:
    """Give the begin and end of runs of rows with little more than `size` work each."""
    ends = np.searchsorted(np.cumsum(work), np.arange(size, int(work.sum()) + size, size), side="left") + 1
    cuts = np.unique(np.concatenate([[0], np.minimum(ends, len(work)), [len(work)]]))
    return zip(cuts[:-1].tolist(), cuts[1:].tolist(), strict=True)


def may_lead(places: Integers, value: Floats, n: int) -> Integers:
    """Leave out most of what is not among the `n` largest values of its row, and all that is -inf.

    The least of the largest values of `n` parts of a row is reached by at least `n` of its values.
    """
    size = np.diff(places)
    floors = np.full(len(size), -np.inf)
    large = np.nonzero(size > n)[0]
    if len(large):
        cuts = places[large, None] + size[large, None] * np.arange(n + 1) // n
        # The last value of all is left out: then each cut is the place of a value, and each part still has some.
        best = np.maximum.reduceat(value, np.minimum(cuts, len(value) - 1).ravel()).reshape(cuts.shape)
        floors[large] = best[:, :n].min(axis=1)
    rows: Integers = np.nonzero((value >= np.repeat(floors, size)) & (value > -np.inf))[0]
    return rows


def first_of_each(group: Integers, tie: Integers, value: Floats, n: int) -> Integers:
    """Give the rows with the `n` largest values of each group, by group and rank; the smaller tie comes first."""
    order = np.argsort(group, kind="stable")
    order = order[may_lead(_begins(group[order]), value[order], n)]
    order = order[np.lexsort((tie[order], -value[order], group[order]))]
    begins = _begins(group[order])
    rank = np.arange(len(order)) - np.repeat(begins[:-1], np.diff(begins))
    found: Integers = order[rank < n]
    return found


def _begins(group: Integers) -> Integers:
    """Give where each group of ascending ones begins, and the end of the last one."""
    other = np.append(group[1:] != group[:-1], np.ones(min(len(group), 1), dtype=bool))
    return np.append(0, np.nonzero(other)[0] + 1)


def customers_behind(
    left: Any, right: Any, pairs: tuple[Integers, Integers], customer: npt.NDArray[Any]
) -> tuple[Floats, Floats]:
    """Count the customers behind each pair by Kish's effective number, and the rows of the one with most of them.

    With w rows of each customer in which both items occur, the number is the square of the sum of w, divided by the sum
    of their squares: few if most rows are of one customer.
    """
    left, right = left.tocsc(), right.tocsc()
    work, n_customers = np.diff(left.indptr)[pairs[0]].astype(np.int64), int(customer.max()) + 1
    found, most = np.zeros(len(pairs[0])), np.zeros(len(pairs[0]))
    for begin, end in blocks(work, _BLOCK >> 3) if len(work) else ():
        both = left[:, pairs[0][begin:end]].multiply(right[:, pairs[1][begin:end]]).tocoo()
        key, w = np.unique(both.col.astype(np.int64) * n_customers + customer[both.row], return_counts=True)
        pair = key // n_customers
        total, squares = (np.bincount(pair, weights=w.astype(np.float64) ** k, minlength=end - begin) for k in (1, 2))
        found[begin:end] = np.divide(total**2, squares, out=np.zeros(end - begin), where=squares > 0)
        np.maximum.at(most, begin + pair, w)
    return found, most


def count_together(left: Any, right: Any, *, min_count: int, weight: Floats | None = None) -> Together:
    """Count the rows in which an item of `left` and one of `right` occur, for all pairs with at least `min_count`.

    `weight` is a number of each row; the sum over the rows of a pair is given with its count. Too many pairs raise.
    Items in fewer rows are in no such pair; in large orders of rare items their pairs would be nearly all.
    """
    from scipy.sparse import diags_array

    often, also_often = (np.nonzero(np.asarray(part.sum(axis=0)) >= min_count)[0] for part in (left, right))
    by_item, right = left[:, often].T.tocsr(), right[:, also_often]
    heavy = None if weight is None else (diags_array(weight) @ right).tocsr()
    parts, n_pairs = [], 0
    for begin, end in blocks(additions(by_item, right)):
        block = by_item[begin:end]
        product = block @ right
        if heavy is not None:
            weighed = block @ heavy
            product.sort_indices()
            weighed.sort_indices()  # the same places, because both hold every pair that occurs
        place = np.nonzero(product.data >= min_count)[0]
        n_pairs += len(place)
        if n_pairs > _MOST_PAIRS:
            raise InputError("min_count", f"so large that at most {_MOST_PAIRS:,} pairs are left", min_count)
        row = begin + np.searchsorted(product.indptr, place, side="right") - 1
        sums = None if heavy is None else weighed.data[place]
        parts.append((row, product.indices[place].astype(np.int64), product.data[place].astype(np.int64), sums))
    if not parts:
        none = np.zeros(0, dtype=np.int64)
        return Together(none, none, none, None if weight is None else np.zeros(0))
    row, item, n = (np.concatenate([part[i] for part in parts]) for i in range(3))
    sums = None if weight is None else np.concatenate([part[3] for part in parts])
    return Together(often[row], also_often[item], n, sums)


def mcnemar(lost: Floats, won: Floats) -> Floats:
    """Exact two-sided p-value that as many were lost as won."""
    from scipy import special

    n, least = lost + won, np.minimum(lost, won)
    with np.errstate(under="ignore"):
        lower = special.betainc(np.maximum(n - least, 1), least + 1, 0.5)
    return np.where(n > 0, np.minimum(2 * lower, 1.0), 1.0)
