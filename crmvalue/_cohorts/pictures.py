"""Pictures of cohorts; the results of the room show them by `plot`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from crmvalue._core.comparisons import just_below
from crmvalue._core.labels import counted
from crmvalue._core.pictures.parts import Axis, Form, Layer, Parts, apart, as_cells, cut, evenly, nothing, of_all, shown

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue.typing import Dates, Floats, Integers, Interval

__all__ = ["comparison_parts", "days_parts", "payback_parts", "survival_parts", "triangle_parts"]

_MOST_COHORTS, _MOST_AGES = 18, 13
_FEWEST_POINTS, _MOST_POINTS = 60, 400
_MOST_PAID = 60
_MOST_DAYS = 40


def triangle_parts(period: str, cohort: Dates, size: Integers, retention: Floats, *, by_start: bool) -> Parts:
    """Draw the share of each cohort that bought at each age; the last cohorts where there are many.

    By start, such as a sign-up, a customer may not have bought before, also not at age 0.
    """
    known = ~np.isnan(retention[:, 1]) if retention.shape[1] > 1 else np.zeros(len(size), dtype=bool)
    title = f"No cohort is older than one {period} yet"
    if known.any():
        share = (retention[known, 1] * size[known]).sum() / size[known].sum()
        title = f"One {period} after the first, {shown(share, 'share')} of the customers buy again"
        if by_start:
            title = f"In the {period} after that of their start, {shown(share, 'share')} of the customers buy"
    rates, starts, sizes = retention[-_MOST_COHORTS:, :_MOST_AGES], cohort[-_MOST_COHORTS:], size[-_MOST_COHORTS:]
    names = [f"{_named(start, period)}, {n:,}" for start, n in zip(starts, sizes, strict=True)]
    row, age = (grid.ravel() for grid in np.indices(rates.shape))
    cells = rates.ravel()
    later = np.where((age > 0) | by_start, cells, np.nan)  # a first column of 1 would take all colours
    n_ages, n_drawn = retention.shape[1], rates.shape[1]
    rest = f"; {len(starts):,} of {len(cohort):,}, the last" if len(starts) < len(cohort) else ""
    return Parts(
        title=title,
        x=Axis(title=f"Age of the cohort [{period}s]{of_all(n_drawn, n_ages, 'ages, the first')}", form="name"),
        y=Axis(title=f"Cohort, customers{rest}", form="name"),
        columns={
            "cohort": [names[k] for k in row],
            "age": age.astype(str),
            "retention": later,
            "shown": [shown(cell, "share").removesuffix(" %") for cell in cells],
        },
        layers=[
            Layer(mark="heat", x="age", y="cohort", fill="retention"),
            Layer(mark="text", x="age", y="cohort", text="shown"),
        ],
    )


def _named(start: np.datetime64, period: str) -> str:
    """Name a cohort by its year, month, or first day."""
    unit = {"year": "Y", "month": "M", "quarter": "M"}.get(period, "D")
    return str(start.astype(f"datetime64[{unit}]"))


def days_parts(
    span: tuple[Floats, Floats], counts: tuple[Integers, Integers, Integers], rate: Floats, interval: Interval
) -> Parts:
    """Draw the share that came back by days, beside the share if customers who are too young counted as lost.

    `counts` are the customers who came back, those whose days are over, and those who are too young.
    """
    retained, eligible, young = (column.astype(np.float64) for column in counts)
    known = np.nonzero(eligible > 0)[0]
    if not known.size:
        return nothing("No customer is old enough yet")
    names = [_days(first, last) for first, last in zip(*span, strict=True)]
    ends = dict.fromkeys((int(known[0]), int(known[-1])))
    first, last = ends if len(ends) == 2 else (*ends, *ends)
    title = f"{shown(rate[first], 'share')} of the customers come back on {names[first]}"
    if last != first:  # those of another age are others
        of = "" if eligible[last] == eligible[first] else " of those old enough"
        title += f", {shown(rate[last], 'share')}{of} on {names[last]}"
    naive = np.full(len(rate), np.nan)
    np.divide(retained, eligible + young, out=naive, where=(eligible > 0) & (young > 0))
    kept, is_open = np.unique([*evenly(len(rate), _MOST_DAYS), *ends]), math.isinf(span[1].max())
    columns = {
        "days": np.array(apart(_short(names[k]) for k in kept)),
        "rate": rate[kept],
        "low": np.asarray(interval.low)[kept],
        "high": np.asarray(interval.high)[kept],
        "too_young_as_lost": naive[kept],
    }
    layers = [
        Layer(mark="interval", x="days", low="low", high="high"),
        Layer(mark="points", x="days", y="too_young_as_lost", label="naive: too young counts as lost", style="naive"),
        Layer(mark="points", x="days", y="rate", label="share and interval"),
    ]
    if not np.isfinite(columns["too_young_as_lost"]).any():
        del layers[1]
    rest = ("; + is or later" if is_open else "") + of_all(len(kept), len(rate), "days")
    return Parts(
        title=title,
        x=Axis(title=f"Days since the first purchase or start{rest}", form="name"),
        y=Axis(title="Share that came back", form="share", low=0),
        columns=columns,
        layers=layers,
    )


def _days(first: float, last: float) -> str:
    if first == last:
        return f"day {first:.0f}"
    return f"day {first:.0f} or later" if math.isinf(last) else f"days {first:.0f} to {last:.0f}"


def _short(days: str) -> str:
    return days.split(" ", 1)[1].replace(" or later", "+").replace(" to ", "–")  # noqa: RUF001 - a dash in a range


@np.errstate(under="ignore")
def survival_parts(time: Floats, survival: Floats, ends: tuple[Floats, Floats], hazard: float, median: float) -> Parts:
    """Draw the share of the customers who are still there, beside one churn rate for all time."""
    kept = np.linspace(0, len(time) - 1, min(len(time), _MOST_POINTS)).astype(np.int64)
    at = np.unique([*np.linspace(0, time[-1], _FEWEST_POINTS), *time[kept]])
    place = np.searchsorted(time, at, side="right")
    share, low, high = (np.concatenate([[1.0], column])[place] for column in (survival, *ends))
    title = f"Half of the customers have left by time {shown(median)}"
    if math.isinf(median):
        title = f"{shown(share[-1], 'share')} of the customers stay longer than time {shown(at[-1])}"
    return Parts(
        title=title,
        x=Axis(title="Time since the start [unit of the durations]", low=0),
        y=Axis(title="Share of the customers still there", form="share", low=0, high=1.02),
        columns={"time": at, "survival": share, "low": low, "high": high, "constant_churn": np.exp(-hazard * at)},
        layers=[
            Layer(mark="step band", x="time", low="low", high="high", label="interval", style="light"),
            Layer(mark="step", x="time", y="survival", label="customers"),
            Layer(mark="line", x="time", y="constant_churn", label="one churn rate", style="naive"),
        ],
    )


def payback_parts(period: str, size: Integers, ltv: Floats, cost: Floats | None) -> Parts:
    """Draw the mean value of a customer by the age of their cohort, and the age at which it covers its cost.

    Value and cost of an age are those of the cohorts that are so old.
    """
    known = ~np.isnan(ltv)
    weight = np.where(known, size[:, np.newaxis], 0)
    ages = np.nonzero(weight.any(axis=0))[0]
    n = len(ages)
    gained = np.where(known, ltv, 0.0)
    mean = (weight * gained).sum(axis=0)[ages] / weight.sum(axis=0)[ages]
    low = np.where(known, ltv, np.inf).min(axis=0, initial=np.inf)[ages]
    high = np.where(known, ltv, -np.inf).max(axis=0, initial=-np.inf)[ages]
    kept = evenly(n, _MOST_PAID)
    columns = {"age": ages[kept] + 1, "mean_ltv": mean[kept], "lowest": low[kept], "highest": high[kept]}
    layers = [
        Layer(mark="band", x="age", low="lowest", high="highest", label="range of cohorts", style="light"),
        Layer(mark="line", x="age", y="mean_ltv", label="mean"),
        Layer(mark="points", x="age", y="mean_ltv"),
    ]
    title = f"No {period} is over yet, so no value is known"
    if n:
        brought = f"{shown(mean[-1], 'money')} in {counted(int(ages[-1]) + 1, period)}"
        title = f"On average, {_who(known[:, ages[-1]])} has brought {brought}"
    if n and cost is not None:
        of_age = (weight * cost[:, np.newaxis]).sum(axis=0)[ages] / weight.sum(axis=0)[ages]  # of the same cohorts
        price = float((cost * size).sum() / size.sum())
        columns["acquisition_cost"] = of_age[kept]
        layers.append(Layer(mark="line", x="age", y="acquisition_cost", label="cost to win a customer", style="naive"))
        paid = np.nonzero(mean >= just_below(of_age))[0]
        title = f"A customer has not paid back their cost of {shown(price, 'money')} yet"
        if paid.size:
            when = int(ages[paid[0]]) + 1
            spell = f"{when} {period}" if when == 1 else f"{when} {period}s"
            title = f"On average, {_who(known[:, ages[paid[0]]])} pays back their cost within {spell}"
            columns |= {"payback": as_cells(len(kept), float(when)), "said": as_cells(len(kept), f"paid back: {spell}")}
            layers.append(Layer(mark="rule", x="payback", text="said", style="action"))
    return Parts(
        title=title,
        x=Axis(title=f"Age of the cohort, the first {period} included [{period}s]", form="count"),
        y=Axis(title="Margin per customer [money]", form="money", low=min(0.0, low.min(initial=0.0))),
        columns=columns,
        layers=layers,
    )


def _who(is_old: npt.NDArray[np.bool_]) -> str:
    """Say of whom a figure is that only some cohorts are old enough for."""
    return "a customer" if is_old.all() else "a customer of the cohorts that are so old"


def comparison_parts(
    measure: str,
    names: tuple[str, ...],
    value: Floats,
    ends: tuple[Floats, Floats],
    clearest: tuple[str, str] | None,
    *,
    differs: bool,
) -> Parts:
    """Draw the retention, or the time that customers stay, of each cohort with its interval.

    `clearest` names the better and the worse cohort of the pair that differs most clearly, None where no pair does.
    Of many cohorts, these two and the best known ones are drawn.
    """
    order = np.argsort(np.where(np.isnan(value), np.inf, -value), kind="stable")
    is_named = np.isin(order, [names.index(name) for name in clearest or ()])
    kept = order[np.sort(np.lexsort((~np.isfinite(value[order]), ~is_named))[:_MOST_COHORTS])]
    figure, low, high = (np.where(np.isfinite(column), column, np.nan)[kept] for column in (value, *ends))
    title = f"No difference in the {measure} is shown"
    if clearest:
        title = f"{cut(clearest[0])} is ahead of {cut(clearest[1])} in the {measure}"
    elif differs:
        title = f"The cohorts differ in the {measure}, but no single pair does"
    if not np.isfinite(figure).any():
        why = "no cohort has lost half of its customers yet" if np.isinf(value).any() else "none is known yet"
        return nothing(f"{title}; {why}")
    rest = of_all(len(kept), len(names), "cohorts")
    rest += "; no point: under half left" if np.isinf(value[kept]).any() else ""
    form: Form = "share" if measure.startswith("retention") else "number"
    return Parts(
        title=title,
        x=Axis(title=f"{measure[:1].upper()}{measure[1:]}{rest}", form=form, low=0),
        y=Axis(title="", form="name"),
        columns={"cohort": np.array(names)[kept], "value": figure, "low": low, "high": high},
        layers=[
            Layer(mark="interval", y="cohort", low="low", high="high"),
            Layer(mark="points", x="value", y="cohort", label="cohort and its interval"),
        ],
    )
