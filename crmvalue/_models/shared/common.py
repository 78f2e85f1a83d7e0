"""Checks and groupings that the purchase models share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from crmvalue._core.checks import as_counts, as_floats, as_items, as_positive, as_text, require
from crmvalue._core.encoding.keys import distinct_keys, row_keys
from crmvalue._core.values import choice_field, given_field, hand_over
from crmvalue.errors import InputError
from crmvalue.purchases import DAYS_PER_UNIT, PurchaseHistory

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue.typing import ArrayLike, Floats, Integers

__all__ = [
    "MOST_CUSTOMERS",
    "MOST_PURCHASES",
    "Alike",
    "alike",
    "as_horizon",
    "as_n",
    "as_names",
    "as_rng",
    "check_history",
    "covariate_columns",
    "per_customer",
    "positive_field",
    "take",
    "time_unit_field",
]


MOST_CUSTOMERS = 10**8  # drawing them takes some gigabytes
MOST_PURCHASES = 10**8  # amounts that are drawn


def check_history(history: object, time_unit: str | None = None) -> PurchaseHistory:
    """Check that it is a history, not empty, and measured in the unit of the model."""
    if not isinstance(history, PurchaseHistory):
        raise InputError(
            "history",
            "a PurchaseHistory",
            type(history).__name__,
            hint="crmvalue.purchases.summarise_purchases makes one",
        )
    if len(history) == 0:
        raise InputError("history", "of at least one customer", 0)
    if time_unit is not None and history.time_unit != time_unit:
        raise InputError("history", f"measured in the model's unit, {time_unit!r}", history.time_unit)
    return history


def as_horizon(name: str, value: ArrayLike) -> Floats:
    """Cast lengths of future time, >= 0."""
    (horizon,) = as_floats(**{name: value})
    require(horizon >= 0, name, horizon, ">= 0")
    return horizon


def as_n(value: ArrayLike) -> Floats:
    """Cast numbers of purchases."""
    (n,) = as_counts(n=value)
    return n


def as_names(name: str, value: object) -> tuple[str, ...]:
    """Take a sequence of texts."""
    if not isinstance(value, Sequence | np.ndarray):
        raise InputError(name, "a sequence of texts", value)
    return tuple(as_text(name, text) for text in as_items(name, value, "a sequence of texts"))


def as_rng(rng: object) -> np.random.Generator:
    """Check that it is a random generator."""
    if not isinstance(rng, np.random.Generator):
        raise InputError("rng", "a numpy.random.Generator", rng, hint="numpy.random.default_rng(seed)")
    return rng


def per_customer(name: str, array: npt.NDArray[np.float64], n_customers: int) -> Floats:
    """Spread one number over all customers, or check that there is one for each."""
    if array.ndim and array.shape != (n_customers,):
        raise InputError(name, f"one number, or one for each of the {n_customers} customers", array.shape)
    return np.broadcast_to(array, (n_customers,))


class Alike(NamedTuple):
    """Customers who bought alike and have the same covariates: one row for all, and for each customer the row."""

    rows: PurchaseHistory
    place: Integers


def alike(history: PurchaseHistory) -> Alike:
    """Compress a history to its distinct rows, ascending in frequency, age, covariates and recency."""
    columns = (history.frequency, history.age, *covariate_columns(history), history.recency)
    first, place, _ = distinct_keys(row_keys(*columns))
    return Alike(take(history, first), place)


def take(history: PurchaseHistory, rows: Any) -> PurchaseHistory:
    """Give some customers of a history, nameless."""
    spend, covariates = history.mean_repeat_spend, history.covariate_values
    return PurchaseHistory(
        frequency=hand_over(history.frequency[rows]),
        recency=hand_over(history.recency[rows]),
        age=hand_over(history.age[rows]),
        mean_repeat_spend=None if spend is None else hand_over(spend[rows]),
        time_unit=history.time_unit,
        grain=history.grain,
        as_of=history.as_of,
        covariate_names=history.covariate_names,
        covariate_values=None if covariates is None else covariates[rows],
    )


def covariate_columns(history: PurchaseHistory) -> list[Floats]:
    """Columns of the covariates."""
    return [history.covariate(name) for name in history.covariate_names]


def positive_field(name: str) -> Any:
    """Field for a parameter above 0."""
    return given_field(converter=lambda value: as_positive(name, value))


def time_unit_field() -> Any:
    """Field for the time unit of a model."""
    return choice_field("time_unit", DAYS_PER_UNIT)
