"""Points that took the place of those of a returned order, where the latter came back after all."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from crmvalue.typing import Integers

__all__ = ["Replacements", "undo_replacements"]


class Replacements(NamedTuple):
    """Points of one lot or debt that another one stands in for, in the order of time."""

    lot: Integers
    """Lot of the returned order, or a debt that is paid."""
    by: Integers
    """Lot or debt whose points took the place."""
    points: Integers


def undo_replacements(
    spent: Integers, expired: Integers, left: Integers, elsewhere: Integers, replacements: Replacements
) -> tuple[Integers, Integers]:
    """Give spent and expired points of each lot, where those that took another's place get back what came back.

    An order is returned whose points were spent: others take their place and count as spent. Then the spending is
    returned, and the points come back to the lot of the order. Its spent points would be negative, and it would keep
    more than it issued. So the replacement is undone for so many points, the latest first.

    Points that are `elsewhere`, transferred or taken away, are not spent either: where others take their place, these
    are elsewhere instead.
    """
    wrong = np.nonzero(spent < 0)[0].tolist()
    if not wrong:
        return spent, expired
    used, gone, kept, away = spent.tolist(), expired.tolist(), left.tolist(), elsewhere.tolist()
    found: dict[int, list[tuple[int, int]]] = {}
    for lot, by, points in zip(*(column.tolist() for column in replacements), strict=True):
        found.setdefault(lot, []).append((by, points))
    while wrong:
        lot = wrong.pop()
        ways = found.get(lot, [])
        while ways and used[lot] < 0:
            by, points = ways.pop()
            moved = min(points, -used[lot])
            out = min(moved, gone[lot])
            back = min(moved - out, kept[lot])
            for one, sign in ((lot, 1), (by, -1)):
                used[one] += sign * moved
                gone[one] -= sign * out
                kept[one] -= sign * back
                away[one] -= sign * (moved - out - back)
            if moved < points:
                ways.append((by, points - moved))
            if used[by] < 0:
                wrong.append(by)
    return np.array(used, dtype=np.int64), np.array(gone, dtype=np.int64)
