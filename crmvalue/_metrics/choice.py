"""Choice by weighted criteria, and how far it depends on the weights; :mod:`crmvalue.metrics` is the public door."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from crmvalue._core.checks import as_float, as_text
from crmvalue._core.encoding.customers import text_array
from crmvalue._core.frames import Columns
from crmvalue._core.json import from_json, to_json
from crmvalue._core.labels import listed, money
from crmvalue._core.values import hand_over, number_column, number_table, require_columns, stay_frozen, words_field
from crmvalue.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue.typing import Floats

__all__ = ["WeightedChoice", "weighted_choice"]

_ROUNDING = 1e-12
_COLUMNS = ("option", "score")
"""Columns of the table of a choice beside its criteria."""


@stay_frozen
@attrs.frozen(kw_only=True)
class WeightedChoice(Columns):
    """Options with their weighted marks, and what a change of the weights would do.

    Parameters
    ----------
    options : tuple of str
        The options, such as systems, channels or partners.
    criteria : tuple of str
        The criteria.
    weights : ndarray
        Weight of each criterion; they sum to 1.
    marks : ndarray
        Mark of each option for each criterion, shape (options, criteria); higher is better.

    Examples
    --------
    >>> choice = WeightedChoice(
    ...     options=["a", "b"], criteria=["price", "support"], weights=[0.5, 0.5], marks=[[9, 4], [5, 7]]
    ... )
    >>> choice.winner, choice.score
    ('a', array([6.5, 6. ]))
    """

    options: tuple[str, ...] = words_field("options", distinct=True)
    criteria: tuple[str, ...] = words_field("criteria", distinct=True)
    weights: Floats = number_column("weights")
    marks: Floats = number_table("marks", 2)

    def __attrs_post_init__(self) -> None:
        if len(self.options) < 2 or not self.criteria:
            raise InputError("options", "at least two, with at least one criterion", self.options)
        taken = next((name for name in self.criteria if name in _COLUMNS), None)
        if taken is not None:
            raise InputError("criteria", f"other names than those of the table, {' and '.join(_COLUMNS)}", taken)
        require_columns(self, len(self.criteria), ("weights",), "criteria")
        if self.marks.shape != (len(self.options), len(self.criteria)):
            raise InputError("marks", "a row for each option and a column for each criterion", self.marks.shape)
        if (self.weights < 0).any() or not math.isclose(self.weights.sum(), 1.0, rel_tol=1e-9):
            raise InputError("weights", ">= 0 with the sum 1", self.weights)

    @property
    def score(self) -> Floats:
        """Weighted mean mark of each option."""
        score: Floats = self.marks @ self.weights
        return score

    @property
    def winner(self) -> str:
        """The option with the highest score; of equal ones the first."""
        return self.options[self._best()]

    @property
    def weight_low(self) -> Floats:
        """Smallest weight of each criterion at which the winner still wins, the others keeping their proportions."""
        return self._ends()[0]

    @property
    def weight_high(self) -> Floats:
        """Largest weight of each criterion at which the winner still wins, the others keeping their proportions."""
        return self._ends()[1]

    @property
    def conclusion(self) -> str:
        """Who wins, and which change of a weight would change that."""
        score, best = self.score, self._best()
        same_score = score[best] - score <= self._rounding()
        tied = [name for i, name in enumerate(self.options) if i != best and same_score[i]]
        if tied:
            *first, last = [self.winner, *tied]
            names = f"{', '.join(first)} and {last}" if len(first) < 20 else listed([*first, last])
            same = f"{names} have the same score of {money(score[best], form='z')}"
            return f"{same}: the marks do not decide."
        low, high = self._ends()
        changes = []
        for name, weight, least, most in zip(self.criteria, self.weights, low, high, strict=True):
            if 1.0 - weight <= _ROUNDING:  # the other criteria have no weight to share
                continue
            if least > 0:
                changes.append(
                    (weight - least, f"below {_apart(least, weight)} for {name} (now {_apart(weight, least)})")
                )
            if most < 1:
                changes.append((most - weight, f"above {_apart(most, weight)} for {name} (now {_apart(weight, most)})"))
        text = f"{self.winner} wins with {money(score[best], form='z')}"
        if not changes:
            return f"{text}, whatever the weight of one criterion."
        return f"{text}. The nearest change of a weight that ends this: {min(changes)[1]}."

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give the score and the marks, a row for each option, for a dataframe of any kind."""
        marks = {name: self.marks[:, i] for i, name in enumerate(self.criteria)}
        return {"option": text_array(self.options), "score": self.score, **marks}

    def to_json(self) -> str:
        """Write options, weights and marks as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str) -> WeightedChoice:
        """Read what :meth:`to_json` wrote, and check it; other text is an InputError."""
        return from_json(cls, text)

    def _best(self) -> int:
        return int(np.argmax(self.score >= self.score.max() - self._rounding()))

    def _rounding(self) -> float:
        """Give the difference of scores that binary arithmetic leaves of nothing, for marks of this size."""
        return _ROUNDING * float(np.abs(self.marks).max())

    def _ends(self) -> tuple[Floats, Floats]:
        """Find for each criterion the weights between which the winner's lead over every other option is not negative.

        With weight u for criterion k the lead over an option is u d_k + (1 - u) r, where d are the differences of the
        marks and r is the lead in the other criteria: a straight line in u.
        """
        best = self._best()
        lead = np.delete(self.marks[best] - self.marks, best, axis=0)
        low, high = np.zeros(len(self.criteria)), np.ones(len(self.criteria))
        for k, weight in enumerate(self.weights.tolist()):
            others = 1.0 - weight
            if others <= _ROUNDING:  # the other criteria have no weight to share
                low[k] = high[k] = 1.0
                continue
            rest = (lead @ self.weights - weight * lead[:, k]) / others
            slope = lead[:, k] - rest
            rounding = self._rounding()
            zero = np.divide(-rest, slope, out=np.full(len(rest), np.nan), where=np.abs(slope) > rounding)
            rising, falling = slope > rounding, slope < -rounding
            low[k] = min(max(0.0, zero[rising].max(initial=0.0)), weight)
            high[k] = max(min(1.0, zero[falling].min(initial=1.0)), weight)
        return low, high


def weighted_choice(marks: Mapping[str, Mapping[str, float]], weights: Mapping[str, float]) -> WeightedChoice:
    r"""Choose among options by marks for weighted criteria, and see how far the choice depends on the weights.

    Parameters
    ----------
    marks : mapping
        Marks of each option by criterion, on one scale for all; higher is better:
        {"A": {"price": 7, "support": 9}, "B": {...}}.
    weights : mapping
        Weight of each criterion, >= 0; they are divided by their sum.

    Returns
    -------
    WeightedChoice
        Scores, the winner, and between which weights it stays the winner.

    Raises
    ------
    InputError
        If a mark is missing or no number, a criterion has no weight, or all weights are 0.

    Notes
    -----
    .. math:: \mathrm{score}_o = \frac{\sum_k w_k \, m_{ok}}{\sum_k w_k}

    Usual definition of a weighted scoring model. Marks on different scales do not add up: bring them to one first. A
    weighted mean lets a strong point make up for a weak one. So leave out options that fail in what is a must.

    Examples
    --------
    >>> choice = weighted_choice(
    ...     {"A": {"price": 9, "support": 4}, "B": {"price": 5, "support": 7}}, {"price": 3, "support": 2}
    ... )
    >>> choice.score, choice.winner
    (array([7. , 5.8]), 'A')
    >>> choice.conclusion
    'A wins with 7.00. The nearest change of a weight that ends this: below 43% for price (now 60%).'
    """
    shares = {
        as_text("weights", name): as_float("weights", weight)
        for name, weight in _as_mapping("weights", weights, "a mapping from criterion to weight").items()
    }
    wrong = next((weight for weight in shares.values() if weight < 0), None)
    if wrong is not None or not sum(shares.values()) > 0:
        raise InputError("weights", ">= 0, and above 0 for at least one criterion", wrong if wrong is not None else 0.0)
    rows = _as_mapping("marks", marks, "a mapping from each of at least two options to its marks")
    if len(rows) < 2:
        raise InputError("marks", "of at least two options", tuple(rows))
    table = []
    for option, given in rows.items():
        row = _as_mapping("marks", given, f"a mapping from criterion to mark for {as_text('marks', option)!r}")
        if set(row) != set(shares):
            raise InputError("marks", f"for {', '.join(shares)} in the option {option!r}", tuple(row))
        table.append([as_float("marks", row[name]) for name in shares])
    column = np.array(list(shares.values()))
    return WeightedChoice(
        options=tuple(rows),
        criteria=tuple(shares),
        weights=hand_over(column / column.sum()),
        marks=hand_over(np.array(table)),
    )


def _apart(share: float, other: float) -> str:
    """Write a share in percent, with as many decimals as tell it from the other one, from 0 and from 100 %."""
    unlike = [x for x in (other, 0.0, 1.0) if x != share]
    places = next((i for i in range(8) if all(f"{share:.{i}%}" != f"{x:.{i}%}" for x in unlike)), 4)
    return f"{share:.{places}%}"


def _as_mapping(name: str, value: Any, rule: str) -> Mapping[Any, Any]:
    if not isinstance(value, Mapping) or not value:
        raise InputError(name, rule, value)
    return value
