"""Integrals over a scale on which the time of leaving is smooth, row by row.

All integrals of this room are over the time y > 0 from some moment. Let A and B be the times after which the two
factors of the integrand have changed, (1 + y/A) and (1 + (e^(by) - 1) / (bB)), and let m be the smallest of A, B and
1/b. Then

    y = log(1 + bm (e^v - 1)) / b

grows with e^v while both factors are powers of y, and with v where age takes over. In v the integrand is analytic in a
strip around the half line. So a Gauss-Legendre rule on panels has full precision, if the panels are short where the
integrand is steep.

All its singular points have real parts up to max(-log(bm), -log(m/B)). Beyond that place v is b y and a constant, the
integrand is a power of y times an exponential, and a panel may be as long as its distance to that place. So the number
of panels grows with the logarithm of b y, not with b y.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from crmvalue._models.shared.numerics import gauss_legendre

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from crmvalue.typing import Floats

__all__ = ["grown", "last_of", "nodes_from", "smallest", "straight_from", "time_at", "width_of"]

_NODES = 20
_WIDEST = 2.5  # of a panel near singular points
_CELLS = 1 << 14  # rows times nodes at a time: what a step works on stays in the cache of the processor
_NOTHING = 60.0  # a share of exp(-60) is nothing
_LARGE = 500.0  # from such an exponent on, 1 is nothing beside its power


def smallest(b: float, *scales: Floats) -> Floats:
    """Give the unit m of the scale: the smallest of the scales and 1 / b."""
    m = np.minimum(scales[0], 1.0 / b)
    for scale in scales[1:]:
        m = np.minimum(m, scale)
    return m


def grown(k: Floats, v: Floats) -> Floats:
    """Logarithm of 1 + k (e^v - 1), for 0 < k <= 1."""
    few = np.minimum(v, _LARGE)
    found: Floats = np.log1p(k * np.expm1(few))
    return found + (v - few)


def width_of(b: float, m: Floats, y: Floats) -> Floats:
    """Give the place v of a time y."""
    few = np.minimum(b * y, _LARGE)
    found: Floats = np.log1p(np.expm1(few) / (b * m))
    return found + (b * y - few)


def last_of(b: float, s: float, m: Floats, k: Floats, y: Floats) -> Floats:
    """Give the place of a time y, or an earlier one after which (1 + k (e^v - 1))^-s leaves nothing."""
    found: Floats = np.minimum(width_of(b, m, y), 1.0 - np.log(k) + _NOTHING / s)
    return found


def straight_from(b: float, m: Floats, k: Floats) -> Floats:
    """Give the place after which 1 + bm (e^v - 1) and 1 + k (e^v - 1) are exponentials, for bm and k up to 1."""
    found: Floats = -np.log(np.minimum(b * m, k))
    return np.maximum(found, 0.0)


def time_at(b: float, m: Floats, v: Floats) -> Floats:
    """Time y of a place v."""
    return grown(b * m, v) / b


def nodes_from(
    centre: Floats, width: Floats, scale: Floats, straight: Floats
) -> Iterator[tuple[npt.NDArray[np.int64], Floats, Floats]]:
    """Nodes v and weights, shapes (nodes, rows), that cover 0 to `width` of some rows; all together cover all.

    `scale` is the length within which the integrand changes near the centre. The panels grow with the distance to it,
    beyond a length of 2.5 only after the place `straight`, with the distance to that.
    """
    longest = np.maximum(width - centre, centre)
    doublings = np.log2(1.0 + longest / np.minimum(scale, _WIDEST)) + np.minimum(width, straight) / _WIDEST
    order = np.argsort(doublings, kind="stable")
    step = max(1, _CELLS // _NODES)
    node, weight = gauss_legendre(_NODES)
    for start in range(0, len(order), step):
        rows = order[start : start + step]
        beyond = (centre - straight)[rows]
        for sign, room in ((1.0, (width - centre)[rows]), (-1.0, centre[rows])):
            size = np.minimum(scale[rows], _WIDEST)
            at = np.zeros(len(rows))
            while (at < room).any():
                here = np.flatnonzero(at < room)
                length = np.minimum(size, room - at)[here]
                chosen = rows[here]
                yield (
                    chosen,
                    centre[chosen] + sign * (at[here] + node[:, np.newaxis] * length),
                    weight[:, np.newaxis] * length,
                )
                at += size
                away = beyond + at if sign > 0 else 0.5 * (beyond - at)  # of the near end, if it is that long
                size = np.minimum(2.0 * size, np.maximum(away, _WIDEST))
