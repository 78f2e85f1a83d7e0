"""Models fitted to a frame of customers; :mod:`crmvalue.frames` is the public door."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias, get_args

import attrs
import numpy as np

from crmvalue._core.checks import require_choice
from crmvalue._core.values import hand_over
from crmvalue._frames.columns import require_numbers
from crmvalue._frames.customers import open_customers
from crmvalue._frames.engines import collect, flag, in_engine, is_known, is_whole, total
from crmvalue._models.spend.gamma_gamma import fit_mean_spend
from crmvalue.errors import ConvergenceError, InputError
from crmvalue.models import fit_bg_nbd, fit_gamma_gamma, fit_mbg_nbd, fit_nbd, fit_pareto_nbd
from crmvalue.purchases import PurchaseHistory, UniquePurchases

if TYPE_CHECKING:
    import narwhals as nw

    from crmvalue.models import Fit
    from crmvalue.purchases import TimeUnit
    from crmvalue.typing import Integers

__all__ = ["ROW", "Rows", "count_rows", "fit", "fit_spend", "read_history"]

Model: TypeAlias = Literal["bg_nbd", "mbg_nbd", "pareto_nbd", "nbd", "gamma_gamma", "best"]

ROW = ("frequency", "recency", "age")
"""Columns that make a row of a purchase model."""

_N, _WRONG = "_crmvalue_n", "_crmvalue_wrong"
_MOST = 1e100
_SPEND = f"0 to {_MOST:g}, not missing,"

_FITS: dict[str, Any] = {
    "bg_nbd": fit_bg_nbd, "mbg_nbd": fit_mbg_nbd, "pareto_nbd": fit_pareto_nbd, "nbd": fit_nbd,
}  # fmt: skip
_NAMES = {"bg_nbd": "BG/NBD", "mbg_nbd": "MBG/NBD", "pareto_nbd": "Pareto/NBD", "nbd": "NBD"}


class Rows(NamedTuple):
    """Distinct rows as a history, and how many customers share each."""

    history: PurchaseHistory
    weight: Integers


def fit(customers: Any, model: Model = "best", *, time_unit: TimeUnit | None = None) -> Fit[Any]:
    """Fit a model to a frame of customers.

    Parameters
    ----------
    customers : CustomerFrame, DataFrame or LazyFrame
        A result of :func:`summarise` or :func:`split`, or a frame of your own with the columns `frequency`, `recency`
        and `age`; for "gamma_gamma" `frequency` and `mean_repeat_spend`, of which means of 0 are left out and counted.
    model : {"best", "bg_nbd", "mbg_nbd", "pareto_nbd", "nbd", "gamma_gamma"}, optional
        The model. "best" fits the four models of purchases, leaves out fits that are not usable, and takes the one with
        the best AIC. Its `comparison` says in words what was compared.
    time_unit : {"day", "week", "month", "quarter", "year"}, optional
        Unit of `recency` and `age`; needed for a frame of your own.

    Returns
    -------
    Fit
        As from the functions of :mod:`crmvalue.models`.

    Raises
    ------
    InputError
        If a column is missing, or holds what :class:`crmvalue.purchases.PurchaseHistory` refuses.
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
    if model != "best":
        found: Fit[Any] = _FITS[model](history)
        return found
    return _best({name: _try(fit_one, history) for name, fit_one in _FITS.items()})


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
