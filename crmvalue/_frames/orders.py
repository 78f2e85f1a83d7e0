"""Orders to customers, in the engine that holds the orders.

The rules are those of :func:`crmvalue.purchases.summarise_purchases`, written as expressions. The log is asked twice:
once for counts by day, which find the end of observation and what the policies refuse, and once for the customers.
"""

from __future__ import annotations

import datetime as dt
import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from crmvalue._core.checks import AMOUNT_RULE, LARGEST_AMOUNT
from crmvalue._frames.engines import Arrays, collect, divider, flag, is_known, is_whole, need_window, with_local_clock
from crmvalue._purchases.order_log import (
    MONDAY,
    RESIDUE,
    UNDONE,
    Log,
    OrderLogCounts,
    Policy,
    say_alternatives,
    start_of_grain,
)
from crmvalue.errors import InputError
from crmvalue.purchases import DAYS_PER_UNIT

if TYPE_CHECKING:
    from collections.abc import Iterable

    import narwhals as nw
    import numpy.typing as npt

    from crmvalue.typing import Dates, Integers

__all__ = [
    "LOG_SPEND",
    "SUMMARY",
    "WHOLE",
    "Orders",
    "count_purchases",
    "customers_of",
    "day_number",
    "is_named",
    "join_holdout",
    "local_clock",
    "no_id",
    "read_rows",
    "require_ids",
    "require_years",
    "summary_columns",
    "survey",
    "times_in",
    "without_residue",
]

SUMMARY = (
    "frequency", "recency", "age", "mean_repeat_spend", "days_since_last", "n_purchases", "mean_spend", "total_spend",
)  # fmt: skip
"""Columns of a summary, beside the customer."""

LOG_SPEND = ("n_paid", "mean_log_spend", "var_log_spend")
"""Columns of the logarithms of the purchases of some money of a customer, all that a lognormal model needs."""

WHOLE = "whole numbers below 2**53, where they are floats"
"""What float identifiers must be."""

_BLANK = rf"^[\s\x0b\x1c-\x1f\x85\xa0{''.join(chr(n) for n in range(0x100, 0x3001) if chr(n).isspace())}]*$"
"""Texts that Python calls blank: what engines strip, and what their \\s means, differs."""

_EPOCH = dt.date(1970, 1, 1)
_EARLY, _LATE = dt.datetime(1, 1, 3), dt.datetime(9999, 12, 29)  # noqa: DTZ001 - clocks of UTC
_INFINITE = 2.0**31 - 1  # days from there to the date "infinity" of DuckDB, which is none
_NO_DAY = -(10**9)
_INSTANT = "_crmvalue_instant"
"""Column of the moments in UTC, where the engine has a clock of the zone in place of the times."""

_NOT_COUNTED = (
    "n_customers_after_as_of", "n_duplicates_kept", "n_purchases", "n_purchases_cancelled",
    "n_customers_without_purchase", "unmatched_refunds",
)  # fmt: skip
_ODD = ("large", "nobody", "odd_id", "missing", "zero", "residue")  # the first that holds is the kind of a row
_KINDS = (*_ODD, "purchase", "refund", "uneven", "uneven_refund")  # of the others, by two flags
_KIND = {name: float(number) for number, name in enumerate(_KINDS)}
_WITH_FIRST = frozenset({"polars", "duckdb", "ibis"})  # engines that give the first value of a group, by name
_FIRST_DAY, _LAST_DAY = -719_162.0, 2_932_896.0  # of the years 1 and 9999
_WHOLE_CENTS = 9e13  # up to here, money is added up in whole cents, of which floats lose none
_ROUNDING = 1e-12  # by which a float may miss a whole cent
_FORBIDDEN = {"missing": None, "zeros": 0.0, "refunds": "an amount below 0", "duplicates": "a copy"}


class Orders(NamedTuple):
    """The rows of a log, as :func:`read_rows` gives them, and their counts by day."""

    rows: nw.LazyFrame[Any]
    by_day: Arrays
    days: Log
    has_money: bool
    in_cents: bool


def day_number(date: nw.Expr, engine: nw.Implementation | None = None) -> nw.Expr:
    """Days since 1 January 1970 of dates or times, by the Gregorian calendar.

    Engines disagree on calendars, and on what the difference of dates is. Two are known to count as we do, and faster.
    """
    import narwhals as nw

    if engine is nw.Implementation.POLARS:
        return date.dt.date().cast(nw.Int32).cast(nw.Float64)
    if engine is nw.Implementation.DUCKDB:
        days = (date.dt.date() - nw.lit(_EPOCH)).cast(nw.Float64)
        return nw.when(days.abs() < _INFINITE).then(days)
    year = date.dt.year().cast(nw.Float64)
    leap_days = times_in(year - 1969, 4) - times_in(year - 1901, 100) + times_in(year - 1601, 400)
    return (year - 1970) * 365 + leap_days + date.dt.ordinal_day().cast(nw.Float64) - 1


def local_clock(time: nw.Expr, kind: Any) -> nw.Expr:
    """Give times as their zone's clocks show them; beyond the years 1 to 9999, where Polars fails, as those of UTC."""
    import narwhals as nw

    if not isinstance(kind, nw.Datetime) or kind.time_zone is None:
        return time
    if kind.time_unit == "ns":  # the last hours of their range have local times beyond it
        time = time.cast(nw.Datetime("us", kind.time_zone))
    utc = time.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    near = (utc > nw.lit(_EARLY)) & (utc < nw.lit(_LATE))
    return nw.when(near).then(nw.when(near).then(time).dt.replace_time_zone(None)).otherwise(utc)


def times_in(number: nw.Expr, divisor: int) -> nw.Expr:
    """Divide whole numbers and round down, without a division, which not all engines have for these types."""
    return ((number + 0.5) * (1.0 / divisor)).floor()


def _zero_where(condition: nw.Expr, value: nw.Expr, kind: Any) -> nw.Expr:
    """Give 0 where a condition holds, else the value.

    The value stands in the last branch: where its condition says that it is not null, one engine (Sail) plans a column
    without nulls and then refuses the one that it computes.
    """
    import narwhals as nw

    return nw.when(condition).then(nw.lit(0)).otherwise(value).cast(kind)


def without_residue(money: nw.Expr) -> nw.Expr:
    """Count as 0 what binary arithmetic leaves of nothing."""
    import narwhals as nw

    return _zero_where(money.abs() < RESIDUE, money, nw.Float64)


def _cast(frame: nw.LazyFrame[Any], names: Iterable[str], kind: Any) -> nw.LazyFrame[Any]:
    """Cast sums, of which engines make other types; inside an aggregation some engines cannot."""
    import narwhals as nw

    return frame.with_columns(*(nw.col(name).cast(kind).alias(name) for name in names))


def read_rows(
    frame: nw.LazyFrame[Any], roles: dict[str, str], policy: Policy, *, keep_time: bool = False
) -> nw.LazyFrame[Any]:
    """Give the columns of a log in plain form: "_who", "_named" if that is a customer, "_day", "_money".

    Copies of a row are left in, with "_copies" 0, or are one row with their number.
    """
    import narwhals as nw

    frame = with_local_clock(frame, roles["date"], _INSTANT)
    types = {role: frame.collect_schema()[column] for role, column in roles.items()}
    _check_types(roles, types)
    who = nw.col(roles["customer"])
    named = is_named(who, types["customer"])
    columns = [who.alias("_who"), named.alias("_named"), nw.col(roles["date"]).alias("_time")]
    if "amount" in roles:
        money = nw.col(roles["amount"]).cast(nw.Float64)
        if "quantity" in roles:
            money = money * nw.col(roles["quantity"]).cast(nw.Float64)
        columns.append(nw.when(~money.is_nan()).then(money).alias("_money"))
    instants = [_INSTANT] if _INSTANT in frame.collect_schema() else []
    rows = frame.select(*columns, *instants)
    if policy.duplicates == "keep":
        rows = rows.with_columns(nw.lit(0).cast(nw.Int64).alias("_copies"))
    else:
        keys = ["_who", "_named", "_time", *(["_money"] if "amount" in roles else []), *instants]
        rows = rows.group_by(*keys).agg(nw.len().alias("_copies"))
        rows = rows.with_columns((nw.col("_copies") - 1).cast(nw.Int64).alias("_copies"))
    time = nw.col("_time")
    if frame.implementation is nw.Implementation.POLARS:
        time = local_clock(time, types["date"])
    rows = rows.with_columns(day_number(time, frame.implementation).alias("_day"))
    return rows if keep_time else rows.drop("_time", *instants)


def is_named(who: nw.Expr, kind: Any) -> nw.Expr:
    """Whether an identifier is given: neither null, NaN nor blank."""
    import narwhals as nw

    named = ~who.is_null()
    if isinstance(kind, nw.String | nw.Categorical | nw.Enum):
        word = who.cast(nw.String)  # most texts begin with neither a blank nor beyond ASCII: no search in them
        return nw.when((word < "!") | (word >= "\x80")).then(~word.str.contains(_BLANK)).otherwise(named)
    return named & ~who.is_nan() if kind.is_float() else named


def require_ids(column: str, kind: Any, name: str = "customer") -> None:
    """Refuse a column of customers whose type is none of identifiers."""
    import narwhals as nw

    no_ids = (
        nw.Boolean,
        nw.Date,
        nw.Datetime,
        nw.Duration,
        nw.Time,
        nw.List,
        nw.Array,
        nw.Struct,
        nw.Binary,
        nw.Object,
    )
    if isinstance(kind, no_ids):
        raise InputError(name, f"whole numbers or text in column {column!r}", str(kind))
    if isinstance(kind, nw.Decimal):  # as arrays of them are: Decimal("1.00") and 1 are one number, but two texts
        hint = "cast the column to whole numbers or to text first"
        raise InputError(name, f"whole numbers or text in column {column!r}", str(kind), hint=hint)


def no_id(rows: nw.LazyFrame[Any]) -> nw.Expr | None:
    """Whether "_who" is a float that is no identifier: no whole number, or one that floats cannot tell apart."""
    import narwhals as nw

    if not rows.collect_schema()["_who"].is_float():
        return None
    return is_known("_who") & ~is_whole(nw.col("_who").cast(nw.Float64))


def _check_types(roles: dict[str, str], types: dict[str, Any]) -> None:
    """Refuse columns of a wrong type."""
    import narwhals as nw

    require_ids(roles["customer"], types["customer"])
    if not isinstance(types["date"], nw.Date | nw.Datetime):
        hint = "cast the column first, so that the engine knows the form of its dates"
        raise InputError("date", f"dates or times in column {roles['date']!r}", str(types["date"]), hint=hint)
    for role in ("amount", "quantity"):
        if role in roles and not types[role].is_numeric():
            hint = "cast the column first"
            raise InputError(role, f"numbers in column {roles[role]!r}", str(types[role]), hint=hint)


def _kind_of_row(odd_id: nw.Expr | None, *, has_money: bool) -> Any:
    """Give the number of each row's kind: its place in `_KINDS`."""
    import narwhals as nw

    money, size = nw.col("_money"), nw.col("_money").abs()
    holds = (size > LARGEST_AMOUNT, ~nw.col("_named"), odd_id, money.is_null(), money == 0, size < RESIDUE)
    number: Any = nw.lit(_KIND["purchase"])
    if has_money:
        cents = money * 100.0
        uneven = (cents - (cents + 0.5).floor()).abs() > cents.abs() * _ROUNDING
        number = number + flag(money < 0).cast(nw.Float64) + flag(uneven).cast(nw.Float64) * 2.0
    for kind, condition in zip(_ODD[::-1], holds[::-1], strict=True):
        if condition is not None and (has_money or kind in {"nobody", "odd_id"}):
            number = nw.when(condition).then(nw.lit(_KIND[kind])).otherwise(number)
    return number


def _counts_by_day(found: Arrays) -> Arrays:
    """Spread the counts of days and kinds: one row per day, one column per kind."""
    day, kind = np.divmod(found["_key"].astype(np.int64), len(_KINDS))
    days, row = np.unique(day, return_inverse=True)

    def spread(column: npt.NDArray[np.float64]) -> dict[str, npt.NDArray[np.float64]]:
        table = np.zeros((len(_KINDS), len(days)))
        np.add.at(table, (kind, row), np.nan_to_num(column))
        return dict(zip(_KINDS, table, strict=True))

    rows, copies = spread(found["_rows"]), spread(found["_copies"])
    by_day = {
        "_day": days.astype(np.float64),
        "_rows": np.sum([rows[name] for name in _KINDS if name != "nobody"], axis=0),
        "_copies": np.sum([copies[name] for name in _KINDS if name != "nobody"], axis=0),
        "_nobody": rows["nobody"] + copies["nobody"],
        "_odd_id": rows["odd_id"],
        "_missing": rows["missing"],
        "_residue": rows["residue"],
        "_zero": rows["zero"] + rows["residue"],
        "_refund": rows["refund"] + rows["uneven_refund"],
        "_large": rows["large"],
        "_uneven": rows["uneven"] + rows["uneven_refund"],
    }
    if "_size" in found:
        by_day["_size"] = np.sum(list(spread(found["_size"]).values()), axis=0)
    return by_day


def survey(rows: nw.LazyFrame[Any], policy: Policy, *, has_money: bool) -> Orders:
    """Count the rows of each day by kind, and refuse rows without customer or date where none may be."""
    import narwhals as nw

    odd_id = no_id(rows)
    kind = _kind_of_row(odd_id, has_money=has_money)
    day = nw.when(~nw.col("_day").is_null()).then(nw.col("_day")).otherwise(nw.lit(_NO_DAY)).cast(nw.Float64)
    columns, sums = [(day * len(_KINDS) + kind).alias("_key")], ["_copies"]  # one key is counted faster than two
    if has_money:
        size = nw.col("_money").abs()
        odd = ~nw.col("_named") | size.is_null() | (size > LARGEST_AMOUNT)
        columns.append(_zero_where(odd, size, nw.Float64).alias("_size"))
        sums.append("_size")
    columns.append(nw.col("_copies").cast(nw.Float64))  # engines add floats faster
    found = collect(
        rows.select(*columns).group_by("_key").agg(nw.len().alias("_rows"), *(nw.col(name).sum() for name in sums))
    )
    by_day = _counts_by_day({name: np.asarray(column, dtype=np.float64) for name, column in found.items()})
    used = (by_day["_day"] != _NO_DAY) & (by_day["_rows"] > 0)
    undated = by_day["_day"] == _NO_DAY
    if policy.missing == "raise":
        n_undated = int((by_day["_rows"] + by_day["_copies"])[undated].sum())
        _refuse("customer", "an identifier, not missing", int(by_day["_nobody"].sum()), "missing")
        _refuse("date", "a date, not missing", n_undated, "missing")
    if odd_id is not None and by_day["_odd_id"].any():
        raise InputError("customer", WHOLE, "another float", count=int(by_day["_odd_id"].sum()))
    if not by_day["_rows"].any():
        raise InputError("customer", "given in at least one row", "no such row")
    if not used.any():
        raise InputError("date", "given with a customer in at least one row", "no such row")
    require_years(by_day["_day"][used])
    days = by_day["_day"][used].astype(np.int64).astype("datetime64[D]")
    n_rows = (by_day["_rows"] + by_day["_copies"])[used].astype(np.int64)
    log = Log(np.zeros(0), np.zeros(len(days), dtype=np.int64), days, None, n_rows)
    in_cents = has_money and not by_day["_uneven"].any() and bool(by_day["_size"].sum() < _WHOLE_CENTS)
    return Orders(rows, by_day, log, has_money, in_cents)


def count_purchases(rows: nw.LazyFrame[Any]) -> tuple[Dates, Integers]:
    """Count the purchases of each day, as :func:`crmvalue._core.calendar.purchases_by_day` does."""
    import narwhals as nw

    known = rows.filter(nw.col("_named"), ~nw.col("_day").is_null()).select("_who", "_day").unique(["_who", "_day"])
    found = collect(known.group_by("_day").agg(nw.len().alias("_bought")))
    days, number = (np.asarray(found[name], dtype=np.float64).astype(np.int64) for name in ("_day", "_bought"))
    order = np.argsort(days)
    return days[order].astype("datetime64[D]"), number[order]


def require_years(days: npt.NDArray[np.float64]) -> None:
    """Refuse days that dates of Python do not have."""
    far = days[(days < _FIRST_DAY) | (days > _LAST_DAY)]
    if len(far):
        day = str(far.astype(np.int64).astype("datetime64[D]")[0])
        raise InputError("date", "in the years 1 to 9999", day, count=len(far))


def _apply_policies(
    orders: Orders, policy: Policy, after: np.datetime64 | None, end: np.datetime64
) -> tuple[nw.LazyFrame[Any], OrderLogCounts]:
    """Give the rows to use from the day after `after` (or the first) to `end`, and count the others."""
    import narwhals as nw

    table, last = orders.by_day, int(end.astype(np.int64))
    first = _NO_DAY if after is None else int(after.astype(np.int64))
    undated, later = table["_day"] == _NO_DAY, table["_day"] > last
    window = ~undated & (table["_day"] > first) & ~later
    n_all = table["_rows"] + table["_copies"]
    n = {kind: int(column[window].sum()) for kind, column in table.items()}
    counts: dict[str, Any] = dict.fromkeys(_NOT_COUNTED)
    counts["n_rows_after_as_of"] = int(n_all[later].sum())
    if after is None:
        counts["n_without_customer"] = int(table["_nobody"].sum())
        counts["n_without_date"] = int(n_all[undated].sum())
    if policy.duplicates == "raise":
        _refuse(
            "date", "one whose row has no earlier copy, equal in customer, date and amount", n["_copies"], "duplicates"
        )
    counts["n_duplicates_kept"] = None if policy.duplicates == "keep" else 0
    counts["n_duplicates_dropped"] = n["_copies"]
    # What the counts say that no row has needs no filter: a look at each row costs as much as the sums.
    day, needed = nw.col("_day"), []
    if after is not None:
        needed.append(day > first)
    if later.any():
        needed.append(day <= last)
    if undated.any():
        needed.append(~day.is_null())
    if table["_nobody"].any():
        needed.append(nw.col("_named"))
    rows = orders.rows.filter(*needed) if needed else orders.rows
    n_used = n["_rows"]
    if orders.has_money:
        rows, n_left_out = _treat_amounts(rows, policy, n, int(table["_large"].sum()), counts)
        n_used -= n_left_out
    if after is None and not n_used:
        rule = f"such that at least one row until {end} is a purchase"
        raise InputError("amount", rule, "no purchase, only refunds and rows that are left out")
    counts["n_purchase_rows"] = n_used
    counts["n_rows"] = int(n_all[window].sum()) + sum(
        counts.get(name, 0) for name in ("n_rows_after_as_of", "n_without_customer", "n_without_date")
    )
    return rows, OrderLogCounts(**counts)


def _treat_amounts(
    rows: nw.LazyFrame[Any], policy: Policy, n: dict[str, int], n_large: int, counts: dict[str, Any]
) -> tuple[nw.LazyFrame[Any], int]:
    """Apply the policies for missing amounts, zeros and refunds; give the rows, and how many are no purchase rows."""
    import narwhals as nw

    if n_large:
        raise InputError("amount", AMOUNT_RULE, "a larger one", count=n_large)
    for kind, name, rule in (
        ("_missing", "missing", "a number, not missing"),
        ("_zero", "zeros", "other than 0"),
        ("_refund", "refunds", ">= 0"),
    ):
        if getattr(policy, name) == "raise":
            _refuse("amount", rule, n[kind], name)
    money = nw.col("_money")
    counts["n_missing"], counts["n_residues"] = n["_missing"], n["_residue"]
    counts["n_zeros_kept" if policy.zeros == "keep" else "n_zeros_dropped"] = n["_zero"]
    counts["n_refunds_dropped" if policy.refunds == "drop" else "n_refunds_netted"] = n["_refund"]
    if n["_missing"]:
        rows = rows.filter(~money.is_null())
    if policy.zeros == "drop" and n["_zero"]:
        rows = rows.filter(money.abs() >= RESIDUE)
    if policy.refunds == "drop" and n["_refund"]:
        rows = rows.filter(money > -RESIDUE)
    return rows, n["_missing"] + n["_refund"] + counts.get("n_zeros_dropped", 0)


def _refuse(name: str, rule: str, number: int, policy: str) -> None:
    """Raise for rows that a policy forbids."""
    if number:
        raise InputError(name, rule, _FORBIDDEN[policy], count=number, hint=say_alternatives(policy))


def customers_of(
    orders: Orders, policy: Policy, after: np.datetime64 | None, end: np.datetime64, grain: str, *, logs: bool = False
) -> tuple[nw.LazyFrame[Any], OrderLogCounts]:
    """Give one row per customer: "_who", "_first", "_last", "_bought", and with money "_total" and "_repeat".

    With `logs` also the number, the sum and the squares of the logarithms: "_n_paid", "_log" and "_log_log".
    """
    import narwhals as nw

    rows, counts = _apply_policies(orders, policy, after, end)
    day = nw.col("_day")
    start = times_in(day + MONDAY, 7) * 7 - MONDAY if grain == "week" else day
    rows = rows.with_columns(start.cast(nw.Int32).alias("_day"))
    ends = (day.min().alias("_first"), day.max().alias("_last"), nw.len().alias("_bought"))
    if not orders.has_money:
        return rows.select("_who", "_day").unique(["_who", "_day"]).group_by("_who").agg(*ends), counts
    money = (nw.col("_money") * 100.0).round(0) if orders.in_cents else without_residue(nw.col("_money"))
    rows = rows.select("_who", "_day", money.alias("_money"))
    purchases = (
        _netted(rows, nw.Float64)
        if counts.n_refunds_netted
        else _cast(rows.group_by("_who", "_day").agg(nw.col("_money").sum()), ["_money"], nw.Float64)
    )
    scale = 100.0 if orders.in_cents else 1.0
    sums = [nw.col("_money").sum().alias("_total")]
    if logs:
        paid = nw.col("_money") > 0
        log = nw.when(paid).then(nw.col("_money")).otherwise(nw.lit(scale)).cast(nw.Float64).log() - math.log(scale)
        purchases = purchases.with_columns(flag(paid).alias("_n_paid"), log.alias("_log"))
        purchases = purchases.with_columns((nw.col("_log") * nw.col("_log")).alias("_log_log"))
        sums += [nw.col(name).sum() for name in ("_n_paid", "_log", "_log_log")]
    if orders.in_cents and rows.implementation.value in _WITH_FIRST:
        # Whole cents have no digits to lose: the repeat spend is the total without the first purchase.
        first = nw.col("_money").first(order_by="_day").alias("_begin")
        customers = purchases.group_by("_who").agg(*ends, *sums, first)
        customers = customers.with_columns((nw.col("_total") - nw.col("_begin")).alias("_repeat"))
    else:
        purchases = purchases.with_columns(day.min().over("_who").alias("_begin"))
        later = day > nw.col("_begin")
        again = _zero_where(~later, nw.col("_money"), nw.Float64).alias("_again")
        repeat = nw.col("_again").sum().alias("_repeat")
        customers = purchases.with_columns(again).group_by("_who").agg(*ends, *sums, repeat)
    over = divider(rows)
    in_money = (over(nw.col(name).cast(nw.Float64), scale).alias(name) for name in ("_total", "_repeat"))
    return customers.with_columns(*in_money), counts


def _netted(rows: nw.LazyFrame[Any], kind: Any) -> nw.LazyFrame[Any]:
    """Merge rows to purchases, with refunds taken off the latest purchase at or before them, then earlier ones.

    Backwards in time the refunds of a customer are one debt, and each purchase pays as much of it as it can. This is a
    random walk that is reflected at 0: the debt is the walk minus its running minimum, where that is below 0.
    """
    import narwhals as nw

    need_window(rows, "refunds", "net", 'refunds="drop" leaves them out')
    money = nw.col("_money")
    parts = {
        "_credit": _zero_where(money <= 0, money, kind),
        "_back": _zero_where(money >= 0, -money, kind),
        "_paid": flag(money >= 0),
    }
    cells = (
        rows.select("_who", "_day", *(part.alias(name) for name, part in parts.items()))
        .group_by("_who", "_day")
        .agg(*(nw.col(name).sum() for name in parts))
    )
    cells = _cast(cells, parts, kind)
    cells = cells.with_columns((-nw.col("_day")).alias("_ago"), (nw.col("_back") - nw.col("_credit")).alias("_step"))
    cells = cells.with_columns(nw.col("_step").cum_sum().over("_who", order_by="_ago").cast(kind).alias("_walk"))
    cells = cells.with_columns(nw.col("_walk").cum_min().over("_who", order_by="_ago").alias("_low"))
    low = _zero_where(nw.col("_low") >= 0, nw.col("_low"), kind)
    cells = cells.with_columns((nw.col("_walk") - low).alias("_debt"))
    before = nw.col("_debt").shift(1).over("_who", order_by="_ago")
    cells = cells.with_columns(_zero_where(before.is_null(), before, kind).alias("_before"))
    credit = nw.col("_credit").cast(nw.Float64)
    owed = (nw.col("_before") + nw.col("_back")).cast(nw.Float64)
    undone = (owed > 0) & (credit > 0) & (credit - owed <= UNDONE * credit)
    left = nw.col("_credit") - nw.col("_before") - nw.col("_back")
    spent = nw.when((owed > 0) & (credit > 0)).then(left).otherwise(nw.col("_credit"))
    return cells.filter((nw.col("_paid") > 0) & ~undone).select("_who", "_day", spent.cast(kind).alias("_money"))


def summary_columns(
    customers: nw.LazyFrame[Any],
    orders: Orders,
    who: str,
    end: np.datetime64,
    time_unit: str,
    grain: str,
    *,
    logs: bool = False,
) -> nw.LazyFrame[Any]:
    """Give the columns of a :class:`crmvalue.purchases.PurchaseHistory`, and with `logs` those of the logarithms."""
    import narwhals as nw

    over = divider(customers)
    ruler, final = DAYS_PER_UNIT[time_unit], int(start_of_grain(end.astype(np.int64), grain))
    first, last = nw.col("_first").cast(nw.Float64), nw.col("_last").cast(nw.Float64)
    bought = nw.col("_bought").cast(nw.Float64)
    columns = {
        "frequency": bought - 1.0,
        "recency": over(last - first, ruler),
        "age": over(float(final) - first, ruler),
    }
    if orders.has_money:
        columns["mean_repeat_spend"] = nw.when(bought > 1).then(over(nw.col("_repeat"), bought - 1.0))
    columns |= {"days_since_last": float(final) - last, "n_purchases": bought}
    if orders.has_money:
        columns |= {"mean_spend": over(nw.col("_total"), bought), "total_spend": nw.col("_total")}
    if logs:
        n_paid, log, square = (nw.col(name).cast(nw.Float64) for name in ("_n_paid", "_log", "_log_log"))
        some = n_paid > 0
        number = nw.when(some).then(n_paid).otherwise(nw.lit(1.0)).cast(nw.Float64)
        mean = over(log, number)
        variance = over(square, number) - mean * mean
        columns |= {
            "n_paid": n_paid,
            "mean_log_spend": nw.when(some).then(mean),
            "var_log_spend": nw.when(some).then(nw.when(variance > 0).then(variance).otherwise(nw.lit(0.0))),
        }
    return customers.select(nw.col("_who").alias(who), *(column.alias(name) for name, column in columns.items()))


def join_holdout(
    customers: nw.LazyFrame[Any], later: nw.LazyFrame[Any], who: str, *, has_money: bool
) -> nw.LazyFrame[Any]:
    """Add the purchases and the money of the holdout, 0 for customers without any."""
    import narwhals as nw

    columns = {"holdout_n_purchases": nw.col("_bought").cast(nw.Float64)}
    if has_money:
        columns["holdout_spend"] = nw.col("_total")
    found = later.select(nw.col("_who").alias(who), *(column.alias(name) for name, column in columns.items()))
    joined = customers.join(found, on=who, how="left")
    return joined.with_columns(
        *(_zero_where(nw.col(name).is_null(), nw.col(name), nw.Float64).alias(name) for name in columns)
    )
