"""What must hold for calendars: the level of each day by Python's own dates, and what is refused."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmvalue._models.seasons.calendar import SEASONS
from crmvalue.errors import InputError
from crmvalue.models import Calendar, DayEffect, fit_mbg_nbd
from crmvalue.purchases import PurchaseHistory, summarise_purchases

MONTHS = np.linspace(0.5, 1.6, 12)
WEEKS = np.linspace(0.5, 1.54, 53)
WEEKDAYS = np.linspace(0.7, 1.3, 7)
SALE = DayEffect(name="sale", date=["2024-11-29", "2023-11-24"], level=3.0)
WARMTH = DayEffect(name="warmth", date=["2024-11-29", "2024-11-30"], level=1.1, value=[2.0, -1.0])


class TestCalendar:
    """The level of a day is the product of the levels of its month, week, weekday and of the effects of the day."""

    @given(st.dates(dt.date(1900, 1, 1), dt.date(2200, 12, 31)))
    def test_each_day_has_the_levels_of_its_names(self, day):
        assert Calendar(month=MONTHS).level([day]) == MONTHS[day.month - 1]
        assert Calendar(week=WEEKS).level([day]) == WEEKS[day.isocalendar().week - 1]
        assert Calendar(weekday=WEEKDAYS).level([day]) == WEEKDAYS[day.weekday()]
        both = Calendar(month=MONTHS, weekday=WEEKDAYS).level([day])
        assert both == pytest.approx(MONTHS[day.month - 1] * WEEKDAYS[day.weekday()])

    def test_effects_of_days(self):
        days = ["2023-11-24", "2024-11-28", "2024-11-29", "2024-11-30"]
        assert Calendar(days=[SALE]).level(days).tolist() == [3.0, 1.0, 3.0, 1.0]
        assert Calendar(days=[SALE, WARMTH]).level(days) == pytest.approx([3.0, 1.0, 3.0 * 1.1**2, 1 / 1.1])
        assert (
            Calendar(days=[DayEffect(name="never", date=np.zeros(0, "datetime64[D]"), level=2.0)]).level(days).sum()
            == 4
        )

    def test_columns_of_an_effect(self):
        columns = WARMTH.to_columns()
        assert columns["factor"] == pytest.approx([1.1**2, 1 / 1.1])

    def test_levels_by_name(self):
        assert Calendar(month={"May": 2.0}).month.tolist() == [1.0] * 4 + [2.0] + [1.0] * 7
        assert Calendar(week={"week 53": 2.0}).week.sum() == 54.0
        assert [len(names) for names in SEASONS.values()] == [12, 53, 7]

    def test_unseen_levels_of_a_period(self):
        calendar = Calendar(month=[1.0] * 12, weekday=[1.0] * 7, unseen=["March", "Sunday", "sale"], days=[SALE])
        assert calendar.unseen_between("2024-01-31", "2024-02-02") == ()
        assert calendar.unseen_between("2024-03-31", "2024-03-31") == ()
        assert calendar.unseen_between("2024-02-28", "2024-03-01") == ("March",)
        assert calendar.unseen_between("2024-11-27", "2024-12-01") == ("Sunday", "sale")
        with pytest.raises(InputError, match="end"):
            calendar.unseen_between("2024-02-28", "2024-02-27")

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("month", [1.0] * 11),
            ("month", [1.0] * 11 + [0.0]),
            ("month", [1.0] * 11 + [np.nan]),
            ("month", {"Brumaire": 1.0}),
            ("week", [1.0] * 52),
            ("weekday", "Monday"),
            ("days", [1]),
            ("days", [SALE, SALE]),
            ("unseen", ["May", "May"]),
        ],
    )
    def test_rejections(self, field, value):
        with pytest.raises(InputError, match=f"`{field}`"):
            Calendar(**{field: value})

    @pytest.mark.parametrize(
        ("field", "value"),
        [("date", ["2024-01-01"] * 2), ("level", 0.0), ("value", [1.0]), ("value", [1e5, 0.0]), ("name", 1)],
    )
    def test_rejections_of_an_effect(self, field, value):
        with pytest.raises(InputError, match=f"`{field}`"):
            DayEffect(**{"name": "sale", "date": ["2024-01-01", "2024-01-02"], "level": 2.0} | {field: value})

    def test_the_largest_factor_of_a_day(self):
        """A logarithm of 200, which is taken; a little more is refused."""
        given = {"name": "heat", "date": ["2024-01-01"], "level": np.e}
        assert DayEffect(**given, value=[-200.0]).value.tolist() == [-200.0]
        with pytest.raises(InputError, match=r"within exp\(\+-200\)"):
            DayEffect(**given, value=[200.01])


class TestOperationalHistory:
    """Operational time is the sum of the levels of the days after the first purchase."""

    def test_adds_up_the_levels_of_the_days(self):
        log = ["ann", "ann", "bob"], ["2024-11-20", "2024-12-11", "2024-12-20"]
        calendar = Calendar(month={"December": 2.0}, weekday={"Sunday": 0.5})
        found = calendar.operational_history(summarise_purchases(*log, as_of="2024-12-31", time_unit="day"))

        def between(first, last):
            days = np.arange(np.datetime64(first) + 1, np.datetime64(last) + 1)
            return sum(calendar.level([day])[0] for day in days)

        ends = [between("2024-11-20", "2024-12-31"), between("2024-12-20", "2024-12-31")]
        assert found.age == pytest.approx(ends, rel=1e-14)
        assert found.recency == pytest.approx([between("2024-11-20", "2024-12-11"), 0.0], rel=1e-14)
        assert found.as_of is None
        assert fit_mbg_nbd(found).n_customers == 2

    def test_an_even_calendar_changes_nothing(self):
        history = summarise_purchases([1, 1, 2], ["2024-01-01", "2024-02-02", "2024-01-09"], as_of="2024-03-01")
        found = Calendar(month=[1.0] * 12).operational_history(history)
        assert np.array_equal(found.recency, history.recency)
        assert np.array_equal(found.age, history.age)

    def test_takes_covariates_along(self):
        history = summarise_purchases(
            [1, 1, 2, 3], ["2024-01-01", "2024-02-02", "2024-01-09", "2024-01-10"], as_of="2024-03-01"
        )
        known = history.with_covariates({"is_member": [1.0, 0.0, 0.0]})
        found = Calendar(month={"February": 2.0}).operational_history(known)
        assert found.covariate("is_member").tolist() == [1.0, 0.0, 0.0]

    def test_needs_days(self):
        history = PurchaseHistory.from_columns(frequency=[0], recency=[0], age=[1], time_unit="week")
        with pytest.raises(InputError, match="as_of"):
            Calendar().operational_history(history)
        weekly = summarise_purchases([1], ["2024-01-01"], as_of="2024-03-01", grain="week")
        with pytest.raises(InputError, match="of days"):
            Calendar().operational_history(weekly)


def test_days_of_an_effect_in_any_order_keep_their_values():
    effect = DayEffect(name="heat", date=["2024-06-02", "2024-06-01"], level=2.0, value=[1.0, 3.0])
    days = ["2024-06-01", "2024-06-02", "2024-06-03"]
    assert Calendar(days=[effect]).level(days).tolist() == [8.0, 2.0, 1.0]
