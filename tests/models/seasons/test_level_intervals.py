"""What must hold for the intervals of the levels of a calendar: they come from the data alone, without the prior."""

from __future__ import annotations

import attrs
import numpy as np
import pytest

from crmvalue.models import fit_calendar
from tests.models.seasons.test_calendar_fit import BEGIN, CDNOW, N_DAYS, draw_log


@pytest.fixture(scope="module")
def season():
    return fit_calendar(*draw_log(3000, 11), as_of=BEGIN + N_DAYS)


class TestIntervals:
    """Ends of levels come from the data alone: the prior draws far levels to 1."""

    @pytest.mark.parametrize("by", ["month", ("month", "weekday")])
    def test_they_are_those_of_a_prior_that_says_nothing(self, by):
        """One step from the mode comes within a tenth of a standard error of the mode without the prior."""
        log = draw_log(600, 21)
        found = fit_calendar(*log, as_of=BEGIN + N_DAYS, by=by)
        free = fit_calendar(*log, as_of=BEGIN + N_DAYS, by=by, shrinkage=3.0)
        error = np.sqrt(np.diag(free.covariance))
        assert np.abs(np.log(found.data_level / free.level) / error).max() < 0.1
        assert found.data_error == pytest.approx(error, rel=0.1)
        assert free.data_level == pytest.approx(free.level, rel=1e-9)
        assert free.data_error == pytest.approx(error, rel=1e-9)

    def test_the_prior_draws_to_the_mean(self, season):
        far = np.argmax(season.data_level)
        assert season.names[far] == "December"
        assert 1.0 < season.level[far] < season.data_level[far]
        assert (season.data_error > np.sqrt(np.diag(season.covariance))).all()

    def test_they_hold_the_estimate(self, season):
        """Even where a prior that was given does not go with the data."""
        tight = fit_calendar(*draw_log(3000, 11), as_of=BEGIN + N_DAYS, shrinkage=0.01)
        low, high = tight.ends()
        assert (low <= tight.level).all()
        assert (tight.level <= high).all()
        assert (low == tight.level).any()
        low, high = season.ends(0.5)
        half = np.exp(0.6744897501960817 * season.data_error)
        assert low == pytest.approx(season.data_level / half, rel=1e-12)
        assert high == pytest.approx(season.data_level * half, rel=1e-12)

    @pytest.mark.parametrize(
        ("december", "title"),
        [
            (1.15, "Customers buy fastest in December: 15 % faster than on average"),
            (1.13, "No level of the calendar is shown to differ from the average pace"),  # alone, 1.02 to 1.25
            (0.85, "Customers buy slowest in December: 15 % slower than on average"),
        ],
    )
    def test_the_picture_names_what_is_shown_of_all_levels_together(self, season, december, title):
        """The quantile of 1 - 0.025 / 12 is 2.87, so that 2.87 errors of 0.047 reach from 1 to 1.144."""
        level = np.array([1.0] * 11 + [december])
        found = attrs.evolve(season, level=level, data_level=level, data_error=np.full(12, 0.047))
        assert found.ends()[0][-1] > 1 or found.ends()[1][-1] < 1
        assert found._parts().title == title

    def test_levels_without_purchases_have_wide_ends(self):
        """No purchase in a week: the interval reaches far down, as far as a prior of spread 3 lets it."""
        some = np.isin(CDNOW.customer, np.unique(CDNOW.customer)[:100])
        found = fit_calendar(CDNOW.customer[some], CDNOW.date[some], by="week")
        low, high = found.ends()
        none = found.n_repeat == 0
        assert none.any()
        assert (low[none] < 0.5).all()
        assert np.isfinite(np.log([low, high])).all()
