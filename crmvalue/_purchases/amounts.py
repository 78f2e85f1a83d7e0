"""Day and money of each purchase; :mod:`crmvalue.purchases` is the public door."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from crmvalue._core.checks import as_counts, require
from crmvalue._core.frames import Columns
from crmvalue._core.values import date_table, hand_over, number_column, stay_frozen, whole_table
from crmvalue.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue.typing import Dates, Floats, Integers

__all__ = ["PurchaseAmounts"]


@stay_frozen
@attrs.frozen(kw_only=True)
class PurchaseAmounts(Columns):
    """Day and money of each purchase, customer by customer in the order of a history.

    Models of spend that need more than means read them: :func:`crmvalue.models.fit_lognormal_spend`.

    Parameters
    ----------
    n_purchases : ndarray
        Purchases of each customer, shape (n,), whole numbers >= 0.
    day : ndarray of datetime64[D]
        Day of each purchase, shape (k,): those of a customer stand together, in ascending order.
    amount : ndarray
        Money of each purchase, shape (k,), >= 0.

    Examples
    --------
    >>> amounts = PurchaseAmounts(
    ...     n_purchases=[2, 1], day=["2024-01-01", "2024-01-15", "2024-01-08"], amount=[20.0, 15.0, 30.0]
    ... )
    >>> amounts.row
    array([0, 0, 1])
    """

    n_purchases: Integers = whole_table("n_purchases")
    day: Dates = date_table("day", 1)
    amount: Floats = number_column("amount")

    def __attrs_post_init__(self) -> None:
        n_rows = int(self.n_purchases.sum())
        for name in ("day", "amount"):
            if len(getattr(self, name)) != n_rows:
                rule = f"one for each of the {n_rows} purchases of `n_purchases`"
                raise InputError(name, rule, len(getattr(self, name)))
        require(~np.isnat(self.day), "day", self.day, "a date, not missing")
        require(self.amount >= 0, "amount", self.amount, ">= 0")
        again = self.row[1:] == self.row[:-1]
        rule = "in ascending order within each customer"
        require(np.append(True, ~again | (self.day[1:] >= self.day[:-1])), "day", self.day, rule)

    @property
    def start(self) -> Integers:
        """Place of the first purchase of each customer, shape (n,)."""
        return np.cumsum(self.n_purchases) - self.n_purchases

    @property
    def row(self) -> Integers:
        """Place of the customer of each purchase, shape (k,)."""
        return np.repeat(np.arange(len(self.n_purchases)), self.n_purchases)

    def of_customers(self, place: Integers) -> PurchaseAmounts:
        """Give the purchases of some customers, in the order of their places.

        Parameters
        ----------
        place : ndarray of int
            Places of customers, shape (m,).

        Returns
        -------
        PurchaseAmounts
            Their purchases.

        Raises
        ------
        InputError
            If a place is not a whole number from 0 to the number of customers less one.
        """
        n = len(self.n_purchases)
        given = np.atleast_1d(as_counts(place=place)[0])
        require(given < n, "place", given, f"below {n}, the number of customers")
        place = given.astype(np.int64)
        if place.ndim != 1:
            raise InputError("place", "one column of places", place.shape)
        number = self.n_purchases[place]
        skipped = np.repeat(self.start[place] - (np.cumsum(number) - number), number)
        rows = np.arange(len(skipped)) + skipped
        return PurchaseAmounts(
            n_purchases=hand_over(number), day=hand_over(self.day[rows]), amount=hand_over(self.amount[rows])
        )

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give row, day and amount of each purchase, for a dataframe of any kind."""
        return {"row": self.row, "day": self.day, "amount": self.amount}
