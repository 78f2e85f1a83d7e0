"""Surveys: change of NPS, drivers and response, against simulations and independent sums."""

from __future__ import annotations

import itertools
from math import factorial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from crmvalue.errors import InputError
from crmvalue.metrics import (
    NpsCounts,
    customer_satisfaction_from_scores,
    net_promoter_score_interval,
    nps_change,
    proportion_interval,
    response_by_segment,
    score_drivers,
)

counts = st.builds(
    lambda p, s, d: NpsCounts(n_promoters=p, n_passives=s, n_detractors=d),
    st.integers(0, 300),
    st.integers(1, 300),
    st.integers(0, 300),
)


class TestNpsChange:
    """Score after minus score before, with an interval of the width of both waves."""

    @given(counts, counts, st.sampled_from([0.8, 0.95]))
    def test_the_errors_are_those_of_both_intervals(self, before, after, level):
        found = nps_change(before, after, level=level)
        ends = [
            net_promoter_score_interval(c.n_promoters, c.n_detractors, c.n_answers, level=level)
            for c in (before, after)
        ]
        if all(-100 < end < 100 for pair in ends for end in pair):
            half = np.hypot(*((high - low) / 2 for low, high in ends))
            middle = sum(ends[1]) / 2 - sum(ends[0]) / 2
            np.testing.assert_allclose(found.interval, (middle - half, middle + half), atol=1e-9)
        low, high = found.interval
        assert found.is_beyond_chance == (low > 0 or high < 0)
        assert nps_change(after, before, level=level).p_value == pytest.approx(found.p_value)

    @pytest.mark.slow
    def test_the_test_keeps_its_level(self):
        rng = np.random.default_rng(2)
        waves = rng.multinomial(80, [0.5, 0.3, 0.2], size=(4000, 2))
        shown = [
            nps_change(*(NpsCounts(n_promoters=p, n_passives=s, n_detractors=d) for p, s, d in pair)).is_beyond_chance
            for pair in waves.tolist()
        ]
        assert 0.035 <= np.mean(shown) <= 0.06

    def test_rejections(self):
        wave = NpsCounts(n_promoters=1, n_passives=1, n_detractors=1)
        for arguments in ((wave, 5), (30, wave)):
            with pytest.raises(InputError, match="NpsCounts"):
                nps_change(*arguments)


def explained_by(x, y):
    """Share of variance that columns explain, by least squares."""
    design = np.column_stack((np.ones(len(y)), *x)) if len(x) else np.ones((len(y), 1))
    residual = y - design @ np.linalg.lstsq(design, y, rcond=None)[0]
    return 1 - residual @ residual / ((y - y.mean()) @ (y - y.mean()))


def shapley(x, y):
    """Mean gain of explained variance of each column over all orders (Lindeman, Merenda and Gold 1980)."""
    gain = np.zeros(len(x))
    for order in itertools.permutations(range(len(x))):
        for place, k in enumerate(order):
            before = [x[j] for j in order[:place]]
            gain[k] += explained_by([*before, x[k]], y) - explained_by(before, y)
    return gain / factorial(len(x))


class TestConclusionAndHint:
    """What a survey says in words, and what to do about single answers."""

    def test_drivers(self):
        found = score_drivers([9, 7, 3, 8, 2, 6], {"speed": [5, 4, 2, 5, 1, 3], "price": [3, 3, 2, 2, 3, 3]})
        assert found.conclusion.startswith(
            f"speed moves the score most: one point more goes with {found.effect[0]:+.2f}"
        )
        assert found.conclusion.endswith("A driver is not yet a cause.")

    def test_single_answers(self):
        with pytest.raises(InputError, match="nps_counts counts single answers"):
            nps_change([9, 10], [3, 4])
        with pytest.raises(InputError, match="give `lowest` and `highest` of another scale"):
            customer_satisfaction_from_scores([9, 3], method="mean")


class TestScoreDrivers:
    """Effects of a regression; importance sums to the explained variance."""

    rng = np.random.default_rng(7)
    base = rng.normal(size=200)
    speed, price, care = base + rng.normal(size=(3, 200))
    score = 2 * speed + price + rng.normal(size=200)

    def test_effects_are_those_of_least_squares(self):
        found = score_drivers(self.score, {"speed": self.speed, "price": self.price, "care": self.care})
        design = np.column_stack((np.ones(200), self.speed, self.price, self.care))
        beta = np.linalg.lstsq(design, self.score, rcond=None)[0]
        np.testing.assert_allclose(found.effect, beta[1:], rtol=1e-9)
        inverse = np.linalg.inv(design.T @ design)
        leverage = np.diag(design @ inverse @ design.T)
        weighted = design * ((self.score - design @ beta) / (1 - leverage))[:, None]
        error = np.sqrt(np.diag(inverse @ weighted.T @ weighted @ inverse))[1:]
        np.testing.assert_allclose(found.high - found.effect, stats.t.ppf(0.975, 196) * error, rtol=1e-8)
        assert found.explained == pytest.approx(explained_by([self.speed, self.price, self.care], self.score))
        assert found.importance.sum() == pytest.approx(found.explained)
        assert found.strongest == "speed"

    def test_importance_of_two_questions_is_shapleys(self):
        """With two predictors, Johnson's weights and the mean over all orders are the same number."""
        found = score_drivers(self.score, {"speed": self.speed, "price": self.price})
        np.testing.assert_allclose(found.importance, shapley([self.speed, self.price], self.score), rtol=1e-9)

    def test_importance_of_three_is_near_shapleys(self):
        found = score_drivers(self.score, {"speed": self.speed, "price": self.price, "care": self.care})
        expected = shapley([self.speed, self.price, self.care], self.score)
        np.testing.assert_allclose(found.importance, expected, atol=0.02)  # two definitions that are close

    def test_missing_answers_are_left_out_and_counted(self):
        speed = self.speed.copy()
        speed[:3] = np.nan
        found, whole = score_drivers(self.score, {"s": speed}), score_drivers(self.score[3:], {"s": speed[3:]})
        assert (found.n_answers, found.n_incomplete) == (197, 3)
        assert found.effect[0] == whole.effect[0]

    @pytest.mark.parametrize(
        ("score", "answers", "name"),
        [
            ([1, 2, 3, 4], {}, "answers"),
            ([1, 2, 3, 4], [1, 2, 3, 4], "answers"),
            ([1, 2], {"a": [1, 2]}, "score"),
            ([1, 1, 1, 1], {"a": [1, 2, 3, 4]}, "score"),
            ([1, 2, 3, 4], {"a": [1, 1, 1, 1]}, "answers['a']"),
            ([0.1] * 7, {"a": [1, 2, 3, 4, 5, 4, 3]}, "score"),
            ([1, 2, 3, 4, 5, 4, 3], {"a": [0.1] * 7}, "answers['a']"),
            ([1, 2, 3, 4, 5, 4, 3], {"a": [0.3, 0.1 + 0.2] * 3 + [0.3]}, "answers['a']"),
            ([1, 2, 3, 5], {1: [1, 2, 3, 4]}, "answers"),
            ([1, 2, 3, 4, 6], {"a": [1, 2, 3, 5, 4], "b": [2, 4, 6, 10, 8]}, "answers"),
            ([1, 2, 3, 4], {"a": [1, 2, 3]}, "answers['a']"),
        ],
    )
    def test_rejections(self, score, answers, name):
        with pytest.raises(InputError) as caught:
            score_drivers(score, answers)
        assert caught.value.name == name

    def test_a_dataframe_of_answers(self):
        pd = pytest.importorskip("pandas")
        answers = {"speed": [5, 4, 2, 5, 1, 3], "price": [3, 3, 2, 2, 3, 3]}
        assert score_drivers([9, 7, 3, 8, 2, 6], pd.DataFrame(answers)) == score_drivers([9, 7, 3, 8, 2, 6], answers)


class TestResponseBySegment:
    """Share of each segment that answered, and weights that even the segments out."""

    def test_conclusion(self):
        asked = ["new"] * 100 + ["vip"] * 50
        found = response_by_segment(asked, [True] * 10 + [False] * 90 + [True] * 25 + [False] * 25)
        assert found.conclusion == "35 of 150 answered (23%). Beyond chance other than the rest: new 10%; vip 50%."
        same = response_by_segment(asked, [True, False] * 75)
        assert same.conclusion == "75 of 150 answered (50%). No difference between segments is shown."

    @given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), min_size=1, max_size=40))
    def test_equals_a_count(self, rows):
        segment, answered = zip(*rows, strict=True)
        found = response_by_segment(segment, answered)
        for k, name in enumerate(found.segment.tolist()):
            mine = [yes for s, yes in rows if s == name]
            assert (found.n_asked[k], found.n_answered[k]) == (len(mine), sum(mine))
            np.testing.assert_allclose((found.low[k], found.high[k]), proportion_interval(sum(mine), len(mine)))
        if all(found.n_answered):
            share = found.weight * found.n_answered / found.n_answered.sum()
            np.testing.assert_allclose(share, found.n_asked / found.n_asked.sum())

    def test_fisher_for_two_small_segments(self):
        found = response_by_segment(["a"] * 6 + ["b"] * 6, [1] * 5 + [0] * 7)
        expected = stats.fisher_exact([[5, 1], [0, 6]]).pvalue
        np.testing.assert_allclose(found.p_value, np.minimum(2 * expected, 1), rtol=1e-9)


def test_satisfaction_on_ten_points_has_the_callers_cut():
    scores = [10, 9, 8, 7, 6, 5]
    for cut, share in ((7, 4 / 6), (8, 3 / 6), (9, 2 / 6)):
        found = customer_satisfaction_from_scores(scores, method="share_positive", highest=10, positive_from=cut)
        assert found == pytest.approx(share)
