"""Plans over changes of the clocks, against a walk that takes one message after the other with Python's own dates."""

from __future__ import annotations

import calendar
import random
from datetime import UTC, date, datetime, timedelta
from functools import cache
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from crmvalue._core.clock.business_hours import BusinessHours
from crmvalue._journeys.planning.planner import plan_events
from crmvalue.journeys import (
    BirthdayJourney,
    Cascade,
    Customers,
    Events,
    FrequencyCap,
    Policy,
    TriggerJourney,
    plan,
)

DAY, MINUTE, SECOND = timedelta(days=1), timedelta(minutes=1), timedelta(seconds=1)
CHANGES = [
    ("Europe/Berlin", date(2026, 10, 25)), ("Europe/Berlin", date(2026, 3, 29)),
    ("America/New_York", date(2026, 11, 1)), ("America/New_York", date(2026, 3, 8)),
    ("Australia/Lord_Howe", date(2026, 4, 5)), ("Australia/Lord_Howe", date(2026, 10, 4)),  # half an hour
    ("Pacific/Apia", date(2011, 12, 30)),  # a day that the zone skips
    ("Africa/Casablanca", date(2026, 2, 15)), ("Africa/Casablanca", date(2026, 3, 22)),
    ("Antarctica/Troll", date(2024, 10, 27)), ("America/St_Johns", date(1988, 10, 30)),  # two hours; over midnight
    ("America/Havana", date(2026, 11, 1)), ("America/Havana", date(2026, 3, 8)),  # at midnight
]  # fmt: skip
QUIET = [None, None, None, (22, 6), (2, 3), (1, 2), (2, 6), (0, 2), (1, 3), (22, 2), (3, 5), (23, 3)]


OPEN = [(9, 18)] * 5 + [(2, 24), (1, 3)]
CONTACT = BusinessHours(hours={"Mon-Fri": "09:00-18:00", "Sat": "02:00-24:00", "Sun": "01:00-03:00"})


def shown(utc, tz):
    """Give what the clock shows at an instant."""
    return utc.replace(tzinfo=UTC).astimezone(tz).replace(tzinfo=None, fold=0)


def instant(local, tz):
    """Find the first instant at which the clock shows a time; the change where it is skipped."""
    utc = local.replace(tzinfo=tz, fold=0).astimezone(UTC).replace(tzinfo=None)
    if shown(utc, tz) == local:
        return utc
    utc = local.replace(tzinfo=tz, fold=1).astimezone(UTC).replace(tzinfo=None)  # before the change
    while shown(utc, tz) < local:
        utc += MINUTE
    return utc


def midnight(day):
    """Give the beginning of a day."""
    return datetime(day.year, day.month, day.day)


def months_on(day, n):
    """Give the day some months later, or the last one of a shorter month."""
    year, month = divmod(day.year * 12 + day.month - 1 + n, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def next_hour(utc, hour, tz):
    """Find the first instant from another one on at which the clock shows an hour."""
    if hour in (None, "any"):
        return utc
    at = midnight(shown(utc, tz)) + timedelta(hours=hour)
    if at == shown(utc, tz):
        return utc
    return instant(at, tz) if instant(at, tz) >= utc else instant(at + DAY, tz)


def of_trigger(journey, case, hour, today):
    for name, local, utc in case.events:
        if name != journey.event or local.date() > today:
            continue
        due = utc if not journey.wait_days else instant(shown(utc, case.tz) + journey.wait_days * DAY, case.tz)
        due = next_hour(due + timedelta(hours=journey.wait_hours), hour, case.tz)
        planned = shown(due, case.tz)
        if today - journey.catch_up_days * DAY <= planned.date() <= today:
            over = [when for word, _, when in case.events if word in journey.unless and when > utc]
            yield "message", local, planned, due, planned + journey.valid_days * DAY, over


def of_cascade(journey, case, hour, today, history):
    bought = [local.date() for name, local, _ in case.events if name == "purchase" and local.date() <= today]
    last = max([*bought, case.last])
    months = [*range(journey.first_month, journey.end_month, journey.every_months), journey.end_month]
    due = [month for month in months if months_on(last, month) <= today]
    if not due or due[-1] == journey.end_month:
        return
    day, is_first = months_on(last, due[-1]), not any(old.group == journey.name for old in history)
    if (today - day).days > (journey.catch_up_days if journey.catch_up_days is not None else 9999 if is_first else 3):
        return
    over = [utc for name, local, utc in case.events if name == "purchase" and local.date() > today]
    if "reaction" in journey.ends_with:
        over += [utc for name, local, utc in case.events if name == "reaction" and local.date() > last]
    planned = midnight(day) + timedelta(hours=10 if hour is None else hour)
    expires = midnight(months_on(last, months[len(due)])) - SECOND
    yield f"month {due[-1]}", midnight(last), planned, instant(planned, case.tz), expires, over


def of_birthday(journey, case, hour, today):
    for year in range(today.year - 1, today.year + 2):
        day = case.born.replace(year=year)
        sent_on = day - journey.days_before * DAY
        if today - journey.catch_up_days * DAY <= sent_on <= today:
            planned = midnight(sent_on) + timedelta(hours=10 if hour is None else hour)
            expires = midnight(day) + (journey.valid_days_after + 1) * DAY - SECOND
            yield "message", datetime(year, 1, 1), planned, instant(planned, case.tz), expires, []


def is_quiet(time, policy):
    """Tell whether nobody is written to at a local time."""
    if policy.contact_hours is not None:
        start, end = OPEN[time.weekday()]
        return not start <= time.hour < end
    start, end = policy.quiet_hours or (0, 0)
    return start <= time.hour < end if start <= end else not end <= time.hour < start


def first_allowed(utc, day, policy, tz):
    """Find the first minute from an instant on that is not quiet, and not before a day."""
    while shown(utc, tz).date() < day or is_quiet(shown(utc, tz), policy):
        utc += MINUTE
    return utc


def found_messages(case, history, today):
    """Find all messages of a day in their order, with the time of sending."""
    begin, found = instant(midnight(today), case.tz), []
    for journey in case.journeys:
        hour = case.policy.send_hour if journey.send_hour is None else journey.send_hour
        if isinstance(journey, TriggerJourney):
            rows = of_trigger(journey, case, hour, today)
        elif isinstance(journey, Cascade):
            rows = of_cascade(journey, case, hour, today, history)
        else:
            rows = of_birthday(journey, case, hour, today)
        for step, anchor, planned, due, expires, over in rows:
            if late := due < begin:
                utc = instant(midnight(today) + (planned - midnight(planned)), case.tz)
                if is_quiet(shown(utc, case.tz), case.policy):
                    utc = first_allowed(begin, today, case.policy, case.tz)
            else:
                utc = first_allowed(due, shown(due, case.tz).date(), case.policy, case.tz)
            found.append(
                SimpleNamespace(
                    journey=journey, group=journey.group, step=step, anchor=anchor, planned=planned, due=due,
                    expires=expires, over=over, late=late, utc=utc, local=shown(utc, case.tz), decision=None,
                    gone=max(planned, midnight(today)) > expires, counted=not journey.exempt,
                )
            )  # fmt: skip
    return sorted(found, key=lambda row: (-row.journey.priority, row.due, row.journey.name, row.anchor))


def fits(row, sent, cap, tz):
    """Tell whether a message fits under a cap beside those that are sent."""
    n = 0
    for other in sent:
        first, second = sorted([row, other], key=lambda one: one.utc)
        if cap.days is not None:
            near = second.utc < instant(first.local + cap.days * DAY, tz)
        elif cap.per == "week":
            near = row.local.isocalendar()[:2] == other.local.isocalendar()[:2]
        else:
            near = (
                row.local.timetuple()[: {"month": 2, "day": 3}[cap.per]]
                == (other.local.timetuple()[: {"month": 2, "day": 3}[cap.per]])
            )
        n += near and other.counted
    return n < cap.messages


def alone(row, rows, history, case):  # noqa: PLR0911 - one for each check
    """Tell what the checks of each message alone decide."""
    before = [old for old in history if old.group == row.group]
    if any((old.step, old.anchor) == (row.step, row.anchor) for old in before):
        return "duplicate"
    if any(when <= row.utc for when in row.over):
        return "exited"
    later = [
        one
        for one in rows
        if one.journey is row.journey and one.due > row.due and not one.gone and one.decision in (None, "duplicate")
    ]
    if row.late and (case.policy.catch_up == "skip" or (case.policy.catch_up == "latest" and later)):
        return "missed"
    if row.gone:
        return "expired"
    rest = row.journey.cool_down_days
    if before and row.journey.once:
        return "cool-down"
    if before and rest and row.utc < instant(max(old.local for old in before) + rest * DAY, case.tz):
        return "cool-down"
    return "expired" if row.local > row.expires else None


def decide(case, history, today):
    """Decide on the messages of a day, one after the other."""
    rows = found_messages(case, history, today)
    decided = {id(row): alone(row, rows, history, case) for row in rows}
    for row in rows:  # what is over or was sent already is not the latest missed one
        row.decision = decided[id(row)] if decided[id(row)] in ("duplicate", "exited") else None
    for row in rows:
        decided[id(row)] = alone(row, rows, history, case)
    sent, today_sent = list(history), []
    opened = [row for row in rows if decided[id(row)] is None]
    for i, row in enumerate(opened):
        row.decision = "send"
        same = [one for one in opened[:i] if (one.group, one.anchor) == (row.group, row.anchor)]
        held = row.journey.once or row.journey.cool_down_days
        if isinstance(row.journey, BirthdayJourney) and same:
            row.decision = "outranked"
        elif held and any(one.journey is row.journey for one in today_sent):
            row.decision = "cool-down"
        elif row.counted and not all(fits(row, sent, cap, case.tz) for cap in case.policy.caps):
            row.decision = "capped"
        else:
            sent.append(row)
            today_sent.append(row)
    for row in rows:
        row.decision = decided[id(row)] or row.decision
    return rows, sent


@cache
def change_of(day, tz):
    """Find the instant of the change of the clocks near a day."""
    utc = instant(midnight(day) - DAY, tz)
    while (shown(utc + MINUTE, tz) - shown(utc, tz)) == MINUTE:
        utc += MINUTE
    return utc + MINUTE


def draw_case(seed):
    """Draw a customer with events near a change of the clocks, some journeys, and the days of some runs."""
    r = random.Random(seed)  # noqa: S311 - no secret
    zone, day = r.choice(CHANGES)
    tz, journeys = ZoneInfo(zone), []
    for i in range(r.randint(1, 4)):
        shared = {"priority": r.randint(0, 2), "exempt": r.random() < 0.15, "catch_up_days": r.randint(0, 3)}
        shared |= {"send_hour": r.choice([None, None, None, None, 0, 1, 2, 3, 23])}
        if (kind := r.choice(["trigger", "trigger", "trigger", "cascade", "birthday", "birthday"])) == "trigger":
            shared |= {"unless": r.choice([(), (), "purchase", "b"]), "cool_down_days": r.choice([0, 0, 1, 2])}
            shared |= {"wait_hours": r.choice([0, 0, 0.5, 1, 1.25, 24]), "wait_days": r.choice([0, 0, 0, 1])}
            shared |= {"valid_days": r.randint(1, 3), "once": r.random() < 0.1}
            journeys.append(TriggerJourney(f"j{i}", event=r.choice("ab"), **shared))
        elif kind == "cascade":
            shared |= {"ends_with": r.choice(["purchase", ("purchase", "reaction")])}
            shared |= {"catch_up_days": r.choice([None, 0, 2]), "end_month": r.randint(3, 6)}
            journeys.append(Cascade(name=f"j{i}", first_month=1, every_months=r.randint(1, 2), **shared))
        else:
            shared |= {"days_before": r.randint(0, 3), "valid_days_after": r.choice([0, 5])}
            journeys.append(BirthdayJourney(f"j{i}", **shared))
    caps = [(1, 1, None), (1, 2, None), (2, 1, None), (1, None, "day"), (2, None, "week"), (1, None, "month")]
    some = [r.choice(caps) for _ in range(r.choice([0, 0, 1, 2]))]
    hours = {"quiet_hours": r.choice(QUIET)} if r.random() < 0.85 else {"contact_hours": CONTACT}
    policy = Policy(
        caps=[FrequencyCap(messages=n, days=days, per=per) for n, days, per in some],
        catch_up=r.choice(["latest", "all", "skip"]),
        send_hour=r.choice([None] * 5 + [1, 2]),
        **hours,
    )
    events = {}
    for _ in range(r.randint(3, 14)):
        when = change_of(day, tz) + r.choice([0, 0, 0, -1, -1, 1, -2, 2]) * DAY + 5 * MINUTE * r.randint(-30, 20)
        events.setdefault((r.choice(["a", "a", "b", "b", "purchase", "reaction"]), shown(when, tz)), when)
    runs = [day + i * DAY for i in range(-2, 4) if r.random() < 0.7] or [day]
    return SimpleNamespace(
        zone=zone, tz=tz, journeys=journeys, policy=policy, runs=runs,
        events=[(name, local, utc) for (name, local), utc in events.items()],
        last=months_on(day, -r.randint(1, 6)) - r.randint(0, 3) * DAY - 2 * DAY,
        born=(day + r.randint(-4, 5) * DAY).replace(year=1984),
    )  # fmt: skip


def walk(case):
    """Give the rows of all runs."""
    history, found = [], []
    for today in case.runs:
        rows, history = decide(case, history, today)
        found.append(
            sorted(
                (row.journey.name, row.step, row.anchor, row.planned, row.local, row.utc, row.expires, row.decision)
                for row in rows
            )
        )
    return found


def planned(case, *, known):
    """Give the same rows of the planner; it knows the instants of the events, or their local times only."""
    dates = {"last_purchase": [case.last], "birthday": [case.born]}
    base = Customers(customer=[1], dates=dates, consent={"email": [True]}, time_zone=case.zone)
    names, times, instants = zip(*case.events, strict=True)
    events = Events(customer=[1] * len(names), name=names, time=times)
    utc = np.array(instants, dtype="datetime64[s]") if known else None
    history, found = None, []
    for today in case.runs:
        made = plan_events(case.journeys, base, events, history, case.policy, today, days=1, instants=utc)
        names = ("journey", "step", "anchor", "planned", "send_time", "send_time_utc", "expires", "decision")
        found.append(sorted(zip(*(getattr(made, name).tolist() for name in names), strict=True)))
        history = made.history() if history is None else history + made.history()
    return found


def require_the_same(seeds):
    decisions = set()
    for seed in seeds:
        case = draw_case(seed)
        known = walk(case)
        assert planned(case, known=True) == known, seed
        case.events = [(name, local, instant(local, case.tz)) for name, local, _ in case.events]
        expected = walk(case)
        assert planned(case, known=False) == expected, seed
        decisions |= {row[-1] for rows in expected for row in rows}
    assert decisions >= {"send", "duplicate", "exited", "missed", "expired", "cool-down", "outranked", "capped"}


def test_equals_a_walk_message_by_message():
    require_the_same(range(80))


@pytest.mark.slow
def test_many_equal_a_walk_message_by_message():
    require_the_same(range(80, 5_000))


BERLIN = Customers(customer=[1], consent={"email": [True]}, time_zone="Europe/Berlin")


def carts(*times):
    return Events(customer=[1] * len(times), name=["cart"] * len(times), time=times)


def test_the_latest_missed_message_is_that_of_the_second_hour():
    """The cart of 01:45 is due at the first 02:45, and that of 02:15 at the second 02:15."""
    journey = TriggerJourney.abandoned_cart(cool_down_days=0)
    made = plan([journey], BERLIN, carts("2026-10-25T01:45", "2026-10-25T02:15"), None, Policy(), "2026-10-26")
    assert made.decision.tolist() == ["missed", "send"]
    assert made.send_time.astype(str).tolist()[1] == "2026-10-26T02:15:00"


@pytest.mark.parametrize("rule", ["cool-down", "capped"])
@pytest.mark.parametrize(("second", "is_sent"), [("01:05", False), ("01:30", True), ("02:15", True)])
def test_the_same_time_of_the_next_day_has_come_once_the_hour_comes_again(rule, second, is_sent):
    """After 24 October 02:30, the first 02:30 of the 25th is free, and so is the second 02:15."""
    journey = TriggerJourney.abandoned_cart(cool_down_days=int(rule == "cool-down"))
    policy = Policy(caps=[FrequencyCap(messages=1, days=1)] if rule == "capped" else [])
    events = carts("2026-10-24T01:30", f"2026-10-25T{second}")
    before = plan([journey], BERLIN, events, None, policy, "2026-10-24")
    made = plan([journey], BERLIN, events, before.history(), policy, "2026-10-25")
    assert made.decision[made.decision != "duplicate"].tolist() == ["send" if is_sent else rule]


def test_a_budget_goes_to_what_is_due_first():
    journeys = [TriggerJourney(name, event="cart", wait_hours=hours) for name, hours in (("a", 1.5), ("b", 1))]
    made = plan(journeys, BERLIN, carts("2026-10-25T01:45"), None, Policy(budget=1), "2026-10-25")
    assert dict(zip(made.journey.tolist(), made.decision.tolist(), strict=True)) == {"a": "over budget", "b": "send"}


def test_events_of_two_names_at_one_local_time_keep_their_instants():
    """The purchase was at the first 02:30, and the cart, which it cannot call off, at the second."""
    events = Events(customer=[1, 1], name=["purchase", "cart"], time=["2026-10-25T02:30"] * 2)
    instants = np.array(["2026-10-25T00:30", "2026-10-25T01:30"], dtype="datetime64[s]")
    journey = TriggerJourney.abandoned_cart()
    made = plan_events([journey], BERLIN, events, None, Policy(), "2026-10-25", days=1, instants=instants)
    assert made.decision.tolist() == ["send"]
    assert made.send_time_utc.astype(str).tolist() == ["2026-10-25T02:30:00"]
