"""One calendar of opening hours, holidays and a time zone, against a walk minute by minute."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmvalue._core.clock.business_hours import BusinessHours
from crmvalue.errors import InputError
from tests.core.references import open_minutes

WEEK = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
OFFICE = BusinessHours(
    hours={"Mon-Fri": ["09:00-13:00", "14:00-18:00"], "Sat": "10:00-14:00"}, holidays=["2024-05-01", "2024-05-02"]
)
CHANGES = [  # a quarter of a year around changes of the clocks, one of them at midnight and one of half an hour
    ("Europe/Kyiv", "2024-03-29"),
    ("Europe/Kyiv", "2024-10-25"),
    ("America/New_York", "2024-11-02"),
    ("Asia/Beirut", "2024-03-29"),
    ("Australia/Lord_Howe", "2024-04-05"),
    ("Pacific/Apia", "2011-12-28"),  # it skipped 30 December
    ("UTC", "2024-03-29"),
    (None, "2024-03-29"),
]

clocks = st.integers(0, 24 * 4).map(lambda quarter: f"{quarter // 4:02}:{15 * (quarter % 4):02}")
periods = st.lists(clocks, min_size=2, max_size=4, unique=True).map(
    lambda ends: [f"{a}-{b}" for a, b in zip(sorted(ends)[::2], sorted(ends)[1::2], strict=False)]
)
weeks = st.dictionaries(st.sampled_from(WEEK), periods, min_size=1)


@st.composite
def cases(draw):
    """Give an office, and two moments within five days of a change of its clocks."""
    zone, day = draw(st.sampled_from(CHANGES))
    first = np.datetime64(day, "m")
    holidays = [first.astype("datetime64[D]") + k for k in draw(st.sets(st.integers(0, 5), max_size=3))]
    opening = BusinessHours(hours=draw(weeks), holidays=np.array(holidays, dtype="datetime64[D]"), time_zone=zone)
    one, other = sorted(draw(st.lists(st.integers(0, 5 * 24 * 60), min_size=2, max_size=2)))
    return opening, first + one, first + other


class TestBusinessHours:
    """A moment is open if its local time of day is in a period of its weekday, and its day is no holiday."""

    @given(cases())
    def test_equals_a_walk_minute_by_minute(self, case):
        opening, start, end = case
        n_open = open_minutes(opening, start, end)
        assert opening.hours_between(start, end) == pytest.approx(sum(n_open) / 60, abs=1e-12)
        assert opening.is_open(np.arange(start, end)).tolist() == n_open
        if sum(n_open):
            due = opening.add_hours(start, sum(n_open) / 60)
            assert due == start + 1 + max(np.nonzero(n_open)[0].tolist())
            assert opening.next_open(start) == start + min(np.nonzero(n_open)[0].tolist())

    @given(cases(), st.floats(0.001, 300))
    def test_adding_and_counting_are_inverse(self, case, hours):
        opening, start, _ = case
        due = opening.add_hours(start, hours)
        assert opening.hours_between(start, due) == pytest.approx(hours, abs=1e-9)
        assert opening.hours_between(start, due - 1) < opening.hours_between(start, due)
        opened = opening.next_open(start)
        assert opening.is_open(opened)
        assert opening.hours_between(start, opened) == 0

    @pytest.mark.parametrize(
        ("start", "end", "hours"),
        [
            ("2024-04-30 12:00", "2024-05-03 10:00", 6.0),  # two holidays, and a break
            ("2024-05-03 17:00", "2024-05-06 09:30", 5.5),  # Saturday counts, Sunday does not
            ("2024-05-06 09:30", "2024-05-03 17:00", -5.5),
            ("2024-05-03 13:15", "2024-05-03 13:45", 0.0),
        ],
    )
    def test_known_hours(self, start, end, hours):
        assert OFFICE.hours_between(start, end) == hours

    def test_a_day_on_which_the_clocks_go_forward_has_23_hours(self):
        always = BusinessHours(days=WEEK, start="00:00", end="24:00", time_zone="Europe/Kyiv")
        local = [dt.datetime(2024, 3, day, tzinfo=ZoneInfo("Europe/Kyiv")) for day in (31, 30)]
        for time, hours in zip(local, (23, 24), strict=True):
            end = (time + dt.timedelta(days=1)).astimezone(dt.UTC).replace(tzinfo=None)
            assert always.hours_between(time.astimezone(dt.UTC).replace(tzinfo=None), end) == hours

    def test_shapes_and_week(self):
        assert OFFICE.hours_per_week == 44
        assert OFFICE.hours_per_day == pytest.approx(44 / 6)
        starts = np.array([["2024-05-03T17:00"], ["2024-05-03T16:00"]], dtype="datetime64[m]")
        assert OFFICE.hours_between(starts, ["2024-05-03 18:00"] * 3).shape == (2, 3)
        assert BusinessHours.from_json(OFFICE.to_json()) == OFFICE

    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"hours": "09:00-18:00"}, "hours"),
            ({"hours": {"Mon-Fri": "9:00-18:00"}}, "hours['Mon-Fri']"),
            ({"hours": {"Fri-Mon": "09:00-18:00"}}, "hours"),
            ({"hours": {"Day": "09:00-18:00"}}, "hours"),
            ({"hours": {1: "09:00-18:00"}}, "hours"),
            ({"hours": {"Mon": "18:00-09:00"}}, "hours['Mon']"),
            ({"hours": {"Mon": "09:00-09:00"}}, "hours['Mon']"),
            ({"hours": {"Mon": ["09:00-13:00", "12:00-18:00"]}}, "hours['Mon']"),
            ({"hours": {"Mon-Fri": "09:00-18:00", "Fri": "09:00-15:00"}}, "hours"),
            ({"hours": {"Mon": []}}, "hours"),
            ({"hours": {"Mon": 5}}, "hours['Mon']"),
            ({"hours": {"Mon": "09:00-18:00"}, "days": ["Tue"]}, "hours"),
            ({"time_zone": "Europe/Nowhere"}, "time_zone"),
            ({"time_zone": 2}, "time_zone"),
        ],
    )
    def test_rejections(self, changes, name):
        with pytest.raises(InputError) as caught:
            BusinessHours(**changes)
        assert caught.value.name == name

    def test_moments_that_a_zone_does_not_reach(self):
        office = BusinessHours(time_zone="Europe/Kyiv")
        with pytest.raises(InputError, match="1900 to 2199"):
            office.hours_between("1850-01-01", "2024-01-01")
        with pytest.raises(InputError, match="2199"):
            office.add_hours("2199-12-30", 100_000)
        assert BusinessHours().hours_between("0001-01-01", "9999-12-31") == pytest.approx(9 * 5 / 7 * 3652058, rel=1e-6)

    def test_periods_may_touch(self):
        touching = BusinessHours(hours={"Mon": ["09:00-13:00", "13:00-18:00"]})
        assert touching.hours_per_week == 9
        assert touching.is_open("2024-05-06 13:00")

    def test_shapes_that_do_not_fit(self):
        with pytest.raises(InputError, match="broadcasts"):
            OFFICE.hours_between(["2024-05-01"] * 2, ["2024-05-01"] * 3)

    def test_days_and_hours_by_default(self):
        hours = BusinessHours()
        assert (hours.days, hours.start, hours.end) == (WEEK[:5], "09:00", "18:00")
        assert (hours.hours_per_day, hours.hours_per_week) == (9, 45)

    def test_slots(self):
        """Friday to Monday with a holiday on Friday: 10:00 to 14:00 on Saturday, and Monday with a break."""
        office = BusinessHours(hours=OFFICE.hours, holidays=["2024-05-03"])
        found = office.slots("2024-05-03", "2024-05-06", minutes=90)
        saturday = ["2024-05-04T10:00", "2024-05-04T11:30"]  # the hour that is left is none
        monday = [f"2024-05-06T{clock}" for clock in ("09:00", "10:30", "14:00", "15:30")]
        assert found.astype("datetime64[m]").astype(str).tolist() == saturday + monday

    def test_ten_years_of_slots(self):
        office = BusinessHours(days=["Mon"], start="09:00", end="10:00")
        assert len(office.slots("2024-01-01", "2034-01-08", minutes=60)) == 523  # 3,660 days: weeks 0 to 522
        with pytest.raises(InputError, match="3660 days after it"):
            office.slots("2024-01-01", "2034-01-09", minutes=60)

    def test_a_year_of_holidays(self):
        """600 days without work are waited for, and next to no time ends after it began."""
        closed = np.datetime64("2024-01-02") + np.arange(600)
        office = BusinessHours(days=WEEK, holidays=closed)
        assert office.add_hours("2024-01-01 17:30", 1.0) == np.datetime64("2025-08-24T09:30")
        moment = np.datetime64("2024-01-01T12:00:00", "us")
        assert office.add_hours(moment, 1e-12) == moment + 1
        zoned = BusinessHours(days=WEEK, holidays=closed, time_zone="Europe/Kyiv")
        assert zoned.add_hours("2024-01-01 15:30", 1.0) == np.datetime64("2025-08-24T06:30")
