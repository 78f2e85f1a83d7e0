"""Dynamic segments: named rules evaluated for all customers at once, into one bit per customer and segment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from crmvalue._core.checks import as_day, as_text, require, require_same_index
from crmvalue._core.encoding.customers import are_texts, as_comparable, encode_customers, text_array
from crmvalue._core.frames import Columns
from crmvalue._core.json import from_json, to_json
from crmvalue._core.values import (
    Given,
    array_columns,
    array_field,
    checked_field,
    count_column,
    count_field,
    hand_over,
    plain_array,
    read_only,
    require_at_most,
    stay_frozen,
)
from crmvalue._segmentation.labels import as_texts, encode_distinct
from crmvalue._segmentation.rules import (
    AllOf,
    Condition,
    Not,
    Rule,
    SegmentColumns,
    as_rule,
    ends_of,
    read_rule,
    rule_conditions,
    rule_to_fields,
)
from crmvalue._segmentation.segment_columns import read_columns
from crmvalue.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue.typing import ArrayLike, Floats, Integers

    Bools = npt.NDArray[np.bool_]

__all__ = ["Segment", "SegmentChanges", "SegmentMembership", "evaluate_segments"]

_CHUNK = 1 << 16  # customers at a time, a multiple of 8, so few that the columns of a rule stay in the cache
_FEW = 8  # values that are compared one by one


def _segment_name(value: object) -> str:
    name = as_text("name", value)
    if not name.strip():
        raise InputError("name", "a text that is not empty", name)
    return name


def _segment_names(name: str, value: Any) -> tuple[str, ...]:
    names = as_texts(name, value)
    if not names or len(set(names)) != len(names):
        raise InputError(name, "at least one, all different", names)
    return names


def _customer_column(value: Any) -> npt.NDArray[Any] | None:
    if value is None or isinstance(value, Given):
        return value if value is None else read_only(value)
    distinct, code = encode_customers("customer", value)
    if len(distinct) != len(code):
        raise InputError("customer", "all different", f"{len(distinct)} different ones in {len(code)} rows")
    return read_only(hand_over(distinct[code]))


@attrs.frozen
class Segment:
    """A named rule; each evaluation decides anew which customers belong to it.

    Parameters
    ----------
    name : str
        Name, not empty.
    rule : rule
        Conditions on :class:`SegmentColumns`, combined with `&`, `|` and `~`.

    Examples
    --------
    >>> from crmvalue.segmentation import SegmentColumns
    >>> columns = SegmentColumns({"last_purchase": "date", "total_spend": "number"})
    >>> asleep = Segment("asleep", (columns["last_purchase"].months_ago >= 9) & (columns["total_spend"] > 100))
    >>> Segment.from_json(asleep.to_json(), columns) == asleep
    True
    """

    name: str = attrs.field(converter=_segment_name)
    rule: Rule = attrs.field(converter=as_rule)

    def to_json(self) -> str:
        """Write the name and the rule as JSON text.

        Returns
        -------
        str
            A JSON object.

        Examples
        --------
        >>> from crmvalue.segmentation import SegmentColumns
        >>> print(Segment("adults", SegmentColumns({"age": "number"})["age"] >= 18).to_json())  # doctest: +ELLIPSIS
        {"schema": 1, "kind": "Segment", "name": "adults", "rule": {"column": "age", ..., "value": 18.0}}
        """
        return to_json(self, rule=rule_to_fields(self.rule))

    @classmethod
    def from_json(cls, text: str, columns: SegmentColumns) -> Segment:
        """Read what :meth:`to_json` wrote, or a rule written by hand.

        Parameters
        ----------
        text : str
            JSON text: an object with "name" and "rule", the rule {"all": [...]}, {"any": [...]}, {"not": ...} or a
            condition with "column", "operator", "value" and, for dates, "measure".
        columns : SegmentColumns
            Columns that the rule may use.

        Returns
        -------
        Segment
            The checked segment.

        Raises
        ------
        InputError
            If the text is no such object, or the rule names an unknown column, a wrong type or an unknown operator.
        """
        if not isinstance(columns, SegmentColumns):
            raise InputError("columns", "a SegmentColumns", type(columns).__name__)
        return from_json(cls, text, rule=lambda fields: read_rule(fields, columns))


@stay_frozen
@attrs.frozen(kw_only=True)
class SegmentMembership(Columns):
    """The members of each segment on a day, one bit for each customer and segment.

    Parameters
    ----------
    names : tuple of str
        Segments.
    bits : ndarray of uint8
        Membership, eight customers to a byte, the first in the highest bit, shape (segments, ceil(n / 8)).
    n_customers : int
        Number of customers, n.
    as_of : datetime64[D]
        Day of the evaluation.
    customer : ndarray or None
        Identifiers, shape (n,).

    Raises
    ------
    InputError
        If a name or an identifier occurs twice, or the shapes do not fit each other.

    Notes
    -----
    For a comparison with the next run, keep the arrays, for example with `numpy.savez`, and build the value from them
    again. Leave out `customer` if it is None or an array of objects.

    Examples
    --------
    >>> from crmvalue.segmentation import SegmentColumns
    >>> adults = Segment("adults", SegmentColumns({"age": "number"})["age"] >= 18)
    >>> found = evaluate_segments([adults], {"age": [17, 18, 40]}, as_of="2024-06-30")
    >>> found.sizes, found.members("adults")
    ({'adults': 2}, array([False,  True,  True]))
    """

    names: tuple[str, ...] = checked_field("names", _segment_names)
    bits: npt.NDArray[np.uint8] = plain_array("bits", "uint8 of one row for each segment")
    n_customers: int = count_field("n_customers", low=1)
    as_of: np.datetime64 = checked_field("as_of", as_day, eq=str)
    customer: npt.NDArray[Any] | None = array_field(_customer_column, default=None)

    def __attrs_post_init__(self) -> None:
        shape = (len(self.names), -(-self.n_customers // 8))
        if self.bits.shape != shape or self.bits.dtype != np.uint8:
            raise InputError("bits", f"uint8 of shape {shape}", f"{self.bits.dtype} of shape {self.bits.shape}")
        if self.n_customers % 8 and (self.bits[:, -1] & (0xFF >> self.n_customers % 8)).any():
            raise InputError("bits", f"0 beyond the {self.n_customers} customers", self.bits[:, -1])
        if self.customer is not None and self.customer.shape != (self.n_customers,):
            raise InputError("customer", f"one for each of the {self.n_customers} customers", self.customer.shape)

    @property
    def sizes(self) -> dict[str, int]:
        """Number of customers in each segment."""
        counts = np.bitwise_count(self.bits).sum(axis=1, dtype=np.int64)
        return dict(zip(self.names, counts.tolist(), strict=True))

    def members(self, name: str) -> Bools:
        """Tell for each customer whether they belong to a segment.

        Parameters
        ----------
        name : str
            Segment.

        Returns
        -------
        ndarray of bool
            Shape (n,).

        Raises
        ------
        InputError
            If there is no such segment.
        """
        return _unpacked(self._row(name), self.n_customers)

    def overlap(self, first: str, second: str) -> int:
        """Count the customers who belong to both of two segments.

        Parameters
        ----------
        first, second : str
            Segments.

        Returns
        -------
        int
            Size of the intersection.

        Raises
        ------
        InputError
            If there is no such segment.
        """
        return int(np.bitwise_count(self._row(first, "first") & self._row(second, "second")).sum(dtype=np.int64))

    def overlaps(self) -> Integers:
        """Count the customers in the intersection of each two segments.

        Returns
        -------
        ndarray
            Shape (segments, segments), symmetric; the sizes of the segments are on the diagonal.
        """
        k = len(self.names)
        counts = np.zeros((k, k), dtype=np.int64)
        # Words of each row at a time: so few that all stay in the cache, and that no sum of their bits exceeds 16 bits.
        step = min(max(1, (1 << 18) // k), 1000)
        both, n_bits = np.empty((k, step), dtype=np.uint64), np.empty((k, step), dtype=np.uint8)
        for start in range(0, self.bits.shape[1], 8 * step):
            part = _words(self.bits[:, start : start + 8 * step])
            width = part.shape[1]
            for i in range(k):
                shared = np.bitwise_and(part[i], part[i:], out=both[i:, :width])
                counts[i, i:] += np.bitwise_count(shared, out=n_bits[i:, :width]).sum(axis=1, dtype=np.uint16)
        return np.triu(counts) + np.triu(counts, 1).T

    def changes_since(self, previous: SegmentMembership) -> SegmentChanges:
        """Find the customers who entered and left each segment since an earlier evaluation.

        Parameters
        ----------
        previous : SegmentMembership
            The earlier evaluation. Customers are matched by their identifiers, or by their position if neither
            evaluation has identifiers.

        Returns
        -------
        SegmentChanges
            For the segments of both evaluations. New customers have entered; customers who are gone have left.

        Raises
        ------
        InputError
            If `previous` is later, if only one of the two has identifiers, or if neither has and their numbers of
            customers differ.
        """
        if not isinstance(previous, SegmentMembership):
            raise InputError("previous", "a SegmentMembership", type(previous).__name__)
        if previous.as_of > self.as_of:
            raise InputError("previous", f"no later than {self.as_of}", str(previous.as_of))
        return _changes(previous, self)

    def _row(self, name: str, argument: str = "name") -> npt.NDArray[np.uint8]:
        if as_text(argument, name) not in self.names:
            raise InputError(argument, f"one of {', '.join(self.names)}", name)
        row: npt.NDArray[np.uint8] = self.bits[self.names.index(name)]
        return row

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give who belongs to each segment, a row for each customer, for a dataframe of any kind.

        Returns
        -------
        dict of str to ndarray
            The identifiers as `customer`, where there are any, and a column of True and False for each segment.

        Raises
        ------
        InputError
            If a segment is named "customer", as the identifiers are.
        """
        who = {} if self.customer is None else {"customer": self.customer}
        if who.keys() & set(self.names):
            raise InputError("names", "other than 'customer', which is the column of the identifiers", self.names)
        return who | {name: _unpacked(row, self.n_customers) for name, row in _rows(self).items()}


@stay_frozen
@attrs.frozen(kw_only=True)
class SegmentChanges(Columns):
    """Changes of segments between two evaluations: size now = size before + entered - left.

    Parameters
    ----------
    names : tuple of str
        Segments of both evaluations.
    size_before, size_now, n_entered, n_left : ndarray
        Customers of each, shape (segments,).
    n_new_customers, n_gone_customers : int
        Customers of only the later, and of only the earlier evaluation.
    added, removed : tuple of str
        Segments of only the later, and of only the earlier evaluation.
    before, now : SegmentMembership
        The evaluations.

    Examples
    --------
    >>> from crmvalue.segmentation import SegmentColumns
    >>> adults = Segment("adults", SegmentColumns({"age": "number"})["age"] >= 18)
    >>> before = evaluate_segments([adults], {"age": [17, 18]}, customer=["ann", "bob"], as_of="2024-06-30")
    >>> now = evaluate_segments([adults], {"age": [18, 40]}, customer=["ann", "eve"], as_of="2024-09-30")
    >>> changes = now.changes_since(before)
    >>> changes.n_entered, changes.n_left, changes.entered("adults")
    (array([2]), array([1]), array(['ann', 'eve'], dtype='<U3'))
    """

    names: tuple[str, ...] = checked_field("names", as_texts)
    size_before: Integers = count_column("size_before")
    size_now: Integers = count_column("size_now")
    n_entered: Integers = count_column("n_entered")
    n_left: Integers = count_column("n_left")
    n_new_customers: int = count_field("n_new_customers")
    n_gone_customers: int = count_field("n_gone_customers")
    added: tuple[str, ...] = checked_field("added", as_texts)
    removed: tuple[str, ...] = checked_field("removed", as_texts)
    before: SegmentMembership = attrs.field(repr=False)
    now: SegmentMembership = attrs.field(repr=False)

    def __attrs_post_init__(self) -> None:
        for name in ("size_before", "size_now", "n_entered", "n_left"):
            if len(getattr(self, name)) != len(self.names):
                raise InputError(name, f"one for each of the {len(self.names)} segments", len(getattr(self, name)))
        for name in ("before", "now"):
            if not isinstance(getattr(self, name), SegmentMembership):
                raise InputError(name, "a SegmentMembership", type(getattr(self, name)).__name__)
        require_at_most(self, "n_left", "size_before")
        require_at_most(self, "n_entered", "size_now")
        grown = self.size_before + self.n_entered - self.n_left
        require(self.size_now == grown, "size_now", self.size_now, "`size_before` + `n_entered` - `n_left`")
        for name, gone, one in (("before", "n_gone_customers", self.before), ("now", "n_new_customers", self.now)):
            n, size = one.n_customers, getattr(self, f"size_{name}")
            require(size <= n, f"size_{name}", size, f"at most the {n} customers of `{name}`")
            require(getattr(self, gone) <= n, gone, getattr(self, gone), f"at most the {n} customers of `{name}`")
            if not set(self.names) <= set(one.names):
                raise InputError("names", f"segments of `{name}`", self.names)
        stayed = self.now.n_customers - self.n_new_customers, self.before.n_customers - self.n_gone_customers
        rule = "the customers of `now` less those of `before` who are not gone"
        require(stayed[0] == stayed[1], "n_new_customers", self.n_new_customers, rule)
        if self.before.as_of > self.now.as_of:
            raise InputError("before", f"no later than `now` ({self.now.as_of})", str(self.before.as_of))

    def entered(self, name: str) -> npt.NDArray[Any]:
        """List the customers who belong now and did not before: identifiers, or positions without identifiers.

        Parameters
        ----------
        name : str
            Segment.

        Returns
        -------
        ndarray
            In the order of the later evaluation.

        Raises
        ------
        InputError
            If one of the evaluations does not have the segment.
        """
        return self._only_in(self.now, self.before, self._place_before, name)

    def left(self, name: str) -> npt.NDArray[Any]:
        """List the customers who belonged before and do not now: identifiers, or positions without identifiers.

        Parameters
        ----------
        name : str
            Segment.

        Returns
        -------
        ndarray
            In the order of the earlier evaluation.

        Raises
        ------
        InputError
            If one of the evaluations does not have the segment.
        """
        return self._only_in(self.before, self.now, self._place_now, name)

    @cached_property
    def _place_before(self) -> Integers:
        return _places(self.now, self.before)

    @cached_property
    def _place_now(self) -> Integers:
        return _places(self.before, self.now)

    def _only_in(
        self, one: SegmentMembership, other: SegmentMembership, place: Integers, name: str
    ) -> npt.NDArray[Any]:
        if as_text("name", name) not in self.names:
            raise InputError("name", f"a segment of both evaluations: {', '.join(self.names)}", name)
        alone = np.flatnonzero(one.members(name) & ~_aligned(other.members(name), place))
        return alone if one.customer is None else one.customer[alone]

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give all columns by name, a row for each segment, for a dataframe of any kind."""
        return {"segment": text_array(self.names), **array_columns(self)}


def evaluate_segments(
    segments: Sequence[Segment],
    columns: Mapping[str, ArrayLike],
    *,
    as_of: ArrayLike,
    customer: ArrayLike | None = None,
) -> SegmentMembership:
    """Find the members of each segment on a day.

    Parameters
    ----------
    segments : sequence of Segment
        Segments with different names.
    columns : mapping of str to array_like
        Columns that the rules use, one element per customer, shape (n,): numbers, text, dates, and flags (True or
        False). NaN, None and NaT are missing. Other columns are ignored.
    as_of : date
        Day of the evaluation; `days_ago` and `months_ago` count back from it.
    customer : array_like, optional
        Identifiers, all different, shape (n,); they match this evaluation with another.

    Returns
    -------
    SegmentMembership
        One bit for each customer and segment.

    Raises
    ------
    InputError
        If a column is missing, has another type than in the rules or another length, a name occurs twice, or there is
        no segment.

    Notes
    -----
    Numbers that differ by rounding alone, a relative 1e-12, are equal: 29.999999999999996 is at least 30. A
    difference of 0.001 or more always counts, also between long whole numbers. A missing value meets no condition,
    not even `!=`, except `is_missing()`. An empty text is a value. `~` of a condition holds for every customer who
    does not meet it, also for customers with a missing value; `is_missing()` finds these.

    Examples
    --------
    >>> from crmvalue.segmentation import SegmentColumns
    >>> of = SegmentColumns({"last_purchase": "date", "total_spend": "number"})
    >>> vip = Segment("vip", of["total_spend"] >= 500)
    >>> asleep = Segment("asleep", of["last_purchase"].months_ago.between(9, 35))
    >>> table = {"last_purchase": ["2024-06-01", "2023-05-31", None], "total_spend": [900.0, 700.0, 20.0]}
    >>> found = evaluate_segments([vip, asleep], table, as_of="2024-06-30")
    >>> found.sizes, found.overlap("vip", "asleep")
    ({'vip': 2, 'asleep': 1}, 1)
    """
    chosen = read_segments(segments)
    today = as_day("as_of", as_of)
    given: object = columns
    if not isinstance(given, Mapping):
        hint = "dict(frame.items()) of a pandas frame, frame.to_dict() of a Polars frame"
        raise InputError("columns", "a mapping from names to columns", type(given).__name__, hint=hint)
    used = Counter(condition for segment in chosen for condition in rule_conditions(segment.rule))
    names = {condition.column for condition in used} & set(columns)
    require_same_index(**{f"columns[{name!r}]": columns[name] for name in sorted(names)}, customer=customer)
    data = read_columns(used, columns, today)
    n = len(next(iter(data.values())))
    ids = None if customer is None else _read_customers(customer, n)
    tests = {condition: _make_test(condition, data) for condition in used}
    bits = np.empty((len(chosen), -(-n // 8)), dtype=np.uint8)
    for start in range(0, n, _CHUNK):
        rows = slice(start, min(start + _CHUNK, n))
        at = slice(start // 8, -(-rows.stop // 8))
        met: dict[Condition, Bools] = {}
        for line, segment in zip(bits, chosen, strict=True):
            line[at] = np.packbits(_evaluate(segment.rule, tests, used, met, rows))
    return SegmentMembership(
        names=tuple(segment.name for segment in chosen), bits=hand_over(bits), n_customers=n, as_of=today, customer=ids
    )


def read_segments(segments: Sequence[Segment]) -> tuple[Segment, ...]:
    """Take at least one segment, all with different names."""
    given: object = segments
    if not (isinstance(given, Sequence) and given):
        raise InputError("segments", "a sequence of at least one Segment", given)
    for segment in given:
        if not isinstance(segment, Segment):
            raise InputError("segments", "Segment objects", segment)
    twice = [name for name, n in Counter(segment.name for segment in segments).items() if n > 1]
    if twice:
        raise InputError("segments", "with different names", twice[0])
    return tuple(segments)


def _read_customers(customer: ArrayLike, n: int) -> Any:
    distinct, code = encode_distinct("customer", customer, n)
    return hand_over(distinct[code])


def _make_test(condition: Condition, data: Mapping[Any, npt.NDArray[Any]]) -> Any:
    """Prepare a condition as a function that tells for each of some rows whether it is met."""
    column = data[condition.column, condition.measure]
    operator, value = condition.operator, condition.value
    if condition.type in ("text", "flag"):
        return _test_codes(condition, column, data.get((condition.column, "words")))
    if operator == "missing":
        return lambda rows: np.isnan(column[rows])
    if condition.type == "date" and condition.measure == "value":
        value = _day_numbers(value)
    if operator == "in":
        lows, highs = ends_of(np.array(value))
        return lambda rows: _in_one_of(column[rows], lows, highs)
    low, high = (ends_of(end) for end in (value if operator == "between" else (value, value)))
    compare = _COMPARE[operator]
    return lambda rows: compare(column[rows], (low[0], high[1]))


_COMPARE: dict[str, Any] = {  # with the ends of what counts as the value
    "==": lambda column, ends: (column >= ends[0]) & (column <= ends[1]),
    "!=": lambda column, ends: (column < ends[0]) | (column > ends[1]),  # not met where missing
    "<": lambda column, ends: column < ends[0],
    "<=": lambda column, ends: column <= ends[1],
    ">": lambda column, ends: column > ends[1],
    ">=": lambda column, ends: column >= ends[0],
    "between": lambda column, ends: (column >= ends[0]) & (column <= ends[1]),
}


def _in_one_of(column: Floats, lows: Floats, highs: Floats) -> Bools:
    """Tell which numbers lie between two ends of one place, both in; the ends ascend."""
    place = np.searchsorted(lows, column, side="right") - 1
    found: Bools = (place >= 0) & (column <= highs[place])
    return found


def _test_codes(condition: Condition, codes: Integers, words: npt.NDArray[Any] | None) -> Any:
    """Prepare a condition on codes: 0 and 1 for a flag, the place among the words for a text, -1 if missing."""
    operator, value = condition.operator, condition.value
    if operator == "missing":
        return lambda rows: codes[rows] == -1
    if words is None:
        wanted = [1 if operator == "true" else 0]
    else:
        place = {word: i for i, word in enumerate(words.tolist())}
        asked = value if isinstance(value, tuple) else (value,)
        wanted = [place[word] for word in asked if word in place] or [-2]  # -2: no customer
    if operator == "!=":
        return lambda rows: (codes[rows] != wanted[0]) & (codes[rows] != -1)
    if len(wanted) <= _FEW:
        return lambda rows: _any_equal(codes[rows], wanted)
    answer = np.zeros(int(codes.max(initial=0)) + 2, dtype=bool)  # the last for -1
    answer[wanted] = True
    return lambda rows: answer[codes[rows]]


def _any_equal(column: npt.NDArray[Any], values: Sequence[Any]) -> Bools:
    found: Bools = column == values[0]
    for value in values[1:]:
        found |= column == value
    return found


def _day_numbers(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(_day_numbers(item) for item in value)
    return float(np.datetime64(value, "D").astype(np.int64))


def _evaluate(
    rule: Rule, tests: Mapping[Condition, Any], used: Mapping[Condition, int], met: dict[Condition, Bools], rows: slice
) -> Bools:
    """Tell for each of some rows whether a rule is met; conditions that occur more than once are kept."""
    if isinstance(rule, Condition):
        if rule in met:
            return met[rule]
        found: Bools = tests[rule](rows)
        if used[rule] > 1:
            met[rule] = found
        return found
    if isinstance(rule, Not):
        return ~_evaluate(rule.rule, tests, used, met, rows)
    combine = np.logical_and if isinstance(rule, AllOf) else np.logical_or
    first, *others = rule.rules
    result = _evaluate(first, tests, used, met, rows)
    for other in others:
        result = combine(result, _evaluate(other, tests, used, met, rows))
    return result


def _words(bits: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint64]:
    """Pack 64 customers into a word; the last word is filled with zeros."""
    padded = np.zeros((len(bits), -(-bits.shape[1] // 8) * 8), dtype=np.uint8)
    padded[:, : bits.shape[1]] = bits
    return padded.view(np.uint64)


def _unpacked(row: npt.NDArray[np.uint8], n: int) -> Bools:
    return np.unpackbits(row, count=n).view(bool)


def _rows(membership: SegmentMembership) -> dict[str, npt.NDArray[np.uint8]]:
    """Give the bits of each segment by its name."""
    return dict(zip(membership.names, membership.bits, strict=True))


def _changes(before: SegmentMembership, now: SegmentMembership) -> SegmentChanges:
    earlier, later = _rows(before), _rows(now)
    names = tuple(name for name in now.names if name in earlier)
    place = _places(now, before)
    n_matched = int(np.count_nonzero(place >= 0))
    counts = np.zeros((4, len(names)), dtype=np.int64)
    for column, name in zip(counts.T, names, strict=True):
        then, today = _unpacked(earlier[name], before.n_customers), _unpacked(later[name], now.n_customers)
        stayed = int(np.count_nonzero(today & _aligned(then, place)))
        size_before, size_now = int(np.count_nonzero(then)), int(np.count_nonzero(today))
        column[:] = size_before, size_now, size_now - stayed, size_before - stayed
    return SegmentChanges(
        names=names,
        size_before=hand_over(counts[0]),
        size_now=hand_over(counts[1]),
        n_entered=hand_over(counts[2]),
        n_left=hand_over(counts[3]),
        n_new_customers=now.n_customers - n_matched,
        n_gone_customers=before.n_customers - n_matched,
        added=tuple(name for name in now.names if name not in earlier),
        removed=tuple(name for name in before.names if name not in later),
        before=before,
        now=now,
    )


def _places(one: SegmentMembership, other: SegmentMembership) -> Integers:
    """Find the place of each customer in the other evaluation; -1 for a customer it does not have."""
    if (one.customer is None) != (other.customer is None):
        raise InputError("previous", "with identifiers if this evaluation has them, and only then", "one without")
    if one.customer is None or other.customer is None:
        if one.n_customers != other.n_customers:
            rule = f"of the same {one.n_customers} customers, because there are no identifiers"
            raise InputError("previous", rule, other.n_customers)
        return np.arange(one.n_customers)
    if are_texts(one.customer) != are_texts(other.customer):
        raise InputError("previous", "with identifiers of the same kind", str(other.customer.dtype))
    if np.array_equal(one.customer, other.customer):
        return np.arange(one.n_customers)
    mine, theirs = as_comparable(one.customer, other.customer)
    order = np.argsort(theirs, kind="stable")
    known = theirs[order]
    found = np.minimum(np.searchsorted(known, mine), len(known) - 1)
    return np.where(known[found] == mine, order[found], -1)


def _aligned(members: Bools, place: Integers) -> Bools:
    """Put the membership of the other evaluation into the order of this one; False for customers it does not have."""
    found: Bools = np.concatenate((members, [False]))[place]
    return found
