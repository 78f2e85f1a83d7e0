"""Likelihood of the gamma-gamma model, with its gradient and Hessian."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from crmvalue._models.shared.climb import Evaluation
from crmvalue._models.shared.discrete import log_beta_density

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from crmvalue.typing import Floats

__all__ = ["objective"]

_FEW_CELLS = 1 << 22
_BLOCK = 1 << 14


def _sums(x: Floats, total: Floats, scale: float) -> list[float]:
    """Add up log(1 + total / scale), 1 / (total + scale) and its square, each also times x, block by block.

    A block stays in the cache of the processor, and a large base takes no memory for what is added up.
    """
    parts = []
    for start in range(0, len(x), _BLOCK):
        here, money = x[start : start + _BLOCK], total[start : start + _BLOCK]
        log_above = np.log1p(money / scale)  # log(gamma + total) - log(gamma)
        below = 1.0 / (money + scale)
        square = below * below
        parts.append([column.sum() for part in (log_above, below, square) for column in (part, here * part)])
    sums: list[float] = np.array(parts).sum(axis=0).tolist()
    return sums


def _logs(x: Floats, total: Floats) -> tuple[float, float]:
    """Add up x log(total) and log(total / x), block by block."""
    parts = []
    for start in range(0, len(x), _BLOCK):
        here, money = x[start : start + _BLOCK], total[start : start + _BLOCK]
        parts.append([(here * np.log(money)).sum(), np.log(money / here).sum()])
    x_log_total, log_m = np.array(parts).sum(axis=0).tolist()
    return x_log_total, log_m


def _counts(x: Floats) -> npt.NDArray[np.int64]:
    """Count each whole number in x, block by block: the numbers as integers would take as much memory as x."""
    cells = int(x.max()) + 1
    step = max(_BLOCK, cells)
    return sum(
        (np.bincount(x[start : start + step].astype(np.int64), minlength=cells) for start in range(0, len(x), step)),
        start=np.zeros(cells, dtype=np.int64),
    )


def objective(x: Floats, m: Floats, unit: float = 1.0) -> Callable[[Floats], Evaluation]:
    """Log-likelihood with derivatives in the logarithms of (p, q, gamma); x repeat purchases of mean m each.

    Money is counted in the unit. Special functions are needed once per distinct x; each customer costs one logarithm
    and one division, and one number of memory beside x.
    """
    from scipy.special import digamma, polygamma

    total = x * m
    total /= unit
    if x.max() < _FEW_CELLS:  # counting is faster than sorting
        counts = _counts(x)
        distinct = np.nonzero(counts)[0].astype(np.float64)
        weight = counts[counts > 0].astype(np.float64)
    else:
        distinct, counts = np.unique(x, return_counts=True)
        weight = counts.astype(np.float64)
    n = len(x)
    sum_x = float(x.sum())
    sum_x_log_total, sum_log_m = _logs(x, total)

    def evaluate(theta: Floats) -> Evaluation:
        p, q, scale = np.exp(theta)
        s_log, s_x_log, s_1, s_x, s_11, s_xx = _sums(x, total, scale)
        a = p * distinct
        beta = log_beta_density(a, np.full(len(a), q), a / q)  # at its peak, where the powers are known
        peak = a * np.log1p(q / a) + q * np.log1p(a / q)
        log_scale = float(theta[2])
        value = (
            float((weight * (beta + peak)).sum())
            + p * (sum_x_log_total - sum_x * log_scale - s_x_log)
            - q * s_log
            - sum_log_m
        )
        psi, psi_a, psi_q = digamma(a + q), digamma(a), float(digamma(q))
        tri, tri_a, tri_q = polygamma(1, a + q), polygamma(1, a), float(polygamma(1, q))
        d_p = float((weight * distinct * (psi - psi_a)).sum()) + sum_x_log_total - sum_x * log_scale - s_x_log
        d_q = float((weight * (psi - psi_q)).sum()) - s_log
        d_g = q * n / scale - p * s_x - q * s_1
        d_pp = float((weight * distinct**2 * (tri - tri_a)).sum())
        d_pq = float((weight * distinct * tri).sum())
        d_qq = float((weight * (tri - tri_q)).sum())
        d_pg, d_qg = -s_x, n / scale - s_1
        d_gg = -q * n / scale**2 + p * s_xx + q * s_11
        natural = np.array([p, q, scale])
        gradient = np.array([d_p, d_q, d_g]) * natural
        hessian = np.array([[d_pp, d_pq, d_pg], [d_pq, d_qq, d_qg], [d_pg, d_qg, d_gg]]) * np.outer(natural, natural)
        return Evaluation(value, gradient, hessian + np.diag(gradient))

    return evaluate
