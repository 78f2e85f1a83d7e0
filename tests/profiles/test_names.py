"""First names against a directory."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmvalue.errors import InputError
from crmvalue.profiles import check_names

NAMES = ["Олена", "Ольга", "Мар'яна", "ნინო", "ნანა", "Elvin", "İlqar", "Aysel", "Anna", "Hanna"]


def edits(one, other):
    """Count letters to insert, delete, replace or swap, by the recursion of the definition."""
    table = [[i + j if not i * j else 0 for j in range(len(other) + 1)] for i in range(len(one) + 1)]
    for i in range(1, len(one) + 1):
        for j in range(1, len(other) + 1):
            table[i][j] = min(
                table[i - 1][j] + 1, table[i][j - 1] + 1, table[i - 1][j - 1] + (one[i - 1] != other[j - 1])
            )
            if i > 1 and j > 1 and one[i - 1] == other[j - 2] and one[i - 2] == other[j - 1]:
                table[i][j] = min(table[i][j], table[i - 2][j - 2] + 1)
    return table[-1][-1]


class TestCheckNames:
    """A name is known as the directory spells it; others get the most similar names."""

    @pytest.mark.parametrize(
        ("name", "spelling", "suggestions"),
        [
            ("олена", "Олена", ""),
            (" ОЛЕНА ", "Олена", ""),
            ("Олна", "", "Олена, Ольга"),
            ("МАР’ЯНА", "Мар'яна", ""),
            ("Марʼяна", "Мар'яна", ""),
            ("ნინო", "ნინო", ""),
            ("ნნინო", "", "ნინო"),
            ("ELVİN", "Elvin", ""),
            ("ELVIN", "Elvin", ""),
            ("ilqar", "İlqar", ""),
            ("Aysle", "", "Aysel"),
            ("Ana", "", "Anna, Hanna"),
            ("Xyz", "", ""),
            (None, "", ""),
        ],
    )
    def test_examples(self, name, spelling, suggestions):
        checked = check_names([name], NAMES)
        assert (checked.known[0], checked.spelling[0], checked.suggestions[0]) == (
            spelling != "",
            spelling,
            suggestions,
        )

    @given(st.text("abcde", min_size=1, max_size=6), st.sets(st.text("abcde", min_size=1, max_size=6), min_size=1))
    def test_suggestions_are_the_most_similar(self, name, directory):
        checked = check_names([name], sorted(directory), n_suggestions=2, min_similarity=0.5)
        near = [(edits(name, other) / max(len(name), len(other)), other) for other in directory]
        slow = [other for share, other in sorted(near) if share <= 0.5][:2] if name not in directory else []
        assert checked.suggestions == (", ".join(slow),)

    @pytest.mark.parametrize(
        ("change", "name"),
        [
            ({"directory": []}, "directory"),
            ({"directory": ["Ann", "ann"]}, "directory"),
            ({"directory": [1]}, "directory"),
            ({"name": [1]}, "name"),
            ({"n_suggestions": 21}, "n_suggestions"),
            ({"min_similarity": -0.1}, "min_similarity"),
        ],
    )
    def test_rejections(self, change, name):
        with pytest.raises(InputError) as caught:
            check_names(**{"name": ["Ann"], "directory": ["Ann"], **change})
        assert caught.value.name == name

    @pytest.mark.parametrize(("many", "length"), [(10_001, 5), (8_000, 35), (200, 2_000)])
    def test_too_many_pairs_are_refused_before_the_work(self, many, length):
        names = [f"a{i:04d}".ljust(length, "b") for i in range(many)]
        with pytest.raises(InputError, match=f"{many:,} names that are not in the directory of {many:,}") as caught:
            check_names(["c" + name[1:] for name in names], names)
        assert caught.value.name == "name"

    def test_three_suggestions_that_reach_six_tenths(self):
        """Six letters of ten reach it, five of nine do not."""
        directory = [f"abcdef{last * 4}" for last in "uvwxy"]
        assert check_names(["abcdefzzzz"], directory).suggestions == (", ".join(directory[:3]),)
        assert check_names(["abcdezzzz"], ["abcdeyyyy"]).suggestions == ("",)

    def test_hundreds_of_names_are_no_many_pairs(self):
        """Two hundred names with a letter too many, by a directory of two hundred: 40,000 pairs."""
        directory = [f"Name{'abcdefghij'[place % 10]}{'klmnopqrst' * (place // 10)}" for place in range(200)]
        found = check_names([f"{name}x" for name in directory], directory, n_suggestions=1)
        assert found.suggestions == tuple(directory)

    def test_without_rapidfuzz_the_error_names_the_extra(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "rapidfuzz", None)
        assert check_names(["Ann"], ["Ann"]).known.all()
        with pytest.raises(ModuleNotFoundError, match="crmvalue\\[match\\]"):
            check_names(["An"], ["Ann"])
