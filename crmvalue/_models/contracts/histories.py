"""Lifetimes of contracts in renewals, one row each: the data of both models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from crmvalue._core.checks import as_counts, require, require_same_index, require_same_length, to_array
from crmvalue._core.frames import Columns
from crmvalue._core.values import array_columns, array_field, read_only, stay_frozen
from crmvalue._models.shared.discrete import as_periods
from crmvalue.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue.typing import ArrayLike, Floats

__all__ = ["ContractHistory"]


def _as_churned(value: ArrayLike) -> npt.NDArray[np.bool_]:
    churned, _ = to_array("churned", value, "True or False for each customer")
    if churned.dtype.kind != "b":
        raise InputError("churned", "True or False for each customer", str(churned.dtype))
    if churned.ndim != 1:
        raise InputError("churned", "one-dimensional, one element a row", f"{churned.ndim} dimensions")
    return read_only(churned)


def _as_weight(value: ArrayLike) -> Floats:
    """Cast weights; none yet are an empty column."""
    return read_only(np.zeros(0) if value is None else as_counts(weight=value)[0])


@stay_frozen
@attrs.frozen(kw_only=True)
class ContractHistory(Columns):
    """How many renewals customers have had, and whether they refused the last.

    Parameters
    ----------
    lifetime : ndarray
        Renewals that each customer decided on, shape (n,), whole numbers. A customer who churned refused the last of
        them and accepted the others, so their number is at least 1.
    churned : ndarray of bool
        Whether the customer left at the last of these renewals; False for a customer who is still there.
    weight : ndarray, optional
        How many customers share each row; 1 by default.

    Examples
    --------
    >>> history = ContractHistory(lifetime=[1, 3, 3], churned=[True, True, False])
    >>> history.n_customers
    3
    >>> ContractHistory.from_survivors([100, 80, 70]).weight
    array([20., 10., 70.])
    """

    lifetime: Floats = array_field(lambda value: read_only(as_periods("lifetime", value)))
    churned: npt.NDArray[np.bool_] = array_field(_as_churned)
    weight: Floats = array_field(_as_weight, default=None)

    def __attrs_pre_init__(self, **columns: object) -> None:
        require_same_index(**columns)

    def __attrs_post_init__(self) -> None:
        if self.weight.size == 0:
            object.__setattr__(self, "weight", read_only(np.ones(self.lifetime.size)))
        for name in ("lifetime", "weight"):
            if getattr(self, name).ndim != 1:
                raise InputError(name, "one-dimensional, one element a row", f"{getattr(self, name).ndim} dimensions")
        require_same_length(lifetime=self.lifetime, churned=self.churned, weight=self.weight)
        require(
            ~self.churned | (self.lifetime >= 1), "lifetime", self.lifetime, "at least 1 where `churned`",
            hint="a customer who leaves at the first renewal has a lifetime of 1",
        )  # fmt: skip
        if self.weight.sum() == 0:
            raise InputError("weight", "above 0 for at least one row", 0)

    @classmethod
    def from_survivors(cls, survivors: ArrayLike) -> ContractHistory:
        """Take a cohort as a table of survivors.

        Parameters
        ----------
        survivors : array_like
            Customers who are still there after 0, 1, 2, ... renewals, shape (periods + 1,), whole numbers that never
            rise. For several cohorts of different age, put the rows of their histories together.

        Returns
        -------
        ContractHistory
            One row for each renewal at which customers left, and one for those who are still there.

        Raises
        ------
        InputError
            If the numbers are not whole or rise, or there are fewer than two.
        """
        (left,) = as_counts(survivors=survivors)
        if left.ndim != 1 or len(left) < 2:
            raise InputError("survivors", "a column of at least two numbers, the first before any renewal", left.shape)
        lost = -np.diff(left, prepend=left[0])
        require(lost >= 0, "survivors", left, "numbers that never rise", hint="survivors, not customers lost")
        require(np.arange(len(left)) + left > 0, "survivors", left, "above 0 at the start")
        n = len(left) - 1
        return cls(
            lifetime=np.append(np.arange(1.0, n + 1.0), n),
            churned=np.append(np.ones(n, dtype=bool), False),
            weight=np.append(lost[1:], left[-1]),
        )

    @property
    def n_customers(self) -> int:
        """Number of customers."""
        return int(self.weight.sum())

    def __len__(self) -> int:
        return len(self.lifetime)

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give all columns by name, for a dataframe of any kind."""
        return array_columns(self)
