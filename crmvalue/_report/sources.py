"""CSV and Parquet files as a view of DuckDB, with the names of their columns. Needs the extra `report`."""

from __future__ import annotations

import csv
import gzip
import io
import re
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from crmvalue._report.places import FileError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Column", "Database", "import_duckdb", "literal", "open_file", "reason"]

Database: TypeAlias = Any  # a connection of DuckDB, which ships no complete types

_REASONS = (  # words in an error of DuckDB, and ours
    ("invalid string encoding", "a text in it is not UTF-8: write it in UTF-8"),
    ("unicode", "{line} is not UTF-8: save the file as UTF-8"),
    ("utf-8", "{line} is not UTF-8: save the file as UTF-8"),
    ("unterminated quote", "{line} has a quote that is not closed or that text follows"),
    ("state machine", "it mixes two kinds of line ends, or a quote is not closed"),
    ("csv error on line", "{line} does not have the form of CSV"),
    ("", "it is damaged or not complete, or it is no CSV or Parquet file"),
)
_MOST_COLUMNS = 10_000
_LONGEST_LINE = 1 << 24  # bytes; DuckDB loses the last row of a packed file if that is longer than its buffer
_ALONE = "hive_partitioning = false"  # the names of the folders above a file say nothing about its rows
_HEAD = 1 << 20  # longest header, in characters


class Column(NamedTuple):
    """A column of the file: its name, its name in SQL, its type."""

    name: str
    sql: str
    kind: str


def import_duckdb(task: str) -> Any:
    """Import DuckDB, or say that a task needs the extra."""
    try:
        import duckdb
    except ImportError as error:
        message = f"{task} needs DuckDB: pip install 'crmvalue[report]'"
        raise ModuleNotFoundError(message, name="duckdb") from error
    return duckdb


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def open_file(database: Database, place: Path) -> list[Column]:
    """Make the view `file` and list its columns."""
    name = literal(re.sub(r"([*?\[])", r"[\1]", str(place)))  # one file, not a pattern of names
    with place.open("rb") as file:
        start = file.read(4)
    if start == b"PAR1":
        database.execute(f"create view file as select * from read_parquet({name}, {_ALONE})")  # noqa: S608 - the path is quoted
        described = database.execute("describe file").fetchall()
        return [Column(column, '"' + column.replace('"', '""') + '"', kind) for column, kind, *_ in described]
    if start[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        raise FileError("FILE", f"{place.name!r} is UTF-16: save it as UTF-8")
    packed = start[:2] == b"\x1f\x8b"
    delimiter, header = _header(place, packed=packed)
    if packed:
        _require_short_lines(place)
    columns = [Column(column.strip(), f"c{i}", "VARCHAR") for i, column in enumerate(header)]
    types = ", ".join(f"{column.sql}: 'VARCHAR'" for column in columns)
    compression = "gzip" if packed else "none"
    database.execute(
        f"create view file as select * from read_csv({name}, auto_detect = false, header = true, "  # noqa: S608 - quoted
        f"delim = {literal(delimiter)}, quote = '\"', escape = '\"', compression = '{compression}', "
        f"columns = {{{types}}}, {_ALONE})"
    )
    return columns


def _header(place: Path, *, packed: bool) -> tuple[str, list[str]]:
    """Find the delimiter of a CSV file and the names in its first line."""
    opened = gzip.open if packed else io.open
    try:
        with opened(place, "rt", encoding="utf-8-sig", errors="replace", newline="") as file:
            head = file.read(_HEAD)
        line = re.sub(r'"[^"]*"', "", head).partition("\n")[0]
        delimiter = max(",;\t|", key=line.count)
        header = next(csv.reader(io.StringIO(head, newline=""), delimiter=delimiter), [])
    except csv.Error as error:
        raise FileError("FILE", f"the first line of {place.name!r} is no list of column names") from error
    if not head.strip():
        raise FileError("FILE", f"{place.name!r} is empty")
    if not header:
        raise FileError("FILE", f"the first line of {place.name!r} is empty: it must name the columns")
    if len(header) > _MOST_COLUMNS:
        sentence = f"{place.name!r} has more than {_MOST_COLUMNS:,} columns in its first line"
        raise FileError("FILE", f"{sentence}: is its line end or delimiter missing?")
    if re.search("[\ufffd\0]", "".join(header)):
        raise FileError("FILE", f"line 1 of {place.name!r} is not UTF-8: save the file as CSV in UTF-8")
    return delimiter, header


def _require_short_lines(place: Path) -> None:
    """Refuse a packed file with a line that the reader would lose."""
    length = 0
    with gzip.open(place, "rb") as file:
        while block := file.read(1 << 20):
            first, *others = block.split(b"\n") if b"\n" in block else [block]
            length += len(first)
            if length > _LONGEST_LINE:
                raise FileError("FILE", f"{place.name!r} has a line of more than {_LONGEST_LINE:,} bytes")
            length = len(others[-1]) if others else length


def reason(error: Exception) -> str:
    """Say in our own words why DuckDB, gzip or the system cannot read a file."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, import_duckdb("reading files").OutOfMemoryException):
        return "there is too little memory or room on the disk"
    message = str(error)
    found = re.search(r"CSV Error on Line: (\d+)", message)
    line = f"line {found[1]}" if found else "a line"
    fields = re.search(r"Expected Number of Columns: (\d+) Found: (\d+)", message)
    if fields:
        return f"{line} has {fields[2]} fields instead of the {fields[1]} of the header"
    return next(said.format(line=line) for words, said in _REASONS if words in message.lower())
