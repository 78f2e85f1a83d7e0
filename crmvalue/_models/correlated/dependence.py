r"""Two gamma distributions of rates that depend on each other: Sarmanov's family.

The rate of purchases l is gamma(r, alpha), that of leaving m is gamma(s, beta). Let e1 = exp(-l / mean of l) and
e2 = exp(-m / mean of m): both are 1 for the slowest customers and 0 for the fastest. With their means p and q, the
joint density of the rates is

    g(l) g(m) (1 + w (e1 - p) (e2 - q)).

Both marginal distributions remain as they are, and w = 0 is independence. The density must not be negative. It is
linear in e1 and in e2, so the four corners decide: where both are 1 or 0, or one is 1 and the other is 0, it is

    (1 + k)  at 0, 0;    (1 - k P)  at 1, 0;    (1 - k Q)  at 0, 1;    (1 + k P Q)  at 1, 1,

with k = w p q, P = (1 - p) / p and Q = (1 - q) / q. The `dependence` of the rates is the logarithm of the odds ratio of
these corners,

    log (1 + k) (1 + k P Q) / ((1 - k P) (1 - k Q)).

It grows with k and takes each real number once, so a search has no boundary that moves with r and s.

Source: Sarmanov (1966); Lee (1996), "Properties and applications of the Sarmanov family of bivariate distributions",
Communications in Statistics: Theory and Methods 25; Park and Fader (2004), "Modeling browsing behavior at multiple
websites", Marketing Science 23. They take exp(-l) with l in some unit of time. Here each rate is measured by its own
mean, so that the unit of time does not matter.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from crmvalue.typing import Floats

__all__ = [
    "Tilt",
    "correlation_of",
    "dependence_at",
    "kappa_at",
    "kappa_derivatives",
    "range_of_kappa",
    "tilt_of",
]

_FARTHEST = 700.0  # a larger dependence is the same to all digits


class Tilt(NamedTuple):
    """Density of the rates at the corners, beside that of independent rates: by e1 and e2 of 1 or 0."""

    kappa: float
    at_11: float
    at_10: float
    at_01: float
    at_00: float

    def __call__(self, log_e1: Floats, log_e2: Floats) -> Floats:
        """Average over rates, by the logarithms of the averages of e1 and e2: a sum of positive terms."""
        return self.between(np.exp(log_e1), -np.expm1(log_e1), np.exp(log_e2), -np.expm1(log_e2))

    def between(self, slow1: Floats, fast1: Floats, slow2: Floats, fast2: Floats) -> Floats:
        """Give the same by averages of e1, 1 - e1, e2 and 1 - e2."""
        return slow1 * (self.at_11 * slow2 + self.at_10 * fast2) + fast1 * (self.at_01 * slow2 + self.at_00 * fast2)


def _at_zero(shape: float) -> tuple[float, float]:
    """Logarithm of p, the mean of exp(-rate / mean rate) for a gamma distribution, and (1 - p) / p."""
    log_p = -shape * math.log1p(1.0 / shape)
    return log_p, math.expm1(-log_p)


def tilt_of(r: float, s: float, dependence: float) -> Tilt:
    """Solve for k, and give the density at the corners, the small ones to full precision too."""
    big_p, big_q = _at_zero(r)[1], _at_zero(s)[1]
    product, total = big_p * big_q, big_p + big_q
    far = min(abs(dependence), _FARTHEST)
    small, rest = math.exp(-far), -math.expm1(-far)
    cross = 2.0 * small * (total * (1.0 + product) + 4.0 * product)
    if dependence >= 0:
        root = math.sqrt((big_p - big_q) ** 2 + cross + (small * (1.0 - product)) ** 2)
        kappa = 2.0 * rest / (total + small * (1.0 + product) + root)
        at_11, at_00 = 1.0 + kappa * product, 1.0 + kappa
        low, high = _pair(small * at_11 * at_00, kappa * abs(big_p - big_q))
        at_10, at_01 = (high, low) if big_p <= big_q else (low, high)
    else:
        root = math.sqrt((small * (big_p - big_q)) ** 2 + cross + (1.0 - product) ** 2)
        kappa = -2.0 * rest / (small * total + 1.0 + product + root)
        at_10, at_01 = 1.0 - kappa * big_p, 1.0 - kappa * big_q
        low, high = _pair(small * at_10 * at_01, -kappa * abs(1.0 - product))
        at_11, at_00 = (high, low) if product <= 1.0 else (low, high)
    return Tilt(kappa, at_11, at_10, at_01, at_00)


def _pair(product: float, gap: float) -> tuple[float, float]:
    """Two positive numbers of which the product and the difference are known."""
    high = 0.5 * (gap + math.sqrt(gap * gap + 4.0 * product))
    return product / high, high


def range_of_kappa(r: float, s: float) -> tuple[float, float]:
    """Least and largest k for which the density is nowhere negative."""
    big_p, big_q = _at_zero(r)[1], _at_zero(s)[1]
    return -1.0 / max(1.0, big_p * big_q), 1.0 / max(big_p, big_q)


def dependence_at(r: float, s: float, kappa: float) -> float:
    """Give the dependence for a k inside its range."""
    big_p, big_q = _at_zero(r)[1], _at_zero(s)[1]
    likely = math.log1p(kappa) + math.log1p(kappa * big_p * big_q)
    return likely - math.log1p(-kappa * big_p) - math.log1p(-kappa * big_q)


def correlation_of(r: float, s: float, kappa: float) -> float:
    """Coefficient of correlation of the two rates.

    The mean of l (e1 - p) is -(r / alpha) p / (r + 1), the standard deviation of l is sqrt(r) / alpha.
    """
    return kappa * math.sqrt(r) / (r + 1.0) * (math.sqrt(s) / (s + 1.0))


def kappa_at(r: float, s: float, correlation: float) -> float:
    """Give the k of a coefficient of correlation."""
    return correlation / correlation_of(r, s, 1.0)


def kappa_derivatives(r: float, s: float, dependence: float) -> tuple[float, Floats, Floats]:
    """Give k, its gradient and Hessian in log r, log s and the dependence: derivatives of an implicit function."""
    k, at_11, at_10, at_01, at_00 = tilt_of(r, s, dependence)
    (big_p, p_slope, p_bend), (big_q, q_slope, q_bend) = _odds(r), _odds(s)
    # Derivatives of the dependence in P, Q and k.
    slope = np.array(
        [
            k * big_q / at_11 + k / at_10,
            k * big_p / at_11 + k / at_01,
            1.0 / at_00 + big_p * big_q / at_11 + big_p / at_10 + big_q / at_01,
        ]
    )
    bend = np.empty((3, 3))
    bend[0, 0] = k**2 / at_10**2 - (k * big_q / at_11) ** 2
    bend[1, 1] = k**2 / at_01**2 - (k * big_p / at_11) ** 2
    bend[0, 1] = bend[1, 0] = k / at_11**2
    bend[0, 2] = bend[2, 0] = big_q / at_11**2 + 1.0 / at_10**2
    bend[1, 2] = bend[2, 1] = big_p / at_11**2 + 1.0 / at_01**2
    corners = (big_p / at_10) ** 2 + (big_q / at_01) ** 2 - (big_p * big_q / at_11) ** 2
    bend[2, 2] = corners - 1.0 / at_00**2
    # From P, Q and k to log r, log s and the dependence.
    moved = np.diag([p_slope, q_slope, 0.0])
    moved[2] = np.array([-slope[0] * p_slope, -slope[1] * q_slope, 1.0]) / slope[2]
    curved = moved.T @ bend @ moved + np.diag([slope[0] * p_bend, slope[1] * q_bend, 0.0])
    return k, moved[2], -curved / slope[2]


def _odds(shape: float) -> tuple[float, float, float]:
    """Give (1 - p) / p with its first and second derivative in the logarithm of the shape."""
    _, odds = _at_zero(shape)
    slope = shape * (1.0 / (shape + 1.0) - math.log1p(1.0 / shape))
    bend = slope + shape / (shape + 1.0) ** 2
    return odds, -(1.0 + odds) * slope, (1.0 + odds) * (slope * slope - bend)
