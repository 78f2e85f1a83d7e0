"""One table for all customers: alive, purchases, spend and lifetime value (CLV).

Made of a purchase model, a spend model and a horizon. For the models see their own modules; for values of averages
without any model :mod:`crmvalue.ltv`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Protocol

import attrs
import numpy as np
import numpy.typing as npt

from crmvalue._checks import as_fraction, as_positive, require_same_length
from crmvalue._values import array_field, float_column, read_only, stay_frozen
from crmvalue.errors import InputError
from crmvalue.models._common import check_history
from crmvalue.models._numerics import gauss_legendre
from crmvalue.models.gamma_gamma import GammaGamma

if TYPE_CHECKING:
    from crmvalue.purchases import PurchaseHistory, TimeUnit
    from crmvalue.typing import ArrayLike, Floats

__all__ = ["CustomerValues", "customer_values"]

_SERVICE_NODES = 40  # of the integral of the cost of serving over the horizon
_DISCOUNTED_AWAY = 40.0  # a discount of exp(-40) leaves nothing


class PurchaseModel(Protocol):
    """What a purchase model has to offer here."""

    time_unit: TimeUnit

    def prob_alive(self, history: PurchaseHistory, *, at: ArrayLike = 0.0) -> Floats:
        """Probability to be alive."""

    def expected_purchases(self, history: PurchaseHistory, *, horizon: ArrayLike) -> Floats:
        """Purchases within the horizon."""

    def discounted_expected_purchases(
        self, history: PurchaseHistory, *, discount_rate: ArrayLike, horizon: ArrayLike | None = None
    ) -> Floats:
        """Discounted purchases."""


@stay_frozen
@attrs.frozen(kw_only=True)
class CustomerValues:
    """One element per customer, in the order of the history.

    Parameters
    ----------
    customer : ndarray or None
        Identifiers of the history.
    prob_alive : ndarray
        Probability to be still a customer at the end of observation.
    expected_purchases : ndarray or None
        Within the horizon, undiscounted; None for life.
    expected_spend : ndarray
        Expected money of one purchase [money].
    clv : ndarray
        Value over the horizon, or for life [money]; below 0 where serving costs more than purchases bring.
    horizon : float or None
        Length of the future [time_unit]; None for life.
    discount_rate : float
        Effective, per time unit.
    margin : float
        Share of the spend that is margin.
    service_cost : float
        Cost of serving a customer while alive [money/time_unit].
    time_unit : str
        Unit of the horizon and of the rates.
    as_of : datetime64[D] or None
        End of observation of the history.

    Examples
    --------
    >>> values = CustomerValues(
    ...     prob_alive=[1.0],
    ...     expected_purchases=[2.0],
    ...     expected_spend=[10.0],
    ...     clv=[6.0],
    ...     horizon=52.0,
    ...     discount_rate=0.0,
    ...     margin=0.3,
    ...     service_cost=0.0,
    ...     time_unit="week",
    ... )
    >>> values.total
    6.0
    """

    customer: npt.NDArray[Any] | None = array_field(attrs.converters.optional(read_only), default=None)
    prob_alive: Floats = float_column("prob_alive")
    expected_purchases: Floats | None = float_column("expected_purchases", optional=True)
    expected_spend: Floats = float_column("expected_spend")
    clv: Floats = float_column("clv")
    horizon: float | None
    discount_rate: float
    margin: float
    service_cost: float
    time_unit: TimeUnit
    as_of: np.datetime64 | None = attrs.field(default=None, eq=str)  # numpy's own comparison gives no bool

    def __len__(self) -> int:
        return len(self.clv)

    def __attrs_post_init__(self) -> None:
        columns = {name: column for name, column in self.to_columns().items() if name != "clv"}
        require_same_length(clv=self.clv, **columns)

    @property
    def total(self) -> float:
        """Value of the base: the sum over all customers [money]."""
        return math.fsum(self.clv.tolist())

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """All columns by name, for a dataframe of any kind."""
        names = ("customer", "prob_alive", "expected_purchases", "expected_spend", "clv")
        columns = {name: getattr(self, name) for name in names}
        return {name: column for name, column in columns.items() if column is not None}


def customer_values(
    history: PurchaseHistory,
    purchase_model: PurchaseModel,
    spend_model: GammaGamma,
    *,
    horizon: float | None,
    margin: float,
    discount_rate: float = 0.0,
    service_cost: float = 0.0,
) -> CustomerValues:
    r"""Value each customer over a horizon, or for life.

    Basis: gross margin net of the cost of serving, before acquisition cost (which is spent).

    Parameters
    ----------
    history : PurchaseHistory
        The customers, with mean repeat spend, in the time unit of the model.
    purchase_model : BgNbd, MbgNbd or ParetoNbd
        Model of purchases.
    spend_model : GammaGamma
        Model of the spend of one purchase, independent of how many there are.
    horizon : float or None
        Length of the future [time unit of the model], > 0; None for life, which needs a discount rate above 0.
    margin : float
        Share of the spend that is margin [fraction], in [0, 1].
    discount_rate : float, optional
        Effective rate per time unit of the model [fraction], >= 0: `crmvalue.ltv.convert_rate` turns a yearly rate
        into a weekly one. Money at time s counts (1 + d)^-s.
    service_cost : float, optional
        Cost of serving a customer while alive [money per time unit], >= 0.

    Returns
    -------
    CustomerValues
        One element per customer.

    Raises
    ------
    InputError
        If an argument is outside its range, the units differ, the history has no spend, or the spend model has no
        finite mean.

    Notes
    -----
    .. math:: m \, E[\text{spend}] \, E\Big[\sum_{j} (1+d)^{-s_j}\Big]
        - c \int_0^H P(\text{alive at } s) \, (1 + d)^{-s} \, ds

    Fader, Hardie and Lee (2005), "RFM and CLV". The integral is a Gauss-Legendre rule on the logarithm of time,
    to a relative error below 1e-7.

    Examples
    --------
    >>> from crmvalue.models import BgNbd
    >>> from crmvalue.purchases import PurchaseHistory
    >>> history = PurchaseHistory.from_columns(
    ...     frequency=[2, 0], recency=[30.43, 0], age=[38.86, 38.86], mean_repeat_spend=[22.35, 0], time_unit="week"
    ... )
    >>> values = customer_values(
    ...     history, BgNbd(0.243, 4.414, 0.793, 2.426, "week"), GammaGamma(6.25, 3.74, 15.44), horizon=52, margin=0.3
    ... )
    >>> values.clv.round(2)
    array([11.53,  2.66])
    """
    _require_models(purchase_model, spend_model)
    check_history(history, purchase_model.time_unit)
    length = None if horizon is None else as_positive("horizon", horizon)
    share = as_fraction("margin", margin, closed=True)
    rate = as_positive("discount_rate", discount_rate, zero=True)
    cost = as_positive("service_cost", service_cost, zero=True)
    if length is None and rate == 0.0:
        raise InputError("discount_rate", "above 0 for a value for life", rate, hint="or give a horizon")
    spend = spend_model.expected_spend(history)
    discounted = purchase_model.discounted_expected_purchases(history, discount_rate=rate, horizon=length)
    value = share * spend * discounted
    if cost > 0.0:
        value = value - cost * _discounted_time_alive(history, purchase_model, rate, length)
    return CustomerValues(
        customer=history.customer,
        prob_alive=purchase_model.prob_alive(history),
        expected_purchases=None if length is None else purchase_model.expected_purchases(history, horizon=length),
        expected_spend=spend,
        clv=value,
        horizon=length,
        discount_rate=rate,
        margin=share,
        service_cost=cost,
        time_unit=purchase_model.time_unit,
        as_of=history.as_of,
    )


def _require_models(purchase_model: object, spend_model: object) -> None:
    hint = "of a fit give `fit.model`"
    methods = ("prob_alive", "expected_purchases", "discounted_expected_purchases")
    if not all(callable(getattr(purchase_model, name, None)) for name in methods):
        raise InputError("purchase_model", "a BgNbd, MbgNbd or ParetoNbd", type(purchase_model).__name__, hint=hint)
    if not isinstance(spend_model, GammaGamma):
        raise InputError("spend_model", "a GammaGamma", type(spend_model).__name__, hint=hint)


def _discounted_time_alive(
    history: PurchaseHistory, model: PurchaseModel, rate: float, horizon: float | None
) -> Floats:
    """Integrate the time that each customer is expected to stay, each moment s ahead counting (1 + d)^-s."""
    force = math.log1p(rate)
    end = _DISCOUNTED_AWAY / force if horizon is None else min(horizon, _DISCOUNTED_AWAY / force if force else math.inf)
    scale = float(np.median(history.age)) or 1.0  # customers are lost at the pace of their age, so log time is smooth
    node, weight = gauss_legendre(_SERVICE_NODES)
    reach = math.log1p(end / scale)
    time = scale * np.expm1(reach * node)
    step = reach * weight * (scale + time)
    alive = np.zeros(len(history))
    for s, part in zip(time.tolist(), (step * np.exp(-force * time)).tolist(), strict=True):
        alive += part * model.prob_alive(history, at=s)
    return alive
