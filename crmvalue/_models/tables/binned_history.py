"""How many customers there are in bins of frequency, recency and age: an RFM table instead of single customers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from crmvalue._core.checks import as_column, as_counts, require, require_same_index, require_same_length
from crmvalue._core.encoding.keys import distinct_keys, row_keys
from crmvalue._core.frames import Columns
from crmvalue._core.json import from_json, to_json
from crmvalue._core.values import array_columns, array_field, number_column, read_only, stay_frozen
from crmvalue._models.shared.common import check_history, time_unit_field
from crmvalue.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue.purchases import PurchaseHistory, TimeUnit
    from crmvalue.typing import ArrayLike, Floats

__all__ = ["BinnedHistory"]

_MOST_IN_BIN = 1_000.0  # purchases at which a bin begins at most


def _column(name: str) -> Any:
    return array_field(lambda value: read_only(as_column(name, value)))


@stay_frozen
@attrs.frozen(kw_only=True)
class BinnedHistory(Columns):
    """Numbers of customers in bins of frequency and recency, one row for each bin that holds any.

    Parameters
    ----------
    frequency_low, frequency_high : ndarray
        Smallest and largest number of repeat purchases in the bin, shape (n,), whole numbers. Infinity as the largest
        is an open bin: "10 or more".
    recency_low, recency_high : ndarray
        The last purchase came later than `recency_low` and not later than `recency_high` after the first [time_unit].
        Where the two are equal, it came at that time. Both are 0 where the frequency is 0.
    age : ndarray
        Time from the first purchase to the end of observation [time_unit]: one for each cohort.
    weight : ndarray
        Customers in the bin, whole numbers.
    time_unit : {"day", "week", "month", "quarter", "year"}
        Unit of recency and age, and of the models that are fitted.

    Raises
    ------
    InputError
        If counts are not whole or below 0, an interval is empty or ends after the age, or a bin mixes customers with
        and without repeat purchases.

    Examples
    --------
    >>> table = BinnedHistory(
    ...     frequency_low=[0, 1, 1, 3],
    ...     frequency_high=[0, 2, 2, np.inf],
    ...     recency_low=[0, 0, 26, 26],
    ...     recency_high=[0, 26, 39, 39],
    ...     age=[39] * 4,
    ...     weight=[60, 20, 12, 8],
    ...     time_unit="week",
    ... )
    >>> table.n_customers
    100
    """

    frequency_low: Floats = _column("frequency_low")
    frequency_high: Floats = number_column("frequency_high", infinite=True)
    recency_low: Floats = _column("recency_low")
    recency_high: Floats = _column("recency_high")
    age: Floats = _column("age")
    weight: Floats = _column("weight")
    time_unit: TimeUnit = time_unit_field()

    def __attrs_pre_init__(self, **columns: object) -> None:
        require_same_index(**columns)

    def __attrs_post_init__(self) -> None:
        low, high, early, late = self.frequency_low, self.frequency_high, self.recency_low, self.recency_high
        require_same_length(
            frequency_low=low,
            frequency_high=high,
            recency_low=early,
            recency_high=late,
            age=self.age,
            weight=self.weight,
        )
        as_counts(frequency_low=low)
        as_counts(weight=self.weight)
        require(low <= _MOST_IN_BIN, "frequency_low", low, f"at most {_MOST_IN_BIN:,.0f}")
        whole = np.isinf(high) | (high == np.floor(high))
        require(whole & (high >= low), "frequency_high", high, "a whole number from `frequency_low`, or infinity")
        require((low > 0) | (high == 0), "frequency_high", high, "0 where `frequency_low` is 0: a bin of their own")
        require(early >= 0, "recency_low", early, ">= 0")
        require((late >= early) & (late <= self.age), "recency_high", late, "from `recency_low` to `age`")
        require((low > 0) == (late > 0), "recency_high", late, "0 where, and only where, the frequency is 0")
        if self.weight.sum() == 0:
            raise InputError("weight", "above 0 for at least one bin", 0)

    @classmethod
    def from_history(
        cls, history: PurchaseHistory, *, frequency_bins: ArrayLike, recency_edges: ArrayLike
    ) -> BinnedHistory:
        """Count the customers of a history in bins: what a company can hand out in place of single customers.

        Parameters
        ----------
        history : PurchaseHistory
            Customers. Those of the same age are one cohort.
        frequency_bins : array_like
            Smallest number of repeat purchases of each bin, ascending from 1; the last one is open. Customers without a
            repeat purchase have a bin of their own.
        recency_edges : array_like
            Ends between the bins of recency [time_unit], ascending, above 0. The last bin ends at the age.

        Returns
        -------
        BinnedHistory
            One row for each bin that holds customers.

        Raises
        ------
        InputError
            If the history is empty, or bins do not ascend.

        Examples
        --------
        >>> from crmvalue.purchases import PurchaseHistory
        >>> history = PurchaseHistory.from_columns(
        ...     frequency=[0, 0, 1, 4], recency=[0, 0, 7, 30], age=[39] * 4, time_unit="week"
        ... )
        >>> table = BinnedHistory.from_history(history, frequency_bins=[1, 3], recency_edges=[13, 26])
        >>> table.frequency_high, table.recency_high, table.weight
        (array([ 0.,  2., inf]), array([ 0., 13., 39.]), array([2., 1., 1.]))
        """
        known = check_history(history)
        bins, edges = as_column("frequency_bins", frequency_bins), as_column("recency_edges", recency_edges)
        as_counts(frequency_bins=bins)
        if len(bins) == 0 or bins[0] != 1 or (np.diff(bins) <= 0).any():
            raise InputError("frequency_bins", "at least one number, ascending from 1", bins.tolist())
        if (edges <= 0).any() or (np.diff(edges) <= 0).any():
            raise InputError("recency_edges", "ascending numbers above 0", edges.tolist())
        x, t_x, age = known.frequency, known.recency, known.age
        lows, highs = np.concatenate(([0.0], bins)), np.concatenate(([0.0], bins[1:] - 1.0, [np.inf]))
        cell = np.searchsorted(bins, x, side="right")
        between = np.searchsorted(edges, t_x)  # recency in (edges[i - 1], edges[i]]
        early = np.where(x > 0, np.concatenate(([0.0], edges))[between], 0.0)
        late = np.where(x > 0, np.minimum(np.concatenate((edges, [np.inf]))[between], age), 0.0)
        first, _, weight = distinct_keys(row_keys(cell.astype(np.float64), early, late, age))
        columns = {
            "frequency_low": lows[cell], "frequency_high": highs[cell], "recency_low": early, "recency_high": late,
            "age": age,
        }  # fmt: skip
        return cls(
            **{name: column[first] for name, column in columns.items()},
            weight=weight.astype(np.float64),
            time_unit=known.time_unit,
        )

    @property
    def n_customers(self) -> int:
        """Number of customers."""
        return int(self.weight.sum())

    def __len__(self) -> int:
        return len(self.weight)

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give all columns by name, for a dataframe of any kind.

        Returns
        -------
        dict of str to ndarray
            The columns.
        """
        return array_columns(self)

    def to_json(self) -> str:
        """Write the table as JSON text.

        Returns
        -------
        str
            A JSON object.

        Examples
        --------
        >>> table = BinnedHistory(
        ...     frequency_low=[0],
        ...     frequency_high=[0],
        ...     recency_low=[0],
        ...     recency_high=[0],
        ...     age=[39],
        ...     weight=[60],
        ...     time_unit="week",
        ... )
        >>> BinnedHistory.from_json(table.to_json()) == table
        True
        """
        return to_json(self)

    @classmethod
    def from_json(cls, text: str) -> BinnedHistory:
        """Read what :meth:`to_json` wrote.

        Parameters
        ----------
        text : str
            JSON text.

        Returns
        -------
        BinnedHistory
            An equal table.

        Raises
        ------
        InputError
            If the text is not what :meth:`to_json` wrote.
        """
        return from_json(cls, text)
