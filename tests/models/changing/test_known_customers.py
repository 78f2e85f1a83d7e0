"""Pareto/NBD with time-varying covariates where functions of purchase models ask it: counts, scores and values."""

from __future__ import annotations

import attrs
import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmvalue._models.changing.known_customers import as_model_of
from crmvalue._models.changing.pieces import as_it_is, part_of
from crmvalue._models.shared.process import Past
from crmvalue.errors import InputError
from crmvalue.models import (
    BgNbd,
    CovariateEffect,
    GammaGamma,
    ParetoNbd,
    TimeVaryingHistory,
    TimeVaryingParetoNbd,
    calibration_by_frequency,
    compare_models,
    customer_values,
    fit_ensemble,
    fit_pareto_nbd,
    fit_time_varying_pareto_nbd,
    probability_integral_transform,
    proper_scores,
    revenue_plan,
)
from crmvalue.purchases import split_purchases
from tests.models.changing.test_time_varying_pareto_nbd import (
    BUYS,
    ENDS,
    LEAVES,
    PARAMETERS,
    VALUES,
    cases,
    history_of,
)
from tests.models.references import TimeVaryingMp

MODEL = TimeVaryingParetoNbd(*PARAMETERS, "week", purchase_effects=BUYS, dropout_effects=LEAVES)
STATIC = ParetoNbd(*PARAMETERS, "week", purchase_effects=BUYS, dropout_effects=LEAVES)
SPEND = GammaGamma(6.25, 3.74, 15.44)


def check(parameters, ends, values, times, age, horizon, n):
    """Compare the probability of a count with its definition at 50 digits."""
    model = TimeVaryingParetoNbd(*parameters, "week", purchase_effects=BUYS, dropout_effects=LEAVES)
    exact = TimeVaryingMp(*parameters, ends, [1] * len(ends), [1] * len(ends))
    z, w = np.array(values, dtype=float).T
    with mpmath.workdps(50):
        of_z = [mpmath.mpf(float(v)) - mpmath.mpf(0.1) for v in z]
        slope = mpmath.mpf(0.8) / mpmath.mpf(1.3)
        exact.bought = [mpmath.exp(slope * a - 0.5 * float(b)) for a, b in zip(of_z, w, strict=True)]
        exact.left = [
            mpmath.exp(mpmath.mpf(0.7) * float(b) - mpmath.mpf(0.2) * float(a)) for a, b in zip(z, w, strict=True)
        ]
    found = model.prob_purchases(history_of(ends, values, times, age), n, horizon=horizon)[0]
    expected = exact.prob(times, age, n, horizon)
    assert mpmath.almosteq(mpmath.mpf(float(found)), expected, rel_eps=1e-10, abs_eps=mpmath.mpf("1e-290"))


def split_of(history, came, **changed):
    """Put a split together by hand."""
    empty = split_purchases(
        ["a", "a"], ["2024-01-01", "2024-02-01"], calibration_end="2024-01-10"
    )  # for what is of no account here
    return attrs.evolve(
        empty,
        calibration=history,
        holdout_n_purchases=came,
        holdout_length=9.0,
        last_n_purchases=came,
        last_spend=None,
        holdout_spend=None,
        **changed,
    )


@pytest.fixture(scope="module")
def base():
    """Give 120 customers with constant covariates, as a changing history and as a plain one, and a split of them."""
    rng = np.random.default_rng(5)
    n, weeks = 120, 30
    values = np.repeat(np.stack((rng.normal(size=n), rng.integers(0, 2, n)), axis=1), weeks, axis=0)
    nothing = TimeVaryingHistory(
        customer=np.arange(n),
        frequency=np.zeros(n),
        recency=np.zeros(n),
        age=rng.uniform(8.0, 20.0, n),
        n_periods=np.full(n, weeks),
        period_end=np.tile(np.arange(1.0, weeks + 1), n),
        covariate_names=("z", "w"),
        covariate_values=values,
        purchase_totals=np.zeros((n, 2)),
        time_unit="week",
    )
    changing = MODEL.simulate(nothing, rng=rng)
    plain = changing.without_covariates().with_covariates(dict(zip(("z", "w"), values[::weeks].T, strict=True)))
    plain = attrs.evolve(plain, mean_repeat_spend=np.where(plain.frequency > 0, 10.0 + plain.frequency, 0.0))
    return changing, plain, split_of(plain, rng.poisson(1.0, n).astype(float))


class TestProbPurchases:
    """Of those alive, the mean of negative binomial probabilities over the moment of leaving."""

    def test_one_customer(self):
        check(PARAMETERS, ENDS, VALUES, (0.7, 2.2, 5.5), 8.0, 5.0, 1)

    @pytest.mark.slow
    def test_customers_who_leave_at_once_or_buy_much(self):
        """Few leave after the first days, when the count is most likely: the integrand falls before it rises."""
        values = ((0.0, 0), (1.5, 0), (3.0, 0))
        times = tuple(np.linspace(0.1, 9.9, 100))
        check((2.0, 10.0, 5.0, 0.01), (10.0, 12.0, 60.0), values, times, 10.0, 45.0, 40)

    @pytest.mark.slow
    @settings(deadline=None, max_examples=12)
    @given(cases(), st.sampled_from([0, 1, 2, 7, 40, 200]))
    def test_searched(self, case, n):
        check(*case, n)

    @pytest.mark.parametrize("horizon", [0.0, 0.4, 9.0])
    def test_constant_covariates(self, base, horizon):
        changing, plain, _ = base
        for n in (0, 1, 4):
            found, same = (
                model.prob_purchases(of, n, horizon=horizon) for model, of in ((MODEL, changing), (STATIC, plain))
            )
            np.testing.assert_allclose(found, same, rtol=1e-10)

    def test_adds_up_to_one_and_to_the_expected_purchases(self):
        one = history_of(ENDS, VALUES, (0.7, 2.2, 5.5), 8.0)
        prob = np.array([MODEL.prob_purchases(one, n, horizon=5.9)[0] for n in range(60)])
        assert prob.sum() == pytest.approx(1.0, abs=1e-13)
        assert np.arange(60) @ prob == pytest.approx(MODEL.expected_purchases(one, horizon=5.9)[0], rel=1e-12)
        alive, process = MODEL.prob_alive(one)[0], MODEL._process(one)
        tails = process.tails(Past(one.frequency, one.recency, one.age), np.array([5.9]))
        found = [alive * next(tails)[0, 0] for _ in range(10)]
        np.testing.assert_allclose(found, 1.0 - np.cumsum(prob)[:10], atol=1e-14)

    def test_rejections(self):
        one = history_of(ENDS, VALUES, (0.7,), 8.0)
        for n, horizon, said in ((0, 6.1, "within the covariates"), (0.5, 5.0, "`n`"), ([0, 1], 5.0, "customers")):
            with pytest.raises(InputError, match=said):
                MODEL.prob_purchases(one, n, horizon=horizon)


class TestSimulate:
    """Customers buy and leave by the clocks of their covariates."""

    def test_counts_and_totals_of_newcomers(self):
        """The shares of counts are within four standard errors of the probabilities for customers of age 0."""
        n = 20_000
        new = {
            "frequency": np.zeros(n),
            "recency": np.zeros(n),
            "n_periods": np.full(n, len(ENDS)),
            "period_end": np.tile(ENDS, n),
            "covariate_names": ("z", "w"),
            "covariate_values": np.tile(VALUES, (n, 1)),
            "purchase_totals": np.zeros((n, 2)),
            "time_unit": "week",
            "customer": np.arange(n),
        }
        drawn = MODEL.simulate(TimeVaryingHistory(age=np.full(n, 13.0), **new), rng=np.random.default_rng(1))
        one = history_of(ENDS, VALUES, (), 0.0)
        for count in range(4):
            prob = MODEL.prob_purchases(one, count, horizon=13.0)[0]
            error = np.sqrt(prob * (1 - prob) / n)
            assert abs((drawn.frequency == count).mean() - prob) < 4 * error
        z = np.array([value[0] for value in VALUES])
        until = np.minimum(ENDS, 13.0)
        bought = np.diff([MODEL.expected_purchases(one, horizon=u)[0] for u in until], prepend=0.0) @ z
        of_z = drawn.purchase_totals[:, 0]
        assert of_z.mean() == pytest.approx(bought, abs=4 * of_z.std() / n**0.5)
        assert (drawn.recency <= 13.0).all()
        assert ((drawn.recency > 0) == (drawn.frequency > 0)).all()

    def test_rejections(self):
        one = history_of(ENDS, VALUES, (), 8.0)
        with pytest.raises(InputError, match="rng"):
            MODEL.simulate(one, rng=1)
        with pytest.raises(InputError, match="unit"):
            attrs.evolve(MODEL, time_unit="day").simulate(one, rng=np.random.default_rng(1))


class TestFunctionsOfPurchaseModels:
    """With constant covariates all say what they say of the static model."""

    def test_scores(self, base):
        changing, _, split = base
        found = compare_models(split, {"one": MODEL, "two": STATIC}, spend_model=SPEND, time_varying=changing)
        assert found[0].purchases.mean_absolute_error == pytest.approx(
            found[1].purchases.mean_absolute_error, rel=1e-12
        )
        assert found[0].counts.crps == pytest.approx(found[1].counts.crps, rel=1e-10)
        assert found[0].counts.log_score == pytest.approx(found[1].counts.log_score, rel=1e-10)
        assert found[0].log_likelihood == pytest.approx(MODEL.log_likelihood(changing).sum(), rel=1e-12)
        one, two = proper_scores(split, MODEL, time_varying=changing), proper_scores(split, STATIC)
        assert one.coverage == pytest.approx(two.coverage, rel=1e-10)
        places = [
            probability_integral_transform(split, model, rng=np.random.default_rng(1), **given).share
            for model, given in ((MODEL, {"time_varying": changing}), (STATIC, {}))
        ]
        np.testing.assert_allclose(*places, atol=1e-10)
        groups = calibration_by_frequency(split, MODEL, time_varying=changing, most=2)
        np.testing.assert_allclose(
            groups.expected, calibration_by_frequency(split, STATIC, most=2).expected, rtol=1e-10
        )

    def test_values(self, base):
        changing, plain, _ = base
        terms = {
            "horizon": 9.0,
            "margin": 0.3,
            "service_cost": 0.1,
            "discount_rate": np.where(np.arange(len(plain)) % 2, 0.01, 0.0),
        }
        found = customer_values(plain, MODEL, SPEND, time_varying=changing, **terms)
        same = customer_values(plain, STATIC, SPEND, **terms)
        for name in ("prob_alive", "expected_purchases", "clv", "expected_service_cost"):
            np.testing.assert_allclose(getattr(found, name), getattr(same, name), rtol=1e-8)

    def test_cost_of_serving_where_the_rate_of_leaving_jumps(self):
        """By a rule of 20 nodes over the chance to be alive in each period."""
        one = history_of(ENDS, VALUES, (0.7, 2.2, 5.5), 8.0)
        plain = attrs.evolve(one.without_covariates(), mean_repeat_spend=np.array([10.0]))
        found = customer_values(
            plain, MODEL, SPEND, horizon=5.0, margin=0.5, service_cost=0.2, discount_rate=0.01, time_varying=one
        )
        node, weight = np.polynomial.legendre.leggauss(20)
        total = 0.0
        for low, high in ((0.0, 1.0), (1.0, 5.0)):
            moment = 0.5 * (low + high) + 0.5 * (high - low) * node
            alive = np.array([MODEL.prob_alive(one, at=u)[0] for u in moment])
            total += 0.5 * (high - low) * (weight * alive) @ 1.01**-moment
        assert found.expected_service_cost[0] == pytest.approx(0.2 * total, rel=1e-10)

    def test_refusals_name_the_way_out(self, base):
        changing, plain, split = base
        with pytest.raises(InputError, match=r"`time_varying` must be a TimeVaryingHistory.*from_log"):
            compare_models(split, {"one": MODEL})
        with pytest.raises(InputError, match="`time_varying` must be None where no model"):
            compare_models(split, {"one": STATIC}, time_varying=changing)
        for changed in (
            attrs.evolve(changing, customer=np.arange(120)[::-1].copy()),
            attrs.evolve(changing, age=changing.age + 1.0),
            MODEL.simulate(changing, rng=np.random.default_rng(2)),
        ):
            of = attrs.evolve(plain, customer=np.arange(120))
            with pytest.raises(InputError, match="same customers in the same order"):
                as_model_of("model", MODEL, of, changed)
        other = attrs.evolve(changing, customer=np.where(np.arange(120) < 118, np.arange(120), np.arange(120) + 200))
        with pytest.raises(InputError, match=r"same last day; got 318 \(1 more\)"):
            as_model_of("model", MODEL, attrs.evolve(plain, customer=np.arange(120)), other)
        terms = {"margin": 0.3, "time_varying": changing}
        with pytest.raises(InputError, match="no covariates are known for life"):
            customer_values(plain, MODEL, SPEND, horizon=None, discount_rate=0.01, **terms)
        with pytest.raises(InputError, match="within the covariates"):
            customer_values(plain, MODEL, SPEND, horizon=52.0, **terms)
        with pytest.raises(InputError, match="leave `level` out"):
            customer_values(plain, MODEL, SPEND, horizon=9.0, level=0.9, rng=np.random.default_rng(1), **terms)
        for refuse in (
            lambda: fit_ensemble(split, {"one": MODEL, "two": BgNbd(0.2, 4.0, 0.8, 2.4, "week")}),
            lambda: revenue_plan(plain, MODEL, SPEND, margin=0.3),
        ):
            with pytest.raises(InputError, match="its own methods take a TimeVaryingHistory"):
                refuse()


class TestGrade:
    """A fit is usable if what it leaves undetermined hardly moves the expected purchases: as for all models."""

    @pytest.mark.parametrize("seed", [0, 1, 2])
    def test_customers_who_never_leave(self, seed):
        rng = np.random.default_rng(seed)
        n, weeks = 100, 30
        model = TimeVaryingParetoNbd(1.0, 5.0, 1e-4, 1e4, "week", purchase_effects=[CovariateEffect("z", 0.5)])
        nothing = TimeVaryingHistory(
            customer=np.arange(n),
            frequency=np.zeros(n),
            recency=np.zeros(n),
            age=rng.uniform(10.0, 30.0, n),
            n_periods=np.full(n, weeks),
            period_end=np.tile(np.arange(1.0, weeks + 1), n),
            covariate_names=["z"],
            covariate_values=rng.integers(0, 2, (n * weeks, 1)),
            purchase_totals=np.zeros((n, 1)),
            time_unit="week",
        )
        history = model.simulate(nothing, rng=rng)
        plain = fit_pareto_nbd(history.without_covariates()).diagnosis
        found = fit_time_varying_pareto_nbd(history, purchase_covariates=["z"]).diagnosis
        assert plain.grade == found.grade == "usable"
        assert {*found.boundary, *found.flat} == {"s", "beta"}

    def test_what_moves_the_forecast_is_not_usable(self):
        """Nobody has bought again: anything may come."""
        one = history_of(ENDS, VALUES, (), 8.0)
        nobody = attrs.evolve(
            one,
            customer=np.arange(20),
            **{
                name: np.tile(getattr(one, name), 20)
                for name in ("frequency", "recency", "age", "n_periods", "period_end")
            },
            covariate_values=np.tile(one.covariate_values, (20, 1)),
            purchase_totals=np.tile(one.purchase_totals, (20, 1)),
        )
        assert fit_time_varying_pareto_nbd(nobody, purchase_covariates=["z"]).diagnosis.grade == "not usable"

    def test_the_last_covariates_go_on(self):
        two = part_of(as_it_is(BOTH, 7.0), slice(None))
        assert two.n_periods.tolist() == [4, 1]
        assert two.period_end.tolist() == [1.5, 2.5, 6.0, 15.0, 8.0]
        assert two.covariate_values[3].tolist() == [0.0, 0.0]
        assert part_of(BOTH, slice(None, None, 2)).customer.tolist() == [1]


BOTH = TimeVaryingHistory(
    customer=[1, 2],
    frequency=[1, 0],
    recency=[5.0, 0.0],
    age=[8.0, 1.0],
    n_periods=[5, 2],
    period_end=[*ENDS, 1.0, 3.0],
    covariate_names=("z", "w"),
    covariate_values=[*VALUES, (5.0, 1), (6.0, 0)],
    purchase_totals=[(2.0, 1.0), (0.0, 0.0)],
    time_unit="week",
)


def test_effects_of_zero_are_no_effects():
    none = TimeVaryingParetoNbd(*PARAMETERS, "week", purchase_effects=[CovariateEffect("z", 0.0)])
    one = history_of(ENDS, VALUES, (0.7, 2.2), 8.0)
    same = ParetoNbd(*PARAMETERS, "week").prob_purchases(one.without_covariates(), 2, horizon=5.0)
    np.testing.assert_allclose(none.prob_purchases(one, 2, horizon=5.0), same, rtol=1e-12)
