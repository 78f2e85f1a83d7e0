"""How regularly the customers of a log buy; :mod:`crmvalue.purchases` is the public door."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import attrs
import numpy as np

from crmvalue._core.checks import require_choice
from crmvalue._core.frames import Columns
from crmvalue._core.json import from_json, to_json
from crmvalue._core.pictures.pictured import Pictured
from crmvalue._core.values import checked_field, count_field, number_field
from crmvalue._purchases.history import DAYS_PER_UNIT
from crmvalue._purchases.order_log import Policy, find_purchases, last_day, read_log
from crmvalue._purchases.pictures import regularity_parts
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from typing import Self

    from crmvalue._core.pictures.parts import Parts
    from crmvalue._purchases.order_log import Grain, Missing, TimeUnit
    from crmvalue.typing import ArrayLike, Floats

__all__ = ["Regularity", "estimate_regularity"]

_LOWEST, _HIGHEST = 1e-3, 1e4
_MOST = 20  # intervals of one customer that count in full


def _as_unit(name: str, value: object) -> str:
    require_choice(name, value, DAYS_PER_UNIT)
    return str(value)


@attrs.frozen(kw_only=True)
class Regularity(Columns, Pictured):
    """How regularly customers buy, from the times between their purchases; :func:`estimate_regularity` makes it.

    Parameters
    ----------
    shape : float
        Shape of the gamma distribution of the times between the purchases of a customer, > 0: 1 for purchases at
        random, more for regular ones, less for bursts. Infinity if all times of each customer are equal; NaN if no
        customer has two of them.
    standard_error : float
        Standard error of the shape; NaN where it has none.
    n_customers : int
        Customers with at least two times between purchases, of whom the shape is learnt.
    n_intervals : int
        Times between purchases, of all customers: as many as repeat purchases.
    sum_log_intervals : float
        Sum of their logarithms, the times in `time_unit`.
    time_unit : {"day", "week", "month", "quarter", "year"}
        Unit of the times.

    Examples
    --------
    >>> found = estimate_regularity(
    ...     ["ann"] * 4 + ["bob"] * 3,
    ...     ["2024-01-01", "2024-01-08", "2024-01-16", "2024-01-22", "2024-01-01", "2024-01-03", "2024-01-06"],
    ... )
    >>> found.n_customers, found.n_intervals
    (2, 5)
    >>> round(found.shape, 1)
    24.6
    """

    shape: float = number_field("shape", low=0.0, infinite=True, missing=True)
    standard_error: float = number_field("standard_error", low=0.0, missing=True)
    n_customers: int = count_field("n_customers")
    n_intervals: int = count_field("n_intervals")
    sum_log_intervals: float = number_field("sum_log_intervals")
    time_unit: str = checked_field("time_unit", _as_unit)

    def __attrs_post_init__(self) -> None:
        if self.n_intervals < 2 * self.n_customers:
            raise InputError("n_intervals", "at least two for each customer", self.n_intervals)

    def _parts(self) -> Parts:
        return regularity_parts(self.shape, self.standard_error)

    def to_columns(self) -> dict[str, object]:
        """Give one row for a dataframe of any kind."""
        return {field.name: np.array([getattr(self, field.name)]) for field in attrs.fields(type(self))}

    def to_json(self) -> str:
        """Write it as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what :meth:`to_json` wrote, and check it; other text is an InputError."""
        return from_json(cls, text)


def estimate_regularity(
    customer: ArrayLike,
    date: ArrayLike,
    *,
    as_of: ArrayLike | None = None,
    time_unit: TimeUnit = "week",
    grain: Grain = "day",
    missing: Missing = "raise",
) -> Regularity:
    """Estimate how regularly customers buy: at random, in bursts, or like a clock.

    Parameters
    ----------
    customer, date, as_of, time_unit, grain, missing
        As in :func:`summarise_purchases`.

    Returns
    -------
    Regularity
        The shape of the times between purchases, and the sums that :func:`crmvalue.models.fit_mbg_cnbd` needs to
        choose its k.

    Raises
    ------
    InputError
        As :func:`summarise_purchases`.

    Notes
    -----
    Each customer has a pace of their own, and the times between their purchases are gamma with one shape for all. Given
    the sum of a customer's times, their shares are Dirichlet and the pace drops out, so the shape is that of greatest
    conditional likelihood: a mix of quick and slow customers does not look like bursts. A customer with more than 20
    times counts as one with 20, so that a single one who bought every day does not speak for a whole base; the standard
    error allows for this weight. The choice of k counts all times in full. Compare Wheat and Morrison, "Estimating
    purchase regularity with two interpurchase times", Journal of Marketing Research 27 (1990).

    A log holds whole days, and two purchases of one day are one. That hides the shortest times, so a shape below 2
    comes out too high, the more so the quicker customers buy. For purchases at random, whose shape is 1, it is 1.04
    where their mean time is 120 days, 1.11 at 30 days, 1.2 at 14, 1.4 at 7 and 1.9 at 3 days; bursts of shape 0.5 give
    0.75 at 30 days and 1.0 at 7. The standard error does not know of this. With the grain "week", read weeks for days.
    Days between purchases at random are a uniform composition of their sum. The likelihood of whole days,
    ``prod(days ** (shape - 1))`` over all compositions of a customer's sum, allows for that. In simulated logs
    with five times a customer it gives 1.0 for purchases at random at 3, 7 and 14 days, and for a shape of 3 it gives
    3.1 at 3 days and 3.0 at 7. It is not what is computed here.

    Examples
    --------
    >>> from crmvalue.datasets import load_cdnow
    >>> cdnow = load_cdnow()
    >>> found = estimate_regularity(cdnow.customer, cdnow.date, as_of="1997-09-30")
    >>> round(found.shape, 2), round(found.standard_error, 2)
    (1.04, 0.03)
    """
    log = read_log(customer, date, None, time_unit=time_unit, grain=grain, missing=missing)
    end = last_day(log, "as_of", as_of)
    bought, _ = find_purchases(log, Policy("raise", "keep", missing), None, end, grain)
    owner = np.repeat(np.arange(len(bought.start) - 1), np.diff(bought.start))
    same = owner[1:] == owner[:-1]
    interval = np.diff(bought.day)[same] / DAYS_PER_UNIT[time_unit]
    of_interval = owner[1:][same]
    number = np.bincount(of_interval, minlength=len(bought.start) - 1)
    logs = np.log(interval)
    several = number > 1
    sums, sums_of_logs = (np.bincount(of_interval, column, len(number))[several] for column in (interval, logs))
    times = number[several].astype(np.float64)
    shape, error = _shape(times, sums_of_logs - times * np.log(sums))
    return Regularity(
        shape=shape,
        standard_error=error,
        n_customers=int(several.sum()),
        n_intervals=len(interval),
        sum_log_intervals=float(logs.sum()),
        time_unit=time_unit,
    )


def _shape(number: Floats, log_shares: Floats) -> tuple[float, float]:
    """Shape of the greatest conditional likelihood, and its standard error.

    `log_shares` is the sum of the logarithms of the shares of each customer's times in their sum.
    """
    from scipy.optimize import brentq
    from scipy.special import digamma, polygamma

    if not len(number):
        return math.nan, math.nan
    counts, place = np.unique(number, return_inverse=True)
    each = np.minimum(1.0, _MOST / counts)
    n_alike = np.bincount(place).astype(np.float64)
    weight = n_alike * each
    total = float((log_shares * each[place]).sum())

    def slope(log_shape: float) -> float:
        shape = math.exp(log_shape)
        return float((weight * counts * (digamma(counts * shape) - digamma(shape))).sum()) + total

    low, high = math.log(_LOWEST), math.log(_HIGHEST)
    if slope(high) >= 0.0:
        return math.inf, math.nan
    shape = math.exp(brentq(slope, low, high, xtol=1e-13)) if slope(low) > 0.0 else _LOWEST
    bends = weight * counts * (counts * polygamma(1, counts * shape) - polygamma(1, shape))
    bend, varied = float(bends.sum()), float((each * bends).sum())
    return shape, math.sqrt(-varied) / -bend if bend < 0.0 else math.nan
