"""One value of each field for a profile whose records disagree, with its origin; consent; the whole profile."""

from __future__ import annotations

import datetime as dt
import warnings
from decimal import Decimal
from math import isfinite
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
import numpy.typing as npt

from crmvalue._core.checks import (
    as_ordered_items,
    as_text,
    as_time_column,
    as_whole_number,
    plain_text,
    require,
    require_choice,
    require_same_index,
    require_same_length,
)
from crmvalue._core.frames import Columns
from crmvalue._core.json import from_json, to_json
from crmvalue._core.labels import columns_of
from crmvalue._core.values import (
    FixedMapping,
    checked_field,
    count_column,
    count_field,
    hand_over,
    is_label,
    label_column,
    of_class,
    read_only,
    require_columns,
    stay_frozen,
)
from crmvalue._profiles.keys import text_items
from crmvalue._profiles.profiles import Profiles
from crmvalue._profiles.rules import MatchRule
from crmvalue.errors import DataWarning, InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from crmvalue.typing import ArrayLike, Integers

__all__ = ["CustomerProfile", "ProfileField", "ProfileTable", "choose_values", "merge_consent", "profile_table"]

_CHOICES = ("most_recent", "most_frequent", "most_trusted", "longest", "first")


@stay_frozen
@attrs.frozen(kw_only=True)
class ProfileField(Columns):
    """A field with one value for each profile that has one, such as a name, a level or a sum.

    Parameters
    ----------
    profile : ndarray of int
        Numbers of the profiles, ascending.
    value : ndarray
        The value of each.
    record : ndarray, optional
        The record that each value comes from.
    source : ndarray of str, optional
        The source that each value comes from; an empty text where it is not known.

    Examples
    --------
    >>> field = ProfileField(profile=[0, 4], value=["gold", "silver"])
    >>> field.of(4), field.of(5)
    ('silver', None)
    """

    profile: Integers = count_column("profile")
    value: npt.NDArray[Any] = label_column("value")
    record: npt.NDArray[Any] | None = label_column("record", identifiers=True, default=None)
    source: npt.NDArray[Any] | None = label_column("source", default=None)

    def __attrs_post_init__(self) -> None:
        require_columns(self, len(self.profile), ("value", "record", "source"), "profiles")
        require(np.diff(self.profile, prepend=-1) > 0, "profile", self.profile, "ascending, each once")

    def __len__(self) -> int:
        return len(self.profile)

    def of(self, profile: int) -> Any:
        """Give the value of one profile; None if it has none."""
        place = np.nonzero(self.profile == as_whole_number("profile", profile, low=0))[0]
        return self.value[place].tolist()[0] if len(place) else None

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give a row for each profile, for a dataframe."""
        columns = {"profile": self.profile, "value": self.value, "record": self.record, "source": self.source}
        return {name: column for name, column in columns.items() if column is not None}

    def to_json(self) -> str:
        """Write the field as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> ProfileField:
        """Read what `to_json` wrote."""
        return from_json(cls, text)


def _listed(name: str, value: Any) -> tuple[Any, ...]:
    items = tuple(map(plain_text, as_ordered_items(name, value, "a list of identifiers")))
    for index, item in enumerate(items):
        if not isinstance(item, int | str):
            raise InputError(name, "identifiers: whole numbers or text", item, index=index)
    if len(set(items)) != len(items):
        raise InputError(name, "different identifiers", value)
    return items


def _mapped(name: str, value: Any) -> FixedMapping[str, Any]:
    fields = {as_text(name, key): plain_text(part) for key, part in columns_of(name, value).items()}
    for key, part in fields.items():
        if not (part is None or isinstance(part, str | int | dt.date) or (isinstance(part, float) and isfinite(part))):
            raise InputError(f"{name}[{key!r}]", "a text, a number, a day, True, False or None", part)
    return FixedMapping(fields)


def _texts_in(name: str, value: Any) -> tuple[str, ...]:
    return tuple(as_text(name, text) for text in as_ordered_items(name, value, "a list of texts"))


def _contacts(name: str, value: Any) -> FixedMapping[str, tuple[str, ...]]:
    pairs = columns_of(name, value).items()
    return FixedMapping({as_text(name, key): _texts_in(f"{name}[{key!r}]", texts) for key, texts in pairs})


@attrs.frozen(kw_only=True)
class CustomerProfile:
    """One customer: their records, contacts and fields.

    Parameters
    ----------
    profile : int
        Number of the profile.
    records : tuple
        Its records, the oldest first.
    contacts : mapping of str to tuple of str
        The different values of each key.
    fields : mapping of str to object
        The value of each field; None for none.
    sources : mapping of str to object
        The record that each value comes from; None if it is not known.

    Examples
    --------
    >>> from crmvalue.profiles import resolve_profiles
    >>> profiles = resolve_profiles([1, 2], {"card": ["a", "a"]}, ["card"])
    >>> profile_table(profiles, {"level": ProfileField(profile=[0], value=["gold"])}).of(0).fields
    {'level': 'gold'}
    """

    profile: int = count_field("profile")
    records: tuple[Any, ...] = checked_field("records", _listed)
    contacts: FixedMapping[str, tuple[str, ...]] = checked_field("contacts", _contacts)
    fields: FixedMapping[str, Any] = checked_field("fields", _mapped)
    sources: FixedMapping[str, Any] = checked_field("sources", _mapped)

    def to_json(self) -> str:
        """Write the customer as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> CustomerProfile:
        """Read what `to_json` wrote."""
        return from_json(cls, text)


def _fields(name: str, value: Any) -> FixedMapping[str, ProfileField]:
    check = of_class(ProfileField)
    return FixedMapping(
        {as_text(name, key): check(f"{name}[{key!r}]", field) for key, field in columns_of(name, value).items()}
    )


@stay_frozen
@attrs.frozen(kw_only=True)
class ProfileTable(Columns):
    """All customers with their fields; make it with :func:`profile_table`.

    Parameters
    ----------
    profiles : Profiles
        The profiles.
    fields : mapping of str to ProfileField
        Their fields.

    Examples
    --------
    >>> from crmvalue.profiles import resolve_profiles
    >>> profiles = resolve_profiles([1, 2, 3], {"card": ["a", "a", "b"]}, ["card"])
    >>> table = profile_table(profiles, {"level": ProfileField(profile=[0], value=["gold"])})
    >>> table.to_frame("polars").rows()
    [(0, 2, 'gold'), (2, 1, None)]
    """

    profiles: Profiles = checked_field("profiles", of_class(Profiles))
    fields: FixedMapping[str, ProfileField] = checked_field("fields", _fields)

    def of(self, profile: int) -> CustomerProfile:
        """Give one customer as a frozen value."""
        records = self.profiles.records_of(profile)
        mine = self.profiles.profile == profile
        keys = {name: np.unique(column[mine]).tolist() for name, column in self.profiles.keys.items()}
        sources = {}
        for name, field in self.fields.items():
            place = np.nonzero(field.profile == profile)[0]
            known = field.record is not None and len(place)
            sources[name] = field.record[place].tolist()[0] if field.record is not None and known else None
        return CustomerProfile(
            profile=profile,
            records=records.tolist(),
            contacts=FixedMapping({name: tuple(value for value in values if value) for name, values in keys.items()}),
            fields=FixedMapping({name: field.of(profile) for name, field in self.fields.items()}),
            sources=FixedMapping(sources),
        )

    @property
    def n_dropped(self) -> dict[str, int]:
        """Number of values of each field that belong to no profile: the table and its dataframe leave them out."""
        there = np.unique(self.profiles.profile)
        return {name: int(np.sum(~np.isin(field.profile, there))) for name, field in self.fields.items()}

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give a row for each profile, for a dataframe; a missing value is None."""
        numbers, counts = np.unique(self.profiles.profile, return_counts=True)
        columns = {"profile": numbers, "n_records": counts}
        for name, field in self.fields.items():
            values = np.full(len(self.profiles), None, dtype=object)
            known = np.isin(field.profile, numbers)
            values[field.profile[known]] = field.value[known].astype(object)
            columns[name] = values[numbers]
        return columns

    def to_json(self) -> str:
        """Write the table as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> ProfileTable:
        """Read what `to_json` wrote."""
        return from_json(cls, text, Profiles, MatchRule, ProfileField)


def profile_table(profiles: Profiles, fields: Mapping[str, ProfileField]) -> ProfileTable:
    """Put fields of any origin side by side: one row for each customer, one value for one customer.

    Parameters
    ----------
    profiles : Profiles
        The profiles.
    fields : mapping of str to ProfileField
        Names, consents, groups, levels, values: whatever has one value for a profile. A field named "profile" or
        "n_records" is refused.

    Returns
    -------
    ProfileTable
        The table.

    Warns
    -----
    DataWarning
        If a field has values of profiles that do not exist, such as those that have merged since. They are left out;
        ``ProfileTable.n_dropped`` counts them by field. Make the field again from the records, or follow the merges
        by ``Profiles.changes_since``.

    Examples
    --------
    >>> from crmvalue.profiles import resolve_profiles
    >>> profiles = resolve_profiles(["a1", "b7"], {"card": ["x", "x"]}, ["card"])
    >>> city = choose_values(profiles, ["a1", "b7"], ["Kyiv", "Kyiv, Ukraine"], choose="longest")
    >>> customer = profile_table(profiles, {"city": city}).of(0)
    >>> customer.fields["city"], customer.sources["city"], customer.contacts["card"]
    ('Kyiv, Ukraine', 'b7', ('X',))
    """
    given = _fields("fields", fields)
    for name in ("profile", "n_records"):
        if name in given:
            raise InputError("fields", "without `profile` and `n_records`", name)
    table = ProfileTable(profiles=profiles, fields=given)
    dropped = {name: n for name, n in table.n_dropped.items() if n}
    if dropped:
        counts = ", ".join(f"{n} of {name!r}" for name, n in dropped.items())
        message = (
            f"values of profiles that do not exist are left out: {counts}. Make these fields for the profiles of now."
        )
        warnings.warn(DataWarning(message, sum(dropped.values())), stacklevel=2)
    return table


def choose_values(
    profiles: Profiles,
    record: ArrayLike,
    value: ArrayLike,
    *,
    choose: str,
    time: ArrayLike | None = None,
    source: ArrayLike | None = None,
    trust: Sequence[str] = (),
) -> ProfileField:
    """Choose one value of a field for each profile, and say which record it comes from.

    Parameters
    ----------
    profiles : Profiles
        The profiles.
    record : array_like
        The record of each row; a record may have several rows.
    value : array_like
        The values: texts, days, True or False, or finite numbers but no Decimals, whose amounts are given as text or as
        float; None for a missing one, which is never chosen.
    choose : {"most_recent", "most_frequent", "most_trusted", "longest", "first"}
        The rule. "first" is the oldest record. Among equals, the oldest record decides, then the order of the texts.
        Of records that came in one call, the first by identifier counts as the oldest (:class:`Profiles`), whenever it
        was made.
    time : array_like, optional
        When each value was true, for "most_recent".
    source : array_like, optional
        Source of each row, such as "shop"; needed for "most_trusted". None where it is not known, which counts as an
        empty text.
    trust : list of str, default ()
        Sources for "most_trusted", the best first; the others come after them.

    Returns
    -------
    ProfileField
        The value of each profile that has one.

    Raises
    ------
    InputError
        If columns differ in length, a record is not known, a value is of another kind, such as a Decimal, or a rule
        lacks what it needs.

    Examples
    --------
    >>> from crmvalue.profiles import resolve_profiles
    >>> profiles = resolve_profiles([1, 2], {"card": ["x", "x"]}, ["card"])
    >>> days = ["2024-01-01", "2024-03-01"]
    >>> field = choose_values(profiles, [1, 2], ["Ann", "Anna"], choose="most_recent", time=days)
    >>> field.value.tolist(), field.record.tolist()
    (['Anna'], [2])
    """
    require_choice("choose", choose, _CHOICES)
    require_same_index(record=record, value=value, time=time, source=source)
    for name, column, user in (("time", time, "most_recent"), ("source", source, "most_trusted")):
        if column is None and choose == user:
            raise InputError(name, f"given to choose by {user!r}", None)
    trusted = _trusted(trust, choose)
    place = of_class(Profiles)("profiles", profiles).places_of(record)
    items = np.array([*text_items("value", value), None], dtype=object)[:-1]
    columns: dict[str, npt.NDArray[Any]] = {"record": place, "value": items}
    if time is not None or choose == "most_recent":
        columns["time"] = as_time_column("time", [] if time is None else time)
    if source is not None or choose == "most_trusted":
        columns["source"] = _sources([] if source is None else source)
    require_same_length(**columns)
    words = np.array([_word(item, index) for index, item in enumerate(items.tolist())], dtype=object)
    _, code = np.unique(words, return_inverse=True)  # numpy's text loses null characters at its end
    owner = profiles.profile[place]
    there = np.array([item is not None and word.strip() != "" for item, word in zip(items, words, strict=True)])
    if choose == "most_recent":
        score = columns["time"].astype(np.int64)
    elif choose == "most_frequent":
        pair = np.where(there, owner * (code.max(initial=0) + 1) + code, -1)
        _, where, counts = np.unique(pair, return_inverse=True, return_counts=True)
        score = counts[where]
    elif choose == "most_trusted":
        rank = {name: -i for i, name in enumerate(trusted)}
        score = np.array([rank.get(name, -len(rank)) for name in columns["source"].tolist()])
    elif choose == "longest":
        score = np.array([len(word) for word in words.tolist()])
    else:
        score = np.zeros(len(place), dtype=np.int64)
    return _best(profiles, owner, place, items, there, (code, place, -score), columns.get("source"))


def _word(item: Any, index: int) -> str:
    """Write a value as text, to compare it and to see whether it is empty."""
    rule = "a text, a finite number, a date or None"
    if isinstance(item, list | tuple | set | dict | np.ndarray):
        raise InputError("value", rule, item, index=index)
    if item is not None and not is_label(item):
        hint = "give amounts as text, or as float" if isinstance(item, Decimal) else None
        raise InputError("value", rule, item, index=index, hint=hint)
    try:
        return str(item)
    except Exception as error:  # whatever the value's own code raises
        raise InputError("value", rule, item, index=index) from error


def _sources(source: ArrayLike) -> npt.NDArray[Any]:
    """Take the source of each row; an empty text where it is missing."""
    items = ["" if item is None else item for item in text_items("source", source)]
    for index, item in enumerate(items):
        if not is_label(item):
            raise InputError("source", "a text or a number of the source, or None", item, index=index)
    return np.array([*items, None], dtype=object)[:-1]


def _trusted(trust: Any, choose: str) -> list[str | int]:
    """Take the sources, the best first."""
    rule = "the sources, the best first, each once"
    trusted = as_ordered_items("trust", trust, "a list of sources")
    for index, name in enumerate(trusted):
        if not isinstance(name, str | int):
            raise InputError("trust", rule, name, index=index)
    if len(set(trusted)) != len(trusted) or (choose == "most_trusted" and not trusted):
        raise InputError("trust", rule, trusted)
    return trusted


def merge_consent(profiles: Profiles, record: ArrayLike, consent: ArrayLike) -> ProfileField:
    """Merge consent for one channel: a refusal in any record wins.

    Parameters
    ----------
    profiles : Profiles
        The profiles.
    record : array_like
        The record of each row; a record may have several rows.
    consent : array_like of bool
        True for given, False for refused or withdrawn, None for never asked. A profile without any answer has no row:
        they have not consented.

    Returns
    -------
    ProfileField
        True or False for each profile with an answer, and the record that decided.

    Raises
    ------
    InputError
        If columns differ in length, a record is not known, or an answer is neither True, False nor None.

    Examples
    --------
    >>> from crmvalue.profiles import resolve_profiles
    >>> profiles = resolve_profiles([1, 2, 3], {"card": ["x", "x", "y"]}, ["card"])
    >>> merged = merge_consent(profiles, [1, 2, 3], [True, False, None])
    >>> merged.value.tolist(), merged.record.tolist()
    ([False], [2])
    """
    require_same_index(record=record, consent=consent)
    place = of_class(Profiles)("profiles", profiles).places_of(record)
    items = text_items("consent", consent)
    for index, item in enumerate(items):
        if not (item is None or isinstance(item, bool | np.bool_)):
            raise InputError("consent", "True, False or None", item, index=index)
    require_same_length(record=place, consent=np.array(items, dtype=object))
    there = np.array([item is not None for item in items])
    given = np.array([bool(item) for item in items])
    owner = profiles.profile[place]
    return _best(profiles, owner, place, given, there, (place, given), None)


def _best(
    profiles: Profiles,
    owner: Integers,
    place: Integers,
    items: npt.NDArray[Any],
    there: npt.NDArray[np.bool_],
    ranks: tuple[npt.NDArray[Any], ...],
    source: npt.NDArray[Any] | None,
) -> ProfileField:
    """Give the first row of each profile by the ranks, of which the last counts most."""
    rows = np.nonzero(there)[0]
    rows = rows[np.lexsort((*(rank[rows] for rank in ranks), owner[rows]))]
    chosen = rows[np.diff(owner[rows], prepend=-1) != 0]
    values = items[chosen]
    alike = values.dtype == object and len({type(item) for item in values}) == 1
    return ProfileField(
        profile=read_only(hand_over(owner[chosen])),
        value=values.tolist() if alike else values,
        record=profiles.record[place[chosen]],
        source=None if source is None else source[chosen],
    )
