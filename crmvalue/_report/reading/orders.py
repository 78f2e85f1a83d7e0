"""Order logs from CSV and Parquet files of any size, through DuckDB.

CSV is read as text. The form of dates and amounts is found from all values of their column, and must fit every value
but one in 200 rows, which counts as missing. If two forms fit and differ, an error asks for the form. DuckDB adds the
rows of a file up, to one row per customer, day and kind of row (purchase, zero, refund, missing amount), before they
come into memory. Needs the extra `report`.
"""

from __future__ import annotations

import zlib
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import attrs
import numpy as np
import numpy.typing as npt

from crmvalue._core.checks import as_day
from crmvalue._core.encoding.customers import text_array
from crmvalue._core.headings import ROLES, choose_columns, listed
from crmvalue._core.values import array_field, hand_over
from crmvalue._purchases.order_log import RESIDUE, main_span
from crmvalue._report.reading.copies import (
    copies_refused,
    count_copies,
    count_far_copies,
    count_infinite,
    shared_rows,
    sql_names,
    treat_duplicates,
    used_rows,
)
from crmvalue._report.reading.encodings import as_utf8, heading_below, say_encoding, say_heading, without_uneven
from crmvalue._report.reading.forms import (
    CURRENCY,
    ISO,
    WHOLE_YEAR,
    ZONED,
    ZONED_KINDS,
    first_value,
    read_dates,
    read_numbers,
    spelled,
)
from crmvalue._report.reading.places import FileError, FileProblemsError, find_files, raise_all
from crmvalue._report.reading.sources import (
    MISSING,
    Union,
    code_of_currency,
    find_currencies,
    folder_of,
    import_duckdb,
    is_uneven,
    literal,
    open_database,
    open_file,
    reason,
    set_time_zone,
    unfit_columns,
)
from crmvalue._report.reading.spoiled import LOST, hint_for_date
from crmvalue._report.reading.statuses import Statuses, treat_statuses
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from crmvalue._report.reading.places import Places
    from crmvalue._report.reading.sources import Column, Database
    from crmvalue.typing import Dates, Floats, Integers

__all__ = [
    "MISSING",
    "FileError",
    "FileProblemsError",
    "OrderFile",
    "import_duckdb",
    "read_orders",
]

_NO_DATE = (  # databases write noughts where there is none, and spreadsheets show the day 0 of 1900
    r"((00)?00[-/.]00[-/.](00)?00|00000000|1900-01-00|00?[-/.](0?1|[Jj][Aa][Nn])[-/.](19)?00|0?1/00?/(19)?00)(\D.*)?"
)
_BAD_DATE = "named and day is null and date_text is not null"
_BAD_AMOUNT = "named and amount_text is not null and (price is null or (money is null and any_money is not null))"
_BAD_QUANTITY = "named and quantity_text is not null and pieces is null"
_FETCHED = 1 << 20  # rows that leave the database at once
_ROWS_FOR_ONE = 200  # so many rows of a file for each value that cannot be read
_MOST_NAMED = 4  # rows that are named, of those left out for their date


@attrs.frozen(kw_only=True)
class OrderFile:
    """An order log read from a file: one row per customer, day and kind of row.

    Parameters
    ----------
    customer : ndarray
        Distinct customers as text, ascending, shape (n,).
    code : ndarray
        Position of each row's customer among them, shape (rows,).
    date : ndarray of datetime64[D]
        Day of each row.
    amount : ndarray or None
        Money of each row; NaN where amounts are missing; None for a file without amounts.
    n_file_rows : ndarray
        Number of rows of the file that each row is the sum of.
    n_residues : ndarray or None
        Number of these rows whose amount is smaller than 1e-9 and counts as 0; None if there are none.
    n_rows : int
        Rows of the file.
    n_columns : int
        Columns of the file.
    n_duplicates : int or None
        Rows that are copies of another row in all columns, among those that are not left out below or after the last
        day. None if they cannot be counted, because a column that is not used is not UTF-8.
    copies_left_out : bool
        Whether these rows are left out, as ``duplicates="drop"`` asks; then they are not among `n_rows`.
    n_without_customer, n_without_date : int
        Rows left out because the customer is missing, or the date is missing or cannot be read.
    unreadable : dict of str to (int, str)
        How many dates, amounts and quantities cannot be read, and a sentence with the first one, by role. These are at
        most one for 200 rows of the file; more are an error.
    n_far : int
        Rows left out because their date lies far from all others, such as an order dated 2203.
    far : tuple of tuple of str
        Customer and day of these rows, the latest first, at most 4.
    columns : dict of str to str
        Column of the file for each role: customer, date, amount and quantity. With a quantity, the amount is the price
        of one piece, and `amount` above is their product.
    guessed : frozenset of str
        Roles whose column was guessed.
    date_format : str or None
        Form of the dates, such as "day.month.year"; None for a column that holds dates, not text.
    time_zone : str or None
        Zone whose days count, if the dates have a time zone; None if they have none.
    n_infinite : int
        Rows with an infinite amount or quantity, of those that are used; they count as rows without an amount.
    n_headings : int
        Rows that repeat the headings, of those without a customer.
    n_without_zone : int
        Rows whose date has no time zone, although others have one.
    currency : str or None
        Currency that some amounts name; None if none does.
    currencies : tuple of str
        Name of a column of currencies with more than one, and these, the most frequent first; empty without one.
    n_without_currency : int
        Rows whose amount is not 0 and names no currency, although others name one.
    decimal : str or None
        Decimal sign of the amounts; None for a column that holds numbers, not text, and for a file without amounts.
    ids_shortened : bool
        Whether all customers were whole numbers with ".0", which was cut off.
    customer_kind : str
        Type of the column of customers in DuckDB, such as "BIGINT"; "VARCHAR" for a CSV file.
    n_files : int
        Number of files.
    notes : tuple of str
        What was left out of folders and patterns, and what cannot be told of several files, in sentences.
    copied : tuple of tuple of (str, str, int)
        Pairs of files that share rows: the first, the other, and the rows of the other that are copies; most first.
    encodings : dict of str to str
        Encoding of each file that is not UTF-8, if it was found from the heading row.
    statuses : Statuses
        Rows with a status of no finished sale, such as cancelled orders, and rows left out for it.
    """

    customer: npt.NDArray[Any] = array_field()
    code: Integers = array_field()
    date: Dates = array_field()
    amount: Floats | None = array_field(lambda value: value)
    n_file_rows: Integers = array_field()
    n_residues: Integers | None = array_field(lambda value: value)
    n_rows: int
    n_columns: int
    n_duplicates: int | None
    copies_left_out: bool
    n_without_customer: int
    n_without_date: int
    n_far: int
    far: tuple[tuple[str, str], ...]
    columns: dict[str, str]
    guessed: frozenset[str]
    date_format: str | None
    time_zone: str | None
    decimal: str | None
    ids_shortened: bool
    customer_kind: str
    unreadable: dict[str, tuple[int, str]] = attrs.field(factory=dict)
    n_infinite: int = 0
    n_without_zone: int = 0
    n_headings: int = 0
    currency: str | None = None
    n_without_currency: int = 0
    currencies: tuple[str, ...] = ()
    n_files: int = 1
    notes: tuple[str, ...] = ()
    copied: tuple[tuple[str, str, int], ...] = ()
    encodings: dict[str, str] = attrs.field(factory=dict)
    statuses: Statuses = Statuses()


def read_orders(
    path: str | Sequence[str],
    *,
    customer: str | None = None,
    date: str | None = None,
    amount: str | None = None,
    quantity: str | None = None,
    date_format: str | None = None,
    decimal: str | None = None,
    duplicates: str = "keep",
    time_zone: str | None = None,
    as_of: str | None = None,
    encoding: str | None = None,
    leave_out: Sequence[str] | None = None,
) -> OrderFile:
    """Read an order log; columns that are not named are guessed by their names.

    `path` is a file, a folder or a pattern such as ``"orders/*.csv"``, or several of them. Files that are read together
    are one log: their columns belong together by their names.

    With a column `quantity`, `amount` is the price of one piece, and the money of a row is their product.

    `date_format` is the strptime pattern of dates in text; a time of day may follow each date. `decimal` is the decimal
    sign of amounts in text. Without these arguments, both are found from the values. `duplicates` says what to do with
    copies of a row in all columns of the file: "keep", "drop" or "raise". `time_zone` is the zone whose days count for
    dates with a time zone, such as "Europe/Kyiv"; without it, their days in UTC count. Rows with a date far from all
    others are left out, as :func:`main_span` says; those after all others stay with `as_of`, the last day to look at.
    `encoding` is that of CSV files without a byte order mark, as :func:`as_utf8` says. Rows that are left out, or come
    after `as_of`, are no copies: all of them count under their own reason. `leave_out` are statuses, such as
    "cancelled", of rows that are left out.

    Raises
    ------
    InputError
        If the file does not exist, cannot be read or is empty, if a column is missing or cannot be guessed, or if dates
        or amounts cannot be read or can be read in two ways. If several of these are wrong, it says all of them.
    """
    import_duckdb("reading files")
    end = None if as_of is None else as_day("as_of", as_of)
    places = find_files([path] if isinstance(path, str) else path)
    raise_all(places.problems)
    read = partial(
        _read,
        places,
        {"customer": customer, "date": date, "amount": amount, "quantity": quantity},
        date_format=date_format,
        decimal=decimal,
        duplicates=duplicates,
        time_zone=time_zone,
        end=end,
        encoding=encoding,
        leave_out=leave_out,
    )
    try:
        orders: OrderFile = read(even=False)
    except _UnevenError:  # only now the files are written again, which takes time
        orders = read(even=True)
    return orders


class _UnevenError(Exception):
    """A line has more or fewer fields than the header, or another end than others."""


def _read(
    places: Places,
    asked: dict[str, str | None],
    *,
    date_format: str | None,
    decimal: str | None,
    duplicates: str,
    time_zone: str | None,
    end: np.datetime64 | None,
    encoding: str | None,
    leave_out: Sequence[str] | None,
    even: bool,
) -> OrderFile:
    """Read files; with `even`, without a few lines that have more or fewer fields than the header."""
    duckdb = import_duckdb("reading files")
    several = len(places.files) > 1
    with open_database() as database:

        def known(names: Sequence[str]) -> int:
            return len(choose_columns(names, asked)[0])

        places, encodings = as_utf8(places, folder_of(database), encoding, known)
        if even:
            places = without_uneven(places, folder_of(database))
        shown = dict(zip(map(str, places.files), places.names, strict=True))
        try:
            zone = set_time_zone(database, time_zone)
            union = Union(database, places.files, places.names) if several else None
            name = Path(places.names[0]).name
            columns = open_file(database, places.files[0], name) if union is None else union.columns
            chosen, problems = _choose_columns(columns, asked, places.files[0])
            of_files = [] if union is None else [*union.problems, *union.check(chosen)]
            raise_all([*of_files, *(problems if columns else [])] if of_files else [])
            raise_all(unfit_columns(database, chosen.values()))
            doubtful = {problem.name.removeprefix("--") for problem in problems}
            statuses = treat_statuses(database, columns, chosen, leave_out, duplicates)
            n_same = treat_duplicates(database, columns, duplicates, several=several)
            _view_texts(database, chosen, "NULL" if n_same is None else f"hash({sql_names(columns)})", several=several)
            pattern, day = _try(read_dates, (database, chosen.get("date"), date_format), problems)
            sign, money = _try(read_numbers, (database, chosen.get("amount"), "amount", decimal), problems)
            q_sign, pieces = _try(read_numbers, (database, chosen.get("quantity"), "quantity", decimal), problems)
            _aggregate(database, day, money, pieces if "quantity" in chosen else None, end)
            unread = {role for role, sql in zip(ROLES[1:], (day, money, pieces), strict=True) if sql is None} | doubtful
            found = _check_rows(database, chosen, pattern, problems, unread, shown)
            if time_zone is not None and not found["zoned"]:
                has_none = f"column {chosen['date'].name!r} has none"
                raise FileError("--time-zone", f"--time-zone is for dates with a time zone, and {has_none}", time_zone)
            cells = _fetch_cells(database)
            span = _used_span(cells, later=end is not None)
            used = used_rows(cells, span, end, found["n_without_customer"] + found["n_without_date"])
            n_duplicates = n_same and count_copies(database, used, n_same, dropped=duplicates == "drop")
            if n_duplicates and duplicates == "raise":
                raise copies_refused(n_duplicates, len(columns), several=several)
            copied = shared_rows(database, columns, shown, used) if several and n_duplicates else ()
            currencies = find_currencies(database, columns) if "amount" in chosen else ()
            n_far_copies, n_infinite = count_far_copies(database, span), count_infinite(database, span, end)
            names = database.execute("select who from ids order by code").fetchnumpy()["who"]
        except (duckdb.Error, OSError, EOFError, zlib.error) as error:
            if is_uneven(error) and not even:
                raise _UnevenError from error
            why = reason(error)
            hint = say_encoding(places.files) if why.endswith("as UTF-8") else say_heading(places.files, known)
            raise FileError("FILE", f"cannot read {_blamed(error, shown)}: {why}{hint}") from error
    if found["ids_shortened"]:
        names = [name[:-2] for name in names.tolist()]
    orders = OrderFile(
        customer=hand_over(text_array(list(map(str, names)))),
        code=hand_over(cells["code"]),
        date=hand_over(cells.pop("day").astype("datetime64[D]")),
        amount=cells["money"] if "amount" in chosen else None,
        n_file_rows=hand_over(cells["n_rows"]),
        n_residues=cells["n_residues"] if cells["n_residues"].any() else None,
        n_columns=len(columns),
        n_duplicates=n_duplicates,
        copies_left_out=duplicates == "drop",
        n_far=0,
        far=(),
        columns={role: column.name for role, column in chosen.items()},
        guessed=frozenset(role for role in chosen if asked[role] is None),
        date_format=None if pattern is None else spelled(pattern),
        decimal="," if "," in {sign, q_sign} else sign,
        time_zone=zone if found.pop("zoned") else None,
        customer_kind=chosen["customer"].kind,
        n_files=len(places.files),
        notes=(*places.notes, *([] if union is None else union.notes)),
        copied=copied,
        encodings=encodings,
        n_infinite=n_infinite,
        currencies=currencies,
        statuses=statuses,
        **found,
    )
    return _without_far_dates(orders, span, n_far_copies)


def _blamed(error: Exception, shown: dict[str, str]) -> str:
    """Name the file that cannot be read, if there is but one or if the error names it."""
    named = [name for place, name in shown.items() if place in str(error) or len(shown) == 1]
    return repr(max(named, key=len)) if named else f"one of the {len(shown):,} files"


def _fetch_cells(database: Database) -> dict[str, npt.NDArray[Any]]:
    """Take the table `cells` out of the database, in the smallest types that hold it; days count from 1970."""
    database.execute(
        """
        create temp table small_cells as
        select code::integer as code, (day - date '1970-01-01')::integer as day,
               coalesce(money, 'nan'::double) as money, n_rows::integer as n_rows, n_residues::integer as n_residues,
               n_copies::integer as n_copies, n_infinite::integer as n_infinite
        from cells join ids using (who) where day is not null;
        drop table cells;
        """
    )
    n_cells = database.execute("select count(*) from small_cells").fetchone()[0]
    types = {"code": np.int32, "day": np.int32, "money": np.float64, "n_rows": np.int32, "n_residues": np.int32}
    cells = {name: np.empty(n_cells, dtype) for name, dtype in types.items()}
    for start in range(0, n_cells, _FETCHED):
        part = slice(start, start + _FETCHED)
        sql = f"select {', '.join(types)} from small_cells where rowid >= {part.start} and rowid < {part.stop}"  # noqa: S608 - numbers
        for name, column in database.execute(sql).fetchnumpy().items():
            cells[name][part] = column
    return cells


def _used_span(cells: dict[str, npt.NDArray[Any]], *, later: bool) -> tuple[np.datetime64, np.datetime64]:
    """Give the first and the last day without those far from all others; far ones after the others stay if asked."""
    day = cells["day"].astype("datetime64[D]")
    first, last = main_span(day, cells["n_rows"])
    return first, day.max() if later else last


def _without_far_dates(orders: OrderFile, span: tuple[np.datetime64, np.datetime64], n_far_copies: int) -> OrderFile:
    """Leave out rows with a date far from all others, and count them with their copies."""
    far = (orders.date < span[0]) | (orders.date > span[1])
    if not far.any():
        return orders
    rows = np.nonzero(far)[0]
    rows = rows[np.lexsort((orders.code[rows], -orders.date[rows].astype(np.int64)))][:_MOST_NAMED]
    known, code = np.unique(orders.code[~far], return_inverse=True)
    return attrs.evolve(
        orders,
        customer=orders.customer[known],
        code=code,
        date=orders.date[~far],
        amount=None if orders.amount is None else orders.amount[~far],
        n_file_rows=orders.n_file_rows[~far],
        n_residues=None if orders.n_residues is None else orders.n_residues[~far],
        n_rows=orders.n_rows + n_far_copies,
        n_far=int(orders.n_file_rows[far].sum()) + n_far_copies,
        far=tuple((str(orders.customer[orders.code[row]]), str(orders.date[row])) for row in rows),
    )


def _choose_columns(
    columns: list[Column], asked: dict[str, str | None], place: Path
) -> tuple[dict[str, Column], list[InputError]]:
    """Find the columns that are named, guess the others, and list what is wrong with them."""
    names = [column.name for column in columns]
    chosen, found = choose_columns(names, asked)
    problems: list[InputError] = [FileError(option, sentence, value) for option, sentence, value in found]
    if problems and any(map(LOST.search, names)):
        problems.append(FileError("FILE", "the letters of headings were lost: save the table again as CSV in UTF-8"))
    if problems and (line := heading_below(place, lambda names: len(choose_columns(names, asked)[0]))):
        problems.append(FileError("FILE", f"line {line} looks like the row of headings: take out the lines above it"))
    problems += [
        FileError("FILE", f"{names.count(name)} columns of the file are called {name!r}: rename them", name)
        for name in dict.fromkeys(chosen.values())
        if names.count(name) > 1
    ]
    if len(set(chosen.values())) < len(chosen):
        options = ", ".join(f"--{role}" for role in asked if role != "quantity" or role in chosen)
        problems.append(InputError(options, "different columns", listed(list(chosen.values()))))
    return {role: columns[names.index(name)] for role, name in chosen.items()}, problems


def _view_texts(database: Database, chosen: dict[str, Column], key: str, *, several: bool) -> None:
    """Make the view `texts`: the columns as they are and as text; text that stands for a missing value becomes NULL."""
    columns = ["file_" if several else "NULL as file_", f"{key} as row_key", "n_same"]
    infinite = []
    own = [f"coalesce(lower(trim(cast({c.sql} as varchar))), '') = lower({literal(c.name)})" for c in chosen.values()]
    again = f"({' and '.join(own) or 'false'})"  # a row of headings, as files that were joined have
    columns.append(f"{again} as again")
    for role in ROLES:
        raw = chosen[role].sql if role in chosen else "NULL"
        as_text = "decode({})" if role in chosen and chosen[role].kind == "BLOB" else "cast({} as varchar)"
        text = f"trim({as_text.format(raw)})"
        given = f"lower({text}) not in ({', '.join(map(literal, MISSING))})"
        if role == "customer":
            given += f" and not {again}"
        if role == "date":
            given += f" and not regexp_full_match({text}, '{_NO_DATE}')"
        if role in {"amount", "quantity"}:  # what a division by 0 has left in a table is no number
            infinite.append(f"coalesce(lower(ltrim({text}, '+-')) in ('inf', 'infinity'), false)")
            given += f" and not {infinite[-1]}"
        columns.append(f"{raw} as {role}_raw")
        columns.append(f"case when {given} then {text} end as {role}_text")
    columns.append(f"{' or '.join(infinite)} as infinite")
    zoned = f"length(date_text) > 10 and regexp_full_match(date_text, '{ZONED}')"
    named = "customer_text is not null" if "customer" in chosen else "true"  # others are left out, whatever they say
    cells = f"select {', '.join(columns)} from rows_"  # noqa: S608 - quoted names
    database.execute(f"create view texts as select *, {zoned} as zoned, {named} as named from ({cells})")  # noqa: S608 - our own names


def _try(
    read: Callable[..., tuple[str | None, str]], arguments: tuple[Any, ...], problems: list[InputError]
) -> tuple[str | None, str | None]:
    """Read a column; if that is impossible, note why."""
    try:
        return read(*arguments)
    except InputError as error:
        problems.append(error)
        return None, None


def _example(database: Database, value: str, condition: str, shown: dict[str, str]) -> tuple[str | None, str]:
    """Give a value that cannot be read, and the name of its file if there are several."""
    sql = f"select {value}, file_ from file_rows where {condition} limit 1"  # noqa: S608 - our own names
    found, file = database.execute(sql).fetchone()
    return found, "" if file is None else f" of {shown[file]!r}"


def _aggregate(
    database: Database, day: str | None, price: str | None, pieces: str | None, end: np.datetime64 | None
) -> None:
    """Make the table `cells`, one row per customer, day and kind of row, and number the customers in `ids`.

    A column that cannot be read is None, and counts as missing; so is `pieces` without quantities. Copies that are left
    out are in `n_copies`; but those without a customer or a date, or after the day `end`, count as rows.
    """
    columns = (
        f"{day or 'cast(NULL as date)'} as day, {price or 'cast(NULL as double)'} as price, "
        f"{pieces or 'cast(NULL as double)'} as pieces"
    )
    product = "price" if pieces is None else "price * pieces"
    unused = "who is null or day is null" + ("" if end is None else f" or day > date '{end}'")
    database.execute(
        f"""
        create view file_rows as
        select file_, row_key, n_same,
               customer_text as who, date_text, amount_text, quantity_text, price, pieces, zoned, named, infinite,
               again,
               money as any_money,
               case when {WHOLE_YEAR.format("day")} and year(day) <= 9999 then day end as day,
               case when abs(money) < {RESIDUE} then 0 when abs(money) <= 1e15 then money end as money,
               case when price is not null and try_cast(amount_text as double) is null
                    then nullif(regexp_extract(amount_text, '{CURRENCY}'), '') end as sign,
               {code_of_currency("upper(sign)")} || ' ' || sign as currency
        from (select *, {product} as money from (select *, {columns} from texts));

        create temp table cells as
        select who, day, case when abs(sum(money)) < 1e-3 then sum(money) else round(sum(money), 6) end as money,
               case when {unused} then sum(n_same) else count(*) end as n_rows, sum(n_same) - n_rows as n_copies,
               bool_or(zoned) as zoned, count(*) filter (not zoned) as n_without_zone,
               count(*) filter (money = 0 and any_money <> 0) as n_residues,
               count(*) filter (infinite) as n_infinite, sum(n_same) filter (again) as n_again,
               count(*) filter ({_BAD_DATE}) as n_bad_dates, count(*) filter ({_BAD_AMOUNT}) as n_bad_amounts,
               count(*) filter ({_BAD_QUANTITY}) as n_bad_quantities,
               min(currency) as currency, max(currency) as other_currency,
               count(*) filter (currency is null and any_money <> 0) as n_without_currency
        from file_rows group by who, day, coalesce(sign(money), 2);

        create temp table ids as
        select who, row_number() over (order by who) - 1 as code
        from (select distinct who from cells where who is not null and day is not null);
        """  # noqa: S608 - our own names
    )


def _check_rows(
    database: Database,
    columns: dict[str, Column],
    pattern: str | None,
    problems: list[InputError],
    unread: set[str],
    shown: dict[str, str],
) -> dict[str, Any]:
    """Raise for many values that cannot be read, and the problems so far; else count the rows, and describe them."""
    totals = database.execute(
        r"""
        select coalesce(sum(n_rows), 0) as n_rows,
               coalesce(sum(n_rows) filter (who is null), 0) as n_without_customer,
               coalesce(sum(n_rows) filter (who is not null and day is null), 0) as n_without_date,
               count(day) as n_days, sum(n_bad_dates) as n_bad_dates, sum(n_bad_amounts) as n_bad_amounts,
               sum(n_bad_quantities) as n_bad_quantities,
               bool_or(zoned) as zoned, coalesce(sum(n_again), 0) as n_headings,
               coalesce(sum(n_without_zone) filter (who is not null and day is not null), 0) as n_without_zone,
               min(currency) as currency, max(other_currency) as other_currency,
               coalesce(sum(n_without_currency) filter (who is not null and day is not null), 0) as n_without_currency,
               (select bool_and(regexp_full_match(who, '-?\d+\.0')) from ids) as ids_shortened
        from cells
        """
    )
    found = dict(zip([column[0] for column in totals.description], totals.fetchone(), strict=True))
    if found["n_rows"] == 0:
        raise FileError("FILE", "the file has a header and no rows")
    bad: dict[str, _Unreadable] = {}
    if found["n_bad_dates"] and "date" not in unread:
        form = f" of the form {spelled(pattern)}" if pattern and (found["n_days"] or pattern != ISO) else ""
        value, where = _example(database, "date_text", _BAD_DATE, shown)
        hint = hint_for_date(value or "")
        bad["date"] = _unreadable(columns["date"], where, f"is no date{form}", value, found["n_bad_dates"], hint)
    if found["n_bad_amounts"] and "amount" not in unread:
        value, where = _example(database, "amount_text", _BAD_AMOUNT, shown)
        large = "price is not null and regexp_matches(amount_text, '[0-9]')"
        what = "is above 1e15" if first_value(database, large, _BAD_AMOUNT, "file_rows") else "is no number"
        if what == "is above 1e15" and "quantity" in columns:
            what = f"is above 1e15, alone or times {columns['quantity'].name!r}"
        hint = "write amounts as 1200.50, or as 1200,50 with --decimal ,"
        bad["amount"] = _unreadable(columns["amount"], where, what, value, found["n_bad_amounts"], hint)
    if found["n_bad_quantities"] and "quantity" not in unread:
        hint = "write quantities as 12 or 1.5"
        value, where = _example(database, "quantity_text", _BAD_QUANTITY, shown)
        bad["quantity"] = _unreadable(
            columns["quantity"], where, "is no number", value, found["n_bad_quantities"], hint
        )
    few = {role: (some.n, some.sentence) for role, some in bad.items() if some.n * _ROWS_FOR_ONE <= found["n_rows"]}
    problems += [some.as_error() for role, some in bad.items() if role not in few]
    (code, currency), (other_code, other) = (
        (found[name] or " ").split(" ")
        for name in ("currency", "other_currency")  # a code, and as it is written
    )
    if code != other_code:
        both = " and ".join(sorted([currency, other]))
        problems.append(
            FileError(
                "--amount", f"column {columns['amount'].name!r} mixes {both}: convert the amounts to one currency"
            )
        )
    if len(shown) > 1 and not found["ids_shortened"]:
        problems += _doubtful_customers(database, columns)
    raise_all(problems)
    if found["n_rows"] == found["n_without_customer"] + found["n_without_date"]:
        raise FileError("FILE", "no row of the file has both a customer and a date")
    in_texts = columns["date"].kind not in ZONED_KINDS and bool(found["zoned"] and pattern == ISO)
    return {
        "n_rows": int(found["n_rows"]),
        "n_without_customer": int(found["n_without_customer"]),
        "n_without_date": int(found["n_without_date"]),
        "unreadable": few,
        "n_headings": int(found["n_headings"]),
        "zoned": columns["date"].kind in ZONED_KINDS or in_texts,
        "n_without_zone": int(found["n_without_zone"]) if in_texts else 0,
        "currency": currency or None,
        "n_without_currency": 0 if found["currency"] is None else int(found["n_without_currency"]),
        "ids_shortened": bool(found["ids_shortened"]),
    }


def _doubtful_customers(database: Database, columns: dict[str, Column]) -> list[InputError]:
    """Name a customer who is a whole number in one file and the same with ".0" in another, as spreadsheets write it."""
    who = first_value(database, "a.who", "a.who = b.who || '.0'", "ids a, ids b")
    if who is None or "customer" not in columns:
        return []
    sentence = f"column {columns['customer'].name!r} has both {who!r} and {who[:-2]!r}: write customers in one way"
    return [FileError("--customer", sentence, who)]


class _Unreadable(NamedTuple):
    """Values of a column that cannot be read: one of them, how many there are, and what is wrong with them."""

    column: str
    sentence: str
    value: str | None
    n: int
    hint: str

    def as_error(self) -> InputError:
        rule = f"{self.sentence}. Hint: {self.hint}"
        return FileError(f"column {self.column}", rule, self.value, count=self.n)


def _unreadable(column: Column, where: str, what: str, value: str | None, count: int, hint: str) -> _Unreadable:
    rows = "1 such row" if count == 1 else f"{count:,} such rows"
    shown = repr(value if value is None or len(value) <= 60 else f"{value[:57]}...")
    return _Unreadable(column.name, f"{shown} in column {column.name!r}{where} {what} ({rows})", value, count, hint)
