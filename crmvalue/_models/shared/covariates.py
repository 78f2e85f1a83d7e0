"""What is known of customers beside their purchases, and how it moves the parameters of the purchase models.

A covariate acts on the process of purchases or on that of leaving, by a factor exp(coefficient (z - centre) / scale).
Centre and scale are those of the customers of the fit, and stay with the model.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from crmvalue._core.checks import as_float, as_floats, as_positive, as_text, require
from crmvalue._models.shared.common import model_fields, per_customer
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from crmvalue.purchases import PurchaseHistory
    from crmvalue.typing import Floats

__all__ = [
    "CovariateEffect",
    "effects_field",
    "factors",
    "factors_for",
    "json_with_effects",
    "model_repr",
    "model_with_effects_from_json",
    "read_covariates",
    "with_estimates",
]

_LARGEST = 200.0  # of the exponent: a factor of exp(200) is no longer an effect


def _checked(check: Callable[[str, Any], Any], name: str, **options: Any) -> Any:
    return attrs.field(converter=lambda value: check(name, value), **options)


@attrs.frozen
class CovariateEffect:
    """How one covariate acts on one process of a model.

    Parameters
    ----------
    name : str
        Covariate, as the history names it.
    coefficient : float
        Change of the logarithm of the factor for each `scale` that the covariate is above `centre`.
    centre, scale : float, optional
        Of the standardisation; `scale` > 0. With 0 and 1 the coefficient counts units of the covariate.

    Examples
    --------
    >>> effect = CovariateEffect("income", 0.3, centre=40_000, scale=15_000)
    >>> round(effect.per_unit, 6)
    2e-05
    """

    name: str = _checked(as_text, "name")
    coefficient: float = _checked(as_float, "coefficient")
    centre: float = _checked(as_float, "centre", default=0.0)
    scale: float = _checked(as_positive, "scale", default=1.0)

    @property
    def per_unit(self) -> float:
        """Change of the logarithm of the factor for one unit of the covariate."""
        return self.coefficient / self.scale


def effects_field(name: str) -> Any:
    """Field for the effects on one process: none by default, no covariate twice."""

    def convert(value: Iterable[CovariateEffect]) -> tuple[CovariateEffect, ...]:
        try:
            effects = tuple(value)
        except TypeError:
            effects = (value,)  # type: ignore[assignment]  # whatever it is, it is reported below
        for effect in effects:
            if not isinstance(effect, CovariateEffect):
                raise InputError(name, "CovariateEffect objects", effect)
        if len({effect.name for effect in effects}) != len(effects):
            raise InputError(name, "each covariate once", [effect.name for effect in effects])
        return effects

    return attrs.field(default=(), converter=convert, kw_only=True)


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
    named = dict(zip(names, values, strict=True))
    plain: dict[str, Any] = {name: value for name, value in named.items() if "." not in name}
    for process in ("purchase", "dropout"):
        coefficients = {name.partition(".")[2]: v for name, v in named.items() if name.startswith(process + ".")}
        if coefficients:
            effects = getattr(model, process + "_effects")
            plain[process + "_effects"] = tuple(
                attrs.evolve(effect, coefficient=coefficients[effect.name]) for effect in effects
            )
    return attrs.evolve(model, **plain)


def model_repr(model: Any) -> str:
    """Write the parameters, and the effects where there are any."""
    shown = (
        (field.name, getattr(model, field.name))
        for field in attrs.fields(type(model))
        if getattr(model, field.name) != ()
    )
    return f"{type(model).__name__}({', '.join(f'{name}={value!r}' for name, value in shown)})"


def json_with_effects(model: Any) -> str:
    """Write the parameters as JSON text, and the effects where there are any."""
    fields = {name: value for name, value in attrs.asdict(model).items() if value != ()}
    return json.dumps({"model": type(model).__name__, **fields})


def model_with_effects_from_json(cls: type[Any], text: str) -> Any:
    """Read what :func:`json_with_effects` wrote for this class."""
    fields = model_fields(cls, text)
    for name in ("purchase_effects", "dropout_effects"):
        if name in fields:
            try:
                fields[name] = tuple(CovariateEffect(**effect) for effect in fields[name])
            except TypeError as error:
                raise InputError("text", f"JSON with {name} as to_json writes them", fields[name]) from error
    return cls(**fields)
