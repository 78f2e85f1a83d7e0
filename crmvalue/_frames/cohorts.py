"""Retention of cohorts from a frame of orders; :mod:`crmvalue.frames` is the public door."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

import attrs
import numpy as np

from crmvalue._cohorts.retention import MONTHS, WEEKS, count_retention, first_day, period_of, read_period, require_room
from crmvalue._cohorts.starts import advice_on_old
from crmvalue._core.calendar import FAR_YEARS, warn_of_early_rows
from crmvalue._core.checks import AMOUNT_RULE, LARGEST_AMOUNT, RESIDUE, as_day, require_choice
from crmvalue._core.clock.old_customers import DaysBought, warn_of_old_customers
from crmvalue._frames.columns import find_roles
from crmvalue._frames.customers import FrameResult
from crmvalue._frames.engines import (
    Arrays,
    as_frame,
    collect,
    flag,
    from_columns,
    in_engine,
    native,
    total,
    upload,
)
from crmvalue._frames.log import arrays_of, instants_of
from crmvalue._frames.orders import WHOLE, no_id, read_rows, require_years, times_in
from crmvalue._purchases.order_log import Duplicates, Policy, say_alternatives
from crmvalue.cohorts import RetentionTriangle
from crmvalue.errors import InputError

if TYPE_CHECKING:
    import narwhals as nw

    from crmvalue.typing import ArrayLike, Dates, Floats, Integers

__all__ = ["retention"]

_NO_COHORT = -(10**9)
_FAR_DAYS = 365 * FAR_YEARS


def retention(
    orders: Any,
    *,
    period: str,
    as_of: ArrayLike,
    customer: str | None = None,
    date: str | None = None,
    amount: str | None = None,
    quantity: str | None = None,
    week_start: str = "monday",
    duplicates: Duplicates = "keep",
) -> FrameResult:
    """Follow cohorts by the period of their first purchase, from a frame of orders.

    Parameters
    ----------
    orders, customer, date, amount, quantity
        As in :func:`summarise`.
    period, as_of, week_start, duplicates
        As in :func:`crmvalue.cohorts.retention_triangle`.

    Returns
    -------
    FrameResult
        A tidy table, one row for each cohort and age: `cohort`, `age`, `size`, `active`, `retention` (missing where the
        period still runs), `is_observed`, and with amounts `revenue`; and the
        :class:`crmvalue.cohorts.RetentionTriangle` as `result`.

    Raises
    ------
    InputError
        As :func:`crmvalue.cohorts.retention_triangle`, or if a column is missing or cannot be guessed.

    Warns
    -----
    DataWarning
        As :func:`crmvalue.cohorts.retention_triangle`.

    Notes
    -----
    An engine counts the customers of each cohort in each period; only these counts come into memory. In a lazy
    frame it does not count the copies that ``duplicates="keep"`` keeps: `n_duplicates_kept` is None there.

    Examples
    --------
    >>> import pandas as pd
    >>> orders = pd.DataFrame(
    ...     {"customer": [1, 1, 2], "date": pd.to_datetime(["2024-01-05", "2024-02-09", "2024-01-20"])}
    ... )
    >>> retention(orders, period="month", as_of="2024-02-29").frame[["cohort", "age", "retention"]]
          cohort  age  retention
    0 2024-01-01    0        1.0
    1 2024-01-01    1        0.5
    """
    import narwhals as nw

    frame = as_frame("orders", orders)
    roles = find_roles("orders", frame, {"customer": customer, "date": date, "amount": amount, "quantity": quantity})
    lazy = in_engine(frame)
    if isinstance(frame, nw.DataFrame) and isinstance(frame.schema[roles.columns["date"]], nw.String):
        lazy = None  # the functions of arrays read dates as text
    if lazy is None:
        columns = arrays_of(frame, roles) | {"instant": instants_of(frame[roles.columns["date"]])}
        result = count_retention(**columns, period=period, as_of=as_of, week_start=week_start, duplicates=duplicates)
        table: Any = from_columns(result.to_columns(), frame)
    else:
        calendar = read_period(period, week_start)
        require_choice("duplicates", duplicates, get_args(Duplicates))
        rows = read_rows(lazy, roles.columns, Policy("raise", "keep", "raise", duplicates), keep_time=True)
        today = as_day("as_of", as_of)
        result = _triangle(rows, period, week_start, calendar, today, duplicates, has_money="amount" in roles.columns)
        if duplicates == "keep" and isinstance(frame, nw.DataFrame):
            result = attrs.evolve(result, n_duplicates_kept=_count_copies(rows, today))
        table = upload(result.to_columns(), lazy)
    return FrameResult(frame=native(table, frame), result=result, columns=roles.columns, guessed=roles.guessed)


def _triangle(
    rows: nw.LazyFrame[Any],
    period: str,
    week_start: str,
    calendar: str,
    today: np.datetime64,
    duplicates: str,
    *,
    has_money: bool,
) -> RetentionTriangle:
    """Let the engine count; what the counts mean is said at :class:`crmvalue.cohorts.RetentionTriangle`."""
    import narwhals as nw

    money: Any = nw.lit(0.0)
    if has_money:  # what is left of binary arithmetic counts as 0
        money = nw.when(nw.col("_money").abs() < RESIDUE).then(nw.lit(0.0)).otherwise(nw.col("_money"))
    who, day = nw.col("_who"), nw.col("_day")
    late = day > float(today.astype(np.int64))
    bad = {"_nobody": ~nw.col("_named"), "_undated": nw.col("_named") & day.is_null(), "_late": late}
    if has_money:
        bad |= {"_unknown": money.is_null(), "_odd": money.abs() > LARGEST_AMOUNT}
    odd_id = no_id(rows)
    if odd_id is not None:
        bad["_odd_id"] = odd_id
    checked = rows.with_columns(*(flag(kind).alias(name) for name, kind in bad.items()))
    span = (day.min().alias("_first"), day.max().alias("_last"))
    copies = {
        name: nw.when(kind).then(nw.col("_copies")).otherwise(nw.lit(0)).sum().alias(name)
        for name, kind in (("_copies_used", ~late), ("_copies_late", late))
    }
    totals = collect(checked.select(*(nw.col(name).sum() for name in bad), *copies.values(), *span))
    ends = np.array([totals.pop(name)[0] for name in ("_first", "_last")], dtype=np.float64)
    found = {name: total(column) for name, column in totals.items()}
    for name, role, rule in (
        ("_nobody", "customer", "an identifier, not missing"),
        ("_odd_id", "customer", WHOLE),
        ("_undated", "date", "a date, not missing"),
        ("_unknown", "amount", "a number, not missing"),
        ("_odd", "amount", AMOUNT_RULE),
    ):
        if found.get(name):
            raise InputError(role, rule, "another value", count=found[name])
    require_years(ends)
    if duplicates == "raise" and found["_copies_used"]:
        rule = "such that no row is an exact copy of an earlier one"
        raise InputError("date", rule, "a copy", count=found["_copies_used"], hint=say_alternatives("duplicates"))
    bought = ~(money < 0.0) if has_money else ~who.is_null()
    cells = (
        rows.filter(~late)
        .with_columns(_period(calendar).alias("_period"), flag(bought).alias("_bought"), money.alias("_money"))
        .group_by("_who", "_period")
        .agg(nw.col("_bought").sum(), nw.col("_money").sum(), nw.len().alias("_rows"))
    )
    _warn_of_early(rows.filter(~late & bought), ends)
    first = cells.filter(nw.col("_bought") > 0).group_by("_who").agg(nw.col("_period").min().alias("_cohort"))
    inside = cells.join(first, on="_who", how="left")
    _warn_of_old(rows.filter(~late & bought).select("_who", "_day").unique(["_who", "_day"]))
    seen = flag(nw.col("_bought") > 0).alias("_active")
    known = nw.when(~nw.col("_cohort").is_null()).then(nw.col("_cohort")).otherwise(nw.lit(_NO_COHORT))
    inside = inside.with_columns(known.cast(nw.Float64).alias("_cohort"), seen)
    table = collect(
        inside.group_by("_cohort", "_period").agg(
            nw.col("_active").sum(), nw.col("_money").sum(), nw.col("_rows").sum(), nw.col("_bought").sum()
        )
    )
    n_all = total(collect(rows.select("_who").unique(["_who"]).select(nw.len().alias("n")))["n"])
    n_late = found["_late"] + found["_copies_late"]
    counted = _from_counts(table, n_all, n_late, calendar, today, has_money=has_money)
    return RetentionTriangle(
        period=period,
        week_start=week_start,
        as_of=today,
        n_duplicates=found["_copies_used"],
        n_duplicates_kept=None if duplicates == "keep" else 0,
        **counted,
    )


def _warn_of_early(rows: nw.LazyFrame[Any], ends: Floats) -> None:
    """Warn of rows far before all others; `ends` are the first and the last day, which seldom are so far apart."""
    import narwhals as nw

    if ends[1] - ends[0] > _FAR_DAYS:
        found = collect(rows.group_by("_day").agg(nw.len().alias("n")).select("_day", "n"))
        day, n = np.asarray(found["_day"], dtype=np.float64), np.asarray(found["n"], dtype=np.int64)
        if len(day):
            warn_of_early_rows(day.astype(np.int64).astype("datetime64[D]"), n)


def _warn_of_old(days: nw.LazyFrame[Any]) -> None:
    """Warn of old customers, from the days on which each customer bought."""
    import narwhals as nw

    came = days.group_by("_who").agg(nw.col("_day").min().alias("_first"))

    def read(found: Arrays) -> tuple[list[Dates], Integers]:
        n = np.asarray(found.pop("n"), dtype=np.int64)
        floats = (np.asarray(column, dtype=np.float64) for column in found.values())
        return [column.astype(np.int64).astype("datetime64[D]") for column in floats], n

    def bought() -> DaysBought:
        keys = ("_first", "_day")
        counted = days.join(came, on="_who", how="left").group_by(*keys).agg(nw.len().alias("n"))
        (first, day), n = read(collect(counted.select(*keys, "n")))
        return DaysBought(first, day, n)

    (first,), n = read(collect(came.group_by("_first").agg(nw.len().alias("n")).select("_first", "n")))
    if len(first):
        warn_of_old_customers(np.repeat(first, n), bought, advice_on_old("retention_triangle"))


def _count_copies(rows: nw.LazyFrame[Any], today: np.datetime64) -> int:
    """Count the exact copies of earlier rows, up to the last day."""
    import narwhals as nw

    keys = [name for name in ("_who", "_time", "_money") if name in rows.collect_schema()]
    used = rows.filter(nw.col("_day") <= float(today.astype(np.int64))).select(*keys)
    n = nw.len().alias("n")
    return total(collect(used.select(n))["n"]) - total(collect(used.unique(keys).select(n))["n"])


def _from_counts(
    table: Arrays, n_customers: int, n_later: int, calendar: str, today: np.datetime64, *, has_money: bool
) -> dict[str, Any]:
    """Put the counts of cohorts and periods into a triangle."""
    columns = {name: np.asarray(column, dtype=np.float64) for name, column in table.items()}
    if not n_customers:
        raise InputError("customer", "at least one row", 0)
    if not len(columns["_rows"]):
        raise InputError("as_of", "on or after the first purchase of the log", str(today))
    began, now = columns["_cohort"].astype(np.int64), columns["_period"].astype(np.int64)
    entered = began != _NO_COHORT
    if not entered.any():
        raise InputError("amount", "of at least one purchase by `as_of`", "returns only")
    cohort, row = np.unique(began[entered], return_inverse=True)
    n_columns = int(period_of(today, calendar) - cohort[0]) + 1
    require_room(len(cohort), n_columns, cohort[0], calendar)
    inside = now[entered] >= began[entered]
    cell = (row * n_columns + now[entered] - began[entered])[inside]
    shape = (len(cohort), n_columns)

    def spread(name: str) -> Any:
        return np.bincount(cell, columns[name][entered][inside], minlength=shape[0] * shape[1]).reshape(shape)

    active = spread("_active").astype(np.int64)
    outside = np.ones(len(began), dtype=bool)
    outside[np.nonzero(entered)[0][inside]] = False
    return {
        "cohort": first_day(cohort, calendar),
        "size": active[:, 0],
        "active": active,
        "revenue": spread("_money") if has_money else None,
        "revenue_outside": float(columns["_money"][outside].sum()) if has_money else 0.0,
        "n_rows_later": n_later,
        "n_customers_later": n_customers - int(active[:, 0].sum()),
        "n_returns_outside": int((columns["_rows"] - columns["_bought"])[outside].sum()),
    }


def _period(calendar: str) -> nw.Expr:
    """Give the number of the period of each day; the period of 1 January 1970 is 0."""
    import narwhals as nw

    if calendar in WEEKS:
        return times_in(nw.col("_day") + WEEKS[calendar], 7)
    time = nw.col("_time")
    month = (time.dt.year().cast(nw.Float64) - 1970.0) * 12.0 + time.dt.month().cast(nw.Float64) - 1.0
    return times_in(month, MONTHS[calendar])
