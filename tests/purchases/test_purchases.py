"""From an order log to one row per customer: against a slow reference, published figures and the words of the docs."""

from __future__ import annotations

import datetime as dt
import importlib.util
import math
import warnings
from functools import cache, partial
from pathlib import Path

import attrs
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from crmvalue._core.encoding import keys
from crmvalue._purchases import history as history_room
from crmvalue._purchases.order_log import main_span
from crmvalue.datasets import load_cdnow
from crmvalue.errors import DataWarning, InputError
from crmvalue.models import TimeVaryingHistory
from crmvalue.purchases import (
    DAYS_PER_UNIT,
    OrderLogCounts,
    PurchaseHistory,
    split_purchases,
    summarise_purchases,
)
from tests.purchases.references import Row, log_columns, split_slowly, summarise_slowly

COLUMNS = ("customer", "frequency", "recency", "age", "mean_repeat_spend", "total_spend")
UNITS = tuple(DAYS_PER_UNIT)

# --- searched logs -----------------------------------------------------------------------------------------------

CUSTOMERS = {
    "small": (1, 2, 3, 4, 5),
    "negative": (-7, -2, 0, 3, 9),
    "sparse": (5, 10**6, 10**12, 2**53 + 1, 2**62),
    "text": ("a", "B", "ab", "Ž-1", "10", "9"),
}
ANCHORS = (dt.date(2024, 2, 20), dt.date(1969, 12, 20), dt.date(1900, 2, 20), dt.date(1582, 10, 1), dt.date(9999, 1, 1))
cents = st.sampled_from((5.0, 5.0, 4e-16, 10.0, 0.1, 0.2, 0.3, 0.0, -5.0, -10.0, -0.3, -0.1, -25.0, None, math.nan)) | (
    st.integers(-10_000, 1_000_000).map(lambda n: n / 100)
)
decimals = st.sampled_from((0.0, 1 / 3, None, -1 / 7, 1e-6, 123456.789)) | st.floats(1e-6, 1e9)


@st.composite
def logs(draw, amounts=cents, max_size=25, *, crowded=False):
    """Rows close together around an anchor, now and then far away, so that ties are frequent.

    In a crowded log two customers buy on three days, so that nearly every row is tied.
    """
    anchor = draw(st.sampled_from(ANCHORS))
    kind = draw(st.sampled_from(list(CUSTOMERS)))
    return draw(rows_around(anchor, kind, amounts, max_size, crowded))


@cache
def rows_around(anchor, kind, amounts, max_size, crowded):
    offset = st.integers(0, 2) if crowded else st.integers(0, 12) | st.integers(0, 300)
    day = offset.map(lambda n: anchor + dt.timedelta(days=n))
    row = st.builds(Row, st.sampled_from(CUSTOMERS[kind][: 2 if crowded else None]), day, amounts)
    return st.lists(row, min_size=1, max_size=max_size)


def policies():
    return st.fixed_dictionaries(
        {
            "time_unit": st.sampled_from(UNITS),
            "grain": st.sampled_from(("day", "week")),
            "refunds": st.sampled_from(("net", "net", "drop", "raise")),
            "zeros": st.sampled_from(("keep", "keep", "drop", "raise")),
            "missing": st.sampled_from(("drop", "drop", "raise")),
            "duplicates": st.sampled_from(("keep", "keep", "keep", "drop", "drop", "raise")),
        }
    )


@st.composite
def days_near(draw, rows):
    """Find a day before, inside or after the log, or None."""
    dates = sorted({row.date for row in rows})
    near = st.integers(-3, 40).map(lambda n: min(dates[0] + dt.timedelta(days=n), dt.date(9999, 12, 31)))
    return draw(st.none() | st.sampled_from(dates) | near)


def lenient(options):
    """Give the same options without a policy that raises."""
    milder = {"refunds": "net", "zeros": "keep", "missing": "drop", "duplicates": "keep"}
    return {name: milder[name] if value == "raise" else value for name, value in options.items()}


def check_against(plain, history):
    """Compare a history with the slow one; times and counts exactly, money to a few roundings."""
    assert history.customer.tolist() == plain.customer
    assert history.frequency.tolist() == plain.frequency
    assert history.recency.tolist() == plain.recency
    assert history.age.tolist() == plain.age
    assert history.days_since_last.tolist() == plain.days_since_last
    np.testing.assert_allclose(history.mean_repeat_spend, plain.mean_repeat_spend, rtol=1e-13)
    np.testing.assert_allclose(history.total_spend, plain.total_spend, rtol=1e-13)
    check_counts(plain.counts, history.counts)


def check_counts(plain, counts):
    exact = {name: value for name, value in attrs.asdict(plain).items() if name != "unmatched_refunds"}
    assert {name: getattr(counts, name) for name in exact} == exact
    assert counts.unmatched_refunds == pytest.approx(plain.unmatched_refunds, rel=1e-12)
    assert repr(counts.unmatched_refunds) != "-0.0"


def same_up_to_rounding(left, right):
    """Whether two histories agree bit for bit except in money, and there to 1e-12."""
    for name in ("customer", "frequency", "recency", "age"):
        np.testing.assert_array_equal(getattr(left, name), getattr(right, name))
    for name in ("mean_repeat_spend", "total_spend"):
        np.testing.assert_allclose(getattr(left, name), getattr(right, name), rtol=1e-12)


# --- tables ---------------------------------------------------------------------------------------------------

# Each row: what happens, the log of one customer beside another who buys for 1, then what is left of the first.
# `kept` are the days of the purchases left, `spend` their money.
NETTING = {
    "same day": ([("2024-01-01", 10), ("2024-01-01", -4)], ["2024-01-01"], 6, 0, 0),
    "before the purchase, same day": ([("2024-01-01", -4), ("2024-01-01", 10)], ["2024-01-01"], 6, 0, 0),
    "later": ([("2024-01-01", 10), ("2024-02-01", -4)], ["2024-01-01"], 6, 0, 0),
    "latest first": (
        [("2024-01-01", 10), ("2024-01-05", 10), ("2024-02-01", -4)], ["2024-01-01", "2024-01-05"], 16, 0, 0,
    ),
    "rest to the one before": (
        [("2024-01-01", 10), ("2024-01-05", 10), ("2024-02-01", -14)], ["2024-01-01"], 6, 1, 0,
    ),
    "never off a later purchase": (
        [("2024-01-01", 10), ("2024-01-05", -25), ("2024-02-01", 40)], ["2024-02-01"], 40, 1, -15,
    ),
    "before any purchase": ([("2024-01-01", -5), ("2024-02-01", 40)], ["2024-02-01"], 40, 0, -5),
    "all of the money": ([("2024-01-01", 10), ("2024-02-01", -10)], [], 0, 1, 0),
    "more than the money": ([("2024-01-01", 10), ("2024-02-01", -12)], [], 0, 1, -2),
    "two refunds of one purchase": (
        [("2024-01-01", 10), ("2024-01-02", -5), ("2024-01-03", -5)], [], 0, 1, 0,
    ),
    "nested": (
        [("2024-01-01", 10), ("2024-01-02", 20), ("2024-01-03", -20), ("2024-01-04", 30), ("2024-01-05", -35)],
        ["2024-01-01"], 5, 2, 0,
    ),
    "free purchases pay nothing": (
        [("2024-01-01", 10), ("2024-01-02", 0), ("2024-01-03", -4)], ["2024-01-01", "2024-01-02"], 6, 0, 0,
    ),
    "first purchase cancelled": (
        [("2024-01-01", 10), ("2024-01-02", -10), ("2024-01-05", 3)], ["2024-01-05"], 3, 1, 0,
    ),
    "tenths": ([("2024-01-01", 0.1), ("2024-01-01", 0.2), ("2024-01-02", -0.3)], [], 0, 1, 0),
}  # fmt: skip

DATES = (dt.date(1969, 12, 31), dt.date(2024, 2, 29), dt.date(2024, 2, 29))
TEXT = ["1969-12-31", "2024-02-29", "2024-02-29"]
TIMES = (dt.datetime(1969, 12, 31, 23, 59, 59, 999_999), *[dt.datetime(2024, 2, 29, 0, 0, 1)] * 2)
DATE_KINDS = {
    "datetime64[D]": np.array(DATES, dtype="datetime64[D]"),
    "datetime64[us]": np.array(TIMES, dtype="datetime64[us]"),
    "datetime64[ns]": np.array(TIMES, dtype="datetime64[ns]"),
    "dates": list(DATES),
    "datetimes": list(TIMES),
    "ISO text": TEXT,
    "ISO text with a time": ["1969-12-31T23:59", "2024-02-29 00:00:01", "2024-02-29"],
    "pandas": pd.Series(pd.to_datetime(list(TIMES))),
    "pandas text": pd.Series(TEXT),
    "pandas string": pd.Series(TEXT, dtype="string"),
    "pandas categorical text": pd.Series(TEXT, dtype="category"),
    "pandas categorical times": pd.Series(pd.to_datetime(list(TIMES))).astype("category"),
    "pandas arrow": pd.Series(DATES, dtype=pd.ArrowDtype(pa.date32())),
    "polars date": pl.Series(DATES),
    "polars datetime": pl.Series(TIMES),
    "polars text": pl.Series(TEXT),
    "polars categorical": pl.Series(TEXT, dtype=pl.Categorical),
    "arrow date32": pa.array(DATES),
    "arrow date64": pa.array(DATES, pa.date64()),
    "arrow timestamp": pa.array(TIMES),
    "arrow text": pa.array(TEXT),
    "arrow dictionary": pa.array(TEXT).dictionary_encode(),
    "arrow chunks": pa.chunked_array([pa.array(DATES[:2]), pa.array(DATES[2:])]),
}

UTC = [time.replace(tzinfo=dt.UTC) for time in TIMES]
ZONED = {
    "datetimes": UTC,
    "pandas": pd.Series(pd.to_datetime(UTC)),
    "pandas categorical": pd.Series(pd.to_datetime(UTC)).astype("category"),
    "polars": pl.Series(UTC),
    "arrow": pa.array(UTC),
    "arrow chunks": pa.chunked_array([pa.array(UTC)]),
    "text": ["2024-01-01T00:00Z"] * 3,
}

AMOUNT_KINDS = {
    "integers": [3, 4, 5],
    "pandas nullable": pd.Series([3, 4, 5], dtype="Int64"),
    "pandas arrow": pd.Series([3, 4, 5], dtype="double[pyarrow]"),
    "polars": pl.Series([3.0, 4.0, 5.0]),
    "polars decimal": pl.Series(["3", "4", "5"]).cast(pl.Decimal(10, 2)),
    "arrow": pa.array([3, 4, 5]),
}

MISSING_KINDS = {
    "NaN": [3, np.nan, 5],
    "None": [3, None, 5],
    "pandas": pd.Series([3, None, 5]),
    "pandas nullable": pd.Series([3, None, 5], dtype="Int64"),
    "polars": pl.Series([3, None, 5]),
    "arrow": pa.array([3, None, 5]),
}

GOOD_LOG = {"customer": [1, 1, 2], "date": ["2024-01-01", "2024-02-01", "2024-01-05"], "amount": [5.0, 6.0, 7.0]}
# what is changed, then the name and the index in the error
REJECTIONS = [
    ({"customer": []}, "date", None),
    ({"customer": [], "date": [], "amount": []}, "customer", None),
    ({"customer": [1, 1]}, "date", None),
    ({"customer": 1}, "customer", None),
    ({"customer": [[1, 1, 2]]}, "customer", None),
    ({"customer": [[1], [1, 2], [3]]}, "customer", None),
    ({"customer": [1, None, 2]}, "customer", 1),
    ({"customer": [1, np.nan, 2]}, "customer", 1),
    ({"customer": ["a", np.nan, "b"]}, "customer", 1),
    ({"customer": ["a", "b", 2]}, "customer", 2),
    ({"customer": ["a", "", "b"]}, "customer", 1),
    ({"customer": [1.0, 1.0, 2.5]}, "customer", 2),
    ({"date": ["2024-01-01", "2024-02-30", "2024-01-05"]}, "date", 1),
    ({"date": ["2024-01-01", None, "2024-01-05"]}, "date", 1),
    ({"date": ["2024-01-01", "01.02.2024", "2024-01-05"]}, "date", 1),
    ({"date": [19_000, 19_001, 19_002]}, "date", 0),
    ({"date": np.array(["2024-01", "2024-02", "2024-03"], dtype="datetime64[M]")}, "date", None),
    ({"date": [["2024-01-01"], ["2024-02-01"], ["2024-01-05"]]}, "date", None),
    ({"date": "2024-01-01"}, "date", None),
    ({"date": ["2024-01-01"]}, "date", None),
    ({"amount": [5.0, np.nan, 7.0]}, "amount", 1),
    ({"amount": [5.0, None, 7.0]}, "amount", 1),
    ({"amount": [5.0, np.inf, 7.0]}, "amount", 1),
    ({"amount": [5.0, np.inf, 7.0], "missing": "drop"}, "amount", 1),
    ({"amount": [5.0, 6.0, -7.0]}, "amount", 2),
    ({"amount": [5.0, 0.0, 7.0], "zeros": "raise"}, "amount", 1),
    ({"amount": ["5", "6", "7"]}, "amount", 0),
    ({"amount": [5.0, 6.0]}, "amount", None),
    ({"amount": [[5.0], [6.0], [7.0]]}, "amount", None),
    ({"amount": 5.0}, "amount", None),
    ({"amount": [0.0, 0.0, 0.0], "zeros": "drop"}, "amount", None),
    ({"amount": [-1.0, -1.0, -1.0], "refunds": "net"}, "amount", None),
    ({"time_unit": "weeks"}, "time_unit", None),
    ({"time_unit": None}, "time_unit", None),
    ({"grain": "month"}, "grain", None),
    ({"refunds": "keep"}, "refunds", None),
    ({"zeros": "net"}, "zeros", None),
    ({"missing": "keep"}, "missing", None),
    ({"missing": ["drop"]}, "missing", None),
    ({"duplicates": "net"}, "duplicates", None),
]

ENDS = [
    ({"as_of": "2023-12-31"}, "as_of", None),
    ({"as_of": "tomorrow"}, "as_of", None),
    ({"as_of": "2024-02"}, "as_of", None),
    ({"as_of": np.datetime64("NaT", "D")}, "as_of", None),
    ({"as_of": 20_000}, "as_of", None),
    ({"as_of": ["2024-03-01"]}, "as_of", None),
    ({"as_of": dt.datetime(2024, 3, 1, tzinfo=dt.UTC)}, "as_of", None),
]

SUMMARY = {"frequency": [2, 0], "recency": [30.43, 0], "age": [38.86, 40], "time_unit": "week"}


class TestSummarisePurchases:
    """`summarise_purchases`: x repeat purchases, t_x from the first to the last, T from the first to the end."""

    @given(st.data())
    @settings(max_examples=400)
    def test_equals_the_slow_reference(self, data):
        rows = data.draw(logs())
        options = data.draw(policies())
        as_of = data.draw(days_near(rows))
        try:
            plain = summarise_slowly(rows, as_of=as_of, **options)
        except ValueError:  # a policy forbids a row
            with pytest.raises(InputError) as caught:
                summarise_purchases(*log_columns(rows), as_of=as_of, **options)
            assert caught.value.name == ("date" if "earlier copy" in caught.value.rule else "amount")
            return
        if not plain.customer:
            too_early = as_of is not None and as_of < min(row.date for row in rows)
            with pytest.raises(InputError, match="first date of the log" if too_early else "no purchase") as caught:
                summarise_purchases(*log_columns(rows), as_of=as_of, **options)
            assert caught.value.name == ("as_of" if too_early else "amount")
            return
        check_against(plain, summarise_purchases(*log_columns(rows), as_of=as_of, **options))

    @given(logs(decimals.filter(lambda amount: amount is None or amount >= 0)), policies())
    def test_equals_the_slow_reference_for_other_amounts_than_cents(self, rows, options):
        options = lenient(options)
        plain = summarise_slowly(rows, **options)
        assume(plain.customer)
        check_against(plain, summarise_purchases(*log_columns(rows), **options))

    @given(logs(), policies())
    def test_without_amounts_every_row_is_a_purchase(self, rows, options):
        rows, options = [attrs.evolve(row, amount=1.0) for row in rows], lenient(options)
        plain = summarise_slowly(rows, **options)
        customer, date, _ = log_columns(rows)
        history = summarise_purchases(customer, date, **options)
        for name in ("customer", "frequency", "recency", "age", "days_since_last"):
            assert getattr(history, name).tolist() == getattr(plain, name)
        assert history.mean_repeat_spend is history.total_spend is history.mean_spend is None
        check_counts(plain.counts, history.counts)

    @given(st.data())
    def test_order_of_rows_never_matters(self, data):
        """Amounts in whole cents add up exactly, so the results are equal bit for bit."""
        rows = data.draw(logs(max_size=40) | logs(max_size=40, crowded=True))
        options = lenient(data.draw(policies()))
        as_of = max(row.date for row in rows)
        assume(summarise_slowly(rows, as_of=as_of, **options).customer)
        shuffled = data.draw(st.permutations(rows))
        one = summarise_purchases(*log_columns(rows), as_of=as_of, **options)
        other = summarise_purchases(*log_columns(shuffled), as_of=as_of, **options)
        assert one == other
        for name in COLUMNS:
            assert getattr(one, name).tobytes() == getattr(other, name).tobytes()

    @pytest.mark.parametrize(
        ("day", "amount", "options"),
        [
            ("2024-01-01", None, {"missing": "drop"}),
            ("2024-02-01", 0.3 + 1e-9, {}),
            ("2024-01-01", -0.3 - 1e-9, {"refunds": "drop"}),
        ],
    )
    def test_rows_that_are_left_out_do_not_make_sums_inexact(self, day, amount, options):
        """In binary, 5 + 5 + 5 + 5 + 0.01 is 20.01 or 20.009999999999998, as the order has it."""
        for amounts in ([5, 5, 5, 5, 0.01], [0.01, 5, 5, 5, 5]):
            days = ["2024-01-01"] * 5 + [day]
            history = summarise_purchases([1] * 6, days, [*amounts, amount], as_of="2024-01-31", **options)
            assert history.total_spend.tolist() == [20.01]

    @given(st.data())
    def test_order_of_rows_matters_by_rounding_only_for_other_amounts(self, data):
        """A sum of n positive doubles is off by at most n roundings of 1.1e-16, whatever the order."""
        amounts = st.floats(1e-3, 1e6)
        rows = data.draw(logs(amounts, max_size=40, crowded=data.draw(st.booleans())))
        shuffled = data.draw(st.permutations(rows))
        same_up_to_rounding(summarise_purchases(*log_columns(rows)), summarise_purchases(*log_columns(shuffled)))

    @given(st.data())
    def test_every_row_is_counted_once_and_money_is_conserved(self, data):
        rows = data.draw(logs())
        options = lenient(data.draw(policies()))
        as_of = data.draw(days_near(rows))
        assume(summarise_slowly(rows, as_of=as_of, **options).customer)
        history = summarise_purchases(*log_columns(rows), as_of=as_of, **options)
        n = history.counts
        assert n.n_rows == len(rows)
        assert n.n_rows == (
            n.n_rows_after_as_of + n.n_missing + n.n_duplicates_dropped + n.n_refunds_dropped + n.n_zeros_dropped
            + n.n_refunds_netted + n.n_purchase_rows
        )  # fmt: skip
        assert n.n_purchases == history.n_purchases.sum() == (history.frequency + 1).sum()
        assert n.n_purchases + n.n_purchases_cancelled <= n.n_purchase_rows
        everyone = len({row.customer for row in rows})
        assert everyone == len(history) + n.n_customers_without_purchase + n.n_customers_after_as_of
        last = max(row.date for row in rows) if as_of is None else as_of
        used = [
            round(row.amount * 100) for row in (dict.fromkeys(rows) if options["duplicates"] == "drop" else rows)
            if row.date <= last and row.amount is not None and not math.isnan(row.amount)
            and not (row.amount < 0 and options["refunds"] == "drop")
        ]  # fmt: skip
        spent = round(math.fsum(history.total_spend) * 100) + round(n.unmatched_refunds * 100)
        assert spent == sum(used)
        repeat = np.where(history.frequency > 0, history.mean_repeat_spend * history.frequency, 0.0)
        assert np.all(repeat <= history.total_spend * (1 + 1e-12))

    @given(logs(), policies())
    def test_columns_agree_with_each_other(self, rows, options):
        options = lenient(options)
        assume(summarise_slowly(rows, **options).customer)
        history = summarise_purchases(*log_columns(rows), **options)
        assert np.all((history.recency >= 0) & (history.recency <= history.age))
        assert np.array_equal(history.recency > 0, history.frequency > 0)
        assert np.array_equal(np.isnan(history.mean_repeat_spend), history.frequency == 0)
        assert np.all(history.days_since_last == np.rint(history.days_since_last))
        np.testing.assert_array_equal(history.mean_spend, history.total_spend / (history.frequency + 1))
        ids = history.customer.tolist()
        assert ids == sorted(set(ids))
        whole = summarise_purchases(*log_columns(rows), **{**options, "time_unit": "day"})
        np.testing.assert_array_equal(history.recency, whole.recency / DAYS_PER_UNIT[options["time_unit"]])
        np.testing.assert_array_equal(history.age, whole.age / DAYS_PER_UNIT[options["time_unit"]])

    @given(st.lists(st.integers(1, 60).map(lambda n: 5.0 * n), min_size=1, max_size=30), st.integers(0, 2000))
    def test_one_refund_is_taken_off_the_latest_purchases_first(self, amounts, refund):
        """What is left after a refund of R is the log cut where the newest R are gone."""
        days = np.datetime64("2023-01-01") + np.arange(len(amounts) + 1)
        left, kept = float(refund), list(amounts)
        while kept and left >= kept[-1]:
            left -= kept.pop()
        if kept:
            kept[-1] -= left
        log = ([7] * (len(amounts) + 1) + [8], np.append(days, days[0]), [*amounts, -float(refund), 1.0])
        history = summarise_purchases(*log, refunds="net", zeros="drop", time_unit="day")
        row = history.customer.tolist().index(7) if kept else None
        assert history.counts.n_purchases_cancelled == len(amounts) - len(kept)
        if row is None:
            assert history.customer.tolist() == [8]
            assert history.counts.unmatched_refunds == -left
        else:
            assert history.frequency[row] == len(kept) - 1
            assert history.recency[row] == len(kept) - 1
            assert history.total_spend[row] == sum(kept)

    def test_a_refund_reaches_back_through_a_long_past(self):
        n = 20_000
        date = np.append(np.datetime64("1960-01-01") + np.arange(n), np.datetime64("2100-01-01"))
        history = summarise_purchases(
            np.append(np.zeros(n, dtype=int), 0),
            date,
            np.append(np.ones(n), -(n - 1.5)),
            refunds="net",
            as_of="2100-01-01",
        )
        assert history.n_purchases.tolist() == [2.0]
        assert history.total_spend.tolist() == [1.5]
        assert history.counts.n_purchases_cancelled == n - 2

    @pytest.mark.parametrize(("log", "kept", "spend", "n_cancelled", "unmatched"), NETTING.values(), ids=NETTING)
    @pytest.mark.parametrize("scale", [1.0, 1 / 3], ids=["cents", "thirds"])
    def test_netting(self, log, kept, spend, n_cancelled, unmatched, scale):
        date = ["2024-01-01", *(day for day, _ in log)]
        amount = [1.0, *(scale * money for _, money in log)]
        history = summarise_purchases([9] + [1] * len(log), date, amount, as_of="2024-03-01", refunds="net")
        assert history.counts.n_purchases_cancelled == n_cancelled
        assert history.counts.unmatched_refunds == pytest.approx(scale * unmatched, rel=1e-14)
        assert history.customer.tolist() == ([1, 9] if kept else [9])
        if kept:
            days = np.array(kept, dtype="datetime64[D]").astype(int)
            assert history.frequency[0] == len(kept) - 1
            assert history.recency[0] == (days[-1] - days[0]) / 7
            assert history.total_spend[0] == pytest.approx(scale * spend, rel=1e-14)

    def test_netting_by_week_reaches_back_to_the_monday(self):
        # A refund on Tuesday finds a purchase on Thursday of its week, but not one on the Monday after.
        for day, unmatched in (("2024-01-04", 0.0), ("2024-01-08", -4.0)):
            history = summarise_purchases(["a", "a"], ["2024-01-02", day], [-4, 10], grain="week", refunds="net")
            assert history.counts.unmatched_refunds == unmatched

    def test_weeks_begin_on_monday(self):
        # 1 January 2024 is a Monday; 31 December 1969 a Wednesday.
        history = summarise_purchases(
            [1, 1, 1, 2, 2], ["2024-01-01", "2024-01-07", "2024-01-08", "1969-12-29", "1970-01-04"], grain="week"
        )
        assert history.frequency.tolist() == [1.0, 0.0]
        assert history.recency.tolist() == [1.0, 0.0]
        assert history.age[0] == 1.0

    def test_what_is_small_beside_the_first_purchase_is_not_lost(self):
        # The total minus the first purchase would be 0.00097656 here.
        history = summarise_purchases([1, 1], ["2024-01-01", "2024-01-02"], [1e12 / 3, 0.001])
        assert history.mean_repeat_spend.tolist() == [0.001]

    @pytest.mark.parametrize(("unit", "days"), [("day", 1), ("week", 7), ("month", 30.4375), ("quarter", 91.3125),
                                                ("year", 365.25)])  # fmt: skip
    def test_time_units_are_rulers(self, unit, days):
        history = summarise_purchases([1, 1], ["2023-02-28", "2024-02-29"], as_of="2024-03-01", time_unit=unit)
        assert history.recency.tolist() == [366 / days]
        assert history.age.tolist() == [367 / days]
        assert history.days_since_last.tolist() == [1.0]
        assert history.time_unit == unit
        assert DAYS_PER_UNIT[unit] == days

    def test_policy_of_rows_after_the_end_does_not_matter(self):
        log = ([1, 1, 2, 1], ["2024-01-01", "2024-02-01", "2024-02-01", "2024-02-01"], [5, -1, np.nan, 0])
        history = summarise_purchases(*log, as_of="2024-01-31", zeros="raise")
        assert history.counts == OrderLogCounts(
            n_rows=4, n_rows_after_as_of=3, n_customers_after_as_of=1, n_purchase_rows=1, n_purchases=1
        )

    def test_arguments_are_left_alone(self):
        for n in (1, 3):
            log = {"customer": np.arange(n), "date": np.arange(n).astype("datetime64[D]"), "amount": np.arange(n) + 1.5}
            before = {name: column.copy() for name, column in log.items()}
            history = summarise_purchases(**log)
            for name, column in log.items():
                assert column.flags.writeable
                np.testing.assert_array_equal(column, before[name])
                column[:] = column[::-1].copy() if n > 1 else (column.view(np.int64) + 1).view(column.dtype)
            assert history == summarise_purchases(**before)

    def test_large_logs_equal_the_same_rows_in_numpy(self):
        """A second plain way for sizes that the slow reference does not reach: sort, then cut."""
        rng = np.random.default_rng(5)
        n = 50_000
        customer, day = rng.integers(-40, 9_000, n), rng.integers(-400, 300, n)
        amount = rng.integers(0, 9_999, n) / 100
        table = pd.DataFrame({"c": customer, "d": day, "a": amount}).groupby(["c", "d"])["a"].sum().reset_index()
        grouped = table.groupby("c")
        history = summarise_purchases(
            customer, day.astype("datetime64[D]"), amount, as_of="1970-12-31", time_unit="day"
        )
        np.testing.assert_array_equal(history.customer, grouped["d"].min().index)
        np.testing.assert_array_equal(history.frequency, grouped.size() - 1)
        np.testing.assert_array_equal(history.recency, grouped["d"].max() - grouped["d"].min())
        np.testing.assert_array_equal(history.age, 364 - grouped["d"].min())
        np.testing.assert_allclose(history.total_spend, grouped["a"].sum(), rtol=1e-12, atol=1e-12)
        repeat = table[table["c"].duplicated()].groupby("c")["a"].mean().reindex(history.customer)
        np.testing.assert_allclose(history.mean_repeat_spend, repeat, rtol=1e-12, atol=1e-12)

    @pytest.mark.parametrize("date", DATE_KINDS.values(), ids=DATE_KINDS)
    def test_dates_of_every_kind(self, date):
        history = summarise_purchases([1, 1, 2], date, [1, 2, 3], as_of=dt.date(2024, 3, 1), time_unit="day")
        assert history.recency.tolist() == [19_783.0, 0.0]  # 54 years with 14 leap days (1972 to 2024), and 59 days
        assert history.age.tolist() == [19_784.0, 1.0]

    @pytest.mark.parametrize("date", ZONED.values(), ids=ZONED)
    def test_times_with_a_zone_are_refused(self, date):
        with pytest.raises(InputError) as caught:
            summarise_purchases([1, 1, 2], date)
        assert caught.value.name == "date"

    @pytest.mark.parametrize(
        "as_of",
        [
            "2024-03-01",
            dt.date(2024, 3, 1),
            dt.datetime(2024, 3, 1, 23, 59),
            np.datetime64("2024-03-01T12", "ns"),
            pd.Timestamp("2024-03-01 01:00"),
        ],
    )
    def test_as_of_of_every_kind(self, as_of):
        history = summarise_purchases([1], ["2024-02-29"], as_of=as_of, time_unit="day")
        assert history.age.tolist() == [1.0]
        assert history.as_of == np.datetime64("2024-03-01")

    @pytest.mark.parametrize("amount", AMOUNT_KINDS.values(), ids=AMOUNT_KINDS)
    def test_amounts_of_every_kind(self, amount):
        history = summarise_purchases([1, 1, 2], ["2024-01-01", "2024-01-02", "2024-01-03"], amount)
        assert history.total_spend.tolist() == [7.0, 5.0]

    @pytest.mark.parametrize("amount", MISSING_KINDS.values(), ids=MISSING_KINDS)
    def test_missing_amounts_of_every_kind(self, amount):
        log = ([1, 1, 2], ["2024-01-01", "2024-01-02", "2024-01-03"], amount)
        assert summarise_purchases(*log, missing="drop").counts.n_missing == 1
        with pytest.raises(InputError) as caught:
            summarise_purchases(*log)
        assert (caught.value.name, caught.value.index) == ("amount", 1)

    @pytest.mark.parametrize(("change", "name", "index"), REJECTIONS + ENDS)
    def test_rejections(self, change, name, index):
        summarise_purchases(**GOOD_LOG)
        with pytest.raises(InputError) as caught:
            summarise_purchases(**{**GOOD_LOG, **change})
        assert (caught.value.name, caught.value.index) == (name, index)


GAPS = {
    "lists": list,
    "object arrays": lambda items: np.array(items, dtype=object),
    "pandas": pd.Series,
    "polars": pl.Series,
    "arrow": pa.array,
}
NOBODY = {
    "text": ["ann", None, "bob", "ann", "", "eve"],
    "numbers": [7, None, 3, 7, None, 5],
}


class TestMissingCustomersAndDates:
    """`missing="drop"`: the same as the log without the rows that lack a customer or a date."""

    DATE = ("2024-01-01", "2024-01-02", None, "2024-02-01", None, "2024-01-09")
    AMOUNT = (10.0, 20.0, 30.0, 40.0, 50.0, None)

    @pytest.mark.parametrize("make", GAPS.values(), ids=GAPS)
    @pytest.mark.parametrize("ids", NOBODY.values(), ids=NOBODY)
    def test_rows_are_left_out_and_counted(self, ids, make):
        date = [None if day is None else dt.date.fromisoformat(day) for day in self.DATE]
        history = summarise_purchases(make(ids), make(date), list(self.AMOUNT), missing="drop")
        bare = summarise_purchases([ids[0], ids[3]], ["2024-01-01", "2024-02-01"], [10.0, 40.0])
        for name in COLUMNS:
            np.testing.assert_array_equal(getattr(history, name), getattr(bare, name))
        n = history.counts
        assert (n.n_rows, n.n_without_customer, n.n_without_date, n.n_missing, n.n_purchase_rows) == (6, 2, 1, 1, 2)
        assert n.n_customers_after_as_of == 0

    @given(
        st.lists(
            st.tuples(
                st.sampled_from(("a", "b", "c", None, " ")),
                st.sampled_from(("2024-01-01", "2024-01-05", "2024-03-01", None)),
                st.sampled_from((5.0, 7.5, -5.0, 0.0, None)),
            ),
            min_size=1,
        )
    )
    def test_any_gaps(self, rows):
        full = [row for row in rows if row[0] not in (None, " ") and row[1] is not None]
        policy = {"as_of": "2024-02-01", "refunds": "net", "missing": "drop"}
        try:
            expected = summarise_purchases(*map(list, zip(*full, strict=True)), **policy) if full else None
        except InputError:
            expected = None
        columns = list(map(list, zip(*rows, strict=True)))
        if expected is None:
            with pytest.raises(InputError):
                summarise_purchases(*columns, **policy)
            return
        found = summarise_purchases(*columns, **policy)
        assert attrs.evolve(found, counts=None) == attrs.evolve(expected, counts=None)
        n_gaps = {"n_without_customer": sum(row[0] in (None, " ") for row in rows)}
        n_gaps["n_without_date"] = len(rows) - len(full) - n_gaps["n_without_customer"]
        assert found.counts == attrs.evolve(expected.counts, n_rows=len(rows), **n_gaps)

    def test_forms_with_holes_of_their_own(self):
        day = ["2024-01-01"] * 3
        for ids in (
            np.array([1.0, np.nan, 2.0]),
            np.ma.array([1, 9, 2], mask=[False, True, False]),
            pd.Series([1, None, 2], dtype="Int64"),
            pd.Series([1, None, 2]),
        ):
            assert summarise_purchases(ids, day, missing="drop").customer.tolist() == [1, 2]
        nat = np.array(["2024-01-01", "NaT", "2024-01-03"], dtype="datetime64[D]")
        history = summarise_purchases(np.array(["a", "b", "b"]), nat, missing="drop")
        assert (history.customer.tolist(), str(history.as_of)) == (["a", "b"], "2024-01-03")
        assert summarise_purchases(np.array(["", "b", "b"]), nat, missing="drop").counts.n_without_customer == 1

    def test_split(self):
        split = split_purchases(
            ["a", None, "a", "b"], ["2024-01-01", "2024-01-02", "2024-03-01", None], [5.0] * 4,
            calibration_end="2024-01-31", missing="drop",
        )  # fmt: skip
        counts = split.calibration.counts
        assert (counts.n_rows, counts.n_without_customer, counts.n_without_date) == (4, 1, 1)
        assert split.holdout_counts.n_rows == 1
        assert split.holdout_n_purchases.tolist() == [1.0]

    @pytest.mark.parametrize(
        ("change", "name", "index"),
        [
            ({"customer": ["a", None, "b", 3]}, "customer", 3),
            ({"customer": [None] * 4}, "customer", None),
            ({"date": [None] * 4}, "date", None),
            ({"date": ["2024-01-01", None, "2024-02-30", "2024-01-01"]}, "date", 2),
            ({"amount": [1.0, 1.0, 1.0, -1.0]}, "amount", 3),
        ],
    )
    def test_other_mistakes_keep_their_row(self, change, name, index):
        log = {"customer": ["a", None, "b", "b"], "date": ["2024-01-01", "2024-01-01", None, "2024-01-05"]}
        with pytest.raises(InputError) as caught:
            summarise_purchases(**{**log, "amount": [1.0] * 4, **change}, missing="drop")
        assert (caught.value.name, caught.value.index) == (name, index)

    def test_the_error_says_what_to_do(self):
        for log in (
            (["a", None], ["2024-01-01"] * 2),
            (["a", ""], ["2024-01-01"] * 2),
            (["a", "b"], ["2024-01-01", None]),
        ):
            with pytest.raises(InputError, match='Hint: missing="drop" leaves such rows out'):
                summarise_purchases(*log)


class TestSplitPurchases:
    """`split_purchases`: a calibration and a holdout part by whole days, new customers apart."""

    @given(st.data())
    @settings(max_examples=200)
    def test_equals_two_reference_runs(self, data):
        rows = data.draw(logs())
        options = lenient(data.draw(policies()))
        dates = sorted({row.date for row in rows})
        cut = data.draw(st.sampled_from(dates))
        end = data.draw(st.none() | st.integers(1, 20).map(lambda n: cut + dt.timedelta(days=n)))
        assume(end is not None or cut < dates[-1])
        calibration, bought, counts = split_slowly(rows, calibration_end=cut, holdout_end=end, **options)
        call = {"calibration_end": cut, "holdout_end": end, **options}
        if not calibration.customer:
            with pytest.raises(InputError, match="no purchase"):
                split_purchases(*log_columns(rows), **call)
            return
        split = split_purchases(*log_columns(rows), **call)
        check_against(calibration, split.calibration)
        check_counts(counts, split.holdout_counts)
        known = split.calibration.customer.tolist()
        expected = [bought.get(customer, (0, 0.0)) for customer in known]
        assert split.holdout_n_purchases.tolist() == [n for n, _ in expected]
        np.testing.assert_allclose(split.holdout_spend, [spend for _, spend in expected], rtol=1e-13)
        new = sorted(set(bought) - set(known))
        assert split.new_customer.tolist() == new
        assert split.n_new_customers == len(new)
        assert split.new_n_purchases.tolist() == [bought[customer][0] for customer in new]
        np.testing.assert_allclose(split.new_spend, [bought[customer][1] for customer in new], rtol=1e-13)
        days = ((max(dates) if end is None else end) - cut).days
        assert split.holdout_length == days / DAYS_PER_UNIT[options["time_unit"]]

    @given(st.data())
    def test_the_parts_make_up_the_whole(self, data):
        """With nothing refunded; by weeks the cut must not part a week, so it is made on a Sunday."""
        rows = data.draw(logs(st.integers(0, 10_000).map(lambda n: n / 100)))
        grain = data.draw(st.sampled_from(("day", "week")))
        zeros = data.draw(st.sampled_from(("keep", "drop")))
        cut = data.draw(st.sampled_from(sorted({row.date for row in rows})))
        if grain == "week":
            cut += dt.timedelta(days=6 - cut.weekday())
        assume(any(row.date > cut for row in rows))
        assume(summarise_slowly(rows, as_of=cut, zeros=zeros).customer)
        columns = log_columns(rows)
        split = split_purchases(*columns, calibration_end=cut, grain=grain, zeros=zeros)
        whole = summarise_purchases(*columns, grain=grain, zeros=zeros)
        purchases = dict(zip(split.calibration.customer.tolist(), split.calibration.n_purchases, strict=True))
        spend = dict(zip(split.calibration.customer.tolist(), split.calibration.total_spend, strict=True))
        later = zip(
            [*split.calibration.customer.tolist(), *split.new_customer.tolist()],
            [*split.holdout_n_purchases, *split.new_n_purchases],
            [*split.holdout_spend, *split.new_spend],
            strict=True,
        )
        for customer, n, money in later:
            purchases[customer] = purchases.get(customer, 0) + n
            spend[customer] = spend.get(customer, 0) + money
        assert purchases == dict(zip(whole.customer.tolist(), whole.n_purchases, strict=True))
        np.testing.assert_allclose([spend[customer] for customer in whole.customer.tolist()], whole.total_spend)
        before, after = split.calibration.counts, split.holdout_counts
        assert before.n_rows_after_as_of == after.n_rows
        assert before.n_purchases + after.n_purchases == whole.counts.n_purchases

    def test_without_amounts(self):
        split = split_purchases([1, 1, 2], ["2024-01-01", "2024-03-01", "2024-03-02"], calibration_end="2024-01-31")
        assert split.holdout_spend is split.new_spend is split.calibration.total_spend is None
        assert split.holdout_n_purchases.tolist() == [1.0]
        assert split.new_n_purchases.tolist() == [1.0]

    def test_a_refund_in_the_holdout_leaves_the_calibration_whole(self):
        split = split_purchases(
            ["a", "a", "b"], ["2024-01-01", "2024-02-01", "2024-01-01"], [10, -10, 3],
            calibration_end="2024-01-31", refunds="net",
        )  # fmt: skip
        assert split.calibration.total_spend.tolist() == [10.0, 3.0]
        assert split.holdout_spend.tolist() == [0.0, 0.0]
        assert split.holdout_counts.unmatched_refunds == -10.0

    def test_who_has_no_purchase_before_the_cut_is_new(self):
        split = split_purchases(
            ["a", "b", "b"], ["2024-01-01", "2024-01-01", "2024-02-01"], [10, 0, 5],
            calibration_end="2024-01-31", zeros="drop",
        )  # fmt: skip
        assert split.calibration.customer.tolist() == ["a"]
        assert split.new_customer.tolist() == ["b"]
        assert split.calibration.counts.n_customers_without_purchase == 1

    @pytest.mark.parametrize(
        ("change", "name", "index"),
        [
            *REJECTIONS,
            ({"calibration_end": "2023-12-31"}, "calibration_end", None),
            ({"calibration_end": "2024-02-01"}, "calibration_end", None),
            ({"holdout_end": "2024-01-10"}, "holdout_end", None),
            ({"holdout_end": "2024-01-09"}, "holdout_end", None),
            ({"holdout_end": "soon"}, "holdout_end", None),
            ({"holdout_end": ["2024-01-11"]}, "holdout_end", None),
            ({"calibration_end": None}, "calibration_end", None),
            ({"calibration_end": "2024"}, "calibration_end", None),
            ({"calibration_end": 5}, "calibration_end", None),
        ],
    )
    def test_rejections(self, change, name, index):
        good = {**GOOD_LOG, "calibration_end": "2024-01-10"}
        split_purchases(**good)
        with pytest.raises(InputError) as caught:
            split_purchases(**{**good, **change})
        assert (caught.value.name, caught.value.index) == (name, index)


class TestPurchaseHistory:
    """`PurchaseHistory`: checked columns of one length, frozen, comparable."""

    def test_from_columns_keeps_what_it_gets(self):
        history = PurchaseHistory.from_columns(
            **SUMMARY, mean_repeat_spend=[22.35, 0], total_spend=[51, 3], customer=["b", "a"], as_of="1997-09-30",
            grain="day",
        )  # fmt: skip
        assert history.customer.tolist() == ["b", "a"]
        assert history.n_customers == len(history) == 2
        np.testing.assert_array_equal(history.mean_repeat_spend, [22.35, np.nan])
        assert history.n_purchases.tolist() == [3.0, 1.0]
        assert history.mean_spend.tolist() == [17.0, 3.0]
        assert history.days_since_last.tolist() == [59.0, 280.0]  # weeks rounded to two decimals, days none
        assert history.as_of == np.datetime64("1997-09-30")
        assert history.counts is None

    def test_customers_are_stored_as_summaries_store_them(self):
        for ids, kind in ((pd.Series(["b", "a"], dtype="category"), "U"), ([2.0, 1.0], "i")):
            assert PurchaseHistory.from_columns(**SUMMARY, customer=ids).customer.dtype.kind == kind

    @pytest.mark.parametrize("nothing", [0, np.nan, -1, None])
    def test_mean_repeat_spend_of_nobody_may_be_anything(self, nothing):
        history = PurchaseHistory.from_columns(**SUMMARY, mean_repeat_spend=[22.35, nothing])
        np.testing.assert_array_equal(history.mean_repeat_spend, [22.35, np.nan])

    @given(logs(), policies())
    def test_columns_of_a_history_give_the_history_again(self, rows, options):
        options = lenient(options)
        assume(summarise_slowly(rows, **options).customer)
        history = summarise_purchases(*log_columns(rows), **options)
        again = PurchaseHistory.from_columns(
            **{name: getattr(history, name) for name in (*COLUMNS, "time_unit", "grain", "as_of")}
        )
        assert again == attrs.evolve(history, counts=None)
        assert history != again

    def test_days_since_last_keeps_fractions_where_the_grain_is_not_known(self):
        history = PurchaseHistory.from_columns(**SUMMARY)
        np.testing.assert_allclose(history.days_since_last, [59.01, 280.0])

    def test_to_columns_leaves_out_what_is_not_there(self):
        full = summarise_purchases([1, 2], ["2024-01-01"] * 2, [1.0, 2.0]).to_columns()
        names = [*COLUMNS[:5], "days_since_last", "n_purchases", "mean_spend", "total_spend"]
        assert list(full) == names
        assert {column.shape for column in full.values()} == {(2,)}
        assert full["mean_spend"].tolist() == full["total_spend"].tolist() == [1.0, 2.0]
        bare = PurchaseHistory.from_columns(**SUMMARY).to_columns()
        assert list(bare) == ["frequency", "recency", "age", "days_since_last", "n_purchases"]
        assert pd.DataFrame(full).shape == (2, 9)
        assert pl.DataFrame(full).shape == (2, 9)

    def test_is_frozen_and_read_only(self):
        made = summarise_purchases([3, 1, 1], ["2024-01-01", "2024-01-01", "2024-01-04"], [1, 2, 3])
        given_columns = PurchaseHistory.from_columns(
            **SUMMARY, mean_repeat_spend=[22.35, 0], total_spend=[51, 3], customer=["b", "a"]
        )
        split = split_purchases([1, 1, 2], ["2024-01-01", "2024-03-01", "2024-03-02"], [1, 2, 3],
                                calibration_end="2024-01-31")  # fmt: skip
        for value in (made, given_columns, made.unique(), split, split.calibration):
            arrays = {name: array for name, array in attrs.asdict(value, recurse=False).items()
                      if isinstance(array, np.ndarray)}  # fmt: skip
            assert len(arrays) >= 5
            for name, array in arrays.items():
                with pytest.raises(ValueError, match="read-only"):
                    array[:1] = array[:1]
                with pytest.raises(attrs.exceptions.FrozenInstanceError):
                    setattr(value, name, array)

    def test_later_writes_of_the_caller_do_not_leak_in(self):
        columns = {name: np.array(value, dtype=float) for name, value in SUMMARY.items() if name != "time_unit"}
        columns |= {"mean_repeat_spend": np.array([22.35, 0.0]), "total_spend": np.array([51.0, 3.0])}
        columns["customer"] = np.array([1, 2])
        shown = {name: column.view() for name, column in columns.items()}
        for view in shown.values():
            view.flags.writeable = False  # a read-only view of what the caller can still write to
        histories = [PurchaseHistory.from_columns(**arrays, time_unit="week") for arrays in (columns, shown)]
        before = [attrs.evolve(history) for history in histories]
        kept = [{name: getattr(history, name).copy() for name in columns} for history in histories]
        for column in columns.values():
            column[:] = 7
        for history, old, arrays in zip(histories, before, kept, strict=True):
            assert history == old
            for name, array in arrays.items():
                np.testing.assert_array_equal(getattr(history, name), array)

    def test_equality(self):
        one = PurchaseHistory.from_columns(**SUMMARY, mean_repeat_spend=[22.35, 0])
        assert one == PurchaseHistory.from_columns(**SUMMARY, mean_repeat_spend=[22.35, np.nan])
        different = [
            PurchaseHistory.from_columns(**SUMMARY),
            PurchaseHistory.from_columns(**SUMMARY, mean_repeat_spend=[22.36, 0]),
            PurchaseHistory.from_columns(**{**SUMMARY, "time_unit": "day"}, mean_repeat_spend=[22.35, 0]),
            attrs.evolve(one, age=[38.86, 41]),
            attrs.evolve(one, customer=[1, 2]),
            attrs.evolve(one, grain="day"),
            attrs.evolve(one, as_of=np.datetime64("2024-01-01")),
            PurchaseHistory.from_columns(
                frequency=[2], recency=[30.43], age=[38.86], mean_repeat_spend=[22.35], time_unit="week"
            ),
        ]
        assert all(one != other for other in different)
        assert one != "history"

    @pytest.mark.parametrize(
        ("change", "name", "index"),
        [
            ({"frequency": [2, -1]}, "frequency", 1),
            ({"frequency": [2.5, 0]}, "frequency", 0),
            ({"frequency": [2, np.nan]}, "frequency", 1),
            ({"frequency": [2, 2.0**54]}, "frequency", 1),
            ({"frequency": [2, "0"]}, "frequency", 1),
            ({"frequency": [2, 0, 0]}, "recency", None),
            ({"frequency": 2}, "frequency", None),
            ({"frequency": [[2, 0]]}, "frequency", None),
            ({"frequency": [2, 1]}, "recency", 1),
            ({"frequency": [0, 0]}, "recency", 0),
            ({"recency": [38.87, 0]}, "recency", 0),
            ({"recency": [-1, 0]}, "recency", 0),
            ({"recency": [np.inf, 0]}, "recency", 0),
            ({"recency": [1]}, "recency", None),
            ({"age": [38.86, -1]}, "age", 1),
            ({"age": [38.86, np.nan]}, "age", 1),
            ({"age": [38.86]}, "age", None),
            ({"mean_repeat_spend": [-1, 0]}, "mean_repeat_spend", 0),
            ({"mean_repeat_spend": [np.nan, 0]}, "mean_repeat_spend", 0),
            ({"mean_repeat_spend": [np.inf, 0]}, "mean_repeat_spend", 0),
            ({"mean_repeat_spend": [1]}, "mean_repeat_spend", None),
            ({"mean_repeat_spend": 1}, "mean_repeat_spend", None),
            ({"total_spend": [1, -1]}, "total_spend", 1),
            ({"total_spend": [1, np.nan]}, "total_spend", 1),
            ({"total_spend": [1]}, "total_spend", None),
            ({"customer": [1, 1]}, "customer", None),
            ({"customer": [1, None]}, "customer", 1),
            ({"customer": [1, 2, 3]}, "customer", None),
            ({"customer": 1}, "customer", None),
            ({"time_unit": "fortnight"}, "time_unit", None),
            ({"grain": "month"}, "grain", None),
            ({"as_of": "2024-13-01"}, "as_of", None),
            ({"as_of": ["2024-01-01"]}, "as_of", None),
        ],
    )
    def test_rejections(self, change, name, index):
        PurchaseHistory.from_columns(**SUMMARY)
        with pytest.raises(InputError) as caught:
            PurchaseHistory.from_columns(**{**SUMMARY, **change})
        assert (caught.value.name, caught.value.index) == (name, index)

    def test_wrong_fields_are_refused_by_the_class_itself(self):
        with pytest.raises(InputError, match="recency"):
            attrs.evolve(PurchaseHistory.from_columns(**SUMMARY), age=[1, 1])


@st.composite
def histories(draw):
    """Build histories with many equal rows, of whole units, whole days in weeks, or any times."""
    n = draw(st.integers(1, 30))
    kind = draw(st.sampled_from(("day", "week", "month", "decimals", "huge")))
    top = 2**22 - 2 if kind == "huge" else 6
    x = np.array(draw(st.lists(st.integers(0, top), min_size=n, max_size=n)), dtype=float)
    t_x = np.where(x > 0, np.array(draw(st.lists(st.integers(1, top), min_size=n, max_size=n))), 0)
    age = t_x + np.array(draw(st.lists(st.integers(0, 3), min_size=n, max_size=n)))
    ruler = {"day": 1.0, "week": 7.0, "month": 30.4375, "decimals": 0.37, "huge": 1.0}[kind]
    return PurchaseHistory.from_columns(frequency=x, recency=t_x / ruler, age=age / ruler, time_unit="week")


class TestUnique:
    """`unique`: the distinct rows (x, t_x, T), how often each occurs, and the row of each customer."""

    @given(histories(), st.sampled_from((1, 1 << 22)))
    @example(PurchaseHistory.from_columns(frequency=[0, 0], recency=[0, -0.0], age=[1, 1], time_unit="week"), 1)
    def test_equals_numpy_on_whole_rows(self, history, few_cells):
        """Whether the rows are counted in a table or sorted is decided by the number of cells; both are searched."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(keys, "_FEW_CELLS", few_cells)
            unique = history.unique()
        rows = np.column_stack([history.frequency, history.recency, history.age])
        distinct, weight = np.unique(rows, axis=0, return_counts=True)
        np.testing.assert_array_equal(np.column_stack([unique.frequency, unique.recency, unique.age]), distinct)
        np.testing.assert_array_equal(unique.weight, weight)
        assert unique.weight.sum() == len(history)
        assert unique.inverse.shape == (len(history),)
        np.testing.assert_array_equal(distinct[unique.inverse], rows)
        assert unique.time_unit == history.time_unit

    def test_rows_too_many_to_number_at_once(self):
        """Three columns of four million values each make more combinations than 64 bits hold."""
        top = (1 << 22) - 2
        x, t_x = [top, 1, top, 1, 0], [top, top, 1, top, 0]
        history = PurchaseHistory.from_columns(frequency=x, recency=t_x, age=[top] * 5, time_unit="day")
        unique = history.unique()
        assert unique.frequency.tolist() == [0, 1, top, top]
        assert unique.recency.tolist() == [0, top, 1, top]
        assert unique.weight.tolist() == [1, 2, 1, 1]
        assert unique.inverse.tolist() == [3, 1, 2, 1, 0]

    def test_many_customers_of_few_kinds_and_few_of_many(self):
        rng = np.random.default_rng(2)
        for n, top in ((100_000, 3), (1_000, 4_000)):
            t_x = rng.integers(1, top, n)
            history = PurchaseHistory.from_columns(
                frequency=rng.integers(1, top, n), recency=t_x / 7, age=(t_x + rng.integers(0, top, n)) / 7,
                time_unit="week",
            )  # fmt: skip
            unique = history.unique()
            rows = np.column_stack([history.frequency, history.recency, history.age])
            distinct, weight = np.unique(rows, axis=0, return_counts=True)
            np.testing.assert_array_equal(np.column_stack([unique.frequency, unique.recency, unique.age]), distinct)
            np.testing.assert_array_equal(unique.weight, weight)
            np.testing.assert_array_equal(distinct[unique.inverse], rows)

    def test_nobody(self):
        nobody = PurchaseHistory.from_columns(frequency=[], recency=[], age=[], time_unit="week").unique()
        assert len(nobody.weight) == len(nobody.inverse) == 0


# --- real data ---------------------------------------------------------------------------------------------------


def published(name):
    """Find a file in the wheel of lifetimes without importing it; skip where it is not installed."""
    spec = importlib.util.find_spec("lifetimes")
    if spec is None:
        pytest.skip("the package lifetimes, whose wheel holds the published files, is not installed")
    return Path(spec.submodule_search_locations[0]) / "datasets" / name


def to_dates(numbers):
    """Cast 19970131 and the like."""
    return [dt.date(number // 10_000, number // 100 % 100, number % 100) for number in numbers.astype(int).tolist()]


@pytest.fixture(scope="module")
def cdnow():
    return load_cdnow()


@pytest.fixture(scope="module")
def split(cdnow):
    return split_purchases(cdnow.customer, cdnow.date, cdnow.amount, calibration_end="1997-09-30")


class TestCdnow:
    """The CDNOW sample, calibrated to 1997-09-30 (Fader, Hardie, Lee 2005)."""

    def test_sums(self, split):
        """2,357 customers with 2,457 repeat purchases; 946 repeaters (Fader, Hardie 2013)."""
        history = split.calibration
        assert len(history) == 2357
        assert history.frequency.sum() == 2457
        assert np.count_nonzero(history.frequency) == 946
        assert split.n_new_customers == 0

    def test_first_customers(self, split):
        """Customer 1: x 2, t_x 30.43, T 38.86 weeks; repeats of 29.73 and 14.96. Customer 2: x 1, t_x 1.71, 11.77."""
        history = split.calibration
        assert history.customer[:3].tolist() == [1, 2, 3]
        assert history.frequency[:3].tolist() == [2.0, 1.0, 0.0]
        np.testing.assert_allclose(history.recency[:3], [30.43, 1.71, 0.0], atol=0.005)
        np.testing.assert_allclose(history.age[:3], 38.86, atol=0.005)
        np.testing.assert_allclose(history.mean_repeat_spend[:3], [22.345, 11.77, np.nan], rtol=1e-14)

    def test_holdout_by_calibration_frequency(self, split):
        """Mean purchases in weeks 40 to 78 by x = 0, 1, ..., 6, 7 and more; the paper's figure 3 shows them."""
        n = [1411, 439, 214, 100, 62, 38, 29, 64]
        mean = [0.2367, 0.6970, 1.3925, 1.56, 2.5323, 2.9474, 3.8621, 6.3594]
        group = np.minimum(split.calibration.frequency, 7).astype(int)
        np.testing.assert_array_equal(np.bincount(group), n)
        actual = np.bincount(group, weights=split.holdout_n_purchases) / n
        np.testing.assert_allclose(actual, mean, atol=0.00005)
        assert split.holdout_length == 39.0

    def test_weeks_merge_more_than_days(self, cdnow, split):
        weekly = summarise_purchases(cdnow.customer, cdnow.date, cdnow.amount, as_of="1997-09-30", grain="week")
        assert weekly.frequency.sum() < split.calibration.frequency.sum()
        assert math.fsum(weekly.total_spend) == pytest.approx(math.fsum(split.calibration.total_spend), rel=1e-14)

    def test_equals_the_slow_reference(self, cdnow):
        rows = [
            Row(*row) for row in zip(cdnow.customer.tolist(), cdnow.date.tolist(), cdnow.amount.tolist(), strict=True)
        ]
        for grain, zeros in (("day", "keep"), ("week", "drop")):
            options = {"grain": grain, "zeros": zeros, "time_unit": "month", "as_of": dt.date(1998, 3, 31)}
            history = summarise_purchases(cdnow.customer, cdnow.date, cdnow.amount, **options)
            check_against(summarise_slowly(rows, **options), history)

    def test_equals_the_published_summary(self, split):
        """Weeks rounded to two decimals."""
        table = np.loadtxt(published("cdnow_customers_summary.csv"), delimiter=",", skiprows=1)
        history = split.calibration
        np.testing.assert_array_equal(history.customer, table[:, 0])
        np.testing.assert_array_equal(history.frequency, table[:, 1])
        np.testing.assert_allclose(history.recency, table[:, 2], rtol=0, atol=0.005 + 1e-9)
        np.testing.assert_allclose(history.age, table[:, 3], rtol=0, atol=0.005 + 1e-9)

    @pytest.mark.slow
    def test_the_full_file(self):
        """69,659 orders of 23,570 customers; the sample is every tenth of them."""
        table = np.loadtxt(published("CDNOW_master.txt"), skiprows=1)
        assert len(table) == 69_659
        days = to_dates(table[:, 1])
        history = summarise_purchases(table[:, 0], days, table[:, 3])
        assert len(history) == 23_570
        rows = [
            Row(int(who), day, money) for who, day, money in zip(table[:, 0], days, table[:, 3].tolist(), strict=True)
        ]
        check_against(summarise_slowly(rows), history)
        sampled = np.loadtxt(published("CDNOW_sample.txt"), usecols=(0, 1))
        original = dict(sampled[:, ::-1].tolist())  # by the number in the sample
        sample = summarise_purchases(*(getattr(load_cdnow(), name) for name in ("customer", "date", "amount")))
        place = np.searchsorted(history.customer, [original[customer] for customer in sample.customer])
        for name in ("frequency", "recency", "age", "total_spend", "mean_repeat_spend"):
            np.testing.assert_array_equal(getattr(history, name)[place], getattr(sample, name))


class TestCategories:
    """Numbers that are mere names, such as those of shops, are no amounts."""

    history = PurchaseHistory.from_columns(
        customer=[5, 6, 7], frequency=[0, 0, 0], recency=[0, 0, 0], age=[9, 9, 9], time_unit="week"
    )

    @pytest.mark.parametrize("shop", [pd.Categorical([1, 2, 3]), pd.Series([1, 2, 3], [7, 6, 5], dtype="category")])
    def test_three_shops(self, shop):
        with pytest.raises(InputError, match=r"must be numeric; got 'a category of 3 values'. Hint: .* 0/1 column"):
            self.history.with_covariates({"shop": shop})

    def test_in_periods(self):
        shops = {"covariates": {"shop": pd.Categorical([1, 2, 3])}, "covariate_customer": [5, 5, 5]}
        weeks = ["2024-01-01", "2024-01-08", "2024-01-15"]
        with pytest.raises(InputError, match="a category of 3 values"):
            TimeVaryingHistory.from_log([5], ["2024-01-01"], **shops, period_start=weeks, as_of="2024-01-21")

    def test_two_values_and_ranks_are_numbers(self):
        told = {"member": pd.Categorical([0, 1, 1]), "stars": pd.Categorical([3, 1, 2], ordered=True)}
        known = self.history.with_covariates(told)
        assert known.covariate_values.tolist() == [[0, 3], [1, 1], [1, 2]]


class TestPartOfAHistory:
    """`history[rows]`: every column at the chosen rows."""

    @staticmethod
    def full():
        history = summarise_purchases(
            ["a", "b", "c", "a", "c"], ["2024-01-01"] * 3 + ["2024-02-01", "2024-01-20"], [5, 6, 7, 8, 9]
        )
        return history.with_covariates({"visits": [30, 40, 50], "member": [True, False, True]})

    @pytest.mark.parametrize(
        ("rows", "places"),
        [
            (np.array([True, False, True]), [0, 2]),
            ([False, False, True], [2]),
            (pd.Series([True, True, False]), [0, 1]),
            (pl.Series([True, True, False]), [0, 1]),
            (slice(1, None), [1, 2]),
            (slice(None, None, -1), [2, 1, 0]),
            ([2, 0], [2, 0]),
            (np.array([-1]), [2]),
            ([], []),
            ([False] * 3, []),
        ],
    )
    def test_columns_stay_together(self, rows, places):
        full = self.full()
        part = full[rows]
        assert len(part) == len(places)
        for name, column in full.to_columns().items():
            np.testing.assert_array_equal(part.to_columns()[name], column[places])
        assert part.covariate_names == full.covariate_names
        assert (part.counts, part.as_of, part.grain, part.time_unit) == (None, full.as_of, full.grain, full.time_unit)

    def test_without_identifiers_a_row_may_come_twice(self):
        history = PurchaseHistory.from_columns(**SUMMARY)
        np.testing.assert_array_equal(history[[0, 0, 1]].frequency, history.frequency[[0, 0, 1]])

    @pytest.mark.parametrize(
        "rows",
        [0, "a", None, [True, False], [True, None, False], [0, True], [3], [-4], [1, 1], [0, -3], [0.0], [[0]], ["a"]],
    )
    def test_refuses(self, rows):
        with pytest.raises(InputError) as caught:
            self.full()[rows]
        assert caught.value.name == "rows"


class TestDirectHistory:
    """`PurchaseHistory` checks all that `from_columns` checks, and takes its own arrays as they are."""

    COLUMNS = {"frequency": [1, 0], "recency": [1, 0], "age": [2, 2], "time_unit": "week"}  # noqa: RUF012 - a table

    @pytest.mark.parametrize("make", [PurchaseHistory, PurchaseHistory.from_columns])
    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"customer": [1, 1]}, "customer"),
            ({"customer": [1, None]}, "customer"),
            ({"customer": ["a", " "]}, "customer"),
            ({"customer": [1.5, 2]}, "customer"),
            ({"customer": [1, True]}, "customer"),
            ({"customer": [1, 2, 3]}, "customer"),
            ({"as_of": "yesterday"}, "as_of"),
            ({"as_of": ["2024-01-01"]}, "as_of"),
            ({"grain": "hour"}, "grain"),
            ({"grain": 5}, "grain"),
        ],
    )
    def test_refuses(self, make, changes, name):
        with pytest.raises(InputError) as caught:
            make(**{**self.COLUMNS, **changes})
        assert caught.value.name == name

    @pytest.mark.parametrize("counts", [5, {"n_rows": 1}, OrderLogCounts])
    def test_refuses_counts(self, counts):
        with pytest.raises(InputError, match="`counts` must be an OrderLogCounts"):
            PurchaseHistory(**self.COLUMNS, counts=counts)

    @pytest.mark.parametrize("make", [PurchaseHistory, PurchaseHistory.from_columns])
    def test_takes(self, make):
        history = make(**self.COLUMNS, customer=["b", "a"], as_of=dt.datetime(2024, 1, 2, 3), grain="day")
        assert history.customer.tolist() == ["b", "a"]
        assert history.as_of == np.datetime64("2024-01-02", "D")
        assert history == attrs.evolve(history, grain="day")

    def test_a_log_pays_for_its_identifiers_once(self, monkeypatch):
        calls = []
        encode = history_room.encode_customers
        monkeypatch.setattr(history_room, "encode_customers", lambda *given: calls.append(given) or encode(*given))
        history = summarise_purchases(["b", "a", "b"], ["2024-01-01"] * 3)
        assert not calls
        attrs.evolve(history, grain=None)
        assert len(calls) == 1


class TestOrderLogCounts:
    """Whole numbers >= 0, and unmatched refunds <= 0; six need a look at each customer, and are None without it."""

    MAYBE = (
        "n_customers_after_as_of",
        "n_duplicates_kept",
        "n_purchases",
        "n_purchases_cancelled",
        "n_customers_without_purchase",
        "unmatched_refunds",
    )

    @pytest.mark.parametrize("name", MAYBE)
    def test_not_counted(self, name):
        assert getattr(OrderLogCounts(n_rows=5, **{name: None}), name) is None

    @pytest.mark.parametrize("name", [field.name for field in attrs.fields(OrderLogCounts)])
    @pytest.mark.parametrize("wrong", [0.5, math.nan, math.inf, "1", None, True])
    def test_refuses(self, name, wrong):
        if wrong is None and name in self.MAYBE:
            return
        if name == "unmatched_refunds" and wrong == 0.5:
            wrong = 1e-9
        with pytest.raises(InputError) as caught:
            OrderLogCounts(**{"n_rows": 5, name: wrong})
        assert caught.value.name == name

    def test_refuses_less_than_nothing(self):
        with pytest.raises(InputError, match="`n_rows` must be a whole number >= 0"):
            OrderLogCounts(n_rows=-5)
        assert OrderLogCounts(n_rows=np.int64(5), unmatched_refunds=-2).unmatched_refunds == -2.0


class TestSums:
    """Amounts up to 1e15, so that nothing computed from them is refused under another name."""

    @pytest.mark.parametrize("amount", [1e100, 1.1e15, np.inf, -np.inf])
    def test_refuses_what_is_not_ordinary_money(self, amount):
        for log in (summarise_purchases, split_purchases):
            end = {} if log is summarise_purchases else {"calibration_end": "2024-01-01"}
            with pytest.raises(InputError) as caught:
                log([1, 1], ["2024-01-01", "2024-01-02"], [1, amount], **end)
            assert (caught.value.name, caught.value.index) == ("amount", 1)
            assert caught.value.rule == "of a magnitude up to 1e15"  # 4e-16 is taken, as 0

    @given(st.lists(st.sampled_from((1e15, 1e-15, -1e15, -1e-15, 3e-15, 0.0)), min_size=1, max_size=8), st.data())
    def test_the_ends_of_the_range_give_a_history(self, amounts, data):
        days = [f"2024-01-0{data.draw(st.integers(1, 4))}" for _ in amounts]
        try:
            history = summarise_purchases([1] * len(amounts), days, amounts, refunds="net")
        except InputError as error:
            assert "no purchase" in str(error.value)  # noqa: PT017 - a history is tested below
            return
        assert np.isfinite(history.total_spend).all()

    @given(st.lists(st.integers(-10_000, 10**8), min_size=1, max_size=12), st.randoms(use_true_random=False))
    def test_whole_cents_add_up_to_the_same_in_any_order(self, cents_spent, random):
        """`Notes`: exactly for whole cents, up to rounding for other amounts."""
        for unit, exact in ((100, True), (999, False)):
            rows = [(n / unit, f"2024-01-0{1 + n % 3}") for n in cents_spent]
            assume(rows[0][0] > 0)
            histories = []
            for _ in range(2):
                amounts, days = zip(*rows, strict=True)
                histories.append(summarise_purchases([1] * len(rows), days, amounts, refunds="drop"))
                random.shuffle(rows)
            for name in ("total_spend", "mean_repeat_spend"):
                one, other = (getattr(history, name) for history in histories)
                np.testing.assert_allclose(one, other, rtol=0 if exact else 1e-12)


class TestResidues:
    """An amount of a size below 1e-9 counts as 0, and is counted."""

    @pytest.mark.parametrize("size", [4e-16, 1e-100, 5e-324, 9.99e-10])
    def test_they_count_as_zero(self, size):
        days = ["2024-01-01", "2024-01-02", "2024-01-03", "2024-01-04"]
        for sign in (1, -1):
            history = summarise_purchases([1] * 4, days, [10.0, sign * size, 5.0, 0.0])
            assert history.total_spend.tolist() == [15.0]
            assert (history.counts.n_residues, history.counts.n_zeros_kept) == (1, 2)
            dropped = summarise_purchases([1] * 4, days, [10.0, sign * size, 5.0, 0.0], zeros="drop")
            assert (dropped.counts.n_residues, dropped.counts.n_zeros_dropped) == (1, 2)

    def test_smallest_amount_that_is_money(self):
        history = summarise_purchases([1, 1], ["2024-01-01", "2024-01-02"], [1e-9, 1.0])
        assert (history.counts.n_residues, history.counts.n_zeros_kept) == (0, 0)

    def test_the_caller_keeps_their_amounts(self):
        amounts = np.array([4e-16, 1.0])
        summarise_purchases([1, 1], ["2024-01-01", "2024-01-02"], amounts)
        assert amounts.tolist() == [4e-16, 1.0]


class TestFarDates:
    """A row far after all others is refused by name where the last date would be the end, and only there."""

    DAYS = np.datetime64("2024-01-01") + np.arange(20)
    LOG = (np.arange(21), np.insert(DAYS, 7, np.datetime64("2203-01-01")), np.ones(21))

    @pytest.mark.parametrize(
        ("function", "name"),
        [
            (summarise_purchases, "as_of"),
            (partial(split_purchases, calibration_end="2024-01-10"), "holdout_end"),
        ],
    )
    def test_the_row_is_named(self, function, name):
        with pytest.raises(InputError, match=f"unless `{name}` is given; .*2203") as caught:
            function(*self.LOG)
        error = caught.value
        assert (error.name, error.index, error.count, error.value) == ("date", 7, 1, "2203-01-01")
        assert error.hint == f"correct the date, or give {name}=, such as '2024-01-20', the last date before"
        function(*self.LOG, **{name: "2024-01-20"})
        function(*self.LOG, **{name: "2203-01-01"})

    @pytest.mark.parametrize("end", [{}, {"as_of": "2024-01-15"}])
    def test_rows_far_before_all_others_are_counted_in_a_warning(self, end):
        day = np.append(self.DAYS, [np.datetime64("1900-01-01"), np.datetime64("1970-01-01")])
        with pytest.warns(DataWarning, match="^2 rows are more than 5 years before .*, the first of 1900") as caught:
            history = summarise_purchases(np.arange(22), day, np.ones(22), **end)
        assert [warning.message.count for warning in caught] == [2]
        assert history.age.max() > 6000  # weeks: the row counts
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            summarise_purchases([1, 1, 2], ["1900-01-01", "2024-01-01", "2024-01-05"], [1, 1, 1])  # more than a tenth

    def test_without_it_the_row_counts_as_later(self):
        history = summarise_purchases(*self.LOG, as_of="2024-01-20")
        assert (history.counts.n_rows_after_as_of, history.counts.n_customers_after_as_of) == (1, 1)

    @pytest.mark.parametrize(
        ("days", "ends"),
        [
            (["2024-01-01"], ("2024-01-01", "2024-01-01")),
            (["2004-01-01", "2024-01-01"], ("2004-01-01", "2024-01-01")),  # neither is the log
            ([*["2024-01-01"] * 9, "2029-01-01"], ("2024-01-01", "2024-01-01")),  # 1,827 days later
            ([*["2024-01-01"] * 9, "2028-12-31"], ("2024-01-01", "2028-12-31")),
            ([*["2024-01-01"] * 8, "2029-01-01"], ("2024-01-01", "2029-01-01")),  # more than a tenth
            ([*["2024-01-01"] * 30, "1900-01-01", "1003-05-05", "2203-01-01"], ("2024-01-01", "2024-01-01")),
            (["1003-05-05", *["2023-12-01", "2024-01-01"] * 9], ("2023-12-01", "2024-01-01")),
            ([*["1970-01-01"] * 3, *["2024-01-01"] * 20, "2203-01-01"], ("1970-01-01", "2024-01-01")),  # one side
            (["1900-01-01", *["1970-01-01"] * 3, *["2024-01-01"] * 20], ("1970-01-01", "2024-01-01")),
            ([f"{year}-01-01" for year in range(1904, 2024, 6)], ("1904-01-01", "2018-01-01")),  # no part is the log
        ],
    )
    def test_the_span_of_the_others(self, days, ends):
        found = main_span(np.array(days, dtype="datetime64[D]"))
        assert tuple(str(day) for day in found) == ends

    def test_rows_of_a_file_count_by_their_number(self):
        day = np.array(["2024-01-01", "2203-01-01"], dtype="datetime64[D]")
        assert str(main_span(day, np.array([9, 1]))[1]) == "2024-01-01"
        assert str(main_span(day, np.array([8, 1]))[1]) == "2203-01-01"


class TestDuplicates:
    """Rows with the customer, the date (time of day included) and the amount of an earlier row."""

    LOG = (["a", "a", "a", "b", "a"], ["2024-01-01", "2024-01-05", "2024-01-05", "2024-01-05", "2024-01-05"],
           [1.0, 5.0, 5.0, 5.0, 5.0])  # fmt: skip

    def test_kept_and_counted_or_left_out(self):
        kept = summarise_purchases(*self.LOG)
        assert (kept.total_spend.tolist(), kept.counts.n_duplicates_kept) == ([16.0, 5.0], 2)
        dropped = summarise_purchases(*self.LOG, duplicates="drop")
        assert (dropped.total_spend.tolist(), dropped.counts.n_duplicates_dropped) == ([6.0, 5.0], 2)
        with pytest.raises(InputError, match='duplicates="drop" leaves them out') as caught:
            summarise_purchases(*self.LOG, duplicates="raise")
        assert (caught.value.index, caught.value.count) == (2, 2)

    def test_a_log_loaded_twice_is_the_log(self):
        rng = np.random.default_rng(3)
        log = rng.integers(0, 50, 400), np.datetime64("2024-01-01") + rng.permutation(400), rng.integers(1, 9, 400) / 7
        twice = [np.concatenate([column, column]) for column in log]
        again = summarise_purchases(*twice, duplicates="drop")
        assert again.counts.n_duplicates_dropped == 400
        assert attrs.evolve(again, counts=None) == attrs.evolve(summarise_purchases(*log), counts=None)
        split = split_purchases(*twice, calibration_end="2024-06-30", duplicates="drop")
        assert (
            split.holdout_spend.tolist() == split_purchases(*log, calibration_end="2024-06-30").holdout_spend.tolist()
        )

    def test_the_time_of_day_tells_orders_apart(self):
        times = ["2024-01-05T09:00", "2024-01-05T15:00", "2024-01-05T15:00:00"]
        assert summarise_purchases([1] * 3, times, [5] * 3).counts.n_duplicates_kept == 1

    def test_missing_amounts_and_both_zeros_are_equal(self):
        counts = summarise_purchases([1] * 5, ["2024-01-05"] * 5, [np.nan, None, 0.0, -0.0, 1.0], missing="drop").counts
        assert counts.n_duplicates_kept == 2

    def test_copies_after_the_end_count_as_later_rows(self):
        counts = summarise_purchases(*self.LOG, as_of="2024-01-03", duplicates="raise").counts
        assert (counts.n_rows_after_as_of, counts.n_duplicates_kept) == (4, 0)


LABELLED_CALLS = {
    "summarise": lambda i, j: summarise_purchases(
        pd.Series([1, 2], i), pd.Series(["2024-01-01", "2024-01-02"], j), [5, 6]
    ),
    "split": lambda i, j: split_purchases(
        [1, 2], pd.Series(["2024-01-01", "2024-01-02"], i), pd.Series([5, 6], j), calibration_end="2024-01-01"
    ),
    "history": lambda i, j: PurchaseHistory.from_columns(
        frequency=pd.Series([1, 0], i), recency=pd.Series([1.0, 0.0], j), age=[2.0, 3.0], time_unit="week"
    ),
    "traits": lambda i, j: summarise_purchases([1, 2], ["2024-01-01"] * 2).with_covariates(
        {"old": pd.Series([1, 0], i)}, customer=pd.Series([1, 2], j)
    ),
}


class TestLabelledColumns:
    """Labelled columns are never matched by position in silence."""

    @pytest.mark.parametrize("name", LABELLED_CALLS)
    def test_different_indexes_are_refused(self, name):
        LABELLED_CALLS[name](["a", "b"], ["a", "b"])
        with pytest.raises(InputError, match="with the same index as"):
            LABELLED_CALLS[name](["a", "b"], ["b", "a"])
