"""The picture of an effect: what was found beside what a naive rule says, each with its interval."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from crmvalue._core.pictures.parts import Axis, Form, Layer, Parts, as_cells

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crmvalue.typing import Interval

__all__ = ["effect_parts"]


def effect_parts(
    title: str,
    axis: str,
    found: Mapping[str, tuple[float, Interval]],
    naive: Mapping[str, tuple[float, Interval]],
    *,
    form: Form = "number",
) -> Parts:
    """Draw differences with their intervals, one row for each name, the naive ones in grey below."""
    rows = {**found, **naive}
    n, k = len(rows), len(found)
    value = np.array([difference for difference, _ in rows.values()])
    low, high = (np.array([float(ends[side]) for _, ends in rows.values()]) for side in (0, 1))
    is_naive = np.arange(n) >= k
    columns = {
        "comparison": np.array(list(rows), dtype=np.str_),
        "difference": np.where(is_naive, math.nan, value),
        "naive_difference": np.where(is_naive, value, math.nan),
        "low": np.where(is_naive, math.nan, low),
        "high": np.where(is_naive, math.nan, high),
        "naive_low": np.where(is_naive, low, math.nan),
        "naive_high": np.where(is_naive, high, math.nan),
        "no_difference": as_cells(n, 0.0),
    }
    return Parts(
        title=title,
        x=Axis(title=axis, form=form),
        y=Axis(title="", form="name"),
        columns=columns,
        layers=[
            Layer(mark="rule", x="no_difference", label="no difference", style="naive"),
            Layer(mark="interval", y="comparison", low="naive_low", high="naive_high", style="naive"),
            Layer(mark="interval", y="comparison", low="low", high="high"),
            Layer(mark="points", x="difference", y="comparison", label="difference and interval"),
            Layer(mark="points", x="naive_difference", y="comparison", label="no effect: naive", style="naive"),
        ],
    )
