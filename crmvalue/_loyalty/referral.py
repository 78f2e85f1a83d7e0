"""Referrals: growth by recommendation, and which referrers earn a reward."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
import numpy.typing as npt

from crmvalue._core.checks import (
    as_floats,
    as_log_amounts,
    as_text,
    as_time_column,
    as_whole_number,
    require,
    require_same_index,
    require_same_length,
)
from crmvalue._core.comparisons import just_below
from crmvalue._core.encoding.customers import are_texts, encode_customers, fill_missing
from crmvalue._core.frames import Columns
from crmvalue._core.json import from_json, to_json
from crmvalue._core.values import array_columns, hand_over, label_column, require_columns, stay_frozen, whole_table
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from crmvalue.typing import ArrayLike, FloatOrArray, Integers

__all__ = ["Referrals", "attribute_referrals", "referral_growth", "referral_limit"]

OUTCOMES = (
    "rewarded",
    "no referrer",
    "unknown referrer",
    "self-referral",
    "referrer came later",
    "not a new customer",
    "cap of the referrer",
    "condition not met",
)
REWARDED, NONE, UNKNOWN, SELF, LATER, NOT_NEW, CAP, CONDITION = range(len(OUTCOMES))


def referral_growth(
    n_start: ArrayLike, coefficient: ArrayLike, *, cycle_time: ArrayLike, time: ArrayLike
) -> FloatOrArray:
    r"""Forecast the number of customers that recommendations bring.

    Parameters
    ----------
    n_start : array_like
        Customers at the start, >= 0.
    coefficient : array_like
        New customers whom each customer brings in one cycle, once, from 0 to 1e6: invitations times conversion.
    cycle_time : array_like
        Time from becoming a customer to bringing others, > 0, in the unit of `time`.
    time : array_like
        Time since the start, >= 0.

    Returns
    -------
    float or ndarray
        Customers in all at that time.

    Raises
    ------
    InputError
        If an input is outside its range, or the forecast is beyond 1e100.

    Notes
    -----
    .. math:: N(t) = N_0 \frac{K^{t/c + 1} - 1}{K - 1}

    and :math:`N_0 (t/c + 1)` for K = 1. Below 1 growth ends, at :func:`referral_limit`. No market is endless, so a
    coefficient above 1 holds for a short time only.

    Examples
    --------
    >>> float(referral_growth(100, 0.5, cycle_time=10, time=20))
    175.0
    >>> float(referral_growth(100, 1, cycle_time=10, time=20))
    300.0
    """
    start, k, cycle, when = as_floats(n_start=n_start, coefficient=coefficient, cycle_time=cycle_time, time=time)
    require(start >= 0, "n_start", start, ">= 0")
    require((k >= 0) & (k <= 1e6), "coefficient", k, "from 0 to 1e6")
    require(cycle > 0, "cycle_time", cycle, "> 0")
    require(when >= 0, "time", when, ">= 0")
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        cycles = when / cycle + 1.0
        log = np.log(k)
        factor = np.where(k == 1, cycles, np.expm1(cycles * log) / np.expm1(log))
        found = start * factor
    found = np.where(start == 0, 0.0, found)
    require(found <= 1e100, "time", when, "of so few cycles that the forecast stays below 1e100")
    return found[()]


def referral_limit(n_start: ArrayLike, coefficient: ArrayLike) -> FloatOrArray:
    """Find the number of customers at which growth by recommendation ends.

    Parameters
    ----------
    n_start : array_like
        Customers at the start, >= 0.
    coefficient : array_like
        New customers whom each customer brings in one cycle, from 0 to 1e6.

    Returns
    -------
    float or ndarray
        ``n_start / (1 - coefficient)``; infinite from 1 on.

    Raises
    ------
    InputError
        If an input is outside its range.

    Examples
    --------
    >>> float(referral_limit(100, 0.5))
    200.0
    """
    start, k = as_floats(n_start=n_start, coefficient=coefficient)
    require(start >= 0, "n_start", start, ">= 0")
    require((k >= 0) & (k <= 1e6), "coefficient", k, "from 0 to 1e6")
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.where(start == 0, 0.0, np.where(k < 1, start / (1.0 - k), np.inf))
    return found[()]


@stay_frozen
@attrs.frozen(kw_only=True)
class Referrals(Columns):
    """What became of each referral, and why.

    Parameters
    ----------
    customer : ndarray
        Customers, as they were given.
    outcome : ndarray of str
        "rewarded", or why the referrer gets nothing.
    depth : ndarray of int
        Accepted referrals in a row up to this customer: 1 for a customer of a referrer whom nobody referred, else 0.

    Examples
    --------
    >>> found = attribute_referrals(
    ...     ["ann", "bob"], [None, "ann"], ["2024-01-01", "2024-02-01"], paid=[500, 900], minimum=800
    ... )
    >>> found.outcome.tolist()
    ['no referrer', 'rewarded']
    """

    customer: npt.NDArray[Any] = label_column("customer", identifiers=True)
    outcome: npt.NDArray[np.str_] = label_column("outcome", texts=True)
    depth: Integers = whole_table("depth")

    def __attrs_post_init__(self) -> None:
        require_columns(self, len(self.customer), ("outcome", "depth"), "customers")

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give one row for each customer, for a dataframe of any kind."""
        return array_columns(self)

    @property
    def n_by_outcome(self) -> dict[str, int]:
        """Number of customers of each outcome that occurs."""
        words, counts = np.unique(self.outcome, return_counts=True)
        return dict(zip(words.tolist(), counts.tolist(), strict=True))

    def to_json(self) -> str:
        """Write the referrals as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> Referrals:
        """Read what `to_json` wrote."""
        return from_json(cls, text)


def attribute_referrals(
    customer: ArrayLike,
    referrer: ArrayLike,
    time: ArrayLike,
    *,
    paid: ArrayLike,
    minimum: ArrayLike = 0,
    keys: Mapping[str, ArrayLike] | None = None,
    most_per_referrer: int | None = None,
) -> Referrals:
    """Decide which referrals earn a reward.

    Parameters
    ----------
    customer : array_like
        All customers, one row each, shape (n,): those who were referred, their referrers and all others.
    referrer : array_like
        Who referred each of them, missing for nobody.
    time : array_like
        When each became a customer.
    paid : array_like
        What each has paid and not returned [money], >= 0.
    minimum : float, default 0
        The referrer gets a reward if the new customer has paid more than 0 and at least this [money].
    keys : mapping of str to array_like, optional
        What tells that two customers are one person, such as ``{"phone": ..., "card": ..., "address": ...}``, missing
        where it is unknown. Write equal things in an equal way first.
    most_per_referrer : int, optional
        Cap on the rewards of one referrer, >= 1; their earlier referrals come first.

    Returns
    -------
    Referrals
        The outcome of each customer, in the order of the rows.

    Raises
    ------
    InputError
        If a customer has two rows, or columns differ in length.

    Notes
    -----
    A customer brings one reward at most, to the one who referred them directly: chains pay nothing to those further
    up. Guards are looked at in this order. Self-referral: the referrer is the customer, or shares a key with them. A
    referrer who became a customer at the same time or later is refused, which leaves no cycles. A customer who shares a
    key with an earlier customer is not new. Then the condition, then the cap. Of customers of one moment, such as a day
    without a time, the earlier row counts as earlier for keys and cap: of two who share a key only the first is new.

    Examples
    --------
    >>> found = attribute_referrals(
    ...     ["ann", "bob", "eve"],
    ...     [None, "ann", "ann"],
    ...     ["2024-01-01", "2024-02-01", "2024-03-01"],
    ...     paid=[500, 900, 700],
    ...     keys={"phone": ["1", "2", "1"]},
    ... )
    >>> found.outcome.tolist()
    ['no referrer', 'rewarded', 'self-referral']
    """
    if keys is not None and not isinstance(keys, Mapping):
        raise InputError("keys", "a mapping of names to columns", keys)
    columns = {} if keys is None else {as_text("keys", name): column for name, column in keys.items()}
    named = {f"keys[{name!r}]": column for name, column in columns.items()}
    require_same_index(customer=customer, referrer=referrer, time=time, paid=paid, **named)
    ids, code = encode_customers("customer", customer)
    moment = as_time_column("time", time)
    money = as_log_amounts("paid", paid)
    require(money >= 0, "paid", money, ">= 0")
    least = as_floats(minimum=minimum)[0]
    if least.ndim or least < 0:
        raise InputError("minimum", "one number >= 0", minimum)
    cap = None if most_per_referrer is None else as_whole_number("most_per_referrer", most_per_referrer, low=1)
    by = _referrers(ids, code, referrer)
    same = {f"keys[{name!r}]": _codes(name, column) for name, column in columns.items()}
    n = require_same_length(customer=code, referrer=by, time=moment, paid=money, **same)
    once = np.bincount(code, minlength=len(ids))[code] == 1
    require(once, "customer", ids[code], "of one row each")

    up = np.maximum(by, 0)
    shares_key = by == np.arange(n)
    known_before = np.zeros(n, dtype=bool)
    order = np.lexsort((np.arange(n), moment))
    rank = np.empty(n, dtype=np.int64)
    rank[order] = np.arange(n)
    for column in same.values():
        shares_key |= (by >= 0) & (column >= 0) & (column == column[up])
        first = np.full(int(column.max(initial=-1)) + 1, n)
        has = column >= 0
        np.minimum.at(first, column[has], rank[has])
        known_before[has] |= rank[has] > first[column[has]]
    outcome = np.full(n, REWARDED)
    reasons = (
        (CONDITION, (money < just_below(least)) | (money == 0)),  # 33.3 - 3.3 is a little below 30
        (NOT_NEW, known_before),
        (LATER, moment[up] >= moment),
        (SELF, shares_key),
        (UNKNOWN, by == -2),
        (NONE, by == -1),
    )
    for number, holds in reasons:  # the first guard is written last
        outcome[holds] = number
    if cap is not None:
        good = order[outcome[order] == REWARDED]
        good = good[np.argsort(by[good], kind="stable")]
        rank = np.arange(len(good)) - np.searchsorted(by[good], by[good])
        outcome[good[rank >= cap]] = CAP
    depth = np.zeros(n, dtype=np.int64)
    for row in order[np.isin(outcome[order], (REWARDED, CAP, CONDITION))].tolist():
        depth[row] = depth[by[row]] + 1
    given = ids[code]
    return Referrals(customer=given, outcome=np.array(OUTCOMES)[outcome], depth=hand_over(depth))


def _referrers(ids: npt.NDArray[Any], code: Integers, referrer: Any) -> Integers:
    """Row of each referrer, -1 for nobody, -2 for one who is no customer."""
    filled, missing = fill_missing("referrer", referrer)
    rows = np.full(len(missing), -1, dtype=np.int64)
    if missing.all():
        return rows
    others, place = encode_customers("referrer", filled)
    if are_texts(others) != are_texts(ids):
        raise InputError("referrer", "of the same type as `customer`", others.tolist()[0])
    row_of = {known: row for row, known in zip(range(len(code)), ids[code].tolist(), strict=True)}
    found = np.array([row_of.get(known, -2) for known in others.tolist()], dtype=np.int64)[place]
    return np.where(missing, -1, found)


def _codes(name: str, column: Any) -> Integers:
    filled, missing = fill_missing(name, column)
    if missing.all():
        return np.full(len(missing), -1, dtype=np.int64)
    return np.where(missing, -1, encode_customers(name, filled)[1])
