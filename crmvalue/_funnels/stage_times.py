"""How long prospects stay at each stage of a funnel, with those who are still there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from crmvalue._core.checks import as_column, require
from crmvalue._core.frames import Columns
from crmvalue._core.json import from_json, to_json
from crmvalue._core.labels import as_given
from crmvalue._core.pictures.pictured import Pictured
from crmvalue._core.values import (
    hand_over,
    number_column,
    number_table,
    require_columns,
    stay_frozen,
    whole_table,
    words_field,
)
from crmvalue._funnels.events import EventFunnel
from crmvalue._funnels.pictures import times_parts
from crmvalue.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue._core.pictures.parts import Parts
    from crmvalue.typing import ArrayLike, Floats, Integers

    Bools = npt.NDArray[np.bool_]

__all__ = ["StageTimes", "time_in_stage"]

_SAME = 1e-10  # the curve is a product of up to millions of rounded factors; its steps are larger than this


@stay_frozen
@attrs.frozen(kw_only=True)
class StageTimes(Columns, Pictured):
    """Quantiles of the time that attempts take from stage to stage.

    Parameters
    ----------
    stages : tuple of str
        Names of the stages.
    prob : ndarray
        Probabilities of the quantiles.
    time_in_stage : ndarray
        Days by which each share has moved on, shape (stages - 1, quantiles); infinite where so many were not seen to
        move on.
    time_to_convert : ndarray
        The same from entry to the last stage, shape (quantiles,).
    n_moved_on : ndarray of int
        Attempts at each stage but the last that reached the next.
    n_censored : ndarray of int
        Attempts at each stage but the last that did not: they are lost, or open at the end of the log.

    Examples
    --------
    >>> from crmvalue.funnels import funnel_from_events
    >>> result = funnel_from_events(
    ...     [1, 1, 2, 2],
    ...     ["lead", "deal"] * 2,
    ...     ["2024-01-01", "2024-01-05", "2024-01-02", "2024-01-04"],
    ...     ["lead", "deal"],
    ...     as_of="2024-03-01",
    ... )
    >>> time_in_stage(result).time_to_convert
    array([2., 2., 4.])
    """

    stages: tuple[str, ...] = words_field("stages", distinct=True)
    prob: Floats = number_column("prob", low=0.0, high=1.0)
    time_in_stage: Floats = number_table("time_in_stage", 2, low=0.0, infinite=True)
    time_to_convert: Floats = number_column("time_to_convert", low=0.0, infinite=True)
    n_moved_on: Integers = whole_table("n_moved_on")
    n_censored: Integers = whole_table("n_censored")

    def __attrs_post_init__(self) -> None:
        n_steps = len(self.stages) - 1
        if not len(self.prob):
            raise InputError("prob", "at least one probability", [])
        _require_different(self.prob)
        if self.time_in_stage.shape != (n_steps, len(self.prob)):
            raise InputError("time_in_stage", f"of shape ({n_steps}, {len(self.prob)})", self.time_in_stage.shape)
        require_columns(self, len(self.prob), ("time_to_convert",), "shares")
        require_columns(self, n_steps, ("n_moved_on", "n_censored"), "steps")

    def _parts(self) -> Parts:
        days = np.vstack((self.time_in_stage, self.time_to_convert))
        return times_parts(self._steps(), self.prob, days, (self.n_moved_on, self.n_censored))

    def _steps(self) -> tuple[str, ...]:
        steps = [f"{one} to {other}" for one, other in zip(self.stages[:-1], self.stages[1:], strict=True)]
        return (*steps, "entry to conversion")

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give the table column by column, for a dataframe of any kind.

        Returns
        -------
        dict of str to ndarray
            One row for each stage but the last, and one for the time from entry to conversion. Each quantile has a
            column such as "0.5" [days].
        """
        table = np.vstack((self.time_in_stage, self.time_to_convert))
        columns = {"step": np.array(self._steps())}
        return columns | {as_given(p): table[:, k] for k, p in enumerate(self.prob.tolist())}

    def to_json(self) -> str:
        """Write the times as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> StageTimes:
        """Read what :meth:`to_json` wrote."""
        return from_json(cls, text)


def _require_different(prob: Floats) -> None:
    """Check that no probability stands there twice: a table has one column for each."""
    first = np.unique(prob, return_index=True)[1]
    require(np.isin(np.arange(len(prob)), first), "prob", prob, "different probabilities")


def time_in_stage(result: EventFunnel, *, prob: ArrayLike = (0.25, 0.5, 0.75)) -> StageTimes:
    """Quantiles of the days at each stage and from entry to conversion, by Kaplan and Meier.

    Parameters
    ----------
    result : EventFunnel
        Attempts, as :func:`funnel_from_events` gives them. All groups are taken together; for one of them, give
        ``result.of_group(...)``.
    prob : array_like, default (0.25, 0.5, 0.75)
        Different probabilities of the quantiles, in (0, 1); 0.5 is the median.

    Returns
    -------
    StageTimes
        Quantiles in days, and how many attempts moved on and how many did not.

    Raises
    ------
    InputError
        If a probability is outside (0, 1), or stands there twice.

    Notes
    -----
    The time at a stage ends with the next stage. Lost attempts are censored when they are lost, and open attempts at
    `as_of`. So a quantile is the time by which that share moves on, among prospects who are not lost on the way. It is
    infinite where too few moved on, such as the median where fewer than half did. With order "stages", an attempt that
    skipped a stage counts there with 0 days.

    References
    ----------
    Kaplan, E. L. and Meier, P. (1958). Nonparametric estimation from incomplete observations. Journal of the American
    Statistical Association 53, 457-481.

    Examples
    --------
    >>> from crmvalue.funnels import funnel_from_events
    >>> result = funnel_from_events(
    ...     [1, 1, 2, 2, 3],
    ...     ["lead", "deal", "lead", "deal", "lead"],
    ...     ["2024-01-01", "2024-01-05", "2024-01-02", "2024-01-12", "2024-01-20"],
    ...     ["lead", "deal"],
    ...     as_of="2024-03-01",
    ... )
    >>> time_in_stage(result, prob=[0.5]).time_in_stage
    array([[10.]])
    """
    if not isinstance(result, EventFunnel):
        raise InputError("result", "an EventFunnel", result)
    shares = as_column("prob", prob)
    if not len(shares):
        raise InputError("prob", "at least one probability", [])
    require((shares > 0) & (shares < 1), "prob", shares, "in (0, 1)")
    _require_different(shares)
    k = len(result.stages)
    quantiles, moved, stayed = [], [], []
    for stage in range(k - 1):
        values, over = _waits(result, stage, stage + 1)
        quantiles.append(_quantiles(values, over, shares))
        moved.append(int(over.sum()))
        stayed.append(len(over) - moved[-1])
    return StageTimes(
        stages=result.stages,
        prob=hand_over(shares.copy()),
        time_in_stage=hand_over(np.array(quantiles)),
        time_to_convert=hand_over(_quantiles(*_waits(result, 0, k - 1), shares)),
        n_moved_on=hand_over(np.array(moved)),
        n_censored=hand_over(np.array(stayed)),
    )


def _waits(result: EventFunnel, one: int, other: int) -> tuple[Floats, Bools]:
    """Days from one stage to another, and whether the other was reached; otherwise the days until the attempt ended."""
    at = result.n_reached > one
    over = result.n_reached[at] > other
    until = np.where(over, result.step_time[at, other], result.ended_at[at])
    waited: Floats = (until - result.step_time[at, one]) / np.timedelta64(1, "D")
    return waited, over


@np.errstate(under="ignore")  # scipy asks for the number next to a wait of 0
def _quantiles(waited: Floats, over: Bools, prob: Floats) -> Floats:
    from scipy import stats

    if not over.any():
        return np.full(len(prob), np.inf)
    curve = stats.ecdf(stats.CensoredData(uncensored=waited[over], right=waited[~over])).sf
    place = np.searchsorted(-curve.probabilities, prob - 1 - _SAME)  # first time with S <= 1 - prob
    return np.append(curve.quantiles, np.inf)[place]
