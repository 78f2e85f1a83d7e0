"""What all fits share: priors, starts, the search, the test of nested models, draws."""

from __future__ import annotations

import attrs
import mpmath
import numpy as np
import pytest
from scipy.optimize import minimize

from crmvalue._models.repeat import beta_geometric_fit, pareto_nbd
from crmvalue._models.shared import purchase_fit
from crmvalue.datasets import load_cdnow
from crmvalue.errors import DataWarning, InputError
from crmvalue.models import (
    BgBb,
    BgNbd,
    CovariateEffect,
    CustomerValues,
    Diagnosis,
    Fit,
    GammaGamma,
    MbgNbd,
    Nbd,
    OpportunityHistory,
    ParetoNbd,
    compare_models,
    customer_values,
    draw_posterior,
    fit_beta_discrete_weibull,
    fit_bg_bb,
    fit_bg_nbd,
    fit_calendar,
    fit_gamma_gamma,
    fit_mbg_nbd,
    fit_nbd,
    fit_pareto_nbd,
    fit_shifted_beta_geometric,
    likelihood_ratio_test,
    purchase_tracking,
)
from crmvalue.purchases import PurchaseHistory, split_purchases, summarise_purchases

RNG = np.random.default_rng(1)
BASE = (
    BgNbd(0.5, 8, 0.8, 2.5, "week")
    .simulate(RNG.uniform(27, 39, 1000), rng=RNG)
    .with_covariates({"z": RNG.standard_normal(1000)})
)
FITS = pytest.mark.parametrize("fit", [fit_bg_nbd, fit_mbg_nbd, fit_nbd, fit_pareto_nbd])


class TestPriors:
    """Log-normal priors of positive parameters by median and log-scale spread."""

    @pytest.mark.parametrize("spread", [1e-4, 1e-7, 1e-12, 1e-20])
    def test_a_tight_prior_holds_one_parameter_and_leaves_the_others_to_the_data(self, spread):
        """The best of the three others, by an optimiser that knows the likelihood only."""

        def cost(logs):
            alpha, a, b = np.exp(logs)
            return -BgNbd(3.0, alpha, a, b, "week").log_likelihood(BASE).sum()

        best = minimize(cost, np.log([60.0, 0.01, 0.07]), method="Nelder-Mead", options={"maxiter": 4000})
        found = fit_bg_nbd(BASE, priors={"r": (3.0, spread)})
        assert found.model.r == pytest.approx(3.0, rel=1e-3)
        assert found.log_likelihood == pytest.approx(-best.fun, abs=0.05)

    @FITS
    @pytest.mark.parametrize(
        "priors",
        [
            5,
            "r",
            {"r": 1.0},
            {"r": (1, 1, 1)},
            {"r": ("a", 1)},
            {"r": (None, 1)},
            {"r": (1, 0)},
            {"x": (1, 1)},
            {"r": np.ma.array([1.0, 1.0], mask=[False, True])},
        ],
    )
    def test_rejections(self, fit, priors):
        with pytest.raises(InputError, match="priors"):
            fit(BASE, priors=priors)

    def test_the_number_that_was_given_is_shown(self):
        with pytest.raises(InputError, match=r"median of priors\['alpha'\].*-3"):
            fit_bg_nbd(BASE, priors={"alpha": (-3, 1)})

    def test_rejections_of_spend(self):
        spend = PurchaseHistory.from_columns(
            frequency=[1, 2], recency=[1, 2], age=[3, 3], mean_repeat_spend=[1, 2], time_unit="week"
        )
        with pytest.raises(InputError, match="priors"):
            fit_gamma_gamma(spend, priors={"gamma": 3})


class TestStarts:
    """`starts`: models of the kind that is fitted."""

    @pytest.mark.parametrize(
        "starts", [3, [], [3], BgNbd(1, 1, 1, 1, "week"), [MbgNbd(1, 1, 1, 1, "week")], [BgNbd(1, 1, 1, 1, "day")]]
    )
    def test_rejections(self, starts):
        with pytest.raises(InputError, match="starts"):
            fit_bg_nbd(BASE, starts=starts)

    def test_rejections_of_pareto_nbd(self):
        with pytest.raises(InputError, match="starts"):
            fit_pareto_nbd(BASE, starts=[BgNbd(1, 1, 1, 1, "week")])

    @FITS
    @pytest.mark.parametrize("names", [3, {"z": 1}, "z"])
    def test_names_of_covariates(self, fit, names):
        with pytest.raises(InputError, match="purchase_covariates"):
            fit(BASE, purchase_covariates=names)


def in_days(model, n, seed):
    rng = np.random.default_rng(seed)
    drawn = model.simulate(rng.integers(27 * 7, 39 * 7 + 1, n) / 7, rng=rng)
    recency = np.minimum(np.ceil(drawn.recency * 7) / 7, drawn.age)
    return PurchaseHistory(frequency=drawn.frequency, recency=recency, age=drawn.age, time_unit="week")


class TestNobodyLeaves:
    """Fits to customers who never leave end at the limit, NBD: they say so, and cost little."""

    WORDS = "no customer can be shown to have left within this log"

    @pytest.mark.parametrize("fit", [fit_bg_nbd, fit_mbg_nbd, fit_pareto_nbd])
    @pytest.mark.parametrize("seed", [1, 3])
    def test_the_limit_is_named(self, fit, seed):
        history = in_days(Nbd(0.385, 12.07, "week"), 2400, seed)
        found, limit = fit(history), fit_nbd(history)
        assert not found.diagnosis.trustworthy
        assert self.WORDS in found.diagnosis.messages[-1]
        assert "fit_nbd" in found.diagnosis.messages[-1]
        assert limit.log_likelihood - 1e-6 <= found.log_likelihood < limit.log_likelihood + 2.0
        assert found.diagnosis.n_evaluations < 120  # 139 to 531 when each start was climbed to its end

    @pytest.mark.parametrize(
        ("model", "words"),
        [
            (BgNbd(0.5, 4.0, 1e5, 4e5, "week"), "all customers have nearly the same chance to leave"),
            (MbgNbd(2.0, 20.0, 0.00001, 0.0001, "week"), "customers leave at the first occasion or never"),
        ],
    )
    def test_other_limits_are_named(self, model, words):
        fit = fit_bg_nbd if isinstance(model, BgNbd) else fit_mbg_nbd
        found = fit(in_days(model, 1500, 1))
        assert found.diagnosis.messages[-1].startswith(words)
        assert found.diagnosis.n_starts <= 4

    @pytest.mark.parametrize("fit", [fit_bg_nbd, fit_mbg_nbd, fit_pareto_nbd])
    def test_not_where_customers_leave(self, fit):
        """Few customers leave parameters in doubt, though that some have left is plain."""
        few = in_days(BgNbd(0.9, 4.0, 0.5, 0.8, "week"), 200, 1)
        found = fit(few)
        assert found.log_likelihood > fit_nbd(few).log_likelihood + 2.0
        assert not any(self.WORDS in message for message in found.diagnosis.messages)

    @pytest.mark.parametrize("fit", [fit_bg_nbd, fit_pareto_nbd, fit_nbd])
    def test_a_log_in_which_nobody_bought_again_says_so(self, fit):
        """The NBD, which the words above name, cannot be fitted to it either."""
        once = PurchaseHistory(
            frequency=np.zeros(30), recency=np.zeros(30), age=np.arange(22.0, 52.0), time_unit="week"
        )
        found = fit(once).diagnosis
        assert found.grade == "not usable"
        assert found.messages[0].startswith("nobody bought again")
        assert not any(self.WORDS in message for message in found.messages)
        dates = np.datetime64("2024-01-01") + np.arange(30)
        assert found.messages[0] in fit_calendar(np.arange(30), dates, as_of="2024-12-31").fit.diagnosis.messages

    def test_not_under_a_prior(self):
        history = in_days(Nbd(0.385, 12.07, "week"), 300, 1)
        found = fit_bg_nbd(history, priors={"r": (0.4, 1.0)})
        assert not any(self.WORDS in message for message in found.diagnosis.messages)


class TestFurtherStarts:
    """They are left out only where they cannot lead higher."""

    @pytest.mark.parametrize(
        ("fit", "rows", "lower", "higher"),
        [
            (fit_bg_nbd, [(0, 0, 27), (1, 2.87, 1), (1, 33.59, 1), (4, 34.43, 1)], -32.6423, -32.3741),
            (fit_mbg_nbd, [(0, 0, 42), (1, 3.57, 1), (1, 14.71, 1), (1, 15.86, 1), (2, 11.71, 1)], -32.5340, -32.1388),
        ],
    )
    def test_a_second_peak_is_found(self, fit, rows, lower, higher, monkeypatch):
        """The first search ends at the lower peak; a mixture with customers who are lost at once is likelier."""
        frequency, recency, n = zip(*rows, strict=True)
        history = PurchaseHistory.from_columns(
            frequency=np.repeat(frequency, n), recency=np.repeat(recency, n), age=np.full(sum(n), 39), time_unit="week"
        )
        found = fit(history)
        assert found.log_likelihood == pytest.approx(higher, abs=1e-4)
        assert found.diagnosis.n_starts == 7
        monkeypatch.setattr(beta_geometric_fit.Likelihood, "is_best_mixture", lambda *_: True)
        assert fit(history).log_likelihood == pytest.approx(lower, abs=2e-4)

    @pytest.mark.parametrize("fit", [fit_bg_nbd, fit_mbg_nbd, fit_pareto_nbd])
    @pytest.mark.parametrize("seed", [1, 2, 3])
    def test_fewer_starts_lead_as_high(self, fit, seed, monkeypatch):
        history = in_days(Nbd(0.385, 12.07, "week"), 1200, seed)
        found = fit(history)
        for likelihood in (beta_geometric_fit.Likelihood, pareto_nbd._Likelihood):
            monkeypatch.setattr(likelihood, "is_best_mixture", lambda *_: False)
        thorough = fit(history)
        assert found.log_likelihood == pytest.approx(thorough.log_likelihood, abs=1e-6)
        assert thorough.diagnosis.n_starts == 7

    @pytest.mark.parametrize("fit", [fit_bg_nbd, fit_mbg_nbd, fit_pareto_nbd])
    def test_few_evaluations_at_the_limit(self, fit):
        """43 to 80 when every start was tried."""
        found = fit(in_days(Nbd(0.385, 12.07, "week"), 2400, 1))
        assert found.diagnosis.n_starts == 2
        assert found.diagnosis.n_evaluations < 30


class TestManyRows:
    """The search of many distinct rows begins on merged ones and ends where it would without."""

    @pytest.mark.parametrize("fit", [fit_bg_nbd, fit_mbg_nbd, fit_nbd, fit_pareto_nbd])
    @pytest.mark.parametrize("leave", [True, False])
    def test_the_same_peak(self, fit, leave, monkeypatch):
        monkeypatch.setattr(purchase_fit, "_MANY", 10_000)
        kind = ParetoNbd(0.553, 10.58, 0.606, 11.67, "week") if leave else Nbd(0.385, 12.07, "week")
        history = in_days(kind, 30_000, 2)
        assert len(history.unique().weight) > 10_000
        found = fit(history)
        monkeypatch.setattr(purchase_fit, "_MANY", 10**9)
        alone = fit(history)
        assert found.log_likelihood == pytest.approx(alone.log_likelihood, abs=1e-6)
        assert found.diagnosis.n_evaluations <= min(8, alone.diagnosis.n_evaluations)
        if alone.diagnosis.trustworthy:
            assert found.estimates == pytest.approx(alone.estimates, rel=1e-4)


class TestLikelihoodRatioTest:
    """Only of nested fits to the same data."""

    def test_other_models_are_not_nested(self):
        larger = fit_bg_nbd(BASE, purchase_covariates=["z"])
        for smaller in (fit_mbg_nbd(BASE), fit_shifted_beta_geometric([1000, 700, 500])):
            with pytest.raises(InputError, match="nested"):
                likelihood_ratio_test(smaller, larger)
        donors = OpportunityHistory(frequency=[0, 1, 2, 3], recency=[0, 1, 3, 3], n_opportunities=[3, 3, 3, 3])
        with pytest.raises(InputError, match="nested"):
            likelihood_ratio_test(fit_shifted_beta_geometric([4, 3, 2]), fit_bg_bb(donors))
        with pytest.raises(InputError, match="a Fit"):
            likelihood_ratio_test(larger.model, larger)

    def test_the_number_of_events_tells_other_data(self):
        """As many customers who buy more, or leave more often: the p-value was 0."""
        once, twice = (
            PurchaseHistory.from_columns(
                frequency=[0, n, n], recency=[0, 20, 20], age=[30, 30, 40], time_unit="week"
            ).with_covariates({"z": [0, 1, 0]})
            for n in (2, 1)
        )
        plain, with_z = fit_nbd(once), fit_nbd(twice, purchase_covariates=["z"])
        assert (plain.n_events, with_z.n_events, plain.n_customers, with_z.n_customers) == (4, 2, 3, 3)
        assert Fit.from_json(plain.to_json()).n_events == 4
        with pytest.raises(InputError, match=r"`smaller` .* with its n_events of 2; got 4"):
            likelihood_ratio_test(plain, with_z)
        short, long = fit_shifted_beta_geometric([100, 80, 70]), fit_beta_discrete_weibull([100, 70, 60, 55])
        with pytest.raises(InputError, match="with its n_events of 45; got 30"):
            likelihood_ratio_test(short, long)
        assert likelihood_ratio_test(fit_shifted_beta_geometric([100, 70, 60, 55]), long).degrees == 1

    def test_a_larger_fit_that_is_less_likely_is_of_other_data(self):
        other = MbgNbd(0.5, 2.0, 0.8, 2.5, "week").simulate(np.full(1000, 39.0), rng=np.random.default_rng(2))
        larger = fit_bg_nbd(other.with_covariates({"z": np.arange(1000)}), purchase_covariates=["z"])
        with pytest.raises(InputError, match="at least as likely"):
            likelihood_ratio_test(fit_bg_nbd(BASE), attrs.evolve(larger, n_events=None))


class TestDrawPosterior:
    """Draws of the parameters given the data of the fit."""

    def test_other_data_are_refused(self):
        fit = fit_bg_nbd(BASE)
        once = PurchaseHistory.from_columns(frequency=[0], recency=[0], age=[1], time_unit="week")
        for other in (once, MbgNbd(0.5, 8, 0.8, 2.5, "week").simulate(np.full(1000, 30.0), rng=RNG)):
            with pytest.raises(InputError, match="that of the fit"):
                draw_posterior(fit, other, rng=RNG)

    def test_customers_whom_the_fit_left_out(self):
        x = np.arange(1, 301) % 6
        spend = np.where(x > 0, 10.0 + 7 * np.sin(np.arange(300)), np.nan)
        spend[7] = 0.0
        history = PurchaseHistory.from_columns(
            frequency=x, recency=x, age=np.full(300, 9), mean_repeat_spend=spend, time_unit="week"
        )
        fit = fit_gamma_gamma(history, zeros="drop", priors={"p": (5, 0.5), "q": (4, 0.5)})
        assert fit.left_out["zero spend"] == 1
        assert draw_posterior(fit, history, n_draws=20, rng=RNG).weight.sum() == pytest.approx(1.0)

    def test_draws_that_are_no_model_weigh_nothing(self):
        separated = BASE.with_covariates({"never": BASE.frequency == 0})
        fit = fit_bg_nbd(separated, purchase_covariates=["never"])
        assert not fit.diagnosis.trustworthy
        if np.isfinite(fit.search_covariance).all():
            assert np.isfinite(draw_posterior(fit, separated, n_draws=20, rng=RNG).weight).all()

    def test_limits(self):
        for n_draws in (100_001, 1_000_000, 10**12):
            with pytest.raises(InputError, match="`n_draws` must be a whole number from 1 to 100000"):
                draw_posterior(fit_bg_nbd(BASE), BASE, n_draws=n_draws, rng=RNG)
        with pytest.raises(InputError, match="one of r"):
            draw_posterior(fit_bg_nbd(BASE), BASE, n_draws=2, rng=RNG)["alfa"]


def test_an_interval_of_a_coefficient_of_which_nothing_is_known():
    """A 0/1 covariate of one customer without a repeat purchase says nothing of dropout."""
    one = np.zeros(1000)
    one[int(np.flatnonzero(BASE.frequency == 0)[0])] = 1.0
    fit = fit_bg_nbd(BASE.with_covariates({"one": one}), dropout_covariates=["one"])
    low, high = fit.confidence_interval()["dropout.one"]
    assert low == -np.inf
    assert high == np.inf


@pytest.mark.parametrize("kind", [BgNbd, MbgNbd, ParetoNbd])
def test_nobody_buys_in_no_time(kind):
    model = kind(0.5, 8, 0.8, 2.5, "week")
    assert model.prob_purchases_new([0, 1], horizon=0).tolist() == [1.0, 0.0]


def test_tracking_needs_a_model_without_effects():
    model = BgNbd(0.5, 8, 0.8, 2.5, "week", purchase_effects=[CovariateEffect("z", 1.0)])
    with pytest.raises(InputError, match="without effects"):
        purchase_tracking([1], ["2024-01-01"], model)


def test_models_are_compared_on_a_split_with_covariates():
    customers = np.repeat(np.arange(60), 5)
    days = np.datetime64("2024-01-01") + np.random.default_rng(4).integers(0, 300, 300)
    split = split_purchases(customers, days, calibration_end="2024-06-30")
    known = split.calibration.customer
    split = split.with_covariates({"z": np.sin(known)}, customer=known)
    fits = {"with": fit_bg_nbd(split.calibration, purchase_covariates=["z"]), "without": fit_bg_nbd(split.calibration)}
    assert [score.name for score in compare_models(split, fits)][:2] == ["with", "without"]
    with pytest.raises(InputError, match="naive"):
        compare_models(split, {"same rate as before": fits["with"]})
    with pytest.raises(InputError, match="purchase model"):
        compare_models(split, {"BG/BB": fit_bg_bb(OpportunityHistory(frequency=[1], recency=[1], n_opportunities=[3]))})


def test_a_published_model_needs_no_fit():
    assert BgBb(1.204, 0.750, 0.657, 2.783).alpha == 1.204


class TestNearCertainty:
    """A customer of whom no repeat purchase was to be expected: the logarithm of 1 - P(a purchase), P tiny."""

    @pytest.mark.parametrize(
        ("r", "alpha", "s", "beta", "age"),
        [
            (1.001, 1e4, 13.445465228967082, 0.020224762193311235, 5000.0),
            (20.0, 1e4, 20.0, 0.01, 5000.0),
            (0.05, 1e3, 5.0, 0.05, 52.0),
            (0.01, 1e4, 1.0, 0.01, 1.0),
            (0.55, 10.56, 0.61, 11.64, 1e-3),
        ],
    )
    def test_pareto_nbd(self, r, alpha, s, beta, age):
        """P is the integral over the time of the first purchase, at 50 digits."""
        with mpmath.workdps(50):
            values = [mpmath.mpf(value) for value in (r, alpha, s, beta)]
            ends = [0, *(beta * 10**k for k in range(7) if beta * 10**k < age), age]

            def density(u):
                shape, rate, other, its_rate = values
                return shape / (rate + u) * (rate / (rate + u)) ** shape * (its_rate / (its_rate + u)) ** other

            expected = float(mpmath.log1p(-mpmath.quad(density, ends)))
        once = PurchaseHistory.from_columns(frequency=[0], recency=[0], age=[age], time_unit="week")
        assert ParetoNbd(r, alpha, s, beta, "week").log_likelihood(once)[0] == pytest.approx(expected, rel=1e-12)

    @pytest.mark.parametrize(
        ("r", "alpha", "a", "b", "age"), [(0.01, 1e4, 50.0, 0.01, 52.0), (0.5, 6.0, 0.9, 1.6, 1e-6)]
    )
    def test_mbg_nbd(self, r, alpha, a, b, age):
        """Not lost at once, and a purchase: b / (a + b) (1 - (alpha / (alpha + T))^r), at 50 digits."""
        with mpmath.workdps(50):
            stays = mpmath.mpf(b) / (mpmath.mpf(a) + b)
            buys = 1 - (mpmath.mpf(alpha) / (mpmath.mpf(alpha) + age)) ** mpmath.mpf(r)
            expected = float(mpmath.log1p(-stays * buys))
        once = PurchaseHistory.from_columns(frequency=[0], recency=[0], age=[age], time_unit="week")
        assert MbgNbd(r, alpha, a, b, "week").log_likelihood(once)[0] == pytest.approx(expected, rel=1e-12)


class TestDistinctRows:
    """A fit to distinct rows with weights is the fit to the customers."""

    @pytest.mark.parametrize("fit", [fit_bg_nbd, fit_mbg_nbd, fit_pareto_nbd, fit_nbd])
    def test_same_as_of_customers(self, fit):
        log = load_cdnow()
        history = summarise_purchases(log.customer, log.date, as_of="1997-09-30")
        whole, rows = fit(history), fit(attrs.evolve(history.unique(), inverse=None))
        assert rows.n_customers == 2357
        assert rows.log_likelihood == pytest.approx(whole.log_likelihood, abs=1e-9)
        assert rows.estimates == pytest.approx(whole.estimates, rel=1e-6)
        assert rows.diagnosis.grade == whole.diagnosis.grade

    def test_refuses_covariates_and_no_rows(self):
        history = PurchaseHistory.from_columns(frequency=[1, 0], recency=[2, 0], age=[3, 3], time_unit="week")
        with pytest.raises(InputError, match="covariates"):
            fit_bg_nbd(history.unique(), purchase_covariates=["income"])
        empty = PurchaseHistory(frequency=[], recency=[], age=[], time_unit="week").unique()
        with pytest.raises(InputError, match="at least one customer"):
            fit_bg_nbd(empty)


class TestGrade:
    """Graded by what a fit leaves open about the purchases of the whole base."""

    def test_a_clean_fit_is_good(self):
        cdnow = load_cdnow()
        history = summarise_purchases(cdnow.customer, cdnow.date, as_of="1997-09-30")
        assert fit_bg_nbd(history).diagnosis.grade == "good"

    @pytest.mark.parametrize("fit", [fit_bg_nbd, fit_mbg_nbd, fit_pareto_nbd])
    def test_nobody_leaves(self, fit):
        """The parameters of leaving are undetermined. Whatever they are, the forecast is that of the NBD."""
        rng = np.random.default_rng(7)
        history = Nbd(0.8, 9.0, "week").simulate(rng.uniform(20, 52, 3000), rng=rng)
        found, plain = fit(history), fit_nbd(history)
        assert found.diagnosis.messages
        assert found.diagnosis.grade == "usable"
        assert not found.diagnosis.trustworthy
        totals = [one.model.expected_purchases(history, horizon=26).sum() for one in (found, plain)]
        assert totals[0] == pytest.approx(totals[1], rel=0.03)

    def test_what_moves_the_forecast_is_not_usable(self, monkeypatch):
        rng = np.random.default_rng(5)
        history = Nbd(0.8, 9.0, "week").simulate(rng.uniform(20, 52, 3000), rng=rng)
        monkeypatch.setattr(purchase_fit, "_USABLE", 1e-9)
        assert fit_bg_nbd(history).diagnosis.grade == "not usable"

    @pytest.mark.parametrize(("factor", "grade"), [(1.08, "usable"), (1.15, "not usable")])
    def test_a_tenth_of_the_forecast_is_the_limit(self, monkeypatch, factor, grade):
        """Nearly all purchases of customers who never leave are proportional to the rates, and so to 1 / alpha."""
        rng = np.random.default_rng(7)
        history = Nbd(50.0, 90.0, "week").simulate(np.full(2000, 0.5), rng=rng)
        found = fit_nbd(history)
        doubtful = attrs.evolve(
            found, diagnosis=attrs.evolve(found.diagnosis, messages=("in doubt",), grade="not usable")
        )
        step = np.array([0.0, -np.log(factor)])
        monkeypatch.setattr(purchase_fit, "_undetermined", lambda _: [step])
        assert purchase_fit._graded(doubtful, history).diagnosis.grade == grade

    @pytest.mark.parametrize("wide", [9.0, 4.1])
    def test_directions_by_hand(self, wide):
        """One parameter on the boundary, one undetermined (a standard error above 2), two known.

        Steps of two units go both ways along the first two.
        """
        cdnow = load_cdnow()
        fit = fit_bg_nbd(summarise_purchases(cdnow.customer, cdnow.date, as_of="1997-09-30"))
        doubtful = attrs.evolve(fit, search_covariance=np.diag([0.1, wide, np.inf, 3.9]))
        found = np.array(purchase_fit._undetermined(doubtful))
        expected = [[0, 0, 2, 0], [0, 0, -2, 0], [0, 2, 0, 0], [0, -2, 0, 0]]
        np.testing.assert_allclose(np.abs(found), np.abs(expected), atol=1e-12)
        np.testing.assert_allclose(found[::2], -found[1::2], atol=1e-12)

    @pytest.mark.parametrize(
        ("messages", "grade", "rule"),
        [((), "usable", "'good' without"), (("flat",), "good", "'usable' or 'not usable' with"), ((), 5, "'good'")],
    )
    def test_a_grade_fits_its_messages(self, messages, grade, rule):
        with pytest.raises(InputError, match=rule) as caught:
            Diagnosis(
                gradient_norm=0.0, boundary=(), flat=(), n_starts=1, n_evaluations=1, messages=messages, grade=grade
            )
        assert caught.value.name == "grade"

    def test_by_default_the_grade_follows_from_the_messages(self):
        fields = {"gradient_norm": 0.0, "boundary": (), "flat": (), "n_starts": 1, "n_evaluations": 1}
        assert Diagnosis(**fields, messages=()).grade == "good"
        assert Diagnosis(**fields, messages=("flat",)).grade == "not usable"

    @pytest.mark.parametrize("model", [BgNbd, MbgNbd])
    @pytest.mark.parametrize(("a", "b", "is_short"), [(1e-5, 1e6, True), (1e-6, 10.0, True), (1e-3, 5.0, False)])
    def test_forecast_where_nobody_leaves(self, model, a, b, is_short):
        """The short way is taken only where it gives what the whole forecast gives."""
        log = load_cdnow()
        history = summarise_purchases(log.customer, log.date, as_of="1997-09-30")
        history = history[history.frequency <= 3]
        found = purchase_fit._expected_of_all(np.array([0.4, 11.0, a, b]), history, 39.0)
        assert (found is not None) == is_short
        if is_short:
            whole = model(0.4, 11.0, a, b, "week").expected_purchases(history, horizon=39.0)
            assert found == pytest.approx(whole, rel=1e-3)

    def test_values_know_the_worse_grade_and_warn_of_the_worst(self):
        rng = np.random.default_rng(6)
        history = Nbd(0.8, 9.0, "week").simulate(rng.uniform(20, 52, 800), rng=rng)
        spend = GammaGamma(6.25, 3.74, 15.44)
        history = attrs.evolve(history, mean_repeat_spend=spend.simulate(history.frequency, rng=rng))
        purchases, spending = fit_bg_nbd(history), fit_gamma_gamma(history)
        terms = {"horizon": 52, "margin": 0.3}
        assert customer_values(history, fit_nbd(history), spending, **terms).grade == "good"
        usable = customer_values(history, purchases, spending, **terms)
        assert usable.grade == purchases.diagnosis.grade == "usable"
        assert customer_values(history, purchases.model, spending, **terms).grade is None
        bad = attrs.evolve(purchases, diagnosis=attrs.evolve(purchases.diagnosis, grade="not usable"))
        with pytest.warns(DataWarning, match="a fit of BgNbd that is not usable") as caught:
            worst = customer_values(history, bad, spending, **terms)
        assert caught[0].filename == __file__
        assert worst.grade == "not usable"
        assert CustomerValues.from_json(worst.to_json()) == worst
