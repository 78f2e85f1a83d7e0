"""The levels of a calendar as a fit sees them: which there are, and their scale."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import attrs
import numpy as np

from crmvalue._core.labels import counted
from crmvalue._models.seasons.calendar import LEAP_WEEK, SEASONS, Calendar, groups_of, values_on
from crmvalue._models.seasons.shrinkage import Group
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from crmvalue._models.seasons.calendar import DayEffect
    from crmvalue._models.seasons.shrinkage import Found
    from crmvalue.typing import Dates, Floats

__all__ = ["Levels", "Scaled", "calendar_of", "lay_out", "rescaled"]


class Levels(NamedTuple):
    """What is estimated: names and groups of the levels, the row of each day, and the unit of each figure."""

    names: tuple[str, ...]
    groups: tuple[Group, ...]
    design: Floats
    unit: Floats
    seasons: tuple[str, ...]
    unseen: tuple[str, ...]
    days: tuple[DayEffect, ...]


def lay_out(dates: Dates, by: tuple[str, ...], days: tuple[DayEffect, ...], shrinkage: float | None) -> Levels:
    """Lay out the levels that the days of observation can tell something of."""
    names: list[str] = []
    unseen: list[str] = []
    columns: list[Floats] = []
    groups: list[Group] = []
    for season in by:
        code = groups_of(season, dates)
        n_days = np.bincount(code[1:], minlength=len(SEASONS[season]))
        start = len(names)
        for place, name in enumerate(SEASONS[season]):
            if n_days[place]:
                names.append(name)
                columns.append((code == place).astype(np.float64))
            elif name != LEAP_WEEK or "week 52" not in names:
                unseen.append(name)
        groups.append(Group(season, slice(start, len(names)), shrinkage))
    unit = [1.0] * len(names)
    start = len(names)
    for effect in days:
        value = values_on(effect, dates)
        scale = 1.0 if effect.value is None else float(value[1:].std()) if len(value) > 1 else 0.0
        if value[1:].any() and scale > 0.0:
            names.append(effect.name)
            columns.append(value / scale)
            unit.append(scale)
        else:
            unseen.append(effect.name)
    if len(names) > start:
        groups.append(Group("days", slice(start, len(names)), shrinkage))
    if not names:
        rule = "a log with at least two days, and holidays or figures within it"
        raise InputError("date", rule, f"{counted(len(dates), 'day')} from {dates[0]} on")
    design = np.stack(columns, axis=1)
    return Levels(tuple(names), tuple(groups), design, np.array(unit), by, tuple(unseen), days)


def calendar_of(levels: Levels, estimates: Floats) -> Calendar:
    """Make the calendar of estimated levels; those that were not seen are 1, a leap week is like the one before."""
    by_name = dict(zip(levels.names, estimates.tolist(), strict=True))
    by_name.setdefault(LEAP_WEEK, by_name.get("week 52", 1.0))
    seasons: dict[str, Any] = {
        season: {name: by_name.get(name, 1.0) for name in SEASONS[season]} for season in levels.seasons
    }
    days = tuple(attrs.evolve(effect, level=by_name.get(effect.name, 1.0)) for effect in levels.days)
    return Calendar(**seasons, days=days, unseen=levels.unseen)


class Scaled(NamedTuple):
    theta: Floats
    covariance: Floats


def rescaled(found: Found, levels: Levels, m: int) -> Scaled:
    """Scale the levels to a mean of 1 over the days of observation, and alpha with them; the covariance follows.

    Each season is scaled by itself; what is left of the mean of the products goes to the first season. Without a
    season nothing is scaled: ordinary days have the level 1.
    """
    beta, design = found.theta[m:], levels.design[1:]
    n = len(found.theta)
    shift, change = np.zeros(n), np.eye(n)

    def mean(columns: slice) -> tuple[float, Floats]:
        """Give the logarithm of the mean level of some columns, and its gradient."""
        level = np.exp(design[:, columns] @ beta[columns])
        gradient = np.zeros(n)
        gradient[m:][columns] = design[:, columns].T @ level / level.sum()
        return math.log(level.mean()), gradient

    seasons = [group.columns for group in levels.groups if group.name in SEASONS]
    if seasons:
        whole, by_whole = mean(slice(0, len(beta)))
        rest, by_rest = whole, by_whole.copy()
        for columns in seasons:
            own, by_own = mean(columns)
            rows = slice(m + columns.start, m + columns.stop)
            shift[rows] -= own
            change[rows] -= by_own
            rest, by_rest = rest - own, by_rest - by_own
        rows = slice(m + seasons[0].start, m + seasons[0].stop)
        shift[rows] -= rest
        change[rows] -= by_rest
        shift[1] -= whole
        change[1] -= by_whole
    theta = found.theta + shift
    theta[m:] /= levels.unit
    change[m:] /= levels.unit[:, np.newaxis]
    edge = ~np.isfinite(np.diag(found.covariance))
    known = np.where(edge[:, np.newaxis] | edge, 0.0, found.covariance)
    covariance = change @ known @ change.T
    covariance = 0.5 * (covariance + covariance.T)
    covariance[edge, edge] = np.inf
    return Scaled(theta, covariance)
