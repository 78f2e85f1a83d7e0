"""CSV and Parquet files as a view of DuckDB, with the names of their columns, and the database for it.

Needs the extra `report`.
"""

from __future__ import annotations

import contextlib
import csv
import glob
import gzip
import re
import tempfile
import zlib
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from crmvalue._core.headings import key_of, listed
from crmvalue._core.labels import counted
from crmvalue._report.reading.encodings import is_packed, is_parquet, parse_heading, read_head
from crmvalue._report.reading.places import FileError
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from crmvalue._report.reading.encodings import Heading

__all__ = [
    "MISSING",
    "NUMBERS",
    "Column",
    "Database",
    "Union",
    "available_memory",
    "code_of_currency",
    "find_currencies",
    "folder_of",
    "import_duckdb",
    "is_uneven",
    "literal",
    "open_database",
    "open_file",
    "reason",
    "set_time_zone",
    "unfit_columns",
]

Database: TypeAlias = Any  # a connection of DuckDB, which ships no complete types

MISSING = ("", "na", "n/a", "#n/a", "null", "nan", "nat", "none", "<na>")
"""Texts that stand for a missing value, in small letters: capitals do not matter."""

_REASONS = (  # words in an error of DuckDB, and ours
    ("maximum line size", "{line} has more than 2,000,000 bytes: is a quote not closed, or a line end missing?"),
    ("invalid string encoding", "a text in it is not UTF-8: write it in UTF-8"),
    ("unicode", "{line} is not UTF-8: save the file as UTF-8"),
    ("utf-8", "{line} is not UTF-8: save the file as UTF-8"),
    ("unterminated quote", "{line} has a quote that is not closed or that text follows"),
    ("state machine", "it mixes two kinds of line ends, or a quote is not closed"),
    ("csv error on line", "{line} does not have the form of CSV"),
    ("", "it is damaged or not complete, or it is no CSV or Parquet file"),
)
_MOST_COLUMNS = 10_000
_LONGEST_LINE = 1 << 24  # bytes; DuckDB loses the last row of a file if that is longer than its buffer
_ALONE = "hive_partitioning = false"  # the names of the folders above a file say nothing about its rows
_ERROR_LINE = r"CSV Error on Line: (\d+)"
_UNEVEN = r"Expected Number of Columns: (\d+) Found: (\d+)"
NUMBERS = r"(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|FLOAT|DOUBLE|DECIMAL)\b"  # INTERVAL is none
_DECIMAL = r"(-?\d+)(?:\.(\d+))?(?:e([+-]?\d+))?"
_UNSEEN_COPIES = (
    "Values are text in some files and numbers or dates in others: copies of a row across these files are not found."
)
_MANY_VALUES = r"\]$|^(STRUCT|MAP|UNION)\b"  # types of a column with a list or a record in each row
_CONTROL = r"\\x(0[0-8]|0[EF]|1[0-9A-F]|7F)"  # bytes that no text has, as DuckDB writes them
_CURRENCY_HEADING = re.compile(  # but no AccYear, and no Aufbewahrung
    r"currenc(y|ies)|^ccy|ccy$|^curr?$|(?<!be)(?<!ge)(?<!ver)(wahrung|waehrung)|валют|ვალუტ|valyuta"
)
_NUMBER_HEADING = re.compile(r"amount|total|price|value|rate|date|betrag|kurs|курс|сум|дата|თანხ|კურს|mebleg|mezenne")
_CURRENCY_NAMES = r"[\pL\pN\p{Sc}]"  # - is none
_CURRENCY_WORDS = r"^\PN*[\pL\p{Sc}]\PN*$"
_NO_CURRENCY = (
    "('NA', 'N/A', '#N/A', 'NULL', 'NAN', 'NAT', 'NONE', '<NA>', 'TRUE', 'FALSE', 'YES', 'NO', 'Y', 'N', 'JA', 'NEIN')"
)
_CURRENCY_CODES = {
    "€": "EUR", "EURO": "EUR", "$": "USD", "US$": "USD", "C$": "CAD", "CA$": "CAD", "A$": "AUD", "AU$": "AUD",
    "NZ$": "NZD", "HK$": "HKD", "S$": "SGD", "R$": "BRL", "MX$": "MXN", "£": "GBP", "₴": "UAH", "ГРН": "UAH",
    "₽": "RUB", "РУБ": "RUB", "Р": "RUB", "₾": "GEL", "ЛАРИ": "GEL", "ლარი".upper(): "GEL", "₼": "AZN",
    "MANAT": "AZN", "MAN": "AZN", "₺": "TRY", "TL": "TRY", "ZŁ": "PLN", "KČ": "CZK", "₹": "INR", "₪": "ILS",
    "₸": "KZT", "₩": "KRW", "₫": "VND", "฿": "THB", "₱": "PHP", "₦": "NGN", "ЛВ": "BGN", "LEI": "RON",
    "FT": "HUF", "FR": "CHF", "ТГ": "KZT",
}  # fmt: skip
_MOST_FILES = 5  # files that are named for one missing column
_SHARE = 0.5  # the rest is for the columns that come out of the database
_LEAST = 128 << 20  # bytes without which no query runs
_GROUPS = (  # files of a control group: its limit, and what it takes now
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
)


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


class _Layout(NamedTuple):
    """How a file is read: its columns, the function of DuckDB, and the options of that."""

    columns: tuple[Column, ...]
    reader: str
    options: str

    def scan(self, places: Sequence[Path], more: str = "") -> str:
        names = [literal(re.sub(r"([*?\[])", r"[\1]", str(place))) for place in places]  # files, not patterns of names
        return f"{self.reader}([{', '.join(names)}], {self.options}{more})"


def open_file(database: Database, place: Path, shown: str) -> list[Column]:
    """Make the view `file` and list its columns."""
    layout = _layout(database, place, shown)
    database.execute(f"create view file as select * from {layout.scan([place])}")  # noqa: S608 - the path is quoted
    return list(layout.columns)


def unfit_columns(database: Database, columns: Iterable[Column]) -> list[InputError]:
    """List the columns of the view `file` that have many values in each row, or bytes that are no text."""
    problems: list[InputError] = []
    for column in columns:
        if re.search(_MANY_VALUES, column.kind):
            what = f"column {column.name!r} has a list or a record in each row, and not one value"
            problems.append(FileError("FILE", what))
        if column.kind == "BLOB":
            text = f"regexp_matches(cast({column.sql} as varchar), {literal(_CONTROL)})"
            if database.execute(f"select 1 from file where {text} limit 1").fetchone():  # noqa: S608 - our own names
                what = f"column {column.name!r} has bytes that are no text: write it as text or as numbers of 64 bits"
                problems.append(FileError("FILE", what))
    return problems


def find_currencies(database: Database, columns: Iterable[Column]) -> tuple[str, ...]:
    """Give the name of the column of currencies in the view `file`, and its values, most frequent first; () for one.

    A column that is not UTF-8 is not read.
    """
    for column in columns:
        key = key_of(column.name)
        if _CURRENCY_HEADING.search(key):
            value = f"upper(trim(cast({column.sql} as varchar)))"
            names = _CURRENCY_WORDS if _NUMBER_HEADING.search(key) else _CURRENCY_NAMES
            some = f"regexp_matches(name, '{names}') and name not in {_NO_CURRENCY}"
            names = f"(select {value} as name from file) where {some}"  # noqa: S608 - our own names
            code = code_of_currency("name")
            by_count = f"select min(name), count(*) as n from {names} group by {code} order by n desc, {code}"  # noqa: S608 - our own names
            found = []
            with contextlib.suppress(import_duckdb("reading files").Error):
                found = [str(name) for name, _ in database.execute(by_count).fetchall()]
            if len(found) > 1:
                return column.name, *found
    return ()


def code_of_currency(name: str) -> str:
    """Write the SQL for the code of a currency whose name, in capitals, may be a sign or a code."""
    signs = " ".join(f"when {literal(sign)} then {literal(code)}" for sign, code in _CURRENCY_CODES.items())
    return f"case rtrim({name}, '.') {signs} else rtrim({name}, '.') end"


def _layout(database: Database, place: Path, shown: str) -> _Layout:
    """Find out how a file must be read."""
    if is_parquet(place):
        layout = _Layout((), "read_parquet", _ALONE)
        described = database.execute(f"describe select * from {layout.scan([place])}").fetchall()  # noqa: S608 - the path is quoted
        columns = (
            Column(name, '"' + column.replace('"', '""') + '"', kind)
            for name, (column, kind, *_) in zip(_parquet_names(database, place), described, strict=True)
        )
        return layout._replace(columns=tuple(columns))
    packed = is_packed(place)
    delimiter, header, n_before = _header(place, shown)
    (_require_short_lines if packed else _require_short_end)(place, shown)
    csv_columns = tuple(Column(column.strip(), f"c{i}", "VARCHAR") for i, column in enumerate(header))
    types = ", ".join(f"{column.sql}: 'VARCHAR'" for column in csv_columns)
    compression = "gzip" if packed else "none"
    options = (
        f"auto_detect = false, header = true, delim = {literal(delimiter)}, quote = '\"', escape = '\"', "
        f"compression = '{compression}', skip = {n_before}, columns = {{{types}}}, {_ALONE}"
    )
    layout = _Layout(csv_columns, "read_csv", options)
    _require_heading(database, layout, place, shown, n_before + 1)
    return layout


def _parquet_names(database: Database, place: Path) -> list[str]:
    """List the columns as the file names them; DuckDB gives the second of `Amount` and `amount` another name."""
    schema = database.execute("select name, num_children from parquet_schema(?)", [glob.escape(str(place))]).fetchall()
    names, n_inside = [], 0
    for name, n_children in schema[1:]:  # the first row is the file; a column stands before what is inside it
        if not n_inside:
            names.append(name)
        n_inside += (n_children or 0) - bool(n_inside)
    return names


def _require_heading(database: Database, layout: _Layout, place: Path, shown: str, line: int) -> None:
    """Refuse a heading row at which DuckDB would give up: it goes on in silence megabytes further."""
    as_row = layout._replace(options=layout.options.replace("header = true", "header = false"))
    try:
        database.execute(f"select * from {as_row.scan([place])} limit 1").fetchone()  # noqa: S608 - the path is quoted
    except import_duckdb("reading files").Error as error:
        found = re.search(_ERROR_LINE, str(error))
        if found is None:
            raise
        if int(found[1]) > line:  # in a column that may not be used
            return
        sentence = f"the first line of {shown!r} is no list of column names"
        raise FileError("FILE", f"{sentence}: is a quote not closed, or does text follow one?") from error


class Union:
    """Several files as one: columns belong together by their name, whatever their order and case.

    `columns` has all columns of all files; `problems` what is wrong with files as a whole; `notes` what a user should
    know.
    """

    def __init__(self, database: Database, places: Sequence[Path], names: Sequence[str]) -> None:
        self.problems: list[InputError] = []
        self._layouts: dict[str, _Layout] = {}
        groups: dict[_Layout, list[Path]] = {}
        for place, name in zip(places, names, strict=True):
            try:
                layout = self._layouts[name] = _layout(database, place, name)
                groups.setdefault(layout, []).append(place)
            except (import_duckdb("reading files").Error, OSError, EOFError, zlib.error) as error:
                self.problems.append(FileError("FILE", f"cannot read {name!r}: {reason(error)}"))
            except InputError as error:
                self.problems.append(error)
        self._exact = any(
            len({column.name for column in layout.columns}) > len({column.name.casefold() for column in layout.columns})
            for layout in groups
        )
        kinds: dict[tuple[str, int], set[str]] = {}
        spelled: dict[tuple[str, int], str] = {}
        for layout in groups:
            for key, column in self._keyed(layout).items():
                kinds.setdefault(key, set()).add(column.kind)
                spelled.setdefault(key, column.name)
        self.kinds = dict(zip(spelled.values(), kinds.values(), strict=False))
        self.notes = [_UNSEEN_COPIES] if any(map(_is_written_otherwise, kinds.values())) else []
        self.columns = [Column(spelled[key], f"c{i}", _common(found)) for i, (key, found) in enumerate(kinds.items())]
        parts = []
        for layout, members in groups.items():
            keyed = self._keyed(layout)
            cells = [
                f"{_cast(keyed[key], column.kind) if key in keyed else f'cast(NULL as {column.kind})'} as {column.sql}"
                for key, column in zip(kinds, self.columns, strict=True)
            ]
            rows = layout.scan(members, ", filename = 'file_'")
            parts.append(f"select {', '.join(cells)}, file_ from {rows}")  # noqa: S608 - quoted names
        if not self.problems:
            database.execute(f"create view file as {' union all '.join(parts)}")

    def _keyed(self, layout: _Layout) -> dict[tuple[str, int], Column]:
        """Give the columns of a file by their name and how often it came before."""
        keyed: dict[tuple[str, int], Column] = {}
        seen: Counter[str] = Counter()
        for column in layout.columns:
            name = column.name if self._exact else column.name.casefold()
            keyed[name, seen[name]] = column
            seen[name] += 1
        return keyed

    def check(self, chosen: Mapping[str, Column]) -> list[InputError]:
        """List the files without a chosen column, and a customer whose types differ so that texts would."""
        problems: list[InputError] = []
        for column in chosen.values():
            key = (column.name if self._exact else column.name.casefold(), 0)
            without = [name for name, layout in self._layouts.items() if key not in self._keyed(layout)]
            for name in without[:_MOST_FILES]:
                own = listed([other.name for other in self._layouts[name].columns])
                problems.append(FileError("FILE", f"{name!r} has no column {column.name!r} ({own})"))
            if len(without) > _MOST_FILES:
                sentence = f"{len(without) - _MOST_FILES:,} more files have no column {column.name!r}"
                problems.append(FileError("FILE", sentence))
        for role, column in chosen.items():
            kinds = self.kinds[column.name]
            if len(kinds) == 1:
                continue
            files = [f"{kind} in {self._first_with(column.name, kind)!r}" for kind in sorted(kinds)]
            both = f"column {column.name!r} is {' and '.join(files)}"
            if role == "customer" and any(re.match("FLOAT|DOUBLE|DECIMAL", kind) for kind in kinds):
                problems.append(FileError("--customer", f"{both}: write customers in one type, not in decimals"))
            elif any(re.search(rf"^BLOB$|{_MANY_VALUES}", kind) for kind in kinds):
                problems.append(FileError(f"--{role}", f"{both}: write it in one type"))
        return problems

    def _first_with(self, name: str, kind: str) -> str:
        """Name the first file in which a column has a type."""
        key = (name if self._exact else name.casefold(), 0)
        keyed = ((file, self._keyed(layout).get(key)) for file, layout in self._layouts.items())
        return next(file for file, column in keyed if column is not None and column.kind == kind)


def _common(kinds: set[str]) -> str:
    """Give the type that holds all values of a column without loss; text, if nothing else does."""
    if len(kinds) == 1:
        return next(iter(kinds))
    if all(re.fullmatch(r"U?(TINY|SMALL|BIG)?INT(EGER)?", kind) for kind in kinds):
        return "HUGEINT" if "UBIGINT" in kinds else "BIGINT"
    return "DOUBLE" if all(re.match(NUMBERS, kind) for kind in kinds) else "VARCHAR"


def _is_written_otherwise(kinds: set[str]) -> bool:
    """Whether a column is text in some files and has values in others that text writes in many ways."""
    return "VARCHAR" in kinds and any(re.match("FLOAT|DOUBLE|DECIMAL|DATE|TIME", kind) for kind in kinds)


def _cast(column: Column, kind: str) -> str:
    """Write the SQL of a column in another type; decimals become text that has no decimal sign, such as 15e-1."""
    if column.kind == kind:
        return column.sql
    if kind != "VARCHAR" or not re.match("FLOAT|DOUBLE|DECIMAL", column.kind):
        return f"cast({column.sql} as {kind})"
    text = f"cast({column.sql} as varchar)"
    whole, part, power = (f"regexp_extract({text}, '{_DECIMAL}', {i})" for i in (1, 2, 3))
    mantissa = f"{whole} || {part} || 'e' || (coalesce(try_cast({power} as integer), 0) - length({part}))"
    return f"case when regexp_full_match({text}, '{_DECIMAL}') then {mantissa} else {text} end"


def _header(place: Path, shown: str) -> Heading:
    """Read the first line of a CSV file in UTF-8."""
    head = read_head(place).decode("utf-8-sig", "replace")
    try:
        heading = parse_heading(head)
    except csv.Error as error:
        raise FileError("FILE", f"the first line of {shown!r} is no list of column names") from error
    header = heading.names
    if not head.strip():
        raise FileError("FILE", f"{shown!r} is empty")
    if not header:
        raise FileError("FILE", f"the first line of {shown!r} is empty: it must name the columns")
    if len(header) > _MOST_COLUMNS:
        sentence = f"{shown!r} has more than {_MOST_COLUMNS:,} columns in its first line"
        raise FileError("FILE", f"{sentence}: is its line end or delimiter missing?")
    return heading


def _require_short_lines(place: Path, shown: str) -> None:
    """Refuse a packed file with a line that the reader would lose."""
    length = 0
    with gzip.open(place, "rb") as file:
        while block := file.read(1 << 20):
            first, *others = block.split(b"\n") if b"\n" in block else [block]
            length += len(first)
            if length > _LONGEST_LINE:
                raise _long_line(shown)
            length = len(others[-1]) if others else length


def _require_short_end(place: Path, shown: str) -> None:
    """Refuse a plain file whose last line the reader would lose; at longer ones before it, it gives up."""
    with place.open("rb") as file:
        n_before = file.seek(max(place.stat().st_size - _LONGEST_LINE - 2, 0))
        if n_before and not re.search(rb"[\r\n]", file.read().rstrip(b"\r\n")):
            raise _long_line(shown)


def _long_line(shown: str) -> FileError:
    return FileError("FILE", f"{shown!r} has a line of more than {_LONGEST_LINE:,} bytes")


def is_uneven(error: Exception) -> bool:
    """Whether DuckDB stopped at a line with more or fewer fields than the header, or with another end than others."""
    return re.search(f"{_UNEVEN}|state machine", str(error)) is not None


def reason(error: Exception) -> str:
    """Say in our own words why DuckDB, gzip or the system cannot read a file."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, import_duckdb("reading files").OutOfMemoryException):
        return "there is too little memory or room on the disk"
    message = str(error)
    found = re.search(_ERROR_LINE, message)
    line = f"line {found[1]}" if found else "a line"
    if fields := re.search(_UNEVEN, message):
        return f"{line} has {counted(int(fields[2]), 'field')} instead of the {fields[1]} of the header"
    return next(said.format(line=line) for words, said in _REASONS if words in message.lower())


def available_memory() -> int | None:
    """Give the bytes that the process may still take; None if the system does not say."""
    free = [_field("/proc/meminfo", "MemAvailable:"), _address_space()]
    for limit, usage in _GROUPS:
        most, taken = _number(limit), _number(usage)
        if most is not None and taken is not None:
            free.append(most - taken)
    return min((max(number, 0) for number in free if number is not None), default=None)


def _address_space() -> int | None:
    """Give the bytes that the limit of the address space leaves."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return None
    most, _ = resource.getrlimit(resource.RLIMIT_AS)
    taken = _field("/proc/self/status", "VmSize:")
    return None if most == resource.RLIM_INFINITY or taken is None else most - taken


def _field(file: str, name: str) -> int | None:
    """Read a line such as "VmSize: 12 kB" as bytes."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in _text(file).splitlines():
            if line.startswith(name):
                return int(line.split()[1]) * 1024
    return None


def _number(file: str) -> int | None:
    with contextlib.suppress(OSError, ValueError):  # no such file, or "max"
        return int(_text(file))
    return None


def _text(file: str) -> str:
    with Path(file).open("rb") as opened:
        return opened.read().decode("utf-8")


def folder_of(database: Database) -> Path:
    """Give the folder on the disk that is cleared with the database."""
    return Path(database.execute("select current_setting('temp_directory')").fetchone()[0])


def set_time_zone(database: Database, asked: str | None) -> str:
    """Set the zone whose days count, on every machine the same; give its name."""
    zone = "UTC"
    if asked is not None:
        known = database.execute(
            "select name from pg_timezone_names() where lower(name) = lower(?)", [asked]
        ).fetchone()
        if known is None:
            raise InputError("--time-zone", "the name of a time zone, such as Europe/Kyiv", asked)
        zone = str(known[0])
    database.execute(f"set TimeZone = {literal(zone)}")
    return zone


@contextlib.contextmanager
def open_database() -> Iterator[Database]:
    """Open a database in memory that moves to the disk what does not fit; the disk is cleared at the end."""
    with (
        tempfile.TemporaryDirectory(prefix="crmvalue-", ignore_cleanup_errors=True) as folder,
        import_duckdb("reading files").connect() as database,
    ):
        database.execute(f"set temp_directory = {literal(folder)}")
        free = available_memory()
        if free is not None:
            database.execute(f"set memory_limit = '{max(int(free * _SHARE), _LEAST) >> 10}KiB'")
        yield database
