"""Tests of NPS, CSAT and CES; CSAT from counts is in `test_metrics.py`."""

from __future__ import annotations

from fractions import Fraction

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmvalue.errors import InputError
from crmvalue.metrics import (
    NpsCounts,
    customer_effort_score,
    customer_satisfaction,
    customer_satisfaction_from_scores,
    net_promoter_score,
    net_promoter_score_interval,
    nps_counts,
)
from tests.strategies import counts, open_rates

NAN = float("nan")

answer_counts = st.tuples(counts, counts, counts).filter(any)
"""Promoters, passives and detractors."""

NPS_REJECTIONS = [
    ((-1, 2, 10), "n_promoters"),
    ((1.5, 2, 10), "n_promoters"),
    ((NAN, 2, 10), "n_promoters"),
    ((1, -2, 10), "n_detractors"),
    ((1, np.inf, 10), "n_detractors"),
    ((0, 0, 0), "n_answers"),
    ((5, 6, 10), "n_answers"),
    ((11, 0, 10), "n_answers"),
    (([1, 2], [1, 2], [5, 6, 7]), "n_answers"),
]

SCORE_REJECTIONS = [[], [NAN, 3], [3.5, 3], [-1, 3], [11, 3], ["3", "4"], [True, False], [None, 3], [[3, 4]], 3]


class TestNetPromoterScore:
    """Share of 9-10 minus share of 0-6, on -100...100."""

    @pytest.mark.parametrize(
        ("n_promoters", "n_detractors", "n_answers", "score"),
        [
            (70, 20, 100, 50),  # domain, section 1
            (162, 54, 324, 100 / 3),  # oracles, section 4: 33.33
            (50, 20, 100, 30),  # oracles, section 4
            (0, 7, 7, -100),  # by hand
        ],
    )
    def test_known_answers(self, n_promoters, n_detractors, n_answers, score):
        assert net_promoter_score(n_promoters, n_detractors, n_answers) == pytest.approx(score, rel=1e-15)

    @given(st.lists(answer_counts, min_size=1, max_size=4))
    def test_equals_its_definition(self, rows):
        promoters, passives, detractors = np.array(rows).T
        answers = promoters + passives + detractors
        exact = [float(100 * Fraction(row[0] - row[2], sum(row))) for row in rows]
        np.testing.assert_allclose(net_promoter_score(promoters, detractors, answers), exact, rtol=1e-15)
        np.testing.assert_array_equal(
            net_promoter_score(detractors, promoters, answers), -net_promoter_score(promoters, detractors, answers)
        )

    @pytest.mark.parametrize(("arguments", "name"), NPS_REJECTIONS)
    def test_refuses(self, arguments, name):
        with pytest.raises(InputError) as caught:
            net_promoter_score(*arguments)
        assert caught.value.name == name


class TestNetPromoterScoreInterval:
    """Adjusted Wald: three answers more, 3/4 a promoter, 3/2 passive, 3/4 a detractor."""

    @pytest.mark.parametrize(
        ("n_promoters", "n_detractors", "n_answers", "low", "high"),
        [(162, 54, 324, 24.95, 41.11), (50, 20, 100, 14.05, 44.20)],  # oracles, section 4
    )
    def test_known_answers(self, n_promoters, n_detractors, n_answers, low, high):
        interval = net_promoter_score_interval(n_promoters, n_detractors, n_answers)
        assert interval == pytest.approx((low, high), abs=0.005)

    def test_standard_error(self):
        """SE 4.14 for 162/108/54 (oracles, section 4), before three answers are added: these make 1 % of 324."""
        low, high = net_promoter_score_interval(162, 54, 324)
        assert (high - low) / (2 * 1.959964) == pytest.approx(4.14, rel=0.01)

    @pytest.mark.parametrize("counts", [(1, 0, 1), (0, 1, 1), (0, 0, 1), (2, 0, 2)])
    def test_holds_the_score_of_one_answer(self, counts):
        for level in (0.5, 0.8, 0.95):
            low, high = net_promoter_score_interval(*counts, level=level)
            assert low <= 100 * (counts[0] - counts[1]) / counts[2] <= high

    @given(answer_counts, open_rates, open_rates)
    def test_is_on_the_scale_and_grows_with_the_level(self, row, one, other):
        promoters, passives, detractors = row
        arguments = (promoters, detractors, promoters + passives + detractors)
        narrow = net_promoter_score_interval(*arguments, level=min(one, other))
        wide = net_promoter_score_interval(*arguments, level=max(one, other))
        assert -100 <= wide.low <= narrow.low <= narrow.high <= wide.high <= 100

    @given(answer_counts)
    def test_mirrors(self, row):
        promoters, passives, detractors = row
        n = promoters + passives + detractors
        interval = net_promoter_score_interval([promoters, detractors], [detractors, promoters], n)
        np.testing.assert_allclose(interval.low, -interval.high[::-1], rtol=1e-12, atol=1e-12)

    def test_covers_as_often_as_it_says(self):
        """1,000 samples of 100 answers, half promoters and a fifth detractors; three standard errors are 0.02."""
        rng = np.random.default_rng(8)
        promoters, _, detractors = rng.multinomial(100, [0.5, 0.3, 0.2], size=1_000).T
        low, high = net_promoter_score_interval(promoters, detractors, 100)
        assert np.mean((low <= 30) & (high >= 30)) == pytest.approx(0.95, abs=0.02)

    @pytest.mark.parametrize(("arguments", "name"), NPS_REJECTIONS)
    def test_refuses(self, arguments, name):
        with pytest.raises(InputError) as caught:
            net_promoter_score_interval(*arguments)
        assert caught.value.name == name

    @pytest.mark.parametrize("level", [0, 1, 95, -0.5, NAN, [0.9, 0.95]])
    def test_refuses_level(self, level):
        with pytest.raises(InputError) as caught:
            net_promoter_score_interval(70, 20, 100, level=level)
        assert caught.value.name == "level"


class TestCountNpsAnswers:
    """9 and 10 are promoters, 7 and 8 passives, 0 to 6 detractors."""

    @pytest.mark.parametrize(
        ("scores", "expected"),
        [(range(11), (2, 2, 7)), ([9, 10, 10], (3, 0, 0)), ([7, 8], (0, 2, 0)), ([0, 6], (0, 0, 2))],
    )
    def test_known_answers(self, scores, expected):
        assert attrs.astuple(nps_counts(list(scores))) == expected

    @given(st.lists(st.integers(0, 10), min_size=1))
    def test_equals_the_mean_of_plus_and_minus_one(self, scores):
        votes = [(score >= 9) - (score <= 6) for score in scores]
        assert nps_counts(scores).score == pytest.approx(100 * sum(votes) / len(votes), abs=1e-12)
        assert nps_counts(scores).n_answers == len(scores)

    @pytest.mark.parametrize("scores", SCORE_REJECTIONS)
    def test_refuses(self, scores):
        with pytest.raises(InputError) as caught:
            nps_counts(scores)
        assert caught.value.name == "scores"


class TestNpsCounts:
    """A frozen value with the score and its interval."""

    def test_score_and_interval_are_those_of_the_functions(self):
        value = NpsCounts(n_promoters=50, n_passives=30, n_detractors=20)
        assert value.score == 30
        assert value.interval() == value.interval(level=0.95)
        assert value.interval(level=0.9) == net_promoter_score_interval(50, 20, 100, level=0.9)

    def test_survives_a_round_trip(self):
        value = NpsCounts(n_promoters=5, n_passives=3, n_detractors=2)
        assert attrs.asdict(value) == {"n_promoters": 5, "n_passives": 3, "n_detractors": 2}
        assert NpsCounts(**attrs.asdict(value)) == value

    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"n_promoters": -1}, "n_promoters"),
            ({"n_passives": 0.5}, "n_passives"),
            ({"n_promoters": 0}, "n_answers"),
            ({"n_promoters": 2**53, "n_passives": 1}, "n_answers"),
        ],
    )
    def test_refuses(self, changes, name):
        with pytest.raises(InputError) as caught:
            NpsCounts(**{"n_promoters": 1, "n_passives": 0, "n_detractors": 0, **changes})
        assert caught.value.name == name


class TestCustomerSatisfactionFromScores:
    """Share of the two best answers (4-5 on a 1-5 scale), or the mean answer."""

    @pytest.mark.parametrize(
        ("scores", "options", "expected"),
        [
            ([5] * 50 + [4] * 30 + [3] * 20, {"method": "top_two_box"}, 0.80),  # domain, section 1: 80 / 100
            ([1, 2, 3, 4, 5], {"method": "mean"}, 3),  # by hand
            ([1, 2, 3, 4, 5], {"method": "top_two_box"}, 0.4),
            ([8, 9, 10, 0], {"method": "top_two_box", "lowest": 0, "highest": 10}, 0.5),
            ([1, 2, 3], {"method": "top_two_box", "highest": 3}, 2 / 3),
        ],
    )
    def test_known_answers(self, scores, options, expected):
        result = customer_satisfaction_from_scores(scores, **options)
        assert result == expected
        assert isinstance(result, np.float64)

    @given(st.lists(st.integers(1, 5), min_size=1))
    def test_equals_its_definition(self, scores):
        n_positive = scores.count(4) + scores.count(5)
        top = customer_satisfaction_from_scores(scores, method="top_two_box")
        assert top == customer_satisfaction(n_positive, len(scores))
        assert customer_satisfaction_from_scores(scores, method="mean") == sum(scores) / len(scores)

    @pytest.mark.parametrize("scores", [*SCORE_REJECTIONS, [0, 3], [6, 3]])
    def test_refuses(self, scores):
        with pytest.raises(InputError) as caught:
            customer_satisfaction_from_scores(scores, method="mean")
        assert caught.value.name == "scores"

    @pytest.mark.parametrize(
        ("options", "name"),
        [
            ({"method": "median"}, "method"),
            ({"method": None}, "method"),
            ({"method": "mean", "lowest": -1}, "lowest"),
            ({"method": "mean", "lowest": 1.5}, "lowest"),
            ({"method": "mean", "lowest": 4}, "highest"),
            ({"method": "mean", "highest": [5, 5]}, "highest"),
            ({"method": "mean", "positive_from": 4}, "positive_from"),
            ({"method": "top_two_box", "positive_from": 4}, "positive_from"),
            ({"method": "share_positive"}, "positive_from"),
            ({"method": "share_positive", "positive_from": 1}, "positive_from"),
            ({"method": "share_positive", "positive_from": 6}, "positive_from"),
        ],
    )
    def test_refuses_options(self, options, name):
        with pytest.raises(InputError) as caught:
            customer_satisfaction_from_scores([4, 5], **options)
        assert caught.value.name == name

    @given(st.lists(st.integers(1, 10), min_size=1, max_size=30), st.integers(2, 10))
    def test_positive_answers_from_a_stated_cut(self, scores, cut):
        found = customer_satisfaction_from_scores(scores, method="share_positive", highest=10, positive_from=cut)
        assert found == sum(score >= cut for score in scores) / len(scores)
        if cut == 9:
            assert found == customer_satisfaction_from_scores(scores, method="top_two_box", highest=10)


class TestCustomerEffortScore:
    """Mean answer, or share of answers on the easy side of the middle; 1 hardest and 7 easiest."""

    @pytest.mark.parametrize(
        ("scores", "options", "expected"),
        [
            # by hand; 5, 6 and 7 of 7 agree that it was easy
            ([1, 2, 3, 4, 5, 6, 7], {"method": "share_easy"}, 3 / 7),
            ([1, 2, 3, 4, 5, 6, 7], {"method": "mean"}, 4),
            ([1, 2, 3, 4, 5], {"method": "share_easy", "hardest": 5, "easiest": 1}, 0.4),
            ([1, 2, 3, 4], {"method": "share_easy", "hardest": 1, "easiest": 4}, 0.5),
            ([1, 3, 5, 5], {"method": "mean", "easiest": 5}, 3.5),
            ([0, 4, 6, 10], {"method": "share_easy", "hardest": 0, "easiest": 10}, 0.5),
            ([10, 10, 9], {"method": "share_easy", "hardest": 10, "easiest": 0}, 0),
            ([1, 2, 3], {"method": "share_easy", "easiest": 3}, 1 / 3),  # the shortest scale
        ],
    )
    def test_known_answers(self, scores, options, expected):
        result = customer_effort_score(scores, **options)
        assert result == pytest.approx(expected, rel=1e-15)
        assert isinstance(result, np.float64)

    @given(st.lists(st.integers(1, 7), min_size=1))
    def test_turning_the_scale_round_changes_the_mean_and_not_the_share(self, scores):
        turned = [8 - score for score in scores]
        mean = customer_effort_score(scores, method="mean")
        assert customer_effort_score(turned, method="mean", hardest=7, easiest=1) == pytest.approx(8 - mean, rel=1e-14)
        easy = customer_effort_score(scores, method="share_easy")
        assert customer_effort_score(turned, method="share_easy", hardest=7, easiest=1) == easy
        assert easy == sum(score in {5, 6, 7} for score in scores) / len(scores)

    @pytest.mark.parametrize("scores", [*SCORE_REJECTIONS, [0, 3], [8, 3]])
    def test_refuses(self, scores):
        with pytest.raises(InputError) as caught:
            customer_effort_score(scores, method="mean")
        assert caught.value.name == "scores"

    @pytest.mark.parametrize(
        ("options", "name"),
        [
            ({"method": "top_two_box"}, "method"),
            ({"method": "mean", "hardest": -1}, "hardest"),
            ({"method": "mean", "hardest": 9, "easiest": -1}, "easiest"),
            ({"method": "mean", "hardest": 6}, "easiest"),
            ({"method": "mean", "easiest": 1}, "easiest"),
            ({"method": "mean", "easiest": 6.5}, "easiest"),
        ],
    )
    def test_refuses_options(self, options, name):
        with pytest.raises(InputError) as caught:
            customer_effort_score([4, 5], **options)
        assert caught.value.name == name
