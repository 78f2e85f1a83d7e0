"""RFM scores: break points and what they do to customers."""

from __future__ import annotations

import json
import math
import statistics
from decimal import Decimal
from fractions import Fraction

import attrs
import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmvalue.errors import InputError
from crmvalue.segmentation import RfmBreaks, RfmScores, SegmentTable, fit_rfm, score_rfm
from tests.segmentation.references import rank_scores

METHODS = ["rank", "quantile", "threshold"]
OTHERS = "[1-3]* 4[1-3]"
COLUMNS = ["days_since_last", "n_purchases", "spend"]

few = st.integers(0, 3)
any_days = few | st.integers(0, 800) | st.floats(0.001, 1e5)
any_count = few | st.integers(0, 10**12)
any_spend = few | st.integers(0, 10**7).map(lambda cents: cents / 100) | st.floats(1e-9, 1e90)


def as_counted(money):
    """Round money to the decimals that count: 9, 6 from 1e4 on, 3 from 1e7 on."""
    return money if money >= 1e10 else round(money, 9 if money < 1e4 else 6 if money < 1e7 else 3)


customers = st.lists(st.tuples(any_days, any_count, any_spend.map(as_counted)), min_size=1, max_size=40)
whole_customers = st.lists(st.tuples(*[few | st.integers(0, 10**4)] * 3), min_size=1, max_size=40)
bins = st.sampled_from([2, 3, 4, 5, 7, 10, 99, 100])
methods = st.sampled_from(["rank", "quantile"])


def columns_of(rows):
    return dict(zip(COLUMNS, map(list, zip(*rows, strict=True)), strict=True))


def fitted(rows, **options):
    return fit_rfm(**columns_of(rows), **{"spend_basis": "total", **options})


def scored(rows, breaks):
    """Give the scores as rows of three."""
    scores = score_rfm(**columns_of(rows), breaks=breaks, window=breaks.window)
    return list(zip(scores.r_score.tolist(), scores.f_score.tolist(), scores.m_score.tolist(), strict=True))


def scores_of_one(column, n_bins=5, method="rank"):
    """Score a column as frequency."""
    n = len(column)
    breaks = fit_rfm([1] * n, column, [1] * n, spend_basis="mean", n_bins=n_bins, method=method)
    return score_rfm([1] * n, column, [1] * n, breaks).f_score.tolist()


class TestFitRfm:
    """By rank: 1 + floor(k (mean rank - 1/2) / n), 1 the worst, equals sharing the mean rank."""

    @pytest.mark.parametrize(
        ("column", "expected"),
        [
            ([1, 1, 1, 1, 1, 1, 2, 2, 5, 9], [2, 2, 2, 2, 2, 2, 4, 4, 5, 5]),  # known answer
            ([7], [3]),  # known answer, n = 1
            ([7, 8], [2, 4]),  # known answer, n = 2
            ([9, 7, 8], [5, 1, 3]),  # known answer, n = 3
            ([4] * 10, [3] * 10),  # known answer, all equal
            ([0] * 7, [3] * 7),
            ([1, 2, 3, 4, 5], [1, 2, 3, 4, 5]),
            ([0, 0, 0, 0, 0, 0, 0, 0, 0, 1], [3] * 9 + [5]),  # mean rank 5: 1 + floor(5 * 4.5 / 10)
        ],
    )
    def test_known_scores(self, column, expected):
        assert scores_of_one(column) == expected
        n = len(column)
        breaks = fit_rfm([max(column) - x for x in column], [1] * n, column, spend_basis="mean")
        scores = score_rfm([max(column) - x for x in column], [1] * n, column, breaks)
        assert scores.r_score.tolist() == scores.m_score.tolist() == expected
        assert scores.f_score.tolist() == [3] * n

    @pytest.mark.parametrize("n_bins", [2, 3, 5, 10, 100])
    def test_all_equal_score_in_the_middle(self, n_bins):
        assert scores_of_one([4, 4, 4], n_bins) == [1 + n_bins // 2] * 3

    @given(customers, bins)
    def test_its_own_base_reproduces_the_definition(self, rows, n_bins):
        columns = columns_of(rows)
        wanted = [
            rank_scores([-days for days in columns["days_since_last"]], n_bins),
            rank_scores(columns["n_purchases"], n_bins),
            rank_scores(columns["spend"], n_bins),
        ]
        assert scored(rows, fitted(rows, n_bins=n_bins)) == list(zip(*wanted, strict=True))

    @given(customers, bins)
    def test_a_break_is_the_best_customer_below_it(self, rows, n_bins):
        """So a new value between two fitted ones gets the score of the better of them."""
        breaks = fitted(rows, n_bins=n_bins)
        for name, sign in zip(COLUMNS, (-1, 1, 1), strict=True):
            goods = [sign * value for value in columns_of(rows)[name]]
            scores = rank_scores(goods, n_bins)
            for j, found in enumerate(getattr(breaks, name).tolist(), start=1):
                below = [good for good, score in zip(goods, scores, strict=True) if score <= j]
                assert sign * found == max(below, default=-math.inf)

    @given(customers, bins, methods, st.randoms(use_true_random=False))
    def test_order_of_rows_does_not_matter(self, rows, n_bins, method, random):
        shuffled = rows.copy()
        random.shuffle(shuffled)
        assert fitted(shuffled, n_bins=n_bins, method=method) == fitted(rows, n_bins=n_bins, method=method)

    @given(whole_customers, bins)
    def test_a_rising_transformation_does_not_matter(self, rows, n_bins):
        """Scores by rank see the order alone, so squares, logarithms or another currency score alike."""
        changed = [(days**2 + 3.5, 2 * count**3, math.log1p(spend) / 7) for days, count, spend in rows]
        assert scored(changed, fitted(changed, n_bins=n_bins)) == scored(rows, fitted(rows, n_bins=n_bins))

    @given(customers, st.integers(1, 5))
    def test_a_base_told_several_times_over_scores_alike(self, rows, times):
        again = scored(rows, fitted(rows * times))
        assert again == scored(rows * times, fitted(rows * times))[: len(rows)]
        if len(rows) == 1:
            assert again == [(3, 3, 3)]

    @given(customers, bins, methods)
    def test_equals_score_alike(self, rows, n_bins, method):
        scores = scored(rows, fitted(rows, n_bins=n_bins, method=method))
        for place in range(3):
            seen = {}
            for row, score in zip(rows, scores, strict=True):
                assert seen.setdefault(row[place], score[place]) == score[place]

    @given(customers, bins, methods)
    def test_better_never_scores_less(self, rows, n_bins, method):
        scores = scored(rows, fitted(rows, n_bins=n_bins, method=method))
        for place, sign in enumerate((-1, 1, 1)):
            ordered = sorted(zip(rows, scores, strict=True), key=lambda pair: sign * pair[0][place])
            climb = [score[place] for _, score in ordered]
            assert climb == sorted(climb)
            assert 1 <= climb[0] <= climb[-1] <= n_bins

    @given(st.lists(st.integers(1, 10**6), min_size=5, max_size=60, unique=True), st.sampled_from([2, 3, 5]))
    def test_bins_by_rank_without_ties_are_equally_large(self, column, n_bins):
        sizes = np.bincount(scores_of_one(column, n_bins), minlength=n_bins + 1)[1:]
        assert sizes.max() - sizes.min() <= 1

    @given(st.lists(few | st.integers(0, 10**6), min_size=2, max_size=50), bins)
    def test_quantiles_are_exact_where_they_meet_a_value(self, column, n_bins):
        """Against the standard library's quantiles in exact fractions."""
        cuts = statistics.quantiles(map(Fraction, column), n=n_bins, method="inclusive")
        expected = [1 + sum(value > cut for cut in cuts) for value in column]
        assert scores_of_one(column, n_bins, "quantile") == expected

    @given(customers, bins)
    def test_quantiles_equal_those_of_numpy(self, rows, n_bins):
        breaks = fitted(rows, n_bins=n_bins, method="quantile")
        shares = np.arange(1, n_bins) / n_bins
        for name, sign in zip(COLUMNS, (-1, 1, 1), strict=True):
            values = sign * np.array(columns_of(rows)[name], dtype=float)
            expected = np.quantile(values, shares)
            atol = 1e-12 * np.abs(values).max()
            np.testing.assert_allclose(sign * getattr(breaks, name), expected, rtol=1e-9, atol=atol)

    def test_quantiles_cut_as_those_of_pandas(self):
        rng = np.random.default_rng(4)
        days, count, money = rng.permutation(1000), rng.permutation(1000), rng.permutation(1000) / 100
        scores = score_rfm(
            days, count, money, fit_rfm(days, count, money, spend_basis="mean", n_bins=4, method="quantile")
        )
        np.testing.assert_array_equal(scores.r_score, pd.qcut(-days, 4, labels=False) + 1)
        np.testing.assert_array_equal(scores.f_score, pd.qcut(count, 4, labels=False) + 1)
        np.testing.assert_array_equal(scores.m_score, pd.qcut(money, 4, labels=False) + 1)

    def test_thresholds_are_taken_as_they_are(self):
        limits = {"days_since_last": [180, 90, 30], "n_purchases": [1, 2, 5], "spend": [20, 50, 50.5]}
        breaks = fit_rfm([1], [1], [1], spend_basis="mean", n_bins=4, method="threshold", thresholds=limits)
        assert {name: getattr(breaks, name).tolist() for name in COLUMNS} == limits
        assert breaks.n_customers == 0
        rows = [(181, 1, 20), (180, 2, 20.01), (90, 3, 50.5), (30, 5, 50.6), (29, 6, 0), (0, 0, 1e9)]
        assert scored(rows, breaks) == [(1, 1, 1), (1, 2, 2), (2, 3, 3), (3, 3, 4), (4, 4, 1), (4, 1, 4)]

    def test_keeps_what_it_was_fitted_to(self):
        breaks = fit_rfm(
            [1, 2], [1, 2], [1, 2], spend_basis="mean", as_of="2024-02-29", window=365, n_bins=3, method="quantile"
        )
        assert (breaks.as_of, breaks.window, breaks.n_customers) == (np.datetime64("2024-02-29"), 365.0, 2)
        assert (breaks.n_bins, breaks.spend_basis, breaks.method) == (3, "mean", "quantile")

    @pytest.mark.parametrize("n_bins", [5, 100])
    @pytest.mark.parametrize(
        "draw",
        [
            lambda rng, n: rng.geometric(0.6, n) - 1.0,  # most have 0 or 1
            lambda rng, n: (rng.pareto(0.3, n) * 100).round(),  # a few hold nearly everything
            lambda rng, n: np.nextafter(1000, rng.choice([0.0, 1e9], n)),  # two neighbouring floats
            lambda _, n: np.repeat([0.0, 1e-100, 1.0, 1e100], n // 4),
            lambda rng, n: rng.permutation(n) + 2.0**40,
        ],
    )
    def test_large_bases(self, draw, n_bins):
        rng = np.random.default_rng(5)
        column = draw(rng, 40_000)
        ones = np.ones(len(column))
        breaks = fit_rfm(column, ones, column, spend_basis="total", n_bins=n_bins)
        scores = score_rfm(column, ones, column, breaks)
        np.testing.assert_array_equal(scores.r_score, rank_scores(-column, n_bins))
        money = np.where(column < 1e-9, 0, column)  # less is a residue, and counts as 0
        money = np.array([as_counted(one) for one in money.tolist()])  # neighbouring floats are one money
        np.testing.assert_array_equal(scores.m_score, rank_scores(money, n_bins))

    @pytest.mark.parametrize(
        "make",
        [
            tuple,
            lambda column: [Decimal(value) for value in column],
            pd.Series,
            lambda column: pd.Series(column, dtype="Int64"),
            lambda column: pd.Series(column, index=range(5, 0, -1)),
            lambda column: pd.Series(column, dtype="int64[pyarrow]"),
            pl.Series,
            lambda column: np.array(column)[::-1][::-1],
            lambda column: np.array(column, dtype=">f8"),
            *[lambda column, kind=kind: np.array(column, dtype=kind) for kind in "bBhHiIlLqQefdgO"],
        ],
    )
    def test_takes_columns_of_any_kind(self, make):
        days, count, money = [5, 20, 60, 100, 120], [9, 5, 2, 1, 1], [90, 30, 8, 2, 1]
        wanted = fit_rfm(days, count, money, spend_basis="total")
        breaks = fit_rfm(make(days), make(count), make(money), spend_basis="total")
        assert breaks == wanted
        scores = score_rfm(make(days), make(count), make(money), breaks)
        assert scores.cell.tolist() == [555, 444, 333, 222, 121]

    @pytest.mark.parametrize("missing", [None, math.nan, pd.NA, np.nan])
    @pytest.mark.parametrize("name", COLUMNS)
    def test_missing_values_are_refused_where_they_stand(self, name, missing):
        columns = {"days_since_last": [1, 2, 3], "n_purchases": [1, 2, 3], "spend": [1, 2, 3]}
        columns[name] = [1, missing, 3]
        with pytest.raises(InputError) as caught:
            fit_rfm(**columns, spend_basis="total")
        assert (caught.value.name, caught.value.index) == (name, 1)

    def test_a_frame_with_gaps_is_refused(self):
        frame = pl.DataFrame({"days": [1, 2], "count": [1, None], "money": [1.0, 2.0]})
        with pytest.raises(InputError, match="n_purchases"):
            fit_rfm(frame["days"], frame["count"], frame["money"], spend_basis="total")

    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"days_since_last": [1, -1]}, "days_since_last"),  # a purchase after the as-of date
            ({"n_purchases": [1, -1]}, "n_purchases"),
            ({"n_purchases": [1, 1.5]}, "n_purchases"),
            ({"spend": [1, -0.01]}, "spend"),
            ({"spend": [1, True]}, "spend"),
            ({"spend": [1, "2"]}, "spend"),
            ({"spend": np.ma.array([1, 2], mask=[False, True])}, "spend"),
            ({"spend": [1]}, "spend"),
            ({"spend": 1}, "spend"),
            ({"spend": [[1, 2]]}, "spend"),
            ({"spend": [1, 2, 3]}, "spend"),
            (dict.fromkeys(COLUMNS, ()), "days_since_last"),
            (dict.fromkeys(COLUMNS, 1), "days_since_last"),
            ({"spend_basis": "sum"}, "spend_basis"),
            ({"spend_basis": None}, "spend_basis"),
            ({"method": "ranks"}, "method"),
            ({"n_bins": 1}, "n_bins"),
            ({"n_bins": 101}, "n_bins"),
            ({"n_bins": 2.5}, "n_bins"),
            ({"window": 0}, "window"),
            ({"as_of": "2024-02-30"}, "as_of"),
            ({"as_of": ["2024-02-29"]}, "as_of"),
            ({"method": "threshold"}, "thresholds"),
            ({"thresholds": {name: [1, 2, 3, 4] for name in COLUMNS}}, "thresholds"),
        ],
    )
    def test_rejects(self, changes, name):
        arguments = {"days_since_last": [1, 2], "n_purchases": [1, 2], "spend": [1, 2], "spend_basis": "total"}
        with pytest.raises(InputError) as caught:
            fit_rfm(**{**arguments, **changes})
        assert caught.value.name == name

    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"spend": [1]}, "thresholds['spend']"),
            ({"spend": [1, math.nan]}, "thresholds['spend']"),
            ({"spend": [1, math.inf]}, "thresholds['spend']"),
            ({"spend": 1}, "thresholds['spend']"),
            ({"spend": [2, 1]}, "spend"),
            ({"days_since_last": [30, 60]}, "days_since_last"),
            ({"monetary": [1, 2]}, "thresholds"),
            (
                {"n_purchases": pd.Series([1, 2], ["a", "b"]), "spend": pd.Series([2, 1], ["b", "a"])},
                "thresholds['spend']",
            ),
        ],
    )
    def test_rejects_thresholds(self, changes, name):
        limits = {"days_since_last": [60, 30], "n_purchases": [1, 2], "spend": [1, 2], **changes}
        with pytest.raises(InputError) as caught:
            fit_rfm([1], [1], [1], spend_basis="mean", n_bins=3, method="threshold", thresholds=limits)
        assert caught.value.name == name

    def test_needs_the_basis_of_the_money(self):
        with pytest.raises(TypeError, match="spend_basis"):
            fit_rfm([1], [1], [1])


class TestScoreRfm:
    """1, and 1 more for each break point that the customer is beyond; nobody is ranked anew."""

    @given(customers, customers, bins, methods, st.integers(0, 40))
    def test_in_pieces_as_at_once(self, base, rows, n_bins, method, cut):
        breaks = fitted(base, n_bins=n_bins, method=method)
        at_once = scored(rows, breaks)
        assert [score for row in rows for score in scored([row], breaks)] == at_once
        pieces = [scored(piece, breaks) for piece in (rows[:cut], rows[cut:]) if piece]
        assert [score for piece in pieces for score in piece] == at_once

    @given(customers, customers, bins, methods)
    def test_equals_the_count_of_breaks_passed(self, base, rows, n_bins, method):
        breaks = fitted(base, n_bins=n_bins, method=method)
        expected = [
            (
                1 + sum(days < point for point in breaks.days_since_last.tolist()),
                1 + sum(count > point for point in breaks.n_purchases.tolist()),
                1 + sum(spend > point for point in breaks.spend.tolist()),
            )
            for days, count, spend in rows
        ]
        assert scored(rows, breaks) == expected

    @given(customers, customers, bins)
    def test_scores_like_the_next_better_of_the_base(self, base, rows, n_bins):
        breaks = fitted(base, n_bins=n_bins)
        known = scored(base, breaks)
        for row, score in zip(rows, scored(rows, breaks), strict=True):
            for place, sign in enumerate((-1, 1, 1)):
                better = [
                    old[place]
                    for other, old in zip(base, known, strict=True)
                    if sign * other[place] >= sign * row[place]
                ]
                assert score[place] == min(better, default=n_bins)

    @pytest.mark.parametrize("window", [None, 90, 179.5, 180.0001])
    def test_scores_columns_of_the_window_of_the_break_points_only(self, window):
        """Purchases of a year against break points of half a year make everybody better than they are."""
        breaks = fitted([(1, 1, 1), (2, 2, 2)], window=180)
        assert score_rfm(1, 2, 2, breaks, window=180).n_bins == 5
        with pytest.raises(InputError, match="that of the break points, 180 days") as caught:
            score_rfm(1, 2, 2, breaks, window=window)
        assert caught.value.name == "window"
        assert caught.value.value != "180 days"

    def test_nobody_who_bought_in_the_window_has_been_silent_for_longer(self):
        days, number, spend = [10, 180, 181], [3, 1, 0], [30.0, 5.0, 0.0]  # the last one bought before the window
        breaks = fit_rfm(days, number, spend, spend_basis="total", n_bins=2, window=180)
        assert score_rfm(days, number, spend, breaks, window=180).r_score.tolist() == [2, 2, 1]
        for call in (
            lambda: score_rfm([10, 381, 382], [3, 1, 1], spend, breaks, window=180),
            lambda: fit_rfm([10, 381, 382], [3, 1, 1], spend, spend_basis="total", n_bins=2, window=180),
        ):
            with pytest.raises(InputError, match="at most the window, 180 days") as caught:
                call()
            assert (caught.value.name, caught.value.index, caught.value.count) == ("days_since_last", 1, 2)

    def test_a_newcomer_changes_nobody(self):
        base = [(30 * i, 20 - i, 10.0 * (20 - i)) for i in range(20)]
        breaks = fitted(base)
        before = breaks.to_json()
        assert scored([*base, (0, 10**6, 1e9), (10**5, 0, 0)], breaks)[:20] == scored(base, breaks)
        assert breaks.to_json() == before

    def test_one_customer_and_shapes(self):
        breaks = fitted([(5, 9, 900), (20, 5, 300), (60, 2, 80), (200, 1, 20), (400, 1, 15)])
        one = score_rfm(3, 2, 50, breaks)
        assert (int(one.r_score), int(one.f_score), int(one.m_score), int(one.cell)) == (5, 3, 3, 533)
        table = score_rfm([[3], [100]], [2, 12, 1], 5000, breaks)
        assert table.cell.tolist() == [[535, 555, 525], [335, 355, 325]]
        assert score_rfm([], [], [], breaks).cell.shape == (0,)

    def test_the_result_is_read_only_and_small(self):
        scores = score_rfm([1, 2], [1, 2], [1, 2], fitted([(1, 1, 1), (2, 2, 2)]))
        for score in (scores.r_score, scores.f_score, scores.m_score):
            assert score.dtype == np.uint8
            assert not score.flags.writeable

    def test_leaves_its_columns_alone(self):
        days, count, money = np.array([1.0, 2.0]), np.array([1.0, 2.0]), np.array([-0.0, 2.0])
        score_rfm(days, count, money, fit_rfm(days, count, money, spend_basis="mean"))
        assert days.flags.writeable
        assert (days.tolist(), count.tolist(), money.tolist()) == ([1, 2], [1, 2], [0, 2])

    @pytest.mark.parametrize("residue", [4e-16, -4e-16, 9.9e-10, -9.9e-10])
    def test_residues_of_money_are_zero(self, residue):
        """Refunds that cancel all purchases leave 0 or about 4e-16; both customers score alike."""
        with_it = fit_rfm([1] * 4, [1] * 4, [residue, 0, 5, 9], spend_basis="total")
        assert with_it == fit_rfm([1] * 4, [1] * 4, [0, 0, 5, 9], spend_basis="total")
        assert score_rfm([1, 1], [1, 1], [residue, 0], with_it).m_score.tolist() == [2, 2]
        for wrong in (-1e-9, -0.01):
            with pytest.raises(InputError, match="spend"):
                score_rfm(1, 1, wrong, with_it)

    def test_a_threshold_that_is_a_sum_is_met_by_its_money(self):
        given = {"days_since_last": [5], "n_purchases": [1], "spend": [0.7 + 0.1]}  # 0.7999999999999999
        breaks = fit_rfm([1], [1], [1], spend_basis="total", n_bins=2, method="threshold", thresholds=given)
        assert score_rfm([1, 1], [1, 1], [0.8, 0.81], breaks).m_score.tolist() == [1, 2]

    def test_the_order_of_a_sum_moves_nobody(self):
        """Ten payments of 0.10 are 0.9999999999999999 or 1.0, as they are added up; both are one money."""
        base = [0.5, 1.0, 2.0, 3.0, 4.0]
        breaks = fit_rfm([1] * 5, [1] * 5, base, spend_basis="total")
        assert 1.0 in breaks.spend.tolist()
        for total in (1.0, sum([0.1] * 10), np.nextafter(1.0, 2), 1.0 + 4e-13):
            assert score_rfm(1, 1, total, breaks).m_score == score_rfm(1, 1, 1.0, breaks).m_score
        assert score_rfm(1, 1, 1.01, breaks).m_score == score_rfm(1, 1, 1.0, breaks).m_score + 1
        equal = np.repeat([1.0, sum([0.1] * 10), np.nextafter(1.0, 2)], 4)
        points = fit_rfm([1] * 12, [1] * 12, equal, spend_basis="total")
        assert score_rfm([1] * 12, [1] * 12, equal, points).m_score.tolist() == [3] * 12  # all equal: the middle

    @pytest.mark.parametrize("scale", [0.01, 1.0, 1e3, 1e5])
    def test_sums_in_any_order_score_alike(self, scale):
        rng = np.random.default_rng(4)
        cents = rng.integers(1, 100_000, (300, 30)) / 100 * scale
        totals = [np.array([sum(row) for row in rows.tolist()]) for rows in (cents, cents[:, ::-1], np.sort(cents))]
        ones = np.ones(300)
        found = [
            score_rfm(ones, ones, money, fit_rfm(ones, ones, other, spend_basis="total")).m_score.tolist()
            for money in (*totals, np.array([math.fsum(row) for row in cents.tolist()]))
            for other in totals
        ]
        assert all(one == found[0] for one in found)

    def test_minus_zero_is_zero(self):
        zeros = [0.0, -0.0, 0.0, -0.0]
        breaks = fit_rfm(zeros, zeros, zeros, spend_basis="total")
        assert score_rfm(zeros, zeros, zeros, breaks).cell.tolist() == [333] * 4
        assert score_rfm([1.0, 0.0, -0.0], [0, 0, 1], [0, 0, 1], breaks).cell.tolist()[1:] == [333, 355]

    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"days_since_last": -1}, "days_since_last"),
            ({"n_purchases": 0.5}, "n_purchases"),
            ({"spend": -1}, "spend"),
            ({"spend": math.nan}, "spend"),
            ({"spend": [1, 2, 3]}, "spend"),
            ({"breaks": None}, "breaks"),
            ({"breaks": {"spend": [1]}}, "breaks"),
            ({"window": 180}, "window"),  # the break points are of all time
            ({"window": 0}, "window"),
            ({"window": math.nan}, "window"),
            ({"window": "180"}, "window"),
        ],
    )
    def test_rejects(self, changes, name):
        arguments = {"days_since_last": [1, 2], "n_purchases": 1, "spend": 1, "breaks": fitted([(1, 1, 1)])}
        with pytest.raises(InputError) as caught:
            score_rfm(**{**arguments, **changes})
        assert caught.value.name == name


THREE = {"days_since_last": [90, 60, 30], "n_purchases": [1, 2, 3], "spend": [1, 2, 3]}


def breaks_of(**changes):
    given = {"days_since_last": [90, 30], "n_purchases": [1, 4], "spend": [50, 200]}
    return RfmBreaks(**{**given, "spend_basis": "total", "method": "threshold", **changes})


class TestRfmBreaks:
    """Frozen break points that go to JSON and back."""

    @given(customers, bins, methods, st.none() | st.dates(), st.none() | st.floats(1e-3, 1e5))
    def test_json_round_trip(self, rows, n_bins, method, as_of, window):
        if window is not None:  # nobody who bought in it has been silent for longer
            rows = [(min(days, window), *others) for days, *others in rows]
        breaks = fitted(rows, n_bins=n_bins, method=method, as_of=as_of, window=window)
        text = breaks.to_json()
        json.loads(text, parse_constant=pytest.fail)  # no Infinity, which is no JSON
        again = RfmBreaks.from_json(text)
        assert again == breaks
        assert again.to_json() == text
        assert scored(rows, again) == scored(rows, breaks)

    def test_endless_breaks_are_words(self):
        breaks = fitted([(3, 3, 3)])
        assert breaks.days_since_last.tolist() == [math.inf, math.inf, 3, 3]
        assert breaks.spend.tolist() == [-math.inf, -math.inf, 3, 3]
        assert json.loads(breaks.to_json())["days_since_last"] == ["inf", "inf", 3, 3]

    def test_may_be_made_of_numpys_floats(self):
        endless = breaks_of(days_since_last=np.array([np.inf, 30], dtype=np.float32), spend=[-np.inf, 3])
        assert endless.days_since_last.tolist() == [math.inf, 30]
        assert RfmBreaks.from_json(endless.to_json()) == endless

    def test_other_breaks_are_not_equal(self):
        for change in ({"spend": [50, 201]}, {"spend_basis": "mean"}, {"as_of": "2024-01-01"}, {"window": 30}):
            assert breaks_of() != breaks_of(**change)
        assert breaks_of(as_of="2024-01-01") == breaks_of(as_of=np.datetime64("2024-01-01T13:00"))

    def test_equal_breaks_leave_a_score_out(self):
        breaks = breaks_of(days_since_last=[30, 30], n_purchases=[1, 1], spend=[50, 50])
        assert scored([(30, 1, 50), (29, 2, 51)], breaks) == [(1, 1, 1), (3, 3, 3)]

    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"spend": [200, 50]}, "spend"),
            ({"n_purchases": [4, 1]}, "n_purchases"),
            ({"days_since_last": [30, 90]}, "days_since_last"),
            ({**THREE, "n_purchases": [1, 3, 2]}, "n_purchases"),  # each next one counts, not only the first
            ({**THREE, "n_purchases": [2, 1, 3]}, "n_purchases"),
            ({**THREE, "spend": [1, 3, 2]}, "spend"),
            ({**THREE, "spend": [-math.inf, 3, 2]}, "spend"),
            ({**THREE, "days_since_last": [90, 30, 60]}, "days_since_last"),
            ({**THREE, "days_since_last": [60, 90, 30]}, "days_since_last"),
            ({"spend": [50]}, "spend"),
            ({"spend": [[50, 200]]}, "spend"),
            ({"spend": 50}, "spend"),
            ({"spend": None}, "spend"),
            ({"spend": "50"}, "spend"),
            ({"spend": ["50", "200"]}, "spend"),
            ({"spend": [True, 200]}, "spend"),
            ({"spend": [50, math.nan]}, "spend"),
            ({"spend": [50, None]}, "spend"),
            ({"spend": [50, math.inf]}, "spend"),  # a score that nobody can reach
            ({"n_purchases": [1, math.inf]}, "n_purchases"),
            ({"days_since_last": [90, -math.inf]}, "days_since_last"),
            ({"days_since_last": [-math.inf, 90]}, "days_since_last"),
            ({"spend": np.ma.array([50, 200], mask=[False, True])}, "spend"),
            (dict.fromkeys(COLUMNS, ()), "days_since_last"),
            (dict.fromkeys(COLUMNS, (1,) * 100), "spend"),
            ({"spend_basis": "both"}, "spend_basis"),
            ({"method": ""}, "method"),
            ({"n_customers": -1}, "n_customers"),
            ({"window": -1}, "window"),
            ({"as_of": "yesterday"}, "as_of"),
        ],
    )
    def test_rejects(self, changes, name):
        with pytest.raises(InputError) as caught:
            breaks_of(**changes)
        assert caught.value.name == name

    @pytest.mark.parametrize(
        "change",
        [
            {"spend": ["50", "200"]},
            {"spend": [True, 200]},
            {"spend": 50},
            {"spend": None},
            {"spend": [200, 50]},
            {"spend": [50, None]},
            {"as_of": 5},
            {"method": 1},
            {"n_customers": 1.5},
            {"currency": "EUR"},
        ],
    )
    def test_rejects_other_json(self, change):
        text = json.dumps({**json.loads(breaks_of().to_json()), **change})
        with pytest.raises(InputError) as caught:
            RfmBreaks.from_json(text)
        assert caught.value.name == "text"

    @pytest.mark.parametrize("text", ["", "{", "[]", "{}", "null", "3", '{"spend": [1]}', None, 5])
    def test_rejects_what_is_no_json(self, text):
        with pytest.raises(InputError) as caught:
            RfmBreaks.from_json(text)
        assert caught.value.name == "text"

    def test_is_frozen(self):
        breaks = breaks_of()
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            breaks.window = 3
        with pytest.raises(ValueError, match="read-only"):
            breaks.spend[0] = 3


class TestRfmScores:
    """Three scores, the three side by side, and the number of bins that they come from."""

    def test_cell(self):
        assert RfmScores(r_score=[5, 1], f_score=[5, 2], m_score=[4, 9], n_bins=9).cell.tolist() == [554, 129]

    def test_a_cell_needs_scores_of_one_digit(self):
        assert RfmScores(r_score=[5], f_score=[5], m_score=[4], n_bins=9).cell.tolist() == [554]
        with pytest.raises(InputError, match="n_bins"):
            _ = RfmScores(r_score=[5], f_score=[5], m_score=[4], n_bins=10).cell

    @given(customers, bins, methods)
    def test_scores_know_their_bins(self, rows, n_bins, method):
        columns = columns_of(rows)
        assert score_rfm(**columns, breaks=fitted(rows, n_bins=n_bins, method=method)).n_bins == n_bins

    def test_a_table_refuses_scores_of_other_bins(self):
        """A 4 of four bins is the best score; a table of five bins called it "Loyal"."""
        rows = [(5, 9, 900), (20, 5, 300), (60, 2, 80), (200, 1, 20)]
        best = score_rfm(0, 100, 10**6, fitted(rows, n_bins=4))
        assert int(best.cell) == 444
        table = SegmentTable.preset("A")
        with pytest.raises(InputError, match="as the table has; got 4") as caught:
            best.segments(table)
        assert caught.value.name == "n_bins"
        assert best.segments(SegmentTable.from_groups({"best": "44", "others": OTHERS}, basis="rf", n_bins=4)) == "best"
        assert score_rfm(0, 100, 10**6, fitted(rows)).segments(table) == "Champions"

    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"r_score": [1, 6]}, "r_score"),
            ({"f_score": [0, 1]}, "f_score"),
            ({"m_score": [1, 2.5]}, "m_score"),
            ({"m_score": [1, math.nan]}, "m_score"),
            ({"m_score": [1, "2"]}, "m_score"),
            ({"m_score": [1]}, "m_score"),
            ({"f_score": [1, 2, 3]}, "f_score"),
            ({"n_bins": 1}, "n_bins"),
            ({"n_bins": 101}, "n_bins"),
            ({"n_bins": None}, "n_bins"),
            ({"n_bins": 2.5}, "n_bins"),
        ],
    )
    def test_rejects(self, changes, name):
        with pytest.raises(InputError) as caught:
            RfmScores(**{"r_score": [1, 2], "f_score": [1, 2], "m_score": [1, 2], "n_bins": 5, **changes})
        assert caught.value.name == name

    def test_needs_the_number_of_bins(self):
        with pytest.raises(TypeError, match="n_bins"):
            RfmScores(r_score=[4], f_score=[4], m_score=[4])
