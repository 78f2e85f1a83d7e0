"""Values of the customers of a frame; :mod:`crmvalue.frames` is the public door."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from crmvalue._core.headings import listed
from crmvalue._core.per_customer import as_per_customer
from crmvalue._frames.columns import names_of, require_numbers, require_other_names, require_present
from crmvalue._frames.customers import CustomerFrame, Opened, names_here, open_customers
from crmvalue._frames.engines import (
    Arrays,
    collect,
    divider,
    flag,
    is_known,
    join_rows,
    native,
    total,
    with_columns,
)
from crmvalue._frames.fits import ROW, count_rows, fit_spend, read_history, require_amounts, with_amounts
from crmvalue._models.shared.purchase_model import as_purchase_model, process_of
from crmvalue._models.spend.any_model import as_spend_model
from crmvalue._models.values.customer_values import grade_of
from crmvalue._models.values.outcomes import Terms, expect, read_terms
from crmvalue.errors import InputError
from crmvalue.models import Fit, GammaGamma, LognormalSpend, customer_values

if TYPE_CHECKING:
    from collections.abc import Sequence

    import narwhals as nw

    from crmvalue._models.spend.any_model import AnySpend
    from crmvalue.models import Gb2Spend
    from crmvalue.purchases import PurchaseHistory, TimeUnit

__all__ = ["value"]

_NEEDED = (*ROW, "mean_repeat_spend")
_MADE = (
    "prob_alive", "expected_purchases", "expected_spend", "clv", "expected_service_cost", "net_clv",
    "clv_low", "clv_high", "outcome_low", "outcome_high",
)  # fmt: skip
"""Columns of values; those of an earlier call are dropped first, since not each call makes all of them."""
_DISCOUNTED, _TIME, _RATE = "_crmvalue_discounted", "_crmvalue_time", "_crmvalue_rate"
_WORKING = {
    "margin": "_crmvalue_margin", "discount_rate": _RATE,
    "service_cost": "_crmvalue_service", "acquisition_cost": "_crmvalue_winning",
}  # fmt: skip
"""Columns of terms that differ between customers, while a frame is asked in its own engine."""
_KIND_OF = {"margin": "fraction", "discount_rate": "amount", "service_cost": "amount", "acquisition_cost": "amount"}
_MOST_OF = {"margin": 1.0}


def value(
    customers: Any,
    fit: Any,
    spend_fit: GammaGamma | LognormalSpend | Gb2Spend | Fit[Any] | None = None,
    *,
    horizon: float | None,
    margin: float | str | Mapping[Any, float] | None = None,
    discount_rate: float | str | Mapping[Any, float] = 0.0,
    service_cost: float | str | Mapping[Any, float] = 0.0,
    acquisition_cost: float | str | Mapping[Any, float] | None = None,
    segment: str | None = None,
    level: float | None = None,
    n_draws: int = 200,
    rng: np.random.Generator | None = None,
    time_unit: TimeUnit | None = None,
) -> CustomerFrame:
    """Value each customer of a frame over a horizon, or for life; without a margin, count purchases only.

    Parameters
    ----------
    customers : CustomerFrame, DataFrame or LazyFrame
        A result of :func:`summarise`, or a frame of your own with the columns `frequency`, `recency`, `age` and
        `mean_repeat_spend`; for a model with covariates also their columns.
    fit : purchase model or Fit
        Model of purchases, or the fit of one.
    spend_fit : GammaGamma, LognormalSpend, Gb2Spend or Fit, optional
        Model of the spend of one purchase, or the fit of one; by default "gamma_gamma" is fitted to these customers.
        The two others need a result of :func:`summarise` with `keep_amounts`. A lazy frame takes the lognormal model
        only, without drift, season and effects, with the columns `n_paid` and `mean_log_spend`.
    horizon, level, n_draws, rng
        As in :func:`crmvalue.models.customer_values`. Intervals (`level`) need every customer by themselves, so lazy
        frames have none.
    margin : float, str or mapping, optional
        Share of the spend that is margin [fraction], in [0, 1]: one number, the name of a column with one for each
        customer, or a mapping from segment to number. Without it no money is looked at, and the column
        `mean_repeat_spend` is not needed.
    discount_rate, service_cost : float, str or mapping, optional
        Effective rate per time unit [fraction], and cost of serving a customer while alive [money per time unit], both
        >= 0; given like the margin. Each different rate is computed by itself.
    acquisition_cost : float, str or mapping, optional
        Cost of winning a customer [money], >= 0; given like the margin. `clv` is before it, as everywhere; the column
        `net_clv` is after it.
    segment : str, optional
        Column with the segment of each customer, for the mappings.
    time_unit : {"day", "week", "month", "quarter", "year"}, optional
        Unit of `recency` and `age`; needed for a frame of your own.

    Returns
    -------
    CustomerFrame
        The same customers with the columns `prob_alive`, `expected_purchases` (not for life), `expected_spend` and
        `clv`; with a cost of serving also `expected_service_cost`; with an acquisition cost also `net_clv`, which is
        `clv` less that cost; with `level` also `clv_low`, `clv_high`,
        `outcome_low` and `outcome_high`. Columns of these names that the frame already has are replaced. Without a
        margin: `prob_alive` and `expected_purchases` alone.

    Raises
    ------
    InputError
        As :func:`crmvalue.models.customer_values`; if a column is missing; with `level` on a lazy frame; without a
        margin, if `horizon` is None or another argument of money is given.

    Warns
    -----
    DataWarning
        As :func:`crmvalue.models.customer_values`.

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
    import narwhals as nw

    model = as_purchase_model("fit", fit)
    effects = (*model.purchase_effects, *model.dropout_effects)
    covariates = tuple(dict.fromkeys(effect.name for effect in effects))
    given: dict[str, Any] = {"margin": margin, "discount_rate": discount_rate, "service_cost": service_cost}
    if acquisition_cost is not None:
        given["acquisition_cost"] = acquisition_cost
    opened = open_customers(customers, (*(ROW if margin is None else _NEEDED), *covariates), time_unit)
    _require_terms(given, segment, names_of("customers", opened.frame))
    unit = opened.time_unit
    if model.time_unit != unit:
        raise InputError("fit", f"a model in the unit of the frame, {unit!r}", model.time_unit)
    if margin is None:
        del given["margin"]
        return _without_money(opened, fit, horizon, covariates, given | {"spend_fit": spend_fit, "level": level})
    spend = fit_spend(customers, time_unit=time_unit) if spend_fit is None else spend_fit
    spending = as_spend_model("spend_fit", spend)
    frame = opened.frame.drop(*_MADE, strict=False)
    lazy = frame if isinstance(frame, nw.LazyFrame) else None
    result: Any
    if lazy is None:
        history = _with_money(_dated(read_history(frame, unit, _NEEDED, covariates), opened), opened, spending)
        here: Any = {name: frame[term].to_numpy() if isinstance(term, str) else term for name, term in given.items()}
        with names_here({"purchase_model": "fit", "spend_model": "spend_fit"}):
            values = customer_values(
                history, fit, spend, horizon=horizon, **here,
                segment=None if segment is None else frame[segment].to_numpy(), level=level, n_draws=n_draws, rng=rng,
            )  # fmt: skip
        columns = {name: column for name, column in values.to_columns().items() if name in _MADE}
        result = with_columns(frame, columns).to_native()
    else:
        if level is not None:
            hint = "collect the customers who need intervals first"
            raise InputError("level", "None for a lazy frame", level, hint=hint)
        single: dict[str, Any] = {name: term for name, term in given.items() if not isinstance(term, str | Mapping)}
        of_model = {name: single.get(name, 1.0) for name in Terms._fields[1:]}  # 1 stands in for a column
        terms = read_terms(horizon, **of_model)
        if "acquisition_cost" in single:
            single["acquisition_cost"] = as_per_customer("acquisition_cost", acquisition_cost, 0, kind="amount")
        paid = _paid_columns(spending, lazy)
        require_numbers("customers", lazy, (*ROW, *paid), covariates)
        require_other_names("customers", lazy, _MADE[:6])
        lazy = _with_terms(lazy, {name: term for name, term in given.items() if name not in single}, segment, horizon)
        known = (*covariates, *([_RATE] if "discount_rate" not in single else []))
        rows = count_rows(lazy, unit, known, spends=paid[-1])
        grade_of(int(rows.weight.sum()), fit, spend)  # warns of a fit that is not usable
        if _RATE in known:
            terms = terms._replace(discount_rate=np.array(rows.history.covariate(_RATE)))
        table = _predict(model, _dated(rows.history, opened), terms)
        joined = join_rows(lazy, table, (*ROW, *known))
        valued = _valued(joined, spending, terms, single, has_time=_TIME in table)
        result = native(valued.drop(*_WORKING.values(), strict=False), frame)
    fits = tuple(found for found in (fit, spend) if isinstance(found, Fit))
    return attrs.evolve(opened.known, frame=result, fits=fits)


def _without_money(
    opened: Opened, fit: Any, horizon: float | None, covariates: tuple[str, ...], money: dict[str, Any]
) -> CustomerFrame:
    """Add the probability to be alive and the expected purchases; refuse the arguments that only money needs."""
    import narwhals as nw

    for name, given in money.items():
        if given is not None and given != 0.0:
            raise InputError(
                name, "given only together with `margin`", given, hint="a value needs a margin, such as 0.3"
            )
    if horizon is None:
        raise InputError("horizon", "a length of time where there is no `margin`", None)
    model = as_purchase_model("fit", fit)
    frame = opened.frame.drop(*_MADE, strict=False)
    lazy = frame if isinstance(frame, nw.LazyFrame) else None
    history, n_customers = None, 0
    if lazy is None:
        history = read_history(frame, opened.time_unit, ROW, covariates)
        n_customers = len(history.frequency)
    else:
        require_numbers("customers", lazy, ROW, covariates)
        require_other_names("customers", lazy, _MADE[:2])
        rows = count_rows(lazy, opened.time_unit, covariates)
        history, n_customers = rows.history, int(rows.weight.sum())
    history = _dated(history, opened)
    grade_of(n_customers, fit)  # warns of a fit that is not usable
    found: Arrays = {"prob_alive": model.prob_alive(history)}
    found["expected_purchases"] = model.expected_purchases(history, horizon=horizon)
    result: Any
    if lazy is None:
        result = with_columns(frame, found).to_native()
    else:
        keys = (*ROW, *covariates)
        table = {name: getattr(history, name) for name in ROW} | {name: history.covariate(name) for name in covariates}
        result = native(join_rows(lazy, table | found, keys), frame)
    return attrs.evolve(opened.known, frame=result, fits=(fit,) if isinstance(fit, Fit) else ())


def _dated(history: PurchaseHistory, opened: Opened) -> PurchaseHistory:
    """Give a history the last day of the frame, which a model with a calendar needs."""
    return attrs.evolve(history, as_of=opened.known.as_of, grain=opened.known.grain)  # type: ignore[arg-type]  # it was checked


def _require_terms(given: Mapping[str, Any], segment: object, columns: Sequence[str]) -> None:
    """Check that each term is a number, a column of the frame, or a mapping beside a column of segments."""
    columns = [name for name in columns if name not in _MADE]  # those are replaced
    if segment is not None and (not isinstance(segment, str) or segment not in columns):
        raise InputError("segment", f"a column of the frame ({listed(columns)})", segment)
    for name, term in given.items():
        if isinstance(term, Mapping) and segment is None:
            raise InputError(name, "a number or a column", dict(term), hint="a mapping needs `segment`, a column")
        if isinstance(term, str) and term not in columns:
            raise InputError(name, f"a number, a mapping or a column of the frame ({listed(columns)})", term)
        if hasattr(type(term), "__len__") and not isinstance(term, str | Mapping):
            raise InputError(name, "a number, a mapping or the name of a column", term)


def _with_terms(
    lazy: nw.LazyFrame[Any], terms: Mapping[str, Any], segment: str | None, horizon: float | None
) -> nw.LazyFrame[Any]:
    """Add the terms that differ between customers as columns of numbers; refuse those outside their range."""
    import narwhals as nw

    if not terms:
        return lazy
    require_numbers("customers", lazy, [term for term in terms.values() if isinstance(term, str)])
    made = {}
    for name, term in terms.items():
        if isinstance(term, str):
            made[name] = nw.col(term).cast(nw.Float64)
            continue
        column = nw.lit(-1.0)  # of no segment of the mapping: outside every range
        for label, number in term.items():
            value = as_per_customer(name, number, 0, kind=_KIND_OF[name])
            column = nw.when(nw.col(str(segment)) == label).then(nw.lit(float(value))).otherwise(column)
        made[name] = column.cast(nw.Float64)
    lazy = lazy.with_columns(*(column.alias(_WORKING[name]) for name, column in made.items()))
    wrong = []
    for name in made:
        column = nw.col(_WORKING[name])
        too_low = column <= 0.0 if name == "discount_rate" and horizon is None else column < 0.0
        outside = too_low | (column > _MOST_OF.get(name, 1e100)) | ~is_known(_WORKING[name])
        wrong.append(flag(outside).alias(name))
    counts = collect(lazy.select(*wrong).select(nw.all().sum()))
    for name in made:
        if n_wrong := total(counts[name]):
            low = "above 0" if name == "discount_rate" and horizon is None else ">= 0"
            rule = f"{'in [0, 1]' if name == 'margin' else low} for each customer, given for each segment"
            raise InputError(name, rule, terms[name], count=n_wrong)
    return lazy


def _predict(model: Any, rows: PurchaseHistory, terms: Terms) -> Arrays:
    """Compute what is expected of each distinct row."""
    with np.errstate(under="ignore"):
        expected = expect(process_of(model, rows), rows, terms)
    table: Arrays = {name: getattr(rows, name) for name in ROW}
    table |= {name: rows.covariate(name) for name in rows.covariate_names}
    table["prob_alive"] = expected.alive
    if expected.purchases is not None:
        table["expected_purchases"] = expected.purchases
    table[_DISCOUNTED] = expected.discounted
    if expected.time is not None:
        table[_TIME] = expected.time
    return table


def _with_money(history: PurchaseHistory, opened: Opened, spending: AnySpend) -> PurchaseHistory:
    """Add to a history the single amounts, where a model needs them."""
    if isinstance(spending, GammaGamma):
        return history
    return with_amounts(history, opened.frame, require_amounts(opened))


def _paid_columns(spending: AnySpend, frame: nw.LazyFrame[Any]) -> tuple[Any, ...]:
    """Give the columns of money that the expressions of a model need, the last one to be looked at."""
    spending.expected_spend_new()  # raises where there is no finite mean
    if isinstance(spending, GammaGamma):
        return ("mean_repeat_spend",)
    moved = spending.drift or spending.season or spending.spend_effects or not spending.use_first
    if moved or not isinstance(spending, LognormalSpend):
        rule = "a GammaGamma, or a LognormalSpend of all purchases without drift, season and effects, for a lazy frame"
        hint = "summarise(orders, keep_amounts=True) with orders in memory makes customers for every model of spend"
        raise InputError("spend_fit", rule, repr(spending), hint=hint)
    needed = ("n_paid", "mean_log_spend")
    require_present("customers", frame, needed, "summarise(orders, keep_amounts=True) makes it")
    return needed


def _expected_spend(joined: nw.LazyFrame[Any], spending: GammaGamma | LognormalSpend) -> nw.Expr:
    """Write the expected spend as an expression; `expected_spend` of the model is the formula."""
    import narwhals as nw

    over = divider(joined)
    if isinstance(spending, GammaGamma):
        x, mean = nw.col("frequency").cast(nw.Float64), nw.col("mean_repeat_spend").cast(nw.Float64)
        bought = nw.when(x > 0).then(x * mean).otherwise(nw.lit(0.0)).cast(nw.Float64)
        return over((bought + spending.gamma) * spending.p, x * spending.p + (spending.q - 1.0))
    n, mean = nw.col("n_paid").cast(nw.Float64), nw.col("mean_log_spend").cast(nw.Float64)
    away = nw.when(n > 0).then(mean - spending.mu).otherwise(nw.lit(0.0)).cast(nw.Float64)
    within, between = spending.sigma**2, spending.tau**2
    own = over(n * between, n * between + within)  # weight of the customer's own mean
    level = own * away + (own * -between + between) * 0.5
    spend: nw.Expr = (level + (spending.mu + 0.5 * within)).exp()
    return spend


def _valued(
    joined: nw.LazyFrame[Any], spending: Any, terms: Terms, single: Mapping[str, Any], *, has_time: bool
) -> nw.LazyFrame[Any]:
    """Write expected spend and value as expressions."""
    import narwhals as nw

    joined = joined.with_columns(_expected_spend(joined, spending).alias("expected_spend"))
    margin, cost = (
        getattr(terms, name) if name in single else nw.col(_WORKING[name]) for name in ("margin", "service_cost")
    )
    clv = nw.col("expected_spend") * nw.col(_DISCOUNTED) * margin
    made = [clv.alias("clv")]
    if has_time:
        serving = nw.col(_TIME) * cost
        made = [(clv - serving).alias("clv"), serving.alias("expected_service_cost")]
    joined = joined.with_columns(*made)
    if _WORKING["acquisition_cost"] in joined.collect_schema():
        joined = joined.with_columns(net_clv=nw.col("clv") - nw.col(_WORKING["acquisition_cost"]))
    elif "acquisition_cost" in single:
        joined = joined.with_columns(net_clv=nw.col("clv") - single["acquisition_cost"])
    return joined.drop(_DISCOUNTED, *([_TIME] if has_time else []))
