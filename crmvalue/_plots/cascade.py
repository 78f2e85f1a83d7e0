"""A cascade on a time axis, with the step after which it stops to pay."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from crmvalue._core.checks import as_day
from crmvalue._core.pictures.parts import Axis, Layer, Parts, as_cells, fitted, shown
from crmvalue._core.pictures.pictured import Picture
from crmvalue.errors import InputError
from crmvalue.journeys import Cascade, LastStep

if TYPE_CHECKING:
    from crmvalue.typing import ArrayLike

__all__ = ["cascade_timeline"]

_ROOM, _ACROSS = 80.0, 70.0  # letters beside each other in the picture, and from its first day to its last


def cascade_timeline(cascade: Cascade, last_purchase: ArrayLike, gain: LastStep) -> Picture:
    """Draw when a cascade makes its offers to a customer, what it gains up to each, and after which one to stop.

    Parameters
    ----------
    cascade : Cascade
        The cascade.
    last_purchase : date
        Day of the customer's last purchase.
    gain : LastStep
        Result of :func:`crmvalue.journeys.best_last_step`, for the first steps of the cascade or for all. The gains of
        all its customers are added up.

    Returns
    -------
    Picture
        With columns `day`, `gain`, `offer` where it is new, and cells for the day to stop and the day from which the
        customer counts as churned.

    Raises
    ------
    InputError
        If an argument is of another kind, or there are more gains than steps.

    Examples
    --------
    >>> from crmvalue.journeys import best_last_step
    >>> cascade = Cascade(offers=["5 %", "7 %", "10 %"], repeat_last=True)
    >>> gain = best_last_step([50, 100], [0.10, 0.07, 0.04], [0.07, 0.05, 0.03], [1, 2, 30], contact_cost=0.1)
    >>> cascade_timeline(cascade, "2024-01-31", gain).title
    'Stop after 2025-01-31, step 2: later offers lose 0.92'
    """
    if not isinstance(cascade, Cascade):
        raise InputError("cascade", "a Cascade", cascade)
    if not isinstance(gain, LastStep):
        raise InputError("gain", "a LastStep", gain, hint="best_last_step makes one")
    anchor = as_day("last_purchase", last_purchase)
    width = gain.gain_by_last_step.shape[-1]
    n = width - 1
    if n > len(cascade.months):
        raise InputError("gain", f"for at most the {len(cascade.months)} steps of the cascade", n)
    steps = cascade.steps(anchor)
    total = gain.gain_by_last_step.reshape(-1, width).sum(axis=0)
    best = int(total.argmax())
    days = np.array([anchor, *steps.dates[:n], steps.churned_on])
    offers = [step.label if (step := cascade.offer_of(k)) else "" for k in range(n)]
    is_new = [bool(offer) and offer != before for before, offer in zip(["", *offers[:-1]], offers, strict=True)]
    ahead = (days[1 : n + 1] - anchor) / (days[-1] - anchor) * _ACROSS  # texts stand before their points
    room = np.minimum(_ROOM / max(1, n), ahead)
    said = [fitted(offer, width) if new else "" for offer, new, width in zip(offers, is_new, room, strict=True)]
    title = "No offer of the cascade pays"
    if 0 < best < n:
        lost = float(total[best] - total[-1])
        later = f"lose {shown(lost, 'money')}" if lost > 0 else "add nothing"
        title = f"Stop after {days[best]}, step {best}: later offers {later}"
    elif best:
        title = f"The whole cascade pays: {shown(float(total[best]), 'money')} by its last offer on {days[best]}"
    rows = len(days)
    columns = {
        "day": days,
        "gain": np.append(total, np.nan),
        "offer": np.array(["", *said, ""]),
        "churned_on": as_cells(rows, days[-1]),
    }
    layers = [
        Layer(mark="step", x="day", y="gain", label="gain up to the day"),
        Layer(mark="points", x="day", y="gain"),
        Layer(mark="text", x="day", y="gain", text="offer"),
        Layer(mark="rule", x="churned_on", label="counts as churned", style="naive"),
    ]
    if best < n:
        stop = f"stop after step {best}" if best else "make no offer"
        columns |= {"stop": as_cells(rows, days[best]), "said": as_cells(rows, stop)}
        layers.append(Layer(mark="rule", x="stop", text="said", style="action"))
    low, high = min(0.0, float(total.min())), max(0.0, float(total.max()))
    return Picture(
        Parts(
            title=title,
            x=Axis(title="Day of the offer", form="date"),
            y=Axis(
                title="Gain over no offer [money]",
                form="money",
                low=low - 0.05 * (high - low) or -1.0,
                high=high + 0.25 * (high - low) or 1.0,
            ),
            columns=columns,
            layers=layers,
        )
    )
