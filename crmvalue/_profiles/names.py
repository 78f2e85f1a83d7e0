"""Names checked against a directory, so that no message greets a name that nobody has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from crmvalue._core.checks import as_fraction, as_ordered_items, as_text, as_whole_number
from crmvalue._core.frames import Columns
from crmvalue._core.json import from_json, to_json
from crmvalue._core.values import flag_table, stay_frozen, words_field
from crmvalue._profiles.keys import text_form, text_items
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from types import ModuleType

    import numpy.typing as npt

    from crmvalue.typing import ArrayLike

__all__ = ["NameCheck", "check_names"]

_MARGIN = 0.05
"""Below the least similarity, names are not even listed; a cut-off next to it loses names that just reach it."""

_MOST_PAIRS = 10**8
_MOST_LETTERS = 5 * 10**10  # of the names, times those of the directory


@stay_frozen
@attrs.frozen(kw_only=True)
class NameCheck(Columns):
    """Names, whether each is in the directory, and similar names for those that are not.

    Parameters
    ----------
    name : tuple of str
        The names as they were given; empty for a missing one.
    known : ndarray of bool
        Whether the name is in the directory.
    spelling : tuple of str
        The name as the directory spells it; empty if it is not there.
    suggestions : tuple of str
        Similar names of the directory, the most similar first, equal ones in alphabetical order, joined by ", ".

    Examples
    --------
    >>> checked = check_names(["anna", "Ana"], ["Anna", "Hanna"])
    >>> checked.spelling, checked.suggestions
    (('Anna', ''), ('', 'Anna, Hanna'))
    """

    name: tuple[str, ...] = words_field("name")
    known: npt.NDArray[np.bool_] = flag_table("known")
    spelling: tuple[str, ...] = words_field("spelling")
    suggestions: tuple[str, ...] = words_field("suggestions")

    def __attrs_post_init__(self) -> None:
        for field in ("known", "spelling", "suggestions"):
            if len(getattr(self, field)) != len(self.name):
                raise InputError(field, f"one for each of the {len(self.name)} names", len(getattr(self, field)))

    def __len__(self) -> int:
        return len(self.name)

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give a row for each name, for a dataframe."""
        words = {field: np.array(getattr(self, field), dtype=object) for field in ("name", "spelling", "suggestions")}
        return {"name": words["name"], "known": self.known, **words}

    def to_json(self) -> str:
        """Write the check as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> NameCheck:
        """Read what `to_json` wrote."""
        return from_json(cls, text)


def check_names(
    name: ArrayLike, directory: ArrayLike, *, n_suggestions: int = 3, min_similarity: float = 0.6
) -> NameCheck:
    """Check first names against a directory, and suggest similar names for those that are not in it.

    A greeting needs a name that exists: use `spelling` where `known`, and a greeting without a name otherwise. A
    suggestion is for a person to confirm. The case of address (vocative) is not formed here.

    Parameters
    ----------
    name : array_like of str
        Names as people typed them; None for a missing one. Capital letters, spaces, invisible characters, the kind of
        apostrophe or hyphen, and the dot of an Azerbaijani i do not count. Letters of all alphabets are taken.
    directory : array_like of str
        Names that exist, in any languages, each once, as a message shall spell them.
    n_suggestions : int, default 3
        Most suggestions for a name, from 1 to 20.
    min_similarity : float, default 0.6
        Least similarity of a suggestion, in [0, 1]: 1 minus the least number of letters to insert, delete, replace or
        swap, as a share of the letters of the longer name.

    Returns
    -------
    NameCheck
        A row for each name.

    Raises
    ------
    InputError
        If the directory is empty or has two spellings of one name, or a number is outside of its range. Also if the
        names that are not in the directory, times those that are, give more than 100 million pairs, or the letters of
        the ones, times those of the others, more than 5 * 10**10.
    ModuleNotFoundError
        If a name is not in the directory and rapidfuzz is not installed; the extra `match` installs it.

    Examples
    --------
    >>> checked = check_names(["ОЛЕНА", "Олна", "ნინო", "Elvn"], ["Олена", "Ольга", "ნინო", "Elvin"])
    >>> checked.known.tolist()
    [True, False, True, False]
    >>> checked.suggestions
    ('', 'Олена, Ольга', '', 'Elvin')
    """
    limit = as_whole_number("n_suggestions", n_suggestions, low=1, high=20)
    least = as_fraction("min_similarity", min_similarity, closed=True)
    spellings = [as_text("directory", item) for item in as_ordered_items("directory", directory, "a list of names")]
    known = {}
    for index, spelling in enumerate(spellings):
        if not (form := text_form(spelling)) or form in known:
            raise InputError("directory", "names that are not empty, each once", spelling, index=index)
        known[form] = spelling
    if not known:
        raise InputError("directory", "at least one name", directory)
    given = ["" if item is None else as_text("name", item) for item in text_items("name", name)]
    form_of = {word: text_form(word) for word in dict.fromkeys(given)}
    unknown = list(dict.fromkeys(form for form in form_of.values() if form and form not in known))
    similar = _similar(unknown, known, limit, least) if unknown else {}
    forms = [form_of[word] for word in given]
    return NameCheck(
        name=tuple(given),
        known=np.array([form in known for form in forms], dtype=bool),
        spelling=tuple(known.get(form, "") for form in forms),
        suggestions=tuple(similar.get(form, "") for form in forms),
    )


def _similar(unknown: list[str], known: dict[str, str], limit: int, least: float) -> dict[str, str]:
    """Give the most similar names of the directory for each form, those of equal similarity in alphabetical order."""
    fuzz = _rapidfuzz()
    forms = sorted(known)  # of equal similarity, `extract` gives the first of these
    _require_few_pairs(unknown, forms)
    found = {}
    scorer = fuzz.distance.OSA.normalized_similarity
    cutoff = max(least - _MARGIN, 0.0)
    for form in unknown:
        scored = fuzz.process.extract(form, forms, scorer=scorer, limit=limit, score_cutoff=cutoff)
        best = [match for match in scored if match[1] >= least - 1e-9]  # 1 - 2 / 5 is a little below 0.6
        found[form] = ", ".join(known[match[0]] for match in best)
    return found


def _require_few_pairs(unknown: list[str], forms: list[str]) -> None:
    """Raise where the comparison of all pairs would take more than about ten seconds."""
    pairs, letters = len(unknown) * len(forms), sum(map(len, unknown)) * sum(map(len, forms))
    if pairs > _MOST_PAIRS or letters > _MOST_LETTERS:
        rule = f"few enough for at most {_MOST_PAIRS:,} pairs, of at most {_MOST_LETTERS:,} letters times letters"
        found = f"{len(unknown):,} names that are not in the directory of {len(forms):,}"
        raise InputError("name", rule, found, hint="some names at a time, or a directory of first names only")


def _rapidfuzz() -> ModuleType:
    try:
        import rapidfuzz
        import rapidfuzz.distance
        import rapidfuzz.process
    except ImportError as error:
        message = "Suggestions need rapidfuzz: pip install 'crmvalue[match]'"
        raise ModuleNotFoundError(message, name="rapidfuzz") from error
    library: ModuleType = rapidfuzz
    return library
