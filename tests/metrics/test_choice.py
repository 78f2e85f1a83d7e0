"""Choice by weighted criteria."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from crmvalue.errors import InputError
from crmvalue.metrics import WeightedChoice, weighted_choice

MARKS = {"A": {"price": 9, "support": 4}, "B": {"price": 5, "support": 7}}


class TestWeightedChoice:
    """sum of w m over sum of w, and the weights between which the winner stays."""

    def test_by_hand(self):
        """A leads by 4 u - 3 (1 - u) for a weight u of the price: from 3/7 on."""
        choice = weighted_choice(MARKS, {"price": 3, "support": 2})
        assert choice.score.tolist() == pytest.approx([7, 5.8])
        assert choice.winner == "A"
        np.testing.assert_allclose(choice.weight_low, [3 / 7, 0])
        np.testing.assert_allclose(choice.weight_high, [1, 4 / 7])
        assert choice.conclusion.endswith("below 43% for price (now 60%).")

    def test_ties_and_certain_winners(self):
        assert "the marks do not decide" in weighted_choice({"A": {"x": 1}, "B": {"x": 1}}, {"x": 2}).conclusion
        sure = weighted_choice({"A": {"x": 3, "y": 3}, "B": {"x": 1, "y": 2}}, {"x": 1, "y": 1})
        assert sure.conclusion == "A wins with 3.00, whatever the weight of one criterion."

    def test_a_tie_of_three(self):
        choice = weighted_choice({"A": {"x": 1}, "B": {"x": 1}, "C": {"x": 1}}, {"x": 2})
        assert choice.conclusion == "A, B and C have the same score of 1.00: the marks do not decide."

    def test_a_criterion_with_all_the_weight_cannot_lose_it_alone(self):
        """The others have no weight to share, so only a weight for support can end that A wins."""
        choice = weighted_choice(
            {"A": {"price": 9, "support": 4}, "B": {"price": 5, "support": 9}}, {"price": 1, "support": 0}
        )
        assert choice.conclusion.endswith("above 44% for support (now 0%).")
        alone = weighted_choice({"A": {"price": 9}, "B": {"price": 5}}, {"price": 1})
        assert alone.conclusion == "A wins with 9.00, whatever the weight of one criterion."

    def test_the_size_of_the_marks_does_not_matter(self):
        for size in (1e-20, 1.0, 1e20):
            marks = {"A": {"x": 1 * size, "y": 2 * size}, "B": {"x": 2 * size, "y": 2 * size}}
            choice = weighted_choice(marks, {"x": 1, "y": 1})
            assert choice.winner == "B"
            assert "do not decide" not in choice.conclusion

    def test_a_near_change_is_told_from_the_weight_of_today(self):
        choice = weighted_choice({"A": {"x": 9, "y": 5.004}, "B": {"x": 5, "y": 9}}, {"x": 1, "y": 1})
        assert choice.conclusion.endswith("above 50.03% for y (now 50.00%).")
        choice = weighted_choice({"A": {"x": 9, "y": 5}, "B": {"x": 1, "y": 5.02}}, {"x": 6, "y": 4})
        assert choice.conclusion.endswith("above 99.8% for y (now 40%).")  # no weight is above 100 %

    @given(
        st.lists(st.lists(st.integers(0, 10), min_size=3, max_size=3), min_size=2, max_size=5),
        st.lists(st.integers(1, 9), min_size=3, max_size=3),
        st.integers(0, 2),
        st.floats(0, 1),
    )
    def test_ends_are_where_another_option_wins(self, rows, weights, k, share):
        marks = {f"o{i}": dict(zip("xyz", row, strict=True)) for i, row in enumerate(rows)}
        choice = weighted_choice(marks, dict(zip("xyz", weights, strict=True)))
        others = np.delete(choice.weights, k)
        changed = np.insert(others / others.sum() * (1 - share), k, share)
        score = np.array(rows) @ changed
        lead = score[choice.options.index(choice.winner)] - score.max()
        low, high = choice.weight_low[k], choice.weight_high[k]
        assume(min(abs(share - low), abs(share - high)) > 1e-6)
        assert (lead >= -1e-9) == (low <= share <= high)
        assert low <= choice.weights[k] <= high
        assert WeightedChoice.from_json(choice.to_json()) == choice

    @pytest.mark.parametrize(
        ("marks", "weights", "name"),
        [
            ({"A": {"x": 1}}, {"x": 1}, "marks"),
            ({"A": {"x": 1}, "B": {"y": 1}}, {"x": 1}, "marks"),
            ({"A": {"x": 1}, "B": [1]}, {"x": 1}, "marks"),
            ({"A": {"x": "good"}, "B": {"x": 1}}, {"x": 1}, "marks"),
            (MARKS, {"price": 0, "support": 0}, "weights"),
            (MARKS, {"price": -1, "support": 2}, "weights"),
            (MARKS, {}, "weights"),
            (MARKS, [1, 2], "weights"),
            ({"A": {"score": 1}, "B": {"score": 2}}, {"score": 1}, "criteria"),
            ({"A": {"option": 1}, "B": {"option": 2}}, {"option": 1}, "criteria"),
        ],
    )
    def test_refuses(self, marks, weights, name):
        with pytest.raises(InputError) as caught:
            weighted_choice(marks, weights)
        assert caught.value.name == name

    @pytest.mark.parametrize("name", ["options", "criteria"])
    def test_a_name_stands_once(self, name):
        given = {"options": ["a", "b"], "criteria": ["x", "y"], "weights": [0.5, 0.5], "marks": [[1, 2], [3, 4]]}
        with pytest.raises(InputError, match=f"`{name}`"):
            WeightedChoice(**{**given, name: ["a", "a"]})
