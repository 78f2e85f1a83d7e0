"""Errors on the holdout, and models beside naive rules."""

from __future__ import annotations

import json

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmvalue.datasets import load_cdnow
from crmvalue.errors import InputError
from crmvalue.models import (
    BgNbd,
    GammaGamma,
    HoldoutError,
    ModelScore,
    compare_models,
    fit_bg_nbd,
    fit_pareto_nbd,
    fit_shifted_beta_geometric,
    holdout_error,
)
from crmvalue.purchases import PurchaseHistory, split_purchases
from crmvalue.segmentation import (
    Segment,
    SegmentColumns,
    concentration,
    evaluate_segments,
    gini,
    lorenz_curve,
    migration_matrix,
    summarise_segments,
    value_tier,
)

forecasts = st.integers(1, 40).flatmap(
    lambda n: st.tuples(*(st.lists(st.integers(0, 5), min_size=n, max_size=n) for _ in range(2)))
)


class TestHoldoutError:
    """Total bias, mean absolute error, share of the best decile found, Gini coefficient of the order."""

    @pytest.mark.parametrize(
        ("foretold", "actual", "bias", "error", "found", "order"),
        [
            ([1, 2, 3], [1, 2, 3], 0.0, 0.0, 1.0, 1.0),  # perfect
            ([3, 2, 1], [1, 2, 3], 0.0, 4 / 3, 0.0, -1.0),  # upside down
            ([2, 2, 2, 2], [0, 0, 0, 4], 1.0, 2.0, 0.25, 0.0),  # all foretold tied: one of four by chance
            ([4, 4, 0, 0], [4, 0, 0, 0], 1.0, 1.0, 0.5, 2 / 3),  # two tied for the first place; ranks 3.5 against 4
            ([1, 0], [0, 0], np.inf, 0.5, 0.5, 0.0),  # nothing happened
            ([0, 0], [0, 0], 0.0, 0.0, 0.5, 0.0),
        ],
    )
    def test_by_hand(self, foretold, actual, bias, error, found, order):
        result = holdout_error(foretold, actual)
        assert (result.bias, result.mean_absolute_error) == pytest.approx((bias, error), rel=1e-14)
        assert (result.best_decile_found, result.gini) == pytest.approx((found, order), rel=1e-14, abs=1e-14)

    def test_root_mean_squared_error_by_hand(self):
        assert holdout_error([3, 2, 1], [1, 2, 3]).root_mean_squared_error == pytest.approx((8 / 3) ** 0.5, rel=1e-14)

    def test_ties_at_the_edge_of_the_decile_count_in_proportion(self):
        """Best 2 of 20: one for sure and a third of each of three; foretold are the sure one and one of the three."""
        actual = np.array([9, 5, 5, 5] + [0] * 16)
        foretold = np.array([8, 7, 1, 1] + [0] * 16)
        assert holdout_error(foretold, actual).best_decile_found == pytest.approx((1 + 1 / 3) / 2, rel=1e-14)

    @given(forecasts)
    def test_bounds_and_order_of_customers(self, pair):
        foretold, actual = np.array(pair, dtype=float)
        found = holdout_error(foretold, actual)
        assert 0 <= found.best_decile_found <= 1 + 1e-12
        assert abs(found.gini) <= 1 + 1e-12
        back = holdout_error(foretold[::-1], actual[::-1])
        assert back.gini == pytest.approx(found.gini, abs=1e-12)
        assert back.best_decile_found == pytest.approx(found.best_decile_found, abs=1e-12)

    def test_gini_is_that_of_the_actual_values_over_itself(self):
        """With one customer ahead of the others in both orders, the numerator is its lead in rank."""
        actual = np.array([1.0, 1.0, 4.0, 2.0])
        along = ((2 * np.array([2, 2, 4, 2]) - 5) * actual).sum() / (4 * actual.sum())
        assert holdout_error([0, 0, 1, 0], actual).gini == pytest.approx(along / gini(actual), rel=1e-14)

    @pytest.mark.parametrize(
        ("foretold", "actual", "name", "index"),
        [
            ([1, -1], [1, 1], "foretold", 1),
            ([1, 1], [-1, 1], "actual", 0),
            ([np.nan, 1], [1, 1], "foretold", 0),
            ([1, 1], [1, np.inf], "actual", 1),
            ([1, 1], [1], "actual", None),
            ([[1.0]], [1], "foretold", None),
            ([], [], "foretold", None),
        ],
    )
    def test_rejects(self, foretold, actual, name, index):
        with pytest.raises(InputError) as caught:
            holdout_error(foretold, actual)
        assert (caught.value.name, caught.value.index) == (name, index)


@pytest.fixture(scope="module")
def split():
    log = load_cdnow()
    return split_purchases(log.customer, log.date, log.amount, calibration_end="1997-09-30")


@pytest.fixture(scope="module")
def fits(split):
    return {"BG/NBD": fit_bg_nbd(split.calibration), "Pareto/NBD": fit_pareto_nbd(split.calibration)}


class TestCompareModels:
    """Each model, then the naive rules, on what none of them has seen."""

    def test_models_beat_the_same_rate_on_cdnow(self, split, fits):
        scores = compare_models(split, fits, spend_model=GammaGamma(6.25, 3.74, 15.44))
        bg, pareto, nobody, same, gap, _ = scores
        assert [score.name for score in scores] == [
            *fits,
            "nobody buys",
            "same rate as before",
            "churned after a gap",
            "same as the last period",
        ]
        assert (bg.purchases.bias, bg.purchases.mean_absolute_error) == pytest.approx((-0.121, 0.785), abs=5e-4)
        assert (same.purchases.bias, same.purchases.mean_absolute_error) == pytest.approx((0.557, 1.024), abs=5e-4)
        assert (nobody.purchases.bias, nobody.spend.bias) == (-1.0, -1.0)
        assert nobody.purchases.mean_absolute_error == pytest.approx(0.798, abs=5e-4)
        for score in (bg, pareto):
            assert score.purchases.mean_absolute_error < same.purchases.mean_absolute_error
            assert score.spend.mean_absolute_error < same.spend.mean_absolute_error
            assert abs(score.purchases.bias) < abs(same.purchases.bias)
            assert (score.log_likelihood, score.aic) == (fits[score.name].log_likelihood, fits[score.name].aic)
        assert (same.log_likelihood, same.aic, gap.warnings) == (None, None, ())

    def test_naive_rules_by_hand(self, split, fits):
        past = split.calibration
        rate = past.frequency / past.age * split.holdout_length
        silent = past.age - past.recency > 5.0
        *_, same, gap, _ = compare_models(split, fits, gap=5.0)
        assert same.purchases == holdout_error(rate, split.holdout_n_purchases)
        assert gap.purchases == holdout_error(np.where(silent, 0, rate), split.holdout_n_purchases)
        assert gap.spend == holdout_error(np.where(silent, 0, rate * past.mean_spend), split.holdout_spend)
        pace = 3 * past.recency.sum() / past.frequency.sum()
        assert compare_models(split, fits)[-2] == compare_models(split, fits, gap=pace)[-2]

    def test_last_period_by_hand(self, fits):
        """Purchases and money of the 26 weeks before a holdout of 26 weeks, counted row by row."""
        log = load_cdnow()
        split = split_purchases(log.customer, log.date, log.amount, calibration_end="1997-12-30", time_unit="week")
        assert split.holdout_length == 26.0
        recent = (log.date > np.datetime64("1997-07-01")) & (log.date <= np.datetime64("1997-12-30"))
        count, money = np.zeros(2357), np.zeros(2357)
        days = {}
        for customer, date, amount in zip(log.customer[recent], log.date[recent], log.amount[recent], strict=True):
            days.setdefault(customer, set()).add(date)
            money[np.searchsorted(split.calibration.customer, customer)] += amount
        for customer, on in days.items():
            count[np.searchsorted(split.calibration.customer, customer)] = len(on)
        np.testing.assert_array_equal(split.last_n_purchases, count)
        np.testing.assert_allclose(split.last_spend, money, rtol=1e-12)
        last = compare_models(split, fits)[-1]
        assert last.purchases == holdout_error(count, split.holdout_n_purchases)
        assert last.spend == holdout_error(split.last_spend, split.holdout_spend)
        assert compare_models(attrs.evolve(split, last_n_purchases=None), fits)[-1].name == "churned after a gap"

    def test_last_period_longer_than_the_log_is_in_proportion(self):
        split = split_purchases(
            [1, 1, 2, 2, 1],
            ["2024-01-01", "2024-01-05", "2024-01-09", "2024-01-10", "2024-02-09"],
            [10, 20, 30, 40, 5],
            calibration_end="2024-01-10",
        )
        assert split.last_n_purchases.tolist() == [6.0, 6.0]  # a holdout of 30 days, a calibration of 10
        assert split.last_spend.tolist() == [90.0, 210.0]

    def test_without_money(self, fits):
        log = load_cdnow()
        bare = split_purchases(log.customer, log.date, calibration_end="1997-09-30")
        assert [score.spend for score in compare_models(bare, fits)] == [None] * 6

    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"split": None}, "split"),
            ({"fits": {}}, "fits"),
            ({"fits": [1]}, "fits"),
            ({"fits": {"a": 1}}, "fits['a']"),
            ({"fits": {"sbg": fit_shifted_beta_geometric([100, 80, 70])}}, "fits['sbg']"),
            ({"spend_model": 30.0}, "spend_model"),
            ({"gap": 0.0}, "gap"),
        ],
    )
    def test_rejects(self, split, fits, changes, name):
        with pytest.raises(InputError) as caught:
            compare_models(**{"split": split, "fits": fits, **changes})
        assert caught.value.name == name


def log_of(lapsed, last_order):
    """Give a log of ordinary customers, one daily buyer who lapsed, and perhaps one order of a wrong year."""
    log = load_cdnow()
    days = [np.datetime64("1995-01-01") + np.arange(lapsed), log.date, np.array(last_order, dtype="M8[D]")]
    customers = [np.full(lapsed, 90_001), log.customer, np.full(len(last_order), 90_002)]
    money = [np.full(lapsed, 10.0), log.amount, np.full(len(last_order), 10.0)]
    return tuple(np.concatenate(column) for column in (customers, days, money))


class TestForecastsOfNothing:
    """What the models give is never refused: expected purchases of 1e-167 count as 0."""

    @pytest.mark.parametrize(("lapsed", "last_order"), [(500, []), (0, ["2203-05-01"])])
    def test_from_a_log_to_every_result(self, lapsed, last_order):
        split = split_purchases(*log_of(lapsed, last_order), calibration_end="1998-01-31", holdout_end="1998-06-30")
        fits = {"BG/NBD": fit_bg_nbd(split.calibration), "Pareto/NBD": fit_pareto_nbd(split.calibration)}
        spend = GammaGamma(6.25, 3.74, 15.44)
        for score in compare_models(split, fits, spend_model=spend):
            assert np.isfinite(score.purchases.mean_absolute_error)
            assert np.isfinite(score.spend.mean_absolute_error)

    def test_what_is_too_small_to_matter_counts_as_nothing(self):
        tiny = BgNbd(0.243, 4.414, 0.793, 2.426, "week").expected_purchases(
            PurchaseHistory.from_columns(frequency=[0, 499], recency=[0, 71.3], age=[30, 175.6], time_unit="week"),
            horizon=20.0,
        )
        assert 0 < tiny[1] < 1e-100
        assert holdout_error(tiny, [1.0, 0.0]) == holdout_error([tiny[0], 0.0], [1.0, 0.0])
        assert gini(tiny) == gini([tiny[0], 0.0])
        assert concentration(tiny) == concentration([tiny[0], 0.0])
        assert lorenz_curve(tiny) == lorenz_curve([tiny[0], 0.0])
        assert value_tier(tiny, basis="value_share").tolist() == ["A", "C"]
        assert summarise_segments(["a", "b"], tiny).value.tolist() == [tiny[0], 0.0]
        moved = migration_matrix(["a", "b"], ["b", "b"], value_before=tiny, value_now=tiny)
        assert moved.value_before.tolist() == [tiny[0], 0.0]
        few = [Segment("few", SegmentColumns({"expected": "number"})["expected"] < 0.1)]
        assert evaluate_segments(few, {"expected": tiny}, as_of="2024-01-01").members("few").tolist() == [False, True]


def through_json(value):
    return type(value).from_json(value.to_json())


class TestJson:
    """What is written is read back as an equal value; other text raises."""

    ERROR = HoldoutError(bias=np.inf, mean_absolute_error=0.1 + 0.2, best_decile_found=0.5, gini=-0.1)
    OTHER = HoldoutError(bias=-0.25, mean_absolute_error=3.0, best_decile_found=0.5, gini=0.7)
    each_value = pytest.mark.parametrize(
        "value",
        [
            ERROR,
            OTHER,
            ModelScore(name="é", log_likelihood=-9.5, aic=27.0, purchases=OTHER, spend=ERROR, warnings=("a", "b")),
            ModelScore(name="rule", log_likelihood=None, aic=None, purchases=ERROR, spend=None),
        ],
    )

    @each_value
    def test_round_trip(self, value):
        assert through_json(value) == value
        json.loads(value.to_json(), parse_constant=pytest.fail)  # no Infinity

    @each_value
    def test_rejects_other_text(self, value):
        fields = json.loads(value.to_json())
        last = "gini" if "gini" in fields else "purchases"
        wrong = [{**fields, last: "x"}, {**fields, "more": 1}, {k: v for k, v in fields.items() if k != last}, [], 1]
        for text in ["", *map(json.dumps, wrong)]:
            with pytest.raises(InputError) as caught:
                type(value).from_json(text)
            assert caught.value.name == "text"

    def test_warnings_are_several_texts(self):
        with pytest.raises(InputError) as caught:
            ModelScore(name="a", log_likelihood=None, aic=None, purchases=self.ERROR, spend=None, warnings="abc")
        assert caught.value.name == "warnings"

    def test_what_compare_models_gives(self):
        log = load_cdnow()
        split = split_purchases(log.customer, log.date, log.amount, calibration_end="1997-09-30")
        for score in compare_models(split, {"BG/NBD": fit_bg_nbd(split.calibration)}):
            assert through_json(score) == score
