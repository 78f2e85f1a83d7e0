"""Scores, tables, stages and tiers a second time: by loops, in whole numbers, without any of the package's code."""

from __future__ import annotations

import calendar
import datetime as dt
import math
import operator
from calendar import monthrange
from fractions import Fraction

from hypothesis import strategies as st
from scipy.stats import rankdata

__all__ = [
    "TABLE_A",
    "TABLE_B",
    "TABLE_D",
    "NeverSearched",
    "calendar_months_later",
    "conditions",
    "group_in_table",
    "meets",
    "months_from",
    "rank_scores",
    "rules",
    "tiers_by_loops",
]

TABLE_A = {
    "Champions": "55 54 45",
    "Loyal": "53 44 35 34",
    "Potential Loyalist": "52 42 33 43",
    "New": "51",
    "Promising": "41 31",
    "Need Attention": "32 23 22",
    "About To Sleep": "21",
    "At Risk": "25 24 13",
    "Can't Lose Them": "15 14",
    "Hibernating": "12",
    "Lost": "11",
}
"""Known answers, table A: recency, then the mean of frequency and money rounded half up."""

TABLE_B = {
    "Champions": "555 554 544 545 454 455 445",
    "Loyal": "543 444 435 355 354 345 344 335",
    "Potential Loyalist": "553 551 552 541 542 533 532 531 452 451 442 441 431 453 433 432 423 353 352 351 342 341 "
    "333 323",
    "New": "512 511 422 421 412 411 311",
    "Promising": "525 524 523 522 521 515 514 513 425 424 413 414 415 315 314 313",
    "Need Attention": "535 534 443 434 343 334 325 324",
    "About To Sleep": "331 321 312 221 213 231 241 251",
    "At Risk": "255 254 245 244 253 252 243 242 235 234 225 224 153 152 145 143 142 135 134 133 125 124",
    "Can't Lose Them": "155 154 144 214 215 115 114 113",
    "Hibernating": "332 322 233 232 223 222 132 123 122 212 211",
    "Lost": "111 112 121 131 141 151",
}
"""Known answers, table B, as it is widely copied."""

TABLE_D = {
    "Champions": "54 55",
    "Loyal": "34 35 44 45",
    "Potential Loyalist": "42 43 52 53",
    "New": "51",
    "Promising": "41",
    "Need Attention": "33",
    "About To Sleep": "31 32",
    "At Risk": "13 14 23 24",
    "Can't Lose Them": "15 25",
    "Hibernating": "11 12 21 22",
}
"""Known answers, table D, its ranges written out: recency and frequency."""


def rank_scores(value, n_bins):
    """Score each value, 1 + floor(k (mean rank - 1/2) / n), largest best; twice a mean rank is a whole number."""
    twice = [round(2 * rank) for rank in rankdata(value, method="average").tolist()]
    return [1 + n_bins * (rank - 1) // (2 * len(twice)) for rank in twice]


def group_in_table(preset, r, f, m):
    """Look a cell up in the known answers."""
    table, key = {
        "A": (TABLE_A, f"{r}{int(Fraction(f + m, 2) + Fraction(1, 2))}"),
        "B": (TABLE_B, f"{r}{f}{m}"),
        "D": (TABLE_D, f"{r}{f}"),
    }[preset]
    (group,) = [name for name, cells in table.items() if key in cells.split()]
    return group


def calendar_months_later(day, months):
    """Give the same day some months later, or the last of that month."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return dt.date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def tiers_by_loops(values, limits, by):
    """Place of each customer's tier: the first whose limit is above the share of those who are strictly better."""
    weight = [Fraction(1) if by == "customer_share" else Fraction(value) for value in values]
    tiers = []
    for mine in values:
        ahead = sum(w for value, w in zip(values, weight, strict=True) if value > mine) / sum(weight)
        tiers.append(sum(Fraction(limit) <= ahead for limit in limits))
    return tiers


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


class NeverSearched(tuple):
    """Names that may be gone through, but not searched: a search for each name takes the square of their number."""

    __slots__ = ()

    def __contains__(self, item):
        raise AssertionError(f"a search through all names for {item}")

    def index(self, item, *_):
        raise AssertionError(f"a search through all names for {item}")
