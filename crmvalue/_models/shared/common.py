"""Checks and groupings that the purchase models share."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from crmvalue._core.checks import as_counts, as_floats, as_positive, require, require_choice
from crmvalue._core.values import hand_over
from crmvalue.errors import InputError
from crmvalue.purchases import DAYS_PER_UNIT, PurchaseHistory

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue.typing import ArrayLike, Floats

__all__ = [
    "as_horizon",
    "as_n",
    "as_rng",
    "check_history",
    "covariate_columns",
    "model_fields",
    "model_from_json",
    "model_to_json",
    "per_customer",
    "positive_field",
    "take",
    "time_unit_field",
]


def check_history(history: object, time_unit: str | None = None) -> PurchaseHistory:
    """Return the history, having checked that it is one, is not empty and is measured in the model's unit."""
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


def as_rng(rng: object) -> np.random.Generator:
    """Return the generator, or say how to get one."""
    if not isinstance(rng, np.random.Generator):
        raise InputError("rng", "a numpy.random.Generator", rng, hint="numpy.random.default_rng(seed)")
    return rng


def per_customer(name: str, array: npt.NDArray[np.float64], n_customers: int) -> Floats:
    """Spread one number over all customers, or check that there is one for each."""
    if array.ndim and array.shape != (n_customers,):
        raise InputError(name, f"one number, or one for each of the {n_customers} customers", array.shape)
    return np.broadcast_to(array, (n_customers,))


def take(history: PurchaseHistory, rows: Any, recency: Floats | None = None) -> PurchaseHistory:
    """Give some customers of a history, nameless, with another recency if given."""
    spend, covariates = history.mean_repeat_spend, history.covariate_values
    return PurchaseHistory(
        frequency=hand_over(history.frequency[rows]),
        recency=hand_over(history.recency[rows] if recency is None else recency),
        age=hand_over(history.age[rows]),
        mean_repeat_spend=None if spend is None else hand_over(spend[rows]),
        time_unit=history.time_unit,
        covariate_names=history.covariate_names,
        covariate_values=None if covariates is None else covariates[rows],
    )


def covariate_columns(history: PurchaseHistory) -> list[Floats]:
    """Columns of the covariates."""
    return [history.covariate(name) for name in history.covariate_names]


def positive_field(name: str) -> Any:
    """Field for a parameter above 0."""
    return attrs.field(converter=lambda value: as_positive(name, value))


def time_unit_field() -> Any:
    """Field for the time unit of a model."""
    return attrs.field(validator=lambda _, field, value: require_choice(field.name, value, DAYS_PER_UNIT))


def model_to_json(model: Any) -> str:
    """Write the parameters of a model, with the name of its class."""
    return json.dumps({"model": type(model).__name__, **attrs.asdict(model)})


def model_from_json(cls: type[Any], text: str) -> Any:
    """Read what :func:`model_to_json` wrote for this class."""
    return cls(**model_fields(cls, text))


def model_fields(cls: type[Any], text: str) -> dict[str, Any]:
    """Read the fields of a model of this class from JSON text; those with a default may be left out."""
    try:
        fields = json.loads(text)
        name = fields.pop("model")
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
        raise InputError("text", "JSON written by to_json", text) from error
    if name != cls.__name__:
        raise InputError("text", f"JSON of a {cls.__name__}", name)
    allowed = {field.name for field in attrs.fields(cls)}
    needed = {field.name for field in attrs.fields(cls) if field.default is attrs.NOTHING}
    if not needed <= set(fields) <= allowed:
        raise InputError("text", f"JSON with the parameters of a {cls.__name__}", sorted(fields))
    return dict(fields)
