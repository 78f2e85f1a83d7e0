"""When messages go out: after missed runs, outside quiet hours, at times that the clocks do not skip."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np

from crmvalue._core.calendar import local_to_utc, skip_quiet_hours

if TYPE_CHECKING:
    from crmvalue._journeys.data import Customers
    from crmvalue.typing import Dates, Integers

__all__ = ["send_times", "to_utc"]

_DAY = np.timedelta64(1, "D")


def send_times(
    planned: Dates, row: Integers, today: np.datetime64, quiet_hours: tuple[int, int] | None, customers: Customers
) -> Dates:
    """Find the local time at which each message goes out.

    A missed message goes out today at its hour, a message in quiet hours at their end, and a message at a time that a
    change of the clocks skips right after the change.
    """
    midnight = today.astype("datetime64[s]")
    late = planned < midnight
    hour = planned - planned.astype("datetime64[D]")
    send: Dates = np.where(late, midnight + hour, planned)
    send = _skip_gaps(send, customers, row)
    if quiet_hours is not None:
        start, end = quiet_hours
        allowed = skip_quiet_hours(send, start_hour=start, end_hour=end)
        # A missed message whose hour is quiet waits no longer than to the first allowed moment of the day.
        earliest = skip_quiet_hours(midnight[np.newaxis], start_hour=start, end_hour=end)
        send = _skip_gaps(np.where(late & (allowed != send), earliest, allowed), customers, row)
    return send


def to_utc(local: Dates, row: Integers, customers: Customers) -> Dates:
    """Convert local times of customers to UTC."""
    zones, code = customers.time_zone
    utc = local.copy()
    if zones == ("UTC",):
        return utc
    of = code[row]
    for i, zone in enumerate(zones):
        mine = of == i
        if mine.any():
            utc[mine] = local_to_utc(local[mine], ZoneInfo(zone))
    return utc


def _skip_gaps(local: Dates, customers: Customers, row: Integers) -> Dates:
    """Move local times that a change of the clocks skips to the first moment after it."""
    zones, code = customers.time_zone
    day = local.astype("datetime64[D]")
    days = np.unique(day)
    moved = local.copy()
    for i, name in enumerate(zones):
        zone = ZoneInfo(name)
        for date in days[[_offset(date, zone) < _offset(date + _DAY, zone) for date in days]]:  # an hour is skipped
            mine = np.nonzero((day == date) & (code[row] == i))[0]
            moved[mine] = _from_utc(local_to_utc(local[mine], zone), zone)
    return moved


def _offset(date: np.datetime64, zone: ZoneInfo) -> timedelta:
    """Local time less UTC at the beginning of a day."""
    return datetime.combine(date.astype(object), time(), tzinfo=zone).utcoffset() or timedelta()


def _from_utc(utc: Dates, zone: ZoneInfo) -> Dates:
    times, place = np.unique(utc, return_inverse=True)
    local = [instant.replace(tzinfo=UTC).astimezone(zone).replace(tzinfo=None) for instant in times.tolist()]
    return np.array(local, dtype="datetime64[s]")[place]
