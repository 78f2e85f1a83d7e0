"""Paths of touches, with or without a conversion at the end, and the transitions between channels."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any, Self

import attrs
import numpy as np

from crmvalue._core.checks import (
    as_amounts,
    as_column,
    as_counts,
    as_ordered_items,
    as_text,
    require,
    require_same_index,
    to_array,
)
from crmvalue._core.values import (
    count_field,
    float_column,
    given_field,
    hand_over,
    plain_array,
    short_repr,
    stay_frozen,
    whole_table,
)
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy.typing as npt

    from crmvalue.typing import ArrayLike, Floats, Integers

__all__ = [
    "ChannelTransitions",
    "Paths",
    "as_paths",
    "channel_transitions",
    "names_field",
    "names_of",
    "path_of_touch",
    "places_of",
]

_MOST_CHANNELS = 5000  # a table has their square


def names_field() -> Any:
    """Field for the names of channels, each once."""
    return given_field(converter=names_of, repr=short_repr)


def names_of(channels: Any) -> tuple[str, ...]:
    """Take a list of names, each once."""
    names = tuple(as_text("channels", name) for name in as_ordered_items("channels", channels, "a list of names"))
    if len(set(names)) != len(names):
        raise InputError("channels", "each once", channels)
    return names


@stay_frozen
@attrs.frozen(kw_only=True)
class Paths:
    """Touches of many paths; each path ends with a conversion or without.

    Make it with :meth:`from_lists` or :func:`paths_from_touches`. A row stands for `n_paths` equal paths, so equal
    paths can be given once with their number.

    Parameters
    ----------
    channels : tuple of str
        Names of the channels.
    offsets : ndarray of int
        Where the touches of each path begin in `code`, shape (rows + 1,). The touches of row i are
        ``code[offsets[i]:offsets[i + 1]]``, the earliest first.
    code : ndarray of int
        Position of each touch's channel among `channels`.
    n_paths : ndarray of int
        Number of paths that each row stands for, >= 1.
    n_conversions : ndarray of int
        How many of these paths converted; the others are lost.
    value : ndarray, optional
        Money of the conversions of each row together [money].
    days_before : ndarray, optional
        Days from each touch to the end of its path, shape (touches,). Days never rise within a path. Time decay needs
        them.
    n_too_old : int, default 0
        Touches left out because they came before the look-back window of their conversion.
    n_later_touches, n_later_conversions : int, default 0
        Touches and conversions left out because they came after `as_of`.
    n_open_paths, n_open_touches : int, default 0
        Paths left out because they may still convert, and their touches.
    n_after_conversion : int, default 0
        Touches after the last conversion of their customer. They get no credit for it. They are in a path without
        conversion, or among `n_open_touches`.
    n_filled : int, default 0
        Conversions without a touch that got a touch of the direct channel.
    n_duplicate_touches, n_duplicate_conversions : int, default 0
        Touches and conversions up to `as_of` left out as exact copies of an earlier one; 0 where copies count.
    n_duplicate_touches_kept, n_duplicate_conversions_kept : int, default 0
        Touches and conversions up to `as_of` that are exact copies of an earlier one and count; 0 where copies are left
        out.

    Examples
    --------
    >>> paths = Paths.from_lists([["search"], ["mail"], ["search", "mail"], ["search"]], [2, 1, 1, 0])
    >>> paths.channels, int(paths.n_paths.sum()), int(paths.n_conversions.sum())
    (('mail', 'search'), 5, 4)
    """

    channels: tuple[str, ...] = names_field()
    offsets: Integers = plain_array("offsets", "a column of whole numbers")
    code: npt.NDArray[np.integer[Any]] = plain_array("code", "a column of whole numbers")
    n_paths: Integers = plain_array("n_paths", "a column of whole numbers")
    n_conversions: Integers = plain_array("n_conversions", "a column of whole numbers")
    value: Floats | None = float_column("value", optional=True)
    days_before: Floats | None = float_column("days_before", optional=True)
    n_too_old: int = count_field("n_too_old", default=0)
    n_later_touches: int = count_field("n_later_touches", default=0)
    n_later_conversions: int = count_field("n_later_conversions", default=0)
    n_open_paths: int = count_field("n_open_paths", default=0)
    n_open_touches: int = count_field("n_open_touches", default=0)
    n_after_conversion: int = count_field("n_after_conversion", default=0)
    n_filled: int = count_field("n_filled", default=0)
    n_duplicate_touches: int = count_field("n_duplicate_touches", default=0)
    n_duplicate_conversions: int = count_field("n_duplicate_conversions", default=0)
    n_duplicate_touches_kept: int = count_field("n_duplicate_touches_kept", default=0)
    n_duplicate_conversions_kept: int = count_field("n_duplicate_conversions_kept", default=0)

    def __attrs_post_init__(self) -> None:
        for name in ("offsets", "code", "n_paths", "n_conversions"):
            array = getattr(self, name)
            if array.ndim != 1 or array.dtype.kind not in "iu":
                raise InputError(name, "a column of whole numbers", f"{array.ndim} dimensions of {array.dtype}")
        n = len(self.n_paths)
        if n == 0:
            raise InputError("n_paths", "at least one path", 0)
        ends = len(self.offsets) == n + 1 and self.offsets[0] == 0 and self.offsets[-1] == len(self.code)
        if not ends:
            raise InputError("offsets", f"{n + 1} places from 0 to the number of touches", self.offsets)
        require(np.diff(self.offsets, prepend=0) >= 0, "offsets", self.offsets, "ascending")
        require((self.code >= 0) & (self.code < len(self.channels)), "code", self.code, "a place in `channels`")
        require(self.n_paths >= 1, "n_paths", self.n_paths, ">= 1")
        if len(self.n_conversions) != n:
            raise InputError("n_conversions", f"one for each of the {n} rows", len(self.n_conversions))
        good = (self.n_conversions >= 0) & (self.n_conversions <= self.n_paths)
        require(good, "n_conversions", self.n_conversions, "from 0 to `n_paths`")
        if self.value is not None:
            _require_value("value", self.value, self.n_conversions)
        if self.days_before is not None:
            _require_days(self.days_before, self.offsets, len(self.code))

    @classmethod
    def from_lists(
        cls,
        touches: Sequence[Iterable[str]],
        n_conversions: ArrayLike,
        *,
        n_lost: ArrayLike | None = None,
        value: ArrayLike | None = None,
        days_before: Sequence[Iterable[float]] | None = None,
    ) -> Self:
        """Make paths from lists of channels.

        Parameters
        ----------
        touches : list of lists of str
            Channels of each path, earliest first; an empty list is a path without a touch.
        n_conversions : array_like
            Conversions by each path: 1 or 0 (or True or False) for one path, larger numbers for equal paths.
        n_lost : array_like, optional
            Number of equal paths without conversion. By default 1 where `n_conversions` is 0, and 0 elsewhere.
        value : array_like, optional
            Money of the conversions of each path together, >= 0 [money].
        days_before : list of lists of float, optional
            Days from each touch to the end of its path, >= 0, in the shape of `touches`.

        Returns
        -------
        Paths
            The paths, channels in alphabetical order.

        Raises
        ------
        InputError
            If there is no path, a touch is not a name, a number is negative or missing, a path without conversion has
            a value, days rise within a path, or lengths differ.

        Examples
        --------
        >>> paths = Paths.from_lists([["ad", "mail"], ["ad"]], [1, 0], value=[50, 0], days_before=[[7, 0], [3]])
        >>> paths.code, paths.offsets
        (array([0, 1, 0], dtype=int32), array([0, 2, 3]))
        """
        require_same_index(touches=touches, n_conversions=n_conversions, n_lost=n_lost, value=value)
        channels, code, offsets = _encode_lists(touches)
        converted = _counts_or_flags("n_conversions", n_conversions)
        lost = (converted == 0).astype(np.int64) if n_lost is None else _counts_or_flags("n_lost", n_lost)
        money = None if value is None else as_amounts("value", value)
        for name, column in (("n_conversions", converted), ("n_lost", lost), ("value", money)):
            if column is not None and len(column) != len(offsets) - 1:
                raise InputError(name, f"as long as `touches` ({len(offsets) - 1} paths)", len(column))
        require(converted + lost > 0, "n_lost", lost, ">= 1 where there is no conversion")
        return cls(
            channels=channels,
            offsets=hand_over(offsets),
            code=hand_over(code),
            n_paths=hand_over(converted + lost),
            n_conversions=hand_over(converted),
            value=None if money is None else hand_over(money),
            days_before=None if days_before is None else hand_over(_flat_days(days_before, offsets)),
        )

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.n_paths)

    @property
    def n_touches(self) -> Integers:
        """Touches in each path, shape (rows,)."""
        return np.diff(self.offsets)

    @property
    def n_without_touch(self) -> int:
        """Conversions without a touch before them; no channel can get credit for them."""
        return int(self.n_conversions[self.n_touches == 0].sum())

    @property
    def conclusion(self) -> str:
        """How many paths converted, and what was left out."""
        n, won = int(self.n_paths.sum()), int(self.n_conversions.sum())
        text = (
            f"{_counted(n, 'path')} over {_counted(len(self.channels), 'channel')}: {won:,} converted, "
            f"{n - won:,} did not."
        )
        left_out = [
            (self.n_without_touch, "conversion", "had no touch"),
            (self.n_filled, "conversion", "without a touch counted as direct"),
            (self.n_too_old, "touch", "came before the look-back window"),
            (self.n_open_paths, "open path", "left out"),
            (self.n_later_touches, "touch", "came after the end of the log"),
            (self.n_later_conversions, "conversion", "came after the end of the log"),
            (self.n_duplicate_touches, "touch", "dropped, because an earlier row says the same"),
            (self.n_duplicate_conversions, "conversion", "dropped, because an earlier row says the same"),
            (self.n_duplicate_touches_kept, "touch", "counted, although an earlier row says the same"),
            (self.n_duplicate_conversions_kept, "conversion", "counted, although an earlier row says the same"),
        ]
        said = [f"{_counted(count, thing)} {words}" for count, thing, words in left_out if count]
        return f"{text} {'; '.join(said)}." if said else text


@stay_frozen
@attrs.frozen(kw_only=True)
class ChannelTransitions:
    """Counts of the transitions between channels, from the start of paths and to their end.

    Parameters
    ----------
    channels : tuple of str
        Names of the channels.
    n_transitions : ndarray of int
        Counts, shape (channels + 1, channels + 2). The first row is the start of paths; then there is a row for each
        channel. There is a column for each channel; the last two columns are conversion and loss.

    Examples
    --------
    >>> paths = Paths.from_lists([["search"], ["mail"], ["search", "mail"], ["search"]], [2, 1, 1, 0])
    >>> transitions = channel_transitions(paths)
    >>> transitions.to_states
    ('mail', 'search', 'conversion', 'lost')
    >>> transitions.prob[2]
    array([0.25, 0.  , 0.5 , 0.25])
    """

    channels: tuple[str, ...] = names_field()
    n_transitions: Integers = whole_table("n_transitions", 2)

    def __attrs_post_init__(self) -> None:
        n = len(self.channels)
        if self.n_transitions.shape != (n + 1, n + 2):
            raise InputError("n_transitions", f"of shape ({n + 1}, {n + 2})", self.n_transitions.shape)
        require(self.n_transitions >= 0, "n_transitions", self.n_transitions, ">= 0")

    @property
    def from_states(self) -> tuple[str, ...]:
        """Names of the rows."""
        return ("start", *self.channels)

    @property
    def to_states(self) -> tuple[str, ...]:
        """Names of the columns."""
        return (*self.channels, "conversion", "lost")

    @property
    def prob(self) -> Floats:
        """Share of each row's transitions; a row sums to 1, or is NaN without transitions."""
        total = self.n_transitions.sum(axis=1, keepdims=True)
        unknown = np.full(self.n_transitions.shape, np.nan)
        prob: Floats = np.divide(self.n_transitions, total, out=unknown, where=total > 0)
        return prob


def channel_transitions(paths: Paths) -> ChannelTransitions:
    """Count the steps from channel to channel, from the start and to the end.

    Parameters
    ----------
    paths : Paths
        The paths. Paths without a touch are left out; each other row counts `n_paths` times.

    Returns
    -------
    ChannelTransitions
        Counts, and the probability of each step. A step from a channel to itself counts like any other.

    Raises
    ------
    InputError
        If `paths` is not of :class:`Paths`, or has more than 5,000 channels.

    Examples
    --------
    >>> paths = Paths.from_lists([["ad", "mail"], ["ad"]], [1, 0])
    >>> channel_transitions(paths).n_transitions
    array([[2, 0, 0, 0],
           [0, 1, 0, 1],
           [0, 0, 1, 0]])
    """
    k = len(as_paths(paths).channels)
    if k > _MOST_CHANNELS:
        raise InputError("paths", f"of at most {_MOST_CHANNELS:,} channels for a table of transitions", k)
    touched = paths.n_touches > 0
    first, last = paths.code[paths.offsets[:-1][touched]], paths.code[paths.offsets[1:][touched] - 1]
    n, won = paths.n_paths[touched], paths.n_conversions[touched]
    inner = np.ones(len(paths.code), dtype=bool)
    inner[paths.offsets[:-1][touched]] = False  # every touch but the first has one before it
    to = np.nonzero(inner)[0]
    cells = (paths.code[to - 1].astype(np.int64) + 1) * (k + 2) + paths.code[to]
    counts = np.bincount(cells, weights=paths.n_paths[path_of_touch(paths)[to]], minlength=(k + 1) * (k + 2))
    counts = counts.reshape(k + 1, k + 2)
    counts[0, :k] = np.bincount(first, weights=n, minlength=k)
    counts[1:, k] = np.bincount(last, weights=won, minlength=k)
    counts[1:, k + 1] = np.bincount(last, weights=n - won, minlength=k)
    return ChannelTransitions(channels=paths.channels, n_transitions=counts.astype(np.int64))


def as_paths(paths: Paths) -> Paths:
    """Check that these are paths."""
    if not isinstance(paths, Paths):
        raise InputError("paths", "of Paths, as Paths.from_lists makes them", type(paths).__name__)
    return paths


def path_of_touch(paths: Paths) -> Integers:
    """Give the row of each touch."""
    return np.repeat(np.arange(len(paths)), paths.n_touches)


def places_of(length: Integers) -> Integers:
    """Give the place where each of consecutive runs begins, and where the last one ends."""
    offsets = np.zeros(len(length) + 1, dtype=np.int64)
    np.cumsum(length, out=offsets[1:])
    return offsets


def _require_value(name: str, value: Floats, n_conversions: Integers) -> None:
    if len(value) != len(n_conversions):
        raise InputError(name, f"one for each of the {len(n_conversions)} rows", len(value))
    require(value >= 0, name, value, ">= 0")
    require((value == 0) | (n_conversions > 0), name, value, "0 where there is no conversion")


def _require_days(days: Floats, offsets: Integers, n_touches: int) -> None:
    if len(days) != n_touches:
        raise InputError("days_before", f"one for each of the {n_touches} touches", len(days))
    require(days >= 0, "days_before", days, ">= 0", hint="a touch after the conversion gets no credit")
    falls = np.ones(len(days), dtype=bool)
    falls[1:] = days[1:] <= days[:-1]
    falls[offsets[:-1][offsets[:-1] < len(days)]] = True  # the first touch of a path has no touch before it
    require(falls, "days_before", days, "no larger than for the touch before", hint="put the earliest touch first")


def _counts_or_flags(name: str, value: ArrayLike) -> Integers:
    """Take a column of whole numbers, or of True and False."""
    array, types = to_array(name, value, "a column of whole numbers >= 0")
    plain = array.dtype.kind == "b" or (bool(types) and types <= {bool, np.bool_})
    (counts,) = as_counts(**{name: array.astype(np.int64) if plain else value})
    if counts.ndim != 1:
        raise InputError(name, "one-dimensional, one element a path", f"{counts.ndim} dimensions")
    return counts.astype(np.int64)


def _encode_lists(
    touches: Sequence[Iterable[str]],
) -> tuple[tuple[str, ...], npt.NDArray[np.int32], Integers]:
    """Give the channels in alphabetical order, the code of each touch, and where each path begins."""
    rows = _rows_of("touches", touches, hint="a path is a list of channels; split text: 'ad > mail'.split(' > ')")
    if not rows:
        raise InputError("touches", "at least one path", 0)
    flat = list(chain.from_iterable(rows))
    try:
        distinct = set(flat)
    except TypeError:
        distinct = {None}
    if not all(isinstance(name, str) and name.strip() for name in distinct):
        _raise_for_channel(rows)
    channels = tuple(sorted(str.__str__(name) for name in distinct))
    place = {name: i for i, name in enumerate(channels)}
    code = np.fromiter(map(place.__getitem__, flat), dtype=np.int32, count=len(flat))
    return channels, code, places_of(np.fromiter(map(len, rows), dtype=np.int64, count=len(rows)))


def _rows_of(name: str, value: Any, *, hint: str | None = None) -> list[list[Any]]:
    rule = "a list with one list for each path"
    return [
        as_ordered_items(name, row, rule, index=index, hint=hint)
        for index, row in enumerate(as_ordered_items(name, value, rule, hint=hint))
    ]


def _raise_for_channel(rows: list[list[Any]]) -> None:
    for index, row in enumerate(rows):
        for place, name in enumerate(row):
            if not (isinstance(name, str) and name.strip()):
                raise InputError("touches", "a name of a channel, text that is not empty", name, index=(index, place))


def _flat_days(days_before: Any, offsets: Integers) -> Floats:
    rows = _rows_of("days_before", days_before)
    if len(rows) != len(offsets) - 1:
        raise InputError("days_before", f"as long as `touches` ({len(offsets) - 1} paths)", len(rows))
    length = np.fromiter(map(len, rows), dtype=np.int64, count=len(rows))
    require(length == np.diff(offsets), "days_before", length, "one number for each touch of its path")
    try:
        return as_column("days_before", list(chain.from_iterable(rows)))
    except InputError as error:
        if not isinstance(error.index, int):
            raise
        path = int(np.searchsorted(offsets, error.index, side="right")) - 1
        place = (path, error.index - int(offsets[path]))  # in which path and where in it
        raise InputError("days_before", error.rule, error.value, index=place, count=error.count) from error


def _counted(n: int, thing: str) -> str:
    """Write a number of things in the singular or the plural."""
    return f"{n:,} {thing}{'' if n == 1 else 'es' if thing.endswith('ch') else 's'}"
