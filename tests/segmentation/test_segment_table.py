"""The cube of scores and its groups."""

from __future__ import annotations

import json
import math
from itertools import product

import attrs
import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmvalue.datasets import load_cdnow
from crmvalue.errors import InputError
from crmvalue.purchases import summarise_purchases
from crmvalue.segmentation import Inversion, SegmentTable, assign_segments, fit_rfm, score_rfm
from tests.segmentation.references import TABLE_A, TABLE_B, TABLE_D, group_in_table, rank_scores

PRESETS = {"A": TABLE_A, "B": TABLE_B, "D": TABLE_D}
CELLS = list(product(range(1, 6), repeat=3))


def group_of(table, cell):
    return str(assign_segments(*cell, table, n_bins=table.n_bins))


class TestPreset:
    """Tables A, B and D of the known answers, each total."""

    @pytest.mark.parametrize("preset", PRESETS)
    def test_every_cell_is_that_of_the_source(self, preset):
        table = SegmentTable.preset(preset)
        r, f, m = np.array(CELLS).T
        assert assign_segments(r, f, m, table, n_bins=5).tolist() == [group_in_table(preset, *cell) for cell in CELLS]

    @pytest.mark.parametrize("preset", PRESETS)
    def test_names_are_those_of_the_source_in_its_order(self, preset):
        assert SegmentTable.preset(preset).names == tuple(PRESETS[preset])

    def test_cells_of_table_a(self):
        """Known answers."""
        assert SegmentTable.preset("A").n_cells == {
            "Champions": 13,
            "Loyal": 26,
            "Potential Loyalist": 28,
            "New": 1,
            "Promising": 2,
            "Need Attention": 19,
            "About To Sleep": 1,
            "At Risk": 19,
            "Can't Lose Them": 10,
            "Hibernating": 5,
            "Lost": 1,
        }

    def test_cells_of_the_other_tables(self):
        b = {name: len(cells.split()) for name, cells in TABLE_B.items()}
        assert SegmentTable.preset("B").n_cells == b
        assert sum(b.values()) == 125
        assert SegmentTable.preset("D").n_cells == {name: 5 * len(cells.split()) for name, cells in TABLE_D.items()}

    def test_a_is_the_default(self):
        assert SegmentTable.preset() == SegmentTable.preset("A")

    @pytest.mark.parametrize("preset", PRESETS)
    def test_every_group_says_what_it_means_and_what_to_do(self, preset):
        table = SegmentTable.preset(preset)
        lines = table.meanings + table.actions
        assert len(lines) == 2 * len(table.names) == len(set(lines))
        assert all(line.endswith(".") for line in lines)

    @pytest.mark.parametrize("name", ["C", "a", "", None, 1, ["A"]])
    def test_rejects(self, name):
        with pytest.raises(InputError) as caught:
            SegmentTable.preset(name)
        assert caught.value.name == "name"


def inversions_by_pairs(table):
    """Compare every cell with every cell that is better by 1 in one score."""
    place = {cell: table.names.index(group_of(table, cell)) for cell in product(range(1, table.n_bins + 1), repeat=3)}
    return {
        Inversion(high, table.names[place[high]], low, table.names[place[low]])
        for high, low in product(place, place)
        if sorted(a - b for a, b in zip(high, low, strict=True)) == [0, 0, 1] and place[high] > place[low]
    }


class TestInversions:
    """Where a customer who is better in one score is in a group further down."""

    @pytest.mark.parametrize("preset", PRESETS)
    def test_equal_those_found_pair_by_pair(self, preset):
        table = SegmentTable.preset(preset)
        assert len(table.inversions) == len(set(table.inversions))
        assert set(table.inversions) == inversions_by_pairs(table)

    def test_known_one_of_table_b(self):
        """Known answer: 435 is Loyal, the better 535 is Need Attention."""
        known = Inversion(
            better_cell=(5, 3, 5), better_cell_group="Need Attention", worse_cell=(4, 3, 5), worse_cell_group="Loyal"
        )
        assert known in SegmentTable.preset("B").inversions
        assert known not in SegmentTable.preset("A").inversions

    def test_a_monotone_table_has_none(self):
        assert SegmentTable.from_groups({"up": "[4-5]*", "middle": "3*", "down": "[1-2]*"}, basis="rf").inversions == ()

    def test_all_of_a_table_upside_down(self):
        table = SegmentTable.from_groups({"best": "1*", "worst": "2*"}, basis="rf", n_bins=2)
        assert set(table.inversions) == inversions_by_pairs(table)
        assert len(table.inversions) == 4

    @given(st.lists(st.integers(0, 3), min_size=27, max_size=27))
    @settings(max_examples=25)
    def test_of_any_table(self, places):
        table = table_of(places, 3)
        assert set(table.inversions) == inversions_by_pairs(table)


def table_of(places, n_bins):
    """Write a table by listing its cells one by one."""
    groups = {}
    for cell, place in zip(product(range(1, n_bins + 1), repeat=3), places, strict=True):
        groups.setdefault(f"group {place}", []).append("".join(map(str, cell)))
    return SegmentTable.from_groups({name: " ".join(cells) for name, cells in groups.items()}, n_bins=n_bins)


def random_pattern(n_bins, n_digits):
    digit = st.integers(1, n_bins).map(str)
    span = st.tuples(st.integers(1, n_bins), st.integers(1, n_bins)).map(lambda ends: f"[{min(ends)}-{max(ends)}]")
    return st.lists(st.just("*") | digit | span, min_size=n_digits, max_size=n_digits).map("".join)


def expand(pattern, n_bins):
    """Give the cells of a pattern, reading it from the left."""
    if not pattern:
        return {""}
    if pattern[0] == "[":
        low, high, rest = int(pattern[1]), int(pattern[3]), pattern[5:]
    elif pattern[0] == "*":
        low, high, rest = 1, n_bins, pattern[1:]
    else:
        low, high, rest = int(pattern[0]), int(pattern[0]), pattern[1:]
    return {f"{score}{tail}" for score in range(low, high + 1) for tail in expand(rest, n_bins)}


class TestFromGroups:
    """A table of one's own: each cell in exactly one group, or an error that names the cells."""

    def test_as_many_groups_as_a_byte_can_number(self):
        """256 groups on the 729 cells of nine bins keep their cells; one more is refused, and never wraps round."""
        cells = ["".join(map(str, cell)) for cell in product(range(1, 10), repeat=3)]
        groups = {f"group {i}": cell for i, cell in enumerate(cells[:255])} | {"group 255": " ".join(cells[255:])}
        table = SegmentTable.from_groups(groups, n_bins=9)
        found = assign_segments(*zip(*product(range(1, 10), repeat=3), strict=True), table, n_bins=9)
        assert found.tolist() == [f"group {min(i, 255)}" for i in range(729)]
        assert SegmentTable.from_json(table.to_json()) == table
        for group, wrapped in ((255, -1), (0, 256), (0, -256), (255, 511)):  # one byte cannot tell them apart
            numbers = table.cells.astype(np.int64)
            numbers[numbers == group] = wrapped
            with pytest.raises(InputError, match="whole numbers from 0 to 255"):
                attrs.evolve(table, cells=numbers)
        groups["group 255"] = cells[255]
        with pytest.raises(InputError, match="1 to 256"):
            SegmentTable.from_groups({**groups, "group 256": " ".join(cells[256:])}, n_bins=9)

    @given(st.lists(st.integers(0, 5), min_size=64, max_size=64))
    @settings(max_examples=30)
    def test_a_listed_table_is_what_was_listed(self, places):
        table = table_of(places, 4)
        r, f, m = np.array(list(product(range(1, 5), repeat=3))).T
        assert assign_segments(r, f, m, table, n_bins=4).tolist() == [f"group {place}" for place in places]
        assert sum(table.n_cells.values()) == 64

    @given(st.sampled_from(["rfm", "rf", "r_fm"]), st.data())
    def test_takes_what_is_total_and_refuses_the_rest(self, basis, data):
        """A total table at first, from which cells may be taken away and to which patterns may be added."""
        digits = 3 if basis == "rfm" else 2
        cells = ["".join(cell) for cell in product("12", repeat=digits)]
        groups = {"u": [], "v": [], "w": []}
        for cell in cells:
            groups[data.draw(st.sampled_from("uvw"))].append(cell)
        for cell in data.draw(st.just([]) | st.lists(st.sampled_from(cells), max_size=2)):
            groups = {name: [other for other in patterns if other != cell] for name, patterns in groups.items()}
        for pattern in data.draw(st.just([]) | st.lists(random_pattern(2, digits), max_size=2)):
            groups[data.draw(st.sampled_from("uvw"))].append(pattern)
        owned = {name: set().union(*(expand(p, 2) for p in patterns)) for name, patterns in groups.items() if patterns}
        wrong = {cell for cell in cells if sum(cell in mine for mine in owned.values()) != 1}
        written = {name: " ".join(groups[name]) for name in owned}
        if not owned or wrong:
            with pytest.raises(InputError) as caught:
                SegmentTable.from_groups(written, basis=basis, n_bins=2)
            assert caught.value.name == "groups"
            assert not owned or {words.split()[0] for words in caught.value.value.split(", ")} == wrong
            return
        table = SegmentTable.from_groups(written, basis=basis, n_bins=2)
        assert table.names == tuple(owned)
        for r, f, m in product([1, 2], repeat=3):
            key = {"rfm": f"{r}{f}{m}", "rf": f"{r}{f}", "r_fm": f"{r}{math.ceil((f + m) / 2)}"}[basis]
            assert key in owned[group_of(table, (r, f, m))]

    def test_says_which_cells_are_wrong(self):
        with pytest.raises(InputError) as caught:
            SegmentTable.from_groups({"u": "11 12", "v": "12 22"}, basis="rf", n_bins=2)
        assert caught.value.value == "12 in u and v, 21 in none"

    def test_a_long_list_of_wrong_cells_is_cut(self):
        with pytest.raises(InputError) as caught:
            SegmentTable.from_groups({"u": "555"})
        assert caught.value.value.startswith("111 in none, 112 in none")
        assert caught.value.value.endswith(" and 112 more")
        with pytest.raises(InputError) as caught:
            SegmentTable.from_groups({"u": "11 12 13 14 15 21 22 23 24 25 31 32 33"}, basis="rf")
        assert caught.value.value.endswith("54 in none, 55 in none")

    def test_a_cell_named_twice_by_one_group_is_no_overlap(self):
        assert SegmentTable.from_groups({"u": "** 11"}, basis="rf").n_cells == {"u": 125}

    @pytest.mark.parametrize("n_bins", [2, 9])
    def test_other_numbers_of_bins(self, n_bins):
        table = SegmentTable.from_groups(
            {"best": str(n_bins) + "*", "rest": f"[1-{n_bins - 1}]*"}, basis="rf", n_bins=n_bins
        )
        assert table.n_bins == n_bins
        assert table.n_cells == {"best": n_bins**2, "rest": n_bins**3 - n_bins**2}
        assert group_of(table, (n_bins, 1, 1)) == "best"

    def test_notes(self):
        groups = {"Champions": "[3-5]*", "mine": "2*", "Lost": "1*"}
        table = SegmentTable.from_groups(
            groups, basis="rf", notes={"mine": ("Who.", "What."), "Lost": ["Gone.", "Leave."]}
        )
        assert table.meanings == (SegmentTable.preset("A").meanings[0], "Who.", "Gone.")
        assert table.actions == (SegmentTable.preset("A").actions[0], "What.", "Leave.")
        assert SegmentTable.from_groups(groups, basis="rf").meanings[1] == ""

    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"groups": {}}, "groups"),
            ({"groups": None}, "groups"),
            ({"groups": ["**"]}, "groups"),
            ({"groups": {1: "**"}}, "groups"),
            ({"groups": {"u": None}}, "groups['u']"),
            ({"groups": {"u": ["**"]}}, "groups['u']"),
            ({"groups": {"u": "***"}}, "groups['u']"),
            ({"groups": {"u": "*"}}, "groups['u']"),
            ({"groups": {"u": "** 16"}}, "groups['u']"),
            ({"groups": {"u": "** 01"}}, "groups['u']"),
            ({"groups": {"u": "** 1[3-2]"}}, "groups['u']"),
            ({"groups": {"u": "** 1[2-6]"}}, "groups['u']"),
            ({"groups": {"u": "** 1[2,3]"}}, "groups['u']"),
            ({"groups": {"u": "** 1-2"}}, "groups['u']"),
            ({"groups": {"u": "**, 11"}}, "groups['u']"),
            ({"groups": {"u": ""}}, "groups"),
            ({"groups": {"u": "**", "v": ""}}, "cells"),  # a group that nobody can be in
            ({"groups": {f"group {i}": "**" for i in range(257)}}, "groups"),
            ({"basis": "fm"}, "basis"),
            ({"n_bins": 1}, "n_bins"),
            ({"n_bins": 10}, "n_bins"),
            ({"notes": {"v": ("", "")}}, "notes"),
            ({"notes": "u"}, "notes"),
            ({"notes": {"u": "ab"}}, "notes['u']"),
            ({"notes": {"u": ("a",)}}, "notes['u']"),
            ({"notes": {"u": ("a", 5)}}, "actions"),
        ],
    )
    def test_rejects(self, changes, name):
        with pytest.raises(InputError) as caught:
            SegmentTable.from_groups(**{"groups": {"u": "**"}, "basis": "rf", **changes})
        assert caught.value.name == name


def table_with(**changes):
    cells = np.zeros((2, 2, 2), dtype=int)
    cells[1] = 1
    return SegmentTable(**{"names": ["u", "v"], "cells": cells, "meanings": ["", ""], "actions": ["", ""], **changes})


class TestSegmentTable:
    """Frozen, checked when it is made, to JSON and back."""

    @pytest.mark.parametrize("preset", PRESETS)
    def test_json_round_trip(self, preset):
        table = SegmentTable.preset(preset)
        again = SegmentTable.from_json(table.to_json())
        assert again == table
        assert again.to_json() == table.to_json()
        assert again.cells.dtype == table.cells.dtype

    @given(st.lists(st.integers(0, 3), min_size=27, max_size=27))
    @settings(max_examples=25)
    def test_json_round_trip_of_any_table(self, places):
        table = table_of(places, 3)
        assert SegmentTable.from_json(table.to_json()) == table

    def test_the_type_of_the_cells_does_not_matter(self):
        cells = [[[0, 0], [0, 0]], [[1, 1], [1, 1]]]
        for kind in (list, np.array, lambda table: np.array(table, dtype=np.int8)):
            assert table_with(cells=kind(cells)) == table_with()

    def test_tables_differ(self):
        other = 1 - table_with().cells
        for change in ({"names": ["u", "w"]}, {"cells": other}, {"meanings": ["", "x"]}, {"actions": ["x", ""]}):
            assert table_with(**change) != table_with()

    def test_is_frozen(self):
        table = SegmentTable.preset("A")
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            table.names = ()
        with pytest.raises(ValueError, match="read-only"):
            table.cells[0, 0, 0] = 3

    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"names": ["u", "u"]}, "names"),
            ({"names": "uv"}, "names"),
            ({"names": ["u", 1]}, "names"),
            ({"names": None}, "names"),
            ({"names": ["u"]}, "cells"),
            ({"names": ["u", "v", "w"]}, "cells"),  # nobody can be in w
            ({"cells": np.zeros((2, 2, 2), dtype=int)}, "cells"),  # nor here in v
            ({"cells": np.full((2, 2, 2), 2)}, "cells"),
            ({"cells": np.full((2, 2, 2), -1)}, "cells"),
            ({"cells": np.full((2, 2, 2), 256)}, "cells"),
            ({"cells": [[[0]]], "names": ["u"], "meanings": [""], "actions": [""]}, "cells"),  # one bin tells nothing
            ({"cells": np.ones((2, 2, 2))}, "cells"),
            ({"cells": np.ones((2, 2, 2), dtype=bool)}, "cells"),
            ({"cells": [[[0, True], [0, 0]], [[1, 1], [1, 1]]]}, "cells"),
            ({"cells": [[[0, 0], [0, 0]], [[1, 1], [1]]]}, "cells"),
            ({"cells": [[0, 1], [1, 0]]}, "cells"),
            ({"cells": np.arange(10 * 10 * 10).reshape(10, 10, 10) % 2}, "cells"),
            ({"cells": [[[0]]]}, "cells"),
            ({"cells": 3}, "cells"),
            ({"cells": []}, "cells"),
            ({"cells": "text"}, "cells"),
            ({"meanings": [""]}, "meanings"),
            ({"meanings": "ab"}, "meanings"),
            ({"meanings": ["", None]}, "meanings"),
            ({"actions": ["", "", ""]}, "actions"),
            ({"actions": 5}, "actions"),
        ],
    )
    def test_rejects(self, changes, name):
        with pytest.raises(InputError) as caught:
            table_with(**changes)
        assert caught.value.name == name

    @pytest.mark.parametrize(
        "change",
        [
            {"cells": [[[0.5]]]},
            {"cells": None},
            {"cells": [[[0, 0], [0, 0]], [[1, 1], [1, 300]]]},
            {"names": "uv"},
            {"names": ["u", "u"]},
            {"meanings": [1, 2]},
            {"colour": "red"},
        ],
    )
    def test_rejects_other_json(self, change):
        text = json.dumps({**json.loads(table_with().to_json()), **change})
        with pytest.raises(InputError) as caught:
            SegmentTable.from_json(text)
        assert caught.value.name == "text"

    @pytest.mark.parametrize("text", ["", "[]", "{}", "null", None, '{"cells": []}'])
    def test_rejects_what_is_no_json(self, text):
        with pytest.raises(InputError) as caught:
            SegmentTable.from_json(text)
        assert caught.value.name == "text"


class TestAssignSegments:
    """The group of each customer by his three scores; every customer is in exactly one."""

    @given(
        st.lists(st.tuples(*[st.integers(0, 1000)] * 3), min_size=1, max_size=50),
        st.sampled_from(sorted(PRESETS)),
        st.sampled_from(["rank", "quantile"]),
    )
    def test_every_customer_is_in_exactly_one_group(self, rows, preset, method):
        days, count, money = zip(*rows, strict=True)
        scores = score_rfm(days, count, money, fit_rfm(days, count, money, spend_basis="total", method=method))
        found = scores.segments(SegmentTable.preset(preset))
        expected = [
            group_in_table(preset, *cell)
            for cell in zip(scores.r_score.tolist(), scores.f_score.tolist(), scores.m_score.tolist(), strict=True)
        ]
        assert found.tolist() == expected

    def test_one_customer_and_shapes(self):
        table = SegmentTable.preset("A")
        assert isinstance(assign_segments(5, 5, 5, table, n_bins=5), str)
        assert assign_segments(5, [1, 5], [[1], [5]], table, n_bins=5).tolist() == [
            ["New", "Loyal"],
            ["Loyal", "Champions"],
        ]
        assert assign_segments([], [], [], table, n_bins=5).tolist() == []

    @pytest.mark.parametrize("kind", "bBhHiIlLqQefdgO")
    def test_takes_scores_of_any_kind(self, kind):
        scores = np.array([5, 1], dtype=kind)
        assert assign_segments(scores, scores, scores, SegmentTable.preset("A"), n_bins=5).tolist() == [
            "Champions",
            "Lost",
        ]

    @pytest.mark.parametrize("make", [tuple, pd.Series, pl.Series])
    def test_takes_columns_of_any_kind(self, make):
        assert assign_segments(make([5, 1]), 1, 1, SegmentTable.preset("A"), n_bins=5).tolist() == ["New", "Lost"]

    @pytest.mark.parametrize(
        ("changes", "name", "index"),
        [
            ({"r_score": [1, 6]}, "r_score", 1),
            ({"f_score": [0, 1]}, "f_score", 0),
            ({"m_score": [1, 2.5]}, "m_score", 1),
            ({"m_score": [1, math.nan]}, "m_score", 1),
            ({"m_score": [1, None]}, "m_score", 1),
            ({"m_score": ["5", 1]}, "m_score", 0),
            ({"m_score": [1, 2, 3]}, "m_score", None),
            ({"table": "A"}, "table", None),
            ({"table": TABLE_A}, "table", None),
            ({"n_bins": 4}, "n_bins", None),
            ({"n_bins": 6}, "n_bins", None),
            ({"n_bins": 5.5}, "n_bins", None),
            ({"n_bins": None}, "n_bins", None),
        ],
    )
    def test_rejects(self, changes, name, index):
        arguments = {"r_score": [1, 2], "f_score": [1, 2], "m_score": 3, "table": SegmentTable.preset("A"), "n_bins": 5}
        with pytest.raises(InputError) as caught:
            assign_segments(**{**arguments, **changes})
        assert (caught.value.name, caught.value.index) == (name, index)

    def test_plain_scores_need_their_number_of_bins(self):
        """Scores of 4 out of four and of 4 out of five look the same."""
        table = SegmentTable.preset("A")
        with pytest.raises(TypeError, match="n_bins"):
            assign_segments(4, 4, 4, table)
        with pytest.raises(InputError, match="as the table has; got 4"):
            assign_segments(4, 4, 4, table, n_bins=4)
        assert assign_segments(4, 4, 4, table, n_bins=5) == "Loyal"

    def test_scores_of_more_bins_than_the_table(self):
        table = SegmentTable.from_groups({"u": "[2-3]*", "v": "1*"}, basis="rf", n_bins=3)
        with pytest.raises(InputError, match="from 1 to 3"):
            assign_segments(4, 1, 1, table, n_bins=3)


LOG = load_cdnow()
AS_OF = np.datetime64("1998-06-30")


def customers_by_loops():
    """Go through the log of CDNOW order by order: days before the as-of date with a purchase, and cents."""
    found = {}
    for customer, day, amount in zip(LOG.customer.tolist(), LOG.date, LOG.amount.tolist(), strict=True):
        mine = found.setdefault(customer, {"days": set(), "cents": 0})
        mine["days"].add(int((AS_OF - day).astype(int)))
        mine["cents"] += round(100 * amount)
    return found


class TestCdnow:
    """The CDNOW sample as of 1998-06-30: the groups add up to the order log, and equal those found by loops."""

    @pytest.mark.parametrize("preset", PRESETS)
    def test_groups_add_up_to_the_log(self, preset):
        history = summarise_purchases(LOG.customer, LOG.date, LOG.amount, as_of=AS_OF, time_unit="day")
        columns = (history.days_since_last, history.n_purchases, history.total_spend)
        scores = score_rfm(*columns, fit_rfm(*columns, spend_basis="total", as_of=AS_OF))
        group = scores.segments(SegmentTable.preset(preset))

        customers = customers_by_loops()
        cells = zip(
            rank_scores([-min(mine["days"]) for mine in customers.values()], 5),
            rank_scores([len(mine["days"]) for mine in customers.values()], 5),
            rank_scores([mine["cents"] for mine in customers.values()], 5),
            strict=True,
        )
        by_loops = {customer: group_in_table(preset, *cell) for customer, cell in zip(customers, cells, strict=True)}
        assert dict(zip(history.customer.tolist(), group.tolist(), strict=True)) == by_loops

        cents = {name: round(100 * history.total_spend[group == name].sum()) for name in PRESETS[preset]}
        expected = dict.fromkeys(PRESETS[preset], 0)
        for customer, name in by_loops.items():
            expected[name] += customers[customer]["cents"]
        assert cents == expected
        assert sum(int(np.sum(group == name)) for name in PRESETS[preset]) == 2357  # published: customers of the sample
        assert sum(cents.values()) == round(100 * LOG.amount.sum()) == 24409194
