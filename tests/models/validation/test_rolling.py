"""Holdouts from several days of one log."""

from __future__ import annotations

import attrs
import numpy as np
import pytest

from crmvalue.datasets import load_cdnow
from crmvalue.errors import ConvergenceError, InputError
from crmvalue.models import RollingHoldout, compare_models, fit_bg_nbd, fit_nbd, rolling_holdout
from crmvalue.purchases import split_purchases

LOG = load_cdnow()
ORIGINS = ("1997-09-30", "1997-12-30")


@pytest.fixture(scope="module")
def found():
    return rolling_holdout(LOG.customer, LOG.date, origins=ORIGINS, horizon=26, models=["nbd", "bg_nbd"])


class TestRollingHoldout:
    """Each holdout is that of compare_models; together, each customer of each holdout counts once."""

    def test_equals_compare_models(self, found):
        for day, end in zip(ORIGINS, ("1998-03-31", "1998-06-30"), strict=True):
            known = LOG.date <= np.datetime64(end)
            split = split_purchases(LOG.customer[known], LOG.date[known], calibration_end=day, holdout_end=end)
            scores = compare_models(split, {"NBD": fit_nbd(split.calibration), "BG/NBD": fit_bg_nbd(split.calibration)})
            rows = found.origin == np.datetime64(day)
            assert found.name[rows].tolist() == [score.name for score in scores]
            assert found.mean_absolute_error[rows].tolist() == [one.purchases.mean_absolute_error for one in scores]
            logs = [np.nan if score.counts is None else score.counts.log_score for score in scores]
            np.testing.assert_array_equal(found.log_score[rows], logs)
            np.testing.assert_allclose(found.expected[rows][2], 0.0, atol=1e-9)

    def test_over_all_by_hand(self, found):
        whole = found.over_all()
        assert len(whole.name) == 6
        assert np.isnat(whole.origin).all()
        for i, name in enumerate(whole.name):
            rows = found.name == name
            weight = found.n_customers[rows] / found.n_customers[rows].sum()
            for column in ("mean_absolute_error", "log_score", "crps", "coverage"):
                mean = (getattr(found, column)[rows] * weight).sum()
                np.testing.assert_allclose(getattr(whole, column)[i], mean, rtol=1e-12)
            squares = (found.root_mean_squared_error[rows] ** 2 * weight).sum()
            assert whole.root_mean_squared_error[i] == pytest.approx(squares**0.5, rel=1e-12)
            total = found.n_purchases[rows].sum()
            assert whole.bias[i] == pytest.approx(found.expected[rows].sum() / total - 1, rel=1e-12)
        assert RollingHoldout.from_json(found.to_json()) == found

    def test_a_fit_that_fails_is_named(self):
        def lost(history):
            if str(history.as_of) == ORIGINS[0]:
                raise ConvergenceError("lost the way")
            return fit_nbd(history)

        found = rolling_holdout(
            LOG.customer, LOG.date, origins=ORIGINS, horizon=26, models={"lost": lost, "NBD": fit_nbd}
        )
        assert found.problems == ("lost, 1997-09-30: lost the way",)
        assert np.isnan(found.crps[found.name == "lost"]).tolist() == [True, False]
        assert np.isnan(found.over_all().crps[0])

    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"origins": []}, "origins"),
            ({"origins": ["1997-09-30"] * 2}, "origins"),
            ({"origins": ["1998-06-01"]}, "origins"),
            ({"origins": ["1996-06-01"]}, "origins"),
            ({"horizon": 0}, "horizon"),
            ({"models": []}, "models"),
            ({"models": {"a": 1}}, "models"),
            ({"models": ["a"]}, "models"),
            ({"models": {"nobody buys": fit_nbd}}, "models"),
            ({"models": {"a": len}}, "models['a']"),
        ],
    )
    def test_rejects(self, changes, name):
        with pytest.raises(InputError) as caught:
            rolling_holdout(LOG.customer, LOG.date, **{"origins": ORIGINS, "horizon": 26, **changes})
        assert caught.value.name == name

    def test_errors_of_any_size_are_put_together(self, found):
        """The units of purchases are the reader's: each error is as many times larger."""
        large = dict.fromkeys(("mean_absolute_error", "root_mean_squared_error"), 1e299)
        changes = {name: getattr(found, name) * factor for name, factor in large.items()}
        whole, same = attrs.evolve(found, **changes).over_all(), found.over_all()
        for name, factor in large.items():
            np.testing.assert_allclose(getattr(whole, name), getattr(same, name) * factor, rtol=1e-12)

    def test_rejects_no_orders(self):
        with pytest.raises(InputError, match="`date`"):
            rolling_holdout([], [], origins=ORIGINS, horizon=26)
