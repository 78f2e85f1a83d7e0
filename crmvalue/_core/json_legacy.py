"""Frozen values with arrays as JSON text."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, TypeVar

import attrs
import numpy as np
import numpy.typing as npt

from crmvalue._core.checks import as_counts, read_json
from crmvalue.typing import Interval

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["counts_of", "floats_of", "from_json_fields", "number_of", "to_json_text"]

_T = TypeVar("_T")


def to_json_text(value: Any, *, infinite: bool = False) -> str:
    """Write a value with all its fields: arrays as lists, days as ISO text, and NaN or an infinity as null.

    With `infinite` an infinity is the text "inf" or "-inf", so that it stays apart from NaN.
    """
    return json.dumps(_plain(value, infinite=infinite), allow_nan=False, ensure_ascii=False)


def from_json_fields(cls: type[_T], text: str | bytes, **parts: type[Any]) -> _T:
    """Read what :func:`to_json_text` wrote with `infinite`, by the types of the fields; `parts` are frozen values."""

    def build(fields: dict[str, Any], kind: type[Any]) -> Any:
        types = {field.alias or field.name: str(field.type) for field in attrs.fields(kind)}
        read = {}
        for name, value in fields.items():
            if name in parts and kind is cls:
                read[name] = None if value is None else build(value, parts[name])
            else:
                read[name] = _read(types[name], value)
        return kind(**read)

    found: _T = read_json(text, lambda fields: build(fields, cls))
    return found


def _read(kind: str, value: Any) -> Any:
    """Read a field by the first word of its type."""
    if value is None:
        return math.nan if kind == "float" else None
    reader = _READERS.get(kind.split("[", maxsplit=1)[0].split(" ", maxsplit=1)[0])
    return reader(value) if reader else value


def _floats(value: Any) -> Any:
    table = np.array(value, dtype=object)
    return np.array([_number(item) for item in table.ravel()], dtype=np.float64).reshape(table.shape)


def _number(value: object) -> float:
    if value in {"inf", "-inf"}:
        return math.inf if value == "inf" else -math.inf
    return number_of(value, null=math.nan)


_READERS: dict[str, Callable[[Any], Any]] = {
    "Floats": _floats,
    "Integers": lambda value: np.array(value, dtype=np.int64),
    "Dates": lambda value: np.array(value, dtype="datetime64[D]"),
    "np.datetime64": np.datetime64,
    "Interval": lambda value: Interval(*(np.float64(_number(item)) for item in value)),
    "float": _number,
    "tuple": tuple,
}


def counts_of(name: str, values: list[Any]) -> Any:
    """Read a column of whole numbers >= 0."""
    (counts,) = as_counts(**{name: values})
    return counts.astype(np.int64)


def floats_of(values: list[float | None], *, null: float) -> Any:
    """Read a column of numbers, in which null stands for what JSON lacks."""
    return np.array([number_of(value, null=null) for value in values], dtype=np.float64)


def number_of(value: object, *, null: float | None = None) -> float:
    """Read a number; null stands for what JSON lacks, where it may."""
    if value is None and null is not None:
        return null
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"a number, not {value!r}")
    return float(value)


def _plain(value: Any, *, infinite: bool) -> Any:
    if attrs.has(type(value)):
        fields = attrs.fields(type(value))
        return {field.name: _plain(getattr(value, field.name), infinite=infinite) for field in fields}
    if isinstance(value, np.ndarray):
        return _plain_list(value, infinite=infinite)
    if isinstance(value, tuple):
        return [_plain(item, infinite=infinite) for item in value]
    if isinstance(value, np.datetime64):
        return str(value)
    return _finite(float(value), infinite=infinite) if isinstance(value, float | np.floating) else value


def _plain_list(array: npt.NDArray[Any], *, infinite: bool) -> list[Any]:
    if array.dtype.kind == "M":
        array = array.astype("datetime64[D]").astype(str)
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        flat = [_finite(number, infinite=infinite) for number in array.ravel().tolist()]
        array = np.array(flat, dtype=object).reshape(array.shape)
    plain: list[Any] = array.tolist()
    return plain


def _finite(number: float, *, infinite: bool) -> float | str | None:
    if math.isfinite(number):
        return number
    return str(number) if infinite and math.isinf(number) else None
