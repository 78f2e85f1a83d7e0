"""Likelihood of bins of frequency and recency: sums over counts, integrals over the time of the last purchase.

The likelihood of a customer with x repeat purchases, the last of them at t, is the density of the times of all of them.
The purchases before the last may lie anywhere before it, in any order once: a volume of t^(x - 1) / (x - 1)!. A bin is
the integral of the product over its t and the sum over its x. A bin of one x and one t keeps the density of times, as
in fits to single customers.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from crmvalue._models.shared.climb import Evaluation
from crmvalue._models.shared.numerics import gauss_legendre

if TYPE_CHECKING:
    from crmvalue._models.shared.covariate_fit import RowDerivatives
    from crmvalue._models.tables.binned_history import BinnedHistory
    from crmvalue.typing import Floats, Integers

__all__ = ["BinnedLikelihood", "Nodes", "middles_of", "nodes_of"]

_NODES = 12  # of Gauss's rule in each panel
_HALVINGS = 10  # of panels towards the first purchase
_FAR = 4.0  # in the last panel the volume grows by about so many powers of e
_NEGLIGIBLE = 1e-12  # share of a point in its bin
_BLOCK = 1 << 13  # nodes at a time
_LARGEST = 100.0  # logarithm of a parameter beyond which no base is


class Nodes(NamedTuple):
    """Points (x, t, age) with the logarithms of their weights, and where the points of each bin begin."""

    x: Floats
    t: Floats
    age: Floats
    log_weight: Floats
    starts: Integers
    customers: Floats


def middles_of(table: BinnedHistory) -> Nodes:
    """One point in the middle of each bin: few points of nearly the same likelihood, to begin the search with."""
    high = np.where(np.isinf(table.frequency_high), 1.5 * table.frequency_low, table.frequency_high)
    n = len(table)
    return Nodes(
        x=np.floor(0.5 * (table.frequency_low + high)),
        t=0.5 * (table.recency_low + table.recency_high),
        age=table.age,
        log_weight=np.zeros(n),
        starts=np.arange(n),
        customers=table.weight,
    )


def nodes_of(table: BinnedHistory, most: int) -> Nodes:
    """Make the points of all bins; open bins are summed up to `most` purchases."""
    from scipy.special import gammaln

    parts: list[tuple[Floats, Floats, Floats]] = []
    columns = (table.frequency_low, table.frequency_high, table.recency_low, table.recency_high)
    for low, high, early, late in zip(*(column.tolist() for column in columns), strict=True):
        x = np.arange(low, min(high, max(most, low)) + 1.0)
        if early == late:
            volume = np.zeros(1) if len(x) == 1 else (x - 1.0) * math.log(late) - gammaln(x)
            parts.append((x, np.full(len(x), late), volume))
            continue
        edges = _panels(early, late, float(x[-1]))
        node, weight = gauss_legendre(_NODES)
        width = np.diff(edges)[:, np.newaxis]
        t = (edges[:-1, np.newaxis] + width * node).ravel()
        log_weight = np.log(width * weight).ravel()
        of_all = (x[:, np.newaxis] - 1.0) * np.log(t) - gammaln(x)[:, np.newaxis] + log_weight
        parts.append((np.repeat(x, len(t)), np.tile(t, len(x)), of_all.ravel()))
    lengths = np.array([len(part[0]) for part in parts])
    xs, ts, weights = (np.concatenate([part[i] for part in parts]) for i in range(3))
    return Nodes(
        x=xs,
        t=ts,
        age=np.repeat(table.age, lengths),
        log_weight=weights,
        starts=np.concatenate(([0], np.cumsum(lengths)[:-1])),
        customers=table.weight,
    )


def _panels(early: float, late: float, x: float) -> Floats:
    """Halve panels towards 0, where silence says most, and towards the end, where large x have their last purchase."""
    down = late * 0.5 ** np.arange(_HALVINGS + 1.0)
    halvings = max(0.0, math.ceil(math.log2(max(1.0, x / _FAR))))
    up = late * (1.0 - 0.5 ** np.arange(1.0, halvings + 2.0))
    inside = np.concatenate((down, up))
    return np.unique(np.concatenate(([early, late], inside[(inside > early) & (inside < late)])))


class BinnedLikelihood:
    """Log-likelihood as a function of the logarithms of the parameters, times in `ruler`."""

    def __init__(self, derivatives: RowDerivatives, nodes: Nodes, ruler: float) -> None:
        self.derivatives, self.nodes = derivatives, nodes
        self.t, self.age = nodes.t / ruler, nodes.age / ruler
        self.shift = -nodes.x * math.log(ruler)  # the density is per unit of time

    def without_negligible(self, theta: Floats) -> Nodes:
        """Points that make up nearly all of each bin, for parameters near these."""
        _, share, _, _ = self._points(theta)
        kept = share > _NEGLIGIBLE
        nodes = self.nodes
        n_before = np.concatenate(([0], np.cumsum(kept)))
        x, t, age, log_weight = (column[kept] for column in (nodes.x, nodes.t, nodes.age, nodes.log_weight))
        return Nodes(x, t, age, log_weight, starts=n_before[nodes.starts], customers=nodes.customers)

    def __call__(self, theta: Floats) -> Evaluation:
        k = len(theta)
        if float(np.abs(theta).max()) > _LARGEST:
            return Evaluation(-math.inf, np.zeros(k), np.zeros((k, k)))
        log_likelihood, share, slope, bend = self._points(theta)
        nodes = self.nodes
        share *= np.repeat(nodes.customers, np.diff(np.append(nodes.starts, len(nodes.x))))
        mean = np.add.reduceat(share * slope, nodes.starts, axis=1)
        gradient = mean.sum(axis=1)
        hessian = (share * bend).sum(axis=2) + np.einsum("in,jn->ij", share * slope, slope)
        held = nodes.customers > 0
        hessian -= np.einsum("in,jn->ij", mean[:, held] / nodes.customers[held], mean[:, held])
        return Evaluation(float((nodes.customers * log_likelihood).sum()), gradient, hessian)

    def _points(self, theta: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """Log-likelihood of each bin; share of each point in its bin, with the derivatives at the point."""
        r, *others = np.exp(theta).tolist()
        k, nodes, n = len(theta), self.nodes, len(self.nodes.x)
        value, slope, bend = np.empty(n), np.empty((k, n)), np.empty((k, k, n))
        for start in range(0, n, _BLOCK):
            rows = slice(start, start + _BLOCK)
            x = nodes.x[rows]
            at: Any = self.derivatives(x, self.t[rows], self.age[rows], r, *(np.full(len(x), one) for one in others))
            value[rows], slope[:, rows], bend[:, :, rows] = at.value, at.gradient, at.hessian
        value += nodes.log_weight + self.shift
        lengths = np.diff(np.append(nodes.starts, n))
        top = np.maximum.reduceat(value, nodes.starts)
        share = np.exp(value - np.repeat(top, lengths))
        total = np.add.reduceat(share, nodes.starts)
        return top + np.log(total), share / np.repeat(total, lengths), slope, bend
