"""Terms promised to customers: which end soon, and which hold whoever serves the customer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from crmvalue._core.checks import (
    as_day,
    as_day_column,
    as_whole_number,
    require,
    require_same_index,
)
from crmvalue._core.encoding.customers import encode_customers
from crmvalue._core.frames import Columns
from crmvalue._core.json import from_json, to_json
from crmvalue._core.labels import counted
from crmvalue._core.values import (
    array_columns,
    count_field,
    date_table,
    hand_over,
    label_column,
    stay_frozen,
    whole_table,
)
from crmvalue._journeys.service.columns import require_equal_columns, text_column
from crmvalue.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue.typing import ArrayLike, Dates, Integers

__all__ = ["ExpiringTerms", "TermsInForce", "expiring_terms", "terms_in_force"]

_MOST_DAYS = 3660


@stay_frozen
@attrs.frozen(kw_only=True)
class ExpiringTerms(Columns):
    """Promised terms that end soon, columns of equal length, the earliest first.

    Parameters
    ----------
    row : ndarray
        Place of the promise in the columns that were given.
    term : ndarray of str
        Name of the promised term.
    expires : ndarray of datetime64[D]
        Its last day.
    days_left : ndarray
        Days from the day of the run to the last day; 0 on it.
    n_expired : int
        Number of promises that ended before the day of the run.
    n_open : int
        Number of promises without a last day.

    Examples
    --------
    >>> soon = expiring_terms(["price of 2023", "free delivery"], ["2024-07-10", None], as_of="2024-06-30")
    >>> soon.term, soon.days_left, soon.n_open
    (array(['price of 2023'], dtype='<U13'), array([10]), 1)
    """

    row: Integers = whole_table("row")
    term: npt.NDArray[np.str_] = label_column("term", texts=True)
    expires: Dates = date_table("expires", missing=False)
    days_left: Integers = whole_table("days_left", low=-(2**53))
    n_expired: int = count_field("n_expired")
    n_open: int = count_field("n_open")

    def __attrs_post_init__(self) -> None:
        require_equal_columns(self)
        today = self.expires.astype("datetime64[D]") - self.days_left
        same = np.isnat(today) | (today == today[:1])
        require(same, "days_left", self.days_left, "days from one day of the run to `expires`")

    def __len__(self) -> int:
        return len(self.row)

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give all columns by name, for a dataframe of any kind."""
        return array_columns(self)

    def to_json(self) -> str:
        """Write the terms as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> ExpiringTerms:
        """Read what :meth:`to_json` wrote; other text raises :class:`~crmvalue.errors.InputError`."""
        return from_json(cls, text)


def expiring_terms(term: ArrayLike, expires: ArrayLike, *, as_of: ArrayLike, days_before: int = 30) -> ExpiringTerms:
    """List the terms promised to customers that end within some days.

    Parameters
    ----------
    term : array_like of str
        Name of each promised term, such as a price, a discount or a delivery time.
    expires : array_like
        Last day of each promise; NaT or None for a promise without one.
    as_of : date
        Day of the run.
    days_before : int, default 30
        Days to look ahead, 0 to 3660; both ends are included.

    Returns
    -------
    ExpiringTerms
        One row for each promise whose last day is from `as_of` to `days_before` days later; the others are counted.

    Raises
    ------
    InputError
        If a date cannot be read, the lengths differ or `days_before` is out of range.

    Examples
    --------
    >>> expiring_terms(["price", "price"], ["2024-07-30", "2024-06-29"], as_of="2024-06-30").n_expired
    1
    """
    require_same_index(term=term, expires=expires)
    last = as_day_column("expires", expires, allow_missing=True)
    terms = text_column("term", term, len(last))
    today = as_day("as_of", as_of)
    ahead = as_whole_number("days_before", days_before, low=0, high=_MOST_DAYS)

    rows = np.nonzero((last >= today) & (last <= today + np.timedelta64(ahead, "D")))[0]
    rows = rows[np.argsort(last[rows], kind="stable")]
    return ExpiringTerms(
        row=hand_over(rows),
        term=hand_over(terms[rows]),
        expires=hand_over(last[rows]),
        days_left=hand_over((last[rows] - today).astype(np.int64)),
        n_expired=int(np.count_nonzero(last < today)),
        n_open=int(np.count_nonzero(np.isnat(last))),
    )


@stay_frozen
@attrs.frozen(kw_only=True)
class TermsInForce(Columns):
    """Terms that were promised and still hold, columns of equal length in the order of the promises.

    Parameters
    ----------
    row : ndarray
        Place of the promise in the columns that were given.
    customer : ndarray
        Customer to whom it was promised.
    term : ndarray of str
        What was promised.
    expires : ndarray of datetime64[D]
        Last day; NaT for a promise without one.
    promised_by, manager : ndarray of str
        Who promised it, and who serves the customer now.
    n_expired : int
        Number of promises that ended before the day of the run.

    Examples
    --------
    >>> terms = terms_in_force(["ann"], ["price of 2023"], [None], ["Olha"], ["Ihor"], as_of="2024-06-30")
    >>> terms.handed_over, terms.conclusion
    (array([ True]), '1 promise holds, 1 of them made by another manager than the one who serves the customer now.')
    """

    row: Integers = whole_table("row")
    customer: npt.NDArray[Any] = label_column("customer")
    term: npt.NDArray[np.str_] = label_column("term", texts=True)
    expires: Dates = date_table("expires")
    promised_by: npt.NDArray[np.str_] = label_column("promised_by", texts=True)
    manager: npt.NDArray[np.str_] = label_column("manager", texts=True)
    n_expired: int = count_field("n_expired")

    def __attrs_post_init__(self) -> None:
        require_equal_columns(self)

    def __len__(self) -> int:
        return len(self.row)

    @property
    def handed_over(self) -> npt.NDArray[np.bool_]:
        """Whether another manager than the one of today made the promise."""
        return np.asarray(self.promised_by != self.manager)

    @property
    def conclusion(self) -> str:
        """Count the promises that hold, and those that the manager of today did not make."""
        n = len(self)
        if not n:
            return "No promise holds."
        return (
            f"{counted(n, 'promise')} {'holds' if n == 1 else 'hold'}, {int(self.handed_over.sum()):,} of them made by "
            "another manager than the one who serves the customer now."
        )

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give all columns by name, for a dataframe of any kind."""
        return {**array_columns(self), "handed_over": self.handed_over}

    def to_json(self) -> str:
        """Write the promises as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str) -> TermsInForce:
        """Read what :meth:`to_json` wrote, and check it; other text is an InputError."""
        return from_json(cls, text)


def terms_in_force(
    customer: ArrayLike,
    term: ArrayLike,
    expires: ArrayLike,
    promised_by: ArrayLike,
    manager: ArrayLike,
    *,
    as_of: ArrayLike,
) -> TermsInForce:
    """List the terms that hold for customers, whoever serves them now.

    Parameters
    ----------
    customer : array_like
        Customer of each promise, whole numbers or text, shape (n,).
    term : array_like of str
        What was promised, such as a price, a discount or a delivery time.
    expires : array_like
        Last day of each promise; NaT or None for a promise without one.
    promised_by : array_like of str
        Manager who made each promise.
    manager : array_like of str
        Manager who serves the customer now.
    as_of : date
        Day of the run; a promise whose last day it is still holds.

    Returns
    -------
    TermsInForce
        One row for each promise that holds; `handed_over` marks those of which the manager of today may not know.

    Raises
    ------
    InputError
        If an identifier is missing, a date cannot be read or the lengths differ.

    Examples
    --------
    >>> terms = terms_in_force(
    ...     ["ann", "ann", "bob"],
    ...     ["price of 2023", "free delivery", "5 % off"],
    ...     ["2024-12-31", "2024-05-31", None],
    ...     promised_by=["Olha", "Olha", "Ihor"],
    ...     manager=["Ihor", "Ihor", "Ihor"],
    ...     as_of="2024-06-30",
    ... )
    >>> terms.term.tolist(), terms.handed_over.tolist()
    (['price of 2023', '5 % off'], [True, False])
    """
    require_same_index(customer=customer, term=term, expires=expires, promised_by=promised_by, manager=manager)
    distinct, code = encode_customers("customer", customer)
    n = len(code)
    last = as_day_column("expires", expires, allow_missing=True)
    if len(last) != n:
        raise InputError("expires", f"one for each of the {n} rows", len(last))
    names = {"term": term, "promised_by": promised_by, "manager": manager}
    texts = {name: text_column(name, value, n) for name, value in names.items()}
    today = as_day("as_of", as_of)

    rows = np.nonzero(~(last < today))[0]  # NaT compares false
    return TermsInForce(
        row=hand_over(rows),
        customer=hand_over(distinct[code[rows]]),
        expires=hand_over(last[rows]),
        n_expired=n - len(rows),
        **{name: hand_over(column[rows]) for name, column in texts.items()},
    )
