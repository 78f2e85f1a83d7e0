"""Fits to tables of counts: histograms of purchases in periods, and bins of frequency and recency."""

from __future__ import annotations

import mpmath
import numpy as np
import pandas as pd
import pytest

from crmvalue._models.tables.binned_likelihood import BinnedLikelihood, nodes_of
from crmvalue._models.tables.interval_counts import beta_geometric_counts, nbd_counts, pareto_nbd_counts
from crmvalue._models.tables.table_fit import _SEARCHES
from crmvalue.datasets import load_cdnow
from crmvalue.errors import InputError
from crmvalue.models import (
    BgNbd,
    BinnedHistory,
    CountHistogram,
    MbgNbd,
    Nbd,
    ParetoNbd,
    expected_histogram,
    fit_bg_nbd,
    fit_mbg_nbd,
    fit_nbd,
    fit_pareto_nbd,
    fit_table,
)
from crmvalue.purchases import PurchaseHistory, split_purchases

MODELS = {
    "nbd": Nbd(0.385, 12.07, "week"),
    "bg_nbd": BgNbd(0.243, 4.414, 0.793, 2.426, "week"),
    "mbg_nbd": MbgNbd(0.525, 6.183, 0.891, 1.614, "week"),
    "pareto_nbd": ParetoNbd(0.553, 10.58, 0.606, 11.67, "week"),
}
FITS = {"nbd": fit_nbd, "bg_nbd": fit_bg_nbd, "mbg_nbd": fit_mbg_nbd, "pareto_nbd": fit_pareto_nbd}
EVERY = pytest.mark.parametrize("name", list(MODELS))


def histogram(counts, cells=(0, 1, 2), ends=(1,)):
    return CountHistogram(counts=counts, cells=cells, period_ends=ends, time_unit="week")


def bins(**columns):
    given = {
        "frequency_low": [0, 1], "frequency_high": [0, np.inf], "recency_low": [0, 0], "recency_high": [0, 39],
        "age": [39, 39], "weight": [6, 4],
    }  # fmt: skip
    return BinnedHistory(**{**given, **columns}, time_unit="week")


@pytest.fixture(scope="module")
def cdnow():
    return load_cdnow()


class TestCountHistogram:
    """Customers by their number of purchases in each period after the first."""

    def test_from_orders_counts_by_hand(self):
        customer = ["a", "a", "a", "a", "b", "b", "c"]
        day = ["2023-01-01", "2023-01-01", "2023-01-08", "2023-01-15", "2023-01-02", "2023-01-09", "2023-01-12"]
        table = CountHistogram.from_orders(
            customer, day, as_of="2023-01-16", period_ends=[1, 2], cells=[0, 1, 2], time_unit="week"
        )
        # a: the 8th is 7 days after the first, the 15th 14; b: the 9th 7; c has not passed a week.
        assert table.counts.tolist() == [[0, 2, 0], [1, 1, 0]]

    def test_periods_add_up(self, cdnow):
        ends = {"period_ends": [13, 26], "cells": range(200), "time_unit": "week"}
        parts = CountHistogram.from_orders(cdnow.customer, cdnow.date, as_of="1998-06-30", **ends)
        ends["period_ends"] = [26]
        whole = CountHistogram.from_orders(cdnow.customer, cdnow.date, as_of="1998-06-30", **ends)
        assert (parts.counts @ np.arange(200)).sum() == (whole.counts @ np.arange(200)).sum()
        assert parts.n_customers == 2357

    @pytest.mark.parametrize(
        ("change", "match"),
        [
            ({"counts": [60.5, 20, 10]}, "counts"),
            ({"counts": [60, -1, 10]}, "counts"),
            ({"counts": [0, 0, 0]}, "at least one customer"),
            ({"counts": [60, 20]}, "counts"),
            ({"counts": [[60, 20, 10]], "ends": [1, 2]}, "a period without a row is missing"),
            ({"counts": [[60, 20, 10], [60, 20, 11]], "ends": [1, 2]}, "no more customers"),
            ({"cells": [0, 2, 1]}, "cells"),
            ({"cells": [1, 2, 3]}, "cells"),
            ({"cells": [0], "counts": [60]}, "the last cell is open"),
            ({"ends": [0]}, "period_ends"),
            ({"ends": [2, 1], "counts": [[60, 20, 10]] * 2}, "period_ends"),
            ({"ends": []}, "period_ends"),
        ],
    )
    def test_rejections(self, change, match):
        with pytest.raises(InputError, match=match):
            histogram(**{"counts": [60, 20, 10], **change})

    @pytest.mark.parametrize(
        ("change", "name"),
        [({"time_unit": ["year"]}, "time_unit"), ({"period_ends": [1, 9]}, "period_ends")],
    )
    def test_rejections_of_orders(self, change, name):
        asked = {"as_of": "2025-06-30", "period_ends": [1], **change}
        with pytest.raises(InputError) as caught:
            CountHistogram.from_orders(["ann", "ann"], ["2024-01-01", "2024-03-01"], **asked)
        assert caught.value.name == name

    def test_orders_in_another_order(self):
        orders = pd.DataFrame(
            {"customer": [1, 1, 2], "date": pd.to_datetime(["2024-03-01", "2024-01-01", "2024-02-01"])}
        )
        with pytest.raises(InputError, match="same index"):
            CountHistogram.from_orders(
                orders["customer"], orders["date"].sort_values(), as_of="2025-06-30", period_ends=[1]
            )


class TestIntervalCounts:
    """Probability of n purchases in a period that begins a time after the first purchase."""

    @EVERY
    @pytest.mark.parametrize(("start", "end"), [(0.0, 26.0), (26.0, 52.0), (52.0, 250.0)])
    def test_adds_up(self, name, start, end):
        """To 1; and n times the probability of n to the difference of the expected purchases."""
        model = MODELS[name]
        top = 900
        table = histogram([[1e9, *[0] * top]] * (2 if start else 1), range(top + 1), [start, end] if start else [end])
        prob = expected_histogram(model, table)[-1] / 1e9
        assert prob.sum() == pytest.approx(1.0, rel=1e-11)
        mean = model.expected_purchases_new(horizon=end) - model.expected_purchases_new(horizon=start)
        assert prob @ np.arange(top + 1) == pytest.approx(mean, rel=1e-8)

    @EVERY
    def test_the_first_period_is_that_of_newcomers(self, name):
        model = MODELS[name]
        found = expected_histogram(model, histogram([[1e6, 0, 0, 0, 0]], range(5), [52]))[0] / 1e6
        np.testing.assert_allclose(found[:4], model.prob_purchases_new(np.arange(4), horizon=52), rtol=1e-10)

    def test_grouped_cells_are_sums(self):
        fine = expected_histogram(MODELS["pareto_nbd"], histogram([[1e6, *[0] * 10]] * 2, range(11), [20, 40]))
        coarse = expected_histogram(MODELS["pareto_nbd"], histogram([[1e6, 0, 0, 0]] * 2, [0, 1, 3, 7], [20, 40]))
        np.testing.assert_allclose(coarse, np.add.reduceat(fine, [0, 1, 3, 7], axis=1), rtol=1e-11)

    @pytest.mark.slow
    @pytest.mark.parametrize("seed", range(4))
    def test_equals_the_integrals(self, seed):
        rng = np.random.default_rng([20, seed])
        r, alpha, a, b = np.exp(rng.uniform(np.log([0.05, 0.5, 0.1, 0.1]), np.log([10.0, 100.0, 10.0, 30.0]))).tolist()
        start = float(rng.choice([0.0, 26.0, 52.0]))
        end, top = start + float(rng.choice([4.0, 52.0, 200.0])), int(rng.choice([2, 5, 8]))
        columns = [np.array([value]) for value in (r, alpha, a, b)]
        with mpmath.workdps(20):
            for early in (0, 1):
                found = beta_geometric_counts(start, end, top, *columns, early=early)[0]
                for n in (0, 1, top):
                    exact = beta_geometric_integral(n, start, end, r, alpha, a, b, early, at_least=n == top)
                    assert found[n] == pytest.approx(float(exact), rel=1e-9)
            found = pareto_nbd_counts(start, end, top, *columns)[0]
            for n in (0, 1, top):
                exact = pareto_nbd_integral(n, start, end, r, alpha, a, b, at_least=n == top)
                assert found[n] == pytest.approx(float(exact), rel=1e-9)
        assert nbd_counts(start, end, top, *columns[:2]).sum() == pytest.approx(1.0, rel=1e-12)


def beta_geometric_integral(n, start, end, r, alpha, a, b, early, *, at_least):
    """Average over the chance p, of customers who leave at the rate p times their own until the period begins."""
    r, alpha, a, b, length = map(mpmath.mpf, (r, alpha, a, b, end - start))

    def of(y):  # at p = 1 / (1 + exp(-y)); q = 1 - p without rounding
        p, q = 1 / (1 + mpmath.exp(-y)), 1 / (1 + mpmath.exp(y))
        later = alpha + p * start

        def exactly(k):
            return mpmath.rf(r, k) / mpmath.factorial(k) * alpha**r * length**k / (later + length) ** (r + k)

        def reach(k):
            return (alpha / later) ** r - mpmath.fsum(exactly(j) for j in range(k))

        if at_least:
            found = q ** (early + n - 1) * reach(n)
        elif n == 0:
            found = 1 - q**early * ((alpha / later) ** r - exactly(0))
        else:
            found = q**early * (q**n * exactly(n) + p * q ** (n - 1) * reach(n))
        return found * p**a * q**b

    edges = [-70 / a, -20 / a, -20, -10, -5, -2, 0, 2, 5, 10, 20, 20 + 20 / b, 20 + 70 / b]
    return mpmath.quad(of, sorted(map(mpmath.mpf, edges))) / mpmath.beta(a, b)


def pareto_nbd_integral(n, start, end, r, alpha, s, beta, *, at_least):
    """Integral over the time of leaving, or over the time of the n-th purchase."""
    r, alpha, s, beta, length = map(mpmath.mpf, (r, alpha, s, beta, end - start))

    def exactly(u):
        return mpmath.rf(r, n) / mpmath.factorial(n) * (alpha / (alpha + u)) ** r * (u / (alpha + u)) ** n

    def stay(u):
        return (beta / (beta + start + u)) ** s

    def reached(u):
        return mpmath.rf(r, n) / mpmath.factorial(n - 1) * u ** (n - 1) * alpha**r / (alpha + u) ** (r + n)

    edges = [0, length / 1000, length / 100, length / 10, length / 3, length]
    if at_least:
        return mpmath.quad(lambda u: reached(u) * stay(u), edges)
    left = mpmath.quad(lambda u: exactly(u) * s / (beta + start + u) * stay(u), edges)
    return stay(length) * exactly(length) + left + (1 - stay(0) if n == 0 else 0)


class TestFitTable:
    """The model behind a table, the same as of a fit to single customers."""

    @EVERY
    def test_expected_counts_give_the_parameters_back(self, name):
        """A table of exactly what a model expects has its best fit there."""
        model = MODELS[name]
        shape = histogram([[1e9, *[0] * 10]] * 3, range(11), [26, 52, 104])
        counts = expected_histogram(model, shape).round()
        counts[:, 0] += 1e9 - counts.sum(axis=1)
        table = histogram(counts, range(11), [26, 52, 104])
        found = fit_table(table, model=name)
        truth = [getattr(model, parameter) for parameter in found.names]
        assert found.estimates == pytest.approx(truth, rel=2e-3)
        assert type(found.model) is type(model)

    def test_half_years_of_cdnow(self, cdnow):
        """Beside the fit to single customers: within two standard errors, which are larger."""
        table = CountHistogram.from_orders(
            cdnow.customer, cdnow.date, as_of="1998-06-30", period_ends=[26, 52], time_unit="week"
        )
        found = fit_table(table, model="bg_nbd")
        single = fit_bg_nbd(split_purchases(cdnow.customer, cdnow.date, calibration_end="1998-01-01").calibration)
        errors = np.array(list(found.standard_errors.values()))
        assert found.diagnosis.trustworthy
        assert (np.abs(found.estimates - single.estimates) < 2 * errors).all()
        assert (errors > np.array(list(single.standard_errors.values()))).all()
        expected = expected_histogram(found, table)
        assert expected.sum(axis=1) == pytest.approx(table.counts.sum(axis=1), rel=1e-9)

    def test_one_period_leaves_leaving_open(self):
        table = histogram([[6000, 2000, 1000, 500, 250, 250]], range(6), [52])
        found = fit_table(table, model="pareto_nbd")
        assert not found.diagnosis.trustworthy
        assert {"s", "beta"} & {*found.diagnosis.flat, *found.diagnosis.boundary}

    @EVERY
    def test_fine_bins_are_single_customers(self, name, cdnow):
        history = split_purchases(cdnow.customer, cdnow.date, calibration_end="1997-09-30").calibration
        rows = history.unique()
        table = BinnedHistory(
            frequency_low=rows.frequency, frequency_high=rows.frequency, recency_low=rows.recency,
            recency_high=rows.recency, age=rows.age, weight=rows.weight, time_unit="week",
        )  # fmt: skip
        found, single = fit_table(table, model=name), FITS[name](history)
        assert found.log_likelihood == pytest.approx(single.log_likelihood, rel=1e-12)
        assert found.estimates == pytest.approx(single.estimates, rel=1e-8)

    @EVERY
    def test_bins_hold_all_customers(self, name):
        """The probabilities of bins that cover everything add up to 1; each is the integral over its bin."""
        table = bins(
            frequency_low=[0, 1, 1, 3, 3], frequency_high=[0, 2, 2, np.inf, np.inf], recency_low=[0, 0, 6, 0, 6],
            recency_high=[0, 6, 13, 6, 13], age=[13] * 5, weight=[1] * 5,
        )  # fmt: skip
        nodes = nodes_of(table, 120)
        history = PurchaseHistory(frequency=nodes.x, recency=nodes.t, age=nodes.age, time_unit="week")
        density = np.exp(MODELS[name].log_likelihood(history) + nodes.log_weight)
        prob = np.add.reduceat(density, nodes.starts)
        assert prob.sum() == pytest.approx(1.0, rel=1e-10)
        search = _SEARCHES[name]
        theta = np.log([getattr(MODELS[name], parameter) for parameter in search.kind.names])
        at = BinnedLikelihood(search.derivatives, nodes, 1.0)(theta)
        assert at.value == pytest.approx(np.log(prob).sum(), rel=1e-11)
        step = 1e-5 * np.eye(len(theta))
        around = [
            BinnedLikelihood(search.derivatives, nodes, 1.0)(theta + sign * one) for one in step for sign in (1, -1)
        ]
        slopes = [(up.value - down.value) / 2e-5 for up, down in zip(around[::2], around[1::2], strict=True)]
        bends = [(up.gradient - down.gradient) / 2e-5 for up, down in zip(around[::2], around[1::2], strict=True)]
        np.testing.assert_allclose(at.gradient, slopes, atol=1e-7)
        np.testing.assert_allclose(at.hessian, bends, atol=1e-7)

    def test_rejections(self):
        table = histogram([60, 20, 10])
        for wrong in ({"table": [1, 2]}, {"model": "best"}, {"priors": {"x": (1, 1)}}, {"starts": [3]}):
            with pytest.raises(InputError):
                fit_table(**{"table": table, "model": "nbd", **wrong})
        with pytest.raises(InputError, match="measured in the unit"):
            expected_histogram(Nbd(1, 1, "day"), table)
        with pytest.raises(InputError, match="model"):
            expected_histogram(3, table)

    @pytest.mark.slow
    @EVERY
    def test_recovery(self, name):
        """Of bases binned coarsely, the errors of the parameters are as large as their standard errors say."""
        model, squares = MODELS[name], []
        for base in range(25):
            rng = np.random.default_rng([21, base])
            history = model.simulate(rng.choice([39.0, 52.0], 3000), rng=rng)
            table = BinnedHistory.from_history(history, frequency_bins=[1, 2, 3, 6], recency_edges=[6, 13, 26])
            found = fit_table(table, model=name)
            truth = np.array([getattr(model, parameter) for parameter in found.names])
            squares.append(np.log(found.estimates / truth) ** 2 / np.diag(found.search_covariance))
        assert (np.median(squares, axis=0) < 1.0).all()  # 0.45 for a normal error
        assert (np.mean(np.array(squares) < 1.96**2, axis=0) >= 0.85).all()

    @pytest.mark.slow
    def test_recovery_from_histograms(self):
        """Periods are of the same customers, so their errors are at most what the standard errors say."""
        truth, squares = np.array([1.2, 10.0, 0.8, 30.0]), []
        for base in range(60):
            rng = np.random.default_rng([22, base])
            n, ends = 20_000, [26.0, 52.0, 104.0, 156.0]
            rate, stay = (
                rng.gamma(truth[0], 1 / truth[1], n),
                rng.exponential(1.0, n) / rng.gamma(truth[2], 1 / truth[3], n),
            )
            rows = []
            for low, high in zip([0.0, *ends], ends, strict=False):
                bought = rng.poisson(rate * np.clip(stay - low, 0.0, high - low))
                rows.append(np.bincount(np.minimum(bought, 10), minlength=11))
            found = fit_table(histogram(rows, range(11), ends), model="pareto_nbd")
            squares.append(np.log(found.estimates / truth) ** 2 / np.diag(found.search_covariance))
        assert (np.mean(squares, axis=0) < 1.1).all()
        assert (np.mean(squares, axis=0) > 0.05).all()

    def test_settings_of_numpy_stop_nothing(self):
        bins = BinnedHistory(
            frequency_low=[0, 1, 1, 4], frequency_high=[0, 3, 3, np.inf], recency_low=[0, 0, 26, 26],
            recency_high=[0, 26, 39, 39], age=[39] * 4, weight=[60, 20, 12, 8], time_unit="week",
        )  # fmt: skip
        quiet = fit_table(bins, model="bg_nbd")
        early = CountHistogram(counts=[60, 40], cells=[0, 900], period_ends=[0.001], time_unit="year")
        with np.errstate(all="raise"):
            assert fit_table(bins, model="bg_nbd") == quiet
            assert expected_histogram(ParetoNbd(1.0, 1.0, 1.0, 1.0, "year"), early)[0] == pytest.approx([100.0, 0.0])


class TestBinnedHistory:
    """Bins of frequency, recency and age."""

    def test_no_customer_is_lost(self):
        rng = np.random.default_rng(1)
        history = MODELS["bg_nbd"].simulate(rng.choice([26.0, 39.0], 500), rng=rng)
        table = BinnedHistory.from_history(history, frequency_bins=[1, 2, 5], recency_edges=[5, 13])
        assert table.n_customers == 500
        assert table.weight[table.frequency_low == 0].sum() == (history.frequency == 0).sum()
        inside = (history.frequency >= 5) & (history.recency > 5) & (history.recency <= 13)
        chosen = (table.frequency_low == 5) & (table.recency_low == 5)
        assert table.weight[chosen].sum() == inside.sum()

    @pytest.mark.parametrize(
        ("change", "match"),
        [
            ({"frequency_low": [0, 1.5]}, "frequency_low"),
            ({"weight": [6.5, 4]}, "weight"),
            ({"weight": [-6, 4]}, "weight"),
            ({"weight": [0, 0]}, "weight"),
            ({"frequency_high": [0, 0.5]}, "frequency_high"),
            ({"frequency_high": [2, 3]}, "frequency_high"),
            ({"recency_low": [0, -1]}, "recency_low"),
            ({"recency_high": [0, 40]}, "recency_high"),
            ({"recency_high": [1, 39]}, "recency_high"),
            ({"age": [39]}, "age"),
        ],
    )
    def test_rejections(self, change, match):
        with pytest.raises(InputError, match=match):
            bins(**change)

    @pytest.mark.parametrize(
        "given",
        [{"frequency_bins": [2, 3]}, {"frequency_bins": [1, 1]}, {"recency_edges": [3, 2]}, {"recency_edges": [0]}],
    )
    def test_rejections_of_edges(self, given):
        history = PurchaseHistory.from_columns(frequency=[2, 0], recency=[30, 0], age=[39] * 2, time_unit="week")
        with pytest.raises(InputError):
            BinnedHistory.from_history(history, **{"frequency_bins": [1, 2], "recency_edges": [13], **given})
