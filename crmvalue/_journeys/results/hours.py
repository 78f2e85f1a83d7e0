"""The best hour to write to a customer or a segment, from past opens, drawn towards the hours of everybody."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from crmvalue._core.checks import as_time_column, as_whole_number, require, require_same_index, require_same_length
from crmvalue._core.encoding.customers import as_comparable, encode_customers
from crmvalue._core.frames import Columns
from crmvalue._core.json import from_json, to_json
from crmvalue._core.values import (
    array_columns,
    count_field,
    hand_over,
    label_column,
    number_column,
    number_field,
    require_columns,
    stay_frozen,
    whole_table,
)
from crmvalue.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue.typing import ArrayLike, Floats, Integers

__all__ = ["SendHours", "best_send_hours"]

_HOURS = 24
_LEAST, _MOST = 1e-2, 1e6  # opens that the base counts for
_ROUNDING = 1e-12
_KERNEL = (0.25, 0.5, 0.25)  # an open at 9:05 speaks for 8 o'clock too


@stay_frozen
@attrs.frozen(kw_only=True)
class SendHours(Columns):
    """Best hour of each customer or segment that opened something, in ascending order.

    Parameters
    ----------
    customer : ndarray
        Identifier of the customer, or name of the segment.
    hour : ndarray of int
        Best local hour to send, 0 to 23.
    share : ndarray
        Share of the opens that is expected around this hour.
    n_opens : ndarray of int
        Opens of the customer.
    base_hour : int
        Best hour of everybody; that of a customer without an open.
    base_share : ndarray
        Share of all opens in each hour, shape (24,).
    strength : float
        Opens that the hours of everybody count for: with so many own opens, own and common habit weigh the same.

    Examples
    --------
    >>> found = best_send_hours(["ann"] * 9 + ["bob"] * 9, ["2024-05-31T20:00"] * 9 + ["2024-05-31T08:00"] * 9)
    >>> found.of(["ann", "bob"])
    array([20,  8])
    """

    customer: npt.NDArray[Any] = label_column("customer", identifiers=True)
    hour: Integers = whole_table("hour")
    share: Floats = number_column("share")
    n_opens: Integers = whole_table("n_opens")
    base_hour: int = count_field("base_hour")
    base_share: Floats = number_column("base_share")
    strength: float = number_field("strength", low=0.0)

    def __attrs_post_init__(self) -> None:
        require_columns(self, len(self.customer), ("hour", "share", "n_opens"), "customers")
        require_columns(self, _HOURS, ("base_share",), "hours")
        if len(np.unique(self.customer)) != len(self) or (self.customer[1:] < self.customer[:-1]).any():
            raise InputError("customer", "different labels in ascending order", self.customer[:3].tolist())
        for name in ("hour", "base_hour"):
            hour = np.asarray(getattr(self, name))
            require(hour < _HOURS, name, hour, f"from 0 to {_HOURS - 1}")
        for name in ("share", "base_share"):
            share = getattr(self, name)
            require((share >= 0) & (share <= 1 + 1e-9), name, share, "in [0, 1]")

    def __len__(self) -> int:
        return len(self.customer)

    def of(self, customer: ArrayLike) -> Integers:
        """Give the best hour of each of some customers; that of everybody where they opened nothing.

        Parameters
        ----------
        customer : array_like
            Identifiers, such as those of :class:`Customers`, in any order.

        Returns
        -------
        ndarray of int
            Hours, for ``Customers(send_hour=...)``.

        Raises
        ------
        InputError
            If an identifier is missing or of another kind.
        """
        distinct, code = encode_customers("customer", customer)
        if not len(self) or not len(distinct):
            return np.full(len(code), self.base_hour, dtype=np.int64)
        if isinstance(distinct[0], str) != isinstance(self.customer[0], str):
            raise InputError("customer", "identifiers of the kind of the opens", distinct[0])
        known, distinct = as_comparable(self.customer, distinct)
        place = np.minimum(np.searchsorted(known, distinct), len(self) - 1)
        return np.where(known[place] == distinct, self.hour[place], self.base_hour)[code]

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give customer, hour, share and opens, for a dataframe of any kind."""
        columns = array_columns(self)
        columns.pop("base_share")
        return columns

    def to_json(self) -> str:
        """Write the hours as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> SendHours:
        """Read what :meth:`to_json` wrote; other text raises :class:`~crmvalue.errors.InputError`."""
        return from_json(cls, text)


def best_send_hours(customer: ArrayLike, time: ArrayLike, *, earliest: int = 8, latest: int = 20) -> SendHours:
    r"""Find the best hour to write to each customer, from the hours at which they opened messages.

    Parameters
    ----------
    customer : array_like
        Customer of each open, or segment of the customer; at least one.
    time : array_like
        Local time of each open.
    earliest, latest : int, optional
        First and last hour that may be chosen, 0 to 23.

    Returns
    -------
    SendHours
        An hour for each customer, and one for everybody.

    Raises
    ------
    InputError
        If there is no open, a value is missing, an hour is not from 0 to 23, or `latest` is before `earliest`.

    Notes
    -----
    A customer opens at the hours of everybody, :math:`p_h`, more or less: their own shares follow a Dirichlet
    distribution with the mean :math:`p` and the strength :math:`s`. After :math:`n_h` opens of :math:`n` the expected
    share of an hour is

    .. math:: \frac{n_h + s \, p_h}{n + s}

    so a few opens move a customer little from the hour of everybody, and many make an hour of their own. The strength
    has the largest likelihood over all customers, from 0.01 to 1,000,000: where customers are alike it is large, and
    all get the same hour. Before the best hour is chosen, shares are smoothed over the neighbouring hours, around the
    clock; of equal hours the earliest is taken. So where no open is from `earliest` to `latest` or in an hour
    beside them, the hour is `earliest` and the share 0: nothing speaks for it.

    Many messages are opened soon after they come. Opens therefore tell also when you used to write: send at different
    hours for a while first.

    Examples
    --------
    >>> opens = [f"2024-05-{1 + i % 28:02d}T{hour:02d}:15" for i, hour in enumerate([9] * 40 + [19] * 10)]
    >>> found = best_send_hours(["many"] * 40 + ["late"] * 10, opens)
    >>> found.of(["many", "late", "new"])
    array([ 9, 19,  9])
    """
    require_same_index(customer=customer, time=time)
    distinct, code = encode_customers("customer", customer)
    when = as_time_column("time", time)
    require_same_length(customer=code, time=when)
    first = as_whole_number("earliest", earliest, low=0, high=_HOURS - 1)
    allowed = np.arange(first, as_whole_number("latest", latest, low=first, high=_HOURS - 1) + 1)
    hour = when.astype("datetime64[h]").astype(np.int64) % _HOURS
    n, opened = len(distinct), np.bincount(code, minlength=len(distinct))
    base = np.bincount(hour, minlength=_HOURS) / len(hour)
    cell, count = np.unique(code * _HOURS + hour, return_counts=True)
    strength = _strength(cell % _HOURS, count, opened, base)

    smooth = _smoothed(base[np.newaxis])[0]
    best, share = np.empty(n, dtype=np.int64), np.empty(n)
    part = 100_000  # customers at once: their table of hours stays small
    for begin in range(0, n, part):
        end = min(begin + part, n)
        mine = slice(np.searchsorted(cell, begin * _HOURS), np.searchsorted(cell, end * _HOURS))
        table = np.zeros((end - begin, _HOURS))
        table.ravel()[cell[mine] - begin * _HOURS] = count[mine]
        expected = _smoothed(table) + strength * smooth
        best[begin:end] = allowed[_first_largest(expected[:, allowed])]
        total = opened[begin:end] + strength
        share[begin:end] = expected[np.arange(end - begin), best[begin:end]] / total
    return SendHours(
        customer=hand_over(distinct),
        hour=hand_over(best),
        share=hand_over(share),
        n_opens=hand_over(opened),
        base_hour=int(allowed[_first_largest(smooth[np.newaxis, allowed])[0]]),
        base_share=hand_over(base),
        strength=strength,
    )


def _first_largest(table: Floats) -> Integers:
    """Give the place of the first of the largest numbers of each row; what differs by rounding is equal."""
    largest = table >= table.max(axis=1, keepdims=True) * (1.0 - _ROUNDING)
    return np.asarray(np.argmax(largest, axis=1), dtype=np.int64)


def _smoothed(table: Floats) -> Floats:
    """Average each hour with its neighbours, around the clock."""
    before, own, after = _KERNEL
    return before * np.roll(table, 1, axis=1) + own * table + after * np.roll(table, -1, axis=1)


def _strength(hour: Integers, count: Integers, opened: Integers, base: Floats) -> float:
    """Find the strength of the base with the largest Dirichlet-multinomial likelihood."""
    from scipy import optimize, special

    sizes, n_of_size = np.unique(opened, return_counts=True)
    pairs, n_of_pair = np.unique(hour * (count.max() + 1) + count, return_counts=True)
    at, times = pairs // (count.max() + 1), pairs % (count.max() + 1)

    def loss(log_strength: float) -> float:
        s = math.exp(log_strength)
        own = special.gammaln(times + s * base[at]) - special.gammaln(s * base[at])
        whole = special.gammaln(sizes + s) - special.gammaln(s)
        return float(n_of_size @ whole - n_of_pair @ own)

    found = optimize.minimize_scalar(loss, bounds=(math.log(_LEAST), math.log(_MOST)), method="bounded")
    return math.exp(float(found.x))
