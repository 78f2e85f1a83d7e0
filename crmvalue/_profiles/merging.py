"""Merging on plain numbers: records that share a key, transitively, within a cap and with pairs that stay apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from crmvalue.typing import Floats, Integers

__all__ = ["FINE", "KEPT_APART", "TOO_LARGE", "Groups", "chain_between", "grouped", "merge", "scored_groups"]

FINE, TOO_LARGE, KEPT_APART = 0, 1, 2


class Groups(NamedTuple):
    """Records that share a key, by one rule; rows of a group stand together, the oldest record first."""

    row: Integers
    group: Integers
    """The group of each row, ascending; groups that mean more come first among groups of one size."""
    start: Integers
    """Where each group begins."""

    @property
    def size(self) -> Integers:
        """Number of records of each group."""
        return np.diff(self.start, append=len(self.row))


def grouped(code: Integers) -> tuple[Groups, Integers]:
    """Put records with the same code together, -1 being none; give the groups of two or more and their codes."""
    rows = np.nonzero(code >= 0)[0]
    taken = code[rows]
    shared = np.bincount(taken, minlength=1)[taken] > 1
    rows, taken = rows[shared], taken[shared]
    order = np.argsort(taken, kind="stable")
    rows, taken = rows[order], taken[order]
    new = np.diff(taken, prepend=-1) != 0
    return Groups(rows, np.cumsum(new) - 1, np.nonzero(new)[0]), taken[new]


def scored_groups(first: Integers, second: Integers, prob: Floats) -> Groups:
    """Give scored pairs as groups of two, the most probable first."""
    low, high = np.minimum(first, second), np.maximum(first, second)
    order = np.lexsort((high, low, -prob))
    number = np.arange(len(prob))
    return Groups(np.column_stack([low, high])[order].ravel(), np.repeat(number, 2), 2 * number)


def merge(
    n: int, rules: list[Groups], most_records: int, apart: npt.NDArray[np.int64]
) -> tuple[Integers, list[npt.NDArray[np.int8]]]:
    """Give the oldest record that each record is one with, and the fate of each group of each rule.

    Rules work one after the other. Where a rule would melt more than `most_records` together, none of its groups
    counts there. Where it would join a pair that has to stay apart, its groups count one by one, the largest first, as
    far as the pair stays apart.
    """
    label = np.arange(n)
    fates = []
    for groups in rules:
        head = groups.row[groups.start]
        fate = np.zeros(len(head), dtype=np.int8)
        joined = _join(label, groups, fate)
        large = np.bincount(joined, minlength=n) > most_records
        fate[large[joined[head]]] = TOO_LARGE
        meets = apart[joined[apart[:, 0]] == joined[apart[:, 1]]]
        meets = meets[~large[joined[meets[:, 0]]]]
        sizes, of_pair = groups.size, joined[meets[:, 0]]
        broken = np.unique(of_pair)
        for places, pairs in zip(_rows_of(broken, joined[head]), _rows_of(broken, of_pair), strict=True):
            fate[places] = _one_by_one(label, groups, sizes[places], places, meets[pairs])
        label = joined if not fate.any() else _join(label, groups, fate)
        fates.append(fate)
    return label, fates


def _join(label: Integers, groups: Groups, fate: npt.NDArray[np.int8]) -> Integers:
    """Give the labels after groups of the fate 0 are joined; the label of a record is its oldest companion."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n = len(label)
    fine = fate[groups.group] == FINE
    first = label[groups.row[groups.start][groups.group[fine]]]
    second = label[groups.row[fine]]
    graph = coo_array((np.ones(len(first), dtype=np.int8), (first, second)), shape=(n, n))
    _, part = connected_components(graph, directed=False)
    oldest = np.full(n, n, dtype=np.int64)
    np.minimum.at(oldest, part[label], np.arange(n))
    joined: Integers = oldest[part[label]]
    return joined


def _rows_of(wanted: Integers, column: Integers) -> list[Integers]:
    """Give for each wanted value, ascending, the rows of a column that have it, in their order."""
    order = np.argsort(column, kind="stable")
    begins, ends = (np.searchsorted(column[order], wanted, side=side) for side in ("left", "right"))
    return [order[begin:end] for begin, end in zip(begins.tolist(), ends.tolist(), strict=True)]


def _one_by_one(
    label: Integers, groups: Groups, size: Integers, places: Integers, apart: npt.NDArray[np.int64]
) -> npt.NDArray[np.int8]:
    """Give the fate of the groups at some places, which would join the pairs of `apart` with one another."""
    fate = np.zeros(len(places), dtype=np.int8)
    parent: dict[int, int] = {}
    strangers: dict[int, set[int]] = {}
    """What each part must not be joined with: any label of the other part."""

    def find(node: int) -> int:
        while (above := parent.get(node, node)) != node:
            parent[node] = node = parent.get(above, above)
        return node

    members = [label[groups.row[groups.start[place] :][:n]].tolist() for place, n in zip(places, size, strict=True)]
    for one, other in label[apart].tolist():
        strangers.setdefault(one, set()).add(other)
        strangers.setdefault(other, set()).add(one)
    for index in np.argsort(-size, kind="stable").tolist():
        parts = {find(node) for node in members[index]}
        if any(find(other) in parts for part in parts for other in strangers.get(part, ())):
            fate[index] = KEPT_APART
            continue
        most = max(parts, key=lambda part: len(strangers.get(part, ())))
        for part in parts - {most}:
            parent[part] = most
            if part in strangers:
                strangers[most] |= strangers.pop(part)
    return fate


def chain_between(
    start: int, end: int, members: Integers, rules: Sequence[Groups], fates: Sequence[npt.NDArray[np.int8]]
) -> list[tuple[int, int, int]]:
    """Give the shortest chain of shared groups between two records of one profile: two rows and the rule of a step."""
    groups_of: dict[int, list[tuple[int, int]]] = {}
    rows_of: dict[tuple[int, int], list[int]] = {}
    for index, (groups, fate) in enumerate(zip(rules, fates, strict=True)):
        mine = np.nonzero(np.isin(groups.row, members) & (fate[groups.group] == FINE))[0]
        for row, group in zip(groups.row[mine].tolist(), groups.group[mine].tolist(), strict=True):
            groups_of.setdefault(row, []).append((index, group))
            rows_of.setdefault((index, group), []).append(row)
    before = {start: (start, -1)}
    queue = [start]
    for row in queue:
        for group in groups_of.get(row, []):
            new = [other for other in rows_of.pop(group, ()) if other not in before]  # once a group
            before.update(dict.fromkeys(new, (row, group[0])))
            queue += new
    steps = []
    while end != start:
        row, index = before[end]
        steps.append((row, end, index))
        end = row
    return steps[::-1]
