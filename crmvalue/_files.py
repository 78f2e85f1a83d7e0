"""Order logs from CSV and Parquet files of any size, through DuckDB.

The file is aggregated to one row per customer, day and kind of row (purchase, zero, refund, missing amount) before
anything comes into memory. Needs the extra `report`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
import numpy.typing as npt

from crmvalue._values import array_field
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from crmvalue.typing import Dates, Floats, Integers

__all__ = ["OrderFile", "read_orders"]

_GUESSES = {
    "customer": (
        "customer", "customerid", "custid", "customerno", "customernumber", "customercode", "client", "clientid",
        "user", "userid", "buyer", "buyerid", "member", "memberid", "account", "accountid", "contact", "contactid",
        "person", "personid", "cardno", "cardnumber", "card", "phone", "email", "customeremail", "customername",
    ),
    "date": (
        "date", "orderdate", "purchasedate", "transactiondate", "invoicedate", "saledate", "createdat", "created",
        "orderedat", "purchasedat", "datetime", "timestamp", "ordertimestamp", "time", "day", "orderday",
    ),
    "amount": (
        "amount", "revenue", "total", "totalamount", "orderamount", "ordertotal", "ordervalue", "totalprice", "sales",
        "spend", "spent", "value", "sum", "monetary", "monetaryvalue", "turnover", "dollarvalue", "price", "paid",
    ),
}  # fmt: skip
_MISSING = ("", "NA", "N/A", "NULL", "null", "NaN", "nan", "None")
_OPTIONS = {"customer": "--customer", "date": "--date", "amount": "--amount"}


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
        Rows of the file that were added up to each row.
    n_rows : int
        Rows of the file.
    n_without_customer, n_without_date : int
        Rows left out, because nobody can tell whose they are or when.
    columns : dict of str to str
        Which column of the file serves as customer, date and amount.
    guessed : frozenset of str
        Which of these were guessed.
    """

    customer: npt.NDArray[Any] = array_field()
    code: Integers = array_field()
    date: Dates = array_field()
    amount: Floats | None = array_field(lambda value: value)
    n_file_rows: Integers = array_field()
    n_rows: int
    n_without_customer: int
    n_without_date: int
    columns: dict[str, str]
    guessed: frozenset[str]


def read_orders(
    path: str, *, customer: str | None = None, date: str | None = None, amount: str | None = None
) -> OrderFile:
    """Read an order log; columns that are not named are guessed by their names.

    Raises
    ------
    InputError
        If there is no such file, it cannot be read or is empty, a column is missing or cannot be guessed, or dates or
        amounts cannot be read.
    """
    duckdb = _import_duckdb()
    if not Path(path).is_file():
        raise InputError("FILE", "an existing file", path)
    with duckdb.connect() as database:
        try:
            database.execute("set TimeZone = 'UTC'")  # instants fall on their day in UTC, on every machine
            database.execute(f"create view file as select * from {_source(path)}")  # noqa: S608 - the path is quoted
            kinds = {name: kind for name, kind, *_ in database.execute("describe file").fetchall()}
            asked = {"customer": customer, "date": date, "amount": amount}
            columns = _choose_columns(list(kinds), asked)
            return _read(database, columns, kinds, frozenset(role for role in columns if asked[role] is None))
        except duckdb.Error as error:
            reason = str(error).strip().splitlines()[0]
            raise InputError("FILE", "a readable CSV or Parquet file", path, hint=reason[:200]) from error


def _import_duckdb() -> Any:  # noqa: ANN401 - a module without types
    try:
        import duckdb
    except ImportError as error:
        message = "reading files needs DuckDB: pip install 'crmvalue[report]'"
        raise ModuleNotFoundError(message, name="duckdb") from error
    return duckdb


def _source(path: str) -> str:
    """Table function that reads the file."""
    with Path(path).open("rb") as file:
        start = file.read(4)
    if not start:
        raise InputError("FILE", "a file with at least one row", path, hint="the file is empty")
    name = re.sub(r"([*?\[])", r"[\1]", path)  # one file, not a pattern of names
    literal = "'" + name.replace("'", "''") + "'"
    if start == b"PAR1":
        return f"read_parquet({literal})"
    return f"read_csv({literal}, sample_size = 100000, nullstr = {list(_MISSING)})"


def _choose_columns(names: list[str], asked: dict[str, str | None]) -> dict[str, str]:
    chosen: dict[str, str] = {}
    for role, wanted in asked.items():
        if wanted is None:
            continue
        same = [name for name in names if name == wanted] or [n for n in names if n.lower() == wanted.lower()]
        if len(same) != 1:
            raise InputError(_OPTIONS[role], f"a column of the file ({_listed(names)})", wanted)
        chosen[role] = same[0]
    simple = {name: re.sub(r"[^a-z0-9]", "", name.lower()) for name in names}
    for role, wanted in asked.items():
        if wanted is not None:
            continue
        free = [name for name in names if name not in chosen.values()]
        ranked = [name for guess in _GUESSES[role] for name in free if simple[name] == guess]
        if ranked:
            chosen[role] = ranked[0]
        elif role != "amount":
            raise InputError(_OPTIONS[role], f"named, since no column looks like a {role} ({_listed(names)})", None)
    if len(set(chosen.values())) < len(chosen):
        raise InputError("--customer, --date, --amount", "different columns", _listed(list(chosen.values())))
    return {role: chosen[role] for role in _OPTIONS if role in chosen}


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:20])
    return shown if len(names) <= 20 else f"{shown}, ... {len(names) - 20} more"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _read(
    database: Any,  # noqa: ANN401 - DuckDB's own object
    columns: dict[str, str],
    kinds: dict[str, str],
    guessed: frozenset[str],
) -> OrderFile:
    day = _day_expression(columns["date"], kinds[columns["date"]])
    day = f"case when year({day}) between 1 and 9999 then {day} end"
    money = "NULL"
    if "amount" in columns:
        money = _money_expression(database, columns["amount"], kinds[columns["amount"]])
        money = f"case when abs({money}) <= 1e15 then {money} end"  # not for infinities
    who = f"nullif(trim(cast({_quoted(columns['customer'])} as varchar)), '')"
    if kinds[columns["customer"]] in {"DOUBLE", "FLOAT"}:  # whole numbers beside missing ones arrive as 17850.0
        who = f"regexp_replace({who}, '\\.0$', '')"
    when = f"nullif(trim(cast({_quoted(columns['date'])} as varchar)), '')"
    how_much = f"nullif(trim(cast({_quoted(columns['amount'])} as varchar)), '')" if "amount" in columns else "NULL"
    database.execute(
        f"create view file_rows as select {who} as who, {when} as when_text, {day} as day, "  # noqa: S608 - quoted names
        f"{how_much} as money_text, {money} as money from file"
    )
    facts = database.execute(
        """
        select count(*), count(*) filter (who is null), count(*) filter (who is not null and when_text is null),
               any_value(when_text) filter (day is null), count(*) filter (when_text is not null and day is null),
               any_value(money_text) filter (money is null), count(*) filter (money_text is not null and money is null)
        from file_rows
        """
    ).fetchone()
    n_rows, n_without_customer, n_without_date, bad_date, n_bad_dates, bad_money, n_bad_money = facts
    if n_rows == 0:
        raise InputError("FILE", "a file with at least one row", "a header without rows")
    if n_bad_dates:
        hint = "use dates such as 2024-02-29"
        raise InputError(f"column {columns['date']}", "dates", bad_date, count=n_bad_dates, hint=hint)
    if n_bad_money:
        raise InputError(f"column {columns['amount']}", "numbers of at most 1e15", bad_money, count=n_bad_money)
    if n_rows == n_without_customer + n_without_date:
        raise InputError(
            "FILE", "a file with at least one row that has a customer and a date", f"{n_rows} rows without"
        )
    database.execute(
        "create temp table ids as select who, row_number() over (order by who) - 1 as code "
        "from (select distinct who from file_rows where who is not null and day is not null)"
    )
    cells = database.execute(
        """
        select code, day, round(sum(money), 6) as money, count(*) as n_rows
        from file_rows join ids using (who)
        where day is not null
        group by code, day, coalesce(sign(money), 2)
        """
    ).fetchnumpy()
    names = database.execute("select who from ids order by code").fetchnumpy()["who"]
    return OrderFile(
        customer=np.array(names.tolist()),
        code=np.asarray(cells["code"], dtype=np.int64),
        date=np.asarray(cells["day"]).astype("datetime64[D]"),
        amount=np.ma.filled(np.ma.asarray(cells["money"]).astype(np.float64), np.nan) if "amount" in columns else None,
        n_file_rows=np.asarray(cells["n_rows"], dtype=np.int64),
        n_rows=n_rows,
        n_without_customer=n_without_customer,
        n_without_date=n_without_date,
        columns=columns,
        guessed=guessed,
    )


def _day_expression(column: str, kind: str) -> str:
    name = _quoted(column)
    if kind == "DATE" or kind.startswith("TIMESTAMP"):
        return f"try_cast({name} as date)"
    text = f"trim(cast({name} as varchar))"
    compact = f"try_strptime({text}, '%Y%m%d')"
    if kind.endswith("INT") or kind == "INTEGER":  # 20240229
        return f"cast(case when length({text}) = 8 then {compact} end as date)"
    return f"coalesce(try_cast({text} as date), cast(try_cast({text} as timestamp) as date), cast({compact} as date))"


def _money_expression(database: Any, column: str, kind: str) -> str:  # noqa: ANN401 - DuckDB's own object
    name = _quoted(column)
    if kind != "VARCHAR":
        return f"try_cast({name} as double)"
    # A comma is a decimal sign only where no value of the column has a point.
    points = database.execute(f"select 1 from file where contains({name}, '.') limit 1").fetchone()  # noqa: S608 - quoted
    text = f"trim({name})" if points else f"replace(trim({name}), ',', '.')"
    return f"try_cast(nullif({text}, '') as double)"
