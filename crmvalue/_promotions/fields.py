"""Checks that fields of carts, promotions and caps share."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from crmvalue._core.checks import as_text, as_time, as_whole_number, plain_text
from crmvalue._core.labels import moment_repr
from crmvalue._core.money import as_currency, as_money, as_percent
from crmvalue._core.values import FixedMapping, checked_field, given_field, optional
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "WEEKDAYS",
    "as_count",
    "as_hours",
    "as_written",
    "count_or_none",
    "currency_or_none",
    "mapping_field",
    "money_field",
    "money_or_none",
    "percent_or_none",
    "time_or_none",
]

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def as_written(value: Any) -> Any:
    """Tell amounts apart by how they are written, in tuples and mappings too: 5 minor units are not "5" units.

    For Python, and so for what it keeps by the hash of a value, 5 equals Decimal("5").
    """
    if isinstance(value, tuple):
        return tuple(map(as_written, value))
    if isinstance(value, dict):
        return frozenset((key, as_written(item)) for key, item in value.items())
    return isinstance(value, int) and value != 0, value


def money_field(name: str, **options: Any) -> Any:
    """Field for an amount of at least 0, as it was written."""
    return checked_field(name, as_money, eq=as_written, **options)


def money_or_none(name: str) -> Any:
    """Field for an amount of at least 0, or None."""
    return checked_field(name, optional(as_money), default=None, eq=as_written)


def percent_or_none(name: str) -> Any:
    """Field for a percentage in (0, 100], or None."""
    return checked_field(name, optional(as_percent), default=None)


def currency_or_none(name: str) -> Any:
    """Field for a currency of three letters, or None."""
    return checked_field(name, optional(as_currency), default=None)


def as_count(name: str, value: Any) -> int:
    """Take a whole number of at least 1; a plain one takes the short way."""
    return value if type(value) is int and 0 < value < 2**53 else as_whole_number(name, value, low=1)


def count_or_none(name: str, low: int) -> Any:
    """Field for a whole number of at least `low`, or None."""
    return given_field(
        converter=lambda value: None if value is None else as_whole_number(name, value, low=low), default=None
    )


def time_or_none(name: str) -> Any:
    """Field for a local time, or None."""
    return checked_field(name, optional(as_time), default=None, repr=moment_repr)


def as_hours(name: str, value: Any) -> tuple[str, str]:
    """Take the hours from which and to which something holds, such as ("10:00", "14:00")."""
    rule = "two different times such as ('10:00', '14:00')"
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise InputError(name, rule, value)
    for text in value:
        if not isinstance(text, str) or not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d|24:00", text, re.ASCII):
            raise InputError(name, rule, value)
    if value[0] == value[1] or list(value) == ["24:00", "00:00"]:
        raise InputError(name, rule, value)
    return (plain_text(value[0]), plain_text(value[1]))


def mapping_field(name: str, check: Callable[[str, Any], Any]) -> Any:
    """Field for a mapping from texts to checked values."""

    def convert(value: Any) -> FixedMapping[str, Any]:
        if not isinstance(value, Mapping):
            raise InputError(name, "a mapping from names to values", value)
        return FixedMapping({as_text(name, key): check(f"{name}[{key!r}]", item) for key, item in value.items()})

    return given_field(converter=convert, factory=FixedMapping, eq=as_written)
