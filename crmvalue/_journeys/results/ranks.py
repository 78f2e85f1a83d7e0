"""How sure a rank is: the chance of each row to be among the best."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from crmvalue._core.checks import as_text, require
from crmvalue._core.frames import Columns
from crmvalue._core.json import from_json, to_json
from crmvalue._core.labels import counted, money
from crmvalue._core.pictures.pictured import Pictured
from crmvalue._core.values import (
    array_columns,
    checked_field,
    count_field,
    hand_over,
    label_column,
    number_column,
    require_columns,
    stay_frozen,
    whole_table,
)
from crmvalue._journeys.results.pictures import rank_parts
from crmvalue.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue._core.pictures.parts import Parts
    from crmvalue.typing import Floats, Integers

__all__ = ["JourneyRank", "chances", "rank_of"]

_GRID = 400  # points at which the chance is added up
_REACH = 8.0  # standard errors to both sides
_MOST_WORK = 12_500_000  # pairs of rows, times the places that are counted: some ten seconds


@stay_frozen
@attrs.frozen(kw_only=True)
class JourneyRank(Columns, Pictured):
    """Rows of results by rank, the best first, and how sure that is.

    Parameters
    ----------
    label : ndarray of str
        What the row is about, such as "birthday".
    value : ndarray
        Figure by which the rows are ranked.
    error : ndarray
        Its standard error.
    place : ndarray of int
        Rank by `value`, 1 for the best; equal values share the better place.
    prob_best, prob_top : ndarray
        Probability that the row is the best, and that it is among the best `top`.
    top : int
        How many count as the best.
    rank_by : str
        Name of the figure.
    n_unknown : int
        Rows of the results that are not ranked, because their figure or its error is not known.

    Examples
    --------
    >>> found = JourneyRank(
    ...     label=["birthday"],
    ...     value=[5.0],
    ...     error=[1.0],
    ...     place=[1],
    ...     prob_best=[1.0],
    ...     prob_top=[1.0],
    ...     top=3,
    ...     rank_by="revenue",
    ... )
    >>> found.conclusion
    'By revenue, birthday is the only row (5.00).'
    """

    label: npt.NDArray[np.str_] = label_column("label", texts=True)
    value: Floats = number_column("value")
    error: Floats = number_column("error")
    place: Integers = whole_table("place", low=1)
    prob_best: Floats = number_column("prob_best")
    prob_top: Floats = number_column("prob_top")
    top: int = count_field("top", low=1)
    rank_by: str = checked_field("rank_by", as_text)
    n_unknown: int = count_field("n_unknown", default=0)

    def __attrs_post_init__(self) -> None:
        require_columns(self, len(self.label), ("value", "error", "place", "prob_best", "prob_top"), "rows")
        require(self.error >= 0, "error", self.error, ">= 0")
        for name in ("prob_best", "prob_top"):
            prob = getattr(self, name)
            require((prob >= 0) & (prob <= 1), name, prob, "in [0, 1]")

    def __len__(self) -> int:
        return len(self.label)

    def _parts(self) -> Parts:
        return rank_parts(self.label, self.prob_best, self.prob_top, self.top, self.rank_by)

    @property
    def conclusion(self) -> str:
        """Say of each of the best rows how sure its rank is."""
        if not len(self):
            return "No row has both a known figure and a known error."
        figure, unknown = self.rank_by.replace("_", " "), ""
        if self.n_unknown:
            unknown = f" Not ranked, without a known figure or error: {counted(self.n_unknown, 'row')}."
        if len(self) == 1:
            return f"By {figure}, {self.label[0]} is the only row ({money(self.value[0])}).{unknown}"
        if len(self) <= self.top:  # each of them is among the best
            rows = [
                f"{name} ({money(value)})" for name, value in zip(self.label.tolist(), self.value.tolist(), strict=True)
            ]
            return (
                f"By {figure}, the {len(self)} rows are {', '.join(rows)}. "
                f"{self.label[0]} is the best with {_percent(float(self.prob_best[0]))}.{unknown}"
            )
        place = "the best" if self.top == 1 else f"among the best {self.top}"
        lines = [
            f"{name} is {place} with {_percent(prob)} ({money(value)})"
            for name, prob, value in zip(self.label.tolist(), self.prob_top.tolist(), self.value.tolist(), strict=True)
        ]
        return f"By {figure}, {'; '.join(lines[: self.top])}.{unknown}"

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give all columns by name, for a dataframe of any kind."""
        return array_columns(self)

    def to_json(self) -> str:
        """Write the ranks as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> JourneyRank:
        """Read what :meth:`to_json` wrote; other text raises :class:`~crmvalue.errors.InputError`."""
        return from_json(cls, text)


def rank_of(label: npt.NDArray[np.str_], value: Floats, error: Floats, top: int, rank_by: str) -> JourneyRank:
    """Rank rows whose figure is known, the largest first."""
    known = np.isfinite(value) & np.isfinite(error)
    order = np.nonzero(known)[0]
    order = order[np.argsort(-value[order], kind="stable")]
    _require_few(len(order), top)
    found = chances(value[order], error[order], top)
    return JourneyRank(
        label=hand_over(label[order]),
        value=hand_over(value[order]),
        error=hand_over(error[order]),
        place=hand_over(1 + np.searchsorted(-value[order], -value[order])),
        prob_best=hand_over(found[0]),
        prob_top=hand_over(found[1]),
        top=top,
        rank_by=rank_by,
        n_unknown=int(np.count_nonzero(~known)),
    )


def _require_few(n_rows: int, top: int) -> None:
    """Refuse so many rows that comparing each with all others would take long."""
    places = (top if top < n_rows else 1) + 3
    if n_rows**2 * places > _MOST_WORK:
        most = math.isqrt(_MOST_WORK // places)
        rule = f"of at most {most:,} rows with a known figure, to rank the best {top:,}"
        raise InputError("results", rule, n_rows, hint="split them by fewer names, or by a longer period")


def chances(value: Floats, error: Floats, top: int) -> tuple[Floats, Floats]:
    """Find for independent normal figures the probability to be the best, and to be among the best `top`.

    For each possible value of one figure, the others that are larger are counted by their distribution.
    """
    from scipy import special

    n = len(value)
    if n == 0:
        return np.zeros(0), np.zeros(0)
    scale, most = float(error.max()), top if top < n else 1  # all are among so many
    if scale == 0:
        return _without_error(value, 1), _without_error(value, min(top, n))
    spread = np.maximum(error, 1e-6 * scale)
    step = np.linspace(-_REACH, _REACH, _GRID)
    with np.errstate(under="ignore"):
        weight = np.exp(-(step**2) / 2)
        weight /= weight.sum()
        at = value[:, np.newaxis] + spread[:, np.newaxis] * step
        ahead = np.zeros((most + 1, n, _GRID))  # chance that so many others are larger; the last: or more
        ahead[0] = 1.0
        for j in range(n):
            larger = special.ndtr((value[j] - at) / spread[j])
            larger[j] = 0.0  # nobody is ahead of themselves
            ahead[-1] += ahead[-2] * larger
            for k in range(most - 1, -1, -1):
                ahead[k] *= 1 - larger
                if k:
                    ahead[k] += ahead[k - 1] * larger
        best: Floats = np.clip(ahead[0] @ weight, 0.0, 1.0)
        chosen: Floats = np.clip(ahead[:most].sum(axis=0) @ weight, 0.0, 1.0) if top < n else np.ones(n)
    return best, chosen


def _without_error(value: Floats, most: int) -> Floats:
    """Find the chance to be among the best where all figures are certain; equal ones share the last places."""
    last = np.sort(value)[::-1][most - 1]
    above, level = value > last, value == last
    chance: Floats = above + level * ((most - above.sum()) / level.sum())
    return chance


def _percent(prob: float) -> str:
    """Write a probability in whole percent; what is not certain, or impossible, is not said to be."""
    if 0.995 <= prob < 1 - 1e-9:
        return "more than 99 %"
    if 1e-9 < prob < 0.005:
        return "less than 1 %"
    return f"{100 * prob:.0f} %"
