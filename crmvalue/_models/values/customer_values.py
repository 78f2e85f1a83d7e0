"""One table for all customers: alive, purchases, spend and lifetime value (CLV).

They follow from a purchase model, a spend model and a horizon. For values of averages, without any model, see
:mod:`crmvalue.ltv`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

import attrs
import numpy as np

from crmvalue._core.checks import (
    as_day,
    as_positive,
    as_whole_number,
    require_choice,
    require_same_length,
    to_array,
)
from crmvalue._core.encoding.customers import encode_customers
from crmvalue._core.encoding.keys import distinct_keys, row_keys
from crmvalue._core.frames import Columns
from crmvalue._core.json import from_json, to_json
from crmvalue._core.labels import warn_of_data
from crmvalue._core.per_customer import PerCustomer, Rows, as_per_customer, as_segments, beside, per_customer_field
from crmvalue._core.pictures.pictured import Pictured
from crmvalue._core.values import (
    Given,
    array_field,
    checked_field,
    choice_field,
    hand_over,
    number_column,
    optional,
    read_only,
    stay_frozen,
)
from crmvalue._models.changing.known_customers import KnownCustomers, as_model_of, refuse_unused
from crmvalue._models.pictures import values_parts
from crmvalue._models.shared.common import Alike, alike, check_history, take, time_unit_field
from crmvalue._models.shared.fit import Fit
from crmvalue._models.shared.purchase_model import process_of
from crmvalue._models.spend.any_model import as_spend_model, spend_ahead
from crmvalue._models.values.holdouts import holdout_errors, inflated, read_holdouts
from crmvalue._models.values.outcomes import Terms, expect, read_terms
from crmvalue._models.values.posterior import MOST_DRAWS
from crmvalue._models.values.value_intervals import ValueIntervals, value_intervals
from crmvalue.errors import InputError
from crmvalue.ltv import CustomerProfits

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from crmvalue._core.pictures.parts import Parts
    from crmvalue._models.changing.time_varying_history import TimeVaryingHistory
    from crmvalue._models.changing.time_varying_pareto_nbd import TimeVaryingParetoNbd
    from crmvalue._models.shared.fit import Grade
    from crmvalue._models.shared.purchase_model import ContinuousModel
    from crmvalue._models.spend.gamma_gamma import GammaGamma
    from crmvalue._models.spend.gb2 import Gb2Spend
    from crmvalue._models.spend.lognormal import LognormalSpend
    from crmvalue.purchases import PurchaseHistory, PurchaseSplit, TimeUnit
    from crmvalue.typing import ArrayLike, Floats

__all__ = ["CustomerValues", "customer_values", "grade_of"]

_GRADES = ("good", "usable", "not usable")  # best first


def _as_customers(value: Any) -> npt.NDArray[Any] | None:
    """Take identifiers; of a list, as JSON has it, numpy would make floats of large numbers."""
    if value is None or isinstance(value, Given):
        return value if value is None else read_only(value)
    ids, _ = to_array("customer", value, "a column of identifiers", as_objects=isinstance(value, list | tuple))
    distinct, code = encode_customers("customer", ids)
    return read_only(hand_over(distinct[code]))


def _as_intervals(name: str, value: object) -> ValueIntervals:
    if not isinstance(value, ValueIntervals):
        raise InputError(name, "a ValueIntervals", value)
    return value


@stay_frozen
@attrs.frozen(kw_only=True)
class CustomerValues(Columns, Pictured):
    """Value of each customer and what it is made of, in the order of the history.

    Parameters
    ----------
    customer : ndarray or None
        Identifiers of the history.
    prob_alive : ndarray
        Probability to be alive at the end of observation.
    expected_purchases : ndarray or None
        Within the horizon, undiscounted; None for life.
    expected_spend : ndarray
        Expected money of one purchase [money].
    clv : ndarray
        Value over the horizon, or for life [money]; below 0 where serving costs more than purchases bring.
    horizon : float or None
        Length of the future [time_unit]; None for life.
    discount_rate : float or ndarray
        Effective, per time unit: one, or one for each customer, like the next three.
    margin : float or ndarray
        Share of the spend that is margin.
    service_cost : float or ndarray
        Cost of serving a customer while alive [money/time_unit].
    acquisition_cost : float, ndarray or None
        Cost of winning a customer [money]; `clv` is before it, `net_clv` after it. None if it was not given.
    expected_service_cost : ndarray or None
        Cost of serving each customer over the horizon, discounted [money]; `clv` is after it. None where serving costs
        nothing.
    time_unit : str
        Unit of the horizon and of the rates.
    as_of : datetime64[D] or None
        End of observation of the history.
    intervals : ValueIntervals or None
        Uncertainty of the values, if a level was given.
    grade : {"good", "usable", "not usable"} or None
        The worse grade of the two fits: see :class:`Diagnosis`. None if a model was given in place of a fit, since
        nothing is then known of how it was fitted.

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

    customer: npt.NDArray[Any] | None = array_field(_as_customers, default=None)
    prob_alive: Floats = number_column("prob_alive", low=0.0, high=1.0)
    expected_purchases: Floats | None = number_column("expected_purchases", low=0.0, default=None)
    expected_spend: Floats = number_column("expected_spend", low=0.0)
    clv: Floats = number_column("clv")
    horizon: float | None = checked_field("horizon", optional(as_positive))
    discount_rate: PerCustomer = per_customer_field("discount_rate", "amount")
    margin: PerCustomer = per_customer_field("margin", "fraction")
    service_cost: PerCustomer = per_customer_field("service_cost", "amount")
    acquisition_cost: PerCustomer | None = per_customer_field("acquisition_cost", "amount", optional=True, default=None)
    expected_service_cost: Floats | None = number_column("expected_service_cost", low=0.0, default=None)
    time_unit: TimeUnit = time_unit_field()
    as_of: np.datetime64 | None = checked_field("as_of", optional(as_day), default=None, eq=str)
    intervals: ValueIntervals | None = checked_field("intervals", optional(_as_intervals), default=None)
    grade: Grade | None = choice_field("grade", _GRADES, default=None)

    def __len__(self) -> int:
        return len(self.clv)

    def __attrs_post_init__(self) -> None:
        cost = self.acquisition_cost
        if isinstance(cost, np.ndarray) and cost.shape not in {(), (len(self),)}:
            raise InputError("acquisition_cost", f"as long as `clv` ({len(self)} rows)", cost.shape)
        columns = {name: column for name, column in self.to_columns().items() if name != "clv"}
        require_same_length(clv=self.clv, **columns)
        if (self.horizon is None) != (self.expected_purchases is None):
            raise InputError("expected_purchases", "given where, and only where, `horizon` is", self.expected_purchases)

    def profits(self, *, earned: ArrayLike | None = None) -> CustomerProfits:
        """Compare what each customer brings with what they cost: who costs more than they bring, and why.

        Parameters
        ----------
        earned : array_like, optional
            Margin that each customer brought so far [money], shape (n,), such as the margin times the `total_spend` of
            the history; a column of pandas whose index holds identifiers is brought into the order of the values. The
            cost of winning them is already spent: with `earned` it is compared with their whole life, without it with
            the horizon alone.

        Returns
        -------
        CustomerProfits
            Income, costs and profit over the horizon; `unprofitable` lists those who leave nothing, with the reason and
            the break-even.

        Raises
        ------
        InputError
            If `earned` is not one number for each customer.

        Examples
        --------
        >>> from crmvalue.models import BgNbd, GammaGamma
        >>> from crmvalue.purchases import PurchaseHistory
        >>> history = PurchaseHistory.from_columns(
        ...     customer=["ann", "bob"],
        ...     frequency=[2, 0],
        ...     recency=[30.43, 0],
        ...     age=[38.86, 38.86],
        ...     mean_repeat_spend=[22.35, 0],
        ...     time_unit="week",
        ... )
        >>> models = BgNbd(0.243, 4.414, 0.793, 2.426, "week"), GammaGamma(6.25, 3.74, 15.44)
        >>> values = customer_values(history, *models, horizon=52, margin=0.3, service_cost=[0.05, 0.2])
        >>> values.profits().unprofitable.customer
        array(['bob'], dtype='<U3')
        """
        serving = np.zeros(len(self)) if self.expected_service_cost is None else self.expected_service_cost
        winning = 0.0 if self.acquisition_cost is None else self.acquisition_cost
        return CustomerProfits(
            customer=None if self.customer is None else hand_over(self.customer),
            income=np.maximum(self.clv + serving, 0.0),
            service_cost=serving,
            acquisition_cost=np.broadcast_to(np.asarray(winning, dtype=np.float64), (len(self),)),
            earned=beside(self, "earned", earned),
            margin=self.margin,
        )

    @property
    def net_clv(self) -> Floats | None:
        """`clv` less the acquisition cost [money]; None if that cost was not given."""
        return None if self.acquisition_cost is None else self.clv - self.acquisition_cost

    @property
    def total(self) -> float:
        """Value of the base: the sum over all customers [money]."""
        return math.fsum(self.clv.tolist())

    def _parts(self) -> Parts:
        known = self.intervals
        ends = None if known is None else (known.clv_low, known.clv_high)
        return values_parts(self.clv, ends, known.level if known else 0.0)

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """All columns by name, for a dataframe of any kind."""
        names = (
            "customer", "prob_alive", "expected_purchases", "expected_spend", "clv", "expected_service_cost", "net_clv",
        )  # fmt: skip
        columns = {name: getattr(self, name) for name in names}
        terms = ("margin", "discount_rate", "service_cost", "acquisition_cost")
        columns |= {name: getattr(self, name) for name in terms if np.ndim(getattr(self, name))}
        present = {name: column for name, column in columns.items() if column is not None}
        return present if self.intervals is None else present | self.intervals.to_columns()

    def to_json(self) -> str:
        """Write all columns and terms as JSON text.

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
        return to_json(self)

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
        return from_json(cls, text, ValueIntervals)


def customer_values(
    history: PurchaseHistory,
    purchase_model: ContinuousModel | TimeVaryingParetoNbd | Fit[Any],
    spend_model: GammaGamma | LognormalSpend | Gb2Spend | Fit[Any],
    *,
    horizon: float | None,
    margin: float | Mapping[Any, float] | ArrayLike,
    discount_rate: float | Mapping[Any, float] | ArrayLike = 0.0,
    service_cost: float | Mapping[Any, float] | ArrayLike = 0.0,
    acquisition_cost: float | Mapping[Any, float] | ArrayLike | None = None,
    segment: ArrayLike | None = None,
    level: float | None = None,
    n_draws: int = 200,
    rng: np.random.Generator | None = None,
    inflate: Literal["holdout"] | None = None,
    holdout: PurchaseSplit | Sequence[PurchaseSplit] | None = None,
    time_varying: TimeVaryingHistory | None = None,
) -> CustomerValues:
    r"""Value each customer over a horizon, or for life.

    Basis: margin after the cost of serving. Acquisition cost is not subtracted, since it is already spent.

    Each term of money is one number for all, a mapping from segment to number, or a column with one number for each
    customer. A column of pandas whose index holds identifiers, those of all customers and maybe of others, is brought
    into the order of the history.

    Parameters
    ----------
    history : PurchaseHistory
        The customers, with mean repeat spend, in the time unit of the model; with `amounts` for the two others.
    purchase_model : purchase model or Fit
        Model of purchases, or the fit of one.
    spend_model : GammaGamma, LognormalSpend, Gb2Spend or Fit
        Model of the spend of one purchase, or the fit of one. Given the history, what a purchase brings is taken as
        independent of how many there are. For a dependence of the two, see the `Notes`.
    horizon : float or None
        Length of the future [time unit of the model], > 0; None for life, which needs a discount rate above 0.
    margin : float, mapping or array_like
        Share of the spend that is margin [fraction], in [0, 1].
    discount_rate : float, mapping or array_like, optional
        Effective rate per time unit of the model [fraction], >= 0: `crmvalue.ltv.convert_rate` turns a yearly rate
        into a weekly one. Money at time s counts (1 + d)^-s. Each different rate is computed by itself, so thousands
        of them take long.
    service_cost : float, mapping or array_like, optional
        Cost of serving a customer while alive [money per time unit], >= 0: see :func:`crmvalue.ltv.service_cost`.
    acquisition_cost : float, mapping or array_like, optional
        Cost of winning a customer [money], >= 0. `clv` is before it, `net_clv` after it;
        :meth:`CustomerValues.profits` compares it with what a customer brings.
    segment : array_like, optional
        Segment of each customer, in the order of the history, for the mappings: {"web": 0.3, "shop": 0.4}. A column of
        pandas whose index holds identifiers is brought into that order, as for the margin.
    level : float, optional
        Probability of the intervals, in (0, 1); without it there are none. Both models must then be trustworthy fits to
        this history. The other columns are the same with and without.
    n_draws : int, optional
        Draws of the parameters, and futures of each customer, for the intervals: at least 2 / (1 - level). More than
        200 are taken up to 60 million divided by 1000 plus the number of different customers, and up to 100,000: 30,000
        for a thousand different customers, in some ten seconds.
    rng : numpy.random.Generator, optional
        Source of randomness of the intervals, needed with `level`; the same state gives the same intervals.
    inflate : {"holdout"}, optional
        Widen the intervals by what the models leave out, such as a season: by the errors of their forecasts for
        `holdout`. Needs `level`.
    holdout : PurchaseSplit or list of PurchaseSplit, optional
        Splits of the log of the history by :func:`crmvalue.purchases.split_purchases`, with amounts. Best are four or
        more, each with a holdout as long as the horizon, one after another: for a horizon of a quarter, the last four
        quarters. Holdouts must not overlap, nor end after the history does.
    time_varying : TimeVaryingHistory, optional
        Only for a :class:`TimeVaryingParetoNbd`: the customers of the history, in the same order, with their covariates
        up to the end of the horizon. Such a model gives no values for life and no intervals.

    Returns
    -------
    CustomerValues
        One element per customer. With `level` there are `intervals` of two kinds: for the expected value, given what
        the data say about the parameters, and for the money that a customer will really bring.

    Raises
    ------
    InputError
        If an argument is outside its range, the units differ, the history has no spend, or the spend model has no
        finite mean; with `level` also if a model is no fit, or one to other data, or its diagnosis is not clean; with
        `inflate` also if a split has no amounts, no money in its holdout or customers that the history does not have,
        if holdouts overlap or end after the history, or if the models cannot be fitted to a calibration.

    Warns
    -----
    DataWarning
        If a fit is not usable: see :class:`Diagnosis`. With `level`, also if the effective number of draws of the
        parameters is below a quarter of their number (`effective_share`) and fewer than 20 of them lie beyond each end
        of an interval: 400 at a level of 0.9. The ends then move at least twice as much from one `rng` to another as
        they would with all draws. Below a tenth they are not to be trusted, however many there are.
        With `inflate`, if a holdout is much shorter or longer than the horizon.

    Notes
    -----
    .. math:: m \, E[\text{spend}] \, E\left[\sum_{j} (1+d)^{-s_j}\right]
        - c \int_0^H P(\text{alive at } s) \, (1 + d)^{-s} \, ds

    Fader, Hardie and Lee (2005), "RFM and CLV". The integral has a relative error below 1e-6.

    Given the history, purchases and spend are taken as independent. If large customers buy often, let a covariate carry
    that: the logarithm of the expected spend in `purchase_covariates` of the purchase model, or that of the expected
    purchases in `spend_covariates` of :func:`fit_lognormal_spend` or :func:`fit_gb2_spend`.

    A season of spend has one factor for all purchases of the horizon: the mean of its months, weighted by their days.
    :func:`revenue_plan` weights a month by its purchases, so that its sum over the same days differs where
    purchases fall off or have a season of their own. With twice the spend in December, the values of a year from
    January are 1.1 % above the plan in a base that buys less and less. They are 6 % below it if December has twice the
    purchases, too. Where that matters, take the plan for the sum.

    Intervals of the expected value are weighted quantiles over draws of :func:`draw_posterior` from both fits. What a
    customer is expected to bring is not computed anew for each draw of a purchase model. Its logarithm is computed at
    the fit and at two points on each axis of the uncertainty of the parameters, and parabolas lead to the draws. That
    moves an end by about 2 % of the width; another `rng` moves it by 5 to 9 % (200 draws, CDNOW). A draw of the spend
    model with p x + q <= 1 gives a customer with x repeat purchases no finite mean. Their value is infinite in that
    draw, and so may be the upper end. For models of single amounts, parabolas lead to the expected spend at the draws,
    too.

    Intervals of the outcome are quantiles of simulated futures at the fitted parameters. They leave out the uncertainty
    of the parameters. Customers with the same frequency and age share futures, since the money of a future is a random
    number times what is known of the spend. In the sum over the base each customer has their own futures: those with
    the largest spread are drawn one by one, and the sum of the others, of whom each is a small part, is normal. A sum
    of over 4,096 discounted purchases in one future is drawn as a gamma variate of the same mean and variance.

    Each kind alone is too narrow for what a base will really bring. At 90 %, `total` held it in 67 of 100 simulated
    logs of 1,500 customers, and `total_outcome` in 84; in 72 of 100 others. The half-widths of both, added as squares,
    held it in 91 of the first 100.

    Neither kind knows of a season, of a change of the market, or of what else a model leaves out. So the interval of
    the total is too narrow where there is one. `inflate="holdout"` measures it. Both models are fitted again to the
    calibration of each of the k splits. The error e of a holdout is the logarithm of the money that the customers of
    the calibration brought over what was foretold. If errors are normal around 0 and independent, the next one lies
    within h = t sqrt(mean of e^2) with probability `level`, where t is the quantile of Student's distribution with k
    degrees of freedom. For 90 %, t is 6.3 with one holdout, 2.1 with four, and 1.9 with eight. An error has chance and
    the uncertainty of the parameters in it. What is in h beyond those is `log(inflation)`; half-widths are added as
    squares, on the logarithmic scale. Then `total_outcome` holds everything: its half-width is h, or that of the models
    if it is larger. The half-width of `total` is that of the parameters with `inflation`. For customers, the money of
    each end is divided or multiplied by `inflation`. The cost of serving is not moved.

    A season that comes again each year is no draw by chance. With holdouts of all its parts, the intervals are then
    wider than they need be.

    With 200 draws an end at 95 % still moves by about a fifth of a standard deviation from one `rng` to another. The
    cost grows with `n_draws` times the number of distinct customers, and with the number of distinct pairs of frequency
    and age. It is low if ages are whole days, and high if covariates make every customer distinct.

    Examples
    --------
    >>> from crmvalue.models import BgNbd, GammaGamma
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
    refuse_unused(time_varying, purchase_model)
    purchases = as_model_of("purchase_model", purchase_model, history, time_varying)
    _require_known(purchases, horizon, level)
    spending = as_spend_model("spend_model", spend_model)
    check_history(history, purchases.time_unit)
    rows = Rows(history.customer)
    segments = as_segments(segment, len(history), rows=rows)
    terms = read_terms(horizon, margin, discount_rate, service_cost, len(history), segments, rows)
    winning = None
    if acquisition_cost is not None:
        winning = as_per_customer(
            "acquisition_cost", acquisition_cost, len(history), kind="amount", segments=segments, rows=rows
        )
    n_draws = as_whole_number("n_draws", n_draws, low=1, high=MOST_DRAWS)
    splits = _read_splits(inflate, holdout, level, history, terms)
    intervals = None
    with np.errstate(under="ignore"):
        spend = spend_ahead(spending, history, terms.horizon)
        customers, terms_of_rows = _alike(history, terms, each=isinstance(purchases, KnownCustomers))
        of_rows = expect(process_of(purchases, customers.rows), customers.rows, terms_of_rows)
        expected = of_rows.spread(customers.place)
        value = terms.margin * spend * expected.discounted
        cost = None
        if expected.time is not None:
            cost = terms.service_cost * expected.time
            value -= cost
        if level is not None:
            intervals = value_intervals(
                history, customers, of_rows.alive, value, purchase_model, spend_model, terms, terms_of_rows,
                level=level, n_draws=n_draws, rng=rng,
            )  # fmt: skip
            if splits is not None:
                served = np.zeros(len(value)) if cost is None else cost
                intervals = inflated(intervals, value, served, holdout_errors(splits, purchase_model, spend_model))
    return CustomerValues(
        customer=None if history.customer is None else hand_over(history.customer),
        prob_alive=expected.alive,
        expected_purchases=expected.purchases,
        expected_spend=spend,
        clv=value,
        **terms._asdict(),
        acquisition_cost=winning,
        expected_service_cost=cost,
        time_unit=purchases.time_unit,
        as_of=history.as_of,
        intervals=intervals,
        grade=grade_of(len(history), purchase_model, spend_model),
    )


def _require_known(purchases: Any, horizon: object, level: object) -> None:
    """Refuse what covariates of the future do not give, and covariates that end before the horizon."""
    if not isinstance(purchases, KnownCustomers):
        return
    if level is not None:
        hint = "no futures are drawn for covariates that change: leave `level` out"
        raise InputError("level", "None for a TimeVaryingParetoNbd", level, hint=hint)
    purchases._as_ahead_or_life(horizon)  # noqa: SLF001 - it is one of ours


def _alike(history: PurchaseHistory, terms: Terms, *, each: bool) -> tuple[Alike, Terms]:
    """Compress a history to its distinct rows, by discount rate where rates differ; give the terms of the rows too.

    With `each`, every customer is a row.
    """
    customers = Alike(history, np.arange(len(history))) if each else alike(history)
    one = terms._replace(margin=1.0, service_cost=float(np.max(terms.service_cost)))  # rows need only know if it is 0
    if each or not isinstance(terms.discount_rate, np.ndarray):
        return customers, one
    first, place, _ = distinct_keys(row_keys(customers.place.astype(np.float64), terms.discount_rate))
    return Alike(take(history, first), place), one.of_rows(first)


def grade_of(n_customers: int, *models: object) -> Grade | None:
    """Give the worse grade of two fits, None beside a model without a fit; warn of a fit that is not usable."""
    fits = [model for model in models if isinstance(model, Fit)]
    for fit in fits:
        if fit.diagnosis.grade == "not usable":
            name = type(fit.model).__name__
            message = f"the values rest on a fit of {name} that is not usable: {'; '.join(fit.diagnosis.messages)}"
            warn_of_data(message, n_customers, stacklevel=3)
    if len(fits) < len(models):
        return None
    return max((fit.diagnosis.grade for fit in fits), key=_GRADES.index)


def _read_splits(
    inflate: object, holdout: object, level: object, history: PurchaseHistory, terms: Terms
) -> tuple[PurchaseSplit, ...] | None:
    """Check the two arguments that widen intervals; None where they are not given."""
    if inflate is None and holdout is None:
        return None
    if inflate is not None:
        require_choice("inflate", inflate, ("holdout",))
    else:
        raise InputError("inflate", '"holdout" where `holdout` is given', None)
    if level is None:
        raise InputError("level", "given where `inflate` is: without it there are no intervals", None)
    return read_holdouts(holdout, history, terms.horizon)
