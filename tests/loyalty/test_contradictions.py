"""Results of programmes whose pieces contradict each other are refused."""

from __future__ import annotations

import numpy as np
import pytest

from tests.contradictions import first, refuses


@pytest.mark.parametrize(
    ("cls", "changes", "words"),
    [
        ("RedemptionRates", {"rate": first(1.5)}, "rate.*in \\[0, 1\\]"),
        ("RedemptionRates", {"rate": first(-0.5)}, "rate.*in \\[0, 1\\]"),
        ("RedemptionRates", {"low": first(0.0), "high": first(1.5)}, "high.*in \\[0, 1\\]"),
        (
            "RedemptionRates",
            {"low": first(0.0), "high": first(np.nan)},
            "low.*NaN where, and only where, `high` is NaN",
        ),
        ("RedemptionRates", {"low": first(0.9), "high": first(0.8)}, "low.*at most `high`"),
        ("RedemptionRates", {"low": first(0.99), "high": first(1.0)}, "rate.*in its interval"),
        ("RedemptionRates", {"issued": first(1)}, "issued.*at least `redeemed` and `expired`"),
        ("RedemptionRates", {"issued": first(10**6)}, "rate.*`redeemed` in relation to `issued`"),
        ("RedemptionRates", {"period": first(np.datetime64("NaT"))}, "period.*a date, not missing"),
        ("ProgrammeCosts", {"spend": lambda column: [-1.0] * len(column)}, "spend.*>= 0"),
        (
            "ProgrammeCosts",
            {"cost": lambda column: [1e300] * len(column), "spend": lambda column: [1e-300] * len(column)},
            "cost.*of a share of `spend` that is a number",
        ),
        ("ProgrammeCosts", {"month": first(np.datetime64("NaT"))}, "month.*a date, not missing"),
        ("ProgrammeLiability", {"goods": -1.0}, "goods.*>= 0"),
        ("ProgrammeLiability", {"points": -1.0}, "points.*>= 0"),
        ("ProgrammeLiability", {"liability": first(-1.0)}, "liability.*from 0 to `points`"),
        ("ProgrammeLiability", {"liability": first(1e9)}, "liability.*from 0 to `points`"),
        ("MemberEffect", {"interval": (1e6, 2e6)}, "interval.*holds its estimate"),
        ("MemberEffect", {"naive_interval": (1e6, 2e6)}, "naive_interval.*holds its estimate"),
        ("ReferredValue", {"n_matched": 10**9}, "n_matched.*at most `n_referred`"),
        ("ReferredValue", {"interval": (1e6, 2e6)}, "interval.*holds its estimate"),
        ("ReferredValue", {"naive_interval": (1e6, 2e6)}, "naive_interval.*holds its estimate"),
        ("MemberLevels", {"names": lambda names: names + names[:1]}, "names.*different"),
        (
            "MemberLevels",
            {"to_next": lambda column: [5] * len(column), "tier": lambda column: [1] * len(column)},
            "to_next.*0 at the highest level",
        ),
        ("MemberLevels", {"period_end": first(np.datetime64("NaT"))}, "period_end.*a date, not missing"),
        ("EarnedPoints", {"points": first(10**6)}, "points.*the sum of `by_rule`"),
        ("EarnedPoints", {"by_rule": first(-1.0)}, "by_rule.*>= 0"),
        ("EarnedPoints", {"line_points": first(10**6)}, "line_points.*of the same sum as `points`"),
        ("EarnedPoints", {"time": first(np.datetime64("NaT"))}, "time.*a moment, not missing"),
        ("Challenge", {"current": first(10**6)}, "current.*at most `longest`"),
        ("ProgrammeSimulation", {"cost_if_all_redeemed": 0.0}, "cost.*at most `cost_if_all_redeemed`"),
        ("ProgrammeSimulation", {"points_by_rule": first(10**6)}, "points_by_rule.*of the same sum as `member_points`"),
        (
            "ProgrammeSimulation",
            {"points_by_month": first(10**6)},
            "points_by_month.*of the same sum as `member_points`",
        ),
        ("ProgrammeSimulation", {"member_points": first(10**6)}, "points_by_rule.*of the same sum as `member_points`"),
        ("ProgrammeSimulation", {"cost_by_month": first(-1.0)}, "cost_by_month.*>= 0"),
        ("ProgrammeSimulation", {"cost_by_month": first(1e6)}, "cost.*the sum"),
        ("ProgrammeSimulation", {"spend": 1e9}, "spend.*the sum"),
        ("ProgrammeSimulation", {"month": first(np.datetime64("NaT"))}, "month.*a date, not missing"),
    ],
)
def test_contradictions_are_refused(cls, changes, words):
    refuses(cls, changes, words)
