"""Fields that journeys share, and the checks behind them."""

from __future__ import annotations

from typing import Any

from crmvalue._core.checks import as_flag, as_ordered_items, as_text, as_whole_number
from crmvalue._core.values import checked_field, optional
from crmvalue._journeys.offers import as_offer
from crmvalue.errors import InputError

__all__ = [
    "CATCH_UP_DAYS",
    "SEND_HOUR",
    "channels_field",
    "channels_of",
    "flag_field",
    "hour_field",
    "name_field",
    "name_of",
    "offer_field",
    "priority_field",
    "purpose_field",
    "segment_field",
    "send_hour",
    "whole_field",
    "words_of",
]

CATCH_UP_DAYS = 3
"""Days after which most journeys give up a missed message."""

SEND_HOUR = 10
"""Local hour of messages of a day, where neither their journey nor the policy says one."""

_MOST_PRIORITY = 1_000_000


def words_of(name: str, value: Any) -> tuple[str, ...]:
    """Take one text or several."""
    if isinstance(value, str):
        return (name_of(name, value),)
    return tuple(name_of(name, word) for word in as_ordered_items(name, value, "a text or a sequence of texts"))


def channels_of(name: str, value: Any) -> tuple[str, ...]:
    """Take channels, each once."""
    words = words_of(name, value)
    if not words or len(set(words)) != len(words):
        raise InputError(name, "at least one channel, each once, the preferred one first", value)
    return words


def name_of(name: str, value: Any) -> str:
    """Take a text that is not empty."""
    text = as_text(name, value)
    if not text.strip():
        raise InputError(name, "a text that is not empty", value)
    return text


def name_field(**options: Any) -> Any:
    """Field for the name of a journey."""
    return checked_field("name", name_of, **options)


def segment_field() -> Any:
    """Field for the segment whose customers a journey is for; None for all."""
    return checked_field("segment", optional(name_of), default=None, kw_only=True)


def priority_field() -> Any:
    """Field for the priority of a journey."""
    return whole_field("priority", -_MOST_PRIORITY, _MOST_PRIORITY, default=0)


def channels_field() -> Any:
    """Field for channels, the preferred one first."""
    return checked_field("channels", channels_of, default=("email",), kw_only=True)


def purpose_field() -> Any:
    """Field for the purpose to which a customer has to have agreed."""
    return checked_field("purpose", name_of, default="marketing", kw_only=True)


def offer_field() -> Any:
    """Field for what a message offers."""
    return checked_field("offer", optional(as_offer), default=None, kw_only=True)


def hour_field(*words: str) -> Any:
    """Field for the local hour of sending, "best" for that of each customer, another word, or None."""

    def convert(name: str, value: Any) -> int | str:
        return send_hour(name, value, *words)

    return checked_field("send_hour", optional(convert), default=None, kw_only=True)


def send_hour(name: str, value: Any, *words: str) -> int | str:
    """Take an hour of sending: a whole number, "best" for that of each customer, or another word."""
    if isinstance(value, str):
        if value not in ("best", *words):
            named = " or ".join(map(repr, ("best", *words)))
            raise InputError(name, f"an hour from 0 to 23, or {named}", value)
        return as_text(name, value)
    return as_whole_number(name, value, low=0, high=23)


def flag_field(name: str, *, default: bool) -> Any:
    """Field for True or False."""
    return checked_field(name, as_flag, default=default, kw_only=True)


def whole_field(name: str, low: int, high: int, **options: Any) -> Any:
    """Field for a whole number from low to high."""
    return checked_field(
        name, lambda field, value: as_whole_number(field, value, low=low, high=high), kw_only=True, **options
    )
