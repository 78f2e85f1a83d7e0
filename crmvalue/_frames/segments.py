"""Segments of the customers of a frame; :mod:`crmvalue.frames` is the public door.

In an engine, rules become expressions; a missing value meets no condition.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from crmvalue._core.checks import as_day
from crmvalue._frames.columns import require_other_names
from crmvalue._frames.customers import CustomerFrame, names_here, open_customers
from crmvalue._frames.engines import flag, ignores_case, in_engine, native, with_columns
from crmvalue._frames.log import plain_time
from crmvalue._frames.orders import day_number
from crmvalue._segmentation.membership import read_segments
from crmvalue._segmentation.rules import LEAST_STEP, ROUNDED, AllOf, Condition, Not, ends_of, rule_conditions
from crmvalue.errors import InputError
from crmvalue.segmentation import evaluate_segments

if TYPE_CHECKING:
    from collections.abc import Sequence

    import narwhals as nw

    from crmvalue._segmentation.rules import Rule
    from crmvalue.segmentation import Segment
    from crmvalue.typing import ArrayLike

__all__ = ["segments"]


def segments(customers: Any, rules: Sequence[Segment], *, as_of: ArrayLike | None = None) -> CustomerFrame:
    """Add one column of True and False for each segment.

    Parameters
    ----------
    customers : CustomerFrame, DataFrame or LazyFrame
        A result of this module, or a frame of your own.
    rules : sequence of Segment
        Segments with different names; their rules use the columns of the frame.
    as_of : date, optional
        Day of the evaluation; by default that of the frame.

    Returns
    -------
    CustomerFrame
        The same customers with a column for each segment, under its name.

    Raises
    ------
    InputError
        As :func:`crmvalue.segmentation.evaluate_segments`; if the name of a segment is that of a column, or no day is
        known.

    Notes
    -----
    The days of times with a time zone are those of :func:`summarise`.

    Examples
    --------
    >>> import pandas as pd
    >>> from crmvalue.segmentation import Segment, SegmentColumns
    >>> of = SegmentColumns({"total_spend": "number"})
    >>> customers = pd.DataFrame({"name": ["ann", "bob"], "total_spend": [900, 20]})
    >>> segments(customers, [Segment("vip", of["total_spend"] >= 500)], as_of="2024-06-30").frame
      name  total_spend    vip
    0  ann          900   True
    1  bob           20  False
    """
    with names_here({"segments": "rules"}):
        chosen = read_segments(rules)
    used = {condition.column for segment in chosen for condition in rule_conditions(segment.rule)}
    opened = open_customers(customers, tuple(sorted(used)), timed=False)
    taken = sorted({segment.name for segment in chosen} & set(opened.frame.collect_schema().names()))
    if taken:
        raise InputError("rules", "segments whose names are no columns of the frame", taken[0])
    if as_of is None and opened.known.as_of is None:
        raise InputError("as_of", "given for a frame of your own", None)
    today = as_day("as_of", opened.known.as_of if as_of is None else as_of)
    lazy = in_engine(opened.frame)
    result: Any
    if lazy is None:
        columns = {name: plain_time(opened.frame[name]).to_native() for name in used}
        members = evaluate_segments(chosen, columns, as_of=today)
        result = with_columns(opened.frame, {segment.name: members.members(segment.name) for segment in chosen})
        result = result.to_native()
    else:
        names = [segment.name for segment in chosen]
        require_other_names("customers", lazy, names)
        if ignores_case(lazy) and len({name.lower() for name in names}) < len(names):
            raise InputError("rules", "segments whose names differ in more than capitals", ", ".join(names))
        made = (_expression(segment.rule, lazy, today).alias(segment.name) for segment in chosen)
        result = native(lazy.with_columns(*made), opened.frame)
    return attrs.evolve(opened.known, frame=result)


def _expression(rule: Rule, lazy: nw.LazyFrame[Any], today: np.datetime64) -> nw.Expr:
    """Give True or False for each customer, never missing."""
    if isinstance(rule, Condition):
        return _condition(rule, lazy, today)
    if isinstance(rule, Not):
        return ~_expression(rule.rule, lazy, today)
    first, *others = (_expression(part, lazy, today) for part in rule.rules)
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
        asked = tuple(map(_number, asked)) if isinstance(asked, tuple) else _number(asked)
    if operator in {"true", "false"}:
        met = value if operator == "true" else ~value
    elif operator == "in":
        met = _is_in(value, asked) if condition.type == "number" else value.is_in(list(asked))
    elif condition.type == "text":
        met = value == asked if operator == "==" else value != asked
    else:
        low, high = (ends_of(end) for end in (asked if operator == "between" else (asked, asked)))
        met = _COMPARE[operator](value, (low[0], high[1]))
    return nw.when(known & met).then(nw.lit(True)).otherwise(nw.lit(False)).cast(nw.Boolean)


def _is_in(value: nw.Expr, asked: tuple[Any, ...]) -> nw.Expr:
    """Tell whether a number is one of those asked for, up to rounding; one test serves all whole numbers."""
    whole = [number for number in asked if number == math.floor(number)]
    nearest = value.round(0)
    away = (value - nearest).abs()
    met = nearest.is_in(whole) & (away <= ROUNDED * nearest.abs()) & (away <= LEAST_STEP)
    for low, high in (ends_of(number) for number in asked if number != math.floor(number)):
        met |= (value >= low) & (value <= high)
    return met


def _number(day: Any) -> float:
    """Give the number of a day, as :func:`crmvalue._frames.orders.day_number` counts."""
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
        "flag": isinstance(kind, nw.Boolean),
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
        return column, known
    if condition.measure == "value":
        return day_number(column), known
    if condition.measure == "days_ago":
        return _number(today) - day_number(column), known
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
    return months - flag(date.dt.day().cast(nw.Float64) > float(day)).cast(nw.Float64)


_COMPARE: dict[str, Any] = {  # with the ends of what counts as the value
    "==": lambda value, ends: (value >= ends[0]) & (value <= ends[1]),
    "!=": lambda value, ends: (value < ends[0]) | (value > ends[1]),
    "<": lambda value, ends: value < ends[0],
    "<=": lambda value, ends: value <= ends[1],
    ">": lambda value, ends: value > ends[1],
    ">=": lambda value, ends: value >= ends[0],
    "between": lambda value, ends: (value >= ends[0]) & (value <= ends[1]),
}
