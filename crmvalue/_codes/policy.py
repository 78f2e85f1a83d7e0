"""How codes are written: alphabet, length, check character, groups, and what of a typed text is forgiven."""

from __future__ import annotations

import math
import string
import unicodedata
from typing import Any

import attrs
import numpy as np

from crmvalue._codes.check_character import ends_well, has_scheme
from crmvalue._core.checks import as_fraction, as_text, as_whole_number
from crmvalue._core.json import from_json, to_json
from crmvalue._core.values import checked_field
from crmvalue.errors import InputError

__all__ = ["ALPHABET", "NOT_SHOWN", "CodePolicy", "normal_code", "optional_policy", "plain_form"]

ALPHABET = "2346789CDFGHJKMNPQRTVWX"
"""The 23 characters of codes, by default."""

NOT_SHOWN = "(not shown)"
"""Stands for a secret in errors."""

_NEVER_TOGETHER = ("0O", "1IL")
_LOOK_ALIKES = (*_NEVER_TOGETHER, "2Z", "5S", "8B", "UV")
_CYRILLIC = str.maketrans(
    "\u0410\u0412\u0415\u0405\u0406\u0408\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0423\u0425", "ABESIJKMHOPCTYX"
)
_BETWEEN = frozenset("-_.\N{HYPHEN}\N{NON-BREAKING HYPHEN}\N{FIGURE DASH}\N{EN DASH}\N{EM DASH}\N{MINUS SIGN}")
_LONGEST = 40
_LONGEST_TYPED = 200


def _alphabet(name: str, value: Any) -> str:
    text = as_text(name, value)
    if len(set(text)) != len(text) or set(text) - set(string.digits + string.ascii_uppercase):
        raise InputError(name, "different digits and capital letters A to Z", value)
    if len(text) < 10 or not has_scheme(len(text)):
        rule = "10, 11, 13, 17, 19, 23, 29 or 31 characters"
        raise InputError(name, rule, f"{len(text)} characters", hint="the check character needs such a number")
    for pair in _NEVER_TOGETHER:
        if len(set(pair) & set(text)) > 1:
            raise InputError(name, f"without more than one of {', '.join(pair)}, which look alike", value)
    return text


def plain_form(text: str) -> str:
    """Give a typed text in capitals, without spaces, dashes, dots, and with Latin letters for Cyrillic look-alikes."""
    wide = unicodedata.normalize("NFKC", text[:_LONGEST_TYPED]).upper()
    return "".join(sign for sign in wide if not sign.isspace() and sign not in _BETWEEN).translate(_CYRILLIC)


@attrs.frozen(kw_only=True)
class CodePolicy:
    """How the codes of a shop are written, and how hard they are to guess.

    A code is `n_random` random characters and one check character. The check character finds every single wrong
    character and every swap of two neighbours, before anyone asks a database. It makes no code harder to guess.

    Parameters
    ----------
    alphabet : str
        Digits and capital letters, each once; 10, 11, 13, 17, 19, 23, 29 or 31 of them. The default has 23:
        ``2346789CDFGHJKMNPQRTVWX``. It leaves out 0 and O, 1, I and L, 5 and S, Z (looks like 2), B (8), U and Y (V),
        and all vowels, so that no code is a word. 0 and O, or two of 1, I and L, never stand in one alphabet.
    n_random : int
        Number of random characters, from 4 to 40; 11 by default.
    group : int
        Characters in a group, from 2 to 12, for reading: ``XXXX-XXXX-XXXX`` for the default of 4. 0 makes no groups.

    See Also
    --------
    generate_codes : Makes the codes.

    Notes
    -----
    The check character follows ISO/IEC 7064, a pure system with the size of the alphabet as its modulus; for ten
    digits it follows the table of H. M. Damm (2004).

    What a customer types is read in any case, with or without spaces, dashes and dots. A Cyrillic letter counts as the
    Latin one that looks the same. A sign that is not in the alphabet counts as the one that looks like it, if there is
    exactly one: Z as 2 and B as 8 in the default alphabet.

    Examples
    --------
    >>> policy = CodePolicy.against_guessing(n_live=100_000, n_attempts=1_000_000, prob=1e-3)
    >>> policy.n_random
    11
    >>> policy.format("2346 789c dfg3")
    '2346-789C-DFG3'
    """

    alphabet: str = checked_field("alphabet", _alphabet, default=ALPHABET)
    n_random: int = checked_field(
        "n_random", lambda name, v: as_whole_number(name, v, low=4, high=_LONGEST), default=11
    )
    group: int = checked_field("group", lambda name, v: as_whole_number(name, v, low=0, high=12), default=4)

    def __attrs_post_init__(self) -> None:
        if self.group == 1:
            raise InputError("group", "0 or from 2 to 12", self.group)

    @classmethod
    def against_guessing(
        cls, *, n_live: int, n_attempts: int, prob: float, alphabet: str = ALPHABET, group: int = 4
    ) -> CodePolicy:
        """Give the policy with the shortest codes that are hard enough to guess.

        Parameters
        ----------
        n_live : int
            Number of codes that can be used at one time, >= 1.
        n_attempts : int
            Number of codes that an attacker can try in all, >= 1: those that the shop lets through before it stops
            them.
        prob : float
            Largest probability that at least one attempt finds a code, in (0, 1).
        alphabet, group
            As in :class:`CodePolicy`.

        Returns
        -------
        CodePolicy
            With `n_random` from 4 to 40.

        Raises
        ------
        InputError
            If an argument is outside its range, or if 40 characters are not enough.
        """
        largest = as_fraction("prob", prob)
        for n_random in range(4, _LONGEST + 1):
            policy = cls(alphabet=alphabet, n_random=n_random, group=group)
            if policy.prob_guessed(n_live, n_attempts) <= largest:
                return policy
        raise InputError("prob", f"reached with {_LONGEST} random characters", prob, hint="allow fewer attempts")

    @property
    def n_possible(self) -> int:
        """Number of different codes."""
        return int(len(self.alphabet) ** self.n_random)

    def prob_guessed(self, n_live: int, n_attempts: int) -> float:
        """Give an upper bound of the probability that different attempts find at least one of the live codes.

        It exceeds the exact probability by a factor of at most 1 + min(n_live, n_attempts) / n_possible or so.
        """
        few, many = sorted((as_whole_number("n_live", n_live, low=1), as_whole_number("n_attempts", n_attempts, low=1)))
        left = self.n_possible - few + 1
        return 1.0 if many >= left else -math.expm1(few * math.log1p(-many / left))

    def prob_collision(self, n: int, *, n_existing: int = 0) -> float:
        """Give the birthday bound: the largest probability that `n` random codes meet each other or existing ones.

        :func:`generate_codes` draws such codes again. The bound is for codes that it is not told of.
        """
        n = as_whole_number("n", n, low=1)
        pairs = n * (n - 1) // 2 + n * as_whole_number("n_existing", n_existing, low=0)
        return min(1.0, pairs / self.n_possible)

    def normalise(self, text: str) -> str:
        """Give a code as it is stored: no groups, in the signs of the alphabet.

        It raises :class:`~crmvalue.errors.InputError` if the text is no code. The error does not show the text.
        """
        return normal_code("text", text, self)

    def format(self, text: str) -> str:
        """Give a code as it is shown to a customer, in groups."""
        plain = self.normalise(text)
        size = self.group or len(plain)
        return "-".join(plain[start : start + size] for start in range(0, len(plain), size))

    def to_json(self) -> str:
        """Write the policy as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> CodePolicy:
        """Read what :meth:`to_json` wrote; other text raises :class:`~crmvalue.errors.InputError`."""
        return from_json(cls, text)


def normal_code(name: str, text: Any, policy: CodePolicy) -> str:
    """Give a code as it is stored; errors name the argument, and do not show it."""
    if not isinstance(text, str):
        raise InputError(name, "text", f"a {type(text).__name__}")
    plain = "".join(_similar(sign, policy.alphabet) for sign in plain_form(text))
    if len(plain) != policy.n_random + 1:
        raise InputError(name, f"{policy.n_random + 1} characters", f"{len(plain)} characters")
    places = [policy.alphabet.find(sign) for sign in plain]
    if -1 in places:
        place = places.index(-1)
        raise InputError(name, f"of the characters {policy.alphabet}", NOT_SHOWN, index=place)
    if not ends_well(np.array([places], dtype=np.uint8), len(policy.alphabet))[0]:
        raise InputError(name, "typed without a wrong or swapped character", NOT_SHOWN)
    return plain


def _similar(sign: str, alphabet: str) -> str:
    """Give the only sign of the alphabet that looks like this one, or the sign itself."""
    if sign in alphabet:
        return sign
    alike = [other for signs in _LOOK_ALIKES if sign in signs for other in signs if other in alphabet]
    return alike[0] if len(alike) == 1 else sign


def optional_policy(name: str, value: Any) -> CodePolicy | None:
    """Take a policy or None."""
    if value is not None and not isinstance(value, CodePolicy):
        raise InputError(name, "a CodePolicy or None", value)
    return value
