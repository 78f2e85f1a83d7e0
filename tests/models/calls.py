"""Valid calls of the public functions of crmvalue.models."""

from __future__ import annotations

from functools import cache

import numpy as np

from crmvalue.datasets import load_cdnow
from crmvalue.models import (
    BgNbd,
    ContractHistory,
    CountHistogram,
    Nbd,
    OpportunityHistory,
    TimeVaryingHistory,
    calibration_by_frequency,
    choose_model,
    compare_models,
    customer_values,
    draw_posterior,
    expected_histogram,
    fit_beta_discrete_weibull,
    fit_bg_bb,
    fit_bg_cnbd,
    fit_bg_nbd,
    fit_calendar,
    fit_correlated_pareto_nbd,
    fit_ensemble,
    fit_gamma_gamma,
    fit_gb2_spend,
    fit_ggompertz_nbd,
    fit_lognormal_spend,
    fit_mbg_cnbd,
    fit_mbg_nbd,
    fit_nbd,
    fit_pareto_nbd,
    fit_shifted_beta_geometric,
    fit_table,
    fit_time_varying_pareto_nbd,
    holdout_error,
    likelihood_ratio_test,
    probability_integral_transform,
    proper_scores,
    purchase_tracking,
    revenue_plan,
    rolling_holdout,
    spend_independence,
)
from crmvalue.purchases import PurchaseHistory, split_purchases, summarise_purchases
from tests.calls import Call, Later

__all__ = ["CALLS"]

HISTORY = PurchaseHistory.from_columns(
    frequency=[0, 0, 1, 2, 5, 0, 1],
    recency=[0, 0, 3, 20, 30, 0, 33],
    age=[30, 35, 31, 38, 33, 28, 36],
    time_unit="week",
)

CALLS = [
    Call(function, {"history": HISTORY, "priors": {"r": (0.5, 1.0)}}, out_of_range={"l2": -1.0})
    for function in (fit_bg_nbd, fit_mbg_nbd, fit_nbd)
]


CALLS += [
    Call(
        function,
        {"history": HISTORY, "k": 2, "priors": {"r": (0.5, 1.0), "a": (1.0, 1.0), "b": (2.0, 1.0)}},
        out_of_range={"k": 0, "l2": -1.0},
    )
    for function in (fit_bg_cnbd, fit_mbg_cnbd)
]

CALLS += [
    Call(
        fit_calendar,
        {
            "customer": ["ann", "ann", "ann", "bob", "bob", "cid", "dan"],
            "date": [f"2025-{day}" for day in ("01-01", "01-08", "02-01", "01-03", "01-20", "01-05", "01-09")],
            "as_of": "2025-03-01",
            "model": "nbd",
            "shrinkage": 0.3,
            "holidays": {"sale": ["2025-01-20", "2026-01-20"]},
            "covariates": {"warm": (["2025-01-10", "2025-01-11"], [1.0, 2.0])},
        },
        out_of_range={"date": "2025-02-30", "as_of": "2024-12-31", "k": 0, "shrinkage": 0.0},
    )
]

PARETO_HISTORY = PurchaseHistory.from_columns(
    frequency=[0, 1, 2, 5, 0], recency=[0, 3, 8, 9, 0], age=[10, 10, 9, 10, 3], time_unit="week"
)

CALLS += [
    Call(function, {"history": PARETO_HISTORY, "priors": {"r": (0.5, 1.0)}}, out_of_range={"l2": -1.0})
    for function in (fit_pareto_nbd, fit_ggompertz_nbd, fit_correlated_pareto_nbd)
]


CHANGING = TimeVaryingHistory(
    customer=[1, 2, 3, 4],
    frequency=[0, 1, 2, 5],
    recency=[0, 3, 8, 9],
    age=[10, 10, 9, 10],
    n_periods=[2, 2, 2, 2],
    period_end=[5, 10, 4, 12, 5, 10, 3, 10],
    covariate_names=["z"],
    covariate_values=[[0], [1], [1], [0], [0], [1], [1], [0]],
    purchase_totals=[[0], [1], [1], [3]],
    time_unit="week",
)

CALLS += [
    Call(
        fit_time_varying_pareto_nbd,
        {"history": CHANGING, "purchase_covariates": ["z"], "priors": {"r": (0.5, 1.0), "s": (1.0, 0.5)}},
        out_of_range={"l2": -1.0},
    )
]

SPENDERS = PurchaseHistory.from_columns(
    frequency=[1, 2, 3, 0],
    recency=[1, 2, 3, 0],
    age=[4, 4, 4, 4],
    mean_repeat_spend=[9.0, 20.0, 31.0, 0.0],
    time_unit="week",
)
AMOUNTS = summarise_purchases(
    [1, 1, 1, 2, 2, 3],
    ["2024-01-01", "2024-02-01", "2024-02-09", "2024-01-05", "2024-03-01", "2024-02-01"],
    [9.0, 12.0, 8.0, 40.0, 31.0, 20.0],
    keep_amounts=True,
)
HISTOGRAM = CountHistogram(counts=[60, 25, 15], cells=[0, 1, 2], period_ends=[1], time_unit="year")
DONORS = OpportunityHistory(frequency=[0, 1, 2, 3], recency=[0, 1, 3, 3], n_opportunities=[3, 3, 3, 3])
COHORT = [100, 80, 70, 65]

CALLS += [
    Call(fit_gamma_gamma, {"history": SPENDERS, "priors": {"q": (4.0, 0.5)}}),
    Call(fit_lognormal_spend, {"history": AMOUNTS, "priors": {"tau": (0.5, 0.5)}}),
    Call(fit_gb2_spend, {"history": AMOUNTS, "priors": {"a": (1.0, 0.5), "p": (3.0, 0.5), "q": (3.0, 0.5)}}),
    Call(
        fit_shifted_beta_geometric,
        {"survivors": COHORT, "priors": {"alpha": (1.0, 1.0)}},
        out_of_range={"survivors": -1.0},
    ),
    Call(
        fit_beta_discrete_weibull,
        {"survivors": COHORT, "priors": {"alpha": (1.0, 1.0)}},
        out_of_range={"survivors": -1.0},
    ),
    Call(fit_table, {"table": HISTOGRAM, "model": "nbd", "priors": {"r": (1.0, 1.0)}}),
    Call(expected_histogram, {"model": Nbd(0.8, 1.2, "year"), "table": HISTOGRAM}),
    Call(fit_bg_bb, {"history": DONORS, "priors": {"alpha": (1.0, 1.0)}}),
]


@cache
def split():
    """Give two halves of a small order log."""
    return split_purchases(
        ["ann", "ann", "ann", "ann", "bob", "bob", "cid", "dan"],
        [f"2025-{day}" for day in ("01-01", "01-08", "02-01", "03-09", "01-03", "01-20", "01-05", "01-09")],
        [20.0, 30.0, 25.0, 28.0, 12.0, 9.0, 40.0, 15.0],
        calibration_end="2025-02-15",
        holdout_end="2025-03-31",
        time_unit="week",
    )


@cache
def some_orders():
    """Give customer, date and amount of each fifth customer of CDNOW."""
    cdnow = load_cdnow()
    kept = np.isin(cdnow.customer, np.unique(cdnow.customer)[::5])
    return cdnow.customer[kept], cdnow.date[kept], cdnow.amount[kept]


@cache
def known():
    """Give their first three quarters."""
    return summarise_purchases(*some_orders(), as_of="1997-09-30")


@cache
def known_split():
    """Give the last of these quarters as a holdout."""
    return split_purchases(*some_orders(), calibration_end="1997-06-30", holdout_end="1997-09-30")


MODEL = BgNbd(0.243, 4.414, 0.793, 2.426, "week")

CALLS += [
    Call(
        draw_posterior,
        {
            "fit": Later(lambda: fit_shifted_beta_geometric(COHORT)),
            "history": ContractHistory.from_survivors(COHORT),
            "n_draws": 20,
            "rng": np.random.default_rng(1),
        },
        out_of_range={"n_draws": 0},
    ),
    Call(calibration_by_frequency, {"split": Later(split), "model": MODEL, "most": 3}, out_of_range={"most": 0}),
    Call(
        purchase_tracking,
        {
            "customer": ["ann", "bob", "ann"],
            "date": ["2025-01-01", "2025-01-03", "2025-01-20"],
            "model": MODEL,
            "as_of": "2025-01-31",
            "period_days": 7,
        },
        out_of_range={"date": "not a date", "as_of": "2024-12-31", "period_days": 0},
    ),
    Call(
        spend_independence,
        {
            "history": PurchaseHistory.from_columns(
                frequency=[1, 2, 3], recency=[1, 2, 3], age=[5, 5, 5], mean_repeat_spend=[9, 8, 9], time_unit="week"
            )
        },
    ),
    Call(
        compare_models,
        {"split": Later(split), "fits": Later(lambda: {"BG/NBD": fit_bg_nbd(split().calibration)})},
        out_of_range={"gap": 0.0},
    ),
    Call(
        probability_integral_transform,
        {"split": Later(split), "model": MODEL, "rng": np.random.default_rng(1), "n_bins": 4},
        out_of_range={"n_bins": 1},
    ),
    Call(
        choose_model,
        {
            "customer": [1] * 6 + [2] * 2 + [3, 4, 5, 6] + [7] * 4,
            "date": [f"2024-0{month}-{day}" for month in range(1, 5) for day in ("03", "12", "17", "26")],
            "as_of": "2024-05-31",
            "models": ["nbd"],
            "holdout_share": 0.3,
        },
        out_of_range={"holdout_share": 1.0, "as_of": "2023-12-31", "date": "not a date"},
    ),
    Call(
        rolling_holdout,
        {
            "customer": [1] * 6 + [2] * 2 + [3, 4, 5, 6] + [7] * 4,
            "date": [f"2024-0{month}-{day}" for month in range(1, 5) for day in ("03", "12", "17", "26")],
            "origins": ["2024-02-20", "2024-02-29"],
            "horizon": 4,
            "models": ["nbd"],
        },
        out_of_range={"horizon": 0.0, "origins": "2024-04-20", "date": "not a date"},
    ),
    Call(
        fit_ensemble,
        {"split": Later(split), "fits": {"BG/NBD": MODEL}},
    ),
    Call(
        proper_scores,
        {"split": Later(split), "model": MODEL, "level": 0.5},
        out_of_range={"level": 1.5},
    ),
    Call(
        customer_values,
        {
            "history": Later(known),
            "purchase_model": Later(lambda: fit_mbg_nbd(known())),
            "spend_model": Later(lambda: fit_gamma_gamma(known())),
            "horizon": 13.0,
            "margin": 0.3,
            "discount_rate": 0.002,
            "service_cost": 0.1,
            "acquisition_cost": 3.0,
            "segment": Later(lambda: ["web"] * len(known())),
            "level": 0.5,
            "n_draws": 4,
            "rng": np.random.default_rng(1),
            "inflate": "holdout",
            "holdout": Later(known_split),
        },
        out_of_range={
            "horizon": -1.0,
            "margin": 1.5,
            "discount_rate": -0.1,
            "service_cost": -1.0,
            "acquisition_cost": -1.0,
            "level": 1.5,
            "n_draws": 0,
        },
    ),
    Call(
        revenue_plan,
        {
            "history": Later(known),
            "purchase_model": Later(lambda: fit_mbg_nbd(known())),
            "spend_model": Later(lambda: fit_gamma_gamma(known())),
            "n_months": 2,
            "margin": 0.3,
            "segment": Later(lambda: ["web"] * len(known())),
            "level": 0.5,
            "n_draws": 4,
            "rng": np.random.default_rng(1),
        },
        out_of_range={"n_months": 0, "margin": 1.5, "level": 1.5, "n_draws": 0},
    ),
    Call(
        holdout_error, {"foretold": [2.0, 1.0], "actual": [1.0, 1.0]}, out_of_range={"foretold": -1.0, "actual": -1.0}
    ),
    Call(
        likelihood_ratio_test,
        {
            "smaller": Later(lambda: fit_shifted_beta_geometric(COHORT)),
            "larger": Later(lambda: fit_beta_discrete_weibull(COHORT)),
        },
    ),
]
