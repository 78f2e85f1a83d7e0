"""Pictures of funnels; the results of the room show them by `plot`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from crmvalue._core.labels import also_equal, counted
from crmvalue._core.pictures.parts import (
    LONGEST_LABEL,
    Axis,
    Layer,
    Parts,
    apart,
    as_cells,
    cut,
    nothing,
    of_all,
    shown,
    shown_things,
    stretch,
)
from crmvalue.metrics import proportion_interval

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    import numpy.typing as npt

    from crmvalue._core.pictures.parts import Style
    from crmvalue.typing import Floats, Integers, Interval

__all__ = ["events_parts", "forecast_parts", "groups_parts", "stages_parts", "times_parts"]

_MOST_ROWS, _MOST_STEPS = 16, 14
_SAME = 1e-12


def stages_parts(stages: tuple[str, ...], counts: Integers, interval: Interval, weakest: int) -> Parts:
    """Draw the prospects at each stage, and the interval of those who come on at the rates found."""
    before = np.concatenate([[np.nan], counts[:-1]])
    low, high = (np.concatenate([[np.nan], np.asarray(end)]) * before for end in interval)
    rate = np.divide(counts[1:], counts[:-1], out=np.full(len(counts) - 1, np.nan), where=counts[:-1] > 0)
    texts = [f"{counts[0]:,}"]
    for share, count in zip(rate, counts[1:], strict=True):
        texts.append(f"{count:,}, {shown(share, 'share')} of those before" if np.isfinite(share) else f"{count:,}")
    n = len(stages)
    others, worst = counts.astype(np.float64), as_cells(n)
    title = f"Nobody was lost: all {counts[0]:,} reached {stages[-1]}"
    if counts[-1] < counts[0]:
        others[weakest + 1], worst[weakest + 1] = np.nan, counts[weakest + 1]
        rest, start, end = shown(rate[weakest], "share"), cut(stages[weakest]), cut(stages[weakest + 1])
        title = f"The weakest step: {rest} go on from {start} to {end}"
        title += also_equal(int((rate == rate[weakest]).sum()))
    ends = np.fmax(counts, high)
    weakest_bar = [Layer(mark="bar", x="weakest", y="stage", label="weakest step", style="action")]
    if counts[-1] == counts[0]:
        weakest_bar = []
    return Parts(
        title=title,
        x=Axis(title="Prospects at the stage", form="count", low=0, high=stretch(stages, texts) * float(ends.max())),
        y=Axis(title="", form="name"),
        columns={
            "stage": np.array(stages),
            "reached": others,
            "weakest": worst,
            "low": low,
            "high": high,
            "end": ends,
            "said": texts,
        },
        layers=[
            Layer(mark="bar", x="reached", y="stage", label="reached the stage"),
            *weakest_bar,
            Layer(mark="interval", y="stage", low="low", high="high", label="interval", style="second"),
            Layer(mark="text", x="end", y="stage", text="said"),
        ],
    )


def groups_parts(
    groups: tuple[str, ...], stages: tuple[str, ...], rate: Floats, interval: Interval, weakest: Sequence[int]
) -> Parts:
    """Draw the conversion of each step in each group, with its interval."""
    k = len(stages) - 1
    steps = [f"{group}: to {stage}" for group in groups for stage in stages[1:]]
    low, high = (np.asarray(end).ravel() for end in interval)
    flat = rate.ravel()
    is_weakest = (np.arange(k) == np.asarray(weakest)[:, np.newaxis]).ravel()
    overall = np.where(np.isnan(rate).any(axis=1), 0.0, np.prod(rate, axis=1))
    best = np.nonzero(overall >= overall.max() * (1 - _SAME))[0]
    kept = np.arange(len(steps)) if len(steps) <= _MOST_ROWS else np.nonzero(is_weakest)[0]
    if len(kept) > _MOST_ROWS:  # that of the group of the title and the weakest of all, in the order of the groups
        others = (kept // k != best[0]) if len(best) == 1 else np.zeros(len(kept), dtype=bool)
        first = np.lexsort((np.where(np.isnan(flat[kept]), np.inf, flat[kept]), others))[:_MOST_ROWS]
        kept = kept[np.sort(first)]
    rest = of_all(len(kept), len(steps), "steps, the weakest")
    title = f"{cut(groups[best[0]])} has the largest share of prospects who reach {cut(stages[-1])}"
    if overall.max() == 0:
        title = f"Nobody reached {cut(stages[-1])}"
    elif len(groups) == 1:
        title = f"{shown(overall[0], 'share')} of the prospects reach {cut(stages[-1])}"
    elif len(best) > 1:
        title = f"{len(best):,} groups have the same share of prospects who reach {cut(stages[-1])}, the largest"
    return Parts(
        title=title,
        x=Axis(title=f"Share that goes on to the stage{rest}", form="share", low=0, high=1),
        y=Axis(title="", form="name"),
        columns={
            "step": np.array(steps)[kept],
            "step_conversion": np.where(is_weakest, np.nan, flat)[kept],
            "weakest": np.where(is_weakest, flat, np.nan)[kept],
            "low": low[kept],
            "high": high[kept],
        },
        layers=[
            Layer(mark="interval", y="step", low="low", high="high", style="naive"),
            Layer(mark="points", x="step_conversion", y="step", label="step"),
            Layer(mark="points", x="weakest", y="step", label="weakest step of the group", style="action"),
        ],
    )


def events_parts(
    stages: tuple[str, ...], counts: tuple[Integers, Integers, Integers, Integers], *, has_window: bool
) -> Parts:
    """Draw what became of the attempts at each stage, of all groups together.

    `counts` are the attempts that went on, are lost and are open, and those whose window is over.
    """
    converted, lost, still_open, matured = (np.atleast_2d(column).sum(axis=0) for column in counts)
    n = int((converted + lost + still_open)[0])
    if not n:
        return nothing("No attempt has entered the funnel")
    share, interval = _shares(matured)
    known = np.isfinite(share)
    n_lost, n_open = int(lost.sum()), int(still_open.sum())
    title = f"Of {counted(n, 'attempt')}, {counted(n_lost, 'is', 'are')} lost so far, and {n_open:,} still open"
    if has_window and not known.any():
        are = "is" if n_open == 1 else "are"
        title = f"No window is over yet: {n_open:,} of {counted(n, 'attempt')} {are} still open"
    if has_window and matured[0] and matured[-1] == matured[0]:
        over = counted(int(matured[0]), "attempt")
        title = f"{'The' if matured[0] == 1 else 'All'} {over} whose window is over converted"
    elif has_window and known.any():
        weakest = int(np.nanargmin(share))
        rest, start, end = shown(share[weakest], "share"), cut(stages[weakest]), cut(stages[weakest + 1])
        title = f"The weakest step: {rest} go on from {start} to {end}"
        title += also_equal(int((share == share[weakest]).sum()))
    said = [f"{count:,}" for count in converted + lost + still_open]
    if has_window:
        for k in np.nonzero(known)[0]:
            low, high = (shown(end[k], "share").removesuffix(" %") for end in interval)
            said[k] += f": {shown(share[k], 'share')} go on ({low} to {high} %)"
    ends = np.cumsum([np.zeros(len(stages)), converted, lost, still_open], axis=0)
    columns: dict[str, npt.NDArray[np.generic]] = {"stage": np.array(stages)}
    layers = []
    kinds: tuple[tuple[str, str, Style], ...] = (
        ("converted", "went on, or arrived", "main"),
        ("lost", "lost", "second"),
        ("open", "open", "light"),
    )
    for (name, label, style), low, high in zip(kinds, ends[:-1], ends[1:], strict=True):
        columns |= {f"{name}_low": np.where(high > low, low, np.nan), f"{name}_high": high}
        if (high > low).any():
            sides = {"low": f"{name}_low", "high": f"{name}_high"}
            layers.append(Layer(mark="bar", y="stage", label=label, style=style, **sides))
    columns |= {"end": ends[-1], "said": np.array(said)}
    layers.append(Layer(mark="text", x="end", y="stage", text="said"))
    return Parts(
        title=title,
        x=Axis(
            title="Attempts that reached the stage",
            form="count",
            low=0,
            high=stretch(stages, said) * float(ends[-1].max()),
        ),
        y=Axis(title="", form="name"),
        columns=columns,
        layers=layers,
    )


def _shares(matured: Integers) -> tuple[Floats, tuple[Floats, Floats]]:
    """Give the share of each stage that reached the next, and its interval; NaN where nobody reached the stage."""
    before, after = matured[:-1], matured[1:]
    share, low, high = np.full((3, len(before)), np.nan)
    known = before > 0
    if known.any():
        share[known] = after[known] / before[known]
        low[known], high[known] = proportion_interval(after[known], before[known])
    return share, (low, high)


@np.errstate(under="ignore")
def forecast_parts(
    n_deals: Integers, n_won: Integers, expected: Floats, interval: Interval, off: Collection[str]
) -> Parts:
    """Draw the share of won deals by their forecast, beside the line on which both are equal.

    `off` names what chance does not explain: the "total" of won deals, the "single" probabilities, or the "money".
    """
    used = np.nonzero(n_deals)[0]
    if not len(used):
        return nothing("No deal is closed yet")
    won, promised = int(n_won.sum()), float(expected.sum())
    counts = f"expected {shown(promised)}, won {won:,}"
    title = f"Nothing shows that the forecasts of deals are wrong: {counts}"
    if "single" in off:
        title = f"The number of won deals fits, the single forecasts do not: {counts}"
    elif "money" in off:
        title = f"The number of won deals fits, their money does not: {counts}"
    if "total" in off:
        title = f"The forecasts promise too {'many' if promised > won else 'few'} deals: {counts}"
    forecast = expected[used] / n_deals[used]
    low, high = (np.asarray(end)[used] for end in interval)
    return Parts(
        title=title,
        x=Axis(title="Mean forecast of the deals", form="share", low=0, high=1),
        y=Axis(title="Share that was won", form="share", low=0, high=1.02),
        columns={
            "forecast": forecast,
            "won": n_won[used] / n_deals[used],
            "low": low,
            "high": high,
        },
        layers=[
            Layer(mark="line", x="forecast", y="forecast", label="as forecast", style="naive"),
            Layer(mark="interval", x="forecast", low="low", high="high"),
            Layer(mark="points", x="forecast", y="won", label="won deals and interval"),
        ],
    )


def times_parts(steps: tuple[str, ...], prob: Floats, days: Floats, counts: tuple[Integers, Integers]) -> Parts:
    """Draw the days by which half of the attempts went on, from which to which quantile, for each step and for all.

    `days` has a row for each step and one for the way from entry to the last stage; `counts` are the attempts at each
    step that went on, and those that did not.
    """
    order = np.argsort(prob, kind="stable")
    share, days = prob[order], days[:, order]
    middle = int(np.argmin(np.abs(share - 0.5)))
    first, usual, last = days[:, 0], days[:, middle], days[:, -1]
    moved, stayed = counts
    n_on, n_at = np.append(moved, moved[-1]), np.append(moved + stayed, moved[0] + stayed[0])
    if not n_at.any():
        return nothing("No attempt has entered the funnel")
    part = "half" if abs(share[middle] - 0.5) < _SAME else shown(share[middle], "share")
    length = np.where(n_at[:-1] > 0, usual[:-1], -1.0)
    slowest = int(np.argmax(length))
    title = f"The longest step, {cut(steps[slowest])}: {part} went on within {shown_things(usual[slowest], 'day')}"
    if not np.isfinite(usual[slowest]):
        title = f"Fewer than {part} were seen to go on from {cut(steps[slowest], 2 * LONGEST_LABEL)}"
    title += also_equal(int((length == length[slowest]).sum()))
    kept = np.arange(len(steps))
    if len(steps) > _MOST_STEPS:
        kept = np.sort(np.append(np.argsort(-length, kind="stable")[: _MOST_STEPS - 1], len(steps) - 1))
    rest = of_all(len(kept) - 1, len(steps) - 1, "steps, the longest")
    finite = days[kept][np.isfinite(days[kept])]
    end = 1.15 * float(finite.max(initial=0.0)) or 1.0
    ends = np.where(np.isfinite(first), np.minimum(last, end), np.nan)[kept]  # what was not seen goes to the edge
    said = []
    for k in kept:
        seen = shown_things(usual[k], "day") if np.isfinite(usual[k]) else "not seen"
        said.append(f"{seen}; {n_on[k]:,} of {n_at[k]:,} went on")
    labels = apart(np.array(steps)[kept].tolist())
    wide = stretch(labels, said) * end
    layers = [
        Layer(mark="points", x="days", y="step", label=f"{part} went on"),
        Layer(mark="text", x="end", y="step", text="said"),
    ]
    if len(share) > 1:
        word = f"from {shown(share[0], 'share')} to {shown(share[-1], 'share')}; to the edge: not seen"
        word = word if np.isinf(days[kept]).any() else word.split(";", maxsplit=1)[0]
        layers.insert(0, Layer(mark="interval", y="step", low="low", high="high", label=word))
    return Parts(
        title=title,
        x=Axis(title=f"Days{rest}", low=0, high=wide),
        y=Axis(title="", form="name"),
        columns={
            "step": np.array(labels),
            "days": np.where(np.isfinite(usual), usual, np.nan)[kept],
            "low": np.where(np.isfinite(first), first, np.nan)[kept],
            "high": ends,
            "end": np.fmax(np.nan_to_num(ends), np.where(np.isfinite(usual), usual, 0.0)[kept]) + 0.012 * wide,
            "said": np.array(said),
        },
        layers=layers,
    )
