"""Money forecasts on the last part of a log: models of spend and of purchases, beside rules without a model.

    python benchmarks/study_spend.py                            # CDNOW
    python benchmarks/study_spend.py orders.parquet 2006-12-31  # the columns customer, date and amount
    ... --choice                                                # what the calibration part says, and no more

Nothing is chosen by what came. The models and their options are chosen on the last 13 weeks of the calibration part,
fitted to what was before: the model of spend by the mean log-density of the amounts of known customers given their
former ones, then the model of purchases by the mean log-probability of the numbers of purchases. A fit whose diagnosis
is not clean cannot be chosen. Both are then fitted to the whole calibration part.

Two forecasts are made of a pair of models. The mean of the money of a customer is for totals and for squared errors.
The median is for absolute errors: with even chances, the customer brings more or less. It is 0 for those who are likely
to bring nothing, so the medians add up to much less than the total.

At the end stand the customers who decide between the mean and "same rate x own mean": those with the largest difference
of the squared errors, and the absolute errors by the number of repeat purchases.
"""

from __future__ import annotations

import sys

import numpy as np
from attrs import evolve

from crmvalue.datasets import load_cdnow
from crmvalue.models import (
    Gb2Spend,
    customer_values,
    fit_gamma_gamma,
    fit_gb2_spend,
    fit_lognormal_spend,
    fit_mbg_cnbd,
    fit_mbg_nbd,
    fit_nbd,
)
from crmvalue.purchases import split_purchases

WEEKS = 13  # of the calibration part, on which is chosen
N_FUTURES = 200  # of each customer, for the median
SHOWN = ("gamma-gamma", "lognormal", "GB2")  # and the chosen one
KNOWN = ["spend_level", "log_rate"]
SPEND = {
    "gamma-gamma": lambda history: fit_gamma_gamma(history, zeros="drop"),
    "lognormal": fit_lognormal_spend,
    "lognormal, without first": lambda history: fit_lognormal_spend(history, use_first=False),
    "lognormal, level by rate": lambda history: fit_lognormal_spend(history, spend_covariates=["log_rate"]),
    "GB2": fit_gb2_spend,
    "GB2, without first": lambda history: fit_gb2_spend(history, use_first=False),
    "GB2, level by rate": lambda history: fit_gb2_spend(history, spend_covariates=["log_rate"]),
    "GB2, with drift": lambda history: fit_gb2_spend(history, drift=True),
}
PURCHASES = {
    "NBD": fit_nbd,
    "NBD, rate by level": lambda history: fit_nbd(history, purchase_covariates=["spend_level"]),
    "MBG/NBD": fit_mbg_nbd,
    "MBG/NBD, rate by level": lambda history: fit_mbg_nbd(history, purchase_covariates=["spend_level"]),
    "MBG/CNBD-2": lambda history: fit_mbg_cnbd(history, k=2),
    "MBG/CNBD-2, rate by level": lambda history: fit_mbg_cnbd(history, k=2, purchase_covariates=["spend_level"]),
}


def with_covariates(history):
    """Add the levels of spend and the rates of purchases that plain models expect of each customer."""
    level = np.log(fit_gb2_spend(history).model.expected_spend(history))
    rate = np.log(fit_nbd(history).model.expected_purchases(history, horizon=1.0))
    return history.with_covariates({"spend_level": level, "log_rate": rate})


def of_amounts(model):
    """Give a model of single amounts; the gamma-gamma model is the GB2 of power 1."""
    if hasattr(model, "gamma"):
        return Gb2Spend(1.0, model.gamma * model.p / model.q, model.p, model.q, use_first=False)
    return model


def spend_score(model, before, whole):
    """Mean log-density of the later amounts of the customers, given their former ones."""
    model = of_amounts(model)
    late = whole.amounts.n_purchases.sum() - before.amounts.n_purchases.sum()
    gain = model.log_likelihood(whole) - model.log_likelihood(before)
    return float(gain.sum() / late)


def purchase_score(model, split):
    """Mean log-probability of the number of purchases in the holdout."""
    history, came = split.calibration, split.holdout_n_purchases
    chance = model.prob_purchases(history, n=came, horizon=split.holdout_length)
    return float(np.log(np.maximum(chance, 1e-300)).mean())


def money(split, purchases, spend, *, with_median):
    """Give mean and median of the money of each customer; no median where a fit is not to be trusted."""
    options = {"horizon": split.holdout_length, "margin": 1.0}
    mean = customer_values(split.calibration, purchases.model, spend.model, **options).clv
    if not (with_median and purchases.diagnosis.trustworthy and spend.diagnosis.trustworthy):
        return mean, None
    narrow = customer_values(
        split.calibration, purchases, spend, **options, level=0.001, n_draws=N_FUTURES, rng=np.random.default_rng(1)
    )
    return mean, 0.5 * (narrow.intervals.outcome_low + narrow.intervals.outcome_high)


def line(name, foretold, came, note=""):
    error = foretold - came
    bias = foretold.sum() / came.sum() - 1.0
    print(f"| {name} | {np.abs(error).mean():,.1f} | {np.sqrt((error**2).mean()):,.1f} | {bias:+.0%} | {note} |")


def same_rate(split):
    """Give the money of each customer at the rate and the mean spend of the past."""
    history = split.calibration
    rate = np.divide(history.frequency, history.age, out=np.zeros(len(history)), where=history.age > 0)
    return rate * split.holdout_length * history.mean_spend


def deciders(split, mean):
    """Print who decides between the mean of a pair of models and the rule."""
    came, history, rule = split.holdout_spend, split.calibration, same_rate(split)
    worse = (mean - came) ** 2 - (rule - came) ** 2
    share = worse / ((rule - came) ** 2).sum()
    print("\n| Customer | Repeat purchases | Age | Mean spend | Rule | Model | Came | Of the rule's squared error |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    for i in np.argsort(-np.abs(worse))[:8]:
        figures = (history.mean_spend[i], rule[i], mean[i], came[i])
        shown = " | ".join(f"{figure:,.0f}" for figure in figures)
        print(
            f"| {history.customer[i]} | {history.frequency[i]:.0f} | {history.age[i]:.1f} | {shown} | {share[i]:+.1%} |"
        )
    print("\n| Repeat purchases | Customers | Came | Rule: MAE | Model: MAE | Rule: total | Model: total |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for low, high in ((0, 0), (1, 1), (2, 3), (4, 6), (7, 10**6)):
        some = (history.frequency >= low) & (history.frequency <= high)
        figures = [came[some].sum(), *(np.abs(one - came)[some].mean() for one in (rule, mean))]
        figures += [rule[some].sum(), mean[some].sum()]
        shown = f"{low}" if low == high else f"{low} to {high}" if high < 10**6 else f"{low} and more"
        print(f"| {shown} | {some.sum():,} | " + " | ".join(f"{figure:,.0f}" for figure in figures) + " |")


def table(split, fits, chosen):
    """Print the errors of all pairs and of the rules."""
    came = split.holdout_spend
    print("\n| Forecast of the money | MAE | RMSE | Total | |\n|---|---:|---:|---:|---|")
    line("same rate x own mean", same_rate(split), came)
    line("same as the last period", split.last_spend, came)
    line("nothing", np.zeros(len(came)), came)
    for purchase_name, purchases in fits[0].items():
        for spend_name, spend in fits[1].items():
            if spend_name not in (*SHOWN, chosen[1]):
                continue
            heavy = spend_name in ("GB2", chosen[1])
            mean, median = money(split, purchases, spend, with_median=heavy)
            note = "chosen" if (purchase_name, spend_name) == chosen else ""
            line(f"{purchase_name} x {spend_name}, mean", mean, came, note)
            if note:
                decided = mean
            if median is not None:
                line(f"{purchase_name} x {spend_name}, median", median, came, note)

    deciders(split, decided)


def fitted(history):
    """Fit all models to a history with its covariates."""
    return [{name: fit(history) for name, fit in fits.items()} for fits in (PURCHASES, SPEND)]


def best(scores, fits):
    """Name with the highest score among fits that are to be trusted."""
    trusted = {name: score for name, score in scores.items() if fits[name].diagnosis.trustworthy}
    return max(trusted or scores, key=(trusted or scores).get)


def main(arguments):
    if arguments:
        import polars as pl

        orders = pl.read_parquet(arguments[0], columns=["customer", "date", "amount"])
        log, end = (orders["customer"], orders["date"], orders["amount"]), np.datetime64(arguments[1])
    else:
        orders = load_cdnow()
        log, end = (orders.customer, orders.date, orders.amount), np.datetime64("1997-09-30")
    options = {"time_unit": "week", "zeros": "drop", "refunds": "net", "keep_amounts": True}
    earlier = split_purchases(*log, calibration_end=end - 7 * WEEKS, holdout_end=end, **options)
    split = split_purchases(*log, calibration_end=end, **options)
    before = earlier.calibration
    known = np.isin(split.calibration.customer, before.customer)
    whole = split.calibration[known]
    before = with_covariates(before)
    whole = whole.with_covariates({name: before.covariate(name) for name in KNOWN})
    early = fitted(before)
    scores = {name: spend_score(fit.model, before, whole) for name, fit in early[1].items()}
    spend = best(scores, early[1])
    print(f"chosen on the last {WEEKS} weeks before {end}: {len(before):,} customers\n")
    print("| Spend | Log score | Diagnosis |\n|---|---:|---|")
    for name, score in scores.items():
        print(f"| {name} | {score:.4f} | {'; '.join(early[1][name].diagnosis.messages) or 'clean'} |")
    scores = {name: purchase_score(fit.model, evolve(earlier, calibration=before)) for name, fit in early[0].items()}
    purchases = best(scores, early[0])
    print("\n| Purchases | Log score | Diagnosis |\n|---|---:|---|")
    for name, score in scores.items():
        print(f"| {name} | {score:.4f} | {'; '.join(early[0][name].diagnosis.messages) or 'clean'} |")
    if "--choice" in sys.argv:
        table(evolve(earlier, calibration=before), early, (purchases, spend))
        return
    split = evolve(split, calibration=with_covariates(split.calibration))
    print(
        f"\n{len(split.calibration):,} customers, {split.holdout_spend.sum():,.0f} in {split.holdout_length:.0f} weeks"
    )
    table(split, fitted(split.calibration), (purchases, spend))


main([argument for argument in sys.argv[1:] if argument != "--choice"])
