"""Keys and names that people write in several ways are one; what cannot be meant is refused."""

from __future__ import annotations

import datetime as dt
import unicodedata

import numpy as np
import pandas as pd
import pytest

from crmvalue.errors import InputError
from crmvalue.profiles import (
    MatchRule,
    check_names,
    choose_values,
    contact_quality,
    resolve_profiles,
)

APOSTROPHES = "'`" + "".join(map(chr, (0x2018, 0x2019, 0x201B, 0x02BC, 0x02B9, 0x2032, 0xB4)))
BIRTHDAY = "1990-05-31"


def n_customers(kind, values):
    return resolve_profiles(list(range(len(values))), {kind: values}, [kind]).n_profiles


class TestOneForm:
    """One text in all its spellings is one key."""

    @pytest.mark.parametrize("kind", ["name", "email", "card"])
    def test_composed_and_decomposed_letters(self, kind):
        text = {"name": "Андрей Ёлкин", "email": "zoë@exámple.com", "card": "Ä-77"}[kind]
        forms = [unicodedata.normalize(form, text) for form in ("NFC", "NFD")]
        assert forms[0] != forms[1]
        assert n_customers(kind, forms) == 1

    def test_wide_digits_and_invisible_characters(self):
        assert n_customers("card", ["\uff17\uff17", "77"]) == 1
        assert n_customers("email", ["\ufeffann@example.com\u200b", "ann@example.com"]) == 1
        assert n_customers("name", ["Оле\u00adна\u200b", "олена"]) == 1

    @pytest.mark.parametrize("invisible", [0xAD, 0x200B, 0x200F, 0x202A, 0x202E, 0x2060, 0x2064, 0x2069, 0xFEFF])
    def test_each_invisible_character(self, invisible):
        """The first and the last of each block: joiners, marks of direction, invisible operators."""
        assert n_customers("name", [f"ol{chr(invisible)}ena", "olena"]) == 1

    def test_look_alike_letters_of_a_code(self):
        """Each Cyrillic capital beside the Latin one with the same shape, by their Unicode names."""
        latin = "ABEIJKMHOPCSTYX"
        cyrillic = "".join(
            unicodedata.lookup(f"CYRILLIC CAPITAL LETTER {name}")
            for name in ("A", "VE", "IE", "BYELORUSSIAN-UKRAINIAN I", "JE", "KA", "EM", "EN", "O", "ER", "ES")
        ) + "".join(unicodedata.lookup(f"CYRILLIC CAPITAL LETTER {name}") for name in ("DZE", "TE", "U", "HA"))
        for one, other in zip(latin, cyrillic, strict=True):
            assert one != other
            assert n_customers("passport", [f"{one}{one} 123456", f"{other}{other}123456", f"{one}{other}-123456"]) == 1
            assert n_customers("card", [f"{other.lower()}77", f"{one.lower()}77"]) == 1
        assert n_customers("passport", ["ЇЮ123", "IO123", "OO123", "00123"]) == 4
        assert n_customers("name", ["Анна", "Aнна"]) == 2
        asked = resolve_profiles([1, 2], {"passport": ["АА1", "AA1"]}, ["passport"], never={"passport": ["аа 1"]})
        assert asked.n_profiles == 2

    def test_apostrophes_and_hyphens(self):
        assert n_customers("name", [f"Мар{mark}яна" for mark in APOSTROPHES]) == 1
        assert n_customers("name", [f"O{mark}Brien" for mark in APOSTROPHES]) == 1
        assert n_customers("name", ["Анна-Мая", "Анна\u2011Мая", "Анна\u2013Мая"]) == 1
        dashes = "-" + "".join(map(chr, (*range(0x2010, 0x2016), 0x2212)))
        assert n_customers("name", [f"Анна{mark}Мая" for mark in dashes]) == 1
        assert n_customers("name", [f"Анна{blank}Мая" for blank in " \u00a0\u2009\u202f"]) == 1
        found = check_names([f"МАР{mark}ЯНА" for mark in APOSTROPHES] + ["Анна\u2013мая"], ["Мар'яна", "Анна-Мая"])
        assert found.known.all()
        assert set(found.spelling) == {"Мар'яна", "Анна-Мая"}

    @pytest.mark.parametrize(
        "days",
        [
            np.array([BIRTHDAY, "NaT"], dtype="datetime64[D]"),
            np.array([BIRTHDAY, "NaT"], dtype="datetime64[ns]"),
            [dt.date(1990, 5, 31), None],
            pd.to_datetime(pd.Series([BIRTHDAY, None])),
            pd.Series([dt.date(1990, 5, 31), None], dtype="date32[pyarrow]"),
            [BIRTHDAY, None],
        ],
    )
    def test_birthdays_are_keys(self, days):
        keys = {"name": ["ann", "ann"], "birthday": days}
        found = resolve_profiles([1, 2], keys, [MatchRule(["name", "birthday"])])
        assert found.keys["birthday"].tolist() == [BIRTHDAY, ""]
        more = found.add([3], {"name": ["Ann"], "birthday": [BIRTHDAY]})
        assert more.profile.tolist() == [0, 1, 0]
        assert contact_quality(["web"] * 2, keys).missing.tolist() == [0.0, 0.5]


class TestWhatCannotBeMeant:
    """A wrong name, or a choice without what it needs, is an error and never changes nothing in silence."""

    @pytest.mark.parametrize(
        ("options", "name"),
        [
            ({"never": {"cadr": ["0"]}}, "never"),
            ({"kinds": {"cadr": "code"}}, "kinds"),
            ({"apart": [(None, 2)]}, "apart"),
            ({"apart": [(1, 1)]}, "apart"),
            ({"apart": [("1", 2)]}, "apart"),
        ],
    )
    def test_options_of_profiles(self, options, name):
        with pytest.raises(InputError) as caught:
            resolve_profiles([1, 2], {"card": ["7", "7"]}, ["card"], **options)
        assert caught.value.name == name

    @pytest.mark.parametrize(
        ("key", "listed"),
        [("phone", ["067 123 45 67", "not a number"]), ("phone", ["067 123"]), ("email", ["ann"]), ("card", ["--"])],
    )
    def test_a_listed_value_that_is_none_of_its_kind(self, key, listed):
        """It was kept as an empty text, so the number of the shop with a digit too few went on joining records."""
        keys = {"phone": ["067 123 45 67"] * 2, "email": ["a@b.co"] * 2, "card": ["7", "7"]}
        with pytest.raises(InputError, match=f"valid values of the kind '{'code' if key == 'card' else key}'") as found:
            resolve_profiles([1, 2], keys, ["phone"], region="UA", never={key: listed})
        assert (found.value.name, found.value.value) == ("never", listed[-1])

    def test_a_blank_in_a_list_is_no_value(self):
        listed = ["", " ", "067 123 45 67"]
        found = resolve_profiles([1, 2], {"phone": listed[2:] * 2}, ["phone"], region="UA", never={"phone": listed})
        assert found.never == {"phone": ("+380671234567",)}
        assert found.n_profiles == 2

    @pytest.mark.parametrize(("key", "long"), [("name", "x" * 10_000), ("card", "9" * 10_000)])
    def test_a_list_with_one_very_long_entry(self, key, long):
        """It ended in an error of numpy; the short entries count all the same."""
        found = resolve_profiles([1, 2], {key: ["77", "77"]}, [key], never={key: ["77", " ", long]})
        assert found.n_profiles == 2
        assert found.never == {key: ("77", long)}
        with pytest.raises(InputError, match="`never`"):
            resolve_profiles([1, 2], {"email": ["a@b.co"] * 2}, ["email"], never={"email": [long]})

    def test_kinds_of_contacts(self):
        with pytest.raises(InputError, match="kinds"):
            contact_quality(["web"], {"mail": ["x"]}, kinds={"email": "email"})

    @pytest.mark.parametrize(
        ("options", "name"),
        [
            ({"choose": "most_recent"}, "time"),
            ({"choose": "most_trusted"}, "source"),
            ({"choose": "most_trusted", "source": ["web", "shop"]}, "trust"),
            ({"choose": "most_trusted", "source": ["web", "shop"], "trust": ["a", "b", "a"]}, "trust"),
        ],
    )
    def test_choices_without_what_they_need(self, options, name):
        profiles = resolve_profiles([1, 2], {"card": ["7", "7"]}, ["card"])
        with pytest.raises(InputError) as caught:
            choose_values(profiles, [1, 2], ["Ann", "Anna"], **options)
        assert caught.value.name == name
