"""Models fitted to a frame of customers; :mod:`crmvalue.frames` is the public door."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias, get_args

import attrs
import numpy as np

from crmvalue._core.checks import require_choice
from crmvalue._core.values import hand_over
from crmvalue._frames.columns import Roles, require_numbers, require_present
from crmvalue._frames.customers import Opened, names_here, open_customers
from crmvalue._frames.engines import as_frame, collect, flag, in_engine, is_known, is_whole, lazy_or_none, total
from crmvalue._frames.log import arrays_of
from crmvalue._models.spend.gamma_gamma import fit_mean_spend
from crmvalue._models.validation.choice import candidate
from crmvalue.errors import ConvergenceError, InputError
from crmvalue.models import (
    choose_model,
    fit_bg_cnbd,
    fit_bg_nbd,
    fit_correlated_pareto_nbd,
    fit_gamma_gamma,
    fit_mbg_cnbd,
    fit_mbg_nbd,
    fit_nbd,
    fit_pareto_nbd,
)
from crmvalue.purchases import PurchaseHistory, UniquePurchases, estimate_regularity

if TYPE_CHECKING:
    import narwhals as nw

    from crmvalue.models import Fit
    from crmvalue.purchases import TimeUnit
    from crmvalue.typing import Integers

__all__ = ["ROW", "Rows", "count_rows", "fit", "fit_spend", "read_history"]

Model: TypeAlias = Literal[
    "bg_nbd", "mbg_nbd", "pareto_nbd", "nbd", "correlated_pareto_nbd", "bg_cnbd", "mbg_cnbd", "gamma_gamma", "best"
]

ROW = ("frequency", "recency", "age")
"""Columns that make a row of a purchase model."""

_N, _WRONG = "_crmvalue_n", "_crmvalue_wrong"
_MOST = 1e100
_SPEND = f"0 to {_MOST:g}, not missing,"

_FITS: dict[str, Any] = {
    "bg_nbd": fit_bg_nbd, "mbg_nbd": fit_mbg_nbd, "pareto_nbd": fit_pareto_nbd, "nbd": fit_nbd,
}  # fmt: skip
_BY_NAME: dict[str, Any] = {**_FITS, "correlated_pareto_nbd": fit_correlated_pareto_nbd}
_REGULAR: dict[str, Any] = {"bg_cnbd": fit_bg_cnbd, "mbg_cnbd": fit_mbg_cnbd}
_NAMES = {"bg_nbd": "BG/NBD", "mbg_nbd": "MBG/NBD", "pareto_nbd": "Pareto/NBD", "nbd": "NBD"}


class Rows(NamedTuple):
    """Distinct rows as a history, and how many customers share each."""

    history: PurchaseHistory
    weight: Integers


def fit(
    customers: Any,
    model: Model = "best",
    *,
    time_unit: TimeUnit | None = None,
    orders: Any = None,
    k: int | None = None,
) -> Fit[Any]:
    """Fit a model to a frame of customers.

    Parameters
    ----------
    customers : CustomerFrame, DataFrame or LazyFrame
        A result of :func:`summarise` or :func:`split`, or a frame of your own with the columns `frequency`, `recency`
        and `age`; for "gamma_gamma" `frequency` and `mean_repeat_spend`, of which means of 0 are left out and counted.
    model : {"best", "bg_nbd", "mbg_nbd", "pareto_nbd", "nbd", ...}, optional
        The model: one of these, "correlated_pareto_nbd", "bg_cnbd", "mbg_cnbd" or "gamma_gamma". "best" with `orders`
        is that of :func:`crmvalue.models.choose_model`: it has the best log score on the last quarter of the orders.
        Without them it fits the first four models, leaves out fits that are not usable, and takes the one with the best
        AIC. `comparison` of the fit says in words what was compared.
    time_unit : {"day", "week", "month", "quarter", "year"}, optional
        Unit of `recency` and `age`; needed for a frame of your own.
    orders : DataFrame or LazyFrame, optional
        The frame of orders that `customers` was made of by :func:`summarise` or :func:`split`; orders after its last
        day do not take part. Of a lazy frame the columns of customers and dates are read into memory.
    k : int, optional
        For "bg_cnbd" and "mbg_cnbd": events to a purchase, from 1 to 12. By default the likeliest k of 1 to 6, which
        needs `orders`.

    Returns
    -------
    Fit
        As from the functions of :mod:`crmvalue.models`.

    Raises
    ------
    InputError
        If a column is missing, or holds what :class:`crmvalue.purchases.PurchaseHistory` refuses; if `k` or `orders` is
        missing, or not for this model.
    ConvergenceError
        For "best" if no fit is usable.

    Notes
    -----
    A frame that is asked in its own engine gives its distinct rows and the number of customers of each; they are all
    that a model needs. So a fit to a billion orders takes the memory of the distinct rows only.

    Examples
    --------
    >>> import pandas as pd
    >>> from crmvalue.datasets import load_cdnow
    >>> from crmvalue.frames import summarise
    >>> log = load_cdnow()
    >>> orders = pd.DataFrame({"customer": log.customer, "date": log.date, "amount": log.amount})
    >>> found = fit(summarise(orders, as_of="1997-09-30"), "bg_nbd")
    >>> round(found.log_likelihood, 2)
    -9582.43
    """
    require_choice("model", model, get_args(Model))
    if k is not None and model not in _REGULAR:
        raise InputError("k", "given for 'bg_cnbd' and 'mbg_cnbd' alone", k)
    if orders is not None and model != "best" and (model not in _REGULAR or k is not None):
        raise InputError("orders", "given for 'best', or in place of `k`", type(orders).__name__)
    if model == "gamma_gamma":
        return fit_spend(customers, time_unit=time_unit)
    opened = open_customers(customers, ROW, time_unit)
    lazy = in_engine(opened.frame)
    history: PurchaseHistory | UniquePurchases
    if lazy is None:
        history = read_history(opened.frame, opened.time_unit, ROW)
    else:
        require_numbers("customers", lazy, ROW)
        rows = count_rows(lazy, opened.time_unit)
        history = UniquePurchases(
            **{name: hand_over(getattr(rows.history, name)) for name in ROW},
            weight=hand_over(rows.weight),
            time_unit=opened.time_unit,
        )
    if model in _REGULAR:
        return _regular(model, history, orders, k, opened)
    if model != "best":
        found: Fit[Any] = _BY_NAME[model](history)
        return found
    if orders is not None:
        who, when, options = _read_orders(orders, opened)
        choice = choose_model(who, when, **options)
        found = candidate(choice.name)(history)
        return attrs.evolve(found, comparison=choice.conclusion)
    return _best({name: _try(fit_one, history) for name, fit_one in _FITS.items()})


def _regular(
    model: str, history: PurchaseHistory | UniquePurchases, orders: Any, k: int | None, opened: Opened
) -> Fit[Any]:
    if k is None and orders is None:
        raise InputError("k", f"given for {model!r}, or else `orders`", k)
    if k is not None:
        found: Fit[Any] = _REGULAR[model](history, k=k)
        return found
    who, when, options = _read_orders(orders, opened)
    with names_here({"regularity": "orders"}):
        likeliest: Fit[Any] = _REGULAR[model](history, regularity=estimate_regularity(who, when, **options))
        return likeliest


def _read_orders(orders: Any, opened: Opened) -> tuple[Any, Any, dict[str, Any]]:
    """Read customers and dates of the orders behind a result, up to its last day."""
    known = opened.known
    if known.as_of is None or known.grain is None:
        hint = "summarise() or split() of the same orders makes it"
        raise InputError("customers", "a result with its last day where `orders` is given", "a frame", hint=hint)
    frame = as_frame("orders", orders)
    names = {role: known.columns[role] for role in ("customer", "date")}
    require_present("orders", frame, tuple(names.values()), "the orders that `customers` was made of")
    lazy = lazy_or_none(frame)
    eager = frame if lazy is None else lazy.select(*names.values()).collect()
    arrays = arrays_of(eager, Roles(columns=names, guessed=()))
    options = {"as_of": known.as_of, "time_unit": opened.time_unit, "grain": known.grain, "missing": "drop"}
    return arrays["customer"], arrays["date"], options


def _try(fit_one: Any, history: PurchaseHistory | UniquePurchases) -> Fit[Any] | None:
    try:
        found: Fit[Any] = fit_one(history)
    except ConvergenceError:
        return None
    return found


def _best(fits: dict[str, Fit[Any] | None]) -> Fit[Any]:
    """Take the usable fit with the best AIC, and say what was compared."""
    words = []
    usable = {}
    for name, found in fits.items():
        if found is None:
            words.append(f"{_NAMES[name]}: the search found no fit")
            continue
        grade = found.diagnosis.grade
        words.append(f"{_NAMES[name]}: AIC {found.aic:,.1f}, {grade}")
        if grade != "not usable":
            usable[name] = found
    if not usable:
        raise ConvergenceError(f"no model can be trusted on these customers ({'; '.join(words)})")
    best = min(usable, key=lambda name: usable[name].aic)
    return attrs.evolve(
        usable[best], comparison=f"{_NAMES[best]} has the best AIC of the usable fits. {'; '.join(words)}"
    )


def fit_spend(customers: Any, *, time_unit: TimeUnit | None = None) -> Fit[Any]:
    """Fit the gamma-gamma model to the mean repeat spend of a frame of customers; zero spends are left out."""
    needed = ("frequency", "mean_repeat_spend")
    opened = open_customers(customers, needed, time_unit, timed=False)
    lazy = in_engine(opened.frame)
    if lazy is None:
        history = read_history(opened.frame, opened.time_unit or "week", needed)  # a spend model has no times
        return fit_gamma_gamma(history, zeros="drop")
    import narwhals as nw

    require_numbers("customers", lazy, needed)
    often, spend = nw.col("frequency").cast(nw.Float64), nw.col("mean_repeat_spend").cast(nw.Float64)
    again = often > 0
    uncounted = ~is_known("frequency") | (often < 0) | ~is_whole(often)
    kinds = {"once": often == 0, "zero": again & (spend == 0), "wrong": uncounted | _wrong_spend()}
    counts = collect(lazy.select(*(flag(kind).alias(name) for name, kind in kinds.items())).select(nw.all().sum()))
    n_once, n_zero, n_wrong = (total(counts[name]) for name in kinds)
    if n_wrong:
        rule = f"{_SPEND} where `frequency` is above 0, and `frequency` a whole number >= 0"
        raise InputError("mean_repeat_spend", rule, "another value", count=n_wrong)
    table = collect(lazy.filter(again & (spend > 0)).select(*needed).group_by(*needed).agg(nw.len().alias("n")))
    if not len(table["n"]):
        raise InputError("customers", "a frame with a customer who has a repeat purchase of some money", 0)
    order = np.lexsort([table["mean_repeat_spend"], table["frequency"]])
    number = table.pop("n")[order].astype(np.int64)
    x, mean = (table.pop(name)[order].astype(np.float64, copy=False) for name in needed)
    if number.max() > 1:
        x, mean = np.repeat(x, number), np.repeat(mean, number)
    del order, number  # as long as the base has customers
    return fit_mean_spend(x, mean, left_out={"no repeat purchase": n_once, "zero spend": n_zero})


def read_history(
    frame: Any, time_unit: TimeUnit, needed: tuple[str, ...], covariates: tuple[str, ...] = ()
) -> PurchaseHistory:
    """Make a history of the columns of an eager frame; times that a spend model does not need are made up."""
    columns = {name: frame[name].to_native() for name in needed}
    if "recency" not in columns:
        x = np.asarray(columns["frequency"], dtype=np.float64)
        columns |= {"recency": np.where(x > 0, 1.0, 0.0), "age": np.ones(len(x))}
    history = PurchaseHistory.from_columns(**columns, time_unit=time_unit)
    if not covariates:
        return history
    return history.with_covariates({name: frame[name].to_native() for name in covariates})


def count_rows(
    lazy: nw.LazyFrame[Any],
    time_unit: TimeUnit,
    covariates: tuple[str, ...] = (),
    *,
    spends: bool = False,
) -> Rows:
    """Let the engine count the customers of each distinct row, and look at their spend if it is to be used."""
    import narwhals as nw

    keys = (*ROW, *covariates)
    wrong = [flag(_wrong_spend()).alias(_WRONG)] if spends else []
    rows = lazy.select(*(nw.col(name).cast(nw.Float64) for name in keys), *wrong)
    table = collect(rows.group_by(*keys).agg(nw.len().alias(_N), *(nw.col(_WRONG).sum() for _ in wrong)))
    n_wrong = total(table.pop(_WRONG)) if spends else 0
    order = np.lexsort([table[name] for name in reversed(keys)])
    frequency, recency, age, *known = (table.pop(name)[order].astype(np.float64, copy=False) for name in keys)
    weight = table.pop(_N)[order].astype(np.int64, copy=False)
    del order  # as long as the distinct rows, as each of these
    if not len(frequency):
        raise InputError("customers", "a frame with at least one row", 0)
    history = PurchaseHistory(frequency=frequency, recency=recency, age=age, time_unit=time_unit)
    if known:
        history = history.with_covariates(dict(zip(covariates, known, strict=True)))
    if n_wrong:
        rule = f"{_SPEND} where `frequency` is above 0"
        raise InputError("mean_repeat_spend", rule, "another value", count=n_wrong)
    return Rows(history, weight)


def _wrong_spend() -> nw.Expr:
    """Whether a customer with repeat purchases has no mean of their money, or an impossible one."""
    import narwhals as nw

    spend = nw.col("mean_repeat_spend").cast(nw.Float64)
    bad = ~is_known("mean_repeat_spend") | (spend < 0) | (spend > _MOST)
    return (nw.col("frequency").cast(nw.Float64) > 0) & bad
