"""Probability that a deal is won by the stage it has reached, learned from closed deals, and pipeline velocity."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from crmvalue._core.checks import (
    as_counts,
    as_floats,
    as_fraction,
    as_outcomes,
    require,
    require_same_index,
    require_same_length,
)
from crmvalue._core.encoding.customers import encode_customers, text_array
from crmvalue._core.frames import Columns
from crmvalue._core.json import from_json, to_json
from crmvalue._core.labels import percent
from crmvalue._core.values import count_column, stay_frozen
from crmvalue._funnels.counts import Funnel, as_names, share, share_interval
from crmvalue.errors import InputError
from crmvalue.typing import Interval

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt

    from crmvalue.typing import ArrayLike, FloatOrArray, Floats, Integers

    Bools = npt.NDArray[np.bool_]

__all__ = ["StageProbabilities", "pipeline_velocity", "stage_probabilities"]


def _stages(value: object) -> tuple[str, ...]:
    if isinstance(value, Funnel):
        return value.stages
    stages = as_names("stages", value)
    if not stages:
        raise InputError("stages", "at least one name", stages)
    return stages


@stay_frozen
@attrs.frozen(kw_only=True)
class StageProbabilities(Columns):
    """Share of the deals that reached each stage and were won.

    Parameters
    ----------
    stages : Funnel or iterable of str
        Stages in their order.
    n_reached : array_like of int
        Closed deals that reached each stage, shape (stages,); the counts never rise.
    n_won : array_like of int
        Won deals among them.

    Examples
    --------
    >>> learned = StageProbabilities(stages=("call", "offer"), n_reached=[200, 50], n_won=[20, 20])
    >>> learned.prob_won
    array([0.1, 0.4])
    """

    stages: tuple[str, ...] = attrs.field(converter=_stages)
    n_reached: Integers = count_column("n_reached")
    n_won: Integers = count_column("n_won")

    def __attrs_post_init__(self) -> None:
        for name, column in (("n_reached", self.n_reached), ("n_won", self.n_won)):
            if len(column) != len(self.stages):
                raise InputError(name, f"one for each of the {len(self.stages)} stages", len(column))
            require(np.diff(column, prepend=column[0]) <= 0, name, column, "at most the count of the stage before")
        require(self.n_won <= self.n_reached, "n_won", self.n_won, "at most `n_reached`")

    @property
    def prob_won(self) -> Floats:
        """Share of the closed deals at each stage that were won; NaN where no closed deal reached it."""
        return share(self.n_won, self.n_reached)

    @property
    def conclusion(self) -> str:
        """How many deals were won from each stage, with 95 % intervals."""
        low, high = map(np.asarray, self.interval())
        rates = [[percent(x, digits=0) for x in column] for column in (self.prob_won, low, high)]
        parts = [
            f"{stage} {won:,} of {reached:,} ({p}, {a} to {b})" if reached else f"{stage} unknown"
            for stage, won, reached, p, a, b in zip(
                self.stages, self.n_won.tolist(), self.n_reached.tolist(), *rates, strict=True
            )
        ]
        return f"Won deals among those that reached a stage: {', '.join(parts)}."

    def interval(self, *, level: float = 0.95) -> Interval:
        """Wilson's interval for the probability of each stage.

        Parameters
        ----------
        level : float, optional
            Level of each interval by itself, in (0, 1).

        Returns
        -------
        Interval
            `low` and `high`, shape (stages,); NaN where no closed deal reached the stage.

        Raises
        ------
        InputError
            If the level is outside (0, 1).
        """
        return share_interval(self.n_won, self.n_reached, as_fraction("level", level))

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give the table column by column, for a dataframe of any kind.

        Returns
        -------
        dict of str to ndarray
            One row for each stage, with 95 % intervals.
        """
        low, high = map(np.asarray, self.interval())
        columns = {"stage": text_array(self.stages), "n_reached": self.n_reached, "n_won": self.n_won}
        return columns | {"prob_won": self.prob_won, "low": low, "high": high}

    def assign(self, stage: ArrayLike) -> Floats:
        """Give each open deal the probability of its stage.

        Parameters
        ----------
        stage : array_like of str
            Stage of each open deal, shape (deals,).

        Returns
        -------
        ndarray
            Probability that each is won, shape (deals,), for :func:`forecast_pipeline`.

        Raises
        ------
        InputError
            If a stage is unknown, or no closed deal reached it.
        """
        return self._of_deals(stage, self.prob_won)

    def assign_interval(self, stage: ArrayLike, *, level: float = 0.95) -> Interval:
        """Give each open deal the interval of the probability of its stage.

        Parameters
        ----------
        stage : array_like of str
            Stage of each open deal, shape (deals,).
        level : float, optional
            Level of each interval by itself, in (0, 1).

        Returns
        -------
        Interval
            `low` and `high`, shape (deals,), for a low and a high forecast.

        Raises
        ------
        InputError
            If a stage is unknown, no closed deal reached it, or the level is outside (0, 1).
        """
        low, high = self.interval(level=level)
        return Interval(self._of_deals(stage, np.asarray(low)), self._of_deals(stage, np.asarray(high)))

    def to_json(self) -> str:
        """Write the counts as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> StageProbabilities:
        """Read what :meth:`to_json` wrote."""
        return from_json(cls, text)

    def _of_deals(self, stage: ArrayLike, of_stage: Floats) -> Floats:
        place = _stage_index("stage", stage, self.stages)
        seen = self.n_reached[place] > 0
        rule = "a stage that a closed deal has reached, so that its probability is known"
        require(seen, "stage", np.array(self.stages, dtype=object)[place], rule)
        chance: Floats = of_stage[place]
        return chance


def stage_probabilities(
    furthest_stage: ArrayLike, won: ArrayLike, *, stages: Funnel | Iterable[str]
) -> StageProbabilities:
    """Learn from closed deals how often deals from each stage are won.

    Parameters
    ----------
    furthest_stage : array_like of str
        Furthest stage of each closed deal, shape (deals,). The deal has reached all stages before it too.
    won : array_like
        Whether each deal was won, True and False or 1 and 0, shape (deals,). A won deal has reached all stages,
        whatever its furthest stage says.
    stages : Funnel or iterable of str
        Stages in their order, without the win itself.

    Returns
    -------
    StageProbabilities
        Counts, probabilities and intervals by stage.

    Raises
    ------
    InputError
        If the columns differ in length or are empty, a stage is unknown, or `won` is not True or False.

    Notes
    -----
    Use closed deals only, because open deals are not lost. Among recent deals, those closed already are mostly the ones
    that were lost quickly. Use deals that were opened so long ago that nearly all are closed.

    Examples
    --------
    >>> learned = stage_probabilities(
    ...     ["offer", "call", "offer", "call"], [True, False, False, False], stages=["call", "offer"]
    ... )
    >>> learned.prob_won
    array([0.25, 0.5 ])
    >>> learned.assign(["offer", "offer", "call"])
    array([0.5 , 0.5 , 0.25])
    """
    require_same_index(furthest_stage=furthest_stage, won=won)
    names = _stages(stages)
    place = _stage_index("furthest_stage", furthest_stage, names)
    is_won = as_outcomes("won", won)
    require_same_length(furthest_stage=place, won=is_won)
    place = np.where(is_won, len(names) - 1, place)
    n_furthest = np.bincount(place, minlength=len(names))
    n_reached = n_furthest[::-1].cumsum()[::-1]
    return StageProbabilities(stages=names, n_reached=n_reached, n_won=np.full(len(names), int(is_won.sum())))


def pipeline_velocity(
    n_deals: ArrayLike, average_deal: ArrayLike, win_rate: ArrayLike, cycle_days: ArrayLike
) -> FloatOrArray:
    """Revenue that a pipeline brings per day.

    Parameters
    ----------
    n_deals : array_like
        Open deals, a whole number >= 0.
    average_deal : array_like
        Average amount of a won deal [money], >= 0.
    win_rate : array_like
        Share of deals that are won, in [0, 1].
    cycle_days : array_like
        Average time from the opening of a deal to its end [days], > 0.

    Returns
    -------
    float or ndarray
        Money per day.

    Raises
    ------
    InputError
        If an input is NaN, infinite or outside its range.

    Notes
    -----
    ``n_deals * average_deal * win_rate / cycle_days``, usual in sales management. It assumes that new deals replace
    closed ones at the same rate.

    Examples
    --------
    >>> print(pipeline_velocity(40, 5000, 0.25, 50))
    1000.0
    """
    require_same_index(n_deals=n_deals, average_deal=average_deal, win_rate=win_rate, cycle_days=cycle_days)
    (n,) = as_counts(n_deals=n_deals)
    _, deal, rate, days = as_floats(n_deals=n, average_deal=average_deal, win_rate=win_rate, cycle_days=cycle_days)
    require(deal >= 0, "average_deal", deal, ">= 0")
    require((rate >= 0) & (rate <= 1), "win_rate", rate, "in [0, 1]", hint="0.25, not 25")
    require(days > 0, "cycle_days", days, "> 0")
    return (n * deal * rate / days)[()]


def _stage_index(name: str, value: ArrayLike, stages: tuple[str, ...]) -> Integers:
    names, code = encode_customers(name, value)
    place = {stage: i for i, stage in enumerate(stages)}
    of_name = np.array([place.get(stage, -1) for stage in names.tolist()], dtype=np.int64)
    found: Integers = of_name[code]
    require(found >= 0, name, names[code], f"one of {', '.join(stages)}")
    return found
