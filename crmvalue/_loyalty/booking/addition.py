"""More events for a booked ledger: only the members whom they concern are booked again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from crmvalue._core.encoding.customers import as_comparable
from crmvalue._loyalty.booking.log import Booked, Links

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue.typing import Integers

__all__ = ["concerned_members", "join_bookings", "join_links", "join_members", "rows_of_events"]


def rows_of_events(event: npt.NDArray[Any], items: list[Any]) -> Integers:
    """Give the first row of each identifier among the events; -1 for none, and for an identifier of another type."""
    if event.dtype.kind == "O":  # numpy would cut the null characters off at the ends of these texts
        first = dict(zip(event.tolist()[::-1], range(len(event) - 1, -1, -1), strict=True))
        return np.array([first.get(item, -1) for item in items], dtype=np.int64)
    rows = np.full(len(items), -1, dtype=np.int64)
    is_text = event.dtype.kind == "U"
    asked = [
        place
        for place, item in enumerate(items)
        if item is not None and isinstance(item, str) == is_text and not (is_text and item.endswith("\0"))
    ]
    if not asked or not len(event):
        return rows
    wanted, code = np.unique(np.array([items[place] for place in asked]), return_inverse=True)
    wanted, event = as_comparable(wanted, event)
    near = np.minimum(np.searchsorted(wanted, event), len(wanted) - 1)
    hits = np.nonzero(wanted[near] == event)[0][::-1]  # the first row is written last
    found = np.full(len(wanted), -1, dtype=np.int64)
    found[near[hits]] = hits
    rows[asked] = found[code]
    return rows


def join_members(old: npt.NDArray[Any], new: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], Integers, Integers]:
    """Give the members of both, ascending, and the numbers that the old and the new ones have among them."""
    place = np.searchsorted(old, new)
    known = np.append(old, new[:1])[place] == new
    known &= place < len(old)
    before, fresh = place[~known], new[~known]
    if not len(fresh):
        return old, np.arange(len(old)), place
    members = np.insert(old.astype(np.result_type(old, new)), before, fresh)
    numbers = np.arange(len(old)) + np.searchsorted(before, np.arange(len(old)), side="right")
    return members, numbers, np.searchsorted(members, new)


def join_links(old: Links, new: Links, events: tuple[Any, Any], refers_to: tuple[Any, Any]) -> Links:
    """Give the links of the rows of both ledgers, the new ones after the old ones.

    The members of both have joint numbers already. `events` and `refers_to` are the columns of the old and the new
    ledger, `refers_to` None for a ledger without.
    """
    n_old = len(old.member)
    first = rows_of_events(events[0], events[1].tolist())
    like = np.where(first >= 0, first, new.like + n_old)
    refers, more = old.refers, new.refers
    if refers_to[0] is not None:  # an event that was unknown may have come
        found = rows_of_events(events[1], refers_to[0].tolist())
        refers = np.where((refers < 0) & (found >= 0), found + n_old, refers)
    if refers_to[1] is not None:
        earlier = rows_of_events(events[0], refers_to[1].tolist())
        more = np.where(earlier >= 0, earlier, np.where(more >= 0, more + n_old, -1))
    return Links(
        np.concatenate([old.kind, new.kind]),
        np.concatenate([old.member, new.member]),
        np.concatenate([old.like, like]),
        np.concatenate([refers, more]),
        np.concatenate([old.receiver, new.receiver]),
    )


def concerned_members(links: Links, rows: Integers, n_members: int) -> npt.NDArray[np.bool_]:
    """Find the members of some rows, and all members who have to do with them by transfers and reversals."""
    chosen = np.zeros(n_members, dtype=bool)
    chosen[links.member[rows]] = True
    gives = np.nonzero(links.receiver >= 0)[0]
    refers = np.nonzero(links.refers >= 0)[0]
    refers = refers[links.member[links.refers[refers]] != links.member[refers]]
    one = np.concatenate([links.member[gives], links.member[refers]])
    other = np.concatenate([links.receiver[gives], links.member[links.refers[refers]]])
    if not len(one):
        return chosen
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    pairs = coo_array((np.ones(len(one), dtype=bool), (one, other)), shape=(n_members, n_members))
    _, group = connected_components(pairs, directed=False)
    groups = np.zeros(n_members, dtype=bool)
    groups[group[chosen]] = True
    found: npt.NDArray[np.bool_] = groups[group]
    return found


def join_bookings(
    old: Booked, new: Booked, members: npt.NDArray[np.bool_], numbers: Integers, owner: Integers
) -> Booked:
    """Put new bookings in place of the old ones of some members.

    `numbers` are the numbers of the old members among all, `owner` is the member of each row.
    """
    keeps = ~members[numbers[old.lots[0]]]
    lots = old.lots[:, keeps]
    lots[0] = numbers[lots[0]]
    entries = old.entries[:, ~members[numbers[old.entries[1]]]]
    entries[1] = numbers[entries[1]]
    entries[2] = np.append(np.cumsum(keeps) - 1, -1)[entries[2]]
    more = new.entries.copy()
    more[2] += np.where(more[2] >= 0, lots.shape[1], 0)
    refused, shortages = (
        np.concatenate([before[:, ~members[owner[before[0]]]], after], axis=1)
        for before, after in ((old.refused, new.refused), (old.shortages, new.shortages))
    )
    return Booked(
        np.concatenate([entries, more], axis=1),
        np.concatenate([lots, new.lots], axis=1),
        refused[:, np.argsort(refused[0], kind="stable")],
        shortages[:, np.argsort(shortages[0], kind="stable")],
    )
