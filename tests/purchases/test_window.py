"""The last days of an order log, summed for each customer."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from crmvalue.errors import DataWarning, InputError
from crmvalue.purchases import PurchaseWindow, split_purchases, summarise_purchases, summarise_window
from tests.purchases.references import Row, log_columns, summarise_slowly

ANCHOR = dt.date(2024, 2, 20)
POLICIES = {"refunds": "net", "missing": "drop"}

amounts = st.sampled_from([5.0, 5.0, 0.1, 0.2, 0.0, 4e-16, -5.0, -0.3, -25.0, None]) | st.integers(1, 10**6).map(
    lambda n: n / 100
)
rows_of_logs = st.lists(
    st.builds(Row, st.integers(1, 4), st.integers(0, 40).map(lambda n: ANCHOR + dt.timedelta(days=n)), amounts),
    min_size=1,
    max_size=25,
)

LOG = (["ann", "ann", "bob", "bob"], ["2024-01-05", "2024-03-02", "2024-01-09", "2024-02-01"], [20.0, 5.0, 30.0, 1.0])


def windowed(**options):
    return summarise_window(*LOG, **{"as_of": "2024-03-31", "window": 30, **options})


class TestSummariseWindow:
    """Purchases and money of the last `window` days; who bought before them stays, with 0."""

    @given(rows_of_logs, st.integers(0, 50), st.integers(1, 60), st.sampled_from(["net", "drop"]))
    def test_equals_the_slow_reference(self, rows, n_days, window, refunds):
        """The window alone, row by row, for the sums; the whole log for who is there and the days since the last."""
        end = ANCHOR + dt.timedelta(days=n_days)
        policies = {**POLICIES, "refunds": refunds, "duplicates": "drop"}
        assume(min(row.date for row in rows) <= end)
        whole = summarise_slowly(rows, as_of=end, **policies)
        assume(whole.customer)
        inside = summarise_slowly(rows, as_of=end, after=end - dt.timedelta(days=window), **policies)
        found = summarise_window(*log_columns(rows), as_of=end, window=window, **policies)
        number = dict(zip(inside.customer, inside.frequency, strict=True))
        money = dict(zip(inside.customer, inside.total_spend, strict=True))
        assert found.customer.tolist() == whole.customer
        assert found.days_since_last.tolist() == whole.days_since_last
        assert found.n_purchases.tolist() == [number.get(key, -1) + 1 for key in whole.customer]
        np.testing.assert_allclose(found.total_spend, [money.get(key, 0) for key in whole.customer], rtol=1e-13)
        assert found.n_days_observed == min(window, (end - min(row.date for row in rows)).days + 1)
        assert ((found.n_purchases > 0) == (found.days_since_last < window)).all()

    def test_rows_without_customer_or_date_are_left_out_and_counted(self):
        customer, date, amount = [None, *LOG[0], "ann"], ["2024-03-30", *LOG[1], None], [7.0, *LOG[2], 8.0]
        found = summarise_window(customer, date, amount, as_of="2024-03-31", window=30, missing="drop")
        expected = windowed()
        assert found.customer.tolist() == expected.customer.tolist()
        assert found.total_spend.tolist() == expected.total_spend.tolist()
        assert (found.counts.n_without_customer, found.counts.n_without_date) == (1, 1)
        for column in ([None, "ann", "bob", "bob"], LOG[1]), (LOG[0], [None, *LOG[1][1:]]):
            with pytest.raises(InputError, match="not missing"):
                summarise_window(*column, as_of="2024-03-31", window=30)

    @given(rows_of_logs)
    def test_a_window_over_the_whole_log_is_the_history(self, rows):
        columns = log_columns(rows)
        assume(any(row.amount is not None and row.amount >= 0 for row in rows))
        try:
            history = summarise_purchases(*columns, **POLICIES)
        except InputError:
            with pytest.raises(InputError, match="no purchase"):
                summarise_window(*columns, window=100, **POLICIES)
            return
        found = summarise_window(*columns, window=100, **POLICIES)
        assert found.n_purchases.tolist() == history.n_purchases.tolist()
        assert found.total_spend.tolist() == history.total_spend.tolist()
        assert found.mean_spend.tolist() == history.mean_spend.tolist()
        assert found.days_since_last.tolist() == history.days_since_last.tolist()
        assert found.counts == history.counts

    def test_both_ends_by_hand(self):
        """The window of 30 days to 31 March begins on 2 March."""
        assert windowed().n_purchases.tolist() == [1, 0]
        assert windowed(window=29).n_purchases.tolist() == [0, 0]
        assert windowed(as_of="2024-03-02", window=1).total_spend.tolist() == [5, 0]
        assert windowed(as_of="2024-03-01", window=30).total_spend.tolist() == [0, 1]

    def test_a_log_that_begins_inside_the_window_says_so(self):
        assert windowed(window=87).n_days_observed == 87  # 5 January to 31 March
        assert windowed(window=180).n_days_observed == 87

    def test_one_row_long_before_all_others_is_no_beginning(self):
        day = np.append(np.repeat(np.arange(90), 20), -1500)
        dates = np.datetime64("2024-01-01") + day
        found = summarise_window(day % 7, dates, np.ones(len(day)), as_of="2024-03-30", window=180)
        assert found.n_days_observed == 90

    def test_a_refund_belongs_to_its_purchase(self):
        """A refund in the window of a purchase before it leaves the sum of the window alone."""
        log = [1, 1, 1], ["2024-01-05", "2024-03-20", "2024-03-25"], [50, 10, -30]
        found = summarise_window(*log, as_of="2024-03-31", window=30, refunds="net")
        assert (found.n_purchases.tolist(), found.total_spend.tolist()) == ([0], [0])
        later = summarise_window(*log, as_of="2024-03-31", window=90, refunds="net")
        assert (later.n_purchases.tolist(), later.total_spend.tolist()) == ([1], [30])

    def test_without_amounts(self):
        found = summarise_window(*LOG[:2], as_of="2024-03-31", window=30)
        assert (found.total_spend, found.mean_spend) == (None, None)
        assert list(found.to_columns()) == ["customer", "days_since_last", "n_purchases"]

    def test_columns(self):
        columns = windowed(window=90).to_columns()
        assert {name: column.tolist() for name, column in columns.items()} == {
            "customer": ["ann", "bob"],
            "days_since_last": [29, 59],
            "n_purchases": [2, 2],
            "mean_spend": [12.5, 15.5],
            "total_spend": [25, 31],
        }

    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"window": 0}, "window"),
            ({"window": -30}, "window"),
            ({"window": 30.5}, "window"),
            ({"window": None}, "window"),
            ({"window": "30"}, "window"),
            ({"window": 10**7}, "window"),
            ({"as_of": "2023-12-31"}, "as_of"),
            ({"zeros": "no"}, "zeros"),
        ],
    )
    def test_rejects(self, changes, name):
        with pytest.raises(InputError) as caught:
            windowed(**changes)
        assert caught.value.name == name

    def test_a_log_of_refunds_only(self):
        with pytest.raises(InputError, match="no purchase"):
            summarise_window([1, 1], ["2024-01-01", "2024-01-02"], [5, -5], window=30, refunds="net")


class TestOneOddRow:
    """A row dated 1970 by mistake makes no young log an old one."""

    LOG = ([1, 2, 3] * 4 + [9], [*np.repeat(["2024-01-05", "2024-02-05", "2024-03-05", "2024-03-31"], 3), "1970-01-01"])

    def test_the_window_is_not_covered(self):
        with pytest.warns(DataWarning, match="1 row is more than 5 years before all others"):
            assert summarise_window(*self.LOG, window=180).n_days_observed == 87  # 5 January to 31 March

    def test_the_last_purchases_are_those_of_the_part_there_is(self):
        with pytest.warns(DataWarning, match="1 row is more than 5 years before all others"):
            split = split_purchases(*self.LOG, calibration_end="2024-01-08")
        assert split.last_n_purchases.tolist() == [83 / 4] * 3 + [0.0]  # 5 to 8 January, of 83 days


class TestPurchaseWindow:
    """One element per customer in every column, and a window that is no shorter than its observed part."""

    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"customer": ["ann", "ann"]}, "customer"),
            ({"customer": None}, "customer"),
            ({"counts": 2}, "counts"),
            ({"days_since_last": [1]}, "days_since_last"),
            ({"n_purchases": [1, -1]}, "n_purchases"),
            ({"total_spend": [1.0]}, "total_spend"),
            ({"window": 0}, "window"),
            ({"n_days_observed": 31}, "n_days_observed"),
            ({"n_days_observed": 0}, "n_days_observed"),
            ({"as_of": "2024-02-30"}, "as_of"),
        ],
    )
    def test_rejects(self, changes, name):
        found = windowed()
        fields = ("customer", "days_since_last", "n_purchases", "total_spend", "as_of", "window", "n_days_observed")
        given = {field: getattr(found, field) for field in (*fields, "counts")}
        assert PurchaseWindow(**given) == found
        with pytest.raises(InputError) as caught:
            PurchaseWindow(**{**given, **changes})
        assert caught.value.name == name
