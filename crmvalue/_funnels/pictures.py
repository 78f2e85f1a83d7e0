"""Pictures of funnels; the results of the room show them by `plot`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from crmvalue._core.pictures.parts import Axis, Layer, Parts, as_cells, cut, shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crmvalue.typing import Floats, Integers, Interval

__all__ = ["groups_parts", "stages_parts"]

_MOST_ROWS = 24


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
    ends = np.fmax(counts, high)
    weakest_bar = [Layer(mark="bar", x="weakest", y="stage", label="weakest step", style="action")]
    if counts[-1] == counts[0]:
        weakest_bar = []
    return Parts(
        title=title,
        x=Axis(title="Prospects at the stage", form="count", low=0, high=1.6 * float(ends.max())),
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
    kept = slice(None) if len(steps) <= _MOST_ROWS else is_weakest
    best = int(np.nanargmax(np.where(np.isnan(rate).any(axis=1), -1, np.prod(rate, axis=1))))
    return Parts(
        title=f"{cut(groups[best])} brings the largest share of its prospects to {cut(stages[-1])}",
        x=Axis(title="Share that goes on to the stage", form="share", low=0, high=1),
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
