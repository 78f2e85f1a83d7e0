"""The BG/BB model of fixed opportunities."""

from __future__ import annotations

import csv
import importlib.util
from pathlib import Path

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmvalue._models.repeat.bg_bb import BgBb, fit_bg_bb
from crmvalue._models.repeat.bg_bb_likelihood import objective
from crmvalue._models.repeat.opportunities import OpportunityHistory
from crmvalue.errors import InputError
from tests.models.references import bg_bb_future, bg_bb_long, bg_bb_sequence, bg_bb_stays

PAPER = BgBb(1.204, 0.750, 0.657, 2.783)
PARAMETERS = [(1.204, 0.75, 0.657, 2.783), (0.05, 0.3, 1.0, 1.0), (20, 3, 0.02, 50), (1, 1, 30, 400)]
shapes = st.floats(-2, 2).map(lambda y: 10.0**y)


def one(x, t_x, n):
    return OpportunityHistory(frequency=[x], recency=[t_x], n_opportunities=[n])


def every(n):
    """Every (x, t_x) of n opportunities, with the number of sequences behind it."""
    rows = [(0, 0)] + [(x, t) for t in range(1, n + 1) for x in range(1, t + 1)]
    weight = [1.0] + [float(mpmath.binomial(t - 1, x - 1)) for x, t in rows[1:]]
    x, t_x = np.array(rows, dtype=float).T
    return OpportunityHistory(frequency=x, recency=t_x, n_opportunities=np.full(len(x), float(n)), weight=weight)


def donors():
    spec = importlib.util.find_spec("lifetimes")
    path = spec and spec.origin and Path(spec.origin).parent / "datasets" / "donations.csv"
    if not path or not path.exists():
        pytest.skip("the table of donors is in the wheel of lifetimes, which is not installed")
    with path.open() as file:
        rows = [[float(value) for value in row] for row in list(csv.reader(file))[1:]]
    x, t_x, n, weight = np.array(rows).T
    return OpportunityHistory(frequency=x, recency=t_x, n_opportunities=n, weight=weight)


class TestLogLikelihood:
    """Probability of one given sequence of purchases."""

    @pytest.mark.parametrize("parameters", PARAMETERS)
    @pytest.mark.parametrize(("x", "t_x", "n"), [(0, 0, 3), (2, 4, 6), (3, 3, 3), (1, 1, 1)])
    def test_equals_the_integrals(self, parameters, x, t_x, n):
        exact = float(mpmath.log(bg_bb_sequence(*parameters, x, t_x, n)))
        assert BgBb(*parameters).log_likelihood(one(x, t_x, n))[0] == pytest.approx(exact, rel=1e-11, abs=1e-11)

    @given(shapes, shapes, shapes, shapes, st.integers(1, 12))
    def test_all_sequences_sum_to_one(self, alpha, beta, gamma, delta, n):
        history = every(n)
        total = np.sum(history.weight * np.exp(BgBb(alpha, beta, gamma, delta).log_likelihood(history)))
        assert total == pytest.approx(1, rel=1e-11)

    @pytest.mark.parametrize(("x", "t_x", "n"), [(0, 0, 5000), (900, 2500, 5000), (5000, 5000, 5000)])
    def test_long_histories(self, x, t_x, n):
        exact, _ = bg_bb_long(1.204, 0.75, 0.657, 2.783, x, t_x, n)
        found = BgBb(1.204, 0.75, 0.657, 2.783).log_likelihood(one(x, t_x, n))[0]
        assert found == pytest.approx(float(exact), rel=1e-10)

    @given(*[st.floats(-100, 100).map(lambda y: 10.0**y)] * 4)
    def test_everything_is_a_number_everywhere(self, alpha, beta, gamma, delta):
        model, history = BgBb(alpha, beta, gamma, delta), every(4)
        for found in (
            model.log_likelihood(history),
            model.prob_alive(history, at=3),
            model.expected_purchases(history, horizon=1000),
            model.prob_purchases(history, 2, horizon=5),
            model.prob_purchases_new([0, 3, 9], horizon=5),
            model.discounted_expected_purchases(history, discount_rate=0.1),
        ):
            assert np.isfinite(found).all()
            assert (found <= 1e4).all()
        assert len(model.simulate(5, n_opportunities=3, rng=np.random.default_rng(1))) == 5


LONG = [  # all three lost six digits when each term was the difference of sums over the whole history
    (PAPER, 20_000, 60_000, 62_894),
    (BgBb(0.281, 0.468, 1.464, 0.028), 17_333, 98_780, 100_000),
    (BgBb(5.523, 3.998, 5.673, 0.359), 13_156, 97_375, 100_000),
    (BgBb(0.5, 200.0, 0.3, 40.0), 3, 97_000, 100_000),
    (BgBb(0.02, 0.05, 30.0, 400.0), 990, 999, 1_000),
]


class TestManyOpportunities:
    """A purchase long after the start: no digit is lost, however many opportunities came before it."""

    @pytest.mark.parametrize(("model", "x", "t_x", "n"), LONG)
    def test_equals_fifty_digits(self, model, x, t_x, n):
        parameters = (model.alpha, model.beta, model.gamma, model.delta)
        log_likelihood, alive = bg_bb_long(*parameters, x, t_x, n)
        history = one(x, t_x, n)
        assert objective(history)(np.log(parameters)).value == pytest.approx(float(log_likelihood), rel=1e-13)
        assert model.prob_alive(history)[0] == pytest.approx(float(alive), rel=1e-11)
        later = float(alive * mpmath.beta(model.gamma, model.delta + n + 7) / mpmath.beta(model.gamma, model.delta + n))
        assert model.prob_alive(history, at=7)[0] == pytest.approx(later, rel=1e-11)

    @pytest.mark.slow
    @pytest.mark.parametrize("seed", range(30))
    def test_a_search(self, seed):
        """Parameters from 0.01 to 100, 100 to 100,000 opportunities, any time since the last purchase."""
        rng = np.random.default_rng([6, seed])
        parameters = 10.0 ** rng.uniform(-2, 2, 4)
        n = 100_000 if seed % 5 == 0 else int(10.0 ** rng.uniform(2, 5))
        gap = int(min(n, 10.0 ** rng.uniform(0, 5)))
        t_x = n - gap
        x = int(rng.integers(1, t_x + 1)) if t_x else 0
        log_likelihood, alive = bg_bb_long(*parameters, x, t_x, n)
        model, history = BgBb(*parameters), one(x, t_x, n)
        assert model.log_likelihood(history)[0] == pytest.approx(float(log_likelihood), rel=1e-11)
        assert model.prob_alive(history)[0] == pytest.approx(float(alive), rel=1e-10, abs=1e-290)
        horizon = int(10.0 ** rng.uniform(0, 5))
        count = int(rng.integers(0, horizon + 1))
        seen, chance = bg_bb_future(*parameters, x, n, count, horizon)
        seen, chance = alive * seen, alive * chance + (1 - alive if count == 0 else 0)
        found = model.expected_purchases(history, horizon=horizon)[0]
        assert found == pytest.approx(float(seen), rel=1e-10, abs=1e-290)
        found = model.prob_purchases(history, count, horizon=horizon)[0]
        assert found == pytest.approx(float(chance), rel=1e-10, abs=1e-290)

    def test_rows_lose_no_digit_in_the_company_of_others(self):
        model, n = BgBb(0.5, 0.7, 0.01, 500.0), 20_000
        x, t_x = [*[1] * 40, 5], [*range(1, 41), n - 6]
        together = OpportunityHistory(frequency=x, recency=t_x, n_opportunities=[n] * 41)
        alone = [model.prob_alive(one(*row, n))[0] for row in zip(x, t_x, strict=True)]
        np.testing.assert_allclose(model.prob_alive(together), alone, rtol=1e-13)

    @pytest.mark.parametrize(("x", "t_x", "n"), [(0, 0, 5), (2, 3, 5), (5, 5, 5)])
    def test_the_reference_equals_the_integrals(self, x, t_x, n):
        parameters = (1.204, 0.75, 0.657, 2.783)
        log_likelihood, _ = bg_bb_long(*parameters, x, t_x, n)
        assert float(log_likelihood) == pytest.approx(float(mpmath.log(bg_bb_sequence(*parameters, x, t_x, n))))


class TestPredictions:
    """Sums over the future of one who is alive."""

    def test_donors_of_the_paper(self):
        """Fader, Hardie and Shang (2010): ten years ahead, (x 0, t_x 0) and (4, 5) of six, from unrounded estimates."""
        history = OpportunityHistory(frequency=[0, 4], recency=[0, 5], n_opportunities=[6, 6])
        found = BgBb(1.2035223, 0.7497164, 0.6567182, 2.7834422).expected_purchases(history, horizon=10)
        # the published figures come from estimates that another search had left in the fourth digit
        np.testing.assert_allclose(found, [0.1302169, 3.627858], rtol=5e-5)

    @pytest.mark.parametrize("parameters", PARAMETERS)
    def test_alive_is_the_share_of_the_sequences(self, parameters):
        model = BgBb(*parameters)
        buys = bg_bb_sequence(*parameters[:2], 1e-40, 1, 2, 4, 4)  # nobody is lost
        for at in (0, 3):
            exact = buys * bg_bb_stays(*parameters[2:], 4 + at) / bg_bb_sequence(*parameters, 2, 3, 4)
            assert model.prob_alive(one(2, 3, 4), at=at)[0] == pytest.approx(float(exact), rel=1e-10)

    @given(shapes, shapes, shapes, shapes, st.integers(0, 12))
    def test_probabilities_sum_to_one_and_to_the_expectation(self, alpha, beta, gamma, delta, horizon):
        model, history = BgBb(alpha, beta, gamma, delta), every(4)
        n = np.arange(horizon + 2)
        new = model.prob_purchases_new(n, horizon=horizon)
        known = np.stack([model.prob_purchases(history, int(k), horizon=horizon) for k in n], axis=1)
        assert new.sum() == pytest.approx(1, rel=1e-10)
        np.testing.assert_allclose(known.sum(axis=1), 1, rtol=1e-10)
        assert (new * n).sum() == pytest.approx(model.expected_purchases_new(horizon=horizon), rel=1e-10)
        expected = model.expected_purchases(history, horizon=horizon)
        np.testing.assert_allclose((known * n).sum(axis=1), expected, rtol=1e-10)

    @given(shapes, shapes, shapes, shapes, st.integers(1, 8), st.integers(0, 8))
    def test_tower_property(self, alpha, beta, gamma, delta, n, more):
        """What is expected of a newcomer is what is expected after n opportunities, over all that may happen."""
        model, history = BgBb(alpha, beta, gamma, delta), every(n)
        chance = history.weight * np.exp(model.log_likelihood(history))
        later = np.sum(chance * (history.frequency + model.expected_purchases(history, horizon=more)))
        assert later == pytest.approx(model.expected_purchases_new(horizon=n + more), rel=1e-10)

    @given(st.floats(0.01, 50), st.floats(0.01, 1e3), st.sampled_from([1e-4, 0.01, 0.1, 2]), st.integers(1, 5000))
    def test_discounted_is_hypergeometric(self, gamma, delta, d, n):
        """Fader, Hardie and Shang (2010), equation 14."""
        with mpmath.workdps(40):
            g, b, z = mpmath.mpf(gamma), mpmath.mpf(delta) + n, 1 / (1 + mpmath.mpf(d))
            stays = b / (g + b) * z * mpmath.hyp2f1(1, b + 1, g + b + 1, z)
            exact = float(stays * (1 + n) / (2 + n))
        found = BgBb(1.0, 1.0, gamma, delta).discounted_expected_purchases(one(n, n, n), discount_rate=d)[0]
        assert found == pytest.approx(exact, rel=1e-10)

    @pytest.mark.parametrize("parameters", PARAMETERS)
    def test_all_counts_of_a_long_horizon_at_once(self, parameters):
        horizon, some = 600, [0, 256, 600]
        found = BgBb(*parameters).prob_purchases_new(np.arange(horizon + 3), horizon=horizon)
        exact = [float(bg_bb_future(*parameters, 0, 0, count, horizon)[1]) for count in some]
        np.testing.assert_allclose(found[some], exact, rtol=1e-11)
        assert found[-2:].tolist() == [0.0, 0.0]
        assert found.sum() == pytest.approx(1.0, rel=1e-12)

    def test_pairs_that_would_take_minutes_are_refused(self):
        for model, n, horizon in ((PAPER, 5, np.arange(1, 10_001)), (BgBb(1e90, 1e90, 1, 1), np.arange(6_000), 6_000)):
            with pytest.raises(InputError, match="at most 8,000,000 opportunities"):
                model.prob_purchases_new(n, horizon=horizon)
        with pytest.raises(InputError, match="squares add up to at most 30,000,000,000"):
            PAPER.prob_purchases_new(np.arange(20)[:, np.newaxis], horizon=np.arange(99_990, 99_994))

    def test_discounted_without_a_rate_is_the_expectation(self):
        history = every(4)
        found = PAPER.discounted_expected_purchases(history, discount_rate=0, horizon=7)
        np.testing.assert_array_equal(found, PAPER.expected_purchases(history, horizon=7))
        assert BgBb(1, 1, 3, 4).discounted_expected_purchases_new(discount_rate=0) == pytest.approx(
            0.5 * 4 / 2, rel=1e-12
        )
        with pytest.raises(InputError, match="infinite"):
            PAPER.discounted_expected_purchases_new(discount_rate=0)

    def test_simulation_agrees(self):
        sample = PAPER.simulate(100_000, n_opportunities=6, rng=np.random.default_rng(1))
        share = np.bincount(sample.frequency.astype(int), minlength=7) / 100_000
        np.testing.assert_allclose(share, PAPER.prob_purchases_new(np.arange(7), horizon=6), atol=0.006)
        x, t_x = 2, 3
        chosen = (sample.frequency == x) & (sample.recency == t_x)
        exact = 1 * 2 * np.exp(PAPER.log_likelihood(one(x, t_x, 6))[0])  # two sequences
        assert chosen.mean() == pytest.approx(exact, abs=0.002)

    def test_arrays_equal_loops(self):
        history = every(3)
        both = PAPER.expected_purchases(history, horizon=np.arange(len(history)))
        for i in range(len(history)):
            assert both[i] == PAPER.expected_purchases(history, horizon=i)[i]
        grid = PAPER.prob_purchases_new([[0], [2]], horizon=[3, 4, 5])
        assert grid.shape == (2, 3)
        assert grid[1, 2] == PAPER.prob_purchases_new(2, horizon=5)

    def test_refuses_bad_arguments(self):
        history = every(3)
        for call in (
            lambda: PAPER.log_likelihood([1]),
            lambda: PAPER.prob_alive(history, at=-1),
            lambda: PAPER.prob_alive(history, at=[1, 2]),
            lambda: PAPER.expected_purchases(history, horizon=1.5),
            lambda: PAPER.prob_purchases_new(-1, horizon=3),
            lambda: PAPER.prob_purchases_new([1, 2], horizon=[1, 2, 3]),
            lambda: PAPER.prob_purchases(history, 1, horizon=10**6),
            lambda: PAPER.discounted_expected_purchases(history, discount_rate=-0.1),
            lambda: PAPER.simulate(3, n_opportunities=0, rng=np.random.default_rng(1)),
            lambda: PAPER.simulate(3, n_opportunities=1, rng=None),
        ):
            with pytest.raises(InputError):
                call()

    def test_json(self):
        assert BgBb.from_json(PAPER.to_json()) == PAPER


class TestOpportunityHistory:
    """x of n opportunities, the last of them t_x."""

    @pytest.mark.parametrize(
        ("name", "wrong"),
        [
            ("frequency", [-1, 0]), ("frequency", [0.5, 0]), ("recency", [1, 0]), ("recency", [9, 0]),
            ("recency", [3, 1]), ("recency", [3.5, 0]), ("n_opportunities", [0, 5]), ("n_opportunities", [5]),
            ("n_opportunities", [5.5, 5]),
            ("weight", [0, 0]), ("weight", [-1, 2]), ("weight", [0.5, 2]),
        ],
    )  # fmt: skip
    def test_refuses_bad_columns(self, name, wrong):
        columns = {"frequency": [2, 0], "recency": [3, 0], "n_opportunities": [5, 5], "weight": [1, 1], name: wrong}
        with pytest.raises(InputError) as caught:
            OpportunityHistory(**columns)
        assert caught.value.name in {name, "recency"}

    def test_refuses_weights_that_are_all_0(self):
        with pytest.raises(InputError, match=r"`weight` must be above 0 for at least one row; got 0$"):
            OpportunityHistory(frequency=[1], recency=[1], n_opportunities=[5], weight=[0])


class TestSimulate:
    """Customers and opportunities that fit into the memory."""

    def test_as_many_opportunities_as_fit(self, monkeypatch):
        monkeypatch.setattr("crmvalue._models.repeat.bg_bb._MOST_DRAWS", 12)
        model, rng = BgBb(1.2, 0.75, 0.66, 2.8), np.random.default_rng(1)
        assert model.simulate(4, n_opportunities=3, rng=rng).n_customers == 4
        with pytest.raises(InputError, match="at most 12 opportunities"):
            model.simulate(5, n_opportunities=3, rng=rng)


class TestFit:
    """The maximum of the likelihood."""

    def test_is_that_of_the_paper(self):
        """Fader, Hardie and Shang (2010): 11,104 donors."""
        fit = fit_bg_bb(donors())
        assert fit.n_customers == 11_104
        np.testing.assert_allclose(fit.estimates, [1.204, 0.750, 0.657, 2.783], atol=5e-4)
        assert fit.log_likelihood == pytest.approx(-33225.6, abs=0.05)
        assert fit.model.expected_purchases_new(horizon=10) == pytest.approx(
            3.179805, abs=5e-5
        )  # from estimates by another
        assert fit.diagnosis.trustworthy

    @pytest.mark.parametrize("theta", [[0.2, -0.3, -0.4, 1.0], [-3.0, 2.0, -1.0, -2.0], [3.0, 2.0, 1.0, 5.0]])
    def test_derivatives(self, theta):
        history = OpportunityHistory(
            frequency=[0, 1, 3, 4, 2], recency=[0, 2, 4, 4, 5], n_opportunities=[4, 3, 5, 4, 6], weight=[5, 3, 2, 4, 1]
        )
        at = objective(history)(np.array(theta))
        columns = (history.frequency, history.recency, history.n_opportunities, history.weight)
        rows = [tuple(int(value) for value in row) for row in zip(*columns, strict=True)]

        def exact(*y):
            a, b, g, d = (mpmath.exp(value) for value in y)
            total = mpmath.mpf(0)
            for x, t_x, n, weight in rows:
                terms = [mpmath.beta(a + x, b + j - x) * mpmath.beta(g + (j < n), d + j) for j in range(t_x, n + 1)]
                total += weight * mpmath.log(mpmath.fsum(terms) / mpmath.beta(a, b) / mpmath.beta(g, d))
            return total

        with mpmath.workdps(40):
            assert at.value == pytest.approx(float(exact(*theta)), rel=1e-12)
            for i in range(4):
                slope = float(mpmath.diff(exact, tuple(theta), tuple(int(k == i) for k in range(4))))
                assert at.gradient[i] == pytest.approx(slope, rel=1e-9, abs=1e-9)
                for j in range(4):
                    both = tuple(int(k == i) + int(k == j) for k in range(4))
                    curve = float(mpmath.diff(exact, tuple(theta), both))
                    assert at.hessian[i, j] == pytest.approx(curve, rel=1e-8, abs=1e-8)

    @pytest.mark.parametrize("x", [[0], [5], [0, 0, 0], [2] * 50])
    def test_hopeless_data_are_diagnosed(self, x):
        fit = fit_bg_bb(OpportunityHistory(frequency=x, recency=x, n_opportunities=[5] * len(x)))
        assert np.isfinite(fit.log_likelihood)
        assert not fit.diagnosis.trustworthy
        assert "prior" in fit.diagnosis.messages[0]

    def test_recovers_the_truth_and_weights_are_repetitions(self):
        sample = PAPER.simulate(20_000, n_opportunities=8, rng=np.random.default_rng(4))
        fit = fit_bg_bb(sample)
        for name, (low, high) in fit.confidence_interval(0.999).items():
            assert low <= getattr(PAPER, name) <= high
        double = OpportunityHistory(
            frequency=sample.frequency,
            recency=sample.recency,
            n_opportunities=sample.n_opportunities,
            weight=np.full(20_000, 2.0),
        )
        assert fit_bg_bb(double).log_likelihood == pytest.approx(2 * fit.log_likelihood, rel=1e-12)

    @pytest.mark.parametrize(
        ("n", "opportunities", "name"),
        [
            (10**12, 1, "n_customers"),
            (10**8 + 1, 1, "n_customers"),
            (10**8, 11, "n_opportunities"),
            (10_001, 100_000, "n_opportunities"),
        ],
    )
    def test_simulate_refuses_before_it_draws(self, n, opportunities, name):
        with pytest.raises(InputError) as caught:
            PAPER.simulate(n, n_opportunities=opportunities, rng=np.random.default_rng(1))
        assert caught.value.name == name
