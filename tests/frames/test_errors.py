"""What frames refuse, in words that name the argument and the way out."""

from __future__ import annotations

import datetime as dt

import attrs
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from crmvalue import frames
from crmvalue.errors import ConvergenceError, DataWarning, InputError
from crmvalue.models import BgNbd, GammaGamma, Gb2Spend, LognormalSpend
from tests.frames.engines import ENGINES, needs

NAMES = ("pandas", "PyArrow", "Polars, lazy", "DuckDB")
each_engine = pytest.mark.parametrize(
    "engine", [engine for engine in ENGINES if engine.name in NAMES], ids=lambda engine: engine.name
)
each_lazy_engine = pytest.mark.parametrize(
    "engine", [engine for engine in ENGINES if engine.name in NAMES[2:]], ids=lambda engine: engine.name
)
DAYS = [dt.date(2024, 1, 1), dt.date(2024, 1, 2), dt.date(2024, 1, 9)]
ORDERS = pa.table({"customer": ["a", "b", "a"], "date": pa.array(DAYS, pa.date32()), "amount": [1.0, 2.0, 3.0]})
MODEL, SPEND = BgNbd(0.243, 4.414, 0.793, 2.426, "week"), GammaGamma(6.25, 3.74, 15.44)
TERMS = {"horizon": 3, "margin": 0.3}


@pytest.fixture(autouse=True)
def _installed(request):
    if "engine" in request.fixturenames:
        needs(request.getfixturevalue("engine"))


def refusal(function, *args, **kwargs):
    with pytest.raises(InputError) as caught:
        function(*args, **kwargs)
    return caught.value


class TestOrders:
    """Columns, their types, words and dates."""

    @pytest.mark.parametrize("amount", [np.inf, -np.inf, 1e16])
    @each_engine
    def test_an_impossible_amount_without_a_customer(self, engine, amount):
        table = pa.table({"customer": ["a", None, "b"], "date": ORDERS["date"], "amount": [1.0, amount, 2.0]})
        error = refusal(frames.summarise, engine.make(table), missing="drop", refunds="drop")
        assert (error.name, error.rule) == ("amount", "of a magnitude up to 1e15")

    @pytest.mark.parametrize(("n_days", "n_near", "n_far", "refused"), [(8, 2, 1, True), (9, 1, 2, False)])
    @each_engine
    def test_a_date_far_after_a_tenth_of_the_rows_counts_copies(self, engine, n_days, n_near, n_far, refused):
        days = [dt.date(2024, 1, day) for day in range(1, n_days + 1)] * n_near + [dt.date(2203, 1, 1)] * n_far
        orders = engine.make(pa.table({"customer": [1] * len(days), "date": pa.array(days, pa.date32())}))
        if refused:
            assert "2203-01-01" in str(refusal(frames.summarise, orders, duplicates="drop"))
        else:
            assert str(frames.summarise(orders, duplicates="drop").as_of) == "2203-01-01"

    @each_engine
    def test_a_date_far_before_the_others_is_counted_in_a_warning(self, engine):
        days = [dt.date(2024, 1, 1 + i % 8) for i in range(40)] + [dt.date(1900, 1, 1)]
        orders = engine.make(pa.table({"customer": [1] * 41, "date": pa.array(days, pa.date32())}))
        for function, cut in ((frames.summarise, {}), (frames.split, {"calibration_end": "2024-01-04"})):
            with pytest.warns(DataWarning, match="^1 row is more than 5 years before .*, the first of 1900-01-01"):
                function(orders, **cut)

    @each_engine
    def test_a_retention_names_a_date_far_before_the_others(self, engine):
        days = [dt.date(2024, 1, 1 + i % 8) for i in range(40)] + [dt.date(1900, 1, 1)]
        orders = engine.make(pa.table({"customer": [1] * 41, "date": pa.array(days, pa.date32())}))
        with pytest.warns(DataWarning, match="^1 row is more than 5 years before .*, the first of 1900-01-01"):
            frames.retention(orders, period="month", as_of="2024-01-08")

    @each_lazy_engine
    def test_a_far_date_has_no_place_among_the_days(self, engine):
        days = [dt.date(2024, 1, 1 + i % 8) for i in range(40)] + [dt.date(2203, 1, 1)] * 2 + [None]
        orders = engine.make(pa.table({"customer": [1] * 43, "date": pa.array(days, pa.date32())}))
        for function, cut in ((frames.summarise, {}), (frames.split, {"calibration_end": "2024-01-04"})):
            error = refusal(function, orders, missing="drop", **cut)
            assert (error.name, error.index, error.count) == ("date", None, 2)
            assert "got '2203-01-01' (1 more). Hint" in str(error)

    @pytest.mark.parametrize(
        ("asked", "name", "text"),
        [
            ({"customer": "who"}, "customer", "a column of the frame (customer, date, amount); got 'who'"),
            ({"customer": 1}, "customer", "the name of a column"),
            ({"customer": "date", "date": "date"}, "orders", "different columns"),
            ({"time_unit": "fortnight"}, "time_unit", "'quarter'"),
            ({"grain": "hour"}, "grain", "'day', 'week'"),
            ({"refunds": "perhaps"}, "refunds", "'raise', 'net', 'drop'"),
            ({"zeros": "perhaps"}, "zeros", "'keep', 'drop', 'raise'"),
            ({"missing": "perhaps"}, "missing", "'raise', 'drop'"),
            ({"duplicates": "perhaps"}, "duplicates", "'keep', 'drop', 'raise'"),
            ({"as_of": "2023-01-01"}, "as_of", "on or after the first date of the log (2024-01-01)"),
            ({"as_of": "yesterday"}, "as_of", "a date"),
        ],
    )
    @each_engine
    def test_summarise(self, engine, asked, name, text):
        error = refusal(frames.summarise, engine.make(ORDERS), **asked)
        assert error.name == name
        assert text in str(error)

    @pytest.mark.parametrize(
        ("asked", "name"),
        [
            ({"customer": "date", "date": "customer"}, "customer"),
            ({"customer": "amount", "date": "customer"}, "date"),
            ({"customer": "amount", "amount": "customer"}, "amount"),
        ],
    )
    @each_engine
    def test_a_column_of_a_wrong_type(self, engine, asked, name):
        assert refusal(frames.summarise, engine.make(ORDERS), **asked).name == name

    def test_dates_as_text(self):
        """In memory they are read as everywhere; a lazy frame does not know their form."""
        pl = pytest.importorskip("polars")
        orders = pl.DataFrame({"customer": ["a", "a"], "date": ["2024-01-01", "2024-01-15"]})
        assert frames.summarise(orders).frame["recency"].to_list() == [2.0]
        error = refusal(frames.summarise, orders.lazy())
        assert error.name == "date"
        assert "cast the column first" in str(error)

    @each_engine
    def test_split_whose_holdout_ends_too_early(self, engine):
        ends = {"calibration_end": "2024-01-05", "holdout_end": "2024-01-03"}
        assert refusal(frames.split, engine.make(ORDERS), **ends).name == "holdout_end"
        late = refusal(frames.split, engine.make(ORDERS), calibration_end="2030-01-01")
        assert late.name == "calibration_end"

    @each_engine
    def test_no_rows(self, engine):
        assert refusal(frames.summarise, engine.make(ORDERS.slice(0, 0))).name == "customer"

    @each_lazy_engine
    def test_types_are_named_with_their_column(self, engine):
        error = refusal(frames.summarise, engine.make(ORDERS), customer="amount", date="customer")
        assert "dates or times in column 'customer'; got 'String'" in str(error)
        assert error.hint == "cast the column first, so that the engine knows the form of its dates"

    def test_a_column_that_comes_twice(self):
        orders = pd.DataFrame([[1, "2024-01-01", 1]], columns=["customer", "date", "date"])
        error = refusal(frames.summarise, orders)
        assert error.name == "orders"
        assert (error.rule, error.value) == ("a frame whose columns have different names", "date")

    def test_an_ambiguous_guess_lists_the_candidates(self):
        orders = pd.DataFrame({"customer_id": [1], "customer id": [2], "date": pd.to_datetime(["2024-01-01"])})
        error = refusal(frames.summarise, orders)
        assert error.name == "customer"
        assert "customer='customer_id' or customer='customer id'" in str(error)

    @pytest.mark.parametrize("value", [None, 3, [1, 2], {"a": [1]}, np.zeros((2, 2)), "orders.csv"])
    def test_what_is_no_frame(self, value):
        error = refusal(frames.summarise, value)
        assert error.name == "orders"
        assert "pandas, Polars, PyArrow, DuckDB, Ibis, SQLFrame, Dask or Spark" in error.rule

    def test_a_customer_column_with_the_name_of_a_result(self):
        orders = pd.DataFrame({"age": [1, 2], "date": pd.to_datetime(["2024-01-01", "2024-01-02"])})
        assert refusal(frames.summarise, orders, customer="age").hint == "rename the column"

    def test_refunds_on_dask(self):
        engine = next(engine for engine in ENGINES if engine.name == "Dask")
        needs(engine)
        table = ORDERS.set_column(2, "amount", pa.array([1.0, 2.0, -3.0]))
        error = refusal(frames.summarise, engine.make(table), refunds="net")
        assert error.name == "refunds"
        assert error.hint == 'refunds="drop" leaves them out, or compute() the frame first'


class TestCustomers:
    """Frames of customers that a model cannot use."""

    @each_engine
    def test_a_frame_of_ones_own_needs_a_unit(self, engine):
        customers = frames.summarise(engine.make(ORDERS))
        error = refusal(frames.fit, customers.frame, "bg_nbd")
        assert (error.name, error.rule) == ("time_unit", "given for a frame of your own")
        assert refusal(frames.fit, customers, "bg_nbd", time_unit="day").name == "time_unit"
        assert refusal(frames.fit, customers, "worst").name == "model"

    @each_engine
    def test_orders_without_amounts_have_no_money(self, engine):
        customers = frames.summarise(engine.make(ORDERS.drop_columns("amount")))
        for error in (
            refusal(frames.value, customers, MODEL, SPEND, **TERMS),
            refusal(frames.rfm, customers, spend_basis="total"),
        ):
            assert error.hint == "the orders had no amount: name its column with `amount` of summarise()"

    @each_engine
    def test_models_of_single_amounts_need_them(self, engine):
        orders = engine.make(ORDERS)
        customers = frames.summarise(orders)
        for error in (
            refusal(frames.fit, customers, "lognormal_spend"),
            refusal(frames.fit, customers, "gb2_spend"),
            refusal(frames.value, customers, MODEL, LognormalSpend(3.0, 0.8, 0.5), **TERMS),
        ):
            assert error.name == "customers"
            assert "keep_amounts=True" in error.hint
        without = engine.make(ORDERS.drop_columns("amount"))
        assert refusal(frames.summarise, without, keep_amounts=True).name == "amount"
        assert refusal(frames.summarise, orders, keep_amounts="yes").name == "keep_amounts"

    @each_lazy_engine
    def test_lazy_frames_take_the_plain_lognormal_model(self, engine):
        customers = frames.summarise(engine.make(ORDERS), keep_amounts=True)
        plain = LognormalSpend(3.0, 0.8, 0.5)
        for model in (
            Gb2Spend(2.1, 290.0, 0.8, 1.0),
            attrs.evolve(plain, season=[0.1] * 12),
            attrs.evolve(plain, drift=0.1, origin="2024-01-01"),
            attrs.evolve(plain, use_first=False),
        ):
            error = refusal(frames.value, customers, MODEL, model, **TERMS)
            assert error.name == "spend_fit"
            assert "orders in memory" in error.hint
        assert "keep_amounts=True" in refusal(frames.fit, customers, "gb2_spend").hint

    def test_amounts_are_those_of_the_rows(self):
        orders = pd.DataFrame(
            {"customer": [1, 1, 2, 2], "date": pd.to_datetime(DAYS + DAYS[:1]), "amount": [5, 6, 7, 8]}
        )
        customers = frames.summarise(orders, keep_amounts=True)
        for frame in (customers.frame[::-1], customers.frame[:1]):
            moved = attrs.evolve(customers, frame=frame)
            error = refusal(frames.value, moved, MODEL, LognormalSpend(3.0, 0.8, 0.5), **TERMS)
            assert (error.name, error.value) == ("customers", "others")
            assert refusal(frames.fit, moved, "gb2_spend").name == "customers"

    def test_amounts_of_customers_who_bought_once(self):
        """They have no repeat spend by which another order shows, so the logarithms of their amounts are compared."""
        orders = pd.DataFrame({"customer": [1, 2], "date": pd.to_datetime(DAYS[:1] * 2), "amount": [5.0, 7.0]})
        customers = frames.summarise(orders, keep_amounts=True)
        model = LognormalSpend(3.0, 0.8, 0.5)
        moved = attrs.evolve(customers, frame=customers.frame[::-1])
        error = refusal(frames.value, moved, MODEL, model, **TERMS)
        assert (error.name, error.value) == ("customers", "others")
        without = attrs.evolve(customers, frame=customers.frame.drop(columns="mean_log_spend"))
        assert "mean_log_spend" in str(refusal(frames.value, without, MODEL, model, **TERMS))

    @pytest.mark.parametrize(
        ("column", "value"),
        [("n_paid", -1.0), ("n_paid", 1.5), ("n_paid", 9.0), ("n_paid", None), ("mean_log_spend", None),
         ("mean_log_spend", 1e4), ("var_log_spend", -0.1), ("var_log_spend", None)],
    )  # fmt: skip
    @each_engine
    def test_columns_of_logarithms(self, engine, column, value):
        own = pa.table(
            {
                "frequency": [1.0, 2.0], "recency": [1.0, 2.0], "age": [5.0, 5.0], "n_paid": [2.0, 3.0],
                "mean_repeat_spend": [10.0, 12.0], "mean_log_spend": [2.3, 2.5], "var_log_spend": [0.1, 0.2],
            }
        )  # fmt: skip
        place = own.column_names.index(column)
        wrong = engine.make(own.set_column(place, column, pa.array([own[column][0].as_py(), value], pa.float64())))
        error = refusal(frames.fit, wrong, "lognormal_spend")
        assert (error.name, error.count) == ("mean_log_spend", 1)
        if column != "var_log_spend" and engine.is_lazy:
            error = refusal(frames.value, wrong, MODEL, LognormalSpend(3.0, 0.8, 0.5), **TERMS, time_unit="week")
            assert (error.name, error.count) == ("mean_log_spend", 1)
        nothing = own.set_column(3, "n_paid", pa.array([0.0, 0.0]))
        assert "some money" in refusal(frames.fit, engine.make(nothing), "lognormal_spend").rule

    def test_an_index_with_a_name_is_pointed_out(self):
        error = refusal(frames.summarise, ORDERS.to_pandas().set_index("customer"))
        assert str(error).endswith(". Hint: reset_index() makes customer of the index a column")
        assert "reset_index" not in str(refusal(frames.summarise, ORDERS.to_pandas().drop(columns="customer")))

    @each_engine
    def test_columns_that_are_not_there(self, engine):
        error = refusal(frames.fit, engine.make(ORDERS), "bg_nbd", time_unit="week")
        assert error.rule == "a frame with frequency, recency, age"
        assert error.hint.startswith("summarise()")

    @pytest.mark.parametrize(
        ("column", "value"),
        [("frequency", np.nan), ("frequency", 1.5), ("frequency", np.inf), ("frequency", "1"), ("age", "1")]
        + [("mean_repeat_spend", value) for value in (np.nan, None, -1.0, np.inf, "1")],
    )
    @each_engine
    def test_what_is_no_number_of_a_model(self, engine, column, value):
        columns = {"frequency": [2.0, 1.0], "recency": [3.0, 2.0], "age": [9.0, 9.0], "mean_repeat_spend": [5.0, 4.0]}
        columns[column] = [str(one) for one in columns[column]] if value == "1" else [columns[column][0], value]
        frame = engine.make(pa.table(columns))
        refusal(frames.value, frame, MODEL, SPEND, time_unit="week", **TERMS)
        if column != "age":
            refusal(frames.fit, frame, "gamma_gamma", time_unit="week")
        if column != "mean_repeat_spend":
            refusal(frames.fit, frame, "bg_nbd", time_unit="week")

    @each_engine
    def test_no_fit_can_be_trusted(self, engine):
        with pytest.raises(
            ConvergenceError, match=r"no model can be trusted on these customers \(BG/NBD: .*not usable"
        ):
            frames.fit(frames.summarise(engine.make(ORDERS)))

    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"fit": BgNbd(0.243, 4.414, 0.793, 2.426, "day")}, "fit"),
            ({"fit": "bg_nbd"}, "fit"),
            ({"spend_fit": MODEL}, "spend_fit"),
            ({"horizon": None}, "discount_rate"),
            ({"horizon": -1}, "horizon"),
            ({"margin": 3}, "margin"),
            ({"discount_rate": -0.1}, "discount_rate"),
            ({"service_cost": -1}, "service_cost"),
        ],
    )
    @each_engine
    def test_value(self, engine, changes, name):
        customers = frames.summarise(engine.make(ORDERS))
        arguments = {"fit": MODEL, "spend_fit": SPEND, **TERMS, **changes}
        assert refusal(frames.value, customers, **arguments).name == name

    @each_engine
    def test_values_of_a_fit_that_is_not_usable_come_with_a_warning(self, engine):
        customers = frames.summarise(engine.make(ORDERS))
        fit = frames.fit(customers, "nbd")
        with pytest.warns(DataWarning, match="the values rest on a fit of Nbd that is not usable") as caught:
            frames.value(customers, fit, SPEND, **TERMS)
        assert caught[0].message.count == 2

    @each_engine
    def test_a_window_of_scores_is_that_of_their_break_points(self, engine):
        customers = frames.summarise(engine.make(ORDERS))
        breaks = frames.rfm(customers, spend_basis="total", window=180).breaks
        assert breaks.window == 180
        assert frames.rfm(customers, breaks=breaks, window=180).breaks == breaks
        for window in (None, 90):
            error = refusal(frames.rfm, customers, breaks=breaks, window=window)
            assert (error.name, error.rule) == ("window", "that of the break points, 180 days")

    @each_engine
    def test_what_contradicts_break_points(self, engine):
        customers = frames.summarise(engine.make(ORDERS))
        breaks = frames.rfm(customers, spend_basis="total", n_bins=4).breaks
        assert frames.rfm(customers, breaks=breaks, n_bins=4, method="rank").breaks == breaks
        for asked in ({"spend_basis": "mean"}, {"n_bins": 5}, {"method": "quantile"}):
            error = refusal(frames.rfm, customers, breaks=breaks, **asked)
            assert [error.name] == list(asked)
            assert error.rule.startswith("that of the break points, ")

    @each_engine
    def test_errors_call_arguments_by_the_names_of_this_module(self, engine):
        money = pa.array([1.0, None])
        groups = engine.make(pa.table({"customer": ["a", "b"], "rfm_group": ["Lost", "New"], "paid": money}))
        for error in (
            refusal(frames.segments, frames.summarise(engine.make(ORDERS)), []),
            refusal(frames.migrate, groups, groups, value="paid"),
            refusal(frames.migrate, groups, groups, value="rfm_group"),
        ):
            assert error.name in {"rules", "value"}
            assert str(error).startswith(f"`{error.name}` must be ")
        days, number = pa.array([1.0, 2.0]), pa.array([1.0, 2.0])
        customers = pa.table({"days_since_last": days, "n_purchases": number, "total_spend": [-5.0, 2.0]})
        error = refusal(frames.rfm, engine.make(customers), spend_basis="total")
        assert str(error).startswith("`total_spend` must be ")

    @each_lazy_engine
    def test_intervals_need_every_customer(self, engine):
        customers = frames.summarise(engine.make(ORDERS))
        error = refusal(frames.value, customers, MODEL, SPEND, **TERMS, level=0.9)
        assert (error.name, error.hint) == ("level", "collect the customers who need intervals first")
