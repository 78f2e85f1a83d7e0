"""BG/NBD against published figures; `test_beta_geometric.py` tests what holds for any parameters."""

from __future__ import annotations

import numpy as np
import pytest

from crmvalue.datasets import load_cdnow
from crmvalue.models import BgNbd, fit_bg_nbd
from crmvalue.purchases import PurchaseHistory, split_purchases

MODEL = BgNbd(0.243, 4.414, 0.793, 2.426, "week")


def history_of(*rows):
    x, t_x, age = np.array(rows, dtype=float).T
    return PurchaseHistory.from_columns(frequency=x, recency=t_x, age=age, time_unit="week")


@pytest.fixture(scope="module")
def cdnow():
    log = load_cdnow()
    return split_purchases(log.customer, log.date, calibration_end="1997-09-30")


class TestPublished:
    """Figures of Fader, Hardie and Lee (2005), its companion notes, and independent recomputations."""

    def test_fit_of_the_cdnow_sample(self, cdnow):
        """Times in days / 7; Marketing Science 24 (2005), table 2, with more digits."""
        fit = fit_bg_nbd(cdnow.calibration)
        np.testing.assert_allclose(fit.estimates, [0.2425945, 4.4136019, 0.7929199, 2.4258881], rtol=1e-5)
        assert fit.log_likelihood == pytest.approx(-9582.429, abs=5e-4)
        errors = list(fit.standard_errors.values())
        np.testing.assert_allclose(errors, [0.012557, 0.378221, 0.185719, 0.705345], rtol=2e-4)
        assert fit.diagnosis.trustworthy

    def test_fit_of_times_rounded_to_two_decimals(self, cdnow):
        """The same sample as others print it; standard errors belong to it."""
        history = cdnow.calibration
        rounded = [np.round(column, 2) for column in (history.recency, history.age)]
        fit = fit_bg_nbd(
            PurchaseHistory.from_columns(
                frequency=history.frequency, recency=rounded[0], age=rounded[1], time_unit="week"
            )
        )
        np.testing.assert_allclose(fit.estimates, [0.24259292, 4.41353182, 0.79288615, 2.42575346], rtol=1e-5)
        assert fit.log_likelihood == pytest.approx(-9582.42556, abs=1e-4)
        errors = list(fit.standard_errors.values())
        np.testing.assert_allclose(errors, [0.012557, 0.378221, 0.185719, 0.705345], rtol=5e-5)

    def test_expected_purchases_of_newcomers(self):
        model = BgNbd(0.24259292, 4.41353182, 0.79288615, 2.42575346, "week")
        found = model.expected_purchases_new(horizon=[1, 3, 32, 52])
        np.testing.assert_allclose(found, [0.0532, 0.1506, 1.0437, 1.444004], atol=6e-5)
        # Printed as 1.8576; with 50 digits it is 1.857972 here and 1.857956 for whole days.
        assert model.expected_purchases_new(horizon=78) == pytest.approx(1.8576, abs=4e-4)

    @pytest.mark.parametrize(
        ("model", "row", "horizon", "expected", "rel"),
        [
            pytest.param(MODEL, (2, 30.43, 38.86), 39, 1.226028174767, 1e-11, id="paper"),
            pytest.param(
                BgNbd(0.2425945, 4.4136019, 0.7929199, 2.4258881, "week"),
                (26, 30.85714, 31), 52, 25.75659, 5e-5, id="best customer of the sample",
            ),
            pytest.param(MODEL, (3000, 700, 710), 365, 2.09972e-12, 3e-6, id="others: NaN"),
            pytest.param(MODEL, (800, 360, 365), 3650, 45.0666132, 1e-8, id="others: infinite"),
            pytest.param(BgNbd(0.11, 2.24, 0.31, 0.5, "week"), (0, 0, 1), 30, 0.564588615533, 1e-11, id="wrong"),
            pytest.param(BgNbd(0.243, 4.414, 1, 2.426, "week"), (2, 30.43, 38.86), 39, 1.10214, 3e-6, id="a = 1"),
        ],
    )  # fmt: skip
    def test_conditional_expectation(self, model, row, horizon, expected, rel):
        assert model.expected_purchases(history_of(row), horizon=horizon)[0] == pytest.approx(expected, rel=rel)

    def test_prob_alive(self):
        model = BgNbd(0.2425945, 4.4136019, 0.7929199, 2.4258881, "week")
        assert model.prob_alive(history_of((26, 30.85714, 31)))[0] == pytest.approx(
            0.9688523, abs=3e-6
        )  # its parameters have unknown digits
        assert (MODEL.prob_alive(history_of((0, 0, 1), (0, 0, 5000))) == 1).all()

    def test_likelihood(self):
        found = BgNbd(0.25, 4, 0.8, 2.5, "week").log_likelihood(history_of((0, 0, 40), (200, 38, 40)))
        np.testing.assert_allclose(found, [-0.59947382, 100.795693], rtol=1e-8)
        found = MODEL.log_likelihood(history_of((4, 30.7, 38.9)))[0]
        assert found == pytest.approx(-15.32935235570709, rel=1e-13)

    def test_prob_purchases(self):
        np.testing.assert_allclose(
            MODEL.prob_purchases_new([10, 0], horizon=[2, 39]), [1.07869e-7, 0.5737864], rtol=3e-6
        )
        found = MODEL.prob_purchases(history_of((0, 0, 38.86)), 0, horizon=39)[0]
        assert found == pytest.approx(((4.414 + 38.86) / (4.414 + 38.86 + 39)) ** 0.243, rel=1e-13)

    def test_holdout_of_the_cdnow_sample(self, cdnow):
        """Table of weeks 40-78 by purchases in weeks 1-39: customers, actual, expected."""
        model = fit_bg_nbd(cdnow.calibration).model
        expected = model.expected_purchases(cdnow.calibration, horizon=39)
        group = np.minimum(cdnow.calibration.frequency, 7)
        table = [(group == k) for k in range(8)]
        assert [rows.sum() for rows in table] == [1411, 439, 214, 100, 62, 38, 29, 64]
        actual = [cdnow.holdout_n_purchases[rows].mean() for rows in table]
        np.testing.assert_allclose(actual, [0.2367, 0.6970, 1.3925, 1.56, 2.5323, 2.9474, 3.8621, 6.3594], atol=6e-5)
        found = [expected[rows].mean() for rows in table]
        np.testing.assert_allclose(
            found, [0.2251, 0.5231, 1.0441, 1.5203, 2.1638, 2.6538, 3.5040, 6.1570], atol=6e-4
        )  # the published column is of parameters with three decimals
