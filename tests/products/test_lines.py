"""Order lines: read, netted, counted."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmvalue.errors import InputError
from crmvalue.products import OrderLineCounts, OrderLines, product_pairs, read_order_lines
from tests.products import references
from tests.tables import check_json

DAY = np.datetime64("2024-01-01")

ROWS = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 3), st.integers(-3, 4).filter(bool)), min_size=1, max_size=14
)


class TestReadOrderLines:
    """`read_order_lines`: returns come off the last earlier purchases; what is left out is counted."""

    @given(rows=ROWS)
    def test_netting_equals_one_return_after_the_other(self, rows):
        key, day, units = map(np.array, zip(*rows, strict=True))
        left, unmatched = references.net(rows)
        arguments = {"quantity": units, "amount": 2.5 * units, "refunds": "net"}
        if not any(left):
            with pytest.raises(InputError, match=r"refunds|amount"):
                read_order_lines(key, DAY + day, key, **arguments)
            return
        lines = read_order_lines(key, DAY + day, key, **arguments)
        columns = lines.to_columns()
        found = sorted(
            zip(columns["customer"].tolist(), columns["date"].tolist(), lines.quantity.tolist(), strict=True)
        )
        kept = [(k, (DAY + d).item(), n) for (k, d, _), n in zip(rows, left, strict=True) if n]
        assert found == sorted(kept)
        np.testing.assert_allclose(lines.amount, 2.5 * lines.quantity)
        assert lines.counts.unmatched_quantity == unmatched
        assert lines.counts.n_refunds_netted == (units < 0).sum()
        counts = lines.counts
        assert counts.n_rows == counts.n_refunds_netted + counts.n_cancelled + counts.n_lines

    def test_returns_come_off_the_own_purchases_alone(self):
        """Twelve customers and four products, each with each: no other pair pays for a return."""
        pairs = [(customer, product) for customer in range(12) for product in range(4)]
        bought = [(pair, 0, 4 + place) for place, pair in enumerate(pairs)]
        rows = [*bought, *((pair, 1, -1 - place % 7) for place, pair in enumerate(pairs[::5]))]
        key, day, units = zip(*rows, strict=True)
        customer, product = zip(*key, strict=True)
        lines = read_order_lines(customer, DAY + np.array(day), product, quantity=units, refunds="net")
        left, _ = references.net(rows)
        found = zip(*(lines.to_columns()[name].tolist() for name in ("customer", "product", "quantity")), strict=True)
        assert sorted(found) == sorted((*pair, n) for (pair, _, _), n in zip(rows, left, strict=True) if n)

    def test_part_of_a_line_keeps_its_share_of_the_amount(self):
        lines = read_order_lines(
            [1, 1], ["2024-01-01", "2024-01-02"], ["a", "a"], quantity=[4, -1], amount=[10, -2], refunds="net"
        )
        assert (lines.quantity.tolist(), lines.amount.tolist()) == ([3.0], [7.5])

    @pytest.mark.parametrize("refunds", ["net", "drop"])
    def test_returns_need_a_column_that_marks_them(self, refunds):
        with pytest.raises(InputError, match="Hint: a quantity of at most 0 or an amount below 0 marks a return"):
            read_order_lines([1, 1], ["2024-01-01", "2024-01-02"], ["a", "a"], refunds=refunds)

    def test_a_return_before_the_purchase_is_unmatched(self):
        lines = read_order_lines([1, 1], ["2024-01-02", "2024-01-01"], ["a", "a"], quantity=[4, -1], refunds="net")
        assert lines.quantity.tolist() == [4.0]
        assert lines.counts.unmatched_quantity == 1.0

    def test_without_quantities_each_row_is_one_unit(self):
        lines = read_order_lines([1, 1, 1], ["2024-01-01"] * 3, ["a", "a", "a"], amount=[5, 7, -7], refunds="net")
        assert lines.amount.tolist() == [5.0]

    def test_missing_rows_are_dropped_and_counted(self):
        lines = read_order_lines(
            [1, None, 2, 3],
            ["2024-01-01", "2024-01-01", None, "2024-01-03"],
            ["a", "b", "c", "d"],
            amount=[1, 2, 3, np.nan],
            missing="drop",
        )
        assert len(lines) == 1
        assert lines.counts == OrderLineCounts(n_rows=4, n_missing=3, n_lines=1)
        assert lines.customer.distinct.tolist() == [1]

    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"customer": [1, None]}, "customer"),
            ({"product": ["a", ""]}, "product"),
            ({"date": ["2024-01-01", None]}, "date"),
            ({"category": ["x", None]}, "category"),
            ({"quantity": [1, 0]}, "quantity"),
            ({"quantity": [1, -1]}, "quantity"),
            ({"amount": [1, -1]}, "amount"),
            ({"amount": [1]}, "amount"),
            ({"amount": [-1, -1], "refunds": "drop"}, "amount"),
            ({"quantity": [1, -1], "product": ["a", "a"], "customer": [1, 1], "refunds": "net"}, "refunds"),
            ({"customer": [None, None], "missing": "drop"}, "customer"),
            ({"refunds": "ignore"}, "refunds"),
            ({"missing": "ignore"}, "missing"),
            ({"amount": pd.Series([1, 2], index=[5, 6]), "quantity": pd.Series([1, 2], index=[6, 5])}, "quantity"),
        ],
    )
    def test_rejections(self, changes, name):
        given = {"customer": [1, 2], "date": ["2024-01-01"] * 2, "product": ["a", "b"], **changes}
        with pytest.raises(InputError) as caught:
            read_order_lines(**given)
        assert name in {caught.value.name, "quantity"}

    @pytest.mark.parametrize("others", [1e4, 1e7, 1e12])
    def test_a_line_returned_in_parts_is_gone_whatever_others_buy(self, others):
        """One running sum over all customers would leave 1e-9 units of it."""
        lines = read_order_lines(
            ["a"] * 2 + ["b"] * 5,
            ["2024-01-01", "2024-01-02", "2024-01-01", "2024-01-02", "2024-01-03", "2024-01-04", "2024-01-05"],
            ["x"] * 7,
            quantity=[others, -1, 0.3, -0.1, -0.1, -0.1, 2],
            refunds="net",
        )
        assert lines.quantity.tolist() == [others - 1, 2]
        assert lines.counts.unmatched_quantity == 0

    def test_the_columns_stay_the_callers(self):
        quantity, amount = np.array([1.0, 2.0]), np.array([3.0, 4.0])
        lines = read_order_lines([1, 2], ["2024-01-01"] * 2, ["a", "b"], quantity=quantity, amount=amount)
        quantity[0] = amount[0] = 9.0
        assert (lines.quantity[0], lines.amount[0]) == (1.0, 3.0)


class TestOrderLines:
    """`OrderLines`: frozen columns, identifiers of any kind."""

    def test_columns_come_back(self):
        columns = {
            "customer": np.array(["b", "a", "b"]),
            "date": np.array(["2024-01-02", "2024-01-01", "2024-01-02"], "datetime64[D]"),
            "product": np.array([3, 1, 1]),
            "brand": np.array(["x", "y", "x"]),
            "amount": np.array([1.0, 2.0, 3.0]),
            "order": np.array([7, 8, 9]),
        }
        lines = OrderLines(**columns)
        assert lines.n_orders == 3
        for name, column in lines.to_columns().items():
            np.testing.assert_array_equal(column, columns[name])
        assert lines == OrderLines(**columns)
        assert lines.to_frame("polars").shape == (3, 6)

    def test_an_order_is_a_day_of_a_customer_or_an_identifier_of_theirs(self):
        given = {"customer": [1, 1, 2, 1], "date": ["2024-01-01", "2024-01-01", "2024-01-01", "2024-01-02"]}
        assert OrderLines(**given, product=["a"] * 4).n_orders == 3
        assert OrderLines(**given, product=["a"] * 4, order=["x", "y", "x", "y"]).n_orders == 3

    def test_until_and_without(self):
        lines = OrderLines(customer=[1, 2], date=["2024-01-01", "2024-01-05"], product=["a", "POST"])
        assert lines.until("2024-01-04").customer.distinct.tolist() == [1]
        assert lines.without(["POST"]).to_columns()["product"].tolist() == ["a"]
        with pytest.raises(InputError, match="as_of"):
            lines.until("2023-12-31")
        with pytest.raises(InputError, match="products"):
            lines.without(["POST", "a"])
        with pytest.raises(InputError, match=r"products of the log; got 'M' .*1 more") as caught:
            lines.without(["POST", "M", "N"])
        assert (caught.value.name, caught.value.count) == ("products", 2)

    def test_json(self):
        log = ([1, 1, 2], ["2024-01-05", "2024-01-05", "2024-01-09"], ["tea", "milk", "tea"])
        arguments = {"quantity": [3, 1, -1], "amount": [12, 2.5, -4], "brand": ["x", "y", "x"], "order": [7, 7, 8]}
        lines = read_order_lines(*log, **arguments, refunds="net")
        check_json(lines)
        assert OrderLines.from_json(lines.to_json()).counts.unmatched_quantity == 1
        check_json(OrderLines(customer=["ann"], date=["2024-01-05"], product=[3]))

    @pytest.mark.parametrize(
        "changes", [{"amount": [-1.0]}, {"quantity": [0.0]}, {"date": ["2024-13-01"]}, {"counts": 5}]
    )
    def test_rejections(self, changes):
        with pytest.raises(InputError, match=next(iter(changes))):
            OrderLines(**{"customer": [1], "date": ["2024-01-01"], "product": ["a"], **changes})

    def test_a_column_that_is_not_there_is_named(self):
        lines = OrderLines(customer=[1], date=["2024-01-01"], product=["a"])
        with pytest.raises(InputError, match="`item_kind` must be a column of the lines; got 'brand'"):
            product_pairs(lines, item_kind="brand")
        with pytest.raises(InputError, match="`lines` must be an OrderLines"):
            product_pairs([1, 2])


@pytest.mark.parametrize("library", [pd.DataFrame, pl.DataFrame, pa.table], ids=["pandas", "polars", "pyarrow"])
def test_columns_of_dataframes(library):
    """Columns go in as they are, and the frame that comes out has them."""
    log = {"customer": ["b", "a"], "date": np.array(["2024-01-02", "2024-01-01"], "datetime64[D]"), "product": [3, 1]}
    frame = library(
        {name: column if name != "date" else column.astype("datetime64[us]") for name, column in log.items()}
    )
    lines = read_order_lines(frame["customer"], frame["date"], frame["product"])
    assert lines == read_order_lines(**log)
    assert lines.to_frame("polars")["product"].to_list() == [3, 1]


@pytest.mark.parametrize(
    ("quantity", "left", "unmatched"),
    [
        ([5, 0.02, -0.01, -1e5, 0.01, -0.01], [], 99994.99),
        ([5, 0.3, 0.3, -1e6, 0.001, -0.3], [], 999994.699),
        ([3e9, -0.9, 0.03, -0.003], [2999999999.1, 0.027], 0),
        ([5, 1e9, -1e9, -4.5, 0.2], [0.5, 0.2], 0),
        ([2e-6, -5e-7], [1.5e-6], 0),
    ],
)
@pytest.mark.parametrize("part", [1, 1 / 3])
def test_a_large_return_takes_no_digits_from_what_is_bought_later(quantity, left, unmatched, part):
    """Ten units of another product stay; the rest is worked out by hand."""
    dates = [f"2024-01-{day:02d}" for day in range(1, len(quantity) + 2)]
    product = ["milk", *["tea"] * len(quantity)]
    given = [10 * part, *(part * units for units in quantity)]
    lines = read_order_lines([1] * len(given), dates, product, quantity=given, refunds="net")
    close = {"rel": 0} if part == 1 else {"rel": 1e-4}  # thirds of a billion know their digits up to 1e-7
    assert lines.quantity.tolist() == pytest.approx([10 * part, *(part * units for units in left)], **close, abs=0)
    assert lines.counts.unmatched_quantity == pytest.approx(part * unmatched, rel=1e-12)
    assert OrderLines.from_json(lines.to_json()) == lines


class TestOddRows:
    """Residues of binary arithmetic count as 0, copies are counted, and what is no identifier is refused."""

    def test_residues(self):
        lines = read_order_lines([1, 2, 1], [DAY] * 3, ["a", "b", "a"], amount=[5, 4e-16, -4e-13], refunds="net")
        assert lines.amount.tolist() == [5.0, 0.0, 0.0]
        assert (lines.counts.n_residues, lines.counts.n_refunds_netted) == (2, 0)
        assert OrderLines(customer=[1], date=[DAY], product=["a"], amount=[-4e-16]).amount.tolist() == [0.0]

    @pytest.mark.parametrize(("duplicates", "n_lines"), [("keep", 3), ("drop", 2)])
    def test_copies(self, duplicates, n_lines):
        columns = ([1, 1, 1], [DAY] * 3, ["a", "a", "b"])
        lines = read_order_lines(*columns, amount=[5, 5, 5], duplicates=duplicates)
        counts = lines.counts
        assert (len(lines), counts.n_lines) == (n_lines, n_lines)
        assert (counts.n_duplicates_kept, counts.n_duplicates_dropped) == (n_lines - 2, 3 - n_lines)
        with pytest.raises(InputError, match="without an earlier copy") as caught:
            read_order_lines(*columns, duplicates="raise")
        assert (caught.value.index, caught.value.count) == (1, 1)
        assert read_order_lines(*columns, amount=[5, 6, 5]).counts.n_duplicates_kept == 0

    @pytest.mark.parametrize("kind", [list, np.array, pd.to_datetime])
    def test_rows_at_different_times_are_no_copies(self, kind):
        times = kind(["2024-01-01T09:00", "2024-01-01T18:30", "2024-01-01T18:30"])
        lines = read_order_lines([1, 1, 1], times, ["a"] * 3, amount=[5, 5, 5], duplicates="drop")
        assert (lines.date.tolist(), lines.counts.n_duplicates_dropped) == ([DAY.item()] * 2, 1)

    @pytest.mark.parametrize("products", [[["a"]], [{}], [np.array([1])]])
    def test_products_that_cannot_be(self, products):
        lines = OrderLines(customer=[1], date=[DAY], product=["a"])
        with pytest.raises(InputError, match="`products`"):
            lines.without(products)

    @pytest.mark.parametrize("name", ["customer", "date", "product"])
    def test_a_needed_column_is_missing(self, name):
        columns = {"customer": [1], "date": [DAY], "product": ["a"], name: None}
        with pytest.raises(InputError) as caught:
            read_order_lines(**columns)
        assert caught.value.name == name
