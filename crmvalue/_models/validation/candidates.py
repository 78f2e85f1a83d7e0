"""What the names of models stand for where one is to be chosen, and how each candidate is fitted."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import attrs

from crmvalue._core.checks import as_ordered_items, as_text
from crmvalue._models.aging.ggompertz_nbd import fit_ggompertz_nbd
from crmvalue._models.correlated.correlated_pareto_nbd import fit_correlated_pareto_nbd
from crmvalue._models.regular.bg_cnbd import fit_bg_cnbd, fit_mbg_cnbd
from crmvalue._models.repeat.bg_nbd import fit_bg_nbd
from crmvalue._models.repeat.mbg_nbd import fit_mbg_nbd
from crmvalue._models.repeat.nbd import fit_nbd
from crmvalue._models.repeat.pareto_nbd import fit_pareto_nbd
from crmvalue._models.seasons.calendar import SEASONS
from crmvalue._models.seasons.calendar_fit import MODELS as IN_SEASON
from crmvalue._models.seasons.calendar_fit import fit_calendar
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from crmvalue._models.shared.fit import Fit
    from crmvalue.purchases import PurchaseHistory, UniquePurchases
    from crmvalue.typing import ArrayLike

__all__ = ["MODELS", "Option", "candidate", "options_of", "require_log"]

MODELS = ("nbd", "bg_nbd", "mbg_nbd", "pareto_nbd", "mbg_cnbd")

_PLAIN: dict[str, tuple[str, int, Callable[..., Fit[Any]]]] = {
    "nbd": ("NBD", 2, fit_nbd),
    "bg_nbd": ("BG/NBD", 4, fit_bg_nbd),
    "mbg_nbd": ("MBG/NBD", 4, fit_mbg_nbd),
    "pareto_nbd": ("Pareto/NBD", 4, fit_pareto_nbd),
    "ggompertz_nbd": ("GGompertz/NBD", 5, fit_ggompertz_nbd),
    "correlated_pareto_nbd": ("correlated Pareto/NBD", 5, fit_correlated_pareto_nbd),
}
_REGULAR: dict[str, tuple[str, int, Callable[..., Fit[Any]]]] = {
    "bg_cnbd": ("BG/CNBD", 5, fit_bg_cnbd),
    "mbg_cnbd": ("MBG/CNBD", 5, fit_mbg_cnbd),
}
"""Models by name: title, number of parameters, fit. With k = 1 the latter are BG/NBD and MBG/NBD."""
_STEPS, _MOST_STEPS = range(2, 7), 12
_NAME = re.compile(r"([a-z]+(?:_[a-z]+)*)(?:_([1-9][0-9]?))?((?:\+[a-z]+)*)")
_TWO_YEARS = 730  # days


class Option(NamedTuple):
    """A candidate: its title, how many parameters it has, and its fit.

    One with a calendar needs the log, whose columns are the arguments `customer` and `date` of its fit.
    """

    title: str
    n_parameters: int
    fit: Callable[..., Fit[Any]]
    has_calendar: bool = False

    def of_log(self, customer: ArrayLike, date: ArrayLike) -> Callable[[PurchaseHistory | UniquePurchases], Fit[Any]]:
        """Give the fit to a history of this log."""
        return partial(self.fit, customer=customer, date=date) if self.has_calendar else self.fit


def options_of(argument: str, given: Any) -> list[Option]:
    """Give all candidates of models by name, in the order given."""
    names = tuple(as_text(argument, name) for name in as_ordered_items(argument, given, "a list of names of models"))
    if not names or len(set(names)) < len(names):
        raise InputError(argument, "different names of models, at least one", names)
    found = [option for name in names for option in _options(argument, name)]
    titles = [option.title for option in found]
    twice = next((title for title in titles if titles.count(title) > 1), None)
    if twice is not None:
        raise InputError(argument, "names that stand for different models", twice)
    return found


def candidate(title: str) -> Callable[[PurchaseHistory | UniquePurchases], Fit[Any]]:
    """Give the fit of one of the default candidates by its title, such as "MBG/CNBD-3"."""
    return next(option.fit for option in options_of("title", MODELS) if option.title == title)


def require_log(options: list[Option], grain: str, history: PurchaseHistory) -> None:
    """Refuse a calendar for a log whose purchases it cannot read."""
    if not any(option.has_calendar for option in options):
        return
    if grain != "day":
        raise InputError("grain", '"day" where a model has a calendar', grain)
    counts = history.counts
    if counts is not None and counts.n_without_customer + counts.n_without_date:
        hint = "leave out the rows without customer or date first"
        raise InputError("missing", "of no account where a model has a calendar", "missing values", hint=hint)


def _options(argument: str, name: str) -> Iterator[Option]:
    found = _NAME.fullmatch(name)
    base, steps, seasons = found.groups() if found else ("", None, "")
    rule = f"one of {', '.join((*_PLAIN, *_REGULAR))}"
    if base not in _PLAIN and base not in _REGULAR:
        raise InputError(argument, rule, name, hint='"mbg_cnbd_3" has k = 3, "mbg_nbd+month" has a calendar')
    if steps is not None and (base in _PLAIN or not 2 <= int(steps) <= _MOST_STEPS):
        raise InputError(argument, f"a number from 2 to {_MOST_STEPS} after bg_cnbd_ or mbg_cnbd_ alone", name)
    by = tuple(seasons.split("+")[1:])
    if by and base not in IN_SEASON:
        raise InputError(argument, f"one of {', '.join(IN_SEASON)} with a calendar", name)
    if not set(by) <= set(SEASONS) or len(set(by)) < len(by) or {"month", "week"} <= set(by):
        raise InputError(argument, f"one of {', '.join(SEASONS)} after each +, and months or weeks but not both", name)
    title, n_parameters, fit = (_PLAIN | _REGULAR)[base]
    for k in [None] if base in _PLAIN else [int(steps)] if steps else _STEPS:
        whole = title if k is None else f"{title}-{k}"
        if by:
            n_levels = sum(len(SEASONS[season]) for season in by)
            seasonal = partial(_fit_in_season, model=base, k=k, by=by)
            yield Option(f"{whole} by {' and '.join(by)}", n_parameters + n_levels, seasonal, has_calendar=True)
        else:
            yield Option(whole, n_parameters, fit if k is None else partial(fit, k=k))


def _fit_in_season(
    history: PurchaseHistory, *, customer: ArrayLike, date: ArrayLike, model: str, k: int | None, by: tuple[str, ...]
) -> Fit[Any]:
    """Fit a model with a calendar to the log of a history; it is not usable where a year was seen once."""
    found = fit_calendar(customer, date, as_of=history.as_of, model=model, k=k, by=by, time_unit=history.time_unit)
    fit = found.fit
    n_days = int((found.end - found.begin).astype(int))
    if {"month", "week"} & set(by) and n_days < _TWO_YEARS:
        words = f"the log has {n_days / 365:.1f} years: what was seen once is no season"
        diagnosis = attrs.evolve(fit.diagnosis, messages=(words, *fit.diagnosis.messages), grade="not usable")
        return attrs.evolve(fit, diagnosis=diagnosis)
    return fit
