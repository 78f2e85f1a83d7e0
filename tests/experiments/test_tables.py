"""Comparisons and sequential tests as tables."""

from __future__ import annotations

import attrs
import numpy as np
import pytest

from crmvalue.errors import InputError
from crmvalue.experiments import (
    MeanComparison,
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
        (lambda: compare_means([1, 2, 3, 4], list("AABC"), control="A"), "arm", "in at least one variant; got 1"),
        (lambda: compare_means([1, 2, 3, 4], list("ABBB"), control="A"), "arm", "the control is A"),
        (lambda: compare_ratios([1, 2, 3, 0], [1, 1, 1, 0], list("AABB"), control="A"), "denominator", "one variant"),
        (lambda: compare_means([1, 1, 3, 3, 5, 6], list("AABBCC"), control="A"), "value", "leave out the arm B: noth"),
        (lambda: compare_ratios([1, 2, 3, 4], [1, 1, 0, 0], list("AABB"), control="A"), "denominator", "the arm B,"),
        (lambda: compare_means_from_summary([1, 2, 3], [0, 0, 1], [4, 4, 4]), "std", "leave out the arm B: nothing"),
        (lambda: compare_means_from_summary([1, 2], [1, 1], [4, 1]), "n", "in at least one variant"),
        (lambda: sequential_test([[1, 0]], [[3, 0]]), "trials", "leave out the arm B,"),
    ],
)
def test_an_arm_that_cannot_be_compared_is_named(compare, name, named):
    """Leaving it out silently would change the correction for several variants."""
    with pytest.raises(InputError, match=named) as caught:
        compare()
    assert caught.value.name == name


class TestArmsOfOneCustomer:
    """One odd arm does not stop a comparison: it is kept, named, and no part of the correction."""

    @pytest.mark.parametrize("correction", ["holm", "bonferroni", "none"])
    def test_the_others_are_compared_as_without_it(self, correction):
        x, y, arm = np.arange(1.0, 13) ** 2, np.resize([1.0, 2, 1], 12), np.array(list("AAAABBBBCCCC"))
        more = {"control": "A", "correction": correction}
        odd = np.append(x, 7.0), np.append(arm, "Bx")
        pairs = [
            (compare_means(x, arm, **more), compare_means(*odd, **more)),
            (compare_ratios(x, y, arm, **more), compare_ratios(np.append(x, 0.0), np.append(y, 0.0), odd[1], **more)),
            (
                adjust_by_covariate(x, y, arm, **more).unadjusted,
                adjust_by_covariate(odd[0], np.append(y, 3.0), odd[1], **more).unadjusted,
            ),
        ]
        for alone, beside in pairs:
            assert beside.names == ("A", "B", "Bx", "C")
            assert beside.mean[2] == 7 or np.isnan(beside.mean[2])
            columns, own = beside.to_columns(), alone.to_columns()
            for name in ("standard_error", "prob_best", "expected_loss", "low", "high", "p_value", "adjusted_p_value"):
                assert np.isnan(columns[name][2])
                np.testing.assert_allclose(np.delete(columns[name], 2), own[name], rtol=1e-9)
            lines = beside.conclusion.split("\n")
            assert lines.pop(1) == "Bx is not compared: fewer than two customers do not show how their values vary."
            assert "\n".join(lines) == alone.conclusion
            assert MeanComparison.from_json(beside.to_json()) == beside
            assert np.isnan(beside.plot_data()["low"][1])
            assert beside.to_vega()

    def test_a_covariate_that_differs_between_the_others_is_named(self):
        x, arm = [1.0, 2, 3, 2, 11, 12, 13, 12, 5], list("AAAABBBBC")
        found = adjust_by_covariate([1.0, 2, 1, 3, 5, 4, 7, 5, 2], x, arm, control="A")
        assert "It differs between the arms (p < 0.0001)" in found.conclusion

    def test_a_summary_may_have_no_deviation_there(self):
        found = compare_means_from_summary([10, 12, 5], [4, np.nan, 6], [200, 1, 200])
        alone = compare_means_from_summary([10, 5], [4, 6], [200, 200])
        assert found.adjusted_p_value.tolist() == pytest.approx([np.nan, *alone.adjusted_p_value], nan_ok=True)


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


def test_arms_far_from_each_other_cost_no_more_than_those_that_are_alike(monkeypatch):
    """Where an arm has nothing left, its distribution is not computed: that took ten times as long."""
    from scipy import special

    sizes, betainc = [], special.betainc
    monkeypatch.setattr(
        special, "betainc", lambda a, b, x: (sizes.append(np.broadcast(a, x).size), betainc(a, b, x))[1]
    )
    far = compare_proportions(np.arange(1, 41) * 2000, np.full(40, 100_000))
    assert far.prob_best.sum() == pytest.approx(1, abs=1e-12)
    assert sum(sizes) < 1_000_000  # of 4.2 million pairs of arm and node


def test_means_far_from_each_other_cost_no_more_either(monkeypatch):
    from scipy import special

    sizes, stdtr = [], special.stdtr
    monkeypatch.setattr(special, "stdtr", lambda df, z: (sizes.append(np.size(z)), stdtr(df, z))[1])
    far = compare_means_from_summary(np.arange(20) * 100.0, np.full(20, 10.0), np.full(20, 1000))
    assert far.prob_best.sum() == pytest.approx(1, abs=1e-12)
    assert sum(sizes) < 200_000  # of 1.1 million


def test_arms_of_very_different_sizes_cost_no_more_either(monkeypatch):
    """A small arm is not computed at the nodes of all arms that are surely worse than the best one."""
    from scipy import special

    sizes, betainc = [], special.betainc
    monkeypatch.setattr(special, "betainc", lambda a, b, x: (sizes.append(np.size(x)), betainc(a, b, x))[1])
    n = np.logspace(1, 7, 20).astype(int)
    x = n * (np.arange(20) * 7 % 20 + 2) // 70
    found = compare_proportions(x, n)
    best, loss = found.prob_best, found.expected_loss
    assert best.sum() == pytest.approx(1, abs=1e-12)
    assert sum(sizes) < 400_000  # it was 895_000
    # the highest rate less the rate of the arm, on average: all losses and rates together have one sum
    np.testing.assert_allclose(loss + (x + 1) / (n + 2), (loss + (x + 1) / (n + 2))[0], rtol=1e-12)
