"""A general journey followed customer by customer with Python's own dates, to compare with."""

from __future__ import annotations

import calendar
from datetime import UTC, datetime, timedelta

from crmvalue.journeys import Branch, Choice, Message, Split, Wait, WaitFor

__all__ = [
    "admitted_entries",
    "decide_one_by_one",
    "follow_run",
    "instant_of",
    "later",
    "later_in_zone",
    "looks_that_count",
    "send_day",
]


def later(start, words):
    """Time at which a wait in words ends."""
    words, _, clock = words.partition(" at ")
    if words == "next day":
        words = "1 day"
    count, unit = words.split()
    count, unit = int(count), unit.rstrip("s")
    if unit in ("minute", "hour"):
        return start + timedelta(**{unit + "s": count})
    if unit == "month":
        months = start.year * 12 + start.month - 1 + count
        year, month = divmod(months, 12)
        day = min(start.day, calendar.monthrange(year, month + 1)[1])
        moved = start.replace(year=year, month=month + 1, day=day)
    else:
        moved = start + timedelta(days=count * (7 if unit == "week" else 1))
    if clock:
        hour, minute = clock.split(":")
        moved = moved.replace(hour=int(hour), minute=int(minute), second=0)
    return moved


def first_after(events, names, moment):
    """First of some events after a moment."""
    times = [time for name, time in events if name in names and time > moment]
    return min(times, default=None)


def follow_run(journey, events, entered, until, *, side):
    """Messages of one run, its last step, when it was reached, and when it was through.

    `side(step)` gives the step to which a branch, a choice or a split leads this customer.
    """
    names = list(journey.steps)
    name, time, messages = names[0], entered, []
    while True:
        step = journey.steps[name]
        after = names[names.index(name) + 1] if name != names[-1] else "end"
        if isinstance(step, Message):
            messages.append((name, time))
            target, moved = step.then or after, time
        elif isinstance(step, Wait):
            target, moved = step.then or after, later(time, step.duration)
        elif isinstance(step, WaitFor):
            limit = later(time, step.at_most)
            event = first_after(events, {step.event}, time)
            came = event is not None and event <= limit
            target, moved = ((step.then or after), event) if came else ((step.otherwise or after), limit)
        else:
            assert isinstance(step, Branch | Choice | Split)
            target, moved = side(name, step), time
        if moved >= until:
            return messages, name, time, None
        if target == "end":
            return messages, "end", moved, moved
        name, time = target, moved


def admitted_entries(journey, events, end, *, side):
    """Entries of one customer that count, with what became of each."""
    taken, free = [], datetime.min
    for entered in sorted(time for name, time in events if name == journey.entry and time < end):
        if journey.reentry == "never" and taken:
            continue
        if entered < free:
            continue
        goal = first_after(events, set(journey.goals), entered)
        other = first_after(events, set(journey.exits), entered)
        over = min((t for t in (goal, other) if t is not None and t < end), default=None)
        _, step, since, through = follow_run(journey, events, entered, over or end, side=side)
        if through is not None:
            outcome, ended = "finished", through
        elif over is not None:
            outcome, ended = "goal" if over == goal else "exit", over
        else:
            outcome, ended = "running", None
        if journey.reentry == "after exit":
            free = datetime.max if ended is None else ended + timedelta(seconds=1)
        elif journey.reentry not in ("never", "always"):
            free = later(entered, journey.reentry)
        taken.append((entered, step, since, outcome, ended))
        if journey.reentry == "after exit" and ended is None:
            break
    return taken


def instant_of(local, zone):
    """First instant, with its zone UTC, whose local time is not before a local time."""
    instant = local.replace(tzinfo=zone).astimezone(UTC)
    minute = timedelta(minutes=1)
    while (instant - minute).astimezone(zone).replace(tzinfo=None) > local:  # the clocks skip this local time
        instant -= minute
    return instant


def later_in_zone(start, words, zone):
    """Instant at which a wait in words ends that begins at an instant: hours elapse, days are those of the calendar."""
    if words.split()[1].rstrip("s") in ("minute", "hour"):
        return later(start, words)
    return instant_of(later(start.astimezone(zone).replace(tzinfo=None), words), zone)


def out_of_quiet_hours(time, quiet):
    """First moment that is not quiet."""
    start, end = quiet
    while start <= time.hour < end if start < end else (time.hour >= start or time.hour < end):
        time = time.replace(minute=0, second=0) + timedelta(hours=1)
    return time


def send_day(journey, events, entered, sent, day, *, quiet, allowed):
    """Send what one daily run sends of one run of a journey, in UTC: adds to `sent`, a time by name of a message.

    `events` are all that will ever happen, `allowed` the messages that the customer may get.
    """
    end = day + timedelta(days=1)
    over = first_after(events, {*journey.goals, *journey.exits}, entered)
    names = list(journey.steps)
    name, time = names[0], entered
    while True:
        step = journey.steps[name]
        after = names[names.index(name) + 1] if name != names[-1] else "end"
        target = step.then or after
        if isinstance(step, Message):
            if name not in sent and name in allowed and time >= day - timedelta(days=journey.catch_up_days):
                at = out_of_quiet_hours(time, quiet)
                if time < day:  # a run missed it
                    at = datetime.combine(day, time.time())
                    if out_of_quiet_hours(at, quiet) != at:
                        at = out_of_quiet_hours(day, quiet)
                if (over is None or over > at) and at <= time + timedelta(days=step.valid_days):
                    sent[name] = at
            if name not in sent and step.if_unsent == "stop":
                return
            time = sent.get(name, time)
        elif isinstance(step, Wait):
            time = later(time, step.duration)
        else:
            limit = later(time, step.at_most)
            event = first_after(events, {step.event}, time)
            came = event is not None and event <= limit
            time, target = (event, target) if came else (limit, step.otherwise or after)
        if target == "end" or time >= end:
            return
        name = target


def decide_one_by_one(messages, *, cap, days, budget, resting=frozenset(), exempt=frozenset()):
    """Decide on messages (customer, time, journey), each in its turn, under one rolling cap and a daily budget.

    A customer gets one message of a resting journey; messages of exempt ones are neither capped nor counted for caps.
    """
    sent, decisions = [], []
    for customer, time, journey in messages:
        near = sum(c == customer and j not in exempt and abs(t - time) < timedelta(days=days) for c, t, j in sent)
        if journey in resting and any(c == customer and j == journey for c, _, j in sent):
            decisions.append("cool-down")
        elif journey not in exempt and near >= cap:
            decisions.append("capped")
        elif sum(t.date() == time.date() for _, t, _ in sent) >= budget:
            decisions.append("over budget")
        else:
            decisions.append("send")
            sent.append((customer, time, journey))
    return decisions


def looks_that_count(run, sent, repeated, columns):
    """Say of each row, one by one, whether it counts for its message.

    It does where the message was sent, or else at the last look that repeats no other one. Of rows of one day that are
    equal, the first is one message, the second another one, and so on.
    """
    looks, seen = {}, {}
    for row, message in enumerate(zip(*(column.tolist() for column in columns), strict=True)):
        day = (message, int(run[row]))
        seen[day] = seen.get(day, 0) + 1
        looks.setdefault((message, seen[day]), []).append(row)
    counts = [False] * len(run)
    for rows in looks.values():
        chosen = max(rows, key=lambda row: (bool(sent[row]), not repeated[row], int(run[row])))
        counts[chosen] = True
    return counts
