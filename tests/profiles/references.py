"""Slow independent answers about profiles."""

from __future__ import annotations

__all__ = ["closure", "partition"]


def closure(records, keys, rules):
    """Join records that share all keys of a rule, again and again until nothing changes: sets of records."""
    groups = [{record} for record in records]
    row = {record: {name: column[i] for name, column in keys.items()} for i, record in enumerate(records)}

    def same(one, other):
        return any(all(row[one][key] and row[one][key] == row[other][key] for key in rule) for rule in rules)

    changed = True
    while changed:
        changed = False
        for i, left in enumerate(groups):
            for right in groups[i + 1 :]:
                if any(same(one, other) for one in left for other in right):
                    left.update(right)
                    groups.remove(right)
                    changed = True
                    break
            if changed:
                break
    return {frozenset(group) for group in groups}


def partition(profiles):
    """Give the records of each profile as sets."""
    groups = {}
    for record, profile in zip(profiles.record.tolist(), profiles.profile.tolist(), strict=True):
        groups.setdefault(profile, set()).add(record)
    return {frozenset(group) for group in groups.values()}
