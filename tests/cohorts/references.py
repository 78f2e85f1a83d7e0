"""Cohorts told row by row and customer by customer, slowly."""

from __future__ import annotations

import datetime as dt
import math
from fractions import Fraction

__all__ = [
    "first_day",
    "holm",
    "kaplan_meier",
    "log_rank",
    "log_rank_exact",
    "next_first_day",
    "slow_days",
    "slow_days_from",
    "slow_days_of_24_hours",
    "slow_triangle",
    "slow_triangle_from",
]


def first_day(day, period):
    """Give the first day of the period in which a day lies."""
    if period == "week":
        return day - dt.timedelta(days=day.weekday())
    if period == "week from Sunday":
        return day - dt.timedelta(days=day.isoweekday() % 7)
    month = {"month": day.month, "quarter": 3 * ((day.month - 1) // 3) + 1, "year": 1}[period]
    return dt.date(day.year, month, 1)


def next_first_day(day, period):
    """Give the first day of the period after that in which a day lies."""
    start = first_day(day, period)
    step = {"week": 7, "week from Sunday": 7, "month": 32, "quarter": 93, "year": 367}[period]
    return first_day(start + dt.timedelta(days=step), period)


def slow_triangle(rows, period, as_of):
    """Cells of rows (customer, day, amount): {(cohort, first day of the period): [customers, revenue, state]}."""
    known = [row for row in rows if row[1] <= as_of]
    began = {}
    for customer, day, amount in known:
        if amount >= 0:
            began[customer] = min(began.get(customer, day), day)
    cells = {}
    for cohort in {first_day(day, period) for day in began.values()}:
        start = cohort
        while start <= as_of:
            end = next_first_day(start, period)
            inside = [row for row in known if row[0] in began and first_day(row[1], period) == start]
            mine = [row for row in inside if first_day(began[row[0]], period) == cohort]
            cells[cohort, start] = (
                len({row[0] for row in mine if row[2] >= 0}),
                math.fsum(row[2] for row in mine),
                "observed" if end <= as_of + dt.timedelta(days=1) else "partly observed",
            )
            start = end
    return cells


def slow_triangle_from(starts, rows, period, as_of):
    """Cells of rows (customer, day, amount) in the cohorts of starts (customer, day): {(cohort, first day): [...]}."""
    began = {}
    for customer, day in starts:
        if day <= as_of:
            began[customer] = min(began.get(customer, day), day)
    cells = {}
    for cohort in {first_day(day, period) for day in began.values()}:
        members = {customer for customer, day in began.items() if first_day(day, period) == cohort}
        period_start = cohort
        while period_start <= as_of:
            buyers, money = set(), []
            for customer, day, amount in rows:
                if day > as_of or customer not in members or day < began[customer]:
                    continue
                if first_day(day, period) == period_start:
                    money.append(amount)
                    buyers |= {customer} if amount >= 0 else set()
            cells[cohort, period_start] = (len(members), len(buyers), math.fsum(money))
            period_start = next_first_day(period_start, period)
    return cells


def slow_days_from(starts, rows, as_of, low, high):
    """Eligible, retained and too young customers of starts and rows (customer, day)."""
    began = {}
    for customer, day in starts:
        if day <= as_of:
            began[customer] = min(began.get(customer, day), day)
    counts = [0, 0, 0]
    for customer, day in began.items():
        last = low if high is None else high
        if day + dt.timedelta(days=last) > as_of:
            counts[2] += 1
            continue
        counts[0] += 1
        ages = [(other - day).days for one, other in rows if one == customer and other <= as_of]
        counts[1] += any(age >= low and (high is None or age <= high) for age in ages)
    return tuple(counts)


def slow_days_of_24_hours(starts, rows, as_of, low, high):
    """Eligible, retained and too young customers of starts and rows (customer, datetime), hour by hour."""
    end = dt.datetime.combine(as_of, dt.time()) + dt.timedelta(days=1)
    counts = [0, 0, 0]
    for customer in {one for one, moment in starts if moment < end}:
        began = min(moment for one, moment in starts if one == customer)
        window_end = began + dt.timedelta(hours=24 * ((low if high is None else high) + 1))
        if window_end > end:
            counts[2] += 1
            continue
        counts[0] += 1
        begin, stop = began + dt.timedelta(hours=24 * low), end if high is None else window_end
        counts[1] += any(one == customer and begin <= moment < min(stop, end) for one, moment in rows)
    return tuple(counts)


def slow_days(rows, as_of, low, high):
    """Eligible, retained and too young customers of rows (customer, day)."""
    visits = {}
    for customer, day in rows:
        if day <= as_of:
            visits.setdefault(customer, []).append(day)
    counts = [0, 0, 0]
    for days in visits.values():
        start = min(days)
        if (as_of - start).days < (low if high is None else high):
            counts[2] += 1
            continue
        counts[0] += 1
        counts[1] += any(low <= (day - start).days and (high is None or (day - start).days <= high) for day in days)
    return tuple(counts)


def kaplan_meier(duration, event):
    """Give (time, at risk, left, survival in exact fractions) at each distinct time."""
    share, found = Fraction(1), []
    for time in sorted(set(duration)):
        at_risk = sum(other >= time for other in duration)
        left = sum(other == time and over for other, over in zip(duration, event, strict=True))
        share *= Fraction(at_risk - left, at_risk)
        found.append((time, at_risk, left, share))
    return found


def log_rank(duration, event, is_first):
    """Give observed minus expected leavings of the first group, and their variance, in exact fractions."""
    rows = list(zip(duration, event, is_first, strict=True))
    difference, variance = Fraction(0), Fraction(0)
    for time in sorted({t for t, over, _ in rows if over}):
        n = sum(t >= time for t, _, _ in rows)
        n1 = sum(t >= time and one for t, _, one in rows)
        d = sum(t == time and over for t, over, _ in rows)
        d1 = sum(t == time and over and one for t, over, one in rows)
        difference += d1 - Fraction(d * n1, n)
        if n > 1:
            variance += Fraction(d * n1 * (n - n1) * (n - d), n * n * (n - 1))
    return difference, variance


def log_rank_exact(duration, event, is_first):
    """Twice the smaller tail of the first group's losses, the sum of a hypergeometric draw at each time, in fractions.

    Also the smallest number of losses that either group is expected to have.
    """
    rows = [(float(t), bool(over), bool(one)) for t, over, one in zip(duration, event, is_first, strict=True)]
    chances, seen, expected, lost = {0: Fraction(1)}, 0, Fraction(0), 0
    for time in sorted({t for t, over, _ in rows if over}):
        n = sum(t >= time for t, _, _ in rows)
        n1 = sum(t >= time and one for t, _, one in rows)
        d = sum(t == time and over for t, over, _ in rows)
        seen += sum(t == time and over and one for t, over, one in rows)
        lost, expected = lost + d, expected + Fraction(d * n1, n)
        summed = {}
        for x, chance in chances.items():
            for k in range(max(0, d - (n - n1)), min(d, n1) + 1):
                each = Fraction(math.comb(n1, k) * math.comb(n - n1, d - k), math.comb(n, d))
                summed[x + k] = summed.get(x + k, 0) + chance * each
        chances = summed
    tails = [sum(c for x, c in chances.items() if x <= seen), sum(c for x, c in chances.items() if x >= seen)]
    return min(Fraction(1), 2 * min(tails)), min(expected, lost - expected)


def holm(p_values):
    """Correct each p-value: the largest, over those that are no larger, of it times how many are not below it."""
    ranked = sorted(range(len(p_values)), key=lambda i: p_values[i])
    corrected = [0.0] * len(p_values)
    for place, i in enumerate(ranked):
        steps = [p_values[j] * (len(ranked) - before) for before, j in enumerate(ranked[: place + 1])]
        corrected[i] = min(1.0, *[max(steps)] * 2)
    return corrected
