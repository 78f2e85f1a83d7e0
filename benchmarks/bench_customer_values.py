"""Value all customers in one table: crmvalue, lifetimes and, where it is installed, pymc-marketing in one run.

    python benchmarks/bench_customer_values.py [--customers 1000000] [--rounds 3]

The table has the probability alive, the expected purchases and spend, and the value over a year. The times of the
customers are in whole days. All start from columns in memory with fitted models. Fits are not timed. If pymc-marketing
is not installed, the run says so.

The other libraries discount each month from its end, and their year has twelve months (52.1 weeks). crmvalue discounts
every moment and takes 52 weeks. So the values are compared in two steps. First the definition of the others, made of
crmvalue's expected purchases, must give their values. Then crmvalue's value over the same months must lie between their
value and their value with each month discounted from its beginning. lifetimes runs on every row, and once more on
distinct rows compressed by hand. This second run has a loop over the months that predicts each month only once (the
loop of lifetimes does so twice).
"""

from __future__ import annotations

import argparse
import importlib.util
import platform
import statistics
import warnings
from importlib.metadata import version

import numpy as np
import pandas as pd
from bench_bg_nbd import once, simulated
from lifetimes import BetaGeoFitter, GammaGammaFitter

import crmvalue
from crmvalue.models import BgNbd, GammaGamma, customer_values, fit_bg_nbd, fit_gamma_gamma
from crmvalue.purchases import PurchaseHistory

TARGETS = {"lifetimes": 60.0, "pymc-marketing": 20.0}
SPEND = GammaGamma(6.25, 3.74, 15.44)  # of CDNOW
HORIZON = 52.0
MARGIN = 0.3
WEEKLY_RATE = 1.1 ** (1 / 52) - 1
MONTHS = 12
FULL_SIZE = 1_000_000  # for which the targets are meant
RUNS_A_ROUND = 5


def base(n):
    """Customers with mean repeat spends in cents."""
    history = simulated(n, 27, 39)
    x = history.frequency
    drawn = SPEND.simulate(x, rng=np.random.default_rng(2))
    spend = np.where(x > 0, np.maximum(drawn.round(2), 0.01), 0.0)
    return PurchaseHistory.from_columns(
        frequency=x, recency=history.recency, age=history.age, mean_repeat_spend=spend, time_unit="week"
    )


def by_crmvalue(history, purchases, spend):
    table = customer_values(history, purchases, spend, horizon=HORIZON, margin=MARGIN, discount_rate=WEEKLY_RATE)
    return table.prob_alive, table.expected_purchases, table.expected_spend, table.clv


class Lifetimes:
    """The models of lifetimes with given parameters."""

    name = "lifetimes"
    weeks_a_month = 4.345

    def __init__(self, history, purchases, spend):
        self.purchases, self.spend = BetaGeoFitter(), GammaGammaFitter()
        self.purchases.predict = self.purchases.conditional_expected_number_of_purchases_up_to_time  # as its fit does
        self.purchases.params_ = pd.Series(
            {"r": purchases.r, "alpha": purchases.alpha, "a": purchases.a, "b": purchases.b}
        )
        self.spend.params_ = pd.Series({"p": spend.p, "q": spend.q, "v": spend.gamma})
        self.models = purchases, spend
        self.columns = [pd.Series(column) for column in _columns(history)]
        self.monthly_rate = _monthly(self.weeks_a_month)

    def run(self):
        x, t_x, age, m = self.columns
        alive = self.purchases.conditional_probability_alive(x, t_x, age)
        expected = self.purchases.conditional_expected_number_of_purchases_up_to_time(HORIZON, x, t_x, age)
        spend = self.spend.conditional_expected_average_profit(x, m)
        value = self.spend.customer_lifetime_value(
            self.purchases, x, t_x, age, m, time=MONTHS, discount_rate=self.monthly_rate, freq="W"
        )
        return tuple(np.asarray(column) for column in (alive, expected, spend, MARGIN * value))


class LifetimesCompressed(Lifetimes):
    """The same on distinct rows. crmvalue finds them, as the fastest way, and this is part of the time."""

    name = "lifetimes, distinct rows by hand"

    def __init__(self, history, purchases, spend):
        super().__init__(history, purchases, spend)
        self.history = history

    def run(self):
        rows = self.history.unique()
        few = rows.frequency, rows.recency, rows.age
        foretell = self.purchases.conditional_expected_number_of_purchases_up_to_time
        alive = self.purchases.conditional_probability_alive(*few)[rows.inverse]
        expected = foretell(HORIZON, *few)[rows.inverse]
        x, _, _, m = self.columns
        spend = self.spend.conditional_expected_average_profit(x.to_numpy(), m.to_numpy())
        return alive, expected, spend, MARGIN * spend * _by_months(self, lambda t: foretell(t, *few))[rows.inverse]


class PymcMarketing:
    """pymc-marketing at the mode of its posterior under flat priors, so with parameters of its own."""

    name = "pymc-marketing"

    def __init__(self, history):
        from pymc_extras.prior import Prior
        from pymc_marketing.clv import BetaGeoModel, GammaGammaModel, utils

        x, t_x, age, m = _columns(history)
        self.data = pd.DataFrame(
            {"customer_id": np.arange(len(x)), "frequency": x, "recency": t_x, "T": age, "monetary_value": m}
        )
        flat = {name: Prior("HalfFlat") for name in ("r", "alpha", "a", "b")}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns of its own future changes
            self.purchases = BetaGeoModel(model_config=flat)
            self.purchases.fit(data=self.data, method="map", progressbar=False)
            self.spend = GammaGammaModel()
            self.spend.fit(data=self.data[x > 0], method="map", progressbar=False)
        found = {**_mode(self.purchases), **_mode(self.spend)}
        self.models = (
            BgNbd(found["r"], found["alpha"], found["a"], found["b"], "week"),
            GammaGamma(found["p"], found["q"], found["v"]),
        )
        self.weeks_a_month = getattr(utils, "_DAYS_PER_MONTH", 4.345 * 7) / 7  # 4.345 in old versions
        self.monthly_rate = _monthly(self.weeks_a_month)

    def run(self):
        alive = self.purchases.expected_probability_alive(self.data)
        expected = self.purchases.expected_purchases(self.data, future_t=HORIZON)
        spend = self.spend.expected_customer_spend(self.data)
        value = self.spend.expected_customer_lifetime_value(
            self.purchases, self.data, future_t=MONTHS, discount_rate=self.monthly_rate, time_unit="W"
        )
        return tuple(np.asarray(column).ravel() for column in (alive, expected, spend, MARGIN * value))


def check(peer, history, theirs):
    """Check that answers are equal where the definitions are, and differ as expected where they are not."""
    purchases, spend = peer.models
    alive, expected, mean, value = by_crmvalue(history, purchases, spend)
    np.testing.assert_allclose(theirs[0], alive, rtol=1e-9)
    np.testing.assert_allclose(theirs[1], expected, rtol=1e-7)
    np.testing.assert_allclose(theirs[2], mean, rtol=1e-9)
    at_end = _by_months(peer, lambda t: purchases.expected_purchases(history, horizon=t))
    np.testing.assert_allclose(theirs[3], MARGIN * mean * at_end, rtol=1e-6)
    months = MONTHS * peer.weeks_a_month
    between = (
        MARGIN * mean * purchases.discounted_expected_purchases(history, discount_rate=WEEKLY_RATE, horizon=months)
    )
    slack = 1 + 1e-6
    assert (theirs[3] <= between * slack).all()
    assert (between <= theirs[3] * (1 + peer.monthly_rate) * slack).all()
    return theirs[3].sum() / value.sum() - 1


def _columns(history):
    """What the other libraries take: 0, not NaN, without a repeat purchase."""
    return history.frequency, history.recency, history.age, np.nan_to_num(history.mean_repeat_spend)


def _monthly(weeks):
    return (1 + WEEKLY_RATE) ** weeks - 1


def _by_months(peer, foretell):
    """Sum the purchases of each month, discounted from its end."""
    total, before = 0.0, 0.0
    for month in range(1, MONTHS + 1):
        until = foretell(month * peer.weeks_a_month)
        total = total + (until - before) / (1 + peer.monthly_rate) ** month
        before = until
    return total


def _mode(model):
    return {name: float(values.to_numpy().ravel()[0]) for name, values in model.fit_result.items()}


def parsed():
    parser = argparse.ArgumentParser(description="Time customer_values beside lifetimes and pymc-marketing.")
    parser.add_argument("--customers", type=int, default=FULL_SIZE)
    parser.add_argument("--rounds", type=int, default=3, help=f"each {RUNS_A_ROUND} runs of crmvalue, one of each peer")
    return parser.parse_args()


def main():
    options = parsed()
    history = base(options.customers)
    purchases, spend = fit_bg_nbd(history).model, fit_gamma_gamma(history).model
    peers = [Lifetimes(history, purchases, spend), LifetimesCompressed(history, purchases, spend)]
    names = ["numpy", "scipy", "lifetimes"]
    if importlib.util.find_spec("pymc_marketing"):
        peers.append(PymcMarketing(history))
        names.append("pymc-marketing")
    else:
        print("pymc-marketing is not installed: left out.\n")
    print(f"Python {platform.python_version()}, {', '.join(f'{name} {version(name)}' for name in names)}; ", end="")
    print(f"{len(history):,} customers, {len(history.unique().weight):,} distinct rows; ", end="")
    print(f"medians of {options.rounds * RUNS_A_ROUND} runs of crmvalue, {options.rounds} of the others, in turns\n")

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # hyp2f1 overflows for some rows
        off = {peer.name: check(peer, history, peer.run()) for peer in peers}
        ours, theirs = [], {peer.name: [] for peer in peers}
        for _ in range(options.rounds):
            ours += [once(lambda: by_crmvalue(history, purchases, spend))[0] for _ in range(RUNS_A_ROUND)]
            for peer in peers:
                theirs[peer.name].append(once(peer.run)[0])
    mine = statistics.median(ours)

    print("| customer values by | ms | times crmvalue's | target | total value beside crmvalue's |")
    print("|---|---:|---:|---:|---:|")
    print(f"| crmvalue {crmvalue.__version__} | {mine * 1e3:,.0f} | 1.0 | | |")
    for name, taken in theirs.items():
        seconds = statistics.median(taken)
        verdict = ""
        if name in TARGETS and len(history) >= FULL_SIZE:
            verdict = f"{TARGETS[name]:g}, {'met' if seconds >= TARGETS[name] * mine else 'missed'}"
        print(f"| {name} | {seconds * 1e3:,.0f} | {seconds / mine:.1f} | {verdict} | {off[name]:+.2%} |")


if __name__ == "__main__":
    main()
