"""Pareto/NBD with time-varying covariates: likelihood, predictions and fit."""

from __future__ import annotations

import math

import attrs
import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmvalue._models.changing.likelihood import Likelihood
from crmvalue.errors import InputError
from crmvalue.models import (
    CovariateEffect,
    Fit,
    ParetoNbd,
    TimeVaryingHistory,
    TimeVaryingParetoNbd,
    draw_posterior,
    fit_pareto_nbd,
    fit_time_varying_pareto_nbd,
    likelihood_ratio_test,
)
from crmvalue.purchases import PurchaseHistory
from tests.models.references import TimeVaryingMp

PARAMETERS = (0.8, 10.0, 0.6, 11.0)
BUYS = (CovariateEffect("z", 0.8, centre=0.1, scale=1.3), CovariateEffect("w", -0.5))
LEAVES = (CovariateEffect("w", 0.7), CovariateEffect("z", -0.2))
FORCE = math.log1p(0.01)


def logs(low, high):
    return st.floats(math.log(low), math.log(high)).map(math.exp)


def history_of(ends, values, times, age, names=("z", "w")):
    """Make the history of one customer, by the ends of periods, the covariates in them, and the repeat purchases."""
    ends, values, times = np.array(ends), np.array(values, dtype=float), np.sort(np.array(times, dtype=float))
    return TimeVaryingHistory(
        customer=[1],
        frequency=[len(times)],
        recency=[times.max(initial=0.0)],
        age=[age],
        n_periods=[len(ends)],
        period_end=ends,
        covariate_names=names,
        covariate_values=values,
        purchase_totals=[values[np.searchsorted(ends, times)].sum(axis=0)],
        time_unit="week",
    )


def close(found, exact, rel=1e-10):
    return mpmath.almosteq(mpmath.mpf(float(found)), exact, rel_eps=rel, abs_eps=mpmath.mpf("1e-290"))


def check(parameters, ends, values, times, age, horizon):
    """Compare all that is said of one customer with the definition at 50 digits."""
    model = TimeVaryingParetoNbd(*parameters, "week", purchase_effects=BUYS, dropout_effects=LEAVES)
    one = history_of(ends, values, times, age)
    z, w = np.array(values, dtype=float).T
    with mpmath.workdps(50):
        of_z = [mpmath.mpf(float(v)) - mpmath.mpf(0.1) for v in z]
        bought = [
            mpmath.exp(mpmath.mpf(0.8) / mpmath.mpf(1.3) * a - 0.5 * float(b)) for a, b in zip(of_z, w, strict=True)
        ]
        left = [mpmath.exp(mpmath.mpf(0.7) * float(b) - mpmath.mpf(0.2) * float(a)) for a, b in zip(z, w, strict=True)]
    exact = TimeVaryingMp(*parameters, ends, [1] * len(ends), [1] * len(ends))
    exact.bought, exact.left = bought, left
    log_likelihood = exact.log_likelihood(times, age)
    assert close(model.log_likelihood(one)[0], log_likelihood) or abs(log_likelihood) < 1e-3
    assert model.log_likelihood(one)[0] == pytest.approx(float(log_likelihood), rel=1e-10, abs=1e-13)
    assert close(model.prob_alive(one)[0], exact.prob_alive(times, age))
    assert close(model.prob_alive(one, at=horizon)[0], exact.prob_alive(times, age, horizon))
    assert close(model.expected_purchases(one, horizon=horizon)[0], exact.discounted(times, age, horizon))
    found = model.discounted_expected_purchases(one, discount_rate=0.01, horizon=horizon)[0]
    assert close(found, exact.discounted(times, age, horizon, mpmath.log1p(mpmath.mpf(0.01))))


ENDS = (1.5, 2.5, 6.0, 9.0, 14.0)
VALUES = ((0.3, 1), (-1.2, 0), (2.0, 1), (0.0, 0), (1.0, 1))


@st.composite
def cases(draw):
    shapes = st.one_of(logs(0.01, 20), st.just(1.0))
    parameters = draw(shapes), draw(logs(0.01, 1e4)), draw(shapes), draw(logs(0.01, 1e4))
    unit = draw(logs(0.01, 300))
    n = draw(st.integers(1, 6))
    ends = np.cumsum(draw(st.lists(logs(0.01, 1), min_size=n, max_size=n))) * unit
    values = draw(st.lists(st.tuples(st.floats(-3, 3), st.sampled_from([0, 1])), min_size=n, max_size=n))
    age = float(ends[-1]) * draw(st.floats(0.05, 0.9))
    few = st.lists(st.floats(0.001, 0.999), max_size=5)
    many = st.integers(50, 300).map(lambda k: np.linspace(0.001, 0.5, k).tolist())
    times = [age * share for share in draw(st.one_of(few, many))]
    horizon = (float(ends[-1]) - age) * draw(st.floats(0.01, 0.999))
    return parameters, ends.tolist(), values, times, age, horizon


class TestAgainstTheDefinition:
    """Bachmann, Meierer and Naef (2021): the likelihood integrated over the lifetime."""

    @pytest.mark.parametrize("s", [0.6, 1.0])
    def test_one_customer(self, s):
        check((0.8, 10.0, s, 11.0), ENDS, VALUES, (0.7, 2.2, 5.5), 8.0, 5.0)

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("parameters", "times", "age", "horizon"),
        [
            (PARAMETERS, (), 8.0, 6.0),
            (PARAMETERS, (8.0,), 8.0, 0.5),
            ((0.01, 0.01, 20.0, 0.01), (0.01,), 13.9, 0.1),
            ((20.0, 1e4, 1.0, 1e4), tuple(np.linspace(0.01, 1.0, 300)), 13.0, 1.0),
        ],
    )
    def test_extremes(self, parameters, times, age, horizon):
        check(parameters, ENDS, VALUES, times, age, horizon)

    @pytest.mark.slow
    @settings(deadline=None, max_examples=25)
    @given(cases())
    def test_searched(self, case):
        check(*case)


@pytest.fixture(scope="module")
def drawn():
    """Draw 1,500 customers with weeks of different covariates, by thinning of their rates week by week."""
    rng = np.random.default_rng(3)
    n, weeks = 1500, 30
    z, w = rng.normal(size=(n, weeks)), np.repeat(rng.integers(0, 2, (n, weeks // 3)), 3, axis=1)
    bought = np.exp(0.8 * (z - 0.1) / 1.3 - 0.5 * w)
    left = np.exp(0.7 * w - 0.2 * z)
    rate, leaving = rng.gamma(0.8, 1 / 5.0, n), rng.gamma(0.6, 1 / 5.5, n)
    patience = rng.standard_exponential(n) / leaving
    until = np.cumsum(left, axis=1)
    stays = np.clip((patience[:, np.newaxis] - until + left) / left, 0.0, 1.0)  # share of each week as a customer
    counts = rng.poisson(rate[:, np.newaxis] * bought * stays)
    who, week = (np.repeat(axis.ravel(), counts.ravel()) for axis in np.indices((n, weeks)))
    time = week + rng.random(len(week)) * stays[who, week]
    age = rng.uniform(8.0, 20.0, n)
    kept = time < age[who]
    who, time, week = who[kept], time[kept], week[kept]
    values = np.stack((z.ravel(), w.ravel()), axis=1)
    recency = np.zeros(n)
    np.maximum.at(recency, who, time)
    totals = np.zeros((n, 2))
    np.add.at(totals, who, values[who * weeks + week])
    return TimeVaryingHistory(
        customer=np.arange(n),
        frequency=np.bincount(who, minlength=n),
        recency=recency,
        age=age,
        n_periods=np.full(n, weeks),
        period_end=np.tile(np.arange(1.0, weeks + 1), n),
        covariate_names=("z", "w"),
        covariate_values=values,
        purchase_totals=totals,
        time_unit="week",
    )


@pytest.fixture(scope="module")
def fitted(drawn):
    return fit_time_varying_pareto_nbd(drawn, purchase_covariates=["z", "w"], dropout_covariates=["w", "z"])


class TestSpecialCases:
    """Constant covariates are those of the static model; without effects it is the plain one."""

    METHODS = (
        ("log_likelihood", {}),
        ("prob_alive", {}),
        ("prob_alive", {"at": 5.0}),
        ("expected_purchases", {"horizon": 9.0}),
        ("discounted_expected_purchases", {"discount_rate": 0.01, "horizon": 9.0}),
    )

    @pytest.mark.parametrize(("method", "arguments"), METHODS)
    @pytest.mark.parametrize("s", [0.6, 1.0])
    def test_without_effects(self, drawn, method, arguments, s):
        none = CovariateEffect("z", 0.0)
        model = TimeVaryingParetoNbd(0.8, 10.0, s, 11.0, "week", purchase_effects=[none], dropout_effects=[none])
        plain = ParetoNbd(0.8, 10.0, s, 11.0, "week")
        found = getattr(model, method)(drawn, **arguments)
        np.testing.assert_allclose(found, getattr(plain, method)(drawn.without_covariates(), **arguments), rtol=1e-10)

    @pytest.mark.parametrize(("method", "arguments"), METHODS)
    def test_constant_covariates(self, drawn, method, arguments):
        constant, static = self.constant(drawn)
        model = TimeVaryingParetoNbd(*PARAMETERS, "week", purchase_effects=BUYS, dropout_effects=LEAVES)
        same = ParetoNbd(*PARAMETERS, "week", purchase_effects=BUYS, dropout_effects=LEAVES)
        found = getattr(model, method)(constant, **arguments)
        np.testing.assert_allclose(found, getattr(same, method)(static, **arguments), rtol=1e-10)

    def test_fit_of_constant_covariates(self, drawn):
        constant, static = self.constant(drawn)
        names = {"purchase_covariates": ["z"], "dropout_covariates": ["w"]}
        found, same = fit_time_varying_pareto_nbd(constant, **names), fit_pareto_nbd(static, **names)
        assert found.log_likelihood == pytest.approx(same.log_likelihood, abs=1e-7)
        for mine, its in zip(
            found.model.purchase_effects + found.model.dropout_effects,
            same.model.purchase_effects + same.model.dropout_effects,
            strict=True,
        ):
            assert mine.per_unit == pytest.approx(its.per_unit, rel=1e-3)

    @staticmethod
    def constant(drawn):
        """Give each customer the covariates of their first period, in all of their periods, and in a static history."""
        first = drawn.covariate_values[:: int(drawn.n_periods[0])]
        columns = dict(zip(("z", "w"), first.T, strict=True))
        changed = attrs.evolve(
            drawn,
            covariate_values=np.repeat(first, drawn.n_periods, axis=0),
            purchase_totals=first * drawn.frequency[:, np.newaxis],
        )
        return changed, drawn.without_covariates().with_covariates(columns)

    def test_where_periods_are_cut_is_of_no_account(self):
        model = TimeVaryingParetoNbd(*PARAMETERS, "week", purchase_effects=BUYS, dropout_effects=LEAVES)
        times = (0.7, 2.2, 5.5)
        one = history_of(ENDS, VALUES, times, 8.0)
        ends = np.sort([*ENDS, 0.2, 2.2, 7.7, 8.0, 8.1])
        other = history_of(ends, np.array(VALUES)[np.searchsorted(ENDS, ends)], times, 8.0)
        for method, arguments in self.METHODS[:3]:
            found, same = (getattr(model, method)(of, **arguments) for of in (one, other))
            assert found == pytest.approx(same, rel=1e-12)

    def test_customers_who_leave_at_once_overflow_nothing(self):
        """A rate of leaving above 1.8e8 overflowed with a warning."""
        nothing = TimeVaryingHistory(
            customer=range(50), frequency=[0] * 50, recency=[0] * 50, age=[26] * 50, n_periods=[1] * 50,
            period_end=[26] * 50, covariate_names=["z"], covariate_values=[[1.0]] * 50, purchase_totals=[[0.0]] * 50,
            time_unit="week",
        )  # fmt: skip
        model = TimeVaryingParetoNbd(0.6, 8.0, 0.7, 1e-9, "week", purchase_effects=[CovariateEffect("z", 1.0)])
        assert model.simulate(nothing, rng=np.random.default_rng(1)).frequency.sum() == 0


class TestFit:
    """`fit_time_varying_pareto_nbd`: maximum likelihood with coefficients."""

    def test_recovers_the_effects(self, drawn, fitted):
        """Within four standard errors of the truth (a false alarm in 1 of 2,000 runs of other seeds)."""
        assert fitted.diagnosis.trustworthy
        assert fitted.names[4:] == ("purchase.z", "purchase.w", "dropout.w", "dropout.z")
        found = [*fitted.model.purchase_effects, *fitted.model.dropout_effects]
        for effect, name, true in zip(found, fitted.names[4:], (0.8 / 1.3, -0.5, 0.7, -0.2), strict=True):
            assert abs(effect.per_unit - true) < 4 * fitted.standard_errors[name] / effect.scale
        assert fitted.log_likelihood == pytest.approx(fitted.model.log_likelihood(drawn).sum(), rel=1e-11)

    def test_tests_starts_and_time_unit(self, drawn, fitted):
        assert likelihood_ratio_test(fit_pareto_nbd(drawn.without_covariates()), fitted).p_value < 1e-20
        tied = fit_time_varying_pareto_nbd(
            drawn,
            purchase_covariates=["z", "w"],
            dropout_covariates=["w", "z"],
            equal_covariates=["w"],
            starts=[fitted],
        )
        assert likelihood_ratio_test(tied, fitted).degrees == 1
        days = attrs.evolve(
            drawn,
            recency=drawn.recency * 7,
            age=drawn.age * 7,
            period_end=drawn.period_end * 7,
            time_unit="day",
        )
        moved = fit_time_varying_pareto_nbd(days, purchase_covariates=["z", "w"], dropout_covariates=["w", "z"])
        unit = np.array([1, 7, 1, 7, 1, 1, 1, 1])
        assert moved.estimates == pytest.approx(fitted.estimates * unit, rel=1e-4, abs=1e-4)

    def test_penalty(self, drawn):
        held = fit_time_varying_pareto_nbd(drawn, purchase_covariates=["z"], l2=1e9)
        assert held.model.purchase_effects[0].coefficient == pytest.approx(0.0, abs=1e-5)
        assert held.priors["purchase.z"] == pytest.approx((0.0, math.sqrt(0.5e-9)))

    def test_json_and_posterior(self, drawn, fitted):
        assert Fit.from_json(fitted.to_json()) == fitted
        assert TimeVaryingParetoNbd.from_json(fitted.model.to_json()) == fitted.model
        posterior = draw_posterior(fitted, drawn, n_draws=20, rng=np.random.default_rng(1))
        assert posterior.names == fitted.names

    @given(st.tuples(*[st.floats(-1.5, 1.5)] * 4, *[st.floats(-0.7, 0.7)] * 4))
    @settings(max_examples=10)
    def test_gradient_and_hessian_against_differences(self, theta):
        """Central differences of the log-likelihood and of its gradient, steps of 1e-5: good to about 1e-7."""
        likelihood = Likelihood(SMALL, BUYS, LEAVES)
        at = likelihood(np.array(theta))
        size = max(1.0, float(np.abs(at.hessian).max()))
        for i, step in enumerate(np.eye(8) * 1e-5):
            ahead, behind = likelihood(theta + step), likelihood(theta - step)
            assert (ahead.value - behind.value) / 2e-5 == pytest.approx(at.gradient[i], abs=1e-6 * size)
            np.testing.assert_allclose((ahead.gradient - behind.gradient) / 2e-5, at.hessian[i], atol=1e-6 * size)
        assert likelihood(np.full(8, 200.0)).value == -math.inf

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            ({}, "at least one name"),
            ({"purchase_covariates": "z"}, "sequence of names"),
            ({"purchase_covariates": ["v"]}, "among the covariates"),
            ({"purchase_covariates": ["z", "z"]}, "once"),
            ({"purchase_covariates": ["z"], "equal_covariates": ["z"]}, "equal_covariates"),
            ({"purchase_covariates": ["z"], "l2": -1.0}, "l2"),
            ({"purchase_covariates": ["z"], "priors": {"dropout.z": (0, 1)}}, "for parameters of the model"),
        ],
    )
    def test_rejections(self, arguments, said):
        with pytest.raises(InputError, match=said):
            fit_time_varying_pareto_nbd(SMALL, **arguments)

    def test_the_settings_of_numpy_are_of_no_account(self, drawn):
        names = {"purchase_covariates": ["z"], "dropout_covariates": ["w"]}
        usual = [fit_time_varying_pareto_nbd(SMALL, **names).to_json()]
        usual.append(TimeVaryingParetoNbd(*PARAMETERS, "week", purchase_effects=BUYS).log_likelihood(drawn).sum())
        with np.errstate(all="raise"):
            strict = [fit_time_varying_pareto_nbd(SMALL, **names).to_json()]
            strict.append(TimeVaryingParetoNbd(*PARAMETERS, "week", purchase_effects=BUYS).log_likelihood(drawn).sum())
        assert strict == usual

    def test_customers_of_today_alone_say_nothing(self):
        today = history_of((3.0, 9.0), ((1.0, 0), (2.0, 1)), (), 0.0)
        with pytest.raises(InputError, match="observed after their first purchase"):
            fit_time_varying_pareto_nbd(today, purchase_covariates=["z"])
        model = TimeVaryingParetoNbd(*PARAMETERS, "week", purchase_effects=BUYS, dropout_effects=LEAVES)
        assert model.prob_alive(today).tolist() == [1.0]
        assert model.log_likelihood(today).tolist() == [0.0]

    def test_what_never_differs_is_no_covariate(self):
        same = history_of((3.0, 9.0), ((1.0, 0), (1.0, 1)), (1.0,), 4.0)
        with pytest.raises(InputError, match="differs between customers"):
            fit_time_varying_pareto_nbd(same, purchase_covariates=["z"])

    def test_other_histories_are_refused(self):
        model = TimeVaryingParetoNbd(*PARAMETERS, "day", purchase_effects=[CovariateEffect("v", 0.1)])
        static = PurchaseHistory.from_columns(frequency=[0], recency=[0], age=[1], time_unit="day")
        with pytest.raises(InputError, match="a TimeVaryingHistory"):
            model.prob_alive(static)
        with pytest.raises(InputError, match="model's unit"):
            model.prob_alive(SMALL)
        with pytest.raises(InputError, match="covariate 'v'"):
            attrs.evolve(model, time_unit="week").prob_alive(SMALL)
        with pytest.raises(InputError, match="within the covariates, which end after 6"):
            attrs.evolve(model, time_unit="week").expected_purchases(SMALL, horizon=6.1)
        far = attrs.evolve(model, time_unit="week", purchase_effects=[CovariateEffect("z", 1e3)])
        with pytest.raises(InputError, match="exp"):
            far.log_likelihood(SMALL)


SMALL = TimeVaryingHistory(
    customer=["ann", "bob", "cid"],
    frequency=[2, 0, 1],
    recency=[5.0, 0.0, 8.0],
    age=[8.0, 7.0, 8.0],
    n_periods=[5, 1, 3],
    period_end=[1.5, 2.5, 6.0, 9.0, 14.0, 14.0, 2.0, 4.0, 14.0],
    covariate_names=("z", "w"),
    covariate_values=[*VALUES, (0.5, 1), (1.0, 0), (-1.0, 1), (0.0, 0)],
    purchase_totals=[(2.3, 2.0), (0.0, 0.0), (0.0, 0.0)],
    time_unit="week",
)


class TestHistory:
    """`TimeVaryingHistory.from_log`: orders and covariates, joined by customer and period."""

    CUSTOMER = ("bob", "ann", "ann", "ann", "ann", "bob", "bob")
    DATE = ("2024-01-10", "2024-01-03", "2024-01-07", "2024-01-08", "2024-01-08", "2024-02-01", "2024-01-21")
    STARTS = tuple(np.datetime_as_string(np.arange("2024-01-01", "2024-02-05", 7, dtype="datetime64[D]")))

    def joined(self, **changed):
        given = {
            "customer": self.CUSTOMER,
            "date": self.DATE,
            "covariates": {"z": [0.1, 0.2, 0.3, 0.4, 0.5, 9.0, 0.6, 0.6, 0.7, 0.8], "w": [0] * 9 + [1]},
            "covariate_customer": ["ann"] * 5 + ["bob"] * 5,
            "period_start": self.STARTS * 2,
            "as_of": "2024-01-25",
        }
        return TimeVaryingHistory.from_log(**(given | changed))

    def test_by_hand(self):
        found = self.joined()
        assert found.customer.tolist() == ["ann", "bob"]
        assert found.frequency.tolist() == [2, 1]
        assert found.recency == pytest.approx([5 / 7, 11 / 7])
        assert found.age == pytest.approx([22 / 7, 15 / 7])
        assert found.n_periods.tolist() == [5, 3]  # of bob, one is before his first purchase and two are the same
        assert found.period_end * 7 == pytest.approx([5, 12, 19, 26, 33, 12, 19, 26])
        assert found.covariate_values[:, 0].tolist() == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]
        assert found.purchase_totals[:, 0] == pytest.approx([0.1 + 0.2, 0.6])
        assert found.end_of_covariates * 7 == pytest.approx([33, 26])
        assert str(found.as_of) == "2024-01-25"
        assert found.n_later == sum(day > "2024-01-25" for day in self.DATE) > 0

    @settings(max_examples=10)
    @given(st.permutations(range(10)), st.permutations(range(7)))
    def test_the_order_of_rows_is_of_no_account(self, rows, orders):
        given = {
            "customer": [self.CUSTOMER[i] for i in orders],
            "date": [self.DATE[i] for i in orders],
            "covariates": {
                "z": [(0.1, 0.2, 0.3, 0.4, 0.5, 9.0, 0.6, 0.6, 0.7, 0.8)[i] for i in rows],
                "w": [int(i == 9) for i in rows],
            },
            "covariate_customer": [("ann", "bob")[i // 5] for i in rows],
            "period_start": [self.STARTS[i % 5] for i in rows],
        }
        assert self.joined(**given) == self.joined()

    @pytest.mark.parametrize(
        ("changed", "said"),
        [
            ({"as_of": "2024-02-12"}, "no row for customer ann from 2024-02-05"),
            ({"as_of": "2023-12-31"}, "at least one order"),
            ({"customer": [], "date": []}, "`customer` must be at least one row; got 0"),
            (
                {"period_start": (*STARTS[:1], *STARTS[:1], *STARTS[2:], *STARTS)},
                "two rows for customer ann from 2024-01-01",
            ),
            ({"period_start": (*STARTS, *STARTS[:2], *("2024-01-16", "2024-01-23", "2024-01-30"))}, "no row for.*bob"),
            ({"covariate_customer": ["ann"] * 5 + ["eve"] * 5}, "no row for customer bob from 2024-01-10"),
            ({"covariate_customer": [1] * 5 + [2] * 5}, "identifiers like"),
            ({"covariates": {}}, "at least one"),
            ({"covariates": {"z": [1.0, 2.0]}}, "same|as long|length|rows"),
            ({"covariates": {"z": ["a"] * 10}}, "covariates"),
            ({"period_days": 6}, "no row for customer ann from 2024-01-07"),
            ({"period_days": 0}, "period_days"),
            ({"time_unit": "hour"}, "time_unit"),
            ({"date": ["2024-01-10"]}, "date"),
        ],
    )
    def test_rejections(self, changed, said):
        with pytest.raises(InputError, match=said):
            self.joined(**changed)

    @pytest.mark.parametrize(
        ("changed", "said"),
        [
            ({"customer": ["ann", "ann", "cid"]}, "one row a customer"),
            ({"n_periods": [5, 1, 2]}, "n_periods"),
            ({"n_periods": [5, 1]}, "n_periods"),
            ({"period_end": np.ones(9)}, "period_end"),
            ({"age": [8.0, 15.0, 8.0]}, "within the periods"),
            ({"covariate_values": np.zeros((9, 1))}, "covariate_values"),
            ({"purchase_totals": np.zeros((2, 2))}, "purchase_totals"),
            ({"covariate_names": ()}, "covariate_names"),
            ({"recency": [9.0, 0.0, 8.0]}, "recency"),
        ],
    )
    def test_fields_that_do_not_belong_together(self, changed, said):
        with pytest.raises(InputError, match=said):
            attrs.evolve(SMALL, **changed)

    def test_fit_without_covariates_and_length(self):
        assert len(SMALL) == SMALL.n_customers == 3
        assert SMALL.without_covariates().frequency.tolist() == [2, 0, 1]
