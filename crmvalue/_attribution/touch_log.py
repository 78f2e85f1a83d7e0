"""Paths read from a log of touches and a list of conversions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from crmvalue._attribution.touch_paths import Paths, places_of
from crmvalue._core.checks import (
    as_column,
    as_flag,
    as_log_amounts,
    as_positive,
    as_text,
    as_time,
    as_time_column,
    require,
    require_same_index,
    require_same_length,
)
from crmvalue._core.encoding.copies import treat_copies
from crmvalue._core.encoding.customers import as_comparable, encode_customers
from crmvalue._core.values import hand_over
from crmvalue.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue._core.encoding.copies import Duplicates
    from crmvalue.typing import ArrayLike, Dates, Floats, Integers

__all__ = ["paths_from_touches"]

_DAY = 86_400_000_000  # microseconds
_MOST_TOUCHES = 25_000_000  # of all paths together, each reused touch once in each of its paths: 2 GB


def paths_from_touches(
    customer: ArrayLike,
    channel: ArrayLike,
    time: ArrayLike,
    *,
    conversion_customer: ArrayLike,
    conversion_time: ArrayLike,
    conversion_value: ArrayLike | None = None,
    as_of: ArrayLike,
    look_back_days: float | None = None,
    direct: str | None = None,
    reuse_touches: bool = False,
    duplicates: Duplicates = "keep",
) -> Paths:
    """Read the paths of customers from a log of touches and a list of conversions.

    A path holds the touches of one customer from one conversion to the next. The touches after the last conversion are
    a path without conversion. So are all touches of a customer who never converted. Such a path is lost, or it is left
    out while it is still open.

    Parameters
    ----------
    customer : array_like
        Customer of each touch, whole numbers or text, shape (touches,), in any order.
    channel : array_like of str
        Channel of each touch.
    time : array_like
        Time of each touch; with local times, what comes first is not known in the hour that comes twice a year.
    conversion_customer, conversion_time : array_like
        Customer and time of each conversion, shape (conversions,), in any order; empty if there are none.
    conversion_value : array_like, optional
        Money of each conversion, >= 0 [money]. One smaller than 1e-9 counts as 0, as in an order log.
    as_of : date_like
        When both logs end; a date is its midnight. Later touches and conversions are left out and counted.
    look_back_days : float, optional
        Longest time from a touch to its conversion, both ends in [days]. Older touches are left out and counted. A path
        without conversion is open until its last touch is older than this; then it is lost. Open paths are left out and
        counted. Without `look_back_days` every touch counts, and every path without conversion is lost.
    direct : str, optional
        Name of the channel for conversions without a touch. By default such a conversion stays a path without touches.
    reuse_touches : bool, optional
        Whether a touch may be in the paths of several conversions. If True, the path of a conversion holds all earlier
        touches of its customer, within `look_back_days`, and not only those since the conversion before. Paths without
        conversion stay as they are.
    duplicates : {"keep", "drop", "raise"}, optional
        What to do with exact copies: touches with the customer, channel and time of an earlier one, and conversions
        with the customer, time and value of an earlier one. They count, are left out and counted, or are refused. Two
        equal ones at one moment may be no copies: where the log has a column such as the number of the order, tell
        copies by it before.

    Returns
    -------
    Paths
        One row per path, by customer and time.

    Raises
    ------
    InputError
        If a value is missing or negative, a name is empty, lengths differ, there is no touch, no path is left, or
        reused touches are more than 25 million in all paths together.

    Notes
    -----
    A touch at exactly the moment of a conversion belongs to it. Touches of one customer at one moment are taken in
    alphabetical order of their channels, so the order of rows does not matter. Several conversions of one customer at
    one moment share one path, which counts them all.

    With `reuse_touches=True`, each conversion is still credited once. A touch is counted once for each of its
    conversions, also in :func:`channel_transitions`. Give `look_back_days` where customers have many conversions:
    without it, the number of touches in all paths grows with their square.

    Among recent customers, fast conversions are in the paths and possible later ones are not, because open paths are
    left out. The share that converted is therefore too high. In a log much longer than the look-back window this error
    is small.

    Examples
    --------
    >>> paths = paths_from_touches(
    ...     [1, 1, 2, 1],
    ...     ["ad", "mail", "ad", "mail"],
    ...     ["2024-01-01", "2024-01-08", "2024-01-02", "2024-03-30"],
    ...     conversion_customer=[1],
    ...     conversion_time=["2024-01-10"],
    ...     conversion_value=[90],
    ...     as_of="2024-04-01",
    ...     look_back_days=30,
    ... )
    >>> paths.n_conversions, paths.days_before, paths.n_open_paths
    (array([1, 0]), array([ 9.,  2., 90.]), 1)

    One touch before two conversions:

    >>> log = {"customer": [1], "channel": ["ad"], "time": ["2024-01-01"], "as_of": "2024-04-01"}
    >>> sold = {"conversion_customer": [1, 1], "conversion_time": ["2024-01-03", "2024-01-05"]}
    >>> for reuse in (False, True):
    ...     print(paths_from_touches(**log, **sold, reuse_touches=reuse).n_touches)
    [1 0]
    [1 1]
    """
    require_same_index(customer=customer, channel=channel, time=time)
    require_same_index(
        conversion_customer=conversion_customer, conversion_time=conversion_time, conversion_value=conversion_value
    )
    ids, who = encode_customers("customer", customer)
    channels, code = _encode_channels(channel)
    when = as_time_column("time", time)
    require_same_length(customer=who, channel=code, time=when)
    buyer_ids, buyer = encode_customers("conversion_customer", conversion_customer)
    bought = as_time_column("conversion_time", conversion_time)
    given = None if conversion_value is None else as_column("conversion_value", conversion_value, largest=np.inf)
    money = None if given is None else as_log_amounts("conversion_value", given)
    for name, column in (("conversion_time", bought), ("conversion_value", money)):
        if column is not None and len(column) != len(buyer):
            raise InputError(name, f"as long as `conversion_customer` ({len(buyer)} rows)", len(column))
    if money is not None:
        require(money >= 0, "conversion_value", money, ">= 0")
    end = as_time("as_of", as_of)
    window = None if look_back_days is None else as_positive("look_back_days", look_back_days)
    reuse = as_flag("reuse_touches", reuse_touches)
    if direct is not None and not as_text("direct", direct).strip():
        raise InputError("direct", "a name, not empty", direct)
    touched = treat_copies(duplicates, used=when <= end, time=when, customer=who, channel=code)
    sold = treat_copies(
        duplicates, used=bought <= end, conversion_time=bought, conversion_customer=buyer, conversion_value=given
    )
    if touched.rows is not None:
        who, code, when = who[touched.rows], code[touched.rows], when[touched.rows]
    if sold.rows is not None:
        buyer, bought, money = buyer[sold.rows], bought[sold.rows], None if money is None else money[sold.rows]
    who, buyer = _on_one_scale(ids, who, buyer_ids, buyer)
    seen, counted = when <= end, bought <= end
    if not (seen.any() or counted.any()):
        raise InputError("as_of", "not before every touch and conversion", str(end))
    log = _sorted_log(who[seen], code[seen], when[seen], buyer[counted], bought[counted], len(channels))
    money = None if money is None else money[counted]
    paths = _cut_into_paths(
        log,
        channels,
        money,
        end=end,
        window=window,
        direct=direct,
        reuse=reuse,
        n_later=(int((~seen).sum()), int((~counted).sum())),
    )
    return attrs.evolve(
        paths,
        n_duplicate_touches=touched.n_dropped,
        n_duplicate_conversions=sold.n_dropped,
        n_duplicate_touches_kept=touched.n_kept,
        n_duplicate_conversions_kept=sold.n_kept,
    )


def _encode_channels(channel: ArrayLike) -> tuple[tuple[str, ...], npt.NDArray[np.int32]]:
    names, code = encode_customers("channel", channel)
    if len(names) and not isinstance(names[0], str):
        raise InputError("channel", "text", int(names[0]))
    return tuple(names.tolist()), code.astype(np.int32)


def _on_one_scale(
    ids: npt.NDArray[Any], who: Integers, buyer_ids: npt.NDArray[Any], buyer: Integers
) -> tuple[Integers, Integers]:
    """Give the customers of touches and of conversions common numbers."""
    if not len(buyer_ids):
        return who, buyer
    if isinstance(ids[0], str) != isinstance(buyer_ids[0], str):
        raise InputError("conversion_customer", "of text or whole numbers, as `customer`", buyer_ids[0])
    ids, buyer_ids = as_comparable(ids, buyer_ids)
    everybody = np.union1d(ids, buyer_ids)
    return np.searchsorted(everybody, ids)[who], np.searchsorted(everybody, buyer_ids)[buyer]


@attrs.frozen
class _Log:
    """Touches and conversions together, by customer and time, touches first; the `code` of a conversion is -1."""

    customer: Integers
    time: Dates
    code: npt.NDArray[np.int32]
    conversion: Integers  # positions of the conversions in their own list


def _sorted_log(
    who: Integers, code: npt.NDArray[np.int32], when: Dates, buyer: Integers, bought: Dates, n_channels: int
) -> _Log:
    customer, time = np.concatenate([who, buyer]), np.concatenate([when, bought])
    tie = np.concatenate([code, np.full(len(buyer), n_channels, dtype=np.int32)])
    order = np.lexsort((tie, time, customer))
    tie = tie[order]
    sold = tie == n_channels
    conversion = order[sold] - len(who)
    tie[sold] = -1
    return _Log(customer[order], time[order], tie, conversion)


def _cut_into_paths(
    log: _Log,
    channels: tuple[str, ...],
    money: Floats | None,
    *,
    end: np.datetime64,
    window: float | None,
    direct: str | None,
    reuse: bool,
    n_later: tuple[int, int],
) -> Paths:
    sold = log.code < 0
    begins = _begins(log, sold)
    path = np.cumsum(begins) - 1
    n = int(path[-1]) + 1
    last = np.append(np.nonzero(begins)[0][1:], len(path)) - 1
    n_conversions = np.bincount(path[sold], minlength=n)
    value = None if money is None else np.bincount(path[sold], weights=money[log.conversion], minlength=n)
    won = n_conversions > 0
    touch = np.nonzero(~sold)[0]
    of, code = path[touch], log.code[touch]
    days = (np.where(won, log.time[last], end)[of] - log.time[touch]).astype(np.int64) / _DAY

    follows = np.zeros(n, dtype=bool)  # a path without conversion after a path with one
    follows[1:] = ~won[1:] & (log.customer[last[1:]] == log.customer[last[:-1]])
    is_open, too_old = np.zeros(n, dtype=bool), np.zeros(len(touch), dtype=bool)
    if window is not None:
        is_open = ~won & ((end - log.time[last]).astype(np.int64) / _DAY <= window)
        too_old = won[of] & (days > window)
        if is_open.all():
            raise InputError("as_of", "late enough for one path to be over", str(end), hint="all paths are open")
    n_after, n_open_touches = int(follows[of].sum()), int(is_open[of].sum())

    n_too_old = int(too_old.sum())
    if reuse:
        place, of = _earlier_touches(log, touch, of, np.where(won, last, -1), window)
        touch, code = touch[place], code[place]
        days = (np.where(won, log.time[last], end)[of] - log.time[touch]).astype(np.int64) / _DAY
        too_old = np.zeros(len(touch), dtype=bool) if window is None else won[of] & (days > window)

    kept = ~(too_old | is_open[of])
    row = np.cumsum(~is_open) - 1  # of each path among the paths that stay
    of, code, days = row[of[kept]], code[kept], days[kept]
    n_conversions = n_conversions[~is_open]
    length = np.bincount(of, minlength=len(n_conversions))
    empty = np.nonzero(length == 0)[0] if direct is not None else np.zeros(0, dtype=np.int64)
    if direct is not None and len(empty):
        channels, code = _with_channel(direct, channels, code)
        order = np.argsort(np.concatenate([of, empty]), kind="stable")
        code = np.concatenate([code, np.full(len(empty), channels.index(direct), dtype=np.int32)])[order]
        days = np.concatenate([days, np.zeros(len(empty))])[order]
        length[empty] = 1
    return Paths(
        channels=channels,
        offsets=hand_over(places_of(length)),
        code=hand_over(code),
        n_paths=hand_over(np.maximum(n_conversions, 1)),
        n_conversions=hand_over(n_conversions),
        value=None if value is None else hand_over(value[~is_open]),
        days_before=hand_over(days),
        n_too_old=n_too_old,
        n_later_touches=n_later[0],
        n_later_conversions=n_later[1],
        n_open_paths=int(is_open.sum()),
        n_open_touches=n_open_touches,
        n_after_conversion=n_after,
        n_filled=int(n_conversions[empty].sum()),
    )


def _begins(log: _Log, sold: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Tell the rows that begin a path: the first of a customer, or the first after a conversion."""
    begins = np.ones(len(sold), dtype=bool)
    same_moment = sold[1:] & (log.time[1:] == log.time[:-1])
    begins[1:] = (log.customer[1:] != log.customer[:-1]) | (sold[:-1] & ~same_moment)
    return begins


def _earlier_touches(
    log: _Log, touch: Integers, of: Integers, conversion: Integers, window: float | None
) -> tuple[Integers, Integers]:
    """Give the place among the touches, and the path, of each touch in each path that may hold it.

    `conversion` is the row of the last conversion of each path, -1 where there is none. Touches may still be too old by
    a little.
    """
    n = len(conversion)
    stop = np.searchsorted(of, np.arange(n), side="right")
    first = np.searchsorted(of, np.arange(n), side="left")
    won = np.nonzero(conversion >= 0)[0]
    who, sold_at = log.customer[conversion[won]], log.time[conversion[won]]
    moments = np.unique(log.time)
    since = np.full(len(won), moments[0])
    if window is not None:
        span = (moments[-1] - moments[0]).astype(np.int64)
        since = sold_at - np.timedelta64(int(min(window * _DAY, span)) + 1_000_000, "us")  # a second for rounding
    key = log.customer[touch] * len(moments) + np.searchsorted(moments, log.time[touch])
    first[won] = np.searchsorted(key, who * len(moments) + np.searchsorted(moments, since))
    length = stop - np.minimum(first, stop)
    if length.sum() > _MOST_TOUCHES:
        rule = f"short enough for at most {_MOST_TOUCHES:,} touches in all paths together"
        raise InputError("look_back_days", rule, window, hint=f"there are {length.sum():,} within it")
    path = np.repeat(np.arange(n), length)
    place = np.arange(len(path)) - np.repeat(np.cumsum(length) - stop, length)
    return place, path


def _with_channel(
    name: str, channels: tuple[str, ...], code: npt.NDArray[np.int32]
) -> tuple[tuple[str, ...], npt.NDArray[np.int32]]:
    """Add a channel, unless it is there, and renumber the codes."""
    names = tuple(sorted({*channels, name}))
    place = {channel: i for i, channel in enumerate(names)}
    return names, np.array([place[channel] for channel in channels], dtype=np.int32)[code]
