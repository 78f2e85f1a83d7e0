"""Checks of a model's fit: by frequency, over time, and of the independence of spend."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.stats import pearsonr

from crmvalue._models.validation import calibration
from crmvalue.datasets import load_cdnow
from crmvalue.errors import DataWarning, InputError
from crmvalue.models import (
    BgNbd,
    FrequencyCalibration,
    ParetoNbd,
    PurchaseTracking,
    SpendIndependence,
    calibration_by_frequency,
    purchase_tracking,
    spend_independence,
)
from crmvalue.purchases import PurchaseHistory, split_purchases

PAPER = BgNbd(0.243, 4.414, 0.793, 2.426, "week")


def repeaters(frequency, spend):
    age = [max(frequency) + 1] * len(frequency)
    return PurchaseHistory.from_columns(
        frequency=frequency, recency=frequency, age=age, mean_repeat_spend=spend, time_unit="week"
    )


@pytest.fixture(scope="module")
def split():
    log = load_cdnow()
    return split_purchases(log.customer, log.date, log.amount, calibration_end="1997-09-30")


class TestCalibrationByFrequency:
    """Mean purchases in the holdout of those with 0, 1, ... repeat purchases before."""

    def test_cdnow(self, split):
        """Fader, Hardie and Lee (2005); what is expected hangs on the rounding of the published parameters."""
        found = calibration_by_frequency(split, PAPER)
        assert found.n_customers.tolist() == [1411, 439, 214, 100, 62, 38, 29, 64]
        actual = [0.2367, 0.6970, 1.3925, 1.56, 2.5323, 2.9474, 3.8621, 6.3594]
        expected = [0.2251, 0.5231, 1.0441, 1.5203, 2.1638, 2.6538, 3.5040, 6.1570]
        np.testing.assert_allclose(found.actual, actual, atol=5.1e-5)
        np.testing.assert_allclose(found.expected, expected, atol=5e-4)

    def test_groups_add_up_to_the_base(self, split):
        found = calibration_by_frequency(split, PAPER, most=40)
        filled = found.n_customers > 0
        assert not filled.all()
        assert np.isnan(found.actual[~filled]).all()
        total = (found.n_customers * found.actual)[filled].sum()
        assert total == pytest.approx(split.holdout_n_purchases.sum(), rel=1e-12)
        total = (found.n_customers * found.expected)[filled].sum()
        every = PAPER.expected_purchases(split.calibration, horizon=split.holdout_length).sum()
        assert total == pytest.approx(every, rel=1e-12)

    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"split": 1}, "split"),
            ({"model": 1}, "model"),
            ({"most": 0}, "most"),
            ({"model": BgNbd(0.2, 4.0, 0.8, 2.4, "day")}, "history"),
        ],
    )
    def test_rejects(self, split, changes, name):
        with pytest.raises(InputError) as caught:
            calibration_by_frequency(**{"split": split, "model": PAPER, **changes})
        assert caught.value.name == name


class TestPurchaseTracking:
    """Repeat purchases of all customers so far, against a new customer's expectation since each first purchase."""

    def test_warns_of_one_early_date(self):
        with pytest.warns(DataWarning, match="1 row is more than 5 years before all others, the first of 1970-01-01"):
            found = purchase_tracking([*range(10), 99], ["1998-06-30"] * 10 + ["1970-01-01"], PAPER, period_days=3660)
        assert found.n_later == 10

    def test_one_late_date_does_not_move_the_end(self):
        """The error names the row and the cure, as that of the histories does."""
        log = load_cdnow()
        date = log.date.astype("datetime64[D]").copy()
        date[7] = np.datetime64("2203-01-01")
        with pytest.raises(InputError, match="`date` must be at most 5 years after all earlier rows") as caught:
            purchase_tracking(log.customer, date, PAPER)
        assert (caught.value.index, "such as '1998-06-30'" in caught.value.hint) == (7, True)
        assert str(purchase_tracking(log.customer, date, PAPER, as_of="1998-06-30").end[-1]) == "1998-06-30"

    def test_cdnow(self):
        """Weeks 39 and 78; the paper's figure shows BG/NBD within 5 % of the total."""
        log = load_cdnow()
        found = purchase_tracking(log.customer, log.date, PAPER)
        assert len(found.end) == 78
        assert found.cumulative_actual[[38, 77]].tolist() == [2457, 2457 + 1882]
        assert found.cumulative_expected[[38, 77]] == pytest.approx([2457, 4339], rel=0.05)

    def test_by_hand(self):
        """Days 0, 2 and 15 are first; the second purchase of a day is none, and day 16 is of no whole week."""
        found = purchase_tracking(
            ["a", "b", "a", "a", "b", "c", "a"],
            ["2024-01-01", "2024-01-03", "2024-01-01", "2024-01-07", "2024-01-14", "2024-01-16", "2024-01-17"],
            PAPER,
        )
        assert found.end.astype(str).tolist() == ["2024-01-07", "2024-01-14"]
        assert found.actual.tolist() == [1, 1]
        assert found.n_later == 2
        new = PAPER.expected_purchases_new(horizon=np.array([6, 4, 13, 11]) / 7)
        assert found.cumulative_expected == pytest.approx([new[0] + new[1], new[2] + new[3]], rel=1e-12)
        assert found.expected.cumsum() == pytest.approx(found.cumulative_expected, rel=1e-12)
        assert found.cumulative_actual.tolist() == [1, 2]

    def test_order_of_rows_and_length_of_periods_do_not_matter(self):
        log = load_cdnow()
        weekly = purchase_tracking(log.customer, log.date, PAPER, as_of="1997-12-31")
        other = purchase_tracking(log.customer[::-1], log.date[::-1], PAPER, as_of="1997-12-31", period_days=28)
        np.testing.assert_array_equal(other.cumulative_actual, weekly.cumulative_actual[3::4])
        np.testing.assert_allclose(other.cumulative_expected, weekly.cumulative_expected[3::4], rtol=1e-12)

    def test_a_convolution_equals_the_sum(self, monkeypatch):
        log = load_cdnow()
        slow = purchase_tracking(log.customer, log.date, PAPER, period_days=1)
        monkeypatch.setattr(calibration, "_MOST_PAIRS", 0)
        fast = purchase_tracking(log.customer, log.date, PAPER, period_days=1)
        np.testing.assert_allclose(fast.cumulative_expected, slow.cumulative_expected, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(fast.expected, slow.expected, rtol=1e-9, atol=1e-9)
        np.testing.assert_array_equal(fast.actual, slow.actual)

    def test_many_days_with_newcomers(self):
        """80,000 days with a newcomer each: all that is expected is a sum of the curve so far."""
        n = 80_000
        start = np.datetime64("1900-01-01")
        found = purchase_tracking(np.arange(n), start + np.arange(n), PAPER, period_days=2)
        curve = PAPER.expected_purchases_new(horizon=np.arange(n) / 7.0)
        np.testing.assert_allclose(
            found.cumulative_expected, np.cumsum(curve)[1::2], rtol=1e-9, atol=1e-9
        )  # of 938,272

    def test_an_end_200_years_later(self):
        found = purchase_tracking(["a", "a"], ["2024-01-01", "2024-01-20"], PAPER, as_of="2224-01-20")
        assert found.cumulative_actual[-1] == 1

    @pytest.mark.slow
    def test_all_days_of_the_calendar(self):
        model = ParetoNbd(0.553, 10.578, 0.606, 11.669, "week")  # the fastest
        found = purchase_tracking([1, 1], ["0001-01-01", "9999-12-31"], model, period_days=1)
        assert len(found.end) == 3_652_059
        assert found.cumulative_actual[[-2, -1]].tolist() == [0, 1]
        assert found.cumulative_expected[-1] == pytest.approx(model.expected_purchases_new(horizon=3_652_058 / 7))

    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"date": ["2024-01-01"]}, "date"),
            ({"model": 1}, "model"),
            ({"as_of": "2023-01-01"}, "as_of"),
            ({"as_of": "9999-12-31"}, "as_of"),
            ({"as_of": "2224-02-01"}, "as_of"),
            ({"period_days": 30}, "period_days"),
            ({"period_days": 1.5}, "period_days"),
        ],
    )
    def test_rejects(self, changes, name):
        valid = {"customer": ["a", "a"], "date": ["2024-01-01", "2024-01-20"], "model": PAPER}
        with pytest.raises(InputError) as caught:
            purchase_tracking(**{**valid, **changes})
        assert caught.value.name == name


class TestSpendIndependence:
    """Pearson's correlation of frequency and mean repeat spend among the customers with a repeat purchase."""

    def test_cdnow(self, split):
        """Fader, Hardie and Lee, RFM and CLV (2005): 946 customers, a correlation of 0.11."""
        found = spend_independence(split.calibration)
        assert (found.n_customers, round(found.correlation, 2), found.holds) == (946, 0.11, True)
        assert "too little to matter" in found.conclusion

    @pytest.mark.parametrize(("sign", "word"), [(1, "more"), (-1, "less")])
    def test_warns_where_it_is_broken(self, sign, word):
        frequency = np.arange(31)
        spend = 100.0 + sign * 3.0 * frequency + np.sin(frequency)
        with pytest.warns(DataWarning, match=f"spend {word}") as caught:
            found = spend_independence(repeaters(frequency, spend))
        oracle = pearsonr(frequency[1:], spend[1:])
        assert (found.correlation, found.p_value) == pytest.approx((oracle.statistic, oracle.pvalue), rel=1e-9)
        assert not found.holds
        assert "1.00" not in found.conclusion  # it is 0.9997
        assert caught[0].message.count == 30

    @pytest.mark.parametrize(
        ("frequency", "spend"), [([1, 2, 3], [5, 5, 5]), ([2, 2, 2], [1, 5, 9]), ([1, 2, 3], [0, 0, 0])]
    )
    def test_nothing_depends_on_what_does_not_vary(self, frequency, spend):
        found = spend_independence(repeaters(frequency, spend))
        assert (found.correlation, found.p_value, found.holds) == (0.0, 1.0, True)

    def test_no_sign_before_nothing(self):
        frequency, spend = np.array([0, 1, 2, 3, 4]), np.array([5.0, 5.0, 7.0, 7.0, 4.99])
        found = spend_independence(repeaters(frequency, spend))
        assert -0.005 < found.correlation < 0
        assert "correlation 0.00," in found.conclusion

    @pytest.mark.parametrize(
        "history",
        [
            [1, 2],
            repeaters([0, 1, 2], [0, 5, 6]),
            PurchaseHistory.from_columns(frequency=[1] * 3, recency=[1] * 3, age=[2] * 3, time_unit="week"),
        ],
    )
    def test_rejects(self, history):
        with pytest.raises(InputError, match="history"):
            spend_independence(history)


def through_json(value):
    return type(value).from_json(value.to_json())


class TestJson:
    """What is written is read back as an equal value; other text raises."""

    VALUES = (
        FrequencyCalibration(
            frequency=[0, 1, 2], n_customers=[5, 0, 1], actual=[0.1, np.nan, 2.5], expected=[0.1, np.nan, 1 / 3]
        ),
        PurchaseTracking(
            end=np.array(["2024-02-29", "2024-03-07"], dtype="datetime64[D]"),
            actual=[3.0, 1.0],
            expected=[0.1 + 0.2, 1.5],
            cumulative_actual=[3.0, 4.0],
            cumulative_expected=[0.3, 1.8],
        ),
        SpendIndependence(n_customers=9999, correlation=0.9, p_value=1e-250, holds=True, conclusion="It holds."),
        SpendIndependence(n_customers=9, correlation=-0.3, p_value=0.01, holds=False, conclusion="It does not hold."),
    )
    each_value = pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)

    @each_value
    def test_round_trip(self, value):
        assert through_json(value) == value
        assert all(
            getattr(through_json(value), name).dtype == getattr(value, name).dtype
            for name in ("frequency", "actual", "end")
            if hasattr(value, name)
        )
        json.loads(value.to_json(), parse_constant=pytest.fail)  # no NaN

    @each_value
    def test_rejects_other_text(self, value):
        fields = json.loads(value.to_json())
        first = list(fields)[2]  # after the schema and the kind
        wrong = [{**fields, first: "x"}, {**fields, "more": 1}, {k: v for k, v in fields.items() if k != first}, [], 1]
        for text in ["", *map(json.dumps, wrong)]:
            with pytest.raises(InputError) as caught:
                type(value).from_json(text)
            assert caught.value.name == "text"

    @pytest.mark.parametrize(
        ("value", "changes"),
        [
            (VALUES[0], {"frequency": [0, 1]}),
            (VALUES[0], {"n_customers": [5, 0.5, 1]}),
            (VALUES[0], {"actual": [1, 2, "3"]}),
            (VALUES[1], {"end": ["2024-02-29", "2024-02-30"]}),
            (VALUES[1], {"expected": [1.0, None]}),
            (VALUES[2], {"holds": 1}),
            (VALUES[2], {"p_value": None}),
            (VALUES[2], {"conclusion": 5}),
        ],
    )
    def test_rejects_wrong_fields(self, value, changes):
        with pytest.raises(InputError):
            type(value).from_json(json.dumps({**json.loads(value.to_json()), **changes}))
