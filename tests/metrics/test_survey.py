"""Surveys: change of NPS, drivers and response, against simulations and independent sums."""

from __future__ import annotations

import itertools
import math
import tracemalloc
from math import factorial

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from crmvalue.errors import DataWarning, InputError
from crmvalue.experiments import compare_proportions
from crmvalue.metrics import (
    NpsCounts,
    ScoreDrivers,
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
        low, high = found.interval
        assert low <= found.change <= high
        own = [c.score for c in (before, after)]  # an end that was moved to the score is no error
        if all(
            -100 < low < score - 1e-9 < score + 1e-9 < high < 100 for (low, high), score in zip(ends, own, strict=True)
        ):
            variance = [((high - low) / 2 / stats.norm.isf((1 - level) / 2)) ** 2 for low, high in ends]
            freedom = [max(c.n_answers - 1, 1) for c in (before, after)]
            welch = sum(variance) ** 2 / sum(v**2 / f for v, f in zip(variance, freedom, strict=True))
            half = stats.t.isf((1 - level) / 2, welch) * np.sqrt(sum(variance))
            middle = sum(ends[1]) / 2 - sum(ends[0]) / 2
            expected = min(max(middle - half, -200), found.change), max(min(middle + half, 200), found.change)
            np.testing.assert_allclose(found.interval, expected, atol=1e-9)
        assert found.is_beyond_chance == (low > 0 or high < 0)
        assert nps_change(after, before, level=level).p_value == pytest.approx(found.p_value)

    def test_one_answer_like_all_others_is_no_change(self):
        """With three answers added, the score of one promoter is 25; 300 promoters have 99."""
        one, many = (NpsCounts(n_promoters=n, n_passives=0, n_detractors=0) for n in (1, 300))
        found = nps_change(one, many)
        assert (found.change, found.p_value, found.is_beyond_chance) == (0.0, 1.0, False)
        assert found.interval.low <= 0 <= found.interval.high

    @pytest.mark.slow
    @pytest.mark.parametrize(("n_before", "n_after"), [(2, 20), (2, 300), (5, 400), (8, 8), (20, 100)])
    def test_small_waves_without_a_change_show_none(self, n_before, n_after):
        """Two waves of one base, at the shares that were the worst ones: up to 28 of 100 showed a change."""
        rng = np.random.default_rng(3)
        for shares in ([0.85, 0.15, 0], [0.5, 0, 0.5], [0.7, 0.3, 0], [0.3, 0.4, 0.3]):
            before, after = (rng.multinomial(n, shares, size=400).tolist() for n in (n_before, n_after))
            shown = [
                nps_change(
                    *(NpsCounts(n_promoters=p, n_passives=s, n_detractors=d) for p, s, d in pair)
                ).is_beyond_chance
                for pair in zip(before, after, strict=True)
            ]
            assert np.mean(shown) <= 0.08  # 5 % and 2.7 standard errors of 400 runs

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

    speed, price = [5, 4, 2, 5, 1, 3, 4, 2, 5, 1], [3, 4, 2, 2, 3, 3, 5, 1, 2, 4]

    def test_drivers(self):
        found = score_drivers([9, 8, 3, 8, 2, 6, 8, 3, 9, 2], {"speed": self.speed, "price": self.price})
        assert found.conclusion.startswith(
            f"speed goes with the score most closely: one point more goes with {found.effect[0]:+.2f}"
        )
        assert "by chance alone it would be about 22%" in found.conclusion  # 2 questions, 10 answers
        assert found.conclusion.endswith("A driver is not yet a cause.")

    def test_small_effects_of_drivers(self):
        score = np.array([9, 8, 3, 8, 2, 6, 8, 3, 9, 2])
        found = score_drivers(score, {"speed": [1000 * x for x in self.speed], "price": self.price})
        assert f"goes with {found.effect[0]:+.4f} points (95 % interval {found.low[0]:+.4f} to" in found.conclusion
        assert 0 < found.low[0] < found.effect[0] < 0.005

    def test_drivers_of_nothing(self):
        found = score_drivers([5, 3, 5, 3, 5, 3, 5, 3, 4, 4], {"speed": self.speed, "price": self.price})
        assert not found.is_shown.any()
        assert found.conclusion.startswith("No question is shown to go with the score. Most important in these answers")

    def test_drivers_that_are_none_among_so_many(self):
        """The interval of one question leaves 0 out, and its corrected p-value is that of chance: a word says why."""
        given = {"question": ("speed", "price"), "n_answers": 30, "n_incomplete": 0, "level": 0.95, "explained": 0.2}
        given |= {"importance": [0.2, 0.0], "mean": [4, 3], "p_value": [0.065, 0.7]}
        found = ScoreDrivers(**given, effect=[0.4, 0.1], low=[0.1, -0.2], high=[0.7, 0.4])
        words = "That is the interval of one question by itself; among 2 it may be chance (p 0.065)."
        assert f"(95 % interval +0.10 to +0.70). {words}" in found.conclusion
        with_zero = ScoreDrivers(**given, effect=[0.4, 0.1], low=[-0.1, -0.2], high=[0.7, 0.4])
        assert "by itself" not in with_zero.conclusion

    def test_too_few_answers_show_no_driver(self):
        found = score_drivers([9, 7, 3, 8, 2, 6], {"speed": self.speed[:6], "price": self.price[:6]})
        assert not found.is_shown.any()
        assert found.conclusion.startswith("6 answers to 2 questions are too few to show what goes with the score.")

    def test_a_driver_that_is_not_the_most_important(self):
        numbers = {"effect": [3.0, 1.0], "low": [-1.0, 0.5], "high": [7.0, 1.5], "p_value": [0.2, 0.01]}
        found = ScoreDrivers(
            question=("a", "b"),
            importance=[0.3, 0.2],
            mean=[1, 1],
            explained=0.5,
            n_answers=50,
            n_incomplete=0,
            level=0.95,
            **numbers,
        )
        assert found.conclusion.startswith("Most important is a, but it is b that is shown to go with the score")

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

    @pytest.mark.parametrize("code", [77, 88, 97, 98, 99, 777, 888, 997, 998, 999, -99])
    def test_a_number_that_stands_for_no_answer_is_told(self, code):
        speed, score = [5, 4, 2, 5, 1, 3, code], [9, 8, 3, 8, 2, 6, 8]
        with pytest.warns(
            DataWarning, match=rf"`answers\['speed'\]` has 1 answer of {code}, and all others from 1 to 5"
        ):
            score_drivers(score, {"speed": speed})
        score_drivers([10 * x for x in score], {"share": [98, 99, 20, 88, 10, 55, 60]})  # answers of 0 to 100

    def test_several_numbers_that_stand_for_no_answer_are_told(self):
        """97, 98 and 99 are used beside each other: one of them is no answer that makes the others near."""
        speed, score = [5, 4, 2, 5, 1, 3, 97, 99], [9, 8, 3, 8, 2, 6, 8, 7]
        with pytest.warns(DataWarning, match="has 2 answers of 97, 99, and all others from 1 to 5.* give NaN there"):
            score_drivers(score, {"speed": speed})

    def test_says_how_many_answers_are_not_complete(self):
        found = score_drivers([9, 8, 3, 8, 2, 6, 8], {"speed": [5, 4, 2, 5, 1, 3, np.nan]})
        assert "1 answer left out, because a part of it is missing. A driver" in found.conclusion

    def test_effects_are_those_of_least_squares(self):
        found = score_drivers(self.score, {"speed": self.speed, "price": self.price, "care": self.care})
        design = np.column_stack((np.ones(200), self.speed, self.price, self.care))
        beta = np.linalg.lstsq(design, self.score, rcond=None)[0]
        np.testing.assert_allclose(found.effect, beta[1:], rtol=1e-9)
        inverse = np.linalg.inv(design.T @ design)
        leverage = np.diag(design @ inverse @ design.T)
        weighted = design * ((self.score - design @ beta) / (1 - leverage))[:, None]
        robust = np.diag(inverse @ weighted.T @ weighted @ inverse)[1:]
        plain = np.diag(inverse)[1:] * ((self.score - design @ beta) ** 2).sum() / 196
        weight = (design @ inverse)[:, 1:] ** 2 / (1 - leverage)[:, None]
        freedom = weight.sum(axis=0) ** 2 / (weight**2).sum(axis=0)
        half = stats.t.ppf(0.975, freedom) * np.sqrt(np.maximum(robust, plain))
        np.testing.assert_allclose(found.high - found.effect, half, rtol=1e-8)
        p_value = 2 * stats.t.sf(np.abs(beta[1:]) / np.sqrt(np.maximum(robust, plain)), freedom)
        np.testing.assert_allclose(found.p_value[2], p_value[2], rtol=1e-8)  # the largest is corrected by 1
        assert found.explained == pytest.approx(explained_by([self.speed, self.price, self.care], self.score))
        assert found.importance.sum() == pytest.approx(found.explained)
        assert found.strongest == "speed"

    def test_a_question_to_which_one_customer_said_yes(self):
        """The regression fits this customer's score exactly, so the robust error alone is 0."""
        score, yes = np.array([3, 5, 4, 6, 2, 5, 4, 3, 5, 9]), np.eye(10)[9]
        found = score_drivers(score, {"yes": yes})
        spread = score[:9].std(ddof=1) * np.sqrt(1 + 1 / 9)
        # the pooled spread of the nine others; the effect rests on one answer, which gives one degree of freedom
        np.testing.assert_allclose(found.high - found.effect, stats.t.isf(0.025, 1) * spread, rtol=1e-5)
        assert not found.is_shown.any()

    @pytest.mark.slow
    @pytest.mark.parametrize(("n", "k", "share"), [(20, 2, 0.05), (60, 5, 0.05), (100, 10, 0.05), (8, 2, 0.5)])
    def test_questions_without_an_effect(self, n, k, share):
        """Questions to which few say yes were claimed to move the score in 43 to 68 of 100 surveys."""
        rng = np.random.default_rng(5)
        shown, outside = [], []
        while len(shown) < 200:
            answers = (rng.random((k, n)) < share).astype(float)
            try:
                found = score_drivers(rng.integers(0, 11, n), {f"q{i}": one for i, one in enumerate(answers)})
            except InputError:  # nobody said yes
                continue
            shown.append(found.is_shown.any())
            outside.append(((found.low > 0) | (found.high < 0)).mean())
        assert np.mean(shown) <= 0.09
        assert np.mean(outside) <= 0.07

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

    def test_a_question_that_never_varies_is_left_out(self):
        """Answers that are all alike, or none at all, say nothing about the score; their rows are complete."""
        nobody, some = np.full(200, np.nan), np.where(np.arange(200) % 2, 0.3, np.nan)
        some[0] = 0.1 + 0.2
        answers = {"same": np.full(200, 3), "speed": self.speed, "nobody": nobody, "price": self.price, "some": some}
        found = score_drivers(self.score, answers)
        plain = score_drivers(self.score, {"speed": self.speed, "price": self.price})
        assert found.left_out == ("same", "nobody", "some")
        assert (found.n_answers, found.n_incomplete) == (200, 0)
        assert (found.question, found.effect.tolist()) == (plain.question, plain.effect.tolist())
        said = "3 questions left out, because the answers never vary or are missing: same, nobody, some."
        assert said in found.conclusion
        assert "left out" not in plain.conclusion
        assert ScoreDrivers.from_json(found.to_json()) == found
        with pytest.raises(InputError, match=r"left_out.*not in `question`"):
            attrs.evolve(found, left_out=("speed",))

    def test_a_question_that_varies_only_in_incomplete_rows_is_left_out(self):
        late, price = np.full(200, 4.0), self.price.copy()
        late[:5], price[:5] = 1.0, np.nan
        found = score_drivers(self.score, {"late": late, "price": price})
        assert (found.left_out, found.question, found.n_incomplete) == (("late",), ("price",), 5)

    def test_the_questions_that_repeat_each_other_are_named(self):
        answers = {"speed": self.speed, "price": self.price, "again": 2 * self.speed + 1}
        with pytest.raises(InputError, match="none repeats the others; got 'speed, again'"):
            score_drivers(self.score, answers)

    @pytest.mark.parametrize(
        ("score", "answers", "name"),
        [
            ([1, 2, 3, 4], {}, "answers"),
            ([1, 2, 3, 4], [1, 2, 3, 4], "answers"),
            ([1, 2], {"a": [1, 2]}, "score"),
            ([1, 1, 1, 1], {"a": [1, 2, 3, 4]}, "score"),
            ([1, 2, 3, 4], {"a": [1, 1, 1, 1]}, "answers"),
            ([0.1] * 7, {"a": [1, 2, 3, 4, 5, 4, 3]}, "score"),
            ([1, 2, 3, 4, 5, 4, 3], {"a": [0.1] * 7}, "answers"),
            ([1, 2, 3, 4, 5, 4, 3], {"a": [0.3, 0.1 + 0.2] * 3 + [0.3], "b": [math.nan] * 7}, "answers"),
            ([1, 2, 3, 5], {1: [1, 2, 3, 4]}, "answers"),
            ([1, 2, 3, 4, 6], {"a": [1, 2, 3, 5, 4], "b": [2, 4, 6, 10, 8]}, "answers"),
            ([1, 2, 3, 4], {"a": [1, 2, 3]}, "answers['a']"),
        ],
    )
    def test_rejections(self, score, answers, name):
        with pytest.raises(InputError) as caught:
            score_drivers(score, answers)
        assert caught.value.name == name

    def test_many_answers_are_weighed_in_parts(self, monkeypatch):
        rng = np.random.default_rng(3)
        table = rng.integers(1, 6, (20_003, 10)).astype(np.float64)
        answers = {f"q{k}": column for k, column in enumerate(table.T.copy())}
        score = table[:, 0] + rng.integers(0, 5, len(table))
        score_drivers(score[:50], {name: column[:50] for name, column in answers.items()})  # scipy is loaded
        tracemalloc.start()
        parts = score_drivers(score, answers)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 4.5 * table.nbytes
        monkeypatch.setattr("crmvalue._metrics.survey._ROWS", len(table))
        whole = score_drivers(score, answers)
        for name in ("effect", "low", "high", "p_value"):
            np.testing.assert_allclose(getattr(parts, name), getattr(whole, name), rtol=1e-11, atol=1e-14)

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

    def test_rates_that_differ_are_written_apart(self):
        answered = np.repeat([True, False, True, False], [200, 19_800, 290, 19_710])
        assert response_by_segment(np.repeat(["a", "b"], 20_000), answered).conclusion == (
            "490 of 40,000 answered (1.2%). Beyond chance other than the rest: a 1.0%; b 1.5%."
        )

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
        np.testing.assert_allclose(found.p_value, expected, rtol=1e-9)

    @given(st.integers(1, 60), st.integers(1, 60), st.data())
    def test_two_segments_are_judged_as_two_arms(self, n, other, data):
        """Both segments are compared with each other, so there is one test; it was corrected as if there were two."""
        yes, other_yes = data.draw(st.integers(0, n)), data.draw(st.integers(0, other))
        answered = [True] * yes + [False] * (n - yes) + [True] * other_yes + [False] * (other - other_yes)
        found = response_by_segment(["a"] * n + ["b"] * other, answered)
        arms = compare_proportions([yes, other_yes], [n, other])
        np.testing.assert_allclose(found.p_value, arms.p_value[0], rtol=1e-9)

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("sizes", "share"), [((5,) * 20, 0.3), ((3, 3, 200), 0.1), ((60, 60), 0.5), ((10, 400), 0.02)]
    )
    def test_segments_alike_seldom_differ(self, sizes, share):
        rng = np.random.default_rng(9)
        segment = np.repeat(np.arange(len(sizes)), sizes).astype(str)
        wrong = sum(response_by_segment(segment, rng.random(len(segment)) < share).differs.any() for _ in range(300))
        assert wrong <= 300 * 0.05 + 11  # three standard errors


def test_satisfaction_on_ten_points_has_the_callers_cut():
    scores = [10, 9, 8, 7, 6, 5]
    for cut, share in ((7, 4 / 6), (8, 3 / 6), (9, 2 / 6)):
        found = customer_satisfaction_from_scores(scores, method="share_positive", highest=10, positive_from=cut)
        assert found == pytest.approx(share)


def test_of_two_equally_important_questions_only_one_is_shown():
    drivers = ScoreDrivers(
        question=("speed", "price"),
        effect=[1.0, 2.0],
        low=[-0.1, 1.0],
        high=[2.1, 3.0],
        p_value=[0.2, 0.001],
        importance=[0.3, 0.3],
        mean=[3.0, 3.0],
        explained=0.6,
        n_answers=60,
        n_incomplete=0,
        level=0.95,
    )
    assert drivers.conclusion.startswith("price is shown to go with the score: one point more goes with +2.00")
    assert "price is shown to go with the score: one point more" in str(drivers.to_vega())


def test_a_change_whose_sign_few_answers_hide_is_no_change():
    few, many = (NpsCounts(n_promoters=n, n_passives=m, n_detractors=0) for n, m in ((1, 0), (90, 10)))
    assert nps_change(few, many).p_value == 1.0  # -10 as counted, +62 with the answers that are added


def test_an_interval_at_a_low_level_holds_its_change():
    bad, good = (
        NpsCounts(n_promoters=0, n_passives=0, n_detractors=3),
        NpsCounts(n_promoters=3, n_passives=0, n_detractors=0),
    )
    assert nps_change(bad, good, level=0.01).interval.high == 200.0


def test_drivers_of_two_groups_by_hand():
    """Yes and no of four each have the degrees of freedom of both groups together; a perfect fit has those of steps."""
    yes, score = np.repeat([0, 1], 4), [1, 3, 2, 4, 6, 8, 7, 9]
    found = score_drivers(score, {"yes": yes})
    robust = 4 * 10 / 6**2  # HC3: 10 is the sum of squares, and each answer counts 8/6 times
    assert (found.effect[0], found.high[0]) == pytest.approx((5, 5 + stats.t.isf(0.025, 6) * math.sqrt(robust)))
    exact = score_drivers(2 + 3 * yes, {"yes": yes})
    assert exact.high[0] == pytest.approx(3 + stats.t.isf(0.025, 6) * math.sqrt(3**2 / 12 * (1 / 4 + 1 / 4)))


def test_the_fewest_answers_to_a_question():
    assert score_drivers([1, 2, 4], {"a": [1, 2, 3]}).n_answers == 3
    with pytest.raises(InputError, match="at least 3 complete answers for 1 questions; got 2"):
        score_drivers([1, 2], {"a": [1, 2]})
    with pytest.raises(InputError, match="answers that vary; got 7"):
        score_drivers([7, 7, 7], {"a": [1, 2, 3]})
