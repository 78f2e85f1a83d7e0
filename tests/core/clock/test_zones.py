"""Offsets and days of time zones, against the standard library at each change of the clocks."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from crmvalue._core.clock.zones import local_days, offsets_of_years


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("Europe/Kyiv", ["2024-03-31T01:00", "2024-10-27T01:00"]),
        ("Africa/Casablanca", ["2024-03-10T02:00", "2024-04-14T02:00"]),  # five weeks apart
        ("Asia/Beirut", ["2024-03-30T22:00", "2024-10-26T21:00"]),  # back over midnight, to the day before
        ("Australia/Lord_Howe", ["2024-04-06T15:00", "2024-10-05T15:30"]),  # by half an hour
        ("Pacific/Apia", ["2011-04-02T14:00", "2011-09-24T14:00", "2011-12-30T10:00"]),  # it skipped a day
    ],
)
def test_each_change_of_the_clocks(name, changes):
    """One moment of each day, each change, and the seconds beside it; changes are in UTC."""
    year = int(changes[0][:4])
    zone = ZoneInfo(name)
    first = dt.datetime(year, 1, 1, 12, tzinfo=dt.UTC)
    moments = [first + dt.timedelta(days=k) for k in range(365)]
    for change in changes:
        at = dt.datetime.fromisoformat(f"{change}+00:00")
        beside = [at + dt.timedelta(seconds=k) for k in (-1, 0, 1)]
        offsets = [moment.astimezone(zone).utcoffset() for moment in beside]
        assert offsets[0] != offsets[1] == offsets[2]
        moments += beside
    times = np.array([moment.replace(tzinfo=None) for moment in moments], dtype="datetime64[s]")
    local = [moment.astimezone(zone) for moment in moments]
    wanted = [time.date().toordinal() - dt.date(1970, 1, 1).toordinal() for time in local]
    assert local_days(name, times).tolist() == wanted
    starts, offsets = offsets_of_years(name, np.array([year]))
    found = offsets[np.searchsorted(starts, times.astype(np.int64), side="right") - 1]
    assert found.tolist() == [time.utcoffset().total_seconds() for time in local]
