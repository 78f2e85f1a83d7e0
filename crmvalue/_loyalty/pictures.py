"""Pictures of a loyalty programme; the results of the room show them by `plot`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from crmvalue._core.pictures.effects import effect_parts
from crmvalue._core.pictures.parts import Axis, Layer, Parts, evenly, nothing, of_all, shown

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue.typing import Dates, Floats, Integers, Interval

__all__ = ["costs_parts", "liability_parts", "matched_parts", "rates_parts", "simulation_parts"]

_MOST_DATES, _MOST_MONTHS, _MOST_SIMULATED, _MOST_PERIODS = 10, 12, 24, 18


@np.errstate(under="ignore")
def liability_parts(points: float, liability: Floats) -> Parts:
    """Draw what is owed for points at each reporting date, and at some of many."""
    owed = np.array([points, *liability])
    n = len(owed)
    share = f"{shown(owed[-1] / points, 'share')} of the money for points" if points > 0 else "Nothing"
    kept = evenly(n, _MOST_DATES)
    return Parts(
        title=f"{share} is still owed after {n - 1:,} reporting {'date' if n == 2 else 'dates'}",
        x=Axis(title=f"Reporting date; 0 is the sale{of_all(len(kept), n, 'dates')}", form="name"),
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
    title = f"The programme has cost {shown(total, 'money')} minor units in {n} {'month' if n == 1 else 'months'}"
    if spend is not None and spend.sum() > 0:
        title = f"The programme costs {shown(total / float(spend.sum()), 'share')} of the money of the orders"
    unit, names, n_units, (costs, changes) = _by_time(month, cost, liability_change)
    return Parts(
        title=title,
        x=Axis(title=f"{unit.capitalize()}{_last(names, n_units, unit)}", form="name"),
        y=Axis(title="Cost [minor units of the currency]", form="money"),
        columns={
            unit: names,
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


def _by_time(
    month: Dates, *columns: Floats, most: int = _MOST_MONTHS
) -> tuple[str, npt.NDArray[np.str_], int, list[Floats]]:
    """Sum up columns by month, or by year where there are many: the unit, its last names, their number, the sums."""
    unit = "month" if len(month) <= most else "year"
    names, place = np.unique(month.astype(f"datetime64[{unit[0].upper()}]"), return_inverse=True)
    kept = slice(-most, None)
    sums = [np.bincount(place, column)[kept].astype(np.float64) for column in columns]
    return unit, names[kept].astype(str), len(names), sums


def _last(names: npt.NDArray[np.str_], n: int, unit: str) -> str:
    """Say behind the title of an axis that only the last ones are drawn."""
    return of_all(len(names), n, f"{unit}s, the last")


def simulation_parts(month: Dates, cost: Floats, points: Integers, totals: tuple[float, float, float]) -> Parts:
    """Draw what the points of each month would have cost, beside the cost if each of them were redeemed.

    `totals` are the expected cost, the cost if all points were redeemed, and the money of all orders.
    """
    if not len(month):
        return nothing("No month has an order")
    expected, whole, spend = totals
    sums = [shown(amount, "money") for amount in (expected, whole)]
    title = f"The points would have cost {sums[0]} minor units, and {sums[1]} if all were redeemed"
    if spend > 0:
        shares = [shown(amount / spend, "share") for amount in (expected, whole)]
        title = f"The points would have cost {shares[0]} of the money of the orders, {shares[1]} if all were redeemed"
    n_points = float(points.sum())
    value = whole / n_points if n_points > 0 else 0.0
    unit, names, n_units, (costs, most) = _by_time(month, cost, value * points.astype(np.float64), most=_MOST_SIMULATED)
    return Parts(
        title=title,
        x=Axis(title=f"{unit.capitalize()} of the order{_last(names, n_units, unit)}", form="name"),
        y=Axis(title="Cost [minor units]", form="money", low=0),
        columns={unit: names, "cost": costs, "cost_if_all_redeemed": most},
        layers=[
            Layer(mark="bar", x=unit, y="cost", label="expected cost of its points"),
            Layer(mark="points", x=unit, y="cost_if_all_redeemed", label="if all were redeemed", style="naive"),
        ],
    )


def rates_parts(
    period: Dates, counts: tuple[Integers, Integers, Integers], rate: Floats, ends: tuple[Floats, Floats]
) -> Parts:
    """Draw the share of the points of each period that is spent, and that is expired, beside the share of all points.

    `counts` are the points that were issued, redeemed and expired.
    """
    issued, redeemed, expired = (column.astype(np.float64) for column in counts)
    if not issued.sum() > 0:
        return nothing("No points were issued")
    is_used = (issued > 0) & (redeemed + expired >= issued)
    ran_out = period[is_used & (expired > 0)]  # points that are all spent may have been spent early
    is_over = is_used & (period <= ran_out.max()) if len(ran_out) else np.zeros(len(period), dtype=bool)
    part = float(redeemed.sum() / issued.sum())
    title = f"{shown(part, 'share')} of all points are redeemed so far; the time of no period is over"
    if is_over.any():
        done = float(redeemed[is_over].sum() / issued[is_over].sum())
        title = f"Of the points whose time is over, {shown(done, 'share')} were redeemed"
        title += f"; of all points {shown(part, 'share')} so far" if not is_over.all() else ""
    gone = np.divide(expired, issued, out=np.full(len(period), np.nan), where=(issued > 0) & (expired > 0))
    is_yearly = len(period) > 1 and bool((period == period.astype("datetime64[Y]")).all())
    unit = "year" if is_yearly else "month"
    kept = slice(-_MOST_PERIODS, None)
    n = len(period)
    columns = {
        unit: period.astype(f"datetime64[{unit[0].upper()}]")[kept].astype(str),
        "rate": rate[kept],
        "expired_low": np.where(np.isnan(gone), np.nan, rate)[kept],
        "expired_high": (rate + gone)[kept],
        "low": np.where(np.isfinite(ends[0]), ends[0], np.nan)[kept],
        "high": np.where(np.isfinite(ends[1]), ends[1], np.nan)[kept],
        "all_points": np.full(n, part)[kept],
    }
    layers = [
        Layer(mark="bar", x=unit, y="rate", label="redeemed"),
        Layer(mark="bar", x=unit, low="expired_low", high="expired_high", label="expired", style="light"),
        Layer(mark="interval", x=unit, low="low", high="high", label="interval of redeemed", style="second"),
        Layer(mark="line", x=unit, y="all_points", label="all points together", style="naive"),
    ]
    last = f", the last {_MOST_PERIODS} of {n:,}" if n > _MOST_PERIODS else ""
    return Parts(
        title=title,
        x=Axis(title=f"{unit.capitalize()} of issue{last}", form="name"),
        y=Axis(title="Share of its points", form="share", low=0),
        columns=columns,
        layers=[layer for layer in layers if np.isfinite(columns[layer.y or layer.high]).any()],
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
