"""Slow, independent answers for loyalty: one event, one member, one day at a time."""

from __future__ import annotations

import numpy as np

__all__ = ["SlowLedger", "largest_remainder", "months_later", "slow_levels", "slow_referrals"]

FOREVER = np.datetime64("9999-12-31", "D")


def largest_remainder(amount, weights):
    """Give units one by one to the line that is furthest below its exact share."""
    from fractions import Fraction

    exact = [Fraction(amount * weight, sum(weights)) for weight in weights]
    parts = [int(share) for share in exact]
    while sum(parts) < amount:
        behind = [share - part for share, part in zip(exact, parts, strict=True)]
        parts[behind.index(max(behind))] += 1
    return parts


def months_later(day, months):
    """Step to the month and clamp to its end, day by day."""
    month = day.astype("datetime64[M]") + months
    wanted = int(str(day)[-2:])
    found = month.astype("datetime64[D]")
    while int(str(found)[-2:]) < wanted and (found + 1).astype("datetime64[M]") == month:
        found += 1
    return found


class SlowLedger:
    """A list of dictionaries: one for each lot, walked through for every question."""

    def __init__(self, *, if_spent, pending_days=0, expire_months=None, inactive_months=None):
        self.if_spent, self.pending_days = if_spent, pending_days
        self.expire_months, self.inactive_months = expire_months, inactive_months
        self.lots = []
        self.debts = []
        self.events = {}
        self.active = {}

    def at(self, member, day):
        """Bring the lots of a member to a day: what ran out by inactivity is closed, debts are paid."""
        own = [lot for lot in self.lots if lot["member"] == member]
        for debt in self.debts:
            if debt["member"] == member and debt["points"]:
                for lot in sorted(own, key=lambda lot: (lot["first"], lot["last"])):
                    when = max(lot["first"], debt["day"])
                    if when <= min(day, self.end(lot)) and not lot["closed"]:
                        paid = min(debt["points"], lot["left"])
                        lot["left"] -= paid
                        debt["points"] -= paid
        for lot in own:
            if self.active.get(member, FOREVER) < day:
                lot["last"] = min(lot["last"], self.active[member])
        return own

    def end(self, lot):
        return min(lot["last"], self.active.get(lot["member"], FOREVER))

    def balance(self, member, day):
        own = self.at(member, day)
        points = sum(lot["left"] for lot in own if lot["first"] <= day <= self.end(lot))
        return points - sum(debt["points"] for debt in self.debts if debt["member"] == member)

    def take(self, member, day, points):
        taken = []
        own = [lot for lot in self.at(member, day) if lot["first"] <= day <= self.end(lot)]
        for lot in sorted(own, key=lambda lot: (lot["last"], lot["first"], lot["number"])):
            part = min(points, lot["left"])
            lot["left"] -= part
            points -= part
            if part:
                taken.append([lot, part])
        return taken

    def earn(self, member, points, first, last):
        lot = {"number": len(self.lots), "member": member, "first": first, "last": last, "left": points}
        self.lots.append({**lot, "closed": False})
        return self.lots[-1]

    def post(self, event, member, kind, day, points, refers_to=None, to_member=None):
        """Book one event; tell whether it changed anything."""
        if event in self.events:
            return False
        self.events[event] = {"member": member, "kind": kind}
        record = self.events[event]
        self.at(member, day)
        last = FOREVER if self.expire_months is None else months_later(day, self.expire_months)
        if kind == "earn":
            record["lot"] = self.earn(member, points, day + self.pending_days, last)
            record["left"] = points
        elif kind == "adjust" and points > 0:
            record["lot"] = self.earn(member, points, day, last)
            record["left"] = points
        elif kind == "reverse":
            return self.reverse(member, day, points, self.events.get(refers_to, {}))
        else:
            if not any(lot["member"] == member for lot in self.lots) or self.balance(member, day) < abs(points):
                return False
            record["taken"] = self.take(member, day, abs(points))
            if kind == "transfer":
                self.at(to_member, day)
                for lot, part in record["taken"]:
                    self.earn(to_member, part, day, lot["last"])
                self.touch(to_member, day)
        if kind != "expire":
            self.touch(member, day)
        return True

    def touch(self, member, day):
        if self.inactive_months is not None:
            self.active[member] = months_later(day, self.inactive_months)

    def reverse(self, member, day, points, record):
        if record.get("member") != member or ("lot" not in record and record["kind"] != "spend"):
            return False
        if "taken" in record:
            weights = [part for _, part in record["taken"]]
            if points > sum(weights):
                return False
            for pair, part in zip(record["taken"], largest_remainder(points, weights), strict=True):
                pair[0]["left"] += part
                pair[1] -= part
            return True
        if "lot" not in record or points > record["left"]:
            return False
        record["left"] -= points
        own = min(points, record["lot"]["left"])
        record["lot"]["left"] -= own
        others = max(min(points - own, self.balance(member, day)), 0)
        self.take(member, day, others)
        if points - own - others and self.if_spent == "negative":
            self.debts.append({"member": member, "day": day, "points": points - own - others})
        return True


def period_start(window, joined, day, leap_day):
    """Whether a period begins on a day."""
    month_day = str(day)[5:]
    if window == "year":
        return month_day == "01-01"
    if window == "rolling":
        return month_day.endswith("-01")
    if day == joined:
        return False
    if str(joined)[5:] != "02-29":
        return month_day == str(joined)[5:]
    is_leap = str(np.datetime64(f"{str(day)[:4]}-02-28", "D") + 1)[5:] == "02-29"
    return month_day == ("02-29" if is_leap else {"backward": "02-28", "forward": "03-01"}[leap_day])


def slow_levels(rows, needs, *, window, months, soft_landing, leap_day, joined, as_of):
    """Walk day by day; give the level and the collected amount of each day, and the level before each row."""

    def level_of(amount):
        return max(i for i, need in enumerate(needs) if amount >= need)

    level, begun, seen, by_day = 0, joined, [], {}
    before = []
    day = joined
    while day <= as_of:
        if day > joined and period_start(window, joined, day, leap_day):
            if window == "rolling":
                oldest = (day.astype("datetime64[M]") - (months - 1)).astype("datetime64[D]")
                reached = level_of(sum(amount for when, amount in seen if when >= oldest))
            else:
                reached = level_of(sum(amount for when, amount in seen if when >= begun))
            level = max(reached, level - 1) if soft_landing else reached
            begun = day
        first = begun
        if window == "rolling":
            first = (day.astype("datetime64[M]") - (months - 1)).astype("datetime64[D]")
        for when, amount in rows:
            if when == day:
                before.append(level)
                seen.append((when, amount))
                level = max(level, level_of(sum(part for past, part in seen if past >= first)))
        by_day[day] = (level, sum(part for past, part in seen if past >= first))
        day = day + 1
    return by_day, before


def slow_referrals(people, *, minimum, cap):
    """Ask each new customer in the order of time one question after the other; give the outcome and the depth of each.

    `people` are dictionaries of "name", "by", "day", "paid" and "keys".
    """
    by_name = {person["name"]: person for person in people}
    rewards, found = [], {}
    for person in sorted(people, key=lambda person: person["day"]):  # those of one day stay in the order of rows
        found[person["name"]] = _outcome(person, by_name, minimum, cap, rewards)
        if found[person["name"]] == "rewarded":
            rewards.append(person["by"])

    def depth(name):
        accepted = found[name] in {"rewarded", "cap of the referrer", "condition not met"}
        return 1 + depth(by_name[name]["by"]) if accepted else 0

    return [found[person["name"]] for person in people], [depth(person["name"]) for person in people]


def _one_person(one, other):
    pairs = zip(one["keys"], other["keys"], strict=True)
    return one is other or any(mine is not None and mine == theirs for mine, theirs in pairs)


def _outcome(person, by_name, minimum, cap, rewards):
    referrer = by_name.get(person["by"])
    earlier = [other for other in by_name.values() if other["day"] < person["day"]]
    of_the_day = [other for other in by_name.values() if other["day"] == person["day"]]
    before = [*earlier, *of_the_day[: of_the_day.index(person)]]  # also the earlier rows of the same day
    questions = {
        "no referrer": lambda: person["by"] is None,
        "unknown referrer": lambda: referrer is None,
        "self-referral": lambda: _one_person(person, referrer),
        "referrer came later": lambda: referrer not in earlier,
        "not a new customer": lambda: any(_one_person(person, other) for other in before),
        "condition not met": lambda: person["paid"] == 0 or person["paid"] < minimum,
        "cap of the referrer": lambda: cap is not None and rewards.count(person["by"]) >= cap,
        "rewarded": lambda: True,
    }
    return next(answer for answer, holds in questions.items() if holds())
