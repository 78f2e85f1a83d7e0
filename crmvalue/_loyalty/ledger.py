"""An append-only ledger of points, and what follows from it: balances at any date, lots, flows."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

from crmvalue._core.calendar import add_months
from crmvalue._core.checks import (
    as_column,
    as_day,
    as_day_column,
    as_time_column,
    require,
    require_same_index,
    require_same_length,
)
from crmvalue._core.encoding.customers import are_texts, as_words, encode_customers, fill_missing, join_customers
from crmvalue._core.frames import Columns
from crmvalue._core.json import from_json, to_json
from crmvalue._core.values import array_field, checked_field, choice_field, hand_over, of_class, read_only, stay_frozen
from crmvalue._loyalty.booking.addition import (
    concerned_members,
    join_bookings,
    join_links,
    join_members,
    rows_of_events,
)
from crmvalue._loyalty.booking.log import (
    ADJUST,
    EARN,
    EXPIRE,
    KINDS,
    REASONS,
    REPEATED,
    REVERSE,
    SPEND,
    TAKEN,
    TRANSFER,
    Booked,
    Links,
    Log,
)
from crmvalue._loyalty.booking.replacements import Replacements, undo_replacements
from crmvalue._loyalty.booking.replay import replay
from crmvalue._loyalty.policy import NEVER, PointsPolicy
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from crmvalue.typing import ArrayLike, Dates, Integers

__all__ = ["PointsLedger", "balances_of_entries"]

IfRefused: TypeAlias = Literal["raise", "count"]
_MOST_POINTS = 10**12
_MOST_TOGETHER = 2**52


@stay_frozen
@attrs.frozen(kw_only=True)
class PointsLedger(Columns):
    """All events of a loyalty programme in points, and the balances that follow from them.

    Events are never changed: :meth:`add` gives a longer ledger. They are booked in the order of their time, and events
    of one moment, such as a day without a time, in the order of their rows: a spending before the earning of its day
    needs other points. Otherwise the same events give the same balances, in whatever parts they came. Spending takes
    the points that expire first, and of those of one last day the points that could be spent first.

    Parameters
    ----------
    policy : PointsPolicy
        When points can be spent, when they expire, and what a return does.
    event : array_like
        Identifier of each event: whole numbers or text. A repeated event changes nothing and is counted.
    member : array_like
        Member of each event: whole numbers or text.
    kind : array_like of str
        "earn", "spend", "expire" (taken away), "reverse" (an order is returned), "adjust" or "transfer".
    time : array_like
        Moment of each event.
    points : array_like
        Points of each event, a whole number from 1 to 10**12; of an adjustment any sign, not 0. In a programme with
        cashback, minor units of money.
    refers_to : array_like, optional
        Identifier of the earning or spending that a "reverse" takes back, wholly or in part; missing for other events.
    to_member : array_like, optional
        Member who gets the points of a "transfer"; missing for other events.
    last_day : array_like, optional
        Last day on which the points of an earning can be spent, where it is not that of the policy; else missing.
    if_refused : {"raise", "count"}, default "raise"
        What to do with an event that cannot be: a spending of more points than there are, a second reversal. Such
        events raise, or they change nothing and stand in `refusals`.

    Attributes
    ----------
    members : ndarray
        All members of the ledger, ascending.

    Examples
    --------
    >>> ledger = PointsLedger(
    ...     policy=PointsPolicy(if_spent="negative"),
    ...     event=["e1", "e2", "e3"],
    ...     member=["ann", "ann", "ann"],
    ...     kind=["earn", "earn", "spend"],
    ...     time=["2024-01-10", "2024-02-10", "2024-02-20"],
    ...     points=[100, 100, 120],
    ...     last_day=["2024-06-30", "2024-03-31", None],
    ... )
    >>> ledger.balance("ann", "2024-02-20")
    80
    >>> for last_day, points in zip(*ledger.lots("2024-04-01")[2:]):
    ...     print(last_day, points)
    2024-06-30 80
    """

    policy: PointsPolicy = checked_field("policy", of_class(PointsPolicy))
    event: npt.NDArray[Any] = array_field(lambda value: value)
    member: npt.NDArray[Any] = array_field(lambda value: value)
    kind: npt.NDArray[np.str_] = array_field(lambda value: value)
    time: Dates = array_field(lambda value: value)
    points: Integers = array_field(lambda value: value)
    refers_to: npt.NDArray[Any] | None = array_field(lambda value: value, default=None)
    to_member: npt.NDArray[Any] | None = array_field(lambda value: value, default=None)
    last_day: Dates | None = array_field(lambda value: value, default=None)
    if_refused: str = choice_field("if_refused", IfRefused, default="raise")
    members: npt.NDArray[Any] = array_field(init=False)
    _links: Links = attrs.field(init=False, repr=False, eq=False)
    _booked: Booked = attrs.field(init=False, repr=False, eq=False)

    def __attrs_post_init__(self) -> None:
        columns, links, members = _checked(self)
        for name, column in columns.items():
            object.__setattr__(self, name, None if column is None else read_only(column))
        _keep(self, members, links, _book(self, links, np.arange(len(self.event)), len(members)))

    def add(
        self,
        *,
        event: ArrayLike,
        member: ArrayLike,
        kind: ArrayLike,
        time: ArrayLike,
        points: ArrayLike,
        refers_to: ArrayLike | None = None,
        to_member: ArrayLike | None = None,
        last_day: ArrayLike | None = None,
    ) -> PointsLedger:
        """Give the ledger with more events, by the arguments of the class; the ledger itself stays as it is.

        Events may come late: each is booked at its time. Only the members whom new events concern are booked again.
        """
        given: dict[str, Any] = {"event": event, "member": member, "kind": kind, "time": time, "points": points}
        optional: dict[str, Any] = {"refers_to": refers_to, "to_member": to_member, "last_day": last_day}
        new = PointsLedger(policy=self.policy, if_refused="count", **given, **optional)
        n_old, n_new = len(self.event), len(new.event)
        columns: dict[str, Any] = {}
        for name in given:
            columns[name] = _joined(getattr(self, name), getattr(new, name))
        for name in optional:
            old, more = getattr(self, name), getattr(new, name)
            if old is not None or more is not None:
                columns[name] = _joined(_or_missing(old, n_old, name), _or_missing(more, n_new, name))
        if not _alike(self, new) or np.abs(columns["points"]).sum() > _MOST_TOGETHER:
            return attrs.evolve(self, **columns)  # which checks all of them
        made = copy.copy(self)
        for name, column in columns.items():
            object.__setattr__(made, name, read_only(hand_over(column)))
        members, numbers, new_numbers = join_members(self.members, new.members)
        earlier, later = _renumbered(self._links, numbers), _renumbered(new._links, new_numbers)
        links = join_links(earlier, later, (self.event, new.event), (self.refers_to, new.refers_to))
        concerned = concerned_members(links, np.arange(n_old, n_old + n_new), len(members))
        booked = _book(made, links, np.nonzero(concerned[links.member])[0], len(members))
        _keep(made, members, links, join_bookings(self._booked, booked, concerned, numbers, links.member))
        return made

    def balances(self, as_of: ArrayLike, member: ArrayLike | None = None) -> Integers:
        """Points that can be spent at the end of a day: of all `members` in their order, or of the given ones.

        A member without events has 0 points. Events of a later day do not count.
        """
        day = as_day("as_of", as_of)
        booked = self._booked
        found = balances_of_entries(booked.entries, booked.lots, len(self.members), day)
        return found if member is None else self._of(member, found)

    def balance(self, member: Any, as_of: ArrayLike) -> int:
        """Points that one member can spend at the end of a day."""
        return int(self.balances(as_of, [member])[0])

    def pending(self, as_of: ArrayLike, member: ArrayLike | None = None) -> Integers:
        """Points that are earned by the end of a day and cannot be spent yet; of members as in :meth:`balances`."""
        day = _number(as_day("as_of", as_of))
        _, code, lot, when, points = self._booked.entries
        _, _, first, last = self._booked.lots
        waits = (when <= day) & (lot >= 0)
        if len(first):
            waits &= (first[lot] > day) & (last[lot] >= day)
        found = _sums(code[waits], points[waits], len(self.members))
        return found if member is None else self._of(member, found)

    def lots(self, as_of: ArrayLike) -> tuple[npt.NDArray[Any], Dates, Dates, Integers]:
        """Lots with points left at the end of a day: member, first day, last day and points.

        Pending lots are among them. Points that never expire have the last day 9999-12-31.
        """
        day = _number(as_day("as_of", as_of))
        _, _, lot, when, points = self._booked.entries
        known = (when <= day) & (lot >= 0)
        code, _, first, last = self._booked.lots
        left = _sums(lot[known], points[known], len(code))
        rows = np.nonzero((left != 0) & (last >= day))[0]
        rows = rows[np.lexsort((rows, last[rows], code[rows]))]
        return self.members[code[rows]], _dates(first[rows]), _dates(last[rows]), left[rows]

    def expired(self, as_of: ArrayLike) -> tuple[npt.NDArray[Any], Dates, Integers]:
        """Points that expired before a day: member, last day on which they could be spent, and points."""
        day = _number(as_day("as_of", as_of))
        _, _, lot, when, points = self._booked.entries
        known = (when <= day) & (lot >= 0)
        code, _, _, last = self._booked.lots
        left = _sums(lot[known], points[known], len(code))
        rows = np.nonzero((left != 0) & (last < day))[0]
        rows = rows[np.lexsort((code[rows], last[rows]))]
        return self.members[code[rows]], _dates(last[rows]), left[rows]

    def totals(self, as_of: ArrayLike) -> dict[str, int]:
        """Points of all members until the end of a day: what came in, what went out, and what is left.

        "earn", "adjust" and "reverse" may be of any sign, "transfer" is 0. "expire" counts what ran out by itself too.
        All of them sum to "balance" plus "pending".
        """
        date = as_day("as_of", as_of)
        day = _number(date)
        row, _, _, when, points = self._booked.entries
        known = when <= day
        flow = known & (row >= 0)
        sums = _sums(self._links.kind[row[flow]], points[flow], len(KINDS)).tolist()
        found = dict(zip(KINDS, sums, strict=True))
        found["expire"] -= int(self.expired(date)[2].sum())
        found["balance"] = int(self.balances(date).sum())
        found["pending"] = int(self.pending(date).sum())
        return found

    def flows(self, as_of: ArrayLike) -> dict[str, npt.NDArray[Any]]:
        """Points of all members by calendar month until the end of a day, in columns.

        "month" has the first day of each month since the first event, also of those without any. "issued" are earnings
        without what returns took back, "redeemed" spendings without what was given back, "expired" what ran out or was
        taken away, "adjusted" the adjustments, and "short" what returns could not take back. Transfers change nothing.
        "outstanding" are all points at the end of the month, pending ones and debts included: what was issued and
        adjusted, less what was redeemed and expired, in this and all earlier months.
        """
        day = _number(as_day("as_of", as_of))
        row, _, lot, when, points = self._booked.entries
        links, last = self._links, self._booked.lots[3]
        kinds = np.append(links.kind, np.int8(TRANSFER))  # the last one is a debt that is paid after all events
        kind = np.where(kinds == REVERSE, kinds[np.append(links.refers, -1)], kinds)[row].astype(np.int64)
        inside = np.nonzero(lot >= 0)[0]
        gone = np.maximum(last[lot[inside]] + 1, when[inside])
        inside, gone = inside[gone <= day], gone[gone <= day]
        known = np.nonzero(when <= day)[0]
        rows, short = self.shortages
        moment = _numbers(self.time[rows])
        rows = np.nonzero(moment <= day)[0]
        begin = _months(np.min(when[known], initial=day))
        months = np.arange(begin, _months(day) + (len(known) > 0))
        place = _months(when[known]) - begin
        sums = _sums(kind[known] * len(months) + place, points[known], len(KINDS) * len(months))
        flow = sums.reshape(len(KINDS), len(months))
        ran_out = _sums(_months(gone) - begin, points[inside], len(months))
        found = {
            "issued": flow[EARN],
            "redeemed": -flow[SPEND],
            "expired": ran_out - flow[EXPIRE],
            "adjusted": flow[ADJUST],
            "short": _sums(_months(moment[rows]) - begin, short[rows], len(months)),
        }
        left = found["issued"] + found["adjusted"] - found["redeemed"] - found["expired"]
        return {"month": _dates_of_months(months), **found, "outstanding": np.cumsum(left)}

    @property
    def refusals(self) -> tuple[Integers, list[str]]:
        """Rows of the events that changed nothing, and why: repeated events, and with "count" impossible ones."""
        row, reason = self._booked.refused
        return row, [REASONS[number] for number in reason.tolist()]

    @property
    def shortages(self) -> tuple[Integers, Integers]:
        """Rows of reversals that could not take all their points, and the points that were missing.

        They are what the policy `if_spent` is about: a negative balance, a deduction from the refund, or forgiven.
        """
        row, points = self._booked.shortages
        return row, points

    def issues(self, as_of: ArrayLike) -> tuple[npt.NDArray[Any], Dates, Integers, Integers, Integers]:
        """Earned lots until the end of a day: member, day of issue, points without reversals, spent and expired ones.

        Points that were transferred count at the member who earned them, and as neither spent nor expired. Where the
        points of a returned order are spent already, the points that take their place count as spent; if the spending
        is returned later, they get back what comes back to the lot of the order. Where those of the order are
        transferred or taken away, the points that take their place count as neither spent nor expired.
        """
        day = _number(as_day("as_of", as_of))
        row, member, lot, when, points = self._booked.entries
        code, issued_by, _, last = self._booked.lots
        settles = np.append((lot[1:] < 0) & (points[1:] > 0), np.zeros(len(lot[:1]), dtype=bool))  # its debt comes next
        known = (when <= day) & ((lot >= 0) | (points < 0))
        row, member, lot, points, settles = row[known], member[known], lot[known], points[known], settles[known]
        kinds, source = np.append(self.kind, ""), np.append(issued_by, -2)[lot]
        reverses = np.append(self._links.refers, -1)[row]
        returns = (kinds[row] == "reverse") & (kinds[reverses] != "spend") & ~settles
        own = (row == source) | (returns & (reverses == source))
        elsewhere = returns & ~own  # the points of the order are spent: others take their place
        moved = _sums(reverses[elsewhere], points[elsewhere], len(self.kind))[issued_by]
        moved[self.kind[issued_by] == "transfer"] = 0
        issued = _sums(lot[own], points[own], len(code)) + moved
        used = (kinds[row] == "spend") | ((kinds[row] == "reverse") & ~returns) | elsewhere | settles
        used &= lot >= 0  # debts are on no lot
        spent = moved - _sums(lot[used], points[used], len(code))
        inside = lot >= 0
        left = _sums(lot[inside], points[inside], len(code))
        lot_of = np.full(len(self.kind) + 1, -1)
        lot_of[issued_by] = np.arange(len(code))
        debt = len(code) + member  # debts stand behind the lots, one of each member
        owes = ~inside | settles
        owed = _sums(member[owes], np.where(inside, points, -points)[owes], len(self.members))
        by, order, change = np.where(inside, lot, debt), np.where(settles, debt, lot_of[reverses]), elsewhere | settles
        none = np.zeros_like(owed)
        spent, gone = undo_replacements(
            np.append(spent, owed),
            np.append(np.where(last < day, left, 0), none),
            np.append(np.where(last < day, 0, left), none),
            np.append(issued - spent - left, none),
            Replacements(order[change], by[change], -points[change]),
        )
        date = self.time[issued_by].astype("datetime64[D]")
        kept = np.nonzero((self.kind[issued_by] == "earn") & (date <= _dates(day)) & (issued > 0))[0]
        kept = kept[np.argsort(issued_by[kept])]
        return self.members[code[kept]], date[kept], issued[kept], spent[kept], gone[kept]

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give one row for each event, for a dataframe of any kind."""
        names = ("event", "member", "kind", "time", "points", "refers_to", "to_member", "last_day")
        columns = {name: getattr(self, name) for name in names}
        return {name: column for name, column in columns.items() if column is not None}

    def to_json(self) -> str:
        """Write the ledger with all its events as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> PointsLedger:
        """Read what `to_json` wrote."""
        return from_json(cls, text, PointsPolicy)

    def _of(self, member: ArrayLike, found: Integers) -> Integers:
        ids, place = encode_customers("member", member)
        if len(self.members) and len(ids) and are_texts(ids) != are_texts(self.members):
            raise InputError("member", "of the same type as the members of the ledger", ids[:1].tolist()[0])
        place_of = {known: i for i, known in enumerate(self.members.tolist())}
        rows = np.array([place_of.get(known, -1) for known in ids.tolist()], dtype=np.int64)
        return np.append(found, 0)[rows][place]


def balances_of_entries(entries: Integers, lots: Integers, n_members: int, as_of: np.datetime64) -> Integers:
    """Sum the entries of each member until a day, those of lots that can be spent on that day."""
    day = _number(as_of)
    _, code, lot, when, points = entries
    alive = np.append((lots[2] <= day) & (lots[3] >= day), True)  # the last one is a debt, of lot -1
    counts = alive[lot] & (when <= day)
    return _sums(code[counts], points[counts], n_members)


def _checked(given: PointsLedger) -> tuple[dict[str, Any], Links, npt.NDArray[Any]]:
    """Check the events; give their columns, their links, and the members."""
    names = ("event", "member", "kind", "time", "points", "refers_to", "to_member", "last_day")
    raw = {name: getattr(given, name) for name in names}
    require_same_index(**{name: column for name, column in raw.items() if column is not None})
    ids, code = encode_customers("event", raw["event"])
    people, person = encode_customers("member", raw["member"])
    words, word = as_words("kind", raw["kind"])
    number = np.array([KINDS.index(known) if known in KINDS else -1 for known in words], dtype=np.int64)
    kind = number[word] if len(word) else word
    kinds = np.array(words, dtype=object)[word] if len(word) else np.zeros(0, dtype=object)
    require(kind >= 0, "kind", kinds, f"one of {', '.join(KINDS)}")
    time = as_time_column("time", raw["time"])
    amount = as_column("points", raw["points"])
    rows = {"event": code, "member": person, "kind": kind, "time": time, "points": amount}
    if any(map(len, rows.values())):
        require_same_length(**rows)
    require(amount == np.floor(amount), "points", amount, "a whole number")
    require(np.abs(amount) <= _MOST_POINTS, "points", amount, "at most 10**12")
    require(np.where(kind == ADJUST, amount != 0, amount >= 1), "points", amount, "at least 1 (an adjustment: not 0)")
    if np.abs(amount).sum() > _MOST_TOGETHER:
        raise InputError("points", "at most 2**52 together", float(np.abs(amount).sum()))
    points = amount.astype(np.int64)
    optional: dict[str, Any] = {"refers_to": None, "to_member": None, "last_day": None}
    for name in ("refers_to", "to_member"):
        if raw[name] is not None:
            optional[name] = _with_gaps(name, raw[name])
    if raw["last_day"] is not None:
        optional["last_day"] = as_day_column("last_day", raw["last_day"], allow_missing=True)
    present = {name: column for name, column in optional.items() if column is not None}
    if any(map(len, (code, *present.values()))):
        require_same_length(event=code, **present)

    day = time.astype("datetime64[D]")
    people, person, receiver = _receivers(people, person, np.nonzero(kind == TRANSFER)[0], optional["to_member"])
    if optional["last_day"] is not None:
        own = optional["last_day"]
        require(np.isnat(own) | (own >= day), "last_day", own, "not before the day of the event")
    event = ids[code]
    first = np.empty(len(ids), dtype=np.int64)
    first[code[::-1]] = np.arange(len(code))[::-1]  # the first row is written last
    refers = np.full(len(code), -1, dtype=np.int64)
    if optional["refers_to"] is not None:
        refers = rows_of_events(event, optional["refers_to"].tolist())
    columns = {"event": event, "member": people[person], "kind": kinds.astype(np.str_), "time": time, "points": points}
    return {**columns, **optional}, Links(kind.astype(np.int8), person, first[code], refers, receiver), people


def _book(ledger: PointsLedger, links: Links, rows: Integers, n_members: int) -> Booked:
    """Book some rows of a ledger: all those of their members."""
    policy, time, kind = ledger.policy, ledger.time[rows], links.kind[rows]
    day = time.astype("datetime64[D]")
    last = policy.last_days(day)
    if ledger.last_day is not None:
        own = ledger.last_day[rows]
        last = np.where(np.isnat(own), last, own)
    inactive = NEVER if policy.inactive_months is None else add_months(day, policy.inactive_months)
    log = Log(
        row=rows,
        member=links.member[rows],
        kind=kind,
        day=_numbers(day),
        points=ledger.points[rows],
        refers=links.refers[rows],
        receiver=links.receiver[rows],
        usable=_numbers(day) + np.where(kind == ADJUST, 0, policy.pending_days),
        last=_numbers(last),
        inactive=np.broadcast_to(_numbers(np.asarray(inactive)), day.shape),
    )
    like = links.like[rows]
    order = np.nonzero(like == rows)[0]
    order = order[np.argsort(time[order], kind="stable")]
    booked = replay(policy, Log(*(column[order] for column in log)), n_members)
    refused = np.concatenate([_repeats(log, like, time), booked.refused], axis=1)
    return booked._replace(
        refused=refused[:, np.argsort(refused[0], kind="stable")],
        shortages=booked.shortages[:, np.argsort(booked.shortages[0], kind="stable")],
    )


def _keep(ledger: PointsLedger, members: npt.NDArray[Any], links: Links, booked: Booked) -> None:
    """Set what follows from the events of a ledger; an event that cannot be raises, unless such events are counted."""
    refused = booked.refused
    wrong = np.nonzero(refused[1] != REPEATED)[0]
    if len(wrong) and ledger.if_refused == "raise":
        row, reason = refused[:, wrong[0]].tolist()
        raise InputError(
            "event",
            "possible when it happens",
            ledger.event[row].item() if isinstance(ledger.event[row], np.generic) else ledger.event[row],
            index=row,
            count=len(wrong),
            hint=f'{REASONS[reason]}; if_refused="count" leaves such events out and counts them',
        )
    object.__setattr__(ledger, "members", read_only(members))
    object.__setattr__(ledger, "_links", Links(*(read_only(hand_over(part)) for part in links)))
    object.__setattr__(ledger, "_booked", Booked(*(read_only(hand_over(part)) for part in booked)))


def _alike(old: PointsLedger, new: PointsLedger) -> bool:
    """Whether the identifiers of two ledgers are of the same types, so that each stays as it is beside the others."""
    if not len(old.event) or not len(new.event):
        return False
    for name in ("event", "member", "refers_to", "to_member"):
        kinds = {_kind(getattr(ledger, name)) for ledger in (old, new)} - {""}
        if len(kinds) > 1:
            return False
    return True


def _kind(column: npt.NDArray[Any] | None) -> str:
    if column is None or column.dtype.kind != "O":
        return "" if column is None else column.dtype.kind
    first = next((item for item in column.tolist() if item is not None), None)
    return "" if first is None else type(first).__name__


def _renumbered(links: Links, numbers: Integers) -> Links:
    """Give the links with other numbers of the members."""
    return links._replace(member=numbers[links.member], receiver=np.append(numbers, -1)[links.receiver])


def _receivers(
    people: npt.NDArray[Any], person: Integers, rows: Integers, others: npt.NDArray[Any] | None
) -> tuple[npt.NDArray[Any], Integers, Integers]:
    """Give the members with those who get transfers, the member of each row, and who gets the points of each."""
    receiver = np.full(len(person), -1, dtype=np.int64)
    if not len(rows):
        return people, person, receiver
    if others is None:
        raise InputError("to_member", "given for each transfer", None, index=int(rows[0]))
    given = np.ones(len(person), dtype=bool)
    given[rows] = [item is not None for item in others[rows].tolist()]
    require(given, "to_member", others, "given for each transfer")
    both, place = encode_customers("to_member", [*people[person].tolist(), *others[rows].tolist()])
    person, receiver[rows] = place[: len(person)], place[len(person) :]
    require(receiver != person, "to_member", others, "another member than the one who gives")
    return both, person, receiver


def _repeats(log: Log, like: Integers, time: Dates) -> Integers:
    """Give the rows of repeated events and the reasons; `like` is the first row with the same identifier."""
    again = np.nonzero(like != log.row)[0]
    before = np.minimum(np.searchsorted(log.row, like[again]), len(log.row) - 1)
    same = (log.row[before] == like[again]) & (time[again] == time[before])  # else it is of a member not booked here
    for column in log[1:]:
        same &= column[again] == column[before]
    return np.stack([log.row[again], np.where(same, REPEATED, TAKEN)])


def _with_gaps(name: str, value: Any) -> npt.NDArray[Any]:
    """Check a column of identifiers; missing ones become None."""
    filled, missing = fill_missing(name, value)
    if filled.ndim != 1:
        raise InputError(name, "one-dimensional, one element a row", f"{filled.ndim} dimensions")
    found = np.full(len(missing), None, dtype=object)
    if not missing.all():
        ids, place = encode_customers(name, filled)
        found[:] = [None if gap else ids[i] for gap, i in zip(missing.tolist(), place.tolist(), strict=True)]
        found[:] = [item.item() if isinstance(item, np.generic) else item for item in found.tolist()]
    return found


def _or_missing(column: Any, n: int, name: str) -> npt.NDArray[Any]:
    if column is not None:
        return np.asarray(column)
    return np.full(n, np.datetime64("NaT", "D")) if name == "last_day" else np.full(n, None, dtype=object)


def _joined(old: npt.NDArray[Any], new: npt.NDArray[Any]) -> npt.NDArray[Any]:
    unlike = (old.dtype.kind in "UO") != (new.dtype.kind in "UO") and "O" not in old.dtype.kind + new.dtype.kind
    if unlike and old.dtype.kind != "M":
        return np.array([*old.tolist(), *new.tolist()], dtype=object)
    return join_customers(old, new)


def _sums(place: Integers, points: Integers, n: int) -> Integers:
    """Add up whole numbers by place; exact, because no sum comes near 2**53."""
    return np.bincount(place, points, minlength=n).astype(np.int64)


def _number(day: np.datetime64) -> int:
    return int(day.astype("datetime64[D]").astype(np.int64))


def _numbers(day: Dates) -> Integers:
    return day.astype("datetime64[D]").astype(np.int64)


def _months(day: Any) -> Any:
    return _dates(day).astype("datetime64[M]").astype(np.int64)


def _dates_of_months(month: Integers) -> Dates:
    return month.astype("datetime64[M]").astype("datetime64[D]")


def _dates(day: Any) -> Any:
    return np.asarray(day, dtype=np.int64).astype("datetime64[D]")
