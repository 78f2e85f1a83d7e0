"""Likelihood of BG/CNBD-k and MBG/CNBD-k on weighted distinct rows, with its gradient and Hessian.

It is that of BG/NBD with k x events in place of x purchases, and with two changes. The chance to be alive has the
factor H, the sum over j < k of (R)_j / j! y^j with R = r + k x and y = (T - t_x) / (alpha + T). The odds of being lost
have the factor 1 / H. The derivatives of log H are means and covariances of those of the logarithms of its terms.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from crmvalue._models.regular.erlang import waiting
from crmvalue._models.repeat.beta_geometric_fit import alive_sums, no_mixture_is_likelier, points_to_start
from crmvalue._models.repeat.nbd_likelihood import GammaPoisson, RisingSum
from crmvalue._models.shared.climb import Evaluation
from crmvalue._models.shared.fit import Derivatives
from crmvalue._models.shared.numerics import log_rising

if TYPE_CHECKING:
    from crmvalue.purchases import UniquePurchases
    from crmvalue.typing import Floats

__all__ = ["Likelihood", "log_likelihood_derivatives"]

_BLOCK = 1 << 13  # rows at a time: temporaries stay in the cache


class _Waiting(NamedTuple):
    """Logarithm of H with its derivatives in r and alpha, one of each row."""

    value: Floats
    by_r: Floats
    by_alpha: Floats
    by_r_r: Floats
    by_r_alpha: Floats
    by_alpha_alpha: Floats


def _log_waiting(k: int, shape: Floats, since: Floats, until_now: Floats) -> _Waiting:
    """Compute log H; `since` is T - t_x, `until_now` alpha + T."""
    terms = waiting(k, shape, since / until_now)
    total = terms.sum(axis=0)
    mean_j = mean_jj = mean_d = mean_dd = mean_g = mean_jd = np.zeros(len(shape))
    digamma, trigamma = np.zeros(len(shape)), np.zeros(len(shape))  # of shape + j, less those of shape
    for j in range(1, k):
        step = 1.0 / (shape + (j - 1.0))
        digamma, trigamma = digamma + step, trigamma + step * step
        part = terms[j] / total
        of_d = part * digamma
        mean_j, mean_jj = mean_j + j * part, mean_jj + j * j * part
        mean_d, mean_dd, mean_jd = mean_d + of_d, mean_dd + of_d * digamma, mean_jd + j * of_d
        mean_g = mean_g + part * trigamma
    return _Waiting(
        np.log(total),
        mean_d,
        -mean_j / until_now,
        mean_dd - mean_d * mean_d - mean_g,
        (mean_j * mean_d - mean_jd) / until_now,
        (mean_jj - mean_j * mean_j + mean_j) / until_now**2,
    )


class Likelihood:
    """Log-likelihood of weighted rows as a function of log(r), log(alpha / ruler), log(a), log(b).

    Times are measured by `ruler`, the mean age, so that the search is the same in every time unit.
    """

    def __init__(self, rows: UniquePurchases, k: int, early: int) -> None:
        weight = rows.weight.astype(np.float64)
        self.k, self.early = k, early
        self.x, self.weight = rows.frequency, weight
        self.n_customers = float(weight.sum())
        self.n_events = k * float((weight * self.x).sum())
        self.ruler = float((weight * (rows.age / self.n_customers)).sum()) or 1.0
        self.rising_tosses = RisingSum(self.x + early, weight)
        self.age = rows.age / self.ruler
        self.recency = rows.recency / self.ruler
        self.since = self.age - self.recency
        self.rates = GammaPoisson(k * self.x, self.age, weight)

    def __call__(self, theta: Floats) -> Evaluation:
        r, alpha, a, b = natural = np.exp(theta)
        value, gradient, hessian = alive_sums(self.rising_tosses, self.rates, r, alpha, a, b)
        for start in range(0, len(self.x), _BLOCK):
            extra = self._block(slice(start, start + _BLOCK), r, alpha, a, b)
            value, gradient, hessian = value + extra[0], gradient + extra[1], hessian + extra[2]
        value -= self.n_events * math.log(self.ruler)
        slope = gradient * natural
        return Evaluation(value, slope, hessian * natural * natural[:, np.newaxis] + np.diag(slope))

    def starts(self) -> list[Floats]:
        """Points to search from, as those of BG/NBD; NaN stands for where the first search ended."""
        return points_to_start(self.n_events / self.n_customers)

    def is_best_mixture(self, theta: Floats) -> bool:
        """Whether at r and alpha of `theta` no other mixture of chances of leaving is noticeably likelier."""
        r, alpha, a, b = np.exp(theta).tolist()
        could = self.x + self.early > 0
        x, since, recency, weight = (column[could] for column in (self.x, self.since, self.recency, self.weight))
        tosses, shape = x + self.early, r + self.k * x
        terms = waiting(self.k, shape, since / (alpha + recency + since))
        silence = shape * np.log1p(since / (alpha + recency)) - np.log(terms.sum(axis=0))
        return no_mixture_is_likelier(tosses, weight, silence, a, b)

    def _block(self, rows: slice, r: float, alpha: float, a: float, b: float) -> tuple[float, Floats, Floats]:
        """Evaluate log H and the logarithm of 1 + the odds of being lost, over some rows."""
        weight, x = self.weight[rows], self.x[rows]
        odds = _Odds(self.k, self.early, x, self.recency[rows], self.since[rows], r, alpha, a, b)
        value, slopes, bends = odds.derivatives()
        gradient = slopes @ weight
        hessian = np.zeros((4, 4))
        for (i, j), bend in bends.items():
            hessian[i, j] = hessian[j, i] = float((weight * bend).sum())
        return float((weight * value).sum()), gradient, hessian


class _Odds:
    """Log H plus the logarithm of 1 + the odds of being lost, of each row, in r, alpha, a and b."""

    def __init__(
        self, k: int, early: int, x: Floats, t_x: Floats, since: Floats, r: float, alpha: Floats | float,
        a: Floats | float, b: Floats | float,
    ) -> None:  # fmt: skip
        tosses = x + early
        self.shape, self.a = r + k * x, a
        self.at_last = 1.0 / (alpha + t_x)
        self.at_end = 1.0 / (alpha + t_x + since)
        self.stay = _log_waiting(k, self.shape, since, alpha + t_x + since)
        self.toss = 1.0 / np.where(tosses > 0, tosses - 1.0 + b, 1.0)
        self.longer = np.log1p(since * self.at_last)
        log_odds = np.log(a * self.toss) + self.shape * self.longer - self.stay.value
        self.log_odds = np.where(tosses > 0, log_odds, -np.inf)
        self.change = -since * self.at_last * self.at_end  # 1 / (alpha + T) - 1 / (alpha + t_x)

    def derivatives(self) -> tuple[Floats, Floats, dict[tuple[int, int], Floats]]:
        """Give the value, the gradient, (4, n), and the upper half of the Hessian."""
        small = np.exp(-np.abs(self.log_odds))
        unsure = small / (1.0 + small) ** 2
        lost = np.where(self.log_odds > 0, 1.0, small) / (1.0 + small)
        kept, stay, shape = 1.0 - lost, self.stay, self.shape
        value = stay.value + np.log1p(small) + np.maximum(self.log_odds, 0.0)
        in_r, in_alpha = self.longer, shape * self.change  # of the odds but for H
        in_a, in_b = 1.0 / self.a, -self.toss
        by = (in_r - stay.by_r, in_alpha - stay.by_alpha, in_a, in_b)
        slopes = np.stack([
            kept * stay.by_r + lost * in_r, kept * stay.by_alpha + lost * in_alpha, lost * in_a, lost * in_b,
        ])  # fmt: skip
        bends = {(i, j): unsure * by[i] * by[j] for i in range(4) for j in range(i, 4)}
        bends[0, 0] = bends[0, 0] + kept * stay.by_r_r
        bends[0, 1] = bends[0, 1] + kept * stay.by_r_alpha + lost * self.change
        bends[1, 1] = bends[1, 1] + kept * stay.by_alpha_alpha
        bends[1, 1] -= lost * in_alpha * (self.at_end + self.at_last)
        bends[2, 2] = bends[2, 2] - lost * in_a * in_a
        bends[3, 3] = bends[3, 3] + lost * self.toss * self.toss
        return value, slopes, bends


def log_likelihood_derivatives(
    x: Floats, t_x: Floats, age: Floats, r: float, alpha: Floats, a: Floats, b: Floats, k: int, early: int
) -> Derivatives:
    """Log-likelihood of each row with gradient and Hessian in the logarithms of the parameters, each row with its own.

    It is for customers with covariates.
    """
    from scipy.special import digamma, zeta

    tosses, events = x + early, k * x
    counts, place = np.unique(events, return_inverse=True)
    in_r, bend_r = (digamma(r + counts) - digamma(r))[place], (zeta(2, r + counts) - zeta(2, r))[place]
    in_b, bend_b = digamma(b + tosses) - digamma(b), zeta(2, b + tosses) - zeta(2, b)
    in_ab, bend_ab = digamma(a + b + tosses) - digamma(a + b), zeta(2, a + b + tosses) - zeta(2, a + b)
    at_end = 1.0 / (alpha + age)
    grown = np.log1p(age / alpha)
    value, gradient, bends = _Odds(k, early, x, t_x, age - t_x, r, alpha, a, b).derivatives()
    value = value + log_rising(r, events) + log_rising(b, tosses) - log_rising(a + b, tosses)
    value += -r * grown - events * np.log(alpha + age)
    gradient += np.stack([in_r - grown, r * (age * at_end / alpha) - events * at_end, -in_ab, in_b - in_ab])
    hessian = np.zeros((4, 4, len(x)))
    for (i, j), bend in bends.items():
        hessian[i, j] = hessian[j, i] = bend
    hessian[0, 0] += bend_r
    hessian[0, 1] += age * at_end / alpha
    hessian[1, 0] = hessian[0, 1]
    hessian[1, 1] += (r + events) * at_end**2 - r / alpha**2
    hessian[2:, 2:] -= bend_ab
    hessian[3, 3] += bend_b
    natural = np.stack([np.full(len(x), r), alpha, a, b])
    gradient *= natural
    hessian *= natural * natural[:, np.newaxis]
    for i in range(4):
        hessian[i, i] += gradient[i]
    return Derivatives(value, gradient, hessian)
