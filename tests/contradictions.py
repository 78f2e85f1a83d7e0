"""Values whose pieces contradict each other: made of the case of each class with one or two fields changed."""

from __future__ import annotations

import importlib

import attrs
import numpy as np
import pytest

from crmvalue.errors import InputError

__all__ = ["changed", "first", "refuses", "value_of"]


def value_of(name):
    """Give the case of a class."""
    cases = importlib.import_module("tests.core.public_values").VALUES
    return next(value for value in cases if type(value).__name__ == name)


def changed(value, field, nonsense):
    """Make a value with nonsense in one field, in each element of a column."""
    given = getattr(value, field)
    return attrs.evolve(value, **{field: np.full(given.shape, nonsense) if isinstance(given, np.ndarray) else nonsense})


def first(value):
    """Change the first element of a column."""

    def change(column):
        changed = np.array(column, dtype=np.float64 if isinstance(value, float) else None)
        changed.flat[0] = value
        return changed

    return change


def refuses(cls, changes, words):
    """Check that a value of the class is refused with these changes, and taken without."""
    case = value_of(cls)
    given = {name: change(getattr(case, name)) if callable(change) else change for name, change in changes.items()}
    assert attrs.evolve(case) == case
    with pytest.raises(InputError, match=words):
        attrs.evolve(case, **given)
