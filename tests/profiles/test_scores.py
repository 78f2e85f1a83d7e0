"""Scored pairs, and how they merge."""

from __future__ import annotations

import importlib.util
import logging
import random
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmvalue._profiles import scores
from crmvalue.errors import InputError
from crmvalue.profiles import Profiles, ScoredPairs, resolve_profiles, score_pairs
from tests.profiles.references import partition

NONE = resolve_profiles(range(6), {"card": ["a", "a", *"bcde"]}, ["card"], most_records=3)
PAIR = st.tuples(st.integers(0, 5), st.integers(0, 5), st.sampled_from([0.5, 0.9, 0.99])).filter(lambda p: p[0] != p[1])


class TestWithScores:
    """Scored pairs merge after the rules, within the same limits, with an explanation."""

    @given(st.lists(PAIR, max_size=6))
    def test_limits_and_json(self, rows):
        first, second, prob = map(list, zip(*rows, strict=True)) if rows else ([], [], [])
        scored = (
            ScoredPairs(first=first, second=second, prob=prob)
            if rows
            else ScoredPairs(first=[0], second=[1], prob=[0.0])
        )
        joined = NONE.with_scores(scored, min_prob=0.9)
        assert max(map(len, partition(joined))) <= 3
        assert joined.of([0])[0] == joined.of([1])[0]
        assert Profiles.from_json(joined.to_json()) == joined
        for one, other, share in rows:
            if share >= 0.9 and joined.of([one])[0] == joined.of([other])[0]:
                assert joined.explain(one, other)

    def test_undo_and_explanation(self):
        joined = NONE.with_scores(ScoredPairs(first=[1, 2], second=[2, 3], prob=[0.97, 0.5]))
        assert [str(step) for step in joined.explain(0, 2)] == [
            "0 and 1 share card A",
            "1 and 2 share a score of 0.970",
        ]
        undone = joined.undo(0, 2)
        assert undone.profile.tolist() == NONE.profile.tolist()
        assert undone.refused.rule == ("a score of",)


class TestScorePairs:
    """A ready model of splink."""

    @pytest.mark.parametrize(
        ("columns", "name"),
        [
            ({"colour": ["a", "b"]}, "columns"),
            ({"first_name": ["a", "b"], "last_name": ["a", "b"]}, "columns"),
            ({"first_name": ["a", "b"], "last_name": ["a", "b"], "email": ["a"]}, "email"),
            ({"first_name": ["a", "b"], "last_name": ["a", "b"], "email": [None, None]}, "record"),
        ],
    )
    def test_rejections(self, columns, name):
        with pytest.raises(InputError) as caught:
            score_pairs([1, 2], columns)
        assert caught.value.name == name

    def test_a_record_that_comes_twice_is_named(self):
        columns = {name: ["a", "b", "c"] for name in ("first_name", "last_name")}
        with pytest.raises(InputError, match="each once") as caught:
            score_pairs(["r1", "r2", "r2"], {**columns, "email": [None] * 3})
        assert (caught.value.name, caught.value.value) == ("record", "r2")

    @pytest.mark.parametrize("email", [["a@b.com", "c@d.com"], ["a@b.com"] * 2])
    def test_too_few_records_are_told_in_words(self, email):
        """The engine's own words, "math domain error" and "recall must be at least 1.00", help nobody."""
        with pytest.raises(InputError, match=r"got 2\. Hint: the weights of agreement cannot be estimated") as caught:
            score_pairs([1, 2], {"first_name": ["a", "b"], "last_name": ["a", "b"], "email": email})
        assert caught.value.name == "record"

    def test_without_splink_the_error_names_the_extra(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "splink", None)
        with pytest.raises(ModuleNotFoundError, match="crmvalue\\[match\\]"):
            score_pairs([1], {"first_name": ["a"], "last_name": ["a"], "email": [None]})

    def test_too_many_pairs_are_refused_before_the_work(self):
        names = {"first_name": [f"n{i}" for i in range(2500)], "last_name": ["Same"] * 2500}
        columns = names | {"birthday": [f"19{50 + i % 50}-0{1 + i % 9}-11" for i in range(2500)]}
        with pytest.raises(InputError, match=r"3,000,000 pairs.*last_name.*2,500 records share .* 3,123,750 pairs"):
            score_pairs(range(2500), columns)

    @pytest.mark.slow
    @pytest.mark.parametrize("least", [0.0, 0.5, 1.0])
    def test_every_least_probability_is_answered(self, least):
        """The pairs of a lower bound, from which those below the bound are left out."""
        person = [n % 300 for n in range(400)]
        columns = {
            "first_name": [["Olena", "Nino", "Elvin", "Ivan"][n % 4] for n in person],
            "last_name": [f"{'abcdefghij'[n % 10]}oval{'klmnopqrst'[n % 7]}" for n in person],
            "email": [f"mail{n}@example.com" if n % 3 else None for n in person],
            "birthday": [f"{1950 + n % 50}-0{1 + n % 9}-1{n % 8}" for n in person],
        }
        every = score_pairs(range(400), columns, min_prob=0.0)
        found = score_pairs(range(400), columns, min_prob=least)
        assert found.prob.tolist() == every.prob[every.prob >= least].tolist()

    def test_an_error_of_the_engine_is_not_taken_for_few_records(self, monkeypatch):
        import duckdb

        def fail(*_args):
            raise duckdb.IOException("no space left on device")

        monkeypatch.setattr(scores, "_pairs_of", fail)
        with pytest.raises(duckdb.IOException):
            score_pairs([1, 2], {"first_name": ["a", "b"], "last_name": ["a", "b"], "email": [None, None]})

    @pytest.mark.slow
    def test_the_process_is_left_as_it_was(self):
        person = [n % 300 for n in range(400)]
        columns = {
            "first_name": [["Olena", "Nino", "Elvin", "Ivan"][n % 4] for n in person],
            "last_name": [f"{'abcdefghij'[n % 10]}oval{'klmnopqrst'[n % 7]}" for n in person],
            "email": [f"mail{n}@example.com" if n % 3 else None for n in person],
        }
        logger, state = logging.getLogger("splink"), random.getstate()
        before = logger.level
        with ThreadPoolExecutor(3) as threads:
            found = list(threads.map(lambda _: score_pairs(range(400), columns), range(3)))
        assert found[0] == found[1] == found[2]
        assert (logger.level, random.getstate()) == (before, state)

    @pytest.mark.slow
    def test_the_table_of_the_docs(self):
        """Precision and recall on records that were corrupted on purpose, as the page prints them."""
        root = Path(__file__).parents[2]
        spec = importlib.util.spec_from_file_location("study_profiles", root / "benchmarks" / "study_profiles.py")
        study = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(study)
        page = (root / "docs" / "how-to" / "one-person-three-records.md").read_text(encoding="utf-8")
        for name, (_, precision, recall) in study.rows():
            assert study.line(name, precision, recall) in page
