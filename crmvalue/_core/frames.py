"""Values with columns, as dataframes."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from crmvalue._core.checks import require_choice
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import ModuleType

    import narwhals as nw

__all__ = ["Columns", "make_frame"]

_IN_THE_EXTRA = ("pandas", "polars", "pyarrow")
_BACKENDS = (*_IN_THE_EXTRA, "modin", "cudf")
"""The libraries that narwhals makes frames of at once, the others being lazy."""

_FRAME_UNITS = {"s": "us", "m": "us", "h": "us", "W": "D", "M": "D", "Y": "D"}
"""Units of numpy's dates that not every library takes, and the next one that each of them takes."""


class _HasColumns(Protocol):
    def to_columns(self) -> dict[str, npt.NDArray[Any]]: ...


class Columns:
    """What a value with `to_columns` can do more: become a dataframe.

    A base class, because half a hundred values share the one method. It adds no field and no slot.
    """

    __slots__ = ()

    def to_frame(self: _HasColumns, backend: str = "pandas") -> Any:
        """Give the columns of `to_columns` as a dataframe, in the same order.

        Parameters
        ----------
        backend : {"pandas", "polars", "pyarrow", "modin", "cudf"}, default "pandas"
            The library whose dataframe is wanted. The extra `engines` installs the first three.

        Returns
        -------
        dataframe
            A new `pandas.DataFrame`, `polars.DataFrame`, `pyarrow.Table`, or the frame of the other library. Days are
            dates (in pandas, moments at midnight), moments are moments, and a missing one is null. NaN stays NaN.

        Raises
        ------
        InputError
            If `backend` is none of these, or if a column holds objects of several types, which only pandas keeps.
        ModuleNotFoundError
            If the library is not installed.

        Examples
        --------
        >>> from crmvalue.segmentation import lorenz_curve
        >>> lorenz_curve([1, 3]).to_frame("polars").shape
        (3, 2)
        """
        require_choice("backend", backend, _BACKENDS)
        return make_frame(self.to_columns(), backend).to_native()


def make_frame(columns: Mapping[str, npt.NDArray[Any]], backend: str) -> nw.DataFrame[Any]:
    """Make a frame of columns of one length, in a library that is installed."""
    import narwhals as nw

    library = _library(backend)
    return nw.from_dict({name: _framed(name, column, library) for name, column in columns.items()}, backend=library)


def _library(backend: str) -> ModuleType:
    """Import a library of dataframes, or say how to install it."""
    try:
        return importlib.import_module(backend)
    except ImportError as error:
        source = "'crmvalue[engines]'" if backend in _IN_THE_EXTRA else backend
        message = f"A frame of {backend} needs {backend}: pip install {source}"
        raise ModuleNotFoundError(message, name=backend) from error


def _framed(name: str, column: npt.NDArray[Any], library: ModuleType) -> Any:
    """Give a column in the form that a library takes: dates in a unit it knows, objects as its own series."""
    if column.dtype.kind == "M":
        unit = _FRAME_UNITS.get(np.datetime_data(column.dtype)[0])
        return column.astype(f"datetime64[{unit}]") if unit else column
    if column.dtype != object or library.__name__ not in {"polars", "pyarrow"}:
        return column
    return _series(name, [None if _is_missing(value) else value for value in column.tolist()], library)


def _series(name: str, values: Sequence[Any], library: ModuleType) -> Any:
    """Give objects of one type as a series; a column without any is one of texts."""
    import narwhals as nw

    kinds = {_kind(value) for value in values if value is not None}
    if len(kinds) > 1:
        found = " and ".join(sorted(kind.__name__ for kind in kinds))
        raise InputError(name, f"of one type in a frame of {library.__name__}", found)
    has_fractions = any(isinstance(value, float) for value in values)
    dtype = nw.String() if kinds <= {str} else nw.Float64() if has_fractions else None
    try:
        return nw.new_series(name, values, dtype, backend=library).to_native()
    except (OverflowError, TypeError):
        longest = max(values, key=lambda value: len(str(value)))
        rule = f"of whole numbers that all fit into 64 bits in a frame of {library.__name__}, or texts"
        raise InputError(name, rule, longest) from None


def _kind(value: Any) -> type[Any]:
    """Give the type of an object; whole numbers are numbers too."""
    return str if isinstance(value, str) else float if type(value) is int else type(value)


def _is_missing(value: Any) -> bool:
    """Whether an object is None, NaN or NaT."""
    return value is None or bool(value != value)  # noqa: PLR0124 - only NaN and NaT differ from themselves
