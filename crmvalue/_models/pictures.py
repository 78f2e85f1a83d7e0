"""Pictures of models and values; the results of the room show them by `plot`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from crmvalue._core.labels import in_percent
from crmvalue._core.pictures.parts import (
    Axis,
    Layer,
    Parts,
    apart,
    cut,
    evenly,
    nothing,
    of_all,
    shown,
    shown_things,
    stretch,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crmvalue._core.pictures.parts import Form
    from crmvalue.typing import Dates, Floats, Integers, Interval

__all__ = [
    "calendar_parts", "calibration_parts", "posterior_parts", "revenue_parts", "tracking_parts", "transform_parts",
    "values_parts",
]  # fmt: skip

_N_PARTS = 10
_MOST_PARAMETERS, _FACTOR = 14, 8.0  # rows of a picture, and the end of its axis
_USABLE = 0.5  # effective share of draws from which on they may be used
_MOST_BINS = 20
_DOUBTFUL = 0.05  # a smaller p-value says that a forecast is off
_MOST_COUNTS, _MOST_PERIODS, _MOST_MONTHS = 20, 250, 120


def values_parts(clv: Floats, ends: tuple[Floats, Floats] | None, level: float) -> Parts:
    """Draw the mean value of each tenth of the customers, best first, with the interval of its expectation."""
    n = len(clv)
    order = np.argsort(-clv, kind="stable")
    parts = [part for part in np.array_split(order, _N_PARTS) if len(part)]
    mean = np.array([clv[part].mean() for part in parts])
    upto = np.cumsum([len(part) for part in parts]) / max(n, 1)
    starts = np.concatenate([[0.0], upto[:-1]])
    labels = [_span(low, high) for low, high in zip(starts, upto, strict=True)]
    if n < _N_PARTS:
        labels = [str(rank + 1) for rank in range(n)]
    total = float(clv.sum())
    title = "No customer has a value yet" if n == 0 else "The customers hold no value in all"
    if n == 1:
        title = f"One customer is worth {shown(total, 'money')}"
    elif total > 0:
        share = float(clv[parts[0]].sum()) / total
        best, verb = "The best customer", ("holds", "is")
        if n >= _N_PARTS:
            best, verb = f"The best {shown(upto[0], 'share')} of the customers", ("hold", "are")
        title = f"{best} {verb[0]} {shown(share, 'share')} of the future value"
        if share > 1:  # others cost more than they bring
            title = f"{best} {verb[1]} worth more than all customers together"
        if float(clv.max()) <= 1.05 * total / n and float(clv.min()) >= 0.95 * total / n:
            title = f"All customers are worth about the same: {shown(total / n, 'money')}"
    columns = {"customers": np.array(labels, dtype=np.str_), "mean_clv": mean}
    columns["average_clv"] = np.full(len(parts), total / max(n, 1))
    layers = [Layer(mark="bar", x="customers", y="mean_clv", label="mean of the group")]
    if ends is not None:
        with np.errstate(invalid="ignore"):
            low, high = ([column[part].mean() for part in parts] for column in ends)
        columns |= {"low": np.array(low), "high": np.array(high)}
        word = f"{in_percent(level)} % interval of the expectation"
        layers.append(Layer(mark="interval", x="customers", low="low", high="high", label=word, style="second"))
    if n > 1:
        layers.append(Layer(mark="line", x="customers", y="average_clv", label="if all were alike", style="naive"))
    what = "Customers, best first [%]" if n >= _N_PARTS else "Rank of the customer"
    return Parts(
        title=title,
        x=Axis(title=what, form="name"),
        y=Axis(title="Value of a customer [money]", form="money"),
        columns=columns,
        layers=layers,
    )


def _span(low: float, high: float) -> str:
    return f"{100 * low:.0f}–{100 * high:.0f}"  # noqa: RUF001 - a dash between the ends of a range


def calibration_parts(frequency: Integers, n_customers: Integers, actual: Floats, expected: Floats) -> Parts:
    """Draw actual and expected purchases of the holdout by repeat purchases before it."""
    bought, said = (float(np.nansum(n_customers * mean)) for mean in (actual, expected))
    n = n_customers.sum()
    kept = evenly(len(frequency), _MOST_COUNTS)
    labels = [f"{count}" for count in frequency[kept]]
    if labels:
        labels[-1] += "+"
    columns = {
        "frequency": np.array(labels, dtype=np.str_),
        "actual": actual[kept],
        "expected": expected[kept],
        "average": np.full(len(labels), bought / n if n else np.nan),
    }
    return Parts(
        title=_off(said, bought),
        x=Axis(title=f"Repeat purchases before the holdout{of_all(len(kept), len(frequency), 'numbers')}", form="name"),
        y=Axis(title="Mean purchases in the holdout", low=0),
        columns=columns,
        layers=[
            Layer(mark="line", x="frequency", y="average", label="the same for all", style="naive"),
            Layer(mark="line", x="frequency", y="actual", label="customers"),
            Layer(mark="points", x="frequency", y="actual"),
            Layer(mark="line", x="frequency", y="expected", label="model", style="second"),
            Layer(mark="points", x="frequency", y="expected", style="second"),
        ],
    )


def tracking_parts(end: Dates, actual: Floats, expected: Floats, *, cumulative: bool) -> Parts:
    """Draw actual and expected repeat purchases of the base over time."""
    bought, said = (float(np.sum(column)) for column in (actual, expected))
    if cumulative and len(end):
        bought, said = float(actual[-1]), float(expected[-1])
    title = _off(said, bought)
    what = "Repeat purchases so far" if cumulative else "Repeat purchases in the period"
    form: Form = "count"
    if len(end) > _MOST_PERIODS:
        each = -(-len(end) // _MOST_PERIODS)
        if not cumulative:
            starts = np.arange(0, len(end), each)
            n = np.diff(np.append(starts, len(end)))  # the last ones may be fewer
            actual, expected = (np.add.reduceat(column, starts) / n for column in (actual, expected))
            what, form = f"Repeat purchases, mean of {each} periods", "number"
        last = np.minimum(np.arange(each - 1, len(end) + each - 1, each), len(end) - 1)
        end = end[last]
        actual, expected = (column[last] if cumulative else column for column in (actual, expected))
    return Parts(
        title=title,
        x=Axis(title="End of the period", form="date"),
        y=Axis(title=what, form=form, low=0),
        columns={"end": end, "actual": actual, "expected": expected},
        layers=[
            Layer(mark="line", x="end", y="actual", label="customers"),
            Layer(mark="line", x="end", y="expected", label="model", style="second"),
        ],
    )


def _off(said: float, bought: float) -> str:
    """Say how far a model is off in all."""
    if bought <= 0:
        return f"No customer bought again; the model expects {shown_things(said, 'purchase')}"
    off = said / bought - 1
    if abs(off) < 0.005:
        return "The model expects as many purchases as customers made"
    far = f"{shown(abs(off), 'share')} {'more' if off > 0 else 'fewer'}"
    return f"The model expects {far} purchases than customers made"


def transform_parts(upper: Floats, share: Floats, p_value: float) -> Parts:
    """Draw how many customers ended up in each part of what was foretold of them, beside equal numbers."""
    if not len(upper):
        return nothing("No customer was foretold anything")
    each = -(-len(upper) // _MOST_BINS)
    starts = np.arange(0, len(upper), each)
    ends = upper[np.minimum(starts + each, len(upper)) - 1]
    low = np.concatenate([[0.0], ends[:-1]])
    height = np.divide(np.add.reduceat(share, starts), ends - low, out=np.zeros(len(ends)), where=ends > low)
    columns = {
        "place": np.array([_span(*side) for side in zip(low, ends, strict=True)], dtype=np.str_),
        "customers": height,
        "right": np.ones(len(ends)),
    }
    return Parts(
        title=_where_off(low, ends, height, p_value),
        x=Axis(title="Place in the foretold distribution [%]", form="name"),
        y=Axis(title="Relative frequency", low=0),
        columns=columns,
        layers=[
            Layer(mark="bar", x="place", y="customers", label="customers"),
            Layer(mark="line", x="place", y="right", label="a right forecast", style="naive"),
        ],
    )


def _where_off(low: Floats, high: Floats, height: Floats, p_value: float) -> str:
    """Say how the places of the customers differ from those of a right forecast."""
    if np.isnan(p_value):
        return "No test whether customers did what was foretold: the error of the estimates is not known"
    if p_value >= _DOUBTFUL:
        return "Customers did what was foretold, as far as the data show"
    mean = float((height * (high**2 - low**2)).sum() / 2.0)
    spread = float((height * (high**3 - low**3)).sum() / 3.0) - mean * mean
    if abs(mean - 0.5) >= abs(np.sqrt(max(spread, 0.0)) - np.sqrt(1.0 / 12.0)):
        return f"Customers bought {'more' if mean > 0.5 else 'less'} than was foretold of them"
    return f"What is foretold of each customer is too {'narrow' if spread > 1.0 / 12.0 else 'wide'}"


def revenue_parts(
    start: Dates, end: Dates, revenue: Floats, ends: tuple[Floats, Floats] | None, total: Interval | None
) -> Parts:
    """Draw the revenue of each month ahead with its interval, beside that of as many days as in the first month."""
    n = len(end)
    if not n:
        return nothing("The plan has no month")
    start, end = start.astype("datetime64[D]"), end.astype("datetime64[D]")
    days = (end - start).astype(np.float64) + 1.0
    if start[0] != start[0].astype("datetime64[M]"):  # the rest of a month is no month
        months = f"until {end[-1]}"
    else:
        months = "in the month ahead" if n == 1 else f"in {n} months"
    title = f"The customers of today will bring {shown(float(revenue.sum()), 'money')} {months}"
    if total is not None and np.isfinite([float(side) for side in total]).all():
        title += f": {shown(float(total.low), 'money')} to {shown(float(total.high), 'money')}"
    kept = evenly(n, _MOST_MONTHS)
    columns = {"end": end[kept], "revenue": revenue[kept], "first_pace": (revenue[0] / days[0] * days)[kept]}
    layers = [
        Layer(mark="line", x="end", y="first_pace", label="at the pace of the first month", style="naive"),
        Layer(mark="line", x="end", y="revenue", label="expected revenue"),
        Layer(mark="points", x="end", y="revenue"),
    ]
    if ends is not None:
        low, high = (np.where(np.isfinite(side), side, np.nan)[kept] for side in ends)
        columns |= {"low": low, "high": high}
        layers.insert(0, Layer(mark="band", x="end", low="low", high="high", label="interval", style="light"))
    return Parts(
        title=title,
        x=Axis(title="End of the month", form="date"),
        y=Axis(title="Revenue of a month [money]", form="money", low=0),
        columns=columns,
        layers=layers if len(kept) <= 60 else layers[:-1],
    )


def calendar_parts(
    names: tuple[str, ...], level: Floats, ends: tuple[Floats, Floats], joint: tuple[Floats, Floats]
) -> Parts:
    """Draw the level of each season with its interval, beside the mean.

    `joint` are the ends of intervals that hold all levels together; the title names a season that is shown by them.
    """
    if not names:
        return nothing("No level of the calendar was estimated")
    title = "No level of the calendar is shown to differ from the average pace"
    is_fast, is_slow = joint[0] > 1.0, joint[1] < 1.0
    if is_fast.any():
        best = int(np.argmax(np.where(is_fast, level, -np.inf)))
        far = shown(float(level[best]) - 1.0, "share")
        title = f"Customers buy fastest in {names[best]}: {far} faster than on average"
    elif is_slow.any():
        worst = int(np.argmin(np.where(is_slow, level, np.inf)))
        far = shown(1.0 - float(level[worst]), "share")
        title = f"Customers buy slowest in {names[worst]}: {far} slower than on average"
    columns = {"season": np.array(names, dtype=np.str_), "level": level, "low": ends[0], "high": ends[1]}
    columns["mean"] = np.ones(len(names))
    return Parts(
        title=title,
        x=Axis(title="Season", form="name"),
        y=Axis(title="Pace of purchases [mean = 1]", low=0),
        columns=columns,
        layers=[
            Layer(mark="line", x="season", y="mean", label="the same all year", style="naive"),
            Layer(mark="interval", x="season", low="low", high="high", label="95 % interval"),
            Layer(mark="points", x="season", y="level", label="level"),
        ],
    )


def posterior_parts(names: Sequence[str], draws: Floats, weight: Floats, effective_share: float) -> Parts:
    """Draw the 95 % interval of each parameter as a multiple of its median, with the weights and without them.

    The effect of a covariate, whose name has a point, moves what it acts on by its exponential.
    """
    n = len(weight)
    ends, plain = np.array([_quantiles(column, weight, np.ones(n)) for column in draws.T]).transpose(1, 0, 2)
    is_positive = (draws > 0).all(axis=0) & np.array(["." not in name for name in names])
    with np.errstate(all="ignore"):  # a multiple may be 0 or infinite
        low, high, naive_low, naive_high = (
            np.where(is_positive, column / ends[:, 1], np.exp(column - ends[:, 1]))
            for column in (ends[:, 0], ends[:, 2], plain[:, 0], plain[:, 2])
        )
    width = np.nan_to_num(high - low, nan=np.inf)
    order = np.argsort(-width, kind="stable")
    kept = np.sort(order[:_MOST_PARAMETERS])
    widest = int(order[0])
    spans = [f"{_bound(least)} to {_bound(greatest)}" for least, _, greatest in ends.tolist()]
    title = f"{cut(names[widest])} is the least certain: {spans[widest]}"
    if not width.any():
        title = "All draws of the parameters are the same"
    if n == 1:
        title = "One draw says nothing of how certain the parameters are"
    elif effective_share < _USABLE:
        title = f"Do not rely on these draws: they are worth {shown(effective_share, 'share')} of their number"
    said = [f"{_bound(ends[k, 1])} ({spans[k]})" for k in kept]
    labels = apart(names[k] for k in kept)
    most = min(float(np.nan_to_num(np.maximum(high, naive_high)[kept], nan=_FACTOR).max()), _FACTOR)
    wide = most * stretch(labels, said)
    sides = {"low": low, "high": high, "naive_low": naive_low, "naive_high": naive_high}
    columns = {name: np.clip(np.nan_to_num(side[kept], nan=1.0), 0.0, most) for name, side in sides.items()}
    of_effects = "; effects: of the exponential" if not is_positive[kept].all() else ""
    cropped = f", cut at {_FACTOR:g}" if (high[kept] > most).any() else ""
    rest = of_all(len(kept), len(names), "parameters")
    return Parts(
        title=title,
        x=Axis(title=f"Multiple of the median{of_effects}{cropped}{rest}", low=0, high=wide),
        y=Axis(title="", form="name"),
        columns={
            "parameter": np.array(labels),
            **columns,
            "median": np.ones(len(kept)),
            "end": np.maximum(columns["high"], columns["naive_high"]) + 0.012 * wide,
            "said": np.array(said),
        },
        layers=[
            Layer(
                mark="bar", y="parameter", low="naive_low", high="naive_high", label="without weights", style="light"
            ),
            Layer(mark="interval", y="parameter", low="low", high="high", label="95 % interval"),
            Layer(mark="points", x="median", y="parameter", label="median"),
            Layer(mark="text", x="end", y="parameter", text="said"),
        ],
    )


def _quantiles(values: Floats, *weights: Floats) -> list[Floats]:
    """Give the quantiles of 2.5, 50 and 97.5 % by each column of weights."""
    order = np.argsort(values, kind="stable")
    found = []
    for weight in weights:
        reached = np.cumsum(weight[order])
        place = np.searchsorted(reached, np.array([0.025, 0.5, 0.975]) * reached[-1])
        found.append(values[order[place]])
    return found


def _bound(value: float) -> str:
    return shown(value) if np.isfinite(value) else "infinity"
