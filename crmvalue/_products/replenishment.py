"""When a customer needs a product again: intervals between purchases, shrunk towards those of the product."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import attrs
import numpy as np

from crmvalue._core.calendar import warn_of_early_rows
from crmvalue._core.checks import as_day, as_flag, as_fraction, as_text, as_whole_number, require
from crmvalue._core.labels import counted
from crmvalue._core.values import (
    checked_field,
    count_column,
    count_field,
    date_table,
    hand_over,
    label_column,
    number_column,
    number_field,
    require_at_most,
    stay_frozen,
)
from crmvalue._products.counting import as_lines, distinct
from crmvalue._products.table import Table, lines_left_out, taken

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue._products.lines import OrderLines
    from crmvalue.journeys import Events
    from crmvalue.typing import ArrayLike, Dates, Floats, Integers

__all__ = ["Replenishment", "replenishment"]

_LONGEST = 36_500
"""Days; a longer interval is cut to it, so that due dates stay dates."""

_SURPRISE = 0.05
"""Equal intervals hide a share of others; what is less likely than this was not to be expected (rule of three)."""


@stay_frozen
@attrs.frozen(kw_only=True)
class Replenishment(Table):
    """When each customer is due to buy each product again, by customer and product.

    Parameters
    ----------
    customer, product : ndarray
        Identifiers.
    n_purchases : ndarray of int
        Days on which the customer bought the product.
    last_date : ndarray of datetime64[D]
        The last of them.
    interval_days : ndarray
        Expected (median) time to the next one after `last_date` [days].
    due_date : ndarray of datetime64[D]
        `last_date` and `interval_days`, rounded to a day.
    due_low, due_high : ndarray of datetime64[D]
        Interval in which the next purchase falls at `level`, if the customer goes on buying the product.
    as_of : datetime64[D]
        Last day of the log.
    spread_own, spread_customers : float
        Standard deviation of the logarithm of intervals: of one customer and product, and between customers.
    n_intervals : int
        Intervals that were seen.
    level : float
        Level of `due_low` and `due_high`.
    n_later : int
        Lines after `as_of`, left out.

    Examples
    --------
    >>> from crmvalue.products import OrderLines
    >>> lines = OrderLines(customer=[1, 1, 1], date=["2024-01-01", "2024-01-31", "2024-03-01"], product=["tea"] * 3)
    >>> replenishment(lines, as_of="2024-03-05", min_intervals=2).due_date
    array(['2024-03-31'], dtype='datetime64[D]')
    """

    customer: npt.NDArray[Any] = label_column("customer", identifiers=True)
    product: npt.NDArray[Any] = label_column("product", identifiers=True)
    n_purchases: Integers = count_column("n_purchases")
    last_date: Dates = date_table("last_date", 1, missing=False)
    interval_days: Floats = number_column("interval_days", low=0.0)
    due_date: Dates = date_table("due_date", 1, missing=False)
    due_low: Dates = date_table("due_low", 1, missing=False)
    due_high: Dates = date_table("due_high", 1, missing=False)
    as_of: np.datetime64 = checked_field("as_of", as_day)
    spread_own: float = number_field("spread_own", low=0.0)
    spread_customers: float = number_field("spread_customers", low=0.0)
    n_intervals: int = count_field("n_intervals")
    level: float = number_field("level", low=0.0, high=1.0)
    n_later: int = count_field("n_later", default=0)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        require_at_most(self, "last_date", "due_low", "due_date", "due_high")
        require_at_most(self, "last_date", "as_of")
        require(self.n_purchases >= 1, "n_purchases", self.n_purchases, ">= 1")
        shown = int(self.n_purchases.sum()) - len(self)
        require(shown <= self.n_intervals, "n_intervals", self.n_intervals, f"at least the {shown} of `n_purchases`")

    def due(self, first: ArrayLike, last: ArrayLike) -> Replenishment:
        """Give the rows that are due in a period.

        Parameters
        ----------
        first, last : date_like
            First and last day of the period, both included.

        Returns
        -------
        Replenishment
            The rows whose due date is in it.
        """
        begin, end = as_day("first", first), as_day("last", last)
        found: Replenishment = taken(self, (self.due_date >= begin) & (self.due_date <= end))
        return found

    def events(self, *, name: str = "replenishment due", days_before: int = 0) -> Events:
        """Give the due dates as events that start journeys.

        Parameters
        ----------
        name : str, default "replenishment due"
            Name of the events. "{product}" in it becomes the product: "due: {product}".
        days_before : int, default 0
            How long before the due date the event is [days], >= 0.

        Returns
        -------
        Events
            One event a row, at midnight.
        """
        from crmvalue.journeys import Events

        word = as_text("name", name)
        early = np.timedelta64(as_whole_number("days_before", days_before, low=0, high=_LONGEST), "D")
        items, code = np.unique(self.product, return_inverse=True)
        words = np.array([word.replace("{product}", str(item)) for item in items.tolist()] or [word], dtype=object)
        return Events(customer=self.customer, name=words[code.astype(np.int64)], time=self.due_date - early)

    @property
    def conclusion(self) -> str:
        """Say in a sentence how much is due."""
        late = int(np.count_nonzero(self.due_date <= self.as_of))
        soon = int(
            np.count_nonzero((self.due_date > self.as_of) & (self.due_date <= self.as_of + np.timedelta64(30, "D")))
        )
        rows = counted(len(self), "pair of a customer and a product", "pairs of a customer and a product")
        were, are = counted(late, "was", "were"), counted(soon, "is", "are")
        later = lines_left_out(self.n_later)
        return f"Of {rows}, {were} due by {self.as_of}, and {are} due in the 30 days after it.{later}"


def replenishment(
    lines: OrderLines,
    *,
    as_of: ArrayLike,
    min_purchases: int = 2,
    min_intervals: int = 5,
    per_unit: bool = False,
    level: float = 0.95,
) -> Replenishment:
    r"""Estimate when each customer is due to buy each product again.

    Parameters
    ----------
    lines : OrderLines
        The lines. What a customer bought of a product on one day is one purchase.
    as_of : date_like
        Last day of the log; later lines are left out and counted.
    min_purchases : int, default 2
        Fewest purchases of the product by the customer. With 1, customers who bought it once are due after the
        interval of the product.
    min_intervals : int, default 5
        Fewest intervals of a product over all customers. Products with fewer are not replenished.
    per_unit : bool, default False
        Whether twice the quantity lasts twice as long: the interval is one per unit of the earlier purchase.
    level : float, default 0.95
        Level of the interval of the due date, in (0, 1).

    Returns
    -------
    Replenishment
        One row for each customer and product, by customer and product.

    Raises
    ------
    InputError
        If a number is out of its range, or no line is up to `as_of`.

    Notes
    -----
    The logarithm of an interval is the mean of the product, plus the deviation of the customer, plus noise. Both
    variances are moments over all products (analysis of variance). A customer with few intervals is shrunk towards the
    product:

    .. math::

        \hat{m}_{cp} = \hat{m}_p + \frac{n_{cp}}{n_{cp} + \sigma^2 / \tau^2} (\bar{y}_{cp} - \hat{m}_p)

    :math:`\sigma^2` is the variance of the noise and :math:`\tau^2` that between customers. In the same way a product
    with few intervals is shrunk towards all products. The interval of the due date is Student's, with the degrees of
    freedom of :math:`\sigma^2`: few intervals do not show how they vary. A single one shows nothing, so its due date
    lies anywhere from the last purchase to 36,500 days later. Where *n* intervals are all equal, as many others are
    taken to be a day longer as they leave possible, a share *p* with :math:`(1 - p)^n = 0.05`, at most a half: the rule
    of three [1]_. Only intervals that ended in the log are known. In a short log long intervals are rarer than they
    should be, so due dates come too early.

    .. [1] Hanley, J. A., and Lippman-Hand, A. (1983). If nothing goes wrong, is everything all right? Journal of the
       American Medical Association 249, 1743-1745.

    Examples
    --------
    >>> from crmvalue.products import OrderLines
    >>> lines = OrderLines(
    ...     customer=["ann"] * 4 + ["bob"] * 2,
    ...     date=["2024-01-01", "2024-01-17", "2024-02-10", "2024-03-01", "2024-01-01", "2024-03-01"],
    ...     product=["tea"] * 6,
    ... )
    >>> due = replenishment(lines, as_of="2024-03-10", min_intervals=3)
    >>> due.customer, due.interval_days.round(1)
    (array(['ann', 'bob'], dtype='<U3'), array([20. , 57.8]))
    """
    log = as_lines(lines)
    lines = log.until(as_of)
    end = as_day("as_of", as_of)
    fewest = as_whole_number("min_purchases", min_purchases, low=1)
    enough = as_whole_number("min_intervals", min_intervals, low=1)
    by_units = as_flag("per_unit", per_unit)
    level = as_fraction("level", level)
    warn_of_early_rows(lines.date)

    bought = _purchases(lines)
    gap = np.diff(bought.day).astype(np.float64)
    inside = bought.pair[1:] == bought.pair[:-1]
    units = bought.units if by_units else np.ones(len(bought.day))
    y = np.log(gap[inside] / units[:-1][inside])
    n_pairs, n_products = len(bought.first), len(lines.product.distinct)
    product = bought.product[bought.first]
    spread = _fit(y, gap[inside], bought.pair[1:][inside], product, n_pairs, n_products)
    n = np.diff(np.append(bought.first, len(bought.day)))
    last = bought.first + n - 1
    n_seen = np.bincount(product, weights=n - 1, minlength=n_products)
    chosen = np.nonzero((n >= fewest) & (n_seen[product] >= enough))[0]
    middle = spread.mean[chosen] + np.log(units[last[chosen]])
    half = _quantile(level, spread.degrees) * np.sqrt(spread.own + spread.variance[chosen])
    day = bought.day[last[chosen]].astype("datetime64[D]")
    return Replenishment(
        customer=hand_over(lines.customer.distinct[bought.customer[bought.first[chosen]]]),
        product=hand_over(lines.product.distinct[product[chosen]]),
        n_purchases=hand_over(n[chosen]),
        last_date=hand_over(day),
        interval_days=hand_over(_days(middle)),
        due_date=hand_over(_later(day, middle)),
        due_low=hand_over(_later(day, middle - half)),
        due_high=hand_over(_later(day, middle + half)),
        as_of=end,
        spread_own=float(np.sqrt(spread.own)),
        spread_customers=float(np.sqrt(spread.between)),
        n_intervals=len(y),
        level=level,
        n_later=len(log) - len(lines),
    )


class _Purchases(NamedTuple):
    """Purchases of products by customer, product and day; `first` is the first one of each pair."""

    pair: Integers
    customer: Integers
    product: Integers
    day: Integers
    units: Floats
    first: Integers


def _purchases(lines: OrderLines) -> _Purchases:
    """Put all that a customer bought of a product on one day into one purchase."""
    day = lines.date.astype(np.int64)
    low = int(day.min())
    n_days, n_products = int(day.max()) - low + 1, len(lines.product.distinct)
    key = (lines.customer.code.astype(np.int64) * n_products + lines.product.code) * n_days + (day - low)
    if lines.quantity is None:
        key = distinct(key)
        units = np.ones(len(key))
    else:
        key, place = np.unique(key, return_inverse=True)
        units = np.bincount(place, weights=lines.quantity).astype(np.float64)
    both, day = key // n_days, key % n_days + low
    begins = np.append(True, both[1:] != both[:-1])
    pair = np.cumsum(begins) - 1
    return _Purchases(pair, both // n_products, both % n_products, day, units, np.nonzero(begins)[0])


class _Spread(NamedTuple):
    """Mean and variance of the logarithm of the interval of each pair, and what they come from."""

    mean: Floats
    variance: Floats
    own: float
    between: float
    degrees: float


def _fit(y: Floats, gap: Floats, pair: Integers, product: Integers, n_pairs: int, n_products: int) -> _Spread:
    """Shrink the mean of each pair towards its product, and that of each product towards all."""
    if not len(y):
        return _Spread(np.full(n_pairs, np.nan), np.full(n_pairs, np.nan), 0.0, 0.0, 0.0)
    n = np.bincount(pair, minlength=n_pairs).astype(np.float64)
    known = n > 0
    mean = np.divide(np.bincount(pair, weights=y, minlength=n_pairs), n, out=np.zeros(n_pairs), where=known)
    inside = float(((y - mean[pair]) ** 2).sum())
    freedom = float((n[known] - 1).sum())
    of, n_known, mean_known = product[known], n[known], mean[known]

    def total(values: Floats) -> Floats:
        return np.bincount(of, weights=values, minlength=n_products).astype(np.float64)

    size, groups = total(n_known), np.bincount(of, minlength=n_products)
    there = size > 0
    plain = np.divide(total(n_known * mean_known), size, out=np.zeros(n_products), where=there)
    outside = float((n_known * (mean_known - plain[of]) ** 2).sum())
    n_free = float((groups[there] - 1).sum())
    weight = float((size[there] - total(n_known**2)[there] / size[there]).sum())
    noise = inside / freedom if freedom else outside / n_free if n_free else 0.0
    own = max(noise, _unseen(len(y)) * float((1 / gap**2).mean()))
    between = max((outside - own * n_free) / weight, 0.0) if weight > 0 and freedom else 0.0

    precision = total(1 / (between + own / n_known))
    product_mean = np.divide(
        total(mean_known / (between + own / n_known)), precision, out=np.zeros(n_products), where=there
    )
    overall, of_products = _moments(product_mean[there], precision[there])
    error = np.divide(1.0, precision, out=np.full(n_products, np.inf), where=there)
    trust = np.where(there, of_products / (of_products + np.where(there, error, 1.0)), 0.0)
    product_mean = overall + trust * (product_mean - overall)
    product_variance = np.where(there, trust * np.where(there, error, 0.0), of_products)
    own_trust = between / (between + own / np.maximum(n, 1)) * known
    estimate = product_mean[product] + own_trust * (mean - product_mean[product])
    variance = (1 - own_trust) * between + (1 - own_trust) ** 2 * product_variance[product]
    return _Spread(estimate, variance, own, between, freedom or n_free)


def _unseen(n: int) -> float:
    """Largest variance of intervals that are a day longer or not, of which n equal ones are no surprise."""
    share = min(1.0 - math.pow(_SURPRISE, 1.0 / n), 0.5)
    return share * (1 - share)


def _moments(mean: Floats, precision: Floats) -> tuple[float, float]:
    """Mean of all products, and the variance between them (DerSimonian and Laird 1986)."""
    middle = float(np.average(mean, weights=precision))
    heterogeneity = float((precision * (mean - middle) ** 2).sum()) - (len(mean) - 1)
    scale = float(precision.sum() - (precision**2).sum() / precision.sum())
    between = max(heterogeneity / scale, 0.0) if scale > 0 and len(mean) > 1 else 0.0
    return float(np.average(mean, weights=1 / (between + 1 / precision))), between


def _quantile(level: float, degrees: float) -> float:
    """Student's quantile: few intervals do not show how intervals vary, and one alone shows nothing of it."""
    from scipy import special

    return -float(special.stdtrit(degrees, (1 - level) / 2)) if degrees else np.inf


def _days(logarithm: Floats) -> Floats:
    days: Floats = np.exp(np.minimum(logarithm, np.log(_LONGEST)))
    return days


def _later(day: Dates, logarithm: Floats) -> Dates:
    """Add an interval to a day; the last day of the calendar is the latest."""
    due = day + np.rint(_days(logarithm)).astype("timedelta64[D]")
    limited: Dates = np.minimum(due, np.datetime64("9999-12-31"))
    return limited
