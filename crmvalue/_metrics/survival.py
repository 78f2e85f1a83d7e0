"""Waiting times, some of which are not over: the Kaplan-Meier curve, its mean and its quantiles."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from crmvalue._core.checks import as_float, require
from crmvalue._core.values import given_field
from crmvalue.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue._core.clock.business_hours import BusinessHours
    from crmvalue.typing import ArrayLike, Dates, Floats

__all__ = ["WaitingTimes", "require_order", "require_waits", "summarise_waiting", "survival_curve", "waiting_field"]

_SAME = 1e-10  # the curve is a product of up to millions of rounded factors; its steps are larger than this


class WaitingTimes(NamedTuple):
    """Summary of one column of waiting times."""

    mean: float
    median: float
    percentile_90: float
    n_over: int
    n_open: int
    n_later: int

    def named(self, n_over: str) -> dict[str, Any]:
        """Give the fields of a result that has another name for `n_over`."""
        return {n_over if name == "n_over" else name: value for name, value in self._asdict().items()}


def summarise_waiting(
    start_name: str,
    start: Dates,
    end: Dates,
    as_of: np.datetime64,
    unit: Literal["h", "D"],
    business_hours: BusinessHours | None = None,
) -> WaitingTimes:
    """Summarise the times from `start` to `end`, as known at `as_of`, in units of `unit`, or in business hours.

    Rows that start later are only counted. A row whose end is missing (NaT) or later still waits at `as_of`.
    """
    known = start <= as_of
    if not known.any():
        raise InputError(start_name, "at or before `as_of` in at least one row", str(start.min()))
    begun, ended = start[known], end[known]
    over = ended <= as_of  # NaT compares false
    stopped = np.where(over, ended, as_of)
    if business_hours is None:
        waited = (stopped - begun) / np.timedelta64(1, unit)
    else:
        waited = np.asarray(business_hours.hours_between(begun, stopped))
    time, survival = survival_curve(waited, over)
    n_over = int(over.sum())
    return WaitingTimes(
        mean=float(np.diff(time, prepend=0.0) @ np.append(1.0, survival[:-1])),
        median=_quantile(time, survival, 0.5),
        percentile_90=_quantile(time, survival, 0.9),
        n_over=n_over,
        n_open=len(over) - n_over,
        n_later=len(start) - len(over),
    )


@np.errstate(under="ignore")  # scipy asks for the number next to a wait of 0
def survival_curve(waited: Floats, over: npt.NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Distinct times in ascending order, and the share of waits that last longer than each (Kaplan-Meier)."""
    from scipy import stats

    curve = stats.ecdf(stats.CensoredData(uncensored=waited[over], right=waited[~over])).sf
    return curve.quantiles, curve.probabilities


def require_order(start_name: str, start: Dates, end_name: str, end: Dates) -> None:
    """Check that nothing ends before it starts; a missing end passes."""
    require(~(end < start), end_name, end, f"at or after `{start_name}`")


def require_waits(times: Any, n_over: str) -> None:
    """Check a result with waiting times; `n_over` is its name for the waits that are over."""
    require(times.percentile_90 >= times.median, "percentile_90", times.percentile_90, "at least `median`")
    require(getattr(times, n_over) + times.n_open > 0, "n_open", times.n_open, f"> 0 where `{n_over}` is 0")
    known = getattr(times, n_over) > 0 or math.isinf(times.median)
    require(known, "median", times.median, f"infinite where `{n_over}` is 0")
    known = times.n_open > 0 or math.isfinite(times.percentile_90)
    require(known, "percentile_90", times.percentile_90, "finite where `n_open` is 0")


def waiting_field(name: str) -> Any:
    """Field for a waiting time; it is infinite if too few waits are over to tell."""

    def convert(value: ArrayLike) -> float:
        number = value if isinstance(value, float | np.floating) and value == math.inf else as_float(name, value)
        require(number >= 0, name, number, ">= 0")
        return float(number)

    return given_field(converter=convert)


def _quantile(time: Floats, survival: Floats, prob: float) -> float:
    # Where the curve is level at exactly 1 - prob, the middle of that stretch is the quantile, as the plain median of
    # an even number of values is the middle of two.
    (reached,) = np.nonzero(survival <= 1 - prob + _SAME)
    (passed,) = np.nonzero(survival < 1 - prob - _SAME)
    if not reached.size:
        return math.inf
    end = time[passed[0]] if passed.size else time[-1]
    return float((time[reached[0]] + end) / 2)
