"""Intervals for proportions, means and ratios of sums."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias, cast, get_args

import numpy as np

from crmvalue._core.checks import (
    as_column,
    as_counts,
    as_fraction,
    require,
    require_choice,
    require_same_index,
    require_same_length,
)
from crmvalue._core.comparisons import rounding_part
from crmvalue.errors import InputError
from crmvalue.typing import Interval

if TYPE_CHECKING:
    from crmvalue.typing import ArrayLike, FloatOrArray, Floats

__all__ = ["mean_interval", "normal_quantile", "proportion_interval", "ratio_interval", "wilson"]

RatioMethod: TypeAlias = Literal["fieller", "bootstrap"]

_N_RESAMPLES = 9999
_BATCH = 2**20  # elements drawn at a time, so that memory stays small for long columns
_MOST_RESAMPLED = 200_000  # rows; more would take minutes, and their means are as normal as those of Fieller's theorem


def proportion_interval(successes: ArrayLike, n: ArrayLike, *, level: float = 0.95) -> Interval:
    r"""Wilson's score interval for a proportion, such as any share of counts in this package.

    Parameters
    ----------
    successes : array_like
        Number of cases with the property, 0 to `n`.
    n : array_like
        Number of all cases, > 0.
    level : float, default 0.95
        Confidence level, in (0, 1).

    Returns
    -------
    Interval
        `low` and `high`, fractions in [0, 1]; scalars for scalars, else arrays of the broadcast shape.

    Raises
    ------
    InputError
        If a count is no whole number >= 0, `n` is 0, `successes` exceeds `n` or `level` is outside (0, 1).

    Notes
    -----
    The proportions that a two-sided z test does not reject, without continuity correction [1]_:

    .. math:: \left\{\pi : |p - \pi| \le z \sqrt{\pi (1 - \pi) / n}\right\}

    Unlike the textbook interval, it stays inside [0, 1], and its width is not 0 for 0 successes of 20.

    .. [1] Wilson, E. B. (1927). Probable inference, the law of succession, and statistical inference. Journal of the
       American Statistical Association 22, 209-212. Examples: Newcombe, R. G. (1998), Statistics in Medicine 17, 857.

    Examples
    --------
    >>> low, high = proportion_interval(81, 263)
    >>> round(float(low), 4), round(float(high), 4)
    (0.2553, 0.3662)
    """
    x, n_all = as_counts(successes=successes, n=n)
    require(n_all > 0, "n", n_all, "> 0")
    require(x <= n_all, "successes", x, "at most `n`")
    return wilson(x / n_all, n_all, level)


def wilson(p: FloatOrArray | float, n: FloatOrArray | float, level: float) -> Interval:
    """Wilson's interval of shares of so many independent cases, whole or not, such as cases over a design effect."""
    z = normal_quantile(level)
    middle = n * p + z**2 / 2
    half = z * np.sqrt(n * p * (1 - p) + z**2 / 4)
    low = n * p**2 / (middle + half)  # equals (middle - half) / (n + z^2), without its cancellation
    high = (middle + half) / (n + z**2)
    return Interval(np.minimum(low, p)[()], np.clip(high, p, 1.0)[()])  # rounding may leave the order


def mean_interval(values: ArrayLike, *, level: float = 0.95) -> Interval:
    r"""Student's interval for the mean of one column.

    Parameters
    ----------
    values : array_like
        At least two independent values, one-dimensional.
    level : float, default 0.95
        Confidence level, in (0, 1).

    Returns
    -------
    Interval
        `low` and `high`, in the unit of `values`; equal if all values are equal.

    Raises
    ------
    InputError
        If there are fewer than two values, one is NaN or infinite, or `level` is outside (0, 1).

    Notes
    -----
    :math:`\bar{x} \pm t_{n-1} \, s / \sqrt{n}` (Student 1908). It is exact for normal values. Spend is skewed, so with
    less than a few hundred customers the interval covers the true mean less often than `level` says.

    Examples
    --------
    >>> low, high = mean_interval([4, 5, 3, 5, 4])
    >>> round(float(low), 3), round(float(high), 3)
    (3.161, 5.239)
    """
    x = as_column("values", values)
    require(len(x) >= 2, "values", len(x), "at least two values")
    t = _student_quantile(level, len(x) - 1)

    if x.min() == x.max():  # where their sum would be rounded
        return Interval(x[0], x[0])
    mean = x.mean()
    half = t * x.std(ddof=1) / np.sqrt(len(x))
    return Interval(mean - half, mean + half)


def ratio_interval(
    numerator: ArrayLike,
    denominator: ArrayLike,
    *,
    method: RatioMethod,
    level: float = 0.95,
    rng: np.random.Generator | None = None,
) -> Interval:
    r"""Interval for a ratio of sums, such as revenue over orders, from one row per customer.

    The sample is one of customers, and the orders of one customer are not independent. So give the sums of each
    customer, not the single orders.

    Parameters
    ----------
    numerator, denominator : array_like
        One element per customer, at least two; for the average order value, their revenue and their orders.
    method : {"fieller", "bootstrap"}
        "fieller" is Fieller's theorem: it takes no time and supposes normal means. "bootstrap" is the BCa bootstrap
        over customers: 9,999 resamples, half a second for 10,000 customers and 10 seconds for 200,000, which are the
        most it takes; it follows the skewness of small samples.
    level : float, default 0.95
        Confidence level, in (0, 1).
    rng : numpy.random.Generator, optional
        Source of randomness; "bootstrap" requires it, "fieller" does not use it.

    Returns
    -------
    Interval
        `low` and `high` around ``sum(numerator) / sum(denominator)``; equal if every customer has that ratio.

    Raises
    ------
    InputError
        If a column has fewer than two rows, NaN or infinities, if `method` is no known word, if `rng` is missing, if
        the bootstrap gets more than 200,000 rows, or if the denominator is not clearly away from 0, so that the
        interval is unbounded.

    Notes
    -----
    Fieller's interval holds the ratios :math:`\theta` for which a t test does not reject that
    :math:`x_i - \theta y_i` has mean 0 [1]_. It is bounded only where the same test rejects a mean denominator of 0.
    The bootstrap draws rows with replacement. The ends are percentiles of the drawn ratios, corrected for bias and for
    acceleration; the acceleration comes from leaving out one customer at a time [2]_.

    .. [1] Fieller, E. C. (1954). Some problems in interval estimation. Journal of the Royal Statistical Society B 16,
       175-185.
    .. [2] Efron, B. (1987). Better bootstrap confidence intervals. Journal of the American Statistical Association
       82, 171-185.

    Examples
    --------
    >>> revenue, orders = [120, 80, 300, 50, 90, 140, 210, 60], [2, 1, 4, 1, 2, 2, 3, 1]
    >>> low, high = ratio_interval(revenue, orders, method="fieller")
    >>> round(float(low), 1), round(float(high), 1)
    (51.2, 74.2)
    """
    require_same_index(numerator=numerator, denominator=denominator)
    x = as_column("numerator", numerator)
    y = as_column("denominator", denominator)
    require_same_length(numerator=x, denominator=y)
    require(len(x) >= 2, "numerator", len(x), "at least two rows")
    require_choice("method", method, get_args(RatioMethod))
    t = _student_quantile(level, len(x) - 1)
    if (method == "bootstrap" or rng is not None) and not isinstance(rng, np.random.Generator):
        raise InputError("rng", "a numpy.random.Generator for the bootstrap", rng)
    if method == "bootstrap" and len(x) > _MOST_RESAMPLED:
        rule = f'"fieller" for more than {_MOST_RESAMPLED:,} rows'
        raise InputError("method", rule, f"{method} for {len(x):,}", hint="both agree for so many rows")
    noise = max(rounding_part(x), rounding_part(y), 8 * np.finfo(float).eps)  # sums are rounded, too
    x_scale, y_scale = np.abs(x).max() or 1.0, np.abs(y).max() or 1.0
    x, y = x / x_scale, y / y_scale  # nothing overflows when squared
    require(y.sum() != 0, "denominator", y.sum(), "a column that does not sum to 0")

    ratio = x.sum() / y.sum()
    residual = x - ratio * y
    if np.abs(residual).max() <= noise:
        low = high = ratio
    elif method == "fieller":
        low, high = _fieller(ratio, residual, y, t)
    else:
        low, high = _bootstrap(x, y, level, cast("np.random.Generator", rng))
    return Interval(low * x_scale / y_scale, high * x_scale / y_scale)


def normal_quantile(level: float) -> float:
    """Give the number of standard errors from the middle of a two-sided normal interval to its ends."""
    from scipy import special

    return -float(special.ndtri(_tail(level)))


def _student_quantile(level: float, degrees: int) -> float:
    from scipy import special

    return -float(special.stdtrit(degrees, _tail(level)))


def _tail(level: float) -> float:
    """Probability beyond each end of a two-sided interval."""
    tail = (1 - as_fraction("level", level)) / 2
    if tail == 0.5:
        raise InputError("level", "large enough for float64 to distinguish 1 - level from 1", level)
    return tail


def _fieller(ratio: np.float64, residual: Floats, y: Floats, t: float) -> tuple[np.float64, np.float64]:
    # The roots d of (d mean(y))^2 = t^2 var(mean(residual - d y)), where d is the distance from the ratio. Residuals
    # have mean 0 and keep the discriminant a sum of two squares.
    n = len(y)
    mean = y.mean()
    covariance = t**2 / n * np.cov(residual, y)
    leading = mean**2 - covariance[1, 1]
    require(
        leading > 0,
        "denominator",
        mean,
        "clearly away from 0 on average (the value is relative to its largest element)",
        hint="at this level the interval of the ratio is unbounded; take more customers or a lower level",
    )
    half = np.sqrt(covariance[0, 1] ** 2 + leading * covariance[0, 0])
    return ratio + (-covariance[0, 1] - half) / leading, ratio + (-covariance[0, 1] + half) / leading


def _bootstrap(x: Floats, y: Floats, level: float, rng: np.random.Generator) -> tuple[np.float64, np.float64]:
    from scipy import special

    n = len(x)
    batch = max(1, _BATCH // n)
    pairs = x + 1j * y  # one look-up finds both
    drawn = np.empty(_N_RESAMPLES)
    with np.errstate(divide="ignore", invalid="ignore"):  # a result that is no number raises below
        for start in range(0, _N_RESAMPLES, batch):
            rows = rng.integers(0, n, (min(batch, _N_RESAMPLES - start), n))
            sums = np.take(pairs, rows).sum(axis=1)
            drawn[start : start + batch] = sums.real / sums.imag
        ratio = x.sum() / y.sum()
        bias = special.ndtri(((drawn < ratio).mean() + (drawn <= ratio).mean()) / 2)
        left_out = (x.sum() - x) / (y.sum() - y)
        influence = left_out.mean() - left_out
        acceleration = (influence**3).sum() / (6 * (influence**2).sum() ** 1.5)
        z = bias + normal_quantile(level) * np.array([-1.0, 1.0])
        share = special.ndtr(bias + z / (1 - acceleration * z))
    if not (np.isfinite(drawn).all() and np.isfinite(share).all()):
        raise InputError(
            "denominator",
            "such that the ratio of every resample is a number",
            float(y.sum()),
            hint="more customers need a denominator other than 0",
        )
    low, high = np.quantile(drawn, share)
    return low, high
