"""A code for each message of a plan: the same one whenever it is asked for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmvalue.codes import CodePolicy, MessageCodes, codes_for_messages
from crmvalue.errors import InputError
from crmvalue.journeys import Cascade, Customers, Policy, plan

keys = st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=5), max_size=20)
NONE = MessageCodes(key=[], code=[])


class TestCodesForMessages:
    """Known keys keep their codes, new ones get new codes, and no code occurs twice."""

    @given(st.lists(keys, min_size=1, max_size=5), st.integers(0, 2**32))
    def test_runs_one_after_the_other(self, runs, seed):
        rng, assigned = np.random.default_rng(seed), None
        for run in runs:
            made = codes_for_messages(run, CodePolicy(), assigned=assigned, rng=rng)
            before = assigned or NONE
            assert {*made.key.tolist()} == {*before.key.tolist(), *run}
            assert made.of(before.key).tolist() == before.code.tolist()
            assert len(set(made.code.tolist())) == len(made)
            assert codes_for_messages(run, CodePolicy(), assigned=made, rng=rng) == made
            assigned = made

    def test_a_very_long_key_pads_no_other(self):
        """A key holds the customer, and a stray quotation mark makes one of many lines."""
        long = "x" * 20_000
        first = codes_for_messages([long, *map(str, range(99))], CodePolicy())
        both = codes_for_messages([long, "b"], CodePolicy(), assigned=first)
        assert both.key.nbytes < 100_000
        assert both.key.tolist() == [long, *map(str, range(99)), "b"]
        assert both.of([long, "5"]).tolist() == first.of([long, "5"]).tolist()
        assert MessageCodes.from_json(both.to_json(show_codes=True)) == both

    def test_another_policy_later(self):
        """Earlier codes stay, whatever they are; codes of the new policy do not come again."""
        small = CodePolicy(alphabet="0123456789", n_random=4)
        first = codes_for_messages(["a"], CodePolicy(), assigned=MessageCodes(key=["z"], code=["SPRING"]))
        second = codes_for_messages([f"b{i}" for i in range(2000)], small, assigned=first)
        third = codes_for_messages([f"c{i}" for i in range(2000)], small, assigned=second)
        assert third.of(second.key).tolist() == second.code.tolist()
        assert len(set(third.code.tolist())) == 4002

    def test_other_groups_are_the_same_codes(self):
        """All 10,000 codes are of one policy, whatever its groups: of 5,000 none comes again."""
        old = CodePolicy(alphabet="0123456789", n_random=4, group=2)
        first = codes_for_messages([f"a{i}" for i in range(3000)], old)
        new = CodePolicy(alphabet="0123456789", n_random=4, group=0)
        made = codes_for_messages([f"b{i}" for i in range(2000)], new, assigned=first)
        assert len({code.replace("-", "") for code in made.code.tolist()}) == 5000

    def test_of_a_plan(self):
        base = Customers(
            customer=["ann", "bob"], dates={"last_purchase": ["2023-08-31"] * 2}, consent={"email": [True] * 2}
        )
        made = plan([Cascade()], base, None, None, Policy(), "2024-05-31")
        due = made.key[made.decision == "send"]
        first = codes_for_messages(due, CodePolicy())
        again = plan([Cascade()], base, None, None, Policy(), "2024-05-31")
        assert codes_for_messages(again.key[again.decision == "send"], CodePolicy(), assigned=first) == first
        assert len(first) == 2

    @pytest.mark.parametrize(
        ("name", "wrong"),
        [
            ("keys", "a"),
            ("keys", [1]),
            ("keys", None),
            ("keys", [["a"]]),
            ("policy", None),
            ("assigned", {"a": "b"}),
            ("rng", 5),
        ],
    )
    def test_refusals(self, name, wrong):
        with pytest.raises(InputError) as caught:
            codes_for_messages(**{"keys": ["a"], "policy": CodePolicy(), name: wrong})
        assert caught.value.name == name


class TestMessageCodes:
    """A column of keys and one of codes."""

    MADE = codes_for_messages(["a", "b|1", "я"], CodePolicy(), rng=np.random.default_rng(1))

    def test_of(self):
        assert self.MADE.of(["я", "a", "a"]).tolist() == self.MADE.code[[2, 0, 0]].tolist()
        assert self.MADE.of([]).tolist() == []

    @pytest.mark.parametrize("known", [MADE, NONE])
    def test_unknown_key(self, known):
        with pytest.raises(InputError, match="have a code") as caught:
            known.of(["zz"])
        assert caught.value.index == 0

    def test_json(self):
        text = self.MADE.to_json(show_codes=True)
        assert MessageCodes.from_json(text) == self.MADE
        assert not any(code in self.MADE.to_json() for code in self.MADE.code.tolist())
        with pytest.raises(InputError, match="show_codes"):
            MessageCodes.from_json(self.MADE.to_json())

    @pytest.mark.parametrize(
        ("fields", "name"),
        [
            ({"key": ["a"], "code": []}, "code"),
            ({"key": ["a", "a"], "code": ["b", "c"]}, "key"),
            ({"key": ["a", "b"], "code": ["c", "c"]}, "code"),
            ({"key": "a", "code": ["c"]}, "key"),
            ({"key": ["a"], "code": [5]}, "code"),
            ({"key": ["a", "b\0"], "code": ["c", "d"]}, "key"),
            ({"key": ["a", "b"], "code": ["c", "d\0"]}, "code"),
        ],
    )
    def test_refusals(self, fields, name):
        with pytest.raises(InputError) as caught:
            MessageCodes(**fields)
        assert caught.value.name == name
