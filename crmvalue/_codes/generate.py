"""Many random codes at once."""

from __future__ import annotations

import secrets
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from crmvalue._codes.check_character import check_characters, ends_well
from crmvalue._codes.policy import NOT_SHOWN, CodePolicy, normal_code
from crmvalue._core.checks import as_items, as_whole_number
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["as_source", "draw_codes", "generate_codes", "places_of"]

_MOST = 10_000_000
_MOST_CHARACTERS = 200_000_000  # of all codes, at 4 bytes each

Places = npt.NDArray[np.uint8]
"""A row for each code, with the places of its characters in the alphabet."""


def generate_codes(
    policy: CodePolicy, n: int, *, existing: Iterable[str] = (), rng: np.random.Generator | None = None
) -> npt.NDArray[np.str_]:
    """Generate random codes, all different.

    Parameters
    ----------
    policy : CodePolicy
        How the codes are written.
    n : int
        Number of codes, from 1 to 10 million, of at most 200 million characters in all: 10 million codes of the default
        policy take 1.2 GB of memory. With the existing ones they are at most half of all possible codes.
    existing : iterable of str
        Codes that must not come again, as this function or a customer writes them.
    rng : numpy.random.Generator, optional
        Source of the random characters **for tests and examples only**: who knows its seed knows the codes. By default
        the characters come from the operating system, by ``secrets``.

    Returns
    -------
    ndarray of str
        Codes in their groups, in random order. They are secrets: keep them out of logs, and store what
        :func:`code_digest` gives.

    Raises
    ------
    InputError
        If an argument breaks its rule, or if there are not enough possible codes.

    Notes
    -----
    Each code is equally likely. A code that was drawn before is drawn again. The expected number of such draws is about
    `policy.n_possible` times (n / n_possible)² / 2; :meth:`CodePolicy.prob_collision` bounds the chance of one.

    Examples
    --------
    >>> import numpy as np
    >>> codes = generate_codes(CodePolicy(), 3, rng=np.random.default_rng(1))
    >>> codes.shape, len(codes[0])
    ((3,), 14)
    >>> more = generate_codes(CodePolicy(), 2, existing=codes)
    """
    if not isinstance(policy, CodePolicy):
        raise InputError("policy", "a CodePolicy", policy)
    n = as_whole_number("n", n, low=1)
    width = _places(policy)[-1] + 1
    most = min(_MOST, _MOST_CHARACTERS // width)
    if n > most:
        hint = "make the others in another call, with these as `existing`"
        raise InputError("n", f"at most {most:,} codes of {width} characters", n, hint=hint)
    rng = as_source(rng)

    return draw_codes("n", policy, n, places_of(policy, existing), rng)


def draw_codes(
    name: str, policy: CodePolicy, n: int, existing: Places, rng: np.random.Generator | None
) -> npt.NDArray[np.str_]:
    """Draw codes; the existing ones are given as the places of their characters in the alphabet."""
    taken = _rows(existing[:, :-1])
    if len(taken) + n > policy.n_possible // 2:
        most = policy.n_possible // 2
        raise InputError(name, f"at most {most} with the existing codes", len(taken) + n, hint="raise n_random")
    size, draw = len(policy.alphabet), secrets.token_bytes if rng is None else rng.bytes
    places = np.zeros((0, policy.n_random), dtype=np.uint8)
    while len(places) < n:
        places = np.concatenate([places, _random_places((n - len(places), policy.n_random), size, draw)])
        rows = _rows(places)
        first = np.unique(rows, return_index=True)[1]
        is_new = np.zeros(len(rows), dtype=np.bool_)
        is_new[first] = True
        if len(taken):
            is_new &= ~np.isin(rows, taken)
        places = places[is_new]
    return _written(np.column_stack([places, check_characters(places, size)]), policy)


def _rows(places: Places) -> npt.NDArray[np.bytes_]:
    """Give each row as one value that can be compared."""
    return np.ascontiguousarray(places + 1).view(f"S{places.shape[1]}").ravel()


def _random_places(shape: tuple[int, int], size: int, draw: Callable[[int], bytes]) -> Places:
    """Draw places in the alphabet, each equally likely: bytes beyond the last multiple of the size are left out."""
    needed, limit = shape[0] * shape[1], 256 - 256 % size
    found = np.zeros(0, dtype=np.uint8)
    while len(found) < needed:
        some = np.frombuffer(draw(int((needed - len(found)) * 256 / limit * 1.01) + 64), dtype=np.uint8)
        found = np.concatenate([found, some[some < limit]])
    return (found[:needed] % size).reshape(shape)


def _written(places: Places, policy: CodePolicy) -> npt.NDArray[np.str_]:
    """Write each row as a text in groups."""
    kept, signs = _places(policy), np.array([ord(sign) for sign in policy.alphabet], dtype=np.uint32)
    found = np.full((len(places), kept[-1] + 1), ord("-"), dtype=np.uint32)
    for column, place in zip(places.T, kept, strict=True):  # no second table of this size
        found[:, place] = signs[column]
    return found.view(f"U{found.shape[1]}").ravel()


def _places(policy: CodePolicy) -> list[int]:
    """Give the places of the characters in a written code, between which the groups have their dashes."""
    n_signs, group = policy.n_random + 1, policy.group or policy.n_random + 1
    return [i + i // group for i in range(n_signs)]


def as_source(rng: Any) -> np.random.Generator | None:
    """Take a source of random characters, or None for that of the operating system."""
    if rng is not None and not isinstance(rng, np.random.Generator):
        raise InputError("rng", "a numpy.random.Generator or None", rng)
    return rng


def places_of(policy: CodePolicy, codes: Any, *, skip_others: bool = False) -> Places:
    """Read codes, in whatever way they are typed; what is no code of the policy raises, or is left out."""
    texts = [] if isinstance(codes, str) else as_items("existing", codes, "a list of codes")
    if isinstance(codes, str) or not all(isinstance(text, str) for text in texts):
        raise InputError("existing", "a list of codes", NOT_SHOWN)
    places, others = _usual_places(policy, texts)
    read = []
    for place, text in others.items():
        with suppress(InputError) if skip_others else nullcontext():
            read.append([policy.alphabet.index(sign) for sign in normal_code(f"existing[{place}]", text, policy)])
    return np.concatenate([places, np.array(read, dtype=np.uint8).reshape(len(read), places.shape[1])])


def _usual_places(policy: CodePolicy, texts: list[str]) -> tuple[Places, dict[int, str]]:
    """Read the codes that are in the form in which they are generated, and give the other texts by their places."""
    kept = _places(policy)
    width = kept[-1] + 1
    is_usual = np.array([len(text) == width and text.isascii() for text in texts], dtype=np.bool_)
    usual = [texts[place] for place in np.flatnonzero(is_usual).tolist()]
    signs = np.array(usual, dtype=f"U{width}").view(np.uint32).reshape(len(usual), width)
    table = np.full(128, 255, dtype=np.uint8)
    table[[ord(sign) for sign in policy.alphabet]] = range(len(policy.alphabet))
    places = table[signs[:, kept]]
    good = (places != 255).all(axis=1)
    good[good] = ends_well(places[good], len(policy.alphabet))
    is_usual[is_usual] = good
    return places[good], {place: texts[place] for place in np.flatnonzero(~is_usual).tolist()}
