"""Pictures of key figures; the results of the room show them by `plot`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from crmvalue._core.comparisons import leaders
from crmvalue._core.labels import also_equal
from crmvalue._core.pictures.parts import Axis, Layer, Parts, apart, as_cells, cut, nothing, of_all, shown, stretch

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from crmvalue.typing import Dates, Floats, Integers

__all__ = ["drivers_parts", "level_parts", "targets_parts"]

_WIDE = 3.0  # times the largest amount, where ends of forecasts in the picture are cut
_MOST_ROWS = 14
_LIKELY = 0.8


def drivers_parts(
    question: Sequence[str],
    effect: Floats,
    ends: tuple[Floats, Floats],
    importance: Floats,
    strongest: str,
    *,
    is_shown: npt.NDArray[np.bool_],
) -> Parts:
    """Draw the effect of each question with its interval, the most important first."""
    low, high = ends
    order = np.argsort(-importance, kind="stable")
    clear = order[is_shown[order]].tolist()
    title = "No question is shown to go with the score"
    if clear:
        first = clear[0]
        name, step = cut(question[first]), f"one point more goes with {_step(effect[first])}"
        title = f"{name} goes with the score most closely: {step}"
        best = leaders(importance)
        if first not in best:
            title = f"Most important is {cut(strongest)}, but it is {name} that is shown to go with the score: {step}"
        elif len(best) > 1:
            title = f"{name} is shown to go with the score: {step}"
        if len(best) > 1 and is_shown[best].all():
            title = f"{len(best):,} questions go with the score equally closely, the most"
    kept = order[:_MOST_ROWS]
    said = [f"{shown(part, 'share')} of the variance" for part in importance[kept]]
    names, rest = [question[k] for k in kept], of_all(len(kept), len(order), "questions")
    least, most = min(0.0, float(low[kept].min())), max(0.0, float(high[kept].max()))
    wide = (most - least) * stretch(names, said) or 1.0
    return Parts(
        title=title,
        x=Axis(
            title=f"Points of the score for one point more{rest or ' of the question'}",
            low=least - 0.02 * wide,
            high=least + wide,
        ),
        y=Axis(title="", form="name"),
        columns={
            "question": np.array(apart(names)),
            "effect": effect[kept],
            "low": low[kept],
            "high": high[kept],
            "no_effect": as_cells(len(kept), 0.0),
            "end": high[kept] + 0.012 * wide,
            "said": np.array(said),
        },
        layers=[
            Layer(mark="rule", x="no_effect", label="no effect", style="naive"),
            Layer(mark="interval", y="question", low="low", high="high"),
            Layer(mark="points", x="effect", y="question", label="effect and interval"),
            Layer(mark="text", x="end", y="question", text="said"),
        ],
    )


def _step(effect: float) -> str:
    size = shown(abs(effect))
    return f"{size} {'point' if size == '1' else 'points'} {'more' if effect > 0 else 'less'}"


def level_parts(groups: Sequence[str], n_within: Integers, n_missed: Integers, ends: tuple[Floats, Floats]) -> Parts:
    """Draw the share within the target of each group, the worst first, beside that of all tickets."""
    n = n_within + n_missed
    used = np.nonzero(n > 0)[0]
    if not used.size:
        return nothing("No target time is over yet")
    share = n_within[used] / n[used]
    whole = float(n_within.sum() / n.sum())
    order = np.argsort(share, kind="stable")
    kept = used[order[:_MOST_ROWS]]
    title = f"{shown(whole, 'share')} of the tickets are resolved within the target"
    worst = int(kept[0])
    if len(used) > 1 and float(share.min()) < whole:
        title += f", {shown(float(share.min()), 'share')} in group {cut(groups[worst])}"
        title += also_equal(int((share == share.min()).sum()))
    names, rest = apart(groups[k] for k in kept), of_all(len(kept), len(used), "groups, the worst")
    said = [f"{n_within[k]:,} of {n[k]:,}" for k in kept]
    low, high = (end[kept] for end in ends)
    wide = stretch(names, said)
    return Parts(
        title=title,
        x=Axis(
            title=f"Share resolved within the target{rest or ', of tickets whose target is over'}",
            form="share",
            low=0,
            high=wide,
            ticks=(0.0, 0.25, 0.5, 0.75, 1.0),
        ),
        y=Axis(title="", form="name"),
        columns={
            "group": np.array(names),
            "share": n_within[kept] / n[kept],
            "low": low,
            "high": high,
            "all_tickets": as_cells(len(kept), whole),
            "end": np.fmax(high, n_within[kept] / n[kept]) + 0.012 * wide,
            "said": np.array(said),
        },
        layers=[
            *([Layer(mark="rule", x="all_tickets", label="all tickets", style="naive")] if len(used) > 1 else []),
            Layer(mark="interval", y="group", low="low", high="high"),
            Layer(mark="points", x="share", y="group", label="share and interval"),
            Layer(mark="text", x="end", y="group", text="said"),
        ],
    )


def targets_parts(
    labels: Sequence[str], span: tuple[Dates, Dates], money: tuple[Floats, Floats, Floats], ends: tuple[Floats, Floats],
    prob: Floats, needed_per_day: Floats,
) -> Parts:  # fmt: skip
    """Draw what came in and what will at the present pace, beside the target; the furthest behind first.

    `money` is the target, what came in, and the forecast.
    """
    n = len(labels)
    if not n:
        return nothing("There is no target")
    target, actual, forecast = money
    is_reached = actual >= target
    likely = is_reached | (np.nan_to_num(prob) >= _LIKELY)
    missing = target - np.where(np.isnan(forecast), actual, forecast)
    with np.errstate(over="ignore"):  # infinite for a target next to nothing
        short = np.divide(missing, target, out=np.zeros(n), where=target > 0)
    behind = np.where(is_reached, -1.0, np.maximum(short, 0.0))
    order = np.argsort(-behind, kind="stable")
    worst = int(order[0])
    names = _names(labels, span)
    n_likely = int(likely.sum())
    so_far = f"{n_likely:,} of {n:,} targets {'is' if n_likely == 1 else 'are'} reached or likely"
    if is_reached.all():
        title = "The target is reached" if n == 1 else f"All {n:,} targets are reached"
    elif likely.all():
        title = "The target will likely be reached" if n == 1 else f"All {n:,} targets are reached or likely"
    elif np.isinf(needed_per_day[worst]):
        title = f"{so_far}; {cut(names[worst])} was missed"
        title = "The target was missed" if n == 1 else title
    else:
        per_day = f"needs {shown(needed_per_day[worst], 'money')} a working day"
        title = f"{so_far}; {cut(names[worst])} {per_day}"
        title = f"The target {per_day}" if n == 1 else title
    kept = order[:_MOST_ROWS] if any(labels) else np.sort(order[:_MOST_ROWS])  # periods alone stay in their order
    is_over = ends[0] == ends[1]
    ahead, low, high = (np.where(is_over, np.nan, column)[kept] for column in (forecast, *ends))
    most = _WIDE * max(float(np.nanmax(np.abs([target, actual, forecast]))), 1e-300)
    is_cut = bool((low < -most).any() or (high > most).any())
    low, high = np.clip(low, -most, None), np.clip(high, None, most)
    columns = {
        "target_of": np.array([names[k] for k in kept]),
        "actual": actual[kept],
        "forecast": ahead,
        "low": low,
        "high": high,
        "target": target[kept],
    }
    layers = [
        Layer(mark="bar", x="actual", y="target_of", label="came in"),
        Layer(mark="interval", y="target_of", low="low", high="high", style="second"),
        Layer(mark="points", x="forecast", y="target_of", label="forecast and interval", style="second"),
        Layer(mark="points", x="target", y="target_of", label="target", style="naive"),
    ]
    if not np.isfinite(columns["forecast"]).any():
        del layers[1:3]
    rest = f", {len(kept)} of {n:,} targets" if n > len(kept) else ""
    return Parts(
        title=title,
        x=Axis(title=f"Amount [money]{rest}{'; wide ends are cut' if is_cut else ''}", form="money"),
        y=Axis(title="", form="name"),
        columns=columns,
        layers=layers,
    )


def _names(labels: Sequence[str], span: tuple[Dates, Dates]) -> list[str]:
    """Name targets by their labels, and by their first day where the periods differ."""
    start, end = span
    same = bool((start == start[0]).all() and (end == end[0]).all())
    days = [""] * len(labels) if same and any(labels) else start.astype("datetime64[D]").astype(str).tolist()
    return apart(", ".join(filter(None, (label, day))) for label, day in zip(labels, days, strict=True))
