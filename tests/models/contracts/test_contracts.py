"""Models of contracts: shifted beta-geometric and beta-discrete-Weibull."""

from __future__ import annotations

import attrs
import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmvalue._models.contracts.beta_discrete_weibull import BetaDiscreteWeibull, fit_beta_discrete_weibull
from crmvalue._models.contracts.histories import ContractHistory
from crmvalue._models.contracts.renewals import objective
from crmvalue._models.contracts.shifted_beta_geometric import ShiftedBetaGeometric, fit_shifted_beta_geometric
from crmvalue._models.shared.discrete import log_beta_ratio, sum_exp
from crmvalue._models.shared.fit import likelihood_ratio_test
from crmvalue.errors import InputError
from tests.models.references import contract_survival

HIGH_END = [1000, 869, 743, 653, 593, 551, 517, 491]  # Fader and Hardie (2007), table 1
REGULAR = [1000, 631, 468, 382, 326, 289, 262, 241]

wide = st.floats(-5, 5).map(lambda y: 10.0**y)
shapes = st.floats(-2, 2).map(lambda y: 10.0**y)


class TestLogBetaRatio:
    """log B(a, y + w) - log B(a, y), by definition."""

    @given(wide, wide, wide)
    def test_equals_the_definition(self, a, y, w):
        with mpmath.workdps(80):
            a_, y_, w_ = mpmath.mpf(a), mpmath.mpf(y), mpmath.mpf(w)
            exact = (
                mpmath.loggamma(y_ + w_)
                - mpmath.loggamma(y_)
                + mpmath.loggamma(a_ + y_)
                - mpmath.loggamma(a_ + y_ + w_)
            )
        assert float(log_beta_ratio(a, y, w)) == pytest.approx(float(exact), rel=1e-11)

    @given(*[st.floats(-100, 100).map(lambda y: 10.0**y)] * 3)
    def test_is_a_number_everywhere(self, a, y, w):
        ratio = float(log_beta_ratio(a, y, w))
        assert np.isfinite(ratio)
        assert ratio <= 0


class TestSumExp:
    """Sum of exp(f(t)) over t = 1, 2, ..., n."""

    @pytest.mark.parametrize("n", [0, 1, 511, 512, 513, 600, 1024, 5000, 100_000])
    def test_equals_the_plain_sum(self, n):
        t = np.arange(1.0, n + 1.0)
        found = sum_exp(lambda t: -1.3 * np.log(7.0 + t), n)
        assert found == pytest.approx(np.sum((7.0 + t) ** -1.3), rel=1e-13)

    def test_endless_power_is_zeta(self):
        found = sum_exp(lambda t: -1.3 * np.log(t), None, tail_ratio=2**-0.3)
        assert found == pytest.approx(float(mpmath.zeta(1.3)), rel=1e-12)

    def test_endless_geometric(self):
        assert sum_exp(lambda t: -1e-6 * t, None) == pytest.approx(1 / np.expm1(1e-6), rel=1e-12)


LARGEST = 2**53


@pytest.mark.parametrize("horizon", [LARGEST, LARGEST - 1, 10**15 + 1])
class TestLongestHorizons:
    """Sums of survival up to the largest horizon end, with all digits."""

    @pytest.mark.parametrize(("alpha", "beta"), [(0.668, 3.806), (1e-5, 1e5), (1.001, 1e5)])
    def test_equals_the_closed_form(self, alpha, beta, horizon):
        """It is (a + b - 1) / (a - 1) times 1 - G(a + b - 1) G(b + n + 1) / (G(b) G(a + b + n)), t = 0 included."""
        with mpmath.workdps(60):
            a, b, n = mpmath.mpf(alpha), mpmath.mpf(beta), mpmath.mpf(horizon)
            logs = [mpmath.loggamma(z) for z in (a + b - 1, b + n + 1, b, a + b + n)]
            exact = (a + b - 1) / (a - 1) * (1 - mpmath.exp(logs[0] + logs[1] - logs[2] - logs[3]))
            exact = float(exact)
        model = ShiftedBetaGeometric(alpha, beta)
        assert model.discounted_expected_lifetime(discount_rate=0.0, horizon=horizon) == pytest.approx(exact, rel=1e-11)
        assert model.expected_remaining_lifetime(horizon=horizon) + 1.0 == pytest.approx(exact, rel=1e-11)

    @pytest.mark.parametrize("model", [BetaDiscreteWeibull(0.668, 3.806, 1.5), BetaDiscreteWeibull(0.01, 3.806, 0.01)])
    def test_both_models_end(self, model, horizon):
        life = model.expected_remaining_lifetime([0, 3], horizon=horizon)
        assert (life > model.expected_remaining_lifetime([0, 3], horizon=10**9)).all()
        assert (life <= horizon).all()
        for rate in (1e-100, 1e-20):
            found = model.discounted_expected_lifetime(discount_rate=rate, horizon=horizon)
            assert found == pytest.approx(1 + life[0], rel=1e-3)


class TestContractHistory:
    """Lifetimes in renewals, from tables and from individuals."""

    def test_the_two_sources_agree(self):
        cohort = ContractHistory.from_survivors([5, 3, 2])
        people = ContractHistory(lifetime=[1, 1, 2, 2, 2], churned=[True, True, True, False, False])
        assert cohort.n_customers == people.n_customers == 5
        by_cohort, by_people = fit_shifted_beta_geometric(cohort), fit_shifted_beta_geometric(people)
        assert by_cohort.log_likelihood == pytest.approx(by_people.log_likelihood, rel=1e-12)
        np.testing.assert_allclose(by_cohort.estimates, by_people.estimates, rtol=1e-6)

    @pytest.mark.parametrize("survivors", [[5, 6], [5], [0, 0], [5, 4.5], [5, -1], [[5, 4]], [np.nan, 4]])
    def test_refuses_what_is_no_cohort(self, survivors):
        with pytest.raises(InputError) as caught:
            ContractHistory.from_survivors(survivors)
        assert caught.value.name == "survivors"

    @pytest.mark.parametrize(
        ("name", "wrong"),
        [
            ("lifetime", [0, 1]),
            ("lifetime", [1.5, 1]),
            ("lifetime", [1]),
            ("lifetime", 1),
            ("churned", [1, 0]),
            ("churned", [[True, False]]),
            ("weight", [-1, 1]),
            ("weight", [0, 0]),
            ("weight", 2),
        ],
    )
    def test_refuses_bad_columns(self, name, wrong):
        columns = {"lifetime": [1, 1], "churned": [True, False], "weight": [1, 1], name: wrong}
        with pytest.raises(InputError) as caught:
            ContractHistory(**columns)
        assert caught.value.name in {name, "churned"}


class TestShiftedBetaGeometric:
    """S(t) = B(alpha, beta + t) / B(alpha, beta)."""

    @pytest.mark.parametrize(("alpha", "beta", "t"), [(0.668, 3.806, 7), (0.05, 0.3, 40), (20, 300, 3), (1, 1, 1000)])
    def test_survival_is_the_mean_over_customers(self, alpha, beta, t):
        exact = float(contract_survival(alpha, beta, 1, t))
        assert ShiftedBetaGeometric(alpha, beta).survival(t) == pytest.approx(exact, rel=1e-11)

    @given(shapes, shapes, st.integers(0, 5000), st.integers(1, 60))
    def test_probabilities_of_churn_and_survival_sum_to_one(self, alpha, beta, tenure, n):
        model = ShiftedBetaGeometric(alpha, beta)
        leaves = model.prob_churn(np.arange(1, n + 1), tenure=tenure)
        assert leaves.sum() + model.survival(n, tenure=tenure) == pytest.approx(1, rel=1e-11)

    @given(shapes, shapes, st.integers(1, 5000))
    def test_retention_has_a_closed_form(self, alpha, beta, t):
        exact = (beta + t - 1) / (alpha + beta + t - 1)
        assert ShiftedBetaGeometric(alpha, beta).retention_rate(t) == pytest.approx(exact, rel=1e-11)

    @given(shapes, shapes, st.integers(1, 5000))
    def test_log_likelihood_has_a_closed_form(self, alpha, beta, t):
        with mpmath.workdps(60):
            a, b = mpmath.mpf(alpha), mpmath.mpf(beta)
            churned = float(mpmath.log(mpmath.beta(a + 1, b + t - 1) / mpmath.beta(a, b)))
            stayed = float(mpmath.log(mpmath.beta(a, b + t) / mpmath.beta(a, b)))
        history = ContractHistory(lifetime=[t, t], churned=[True, False])
        found = ShiftedBetaGeometric(alpha, beta).log_likelihood(history)
        np.testing.assert_allclose(found, [churned, stayed], rtol=1e-9, atol=1e-9)

    @given(st.floats(0.01, 50), st.floats(0.01, 1e4), st.integers(0, 5000), st.sampled_from([1e-4, 0.01, 0.1, 1, 100]))
    @settings(max_examples=30)
    def test_discounted_lifetimes_are_hypergeometric(self, alpha, beta, tenure, d):
        """Fader and Hardie (2010), equations 6 and 8."""
        with mpmath.workdps(40):
            a, b, z = mpmath.mpf(alpha), mpmath.mpf(beta), 1 / (1 + mpmath.mpf(d))
            new = float(mpmath.hyp2f1(1, b, a + b, z))
            n = tenure + 1
            known = float((b + n - 1) / (a + b + n - 1) * mpmath.hyp2f1(1, b + n, a + b + n, z))
        model = ShiftedBetaGeometric(alpha, beta)
        assert model.discounted_expected_lifetime(discount_rate=d) == pytest.approx(new, rel=1e-10)
        found = model.discounted_expected_residual_lifetime(tenure, discount_rate=d)
        assert found == pytest.approx(known, rel=1e-10)

    @pytest.mark.parametrize("alpha", [1.001, 1.5, 3, 50])
    def test_remaining_lifetime_has_a_closed_form(self, alpha):
        model = ShiftedBetaGeometric(alpha, 4.0)
        found = model.expected_remaining_lifetime([0, 10])
        np.testing.assert_allclose(found, [4 / (alpha - 1), 14 / (alpha - 1)], rtol=1e-10)

    def test_a_customer_is_new_unless_said(self):
        model = ShiftedBetaGeometric(1.0, 3.0)  # theta is beta(1, 3): S(t) = 3 / (3 + t)
        assert model.survival(2) == pytest.approx(3 / 5, rel=1e-14)
        assert model.prob_churn(2) == pytest.approx(3 / 4 - 3 / 5, rel=1e-13)
        assert ShiftedBetaGeometric(3.0, 1.0).expected_remaining_lifetime() == pytest.approx(1 / 2, rel=1e-10)

    def test_a_fit_names_the_names_that_are_wrong(self):
        fit = fit_shifted_beta_geometric(HIGH_END)
        with pytest.raises(InputError, match=r"`names` must be .*got \['x'\]$"):
            attrs.evolve(fit, names=("alpha", "x"))
        with pytest.raises(InputError, match=r"`names` must be .*got \('alpha', 'alpha'\)$"):
            attrs.evolve(fit, names=("alpha", "alpha"))

    @pytest.mark.parametrize("alpha", [0.5, 1.0])
    def test_refuses_an_infinite_mean(self, alpha):
        model = ShiftedBetaGeometric(alpha, 4.0)
        with pytest.raises(InputError, match="infinite"):
            model.expected_remaining_lifetime()
        assert model.expected_remaining_lifetime(horizon=2) == pytest.approx(model.survival([1, 2]).sum(), rel=1e-14)

    def test_simulation_agrees(self):
        model = ShiftedBetaGeometric(0.668, 3.806)
        history = model.simulate(100_000, n_periods=10, rng=np.random.default_rng(1))
        for t in (1, 4, 10):
            assert np.mean((history.lifetime >= t) & ~(history.churned & (history.lifetime == t))) == pytest.approx(
                model.survival(t),
                abs=0.006,  # four standard errors
            )

    def test_json(self):
        model = ShiftedBetaGeometric(0.668, 3.806)
        assert ShiftedBetaGeometric.from_json(model.to_json()) == model
        other = BetaDiscreteWeibull(1, 2, 3).to_json()
        for wrong in ("{", "[]", "{}", other, model.to_json().replace("beta", "b")):
            with pytest.raises(InputError, match="text"):
                ShiftedBetaGeometric.from_json(wrong)

    @pytest.mark.parametrize("wrong", [0, -1, np.nan, np.inf, "1", None])
    def test_refuses_bad_parameters(self, wrong):
        with pytest.raises(InputError, match="alpha"):
            ShiftedBetaGeometric(wrong, 1.0)

    def test_refuses_bad_arguments(self):
        model = ShiftedBetaGeometric(1.0, 2.0)
        for call in (
            lambda: model.survival(-1),
            lambda: model.survival([1, 2], tenure=[1, 2, 3]),
            lambda: model.prob_churn(0),
            lambda: model.retention_rate(0.5),
            lambda: model.log_likelihood([1]),
            lambda: model.discounted_expected_lifetime(discount_rate=-0.1),
            lambda: model.simulate(10, n_periods=3, rng=1),
        ):
            with pytest.raises(InputError):
                call()


class TestBetaDiscreteWeibull:
    """S(t) = B(alpha, beta + t^c) / B(alpha, beta)."""

    @pytest.mark.parametrize(
        ("alpha", "beta", "c", "t"), [(0.2, 1.4, 1.7, 7), (3, 5, 0.3, 100), (0.05, 0.3, 2.5, 40), (20, 300, 0.05, 3)]
    )
    def test_survival_is_the_mean_over_customers(self, alpha, beta, c, t):
        exact = float(contract_survival(alpha, beta, c, t))
        assert BetaDiscreteWeibull(alpha, beta, c).survival(t) == pytest.approx(exact, rel=1e-10)

    @given(shapes, shapes, st.integers(0, 5000), st.integers(0, 500))
    def test_is_shifted_beta_geometric_at_one(self, alpha, beta, tenure, t):
        smaller, larger = ShiftedBetaGeometric(alpha, beta), BetaDiscreteWeibull(alpha, beta, 1.0)
        assert larger.survival(t, tenure=tenure) == smaller.survival(t, tenure=tenure)

    @given(shapes, shapes, st.floats(0.05, 5), st.integers(0, 500), st.integers(0, 500))
    def test_survival_multiplies_over_successive_horizons(self, alpha, beta, c, t, tenure):
        model = BetaDiscreteWeibull(alpha, beta, c)
        at_once = model.log_likelihood(ContractHistory(lifetime=[t + tenure, tenure], churned=[False, False]))
        expected = np.exp(at_once[0] - at_once[1])
        assert model.survival(t, tenure=tenure) == pytest.approx(expected, rel=1e-9)

    @pytest.mark.parametrize("c", [0.3, 0.8, 1.5, 3.0])
    @pytest.mark.parametrize("d", [0.01, 0.2])
    def test_discounted_lifetime_is_the_sum(self, c, d):
        model = BetaDiscreteWeibull(0.7, 30.0, c)
        t = np.arange(5000)
        exact = np.sum(model.survival(t) * (1 + d) ** -t.astype(float))
        assert model.discounted_expected_lifetime(discount_rate=d) == pytest.approx(exact, rel=1e-12)

    @pytest.mark.parametrize(("alpha", "c"), [(1, 1.002), (1, 2.0), (2, 0.501), (2, 1.5)])
    def test_remaining_lifetime_with_a_long_end_is_a_sum_of_zetas(self, alpha, c):
        """S(t) is b / (b + u) for alpha 1, and b (b + 1) (1 / (b + u) - 1 / (b + 1 + u)) for alpha 2, u = t^c.

        Beyond some t each fraction is a geometric series in 1 / u, whose sums over t are Hurwitz's zetas.
        """
        b, first = 3, 500
        shares = [(b, b)] if alpha == 1 else [(b * (b + 1), b), (-b * (b + 1), b + 1)]
        with mpmath.workdps(30):
            power = mpmath.mpf(c)
            exact = mpmath.fsum(w / (v + mpmath.mpf(t) ** power) for w, v in shares for t in range(1, first))
            for k in range(1 if alpha == 2 else 0, 25):
                series = sum(w * (-v) ** k for w, v in shares)
                exact += series * mpmath.zeta(power * (k + 1), first)
        found = BetaDiscreteWeibull(alpha, b, c).expected_remaining_lifetime()
        assert found == pytest.approx(float(exact), rel=1e-10)

    @given(*[st.floats(-100, 100).map(lambda y: 10.0**y)] * 3)
    def test_is_a_number_everywhere(self, alpha, beta, c):
        model = BetaDiscreteWeibull(alpha, beta, c)
        history = ContractHistory(lifetime=[1, 5, 5000, 0, 5000], churned=[True, True, True, False, False])
        assert np.isfinite(model.log_likelihood(history)).all()
        assert np.isfinite(model.survival([0, 1, 10**9], tenure=[0, 5, 10**9])).all()
        assert np.isfinite(model.discounted_expected_residual_lifetime([0, 9], discount_rate=0.1)).all()
        assert len(model.simulate(5, n_periods=3, rng=np.random.default_rng(1))) == 5

    def test_json(self):
        model = BetaDiscreteWeibull(0.2, 1.4, 1.7)
        assert BetaDiscreteWeibull.from_json(model.to_json()) == model


class TestFits:
    """The maximum of the likelihood."""

    @pytest.mark.parametrize(
        ("survivors", "alpha", "beta", "log_likelihood"),
        [(HIGH_END, 0.668, 3.806, -1611.158), (REGULAR, 0.704, 1.182, -1680.265)],
    )
    def test_shifted_beta_geometric_is_that_of_the_paper(self, survivors, alpha, beta, log_likelihood):
        """Fader and Hardie (2007)."""
        fit = fit_shifted_beta_geometric(survivors)
        assert fit.model.alpha == pytest.approx(alpha, abs=5e-4)
        assert fit.model.beta == pytest.approx(beta, abs=5e-4)
        assert fit.log_likelihood == pytest.approx(log_likelihood, abs=5e-4)
        assert fit.diagnosis.trustworthy

    def test_forecast_is_that_of_the_paper(self):
        """Fader and Hardie (2007), years 8 to 12, high end."""
        survival = fit_shifted_beta_geometric(HIGH_END).model.survival(np.arange(8, 13))
        np.testing.assert_array_equal((100 * survival).round(1), [46.0, 43.6, 41.4, 39.5, 37.8])

    @pytest.mark.parametrize("survivors", [HIGH_END, REGULAR])
    def test_weibull_is_at_least_as_likely(self, survivors):
        smaller, larger = fit_shifted_beta_geometric(survivors), fit_beta_discrete_weibull(survivors)
        test = likelihood_ratio_test(smaller, larger)
        assert test.degrees == 1
        assert 0 < test.p_value < 0.3

    @pytest.mark.parametrize("theta", [[0.5, 0.3, 0.4], [-3.0, 2.0, -1.0], [3.0, 5.0, 0.0]])
    def test_derivatives(self, theta):
        history = ContractHistory.from_survivors(HIGH_END)
        evaluate = objective(history, 3)
        at = evaluate(np.array(theta))

        def exact(*y):
            a, b, c = (mpmath.exp(value) for value in y)
            s = [mpmath.beta(a, b + mpmath.mpf(t) ** c) / mpmath.beta(a, b) for t in range(8)]
            lost = [HIGH_END[t] - HIGH_END[t + 1] for t in range(7)]
            return sum(n * mpmath.log(s[t] - s[t + 1]) for t, n in enumerate(lost)) + HIGH_END[7] * mpmath.log(s[7])

        with mpmath.workdps(40):
            for i in range(3):
                order = [int(k == i) for k in range(3)]
                slope = float(mpmath.diff(exact, tuple(theta), tuple(order)))
                assert at.gradient[i] == pytest.approx(slope, rel=1e-7, abs=1e-7)
                for j in range(3):
                    both = tuple(int(k == i) + int(k == j) for k in range(3))
                    assert at.hessian[i, j] == pytest.approx(
                        float(mpmath.diff(exact, tuple(theta), both)), rel=1e-6, abs=1e-6
                    )

    @pytest.mark.parametrize("fit", [fit_shifted_beta_geometric, fit_beta_discrete_weibull])
    @pytest.mark.parametrize("survivors", [[1000, 1000, 1000], [1000, 0], [1, 1], [1000, 500, 0, 0], [2, 1]])
    def test_hopeless_data_are_diagnosed(self, fit, survivors):
        found = fit(survivors)
        assert np.isfinite(found.log_likelihood)
        assert not found.diagnosis.trustworthy
        assert "prior" in found.diagnosis.messages[0]

    @pytest.mark.parametrize("fit", [fit_shifted_beta_geometric, fit_beta_discrete_weibull])
    def test_a_renewal_at_which_nobody_left_costs_nothing(self, fit):
        """A million renewals are a few rows where few customers leave."""
        survivors = np.full(10**6 + 1, 500.0)
        survivors[[1, 2, 10, 1000, 200_000]] = 0
        survivors = np.minimum.accumulate(500.0 - 70.0 * np.cumsum(survivors == 0))
        rows = ContractHistory(
            lifetime=[1, 2, 10, 1000, 200_000, 10**6], churned=[True] * 5 + [False], weight=[70] * 5 + [150]
        )
        assert fit(survivors).model == fit(rows).model

    @pytest.mark.parametrize("fit", [fit_shifted_beta_geometric, fit_beta_discrete_weibull])
    def test_refuses_too_many_lifetimes_at_once(self, fit):
        with pytest.raises(InputError, match="at most 100,000 different lifetimes; got 1000001") as caught:
            fit(np.arange(1_000_001.0, -1.0, -1.0))
        assert caught.value.name == "survivors"

    def test_refuses_a_history_without_renewals(self):
        with pytest.raises(InputError, match="renewal"):
            fit_shifted_beta_geometric(ContractHistory(lifetime=[0], churned=[False]))

    def test_recovers_the_truth(self):
        truth = BetaDiscreteWeibull(1.5, 4.0, 0.6)
        fit = fit_beta_discrete_weibull(truth.simulate(50_000, n_periods=12, rng=np.random.default_rng(2)))
        for name, (low, high) in fit.confidence_interval(0.999).items():
            assert low <= getattr(truth, name) <= high


@pytest.mark.parametrize("n", [0, 10**8 + 1, 10**12, 2**53])
def test_simulate_refuses_before_it_draws(n):
    for model in (ShiftedBetaGeometric(0.668, 3.806), BetaDiscreteWeibull(0.668, 3.806, 1.5)):
        with pytest.raises(InputError, match="from 1 to 100000000"):
            model.simulate(n, n_periods=5, rng=np.random.default_rng(1))
