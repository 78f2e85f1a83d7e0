"""What the modules of segmentation have to agree on."""

from __future__ import annotations

import importlib
import math
from enum import Enum

import attrs
import numpy as np
import pytest

from crmvalue.errors import InputError
from crmvalue.report import format_groups, summarise_groups
from crmvalue.segmentation import (
    Segment,
    SegmentColumns,
    SegmentSummary,
    SegmentTable,
    assign_segments,
    evaluate_segments,
    fit_rfm,
    migration_matrix,
    score_rfm,
    segment_value_changes,
    summarise_segments,
    value_tier,
)

pd = pytest.importorskip("pandas")


class Group(str, Enum):  # noqa: UP042 - the older kind, whose str() is not its text
    """Names of groups as a program may keep them."""

    HIGH = "high"
    LOW = "low"


OF = SegmentColumns({"x": "number"})
BIG = [Segment("big", OF["x"] > 1)]


def test_members_of_an_enumeration_are_their_texts():
    table = SegmentTable.from_groups({Group.HIGH: "2*", Group.LOW: "1*"}, basis="rf", n_bins=2)
    groups = assign_segments([2, 1], [1, 1], [1, 1], table, n_bins=2)
    assert groups.tolist() == ["high", "low"]
    assert summarise_segments(groups, [1, 2], table=table).names == ("high", "low")
    tiers = value_tier([1, 2], basis="customer_share", limits=[0.5], names=[Group.HIGH, Group.LOW])
    assert tiers.tolist() == ["low", "high"]
    moved = migration_matrix(["a", "a"], ["a", "a"], customer_before=[Group.HIGH, "x"], customer_now=["high", "x"])
    assert moved.counts.tolist() == [[2]]


@pytest.mark.parametrize("n", range(2, 120))
def test_rounding_is_not_a_fall(n):
    """Every customer is worth 19.99 at both dates."""
    before, now = (summarise_segments(["a"] * k, [19.99] * k) for k in (n, n + 1))
    assert segment_value_changes(before, now).fallen_mean == ()


def test_a_fall_of_a_cent_is_one():
    before, now = (summarise_segments(["a"], [value]) for value in (1_000_000.00, 999_999.99))
    assert segment_value_changes(before, now).fallen == ("a",)


def test_numbers_beyond_int64_are_identifiers_like_others():
    moved = migration_matrix(["a", "b"], ["b", "b"], customer_before=[1, 2**70], customer_now=[1, 2])
    assert (moved.counts.sum(), moved.n_new.sum(), moved.n_gone.sum()) == (1, 1, 1)
    before = evaluate_segments(BIG, {"x": [1, 2]}, customer=[1, 2**70], as_of="2024-01-01")
    now = evaluate_segments(BIG, {"x": [2, 2]}, customer=[1, 2], as_of="2024-02-01")
    changes = now.changes_since(before)
    assert changes.entered("big").tolist() == [1, 2]
    assert changes.left("big").tolist() == [2**70]


def test_texts_and_numbers_are_not_matched():
    texts = evaluate_segments(BIG, {"x": [1, 2]}, customer=["x", "x\0"], as_of="2024-02-01")
    numbers = evaluate_segments(BIG, {"x": [1, 2]}, customer=[1, 2**70], as_of="2024-01-01")
    with pytest.raises(InputError, match="same kind"):
        texts.changes_since(numbers)
    with pytest.raises(InputError, match="same kind"):
        migration_matrix(["a"] * 2, ["a"] * 2, customer_before=["x", "x\0"], customer_now=[1, 2**70])


def test_sums_of_any_size_go_to_json():
    large = summarise_segments(["a"] * 3, [1e100] * 3)
    assert SegmentSummary.from_json(large.to_json()) == large


def test_what_cannot_be_told_apart_or_divided_is_refused():
    with pytest.raises(InputError, match="null"):
        summarise_segments(["a\0", "a"], [1, 2])
    with pytest.raises(InputError, match="n_customers"):
        SegmentSummary(names=("a",), n_customers=np.array([0]), value=[0.0], meanings=("",), actions=("",))
    with pytest.raises(InputError, match="groups"):
        SegmentTable.from_groups({"a": "\uff11*", "b": "2*"}, basis="rf", n_bins=2)


def test_a_log_without_any_money_has_no_shares():
    text = format_groups(summarise_groups([1, 2], ["2024-01-01", "2024-05-02"], [0, 0]))
    assert "nan" not in text


ONE, OTHER = ["a", "b"], ["b", "a"]


def labelled(values, index):
    return pd.Series(values, index=index)


BREAKS = fit_rfm([3, 40], [9, 2], [90, 50], spend_basis="total", n_bins=2)
OF = SegmentColumns({"spend": "number", "kind": "text"})
SEGMENT = Segment("vip", (OF["spend"] > 5) & (OF["kind"] == "x"))

CALLS = {
    "fit_rfm": lambda i, j: fit_rfm(labelled([3, 40], i), labelled([9, 2], j), [90, 50], spend_basis="total", n_bins=2),
    "score_rfm": lambda i, j: score_rfm(labelled([3, 40], i), [9, 2], labelled([90, 50], j), BREAKS),
    "assign_segments": lambda i, j: assign_segments(
        labelled([3, 4], i), labelled([1, 2], j), 1, SegmentTable.preset("A"), n_bins=5
    ),
    "columns of rules": lambda i, j: evaluate_segments(
        [SEGMENT], {"spend": labelled([9, 1], i), "kind": labelled(["x", "y"], j)}, as_of="2024-01-01"
    ),
    "customers of rules": lambda i, j: evaluate_segments(
        [SEGMENT], {"spend": labelled([9, 1], i), "kind": ["x", "y"]}, as_of="2024-01-01", customer=labelled([1, 2], j)
    ),
    "groups of two dates": lambda i, j: migration_matrix(labelled(["x", "y"], i), labelled(["x", "x"], j)),
    "groups and customers": lambda i, j: migration_matrix(
        labelled(["x", "y"], i), ["x", "x"], customer_before=labelled([1, 2], j), customer_now=[2, 1]
    ),
    "groups and values": lambda i, j: migration_matrix(
        ["x", "y"], labelled(["x", "x"], i), value_before=[1, 2], value_now=labelled([3, 4], j)
    ),
}


class TestLabelledColumns:
    """Labelled columns are never matched by position in silence: different indexes are refused."""

    @pytest.mark.parametrize("name", CALLS)
    def test_different_indexes_are_refused(self, name):
        CALLS[name](ONE, ONE)
        with pytest.raises(InputError, match="with the same index as"):
            CALLS[name](ONE, OTHER)

    def test_identifiers_match_rows_of_two_dates(self):
        moved = migration_matrix(
            labelled(["x", "y"], ONE), labelled(["x", "x"], OTHER), customer_before=[1, 2], customer_now=[2, 1]
        )
        assert moved.counts.tolist() == [[1, 0], [1, 0]]


@pytest.mark.parametrize(
    ("name", "changes", "named"),
    [
        ("LorenzCurve", {"customer_share": [0.2, 0.5, 1.0]}, "customer_share.*from 0 to 1"),
        ("LorenzCurve", {"value_share": [0.0, 0.25, 0.9]}, r"value_share.*from 0 to 1; got \(0.0, 0.9\)"),
        ("LorenzCurve", {"value_share": [0.0, 0.75, 1.0]}, "value_share.*at most `customer_share`"),
        ("ValueConcentration", {"value_of_best": 0.05}, "best_customers.*at most `value_of_best`"),
        ("ValueConcentration", {"holders": 0.9}, "holders.*at most `value_share`"),
        ("SegmentChanges", {"n_left": [2]}, "n_left.*at most `size_before`"),
        ("SegmentChanges", {"n_entered": [2]}, "n_entered.*at most `size_now`"),
        ("SegmentChanges", {"n_entered": [1]}, "size_now.*`size_before` \\+ `n_entered` - `n_left`"),
        ("SegmentChanges", {"size_before": [3], "size_now": [3]}, "size_before.*at most the 2 customers of `before`"),
        ("SegmentChanges", {"n_gone_customers": 3}, "n_gone_customers.*at most the 2 customers of `before`"),
        ("SegmentChanges", {"n_new_customers": 1}, "n_new_customers.*less those of `before` who are not gone"),
        ("SegmentChanges", {"names": ("poor",)}, "names.*segments of `before`"),
        ("SegmentSummary", {"n_customers": [0, 1]}, "value.*0 for a group without customers"),
        ("SegmentValueChanges", {"names": ("a", "a")}, "names.*all different"),
        ("SegmentValueChanges", {"mean_now": [math.nan, 1.0]}, "value_now.*0 where `mean_now` is NaN"),
    ],
)
def test_contradictions_are_refused(name, changes, named):
    values = importlib.import_module("tests.core.public_values").VALUES
    with pytest.raises(InputError, match=named):
        attrs.evolve(next(value for value in values if type(value).__name__ == name), **changes)


def test_a_share_of_values_that_cancel_out_is_infinite():
    found = SegmentSummary(
        names=["a", "b", "c"], n_customers=[1] * 3, value=[1e300, -1e300, 5e-324], meanings=[""] * 3, actions=[""] * 3
    )
    assert np.isinf(found.value_share[:2]).all()
