"""Products whose buyers become fewer or buy more rarely."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import attrs
import numpy as np

from crmvalue._core.calendar import begin_of_log, n_days_after
from crmvalue._core.checks import as_day, as_fraction, as_text, as_whole_number, require, require_choice
from crmvalue._core.labels import counted
from crmvalue._core.values import (
    checked_field,
    count_column,
    count_field,
    hand_over,
    label_column,
    number_column,
    number_field,
    require_at_most,
    require_columns,
    require_ends,
    stay_frozen,
    words_field,
)
from crmvalue._products.counting import as_lines, incidence, items_of, mcnemar
from crmvalue._products.lines import ItemKind, visit_codes
from crmvalue._products.table import (
    Table,
    interval_of_ratio,
    item_kind_field,
    lines_left_out,
    q_values,
    require_quotient,
    tail,
)

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue._products.lines import OrderLines
    from crmvalue.typing import ArrayLike, Dates, Floats, Integers

__all__ = ["ProductTrends", "product_trends"]

Against: TypeAlias = Literal["period before", "year before"]

_YEAR = 364
"""Days of a year of whole weeks, so that both periods have the same days of the week."""

_SURE = 0.05
"""A change with a q-value up to this one is named."""
_CHANGES = ("fewer and rarer", "fewer", "rarer", "more", "")


@stay_frozen
@attrs.frozen(kw_only=True)
class ProductTrends(Table):
    """Buyers of each item in two periods, and how often they buy; those that lose buyers most surely first.

    Parameters
    ----------
    item : ndarray
        Product, category or brand.
    buyers_before, buyers_now : ndarray of int
        Customers who bought it in the earlier and in the later period.
    buyers_ratio : ndarray
        ``buyers_now / buyers_before``.
    buyers_low, buyers_high : ndarray
        Interval of `buyers_ratio` at `level`.
    buyers_q_value : ndarray
        Expected share of false findings among the items with a `buyers_q_value` up to this one.
    times_before, times_now : ndarray
        Days with a purchase of it for each buyer; NaN where nobody bought it.
    times_ratio : ndarray
        ``times_now / times_before``; NaN where nobody bought it.
    times_low, times_high : ndarray
        Interval of `times_ratio` at `level`.
    times_q_value : ndarray
        The same as `buyers_q_value` for `times_ratio`.
    change : tuple of str
        "fewer", "rarer", "fewer and rarer", "more", or "" where no change is sure (q-values up to 0.05).
    customers_before, customers_now : int
        Customers who bought anything.
    as_of : datetime64[D]
        Last day of the later period.
    period_days : int
        Length of each period [days].
    against : str
        Which period is the earlier one.
    item_kind : str
        What an item is.
    level : float
        Confidence level.
    days_missing : int
        Days of the earlier period that lie before the first line of the log.
    days_after : int
        Days of the later period that lie after the last line of the log; 0 for less than a week, or for so few that
        fewer than 20 lines would have come in them.
    n_later : int
        Lines after `as_of`, left out.

    Examples
    --------
    >>> from crmvalue.products import OrderLines
    >>> lines = OrderLines(customer=[1, 2, 1], date=["2024-01-05", "2024-01-09", "2024-02-05"], product=["tea"] * 3)
    >>> product_trends(lines, as_of="2024-02-29", period_days=30, min_buyers=1).buyers_ratio
    array([0.5])
    """

    item: npt.NDArray[Any] = label_column("item")
    buyers_before: Integers = count_column("buyers_before")
    buyers_now: Integers = count_column("buyers_now")
    buyers_ratio: Floats = number_column("buyers_ratio", low=0.0)
    buyers_low: Floats = number_column("buyers_low", low=0.0)
    buyers_high: Floats = number_column("buyers_high", infinite=True)
    buyers_q_value: Floats = number_column("buyers_q_value", low=0.0, high=1.0)
    times_before: Floats = number_column("times_before", low=1.0, missing=True)
    times_now: Floats = number_column("times_now", low=1.0, missing=True)
    times_ratio: Floats = number_column("times_ratio", low=0.0, missing=True)
    times_low: Floats = number_column("times_low", low=0.0, missing=True)
    times_high: Floats = number_column("times_high", infinite=True, missing=True)
    times_q_value: Floats = number_column("times_q_value", low=0.0, high=1.0)
    change: tuple[str, ...] = words_field("change")
    customers_before: int = count_field("customers_before")
    customers_now: int = count_field("customers_now")
    as_of: np.datetime64 = checked_field("as_of", as_day)
    period_days: int = count_field("period_days", low=1)
    against: str = checked_field("against", as_text)
    item_kind: str = item_kind_field()
    level: float = number_field("level", low=0.0, high=1.0)
    days_missing: int = count_field("days_missing", default=0)
    days_after: int = count_field("days_after", default=0)
    n_later: int = count_field("n_later", default=0)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        require_columns(self, len(self.item), ("change",), "rows")
        require(np.isin(self.change, _CHANGES), "change", self.change, "words of `product_trends`")
        require_at_most(self, "buyers_before", "customers_before")
        require_at_most(self, "buyers_now", "customers_now")
        require_quotient(self, "buyers_ratio", "buyers_now", "buyers_before")
        require_at_most(self, "buyers_low", "buyers_ratio", "buyers_high")
        require_quotient(self, "times_ratio", "times_now", "times_before")
        require_ends(self, "times_low", "times_high")
        require_at_most(self, "times_low", "times_ratio", "times_high")
        require_at_most(self, "days_missing", "period_days")
        require_at_most(self, "days_after", "period_days")

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give all columns by name, `change` at the end, for a dataframe of any kind."""
        return {**super().to_columns(), "change": np.array(self.change, dtype=np.str_)}

    @property
    def conclusion(self) -> str:
        """Say in a sentence how many items lose buyers."""
        fewer, rarer = (sum(word in change for change in self.change) for word in ("fewer", "rarer"))
        everybody = f"All customers: {self.customers_before:,} before, {self.customers_now:,} now."
        return (
            f"Fewer buyers, beyond chance: {fewer:,} of {counted(len(self), 'item')}. "
            f"Bought more rarely, beyond chance: {rarer:,}. {everybody}{self._gap()}{lines_left_out(self.n_later)}"
        )

    def _gap(self) -> str:
        """Say that the log does not cover one of the periods."""
        said = ""
        if self.days_missing:
            days = f"{counted(self.days_missing, 'day')} of the {self.period_days} of the earlier period"
            said = f" The log begins after {days}, so more buyers now may be due to this alone."
        if self.days_after:
            days = f"{counted(self.days_after, 'day')} of the {self.period_days} of the later period"
            said += f" The log ends before the last {days}, so fewer buyers now may be due to this alone."
        return said


def product_trends(
    lines: OrderLines,
    *,
    as_of: ArrayLike,
    period_days: int,
    against: Against = "period before",
    item_kind: ItemKind = "product",
    min_buyers: int = 10,
    level: float = 0.95,
) -> ProductTrends:
    r"""Find products or brands whose buyers become fewer, or buy more rarely.

    Parameters
    ----------
    lines : OrderLines
        The lines.
    as_of : date_like
        Last day of the later period; later lines are left out and counted.
    period_days : int
        Length of each period [days], from 1 to 364.
    against : {"period before", "year before"}, default "period before"
        Whether the earlier period ends where the later one begins, or 364 days before it ends. The latter has the same
        season and the same days of the week.
    item_kind : {"product", "category", "brand"}, default "product"
        What is compared.
    min_buyers : int, default 10
        Fewest buyers in the earlier period, >= 1.
    level : float, default 0.95
        Confidence level of the intervals, in (0, 1).

    Returns
    -------
    ProductTrends
        One row an item, ordered by `buyers_high`, the lowest first.

    Raises
    ------
    InputError
        If a number is out of its range, or the log has no line in the earlier period or before it.

    Notes
    -----
    Many customers are in both periods, so the comparison is one of pairs. With :math:`b_0` buyers before, :math:`b_1`
    now, and :math:`d` customers who bought in one period only, the logarithm of the ratio has the variance
    :math:`d / (b_0 b_1)`, and the p-value is that of McNemar's exact test. The ratio of the times has the variance
    between customers by linearisation. Both q-values are corrected for all items by Benjamini and Hochberg.

    Where the log does not cover the earlier period, `days_missing` counts the days before its first line. If they are
    more than a tenth of the period, nothing is called "more": the periods are not equally long. First lines that are
    at most one of 200 and stand apart by at least a week in which 20 lines would have come, such as one with a wrong
    date, do not count as the beginning of the log. Where the log ends before the later period does, `days_after` counts
    the days after its last line, if there is at least a week in which 20 lines would have come. If they are more than a
    tenth of the period, nothing is called "fewer" or "rarer".

    A product with fewer buyers in a shop with fewer customers has lost nothing of its own: see `customers_before` and
    `customers_now`.

    Examples
    --------
    >>> from crmvalue.products import OrderLines
    >>> lines = OrderLines(
    ...     customer=[*range(12), *range(2), *range(12)],
    ...     date=["2024-01-05"] * 12 + ["2024-02-05"] * 2 + ["2024-02-06"] * 12,
    ...     product=["tea"] * 14 + ["jam"] * 12,
    ... )
    >>> found = product_trends(lines, as_of="2024-02-29", period_days=30)
    >>> found.item.tolist(), found.buyers_before.tolist(), found.buyers_now.tolist(), found.change
    (['tea'], [12], [2], ('fewer',))
    """
    lines = as_lines(lines)
    end = as_day("as_of", as_of)
    length = as_whole_number("period_days", period_days, low=1, high=_YEAR)
    require_choice("against", against, get_args(Against))
    item = items_of(lines, item_kind)
    fewest = as_whole_number("min_buyers", min_buyers, low=1)
    level = as_fraction("level", level)
    earlier = end - np.timedelta64(length if against == "period before" else _YEAR, "D")
    require(lines.date.min() <= earlier, "as_of", end, "late enough for lines in the earlier period")

    visit = visit_codes(lines)
    ends = (earlier, end)
    before, now = (_counts(lines, visit, item.code, len(item.distinct), last, length) for last in ends)
    was, is_now = (_ones(part) for part in (before, now))
    both = was.multiply(is_now)
    b0_all, b1_all, stayed = (np.asarray(part.sum(axis=0)).astype(np.float64) for part in (was, is_now, both))
    kept = np.nonzero(b0_all >= fewest)[0]
    b0, b1, same = b0_all[kept], b1_all[kept], stayed[kept]
    n0, n1 = (np.asarray(part.sum(axis=0))[kept].astype(np.float64) for part in (before, now))
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = (b0 + b1 - 2 * same) / (b0 * b1)
        times0, times1 = n0 / b0, n1 / b1
        times = times1 / times0
    interval = interval_of_ratio(b1 / b0, variance, level)
    high = np.where(b1 > 0, np.asarray(interval.high), -np.log((1 - level) / 2) / b0)
    cross = [
        np.asarray(part.sum(axis=0))[kept]
        for part in (before.multiply(now), was.multiply(now), before.multiply(is_now))
    ]
    spread = _variance(before, now, kept, (b0, b1, n0, n1), (*cross, same))
    degrees = np.maximum(np.minimum(b0, b1) - 1, 0)  # few buyers do not show how their times vary
    rarer = interval_of_ratio(times, spread, level, degrees)
    unknown = b1 == 0
    buyers_q = q_values(mcnemar(b0 - same, b1 - same), len(kept))
    times_q = q_values(np.where(unknown, 1.0, tail(times, spread, degrees)), len(kept))
    columns = {
        "item": item.distinct[kept],
        "buyers_before": b0.astype(np.int64),
        "buyers_now": b1.astype(np.int64),
        "buyers_ratio": b1 / b0,
        "buyers_low": np.asarray(interval.low),
        "buyers_high": high,
        "buyers_q_value": buyers_q,
        "times_before": times0,
        "times_now": times1,
        "times_ratio": times,
        "times_low": np.where(unknown, np.nan, rarer.low),
        "times_high": np.where(unknown, np.nan, rarer.high),
        "times_q_value": times_q,
    }
    order = np.lexsort((kept, -b0, high))
    begin = earlier - np.timedelta64(length - 1, "D")
    known = lines.date <= end
    covered_from = begin_of_log(lines.date[known], lines.customer.code[known])
    days_missing = min(max(int((covered_from - begin).astype(np.int64)), 0), length)
    days_after = min(n_days_after(lines.date, end), length)
    whole = (10 * days_missing <= length, 10 * days_after <= length)
    words = _words(b1 / b0, buyers_q, times, times_q, whole=whole)[order]
    last = [_within(lines.date, day, length) for day in ends]
    return ProductTrends(
        **{name: hand_over(column[order]) for name, column in columns.items()},
        change=tuple(words.tolist()),
        customers_before=len(np.unique(lines.customer.code[last[0]])),
        customers_now=len(np.unique(lines.customer.code[last[1]])),
        as_of=end,
        period_days=length,
        against=against,
        item_kind=item_kind,
        level=level,
        days_missing=days_missing,
        days_after=days_after,
        n_later=int(np.count_nonzero(lines.date > end)),
    )


def _within(date: Dates, last: np.datetime64, length: int) -> npt.NDArray[np.bool_]:
    inside: npt.NDArray[np.bool_] = (date <= last) & (date > last - np.timedelta64(length, "D"))
    return inside


def _counts(
    lines: OrderLines, visit: Integers, code: npt.NDArray[Any], n_items: int, last: np.datetime64, length: int
) -> Any:
    """Count the days on which each customer bought each item in a period."""
    from scipy.sparse import csr_array

    inside = _within(lines.date, last, length)
    shape = (len(lines.customer.distinct), n_items)
    if not inside.any():
        return csr_array(shape, dtype=np.int32)
    visits, row = np.unique(visit[inside], return_inverse=True)
    table = incidence(row, code[inside], (len(visits), n_items))
    customer = np.empty(len(visits), dtype=np.int64)
    customer[row] = lines.customer.code[inside]
    return (incidence(customer, np.arange(len(visits)), (shape[0], len(visits))) @ table).tocsr()


def _ones(counts: Any) -> Any:
    ones = counts.copy()
    ones.data[:] = 1
    return ones


def _variance(before: Any, now: Any, kept: Integers, sizes: tuple[Floats, ...], cross: tuple[Floats, ...]) -> Floats:
    """Variance of the logarithm of the ratio of times for each buyer, linearised over customers."""
    b0, b1, n0, n1 = sizes
    counts_both, bought_then_counts, counts_then_bought, same = cross
    square0, square1 = (np.asarray(part.multiply(part).sum(axis=0))[kept] for part in (before, now))
    with np.errstate(divide="ignore", invalid="ignore"):
        own = square0 / n0**2 - 1 / b0 + square1 / n1**2 - 1 / b1
        shared = (
            counts_both / (n0 * n1) - counts_then_bought / (n0 * b1) - bought_then_counts / (b0 * n1) + same / (b0 * b1)
        )
        variance: Floats = np.where(b1 > 0, own - 2 * shared, np.nan)
    return np.where(variance > 1e-15, variance, np.where(np.isnan(variance), np.nan, 0.0))


def _words(
    buyers: Floats, buyers_q: Floats, times: Floats, times_q: Floats, *, whole: tuple[bool, bool]
) -> npt.NDArray[np.str_]:
    """Name the changes; beside an earlier or later period that is not `whole`, a smaller number there says nothing."""
    before, now = whole
    fewer, more = now & (buyers < 1) & (buyers_q <= _SURE), before & (buyers > 1) & (buyers_q <= _SURE)
    rarer = now & (times < 1) & (times_q <= _SURE)
    return np.select([fewer & rarer, fewer, rarer, more], list(_CHANGES[:-1]), _CHANGES[-1])
