"""Frozen values as JSON text: one writer, one reader.

A value is an object with its class under "kind" and its fields by name; the outermost one also says the "schema".
Arrays are lists, days and times ISO text. Mappings are lists of pairs, because their order counts and some stores of
JSON sort keys. JSON has no infinity and no NaN: "inf", "-inf" and null stand for them. Text is not escaped.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

import attrs
import numpy as np
import numpy.typing as npt

from crmvalue.errors import InputError
from crmvalue.typing import Interval

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["SCHEMA", "from_json", "read_json", "to_json"]

_T = TypeVar("_T")

SCHEMA = 1
"""The "schema" of every text that is written; reading refuses any other."""

_INFINITIES = {"inf": math.inf, "-inf": -math.inf}


def to_json(value: Any, **written: Any) -> str:
    """Write a frozen value with all its fields; `written` are fields that are plain data already."""
    fields = {"schema": SCHEMA, **_plain(value), **written}
    return json.dumps(fields, allow_nan=False, ensure_ascii=False)


def from_json(cls: type[_T], text: str | bytes, *parts: type[Any], **readers: Callable[[Any], Any]) -> _T:
    """Read what :func:`to_json` wrote; `parts` are the classes of the frozen values inside.

    Fields are read by the first word of their type, and checked by the class itself; `readers` read those of `cls` that
    need more than their type.
    """
    kinds = {kind.__name__: kind for kind in (cls, *parts)}

    def build(fields: dict[str, Any]) -> Any:
        return _build({"kind": cls.__name__, **fields}, kinds, cls, readers)

    value: _T = read_json(text, build)
    return value


def read_json(text: str | bytes, build: Callable[[dict[str, Any]], _T]) -> _T:
    """Build a value from the fields of a JSON object; every error becomes one of `text`."""
    try:
        fields = json.loads(text, object_pairs_hook=_each_key_once)
        _require_schema(fields.pop("schema", SCHEMA))
        return build(fields)
    except InputError as error:
        if error.name == "text":
            raise
        raise InputError("text", "what `to_json` wrote", text, hint=f"{type(error).__name__}: {error}") from error
    except (AttributeError, ArithmeticError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise InputError("text", "what `to_json` wrote", text, hint=f"{type(error).__name__}: {error}") from error


def _require_schema(schema: Any) -> None:
    if schema != SCHEMA or isinstance(schema, bool):
        raise InputError("text", f"JSON of schema {SCHEMA}", schema, hint="another version of crmvalue wrote it")


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object of its pairs; Python's reader would silently take the last of two values."""
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise InputError("text", "without a key that occurs twice", [key for key, _ in pairs])
    return fields


def _plain(value: Any) -> Any:
    """Turn any field of a value into plain data for the writer of JSON."""
    if attrs.has(type(value)):
        fields = {field.name: _plain(getattr(value, field.name)) for field in attrs.fields(type(value)) if field.init}
        return {"kind": type(value).__name__, **fields}
    if isinstance(value, Mapping):
        return [[key, _plain(item)] for key, item in value.items()]
    if isinstance(value, np.ndarray):
        return _plain_list(value)
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return _plain_scalar(value)


def _plain_scalar(value: Any) -> Any:
    if isinstance(value, Decimal | np.datetime64):
        return str(value)
    if isinstance(value, float | np.floating):
        return _plain_number(float(value))
    return value.item() if isinstance(value, np.generic) else value


def _plain_list(array: npt.NDArray[Any]) -> list[Any]:
    if array.dtype.kind == "M":
        array = array.astype(str)
    elif array.dtype.kind == "f" and not np.isfinite(array).all():
        flat = [_plain_number(number) for number in array.ravel().tolist()]
        array = np.array(flat, dtype=object).reshape(array.shape)
    plain: list[Any] = array.tolist()
    return plain


def _plain_number(number: float) -> float | str | None:
    if math.isfinite(number):
        return number
    return None if math.isnan(number) else str(number)


def _build(
    given: dict[str, Any],
    kinds: dict[str, type[Any]],
    expected: type[Any] | None = None,
    readers: Mapping[str, Callable[[Any], Any]] = MappingProxyType({}),
) -> Any:
    """Build a frozen value of its fields."""
    fields = dict(given)
    kind = fields.pop("kind", None)
    if kind not in kinds or (expected is not None and kind != expected.__name__):
        wanted = ", ".join(kinds) if expected is None else expected.__name__
        raise ValueError(f"its kind is {kind!r}, not {wanted}")
    cls = kinds[kind]
    types = {field.name: str(field.type) for field in attrs.fields(cls)}
    aliases = {field.name: field.alias for field in attrs.fields(cls)}
    unknown = sorted(set(fields) - set(types))
    if unknown:
        raise ValueError(f"a {kind} has no {', '.join(unknown)}")
    read = {
        name: readers[name](value) if name in readers else _read(types[name], value, kinds)
        for name, value in fields.items()
    }
    return cls(**{aliases[name]: value for name, value in read.items()})


def _read(kind: str, value: Any, kinds: dict[str, type[Any]]) -> Any:
    """Read a field by the first word of its type."""
    word = kind.split("[", maxsplit=1)[0].split(" ", maxsplit=1)[0]
    if word in kinds and not (value is None and kind.endswith("None")):
        return _part(value, kinds, kinds[word])
    if value is None:
        return math.nan if kind == "float" else None
    if word in _MAPPINGS:
        return _mapping(list(value.items()) if isinstance(value, dict) else value, kinds)
    if isinstance(value, dict):
        return _build(value, kinds)
    if isinstance(value, list) and any(isinstance(item, dict) for item in value):
        return tuple(_build(item, kinds) if isinstance(item, dict) else item for item in value)
    reader = _READERS.get(word)
    return reader(value) if reader else value


def _part(value: Any, kinds: dict[str, type[Any]], expected: type[Any]) -> Any:
    """Read a frozen value of the class that its field asks for."""
    if not isinstance(value, dict):
        raise TypeError(f"a {expected.__name__}, not {value!r}")
    return _build(value, kinds, expected)


def _mapping(pairs: Any, kinds: dict[str, type[Any]]) -> dict[Any, Any]:
    """Read pairs, or an object that was written by hand."""
    found = {key: _build(item, kinds) if isinstance(item, dict) else item for key, item in pairs}
    if len(found) != len(pairs):
        raise ValueError("a key that occurs twice")
    return found


def _numbers(value: Any) -> Any:
    """Read numbers in lists in lists as an array."""
    table = np.array(value, dtype=object)
    return np.array([_number(item) for item in table.ravel()], dtype=np.float64).reshape(table.shape)


def _number(value: Any) -> float:
    if value is None:
        return math.nan
    if isinstance(value, str) and value in _INFINITIES:
        return _INFINITIES[value]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"a number, not {value!r}")
    return float(value)


def _whole_numbers(value: Any) -> Any:
    """Read whole numbers in lists in lists as an array; numpy would cut off decimals."""
    kind = np.array(value).dtype.kind
    if value and kind not in "iu":
        raise TypeError(f"whole numbers, not {value!r}")
    return np.array(value, dtype=np.int64)


def _several(value: Any) -> tuple[Any, ...]:
    """Read a list; a text would fall into its letters."""
    if not isinstance(value, list):
        raise TypeError(f"a list, not {value!r}")
    return tuple(value)


def _times(value: Any) -> Any:
    """Read days, or points in time, in the unit of the text."""
    return np.array(value, dtype="datetime64" if value else "datetime64[D]")


_MAPPINGS = frozenset({"Mapping", "FixedMapping", "dict"})

_READERS: dict[str, Callable[[Any], Any]] = {
    "Floats": _numbers,
    "Integers": _whole_numbers,
    "Dates": _times,
    "np.datetime64": np.datetime64,
    "Interval": lambda value: Interval(*(np.float64(_number(item)) for item in value)),
    "float": _number,
    "tuple": _several,
}
