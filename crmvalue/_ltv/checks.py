"""Checks that the modules behind :mod:`crmvalue.ltv` share."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING

import numpy as np

from crmvalue._core.checks import (
    as_counts,
    as_floats,
    require,
)
from crmvalue.errors import DataWarning, InputError

if TYPE_CHECKING:
    from typing import Any

    import numpy.typing as npt

    from crmvalue.typing import ArrayLike, Floats

__all__ = [
    "ADVICE_ON_OLD",
    "LEAST_AMOUNT",
    "as_horizon",
    "as_per_stream",
    "as_streams",
    "in_cents",
    "require_cells_that_fit",
    "require_finite_value",
    "require_fractions",
    "require_not_negative",
    "warn_of_older_refunds",
]

ADVICE_ON_OLD = ", and their first periods are none. Leave them out of `customers`."
"""What to do with customers who may be older than the log."""

LEAST_AMOUNT = 1e-15
"""Of money to divide by: less is what computing leaves of nothing, and counts as 0, as in a column of amounts."""

_MOST_CELLS = 50_000_000  # of customers and periods of age: a gigabyte while they are filled


def as_streams(name: str, value: ArrayLike) -> Floats:
    """Cast amounts over time to float64; time is the last axis and holds at least one period.

    The amounts may be computed, such as a margin times a long curve of retention: a magnitude below 1e-100 counts as 0.
    """
    (array,) = as_floats(**{name: value})
    if array.ndim == 0 or array.size == 0:
        raise InputError(name, "an array of at least one period, with time on its last axis", value)
    return array


def as_per_stream(name: str, streams: Floats, **inputs: ArrayLike) -> list[Floats]:
    """Cast inputs with one element for each stream: they broadcast with its axes except the last."""
    _, *arrays = as_floats(**{name: np.zeros(streams.shape[:-1])}, **inputs)
    return arrays


def require_fractions(**arrays: Floats) -> None:
    """Raise unless every element is in [0, 1]."""
    for name, array in arrays.items():
        require((array >= 0) & (array <= 1), name, array, "in [0, 1]", hint="a fraction, not percent")


def require_not_negative(**arrays: Floats) -> None:
    """Raise unless every element is at least 0."""
    for name, array in arrays.items():
        require(array >= 0, name, array, ">= 0")


def as_horizon(n_periods: ArrayLike | None, **others: Floats) -> Floats | None:
    """Cast a horizon in whole periods from 1 that broadcasts with the other inputs; None is infinite."""
    if n_periods is None:
        return None
    (horizon,) = as_counts(n_periods=n_periods)
    require(horizon >= 1, "n_periods", horizon, ">= 1")
    as_floats(**others, n_periods=horizon)
    return horizon


def require_finite_value(churn: Floats, rate: Floats) -> None:
    """Raise if no customer leaves and no money is discounted, so that an endless sum is infinite."""
    finite = (churn > 0) | (rate > 0)
    hint = "otherwise the value is infinite; give a discount rate above 0, or n_periods"
    require(finite, "discount_rate", rate, "above 0 where the retention rate is 1", hint=hint)


def require_cells_that_fit(customers: npt.NDArray[Any], first: npt.NDArray[np.datetime64], n_periods: int) -> None:
    """Raise if a table of so many periods for each customer is too large; one early day makes all rows long."""
    if len(first) * n_periods > _MOST_CELLS:
        rule = f"with at most {_MOST_CELLS:,} cells, customers times periods since the earliest first order"
        found = f"{len(first):,} customers times {n_periods:,} periods"
        i, days = int(first.argmin()), first.astype(np.int64)
        half = np.partition(days, len(days) // 2)[len(days) // 2].astype("datetime64[D]")
        hint = (
            f"the first order of {customers[i : i + 1].tolist()[0]!r} is on {first[i]}; half of all customers came on "
            f"{half} or later. Leave such a customer out if the day is wrong, or take a longer `period` or fewer "
            "customers at a time"
        )
        raise InputError("customers", rule, found, index=i, hint=hint)


def in_cents(sums: Floats, total: float) -> Floats:
    """Round sums to cents that add up to the rounded total: the largest remainders are rounded up."""
    exact = sums * 100.0
    cents = np.floor(exact)
    left = round(total * 100.0) - int(math.fsum(cents.tolist()))
    up = np.argsort(cents - exact, kind="stable")[: max(left, 0)]
    cents[up] += 1.0
    cents[np.argmax(cents)] += left - len(up)  # what large sums lose as floats; 0 for others
    return cents / 100.0


def warn_of_older_refunds(is_older: npt.NDArray[np.bool_]) -> None:
    """Warn, to the caller's caller, of refunds before the first order of their customer, which are left out."""
    n = int(np.count_nonzero(is_older))
    if n:
        rows = "1 refund comes" if n == 1 else f"{n:,} refunds come"
        message = f"{rows} before the first order of their customer, so from an order before the log: left out"
        warnings.warn(DataWarning(message, n), stacklevel=3)
