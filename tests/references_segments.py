"""Rules as plain data: searched, and read row by row in plain Python, slow and made of nothing of crmvalue."""

from __future__ import annotations

import calendar
import datetime as dt
import math
import operator

from hypothesis import strategies as st

__all__ = ["conditions", "meets", "months_from", "rules"]


def moved(day, months):
    """Move a day by calendar months, clamped to the end of the month."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return dt.date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def months_from(day, as_of):
    """Count whole months from a day: the largest number that does not lead past `as_of`."""
    months = 12 * (as_of.year - day.year) + as_of.month - day.month + 1
    while moved(day, months) > as_of:
        months -= 1
    return months


def days_from(day, as_of):
    """Count days from a day."""
    return as_of.toordinal() - day.toordinal()


def is_missing(value):
    return value is None or (isinstance(value, float) and math.isnan(value))


def meets(fields, row, as_of):
    """Tell whether a customer (column: number, text, date, flag or None) meets a rule (as read from JSON)."""
    if "all" in fields:
        return all(meets(part, row, as_of) for part in fields["all"])
    if "any" in fields:
        return any(meets(part, row, as_of) for part in fields["any"])
    if "not" in fields:
        return not meets(fields["not"], row, as_of)
    known = row[fields["column"]]
    if fields["operator"] == "missing" or is_missing(known):
        return fields["operator"] == "missing" and is_missing(known)
    measure = fields.get("measure", "value")
    if measure != "value":
        known = {"days_ago": days_from, "months_ago": months_from}[measure](known, as_of)
    elif isinstance(known, dt.date):
        known = known.isoformat()  # four digits for the year, so that text compares as days do
    return COMPARISONS[fields["operator"]](known, fields.get("value"))


COMPARISONS = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "in": lambda known, values: any(known == value for value in values),
    "between": lambda known, pair: pair[0] <= known <= pair[1],
    "true": lambda known, _: known is True,
    "false": lambda known, _: known is False,
}


def conditions(column, kind, values, measure=None):
    """Search conditions on a column, as plain data."""
    fixed = {"column": st.just(column), "type": st.just(kind)} | ({"measure": st.just(measure)} if measure else {})
    plain = ["==", "!="] if kind == "text" else ["==", "!=", "<", "<=", ">", ">="]
    cases = [
        st.fixed_dictionaries({**fixed, "operator": st.sampled_from(plain), "value": values}),
        st.fixed_dictionaries({**fixed, "operator": st.just("in"), "value": st.lists(values, min_size=1, max_size=12)}),
        st.fixed_dictionaries({**fixed, "operator": st.just("missing")}),
    ]
    if kind != "text":
        pairs = st.tuples(values, values).map(sorted)
        cases.append(st.fixed_dictionaries({**fixed, "operator": st.just("between"), "value": pairs}))
    return st.one_of(cases)


def rules(leaves):
    """Search rules made of conditions, as plain data."""
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.lists(inner, min_size=1, max_size=4).map(lambda parts: {"all": parts}),
            st.lists(inner, min_size=1, max_size=4).map(lambda parts: {"any": parts}),
            inner.map(lambda part: {"not": part}),
        ),
        max_leaves=8,
    )
