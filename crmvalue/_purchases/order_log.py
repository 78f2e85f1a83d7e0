"""From the rows of an order log to one summary row per customer: policies, merging, netting of refunds.

The engine behind :mod:`crmvalue.purchases`.
"""

from __future__ import annotations

from functools import partial
from operator import length_hint
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias, get_args

import attrs
import numpy as np
import numpy.typing as npt

from crmvalue._core.calendar import (
    FAR_YEARS,
    begin_of_log,
    last_date,
    main_span,
    purchases_by_day,
    warn_of_early_rows,
)
from crmvalue._core.checks import (
    RESIDUE,
    as_column,
    as_day,
    as_float,
    as_log_amounts,
    as_time_column,
    as_whole_number,
    require,
    require_choice,
    require_same_index,
    require_same_length,
)
from crmvalue._core.encoding.copies import Duplicates, find_copies
from crmvalue._core.encoding.customers import encode_customers, fill_missing
from crmvalue._core.encoding.keys import in_order
from crmvalue._core.encoding.threads import in_halves, side_by_side
from crmvalue._core.values import count_field, given_field, require_at_most
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from crmvalue.typing import ArrayLike, Dates, Floats, Integers

__all__ = [
    "ALTERNATIVES",
    "FAR_YEARS",
    "MONDAY",
    "RESIDUE",
    "UNDONE",
    "Duplicates",
    "Grain",
    "Missing",
    "OrderLogCounts",
    "Policy",
    "Purchases",
    "Refunds",
    "Summary",
    "TimeUnit",
    "Zeros",
    "aggregate",
    "condense",
    "find_purchases",
    "last_day",
    "main_span",
    "read_log",
    "require_holdout",
    "say_alternatives",
    "start_of_grain",
]

TimeUnit: TypeAlias = Literal["day", "week", "month", "quarter", "year"]
Grain: TypeAlias = Literal["day", "week"]
Refunds: TypeAlias = Literal["raise", "net", "drop"]
Zeros: TypeAlias = Literal["keep", "drop", "raise"]
Missing: TypeAlias = Literal["raise", "drop"]

ALTERNATIVES = {
    "refunds": {"net": "takes such rows off purchases", "drop": "leaves them out"},
    "zeros": {"keep": "counts such rows", "drop": "does not"},
    "missing": {"drop": "leaves such rows out"},
    "duplicates": {"keep": "counts such rows", "drop": "leaves them out"},
}
"""What each policy can do with rows that it refuses with "raise"."""

UNDONE = 1e-9
"""A purchase whose refunds leave less than this part of it is refunded in full."""

MONDAY = 3
"""Days from the Monday before it to 1 January 1970, a Thursday."""

_EACH_ROW_ONCE = (
    "n_without_customer",
    "n_without_date",
    "n_rows_after_as_of",
    "n_missing",
    "n_duplicates_dropped",
    "n_refunds_dropped",
    "n_zeros_dropped",
    "n_refunds_netted",
    "n_purchase_rows",
)


def _maybe_count(name: str) -> Any:
    def convert(value: Any) -> int | None:
        return None if value is None else as_whole_number(name, value, low=0)

    return given_field(default=0, converter=convert)


def _not_positive(value: ArrayLike | None) -> float | None:
    if value is None:
        return None
    number = as_float("unmatched_refunds", value)
    if number > 0:
        raise InputError("unmatched_refunds", "<= 0", number)
    return number


@attrs.frozen(kw_only=True)
class OrderLogCounts:
    """Counts of the rows of an order log: what the policies of :func:`summarise_purchases` used, left out or netted.

    Each row is counted once: ``n_rows == n_without_customer + n_without_date + n_rows_after_as_of + n_missing +
    n_duplicates_dropped + n_refunds_dropped + n_zeros_dropped + n_refunds_netted + n_purchase_rows``. `n_residues` and
    the counts with "kept" count some of them again. The purchase rows of one customer in one grain, such as one day,
    become one purchase. `n_purchases` counts the purchases that refunds did not cancel.

    Parameters
    ----------
    n_rows : int
        Rows of the log.
    n_without_customer : int
        Rows without a customer, left out.
    n_without_date : int
        Rows with a customer but without a date, left out.
    n_rows_after_as_of : int
        Rows later than the end of observation, left out.
    n_customers_after_as_of : int
        Customers whose rows are all later than the end of observation, left out.
    n_duplicates_kept, n_duplicates_dropped : int
        Rows up to the end of observation with the customer, the date (time of day included) and the amount of an
        earlier row: counted like the others, or left out.
    n_residues : int
        Rows up to the end of observation with an amount that is not 0 but smaller than 1e-9, such as the 4e-16 that
        binary arithmetic leaves: it counts as 0.
    n_missing : int
        Rows without an amount, left out.
    n_refunds_dropped, n_zeros_dropped : int
        Rows with an amount below 0 or of 0, left out.
    n_zeros_kept : int
        Purchase rows with an amount of 0.
    n_refunds_netted : int
        Rows with an amount below 0, taken off earlier purchases if there are any.
    n_purchase_rows : int
        Rows that are purchases.
    n_purchases : int
        Purchases after merging and netting.
    n_purchases_cancelled : int
        Purchases that refunds took back in full.
    n_customers_without_purchase : int
        Customers who have rows up to the end of observation but no purchase left, left out.
    unmatched_refunds : float
        Sum of the refunds without an earlier purchase in the log, <= 0 [money]. No money gets lost: the sum of all
        used rows is the total spend of the customers plus this number.

    Notes
    -----
    The counts of customers, of purchases and of kept duplicates, and `unmatched_refunds`, need a look at each customer.
    They are None where :mod:`crmvalue.frames` asks an engine, which would have to go through the log once more.

    Examples
    --------
    >>> from crmvalue.purchases import summarise_purchases
    >>> history = summarise_purchases([1, 1, 2], ["2024-01-01", "2024-01-01", "2024-01-05"], [10, 5, 7])
    >>> history.counts.n_purchase_rows, history.counts.n_purchases
    (3, 2)
    """

    n_rows: int = count_field("n_rows")
    n_without_customer: int = count_field("n_without_customer", default=0)
    n_without_date: int = count_field("n_without_date", default=0)
    n_rows_after_as_of: int = count_field("n_rows_after_as_of", default=0)
    n_customers_after_as_of: int | None = _maybe_count("n_customers_after_as_of")
    n_duplicates_kept: int | None = _maybe_count("n_duplicates_kept")
    n_duplicates_dropped: int = count_field("n_duplicates_dropped", default=0)
    n_residues: int = count_field("n_residues", default=0)
    n_missing: int = count_field("n_missing", default=0)
    n_refunds_dropped: int = count_field("n_refunds_dropped", default=0)
    n_zeros_dropped: int = count_field("n_zeros_dropped", default=0)
    n_zeros_kept: int = count_field("n_zeros_kept", default=0)
    n_refunds_netted: int = count_field("n_refunds_netted", default=0)
    n_purchase_rows: int = count_field("n_purchase_rows", default=0)
    n_purchases: int | None = _maybe_count("n_purchases")
    n_purchases_cancelled: int | None = _maybe_count("n_purchases_cancelled")
    n_customers_without_purchase: int | None = _maybe_count("n_customers_without_purchase")
    unmatched_refunds: float | None = attrs.field(default=0.0, converter=_not_positive)

    def __attrs_post_init__(self) -> None:
        n = sum(getattr(self, name) for name in _EACH_ROW_ONCE)
        if n > self.n_rows:
            raise InputError(
                "n_rows", f"at least the {n} rows that are counted by what was done with them", self.n_rows
            )
        require_at_most(self, "n_zeros_kept", "n_purchase_rows")
        require_at_most(self, "n_residues", "n_rows")
        require_at_most(self, "n_duplicates_kept", "n_rows")
        require_at_most(self, "n_customers_after_as_of", "n_rows_after_as_of")
        require_at_most(self, "n_customers_without_purchase", "n_rows")
        n = (self.n_purchases or 0) + (self.n_purchases_cancelled or 0)
        if n > self.n_purchase_rows:
            raise InputError("n_purchase_rows", f"at least the {n} purchases, cancelled or not", self.n_purchase_rows)


class Policy(NamedTuple):
    """Policies for rows that are not plain purchases."""

    refunds: str
    zeros: str
    missing: str
    duplicates: str = "keep"


class SortedRows(NamedTuple):
    """Rows by customer, day and place in the log."""

    row: Integers
    key: npt.NDArray[np.uint64]
    """Customer and day of each: the code of the customer, and in the last `n_bits` bits the days since `origin`."""
    n_bits: int
    origin: int

    @property
    def customer(self) -> Integers:
        """Code of the customer of each."""
        return (self.key >> np.uint64(self.n_bits)).astype(np.int64)

    @property
    def day(self) -> Integers:
        """Day of each, as days since 1970."""
        return (self.key & np.uint64(2**self.n_bits - 1)).astype(np.int64) + self.origin

    def take(self, chosen: Any) -> SortedRows:
        """Give some of them."""
        return self._replace(row=self.row[chosen], key=self.key[chosen])


class Log(NamedTuple):
    """A checked log: distinct customers, and for each row the code of the customer, the day and the amount."""

    ids: npt.NDArray[Any]
    code: Integers
    day: Dates
    amount: Floats | None
    n_rows: Integers | None = None
    """Number of rows of a file that each row stands for; None if each stands for itself."""
    n_residues: Integers | None = None
    """Number of them whose amount counts as 0 for its smallness; None if there are none."""
    copy: npt.NDArray[np.bool_] | None = None
    """Whether the row is an exact copy of an earlier one; None if no row is."""

    n_without_customer: int = 0
    """Number of rows without a customer; they have no day, so that no span has them."""
    n_without_date: int = 0
    """Number of rows with a customer but no date."""
    by_customer: SortedRows | None = None
    """The rows by customer and day, if somebody sorted them already; those without a day stand anywhere."""

    @property
    def first_day(self) -> np.datetime64:
        """First day of the rows that have one."""
        first: np.datetime64 = np.fmin.reduce(self.day)
        return first

    def begin(self, end: np.datetime64) -> np.datetime64:
        """Give the day on which the rows up to a day begin, without a few odd rows or customers long before others."""
        begin, _ = main_span(self.day, self.n_rows)
        known = self.day <= end
        if (known & (self.day >= begin)).any():
            known &= self.day >= begin
        return begin_of_log(self.day[known], self.code[known])

    def count(self, chosen: npt.NDArray[np.bool_]) -> int:
        """Count the rows of the file that the chosen rows stand for."""
        return int(np.count_nonzero(chosen) if self.n_rows is None else self.n_rows[chosen].sum())


class Summary(NamedTuple):
    """One row per customer, in ascending order; `day` and `amount` have one for each purchase, customer by customer."""

    customer: npt.NDArray[Any]
    first_day: Integers
    last_day: Integers
    n_purchases: Integers
    total: Floats | None
    repeat_spend: Floats | None
    counts: OrderLogCounts
    day: Integers
    amount: Floats


class Purchases(NamedTuple):
    """Purchases sorted by customer and day: those of customer c stand from start[c] to start[c + 1]."""

    start: Integers
    day: Integers
    amount: Floats


def _size_of(column: Any) -> int:
    """Give the length of a column; 0 where its own code raises, so that its check refuses it."""
    try:
        return length_hint(column)
    except Exception:  # noqa: BLE001 - whatever the value's own code raises
        return 0


def read_log(
    customer: ArrayLike,
    date: ArrayLike,
    amount: ArrayLike | None,
    *,
    time_unit: str,
    grain: str,
    missing: str = "raise",
    instant: Dates | None = None,
) -> Log:
    """Check the columns of an order log and encode its customers; rows without customer or date may be left out.

    `date` gives the days. Where its times are those of a clock that goes back once a year, `instant` has the same
    moments in UTC, by which copies are found; as `datetime64[us]`, missing where `date` is.
    """
    require_choice("time_unit", time_unit, get_args(TimeUnit))
    require_choice("grain", grain, get_args(Grain))
    require_choice("missing", missing, get_args(Missing))
    require_same_index(customer=customer, date=date, amount=amount)
    gaps = missing == "drop"
    numbers = isinstance(customer, np.ndarray) and customer.dtype.kind in "iuf"  # takes less time than a thread
    (ids, code, nobody), (time, given, money, n_residues) = side_by_side(
        0 if numbers else _size_of(customer),
        lambda: _encode(customer, gaps=gaps),
        lambda: _read_orders(date, amount, gaps=gaps),
    )
    columns: dict[str, npt.NDArray[Any]] = {"customer": code, "date": time}
    if given is not None:
        columns["amount"] = given
    require_same_length(**columns)
    undated = np.isnat(time)
    if nobody is not None:
        undated &= ~nobody
        time = np.where(nobody, np.datetime64("NaT", "us"), time)
    n_nobody, n_undated = 0 if nobody is None else int(np.count_nonzero(nobody)), int(np.count_nonzero(undated))
    if n_nobody or n_undated:
        ids, code = _left_over(ids, code, ~np.isnat(time))
    day = time.astype("datetime64[D]")
    by_customer = _sort_rows(code, day, len(ids))
    copy = _find_copies(by_customer, time if instant is None else instant, given)
    return Log(ids, code, day, money, None, n_residues, copy, n_nobody, n_undated, by_customer)


def _encode(customer: ArrayLike, *, gaps: bool) -> tuple[npt.NDArray[Any], Integers, npt.NDArray[np.bool_] | None]:
    """Encode customers, and tell which rows have none; None if all have."""
    try:
        return *encode_customers("customer", customer), None
    except InputError as error:
        if not gaps:
            raise _with_advice(error) from None
    filled, nobody = fill_missing("customer", customer)
    if nobody.all():
        raise InputError("customer", "given in at least one row", "no such row")
    return *encode_customers("customer", filled), nobody


def _read_orders(
    date: ArrayLike, amount: ArrayLike | None, *, gaps: bool
) -> tuple[Dates, Floats | None, Floats | None, Integers | None]:
    """Read times and amounts: the amounts as they are, and without residues, with the count of these."""
    time = _read_times(date, gaps=gaps)
    if amount is None:
        return time, None, None, None
    given = as_column("amount", amount, allow_missing=True, largest=np.inf)
    return time, given, *_without_residues(given)


def _read_times(date: ArrayLike, *, gaps: bool) -> Dates:
    try:
        return as_time_column("date", date, allow_missing=gaps)
    except InputError as error:
        raise _with_advice(error) from None


def _with_advice(error: InputError) -> InputError:
    """Add to the error what to do about a missing customer or date."""
    if error.rule not in {"an identifier, not missing", "an identifier, not empty", "a date, not missing"}:
        return error
    hint = say_alternatives("missing")
    return InputError(error.name, error.rule, error.value, index=error.index, count=error.count, hint=hint)


def _left_over(ids: npt.NDArray[Any], code: Integers, kept: npt.NDArray[np.bool_]) -> tuple[npt.NDArray[Any], Integers]:
    """Leave out the customers without a row that is kept; rows that are not kept get any customer."""
    if not kept.any():
        raise InputError("date", "given with a customer in at least one row", "no such row")
    seen = np.zeros(len(ids), dtype=bool)
    seen[code[kept]] = True
    return ids[seen], np.where(kept, (np.cumsum(seen, dtype=np.int64) - 1)[code], 0)


def _without_residues(given: Floats) -> tuple[Floats, Integers | None]:
    """Set residues of binary arithmetic to 0, and check the rest; give their count for each row, None without any."""
    residue = (np.abs(given) < RESIDUE) & (given != 0)
    money = as_log_amounts("amount", given, allow_missing=True)
    return money, residue.astype(np.int64) if residue.any() else None


def _sort_rows(code: Integers, day: Dates, n_ids: int) -> SortedRows:
    days = day.astype(np.int64)
    undated = np.isnat(day)
    if undated.any():
        days[undated] = days[~undated].min(initial=0)
    origin = start_of_grain(int(days.min(initial=0)), "week")  # so that whole weeks are not below 0
    n_bits = (int(days.max(initial=origin)) - origin).bit_length()
    key = np.empty(len(code), dtype=np.uint64)

    def fill(begin: int, end: int) -> None:
        part = code[begin:end].astype(np.int64)
        part <<= n_bits
        part |= days[begin:end] - origin
        key[begin:end] = part

    in_halves(len(code), fill)
    return SortedRows(*in_order(key, n_bits + max(n_ids - 1, 0).bit_length()), n_bits, origin)


def _find_copies(rows: SortedRows, time: Dates, amount: Floats | None) -> npt.NDArray[np.bool_] | None:
    """Tell which rows are exact copies of an earlier row; None if no row is."""
    again = rows.key[1:] == rows.key[:-1]
    tied = np.zeros(len(rows.key), dtype=bool)
    tied[1:] = again
    tied[:-1] |= again
    if not tied.any():
        return None
    row = rows.row[tied]
    columns = [rows.key[tied].view(np.int64), time[row].astype(np.int64)]
    if amount is not None:
        money = amount[row] + 0.0  # no -0.0
        money[np.isnan(money)] = np.nan  # one NaN for all
        columns.append(money.view(np.int64))
    again = find_copies(columns)
    if again is None:
        return None
    copy = np.zeros(len(time), dtype=bool)
    copy[row[again]] = True
    return copy


def last_day(
    log: Log, name: str, value: ArrayLike | None, purchases: Callable[[], tuple[Dates, Integers]] | None = None
) -> np.datetime64:
    """Read the end of a span; by default the last date of the log, as :func:`last_date`, and never before the first.

    A warning counts rows far before all others, such as those of 1900-01-01, the first day that spreadsheets know.
    `purchases` counts those of each day for a log that has no customers.
    """
    first = log.first_day
    warn_of_early_rows(log.day, log.n_rows)
    if value is None:
        return last_date(name, log.day, purchases or partial(purchases_by_day, log.day, log.code), log.n_rows)
    end = as_day(name, value)
    if end < first:
        raise InputError(name, f"on or after the first date of the log ({first})", str(end))
    return end


def require_holdout(cut: np.datetime64, end: np.datetime64, holdout_end: ArrayLike | None) -> None:
    """Refuse a calibration that leaves no day for the holdout, in the words of the argument that was given."""
    if end <= cut and holdout_end is None:
        raise InputError("calibration_end", f"before the last date of the log ({end})", str(cut))
    if end <= cut:
        raise InputError("holdout_end", f"after calibration_end ({cut})", str(end))


def aggregate(log: Log, policy: Policy, after: np.datetime64 | None, end: np.datetime64, grain: str) -> Summary:
    """Summarise the rows of a log from the day after `after` (or its beginning) to `end`."""
    return condense(log, *find_purchases(log, policy, after, end, grain))


def condense(log: Log, purchases: Purchases, counts: OrderLogCounts) -> Summary:
    """Make one row per customer from the purchases of a log."""
    number = np.diff(purchases.start)
    buyer = number > 0
    first, beyond = purchases.start[:-1], purchases.start[1:]
    everybody = bool(buyer.all())
    if not everybody:
        first, beyond, number = first[buyer], beyond[buyer], number[buyer]
    total = repeat_spend = None
    if log.amount is not None:
        scale, spend = _in_cents(purchases.amount)
        spend = spend.copy()
        first_spend = spend[first]
        spend[first] = 0.0  # repeat spend is added up by itself: total minus first would lose its small digits
        repeat_spend = np.add.reduceat(spend, first) if len(first) else np.zeros(0)
        total = (first_spend + repeat_spend) / scale
        repeat_spend /= scale
    return Summary(
        customer=log.ids if everybody else log.ids[buyer],
        first_day=purchases.day[first],
        last_day=purchases.day[beyond - 1],
        n_purchases=number,
        total=total,
        repeat_spend=repeat_spend,
        counts=counts,
        day=purchases.day,
        amount=purchases.amount,
    )


def find_purchases(
    log: Log, policy: Policy, after: np.datetime64 | None, end: np.datetime64, grain: str
) -> tuple[Purchases, OrderLogCounts]:
    """Apply the policies to the rows from the day after `after` (or the beginning) to `end`; merge purchases."""
    counts: dict[str, Any] = {}
    window = log.day <= end if after is None else (log.day <= end) & (log.day > after)
    counts["n_rows_after_as_of"] = log.count(log.day > end)
    counts["n_rows"] = log.count(window) + counts["n_rows_after_as_of"]
    if after is None:
        counts["n_without_customer"], counts["n_without_date"] = log.n_without_customer, log.n_without_date
        counts["n_rows"] += log.n_without_customer + log.n_without_date
    used, refund = _apply_policy(log, policy, window, counts)
    counts["n_purchase_rows"] = log.count(used) - counts.get("n_refunds_netted", 0)
    n_ids = len(log.ids)
    rows = _sort_rows(log.code, log.day, n_ids) if log.by_customer is None else log.by_customer
    if not used.all():
        rows = rows.take(used[rows.row])
    if grain == "week":
        whole_weeks = (rows.day - rows.origin) % 7
        rows = rows._replace(key=rows.key - whole_weeks.astype(np.uint64))
    scale, amount = 1.0, None
    if log.amount is not None:
        scale, amount = _in_cents(log.amount, used)
    if refund is None or amount is None:
        purchases = _merge(rows, amount, n_ids)
    else:
        purchases = _net(rows, amount, refund, n_ids, counts)
        counts["unmatched_refunds"] /= scale
    n_seen = n_ids if after is None and not counts["n_rows_after_as_of"] else _count_seen(log.code[window], n_ids)
    counts["n_customers_without_purchase"] = n_seen - int(np.count_nonzero(np.diff(purchases.start)))
    if after is None:
        counts["n_customers_after_as_of"] = n_ids - n_seen
    counts["n_purchases"] = len(purchases.day)
    if scale > 1.0:
        purchases.amount[:] /= scale
    return purchases, OrderLogCounts(**counts)


def start_of_grain(day: Any, grain: str) -> Any:
    """Give the first day of the grain of each day, as days since 1970."""
    return (day + MONDAY) // 7 * 7 - MONDAY if grain == "week" else day


def say_alternatives(policy: str, form: str = '{}="{}"') -> str:
    """Say what a policy can do with refused rows; `form` joins the policy and a word, as an argument or an option."""
    return ", ".join(f"{form.format(policy, word)} {does}" for word, does in ALTERNATIVES[policy].items())


def _apply_policy(
    log: Log, policy: Policy, used: npt.NDArray[np.bool_], counts: dict[str, Any]
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_] | None]:
    """Give the rows to use, and which of all rows are refunds to net; None if there are none."""
    require_choice("refunds", policy.refunds, get_args(Refunds))
    require_choice("zeros", policy.zeros, get_args(Zeros))
    require_choice("missing", policy.missing, get_args(Missing))
    used = _treat_copies(log, policy.duplicates, used, counts)
    if log.n_residues is not None:
        counts["n_residues"] = int(log.n_residues[used].sum())
    amount = log.amount
    if amount is None:
        return used, None
    missing = np.isnan(amount) & used
    if missing.any():
        if policy.missing == "raise":
            require(~missing, "amount", amount, "a number, not missing", hint=say_alternatives("missing"))
        used = used & ~missing
        counts["n_missing"] = log.count(missing)
    zero = (amount == 0) & used
    if policy.zeros == "keep":
        counts["n_zeros_kept"] = log.count(zero)
    else:
        if policy.zeros == "raise":
            require(~zero, "amount", amount, "other than 0", hint=say_alternatives("zeros"))
        used = used & ~zero
        counts["n_zeros_dropped"] = log.count(zero)
    negative = (amount < 0) & used
    if not negative.any():
        return used, None
    if policy.refunds == "raise":
        require(~negative, "amount", amount, ">= 0", hint=say_alternatives("refunds"))
    if policy.refunds == "drop":
        counts["n_refunds_dropped"] = log.count(negative)
        return used & ~negative, None
    counts["n_refunds_netted"] = log.count(negative)
    return used, negative


def _treat_copies(log: Log, policy: str, used: npt.NDArray[np.bool_], counts: dict[str, Any]) -> npt.NDArray[np.bool_]:
    """Give the rows to use among rows with exact copies."""
    require_choice("duplicates", policy, get_args(Duplicates))
    if log.copy is None:
        return used
    copy = log.copy & used
    if policy == "raise":
        rule = "one whose row has no earlier copy, equal in customer, date and amount"
        require(~copy, "date", log.day, rule, hint=say_alternatives("duplicates"))
    counts["n_duplicates_dropped" if policy == "drop" else "n_duplicates_kept"] = log.count(copy)
    return used & ~copy if policy == "drop" else used


def _in_cents(amount: Floats, used: npt.NDArray[np.bool_] | None = None) -> tuple[float, Floats]:
    """Give amounts in cents, or else in thousandths, if all used ones are whole: these add up exactly, in any order."""
    for scale in (100.0, 1000.0):
        parts = np.rint(amount * scale)
        whole = parts / scale == amount
        if used is not None:
            whole |= ~used
        if whole.all():
            return scale, parts
    return 1.0, amount


def _count_seen(code: Integers, n_ids: int) -> int:
    seen = np.zeros(n_ids, dtype=bool)
    seen[code] = True
    return int(np.count_nonzero(seen))


def _merge(rows: SortedRows, amount: Floats | None, n_ids: int) -> Purchases:
    """Make one purchase of the rows of one customer and day; add up the amounts in their order, 0 without amounts."""
    new = np.ones(len(rows.key), dtype=bool)
    np.not_equal(rows.key[1:], rows.key[:-1], out=new[1:])
    first = np.nonzero(new)[0]
    distinct = rows.take(first)

    def find_days() -> tuple[Integers, Integers]:
        n_purchases = np.bincount(distinct.customer, minlength=n_ids)
        return np.concatenate([[0], np.cumsum(n_purchases)]), distinct.day

    def add_up() -> Floats:
        if amount is None or not len(first):
            return np.zeros(len(first))
        return np.add.reduceat(amount[rows.row], first)

    (start, day), money = side_by_side(len(first), find_days, add_up)
    return Purchases(start, day, money)


def _net(
    rows: SortedRows, amount: Floats, refund: npt.NDArray[np.bool_], n_ids: int, counts: dict[str, Any]
) -> Purchases:
    """Merge rows as `_merge` does, taking refunds off the latest paid purchase at or before them, then earlier ones."""
    start, days, credit = _merge(rows, np.where(refund, 0.0, amount), n_ids)
    back = _merge(rows, np.where(refund, -amount, 0.0), n_ids).amount
    bought = _merge(rows, (~refund).astype(np.float64), n_ids).amount > 0
    cancelled = np.zeros(len(days), dtype=bool)
    # Backwards in time, the refunds of a customer are one debt, and each purchase pays as much of it as it can. One
    # step back serves all owing customers at once; there are at most as many steps as the log has days.
    owner = np.repeat(np.arange(n_ids), np.diff(start))
    owing = np.unique(owner[back > 0])
    owing = owing[np.argsort(start[owing] - start[owing + 1], kind="stable")]  # customers with the longest past first
    length = start[owing + 1] - start[owing]
    debt = np.zeros(len(owing))
    for step in range(int(length.max(initial=0))):
        n_left = int(np.searchsorted(-length, -step, side="left"))
        place = start[owing[:n_left] + 1] - 1 - step
        owed = debt[:n_left] + back[place]
        paid = credit[place]
        left = paid - owed
        touched = (owed > 0) & (paid > 0)
        undone = touched & (left <= UNDONE * paid)
        cancelled[place] = undone
        credit[place] = np.where(touched, left, paid)  # the credit of a cancelled purchase is not used
        debt[:n_left] = np.where(touched, np.where(left < -UNDONE * paid, -left, 0.0), owed)
    unmatched = 0.0 - float(debt.sum())  # no -0.0
    counts["n_purchases_cancelled"] = int(np.count_nonzero(cancelled))
    counts["unmatched_refunds"] = unmatched
    kept = bought & ~cancelled
    n_kept = np.concatenate([[0], np.cumsum(kept)])
    return Purchases(n_kept[start], days[kept], credit[kept])
