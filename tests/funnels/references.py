"""Funnels followed the slow way: one customer, one entry and one event at a time."""

from __future__ import annotations

__all__ = ["attempts_of", "funnel_counts"]


def in_order(rows, steps, exclude, ties):
    """Sort (customer, event, time) rows of one customer; at one moment others, then steps in order, then excluded."""

    def rank(event):
        if event in exclude:
            return (2,)
        mine = tuple(k for k, step in enumerate(steps) if event in step)
        return (1, mine) if mine else (0,)

    return sorted(rows, key=lambda row: (row[2], rank(row[1])) if ties in {"steps", "later"} else row[2])


def one_event(event, time, steps, order, seen, times, skipped, returns, *, ties, repeats):
    """Take one event of an attempt; say whether it was a step or breaks strict order."""
    mine = [k for k, step in enumerate(steps) if event in step]
    if order in {"ordered", "strict"}:
        done = [len(seen)] if len(seen) in mine else []
        if ties == "later" and times and time <= times[-1]:
            done = []
    elif order == "any":
        done = [k for k in mine if k not in seen]
    else:
        done = list(range(len(seen), mine[0] + 1)) if mine else []
        for k in done[:-1]:
            skipped[k] = True
        if mine and mine[0] < len(seen) - 1:
            returns[mine[0]] += 1
    seen += done
    times += [time] * len(done)
    if done:
        return "step"
    if order == "strict" and not (repeats == "pass" and set(mine) & set(seen)):
        return "break"
    return None


def one_attempt(rows, start, steps, *, as_of, window, order, exclude, ties, repeats):
    """Follow one entry; give level, times, state, the end, where a new entry may begin, skips and returns."""
    t0, n = rows[start][2], len(steps)
    seen, times = [], []  # steps done, in their order of doing, and when
    skipped, returns = [False] * n, [0] * n
    end, free, lost, row_of_last = None, None, False, start
    for place in range(start, len(rows)):
        _, event, time, *_ = rows[place]
        if window is not None and time > t0 + window:
            break
        if event in exclude:
            end, free, lost = time, place + 1, True
            break
        did = one_event(event, time, steps, order, seen, times, skipped, returns, ties=ties, repeats=repeats)
        if did == "step":
            row_of_last = place
        elif did == "break":
            end, free, lost = time, place, True
            break
        if len(seen) == n:
            end, free = time, place + 1
            break
    matured = window is not None and as_of >= t0 + window
    if end is None:
        if matured:
            end, lost = t0 + window, True
            free = next((p for p in range(start, len(rows)) if rows[p][2] > t0 + window), len(rows))
        else:
            end, free = as_of, len(rows)
    return {
        "n_reached": len(seen),
        "times": times,
        "lost": lost,
        "matured": matured,
        "end": end,
        "free": free,
        "skipped": skipped,
        "returns": returns,
        "start": start,
        "entry_row": rows[start],
        "last_row": rows[row_of_last],
    }


def attempts_of(
    log,
    steps,
    *,
    as_of,
    window=None,
    order="ordered",
    reentry="first",
    exclude=(),
    ties="steps",
    repeats="end",
    duplicates="keep",
):
    """Give the attempts by customer, and how many step events came before the first of them.

    `log` holds (customer, event, time, ...) rows, `steps` sets of events.
    """
    found, n_before = {}, 0
    for customer in sorted({row[0] for row in log}):
        rows = [row for row in log if row[0] == customer and row[2] <= as_of]
        if duplicates == "drop":
            rows = [row for place, row in enumerate(rows) if row[:3] not in [other[:3] for other in rows[:place]]]
        rows = in_order(rows, steps, exclude, ties)
        opening = steps[0] if order in {"ordered", "strict"} else set().union(*steps)
        entries = [place for place, row in enumerate(rows) if row[1] in opening]
        options = {
            "as_of": as_of,
            "window": window,
            "order": order,
            "exclude": exclude,
            "ties": ties,
            "repeats": repeats,
        }
        tried = [one_attempt(rows, start, steps, **options) for start in entries]
        if not tried:
            continue
        if reentry == "first":
            kept = tried[:1]
        elif reentry == "best":
            furthest = max(attempt["n_reached"] for attempt in tried)
            kept = [next(attempt for attempt in tried if attempt["n_reached"] == furthest)]
        else:
            kept, free = [], 0
            for attempt in tried:
                if attempt["start"] >= free:
                    kept.append(attempt)
                    free = attempt["free"]
        found[customer] = kept
        n_before += sum(any(row[1] in step for step in steps) for row in rows[: kept[0]["start"]])
    return found, n_before


def funnel_counts(attempts, n_stages):
    """Count entered, converted, lost and open at each stage."""
    flat = [attempt for kept in attempts.values() for attempt in kept]
    entered = [sum(a["n_reached"] > k for a in flat) for k in range(n_stages)]
    converted = [*entered[1:], entered[-1]]
    stopped = [[a for a in flat if a["n_reached"] == k + 1 < n_stages] for k in range(n_stages)]
    lost = [sum(a["lost"] for a in some) for some in stopped]
    still = [sum(not a["lost"] for a in some) for some in stopped]
    return entered, converted, lost, still
