"""What must hold for the fit of Pareto/NBD with a calendar: what it climbs, and what it finds."""

from __future__ import annotations

import math

import numpy as np
import pytest

from crmvalue._models.seasons.day_log import dated_purchases, log_gaps, read_log
from crmvalue._models.seasons.pareto_likelihood import SeasonalParetoLikelihood
from crmvalue.datasets import load_cdnow
from crmvalue.models import (
    Calendar,
    SeasonalFit,
    fit_calendar,
    fit_pareto_nbd,
)
from crmvalue.purchases import summarise_purchases
from tests.models.seasons.test_calendar_fit import small_log
from tests.models.seasons.test_seasonal_model import elapsed

CDNOW = load_cdnow()
LOG = CDNOW.customer, CDNOW.date


@pytest.fixture(scope="module")
def setting():
    """Give a small log with its design, what a fit climbs, and a point of the search."""
    log, design = small_log()
    found = SeasonalParetoLikelihood(dated_purchases(log, 1), design, 7.0)
    return log, design, found, np.array([-0.4, -1.2, -0.3, 0.7, 0.3, -0.5, 0.2])


@pytest.fixture(scope="module")
def season():
    return fit_calendar(*LOG, as_of="1997-09-30", by="month", model="pareto_nbd")


class TestLikelihood:
    """What a fit climbs: sums over pieces, against one customer after another, and against differences."""

    def test_is_the_sum_over_customers(self, setting):
        """Two customers of each kind by the definition, the whole log by the model for known calendars."""
        log, design, found, theta = setting
        level = np.exp(design @ theta[4:])
        units = np.array([0.0, 1.0, 0.0, 1.0]) * np.log(found.ruler / 7.0)
        r, alpha, s, beta = np.exp(theta[:4] + units)
        total = 0.0
        for customer in np.unique(log.customer).tolist():
            days = log.day[log.customer == customer]
            first, last, end = int(days[0]), int(days[-1]), log.n_days - 1
            clock = np.concatenate([[0.0], np.cumsum(level[first + 1 :])]) / 7.0
            power = r + len(days) - 1
            alive = (alpha + clock[-1]) ** -power * (beta + (end - first) / 7.0) ** -s
            left = 0.0
            node, weight = np.polynomial.legendre.leggauss(12)
            for day in range(last, end):
                place = (node + 1.0) / 2.0
                a = alpha + clock[day - first] + place * level[day + 1] / 7.0
                b = beta + (day - first + place) / 7.0
                left += float(weight @ (s * a**-power * b ** -(s + 1.0))) / 14.0
            total += math.lgamma(power) - math.lgamma(r) + r * math.log(alpha) + s * math.log(beta)
            total += math.log(alive + left) + float(np.log(level[days[1:]]).sum())
        assert found(theta).value == pytest.approx(total, rel=1e-11)

    def test_derivatives(self, setting):
        _, _, found, theta = setting
        at, step = found(theta), 1e-5
        for i, move in enumerate(step * np.eye(len(theta))):
            above, below = found(theta + move), found(theta - move)
            assert at.gradient[i] == pytest.approx((above.value - below.value) / (2 * step), rel=1e-6, abs=1e-6)
            slope = (above.gradient - below.gradient) / (2 * step)
            assert at.hessian[i] == pytest.approx(slope, rel=1e-6, abs=1e-6)

    def test_blocks_do_not_matter(self, setting, monkeypatch):
        log, design, found, theta = setting
        monkeypatch.setattr("crmvalue._models.seasons.pareto_likelihood._PIECES", 10)
        small = SeasonalParetoLikelihood(dated_purchases(log, 1), design, 7.0)
        assert len(small.blocks) > 5
        one, other = found(theta), small(theta)
        assert other.value == pytest.approx(one.value, rel=1e-13)
        assert other.hessian == pytest.approx(one.hessian, rel=1e-10, abs=1e-9)

    def test_what_is_left_out_does_not_count(self, setting, monkeypatch):
        _, _, found, theta = setting
        busy = theta + np.array([3.0, -4.0, 2.0, -2.0, 0.0, 0.0, 0.0])
        some = found(busy)
        monkeypatch.setattr("crmvalue._models.seasons.pareto_likelihood._NEGLIGIBLE", -np.inf)
        assert found(busy).value == pytest.approx(some.value, rel=1e-14)


class TestFit:
    def test_log_likelihoods(self, season):
        history = summarise_purchases(*LOG, as_of="1997-09-30")
        assert season.fit.log_likelihood == pytest.approx(season.model.log_likelihood(history).sum(), abs=1e-6)
        plain = fit_pareto_nbd(history)
        log = read_log(*LOG, "1997-09-30")
        gaps = log_gaps(dated_purchases(log, 1), np.arange(log.n_days) / 7.0, 1)
        assert gaps == 0.0
        assert season.log_likelihood_flat == pytest.approx(plain.log_likelihood, abs=1e-6)
        assert season.log_likelihood > season.log_likelihood_flat
        assert season.fit.names == ("r", "alpha", "s", "beta")
        assert SeasonalFit.from_json(season.to_json()) == season

    def test_a_known_calendar(self, season):
        found = fit_calendar(*LOG, as_of="1997-09-30", calendar=season.calendar, model="pareto_nbd")
        assert found.fit.estimates == pytest.approx(season.fit.estimates, rel=1e-4)
        assert found.log_likelihood == pytest.approx(season.log_likelihood, abs=1e-5)
        flat = fit_calendar(*LOG, as_of="1997-09-30", calendar=Calendar(), model="pareto_nbd")
        plain = fit_pareto_nbd(summarise_purchases(*LOG, as_of="1997-09-30"))
        assert flat.fit.estimates == pytest.approx(plain.estimates, rel=1e-5)
        assert flat.log_likelihood == pytest.approx(flat.log_likelihood_flat, rel=1e-11)

    def test_strong_shrinkage_leaves_no_season(self):
        found = fit_calendar(*LOG, as_of="1997-09-30", shrinkage=1e-4, model="pareto_nbd")
        plain = fit_pareto_nbd(summarise_purchases(*LOG, as_of="1997-09-30"))
        assert found.level == pytest.approx(1.0, abs=1e-5)
        assert found.fit.estimates == pytest.approx(plain.estimates, rel=1e-4)

    def test_other_units_of_time(self, season):
        daily = fit_calendar(*LOG, as_of="1997-09-30", time_unit="day", model="pareto_nbd")
        assert daily.level == pytest.approx(season.level, rel=1e-6)
        assert daily.model.alpha == pytest.approx(7 * season.model.alpha, rel=1e-5)
        assert daily.model.beta == pytest.approx(7 * season.model.beta, rel=1e-5)

    def test_choice_and_odd_logs(self):
        tried = fit_calendar(*LOG, as_of="1997-09-30", choose=True, model="pareto_nbd")
        assert "log score of the last quarter" in " ".join((tried.fit.comparison, *tried.messages))
        for customer, date, end in (
            ([1, 2, 3], ["2024-01-01", "2024-02-03", "2024-03-04"], "2024-06-30"),
            ([1, 1, 1, 2], ["2024-01-01", "2024-01-02", "2024-01-09", "2024-01-02"], "2024-01-09"),
        ):
            found = fit_calendar(customer, date, as_of=end, model="pareto_nbd")
            assert np.isfinite(found.level).all()
            assert not found.trustworthy

    def test_elapsed_days_are_those_of_the_calendar(self, season):
        """The clock of the model adds up the levels of the fit."""
        line = season.model._clock(np.datetime64("1997-09-30")).line_behind(20.0)
        assert -line.at(np.array([-13.0]))[0] == pytest.approx(elapsed(season.calendar, "1997-07-01", "1997-09-30"))
