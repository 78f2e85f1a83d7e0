"""What the customers will do: the chosen model against the public functions, and every state without one."""

from __future__ import annotations

import math
import re
from itertools import pairwise

import attrs
import numpy as np
import pytest

import crmvalue._report.models as model_section
from crmvalue import ltv
from crmvalue.__main__ import main
from crmvalue._report import output
from crmvalue.datasets import load_cdnow
from crmvalue.errors import ConvergenceError, DataWarning, InputError
from crmvalue.models import (
    GammaGamma,
    HoldoutError,
    ModelScore,
    ProperScores,
    compare_models,
    customer_values,
    fit_bg_nbd,
    fit_gamma_gamma,
    fit_mbg_nbd,
    fit_nbd,
    fit_pareto_nbd,
    spend_independence,
)
from crmvalue.purchases import split_purchases, summarise_purchases
from crmvalue.report import ModelSummary, format_models, summarise_models


@pytest.fixture(scope="module")
def cdnow():
    return load_cdnow()


@pytest.fixture(scope="module")
def found(cdnow):
    return summarise_models(cdnow.customer, cdnow.date, cdnow.amount, margin=0.3, discount_rate=0.1)


@pytest.fixture
def columns(cdnow):
    """Take a fifth of the sample, enough for a model."""
    chosen = cdnow.customer <= 500
    return cdnow.customer[chosen], cdnow.date[chosen], cdnow.amount[chosen]


def doubtful(fit_function, message="flat"):
    """Give the fit of a function, with a diagnosis that says not to trust it."""

    def fit(history, **options):
        found = fit_function(history, **options)
        return attrs.evolve(found, diagnosis=attrs.evolve(found.diagnosis, messages=(message,), grade="not usable"))

    return fit


@pytest.fixture(scope="module")
def split_of_cdnow(cdnow):
    return split_purchases(cdnow.customer, cdnow.date, cdnow.amount, calibration_end="1997-11-24")


class TestSummariseModels:
    """Chooses by AIC among fits that can be trusted, refits on the whole log and values the base."""

    def test_equals_the_public_functions(self, cdnow, found):
        split = split_purchases(cdnow.customer, cdnow.date, cdnow.amount, calibration_end="1997-11-24")
        fits = {
            "BG/NBD": fit_bg_nbd(split.calibration),
            "MBG/NBD": fit_mbg_nbd(split.calibration),
            "Pareto/NBD": fit_pareto_nbd(split.calibration),
            "NBD": fit_nbd(split.calibration),
        }
        spend = fit_gamma_gamma(split.calibration, zeros="drop").model
        assert found.scores == compare_models(split, fits, spend_model=spend)
        assert found.model == min(fits, key=lambda name: fits[name].aic) == "MBG/NBD"
        assert found.holdout_length == split.holdout_length
        history = summarise_purchases(cdnow.customer, cdnow.date, cdnow.amount)
        fit, spend = fit_mbg_nbd(history), fit_gamma_gamma(history, zeros="drop")
        weekly = ltv.convert_rate(0.1, kind="discount", from_period="year", to_period="week")
        options = {"margin": 0.3, "discount_rate": weekly}
        year = customer_values(history, fit.model, spend.model, horizon=52, **options)
        assert found.value == pytest.approx(year.total, rel=1e-12)
        life = customer_values(history, fit.model, spend.model, horizon=None, **options)
        assert found.value_for_life == pytest.approx(life.total, rel=1e-12)
        assert found.expected_purchases == pytest.approx(year.expected_purchases.sum(), rel=1e-12)
        assert found.share_alive == pytest.approx(year.prob_alive.mean(), rel=1e-12)
        assert found.n_zero_spend == spend.left_out["zero spend"]
        assert found.parameters["alpha"] == fit.model.alpha
        assert found.spend_parameters["q"] == spend.model.q

    def test_without_margin_values_are_revenue(self, columns):
        revenue, margin = (summarise_models(*columns, margin=share) for share in (None, 0.25))
        assert margin.value == pytest.approx(0.25 * revenue.value, rel=1e-12)
        assert revenue.value_for_life is None
        assert "in revenue" in format_models(revenue)
        assert "margin at 0.25" in format_models(margin)

    def test_survives_json(self, found, columns):
        for summary in (found, summarise_models(*columns[:2]), summarise_models([1], ["2024-01-01"])):
            assert ModelSummary.from_json(summary.to_json()) == summary
        with pytest.raises(InputError, match="text"):
            ModelSummary.from_json("{}")

    @pytest.mark.parametrize(
        ("field", "bad"),
        [
            ("n_customers", -3), ("holdout_length", -1.0), ("model", 5), ("parameters['a']", {"a": "b"}),
            ("parameters", {1: 2.0}), ("parameters['a']", {"a": np.nan}), ("parameters", 7), ("scores", [1]),
            ("scores", "ab"), ("problem", 5), ("expected_purchases", np.nan), ("share_alive", 1.5),
            ("share_alive", "x"), ("parameters['a']", {"a": 10**400}), ("n_zero_spend", -1),
            ("value", np.inf), ("margin", 5.0), ("horizon", -1.0), ("warnings", "text"),
            ("warnings", [5]),
        ],
    )  # fmt: skip
    def test_takes_only_what_it_means(self, found, field, bad):
        with pytest.raises(InputError) as caught:
            attrs.evolve(found, **{field.partition("[")[0]: bad})
        assert caught.value.name == field

    def test_parameters_cannot_be_changed(self, found):
        for parameters in (found.parameters, found.spend_parameters):
            with pytest.raises(TypeError, match="cannot be changed"):
                parameters["p"] = 1.0

    def test_score_by_name(self, found):
        assert found.score("same rate as before").aic is None
        with pytest.raises(InputError, match="one of BG/NBD"):
            found.score("oracle")

    @pytest.mark.parametrize(
        ("customer", "date", "says"),
        [
            ([1], ["2024-01-01"], "the log spans 1 day,"),
            (
                [1, 1],
                ["2024-01-01", "2024-03-01"],
                "a forecast needs at least 10 customers; the log has 1 until 2024-02-06",
            ),
            (range(100), ["2024-01-01"] * 99 + ["2024-05-01"], "after 2024-03-14 none of the earlier"),
            (
                [*range(60)] * 2 + [99],
                ["2024-01-01"] * 60 + ["2024-01-09"] * 60 + ["2024-05-01"],
                "none of the earlier custom",
            ),
        ],
    )
    def test_too_little(self, customer, date, says):
        summary = summarise_models(list(customer), date, [5.0] * len(date))
        assert summary.model is None
        assert says in summary.problem
        assert f"not known: {summary.problem}" in " ".join(format_models(summary).split())

    def test_no_amounts(self, columns):
        summary = summarise_models(*columns[:2])
        assert (summary.value, summary.spend_problem) == (None, "the log has no amounts")
        assert "Value not known: the log has no amounts" in format_models(summary)
        assert summary.score(summary.model).spend is None

    def test_free_purchases(self, columns):
        assert (
            summarise_models(*columns[:2], np.zeros(len(columns[0]))).spend_problem == "no repeat purchase was paid for"
        )

    def test_zero_spend_is_left_out_and_counted(self, columns):
        amount = np.where(columns[0] == 1, 0.0, columns[2])
        summary = summarise_models(*columns[:2], amount)
        assert summary.n_zero_spend >= 1
        assert re.search(rf"customers +{summary.n_zero_spend} +left out of the spend model", format_models(summary))

    def test_no_finite_mean(self, columns, monkeypatch):
        def heavy(history, **options):
            return attrs.evolve(fit_gamma_gamma(history, **options), model=GammaGamma(2.0, 0.9, 5.0))

        monkeypatch.setattr(model_section, "fit_gamma_gamma", heavy)
        summary = summarise_models(*columns)
        assert summary.value is None
        assert "no finite mean (q = 0.90)" in format_models(summary)
        said = "So no figure takes off the cost of serving a customer."
        assert said not in format_models(summary)
        for value in (summary, attrs.evolve(summary, expected_purchases=None, problem="no answer")):
            printed = format_models(attrs.evolve(value, margin=0.3, service_cost=2.0))
            assert said in printed
            assert re.search(r"\.\s+So no figure", printed)

    def test_gives_no_advice_that_only_a_fit_of_ones_own_can_follow(self, columns):
        """`give a prior` was said where no option and no argument takes one."""
        summary = summarise_models(*columns[:2], np.full(len(columns[0]), 10.0))
        assert "ran to the boundary" in summary.spend_problem
        assert not re.search("prior|simpler|more data", format_models(summary))

    def test_spend_that_cannot_be_trusted_or_fitted(self, columns, monkeypatch):
        monkeypatch.setattr(model_section, "fit_gamma_gamma", doubtful(fit_gamma_gamma, "p on the boundary"))
        assert "cannot be trusted: p on the boundary" in summarise_models(*columns).spend_problem

        def fails(*_, **__):
            raise ConvergenceError("no answer")

        monkeypatch.setattr(model_section, "fit_gamma_gamma", fails)
        assert summarise_models(*columns).spend_problem == "the spend cannot be fitted: no answer"

    def test_passes_over_fits_that_cannot_be_trusted(self, columns, monkeypatch):
        whole = len(summarise_purchases(*columns[:2]).frequency)
        best = summarise_models(*columns).model
        true_fit = model_section._FITS[best]
        monkeypatch.setitem(model_section._FITS, best, doubtful(true_fit))
        second = summarise_models(*columns)
        assert second.model not in (None, best)
        assert f"{best} " in format_models(second)
        assert "(doubtful)" in format_models(second)
        assert whole == second.n_customers

        calls = []

        def doubtful_at_last(history):
            calls.append(history.as_of)
            return (true_fit if len(calls) == 1 else doubtful(true_fit))(history)

        monkeypatch.setitem(model_section._FITS, best, doubtful_at_last)
        assert summarise_models(*columns).model == second.model
        for name, fit in list(model_section._FITS.items()):
            monkeypatch.setitem(model_section._FITS, name, doubtful(fit))
        nothing = summarise_models(*columns)
        assert nothing.model is None
        assert nothing.problem.startswith("no model is usable; ")
        best_rule = min(nothing.rules, key=lambda rule: rule.purchases.mean_absolute_error)
        assert nothing.rule == best_rule.name
        assert nothing.grade in ("usable", "not usable")
        text = format_models(nothing)
        assert re.search(f"naive rule +{nothing.rule}", text)
        assert "So the naive rule makes the forecast" in " ".join(text.split())
        assert "still active" not in text

    def test_no_fit_at_all(self, columns, monkeypatch):
        def fails(*_):
            raise ConvergenceError("lost the way " * 20)

        for name in model_section._FITS:
            monkeypatch.setitem(model_section._FITS, name, fails)
        summary = summarise_models(*columns)
        assert summary.scores == ()
        assert "lost the way" in summary.problem
        assert summary.problem.strip() in " ".join(format_models(summary).split())  # to the last word
        assert max(map(len, format_models(summary).splitlines())) <= 120

    def test_broken_assumptions_are_said(self, columns):
        """Frequent buyers pay more: the overview says it, and warns nobody (warnings are errors here)."""
        number = np.bincount(columns[0])[columns[0]]
        amount = columns[2] * number**0.7
        summary = summarise_models(*columns[:2], amount)
        with pytest.warns(DataWarning) as caught:
            spend_independence(summarise_purchases(*columns[:2], amount))
        assert summary.warnings == (str(caught[0].message),)
        assert f"Note: {summary.warnings[0]}" in " ".join(format_models(summary).split())

    def test_good_data_need_no_note(self, found):
        assert found.warnings == ()
        assert "Note:" not in format_models(found)

    def test_same_call_same_bits(self, cdnow, found):
        again = summarise_models(cdnow.customer, cdnow.date, cdnow.amount, margin=0.3, discount_rate=0.1)
        assert again == found


def staying_buyers(n, seed, days=400):
    """Orders of customers who never leave, with rates that differ: the NBD."""
    rng = np.random.default_rng(seed)
    customer, day = [], []
    for i, (start, rate) in enumerate(zip(rng.integers(0, days // 2, n), rng.gamma(0.8, 1 / 60, n), strict=True)):
        later = start + np.cumsum(rng.exponential(1 / rate, 200))
        on = np.unique(np.concatenate([[start], later[later <= days].astype(int)]))
        customer += [i] * len(on)
        day += on.tolist()
    amount = rng.gamma(4.0, 5.0, len(day)).round(2) + 0.01
    return np.array(customer), np.datetime64("2023-01-01") + np.array(day), amount


class TestEveryBaseGetsAForecast:
    """A model with its grade, or the best naive rule; the grade does not flip from day to day."""

    def test_buyers_who_never_leave(self):
        summary = summarise_models(*staying_buyers(600, 1))
        assert (summary.model, summary.grade) == ("NBD", "good")
        assert summary.share_alive == 1.0
        assert abs(summary.score("NBD").purchases.bias) < 0.15
        assert "within this log no customer can be shown to have left" in " ".join(format_models(summary).split())

    @pytest.mark.slow
    @pytest.mark.parametrize(("n", "most"), [(50, 1), (500, 1)])
    def test_the_grade_changes_at_most_once_in_a_month(self, n, most):
        log = staying_buyers(n, 2)
        grades = []
        for back in range(0, 31, 2):
            found = summarise_models(*log, as_of=log[1].max() - np.timedelta64(back, "D"))
            assert found.expected_purchases > 0
            assert len(found.rules) == 3
            grades.append(found.grade)
        assert sum(one != other for one, other in pairwise(grades)) <= most

    def test_a_grade_by_hand(self, found, split_of_cdnow):
        """Bias and mean error of the model against those of one rule; the fits are good."""

        def grade(bias, error, rule_error, *fits):
            model, rule = (
                ModelScore(
                    name=name,
                    log_likelihood=aic,
                    aic=aic,
                    purchases=HoldoutError(bias=bias, mean_absolute_error=far, best_decile_found=0.5, gini=0.5),
                    spend=None,
                )
                for name, aic, far in (("BG/NBD", 1.0, error), ("rule", None, rule_error))
            )
            summary = attrs.evolve(found, model="BG/NBD", scores=(model, rule))
            return model_section._grade(summary, split_of_cdnow, *fits), summary.better_rules_by_error

        good = fit_bg_nbd(split_of_cdnow.calibration)
        usable = attrs.evolve(good, diagnosis=attrs.evolve(good.diagnosis, messages=("flat",), grade="usable"))
        chance = 2.0 / np.sqrt(split_of_cdnow.holdout_n_purchases.sum())
        assert grade(0.25, 1.0, 1.1, good) == ("good", ())
        assert grade(-0.25, 1.0, 0.96, good) == ("good", ("rule",))
        assert grade(0.1, 1.0, 0.94, good) == ("usable", ("rule",))
        assert grade(0.1, 1.0, 1.1, good, usable) == ("usable", ())
        assert grade(0.26, 1.0, 1.1, good) == ("usable", ())
        assert grade(-0.5 - 0.9 * chance, 1.0, 1.1, good) == ("usable", ())
        assert grade(0.5 + 1.1 * chance, 1.0, 1.1, good) == ("not usable", ())

    @pytest.mark.parametrize("field", ["model", "rule"])
    def test_a_chosen_model_has_a_score(self, found, field):
        with pytest.raises(InputError, match=f"`{field}` must be one of the names in `scores`: .*BG/NBD"):
            attrs.evolve(found, **{field: "another"})
        with pytest.raises(InputError, match=f"`{field}` must be one of the names in `scores`: none"):
            ModelSummary(as_of="2024-01-01", n_customers=5, **{field: "BG/NBD"})

    def test_the_sentence_on_a_better_rule_names_its_score(self, found):
        """By hand: log score and mean error of the model, of a rule with both, and of one with an error alone."""

        def said(of_model, of_rule, of_other):
            scores = [
                ModelScore(
                    name=name,
                    log_likelihood=aic,
                    aic=aic,
                    purchases=HoldoutError(bias=0.1, mean_absolute_error=far, best_decile_found=0.5, gini=0.5),
                    spend=None,
                    counts=None if score is None else ProperScores(log_score=score, crps=0.5, coverage=0.9),
                )
                for name, aic, (score, far) in (
                    ("BG/NBD", 1.0, of_model),
                    ("even", None, of_rule),
                    ("gap", None, of_other),
                )
            ]
            summary = attrs.evolve(found, model="BG/NBD", scores=tuple(scores))
            text = " ".join(format_models(summary).split())
            return summary.better_rules, summary.better_rules_by_error, text

        better, nearer, text = said((0.9, 0.7), (0.8, 0.75), (None, 0.6))
        assert (better, nearer) == (("even",), ("gap",))
        assert (
            'The naive rule "even" wins: its log score on the holdout is 0.8000, that of the model 0.9000; lower is '
            "better. Its mean error is 0.75, that of the model 0.70."
        ) in text
        better, nearer, text = said((0.9, 0.7), (0.95, 0.65), (None, 0.6))
        assert (better, nearer) == ((), ("gap", "even"))
        assert " wins: its log" not in text
        assert 'the mean error of "gap" is smaller: 0.6000 against 0.7000.' in text
        better, nearer, text = said((0.9, 0.7), (0.9, 0.7), (None, 0.7))
        assert (better, nearer) == ((), ())
        assert "log score than the model" not in text

    @pytest.mark.parametrize(
        ("of_model", "of_rule", "said"),
        [
            (-0.146, -0.039, "It misses the total by less too."),
            (0.5, 0.1, "It misses the total by less too."),
            (0.04, -0.1, "A mean error prefers forecasts that are too low."),
            (0.146, 0.2, ""),
            (-0.1, -0.105, ""),
            (math.inf, math.inf, ""),
        ],
    )
    def test_a_smaller_mean_error_is_explained_by_what_the_table_says(self, found, of_model, of_rule, said):
        scores = tuple(
            ModelScore(
                name=name,
                log_likelihood=aic,
                aic=aic,
                purchases=HoldoutError(bias=bias, mean_absolute_error=far, best_decile_found=0.5, gini=0.5),
                spend=None,
            )
            for name, aic, far, bias in (("BG/NBD", 1.0, 1.2862, of_model), ("rule", None, 1.2595, of_rule))
        )
        text = " ".join(format_models(attrs.evolve(found, model="BG/NBD", scores=scores)).split())
        assert f"is smaller: 1.2595 against 1.2862. {said}".strip() in text
        assert ("misses the total by less" in text) == ("misses" in said)
        assert ("prefers forecasts" in text) == ("prefers" in said)

    def test_a_total_that_was_missed_is_no_total_to_use(self, found):
        def said(bias):
            purchases = HoldoutError(bias=bias, mean_absolute_error=1.0, best_decile_found=0.5, gini=0.5)
            scores = tuple(attrs.evolve(score, purchases=purchases, spend=None) for score in found.scores)
            summary = attrs.evolve(found, scores=scores, grade="usable", money_grade=None)
            return summary, " ".join(format_models(summary).split())

        for bias in (0.46, -0.26):
            summary, text = said(bias)
            assert summary.total_is_rough
            assert "use ranks; the total is a rough guide" in text
            assert "use totals" not in text
        assert "use totals and ranks" in said(0.25)[1]

    def test_money_that_no_holdout_checked_has_no_grade(self, found):
        scores = tuple(attrs.evolve(score, spend=None) for score in found.scores)
        unchecked = attrs.evolve(found, scores=scores, money_grade=None)
        text = " ".join(format_models(unchecked).split())
        assert "grade, money not known the holdout could not check the money: no basis for a budget" in text
        assert "grade, money" not in format_models(attrs.evolve(unchecked, value=None))

    def test_a_money_grade_by_hand(self, found, split_of_cdnow):
        """Bias and mean error of money against those of one rule; purchases set the limit."""
        chance = 2.0 / np.sqrt(split_of_cdnow.holdout_n_purchases.sum())

        def grade(bias, error, rule_error, of_purchases="good"):
            purchases = HoldoutError(bias=0.0, mean_absolute_error=1.0, best_decile_found=0.5, gini=0.5)
            model, rule = (
                ModelScore(
                    name=name,
                    log_likelihood=aic,
                    aic=aic,
                    purchases=purchases,
                    spend=attrs.evolve(purchases, bias=bias, mean_absolute_error=far),
                )
                for name, aic, far in (("BG/NBD", 1.0, error), ("rule", None, rule_error))
            )
            summary = attrs.evolve(found, model="BG/NBD", scores=(model, rule), grade=of_purchases)
            graded = attrs.evolve(summary, money_grade=model_section._money_grade(summary, split_of_cdnow))
            text = " ".join(format_models(graded).split())
            assert ("plan with it" in text.split("grade, money")[-1]) == (graded.money_grade not in {None, "usable"})
            assert ('In money the naive rule "rule" wins' in text) == (rule_error < error)
            return graded.money_grade

        assert grade(-0.25, 1.0, 0.96) == "good"
        assert grade(-0.26, 1.0, 1.1) == "usable"
        assert grade(0.1, 1.0, 0.94) == "usable"
        assert grade(0.1, 1.0, 1.1, "usable") == "usable"
        assert grade(0.5 + 0.9 * chance, 1.0, 1.1) == "usable"
        assert grade(0.5 + 1.1 * chance, 1.0, 1.1) == "not usable"
        assert grade(0.1, 1.0, 1.1, "not usable") == "not usable"
        assert grade(np.inf, 1.0, 1.1) is None

    def test_a_model_that_missed_the_holdout_by_far_gives_way_to_a_rule(self):
        """All stop buying before the holdout, but for a few: the model foretells many times too much."""
        customer, date, amount = staying_buyers(300, 3)
        stays = (date <= np.datetime64("2023-08-20")) | (customer % 25 == 0)
        summary = summarise_models(customer[stays], date[stays], amount[stays], as_of="2024-02-04", margin=0.5)
        assert summary.model is None
        assert "missed the total of the holdout" in summary.problem
        best = min(summary.rules, key=lambda rule: rule.purchases.mean_absolute_error)
        assert summary.rule == best.name
        assert summary.value > 0
        assert (summary.share_alive, summary.value_for_life, summary.parameters) == (None, None, None)
        assert ModelSummary.from_json(summary.to_json()) == summary

    def test_a_rule_knows_the_cost_of_winning_a_customer(self, tmp_path):
        customer, date, amount = staying_buyers(300, 3)
        stays = (date <= np.datetime64("2023-08-20")) | (customer % 25 == 0)
        rows = zip(customer[stays].tolist(), date[stays].tolist(), amount[stays].tolist(), strict=True)
        path, out = tmp_path / "orders.csv", tmp_path / "out.parquet"
        path.write_text("customer,date,amount\n" + "".join(f"{who},{day},{paid}\n" for who, day, paid in rows), "utf-8")
        costs = ["--margin", "0.5", "--service-cost", "1", "--acquisition-cost", "7"]
        assert main([str(path), "--as-of", "2024-02-04", *costs, "--output", str(out)]) == 0
        duckdb = pytest.importorskip("duckdb")
        table = duckdb.read_parquet(str(out)).fetchnumpy()
        assert np.isnan(np.ma.filled(table["prob_alive"].astype(float), np.nan)).all()
        np.testing.assert_allclose(table["net_clv"], table["clv"] - 7)

    def test_the_value_of_a_rule_by_hand(self, monkeypatch):
        """The same rate as before for a year, at the mean spend, spread evenly and discounted."""
        log = staying_buyers(60, 4)
        for name, fit in list(model_section._FITS.items()):
            monkeypatch.setitem(model_section._FITS, name, doubtful(fit))
        summary = summarise_models(*log, margin=0.5, discount_rate=0.1)
        history = summarise_purchases(*log)
        foretold = {
            "same rate as before": history.frequency / history.age * 52,
            "churned after a gap": np.where(
                history.age - history.recency <= 3 * history.recency.sum() / history.frequency.sum(), 1, 0
            )
            * (history.frequency / history.age * 52),
        }
        year = log[1] > log[1].max() - np.timedelta64(364, "D")
        last = np.unique(np.column_stack([log[0][year], log[1][year].astype(int)]), axis=0)[:, 0]  # one a day
        foretold["same as the last period"] = np.bincount(last, minlength=len(history)).astype(float)
        expected = foretold[summary.rule]
        assert summary.expected_purchases == pytest.approx(expected.sum(), rel=1e-9)
        weekly = float(ltv.convert_rate(0.1, kind="discount", from_period="year", to_period="week"))
        factor = (1 - (1 + weekly) ** -52.0) / (52 * np.log1p(weekly))
        assert summary.value == pytest.approx(0.5 * factor * (expected * history.mean_spend).sum(), rel=1e-9)


class TestFormatModels:
    """Every figure stands in the text."""

    def test_figures(self, found):
        text = format_models(found)
        chosen, naive = found.score(found.model), found.score("same rate as before")
        for fact in (
            found.model, f"{chosen.aic:,.1f}", f"{100 * chosen.purchases.bias:+,.1f} %",
            f"{naive.purchases.mean_absolute_error:,.2f}", f"{100 * chosen.spend.bias:+,.1f} %",
            f"{found.expected_purchases:,.0f}", f"{found.share_alive:.2f}", f"{found.value:,.2f}",
            f"{found.value_for_life:,.2f}", "margin at 0.3",
        ):  # fmt: skip
            assert fact in text
        assert max(map(len, text.splitlines())) <= 120

    def test_what_is_not_0_is_not_written_as_0(self, found):
        few = format_models(attrs.evolve(found, expected_purchases=0.3, share_alive=0.0004, discount_rate=1e-5))
        for name, said in {"expected purchases": "0.3", "still active": "0.0004"}.items():
            assert next(line.split()[len(name.split())] for line in few.splitlines() if name in line) == said
        assert "discounted at 0.00001 a year" in " ".join(few.split())

    @pytest.mark.parametrize("summary", [None, 5, "{}"])
    def test_refuses(self, summary):
        with pytest.raises(InputError, match="`summary` must be a ModelSummary"):
            format_models(summary)

    def test_large_amounts_do_not_run_together(self, found):
        """Money in a small currency: `+9.9 %1,289,686,522,735.59` was one word."""

        def larger(error):
            return None if error is None else attrs.evolve(error, bias=1e12, mean_absolute_error=1.25e12)

        scores = tuple(
            attrs.evolve(score, purchases=larger(score.purchases), spend=larger(score.spend)) for score in found.scores
        )
        text = format_models(attrs.evolve(found, scores=scores))
        rows = [line.split() for line in text.splitlines() if "1,250,000,000,000.00" in line]
        assert len(rows) == 1 + len(found.rules)
        error = ["+100,000,000,000,000.0", "%", "1,250,000,000,000.00"]
        assert all(row[-6:] == error + error for row in rows)


class TestOutput:
    """`--output` writes the table of all customers, or says in one sentence why not."""

    duckdb = pytest.importorskip("duckdb")

    @pytest.mark.parametrize("name", ["values.csv", "it's VALUES.PARQUET"])
    def test_reads_back(self, tmp_path, capsys, cdnow, found, name):
        path = tmp_path / name
        path.write_text("old")
        assert main(["--margin", "0.3", "--discount-rate", "0.1", "--output", str(path)]) == 0
        printed = capsys.readouterr().out
        assert format_models(found) in printed
        assert "Wrote the table of 2,357 customers" in printed
        assert [file.name for file in tmp_path.iterdir()] == [name]
        reader = self.duckdb.read_csv if name.endswith("csv") else self.duckdb.read_parquet
        relation = reader(str(path))
        assert relation.columns[:8] == [
            "customer", "frequency", "recency", "age", "prob_alive", "expected_purchases", "expected_spend", "clv",
        ]  # fmt: skip
        assert {"days_since_last", "n_purchases", "mean_spend", "total_spend"} <= set(relation.columns)
        table = relation.fetchnumpy()
        assert sorted(map(str, table["customer"])) == sorted(map(str, set(cdnow.customer.tolist())))
        assert table["clv"].sum() == pytest.approx(found.value, rel=1e-12)
        assert table["expected_purchases"].sum() == pytest.approx(found.expected_purchases, rel=1e-12)
        assert str(relation.types[0]) == "BIGINT"  # numbers stay numbers

    def test_a_file_with_text_for_customers_and_no_amounts(self, tmp_path, columns, capsys):
        source, target = tmp_path / "orders.csv", tmp_path / "values.parquet"
        rows = zip(columns[0].tolist(), columns[1].tolist(), strict=True)
        source.write_text("customer,date\n" + "".join(f'"00{who}, é",{day}\n' for who, day in rows), "utf-8")
        assert main([str(source), "--output", str(target)]) == 0
        assert "Its column clv is empty, because the value is not known." in capsys.readouterr().out
        table = self.duckdb.read_parquet(str(target))
        assert table.filter("customer = '001, é' and clv is null and expected_spend is null").fetchall()
        assert main([str(source), "--output", str(source)]) == 2
        assert "another file than the one that is read" in capsys.readouterr().err

    @pytest.mark.parametrize(
        ("name", "says"),
        [
            ("values.xlsx", "whose name ends in .csv or .parquet"),
            ("values", "whose name ends in .csv or .parquet"),
            ("folder.csv", "a file, not a folder"),
            ("none/values.csv", "in a folder that exists"),
        ],
    )
    def test_refuses(self, tmp_path, capsys, name, says):
        (tmp_path / "folder.csv").mkdir()
        assert main(["--output", str(tmp_path / name)]) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.startswith("crmvalue: --output must be ")
        assert says in captured.err
        assert captured.err.count("\n") == 1

    def test_cannot_be_written(self, tmp_path, capsys, monkeypatch):
        monkeypatch.setattr("crmvalue._report.output.os.access", lambda *_: False)
        assert main(["--output", str(tmp_path / "values.csv")]) == 2
        assert "--output must be a file that can be written" in capsys.readouterr().err
        monkeypatch.undo()
        monkeypatch.setitem(output._FORMATS, ".csv", "format none")
        assert main(["--output", str(tmp_path / "values.csv")]) == 2
        assert "--output must be a file that can be written" in capsys.readouterr().err
        assert not list(tmp_path.iterdir())

    def test_no_model_no_table(self, tmp_path, capsys):
        source = tmp_path / "orders.csv"
        source.write_text("customer,date,amount\na,2024-01-01,5\na,2024-03-01,5\n")
        assert main([str(source), "--output", str(tmp_path / "values.csv")]) == 2
        captured = capsys.readouterr()
        assert "WHAT THE CUSTOMERS WILL DO" in captured.out
        assert captured.err.startswith(
            "crmvalue: --output wrote no table, because there is no forecast: a forecast needs at least"
        )
        assert not (tmp_path / "values.csv").exists()


class TestUnseenMonths:
    """A log of less than a year says nothing of the months that it has not seen."""

    @pytest.mark.parametrize(
        ("end", "months"),
        [("1997-09-30", ("October", "November", "December")), ("1997-11-01", ("December",)), ("1997-12-31", ())],
    )
    def test_are_named(self, end, months):
        log = load_cdnow()
        summary = summarise_models(log.customer, log.date, as_of=end)
        assert summary.unseen_months == months
        text = " ".join(format_models(summary).split())
        said = {0: "", 1: "no day in December", 3: "no day in October to December"}[len(months)]
        assert said in text
        assert ("The log has no day in" in text) == bool(months)
