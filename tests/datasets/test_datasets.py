"""The shipped data equal their source; simulated logs follow the theory that they are drawn from."""

from __future__ import annotations

import datetime as dt
import importlib.util
import math
from pathlib import Path

import attrs
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from crmvalue.datasets import Transactions, _mean_stay, load_cdnow, simulate_transactions
from crmvalue.errors import InputError

GOOD = {"customer": [1, 2], "date": ["2024-01-01", "2024-01-05"], "amount": [9.5, 20]}


class TestTransactions:
    """`Transactions`: an order log of three columns of one length."""

    def test_keeps_its_columns(self):
        log = Transactions(**GOOD)
        assert len(log) == 2
        assert log.customer.tolist() == [1, 2]
        assert log.date.tolist() == [dt.date(2024, 1, 1), dt.date(2024, 1, 5)]
        assert log.date.dtype == "datetime64[D]"
        assert log.amount.tolist() == [9.5, 20.0]

    def test_is_frozen_and_apart_from_the_caller(self):
        mine = {
            "customer": np.array([1, 2]),
            "date": np.array(GOOD["date"], dtype="datetime64[D]"),
            "amount": np.array(GOOD["amount"]),
        }
        log = Transactions(**mine)
        for name, column in mine.items():
            column[0] = column[1]
            with pytest.raises(ValueError, match="read-only"):
                getattr(log, name)[0] = column[1]
            with pytest.raises(attrs.exceptions.FrozenInstanceError):
                setattr(log, name, column)
        assert log == Transactions(**GOOD)
        assert log != Transactions(**mine)

    def test_columns_of_a_dataframe(self):
        table = pd.DataFrame({**GOOD, "customer": ["b", "a"]})
        assert Transactions(**{name: table[name] for name in table}) == Transactions(**{**GOOD, "customer": ["b", "a"]})

    @pytest.mark.parametrize(
        ("change", "name", "index"),
        [
            ({"customer": [1, None]}, "customer", 1),
            ({"customer": [1, np.nan]}, "customer", 1),
            ({"customer": ["a", 2]}, "customer", 1),
            ({"customer": 1}, "customer", None),
            ({"customer": [[1, 2]]}, "customer", None),
            ({"customer": [1]}, "date", None),
            ({"date": ["2024-01-01", None]}, "date", 1),
            ({"date": ["2024-01-01", "2023-02-29"]}, "date", 1),
            ({"date": "2024-01-01"}, "date", None),
            ({"date": ["2024-01-01"]}, "date", None),
            ({"amount": [1.0, np.nan]}, "amount", 1),
            ({"amount": [1.0, np.inf]}, "amount", 1),
            ({"amount": ["1", "2"]}, "amount", 0),
            ({"amount": 1.0}, "amount", None),
            ({"amount": [1.0]}, "amount", None),
            ({"customer": [], "date": [], "amount": []}, "customer", None),
        ],
    )
    def test_rejections(self, change, name, index):
        with pytest.raises(InputError) as caught:
            Transactions(**{**GOOD, **change})
        assert (caught.value.name, caught.value.index) == (name, index)


class TestLoadCdnow:
    """`load_cdnow`: 6,919 orders of 2,357 customers, 1997-01-01 to 1998-06-30 (Fader, Hardie, Lee 2005)."""

    def test_figures_of_the_documentation(self):
        log = load_cdnow()
        assert len(log) == 6919
        assert np.unique(log.customer).tolist() == list(range(1, 2358))
        assert (log.date.min(), log.date.max()) == (np.datetime64("1997-01-01"), np.datetime64("1998-06-30"))
        assert round(math.fsum(log.amount), 2) == 244_091.94
        assert np.count_nonzero(log.amount == 0) == 8
        assert len(log) - len(set(zip(log.customer.tolist(), log.date.tolist(), strict=True))) == 223

    def test_everybody_comes_in_the_first_twelve_weeks(self):
        log = load_cdnow()
        first = log.date[np.flatnonzero(np.append(True, log.customer[1:] != log.customer[:-1]))]
        assert len(first) == 2357
        assert first.max() < np.datetime64("1997-01-01") + np.timedelta64(12 * 7, "D")

    def test_is_ordered_by_customer_and_day(self):
        log = load_cdnow()
        assert np.array_equal(np.lexsort((log.date, log.customer)), np.arange(len(log)))

    def test_loads_the_same_each_time(self):
        assert load_cdnow() == load_cdnow()

    def test_equals_its_source_row_by_row(self):
        """The file has the customer's number of the full data, of the sample, the day, the CDs and the dollars."""
        spec = importlib.util.find_spec("lifetimes")
        if spec is None:
            pytest.skip("the package lifetimes, whose wheel holds the source file, is not installed")
        path = Path(spec.submodule_search_locations[0]) / "datasets" / "CDNOW_sample.txt"
        lines = [line.split() for line in path.read_text(encoding="ascii").splitlines()]
        log = load_cdnow()
        assert log.customer.tolist() == [int(line[1]) for line in lines]
        assert [f"{day:%Y%m%d}" for day in log.date.tolist()] == [line[2] for line in lines]
        assert log.amount.tolist() == [float(line[4]) for line in lines]


def by_customer(log):
    """Give the days since the first order of each row, and the first row of each customer, from the order of rows."""
    is_first = np.append(True, log.customer[1:] != log.customer[:-1])
    begin = np.flatnonzero(is_first)
    since = (log.date - np.repeat(log.date[begin], np.diff(np.append(begin, len(log))))).astype(int)
    return since, begin


@pytest.fixture(scope="module")
def log():
    return simulate_transactions(200_000, rng=np.random.default_rng(20))


class TestSimulateTransactions:
    """`simulate_transactions`: gamma-mixed Poisson purchases until a gamma-mixed exponential end, gamma-gamma spends.

    Sample figures are compared with the published formulas in standard errors of the sample. Seeds are fixed, so that a
    test either passes or fails for good; 4 standard errors would be passed by chance in 1 of 16,000 seeds.
    """

    R, ALPHA, S, BETA = 0.55, 74.0, 0.61, 82.0  # the defaults, in days
    P, Q, GAMMA = 6.25, 3.74, 15.44

    @staticmethod
    def assert_mean(sample, expected, n_errors=4.0):
        error = np.std(sample, ddof=1) / math.sqrt(len(sample))
        assert np.mean(sample) == pytest.approx(expected, abs=n_errors * error)

    @pytest.mark.parametrize("t", [1, 30, 120, 462])
    def test_mean_number_of_repeat_purchases(self, log, t):
        """Pareto/NBD: E[X(t)] = r beta / (alpha (s - 1)) (1 - (beta / (beta + t))^(s - 1)).

        Schmittlein, Morrison and Colombo (1987), equation 17. Every customer is observed for at least 462 days.
        """
        r, alpha, s, beta = self.R, self.ALPHA, self.S, self.BETA
        expected = r * beta / (alpha * (s - 1)) * (1 - (beta / (beta + t)) ** (s - 1))
        since, _ = by_customer(log)
        n_repeat = np.bincount(log.customer - 1, weights=(since > 0) & (since <= t), minlength=200_000)
        self.assert_mean(n_repeat, expected)

    def test_without_dropout_purchases_are_negative_binomial(self):
        """P(X(t) = 0) = (alpha / (alpha + t))^r, mean r t / alpha, variance r t / alpha + r t^2 / alpha^2."""
        n, t = 200_000, 100
        log = simulate_transactions(
            n, rng=np.random.default_rng(21), n_days=t + 1, n_acquisition_days=1, dropout_scale=1e12
        )
        x = np.bincount(log.customer - 1) - 1.0
        mean = self.R * t / self.ALPHA
        self.assert_mean(x == 0, (self.ALPHA / (self.ALPHA + t)) ** self.R)
        self.assert_mean(x, mean)
        self.assert_mean((x - mean) ** 2, mean + self.R * t**2 / self.ALPHA**2)

    def test_with_sure_dropout_nobody_buys_again(self):
        log = simulate_transactions(1000, rng=np.random.default_rng(22), dropout_scale=1e-90)
        assert len(log) == 1000

    def test_mean_spend(self, log):
        """Gamma-gamma: the mean spend is p gamma / (q - 1) (Fader, Hardie 2013)."""
        _, begin = by_customer(log)
        self.assert_mean(log.amount[begin], self.P * self.GAMMA / (self.Q - 1))

    def test_spends_of_one_customer_vary_around_his_own_mean(self):
        """Variance between customers: p^2 gamma^2 / ((q - 1)^2 (q - 2)); within, p gamma^2 / ((q - 1) (q - 2))."""
        p, q, gamma = 6.25, 12.0, 80.0  # q > 8, so that these variances have standard errors
        log = simulate_transactions(
            200_000, rng=np.random.default_rng(23), spend_heterogeneity=q, spend_scale=gamma, purchase_shape=3.0
        )
        since, begin = by_customer(log)
        again = begin[:-1][np.diff(begin) > 1]  # customers with a second row
        mean = p * gamma / (q - 1)
        first, second = log.amount[again], log.amount[again + 1]
        self.assert_mean((first - mean) * (second - mean), p**2 * gamma**2 / ((q - 1) ** 2 * (q - 2)))
        self.assert_mean((first - second) ** 2 / 2, p * gamma**2 / ((q - 1) * (q - 2)))
        assert np.all(since[again] == 0)

    def test_spend_does_not_depend_on_frequency(self, log):
        """The assumption of the gamma-gamma model: the correlation is 0 but for 4 of its standard errors."""
        _, begin = by_customer(log)
        n_orders = np.bincount(log.customer - 1)
        correlation = np.corrcoef(stats.rankdata(n_orders), stats.rankdata(log.amount[begin]))[0, 1]
        assert abs(correlation) < 4 / math.sqrt(len(begin))

    def test_customers_come_evenly(self, log):
        _, begin = by_customer(log)
        day = (log.date[begin] - np.datetime64("2024-01-01")).astype(int)
        counts = np.bincount(day)
        assert len(counts) == 84
        assert stats.chisquare(counts).pvalue > 1e-4

    @given(
        st.integers(1, 40),
        st.integers(0, 2**32),
        st.sampled_from(("0001-01-01", "1969-12-20", "2024-02-20", "9990-01-01")),
        st.integers(1, 400),
        st.data(),
    )
    def test_every_log_keeps_its_promises(self, n, seed, start, n_days, data):
        n_acquisition_days = data.draw(st.integers(1, n_days))
        options = {"start": start, "n_days": n_days, "n_acquisition_days": n_acquisition_days}
        log = simulate_transactions(n, rng=np.random.default_rng(seed), purchase_shape=3.0, **options)
        assert log == simulate_transactions(n, rng=np.random.default_rng(seed), purchase_shape=3.0, **options)
        assert np.unique(log.customer).tolist() == list(range(1, n + 1))
        assert np.array_equal(np.lexsort((log.date, log.customer)), np.arange(len(log)))
        day = (log.date - np.datetime64(start)).astype(int)
        since, begin = by_customer(log)
        assert day.min() >= 0
        assert day.max() < n_days
        assert day[begin].max() < n_acquisition_days
        assert np.count_nonzero(since == 0) == n  # nobody comes back on his first day
        assert log.amount.min() >= 0.01
        np.testing.assert_array_equal(np.round(log.amount, 2), log.amount)

    def test_one_state_one_log(self):
        first, again, other = (simulate_transactions(50, rng=np.random.default_rng(seed)) for seed in (1, 1, 2))
        assert first == again
        assert first != other

    @pytest.mark.parametrize(
        "change",
        [
            {},
            {"n_customers": 10**7, "n_days": 10**6},
            {"n_customers": 10**7, "n_days": 10**6, "n_acquisition_days": 10**6, "dropout_shape": 1e-3},
            {"n_customers": 1000, "purchase_scale": 1e-6},
        ],
    )
    def test_a_log_of_too_many_orders_is_refused_before_anything_is_drawn(self, change):
        rng = np.random.default_rng(1)
        with pytest.raises(InputError, match="at most 100,000,000 orders on average"):
            simulate_transactions(**{"n_customers": 10**8, "rng": rng, "start": "2024-01-01", **change})
        assert rng.random() == np.random.default_rng(1).random()

    @pytest.mark.parametrize("change", [{}, {"n_acquisition_days": 5000, "n_days": 5000}, {"dropout_shape": 30.0}])
    def test_as_many_orders_as_expected(self, change):
        given = {"purchase_shape": 2.0, "purchase_scale": 50.0, "n_days": 700, "n_acquisition_days": 84}
        given = {**given, "dropout_shape": 0.61, "dropout_scale": 82.0, **change}
        stay = _mean_stay(given["dropout_shape"], given["dropout_scale"], given["n_days"], given["n_acquisition_days"])
        log = simulate_transactions(40_000, rng=np.random.default_rng(3), **given)
        assert len(log) / 40_000 == pytest.approx(1.0 + 2.0 / 50.0 * stay, rel=0.03)  # five standard errors

    @given(st.integers(0, 2**32), st.data())
    def test_extreme_parameters_give_a_log_or_a_clear_refusal(self, seed, data):
        """No overflow, no division by 0, no NaN, from 1e-100 to 1e100."""
        sizes = st.sampled_from((1e-100, 1e-9, 1e-3, 1.0, 1e3, 1e9, 1e100))
        names = ("dropout_shape", "dropout_scale", "spend_shape", "spend_heterogeneity", "spend_scale")
        log = simulate_transactions(
            10, rng=np.random.default_rng(seed), n_days=90, **{name: data.draw(sizes) for name in names}
        )
        assert np.isfinite(log.amount).all()
        assert (log.amount <= 1e12).all()

    @pytest.mark.parametrize(
        ("change", "name"),
        [
            ({"n_customers": 0}, "n_customers"),
            ({"n_customers": 2.5}, "n_customers"),
            ({"n_customers": "5"}, "n_customers"),
            ({"n_customers": [5]}, "n_customers"),
            ({"n_customers": 10**8 + 1}, "n_customers"),
            ({"n_customers": 2**50}, "n_customers"),
            ({"rng": None}, "rng"),
            ({"rng": 7}, "rng"),
            ({"rng": np.random.RandomState(7)}, "rng"),
            ({"start": "2024"}, "start"),
            ({"start": ["2024-01-01"]}, "start"),
            ({"start": None}, "start"),
            ({"start": "9999-01-01"}, "n_days"),
            ({"n_days": 0}, "n_days"),
            ({"n_days": 1.5}, "n_days"),
            ({"n_days": 2**52}, "n_days"),
            ({"n_days": 83}, "n_acquisition_days"),
            ({"n_acquisition_days": 0}, "n_acquisition_days"),
            ({"n_acquisition_days": 547}, "n_acquisition_days"),
            ({"purchase_shape": 1e12}, "purchase_shape"),
            ({"purchase_scale": 1e-100}, "purchase_scale"),
            ({"purchase_shape": 10.0, "purchase_scale": 1e-5}, "purchase_scale"),
            ({"n_customers": 10**8}, "n_customers"),
            *(
                ({name: wrong}, name)
                for name in (
                    "purchase_shape", "purchase_scale", "dropout_shape", "dropout_scale", "spend_shape",
                    "spend_heterogeneity", "spend_scale",
                )
                for wrong in (0, -1, np.nan, np.inf, "1", [1.0, 1.0], None)
            ),
        ],
    )  # fmt: skip
    def test_rejections(self, change, name):
        with pytest.raises(InputError) as caught:
            simulate_transactions(**{"n_customers": 5, "rng": np.random.default_rng(1), **change})
        assert caught.value.name == name
