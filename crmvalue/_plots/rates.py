"""How much customers differ: the rates at which they buy, and the chances that they leave."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from crmvalue._core.pictures.parts import Axis, Layer, Parts, shown
from crmvalue._core.pictures.pictured import Picture
from crmvalue.errors import InputError
from crmvalue.models import (
    BgCnbd,
    BgNbd,
    CorrelatedParetoNbd,
    Ensemble,
    Fit,
    GgompertzNbd,
    MbgCnbd,
    MbgNbd,
    Nbd,
    ParetoNbd,
    SeasonalFit,
    SeasonalModel,
    TimeVaryingParetoNbd,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from crmvalue.typing import Floats

__all__ = ["as_model", "leaving_rates", "purchase_rates"]

_AFTER_PURCHASES = (BgNbd, MbgNbd, BgCnbd, MbgCnbd)
_AT_ANY_TIME = (ParetoNbd, CorrelatedParetoNbd, GgompertzNbd, TimeVaryingParetoNbd)  # customers leave
_ALONE = (*_AFTER_PURCHASES, ParetoNbd, CorrelatedParetoNbd, GgompertzNbd, Nbd, Ensemble)  # predict from purchases
_NAMES = "a BgNbd, MbgNbd, ParetoNbd, CorrelatedParetoNbd, GgompertzNbd, Nbd, BgCnbd, MbgCnbd"
_HINTS: dict[type[Any], str] = {
    SeasonalModel: "its `model` is the model by the mean clock of the calendar",
    SeasonalFit: "the `model` of its `model` is the one by the mean clock of the calendar",
    TimeVaryingParetoNbd: "take fit_pareto_nbd, which needs no covariates of each period",
}

_N_PARTS = 10
_STEP = 1e-4  # of a logarithm, for a derivative
_LEVEL, _NORMAL = 0.95, 1.959963984540054
_SMALLEST = 1e-290  # rates below it are 0 in a picture
_RARE = 1e-4  # rates below it are not told apart
_MIDDLES = 1 - (np.arange(_N_PARTS) + 0.5) / _N_PARTS
_LABELS = [f"{10 * k}–{10 * k + 10}" for k in range(_N_PARTS)]  # noqa: RUF001 - a dash in a range


def purchase_rates(model: Any) -> Picture:
    """Draw how often customers buy while they are alive, tenth by tenth: how much they differ.

    Parameters
    ----------
    model : purchase model or Fit
        Purchase model, or the fit of one. The covariates of all customers count as being at their centre, and with a
        calendar the day as one of the mean level.

    Returns
    -------
    Picture
        With columns `customers`, `rate` (median of each tenth of the customers) and `average`. For a fit, `low` and
        `high` are the ends of the 95 % interval of the median, from the uncertainty of the parameters.

    Raises
    ------
    InputError
        If `model` is no purchase model, or an ensemble of several.

    Examples
    --------
    >>> from crmvalue.models import BgNbd
    >>> purchase_rates(BgNbd(0.243, 4.414, 0.793, 2.426, "week")).title
    'One tenth of the customers buys 0.17 times a week or more, half less than 0.0091 times'
    """
    model = _as_rates(model)
    found = model.model if isinstance(model, Fit) else model
    unit = found.time_unit
    often, median = (float(_purchases(found, share)) for share in (0.9, 0.5))
    rates = f"{_times(often)} a {unit} or more, half less than {_times(median)}"
    title = f"One tenth of the customers buys {rates}"
    if often < _RARE:
        title = f"Nine tenths of the customers buy less than {_times(often)} a {unit}"
    average = found.r / (found.alpha * _steps(found))
    return _tenths(
        title,
        ("Customers, most frequent buyers first [%]", Axis(title=f"Purchases a {unit} while alive", low=0)),
        ("rate", _purchases(found, _MIDDLES), average),
        _ends(model, lambda one: _purchases(one, _MIDDLES), np.log, np.exp),
    )


def _times(rate: float) -> str:
    """Write a number of purchases in words, without powers of ten."""
    return f"{rate:.2g} times" if _RARE <= rate < 100 else f"{rate:,.0f} times" if rate >= 100 else f"{_RARE:g} times"


def _steps(model: Any) -> int:
    """Give the events to a purchase of customers who buy regularly; 1 of all others."""
    return int(getattr(model, "k", 1))


def leaving_rates(model: Any) -> Picture:
    """Draw how probable it is that customers leave, tenth by tenth: how much they differ.

    Parameters
    ----------
    model : purchase model or Fit
        Purchase model in which customers leave, or the fit of one. Covariates count as being at their centre.

    Returns
    -------
    Picture
        With columns `customers`, `prob_leaving` (median of each tenth of the customers) and `average`: the probability
        to leave after a purchase. For Pareto/NBD it is that to leave within one unit of time, for GGompertz/NBD within
        the first one. For a fit, `low` and `high` are the ends of the 95 % interval of the median, from the uncertainty
        of the parameters.

    Raises
    ------
    InputError
        If `model` is no purchase model, an ensemble of several, or one by which nobody leaves.

    Examples
    --------
    >>> from crmvalue.models import BgNbd
    >>> leaving_rates(BgNbd(0.243, 4.414, 0.793, 2.426, "week")).title
    'Half of the customers leave after a purchase with at most 19 % probability, one tenth with 56 % or more'
    """
    from scipy.special import expit, logit

    model = _as_rates(model)
    found = model.model if isinstance(model, Fit) else model
    if isinstance(found, Nbd):
        raise InputError("model", "one in which customers leave", model, hint="take a BgNbd, MbgNbd or ParetoNbd")
    unit = found.time_unit
    when = f"within a {unit}" if isinstance(found, _AT_ANY_TIME) else "after a purchase"
    when = f"within their first {unit}" if isinstance(found, GgompertzNbd) else when
    often, median = (shown(float(_leaving(found, share)), "share") for share in (0.9, 0.5))
    title = f"Half of the customers leave {when} with at most {median} probability, one tenth with {often} or more"
    if float(_leaving(found, 0.9)) < 5e-4:
        title = "By this model, customers hardly ever leave"
    average = found.a / (found.a + found.b) if hasattr(found, "a") else _mean_leaving(found)
    return _tenths(
        title,
        ("Customers, most likely to leave first [%]", Axis(title="Probability to leave", form="share", low=0)),
        ("prob_leaving", _leaving(found, _MIDDLES), average),
        _ends(model, lambda one: _leaving(one, _MIDDLES), logit, expit),
    )


def as_model(model: Any) -> Any:
    """Take a purchase model of customers of whom only the purchases are known, or the fit of one."""
    found = model.model if isinstance(model, Fit) else model
    if not isinstance(found, _ALONE):
        hint = _HINTS.get(type(found), getattr(type(found), "_elsewhere", None))
        raise InputError("model", f"{_NAMES}, Ensemble, or the fit of one", found, hint=hint)
    if isinstance(found, Ensemble) and any(isinstance(model, SeasonalModel) for model in found.models):
        raise InputError("model", "an ensemble without a calendar", found, hint=_HINTS[SeasonalModel])
    if found.purchase_effects or found.dropout_effects:
        hint = "`for_covariates` gives the model of customers whose covariates are known"
        raise InputError("model", "one without effects of covariates", found, hint=hint)
    return found


def _as_rates(model: Any) -> Any:
    """Take a purchase model with rates of its own, or the fit of one; of one with a calendar the model inside."""
    given = model.fit if isinstance(model, SeasonalFit) else model
    found = given.model if isinstance(given, Fit) else given
    if isinstance(found, SeasonalModel):
        inner = found.model
        given, found = (attrs.evolve(given, model=inner) if isinstance(given, Fit) else inner), inner
    if not isinstance(found, (*_AFTER_PURCHASES, *_AT_ANY_TIME, Nbd)):
        hint = "draw each of its `models`" if isinstance(found, Ensemble) else getattr(type(found), "_elsewhere", None)
        raise InputError("model", f"{_NAMES}, or the fit of one", model, hint=hint)
    return given


def _purchases(model: Any, share: Floats | float) -> Floats:
    """Give the rate of purchases below which a share of the customers lies."""
    from scipy.special import gammaincinv

    rate: Floats = gammaincinv(model.r, share) / (model.alpha * _steps(model))
    return rate


def _leaving(model: Any, share: Floats | float) -> Floats:
    """Give the probability to leave below which a share of the customers lies."""
    from scipy.special import betaincinv, gammaincinv

    if isinstance(model, _AT_ANY_TIME):
        within: Floats = -np.expm1(-gammaincinv(model.s, share) * _first_unit(model))
        return within
    prob: Floats = betaincinv(model.a, model.b, share)
    return prob


def _first_unit(model: Any) -> float:
    """Give what the rate of leaving, over a unit of time from the first purchase, is worth in gamma(s, 1)."""
    grown = float(np.expm1(model.b)) if isinstance(model, GgompertzNbd) else 1.0
    return grown / float(model.beta)


def _mean_leaving(model: Any) -> float:
    """Probability that a customer, of whom nothing is known, leaves within a unit of time."""
    return float(-np.expm1(-model.s * np.log1p(_first_unit(model))))


def _ends(
    model: Any, of: Callable[[Any], Floats], to: Callable[..., Floats], back: Callable[..., Floats]
) -> tuple[Floats, Floats] | None:
    """Give the interval of figures of a fitted model, by the delta method on a scale without ends.

    The parameters that shape the figures are positive, so they were searched as logarithms. None where the data do not
    determine one of them.
    """
    if not isinstance(model, Fit):
        return None
    places = [k for k, name in enumerate(model.names) if model.positive[k] and "." not in name]
    covariance = model.search_covariance[np.ix_(places, places)]
    slopes = []
    with np.errstate(divide="ignore", invalid="ignore", over="ignore", under="ignore"):
        middle = of(model.model)
        usable = (middle > _SMALLEST) & (middle < 1e290)
        for k in places:
            name = model.names[k]
            value = getattr(model.model, name)
            ends = [of(attrs.evolve(model.model, **{name: value * np.exp(step)})) for step in (-_STEP, _STEP)]
            slopes.append((to(ends[1]) - to(ends[0])) / (2 * _STEP))
        slope = np.array(slopes)
        matters = np.abs(np.where(np.isfinite(slope), slope, 0.0)).max(axis=1) > 0
        inner = covariance[np.ix_(matters, matters)]
        if not np.isfinite(inner).all():
            return None
        error = np.sqrt(np.maximum(np.einsum("ik,ij,jk->k", slope[matters], inner, slope[matters]), 0.0))
        low, high = (back(to(middle) + side * _NORMAL * error) for side in (-1, 1))
    return np.where(usable, low, np.nan), np.where(usable, high, np.nan)


def _tenths(
    title: str, axes: tuple[str, Axis], column: tuple[str, Floats, float], ends: tuple[Floats, Floats] | None
) -> Picture:
    """Draw a figure of each tenth of the customers beside the average of all."""
    name, figure, average = column
    columns = {"customers": np.array(_LABELS), name: figure, "average": np.full(_N_PARTS, average)}
    layers = [Layer(mark="bar", x="customers", y=name, label="median of the group")]
    if ends is not None:
        columns |= {"low": ends[0], "high": ends[1]}
        word = f"its {100 * _LEVEL:g} % interval"
        layers.append(Layer(mark="interval", x="customers", low="low", high="high", label=word, style="second"))
    layers.append(Layer(mark="line", x="customers", y="average", label="average of all", style="naive"))
    return Picture(Parts(title=title, x=Axis(title=axes[0], form="name"), y=axes[1], columns=columns, layers=layers))
