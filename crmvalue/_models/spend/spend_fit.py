"""Fits of the models of single amounts: options, and drift, season and covariates as columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import attrs
import numpy as np

from crmvalue._core.calendar import main_span
from crmvalue._core.checks import as_flag, require_choice
from crmvalue._core.labels import counted
from crmvalue._models.shared.common import check_history
from crmvalue._models.shared.covariate_fit import read_names, standardise
from crmvalue._models.shared.covariates import CovariateEffect, season_of
from crmvalue._models.shared.fit import Diagnosis
from crmvalue._models.spend.spend_model import DAYS_PER_YEAR, Spent, month_of, read_spent
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crmvalue._models.shared.fit import Fit, Grade
    from crmvalue.purchases import PurchaseHistory
    from crmvalue.typing import Floats, Integers

__all__ = ["Task", "diagnosed", "read_task"]

_YEAR = 365  # days from the first to the last purchase that make a season


class Task(NamedTuple):
    """What is fitted: purchases that count, and how their logarithms move.

    Coefficients stand in the order drift, months, covariates. `months` are the months that were seen, 1 to 12; the
    effect of the last one follows from the others.
    """

    spent: Spent
    use_first: bool
    origin: np.datetime64 | None
    months: tuple[int, ...]
    effects: tuple[CovariateEffect, ...]
    covariates: tuple[Floats, ...]
    left_out: dict[str, int]

    @property
    def has_drift(self) -> bool:
        """Whether there is a drift."""
        return self.origin is not None

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the coefficients."""
        months = tuple(f"season.{month}" for month in self.months[:-1])
        return ("drift",) * self.has_drift + months + tuple(f"spend.{effect.name}" for effect in self.effects)

    def thinned(self, step: int) -> Task:
        """Give every so many-th customer alone, for a first search."""
        n = self.spent.n.astype(np.int64)
        chosen = np.zeros(len(n), dtype=bool)
        chosen[::step] = True
        kept = np.repeat(chosen, n)
        spent = Spent(self.spent.n[chosen], self.spent.log[kept], self.spent.day[kept])
        return self._replace(spent=spent, covariates=tuple(column[chosen] for column in self.covariates))

    @property
    def n_months(self) -> int:
        """Months that have an effect: none where a single one was seen."""
        return len(self.months) if len(self.months) > 1 else 0

    @property
    def contrasts(self) -> Floats:
        """Effects as sums of coefficients: those of drift and covariates, then of each month, times coefficients."""
        n, n_free = self.n_months, max(self.n_months - 1, 0)
        by_month = np.vstack([np.eye(n_free), np.full((1, n_free), -1.0)]) if n else np.zeros((0, 0))
        n_plain = self.has_drift + len(self.covariates)
        effects = np.zeros((n_plain + n, n_plain + n_free))
        plain = np.arange(n_plain)
        effects[plain, plain + n_free * (plain >= self.has_drift)] = 1.0
        effects[n_plain:, self.has_drift : self.has_drift + n_free] = by_month
        return effects

    def month_places(self) -> Integers:
        """Place of the month of each purchase among those that were seen."""
        return np.searchsorted(self.months, month_of(self.spent.day) + 1)

    def plain_columns(self, customers: slice, purchases: slice, row: Integers) -> list[Floats]:
        """Give what drift and covariates are multiplied by, for some purchases; `row` is the customer among them."""
        drift = []
        if self.origin is not None:
            drift.append((self.spent.day[purchases] - self.origin) / np.timedelta64(1, "D") / DAYS_PER_YEAR)
        return drift + [column[customers][row] for column in self.covariates]

    def columns(self, customers: slice, purchases: slice, row: Integers) -> list[Floats]:
        """Give what each coefficient is multiplied by, for some purchases; `row` is the customer among the chosen."""
        plain = self.plain_columns(customers, purchases, row)
        months = []
        if self.n_months:
            month = month_of(self.spent.day[purchases]) + 1
            last = month == self.months[-1]
            months = [(month == other).astype(np.float64) - last for other in self.months[:-1]]
        return plain[: self.has_drift] + months + plain[self.has_drift :]

    def fields(self, coefficients: Sequence[float]) -> dict[str, Any]:
        """Give the fields of the model."""
        rest = list(coefficients)
        drift = rest.pop(0) if self.has_drift else 0.0
        months = {month: rest.pop(0) for month in self.months[:-1]}
        effects = tuple(attrs.evolve(effect, coefficient=rest.pop(0)) for effect in self.effects)
        return {
            "use_first": self.use_first,
            "drift": drift,
            "origin": self.origin,
            "season": season_of(months, self.months) if months else (),
            "spend_effects": effects,
        }


def read_task(
    history: PurchaseHistory, *, use_first: Any, zeros: Any, drift: Any, season: Any, spend_covariates: Sequence[str]
) -> Task:
    """Check the options of a fit, and give what is to be fitted."""
    first, has_drift, has_season = (
        as_flag(name, value) for name, value in (("use_first", use_first), ("drift", drift), ("season", season))
    )
    require_choice("zeros", zeros, ("raise", "drop"))
    names = read_names("spend_covariates", spend_covariates, check_history(history))
    spent = read_spent(history, use_first=first)
    n_zero = _count_zeros(history, use_first=first)
    if zeros == "raise" and n_zero:
        raise InputError(
            "history", "one whose purchases are all above 0", 0.0,
            hint="zeros='drop' leaves purchases of 0 out and counts them",
        )  # fmt: skip
    if not len(spent.log):
        raise InputError("history", "one with a purchase of some money that counts", 0)
    silent = spent.n == 0
    used = ~silent
    effects = tuple(CovariateEffect(name, 0.0, *standardise(name, history.covariate(name)[used])) for name in names)
    columns = tuple((history.covariate(of.name)[used] - of.centre) / of.scale for of in effects)
    months = np.unique(month_of(spent.day)) + 1 if has_season else np.zeros(0, dtype=np.int64)
    origin = None
    if has_drift:
        origin = spent.day.max() if history.as_of is None else history.as_of
    return Task(
        spent=spent._replace(n=spent.n[used]),
        use_first=first,
        origin=origin,
        months=tuple(months.tolist()),
        effects=effects,
        covariates=columns,
        left_out={"no purchase of money that counts": int(silent.sum()), "purchases of 0": n_zero},
    )


def _count_zeros(history: PurchaseHistory, *, use_first: bool) -> int:
    amounts = history.amounts
    if amounts is None:  # pragma: no cover - read before
        raise AssertionError
    nothing = amounts.amount == 0
    if not use_first:
        nothing[amounts.start] = False
    return int(nothing.sum())


def diagnosed(fit: Fit[Any], task: Task) -> Fit[Any]:
    """Add to the diagnosis what no search can know: whether a season was seen."""
    fit = attrs.evolve(fit, left_out=task.left_out)
    if not (task.has_drift or task.months):
        return fit
    first, last = main_span(task.spent.day)  # one purchase dated 1970 by mistake shows no year
    span = int((last - first) / np.timedelta64(1, "D")) + 1
    if span >= _YEAR:
        return fit
    what = " and ".join(["the drift"] * task.has_drift + ["the season"] * bool(task.months))
    message = (
        f"{what} {'rests' if what.count(' and ') == 0 else 'rest'} on {counted(span, 'day')}, less than a year: growth "
        "and season cannot be told apart, and months that were not seen count as average ones"
    )
    was = fit.diagnosis
    grade: Grade = "not usable" if was.messages and was.grade == "not usable" else "usable"
    diagnosis = Diagnosis(
        gradient_norm=was.gradient_norm, boundary=was.boundary, flat=was.flat, n_starts=was.n_starts,
        n_evaluations=was.n_evaluations, messages=(*was.messages, message), grade=grade,
    )  # fmt: skip
    return attrs.evolve(fit, diagnosis=diagnosis)
