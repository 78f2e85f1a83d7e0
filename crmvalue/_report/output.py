"""The files that the command writes: the table of all customers, through DuckDB, and the page of the report."""

from __future__ import annotations

import errno
import os
import re
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from crmvalue._report.reading.sources import import_duckdb
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import numpy.typing as npt

__all__ = ["check_output", "check_page", "write_page", "write_table"]

_FORMATS = {".csv": "format csv, header", ".parquet": "format parquet"}
_FORMULA = re.compile(r"'*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
"""What a formula of a spreadsheet begins with; the last four are full-width signs. Apostrophes may stand before it."""
_NUMBER = re.compile(r"[+-]?\d+([.,]\d+)?", re.ASCII)
_KINDS = re.compile(r"U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|FLOAT|DOUBLE|DECIMAL\(\d+,\d+\)")
"""Types of numbers that a Parquet file can hold."""
_REASONS = tuple(
    os.strerror(code)
    for code in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EPERM, errno.EROFS, errno.EIO)
)


def check_output(path: str, sources: Sequence[str | Path] = ()) -> Path:
    """Return the place of a table, or raise if it cannot be written; `sources` are the files that are read."""
    place = _check("output", path, _FORMATS, sources)
    import_duckdb("writing tables")
    return place


def check_page(path: str, others: Sequence[str | Path] = ()) -> Path:
    """Return the place of a page, or raise if it cannot be written; `others` are read, or written too."""
    return _check("report", path, (".html", ".htm"), others)


def _check(name: str, path: str, endings: Iterable[str], others: Sequence[str | Path]) -> Path:
    """Return the place to write to, or raise if that is not possible, or if it is that of another file."""
    try:
        place = _place(path)
        if place.suffix.lower() not in endings:
            raise _problem(name, f"a file whose name ends in {' or '.join(endings)}", path)
        if place.is_dir():
            raise _problem(name, "a file, not a folder", path)
        if not _target(place).parent.is_dir():
            raise _problem(name, "in a folder that exists", path)
        if _exists(place) and not place.is_file():
            raise _problem(name, "a file, not a device or a stream", path)
        if not os.access(_target(place).parent, os.W_OK) or (place.exists() and not os.access(place, os.W_OK)):
            raise _problem(name, "a file that can be written", path)
        read = [_place(str(other)) for other in others]
        if place.exists() and any(other.exists() and place.samefile(other) for other in read):
            raise _problem(name, "another file than the one that is read", path)
        part = _part(place)
        part.touch(exist_ok=False)  # a folder may refuse although its rights allow it
        part.unlink()
    except (OSError, ValueError, RuntimeError) as error:
        if isinstance(error, InputError):
            raise
        raise _problem(name, "a file that can be written", path, _reason(error)) from error
    return place


def write_page(text: str, place: Path) -> None:
    """Write a page; what stood there before stays until the new one is complete."""
    part = _part(place)
    try:
        part.write_text(text, encoding="utf-8", newline="\n")
        part.replace(_target(place))
    except OSError as error:
        raise _problem("report", "a file that can be written", str(place), _reason(error)) from error
    finally:
        part.unlink(missing_ok=True)


def write_table(columns: Mapping[str, npt.NDArray[Any]], place: Path, kind: str | None = None) -> int:
    """Write columns of one length; return how many customers got an apostrophe in front.

    NaN becomes an empty cell. Customers keep their type: whole numbers stay whole numbers, and in Parquet text becomes
    numbers of the DuckDB type `kind` again, if that is a type of numbers. Other customers are text. In CSV, a customer
    that a spreadsheet would run as a formula gets an apostrophe in front.
    """
    duckdb = import_duckdb("writing tables")
    table = {name: np.ascontiguousarray(column) for name, column in columns.items()}
    form, n_guarded = place.suffix.lower(), 0
    cells = {
        name: f"case when not isnan({name}) then {name} end as {name}" if column.dtype.kind == "f" else name
        for name, column in table.items()
    }
    if table["customer"].dtype.kind not in "iu":
        table["customer"] = np.array(list(map(str, table["customer"].tolist())), dtype=object)
        if form == ".csv":
            table["customer"], n_guarded = _guard(table["customer"])
        elif kind is not None and _KINDS.fullmatch(kind):
            cells["customer"] = f"cast(customer as {kind}) as customer"
    part = _part(place)
    try:
        with duckdb.connect() as database:
            database.register("columns_", table)
            target = str(part).replace("'", "''")
            sql = f"copy (select {', '.join(cells.values())} from columns_) to '{target}' ({_FORMATS[form]})"  # noqa: S608 - our own names
            database.execute(sql)
        part.replace(_target(place))
    except (OSError, duckdb.Error) as error:
        raise _problem("output", "a file that can be written", str(place), _reason(error)) from error
    finally:
        part.unlink(missing_ok=True)
    return n_guarded


def _guard(customer: npt.NDArray[np.object_]) -> tuple[npt.NDArray[np.object_], int]:
    """Put an apostrophe before each text that a spreadsheet would run; plain numbers such as -5 stay.

    Such a text behind apostrophes gets one more, so that different texts stay different: =q and '=q.
    """
    risky = [i for i, text in enumerate(customer) if _FORMULA.match(text) and not _NUMBER.fullmatch(text)]
    guarded = customer.copy()
    guarded[risky] = ["'" + text for text in customer[risky]]
    return guarded, len(risky)


def _place(path: str) -> Path:
    return Path(path).expanduser() if path.startswith("~/") else Path(path)


def _exists(place: Path) -> bool:
    """Tell whether there is such a file; a name that is too long, say, is an OSError."""
    try:
        place.stat()
    except FileNotFoundError:
        return False
    return True


def _target(place: Path) -> Path:
    """Give the file to which a link leads, so that the link stays."""
    return place.resolve() if place.is_symlink() else place


def _part(place: Path) -> Path:
    """Name a file beside the wanted one, which is renamed once it is complete."""
    return _target(place).with_name(f".{secrets.token_hex(6)}.part")


def _reason(error: Exception) -> str | None:
    """Give the reason of the operating system, which the reader of files hides in words of its own."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return next((reason for reason in _REASONS if reason in str(error)), None)


def _problem(name: str, rule: str, value: str, hint: str | None = None) -> InputError:
    return InputError(name, rule, value, hint=hint)
