"""MBG/NBD against published figures; `test_beta_geometric.py` tests what holds for any parameters."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

from crmvalue.datasets import load_cdnow
from crmvalue.errors import InputError
from crmvalue.models import MbgNbd, fit_mbg_nbd
from crmvalue.purchases import PurchaseHistory, split_purchases

MODEL = MbgNbd(0.525, 6.183, 0.891, 1.614, "week")


def history_of(*rows):
    x, t_x, age = np.array(rows, dtype=float).T
    return PurchaseHistory.from_columns(frequency=x, recency=t_x, age=age, time_unit="week")


@pytest.fixture(scope="module")
def cdnow():
    log = load_cdnow()
    return split_purchases(log.customer, log.date, calibration_end="1997-09-30")


class TestPublished:
    """Figures of the model on the CDNOW sample, recomputed elsewhere."""

    def test_fit_of_times_rounded_to_two_decimals(self, cdnow):
        history = cdnow.calibration
        fit = fit_mbg_nbd(
            PurchaseHistory.from_columns(
                frequency=history.frequency,
                recency=np.round(history.recency, 2),
                age=np.round(history.age, 2),
                time_unit="week",
            )
        )
        np.testing.assert_allclose(fit.estimates, [0.525, 6.183, 0.891, 1.614], atol=5.1e-4)
        assert fit.log_likelihood == pytest.approx(-9582.13268, abs=1e-5)
        assert fit.diagnosis.trustworthy
        found = MODEL.expected_purchases_new(horizon=[1, 3, 6])  # of the rounded parameters
        np.testing.assert_allclose(found, [0.0530848, 0.1508633, 0.2813602], rtol=5e-7)

    def test_one_who_never_came_back_may_be_lost(self):
        """P(alive) at T = 0 is the chance to survive the first toss, b / (a + b)."""
        found = MODEL.prob_alive(history_of((0, 0, 0), (0, 0, 100)))
        assert found[0] == pytest.approx(1.614 / (0.891 + 1.614), rel=1e-14)
        assert found[1] < found[0]


class TestLogLikelihood:
    """Of one who did not come back: 1 - b / (a + b) (1 - (alpha / (alpha + T))^r), to survive the toss and then buy."""

    @pytest.mark.parametrize("r", [1e-9, 1e-6, 0.01, 0.5])
    @pytest.mark.parametrize("age", [1e-3, 2.0, 50.0])
    def test_keeps_its_digits_near_certainty(self, r, age):
        found = MbgNbd(r, 100.0, 1.0, 3.0, "week").log_likelihood(history_of((0, 0, age)))
        with mpmath.workdps(50):
            chance = mpmath.mpf(3) / 4 * (1 - (100 / (100 + mpmath.mpf(age))) ** mpmath.mpf(r))
            exact = float(mpmath.log(1 - chance))
        np.testing.assert_allclose(found, [exact], rtol=1e-12)

    def test_a_purchase_that_is_certain_is_no_error(self):
        """Of one who is certain to have bought and did not, the logarithm of 1 - 1 was taken and thrown away."""
        with np.errstate(all="raise"):
            found = MbgNbd(40.0, 2e-9, 2.4e-9, 7.6e7, "week").log_likelihood(history_of((0, 0, 50.0)))
        np.testing.assert_allclose(found, np.log(2.4e-9 / 7.6e7), rtol=1e-12)  # the chance to have left at once

    def test_refuses_a_history_of_nobody(self):
        nobody = PurchaseHistory.from_columns(frequency=[], recency=[], age=[], time_unit="week")
        with pytest.raises(InputError, match=r"`history` must be of at least one customer; got 0$"):
            MODEL.log_likelihood(nobody)


def test_no_probability_is_above_1():
    """No purchase in a moment is certain; the chances to be alive and lost add up to 1 + 2e-16 for some rows."""
    rng = np.random.default_rng(2)
    age = rng.uniform(1, 50, 3000)
    history = PurchaseHistory.from_columns(
        frequency=rng.integers(1, 9, 3000), recency=age * rng.uniform(0, 1, 3000), age=age, time_unit="week"
    )
    assert MODEL.prob_purchases(history, 0, horizon=1e-18).max() == 1


def test_a_discount_of_nothing():
    """The integral of discounted purchases against the other way to the same number."""
    history = history_of((0, 0, 10), (2, 9, 20), (7, 30, 40))
    found = MODEL.discounted_expected_purchases(history, discount_rate=0.0, horizon=30.0)
    np.testing.assert_allclose(found, MODEL.expected_purchases(history, horizon=30.0), rtol=1e-9)
