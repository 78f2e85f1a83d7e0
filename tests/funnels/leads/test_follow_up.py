"""Follow-up tasks by the calendar and in business hours."""

from __future__ import annotations

import datetime as dt
import itertools

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmvalue._core.clock.business_hours import BusinessHours
from crmvalue._funnels.leads.follow_up import FollowUpRule, follow_up_due, follow_up_tasks
from crmvalue.errors import InputError

WEEK = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
NINE_TO_SIX = BusinessHours(start="09:00", end="18:00")
HOLIDAYS = ["2024-05-01", "2024-05-09", "2024-05-10"]

times = st.datetimes(dt.datetime(2024, 4, 20), dt.datetime(2024, 6, 1)).map(
    lambda t: t.replace(second=0, microsecond=0)
)
clocks = st.integers(0, 24 * 4).map(lambda quarter: f"{quarter // 4:02}:{15 * (quarter % 4):02}")
openings = st.builds(
    lambda ends, days, holidays: BusinessHours(start=min(ends), end=max(ends), days=days, holidays=holidays),
    st.lists(clocks, min_size=2, max_size=2, unique=True),
    st.sets(st.sampled_from(WEEK), min_size=1),
    st.sets(st.sampled_from([*HOLIDAYS, "2024-05-04"])).map(list),
)
minutes = st.integers(1, 60 * 40)


def minute_by_minute(time, n_minutes, opening):
    """Walk from the event minute by minute and count those that lie inside the business hours."""
    moment, open_days = time, {WEEK.index(day) for day in opening.days}
    closed = set(opening.holidays.astype(str).tolist())
    while n_minutes:
        clock = f"{moment:%H:%M}"
        at_work = moment.weekday() in open_days and str(moment.date()) not in closed
        n_minutes -= at_work and opening.start <= clock < opening.end
        moment += dt.timedelta(minutes=1)
    return moment


def due(time, hours, opening=NINE_TO_SIX):
    return str(follow_up_due(time, hours, business_hours=opening))[:16].replace("T", " ")


class TestFollowUpDue:
    """The first moment at which so many hours, or business hours, have passed since the event."""

    @pytest.mark.parametrize(
        ("time", "hours", "expected"),
        [
            ("2024-05-27 10:00", 2, "2024-05-27 12:00"),  # Monday
            ("2024-05-27 10:00", 8, "2024-05-27 18:00"),  # ends exactly at closing: due at closing
            ("2024-05-27 10:00", 8.25, "2024-05-28 09:15"),
            ("2024-05-27 09:00", 9, "2024-05-27 18:00"),  # a whole day
            ("2024-05-27 09:00", 18, "2024-05-28 18:00"),
            ("2024-05-31 17:00", 3, "2024-06-03 11:00"),  # over a weekend
            ("2024-05-31 18:00", 1, "2024-06-03 10:00"),  # at closing time of Friday
            ("2024-05-31 23:00", 1, "2024-06-03 10:00"),  # after it
            ("2024-06-01 12:00", 9, "2024-06-03 18:00"),  # Saturday
            ("2024-05-27 03:00", 1, "2024-05-27 10:00"),  # before opening
            ("2024-05-27 10:00", 45, "2024-06-03 10:00"),  # a working week
        ],
    )
    def test_known_business_hours(self, time, hours, expected):
        assert due(time, hours) == expected

    def test_holidays(self):
        opening = attrs.evolve(NINE_TO_SIX, holidays=HOLIDAYS)
        assert due("2024-04-30 17:00", 2, opening) == "2024-05-02 10:00"
        assert due("2024-05-01 12:00", 2, opening) == "2024-05-02 11:00"
        assert due("2024-05-08 17:00", 1, opening) == "2024-05-08 18:00"
        assert due("2024-05-08 17:00", 1.5, opening) == "2024-05-13 09:30"  # Thursday and Friday, then a weekend

    @given(times, minutes, openings)
    def test_equals_walking_minute_by_minute(self, time, n_minutes, opening):
        n_minutes = min(n_minutes, int(opening.hours_per_day * 60) * 3)
        found = follow_up_due(time, n_minutes / 60, business_hours=opening)
        assert found.astype("datetime64[s]").item() == minute_by_minute(time, n_minutes, opening)

    @given(st.lists(times, min_size=1, max_size=5), minutes)
    def test_by_the_calendar_and_elementwise(self, many, n_minutes):
        hours = n_minutes / 60
        found = follow_up_due(many, hours)
        assert found.astype("datetime64[us]").tolist() == [t + dt.timedelta(minutes=n_minutes) for t in many]
        business = follow_up_due(many, [hours] * len(many), business_hours=NINE_TO_SIX)
        for one, time in zip(business, many, strict=True):
            assert one == follow_up_due(time, hours, business_hours=NINE_TO_SIX)

    @given(times, minutes, minutes)
    def test_more_hours_are_never_due_earlier(self, time, one, other):
        found = [follow_up_due(time, m / 60, business_hours=NINE_TO_SIX) for m in sorted([one, other])]
        assert np.datetime64(time) < found[0] <= found[1]

    def test_an_open_day_without_end_is_the_calendar(self):
        always = BusinessHours(days=WEEK, start="00:00", end="24:00")
        time = np.arange("2024-02-28T00:07", "2024-03-02T00:00", 97, dtype="datetime64[m]")
        np.testing.assert_array_equal(follow_up_due(time, 31.7, business_hours=always), follow_up_due(time, 31.7))

    def test_the_least_wait_is_not_before_the_event(self):
        assert follow_up_due("2024-06-01 12:00", 1e-15, business_hours=NINE_TO_SIX) > np.datetime64("2024-06-01T12:00")

    @pytest.mark.parametrize(
        ("arguments", "name"),
        [
            (("2024-01-01", -1), "hours"),
            (("2024-01-01", 1e6), "hours"),
            ((["2024-01-01"] * 2, [1.0] * 3), "hours"),
            ((None, 1), "time"),
            (("2024-01-01", 1, "09:00-18:00"), "business_hours"),
        ],
    )
    def test_rejections(self, arguments, name):
        time, hours, opening = (*arguments, None)[:3]
        with pytest.raises(InputError) as caught:
            follow_up_due(time, hours, business_hours=opening)
        assert caught.value.name == name


class TestBusinessHours:
    """The same hours on each working day."""

    @given(openings)
    def test_round_trip(self, opening):
        assert BusinessHours.from_json(opening.to_json()) == opening

    def test_days_come_in_the_order_of_the_week(self):
        assert BusinessHours(days=["Sun", "Mon"]).days == ("Mon", "Sun")
        assert BusinessHours(end="24:00").hours_per_day == 15

    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"days": ["Monday"]}, "days"),
            ({"days": ["Mon", "Mon"]}, "days"),
            ({"days": []}, "days"),
            ({"days": "Mon"}, "days"),
            ({"days": 5}, "days"),
            ({"start": "9:00"}, "start"),
            ({"start": "18:00"}, "end"),
            ({"end": "24:01"}, "end"),
            ({"end": 18}, "end"),
            ({"holidays": ["May Day"]}, "holidays"),
        ],
    )
    def test_rejections(self, changes, name):
        with pytest.raises(InputError) as caught:
            BusinessHours(**changes)
        assert caught.value.name == name

    def test_other_text_is_refused(self):
        with pytest.raises(InputError, match="to_json"):
            BusinessHours.from_json('{"days": 3}')


class TestFollowUpTasks:
    """A task for each event that has a rule; overdue is due before the moment and not done."""

    RULES = (
        FollowUpRule(event="answer", hours=24, task="call"),
        FollowUpRule(event="visit", hours=4, business_hours=NINE_TO_SIX),
    )
    rows = st.lists(
        st.tuples(
            st.integers(1, 3), st.sampled_from(["answer", "visit", "view"]), times, st.none() | st.integers(0, 5000)
        ),
        min_size=1,
        max_size=25,
    )

    @given(rows, times)
    def test_equals_going_through_the_rows(self, rows, now):
        customer, event, time, wait = (list(column) for column in zip(*rows, strict=True))
        done = [None if w is None else t + dt.timedelta(minutes=w) for t, w in zip(time, wait, strict=True)]
        found = follow_up_tasks(customer, event, time, rules=self.RULES, as_of=now, done_at=done)
        wanted = {}
        for row, (_, e, t, _) in enumerate(rows):
            rule = next((rule for rule in self.RULES if rule.event == e), None)
            if rule and t <= now:
                when = follow_up_due(t, rule.hours, business_hours=rule.business_hours).item()
                is_done = done[row] is not None and done[row] <= now
                wanted[row] = (when, is_done, (done[row] if is_done else now) > when, rule.task)
        assert (
            dict(
                zip(
                    found.row.tolist(),
                    zip(found.due.tolist(), found.done.tolist(), found.late.tolist(), found.task.tolist(), strict=True),
                    strict=True,
                )
            )
            == wanted
        )
        assert len(found.row) + found.n_later + found.n_without_rule == len(rows)
        assert found.n_later == sum(t > now for t in time)
        assert all(a <= b for a, b in itertools.pairwise(found.due))
        assert [customer[row] for row in found.row] == found.customer.tolist()
        assert [event[row] for row in found.row] == found.event.tolist()

    def test_due_at_the_very_moment_is_not_overdue(self):
        arguments = {"customer": ["a"], "event": ["answer"], "time": ["2024-05-31 10:00"], "rules": self.RULES}
        at = follow_up_tasks(**arguments, as_of="2024-06-01 10:00")
        after = follow_up_tasks(**arguments, as_of="2024-06-01 10:01")
        assert (at.overdue.tolist(), after.overdue.tolist()) == ([False], [True])
        assert after.conclusion == (
            "1 task: 0 done in time, 0 done late, 1 overdue, 0 not yet due. The log has no event 'visit'."
        )
        assert after.unmet == ("visit",)
        assert list(after.to_columns()) == ["customer", "event", "task", "time", "due", "done", "late", "overdue"]
        done = follow_up_tasks(**arguments, done_at=["2024-06-01 10:01"], as_of="2024-06-01 10:01")
        assert (done.done.tolist(), done.late.tolist()) == ([True], [True])

    def test_a_million_events(self):
        rng = np.random.default_rng(1)
        n = 10**6
        time = np.datetime64("2024-01-01", "s") + rng.integers(0, 10**7, n).astype("timedelta64[s]")
        kind = np.array(["answer", "visit"])[rng.integers(0, 2, n)]
        found = follow_up_tasks(rng.integers(0, n, n), kind, time, rules=self.RULES, as_of="2024-03-01")
        assert len(found.row) + found.n_later == n

    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"customer": []}, "event"),
            ({"rules": [RULES[0], RULES[0]]}, "rules"),
            ({"rules": [24]}, "rules"),
            ({"rules": "answer"}, "rules"),
            ({"done_at": ["2024-05-30"]}, "done_at"),
            ({"done_at": [None, None]}, "done_at"),
            ({"event": [None]}, "event"),
        ],
    )
    def test_rejections(self, changes, name):
        valid = {"customer": ["a"], "event": ["answer"], "time": ["2024-05-31"], "rules": self.RULES}
        with pytest.raises(InputError) as caught:
            follow_up_tasks(**{**valid, "as_of": "2024-06-01", **changes})
        assert caught.value.name == name

    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"event": " "}, "event"),
            ({"hours": 0}, "hours"),
            ({"task": 3}, "task"),
            ({"business_hours": 9}, "business_hours"),
        ],
    )
    def test_rule_rejections(self, changes, name):
        with pytest.raises(InputError) as caught:
            FollowUpRule(**{"event": "answer", "hours": 24, **changes})
        assert caught.value.name == name
