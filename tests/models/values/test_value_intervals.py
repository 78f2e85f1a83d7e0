"""Intervals of the values of customers: what the parameters leave open, and what chance will do."""

from __future__ import annotations

import tracemalloc
import warnings
from types import SimpleNamespace

import attrs
import numpy as np
import pytest
from scipy.stats import ks_2samp

from crmvalue._models.shared.common import take
from crmvalue._models.shared.process import Past
from crmvalue._models.shared.purchase_model import process_of
from crmvalue._models.spend.payments import payments_of
from crmvalue._models.values import expected_ends, outcome_ends, outcomes, value_intervals
from crmvalue._models.values.customer_values import grade_of
from crmvalue._models.values.outcomes import Known, Terms, draw_outcomes, expect
from crmvalue._models.values.value_intervals import require_few_draws
from crmvalue.datasets import load_cdnow
from crmvalue.errors import DataWarning, InputError
from crmvalue.models import (
    BgNbd,
    CovariateEffect,
    GammaGamma,
    MbgNbd,
    ParetoNbd,
    ValueIntervals,
    customer_values,
    draw_posterior,
    fit_bg_nbd,
    fit_gamma_gamma,
    fit_mbg_nbd,
    fit_pareto_nbd,
    fit_shifted_beta_geometric,
)
from crmvalue.purchases import PurchaseHistory, split_purchases

HISTORY = PurchaseHistory.from_columns(
    frequency=[2, 0, 7, 1],
    recency=[30.43, 0, 36, 0.5],
    age=[38.86, 38.86, 38, 2],
    mean_repeat_spend=[22.35, 0, 50, 10],
    time_unit="week",
)
BG = BgNbd(0.243, 4.414, 0.793, 2.426, "week")
MBG = MbgNbd(0.525, 6.183, 0.891, 1.614, "week")
PARETO = ParetoNbd(0.553, 10.578, 0.606, 11.669, "week")
SPEND = GammaGamma(6.25, 3.74, 15.44)
each_model = pytest.mark.parametrize("model", [BG, MBG, PARETO], ids=lambda model: type(model).__name__)


def simulated_base(n, seed, model=MBG, spend=SPEND):
    rng = np.random.default_rng(seed)
    history = model.simulate(rng.integers(30, 60, n), rng=rng)
    return attrs.evolve(history, mean_repeat_spend=spend.simulate(history.frequency, rng=rng))


def valued(history, fits, seed=1, **changes):
    options = {"horizon": 52, "margin": 0.3, "discount_rate": 0.002, "level": 0.9, "n_draws": 60}
    return customer_values(history, *fits, **{**options, "rng": np.random.default_rng(seed), **changes})


def ends(intervals):
    return np.concatenate([*intervals.to_columns().values(), intervals.total, intervals.total_outcome])


@pytest.fixture(scope="module")
def split():
    cdnow = load_cdnow()
    return split_purchases(cdnow.customer, cdnow.date, cdnow.amount, calibration_end="1997-09-30", time_unit="week")


@pytest.fixture(scope="module")
def fits(split):
    return fit_mbg_nbd(split.calibration), fit_gamma_gamma(split.calibration)


@pytest.fixture(scope="module")
def values(split, fits):
    return valued(split.calibration, fits, level=0.95, n_draws=200)


def draw_futures(history, model, terms, n_draws, rng):
    known = Known(
        process=process_of(model, history),
        past=Past(history.frequency, history.recency, history.age),
        scale=payments_of(SPEND).scale(history, terms.horizon),
        alive=model.prob_alive(history),
    )
    return draw_outcomes(known, payments_of(SPEND), terms, n_draws, rng)


def walk_through_futures(model, x, t_x, age, mean_spend, n, terms, rng):
    """Live through n futures of one customer, purchase by purchase, each with rates drawn from what is known of him."""
    history = PurchaseHistory.from_columns(frequency=[x], recency=[t_x], age=[age], time_unit=model.time_unit)
    alive = float(model.prob_alive(history)[0])
    earned = np.zeros(n)
    for i in np.flatnonzero(rng.random(n) < alive):
        rate = rng.gamma(model.r + x, 1 / (model.alpha + age))
        nu = rng.gamma(SPEND.q + SPEND.p * x, 1 / (SPEND.gamma + x * mean_spend))
        if isinstance(model, ParetoNbd):
            p, left = 0.0, rng.exponential(1 / rng.gamma(model.s, 1 / (model.beta + age)))
        else:
            p, left = rng.beta(model.a, model.b + x + isinstance(model, MbgNbd)), np.inf
        time = 0.0
        while True:
            time += rng.exponential(1 / rate)
            if time > min(left, terms.horizon):
                break
            earned[i] += terms.margin * rng.gamma(SPEND.p, 1 / nu) * (1 + terms.discount_rate) ** -time
            if rng.random() < p:
                left = time
        grid = np.log1p(terms.discount_rate)
        earned[i] -= terms.service_cost * -np.expm1(-grid * min(left, terms.horizon)) / grid
    return earned


class TestOutcomes:
    """Futures of customers whose rates are drawn given what is known of them, at the parameters of the models."""

    @each_model
    @pytest.mark.parametrize(
        "terms",
        [
            Terms(52.0, 0.0, 0.3, 0.05),
            Terms(52.0, 0.01, 0.3, 0.05),
            Terms(9.0, 0.0, 1.0, 0.0),
            Terms(None, 0.01, 0.3, 0.02),
        ],
        ids=["undiscounted", "discounted", "short", "for life"],
    )
    def test_mean_is_the_expected_value(self, model, terms):
        """The expected values are those of the closed forms, which have slow integrals for an oracle of their own."""
        drawn = draw_futures(HISTORY, model, terms, 40_000, np.random.default_rng(1))
        expected = customer_values(HISTORY, model, SPEND, **terms._asdict()).clv
        error = drawn.std(axis=1) / 200.0
        assert (np.abs(drawn.mean(axis=1) - expected) < 4.0 * error).all()

    @each_model
    def test_distribution_is_that_of_futures_lived_through_one_by_one(self, model):
        terms = Terms(52.0, 0.02, 0.3, 0.1)
        drawn = draw_futures(HISTORY, model, terms, 20_000, np.random.default_rng(2))
        for i, row in ((0, (2, 30.43, 38.86, 22.35)), (3, (1, 0.5, 2.0, 10.0))):
            slow = walk_through_futures(model, *row, 4_000, terms, np.random.default_rng(3))
            assert ks_2samp(drawn[i], slow).pvalue > 0.01

    @each_model
    def test_time_of_staying_is_that_of_the_model(self, model):
        terms, n = Terms(26.0, 0.0, 1.0, 1.0), 4_000
        process, past = process_of(model, HISTORY), Past(HISTORY.frequency, HISTORY.recency, HISTORY.age)
        alive = model.prob_alive(HISTORY)
        owner = np.repeat(np.arange(len(HISTORY)), n)
        known = Known(process, past, np.ones(len(HISTORY)), alive)
        time = outcomes.draw_units(known, owner, payments_of(SPEND), terms, np.random.default_rng(6)).time
        time = time.reshape(-1, n)
        error = time.std(axis=1) / np.sqrt(n)
        expected = expect(process, HISTORY, terms).time / alive
        assert (np.abs(time.mean(axis=1) - expected) <= 4.0 * error).all()

    @each_model
    def test_share_without_a_purchase_is_that_of_the_model(self, model):
        drawn = draw_futures(HISTORY, model, Terms(26.0, 0.01, 1.0, 0.0), 40_000, np.random.default_rng(4))
        share = model.prob_purchases(HISTORY, 0, horizon=26.0)
        np.testing.assert_allclose((drawn == 0).mean(axis=1), share, atol=4 * 0.5 / 200)

    @pytest.mark.parametrize(
        "model",
        [
            attrs.evolve(
                BG, purchase_effects=[CovariateEffect("z", 0.7)], dropout_effects=[CovariateEffect("z", -0.4)]
            ),
            attrs.evolve(MBG, dropout_effects=[CovariateEffect("z", 0.9)]),
            attrs.evolve(
                PARETO, purchase_effects=[CovariateEffect("z", 0.7)], dropout_effects=[CovariateEffect("z", 1)]
            ),
        ],
        ids=lambda model: type(model).__name__,
    )
    def test_follows_covariates(self, model):
        known = HISTORY.with_covariates({"z": [1.0, -1.0, 2.0, 0.5]})
        terms = Terms(52.0, 0.01, 0.3, 0.05)
        drawn = draw_futures(known, model, terms, 40_000, np.random.default_rng(5))
        expected = customer_values(known, model, SPEND, **terms._asdict()).clv
        assert (np.abs(drawn.mean(axis=1) - expected) < 4.0 * drawn.std(axis=1) / 200.0).all()

    def test_thousands_of_purchases_drawn_at_once_are_distributed_like_their_sum(self, monkeypatch):
        count, stay = np.full(1500, 600.0), np.full(1500, 10.0)
        payments = payments_of(GammaGamma(2.0, 3.0, 1.0))
        one_by_one = outcomes._discounted_sum(count, stay, 0.3, payments, np.random.default_rng(6))
        monkeypatch.setattr(outcomes, "MANY", 500.0)
        at_once = outcomes._discounted_sum(count, stay, 0.3, payments, np.random.default_rng(7))
        assert at_once.mean() == pytest.approx(600 * 2 * (1 - np.exp(-3)) / 3, rel=4 * 0.045 / np.sqrt(1500))
        assert ks_2samp(one_by_one, at_once).pvalue > 0.01

    def test_a_heavy_buyer_is_no_exception(self):
        heavy = PurchaseHistory.from_columns(
            frequency=[5000], recency=[100], age=[100], mean_repeat_spend=[3], time_unit="week"
        )
        terms = Terms(520.0, 0.001, 1.0, 0.0)
        drawn = draw_futures(heavy, PARETO, terms, 4_000, np.random.default_rng(8))
        expected = customer_values(heavy, PARETO, SPEND, **terms._asdict()).clv
        assert abs(drawn.mean() - expected[0]) < 4 * drawn.std() / np.sqrt(4_000)

    def test_one_purchase_at_the_end_of_a_stay_of_two_periods(self, monkeypatch):
        """At a rate of 100 % a payment of 8 after 2 periods counts 8 / 4; the time is that of 2^-t over (0, 2)."""
        future = SimpleNamespace(n_before=np.zeros(1), stay=np.array([2.0]), one_more=np.ones(1))
        process = SimpleNamespace(draw_future=lambda *_: future)
        payments = SimpleNamespace(purchases=lambda n, _: np.full(n, 8.0), levels=lambda x, _: np.ones(len(x)))
        monkeypatch.setattr(outcomes, "_discounted_sum", lambda count, *_: np.zeros(len(count)))
        known = Known(process, Past(np.ones(1), np.ones(1), np.full(1, 3.0)), np.ones(1), np.ones(1))
        units = outcomes.draw_units(known, np.zeros(1, dtype=int), payments, Terms(9.0, 1.0, 1.0, 0.0), None)
        assert units.money.tolist() == pytest.approx([2.0], rel=1e-12)
        assert units.time.tolist() == pytest.approx([0.75 / np.log(2.0)], rel=1e-12)

    def test_sums_drawn_in_blocks_keep_their_owners(self, monkeypatch):
        """A large p makes each purchase bring p almost exactly."""
        monkeypatch.setattr(outcomes, "_BLOCK", 10)
        count = np.array([0, 3, 25, 0, 4, 4, 10, 1.0])
        total = outcomes._discounted_sum(
            count, np.ones(8), 1e-12, payments_of(GammaGamma(1e10, 3.0, 1.0)), np.random.default_rng(9)
        )
        np.testing.assert_allclose(total / 1e10, count, rtol=1e-4)


class TestValueIntervals:
    """Quantiles of the expected value over the posterior, and quantiles of the outcome at the fitted parameters."""

    def test_columns_are_the_same_with_and_without(self, split, fits, values):
        for models in (fits, [fit.model for fit in fits]):
            plain = customer_values(split.calibration, *models, horizon=52, margin=0.3, discount_rate=0.002)
            assert plain.intervals is None
            assert plain.grade == ("good" if models is fits else None)
            assert attrs.evolve(values, intervals=None, grade=plain.grade) == plain

    def test_are_columns_too(self, values):
        columns = values.to_columns()
        names = ["clv_low", "clv_high", "outcome_low", "outcome_high"]
        assert list(columns)[-5:] == ["clv", *names]
        assert all(columns[name] is getattr(values.intervals, name) for name in names)

    @pytest.mark.parametrize("fit", [fit_bg_nbd, fit_mbg_nbd, fit_pareto_nbd])
    def test_hold_the_value(self, split, fits, fit):
        history = split.calibration
        found = valued(history, (fit(history), fits[1]), service_cost=0.02, level=0.95, n_draws=40)
        inside = found.intervals
        assert ((inside.clv_low < found.clv) & (found.clv < inside.clv_high)).all()
        for low, high in (inside.total, inside.total_outcome):
            assert low < found.total < high

    @pytest.mark.parametrize("n_draws", [2, 3, 4, 5, 10])
    def test_ends_do_not_cross_where_the_level_is_almost_0(self, split, fits, n_draws):
        inside = valued(split.calibration, fits, level=1e-15, n_draws=n_draws).intervals
        assert (inside.clv_low <= inside.clv_high).all()
        assert (inside.outcome_low <= inside.outcome_high).all()
        assert inside.total.low <= inside.total.high
        assert inside.total_outcome.low <= inside.total_outcome.high

    @pytest.mark.parametrize(
        "fit", [*(pytest.param(fit, marks=pytest.mark.slow) for fit in (fit_bg_nbd, fit_mbg_nbd)), fit_pareto_nbd]
    )  # each of the first two takes 20 s of processor time
    def test_ends_are_those_of_values_at_the_draws(self, split, fits, fit):
        """The parabolas move an end by less than another `rng` does: 5 to 9 % of the width, with 200 draws."""
        history, spenders = split.calibration, take(split.calibration, np.flatnonzero(split.calibration.frequency > 0))
        terms = {"horizon": 40, "margin": 0.4, "discount_rate": 0.01, "service_cost": 0.03}
        both = fit(history), fits[1]
        found = valued(history, both, n_draws=200, **terms).intervals
        rng = np.random.default_rng(1)
        data = zip(both, (history, spenders), strict=True)
        drawn = [draw_posterior(one, known, n_draws=200, rng=rng) for one, known in data]
        each = np.array(
            [
                customer_values(history, type(both[0].model)(*one, "week"), GammaGamma(*other), **terms).clv
                for one, other in zip(*(posterior.draws.tolist() for posterior in drawn), strict=True)
            ]
        )
        weight = drawn[0].weight * drawn[1].weight
        low, high = expected_ends.weighted_ends(each.T, weight / weight.sum(), 0.9)
        moved = np.abs([found.clv_low - low, found.clv_high - high]) / (high - low)
        assert np.median(moved) < 0.025
        assert np.quantile(moved, 0.99) < 0.08
        (low,), (high,) = expected_ends.weighted_ends(each.sum(axis=1)[np.newaxis], weight / weight.sum(), 0.9)
        assert np.abs(np.subtract(found.total, (low, high))).max() < 0.03 * (high - low)
        assert found.effective_share == min(posterior.effective_share for posterior in drawn)

    def test_a_value_linear_in_the_parameters_is_exact(self, fits):
        """Where the logarithm of a value is a parabola in the logarithms of the parameters, nothing is lost."""
        fit = fits[0]
        axes = expected_ends._axes(fit)
        places = np.random.default_rng(1).normal(size=(50, 4))
        draws = np.exp(axes.centre + places @ axes.steps)
        np.testing.assert_allclose(axes.places(fit, draws), places, atol=1e-9)
        powers = np.array([[0.5, -0.2, 1.0, 2.0], [0.0, 0.0, 0.0, -3.0]])
        points = [
            np.exp(powers @ (axes.centre + step))
            for step in (0.0, *(sign * axis for axis in axes.steps for sign in (1.5, -1.5)))
        ]
        curves = expected_ends._curves(points, places)
        np.testing.assert_allclose(curves.of_rows(np.array([0, 1])), np.exp(powers @ np.log(draws).T), rtol=1e-11)

    def test_narrow_as_customers_are_added(self):
        """Sixteen times as many customers: a quarter of the width, relative to the value."""
        widths = []
        for n in (600, 9600):
            history = simulated_base(n, 5)
            found = valued(history, (fit_mbg_nbd(history), fit_gamma_gamma(history)), n_draws=100)
            low, high = found.intervals.total
            widths.append((high - low) / found.total)
        assert 2.5 < widths[0] / widths[1] < 6.5

    @pytest.mark.slow
    def test_cover_the_true_expected_value(self):
        """At 80 % some 24 of 30 bases; 17 or fewer have a chance below 1 %."""
        hits = 0
        for seed in range(30):
            history = simulated_base(1000, 100 + seed)
            found = valued(
                history,
                (fit_mbg_nbd(history), fit_gamma_gamma(history, priors={"p": (6.0, 0.5)})),
                seed,
                level=0.8,
                n_draws=40,
            )
            truth = customer_values(history, MBG, SPEND, horizon=52, margin=0.3, discount_rate=0.002).total
            low, high = found.intervals.total
            hits += low <= truth <= high
        assert 18 <= hits <= 29

    def test_outcomes_hold_what_the_customers_of_cdnow_spent(self, split, fits):
        """Spend of the 39 weeks held out: about 90 % of the customers, at 90 %."""
        found = valued(
            split.calibration, fits, horizon=split.holdout_length, margin=1.0, discount_rate=0.0, n_draws=200
        )
        low, high = found.intervals.outcome_low, found.intervals.outcome_high
        inside = (low <= split.holdout_spend) & (split.holdout_spend <= high)
        assert 0.88 < inside.mean() < 0.96

    def test_equal_customers_have_equal_ends_and_the_order_of_rows_does_not_matter(self, split, fits, values):
        history = split.calibration
        assert len(np.unique(values.intervals.outcome_high[history.frequency == 0])) <= len(np.unique(history.age))
        order = np.random.default_rng(3).permutation(len(history))
        columns = {name: getattr(history, name)[order] for name in ("frequency", "recency", "age", "mean_repeat_spend")}
        shuffled = PurchaseHistory.from_columns(**columns, time_unit="week")
        again = valued(shuffled, fits, level=0.95, n_draws=200).intervals
        for name, column in values.intervals.to_columns().items():
            np.testing.assert_allclose(getattr(again, name), column[order], rtol=1e-9)

    def test_the_same_generator_gives_the_same_bits(self, split, fits):
        one, same, other = (valued(split.calibration, fits, seed).intervals for seed in (1, 1, 2))
        assert one == same
        assert (ends(one) != ends(other)).mean() > 0.5

    def test_blocks_do_not_change_the_parameters_part(self, split, fits, monkeypatch):
        one = valued(split.calibration, fits, service_cost=0.05).intervals
        monkeypatch.setattr(expected_ends, "MOST_VALUES", 1 << 15)
        other = valued(split.calibration, fits, service_cost=0.05).intervals
        np.testing.assert_allclose(one.clv_low, other.clv_low, rtol=1e-6)  # the rule of the integral follows the block
        np.testing.assert_allclose(one.clv_high, other.clv_high, rtol=1e-6)
        np.testing.assert_allclose(one.total, other.total, rtol=1e-6)

    def test_memory_is_bounded(self, monkeypatch):
        """A matrix of 4,000 customers and 200 draws takes 6.4 MB, and it takes four of them to sort by weight."""
        history = simulated_base(4000, 7)
        both = fit_mbg_nbd(history), fit_gamma_gamma(history)
        valued(history, both, n_draws=20)  # loads what is loaded once
        monkeypatch.setattr(expected_ends, "MOST_VALUES", 1 << 17)
        monkeypatch.setattr(outcome_ends, "_MOST_FUTURES", 1 << 16)
        tracemalloc.start()
        valued(history, both, n_draws=200)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 9e6

    def test_without_a_finite_mean_the_upper_end_is_infinite(self):
        """With q near 1 in a small base many draws leave those without a repeat purchase no finite mean."""
        history = simulated_base(400, 9, spend=GammaGamma(4.0, 1.15, 10.0))
        fit = fit_gamma_gamma(history)
        assert 1.0 < fit.model.q < 1.3
        found = valued(history, (fit_mbg_nbd(history), fit)).intervals
        new = history.frequency == 0
        assert np.isinf(found.clv_high[new]).all()
        assert np.isfinite(found.clv_high[~new]).all()
        assert np.isfinite(found.clv_low).all()
        assert np.isinf(found.total.high)
        assert np.isfinite(found.outcome_high).all()
        free = valued(history, (fit_mbg_nbd(history), fit), margin=0.0).intervals
        assert (ends(free) == 0).all()

    def test_customers_whom_the_spend_fit_left_out_are_valued(self):
        history = simulated_base(800, 11)
        spend = history.mean_repeat_spend.copy()
        some = np.flatnonzero(history.frequency > 0)[:3]
        spend[some] = 0.0
        history = attrs.evolve(history, mean_repeat_spend=spend)
        found = valued(history, (fit_mbg_nbd(history), fit_gamma_gamma(history, zeros="drop")))
        assert (
            (found.intervals.clv_low[some] < found.clv[some]) & (found.clv[some] < found.intervals.clv_high[some])
        ).all()

    def test_fits_with_covariates(self):
        base = simulated_base(1500, 13)
        history = base.with_covariates({"z": np.random.default_rng(1).normal(size=1500)})
        found = valued(history, (fit_bg_nbd(history, purchase_covariates=["z"]), fit_gamma_gamma(history)), n_draws=40)
        assert ((found.intervals.clv_low < found.clv) & (found.clv < found.intervals.clv_high)).all()

    def test_few_effective_draws_are_warned_of(self, split, fits, monkeypatch):
        monkeypatch.setattr(value_intervals, "_POOR", 1.0)
        with pytest.warns(DataWarning, match=r"rest on only \d+ of 60 draws") as caught:
            found = valued(split.calibration, fits)
        assert caught[0].message.count == 2357
        assert caught[0].filename == __file__
        assert found.intervals.effective_share < 1.0

    @pytest.mark.parametrize(("share", "verdict"), [(0.26, None), (0.19, "are rough"), (0.05, "not to be trusted")])
    def test_below_a_quarter_the_ends_are_rough(self, split, fits, monkeypatch, share, verdict):
        """Weights of a posterior far from normal: a share of the draws has all the weight."""

        def drawn(*args):
            posterior = posterior_of(*args)
            weight = np.where(np.arange(100) < 100 * share, 1.0, 0.0)
            return attrs.evolve(posterior, weight=weight / weight.sum())

        posterior_of = value_intervals.draw
        monkeypatch.setattr(value_intervals, "draw", drawn)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            found = valued(split.calibration, fits, n_draws=100).intervals
        assert found.effective_share == pytest.approx(share)
        assert [verdict in str(one.message) for one in caught] == ([True] if verdict else [])
        assert (verdict or "leave out the season") in found.caution

    @pytest.mark.parametrize(
        ("changes", "name", "rule"),
        [
            ({"purchase_model": MBG}, "purchase_model", "a Fit where `level` is given"),
            ({"spend_model": SPEND}, "spend_model", "a Fit where `level` is given"),
            ({"rng": None}, "rng", "Generator"),
            ({"rng": 1}, "rng", "Generator"),
            ({"level": 95}, "level", "in (0, 1)"),
            ({"level": 0.0}, "level", "in (0, 1)"),
            ({"n_draws": 0}, "n_draws", "from 1 to 100000"),
            ({"n_draws": 2**53}, "n_draws", "from 1 to 100000"),
            ({"n_draws": 19}, "n_draws", "at least 20 for a level of 0.9"),
            ({"n_draws": 0, "level": None}, "n_draws", "from 1 to 100000"),
        ],
    )
    def test_rejects(self, split, fits, changes, name, rule):
        options = {"horizon": 52, "margin": 0.3, "level": 0.9, "n_draws": 20, "rng": np.random.default_rng(1)}
        models = {"purchase_model": fits[0], "spend_model": fits[1]}
        with pytest.raises(InputError) as caught:
            customer_values(split.calibration, **{**models, **options, **changes})
        assert caught.value.name == name
        assert rule in caught.value.rule

    def test_twenty_draws_are_enough_for_90_percent(self, split, fits):
        found = valued(split.calibration, fits, n_draws=20).intervals
        assert found.n_draws == 20

    @pytest.mark.parametrize(("which", "name"), [(0, "purchase_model"), (1, "spend_model")])
    @pytest.mark.parametrize("n", [2357, 1000])
    def test_rejects_a_fit_to_other_data(self, split, fits, which, name, n):
        other = simulated_base(n, 17)
        mixed = list(fits)
        mixed[which] = (fit_mbg_nbd, fit_gamma_gamma)[which](other)
        with pytest.raises(InputError, match="a fit to this history") as caught:
            valued(split.calibration, mixed)
        assert caught.value.name == name

    def test_rejects_a_flat_fit(self):
        """All bought in the same way: nothing tells the customers apart."""
        x = np.full(30, 3.0)
        history = PurchaseHistory.from_columns(
            frequency=x, recency=x * 9, age=np.full(30, 30.0), mean_repeat_spend=5 + np.arange(30.0), time_unit="week"
        )
        fits = fit_mbg_nbd(history), fit_gamma_gamma(history)
        with pytest.raises(InputError, match="a trustworthy fit") as caught:
            valued(history, fits)
        assert caught.value.name == "purchase_model"
        messages = fits[0].diagnosis.messages
        assert messages
        assert all(message.split(":")[0] in str(caught.value) for message in messages)
        assert str(caught.value).count("get more data") == str(caught.value).count("prior") == 1


class TestWeightedEnds:
    """Beyond either end lies at most half of 1 - level of the weight."""

    @pytest.mark.parametrize(
        ("values", "weight", "level", "low", "high"),
        [
            (range(100), [0.01] * 100, 0.9, 5, 94),
            (range(99, -1, -1), [0.01] * 100, 0.9, 5, 94),
            ([1, 2, 3, 4], [0.1, 0.4, 0.4, 0.1], 0.75, 2, 3),
            ([1, 2, 3, 4], [0.1, 0.4, 0.4, 0.1], 0.85, 1, 4),
            ([1, np.inf, 3, np.inf], [0.25] * 4, 0.4, 3, np.inf),
            ([7], [1.0], 0.9, 7, 7),
            ([1, 2, 3], [0.0, 1.0, 0.0], 0.9, 2, 2),
        ],
    )
    def test_by_hand(self, values, weight, level, low, high):
        found = expected_ends.weighted_ends(np.array([values], dtype=float), np.array(weight), level)
        assert [end[0] for end in found] == [low, high]


class TestMixedEnds:
    """0 with the chance to be lost, else one of the values: at most half of 1 - level lies beyond either end."""

    @pytest.mark.parametrize(
        ("alive", "level", "ends"),
        [
            (1.0, 0.8, (2, 9)),  # ten values, each with a chance of a tenth: one lies beyond either end
            (0.5, 0.8, (0, 8)),  # each with a twentieth: two lie above
            (0.95, 0.8, (1, 9)),  # below is the 0, and not the whole of the next
            (0.1, 0.8, (0, 0)),  # all ten have a tenth together
            (0.11, 0.8, (0, 1)),
            (0.0, 0.8, (0, 0)),
            (1.0, 0.99, (1, 10)),
        ],
    )
    def test_by_hand(self, alive, level, ends):
        values = np.random.default_rng(1).permutation(np.arange(1.0, 11.0))
        found = outcome_ends.mixed_ends(values[np.newaxis], np.array([alive]), level)
        assert [end[0] for end in found] == list(ends)

    def test_losses(self):
        """Six losses and four gains, each with a chance of 5 %, about a half that is 0."""
        values = np.array([[-6.0, -5, -4, -3, -2, -1, 1, 2, 3, 4]])
        for level, ends in ((0.91, (-6, 4)), (0.9, (-5, 3)), (0.79, (-4, 2)), (0.5, (-1, 0)), (0.3, (0, 0))):
            found = outcome_ends.mixed_ends(values.copy(), np.array([0.5]), level)
            assert [end[0] for end in found] == list(ends)

    def test_against_the_definition(self):
        rng = np.random.default_rng(2)
        for _ in range(200):
            n, alive, level = rng.integers(1, 30), rng.choice([0.0, 1.0, rng.random()]), rng.uniform(0.05, 0.99)
            values = rng.integers(-5, 6, n).astype(float) + rng.choice([0, 0.5])
            (low,), (high,) = outcome_ends.mixed_ends(values[np.newaxis].copy(), np.array([alive]), level)
            point, chance = np.append(values, 0.0), np.append(np.full(n, alive / n), 1.0 - alive)
            tail = (1.0 - level) / 2.0
            possible = point[chance > 0]
            assert low == max(v for v in possible if chance[point < v].sum() <= tail + 1e-9)
            assert high == min(v for v in possible if chance[point > v].sum() <= tail + 1e-9)


@pytest.mark.parametrize("places", [(0, 1), (1, 0)])
def test_the_grade_is_that_of_the_worse_fit(places):
    both = [fit_shifted_beta_geometric(survivors) for survivors in ([100, 80, 70, 65], [9, 8, 7])]
    assert [fit.diagnosis.grade for fit in both] == ["good", "not usable"]
    with pytest.warns(DataWarning, match="not usable"):
        assert grade_of(9, *(both[k] for k in places)) == "not usable"


class TestTotals:
    """The sum over a base: those with the largest spread are drawn one by one, the sum of the others is normal."""

    def test_the_spread_of_a_customer_is_also_that_of_being_lost(self, monkeypatch):
        """Who is there brings 10, the others nothing: the variance is 100 a (1 - a)."""
        model = MBG
        known = Known(
            process=process_of(model, HISTORY),
            past=Past(HISTORY.frequency, HISTORY.recency, HISTORY.age),
            scale=np.ones(len(HISTORY)),
            alive=model.prob_alive(HISTORY),
        )
        monkeypatch.setattr(
            outcome_ends, "draw_units", lambda _, owner, *__: outcomes.Units(np.full(len(owner), 10.0), 0.0 * owner)
        )
        *_, spread = outcome_ends._each(known, payments_of(SPEND), Terms(9.0, 0.0, 1.0, 0.0), 0.9, 20, None)
        np.testing.assert_allclose(spread, 100.0 * known.alive * (1.0 - known.alive), rtol=1e-12, atol=1e-12)

    def test_rows_drawn_in_several_blocks_keep_their_futures(self, monkeypatch):
        """Who bought x times brings 3 x, and stays for x / 4 at a cost of 4: the variance is (2 x)^2 a (1 - a)."""
        past = Past(HISTORY.frequency, HISTORY.recency, HISTORY.age)
        known = Known(
            process=process_of(MBG, HISTORY), past=past, scale=np.ones(len(HISTORY)), alive=MBG.prob_alive(HISTORY)
        )

        def draw(pairs, owner, *_):
            x = pairs.past.x[owner]
            return outcomes.Units(3.0 * x, 0.25 * x)

        monkeypatch.setattr(outcome_ends, "draw_units", draw)
        monkeypatch.setattr(outcome_ends, "_MOST_FUTURES", 20)  # one row at a time
        *_, spread = outcome_ends._each(known, payments_of(SPEND), Terms(9.0, 0.0, 1.0, 4.0), 0.9, 20, None)
        expected = 4.0 * past.x**2 * known.alive * (1.0 - known.alive)
        np.testing.assert_allclose(spread, expected, rtol=1e-12, atol=1e-12)

    @pytest.mark.slow
    def test_is_that_of_drawing_all(self, monkeypatch):
        history = simulated_base(3000, 21)
        both = fit_mbg_nbd(history), fit_gamma_gamma(history)
        monkeypatch.setattr(outcome_ends, "_ONE_BY_ONE", 1 << 30)
        every = [valued(history, both, seed, n_draws=400).intervals.total_outcome for seed in range(6)]
        monkeypatch.setattr(outcome_ends, "_ONE_BY_ONE", 400 * 100)
        some = [valued(history, both, seed, n_draws=400).intervals.total_outcome for seed in range(6)]
        width = np.diff(np.mean(every, axis=0))[0]
        np.testing.assert_allclose(np.mean(some, axis=0), np.mean(every, axis=0), atol=0.08 * width)


class TestValueIntervalsValue:
    """A frozen value whose ends may be infinite and never NaN."""

    FIELDS = {  # noqa: RUF012 - read only
        "level": 0.9,
        "n_draws": 20,
        "clv_low": [1.0, 2.0],
        "clv_high": [2.0, np.inf],
        "outcome_low": [0.0, 0.0],
        "outcome_high": [9.0, 8.0],
        "total": (3.0, np.inf),
        "total_outcome": (1.0, 12.0),
        "effective_share": 1.0,
    }

    def test_ends_may_be_infinite(self):
        assert ValueIntervals(**self.FIELDS).total.high == np.inf

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("level", 90),
            ("n_draws", 0),
            ("clv_low", [1.0, np.nan]),
            ("clv_low", [3.0, 2.0]),
            ("clv_low", [[1.0, 2.0]]),
            ("clv_high", ["a", "b"]),
            ("outcome_low", [9.5, 0.0]),
            ("outcome_high", [9.0]),
            ("total", (4.0, 3.0)),
            ("total_outcome", (np.nan, 3.0)),
            ("total", (1.0, "2")),
            ("total", (False, 2.0)),
            ("effective_share", 1.5),
            ("inflation", 0.9),
            ("inflation", np.nan),
            ("holdout_errors", [0.1, np.nan]),
        ],
    )
    def test_rejects(self, field, value):
        with pytest.raises(InputError) as caught:
            ValueIntervals(**{**self.FIELDS, field: value})
        assert caught.value.name == field

    def test_ends_of_customers_may_be_infinite(self):
        """A draw of the parameters may have no finite mean."""
        names = ("clv_high", "outcome_high")
        found = ValueIntervals(**self.FIELDS | {name: [np.inf] * 2 for name in names})
        assert [getattr(found, name).tolist() for name in names] == [[np.inf] * 2] * 2

    def test_fewer_draws_than_one_beyond_each_end(self):
        one = PurchaseHistory.from_columns(
            frequency=[2], recency=[3], age=[9], time_unit="week", mean_repeat_spend=[30.0]
        )
        with pytest.raises(InputError, match=r"at least 20 for a level of 0\.9"):
            customer_values(
                one, BgNbd(0.243, 4.414, 0.793, 2.426, "week"), GammaGamma(6.25, 3.74, 15.44),
                horizon=9, margin=0.3, level=0.9, n_draws=19, rng=np.random.default_rng(1),
            )  # fmt: skip


class TestDiscountNearly:
    """Few moments of the purchases give the interest on them."""

    @pytest.mark.parametrize(
        "model",
        [
            BgNbd(0.243, 4.414, 0.793, 2.426, "week"),
            BgNbd(20.0, 1.0, 0.05, 0.05, "week"),
            MbgNbd(0.525, 6.183, 0.891, 1.614, "week"),
            ParetoNbd(0.553, 10.58, 0.606, 11.67, "week"),
            ParetoNbd(0.1, 0.01, 5.0, 0.5, "week"),
        ],
    )
    @pytest.mark.parametrize(("horizon", "rate"), [(5, 0.09), (52, 0.0018), (52, 0.0096), (260, 0.0018)])
    def test_it_is_the_integral(self, model, horizon, rate):
        rows = model.simulate(np.full(100, 39.0), rng=np.random.default_rng(1)).unique()
        terms = Terms(horizon=float(horizon), discount_rate=rate, margin=0.3, service_cost=0.0)
        exact, nearly = (expect(process_of(model, rows), rows, terms, nearly=nearly) for nearly in (False, True))
        np.testing.assert_allclose(nearly.discounted, exact.discounted, rtol=1e-4, atol=1e-12)
        assert (nearly.discounted < nearly.purchases + 1e-12).all()

    @pytest.mark.parametrize("terms", [Terms(None, 0.01, 0.3, 0.0), Terms(520.0, 0.01, 0.3, 0.0)])
    def test_a_large_discount_is_computed_exactly(self, terms):
        model = BgNbd(0.243, 4.414, 0.793, 2.426, "week")
        rows = model.simulate(np.full(30, 39.0), rng=np.random.default_rng(1)).unique()
        exact, nearly = (expect(process_of(model, rows), rows, terms, nearly=nearly) for nearly in (False, True))
        assert nearly.discounted.tolist() == exact.discounted.tolist()


def test_draws_that_would_take_long_are_refused():
    require_few_draws(29_732, 1_018)
    require_few_draws(200, 10**7)
    for n, n_rows, most in ((29_733, 1_018, "29,732"), (100_000, 19_000, "3,000"), (201, 10**7, "200")):
        with pytest.raises(InputError, match=f"at most {most} for {n_rows:,} different customers") as caught:
            require_few_draws(n, n_rows)
        assert caught.value.name == "n_draws"


@pytest.mark.parametrize(
    ("share", "n_draws", "verdict"),
    [
        (0.25, 200, ""),
        (0.249, 200, "rough"),
        (0.2, 3_999, "rough"),  # 19.995 effective draws beyond each end
        (0.2, 4_000, ""),
        (0.1, 200, "rough"),
        (0.099, 100_000, "not to be trusted"),
    ],
)
def test_the_caution_says_what_few_draws_are_worth(share, n_draws, verdict):
    columns = {f"{name}_{end}": [1.0] for name in ("clv", "outcome") for end in ("low", "high")}
    found = ValueIntervals(
        level=0.95, n_draws=n_draws, **columns, total=(1, 1), total_outcome=(1, 1), effective_share=share
    )
    assert ("Those of the expected values are" in found.caution) == bool(verdict)
    assert f"are {verdict}: they rest on only {share * n_draws:.0f} of" in found.caution or not verdict
