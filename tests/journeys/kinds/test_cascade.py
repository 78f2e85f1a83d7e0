"""The win-back cascade against a slow calendar, at its edges and in a plan."""

from __future__ import annotations

import calendar
import datetime as dt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmvalue.errors import InputError
from crmvalue.journeys import Cascade, Customers, Events, Offer, Policy, plan, simulate_plan

DAYS = st.dates(dt.date(2000, 1, 1), dt.date(2030, 12, 31))
CASCADES = st.builds(
    lambda first, every, more, at_end: Cascade(
        first_month=first, every_months=every, end_month=first + more, offer_at_end=at_end
    ),
    st.integers(1, 12),
    st.integers(1, 7),
    st.integers(1, 30),
    st.booleans(),
)


def in_months(day, months):
    """Give the day so many months later, by the standard library's calendar."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return dt.date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def months_of(cascade):
    months, month = [], cascade.first_month
    while month < cascade.end_month:
        months.append(month)
        month += cascade.every_months
    return months + [cascade.end_month] * cascade.offer_at_end


def base_of(*days, **fields):
    return Customers(
        customer=range(1, len(days) + 1), dates={"last_purchase": days}, consent={"email": [True]}, **fields
    )


def sent_days(made):
    sent = made.decision == "send"
    return made.send_time[sent].astype("datetime64[D]").astype(str).tolist()


class TestSteps:
    """Months counted from the last purchase in the calendar, clamped to the end of the month, never chained."""

    @given(CASCADES, DAYS)
    def test_a_slow_calendar_gives_the_same(self, cascade, last):
        steps = cascade.steps(last)
        months = months_of(cascade)
        assert steps.months.tolist() == months
        assert steps.dates.tolist() == [in_months(last, month) for month in months]
        assert steps.churned_on.tolist() == in_months(last, cascade.end_month)

    @given(CASCADES, DAYS, st.integers(0, 1500))
    def test_state_and_due_of_a_day(self, cascade, last, days):
        today = last + dt.timedelta(days)
        months = months_of(cascade)
        passed = [month for month in months if in_months(last, month) <= today]
        end, over = in_months(last, cascade.end_month), in_months(last, cascade.end_month + cascade.offer_at_end)
        state = cascade.state([last], today)
        assert state.state.tolist() == ["churned" if today >= end else "in cascade" if passed else "active"]
        assert state.month.tolist() == [passed[-1] if passed else 0]
        coming = [in_months(last, month) for month in months if month not in passed and today < end]
        assert state.next_date.tolist() == [coming[0] if coming else None]
        due = cascade.due([last], today)
        assert due.month.tolist() == (passed[-1:] if today < over else [])
        assert due.date.tolist() == [in_months(last, month) for month in due.month.tolist()]

    def test_nothing_comes_between_the_last_step_and_the_end(self):
        """Every 3 months from 9 the steps end with month 33."""
        state = Cascade().state(["2021-01-31"], "2023-12-31")
        assert (state.state.tolist(), state.month.tolist(), state.next_date.tolist()) == (["in cascade"], [33], [None])

    @pytest.mark.parametrize(("day", "sent"), [("2023-10-31", ["2023-10-31"]), ("2023-11-01", [])])
    def test_no_day_to_catch_up(self, day, sent):
        made = plan([Cascade(catch_up_days=0)], base_of("2023-01-31"), None, None, Policy(catch_up="all"), day)
        assert sent_days(made) == sent

    @given(DAYS, st.integers(0, 1100), st.integers(0, 1100), st.integers(0, 40))
    def test_what_was_sent_or_is_too_late_is_not_due(self, last, days, sent_after, late):
        today, sent = last + dt.timedelta(days), last + dt.timedelta(sent_after)
        due = Cascade().due([last], today)
        open_ = sent > today or not len(due) or sent < due.date.tolist()[0]
        if sent <= today:
            assert len(Cascade().due([last], today, last_sent=[sent])) == (len(due) if open_ else 0)
        fresh = [day for day in due.date.tolist() if (today - day).days <= late]
        assert Cascade().due([last], today, most_days_late=late).date.tolist() == fresh

    def test_the_end_is_a_step_of_its_own_even_between_two(self):
        """Every 4 months from 9 the steps miss month 36; with `offer_at_end` it is the last."""
        assert Cascade(every_months=4).months == (9, 13, 17, 21, 25, 29, 33)
        assert Cascade(every_months=4, offer_at_end=True).months == (9, 13, 17, 21, 25, 29, 33, 36)

    def test_a_reaction_ends_it_only_where_that_is_the_rule(self):
        last, today, reacted = ["2023-01-31"] * 3, "2023-10-31", ["2023-01-31", "2023-02-01", None]
        assert Cascade().due(last, today, last_reaction=reacted).row.tolist() == [0, 1, 2]
        assert Cascade(ends_with="reaction").due(last, today, last_reaction=reacted).row.tolist() == [0, 2]

    @pytest.mark.parametrize(
        ("offers", "consent"),
        [
            ([Offer(percent=5), Offer(percent=5)], "allow_equal"),
            ([Offer(amount=5), Offer(amount="5.00")], "allow_equal"),
            ([Offer(percent=5, label="spring"), Offer(percent=5, label="summer")], "allow_equal"),
            (["a gift", "a gift"], "allow_equal"),
            ([Offer(percent=5), Offer(percent=5), "a gift"], "allow_equal"),
            (["5 %"], "repeat_last"),
            ([Offer(percent=5)], "repeat_last"),
        ],
    )
    def test_a_benefit_that_does_not_grow_needs_a_word(self, offers, consent):
        two = {"first_month": 1, "every_months": 1, "end_month": 1 + max(2, len(offers))}
        with pytest.raises(InputError, match=f"{consent}=True") as caught:
            Cascade(offers=offers, **two)
        assert caught.value.name == "offers"
        cascade = Cascade(offers=offers, **two, **{consent: True})
        assert Cascade.from_json(cascade.to_json()) == cascade
        with pytest.raises(InputError, match="offers"):
            Cascade.from_json(cascade.to_json().replace(f'"{consent}": true', f'"{consent}": false'))

    @pytest.mark.parametrize(
        "offers",
        [
            [Offer(percent=5), Offer(percent=5.5)],
            [Offer(amount="5"), Offer(amount="5.01")],
            ["5 %", "7 %"],
            [Offer(percent=5), Offer(amount=5)],
            [],
        ],
    )
    def test_what_grows_or_cannot_be_compared_needs_none(self, offers):
        assert Cascade(offers=offers, first_month=1, every_months=1, end_month=3).offers == tuple(
            offer if isinstance(offer, Offer) else Offer(label=offer) for offer in offers
        )

    def test_a_falling_benefit_is_refused_with_any_word(self):
        with pytest.raises(InputError, match="not falling"):
            Cascade(offers=[Offer(percent=7), Offer(percent=5)], repeat_last=True, allow_equal=True)

    def test_a_list_beyond_all_steps_is_refused_before_any_work(self):
        with pytest.raises(InputError, match="at most 1,200 offers"):
            Cascade(offers=[object()] * 1201)  # no item is looked at

    @pytest.mark.slow
    def test_a_table_beyond_the_limit_is_refused_before_any_work(self):
        cascade = Cascade(first_month=1, every_months=1, end_month=1200)
        with pytest.raises(InputError, match="at most 16,680 customers with 1,199 steps"):
            cascade.steps(np.full(16_681, np.datetime64("2024-01-31")))
        assert cascade.steps(np.full(16_680, np.datetime64("2024-01-31"))).dates.shape == (16_680, 1199)

    def test_a_table_at_the_limit_is_made(self, monkeypatch):
        monkeypatch.setattr("crmvalue._journeys.kinds.cascade._MOST_DAYS", 18)
        assert Cascade().steps(["2024-02-29"] * 2).dates.shape == (2, 9)
        with pytest.raises(InputError, match="at most 2 customers with 9 steps"):
            Cascade().steps(["2024-02-29"] * 3)

    def test_has_one_version_only(self):
        assert Cascade().version == 0  # the version of journeys that have none

    def test_columns_hold_the_labels_of_offers(self):
        last = ["2023-01-31", "2024-03-31"]
        named = Cascade(offers=["5 %", "7 %"], repeat_last=True).due(last, "2024-09-30").to_columns()
        assert named["offer"].tolist() == ["7 %"]
        assert named["month"].tolist() == [18]
        assert Cascade().due(last, "2024-09-30").to_columns()["offer"].tolist() == [None]

    def test_a_shorter_list_of_offers_stays_with_its_last(self):
        offers = Cascade(offers=["5 %", "7 %"], repeat_last=True).steps("2023-01-31").offers
        assert [offer.label for offer in offers] == ["5 %"] + ["7 %"] * 8


class TestInAPlan:
    """What the planner makes of a cascade."""

    def test_a_first_run_at_month_20_sends_the_step_of_month_18_alone(self):
        cascade = Cascade(offers=["5 %", "7 %", "10 %", "12 %", "15 %"], repeat_last=True, catch_up_days=92)
        made = plan([cascade], base_of("2023-01-31"), None, None, Policy(catch_up="all"), "2024-09-30")
        assert made.step.tolist() == ["month 18"]
        assert made.offer.tolist() == ["12 %"]
        assert sent_days(made) == ["2024-09-30"]

    @pytest.mark.parametrize(("at_end", "last_day"), [(False, "2025-10-31"), (True, "2026-01-31")])
    def test_the_last_offer(self, at_end, last_day):
        made = simulate_plan(
            [Cascade(offer_at_end=at_end)], base_of("2023-01-31"), None, Policy(), "2025-10-01", "2026-06-30"
        )
        assert sent_days(made)[-1] == last_day

    def test_a_purchase_on_the_very_day_silences_the_step(self):
        events = Events(customer=[1], name=["purchase"], time=["2023-10-31T23:59"])
        assert len(plan([Cascade()], base_of("2023-01-31"), events, None, Policy(), "2023-10-31")) == 0
        late = Events(customer=[1], name=["purchase"], time=["2023-11-01T00:00"])
        assert sent_days(plan([Cascade()], base_of("2023-01-31"), late, None, Policy(), "2023-10-31")) == ["2023-10-31"]

    def test_a_purchase_after_the_data_starts_a_customer_without_date(self):
        events = Events(customer=[2], name=["purchase"], time=["2023-01-31T12:00"])
        base = Customers(customer=[1, 2], dates={"last_purchase": [None, None]}, consent={"email": [True, True]})
        made = plan([Cascade()], base, events, None, Policy(), "2023-10-31")
        assert made.customer.tolist() == [2]
        assert made.n_by_decision == {"send": 1}

    @pytest.mark.parametrize(
        ("reacted", "decisions"),
        [
            ("2023-01-31T09:00", ["send"]),  # to an offer of before the purchase
            ("2023-02-01T00:00", ["exited"]),
            ("2023-10-31T10:00", ["exited"]),
            ("2023-10-31T10:01", ["send"]),  # after the hour of sending
        ],
    )
    def test_a_reaction_exits(self, reacted, decisions):
        events = Events(customer=[1], name=["reaction"], time=[reacted])
        for ends_with, expected in (("reaction", decisions), ("purchase", ["send"])):
            journey = Cascade(ends_with=ends_with)
            made = plan([journey], base_of("2023-01-31"), events, None, Policy(), "2023-10-31")
            assert made.decision.tolist() == expected

    def test_a_step_expires_with_the_next(self):
        made = plan([Cascade()], base_of("2023-01-31"), None, None, Policy(), "2023-10-31")
        assert made.expires.astype(str).tolist() == ["2024-01-30T23:59:59"]


class TestRejections:
    """Bad input names its argument and its place."""

    @pytest.mark.parametrize(
        ("fields", "name"),
        [
            ({"first_month": 0}, "first_month"),
            ({"first_month": 9.5}, "first_month"),
            ({"every_months": 0}, "every_months"),
            ({"end_month": 9}, "end_month"),
            ({"offers": 5}, "offers"),
            ({"offers": [5]}, "offers"),
            ({"offers": [""]}, "offers"),
            ({"offers": ["x"] * 10}, "offers"),
            ({"offers": [Offer(percent=10), "a gift", Offer(percent=5)]}, "offers"),
            ({"offers": [Offer(amount=10), Offer(amount="9.99")]}, "offers"),
            ({"offers": [Offer(percent=0.3), Offer(percent=0.1 + 0.2)], "repeat_last": True}, "offers"),  # no rise
            ({"ends_with": "click"}, "ends_with"),
            ({"name": " "}, "name"),
            ({"channels": ()}, "channels"),
            ({"channels": ("sms", "sms")}, "channels"),
            ({"send_hour": 24}, "send_hour"),
            ({"exempt": 1}, "exempt"),
            ({"offer_at_end": "yes"}, "offer_at_end"),
            ({"catch_up_days": -1}, "catch_up_days"),
        ],
    )
    def test_of_the_cascade(self, fields, name):
        with pytest.raises(InputError) as caught:
            Cascade(**fields)
        assert caught.value.name == name

    @pytest.mark.parametrize(
        ("fields", "name", "index"),
        [
            ({"last_purchase": ["2023-01-31", None]}, "last_purchase", 1),
            ({"last_purchase": ["2023-01-31", "2024-10-01"]}, "last_purchase", 1),
            ({"as_of": "today"}, "as_of", None),
            ({"last_sent": ["2023-10-31"]}, "last_sent", None),
            ({"last_sent": ["2023-10-31", "2025-10-31"]}, "last_sent", 1),
            ({"most_days_late": -1}, "most_days_late", None),
        ],
    )
    def test_of_due(self, fields, name, index):
        with pytest.raises(InputError) as caught:
            Cascade().due(**{"last_purchase": ["2023-01-31", "2023-05-31"], "as_of": "2024-09-30", **fields})
        assert (caught.value.name, caught.value.index) == (name, index)

    def test_a_purchase_in_the_future_is_named_by_its_column_and_place(self):
        base = Customers(customer=[1, 2, 3], dates={"last_order": [None, "2023-01-31", "2030-01-01"]})
        with pytest.raises(InputError) as caught:
            plan([Cascade(date="last_order")], base, None, None, Policy(), "2024-01-01")
        assert (caught.value.name, caught.value.index) == ("dates['last_order']", 2)

    @pytest.mark.parametrize(
        ("fields", "name"),
        [
            ({}, "label"),
            ({"percent": 0}, "percent"),
            ({"percent": 101}, "percent"),
            ({"amount": 0}, "amount"),
            ({"amount": 9.9}, "amount"),
            ({"amount": "nine"}, "amount"),
            ({"amount": "1_000"}, "amount"),
            ({"amount": "\N{ARABIC-INDIC DIGIT NINE}"}, "amount"),
            ({"percent": 5, "amount": 5}, "amount"),
            ({"label": 5}, "label"),
        ],
    )
    def test_of_offers(self, fields, name):
        with pytest.raises(InputError) as caught:
            Offer(**fields)
        assert caught.value.name == name
