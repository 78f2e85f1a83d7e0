"""How much customers differ: the rates at which they buy, and the chances that they leave."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from crmvalue._core.pictures.parts import Axis, Layer, Parts, shown
from crmvalue._core.pictures.pictured import Picture
from crmvalue.errors import InputError
from crmvalue.models import BgCnbd, BgNbd, Fit, MbgCnbd, MbgNbd, Nbd, ParetoNbd

if TYPE_CHECKING:
    from collections.abc import Callable

    from crmvalue.typing import Floats

__all__ = ["as_model", "leaving_rates", "purchase_rates"]

_N_PARTS = 10
_STEP = 1e-4  # of a logarithm, for a derivative
_LEVEL, _NORMAL = 0.95, 1.959963984540054
_SMALLEST = 1e-290  # rates below it are 0 in a picture
_MIDDLES = 1 - (np.arange(_N_PARTS) + 0.5) / _N_PARTS
_LABELS = [f"{10 * k}–{10 * k + 10}" for k in range(_N_PARTS)]  # noqa: RUF001 - a dash in a range


def purchase_rates(model: Any) -> Picture:
    """Draw how often customers buy while they are alive, tenth by tenth: how much they differ.

    Parameters
    ----------
    model : BgNbd, MbgNbd, BgCnbd, MbgCnbd, ParetoNbd, Nbd or Fit
        Purchase model, or the fit of one.

    Returns
    -------
    Picture
        With columns `customers`, `rate` (median of each tenth of the customers) and `average`. For a fit, `low` and
        `high` are the ends of the 95 % interval of the median, from the uncertainty of the parameters.

    Raises
    ------
    InputError
        If `model` is no purchase model.

    Examples
    --------
    >>> from crmvalue.models import BgNbd
    >>> purchase_rates(BgNbd(0.243, 4.414, 0.793, 2.426, "week")).title
    'One tenth of the customers buys 0.17 times a week or more, half less than 0.0091 times'
    """
    found = as_model(model)
    unit = found.time_unit
    often, median = (float(_purchases(found, share)) for share in (0.9, 0.5))
    title = f"One tenth of the customers buys {often:.2g} times a {unit} or more, half less than {median:.2g} times"
    average = found.r / (_steps(found) * found.alpha)
    return _tenths(
        title,
        ("Customers, most frequent buyers first [%]", Axis(title=f"Purchases a {unit} while alive", low=0)),
        ("rate", _purchases(found, _MIDDLES), average),
        _ends(model, lambda one: _purchases(one, _MIDDLES), np.log, np.exp),
    )


def leaving_rates(model: Any) -> Picture:
    """Draw how probable it is that customers leave, tenth by tenth: how much they differ.

    Parameters
    ----------
    model : BgNbd, MbgNbd, BgCnbd, MbgCnbd, ParetoNbd or Fit
        Purchase model in which customers leave, or the fit of one.

    Returns
    -------
    Picture
        With columns `customers`, `prob_leaving` (median of each tenth of the customers) and `average`: the probability
        to leave after a purchase, and for Pareto/NBD within one unit of time. For a fit, `low` and `high` are the ends
        of the 95 % interval of the median, from the uncertainty of the parameters.

    Raises
    ------
    InputError
        If `model` is no purchase model, or nobody leaves by it.

    Examples
    --------
    >>> from crmvalue.models import BgNbd
    >>> leaving_rates(BgNbd(0.243, 4.414, 0.793, 2.426, "week")).title
    'Half of the customers leave after a purchase with at most 20 % probability, one tenth with 56 % or more'
    """
    from scipy.special import expit, logit

    found = as_model(model)
    if isinstance(found, Nbd):
        raise InputError("model", "one in which customers leave", model, hint="take a BgNbd, MbgNbd or ParetoNbd")
    when = f"within a {found.time_unit}" if isinstance(found, ParetoNbd) else "after a purchase"
    often, median = (shown(float(_leaving(found, share)), "share") for share in (0.9, 0.5))
    title = f"Half of the customers leave {when} with at most {median} probability, one tenth with {often} or more"
    if float(_leaving(found, 0.9)) < 5e-4:
        title = "By this model, customers hardly ever leave"
    average = found.a / (found.a + found.b) if not isinstance(found, ParetoNbd) else _mean_leaving(found)
    return _tenths(
        title,
        ("Customers, most likely to leave first [%]", Axis(title="Probability to leave", form="share", low=0)),
        ("prob_leaving", _leaving(found, _MIDDLES), average),
        _ends(model, lambda one: _leaving(one, _MIDDLES), logit, expit),
    )


def as_model(model: Any) -> Any:
    """Take a purchase model in continuous time, or the fit of one."""
    found = model.model if isinstance(model, Fit) else model
    if not isinstance(found, BgNbd | MbgNbd | BgCnbd | MbgCnbd | ParetoNbd | Nbd):
        raise InputError("model", "a BgNbd, MbgNbd, BgCnbd, MbgCnbd, ParetoNbd, Nbd, or the fit of one", model)
    return found


def _purchases(model: Any, share: Floats | float) -> Floats:
    """Give the rate of purchases below which a share of the customers lies."""
    from scipy.special import gammaincinv

    rate: Floats = gammaincinv(model.r, share) / (_steps(model) * model.alpha)
    return rate


def _steps(model: Any) -> int:
    """Events to a purchase, whose rates the gamma distribution is of."""
    return model.k if isinstance(model, BgCnbd | MbgCnbd) else 1


def _leaving(model: Any, share: Floats | float) -> Floats:
    """Give the probability to leave below which a share of the customers lies."""
    from scipy.special import betaincinv, gammaincinv

    if isinstance(model, ParetoNbd):
        within: Floats = -np.expm1(-gammaincinv(model.s, share) / model.beta)
        return within
    prob: Floats = betaincinv(model.a, model.b, share)
    return prob


def _mean_leaving(model: ParetoNbd) -> float:
    """Probability that a customer, of whom nothing is known, leaves within a unit of time."""
    return float(-np.expm1(-model.s * np.log1p(1 / model.beta)))


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
