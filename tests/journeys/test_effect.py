"""What a campaign brought, and which steps of a cascade pay."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction
from unittest import mock

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from crmvalue.errors import InputError
from crmvalue.experiments import compare_proportions
from crmvalue.journeys import StepsThatPay, best_last_step, break_even_benefit, campaign_effect, steps_that_pay

PROB = st.floats(0, 1)
SHARE = st.floats(0.01, 1)
MONEY = st.floats(0, 1000).map(lambda x: round(x, 2))


def widest(one, other, level):
    """Widest interval for a difference of means, of scipy's Welch and Student tests."""
    ends = [stats.ttest_ind(one, other, equal_var=equal).confidence_interval(level) for equal in (False, True)]
    return min(ends)[0], max(end.high for end in ends)


def adjusted_in_fractions(treated, control, before_treated, before_control):
    """Coefficient of the treatment, the larger of its two standard errors, and its degrees of freedom, in fractions.

    Customers of leverage 1 have no part in HC3.
    """
    rows = [(Fraction(1), Fraction(1), Fraction(x)) for x in before_treated]
    rows += [(Fraction(1), Fraction(0), Fraction(x)) for x in before_control]
    y = [Fraction(value) for value in (*treated, *control)]
    gram = [[sum(row[i] * row[j] for row in rows) for j in range(3)] for i in range(3)]

    def solved(right):
        """Cramer's rule."""

        def det(m):
            (a, b, c), (d, e, f), (g, h, i) = m
            return a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)

        parts = [[[right[i] if j == k else gram[i][j] for j in range(3)] for i in range(3)] for k in range(3)]
        return [det(part) / det(gram) for part in parts]

    inverse = [solved([Fraction(int(i == k)) for i in range(3)]) for k in range(3)]
    beta = solved([sum(row[i] * one for row, one in zip(rows, y, strict=True)) for i in range(3)])
    rest = [one - sum(b * x for b, x in zip(beta, row, strict=True)) for row, one in zip(rows, y, strict=True)]
    pull = [[sum(one[i] * row[i] for i in range(3)) for one in inverse] for row in rows]
    left = [1 - sum(p * x for p, x in zip(parts, row, strict=True)) for parts, row in zip(pull, rows, strict=True)]
    own = sum((parts[1] * e / h) ** 2 for parts, e, h in zip(pull, rest, left, strict=True) if h)
    alike = inverse[1][1] * sum(e * e for e in rest) / (len(y) - 3)
    return float(beta[1]), math.sqrt(max(own, alike)), len(y) - 3


class TestCampaignEffect:
    """`campaign_effect`: treated minus control, Newcombe's interval for rates, the wider t-interval for money."""

    @pytest.mark.parametrize(
        ("counts", "low", "high"),
        [  # Newcombe (1998), table II, method 10
            ((70, 56, 80, 48), 0.0524, 0.3339),
            ((10, 9, 10, 3), 0.1705, 0.8090),
        ],
    )
    def test_published_intervals(self, counts, low, high):
        interval = campaign_effect(*counts, assignment="random").response_interval
        assert tuple(np.round(interval, 4)) == (low, high)

    def test_a_cost_of_nothing_loses_no_money(self):
        """Less than 1e-9 is what binary arithmetic leaves of nothing; it was written as +0.00."""
        money = {"revenue_treated": [1.0] * 80, "revenue_control": [1.0] * 80, "margin": 0.0}
        effect = campaign_effect(80, 8, 80, 8, assignment="random", contact_cost=1e-9, **money)
        assert effect.conclusion.endswith("brings +0.00 (+0.00 to +0.00): whether it pays is not shown.")
        effect = campaign_effect(80, 8, 80, 8, assignment="random", contact_cost=0.01, **money)
        assert effect.conclusion.endswith("brings -0.01 (-0.01 to -0.01): it loses money.")

    @pytest.mark.parametrize(
        ("change", "rule"),
        [
            ({"response_interval": (-0.1, 1.5)}, "within -1 and 1"),
            ({"net_interval": (0, 1e308)}, "below 1e250, or infinite"),
        ],
    )
    def test_ends_that_no_comparison_has(self, change, rule):
        with pytest.raises(InputError, match=rule):
            attrs.evolve(campaign_effect(80, 56, 80, 48, assignment="random"), **change)

    @given(
        st.lists(MONEY, min_size=3, max_size=9),
        st.lists(MONEY, min_size=3, max_size=9),
        st.floats(0.1, 0.99),
        st.floats(0.01, 1),
    )
    def test_money_equals_scipy(self, treated, control, level, margin):
        treated, control = [*treated, 0.0, 50.0], [*control, 0.0, 70.0]  # no group without variance
        benefit = np.linspace(0, 5, len(treated))
        effect = campaign_effect(
            len(treated), 1, len(control), 1, revenue_treated=treated, revenue_control=control, margin=margin,
            benefit=benefit, contact_cost=0.3, level=level, assignment="random",
        )  # fmt: skip
        revenue = widest(treated, control, level)
        np.testing.assert_allclose(effect.revenue_interval, revenue, rtol=1e-9, atol=1e-7)
        net = margin * np.array(treated) - benefit - 0.3
        expected = widest(net, margin * np.array(control), level)
        np.testing.assert_allclose(effect.net_interval, expected, rtol=1e-9, atol=1e-7)
        np.testing.assert_allclose(effect.revenue_difference, np.mean(treated) - np.mean(control), atol=1e-9)

    def test_totals_by_hand(self):
        effect = campaign_effect(
            4, 2, 2, 0, revenue_treated=[100, 60, 0, 0], revenue_control=[0, 20], margin=0.5,
            benefit=[10, 6, 0, 0], contact_cost=1, assignment="random",
        )  # fmt: skip
        assert effect.revenue_difference == 30
        assert effect.incremental_revenue == 120
        assert effect.incremental_responses == 2
        assert effect.net_difference == 10  # 40 x 0.5 - 4 - 1 against 10 x 0.5
        assert effect.net_gain == 40

    @pytest.mark.parametrize(
        ("counts", "said"),
        [((1000, 300, 1000, 200), "raised"), ((1000, 200, 1000, 300), "lowered"), ((100, 21, 100, 20), "no effect")],
    )
    def test_the_sentence_about_responses(self, counts, said):
        effect = campaign_effect(*counts, assignment="random")
        assert said in effect.conclusion
        assert effect.net_gain is effect.incremental_revenue is None

    @pytest.mark.parametrize(
        ("counts", "said", "unlike"),
        [  # the counts of the same test of `compare_proportions`
            ((20, 6, 20, 1), "no effect on it is shown", "leaves 0 out"),
            ((20, 1, 20, 6), "no effect on it is shown", "leaves 0 out"),
            ((50, 8, 50, 2), "the campaign raised it", "includes 0"),
            ((50, 2, 50, 8), "the campaign lowered it", "includes 0"),
            ((70, 56, 80, 48), "the campaign raised it", None),
            ((50, 6, 50, 5), "no effect on it is shown", None),
        ],
    )
    def test_says_where_test_and_interval_disagree(self, counts, said, unlike):
        effect = campaign_effect(*counts, assignment="random")
        assert f": {said}." in effect.conclusion
        assert effect.test_agrees is (unlike is None)
        assert ("disagree" in effect.conclusion) == (unlike is not None)
        if unlike is not None:
            assert f"disagree: the interval {unlike}. The conclusion follows the test." in effect.conclusion

    @given(st.integers(1, 60), st.integers(1, 60), st.sampled_from([0.8, 0.95, 0.99]), st.data())
    def test_same_counts_same_verdict_as_an_experiment(self, n1, n0, level, data):
        x1, x0 = data.draw(st.integers(0, n1)), data.draw(st.integers(0, n0))
        effect = campaign_effect(n1, x1, n0, x0, level=level, assignment="random")
        experiment = compare_proportions([x0, x1], [n0, n1], level=level)
        assert effect.response_p_value == experiment.p_value[0]
        assert effect.test_agrees == experiment.test_agrees[0]
        line = experiment.conclusion.splitlines()[0]
        for own, other in [("raised", "B is higher"), ("lowered", "B is lower"), ("disagree", "disagree")]:
            assert (own in effect.conclusion) == (other in line)

    @pytest.mark.parametrize(
        ("cost", "said"), [(1, "it pays."), (20, "it loses money."), (10, "whether it pays is not shown.")]
    )
    def test_the_sentence_about_money(self, cost, said):
        effect = campaign_effect(
            100,
            50,
            100,
            50,
            revenue_treated=[18, 22] * 50,
            revenue_control=[8, 12] * 50,
            margin=1,
            contact_cost=cost,
            assignment="random",
        )
        assert effect.conclusion.endswith(said)

    @pytest.mark.parametrize(
        ("name", "wrong"),
        [("n_treated", 0), ("n_control", 0), ("n_treated_responded", 81), ("n_control_responded", 71)],
    )
    def test_a_group_has_customers_and_no_more_responses(self, name, wrong):
        effect = campaign_effect(80, 56, 70, 48, assignment="random")
        with pytest.raises(InputError, match=f"`{name}`"):
            attrs.evolve(effect, **{name: wrong})

    def test_who_chose_the_groups_has_to_be_said(self):
        with pytest.raises(TypeError, match="assignment"):
            campaign_effect(2, 1, 2, 1)

    @given(
        st.lists(st.tuples(MONEY, MONEY), min_size=3, max_size=9),
        st.lists(st.tuples(MONEY, MONEY), min_size=3, max_size=9),
        st.sampled_from(["random", "observed"]),
    )
    def test_the_period_before_equals_scipy_and_least_squares(self, treated, control, assignment):
        treated = np.array([*treated, (0.0, 3.0), (50.0, 1.0)])
        control = np.array([*control, (0.0, 9.0), (70.0, 2.0)])
        effect = campaign_effect(
            len(treated), 1, len(control), 1, revenue_treated=treated[:, 0], revenue_control=control[:, 0], margin=1,
            before_treated=treated[:, 1], before_control=control[:, 1], assignment=assignment,
        )  # fmt: skip
        before = widest(treated[:, 1], control[:, 1], 0.95)
        np.testing.assert_allclose(effect.before_interval, before, rtol=1e-9, atol=1e-7)
        rise = [group[:, 0] - group[:, 1] for group in (treated, control)]
        expected = widest(*rise, 0.95)
        np.testing.assert_allclose(effect.did_interval, expected, rtol=1e-9, atol=1e-7)
        # HC3 is the jackknife without its centring: leave out one customer at a time.
        rows = np.concatenate((treated, control))
        columns = np.column_stack((np.ones(len(rows)), np.arange(len(rows)) < len(treated), rows[:, 1]))
        whole = np.linalg.lstsq(columns, rows[:, 0], rcond=None)[0][1]
        kept = [np.arange(len(rows)) != i for i in range(len(rows))]
        if min(np.linalg.matrix_rank(columns[rest]) for rest in kept) == 3 and np.ptp(rows[:, 1]) > 1:
            left = [np.linalg.lstsq(columns[rest], rows[rest, 0], rcond=None)[0][1] for rest in kept]
            error = np.sqrt(np.sum((np.array(left) - whole) ** 2))
            rest = rows[:, 0] - columns @ np.linalg.lstsq(columns, rows[:, 0], rcond=None)[0]
            alike = np.sqrt(np.linalg.inv(columns.T @ columns)[1, 1] * (rest @ rest) / (len(rows) - 3))
            half = stats.t.ppf(0.975, len(rows) - 3) * max(error, alike)
            np.testing.assert_allclose(effect.adjusted_difference, whole, rtol=1e-6, atol=1e-6)
            np.testing.assert_allclose(effect.adjusted_interval, (whole - half, whole + half), rtol=1e-6, atol=1e-5)

    @pytest.mark.parametrize("n", [3, 20])
    @pytest.mark.parametrize("offset", [0.0, 1e3, 2e4, 1e7, 1e9, 1e12, -1e9])
    def test_the_adjustment_is_exact_however_far_apart_the_groups_were(self, n, offset):
        """Normal equations in fractions, for the coefficient and for both standard errors."""
        treated, control = [3.0, 4.0, 5.0] + [4.0, 6.0] * (n // 2 - 1), [1.0, 2.0, 4.0] + [3.0, 1.0] * (n // 2 - 1)
        before = [*([0.0] * (len(treated) - 1)), 1.0], [*([0.0] * (len(control) - 3)), 2.0, 0.0, 1.0]
        before = [offset + x for x in before[0]], before[1]
        effect = campaign_effect(
            len(treated), 1, len(control), 1, revenue_treated=treated, revenue_control=control, margin=1,
            before_treated=before[0], before_control=before[1], assignment="observed",
        )  # fmt: skip
        difference, error, freedom = adjusted_in_fractions(treated, control, *before)
        half = stats.t.ppf(0.975, freedom) * error
        assert effect.adjusted_difference == pytest.approx(difference, rel=1e-12)
        assert effect.adjusted_interval == pytest.approx((difference - half, difference + half), rel=1e-9)

    @pytest.mark.parametrize("a", [1000.0, 20_000.0, 1e6, 1e9])
    def test_a_line_through_one_customer_has_ends_that_rest_on_the_others(self, a):
        treated, control = [5.0, 7.0] * 10, [4.0, 4.0, 5.0, 7.0] * 5
        effect = campaign_effect(
            20, 1, 20, 1, revenue_treated=treated, revenue_control=control, margin=1, assignment="observed",
            before_treated=[a] * 19 + [a + 0.01], before_control=[0.0] * 20,
        )  # fmt: skip
        difference, error, freedom = adjusted_in_fractions(treated, control, [a] * 19 + [a + 0.01], [0.0] * 20)
        half = stats.t.ppf(0.975, freedom) * error
        assert effect.adjusted_difference == pytest.approx(difference, rel=1e-12)
        assert effect.adjusted_interval == pytest.approx((difference - half, difference + half), rel=1e-9)

    def test_a_spread_in_the_last_digits_adjusts_for_nothing(self):
        effect = campaign_effect(
            3, 1, 3, 1, revenue_treated=[3, 4, 5], revenue_control=[1, 2, 4], margin=1, assignment="observed",
            before_treated=[1e15] * 3, before_control=[0, 0, 0.01],
        )  # fmt: skip
        assert effect.adjusted_difference == pytest.approx(5 / 3, rel=1e-15)
        assert effect.adjusted_interval == effect.revenue_interval

    @pytest.mark.parametrize("with_before", [True, False])
    @pytest.mark.parametrize("assignment", ["observed", "random"])
    def test_a_campaign_without_effect_for_the_best_customers_claims_none(self, assignment, with_before):
        """The heaviest buyers of the period before get it; in 95 of 100 runs no sentence sees more than that."""
        claims, unexplained = 0, 0
        for run in range(100):
            rng = np.random.default_rng(run)
            rate = rng.gamma(1.0, 3.0, size=600)
            before, now = (rng.poisson(rate) * 10.0 for _ in range(2))
            best = before + rng.normal(0, 5, size=600) >= np.quantile(before, 0.6)
            past = {"before_treated": before[best], "before_control": before[~best]} if with_before else {}
            effect = campaign_effect(
                int(best.sum()), int((now[best] > 0).sum()), int((~best).sum()), int((now[~best] > 0).sum()),
                revenue_treated=now[best], revenue_control=now[~best], margin=0.5, assignment=assignment, **past,
            )  # fmt: skip
            said = effect.conclusion
            claims += any(word in said for word in ("raised", "lowered", "it pays", "it loses"))
            unexplained += "A difference remains" in said
            if assignment == "observed" or with_before:
                assert not effect.shows_causes
                assert effect.incremental_responses is effect.incremental_revenue is effect.net_gain is None
        if assignment == "observed":
            assert claims == 0
        elif with_before:
            assert claims == 0, "the check of the draw finds it"
        else:
            assert claims > 90, "without the period before, nothing tells a wrong word"
        assert unexplained <= 5

    def test_a_small_loss_is_not_written_as_nothing(self):
        n = 100_000
        revenue = (np.where(np.arange(n) < n_bought, 0.5, 0.0) for n_bought in (3000, 2000))
        given = dict(zip(("revenue_treated", "revenue_control"), revenue, strict=True))
        found = campaign_effect(n, 3000, n, 2000, assignment="random", margin=0.5, contact_cost=0.004, **given)
        assert found.conclusion.endswith("a contact brings -0.0015 (-0.0018 to -0.0012): it loses money.")

    def test_a_fair_draw_is_not_suspect(self):
        suspect = 0
        for run in range(200):
            rng = np.random.default_rng(run)
            before = rng.exponential(10, size=(2, 200))
            effect = campaign_effect(
                200, 50, 200, 50, assignment="random", before_treated=before[0], before_control=before[1]
            )
            suspect += effect.suspect
            assert effect.did_interval is None
        assert suspect <= 2

    def test_a_fair_draw_of_a_few_customers_is_not_suspect(self):
        """Twenty customers mostly miss the few large amounts; one in twenty such draws was called suspect."""
        rng, suspects = np.random.default_rng(8), 0
        for _ in range(200):
            before = np.round(rng.gamma(0.5, 20.0, 1020) * rng.gamma(1.0, 1.0, 1020), 2)
            found = campaign_effect(
                1000, 0, 20, 0, assignment="random", before_treated=before[:1000], before_control=before[1000:],
                revenue_treated=before[:1000], revenue_control=before[1000:], margin=1,
            )  # fmt: skip
            suspects += found.suspect
        assert suspects <= 1

    def test_without_variance_the_interval_is_a_point(self):
        effect = campaign_effect(
            2, 2, 2, 0, revenue_treated=[5, 5], revenue_control=[1, 1], margin=1, assignment="random"
        )
        assert effect.revenue_interval == (4, 4)

    @pytest.mark.parametrize("before", [[2.0, 2.0, 2.0], [2.0, 2.0, 2.1], [1.0, 5.0, 9.0]])
    @pytest.mark.parametrize("n", [2, 3])
    def test_a_few_customers_do_not_show_whether_they_were_alike(self, before, n):
        effect = campaign_effect(
            n, 1, 3, 1, assignment="observed", before_treated=[2.0] * n, before_control=before,
            revenue_treated=[5.0] * n, revenue_control=[1.0] * 3, margin=1,
        )  # fmt: skip
        assert "groups of fewer than 10 customers do not show whether they were alike" in effect.conclusion
        assert "the groups were" not in effect.conclusion
        assert effect.did_interval.low < effect.did_interval.high or "A difference remains" not in effect.conclusion

    @pytest.mark.parametrize(("n", "said"), [(2, "whether it pays is not shown"), (9, "not shown"), (10, "it pays")])
    def test_a_few_customers_without_variance_show_nothing(self, n, said):
        many = {"before_treated": [1.0] * n, "before_control": [2.0] * n}
        assert campaign_effect(n, 1, n, 1, assignment="random", **many).suspect is (n == 10)
        effect = campaign_effect(
            n, 1, n, 1, assignment="random", revenue_treated=[5.0] * n, revenue_control=[1.0] * n, margin=1
        )
        assert said in effect.conclusion

    @pytest.mark.parametrize("amounts", [(0.1, 0.3), (0.3, 0.1), (0.7, 0.1), (1 / 3, 0.1)])
    @pytest.mark.parametrize("n", [3, 6, 9])
    def test_rounding_of_binary_fractions_is_no_variance(self, amounts, n):
        """The mean of three times 0.1 is not 0.1 in binary arithmetic, and 0.3 - 0.2 is not 0.4 - 0.3."""
        treated, control = amounts
        effect = campaign_effect(
            n, 1, n, 1, assignment="random", revenue_treated=[treated] * n, revenue_control=[control] * n, margin=1,
            before_treated=[control] * n, before_control=[treated] * n,
        )  # fmt: skip
        assert "whether it pays is not shown" in effect.conclusion
        for low, high in (effect.revenue_interval, effect.net_interval, effect.adjusted_interval):
            assert low == high == pytest.approx(treated - control)
        assert abs(effect.balance) == np.inf
        effect = campaign_effect(
            3, 1, 3, 1, assignment="observed", margin=1, revenue_treated=[0.3, 0.4, 0.5], revenue_control=[0.1] * 3,
            before_treated=[0.2, 0.3, 0.4], before_control=[0.1] * 3,
        )  # fmt: skip
        assert effect.did_interval == pytest.approx((0.1, 0.1), abs=1e-15)
        assert effect.did_interval.low == effect.did_interval.high

    def test_a_trillion_added_to_all_amounts_changes_no_interval(self):
        after, before = [0, 1, 1, 0, 1, 1], [1, 0, 1, 0, 0, 1]
        for assignment in ("random", "observed"):
            small, large = (
                campaign_effect(
                    6, 1, 6, 1, assignment=assignment, margin=1,
                    revenue_treated=np.add(after, size), revenue_control=np.add(after[::-1], size),
                    before_treated=np.add(before, size), before_control=np.add(before[::-1], size),
                )
                for size in (0.0, 1e12)
            )  # fmt: skip
            for name in ("net_interval", "before_interval", "revenue_interval"):
                assert getattr(large, name) == pytest.approx(tuple(getattr(small, name)), rel=1e-3, abs=1e-3)
            assert small.net_interval.high > 0.3

    def test_rounding_of_binary_fractions_is_no_gain(self):
        amount = {"revenue_treated": [0.1] * 30, "revenue_control": [0.1] * 20, "margin": 1}
        effect = campaign_effect(30, 3, 20, 2, assignment="random", **amount)
        assert effect.net_interval == (0, 0)
        assert "whether it pays is not shown" in effect.conclusion

    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"revenue_control": None}, "revenue_control"),
            ({"revenue_treated": [1.0]}, "revenue_treated"),
            ({"margin": None}, "margin"),
            ({"benefit": [1.0]}, "benefit"),
            ({"revenue_treated": None, "revenue_control": None}, "revenue_treated"),
            ({"n_control_responded": 3}, "n_control_responded"),
            ({"assignment": "by hand"}, "assignment"),
            ({"before_treated": [1.0, 2.0]}, "before_control"),
            ({"before_control": [1.0, 2.0]}, "before_treated"),
            ({"before_treated": [1.0, 2.0], "before_control": [1.0]}, "before_control"),
        ],
    )
    def test_rejections(self, changes, name):
        arguments = {
            "n_treated": 2, "n_treated_responded": 1, "n_control": 2, "n_control_responded": 1,
            "revenue_treated": [1.0, 2.0], "revenue_control": [1.0, 2.0], "margin": 0.5,
            "assignment": "random",
        }  # fmt: skip
        with pytest.raises(InputError) as caught:
            campaign_effect(**{**arguments, **changes})
        assert caught.value.name == name

    def test_two_figures_that_contradict_each_other(self):
        """The best customers are chosen: they fall back to the mean, and yet bring more than others like them."""
        rng = np.random.default_rng(1)
        base = rng.gamma(2, 200, 2000)
        chosen = base > np.quantile(base, 0.7)
        before, now = base * rng.lognormal(0, 0.3, (2, 2000))
        now *= rng.random(2000) < 0.8
        effect = campaign_effect(
            int(chosen.sum()),
            int((now[chosen] > 0).sum()),
            int((~chosen).sum()),
            int((now[~chosen] > 0).sum()),
            assignment="observed",
            revenue_treated=now[chosen],
            revenue_control=now[~chosen],
            margin=0.3,
            before_treated=before[chosen],
            before_control=before[~chosen],
        )
        assert effect.did_interval[1] < 0 < effect.adjusted_interval[0]
        assert "contradict each other" in effect.conclusion
        assert "no difference is shown" not in effect.conclusion

    @pytest.mark.parametrize("noise", [0.0, 0.5])
    def test_the_best_customers_against_all_others_show_no_difference(self, noise):
        """Nothing has an effect. Of 100 campaigns 66 by rank and 27 with noise had "A difference remains"."""
        said = 0
        for seed in range(10):
            rng = np.random.default_rng(seed)
            rate = np.exp(0.7 * rng.normal(size=5000))
            before, now = rng.poisson(rate), rng.poisson(rate)
            place = (before + 1e-6 * rng.random(5000)) * rng.lognormal(0, noise, 5000)
            best = place > np.quantile(place, 0.7)
            effect = campaign_effect(
                int(best.sum()),
                0,
                int((~best).sum()),
                0,
                assignment="observed",
                revenue_treated=now[best],
                revenue_control=now[~best],
                margin=1.0,
                before_treated=before[best],
                before_control=before[~best],
            )
            said += "A difference remains" in effect.conclusion
            assert effect.balance > 1
            assert "too far apart before" in effect.conclusion or effect.adjusted_interval.high >= 0
        assert said == 0

    @pytest.mark.parametrize("n_huge", [4, 5, 30])
    def test_many_huge_amounts_before_make_no_groups_alike(self, n_huge):
        """Groups half a deviation apart passed for alike where four or more of 2,000 customers brought 1e9."""
        rng = np.random.default_rng(2)
        treated, control = rng.gamma(2, 15, 1000), rng.gamma(2, 10, 1000)
        treated[: n_huge // 2] = control[: n_huge - n_huge // 2] = 1e9
        effect = campaign_effect(
            1000, 0, 1000, 0, assignment="observed", before_treated=treated, before_control=control
        )
        one, other = (np.where(group == 1e9, treated[15:].max(), group) for group in (treated, control))
        spread = np.sqrt((one.var(ddof=1) + other.var(ddof=1)) / 2)
        assert effect.balance == pytest.approx((one.mean() - other.mean()) / spread)
        assert "the groups were not alike" in effect.conclusion

    @pytest.mark.parametrize("huge", [1e4, 1e6, 1e12])
    def test_one_huge_amount_before_makes_no_groups_alike(self, huge):
        """Groups 1 deviation apart passed for alike (-0.07) beside one amount of 1e6, and it was said to be less."""
        rng = np.random.default_rng(1)
        treated, control = rng.gamma(2, 20, 400), rng.gamma(2, 10, 400)
        control[0] = huge
        effect = campaign_effect(400, 0, 400, 0, assignment="observed", before_treated=treated, before_control=control)
        cut = np.r_[treated.max(), control[1:]]
        spread = np.sqrt((treated.var(ddof=1) + cut.var(ddof=1)) / 2)
        assert effect.balance == pytest.approx((treated.mean() - cut.mean()) / spread)
        assert f"{effect.balance:+.2f} standard deviations where outsize amounts are cut back" in effect.conclusion
        assert "the groups were not alike" in effect.conclusion


class TestSentencesOfEqualCustomers:
    """Nothing is infinite or a negative zero in words."""

    def test_groups_that_do_not_vary_before(self):
        ones, zeros = np.ones(20), np.zeros(20)
        found = campaign_effect(
            20, 10, 20, 10, assignment="observed", margin=0.1, revenue_treated=ones, revenue_control=zeros,
            before_treated=ones, before_control=zeros,
        )  # fmt: skip
        assert found.balance == np.inf
        assert "(all of a group alike): the groups were not alike." in found.conclusion
        assert "inf" not in found.conclusion

    def test_a_loss_of_a_ten_thousandth(self):
        found = campaign_effect(
            20, 10, 20, 10, assignment="random", margin=0.1, contact_cost=1e-4, revenue_treated=np.ones(20),
            revenue_control=np.ones(20),
        )  # fmt: skip
        assert "a contact brings -0.00010 (-0.00010 to -0.00010): it loses" in found.conclusion


class TestSentencesOfSmallDifferences:
    """No figure is written so short that the sentence contradicts it."""

    def test_rates_look_different_where_they_are(self):
        found = campaign_effect(2 * 10**6, 101_000, 2 * 10**6, 100_000, assignment="random")
        assert found.conclusion.startswith("Response 5.05% against 5.00%, +0.05 points")
        assert found.conclusion.endswith("the campaign raised it.")

    def test_nothing_is_no_more_than_nothing(self):
        money = np.arange(20.0)
        found = campaign_effect(
            20, 3, 20, 3, assignment="observed", revenue_treated=money, revenue_control=money, margin=1.0,
            before_treated=money, before_control=money,
        )  # fmt: skip
        assert "a treated customer brought as much as a customer of the control group (+0.00" in found.conclusion

    def test_few_equal_customers_are_said_to_be_too_few(self):
        given = {"revenue_treated": np.full(5, 7.0), "revenue_control": np.full(5, 9.0), "margin": 1.0}
        found = campaign_effect(5, 2, 5, 2, assignment="random", **given)
        assert found.conclusion.endswith(
            "a contact brings -2.00 (-2.00 to -2.00): a group is too small to show how its money varies, so whether it "
            "pays is not shown."
        )


class TestSmallControlGroups:
    """A small group of skewed orders shows too little of how money varies: nothing is said to pay."""

    def money(self, rng, n):
        return np.where(rng.random(n) < 0.1, rng.lognormal(3.0, 1.0, n).round(2), 0.0)

    def effect(self, treated, control):
        counts = len(treated), np.count_nonzero(treated), len(control), np.count_nonzero(control)
        return campaign_effect(
            *counts, assignment="random", revenue_treated=treated, revenue_control=control, margin=0.5
        )

    def test_nobody_of_the_control_group_ordered(self):
        treated = np.repeat([0.0, 30.0], [900, 100])
        effect = self.effect(treated, np.zeros(5))
        of_mean = treated.var(ddof=1) / np.array([1000, 5])
        degrees = of_mean.sum() ** 2 / (of_mean**2 / [999, 4]).sum()
        half = stats.t.isf(0.025, degrees) * np.sqrt(of_mean.sum())
        np.testing.assert_allclose(effect.revenue_interval, (3.0 - half, 3.0 + half))
        assert effect.conclusion.endswith("whether it pays is not shown.")

    @pytest.mark.parametrize("n_control", [5, 20, 50])
    def test_a_campaign_without_effect(self, n_control):
        rng = np.random.default_rng(n_control)
        claims = [self.effect(self.money(rng, 1000), self.money(rng, n_control)).conclusion for _ in range(100)]
        assert sum(text.endswith((": it pays.", ": it loses money.")) for text in claims) <= 5

    def test_says_why(self):
        treated = np.repeat([0.0, 30.0], [900, 100])
        effect = self.effect(treated, np.repeat([0.0, 1.0], [19, 1]))
        assert stats.ttest_ind(treated, np.repeat([0.0, 1.0], [19, 1]), equal_var=False).pvalue < 0.05
        assert effect.net_interval.low < 0 < effect.net_interval.high
        assert effect.too_few
        assert "a group is too small to show how its money varies" in effect.conclusion
        assert not self.effect(treated, np.repeat([0.0, 1.0], [990, 10])).too_few


class TestLimits:
    """A table of customers and steps beyond the limit is refused before any work."""

    @pytest.mark.parametrize("function", [steps_that_pay, best_last_step])
    def test_too_many_customers_and_steps(self, function):
        prob = np.linspace(0.1, 0.01, 1200)
        with mock.patch("crmvalue._journeys.effect._require_ranges", side_effect=AssertionError("work")):
            with pytest.raises(InputError, match="at most 16,666 customers with 1,200 steps") as caught:
                function(np.full(100_000, 50.0), prob, prob / 2, 1.0)
            assert caught.value.name == "value"
            with pytest.raises(AssertionError, match="work"):
                function(np.full(16_666, 50.0), prob, prob / 2, 1.0)


class TestBreakEvenBenefit:
    """`break_even_benefit`: the root b of (p1 - p0) V - p1 b - c = 0."""

    def test_by_hand(self):
        """1,000 offers at 0.40: 80 return instead of 50, 30 x 200 less 400 is left for the 80: 70 each."""
        assert break_even_benefit(200, 0.08, 0.05, 0.4) == pytest.approx((30 * 200 - 400) / 80, rel=1e-12)

    @given(MONEY, SHARE, PROB.filter(lambda p: p == 0 or p > 1e-50), MONEY)
    def test_at_it_the_offer_neither_gains_nor_loses(self, value, with_offer, without, cost):
        benefit = break_even_benefit(value, with_offer, without, cost)
        expected = with_offer * (value - benefit) - cost  # of who gets the offer
        assert expected == pytest.approx(without * value, abs=1e-9 * (1 + value + cost))

    def test_rises_with_value_and_falls_with_the_cost(self):
        assert np.all(np.diff(break_even_benefit(np.arange(1, 9), 0.2, 0.1)) > 0)
        assert np.all(np.diff(break_even_benefit(50, 0.2, 0.1, np.arange(1, 9))) < 0)

    def test_where_nobody_returns(self):
        """A chance too small to matter counts as 0, beside others: the limits of V - (p0 V + c) / p1."""
        assert break_even_benefit(10.0, [0.5, 5e-283, 0], [0.2, 0, 0]).tolist() == [6.0, 10.0, 10.0]
        assert break_even_benefit(10.0, [0.0, 0.0], [0.2, 0], [0, 0.4]).tolist() == [-np.inf, -np.inf]

    def test_is_negative_where_the_offer_drives_away(self):
        assert break_even_benefit(100, 0.1, 0.2) == pytest.approx(-100)


class TestStepsThatPay:
    """`steps_that_pay`: gain (p1 - p0) V - p1 b - c of each step, alone."""

    @pytest.mark.parametrize("shape", [(0,), (0, 3), (2, 0), (2, 3, 0), (3, 2, 4)])
    def test_number_of_customers_by_step(self, shape):
        gain = np.random.default_rng(1).normal(size=shape)
        counts = StepsThatPay(gain=gain).n_by_step
        assert counts.shape == shape[-1:]
        assert counts.tolist() == [int((gain[..., k] > 0).sum()) for k in range(shape[-1])]

    @given(MONEY, SHARE, SHARE, MONEY, MONEY)
    def test_pays_just_below_the_break_even_and_not_above(self, value, with_offer, without, cost, room):
        benefit = float(break_even_benefit(value, with_offer, without, cost))
        if benefit > 1:
            below, above = benefit * 0.999, benefit * 1.001 + room
            found = steps_that_pay(value, with_offer, without, [below, above], cost)
            assert found.pays.tolist() == [True, False]

    def test_customers_by_steps(self):
        found = steps_that_pay([100, 1000], [0.1, 0.05], [0.05, 0.04], [20, 30], 1)
        np.testing.assert_allclose(found.gain, [[2, -1.5], [47, 7.5]])
        assert found.n_by_step.tolist() == [2, 1]

    @pytest.mark.parametrize("name", ["value", "benefit", "prob_return_with"])
    def test_rejections(self, name):
        arguments = {"value": [1, 2], "prob_return_with": [0.2], "prob_return_without": [0.1], "benefit": [[1], [1]]}
        with pytest.raises(InputError):
            steps_that_pay(**{**arguments, name: [[0.1] * 3] * 5})
        with pytest.raises(InputError, match="one for each step"):
            steps_that_pay(1, 0.2, 0.1, 1)


def by_enumeration(value, with_offer, without, benefit, cost, last):
    """Sum the money over every course that the months can take: at which step the customer returns, if at all."""
    total = 0.0
    n = len(with_offer)
    for course in itertools.product([True, False], repeat=n):
        if sum(course) > 1:
            continue  # who has returned is out
        weight, money = 1.0, 0.0
        for step, returns in enumerate(course):
            offered = step < last
            prob = with_offer[step] if offered else without[step]
            money -= cost if offered else 0
            weight *= prob if returns else 1 - prob
            if returns:
                money += value - (benefit[step] if offered else 0)
                break
        total += weight * money
    return total


class TestBestLastStep:
    """`best_last_step`: expected money with offers up to a step, less that without any."""

    @given(MONEY, st.lists(st.tuples(PROB, PROB, MONEY), min_size=1, max_size=5), MONEY)
    def test_equals_all_courses(self, value, steps, cost):
        with_offer, without, benefit = (np.round(column, 6) for column in zip(*steps, strict=True))
        found = best_last_step(value, with_offer, without, benefit, cost)
        money = [by_enumeration(value, with_offer, without, benefit, cost, last) for last in range(len(with_offer) + 1)]
        expected = np.array(money) - money[0]
        np.testing.assert_allclose(found.gain_by_last_step, expected, rtol=1e-9, atol=1e-7)
        assert expected[found.last_step] == pytest.approx(max(expected), abs=1e-7)

    def test_a_step_that_loses_is_kept_for_a_later_one(self):
        found = best_last_step(100, [0.0, 0.9], [0.0, 0.1], [0, 0], [1, 1])
        np.testing.assert_allclose(found.gain_by_last_step, [0, -1, 78])
        assert found.last_step == 2

    def test_who_is_worth_nothing_gets_no_offer(self):
        found = best_last_step([0, 1000], [0.2, 0.2], [0.1, 0.1], 5, 1)
        assert found.last_step.tolist() == [0, 2]
        assert found.n_by_last_step.tolist() == [1, 0, 1]
        assert found.gain[0] == 0

    def test_array_equals_loop(self):
        values = np.linspace(0, 500, 7)
        found = best_last_step(values, [0.1, 0.07], [0.05, 0.05], [10, 20], 0.2)
        for value, gains in zip(values, found.gain_by_last_step, strict=True):
            one = best_last_step(value, [0.1, 0.07], [0.05, 0.05], [10, 20], 0.2)
            np.testing.assert_array_equal(one.gain_by_last_step, gains)
