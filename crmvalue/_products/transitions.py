"""What is bought next: from one purchase of a customer to their next one, with the time between."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from crmvalue._core.calendar import last_date, purchases_by_day, warn_of_early_rows
from crmvalue._core.checks import as_day, as_fraction, as_whole_number
from crmvalue._core.labels import counted, percent
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
from crmvalue._products.counting import as_lines, count_together, incidence, items_of, order_starts
from crmvalue._products.lines import ItemKind, visit_codes
from crmvalue._products.pairs import chance_for_customers, chance_of_more
from crmvalue._products.table import Table, item_kind_field, lines_left_out, q_values, require_quotient, rows_of
from crmvalue.errors import InputError
from crmvalue.metrics import proportion_interval

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue._products.lines import OrderLines
    from crmvalue.typing import ArrayLike, Floats, Integers

__all__ = ["NextPurchases", "next_purchases"]


def _days(name: str, value: Any) -> int:
    return as_whole_number(name, value, low=1)


@stay_frozen
@attrs.frozen(kw_only=True)
class NextPurchases(Table):
    """What customers buy next, by what they bought; the surest first.

    Parameters
    ----------
    bought, bought_next : ndarray
        An item of a purchase, and one of the next purchase of the same customer.
    n_bought : ndarray of int
        Purchases with `bought`.
    n_next : ndarray of int
        Those of them whose next purchase has `bought_next`.
    prob : ndarray
        ``n_next / n_bought``.
    prob_low, prob_high : ndarray
        Interval of `prob` at `level`.
    lift : ndarray
        `prob` divided by its value over all purchases.
    mean_days : ndarray
        Mean time between both purchases [days].
    q_value : ndarray
        Expected share of false findings among the rows with a `q_value` up to this one.
    n_purchases : int
        Purchases that were followed.
    n_tested : int
        Pairs that the q-values allow for.
    within_days : int or None
        Longest time to the next purchase [days].
    item_kind : str
        What an item is.
    level : float
        Confidence level.
    n_later : int
        Lines after the last day of the log, left out.

    Examples
    --------
    >>> from crmvalue.products import OrderLines
    >>> lines = OrderLines(customer=[1, 1], date=["2024-01-05", "2024-01-15"], product=["printer", "ink"])
    >>> next_purchases(lines, min_count=1).mean_days
    array([10.])
    """

    bought: npt.NDArray[Any] = label_column("bought", identifiers=True)
    bought_next: npt.NDArray[Any] = label_column("bought_next", identifiers=True)
    n_bought: Integers = count_column("n_bought")
    n_next: Integers = count_column("n_next")
    prob: Floats = number_column("prob", low=0.0, high=1.0)
    prob_low: Floats = number_column("prob_low", low=0.0, high=1.0)
    prob_high: Floats = number_column("prob_high", low=0.0, high=1.0)
    lift: Floats = number_column("lift", low=0.0)
    mean_days: Floats = number_column("mean_days", low=0.0)
    q_value: Floats = number_column("q_value", low=0.0, high=1.0)
    n_purchases: int = count_field("n_purchases")
    n_tested: int = count_field("n_tested")
    within_days: int | None = checked_field("within_days", optional(_days), default=None)
    item_kind: str = item_kind_field()
    level: float = number_field("level", low=0.0, high=1.0)
    n_later: int = count_field("n_later", default=0)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        require_at_most(self, "n_next", "n_bought", "n_purchases")
        require_quotient(self, "prob", "n_next", "n_bought")
        require_at_most(self, "prob_low", "prob", "prob_high")
        require_at_most(self, "lift", "n_purchases")
        if self.within_days is not None:
            require_at_most(self, "mean_days", "within_days")

    @property
    def conclusion(self) -> str:
        """Say how many pairs follow each other beyond chance, and which one most surely."""
        sure = np.nonzero((self.lift > 1) & (self.q_value <= 0.05))[0]
        pairs = counted(self.n_tested, "possible pair")
        said = f"Bought next more often than chance explains: {len(sure):,} of {pairs}."
        if not len(sure):
            return said + lines_left_out(self.n_later)
        first = sure[0]
        prob = percent(self.prob[first], digits=0)
        return (
            f"{said} First: {self.bought_next[first]} after {self.bought[first]}, in {prob} of cases "
            f"and after {counted(round(self.mean_days[first]), 'day')} on average.{lines_left_out(self.n_later)}"
        )

    def after(self, item: Any) -> NextPurchases:
        """Give the rows of one item: what is bought after it.

        Parameters
        ----------
        item : int or str
            The item.

        Returns
        -------
        NextPurchases
            Its rows, none if nothing was counted for it.
        """
        found: NextPurchases = rows_of(self, "bought", "item", item)
        return found


def next_purchases(
    lines: OrderLines,
    *,
    item_kind: ItemKind = "product",
    within_days: int | None = None,
    as_of: ArrayLike | None = None,
    min_count: int = 5,
    level: float = 0.95,
) -> NextPurchases:
    r"""Count what customers buy next, and after how many days.

    Parameters
    ----------
    lines : OrderLines
        The lines. All that a customer bought on one day is one purchase.
    item_kind : {"product", "category", "brand"}, default "product"
        What is counted.
    within_days : int, optional
        Longest time to the next purchase [days], such as 90. Only purchases at least so long before `as_of` are
        followed, and the next purchase counts if it comes in time. Without it, the purchases that have a next one are
        followed, and `prob` says what the next purchase has, if there is one.
    as_of : date_like, optional
        Last day of the log; by default the day of the last line. Later lines are left out and counted. Give it if lines
        lie far after all others.
    min_count : int, default 5
        Fewest times that one item followed the other, >= 1.
    level : float, default 0.95
        Confidence level of the intervals, in (0, 1).

    Returns
    -------
    NextPurchases
        One row for each item and each item that follows, the item itself included, ordered by `prob_low`.

    Raises
    ------
    InputError
        If the lines have no such column, a number is out of its range, or no purchase can be followed.

    Warns
    -----
    DataWarning
        If rows are years before all others, such as those of 1900.

    Notes
    -----
    The interval is that of Wilson. It takes the purchases of one customer as independent: where tastes differ strongly
    (shares of six products with a Dirichlet distribution of sum 3, 300 customers of 12 purchases on average), intervals
    of 95 % hold the share of all customers in 74 to 81 of 100 cases; with a sum of 30 in 93.

    The p-value is the chance of at least `n_next` among `n_bought` at the share of all purchases (a binomial tail).
    Customers with large purchases have large ones next too, which hold much of everything: where more is to be expected
    of how many items follow the one item, and of the share of the other among all that follow, it takes the place. The
    counts are divided by how many cases stand for one customer: with :math:`w` cases of each customer,
    :math:`\sum w^2 / \sum w` (Kish 1965). It is never less than that without the customer who has most of the cases.
    `q_value` is its correction by Benjamini and Hochberg for all pairs of items with `min_count` purchases each.

    Examples
    --------
    >>> from crmvalue.products import OrderLines
    >>> lines = OrderLines(
    ...     customer=["ann", "ann", "bob", "bob", "bob"],
    ...     date=["2024-01-05", "2024-02-04", "2024-01-10", "2024-01-30", "2024-03-01"],
    ...     product=["printer", "ink", "printer", "ink", "ink"],
    ... )
    >>> following = next_purchases(lines, min_count=2).after("printer")
    >>> following.bought_next, following.prob, following.mean_days
    (array(['ink'], dtype='<U7'), array([1.]), array([25.]))
    """
    log = as_lines(lines)
    lines = log if as_of is None else log.until(as_of)
    item = items_of(lines, item_kind)
    window = None if within_days is None else _days("within_days", within_days)
    fewest = as_whole_number("min_count", min_count, low=1)
    level = as_fraction("level", level)
    by_day = partial(purchases_by_day, lines.date, lines.customer.code.astype(np.int64))
    warn_of_early_rows(lines.date)
    end = last_date("as_of", lines.date, by_day) if as_of is None else as_day("as_of", as_of)

    visit = visit_codes(lines)
    customer, day = order_starts(visit, lines.customer.code), order_starts(visit, lines.date)
    gap = np.append(np.diff(day).astype(np.int64), 0)
    has_next = np.append(customer[1:] == customer[:-1], [False])
    if window is None:
        followed = np.nonzero(has_next)[0]
    else:
        followed = np.nonzero((end - day).astype(np.int64) >= window)[0]
        has_next &= gap <= window
    if not len(followed):
        raise InputError("lines", "of a customer with a purchase that can be followed", len(day))
    table = incidence(visit, item.code, (len(day), len(item.distinct)))
    before = table[followed]
    after = table[np.minimum(followed + 1, len(day) - 1)]
    late = ~has_next[followed]
    after.data[np.repeat(late, np.diff(after.indptr))] = 0
    after.eliminate_zeros()
    n_before, n_after = (np.asarray(part.sum(axis=0)).astype(np.int64) for part in (before, after))
    found = count_together(before, after, min_count=fewest, weight=gap[followed].astype(np.float64))
    n_bought, base = n_before[found.left], n_after[found.right] / len(followed)
    interval = proportion_interval(found.n, n_bought, level=level) if len(found.n) else (np.zeros(0), np.zeros(0))
    n_tested = int(np.count_nonzero(n_before >= fewest)) * int(np.count_nonzero(n_after >= fewest))
    prob, low = found.n / n_bought, np.asarray(interval[0])
    pair, bought_by = (found.left, found.right), customer[followed]
    share = np.maximum(base, _share_by_size(before, after, pair))
    p_value = chance_of_more(found.n, n_bought, share)
    p_value = chance_for_customers(p_value, (found.n, n_bought, share), before, after, pair, bought_by)
    columns = {
        "bought": item.distinct[found.left],
        "bought_next": item.distinct[found.right],
        "n_bought": n_bought,
        "n_next": found.n,
        "prob": prob,
        "prob_low": low,
        "prob_high": np.asarray(interval[1]),
        "lift": prob / base,
        "mean_days": np.asarray(found.weight) / found.n,
        "q_value": q_values(p_value, n_tested),
    }
    order = np.lexsort((found.right, found.left, -prob, -low))
    return NextPurchases(
        **{name: hand_over(column[order]) for name, column in columns.items()},
        n_purchases=len(followed),
        n_tested=n_tested,
        within_days=window,
        item_kind=item_kind,
        level=level,
        n_later=len(log) - len(lines),
    )


def _share_by_size(before: Any, after: Any, pair: tuple[Integers, Integers]) -> Floats:
    """Share of the purchases of one item that the other would follow by chance, given how much each next one holds."""
    left, right = pair
    size, n_before, n_after = (
        np.asarray(part).ravel().astype(np.float64)
        for part in (after.sum(axis=1), before.sum(axis=0), after.sum(axis=0))
    )
    following = np.asarray(before.T @ size)  # items in the purchases after those of each item
    share: Floats = np.minimum(following[left] / n_before[left] * (n_after[right] / max(size.sum(), 1.0)), 1.0)
    return share
