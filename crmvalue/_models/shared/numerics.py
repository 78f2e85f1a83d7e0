"""Special functions and quadrature rules of the models."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from crmvalue._core.encoding.keys import distinct_keys, row_keys

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy.typing as npt

    from crmvalue.typing import Floats, Integers

__all__ = [
    "alike_blocks",
    "average_over_beta",
    "beta_rule",
    "beta_windows",
    "chebyshev",
    "common_beta_rule",
    "count_tails",
    "from_tables",
    "gauss_legendre",
    "last_true",
    "log_rising",
    "prob_of_count",
    "product_by_rows",
    "stirling_rest",
    "tall_product",
    "time_rule",
]

_MOST_TERMS = 4096  # of a product that is summed term by term
_STIRLING = 10.0  # from here on six terms of Stirling's series have full precision
_DISCOUNTED_AWAY = 40.0  # a discount of exp(-40) leaves nothing
_MOST_CELLS = 1 << 16  # of one block: temporaries stay in the cache
_NEGLIGIBLE = 1e-13
_LOWEST = -600.0  # a logarithm of which a float has all digits, and some more below
_DROP = 34.0  # exp(-34) = 2e-15
_NARROWEST = 12.0  # a rule has at least this width, in standard deviations of y where `a` is large
_ONE_THREAD = 1 << 18  # multiplications of a product of tables up to which OpenBLAS takes one thread
_LOWEST_BLOCK = 32
_TABLE_NODES = 24  # of a panel of a table
_LONGEST_PANEL = 1.5  # of a table in log(w), times the root of the shape + 1
_CLOSE = 1e-5  # how exactly the ends of a rule are found


@lru_cache(maxsize=64)
def gauss_legendre(n: int) -> tuple[Floats, Floats]:
    """Nodes and weights of the Gauss-Legendre rule on [0, 1]."""
    node, weight = np.polynomial.legendre.leggauss(n)
    return 0.5 * (node + 1.0), 0.5 * weight


def log_rising(start: Floats | float, n: Floats) -> Floats:
    """Logarithm of start (start + 1) ... (start + n - 1), for whole n >= 0 and start > 0.

    One `start` takes its products from a table, so that no large logarithms of gamma functions are subtracted. For a
    column of them `n` may be any number >= 0: the result is the logarithm of Gamma(start + n) / Gamma(start).
    """
    from scipy.special import gammaln

    top = float(n.max(initial=0.0))
    few = np.minimum(n, _MOST_TERMS) if top > _MOST_TERMS else n
    if np.ndim(start) == 0:
        table = np.zeros(int(min(top, _MOST_TERMS)) + 1)
        np.cumsum(np.log(start + np.arange(len(table) - 1)), out=table[1:])
        found: Floats = table[few.astype(np.int64)]
        if top > _MOST_TERMS:
            found = found + gammaln(start + n) - gammaln(start + few)
        return found
    # Stirling's series for both, subtracted term by term; a start below 10 is first moved up by ten.
    small = np.asarray(start) < _STIRLING
    low = np.where(small, start + 10.0, start)
    found = n * np.log(low + n) - n + (low - 0.5) * np.log1p(n / low) + stirling_rest(low + n) - stirling_rest(low)
    for i in range(10) if small.any() else ():
        found = found - np.where(small, np.log1p(n / (start + i)), 0.0)
    return found


def prob_of_count(n: Floats, shape: Floats, w: Floats) -> Floats:
    """Negative binomial probability of n events in a time of w, at a rate that is gamma(shape, 1)."""
    from scipy.special import gammaln

    with np.errstate(divide="ignore"):
        in_log = np.multiply(n, np.log(w) - np.log1p(w), out=np.zeros(n.shape), where=n > 0)
    found: Floats = np.exp(log_rising(shape, n) - gammaln(n + 1.0) + in_log - shape * np.log1p(w))
    return found


def count_tails(shape: Floats, w: Floats) -> Iterator[Floats]:
    """Probabilities of at least 1, 2, ... events in a time of w, at a rate that is gamma(shape, 1), without end.

    Each is the one before, less a probability; so they are exact to about 1e-16 and not to as much of their size. For
    counts of which even the chance of none is too small for a float, this is about 1e-11.
    """
    with np.errstate(under="ignore"):  # closed before each yield, so that it is not the caller's
        log_none = -shape * np.log1p(w)
        exactly, behind = np.exp(np.maximum(log_none, _LOWEST)), np.minimum(log_none - _LOWEST, 0.0)
        tail = -np.expm1(log_none)
        part = w / (1.0 + w)
    n = 0
    while True:
        yield tail
        n += 1
        with np.errstate(under="ignore"):
            exactly = exactly * (part * ((shape + (n - 1.0)) / n))
            if behind.any():  # logarithms of what is not yet in `exactly`
                grown = np.where(behind < 0, np.clip(np.log(np.maximum(exactly, 1e-300)) - _LOWEST, 0.0, -behind), 0.0)
                exactly, behind = exactly * np.exp(-grown), behind + grown
                tail = np.maximum(tail - np.where(behind < 0, 0.0, exactly), 0.0)
            else:
                tail = np.maximum(tail - exactly, 0.0)


def time_rule(age: Floats, force: float, horizon: float, n_nodes: int) -> tuple[Floats, Floats]:
    """Moments ahead and their weights, for integrals of exp(-force s) times what falls at the pace of the customers.

    The horizon is infinite for life.
    """
    end = min(horizon, _DISCOUNTED_AWAY / force if force else math.inf)
    scale = float(np.median(age)) or 1.0  # customers are lost at the pace of their age, so log time is smooth
    node, weight = gauss_legendre(n_nodes)
    reach = math.log1p(end / scale)
    time = scale * np.expm1(reach * node)
    return time, reach * weight * (scale + time) * np.exp(-force * time)


def stirling_rest(z: Floats) -> Floats:
    """Logarithm of the gamma function less (z - 1/2) log(z) - z + log(2 pi) / 2, for z >= 10."""
    w = 1.0 / (z * z)
    rest: Floats = (1 / 12 - w * (1 / 360 - w * (1 / 1260 - w * (1 / 1680 - w * (1 / 1188 - w * 691 / 360360))))) / z
    return rest


def average_over_beta(
    function: Callable[[Floats, Floats | float, Floats], Floats],
    *,
    a: Floats | float,
    b: Floats,
    power: Floats,
    w: Floats,
) -> Floats:
    """Average of function(p, power, w) over a beta distribution (a, b) of p, for each row of a, b, power and w.

    The function has to fall in p no faster than (1 + p w)^-power, to be positive and analytic for p > -1 / w, and rows
    with the same b have to have the same power if `a` is one number. Where it is not, w may have several columns.

    In y = log(p / (1 - p)) the trapezoidal rule converges geometrically. It ends where the density has become
    negligible or, in the long tails of small a and b, where all but exp(a y) or exp(-b y) has become constant: what is
    left is a geometric series.
    """
    if np.ndim(a):
        return _average_row_by_row(function, np.broadcast_to(a, b.shape), b, power, w)
    distinct, first, group, size = np.unique(b, return_index=True, return_inverse=True, return_counts=True)
    order = np.argsort(group, kind="stable")
    ends = np.cumsum(size)
    all_a = np.full(len(distinct), a)
    left, right = beta_windows(all_a, distinct, power[first], np.maximum.reduceat(w[order], ends - size))
    found = np.empty(len(b))
    for few in alike_blocks(_n_nodes(all_a, left, right), 1):
        p, weight = _beta_rules(all_a[few], distinct[few], left[few], right[few])
        step = max(1, _MOST_CELLS // p.shape[1])
        rows = np.concatenate([order[start:end] for start, end in zip(ends[few] - size[few], ends[few], strict=True)])
        rule = np.repeat(np.arange(len(few)), size[few])
        for i in range(0, len(rows), step):
            some, by = rows[i : i + step], rule[i : i + step]
            values = function(p[by], power[some, np.newaxis], w[some, np.newaxis])
            values *= weight[by]
            found[some] = values.sum(axis=1)
    return found


def beta_rule(a: Floats, b: Floats, power: Floats, w: Floats) -> tuple[Floats, Floats, Floats]:
    """Give log(p), log(1 - p) and weights, shape (rows, nodes), of averages over beta distributions (a, b) of p.

    The functions have to be as in :func:`average_over_beta`, or smaller.
    """
    return _beta_nodes(a, b, *beta_windows(a, b, power, w))


def common_beta_rule(a: Floats, b: Floats, left: float, right: float) -> tuple[Floats, Callable[[slice], Floats]]:
    """Give nodes p that beta distributions (a, b) share, and the weights of some of these, shape (rows, nodes).

    They are closer than those of one row: with as many, sums for customers of 300 purchases lost the twelfth digit.
    """
    n = math.ceil(1.5 * int(_n_nodes(np.array([a.max()]), np.array([left]), np.array([right]))[0]))
    y = np.linspace(left, right, n)

    def weights(rows: slice) -> Floats:
        return _beta_weights(a[rows], b[rows], -np.logaddexp(0.0, -y), -np.logaddexp(0.0, y), (right - left) / (n - 1))

    return np.exp(-np.logaddexp(0.0, -y)), weights


def _average_row_by_row(
    function: Callable[[Floats, Floats | float, Floats], Floats], a: Floats, b: Floats, power: Floats, w: Floats
) -> Floats:
    """Each row with a rule of its own; rows that need about as many nodes are computed together."""
    wide = w.reshape(len(b), -1)  # a row's w share its nodes
    left, right = beta_windows(a, b, power, wide.max(axis=1))
    found = np.empty(wide.shape)
    for rows in alike_blocks(_n_nodes(a, left, right), wide.shape[1]):
        p, weight = _beta_rules(a[rows], b[rows], left[rows], right[rows])
        values = function(p[:, np.newaxis], power[rows, np.newaxis, np.newaxis], wide[rows, :, np.newaxis])
        values *= weight[:, np.newaxis]
        found[rows] = values.sum(axis=2)
    return found.reshape(w.shape)


def alike_blocks(n_nodes: Integers, width: int) -> Iterator[Integers]:
    """Give blocks of rows that need about as many nodes, for computations with so many numbers at each node."""
    order = np.argsort(n_nodes, kind="stable")
    ascending = n_nodes[order]
    start = 0
    while start < len(order):
        n = int(ascending[start])
        last = int(np.searchsorted(ascending, 1.25 * n, side="right"))
        end = min(start + max(1, _MOST_CELLS // (n * width)), max(last, start + 1))
        yield order[start:end]
        start = end


def _n_nodes(a: Floats, left: Floats, right: Floats) -> Integers:
    n: Integers = np.minimum((right - left) / np.minimum(0.29, 0.6 / np.sqrt(a)) + 2, 5000).astype(np.int64)
    return n


def _beta_rules(a: Floats, b: Floats, left: Floats, right: Floats) -> tuple[Floats, Floats]:
    """Nodes p and weights of the trapezoidal rule in y = log(p / (1 - p)); the weights of each row sum to 1."""
    log_p, _, weight = _beta_nodes(a, b, left, right)
    return np.exp(log_p), weight


def _beta_nodes(a: Floats, b: Floats, left: Floats, right: Floats) -> tuple[Floats, Floats, Floats]:
    """Give log(p), log(1 - p) and the weights of the rule."""
    n = int(_n_nodes(a, left, right).max())
    step = (right - left) / (n - 1)
    y = left[:, np.newaxis] + step[:, np.newaxis] * np.arange(n)
    log_p, log_q = -np.logaddexp(0.0, -y), -np.logaddexp(0.0, y)
    return log_p, log_q, _beta_weights(a, b, log_p, log_q, step)


def _beta_weights(a: Floats, b: Floats, log_p: Floats, log_q: Floats, step: Floats | float) -> Floats:
    """Weights of the rule; those of each row sum to 1."""
    log_weight = a[:, np.newaxis] * log_p + b[:, np.newaxis] * log_q
    weight = np.exp(log_weight - log_weight.max(axis=1, keepdims=True))
    weight[:, 0] /= -np.expm1(-a * step)
    weight[:, -1] /= -np.expm1(-b * step)
    found: Floats = weight / weight.sum(axis=1, keepdims=True)
    return found


def beta_windows(a: Floats, b: Floats, power: Floats, w: Floats) -> tuple[Floats, Floats]:
    """Where the trapezoidal rule in y begins and ends for each row."""
    shape, tilt = a + b, power + 1.0
    plain_peak = np.log(a / b)

    def height(y: Floats, tilt: Floats) -> Floats:
        p = np.exp(-np.logaddexp(0.0, -y))
        found: Floats = a * y - shape * np.logaddexp(0.0, y) - tilt * np.log1p(p * w)
        return found

    def rises(y: Floats) -> npt.NDArray[np.bool_]:
        p, q = np.exp(-np.logaddexp(0.0, -y)), np.exp(-np.logaddexp(0.0, y))
        found: npt.NDArray[np.bool_] = a * q - b * p - tilt * q * (p * w / (1.0 + p * w)) > 0
        return found

    # The height is concave: its slope is between -b and a, and where it has fallen by so much tells where it begins.
    peak = last_true(rises, np.log(a / (b + tilt * w)), plain_peak)
    tilts = np.stack((tilt, np.zeros(len(b))))
    target = height(np.stack((peak, plain_peak)), tilts) - _DROP
    constant_left = math.log(_NEGLIGIBLE) - np.log(np.maximum(1.0, np.maximum(shape, tilt * w)))
    constant_right = -math.log(_NEGLIGIBLE) + np.log(np.maximum(1.0, np.maximum(shape, tilt)))
    begin = np.maximum(target[0] / a, constant_left), np.maximum(peak - _DROP / a, constant_left)
    end = np.minimum(plain_peak + _DROP / b, constant_right), np.minimum(-target[1] / b, constant_right)
    to_left = np.array([[True], [False]])
    low, high = np.stack((begin[0], end[0])), np.stack((begin[1], end[1]))
    left, right = last_true(lambda y: (height(y, tilts) < target) == to_left, low, np.maximum(low, high))
    return left, np.maximum(right, left + np.minimum(1.0, _NARROWEST / np.sqrt(a)))


def last_true(condition: Callable[[Floats], npt.NDArray[np.bool_]], low: Floats, high: Floats) -> Floats:
    """Bisect for where a condition that holds at `low` ceases to hold."""
    widest = float((high - low).max(initial=0.0))
    for _ in range(math.ceil(math.log2(max(widest / _CLOSE, 1.0)))):
        middle = 0.5 * (low + high)
        holds = condition(middle)
        low, high = np.where(holds, middle, low), np.where(holds, high, middle)
    return low


def tall_product(x: Floats, y: Floats) -> Floats:
    """Give ``x.T @ y`` for tables with many rows and few columns, as a sum over blocks of rows in one thread.

    Such a product takes less than a millisecond. On a busy machine, a second thread is waited for much longer.
    """
    m, n = x.shape[1], y.shape[1]
    step = _ONE_THREAD // max(1, m * n)
    n_blocks = len(x) // step if step >= _LOWEST_BLOCK else 0  # the sums of lower blocks would take much memory
    whole = n_blocks * step
    found: Floats = x[whole:].T @ y[whole:]
    if n_blocks:
        blocks = x[:whole].reshape(n_blocks, step, m).transpose(0, 2, 1)
        found += np.matmul(blocks, y[:whole].reshape(n_blocks, step, n)).sum(axis=0)
    return found


def product_by_rows(x: Floats, y: Floats) -> Floats:
    """Give ``x @ y`` where `y` has few columns, by blocks of rows of `x` in one thread, as :func:`tall_product`."""
    (n_rows, n), n_columns = x.shape, y.shape[1]
    step = max(1, _ONE_THREAD // max(1, y.size))
    n_blocks = n_rows // step
    whole = n_blocks * step
    blocks = np.matmul(x[:whole].reshape(n_blocks, step, n), y)
    return np.concatenate([blocks.reshape(whole, n_columns), x[whole:] @ y])


@lru_cache(maxsize=16)
def chebyshev(n: int) -> tuple[Floats, Floats]:
    """Chebyshev nodes on [-1, 1], and the matrix that turns values there into coefficients."""
    node = np.cos((np.arange(n) + 0.5) * (np.pi / n))
    vander = np.polynomial.chebyshev.chebvander(node, n - 1)
    vander[:, 0] *= 0.5
    return node, vander.T * (2.0 / n)


def from_tables(exactly: Callable[[Integers, Floats], Floats], w: Floats, shape: Floats, *alike: Floats) -> Floats:
    """Give exactly(rows, w) for all rows, most of it by tables; `alike` are the columns that tell functions of w apart.

    What is expected of customers with equally many purchases is a function of w, the time ahead over alpha + T. It is
    analytic for all w with a real part above -1/2, so in log(w) it is a polynomial on panels that are short beside the
    spread of a count of events. This spread is about 1 over the root of the shape. Where there are few times of one
    function in a panel, they are computed one by one.
    """
    length = _LONGEST_PANEL / np.sqrt(1.0 + shape)
    log_w = np.log(w, out=np.full(len(w), -1e6), where=w > 0)
    panel = np.floor(log_w / length)
    first, place, size = distinct_keys(row_keys(*alike, panel))
    tabled = (size > 2 * _TABLE_NODES) & (w[first] > 0)
    node, projection = chebyshev(_TABLE_NODES)
    single, owner = np.flatnonzero(~tabled[place]), first[tabled]
    at = np.exp((panel[owner, np.newaxis] + 0.5 * (node + 1.0)) * length[owner, np.newaxis])
    values = exactly(np.append(single, np.repeat(owner, _TABLE_NODES)), np.append(w[single], at))
    found = np.empty(len(w))
    found[single] = values[: len(single)]
    series = values[len(single) :].reshape(-1, _TABLE_NODES) @ projection.T
    rows = np.flatnonzero(tabled[place])
    series = series[(np.cumsum(tabled) - 1)[place[rows]]]
    z = 2.0 * (log_w[rows] / length[rows] - panel[rows]) - 1.0
    found[rows] = _sum_of_series(series, z)
    return found


def _sum_of_series(series: Floats, z: Floats) -> Floats:
    """Sum Chebyshev series, one of each row, by Clenshaw's recurrence."""
    after, next_after = np.zeros(len(z)), np.zeros(len(z))
    for column in series.T[:0:-1]:
        after, next_after = column + 2.0 * z * after - next_after, after
    found: Floats = series[:, 0] + z * after - next_after
    return found
