"""One table for all customers: alive, purchases, spend and lifetime value (CLV).

Made of a purchase model, a spend model and a horizon. For the models see their own modules; for values of averages
without any model :mod:`crmvalue.ltv`.
"""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, cast

import attrs
import numpy as np

from crmvalue._core.checks import (
    as_day,
    as_fraction,
    as_positive,
    as_whole_number,
    read_json,
    require_same_length,
)
from crmvalue._core.customers import encode_customers
from crmvalue._core.json_legacy import floats_of, to_json_text
from crmvalue._core.keys import distinct_keys, row_keys
from crmvalue._core.values import array_field, checked_field, number_column, read_only, stay_frozen
from crmvalue._models.shared.common import check_history, covariate_columns, take, time_unit_field
from crmvalue._models.shared.fit import Fit
from crmvalue._models.values.gamma_gamma import GammaGamma
from crmvalue._models.values.outcomes import Terms, discounted_time_alive
from crmvalue._models.values.value_intervals import ValueIntervals, value_intervals
from crmvalue.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue.purchases import PurchaseHistory, TimeUnit
    from crmvalue.typing import ArrayLike, Floats

__all__ = ["CustomerValues", "customer_values"]


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


def _as_horizon_or_life(name: str, value: ArrayLike | None) -> float | None:
    return None if value is None else as_positive(name, value)


def _as_optional_day(name: str, value: ArrayLike | None) -> np.datetime64 | None:
    return None if value is None else as_day(name, value)


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
    intervals : ValueIntervals or None
        How sure the values are, where a level was asked for.

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
    prob_alive: Floats = number_column("prob_alive")
    expected_purchases: Floats | None = number_column("expected_purchases", default=None)
    expected_spend: Floats = number_column("expected_spend")
    clv: Floats = number_column("clv")
    horizon: float | None = checked_field("horizon", _as_horizon_or_life)
    discount_rate: float = checked_field("discount_rate", partial(as_positive, zero=True))
    margin: float = checked_field("margin", partial(as_fraction, closed=True))
    service_cost: float = checked_field("service_cost", partial(as_positive, zero=True))
    time_unit: TimeUnit = time_unit_field()
    as_of: np.datetime64 | None = checked_field("as_of", _as_optional_day, default=None, eq=str)
    intervals: ValueIntervals | None = None

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
        present = {name: column for name, column in columns.items() if column is not None}
        return present if self.intervals is None else present | self.intervals.to_columns()

    def to_json(self) -> str:
        """Write all columns and terms as JSON text; null stands for an infinite end of an interval.

        Returns
        -------
        str
            A JSON object.

        Examples
        --------
        >>> terms = {"horizon": 52, "discount_rate": 0, "margin": 0.3, "service_cost": 0, "time_unit": "week"}
        >>> columns = {"prob_alive": [1], "expected_purchases": [2], "expected_spend": [10], "clv": [6]}
        >>> values = CustomerValues(**columns, **terms)
        >>> CustomerValues.from_json(values.to_json()) == values
        True
        """
        return to_json_text(self)

    @classmethod
    def from_json(cls, text: str) -> CustomerValues:
        """Read what :meth:`to_json` wrote, and check it; other text is an InputError.

        Parameters
        ----------
        text : str
            JSON text.

        Returns
        -------
        CustomerValues
            Equal values.

        Raises
        ------
        InputError
            If the text is not what :meth:`to_json` wrote.
        """
        return read_json(text, _values_from_fields)


def customer_values(
    history: PurchaseHistory,
    purchase_model: PurchaseModel | Fit[Any],
    spend_model: GammaGamma | Fit[GammaGamma],
    *,
    horizon: float | None,
    margin: float,
    discount_rate: float = 0.0,
    service_cost: float = 0.0,
    level: float | None = None,
    n_draws: int = 200,
    rng: np.random.Generator | None = None,
) -> CustomerValues:
    r"""Value each customer over a horizon, or for life.

    Basis: gross margin net of the cost of serving, before acquisition cost (which is spent).

    Parameters
    ----------
    history : PurchaseHistory
        The customers, with mean repeat spend, in the time unit of the model.
    purchase_model : BgNbd, MbgNbd, ParetoNbd or Fit
        Model of purchases, or the fit of one.
    spend_model : GammaGamma or Fit
        Model of the spend of one purchase, independent of how many there are, or the fit of one.
    horizon : float or None
        Length of the future [time unit of the model], > 0; None for life, which needs a discount rate above 0.
    margin : float
        Share of the spend that is margin [fraction], in [0, 1].
    discount_rate : float, optional
        Effective rate per time unit of the model [fraction], >= 0: `crmvalue.ltv.convert_rate` turns a yearly rate
        into a weekly one. Money at time s counts (1 + d)^-s.
    service_cost : float, optional
        Cost of serving a customer while alive [money per time unit], >= 0.
    level : float, optional
        Ask for intervals that hold with this probability, in (0, 1). Both models must then be fits to this history,
        and trustworthy ones. The columns are the same with and without.
    n_draws : int, optional
        Draws of the parameters, and futures of each customer, for the intervals: at least 2 / (1 - level).
    rng : numpy.random.Generator, optional
        Source of randomness of the intervals, needed with `level`; the same state gives the same intervals.

    Returns
    -------
    CustomerValues
        One element per customer; with `level` its `intervals` are two kinds: what the data leave open about the
        expected value, and where the money that a customer really brings will lie.

    Raises
    ------
    InputError
        If an argument is outside its range, the units differ, the history has no spend, or the spend model has no
        finite mean; with `level` also if a model is no fit, or one to other data, or its diagnosis is not clean.

    Warns
    -----
    DataWarning
        With `level`, if the draws of the parameters are worth less than a tenth of their number (`effective_share`):
        then the ends of the intervals are rough.

    Notes
    -----
    .. math:: m \, E[\text{spend}] \, E\Big[\sum_{j} (1+d)^{-s_j}\Big]
        - c \int_0^H P(\text{alive at } s) \, (1 + d)^{-s} \, ds

    Fader, Hardie and Lee (2005), "RFM and CLV". The integral is a Gauss-Legendre rule on the logarithm of time,
    to a relative error below 1e-7.

    Intervals of the expected value are weighted quantiles over draws of :func:`draw_posterior` from both fits. A draw
    of the spend model with p x + q <= 1 gives a customer with x repeat purchases no finite mean: his value is infinite
    in that draw, and so may be the upper end. Intervals of the outcome are quantiles of simulated futures at the fitted
    parameters, which leave the parameters' own uncertainty out; a sum of over 4,096 discounted purchases in one
    future is drawn as a gamma variate of the same mean and variance. With 200 draws an end at 95 % still moves by about
    a fifth of a standard deviation from one `rng` to another. The cost grows with `n_draws` times the distinct pairs
    of frequency and age: little where ages are whole days, much where covariates make each customer one of his own.

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
    purchases, spending = _models_of(purchase_model, spend_model)
    check_history(history, purchases.time_unit)
    length = _as_horizon_or_life("horizon", horizon)
    share = as_fraction("margin", margin, closed=True)
    rate = as_positive("discount_rate", discount_rate, zero=True)
    cost = as_positive("service_cost", service_cost, zero=True)
    if length is None and rate == 0.0:
        raise InputError("discount_rate", "above 0 for a value for life", rate, hint="or give a horizon")
    as_whole_number("n_draws", n_draws, low=1)
    spend = spending.expected_spend(history)
    first, place, _ = distinct_keys(
        row_keys(history.frequency, history.recency, history.age, *covariate_columns(history))
    )
    rows = take(history, first)  # customers who bought alike are computed once
    value = share * spend * purchases.discounted_expected_purchases(rows, discount_rate=rate, horizon=length)[place]
    if cost > 0.0:
        value -= cost * discounted_time_alive(rows, purchases, rate, length)[place]
    intervals = None
    if level is not None:
        terms = Terms(length, rate, share, cost)
        intervals = value_intervals(history, purchase_model, spend_model, terms, level=level, n_draws=n_draws, rng=rng)
    return CustomerValues(
        customer=history.customer,
        prob_alive=purchases.prob_alive(rows)[place],
        expected_purchases=None if length is None else purchases.expected_purchases(rows, horizon=length)[place],
        expected_spend=spend,
        clv=value,
        horizon=length,
        discount_rate=rate,
        margin=share,
        service_cost=cost,
        time_unit=purchases.time_unit,
        as_of=history.as_of,
        intervals=intervals,
    )


def _models_of(purchase_model: object, spend_model: object) -> tuple[PurchaseModel, GammaGamma]:
    purchases, spending = (given.model if isinstance(given, Fit) else given for given in (purchase_model, spend_model))
    methods = ("prob_alive", "expected_purchases", "discounted_expected_purchases")
    if not (all(callable(getattr(purchases, name, None)) for name in methods) and hasattr(purchases, "time_unit")):
        raise InputError("purchase_model", "a BgNbd, MbgNbd or ParetoNbd, or the fit of one", type(purchases).__name__)
    if not isinstance(spending, GammaGamma):
        raise InputError("spend_model", "a GammaGamma, or the fit of one", type(spending).__name__)
    return cast("PurchaseModel", purchases), spending


def _values_from_fields(fields: dict[str, Any]) -> CustomerValues:
    intervals = fields["intervals"]
    if intervals is not None:
        ends = ("clv_low", "clv_high", "outcome_low", "outcome_high", "total", "total_outcome")
        intervals = ValueIntervals(
            **{**intervals, **{name: floats_of(intervals[name], null=math.inf) for name in ends}}
        )
    return CustomerValues(**{**fields, "customer": _customers_of(fields["customer"]), "intervals": intervals})


def _customers_of(values: list[Any] | None) -> Any:
    """Read identifiers of customers."""
    if values is None:
        return None
    distinct, code = encode_customers("customer", np.array(values, dtype=object))  # numpy makes floats of large numbers
    return distinct[code]
