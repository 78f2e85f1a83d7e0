"""Results of this room whose figures contradict each other, made by hand or read from JSON, are refused."""

import importlib

import attrs
import numpy as np
import pytest

from crmvalue.errors import InputError
from crmvalue.profiles import IdentityEvents


def value_of(name):
    values = importlib.import_module("tests.core.public_values").VALUES
    return next(value for value in values if type(value).__name__ == name)


@pytest.mark.parametrize(
    ("name", "field", "nonsense", "words"),
    [
        ("ContactQuality", "n_missing", 10**9, "`n_records` must be at least those missing"),
        ("RefusedKeys", "n_records", 0, "`n_records` must be >= 1"),
        ("ProfileField", "record", 0.5, "`record` must be all whole numbers or all text"),
        ("CustomerProfile", "records", (1, 1), "`records` must be different identifiers"),
    ],
)
def test_contradictions_are_refused(name, field, nonsense, words):
    value = value_of(name)
    given = getattr(value, field)
    column = np.full(given.shape, nonsense) if isinstance(given, np.ndarray) else nonsense
    with pytest.raises(InputError, match=words):
        attrs.evolve(value, **{field: column})


@pytest.mark.parametrize("change", [{"event": ["nan"]}, {"into": [0]}, {"n_records": [0]}])
def test_changes_of_identities(change):
    with pytest.raises(InputError, match=f"`{next(iter(change))}` must be"):
        IdentityEvents(**{"event": ["merged"], "profile": [0], "into": [1], "n_records": [1], **change})
