"""Attribution: which channels brought a conversion, and what each cost and returned.

==========================================================  ===========================================================
For                                                         Use
==========================================================  ===========================================================
paths of touches, as lists or from a log                    :class:`Paths`, :func:`paths_from_touches`
credit to each channel by a chosen model                    :func:`attribute`
what would be lost without a channel                        :func:`markov_removal_effects`
fair shares of what sets of channels bring                  :func:`shapley_values`
which channel follows which                                 :func:`channel_transitions`
cost per acquired customer and return by channel            :func:`channel_returns`
==========================================================  ===========================================================

Credits always sum to what is distributed. A model says who is given credit for a conversion, not what would have
happened without a channel: only an experiment shows that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias, get_args

import attrs
import numpy as np

from crmvalue._attribution.markov import RemovalEffects, markov_removal_effects
from crmvalue._attribution.shapley import ShapleyValues, set_shares, shapley_values
from crmvalue._attribution.touch_log import paths_from_touches
from crmvalue._attribution.touch_paths import (
    ChannelTransitions,
    Paths,
    as_paths,
    channel_transitions,
    names_field,
    path_of_touch,
)
from crmvalue._core.checks import (
    as_amounts,
    as_floats,
    as_positive,
    as_text,
    as_whole_number,
    read_json,
    require,
    require_choice,
)
from crmvalue._core.json_legacy import from_json_fields, to_json_text
from crmvalue._core.labels import labelled
from crmvalue._core.values import array_field, count_field, hand_over, number_column, stay_frozen
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from crmvalue.typing import ArrayLike, Floats, Integers

__all__ = [
    "Attribution",
    "AttributionModel",
    "ChannelReturns",
    "ChannelTransitions",
    "Paths",
    "RemovalEffects",
    "ShapleyValues",
    "attribute",
    "channel_returns",
    "channel_transitions",
    "markov_removal_effects",
    "paths_from_touches",
    "shapley_values",
]

AttributionModel: TypeAlias = Literal[
    "first", "last", "last_non_direct", "linear", "position", "time_decay", "markov", "shapley"
]
"""Who is given credit for a conversion."""

_MOST_NAMED = 10  # channels in a sentence
_MODELS = get_args(AttributionModel)


@stay_frozen
@attrs.frozen(kw_only=True)
class Attribution:
    """Credit of each channel for conversions and their money.

    Parameters
    ----------
    model : str
        The model of :func:`attribute`.
    channels : tuple of str
        Names of the channels.
    conversion_credit : ndarray
        Conversions credited to each channel, shape (channels,).
    value_credit : ndarray or None
        Money credited to each [money]; None where the paths hold none.
    n_touches : ndarray of int
        Touches by each channel, in all paths.
    n_paths : ndarray of int
        Paths with a touch by it.
    n_conversions : int
        Conversions with a touch: what `conversion_credit` sums to.
    n_unattributed : int, default 0
        Conversions without a touch, credited to no channel.
    unattributed_value : float or None
        Their money [money].

    Examples
    --------
    >>> paths = Paths.from_lists([["search"], ["mail"], ["search", "mail"], ["search"]], [2, 1, 1, 0])
    >>> credit = attribute(paths, model="markov")
    >>> credit.conclusion
    'Of 4 conversions search is given 2.4 (60.0%), mail 1.6 (40.0%).'
    """

    model: AttributionModel
    channels: tuple[str, ...] = names_field()
    conversion_credit: Floats = number_column("conversion_credit")
    value_credit: Floats | None = number_column("value_credit", default=None)
    n_touches: Integers = array_field()
    n_paths: Integers = array_field()
    n_conversions: int = count_field("n_conversions")
    n_unattributed: int = count_field("n_unattributed", default=0)
    unattributed_value: float | None = None

    def __attrs_post_init__(self) -> None:
        require_choice("model", self.model, _MODELS)
        for name in ("conversion_credit", "value_credit", "n_touches", "n_paths"):
            column = getattr(self, name)
            if column is None:
                continue
            if column.shape != (len(self.channels),):
                raise InputError(name, f"one for each of the {len(self.channels)} channels", column.shape)
            require(column >= 0, name, column, ">= 0")

    @property
    def share(self) -> Floats:
        """Share of each channel in the conversions credited; NaN where there is none."""
        if not self.n_conversions:
            return np.full(len(self.channels), np.nan)
        return self.conversion_credit / self.n_conversions

    @property
    def conclusion(self) -> str:
        """Who is given how much."""
        order = np.argsort(-self.conversion_credit, kind="stable").tolist()
        given = [
            f"{self.channels[i]} {'is given ' if i == order[0] else ''}{_short(self.conversion_credit[i])} "
            f"({self.share[i]:.1%})"
            for i in order
            if self.conversion_credit[i] > 0
        ]
        if len(given) > _MOST_NAMED:
            given[_MOST_NAMED:] = [f"{len(given) - _MOST_NAMED} more channels the rest"]
        text = f"Of {self.n_conversions} conversions {', '.join(given)}." if given else "No conversion had a touch."
        if self.n_unattributed:
            text += f" {self.n_unattributed} more had no touch and are given to no channel."
        return text

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give the table column by column, for a dataframe of any kind.

        Returns
        -------
        dict of str to ndarray
            One row for each channel.
        """
        columns = {"channel": np.array(self.channels), "conversion_credit": self.conversion_credit, "share": self.share}
        if self.value_credit is not None:
            columns["value_credit"] = self.value_credit
        return columns | {"n_touches": self.n_touches, "n_paths": self.n_paths}

    def to_json(self) -> str:
        """Write the credits as JSON."""
        return to_json_text(self)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read the credits from JSON.

        Raises
        ------
        InputError
            If `text` is not what :meth:`to_json` wrote.
        """
        return read_json(text, lambda fields: cls(**fields))


def attribute(
    paths: Paths,
    *,
    model: AttributionModel,
    half_life_days: float = 7,
    position_weights: ArrayLike = (0.4, 0.2, 0.4),
    direct: str = "direct",
    order: int = 1,
) -> Attribution:
    r"""Credit the conversions of paths, and their money, to the channels that touched them.

    Parameters
    ----------
    paths : Paths
        The paths. Those without conversion matter to "markov" only.
    model : str
        "first", "last": all to that touch. "last_non_direct": all to the last touch that is not `direct`, or to the
        last where all are. "linear": the same to each touch. "position": `position_weights`. "time_decay": a touch
        weighs half as much as one `half_life_days` later. "markov": in proportion to the removal effects of
        :func:`markov_removal_effects`. "shapley": the Shapley value of :func:`shapley_values`, that is, the same to
        each different channel of a path.
    half_life_days : float, default 7
        Of "time_decay" [days], > 0.
    position_weights : array_like, default (0.4, 0.2, 0.4)
        Of "position": of the first touch, of all between together, and of the last; they sum to 1. One touch is given
        all; two share as the first weight to the last.
    direct : str, default "direct"
        Of "last_non_direct": the channel of visits that no other brought; where no path has it, the model is "last".
    order : {1, 2, 3}, default 1
        Of "markov": how many last touches the next step depends on.

    Returns
    -------
    Attribution
        Credits, which sum to the conversions that had a touch, and to their money. Conversions without a touch are
        counted apart.

    Raises
    ------
    InputError
        If the model is unknown, an option is outside its range, "time_decay" is asked of paths without days, or
        "markov" of paths without a conversion after a touch.

    Notes
    -----
    Of two touches by one channel each counts; in "shapley" a channel counts once in a path, and in "markov" a touch
    right after one by the same channel adds nothing. "markov" divides the money as it divides the conversions; the
    others credit the money of each path.

    Examples
    --------
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
    row, code, set_share = set_shares(paths)
    credit: Floats = np.zeros(k)
    money: Floats | None = None if paths.value is None else np.zeros(k)
    n_conversions = int(paths.n_conversions[touched].sum())
    if model == "markov":
        share = markov_removal_effects(paths, order=order).share
        credit = n_conversions * share
        money = None if paths.value is None else paths.value[touched].sum() * share
    elif n_conversions:
        if model == "shapley":
            given = _Shares(row, code, set_share)
        elif model in {"first", "last", "last_non_direct"}:
            given = _one_touch(paths, model, direct)
        else:
            given = _every_touch(paths, model, half_life, weights)
        credit = given.sums(paths.n_conversions, k)
        if paths.value is not None:
            money = given.sums(paths.value, k)
    n_touches = np.bincount(paths.code, weights=paths.n_paths[path_of_touch(paths)], minlength=k)
    return Attribution(
        model=model,
        channels=paths.channels,
        conversion_credit=hand_over(credit),
        value_credit=None if money is None else hand_over(money),
        n_touches=hand_over(n_touches.astype(np.int64)),
        n_paths=hand_over(np.bincount(code, weights=paths.n_paths[row], minlength=k).astype(np.int64)),
        n_conversions=n_conversions,
        n_unattributed=paths.n_without_touch,
        unattributed_value=None if paths.value is None else float(paths.value[~touched].sum()),
    )


@stay_frozen
@attrs.frozen(kw_only=True)
class ChannelReturns:
    """What each channel cost and brought by its credit.

    Parameters
    ----------
    channels : tuple of str
        Names of the channels.
    cost : ndarray
        What each cost [money], shape (channels,).
    conversion_credit : ndarray
        Conversions credited to each.
    value_credit : ndarray or None
        Money credited to each [money]; None where the paths hold none.

    Examples
    --------
    >>> paths = Paths.from_lists([["ad"], ["ad"], ["mail"]], [1, 1, 1], value=[100, 50, 30])
    >>> returns = channel_returns(attribute(paths, model="last"), {"ad": 60, "mail": 10})
    >>> returns.acquisition_cost, returns.return_on_investment
    (array([30., 10.]), array([1.5, 2. ]))
    """

    channels: tuple[str, ...] = names_field()
    cost: Floats = number_column("cost")
    conversion_credit: Floats = number_column("conversion_credit")
    value_credit: Floats | None = number_column("value_credit", default=None)

    def __attrs_post_init__(self) -> None:
        for name in ("cost", "conversion_credit", "value_credit"):
            column = getattr(self, name)
            if column is not None and len(column) != len(self.channels):
                raise InputError(name, f"one for each of the {len(self.channels)} channels", len(column))
            if column is not None:
                require(column >= 0, name, column, ">= 0")

    @property
    def acquisition_cost(self) -> Floats:
        """Cost per credited conversion [money]: infinite for cost without credit, NaN without either.

        It is the cost of a customer where the conversions are first purchases.
        """
        return _ratio(self.cost, self.conversion_credit)

    @property
    def net_gain(self) -> Floats | None:
        """Money credited less cost [money]; None where the paths hold none."""
        return None if self.value_credit is None else self.value_credit - self.cost

    @property
    def return_on_investment(self) -> Floats | None:
        """Net gain per unit of cost: infinite for gain without cost, NaN without either; None without money."""
        return None if self.value_credit is None else _ratio(self.value_credit - self.cost, self.cost)

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give the table column by column, for a dataframe of any kind.

        Returns
        -------
        dict of str to ndarray
            One row for each channel.
        """
        columns = {"channel": np.array(self.channels), "cost": self.cost, "conversion_credit": self.conversion_credit}
        columns["acquisition_cost"] = self.acquisition_cost
        for name in ("value_credit", "net_gain", "return_on_investment"):
            if (column := getattr(self, name)) is not None:
                columns[name] = column
        return columns

    def to_json(self) -> str:
        """Write costs and credits as JSON text."""
        return to_json_text(self, infinite=True)

    @classmethod
    def from_json(cls, text: str | bytes) -> ChannelReturns:
        """Read what :meth:`to_json` wrote."""
        return from_json_fields(cls, text)


def channel_returns(attribution: Attribution, cost: Mapping[str, float] | ArrayLike) -> ChannelReturns:
    """Set what each channel cost against what it is credited with.

    Parameters
    ----------
    attribution : Attribution
        Credits of :func:`attribute`, of the period of the cost.
    cost : mapping or array_like
        Cost of each channel, >= 0 [money], by name as a mapping or a column with an index of channels, or in the order
        of the channels. A free channel costs 0; one that is named here and touched nobody has no credit.

    Returns
    -------
    ChannelReturns
        Cost per conversion and return of each channel.

    Raises
    ------
    InputError
        If a cost is missing or negative.

    Examples
    --------
    >>> paths = Paths.from_lists([["ad"], ["ad"], ["mail"]], [1, 1, 1], value=[100, 50, 30])
    >>> channel_returns(attribute(paths, model="last"), [60, 10]).net_gain
    array([90., 20.])
    """
    if not isinstance(attribution, Attribution):
        raise InputError("attribution", "of Attribution, as attribute gives it", type(attribution).__name__)
    names = attribution.channels
    by_channel = labelled("cost", cost)
    if by_channel is not None:
        for name in names:
            if name not in by_channel:
                raise InputError("cost", f"given for {name!r} too", tuple(by_channel), hint="0 for a free channel")
        names += tuple(name for name in by_channel if name not in names)
        cost = [by_channel[name] for name in names]
    money = as_amounts("cost", cost)
    if len(money) != len(names):
        raise InputError("cost", f"one for each of the {len(names)} channels", len(money))
    require(money >= 0, "cost", money, ">= 0")
    return ChannelReturns(
        channels=names,
        cost=money,
        conversion_credit=_or_nothing(attribution.conversion_credit, len(names)),
        value_credit=None if attribution.value_credit is None else _or_nothing(attribution.value_credit, len(names)),
    )


def _or_nothing(credit: Floats, n: int) -> Floats:
    """Credits, and 0 for channels beyond them, which no path has touched."""
    return np.concatenate((credit, np.zeros(n - len(credit))))


def _short(credit: float) -> str:
    """Write a credit with two decimals where it has any."""
    return f"{credit:,.2f}".rstrip("0").rstrip(".")


@attrs.frozen
class _Shares:
    """Which row gives which channel how much of each of its conversions."""

    row: Integers
    code: npt.NDArray[np.integer[Any]]
    share: Floats

    def sums(self, amount: npt.NDArray[Any], n_channels: int) -> Floats:
        total: Any = np.bincount(self.code, weights=self.share * amount[self.row], minlength=n_channels)
        return np.asarray(total, dtype=np.float64)


def _position_weights(value: ArrayLike) -> Floats:
    (weights,) = as_floats(position_weights=value)
    if weights.shape != (3,):
        raise InputError("position_weights", "three numbers: first, between, last", value)
    require(weights >= 0, "position_weights", weights, ">= 0")
    if abs(weights.sum() - 1) > 1e-9:
        raise InputError("position_weights", "of sum 1", float(weights.sum()))
    return weights


def _one_touch(paths: Paths, model: str, direct: str) -> _Shares:
    row = np.nonzero(paths.n_touches > 0)[0]
    first, last = paths.offsets[row], paths.offsets[row + 1] - 1
    touch = first if model == "first" else last
    if model == "last_non_direct" and direct not in paths.channels:
        near = [name for name in paths.channels if name.strip().casefold() == direct.strip().casefold()]
        if near:
            raise InputError("direct", "a channel of the paths, letter for letter", direct, hint=f"{near[0]!r}?")
    if model == "last_non_direct" and direct in paths.channels:
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
        since = paths.days_before[touch] - paths.days_before[paths.offsets[row + 1] - 1]  # so that one weighs 1
        weight = np.exp2(-since / half_life)
        share = weight / np.bincount(row, weights=weight, minlength=len(paths))[row]
    return _Shares(row, paths.code[touch], share)


def _by_position(place: Integers, length: Integers, weights: Floats) -> Floats:
    first, between, last = weights
    share: Floats = between / np.maximum(length - 2, 1)
    share[place == 0], share[place == length - 1] = first, last
    two = length == 2
    ends = first + last
    share[two] = np.where(place[two] == 0, first, last) / ends if ends else 0.5
    share[length == 1] = 1.0
    return share


def _ratio(above: Floats, below: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.divide(above, below)
