"""Maximum likelihood: the search, its result, and in words whether to trust it.

Parameters above 0 are searched as logarithms, coefficients of covariates as they are. Models supply the log-likelihood
with its gradient and Hessian; this module names none of them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, Literal, NamedTuple, TypeAlias, TypeVar

import attrs
import numpy as np

from crmvalue._core.checks import as_float, as_fraction, as_positive, as_text, as_whole_number, require, to_array
from crmvalue._core.json import from_json, to_json
from crmvalue._core.labels import as_given, decimal
from crmvalue._core.values import (
    FixedMapping,
    Given,
    array_field,
    checked_field,
    choice_field,
    count_field,
    number_column,
    number_field,
    number_table,
    plain_given,
    read_only,
    stay_frozen,
)
from crmvalue._models.shared.climb import WEAKEST, Evaluation, Point, climb
from crmvalue._models.shared.common import as_names
from crmvalue._models.shared.covariates import BOTH
from crmvalue.errors import ConvergenceError, InputError
from crmvalue.typing import Interval

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from crmvalue.typing import Floats

__all__ = [
    "ADVICE",
    "COEFFICIENT_LIMIT",
    "LOG_HIGH",
    "LOG_LOW",
    "NOT_SETTLED",
    "WITHOUT_PRIORS",
    "Derivatives",
    "Diagnosis",
    "Fit",
    "Grade",
    "LikelihoodRatioTest",
    "Parameters",
    "fit_model",
    "fit_parameters",
    "has_priors",
    "likelihood_ratio_test",
    "read_fit",
    "read_model",
    "read_priors",
    "read_starts",
    "register",
]

Grade: TypeAlias = Literal["good", "usable", "not usable"]
Model = TypeVar("Model")
_T = TypeVar("_T")

LOG_LOW, LOG_HIGH = math.log(1e-5), math.log(1e6)  # where positive parameters are searched
COEFFICIENT_LIMIT = 50.0
_LARGEST = 1e100  # magnitude of an estimate
_AT_WALL = 1e-6
_WIDE = 0.6  # a larger standard error of a log-parameter may hide a second peak: other starts are tried
_SLACK = 1e-6  # by which a larger model may fall behind the one nested in it: the search, and rounding
_WEAK_RIDGE = 1e-11  # curvature of a ridge that is still followed where the rough climb went before
_FLAT = 0.25  # a curvature below this leaves a log-parameter uncertain by a standard error above 2

NOT_SETTLED = "the search did not settle"
WITHOUT_PRIORS = "try a simpler model, or get more data"  # where a fit takes no priors
ADVICE = f"give a prior, {WITHOUT_PRIORS}"
"""What each message of a diagnosis ends with."""

_MODELS: dict[str, type[Any]] = {}  # every model that a fit may hold, by name


def register(cls: type[_T]) -> type[_T]:
    """Make a model known, so that a fit of it can be read from JSON."""
    _MODELS[cls.__name__] = cls
    return cls


class Parameters(NamedTuple):
    """Names of what is searched, which of them are searched as logarithms, and how far from 0 the others may be."""

    names: tuple[str, ...]
    positive: npt.NDArray[np.bool_]
    farthest: Floats | float = COEFFICIENT_LIMIT

    def natural(self, theta: Floats) -> Floats:
        """Parameters of the model from what is searched."""
        return np.where(self.positive, np.exp(np.where(self.positive, theta, 0.0)), theta)


class Derivatives(NamedTuple):
    """Log-likelihood of n rows, (n,), gradient, (k, n), Hessian, (k, k, n), in the logarithms of k parameters."""

    value: Floats
    gradient: Floats
    hessian: Floats


@attrs.frozen(kw_only=True)
class Diagnosis:
    """How a search ended.

    Parameters
    ----------
    gradient_norm : float
        Largest slope of the log-likelihood (with the prior, if any) in a log-parameter that is not on a boundary.
    boundary : tuple of str
        Parameters that ended on the boundary of the search.
    flat : tuple of str
        Parameters that the data leave undetermined.
    n_starts, n_evaluations : int
        Starting points tried, and evaluations of the likelihood of all rows.
    messages : tuple of str
        In words: what is wrong and what to do. Empty for a trustworthy fit.
    grade : {"good", "usable", "not usable"}, optional
        What the fit is good for. "good": no problem was found. "usable": some parameters are undetermined, but whatever
        they are, the purchases expected of the whole base move by at most 10 %. Totals and ranks of customers can be
        used, the parameters and their intervals cannot. By default "good" without messages, else "not usable".

    Examples
    --------
    >>> Diagnosis(gradient_norm=1e-7, boundary=(), flat=(), n_starts=1, n_evaluations=8, messages=()).grade
    'good'
    """

    gradient_norm: float = number_field("gradient_norm", low=0.0, infinite=True)
    boundary: tuple[str, ...] = checked_field("boundary", as_names)
    flat: tuple[str, ...] = checked_field("flat", as_names)
    n_starts: int = count_field("n_starts")
    n_evaluations: int = count_field("n_evaluations")
    messages: tuple[str, ...] = checked_field("messages", as_names)
    grade: Grade = choice_field(
        "grade", Grade, default=attrs.Factory(lambda own: "not usable" if own.messages else "good", takes_self=True)
    )

    def __attrs_post_init__(self) -> None:
        allowed = ("usable", "not usable") if self.messages else ("good",)
        if self.grade not in allowed:
            rule = f"{' or '.join(map(repr, allowed))} {'with' if self.messages else 'without'} messages"
            raise InputError("grade", rule, self.grade)
        if (self.boundary or self.flat) and not self.messages:
            rule = f"in words what is wrong with {', '.join(self.boundary + self.flat)}"
            raise InputError("messages", rule, self.messages)

    @property
    def trustworthy(self) -> bool:
        """Whether the search found no problem with the parameters: the grade "good"."""
        return not self.messages


@attrs.frozen(kw_only=True)
class LikelihoodRatioTest:
    """Whether a larger model describes the data better than one nested in it, beyond chance.

    Parameters
    ----------
    statistic : float
        Twice the gain in log-likelihood, >= 0.
    degrees : int
        Parameters that the larger model has more.
    p_value : float
        Chance of such a gain if the smaller model holds, from the chi-square distribution.

    Examples
    --------
    >>> LikelihoodRatioTest(statistic=3.84, degrees=1, p_value=0.05).degrees
    1
    """

    statistic: float = number_field("statistic", low=0.0)
    degrees: int = count_field("degrees", low=1)
    p_value: float = number_field("p_value", low=0.0, high=1.0)


def _as_model(name: str, value: object) -> Any:
    if type(value) not in _MODELS.values():
        raise InputError(name, f"a model: one of {', '.join(_MODELS)}", value)
    return value


def _as_diagnosis(name: str, value: object) -> Diagnosis:
    if not isinstance(value, Diagnosis):
        raise InputError(name, "a Diagnosis", value)
    return value


def _as_flags(value: Any) -> npt.NDArray[np.bool_]:
    if isinstance(value, Given):
        return read_only(value)
    flags, _ = to_array("positive", value, "a column of True and False")
    if flags.dtype.kind != "b" or flags.ndim != 1:
        raise InputError("positive", "a column of True and False", f"{flags.ndim} dimensions of {flags.dtype}")
    return read_only(flags)


def _as_counts(name: str, value: object) -> FixedMapping[str, int]:
    if not isinstance(value, Mapping):
        raise InputError(name, "a mapping from reasons to numbers of customers", value)
    return FixedMapping(
        {as_text(name, reason): as_whole_number(f"{name}[{reason!r}]", n, low=0) for reason, n in value.items()}
    )


@stay_frozen
@attrs.frozen(kw_only=True)
class Fit(Generic[Model]):
    """A fitted model with what is known about its fit.

    Parameters
    ----------
    model : model
        The parameters, ready to predict.
    log_likelihood : float
        Log-likelihood of the data, without the prior.
    n_customers : int
        Customers (or cohort members) in the data.
    names : tuple of str
        Names of the parameters, in the order of `estimates` and `covariance`.
    estimates : ndarray
        Parameters, shape (k,).
    search_covariance : ndarray
        Covariance of what was searched (logarithms of positive parameters), shape (k, k); infinite on the diagonal
        for a parameter on a boundary or undetermined.
    positive : ndarray of bool
        Which parameters were searched as logarithms.
    diagnosis : Diagnosis
        How the search ended.
    priors : mapping of str to tuple of float
        Median and log-scale standard deviation of each prior; empty for plain maximum likelihood. Of a coefficient:
        mean and standard deviation, those of the penalty `l2` included. Where there are any, the fit is penalised:
        its standard errors are of the penalised likelihood, and :func:`likelihood_ratio_test` refuses it.
    left_out : mapping of str to int
        Customers of the history that the fit did not use, by the reason; empty where it used all.
    comparison : str
        In words, the models that this one was chosen from; empty for a fit that was not chosen.
    n_events : int or None
        Repeat purchases in the data, or customers with a contract who left; None if the model is of something else.

    Examples
    --------
    >>> from crmvalue.models import fit_shifted_beta_geometric
    >>> fit = fit_shifted_beta_geometric([1000, 869, 743, 653, 593, 551, 517, 491])
    >>> fit.model
    ShiftedBetaGeometric(alpha=0.668..., beta=3.806...)
    >>> round(fit.aic, 1), fit.diagnosis.trustworthy
    (3226.3, True)
    """

    model: Model = checked_field("model", _as_model)
    log_likelihood: float = number_field("log_likelihood")
    n_customers: int = count_field("n_customers", low=1)
    names: tuple[str, ...] = checked_field("names", as_names)
    estimates: Floats = number_column("estimates")
    search_covariance: Floats = number_table("search_covariance", 2, infinite=True)
    positive: npt.NDArray[np.bool_] = array_field(_as_flags)
    diagnosis: Diagnosis = checked_field("diagnosis", _as_diagnosis)
    priors: Mapping[str, tuple[float, float]] = attrs.field(factory=FixedMapping)
    left_out: Mapping[str, int] = checked_field("left_out", _as_counts, factory=FixedMapping)
    comparison: str = checked_field("comparison", as_text, default="")
    n_events: int | None = checked_field(
        "n_events", lambda name, value: None if value is None else as_whole_number(name, value, low=0), default=None
    )

    def __attrs_post_init__(self) -> None:
        names, k = self.names, len(self.names)
        unknown = [name for name in names if "." not in name and not hasattr(self.model, name)]
        if not names or len(set(names)) != k or unknown:
            rule = f"different names of parameters of a {type(self.model).__name__}, at least one"
            raise InputError("names", rule, unknown or names)
        for field, shape in (("estimates", (k,)), ("search_covariance", (k, k)), ("positive", (k,))):
            if getattr(self, field).shape != shape:
                raise InputError(field, f"of shape {shape}, for {', '.join(names)}", getattr(self, field).shape)
        require((self.estimates > 0) | ~self.positive, "estimates", self.estimates, "> 0 where `positive`")
        for field in ("estimates", "search_covariance"):  # the covariance has products of three of them
            numbers = getattr(self, field)
            require((np.abs(numbers) <= _LARGEST) | np.isinf(numbers), field, numbers, f"of up to {_LARGEST:g}")
        variance = np.diag(self.search_covariance)
        require(variance >= 0, "search_covariance", variance, ">= 0 on the diagonal")
        read = read_priors(self.priors, Parameters(names, self.positive))
        object.__setattr__(self, "priors", FixedMapping(read))

    @property
    def n_parameters(self) -> int:
        """Number of parameters that were estimated."""
        return len(self.names)

    @property
    def aic(self) -> float:
        """Akaike's information criterion; smaller is better."""
        return 2.0 * self.n_parameters - 2.0 * self.log_likelihood

    @property
    def bic(self) -> float:
        """Bayesian information criterion; smaller is better."""
        return math.log(self.n_customers) * self.n_parameters - 2.0 * self.log_likelihood

    @property
    def covariance(self) -> Floats:
        """Covariance of the parameters, shape (k, k): the delta method on the logarithms."""
        scale = np.where(self.positive, self.estimates, 1.0)
        with np.errstate(under="ignore"):
            covariance: Floats = self.search_covariance * scale[:, np.newaxis] * scale
        return covariance

    @property
    def standard_errors(self) -> dict[str, float]:
        """Standard error of each parameter by name; infinite for one that the data do not determine.

        Where there are `priors`, these are errors of the penalised likelihood.
        """
        return dict(zip(self.names, np.sqrt(np.diag(self.covariance)).tolist(), strict=True))

    def confidence_interval(self, level: float = 0.95) -> dict[str, Interval]:
        """Confidence interval of each parameter by name, symmetric on the scale of the search.

        Parameters
        ----------
        level : float, optional
            Coverage, in (0, 1).

        Returns
        -------
        dict of str to Interval
            Ends of the interval; from 0 (or minus infinity) to infinity for an undetermined parameter.

        Raises
        ------
        InputError
            If `level` is not in (0, 1).

        Examples
        --------
        >>> from crmvalue.models import fit_shifted_beta_geometric
        >>> fit = fit_shifted_beta_geometric([1000, 869, 743, 653, 593, 551, 517, 491])
        >>> low, high = fit.confidence_interval()["alpha"]
        >>> round(low, 3), round(high, 3)
        (0.493, 0.906)
        """
        from scipy.special import ndtri

        z = -float(ndtri((1.0 - as_fraction("level", level)) / 2.0))
        half = z * np.sqrt(np.diag(self.search_covariance))
        with np.errstate(
            over="ignore", under="ignore", invalid="ignore"
        ):  # of a parameter at 0 that is not searched as a logarithm
            low = np.where(self.positive, self.estimates * np.exp(-half), self.estimates - half)
            high = np.where(self.positive, self.estimates * np.exp(half), self.estimates + half)
        return {name: Interval(a, b) for name, a, b in zip(self.names, low.tolist(), high.tolist(), strict=True)}

    def to_json(self) -> str:
        """Write the model and what is known about its fit as JSON text.

        Returns
        -------
        str
            A JSON object.

        Examples
        --------
        >>> from crmvalue.models import fit_shifted_beta_geometric
        >>> fit = fit_shifted_beta_geometric([1000, 869, 743, 653, 593, 551, 517, 491])
        >>> Fit.from_json(fit.to_json()) == fit
        True
        """
        return to_json(self)

    @classmethod
    def from_json(cls, text: str) -> Fit[Any]:
        """Read what :meth:`to_json` wrote.

        Parameters
        ----------
        text : str
            JSON text.

        Returns
        -------
        Fit
            An equal fit.

        Raises
        ------
        InputError
            If the text is not what :meth:`to_json` wrote.
        """
        return from_json(cls, text, Diagnosis, model=read_model)


def read_fit(fields: Any) -> Fit[Any]:
    """Read a fit from its object in JSON."""
    return Fit.from_json(json.dumps(fields))


def read_model(fields: Any) -> Any:
    """Read a model of any class from its object in JSON."""
    return _MODELS[fields["kind"]].from_json(json.dumps(fields))


@np.errstate(under="ignore")
def fit_model(
    make: Callable[..., Any],
    evaluate: Callable[[Floats], Evaluation],
    parameters: Parameters,
    starts: Sequence[Floats],
    *,
    n_customers: int,
    n_events: int | None = None,
    more_starts: Sequence[Floats] = (),
    priors: Mapping[str, tuple[float, float]] | None = None,
    units: Floats | None = None,
    n_more: Callable[[Floats], int | None] | None = None,
    rough: Callable[[Floats], Evaluation] | None = None,
    limit: Callable[[], Floats] | None = None,
) -> Fit[Any]:
    """Search for the parameters and make the model of them.

    `units` are those in which the search counts: a time in mean ages, money in typical purchases, a number in ones.
    """
    unit_of = dict(zip(parameters.names, np.ones(len(parameters.names)) if units is None else units, strict=True))
    unit_of = {name: float(unit) for name, unit in unit_of.items()}
    given = read_priors(priors, parameters)
    scaled = {name: (centre / unit_of[name], spread) for name, (centre, spread) in given.items()}
    estimates, covariance, log_likelihood, diagnosis = fit_parameters(
        evaluate, parameters, starts, more_starts=more_starts, priors=scaled, n_more=n_more, rough=rough, limit=limit
    )
    estimates = estimates * np.array(list(unit_of.values()))
    return Fit(
        model=make(*estimates.tolist()),
        log_likelihood=log_likelihood,
        n_customers=n_customers,
        n_events=n_events,
        names=parameters.names,
        estimates=estimates,
        search_covariance=covariance,
        positive=parameters.positive,
        diagnosis=diagnosis,
        priors=given,
    )


def fit_parameters(
    evaluate: Callable[[Floats], Evaluation],
    parameters: Parameters,
    starts: Sequence[Floats],
    *,
    more_starts: Sequence[Floats] = (),
    priors: Mapping[str, tuple[float, float]],
    n_more: Callable[[Floats], int | None] | None = None,
    rough: Callable[[Floats], Evaluation] | None = None,
    limit: Callable[[], Floats] | None = None,
) -> tuple[Floats, Floats, float, Diagnosis]:
    """Maximise a log-likelihood with checked priors.

    `starts` are points on the scale of the search; `more_starts` are tried if the diagnosis of the first is not clean
    or a standard error is wide. Where they are NaN, they stand for where the first search ended. `n_more` says by
    that end how many of them are worth a try; None means all. `rough` is nearly the log-likelihood, at a small part of
    its cost: from each start it is climbed first. `limit` gives the point of a limiting model, which is the first of
    `more_starts` too: a first search that comes to its likelihood, and not above it, ends there.
    Returns the estimates, the covariance on the scale of the search, the log-likelihood without the prior and the
    diagnosis.
    """
    location = np.array([priors[name][0] if name in priors else 0.0 for name in parameters.names])
    location[parameters.positive] = np.log(np.where(location > 0, location, 1.0))[parameters.positive]
    precision = np.array([priors[name][1] ** -2.0 if name in priors else 0.0 for name in parameters.names])

    def with_prior(likelihood: Callable[[Floats], Evaluation]) -> Callable[[Floats], Evaluation]:
        return _penalised(likelihood, location, precision)

    low = np.where(parameters.positive, LOG_LOW, np.negative(parameters.farthest))
    high = np.where(parameters.positive, LOG_HIGH, parameters.farthest)
    objective = with_prior(evaluate)
    before = [climb(with_prior(rough), start, low, high) for start in starts] if rough else []
    ends: list[Point] = []

    def limiting() -> Point:
        if not ends:
            theta = np.clip(limit() if limit else starts[0], low, high)
            ends.append(Point(theta, objective(theta), converged=True, n_evaluations=1))
        return ends[0]

    first = [point.theta for point in before] or starts
    weakest = _WEAK_RIDGE if rough else WEAKEST
    tried = [climb(objective, start, low, high, limit=limiting if limit else None, weakest=weakest) for start in first]
    tried += ends
    n_starts = len(tried)
    best = max(tried, key=lambda point: point.at.value)
    diagnosis, covariance = _diagnose(best, parameters, low, high, tried, n_starts)
    unsure = not diagnosis.trustworthy or float(np.diag(covariance).max()) > _WIDE**2
    if unsure and more_starts:
        end = best.theta
        more = more_starts[len(ends) : n_more(end) if n_more else None]
        for given in more:
            start = np.where(np.isnan(given), end, given)
            if rough:
                known = max(point.at.value for point in before)
                before.append(climb(with_prior(rough), start, low, high, before))
                start = before[-1].theta
                if before[-1].at.value <= known + _SLACK:  # no other peak
                    continue
            tried.append(climb(objective, start, low, high, tried))
        best = max(tried, key=lambda point: point.at.value)
        diagnosis, covariance = _diagnose(best, parameters, low, high, tried, n_starts + len(more))
    if not math.isfinite(best.at.value):
        raise ConvergenceError("no start of the search has a finite likelihood", parameters.natural(best.theta))
    away = best.theta - location
    log_likelihood = best.at.value + 0.5 * float(precision @ away**2)
    return parameters.natural(best.theta), covariance, log_likelihood, diagnosis


def _penalised(
    likelihood: Callable[[Floats], Evaluation], location: Floats, precision: Floats
) -> Callable[[Floats], Evaluation]:
    """Subtract what the priors say of a point of the search."""
    if not precision.any():
        return likelihood

    def evaluated(theta: Floats) -> Evaluation:
        plain = likelihood(theta)
        away = theta - location
        return Evaluation(
            plain.value - 0.5 * float(precision @ away**2),
            plain.gradient - precision * away,
            plain.hessian - np.diag(precision),
        )

    return evaluated


@np.errstate(under="ignore")
def likelihood_ratio_test(smaller: Fit[Any], larger: Fit[Any]) -> LikelihoodRatioTest:
    """Test a fit against one that is nested in it, on the same data.

    Parameters
    ----------
    smaller, larger : Fit
        Fits by plain maximum likelihood, the parameters of `smaller` among those of `larger`.

    Returns
    -------
    LikelihoodRatioTest
        Statistic, degrees of freedom, p-value.

    Raises
    ------
    InputError
        If the fits are not nested, have priors or a calendar, or differ in the number of customers or of events or in
        k, or if the larger fit is less likely.

    Notes
    -----
    Wilks (1938): where the smaller model holds, twice the gain is chi-square distributed, with one degree for each
    parameter more. Other data with the same numbers are not found out; the p-value then means nothing.

    Examples
    --------
    >>> from crmvalue.models import fit_beta_discrete_weibull, fit_shifted_beta_geometric
    >>> cohort = [1000, 869, 743, 653, 593, 551, 517, 491]
    >>> test = likelihood_ratio_test(fit_shifted_beta_geometric(cohort), fit_beta_discrete_weibull(cohort))
    >>> round(test.statistic, 2), round(test.p_value, 4)
    (11.69, 0.0006)
    """
    from scipy.stats import chi2

    for name, fit in (("smaller", smaller), ("larger", larger)):
        if not isinstance(fit, Fit):
            raise InputError(name, "a Fit", type(fit).__name__)
    kinds = type(smaller.model).__name__, type(larger.model).__name__
    for name, fit in (("smaller", smaller), ("larger", larger)):
        if hasattr(fit.model, "calendar"):
            hint = "log_likelihood and log_likelihood_flat of the SeasonalFit have the levels in them"
            raise InputError(name, "a fit without a calendar", type(fit.model).__name__, hint=hint)
    same = all(getattr(smaller.model, of, None) == getattr(larger.model, of, None) for of in ("time_unit", "k"))
    nested = kinds[1] in (kinds[0], *getattr(smaller.model, "_nested_in", ())) and same
    if not (nested and _is_part(smaller.names, larger.names)):
        rule = f"nested in the larger fit: a {kinds[1]} of fewer parameters in the same time unit, with the same k"
        raise InputError("smaller", rule, f"{kinds[0]} with {', '.join(smaller.names)}")
    if smaller.priors or larger.priors:
        rule = "a fit without priors or a penalty, like the smaller"
        raise InputError("larger", rule, f"a penalised fit, of {', '.join(larger.priors or smaller.priors)}")
    for number in ("n_customers", "n_events"):
        here, there = getattr(smaller, number), getattr(larger, number)
        if here != there and None not in (here, there):
            raise InputError("smaller", f"of the same data as the larger fit, with its {number} of {there}", here)
    gain = larger.log_likelihood - smaller.log_likelihood
    if gain < -_SLACK * max(1.0, abs(smaller.log_likelihood)):
        rule = f"at least as likely as the smaller one, {as_given(smaller.log_likelihood)}, on the same data"
        raise InputError("larger", rule, larger.log_likelihood, hint="fits of other data, or a search that went wrong")
    statistic = max(0.0, 2.0 * gain)
    degrees = larger.n_parameters - smaller.n_parameters
    return LikelihoodRatioTest(statistic=statistic, degrees=degrees, p_value=float(chi2.sf(statistic, degrees)))


def _is_part(smaller: tuple[str, ...], larger: tuple[str, ...]) -> bool:
    """Whether the smaller parameters are a special case of the larger: some are left out, or two are the same."""

    def parts(name: str) -> set[str]:
        trait = name.removeprefix(BOTH)
        return {name} if trait == name else {f"purchase.{trait}", f"dropout.{trait}"}

    few, many = (set().union(*map(parts, names)) for names in (smaller, larger))
    tied = {name for name in larger if name.startswith(BOTH)}
    return few <= many and len(smaller) < len(larger) and all(name in smaller or not parts(name) & few for name in tied)


def has_priors(priors: object) -> bool:
    """Tell whether there are any priors; refuse what is no mapping."""
    priors = plain_given(priors)
    if priors is not None and not isinstance(priors, Mapping):
        raise InputError("priors", "a mapping from parameters to pairs (median, log-scale spread)", priors)
    return bool(priors)


def read_priors(priors: Any, parameters: Parameters) -> dict[str, tuple[float, float]]:
    """Check priors: of a positive parameter median and log-scale spread, of a coefficient mean and deviation."""
    checked = {}
    for name, prior in plain_given(priors).items() if has_priors(priors) else ():
        if name not in parameters.names:
            raise InputError("priors", f"for parameters of the model ({', '.join(parameters.names)})", name)
        rule = "a pair: median and log-scale spread"
        pair, _ = to_array(f"priors[{name!r}]", prior, rule, as_objects=True)
        if pair.shape != (2,):
            raise InputError(f"priors[{name!r}]", rule, prior)
        centre = as_float(f"median of priors[{name!r}]", pair[0])
        if parameters.positive[parameters.names.index(name)]:
            as_positive(f"median of priors[{name!r}]", centre)
        checked[name] = (centre, as_positive(f"spread of priors[{name!r}]", pair[1]))
    return checked


def read_starts(starts: object, kind: type[Any], time_unit: str) -> list[Any]:
    """Take models to start a search from, or fits of them: of the kind that is fitted, in the same unit."""
    if starts is None:
        return []
    if not isinstance(starts, Sequence) or not starts:
        raise InputError("starts", f"a list of {kind.__name__} models or their fits, at least one", starts)
    models = [start.model if isinstance(start, Fit) else start for start in starts]
    for model in models:
        if not isinstance(model, kind):
            raise InputError("starts", f"a list of {kind.__name__} models or their fits", model)
        if model.time_unit != time_unit:
            raise InputError("starts", f"measured in the unit of the history, {time_unit!r}", model)
    return models


def _diagnose(
    best: Point, parameters: Parameters, low: Floats, high: Floats, tried: Sequence[Point], n_starts: int
) -> tuple[Diagnosis, Floats]:
    names = parameters.names
    edge = (best.theta <= low + _AT_WALL) | (best.theta >= high - _AT_WALL)
    free = np.nonzero(~edge)[0]
    covariance = np.zeros((len(names), len(names)))
    covariance[edge, edge] = np.inf
    undetermined: list[str] = []
    if len(free):
        curvature, axes = np.linalg.eigh(-best.at.hessian[np.ix_(free, free)])
        weak = curvature < _FLAT
        undetermined = [names[i] for k, i in enumerate(free) if (np.abs(axes[k, weak]) > 0.1).any()]
        covariance[np.ix_(free, free)] = (axes / np.maximum(curvature, 1e-12)) @ axes.T
        for k, i in enumerate(free):
            if (np.abs(axes[k, curvature <= 1e-9]) > 1e-3).any():
                covariance[i, :] = covariance[:, i] = 0.0
                covariance[i, i] = np.inf
    gradient_norm = float(np.abs(best.at.gradient[free]).max(initial=0.0))
    at_edge = tuple(name for name, hit in zip(names, edge, strict=True) if hit)
    messages = []
    if not best.converged:
        messages.append(f"{NOT_SETTLED} (slope {decimal(gradient_norm, 2)}): {ADVICE}")
    if at_edge:
        messages.append(f"{', '.join(at_edge)} ran to the boundary of the search: {ADVICE}")
    if undetermined:
        messages.append(f"the data hardly determine {', '.join(undetermined)}: {ADVICE}")
    diagnosis = Diagnosis(
        gradient_norm=gradient_norm,
        boundary=at_edge,
        flat=tuple(undetermined),
        n_starts=n_starts,
        n_evaluations=sum(point.n_evaluations for point in tried),
        messages=tuple(messages),
    )
    return diagnosis, covariance
