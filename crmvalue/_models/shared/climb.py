"""The search for the parameters: Newton's method inside a box, from one start after another."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    from crmvalue.typing import Floats

__all__ = ["WEAKEST", "Evaluation", "Point", "climb"]

_FARTHEST = 2.0  # longest step of the search in any direction
_SMALL_GAIN = 1e-9  # a step that promises less log-likelihood ends the search
_MOST_STEPS = 300
_ALIKE = 0.4  # a step that differs less from the one before, as a share of its length, repeats it
_MOST_STRETCHED = 8.0
_HOPE = 20.0  # a climb is given up where even so many times the gain that its next step promises is too little
_LITTLE = 0.1  # or where it promises no more than this, and
_NEAR = 0.5  # is so near the end of another in every log-parameter
_SAME = 0.03  # or promises the same height but for such a share of the gain: both climb the same ridge
_ROUNDING = 1e-13  # of the log-likelihood: what a shortened step has to gain at least
_AT_WALL = 1e-6
_STEEP = 1e-3  # a slope, in standard errors, above which a search has not arrived
WEAKEST = 1e-8  # curvature, as a share of the largest, below which a step is not made longer
_LONG = 8  # evaluations: a climb that takes more is perhaps on its way to the limiting model


class Evaluation(NamedTuple):
    """Log-likelihood at a point of the search, with its gradient and Hessian there."""

    value: float
    gradient: Floats
    hessian: Floats


class Point(NamedTuple):
    theta: Floats
    at: Evaluation
    converged: bool
    n_evaluations: int


def climb(
    evaluate: Callable[[Floats], Evaluation],
    start: Floats,
    low: Floats,
    high: Floats,
    known: Sequence[Point] = (),
    limit: Callable[[], Point] | None = None,
    weakest: float = WEAKEST,
) -> Point:
    """Newton's method inside a box: steps are shortened until they climb, and stretched where they repeat.

    Towards a boundary the steps in logarithms are all alike, so without stretching it would take many of them. The
    climb is given up where it has no hope to pass the `known` ends of others, or comes to one of them. `limit` gives
    one more end, that of the limiting model. A long climb asks for it once. Curvatures below `weakest`, as a share of
    the largest, count as that much.
    """
    theta = np.clip(np.asarray(start, dtype=np.float64), low, high)
    at = evaluate(theta)
    n = 1
    before, stretch = np.zeros_like(theta), 1.0
    for _ in range(_MOST_STEPS):
        step, free = _step_inside(theta, at, low, high, weakest)
        gain = float(at.gradient @ step)
        if gain < 2 * _SMALL_GAIN or not math.isfinite(at.value):
            steepest = np.abs(at.gradient[free] / _units(at.hessian[np.ix_(free, free)])).max(initial=0.0)
            return Point(theta, at, math.isfinite(at.value) and steepest < _STEEP, n)
        if _is_hopeless(theta, at.value, gain, known):
            return Point(theta, at, converged=False, n_evaluations=n)
        step *= min(1.0, _FARTHEST / float(np.abs(step).max()))
        repeats = np.abs(step - before).max() < _ALIKE * np.abs(step).max()
        stretch = min(2.0 * stretch, _MOST_STRETCHED) if repeats else 1.0
        before = step
        room = np.where(step > 0, high - theta, low - theta)[step != 0] / step[step != 0]
        size = min(stretch, float(room.min()))  # to the wall of the box, not along it
        while True:
            candidate = np.clip(theta + size * step, low, high)
            ahead = evaluate(candidate)
            n += 1
            if math.isfinite(ahead.value) and ahead.value > at.value + (0.5 * gain if size > 1.0 else 0.0):
                break
            size = stretch = 1.0 if size > 1.0 else 0.25 * size
            if size * gain < max(1e-10 * gain, _ROUNDING * abs(at.value)):  # rounding hides what is left to gain
                return Point(theta, at, gain < 1e-4, n)
        theta, at = candidate, ahead
        if limit is not None and n >= _LONG:
            known, limit = (*known, limit()), None
    return Point(theta, at, converged=False, n_evaluations=n)


def _step_inside(
    theta: Floats, at: Evaluation, low: Floats, high: Floats, weakest: float
) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Newton step that leaves no parameter beyond the wall at which it is, and which parameters it moves."""
    at_low, at_high = theta <= low + _AT_WALL, theta >= high - _AT_WALL
    free = ~((at_low & (at.gradient < 0)) | (at_high & (at.gradient > 0)))
    while True:
        if free.all():
            step = _newton_step(at.gradient, at.hessian, weakest)
        else:
            step = np.zeros_like(theta)
            step[free] = _newton_step(at.gradient[free], at.hessian[np.ix_(free, free)], weakest)
        beyond = (at_low & (step < 0)) | (at_high & (step > 0))
        if not beyond.any():
            return step, free
        free &= ~beyond


def _is_hopeless(theta: Floats, value: float, gain: float, known: Sequence[Point]) -> bool:
    """Whether a climb that promises some gain will not pass the best of the known ends."""
    if not known:
        return False
    rival = max(known, key=lambda point: point.at.value)
    behind = rival.at.value - value
    if behind < 0 or gain > _LITTLE:
        return behind > _HOPE * gain
    near = float(np.abs(theta - rival.theta).max()) < _NEAR
    return near or behind > _HOPE * gain or abs(behind - gain) < _SAME * gain


def _newton_step(gradient: Floats, hessian: Floats, weakest: float) -> Floats:
    """Newton step where the function is concave; elsewhere curvatures are made so."""
    if len(gradient) == 0:
        return gradient
    unit = _units(hessian)  # a tight prior makes one direction steeper than the others by many orders
    curvature, axes = np.linalg.eigh(-hessian / (unit * unit[:, np.newaxis]))
    along = axes.T @ (gradient / unit)
    safe = np.maximum(np.abs(curvature), weakest * max(float(np.abs(curvature).max()), 1e-8))
    step: Floats = (axes @ (along / safe)) / unit
    return step


def _units(hessian: Floats) -> Floats:
    """Scale of each direction: the root of its curvature, or of 1e-8 where that is smaller."""
    units: Floats = np.sqrt(np.maximum(np.abs(np.diag(hessian)), 1e-8))
    return units
