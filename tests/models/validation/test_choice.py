"""The model for a log, chosen by its forecast of the last quarter."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from crmvalue._core.labels import spoken_for
from crmvalue._models.seasons.day_log import read_log
from crmvalue._models.validation import candidates as candidates_module
from crmvalue._models.validation import choice as choice_module
from crmvalue._models.validation.choice import Candidate, in_order
from crmvalue.datasets import load_cdnow
from crmvalue.errors import ConvergenceError, DataWarning, InputError
from crmvalue.models import (
    ModelChoice,
    choose_model,
    fit_bg_nbd,
    fit_calendar,
    fit_correlated_pareto_nbd,
    fit_ggompertz_nbd,
    fit_mbg_cnbd,
    fit_nbd,
    fit_pareto_nbd,
    proper_scores,
    rolling_holdout,
)
from crmvalue.purchases import split_purchases, summarise_purchases


@pytest.fixture(scope="module")
def log():
    return load_cdnow()


class TestChooseModel:
    """Fitted to the first part, scored on the last quarter, fitted again to all."""

    def test_one_row_dated_1970_does_not_lengthen_the_part_held_back(self, log):
        odd = np.append(log.customer, -1), np.append(log.date, np.datetime64("1970-01-01"))
        with pytest.warns(DataWarning, match="1 row is more than 5 years before all others"):
            found = choose_model(*odd, models=["bg_nbd"])
        assert found.holdout_begin == choose_model(log.customer, log.date, models=["bg_nbd"]).holdout_begin

    def test_a_lapsed_customer_before_the_others_does_not_lengthen_the_part_held_back(self, log):
        """Nor the years of a calendar. CDNOW has 546 days, and one in a hundred customers came on the first two."""
        early = np.datetime64("1994-01-01") + np.arange(300)
        odd = np.append(log.customer, np.full(300, -1)), np.append(log.date, early)
        with spoken_for():
            assert str(choose_model(*odd, models=["nbd"]).holdout_begin) == "1998-02-14"
            assert read_log(*odd, None).n_main_days == 545

    def test_on_cdnow_by_hand(self, log):
        """1 January to 30 September 1997 are 272 days; a quarter is 68: candidates are fitted up to 24 July."""
        choice = choose_model(
            log.customer, log.date, as_of="1997-09-30", models=["nbd", "bg_nbd", "pareto_nbd", "mbg_cnbd"]
        )
        split = split_purchases(log.customer, log.date, calibration_end="1997-07-24", holdout_end="1997-09-30")
        assert str(choice.holdout_begin) == "1997-07-24"
        assert choice.candidates == ("NBD", "BG/NBD", "Pareto/NBD", *(f"MBG/CNBD-{k}" for k in range(2, 7)))
        fits = [fit(split.calibration) for fit in (fit_nbd, fit_bg_nbd, fit_pareto_nbd)]
        fits.append(fit_mbg_cnbd(split.calibration, k=2))
        scores = [proper_scores(split, fit).log_score for fit in fits]
        np.testing.assert_allclose(choice.scores[:4], scores, rtol=1e-12)
        assert choice.name == "BG/NBD"
        whole = summarise_purchases(log.customer, log.date, as_of="1997-09-30")
        assert choice.fit.estimates == pytest.approx(fit_bg_nbd(whole).estimates, rel=1e-12)
        assert choice.fit.comparison == choice.conclusion
        assert "BG/NBD is chosen by its log score on the last 9.71 weeks (NBD 0.52" in choice.conclusion
        assert choice.rule == "same rate as before"
        assert not choice.rule_wins
        assert ModelChoice.from_json(choice.to_json()) == choice

    def test_nothing_after_the_last_day_takes_part(self, log):
        known = log.date <= np.datetime64("1997-09-30")
        options = {"as_of": "1997-09-30", "models": ["nbd", "bg_nbd"]}
        one = choose_model(log.customer, log.date, **options)
        assert one == choose_model(log.customer[known], log.date[known], **options)

    def test_by_the_mean_absolute_error(self, log):
        """It prefers low forecasts: a large k, and the rule that nobody buys."""
        choice = choose_model(
            log.customer, log.date, as_of="1997-09-30", models=["mbg_nbd", "mbg_cnbd"], criterion="mean_absolute_error"
        )
        assert choice.name == "MBG/CNBD-6"
        assert (choice.rule, choice.rule_wins) == ("nobody buys", True)
        assert choice.conclusion.endswith(": it wins.")

    def test_a_model_that_is_passed_over_is_named(self, log, monkeypatch):
        """The best on the holdout has no usable fit to the whole log: the words must not call the next one as good."""
        whole = summarise_purchases(log.customer, log.date, as_of="1997-09-30")

        def fails_on_the_whole(history):
            if history.as_of == whole.as_of:
                raise ConvergenceError("no peak was found")
            return fit_bg_nbd(history)

        monkeypatch.setitem(candidates_module._PLAIN, "bg_nbd", ("BG/NBD", 4, fails_on_the_whole))
        choice = choose_model(log.customer, log.date, as_of="1997-09-30", models=["nbd", "bg_nbd"])
        assert choice.name == "NBD"
        assert "not usable on the whole log, though as good or better on this part: BG/NBD" in choice.conclusion
        assert "simplest" not in choice.conclusion

    @pytest.mark.parametrize(("length", "words"), [(1.0, "1 week"), (0.999, "0.999 weeks"), (9.714, "9.71 weeks")])
    def test_a_span_in_words(self, length, words):
        assert choice_module._span(length, "week") == words

    def test_no_usable_fit(self):
        customer = [1] * 5 + [2, 3, 4]
        date = [f"2024-0{month}-01" for month in range(1, 6)] + ["2024-01-01"] * 3
        with pytest.raises(ConvergenceError, match="no model can be trusted"):
            choose_model(customer, date, models=["bg_nbd"])

    def test_models_by_name(self, log):
        """More parameters stand behind fewer, whatever the order given; a year that was seen once is not usable."""
        few = log.customer < 600
        who, when = log.customer[few], log.date[few]
        names = ["nbd+weekday", "mbg_nbd+month", "ggompertz_nbd", "correlated_pareto_nbd", "mbg_cnbd_2", "nbd"]
        choice = choose_model(who, when, as_of="1997-09-30", models=names)
        order = (
            "NBD", "GGompertz/NBD", "correlated Pareto/NBD", "MBG/CNBD-2", "NBD by weekday", "MBG/NBD by month",
        )  # fmt: skip
        assert choice.candidates == order
        assert np.isnan(choice.scores).tolist() == [False] * 5 + [True]
        assert choice.conclusion.endswith("MBG/NBD by month: the log has 0.6 years: what was seen once is no season.")
        split = split_purchases(who, when, calibration_end="1997-07-24", holdout_end="1997-09-30")
        season = fit_calendar(who, when, as_of="1997-07-24", model="nbd", by="weekday")
        functions = (fit_nbd, fit_ggompertz_nbd, fit_correlated_pareto_nbd, partial(fit_mbg_cnbd, k=2))
        fits = [function(split.calibration) for function in functions]
        scores = [proper_scores(split, fit).log_score for fit in (*fits, season.fit)]
        np.testing.assert_allclose(choice.scores[:5], scores, rtol=1e-12)

    def test_a_calendar_that_was_seen_often_enough(self, log):
        few = log.customer < 300
        choice = choose_model(log.customer[few], log.date[few], as_of="1997-09-30", models=["nbd+weekday"])
        season = fit_calendar(log.customer[few], log.date[few], as_of="1997-09-30", model="nbd", by="weekday")
        assert choice.name == "NBD by weekday"
        assert choice.fit.model == season.model
        assert ModelChoice.from_json(choice.to_json()) == choice

    def test_a_season_of_two_years_and_more_is_found(self):
        """Customers who buy three times as often in November and December, seen for four years."""
        rng = np.random.default_rng(1)
        days = np.arange("2020-01-01", "2024-01-01", dtype="datetime64[D]")
        month = days.astype("datetime64[M]").astype(int) % 12
        rate = rng.gamma(1.0, 0.01, 800)[:, np.newaxis] * np.where(month >= 10, 3.0, 1.0)
        bought = rng.random((800, len(days))) < rate
        bought[np.arange(800), rng.integers(0, 300, 800)] = True
        who, when = np.nonzero(bought)
        choice = choose_model(who, days[when], models=["nbd", "nbd+month"])
        assert choice.name == "NBD by month"
        level = choice.fit.model.calendar.level(["2024-11-15", "2024-06-15"])
        assert level[0] / level[1] == pytest.approx(3.0, rel=0.15)  # of 100 purchases a month and more

    @pytest.mark.parametrize(
        ("models", "said"),
        [
            (["mbg_cnbd", "mbg_cnbd_3"], "different models; got 'MBG/CNBD-3'"),
            (["mbg_cnbd_1"], "from 2 to 12"),
            (["mbg_cnbd_" + "9" * 5000], "must be one of nbd"),
            (["mbg_cnbd_03"], "must be one of nbd"),
            (["mbg_cnbd_\u0663"], "must be one of nbd"),
            (["nbd_2"], "from 2 to 12"),
            (["ggompertz_nbd+month"], "with a calendar"),
            (["correlated_pareto_nbd+month"], "with a calendar"),
            (["nbd+year"], "one of month, week, weekday"),
            (["nbd+month+week"], "not both"),
            (["NBD"], "one of nbd"),
        ],
    )
    def test_names_that_stand_for_nothing(self, log, models, said):
        for call in (choose_model, partial(rolling_holdout, origins=["1997-09-30"], horizon=13)):
            with pytest.raises(InputError, match=said) as caught:
                call(log.customer, log.date, models=models)
            assert caught.value.name == "models"

    def test_a_calendar_needs_days_and_all_rows(self, log):
        given = {"as_of": "1997-09-30", "models": ["nbd+weekday"]}
        with pytest.raises(InputError, match='`grain` must be "day"'):
            choose_model(log.customer, log.date, grain="week", **given)
        date = log.date.astype("datetime64[D]").copy()
        date[5] = "NaT"
        with pytest.raises(InputError, match="leave out the rows"):
            choose_model(log.customer, date, missing="drop", **given)

    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"models": []}, "models"),
            ({"models": ["nbd", "nbd"]}, "models"),
            ({"models": ["gamma"]}, "models"),
            ({"criterion": "aic"}, "criterion"),
            ({"holdout_share": 0.0}, "holdout_share"),
        ],
    )
    def test_rejects(self, log, changes, name):
        with pytest.raises(InputError) as caught:
            choose_model(log.customer, log.date, **changes)
        assert caught.value.name == name

    def test_rejects_a_log_of_one_day(self):
        with pytest.raises(InputError, match="`date` must be a log of at least two days"):
            choose_model([1, 2], ["2024-01-01"] * 2)


class TestInOrder:
    """The simplest of those within one standard error of the best, then of the rest."""

    def test_by_hand(self):
        best = np.array([1.0, 1.0, 1.0, 1.0])
        noisy = best + np.array([0.5, -0.5, 0.6, -0.4])  # 0.05 behind, standard error 0.25
        behind = best + np.array([0.1, 0.2, 0.1, 0.2])
        found = [
            Candidate("behind", behind, ""),
            Candidate("failed", None, "no"),
            Candidate("noisy", noisy, ""),
            Candidate("best", best, ""),
        ]
        assert in_order(found) == ["noisy", "best", "behind"]
        hardly = [Candidate("simple", best + 0.0009, ""), Candidate("best", best, "")]
        assert in_order(hardly)[0] == "simple"
        assert in_order(hardly, "crps")[0] == "best"
