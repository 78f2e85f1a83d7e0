"""Events that follow from other data: prices of wished items, tiers, evaluations of segments, numbered events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from crmvalue._core.checks import (
    as_amounts,
    as_flag,
    as_ordered_items,
    as_positive,
    as_text,
    as_time,
    as_time_column,
    as_whole_number,
    require,
    require_same_index,
)
from crmvalue._core.encoding.customers import as_words, encode_customers, join_customers
from crmvalue._journeys.data import Events
from crmvalue._journeys.fields import name_of
from crmvalue.errors import InputError
from crmvalue.segmentation import SegmentMembership

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy.typing as npt

    from crmvalue.typing import ArrayLike, Dates, Floats, Integers

__all__ = ["level_changes", "nth_events", "price_drops", "segment_changes"]

_NEAR = 1e-12  # relative: far above the rounding of float64, and far below a cent
_MOST_DAYS = 36_600
_MOST_EVENTS = 10_000_000


def price_drops(
    customer: ArrayLike,
    item: ArrayLike,
    wished_at: ArrayLike,
    price_item: ArrayLike,
    price_time: ArrayLike,
    price: ArrayLike,
    *,
    removed_at: ArrayLike | None = None,
    amount: float | None = None,
    percent: float | None = None,
    look_back_days: int | None = None,
    again: bool = False,
    name: str = "price drop",
) -> Events:
    """Find events for wished items whose price has dropped since the wish.

    The first event of a wish is the first change to a price that is low enough. Each next event is a new low: a price
    below every price that has already caused an event of this wish.

    Parameters
    ----------
    customer : array_like
        Customer of each wish, shape (m,).
    item : array_like
        Item of each wish: whole numbers or text, shape (m,). Wishing an item again makes another wish.
    wished_at : array_like
        When the wish began, shape (m,).
    price_item : array_like
        Item of each entry of the price log, shape (k,). Items that nobody wishes are ignored.
    price_time : array_like
        Moment from which the price holds, shape (k,). If an item has several prices at one moment, the last row holds.
    price : array_like
        The price from that moment on [money], >= 0, shape (k,).
    removed_at : array_like, optional
        When each wish was taken back, not before it began, shape (m,); NaT or None for an open wish. A price change at
        that very moment no longer counts.
    amount : float, optional
        Least drop below the price of the wish [money], > 0. Give either this or `percent`.
    percent : float, optional
        Least drop in percent of the price of the wish, in (0, 100].
    look_back_days : int, optional
        Days of 24 hours after the wish in which changes count, including the end, from 1 to 36600; by default all.
    again : bool, optional
        Whether a wish starts anew once its price has risen: after a price that is not low enough, the next price that
        is low enough is an event again, and new lows count from there. By default only a new low is an event.
    name : str, optional
        Name of the events.

    Returns
    -------
    Events
        One for each wish and each such change, sorted by time and customer. If the prices of two wishes of a customer
        drop at one moment, there are two events; the planner sends one message.

    Raises
    ------
    InputError
        If a wish has no price at or before its moment, a price is negative, both or neither of `amount` and `percent`
        are given, the columns of the wishes or of the log differ in length, or there are more than 10,000,000 events.

    Notes
    -----
    The price of the wish is the last one at or before it. Prices within a relative 1e-12 of each other count as equal,
    so that rounding decides nothing: 10 % off 19.99 is reached at 17.991.

    Memory grows with the number of wishes, plus the number of prices of wished items times the binary logarithm of the
    longest price log of one item. Time grows with the same and with the number of events.

    As in :class:`Events`, times are local, without time zone, and cut to the second in the result.

    Examples
    --------
    >>> from crmvalue.journeys import Customers, Policy, TriggerJourney, plan
    >>> drops = price_drops(
    ...     customer=["ann", "bob"],
    ...     item=["lamp", "lamp"],
    ...     wished_at=["2024-05-01", "2024-05-20"],
    ...     price_item=["lamp", "lamp", "lamp"],
    ...     price_time=["2024-01-01", "2024-05-10", "2024-05-31T08:00"],
    ...     price=[100.0, 92.0, 90.0],
    ...     percent=10,
    ... )
    >>> drops.customer.distinct, drops.time
    (array(['ann'], dtype='<U3'), array(['2024-05-31T08:00:00'], dtype='datetime64[s]'))
    >>> base = Customers(customer=["ann", "bob"], consent={"email": [True, True]})
    >>> journey = TriggerJourney("cheaper now", event="price drop", wait_hours=2, unless="purchase")
    >>> made = plan([journey], base, drops, None, Policy(), "2024-05-31")
    >>> for row in zip(made.customer, made.planned, made.decision):
    ...     print(*row)
    ann 2024-05-31T10:00:00 send

    The price comes down to 90 twice:

    >>> log = {"price_item": ["lamp"] * 4, "price_time": [f"2024-05-0{day}" for day in (1, 3, 5, 7)]}
    >>> wish = {"customer": ["ann"], "item": ["lamp"], "wished_at": ["2024-05-02"], "price": [100, 90, 100, 90]}
    >>> [len(price_drops(**wish, **log, percent=10, again=again)) for again in (False, True)]
    [1, 2]
    """
    require_same_index(customer=customer, item=item, wished_at=wished_at, removed_at=removed_at)
    require_same_index(price_item=price_item, price_time=price_time, price=price)
    people, person = encode_customers("customer", customer)
    wished, wish_item = encode_customers("item", item)
    start = as_time_column("wished_at", wished_at)
    _require_rows(len(person), "customer", item=wish_item, wished_at=start)
    end = _ends(start, removed_at)
    priced, log_item = encode_customers("price_item", price_item)
    since = as_time_column("price_time", price_time)
    cost = as_amounts("price", price)
    _require_rows(len(log_item), "price_item", price_time=since, price=cost)
    require(cost >= 0, "price", cost, ">= 0")
    money, share = _least_drop(amount, percent)
    days = None if look_back_days is None else as_whole_number("look_back_days", look_back_days, low=1, high=_MOST_DAYS)
    once_more, word = as_flag("again", again), name_of("name", name)

    log = _price_log(_places(priced, wished)[log_item], since, cost)
    base = log.n_until(wish_item, start, included=True) - 1
    known = base >= np.searchsorted(log.item, wish_item)
    require(known, "item", wished[wish_item], "with a price at or before the moment of the wish")
    stop = log.n_until(wish_item, end, included=False)  # NaT sorts behind all moments
    if days is not None:
        stop = np.minimum(stop, log.n_until(wish_item, start + np.timedelta64(days, "D"), included=True))
    wish, place = _new_lows(log, wish_item, base, stop, money, share, again=once_more)
    return _events(people, person[wish], [word], np.zeros(len(wish), dtype=np.int64), log.time[place])


def level_changes(customer: ArrayLike, tier: ArrayLike, time: ArrayLike, *, tiers: Sequence[str]) -> Events:
    """Find the events "level up" and "level down" in a log of loyalty tiers.

    Parameters
    ----------
    customer : array_like
        Customer of each record, shape (m,).
    tier : array_like of str
        Tier from that moment on, one of `tiers`.
    time : array_like
        Moment of each record. If a customer has several records at one moment, the last row holds.
    tiers : sequence of str
        All tiers, the lowest first, at least two.

    Returns
    -------
    Events
        One for each record with another tier than the customer's record before, at the time of the record; sorted by
        time and customer. The first record of a customer is no change.

    Raises
    ------
    InputError
        If a tier is not among `tiers`, one of these comes twice, or the columns differ in length.

    Examples
    --------
    >>> changes = level_changes(
    ...     ["ann", "ann", "ann", "bob"],
    ...     ["silver", "gold", "silver", "gold"],
    ...     ["2024-01-01", "2024-03-01", "2024-05-01", "2024-05-01"],
    ...     tiers=["silver", "gold"],
    ... )
    >>> for i, moment in zip(changes.name.code, changes.time):
    ...     print(moment, changes.names[i])
    2024-03-01T00:00:00 level up
    2024-05-01T00:00:00 level down
    """
    require_same_index(customer=customer, tier=tier, time=time)
    people, person = encode_customers("customer", customer)
    words, word = as_words("tier", tier)
    moment = as_time_column("time", time)
    _require_rows(len(person), "customer", tier=word, time=moment)
    place = {known: i for i, known in enumerate(_tier_names(tiers))}
    height = np.array([place.get(known, -1) for known in words], dtype=np.int64)[word]
    require(height >= 0, "tier", np.array(words, dtype=object)[word], f"one of {', '.join(place)}")

    order = np.lexsort((moment, person))
    order = order[_last_of_equal(person[order], moment[order])]
    person, moment, height = person[order], moment[order], height[order]
    step = np.where(person[1:] == person[:-1], np.diff(height), 0)
    rows = np.nonzero(step)[0]
    down = (step[rows] < 0).astype(np.int64)
    return _events(people, person[rows + 1], ["level up", "level down"], down, moment[rows + 1])


def segment_changes(
    before: SegmentMembership, now: SegmentMembership, time: ArrayLike, *, names: Iterable[str] | None = None
) -> Events:
    """Find the events "entered <segment>" and "left <segment>" between two evaluations of segments.

    Parameters
    ----------
    before, now : SegmentMembership
        The earlier and the later evaluation, both with identifiers of the customers.
    time : datetime
        Local time of the events: the moment at which the change became known, such as the time of the later run.
    names : iterable of str, optional
        Names of the segments; by default all segments that both evaluations have.

    Returns
    -------
    Events
        One for each customer who entered or left a segment. A customer whom only the later evaluation knows has
        entered; a customer whom only the earlier one knows has left.

    Raises
    ------
    InputError
        If an evaluation has no identifiers, `before` is later than `now`, the identifiers are of different kinds, or a
        chosen segment is not in both evaluations.

    See Also
    --------
    crmvalue.segmentation.SegmentMembership.changes_since : The same as lists and counts.

    Examples
    --------
    >>> from crmvalue.segmentation import Segment, SegmentColumns, evaluate_segments
    >>> vip = Segment("vip", SegmentColumns({"spend": "number"})["spend"] >= 500)
    >>> before = evaluate_segments([vip], {"spend": [900, 20]}, customer=["ann", "bob"], as_of="2024-05-30")
    >>> now = evaluate_segments([vip], {"spend": [900, 520]}, customer=["ann", "bob"], as_of="2024-05-31")
    >>> changes = segment_changes(before, now, "2024-05-31T08:00")
    >>> changes.customer.distinct, changes.names
    (array(['bob'], dtype='<U3'), ('entered vip',))
    """
    for which, value in (("before", before), ("now", now)):
        if not isinstance(value, SegmentMembership):
            raise InputError(which, "a SegmentMembership", type(value).__name__)
        if value.customer is None:
            raise InputError(which, "with identifiers", None, hint="give `customer` to evaluate_segments")
    moment = as_time("time", time)
    try:
        changes = now.changes_since(before)
    except InputError as error:  # there the earlier evaluation has another name
        raise InputError("before", error.rule, error.value) from error
    words: list[str] = []
    parts: list[npt.NDArray[Any]] = []
    for name in changes.names if names is None else _chosen(names, changes.names):
        words += [f"entered {name}", f"left {name}"]
        parts += [changes.entered(name), changes.left(name)]
    sizes = [len(part) for part in parts]
    if not sum(sizes):
        return Events(customer=[], name=[], time=np.zeros(0, dtype="datetime64[s]"))
    people, person = encode_customers("customer", join_customers(*(part for part in parts if len(part))))
    return _events(people, person, words, np.repeat(np.arange(len(words)), sizes), np.full(len(person), moment))


def nth_events(events: Events, event: str, n: int, *, name: str | None = None) -> Events:
    """Find the n-th event of a name of each customer, such as the fifth purchase.

    Parameters
    ----------
    events : Events
        What customers did, complete from the first event of the name on.
    event : str
        Name of the events that are counted, such as "purchase".
    n : int
        Which of them counts, >= 1: 5 for the fifth.
    name : str, optional
        Name of the new events; by default the counted name and the number, such as "purchase 5".

    Returns
    -------
    Events
        At most one for each customer, at the time of their n-th event; sorted by time and customer.

    Raises
    ------
    InputError
        If `events` is not of :class:`Events`, `n` is no whole number >= 1, or a name is empty.

    Notes
    -----
    Events of one customer at the same second count once, because an event may be given twice. So in a log of days,
    several purchases on one day are one.

    For each tenth purchase, add the events of 10, 20 and so on under one name.

    Examples
    --------
    >>> days = ["2024-05-01", "2024-05-01", "2024-05-08", "2024-05-20"]
    >>> log = Events(customer=["ann", "bob", "ann", "ann"], name=["purchase"] * 4, time=days)
    >>> third = nth_events(log, "purchase", 3)
    >>> third.customer.distinct, third.names, third.time
    (array(['ann'], dtype='<U3'), ('purchase 3',), array(['2024-05-20T00:00:00'], dtype='datetime64[s]'))
    """
    if not isinstance(events, Events):
        raise InputError("events", "of Events", type(events).__name__)
    counted, number = name_of("event", event), as_whole_number("n", n, low=1)
    word = f"{counted} {number}" if name is None else name_of("name", name)

    rows = np.nonzero(events.name.distinct[events.name.code] == counted)[0]
    person, moment = events.customer.code[rows], events.time[rows]
    order = np.lexsort((moment, person))
    order = order[_last_of_equal(person[order], moment[order])]
    person, moment = person[order], moment[order]
    rank = np.arange(len(person)) - np.searchsorted(person, person) + 1
    found = rank == number
    if not found.any():
        return Events(customer=[], name=[], time=np.zeros(0, dtype="datetime64[s]"))
    people = events.customer.distinct
    return _events(people, person[found], [word], np.zeros(np.count_nonzero(found), dtype=np.int64), moment[found])


def _require_rows(n: int, first: str, **columns: npt.NDArray[Any]) -> None:
    """Check that columns are as long as the first; all may be empty, as on a day without events."""
    for name, column in columns.items():
        if len(column) != n:
            raise InputError(name, f"as long as `{first}` ({n} rows)", len(column))


def _ends(start: Dates, removed_at: ArrayLike | None) -> Dates:
    """Read the moment at which each wish ends; NaT for never."""
    if removed_at is None:
        return np.full(len(start), np.datetime64("NaT", "us"))
    end = as_time_column("removed_at", removed_at, allow_missing=True)
    _require_rows(len(start), "customer", removed_at=end)
    require(np.isnat(end) | (end >= start), "removed_at", end, "no earlier than `wished_at`")
    return end


def _least_drop(amount: float | None, percent: float | None) -> tuple[float, float]:
    """Read the least drop as money and as a share of the price of the wish; one of the two is 0."""
    money = 0.0 if amount is None else as_positive("amount", amount)
    share = 0.0 if percent is None else as_positive("percent", percent) / 100
    if share > 1:
        raise InputError("percent", "in (0, 100]", percent)
    if (amount is None) == (percent is None):
        rule = "given, or else `percent`, and not both"
        raise InputError("amount", rule, amount if amount is None else (amount, percent))
    return money, share


def _places(wanted: npt.NDArray[Any], known: npt.NDArray[Any]) -> Integers:
    """Find the place of each distinct identifier among known ones, -1 for an unknown one; numbers never equal text."""
    place = {item: i for i, item in enumerate(known.tolist())}
    return np.fromiter((place.get(item, -1) for item in wanted.tolist()), dtype=np.int64, count=len(wanted))


class _PriceLog(NamedTuple):
    """Prices sorted by item and time, one for each moment."""

    item: Integers
    time: Dates
    price: Floats
    moments: Dates  # distinct times in ascending order
    key: Integers  # one ascending number for item and time

    def n_until(self, item: Integers, time: Dates, *, included: bool) -> Integers:
        """Find the place behind the last price of an item until a moment."""
        n_moments = np.searchsorted(self.moments, time, side="right" if included else "left")
        key = item * (len(self.moments) + 1) + n_moments
        return np.searchsorted(self.key, key, side="right")


def _price_log(item: Integers, time: Dates, price: Floats) -> _PriceLog:
    """Sort the prices of wished items; other items have the code -1."""
    used = np.nonzero(item >= 0)[0]
    order = used[np.lexsort((time[used], item[used]))]
    order = order[_last_of_equal(item[order], time[order])]
    item, time, price = item[order], time[order], price[order]
    moments = np.sort(time)
    moments = moments[_last_of_equal(moments)]
    key = item * (len(moments) + 1) + np.searchsorted(moments, time, side="right")
    return _PriceLog(item, time, price, moments, key)


def _last_of_equal(*columns: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Tell whether each row of sorted columns differs from the next one."""
    last = np.zeros(len(columns[0]), dtype=bool)
    last[-1:] = True
    for column in columns:
        last[:-1] |= column[1:] != column[:-1]
    return last


def _new_lows(
    log: _PriceLog, item: Integers, base: Integers, stop: Integers, money: float, share: float, *, again: bool
) -> tuple[Integers, Integers]:
    """Find the wish and the place in the log of each event.

    `base` is the place of the price of each wish, and `stop` the place at which the search ends. An event is the first
    price below a limit: at first the limit of the rule, then the price of the event before. With `again`, a price that
    is not below the limit of the rule brings this limit back.
    """
    rank, lowest = _ranks(log.price)
    wished = log.price[base]
    low_enough = np.searchsorted(lowest, wished * (1 + _NEAR) - (money + wished * share), side="right")
    top = item.max(initial=0)
    value = (top - log.item) * len(lowest) + rank  # an item's values lie below those of the item before
    limit = (top - item) * len(lowest) + np.minimum(low_enough, rank[base])
    longest = int(np.bincount(log.item).max(initial=0))
    minima = _minima(value, longest)
    highest = value.max(initial=0) + 1
    maxima = _minima(highest - value, longest) if again else []  # what is high in `value` is low here
    wish = np.arange(len(item))
    place = _first_below(minima, base + 1, limit)
    wishes, places, n_events = [wish[:0]], [place[:0]], 0
    while len(wish):  # one round for each event of the wish with the most events
        meets = place < stop[wish]
        wish, place = wish[meets], place[meets]
        n_events += len(wish)
        if n_events > _MOST_EVENTS:
            rule = f"so few wishes that they have at most {_MOST_EVENTS:,} events"
            hint = "take the wishes in parts, or give `look_back_days` or a larger drop"
            raise InputError("customer", rule, f"{len(item):,} wishes", hint=hint)
        wishes.append(wish)
        places.append(place)
        lower = _first_below(minima, place + 1, value[place])
        if again:
            risen = _first_below(maxima, place + 1, highest - limit[wish] + 1)
            lower = np.where(risen < lower, _first_below(minima, risen, limit[wish]), lower)
        place = lower
    return np.concatenate(wishes), np.concatenate(places)


def _ranks(price: Floats) -> tuple[Integers, Floats]:
    """Rank the prices, nearly equal ones alike, and give the lowest price of each rank."""
    order = np.argsort(price, kind="stable")
    ascending = price[order]
    is_new = np.ones(len(price), dtype=bool)
    is_new[1:] = np.diff(ascending) > _NEAR * ascending[1:]
    rank = np.empty(len(price), dtype=np.int64)
    rank[order] = np.cumsum(is_new) - 1
    return rank, ascending[is_new]


def _minima(value: Integers, reach: int) -> list[Integers]:
    """Give the minimum of the 1, 2, 4, ... values from each place on; -1 stands behind the end."""
    n = len(value)
    minima = [np.append(value, -1)]
    for k in range(reach.bit_length() - 1):
        longer = minima[-1].copy()
        np.minimum(longer[: n + 1 - 2**k], longer[2**k :], out=longer[: n + 1 - 2**k])
        minima.append(longer)
    return minima


def _first_below(minima: list[Integers], start: Integers, limit: Integers) -> Integers:
    """Find the first place from `start` on with a value below `limit`: skip blocks without one, long blocks first."""
    place = start.copy()
    for k in range(len(minima) - 1, -1, -1):
        place += (minima[k][place] >= limit).astype(np.int64) << k
    return place


def _tier_names(tiers: object) -> tuple[str, ...]:
    items = as_ordered_items("tiers", tiers, "a sequence of texts, the lowest first")
    names = tuple(as_text("tiers", name) for name in items)
    if len(names) < 2 or len(set(names)) != len(names):
        raise InputError("tiers", "at least two, all different", names)
    return names


def _chosen(names: object, known: Sequence[str]) -> tuple[str, ...]:
    items = as_ordered_items("names", names, "a sequence of texts")
    chosen = tuple(dict.fromkeys(as_text("names", name) for name in items))
    for name in chosen:
        if name not in known:
            raise InputError("names", f"segments of both evaluations: {', '.join(known) or 'none'}", name)
    return chosen


def _events(people: npt.NDArray[Any], person: Integers, words: Sequence[str], word: Integers, time: Dates) -> Events:
    """Sort events by time, customer and name."""
    order = np.lexsort((word, person, time))
    names = np.array(words, dtype=object)
    return Events(customer=people[person[order]], name=names[word[order]], time=time[order])
