"""What only some frames have: quantities, covariates, an index, ids of objects, guesses."""

from __future__ import annotations

import datetime as dt
import re

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from crmvalue import frames, models, purchases
from crmvalue._frames import fits
from crmvalue.datasets import load_cdnow
from crmvalue.errors import ConvergenceError, InputError
from crmvalue.models import BgNbd, GammaGamma, ParetoNbd, customer_values, fit_bg_nbd, fit_gamma_gamma
from crmvalue.purchases import PurchaseHistory, summarise_purchases
from tests.frames.engines import ENGINES, needs, read
from tests.frames.logs import assert_close, make_log

each_engine = pytest.mark.parametrize(
    "engine", [engine for engine in ENGINES if not engine.is_slowest], ids=lambda engine: engine.name
)
SPEND = GammaGamma(6.25, 3.74, 15.44)
NAMES = ["BG/NBD", "MBG/NBD", "Pareto/NBD", "NBD"]


@pytest.fixture(autouse=True)
def _installed(request):
    if "engine" in request.fixturenames:
        needs(request.getfixturevalue("engine"))


class TestQuantity:
    """With a quantity, the amount is the price of one piece."""

    @each_engine
    def test_money_is_quantity_times_price(self, engine):
        days = np.array(["2024-01-01", "2024-01-03", "2024-02-01", "2024-02-02"], dtype="datetime64[s]")
        number, price = [2, 1, 3, 1], [9.99, 5.0, 0.1, 7.5]
        table = pa.table({"customer": [1, 1, 1, 2], "date": days, "quantity": number, "price": price})
        found = frames.summarise(engine.make(table), amount="price", quantity="quantity")
        money = np.multiply(number, price)
        wanted = summarise_purchases([1, 1, 1, 2], days, money).to_columns()
        assert found.columns["quantity"] == "quantity"
        assert found.guessed == ("customer", "date")
        assert_close(read(found.frame, "customer"), wanted)


class TestBlankNames:
    """A name of nothing but white space of any script is no customer, in every engine."""

    @each_engine
    def test_left_out_and_counted(self, engine):
        blanks = [character for character in map(chr, range(0x3001)) if character.isspace()]
        names = ["a", *blanks, "", "\u3000 \xa0", "\u3000x", "\xa0y ", "Їжак", "!"]
        kept = sorted(name for name in names if name.strip())
        days = pa.array([dt.date(2024, 1, 1)] * len(names), pa.date32())
        found = frames.summarise(engine.make(pa.table({"customer": names, "date": days})), missing="drop")
        assert read(found.frame, "customer")["customer"] == kept
        assert found.counts.n_without_customer == len(blanks) + 2
        with pytest.raises(InputError, match="customer"):
            frames.summarise(engine.make(pa.table({"customer": ["a", "\xa0"], "date": days[:2]})))


class TestCovariates:
    """The columns of a model with covariates are read from the frame."""

    @each_engine
    def test_value(self, engine):
        log = load_cdnow()
        history = summarise_purchases(log.customer, log.date, log.amount, as_of="1997-09-30")
        history = history[history.customer < 200]
        web = (history.customer % 3 == 0).astype(np.float64)
        plain = ParetoNbd(0.55, 10.6, 0.6, 11.7, "week")
        effects = {"purchase_effects": [("web", 0.4, 0.1)], "dropout_effects": [("web", -0.2, 0.1)]}
        model = with_effects(plain, effects)
        wanted = customer_values(history.with_covariates({"web": web}), model, SPEND, horizon=52, margin=0.3)
        columns = {name: column for name, column in history.to_columns().items() if np.ndim(column) == 1}
        table = pa.table({**columns, "web": web})
        found = frames.value(engine.make(table), model, SPEND, horizon=52, margin=0.3, time_unit="week")
        rows = read(found.frame, "customer")
        assert rows["web"] == web.tolist()
        values = wanted.to_columns()
        values.pop("customer", None)
        assert_close(rows, values)


class TestInMemory:
    """What only the functions of arrays can do works for every frame in memory."""

    @pytest.mark.parametrize("engine", [engine for engine in ENGINES if not engine.is_lazy], ids=lambda each: each.name)
    def test_intervals(self, engine):
        log = load_cdnow()
        history = summarise_purchases(log.customer, log.date, log.amount, as_of="1997-09-30")
        fits = fit_bg_nbd(history), fit_gamma_gamma(history, zeros="drop")
        terms = {"horizon": 13, "margin": 0.3, "level": 0.9, "n_draws": 50}
        wanted = customer_values(history, *fits, **terms, rng=np.random.default_rng(1))
        customers = engine.make(history.to_frame("pyarrow"))
        found = frames.value(customers, *fits, **terms, rng=np.random.default_rng(1), time_unit="week").frame
        values = wanted.to_columns()
        values.pop("customer")
        assert "clv_low" in values
        assert_close(read(found, "customer"), values)

    @pytest.mark.parametrize("engine", [engine for engine in ENGINES if not engine.is_lazy], ids=lambda each: each.name)
    def test_strict_funnels_by_source(self, engine):
        times = np.array(["2024-01-01", "2024-01-02", "2024-01-05", "2024-01-02"], dtype="datetime64[us]")
        columns = {"customer": [1, 1, 1, 2], "event": ["lead", "call", "deal", "lead"], "source": ["a", "a", "a", "b"]}
        events = engine.make(pa.table({**columns, "time": times}))
        asked = {"steps": ["lead", "deal"], "as_of": "2024-03-01", "window": 30, "by": "source"}
        assert frames.funnel(events, **asked).result.entered.tolist() == [[1, 1], [1, 0]]
        assert frames.funnel(events, **asked, order="strict").result.entered.tolist() == [[1, 0], [1, 0]]


class TestWithoutMargin:
    """`value`: "without it no money is looked at, and the column `mean_repeat_spend` is not needed"."""

    @each_engine
    def test_a_log_without_amounts(self, engine):
        log = load_cdnow()
        kept = log.customer < 300
        orders = engine.make(pa.table({"customer": log.customer[kept], "date": log.date[kept]}))
        model = BgNbd(0.243, 4.414, 0.793, 2.426, "week")
        found = frames.value(frames.summarise(orders, as_of="1997-09-30"), model, horizon=26)
        history = summarise_purchases(log.customer[kept], log.date[kept], as_of="1997-09-30")
        rows = read(found.frame, "customer")
        wanted = {
            "prob_alive": model.prob_alive(history), "expected_purchases": model.expected_purchases(history, horizon=26)
        }  # fmt: skip
        assert_close(rows, wanted)
        assert not {"clv", "expected_spend"} & set(rows)

    def test_covariates(self):
        effects = {"purchase_effects": [("web", 0.4, 0.1)], "dropout_effects": [("web", -0.2, 0.1)]}
        model = with_effects(ParetoNbd(0.55, 10.6, 0.6, 11.7, "week"), effects)
        table = pa.table({"frequency": [2, 2], "recency": [30.0, 30], "age": [38.0, 38], "web": [0.0, 1]})
        history = PurchaseHistory(frequency=[2, 2], recency=[30, 30], age=[38, 38], time_unit="week")
        wanted = model.prob_alive(history.with_covariates({"web": [0.0, 1]}))
        for frame in (table, pl.from_arrow(table)):
            found = frames.value(frame, model, horizon=5, time_unit="week").frame
            assert found["prob_alive"].to_numpy() == pytest.approx(wanted, rel=1e-12)

    @pytest.mark.parametrize(
        ("arguments", "name"),
        [
            ({"horizon": None}, "horizon"),
            ({"horizon": 5, "discount_rate": 0.01}, "discount_rate"),
            ({"horizon": 5, "service_cost": 1.0}, "service_cost"),
            ({"horizon": 5, "acquisition_cost": 1.0}, "acquisition_cost"),
            ({"horizon": 5, "level": 0.9}, "level"),
            ({"horizon": 5, "spend_fit": SPEND}, "spend_fit"),
        ],
    )
    def test_what_only_money_needs_is_refused(self, arguments, name):
        table = pa.table({"frequency": [2], "recency": [30.0], "age": [38.0]})
        with pytest.raises(InputError) as caught:
            frames.value(table, BgNbd(0.243, 4.414, 0.793, 2.426, "week"), time_unit="week", **arguments)
        assert caught.value.name == name


class TestAgain:
    """Columns of an earlier call do not stay beside those of a later one."""

    @each_engine
    def test_values_for_life_after_values_of_a_horizon(self, engine):
        columns = {"frequency": [2.0, 0], "recency": [30.43, 0], "age": [38.86] * 2, "mean_repeat_spend": [22.35, 0]}
        customers = engine.make(pa.table({"customer": ["a", "b"], **columns}))
        model, terms = BgNbd(0.243, 4.414, 0.793, 2.426, "week"), {"margin": 0.3, "discount_rate": 0.01}
        first = frames.value(customers, model, SPEND, horizon=52, time_unit="week", **terms)
        again = frames.value(first, model, SPEND, horizon=None, **terms)
        fresh = frames.value(customers, model, SPEND, horizon=None, time_unit="week", **terms)
        assert "expected_purchases" in read(first.frame, "customer")
        assert read(again.frame, "customer") == read(fresh.frame, "customer")

    @each_engine
    def test_scores_without_groups_after_groups(self, engine):
        columns = {"days_since_last": [1.0, 2.0], "n_purchases": [3.0, 2.0], "total_spend": [5.0, 9.0]}
        first = frames.rfm(engine.make(pa.table({"customer": ["a", "b"], **columns})), spend_basis="total")
        again = frames.rfm(first, spend_basis="total", n_bins=4)
        assert "rfm_group" in read(first.frame, "customer")
        assert "rfm_group" not in read(again.frame, "customer")


class TestPandas:
    """Nothing is aligned by position against the index of the user."""

    def test_the_index_of_customers_is_kept(self):
        customers = pd.DataFrame(
            {"frequency": [2.0, 0], "recency": [30.43, 0], "age": 38.86, "mean_repeat_spend": [22.35, 0]},
            index=pd.Index(["row 9", "row 3"], name="label"),
        )
        model = BgNbd(0.243, 4.414, 0.793, 2.426, "week")
        found = frames.value(customers, model, SPEND, horizon=52, margin=0.3, time_unit="week").frame
        assert found.index.equals(customers.index)
        assert found["clv"].round(2).to_dict() == {"row 9": 11.53, "row 3": 2.66}
        assert "clv" not in customers

    def test_an_index_with_copies(self):
        orders = make_log(2, gaps=False, back=False).to_pandas()
        usual = frames.summarise(orders, customer="who", date="day", amount="paid").frame
        orders.index = np.zeros(len(orders), dtype=int)
        found = frames.summarise(orders, customer="who", date="day", amount="paid").frame
        pd.testing.assert_frame_equal(found, usual)

    @pytest.mark.parametrize("ids", [[3, None, 5, 3], ["c", None, "e", "c"], ["c", np.nan, "", "c"]])
    def test_ids_that_are_objects(self, ids):
        orders = pd.DataFrame({"customer": pd.Series(ids, dtype=object), "date": pd.to_datetime(["2024-01-01"] * 4)})
        found = frames.summarise(orders, missing="drop")
        names = [name for name in dict.fromkeys(ids) if name is not None and name == name and name != ""]  # noqa: PLR0124 - NaN
        assert found.frame["customer"].tolist() == sorted(names)
        assert found.counts.n_without_customer == 4 - sum(name in names for name in ids)


class TestBest:
    """`model="best"` says in words what it compared."""

    @each_engine
    def test_words(self, engine):
        log = load_cdnow()
        few = log.customer < 400
        table = pa.table({"customer": log.customer[few], "date": log.date[few].astype("datetime64[s]")})
        found = frames.fit(frames.summarise(engine.make(table), as_of="1997-09-30"))
        assert "has the best AIC of the usable fits" in found.comparison
        assert all(f"{name}: AIC" in found.comparison for name in ("BG/NBD", "MBG/NBD", "Pareto/NBD", " NBD"))
        assert found.diagnosis.grade != "not usable"

    @pytest.mark.parametrize("is_lazy", [False, True])
    def test_with_the_orders_the_last_quarter_decides(self, is_lazy):
        log = load_cdnow()
        few = log.customer < 400
        who, when = log.customer[few], log.date[few]
        orders = pl.DataFrame({"customer": who, "date": when.astype("datetime64[ms]")})
        orders = orders.lazy() if is_lazy else orders
        customers = frames.summarise(orders, as_of="1997-09-30")
        found = frames.fit(customers, orders=orders)
        choice = models.choose_model(who, when, as_of="1997-09-30")
        assert found.comparison == choice.conclusion
        assert found.estimates == pytest.approx(choice.fit.estimates, rel=1e-8)
        regularity = purchases.estimate_regularity(who, when, as_of="1997-09-30")
        history = purchases.summarise_purchases(who, when, as_of="1997-09-30")
        likeliest = frames.fit(customers, "mbg_cnbd", orders=orders)
        assert likeliest.comparison == models.fit_mbg_cnbd(history, regularity=regularity).comparison
        correlated = frames.fit(customers, "correlated_pareto_nbd")
        assert correlated.log_likelihood == pytest.approx(models.fit_correlated_pareto_nbd(history).log_likelihood)
        third = frames.fit(customers, "bg_cnbd", k=3)
        assert third.estimates == pytest.approx(models.fit_bg_cnbd(history, k=3).estimates, rel=1e-8)

    def test_a_model_that_is_named_alone(self):
        """GGompertz/NBD is no candidate, but can be asked for; eager and lazy frames give the same fit."""
        log = load_cdnow()
        orders = pl.DataFrame({"customer": log.customer, "date": log.date.astype("datetime64[ms]")})
        same = models.fit_ggompertz_nbd(purchases.summarise_purchases(log.customer, log.date, as_of="1997-09-30"))
        for given in (orders, orders.lazy()):
            found = frames.fit(frames.summarise(given, as_of="1997-09-30"), "ggompertz_nbd")
            assert found.log_likelihood == pytest.approx(same.log_likelihood, abs=1e-6)
            assert found.diagnosis.grade == same.diagnosis.grade

    def test_orders_and_k_where_they_do_not_belong(self):
        orders = pa.table(
            {"customer": [1, 1, 2], "date": np.array(["2024-01-01", "2024-02-01", "2024-02-02"], "M8[s]")}
        )
        customers = frames.summarise(orders)
        for model, options, name in (
            ("bg_nbd", {"orders": orders}, "orders"),
            ("mbg_cnbd", {"orders": orders, "k": 2}, "orders"),
            ("mbg_cnbd", {}, "k"),
            ("nbd", {"k": 2}, "k"),
            ("best", {"orders": customers.frame}, "orders"),
        ):
            with pytest.raises(InputError) as caught:
                frames.fit(customers, model, **options)
            assert caught.value.name == name
        with pytest.raises(InputError) as caught:
            frames.fit(customers.frame, time_unit="week", orders=orders)
        assert caught.value.name == "customers"

    @each_engine
    def test_a_fit_that_is_not_usable_is_never_taken(self, engine):
        """One customer with nearly all purchases: three fits are better by AIC, but not usable."""
        x = np.array([0.0] * 49 + [60.0])
        found = frames.fit(engine.make(repeat_customers(x, np.where(x > 0, 20.0, 0))), time_unit="week")
        aic = dict(re.findall(r"([\w/]+): AIC ([\d.]+), not usable", found.comparison))
        assert sorted(aic) == ["BG/NBD", "MBG/NBD", "Pareto/NBD"]
        assert max(map(float, aic.values())) < found.aic
        assert type(found.model).__name__ == "Nbd"
        assert found.comparison.startswith("NBD has the best AIC of the usable fits. ")

    @pytest.mark.parametrize("x", [np.zeros(30), np.full(30, 4.0)], ids=["nobody came again", "all are alike"])
    @each_engine
    def test_nothing_is_usable(self, engine, x):
        with pytest.raises(ConvergenceError, match="no model can be trusted") as caught:
            frames.fit(engine.make(repeat_customers(x, np.where(x > 0, 25.0, 0))), "best", time_unit="week")
        assert re.findall(r"([\w/]+): AIC [\d.,]+, not usable", str(caught.value)) == NAMES

    def test_a_search_without_an_end_is_named(self, monkeypatch):
        def give_up(_history):
            raise ConvergenceError("no end")

        rng = np.random.default_rng(0)
        x = rng.poisson(rng.gamma(1, 0.1, 100) * 30).astype(float)
        customers = repeat_customers(x, np.where(x > 0, 30 * x / (x + 1), 0))
        for name in ("bg_nbd", "pareto_nbd"):
            monkeypatch.setitem(fits._FITS, name, give_up)
        found = frames.fit(customers, time_unit="week")
        assert re.findall(r"([\w/]+): the search found no fit", found.comparison) == ["BG/NBD", "Pareto/NBD"]
        assert re.findall(r"([\w/]+): AIC", found.comparison) == ["MBG/NBD", "NBD"]
        for name in ("mbg_nbd", "nbd"):
            monkeypatch.setitem(fits._FITS, name, give_up)
        with pytest.raises(ConvergenceError) as caught:
            frames.fit(customers, time_unit="week")
        assert re.findall(r"([\w/]+): the search found no fit", str(caught.value)) == NAMES


def repeat_customers(frequency, recency):
    """Make customers who were all followed for 30 weeks."""
    return pa.table({"frequency": frequency, "recency": recency, "age": np.full(len(frequency), 30.0)})


def with_effects(model, effects):
    """Give a model with the same effects as a fit would have."""
    from crmvalue.models import CovariateEffect

    made = {name: tuple(CovariateEffect(*effect) for effect in found) for name, found in effects.items()}
    return type(model)(model.r, model.alpha, model.s, model.beta, model.time_unit, **made)


TERMS_OF_EACH = {"horizon": 52, "margin": {"web": 0.3, "shop": 0.4}, "segment": "channel", "service_cost": "serving"}


class TestTermsOfEachCustomer:
    """A margin, a cost of serving and a discount of each customer, from a column or from segments."""

    @staticmethod
    def customers():
        return pd.DataFrame(
            {
                "frequency": [2.0, 0.0, 7.0, 1.0],
                "recency": [30.43, 0.0, 36.0, 0.5],
                "age": [38.86, 38.86, 38.0, 2.0],
                "mean_repeat_spend": [22.35, 0.0, 50.0, 10.0],
                "channel": ["web", "shop", "shop", "web"],
                "serving": [0.05, 0.2, 0.0, 0.1],
                "rate": [0.002, 0.01, 0.002, 0.0],
                "won": [5.0, 0.0, 20.0, 1.0],
            }
        )

    @pytest.mark.parametrize("rate", [0.001, "rate", {"web": 0.002, "shop": 0.0}])
    @pytest.mark.parametrize("lazy", [False, True])
    def test_equals_the_function_of_arrays(self, rate, lazy):
        table = self.customers()
        model = BgNbd(0.243, 4.414, 0.793, 2.426, "week")
        rates = table["rate"] if rate == "rate" else table["channel"].map(rate) if isinstance(rate, dict) else rate
        history = PurchaseHistory.from_columns(**{name: table[name] for name in table.columns[:4]}, time_unit="week")
        wanted = customer_values(
            history, model, SPEND, horizon=52, margin=[0.3, 0.4, 0.4, 0.3], service_cost=table["serving"],
            discount_rate=rates,
        )  # fmt: skip
        given = pl.from_pandas(table).lazy() if lazy else table
        found = frames.value(given, model, SPEND, **TERMS_OF_EACH, discount_rate=rate, time_unit="week").frame
        found = found.collect().to_pandas() if lazy else found
        np.testing.assert_allclose(found["clv"], wanted.clv, rtol=1e-12)
        np.testing.assert_allclose(found["expected_service_cost"], wanted.expected_service_cost, rtol=1e-12)
        assert not [name for name in found.columns if name.startswith("_crmvalue")]
        assert list(found.columns[:8]) == list(table.columns)

    @pytest.mark.parametrize("cost", [4.0, 0, "won", {"web": 9.5, "shop": 2}])
    @pytest.mark.parametrize("lazy", [False, True])
    def test_the_cost_of_winning(self, cost, lazy):
        """`clv` is before it, `net_clv` is after it."""
        table = self.customers()
        model = BgNbd(0.243, 4.414, 0.793, 2.426, "week")
        given = pl.from_pandas(table).lazy() if lazy else table
        terms = {**TERMS_OF_EACH, "time_unit": "week"}
        before = frames.value(given, model, SPEND, **terms).frame
        found = frames.value(given, model, SPEND, acquisition_cost=cost, **terms).frame
        before, found = (frame.collect().to_pandas() if lazy else frame for frame in (before, found))
        costs = {"won": [5, 0, 20, 1]}.get(cost, cost) if isinstance(cost, str) else cost
        costs = [9.5, 2, 2, 9.5] if isinstance(cost, dict) else costs
        pd.testing.assert_series_equal(found["clv"], before["clv"])
        np.testing.assert_allclose(found["net_clv"], before["clv"] - np.array(costs), rtol=1e-12)
        assert "net_clv" not in before
        assert not [name for name in found.columns if name.startswith("_crmvalue")]
        again = frames.value(found, model, SPEND, **terms).frame
        assert "net_clv" not in again.columns

    @pytest.mark.parametrize("name", ["DuckDB", "Ibis", "Dask"])
    def test_in_other_engines(self, name):
        engine = next(engine for engine in ENGINES if engine.name == name)
        needs(engine)
        table = self.customers().assign(customer=["a", "b", "c", "d"])
        model = BgNbd(0.243, 4.414, 0.793, 2.426, "week")
        terms = {**TERMS_OF_EACH, "discount_rate": {"web": 0.0, "shop": 0.01}, "time_unit": "week"}
        terms["acquisition_cost"] = "won"
        wanted = frames.value(table, model, SPEND, **terms).frame
        found = read(frames.value(engine.make(pa.Table.from_pandas(table)), model, SPEND, **terms).frame, "customer")
        for column in ("clv", "expected_service_cost", "net_clv"):
            np.testing.assert_allclose(found[column], wanted[column], rtol=1e-12)

    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"segment": None}, "margin"),
            ({"segment": "region"}, "segment"),
            ({"margin": {"web": 0.3}}, "margin"),
            ({"margin": {"web": 0.3, "shop": 30}}, "margin"),
            ({"margin": "serving", "service_cost": "profit"}, "service_cost"),
            ({"margin": "frequency"}, "margin"),
            ({"discount_rate": "rate", "horizon": None}, "discount_rate"),
            ({"margin": [0.3, 0.3, 0.3, 0.3]}, "margin"),
            ({"acquisition_cost": -1}, "acquisition_cost"),
            ({"acquisition_cost": "price"}, "acquisition_cost"),
            ({"acquisition_cost": {"web": 1}}, "acquisition_cost"),
            ({"acquisition_cost": {"web": 1, "shop": -1}}, "acquisition_cost"),
            ({"acquisition_cost": [1, 1, 1, 1]}, "acquisition_cost"),
            ({"service_cost": "clv", "made": True}, "service_cost"),
        ],
    )
    @pytest.mark.parametrize("lazy", [False, True])
    def test_refuses(self, changes, name, lazy):
        table = self.customers().assign(clv=1.0) if "made" in changes else self.customers()
        changes = {name: term for name, term in changes.items() if name != "made"}
        given = pl.from_pandas(table).lazy() if lazy else table
        model = BgNbd(0.243, 4.414, 0.793, 2.426, "week")
        with pytest.raises(InputError) as caught:
            frames.value(given, model, SPEND, **{**TERMS_OF_EACH, **changes}, time_unit="week")
        assert caught.value.name == name
