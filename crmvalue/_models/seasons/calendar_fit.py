"""The fit of a purchase model together with its calendar: maximum likelihood, levels held back by a normal prior."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import attrs
import numpy as np

from crmvalue._core.checks import (
    as_column,
    as_day_column,
    as_flag,
    as_ordered_items,
    as_positive,
    as_text,
    as_whole_number,
    require,
    require_choice,
    require_same_index,
)
from crmvalue._core.labels import decimals_apart, on_its_side
from crmvalue._core.values import optional
from crmvalue._models.regular.bg_cnbd import BgCnbd, MbgCnbd, fit_bg_cnbd, fit_mbg_cnbd
from crmvalue._models.repeat.bg_nbd import BgNbd, fit_bg_nbd
from crmvalue._models.repeat.mbg_nbd import MbgNbd, fit_mbg_nbd
from crmvalue._models.repeat.nbd import Nbd, fit_nbd
from crmvalue._models.repeat.pareto_nbd import ParetoNbd, fit_pareto_nbd
from crmvalue._models.seasons.calendar import SEASONS, Calendar, DayEffect, levels_on
from crmvalue._models.seasons.day_log import DayLog, dated_purchases, history_of, log_gaps, merged, read_log, rows_of
from crmvalue._models.seasons.levels import Levels, calendar_of, lay_out, rescaled
from crmvalue._models.seasons.likelihood import Family, SeasonalLikelihood
from crmvalue._models.seasons.pareto_likelihood import SeasonalParetoLikelihood
from crmvalue._models.seasons.seasonal_fit import SeasonalFit
from crmvalue._models.seasons.seasonal_model import SeasonalModel
from crmvalue._models.seasons.shrinkage import Found, search, unheld
from crmvalue._models.shared.fit import ADVICE, WITHOUT_PRIORS
from crmvalue._models.shared.purchase_fit import ABOUT_THE_LOG, grade_fit
from crmvalue.errors import InputError
from crmvalue.purchases import DAYS_PER_UNIT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crmvalue._models.seasons.likelihood import DatedPurchases
    from crmvalue._models.shared.fit import Diagnosis, Fit
    from crmvalue.purchases import TimeUnit, UniquePurchases
    from crmvalue.typing import ArrayLike, Floats

__all__ = ["MODELS", "Terms", "fit_calendar", "fit_levels"]

_YEAR = 365
_FEW = 30.0  # repeat purchases for a level, below which it is mostly the prior that says it
_MANY = 20_000  # from this many distinct customers on, the search begins on merged ones
_CELLS = 60  # parts of the time of observation that these tell apart
_FARTHEST = 100.0  # spread of a prior that says nothing
_LARGEST_FIGURE = 1e9  # beyond, the level, the factor for a value of 1, is 1 but for rounding
_LARGEST_LEVEL = 200.0  # a logarithm
_SAME = 1e-3  # nats: log scores that differ by less are as good as each other, as in `choose_model`
_NO_SEASON = 0.02  # spread of the levels that no forecast would notice


class _Plan(NamedTuple):
    """A model by name: its class, its fit without a calendar, chances to leave early, and whether it has a k.

    Customers of Pareto/NBD leave by the ordinary clock: `ordinary`.
    """

    make: Any
    fit: Any
    early: int | None
    regular: bool
    ordinary: bool = False


MODELS = {
    "nbd": _Plan(Nbd, fit_nbd, None, regular=False),
    "bg_nbd": _Plan(BgNbd, fit_bg_nbd, 0, regular=False),
    "mbg_nbd": _Plan(MbgNbd, fit_mbg_nbd, 1, regular=False),
    "bg_cnbd": _Plan(BgCnbd, fit_bg_cnbd, 0, regular=True),
    "mbg_cnbd": _Plan(MbgCnbd, fit_mbg_cnbd, 1, regular=True),
    "pareto_nbd": _Plan(ParetoNbd, fit_pareto_nbd, None, regular=False, ordinary=True),
}


class Terms(NamedTuple):
    """What is fitted: the model with its k, the seasons, the effects of days, the spread of the prior, and the unit."""

    plan: _Plan
    k: int
    by: tuple[str, ...]
    days: tuple[DayEffect, ...]
    shrinkage: float | None
    time_unit: str


@np.errstate(under="ignore")
def fit_calendar(
    customer: ArrayLike,
    date: ArrayLike,
    *,
    as_of: ArrayLike | None = None,
    model: str = "mbg_nbd",
    k: int | None = None,
    by: str | Sequence[str] = "month",
    holidays: Mapping[str, ArrayLike] | None = None,
    covariates: Mapping[str, tuple[ArrayLike, ArrayLike]] | None = None,
    calendar: Calendar | None = None,
    shrinkage: float | None = None,
    choose: bool = False,
    time_unit: TimeUnit = "week",
) -> SeasonalFit:
    """Fit a purchase model together with a calendar that speeds up and slows down the purchases of all customers.

    Parameters
    ----------
    customer : array_like
        Customer of each row of a log of orders, whole numbers or text, shape (rows,).
    date : array_like
        Date of each row, over at most 200 years; several orders of a customer on a day are one purchase.
    as_of : date, optional
        Last day of observation; later rows are left out, and counted in `n_later`. By default the last date of the log.
    model : {"mbg_nbd", "bg_nbd", "nbd", "mbg_cnbd", "bg_cnbd", "pareto_nbd"}, optional
        Model in operational time. Customers of "pareto_nbd" buy in operational time but are lost by the ordinary clock,
        so its likelihood is an integral in as many pieces as the calendar has in a customer's silence. The fit takes
        ten times as long as that of "mbg_nbd" with levels by month, thirty times by week, and two hundred times by
        weekday, which change every day.
    k : int, optional
        For "mbg_cnbd" and "bg_cnbd": events to a purchase, from 1 to 12.
    by : {"month", "week", "weekday"} or sequence of them, optional
        Seasons of the calendar; weeks are those of ISO 8601. Several are multiplied. Give () for none.
    holidays : mapping of str to array_like, optional
        Days of each holiday or promotion, by name; those of the future too.
    covariates : mapping of str to (array_like, array_like), optional
        Days and values of a figure that is the same for all customers, by name; those of the future too. On other days
        its value is 0.
    calendar : Calendar, optional
        In place of `by`, `holidays` and `covariates`: a known calendar, to which the model alone is fitted.
    shrinkage : float, optional
        Standard deviation of the normal prior of the logarithms of the levels, > 0 and at most 100: 0.3 means that
        most levels are between 0.55 and 1.8. By default it is learnt from the data.
    choose : bool, optional
        Whether to leave the calendar out if it does not help to foretell the last quarter of the log: the log score
        with it has to be better by more than its standard error over the customers, and by more than 0.001 nats.
    time_unit : {"day", "week", "month", "quarter", "year"}, optional
        Unit of the model.

    Returns
    -------
    SeasonalFit
        The model, the levels, and what they cannot know in `messages`. Read these before you use it.

    Raises
    ------
    InputError
        If a column has an illegal value, the model is not one of these, `k` is missing or superfluous, no level is left
        to learn, `shrinkage` is not above 0, or nobody bought before `as_of`.

    Warns
    -----
    DataWarning
        If at most a tenth of the rows lie more than five years before all others, as 1970-01-01 does. They are used.

    Notes
    -----
    In operational time, the sum of the levels of the days, the model holds as it is. So the likelihood of the times of
    all purchases is that of the model in operational time, times the levels of the days of repeat purchases. Parameters
    and levels are found together by Newton's method: the mode of the posterior, in which the logarithms of the levels
    are normal with mean 0. The spread of this prior is learnt for each season with at least four levels (empirical
    Bayes); for fewer it is 0.5. Then all levels are scaled so that their mean over the days of observation is 1, and
    alpha with them. Levels of days that were not seen are 1; week 53, which only some years have, is then like week 52.

    What is seen once is no season: with less than two years, nobody can tell a season of the year from growth, from the
    aging of customers or from one promotion. The diagnosis says so.

    Examples
    --------
    >>> from crmvalue.datasets import load_cdnow
    >>> log = load_cdnow()
    >>> season = fit_calendar(log.customer, log.date, by="month", time_unit="week")
    >>> round(season.log_likelihood - season.log_likelihood_flat)
    47
    >>> season.calendar.level(["1998-12-15", "1999-02-15"]).round(2)
    array([0.99, 1.24])
    >>> print(season.messages[0])
    the log covers 1.5 years, so most months were seen once: a season cannot be told from growth, ...
    """
    require_same_index(customer=customer, date=date)
    require_choice("model", model, MODELS)
    plan = MODELS[model]
    steps = _read_steps(k, plan)
    require_choice("time_unit", time_unit, DAYS_PER_UNIT)
    seasons = _read_seasons(by)
    days = _read_days(holidays, covariates)
    spread = optional(as_positive)("shrinkage", shrinkage)
    if spread is not None:
        require(spread <= _FARTHEST, "shrinkage", spread, f"at most {_FARTHEST:g}")
    chosen = as_flag("choose", choose)
    log = read_log(customer, date, as_of)
    terms = Terms(plan, steps, seasons, days, spread, time_unit)
    if calendar is not None:
        if not isinstance(calendar, Calendar):
            raise InputError("calendar", "a Calendar", calendar)
        if seasons not in {(), ("month",)} or holidays or covariates or chosen or spread is not None:
            others = "`by`, `holidays`, `covariates`, `shrinkage` and `choose`"
            raise InputError("calendar", f"given without {others}", calendar)
        return _fit_known(log, terms, calendar)
    if not seasons and not days:
        raise InputError("by", "at least one season, unless there are `holidays` or `covariates`", by)
    found = fit_levels(log, dated_purchases(log, steps), terms)
    return _chosen(log, terms, found) if chosen else found


def _read_steps(k: int | None, plan: _Plan) -> int:
    if plan.regular:
        if k is None:
            raise InputError("k", "given for this model: events to a purchase", None)
        return as_whole_number("k", k, low=1, high=12)
    if k is not None:
        raise InputError("k", "given for mbg_cnbd and bg_cnbd alone", k)
    return 1


def _read_seasons(by: object) -> tuple[str, ...]:
    seasons = (by,) if isinstance(by, str) else tuple(as_ordered_items("by", by, f"some of {', '.join(SEASONS)}"))
    for season in seasons:
        require_choice("by", season, SEASONS)
    if len(set(seasons)) != len(seasons) or {"month", "week"} <= set(seasons):
        raise InputError("by", "each season once, and months or weeks but not both", by)
    return tuple(str(season) for season in seasons)


def _read_days(holidays: object, covariates: object) -> tuple[DayEffect, ...]:
    found: list[DayEffect] = []
    taken = {name for season in SEASONS.values() for name in season}
    for name, given in (("holidays", holidays), ("covariates", covariates)):
        if given is None:
            continue
        if not isinstance(given, Mapping):
            raise InputError(name, "a mapping from names to days" + " and values" * (name == "covariates"), given)
        for key, value in given.items():
            title, column = as_text(name, key), f"{name}[{key!r}]"
            if title in taken:
                raise InputError(name, "of names that are all different and no month, week or weekday", title)
            taken.add(title)
            found.append(_read_effect(title, column, value, has_values=name == "covariates"))
    return tuple(found)


def _read_effect(title: str, column: str, value: Any, *, has_values: bool) -> DayEffect:
    """Make the effect of a holiday or of a figure; errors name the argument with its key."""
    if not has_values:
        return DayEffect(name=title, date=as_day_column(column, value), level=1.0)
    if not isinstance(value, tuple | list) or len(value) != 2:
        raise InputError(column, "a pair: days, and their values", value)
    require_same_index(**{f"{column}[{place}]": part for place, part in enumerate(value)})
    day, figure = as_day_column(f"{column}[0]", value[0]), as_column(f"{column}[1]", value[1])
    if len(figure) != len(day):
        raise InputError(f"{column}[1]", f"one value for each of the {len(day)} days", len(figure))
    rule = f"within +-{_LARGEST_FIGURE:g}: count it in a larger unit"
    require(np.abs(figure) <= _LARGEST_FIGURE, f"{column}[1]", figure, rule)
    return DayEffect(name=title, date=day, value=figure, level=1.0)


def _plain(terms: Terms, rows: UniquePurchases) -> Fit[Any]:
    plan = terms.plan
    found: Fit[Any] = plan.fit(rows, k=terms.k) if plan.regular else plan.fit(rows)
    return found


def _fit_known(log: DayLog, terms: Terms, calendar: Calendar) -> SeasonalFit:
    """Fit the model alone, by the clock of a known calendar."""
    dated = dated_purchases(log, terms.k)
    ruler = DAYS_PER_UNIT[terms.time_unit]
    level = levels_on(calendar, log.dates)
    clock = (np.cumsum(level) - level[0]) / ruler
    even = np.arange(log.n_days) / ruler
    flat = _plain(terms, rows_of(dated, even, terms.time_unit))
    if terms.plan.ordinary:
        fit = _fit_ordinary(dated, terms, level, flat)
    else:
        fit = _plain(terms, rows_of(dated, clock, terms.time_unit))
    seasonal = SeasonalModel(fit.model, calendar)
    reached = fit.log_likelihood + float(dated.n_repeat @ np.log(level)) + log_gaps(dated, clock, terms.k)
    flat_reached = flat.log_likelihood + log_gaps(dated, even, terms.k)
    return SeasonalFit(
        fit=attrs.evolve(_advised(fit), model=seasonal, comparison=_compared(reached, flat_reached)),
        names=(),
        level=np.zeros(0),
        covariance=np.zeros((0, 0)),
        data_level=np.zeros(0),
        data_error=np.zeros(0),
        n_days=np.zeros(0, dtype=np.int64),
        n_repeat=np.zeros(0, dtype=np.int64),
        shrinkage={},
        begin=log.begin,
        end=log.end,
        n_later=log.n_later,
        log_likelihood=reached,
        log_likelihood_flat=flat_reached,
    )


def _fit_ordinary(dated: DatedPurchases, terms: Terms, level: Floats, flat: Fit[Any]) -> Fit[Any]:
    """Fit a model whose customers leave by the ordinary clock, to purchases by a known one."""
    ruler = DAYS_PER_UNIT[terms.time_unit]
    likelihood = SeasonalParetoLikelihood(dated, np.zeros((len(level), 0)), ruler, level)
    units = _units(flat, likelihood.ruler / ruler)
    found = search(likelihood, flat.names, np.log(flat.estimates / units), [_another(dated, terms, flat)], ())
    estimates = np.exp(found.theta) * units
    fit = attrs.evolve(
        flat,
        model=terms.plan.make(*estimates.tolist(), terms.time_unit),
        log_likelihood=found.log_likelihood - float(dated.n_repeat @ np.log(level)),
        estimates=estimates,
        search_covariance=found.covariance,
        diagnosis=_with_limit(found.diagnosis, flat.diagnosis),
    )
    return grade_fit(fit, rows_of(dated, (np.cumsum(level) - level[0]) / ruler, terms.time_unit))


def _units(flat: Fit[Any], ruler: float) -> Floats:
    """Units of the parameters in a search that measures times by a ruler."""
    units: Floats = np.where(np.isin(flat.names, ("alpha", "beta")), ruler, 1.0)
    return units


def _another(dated: DatedPurchases, terms: Terms, flat: Fit[Any]) -> Floats:
    """Another point to start from, beside the fit without a calendar; times are in mean ages."""
    pace = max(terms.k * float(dated.n_repeat.sum()) / float(dated.weight.sum()), 1e-3)
    leaving = [0.6, 0.5] if terms.plan.ordinary else [0.7, 2.0]
    found: Floats = np.log([0.5, 0.5 / pace, *leaving][: len(flat.names)])
    return found


def _compared(reached: float, flat: float) -> str:
    with_it, without = decimals_apart(reached, flat, 2)
    return f"log-likelihoods of the times of all purchases: {with_it} with the calendar, {without} without it"


def fit_levels(log: DayLog, dated: DatedPurchases, terms: Terms) -> SeasonalFit:
    """Fit the model and the levels together, to a log that was counted."""
    ruler = DAYS_PER_UNIT[terms.time_unit]
    levels = lay_out(log.dates, terms.by, terms.days, terms.shrinkage)
    even = np.arange(log.n_days) / ruler
    flat = _plain(terms, rows_of(dated, even, terms.time_unit))
    found, units = _climb(log, dated, terms, levels, flat)
    m = len(flat.names)
    scaled, of_data = (rescaled(each, levels, m) for each in (found, unheld(found, levels.groups, m)))
    for name, size in zip(levels.names, np.abs(scaled.theta[m:]), strict=True):
        if size > _LARGEST_LEVEL:
            rule = "figures in a smaller unit: the level, the factor for a value of 1, is no number"
            raise InputError(f"covariates[{name!r}]", rule, f"an effect of exp({size:.3g})")
    calendar = calendar_of(levels, np.exp(scaled.theta[m:]))
    level = levels_on(calendar, log.dates)
    clock = (np.cumsum(level) - level[0]) / ruler
    flat_reached = flat.log_likelihood + log_gaps(dated, even, terms.k)
    estimates = np.exp(scaled.theta[:m]) * units
    k = {"k": terms.k} if terms.plan.regular else {}
    inner = attrs.evolve(
        flat,
        model=terms.plan.make(*estimates.tolist(), terms.time_unit, **k),
        log_likelihood=found.log_likelihood - float(dated.n_repeat @ np.log(level)) - log_gaps(dated, clock, terms.k),
        estimates=estimates,
        search_covariance=scaled.covariance[:m, :m],
        diagnosis=_with_limit(found.diagnosis, flat.diagnosis),
        comparison=_compared(found.log_likelihood, flat_reached),
    )
    inner = grade_fit(inner, rows_of(dated, clock, terms.time_unit))
    met = levels.design[1:] != 0.0
    return SeasonalFit(
        fit=attrs.evolve(_advised(inner), model=SeasonalModel(inner.model, calendar)),
        names=levels.names,
        level=np.exp(scaled.theta[m:]),
        covariance=scaled.covariance[m:, m:],
        data_level=np.exp(np.clip(of_data.theta[m:], -_LARGEST_LEVEL, _LARGEST_LEVEL)),
        data_error=np.sqrt(np.diag(of_data.covariance)[m:]),
        n_days=met.sum(axis=0),
        n_repeat=(dated.n_repeat[1:] @ met).astype(np.int64),
        shrinkage=found.spread,
        begin=log.begin,
        end=log.end,
        n_later=log.n_later,
        log_likelihood=found.log_likelihood,
        log_likelihood_flat=flat_reached,
        messages=_messages(log, levels, found, int(dated.n_repeat.sum())),
    )


def _climb(log: DayLog, dated: DatedPurchases, terms: Terms, levels: Levels, flat: Fit[Any]) -> tuple[Found, Floats]:
    """Search from the fit without a calendar; give the end, and the units of its parameters."""
    ruler = DAYS_PER_UNIT[terms.time_unit]

    def likelihood_of(dated: DatedPurchases) -> SeasonalLikelihood | SeasonalParetoLikelihood:
        if terms.plan.ordinary:
            return SeasonalParetoLikelihood(dated, levels.design, ruler)
        return SeasonalLikelihood(Family(terms.k, terms.plan.early), dated, levels.design, ruler)

    likelihood = likelihood_of(dated)
    units = _units(flat, likelihood.ruler / ruler)
    nothing = np.zeros(len(levels.names))
    start = np.concatenate([np.log(flat.estimates / units), nothing])
    another = np.concatenate([_another(dated, terms, flat), nothing])
    names = [*flat.names, *(f"level.{name}" for name in levels.names)]
    spread: dict[str, float] = {}
    if len(dated.x) >= _MANY:
        before = search(likelihood_of(merged(dated, 1 + log.n_days // _CELLS)), names, start, [another], levels.groups)
        start, spread = before.theta, before.spread
    return search(likelihood, names, start, [another], levels.groups, spread), units


def _with_limit(diagnosis: Diagnosis, flat: Diagnosis) -> Diagnosis:
    """Say what the fit without a calendar says of the log, such as that nobody left, where this one is in doubt."""
    in_doubt = {*diagnosis.boundary, *diagnosis.flat} & {"a", "b", "s", "beta"}
    simpler = tuple(message for message in flat.messages if message in ABOUT_THE_LOG)
    return attrs.evolve(diagnosis, messages=diagnosis.messages + simpler) if in_doubt else diagnosis


def _advised(fit: Fit[Any]) -> Fit[Any]:
    """Leave the prior out of what the diagnosis advises: a fit with a calendar takes none for its parameters."""
    messages = tuple(message.replace(ADVICE, WITHOUT_PRIORS) for message in fit.diagnosis.messages)
    return attrs.evolve(fit, diagnosis=attrs.evolve(fit.diagnosis, messages=messages))


def _messages(log: DayLog, levels: Levels, found: Found, n_repeat: int) -> tuple[str, ...]:
    """Say what the calendar cannot know."""
    said = []
    if levels.unseen:
        listed = ", ".join(levels.unseen)
        said.append(
            f"not in the data ({log.begin} to {log.end}): {listed}; nobody can learn it from here, its level is 1"
        )
    years = (log.n_main_days - 1) / _YEAR
    of_year = next((season for season in levels.seasons if season != "weekday"), None)
    if of_year is not None and years < 2.0:
        said.append(
            f"the log covers {years:.1f} years, so most {of_year}s were seen once: a season cannot be told from growth,"
            " from the aging of customers or from a single promotion"
        )
    few = n_repeat / len(levels.names)
    if few < _FEW:
        said.append(f"a level has {few:.3g} repeat purchases on average: it is mostly the prior that says it")
    even = (group for group in levels.groups if group.spread is None and found.spread[group.name] < _NO_SEASON)
    said.extend(f"the data show no difference between the levels by {group.name}: all are nearly 1" for group in even)
    return tuple(said)


def _chosen(log: DayLog, terms: Terms, found: SeasonalFit) -> SeasonalFit:
    """Leave the calendar out if it does not help to foretell the last quarter by more than a standard error."""
    cut = log.end - max(1, (log.n_main_days - 1) // 4)
    before = log.until(cut)
    if cut <= log.begin or not len(before.day):
        return found
    seen = len(np.unique(before.day)) > 1
    dated = dated_purchases(before, terms.k)
    trial = fit_levels(before, dated, terms) if seen else found
    even = np.arange(before.n_days) / DAYS_PER_UNIT[terms.time_unit]
    flat = _plain(terms, rows_of(dated, even, terms.time_unit)).model
    history = history_of(before, terms.time_unit)
    later = log.customer[log.day >= before.n_days]
    known = np.unique(before.customer)
    n = np.bincount(np.searchsorted(known, later[np.isin(later, known)]), minlength=len(known))
    length = (log.n_days - before.n_days) / DAYS_PER_UNIT[terms.time_unit]
    scores, flat_scores = (
        -np.log(np.maximum(model.prob_purchases(history, n, horizon=length), 1e-300)) for model in (trial.model, flat)
    )
    gain = flat_scores - scores
    error = float(gain.std()) / math.sqrt(len(gain))
    with_it, without = decimals_apart(float(scores.mean()), float(flat_scores.mean()), 4)
    words = (
        f"log score of the last quarter (from {cut + 1} on; lower is better): {with_it} with the calendar, "
        f"{without} without it"
    )
    if gain.mean() > max(error, _SAME):
        return attrs.evolve(found, fit=attrs.evolve(found.fit, comparison=f"{found.fit.comparison}; {words}"))
    plain = _fit_known(log, terms, Calendar())
    if gain.mean() > 0:
        words += f"; the difference is no larger than its standard error, {on_its_side(max(error, _SAME), 0, 4)}"
    return attrs.evolve(plain, messages=(f"the calendar was left out: {words}",))
