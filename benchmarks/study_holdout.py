"""Models and rules without a model on the last part of a log.

    python benchmarks/study_holdout.py                             # CDNOW
    python benchmarks/study_holdout.py orders.parquet 2006-12-31   # the columns customer and date

Prints the sum of all errors over the purchases that came, the error of the total, and the share of the purchases of the
best tenth that the tenth with the highest forecast made.
"""

from __future__ import annotations

import sys

from crmvalue.datasets import load_cdnow
from crmvalue.models import compare_models, fit_bg_nbd, fit_mbg_cnbd, fit_mbg_nbd, fit_pareto_nbd
from crmvalue.purchases import estimate_regularity, split_purchases

FITS = {"BG/NBD": fit_bg_nbd, "MBG/NBD": fit_mbg_nbd, "Pareto/NBD": fit_pareto_nbd}


def log_of(arguments):
    """Give customers, dates and the end of the calibration."""
    if not arguments:
        orders = load_cdnow()
        return orders.customer, orders.date, "1997-09-30"
    import polars as pl

    path, end = arguments
    orders = pl.read_parquet(path, columns=["customer", "date"])
    return orders["customer"], orders["date"], end


customer, date, end = log_of(sys.argv[1:])
split = split_purchases(customer, date, calibration_end=end, time_unit="week")
n_customers, n_purchases = len(split.calibration), split.holdout_n_purchases.sum()
regularity = estimate_regularity(customer, date, as_of=end, time_unit="week")
regular = fit_mbg_cnbd(split.calibration, regularity=regularity)  # k by the likelihood of the calibration part
fits = {name: fit(split.calibration) for name, fit in FITS.items()} | {f"MBG/CNBD-{regular.model.k}": regular}
print(f"{n_customers:,} customers, {n_purchases:,.0f} purchases in {split.holdout_length:.0f} weeks\n")
print("| Forecast | Errors / purchases | Total | Best tenth found |")
print("|---|---:|---:|---:|")
for score in compare_models(split, fits):
    error = score.purchases
    relative = error.mean_absolute_error * n_customers / n_purchases
    print(f"| {score.name} | {relative:.3f} | {error.bias:+.0%} | {error.best_decile_found:.0%} |")
