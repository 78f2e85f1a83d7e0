"""Where customers or days are all alike, nothing shows how far chance reaches; a residue is no difference."""

from __future__ import annotations

import numpy as np
import pytest

from crmvalue.errors import InputError
from crmvalue.journeys import ObservedEffect, observed_effect
from crmvalue.loyalty import MemberEffect, member_effect, referred_value
from crmvalue.metrics import plan_and_actual, score_drivers

BEFORE = np.arange(120.0) % 3
CHOSEN = np.arange(120) % 2 == 0


class TestEffects:
    """Equal values in a group give a difference without an interval; 0.1 + 0.2 and 0.3 are one value."""

    @pytest.mark.parametrize(("one", "other", "difference"), [(0.1 + 0.2, 0.3, 0.0), (1.0, 0.0, 1.0), (5.0, 5.0, 0.0)])
    def test_no_interval_of_width_zero(self, one, other, difference):
        value = np.where(CHOSEN, one, other)
        member = member_effect(CHOSEN, value, before={"spend": BEFORE})
        referred = referred_value(CHOSEN, value, start={"spend": BEFORE})
        observed = observed_effect(CHOSEN, value, past=[BEFORE, BEFORE])
        for found, estimate in ((member, member.effect), (referred, referred.difference), (observed, observed.effect)):
            assert estimate == difference
            assert np.isinf(found.interval).all()
            assert found.naive_difference == difference
            assert "inf" not in found.conclusion
            assert "do not differ" in found.conclusion
        assert MemberEffect.from_json(member.to_json()) == member
        assert ObservedEffect.from_json(observed.to_json()) == observed


class TestDrivers:
    """Answers that are all 0.1 do not vary."""

    @pytest.mark.parametrize("answer", [0.1, 0.3, 4.1, 1 / 3])
    def test_left_out_or_refused(self, answer):
        score, other = np.arange(30) % 11, np.arange(30) % 5
        assert score_drivers(score, {"a": [answer] * 30, "b": other}).left_out == ("a",)
        with pytest.raises(InputError, match="at least one question whose answers vary"):
            score_drivers(score, {"a": [answer] * 30})
        with pytest.raises(InputError, match="answers that vary"):
            score_drivers([answer] * 30, {"b": other})


class TestPlan:
    """Days that brought the same, such as nothing, are no certainty."""

    @pytest.mark.parametrize("amount", [0.0, 0.1, 100.0])
    def test_days_that_are_alike(self, amount):
        plan = {"start": ["2025-03-01"], "end": ["2025-03-31"], "target": [31 * amount + 1]}
        days = np.arange("2025-03-01", "2025-03-11", dtype="datetime64[D]")
        found = plan_and_actual(plan, {"date": days, "amount": [amount] * 10}, as_of="2025-03-10")
        np.testing.assert_allclose(found.forecast, [31 * amount])
        assert np.isnan([*found.forecast_low, *found.forecast_high, *found.prob_reached]).all()
        assert found.conclusion == "Of 1 target: 1 not to say, because all days are alike."
