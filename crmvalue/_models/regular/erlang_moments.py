"""What is expected of customers up to given moments, summed up, where each has a beta distribution of p of their own.

Given p, such a sum depends on x and on alpha + T alone. Customers who are equal in x and alike in alpha + T share nodes
of p. At each of these the sum is a polynomial in log(alpha + T); its values at Chebyshev nodes make those of all of
them. What is left for a customer is an average over p of numbers that are known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from crmvalue._core.encoding.keys import distinct_keys, row_keys
from crmvalue._models.regular.erlang_roots import sums_given
from crmvalue._models.shared.numerics import beta_windows, chebyshev, common_beta_rule, product_by_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crmvalue.typing import Floats, Integers

__all__ = ["Customers", "sums_at_moments"]

_NODES = 24  # of a panel
_LONGEST = 1.5  # panel in log(alpha + T), times the root of the shape + 1,
_SECTOR = 3.0  # or over k, at least 2: so near, sums over many moments are analytic whatever the shape
_CELLS = 1 << 20  # customers times nodes of p at a time


class Customers(NamedTuple):
    """Those who are alive: x, r + k x, alpha + T, parameters of p, and chances of 0 to k - 1 events since the last."""

    x: Floats
    shape: Floats
    ruler: Floats
    a: Floats
    left: Floats
    steps: Floats

    def of_rows(self, rows: Integers) -> Customers:
        """Give some of the rows."""
        return Customers(*(column[..., rows] for column in self))


def sums_at_moments(rows: Customers, moment: Floats, weight: Floats, *, stay: bool) -> Floats:
    """Sum chances to stay, or purchases, up to each moment times its weight, of each row."""
    k = len(rows.steps)
    left, right = beta_windows(rows.a, rows.left, rows.shape + k - 1.0, moment.max() / rows.ruler)
    found = np.empty(len(rows.x))
    for panel, begin, length in _panels(k, rows):
        some = rows.of_rows(panel)
        p, average = common_beta_rule(some.a, some.left, left[panel].min(), right[panel].max())
        node, values = _nodes(np.log(some.ruler), begin, length)
        given = sums_given(k, p, float(some.shape[0]), [moment / ruler for ruler in np.exp(node)], weight, stay=stay)
        flat = given.reshape(-1, len(p)).T
        step = max(1, _CELLS // len(p))
        for start in range(0, len(panel), step):
            part = slice(start, start + step)
            at_nodes = product_by_rows(average(part), flat).reshape(-1, k, len(node))
            found[panel[part]] = np.einsum("ij,ijn,in->i", some.steps.T[part], at_nodes, values[part])
    return found


def _panels(k: int, rows: Customers) -> Iterator[tuple[Integers, float, float]]:
    """Give customers with equally many purchases, alike in alpha + T and in a, and their panel of log(alpha + T)."""
    length = np.maximum(_LONGEST / np.sqrt(1.0 + rows.shape), _SECTOR / max(k, 2))
    number = np.floor(np.log(rows.ruler) / length)
    first, place, size = distinct_keys(row_keys(rows.x, number, np.floor(np.log2(np.maximum(rows.a, 4.0)))))
    order, ends = np.argsort(place, kind="stable"), np.cumsum(size)
    for one, start, end in zip(first.tolist(), (ends - size).tolist(), ends.tolist(), strict=True):
        yield order[start:end], float(number[one] * length[one]), float(length[one])


def _nodes(at: Floats, begin: float, length: float) -> tuple[Floats, Floats]:
    """Nodes of a panel, and what the value at each counts for each row; few rows are nodes themselves."""
    if len(at) <= _NODES:
        return at, np.eye(len(at))
    node, projection = chebyshev(_NODES)
    values = np.polynomial.chebyshev.chebvander(2.0 * (at - begin) / length - 1.0, _NODES - 1) @ projection
    return begin + 0.5 * length * (node + 1.0), values
