"""Slow calendar arithmetic, one date at a time, with Python's datetime; nothing here uses numpy's calendar."""

from __future__ import annotations

import calendar
import datetime as dt
from fractions import Fraction
from zoneinfo import ZoneInfo

__all__ = [
    "add_months_one",
    "anniversary_one",
    "local_to_utc_one",
    "months_between_one",
    "open_minutes",
    "skip_quiet_hours_one",
    "year_fraction_one",
]


def add_months_one(day: dt.date, months: int) -> dt.date:
    """Count months on a calendar, then take the same day or the last one of the month."""
    year, month = day.year, day.month
    for _ in range(abs(months)):
        month += 1 if months > 0 else -1
        if month == 13:
            year, month = year + 1, 1
        elif month == 0:
            year, month = year - 1, 12
    last = calendar.monthrange(year, month)[1]
    return dt.date(year, month, min(day.day, last))


def months_between_one(start: dt.date, end: dt.date) -> int:
    """Step month by month from 0 until the next step would pass `end`."""
    months = 0
    while add_months_one(start, months + 1) <= end:
        months += 1
    while add_months_one(start, months) > end:
        months -= 1
    return months


def anniversary_one(day: dt.date, year: int, leap_day: str) -> dt.date | None:
    """Replace the year; where that day is missing, ask the policy."""
    try:
        return day.replace(year=year)
    except ValueError:
        return {"backward": dt.date(year, 2, 28), "forward": dt.date(year, 3, 1), "skip": None}[leap_day]


def year_fraction_one(start: dt.date, end: dt.date) -> Fraction:
    """Actual/actual: walk through the calendar years and divide the days in each by its length."""
    if end < start:
        return -year_fraction_one(end, start)
    total = Fraction(0)
    for year in range(start.year, end.year + 1):
        first, last = max(start, dt.date(year, 1, 1)), min(end.toordinal(), dt.date(year, 12, 31).toordinal() + 1)
        total += Fraction(last - first.toordinal(), 366 if calendar.isleap(year) else 365)
    return total


def skip_quiet_hours_one(time: dt.datetime, start_hour: int, end_hour: int) -> dt.datetime:
    """Let the clock run second by second, an hour's rest at once, until it shows an hour that is not quiet."""
    quiet, hour = set(), start_hour
    while hour != end_hour:
        quiet.add(hour)
        hour = (hour + 1) % 24
    while time.hour in quiet:
        time = time.replace(minute=0, second=0) + dt.timedelta(hours=1)
    return time


def local_to_utc_one(time: dt.datetime, zone: dt.tzinfo) -> dt.datetime:
    """Find the first instant at which the clocks on the wall show `time` or, where it is skipped, something later.

    Looks at every quarter of an hour around the time, then at every minute and second of the one that was found.
    """
    instant = time.replace(tzinfo=dt.UTC) - dt.timedelta(hours=16)
    for step in (dt.timedelta(minutes=15), dt.timedelta(minutes=1), dt.timedelta(seconds=1)):
        while instant.astimezone(zone).replace(tzinfo=None) < time:
            instant += step
        if step > dt.timedelta(seconds=1):
            instant -= step
    return instant.replace(tzinfo=None)


def open_minutes(opening, start, end):
    """Walk minute by minute and tell, by Python's datetime, whether each minute is open."""
    zone = ZoneInfo(opening.time_zone) if opening.time_zone else None
    closed, found = set(opening.holidays.astype(str).tolist()), []
    names = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
    moment, end = start.astype("datetime64[s]").item(), end.astype("datetime64[s]").item()
    while moment < end:
        local = moment if zone is None else moment.replace(tzinfo=dt.UTC).astimezone(zone)
        clock, spans = f"{local:%H:%M}", opening.hours.get(names[local.weekday()], ())
        found.append(str(local.date()) not in closed and any(a <= clock < b for a, b in (s.split("-") for s in spans)))
        moment += dt.timedelta(minutes=1)
    return found
