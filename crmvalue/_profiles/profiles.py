"""Records of many channels merged to customers, with the reason of each merge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import attrs
import numpy as np
import numpy.typing as npt

from crmvalue._core.checks import (
    as_fraction,
    as_items,
    as_ordered_items,
    as_text,
    as_whole_number,
    require,
    require_choice,
    require_same_index,
    require_same_length,
    to_array,
)
from crmvalue._core.encoding.customers import (
    are_texts,
    as_comparable,
    encode_customers,
    is_among,
    join_customers,
    text_array,
)
from crmvalue._core.encoding.indexes import part_of
from crmvalue._core.frames import Columns
from crmvalue._core.json import from_json, to_json
from crmvalue._core.labels import columns_of, on_its_side
from crmvalue._core.values import (
    FixedMapping,
    array_columns,
    checked_field,
    choice_field,
    count_column,
    count_field,
    hand_over,
    label_column,
    number_column,
    of_class,
    plain_given,
    read_only,
    require_columns,
    stay_frozen,
    whole_table,
    words_field,
)
from crmvalue._profiles.keys import KINDS, NUMBERS, codes_of, kind_of, kinds_of, listed_values, normal_keys, texts_of
from crmvalue._profiles.merging import FINE, KEPT_APART, TOO_LARGE, Groups, chain_between, grouped, merge, scored_groups
from crmvalue._profiles.rules import MatchRule, rules_of
from crmvalue._profiles.scores import ScoredPairs
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from crmvalue.typing import ArrayLike, Floats, Integers

__all__ = ["IdentityEvents", "MergeStep", "Profiles", "RefusedKeys", "resolve_profiles"]

_REASONS = {TOO_LARGE: "too many records in one profile", KEPT_APART: "would join a pair that stays apart"}


def _words_of(value: Any, name: str, take: Callable[..., list[Any]] = as_items) -> npt.NDArray[np.str_]:
    rule = "a column of texts"
    if part_of(part_of(value, "dtype"), "kind", "") == "U":
        column, _ = to_array(name, value, rule)
        if column.ndim != 1:
            raise InputError(name, rule, f"the shape {column.shape}")
        return column
    items = [as_text(name, item) for item in take(name, value, rule)]
    return text_array(items) if items else np.zeros(0, dtype="U1")


def _key_columns(value: Any) -> FixedMapping[str, npt.NDArray[np.str_]]:
    columns = columns_of("keys", plain_given(value)).items()
    words = {as_text("keys", name): _words_of(part, f"keys[{name!r}]", as_ordered_items) for name, part in columns}
    return FixedMapping({name: read_only(column) for name, column in words.items()})


def _same_columns(left: Mapping[str, Any], right: Mapping[str, Any]) -> bool:
    return left.keys() == right.keys() and all(np.array_equal(left[name], right[name]) for name in left)


def _lists(name: str, value: Any) -> FixedMapping[str, tuple[str, ...]]:
    pairs = columns_of(name, value).items()
    words = {as_text(name, key): _words_of(column, f"{name}[{key!r}]").tolist() for key, column in pairs}
    return FixedMapping({key: tuple(sorted(set(listed))) for key, listed in words.items()})


@stay_frozen
@attrs.frozen(kw_only=True)
class RefusedKeys(Columns):
    """Shared keys that were not used to merge records, with the reason.

    Parameters
    ----------
    rule : tuple of str
        The rule, or the key alone where no rule may use the value.
    value : tuple of str
        The shared value; several values are joined by " + ".
    n_records : ndarray of int
        Number of records that share it.
    reason : tuple of str
        Why it was not used.

    Examples
    --------
    >>> profiles = resolve_profiles([1, 2, 3], {"card": ["0", "0", "0"]}, ["card"], most_sharing=2)
    >>> profiles.refused.value, profiles.refused.reason
    (('0',), ('shared by too many records',))
    """

    rule: tuple[str, ...] = words_field("rule")
    value: tuple[str, ...] = words_field("value")
    n_records: Integers = count_column("n_records")
    reason: tuple[str, ...] = words_field("reason")

    def __attrs_post_init__(self) -> None:
        require_columns(self, len(self.rule), ("value", "n_records", "reason"), "rules")
        require(self.n_records >= 1, "n_records", self.n_records, ">= 1")

    def __len__(self) -> int:
        return len(self.rule)

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give a row for each value, for a dataframe."""
        words = {name: np.array(getattr(self, name), dtype=object) for name in ("rule", "value", "reason")}
        return {"rule": words["rule"], "value": words["value"], "n_records": self.n_records, "reason": words["reason"]}

    def to_json(self) -> str:
        """Write the keys as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> RefusedKeys:
        """Read what `to_json` wrote."""
        return from_json(cls, text)


@stay_frozen
@attrs.frozen(kw_only=True)
class IdentityEvents(Columns):
    """Changes of identities: which profile became part of which, and which profile came out of which.

    Parameters
    ----------
    event : tuple of str
        "merged" or "split".
    profile : ndarray of int
        The profile before the change.
    into : ndarray of int
        The profile that its records, or the records that left it, belong to now.
    n_records : ndarray of int
        Number of records that moved.

    Examples
    --------
    >>> before = resolve_profiles([1, 2], {"card": ["a", "b"], "phone": [None, None]}, ["card"])
    >>> after = before.add([3, 4], {"card": ["c", "b"], "phone": [None, None]})
    >>> len(after.changes_since(before))
    0
    """

    event: tuple[str, ...] = words_field("event")
    profile: Integers = count_column("profile")
    into: Integers = count_column("into")
    n_records: Integers = count_column("n_records")

    def __attrs_post_init__(self) -> None:
        require_columns(self, len(self.event), ("profile", "into", "n_records"), "events")
        require(np.isin(self.event, ("merged", "split")), "event", self.event, "'merged' or 'split'")
        require(self.into != self.profile, "into", self.into, "another profile")
        require(self.n_records >= 1, "n_records", self.n_records, ">= 1")

    def __len__(self) -> int:
        return len(self.event)

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give a row for each event, for a dataframe."""
        return {"event": np.array(self.event, dtype=object), **array_columns(self)}

    def to_json(self) -> str:
        """Write the events as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> IdentityEvents:
        """Read what `to_json` wrote."""
        return from_json(cls, text)


def _identifier(name: str, value: Any) -> int | str:
    plain = value.item() if isinstance(value, np.integer) else value
    if not isinstance(plain, int | str) or isinstance(plain, bool):
        raise InputError(name, "a whole number or a text", value)
    return plain


@attrs.frozen
class MergeStep:
    """One step of an explanation: two records and what they share.

    Parameters
    ----------
    first, second : int or str
        The records.
    rule : str
        The rule that joins them.
    value : str
        The values that they share, joined by " + ".

    Examples
    --------
    >>> print(MergeStep("shop-1", "web-1", "phone", "+380671234567"))
    shop-1 and web-1 share phone +380671234567
    """

    first: Any = checked_field("first", _identifier)
    second: Any = checked_field("second", _identifier)
    rule: str = checked_field("rule", as_text)
    value: str = checked_field("value", as_text)

    def __str__(self) -> str:
        return f"{self.first} and {self.second} share {self.rule} {self.value}".rstrip()

    def to_json(self) -> str:
        """Write the step as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> MergeStep:
        """Read what `to_json` wrote."""
        return from_json(cls, text)


@stay_frozen
@attrs.frozen(kw_only=True)
class Profiles(Columns):
    """Records and the profile of each; make it with :func:`resolve_profiles`.

    A profile is a customer. Its number is the place of its oldest record, so it stays when younger records join. Old
    are the records that were here before others were added; of those that came together, the first by identifier counts
    as the oldest, texts in alphabetical order: "shop-10" before "shop-9", and "app-3" before both.
    When profiles merge, the number of the oldest stays. When a profile splits, the part with its oldest record keeps
    the number, and another part gets the place of its own oldest record: the number it had before a merge.

    Parameters
    ----------
    record : ndarray
        Identifiers of the records, the oldest first: in ascending order, and then those that were added later.
    keys : mapping of str to ndarray of str
        Keys in one form, one column a key; an empty text for none.
    rules : tuple of MatchRule
        The rules, the strongest first.
    kinds : mapping of str to str
        The kind of each key: "phone", "email", "code" or "text".
    region : str, default ""
        Country of phone numbers without a country code, such as "UA"; empty for none.
    sub_address : {"keep", "drop"}, default "keep"
        Whether "ann+shop@example.com" is another address than "ann@example.com".
    email_case : {"fold", "keep"}, default "fold"
        Whether capital letters before the "@" count as small ones.
    most_sharing : int, default 20
        Most records that a value of a phone, e-mail or code may have, and still join records.
    most_records : int, default 50
        Most records of one profile.
    never : mapping of str to tuple of str
        Values of each key that never join records, in one form.
    apart_first, apart_second : ndarray of int
        Places of pairs of records that must not be in one profile.
    scored_first, scored_second : ndarray of int
        Places of pairs of records that are one customer by their score.
    scored_prob : ndarray
        The probability of each.

    Attributes
    ----------
    profile : ndarray of int
        Number of the profile of each record.
    refused : RefusedKeys
        Shared keys that were not used, with the reason.

    Examples
    --------
    >>> profiles = resolve_profiles(
    ...     ["shop-1", "web-1", "web-2"],
    ...     {"card": ["77", "77", None], "email": [None, "ann@example.com", "Ann@example.com"]},
    ...     ["card", "email"],
    ... )
    >>> profiles.n_profiles, profiles.of(["web-2"]).tolist()
    (1, [0])
    """

    record: npt.NDArray[Any] = label_column("record")
    keys: FixedMapping[str, npt.NDArray[np.str_]] = attrs.field(
        converter=_key_columns, eq=attrs.cmp_using(eq=_same_columns), repr=False
    )
    rules: tuple[MatchRule, ...] = checked_field("rules", rules_of)
    kinds: FixedMapping[str, str] = checked_field("kinds", texts_of)
    region: str = checked_field("region", as_text, default="")
    sub_address: str = choice_field("sub_address", ("keep", "drop"), default="keep")
    email_case: str = choice_field("email_case", ("fold", "keep"), default="fold")
    most_sharing: int = count_field("most_sharing", low=2, default=20)
    most_records: int = count_field("most_records", low=2, default=50)
    never: FixedMapping[str, tuple[str, ...]] = checked_field("never", _lists, factory=FixedMapping)
    apart_first: Integers = whole_table("apart_first", factory=lambda: np.zeros(0, dtype=np.int64))
    apart_second: Integers = whole_table("apart_second", factory=lambda: np.zeros(0, dtype=np.int64))
    scored_first: Integers = whole_table("scored_first", factory=lambda: np.zeros(0, dtype=np.int64))
    scored_second: Integers = whole_table("scored_second", factory=lambda: np.zeros(0, dtype=np.int64))
    scored_prob: Floats = number_column("scored_prob", factory=lambda: np.zeros(0))
    profile: Integers = attrs.field(init=False, eq=False, repr=False)
    refused: RefusedKeys = attrs.field(init=False, eq=False, repr=False)
    _groups: tuple[Groups, ...] = attrs.field(init=False, eq=False, repr=False)
    _fates: tuple[npt.NDArray[np.int8], ...] = attrs.field(init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        n = require_same_length(record=self.record)
        distinct, _ = encode_customers("record", self.record)
        if len(distinct) != n:
            values, counts = np.unique(self.record, return_counts=True)
            raise InputError("record", "each once", values[counts > 1].tolist()[0])
        for name, column in self.keys.items():
            if len(column) != n:
                raise InputError(f"keys[{name!r}]", f"one for each of the {n} records", len(column))
            require_choice(f"kinds[{name!r}]", self.kinds.get(name), KINDS)
        for rule in self.rules:
            for key in rule.keys:
                require_choice("rules", key, self.keys)
        for name in self.never:
            require_choice("never", name, self.keys)
        for kind in ("apart", "scored"):
            first, second = getattr(self, f"{kind}_first"), getattr(self, f"{kind}_second")
            if len(first) != len(second):
                raise InputError(f"{kind}_second", f"as long as `{kind}_first` ({len(first)})", len(second))
            require(first < n, f"{kind}_first", first, "a place of a record")
            require((second < n) & (second != first), f"{kind}_second", second, "a place of another record")
        require_columns(self, len(self.scored_first), ("scored_prob",), "scored pairs")
        require((self.scored_prob >= 0) & (self.scored_prob <= 1), "scored_prob", self.scored_prob, "in [0, 1]")
        self._resolve(n)

    def _resolve(self, n: int) -> None:
        usable, refused = self._usable()
        groups = []
        for rule in self.rules:
            made, _ = grouped(_joint(usable, rule))
            if len(rule.keys) > 1 or self.kinds[rule.keys[0]] == "text":
                made = self._without_crowds(made, rule, refused)
            groups.append(made)
        groups.append(scored_groups(self.scored_first, self.scored_second, self.scored_prob))
        apart = np.column_stack([self.apart_first, self.apart_second])
        label, fates = merge(n, groups, self.most_records, apart)
        for index, (made, fate) in enumerate(zip(groups, fates, strict=True)):
            places = np.nonzero(fate != FINE)[0]
            one, other = made.row[made.start[places]].tolist(), made.row[made.start[places] + 1].tolist()
            shared = self._shared([index] * len(places), one, other)
            reasons = [_REASONS[number] for number in fate[places].tolist()]
            refused += [(*s, n, r) for s, n, r in zip(shared, made.size[places].tolist(), reasons, strict=True)]
        columns: list[Any] = [list(column) for column in zip(*refused, strict=True)] if refused else [[], [], [], []]
        report = RefusedKeys(rule=columns[0], value=columns[1], n_records=columns[2], reason=columns[3])
        for name, value in {"profile": read_only(hand_over(label)), "refused": report}.items():
            object.__setattr__(self, name, value)
        object.__setattr__(self, "_groups", tuple(Groups(*map(read_only, map(hand_over, made))) for made in groups))
        object.__setattr__(self, "_fates", tuple(read_only(hand_over(fate)) for fate in fates))

    def _usable(self) -> tuple[dict[str, Integers], list[tuple[str, str, int, str]]]:
        """Give the code of each key, -1 where it joins nothing, and the values that join nothing."""
        usable, refused = {}, []
        for name in sorted({key for rule in self.rules for key in rule.keys}):
            values, code = codes_of(self.keys[name])
            count = np.bincount(code[code >= 0], minlength=len(values))
            listed = is_among(values, text_array(self.never.get(name, ())))
            crowded = (count > self.most_sharing) & (self.kinds[name] in NUMBERS) & ~listed
            for out, reason in ((listed, "in the list of `never`"), (crowded, "shared by too many records")):
                refused += [(name, str(values[i]), int(count[i]), reason) for i in np.nonzero(out)[0]]
            good = np.append(~(listed | crowded), False)
            usable[name] = np.where(good[code], code, -1)
        return usable, refused

    def _without_crowds(self, groups: Groups, rule: MatchRule, refused: list[tuple[str, str, int, str]]) -> Groups:
        crowded = groups.size > self.most_sharing
        if not crowded.any():
            return groups
        for row, n in zip(groups.row[groups.start[crowded]].tolist(), groups.size[crowded].tolist(), strict=True):
            refused.append((str(rule), self._value(rule, row), n, "shared by too many records"))
        keep = ~crowded[groups.group]
        left = groups.group[keep]
        new = np.diff(left, prepend=-1) != 0
        return Groups(groups.row[keep], np.cumsum(new) - 1, np.nonzero(new)[0])

    def _value(self, rule: MatchRule, row: int) -> str:
        return " + ".join(str(self.keys[key][row]) for key in rule.keys)

    def _shared(self, index: list[int], one: list[int], other: list[int]) -> list[tuple[str, str]]:
        """Give the rule and the value that pairs of records share by a rule; the last rule is the score."""
        prob: dict[tuple[int, ...], float] = {}
        if len(self.rules) in index:
            order = np.argsort(self.scored_prob, kind="stable")  # the largest of a pair comes last
            pairs = np.sort(np.column_stack([self.scored_first, self.scored_second])[order], axis=1)
            prob = dict(zip(map(tuple, pairs.tolist()), self.scored_prob[order].tolist(), strict=True))
        return [
            (str(self.rules[rule]), self._value(self.rules[rule], first))
            if rule < len(self.rules)
            else ("a score of", on_its_side(prob[min(first, second), max(first, second)], 1, 3))
            for rule, first, second in zip(index, one, other, strict=True)
        ]

    def __len__(self) -> int:
        return len(self.record)

    @property
    def n_profiles(self) -> int:
        """Number of profiles."""
        return int(np.count_nonzero(self.profile == np.arange(len(self.record))))

    def of(self, record: ArrayLike) -> Integers:
        """Give the number of the profile of each of these records."""
        found: Integers = self.profile[self._places("record", record)]
        return found

    def records_of(self, profile: int) -> npt.NDArray[Any]:
        """Give the records of one profile, the oldest first."""
        number = as_whole_number("profile", profile, low=0)
        if number >= len(self) or self.profile[number] != number:
            raise InputError("profile", "the number of a profile", profile)
        records: npt.NDArray[Any] = self.record[self.profile == number]
        return records

    def explain(self, first: Any, second: Any) -> tuple[MergeStep, ...]:
        """Give the shortest chain of shared keys from one record to another; empty if they are not one customer."""
        start, end = (int(self._places(name, [one])[0]) for name, one in (("first", first), ("second", second)))
        if self.profile[start] != self.profile[end]:
            return ()
        members = np.nonzero(self.profile == self.profile[start])[0]
        chain = chain_between(start, end, members, self._groups, self._fates)
        if not chain:
            return ()
        shared = self._shared([index for *_, index in chain], [one for one, *_ in chain], [pair[1] for pair in chain])
        return tuple(
            MergeStep(pair[0], pair[1], rule, value)
            for pair, (rule, value) in zip(self.record[[step[:2] for step in chain]].tolist(), shared, strict=True)
        )

    def undo(self, first: Any, second: Any) -> Self:
        """Take apart two records that are not one customer; they stay apart when records are added."""
        start, end = (int(self._places(name, [one])[0]) for name, one in (("first", first), ("second", second)))
        if start == end:
            raise InputError("second", "another record", second)
        return attrs.evolve(
            self,
            apart_first=np.append(self.apart_first, min(start, end)),
            apart_second=np.append(self.apart_second, max(start, end)),
        )

    def add(self, record: ArrayLike, keys: Mapping[str, ArrayLike]) -> Self:
        """Add records, in ascending order, after those that are there; give all keys, None for none.

        Old profiles keep their numbers, by the rule above. :meth:`changes_since` gives what merged and split.
        """
        names, columns = _normal(
            record, keys, self.kinds, region=self.region, sub_address=self.sub_address, email_case=self.email_case
        )
        if columns.keys() != self.keys.keys():
            raise InputError("keys", f"the keys {', '.join(self.keys)}", list(columns))
        old, _ = encode_customers("record", self.record)
        if are_texts(old) != are_texts(names):
            raise InputError("record", "identifiers of the same type as before", names.tolist()[0])
        known = is_among(names, self.record)
        require(~known, "record", names, "new")
        joined = {name: np.concatenate([column, columns[name]]) for name, column in self.keys.items()}
        return attrs.evolve(self, record=join_customers(self.record, names), keys=joined)

    def with_scores(self, pairs: ScoredPairs, *, min_prob: float = 0.95) -> Self:
        """Join pairs of at least this probability too, after all rules, within the same limits.

        They take the place of pairs that were joined so before.
        """
        scored, least = of_class(ScoredPairs)("pairs", pairs), as_fraction("min_prob", min_prob, closed=True)
        chosen = scored.prob >= least
        first, second = (self.places_of(column[chosen]) for column in (scored.first, scored.second))
        return attrs.evolve(self, scored_first=first, scored_second=second, scored_prob=scored.prob[chosen])

    def changes_since(self, before: Profiles) -> IdentityEvents:
        """Give what happened to the profiles of an older value, so that plans, points and consent can follow."""
        before = of_class(Profiles)("before", before)
        if not np.array_equal(before.record, self.record[: len(before)]):
            raise InputError("before", "profiles of the same records, or of the first of them", before)
        old, new = before.profile, self.profile[: len(before)]
        moved = np.nonzero(old != new)[0]
        pairs, counts = np.unique(np.column_stack([old[moved], new[moved]]), axis=0, return_counts=True)
        whole = self.profile[pairs[:, 0]] == pairs[:, 1]  # the oldest record went there, too
        return IdentityEvents(
            event=tuple("merged" if one else "split" for one in whole.tolist()),
            profile=pairs[:, 0],
            into=pairs[:, 1],
            n_records=counts,
        )

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give a row for each record, for a dataframe."""
        return {"record": self.record, "profile": self.profile}

    def to_json(self) -> str:
        """Write everything that is needed to add records later; the profiles are resolved again when it is read."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read what :meth:`to_json` wrote."""
        return from_json(cls, text, MatchRule, keys=dict, kinds=dict, never=dict)

    def places_of(self, record: ArrayLike) -> Integers:
        """Give the place of each of these records, from the oldest on."""
        return self._places("record", record)

    def _places(self, name: str, record: ArrayLike) -> Integers:
        wanted, code = encode_customers(name, record)
        if not len(wanted):
            return np.zeros(0, dtype=np.int64)
        if isinstance(wanted[0], str) != isinstance(self.record[0], str):
            raise InputError(name, "a known record", wanted.tolist()[0])
        known, asked = as_comparable(self.record, wanted)
        order = np.argsort(known, kind="stable")
        place = np.minimum(np.searchsorted(known, asked, sorter=order), len(order) - 1)
        found = order[place]
        require(known[found] == asked, name, wanted, "a known record")
        places: Integers = found[code]
        return places


def _joint(usable: Mapping[str, Integers], rule: MatchRule) -> Integers:
    """Give one code for the values of all keys of a rule; -1 where one of them is missing."""
    code = usable[rule.keys[0]]
    for key in rule.keys[1:]:
        other = usable[key]
        both = np.nonzero((code >= 0) & (other >= 0))[0]
        pair = code[both] * (other.max(initial=0) + 1) + other[both]
        code = np.full(len(code), -1, dtype=np.int64)
        code[both] = np.unique(pair, return_inverse=True)[1]
    return code


def _normal(
    record: ArrayLike, keys: Mapping[str, ArrayLike], kinds: Mapping[str, str], **policy: Any
) -> tuple[npt.NDArray[Any], dict[str, npt.NDArray[np.str_]]]:
    """Give the records in ascending order, each once, and their keys in one form."""
    require_same_index(
        record=record, **{f"keys[{name!r}]": column for name, column in columns_of("keys", keys).items()}
    )
    names, place = encode_customers("record", record)
    if len(names) != len(place):
        counts = np.bincount(place)
        raise InputError("record", "each once", names[counts > 1].tolist()[0])
    require_same_length(record=place)
    order = np.argsort(place)
    columns = {}
    for name, column in columns_of("keys", keys).items():
        of = f"keys[{as_text('keys', name)!r}]"
        values = normal_keys(of, column, kind_of(name, kinds), **policy)
        if len(values) != len(names):
            raise InputError(of, f"as long as `record` ({len(names)} rows)", len(values))
        columns[name] = values[order]
    return names, columns


def resolve_profiles(
    record: ArrayLike,
    keys: Mapping[str, ArrayLike],
    rules: ArrayLike,
    *,
    kinds: Mapping[str, str] | None = None,
    region: str = "",
    sub_address: str = "keep",
    email_case: str = "fold",
    most_sharing: int = 20,
    most_records: int = 50,
    never: Mapping[str, Sequence[str]] | None = None,
    apart: Sequence[Any] = (),
) -> Profiles:
    """Merge records of many channels that are one customer.

    Records that share all keys of a rule are one customer, and so are records that are linked through others. The order
    of the rows does not matter.

    Parameters
    ----------
    record : array_like
        Identifier of each record, a whole number or text, each once, such as "shop-17".
    keys : mapping of str to array_like
        Columns of keys, one element a record; None or an empty text for a missing key. A key that is not valid counts
        as missing.
    rules : list of MatchRule or str
        The rules, the strongest first, such as ``["phone", "email", MatchRule(["name", "birthday"])]``. A text is a
        rule of one key.
    kinds : mapping of str to str, optional
        Kinds of keys. "phone"; "email"; "code": letters and digits count, and a Cyrillic letter that looks like a Latin
        one counts as that one; "text": case, spaces, invisible characters and the kind of apostrophe or hyphen do not
        count, and a date counts as "1990-05-31". By default "phone", "email", "card" and "passport" are what their
        names say, all others are texts.
    region : str, default ""
        Country of phone numbers without a country code, such as "UA".
    sub_address : {"keep", "drop"}, default "keep"
        Whether "ann+shop@example.com" is another address than "ann@example.com".
    email_case : {"fold", "keep"}, default "fold"
        Whether capital letters before the "@" count as small ones.
    most_sharing : int, default 20
        A phone, e-mail or code on more records than that joins none of them; nor do the values of a rule that more
        records share. Above 1.
    most_records : int, default 50
        Most records of one profile, above 1. Where a rule would melt more together, it does not count there.
    never : mapping of str to list of str, optional
        Values that never join records, such as the number of the shop itself; each a valid one of its kind.
    apart : list of pairs, optional
        Pairs of records that must not be one customer.

    Returns
    -------
    Profiles
        The profile of each record, and the reasons.

    Raises
    ------
    InputError
        If a record occurs twice, a rule names an unknown key, or an argument is outside of its range.
    ModuleNotFoundError
        If there are phone numbers and phonenumbers is not installed; the extra `match` installs it.

    Notes
    -----
    A phone number in the form of E.164 with as many digits as its country has is taken as it is. All others are read by
    phonenumbers, and those that cannot exist count as missing.

    Rules work one after the other. Where one of them would melt more than `most_records` together, none of its shared
    keys counts there. Where it would join a pair that stays apart, its shared keys count one by one, as long as the
    pair stays apart: those of most records first, and of as many records those of the first value in ascending order.

    Examples
    --------
    >>> profiles = resolve_profiles(
    ...     ["shop-1", "web-1", "web-2", "chat-7"],
    ...     {
    ...         "phone": ["067 123 45 67", "+380671234567", None, "+380501112233"],
    ...         "email": [None, "Olena@Example.com", "olena@example.com", None],
    ...     },
    ...     rules=["phone", "email"],
    ...     region="UA",
    ... )
    >>> profiles.n_profiles
    2
    >>> for step in profiles.explain("shop-1", "web-2"):
    ...     print(step)
    shop-1 and web-1 share phone +380671234567
    web-1 and web-2 share email olena@example.com
    """
    region, policy = as_text("region", region), {"sub_address": sub_address, "email_case": email_case}
    require_choice("sub_address", sub_address, ("keep", "drop"))
    require_choice("email_case", email_case, ("fold", "keep"))
    given = kinds_of({} if kinds is None else kinds)
    names, columns = _normal(record, keys, given, region=region or None, **policy)
    for name in given:
        require_choice("kinds", name, columns)
    all_kinds = {name: kind_of(name, given) for name in columns}
    listed = {
        name: listed_values(
            _words_of(values, f"never[{name!r}]"), all_kinds.get(name, "text"), region or None, **policy
        )
        for name, values in columns_of("never", {} if never is None else never).items()
    }
    pairs = [as_items("apart", pair, "pairs of records") for pair in as_items("apart", apart, "pairs of records")]
    for index, pair in enumerate(pairs):
        distinct, _ = encode_customers("apart", pair)  # none of them is missing
        if len(pair) != 2 or len(distinct) != 2 or isinstance(distinct[0], str) != isinstance(names[0], str):
            raise InputError("apart", "pairs of two records", pair, index=index)
    known, asked = as_comparable(names, np.array([one for pair in pairs for one in pair]) if pairs else names[:0])
    places = np.reshape(np.minimum(np.searchsorted(known, asked), len(names) - 1), (-1, 2))
    for index, (pair, place) in enumerate(zip(pairs, places.tolist(), strict=True)):
        if names[place].tolist() != pair:
            raise InputError("apart", "pairs of known records", pair, index=index)
    return Profiles(
        record=hand_over(names),
        keys=columns,
        rules=rules,
        kinds=FixedMapping(all_kinds),
        region=region,
        sub_address=sub_address,
        email_case=email_case,
        most_sharing=most_sharing,
        most_records=most_records,
        never=_lists("never", listed),
        apart_first=places.min(axis=1, initial=len(names)) if pairs else places[:, 0],
        apart_second=places.max(axis=1, initial=0) if pairs else places[:, 1],
    )
