"""The gamma-gamma model of spend."""

from __future__ import annotations

import attrs
import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmvalue._models.spend import gamma_gamma
from crmvalue._models.spend.gamma_gamma import GammaGamma, fit_gamma_gamma
from crmvalue._models.spend.gamma_gamma_likelihood import objective
from crmvalue.datasets import load_cdnow
from crmvalue.errors import InputError
from crmvalue.purchases import PurchaseHistory, split_purchases
from tests.models.references import gamma_gamma_density, gamma_gamma_mean


def spenders(frequency, spend):
    frequency = np.asarray(frequency, dtype=float)
    return PurchaseHistory.from_columns(
        frequency=frequency, recency=frequency, age=frequency + 1, mean_repeat_spend=spend, time_unit="week"
    )


def cdnow():
    log = load_cdnow()
    return split_purchases(log.customer, log.date, log.amount, calibration_end="1997-09-30").calibration


shapes = st.floats(-2, 1.7).map(lambda y: 10.0**y)
PAPER = GammaGamma(6.25, 3.74, 15.44)


class TestLogLikelihood:
    """Density of the mean of x purchases, gamma(p, nu) each, nu being gamma(q, gamma)."""

    @pytest.mark.parametrize(
        ("p", "q", "gamma", "x", "spend"),
        [(6.25, 3.74, 15.44, 2, 22.35), (0.5, 0.3, 2, 1, 0.01), (50, 20, 1000, 500, 60), (1, 1, 1, 5000, 1)],
    )
    def test_equals_the_integral(self, p, q, gamma, x, spend):
        exact = float(gamma_gamma_density(p, q, gamma, x, spend))
        found = GammaGamma(p, q, gamma).log_likelihood(spenders([x], [spend]))[0]
        assert found == pytest.approx(exact, rel=1e-10, abs=1e-10)

    @given(shapes, shapes, st.floats(-2, 4).map(lambda y: 10.0**y), st.integers(1, 5000), st.floats(1e-4, 1e6))
    def test_equals_the_closed_form(self, p, q, gamma, x, spend):
        """Fader and Hardie (2013), equation 1a, in 60 digits."""
        with mpmath.workdps(60):
            a, b, g, m = mpmath.mpf(p) * x, mpmath.mpf(q), mpmath.mpf(gamma), mpmath.mpf(spend)
            exact = mpmath.loggamma(a + b) - mpmath.loggamma(a) - mpmath.loggamma(b) + b * mpmath.log(g)
            exact += (a - 1) * mpmath.log(m) + a * mpmath.log(x) - (a + b) * mpmath.log(g + m * x)
        found = GammaGamma(p, q, gamma).log_likelihood(spenders([x], [spend]))[0]
        assert found == pytest.approx(float(exact), rel=1e-10, abs=1e-10)

    @given(*[st.floats(-100, 100).map(lambda y: 10.0**y)] * 4, st.integers(1, 2**53))
    def test_is_a_number_everywhere(self, p, q, gamma, spend, x):
        model = GammaGamma(p, q, gamma)
        assert np.isfinite(model.log_likelihood(spenders([x], [spend]))).all()
        if q > 1:
            assert np.isfinite(model.expected_spend(spenders([x], [spend]))).all()
            assert np.isfinite(model.expected_spend_new())
        assert np.isfinite(model.simulate([1, x], rng=np.random.default_rng(1))).all()

    def test_nothing_is_learned_without_a_repeat_purchase(self):
        np.testing.assert_array_equal(PAPER.log_likelihood(spenders([0], [0])), [0.0])

    def test_refuses_zero_spend(self):
        with pytest.raises(InputError, match="leave these customers out"):
            PAPER.log_likelihood(spenders([1, 2], [5, 0]))


class TestExpectedSpend:
    """Mean of p / nu, given the customer's spend."""

    def test_customers_of_the_paper(self):
        """Fader and Hardie (2013), customers 1 and 2 of CDNOW; their estimates in full."""
        model = GammaGamma(6.248804, 3.744588, 15.447739)
        found = model.expected_spend(spenders([2, 1], [22.35, 11.77]))
        np.testing.assert_allclose(found, [24.658619, 18.911489], rtol=1e-6)

    @pytest.mark.parametrize(("p", "q", "x", "spend"), [(6.25, 3.74, 2, 22.35), (0.5, 1.3, 1, 0.01), (50, 20, 500, 60)])
    def test_equals_the_integral(self, p, q, x, spend):
        found = GammaGamma(p, q, 10).expected_spend(spenders([x], [spend]))[0]
        assert found == pytest.approx(float(gamma_gamma_mean(p, q, 10, x, spend)), rel=1e-12)

    def test_without_a_repeat_purchase_is_that_of_the_base(self):
        assert PAPER.expected_spend(spenders([0], [0]))[0] == pytest.approx(PAPER.expected_spend_new(), rel=1e-15)

    @pytest.mark.parametrize("q", [0.5, 1.0])
    def test_refuses_where_there_is_no_mean(self, q):
        model = GammaGamma(2, q, 10)
        for call in (lambda: model.expected_spend(spenders([1], [5])), model.expected_spend_new):
            with pytest.raises(InputError, match="no finite mean") as caught:
                call()
            assert caught.value.name == "q"

    def test_refuses_a_history_without_spend(self):
        history = PurchaseHistory.from_columns(frequency=[1], recency=[1], age=[2], time_unit="week")
        with pytest.raises(InputError, match="mean_repeat_spend"):
            PAPER.expected_spend(history)


class TestSimulate:
    """Draws from the definition."""

    def test_mean_and_density_agree(self):
        model = GammaGamma(3.0, 8.0, 20.0)
        spend = model.simulate(np.full(200_000, 2), rng=np.random.default_rng(1))
        assert spend.mean() == pytest.approx(model.expected_spend_new(), rel=0.01)  # six standard errors
        edges = np.quantile(spend, [0.1, 0.5, 0.9])
        grid = np.linspace(1e-6, edges[1], 4001)
        density = np.exp(model.log_likelihood(spenders(np.full(4001, 2), grid)))
        assert np.trapezoid(density, grid) == pytest.approx(0.5, abs=0.005)  # four standard errors

    def test_no_repeat_purchase_has_no_mean(self):
        assert np.isnan(PAPER.simulate([0, 1], rng=np.random.default_rng(1))).tolist() == [True, False]

    def test_json(self):
        assert GammaGamma.from_json(PAPER.to_json()) == PAPER


class TestFit:
    """The maximum of the likelihood over all customers with a repeat purchase."""

    def test_is_that_of_the_paper(self):
        """Fader and Hardie (2013): 946 repeaters, mean of repeat purchases."""
        fit = fit_gamma_gamma(cdnow())
        assert fit.n_customers == 946
        assert fit.left_out == {"no repeat purchase": 1411, "zero spend": 0}
        assert fit.model.p == pytest.approx(6.25, abs=5e-3)
        assert fit.model.q == pytest.approx(3.74, abs=5e-3)
        assert fit.model.gamma == pytest.approx(15.44, abs=5e-3)
        assert fit.log_likelihood == pytest.approx(-4055.92, abs=5e-3)
        assert fit.log_likelihood == pytest.approx(fit.model.log_likelihood(cdnow()).sum(), rel=1e-12)
        assert fit.diagnosis.trustworthy

    @pytest.mark.parametrize("theta", [[1.8, 1.3, -0.6], [-2.0, -1.0, 1.0], [4.0, 2.0, 3.0]])
    def test_derivatives(self, theta):
        x, m = np.array([1.0, 2, 7, 30]), np.array([0.5, 2.0, 1.1, 0.9])
        at = objective(x, m)(np.array(theta))

        def exact(*y):
            p, q, g = (mpmath.exp(value) for value in y)
            return sum(
                mpmath.loggamma(p * k + q) - mpmath.loggamma(p * k) - mpmath.loggamma(q) + q * mpmath.log(g)
                + (p * k - 1) * mpmath.log(z) + p * k * mpmath.log(k) - (p * k + q) * mpmath.log(g + k * z)
                for k, z in zip(x.tolist(), m.tolist(), strict=True)
            )  # fmt: skip

        with mpmath.workdps(40):
            assert at.value == pytest.approx(float(exact(*theta)), rel=1e-12)
            for i in range(3):
                slope = float(mpmath.diff(exact, tuple(theta), tuple(int(k == i) for k in range(3))))
                assert at.gradient[i] == pytest.approx(slope, rel=1e-9)
                for j in range(3):
                    both = tuple(int(k == i) + int(k == j) for k in range(3))
                    assert at.hessian[i, j] == pytest.approx(float(mpmath.diff(exact, tuple(theta), both)), rel=1e-8)

    @pytest.mark.parametrize("unit", [1e-50, 0.01, 1e6, 1e50])
    def test_money_in_another_unit_changes_gamma_only(self, unit):
        history = cdnow()
        one = fit_gamma_gamma(history, priors={"gamma": (15, 0.5)})
        scaled = attrs.evolve(history, mean_repeat_spend=history.mean_repeat_spend * unit)
        other = fit_gamma_gamma(scaled, priors={"gamma": (15 * unit, 0.5)})
        np.testing.assert_allclose(other.estimates, one.estimates * [1, 1, unit], rtol=1e-6)
        assert other.log_likelihood + 946 * np.log(unit) == pytest.approx(one.log_likelihood, abs=1e-6)
        assert other.priors["gamma"][0] == pytest.approx(15 * unit, rel=1e-12)

    def test_zero_spend_is_refused_or_counted(self):
        history = cdnow()
        spend = history.mean_repeat_spend.copy()
        place = int(np.nonzero(history.frequency > 0)[0][3])
        spend[place] = 0.0
        history = attrs.evolve(history, mean_repeat_spend=spend)
        with pytest.raises(InputError, match="zeros='drop'") as caught:
            fit_gamma_gamma(history)
        assert caught.value.index == place
        fit = fit_gamma_gamma(history, zeros="drop")
        assert fit.left_out["zero spend"] == 1
        assert fit.n_customers == 945
        assert fit.diagnosis.trustworthy

    @pytest.mark.parametrize(
        ("frequency", "spend"),
        [([1], [5]), ([1, 2, 3], [5, 5, 5]), ([2] * 50, [20.0] * 50), ([1, 2, 0], [3.0, 9.0, 0.0]), ([5000], [1e6])],
    )
    def test_hopeless_data_are_diagnosed(self, frequency, spend):
        fit = fit_gamma_gamma(spenders(frequency, spend))
        assert np.isfinite(fit.log_likelihood)
        assert not fit.diagnosis.trustworthy
        assert "prior" in fit.diagnosis.messages[0]

    @pytest.mark.parametrize(("frequency", "spend"), [([0, 0], [0, 0]), ([1], [0])])
    def test_refuses_where_nothing_is_left(self, frequency, spend):
        with pytest.raises(InputError, match="repeat purchase"):
            fit_gamma_gamma(spenders(frequency, spend), zeros="drop")

    def test_refuses_another_policy(self):
        with pytest.raises(InputError, match="zeros"):
            fit_gamma_gamma(cdnow(), zeros="keep")

    def test_a_large_base_and_rare_counts_recover_the_truth(self):
        rng = np.random.default_rng(3)
        frequency = rng.geometric(0.3, 120_000).astype(float)
        frequency[0] = 1e7
        fit = fit_gamma_gamma(spenders(frequency, PAPER.simulate(frequency, rng=rng)))
        for name, (low, high) in fit.confidence_interval(0.999).items():
            assert low <= getattr(PAPER, name) <= high
        assert fit.diagnosis.trustworthy


class TestFurtherStarts:
    """They are left out only where they cannot lead higher."""

    def test_a_second_peak_is_found(self, monkeypatch):
        history = spenders([10, 4, 4, 2, 1], [42.631, 0.8629, 106.287, 11.144, 5.3701])
        found = fit_gamma_gamma(history)
        monkeypatch.setattr(gamma_gamma, "_MORE_STARTS", ())
        assert found.log_likelihood == pytest.approx(fit_gamma_gamma(history).log_likelihood + 0.45, abs=0.01)

    @pytest.mark.parametrize("seed", [1, 2, 3])
    def test_one_start_is_enough_where_all_spend_alike(self, seed, monkeypatch):
        rng = np.random.default_rng(seed)
        x = rng.integers(1, 9, 2400)
        history = spenders(x, rng.gamma(6.0 * x) / (6.0 * x) * 30.0)
        found = fit_gamma_gamma(history)
        assert found.diagnosis.n_starts == 1
        assert found.diagnosis.n_evaluations <= 30
        monkeypatch.setattr(gamma_gamma, "_ALIKE", np.inf)
        thorough = fit_gamma_gamma(history)
        assert thorough.diagnosis.n_starts == 2
        assert found.log_likelihood == pytest.approx(thorough.log_likelihood, abs=1e-6)
