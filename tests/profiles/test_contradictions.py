"""Results of this room whose figures contradict each other, made by hand or read from JSON, are refused."""

import pytest

from crmvalue.errors import InputError
from crmvalue.profiles import IdentityEvents
from tests.contradictions import changed, value_of


@pytest.mark.parametrize(
    ("name", "field", "nonsense", "words"),
    [
        ("ContactQuality", "n_missing", 10**9, "`n_records` must be at least those missing"),
        ("RefusedKeys", "n_records", 0, "`n_records` must be >= 1"),
        ("ProfileField", "record", 0.5, "`record` must be all whole numbers or all text"),
        ("CustomerProfile", "records", (1, 1), "`records` must be different identifiers"),
        ("CustomerProfile", "fields", {"sum": float("inf")}, "`fields.* must be a text, a number"),
    ],
)
def test_contradictions_are_refused(name, field, nonsense, words):
    value = value_of(name)
    with pytest.raises(InputError, match=words):
        changed(value, field, nonsense)


@pytest.mark.parametrize("change", [{"event": ["nan"]}, {"into": [0]}, {"n_records": [0]}])
def test_changes_of_identities(change):
    with pytest.raises(InputError, match=f"`{next(iter(change))}` must be"):
        IdentityEvents(**{"event": ["merged"], "profile": [0], "into": [1], "n_records": [1], **change})
