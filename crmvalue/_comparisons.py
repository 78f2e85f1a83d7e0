"""What comparisons of two or more groups have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from crmvalue.typing import Interval

if TYPE_CHECKING:
    from crmvalue.typing import FloatOrArray, Floats

__all__ = ["holm", "newcombe", "p_text"]


def holm(p_value: Floats) -> Floats:
    """Correct p-values: the i-th smallest of m times m + 1 - i, and never below a smaller one's."""
    order = np.argsort(p_value, kind="stable")
    corrected = np.empty(len(p_value))
    corrected[order] = np.maximum.accumulate(p_value[order] * np.arange(len(p_value), 0, -1))
    return np.minimum(corrected, 1.0)


def newcombe(rate: FloatOrArray | float, own: Interval, other_rate: FloatOrArray | float, other: Interval) -> Interval:
    """Newcombe's interval for the difference of two rates, from Wilson's interval of each."""
    difference = rate - other_rate
    low = difference - np.hypot(rate - own.low, other.high - other_rate)
    high = difference + np.hypot(own.high - rate, other_rate - other.low)
    return Interval(low, high)


def p_text(p: float) -> str:
    """Write a p-value with the digits it deserves."""
    return "p < 0.0001" if p < 0.0001 else f"p {p:.2g}"
