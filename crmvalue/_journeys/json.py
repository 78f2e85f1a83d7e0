"""Journeys and policies as JSON: an object for each value, its kind under "kind", its fields by name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, TypeVar

import attrs
import numpy as np

from crmvalue._core.checks import read_json

__all__ = ["journey_from_json", "journey_to_json"]

_T = TypeVar("_T")
_ONE, _MANY = ("offer",), ("offers", "caps")  # fields that hold values with a kind of their own
_NAMED = ("steps", "shares", "cases")  # fields that hold values by name


def journey_to_json(value: Any) -> str:
    """Write a value as JSON text."""
    return json.dumps(_to_plain(value), ensure_ascii=False)


def journey_from_json(text: str, cls: type[_T], *parts: type) -> _T:
    """Read a value of a class whose fields hold values of the classes `parts`; text may stand for an offer."""
    kinds = {kind.__name__: kind for kind in parts}

    def build(fields: Any) -> _T:
        kind = fields.get("kind")
        if kind != cls.__name__:
            raise ValueError(f"its kind is {kind!r}, not {cls.__name__!r}")
        return cls(**_read_fields(fields, kinds))

    return read_json(text, build)


def _to_plain(value: Any) -> Any:
    if attrs.has(type(value)):
        fields = {field.name: _to_plain(getattr(value, field.name)) for field in attrs.fields(type(value))}
        return {"kind": type(value).__name__, **fields}
    if isinstance(value, Mapping):  # as pairs, because its order counts, and stores of JSON sort keys
        return [[key, _to_plain(item)] for key, item in value.items()]
    if isinstance(value, tuple):
        return [_to_plain(item) for item in value]
    if isinstance(value, np.ndarray):
        return value.tolist()
    return str(value) if isinstance(value, Decimal | np.datetime64) else value


def _read_fields(fields: dict[str, Any], kinds: dict[str, type]) -> dict[str, Any]:
    read = {name: value for name, value in fields.items() if name != "kind"}
    for name, value in read.items():
        if name in _ONE:
            read[name] = _read_part(value, kinds)
        elif name in _MANY:
            read[name] = [_read_part(item, kinds) for item in value] if isinstance(value, list) else value
        elif name in _NAMED:
            pairs = list(value.items()) if isinstance(value, dict) else value
            read[name] = {key: _read_part(item, kinds) for key, item in pairs}
            if len(read[name]) != len(pairs):
                raise ValueError(f"a name that stands twice in {name!r}")
    return read


def _read_part(value: Any, kinds: dict[str, type]) -> Any:
    if not isinstance(value, dict):
        return value
    kind = value.get("kind")
    if kind not in kinds:
        raise ValueError(f"its kind is {kind!r}, not one of {', '.join(kinds)}")
    return kinds[kind](**_read_fields(value, kinds))
