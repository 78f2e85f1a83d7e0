"""A clock that runs by the levels of the days, before and after the end of observation."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from crmvalue._models.shared.numerics import gauss_legendre

if TYPE_CHECKING:
    from collections.abc import Callable

    from crmvalue.typing import Dates, Floats

__all__ = ["Clock", "DiscountRule", "Line"]

_FARTHEST = 21_915  # days of sixty years from the end; farther away, each day has their mean level
_DISCOUNTED_AWAY = 45.0  # a discount of exp(-45) leaves nothing
_NODES = 14  # of a panel of operational time, on which expected purchases are nearly a polynomial
_INNER = 12  # of a piece of it, on which the clock runs evenly
_STEP = 0.5  # longest such piece, as a logarithm of the discount
_MOMENTS = 20  # of a panel of ordinary time, on which the chance to stay is nearly a polynomial
_GROWTH = 1.5  # of these panels, from one to the next


class DiscountRule(NamedTuple):
    """What is discounted as a sum over moments of operational time, such as over the purchases expected up to them."""

    moment: Floats
    weight: Floats


class Line(NamedTuple):
    """Operational time as a function of time from the end of observation on, which may be below 0, in pieces."""

    moments: Floats
    operational: Floats
    bends: Floats
    only: float | None
    """The one level of all days, if there is one."""

    def at(self, time: Floats) -> Floats:
        """Operational time at a moment; beyond the days that are known by their mean level."""
        found: Floats = np.interp(time, self.moments, self.operational)
        for outside, edge in ((time < self.moments[0], 0), (time > self.moments[-1], -1)):
            if outside.any():
                mean = self.operational[edge] / self.moments[edge]
                found = np.where(outside, time * mean, found)
        return found

    def pace(self, begin: Floats, end: Floats) -> Floats:
        """Level of the piece between two moments, in which it does not change."""
        middle = 0.5 * (begin + end)
        place = np.clip(np.searchsorted(self.moments, middle) - 1, 0, len(self.moments) - 2)
        level = np.diff(self.operational) / np.diff(self.moments)
        found: Floats = level[place]
        for outside, edge in ((middle < self.moments[0], 0), (middle > self.moments[-1], -1)):
            if outside.any():
                found = np.where(outside, self.operational[edge] / self.moments[edge], found)
        return found


class _Run(NamedTuple):
    """Operational days after each number of days, from 0 on; `pace` is the one level of all days, if there is one."""

    total: Floats
    pace: float | None

    def after(self, days: Floats) -> Floats:
        """Operational days of a number of days."""
        if self.pace is not None:
            return days if self.pace == 1.0 else days * self.pace
        n = len(self.total) - 1
        found: Floats = np.interp(days, np.arange(n + 1.0), self.total)
        beyond = np.maximum(days - n, 0.0)
        return found + beyond * (self.total[-1] / n) if beyond.any() else found

    def until(self, operational: Floats) -> Floats:
        """Days of a number of operational days."""
        if self.pace is not None:
            return operational if self.pace == 1.0 else operational / self.pace
        n = len(self.total) - 1
        found: Floats = np.interp(operational, self.total, np.arange(n + 1.0))
        beyond = np.maximum(operational - self.total[-1], 0.0)
        return found + beyond * (n / self.total[-1]) if beyond.any() else found


class Clock:
    """Operational time around the end of observation; times are in the unit of a model.

    The level of a day counts for the time between the day before and this day, so for the purchases of this day.
    """

    def __init__(self, level_of: Callable[[Dates], Floats], end: np.datetime64, days_per_unit: float) -> None:
        self.level_of, self.end, self.ruler = level_of, end, days_per_unit

    def past(self, t_x: Floats, age: Floats) -> tuple[Floats, Floats]:
        """Operational time from the first purchase to the last one, and to the end of observation."""
        run = self._run(float(age.max(initial=0.0)), ahead=False)
        if run.pace is not None:
            return (t_x, age) if run.pace == 1.0 else (t_x * run.pace, age * run.pace)
        whole = run.after(age * self.ruler)
        since = run.after((age - t_x) * self.ruler)
        last = np.where(t_x > 0, np.clip(whole - since, np.minimum(t_x * 1e-9, whole), whole), 0.0)
        return last / self.ruler, whole / self.ruler

    def before(self, operational: Floats, longest: float) -> Floats:
        """Time before the end of an operational time before it."""
        run = self._run(longest, ahead=False)
        return run.until(operational * self.ruler) / self.ruler if run.pace != 1.0 else operational

    def ahead(self, time: Floats) -> Floats:
        """Operational time from the end to a time after it."""
        run = self._run(_longest(time), ahead=True)
        return run.after(time * self.ruler) / self.ruler if run.pace != 1.0 else time

    def time_ahead(self, operational: Floats, longest: float) -> Floats:
        """Time after the end of an operational time after it."""
        run = self._run(longest, ahead=True)
        return run.until(operational * self.ruler) / self.ruler if run.pace != 1.0 else operational

    def pace_behind(self, time: float) -> float | None:
        """Give the level of all days from a time before the end on, if it is one."""
        return self._run(time, ahead=False).pace

    def line_behind(self, longest: float) -> Line:
        """Operational time, from the end of observation, of moments before it: both below 0."""
        run = self._run(longest, ahead=False)
        days, total = _corners(run, longest * self.ruler)
        return Line(-days[::-1] / self.ruler, -total[::-1] / self.ruler, -days[1:-1][::-1] / self.ruler, run.pace)

    def line_ahead(self, longest: float) -> Line:
        """Operational time of moments after the end of observation."""
        run = self._run(longest, ahead=True)
        days, total = _corners(run, longest * self.ruler)
        return Line(days / self.ruler, total / self.ruler, days[1:-1] / self.ruler, run.pace)

    def survival_rule(self, time: float, force: float, finest: float) -> DiscountRule:
        """Integrate exp(-force u) times the level times a function that is smooth in ordinary time, up to `time`.

        On panels that grow, from one of `finest` on, the function is given by its values at Gauss-Legendre nodes. The
        weights of the nodes are the moments of the discount and the levels, and are the same for all customers.
        """
        end = min(time, _DISCOUNTED_AWAY / force)
        run = self._run(end, ahead=True)
        last = end * self.ruler
        finest = min(max(finest * self.ruler, 1e-9 * last), last)
        n_panels = math.ceil(math.log(last / finest) / math.log(_GROWTH)) if last > finest else 0
        grown = finest * _GROWTH ** np.arange(n_panels)
        edges = np.concatenate([[0.0], grown[grown < last * (1.0 - 1e-9)], [last]])
        days, total = _corners(run, last)
        cuts = np.unique(np.concatenate([edges, days, np.arange(0.0, last, _STEP * self.ruler / force)]))
        cuts = cuts[cuts <= last]
        begin, length = cuts[:-1], np.diff(cuts)
        middle = begin + 0.5 * length
        panel = np.clip(np.searchsorted(edges, middle, side="right") - 1, 0, len(edges) - 2)
        level = Line(days, total, days[1:-1], run.pace).pace(begin, cuts[1:])
        node, weight = gauss_legendre(_MOMENTS)
        inner, inner_weight = gauss_legendre(_INNER + 4)
        vander, degree = np.polynomial.legendre.legvander, np.arange(_MOMENTS)
        projection = (vander(2.0 * node - 1.0, _MOMENTS - 1) * (2.0 * degree + 1.0) * weight[:, np.newaxis]).T
        moments = np.zeros((len(edges) - 1, _MOMENTS))
        rate = force / self.ruler
        for place, share in zip(inner.tolist(), inner_weight.tolist(), strict=True):
            day = begin + place * length
            at = (day - edges[panel]) / (edges[panel + 1] - edges[panel])
            counts = share * length / self.ruler * level * np.exp(-rate * day)
            np.add.at(moments, panel, vander(2.0 * at - 1.0, _MOMENTS - 1) * counts[:, np.newaxis])
        moment = (edges[:-1, np.newaxis] + np.diff(edges)[:, np.newaxis] * node).ravel()
        return DiscountRule(moment / self.ruler, (moments @ projection).ravel())

    def pace_ahead(self, time: float) -> float | None:
        """Give the level of all days up to a time after the end, if it is one."""
        return self._run(time, ahead=True).pace

    def discount_rule(self, time: float, force: float, finest: float) -> DiscountRule:
        """Integrate exp(-force s) over purchases up to `time`, which change no quicker than in a time of `finest`.

        By parts, it is exp(-force time) times all purchases, plus the integral of force exp(-force s) times the
        purchases until s.
        """
        moment, weight = self.time_rule(time, force, finest)
        if time > _DISCOUNTED_AWAY / force:
            return DiscountRule(moment, force * weight)
        last = self.ahead(np.array([time]))
        return DiscountRule(np.append(moment, last), np.append(force * weight, math.exp(-force * time)))

    def time_rule(self, time: float, force: float, finest: float) -> DiscountRule:
        """Integrate exp(-force s) times what changes no quicker than in an operational time of `finest`, up to `time`.

        That is a smooth function of operational time: on panels that double in length it is given by its values at
        Gauss-Legendre nodes. The weights of the nodes are the moments of the discount, for which the bends of the clock
        matter. They are the same for all customers.
        """
        end = min(time, _DISCOUNTED_AWAY / force) if force else time
        run = self._run(end, ahead=True)
        last = end * self.ruler
        operational = float(run.after(np.array([last]))[0])
        finest = min(max(finest * self.ruler, 1e-6 * operational), operational)
        doubled = finest * 2.0 ** np.arange(math.ceil(math.log2(operational / finest)) if operational > finest else 0)
        edges = np.concatenate([[0.0], doubled[doubled < operational * (1.0 - 1e-9)], [operational]])
        node, weight = gauss_legendre(_NODES)
        inner, inner_weight = gauss_legendre(_INNER)
        degree = np.arange(_NODES)
        vander = np.polynomial.legendre.legvander
        projection = (vander(2.0 * node - 1.0, _NODES - 1) * (2.0 * degree + 1.0) * weight[:, np.newaxis]).T
        bends = _bends(run, last)
        steps = np.arange(0.0, last, _STEP * self.ruler / force) if force else np.zeros(0)
        cuts = np.unique(np.concatenate([run.until(edges), bends, steps, [last]]))
        cuts = cuts[cuts <= last]
        begin, length = cuts[:-1], np.diff(cuts)
        moments = np.zeros((len(edges) - 1, _NODES))
        middle = run.after(begin + 0.5 * length)
        panel = np.clip(np.searchsorted(edges, middle, side="right") - 1, 0, len(edges) - 2)
        rate = force / self.ruler
        for place, share in zip(inner.tolist(), inner_weight.tolist(), strict=True):
            day = begin + place * length
            at = (run.after(day) - edges[panel]) / (edges[panel + 1] - edges[panel])
            each = vander(2.0 * at - 1.0, _NODES - 1) * (share * length * np.exp(-rate * day))[:, np.newaxis]
            np.add.at(moments, panel, each)
        moment = (edges[:-1, np.newaxis] + np.diff(edges)[:, np.newaxis] * node).ravel()
        return DiscountRule(moment / self.ruler, (moments @ projection).ravel() / self.ruler)

    def _run(self, longest: float, *, ahead: bool) -> _Run:
        """Add up the levels of the days after the end, or before it from the last one on."""
        n = math.ceil(min(longest * self.ruler, float(_FARTHEST)))
        day = self.end + (np.arange(1, n + 1) if ahead else -np.arange(n))
        level = self.level_of(day)
        pace = float(level[0]) if n else 1.0
        return _Run(np.concatenate([[0.0], np.cumsum(level)]), pace if (level == pace).all() else None)


def _longest(time: Floats) -> float:
    return float(time[np.isfinite(time)].max(initial=0.0))


def _corners(run: _Run, last: float) -> tuple[Floats, Floats]:
    """Give the days at which the clock changes its pace, with 0 and `last`, and the operational days until each."""
    bends = _bends(run, last)
    days = np.concatenate([[0.0], bends[(bends > 0.0) & (bends < last * (1.0 - 1e-12))], [max(last, 1e-300)]])
    return days, run.after(days)


def _bends(run: _Run, last: float) -> Floats:
    """Give the days at which the clock changes its pace."""
    if run.pace is not None:
        return np.zeros(0)
    level = np.diff(run.total)
    bends = np.flatnonzero(np.abs(np.diff(level)) > 1e-13 * level[:-1]) + 1.0
    return np.append(bends, float(len(level)))[: len(bends) + (len(level) < last)]
