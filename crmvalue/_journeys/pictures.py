"""Pictures of plans and cascades; the results of the room show them by `plot`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from crmvalue._core.pictures.parts import Axis, Layer, Parts, as_cells, shown

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue.typing import Dates, Floats, Integers

__all__ = ["last_step_parts", "plan_parts", "steps_parts"]


def plan_parts(run: Dates, decision: npt.NDArray[np.str_]) -> Parts:
    """Draw the messages of each day by what became of them: sent, held back for the main reason, for others."""
    if not len(run):
        return _nothing("No message is due")
    days, day = np.unique(run.astype("datetime64[D]"), return_inverse=True)
    sent = decision == "send"
    words, counts = np.unique(decision[~sent], return_counts=True)
    title = f"All {len(decision):,} messages are sent"
    reason = ""
    if words.size:
        reason = str(words[counts.argmax()])
        title = f"{sent.sum():,} of {len(decision):,} messages are sent; the main reason against: {_plain(reason)}"
    kinds = [sent, decision == reason, ~sent & (decision != reason)]
    heights = [np.bincount(day[kind], minlength=len(days)).astype(np.float64) for kind in kinds]
    ends = np.cumsum([np.zeros(len(days)), *heights], axis=0)
    names = ("sent", "held", "other")
    columns: dict[str, npt.NDArray[np.generic]] = {"day": days}
    for name, low, high in zip(names, ends[:-1], ends[1:], strict=True):
        columns |= {f"{name}_low": np.where(high > low, low, np.nan), f"{name}_high": high}
    labels = {"sent": "sent", "held": _plain(reason), "other": "other reasons"}
    styles = {"sent": "main", "held": "second", "other": "quiet"}
    layers = [
        Layer(mark="bar", x="day", low=f"{name}_low", high=f"{name}_high", label=labels[name], style=styles[name])  # type: ignore[arg-type]  # these are styles
        for name, height in zip(names, heights, strict=True)
        if height.any()
    ]
    return Parts(
        title=title,
        x=Axis(title="Day of the run", form="date"),
        y=Axis(title="Messages looked at", form="count", low=0),
        columns=columns,
        layers=layers,
    )


def _nothing(title: str) -> Parts:
    """Draw that there is nothing to draw."""
    axis = Axis(title="")
    columns = {"x": np.zeros(1), "y": np.zeros(1), "said": ["nothing to draw"]}
    return Parts(title=title, x=axis, y=axis, columns=columns, layers=[Layer(mark="text", x="x", y="y", text="said")])


def _plain(word: str) -> str:
    return word.replace("_", " ")


def steps_parts(gain: Floats, n_paying: Integers) -> Parts:
    """Draw what each step earns if all get it and if only those get it for whom it pays."""
    table = gain.reshape(-1, gain.shape[-1]) if gain.ndim else gain.reshape(1, 1)
    k = table.shape[1]
    for_all, for_some = table.sum(axis=0), np.maximum(table, 0.0).sum(axis=0)
    losing = np.nonzero(for_all <= 0)[0]
    title = "Each step earns more than it costs"
    if losing.size:
        title = f"Step {losing[0] + 1} loses {shown(-for_all[losing[0]], 'money')} if all customers get it"
    n = len(table)
    return Parts(
        title=title,
        x=Axis(title=f"Step of the cascade: for how many of {n:,} customers it pays", form="name"),
        y=Axis(title="Gain over no offer [money]", form="money"),
        columns={
            "step": [f"{step + 1}: {count:,}" for step, count in enumerate(np.ravel(n_paying))],
            "gain_for_all": for_all,
            "gain_where_it_pays": for_some,
            "nothing": np.zeros(k),
        },
        layers=[
            Layer(mark="bar", x="step", y="gain_for_all", label="all get the offer"),
            Layer(mark="points", x="step", y="gain_where_it_pays", label="only where it pays", style="second"),
            Layer(mark="rule", y="nothing", style="naive"),
        ],
    )


def last_step_parts(gain_by_last_step: Floats) -> Parts:
    """Draw the gain of a cascade that ends after each number of steps, for all customers together."""
    width = gain_by_last_step.shape[-1]
    total = gain_by_last_step.reshape(-1, width).sum(axis=0)
    best = int(total.argmax())
    title = f"For all customers together, stop after step {best}" if best else "No step pays for all customers together"
    if 0 < best == width - 1:
        title = "For all customers together, each step adds to the gain"
    steps = np.arange(width)
    return Parts(
        title=title,
        x=Axis(title="Last step of the cascade", form="count"),
        y=Axis(title="Gain over no offer [money]", form="money", high=1.12 * float(total.max()) or None),
        columns={
            "last_step": steps,
            "gain": total,
            "best_last_step": as_cells(width, float(best)),
            "said": as_cells(width, f"stop after {best}" if best else "make no offer"),
        },
        layers=[
            Layer(mark="line", x="last_step", y="gain"),
            Layer(mark="points", x="last_step", y="gain"),
            Layer(mark="rule", x="best_last_step", text="said", style="action"),
        ],
    )
