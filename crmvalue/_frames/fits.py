"""Models fitted to a frame of customers; :mod:`crmvalue.frames` is the public door."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias, get_args

import attrs
import numpy as np

from crmvalue._core.checks import require_choice
from crmvalue._core.values import hand_over
from crmvalue._frames.columns import Roles, require_numbers, require_present
from crmvalue._frames.customers import Opened, names_here, open_customers
from crmvalue._frames.engines import as_frame, collect, flag, in_engine, is_known, is_whole, lazy_or_none, total
from crmvalue._frames.log import arrays_of, log_columns
from crmvalue._frames.orders import LOG_SPEND
from crmvalue._models.spend.gamma_gamma import fit_mean_spend
from crmvalue._models.spend.lognormal import LogSums, fit_log_sums
from crmvalue._models.validation.candidates import candidate
from crmvalue.errors import ConvergenceError, InputError
from crmvalue.models import (
    choose_model,
    fit_bg_cnbd,
    fit_bg_nbd,
    fit_correlated_pareto_nbd,
    fit_gamma_gamma,
    fit_gb2_spend,
    fit_ggompertz_nbd,
    fit_mbg_cnbd,
    fit_mbg_nbd,
    fit_nbd,
    fit_pareto_nbd,
)
from crmvalue.purchases import PurchaseHistory, UniquePurchases, estimate_regularity

if TYPE_CHECKING:
    from collections.abc import Callable

    import narwhals as nw

    from crmvalue.models import Fit
    from crmvalue.purchases import PurchaseAmounts, TimeUnit
    from crmvalue.typing import Integers

__all__ = [
    "ROW",
    "Rows",
    "count_rows",
    "fit",
    "fit_spend",
    "read_history",
    "require_amounts",
    "with_amounts",
]

Model: TypeAlias = Literal[
    "bg_nbd", "mbg_nbd", "pareto_nbd", "nbd", "ggompertz_nbd", "correlated_pareto_nbd", "bg_cnbd", "mbg_cnbd",
    "gamma_gamma", "lognormal_spend", "gb2_spend", "best",
]  # fmt: skip

ROW = ("frequency", "recency", "age")
"""Columns that make a row of a purchase model."""

_N, _WRONG = "_crmvalue_n", "_crmvalue_wrong"
_MOST = 1e100
_MOST_LOG = math.log(_MOST)
_WITH_AMOUNTS = "summarise(keep_amounts=True) of crmvalue.frames makes it"
_SPEND = f"0 to {_MOST:g}, not missing,"

_FITS: dict[str, Any] = {
    "bg_nbd": fit_bg_nbd, "mbg_nbd": fit_mbg_nbd, "pareto_nbd": fit_pareto_nbd, "nbd": fit_nbd,
}  # fmt: skip
_BY_NAME: dict[str, Any] = {
    **_FITS, "ggompertz_nbd": fit_ggompertz_nbd, "correlated_pareto_nbd": fit_correlated_pareto_nbd,
}  # fmt: skip
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
        and `age`; for "gamma_gamma" `frequency` and `mean_repeat_spend`, of which means of 0 are left out and counted;
        for "lognormal_spend" the columns of :func:`summarise` with `keep_amounts`; for "gb2_spend" such a result of a
        frame in memory. Both leave out purchases of 0 and count them.
    model : str, optional
        "best", "bg_nbd", "mbg_nbd", "pareto_nbd", "nbd", "ggompertz_nbd", "correlated_pareto_nbd", "bg_cnbd" or
        "mbg_cnbd" for purchases; "gamma_gamma", "lognormal_spend" or "gb2_spend" for spend. "best" with `orders` is
        that of :func:`crmvalue.models.choose_model`: it has the best log score on the last quarter of the orders.
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
    if model in _SPEND_FITS:
        return _SPEND_FITS[model](customers, time_unit)
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
        words.append(f"{_NAMES[name]}: AIC {found.aic:z,.1f}, {grade}")
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


def _fit_lognormal(customers: Any, time_unit: TimeUnit | None) -> Fit[Any]:
    """Fit the lognormal model to sums over the customers with the same number of purchases of some money."""
    import narwhals as nw

    needed = ("frequency", *LOG_SPEND)
    frame = open_customers(customers, needed, time_unit, timed=False, made=_WITH_AMOUNTS).frame
    require_numbers("customers", frame, needed)
    often, n_paid, mean, variance = (nw.col(name).cast(nw.Float64) for name in needed)
    known = nw.when(n_paid > 0)
    wrong = wrong_log_spend() | ((n_paid > 0) & (~is_known("var_log_spend") | (variance < 0)))
    rows = frame.select(
        n_paid.alias("n"),
        flag(wrong).alias(_WRONG),
        (often + 1.0 - n_paid).alias("zero"),
        *(known.then(of).otherwise(nw.lit(0.0)).alias(name) for name, of in (("mean", mean), ("variance", variance))),
    ).with_columns((nw.col("mean") * nw.col("mean")).alias("square"))
    added = (_WRONG, "zero", "mean", "square", "variance")
    grouped: Any = rows.group_by("n").agg(nw.len().alias(_N), *(nw.col(name).sum() for name in added))
    table = collect(grouped.lazy() if isinstance(grouped, nw.DataFrame) else grouped)
    if n_wrong := total(table[_WRONG]):
        rule = "numbers as `summarise` with `keep_amounts` makes them"
        raise InputError("mean_log_spend", rule, "another value", count=n_wrong)
    table = {name: np.asarray(column, dtype=np.float64) for name, column in table.items()}
    order = np.argsort(table["n"])
    order = order[table["n"][order] > 0]
    if not len(order):
        raise InputError("customers", "a frame with a customer who has a purchase of some money", 0)
    n_silent, n_zero = table[_N].sum() - table[_N][order].sum(), table["zero"].sum()
    sums = LogSums(*(table[name][order] for name in ("n", _N, "mean", "square", "variance")))
    return fit_log_sums(sums, {"no purchase of money that counts": int(n_silent), "purchases of 0": int(n_zero)})


def _fit_gb2(customers: Any, time_unit: TimeUnit | None) -> Fit[Any]:
    """Fit the heavy-tailed model to the amounts that a result keeps."""
    needed = ("frequency", "mean_repeat_spend")
    opened = open_customers(customers, needed, time_unit, timed=False)
    amounts = require_amounts(opened)
    history = read_history(opened.frame, opened.time_unit or "week", needed)
    return fit_gb2_spend(with_amounts(history, opened.frame, amounts), zeros="drop")


_SPEND_FITS: dict[str, Callable[[Any, TimeUnit | None], Fit[Any]]] = {
    "gamma_gamma": lambda customers, time_unit: fit_spend(customers, time_unit=time_unit),
    "lognormal_spend": _fit_lognormal,
    "gb2_spend": _fit_gb2,
}


def require_amounts(opened: Opened) -> PurchaseAmounts:
    """Give the single amounts of customers; those without them are refused."""
    amounts = opened.known.amounts
    if amounts is None or lazy_or_none(opened.frame) is not None:
        raise InputError(
            "customers", "a result in memory with the amounts of purchases, for this model of spend",
            type(opened.known.frame).__name__,
            hint="summarise(orders, keep_amounts=True) keeps them, where `orders` is in memory",
        )  # fmt: skip
    require_present("customers", opened.frame, LOG_SPEND, _WITH_AMOUNTS)
    return amounts


def with_amounts(history: PurchaseHistory, frame: Any, amounts: PurchaseAmounts) -> PurchaseHistory:
    """Add the single amounts to a history, if they are those of the rows of the frame that it was read from."""
    later = np.ones(len(amounts.amount), dtype=bool)
    later[amounts.start] = False
    n = amounts.n_purchases - 1.0
    paid = np.bincount(amounts.row[later], weights=amounts.amount[later], minlength=len(n))
    same = np.array_equal(n, history.frequency)
    if same:  # those who bought once have no repeat spend, but a logarithm
        logs = {name: frame[name].to_numpy().astype(np.float64) for name in LOG_SPEND}
        kept = log_columns(amounts)
        same = all(np.allclose(logs[name], kept[name], rtol=1e-9, atol=1e-9, equal_nan=True) for name in LOG_SPEND)
    if same:
        spend = np.where(n > 0, np.nan_to_num(history.mean_repeat_spend), 0.0)  # type: ignore[arg-type]  # it was needed
        same = bool(np.allclose(n * spend, paid, rtol=1e-9, atol=1e-9))
    if not same:
        rule = "a result whose rows are those that it was made with, in their order"
        raise InputError("customers", rule, "others", hint="filter and sort the result of value(), not its input")
    return attrs.evolve(history, amounts=amounts)


def wrong_log_spend() -> nw.Expr:
    """Whether the number of purchases of some money, or the mean of their logarithms, is impossible."""
    import narwhals as nw

    often, n_paid, mean = (nw.col(name).cast(nw.Float64) for name in ("frequency", "n_paid", "mean_log_spend"))
    uncounted = ~is_known("n_paid") | ~is_known("frequency") | (n_paid < 0) | ~is_whole(n_paid) | (n_paid > often + 1.0)
    return uncounted | ((n_paid > 0) & (~is_known("mean_log_spend") | (mean.abs() > _MOST_LOG)))


def read_history(
    frame: Any, time_unit: TimeUnit, needed: tuple[str, ...], covariates: tuple[str, ...] = ()
) -> PurchaseHistory:
    """Make a history of the columns of an eager frame; times that a spend model does not need are made up."""
    import narwhals as nw

    frame = nw.maybe_reset_index(frame)  # all columns are of the same rows, whatever pandas calls these
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
    spends: Literal["mean_repeat_spend", "mean_log_spend"] | None = None,
) -> Rows:
    """Let the engine count the customers of each distinct row, and look at the column of spend that is to be used."""
    import narwhals as nw

    keys = (*ROW, *covariates)
    looked_at = {"mean_repeat_spend": _wrong_spend, "mean_log_spend": wrong_log_spend}
    wrong = [flag(looked_at[spends]()).alias(_WRONG)] if spends else []
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
    if spends and n_wrong:
        of_logs = "a number where `n_paid` is above 0, and `n_paid` a whole number up to `frequency` + 1"
        rule = of_logs if spends == "mean_log_spend" else f"{_SPEND} where `frequency` is above 0"
        raise InputError(spends, rule, "another value", count=n_wrong)
    return Rows(history, weight)


def _wrong_spend() -> nw.Expr:
    """Whether a customer with repeat purchases has no mean of their money, or an impossible one."""
    import narwhals as nw

    spend = nw.col("mean_repeat_spend").cast(nw.Float64)
    bad = ~is_known("mean_repeat_spend") | (spend < 0) | (spend > _MOST)
    return (nw.col("frequency").cast(nw.Float64) > 0) & bad
