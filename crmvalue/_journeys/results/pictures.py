"""Pictures of what messages brought; the results of the room show them by `plot`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from crmvalue._core.comparisons import leaders
from crmvalue._core.labels import also_equal
from crmvalue._core.pictures.effects import effect_parts
from crmvalue._core.pictures.parts import Axis, Layer, Parts, as_cells, cut, nothing, of_all, shown

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue.typing import Floats, Interval

__all__ = ["observed_parts", "rank_parts", "results_parts"]

_MOST = 15


def results_parts(
    label: npt.NDArray[np.str_],
    what: str,
    credited: tuple[Floats, Interval],
    added: tuple[Floats, Interval],
    is_shown: npt.NDArray[np.bool_],
) -> Parts:
    """Draw the revenue of each row: what was credited to it, and what the control group shows that it added.

    Without a control group anywhere, the credited revenue stands alone, with its interval. `is_shown` says
    which rows are shown to have an effect; the title names no other.
    """
    if not len(label):
        return nothing("No message was looked at")
    is_compared = bool(np.isfinite(added[0]).any())
    revenue, interval = added if is_compared else credited
    low, high = map(np.asarray, interval)
    order = np.argsort(-np.where(np.isfinite(revenue), revenue, -np.inf), kind="stable")[:_MOST]
    best = int(np.argmax(np.where(is_shown, low, -np.inf)))
    worst = int(np.argmin(np.where(is_shown, high, np.inf)))
    gains, costs = (bool(is_compared and is_shown.any() and x) for x in (low[best] > 0, high[worst] < 0))
    named = best if gains else worst if costs else order[0]
    if named not in order:
        order[-1] = named  # of many rows, the one that the title names is drawn in any case
    names, value = label[order], revenue[order]
    known = [np.where(np.isfinite(end), end, np.nan)[order] for end in (low, high)]
    columns = {"label": names, "revenue": value, "low": known[0], "high": known[1]}
    layers = [
        Layer(mark="interval", y="label", low="low", high="high"),
        Layer(mark="points", x="revenue", y="label", label="added, by the control group" if is_compared else ""),
    ]
    if not is_compared:
        title = "No order follows a message"
        if value[0] > 0:
            most = shown(value[0], "money") + also_equal(len(leaders(value)))
            title = f"{cut(names[0])} is followed by most revenue: {most}; only a control group shows what it added"
        return _revenue(title, columns, layers, len(label))
    columns |= {"credited": credited[0][order], "nothing": as_cells(len(order), 0.0)}
    layers = [
        Layer(mark="rule", x="nothing", style="naive"),
        *layers,
        Layer(mark="points", x="credited", y="label", label="credited: orders after a message", style="naive"),
    ]
    title = f"No {what} is shown to add revenue"
    if gains:
        added_by = f"{cut(label[best])} has added {shown(revenue[best], 'money')}"
        title = f"{added_by} of revenue, at least {shown(low[best], 'money')}"
    elif costs:
        title = f"{cut(label[worst])} has cost {shown(-revenue[worst], 'money')} of revenue"
    return _revenue(title, columns, layers, len(label))


def _revenue(title: str, columns: dict[str, npt.NDArray[np.generic]], layers: list[Layer], n_rows: int) -> Parts:
    is_empty = not np.any([np.nan_to_num(column) for name, column in columns.items() if name != "label"])
    rest = of_all(len(columns["label"]), n_rows, "rows")
    axis = Axis(title=f"Revenue [money]{rest}", form="money", low=0 if is_empty else None, high=1 if is_empty else None)
    return Parts(title=title, x=axis, y=Axis(title="", form="name"), columns=columns, layers=layers)


def rank_parts(label: npt.NDArray[np.str_], prob_best: Floats, prob_top: Floats, top: int, rank_by: str) -> Parts:
    """Draw how probable it is that each row is the best, and among the best."""
    if not len(label):
        return nothing("No row has both a known figure and a known error")
    order = np.arange(min(len(label), _MOST))
    if int(prob_best.argmax()) not in order:
        order[-1] = prob_best.argmax()  # of many rows, the one that the title names is drawn in any case
    names, first, among = label[order], prob_best[order], prob_top[order]
    best = int(first.argmax())
    figure = rank_by.replace("_", " ")
    sure = shown(first[best], "share")
    layers = [Layer(mark="bar", x="prob_best", y="label", label="the best")]
    if top > 1:
        layers.append(Layer(mark="points", x="prob_top", y="label", label=f"among the best {top}", style="second"))
    return Parts(
        title=f"{cut(names[best])} is the best by {figure} with a probability of {sure}",
        x=Axis(title=f"Probability{of_all(len(names), len(label), 'rows')}", form="share", low=0, high=1.04),
        y=Axis(title="", form="name"),
        columns={"label": names, "prob_best": first, "prob_top": among},
        layers=layers,
    )


def observed_parts(
    found: tuple[float, Interval],
    in_differences: tuple[float, Interval],
    naive: tuple[float, Interval],
    *,
    is_balanced: bool,
) -> Parts:
    """Draw the effect of a campaign without a control group, by three ways to compare."""
    effect, (low, high) = found
    title = "No effect of the campaign is shown against others like them"
    if low > 0 or high < 0:
        word = "more" if low > 0 else "less"
        title = f"Customers who got the campaign have {shown(abs(effect))} {word} than others like them"
    if not is_balanced:
        title = "The groups are not alike even after weighting: do not build on this figure"
    return effect_parts(
        title,
        "Difference of a customer [unit of the outcome]",
        {"others who were as likely": found, "rise since before": in_differences},
        {"all others": naive},
    )
