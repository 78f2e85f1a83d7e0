"""An order log in a frame to one row per customer, or to order lines; :mod:`crmvalue.frames` is the public door."""

from __future__ import annotations

import datetime as dt
import re
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, get_args
from zoneinfo import ZoneInfo

import numpy as np

from crmvalue._core.checks import as_column, as_day, as_flag, require_choice
from crmvalue._core.clock.zones import as_zone
from crmvalue._core.labels import spoken_for
from crmvalue._frames.columns import (
    Roles,
    find_named,
    find_needed,
    find_roles,
    require_free,
    require_name,
    require_present,
)
from crmvalue._frames.customers import CustomerFrame, FrameResult
from crmvalue._frames.engines import as_frame, from_columns, lazy_or_none
from crmvalue._frames.orders import (
    LOG_SPEND,
    SUMMARY,
    count_purchases,
    customers_of,
    join_holdout,
    local_clock,
    read_rows,
    summary_columns,
    survey,
)
from crmvalue._products.lines import read_lines
from crmvalue._purchases.order_log import Policy, last_day, read_log, require_holdout
from crmvalue.errors import InputError
from crmvalue.purchases import (
    DAYS_PER_UNIT,
    Duplicates,
    Grain,
    Missing,
    Refunds,
    Zeros,
    split_log,
    summarise_log,
)

if TYPE_CHECKING:
    import narwhals as nw

    from crmvalue._frames.orders import Orders
    from crmvalue._purchases.order_log import Log
    from crmvalue.purchases import PurchaseAmounts, TimeUnit
    from crmvalue.typing import ArrayLike, Dates, Floats

__all__ = [
    "arrays_of",
    "instants_of",
    "log_columns",
    "offset_at",
    "order_lines",
    "plain_time",
    "split",
    "summarise",
    "utc_time",
    "zone_of",
]

_HOLDOUT = ("holdout_n_purchases", "holdout_spend")
_PRODUCTS = (
    "product", "product_id", "product_name", "sku", "item", "item_id", "article", "stockcode", "stock_code",
    "artikel", "artikelnummer", "товар", "артикул", "პროდუქტი", "məhsul",
)  # fmt: skip
"""Usual headings of the product of an order line, the best first."""


def summarise(
    orders: Any,
    *,
    customer: str | None = None,
    date: str | None = None,
    amount: str | None = None,
    quantity: str | None = None,
    as_of: ArrayLike | None = None,
    time_unit: TimeUnit = "week",
    grain: Grain = "day",
    refunds: Refunds = "raise",
    zeros: Zeros = "keep",
    missing: Missing = "raise",
    duplicates: Duplicates = "keep",
    keep_amounts: bool = False,
) -> CustomerFrame:
    """Turn a frame of orders into a frame of customers.

    Parameters
    ----------
    orders : DataFrame or LazyFrame
        One row per order, or per line of an order: pandas, Polars, PyArrow, DuckDB, Ibis, SQLFrame, Dask or Spark.
    customer, date, amount, quantity : str, optional
        Names of the columns. Those that are not named are guessed from their headings, as
        ``python -m crmvalue`` does; the result says which. With a quantity, the amount is the price of one piece.
    as_of, time_unit, grain, refunds, zeros, missing, duplicates
        As in :func:`crmvalue.purchases.summarise_purchases`.
    keep_amounts : bool, optional
        Give what models of single amounts need, "lognormal_spend" and "gb2_spend" of :func:`fit`. There are three
        more columns: `n_paid`, the purchases of some money, and mean and variance of the logarithms of their money,
        `mean_log_spend` and `var_log_spend`. A frame in memory also keeps the purchases themselves, in `amounts`.

    Returns
    -------
    CustomerFrame
        Its `frame` is of the kind of `orders`, one row per customer, with the name of the column of customers kept and
        the columns of :class:`crmvalue.purchases.PurchaseHistory`: `frequency`, `recency`, `age`, `mean_repeat_spend`,
        `days_since_last`, `n_purchases`, `mean_spend` and `total_spend`, those of money only where there is an amount.

    Raises
    ------
    InputError
        If a column is missing, of a wrong type or cannot be guessed, and for the values that
        :func:`crmvalue.purchases.summarise_purchases` refuses; on a Dask frame with refunds for `refunds="net"`.

    Warns
    -----
    DataWarning
        As :func:`crmvalue.purchases.summarise_purchases`, in every engine.

    Notes
    -----
    Frames in memory (pandas, Polars, PyArrow) go through :func:`crmvalue.purchases.summarise_purchases`, which sums
    them up faster. Lazy frames are asked in their own engine, and stay lazy. Only the numbers of rows of each day come
    into memory; they find the last day and what the policies refuse. Where weeks have no row, the engine is asked once
    more, for the purchases of each day. In a lazy frame, dates must be dates or times, no
    text. For times with a time zone, days are those of the zone of the column; engines that keep no zone (DuckDB,
    Spark) use the zone of the session. Copies are rows of the same moment: where the clock goes back, one time of day
    is two moments.

    There, ``refunds="net"`` takes refunds off running sums. Where amounts are no whole cents, or add up to more than
    9e11, money is exact up to the rounding of the largest amounts of the customer. Refunds that cancel every purchase
    give a frame without customers there, where the function of arrays raises.

    A lazy frame is computed anew each time that it is used. Write it to a file or a table first if it is needed often.

    Examples
    --------
    >>> import pandas as pd
    >>> orders = pd.DataFrame(
    ...     {
    ...         "customer_id": ["ann", "bob", "ann"],
    ...         "order_date": pd.to_datetime(["2024-01-01", "2024-01-08", "2024-01-15"]),
    ...         "amount": [20.0, 30.0, 15.0],
    ...     }
    ... )
    >>> customers = summarise(orders, as_of="2024-01-29")
    >>> customers.frame[["customer_id", "frequency", "recency", "age"]]
      customer_id  frequency  recency  age
    0         ann        1.0      2.0  4.0
    1         bob        0.0      0.0  3.0
    """
    frame = as_frame("orders", orders)
    roles = _roles(frame, customer, date, amount, quantity)
    policy = Policy(refunds, zeros, missing, duplicates)
    lazy = lazy_or_none(frame)
    who = roles.columns["customer"]
    kept = _read_kept(keep_amounts, roles)
    require_free(frame, who, (*SUMMARY, *LOG_SPEND))
    amounts = None
    if lazy is None:
        orders_read = _read_log(frame, roles, policy, time_unit, grain)
        history = summarise_log(orders_read, policy, as_of, time_unit, grain, keep_amounts=kept)
        amounts = history.amounts
        columns = history.to_columns() | log_columns(amounts)
        made = from_columns({who: columns.pop("customer"), **columns}, frame)
        end, counts = history.as_of, history.counts
        result: Any = made.to_native()
    else:
        _check_words(time_unit, grain, policy)
        log = survey(read_rows(lazy, roles.columns, policy), policy, has_money="amount" in roles.columns)
        end = _last_day(log, "as_of", as_of)
        customers, counts = customers_of(log, policy, None, end, grain, logs=kept)
        result = summary_columns(customers, log, who, end, time_unit, grain, logs=kept).to_native()
    return CustomerFrame(
        frame=result, columns=roles.columns, guessed=roles.guessed, time_unit=time_unit, grain=grain, as_of=end,
        counts=counts, amounts=amounts,
    )  # fmt: skip


def split(
    orders: Any,
    *,
    calibration_end: ArrayLike,
    holdout_end: ArrayLike | None = None,
    customer: str | None = None,
    date: str | None = None,
    amount: str | None = None,
    quantity: str | None = None,
    time_unit: TimeUnit = "week",
    grain: Grain = "day",
    refunds: Refunds = "raise",
    zeros: Zeros = "keep",
    missing: Missing = "raise",
    duplicates: Duplicates = "keep",
    keep_amounts: bool = False,
) -> CustomerFrame:
    """Cut a frame of orders into a calibration and a holdout, one row per customer of the calibration.

    Parameters
    ----------
    orders, customer, date, amount, quantity, time_unit, grain, refunds, zeros, missing, duplicates, keep_amounts
        As in :func:`summarise`.
    calibration_end, holdout_end
        As in :func:`crmvalue.purchases.split_purchases`.

    Returns
    -------
    CustomerFrame
        As from :func:`summarise` at `calibration_end`, with two more columns: `holdout_n_purchases`, the purchases of
        each customer in the holdout, and `holdout_spend`, their money. Customers who came in the holdout are left out.

    Raises
    ------
    InputError
        As :func:`summarise`, and if no day is left between `calibration_end` and the end of the holdout.

    Examples
    --------
    >>> import pandas as pd
    >>> orders = pd.DataFrame(
    ...     {"customer": [1, 1, 2], "date": pd.to_datetime(["2024-01-01", "2024-03-01", "2024-03-02"])}
    ... )
    >>> split(orders, calibration_end="2024-01-31").frame[["customer", "holdout_n_purchases"]]
       customer  holdout_n_purchases
    0         1                  1.0
    """
    frame = as_frame("orders", orders)
    roles = _roles(frame, customer, date, amount, quantity)
    policy = Policy(refunds, zeros, missing, duplicates)
    lazy = lazy_or_none(frame)
    who = roles.columns["customer"]
    kept = _read_kept(keep_amounts, roles)
    require_free(frame, who, (*SUMMARY, *LOG_SPEND, *_HOLDOUT))
    amounts = None
    if lazy is None:
        orders_read = _read_log(frame, roles, policy, time_unit, grain)
        parts = split_log(orders_read, policy, calibration_end, holdout_end, time_unit, grain, keep_amounts=kept)
        amounts = parts.calibration.amounts
        columns = parts.to_columns()
        later_columns = {name: columns.pop(name) for name in _HOLDOUT if name in columns}
        columns |= log_columns(amounts) | later_columns
        made = from_columns({who: columns.pop("customer"), **columns}, frame)
        end, counts, length = parts.calibration.as_of, parts.calibration.counts, parts.holdout_length
        later_counts = parts.holdout_counts
        result: Any = made.to_native()
    else:
        _check_words(time_unit, grain, policy)
        log = survey(read_rows(lazy, roles.columns, policy), policy, has_money="amount" in roles.columns)
        with spoken_for():  # the other end warns of the log
            end = _last_day(log, "calibration_end", as_day("calibration_end", calibration_end))
        last = _last_day(log, "holdout_end", holdout_end)
        require_holdout(end, last, holdout_end)
        customers, counts = customers_of(log, policy, None, end, grain, logs=kept)
        later, later_counts = customers_of(log, policy, end, last, grain)
        known = summary_columns(customers, log, who, end, time_unit, grain, logs=kept)
        joined = join_holdout(known, later, who, has_money=log.has_money)
        length = float((last - end).astype(int) / DAYS_PER_UNIT[time_unit])
        result = joined.to_native()
    return CustomerFrame(
        frame=result, columns=roles.columns, guessed=roles.guessed, time_unit=time_unit, grain=grain, as_of=end,
        holdout_length=length, counts=counts, holdout_counts=later_counts, amounts=amounts,
    )  # fmt: skip


def _read_log(frame: Any, roles: Roles, policy: Policy, time_unit: TimeUnit, grain: Grain) -> Log:
    """Read the orders of a frame in memory."""
    arrays = {"amount": None, **arrays_of(frame, roles)}
    instant = instants_of(frame[roles.columns["date"]])
    return read_log(**arrays, time_unit=time_unit, grain=grain, missing=policy.missing, instant=instant)


def _last_day(log: Orders, name: str, value: ArrayLike | None) -> np.datetime64:
    """Read the end of a span, as :func:`last_day` does; the place of a day among the days is no row of the frame."""
    days = log.days
    try:
        return last_day(days, name, value, partial(count_purchases, log.rows))
    except InputError as error:
        if error.index is None:
            raise
        n_rows = days.count(days.day >= np.datetime64(str(error.value)))
        raise InputError(error.name, error.rule, error.value, count=n_rows, hint=error.hint) from None


def order_lines(
    orders: Any,
    *,
    customer: str | None = None,
    date: str | None = None,
    product: str | None = None,
    category: str | None = None,
    brand: str | None = None,
    quantity: str | None = None,
    price: str | None = None,
    amount: str | None = None,
    order: str | None = None,
    refunds: Literal["raise", "net", "drop"] = "raise",
    missing: Missing = "raise",
    duplicates: Duplicates = "keep",
) -> FrameResult:
    """Read a frame of order lines for the functions of :mod:`crmvalue.products`.

    Parameters
    ----------
    orders : DataFrame
        Order lines in memory, one row each: pandas, Polars or PyArrow.
    customer, date, product : str, optional
        Names of these columns. Those that are not named are guessed from the headings.
    category, brand, quantity, amount, order : str, optional
        Names of these columns. They are not guessed: a column that is not named is not used.
    price : str, optional
        Column with the price of one unit [money], in place of the amount of the line, which is the price times the
        quantity.
    refunds, missing, duplicates
        As in :func:`crmvalue.products.read_order_lines`.

    Returns
    -------
    FrameResult
        `result` are the :class:`crmvalue.products.OrderLines`, `frame` are the same lines as a frame of your kind.
        Tables that the functions of :mod:`crmvalue.products` make of the lines become frames by `to_frame`.

    Raises
    ------
    InputError
        As :func:`crmvalue.products.read_order_lines`; if a column is missing or cannot be guessed; for a lazy frame; if
        there are both a price and an amount.

    Examples
    --------
    >>> import pandas as pd
    >>> from crmvalue.products import product_pairs
    >>> orders = pd.DataFrame(
    ...     {
    ...         "Customer ID": [1, 1, 2, 2, 3],
    ...         "Date": ["2024-01-05", "2024-01-05", "2024-01-09", "2024-01-09", "2024-01-11"],
    ...         "SKU": ["tea", "milk", "tea", "milk", "rice"],
    ...         "pieces": [2, 1, 1, 1, 3],
    ...         "price": [4.0, 1.5, 4.0, 1.5, 3.0],
    ...     }
    ... )
    >>> found = order_lines(orders, quantity="pieces", price="price")
    >>> found.result.amount
    array([8. , 1.5, 4. , 1.5, 9. ])
    >>> product_pairs(found.result, min_count=2).to_frame("pandas")[["bought", "also_bought", "n_together"]]
      bought also_bought  n_together
    0   milk         tea           2
    1    tea        milk           2
    """
    frame = as_frame("orders", orders)
    if lazy_or_none(frame) is not None:
        hint = "collect it first, or the columns that are needed"
        rule = "a frame in memory, since the lines are looked at one by one"
        raise InputError("orders", rule, type(orders).__name__, hint=hint)
    if price is not None and (amount is not None or quantity is None):
        raise InputError("price", "given together with `quantity`, in place of `amount`", price)
    roles = find_needed("orders", frame, {"customer": customer, "date": date})
    goods = find_named("orders", frame, "product", product, _PRODUCTS)
    named = {"category": category, "brand": brand, "quantity": quantity, "amount": amount, "order": order}
    columns = {"customer": roles.columns["customer"], "date": roles.columns["date"], "product": goods}
    columns |= {role: name for role, name in (named | {"price": price}).items() if name is not None}
    for role, name in columns.items():
        require_name(role, name)
        require_present(role, frame, (name,), "name a column of the frame")
    if len(set(columns.values())) < len(columns):
        raise InputError("orders", "one whose roles have different columns", ", ".join(columns.values()))
    arrays = arrays_of(frame, Roles({role: name for role, name in columns.items() if role != "quantity"}, ()))
    if quantity is not None:
        arrays["quantity"] = frame[quantity].to_native()
    if price is not None:
        units = as_column("quantity", arrays["quantity"], allow_missing=True)
        arrays["amount"] = as_column("price", arrays.pop("price"), allow_missing=True) * units
    given = {role: arrays.get(role) for role in ("customer", "date", "product", *named)}
    found = read_lines(given, refunds, missing, duplicates, instants_of(frame[columns["date"]]))
    guessed = roles.guessed if product is not None else (*roles.guessed, "product")
    made = from_columns(found.to_columns(), frame).to_native()
    return FrameResult(frame=made, result=found, columns=columns, guessed=guessed)


def _roles(
    frame: nw.DataFrame[Any] | nw.LazyFrame[Any],
    customer: str | None,
    date: str | None,
    amount: str | None,
    quantity: str | None,
) -> Roles:
    return find_roles("orders", frame, {"customer": customer, "date": date, "amount": amount, "quantity": quantity})


def _check_words(time_unit: str, grain: str, policy: Policy) -> None:
    require_choice("time_unit", time_unit, DAYS_PER_UNIT)
    require_choice("grain", grain, get_args(Grain))
    for name, words in (("refunds", Refunds), ("zeros", Zeros), ("missing", Missing), ("duplicates", Duplicates)):
        require_choice(name, getattr(policy, name), get_args(words))


def _read_kept(keep_amounts: object, roles: Roles) -> bool:
    kept = as_flag("keep_amounts", keep_amounts)
    if kept and "amount" not in roles.columns:
        raise InputError("amount", "given with `keep_amounts`", None)
    return kept


def log_columns(amounts: PurchaseAmounts | None) -> dict[str, Floats]:
    """Give number, mean and variance of the logarithms of the purchases of some money of each customer."""
    if amounts is None:
        return {}
    paid = amounts.amount > 0
    row, log = amounts.row[paid], np.log(amounts.amount[paid])
    size = len(amounts.n_purchases)
    number = np.bincount(row, minlength=size).astype(np.float64)
    some = np.where(number > 0, number, np.nan)
    mean = np.bincount(row, weights=log, minlength=size) / some
    variance = np.bincount(row, weights=(log - mean[row]) ** 2, minlength=size) / some
    return dict(zip(LOG_SPEND, (number, mean, variance), strict=True))


def arrays_of(frame: Any, roles: Roles) -> dict[str, Any]:
    """Give the columns of an eager frame in the form that the functions of arrays take."""
    import narwhals as nw

    columns = {role: frame[name] for role, name in roles.columns.items()}
    columns["date"] = plain_time(columns["date"])
    if "amount" in columns and isinstance(columns["amount"].dtype, nw.Decimal):
        columns["amount"] = columns["amount"].cast(nw.Float64)
    arrays = {role: column.to_native() for role, column in columns.items()}
    if "quantity" in arrays:  # as floats, since the product of small whole numbers need not fit into their type
        pieces = as_column("quantity", arrays.pop("quantity"), allow_missing=True)
        arrays["amount"] = as_column("amount", arrays["amount"], allow_missing=True) * pieces
    return arrays


def plain_time(column: Any) -> Any:
    """Give times as their clocks showed them: the days of a zoned column are those of its zone."""
    import narwhals as nw

    zoned = isinstance(column.dtype, nw.Datetime) and column.dtype.time_zone is not None
    if zoned and column.implementation is nw.Implementation.POLARS:
        return column.to_frame().select(local_clock(nw.col(column.name), column.dtype))[column.name]
    if zoned or column.implementation is not nw.Implementation.PANDAS:
        return column.dt.replace_time_zone(None) if zoned else column
    series = column.to_native()  # of pandas' zones, narwhals knows only those whose name has letters alone
    return nw.from_native(series.dt.tz_localize(None), series_only=True) if zone_of(column) else column


def zone_of(column: Any) -> Any:
    """Give the time zone of a column of a frame in memory, a name or an object; None if it has none."""
    import narwhals as nw

    if column.implementation is nw.Implementation.PANDAS:
        kind = column.to_native().dtype
        return getattr(getattr(kind, "pyarrow_dtype", kind), "tz", None)
    return column.dtype.time_zone if isinstance(column.dtype, nw.Datetime) else None


def utc_time(column: Any) -> Any:
    """Give times with a zone as the clock of UTC shows them."""
    import narwhals as nw

    if column.implementation is not nw.Implementation.PANDAS:
        return column.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    return nw.from_native(column.to_native().dt.tz_convert("UTC").dt.tz_localize(None), series_only=True)


def instants_of(column: Any) -> Dates | None:
    """Give times with a zone as `datetime64[us]` of UTC, by which copies are found; None for others.

    The clock of a zone shows one hour of the year twice.
    """
    if zone_of(column) is None:
        return None
    instants: Dates = utc_time(column).to_numpy().astype("datetime64[us]")
    return instants


def offset_at(zone: Any, moment: np.datetime64) -> int:
    """Give the local time of a zone less UTC at a local time [seconds]."""
    clock = zone
    if isinstance(zone, str):
        fixed = re.fullmatch(r"([+-])(\d\d):?(\d\d)", zone)
        if fixed:
            return int(f"{fixed[1]}1") * (int(fixed[2]) * 60 + int(fixed[3])) * 60
        clock = ZoneInfo(as_zone("time", zone))
    local: dt.datetime = moment.astype("datetime64[us]").item()
    return (clock.utcoffset(local) or dt.timedelta()) // dt.timedelta(seconds=1)
