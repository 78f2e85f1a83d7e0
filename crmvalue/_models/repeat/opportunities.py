"""What customers did with fixed opportunities to buy, one row each: the data of the BG/BB model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from crmvalue._core.checks import as_column, as_counts, require, require_same_index, require_same_length
from crmvalue._core.frames import Columns
from crmvalue._core.values import array_columns, array_field, read_only, stay_frozen
from crmvalue.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue.typing import ArrayLike, Floats

__all__ = ["MOST_OPPORTUNITIES", "OpportunityHistory"]

MOST_OPPORTUNITIES = 100_000


def _column(name: str) -> Any:
    return array_field(lambda value: read_only(as_column(name, value)))


def _as_weight(value: ArrayLike) -> Floats:
    """Cast weights; none yet are an empty column."""
    return read_only(np.zeros(0) if value is None else as_column("weight", value))


@stay_frozen
@attrs.frozen(kw_only=True)
class OpportunityHistory(Columns):
    """At how many opportunities each customer bought, and at which one last.

    Parameters
    ----------
    frequency : ndarray
        Opportunities taken, shape (n,), whole numbers >= 0. The purchase that made them a customer does not count.
    recency : ndarray
        Number of the last opportunity taken, from `frequency` to `n_opportunities`; 0 exactly where `frequency` is 0.
    n_opportunities : ndarray
        Opportunities each customer had, whole numbers from 1 to 100,000.
    weight : ndarray, optional
        How many customers share each row; 1 by default.

    Examples
    --------
    >>> history = OpportunityHistory(frequency=[0, 4], recency=[0, 5], n_opportunities=[6, 6], weight=[3464, 42])
    >>> history.n_customers
    3506
    """

    frequency: Floats = _column("frequency")
    recency: Floats = _column("recency")
    n_opportunities: Floats = _column("n_opportunities")
    weight: Floats = array_field(_as_weight, default=None)

    def __attrs_pre_init__(self, **columns: object) -> None:
        require_same_index(**columns)

    def __attrs_post_init__(self) -> None:
        if self.weight.size == 0:
            object.__setattr__(self, "weight", read_only(np.ones(np.size(self.frequency))))
        x, t_x, n, weight = self.frequency, self.recency, self.n_opportunities, self.weight
        require_same_length(frequency=x, recency=t_x, n_opportunities=n, weight=weight)
        as_counts(frequency=x)
        as_counts(weight=weight)
        require(
            (n >= 1) & (n == np.floor(n)) & (n <= MOST_OPPORTUNITIES),
            "n_opportunities",
            n,
            "a whole number from 1 to 100,000",
        )
        require(
            (t_x == np.floor(t_x)) & (t_x >= x) & (t_x <= n), "recency", t_x,
            "a whole number from `frequency` to `n_opportunities`", hint="the number of the last opportunity taken",
        )  # fmt: skip
        require((t_x > 0) == (x > 0), "recency", t_x, "0 where `frequency` is 0")
        if weight.sum() == 0:
            raise InputError("weight", "above 0 for at least one row", 0)

    @property
    def n_customers(self) -> int:
        """Number of customers."""
        return int(self.weight.sum())

    def __len__(self) -> int:
        return len(self.frequency)

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give all columns by name, for a dataframe of any kind."""
        return array_columns(self)
