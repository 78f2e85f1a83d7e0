"""Calendar arithmetic against published tables and slow arithmetic with Python's datetime."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from crmvalue import loyalty, metrics, products
from crmvalue._core.calendar import (
    LEAP_DAY_POLICIES,
    YEAR_FRACTION_CONVENTIONS,
    add_months,
    anniversary,
    find_late,
    find_silence,
    first_day_of_log,
    local_to_utc,
    main_span,
    months_between,
    next_day_at,
    pile_of_first_days,
    skip_quiet_hours,
    year_fraction,
)
from crmvalue.errors import DataWarning
from tests.core.references import (
    add_months_one,
    anniversary_one,
    local_to_utc_one,
    months_between_one,
    skip_quiet_hours_one,
    year_fraction_one,
)
from tests.strategies import dates

# The win-back cascade of a perfumery chain: an offer 9 months after the last purchase and every 3 months from then on.
# Dates worked out by hand for the project's table of known answers, section 3.
CASCADE_MONTHS = np.arange(9, 37, 3)
CASCADES = {
    "2023-01-31": "23-10-31 24-01-31 24-04-30 24-07-31 24-10-31 25-01-31 25-04-30 25-07-31 25-10-31 26-01-31",
    "2023-05-31": "24-02-29 24-05-31 24-08-31 24-11-30 25-02-28 25-05-31 25-08-31 25-11-30 26-02-28 26-05-31",
    "2024-02-29": "24-11-29 25-02-28 25-05-29 25-08-29 25-11-29 26-02-28 26-05-29 26-08-29 26-11-29 27-02-28",
}
CASCADE_ROWS = [
    (start, int(month), f"20{day}")
    for start, row in CASCADES.items()
    for month, day in zip(CASCADE_MONTHS, row.split(), strict=True)
]

# Birthday journeys, section 3 of the same table: sent 7 days before, valid to 7 days after, both ends in.
BIRTHDAYS = [
    # born, birthday year, policy, sent, valid to
    ("1990-01-03", 2025, "backward", "2024-12-27", "2025-01-10"),
    ("1990-12-31", 2025, "backward", "2025-12-24", "2026-01-07"),
    ("1990-03-05", 2025, "backward", "2025-02-26", "2025-03-12"),
    ("1990-03-05", 2024, "backward", "2024-02-27", "2024-03-12"),
    ("1992-02-29", 2025, "backward", "2025-02-21", "2025-03-07"),
    ("1992-02-29", 2025, "forward", "2025-02-22", "2025-03-08"),
    ("1992-02-29", 2024, "backward", "2024-02-22", "2024-03-07"),
    ("1992-02-29", 2024, "forward", "2024-02-22", "2024-03-07"),
    ("1992-02-29", 2024, "skip", "2024-02-22", "2024-03-07"),
]

KYIV, NEW_YORK, LORD_HOWE = (ZoneInfo(name) for name in ("Europe/Kyiv", "America/New_York", "Australia/Lord_Howe"))

days = dates.map(lambda day: day.item())
leap_days = st.sampled_from([1600, 1896, 1904, 1968, 1972, 2000, 2024, 2096, 2400]).map(lambda y: dt.date(y, 2, 29))
any_days = days | leap_days
months = st.integers(-1200, 1200)


DAY = np.timedelta64(1, "D")


def day64(*texts):
    """Turn texts into an array of days, one text into a 0-d array."""
    return np.array(texts[0] if len(texts) == 1 else texts, dtype="datetime64[D]")


class TestAddMonths:
    """Move each date by calendar months, clamped to the end of the month."""

    @pytest.mark.parametrize(("start", "month", "expected"), CASCADE_ROWS)
    def test_win_back_tables(self, start, month, expected):
        assert add_months(day64(start), month) == day64(expected)

    @pytest.mark.parametrize(("start", "row"), CASCADES.items())
    def test_win_back_rows_at_once(self, start, row):
        expected = day64(*(f"20{day}" for day in row.split()))
        np.testing.assert_array_equal(add_months(day64(start), CASCADE_MONTHS), expected)

    @given(any_days, months)
    @example(dt.date(1969, 12, 31), 2)
    @example(dt.date(1970, 1, 31), -11)
    @example(dt.date(1900, 1, 31), 1)
    def test_equals_the_slow_reference(self, day, n):
        assert add_months(day64(day), n).item() == add_months_one(day, n)

    @given(st.lists(any_days, min_size=1, max_size=5), st.lists(months, min_size=1, max_size=5))
    def test_array_equals_loop(self, starts, ns):
        table = add_months(day64(starts)[:, None], np.array(ns))
        assert table.tolist() == [[add_months(day64(day), n).item() for n in ns] for day in starts]

    @given(any_days, months)
    def test_there_and_back_never_gains_days(self, day, n):
        back = add_months(add_months(day64(day), n), -n)
        assert back <= day64(day)
        assert day.day > 28 or back == day64(day)

    def test_input_stays_as_it_is(self):
        start = day64("2023-01-31", "2023-05-31")
        add_months(start, 1)
        np.testing.assert_array_equal(start, day64("2023-01-31", "2023-05-31"))


class TestMonthsBetween:
    """The largest m with add_months(start, m) <= end."""

    @pytest.mark.parametrize(("start", "month", "day"), CASCADE_ROWS)
    def test_the_step_is_due_on_its_day_and_not_before(self, start, month, day):
        assert months_between(day64(start), day64(day)) == month
        assert months_between(day64(start), day64(day) - DAY) == month - 1

    @pytest.mark.parametrize("start", CASCADES)
    def test_first_run_at_month_20_sends_the_step_of_month_18(self, start):
        run = day64(add_months_one(dt.date.fromisoformat(start), 20))
        months_since = months_between(day64(start), run)
        due = CASCADE_MONTHS[months_since >= CASCADE_MONTHS]
        assert months_since == 20
        assert due.max() == 18

    def test_a_purchase_moves_the_anchor_and_cancels_the_rest(self):
        run = day64("2024-07-31")  # month 18 after the first purchase, month 2 after the second
        since = months_between(day64("2023-01-31", "2024-05-31"), run)
        assert since.tolist() == [18, 2]
        assert not (since[1] >= CASCADE_MONTHS).any()

    def test_clamping_counts(self):
        assert months_between(day64("2023-01-31"), day64("2023-02-28")) == 1
        assert months_between(day64("2024-01-31"), day64("2024-02-28")) == 0
        assert months_between(day64("2023-01-31"), day64("2023-01-30")) == -1

    @given(any_days, st.integers(-4000, 4000))
    def test_equals_the_slow_reference(self, start, distance):
        end = start + dt.timedelta(days=distance)
        assert months_between(day64(start), day64(end)) == months_between_one(start, end)

    @given(any_days, any_days)
    def test_equals_its_definition(self, start, end):
        m = months_between(day64(start), day64(end))
        assert m.dtype == np.int64
        assert add_months(day64(start), m) <= day64(end) < add_months(day64(start), m + 1)

    @given(any_days, months)
    def test_undoes_add_months(self, start, n):
        assert months_between(day64(start), add_months(day64(start), n)) == n

    def test_shapes_broadcast(self):
        table = months_between(day64("2023-01-31", "2023-05-31")[:, None], day64("2024-02-28", "2024-02-29"))
        assert table.tolist() == [[12, 13], [8, 9]]


class TestAnniversary:
    """Day of each date's anniversary in a year, with a policy for 29 February."""

    @pytest.mark.parametrize(("born", "year", "policy", "sent", "valid_to"), BIRTHDAYS)
    def test_birthday_journeys(self, born, year, policy, sent, valid_to):
        day = anniversary(day64(born), year, leap_day=policy)
        assert day - 7 * DAY == day64(sent)
        assert day + 7 * DAY == day64(valid_to)
        assert (day64(valid_to) - day64(sent)).astype(int) + 1 == 15  # both ends in

    @pytest.mark.parametrize(
        ("year", "policy", "expected"),
        [
            (2025, "backward", "2025-02-28"),
            (2025, "forward", "2025-03-01"),
            (2025, "skip", "NaT"),
            (1900, "backward", "1900-02-28"),  # divisible by 100 and not by 400
            (1900, "forward", "1900-03-01"),
            (2000, "skip", "2000-02-29"),
        ],
    )
    def test_29_february(self, year, policy, expected):
        day = anniversary(day64("1992-02-29"), year, leap_day=policy)
        np.testing.assert_array_equal(day, day64(expected))

    @pytest.mark.parametrize("policy", LEAP_DAY_POLICIES)
    @given(any_days, st.integers(1600, 2400))
    def test_equals_the_slow_reference(self, policy, day, year):
        assert anniversary(day64(day), year, leap_day=policy).item() == anniversary_one(day, year, policy)

    @pytest.mark.parametrize("policy", LEAP_DAY_POLICIES)
    def test_array_equals_loop(self, policy):
        born, years = ["1992-02-29", "1960-03-01", "1999-12-31"], [2023, 2024, 2025]
        table = anniversary(day64(*born)[:, None], np.array(years), leap_day=policy)
        assert table.dtype == "datetime64[D]"
        assert table.tolist() == [
            [anniversary_one(dt.date.fromisoformat(day), year, policy) for year in years] for day in born
        ]


class TestYearFraction:
    """Years from start to end: days / 365, or the days of each calendar year over its length."""

    @pytest.mark.parametrize(
        ("start", "end", "convention", "expected"),
        [
            # By hand: 2024 has 366 days.
            ("2023-01-01", "2024-01-01", "actual/365", 1.0),
            ("2024-01-01", "2025-01-01", "actual/365", 366 / 365),
            ("2023-01-01", "2024-01-01", "actual/actual", 1.0),
            ("2024-01-01", "2025-01-01", "actual/actual", 1.0),
            ("2023-07-02", "2024-07-01", "actual/actual", 183 / 365 + 182 / 366),
            ("2024-02-29", "2024-03-01", "actual/actual", 1 / 366),
            # The published example of the ISDA memorandum on day counts (1998): 1 November 2003 to 1 May 2004.
            ("2003-11-01", "2004-05-01", "actual/actual", 61 / 365 + 121 / 366),
            ("1969-12-31", "1970-01-01", "actual/actual", 1 / 365),
            ("2025-01-01", "2024-01-01", "actual/365", -366 / 365),
        ],
    )
    def test_known_answers(self, start, end, convention, expected):
        fraction = year_fraction(day64(start), day64(end), convention=convention)
        assert fraction == pytest.approx(expected, rel=1e-12, abs=1e-13)

    def test_divides_by_365_unless_told(self):
        assert year_fraction(day64("2024-01-01"), day64("2025-01-01")) == 366 / 365

    @given(any_days, any_days)
    def test_actual_365_equals_its_definition(self, start, end):
        expected = (end - start).days / 365
        assert year_fraction(day64(start), day64(end), convention="actual/365") == expected

    @given(any_days, any_days)
    def test_actual_actual_equals_the_slow_reference(self, start, end):
        fraction = year_fraction(day64(start), day64(end), convention="actual/actual")
        # Positions of up to 430 years around 1970 are subtracted: their spacing is 6e-14.
        assert fraction == pytest.approx(float(year_fraction_one(start, end)), rel=1e-12, abs=2e-13)

    @given(st.integers(1600, 2400), st.integers(1600, 2400))
    def test_whole_calendar_years_are_exact(self, first, last):
        start, end = day64(f"{first}-01-01"), day64(f"{last}-01-01")
        assert year_fraction(start, end, convention="actual/actual") == last - first

    @pytest.mark.parametrize("convention", YEAR_FRACTION_CONVENTIONS)
    @given(any_days, any_days, any_days)
    def test_is_additive(self, convention, a, b, c):
        a, b, c = day64(a), day64(b), day64(c)
        ab, bc, ac = (year_fraction(x, y, convention=convention) for x, y in ((a, b), (b, c), (a, c)))
        assert ab + bc == pytest.approx(ac, rel=1e-12, abs=5e-13)

    @pytest.mark.parametrize("convention", YEAR_FRACTION_CONVENTIONS)
    @given(any_days, any_days)
    def test_turns_its_sign_with_the_direction(self, convention, start, end):
        there = year_fraction(day64(start), day64(end), convention=convention)
        back = year_fraction(day64(end), day64(start), convention=convention)
        assert there == -back
        assert (there > 0) == (end > start)


class TestSkipQuietHours:
    """Move each local time inside quiet hours to their end."""

    @pytest.mark.parametrize(
        ("time", "start_hour", "end_hour", "expected"),
        [
            ("2025-01-10T05:30", 22, 6, "2025-01-10T06:00"),  # known answers, section 3
            ("2025-01-10T23:00", 22, 6, "2025-01-11T06:00"),
            ("2025-01-10T22:00", 22, 6, "2025-01-11T06:00"),
            ("2025-01-10T21:59:59", 22, 6, "2025-01-10T21:59:59"),
            ("2025-01-10T06:00", 22, 6, "2025-01-10T06:00"),
            ("2025-01-10T00:00", 22, 6, "2025-01-10T06:00"),
            ("2024-12-31T23:30", 22, 6, "2025-01-01T06:00"),
            ("1969-12-31T23:30", 22, 6, "1970-01-01T06:00"),
            ("2025-01-10T13:00", 12, 15, "2025-01-10T15:00"),
            ("2025-01-10T15:00", 12, 15, "2025-01-10T15:00"),
            ("2025-01-10T03:00", 9, 9, "2025-01-10T03:00"),
            ("2025-01-10T23:30", 22, 0, "2025-01-11T00:00"),
            ("2025-01-10T00:30", 0, 6, "2025-01-10T06:00"),
        ],
    )
    def test_known_answers(self, time, start_hour, end_hour, expected):
        moved = skip_quiet_hours(np.datetime64(time, "s"), start_hour=start_hour, end_hour=end_hour)
        assert moved == np.datetime64(expected)

    @given(
        st.datetimes(dt.datetime(1960, 1, 1), dt.datetime(2040, 1, 1)).map(lambda time: time.replace(microsecond=0)),
        st.integers(0, 23),
        st.integers(0, 23),
    )
    def test_equals_the_slow_reference(self, time, start_hour, end_hour):
        moved = skip_quiet_hours(np.array([time], dtype="datetime64[s]"), start_hour=start_hour, end_hour=end_hour)
        assert moved.tolist() == [skip_quiet_hours_one(time, start_hour, end_hour)]

    def test_array_equals_loop(self):
        times = np.datetime64("2025-01-10", "s") + np.arange(48) * np.timedelta64(1800, "s")
        moved = skip_quiet_hours(times.reshape(6, 8), start_hour=22, end_hour=6)
        assert moved.ravel().tolist() == [skip_quiet_hours_one(time, 22, 6) for time in times.tolist()]


class TestNextDayAt:
    """An hour of a later calendar day, whatever the time of entry."""

    @pytest.mark.parametrize("entered", ["2025-01-10T14:00", "2025-01-10T16:00", "2025-01-10T00:00"])
    def test_one_day_until_15(self, entered):
        """Known answers, section 3: entered at 14:00 or at 16:00, the wait ends on the next day at 15:00."""
        wake = next_day_at(np.datetime64(entered, "s"), days=1, hour=15)
        assert wake == np.datetime64("2025-01-11T15:00")

    @pytest.mark.parametrize(
        ("entered", "days_later", "hour", "expected"),
        [
            ("2024-02-28T23:59:59", 1, 0, "2024-02-29T00:00"),
            ("1969-12-31T10:00", 1, 9, "1970-01-01T09:00"),
            ("2025-01-10T16:00", 0, 15, "2025-01-10T15:00"),
        ],
    )
    def test_known_answers(self, entered, days_later, hour, expected):
        wake = next_day_at(np.array([entered], dtype="datetime64[s]"), days=days_later, hour=hour)
        assert wake.dtype == "datetime64[s]"
        assert wake.tolist() == [dt.datetime.fromisoformat(expected)]


class TestLocalToUtc:
    """Instant of each local time; a skipped one is the first valid instant after the gap, a repeated one its first."""

    @pytest.mark.parametrize(
        ("local", "zone", "utc"),
        [
            # The clock changes of 2025 as their governments publish them.
            ("2025-01-10T06:00", KYIV, "2025-01-10T04:00"),
            ("2025-07-10T06:00", KYIV, "2025-07-10T03:00"),
            ("2025-03-30T02:59:59", KYIV, "2025-03-30T00:59:59"),
            ("2025-03-30T03:00", KYIV, "2025-03-30T01:00"),  # skipped: 03:00 to 04:00
            ("2025-03-30T03:30", KYIV, "2025-03-30T01:00"),
            ("2025-03-30T04:00", KYIV, "2025-03-30T01:00"),
            ("2025-10-26T03:30", KYIV, "2025-10-26T00:30"),  # repeated: 03:00 to 04:00
            ("2025-03-09T02:30", NEW_YORK, "2025-03-09T07:00"),
            ("2025-11-02T01:30", NEW_YORK, "2025-11-02T05:30"),
            ("2025-10-05T02:15", LORD_HOWE, "2025-10-04T15:30"),  # skipped: half an hour
            ("2025-04-06T01:45", LORD_HOWE, "2025-04-05T14:45"),  # repeated: half an hour
        ],
    )
    def test_known_answers(self, local, zone, utc):
        instant = local_to_utc(np.array([local], dtype="datetime64[s]"), zone)
        assert instant.tolist() == [dt.datetime.fromisoformat(utc)]

    def test_quiet_hours_that_end_in_a_gap(self):
        """Known answers, section 3: an end inside a gap is the first valid instant after it."""
        planned = np.array(["2025-03-30T01:30"], dtype="datetime64[s]")
        wake = skip_quiet_hours(planned, start_hour=22, end_hour=3)
        assert wake.tolist() == [dt.datetime(2025, 3, 30, 3)]
        instant = local_to_utc(wake, KYIV).item().replace(tzinfo=dt.UTC)
        assert instant.astimezone(KYIV).strftime("%H:%M %Z") == "04:00 EEST"

    def test_a_whole_day_that_an_island_skipped(self):
        """Samoa crossed the date line at the end of 29 December 2011; 30 December did not happen there."""
        instant = local_to_utc(np.array(["2011-12-30T12:00"], dtype="datetime64[s]"), ZoneInfo("Pacific/Apia"))
        assert instant.tolist() == [dt.datetime(2011, 12, 30, 10)]

    @pytest.mark.parametrize(
        ("zone", "change"),
        [
            (KYIV, "2025-03-30T03:00"),
            (KYIV, "2025-10-26T03:00"),
            (NEW_YORK, "2025-03-09T02:00"),
            (NEW_YORK, "2025-11-02T01:00"),
            (LORD_HOWE, "2025-10-05T02:00"),
            (LORD_HOWE, "2025-04-06T01:30"),
            (NEW_YORK, "1965-04-25T02:00"),
        ],
    )
    @given(seconds=st.integers(-9_000, 9_000))
    def test_equals_the_slow_reference_around_each_change(self, zone, change, seconds):
        time = dt.datetime.fromisoformat(change) + dt.timedelta(seconds=seconds)
        instant = local_to_utc(np.array([time], dtype="datetime64[s]"), zone)
        assert instant.tolist() == [local_to_utc_one(time, zone)]

    @pytest.mark.parametrize("zone", [KYIV, NEW_YORK, LORD_HOWE])
    def test_later_on_the_clock_is_never_earlier_in_time_across_a_gap(self, zone):
        times = np.datetime64("2025-01-01", "s") + np.arange(0, 365 * 96) * np.timedelta64(900, "s")
        instants = local_to_utc(times, zone)
        falls = np.diff(instants).astype(int)
        assert (falls >= 0).all()

    def test_array_equals_loop(self):
        times = np.array([["2025-03-30T03:30", "2025-01-01T00:00"], ["2025-10-26T03:30", "2025-03-30T03:30"]])
        table = times.astype("datetime64[s]")
        expected = [[local_to_utc_one(time, KYIV) for time in row] for row in table.tolist()]
        assert local_to_utc(table, KYIV).tolist() == expected

    def test_empty(self):
        assert local_to_utc(np.array([], dtype="datetime64[s]"), KYIV).shape == (0,)


class TestFindSilence:
    """Weeks without a purchase are the shop's rhythm where they come at the same season of each year, or mostly."""

    def kept(self, is_open, n_days=1200, start="2021-01-10", end=None):
        day = np.datetime64(start) + np.arange(n_days)
        day = day[[bool(is_open(one)) for one in day.tolist()]]
        number = np.full(len(day), 3)
        return find_silence(day, number, end), find_late(day, number, end)

    @pytest.mark.parametrize(
        "is_open",
        [
            lambda day: day.month in {6, 7, 8},
            lambda day: day.month in {12, 1, 2},
            lambda day: day.month != 8,
            lambda day: not (day.month == 8 and 2 + day.year % 4 <= day.day < 20 + day.year % 3),
            lambda day: day.toordinal() % 56 < 5,
        ],
        ids=["summer", "winter", "August", "other days of August", "a week in eight"],
    )
    def test_a_rhythm_is_none(self, is_open):
        assert self.kept(is_open) == (None, None)

    def test_the_last_season_may_still_last(self):
        assert self.kept(lambda day: day.month in {6, 7, 8}, end=np.datetime64("2024-05-01")) == (None, None)
        found, _ = self.kept(lambda day: day.month != 8, end=np.datetime64("2024-06-30"))
        assert (found.before, found.after, found.n_days) == (np.datetime64("2024-04-23"), None, 68)

    @pytest.mark.parametrize(
        ("is_open", "before"),
        [
            (lambda day: not (day.year == 2022 and day.month == 3), "2022-02-28"),
            (lambda day: day.month != 8 and not (day.year == 2022 and day.month == 3), "2022-02-28"),
            (lambda day: day.month != 8 and not (day.year == 2022 and day.month in {9, 10}), "2022-07-31"),
            (lambda day: day.month != 8 or day.year == 2022, "2021-07-31"),
            (lambda day: (day.year, day.month) not in {(2021, 5), (2022, 3), (2023, 10)}, "2021-04-30"),
        ],
        ids=["once", "beside August", "August and more", "not each year", "three times"],
    )
    def test_lost_weeks_are_found(self, is_open, before):
        found, _ = self.kept(is_open)
        assert found.before == np.datetime64(before)

    def test_one_year_shows_no_rhythm(self):
        found, _ = self.kept(lambda day: day.month != 8, n_days=500)
        assert found.n_days == 31

    @pytest.mark.parametrize(
        ("days", "number", "is_found"),
        [
            ([*range(60), *range(73, 130)], 3, False),  # 13 days
            ([*range(60), *range(74, 130)], 3, True),
            ([*range(60), *range(79, 130)], 1, False),  # 19 purchases in as many days before
            ([*range(60), *range(80, 130)], 1, True),
            ([*range(0, 201, 10), *range(240, 400, 10)], 10, False),  # 39 days, and 10 are usual
            ([*range(0, 201, 10), *range(241, 400, 10)], 10, True),
            ([*range(15), *range(45, 60), *range(90, 105)], 3, True),  # twice 30 days
            ([*range(15), *range(45, 60), *range(90, 105), *range(135, 150)], 3, False),  # three times: a rhythm
            ([*range(40), *range(70, 110), *range(140, 180), *range(210, 250)], 3, True),  # not half of the log
        ],
    )
    def test_what_is_long(self, days, number, is_found):
        day = np.datetime64("2024-01-01") + np.array(days)
        assert (find_silence(day, np.full(len(day), number)) is not None) == is_found

    def test_times_of_less_than_half_as_long_are_no_rhythm(self):
        """Two times 14 days, and 30 days."""
        day = np.datetime64("2024-01-01") + np.array([*range(10), *range(24, 34), *range(48, 58), *range(88, 98)])
        assert find_silence(day, np.full(len(day), 3)).n_days == 30

    def test_purchases_that_come_a_quarter_as_often_go_on(self):
        """Four on each of 100 days, none for 30, then one on each day; with one more these are a quarter of 120."""
        day = np.datetime64("2024-01-01") + np.append(np.arange(100), np.arange(130, 190))
        number = np.repeat([4, 1], [100, 60])
        assert find_silence(day, number) is None
        number[100] = 2
        assert find_silence(day, number).n_days == 30

    @pytest.mark.parametrize(("last", "is_found"), [(521, True), (561, False)])
    def test_four_purchases_are_late_and_five_are_rare(self, last, is_found):
        day = np.datetime64("2024-01-01") + np.append(np.arange(60), np.arange(400, last, 40))
        number = np.repeat([3, 1], [60, len(day) - 60])
        assert (find_late(day, number) is not None) == is_found


class TestMainSpan:
    """Rows more than five years, 1,826 days, apart from the others are odd if they are at most a tenth of both."""

    @pytest.mark.parametrize(
        ("days", "span"),
        [
            ([0] * 9 + [1827], (0, 0)),
            ([0] * 8 + [1827], (0, 1827)),
            ([0] * 9 + [1826], (0, 1826)),
            ([0] + [1827] * 9, (1827, 1827)),
            ([0] + [1827] * 8, (0, 1827)),
        ],
    )
    def test_edges(self, days, span):
        day = np.datetime64("2000-01-01") + np.array(days)
        assert tuple((end - np.datetime64("2000-01-01")).astype(int) for end in main_span(day)) == span


class TestOddDates:
    """One row dated 1900 or 2203 by mistake is named by functions that have no last day, or take that of the log."""

    CUSTOMER = ("ann", "bob") * 12
    DATE = tuple(f"2024-{month:02}-0{day}" for month in range(1, 13) for day in (1, 2))

    @pytest.mark.parametrize(
        "call",
        [
            metrics.time_between_purchases,
            lambda customer, date: loyalty.find_streaks(customer, date, period="month", length=3),
            lambda customer, date: products.next_purchases(
                products.read_order_lines(customer, date, ["ink"] * len(date)), min_count=1
            ),
        ],
    )
    def test_early(self, call):
        with pytest.warns(DataWarning, match="^1 row is more than 5 years before all others, the first of 1900-01-01"):
            call([*self.CUSTOMER, "ann"], [*self.DATE, "1900-01-01"])
        call([*self.CUSTOMER], [*self.DATE])

    def test_late(self):
        with pytest.warns(DataWarning, match="^1 row is more than 5 years after all others, the last of 2203-05-05"):
            metrics.time_between_purchases([*self.CUSTOMER, "ann"], [*self.DATE, "2203-05-05"])


class TestFirstDayOfLog:
    """One row of 100, or of each 200, is odd if a week without a row follows in which 20 would have come."""

    @pytest.mark.parametrize(
        ("n_early", "n", "per_day", "empty", "is_odd"),
        [
            (1, 100, 5, 7, True),
            (1, 100, 5, 6, False),
            (1, 98, 5, 7, False),  # 99 rows in all
            (2, 200, 5, 7, False),
            (2, 398, 5, 7, True),
            (1, 100, 1, 21, True),  # 101 / 2 rows in the middle 51 days: 0.99 a day
            (1, 100, 1, 20, False),
        ],
    )
    def test_edges(self, n_early, n, per_day, empty, is_odd):
        start = empty + 1
        number = np.append(np.zeros(n_early, dtype=int), start + np.arange(n) // per_day)
        day = np.datetime64("2024-01-01") + number
        assert (first_day_of_log(day) - day[0]).astype(int) == (start if is_odd else 0)


class TestPileOfFirstDays:
    """Counts of weeks, all customers on the first day of theirs."""

    @pytest.mark.parametrize(
        ("weeks", "n_days"),
        [
            ([1300] + [1000] * 29, 10),  # 1.3 times; one week and half as long again
            ([1299] + [1000] * 29, 0),
            ([148] + [100] * 29, 10),  # 48 is more than 3 times the root of 248, which is 47.2
            ([147] + [100] * 29, 0),
            ([3000] + [1272] * 8 + [1000] * 21, 10),  # up to 1,250 + 2 times the root of 1,000 / 8
            ([3000] + [1273] * 8 + [1000] * 21, 21),
            ([60] * 10 + [0] * 9 + [20] * 10, 94),  # nine weeks; later customers in 10 of the last 19
            ([60] * 10 + [0] * 31 + [60] * 9, 0),  # in 9 of the last 30: two seasons
        ],
    )
    def test_edges(self, weeks, n_days):
        came = np.datetime64("2024-01-01") + np.repeat(7 * np.arange(len(weeks)), weeks)
        assert pile_of_first_days(came) == n_days

    @pytest.mark.parametrize(
        ("weeks", "n_days"),
        [
            ([100, 60] * 15, 0),  # 40 is more than 3 times the root of 160, and what each other week is lower
            ([300] * 6 + [100, 60] * 15, 63),  # six weeks and half as long again
        ],
    )
    def test_a_first_week_above_the_second_is_ordinary_where_all_weeks_differ(self, weeks, n_days):
        came = np.datetime64("2024-01-01") + np.repeat(7 * np.arange(len(weeks)), weeks)
        assert pile_of_first_days(came) == n_days

    @pytest.mark.parametrize(("months", "n_days"), [([100] * 12, 0), ([600, 300] + [100] * 10, 84)])
    def test_months_for_dates_are_no_piles(self, months, n_days):
        first = np.datetime64("2024-01") + np.arange(len(months))
        came = np.repeat(first.astype("datetime64[D]"), months)
        assert pile_of_first_days(came) == n_days  # eight whole weeks until March, and half as long again
