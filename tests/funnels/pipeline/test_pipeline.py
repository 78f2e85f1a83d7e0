"""Forecasts of a pipeline, chances by stage, velocity and past forecasts."""

from __future__ import annotations

import itertools
import math
import tracemalloc
from fractions import Fraction

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from crmvalue._funnels.pipeline.forecast import PipelineForecast, forecast_pipeline
from crmvalue._funnels.pipeline.forecast_calibration import forecast_calibration
from crmvalue._funnels.pipeline.stage_probabilities import StageProbabilities, pipeline_velocity, stage_probabilities
from crmvalue._funnels.pipeline.work import require_little_work
from crmvalue.errors import InputError
from tests.work import n_calls

chances = st.sampled_from([0.0, 0.25, 0.5, 0.9, 1.0]) | st.floats(0.001, 0.999)
deals = st.lists(st.tuples(st.integers(0, 40), chances), min_size=1, max_size=9)
STAGES = ("call", "presentation", "offer")


def all_outcomes(rows):
    """Probability of each total, by going through who is won and who is not."""
    found = {}
    for won in itertools.product([0, 1], repeat=len(rows)):
        total = sum(Fraction(a) for (a, _), w in zip(rows, won, strict=True) if w)
        prob = math.prod(p if w else 1 - p for (_, p), w in zip(rows, won, strict=True))
        found[total] = found.get(total, 0.0) + prob
    return {total: prob for total, prob in sorted(found.items()) if prob > 0}


def forecast_of(rows, **options):
    return forecast_pipeline([a for a, _ in rows], [p for _, p in rows], **options)


def drawn_totals(amount, prob_won, n, rng):
    return np.array([amount @ (rng.random(len(amount)) < prob_won) for _ in range(n)])


class TestForecastPipeline:
    """The total of independent deals: sum of amount times 1 with its probability, else 0."""

    @given(deals)
    def test_exact_equals_going_through_all_outcomes(self, rows):
        forecast = forecast_of(rows)
        wanted = all_outcomes(rows)
        assert forecast.method == "exact"
        mine = dict(zip(forecast.total.tolist(), forecast.prob_total.tolist(), strict=True))
        for total in mine.keys() | {float(t) for t in wanted}:
            assert mine.get(total, 0.0) == pytest.approx(wanted.get(Fraction(total), 0.0), abs=1e-12)

    @given(st.lists(st.tuples(st.floats(0.001, 1e6), chances), min_size=1, max_size=8))
    def test_amounts_without_a_common_unit_are_counted_one_by_one(self, rows):
        forecast = forecast_of([(a + math.pi, p) for a, p in rows], method="exact")
        wanted = all_outcomes([(a + math.pi, p) for a, p in rows])
        goals = [float(t) for t in wanted]
        for goal in goals:
            slow = sum(prob for total, prob in wanted.items() if float(total) >= goal * (1 - 1e-12))
            assert forecast.prob_at_least(goal) == pytest.approx(slow, abs=1e-7)

    def test_a_target_close_to_a_total_is_not_reached_by_a_smaller_one(self):
        forecast = forecast_pipeline([1.0, 1.001, 999_985.0], [0.25, 0.25, 0.0001])
        assert forecast.prob_at_least(1.001) == pytest.approx(1 - 0.75 * 0.9999, abs=1e-12)
        assert forecast_pipeline([0.1] * 3, [0.5] * 3).prob_at_least(0.3) == pytest.approx(0.125)

    @given(deals)
    def test_mean_and_deviation_are_those_of_the_distribution(self, rows):
        forecast = forecast_of(rows)
        mean = float(forecast.total @ forecast.prob_total)
        assert forecast.expected == pytest.approx(mean, abs=1e-9)
        variance = float((forecast.total - mean) ** 2 @ forecast.prob_total)
        assert forecast.standard_deviation**2 == pytest.approx(variance, abs=1e-7)
        assert forecast.prob_total.sum() == pytest.approx(1, abs=1e-12)

    def test_the_lattice_keeps_the_mean(self):
        amount, prob = np.linspace(1, 2, 5000), np.linspace(0.2, 0.8, 5000)
        forecast = forecast_pipeline(amount, prob, method="grid")
        assert forecast.total @ forecast.prob_total == pytest.approx(amount @ prob, rel=1e-9)

    def test_rounding_of_sums_moves_no_quantile(self):
        forecast = PipelineForecast(
            n_deals=2, amount=3, expected=0.7, standard_deviation=1.1, level=0.9, method="exact",
            total=[0, 1, 3], prob_total=[0.7, 0.1, 0.2],
        )  # fmt: skip
        assert 0.7 + 0.1 < 0.8
        assert forecast.quantile(0.8) == 1.0

    def test_the_months_of_years_are_their_first(self):
        forecast = forecast_pipeline([1, 2], [0.5, 0.5], month=np.array(["2024", "2025"], dtype="datetime64[Y]"))
        assert forecast.by_month.label.astype(str).tolist() == ["2024-01", "2025-01"]

    @given(deals, st.randoms(use_true_random=False))
    def test_order_of_deals_does_not_matter(self, rows, random):
        one = forecast_of(rows)
        random.shuffle(rows)
        other = forecast_of(rows)
        assert other.expected == pytest.approx(one.expected)
        np.testing.assert_array_equal(other.total, one.total)
        np.testing.assert_allclose(other.prob_total, one.prob_total, atol=1e-14)

    @given(deals, st.lists(st.integers(0, 2), min_size=9, max_size=9))
    def test_groups_and_months_add_up(self, rows, code):
        code = code[: len(rows)]
        month = [f"2024-0{c + 1}-1{c}" for c in code]
        forecast = forecast_of(rows, by=code, month=month)
        for table in (forecast.by_group, forecast.by_month):
            assert table.n_deals.sum() == forecast.n_deals
            assert table.amount.sum() == pytest.approx(forecast.amount)
            assert table.expected.sum() == pytest.approx(forecast.expected)
            assert (table.standard_deviation**2).sum() == pytest.approx(forecast.standard_deviation**2)
        for place, c in enumerate(sorted(set(code))):
            alone = forecast_of([row for row, of in zip(rows, code, strict=True) if of == c])
            assert (forecast.by_group.low[place], forecast.by_group.high[place]) == alone.interval

    @pytest.mark.parametrize("p", [0.01, 0.3, 0.97])
    @pytest.mark.parametrize("n", [1, 30, 5000])
    def test_equal_amounts_are_binomial(self, n, p):
        forecast = forecast_pipeline([250.0] * n, [p] * n)
        assert forecast.method == "exact"
        at = np.rint(forecast.total / 250).astype(int)
        np.testing.assert_allclose(forecast.prob_total, stats.binom.pmf(at, n, p), atol=1e-13)
        for q in (0.025, 0.5, 0.975):
            assert forecast.quantile(q) == 250 * stats.binom.ppf(q, n, p)

    @pytest.mark.parametrize("n", [40, 3000])
    def test_grid_is_close_to_exact(self, n):
        rng = np.random.default_rng(n)
        amount, prob_won = rng.integers(1, 300, n) * 1.0, rng.random(n)
        exact = forecast_pipeline(amount, prob_won, method="exact")
        grid = forecast_pipeline(amount, prob_won, method="grid")
        assert (exact.method, grid.method) == ("exact", "grid")
        prob = np.linspace(0.001, 0.999, 201)
        step = amount.sum() / 2**16
        assert np.abs(exact.quantile(prob) - grid.quantile(prob)).max() <= 1 + n**0.5 * step
        assert grid.total @ grid.prob_total == pytest.approx(exact.expected, rel=1e-9)

    @pytest.mark.parametrize("flip", [False, True])
    @pytest.mark.parametrize(("n", "p"), [(30_000, 1e-5), (40_000, 2e-4), (3_000, 0.049)])
    def test_many_rare_wins_or_losses_are_binomial(self, n, p, flip):
        """Amounts without a common unit, all alike: the total is their amount times a binomial number."""
        amount = np.full(n, 100 / 3)
        forecast = forecast_pipeline(amount, np.full(n, 1 - p if flip else p))
        assert forecast.method == "grid"
        number = stats.binom(n, 1 - p if flip else p)
        k = np.unique(number.ppf([0.001, 0.1, 0.3, 0.5, 0.7, 0.9, 0.999]))
        np.testing.assert_allclose(forecast.prob_at_least((k - 0.4) * 100 / 3), number.sf(k - 1), atol=1e-9)
        mean = forecast.total @ forecast.prob_total
        assert mean == pytest.approx(forecast.expected, rel=1e-8)
        deviation = math.sqrt((forecast.total - mean) ** 2 @ forecast.prob_total)
        assert deviation == pytest.approx(forecast.standard_deviation, rel=1e-5)
        assert (np.diff(forecast.total) > 0).all()

    def test_a_deal_that_dwarfs_the_others_leaves_them_their_distribution(self):
        rng = np.random.default_rng(0)
        amount, prob_won = np.append(1e9, rng.random(200) * 100 + 0.001), np.append(0.1, np.full(200, 0.5))
        forecast = forecast_pipeline(amount, prob_won)
        alone = forecast_pipeline(amount[1:], prob_won[1:])
        goals = np.array([4000, 5000, 5500, 6000])
        np.testing.assert_allclose(forecast.prob_at_least(goals), 0.1 + 0.9 * alone.prob_at_least(goals), atol=1e-9)
        assert forecast.prob_at_least([8000, 1e9]) == pytest.approx([0.1, 0.1], abs=1e-9)

    def test_more_deals_than_the_lattice_takes_are_close_to_exact(self):
        """Some large deals stand alone, 8,000 small ones join as a normal amount."""
        rng = np.random.default_rng(5)
        n = 12_000
        amount = np.rint(rng.lognormal(3, 1, n)) + 1
        prob_won = rng.uniform(0.02, 0.4, n)
        exact = forecast_pipeline(amount, prob_won, method="exact")
        grid = forecast_pipeline(amount, prob_won, method="grid")
        prob = np.array([0.001, 0.025, 0.25, 0.5, 0.75, 0.975, 0.999])
        assert np.abs(exact.quantile(prob) - grid.quantile(prob)).max() < 0.005 * exact.standard_deviation

    @pytest.mark.parametrize("whale", [0.0, 5e5])
    def test_approximation_agrees_with_simulation(self, whale):
        """A single deal as large as the rest gives two humps, which a normal curve would miss."""
        rng = np.random.default_rng(3)
        amount = np.append(rng.lognormal(9, 1, 60), whale)
        prob_won = np.append(rng.beta(1, 3, 60), 0.3)
        forecast = forecast_pipeline(amount, prob_won)
        assert forecast.method == "grid"
        drawn = np.sort(drawn_totals(amount, prob_won, 20_000, rng))
        up_to = 1 - forecast.prob_at_least(drawn)
        distance = np.abs(up_to - np.arange(20_000) / 20_000).max()
        assert distance < 1.95 / math.sqrt(20_000)  # Kolmogorov's limit for p = 0.001
        low, high = forecast.interval
        assert np.mean((drawn >= low) & (drawn <= high)) == pytest.approx(0.95, abs=0.006)

    def test_a_million_deals(self):
        rng = np.random.default_rng(8)
        amount, prob_won = rng.lognormal(5, 1, 10**6), rng.uniform(0, 0.2, 10**6)
        forecast = forecast_pipeline(amount, prob_won)
        low, high = forecast.interval
        assert (high - low) / forecast.standard_deviation == pytest.approx(2 * 1.959964, rel=1e-3)
        assert (low + high) / 2 == pytest.approx(forecast.expected, rel=1e-4)

    def test_many_groups_leave_only_their_ends(self):
        rng = np.random.default_rng(7)
        amount, prob, by = rng.lognormal(9, 1, 1200).round(2), rng.uniform(0.1, 0.9, 1200), np.arange(1200) % 60
        tracemalloc.start()
        forecast = forecast_pipeline(amount, prob, by=by)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 20e6  # the distributions of all groups would be 60 MB
        for group in (0, 59):
            own = forecast_pipeline(amount[by == group], prob[by == group])
            assert (forecast.by_group.low[group], forecast.by_group.high[group]) == own.interval

    def test_sure_deals_only_shift(self):
        forecast = forecast_pipeline([0.1, math.pi, 7.0, 0.0], [1, 0, 1, 0.5])
        assert forecast.total.tolist() == [7.1]
        assert forecast.standard_deviation == 0
        assert forecast.method == "exact"

    def test_conclusion(self):
        forecast = forecast_pipeline([5000, 12000, 3000], [0.6, 0.25, 0.9])
        assert forecast.conclusion == (
            "3 open deals worth 20,000 are expected to bring 8,700; with 95 % probability from 0 to 20,000, "
            "if the deals are independent and their probabilities are right."
        )
        one = forecast_pipeline([5000], [0.6]).conclusion
        assert one.startswith(
            "1 open deal worth 5,000 is expected to bring 3,000; with 95 % probability from 0 to 5,000"
        )
        assert forecast.prob_at_least([0, 8000, 8000.01, 20000, 20001]) == pytest.approx([1, 0.655, 0.25, 0.135, 0])

    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"prob_won": [0.1]}, "prob_won"),
            ({"amount": [], "prob_won": []}, "amount"),
            ({"month": ["2024-01-01"]}, "month"),
            ({"by": ["a"]}, "by"),
            ({"by": ["a", None]}, "by"),
            ({"method": "normal"}, "method"),
            ({"amount": [1.0, np.nan]}, "amount"),
        ],
    )
    def test_rejections(self, changes, name):
        with pytest.raises(InputError) as caught:
            forecast_pipeline(**{"amount": [1.0, 2.0], "prob_won": [0.1, 0.2], **changes})
        assert caught.value.name == name

    def test_exact_out_of_reach_is_refused(self):
        with pytest.raises(InputError, match="16 deals"):
            forecast_pipeline(np.arange(17) + math.pi, np.full(17, 0.5), method="exact")

    @pytest.mark.parametrize("prob", [0, 1, -0.1, np.nan])
    def test_quantile_rejections(self, prob):
        with pytest.raises(InputError):
            forecast_pipeline([1], [0.5]).quantile(prob)

    @pytest.mark.parametrize("chance", [[1.3e-80] * 5, np.geomspace(1e-3, 1e-17, 50)])
    def test_tiny_chances_under_an_error_state_that_raises(self, chance):
        """The chance that all are won is below all floats; nearly always nobody is."""
        n = len(chance)
        amount = np.full(n, 100.0)
        with np.errstate(all="raise"):
            low, high = forecast_pipeline(amount, chance).interval
            groups = forecast_pipeline(amount, chance, by=["a"] * n).by_group
            past = forecast_calibration(chance, np.zeros(n), amount=amount)
        assert [low, high, *groups.low, *groups.high] == [0, 0, 0, 0]
        assert past.p_value_amount == pytest.approx(1)


class TestStageProbabilities:
    """Won over reached, of closed deals; who reached a stage reached those before it."""

    @given(st.lists(st.tuples(st.sampled_from(STAGES), st.booleans()), min_size=1, max_size=60))
    def test_equals_counting(self, rows):
        learned = stage_probabilities([s for s, _ in rows], [w for _, w in rows], stages=STAGES)
        for i, _ in enumerate(STAGES):
            reached = [w for s, w in rows if w or STAGES.index(s) >= i]
            assert learned.n_reached[i] == len(reached)
            assert learned.n_won[i] == sum(reached)
        assert np.nanmin(np.diff(learned.prob_won), initial=0) >= 0
        assert StageProbabilities.from_json(learned.to_json()) == learned

    def test_intervals_are_wilson(self):
        """Newcombe (1998): 81 of 263, 15 of 148 and 0 of 20."""
        learned = StageProbabilities(stages=["a", "b"], n_reached=[263, 148], n_won=[81, 15])
        low, high = learned.interval()
        assert (low[0], high[0]) == pytest.approx((0.2553, 0.3662), abs=5e-5)
        assert (low[1], high[1]) == pytest.approx((0.0624, 0.1605), abs=5e-5)
        assert StageProbabilities(stages=["a"], n_reached=[20], n_won=[0]).interval().high == pytest.approx(
            [0.1611], abs=5e-5
        )

    def test_open_deals_get_the_chance_of_their_stage(self):
        learned = StageProbabilities(stages=STAGES, n_reached=[200, 100, 0], n_won=[20, 0, 0])
        assert learned.assign(["presentation", "call"]).tolist() == [0.0, 0.1]
        low, high = learned.assign_interval(["call"])
        assert low[0] < 0.1 < high[0]
        assert learned.assign_interval(["call"], level=0.95) == (low, high)
        one = StageProbabilities(stages=["a"], n_reached=[1], n_won=[1])
        assert one.assign(["a"]).tolist() == [1]
        assert np.isnan(learned.prob_won[2])
        assert np.isnan(learned.interval().low[2])
        assert learned.conclusion == (
            "Won deals among those that reached a stage: call 20 of 200 (10%, 7% to 15%), "
            "presentation 0 of 100 (0%, 0% to 4%), offer unknown."
        )
        with pytest.raises(InputError) as caught:
            learned.assign(["call", "offer"])
        assert (caught.value.name, caught.value.index, caught.value.value) == ("stage", 1, "offer")
        with pytest.raises(InputError, match="one of call"):
            learned.assign(["deal"])

    def test_ones_and_noughts_are_outcomes(self):
        stage = ["call", "offer", "offer"]
        assert stage_probabilities(stage, [0, 1, 0], stages=STAGES) == stage_probabilities(
            stage, [False, True, False], stages=STAGES
        )

    @pytest.mark.parametrize(
        ("arguments", "name"),
        [
            ((["call", "deal"], [True, False], STAGES), "furthest_stage"),
            ((["call", None], [True, False], STAGES), "furthest_stage"),
            ((["call"], [True, False], STAGES), "won"),
            ((["call"], [2], STAGES), "won"),
            (([], [], STAGES), "furthest_stage"),
            ((["call"], [True], ["call", "call"]), "stages"),
            ((["call"], [True], "call"), "stages"),
            ((["call"], [True], []), "stages"),
        ],
    )
    def test_rejections(self, arguments, name):
        furthest, won, stages = arguments
        with pytest.raises(InputError) as caught:
            stage_probabilities(furthest, won, stages=stages)
        assert caught.value.name == name

    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"n_reached": [1, 2, 2]}, "n_reached"),
            ({"n_won": [9, 1, 1]}, "n_won"),
            ({"n_won": [1, 1]}, "n_won"),
            ({"n_won": [1, 1, -1]}, "n_won"),
        ],
    )
    def test_value_rejections(self, changes, name):
        with pytest.raises(InputError) as caught:
            StageProbabilities(**{"stages": STAGES, "n_reached": [8, 4, 2], "n_won": [1, 1, 1], **changes})
        assert caught.value.name == name


class TestPipelineVelocity:
    """Deals times average amount times win rate over cycle."""

    def test_known(self):
        assert pipeline_velocity(40, 5000, 0.25, 50) == 1000
        np.testing.assert_array_equal(pipeline_velocity([40, 0], 5000, 0.25, [50, 50]), [1000, 0])

    def test_ends_of_the_ranges(self):
        found = pipeline_velocity([40, 40, 40, 40], [0, 0.5, 8, 8], [1, 1, 0, 1], [10, 10, 10, 0.5])
        assert found.tolist() == [0, 2, 0, 640]  # by hand

    @pytest.mark.parametrize(
        ("arguments", "name"),
        [
            ((-1, 8, 0.5, 10), "n_deals"),
            ((1.5, 8, 0.5, 10), "n_deals"),
            ((40, -1, 0.5, 10), "average_deal"),
            ((40, 8, -0.1, 10), "win_rate"),
            ((40, 8, 1.1, 10), "win_rate"),
            ((40, 8, 0.5, 0), "cycle_days"),
        ],
    )
    def test_refuses(self, arguments, name):
        with pytest.raises(InputError) as caught:
            pipeline_velocity(*arguments)
        assert caught.value.name == name


class TestForecastCalibration:
    """Expected against actual wins by bin, Brier score, and tests of the total and of the single probabilities."""

    @given(st.lists(st.tuples(chances, st.booleans()), min_size=1, max_size=50), st.integers(1, 12))
    def test_bins_hold_every_deal_once(self, rows, n_bins):
        p, won = map(np.array, zip(*rows, strict=True))
        found = forecast_calibration(p, won, n_bins=n_bins)
        assert found.n_deals.sum() == len(rows)
        assert found.n_won.sum() == won.sum()
        assert found.expected.sum() == pytest.approx(p.sum())
        for b in range(n_bins):
            low, high = found.edge[b], found.edge[b + 1]
            inside = (p >= low) & ((p < high) | (b == n_bins - 1))
            assert found.n_deals[b] == inside.sum()
            assert found.n_won[b] == won[inside].sum()
        assert found.brier_score == pytest.approx(np.mean((p - won) ** 2))
        assert found.brier_score_constant == pytest.approx(np.mean((won.mean() - won) ** 2), abs=1e-15)
        assert 0 <= found.p_value_total <= 1

    @pytest.mark.parametrize(
        "name", ["p_value_total", "p_value", "brier_score", "brier_score_constant", "p_value_amount"]
    )
    @pytest.mark.parametrize("wrong", [-0.01, 1.01])
    def test_a_fraction_is_one(self, name, wrong):
        found = forecast_calibration([0.5, 0.25], [True, False], amount=[5, 7])
        with pytest.raises(InputError) as caught:
            attrs.evolve(found, **{name: wrong})
        assert caught.value.name == name

    def test_total_is_the_binomial_test(self):
        for n_won in (0, 3, 10, 19):
            won = np.arange(20) < n_won
            found = forecast_calibration(np.full(20, 0.3), won)
            tails = stats.binom.cdf(n_won, 20, 0.3), stats.binom.sf(n_won - 1, 20, 0.3)
            assert found.p_value_total == pytest.approx(min(1, 2 * min(tails)))

    def test_right_forecasts_are_rarely_rejected_and_wrong_ones_mostly(self):
        rng = np.random.default_rng(2)
        right, wrong = [], []
        for _ in range(400):
            p = rng.beta(1, 2, 150)
            true = rng.random(150) < p
            found = forecast_calibration(p, true)
            right.append([found.p_value, found.p_value_total])
            extreme = p**2 / (p**2 + (1 - p) ** 2)
            wrong.append(forecast_calibration(extreme, true).p_value)
        share = np.mean(np.array(right) < 0.05, axis=0)
        assert (share < 0.05 + 3 * math.sqrt(0.05 * 0.95 / 400)).all()  # three standard errors
        assert share[0] > 0.01
        assert np.mean(np.array(wrong) < 0.05) > 0.9

    def test_sure_and_even_forecasts(self):
        sure = forecast_calibration([1.0, 1.0], [False, True])
        assert sure.p_value == sure.p_value_total == 0
        even = forecast_calibration([0.5, 0.5, 1.0], [False, True, True])
        assert math.isnan(even.p_value)
        assert "cannot be tested" in even.conclusion
        assert np.isnan(even.win_rate[0])
        assert np.isnan(even.interval.low[0])
        assert even.mean_prob[5] == 0.5

    def test_conclusion(self):
        found = forecast_calibration([0.5] * 8 + [0.9] * 8, [True] * 4 + [False] * 4 + [True] * 2 + [False] * 6)
        assert found.conclusion.startswith(
            "Of 16 deals, 11.2 were expected to be won and 6 were won, fewer than chance explains"
        )
        assert "do not fit the results" in found.conclusion
        good = forecast_calibration([0.25] * 8, [True, True] + [False] * 6)
        assert "within what chance explains" in good.conclusion
        assert "Nothing shows" in good.conclusion

    @pytest.mark.slow
    def test_right_forecasts_are_seldom_called_wrong(self):
        """Of 100 logs whose forecasts are right, at most 5 may name an error, in any of the three tests."""
        named = 0
        for seed in range(200):
            rng = np.random.default_rng(seed)
            p = rng.beta(0.7, 1.5, 30).clip(0.02, 0.98).round(2)
            said = forecast_calibration(p, rng.random(30) < p, amount=rng.lognormal(8, 1, 30).round()).conclusion
            named += any(
                word in said for word in ("more than chance", "fewer than chance", "do not fit", "beyond what chance")
            )
        assert named <= 19  # 10 and three standard errors

    def test_several_tests_share_the_level(self):
        made = forecast_calibration([0.5] * 8, [1] * 7 + [0])
        one = attrs.evolve(made, p_value_total=0.03, p_value=0.5)
        assert "within what chance explains (p 0.03, 0.06 corrected for several tests)" in one.conclusion
        assert "than chance explains (p 0.02)" in attrs.evolve(made, p_value_total=0.02, p_value=0.5).conclusion

    def test_round_probabilities_lie_in_the_bin_they_begin(self):
        assert forecast_calibration([0.3, 0.6, 0.7], [1, 1, 1]).n_deals.tolist() == [0, 0, 0, 1, 0, 0, 1, 1, 0, 0]

    def test_the_money_that_came(self):
        found = forecast_calibration([0.5] * 4, [1, 1, 0, 0], amount=[100, 200, 300, 400])
        assert (found.amount_expected, found.amount_won) == (500, 300)
        assert found.p_value_amount == pytest.approx(2 * 5 / 16)  # at most 300: none, 100, 200, 100 + 200, 300
        assert found.conclusion.startswith(
            "Of 500 that were forecast, 300 came, within what chance explains (p 0.62). "
        )
        small = forecast_calibration([0.5] * 4, [1, 1, 0, 0], amount=[0.1, 0.2, 0.3, 0.4])
        assert small.conclusion.startswith("Of 0.5 that were forecast, 0.3 came, ")
        assert forecast_calibration([0.5, 1.0], [1, 0], amount=[5, 7]).p_value_amount == 0
        assert forecast_calibration([0.5, 1.0], [1, 0], amount=[5, 0]).p_value_amount == 1
        assert forecast_calibration([0.5, 0.0], [1, 1], amount=[5, 0.01]).p_value_amount == 0

    @pytest.mark.parametrize(("p", "won"), [(1.0, False), (0.0, True)])
    def test_one_impossible_deal_among_very_many(self, p, won):
        """It shows that single forecasts are wrong, and says nothing of a total that fits."""
        rng = np.random.default_rng(4)
        even, amount = np.arange(5000) % 2 == 0, np.append(rng.lognormal(5, 2, 5000), 0.5)
        found = forecast_calibration(np.append(np.full(5000, 0.5), p), np.append(even, won), amount=amount)
        n_won = 2500 + won
        tails = stats.binom.cdf(n_won - (p == 1), 5000, 0.5), stats.binom.sf(n_won - 1 - (p == 1), 5000, 0.5)
        assert found.p_value == 0
        assert found.p_value_total == pytest.approx(min(1, 2 * min(tails)))
        assert found.p_value_amount > 0.01
        assert "were won, within what chance explains" in found.conclusion
        assert "The single probabilities do not fit the results" in found.conclusion
        assert found._parts().title.startswith("The number of won deals fits, the single forecasts do not")
        free = forecast_calibration(
            np.append(np.full(5000, 0.5), p), np.append(even, won), amount=np.append(amount[:-1], 0)
        )
        assert free.p_value_amount > 0.01

    def test_money_of_very_many_deals_is_normal(self):
        rng = np.random.default_rng(4)
        amount, p = rng.lognormal(3, 1, 100_000), rng.random(100_000)
        won = rng.random(100_000) < p
        found = forecast_calibration(p, won, amount=amount)
        z = (found.amount_won - found.amount_expected) / math.sqrt(np.sum(amount**2 * p * (1 - p)))
        assert found.p_value_amount == pytest.approx(2 * stats.norm.sf(abs(z)), rel=0.03)

    @pytest.mark.parametrize(("n", "p", "won"), [(40, 0.1, 2), (17, 0.3, 8), (3000, 0.01, 22)])
    def test_money_on_the_lattice_is_tested_like_the_number_of_deals(self, n, p, won):
        found = forecast_calibration([p] * n, [1] * won + [0] * (n - won), amount=[1000 / 3] * n)
        assert found.p_value_amount == pytest.approx(found.p_value_total, rel=1e-6)

    @pytest.mark.parametrize("won", [[1, 2], [True], ["yes", "no"], [[True, False]], [True, None]])
    def test_rejections(self, won):
        with pytest.raises(InputError) as caught:
            forecast_calibration([0.5, 0.5], won)
        assert caught.value.name == "won"

    def test_is_frozen(self):
        found = forecast_calibration([0.5], [True])
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            found.brier_score = 1


def test_few_deals_in_cents_are_counted_one_by_one():
    """Each group of two deals took 4 ms, on a lattice of up to a million cents."""
    rng = np.random.default_rng(3)
    amount, prob = np.round(rng.uniform(1000, 5000, 6000), 2), rng.uniform(0.1, 0.9, 6000)
    amount[:4] = [1234.56, 1234.56, 7000.01, 7000.01]  # equal totals are one
    n_done, forecast = n_calls(lambda: forecast_pipeline(amount, prob, by=np.arange(6000) // 2))
    assert n_done < 30_000  # on lattices 8,000 for a hundred pairs
    assert set(forecast.by_group.method) == {"exact"}
    pair = forecast_pipeline(amount[:2], prob[:2])
    np.testing.assert_allclose(pair.total, [0, 1234.56, 2469.12], rtol=1e-15)
    lost, won = (1 - prob[:2]).prod(), prob[:2].prod()
    np.testing.assert_allclose(pair.prob_total, [lost, 1 - lost - won, won], rtol=1e-14)


def test_too_many_large_groups_are_refused_before_the_work():
    """Each takes some 3 ms: 100,000 groups took minutes."""
    n = 17 * 3001
    columns = {"amount": np.full(n, math.pi), "prob_won": np.full(n, 0.5)}
    with pytest.raises(InputError, match="at most 3,000 months or groups with more than 16 open deals"):
        forecast_pipeline(**columns, by=np.arange(n) % 3001)
    with pytest.raises(InputError, match="`month`"):
        forecast_pipeline(**columns, month=np.datetime64("1900-01") + np.arange(n) % 3001)


def refuse_too_much_work(**columns):
    """Have a forecast refused before hardly anything is worked out."""

    def refused():
        with pytest.raises(InputError, match="`by` must be months or groups whose distributions take some 10 seconds"):
            forecast_pipeline(**columns)

    assert n_calls(refused)[0] < 40_000


@pytest.mark.parametrize(
    ("n_groups", "n_deals", "amount"),
    [  # 13 seconds to a minute
        (1_000, 1_000, math.pi),
        (300, 1_000, 967.0),  # nearly a million units of an exact lattice; with a deal of 1
        (10_000, 16, math.pi),
    ],
)
def test_the_work_of_all_groups_is_limited_not_only_their_number(n_groups, n_deals, amount):
    n = n_groups * n_deals
    columns = {"amount": np.full(n, amount), "prob_won": np.full(n, 0.5)}
    columns["amount"][:n_groups] = amount if amount == math.pi else 1.0
    refuse_too_much_work(**columns, by=np.arange(n) % n_groups)


@pytest.mark.parametrize(
    ("n_groups", "method"),
    [
        (300, "auto"),  # 22 seconds: 12 licences and 10 projects make four million pairs of totals
        (40_000, "grid"),  # 40 seconds, with a deal each
    ],
)
def test_the_work_of_pairs_and_of_a_lattice_for_few_deals_is_limited(n_groups, method):
    rng = np.random.default_rng(3)
    amount = (
        np.concatenate([rng.uniform(5, 20, 12), rng.uniform(1e5, 9e5, 10)]) if method == "auto" else np.array([7.0])
    )
    columns = {"amount": np.tile(amount, n_groups), "by": np.repeat(np.arange(n_groups), len(amount))}
    refuse_too_much_work(**columns, prob_won=np.full(len(columns["by"]), 0.5), method=method)


@pytest.mark.parametrize(
    ("n_deals", "prob"),
    [
        (17, 1.0),  # sure deals are not open
        (10, 0.5),  # 1,024 totals are counted one by one, not on the exact lattice of a million units
    ],
)
def test_groups_that_cost_little_are_not_refused(n_deals, prob):
    n = 3001 * n_deals
    require_little_work(
        "by", np.arange(n) % 3001, np.where(np.arange(n) < 3001, 999.01, 1000.0), np.full(n, prob), "auto"
    )


@pytest.mark.parametrize(("n_groups", "n_deals"), [(250_000, 1), (210_000, 2)])
def test_groups_that_are_counted_at_once_are_not_refused(n_groups, n_deals):
    """A million with a deal each take some 1.5 seconds; they were taken for 54."""
    code = np.arange(n_groups * n_deals) // n_deals
    require_little_work("by", code, np.full(len(code), 999.01), np.full(len(code), 0.5), "auto")


def test_the_work_of_parts_that_become_one_lattice_after_all_is_limited():
    """Each group needs two lattices for its exact parts before a coarse one for all: a minute for 400 groups."""
    rng, n_groups = np.random.default_rng(3), 400
    amount = np.round(rng.lognormal(3, 1, 277), 2)
    amount[:14] *= 1e6
    columns = {"amount": np.tile(amount, n_groups), "by": np.repeat(np.arange(n_groups), len(amount))}
    refuse_too_much_work(**columns, prob_won=np.full(len(columns["by"]), 0.5))


def test_very_many_groups_have_the_ends_of_all_their_totals():
    """Each group took some 0.05 ms for a distribution of its own: 20,000 groups took a second and more."""
    rng = np.random.default_rng(5)
    n, n_groups = 60_000, 20_000
    amount, prob = rng.gamma(1, 1000, n), rng.uniform(0, 1, n)
    amount[::2], prob[::7], amount[::11] = np.round(amount[::2], -2), 1.0, 0.0
    group = np.sort(rng.integers(0, n_groups, n))
    n_done, table = n_calls(lambda: forecast_pipeline(amount, prob, by=group, level=0.8).by_group)
    assert n_done < 30_000  # 12,000 for 200 groups with a distribution each
    for row in range(0, len(table.label), 997):
        own = np.nonzero(group == table.label[row])[0]
        chances: dict[float, float] = {}
        for won in itertools.product([False, True], repeat=len(own)):
            total = round(math.fsum(amount[own[list(won)]]), 6)
            chance = math.prod(prob[i] if is_won else 1 - prob[i] for i, is_won in zip(own, won, strict=True))
            chances[total] = chances.get(total, 0.0) + chance
        totals = sorted(total for total, chance in chances.items() if chance > 0)
        up_to = list(itertools.accumulate(chances[total] for total in totals))
        low, high = (next(total for total, sum_ in zip(totals, up_to, strict=True) if sum_ >= x) for x in (0.1, 0.9))
        assert (table.low[row], table.high[row]) == pytest.approx((low, high), abs=1e-5)
