"""What is stored in place of codes, PINs and passwords, and how a typed one is compared with it.

All of it is made with a key of the shop, which stands in no record. Who has only the records can try nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from typing import Any

from crmvalue._codes.policy import NOT_SHOWN, CodePolicy, normal_code, optional_policy, plain_form
from crmvalue._core.checks import as_text
from crmvalue.errors import InputError

__all__ = ["as_digest", "as_key", "as_pin_hash", "code_digest", "hash_pin", "is_same_text", "pin_matches", "secret_of"]

_COST = (14, 8, 5)
"""Logarithm of N, r and p of scrypt: 16 MiB; from the OWASP Password Storage Cheat Sheet."""

_SHORTEST_KEY = 16
_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)
_PIN = re.compile(r"\d{4,12}", re.ASCII)
_PIN_HASH = re.compile(r"scrypt\$(\d{1,2})\$(\d{1,2})\$(\d{1,2})\$([0-9a-f]{32})\$([0-9a-f]{64})", re.ASCII)
_LARGEST_COST = (20, 16, 16)


def as_key(value: Any) -> bytes:
    """Take the key of the shop; errors do not show it."""
    if not isinstance(value, bytes) or len(value) < _SHORTEST_KEY:
        wrong = f"{len(value)} bytes" if isinstance(value, bytes) else f"a {type(value).__name__}"
        hint = "make one by secrets.token_bytes(32) and keep it outside of the database"
        raise InputError("key", f"bytes, at least {_SHORTEST_KEY}", wrong, hint=hint)
    return bytes(value)


def code_digest(code: str, *, key: bytes, policy: CodePolicy | None = None) -> str:
    """Digest of a code, to store and to look it up by.

    Parameters
    ----------
    code : str
        The code, in whatever way a customer types it.
    key : bytes
        Secret key of the shop, at least 16 bytes: one for all codes, kept outside of the database.
    policy : CodePolicy, optional
        How the code is written. Without one the code is any text, such as SPRING; capitals, spaces and dashes do not
        count.

    Returns
    -------
    str
        64 hexadecimal digits: HMAC-SHA-256.

    Raises
    ------
    InputError
        If the text is no code of the policy, or if an argument breaks its rule. The error does not show the code.

    Notes
    -----
    A plain hash would not do: a computer can try all codes that a policy allows. It cannot do so without the key.

    Examples
    --------
    >>> key = bytes(range(32))
    >>> code_digest("spring 26", key=key) == code_digest("SPRING-26", key=key)
    True
    """
    checked = optional_policy("policy", policy)
    if not isinstance(code, str):
        raise InputError("code", "text", f"a {type(code).__name__}")
    plain = plain_form(code) if checked is None else normal_code("code", code, checked)
    if not plain:
        raise InputError("code", "a text with letters or digits", NOT_SHOWN)
    return _keyed(as_key(key), "code", plain).hex()


def hash_pin(pin: Any, key: bytes) -> str:
    """Hash a PIN slowly, with a salt of its own."""
    if not isinstance(pin, str) or not _PIN.fullmatch(pin):
        raise InputError("pin", "text of 4 to 12 digits", NOT_SHOWN)
    salt = secrets.token_bytes(16)
    return "$".join(["scrypt", *map(str, _COST), salt.hex(), _slow(pin, key, salt, _COST).hex()])


def pin_matches(pin: Any, stored: str, key: bytes) -> bool:
    """Compare a typed PIN with the stored hash; the time tells nothing of where they differ."""
    cost, salt, wanted = _parts(stored)
    return hmac.compare_digest(_slow(pin if isinstance(pin, str) else "", key, salt, cost), wanted)


def is_same_text(left: str, right: str) -> bool:
    """Compare two texts; the time tells nothing of where they differ."""
    return hmac.compare_digest(left.encode("utf-8", "replace"), right.encode("utf-8", "replace"))


def secret_of(key: bytes, certificate: str, n_carrier: int) -> bytes:
    """Give the secret of the one-time passwords of a certificate, of 160 bits as RFC 4226 recommends."""
    return _keyed(key, "password", certificate, str(n_carrier))[:20]


def as_digest(name: str, value: Any) -> str:
    """Take what :func:`code_digest` gives."""
    if not isinstance(value, str) or not _DIGEST.fullmatch(value):
        raise InputError(name, "64 hexadecimal digits, from `code_digest`", NOT_SHOWN)
    return as_text(name, value)


def as_pin_hash(name: str, value: Any) -> str:
    """Take what :func:`hash_pin` gives, or an empty text for no PIN."""
    rule = "a salted hash of a PIN, or empty"
    if not isinstance(value, str) or (value and not _PIN_HASH.fullmatch(value)):
        raise InputError(name, rule, NOT_SHOWN)
    if value and not all(1 <= part <= most for part, most in zip(_parts(value)[0], _LARGEST_COST, strict=True)):
        raise InputError(name, rule, NOT_SHOWN)
    return as_text(name, value)


def _parts(stored: str) -> tuple[tuple[int, ...], bytes, bytes]:
    _, log_n, r, p, salt, wanted = stored.split("$")
    return (int(log_n), int(r), int(p)), bytes.fromhex(salt), bytes.fromhex(wanted)


def _slow(pin: str, key: bytes, salt: bytes, cost: tuple[int, ...]) -> bytes:
    n, r, p = 2 ** cost[0], cost[1], cost[2]
    memory = 128 * r * (n + p + 2) + 2**20
    return hashlib.scrypt(_keyed(key, "pin", pin), salt=salt, n=n, r=r, p=p, maxmem=memory, dklen=32)


def _keyed(key: bytes, *parts: str) -> bytes:
    """Give the HMAC of some texts; each is preceded by its length, so that no two lists of texts are one message."""
    coded = [part.encode("utf-8", "replace") for part in parts]
    message = b"crmvalue" + b"".join(len(part).to_bytes(8, "big") + part for part in coded)
    return hmac.digest(key, message, "sha256")
