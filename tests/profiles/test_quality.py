"""Missing, invalid and duplicate contacts of each source."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmvalue.errors import InputError
from crmvalue.profiles import ContactQuality, contact_quality

ROWS = st.tuples(st.sampled_from(["web", "shop"]), st.sampled_from([None, "", "a@b.com", "A@B.com", "c@d.com", "no"]))


class TestContactQuality:
    """Records without a key, with one that is not valid, and with one that another record of the source has."""

    @given(st.lists(ROWS, min_size=1, max_size=12))
    def test_equals_a_slow_count(self, rows):
        source, email = map(list, zip(*rows, strict=True))
        quality = contact_quality(source, {"email": email, "card": [None] * len(rows)})
        assert quality.key == ("email", "card") * len(set(source))
        for i, (name, key) in enumerate(zip(quality.source, quality.key, strict=True)):
            mine = [value for where, value in rows if where == name]
            assert quality.n_records[i] == len(mine)
            if key == "card":
                assert (quality.missing[i], quality.invalid[i], quality.duplicate[i]) == (1, 0, 0)
                continue
            valid = Counter(value.lower() for value in mine if value and "@" in value)
            assert quality.n_missing[i] == sum(not value for value in mine)
            assert quality.n_invalid[i] == mine.count("no")
            assert quality.n_duplicate[i] == sum(count for count in valid.values() if count > 1)

    def test_phones_of_a_region(self):
        quality = contact_quality(["web"] * 3, {"phone": ["067 123 45 67", "+380671234567", "12"]}, region="UA")
        assert quality.to_frame("polars").rows() == [("web", "phone", 3, 0.0, 1 / 3, 2 / 3)]

    @pytest.mark.parametrize(
        ("change", "name"),
        [({"keys": {"card": ["1"]}}, "keys['card']"), ({"source": [1, 2]}, "source"), ({"keys": 1}, "keys")],
    )
    def test_rejections(self, change, name):
        with pytest.raises(InputError) as caught:
            contact_quality(**{"source": ["a", "b"], "keys": {"card": ["1", "2"]}, **change})
        assert caught.value.name == name

    @pytest.mark.parametrize("counts", [(1, 1, 1), (3, 0, 0), (0, 0, 3), (2, 1, 0)])
    def test_missing_invalid_and_duplicate_are_different_records(self, counts):
        missing, invalid, duplicate = ([count] for count in counts)
        with pytest.raises(InputError, match="missing, invalid and duplicate") as caught:
            ContactQuality(
                source=["web"],
                key=["email"],
                n_records=[2],
                n_missing=missing,
                n_invalid=invalid,
                n_duplicate=duplicate,
            )
        assert caught.value.name == "n_records"
