"""Every value with columns gives them as a dataframe of each library."""

from __future__ import annotations

import datetime as dt
import importlib
import sys

import attrs
import narwhals as nw
import numpy as np
import pandas as pd
import pytest

from crmvalue._core.frames import Columns
from crmvalue.errors import InputError

BACKENDS = ["pandas", "polars", "pyarrow"]
DATES = {"pandas": nw.Datetime, "polars": nw.Date, "pyarrow": nw.Date}


@attrs.frozen
class Table(Columns):
    """A value with any columns."""

    columns: dict

    def to_columns(self):
        return self.columns


def frame_of(backend, column):
    """Give a column of a frame, by narwhals."""
    return nw.from_native(Table({"x": column}).to_frame(backend), eager_only=True)["x"]


def tables():
    """Give the public values with columns."""
    values = importlib.import_module("tests.core.public_values").VALUES
    return [value for value in values if hasattr(value, "to_columns")]


def plain(values):
    """Give Python values in which a missing text or date is None, a moment at midnight is a day, and NaN is a word."""
    return [one(value) for value in values]


def one(value):
    if value is None or value is pd.NaT:
        return None
    if isinstance(value, float) and np.isnan(value):
        return "NaN"
    if isinstance(value, dt.datetime):
        return dt.datetime.fromisoformat(value.isoformat())
    return dt.datetime.combine(value, dt.time()) if isinstance(value, dt.date) else value


class TestToFrame:
    """The frame of a value has its columns, in their order, with their values and their types."""

    @pytest.mark.parametrize("backend", BACKENDS)
    def test_every_value_keeps_its_columns(self, backend):
        values = tables()
        assert len({type(value) for value in values}) > 50
        for value in values:
            columns = value.to_columns()
            native = value.to_frame(backend)
            assert type(native).__module__.split(".")[0] == backend
            frame = nw.from_native(native, eager_only=True)
            assert frame.columns == list(columns)
            assert frame.shape == (len(next(iter(columns.values()))), len(columns))
            for name, column in columns.items():
                where = f"{type(value).__name__}.{name}"
                found = plain(frame[name].to_list())
                if column.dtype == object:  # pandas has one value for each missing thing
                    found = [None if value == "NaN" else value for value in found]
                assert found == plain(column.tolist()), where
                kind = column.dtype.kind
                dtype = frame.schema[name]
                assert (dtype == nw.Boolean) == (kind == "b"), where
                assert dtype.is_integer() == (kind in "iu"), where
                assert dtype.is_float() == (kind == "f"), where
                assert dtype.is_temporal() == (kind == "M"), where
                assert backend == "pandas" or (dtype == nw.String) == (kind in "UO"), where

    def test_every_class_with_columns_has_frames(self):
        assert {type(value) for value in tables() if not isinstance(value, Columns)} == set()

    @pytest.mark.parametrize("backend", BACKENDS)
    def test_days_are_dates_and_a_missing_one_is_null(self, backend):
        found = frame_of(backend, np.array(["2024-02-29", "NaT"], "datetime64[D]"))
        assert found.dtype == DATES[backend]
        assert found.null_count() == 1
        assert plain(found.to_list()) == [dt.datetime(2024, 2, 29), None]

    @pytest.mark.parametrize("backend", BACKENDS)
    @pytest.mark.parametrize("unit", ["Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns"])
    def test_dates_of_every_unit_are_taken(self, backend, unit):
        dates = np.array(["2024-01-01", "NaT"], "datetime64[D]").astype(f"datetime64[{unit}]")
        found = frame_of(backend, dates)
        assert found.dtype.is_temporal()
        day = dates[0].astype("datetime64[us]").item()
        assert plain(found.to_list()) == [day, None]

    @pytest.mark.parametrize("backend", ["polars", "pyarrow"])
    def test_nan_is_a_number_and_not_missing(self, backend):
        found = frame_of(backend, np.array([np.nan, 1.0]))
        assert found.null_count() == 0
        assert found.is_nan().to_list() == [True, False]

    @pytest.mark.parametrize("backend", ["polars", "pyarrow"])
    @pytest.mark.parametrize(
        ("objects", "found", "dtype"),
        [
            ([None, "a"], [None, "a"], nw.String),
            ([float("nan"), "a"], [None, "a"], nw.String),
            ([None, None], [None, None], nw.String),
            ([], [], nw.String),
            ([1, None], [1, None], nw.Int64),
            ([1, 2.5], [1, 2.5], nw.Float64),
            ([True, None], [True, None], nw.Boolean),
            ([dt.date(2024, 1, 1), None], [dt.date(2024, 1, 1), None], nw.Date),
        ],
    )
    def test_objects_are_of_their_type(self, backend, objects, found, dtype):
        series = frame_of(backend, np.array(objects, dtype=object))
        assert series.to_list() == found
        assert series.dtype == dtype

    @pytest.mark.parametrize("backend", BACKENDS)
    @pytest.mark.parametrize("dtype", ["U3", "f8", "i8", "u1", "?", "datetime64[D]", "datetime64[us]"])
    def test_empty_columns_keep_their_type(self, backend, dtype):
        empty = frame_of(backend, np.array([], dtype=dtype))
        assert len(empty) == 0
        assert empty.dtype == frame_of(backend, np.ones(1).astype(dtype)).dtype

    @pytest.mark.parametrize("backend", ["polars", "pyarrow"])
    def test_objects_of_several_types_are_refused(self, backend):
        with pytest.raises(InputError, match=f"`x` must be of one type in a frame of {backend}; got 'float and str'"):
            frame_of(backend, np.array([1, "a"], dtype=object))
        assert frame_of("pandas", np.array([1, "a"], dtype=object)).to_list() == [1, "a"]

    @pytest.mark.parametrize("wrong", ["spark", "duckdb", "Pandas", "", None, 5, pd])
    def test_an_unknown_library_is_refused(self, wrong):
        with pytest.raises(InputError, match=r"`backend` must be .*'pandas', 'polars', 'pyarrow', 'modin', 'cudf'"):
            Table({"x": np.ones(1)}).to_frame(wrong)

    @pytest.mark.parametrize("backend", [*BACKENDS, "modin", "cudf"])
    def test_a_missing_library_is_named_with_what_installs_it(self, backend, monkeypatch):
        monkeypatch.setitem(sys.modules, backend, None)
        source = r"'crmvalue\[engines\]'" if backend in BACKENDS else backend
        with pytest.raises(ModuleNotFoundError, match=f"{backend}: pip install {source}$") as caught:
            Table({"x": np.ones(1)}).to_frame(backend)
        assert caught.value.name == backend

    @pytest.mark.parametrize(("backend", "ids"), [("pyarrow", [10**20, 1]), ("polars", [-1, 2**63])])
    def test_whole_numbers_beyond_64_bits(self, backend, ids):
        with pytest.raises(InputError, match=rf"whole numbers that all fit into 64 bits.*got {max(ids)}$"):
            Table({"x": np.array(ids, dtype=object)}).to_frame(backend)

    def test_the_frame_is_new(self):
        given = np.ones(2)
        frame = Table({"x": given}).to_frame()
        frame.loc[0, "x"] = 5
        assert given.tolist() == [1, 1]
