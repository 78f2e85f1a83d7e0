"""Credit of channels for conversions, by one of several models."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias, get_args

import attrs
import numpy as np

from crmvalue._attribution.markov import markov_removal_effects
from crmvalue._attribution.pictures import credit_parts
from crmvalue._attribution.shapley import set_shares
from crmvalue._attribution.touch_paths import as_paths, names_field, path_of_touch
from crmvalue._core.checks import as_floats, as_positive, as_text, as_whole_number, require, require_choice
from crmvalue._core.encoding.customers import text_array
from crmvalue._core.frames import Columns
from crmvalue._core.json import from_json, to_json
from crmvalue._core.labels import counted, money, percent
from crmvalue._core.pictures.pictured import Pictured
from crmvalue._core.values import (
    choice_field,
    count_field,
    hand_over,
    number_column,
    number_field,
    require_at_most,
    stay_frozen,
    whole_table,
)
from crmvalue.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue._attribution.touch_paths import Paths
    from crmvalue._core.pictures.parts import Parts
    from crmvalue.typing import ArrayLike, Floats, Integers

__all__ = ["Attribution", "AttributionModel", "attribute"]

AttributionModel: TypeAlias = Literal[
    "first", "last", "last_non_direct", "linear", "position", "time_decay", "markov", "shapley"
]
"""Rules that give credit for a conversion to channels."""

_ROUNDING = 1e-6  # of sums of credits of many paths
_MOST_NAMED = 10  # channels in a sentence
_MODELS = get_args(AttributionModel)


@stay_frozen
@attrs.frozen(kw_only=True)
class Attribution(Columns, Pictured):
    """Credit of each channel for conversions and for their money.

    Parameters
    ----------
    model : str
        The model of :func:`attribute`.
    channels : tuple of str
        Names of the channels.
    conversion_credit : ndarray
        Conversions credited to each channel, shape (channels,).
    value_credit : ndarray or None
        Money credited to each channel [money]; None where the paths have no money.
    n_touches : ndarray of int
        Touches by each channel, in all paths.
    n_paths : ndarray of int
        Paths with a touch by each channel.
    n_conversions : int
        Conversions with a touch. `conversion_credit` sums to this number.
    n_unattributed : int, default 0
        Conversions without a touch, credited to no channel.
    unattributed_value : float or None
        Money of the conversions without a touch [money].

    Examples
    --------
    >>> from crmvalue.attribution import Paths
    >>> paths = Paths.from_lists([["search"], ["mail"], ["search", "mail"], ["search"]], [2, 1, 1, 0])
    >>> credit = attribute(paths, model="markov")
    >>> credit.conclusion
    'Of 4 conversions, search gets 2.4 (60.0%), mail 1.6 (40.0%).'
    """

    model: AttributionModel = choice_field("model", _MODELS)
    channels: tuple[str, ...] = names_field()
    conversion_credit: Floats = number_column("conversion_credit")
    value_credit: Floats | None = number_column("value_credit", default=None)
    n_touches: Integers = whole_table("n_touches")
    n_paths: Integers = whole_table("n_paths")
    n_conversions: int = count_field("n_conversions")
    n_unattributed: int = count_field("n_unattributed", default=0)
    unattributed_value: float | None = number_field("unattributed_value", low=0.0, default=None)

    def __attrs_post_init__(self) -> None:
        for name in ("conversion_credit", "value_credit", "n_touches", "n_paths"):
            column = getattr(self, name)
            if column is None:
                continue
            if column.shape != (len(self.channels),):
                raise InputError(name, f"one for each of the {len(self.channels)} channels", column.shape)
            require(column >= 0, name, column, ">= 0")
        credited = self.conversion_credit > 0
        require(~credited | (self.n_conversions > 0), "conversion_credit", self.conversion_credit, "0 of no conversion")
        total = float(self.conversion_credit.sum())
        rule = f"of sum {self.n_conversions}, the conversions with a touch"
        require(math.isclose(total, self.n_conversions, rel_tol=_ROUNDING), "conversion_credit", total, rule)
        require_at_most(self, "n_paths", "n_touches")
        money = self.unattributed_value
        if (money is None) != (self.value_credit is None) or (money and not self.n_unattributed):
            rule = "given if and only if `value_credit` is, and 0 of no conversion without a touch"
            raise InputError("unattributed_value", rule, money)

    def _parts(self) -> Parts:
        credit = self.conversion_credit if self.value_credit is None else self.value_credit
        return credit_parts(self.channels, credit, self.n_touches, is_money=self.value_credit is not None)

    @property
    def share(self) -> Floats:
        """Share of each channel in the credited conversions; NaN without conversions."""
        if not self.n_conversions:
            return np.full(len(self.channels), np.nan)
        return self.conversion_credit / self.n_conversions

    @property
    def conclusion(self) -> str:
        """Credit of each channel in words, the largest first."""
        order = np.argsort(-self.conversion_credit, kind="stable").tolist()
        given = [
            f"{self.channels[i]} {'gets ' if i == order[0] else ''}{_short(self.conversion_credit[i])} "
            f"({percent(self.share[i])})"
            for i in order
            if self.conversion_credit[i] > 0
        ]
        if len(given) > _MOST_NAMED:
            given[_MOST_NAMED:] = [f"{counted(len(given) - _MOST_NAMED, 'more channel', 'more channels')} the rest"]
        text = (
            f"Of {counted(self.n_conversions, 'conversion')}, {', '.join(given)}."
            if given
            else "No conversion had a touch."
        )
        if self.n_unattributed and not given:
            n_without = counted(self.n_unattributed, "conversion is", "conversions are")
            text = f"No conversion had a touch: {n_without} credited to no channel."
        elif self.n_unattributed:
            had = counted(self.n_unattributed, "more had no touch and is", "more had no touch and are")
            text += f" {had} credited to no channel."
        return text

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give the table column by column, for a dataframe of any kind.

        Returns
        -------
        dict of str to ndarray
            One row for each channel.
        """
        columns = {
            "channel": text_array(self.channels),
            "conversion_credit": self.conversion_credit,
            "share": self.share,
        }
        if self.value_credit is not None:
            columns["value_credit"] = self.value_credit
        return columns | {"n_touches": self.n_touches, "n_paths": self.n_paths}

    def to_json(self) -> str:
        """Write the credits as JSON."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read the credits from JSON.

        Raises
        ------
        InputError
            If `text` is not what :meth:`to_json` wrote.
        """
        return from_json(cls, text)


def attribute(
    paths: Paths,
    *,
    model: AttributionModel,
    half_life_days: float = 7,
    position_weights: ArrayLike = (0.4, 0.2, 0.4),
    direct: str = "direct",
    order: int = 1,
) -> Attribution:
    r"""Credit the conversions of paths, and their money, to the channels of their touches.

    Parameters
    ----------
    paths : Paths
        The paths. Paths without conversion matter only to "markov".
    model : str
        "first", "last": all credit goes to that touch. "last_non_direct": all credit goes to the last touch that is not
        `direct`, or to the last touch if all are direct. "linear": each touch gets the same. "position": the touches
        get `position_weights`. "time_decay": a touch weighs half as much as a touch `half_life_days` later. "markov":
        credit is proportional to the removal effects of :func:`markov_removal_effects`. "shapley": credit is the
        Shapley value of :func:`shapley_values`, so each different channel of a path gets the same.
    half_life_days : float, default 7
        For "time_decay": the time in which the weight of a touch halves [days], > 0.
    position_weights : array_like, default (0.4, 0.2, 0.4)
        For "position": weights of the first touch, of all middle touches together, and of the last touch; they sum to
        1. A single touch gets all credit. Two touches share it in proportion to the first and the last weight.
    direct : str, default "direct"
        For "last_non_direct": the channel of direct visits. Where no path has it, the model is "last".
    order : {1, 2, 3}, default 1
        For "markov": the number of last touches on which the next step depends.

    Returns
    -------
    Attribution
        Credits. They sum to the conversions with a touch, and to their money. Conversions without a touch are counted
        apart.

    Raises
    ------
    InputError
        If the model is unknown, an option is outside its range, "time_decay" is used for paths without days, or
        "markov" for paths without a conversion after a touch.

    Notes
    -----
    Two touches by one channel count twice, with two exceptions: "shapley" counts a channel once in a path, and in
    "markov" of order 1 a touch directly after a touch by the same channel adds nothing. "markov" divides the money as
    it divides the conversions; the other models credit the money of each path.

    Examples
    --------
    >>> from crmvalue.attribution import Paths
    >>> paths = Paths.from_lists([["ad", "mail", "chat"]], [1], value=[70], days_before=[[14, 7, 0]])
    >>> attribute(paths, model="time_decay").value_credit
    array([10., 40., 20.])
    >>> attribute(paths, model="position").conversion_credit
    array([0.4, 0.4, 0.2])
    """
    require_choice("model", model, _MODELS)
    half_life = as_positive("half_life_days", half_life_days)
    weights = _position_weights(position_weights)
    direct = as_text("direct", direct)
    order = as_whole_number("order", order, low=1, high=3)
    k, touched = len(as_paths(paths).channels), paths.n_touches > 0
    by_channel = _Shares(*set_shares(paths))
    credit: Floats = np.zeros(k)
    money: Floats | None = None if paths.value is None else np.zeros(k)
    n_conversions = int(paths.n_conversions[touched].sum())
    if model == "markov":
        share = markov_removal_effects(paths, order=order).share
        credit = n_conversions * share
        money = None if paths.value is None else paths.value[touched].sum() * share
    elif n_conversions:
        if model == "shapley":
            given = by_channel
        elif model in {"first", "last", "last_non_direct"}:
            given = _one_touch(paths, model, direct)
        else:
            given = _every_touch(paths, model, half_life, weights)
        credit = given.sums(paths.n_conversions, k)
        if paths.value is not None:
            money = given.sums(paths.value, k)
    n_paths = np.bincount(by_channel.code, weights=paths.n_paths[by_channel.row], minlength=k)
    n_touches = np.bincount(paths.code, weights=paths.n_paths[path_of_touch(paths)], minlength=k)
    return Attribution(
        model=model,
        channels=paths.channels,
        conversion_credit=hand_over(credit),
        value_credit=None if money is None else hand_over(money),
        n_touches=hand_over(n_touches.astype(np.int64)),
        n_paths=hand_over(n_paths.astype(np.int64)),
        n_conversions=n_conversions,
        n_unattributed=paths.n_without_touch,
        unattributed_value=None if paths.value is None else float(paths.value[~touched].sum()),
    )


def _short(credit: float) -> str:
    """Write a credit with up to two decimals."""
    return money(credit).rstrip("0").rstrip(".")


@attrs.frozen
class _Shares:
    """Shares of the conversions of paths: which row gives which channel how much."""

    row: Integers
    code: npt.NDArray[np.integer[Any]]
    share: Floats

    def sums(self, amount: npt.NDArray[Any], n_channels: int) -> Floats:
        total: Any = np.bincount(self.code, weights=self.share * amount[self.row], minlength=n_channels)
        return np.asarray(total, dtype=np.float64)


def _position_weights(value: ArrayLike) -> Floats:
    (weights,) = as_floats(position_weights=value)
    if weights.shape != (3,):
        raise InputError("position_weights", "three numbers: first, middle, last", value)
    require(weights >= 0, "position_weights", weights, ">= 0")
    if abs(weights.sum() - 1) > 1e-9:
        raise InputError("position_weights", "of sum 1", float(weights.sum()))
    return weights


def _one_touch(paths: Paths, model: str, direct: str) -> _Shares:
    row = np.nonzero(paths.n_touches > 0)[0]
    first, last = paths.offsets[row], paths.offsets[row + 1] - 1
    touch = first if model == "first" else last
    if model != "last_non_direct":
        return _Shares(row, paths.code[touch], np.ones(len(row)))
    if direct not in paths.channels:
        near = [name for name in paths.channels if name.strip().casefold() == direct.strip().casefold()]
        if near:
            raise InputError("direct", "spelt like the channel of the paths", direct, hint=f"{near[0]!r}?")
    else:
        other = np.where(paths.code != paths.channels.index(direct), np.arange(len(paths.code)), -1)
        latest = np.maximum.reduceat(other, first)
        touch = np.where(latest >= 0, latest, last)
    return _Shares(row, paths.code[touch], np.ones(len(row)))


def _every_touch(paths: Paths, model: str, half_life: float, weights: Floats) -> _Shares:
    if model == "time_decay" and paths.days_before is None:
        raise InputError("paths", "with `days_before` for time decay", None)
    row = path_of_touch(paths)
    touch = np.nonzero(paths.n_conversions[row] > 0)[0]
    row = row[touch]
    length = paths.n_touches[row]
    if model == "linear":
        share = 1 / length
    elif model == "position":
        share = _by_position(touch - paths.offsets[row], length, weights)
    else:
        assert paths.days_before is not None  # noqa: S101 - checked above
        since = paths.days_before[touch] - paths.days_before[paths.offsets[row + 1] - 1]  # the last touch weighs 1
        with np.errstate(under="ignore"):  # a touch long ago weighs nothing
            weight = np.exp2(-since / half_life)
            share = weight / np.bincount(row, weights=weight, minlength=len(paths))[row]
    return _Shares(row, paths.code[touch], share)


def _by_position(place: Integers, length: Integers, weights: Floats) -> Floats:
    first, middle, last = weights
    share: Floats = middle / np.maximum(length - 2, 1)
    share[place == 0], share[place == length - 1] = first, last
    two = length == 2
    ends = first + last
    share[two] = np.where(place[two] == 0, first, last) / ends if ends else 0.5
    share[length == 1] = 1.0
    return share
