"""Pictures of plans and cascades; the results of the room show them by `plot`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from crmvalue._core.labels import also_equal, counted
from crmvalue._core.pictures.parts import Axis, Layer, Parts, as_cells, evenly, nothing, of_all, shown
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt

    from crmvalue.typing import Dates, Floats, Integers

__all__ = ["last_step_parts", "plan_parts", "steps_parts"]

_MOST_STEPS, _MOST_LAST, _MOST_DAYS = 20, 60, 45


def plan_parts(run: Dates, decision: npt.NDArray[np.str_], words: Iterable[str]) -> Parts:
    """Draw the messages of each day by what became of them: sent, held back for the main reason, for others.

    Of runs on many days, each month or year is drawn.
    """
    if not len(run):
        return nothing("No message is due")
    unit, days, day = _days_or_longer(run)
    words = [word for word in words if word != "send"]
    sent = decision == "send"
    n_by_word = [np.count_nonzero(decision == word) for word in words]
    n, n_sent = len(decision), int(np.count_nonzero(sent))
    title, reason = f"All {n:,} messages are sent" if n > 1 else "The one message is sent", ""
    if n_sent < n:
        reason = words[int(np.argmax(n_by_word))]
        are = "is" if n_sent == 1 else "are"
        title = f"{n_sent:,} of {counted(n, 'message')} {are} sent; the main reason against: {_plain(reason)}"
        title += also_equal(n_by_word.count(max(n_by_word)))
    held = decision == reason
    heights = [np.bincount(day[kind], minlength=len(days)).astype(np.float64) for kind in (sent, held, ~(sent | held))]
    ends = np.cumsum([np.zeros(len(days)), *heights], axis=0)
    names = ("sent", "held", "other")
    columns: dict[str, npt.NDArray[np.generic]] = {unit: days if unit == "day" else days.astype(str)}
    for name, low, high in zip(names, ends[:-1], ends[1:], strict=True):
        columns |= {f"{name}_low": np.where(high > low, low, np.nan), f"{name}_high": high}
    labels = {"sent": "sent", "held": _plain(reason), "other": "other reasons"}
    styles = {"sent": "main", "held": "second", "other": "light"}
    layers = [
        Layer(mark="bar", x=unit, low=f"{name}_low", high=f"{name}_high", label=labels[name], style=styles[name])  # type: ignore[arg-type]  # these are styles
        for name, height in zip(names, heights, strict=True)
        if height.any()
    ]
    return Parts(
        title=title,
        x=Axis(title=f"{unit.capitalize()} of the run", form="date" if unit == "day" else "name"),
        y=Axis(title="Messages looked at", form="count", low=0),
        columns=columns,
        layers=layers,
    )


def _days_or_longer(run: Dates) -> tuple[str, Dates, Integers]:
    """Give the days of the runs, the months where these are many, the years where those are; and the place of each."""
    for unit in ("day", "month", "year"):
        number = run.astype(f"datetime64[{unit[0].upper()}]").astype(np.int64)
        first = int(number.min())
        place = number - first
        used = np.nonzero(np.bincount(place))[0]
        if len(used) <= _MOST_DAYS:
            break
    row = np.zeros(int(used[-1]) + 1, dtype=np.int64)
    row[used] = np.arange(len(used))
    return unit, (used + first).astype(f"datetime64[{unit[0].upper()}]"), row[place]


def _plain(word: str) -> str:
    return word.replace("_", " ")


def steps_parts(gain: Floats, n_paying: Integers) -> Parts:
    """Draw what each step earns if all get it and if only those get it for whom it pays."""
    if gain.ndim and not gain.shape[-1]:
        raise InputError("gain", "of at least one step, for a picture", gain.shape)
    table = gain.reshape(-1, gain.shape[-1]) if gain.ndim else gain.reshape(1, 1)
    for_all, for_some = table.sum(axis=0), np.maximum(table, 0.0).sum(axis=0)
    losing = np.nonzero(for_all <= 0)[0]
    title = "Each step earns more than it costs"
    if losing.size:
        lost = float(-for_all[losing[0]])
        loses = f"loses {shown(lost, 'money')}" if lost > 0 else "earns nothing"
        title = f"Step {losing[0] + 1} {loses} if all customers get it"
    n = len(table)
    kept = np.union1d(evenly(len(for_all), _MOST_STEPS), losing[:1])  # the step of the title is drawn in any case
    rest = of_all(len(kept), len(for_all), "steps")
    counts = np.ravel(n_paying)
    return Parts(
        title=title,
        x=Axis(
            title=f"Step{'' if rest else ' of the cascade'}: for how many of {counted(n, 'customer')} it pays{rest}",
            form="name",
        ),
        y=Axis(title="Gain over no offer [money]", form="money"),
        columns={
            "step": [f"{step + 1}: {counts[step]:,}" for step in kept],
            "gain_for_all": for_all[kept],
            "gain_where_it_pays": for_some[kept],
            "nothing": np.zeros(len(kept)),
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
        title = f"For all customers together, go on to the last step, {best}"
        if (np.diff(total) > 0).all():
            title = "For all customers together, each step adds to the gain"
    steps = np.union1d(evenly(width, _MOST_LAST), [best])
    at = int(np.searchsorted(steps, best))
    return Parts(
        title=title,
        x=Axis(title="Last step of the cascade", form="count"),
        y=Axis(title="Gain over no offer [money]", form="money", high=1.12 * float(total.max()) or None),
        columns={
            "last_step": steps,
            "gain": total[steps],
            "best_last_step": as_cells(len(steps), float(best), at=at),
            "said": as_cells(len(steps), f"stop after {best}" if best else "make no offer", at=at),
        },
        layers=[
            Layer(mark="line", x="last_step", y="gain"),
            Layer(mark="points", x="last_step", y="gain"),
            Layer(mark="rule", x="best_last_step", text="said", style="action"),
        ],
    )
