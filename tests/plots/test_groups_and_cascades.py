"""The treemap of groups, and the cascade on a time axis."""

from __future__ import annotations

import numpy as np
import pytest

from crmvalue import plots
from crmvalue.errors import InputError
from crmvalue.journeys import Cascade, LastStep
from crmvalue.segmentation import SegmentSummary, summarise_segments

CASCADE = Cascade(offers=["5 %", "7 %", "10 %"], repeat_last=True)


def summary_of(sizes, value=None):
    k = len(sizes)
    return SegmentSummary(
        names=[f"group {i}" for i in range(k)],
        n_customers=sizes,
        value=np.arange(1.0, k + 1) * np.greater(sizes, 0) if value is None else value,
        meanings=[""] * k,
        actions=[""] * k,
    )


class TestSegmentTreemap:
    """Areas are shares of the customers; boxes fill the picture and do not overlap."""

    @pytest.mark.parametrize("sizes", [[1], [5, 3], [9] * 7, [100, 50, 20, 9, 4, 1, 1], [10**6, 1, 1], range(1, 21)])
    def test_areas(self, sizes):
        data = plots.segment_treemap(summary_of(list(sizes))).plot_data()
        area = (data["right"] - data["left"]) * (data["high"] - data["low"])
        assert area == pytest.approx(data["n_customers"] / sum(sizes), rel=1e-9)
        assert area.sum() == pytest.approx(1)

    def test_groups_of_equal_value(self):
        found = plots.segment_treemap(summary_of([2, 2, 6], value=[20.0, 20.0, 6.0]))
        assert found.title == "A customer of each of the best 2 groups is worth 10, the average customer 4.6"

    def test_a_small_group_of_another_value(self):
        """The others are within 5 % of the average, and it is not."""
        found = plots.segment_treemap(summary_of([980, 20], value=[9800.0, 0.0]))
        assert found.title == "A customer of group 1 is worth 0, the average customer 9.8"
        found = plots.segment_treemap(summary_of([980, 10, 10], value=[9800.0, 0.0, 0.0]))
        assert found.title == "A customer of each of the worst 2 groups is worth 0, the average customer 9.8"
        alike = plots.segment_treemap(summary_of([980, 20], value=[9800.0, 196.0]))
        assert alike.title == "The customers of all groups are worth about the same: 10"

    @pytest.mark.parametrize("sizes", [[5, 3], [9] * 7, [100, 50, 20, 9, 4, 1, 1], range(1, 21)])
    def test_no_overlap(self, sizes):
        data = plots.segment_treemap(summary_of(list(sizes))).plot_data()
        low, high = (np.column_stack([data[side] for side in sides]) for sides in (("left", "low"), ("right", "high")))
        across = np.minimum(high[:, None], high) - np.maximum(low[:, None], low)
        assert not np.triu((across > 1e-9).all(axis=2), k=1).any()
        assert low.min() == pytest.approx(0, abs=1e-12)
        assert high.max() == pytest.approx(1)

    def test_equal_groups_are_nearly_square(self):
        data = plots.segment_treemap(summary_of([1] * 8)).plot_data()
        width, height = 590 * (data["right"] - data["left"]), 290 * (data["high"] - data["low"])
        assert np.maximum(width / height, height / width).max() < 1.5

    def test_value_of_a_customer(self):
        groups = summarise_segments(["a", "b", "a"], [10.0, 4.0, 20.0])
        data = plots.segment_treemap(groups).plot_data()
        assert dict(zip(data["group"].tolist(), data["mean_value"].tolist(), strict=True)) == {"a": 15.0, "b": 4.0}

    def test_the_smallest_of_many_are_one(self):
        data = plots.segment_treemap(summary_of(list(range(1, 41)))).plot_data()
        assert data["group"][-1] == "21 other groups"
        assert data["n_customers"].sum() == 820
        assert data["mean_value"] @ data["n_customers"] == pytest.approx(820)

    def test_empty_groups_are_left_out(self):
        assert plots.segment_treemap(summary_of([2, 0, 1])).plot_data()["group"].tolist() == ["group 0", "group 2"]

    def test_another_value_is_refused(self):
        with pytest.raises(InputError, match="`summary` must be a SegmentSummary"):
            plots.segment_treemap({"a": 1})


class TestCascadeTimeline:
    """Days of the steps, the gain up to each, and the first day after which the gain falls."""

    def test_days_and_gains(self):
        gain = LastStep(gain_by_last_step=[[0.0, 1.0, 3.0, 2.0], [0.0, 2.0, 2.0, -1.0]])
        data = plots.cascade_timeline(CASCADE, "2024-01-31", gain).plot_data()
        assert data["day"].astype(str).tolist() == [
            "2024-01-31", "2024-10-31", "2025-01-31", "2025-04-30", "2027-01-31"
        ]  # fmt: skip
        assert data["gain"][:-1].tolist() == [0, 3, 5, 1]
        assert data["offer"].tolist() == ["", "5 %", "7 %", "10 %", ""]
        assert data["stop"][~np.isnat(data["stop"])].astype(str).tolist() == ["2025-01-31"]

    @pytest.mark.parametrize(
        ("gain", "title"),
        [
            ([0.0, 1.0, 3.0, 2.0], "Stop after 2025-01-31, step 2: later offers lose 1"),
            ([0.0, -1.0, -3.0], "No offer of the cascade pays"),
            ([0.0, 1.0, 3.0], "The whole cascade pays: 3 by its last offer on 2025-01-31"),
        ],
    )
    def test_titles(self, gain, title):
        found = plots.cascade_timeline(CASCADE, "2024-01-31", LastStep(gain_by_last_step=gain))
        assert found.title == title
        assert ("stop" in found.plot_data()) == (not title.startswith("The whole"))

    def test_an_offer_has_the_room_before_its_point(self):
        """A long one ran over the title of the axis."""
        cascade = Cascade(offers=["w" * 60, "x" * 60, "y" * 60], repeat_last=True)
        gain = LastStep(gain_by_last_step=[0, 1, 2, 3])
        said = plots.cascade_timeline(cascade, "2024-01-31", gain).plot_data()["offer"].tolist()
        assert [len(text) for text in said] == [0, 17, 23, 26, 0]

    def test_an_offer_is_written_where_it_is_new(self):
        gain = LastStep(gain_by_last_step=np.arange(10.0))
        offers = plots.cascade_timeline(CASCADE, "2024-01-31", gain).plot_data()["offer"].tolist()
        assert offers == ["", "5 %", "7 %", "10 %", *[""] * 7]

    @pytest.mark.parametrize(
        ("options", "name"),
        [
            ({"cascade": 5}, "cascade"),
            ({"gain": [0.0, 1.0]}, "gain"),
            ({"gain": LastStep(gain_by_last_step=np.arange(12.0))}, "gain"),
            ({"last_purchase": "x"}, "last_purchase"),
        ],
    )
    def test_rejections(self, options, name):
        given = {"cascade": CASCADE, "last_purchase": "2024-01-31", "gain": LastStep(gain_by_last_step=[0.0, 1.0])}
        with pytest.raises(InputError) as caught:
            plots.cascade_timeline(**{**given, **options})
        assert caught.value.name == name
