"""What is expected of customers with equally many purchases, at many times at once: from tables over the time ahead.

Given x and the parameters of p, what is asked is a function of w, the time ahead over alpha + T. It is analytic for all
w with a real part above -1/2, so in log(w) it is a polynomial on panels that are short beside the spread of a count of
events. This spread is about 1 over the root of the shape.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from crmvalue._core.encoding.keys import distinct_keys, row_keys

if TYPE_CHECKING:
    from collections.abc import Callable

    from crmvalue.typing import Floats, Integers

__all__ = ["chebyshev", "from_tables"]

_NODES = 24  # of a panel
_LONGEST = 1.5  # panel in log(w), times the root of the shape + 1


@lru_cache(maxsize=16)
def chebyshev(n: int) -> tuple[Floats, Floats]:
    """Chebyshev nodes on [-1, 1], and the matrix that turns values there into coefficients."""
    node = np.cos((np.arange(n) + 0.5) * (np.pi / n))
    vander = np.polynomial.chebyshev.chebvander(node, n - 1)
    vander[:, 0] *= 0.5
    return node, vander.T * (2.0 / n)


def from_tables(exactly: Callable[[Integers, Floats], Floats], w: Floats, shape: Floats, *alike: Floats) -> Floats:
    """Give exactly(rows, w) for all rows, most of it by tables; `alike` are the columns that tell functions of w apart.

    Where there are few times of one function in a panel, they are computed one by one.
    """
    length = _LONGEST / np.sqrt(1.0 + shape)
    log_w = np.log(w, out=np.full(len(w), -1e6), where=w > 0)
    panel = np.floor(log_w / length)
    first, place, size = distinct_keys(row_keys(*alike, panel))
    tabled = (size > 2 * _NODES) & (w[first] > 0)
    node, projection = chebyshev(_NODES)
    single, owner = np.flatnonzero(~tabled[place]), first[tabled]
    at = np.exp((panel[owner, np.newaxis] + 0.5 * (node + 1.0)) * length[owner, np.newaxis])
    values = exactly(np.append(single, np.repeat(owner, _NODES)), np.append(w[single], at))
    found = np.empty(len(w))
    found[single] = values[: len(single)]
    series = values[len(single) :].reshape(-1, _NODES) @ projection.T
    rows = np.flatnonzero(tabled[place])
    series = series[(np.cumsum(tabled) - 1)[place[rows]]]
    z = 2.0 * (log_w[rows] / length[rows] - panel[rows]) - 1.0
    found[rows] = _at(series, z)
    return found


def _at(series: Floats, z: Floats) -> Floats:
    """Sum Chebyshev series, one of each row, by Clenshaw's recurrence."""
    after, next_after = np.zeros(len(z)), np.zeros(len(z))
    for column in series.T[:0:-1]:
        after, next_after = column + 2.0 * z * after - next_after, after
    found: Floats = series[:, 0] + z * after - next_after
    return found
