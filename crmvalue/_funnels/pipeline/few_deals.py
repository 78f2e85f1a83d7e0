"""Ends of the totals of groups with few open deals, of many groups at once.

They do what `distribution_of_total` does, in the same order. For so few totals, setting up a distribution of each group
takes longer than its totals.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from crmvalue._funnels.pipeline.work import AT_ONCE, MOST_EXACT, MOST_UNITS

if TYPE_CHECKING:
    from crmvalue.typing import Floats, Integers

__all__ = ["ends_of_few"]

_CELLS = 1 << 18  # totals at a time


@np.errstate(under="ignore")  # as in `distribution_of_total`
def ends_of_few(code: Integers, k: int, a: Floats, p: Floats, probs: tuple[float, float]) -> Any:
    """Give two quantiles of the total of each of k groups, shape (2, k); NaN for groups with many open deals."""
    sure: Floats = np.bincount(code, weights=np.where(p == 1, a, 0.0), minlength=k).astype(np.float64)
    is_open = (a > 0) & (p > 0) & (p < 1)
    n_open = np.bincount(code[is_open], minlength=k)
    begins = np.cumsum(n_open) - n_open
    by_group = np.nonzero(is_open)[0]
    by_group = by_group[np.argsort(code[by_group], kind="stable")]
    found = np.full((2, k), np.nan)
    for n in range(AT_ONCE + 1):
        alike = np.nonzero(n_open == n)[0]
        for start in range(0, len(alike), _CELLS >> n):
            some = alike[start : start + (_CELLS >> n)]
            deals = by_group[begins[some, np.newaxis] + np.arange(n)]
            found[:, some] = _quantiles(a[deals], p[deals], sure[some], probs)
    return found


def _quantiles(a: Floats, p: Floats, sure: Floats, probs: tuple[float, float]) -> list[Floats]:
    """Quantiles of the totals of groups with equally many deals, shape (groups, deals)."""
    has_unit, steps, unit = _in_units(a)
    total, prob = np.where(has_unit, 0.0, sure)[:, np.newaxis], np.ones((len(a), 1))
    for amount, chance in zip(np.where(has_unit, steps.T, a.T), p.T, strict=True):
        total = np.concatenate([total, total + amount[:, np.newaxis]], axis=1)
        prob = np.concatenate([prob * (1 - chance)[:, np.newaxis], prob * chance[:, np.newaxis]], axis=1)
    order = np.argsort(total, axis=1, kind="stable")
    total, prob = np.take_along_axis(total, order, axis=1), np.take_along_axis(prob, order, axis=1)
    up_to = prob.cumsum(axis=1)
    places = [((up_to >= share) & (prob > 0)).argmax(axis=1) for share in probs]
    ends = [total[np.arange(len(a)), place] for place in places]
    return [np.where(has_unit, end * unit + sure, end) for end in ends]


def _in_units(a: Floats) -> tuple[Any, Floats, Floats]:
    """Tell which groups have amounts that are multiples of a unit in hundredths that is not too small; give both."""
    hundredths = np.rint(a * 100)
    has_unit = (hundredths / 100 == a).all(axis=1) & (a.sum(axis=1) <= MOST_EXACT)
    whole = np.where(has_unit[:, np.newaxis], hundredths, 1.0).astype(np.int64)
    unit = np.gcd.reduce(whole, axis=1)
    steps = whole // np.maximum(unit, 1)[:, np.newaxis]
    return has_unit & (steps.sum(axis=1) <= MOST_UNITS), steps.astype(np.float64), unit / 100
