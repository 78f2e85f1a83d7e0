"""What happens at the very moment at which a window, or an attempt, is over."""

from __future__ import annotations

import numpy as np
import pytest

from crmvalue.funnels import funnel_from_events

START = np.datetime64("2024-01-01T00:00:00")


@pytest.mark.parametrize("reentry", ["first", "best", "every"])
@pytest.mark.parametrize("order", ["ordered", "strict", "any"])
@pytest.mark.parametrize(("seconds", "over"), [(-1, False), (0, True)])
def test_a_window_is_over_at_its_last_moment(reentry, order, seconds, over):
    end = START + np.timedelta64(7, "D") + np.timedelta64(seconds, "s")
    rules = {"window": 7, "order": order, "reentry": reentry, "absent": "allow"}
    found = funnel_from_events([1], ["a"], [START], ["a", "b"], as_of=end, **rules)
    assert (found.is_matured.tolist(), found.is_lost.tolist()) == ([over], [over])


@pytest.mark.parametrize("reentry", ["first", "every"])
def test_a_step_at_the_moment_of_an_event_that_ends_the_attempt_counts(reentry):
    time = ["2024-01-02", "2024-01-02", "2024-01-01"]
    rules = {"as_of": "2024-02-01", "exclude": "x", "reentry": reentry}
    found = funnel_from_events([1, 1, 1], ["x", "b", "a"], time, ["a", "b"], **rules)
    assert found.n_reached.tolist() == [2]


def test_stages_that_are_not_reached_are_not_skipped():
    found = funnel_from_events([1], ["a"], [START], ["a", "b", "c"], as_of=START, order="stages", absent="allow")
    assert found.skipped.tolist() == [[False] * 3]
