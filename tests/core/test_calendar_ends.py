"""At both ends of the calendar results stay in the years 1 to 9999, and pictures can be drawn."""

from __future__ import annotations

import io

import numpy as np
import pytest

from crmvalue.errors import InputError
from crmvalue.funnels import follow_up_due
from crmvalue.journeys import VisitSchedule, spread_visits
from crmvalue.metrics import BusinessHours, service_level
from crmvalue.models import BgNbd
from crmvalue.plots import customer_history, purchase_rates

MODEL = BgNbd(0.243, 4.414, 0.793, 2.426, "week")
MONDAYS = BusinessHours(days=["Mon"], start="09:00", end="09:01")


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: MONDAYS.add_hours("2024-01-01", 100_000), "hours"),
        (lambda: MONDAYS.next_open("9999-12-31"), "time"),
        (lambda: follow_up_due("9999-12-31", 48), "hours"),
        (lambda: follow_up_due("9999-12-30", 2, business_hours=MONDAYS), "hours"),
        (lambda: spread_visits(["9999-12-31"] * 5, 1, as_of="9999-12-31", weeks_late=9), "weeks_late"),
    ],
)
def test_nothing_is_due_after_9999(call, name):
    with pytest.raises(InputError, match="9999") as caught:
        call()
    assert caught.value.name == name


def test_the_last_days_are_taken():
    assert not MONDAYS.is_open("9999-12-31")
    assert str(follow_up_due("9999-12-31", 23))[:10] == "9999-12-31"
    schedule = spread_visits(["9999-12-20"] * 2, 1, as_of="9999-12-20", weeks_late=1)
    assert VisitSchedule.from_json(schedule.to_json()) == schedule


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-01"])
def test_pictures(day):
    end = str(np.datetime64(day) + 30)
    picture = customer_history([day], MODEL, as_of=end, horizon=52)
    assert picture.plot_data()["day"].max() <= np.datetime64("9999-12-31")
    picture.plot().figure.savefig(io.BytesIO(), format="png", dpi=30)


@pytest.mark.parametrize(("r", "alpha"), [(0.01, 4.414), (1e-3, 1e-3), (1e6, 1e-3), (0.243, 4.414)])
def test_rates_are_said_without_powers_of_ten(r, alpha):
    title = purchase_rates(BgNbd(r, alpha, 0.793, 2.426, "week")).title
    assert "e-" not in title
    assert "e+" not in title


def test_a_level_that_no_interval_can_have():
    with pytest.raises(InputError, match="`level`"):
        service_level(["2024-03-01"], ["2024-03-02"], 4, as_of="2024-03-03", level=1e-100)
