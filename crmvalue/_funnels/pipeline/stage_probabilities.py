"""Chances of a deal by the stage that it has reached, learned from closed deals, and the pace of a pipeline."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from crmvalue._core.checks import (
    as_column,
    as_counts,
    as_floats,
    as_fraction,
    as_outcomes,
    as_text,
    read_json,
    require,
    require_same_length,
)
from crmvalue._core.customers import encode_customers
from crmvalue._core.values import array_field, hand_over, read_only, stay_frozen
from crmvalue._funnels.counts import Funnel
from crmvalue.errors import InputError
from crmvalue.metrics import proportion_interval
from crmvalue.typing import Interval

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue.typing import ArrayLike, FloatOrArray, Floats, Integers

    Bools = npt.NDArray[np.bool_]

__all__ = ["StageProbabilities", "pipeline_velocity", "share_interval", "stage_probabilities"]


def _stages(value: object) -> tuple[str, ...]:
    if isinstance(value, Funnel):
        return value.stages
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise InputError("stages", "names of stages in their order", value)
    stages = tuple(as_text("stages", stage) for stage in value)
    for index, stage in enumerate(stages):
        if not stage.strip() or stage in stages[:index]:
            raise InputError("stages", "different names, none empty", stage, index=index)
    if not stages:
        raise InputError("stages", "at least one name", stages)
    return stages


def _counts(name: str) -> Any:
    return array_field(
        lambda value: read_only(hand_over(as_counts(**{name: as_column(name, value)})[0].astype(np.int64)))
    )


@stay_frozen
@attrs.frozen(kw_only=True)
class StageProbabilities:
    """How often deals that reached a stage were won.

    Parameters
    ----------
    stages : Funnel or iterable of str
        Stages in their order.
    n_reached : array_like of int
        Closed deals that reached each stage, shape (stages,); it never rises.
    n_won : array_like of int
        Those of them that were won.

    Examples
    --------
    >>> learned = StageProbabilities(stages=("call", "offer"), n_reached=[200, 50], n_won=[20, 20])
    >>> learned.prob_won
    array([0.1, 0.4])
    """

    stages: tuple[str, ...] = attrs.field(converter=_stages)
    n_reached: Integers = _counts("n_reached")
    n_won: Integers = _counts("n_won")

    def __attrs_post_init__(self) -> None:
        for name, column in (("n_reached", self.n_reached), ("n_won", self.n_won)):
            if len(column) != len(self.stages):
                raise InputError(name, f"one for each of the {len(self.stages)} stages", len(column))
            require(np.diff(column, prepend=column[0]) <= 0, name, column, "at most that of the stage before")
        require(self.n_won <= self.n_reached, "n_won", self.n_won, "at most `n_reached`")

    @property
    def prob_won(self) -> Floats:
        """Won over reached, for each stage; NaN where no closed deal reached it."""
        found: Floats = np.divide(
            self.n_won, self.n_reached, out=np.full(len(self.stages), np.nan), where=self.n_reached > 0
        )
        return found

    @property
    def conclusion(self) -> str:
        """What was won from each stage, with 95 % intervals."""
        low, high = map(np.asarray, self.interval())
        parts = [
            f"{stage} {won:,} of {reached:,} ({p:.0%}, {a:.0%} to {b:.0%})" if reached else f"{stage} unknown"
            for stage, won, reached, p, a, b in zip(
                self.stages, self.n_won.tolist(), self.n_reached.tolist(), self.prob_won, low, high, strict=True
            )
        ]
        return f"Won of those who reached: {', '.join(parts)}."

    def interval(self, *, level: float = 0.95) -> Interval:
        """Give Wilson's interval of each probability.

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
        columns = {"stage": np.array(self.stages), "n_reached": self.n_reached, "n_won": self.n_won}
        return columns | {"prob_won": self.prob_won, "low": low, "high": high}

    def assign(self, stage: ArrayLike) -> Floats:
        """Give open deals the probability of the stage where they are.

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
        """Give open deals the ends of the interval of their stage.

        Parameters
        ----------
        stage : array_like of str
            Stage of each open deal, shape (deals,).
        level : float, optional
            Level of each interval by itself, in (0, 1).

        Returns
        -------
        Interval
            `low` and `high`, shape (deals,): two more forecasts, of how bad and how good the chances may be.

        Raises
        ------
        InputError
            If a stage is unknown, no closed deal reached it, or the level is outside (0, 1).
        """
        low, high = self.interval(level=level)
        return Interval(self._of_deals(stage, np.asarray(low)), self._of_deals(stage, np.asarray(high)))

    def to_json(self) -> str:
        """Write the counts as JSON text.

        Returns
        -------
        str
            A JSON object with the fields.
        """
        fields = {"stages": self.stages, "n_reached": self.n_reached.tolist(), "n_won": self.n_won.tolist()}
        return json.dumps(fields, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> StageProbabilities:
        """Read what :meth:`to_json` wrote.

        Parameters
        ----------
        text : str
            JSON text.

        Returns
        -------
        StageProbabilities
            Equal probabilities.

        Raises
        ------
        InputError
            If the text is not what :meth:`to_json` wrote.
        """
        return read_json(text, lambda fields: cls(**fields))

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
    """Learn from closed deals how often a deal that reached a stage is won.

    Parameters
    ----------
    furthest_stage : array_like of str
        Furthest stage that each closed deal reached, shape (deals,). It reached all stages before it too.
    won : array_like
        Whether it was won, True and False or 1 and 0, shape (deals,). A won deal has been through all stages,
        whatever is noted as its furthest.
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
    Use closed deals alone: open ones have not been lost. Deals of the last weeks that are closed already are mostly
    the quickly lost ones; take those opened long enough ago that nearly all are closed.

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
    """Money that a pipeline turns into revenue each day.

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
    ``n_deals * average_deal * win_rate / cycle_days``, usual in sales management. It takes the pipeline as refilled at
    the same pace.

    Examples
    --------
    >>> pipeline_velocity(40, 5000, 0.25, 50)
    np.float64(1000.0)
    """
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


def share_interval(n_won: Integers, n_all: Integers, level: float) -> Interval:
    low, high = proportion_interval(n_won, np.maximum(n_all, 1), level=level)
    return Interval(np.where(n_all > 0, low, np.nan), np.where(n_all > 0, high, np.nan))
