"""How much the probabilities promise too much, learnt from the same rule one horizon earlier."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from crmvalue._products.counting import is_among
from crmvalue._products.offers.learning import UNCORRECTED, Correction, bought_in, history_of, learn
from crmvalue._products.offers.scoring import score

if TYPE_CHECKING:
    from crmvalue._products.offers.learning import History, PurchaseDays
    from crmvalue.typing import Floats

__all__ = ["corrections"]

_CUSTOMERS = 2_000
"""Most customers that the correction is learnt from; spread evenly, since the work grows with them."""

_FIRST = 20
"""Products of each kind and customer that the correction is learnt from: those that may be offered."""

_EVENTS = 20.0
"""Purchases, as many as expected, that count beside those that were seen."""

_POWERS = (0.1, 2.0)
"""Least and largest power; with 0 or less, likely products would no longer come first."""

_ALIKE = 1e-9
"""Probabilities that differ by a smaller part tell nothing of the power."""


def corrections(
    days: PurchaseDays, cut: np.datetime64, horizon: int, past: History, bought: Any
) -> tuple[Correction, Correction]:
    """Compare what came after a cut with the probabilities of that day: for bought products and for new ones.

    `past` is the history up to the cut, `bought` what was bought after it. The probabilities of that day rest on the
    horizon before the cut; a log that begins later corrects nothing.
    """
    before = cut - np.timedelta64(horizon, "D")
    if int(days.day.min()) > int(before.astype(np.int64)):
        return UNCORRECTED, UNCORRECTED
    known = np.nonzero(past.n_days > 0)[0]
    who = known[np.arange(0, len(known), -(-len(known) // _CUSTOMERS))]
    owned = np.unique(past.times[who].indices)
    lessons = learn(history_of(days, before), bought_in(days, before, cut), owned)
    n_products = days.shape[1]
    came = bought.tocoo()
    truth = np.sort(came.row.astype(np.int64) * n_products + came.col)
    found = []
    for wanted in (False, True):
        best = score(
            past, lessons, who, _FIRST, lambda _, product, *, is_new, w=wanted: np.full(len(product), is_new is w)
        )
        seen = is_among(best.customer.astype(np.int64) * n_products + best.product, truth)
        found.append(_fit(best.prob, seen.astype(np.float64)))
    return found[0], found[1]


@np.errstate(under="ignore")
def _fit(prob: Floats, seen: Floats) -> Correction:
    """Find factor and power by Poisson's likelihood: then expected and seen agree in number."""
    seen, prob = seen[prob > 0], prob[prob > 0]
    if not len(prob):
        return UNCORRECTED
    prior = _EVENTS / prob.sum()
    x, y, weight = np.log(prob), seen + prior * prob, 1 + prior

    def level(power: float) -> float:
        return float(np.log(y.sum() / (weight * np.exp(power * x).sum())))

    power = 1.0
    n_steps = 100 if prob.min() < (1 - _ALIKE) * prob.max() else 0
    for _ in range(n_steps):  # Newton's steps of the power alone; the factor follows from it
        share = np.exp(power * x + level(power)) * weight
        mean = float((share * x).sum() / y.sum())
        slope = float((y * x).sum()) - y.sum() * mean
        curve = float((share * (x - mean) ** 2).sum())
        step = min(max(slope / curve, -0.5), 0.5) if curve > 0 else 0.0
        power += step
        if abs(step) < 1e-12:
            break
    power = min(max(power, _POWERS[0]), _POWERS[1])
    return Correction(float(np.exp(level(power))), power)
