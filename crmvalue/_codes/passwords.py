"""One-time passwords of RFC 4226 and RFC 6238.

Both are a password at a number: a counter, or the number of the time step. :func:`numbers_now` says which numbers a
password may have now, the next one first.
"""

from __future__ import annotations

import base64
import hmac
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["find_number", "numbers_now", "one_time_password"]

_LOOK_AHEAD = 3
"""Passwords by counter that may have been sent and never used (RFC 4226, section 7.4)."""


def one_time_password(secret: bytes, number: int, digits: int) -> str:
    """Give the password of a counter (RFC 4226) or of a time step (RFC 6238)."""
    try:
        import pyotp
    except ImportError as error:
        message = "A one-time password needs pyotp: pip install 'crmvalue[otp]'"
        raise ModuleNotFoundError(message, name="pyotp") from error
    return pyotp.HOTP(base64.b32encode(secret).decode("ascii"), digits=digits).at(number)


def numbers_now(next_number: int, time: np.datetime64, seconds: int | None) -> list[int]:
    """Give the numbers whose passwords are good now: by counter for None, else this time step and the one before."""
    if seconds is None:
        return list(range(next_number, next_number + 1 + _LOOK_AHEAD))
    step = int(time.astype("datetime64[s]").astype(np.int64)) // seconds
    return [number for number in (step, step - 1) if number >= max(next_number, 0)]


def find_number(typed: Any, secret: bytes, numbers: Iterable[int], digits: int) -> int | None:
    """Give the number of a typed password; all passwords are compared, whichever one is right."""
    given = (typed if isinstance(typed, str) else "").strip().encode("utf-8", "replace")
    found = None
    for number in numbers:
        if hmac.compare_digest(one_time_password(secret, number, digits).encode("ascii"), given):
            found = number
    return found
