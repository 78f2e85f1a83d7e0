"""The service cycle: next services, reminders, follow-ups, expiring terms, visits over weeks, nothing planned."""

from __future__ import annotations

import calendar
import datetime as dt
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmvalue.errors import InputError
from crmvalue.journeys import (
    InstalledItems,
    ServiceCycle,
    ServiceDue,
    expiring_terms,
    next_service,
    spread_visits,
    without_next_step,
)

DAYS = st.dates(dt.date(1990, 1, 1), dt.date(2090, 12, 31))


def by_calendar(day, months):
    """Add months by the standard library's calendar, clamped."""
    year, month = divmod(12 * day.year + day.month - 1 + months, 12)
    return dt.date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def rows_of(due):
    return list(zip(due.row.tolist(), due.kind.tolist(), due.month.tolist(), due.date.astype(str), strict=True))


class TestNextService:
    """`next_service`: the last service plus the interval in calendar months, clamped to the end of the month."""

    @pytest.mark.parametrize(
        ("last", "months", "expected"),
        [  # the win-back table of the same calendar: anchored at the last day, clamped
            ("2023-01-31", 15, "2024-04-30"),
            ("2023-05-31", 9, "2024-02-29"),
            ("2023-05-31", 21, "2025-02-28"),
            ("2024-02-29", 9, "2024-11-29"),
            ("2024-02-29", 12, "2025-02-28"),
        ],
    )
    def test_published_days(self, last, months, expected):
        assert str(next_service(last, months)) == expected

    @given(DAYS, st.integers(1, 400))
    def test_equals_the_calendar_of_the_standard_library(self, day, months):
        assert next_service(day, months).item() == by_calendar(day, months)

    def test_broadcasts(self):
        assert next_service(["2024-01-31", "2024-03-31"], 1).astype(str).tolist() == ["2024-02-29", "2024-04-30"]

    @pytest.mark.parametrize("months", [0, 1.5, 1201, [1, 2, 3]])
    def test_rejections(self, months):
        with pytest.raises(InputError, match="interval_months"):
            next_service(["2024-01-01", "2024-01-01"], months)

    def test_no_service_is_after_the_end_of_the_calendar(self):
        assert str(next_service("9999-11-30", 1)) == "9999-12-30"
        with pytest.raises(InputError, match="the next one is by 9999-12-31") as caught:
            InstalledItems(customer=["ann", "bob"], last_service=["2024-01-01", "9997-12-31"], interval_months=[12, 25])
        assert (caught.value.name, caught.value.index) == ("last_service", 1)
        items = InstalledItems(customer=["ann"], last_service=["9997-12-31"], interval_months=24)
        assert items.next_service.tolist() == [dt.date(9999, 12, 31)]
        with pytest.raises(InputError, match="last_service"):
            next_service(["2024-01-01", "9999-12-01"], 1)


class TestServiceCycle:
    """`ServiceCycle.due`: reminder before the service, overdue after it, follow-ups 1, 6 and 12 months after."""

    @pytest.mark.parametrize(
        ("as_of", "expected"),
        [  # next service 2024-06-10, reminder from 2024-05-27
            ("2024-05-26", []),
            ("2024-05-27", [(0, "reminder", 0, "2024-05-27")]),
            ("2024-06-10", [(0, "reminder", 0, "2024-05-27")]),
            ("2024-06-11", [(0, "overdue", 0, "2024-06-10")]),
            ("2025-06-11", [(0, "overdue", 0, "2024-06-10")]),
        ],
    )
    def test_reminders_and_overdue_items(self, as_of, expected):
        assert rows_of(ServiceCycle().due(["2023-06-10"], 12, as_of)) == expected

    @pytest.mark.parametrize(
        ("as_of", "month", "date"),
        [  # after 31 August 2023
            ("2023-09-29", None, None),
            ("2023-09-30", 1, "2023-09-30"),
            ("2023-10-14", 1, "2023-09-30"),
            ("2023-10-15", None, None),
            ("2024-02-29", 6, "2024-02-29"),
            ("2024-08-30", None, None),
            ("2024-08-31", 12, "2024-08-31"),
            ("2024-09-15", None, None),
        ],
    )
    @pytest.mark.parametrize("kind", ["after a visit", "after a deferred sale"])
    def test_follow_ups(self, as_of, month, date, kind):
        column = {"after a visit": "last_visit", "after a deferred sale": "deferred_on"}[kind]
        due = ServiceCycle().due(["2023-08-31"], 120, as_of, **{column: ["2023-08-31"]})
        assert rows_of(due) == ([] if month is None else [(0, kind, month, date)])

    def test_the_reason_stays_with_the_deferral_alone(self):
        due = ServiceCycle().due(
            ["2023-06-10", "2024-06-01"], 12, "2024-06-30", last_visit=["2024-05-30", None],
            deferred_on=["2024-05-30", "2024-05-25"], deferred_reason=["no budget", None],
        )  # fmt: skip
        assert due.kind.tolist() == ["overdue", "after a visit", *["after a deferred sale"] * 2]
        assert due.row.tolist() == [0, 0, 0, 1]
        assert due.reason.tolist() == ["", "", "no budget", ""]
        assert due.days_late.tolist() == [20, 0, 0, 5]
        assert due.about.astype(str).tolist() == ["2024-06-10", "2024-05-30", "2024-05-30", "2024-05-25"]
        assert due.n_by_kind == {"overdue": 1, "after a visit": 1, "after a deferred sale": 2}

    @pytest.mark.parametrize(("contact", "n"), [("2024-05-26", 2), ("2024-05-27", 1), ("2024-05-31", 0), (None, 2)])
    def test_a_contact_ends_what_fell_due_before(self, contact, n):
        due = ServiceCycle().due(
            ["2023-06-10"], 12, "2024-06-05", last_visit=["2024-04-30"], last_contact=[contact]
        )  # a reminder of 27 May and a follow-up of 30 May
        assert len(due) == n

    @given(st.lists(st.tuples(DAYS, st.integers(1, 60)), min_size=1, max_size=8), st.integers(0, 3000))
    def test_each_item_is_reminded_of_or_overdue_by_definition(self, items, later):
        today = max(day for day, _ in items) + dt.timedelta(days=later)
        due = ServiceCycle(remind_days_before=30).due(*map(list, zip(*items, strict=True)), today)
        kinds = dict(zip(due.row.tolist(), due.kind.tolist(), strict=True))
        for row, (day, months) in enumerate(items):
            left = (by_calendar(day, months) - today).days
            assert kinds.get(row) == ("overdue" if left < 0 else "reminder" if left <= 30 else None)

    @pytest.mark.parametrize(
        ("name", "wrong"),
        [
            ("last_service", ["2024-07-01"]),
            ("last_service", [None]),
            ("interval_months", [12, 12]),
            ("last_visit", ["2024-07-01"]),
            ("last_visit", ["2024-01-01"] * 2),
            ("deferred_reason", ["why"]),
        ],
    )
    def test_rejections(self, name, wrong):
        arguments = {"last_service": ["2024-01-01"], "interval_months": 12, "as_of": "2024-06-30", name: wrong}
        with pytest.raises(InputError) as caught:
            ServiceCycle().due(**arguments)
        assert caught.value.name == name

    @pytest.mark.parametrize(
        ("last", "months", "as_of"), [("9999-06-01", 12, "9999-12-31"), ("0001-01-02", 1, "0001-01-10")]
    )
    def test_no_day_is_outside_the_calendar(self, last, months, as_of):
        with pytest.raises(InputError, match="last_service"):
            ServiceCycle(remind_days_before=200).due([last], months, as_of)
        due = ServiceCycle(remind_days_before=0).due(["9999-11-30", "0001-01-01"], [1, 1], "9999-12-30")
        assert due.date.astype(str).tolist() == ["9999-12-30", "0001-02-01"]
        assert ServiceDue.from_json(due.to_json()) == due

    @pytest.mark.parametrize("months", [(6, 1), (1, 1), (0,), "1", 5])
    def test_rejections_of_follow_ups(self, months):
        with pytest.raises(InputError, match="follow_up_months"):
            ServiceCycle(follow_up_months=months)


class TestExpiringTerms:
    """`expiring_terms`: last day from the day of the run to so many days later, both in."""

    def test_both_ends_are_in_and_the_earliest_comes_first(self):
        days = ["2024-07-31", "2024-07-30", "2024-06-29", None, "2024-06-30"]
        soon = expiring_terms(["a", "b", "c", "d", "e"], days, as_of="2024-06-30")
        assert soon.term.tolist() == ["e", "b"]
        assert soon.row.tolist() == [4, 1]
        assert soon.days_left.tolist() == [0, 30]
        assert (soon.n_expired, soon.n_open, len(soon)) == (1, 1, 2)

    def test_rejections(self):
        with pytest.raises(InputError, match="term"):
            expiring_terms(["a", 5], [None, None], as_of="2024-06-30")
        with pytest.raises(InputError, match="term"):
            expiring_terms(["a"], [None, None], as_of="2024-06-30")


def most_placed(planned, capacity, early, late):
    """Try all assignments of few visits to few weeks."""
    choices = [[None, *range(max(week - early, 0), min(week + late, len(capacity) - 1) + 1)] for week in planned]
    best = 0
    for weeks in itertools.product(*choices):
        if all(weeks.count(week) <= places for week, places in enumerate(capacity)):
            best = max(best, sum(week is not None for week in weeks))
    return best


MONDAY = np.datetime64("2024-01-01")


class TestSpreadVisits:
    """`spread_visits`: no week over its capacity, every visit within its weeks, as many placed as can be."""

    @given(
        st.lists(st.integers(0, 27), max_size=5),
        st.lists(st.integers(0, 2), min_size=1, max_size=5),
        st.integers(0, 2),
        st.integers(0, 2),
    )
    def test_places_as_many_as_trying_all_ways(self, days, capacity, early, late):
        dates = MONDAY + np.array(days, dtype="timedelta64[D]")
        made = spread_visits(dates, capacity, as_of=MONDAY, weeks_early=early, weeks_late=late)
        assert len(made) - made.n_not_placed == most_placed([day // 7 for day in days], capacity, early, late)
        assert np.all((made.weeks_moved >= -early) & (made.weeks_moved <= late))
        weeks = (made.week[made.is_placed] - MONDAY).astype(int)
        assert np.all(weeks % 7 == 0)
        used = np.bincount(weeks // 7, minlength=len(capacity))
        assert len(used) == len(capacity)
        assert np.all(used <= capacity)

    @given(st.lists(st.integers(-9, 200), min_size=1, max_size=40))
    def test_with_room_nothing_moves(self, days):
        dates = MONDAY + np.array(days, dtype="timedelta64[D]")
        made = spread_visits(dates, len(days), as_of=MONDAY)
        assert np.array_equal(made.week, made.planned_week)
        assert (made.n_early, made.n_late, made.n_not_placed) == (0, 0, 0)
        assert made.week.min() >= MONDAY

    def test_the_season_is_spread(self):
        made = spread_visits(["2024-01-22"] * 6, 2, as_of="2024-01-03", weeks_early=1, weeks_late=1)
        words = "6 visits: 6 placed, 2 of them in an earlier week and 2 in a later one; 0 without a place."
        assert made.conclusion == words
        assert made.n_by_week == {"2024-01-15": 2, "2024-01-22": 2, "2024-01-29": 2}
        assert made.weeks_moved.tolist() == [-1, -1, 0, 0, 1, 1]
        assert (made.n_early, made.n_late, made.n_not_placed) == (2, 2, 0)

    @given(st.permutations(range(8)))
    def test_the_order_of_rows_does_not_matter(self, order):
        dates = np.array(["2024-01-22"], dtype="datetime64[D]") + np.arange(8) * 2
        made = spread_visits(dates, 1, as_of="2024-01-03")
        again = spread_visits(dates[list(order)], 1, as_of="2024-01-03")
        np.testing.assert_array_equal(again.week, made.week[list(order)])

    @pytest.mark.parametrize("capacity", [-1, 1.5, [[1]]])
    def test_rejections(self, capacity):
        with pytest.raises(InputError, match="capacity_per_week"):
            spread_visits(["2024-01-22"], capacity, as_of="2024-01-03")


class TestWithoutNextStep:
    """`without_next_step`: customers with no step on or after the day."""

    @given(st.lists(st.tuples(st.integers(0, 7), st.integers(-3, 3)), max_size=20))
    def test_equals_a_loop(self, steps):
        days = [MONDAY + day for _, day in steps]
        found = without_next_step(range(6), [who for who, _ in steps], days, as_of=MONDAY)
        expected = [c for c in range(6) if not any(who == c and day >= 0 for who, day in steps)]
        assert found.customer.tolist() == found.row.tolist() == expected
        for customer, last in zip(expected, found.last_step, strict=True):
            past = [MONDAY + day for who, day in steps if who == customer]
            assert np.isnat(last) if not past else last == max(past)
        assert found.n_unknown == sum(who > 5 for who, _ in steps)

    def test_rejections(self):
        with pytest.raises(InputError, match="customer"):
            without_next_step([1, 1], [1], ["2024-01-01"], as_of=MONDAY)
        with pytest.raises(InputError, match="step_date"):
            without_next_step([1], [1], [], as_of=MONDAY)
