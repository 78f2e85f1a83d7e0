"""Comparisons and sequential tests as tables."""

from __future__ import annotations

import attrs
import numpy as np
import pytest

from crmvalue.errors import InputError
from crmvalue.experiments import (
    adjust_by_covariate,
    compare_means,
    compare_means_from_summary,
    compare_proportions,
    compare_ratios,
    sequential_test,
    sequential_test_means,
)
from tests.tables import check_table


@pytest.mark.parametrize(
    ("result", "n_rows", "column", "values"),
    [
        (compare_proportions([20, 25, 31], [100] * 3, control=1), 3, "difference", [-0.05, np.nan, 0.06]),
        (sequential_test([[1, 2], [3, 9]], [[9, 9], [20, 20]]), 2, "difference", [1 / 9, 0.3]),
        (compare_means_from_summary([3.0, 5.0], [1.0, 1.0], [9, 9]), 2, "difference", [np.nan, 2]),
    ],
)
def test_rows_and_values(result, n_rows, column, values):
    check_table(result, n_rows, column, values)


@pytest.mark.parametrize(
    ("name", "changes", "named"),
    [
        ("SequentialMeans", {"n": "falling"}, "n.*at least those of the look before"),
        ("SequentialMeans", {"n": "one each"}, "standard_error.*0 below 2 customers"),
        ("CovariateAdjustment", {"covariate": "three arms"}, "covariate.*with the `names` of the adjusted"),
        ("CovariateAdjustment", {"unadjusted": "another level"}, "unadjusted.*with the `level` of the adjusted"),
    ],
)
def test_contradictions_are_refused(name, changes, named):
    if name == "SequentialMeans":
        rng = np.random.default_rng(1)
        found = sequential_test_means(rng.normal(size=40), np.arange(40) % 2, control=0, effect_scale=1, looks=[20, 40])
        other = {"falling": found.n[::-1], "one each": np.ones_like(found.n)}
    else:
        found = adjust_by_covariate([2, 4, 6, 9] * 2, [1, 2, 3, 5] * 2, ["A"] * 4 + ["B"] * 4, control="A")
        three = compare_means_from_summary([1, 2, 3], [1, 1, 1], [4, 4, 4])
        other = {"three arms": three, "another level": attrs.evolve(found.unadjusted, level=0.9)}
    with pytest.raises(InputError, match=named):
        attrs.evolve(found, **{field: other[key] for field, key in changes.items()})


def test_the_ratio_to_a_mean_next_to_nothing_is_infinite():
    assert np.isinf(compare_means_from_summary([1e-100, 1e100], [1, 1], [9, 9]).ratio) == [False]
    found = attrs.evolve(compare_means_from_summary([1, 2], [1, 1], [9, 9]), mean=[5e-324, 2.0])
    assert np.isinf(found.ratio).all()


@pytest.mark.parametrize(
    ("compare", "name", "named"),
    [
        (lambda: compare_proportions([1, 2, 0], [9, 9, 0], names=["x", "y", "z"]), "trials", "leave out the arm z,"),
        (lambda: compare_means([1, 2, 3, 4, 5], list("AABBC"), control="A"), "arm", "leave out the arm C,"),
        (lambda: compare_means([1, 2, 3, 4], list("AABC"), control="A"), "arm", "leave out the arms B, C,"),
        (lambda: compare_means([1, 1, 3, 3, 5, 6], list("AABBCC"), control="A"), "value", "leave out the arm B: noth"),
        (lambda: compare_ratios([1, 2, 3, 4], [1, 1, 0, 0], list("AABB"), control="A"), "denominator", "the arm B,"),
        (lambda: compare_means_from_summary([1, 2, 3], [0, 0, 1], [4, 4, 4]), "std", "leave out the arm B: nothing"),
        (lambda: compare_means_from_summary([1, 2, 3], [1, 1, 1], [4, 4, 1]), "n", "leave out the arm C,"),
        (lambda: sequential_test([[1, 0]], [[3, 0]]), "trials", "leave out the arm B,"),
    ],
)
def test_an_arm_that_cannot_be_compared_is_named(compare, name, named):
    """Leaving it out silently would change the correction for several variants."""
    with pytest.raises(InputError, match=named) as caught:
        compare()
    assert caught.value.name == name


@pytest.mark.parametrize(
    "result", [compare_proportions([1, 2], [9, 9]), compare_means_from_summary([1, 2], [1, 1], [9, 9])]
)
def test_the_integrals_of_a_table_are_computed_once(monkeypatch, result):
    """For 200 arms they take seconds."""
    best, loss = result.prob_best, result.expected_loss
    asked, bayes = [], type(result)._bayes
    monkeypatch.setattr(type(result), "_bayes", lambda self: asked.append(self) or bayes(self))
    columns = result.to_columns()
    assert len(asked) == 1
    assert columns["prob_best"].tolist() == best.tolist()
    assert columns["expected_loss"].tolist() == loss.tolist()
