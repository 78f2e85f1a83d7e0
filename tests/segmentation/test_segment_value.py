"""What groups are worth: sums that add up, shares, and which fell."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from unittest import mock

import attrs
import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmvalue._segmentation.labels import group_sums
from crmvalue.errors import InputError
from crmvalue.ltv import ltv_segments
from crmvalue.models import BgNbd, GammaGamma, customer_values
from crmvalue.purchases import PurchaseHistory
from crmvalue.segmentation import (
    LIFECYCLE_STAGES,
    SegmentSummary,
    SegmentTable,
    segment_value_changes,
    summarise_segments,
)
from tests.segmentation.references import NeverSearched

rows = st.lists(st.tuples(st.sampled_from(["shop", "web", "app", "Ще"]), st.integers(-(10**10), 10**10)), min_size=1)


def summarise(pairs, **options):
    """Sum cents as money."""
    return summarise_segments([name for name, _ in pairs], [amount / 100 for _, amount in pairs], **options)


ONE = {"segment": ["a", "b"], "value": [1.0, 2.0]}


class TestSummariseSegments:
    """Customers and the sum of their values, by group."""

    @pytest.mark.parametrize("residue", [4e-16, -4e-16, 9.9e-10, -9.9e-10, 1e-167, -1e-167])
    def test_residues_count_as_nothing(self, residue):
        found = summarise_segments(["a", "b", "a"], [residue, 5.0, residue])
        assert (found.names, found.value.tolist()) == (("b", "a"), [5, 0])
        assert found.mean_value.tolist() == [5, 0]
        assert summarise_segments(["a", "b"], [1e-9, -1e-9]).value.tolist() == [1e-9, -1e-9]

    @given(rows)
    def test_equals_sums_one_by_one(self, pairs):
        found = summarise(pairs)
        expected = {}
        for name, amount in pairs:
            n, total = expected.get(name, (0, 0))
            expected[name] = n + 1, total + amount
        assert {name: n for name, (n, _) in expected.items()} == dict(
            zip(found.names, found.n_customers.tolist(), strict=True)
        )
        for name, value in zip(found.names, found.value.tolist(), strict=True):
            assert round(Decimal(value), 2) == Decimal(expected[name][1]) / 100
        assert list(found.names) == sorted(
            expected, key=lambda name: (-found.value[found.names.index(name)], name)
        )  # the most valuable first

    @given(rows)
    def test_groups_add_up_to_the_base(self, pairs):
        found = summarise(pairs)
        total = sum(amount for _, amount in pairs)
        assert round(Decimal(found.total), 2) == Decimal(total) / 100
        assert sum(map(Fraction, found.value.tolist())) == pytest.approx(Fraction(found.total), rel=1e-15)
        assert found.n_customers.sum() == len(pairs)
        assert found.customer_share.sum() == pytest.approx(1, abs=1e-12)
        if total > 0:
            assert found.value_share.tolist() == (found.value / found.total).tolist()
            scale = np.abs(found.value_share).max()
            assert found.value_share.sum() == pytest.approx(1, abs=1e-12 * max(scale, 1))
        else:
            assert np.isnan(found.value_share).all()
        means = [float(Fraction(v) / n) for v, n in zip(found.value.tolist(), found.n_customers.tolist(), strict=True)]
        assert found.mean_value.tolist() == means

    @given(rows, st.randoms(use_true_random=False))
    def test_order_of_rows_does_not_matter(self, pairs, random):
        shuffled = pairs.copy()
        random.shuffle(shuffled)
        assert summarise(shuffled) == summarise(pairs)

    def test_not_a_cent_is_lost_among_millions(self):
        """Added up one after the other, a million times 1,234.57 is off by cents."""
        n = 10**6
        found = summarise_segments(np.repeat(["a", "b"], [n, 3]), np.append(np.full(n, 1234.57), [0.1, 0.2, -0.3]))
        assert [round(value, 2) for value in found.value.tolist()] == [1_234_570_000.00, 0.00]
        assert round(found.total, 2) == 1_234_570_000.00

    def test_of_a_table(self):
        table = SegmentTable.preset("A")
        found = summarise_segments(["New", "Lost", "New"], [10, 2, 30], table=table, as_of="2024-06-30")
        assert found.names == table.names
        assert found.meanings == table.meanings
        assert found.actions == table.actions
        assert found.as_of == np.datetime64("2024-06-30")
        there = {name: i for i, name in enumerate(found.names)}
        assert found.n_customers.tolist() == [{"New": 2, "Lost": 1}.get(name, 0) for name in found.names]
        assert found.value[[there["New"], there["Lost"]]].tolist() == [40, 2]
        empty = found.n_customers == 0
        assert empty.sum() == 9
        assert not found.value[empty].any()
        assert not found.value_share[empty].any()
        assert not found.customer_share[empty].any()
        assert np.isnan(found.mean_value[empty]).all()
        assert not np.isnan(found.mean_value[~empty]).any()

    def test_of_names(self):
        found = summarise_segments(["sleeping", "active"], [3, 1], table=LIFECYCLE_STAGES)
        assert found.names == LIFECYCLE_STAGES
        assert found.value[:2].tolist() == [1, 3]
        assert set(found.meanings) == set(found.actions) == {""}

    def test_to_columns(self):
        columns = summarise_segments(["a", "b", "a"], [1, 5, 1]).to_columns()
        assert {name: column.tolist() for name, column in columns.items()} == {
            "segment": ["b", "a"],
            "n_customers": [1, 2],
            "customer_share": [1 / 3, 2 / 3],
            "value": [5, 2],
            "value_share": [5 / 7, 2 / 7],
            "mean_value": [5, 1],
            "meaning": ["", ""],
            "action": ["", ""],
        }
        assert pd.DataFrame(columns).shape == pl.DataFrame(columns).shape == (2, 8)

    @pytest.mark.parametrize("value", [[0, 0], [0, -1], [-2, 1], [1, -1]])
    def test_shares_of_no_value_are_unknown(self, value):
        found = summarise_segments(["a", "b"], value)
        assert np.isnan(found.value_share).all()
        assert found.customer_share.tolist() == [0.5, 0.5]

    def test_ties_are_in_the_order_of_names(self):
        assert summarise_segments(["c", "a", "b"], [1, 1, 1]).names == ("a", "b", "c")

    def test_one_customer(self):
        found = summarise_segments(["a"], [2.5])
        assert (found.names, found.total, found.mean_value.tolist()) == (("a",), 2.5, [2.5])
        assert found.value_share.tolist() == found.customer_share.tolist() == [1]

    @pytest.mark.parametrize(
        "labels",
        [
            np.array(["a", "b", "a"]),
            np.array(["a", "b", "a"], dtype=object),
            pd.Series(["a", "b", "a"], dtype="category"),
            pd.Series(["a", "b", "a"], dtype="string"),
            pl.Series(["a", "b", "a"]),
            pl.Series(["a", "b", "a"], dtype=pl.Enum(["b", "a"])),
        ],
    )
    def test_columns_of_every_kind(self, labels):
        for value in ([1, 2, 3], np.array([1, 2, 3], np.int8), pd.Series([1, 2, 3]), pl.Series([1.0, 2.0, 3.0])):
            found = summarise_segments(labels, value)
            assert (found.names, found.value.tolist()) == (("a", "b"), [4, 2])

    def test_of_the_value_of_each_customer(self):
        """The CLV of the models by channel: the channels add up to the base."""
        history = PurchaseHistory.from_columns(
            frequency=[2, 0, 7, 1], recency=[30.0, 0, 36, 0.5], age=[38.0, 38, 38, 2],
            mean_repeat_spend=[22.35, 0, 50, 10], time_unit="week",
        )  # fmt: skip
        model, money = BgNbd(0.243, 4.414, 0.793, 2.426, "week"), GammaGamma(6.25, 3.74, 15.44)
        clv = customer_values(history, model, money, horizon=52, margin=0.3).clv
        found = summarise_segments(["web", "shop", "web", "shop"], clv)
        assert found.total == pytest.approx(float(sum(map(Fraction, clv.tolist()))), rel=1e-14)
        assert found.value[found.names.index("web")] == pytest.approx(clv[0] + clv[2], rel=1e-14)

    def test_the_way_to_formula_five(self):
        """Revenue by segment x retention x margin, from the columns of customers."""
        found = summarise_segments(["b", "a", "b"], [10, 100, 30])
        worth = ltv_segments(found.value, [0.5, 0.8], 0.4, names=found.names)
        assert worth.names == ("a", "b")
        assert worth.total == pytest.approx(100 * 0.5 * 0.4 + 40 * 0.8 * 0.4)

    @pytest.mark.parametrize(
        ("change", "name"),
        [
            ({"segment": []}, "segment"),
            ({"segment": ["a", None]}, "segment"),
            ({"segment": ["a", ""]}, "segment"),
            ({"segment": ["a", np.nan]}, "segment"),
            ({"segment": ["a", 5]}, "segment"),
            ({"segment": [1, 2]}, "segment"),
            ({"segment": "ab"}, "segment"),
            ({"segment": np.ma.masked_array(["a", "b"], [True, False])}, "segment"),
            ({"segment": ["a"]}, "value"),
            ({"value": [1.0]}, "value"),
            ({"value": 1.0}, "value"),
            ({"value": [1.0, np.nan]}, "value"),
            ({"value": [1.0, np.inf]}, "value"),
            ({"value": [1.0, "2"]}, "value"),
            ({"value": [1.0, None]}, "value"),
            ({"table": ["a"]}, "segment"),
            ({"table": SegmentTable.preset("A")}, "segment"),
            ({"table": []}, "table"),
            ({"table": "ab"}, "table"),
            ({"table": "A"}, "table"),
            ({"table": ["a", "b", "a"]}, "table"),
            ({"table": ["a", "b", 5]}, "table"),
            ({"table": 5}, "table"),
            ({"as_of": "2024-02-30"}, "as_of"),
            ({"as_of": ["2024-02-28"]}, "as_of"),
        ],
    )
    def test_rejects(self, change, name):
        summarise_segments(**ONE)
        with pytest.raises(InputError) as caught:
            summarise_segments(**{**ONE, **change})
        assert caught.value.name == name


class TestSegmentSummary:
    """Groups of a date, kept as JSON until the next."""

    @given(rows, st.sampled_from([None, "2024-02-29"]))
    def test_round_trip(self, pairs, as_of):
        found = summarise(pairs, as_of=as_of)
        again = SegmentSummary.from_json(found.to_json())
        assert again == found
        assert again.n_customers.dtype.kind == "i"
        assert segment_value_changes(again, found).fallen == ()

    def test_round_trip_with_a_table(self):
        found = summarise_segments(["New"], [10], table=SegmentTable.preset("A"))
        assert SegmentSummary.from_json(found.to_json()) == found

    @pytest.mark.parametrize(
        "text", ["", "null", "[]", "{}", '{"names": ["a"]}', 5, None, '{"names": ["a"], "total": 1}']
    )
    def test_rejects_other_texts(self, text):
        with pytest.raises(InputError) as caught:
            SegmentSummary.from_json(text)
        assert caught.value.name == "text"

    @pytest.mark.parametrize(
        ("change", "name"),
        [
            ({"names": ("a", "a")}, "names"),
            ({"names": ()}, "names"),
            ({"names": "ab"}, "names"),
            ({"names": ("a", 5)}, "names"),
            ({"names": None}, "names"),
            ({"names": ("a",)}, "n_customers"),
            ({"n_customers": [1]}, "n_customers"),
            ({"n_customers": [1, -1]}, "n_customers"),
            ({"n_customers": [1.5, 2.0]}, "n_customers"),
            ({"n_customers": [[1, 2]]}, "n_customers"),
            ({"value": [1.0]}, "value"),
            ({"value": [1.0, np.nan]}, "value"),
            ({"meanings": ("",)}, "meanings"),
            ({"actions": ("", "", "")}, "actions"),
            ({"actions": ("", None)}, "actions"),
            ({"as_of": "soon"}, "as_of"),
        ],
    )
    def test_rejects(self, change, name):
        found = summarise_segments(["a", "b"], [2, 1])
        with pytest.raises(InputError) as caught:
            attrs.evolve(found, **change)
        assert caught.value.name == name


class TestSegmentValueChanges:
    """Value of each group at two dates, and the groups that fell."""

    def test_many_groups_take_no_square_of_their_number(self):
        before, now = (summarise_segments(names, [1.0, 1.0], as_of="2024-03-31") for names in (["a", "b"], ["b", "c"]))
        for summary in (before, now):
            object.__setattr__(summary, "names", NeverSearched(summary.names))
        assert segment_value_changes(before, now).names == ("b", "c", "a")

    def test_reports_what_fell(self):
        before = summarise_segments(["a", "b", "c", "d"], [10, 5, 7, 1], as_of="2024-03-31")
        now = summarise_segments(["a", "b", "b", "c", "e"], [9.99, 3, 3, 7, 2], as_of="2024-06-30")
        changes = segment_value_changes(before, now)
        assert changes.names == ("a", "c", "b", "e", "d")
        assert changes.value_before.tolist() == [10, 7, 5, 0, 1]
        assert changes.value_now.tolist() == [9.99, 7, 6, 2, 0]
        np.testing.assert_array_equal(changes.mean_before, [10, 7, 5, np.nan, 1])
        np.testing.assert_array_equal(changes.mean_now, [9.99, 7, 3, 2, np.nan])
        assert changes.fallen == ("a", "d")
        assert changes.fallen_mean == ("a", "b")

    @given(rows, rows)
    def test_equals_sums_one_by_one(self, before, now):
        changes = segment_value_changes(summarise(before), summarise(now))
        for name in {name for name, _ in before + now}:
            i = changes.names.index(name)
            then = [amount for other, amount in before if other == name]
            today = [amount for other, amount in now if other == name]
            assert (name in changes.fallen) is (sum(today) < sum(then))
            assert round(Decimal(changes.value_now[i]), 2) == Decimal(sum(today)) / 100
            assert round(Decimal(changes.value_before[i]), 2) == Decimal(sum(then)) / 100
            assert np.isnan(changes.mean_now[i]) == (not today)
            if then and today and Fraction(sum(today), len(today)) != Fraction(sum(then), len(then)):
                assert (name in changes.fallen_mean) is (sum(today) * len(then) < sum(then) * len(today))
        assert len(changes.names) == len({name for name, _ in before + now})

    @given(rows, st.randoms(use_true_random=False))
    def test_nothing_falls_by_another_order_of_rows(self, pairs, random):
        shuffled = pairs.copy()
        random.shuffle(shuffled)
        changes = segment_value_changes(summarise(pairs), summarise(shuffled))
        assert changes.fallen == changes.fallen_mean == ()

    def test_groups_of_a_table_without_customers(self):
        before = summarise_segments(["active"], [5], table=LIFECYCLE_STAGES)
        changes = segment_value_changes(before, summarise_segments(["sleeping"], [4], table=LIFECYCLE_STAGES))
        assert changes.names == LIFECYCLE_STAGES
        assert changes.fallen == ("active",)
        assert changes.fallen_mean == ()

    def test_rejects(self):
        one = summarise_segments(["a"], [1], as_of="2024-06-30")
        for name, both in (("before", (None, one)), ("now", (one, [1])), ("before", ("a", one))):
            with pytest.raises(InputError) as caught:
                segment_value_changes(*both)
            assert caught.value.name == name
        earlier = summarise_segments(["a"], [1], as_of="2024-03-31")
        with pytest.raises(InputError, match="no later than `now`"):
            segment_value_changes(one, earlier)
        assert segment_value_changes(earlier, one).fallen == ()
        assert segment_value_changes(one, one).fallen == ()
        assert segment_value_changes(one, summarise_segments(["a"], [1])).fallen == ()


@given(st.lists(st.tuples(st.integers(0, 5), st.floats(-1e15, 1e15)), min_size=1, max_size=40))
def test_sums_of_groups_are_rounded_once(rows):
    """Against exact fractions, for groups of any size."""
    code, value = (np.array(column) for column in zip(*rows, strict=True))
    exact = [float(sum((Fraction(x) for c, x in rows if c == k), Fraction(0))) for k in range(7)]
    assert group_sums(code, value.astype(np.float64), 7).tolist() == exact


def test_a_million_groups_are_added_up_without_a_walk():
    """Groups of one or two customers need no loop: 0.74 s became 0.01 s."""
    code = np.arange(2 * 10**6) % 10**6
    with mock.patch("math.fsum") as walked:
        sums = group_sums(code, np.full(len(code), 0.1), 10**6)
    assert not walked.called
    assert (sums == 0.2).all()


@pytest.mark.parametrize(("name", "value"), [("table", 5), ("as_of", "never")])
def test_small_arguments_are_checked_before_the_customers_are_read(name, value):
    with pytest.raises(InputError) as caught:
        summarise_segments(["a", None], [1.0, np.nan], **{name: value})
    assert caught.value.name == name
