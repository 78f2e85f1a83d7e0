"""Frozen values with arrays as JSON text."""

from __future__ import annotations

import json
import math
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

from crmvalue._checks import as_counts
from crmvalue._customers import encode_customers

__all__ = ["counts_of", "customers_of", "floats_of", "number_of", "to_json_text"]


def to_json_text(value: Any) -> str:  # noqa: ANN401 - any frozen value
    """Write a value with all its fields: arrays as lists, days as ISO text, and NaN or an infinity as null."""
    return json.dumps(_plain(value), allow_nan=False)


def customers_of(values: list[Any] | None) -> Any:  # noqa: ANN401 - an array of whole numbers or text, or None
    """Read identifiers of customers."""
    if values is None:
        return None
    distinct, code = encode_customers("customer", np.array(values, dtype=object))  # numpy makes floats of large numbers
    return distinct[code]


def counts_of(name: str, values: list[Any]) -> Any:  # noqa: ANN401 - an array of whole numbers
    """Read a column of whole numbers >= 0."""
    (counts,) = as_counts(**{name: values})
    return counts.astype(np.int64)


def floats_of(values: list[float | None], *, null: float) -> Any:  # noqa: ANN401 - an array of numbers
    """Read a column of numbers, in which null stands for what JSON lacks."""
    return np.array([number_of(value, null=null) for value in values], dtype=np.float64)


def number_of(value: object, *, null: float | None = None) -> float:
    """Read a number; null stands for what JSON lacks, where it may."""
    if value is None and null is not None:
        return null
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"a number, not {value!r}")
    return float(value)


def _plain(value: Any) -> Any:  # noqa: ANN401 - any field of a value
    if attrs.has(type(value)):
        return {field.name: _plain(getattr(value, field.name)) for field in attrs.fields(type(value))}
    if isinstance(value, np.ndarray):
        return _plain_list(value)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.datetime64):
        return str(value)
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _plain_list(array: npt.NDArray[Any]) -> list[Any]:
    if array.dtype.kind == "M":
        array = array.astype("datetime64[D]").astype(str)
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        array = np.where(np.isfinite(array), array, None)  # type: ignore[call-overload]  # numpy makes it objects
    plain: list[Any] = array.tolist()
    return plain
