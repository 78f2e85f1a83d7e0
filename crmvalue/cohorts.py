"""Cohorts: who stays, for how long, and when a cohort has paid for its acquisition.

==========================================================  ===========================================================
For                                                         Use
==========================================================  ===========================================================
retention and revenue by period of first purchase           :func:`retention_triangle`
retention on day n, between two days, from day n on         :func:`n_day_retention`
whether cohorts differ at one age                           :func:`compare_retention`
how long customers stay, some of them still there           :func:`survival_curve`
whether cohorts stay equally long                           :func:`compare_survival`
retention of subscribers in periods to come                 :func:`project_retention`
value of each cohort so far, and its payback period         :func:`cohort_ltv`
==========================================================  ===========================================================

What is not over yet is never taken for a loss: cells and customers that cannot be known at `as_of` are kept apart.
Retention rates are fractions; the age of a cohort is counted in periods from that of the first purchase, age 0.
For the future of buyers without a contract see :mod:`crmvalue.models`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from crmvalue._cohorts.retention import NDayRetention, RetentionTriangle, n_day_retention, retention_triangle
from crmvalue._cohorts.survival_curve import (
    CohortComparison,
    SurvivalCurve,
    compare_retention,
    compare_survival,
    survival_curve,
)
from crmvalue._core.checks import (
    as_counts,
    as_day_column,
    as_floats,
    as_fraction,
    as_positive,
    as_whole_number,
    require,
)
from crmvalue._core.json_legacy import from_json_fields, to_json_text
from crmvalue._core.labels import labelled
from crmvalue._core.values import array_field, hand_over, read_only, stay_frozen
from crmvalue.errors import InputError
from crmvalue.ltv import payback_periods
from crmvalue.models import ContractHistory, fit_shifted_beta_geometric

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue.models import Fit, ShiftedBetaGeometric
    from crmvalue.typing import ArrayLike, Dates, Floats, Integers

__all__ = [
    "CohortComparison",
    "CohortLtv",
    "NDayRetention",
    "RetentionProjection",
    "RetentionTriangle",
    "SurvivalCurve",
    "cohort_ltv",
    "compare_retention",
    "compare_survival",
    "n_day_retention",
    "project_retention",
    "retention_triangle",
    "survival_curve",
]

_MOST_PERIODS = 10_000


def _optional(value: ArrayLike | None) -> Floats | None:
    return None if value is None else read_only(value)


@stay_frozen
@attrs.frozen(kw_only=True)
class RetentionProjection:
    """Subscribers who are still there, as far as observed and after that as the model expects.

    Parameters
    ----------
    n_active : ndarray
        Customers still there at each age, shape (cohorts, periods): observed, then expected.
    n_observed : ndarray of int
        Leading periods of each cohort that are observed; 0 for one in its first period, whose customers so far stand
        at age 0.
    fit : Fit
        Shifted beta-geometric model of all cohorts together, with its diagnosis.
    n_holdout : int
        Last observed periods of each cohort that the check keeps from the model; 0 for no check.
    holdout_actual, holdout_predicted : ndarray
        Customers at each of these periods, and what a model fitted to the earlier ones had expected of them, shape
        (cohorts, n_holdout); NaN for cohorts too young to have a period before.

    Examples
    --------
    >>> found = project_retention([1000, 869, 743, 653, 593, 551, 517, 491], 2, n_holdout=2)
    >>> found.retention[0, -2:].round(3), round(found.holdout_error, 3)
    (array([0.462, 0.438]), 0.03)
    """

    n_active: Floats = array_field()
    n_observed: Integers = array_field()
    fit: Fit[ShiftedBetaGeometric]
    n_holdout: int = 0
    holdout_actual: Floats = array_field()
    holdout_predicted: Floats = array_field()

    @property
    def retention(self) -> Floats:
        """Share of each cohort that is still there at each age, shape (cohorts, periods)."""
        return self.n_active / self.n_active[:, :1]

    @property
    def is_projected(self) -> npt.NDArray[np.bool_]:
        """Cells that the model expects, in the shape of `n_active`."""
        return np.arange(self.n_active.shape[1]) >= np.maximum(self.n_observed, 1)[:, np.newaxis]

    @property
    def holdout_error(self) -> float:
        """Sum of the absolute errors of the check over the sum of the actual customers; NaN without a check."""
        told = ~np.isnan(self.holdout_actual)
        actual = self.holdout_actual[told].sum()
        error = np.abs(self.holdout_predicted - self.holdout_actual)[told].sum()
        return float(error / actual) if actual > 0 else math.nan

    @property
    def conclusion(self) -> str:
        """How far the projection may be trusted."""
        last = self.n_active[:, -1].sum() / self.n_active[:, 0].sum()
        text = f"After {self.n_active.shape[1] - 1} periods {last:.1%} of the customers are expected to be still there."
        if not self.fit.diagnosis.trustworthy:
            text = f"{text} The fit is not to be trusted: see its diagnosis."
        if math.isnan(self.holdout_error):
            return f"{text} The model was not checked on periods that it had not seen."
        return f"{text} On {self.n_holdout} periods that it had not seen the model was {self.holdout_error:.1%} off."


@stay_frozen
@attrs.frozen(kw_only=True)
class CohortLtv:
    """What the customers of each cohort have brought so far, on average.

    Parameters
    ----------
    period : str
        Calendar period of the ages.
    cohort : ndarray of datetime64[D]
        First day of the period of first purchase, shape (cohorts,).
    size : ndarray of int
        Customers of each cohort.
    ltv : ndarray
        Margin up to the end of each period per customer of the cohort, before acquisition cost [money], shape (cohorts,
        periods); NaN where not observed.
    acquisition_cost : ndarray, optional
        Cost to win a customer of each cohort [money]; None where it was not given.
    payback : ndarray, optional
        Periods until the margin covers that cost: 1 where that of the first purchase does, 0 for a cost of 0, and NaN
        where the observed periods have not covered it yet.

    Examples
    --------
    >>> triangle = retention_triangle(
    ...     [1, 1, 2], ["2024-01-05", "2024-02-09", "2024-02-20"], [50, 30, 20], period="month", as_of="2024-02-29"
    ... )
    >>> cohort_ltv(triangle, margin=0.5, acquisition_cost=35).conclusion
    '1 of 2 cohorts has paid back its acquisition, in 2 months; not yet: 2024-02-01.'
    """

    period: str
    cohort: Dates = array_field(lambda value: read_only(as_day_column("cohort", value)))
    size: Integers = array_field()
    ltv: Floats = array_field()
    acquisition_cost: Floats | None = array_field(_optional, default=None)
    payback: Floats | None = array_field(_optional, default=None)

    @property
    def latest(self) -> Floats:
        """Value at the last observed age of each cohort [money]; NaN for a cohort in its first period."""
        known = ~np.isnan(self.ltv)
        last = np.maximum(known.sum(axis=1) - 1, 0)
        latest: Floats = self.ltv[np.arange(len(self.size)), last]
        return latest

    @property
    def ltv_to_cac(self) -> Floats:
        """Value at the last observed age over acquisition cost; NaN where that cost is 0 or no age is observed."""
        cost = self._require_cost()
        ratio: Floats = np.divide(self.latest, cost, out=np.full(len(cost), np.nan), where=cost > 0)
        return ratio

    @property
    def conclusion(self) -> str:
        """Which cohorts have paid back their acquisition, and in how many periods."""
        if self.acquisition_cost is None:
            cells = self.ltv[~np.isnan(self.ltv)]
            most = f"up to {cells.max():,.2f}" if len(cells) else "nothing that is known"
            return f"A customer has brought {most} so far; without a cost no payback is told."
        payback = np.zeros(0) if self.payback is None else self.payback
        paid = ~np.isnan(payback)
        n, k = int(paid.sum()), len(payback)
        waiting = ", ".join(self.cohort[~paid].astype(str).tolist())
        if n == 0:
            return f"No cohort has paid back its acquisition yet: {waiting}."
        low, high = int(payback[paid].min()), int(payback[paid].max())
        unit = self.period if high == 1 else f"{self.period}s"
        spell = f"{low} {unit}" if low == high else f"{low} to {high} {unit}"
        whose = "has paid back its" if n == 1 else "have paid back their"
        text = f"{n} of {k} {'cohort' if k == 1 else 'cohorts'} {whose} acquisition, in {spell}"
        return f"{text}; not yet: {waiting}." if waiting else f"{text}."

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give the curves in their long form, for a dataframe of any kind.

        Returns
        -------
        dict of str to ndarray
            One row for each observed cell: `cohort`, `age`, `size`, `ltv`, and with a cost `acquisition_cost` and
            `payback` of its cohort.
        """
        row, column = np.nonzero(~np.isnan(self.ltv))
        found = {"cohort": self.cohort[row], "age": column, "size": self.size[row], "ltv": self.ltv[row, column]}
        if self.acquisition_cost is not None and self.payback is not None:
            found |= {"acquisition_cost": self.acquisition_cost[row], "payback": self.payback[row]}
        return found

    def _require_cost(self) -> Floats:
        if self.acquisition_cost is None:
            raise InputError("acquisition_cost", "given to `cohort_ltv` where payback is asked for", None)
        return self.acquisition_cost

    def to_json(self) -> str:
        """Write the curves as JSON text."""
        return to_json_text(self, infinite=True)

    @classmethod
    def from_json(cls, text: str | bytes) -> CohortLtv:
        """Read what :meth:`to_json` wrote."""
        return from_json_fields(cls, text)


def project_retention(
    survivors: ArrayLike | RetentionTriangle, n_periods: int, *, n_holdout: int = 0
) -> RetentionProjection:
    r"""Project how many subscribers stay, with the shifted beta-geometric model.

    Parameters
    ----------
    survivors : array_like or RetentionTriangle
        Customers of one cohort who are still there after 0, 1, 2, ... periods, whole numbers that never rise; or a
        triangle of several cohorts, of which the observed cells are used. Cohorts without an observed period after the
        first are projected too.
    n_periods : int
        Periods to project beyond the last age of `survivors`, 1 to 10,000.
    n_holdout : int, optional
        Last observed periods of each cohort to check the model on: it is fitted once more without them.

    Returns
    -------
    RetentionProjection
        Customers by cohort and age, the fit, and the check.

    Raises
    ------
    InputError
        If the numbers are not whole, or rise; or no period is left to fit the model to.

    Notes
    -----
    Fader and Hardie, "How to project customer retention" (2007). Churn probabilities of customers have one beta
    distribution in all cohorts; those who are still there at age a are expected to be there at age t with probability
    :math:`S(t) / S(a)`. It is a model of contracts, where who has left stays away. Buyers who come and go need
    :class:`crmvalue.models.BgNbd` or another model of repeat purchases; numbers that rise are refused for this reason.

    Examples
    --------
    >>> found = project_retention([1000, 631, 468, 382, 326, 289, 262, 241], 5)
    >>> found.retention[0, 8:].round(3)
    array([0.222, 0.206, 0.193, 0.181, 0.171])
    """
    counts, n_observed = _read_survivors(survivors)
    ahead = as_whole_number("n_periods", n_periods, low=1, high=_MOST_PERIODS)
    kept_back = as_whole_number("n_holdout", n_holdout, low=0)
    n_ages = counts.shape[1]

    fit = _fit(counts, n_observed)
    n_active = _project(fit.model, counts, np.maximum(n_observed, 1), n_ages + ahead)
    actual = predicted = np.full((len(counts), kept_back), np.nan)
    if kept_back:
        old_enough = n_observed - kept_back >= 1
        if not (n_observed - kept_back >= 2).any():
            rule = "so small that a cohort has two periods before those held out"
            raise InputError("n_holdout", rule, kept_back, hint=f"at most {int(n_observed.max()) - 2}")
        known = np.where(old_enough, n_observed - kept_back, 1)
        earlier = _fit(counts[old_enough], known[old_enough])
        place = known[:, np.newaxis] + np.arange(kept_back)
        expected = _project(earlier.model, counts, known, int(place.max()) + 1)
        predicted = np.where(old_enough[:, np.newaxis], np.take_along_axis(expected, place, axis=1), np.nan)
        actual = np.take_along_axis(counts, np.minimum(place, n_ages - 1), axis=1)
        actual = np.where(old_enough[:, np.newaxis], actual, np.nan)
    return RetentionProjection(
        n_active=hand_over(n_active),
        n_observed=hand_over(n_observed),
        fit=fit,
        n_holdout=kept_back,
        holdout_actual=hand_over(actual),
        holdout_predicted=hand_over(predicted),
    )


def cohort_ltv(
    triangle: RetentionTriangle,
    *,
    margin: float,
    discount_rate: float = 0.0,
    acquisition_cost: ArrayLike | None = None,
) -> CohortLtv:
    r"""Value of each cohort so far, period by period, and when it has covered its acquisition cost.

    Basis: margin of revenue per customer of the cohort, whether he came back or not; before acquisition cost. It is
    what has happened, no forecast.

    Parameters
    ----------
    triangle : RetentionTriangle
        Cohorts with revenue.
    margin : float
        Share of revenue that stays, in [0, 1].
    discount_rate : float, optional
        Effective rate per period of the triangle, >= 0. Money of age k is discounted by k periods, so that of the first
        period is not.
    acquisition_cost : array_like, optional
        Cost to win a customer [money], >= 0: one number, or one for each cohort.

    Returns
    -------
    CohortLtv
        Curves, and payback periods where there is a cost.

    Raises
    ------
    InputError
        If the triangle has no revenue, or a number is out of its range.

    Notes
    -----
    .. math:: \mathrm{LTV}_c(k) = \sum_{j \le k} \frac{m \cdot \mathrm{revenue}_{cj}}{n_c \, (1 + d)^j}

    Usual definition. Payback as in :func:`crmvalue.ltv.payback_periods`, in whole periods, over observed ones.

    Examples
    --------
    >>> from crmvalue.datasets import load_cdnow
    >>> log = load_cdnow()
    >>> triangle = retention_triangle(log.customer, log.date, log.amount, period="month", as_of="1998-06-30")
    >>> found = cohort_ltv(triangle, margin=0.5, acquisition_cost=30)
    >>> found.ltv[:, 11].round(2), found.payback
    (array([43.16, 44.13, 46.04]), array([5., 5., 4.]))
    """
    if not isinstance(triangle, RetentionTriangle):
        raise InputError("triangle", "a RetentionTriangle", type(triangle).__name__)
    if triangle.revenue is None:
        raise InputError("triangle", "one with revenue", "no amounts", hint="give `amount` to `retention_triangle`")
    share = as_fraction("margin", margin, closed=True)
    rate = as_positive("discount_rate", discount_rate, zero=True)
    flow = share * triangle.revenue / triangle.size[:, np.newaxis] / (1 + rate) ** triangle.age
    ltv = np.where(triangle.observed, flow.cumsum(axis=1), np.nan)
    cost = payback = None
    if acquisition_cost is not None:
        cost = _cost_of_each(acquisition_cost, triangle.cohort)
        flow = np.where(triangle.observed, flow, 0.0)
        found = payback_periods(flow, cost, timing="start", interpolate=False)
        payback = np.where(np.isfinite(found), found, np.nan)
    return CohortLtv(
        period=triangle.period,
        cohort=triangle.cohort,
        size=triangle.size,
        ltv=hand_over(ltv),
        acquisition_cost=None if cost is None else hand_over(cost),
        payback=None if payback is None else hand_over(payback),
    )


def _read_survivors(survivors: ArrayLike | RetentionTriangle) -> tuple[Floats, Integers]:
    """Give the counts of each cohort, shape (cohorts, ages), and how many of them are observed."""
    if isinstance(survivors, RetentionTriangle):
        counts, seen = survivors.active.astype(np.float64), survivors.observed
        name, hint = "survivors", "who buys again after a pause has no contract: see crmvalue.models.BgNbd"
    else:
        (counts,) = as_counts(survivors=survivors)
        if counts.ndim != 1:
            rule = "one-dimensional, one element an age, or a RetentionTriangle"
            raise InputError("survivors", rule, f"{counts.ndim} dimensions")
        counts = counts[np.newaxis]
        seen = np.ones(counts.shape, dtype=bool)
        name, hint = "survivors", "customers who are still there, not those who are active again"
    if counts.shape[1] < 2:
        raise InputError(name, "at least two ages", counts.shape[1])
    rises = (np.diff(counts, axis=1) > 0) & seen[:, 1:]
    if rises.any():
        row, age = np.argwhere(rises)[0].tolist()
        place = age + 1 if seen.shape[0] == 1 else (row, age + 1)
        raise InputError(name, "numbers that never rise", counts[row, age + 1], index=place, hint=hint)
    require(counts[:, 0] >= 1, name, counts[:, 0], "at least one customer at age 0")
    return counts, seen.sum(axis=1)


def _fit(counts: Floats, n_observed: Integers) -> Fit[ShiftedBetaGeometric]:
    """Fit one model to all cohorts that have had a renewal."""
    parts = [
        ContractHistory.from_survivors(row[:n]) for row, n in zip(counts, n_observed.tolist(), strict=True) if n >= 2
    ]
    if not parts:
        raise InputError("survivors", "a cohort with an observed period after its first", int(n_observed.max()))
    history = ContractHistory(
        lifetime=np.concatenate([part.lifetime for part in parts]),
        churned=np.concatenate([part.churned for part in parts]),
        weight=np.concatenate([part.weight for part in parts]),
    )
    return fit_shifted_beta_geometric(history)


def _project(model: ShiftedBetaGeometric, counts: Floats, n_known: Integers, n_ages: int) -> Floats:
    """Replace what is not among the first known ages of each cohort by what the model expects."""
    age = np.arange(n_ages)
    last = n_known[:, np.newaxis] - 1
    start = np.take_along_axis(counts, last, axis=1)
    expected = start * model.survival(np.maximum(age - last, 0), tenure=last)
    known = np.zeros((len(counts), n_ages))
    width = min(n_ages, counts.shape[1])
    known[:, :width] = counts[:, :width]
    projected: Floats = np.where(age <= last, known, expected)
    return projected


def _cost_of_each(acquisition_cost: ArrayLike, cohort: Dates) -> Floats:
    n = len(cohort)
    by_cohort = labelled("acquisition_cost", acquisition_cost)
    if by_cohort is not None:
        days = as_day_column("acquisition_cost", list(by_cohort)).tolist()
        costs = dict(zip(days, by_cohort.values(), strict=True))
        unlike = sorted(set(days) ^ set(cohort.tolist()))
        if unlike or len(costs) != len(days):
            rule = f"for each of the {n} cohorts, by its first day"
            raise InputError("acquisition_cost", rule, str(unlike[0]) if unlike else "the same day twice")
        acquisition_cost = [costs[day] for day in cohort.tolist()]
    (cost,) = as_floats(acquisition_cost=acquisition_cost)
    require(cost >= 0, "acquisition_cost", cost, ">= 0")
    if cost.shape not in ((), (n,)):
        raise InputError("acquisition_cost", f"one number, or one for each of the {n} cohorts", cost.shape)
    return np.broadcast_to(cost, (n,)).copy()
