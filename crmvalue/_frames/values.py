"""Values of the customers of a frame; :mod:`crmvalue.frames` is the public door."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from crmvalue._core.checks import as_fraction, as_positive
from crmvalue._core.values import optional
from crmvalue._frames.customers import CustomerFrame, open_customers
from crmvalue._frames.engines import Columns, divider, in_engine, join_rows, native, with_columns
from crmvalue._frames.fits import ROW, count_rows, fit_spend, read_history
from crmvalue._models.shared.purchase_model import as_purchase_model, process_of
from crmvalue._models.values.gamma_gamma import as_spend_model
from crmvalue._models.values.outcomes import Terms, expect
from crmvalue.errors import InputError
from crmvalue.models import Fit, customer_values

if TYPE_CHECKING:
    import narwhals as nw

    from crmvalue.models import GammaGamma
    from crmvalue.purchases import PurchaseHistory, TimeUnit

__all__ = ["value"]

_NEEDED = (*ROW, "mean_repeat_spend")
_NAMES = {"purchase_model": "fit", "spend_model": "spend_fit"}
"""Arguments of :func:`crmvalue.models.customer_values` that have another name here."""


def value(
    customers: Any,
    fit: Any,
    spend_fit: GammaGamma | Fit[GammaGamma] | None = None,
    *,
    horizon: float | None,
    margin: float,
    discount_rate: float = 0.0,
    service_cost: float = 0.0,
    level: float | None = None,
    n_draws: int = 200,
    rng: np.random.Generator | None = None,
    time_unit: TimeUnit | None = None,
) -> CustomerFrame:
    """Value each customer of a frame over a horizon, or for life.

    Parameters
    ----------
    customers : CustomerFrame, DataFrame or LazyFrame
        A result of :func:`summarise`, or a frame of your own with the columns `frequency`, `recency`, `age` and
        `mean_repeat_spend`; for a model with covariates also their columns.
    fit : Fit, BgNbd, MbgNbd, ParetoNbd or Nbd
        Model of purchases, or the fit of one.
    spend_fit : GammaGamma or Fit, optional
        Model of the spend of one purchase, or the fit of one; by default "gamma_gamma" is fitted to these customers.
    horizon, margin, discount_rate, service_cost, level, n_draws, rng
        As in :func:`crmvalue.models.customer_values`. Intervals (`level`) need every customer by themselves, so only
        frames of pandas and PyArrow have them.
    time_unit : {"day", "week", "month", "quarter", "year"}, optional
        Unit of `recency` and `age`; needed for a frame of your own.

    Returns
    -------
    CustomerFrame
        The same customers with the columns `prob_alive`, `expected_purchases` (not for life), `expected_spend` and
        `clv`; with `level` also `clv_low`, `clv_high`, `outcome_low` and `outcome_high`. Columns of these names that
        the frame already has are replaced.

    Raises
    ------
    InputError
        As :func:`crmvalue.models.customer_values`; if a column is missing; with `level` on a frame that is asked in its
        own engine.

    Notes
    -----
    An engine counts the distinct rows. Their predictions are computed here, once for each, and joined back by the
    engine. The expected spend and the value are expressions over the joined columns.

    Examples
    --------
    >>> import pandas as pd
    >>> from crmvalue.models import BgNbd, GammaGamma
    >>> customers = pd.DataFrame(
    ...     {
    ...         "name": ["ann", "bob"],
    ...         "frequency": [2, 0],
    ...         "recency": [30.43, 0],
    ...         "age": [38.86, 38.86],
    ...         "mean_repeat_spend": [22.35, 0],
    ...     }
    ... )
    >>> found = value(
    ...     customers,
    ...     BgNbd(0.243, 4.414, 0.793, 2.426, "week"),
    ...     GammaGamma(6.25, 3.74, 15.44),
    ...     horizon=52,
    ...     margin=0.3,
    ...     time_unit="week",
    ... )
    >>> found.frame[["name", "clv"]].round(2)
      name    clv
    0  ann  11.53
    1  bob   2.66
    """
    model = as_purchase_model("fit", fit)
    effects = (*model.purchase_effects, *model.dropout_effects)
    covariates = tuple(dict.fromkeys(effect.name for effect in effects))
    opened = open_customers(customers, (*_NEEDED, *covariates), time_unit)
    unit = opened.time_unit
    if model.time_unit != unit:
        raise InputError("fit", f"a model in the unit of the frame, {unit!r}", model.time_unit)
    spend = fit_spend(customers, time_unit=time_unit) if spend_fit is None else spend_fit
    spending = as_spend_model("spend_fit", spend)
    lazy = in_engine(opened.frame)
    result: Any
    if lazy is None:
        history = read_history(opened.frame, unit, _NEEDED, covariates)
        try:
            values = customer_values(
                history, fit, spend, horizon=horizon, margin=margin, discount_rate=discount_rate,
                service_cost=service_cost, level=level, n_draws=n_draws, rng=rng,
            )  # fmt: skip
        except InputError as error:
            error.name = _NAMES.get(error.name, error.name)
            raise
        columns = values.to_columns()
        columns.pop("customer", None)
        result = with_columns(opened.frame, columns).to_native()
    else:
        if level is not None:
            hint = "collect the customers to pandas or PyArrow first"
            raise InputError("level", "None for a frame that is asked in its own engine", level, hint=hint)
        terms = _terms(horizon, margin, discount_rate, service_cost)
        spending.expected_spend_new()  # raises where there is no finite mean
        rows = count_rows(lazy, unit, ROW, covariates, with_spend=True)
        table = _predict(model, rows.history, terms)
        keys = (*ROW, *covariates)
        joined = join_rows(lazy, table, keys)
        result = native(_valued(joined, spending, terms, has_time="_time" in table), opened.frame)
    fits = tuple(found for found in (fit, spend) if isinstance(found, Fit))
    return attrs.evolve(opened.known, frame=result, fits=fits)


def _terms(horizon: float | None, margin: float, discount_rate: float, service_cost: float) -> Terms:
    terms = Terms(
        horizon=optional(as_positive)("horizon", horizon),
        margin=as_fraction("margin", margin, closed=True),
        discount_rate=as_positive("discount_rate", discount_rate, zero=True),
        service_cost=as_positive("service_cost", service_cost, zero=True),
    )
    if terms.horizon is None and terms.discount_rate == 0.0:
        raise InputError("discount_rate", "above 0 for a value for life", 0.0, hint="or give a horizon")
    return terms


def _predict(model: Any, rows: PurchaseHistory, terms: Terms) -> Columns:
    """Compute what is expected of each distinct row."""
    with np.errstate(under="ignore"):
        expected = expect(process_of(model, rows), rows, terms)
    table: Columns = {name: getattr(rows, name) for name in ROW}
    table |= {name: rows.covariate(name) for name in rows.covariate_names}
    table["prob_alive"] = expected.alive
    if expected.purchases is not None:
        table["expected_purchases"] = expected.purchases
    table["_discounted"] = expected.discounted
    if expected.time is not None:
        table["_time"] = expected.time
    return table


def _valued(joined: nw.LazyFrame[Any], spending: GammaGamma, terms: Terms, *, has_time: bool) -> nw.LazyFrame[Any]:
    """Write expected spend and value as expressions; :meth:`GammaGamma.expected_spend` is the formula."""
    import narwhals as nw

    x, mean = nw.col("frequency").cast(nw.Float64), nw.col("mean_repeat_spend").cast(nw.Float64)
    bought = nw.when(x > 0).then(x * mean).otherwise(nw.lit(0.0)).cast(nw.Float64)
    spend = divider(joined)((bought + spending.gamma) * spending.p, x * spending.p + (spending.q - 1.0))
    joined = joined.with_columns(spend.alias("expected_spend"))
    clv = nw.col("expected_spend") * nw.col("_discounted") * terms.margin
    if has_time:
        clv = clv - nw.col("_time") * terms.service_cost
    joined = joined.with_columns(clv.alias("clv"))
    return joined.drop("_discounted", *(["_time"] if has_time else []))
