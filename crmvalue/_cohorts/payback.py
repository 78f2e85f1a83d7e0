"""Value of each cohort so far, and when it has paid back its acquisition."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from crmvalue._cohorts.pictures import payback_parts
from crmvalue._cohorts.retention import CohortPeriod, RetentionTriangle, calendar_of, first_day, period_of
from crmvalue._cohorts.starts import advice_on_old
from crmvalue._core.calendar import pile_of_first_days
from crmvalue._core.checks import as_day_column, as_floats, as_fraction, as_positive, require, to_array
from crmvalue._core.clock.old_customers import warn_of_pile
from crmvalue._core.comparisons import just_below
from crmvalue._core.frames import Columns
from crmvalue._core.json import from_json, to_json
from crmvalue._core.labels import counted, labelled, listed, money
from crmvalue._core.pictures.pictured import Pictured
from crmvalue._core.values import (
    Given,
    array_field,
    choice_field,
    count_column,
    float_column,
    hand_over,
    read_only,
    stay_frozen,
)
from crmvalue.errors import InputError
from crmvalue.ltv import payback_periods

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue._core.pictures.parts import Parts
    from crmvalue.typing import ArrayLike, Dates, Floats, Integers

__all__ = ["CohortLtv", "cohort_ltv"]

_LARGEST = 1e150  # of a value, so that its ratio to a cost stays a float
_ENOUGH = 1_000_000  # customers that show whether first purchases pile up


def _ltv_table(value: Any) -> Floats:
    """Take a table of numbers, cohorts by periods; NaN where not observed."""
    if isinstance(value, Given):
        return read_only(value)
    array, types = to_array("ltv", value, "a table of numbers")
    if array.ndim != 2 or not array.shape[1] or array.dtype.kind not in "fiu" or types & {bool, np.bool_}:
        raise InputError("ltv", "a table of numbers, of shape (cohorts, periods)", array.shape)
    numbers = array.astype(np.float64)
    require(~np.isinf(numbers), "ltv", array, "a finite number, or NaN where not observed")
    require(~(np.abs(numbers) > _LARGEST), "ltv", array, f"of a magnitude up to {_LARGEST:g}")
    known = ~np.isnan(numbers)
    require(known[:, :-1] | ~known[:, 1:], "ltv", numbers[:, :-1], "NaN only after the last observed age")
    return read_only(hand_over(numbers))


@stay_frozen
@attrs.frozen(kw_only=True)
class CohortLtv(Columns, Pictured):
    """Average value of the customers of each cohort so far.

    Parameters
    ----------
    period : str
        Calendar period of the ages.
    cohort : ndarray of datetime64[D]
        First day of the period of first purchase, shape (cohorts,).
    size : ndarray of int
        Customers of each cohort.
    ltv : ndarray
        Margin per customer of the cohort up to the end of each period, before acquisition cost [money], shape (cohorts,
        periods); NaN where not observed.
    acquisition_cost : ndarray, optional
        Cost to win a customer of each cohort [money]; None where no cost was given.
    payback : ndarray, optional
        Periods until the margin covers the cost: 0 for a cost of 0, 1 where the first period is enough, and NaN where
        the observed periods do not cover the cost yet.

    Examples
    --------
    >>> from crmvalue.cohorts import retention_triangle
    >>> triangle = retention_triangle(
    ...     [1, 1, 2], ["2024-01-05", "2024-02-09", "2024-02-20"], [50, 30, 20], period="month", as_of="2024-02-29"
    ... )
    >>> cohort_ltv(triangle, margin=0.5, acquisition_cost=35).conclusion
    '1 of 2 cohorts has paid back its acquisition, in 2 months; not yet: 2024-02-01.'
    """

    period: str = choice_field("period", CohortPeriod)
    cohort: Dates = array_field(lambda value: read_only(as_day_column("cohort", value)))
    size: Integers = count_column("size")
    ltv: Floats = array_field(_ltv_table)
    acquisition_cost: Floats | None = float_column("acquisition_cost", optional=True)
    payback: Floats | None = float_column("payback", missing=True, optional=True)

    def __attrs_post_init__(self) -> None:
        k = len(self.cohort)
        for name in ("size", "ltv", "acquisition_cost", "payback"):
            column = getattr(self, name)
            if column is not None and len(column) != k:
                raise InputError(name, f"one for each of the {k} cohorts", len(column))
        require(self.size >= 1, "size", self.size, ">= 1")
        require(np.diff(self.cohort) > np.timedelta64(0, "D"), "cohort", self.cohort[1:], "ascending")
        cost, payback = self.acquisition_cost, self.payback
        if (cost is None) != (payback is None):
            raise InputError("payback", "given where, and only where, `acquisition_cost` is given", payback)
        if cost is not None and payback is not None:
            require(cost >= 0, "acquisition_cost", cost, ">= 0")
            most = self.ltv.shape[1]
            whole = np.isnan(payback) | ((payback >= 0) & (payback <= most) & (payback == np.floor(payback)))
            require(whole, "payback", payback, f"a whole number from 0 to {most}, the periods of `ltv`, or NaN")

    def _parts(self) -> Parts:
        return payback_parts(self.period, self.size, self.ltv, self.acquisition_cost)

    @property
    def latest(self) -> Floats:
        """Value of each cohort at its last observed age [money]; NaN for a cohort in its first period."""
        known = ~np.isnan(self.ltv)
        last = np.maximum(known.sum(axis=1) - 1, 0)
        latest: Floats = self.ltv[np.arange(len(self.size)), last]
        return latest

    @property
    def ltv_to_cac(self) -> Floats:
        """`latest` divided by the acquisition cost; NaN where the cost is 0 or no age is observed."""
        cost = self._require_cost()
        ratio: Floats = np.divide(self.latest, cost, out=np.full(len(cost), np.nan), where=cost > 0)
        return ratio

    @property
    def conclusion(self) -> str:
        """Which cohorts have paid back their acquisition, and in how many periods."""
        if self.acquisition_cost is None:
            cells = self.ltv[~np.isnan(self.ltv)]
            if not len(cells):
                return "No period is over yet, so no value is known. Without a cost, payback is not known either."
            most = money(cells.max())
            return f"A customer has brought up to {most} on average so far. Without a cost, payback is not known."
        payback = np.zeros(0) if self.payback is None else self.payback
        paid = ~np.isnan(payback)
        n, k = int(paid.sum()), len(payback)
        waiting = listed(self.cohort[~paid])
        if n == 0:
            return f"No cohort has paid back its acquisition yet: {waiting}."
        low, high = int(payback[paid].min()), int(payback[paid].max())
        unit = self.period if high == 1 else f"{self.period}s"
        spell = f"{low} {unit}" if low == high else f"{low} to {high} {unit}"
        whose = "has paid back its" if n == 1 else "have paid back their"
        text = f"{n} of {k} {'cohort' if k == 1 else 'cohorts'} {whose} acquisition, in {spell}"
        short = self.latest < just_below(self.acquisition_cost)
        again = listed(self.cohort[paid & short])
        text += f"; below it again, after returns: {again}" if again else ""
        return f"{text}; not yet: {waiting}." if waiting else f"{text}."

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give the curves in their long form, for a dataframe of any kind.

        Returns
        -------
        dict of str to ndarray
            One row for each observed cell: `cohort`, `age`, `size` and `ltv`; with a cost also `acquisition_cost` and
            `payback` of the cohort.
        """
        row, column = np.nonzero(~np.isnan(self.ltv))
        found = {"cohort": self.cohort[row], "age": column, "size": self.size[row], "ltv": self.ltv[row, column]}
        if self.acquisition_cost is not None and self.payback is not None:
            found |= {"acquisition_cost": self.acquisition_cost[row], "payback": self.payback[row]}
        return found

    def _require_cost(self) -> Floats:
        if self.acquisition_cost is None:
            raise InputError("acquisition_cost", "given to `cohort_ltv` for this result", None)
        return self.acquisition_cost

    def to_json(self) -> str:
        """Write the curves as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> CohortLtv:
        """Read what :meth:`to_json` wrote."""
        return from_json(cls, text)


def cohort_ltv(
    triangle: RetentionTriangle,
    *,
    margin: float,
    discount_rate: float = 0.0,
    acquisition_cost: ArrayLike | None = None,
) -> CohortLtv:
    r"""Value of each cohort so far, period by period, and the periods until it covers its acquisition cost.

    Basis: margin per customer of the cohort, whether they came back or not, before acquisition cost. This is the past,
    not a forecast.

    Parameters
    ----------
    triangle : RetentionTriangle
        Cohorts with revenue.
    margin : float
        Share of revenue that is left after variable costs, in [0, 1].
    discount_rate : float, optional
        Effective rate per period of the triangle, >= 0. Money of age k is discounted by k periods; money of the first
        period is not discounted.
    acquisition_cost : array_like, optional
        Cost to win a customer [money], >= 0: one number, or one for each cohort.

    Returns
    -------
    CohortLtv
        Value at each age, and payback periods where there is a cost.

    Raises
    ------
    InputError
        If the triangle has no revenue, or a number is out of its range.

    Warns
    -----
    DataWarning
        If first purchases pile up at the start of the log. A log that begins later than the business meets its old
        customers first. What they bring in their first periods of the log pays back no acquisition.

    Notes
    -----
    .. math:: \mathrm{LTV}_c(k) = \sum_{j \le k} \frac{m \cdot \mathrm{revenue}_{cj}}{n_c \, (1 + d)^j}

    Usual definition. Payback is that of :func:`crmvalue.ltv.payback_periods`, in whole observed periods.

    Examples
    --------
    >>> from crmvalue.cohorts import retention_triangle
    >>> from crmvalue.datasets import load_cdnow
    >>> log = load_cdnow()
    >>> triangle = retention_triangle(log.customer, log.date, log.amount, period="month", as_of="1998-06-30")
    >>> found = cohort_ltv(triangle, margin=0.5, acquisition_cost=30)
    >>> found.ltv[:, 11].round(2), found.payback
    (array([43.16, 44.13, 46.04]), array([5., 5., 4.]))
    """
    if not isinstance(triangle, RetentionTriangle):
        raise InputError("triangle", "a RetentionTriangle", type(triangle).__name__)
    if triangle.revenue is None:
        raise InputError("triangle", "one with revenue", "no amounts", hint="give `amount` to `retention_triangle`")
    share = as_fraction("margin", margin, closed=True)
    rate = as_positive("discount_rate", discount_rate, zero=True)
    if not triangle.by_start:
        _warn_of_old_customers(triangle)
    with np.errstate(under="ignore"):  # at a huge rate, what comes late is worth 0
        discount = (1.0 + rate) ** -triangle.age.astype(np.float64)
        flow = share * triangle.revenue / triangle.size[:, np.newaxis] * discount
    ltv = np.where(triangle.observed, flow.cumsum(axis=1), np.nan)
    cost = payback = None
    if acquisition_cost is not None:
        cost = _cost_of_each(acquisition_cost, triangle.cohort)
        flow = np.where(triangle.observed, flow, 0.0)
        found = payback_periods(flow, cost, timing="start", interpolate=False)
        payback = np.where(np.isfinite(found), found, np.nan)
    return CohortLtv(
        period=triangle.period,
        cohort=triangle.cohort,
        size=triangle.size,
        ltv=hand_over(ltv),
        acquisition_cost=None if cost is None else hand_over(cost),
        payback=None if payback is None else hand_over(payback),
    )


def _warn_of_old_customers(triangle: RetentionTriangle) -> None:
    """Warn if first purchases pile up in the first cohorts; within a cohort they are taken to come evenly.

    Fewer than 30 customers there are no pile.
    """
    calendar = calendar_of(triangle.period, triangle.week_start)
    after = np.minimum(first_day(period_of(triangle.cohort, calendar) + 1, calendar), triangle.as_of + 1)
    size = triangle.size // max(1, round(float(triangle.size.sum(dtype=np.float64)) / _ENOUGH))
    if not size.any():
        return
    place = np.arange(size.sum()) - np.repeat(np.cumsum(size) - size, size)
    length = np.repeat((after - triangle.cohort).astype(np.int64), size)
    days = pile_of_first_days(np.repeat(triangle.cohort, size) + place * length // np.repeat(size, size))
    old = triangle.cohort < triangle.cohort[0] + days
    k = int(old.sum())
    where = "cohort" if k == 1 else counted(k, "cohort")
    warn_of_pile(where, old, advice_on_old("retention_triangle"), size=triangle.size)


def _cost_of_each(acquisition_cost: ArrayLike, cohort: Dates) -> Floats:
    n = len(cohort)
    by_cohort = labelled("acquisition_cost", acquisition_cost)
    if by_cohort is not None:
        days = as_day_column("acquisition_cost", list(by_cohort)).tolist()
        costs = dict(zip(days, by_cohort.values(), strict=True))
        unlike = sorted(set(days) ^ set(cohort.tolist()))
        if unlike or len(costs) != len(days):
            rule = f"for each of the {n} cohorts, by its first day"
            raise InputError("acquisition_cost", rule, str(unlike[0]) if unlike else "the same day twice")
        acquisition_cost = [costs[day] for day in cohort.tolist()]
    (cost,) = as_floats(acquisition_cost=acquisition_cost)
    require(cost >= 0, "acquisition_cost", cost, ">= 0")
    if cost.shape not in ((), (n,)):
        raise InputError("acquisition_cost", f"one number, or one for each of the {n} cohorts", cost.shape)
    return np.broadcast_to(cost, (n,)).copy()
