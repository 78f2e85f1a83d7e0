"""Records that are one customer: rules, limits, pairs that stay apart, explanations, undo, and stable numbers."""

from __future__ import annotations

from itertools import chain, pairwise

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmvalue.errors import InputError
from crmvalue.profiles import MatchRule, Profiles, resolve_profiles
from tests.profiles.references import closure, partition
from tests.work import times_longer

CELL = st.sampled_from([None, "a", "b", "c", "d", "e", "f"])
RULES = [["card"], ["phone_text"], ["name", "city"]]
COLUMNS = ["card", "phone_text", "name", "city"]


@st.composite
def bases(draw, most=12):
    """Draw records with few distinct keys, so that many are shared."""
    n = draw(st.integers(1, most))
    rows = draw(st.lists(st.tuples(*[CELL] * 4), min_size=n, max_size=n))
    return list(range(n)), {name: [row[i] for row in rows] for i, name in enumerate(COLUMNS)}


def resolve(records, keys, **options):
    return resolve_profiles(records, keys, [MatchRule(rule) for rule in RULES], **options)


def part_of(keys, rows):
    return {name: [column[i] for i in rows] for name, column in keys.items()}


class TestResolveProfiles:
    """Records that share all keys of a rule are one customer, and so are records that are linked through others."""

    def test_transitive_example(self):
        """Three records: name and phone join 1 and 2, name and e-mail join 2 and 3 (oracles, section 6)."""
        keys = {"name": ["P1"] * 3, "tel": ["555-1111", "555-1111", "555-2222"], "mail": ["AAA", "BBB", "BBB"]}
        profiles = resolve_profiles([1, 2, 3], keys, [MatchRule(["name", "tel"]), MatchRule(["name", "mail"])])
        assert partition(profiles) == {frozenset({1, 2, 3})}
        assert [step.rule for step in profiles.explain(1, 3)] == ["name and tel", "name and mail"]

    @given(bases())
    def test_equals_the_closure(self, base):
        records, keys = base
        assert partition(resolve(records, keys)) == closure(records, keys, RULES)

    @given(bases(), st.randoms(), st.integers(2, 5), st.integers(2, 5))
    def test_order_of_rows_does_not_matter(self, base, random, most_sharing, most_records):
        records, keys = base
        options = {"most_sharing": most_sharing, "most_records": most_records}
        if len(records) > 2:
            options["apart"] = [(0, 1)]
        order = random.sample(records, len(records))
        assert resolve(order, part_of(keys, order), **options) == (first := resolve(records, keys, **options))
        assert first.profile.tolist() == resolve(order, part_of(keys, order), **options).profile.tolist()

    @given(bases(), st.integers(2, 5))
    def test_keeps_its_limits_and_pairs(self, base, most_records):
        records, keys = base
        apart = [(one, one + 1) for one in records[:-1:3]]
        profiles = resolve(records, keys, most_records=most_records, apart=apart)
        assert max(map(len, partition(profiles))) <= most_records
        assert all(profiles.of(pair)[0] != profiles.of(pair)[1] for pair in apart)
        finest = closure(records, keys, RULES)
        assert all(any(part <= whole for whole in finest) for part in partition(profiles))

    @given(bases())
    def test_merging_is_idempotent(self, base):
        """The number of the profile as one more key changes nothing."""
        records, keys = base
        once = resolve(records, keys)
        again = resolve_profiles(
            records,
            {**keys, "profile": [str(one) for one in once.of(records)]},
            [*map(MatchRule, RULES), "profile"],
        )
        assert again.profile.tolist() == once.profile.tolist()

    def test_a_dummy_phone_does_not_melt_its_records(self):
        n = 10_000
        phone = ["+380501112233"] * n + ["+380671234567"] * 2
        profiles = resolve_profiles(range(n + 2), {"phone": phone}, ["phone"])
        assert profiles.n_profiles == n + 1
        assert profiles.refused.to_frame("polars").rows() == [
            ("phone", "+380501112233", n, "shared by too many records")
        ]

    def test_values_that_never_match(self):
        keys = {"phone": ["067 123 45 67", "0671234567"], "name": ["Ann", "ann "]}
        never = {"phone": ["+380 67 123-45-67"]}
        assert resolve_profiles([1, 2], keys, ["phone"], region="UA").n_profiles == 1
        profiles = resolve_profiles([1, 2], keys, ["phone"], region="UA", never=never)
        assert profiles.n_profiles == 2
        assert profiles.refused.reason == ("in the list of `never`",)
        assert resolve_profiles([1, 2], keys, ["phone", "name"], region="UA", never=never).n_profiles == 1

    def test_a_rule_that_melts_too_many_does_not_count_there(self):
        """The pairs of the first rule stay, and so does what the second rule joins elsewhere."""
        keys = {"card": ["a", "a", "b", "b", "c", "d"], "tel": ["1", None, "1", None, "2", "2"]}
        profiles = resolve_profiles(range(6), keys, ["card", "tel"], most_records=3)
        assert partition(profiles) == {frozenset({0, 1}), frozenset({2, 3}), frozenset({4, 5})}
        assert profiles.refused.to_frame("polars").rows() == [("tel", "1", 2, "too many records in one profile")]
        assert resolve_profiles(range(6), keys, ["card", "tel"], most_records=4).n_profiles == 2

    def test_the_key_of_fewest_records_gives_way_to_a_pair_that_stays_apart(self):
        """Cards of three and of three records, and one card that bridges them."""
        keys = {"card": ["a", "a", "a", "b", "b", "b", "c", "c"], "tel": ["1", *[None] * 5, "1", "2"]}
        keys["tel"][3] = "2"
        profiles = resolve_profiles(range(8), keys, ["tel", "card"], apart=[(1, 4)])
        assert partition(profiles) == {frozenset({0, 1, 2, 6}), frozenset({3, 4, 5, 7})}
        assert profiles.refused.value == ("C",)

    def test_many_pairs_that_stay_apart_take_no_time(self):
        """Thousands of couples, each with one telephone."""

        def of_couples(n):
            pairs = [(2 * i, 2 * i + 1) for i in range(n)]
            return resolve_profiles(range(2 * n), {"tel": [str(i // 2) for i in range(2 * n)]}, ["tel"], apart=pairs)

        n = 2000
        ratio, profiles = times_longer(of_couples, 200, n)
        assert ratio < 20  # it grew with the square
        assert profiles.n_profiles == 2 * n
        assert len(profiles.refused.value) == n

    @pytest.mark.parametrize(("n", "n_profiles"), [(3, 1), (4, 4)])
    def test_a_value_joins_as_many_records_as_it_may_have(self, n, n_profiles):
        assert resolve_profiles(range(n), {"card": ["a"] * n}, ["card"], most_sharing=3).n_profiles == n_profiles

    def test_a_crowd_of_a_joint_rule(self):
        keys = {"name": ["x"] * 5, "city": ["y"] * 5}
        assert resolve_profiles(range(5), keys, [MatchRule(["name", "city"])], most_sharing=4).n_profiles == 5
        assert resolve_profiles(range(5), keys, [MatchRule(["name", "city"])], most_sharing=5).n_profiles == 1

    @pytest.mark.parametrize(
        ("kind", "one", "other", "same"),
        [
            ("phone", "067 123 45 67", "+380671234567", True),
            ("phone", "00380671234567", "tel. (067) 123-45-67", True),
            ("phone", "+3800671234567", "+380671234567", True),
            ("phone", "123", "123", False),
            ("phone", "+995555123456", "+994 50 123 45 67", False),
            ("email", "Ann@Example.COM ", "ann@example.com", True),
            ("email", "ann+x@example.com", "ann@example.com", False),
            ("email", "none", "none", False),
            ("code", "AB-12 34", "ab1234", True),
            ("text", " Олена  Коваль", "олена коваль", True),
        ],
    )
    def test_forms_of_keys(self, kind, one, other, same):
        profiles = resolve_profiles([1, 2], {"key": [one, other]}, ["key"], kinds={"key": kind}, region="UA")
        assert (profiles.n_profiles == 1) == same

    def test_plain_numbers_equal_those_that_are_looked_up(self):
        """The short way for numbers in the form of E.164 gives what phonenumbers gives for numbers that exist."""
        numbers = [f"+38067{i:07d}" for i in range(0, 9_999_999, 99_991)] + ["+995555123456", "+994501234567"]
        spaced = [f"{number[:4]} {number[4:]}" for number in numbers]
        n = len(numbers)
        profiles = resolve_profiles(range(2 * n), {"phone": numbers + spaced}, ["phone"])
        assert partition(profiles) == {frozenset({i, n + i}) for i in range(n)}

    def test_policies_of_email(self):
        keys = {"email": ["Ann+x@example.com", "ann@example.com"]}
        assert resolve_profiles([1, 2], keys, ["email"], sub_address="drop").n_profiles == 1
        assert resolve_profiles([1, 2], keys, ["email"], sub_address="drop", email_case="keep").n_profiles == 2

    @pytest.mark.parametrize(
        ("change", "name"),
        [
            ({"record": [1, 1]}, "record"),
            ({"record": []}, "record"),
            ({"rules": ["phone"]}, "rules"),
            ({"rules": []}, "rules"),
            ({"rules": [1]}, "rules"),
            ({"keys": {"card": ["1"]}}, "keys['card']"),
            ({"keys": 3}, "keys"),
            ({"kinds": {"card": "colour"}}, "kinds['card']"),
            ({"kinds": {"card": "phone"}, "region": "Ukraine"}, "region"),
            ({"sub_address": "x"}, "sub_address"),
            ({"email_case": "x"}, "email_case"),
            ({"apart": [(1, 5)]}, "apart"),
            ({"apart": [(1,)]}, "apart"),
            ({"most_records": 1}, "most_records"),
        ],
    )
    def test_rejections(self, change, name):
        with pytest.raises(InputError) as caught:
            resolve_profiles(**{"record": [1, 2], "keys": {"card": ["1", "2"]}, "rules": ["card"], **change})
        assert caught.value.name == name

    def test_without_phonenumbers_the_error_names_the_extra(self, monkeypatch):
        monkeypatch.setitem(__import__("sys").modules, "phonenumbers", None)
        with pytest.raises(ModuleNotFoundError, match="crmvalue\\[match\\]"):
            resolve_profiles([1], {"phone": ["1"]}, ["phone"])


class TestExplain:
    """A merge is explained by a chain of shared keys."""

    @given(bases())
    def test_each_step_is_a_shared_key(self, base):
        records, keys = base
        profiles = resolve(records, keys)
        for one in records:
            for other in records:
                steps = profiles.explain(one, other)
                together = profiles.of([one])[0] == profiles.of([other])[0]
                assert bool(steps) == (together and one != other)
                if steps:
                    assert [steps[0].first, steps[-1].second] == [one, other]
                    assert all(a.second == b.first for a, b in pairwise(steps))
                for step in steps:
                    values = [
                        " + ".join(keys[key][i] for key in step.rule.split(" and ")).lower()
                        for i in (step.first, step.second)
                    ]
                    assert {value.lower() for value in values} == {step.value.lower()}

    def test_takes_no_quadratic_time(self):
        few, many = 500, 5_000
        one = {
            n: resolve_profiles(range(n), {"card": ["a"] * n}, ["card"], most_sharing=n, most_records=n)
            for n in (few, many)
        }
        ratio, steps = times_longer(lambda n: one[n].explain(0, n - 1), few, many)
        assert len(steps) == 1
        assert ratio < 30


class TestUndo:
    """Undoing a merge restores what was there before the record that caused it."""

    def test_restores(self):
        before = resolve_profiles(range(6), {"card": ["a"] * 3 + ["b"] * 3, "tel": ["1"] + [None] * 5}, ["card", "tel"])
        merged = before.add([6], {"card": ["b"], "tel": ["1"]})
        assert merged.changes_since(before).to_frame("polars").rows() == [("merged", 3, 0, 3)]
        undone = merged.undo(0, 3)
        assert undone.profile[:6].tolist() == before.profile.tolist()
        assert undone.changes_since(merged).to_frame("polars").rows() == [("split", 0, 3, 4)]
        assert undone.refused.reason == ("would join a pair that stays apart",)

    @given(bases(), st.data())
    def test_the_pair_is_apart_and_stays_so(self, base, data):
        records, keys = base
        profiles = resolve(records, keys)
        pairs = [(a, b) for a in records for b in records if a < b]
        for pair in data.draw(st.lists(st.sampled_from(pairs), max_size=3)) if pairs else []:
            profiles = profiles.undo(*pair)
            profiles = profiles.add([len(profiles)], {key: ["a"] for key in COLUMNS})
            assert profiles.explain(*pair) == ()


class TestStableNumbers:
    """The number of a profile is the place of its oldest record."""

    @given(st.lists(bases(most=4), min_size=1, max_size=5), st.integers(2, 6))
    def test_added_records(self, parts, most_sharing):
        profiles, n = None, 0
        for records, keys in parts:
            more = [n + one for one in records]
            before = profiles
            options = {"most_sharing": most_sharing}
            profiles = resolve(more, keys, **options) if before is None else before.add(more, keys)
            n += len(more)
            if before is None:
                continue
            events = profiles.changes_since(before)
            followed = before.profile.copy()
            changed = {(a, b): event for event, a, b in zip(events.event, events.profile, events.into, strict=True)}
            for old in set(before.profile.tolist()):
                kept = profiles.profile[old]
                assert kept == old or changed[old, kept] == "merged"
            for row, (old, new) in enumerate(zip(before.profile, profiles.profile, strict=False)):
                followed[row] = new
                assert old == new or (old, new) in changed
            np.testing.assert_array_equal(followed, profiles.profile[: len(before)])
        whole = {name: list(chain(*(keys[name] for _, keys in parts))) for name in COLUMNS}
        at_once = resolve(range(n), whole, most_sharing=most_sharing)
        assert profiles.profile.tolist() == at_once.profile.tolist()

    def test_a_split_gives_the_old_number_back(self):
        merged = resolve_profiles([1, 2, 3], {"card": ["a", "a", None], "tel": [None, "b", "b"]}, ["card", "tel"])
        events = merged.undo(2, 3).changes_since(merged)
        assert events.to_frame("polars").rows() == [("split", 0, 2, 1)]

    def test_a_record_whose_name_ends_in_a_null_is_another_one(self):
        profiles = resolve_profiles(["a"], {"card": ["x"]}, ["card"])
        assert profiles.add(["a\0"], {"card": ["x"]}).record.tolist() == ["a", "a\0"]

    def test_records_that_are_there_are_refused(self):
        profiles = resolve_profiles([1, 2], {"card": ["a", "b"]}, ["card"])
        with pytest.raises(InputError, match="`record` must be new"):
            profiles.add([2], {"card": ["a"]})
        with pytest.raises(InputError, match="`keys`"):
            profiles.add([3], {"phone": [None]})


class TestProfiles:
    """A frozen value with everything that is needed to go on."""

    @given(bases())
    def test_json_goes_round(self, base):
        profiles = resolve(*base, never={"card": ["a"]})
        again = Profiles.from_json(profiles.to_json())
        assert again == profiles
        assert again.profile.tolist() == profiles.profile.tolist()

    def test_a_record_that_occurs_twice_is_named(self):
        with pytest.raises(InputError, match="got 'a'"):
            resolve_profiles(["a", "a"], {"card": ["1", "2"]}, ["card"])

    def test_keys_of_the_caller_are_copied(self):
        card = np.array(["a", "a"])
        again = attrs.evolve(resolve_profiles([1, 2], {"card": card}, ["card"]), keys={"card": card})
        card[1] = "b"
        assert again.keys["card"].tolist() == ["a", "a"]

    @pytest.mark.parametrize("listed", [np.array("a"), np.array([["a"]]), [1]])
    def test_listed_values_are_a_column(self, listed):
        columns = {"card": ["a", "a"]}
        with pytest.raises(InputError) as caught:
            resolve_profiles([1, 2], columns, ["card"], never={"card": listed})
        assert caught.value.name == "never['card']"
        profiles = resolve_profiles([1, 2], columns, ["card"])
        with pytest.raises(InputError) as caught:
            attrs.evolve(profiles, never={"card": listed})
        assert caught.value.name == "never['card']"

    def test_masked_keys_are_refused(self):
        """A log may miss keys; a value says of each record what it is."""
        made = resolve_profiles([1, 2], {"card": np.ma.array(["a", "b"], mask=[False, True])}, ["card"])
        assert made.keys["card"].tolist() == ["A", ""]
        with pytest.raises(InputError, match="without masked values"):
            attrs.evolve(made, keys={"card": np.ma.array(["a", "b"], mask=[False, True])})

    def test_questions_about_unknown_records_are_refused(self):
        profiles = resolve_profiles([1, 2], {"card": ["a", "a"]}, ["card"])
        for call in (lambda: profiles.of([7]), lambda: profiles.of(["a"]), lambda: profiles.undo(1, 1)):
            with pytest.raises(InputError):
                call()
        assert profiles.records_of(0).tolist() == [1, 2]
        with pytest.raises(InputError, match="number of a profile"):
            profiles.records_of(1)


def two_keys_in_turn(n):
    """Give keys of which each record shares one with the record before, and the other with the one after."""
    card, member = (np.char.add("k", (place // 2).astype(str)) for place in (np.arange(n), np.arange(n) + 1))
    return {"card": card, "member": member}


@pytest.mark.slow
class TestLongChains:
    """A chain of records costs time in proportion to its length, whatever becomes of it."""

    def test_a_chain_that_is_refused(self):

        def of_records(n):
            return resolve_profiles(np.arange(n), two_keys_in_turn(n), ["card", "member"], kinds={"member": "code"})

        n = 200_000
        ratio, profiles = times_longer(of_records, 20_000, n, n_rounds=1)
        assert ratio < 20
        assert profiles.n_profiles == n // 2
        assert profiles.refused.value[:2] == ("K1", "K10")
        assert (profiles.refused.n_records == 2).all()
        assert len(profiles.refused) == n // 2 - 1

    def test_a_chain_whose_ends_stay_apart(self):

        def of_records(n):
            options = {"kinds": {"member": "code"}, "most_records": n, "apart": [(0, n - 1)]}
            return resolve_profiles(np.arange(n), two_keys_in_turn(n), ["card", "member"], **options)

        ratio, profiles = times_longer(of_records, 20_000, 200_000, n_rounds=1)
        assert ratio < 20
        assert profiles.n_profiles == 2
        assert len(profiles.refused) == 1


@pytest.mark.parametrize("kind", ["text", "email", "phone", "code"])
def test_a_very_long_key_pads_no_other(kind):
    """Such as a stray quotation mark makes of many lines; 60,000 records took 13 GB."""
    valid = {"text": "ann", "email": "ann@example.com", "phone": "+380671234567", "code": "12345678"}[kind]
    column = ["x" * 20_000, *[valid] * 2, *[None] * 97]
    found = resolve_profiles(range(100), {"key": column}, ["key"], kinds={"key": kind})
    assert found.keys["key"].nbytes < 100_000
    assert len(np.unique(found.profile)) == 99
    later = found.add([100], {"key": [valid]})
    assert len(np.unique(later.profile)) == 99


def test_numbers_without_a_sign_are_exact_beside_those_of_lists():
    """Numpy makes floats of both together: records were unknown, and none could be added."""
    low = 2**60
    unsigned = np.array([low + 1, low + 2], dtype=np.uint64)
    for ids, other in ((unsigned, [low + 3]), (unsigned.tolist(), np.array([low + 3], dtype=np.uint64))):
        found = resolve_profiles(ids, {"card": ["a", "b"]}, ["card"], apart=[(low + 1, low + 2)])
        more = found.add(other, {"card": ["b"]})
        assert more.record.tolist() == [low + 1, low + 2, low + 3]
        assert more.of([low + 1, low + 2, low + 3]).tolist() == [0, 1, 1]
