"""Errors name the argument that a user gave, never one of a function within."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from crmvalue.errors import InputError
from crmvalue.frames import migrate
from crmvalue.journeys import BusinessHours, Cascade, Technician, assign_visits
from crmvalue.segmentation import Segment, SegmentColumns, evaluate_segments

LAST = "9999-12-31"
OFFICE = BusinessHours(start="09:00", end="18:00")
CALLS = {
    "steps of a cascade": ("last_purchase", lambda: Cascade().steps(["2024-01-01", LAST])),
    "state in a cascade": ("last_purchase", lambda: Cascade().state(LAST, LAST)),
    "day of visits": ("as_of", lambda: visits(["2024-06-10"], LAST)),
    "days of visits": ("dates", lambda: visits([LAST], "2024-06-10")),
    "start of business hours": ("start", lambda: zoned().hours_between("1024-01-01", "2024-01-01")),
    "end of business hours": ("end", lambda: zoned().hours_between("2024-01-01", LAST)),
    "first segment": ("first", lambda: membership().overlap("poor", "rich")),
    "second segment": ("second", lambda: membership().overlap("rich", 1)),
    "groups before": ("before", lambda: migrate(None, FRAME, group="group")),
    "groups now": ("now", lambda: migrate(FRAME, None, group="group")),
}
FRAME = pd.DataFrame({"customer": [1, 2], "group": ["a", "b"]})


def visits(dates, as_of):
    return assign_visits(dates, ["north"], [Technician("Ivan", hours=OFFICE, districts=["north"])], as_of=as_of)


def zoned():
    return BusinessHours(start="09:00", end="18:00", time_zone="Europe/Kyiv")


def membership():
    rich = Segment("rich", SegmentColumns({"spend": "number"})["spend"] > 5)
    return evaluate_segments([rich], {"spend": np.array([1.0, 9.0])}, as_of="2024-01-01")


@pytest.mark.parametrize(("name", "call"), CALLS.values(), ids=CALLS)
def test_the_name_is_that_of_an_argument(name, call):
    with pytest.raises(InputError) as caught:
        call()
    assert caught.value.name == name
