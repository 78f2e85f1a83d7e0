"""Fits of hard bases: few customers, heavy buyers, a spend of zero.

    python benchmarks/study_robustness.py [BASES]

Small bases have 100 customers over 39 weeks. Every fit must give an answer. It must say so if the likelihood is flat or
the fit is on a boundary. And it must find the highest likelihood. It is compared with 20 searches from random starts
and, on every fifth base, with a general optimiser that sees only `log_likelihood`. The fits of lifetimes and clvkit are
shown beside them.
"""

from __future__ import annotations

import contextlib
import io
import sys
import warnings
from time import perf_counter
from typing import NamedTuple

import numpy as np
import pandas as pd
from clvkit import BGNBD, MBGNBD, CustomerBase
from lifetimes import BetaGeoFitter, ModifiedBetaGeoFitter, ParetoNBDFitter
from lifetimes.utils import ConvergenceError
from scipy.optimize import minimize

from crmvalue.errors import InputError
from crmvalue.models import (
    BgNbd,
    GammaGamma,
    MbgNbd,
    ParetoNbd,
    fit_bg_nbd,
    fit_gamma_gamma,
    fit_mbg_nbd,
    fit_pareto_nbd,
)
from crmvalue.purchases import PurchaseHistory

N_CUSTOMERS, WEEKS = 100, 39.0
N_RESTARTS = 20
N_HEAVY = 20
SMALL = {
    "BG/NBD": (BgNbd(0.243, 4.414, 0.793, 2.426, "week"), fit_bg_nbd, BetaGeoFitter, BGNBD),
    "MBG/NBD": (MbgNbd(0.525, 6.183, 0.891, 1.614, "week"), fit_mbg_nbd, ModifiedBetaGeoFitter, MBGNBD),
    "Pareto/NBD": (ParetoNbd(0.553, 10.58, 0.606, 11.67, "week"), fit_pareto_nbd, ParetoNBDFitter, None),
}
HEAVY = {  # parameters, ages from and to [weeks]
    "a 2, b 20, 27 to 39 weeks": ((2.0, 0.5, 2.0, 20.0), 27, 39),
    "a 2, b 20, 10 to 50 years": ((2.0, 0.5, 2.0, 20.0), 520, 2600),
    "a 2, b 200, 1 to 8 years": ((2.0, 0.5, 2.0, 200.0), 52, 416),
}


class Row(NamedTuple):
    """Figures of the fit of one base, or their columns over all bases."""

    flagged: float
    off: float
    large: float
    missed: float
    elsewhere: float
    ratio: float
    flagged_prior: float
    off_prior: float


def in_kind(model, values):
    return type(model)(*(float(value) for value in values), model.time_unit)


def random_starts(model, n, rng):
    """Draw random starts: shapes from 0.01 to 100, rates from 0.1 to 1,000 weeks."""
    rates = [name in ("alpha", "beta") for name in parameters(model)]
    low, high = np.where(rates, 0.1, 0.01), np.where(rates, 1000.0, 100.0)
    return [in_kind(model, row) for row in np.exp(rng.uniform(np.log(low), np.log(high), (n, 4)))]


def parameters(model):
    return ("r", "alpha", "s", "beta") if isinstance(model, ParetoNbd) else ("r", "alpha", "a", "b")


def search_elsewhere(model, history, starts):
    """Best log-likelihood of a general optimiser without derivatives, improved by one with finite differences."""
    limits = np.log([1e-5, 1e6])

    def loss(theta):
        return -in_kind(model, np.exp(np.clip(theta, *limits))).log_likelihood(history).sum()

    best = -np.inf
    for start in starts:
        theta = np.log([getattr(start, name) for name in parameters(model)])
        found = minimize(loss, theta, method="Nelder-Mead", options={"maxiter": 2000, "xatol": 1e-6, "fatol": 1e-8})
        found = minimize(loss, np.clip(found.x, *limits), method="L-BFGS-B", bounds=[tuple(limits)] * 4)
        best = max(best, -found.fun)
    return best


def small_bases(model, fit, n_bases, number):
    """Fit every base, and return one row of `Row` for each."""
    rows = []
    for base in range(n_bases):
        history, rng = draw_small(model, number, base)
        found = fit(history)
        if not (np.isfinite(found.estimates).all() and np.isfinite(found.log_likelihood)):
            raise AssertionError(f"no answer for base {base}: {found}")
        again = fit(history, starts=random_starts(model, N_RESTARTS, rng))
        elsewhere = np.nan
        if base % 5 == 0:
            starts = [model, found.model, *random_starts(model, 2, rng)]
            elsewhere = search_elsewhere(model, history, starts) - found.log_likelihood
        helped = fit(history, priors=priors(model))
        foretold = found.model.expected_purchases(history, horizon=WEEKS).sum()
        row = Row(
            flagged=not found.diagnosis.trustworthy,
            off=farthest(found, model),
            large=found.estimates.max() > 1000,
            missed=again.log_likelihood - found.log_likelihood,
            elsewhere=elsewhere,
            ratio=foretold / model.expected_purchases(history, horizon=WEEKS).sum(),
            flagged_prior=not helped.diagnosis.trustworthy,
            off_prior=farthest(helped, model),
        )
        rows.append(row)
    return Row(*np.array(rows, dtype=float).T)


def farthest(fit, model):
    """Return the factor by which the worst parameter is wrong."""
    truth = np.array([getattr(model, name) for name in parameters(model)])
    return np.exp(np.abs(np.log(fit.estimates / truth)).max())


def priors(model):
    """Loose priors of the two parameters of leaving, half or double the truth, as from a similar base."""
    first, second = parameters(model)[2:]
    return {first: (2 * getattr(model, first), 1.0), second: (getattr(model, second) / 2, 1.0)}


def draw_small(model, number, base):
    rng = np.random.default_rng([number, base])
    return model.simulate(np.full(N_CUSTOMERS, WEEKS), rng=rng), rng


def peers(model, lifetimes_fitter, clvkit_fitter, n_bases, number):
    """Count the failures of other libraries on the same bases, and parameters above 1,000 without a warning."""
    failed, silent, clvkit_silent = 0, 0, 0
    for base in range(n_bases):
        history, _ = draw_small(model, number, base)
        found = by_lifetimes(lifetimes_fitter, history)
        failed += found is None
        silent += found is not None and max(found) > 1000
        clvkit_silent += clvkit_fitter is not None and max(by_clvkit(clvkit_fitter, history)) > 1000
    return failed, silent, clvkit_silent


def by_lifetimes(fitter, history):
    """Estimates, or None if lifetimes raises that it did not converge."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")  # it is written for older libraries
        np.random.seed(0)  # noqa: NPY002 - its Pareto/NBD starts at random numbers of this generator
        try:
            found = fitter().fit(history.frequency, history.recency, history.age)
        except ConvergenceError:
            return None
    return list(found.params_)


def by_clvkit(fitter, history):
    data = pd.DataFrame({"frequency": history.frequency, "recency": history.recency, "T": history.age})
    base = CustomerBase(
        data,
        time_unit="W",
        observation_period_end=pd.Timestamp("2020-12-31"),
        has_monetary=False,
        on_negative="net",
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return list(fitter().fit(base).params_)


def print_small(n_bases):
    print(f"{n_bases} bases of {N_CUSTOMERS} customers, {WEEKS:g} weeks\n")
    found = {label: small_bases(*case[:2], n_bases, number) for number, (label, case) in enumerate(SMALL.items())}
    print("| Model | flagged | off by 10 or more, flagged | not flagged | worst not flagged ", end="")
    print(
        "| with priors: flagged | off by 10 or more | missed, restarts | missed, elsewhere | above 1e-3 | not flagged |"
    )
    print("|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|")
    for label, of in found.items():
        flagged = of.flagged.astype(bool)
        print(f"| {label} | {flagged.sum()} | {(of.off[flagged] >= 10).sum()} of {flagged.sum()} ", end="")
        print(f"| {(of.off[~flagged] >= 10).sum()} of {(~flagged).sum()} | {of.off[~flagged].max():.1f} ", end="")
        print(f"| {of.flagged_prior.sum():.0f} | {(of.off_prior >= 10).sum()} ", end="")
        print(f"| {of.missed.max():.1e} | {np.nanmax(of.elsewhere):.1e} ", end="")
        print(f"| {(of.missed > 1e-3).sum()} | {(of.missed[~flagged] > 1e-3).sum()} |")
    print("\nPredicted purchases of the next 39 weeks over those of the true parameters, percentiles 10, 50, 90\n")
    print("| Model | flagged | not flagged |\n|---|---:|---:|")
    for label, of in found.items():
        flagged = of.flagged.astype(bool)
        shares = [np.percentile(of.ratio[which], (10, 50, 90)) for which in (flagged, ~flagged)]
        print(f"| {label} | {' | '.join(' '.join(f'{share:.2f}' for share in three) for three in shares)} |")
    print("\nThe peers on the same bases\n")
    print("| Model | crmvalue: a parameter above 1,000 | of these not flagged | lifetimes fails ", end="")
    print("| lifetimes above 1,000 | clvkit above 1,000 |\n|---|---:|---:|---:|---:|---:|")
    for number, (label, (model, _, *fitters)) in enumerate(SMALL.items()):
        of = found[label]
        failed, silent, clvkit_silent = peers(model, *fitters, n_bases, number)
        print(f"| {label} | {of.large.sum():.0f} | {(of.large * (1 - of.flagged)).sum():.0f} | {failed} ", end="")
        print(f"| {silent} | {clvkit_silent if fitters[1] else '-'} |", flush=True)


def print_heavy():
    print(f"\n20,000 customers of BG/NBD, r 2, alpha 0.5; {N_HEAVY} bases each\n")
    print("| Base | mean purchases | most | above 2,000 | trusted | mean r | alpha | a | b ", end="")
    print("| farthest, SE | ms | lifetimes fails |\n|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|")
    for number, (label, (values, low, high)) in enumerate(HEAVY.items()):
        model = BgNbd(*values, "week")
        counts, fits, times, failed = [], [], [], 0
        for base in range(N_HEAVY):
            rng = np.random.default_rng([9, number, base])
            history = model.simulate(rng.uniform(low, high, 20_000), rng=rng)
            start = perf_counter()
            fits.append(fit_bg_nbd(history))
            times.append(perf_counter() - start)
            x = history.frequency
            counts.append((x.mean(), x.max(), (x > 2000).sum()))
            failed += by_lifetimes(BetaGeoFitter, history) is None
        means, most, above = np.transpose(counts)
        off = [np.log(fit.estimates / values) / np.sqrt(np.diag(fit.search_covariance)) for fit in fits]
        trusted = sum(fit.diagnosis.trustworthy for fit in fits)
        print(f"| {label} | {means.mean():.1f} | {most.max():,.0f} | {above.min():.0f} to {above.max():.0f} ", end="")
        print(f"| {trusted} | {' | '.join(f'{v:.3g}' for v in np.mean([f.estimates for f in fits], axis=0))} ", end="")
        print(f"| {np.abs(off).max():.1f} | {np.median(times) * 1e3:.0f} | {failed} |", flush=True)


def print_zero_spend():
    rng = np.random.default_rng(5)
    x = rng.integers(1, 6, 1000)
    spend = GammaGamma(6.25, 3.74, 15.44).simulate(x, rng=rng)
    spend[17] = 0.0
    history = PurchaseHistory.from_columns(
        frequency=x, recency=x, age=np.full(1000, 9.0), mean_repeat_spend=spend, time_unit="week"
    )
    print("\nGamma-gamma, one mean repeat spend of 0 among 1,000\n")
    try:
        fit_gamma_gamma(history)
    except InputError as error:
        print(f"by default: {error}")
    found = fit_gamma_gamma(history, zeros="drop")
    print(f"zeros='drop': {found.model}, {found.n_customers} used, left out {found.left_out}")


def main():
    n_bases = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    print_small(n_bases)
    print_heavy()
    print_zero_spend()


if __name__ == "__main__":
    main()
