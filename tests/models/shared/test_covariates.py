"""Covariates of the purchase models: what they do to each customer, and how their effects are found."""

from __future__ import annotations

import json
from functools import partial
from types import MappingProxyType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmvalue._models.repeat.beta_geometric_fit import log_likelihood_derivatives
from crmvalue._models.repeat.nbd_likelihood import log_likelihood_derivatives as nbd_derivatives
from crmvalue._models.repeat.pareto_nbd import _derivatives as pareto_derivatives
from crmvalue._models.shared.covariate_fit import _Likelihood
from crmvalue._models.shared.covariates import season_of, with_estimates
from crmvalue._models.shared.purchase_model import Kind
from crmvalue.errors import InputError
from crmvalue.models import (
    BgNbd,
    CovariateEffect,
    Fit,
    MbgNbd,
    Nbd,
    ParetoNbd,
    draw_posterior,
    fit_bg_nbd,
    fit_mbg_nbd,
    fit_nbd,
    fit_pareto_nbd,
    likelihood_ratio_test,
)
from crmvalue.purchases import PurchaseHistory

PARAMETERS = {
    BgNbd: (0.8, 4.4, 0.8, 2.4),
    MbgNbd: (0.8, 4.4, 0.8, 2.4),
    ParetoNbd: (0.8, 10.0, 0.6, 11.0),
    Nbd: (0.8, 10.0),
}
FITS = {BgNbd: fit_bg_nbd, MbgNbd: fit_mbg_nbd, ParetoNbd: fit_pareto_nbd, Nbd: fit_nbd}
MODELS = pytest.mark.parametrize("kind", list(PARAMETERS))
INCOME, MEMBER = CovariateEffect("income", 0.3, centre=3.0, scale=2.0), CovariateEffect("is_member", -0.5)
LEAVING = CovariateEffect("is_member", 0.7)


def both(kind, suffix, purchase, dropout):
    """Arguments for both processes; a model without dropout has only one."""
    return {f"purchase_{suffix}": purchase} | ({} if kind is Nbd else {f"dropout_{suffix}": dropout})


def with_effects(kind):
    return kind(*PARAMETERS[kind], "week", **both(kind, "effects", [INCOME, MEMBER], [LEAVING]))


def traits(n, seed=1):
    rng = np.random.default_rng(seed)
    return {"income": rng.normal(3.0, 2.0, n), "is_member": (rng.random(n) < 0.4).astype(float)}


def drawn(kind, n, seed=1):
    rng = np.random.default_rng(seed)
    return with_effects(kind).simulate(rng.uniform(30.0, 80.0, n), rng=rng, covariates=traits(n, seed))


class TestPredictions:
    """alpha_i = alpha_0 exp(-g'z_i); BG/NBD a_i, b_i = a_0, b_0 exp(d'z_i); Pareto/NBD beta_i = beta_0 exp(-d'z_i).

    NBD has no dropout.

    Fader and Hardie (2007), "Incorporating time-invariant covariates into the Pareto/NBD and BG/NBD models", and the
    definitions of CLVTools.
    """

    METHODS = (
        ("log_likelihood", {}),
        ("prob_alive", {"at": 3.0}),
        ("expected_purchases", {"horizon": 52.0}),
        ("prob_purchases", {"n": 2, "horizon": 20.0}),
        ("discounted_expected_purchases", {"discount_rate": 0.002}),
        ("discounted_expected_purchases", {"discount_rate": 0.002, "horizon": 30.0}),
    )

    @MODELS
    @pytest.mark.parametrize(("method", "arguments"), METHODS)
    def test_each_customer_has_the_parameters_of_the_definition(self, kind, method, arguments):
        history = drawn(kind, 40)
        found = getattr(with_effects(kind), method)(history, **arguments)
        r, alpha, *leaving = PARAMETERS[kind]
        for i in range(len(history)):
            income, member = history.covariate("income")[i], history.covariate("is_member")[i]
            purchase = np.exp(0.3 * (income - 3.0) / 2.0 - 0.5 * member)
            dropout = np.exp(0.7 * member)
            factor_of = (1.0, 1.0 / dropout) if kind is ParetoNbd else (dropout, dropout)
            own = [value * factor for value, factor in zip(leaving, factor_of, strict=False)]
            one = PurchaseHistory.from_columns(
                frequency=history.frequency[[i]], recency=history.recency[[i]], age=history.age[[i]], time_unit="week"
            )
            alone = getattr(kind(r, alpha / purchase, *own, "week"), method)(one, **arguments)
            assert found[i] == pytest.approx(alone[0], rel=1e-9)

    @MODELS
    def test_coefficients_of_0_change_nothing(self, kind):
        history = drawn(kind, 200)
        plain = kind(*PARAMETERS[kind], "week")
        none = CovariateEffect("income", 0.0)
        same = kind(*PARAMETERS[kind], "week", **both(kind, "effects", [none], [none]))
        np.testing.assert_allclose(same.log_likelihood(history), plain.log_likelihood(history), rtol=1e-11)
        np.testing.assert_allclose(
            same.expected_purchases(history, horizon=9), plain.expected_purchases(history, horizon=9), rtol=1e-9
        )

    @MODELS
    def test_newcomers_of_a_profile(self, kind):
        model = with_effects(kind)
        member = model.for_covariates({"income": 5.0, "is_member": 1})
        assert member.alpha == pytest.approx(PARAMETERS[kind][1] * np.exp(-0.3 + 0.5))
        assert member.purchase_effects == member.dropout_effects == ()
        centred = model.for_covariates({"income": 3.0, "is_member": 0})
        assert model.expected_purchases_new(horizon=52) == centred.expected_purchases_new(horizon=52)

    @MODELS
    def test_simulated_customers_buy_as_expected(self, kind):
        """Mean purchases of 40,000 customers of one profile, within four standard errors."""
        n = 40_000
        profile = {"income": 5.0, "is_member": 1.0}
        rng = np.random.default_rng(2)
        history = with_effects(kind).simulate(np.full(n, 40.0), rng=rng, covariates=profile)
        expected = with_effects(kind).for_covariates(profile).expected_purchases_new(horizon=40.0)
        x = history.frequency
        assert abs(x.mean() - expected) < 4 * x.std() / np.sqrt(n)
        assert history.covariate("income").tolist() == [5.0] * n


class TestFits:
    """`purchase_covariates`, `dropout_covariates` of the fits: maximum likelihood with coefficients."""

    @MODELS
    def test_recovers_the_effects(self, kind):
        """Within four standard errors of the truth (a false alarm in 1 of 2,000 runs of other seeds)."""
        fit = FITS[kind](drawn(kind, 12_000), **both(kind, "covariates", ["income", "is_member"], ["is_member"]))
        assert fit.diagnosis.trustworthy
        expected = ("purchase.income", "purchase.is_member", "dropout.is_member")
        assert fit.names[len(PARAMETERS[kind]) :] == (expected[:2] if kind is Nbd else expected)
        errors = fit.standard_errors
        found = [(effect, "purchase") for effect in fit.model.purchase_effects]
        found += [(effect, "dropout") for effect in fit.model.dropout_effects]
        for (effect, process), true in zip(found, (0.15, -0.5, 0.7), strict=kind is not Nbd):
            assert abs(effect.per_unit - true) < 4 * errors[f"{process}.{effect.name}"] / effect.scale
        profile = fit.model.for_covariates({"income": 3.0, "is_member": 0})
        assert profile.alpha == pytest.approx(PARAMETERS[kind][1], rel=0.15)

    @MODELS
    def test_likelihood_is_that_of_the_model_and_the_best(self, kind):
        history = drawn(kind, 3_000)
        names = both(kind, "covariates", ["income"], ["is_member"])
        fit = FITS[kind](history, **names)
        assert fit.log_likelihood == pytest.approx(fit.model.log_likelihood(history).sum(), rel=1e-11)
        start = kind(*PARAMETERS[kind], "week", purchase_effects=[CovariateEffect("income", 1.0)])
        assert FITS[kind](history, **names, starts=[start]).log_likelihood == pytest.approx(
            fit.log_likelihood, abs=1e-6
        )
        plain = FITS[kind](history)
        test = likelihood_ratio_test(plain, fit)
        assert test.degrees == len(names)
        assert test.p_value < 1e-6

    @MODELS
    def test_what_has_no_effect_is_found_to_have_none(self, kind):
        history = drawn(kind, 3_000)
        rng = np.random.default_rng(5)
        history = history.with_covariates({"noise": rng.normal(size=3_000)})
        fit = FITS[kind](history, **both(kind, "covariates", ["noise"], ["noise"]))
        assert likelihood_ratio_test(FITS[kind](history), fit).p_value > 0.001

    @MODELS
    def test_the_unit_of_a_covariate_is_of_no_account(self, kind):
        history = drawn(kind, 2_000)
        cents = history.with_covariates({"income": history.covariate("income") * 1e5 + 3e6})
        one = FITS[kind](history, purchase_covariates=["income"])
        other = FITS[kind](cents, purchase_covariates=["income"])
        assert other.log_likelihood == pytest.approx(one.log_likelihood, abs=1e-6)
        assert other.model.purchase_effects[0].per_unit * 1e5 == pytest.approx(
            one.model.purchase_effects[0].per_unit, rel=1e-5
        )
        assert other.model.alpha == pytest.approx(one.model.alpha, rel=1e-5)

    def test_a_prior_of_a_coefficient_holds_it(self):
        fit = fit_bg_nbd(
            drawn(BgNbd, 1_000),
            purchase_covariates=["income"],
            priors={"purchase.income": (-0.2, 1e-3), "alpha": (5.0, 1e-3)},
        )
        assert fit.model.purchase_effects[0].coefficient == pytest.approx(-0.2, abs=0.01)
        assert fit.model.alpha == pytest.approx(5.0, rel=0.01)
        assert fit.priors["alpha"] == pytest.approx((5.0, 1e-3))

    @MODELS
    def test_json_and_posterior(self, kind):
        history = drawn(kind, 2_000)
        fit = FITS[kind](history, **both(kind, "covariates", ["income"], ["is_member"]))
        assert Fit.from_json(fit.to_json()) == fit
        posterior = draw_posterior(fit, history, n_draws=100, rng=np.random.default_rng(1))
        assert posterior.names == fit.names
        assert posterior.effective_share > 0.3
        spread = np.sqrt(np.cov(posterior["purchase.income"], aweights=posterior.weight))
        assert spread == pytest.approx(fit.standard_errors["purchase.income"], rel=0.4)

    @MODELS
    def test_same_call_same_bits(self, kind):
        history = drawn(kind, 500)
        first, second = (FITS[kind](history, purchase_covariates=["income"]) for _ in range(2))
        assert first == second

    def test_two_equal_covariates_are_said_to_be_undetermined(self):
        history = drawn(BgNbd, 2_000)
        twice = history.with_covariates({"one": history.covariate("income"), "two": history.covariate("income")})
        fit = fit_bg_nbd(twice, purchase_covariates=["one", "two"])
        assert {"purchase.one", "purchase.two"} <= set(fit.diagnosis.flat)

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            ({"purchase_covariates": ["colour"]}, "colour"),
            ({"purchase_covariates": "income"}, "sequence of names"),
            ({"dropout_covariates": ["income", "income"]}, "once"),
            ({"dropout_covariates": [3]}, "text"),
            ({"purchase_covariates": ["constant"]}, "differs between customers"),
            ({"purchase_covariates": ["income"], "priors": {"dropout.income": (0, 1)}}, "for parameters of the model"),
            ({"purchase_covariates": ["income"], "priors": {"purchase.income": (0, 0)}}, "> 0"),
        ],
    )
    def test_rejections(self, arguments, said):
        history = drawn(BgNbd, 50)
        history = history.with_covariates({**traits(50), "constant": np.ones(50)})
        with pytest.raises(InputError, match=said):
            fit_bg_nbd(history, **arguments)

    @pytest.mark.parametrize("fit", [fit_bg_nbd, fit_mbg_nbd, fit_pareto_nbd])
    @pytest.mark.parametrize("argument", ["purchase_covariates", "dropout_covariates"])
    @pytest.mark.parametrize("wrong", [0, "", {}, False, None, np.zeros(0)])
    def test_nothing_is_taken_for_no_covariates_without_a_word(self, fit, argument, wrong):
        with pytest.raises(InputError, match="sequence of names") as raised:
            fit(drawn(BgNbd, 50), **{argument: wrong})
        assert raised.value.name == argument

    def test_an_empty_sequence_of_names_means_none(self):
        history = drawn(BgNbd, 50)
        assert fit_bg_nbd(history, purchase_covariates=[], dropout_covariates=()) == fit_bg_nbd(history)

    @given(
        st.sampled_from(["bg", "mbg", "pareto", "nbd"]),
        st.tuples(*[st.floats(-1.5, 1.5)] * 4),
        st.tuples(*[st.floats(-0.7, 0.7)] * 3),
    )
    def test_gradient_and_hessian_against_differences(self, model, logs, coefficients):
        """Central differences of the log-likelihood and of its gradient, steps of 1e-5: good to about 1e-7."""
        history = SMALL
        bg = Kind(("r", "alpha", "a", "b"), ("alpha",), (0, -1, 1, 1))
        kind, derivatives = {
            "bg": (bg, partial(log_likelihood_derivatives, early=0)),
            "mbg": (bg, partial(log_likelihood_derivatives, early=1)),
            "pareto": (Kind(("r", "alpha", "s", "beta"), ("alpha", "beta"), (0, -1, 0, -1)), pareto_derivatives),
            "nbd": (Kind(("r", "alpha"), ("alpha",), (0, -1)), nbd_derivatives),
        }[model]
        leaving = (LEAVING,) if len(kind.names) > 2 else ()
        likelihood = _Likelihood(kind, derivatives, history, (INCOME, MEMBER), leaving)
        theta = np.array([*logs[: len(kind.names)], *coefficients[: 2 + len(leaving)]])
        at = likelihood(theta)
        size = max(1.0, float(np.abs(at.hessian).max()))
        for i in range(len(theta)):
            step = np.zeros(len(theta))
            step[i] = 1e-5
            ahead, behind = likelihood(theta + step), likelihood(theta - step)
            assert (ahead.value - behind.value) / 2e-5 == pytest.approx(at.gradient[i], abs=1e-6 * size)
            np.testing.assert_allclose((ahead.gradient - behind.gradient) / 2e-5, at.hessian[i], atol=1e-6 * size)


PARETO = drawn(ParetoNbd, 1_000)
NAMES = MappingProxyType({"purchase_covariates": ["income", "is_member"], "dropout_covariates": ["is_member"]})


@pytest.fixture(scope="module")
def fits():
    return [fit_pareto_nbd(PARETO, **NAMES, equal_covariates=equal) for equal in ([], ["is_member"])]


class TestEqualCovariates:
    """`equal_covariates`: one coefficient for purchases and dropout."""

    def test_is_the_best_with_one_coefficient(self, fits):
        """The likelihood of two coefficients, where they are equal, is highest there."""
        free, tied = fits
        assert tied.diagnosis.trustworthy
        assert tied.names == ("r", "alpha", "s", "beta", "purchase.income", "both.is_member")
        assert tied.model.purchase_effects[1] == tied.model.dropout_effects[0]
        assert tied.model.log_likelihood(PARETO).sum() == pytest.approx(tied.log_likelihood, rel=1e-11)
        for i, step in enumerate(np.eye(6) * 0.02):
            for sign in (-1.0, 1.0):
                moved = with_estimates(tied.model, tied.names, tied.estimates + sign * step * tied.estimates)
                assert moved.log_likelihood(PARETO).sum() < tied.log_likelihood, tied.names[i]
        assert tied.log_likelihood < free.log_likelihood

    def test_is_nested(self, fits):
        free, tied = fits
        plain = fit_pareto_nbd(PARETO)
        assert likelihood_ratio_test(tied, free).degrees == 1
        assert likelihood_ratio_test(plain, tied).degrees == 2
        one = fit_pareto_nbd(PARETO, dropout_covariates=["is_member"])
        with pytest.raises(InputError, match="nested"):
            likelihood_ratio_test(one, tied)

    def test_json_and_starts(self, fits):
        tied = fits[1]
        assert Fit.from_json(tied.to_json()) == tied
        again = fit_pareto_nbd(PARETO, **NAMES, equal_covariates=("is_member",), starts=[tied])
        assert again.log_likelihood == pytest.approx(tied.log_likelihood, abs=1e-7)
        assert again.diagnosis.n_evaluations < 4

    def test_rejections(self):
        with pytest.raises(InputError, match="equal_covariates"):
            fit_pareto_nbd(PARETO, **NAMES, equal_covariates=["income"])
        with pytest.raises(InputError, match="UniquePurchases"):
            fit_pareto_nbd(PARETO.unique(), equal_covariates=["income"])


class TestL2:
    """`l2`: the log-likelihood loses l2 times the sum of the squares of the coefficients."""

    HISTORY = drawn(BgNbd, 1_000)

    def test_is_the_best_under_the_penalty(self):
        names = both(BgNbd, "covariates", ["income", "is_member"], ["is_member"])
        fit = fit_bg_nbd(self.HISTORY, **names, equal_covariates=["is_member"], l2=50.0)
        assert set(fit.priors) == {"purchase.income", "both.is_member"}

        def height(estimates):
            model = with_estimates(fit.model, fit.names, estimates)
            return model.log_likelihood(self.HISTORY).sum() - 50.0 * np.sum(estimates[4:] ** 2)

        best = height(fit.estimates)
        assert fit.model.log_likelihood(self.HISTORY).sum() == pytest.approx(fit.log_likelihood, rel=1e-11)
        for step in np.eye(6) * 1e-3:
            for sign in (-1.0, 1.0):
                assert height(fit.estimates + sign * step * fit.estimates) < best
        with pytest.raises(InputError, match="a penalised fit"):
            likelihood_ratio_test(fit_bg_nbd(self.HISTORY), fit)

    def test_a_prior_of_its_own_comes_first_and_0_is_none(self):
        names = {"purchase_covariates": ["income"]}
        own = fit_nbd(self.HISTORY, **names, l2=7.0, priors={"purchase.income": (0.5, 0.1)})
        assert own == fit_nbd(self.HISTORY, **names, priors={"purchase.income": (0.5, 0.1)})
        assert fit_nbd(self.HISTORY, **names, l2=0) == fit_nbd(self.HISTORY, **names)
        assert fit_nbd(self.HISTORY, **names, l2=1e9).model.purchase_effects[0].coefficient == pytest.approx(
            0, abs=1e-6
        )

    @pytest.mark.parametrize("wrong", [-1.0, np.nan, np.inf, "much"])
    def test_rejections(self, wrong):
        with pytest.raises(InputError, match="l2"):
            fit_nbd(self.HISTORY, purchase_covariates=["income"], l2=wrong)
        with pytest.raises(InputError, match="without covariates"):
            fit_nbd(self.HISTORY, l2=1.0)


SMALL = drawn(BgNbd, 60)


class TestCovariateEffect:
    """`CovariateEffect`: factor exp(coefficient (z - centre) / scale)."""

    @MODELS
    def test_models_with_effects_are_values(self, kind):
        model = with_effects(kind)
        assert kind.from_json(model.to_json()) == model == eval(repr(model))  # noqa: S307 - of our own making
        assert hash(model) == hash(with_effects(kind))
        plain = kind(*PARAMETERS[kind], "week")
        assert "effects" not in repr(plain)

    def test_json_of_wrong_effects(self):
        fields = json.loads(with_effects(BgNbd).to_json())
        for wrong in ([{"name": "x", "slope": 1}], [3], {"name": "x"}):
            with pytest.raises(InputError):
                BgNbd.from_json(json.dumps({**fields, "purchase_effects": wrong}))

    @pytest.mark.parametrize(
        "wrong", [{"coefficient": np.nan}, {"scale": 0.0}, {"scale": -1.0}, {"name": 3}, {"centre": np.inf}]
    )
    def test_rejections(self, wrong):
        with pytest.raises(InputError):
            CovariateEffect(**{"name": "income", "coefficient": 0.3, **wrong})

    def test_models_refuse_what_is_no_effect(self):
        for wrong in ([3], 3, [INCOME, INCOME], "income", "", b"", {}, 0, None):
            with pytest.raises(InputError, match="purchase_effects"):
                BgNbd(1, 1, 1, 1, "week", purchase_effects=wrong)

    @MODELS
    def test_needs_the_covariates_of_the_model(self, kind):
        model = with_effects(kind)
        history = drawn(kind, 5)
        bare = PurchaseHistory.from_columns(
            frequency=history.frequency, recency=history.recency, age=history.age, time_unit="week"
        )
        with pytest.raises(InputError, match="income"):
            model.prob_alive(bare)
        with pytest.raises(InputError, match="covariates"):
            model.for_covariates({"income": 3})
        with pytest.raises(InputError, match="covariates"):
            model.for_covariates({"income": 3, "is_member": 1, "age": 2})
        with pytest.raises(InputError, match="covariates"):
            model.simulate([3.0], rng=np.random.default_rng(1))
        with pytest.raises(InputError, match="covariates"):
            model.simulate([3.0] * 3, rng=np.random.default_rng(1), covariates={"income": [1, 2], "is_member": 0})
        for wrong in (0, "", [], False):
            with pytest.raises(InputError, match="covariates"):
                model.for_covariates(wrong)
            with pytest.raises(InputError, match="a mapping from names"):
                BgNbd(1, 1, 1, 1, "week").simulate([3.0], rng=np.random.default_rng(1), covariates=wrong)
        with pytest.raises(InputError, match="far outside"):
            model.prob_alive(history.with_covariates({"income": [1e6] * 5, "is_member": [0] * 5}))


class TestWithCovariates:
    """`PurchaseHistory.with_covariates`: columns beside the purchases, joined by customer where asked."""

    HISTORY = PurchaseHistory.from_columns(
        customer=["ann", "bob", "eve"], frequency=[2, 0, 1], recency=[3, 0, 2], age=[5, 5, 5], time_unit="week"
    )

    @given(st.permutations(["ann", "bob", "eve", "zoe"]))
    def test_the_order_of_rows_is_of_no_account(self, order):
        values = {"ann": 1.0, "bob": 2.0, "eve": 3.0, "zoe": 4.0}
        known = self.HISTORY.with_covariates({"v": [values[name] for name in order]}, customer=order)
        assert known.covariate("v").tolist() == [1.0, 2.0, 3.0]
        assert known.to_columns()["v"].tolist() == [1.0, 2.0, 3.0]

    def test_numbers_as_customers(self):
        history = PurchaseHistory.from_columns(
            customer=[7, 3], frequency=[0, 0], recency=[0, 0], age=[1, 1], time_unit="week"
        )
        known = history.with_covariates({"v": [30, 70, 90]}, customer=np.array([3, 7, 9]))
        assert known.covariate("v").tolist() == [70.0, 30.0]

    def test_replaces(self):
        known = self.HISTORY.with_covariates({"v": [1, 2, 3], "w": [1, 1, 2]}).with_covariates({"u": [0, 0, 1]})
        assert known.covariate_names == ("u",)
        assert known == self.HISTORY.with_covariates({"u": [0, 0, 1]})
        assert known != self.HISTORY

    @pytest.mark.parametrize(
        ("columns", "customer", "said"),
        [
            ({}, None, "at least one"),
            ([1, 2, 3], None, "mapping"),
            ({"v": [1, 2]}, None, "3 rows"),
            ({"v": [1, 2, np.nan]}, None, "v"),
            ({"v": ["a", "b", "c"]}, None, "v"),
            ({3: [1, 2, 3]}, None, "text"),
            ({"v": [1, 2]}, ["ann", "bob"], "eve"),
            ({"v": [1, 2, 3]}, ["ann", "bob", "bob"], "one row a customer"),
            ({"v": [1, 2, 3]}, [1, 2, 3], "identifiers like"),
            ({"v": []}, [], "complete"),
            ({"v": [1, 2]}, ["ann", "bob", "eve"], "3 rows"),
        ],
    )
    def test_rejections(self, columns, customer, said):
        with pytest.raises(InputError, match=said):
            self.HISTORY.with_covariates(columns, customer=customer)

    def test_needs_identifiers_to_join_by(self):
        history = PurchaseHistory.from_columns(frequency=[0], recency=[0], age=[1], time_unit="week")
        with pytest.raises(InputError, match="no identifiers"):
            history.with_covariates({"v": [1]}, customer=[1])

    def test_fields_that_do_not_belong_together(self):
        for fields in (
            {"covariate_names": ["v"]},
            {"covariate_values": [[1.0]]},
            {"covariate_names": ["v"], "covariate_values": [1.0]},
            {"covariate_names": ["v", "v"], "covariate_values": [[1.0, 1.0]]},
        ):
            with pytest.raises(InputError, match="covariate"):
                PurchaseHistory(frequency=[0], recency=[0], age=[1], time_unit="week", **fields)


def test_months_that_were_not_seen_have_no_effect():
    assert season_of({1: 0.5}, [1, 3]) == (0.5, 0.0, -0.5, *[0.0] * 9)
