"""Retention of subscribers in future periods, from a model of contracts."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import attrs
import numpy as np

from crmvalue._cohorts.retention import RetentionTriangle
from crmvalue._core.checks import as_counts, as_whole_number, require
from crmvalue._core.labels import counted, figure, percent
from crmvalue._core.values import (
    checked_field,
    count_field,
    hand_over,
    number_table,
    of_class,
    require_columns,
    stay_frozen,
    whole_table,
)
from crmvalue.errors import InputError
from crmvalue.models import ContractHistory, Fit, fit_shifted_beta_geometric

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue.models import ShiftedBetaGeometric
    from crmvalue.typing import ArrayLike, Floats, Integers

__all__ = ["RetentionProjection", "project_retention"]

_MOST_PERIODS = 10_000
_RISE = 1e-6  # of what a model expects at an age; less is rounding


@stay_frozen
@attrs.frozen(kw_only=True)
class RetentionProjection:
    """Active subscribers at each age: observed, then expected by the model.

    Parameters
    ----------
    n_active : ndarray
        Active customers at each age, shape (cohorts, periods): observed, then expected.
    n_observed : ndarray of int
        Number of observed periods of each cohort. It is 0 for a cohort in its first period; its customers so far stand
        at age 0.
    fit : Fit
        Shifted beta-geometric model of all cohorts together, with its diagnosis.
    n_holdout : int
        Number of last observed periods of each cohort that are held out to check the model; 0 for no check.
    holdout_actual, holdout_predicted : ndarray
        Customers in each held-out period, and the prediction of a model fitted to the earlier periods, shape (cohorts,
        n_holdout); NaN for cohorts without an earlier period.

    Examples
    --------
    >>> found = project_retention([1000, 869, 743, 653, 593, 551, 517, 491], 2, n_holdout=2)
    >>> found.retention[0, -2:].round(3), round(found.holdout_error, 3)
    (array([0.462, 0.438]), 0.03)
    """

    n_active: Floats = number_table("n_active", 2, low=0.0)
    n_observed: Integers = whole_table("n_observed")
    fit: Fit[ShiftedBetaGeometric] = checked_field("fit", of_class(Fit))
    n_holdout: int = count_field("n_holdout", default=0)
    holdout_actual: Floats = number_table("holdout_actual", 2, low=0.0, missing=True)
    holdout_predicted: Floats = number_table("holdout_predicted", 2, low=0.0, missing=True)

    def __attrs_post_init__(self) -> None:
        n = len(self.n_active)
        require_columns(self, n, ("n_observed",), "cohorts", least=1)
        require(self.n_active[:, :1] > 0, "n_active", self.n_active[:, :1], "> 0 in the first period of each cohort")
        for name in ("holdout_actual", "holdout_predicted"):
            if getattr(self, name).shape != (n, self.n_holdout):
                raise InputError(name, f"of shape ({n}, {self.n_holdout})", getattr(self, name).shape)
        earlier, later = self.n_active[:, :-1], self.n_active[:, 1:]
        require(later <= earlier * (1.0 + _RISE), "n_active", later, "a number that never rises")
        n_ages = self.n_active.shape[1]
        require(self.n_observed <= n_ages, "n_observed", self.n_observed, f"at most the {n_ages} periods of `n_active`")
        actual, predicted, most = self.holdout_actual, self.holdout_predicted, self.n_active[:, :1] * (1.0 + _RISE)
        require(np.isnan(actual) | (actual == np.floor(actual)), "holdout_actual", actual, "a whole number, or NaN")
        for name, column in (("holdout_actual", actual), ("holdout_predicted", predicted)):
            require(~(column > most), name, column, "at most `n_active` in the first period")
        known = np.isnan(actual) == np.isnan(predicted)
        require(known, "holdout_predicted", predicted, "NaN where, and only where, `holdout_actual` is NaN")

    @property
    def retention(self) -> Floats:
        """Share of each cohort that is still active at each age, shape (cohorts, periods)."""
        return self.n_active / self.n_active[:, :1]

    @property
    def is_projected(self) -> npt.NDArray[np.bool_]:
        """Whether each cell of `n_active` is expected by the model, not observed."""
        return np.arange(self.n_active.shape[1]) >= np.maximum(self.n_observed, 1)[:, np.newaxis]

    @property
    def holdout_error(self) -> float:
        """Sum of the absolute errors of the check over the sum of the actual customers; NaN without a check."""
        known = ~np.isnan(self.holdout_actual)
        actual = self.holdout_actual[known].sum()
        error = np.abs(self.holdout_predicted - self.holdout_actual)[known].sum()
        return float(error / actual) if actual > 0 else math.nan

    @property
    def conclusion(self) -> str:
        """Retention at the last projected age, and how well the model predicted the held-out periods."""
        last = self.n_active[:, -1].sum() / self.n_active[:, 0].sum()
        periods = counted(self.n_active.shape[1] - 1, "period")
        text = f"After {periods}, {percent(last)} of the customers are expected to be active."
        if not self.fit.diagnosis.trustworthy:
            text = f"{text} The fit is not trustworthy: see its diagnosis."
        known = ~np.isnan(self.holdout_actual)
        if not known.any():
            return f"{text} The model was not checked on held-out periods."
        held_out = counted(self.n_holdout, "held-out period")
        if math.isnan(self.holdout_error):
            expected = figure(self.holdout_predicted[known].sum())
            return f"{text} On {held_out}, nobody was active; the model expected {expected}."
        return f"{text} On {held_out}, the model was {percent(self.holdout_error)} off."


def project_retention(
    survivors: ArrayLike | RetentionTriangle, n_periods: int, *, n_holdout: int = 0
) -> RetentionProjection:
    r"""Project how many subscribers stay, with the shifted beta-geometric model.

    Parameters
    ----------
    survivors : array_like or RetentionTriangle
        Active customers of one cohort after 0, 1, 2, ... periods, whole numbers that never rise; or a triangle of
        several cohorts, of which the observed cells are used. Cohorts without an observed period after the first are
        projected too.
    n_periods : int
        Periods to project beyond the last age of `survivors`, 1 to 10,000.
    n_holdout : int, optional
        Number of last observed periods of each cohort to check the model on. For the check the model is fitted again
        without them.

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
    Fader and Hardie, "How to project customer retention" (2007). The churn probabilities of customers have one beta
    distribution in all cohorts. A customer who is active at age a is expected to be active at age t with probability
    :math:`S(t) / S(a)`. The model is for contracts: a customer who has left never returns. For customers who may return
    use :class:`crmvalue.models.BgNbd` or another model of repeat purchases. For this reason counts that rise raise.

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
    most = int(n_observed.max()) - 2
    if kept_back > most >= 0:
        rule = "so small that a cohort has two periods before the held-out ones"
        raise InputError("n_holdout", rule, kept_back, hint=f"at most {most}")

    fit = _fit(counts, n_observed)
    n_active = _project(fit.model, counts, np.maximum(n_observed, 1), n_ages + ahead)
    actual = predicted = np.full((len(counts), kept_back), np.nan)
    if kept_back:
        old_enough = n_observed - kept_back >= 1
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


def _read_survivors(survivors: ArrayLike | RetentionTriangle) -> tuple[Floats, Integers]:
    """Give the counts of each cohort, shape (cohorts, ages), and how many of them are observed."""
    if isinstance(survivors, RetentionTriangle):
        if survivors.by_start:
            rule = "a triangle whose cohorts begin with the first purchase"
            raise InputError("survivors", rule, "one with `start`", hint="the share active at age 0 is below 1")
        counts, seen = survivors.active.astype(np.float64), survivors.observed
        hint = "customers who return have no contract; use crmvalue.models.BgNbd"
    else:
        (counts,) = as_counts(survivors=survivors)
        if counts.ndim != 1:
            rule = "one-dimensional, one element an age, or a RetentionTriangle"
            raise InputError("survivors", rule, f"{counts.ndim} dimensions")
        counts = counts[np.newaxis]
        seen = np.ones(counts.shape, dtype=bool)
        hint = "count customers who never left, not customers who returned"
    if counts.shape[1] < 2:
        raise InputError("survivors", "at least two ages", counts.shape[1])
    rises = (np.diff(counts, axis=1) > 0) & seen[:, 1:]
    if rises.any():
        row, age = np.argwhere(rises)[0].tolist()
        place = age + 1 if seen.shape[0] == 1 else (row, age + 1)
        raise InputError("survivors", "numbers that never rise", counts[row, age + 1], index=place, hint=hint)
    require(counts[:, 0] >= 1, "survivors", counts[:, 0], "at least one customer at age 0")
    return counts, seen.sum(axis=1)


def _fit(counts: Floats, n_observed: Integers) -> Fit[ShiftedBetaGeometric]:
    """Fit one model to all cohorts with an observed period after the first."""
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
    """Keep the known ages of each cohort, and let the model expect the others."""
    age = np.arange(n_ages)
    last = n_known[:, np.newaxis] - 1
    start = np.take_along_axis(counts, last, axis=1)
    expected = start * model.survival(np.maximum(age - last, 0), tenure=last)
    known = np.zeros((len(counts), n_ages))
    width = min(n_ages, counts.shape[1])
    known[:, :width] = counts[:, :width]
    projected: Floats = np.where(age <= last, known, expected)
    return projected
