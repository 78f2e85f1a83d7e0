"""The page on moving from other packages: what they print is what this package computes, line by line.

The figures are read from the page, so that the page and the test cannot differ.
"""

from __future__ import annotations

import functools
import math
import re
from pathlib import Path

import numpy as np
import pytest

from crmvalue import models
from crmvalue.datasets import load_cdnow
from crmvalue.models import BgBb, BgNbd, ContractHistory, OpportunityHistory, ParetoNbd
from crmvalue.purchases import PurchaseHistory, split_purchases, summarise_purchases

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "move-from-other-packages.md").read_text(encoding="utf-8")
WITHOUT_FIGURE = ("as lifetimes, above", "the same model", "not the same")

PAPER = BgNbd(0.243, 4.414, 0.793, 2.426, "week")
UNROUNDED = BgNbd(0.2425945, 4.4136019, 0.7929199, 2.4258881, "week")
PARETO = ParetoNbd(0.55315, 10.57633, 0.60625, 11.67150, "week")
DERT = ParetoNbd(0.5629966, 12.5590370, 0.4081095, 10.5148048, "week")
HIGH_END = [1000, 869, 743, 653, 593, 551, 517, 491]


def table_of(package):
    """Read the first table under a heading: the name in the package, and the figure."""
    lines = PAGE.partition(f"## From {package}\n")[2].partition("\n\n")[0].strip().splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[3:]]
    return {(package, row[0]): row[2] for row in cells}


FIGURES = {
    place: figure
    for package in ("lifetimes", "pymc-marketing", "CLVTools")
    for place, figure in table_of(package).items()
    if not figure.startswith(WITHOUT_FIGURE)
}


@functools.cache
def sample():
    log = load_cdnow()
    return split_purchases(log.customer, log.date, log.amount, calibration_end="1997-09-30").calibration


@functools.cache
def printed():
    """Round the sample as lifetimes prints it: times with two decimals, money in cents, half a cent up."""
    history = sample()
    return PurchaseHistory.from_columns(
        frequency=history.frequency,
        recency=history.recency.round(2),
        age=history.age.round(2),
        mean_repeat_spend=np.floor(100 * history.mean_repeat_spend + 0.5 + 1e-6) / 100,
        time_unit="week",
    )


def columns_of(history, *places):
    columns = (history.frequency, history.recency, history.age, history.mean_repeat_spend)
    return np.stack(columns, axis=1)[list(places)].ravel()


def first_times():
    return columns_of(printed(), 0)[:3]


def whole_weeks():
    log = load_cdnow()
    history = summarise_purchases(
        log.customer, log.date, log.amount, as_of="1998-06-30", grain="week", time_unit="week"
    )
    return columns_of(history, 0, 1, 2353)


def one(x=26, t_x=30.85714, age=31):
    row = [np.atleast_1d(column) for column in (x, t_x, age)]
    return PurchaseHistory.from_columns(frequency=row[0], recency=row[1], age=row[2], time_unit="week")


@functools.cache
def fit(name, history=printed):
    return getattr(models, f"fit_{name}")(history())


def estimates(name, history=printed):
    return fit(name, history).estimates


def errors(name, history=printed):
    return list(fit(name, history).standard_errors.values())


def with_likelihood(name):
    return [*estimates(name, sample), fit(name, sample).log_likelihood]


def spend():
    return fit("gamma_gamma").model.expected_spend(printed())


def months_of_thirty_weeks():
    total = np.array([fit("bg_nbd").model.expected_purchases(printed(), horizon=30 * month) for month in range(13)])
    return (1.01 ** -np.arange(1, 13) @ np.diff(total, axis=0) * spend())[[0, 1, 5]]


def donors():
    history = OpportunityHistory(frequency=[0, 4], recency=[0, 5], n_opportunities=[6, 6])
    return BgBb(1.2035223, 0.7497164, 0.6567182, 2.7834422).expected_purchases(history, horizon=10)


COMPUTED = [
    # lifetimes
    first_times,
    lambda: estimates("bg_nbd"),
    lambda: errors("bg_nbd"),
    lambda: fit("bg_nbd").model.expected_purchases(printed(), horizon=1)[[1515, 156, 1980]],
    lambda: UNROUNDED.prob_alive(one()),
    lambda: [fit("bg_nbd").model.expected_purchases_new(horizon=52)],
    lambda: [PAPER.prob_purchases_new(10, horizon=2)],
    lambda: estimates("gamma_gamma"),
    lambda: spend()[[0, 1, 2, 5]],
    lambda: [models.spend_independence(printed()).correlation],
    months_of_thirty_weeks,
    lambda: estimates("mbg_nbd"),
    lambda: estimates("pareto_nbd", sample),
    donors,
    # pymc-marketing
    whole_weeks,
    lambda: BgNbd(0.25, 4.0, 0.8, 2.5, "week").log_likelihood(one([0, 200], [0, 38], [40, 40])),
    lambda: models.fit_shifted_beta_geometric(ContractHistory.from_survivors(HIGH_END)).estimates,
    # CLVTools
    lambda: [len(sample()), sample().frequency.sum()],
    lambda: with_likelihood("pareto_nbd"),
    lambda: errors("pareto_nbd", sample),
    lambda: with_likelihood("bg_nbd"),
    lambda: PARETO.expected_purchases(one(), horizon=52),
    lambda: PARETO.prob_alive(one()),
    lambda: DERT.discounted_expected_purchases(one(7, 35, 77.86), discount_rate=math.expm1(0.0027)),
    lambda: [*estimates("ggompertz_nbd", sample)[:2], fit("ggompertz_nbd", sample).log_likelihood],
    lambda: estimates("gamma_gamma", sample),
    lambda: [PARETO.expected_purchases_new(horizon=52)],
]


def test_each_line_is_computed():
    assert len(FIGURES) == len(COMPUTED)


@pytest.mark.parametrize(
    ("place", "figure", "compute"),
    [
        pytest.param(*line, compute, id=" ".join(line[0]))
        for line, compute in zip(FIGURES.items(), COMPUTED, strict=False)
    ],
)
def test_what_they_print(place, figure, compute):
    """Equal to half a unit of the last digit that the page shows."""
    shown = re.findall(r"-?\d+(?:\.\d+)?(?:e-?\d+)?", figure.rpartition(": ")[2])
    found = np.asarray(compute(), dtype=float)
    assert len(found) == len(shown), place
    for number, text in zip(found, shown, strict=True):
        digits, _, power = text.partition("e")
        unit = 10.0 ** (int(power or 0) - len(digits.partition(".")[2]))
        assert abs(number - float(text)) <= 0.5001 * unit, (place, number, text)


def test_a_model_is_kept():
    model = fit("bg_nbd").model
    assert BgNbd.from_json(model.to_json()) == model
