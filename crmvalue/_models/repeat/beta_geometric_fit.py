"""Likelihood of BG/NBD and MBG/NBD on weighted distinct rows, with its gradient and Hessian."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from crmvalue._models.repeat.nbd_likelihood import GammaPoisson, RisingSum
from crmvalue._models.shared.climb import Evaluation
from crmvalue._models.shared.fit import Derivatives
from crmvalue._models.shared.numerics import log_rising

if TYPE_CHECKING:
    from crmvalue.purchases import UniquePurchases
    from crmvalue.typing import Floats

__all__ = ["Likelihood", "alive_sums", "log_likelihood_derivatives", "no_mixture_is_likelier", "points_to_start"]

_GAIN = 1e-3  # in log-likelihood: less than a better mixture has to promise
_CHANCES = (0.0, 1e-5, 1e-3, 0.003, 0.01, 0.03, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 0.97, 0.99, 0.999, 0.99999)
_MOST = 600.0  # the largest logarithm that is raised
_BLOCK = 1 << 13  # rows at a time: temporaries stay in the cache


class Likelihood:
    """Log-likelihood of weighted rows as a function of log(r), log(alpha / ruler), log(a), log(b).

    Times are measured by `ruler`, the mean age, so that the search is the same in every time unit.
    """

    def __init__(self, rows: UniquePurchases, early: int) -> None:
        weight = rows.weight.astype(np.float64)
        x = rows.frequency
        self.n_customers = float(weight.sum())
        self.n_repeat = float((weight * x).sum())
        self.ruler = float((weight * (rows.age / self.n_customers)).sum()) or 1.0
        self.early = early
        tosses = x + early
        self.rising_tosses = RisingSum(tosses, weight)
        age = rows.age / self.ruler
        self.rates = GammaPoisson(x, age, weight)
        # Rows that may have been lost; ascending in x.
        start = 0 if early else int(np.searchsorted(x, 0.5))
        self.x, self.weight = x[start:], weight[start:]
        self.recency = rows.recency[start:] / self.ruler
        self.since = age[start:] - self.recency
        self.age_of_row = self.rates.place[start:]
        distinct, lengths = np.unique(tosses[start:], return_counts=True)
        self.tosses_before, self.lengths = distinct - 1.0, lengths

    def __call__(self, theta: Floats) -> Evaluation:
        r, alpha, a, b = np.exp(theta).tolist()
        value, gradient, hessian = alive_sums(self.rising_tosses, self.rates, r, alpha, a, b)
        if len(self.x):
            extra = self._maybe_lost(r, alpha, a, b)
            value, gradient, hessian = value + extra[0], gradient + extra[1], hessian + extra[2]
        value -= self.n_repeat * math.log(self.ruler)
        natural = np.array((r, alpha, a, b))
        slope = gradient * natural
        in_logs = hessian * natural * natural[:, np.newaxis]
        in_logs.flat[::5] += slope
        return Evaluation(value, slope, in_logs)

    def starts(self) -> list[Floats]:
        """Points to search from; NaN stands for where the first search ended.

        The first is good for most bases. The second is the end where nobody is lost. Where another peak is higher,
        mostly few customers are lost at once, or all are lost with small and equal chances.
        """
        return points_to_start(self.n_repeat / self.n_customers)

    def is_best_mixture(self, theta: Floats) -> bool:
        """Whether at r and alpha of `theta` no other mixture of chances of leaving is noticeably likelier.

        The log-likelihood is concave in the mixture. So if it does not grow towards any one chance that is the same for
        all, no mixture is likelier. The growth is the mean of likelihood ratios, minus 1, times the customers.
        """
        r, alpha, a, b = np.exp(theta).tolist()
        silence = (self.x + r) * np.log1p(self.since / (alpha + self.recency))
        return no_mixture_is_likelier(self.x + self.early, self.weight, silence, a, b)

    def _maybe_lost(self, r: float, alpha: float, a: float, b: float) -> tuple[float, Floats, Floats]:
        """Evaluate the logarithm of 1 + the odds of being lost, over all rows where that could happen."""
        inverse_toss = 1.0 / (self.tosses_before + b)
        per_row = np.repeat(inverse_toss, self.lengths)
        log_odds_per_row = np.repeat(np.log(a * inverse_toss), self.lengths)
        inverse_age = 1.0 / (alpha + self.rates.ages)
        value = 0.0
        first, bend, gram = np.zeros(4), np.zeros(3), np.zeros((4, 4))
        for start in range(0, len(self.x), _BLOCK):
            rows = slice(start, start + _BLOCK)
            weight, toss = self.weight[rows], per_row[rows]
            at_last = 1.0 / (alpha + self.recency[rows])
            at_end = inverse_age[self.age_of_row[rows]]
            wait = self.since[rows] * at_last
            longer = np.log1p(wait)  # log((alpha + T) / (alpha + t_x))
            change = -wait * at_end  # 1 / (alpha + T) - 1 / (alpha + t_x)
            shape = self.x[rows] + r
            log_odds = log_odds_per_row[rows] + shape * longer
            small = np.exp(-np.abs(log_odds))
            value += float((weight * (np.log1p(small) + np.maximum(log_odds, 0.0))).sum())
            less = weight / (1.0 + small)
            lost = np.where(log_odds > 0, 1.0, small) * less
            unsure = small * less / (1.0 + small)
            # Slopes of the log-odds in r, alpha, log(a) and b, but for the sign of the last; then what bends them.
            slopes = np.stack((longer, shape * change, np.ones(len(weight)), toss))
            first += slopes @ lost
            gram += (slopes * unsure) @ slopes.T
            bend += np.stack((change, slopes[1] * (at_end + at_last), toss * toss)) @ lost
        scale = np.array((1.0, 1.0, 1.0 / a, -1.0))
        hessian = gram * scale * scale[:, np.newaxis]
        hessian[0, 1] += bend[0]
        hessian[1, 0] += bend[0]
        hessian[1, 1] -= bend[1]
        hessian[2, 2] -= first[2] / a**2
        hessian[3, 3] += bend[2]
        return value, first * scale, hessian


def points_to_start(pace: float) -> list[Floats]:
    """Points to search from, for a number of events in a mean age; NaN stands for where the first search ended."""
    pace = max(pace, 1e-3)
    points = [
        (0.5, 0.5 / pace, 0.7, 2.0),
        (math.nan, math.nan, 1e-5, 1e6),
        (math.nan, math.nan, 0.03, 0.1),
        (math.nan, math.nan, 0.03, 50.0),
        (0.1, 0.1 / pace, 0.1, 1.0),
        (1.0, 1.0 / pace, 1.0, 1.0),
        (50.0, 20.0 / pace, 5.0, 50.0),
    ]
    return [np.log(np.array(point)) for point in points]


def alive_sums(
    rising_tosses: RisingSum, rates: GammaPoisson, r: float, alpha: float, a: float, b: float
) -> tuple[float, Floats, Floats]:
    """Evaluate the term of being alive, of which all sums are over few distinct counts and ages."""
    in_b, in_ab = rising_tosses(b), rising_tosses(a + b)
    of_rates = rates(r, alpha)
    gradient = np.array((*of_rates[1], -in_ab[1], in_b[1] - in_ab[1]))
    hessian = np.zeros((4, 4))
    hessian[:2, :2] = of_rates[2]
    hessian[2:, 2:] = -in_ab[2]
    hessian[3, 3] += in_b[2]
    return of_rates[0] + in_b[0] - in_ab[0], gradient, hessian


def no_mixture_is_likelier(tosses: Floats, weight: Floats, silence: Floats, a: float, b: float) -> bool:
    """Whether no other mixture of chances of leaving is noticeably likelier than the beta distribution (a, b).

    `silence` is the logarithm of how much likelier a silence is for those who were lost before it.
    """
    present = log_rising(b, tosses) - log_rising(a + b, tosses)
    present += np.logaddexp(0.0, math.log(a) - np.log(tosses - 1.0 + b) + silence)
    for chance in _CHANCES:
        stay = math.log1p(-chance)
        other = (tosses - 1.0) * stay + np.logaddexp(stay, math.log(chance) + silence) if chance else 0.0
        growth = float((weight * np.expm1(np.minimum(other - present, _MOST))).sum())
        if growth > _GAIN:
            return False
    return True


def log_likelihood_derivatives(
    x: Floats, t_x: Floats, age: Floats, r: float, alpha: Floats, a: Floats, b: Floats, early: int
) -> Derivatives:
    """Log-likelihood of each row with gradient and Hessian in the logarithms of the parameters, each row with its own.

    The term of being alive plus log(1 + odds of being lost), as in :class:`Likelihood`, for customers with covariates.
    """
    from scipy.special import digamma, expit, zeta

    tosses = x + early
    power = r + x
    counts, place = np.unique(x, return_inverse=True)
    in_r, bend_r = (digamma(r + counts) - digamma(r))[place], (zeta(2, r + counts) - zeta(2, r))[place]
    alike = bool((a == a[0]).all() and (b == b[0]).all())  # then there are as many different terms as different x
    few, spread = (counts + early, place) if alike else (tosses, slice(None))
    one_b, one_ab = (b[0], a[0] + b[0]) if alike else (b, a + b)
    in_b = (digamma(one_b + few) - digamma(one_b))[spread]
    bend_b = (zeta(2, one_b + few) - zeta(2, one_b))[spread]
    in_ab = (digamma(one_ab + few) - digamma(one_ab))[spread]
    bend_ab = (zeta(2, one_ab + few) - zeta(2, one_ab))[spread]
    at_end, at_last = 1.0 / (alpha + age), 1.0 / (alpha + t_x)
    grown = np.log1p(age / alpha)
    longer = np.log1p((age - t_x) * at_last)
    could = tosses > 0
    toss = 1.0 / np.where(could, tosses - 1.0 + b, 1.0)
    log_odds = np.where(could, np.log(a * toss) + power * longer, -np.inf)
    lost, kept = expit(log_odds), expit(-log_odds)

    kept_so_far = (log_rising(one_b, few) - log_rising(one_ab, few))[spread]
    value = log_rising(r, x) + kept_so_far - r * grown - x * np.log(alpha + age)
    value += np.logaddexp(0.0, log_odds)
    change = at_end - at_last
    odds_slope = np.stack([longer, power * change, 1.0 / a, -toss])
    alive_slope = np.stack([in_r - grown, r * (age * at_end / alpha) - x * at_end, -in_ab, in_b - in_ab])
    gradient = alive_slope + lost * odds_slope
    hessian = lost * kept * odds_slope * odds_slope[:, np.newaxis]
    hessian[0, 0] += bend_r
    hessian[0, 1] += age * at_end / alpha + lost * change
    hessian[1, 0] = hessian[0, 1]
    hessian[1, 1] += power * at_end**2 - r / alpha**2 + lost * power * (at_last**2 - at_end**2)
    hessian[2:, 2:] -= bend_ab
    hessian[2, 2] -= lost / a**2
    hessian[3, 3] += bend_b + lost * toss**2
    natural = np.stack([np.full(len(x), r), alpha, a, b])
    gradient *= natural
    hessian *= natural * natural[:, np.newaxis]
    for i in range(4):
        hessian[i, i] += gradient[i]
    return Derivatives(value, gradient, hessian)
