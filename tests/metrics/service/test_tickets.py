"""Tests of the key figures that are read off a list of tickets."""

from __future__ import annotations

import datetime as dt
from fractions import Fraction

import attrs
import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmvalue._metrics.survival import survival_curve
from crmvalue.errors import InputError
from crmvalue.metrics import (
    FirstContactResolution,
    ResolutionTime,
    first_contact_resolution,
    first_contact_resolution_from_tickets,
    proportion_interval,
    resolution_time,
)
from tests.metrics.references import waiting_by_fractions

NAT = np.datetime64("NaT", "D")
START = np.datetime64("2024-03-01T00:00")

# Freireich et al. (1963), remission under 6-MP [weeks]; those still in remission at the second list.
FREIREICH_OVER = [6, 6, 6, 7, 10, 13, 16, 22, 23]
FREIREICH_OPEN = [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]


def hours(numbers):
    """Give moments so many hours after the start; None is missing."""
    return np.array([NAT if number is None else START + np.timedelta64(number, "h") for number in numbers])


class TestFirstContactResolutionFromTickets:
    """Within the window from opening, resolved and no other contact; pending while the window is not over."""

    @pytest.mark.parametrize(
        ("resolved", "next_contact", "expected"),
        [
            # by hand; hours after opening, with a window of two days and as_of after 48 hours exactly
            (1, None, "n_resolved_first"),
            (48, None, "n_resolved_first"),
            (0, 49, "n_resolved_first"),  # a contact after the window is about a new problem
            (1, 48, "n_contacted_again"),  # reopened at the last moment
            (5, 2, "n_contacted_again"),  # came back before it was resolved
            (None, 2, "n_contacted_again"),
            (None, None, "n_unresolved"),
            (49, None, "n_unresolved"),
        ],
    )
    def test_each_ticket_is_in_one_count(self, resolved, next_contact, expected):
        names = ("n_resolved_first", "n_contacted_again", "n_unresolved", "n_pending", "n_later")

        def groups(as_of):
            result = first_contact_resolution_from_tickets(
                hours([0]), hours([resolved]), hours([next_contact]), as_of=START + as_of, window_days=2
            )
            return {name for name in names if getattr(result, name) == 1}, sum(getattr(result, name) for name in names)

        assert groups(np.timedelta64(48, "h")) == ({expected}, 1)
        assert groups(np.timedelta64(47, "h")) == ({"n_pending"}, 1)
        assert groups(np.timedelta64(0, "h")) == ({"n_pending"}, 1)
        assert groups(np.timedelta64(-1, "h")) == ({"n_later"}, 1)

    def test_one_decided_ticket_and_the_moment(self):
        moment = START + np.timedelta64(49, "h")
        result = first_contact_resolution_from_tickets(
            hours([0]), hours([1]), hours([None]), as_of=moment, window_days=2
        )
        assert result.interval() == proportion_interval(1, 1)
        assert result.as_of == moment

    def test_rate_and_interval_are_over_decided_tickets(self):
        """75 solved of 100 (domain, section 1), and 12 pending that do not count."""
        opened = [0] * 100 + [200] * 12
        next_contact = [None] * 75 + [5] * 25 + [201] * 12
        result = first_contact_resolution_from_tickets(
            hours(opened),
            hours([hour + 1 for hour in opened]),
            hours(next_contact),
            as_of=START + np.timedelta64(240, "h"),
            window_days=7,
        )
        assert (result.rate, result.n_decided, result.n_pending) == (0.75, 100, 12)
        assert result.interval() == result.interval(level=0.95)
        assert result.interval(level=0.9) == proportion_interval(75, 100, level=0.9)

    def test_failures_of_unfinished_windows_do_not_bias_the_rate(self):
        """Of each day's two tickets one comes back after an hour: 1/2 whatever the day of reading."""
        opened = np.repeat(np.arange(60) * 24, 2)
        next_contact = [int(hour) + 1 if i % 2 else None for i, hour in enumerate(opened)]
        for day in (7, 8, 31, 60, 70):
            result = first_contact_resolution_from_tickets(
                hours(opened.tolist()),
                hours(opened.tolist()),
                hours(next_contact),
                as_of=START + np.timedelta64(24 * day, "h"),
                window_days=7,
            )
            assert result.rate == 0.5

    @given(
        st.lists(
            st.tuples(
                st.integers(-100, 100), st.none() | st.integers(0, 99), st.none() | st.integers(0, 99), st.integers()
            ),
            min_size=1,
            max_size=20,
        ),
        st.integers(1, 4),
    )
    def test_a_longer_window_and_the_order_of_rows(self, rows, days):
        def count(rows, window_days):
            opened = [row[0] for row in rows]
            ends = [[None if row[i] is None else row[0] + row[i] for row in rows] for i in (1, 2)]
            return first_contact_resolution_from_tickets(
                hours(opened), hours(ends[0]), hours(ends[1]), as_of=START, window_days=window_days
            )

        result = count(rows, days)
        assert result.n_decided + result.n_pending + result.n_later == len(rows)
        assert count(sorted(rows, key=lambda row: row[3]), days) == result
        assert count(rows, days + 1).n_pending >= result.n_pending

    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"opened": ["2024-03-01 10:00", None]}, "opened"),
            ({"opened": "2024-03-01"}, "opened"),
            ({"resolved": ["2024-03-01 09:59", None]}, "resolved"),
            ({"resolved": [None]}, "resolved"),
            ({"resolved": [5.0, None]}, "resolved"),
            ({"resolved": ["2024-03-01T11:00+01:00", None]}, "resolved"),
            ({"next_contact": ["2024-02-29", None]}, "next_contact"),
            ({"next_contact": [None, None, None]}, "next_contact"),
            ({"as_of": NAT}, "as_of"),
            ({"as_of": ["2024-03-31"]}, "as_of"),
            ({"window_days": 0}, "window_days"),
            ({"window_days": 7.5}, "window_days"),
            ({"window_days": np.inf}, "window_days"),
            ({"opened": [], "resolved": [], "next_contact": []}, "opened"),
        ],
    )
    def test_refuses(self, changes, name):
        valid = {
            "opened": ["2024-03-01 10:00", "2024-03-02 10:00"],
            "resolved": ["2024-03-01 10:10", None],
            "next_contact": [None, "2024-03-02 12:00"],
            "as_of": "2024-03-31",
            "window_days": 2**50,
        }
        assert first_contact_resolution_from_tickets(**valid).n_pending == 2
        with pytest.raises(InputError) as caught:
            first_contact_resolution_from_tickets(**{**valid, **changes})
        assert caught.value.name == name


class TestFirstContactResolutionValue:
    """A frozen value; without a decided ticket it has no rate."""

    VALID = {  # noqa: RUF012 - a table that nobody changes
        "n_resolved_first": 75,
        "n_contacted_again": 20,
        "n_unresolved": 5,
        "n_pending": 12,
        "n_later": 0,
        "window_days": 7,
        "as_of": np.datetime64("2024-03-31T00:00:00.000000"),
    }

    def test_survives_a_round_trip(self):
        value = FirstContactResolution(**self.VALID)
        assert attrs.asdict(value) == self.VALID
        assert FirstContactResolution(**{**attrs.asdict(value), "as_of": "2024-03-31"}) == value

    def test_no_decided_ticket(self):
        value = FirstContactResolution(**{**self.VALID, **dict.fromkeys(list(self.VALID)[:3], 0)})
        assert np.isnan([value.rate, value.rate_of_contacts]).all()
        assert value.interval() == (0, 1)
        with pytest.raises(InputError, match="level"):
            value.interval(level=2)

    @pytest.mark.parametrize(
        ("changes", "name"),
        [({"n_pending": -1}, "n_pending"), ({"window_days": 0}, "window_days"), ({"as_of": "today"}, "as_of")],
    )
    def test_refuses(self, changes, name):
        with pytest.raises(InputError) as caught:
            FirstContactResolution(**{**self.VALID, **changes})
        assert caught.value.name == name

    def test_both_denominators(self):
        """75 of 100 problems at the first contact; 20 customers came back: 120 contacts."""
        result = FirstContactResolution(
            n_resolved_first=75,
            n_contacted_again=20,
            n_unresolved=5,
            n_pending=12,
            n_later=3,
            window_days=7,
            as_of="2024-03-31",
        )
        assert (result.rate, result.rate_of_contacts) == (0.75, 0.625)
        assert result.rate_of_contacts == first_contact_resolution(75, result.n_contacts)


class TestSurvivalCurve:
    """Product over the times t of events of (1 - events at t / at risk at t)."""

    def test_known_answers(self):
        """Oracles, section 4: .8571 .8067 .7529 .6902 .6275 .5378 .4482 at 6, 7, 10, 13, 16, 22, 23."""
        waited = np.array(FREIREICH_OVER + FREIREICH_OPEN, dtype=float)
        over = np.arange(len(waited)) < len(FREIREICH_OVER)
        curve = dict(zip(*survival_curve(waited, over), strict=True))
        expected = {6: 0.8571, 7: 0.8067, 10: 0.7529, 13: 0.6902, 16: 0.6275, 22: 0.5378, 23: 0.4482}
        assert {time: curve[time] for time in expected} == pytest.approx(expected, abs=5e-5)
        assert curve[35] == curve[23]


class TestResolutionTime:
    """Kaplan-Meier from opening to resolution; the mean is restricted to the longest time observed."""

    def test_freireich(self):
        """Median 23; the mean is the area under the published steps (oracles, section 4) up to 35, 23.29."""
        steps = [(6, 1), (1, 0.8571), (3, 0.8067), (3, 0.7529), (3, 0.6902), (6, 0.6275), (1, 0.5378), (12, 0.4482)]
        opened = [-time for time in FREIREICH_OVER + FREIREICH_OPEN]
        resolved = [0] * len(FREIREICH_OVER) + [None] * len(FREIREICH_OPEN)
        result = resolution_time(hours(opened), hours(resolved), as_of=START)
        assert result.mean == pytest.approx(sum(width * height for width, height in steps), abs=0.002)
        assert (result.median, result.percentile_90, result.n_resolved, result.n_open) == (23, np.inf, 9, 12)

    @pytest.mark.parametrize(
        ("resolved", "as_of", "expected"),
        [
            # by hand; all opened at hour 0: mean, median, 90th percentile, resolved, open
            ([1, 2, 3, 4], 10, (2.5, 2.5, 4, 4, 0)),
            (list(range(1, 11)), 10, (5.5, 5.5, 9.5, 10, 0)),
            ([0, 0], 0, (0, 0, 0, 2, 0)),
            ([1, 3, None, None], 9, (5.5, 6, np.inf, 2, 2)),  # level at 1/2 from 3 to the end at 9
            ([*range(1, 10), None], 20, (6.5, 5.5, 14.5, 9, 1)),  # level at 1/10, though its factors round
            ([*range(1, 7), None, None, None, None, None, None], 20, ((21 + 120) / 12, 13, np.inf, 6, 6)),
            ([None, None], 9, (9, np.inf, np.inf, 0, 2)),
            ([1, 20], 9, (5, 5, np.inf, 1, 1)),  # resolved after as_of: open
        ],
    )
    def test_known_answers(self, resolved, as_of, expected):
        now = START + np.timedelta64(as_of, "h")
        result = resolution_time(hours([0] * len(resolved)), hours(resolved), as_of=now)
        figures = (result.mean, result.median, result.percentile_90, result.n_resolved, result.n_open)
        assert figures == pytest.approx(expected, rel=1e-15)
        assert result.as_of == now

    def test_dropping_open_tickets_would_mislead(self):
        """Nine tickets take an hour and one hangs for 1,000: the mean of the resolved ones alone is 1."""
        now = START + np.timedelta64(1000, "h")
        result = resolution_time(hours([0] * 10), hours([1] * 9 + [None]), as_of=now)
        assert result.mean == pytest.approx(0.9 * 1 + 0.1 * 1000)
        assert result.median == 1

    @given(st.lists(st.integers(0, 10**6), min_size=1, max_size=30))
    def test_is_the_plain_mean_and_median_when_nothing_is_open(self, seconds):
        end = START + np.array(seconds, dtype="timedelta64[s]")
        result = resolution_time(np.full(len(seconds), START), end, as_of="2025-01-01")
        assert result.mean == pytest.approx(np.mean(seconds) / 3600, rel=1e-12)
        assert result.median == pytest.approx(np.median(seconds) / 3600, rel=1e-12)
        inverse = np.quantile(seconds, 0.9, method="averaged_inverted_cdf")
        assert result.percentile_90 == pytest.approx(inverse / 3600, rel=1e-12)

    @given(
        st.lists(st.tuples(st.integers(0, 40), st.booleans()), min_size=1, max_size=30),
        st.randoms(use_true_random=False),
    )
    def test_equals_exact_fractions_in_any_order_of_rows(self, waits, random):
        times, over = zip(*waits, strict=True)
        _, mean, quantile = waiting_by_fractions(times, over)
        random.shuffle(waits)
        result = resolution_time(
            hours([-time for time, _ in waits]), hours([0 if done else None for _, done in waits]), as_of=START
        )
        assert result.mean == pytest.approx(float(mean), rel=1e-12)
        assert result.median == quantile(Fraction(1, 2))
        assert result.percentile_90 == quantile(Fraction(9, 10))

    @pytest.mark.parametrize(
        "resolved",
        [
            ["2024-03-01 02:00", None, None],
            ["2024-03-01T02:00", float("nan"), NAT],
            [dt.datetime(2024, 3, 1, 2), None, pd.NaT],
            pd.Series(["2024-03-01 02:00", None, pd.NA], dtype=object),
            pd.Series(["2024-03-01 02:00", None, None], dtype="datetime64[ns]"),
            pl.Series([dt.datetime(2024, 3, 1, 2), None, None]),
            np.array(["2024-03-01T02", "NaT", "NaT"], dtype="datetime64[h]"),
        ],
        ids=["None", "NaN", "NaT", "NA", "pandas", "polars", "numpy"],
    )
    def test_takes_missing_resolutions_of_any_kind(self, resolved):
        result = resolution_time(["2024-03-01"] * 3, resolved, as_of="2024-03-02")
        assert (result.n_resolved, result.n_open, result.mean) == (1, 2, pytest.approx((2 + 24 + 24) / 3))

    def test_takes_a_column_of_nothing(self):
        assert resolution_time(["2024-03-01"] * 2, np.full(2, np.nan), as_of="2024-03-02").n_open == 2

    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"opened": ["2024-03-01", NAT]}, "opened"),
            ({"opened": ["2024-03-01"] * 3}, "resolved"),
            ({"resolved": ["2024-02-29 23:59", None]}, "resolved"),
            ({"resolved": [float("nan"), 3.0]}, "resolved"),
            ({"resolved": np.array(["2024-04", "NaT"], dtype="datetime64[M]")}, "resolved"),
            ({"resolved": [["2024-03-01 02:00", None]]}, "resolved"),
            ({"opened": [], "resolved": []}, "opened"),
            ({"as_of": "2024-02-01"}, "opened"),
            ({"as_of": None}, "as_of"),
        ],
    )
    def test_refuses(self, changes, name):
        valid = {"opened": ["2024-03-01", "2024-03-02"], "resolved": ["2024-03-01 02:00", None], "as_of": "2024-03-31"}
        resolution_time(**valid)
        with pytest.raises(InputError) as caught:
            resolution_time(**{**valid, **changes})
        assert caught.value.name == name

    def test_says_where(self):
        with pytest.raises(InputError) as caught:
            resolution_time(["2024-03-02"] * 3, [None, "2024-03-05", "2024-03-01"], as_of="2024-03-31")
        assert (caught.value.index, caught.value.value) == (2, "2024-03-01T00:00:00.000000")


class TestResolutionTimeValue:
    """A frozen value with checked fields."""

    VALID = {  # noqa: RUF012 - a table that nobody changes
        "mean": 9.5,
        "median": 8.0,
        "percentile_90": np.inf,
        "n_resolved": 6,
        "n_open": 4,
        "n_later": 0,
        "as_of": np.datetime64("2024-03-31T12:00:00.000000"),
    }

    def test_survives_a_round_trip(self):
        value = ResolutionTime(**self.VALID)
        assert attrs.asdict(value) == self.VALID
        assert ResolutionTime(**{**attrs.asdict(value), "as_of": "2024-03-31 12:00"}) == value

    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"mean": -1}, "mean"),
            ({"mean": 1e200}, "mean"),  # a float, yet no infinity
            ({"percentile_90": 7}, "percentile_90"),
            ({"n_resolved": 0, "n_open": 0}, "n_open"),
            ({"n_open": 0.5}, "n_open"),
        ],
    )
    def test_refuses(self, changes, name):
        with pytest.raises(InputError) as caught:
            ResolutionTime(**{**self.VALID, **changes})
        assert caught.value.name == name
