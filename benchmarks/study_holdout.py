"""Models and rules without a model on the last part of a log.

    python benchmarks/study_holdout.py                             # CDNOW
    python benchmarks/study_holdout.py orders.parquet 2006-12-31   # customer, date or time, perhaps amount

Nothing is chosen by looking at the holdout. k of MBG/CNBD-k is chosen on the calibration part alone, in two ways: by
likelihood, and by the mean absolute error on its last quarter. "Chosen" is the model that `choose_model` takes by its
log score on that quarter. The ensemble has its weights from that quarter too, and its models are fitted again to the
whole calibration part.

Columns: the sum of all errors over the purchases that came, the error of the total, the root mean squared error, log
score [nats], CRPS and coverage of 90 % of the foretold distribution, and the same errors of money, where the log has
amounts: gamma-gamma beside the models, the mean spend of each customer beside the rules. Lower is better; a coverage
should be 0.90. Lines without a customer are left out.
"""

from __future__ import annotations

import sys
from time import perf_counter

import numpy as np

from crmvalue.datasets import load_cdnow
from crmvalue.errors import ConvergenceError
from crmvalue.models import (
    choose_model,
    compare_models,
    fit_bg_nbd,
    fit_ensemble,
    fit_gamma_gamma,
    fit_mbg_cnbd,
    fit_mbg_nbd,
    fit_nbd,
    fit_pareto_nbd,
)
from crmvalue.purchases import estimate_regularity, split_purchases

FITS = {"NBD": fit_nbd, "BG/NBD": fit_bg_nbd, "MBG/NBD": fit_mbg_nbd, "Pareto/NBD": fit_pareto_nbd}


def log_of(arguments):
    """Give customers, dates, amounts or None, and the end of the calibration."""
    if not arguments:
        orders = load_cdnow()
        return orders.customer, orders.date, orders.amount, "1997-09-30"
    import polars as pl

    path, end = arguments
    lines = pl.read_parquet(path).drop_nulls("customer")
    names = lines.columns
    amount = pl.col("amount") if "amount" in names else pl.col("quantity") * pl.col("unit_price")
    has_money = "amount" in names or {"quantity", "unit_price"} <= set(names)
    lines = lines.with_columns(
        day=pl.col("date" if "date" in names else "time").cast(pl.Date),
        **({"money": amount.cast(pl.Float64)} if has_money else {}),
    )
    day = lines["day"].to_numpy().astype("datetime64[D]")
    return lines["customer"].to_numpy(), day, lines["money"].to_numpy() if has_money else None, end


def ensemble_of(customer, date, end, fits):
    """Pool the four models, with weights from the last quarter of the calibration."""
    first, last = date.min(), np.datetime64(end)
    cut = last - np.timedelta64(round(0.25 * int((last - first).astype(int))), "D")
    inner = split_purchases(customer, date, calibration_end=cut, holdout_end=end, time_unit="week")
    pool = fit_ensemble(inner, {name: fit(inner.calibration) for name, fit in FITS.items()})
    said = ", ".join(f"{weight:.2f} {name}" for name, weight in zip(pool.names, pool.weights, strict=True) if weight)
    return said, pool.refitted(fits)


def cells_of(error, n, total):
    return f"{error.mean_absolute_error * n / total:.3f} | {error.bias:+.1%} | {error.root_mean_squared_error:,.3f}"


def main(arguments):
    customer, date, amount, end = log_of(arguments)
    split = split_purchases(customer, date, amount, calibration_end=end, time_unit="week")
    past, n, total = split.calibration, len(split.calibration), split.holdout_n_purchases.sum()
    fits, notes = {name: fit(past) for name, fit in FITS.items()}, []
    regularity = estimate_regularity(customer, date, as_of=end, time_unit="week")
    likeliest = fit_mbg_cnbd(past, regularity=regularity)
    fits[f"MBG/CNBD-{likeliest.model.k}, k by likelihood"] = likeliest
    start = perf_counter()
    by_error = choose_model(customer, date, as_of=end, models=["mbg_nbd", "mbg_cnbd"], criterion="mean_absolute_error")
    notes.append(f"k by error took {perf_counter() - start:.2f} s. {by_error.conclusion}")
    fits[f"{by_error.name}, k by error"] = by_error.fit
    try:
        chosen = choose_model(customer, date, as_of=end)
    except ConvergenceError as error:
        notes.append(f"Nothing is chosen: {error}.")
    else:
        notes.append(chosen.conclusion)
        fits[f"chosen: {chosen.name}"] = chosen.fit
    said, fits["ensemble"] = ensemble_of(customer, date, end, {name: fits[name] for name in FITS})
    notes.append(f"Ensemble: {said}.")
    spend = None if amount is None else fit_gamma_gamma(past, zeros="drop")
    print(f"{n:,} customers, {total:,.0f} purchases in {split.holdout_length:.0f} weeks after {end}\n")
    money = "" if amount is None else " Money: errors / money | Total | RMSE |"
    print(f"| Forecast | Errors / purchases | Total | RMSE | Log score | CRPS | Coverage |{money}")
    print("|---|" + "---:|" * (6 if amount is None else 9))
    for score in compare_models(split, fits, spend_model=spend):
        line = f"| {score.name} | {cells_of(score.purchases, n, total)} |"
        counts = score.counts
        line += " | | |" if counts is None else f" {counts.log_score:.3f} | {counts.crps:.3f} | {counts.coverage:.2f} |"
        if score.spend is not None:
            line += f" {cells_of(score.spend, n, split.holdout_spend.sum())} |"
        print(line)
    print("\n" + "\n".join(notes))


if __name__ == "__main__":
    main(sys.argv[1:])
