"""Effects on members and referred customers where hardly any customers show them."""

from __future__ import annotations

import numpy as np
import pytest

from crmvalue._loyalty.effect import _matched, _variances
from crmvalue.errors import InputError
from crmvalue.loyalty import member_effect, referred_value

KEYS = {member_effect: "before", referred_value: "start"}


class TestFewCustomers:
    """A few customers who are all alike, or hardly any who were matched, show no effect."""

    def money(self, rng, n):
        return np.where(rng.random(n) < 0.1, rng.lognormal(3.0, 1.0, n).round(2), 0.0)

    @pytest.mark.parametrize("function", [member_effect, referred_value])
    def test_few_were_matched(self, function):
        rng = np.random.default_rng(0)
        chosen = np.arange(512) < 12
        found = function(chosen, self.money(rng, 512), **{KEYS[function]: {"x": rng.normal(size=512)}})
        assert found.n_matched < 10
        assert np.isinf(found.interval.high)
        assert "Fewer than 10 customers of a group were matched" in found.conclusion

    def test_six_others_are_enough_of_a_kind_and_five_are_not(self):
        member, others = np.arange(30) < 15, np.arange(30) - 15
        for n, n_matched in ((6, 15), (5, None)):
            before = {"x": np.where(member | (others < n), 0, 9)}
            if n_matched is None:
                with pytest.raises(InputError, match="at least 2 members and 6 non-members share"):
                    member_effect(member, np.arange(30.0), before=before)
            else:
                assert member_effect(member, np.arange(30.0), before=before).n_matched == n_matched

    def test_a_group_without_spread_takes_that_of_its_side(self):
        """Of two cells, non-members and members each; by hand."""
        own, both = _variances(np.array([400.0, 0.0, 800.0, 600.0]), np.array([200, 100, 200, 200]))
        assert own.tolist() == [2.0, 600 / 300, 4.0, 3.0]
        assert both.tolist() == [400 / 300, 400 / 300, 3.5, 3.5]
        assert _variances(np.array([4.0, 0.0]) * 100, np.array([200, 100]))[0].tolist() == [2.0, 2.0]  # of the other

    def test_the_slope_has_its_share_of_the_error(self):
        """By hand: variance 4/3 of 4 customers each, and that of the slope, 8/64, times a difference of 1 before."""
        past, joins, rest = np.array([0, 0, 2, 2, 1, 1, 3, 3.0]), np.arange(8) >= 4, np.tile([1.0, -1.0], 4)
        value = 0.5 * past + 3 * joins + rest
        effect, ways = _matched(value, past[:, np.newaxis], joins, np.zeros(8, np.int64), np.array([True]))
        assert effect == pytest.approx(3)
        variance = 2 * (4 / 3) / 4 + 8 / 64
        for error, degrees in ways:  # of Satterthwaite, who counts the slope as known
            assert (error**2, degrees) == pytest.approx((variance, variance**2 / (2 * (1 / 3) ** 2 / 3)))

    @pytest.mark.parametrize("function", [member_effect, referred_value])
    def test_few_of_the_others_were_matched(self, function):
        """Many members and seven others like them: the customers do differ, so the sentence must not deny it."""
        rng = np.random.default_rng(0)
        chosen = np.arange(500) >= 30
        trait = np.where(chosen, 0, 9)
        trait[:7] = 0
        found = function(chosen, rng.lognormal(3.0, 1.0, 500), **{KEYS[function]: {"x": trait}})
        assert found.n_matched == 470
        assert np.isinf(found.interval.high)
        assert "Customers do not differ" not in found.conclusion
        assert "Fewer than 10 customers of a group were matched, or" in found.conclusion

    @pytest.mark.parametrize("n_chosen", [12, 20, 50])
    def test_no_effect_is_claimed_where_there_is_none(self, n_chosen):
        claims = 0
        for seed in range(40):
            rng = np.random.default_rng(seed)
            chosen = np.arange(600) < n_chosen
            found = member_effect(chosen, self.money(rng, 600), before={"x": rng.integers(0, 3, 600)})
            claims += bool(found.interval.low > 0 or found.interval.high < 0)
        assert claims <= 4

    @pytest.mark.parametrize("seed", [11, 19, 21, 29])
    def test_no_effect_is_claimed_beside_many_more_members(self, seed):
        """Two hundred others beside a thousand members: these draws without effect had one."""
        rng = np.random.default_rng(seed)
        rng.random(1200)
        found = member_effect(
            np.arange(1200) < 1000, self.money(rng, 1200), before={"x": rng.integers(0, 3, 1200)}
        )  # fmt: skip
        assert found.interval.low <= 0 <= found.interval.high
