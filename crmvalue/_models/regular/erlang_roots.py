"""Attempts to purchase of BG/CNBD-k and MBG/CNBD-k given the chance p to be lost at each, by the k-th roots of unity.

There were j events since the last purchase, and events in a time w are negative binomial (power, w).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from crmvalue._models.shared.numerics import chebyshev

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crmvalue.typing import Floats

__all__ = ["purchases_given", "sums_given", "survival_given"]

_RARE = 1e-4  # a smaller chance to stay is a power series
_POWERS = 5  # of it
_CELLS = 1 << 14  # of one block of sums
_DROP = 36.0  # exp(-36) = 2e-16
_NO_MORE = 60.0  # purchases are near 1 or more where another root is down to exp(-60); it adds less than 1e-20 to them
_ZERO = 746.0  # exp(-746) is 0


def survival_given(k: int, j: int, p: Floats, power: Floats | float, w: Floats) -> Floats:
    """Chance to survive all attempts, given the chance p to be lost at each."""
    away, chance, others = _of_roots(k, j, p, power, w, _ZERO)
    survived: Floats = (1.0 + away) * np.exp(chance) + others
    return np.where(p > 1.0 - _RARE, _of_few_attempts(k, j, p, power, w), np.maximum(survived, 0.0))


def purchases_given(k: int, j: int, p: Floats, power: Floats | float, w: Floats) -> Floats:
    """Purchases made while alive, given p: the chance to be lost by then over p."""
    away, chance, others = _of_roots(k, j, p, power, w, _NO_MORE)
    lost: Floats = -away - np.expm1(chance) * (1.0 + away) - others
    return np.where(p > 1.0 - _RARE, 1.0 - _of_few_attempts(k, j, p, power, w), lost) / p


def _of_roots(
    k: int, j: int, p: Floats, power: Floats | float, w: Floats, drop: float
) -> tuple[Floats, Floats, Floats]:
    """Parts of the generating function of attempts at 1 - p, each to full precision where p is small.

    With z = (1 - p)^(1/k), and z' = z times a k-th root of unity, it is the sum over all z' of (1 + w (1 - z'))^-power
    times the mean over m = 0, ..., k - 1 of z'^(j - m). Of the term of z itself this gives the mean less 1 and the
    logarithm of the power; the third part are all others, but for those below exp(-drop) in every row.
    """
    first = _first_that_vanishes(k, power, w, drop)
    less, away, parts = _parts(k, j, p, first)
    others: Any = 0.0
    for turn, (real, imaginary) in enumerate(parts, 1):
        log_size, angle = _polar(k, turn, less, w)
        turned = power * angle
        others = others + np.exp(power * log_size) * (real * np.cos(turned) - imaginary * np.sin(turned))
    return away, -power * np.log1p(-w * less), others


def _first_that_vanishes(k: int, power: Floats | float, w: Floats, drop: float) -> int:
    """Give the first turn from which on the powers at the roots are at most exp(-drop), whatever p is."""
    for turn in range(1, k // 2 + 1):
        least = 1.0 - max(math.cos(2.0 * math.pi * turn / k), 0.0)  # real part of 1 - z'; it rises with the turn
        if np.all(power * np.log1p(w * least) >= drop):
            return turn
    return k // 2 + 1


def _parts(k: int, j: int, p: Floats, end: int) -> tuple[Floats, Floats, list[tuple[Floats, Floats]]]:
    """Give z - 1, the mean less 1, and real and imaginary parts of the means at other roots; pairs count twice.

    These are the roots of the turns 1 to end - 1.
    """
    step = -np.log1p(-np.minimum(p, 1.0 - 0.1 * _RARE)) / k
    less, more = np.expm1(-step), np.expm1(step)
    grown: list[Any] = [0.0]  # expm1(step (m - j)), by sums of one sign
    for _ in range(k - 1 - j):
        grown.append(grown[-1] + (1.0 + grown[-1]) * more)
    for _ in range(j):
        grown.insert(0, grown[0] + (1.0 + grown[0]) * less)
    away: Any = sum(grown) / k
    parts: list[Any] = []
    for turn in range(1, end):
        angle, share = 2.0 * np.pi * turn / k, (1.0 if 2 * turn == k else 2.0) / k
        parts.append(
            (
                share * sum(one * math.cos(angle * (j - m)) for m, one in enumerate(grown)),
                share * sum(one * math.sin(angle * (j - m)) for m, one in enumerate(grown)),
            )
        )
    return less, away, parts


def _polar(k: int, turn: int, less: Floats, w: Floats) -> tuple[Floats, Floats]:
    """Logarithm of the size, and the angle, of 1 / (1 + w (1 - z')) at a root; 1 - z' is c - i s."""
    angle = 2.0 * np.pi * turn / k
    c, s = 1.0 - (1.0 + less) * math.cos(angle), (1.0 + less) * math.sin(angle)
    return -0.5 * np.log1p(w * (2.0 * c + w * (c * c + s * s))), np.arctan(w * s / (1.0 + w * c))


def _of_few_attempts(k: int, j: int, p: Floats, power: Floats | float, w: Floats) -> Floats:
    """Sum the first powers of the generating function of attempts at 1 - p, where that is small."""
    from scipy.special import betainc

    below = betainc(power, float(k - j), 1.0 / (1.0 + w))
    stay = 1.0 - np.maximum(p, 1.0 - _RARE)
    found, survived = below, np.ones_like(stay)
    for attempts in range(1, _POWERS):
        more = betainc(power, float((attempts + 1) * k - j), 1.0 / (1.0 + w))
        survived = survived * stay
        found = found + survived * (more - below)
        below = more
    result: Floats = found
    return result


def sums_given(k: int, p: Floats, power: float, times: Sequence[Floats], weight: Floats, *, stay: bool) -> Floats:
    """Sum chances to survive, or purchases, up to all w of some times their weights, shape (k, times, p).

    With j events since the last purchase, of 0 to k - 1, the power is `power + j`.
    """
    found, rare = np.empty((k, len(times), len(p))), p > 1.0 - _RARE
    few, common, whole = p[rare], p[~rare], weight.sum()
    means = [_parts(k, j, common, k // 2 + 1)[1:] for j in range(k)]
    for place, w in enumerate(times):
        kept, gone = _sums_at_root(k, common, power, w, weight)
        turned = _sums_at_others(k, common, power, w, weight)
        for j, (away, parts) in enumerate(means):
            here = found[j, place]
            survived = weight @ _of_few_attempts(k, j, few, power + j, w[:, np.newaxis])
            others: Any = 0.0
            for (real, imaginary), sums in zip(parts, turned, strict=True):
                others = others + real * sums[j].real - imaginary * sums[j].imag
            if stay:
                here[rare], here[~rare] = survived, (1.0 + away) * kept[j] + others
            else:
                here[rare] = (whole - survived) / few
                here[~rare] = ((1.0 + away) * gone[j] - away * whole - others) / common
    return found


def _sums_at_root(k: int, p: Floats, power: float, w: Floats, weight: Floats) -> tuple[Floats, Floats]:
    """Sum (1 + w (1 - z))^-(power + j), and 1 less this, shape (k, p)."""
    kept, gone = np.zeros((k, len(p))), np.zeros((k, len(p)))
    less = np.expm1(np.log1p(-p) / k)
    step = max(1, _CELLS // max(1, len(p)))
    for start in range(0, len(w), step):
        reach, share = -w[start : start + step, np.newaxis] * less, weight[start : start + step]
        log_left = -power * np.log1p(reach)
        part = reach / (1.0 + reach)
        left, lost = np.exp(log_left), -np.expm1(log_left)
        for j in range(k):
            kept[j] += share @ left
            gone[j] += share @ lost
            lost, left = lost + left * part, left * (1.0 - part)
    return kept, gone


def _sums_at_others(k: int, p: Floats, power: float, w: Floats, weight: Floats) -> list[Any]:
    """Sum the same powers at the other roots: each is a polynomial in z, from 0 to 1."""
    found = []
    for turn in range(1, k // 2 + 1):
        # Its terms are at most 1 where z times the root has a real part below 1: in an ellipse with these half axes.
        major = math.sqrt(5.0 - 4.0 * math.cos(2.0 * math.pi * turn / k))
        node, projection = chebyshev(math.ceil(_DROP / math.log(major + math.sqrt(major * major - 1.0))))
        log_size, angle = _polar(k, turn, 0.5 * (node - 1.0), w[:, np.newaxis])
        log_one = log_size + 1j * angle
        value, one = np.exp(power * log_one), np.exp(log_one)
        sums = np.empty((k, len(node)), dtype=np.complex128)
        for j in range(k):
            sums[j] = weight @ value
            value = value * one
        at = np.polynomial.chebyshev.chebvander(1.0 + 2.0 * np.expm1(np.log1p(-p) / k), len(node) - 1)
        found.append(sums @ (at @ projection).T)
    return found
