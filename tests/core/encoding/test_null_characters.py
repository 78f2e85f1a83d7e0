"""Texts that differ in null characters at their ends, which numpy cuts off, stay different labels."""

from __future__ import annotations

import numpy as np

from crmvalue.attribution import Paths, attribute
from crmvalue.datasets import load_cdnow
from crmvalue.experiments import assign_variant, compare_means_from_summary
from crmvalue.funnels import funnel_conversion, step_alarms
from crmvalue.metrics import ResponseBySegment, response_by_segment, score_drivers, service_level
from crmvalue.models import RollingHoldout, fit_bg_nbd, fit_nbd, rolling_holdout
from crmvalue.profiles import choose_values, resolve_profiles

NAMES = ["a", "a\0"]


class TestLabelsThatEndInNull:
    """The result has a row for each label, and its JSON text too."""

    def test_segments(self):
        found = response_by_segment(["a", "a\0", "a\0"], [True, False, False])
        assert found.segment.tolist() == NAMES
        assert found.n_asked.tolist() == [1, 2]
        assert ResponseBySegment.from_json(found.to_json()) == found

    def test_tickets(self):
        found = service_level(
            ["2024-01-01"] * 2, ["2024-01-02"] * 2, target_hours=48, as_of="2024-02-01",
            priority=["a", "a\0"], customer_class=["b\0", "b"],
        )  # fmt: skip
        assert found.priority.tolist() == ["a\0", "a"]
        assert found.customer_class.tolist() == ["b", "b\0"]

    def test_models(self):
        log = load_cdnow()
        models = {"a\0": fit_nbd, "a": fit_bg_nbd}
        found = rolling_holdout(log.customer, log.date, origins=["1997-09-30"], horizon=26, models=models)
        assert found.name.tolist()[:2] == NAMES[::-1]
        assert found.over_all().name.tolist() == found.name.tolist()
        again = RollingHoldout.from_json(found.to_json()).over_all()
        np.testing.assert_array_equal(again.log_score, found.log_score)

    def test_columns_of_tables(self):
        answers = dict(zip(NAMES, ([5, 4, 2, 5, 1, 3, 4, 2], [3, 4, 2, 2, 3, 3, 5, 1]), strict=True))
        drivers = score_drivers([9, 8, 3, 8, 2, 6, 8, 3], answers)
        assert drivers.to_columns()["question"].tolist() == list(drivers.question)
        credit = attribute(Paths.from_lists([["a"], ["a\0"]], [1, 1]), model="linear")
        assert credit.to_columns()["channel"].tolist() == list(credit.channels)
        arms = compare_means_from_summary([1, 2], [1, 1], [9, 9], names=NAMES)
        assert arms.to_columns()["arm"].tolist() == NAMES

    def test_stages_and_groups(self):
        found = funnel_conversion([[90, 30], [80, 20]], by=NAMES, funnel=["s", "s\0"])
        alarms = step_alarms(found, {"s": 0.5})
        assert alarms.group.tolist() == NAMES
        assert alarms.next_stage.tolist() == ["s\0", "s\0"]

    def test_variants(self):
        drawn = assign_variant(range(50), shares=dict.fromkeys(NAMES, 0.5), salt="x")
        assert set(drawn.tolist()) == set(NAMES)

    def test_values_of_a_profile(self):
        profiles = resolve_profiles([1, 2, 3], {"card": ["x"] * 3}, ["card"])
        chosen = choose_values(profiles, [1, 2, 3], ["a", "a\0", "a\0"], choose="most_frequent")
        assert chosen.value.tolist() == ["a\0"]
