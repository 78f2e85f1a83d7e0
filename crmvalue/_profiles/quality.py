"""How good the contacts of each source are: missing, not valid, given more than once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from crmvalue._core.checks import as_text, require, require_choice, require_same_index
from crmvalue._core.encoding.customers import as_words, fill_missing
from crmvalue._core.frames import Columns
from crmvalue._core.json import from_json, to_json
from crmvalue._core.labels import columns_of
from crmvalue._core.values import count_column, require_columns, stay_frozen, whole_table, words_field
from crmvalue._profiles.keys import codes_of, key_column, kind_of, kinds_of, normal_keys
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from crmvalue.typing import ArrayLike, Floats, Integers

__all__ = ["ContactQuality", "contact_quality"]


@stay_frozen
@attrs.frozen(kw_only=True)
class ContactQuality(Columns):
    """Contacts by source and key; make it with :func:`contact_quality`.

    Parameters
    ----------
    source, key : tuple of str
        The source and the key of each row.
    n_records : ndarray of int
        Records of the source.
    n_missing, n_invalid : ndarray of int
        Records without the key, and with one that is not valid.
    n_duplicate : ndarray of int
        Records with a valid key that another record of the same source has, too.

    Examples
    --------
    >>> quality = contact_quality(["web"] * 4, {"email": ["a@b.com", "A@b.com", "a.b.com", None]})
    >>> quality.missing.tolist(), quality.invalid.tolist(), quality.duplicate.tolist()
    ([0.25], [0.25], [0.5])
    """

    source: tuple[str, ...] = words_field("source")
    key: tuple[str, ...] = words_field("key")
    n_records: Integers = whole_table("n_records", low=1)
    n_missing: Integers = count_column("n_missing")
    n_invalid: Integers = count_column("n_invalid")
    n_duplicate: Integers = count_column("n_duplicate")

    def __attrs_post_init__(self) -> None:
        require_columns(
            self, len(self.source), ("key", "n_records", "n_missing", "n_invalid", "n_duplicate"), "sources and keys"
        )
        require(self.n_records > 0, "n_records", self.n_records, "> 0")
        found = self.n_missing + self.n_invalid + self.n_duplicate
        require(found <= self.n_records, "n_records", self.n_records, "at least those missing, invalid and duplicate")

    def __len__(self) -> int:
        return len(self.source)

    @property
    def missing(self) -> Floats:
        """Share of records without the key."""
        return self.n_missing / self.n_records

    @property
    def invalid(self) -> Floats:
        """Share of records with a key that is not valid."""
        return self.n_invalid / self.n_records

    @property
    def duplicate(self) -> Floats:
        """Share of records with a valid key that another record of the source has, too."""
        return self.n_duplicate / self.n_records

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give a row for each source and key, for a dataframe."""
        return {
            "source": np.array(self.source, dtype=object),
            "key": np.array(self.key, dtype=object),
            "n_records": self.n_records,
            "missing": self.missing,
            "invalid": self.invalid,
            "duplicate": self.duplicate,
        }

    def to_json(self) -> str:
        """Write the report as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> ContactQuality:
        """Read what `to_json` wrote."""
        return from_json(cls, text)


def contact_quality(
    source: ArrayLike,
    keys: Mapping[str, ArrayLike],
    *,
    kinds: Mapping[str, str] | None = None,
    region: str = "",
    sub_address: str = "keep",
    email_case: str = "fold",
) -> ContactQuality:
    """Count missing, invalid and duplicate contacts of each source.

    Parameters
    ----------
    source : array_like of str
        Source of each record, such as "shop".
    keys : mapping of str to array_like
        Columns of keys, as in :func:`~crmvalue.profiles.resolve_profiles`.
    kinds, region, sub_address, email_case
        As in :func:`~crmvalue.profiles.resolve_profiles`.

    Returns
    -------
    ContactQuality
        A row for each source and key, sources in alphabetical order.

    Raises
    ------
    InputError
        If columns differ in length or an argument is none of its choices.
    ModuleNotFoundError
        If there are phone numbers and phonenumbers is not installed; the extra `match` installs it.

    Examples
    --------
    >>> quality = contact_quality(["web", "web", "shop"], {"card": ["7", "7", None]})
    >>> quality.source, quality.n_duplicate.tolist(), quality.n_missing.tolist()
    (('shop', 'web'), [0, 2], [1, 0])
    """
    given = kinds_of({} if kinds is None else kinds)
    require_choice("sub_address", sub_address, ("keep", "drop"))
    require_choice("email_case", email_case, ("fold", "keep"))
    policy: dict[str, Any] = {"sub_address": sub_address, "email_case": email_case}
    policy["region"] = as_text("region", region) or None
    columns = columns_of("keys", keys)
    require_same_index(source=source, **{f"keys[{name!r}]": column for name, column in columns.items()})
    for name in given:
        require_choice("kinds", name, columns)
    sources, of = as_words("source", source)
    n = np.bincount(of, minlength=len(sources))
    counts = {}
    for name, column in columns.items():
        name_of_column = f"keys[{as_text('keys', name)!r}]"
        values = normal_keys(name_of_column, column, kind_of(name, given), **policy)
        if len(values) != len(of):
            raise InputError(name_of_column, f"as long as `source` ({len(of)} rows)", len(values))
        _, missing = fill_missing(name_of_column, key_column(name_of_column, column))
        _, code = codes_of(values)
        pair = np.where(code >= 0, of * (code.max(initial=0) + 1) + code, -1)
        _, place, size = np.unique(pair, return_inverse=True, return_counts=True)
        duplicate = (code >= 0) & (size[place] > 1)
        marks = missing, (code < 0) & ~missing, duplicate
        counts[name] = [np.bincount(of[mark], minlength=len(sources)) for mark in marks]
    parts: list[Any] = [np.ravel([counts[name][i] for name in counts], order="F") for i in range(3)]
    return ContactQuality(
        source=tuple(word for word in sources for _ in counts),
        key=tuple(counts) * len(sources),
        n_records=np.repeat(n, len(counts)),
        n_missing=parts[0],
        n_invalid=parts[1],
        n_duplicate=parts[2],
    )
