"""A model with time-varying covariates together with its customers: what functions of purchase models can ask."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from crmvalue._core.labels import as_given
from crmvalue._models.changing.time_varying_history import TimeVaryingHistory
from crmvalue._models.changing.time_varying_pareto_nbd import TimeVaryingParetoNbd
from crmvalue._models.shared.common import check_history
from crmvalue._models.shared.fit import Fit
from crmvalue._models.shared.process import Past
from crmvalue._models.shared.purchase_model import PurchaseModel, as_purchase_model
from crmvalue.errors import InputError
from crmvalue.purchases import PurchaseHistory

if TYPE_CHECKING:
    from crmvalue._models.changing.predictions import ProcessOfKnown
    from crmvalue.purchases import TimeUnit
    from crmvalue.typing import ArrayLike, Floats

__all__ = ["KnownCustomers", "as_model_of", "refuse_unused"]

_SAME = 1e-9  # of a time


@attrs.frozen(eq=False)
class KnownCustomers(PurchaseModel[PurchaseHistory]):
    """The model, ready to predict for these customers alone; it is asked with their purchases."""

    model: TimeVaryingParetoNbd
    time_varying: TimeVaryingHistory

    @property
    def time_unit(self) -> TimeUnit:
        """Unit of every time given to the model."""
        return self.model.time_unit

    def _as_ahead(self, name: str, value: ArrayLike) -> Floats:
        """Check that the covariates reach so far."""
        ahead = super()._as_ahead(name, value)
        self.model._as_ahead(name, ahead, self.time_varying)  # noqa: SLF001 - a part of this one
        return ahead

    def _as_ahead_or_life(self, horizon: ArrayLike | None) -> Floats:
        if horizon is None:
            hint = "no covariates are known for life"
            raise InputError("horizon", "a length of time for a TimeVaryingParetoNbd", None, hint=hint)
        return self._as_ahead("horizon", horizon)

    def _past(self, history: PurchaseHistory) -> Past:
        known = check_history(history, self.time_unit)
        return Past(known.frequency, known.recency, known.age)

    def _process(self, history: PurchaseHistory | None) -> ProcessOfKnown:
        del history
        return self.model._process(self.time_varying)  # noqa: SLF001 - a part of this one


def as_model_of(name: str, given: object, history: PurchaseHistory, time_varying: object) -> Any:
    """Take a purchase model or its fit; one with time-varying covariates needs these customers' covariates."""
    model = given.model if isinstance(given, Fit) else given
    if not isinstance(model, TimeVaryingParetoNbd):
        return as_purchase_model(name, given)
    if not isinstance(time_varying, TimeVaryingHistory):
        rule = f"a TimeVaryingHistory, since `{name}` is a TimeVaryingParetoNbd"
        hint = "TimeVaryingHistory.from_log with the same last day, and with the covariates of the future"
        raise InputError("time_varying", rule, time_varying, hint=hint)
    _require_same(time_varying, check_history(history, model.time_unit))
    return KnownCustomers(model, time_varying)


def refuse_unused(time_varying: object, *given: object) -> None:
    """Refuse covariates that no model asks for."""
    models = [one.model if isinstance(one, Fit) else one for one in given]
    if time_varying is not None and not any(isinstance(model, TimeVaryingParetoNbd) for model in models):
        raise InputError("time_varying", "None where no model is a TimeVaryingParetoNbd", type(time_varying).__name__)


def _require_same(time_varying: TimeVaryingHistory, history: PurchaseHistory) -> None:
    """Refuse covariates of other customers, or of another time."""
    rule = "of the same customers in the same order, up to the same last day"
    if time_varying.time_unit != history.time_unit:
        raise InputError("time_varying", f"measured in the same unit, {history.time_unit!r}", time_varying.time_unit)
    if len(time_varying) != len(history):
        raise InputError("time_varying", f"{rule}: {len(history)} of them", len(time_varying))
    if history.customer is not None:
        other = np.flatnonzero(time_varying.customer != history.customer)
        if len(other):
            raise InputError("time_varying", rule, time_varying.customer[other[0]], count=len(other))
    for field in ("frequency", "recency", "age"):
        mine, theirs = getattr(time_varying, field), getattr(history, field)
        other = np.flatnonzero(np.abs(mine - theirs) > _SAME * np.maximum(1.0, theirs))
        if len(other):
            said = f"{field} {as_given(mine[other[0]])} in place of {as_given(theirs[other[0]])}"
            raise InputError("time_varying", rule, said, count=len(other))
