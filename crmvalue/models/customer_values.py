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

from crmvalue._checks import as_fraction, as_positive, as_whole_number
from crmvalue._values import array_field
from crmvalue.errors import InputError
from crmvalue.models._common import as_rng, check_history
from crmvalue.models._numerics import gauss_legendre

if TYPE_CHECKING:
    from crmvalue.models._fit import Fit
    from crmvalue.models.gamma_gamma import GammaGamma
    from crmvalue.purchases import PurchaseHistory, TimeUnit
    from crmvalue.typing import ArrayLike, Floats

__all__ = ["CustomerValues", "customer_values"]

_SERVICE_NODES = 24  # of the integral of the cost of serving over the horizon
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
    clv_low, clv_high : ndarray or None
        Interval of `clv` that carries the uncertainty of the parameters alone; None where it was not asked for.
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

    customer: npt.NDArray[Any] | None = array_field(lambda ids: None if ids is None else np.asarray(ids), default=None)
    prob_alive: Floats = array_field()
    expected_purchases: Floats | None = array_field(lambda column: None if column is None else np.asarray(column))
    expected_spend: Floats = array_field()
    clv: Floats = array_field()
    clv_low: Floats | None = None
    clv_high: Floats | None = None
    horizon: float | None
    discount_rate: float
    margin: float
    service_cost: float
    time_unit: TimeUnit
    as_of: np.datetime64 | None = None

    def __len__(self) -> int:
        return len(self.clv)

    @property
    def total(self) -> float:
        """Value of the base: the sum over all customers [money]."""
        return math.fsum(self.clv.tolist())

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """All columns by name, for a dataframe of any kind."""
        names = ("customer", "prob_alive", "expected_purchases", "expected_spend", "clv", "clv_low", "clv_high")
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

    Fader, Hardie and Lee (2005), "RFM and CLV". The integral is taken with 24 Gauss-Legendre nodes.
    """
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


def _discounted_time_alive(
    history: PurchaseHistory, model: PurchaseModel, rate: float, horizon: float | None
) -> Floats:
    """Expected time that each customer stays, each moment s ahead counting (1 + d)^-s."""
    force = math.log1p(rate)
    end = _DISCOUNTED_AWAY / force if horizon is None else min(horizon, _DISCOUNTED_AWAY / force if force else math.inf)
    node, weight = gauss_legendre(_SERVICE_NODES)
    time, step = end * node**2, 2.0 * end * node * weight  # denser at the beginning, where more happens
    alive = np.zeros(len(history))
    for s, part in zip(time.tolist(), (step * np.exp(-force * time)).tolist(), strict=True):
        alive += part * model.prob_alive(history, at=s)
    return alive
