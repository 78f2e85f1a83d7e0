"""The package's one rule of evidence for means of money: errors without effect, and agreement of what is said."""

from collections import Counter

import numpy as np
import pytest
from scipy import stats

from crmvalue.experiments import adjust_by_covariate, compare_means, compare_means_from_summary, sequential_test_means
from crmvalue.journeys import campaign_effect, observed_effect
from crmvalue.loyalty import member_effect


def money(rng, n, zeros, factor=1.0):
    """Lognormal amounts with sigma 1.5, and a share of customers who bring nothing."""
    amount = np.zeros(n)
    buys = np.nonzero(rng.random(n) >= zeros)[0]
    amount[buys] = factor * np.exp(1.5 * rng.standard_normal(len(buys)))
    return amount


def moments(rng, n, zeros, worlds, factor=1.0):
    """Mean and standard deviation of one group in each world; zeros are counted and not drawn."""
    n_buyers = rng.binomial(n, 1 - zeros, worlds)
    x = factor * np.exp(1.5 * rng.standard_normal(n_buyers.sum()))
    world = np.repeat(np.arange(worlds), n_buyers)
    sums, squares = (np.bincount(world, part, worlds) for part in (x, x * x))
    return sums / n, np.sqrt((squares - sums**2 / n) / (n - 1))


def shown(rng, n, other_n, zeros, worlds, factor=1.0):
    """Share of worlds in which the comparison of two groups shows a difference."""
    mean, std = moments(rng, n, zeros, worlds, factor)
    other_mean, other_std = moments(rng, other_n, zeros, worlds)
    found = 0
    for m, s, m0, s0 in zip(mean, std, other_mean, other_std, strict=True):
        result = compare_means_from_summary([m0, m], [s0, s], [other_n, n])
        low, high = result.difference_interval
        assert (low[0] > 0 or high[0] < 0) == (result.p_value[0] < 0.05)
        found += result.p_value[0] < 0.05
    return found / worlds


class TestErrorsWithoutEffect:
    """At most 6 in 100 worlds without effect show one, whatever the sizes of the groups."""

    @pytest.mark.slow
    @pytest.mark.parametrize("zeros", [0.8, 0.95])
    @pytest.mark.parametrize(
        ("n", "other_n", "worlds"), [(50, 1000, 1000), (300, 300, 1000), (600, 10_000, 1000), (2000, 100_000, 300)]
    )
    def test_of_two_means(self, n, other_n, worlds, zeros):
        assert shown(np.random.default_rng(n), n, other_n, zeros, worlds) <= 0.06

    @pytest.mark.slow
    def test_effects_are_found(self):
        """Three times the money, and a third, in a small group, are shown in four of five worlds."""
        for factor in (3.0, 1 / 3):
            assert shown(np.random.default_rng(5), 600, 10_000, 0.8, 500, factor) > 0.8

    @pytest.mark.slow
    @pytest.mark.parametrize(("n", "zeros"), [(600, 0.95), (10_000, 0.8)])
    def test_of_every_function(self, n, zeros):
        """600 customers beside 10,000, chosen and others: Welch's test alone shows 10 to 16 in 100."""
        rng, worlds = np.random.default_rng(int(n * zeros)), 50
        given, alone = np.arange(10_600) < n, 0
        found: Counter[str] = Counter()
        for _ in range(worlds):
            before, after = money(rng, 10_600, zeros), money(rng, 10_600, zeros)
            two = {"revenue_treated": after[given], "revenue_control": after[~given]}
            past = {"before_treated": before[given], "before_control": before[~given]}
            effect = campaign_effect(n, 1, 10_600 - n, 1, assignment="random", margin=1, **two, **past)
            member = member_effect(given, after, before={"spend": before})
            observed = observed_effect(given, after, past=[before])
            cuped = adjust_by_covariate(after, before, given.astype(int), control=0).adjusted
            looks = sequential_test_means(
                rng.permutation(after), rng.permutation(given).astype(int), control=0, effect_scale=0.2,
                looks=[2000, 5000, 10_600],
            )  # fmt: skip
            intervals = {
                "campaign": effect.net_interval, "before": effect.before_interval, "adjusted": effect.adjusted_interval,
                "observed": observed.interval, "naive": observed.naive_interval, "did": observed.did_interval,
                "member": member.interval, "cuped": [float(end[0]) for end in cuped.difference_interval],
            }  # fmt: skip
            for name, (low, high) in intervals.items():
                found[name] += low > 0 or high < 0
            found["looks"] += looks.p_value[-1, 0] < 0.05
            alone += stats.ttest_ind(after[given], after[~given], equal_var=False).pvalue < 0.05
            assert effect.conclusion.endswith((": it pays.", ": it loses money.")) <= (0 not in effect.net_interval)
        assert max(found.values()) <= 0.06 * worlds, found
        assert alone >= 0.06 * worlds  # so the worlds can tell


@pytest.mark.parametrize("unit", [1e-99, 1e-100, 5e99])
def test_a_summary_in_the_smallest_and_largest_units_is_that_in_ordinary_ones(unit):
    found, usual = (compare_means_from_summary([x, 2 * x], [x, x], [10**6, 5]) for x in (unit, 1.0))
    np.testing.assert_allclose(found.p_value, usual.p_value, rtol=1e-12)
    np.testing.assert_allclose(np.array(found.difference_interval) / unit, usual.difference_interval, rtol=1e-12)
    assert type(found).from_json(found.to_json()) == found


class TestAgreement:
    """Interval, p-value and sentence say the same."""

    @pytest.mark.parametrize("sizes", [(40, 400), (60, 60), (400, 40)])
    def test_of_means_and_campaigns(self, sizes):
        rng, seen = np.random.default_rng(sizes[0]), set()
        for factor in np.geomspace(0.1, 10, 30):
            groups = money(rng, sizes[0], 0.5, factor), money(rng, sizes[1], 0.5)
            result = compare_means(np.concatenate(groups), np.repeat([1, 0], sizes), control=0)
            counts = sizes[0], np.count_nonzero(groups[0]), sizes[1], np.count_nonzero(groups[1])
            effect = campaign_effect(
                *counts, assignment="random", revenue_treated=groups[0], revenue_control=groups[1], margin=1
            )
            np.testing.assert_allclose(effect.net_interval, [end[0] for end in result.difference_interval], rtol=1e-12)
            is_shown = bool(result.p_value[0] < 0.05)
            low, high = effect.net_interval
            assert (low > 0 or high < 0) == is_shown
            assert effect.conclusion.endswith((": it pays.", ": it loses money.")) == is_shown
            assert (" is higher" in result.conclusion or " is lower" in result.conclusion) == is_shown
            seen.add(is_shown)
        assert seen == {True, False}
