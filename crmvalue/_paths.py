"""Paths of touches to a conversion or to none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from crmvalue._checks import as_amounts, as_column, as_counts, as_day, as_time_column, as_whole_number, require
from crmvalue._customers import as_words, encode_customers
from crmvalue._values import array_field, count_field, own, stay_frozen
from crmvalue.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue.typing import ArrayLike, Dates, Floats, Integers

__all__ = ["Paths", "paths_from_touches", "require_paths"]


@stay_frozen
@attrs.frozen(kw_only=True)
class Paths:
    """Paths of touches, each with the conversions that it ended in.

    Made by :meth:`from_lists` or :func:`paths_from_touches`.

    Parameters
    ----------
    channels : tuple of str
        Distinct channels, in ascending order.
    start : ndarray
        Place of the first touch of each path among all touches, shape (n + 1,); the last is their number.
    channel : ndarray
        Channel of each touch as its place among `channels`, path by path, in the order of time, shape (m,).
    days_before : ndarray
        Days from each touch to the end of its path, >= 0, shape (m,); NaN where they are not known.
    n_conversions, n_lost : ndarray
        How often each path ended in a conversion, and how often in none, whole numbers >= 0, shape (n,).
    value : ndarray
        Money of all conversions of each path, shape (n,).
    n_touches_outside : int
        Touches that belong to no path: before the look-back window of a conversion, or after `as_of`.
    n_conversions_later : int
        Conversions after `as_of`, which are not looked at.

    Examples
    --------
    >>> paths = Paths.from_lists([["ads", "email"], ["email"], []], n_conversions=[2, 1, 1], value=[80, 30, 20])
    >>> paths.channels, len(paths), paths.n_unattributed
    (('ads', 'email'), 3, 1)
    """

    channels: tuple[str, ...]
    start: Integers = array_field()
    channel: Integers = array_field()
    days_before: Floats = array_field()
    n_conversions: Integers = array_field()
    n_lost: Integers = array_field()
    value: Floats = array_field()
    n_touches_outside: int = count_field("n_touches_outside", default=0)
    n_conversions_later: int = count_field("n_conversions_later", default=0)

    def __attrs_post_init__(self) -> None:
        n = len(self.start) - 1
        if n < 0 or self.start[0] != 0 or self.start[-1] != len(self.channel) or (np.diff(self.start) < 0).any():
            raise InputError("start", "places from 0 to the number of touches, not falling", self.start)
        for name in ("n_conversions", "n_lost", "value"):
            if getattr(self, name).shape != (n,):
                raise InputError(name, f"one for each of the {n} paths", getattr(self, name).shape)
        if self.days_before.shape != self.channel.shape:
            raise InputError("days_before", "one for each touch", self.days_before.shape)

    def __len__(self) -> int:
        return len(self.start) - 1

    @property
    def length(self) -> Integers:
        """Number of touches of each path."""
        return np.diff(self.start)

    @property
    def n_unattributed(self) -> int:
        """Conversions without a touch, to which no channel has a claim."""
        return int(self.n_conversions[self.length == 0].sum())

    @property
    def value_unattributed(self) -> float:
        """Money of the conversions without a touch."""
        return float(self.value[self.length == 0].sum())

    @classmethod
    def from_lists(
        cls,
        paths: Sequence[Sequence[str]],
        *,
        n_conversions: ArrayLike = 1,
        n_lost: ArrayLike = 0,
        value: ArrayLike | None = None,
        days_before: Sequence[ArrayLike] | None = None,
    ) -> Paths:
        """Make paths of lists of channels.

        Parameters
        ----------
        paths : sequence of sequences of str
            Channels of each path in the order of time; an empty one for conversions without a touch.
        n_conversions, n_lost : array_like, optional
            How often each path ended in a conversion, and how often in none; one number, or one for each path.
        value : array_like, optional
            Money of all conversions of each path; by default nothing.
        days_before : sequence of sequences of float, optional
            Days from each touch to the end of its path, not rising within a path; needed for time decay.

        Returns
        -------
        Paths
            As many paths as lists.

        Raises
        ------
        InputError
            If a channel is no text, a count no whole number >= 0, a path neither converted nor was lost, or the
            lengths differ.
        """
        if isinstance(paths, str) or not isinstance(paths, Sequence):
            raise InputError("paths", "a sequence of sequences of channels", paths)
        for i, path in enumerate(paths):
            if isinstance(path, str) or not isinstance(path, Sequence):
                raise InputError("paths", "a sequence of sequences of channels", path, index=i)
        lengths = np.array([len(path) for path in paths], dtype=np.int64)
        names, code = as_words("paths", [channel for path in paths for channel in path])
        counts = {}
        for name, given in (("n_conversions", n_conversions), ("n_lost", n_lost)):
            (column,) = as_counts(**{name: given})
            counts[name] = _for_each(name, column, len(paths)).astype(np.int64)
        ended = counts["n_conversions"] + counts["n_lost"]
        require(ended > 0, "n_conversions", ended, "above 0, or `n_lost` in its place")
        money = np.zeros(len(paths)) if value is None else as_amounts("value", value)
        days = np.full(len(code), np.nan)
        if days_before is not None:
            if [len(given) for given in days_before] != lengths.tolist():
                raise InputError("days_before", "one number for each touch of each path", "other lengths")
            days = as_column("days_before", [day for given in days_before for day in given])
            require(days >= 0, "days_before", days, ">= 0")
            rising = np.diff(days, append=-np.inf) > 0
            rising[np.cumsum(lengths)[lengths > 0] - 1] = False
            require(~rising, "days_before", days, "not rising within a path", hint="the oldest touch comes first")
        return cls(
            channels=tuple(names),
            start=own(np.concatenate(([0], np.cumsum(lengths)))),
            channel=own(code),
            days_before=own(days),
            value=own(_for_each("value", money, len(paths))),
            **{name: own(column) for name, column in counts.items()},
        )


def paths_from_touches(
    customer: ArrayLike,
    channel: ArrayLike,
    time: ArrayLike,
    *,
    conversion_customer: ArrayLike,
    conversion_time: ArrayLike,
    conversion_value: ArrayLike | None = None,
    as_of: ArrayLike,
    look_back_days: int = 30,
) -> Paths:
    """Make the paths of all customers of a log of touches and a log of conversions.

    Parameters
    ----------
    customer, channel, time : array_like
        Who was touched, through what, and when, one element per touch in any order, shape (m,).
    conversion_customer, conversion_time : array_like
        Who converted, and when, in any order, shape (k,).
    conversion_value : array_like, optional
        Money of each conversion, shape (k,).
    as_of : date
        Last day that is looked at.
    look_back_days : int, optional
        Days of 24 hours before the end of a path in which touches count, both ends in, from 1 to 36600.

    Returns
    -------
    Paths
        One for each conversion, also without a touch, and one for the touches of each customer after his last
        conversion, which ends at `as_of` without one; by customer and time.

    Raises
    ------
    InputError
        If a value is missing or not of its kind, or the columns of a log differ in length.

    Notes
    -----
    With a conversion a new path begins. A touch at the moment of a conversion belongs to it. Touches older than the
    window of their path, or after `as_of`, belong to no path and are counted.

    Examples
    --------
    >>> paths = paths_from_touches(
    ...     ["ann", "ann", "bob"],
    ...     ["ads", "email", "ads"],
    ...     ["2024-05-01", "2024-05-03", "2024-05-02"],
    ...     conversion_customer=["ann"],
    ...     conversion_time=["2024-05-04"],
    ...     conversion_value=[50],
    ...     as_of="2024-05-31",
    ... )
    >>> paths.length, paths.n_conversions, paths.n_lost
    (array([2, 1]), array([1, 0]), array([0, 1]))
    """
    ids, code = encode_customers("customer", customer)
    names, through = as_words("channel", channel)
    when = as_time_column("time", time)
    _require_rows(len(code), "customer", channel=through, time=when)
    buyers, buyer = encode_customers("conversion_customer", conversion_customer)
    bought = as_time_column("conversion_time", conversion_time)
    money = np.zeros(len(buyer)) if conversion_value is None else as_amounts("conversion_value", conversion_value)
    _require_rows(len(buyer), "conversion_customer", conversion_time=bought, conversion_value=money)
    if len(ids) and len(buyers) and isinstance(ids[0], str) != isinstance(buyers[0], str):
        raise InputError("conversion_customer", "identifiers like those of `customer`", buyers[0])
    end = (as_day("as_of", as_of) + np.timedelta64(1, "D")).astype(when.dtype)
    window = np.timedelta64(as_whole_number("look_back_days", look_back_days, low=1, high=36_600), "D")

    everyone = np.unique(np.concatenate((ids, buyers))) if len(ids) and len(buyers) else (ids if len(ids) else buyers)
    code, buyer = np.searchsorted(everyone, ids)[code], np.searchsorted(everyone, buyers)[buyer]
    seen, done = when < end, bought < end
    code, through, when = code[seen], through[seen], when[seen]
    buyer, bought, money = buyer[done], bought[done], money[done]

    # Every customer has one more ending, after his last conversion: that without a conversion, at `as_of`.
    who = np.concatenate((buyer, np.arange(len(everyone))))
    ends = np.concatenate((bought, np.full(len(everyone), end)))
    order = np.lexsort((ends, who))
    who, ends = who[order], ends[order]
    converted = order < len(buyer)
    worth = np.concatenate((money, np.zeros(len(everyone))))[order]

    path = _next_ending(who, ends, code, when)
    inside = ends[path] - when <= window
    path, through, when = path[inside], through[inside], when[inside]
    order = np.lexsort((when, path))
    path, through, when = path[order], through[order], when[order]
    length = np.bincount(path, minlength=len(who))
    kept = converted | (length > 0)
    days = (ends[path] - when) / np.timedelta64(1, "D")
    return Paths(
        channels=tuple(names),
        start=own(np.concatenate(([0], np.cumsum(length[kept])))),
        channel=own(through),
        days_before=own(days),
        n_conversions=own(converted[kept].astype(np.int64)),
        n_lost=own((~converted[kept]).astype(np.int64)),
        value=own(worth[kept]),
        n_touches_outside=int(np.count_nonzero(~seen) + np.count_nonzero(~inside)),
        n_conversions_later=int(np.count_nonzero(~done)),
    )


def _next_ending(who: Integers, ends: Dates, code: Integers, when: Dates) -> Integers:
    """Find the ending of each touch: the first of its customer at or after it."""
    is_ending = np.repeat([True, False], [len(who), len(code)])
    order = np.lexsort((is_ending, np.concatenate((ends, when)), np.concatenate((who, code))))
    ending = np.where(is_ending[order], order, len(order))  # endings stand first, in this same order
    following = np.minimum.accumulate(ending[::-1])[::-1]
    found = np.empty(len(order), dtype=np.int64)
    found[order] = following
    return found[len(who) :]


def _for_each(name: str, column: Floats, n: int) -> Floats:
    if column.ndim > 1 or column.shape not in ((), (n,)):
        raise InputError(name, f"one number, or one for each of the {n} paths", column.shape)
    return np.broadcast_to(column, (n,)).copy()


def _require_rows(n: int, of: str, **columns: npt.NDArray[Any]) -> None:
    for name, column in columns.items():
        if len(column) != n:
            raise InputError(name, f"as long as `{of}` ({n})", len(column))


def require_paths(paths: Paths) -> None:
    """Raise for anything but paths."""
    if not isinstance(paths, Paths):
        raise InputError("paths", "Paths", type(paths).__name__, hint="Paths.from_lists or paths_from_touches")
