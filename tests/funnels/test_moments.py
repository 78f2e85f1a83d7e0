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


def follow(events, **rules):
    """One customer, one event a day."""
    time = START + np.arange(len(events)).astype("timedelta64[D]")
    rules = {"as_of": time[-1], "absent": "allow"} | rules
    return funnel_from_events([1] * len(events), list(events), time, ["a", "b"], **rules), time


@pytest.mark.parametrize("reentry", ["first", "best", "every"])
def test_an_attempt_that_was_won_ends_with_its_last_step(reentry):
    found, time = follow("abx", exclude="x", reentry=reentry)
    assert found.ended_at.tolist() == time[1:2].astype("datetime64[us]").tolist()


def test_the_earliest_of_equal_attempts_is_the_best():
    found, time = follow("aa", window=0.5, reentry="best")
    assert found.step_time[:, 0].tolist() == time[:1].astype("datetime64[us]").tolist()


def test_an_entry_right_after_the_event_that_ends_an_attempt_begins_another():
    found, _ = follow("axab", exclude="x", reentry="every")
    assert found.n_reached.tolist() == [1, 2]


def test_a_later_step_in_strict_order_may_be_the_next_event():
    found, _ = follow("ab", order="strict", ties="later")
    assert (found.n_reached.tolist(), found.is_lost.tolist()) == ([2], [False])


def test_times_in_any_form_of_numpy_are_the_same_times():
    steps = np.datetime64("2024-01-01", "h") + np.array([0, 2, 50]).astype("timedelta64[h]")
    rules = {"steps": ["a", "b"], "window": 1, "as_of": "2024-02-01"}
    forms = (
        steps,
        steps.astype("M8[2h]"),
        steps.astype(">M8[s]"),
        steps.astype("M8[m]").astype(str),
        steps.astype(object),
    )
    first, *others = (funnel_from_events([1, 1, 2], list("aba"), times, **rules) for times in forms)
    assert first.n_reached.tolist() == [2, 1]
    assert first.step_time[0, 1] == np.datetime64("2024-01-01T02")
    for other in others:
        assert other == first
