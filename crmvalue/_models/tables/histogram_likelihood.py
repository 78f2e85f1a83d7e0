"""Likelihood of histograms of counts, with its derivatives by differences.

Each period is a multinomial sample. Cells are few, so their probabilities are cheap: the derivatives come from those at
points around, computed together.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from crmvalue._models.shared.climb import Evaluation

if TYPE_CHECKING:
    from collections.abc import Callable

    from crmvalue._models.tables.count_histogram import CountHistogram
    from crmvalue.typing import Floats

__all__ = ["HistogramLikelihood", "cell_probabilities"]

_STEP = 0.01  # of the differences, in logarithms: their error is of the fourth power
_LEAST = 1e-300  # a probability below it counts as this


def cell_probabilities(counts: Callable[..., Floats], table: CountHistogram, parameters: Floats) -> list[Floats]:
    """Probability of each cell, for each period an array (rows, cells); `parameters` has a column for each row."""
    starts = np.concatenate(([0.0], table.period_ends[:-1]))
    lows = table.cells.astype(np.int64)
    found = []
    for start, end in zip(starts.tolist(), table.period_ends.tolist(), strict=True):
        each = counts(start, end, int(lows[-1]), *parameters)
        found.append(np.add.reduceat(each, lows, axis=1))
    return found


class HistogramLikelihood:
    """Log-likelihood as a function of the logarithms of the parameters, times in `ruler`.

    In place of the second derivatives stands Fisher's information, which has no rounding errors of differences of
    differences: at the best parameters its inverse is the covariance, and the search goes as straight to them.
    """

    def __init__(self, counts: Callable[..., Floats], table: CountHistogram, units: Floats) -> None:
        self.counts, self.table, self.units = counts, table, units
        one = np.eye(len(units))
        self.steps = _STEP * np.concatenate((np.zeros((1, len(units))), one, -one, 2.0 * one, -2.0 * one))
        self.n = table.counts.ravel()
        self.total = np.repeat(table.counts.sum(axis=1), len(table.cells))

    def __call__(self, theta: Floats) -> Evaluation:
        k = len(theta)
        parameters = (np.exp(theta + self.steps) * self.units).T
        prob = np.concatenate(cell_probabilities(self.counts, self.table, parameters), axis=1)
        logs = np.log(np.maximum(prob, _LEAST))
        value = float((self.n * logs[0]).sum())
        if not np.isfinite(logs).all():
            return Evaluation(-math.inf, np.zeros(k), np.zeros((k, k)))
        up, down, far_up, far_down = logs[1:].reshape(4, k, -1)
        slopes = (8.0 * (up - down) - (far_up - far_down)) / (12.0 * _STEP)
        information = (slopes * (self.total * prob[0])) @ slopes.T
        return Evaluation(value, slopes @ self.n, -information)
