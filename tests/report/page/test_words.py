"""The catalogues hold each label of the report once, with its values, in each language, and are compiled."""

from __future__ import annotations

import gettext
import io
import math
import re
from pathlib import Path

import numpy as np
import pytest

from crmvalue._report.page.words import LANGUAGES, words_of
from crmvalue.errors import InputError
from tests.report.page.catalogue import FOLDER, asked_for, compiled, read_catalogue

OTHERS = sorted(set(LANGUAGES) - {"en"})
SAME = {"LTV:CAC"}


@pytest.fixture(scope="module")
def asked():
    pytest.importorskip("jinja2")
    return asked_for()


@pytest.mark.parametrize("language", OTHERS)
class TestCatalogue:
    """Each label that the page asks for is translated, and nothing else is."""

    def test_has_every_label_and_no_other(self, language, asked):
        entries = read_catalogue(FOLDER / "words" / f"{language}.po")
        assert set(entries) - {""} == asked

    def test_translates_every_label(self, language):
        entries = read_catalogue(FOLDER / "words" / f"{language}.po")
        assert [key for key, text in entries.items() if key and (not text or text == key)] == []

    def test_keeps_the_values_of_every_label(self, language):
        form = re.compile(r"%(?:\(\w+\)s|%)")
        entries = read_catalogue(FOLDER / "words" / f"{language}.po")
        odd = [key for key, text in entries.items() if key and sorted(form.findall(key)) != sorted(form.findall(text))]
        assert odd == []

    def test_is_compiled(self, language):
        """Run `make words` after a change of a catalogue."""
        path = FOLDER / "words" / f"{language}.po"
        assert path.with_suffix(".mo").read_bytes() == compiled(read_catalogue(path))

    def test_says_what_the_glossary_says(self, language):
        """One word has one meaning: the terms of the glossary stand in the catalogue as they stand there."""
        entries = {bare(key): bare(text) for key, text in read_catalogue(FOLDER / "words" / f"{language}.po").items()}
        glossary = (Path(__file__).parents[3] / "docs" / "glossary.md").read_text(encoding="utf-8")
        rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in glossary.splitlines() if line[:2] == "| "]
        column = ("en", "uk", "ka", "az").index(language)
        terms = {bare(row[0]): {bare(word) for word in row[column].split(",")} for row in rows if len(row) == 4}
        if not terms:
            pytest.skip("the glossary has no other languages")
        both = terms.keys() & entries.keys()
        assert len(both) > 15
        assert {key: entries[key] for key in both if entries[key] not in terms[key]} == {}


def bare(term):
    """Give a term without its abbreviation in parentheses, in small letters."""
    return re.sub(r" \(.*\)", "", term).strip().lower()


def test_the_compiled_form_is_read_by_the_standard_library():
    entries = {"": "Content-Type: text/plain; charset=UTF-8\n", "a": "ა", "b c": "ї"}
    catalogue = gettext.GNUTranslations(io.BytesIO(compiled(entries)))
    assert [catalogue.gettext(key) for key in ("a", "b c", "d")] == ["ა", "ї", "d"]


class TestNumbers:
    """Numbers and days stand as the language writes them; the forms are those of CLDR."""

    @pytest.mark.parametrize(
        ("language", "money", "count", "share", "day"),
        [
            ("en", "12.50", "1,234,567", "9.7\u00a0%", "2024-02-29"),
            ("uk", "12,50", "1\u00a0234\u00a0567", "9,7\u00a0%", "29.02.2024"),
            ("ka", "12,50", "1\u00a0234\u00a0567", "9,7\u00a0%", "29.02.2024"),
            ("az", "12,50", "1.234.567", "9,7\u00a0%", "29.02.2024"),
        ],
    )
    def test_forms(self, language, money, count, share, day):
        words = words_of(language)
        assert words.money(12.5) == money
        assert words.count(1234567) == count
        assert words.share(0.0972) == share
        assert words.day(np.datetime64("2024-02-29")) == day

    def test_a_share_next_to_1_is_not_all(self):
        shares = (0.994, 0.996, 0.9997, 1 - 1e-15, 1.0)
        said = ["99\u00a0%", "99.6\u00a0%", ">99.9\u00a0%", "100\u00a0%", "100\u00a0%"]
        assert [words_of("en").share(x) for x in shares] == said

    def test_the_sign_is_a_minus_and_zero_has_none(self):
        words = words_of("en")
        assert words.count(-47) == "−47"  # noqa: RUF001 - a minus
        assert words.number(-0.001) == "0.00"
        assert words.error(0.063) == "+6.3\u00a0%"

    def test_large_amounts_are_shortened(self):
        words = words_of("en")
        assert [words.money(amount) for amount in (99_999_999, 1e8, 2.4375e12, -3.25e8)] == [
            "99,999,999",
            "100.0 M",
            "2,437.5 bn",
            "−325.0 M",  # noqa: RUF001 - a minus
        ]
        assert words.money(math.inf) == "∞"

    def test_far_ends(self):
        words = words_of("ka")
        assert words.day(np.datetime64("0987-01-02")) == "02.01.0987"
        assert [words.number(end) for end in (np.inf, -np.inf)] == ["∞", "−∞"]  # noqa: RUF001 - a minus

    def test_axes_shorten_large_numbers(self):
        assert words_of("en").short(3.4e6) == "3.4\u00a0M"
        assert words_of("uk").short(12_500) == f"12,5\u00a0{words_of('uk')('k')}"

    def test_small_numbers_are_no_0(self):
        assert [words_of("en").figure(x, 2) for x in (0.3, 463.2, 4.6e-7)] == ["0.3", "463", "0.00000046"]
        assert (words_of("en").short(4.6e-7), words_of("uk").short(4.6e-7)) == ("0.00000046", "0,00000046")
        assert [words_of(language).short(1e-12) for language in ("en", "uk")] == ["almost 0", "майже 0"]
        assert words_of("en").share(-0.0003) == ">−0.1\u00a0%"  # noqa: RUF001 - a minus

    def test_another_language_is_refused(self):
        with pytest.raises(InputError, match="language"):
            words_of("de")
