"""The table of all customers as a CSV or Parquet file, through DuckDB. Needs the extra `report`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from crmvalue._report.files import import_duckdb
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

__all__ = ["check_output", "write_table"]

_FORMATS = {".csv": "format csv, header", ".parquet": "format parquet"}


def check_output(path: str, source: str | None = None) -> Path:
    """Return the place to write to, or raise if that is not possible; `source` is the file that is read."""
    place = Path(path).expanduser()
    if place.suffix.lower() not in _FORMATS:
        raise _problem("a file whose name ends in .csv or .parquet", path)
    if place.is_dir():
        raise _problem("a file, not a folder", path)
    if not place.parent.is_dir():
        raise _problem("in a folder that exists", path)
    if not os.access(place.parent, os.W_OK) or (place.exists() and not os.access(place, os.W_OK)):
        raise _problem("a file that can be written", path)
    read = None if source is None else Path(source).expanduser()
    if read is not None and place.exists() and read.exists() and place.samefile(read):
        raise _problem("another file than the one that is read", path)
    import_duckdb("writing tables")
    return place


def write_table(columns: Mapping[str, npt.NDArray[Any]], place: Path) -> None:
    """Write columns of one length; customers become text, NaN an empty cell."""
    duckdb = import_duckdb("writing tables")

    part = place.with_name(f".{place.name}.{os.getpid()}.part")
    try:
        with duckdb.connect() as database:
            table = {name: np.ascontiguousarray(column) for name, column in columns.items()}
            table["customer"] = table["customer"].astype(str).astype(object)
            database.register("columns_", table)
            chosen = ", ".join(
                name if column.dtype.kind != "f" else f"case when not isnan({name}) then {name} end as {name}"
                for name, column in table.items()
            )
            target = str(part).replace("'", "''")
            sql = f"copy (select {chosen} from columns_) to '{target}' ({_FORMATS[place.suffix.lower()]})"  # noqa: S608 - our own names
            database.execute(sql)
        part.replace(place)
    except (OSError, duckdb.Error) as error:
        part.unlink(missing_ok=True)
        raise _problem("a file that can be written", str(place), hint=str(error).splitlines()[0]) from error


def _problem(rule: str, value: str, hint: str | None = None) -> InputError:
    return InputError("output", rule, value, hint=hint)
