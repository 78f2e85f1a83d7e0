"""How many next purchases the products of :func:`next_products` find, against two naive rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from crmvalue._core.calendar import warn_of_days_after
from crmvalue._core.checks import as_day, as_flag, as_fraction, as_whole_number, require
from crmvalue._core.labels import counted, percents
from crmvalue._core.pictures.pictured import Pictured
from crmvalue._core.values import (
    checked_field,
    count_column,
    count_field,
    label_column,
    number_column,
    number_field,
    require_at_most,
    require_columns,
    stay_frozen,
)
from crmvalue._products.counting import as_lines, first_of_each, is_among, may_lead, mcnemar
from crmvalue._products.offers.candidates import KINDS, UNKNOWN, candidates
from crmvalue._products.offers.learning import bought_in, history_of, purchase_days
from crmvalue._products.pictures import hits_parts
from crmvalue._products.table import Table, lines_left_out
from crmvalue.metrics import proportion_interval

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue._core.pictures.parts import Parts
    from crmvalue._products.lines import OrderLines
    from crmvalue._products.offers.learning import History
    from crmvalue.typing import ArrayLike, Floats, Integers

__all__ = ["NextProductsCheck", "check_next_products"]

_OWN, _POPULAR, _BEFORE = "next_products", "most popular", "bought before"


@stay_frozen
@attrs.frozen(kw_only=True)
class NextProductsCheck(Table, Pictured):
    """Purchases of a held-out period that each rule found among its first `n` products.

    Parameters
    ----------
    rule : ndarray of str
        "next_products", "most popular" and, unless `new_only`, "bought before".
    n_hit : ndarray of int
        Customers who bought at least one of their `n` products.
    hit_rate : ndarray
        Share of the customers who did.
    hit_low, hit_high : ndarray
        Interval of `hit_rate` at `level`.
    n_found : ndarray of int
        Purchases that were among the `n` products; a customer's purchases of one product count once.
    found_share : ndarray
        Share of all purchases that were.
    lead : ndarray
        Hit rate of `next_products` less that of the rule.
    lead_low, lead_high : ndarray
        Interval of `lead` at `level`, for the same customers.
    n_customers : int
        Customers who had bought before the period and bought in it.
    n_purchases : int
        What they bought in it: pairs of a customer and a product.
    n_expected : float
        Purchases that `next_products` expected to find: the sum of its probabilities over all customers with a history.
    n : int
        Products for each customer.
    new_only : bool
        Whether only products that are new to the customer count.
    as_of : datetime64[D]
        Last day of the held-out period.
    horizon_days : int
        Its length [days].
    level : float
        Confidence level.
    n_later : int
        Lines after `as_of`, left out.

    Examples
    --------
    >>> from crmvalue.products import OrderLines
    >>> dates = ["2024-01-05", "2024-02-05", "2024-03-05"]
    >>> lines = OrderLines(customer=[1, 1, 1], date=dates, product=["tea"] * 3)
    >>> check_next_products(lines, as_of="2024-03-31", horizon_days=30, n=1).hit_rate
    array([1., 1., 1.])
    """

    rule: npt.NDArray[np.str_] = label_column("rule", texts=True)
    n_hit: Integers = count_column("n_hit")
    hit_rate: Floats = number_column("hit_rate", low=0.0, high=1.0)
    hit_low: Floats = number_column("hit_low", low=0.0, high=1.0)
    hit_high: Floats = number_column("hit_high", low=0.0, high=1.0)
    n_found: Integers = count_column("n_found")
    found_share: Floats = number_column("found_share", low=0.0, high=1.0)
    lead: Floats = number_column("lead", low=-1.0, high=1.0)
    lead_low: Floats = number_column("lead_low", low=-1.0, high=1.0)
    lead_high: Floats = number_column("lead_high", low=-1.0, high=1.0)
    n_customers: int = count_field("n_customers", low=1)
    n_purchases: int = count_field("n_purchases", low=1)
    n_expected: float = number_field("n_expected", low=0.0)
    n: int = count_field("n", low=1)
    new_only: bool = checked_field("new_only", as_flag)
    as_of: np.datetime64 = checked_field("as_of", as_day)
    horizon_days: int = count_field("horizon_days", low=1)
    level: float = number_field("level", low=0.0, high=1.0)
    n_later: int = count_field("n_later", default=0)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        require_columns(self, len(self.rule), ("hit_rate",), "rules", least=1)
        require_at_most(self, "n_hit", "n_customers", "n_purchases")
        require_at_most(self, "n_hit", "n_found", "n_purchases")
        require_at_most(self, "hit_low", "hit_high")
        require_at_most(self, "lead_low", "lead_high")
        require_at_most(self, "hit_low", "hit_rate", "hit_high")
        require_at_most(self, "lead_low", "lead", "lead_high")

    def _parts(self) -> Parts:
        ends, lead = (self.hit_low, self.hit_high), (self.lead_low, self.lead_high)
        return hits_parts(self.rule.tolist(), self.hit_rate, ends, lead, self.n)

    @property
    def conclusion(self) -> str:
        """Say in a sentence whether the products are better than both naive rules."""
        rates = [
            f"{rule} {rate}" for rule, rate in zip(self.rule.tolist(), percents(*self.hit_rate.tolist()), strict=True)
        ]
        naive, low, high = self.rule[1:], self.lead_low[1:], self.lead_high[1:]
        behind, unsure = naive[high < 0].tolist(), naive[(low <= 0) & (high >= 0)].tolist()
        shown = [f"behind {' and '.join(behind)}, beyond chance"] if behind else []
        shown += [f"not shown to be ahead of {' and '.join(unsure)}"] if unsure else []
        shown = shown or ["ahead of each naive rule, beyond chance"]
        first = "product" if self.n == 1 else f"{self.n:,} products"
        return (
            f"Among {counted(self.n_customers, 'customer')} the first {first} hit: {', '.join(rates)}. "
            f"{_OWN} is {'; '.join(shown)}.{lines_left_out(self.n_later)}"
        )


def check_next_products(
    lines: OrderLines,
    *,
    as_of: ArrayLike,
    horizon_days: int,
    n: int = 5,
    new_only: bool = False,
    level: float = 0.95,
) -> NextProductsCheck:
    """Hold out the last period and count which of its purchases are among the first `n` products.

    Parameters
    ----------
    lines : OrderLines
        The lines.
    as_of : date_like
        Last day of the held-out period; later lines are left out and counted.
    horizon_days : int
        Its length [days]. The log has to begin at least twice as long before `as_of`.
    n : int, default 5
        Products for each customer, >= 1.
    new_only : bool, default False
        Whether only products that are new to the customer are offered and counted: cross-sells and upsells.
    level : float, default 0.95
        Confidence level of the intervals, in (0, 1).

    Returns
    -------
    NextProductsCheck
        One row a rule.

    Raises
    ------
    InputError
        As :func:`next_products`; if nobody with a history bought in the held-out period.

    Notes
    -----
    "most popular" offers everybody the products with the most buyers in the period of the same length before the
    held-out one; of equal ones, those with the most buyers in all the time before. "bought before" offers a customer
    what they had bought on the most days, the latest first among equals, and fills up with the most popular. What is
    still equal comes in the order of the identifiers, by each rule; in a log of few purchases this matters. No rule
    sees the held-out period. The interval of the lead is that of a difference of two shares of the same customers [1]_.
    It holds 0 where McNemar's exact test does not tell the two apart.

    Compare `n_expected` with the first `n_found`: a large difference says that the probabilities are too high or too
    low. They were corrected by what came of the same rule one horizon before the held-out period, if the log begins
    three horizons before `as_of`; without that, they are often too high. Another season makes them wrong. A log that
    ends well before `as_of` raises a :class:`~crmvalue.errors.DataWarning`.

    .. [1] Agresti, A. and Min, Y. (2005). Simple improved confidence intervals for comparing matched proportions.
       Statistics in Medicine 24, 729-740.

    Examples
    --------
    >>> from crmvalue.products import OrderLines
    >>> dates = ["2024-01-05", "2024-02-05", "2024-03-05"]
    >>> lines = OrderLines(
    ...     customer=[1, 1, 1, 2, 2, 2], date=dates * 2, product=["tea", "tea", "tea", "jam", "jam", "jam"]
    ... )
    >>> checked = check_next_products(lines, as_of="2024-03-31", horizon_days=30, n=1)
    >>> dict(zip(checked.rule.tolist(), checked.hit_rate.tolist()))
    {'next_products': 1.0, 'most popular': 0.5, 'bought before': 1.0}
    """
    log = as_lines(lines)
    lines = log.until(as_of)
    end = as_day("as_of", as_of)
    horizon = as_whole_number("horizon_days", horizon_days, low=1, high=3660)
    most = as_whole_number("n", n, low=1)
    new = as_flag("new_only", new_only)
    level = as_fraction("level", level)
    span = np.timedelta64(horizon, "D")
    cut = end - span
    warn_of_days_after(lines.date, "as_of", end)
    require(lines.date.min() <= cut - span, "horizon_days", horizon, "at most half of the log before `as_of`")

    days = purchase_days(lines)
    past = history_of(days, cut)
    known = np.nonzero(past.n_days > 0)[0]
    truth = bought_in(days, cut, end)
    if new:
        truth = (truth - truth.multiply(past.ones)).tocsr()
        truth.eliminate_zeros()
    n_bought = np.diff(truth.indptr)
    buyers = known[n_bought[known] > 0]
    require(len(buyers) > 0, "lines", len(buyers), "of a customer who bought before the held-out period and in it")
    popularity = np.asarray(bought_in(days, cut - span, cut).sum(axis=0))
    own = candidates(
        days,
        cut,
        horizon,
        known,
        most,
        ("cross-sell",) if new else KINDS,
        UNKNOWN,
        None,
    )
    offers = {_OWN: (own.customer, own.product), **_naive(past, known, popularity, most, new=new)}
    n_found = {rule: _found(truth, *offer) for rule, offer in offers.items()}
    found = np.stack([each[buyers] for each in n_found.values()])
    hit = found > 0
    rate = hit.mean(axis=1)
    interval = proportion_interval(hit.sum(axis=1), len(buyers), level=level)
    ahead = hit[0].astype(np.float64) - hit
    lead = ahead.mean(axis=1)
    lead_low, lead_high = _interval_of_lead(ahead, level)
    n_purchases = int(n_bought[buyers].sum())
    return NextProductsCheck(
        rule=np.array(list(offers)),
        n_hit=hit.sum(axis=1),
        hit_rate=rate,
        hit_low=np.asarray(interval.low),
        hit_high=np.asarray(interval.high),
        n_found=found.sum(axis=1),
        found_share=found.sum(axis=1) / n_purchases,
        lead=lead,
        lead_low=lead_low,
        lead_high=lead_high,
        n_customers=len(buyers),
        n_purchases=n_purchases,
        n_expected=float(own.prob.sum()),
        n=most,
        new_only=new,
        as_of=end,
        horizon_days=horizon,
        level=level,
        n_later=len(log) - len(lines),
    )


def _naive(past: History, known: Integers, popularity: Floats, n: int, *, new: bool) -> dict[str, Any]:
    """Give customers and products of the naive rules."""
    order = np.lexsort((-np.asarray(past.ones.sum(axis=0)), -popularity))  # those with most buyers lately, then ever
    n = min(n, len(order))
    own = past.times[known]
    n_own = np.diff(own.indptr)
    everyone, likes = _not_among(own, order, n)
    rank = np.arange(len(everyone)) - np.searchsorted(everyone, everyone)
    if new:
        return {_POPULAR: (known[everyone], likes)}
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    last = past.last[np.repeat(past.n_days > 0, np.diff(past.times.indptr))]
    value = own.data * (past.end + 1.0 - last.min()) + (last - last.min())  # days with a purchase, then the last one
    rows = may_lead(own.indptr, value, n)
    row, product = np.repeat(np.arange(len(known)), n_own)[rows], own.indices[rows]
    best = first_of_each(row, place[product], value[rows], n)
    fill = rank < n - n_own[everyone]
    top = order[: min(n, len(order))]
    return {
        _POPULAR: (np.repeat(known, len(top)), np.tile(top, len(known))),
        _BEFORE: (known[np.append(row[best], everyone[fill])], np.append(product[best], likes[fill])),
    }


def _not_among(own: Any, order: Integers, n: int) -> tuple[Integers, Integers]:
    """Give row and product of the first `n` products in an order that each row does not have."""
    size = np.minimum(np.diff(own.indptr) + n, len(order))  # among so many, `n` are not the row's own
    row = np.repeat(np.arange(len(size)), size)
    product = order[np.arange(len(row)) - np.repeat(np.cumsum(size) - size, size)]
    mine = np.repeat(np.arange(len(size)), np.diff(own.indptr)) * len(order) + own.indices
    strange = ~is_among(row * len(order) + product, mine)
    row, product = row[strange], product[strange]
    first = np.arange(len(row)) - np.searchsorted(row, row) < n
    return row[first], product[first]


def _found(truth: Any, customer: Integers, product: Integers) -> Integers:
    """Count for each customer how many of their products they bought."""
    from scipy.sparse import coo_array

    offered = coo_array((np.ones(len(customer)), (customer, product)), shape=truth.shape).tocsr()
    return np.asarray(offered.multiply(truth != 0).sum(axis=1)).astype(np.int64)


def _interval_of_lead(ahead: Floats, level: float) -> tuple[Floats, Floats]:
    """Interval of the mean of differences of -1, 0 and 1, one row a rule, by Agresti and Min (2005).

    Wald's interval with pseudo-counts, so that a few customers without a difference, or all with the same, are not
    taken for certain. It holds 0 where the exact test does not tell the rules apart. The first row compares the rule
    with itself.
    """
    from scipy import special

    z = -float(special.ndtri((1 - level) / 2))
    added = z * z / 8.0  # to each of won and lost, and twice as many without a difference
    n = ahead.shape[1] + 4.0 * added
    won, lost = (ahead > 0).sum(axis=1) + added, (ahead < 0).sum(axis=1) + added
    middle = (won - lost) / n
    half = z * np.sqrt(np.maximum(won + lost - (won - lost) ** 2 / n, 0.0)) / n
    lead = ahead.mean(axis=1)
    low, high = np.minimum(np.maximum(middle - half, -1.0), lead), np.maximum(np.minimum(middle + half, 1.0), lead)
    alike = mcnemar(lost - added, won - added) > 1 - level
    low[alike], high[alike] = np.minimum(low[alike], 0.0), np.maximum(high[alike], 0.0)
    low[0] = high[0] = 0.0
    return low, high
