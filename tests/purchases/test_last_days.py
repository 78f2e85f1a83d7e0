"""A few late dates and lost weeks are said where the log itself sets its last day."""

from __future__ import annotations

import warnings
from collections import Counter

import numpy as np
import pandas as pd
import polars as pl
import pytest

from crmvalue import frames
from crmvalue.errors import DataWarning, InputError
from crmvalue.loyalty import EarnRule, Level, LoyaltyProgramme, find_streaks
from crmvalue.models import BgNbd, TimeVaryingHistory, choose_model, fit_calendar, purchase_tracking
from crmvalue.products import OrderLines, next_purchases
from crmvalue.purchases import (
    estimate_regularity,
    split_purchases,
    summarise_purchases,
    summarise_window,
)
from crmvalue.report import summarise_base, summarise_groups, summarise_models, summarise_report

MODEL = BgNbd(0.243, 4.414, 0.793, 2.426, "week")
START = np.datetime64("2024-01-01")
CUT = "2024-01-20"


def time_varying(who, day, **options):
    periods = np.repeat(day.min() + np.arange(0, 1200, 7), 9)
    whose = np.tile(np.arange(9), len(periods) // 9)
    covariates = {"discount": np.arange(len(whose)) % 2.0}
    return TimeVaryingHistory.from_log(
        who, day, covariates=covariates, covariate_customer=whose, period_start=periods, **options
    )


def programme(who, day, **options):
    levels = [Level(name="all", at_least=0)]
    known = LoyaltyProgramme(rules=[EarnRule(name="base", points=1, per=1)], levels=levels, window="year")
    return known.member_levels(who, day, np.ones(len(who), dtype=int), **options)


DOORS = {
    "summarise_purchases": summarise_purchases,
    "summarise_window": lambda who, day, **options: summarise_window(who, day, window=30, **options),
    "split_purchases": lambda who, day, as_of=None: split_purchases(who, day, calibration_end=CUT, holdout_end=as_of),
    "summarise_base": summarise_base,
    "summarise_groups": summarise_groups,
    "pandas": lambda who, day, **options: frames.summarise(pd.DataFrame({"customer": who, "date": day}), **options),
    "polars": lambda who, day, **options: frames.summarise(pl.LazyFrame({"customer": who, "date": day}), **options),
    "frames.split": lambda who, day, as_of=None: frames.split(
        pl.LazyFrame({"customer": who, "date": day}), calibration_end=CUT, holdout_end=as_of
    ),
    "purchase_tracking": lambda who, day, **options: purchase_tracking(who, day, MODEL, **options),
    "find_streaks": lambda who, day, **options: find_streaks(who, day, period="week", length=2, **options),
    "member_levels": programme,
    "next_purchases": lambda who, day, **options: next_purchases(
        OrderLines(customer=who, date=day, product=np.full(len(who), "tea")), **options
    ),
    "TimeVaryingHistory.from_log": time_varying,
}
SLOW_DOORS = {
    "estimate_regularity": estimate_regularity,
    "summarise_models": summarise_models,
    "summarise_report": summarise_report,
    "fit_calendar": lambda who, day, **options: fit_calendar(who, day, model="nbd", by="weekday", **options),
    "choose_model": lambda who, day, **options: choose_model(who, day, models=["nbd"], **options),
}


def log(days):
    days = np.asarray(days)
    return days % 9, START + days


def said(door, days, *, who=None, **options):
    customer, date = log(days)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        door(customer if who is None else who, date, **options)
    return [(str(one.message), one.message.count, one.filename) for one in caught if one.category is DataWarning]


LATE = [*np.repeat(np.arange(30), 2), 395]
KNOW_THE_END = {"find_streaks", "member_levels", "next_purchases", "TimeVaryingHistory.from_log"}
YEARS = [*range(30), *range(2396, 2426)]
LOST = [day for day in range(120) if not 30 <= day < 60]


class TestLastDay:
    """The rules of the command, in the words of the library."""

    @pytest.mark.parametrize("door", DOORS)
    def test_one_late_date(self, door):
        ((message, count, file),) = said(DOORS[door], LATE)
        assert message.startswith("only 1 purchase is later than 2024-01-30, by 366 days or more: on 2025-01-30. ")
        name = "holdout_end" if "split" in door else "as_of"
        assert message.endswith(f" or give {name}='2024-01-30'")
        assert count == 1
        assert file == __file__

    @pytest.mark.parametrize("door", DOORS)
    def test_lost_weeks(self, door):
        ((message, _, _),) = said(DOORS[door], LOST)
        text = "no purchase between 2024-01-30 and 2024-03-01, for 30 days; the 30 days before have 30 purchases. "
        assert message.startswith(text)

    @pytest.mark.parametrize("door", DOORS)
    def test_nothing_with_a_given_end(self, door):
        for days in (LATE, LOST):
            assert said(DOORS[door], days, as_of=str(START + 100)) == []

    @pytest.mark.parametrize("door", sorted(DOORS.keys() - KNOW_THE_END))
    def test_years_without_a_purchase(self, door):
        ((message, count, file),) = said(DOORS[door], YEARS)
        assert message.startswith("no purchase between 2024-01-30 and 2030-07-24: 30 rows lie before, and count. ")
        assert count == 30
        assert file == __file__

    @pytest.mark.slow
    @pytest.mark.parametrize("door", SLOW_DOORS)
    @pytest.mark.parametrize("days", [LATE, LOST])
    def test_of_models(self, door, days):
        rng = np.random.default_rng(1)
        days = np.concatenate([days, rng.choice(days[:-1], 200)])
        who = rng.choice(60, len(days), p=rng.dirichlet(np.full(60, 0.5)))
        count = Counter(message for message, *_ in said(SLOW_DOORS[door], days, who=who))
        found = [message for message in count if "later than 2024-01-30" in message or "for 30 days" in message]
        assert len(found) == 1
        assert count[found[0]] == 1

    @pytest.mark.parametrize("door", ["summarise_purchases", "polars"])
    @pytest.mark.parametrize(
        "days",
        [
            [0],
            [day for day in range(120) if not 30 <= day < 43],  # 13 days
            [*np.repeat(np.arange(30), 4), *range(60, 300, 25)],  # fades away
            np.repeat([0, 4, 9, 11, 16, 20, 40, 43, 48, 50, 55], 15),  # many lines of few purchases
            [*range(0, 700, 30), *range(760, 1000, 30)],
        ],
    )
    def test_ordinary_logs(self, door, days):
        assert said(DOORS[door], days) == []

    def test_both_are_said(self):
        messages = [message for message, *_ in said(summarise_purchases, [*LOST, 900])]
        assert [message.split()[0] for message in messages] == ["no", "only"]

    def test_an_early_date_hides_no_late_one(self):
        messages = [message for message, *_ in said(summarise_purchases, [-19_000, *LATE])]
        assert [message.split()[0] for message in messages] == ["1", "only"]

    def test_periods_of_covariates_do_not_go_on_to_2203(self):
        """One order dated 2203 was the last day, and the period from then on was said to be missing."""
        with pytest.raises(InputError, match="`date` must be at most 5 years after all earlier rows"):
            time_varying(*log([*LATE[:-1], 65_400]))
