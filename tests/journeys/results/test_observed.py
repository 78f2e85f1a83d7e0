"""Campaigns of the past without a control group: weighting, overlap, balance, trends."""

from __future__ import annotations

import attrs
import numpy as np
import pytest

from crmvalue.errors import InputError
from crmvalue.experiments import compare_means
from crmvalue.journeys import ObservedEffect, observed_effect
from crmvalue.typing import Interval


def campaign(rng, n=2000, lift=2.0, *, chosen_by="mean"):
    """Simulate a campaign for customers who buy more; each treated customer spends `lift` more in mean."""
    size = rng.gamma(2.0, 10.0, n)
    past = [np.where(rng.random(n) < 0.6, size * rng.gamma(4.0, 0.25, n), 0.0) for _ in range(3)]
    seen = {"mean": np.mean(past, axis=0), "last": past[-1], "chance": np.full(n, 20.0)}[chosen_by]
    treated = rng.random(n) < seen / (seen + 40)
    after = np.where(rng.random(n) < 0.6, size * rng.gamma(4.0, 0.25, n), 0.0) + treated * rng.gamma(1.0, lift, n)
    return treated, after, past


class TestObservedEffect:
    """What treated customers did beyond others who were as likely to be chosen."""

    def test_takes_off_what_the_choice_brings(self):
        treated, after, past = campaign(np.random.default_rng(2), 20_000)
        found = observed_effect(treated, after, past=past)
        assert found.naive_difference > 6
        assert found.interval.low < 2 < found.interval.high
        assert found.is_balanced
        assert np.abs(found.balance_before).max() > 0.3
        assert found.overlap_treated.sum() == found.n_treated == treated.sum()
        assert found.overlap_control.sum() == found.n_control
        assert found.total == pytest.approx(found.effect * found.n_compared)
        assert "Chance did not choose" in found.conclusion

    @pytest.mark.parametrize(
        ("in_differences", "ends", "said"),
        [
            (1.5, (-0.1, 3.1), "Only one of the two intervals leaves 0 out"),
            (0.3, (-0.2, 0.8), "The two figures disagree"),
            (-1.0, (-2.0, -0.1), "The two figures disagree"),
            (1.5, (0.1, 2.9), None),
        ],
    )
    def test_says_that_the_figures_disagree_only_where_they_do(self, in_differences, ends, said):
        """Of two figures within each other's intervals, one may leave 0 out by chance; nobody fell back."""
        found = observed_effect(*campaign(np.random.default_rng(2))[:2], past=campaign(np.random.default_rng(2))[2])
        own = {"effect": 1.7, "interval": Interval(0.4, 3.0)}
        both = attrs.evolve(found, **own, did_difference=in_differences, did_interval=Interval(*ends))
        assert both.is_balanced
        sentences = ("Only one of the two intervals", "The two figures disagree")
        assert [text for text in sentences if text in both.conclusion] == [
            text for text in sentences if said is not None and said.startswith(text)
        ]

    def test_of_a_choice_by_chance_is_the_plain_difference(self):
        """With weights that tell nothing apart, the regression changes little; Welch's interval is the naive one."""
        treated, after, past = campaign(np.random.default_rng(3), 20_000, chosen_by="chance")
        found = observed_effect(treated, after, past=past)
        plain = compare_means(after, np.where(treated, "yes", "no"), control="no")
        assert found.effect == pytest.approx(found.naive_difference, abs=0.5)
        assert found.naive_interval.low == pytest.approx(plain.difference_interval.low[0])
        assert np.abs(found.balance_after).max() < 0.02

    def test_is_that_of_the_cells_where_there_are_cells(self):
        """With one column of two values, weighting and regression give the difference within each value."""
        rng = np.random.default_rng(4)
        before = np.repeat([0.0, 10.0], 500)
        treated = rng.random(1000) < np.repeat([0.2, 0.6], 500)
        after = before + rng.normal(0, 1, 1000) + treated
        found = observed_effect(treated, after, past=[before], penalty=1e-6)
        parts = [after[treated & (before == b)].mean() - after[~treated & (before == b)].mean() for b in (0.0, 10.0)]
        weight = np.array([np.sum(treated & (before == b)) for b in (0.0, 10.0)]) / treated.sum()
        assert found.effect == pytest.approx(float(weight @ parts), abs=1e-9)
        assert found.balance_after == pytest.approx([0.0], abs=1e-6)
        assert found.trends_differ is None

    def test_balance_is_in_deviations_of_both_groups(self):
        treated, after, (before, *_) = campaign(np.random.default_rng(5), 60)
        found = observed_effect(treated, after, past=[before])
        two = before[treated], before[~treated]
        spread = np.sqrt((two[0].var(ddof=1) + two[1].var(ddof=1)) / 2)
        np.testing.assert_allclose(found.balance_before, (two[0].mean() - two[1].mean()) / spread)

    def test_trends_before(self):
        """Customers chosen by their last period had risen, and fall back: difference in differences is then wrong."""
        treated, after, past = campaign(np.random.default_rng(5), 20_000, chosen_by="last")
        found = observed_effect(treated, after, past=past)
        slopes = [np.polyfit([0, 1, 2], np.array(past)[:, rows], 1)[0] for rows in (treated, ~treated)]
        assert found.trend_difference == pytest.approx(slopes[0].mean() - slopes[1].mean())
        assert found.trends_differ
        assert "moved apart already before" in found.conclusion
        assert found.did_difference == pytest.approx(
            (after - past[-1])[treated].mean() - (after - past[-1])[~treated].mean()
        )

    def test_those_whom_nobody_is_like_are_left_out(self):
        rng = np.random.default_rng(6)
        before = np.r_[rng.normal(0, 1, 400), np.full(20, 50.0)]
        treated = np.r_[rng.random(400) < 0.5, np.ones(20, dtype=bool)]
        found = observed_effect(treated, before + treated, past=[before])
        assert found.n_outside >= 20
        assert "had nobody like them" in found.conclusion

    def test_one_huge_amount_hides_nothing(self):
        """Beside 1e12 nothing of the choice was taken off (+6.25, 0.2 to 12.3), and the groups passed for alike."""
        treated, after, (*_, last) = campaign(np.random.default_rng(5), 300, chosen_by="last")
        without = observed_effect(treated, after, past=[last])
        one = np.flatnonzero(treated)[0]
        for amount in (1e3, 1e6, 1e9, 1e12):
            last[one] = after[one] = amount
            found = observed_effect(treated, after, past=[last])
            assert found.n_outside == without.n_outside + 1
            assert abs(found.effect - without.effect) < 0.15 * (without.interval.high - without.interval.low)
            assert found.interval.low < 0 < found.interval.high
            assert not found.is_balanced
            assert "do not differ" not in found.conclusion

    @pytest.mark.parametrize("columns", ["past and after", "past", "last"])
    def test_one_huge_amount_of_another_changes_little(self, columns):
        """Beside 1e9 of one of the others, all passed for alike, and a campaign without effect had one of -2.3."""
        treated, after, past = campaign(np.random.default_rng(5), 500)
        without = observed_effect(treated, after, past=past)
        one = np.flatnonzero(~treated)[9]
        for column in [*past, after] if "after" in columns else past[-1:] if columns == "last" else past:
            column[one] = 1e9
        found = observed_effect(treated, after, past=past)
        width = without.interval.high - without.interval.low
        assert found.interval == pytest.approx(without.interval, abs=0.1 * width)
        assert found.effect == pytest.approx(without.effect, abs=0.1 * width)
        assert found.balance_before == pytest.approx(without.balance_before, abs=0.1)
        assert found.balance_after == pytest.approx(without.balance_after, abs=0.03)
        assert found.n_outside == without.n_outside

    def test_many_huge_amounts_make_no_groups_alike(self):
        """Five of 1e9, in both groups: the chosen, who had spent much more, were said to be like the others."""
        rng = np.random.default_rng(0)
        before = rng.lognormal(3, 1, 2000)
        treated = rng.random(2000) < 1 / (1 + np.exp(3.6) / before**1.2)
        before[:5] = 1e9 * rng.uniform(0.5, 2, 5)
        found = observed_effect(treated, before * rng.lognormal(0, 0.3, 2000), past=[before])
        assert abs(found.balance_before[0]) > 0.3
        assert not found.is_balanced
        assert "do not build on this figure" in found.conclusion

    @pytest.mark.parametrize("huge", [None, 1e4])
    def test_a_return_changes_little(self, huge):
        """Beside -1 in a period nobody's logarithm was taken: 0.9 deviations apart, or passed for alike."""
        treated, after, past = campaign(np.random.default_rng(5), chosen_by="last")
        others = np.flatnonzero(~treated)
        if huge:
            for column in (*past, after):
                column[others[9]] = huge
        found = observed_effect(treated, after, past=past)
        for column in past:
            column[others[0]] = -1.0
        returned = observed_effect(treated, after, past=past)
        assert found.is_balanced
        assert returned.is_balanced
        assert returned.n_effective == pytest.approx(found.n_effective, rel=0.02)
        assert abs(returned.effect - found.effect) < 0.05 * (found.interval.high - found.interval.low)

    def test_does_not_depend_on_the_unit_of_money_nor_on_the_order(self):
        treated, after, past = campaign(np.random.default_rng(7))
        found = observed_effect(treated, after, past=past)
        large = observed_effect(treated, after * 1e6, past=[column * 1e6 for column in past])
        assert large.effect == pytest.approx(found.effect * 1e6, rel=1e-6)
        rows = np.random.default_rng(8).permutation(len(after))
        small = observed_effect(treated, after * 1e-3, past=past)
        assert f"{small.effect:+.5f} each ({small.interval.low:+.5f} to {small.interval.high:+.5f})" in small.conclusion
        other = observed_effect(treated[rows], after[rows], past=np.array(past)[:, rows])
        assert (other.effect, *other.interval) == pytest.approx((found.effect, *found.interval))

    @pytest.mark.parametrize(("n_treated", "n_others"), [(1000, 20), (20, 1000)])
    def test_a_small_group_shows_no_effect_of_nothing(self, n_treated, n_others):
        """Most small groups miss the few large amounts: without a floor a fifth of such campaigns had an effect."""
        rng, claims, moved = np.random.default_rng(5), 0, 0
        treated = np.arange(n_treated + n_others) < n_treated
        for _ in range(40):
            size = rng.gamma(0.5, 20.0, len(treated))
            past = [np.round(size * rng.gamma(1.0, 1.0, len(size)), 2) for _ in range(2)]
            after = np.where(rng.random(len(size)) < 0.2, np.round(size * rng.gamma(1.0, 1.0, len(size)), 2), 0.0)
            found = observed_effect(treated, after, past=past)
            claims += bool(found.interval.low > 0 or found.interval.high < 0)
            moved += bool(found.trends_differ)
        assert max(claims, moved) <= 2

    def test_a_step_that_only_rounding_makes_worse(self):
        """The propensity of this campaign did not end: near the solution the loss no longer tells a good step."""
        rng = np.random.default_rng(67)
        size = rng.gamma(0.5, 20.0, 100)
        past = [np.round(size * rng.gamma(1.0, 1.0, 100), 2) for _ in range(2)]
        assert observed_effect(np.arange(100) < 50, size, past=past).n_treated == 50

    def test_traits_and_tables(self):
        treated, after, past = campaign(np.random.default_rng(9))
        found = observed_effect(treated, after, past=past[-1], traits={"days": np.arange(2000.0)})
        assert found.names == ("past[0]", "days")
        assert found.to_frame().shape == (2, 3)
        assert ObservedEffect.from_json(found.to_json()) == found

    @pytest.mark.slow
    @pytest.mark.parametrize("chosen_by", ["mean", "last"])
    def test_the_interval_covers_the_truth_of_simulated_campaigns(self, chosen_by):
        rng, hits = np.random.default_rng(12), 0
        for _ in range(200):
            treated, after, past = campaign(rng, chosen_by=chosen_by)
            found = observed_effect(treated, after, past=past)
            hits += found.interval.low <= 2.0 <= found.interval.high
        assert 184 <= hits <= 196  # 92 to 98 percent

    @pytest.mark.parametrize(
        ("name", "wrong"),
        [
            ("treated", [True] * 5 + [False] * 35),
            ("after", [np.nan] * 40),
            ("past", []),
            ("past", np.zeros((2, 2, 2))),
            ("traits", [1]),
            ("traits", {"past[0]": [1.0] * 40}),
            ("penalty", 0),
            ("penalty", 1e10),
            ("level", 0),
        ],
    )
    def test_rejections(self, name, wrong):
        given = {"treated": [True, False] * 20, "after": [1.0] * 40, "past": [[1.0] * 40]}
        with pytest.raises(InputError) as caught:
            observed_effect(**{**given, name: wrong})
        assert caught.value.name == name

    def test_labelled_periods_are_never_matched_by_position(self):
        pd = pytest.importorskip("pandas")
        rng = np.random.default_rng(3)
        one, other = list("abcdefghijklmnopqrst"), list("abcdefghijklmnopqrst")[::-1]
        treated, after = pd.Series([True, False] * 10, index=one), pd.Series(rng.random(20), index=one)
        period = pd.Series(rng.random(20), index=one)
        for past in (period, pd.DataFrame([period, period])):
            assert observed_effect(treated, after, past=past).n_treated == 10
        for past in (period[other], [period[other]], pd.DataFrame([period[other]])):
            with pytest.raises(InputError, match="with the same index as"):
                observed_effect(treated, after, past=past)

    def test_complete_separation(self):
        before = np.r_[np.zeros(20), np.full(20, 5.0)]
        with pytest.raises(InputError, match="as likely to be chosen"):
            observed_effect(before > 0, before, past=[before], penalty=1e-9)
