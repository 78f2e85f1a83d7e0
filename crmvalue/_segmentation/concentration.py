"""The spread of the value of a base over its customers: Lorenz curve, Gini coefficient, shares of the best."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from crmvalue._core.checks import as_floats, as_fraction, require, require_same_length
from crmvalue._core.comparisons import decimals, just_below
from crmvalue._core.frames import Columns
from crmvalue._core.labels import as_given, decimal
from crmvalue._core.pictures.pictured import Pictured
from crmvalue._core.values import array_columns, number_column, number_field, optional, require_at_most, stay_frozen
from crmvalue._segmentation.labels import as_shares_of_a_sum
from crmvalue._segmentation.pictures import lorenz_parts
from crmvalue.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue._core.pictures.parts import Parts
    from crmvalue.typing import ArrayLike, FloatOrArray, Floats

__all__ = ["LorenzCurve", "ValueConcentration", "concentration", "customer_share", "gini", "lorenz_curve", "top_share"]


_SLACK = 1e-9  # what rounding may take from a share


def _share(name: str, **options: Any) -> Any:
    return number_field(name, low=0.0, high=1.0, **options)


@stay_frozen
@attrs.frozen(kw_only=True)
class LorenzCurve(Columns, Pictured):
    """Cumulative share of value against cumulative share of customers, poorest first.

    Parameters
    ----------
    customer_share : ndarray
        0, 1/n, ..., 1, shape (n + 1,).
    value_share : ndarray
        Share of the value of these customers, from 0 to 1, shape (n + 1,).

    Examples
    --------
    >>> lorenz_curve([1, 3]).value_share
    array([0.  , 0.25, 1.  ])
    """

    customer_share: Floats = number_column("customer_share")
    value_share: Floats = number_column("value_share")

    def __attrs_post_init__(self) -> None:
        if require_same_length(customer_share=self.customer_share, value_share=self.value_share) < 2:
            raise InputError("customer_share", "at least two points", 1)
        for name in ("customer_share", "value_share"):
            share = getattr(self, name)
            require((share >= 0) & (share <= 1), name, share, "in [0, 1]")
            require(np.diff(share, prepend=0.0) >= 0, name, share, "in ascending order")
            if share[0] > _SLACK or share[-1] < 1.0 - _SLACK:
                raise InputError(name, "from 0 to 1", (float(share[0]), float(share[-1])))
        require_at_most(self, "value_share", "customer_share")

    def _parts(self) -> Parts:
        return lorenz_parts(self.customer_share, self.value_share)

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give all columns by name, for a dataframe of any kind."""
        return array_columns(self)


def gini(value: ArrayLike) -> np.float64:
    r"""Gini coefficient: 0 if all customers have the same value, near 1 if one customer has all of it.

    Parameters
    ----------
    value : array_like
        Value of each customer, >= 0, shape (n,), with a sum above 0. A magnitude below 1e-9 counts as 0.

    Returns
    -------
    float
        In [0, 1 - 1/n].

    Raises
    ------
    InputError
        If a value is NaN, infinite or negative, if there is none, or if all are 0.

    Notes
    -----
    .. math:: G = \frac{\sum_i \sum_j |v_i - v_j|}{2 n \sum_i v_i}

    It is computed from the sorted values. Source: Gini (1912).

    Examples
    --------
    >>> print(gini([1, 2, 3, 4, 5]))
    0.26666666666666666
    """
    values = _sorted_values(value)
    n = len(values)
    weight = 2.0 * np.arange(1, n + 1) - n - 1.0
    return np.float64(
        np.clip(np.sum(weight * values) / (n * values.sum()), 0, 1 - 1 / n)
    )  # rounding may leave the range


def lorenz_curve(value: ArrayLike) -> LorenzCurve:
    """Lorenz curve of one value per customer.

    Parameters
    ----------
    value : array_like
        Value of each customer, >= 0, shape (n,), with a sum above 0. A magnitude below 1e-9 counts as 0.

    Returns
    -------
    LorenzCurve
        Points from (0, 0) to (1, 1), one more than customers.

    Raises
    ------
    InputError
        If a value is NaN, infinite or negative, if there is none, or if all are 0.

    Notes
    -----
    The area between the curve and the diagonal is half the :func:`gini` coefficient. Source: Lorenz (1905).

    Examples
    --------
    >>> lorenz_curve([4, 1, 5]).value_share
    array([0. , 0.1, 0.5, 1. ])
    """
    values = _sorted_values(value)
    held = np.concatenate([[0.0], np.cumsum(values)])
    return LorenzCurve(customer_share=np.linspace(0.0, 1.0, len(held)), value_share=held / held[-1])


def top_share(value: ArrayLike, customer_share: ArrayLike) -> FloatOrArray:
    """Share of the value that the best customers hold.

    Parameters
    ----------
    value : array_like
        Value of each customer, >= 0, shape (n,), with a sum above 0. A magnitude below 1e-9 counts as 0.
    customer_share : array_like
        Share of the customers that counts as the best, in [0, 1]: 0.1 for the top decile.

    Returns
    -------
    float or ndarray
        In [0, 1], shape of `customer_share`. If the share is no whole number of customers, the next customer counts in
        proportion.

    Raises
    ------
    InputError
        If a value is NaN, infinite or negative, if there is none, if all are 0, or if the share is not in [0, 1].

    Examples
    --------
    >>> print(top_share([50, 10, 10, 10, 20], 0.2))
    0.5
    """
    (share,) = as_floats(customer_share=customer_share)
    require((share >= 0) & (share <= 1), "customer_share", share, "in [0, 1]", hint="0.1, not 10")
    held = np.concatenate([[0.0], np.cumsum(_sorted_values(value)[::-1])])
    best: FloatOrArray = (np.interp(share * (len(held) - 1), np.arange(len(held)), held) / held[-1])[()]
    return best


def customer_share(value: ArrayLike, value_share: ArrayLike) -> FloatOrArray:
    """Smallest share of the customers that holds a share of the value: the inverse of :func:`top_share`.

    Parameters
    ----------
    value : array_like
        Value of each customer, >= 0, shape (n,), with a sum above 0. A magnitude below 1e-9 counts as 0.
    value_share : array_like
        Share of the value, in [0, 1]: 0.8 for the customers with 80 % of the revenue.

    Returns
    -------
    float or ndarray
        In [0, 1], shape of `value_share`. The last customer needed counts in proportion.

    Raises
    ------
    InputError
        If a value is NaN, infinite or negative, if there is none, if all are 0, or if the share is not in [0, 1].

    Examples
    --------
    >>> print(customer_share([50, 10, 10, 10, 20], 0.5))
    0.2
    """
    (share,) = as_floats(value_share=value_share)
    require((share >= 0) & (share <= 1), "value_share", share, "in [0, 1]", hint="0.8, not 80")
    values = _sorted_values(value)[::-1]
    holders = values[values > 0]  # customers without value are never needed
    held = np.concatenate([[0.0], np.cumsum(holders)])
    needed: FloatOrArray = (np.interp(share * held[-1], held, np.arange(len(held))) / len(values))[()]
    return needed


@attrs.frozen(kw_only=True)
class ValueConcentration:
    """Dependence of a base on its best customers.

    Parameters
    ----------
    gini : float
        Gini coefficient of the values, in [0, 1).
    best_customers : float
        Share of the customers that counts as the best.
    value_of_best : float
        Share of the value that they hold.
    value_share : float
        Share of the value that `holders` refers to.
    holders : float
        Smallest share of the customers that holds `value_share`.
    warning_share : float or None
        `value_of_best` from which the result warns; None for no warning.

    Examples
    --------
    >>> concentration([50, 10, 10, 10, 20], best_customers=0.2, warning_share=0.4).is_warning
    True
    """

    gini: float = _share("gini")
    best_customers: float = _share("best_customers")
    value_of_best: float = _share("value_of_best")
    value_share: float = _share("value_share")
    holders: float = _share("holders")
    warning_share: float | None = _share("warning_share", default=None)

    def __attrs_post_init__(self) -> None:
        require_at_most(self, "best_customers", "value_of_best")
        require_at_most(self, "holders", "value_share")

    @property
    def is_warning(self) -> bool:
        """Whether the best customers hold at least the warning share, but for rounding."""
        return self.warning_share is not None and self.value_of_best >= float(just_below(self.warning_share))

    @property
    def conclusion(self) -> str:
        """Say the shares in a sentence."""
        best, asked = _as_given(self.best_customers), _as_given(self.value_share)
        holders, held = _percent(self.holders), _percent(self.value_of_best)
        if self.warning_share is not None and not self.is_warning:
            held = _percent(self.value_of_best, below=self.warning_share)
        said = f"the best {best} of the customers hold {held} of the value; the best {holders} hold {asked}"
        if self.warning_share is not None and self.is_warning:
            return f"{said}; the warning share of {_as_given(self.warning_share)} is reached"
        return said


def concentration(
    value: ArrayLike, *, best_customers: float = 0.1, value_share: float = 0.8, warning_share: float | None = None
) -> ValueConcentration:
    """Measure how concentrated the value of a base is.

    Parameters
    ----------
    value : array_like
        Value of each customer, >= 0, shape (n,), with a sum above 0. A magnitude below 1e-9 counts as 0.
    best_customers : float, optional
        Share of the customers that counts as the best, in (0, 1).
    value_share : float, optional
        Share of the value for which the smallest group of holders is found, in (0, 1).
    warning_share : float, optional
        Share of the value, in (0, 1). The result warns if the best customers hold at least as much.

    Returns
    -------
    ValueConcentration
        Gini coefficient, share of the best customers, share of the holders, and the warning.

    Raises
    ------
    InputError
        If a value is NaN, infinite or negative, if there is none, if all are 0, or a share is not in (0, 1).

    Examples
    --------
    >>> concentration([50, 10, 10, 10, 20], best_customers=0.2, value_share=0.5).conclusion
    'the best 20% of the customers hold 50% of the value; the best 20% hold 50%'
    """
    best = as_fraction("best_customers", best_customers)
    wanted = as_fraction("value_share", value_share)
    return ValueConcentration(
        gini=float(gini(value)),
        best_customers=best,
        value_of_best=float(top_share(value, best)),
        value_share=wanted,
        holders=float(customer_share(value, wanted)),
        warning_share=optional(as_fraction)("warning_share", warning_share),
    )


def _as_given(share: float) -> str:
    """Write a share that was asked for, with all of its digits."""
    return f"{as_given(100 * share)}%"


def _percent(share: float, *, below: float = 1.0) -> str:
    """Write whole percent, and less than 1 % with two digits; what is below a limit is not written as the limit."""
    digits = decimals(100 * share, 100 * below, 0)
    return f"{share:z.{digits}%}" if share >= 0.01 else f"{decimal(100 * share, 2)}%"


def _sorted_values(value: ArrayLike) -> Floats:
    """Check values and put them in ascending order."""
    ordered: Floats = np.sort(as_shares_of_a_sum("value", value))
    return ordered
