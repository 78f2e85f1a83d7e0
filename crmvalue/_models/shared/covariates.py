"""Covariates: known traits of customers, and how they move the parameters of the purchase models.

A covariate acts on the process of purchases or on that of leaving, by a factor exp(coefficient (z - centre) / scale).
Centre and scale are those of the customers of the fit, and stay with the model.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from crmvalue._core.checks import as_float, as_floats, as_ordered_items, as_positive, as_text, require
from crmvalue._core.values import checked_field, given_field
from crmvalue._models.shared.common import per_customer
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from crmvalue.purchases import PurchaseHistory
    from crmvalue.typing import Floats

__all__ = [
    "BOTH",
    "CovariateEffect",
    "effects_field",
    "factors",
    "factors_for",
    "read_covariates",
    "season_of",
    "with_estimates",
]

BOTH = "both."  # before the name of a covariate that has one coefficient for purchases and dropout
_LARGEST = 200.0  # of the exponent: a factor of exp(200) is no longer an effect


@attrs.frozen
class CovariateEffect:
    """How one covariate acts on one process of a model.

    Parameters
    ----------
    name : str
        Covariate, as the history names it.
    coefficient : float
        Change of the logarithm of the factor when the covariate rises by `scale`.
    centre, scale : float, optional
        Of the standardisation, `scale` > 0. With 0 and 1 the coefficient is per unit of the covariate.

    Examples
    --------
    >>> effect = CovariateEffect("income", 0.3, centre=40_000, scale=15_000)
    >>> round(effect.per_unit, 6)
    2e-05
    """

    name: str = checked_field("name", as_text)
    coefficient: float = checked_field("coefficient", as_float)
    centre: float = checked_field("centre", as_float, default=0.0)
    scale: float = checked_field("scale", as_positive, default=1.0)

    @property
    def per_unit(self) -> float:
        """Change of the logarithm of the factor for one unit of the covariate."""
        return self.coefficient / self.scale


def effects_field(name: str) -> Any:
    """Field for the effects on one process: none by default, no covariate twice."""

    def convert(value: Iterable[CovariateEffect]) -> tuple[CovariateEffect, ...]:
        effects = tuple(as_ordered_items(name, value, "CovariateEffect objects"))
        for effect in effects:
            if not isinstance(effect, CovariateEffect):
                raise InputError(name, "CovariateEffect objects", effect)
        if len({effect.name for effect in effects}) != len(effects):
            raise InputError(name, "each covariate once", [effect.name for effect in effects])
        return effects

    return given_field(default=(), converter=convert, kw_only=True)


def factors(effects: tuple[CovariateEffect, ...], history: PurchaseHistory) -> Floats | float:
    """Give the factor of each customer: 1 without effects."""
    if not effects:
        return 1.0
    return _factors(effects, {effect.name: history.covariate(effect.name) for effect in effects})


def factors_for(effects: tuple[CovariateEffect, ...], columns: Mapping[str, Floats]) -> Floats | float:
    """Give the factor for covariates by name, which :func:`read_covariates` has checked."""
    return _factors(effects, columns) if effects else 1.0


def read_covariates(model: Any, covariates: object, n_customers: int | None = None) -> dict[str, Floats]:
    """Check that covariates by name are those of a model: one number each, or a number or column for n customers."""
    if not isinstance(covariates, Mapping):
        raise InputError("covariates", "a mapping from names to values", covariates)
    needed = {effect.name for effect in model.purchase_effects + model.dropout_effects}
    if set(covariates) != needed:
        raise InputError("covariates", f"those of the model ({', '.join(sorted(needed)) or 'none'})", list(covariates))
    if n_customers is None:
        return {name: np.asarray(as_float(f"covariates[{name!r}]", value)) for name, value in covariates.items()}
    read = {name: as_floats(**{f"covariates[{name!r}]": value})[0] for name, value in covariates.items()}
    return {name: per_customer(f"covariates[{name!r}]", column, n_customers) for name, column in read.items()}


def _factors(effects: tuple[CovariateEffect, ...], columns: Mapping[str, Floats]) -> Floats:
    exponent = sum(effect.coefficient * ((columns[effect.name] - effect.centre) / effect.scale) for effect in effects)
    exponent = np.asarray(exponent)
    require(
        np.abs(exponent) <= _LARGEST, "covariates", exponent, f"such that the effect is within exp(+-{_LARGEST:g})",
        hint="far outside what the model was fitted to",
    )  # fmt: skip
    found: Floats = np.exp(exponent)
    return found


def with_estimates(model: Any, names: Iterable[str], values: Iterable[float]) -> Any:
    """Give the model other parameters, named as a fit names them."""
    if hasattr(model, "calendar"):  # of which the parameters are those of another model
        return attrs.evolve(model, model=with_estimates(model.model, names, values))
    named = dict(zip(names, values, strict=True))
    plain: dict[str, Any] = {name: value for name, value in named.items() if "." not in name}
    for process in ("purchase", "dropout", "spend"):
        effects = getattr(model, process + "_effects", ())
        coefficients = {
            effect.name: named[name] for effect in effects for name in (f"{process}.{effect.name}", BOTH + effect.name)
            if name in named
        }  # fmt: skip
        if coefficients:
            plain[process + "_effects"] = tuple(
                attrs.evolve(effect, coefficient=coefficients[effect.name]) for effect in effects
            )
    months = {int(name.removeprefix("season.")): v for name, v in named.items() if name.startswith("season.")}
    if months:
        plain["season"] = season_of(months, [month for month, seen in enumerate(model.season, 1) if seen])
    return attrs.evolve(model, **plain)


def season_of(effects: Mapping[int, float], seen: Iterable[int]) -> tuple[float, ...]:
    """Effects of the twelve months, from those of all months that were seen but one: together they are 0."""
    rest = {month: -sum(effects.values()) for month in seen if month not in effects}
    return tuple((rest | {**effects}).get(month, 0.0) for month in range(1, 13))
