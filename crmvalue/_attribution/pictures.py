"""Pictures of channels; the results of the room show them by `plot`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from crmvalue._core.comparisons import just_below, leaders
from crmvalue._core.labels import also_equal, counted
from crmvalue._core.pictures.parts import Axis, Layer, Parts, cut, of_all, shown

if TYPE_CHECKING:
    from crmvalue.typing import Floats, Integers

__all__ = ["costs_parts", "credit_parts", "returns_parts"]

_MOST = 15


def credit_parts(channels: tuple[str, ...], credit: Floats, n_touches: Integers, *, is_money: bool) -> Parts:
    """Draw the credit of each channel beside its share of the touches."""
    order = np.argsort(-credit, kind="stable")[:_MOST]
    total, touches = float(credit.sum()), int(n_touches.sum())
    what, rest = "money" if is_money else "conversions", of_all(len(order), len(channels), "channels")
    title = f"No {what} to share out"
    if total > 0:
        title = f"{cut(channels[order[0]])} gets {shown(credit[order[0]] / total, 'share')} of the {what}"
        title += also_equal(len(leaders(credit)))
    naive = n_touches[order] / touches * total if touches else np.full(len(order), np.nan)
    return Parts(
        title=title,
        x=Axis(title=f"Credit [{what}]{rest}", form="money" if is_money else "number", low=0),
        y=Axis(title="", form="name"),
        columns={"channel": np.array(channels)[order], "credit": credit[order], "by_touches": naive},
        layers=[
            Layer(mark="bar", x="credit", y="channel", label="credit"),
            Layer(mark="points", x="by_touches", y="channel", label="if each touch counted the same", style="naive"),
        ],
    )


def returns_parts(channels: tuple[str, ...], cost: Floats, value: Floats) -> Parts:
    """Draw what each channel brings in beside what it costs."""
    is_even = (value >= just_below(cost)) & (cost >= just_below(value))  # thirds of 0.01 sum to a little less
    net = np.where(is_even, 0.0, value - cost)
    order = np.argsort(-net, kind="stable")[:_MOST]
    n_losing, rest = int((net < 0).sum()), of_all(len(order), len(channels), "channels")
    if n_losing and int(net.argmin()) not in order:
        order[-1] = net.argmin()  # of many channels, the one that the title names is drawn in any case
    best = cut(channels[order[0]]) if channels else ""
    more = f"{shown(net.max(initial=0.0), 'money')} more than its cost"
    n_best = len(leaders(net, size=float(max(cost.max(initial=0.0), value.max(initial=0.0)))))
    title = f"By credit, {best} earns most: {more}"
    if n_best > 1:
        title = f"By credit, {n_best:,} channels earn the same, the most: each {more}"
    if len(channels) == 1:
        title = f"By credit, {best} earns {more}"
    if not n_losing and net.max(initial=0.0) <= 0:
        title = "By credit, no channel brings more than its cost"
    if n_losing:
        name = cut(channels[int(net.argmin())])
        others = "" if n_losing == 1 else f", as {n_losing - 1} more do" if n_losing > 2 else ", as one more does"
        title = f"By credit, {name} costs {shown(-net.min(), 'money')} more than it brings{others}"
    return Parts(
        title=title,
        x=Axis(title=f"Credited money, and cost [money]{rest}", form="money", low=0),
        y=Axis(title="", form="name"),
        columns={"channel": np.array(channels)[order], "value_credit": value[order], "cost": cost[order]},
        layers=[
            Layer(mark="bar", x="value_credit", y="channel", label="brings"),
            Layer(mark="points", x="cost", y="channel", label="costs", style="second"),
        ],
    )


def costs_parts(channels: tuple[str, ...], acquisition_cost: Floats) -> Parts:
    """Draw the cost of a conversion by each channel, the cheapest first."""
    known = np.nonzero(np.isfinite(acquisition_cost))[0]
    order = known[np.argsort(acquisition_cost[known], kind="stable")][:_MOST]
    title = "No channel has conversions to its credit"
    if len(order):
        best, least = cut(channels[order[0]]), f"{shown(acquisition_cost[order[0]], 'money')} for a conversion"
        n_best = len(leaders(-acquisition_cost[known]))
        title = (
            f"{best} costs least: {least}" if n_best == 1 else f"{n_best:,} channels cost the same, the least: {least}"
        )
        if len(known) == 1:
            title = f"{best} costs {least}"
    rest, without = of_all(len(order), len(known), "channels"), len(channels) - len(known)
    rest += f"; {counted(without, 'has', 'have')} none" if without else ""
    return Parts(
        title=title,
        x=Axis(title=f"Cost of a conversion [money]{rest}", form="money", low=0),
        y=Axis(title="", form="name"),
        columns={"channel": np.array(channels, dtype=np.str_)[order], "acquisition_cost": acquisition_cost[order]},
        layers=[Layer(mark="bar", x="acquisition_cost", y="channel")],
    )
