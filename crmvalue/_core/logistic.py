"""Penalised logistic regression: one solver for lead scores and for the chance to have been chosen."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from crmvalue.errors import ConvergenceError

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue.typing import Floats

__all__ = ["Solved", "Standard", "expit", "solve_logistic", "standardise"]

_MOST_STEPS = 100
_FLAT = 1e-9  # largest gradient per row of a solved regression
_ROUNDING = 1e-13  # part of the loss that its sum rounds: near the end a good step may seem to raise it by as much


class Standard(NamedTuple):
    """Columns with mean 0 and standard deviation 1; a column that does not vary is 0."""

    z: Floats
    mean: Floats
    scale: Floats
    varies: npt.NDArray[np.bool_]


class Solved(NamedTuple):
    """Log-odds of the intercept and of each column, and the number of Newton steps."""

    beta: Floats
    n_steps: int


def standardise(x: Floats) -> Standard:
    """Standardise columns, of any size without an overflow."""
    size = np.abs(x).max(axis=0)
    size[size == 0] = 1.0
    mean = (x / size).mean(axis=0) * size
    scale = (x / size).std(axis=0) * size
    varies = scale > 1e-12 * size
    scale = np.where(varies, scale, 1.0)
    return Standard(np.where(varies, (x - mean) / scale, 0.0), mean, scale, varies)


@np.errstate(under="ignore")
def expit(x: Any) -> Any:
    """Probability of log-odds."""
    from scipy import special

    return special.expit(x)


@np.errstate(under="ignore")
def solve_logistic(z: Floats, y: Floats, penalty: float) -> Solved:
    """Solve by Newton's method with halved steps, from the share of ones; the intercept has no penalty."""
    from scipy import linalg

    x = np.column_stack([np.ones(len(z)), z])
    ridge = np.full(x.shape[1], penalty)
    ridge[0] = 0.0
    beta = np.zeros(x.shape[1])
    beta[0] = math.log(y.mean() / (1 - y.mean()))
    loss = _loss(x, y, beta, ridge)
    for step_number in range(_MOST_STEPS):
        p = expit(x @ beta)
        gradient = x.T @ (p - y) + ridge * beta
        if np.abs(gradient).max() <= _FLAT * len(y):
            return Solved(beta, step_number)
        hessian = (x * (p * (1 - p))[:, np.newaxis]).T @ x
        hessian[np.diag_indices_from(hessian)] += ridge + 1e-12 * len(y)
        scale = 1.0 / np.sqrt(np.diag(hessian))  # a large penalty is no bad condition
        step = scale * linalg.solve(scale[:, np.newaxis] * hessian * scale, scale * gradient, assume_a="pos")
        size = 1.0
        while (new := _loss(x, y, beta - size * step, ridge)) > loss * (1 + _ROUNDING) and size > 1e-10:
            size /= 2
        beta, loss = beta - size * step, new
    raise ConvergenceError(f"logistic regression did not end in {_MOST_STEPS} steps", beta)


def _loss(x: Floats, y: Floats, beta: Floats, ridge: Floats) -> float:
    eta = x @ beta
    return float(np.sum(np.logaddexp(0, eta) - y * eta) + 0.5 * np.sum(ridge * beta**2))
