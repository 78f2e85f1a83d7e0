"""Rules of segments as expressions of an engine; a missing value meets no condition."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from crmvalue._frames.orders import day_number
from crmvalue._segmentation.rules import AllOf, Condition, Not
from crmvalue.errors import InputError

if TYPE_CHECKING:
    import narwhals as nw

    from crmvalue._segmentation.rules import Rule

__all__ = ["rule_expression"]


def rule_expression(rule: Rule, lazy: nw.LazyFrame[Any], today: np.datetime64) -> nw.Expr:
    """Give True or False for each customer, never missing."""
    if isinstance(rule, Condition):
        return _condition(rule, lazy, today)
    if isinstance(rule, Not):
        return ~rule_expression(rule.rule, lazy, today)
    first, *others = (rule_expression(part, lazy, today) for part in rule.rules)
    for other in others:
        first = first & other if isinstance(rule, AllOf) else first | other
    return first


def _condition(condition: Condition, lazy: nw.LazyFrame[Any], today: np.datetime64) -> nw.Expr:
    import narwhals as nw

    value, known = _measured(condition, lazy.collect_schema()[condition.column], today)
    operator, asked = condition.operator, condition.value
    if operator == "missing":
        return ~known
    if condition.type == "date" and condition.measure == "value":
        days = [
            float(np.datetime64(day, "D").astype(np.int64)) for day in (asked if isinstance(asked, tuple) else (asked,))
        ]
        asked = tuple(days) if isinstance(asked, tuple) else days[0]
    if operator in {"true", "false"}:
        met = value if operator == "true" else ~value
    elif operator == "in":
        met = value.is_in(list(asked))
    elif operator == "between":
        met = (value >= asked[0]) & (value <= asked[1])
    else:
        met = _COMPARE[operator](value, asked)
    return nw.when(known & met).then(nw.lit(True)).otherwise(nw.lit(False)).cast(nw.Boolean)


def _number(day: Any) -> float:
    return float(np.datetime64(day, "D").astype(np.int64))


def _measured(condition: Condition, kind: Any, today: np.datetime64) -> tuple[nw.Expr, nw.Expr]:
    """Give what is compared, and whether it is known."""
    import narwhals as nw

    name = condition.column
    column = nw.col(name)
    fits = {
        "number": kind.is_numeric(),
        "text": isinstance(kind, nw.String | nw.Categorical | nw.Enum),
        "date": isinstance(kind, nw.Date | nw.Datetime),
        "flag": isinstance(kind, nw.Boolean) or kind.is_integer(),
    }
    if not fits[condition.type]:
        raise InputError(
            "customers", f"a frame whose column {name!r} is a {condition.type}, as in the rules", str(kind)
        )
    known = ~column.is_null()
    if condition.type == "number":
        number = column.cast(nw.Float64)
        return number, known & ~number.is_nan()
    if condition.type == "text":
        return column.cast(nw.String), known
    if condition.type == "flag":
        return column.cast(nw.Boolean), known
    if condition.measure == "value":
        return day_number(column), known
    if condition.measure == "days_ago":
        return float(today.astype(np.int64)) - day_number(column), known
    return _months_ago(column, today), known


def _months_ago(date: nw.Expr, today: np.datetime64) -> nw.Expr:
    """Whole months, as :func:`crmvalue._core.calendar.months_between` counts them: the end of a month is clamped."""
    import narwhals as nw

    month = today.astype("datetime64[M]")
    day = int((today - month.astype("datetime64[D]")).astype(np.int64)) + 1
    is_last = today + np.timedelta64(1, "D") == (month + np.timedelta64(1, "M")).astype("datetime64[D]")
    year = date.dt.year().cast(nw.Float64)
    months = float(month.astype(np.int64)) - ((year - 1970.0) * 12.0 + date.dt.month().cast(nw.Float64) - 1.0)
    if is_last:
        return months
    late = nw.when(date.dt.day().cast(nw.Float64) > float(day)).then(nw.lit(1.0)).otherwise(nw.lit(0.0))
    return months - late.cast(nw.Float64)


_COMPARE: dict[str, Any] = {
    "==": lambda value, asked: value == asked,
    "!=": lambda value, asked: value != asked,
    "<": lambda value, asked: value < asked,
    "<=": lambda value, asked: value <= asked,
    ">": lambda value, asked: value > asked,
    ">=": lambda value, asked: value >= asked,
}
