"""Slow, independent answers about codes: definitions as sums and loops, and the RFCs by hand."""

from __future__ import annotations

import hashlib
import hmac
from fractions import Fraction

__all__ = ["hotp", "prob_collision", "prob_guessed", "pure_system_is_valid"]


def hotp(secret, counter, digits):
    """Follow RFC 4226, section 5.3, step by step."""
    mac = hmac.new(secret, counter.to_bytes(8, "big"), hashlib.sha1).digest()
    offset = mac[-1] & 15
    number = int.from_bytes(mac[offset : offset + 4], "big") & 0x7FFFFFFF
    return str(number % 10**digits).zfill(digits)


def prob_guessed(n_possible, n_live, n_attempts):
    """Multiply the chances that each different attempt misses all live codes."""
    missed = Fraction(1)
    for i in range(n_attempts):
        missed *= Fraction(max(n_possible - n_live - i, 0), n_possible - i)
    return 1 - missed


def prob_collision(n_possible, n, n_existing):
    """Multiply the chances that each code differs from the existing ones and from those before it."""
    different = Fraction(1)
    for i in range(n):
        different *= Fraction(max(n_possible - n_existing - i, 0), n_possible)
    return 1 - different


def pure_system_is_valid(places, modulus, radix):
    """Sum the characters with their weights, as ISO/IEC 7064 defines a pure system: 1 modulo the modulus."""
    weights = [radix**i for i in range(len(places))][::-1]
    return sum(w * place for w, place in zip(weights, places, strict=True)) % modulus == 1
