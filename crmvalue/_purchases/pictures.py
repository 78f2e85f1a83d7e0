"""Pictures of order logs; the results of the room show them by `plot`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from crmvalue._core.pictures.parts import Axis, Layer, Parts, nothing, shown_beside

if TYPE_CHECKING:
    from crmvalue.typing import Floats

__all__ = ["regularity_parts"]

_EDGES = np.array([0.0, 0.4, 0.8, 1.2, 1.6, 2.0, 2.4, 2.8, np.inf])  # the customer's mean is in the middle of one
_LABELS = ["0–40", "40–80", "80–120", "120–160", "160–200", "200–240", "240–280", "280+"]  # noqa: RUF001 - dashes
_NORMAL = 1.959963984540054  # of an interval of 95 %
_LEAST = 1e-3  # shape at the lower end of an interval


def regularity_parts(shape: float, error: float, n_customers: int) -> Parts:
    """Draw how long the times between purchases are beside the customer's mean, and how long they were at random."""
    if math.isnan(shape):
        few = "The times between purchases are too few, or too short, to tell how regular they are"
        return nothing(few if n_customers else "No customer has two times between purchases")
    least, most = max(shape - _NORMAL * error, _LEAST), shape + _NORMAL * error
    known = "shape {} ({} to {})".format(*(shown_beside(x, 1) for x in (shape, least, most)))
    title = f"No difference from purchases at random is shown: {known}"
    if math.isinf(shape):
        title = "Customers buy like a clock: the times of each are as good as equal"
    elif math.isnan(error):
        title = f"The times between purchases have the shape {shown_beside(shape, 1)}; 1 is at random"
    elif least > 1 or most < 1:
        how = "more regularly than" if least > 1 else "in bursts, less regularly than"
        title = f"Customers buy {how} at random: {known}"
    columns = {"interval": np.array(_LABELS), "share": _shares(max(shape, _LEAST)), "at_random": _shares(1.0)}
    layers = [
        Layer(mark="bar", x="interval", y="share", label="by the shape that was found"),
        Layer(mark="points", x="interval", y="at_random", label="at random", style="naive"),
    ]
    if math.isfinite(error):
        ends = np.array([_shares(one) for one in np.linspace(least, most, 41)])  # the middle is not always between
        columns |= {"low": ends.min(axis=0), "high": ends.max(axis=0)}
        word = "95 % interval"
        layers.insert(1, Layer(mark="interval", x="interval", low="low", high="high", label=word, style="second"))
    return Parts(
        title=title,
        x=Axis(title="Time between two purchases, of the customer's mean [%]", form="name"),
        y=Axis(title="Share of the times", form="share", low=0),
        columns=columns,
        layers=layers,
    )


def _shares(shape: float) -> Floats:
    """Give the share of gamma times of mean 1 between the edges."""
    from scipy.special import gammainc

    if math.isinf(shape):
        return ((_EDGES[:-1] <= 1) & (_EDGES[1:] > 1)).astype(np.float64)
    reached: Floats = np.diff(gammainc(shape, shape * _EDGES))
    return reached
