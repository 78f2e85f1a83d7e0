"""Pictures of a loyalty programme; the results of the room show them by `plot`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from crmvalue._core.pictures.effects import effect_parts
from crmvalue._core.pictures.parts import Axis, Layer, Parts, evenly, nothing, shown

if TYPE_CHECKING:
    from crmvalue.typing import Dates, Floats, Interval

__all__ = ["costs_parts", "liability_parts", "matched_parts"]

_MOST_DATES, _MOST_MONTHS = 10, 12


def liability_parts(points: float, liability: Floats) -> Parts:
    """Draw what is owed for points at each reporting date, and at some of many."""
    owed = np.array([points, *liability])
    n = len(owed)
    share = f"{shown(owed[-1] / points, 'share')} of the money for points" if points > 0 else "Nothing"
    kept = evenly(n, _MOST_DATES)
    return Parts(
        title=f"{share} is still owed after {n - 1} reporting {'date' if n == 2 else 'dates'}",
        x=Axis(title="Reporting date; 0 is the sale", form="name"),
        y=Axis(title="Owed for points [money]", form="money"),
        columns={
            "reporting_date": kept.astype(str),
            "liability": owed[kept],
            "amount": [shown(amount, "money") for amount in owed[kept]],
        },
        layers=[
            Layer(mark="bar", x="reporting_date", y="liability"),
            Layer(mark="text", x="reporting_date", y="liability", text="amount"),
        ],
    )


def costs_parts(month: Dates, cost: Floats, liability_change: Floats, spend: Floats | None) -> Parts:
    """Draw the cost of the programme by month, and by year where there are many months."""
    n = len(month)
    if not n:
        return nothing("The programme has no month yet")
    total = float(cost.sum())
    title = f"The programme has cost {shown(total, 'money')} in {n} {'month' if n == 1 else 'months'}"
    if spend is not None and spend.sum() > 0:
        title = f"The programme costs {shown(total / float(spend.sum()), 'share')} of the money of the orders"
    unit = "month" if n <= _MOST_MONTHS else "year"
    names, place = np.unique(month.astype(f"datetime64[{unit[0].upper()}]"), return_inverse=True)
    kept = slice(-_MOST_MONTHS, None)
    costs, changes = (np.bincount(place, column)[kept] for column in (cost, liability_change))
    return Parts(
        title=title,
        x=Axis(title=unit.capitalize(), form="name"),
        y=Axis(title="Cost [minor units of the currency]", form="money"),
        columns={
            unit: names[kept].astype(str),
            "cost": costs,
            "redeemed": costs - changes,
            "nothing": np.zeros(len(costs)),
        },
        layers=[
            Layer(mark="bar", x=unit, y="cost", label="cost: redeemed points and change of what is owed"),
            Layer(mark="points", x=unit, y="redeemed", label="redeemed points alone", style="second"),
            Layer(mark="rule", y="nothing", style="naive"),
        ],
    )


def matched_parts(
    found: tuple[float, Interval], naive: tuple[float, Interval], *, who: str, others: str, basis: str, unit: str
) -> Parts:
    """Draw a difference after matching beside that of all; `basis` says in what the matched customers are alike."""
    difference, (low, high) = found
    title = f"No difference is shown between {who.lower()} and {others} {basis}"
    if low > 0 or high < 0:
        word = "more" if low > 0 else "less"
        title = f"{who} have {shown(abs(difference))} {word} than {others} {basis}"
    return effect_parts(
        title,
        f"{who} less {others} [{unit}]",
        {f"{others} alike": found},
        {f"all {others}": naive},
    )
