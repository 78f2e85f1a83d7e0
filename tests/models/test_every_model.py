"""Each purchase model in each public function that takes one: it says what the model says, or refuses in words."""

from __future__ import annotations

import importlib
import inspect
import re
from functools import cache, partial
from typing import Any, NamedTuple

import attrs
import numpy as np
import pandas as pd
import polars as pl
import pytest

from crmvalue import frames, models, plots
from crmvalue.errors import InputError
from crmvalue.models import BgNbd, Calendar, CovariateEffect, Diagnosis, Ensemble, Fit, SeasonalModel
from crmvalue.purchases import PurchaseHistory, PurchaseSplit, split_purchases

SPEND = models.GammaGamma(6.25, 3.74, 15.44)
BG = BgNbd(0.5, 5.0, 0.8, 2.4, "week")
NBD = models.Nbd(0.6, 6.0, "week")
EFFECT = [CovariateEffect("z", 0.5)]
SEASON = Calendar(month={"October": 3.0, "February": 0.4}, weekday={"Saturday": 2.0})
MODELS: dict[str, Any] = {
    "NBD": NBD,
    "BG/NBD": BG,
    "MBG/NBD": models.MbgNbd(0.5, 5.0, 0.8, 2.4, "week"),
    "Pareto/NBD": models.ParetoNbd(0.5, 5.0, 0.6, 11.0, "week"),
    "correlated": models.CorrelatedParetoNbd(0.5, 5.0, 0.6, 11.0, 1.5, "week"),
    "GGompertz/NBD": models.GgompertzNbd(0.5, 5.0, 0.02, 0.6, 0.25, "week"),
    "BG/CNBD-2": models.BgCnbd(0.5, 2.5, 0.8, 2.4, "week", k=2),
    "MBG/CNBD-3": models.MbgCnbd(0.5, 1.7, 0.8, 2.4, "week", k=3),
    "season": SeasonalModel(BG, SEASON),
    "season of k": SeasonalModel(models.MbgCnbd(0.5, 2.5, 0.8, 2.4, "week", k=2), SEASON),
    "season of Pareto": SeasonalModel(models.ParetoNbd(0.5, 5.0, 0.6, 11.0, "week"), SEASON),
    "ensemble": Ensemble(models=[BG, NBD], weights=[0.6, 0.4], names=["one", "two"]),
    "ensemble with season": Ensemble(models=[SeasonalModel(BG, SEASON), NBD], weights=[0.6, 0.4], names=["one", "two"]),
    "trait": BgNbd(0.5, 5.0, 0.8, 2.4, "week", purchase_effects=EFFECT),
    "trait and age": models.GgompertzNbd(0.5, 5.0, 0.02, 0.6, 0.25, "week", dropout_effects=EFFECT),
    "time-varying": models.TimeVaryingParetoNbd(0.5, 5.0, 0.6, 11.0, "week", purchase_effects=EFFECT),
    "opportunities": models.BgBb(1.2, 0.75, 0.66, 2.78),
}
POOLS = {"ensemble", "ensemble with season"}
SEASONS = {"season", "season of k", "season of Pareto", "ensemble with season"}
TRAITS = {"trait", "trait and age"}
ODD = {"time-varying", "opportunities"}
NAMES_ONLY = {"attribute", "choose_model", "fit", "fit_calendar", "fit_table"}
"""Functions that take models by name alone, not models."""


class Base(NamedTuple):
    """A log with a holdout, and what is known of its customers."""

    who: np.ndarray
    when: np.ndarray
    split: PurchaseSplit
    time_varying: models.TimeVaryingHistory
    frame: Any
    lazy: Any

    @property
    def past(self) -> PurchaseHistory:
        return self.split.calibration


@cache
def base():
    rng = np.random.default_rng(3)
    n, days = 12, np.arange("1997-01-01", "1998-03-01", dtype="datetime64[D]")
    bought = rng.random((n, len(days))) < rng.gamma(0.7, 0.02, n)[:, np.newaxis]
    bought[np.arange(n), rng.integers(0, 60, n)] = True
    who, when = np.nonzero(bought)
    when = days[when]
    paid = rng.gamma(5.0, 4.0, len(who))
    split = split_purchases(who, when, paid, calibration_end="1997-09-30", holdout_end="1997-12-30")
    weeks = np.arange("1996-12-30", "1998-03-05", 7, dtype="datetime64[D]")
    changing = models.TimeVaryingHistory.from_log(
        who,
        when,
        covariates={"z": rng.integers(0, 2, n * len(weeks))},
        covariate_customer=np.repeat(np.arange(n), len(weeks)),
        period_start=np.tile(weeks, n),
        as_of="1997-09-30",
    )
    trait = {"z": rng.integers(0, 2, n).astype(np.float64)}
    orders = {"customer": who, "date": when.astype("datetime64[ms]"), "amount": paid}
    eager = frames.summarise(pd.DataFrame(orders), as_of="1997-09-30")
    lazy = frames.summarise(pl.DataFrame(orders).lazy(), as_of="1997-09-30")
    return Base(
        who,
        when,
        split.with_covariates(trait),
        changing,
        attrs.evolve(eager, frame=eager.frame.assign(**trait)),
        attrs.evolve(lazy, frame=lazy.frame.sort("customer").with_columns(z=pl.Series(trait["z"]))),
    )


def alone(name):
    """Give what functions need beside the model."""
    return {"time_varying": base().time_varying} if name == "time-varying" else {}


def known(name):
    """Give the history that the methods of a model take."""
    return base().time_varying if name == "time-varying" else base().past


def expected(name, horizon=13.0):
    return MODELS[name].expected_purchases(known(name), horizon=horizon)


@cache
def fit_of(name):
    """Make a fit that is good, with standard errors of 10 %."""
    model = MODELS[name]
    inner = getattr(model, "model", model)
    names = tuple(field.name for field in attrs.fields(type(inner)) if isinstance(getattr(inner, field.name), float))
    estimates = np.array([getattr(inner, one) for one in names])
    if isinstance(model, Ensemble | models.BgBb):
        return None
    return Fit(
        model=model,
        log_likelihood=float(model.log_likelihood(known(name)).sum()),
        n_customers=len(base().past),
        names=names,
        estimates=estimates,
        search_covariance=np.eye(len(names)) * 0.01,
        positive=np.ones(len(names), dtype=bool),
        diagnosis=Diagnosis(gradient_norm=0.0, boundary=(), flat=(), n_starts=1, n_evaluations=1, messages=()),
    )


def calibration(name, model):
    found = models.calibration_by_frequency(base().split, model, most=3, **alone(name))
    total = np.nansum(found.expected * found.n_customers)
    assert total == pytest.approx(expected(name, base().split.holdout_length).sum(), rel=1e-9)


def comparison(name, model):
    split = base().split
    score = models.compare_models(split, {"it": model}, spend_model=SPEND, **alone(name))[0]
    total = (1.0 + score.purchases.bias) * split.holdout_n_purchases.sum()
    assert total == pytest.approx(expected(name, split.holdout_length).sum(), rel=1e-9)


def scores(name, model):
    split = base().split
    found = models.proper_scores(split, model, **alone(name))
    prob = MODELS[name].prob_purchases(known(name), split.holdout_n_purchases, horizon=split.holdout_length)
    assert found.log_score == pytest.approx(-np.log(prob).mean(), rel=1e-9)


def places(name, model):
    found = models.probability_integral_transform(base().split, model, rng=np.random.default_rng(1), **alone(name))
    assert found.share.sum() == pytest.approx(1.0)
    assert found.n_drawn.sum() == len(base().past)


def values(name, model):
    terms = {"margin": 0.3, "discount_rate": 0.002, "service_cost": 0.1}
    found = models.customer_values(base().past, model, SPEND, horizon=13, **terms, **alone(name))
    of_model = MODELS[name]
    np.testing.assert_allclose(found.expected_purchases, expected(name), rtol=1e-9)
    np.testing.assert_allclose(found.prob_alive, of_model.prob_alive(known(name)), rtol=1e-9)
    discounted = of_model.discounted_expected_purchases(known(name), discount_rate=0.002, horizon=13)
    earned = 0.3 * found.expected_spend * discounted
    np.testing.assert_allclose(found.clv + found.expected_service_cost, earned, rtol=1e-9)


def values_for_life(name, model):
    found = models.customer_values(
        base().past, model, SPEND, horizon=None, margin=0.3, discount_rate=0.01, **alone(name)
    )
    discounted = MODELS[name].discounted_expected_purchases(known(name), discount_rate=0.01)
    np.testing.assert_allclose(found.clv, 0.3 * found.expected_spend * discounted, rtol=1e-9)


def values_with_intervals(name, model):
    rng = np.random.default_rng(1)
    spend = models.fit_gamma_gamma(base().past, priors={"p": (6.0, 0.5), "q": (4.0, 0.5), "gamma": (15.0, 0.5)})
    options = {"horizon": 13, "margin": 0.3, "level": 0.5, "n_draws": 4, "rng": rng}
    found = models.customer_values(base().past, model, spend, **options, **alone(name))
    assert found.intervals.total.low < found.total * 1.5
    assert found.intervals.total.high > found.total / 1.5


def posterior(name, model):
    found = models.draw_posterior(model, known(name), n_draws=3, rng=np.random.default_rng(1))
    assert found.names == model.names


def histogram(name, model):
    table = models.CountHistogram(counts=[60, 25, 15], cells=[0, 1, 2], period_ends=[13], time_unit="week")
    found = models.expected_histogram(model, table)
    assert found.ravel()[:2] == pytest.approx(100 * MODELS[name].prob_purchases_new([0, 1], horizon=13))


def ensemble(name, model):
    found = models.fit_ensemble(base().split, {"it": model})
    np.testing.assert_allclose(found.expected_purchases(base().past, horizon=13), expected(name), rtol=1e-9)
    np.testing.assert_allclose(
        found.prob_alive(base().past, at=4), MODELS[name].prob_alive(base().past, at=4), rtol=1e-9
    )


def likelihood_ratio(_name, model):
    more = model
    if isinstance(model, Fit):
        more = attrs.evolve(
            model,
            names=(*model.names, "purchase.more"),
            estimates=np.append(model.estimates, 0.1),
            positive=np.append(model.positive, False),
            search_covariance=np.eye(len(model.names) + 1) * 0.01,
            log_likelihood=model.log_likelihood + 1.0,
        )
    assert models.likelihood_ratio_test(model, more).statistic == pytest.approx(2.0)


def tracking(name, model):
    found = models.purchase_tracking(base().who, base().when, model, as_of="1997-09-30", period_days=91)
    end = found.end[-1]
    entered = base().past.as_of - np.rint(base().past.age * 7).astype(int)
    total = sum(new_by(MODELS[name], day, (end - day).astype(int) / 7.0) for day in entered if day <= end)
    assert found.cumulative_expected[-1] == pytest.approx(total, rel=1e-9)


def new_by(model, day, horizon):
    """Repeat purchases expected of a customer who came on a day."""
    if isinstance(model, Ensemble):
        parts = zip(model.weights.tolist(), model.models, strict=True)
        return sum(weight * new_by(one, day, horizon) for weight, one in parts)
    model = model.starting(day) if isinstance(model, SeasonalModel) else model
    return float(model.expected_purchases_new(horizon=horizon))


def plan(name, model):
    found = models.revenue_plan(base().past, model, SPEND, margin=0.3, n_months=3)
    assert found.expected_purchases.sum() == pytest.approx(expected(name, 92 / 7).sum(), rel=1e-9)


def rolling(name, model):
    found = models.rolling_holdout(
        base().who, base().when, origins=["1997-09-30"], horizon=13, models={"it": lambda _: model}
    )
    assert found.expected[0] == pytest.approx(expected(name).sum(), rel=1e-9)


def value_of_frame(name, model, *, lazy):
    """Compare with the functions of arrays, with and without money."""
    opened = base().lazy if lazy else base().frame
    found = frames.value(opened, model, SPEND, horizon=13, margin=0.3).frame
    bare = frames.value(opened, model, horizon=13).frame
    found, bare = (one.sort("customer").collect().to_pandas() if lazy else one for one in (found, bare))
    same = models.customer_values(base().past, model, SPEND, horizon=13, margin=0.3)
    for column in ("prob_alive", "expected_purchases", "clv"):
        np.testing.assert_allclose(found[column], getattr(same, column), rtol=1e-9)
    np.testing.assert_allclose(bare["expected_purchases"], expected(name), rtol=1e-9)


def customer_history(name, model):
    dates = ["1997-01-08", "1997-03-05"]
    found = plots.customer_history(dates, model, as_of="1997-09-30", horizon=20).plot_data()
    one = PurchaseHistory.from_columns(frequency=[1], recency=[8], age=[265 / 7], time_unit="week")
    here = found["day"] == np.datetime64("1997-09-30")
    assert found["prob_alive"][here] == pytest.approx(MODELS[name].prob_alive(one), rel=1e-9)


def value_matrix(name, model):
    found = plots.value_matrix(model, age=52, horizon=52, margin=10).plot_data()
    one = PurchaseHistory.from_columns(frequency=[10], recency=[52], age=[52], time_unit="week")
    assert found["value"][0] == pytest.approx(10 * MODELS[name].expected_purchases(one, horizon=52)[0], rel=1e-9)


def rates(_name, model, *, draw, column):
    found = draw(model).plot_data()
    assert (np.diff(found[column]) < 0).all()
    assert found[column][0] > found["average"][0] > found[column][-1]


WALK = {
    "calibration_by_frequency": [(calibration, {"opportunities"})],
    "compare_models": [(comparison, {"opportunities"})],
    "proper_scores": [(scores, {"opportunities"})],
    "probability_integral_transform": [(places, {"opportunities"})],
    "customer_values": [
        (values, {"opportunities"}),
        (values_for_life, ODD),
        (values_with_intervals, ODD | POOLS),
    ],
    "draw_posterior": [(posterior, {*POOLS, "opportunities"})],
    "expected_histogram": [(histogram, {*MODELS} - {"NBD", "BG/NBD", "MBG/NBD", "Pareto/NBD"})],
    "fit_ensemble": [(ensemble, ODD | POOLS)],
    "likelihood_ratio_test": [(likelihood_ratio, SEASONS | POOLS | {"opportunities"})],
    "purchase_tracking": [(tracking, ODD | TRAITS)],
    "revenue_plan": [(plan, ODD)],
    "rolling_holdout": [(rolling, ODD | TRAITS)],
    "value": [(partial(value_of_frame, lazy=False), ODD), (partial(value_of_frame, lazy=True), ODD)],
    "customer_history": [(customer_history, ODD | SEASONS | TRAITS)],
    "value_matrix": [(value_matrix, ODD | SEASONS | TRAITS)],
    "purchase_rates": [(partial(rates, draw=plots.purchase_rates, column="rate"), POOLS | {"opportunities"})],
    "leaving_rates": [
        (partial(rates, draw=plots.leaving_rates, column="prob_leaving"), POOLS | {"NBD", "opportunities"})
    ],
}
"""What each function is asked, and the models that it refuses."""

FITS_ALONE = {"draw_posterior", "likelihood_ratio_test", "values_with_intervals"}


@cache
def takers():
    """Give the public functions whose docstring says that they take a purchase model or a fit."""
    found = {}
    for door in ("attribution", "cohorts", "frames", "models", "plots", "report", "segmentation"):
        module = importlib.import_module(f"crmvalue.{door}")
        for name in module.__all__:
            thing = getattr(module, name)
            said = (inspect.getdoc(thing) or "").split("Returns\n")[0] if inspect.isfunction(thing) else ""
            if re.search(r"[Pp]urchase model|[Mm]odel of purchases|: Fit\b|models? : ", said.split("Parameters\n")[-1]):
                found[name] = thing
    return found


def cases():
    for function, asked in WALK.items():
        for ask, refused in asked:
            title = getattr(ask, "func", ask).__name__
            fits_alone = bool({function, title} & FITS_ALONE)
            for name in MODELS:
                for kind in ("fit",) if fits_alone else ("model", "fit"):
                    # A fit is taken apart in one place, and for life some models take long.
                    slow = (kind == "fit" and not fits_alone) or (title == "values_for_life" and name != "BG/NBD")
                    told = f"{function}-{title}-{name}-{kind}"
                    mark = [pytest.mark.slow] if slow else []
                    yield pytest.param(function, ask, name, kind, name in refused, id=told, marks=mark)


class TestEveryModel:
    """A new model or a new function fails here until somebody has said what the two do together."""

    def test_all_functions_are_walked(self):
        assert {*takers()} == {*WALK} | NAMES_ONLY

    def test_all_models_are_walked(self):
        public = [getattr(models, name) for name in models.__all__]
        predicting = {one for one in public if inspect.isclass(one) and hasattr(one, "prob_purchases")}
        assert {type(model) for model in MODELS.values()} == predicting

    @pytest.mark.parametrize(("function", "ask", "name", "kind", "refused"), list(cases()))
    def test_works_or_refuses(self, function, ask, name, kind, refused):
        given = MODELS[name] if kind == "model" else fit_of(name)
        given = MODELS[name] if given is None else given  # of some no fit is made
        if not refused:
            ask(name, given)
            return
        with pytest.raises(InputError) as caught:
            ask(name, given)
        parameters = inspect.signature(takers()[function]).parameters
        assert re.split(r"\W", caught.value.name)[0] in parameters
        assert caught.value.rule


class TestRefusals:
    """What looks alike and is not."""

    def test_another_k_is_not_nested(self):
        """The log-likelihoods of different k leave out different factors."""
        one = fit_of("MBG/CNBD-3")
        names, covariance = (*one.names, "purchase.more"), np.eye(5) * 0.01
        more = attrs.evolve(
            one,
            model=attrs.evolve(one.model, k=2),
            names=names,
            estimates=np.append(one.estimates, 0.1),
            positive=np.append(one.positive, False),
            search_covariance=covariance,
            log_likelihood=one.log_likelihood + 1.0,
        )
        with pytest.raises(InputError, match="with the same k"):
            models.likelihood_ratio_test(one, more)

    def test_an_ensemble_with_a_calendar_draws_nobody(self):
        with pytest.raises(InputError, match="without a calendar where customers are drawn") as caught:
            MODELS["ensemble with season"].simulate([10.0], rng=np.random.default_rng(1))
        assert "simulate" in caught.value.hint

    def test_an_ensemble_with_a_calendar_needs_the_last_day(self):
        undated = PurchaseHistory.from_columns(frequency=[1], recency=[8], age=[30], time_unit="week")
        with pytest.raises(InputError, match="a calendar needs the days"):
            MODELS["ensemble with season"].expected_purchases(undated, horizon=4)
