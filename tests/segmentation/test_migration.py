"""Movement between groups: counts, probabilities with intervals, changes, projections."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import attrs
import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmvalue.errors import InputError
from crmvalue.purchases import summarise_window
from crmvalue.segmentation import (
    LIFECYCLE_STAGES,
    Migration,
    fit_rfm,
    lifecycle_stage,
    migration_matrix,
    score_rfm,
)
from tests.work import times_longer

label = st.sampled_from(["active", "churned", "sleeping", "Ще"])
cents = st.integers(-(10**9), 10**9)
states_before = st.dictionaries(st.integers(0, 15), st.tuples(label, cents), min_size=1)
states_now = st.dictionaries(st.integers(0, 15), st.tuples(label, cents), min_size=1)


def moved_between(before, now, *, text=False, **options):
    """Count from dictionaries of a label and cents by identifier."""
    ids = [[f"c{key}" if text else key for key in table] for table in (before, now)]
    labels = [[name for name, _ in table.values()] for table in (before, now)]
    value = [[amount / 100 for _, amount in table.values()] for table in (before, now)]
    return migration_matrix(
        *labels, customer_before=ids[0], customer_now=ids[1], value_before=value[0], value_now=value[1], **options
    )


def two_groups(n_stay, n_move):
    """Give customers of group a of whom some move to b, and one of b who stays."""
    return migration_matrix(["a"] * (n_stay + n_move) + ["b"], ["a"] * n_stay + ["b"] * (n_move + 1))


ONE = {"before": ["a", "b"], "now": ["b", "a"]}


class TestMigrationMatrix:
    """Customers by group before (row) and now (column); who is there once only is new or gone."""

    @given(states_before, states_now, st.booleans())
    def test_equals_counting_one_by_one(self, before, now, text):
        moved = moved_between(before, now, text=text)
        assert moved.states == tuple(sorted({name for table in (before, now) for name, _ in table.values()}))
        both = before.keys() & now.keys()
        for i, one in enumerate(moved.states):
            for j, other in enumerate(moved.states):
                assert moved.counts[i, j] == sum(before[key][0] == one and now[key][0] == other for key in both)
            assert moved.n_gone[i] == sum(before[key][0] == one for key in before.keys() - both)
            assert moved.n_new[i] == sum(now[key][0] == one for key in now.keys() - both)
            for table, size, value in (
                (before, moved.size_before, moved.value_before),
                (now, moved.size_now, moved.value_now),
            ):
                amounts = [amount for name, amount in table.values() if name == one]
                assert size[i] == len(amounts)
                assert round(Decimal(value[i]), 2) == Decimal(sum(amounts)) / 100

    @given(states_before, states_now)
    def test_nobody_is_lost(self, before, now):
        moved = moved_between(before, now)
        assert (moved.counts.sum(axis=1) + moved.n_gone == moved.size_before).all()
        assert (moved.counts.sum(axis=0) + moved.n_new == moved.size_now).all()
        assert moved.size_before.sum() == len(before)
        assert moved.size_now.sum() == len(now)
        assert (moved.change == moved.size_now - moved.size_before).all()
        assert moved.change.sum() == moved.n_new.sum() - moved.n_gone.sum()

    @given(states_before, states_now, st.randoms(use_true_random=False))
    def test_order_of_rows_does_not_matter(self, before, now, random):
        """Not even to the last bit of the money."""
        shuffled = []
        for table in (before, now):
            pairs = list(table.items())
            random.shuffle(pairs)
            shuffled.append(dict(pairs))
        assert moved_between(*shuffled) == moved_between(before, now)

    @given(states_before, states_now)
    def test_forth_and_back(self, before, now):
        there, back = moved_between(before, now), moved_between(now, before)
        np.testing.assert_array_equal(there.counts, back.counts.T)
        np.testing.assert_array_equal(there.n_new, back.n_gone)
        np.testing.assert_array_equal(there.value_change, -back.value_change)

    @given(st.lists(st.tuples(label, label), min_size=1))
    def test_without_identifiers_rows_are_customers(self, pairs):
        then, today = zip(*pairs, strict=True)
        ids = range(len(pairs))
        by_rows = migration_matrix(then, today)
        assert by_rows == migration_matrix(then, today, customer_before=list(ids), customer_now=list(ids))
        assert not by_rows.n_new.any()
        assert not by_rows.n_gone.any()

    def test_states_of_its_own_order_and_without_customers(self):
        moved = migration_matrix(["b", "a"], ["b", "b"], states=("c", "b", "a"))
        assert moved.states == ("c", "b", "a")
        assert moved.counts.tolist() == [[0, 0, 0], [0, 1, 0], [0, 1, 0]]
        assert moved.size_now.tolist() == [0, 2, 0]

    def test_of_the_stages_of_silence(self):
        last = np.array(["2022-01-31", "2023-05-31", "2023-12-01", "2020-01-01"], dtype="M8[D]")
        stages = [lifecycle_stage(last, as_of=day, potential_churn_from=25) for day in ("2024-02-28", "2024-02-29")]
        moved = migration_matrix(*stages, states=LIFECYCLE_STAGES)
        assert moved.counts.tolist() == [[1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0], [0, 0, 0, 1]]

    @pytest.mark.parametrize(
        "column",
        [
            ("b", "a", "b"),
            np.array(["b", "a", "b"]),
            np.array(["b", "a", "b"], dtype=object),
            np.array(["b", "a", "b"], dtype=np.dtypes.StringDType()),
            pd.Series(["b", "a", "b"], index=[7, 7, 1]),
            pd.Series(["b", "a", "b"], dtype="string"),
            pd.Series(["b", "a", "b"], dtype="category"),
            pl.Series(["b", "a", "b"]),
            pl.Series(["b", "a", "b"], dtype=pl.Categorical),
        ],
        ids=lambda column: type(column).__name__ + str(getattr(column, "dtype", "")),
    )
    def test_labels_of_every_kind(self, column):
        assert migration_matrix(column, ["a", "a", "b"]).counts.tolist() == [[1, 0], [1, 1]]
        assert migration_matrix(["a", "a", "b"], column).counts.tolist() == [[1, 1], [0, 1]]

    @pytest.mark.parametrize(
        ("before", "now"),
        [
            (np.array([2**53 + 1, 2**53], np.int64), np.array([2**53 + 1, 2**53 + 2], np.uint64)),
            (np.array([2**64 - 1, 5], np.uint64), np.array([7, 2**64 - 1], np.uint64)),
            ([-1, 2**63 - 1], np.array([2**64 - 1, 2**63 - 1], np.uint64)),
            ([3.0, 4.0], np.array([3, 10], np.int8)),
            (["b", "a"], np.array(["b", "abc"], dtype=np.dtypes.StringDType())),
            (["b\0", "a"], ["b\0", "b"]),
        ],
    )
    def test_identifiers_of_every_kind(self, before, now):
        moved = migration_matrix(["x", "x"], ["x", "x"], customer_before=before, customer_now=now)
        assert (moved.counts[0, 0], moved.n_new[0], moved.n_gone[0]) == (1, 1, 1)

    def test_one_and_two_customers(self):
        assert migration_matrix(["a"], ["a"]).counts.tolist() == [[1]]
        moved = migration_matrix(["a"], ["b", "b"], customer_before=[1], customer_now=[2, 3])
        assert moved.counts.tolist() == [[0, 0], [0, 0]]
        assert moved.statements() == ("a vanished, from 1 to 0 customers", "b appeared, from 0 to 2 customers")

    @pytest.mark.parametrize("customer", ["a", "b\0", 2**70])
    def test_one_customer_of_every_kind(self, customer):
        moved = migration_matrix(["x"], ["x"], customer_before=[customer], customer_now=[customer])
        assert moved.counts.tolist() == [[1]]

    def test_a_million_customers(self):
        rng = np.random.default_rng(2)
        names = np.array(["active", "churned", "sleeping"])
        then, today = rng.integers(0, 3, (2, 10**6))
        ids = rng.permutation(10**6)
        order = rng.permutation(10**6)
        value = np.full(10**6, 1234.57)
        moved = migration_matrix(
            names[then], names[today[order]], customer_before=ids, customer_now=ids[order],
            value_before=value, value_now=value,
        )  # fmt: skip
        expected = np.array([[((then == i) & (today == j)).sum() for j in range(3)] for i in range(3)])
        np.testing.assert_array_equal(moved.counts, expected)
        exact = [Decimal("1234.57") * int(n) for n in moved.size_before]
        assert [round(Decimal(float(v)), 2) for v in moved.value_before] == exact

    @pytest.mark.parametrize(
        ("change", "name"),
        [
            ({"before": []}, "before"),
            ({"before": np.array([])}, "before"),
            ({"before": "ab"}, "before"),
            ({"before": None}, "before"),
            ({"before": [["a", "b"]]}, "before"),
            ({"before": [["a"], "b"]}, "before"),
            ({"before": ["a", None]}, "before"),
            ({"before": ["a", ""]}, "before"),
            ({"before": ["a", float("nan")]}, "before"),
            ({"before": ["a", pd.NA]}, "before"),
            ({"before": ["a", 5]}, "before"),
            ({"before": [1, 2]}, "before"),
            ({"before": np.array([1.0, 2.0])}, "before"),
            ({"before": np.array([b"a", b"b"])}, "before"),
            ({"before": np.ma.masked_array(["a", "b"], [False, True])}, "before"),
            ({"before": ["a"]}, "now"),
            ({"now": ["a", np.nan]}, "now"),
            ({"now": pd.Series(["a", None], dtype="string")}, "now"),
            ({"now": pl.Series(["a", None])}, "now"),
            ({"customer_before": [1, 2]}, "customer_now"),
            ({"customer_now": [1, 2]}, "customer_now"),
            ({"customer_before": [1, 1], "customer_now": [1, 2]}, "customer_before"),
            ({"customer_before": [1, 2], "customer_now": [2, 2]}, "customer_now"),
            ({"customer_before": [1, 2, 3], "customer_now": [1, 2]}, "customer_before"),
            ({"customer_before": [1, 2], "customer_now": [1, None]}, "customer_now"),
            ({"customer_before": [1, 2], "customer_now": ["1", "2"]}, "customer_now"),
            ({"value_before": [1.0, 2.0]}, "value_now"),
            ({"value_now": [1.0, 2.0]}, "value_now"),
            ({"value_before": [1.0], "value_now": [1.0, 2.0]}, "value_before"),
            ({"value_before": [1.0, 2.0], "value_now": [1.0, np.nan]}, "value_now"),
            ({"value_before": [1.0, "2"], "value_now": [1.0, 2.0]}, "value_before"),
            ({"window_before": 180}, "window_now"),
            ({"window_now": 180}, "window_now"),
            ({"window_before": 0, "window_now": 180}, "window_before"),
            ({"window_before": 180, "window_now": -1}, "window_now"),
            ({"window_before": 180, "window_now": np.nan}, "window_now"),
            ({"window_before": np.inf, "window_now": 180}, "window_before"),
            ({"window_before": "ALL", "window_now": 180}, "window_before"),
            ({"window_before": "180", "window_now": 180}, "window_before"),
            ({"states": []}, "before"),
            ({"states": ["a"]}, "before"),
            ({"states": ["a", "b", "a"]}, "states"),
            ({"states": "ab"}, "states"),
            ({"states": ["a", 5]}, "states"),
            ({"states": {"a": 1}}, "states"),
            ({"states": np.array("a")}, "states"),
            ({"level": 95}, "level"),
            ({"level": 0}, "level"),
            ({"level": np.nan}, "level"),
        ],
    )
    def test_rejects(self, change, name):
        migration_matrix(**ONE)
        with pytest.raises(InputError) as caught:
            migration_matrix(**{**ONE, **change})
        assert caught.value.name == name

    @pytest.mark.parametrize("labels", [["a", pd.NA], ["a", float("nan")], [pd.NA, 5], ["a", 5]])
    def test_says_where_a_label_is_none(self, labels):
        with pytest.raises(InputError) as caught:
            migration_matrix(labels, ["a", "a"])
        assert caught.value.index == (0 if labels[0] is pd.NA else 1)


ALL_TIME = "such counts only rise as time goes by, so the best groups grow by construction; count windows of one length"


def test_more_groups_than_a_table_can_hold():
    groups = np.arange(200_000).astype(str)
    with pytest.raises(InputError, match=r"`before` must be of at most 3,000 different groups, .* got 200000"):
        migration_matrix(groups, groups)
    with pytest.raises(InputError, match="`states` must be of at most 3,000"):
        migration_matrix(["1"], ["2"], states=groups.tolist())


class TestMigration:
    """What follows from the counts."""

    @pytest.mark.parametrize(
        ("k", "n", "low", "high"),
        [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
    )  # known answers: Wilson's interval
    def test_intervals_are_those_of_wilson(self, k, n, low, high):
        moved = two_groups(n - k, k)
        assert moved.transition[0, 1] == pytest.approx(k / n, rel=1e-15)
        interval = moved.transition_interval
        assert interval.low[0, 1] == pytest.approx(low, abs=5e-5)
        assert interval.high[0, 1] == pytest.approx(high, abs=5e-5)
        assert interval.low[0, 0] == pytest.approx(1 - high, abs=5e-5)
        assert interval.high[0, 0] == pytest.approx(1 - low, abs=5e-5)

    def test_the_level_widens_the_intervals(self):
        narrow, wide = (
            migration_matrix(["a"] * 9, ["a"] * 5 + ["b"] * 4, level=level).transition_interval for level in (0.5, 0.99)
        )
        assert (wide.low[0] < narrow.low[0]).all()
        assert (wide.high[0] > narrow.high[0]).all()

    @given(states_before, states_now)
    def test_rows_are_shares_of_who_was_there(self, before, now):
        moved = moved_between(before, now)
        for i, size in enumerate(moved.size_before.tolist()):
            if size:
                stayed = [float(Fraction(n, size)) for n in moved.counts[i].tolist()]
                assert moved.transition[i].tolist() == stayed
                assert sum(stayed) + moved.n_gone[i] / size == pytest.approx(1, abs=1e-12)
                assert moved.factor[i] == moved.size_now[i] / size
                assert (moved.transition_interval.low[i] <= moved.transition[i]).all()
                assert (moved.transition_interval.high[i] >= moved.transition[i]).all()
            else:
                assert np.isnan(moved.transition[i]).all()
                assert np.isnan(moved.factor[i])
                assert moved.transition_interval.low[i].tolist() == [0] * len(moved.states)
                assert moved.transition_interval.high[i].tolist() == [1] * len(moved.states)

    @given(states_before, states_now, st.integers(0, 6))
    def test_projection_equals_moving_shares_of_customers(self, before, now, n_periods):
        """Each period: every customer moves by the shares of his group, and the same number comes anew."""
        moved = moved_between(before, now)
        size = [Fraction(n) for n in moved.size_now.tolist()]
        for _ in range(n_periods):
            after = [Fraction(n) for n in moved.n_new.tolist()]
            for i, there in enumerate(moved.size_before.tolist()):
                if there == 0:
                    after[i] += size[i]
                for j, n in enumerate(moved.counts[i].tolist()):
                    after[j] += size[i] * Fraction(n, there or 1)
            size = after
        assert moved.project(n_periods).tolist() == pytest.approx([float(n) for n in size], rel=1e-12)

    def test_projection_of_nothing_new_keeps_the_customers(self):
        moved = migration_matrix(["a", "a", "b", "c"], ["b", "a", "c", "a"])
        assert moved.project(0).tolist() == [2, 1, 1]
        assert moved.project(10_000).sum() == pytest.approx(4, rel=1e-9)

    @pytest.mark.parametrize("n_periods", [200, 201, 403, 9_999, 10_000])
    @pytest.mark.parametrize("gone", [0, 1])
    def test_projection_of_many_periods_equals_its_steps(self, n_periods, gone):
        """Step by step in longer numbers; one group moves slowly, one is empty, and two only change places."""
        counts = np.array([[3, 2, 0, 0, 0], [0, 99_999, 1, 0, 0], [0] * 5, [0, 0, 0, 0, 7], [0, 0, 0, 7, 0]])
        moved = Migration(states=tuple("abcde"), counts=counts, n_new=[3, 0, 1, 0, 2], n_gone=[gone, gone, 0, 0, 0])
        prob = counts.astype(np.longdouble) / np.maximum(moved.size_before, 1)[:, np.newaxis]
        prob[2, 2] = 1
        size = moved.size_now.astype(np.longdouble)
        for _ in range(n_periods):
            size = size @ prob + moved.n_new
        with np.errstate(all="raise"):
            assert moved.project(n_periods).tolist() == pytest.approx(size.astype(float).tolist(), rel=1e-11)

    def test_projection_of_many_groups_takes_no_powers_of_the_table(self):
        """All customers of a group move to the next one in a ring; powers of the table took 7 seconds."""
        moved = {
            k: Migration(
                states=[str(i) for i in range(k)],
                counts=np.diag(np.arange(1, k), 1) + np.diag([k], 1 - k),
                n_new=np.zeros(k, dtype=int),
                n_gone=np.zeros(k, dtype=int),
            )
            for k in (300, 1_200)
        }
        ratio, size = times_longer(lambda k: moved[k].project(499), *moved, n_rounds=1)
        assert size.tolist() == np.roll(moved[1_200].size_now, 499).tolist()
        assert ratio < 10  # some 30 with powers

    @pytest.mark.parametrize("n_periods", [-1, 0.5, np.nan, "1", None, 10_001, [1]])
    def test_projection_rejects(self, n_periods):
        with pytest.raises(InputError, match="n_periods"):
            two_groups(1, 1).project(n_periods)

    @pytest.mark.parametrize(
        ("before", "now", "said"),
        [
            (490, 100, "shrank 4.9 times, from 490 to 100 customers"),  # published: sleeping
            (380, 100, "shrank 3.8 times, from 380 to 100 customers"),  # published: potential churn
            (150, 100, "shrank 1.5 times, from 150 to 100 customers"),  # published: churned
            (100, 250, "grew 2.5 times, from 100 to 250 customers"),
            (1000, 1001, "grew slightly, from 1,000 to 1,001 customers"),
            (1001, 1000, "shrank slightly, from 1,001 to 1,000 customers"),
            (100, 105, "grew 1.1 times, from 100 to 105 customers"),
            (100, 104, "grew slightly, from 100 to 104 customers"),
            (1000, 1000, "stayed at 1,000 customers"),
            (0, 1000, "appeared, from 0 to 1,000 customers"),
            (1000, 0, "vanished, from 1,000 to 0 customers"),
            (0, 0, "stayed at 0 customers"),
        ],
    )
    def test_statements(self, before, now, said):
        """The kind of sentence of the source: "sleeping shrank 4.9 times"."""
        n = 2000
        moved = migration_matrix(
            ["sleeping"] * before + ["other"] * (n - before),
            ["other"] * (n - now) + ["sleeping"] * now,
            states=["sleeping", "other"],
        )
        assert moved.statements()[0] == f"sleeping {said}"
        assert len(moved.statements()) == 2
        assert moved.value_change is None

    def test_no_change_has_no_sign_of_a_loss(self):
        moved = migration_matrix(["a"] * 3, ["a"] * 3, value_before=[0, 0, 0], value_now=[-1e-10, 0, 0])
        assert moved.statements() == ("a stayed at 3 customers, and its value did not change",)

    def test_small_money_is_a_change(self):
        moved = migration_matrix(["a"] * 2, ["a"] * 2, value_before=[0, 0], value_now=[0.0012, 0])
        assert moved.statements() == ("a stayed at 2 customers, and its value changed by +0.0012",)
        same = migration_matrix(["a"] * 2, ["a"] * 2, value_before=[0.1, 0.2], value_now=[0.3, 0])
        assert same.statements() == ("a stayed at 2 customers, and its value did not change",)

    def test_statements_name_no_money_of_one_date_alone(self):
        moved = Migration(states=["a"], counts=[[1]], n_new=[1], n_gone=[0], value_before=[5.0])
        assert moved.statements() == ("a grew 2.0 times, from 1 to 2 customers",)
        assert moved.value_change is None

    def test_statements_with_money(self):
        moved = migration_matrix(
            ["a", "a", "b"], ["a", "b", "b"], value_before=[1000, 500.25, 3], value_now=[1200.5, 0, 3]
        )
        assert moved.value_change.tolist() == [-299.75, 0.0]
        assert moved.statements() == (
            "a shrank 2.0 times, from 2 to 1 customer, and its value changed by -299.75",
            "b grew 2.0 times, from 1 to 2 customers, and its value did not change",
        )

    def test_values_of_who_is_gone_and_who_is_new(self):
        moved = moved_between({1: ("a", 100), 2: ("a", 50)}, {2: ("a", 70), 3: ("b", 5)})
        assert (moved.value_before.tolist(), moved.value_now.tolist()) == ([1.5, 0.0], [0.7, 0.05])

    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"states": "ab"}, "states"),
            ({"states": ("a", "a")}, "states"),
            ({"states": ("a", 5)}, "states"),
            ({"states": ()}, "states"),
            ({"states": ("a", "b", "c")}, "counts"),
            ({"counts": [[1, 2]]}, "counts"),
            ({"counts": [1, 2]}, "counts"),
            ({"counts": [[1, -1], [0, 0]]}, "counts"),
            ({"counts": [[1, 0.5], [0, 0]]}, "counts"),
            ({"n_new": [1]}, "n_new"),
            ({"n_gone": [1, np.nan]}, "n_gone"),
            ({"value_before": [1.0]}, "value_before"),
            ({"value_now": [1.0, np.nan]}, "value_now"),
            ({"value_now": "12"}, "value_now"),
            ({"level": 95}, "level"),
            ({"level": None}, "level"),
            ({"window_now": 0}, "window_now"),
        ],
    )
    def test_fields_are_checked(self, changes, name):
        moved = migration_matrix(["a", "b"], ["b", "a"], value_before=[1, 2], value_now=[3, 4])
        with pytest.raises(InputError) as caught:
            attrs.evolve(moved, **changes)
        assert caught.value.name == name

    def test_residues_of_value_count_as_nothing(self):
        moved = migration_matrix(["a", "b"], ["b", "b"], value_before=[4e-16, 1], value_now=[-4e-16, 1e-167])
        assert (moved.value_before.tolist(), moved.value_now.tolist()) == ([0, 1], [0, 0])

    def test_is_frozen(self):
        moved = two_groups(1, 1)
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            moved.level = 0.5
        assert moved == Migration(**attrs.asdict(moved, recurse=False))

    @pytest.mark.parametrize(
        ("before", "now", "said"),
        [
            (180, 365, "180 days before and 365 days now: {}, so the best groups grow by construction"),
            (365, 180, "365 days before and 180 days now: {}, so the best groups shrink by construction"),
            ("all", 180, "all time before and 180 days now: {}, so the best groups shrink by construction"),
            (7.5, "all", "7.5 days before and all time now: {}, so the best groups grow by construction"),
            (
                1234567,
                1234567.5,
                "1234567 days before and 1234567.5 days now: {}, so the best groups grow by construction",
            ),
            ("all", "all", "all purchases up to each date: " + ALL_TIME),
        ],
    )
    def test_says_where_windows_cannot_be_compared(self, before, now, said):
        moved = migration_matrix(["a"], ["b"], window_before=before, window_now=now)
        said = "the groups count " + said.format("a longer window holds more purchases")
        assert moved.caution == said
        assert moved.statements()[-1] == said
        assert len(moved.statements()) == 3

    @pytest.mark.parametrize("window", [30, 180.0, np.float64(1), np.int64(365)])
    def test_equal_windows_need_no_caution(self, window):
        moved = migration_matrix(["a"], ["b"], window_before=window, window_now=float(window))
        assert moved.caution == ""
        assert len(moved.statements()) == 2

    def test_says_that_the_windows_are_not_known(self):
        moved = migration_matrix(["a"], ["b"])
        assert moved.caution.startswith("no windows are given")
        assert "so do groups by silence in a young log" in moved.caution  # nobody is silent for longer than the log
        assert len(moved.statements()) == 2


class TestGrowthByConstruction:
    """A base that buys at one pace for ever: its groups stay as large as they are."""

    def test_a_window_sees_no_growth_where_there_is_none(self):
        """40 customers, of whom the i-th buys every 10 + i days from the beginning to the end.

        With purchases of all time, customers pass the break points as time goes by; with a window nearly nobody does.
        """
        orders = [(i, day) for i in range(40) for day in range(i % 7, 730, 10 + i)]
        customer, day = np.array(orders).T
        log = customer, np.datetime64("2023-01-01") + day
        limits = {"days_since_last": [1e4, 1e3], "n_purchases": [6, 11], "spend": [1, 2]}
        fixed = {"spend_basis": "total", "method": "threshold", "n_bins": 3, "thresholds": limits}

        def groups(as_of, window):
            found = summarise_window(*log, as_of=as_of, window=window or 10**4)
            columns = found.days_since_last, found.n_purchases, np.zeros(len(found.customer))
            scores = score_rfm(*columns, fit_rfm(*columns, **fixed, window=window), window=window)
            return np.array(["low", "middle", "best"])[scores.f_score - 1], columns[1]

        for window, grows in ((180, False), (None, True)):
            (before, n_before), (now, n_now) = (groups(day, window) for day in ("2023-12-31", "2024-12-30"))
            length = "all" if window is None else window
            moved = migration_matrix(
                before, now, states=["low", "middle", "best"], window_before=length, window_now=length
            )
            if grows:
                assert (n_now > n_before).all()
                assert moved.factor[2] > 1.5
            else:
                assert (np.abs(n_now - n_before) <= 1).all()
                assert 0.8 < moved.factor[2] < 1.25
            assert bool(moved.caution) == grows


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("window_now", {"window_before": 5}),
        ("window_before", {"window_before": -5, "window_now": 5}),
        ("value_now", {"value_before": [1.0]}),
        ("states", {"states": 5}),
    ],
)
def test_small_arguments_are_checked_before_the_customers_are_read(name, options):
    with pytest.raises(InputError) as caught:
        migration_matrix(["a", None], ["a"], **options)
    assert caught.value.name == name
