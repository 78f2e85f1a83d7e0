"""Copies of rows in a file of orders: they are counted among the rows that are used, and left out if that is asked.

Rows that are left out for another reason are counted there, each of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from crmvalue._report.reading.places import FileError
from crmvalue._report.reading.sources import import_duckdb

if TYPE_CHECKING:
    from crmvalue._report.reading.sources import Column, Database
    from crmvalue.errors import InputError

__all__ = [
    "copies_refused",
    "count_copies",
    "count_far_copies",
    "count_infinite",
    "shared_rows",
    "sql_names",
    "treat_duplicates",
    "used_rows",
]


def treat_duplicates(database: Database, columns: list[Column], policy: str, *, several: bool) -> int | None:
    """Count the rows that are copies of another row in all columns; make the view `rows_` with or without them.

    Its column `n_same` says how many rows of the file a row stands for. The count is None if a column cannot be read.
    """
    names = sql_names(columns)
    count = f"select count(*), count(distinct hash({names})) from file"  # noqa: S608 - our own names, and quoted ones
    try:
        n_rows, n_distinct = database.execute(count).fetchone()
    except import_duckdb("reading files").Error:
        if policy != "keep":
            raise
        database.execute("create view rows_ as select *, 1 as n_same from file")
        return None
    n = int(n_rows - n_distinct)
    first = "min(file_) as file_, " if several else ""
    once = f"{first}{names}, count(*) as n_same from file group by {names}"
    all_ = "*, 1 as n_same from file"
    database.execute(f"create view rows_ as select {once if n and policy == 'drop' else all_}")
    return n


def used_rows(
    cells: dict[str, npt.NDArray[Any]],
    span: tuple[np.datetime64, np.datetime64],
    end: np.datetime64 | None,
    n_left_out: int,
) -> str:
    """Give the SQL for the rows that are not left out: "" if all are used."""
    first, last = span[0], span[1] if end is None else min(span[1], end)
    day = cells["day"].astype("datetime64[D]")
    if not n_left_out and first <= day.min() and day.max() <= last:
        return ""
    return f"where who is not null and day between date '{first}' and date '{last}'"


def count_copies(database: Database, used: str, n_same: int, *, dropped: bool) -> int:
    """Count the copies among the rows that are used, of `n_same` in all."""
    if not used:
        return n_same
    count = "sum(n_same) - count(*)" if dropped else "count(*) - count(distinct row_key)"
    return int(database.execute(f"select coalesce({count}, 0) from file_rows {used}").fetchone()[0])  # noqa: S608 - our own names


def count_far_copies(database: Database, span: tuple[np.datetime64, np.datetime64]) -> int:
    """Count the copies that are not in the table of cells, with a date far from all others."""
    first, last = (int(day.astype(np.int64)) for day in span)
    sql = f"select coalesce(sum(n_copies), 0) from small_cells where day < {first} or day > {last}"  # noqa: S608 - numbers
    return int(database.execute(sql).fetchone()[0])


def count_infinite(database: Database, span: tuple[np.datetime64, np.datetime64], end: np.datetime64 | None) -> int:
    """Count the rows with an infinite amount or quantity among those that are used."""
    first, last = (int(day.astype(np.int64)) for day in (span[0], span[1] if end is None else min(span[1], end)))
    sql = f"select coalesce(sum(n_infinite), 0) from small_cells where day between {first} and {last}"  # noqa: S608 - numbers
    return int(database.execute(sql).fetchone()[0])


def copies_refused(n: int, n_columns: int, *, several: bool) -> InputError:
    rows = "1 row is an exact copy" if n == 1 else f"{n:,} rows are exact copies"
    does = "--duplicates keep counts such rows, --duplicates drop leaves them out"
    files = "files" if several else "file"
    sentence = f"{rows} of another row, in all {n_columns} columns of the {files}. Hint: {does}"
    return FileError("--duplicates", sentence, count=n)


def shared_rows(
    database: Database, columns: list[Column], shown: dict[str, str], used: str
) -> tuple[tuple[str, str, int], ...]:
    """Count the used rows of each file that an earlier file has too, such as those of a month exported twice."""
    chosen = f"where key in (select row_key from file_rows {used})" if used else ""  # noqa: S608 - our own names
    found = database.execute(
        f"""
        with keys as (select * from (select hash({sql_names(columns)}) as key, file_ from file) {chosen}),
             firsts as (select key, min(file_) as first_file from keys group by key having min(file_) <> max(file_))
        select first_file, file_, count(*) as n from keys join firsts using (key)
        where file_ <> first_file group by first_file, file_ order by n desc, first_file, file_
        """  # noqa: S608 - our own names
    ).fetchall()
    return tuple((shown[first], shown[other], int(n)) for first, other, n in found)


def sql_names(columns: list[Column]) -> str:
    return ", ".join(column.sql for column in columns)
