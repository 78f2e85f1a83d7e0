"""Stage criteria as ready data, alarms of steps, and ready stages of a sale."""

from __future__ import annotations

import math
from itertools import pairwise

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmvalue.errors import InputError
from crmvalue.funnels import (
    STAGE_CRITERIA,
    BusinessHours,
    Funnel,
    StageCriteria,
    StageCriterion,
    StepAlarms,
    follow_up_tasks,
    funnel_conversion,
    funnel_from_events,
    sales_funnel,
    step_alarms,
)

CALL = StageCriterion("call", signals="called", action="offer")
DEAL = StageCriterion("deal", signals=["paid", "signed"], action="support")


class TestStageCriteria:
    """One value that a funnel and the follow-up tasks read."""

    def test_a_funnel_and_tasks_from_the_preset(self):
        log = (
            ["ann", "ann", "ann", "bob"],
            ["visit", "price_list_download", "offer_answered", "subscription"],
            ["2024-06-03 09:00", "2024-06-04 10:00", "2024-06-07 17:00", "2024-06-05 12:00"],
        )
        found = funnel_from_events(*log, steps=STAGE_CRITERIA.steps, as_of="2024-06-30", order="stages", absent="allow")
        assert found.stages == ("attention", "interest", "desire", "action", "after-sales")
        assert found.n_reached.tolist() == [4, 2]  # ann an action, bob interest
        tasks = follow_up_tasks(*log, rules=STAGE_CRITERIA.rules(), as_of="2024-06-09")
        assert dict(zip(tasks.event.tolist(), tasks.task.tolist(), strict=True)) == {
            "visit": "win interest",
            "price_list_download": "hand to a manager",
            "subscription": "personalise",
            "offer_answered": "close",
        }
        assert str(tasks.due[-1]) == "2024-06-08T17:00:00.000000"
        office = BusinessHours(start="09:00", end="18:00")
        tasks = follow_up_tasks(*log, rules=STAGE_CRITERIA.rules(hours=2, business_hours=office), as_of="2024-06-30")
        assert str(tasks.due[-1]) == "2024-06-10T10:00:00.000000"

    def test_what_it_holds(self):
        criteria = StageCriteria([CALL, DEAL])
        assert criteria.funnel == Funnel(["call", "deal"])
        assert criteria.actions == {"call": "offer", "deal": "support"}
        assert len(criteria) == 2
        assert StageCriteria.from_json(STAGE_CRITERIA.to_json()) == STAGE_CRITERIA

    @pytest.mark.parametrize(
        "make",
        [
            lambda: StageCriteria([CALL]),
            lambda: StageCriteria([CALL, CALL]),
            lambda: StageCriteria([CALL, "deal"]),
            lambda: StageCriteria([CALL, StageCriterion("deal", signals="called", action="support")]),
            lambda: StageCriterion("", signals="a", action="b"),
            lambda: StageCriterion("a", signals=[], action="b"),
            lambda: StageCriterion("a", signals="a", action=""),
            lambda: STAGE_CRITERIA.rules(hours=0),
            lambda: STAGE_CRITERIA.rules(business_hours=9),
            lambda: sales_funnel(3),
        ],
    )
    def test_rejections(self, make):
        with pytest.raises(InputError):
            make()


class TestSalesFunnel:
    """Four to eight stages, each funnel with all stages of the one before."""

    def test_stages_are_added(self):
        funnels = [sales_funnel(n) for n in range(4, 9)]
        assert [len(funnel) for funnel in funnels] == [4, 5, 6, 7, 8]
        for small, large in pairwise(funnels):
            assert [stage for stage in large.stages if stage in small.stages] == list(small.stages)
        assert funnels[1].stages == ("lead generation", "qualification", "presentation", "offer", "closing")


class TestStepAlarms:
    """Steps whose conversion is below the least share; beyond chance where the whole interval is."""

    counts = st.lists(st.integers(0, 60), min_size=3, max_size=3).map(lambda n: sorted(n, reverse=True))

    @given(st.lists(counts.filter(lambda n: n[0] > 0), min_size=1, max_size=3), st.floats(0.01, 1))
    def test_equals_a_walk(self, rows, least):
        result = funnel_conversion(rows, funnel=Funnel(["a", "b", "c"]), by=[f"g{k}" for k in range(len(rows))])
        found = step_alarms(result, {"b": least})
        assert found.stage.tolist() == ["b"] * len(rows)
        for k, (_, at, passed) in enumerate(rows):
            assert (found.n_at[k], found.n_passed[k]) == (at, passed)
            if abs(passed - least * at) > 1e-9:
                assert found.is_below[k] == (passed < least * at)
            low, high = (end[k, 1] for end in result.step_interval)
            np.testing.assert_array_equal((found.low[k], found.high[k]), (low, high))
            few = at > 0 and bool(found.is_below[k]) and high < least
            assert found.is_beyond_chance[k] == (few and found.p_value[k] < 0.05)
        tails = sorted(
            (sum(math.comb(at, j) * least**j * (1 - least) ** (at - j) for j in range(passed + 1)), k)
            for k, (_, at, passed) in enumerate(rows)
            if at
        )
        largest = 0.0
        for place, (tail, k) in enumerate(tails):  # Holm
            largest = min(max(largest, tail * (len(tails) - place)), 1.0)
            assert found.p_value[k] == pytest.approx(largest, rel=1e-9, abs=1e-12)
        assert all(found.p_value[k] == 1 for k, (_, at, _) in enumerate(rows) if not at)

    def test_one_prospect_shows_nothing(self):
        """One of one at 80 % fails by chance once in five times, though Wilson's interval ends at 0.79."""
        found = step_alarms(funnel_conversion([1, 0]), 0.8)
        assert found.high[0] < 0.8
        assert found.p_value[0] == pytest.approx(0.2)
        assert found.conclusion.endswith("which may be chance.")

    @pytest.mark.parametrize(
        ("n", "passed", "least", "p_value"),
        [  # mpmath, sums of binomial terms with 40 digits
            (3_000_000_000, 29_990_000, 0.01, 0.0332588604905134),
            (3_000_000_000, 25, 1e-8, 0.208357363389449),
            (2**53, 2, 5e-16, 0.173173594554624),
        ],
    )
    def test_more_prospects_than_32_bits_count(self, n, passed, least, p_value):
        alarms = step_alarms(funnel_conversion([n, passed], funnel=Funnel(["impression", "click"])), least)
        assert alarms.p_value == pytest.approx(p_value, rel=1e-10)
        assert StepAlarms.from_json(alarms.to_json()) == alarms

    def test_many_groups_that_pass_just_enough(self):
        """At the least share itself, 5 of 100 tables of 20 groups may name a step; intervals alone named 82."""
        rng = np.random.default_rng(3)
        named = 0
        for _ in range(100):
            counts = np.full((20, 4), 100)
            for k in range(1, 4):
                counts[:, k] = rng.binomial(counts[:, k - 1], 0.5)
            named += bool(step_alarms(funnel_conversion(counts, by=range(20)), 0.5).is_beyond_chance.any())
        assert named <= 12

    @pytest.mark.parametrize("percent", range(1, 100))
    def test_what_just_passes_is_no_alarm(self, percent):
        """0.07 * 100 is above 7 in binary numbers."""
        result = funnel_conversion([100, percent], funnel=Funnel(["a", "b"]))
        assert not step_alarms(result, percent / 100).is_below.any()

    def test_sentences(self):
        """The alarm levels of the source: only 10 % pass, and 80 % are lost at the first contact."""
        result = funnel_conversion([1000, 150, 140], funnel=Funnel(["first contact", "meeting", "offer"]))
        assert step_alarms(result, {"first contact": 0.2}).conclusion == (
            "first contact to meeting: 150 of 1,000 pass (15.0%), below 20.0%, beyond chance."
        )
        assert step_alarms(result, 0.1).conclusion == "No step is below its least share."
        few = funnel_conversion([5, 0, 0])
        assert step_alarms(few, 0.1).conclusion.endswith("which may be chance.")

    def test_sentences_of_many_groups(self, monkeypatch):
        """The rows beyond chance are found once, not once for each sentence."""
        found = step_alarms(funnel_conversion([[50, 9]] * 40, by=range(40)), 0.5)
        asked, is_beyond = [], StepAlarms.is_beyond_chance.fget
        monkeypatch.setattr(StepAlarms, "is_beyond_chance", property(lambda a: (asked.append(a), is_beyond(a))[1]))
        assert found.conclusion.count("beyond chance") == 40
        assert len(asked) == 1

    def test_small_shares_keep_their_digits(self):
        result = funnel_conversion([100_000, 30], funnel=Funnel(["impression", "click"]))
        assert "30 of 100,000 pass (0.03%), below 0.05%" in step_alarms(result, 0.0005).conclusion
        assert "reached click (0.03%, 95 % interval 0.021% to 0.043%)" in result.conclusion

    def test_what_is_just_below_is_not_written_as_the_least_share(self):
        result = funnel_conversion([10_000, 999], funnel=Funnel(["impression", "click"]))
        assert "(9.99%), below 10.0%" in step_alarms(result, 0.1).conclusion
        assert "(9.99%), below 10.01%" in step_alarms(result, 0.1001).conclusion
        assert "(9.99%), below 10.04%" in step_alarms(result, 0.1004).conclusion

    @pytest.mark.parametrize(("n_passed", "least"), [(30, 1 - 0.7), (30, 0.1 + 0.2), (60, 3 * 0.2)])
    def test_a_least_share_with_a_residue(self, n_passed, least):
        """1 - 0.7 is 0.30000000000000004: 30 of 100 were "30.0%, below 30.0%"."""
        result = funnel_conversion([100, n_passed], funnel=Funnel(["impression", "click"]))
        assert least > n_passed / 100
        assert step_alarms(result, least).conclusion == "No step is below its least share."
        one_less = funnel_conversion([100, n_passed - 1], funnel=Funnel(["impression", "click"]))
        assert step_alarms(one_less, least).is_below.tolist() == [True]

    def test_stages_and_groups_without_anybody(self):
        """They are rows without a rate, which JSON keeps, and no alarms."""
        found = step_alarms(funnel_conversion([[5, 0, 0], [0, 0, 0]], by=["mail", "fair"]), 0.1)
        assert found.n_at.tolist() == [5, 0, 0, 0]
        assert found.is_below.tolist() == [True, False, False, False]
        assert np.isnan(found.high).tolist() == [False, True, True, True]
        assert StepAlarms.from_json(found.to_json()) == found
        with pytest.raises(InputError, match="is_below"):
            attrs.evolve(found, is_below=[True, True, False, False])

    @pytest.mark.parametrize("least", [1.5, {}, {"offer": 0.1}, {"deal": 0.1}, {"meeting": 2}, "much"])
    def test_rejections(self, least):
        result = funnel_conversion([1000, 150, 140], funnel=Funnel(["first contact", "meeting", "offer"]))
        with pytest.raises(InputError, match="least"):
            step_alarms(result, least)
        with pytest.raises(InputError, match="conversion"):
            step_alarms([1000, 150], 0.1)
