"""The service cycle as a journey, against a plan made day by day by hand, and visits against all assignments."""

from __future__ import annotations

import datetime as dt
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmvalue.errors import InputError
from crmvalue.journeys import (
    BirthdayJourney,
    BusinessHours,
    Customers,
    Events,
    FrequencyCap,
    InstalledItems,
    Policy,
    ServiceCycle,
    Technician,
    assign_visits,
    group_services,
    plan,
    simulate_plan,
    terms_in_force,
)
from tests.work import times_longer

BASE = Customers(customer=["ann", "bob"], dates={"birthday": [None, "1990-05-27"]}, consent={"sms": [True, False]})
ITEMS = InstalledItems(customer=["ann", "bob"], last_service=["2023-06-10", "2023-06-10"], interval_months=12)
CYCLE = ServiceCycle(items=ITEMS, channels="sms")
DAY = dt.timedelta(days=1)


def sent(made):
    """Give day and step of each message that is sent."""
    return [(str(t)[:16], s) for t, s, d in zip(made.send_time, made.step, made.decision, strict=True) if d == "send"]


class TestServiceCycleInAPlan:
    """A reminder before the service, one word that it is overdue, follow-ups: each once, under all rules of a plan."""

    def test_a_year_of_one_item(self):
        items = InstalledItems(
            customer=["ann"], last_service=["2023-06-10"], interval_months=12, last_visit=["2023-06-10"]
        )
        made = simulate_plan(
            [ServiceCycle(items=items, channels="sms")], BASE, None, Policy(), "2023-06-10", "2024-07-31"
        )
        assert sent(made) == [
            ("2023-07-10T10:00", "after a visit, month 1"),
            ("2023-12-10T10:00", "after a visit, month 6"),
            ("2024-05-27T10:00", "reminder"),
            ("2024-06-10T10:00", "after a visit, month 12"),
            ("2024-06-11T10:00", "overdue"),
        ]

    def test_no_message_expires_after_the_end_of_the_calendar(self):
        items = InstalledItems(
            customer=["ann"], last_service=["9996-11-30"], interval_months=1, last_visit=["9996-11-29"]
        )
        cycle = ServiceCycle(items=items, channels="sms", follow_up_months=[1], most_days_late=3660)
        made = plan([cycle], BASE, None, None, Policy(), "9997-01-02")
        assert made.step.tolist() == ["after a visit, month 1", "overdue"]
        assert made.expires.astype(str).tolist() == ["9999-12-31T23:59:59"] * 2
        assert type(made).from_json(made.to_json()) == made

    def test_consent_hours_and_duplicates(self):
        made = plan([CYCLE], BASE, None, None, Policy(quiet_hours=(20, 11)), "2024-05-27")
        assert made.decision.tolist() == ["send", "no consent"]
        assert sent(made) == [("2024-05-27T11:00", "reminder")]
        again = plan([CYCLE], BASE, None, made.history(), Policy(quiet_hours=(20, 11)), "2024-05-28")
        assert again.decision.tolist() == ["duplicate", "no consent"]

    def test_a_capped_reminder_is_tried_until_the_service(self):
        birthdays = BirthdayJourney("birthday", days_before=0, priority=1, channels=("sms",), purpose="service")
        base = Customers(
            customer=["ann", "bob"], dates={"birthday": ["1990-05-27", None]}, consent={"sms": [True, True]}
        )
        policy = Policy(caps=[FrequencyCap(messages=1, days=7)])
        made = simulate_plan([CYCLE, birthdays], base, None, policy, "2024-05-27", "2024-06-12")
        mine = made.customer == "ann"
        steps = made.step[mine & (made.decision == "send")].tolist()
        assert steps == ["message", "reminder", "overdue"]
        day = made.run[mine & (made.step == "reminder") & (made.decision == "send")]
        assert day.astype(str).tolist() == ["2024-06-03"]

    def test_a_booked_visit_calls_it_off(self):
        cycle = ServiceCycle(items=ITEMS, channels="sms", unless="visit booked")
        booked = Events(customer=["ann"], name=["visit booked"], time=["2024-05-20 12:00"])
        made = plan([cycle], BASE, booked, None, Policy(), "2024-05-27")
        assert made.decision.tolist()[0] == "exited"
        early = Events(customer=["ann"], name=["visit booked"], time=["2023-06-10 09:00"])
        assert plan([cycle], BASE, early, None, Policy(), "2024-05-27").decision.tolist()[0] == "send"

    def test_a_contact_on_the_day_of_the_reminder_stands_for_it(self):
        items = InstalledItems(
            customer=["ann", "bob"], last_service=["2023-06-10"] * 2, interval_months=12,
            last_contact=["2024-05-27", "2024-05-26"],
        )  # fmt: skip
        made = plan([ServiceCycle(items=items, channels="sms")], BASE, None, None, Policy(), "2024-05-28")
        assert made.customer.tolist() == ["bob"]

    def test_grouped_items_share_one_message(self):
        items = InstalledItems(
            customer=["ann", "ann", "ann"], last_service=["2023-06-10", "2023-06-14", "2023-07-01"], interval_months=12
        )
        made = simulate_plan(
            [ServiceCycle(items=items, channels="sms", group_days=7)], BASE, None, Policy(), "2024-05-20", "2024-06-20"
        )
        assert sent(made) == [
            ("2024-05-27T10:00", "reminder"),
            ("2024-06-11T10:00", "overdue"),
            ("2024-06-17T10:00", "reminder"),
        ]

    @given(st.lists(st.tuples(st.integers(0, 500), st.integers(1, 9)), min_size=1, max_size=4), st.integers(0, 20))
    def test_reminders_are_those_of_due(self, rows, before):
        today = dt.date(2024, 6, 1)
        last = [today - day * DAY for day, _ in rows]
        cycle = ServiceCycle(
            items=InstalledItems(customer=["ann"] * len(rows), last_service=last, interval_months=[m for _, m in rows]),
            channels="sms",
            remind_days_before=before,
        )
        due = cycle.due(last, [m for _, m in rows], today)
        made = plan([cycle], BASE, None, None, Policy(catch_up="all"), today)
        wanted = {str(day) for day, kind in zip(due.about, due.kind, strict=True) if kind == "reminder"}
        got = {str(anchor)[:10] for anchor, step in zip(made.anchor, made.step, strict=True) if step == "reminder"}
        assert got == wanted

    def test_rejections(self):
        with pytest.raises(InputError, match="items"):
            plan([ServiceCycle()], BASE, None, None, Policy(), "2024-05-27")
        other = InstalledItems(customer=["cy"], last_service=["2024-01-01"], interval_months=6)
        with pytest.raises(InputError, match="of customers of the plan"):
            plan([ServiceCycle(items=other)], BASE, None, None, Policy(), "2024-05-27")
        for changes, name in [
            ({"interval_months": 0}, "interval_months"),
            ({"interval_months": [1, 2, 3]}, "interval_months"),
            ({"last_service": [None, "2024-01-01"]}, "last_service"),
            ({"last_visit": ["2024-01-01"]}, "last_visit"),
            ({"customer": ["ann", None]}, "customer"),
        ]:
            given_ = {"customer": ["ann", "bob"], "last_service": ["2024-01-01"] * 2, "interval_months": 6}
            with pytest.raises(InputError) as caught:
                InstalledItems(**{**given_, **changes})
            assert caught.value.name == name
        cycle = ServiceCycle(items=ITEMS, group_days=30)
        assert ServiceCycle.from_json(cycle.to_json()) == cycle


class TestGroupServices:
    """The earliest service of a customer takes those that follow within some days; then the next one that is left."""

    @given(st.lists(st.tuples(st.integers(1, 3), st.integers(0, 60)), min_size=1, max_size=12), st.integers(0, 30))
    def test_equals_a_walk(self, rows, early):
        day = dt.date(2024, 1, 1)
        found = group_services([c for c, _ in rows], [day + k * DAY for _, k in rows], days_early=early)
        expected, start = [None] * len(rows), {}
        for k, customer, place in sorted((k, c, i) for i, (c, k) in enumerate(rows)):
            if customer not in start or k - start[customer] > early:
                start[customer] = k
            expected[place] = day + start[customer] * DAY
        assert found.tolist() == expected

    def test_a_customer_with_many_items_takes_no_longer(self):
        """Each visit went through all items that were left, so the meters of one house owner took half a minute."""

        def of_items(n):
            days = np.datetime64("2024-01-01") + np.arange(n) % 1_000
            assert np.array_equal(group_services(np.ones(n, dtype=int), days, days_early=0), days)

        ratio, _ = times_longer(of_items, 1_000, 100_000)
        assert ratio < 15


MORNING, EVENING = BusinessHours(start="09:00", end="11:00"), BusinessHours(start="17:00", end="19:00")
LONG = BusinessHours(hours={"Mon-Fri": ["09:00-11:00", "17:00-18:00"]}, holidays=["2024-06-11"])
TEAM = [
    Technician("Ivan", districts="north", hours=MORNING),
    Technician("Maria", districts=["north", "south"], hours=LONG),
]


class TestAssignVisits:
    """The most visits, moved by the fewest days, as early in the day as can be."""

    visits = st.lists(
        st.tuples(
            st.integers(0, 2),
            st.sampled_from(["north", "south", "west"]),
            st.sampled_from([None, MORNING, EVENING]),
        ),
        min_size=1,
        max_size=4,
    )

    def test_no_visit_is_before_the_day_of_the_run(self):
        mondays = [Technician("Olha", districts="north", hours=BusinessHours(start="09:00", end="12:00", days=["Mon"]))]
        days = {"days_early": 5, "days_late": 6}
        found = assign_visits(["2024-06-12"], ["north"], mondays, as_of="2024-06-12", **days)
        assert found.start.astype(str).tolist() == ["2024-06-17T09:00:00.000000"]  # 10 June is nearer

    def test_of_equal_visits_the_first_rows_have_their_place(self):
        found = assign_visits(["2024-06-12"] * 3, ["north"] * 3, TEAM[:1], as_of="2024-06-12", days_late=0)
        assert found.is_placed.tolist() == [True, True, False]

    def test_meets_the_first_who_is_home_for_the_whole_visit(self):
        later = BusinessHours(start="09:30", end="11:00")
        homes = [{"ann": later, "bob": MORNING, "eve": MORNING}, later]
        found = assign_visits(["2024-06-12", "2024-06-13"], ["north"] * 2, TEAM[:1], at_home=homes, as_of="2024-06-12")
        assert found.meets.tolist() == ["bob", ""]
        assert found.start.astype(str).tolist() == ["2024-06-12T09:00:00.000000", "2024-06-13T10:00:00.000000"]

    @given(visits, st.integers(0, 1), st.integers(0, 1))
    def test_equals_the_best_of_all_assignments(self, rows, early, late):
        monday = dt.date(2024, 6, 10)
        days = [monday + k * DAY for k, _, _ in rows]
        districts, homes = [d for _, d, _ in rows], [h for _, _, h in rows]
        found = assign_visits(days, districts, TEAM, at_home=homes, as_of=monday, days_early=early, days_late=late)
        slots = [
            (one, dt.datetime.combine(monday + k * DAY, dt.time(hour)))
            for k in range(4)
            for one in TEAM
            for hour in range(24)
            if all(one.hours.is_open(dt.datetime.combine(monday + k * DAY, dt.time(hour, m))) for m in (0, 59))
        ]
        choices = []
        for day, district, home in zip(days, districts, homes, strict=True):
            mine = [None]
            for at, (one, start) in enumerate(slots):
                moved = (start.date() - day).days
                if -early <= moved <= late and district in one.districts and (home is None or home.is_open(start)):
                    mine.append((at, abs(moved), start.hour * 60))
            choices.append(mine)

        def worth(chosen):
            placed = [slot for slot in chosen if slot]
            return -len(placed), sum(slot[1] for slot in placed), sum(slot[2] for slot in placed)

        best = min(
            worth(chosen)
            for chosen in itertools.product(*choices)
            if len({slot[0] for slot in chosen if slot}) == sum(slot is not None for slot in chosen)
        )
        placed = found.is_placed
        minutes = (found.start[placed] - found.start[placed].astype("datetime64[D]")) / np.timedelta64(1, "m")
        assert (-placed.sum(), np.abs(found.days_moved).sum(), minutes.sum()) == best
        assert len(set(zip(found.technician[placed], found.start[placed].tolist(), strict=True))) == placed.sum()
        for k in np.nonzero(placed)[0].tolist():
            assert homes[k] is None or homes[k].is_open(found.start[k])

    def test_reasons(self):
        made = assign_visits(
            ["2024-06-10"] * 5,
            ["west", "south", "south", "south", "south"],
            TEAM,
            at_home=[None, BusinessHours(start="12:00", end="14:00"), {"Olena": EVENING, "Petro": MORNING}, None, None],
            as_of="2024-06-10",
            days_late=0,
        )
        assert made.reason.tolist() == ["no technician", "nobody at home", "", "", ""]
        assert made.meets.tolist()[2] in {"Olena", "Petro"}

    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"technicians": []}, "technicians"),
            ({"technicians": [TEAM[0], TEAM[0]]}, "technicians"),
            ({"technicians": ["Ivan"]}, "technicians"),
            ({"district": ["north"]}, "district"),
            ({"at_home": [None]}, "at_home"),
            ({"at_home": [None, "evenings"]}, "at_home"),
            ({"minutes": 0}, "minutes"),
            ({"days_late": 400}, "days_late"),
            ({"dates": ["2024-06-10", "2050-06-10"]}, "dates"),
        ],
    )
    def test_rejections(self, changes, name):
        given_ = {"dates": ["2024-06-10"] * 2, "district": ["north"] * 2, "technicians": TEAM, "as_of": "2024-06-10"}
        with pytest.raises(InputError) as caught:
            assign_visits(**{**given_, **changes})
        assert caught.value.name == name

    def test_no_visits(self):
        made = assign_visits([], [], TEAM, as_of="2024-06-10")
        assert (len(made), made.conclusion) == (0, "0 visits: 0 placed, 0 of them on another day; 0 without a place.")

    def test_visits_without_a_slot_take_no_longer_than_others(self):
        """Two slots, for the first two rows; 16 times as many visits took 90 times as long."""

        def of_visits(n):
            return assign_visits(["2024-06-12"] * n, ["north"] * n, TEAM[:1], as_of="2024-06-12", days_late=0)

        ratio, found = times_longer(of_visits, 1_000, 16_000, n_rounds=2)
        assert np.flatnonzero(found.is_placed).tolist() == [0, 1]
        assert ratio < 40

    def test_technicians_are_checked(self):
        for changes in ({"districts": []}, {"hours": "9-18"}, {"hours": BusinessHours(time_zone="UTC")}, {"name": ""}):
            with pytest.raises(InputError):
                Technician(**{"name": "Ivan", "districts": "north", "hours": LONG, **changes})


class TestTermsInForce:
    """A promise holds until its last day, whoever serves the customer."""

    def test_no_promise_left(self):
        found = terms_in_force(["a"], ["price"], ["2024-01-01"], promised_by=["o"], manager=["i"], as_of="2024-06-05")
        assert (found.conclusion, found.n_expired) == ("No promise holds.", 1)

    def test_what_holds(self):
        terms = terms_in_force(
            [1, 1, 2],
            ["a", "b", "c"],
            ["2024-06-30", "2024-06-29", None],
            ["x", "x", "y"],
            ["y", "y", "y"],
            as_of="2024-06-30",
        )
        assert (terms.row.tolist(), terms.n_expired, terms.handed_over.tolist()) == ([0, 2], 1, [True, False])
        with pytest.raises(InputError, match="expires"):
            terms_in_force([1], ["a"], [None, None], ["x"], ["y"], as_of="2024-06-30")

    def test_a_missing_manager_is_empty(self):
        pd = pytest.importorskip("pandas")
        for manager in ([None, "y"], [np.nan, "y"], [pd.NA, "y"], pd.array([None, "y"], dtype="string")):
            terms = terms_in_force([1, 2], ["a", "b"], [None, None], ["x", "y"], manager, as_of="2024-06-30")
            assert terms.manager.tolist() == ["", "y"]
