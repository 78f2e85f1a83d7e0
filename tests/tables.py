"""What every result with a table or with JSON has to keep."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest

from crmvalue.errors import InputError

__all__ = ["check_json", "check_table"]


def check_table(result, n_rows, column, values):
    """Check that the columns of a result make a dataframe of both kinds, with these values."""
    columns = result.to_columns()
    for frame in (pd.DataFrame, pl.DataFrame):
        table = frame(columns)
        assert len(table) == n_rows
        np.testing.assert_allclose(table[column].to_numpy(), values)


def check_json(result):
    """Check that a result comes back from its JSON text, and that other text is refused."""
    text = result.to_json()
    assert type(result).from_json(text) == result
    assert "NaN" not in text
    assert "Infinity" not in text
    for wrong in ("", "[]", "{}", text[:-1], text.replace(":", ": {}, ", 1), '{"nonsense": 1}'):
        with pytest.raises(InputError, match="`"):
            type(result).from_json(wrong)
