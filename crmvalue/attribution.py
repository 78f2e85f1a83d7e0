"""Attribution: which channels brought the customers.

==========================================================  ===========================================================
For                                                         Use
==========================================================  ===========================================================
paths from a log of touches, or from lists                  :func:`paths_from_touches`, :class:`Paths`
credit by a rule, a Markov chain or Shapley values          :func:`attribute`, :class:`Attribution`
what is lost without a channel                              :func:`markov_removal_effects`, :class:`RemovalEffects`
shares in any game of channels                              :func:`shapley_values`, :class:`ShapleyValues`
who goes from which channel to which                        :func:`channel_transitions`, :class:`ChannelTransitions`
cost per acquired customer, return on cost                  :func:`channel_returns`, :class:`ChannelReturns`
==========================================================  ===========================================================

Credit divides what has happened; it does not prove what a channel has caused. Only an experiment does
(:mod:`crmvalue.experiments`). Credits of all channels add up to the conversions, and the money, of all paths with a
touch; what had none is counted apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias, get_args

import attrs
import numpy as np

from crmvalue._checks import as_column, as_fraction, as_positive, as_text, as_whole_number, require, require_choice
from crmvalue._paths import Paths, paths_from_touches, require_paths
from crmvalue._removal import RemovalEffects, markov_removal_effects
from crmvalue._shapley import ShapleyValues, shapley_values
from crmvalue._values import array_field, count_field, own, stay_frozen
from crmvalue.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue.typing import Floats, Integers

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
    "first", "last", "last non-direct", "linear", "position", "time decay", "markov", "shapley"
]
"""Ways to divide the credit of a conversion."""


@stay_frozen
@attrs.frozen(kw_only=True)
class Attribution:
    """Credit of each channel, columns of equal length.

    Parameters
    ----------
    channel : ndarray of str
        Channels.
    n_conversions : ndarray
        Conversions credited to each; their sum is the number of conversions with a touch.
    value : ndarray
        Money credited to each.
    n_touches : ndarray
        Touches, also on paths without a conversion; a path that occurs often counts as often.
    n_paths : ndarray
        Paths with a touch of the channel.
    n_unattributed : int
        Conversions without a touch.
    value_unattributed : float
        Their money.
    model : str
        How the credit was divided.

    Examples
    --------
    >>> credit = attribute(Paths.from_lists([["ads", "email"], ["email"]], value=[80, 20]), model="linear")
    >>> credit.channel, credit.n_conversions, credit.value
    (array(['ads', 'email'], dtype='<U5'), array([0.5, 1.5]), array([40., 60.]))
    """

    channel: npt.NDArray[np.str_] = array_field()
    n_conversions: Floats = array_field()
    value: Floats = array_field()
    n_touches: Integers = array_field()
    n_paths: Integers = array_field()
    n_unattributed: int = count_field("n_unattributed", default=0)
    value_unattributed: float = 0.0
    model: str = ""

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """All columns by name, for a dataframe of any kind."""
        names = ("channel", "n_conversions", "value", "n_touches", "n_paths")
        return {name: getattr(self, name) for name in names}


def attribute(
    paths: Paths,
    *,
    model: AttributionModel,
    direct: str = "direct",
    half_life_days: float = 7.0,
    position_shares: tuple[float, float] = (0.4, 0.4),
    order: int = 1,
) -> Attribution:
    """Divide the conversions, and their money, among the channels that were touched before.

    Parameters
    ----------
    paths : Paths
        The paths.
    model : str
        "first", "last", "last non-direct", "linear", "position", "time decay", "markov" or "shapley"; see Notes.
    direct : str, optional
        Name of the channel that "last non-direct" passes over, unless a path has no other.
    half_life_days : float, optional
        Days in which the weight of a touch halves under "time decay", > 0.
    position_shares : (float, float), optional
        Share of the first and of the last touch under "position", each in [0, 1], together at most 1. The rest is
        shared by those between them; where there are none, it goes to both in proportion to their shares.
    order : int, optional
        Order of the chain under "markov", from 1 to 3.

    Returns
    -------
    Attribution
        Credits that add up to the conversions of all paths with a touch.

    Raises
    ------
    InputError
        If the model is unknown, an option is out of its range, or "time decay" meets paths without times.

    Notes
    -----
    The rules weigh the touches of each path by themselves: all to the first, to the last, to the last other than
    `direct`, equal shares ("linear"), by position, or :math:`2^{-d/h}` for a touch *d* days before the conversion, with
    weights that sum to 1. "markov" divides all conversions in proportion to the removal effects
    (:func:`markov_removal_effects`). "shapley" takes for the worth of a set of channels the conversions of the paths
    that touch no other channel; the Shapley value of that game gives equal shares to the distinct channels of each
    path, so it is exact for any number of channels. For another game see :func:`shapley_values`.

    Examples
    --------
    >>> paths = Paths.from_lists([["ads", "email", "ads"]], days_before=[[14, 7, 0]])
    >>> attribute(paths, model="time decay").n_conversions * 7
    array([5., 2.])
    """
    require_paths(paths)
    require_choice("model", model, get_args(AttributionModel))
    rule = _Rule(
        as_text("direct", direct), as_positive("half_life_days", half_life_days), _read_position(position_shares)
    )
    chain_order = as_whole_number("order", order, low=1, high=3)
    n = len(paths.channels)
    length = paths.length
    path = np.repeat(np.arange(len(paths)), length)
    times = paths.n_conversions + paths.n_lost
    touches = np.bincount(paths.channel, weights=times[path], minlength=n)
    distinct_path, distinct_channel = _distinct(paths, path)
    on_paths = np.bincount(distinct_channel, weights=times[distinct_path], minlength=n)
    if model == "markov":
        credits_ = _markov_credit(paths, chain_order)
    elif model == "shapley":
        share = 1.0 / np.bincount(distinct_path, minlength=len(paths))[distinct_path]
        credits_ = _by_channel(paths, distinct_path, distinct_channel, share)
    else:
        weight = _weights(paths, path, model, rule)
        credits_ = _by_channel(paths, path, paths.channel, weight)
    return Attribution(
        channel=own(np.array(paths.channels, dtype=np.str_)),
        n_conversions=own(credits_[0]),
        value=own(credits_[1]),
        n_touches=own(touches.astype(np.int64)),
        n_paths=own(on_paths.astype(np.int64)),
        n_unattributed=paths.n_unattributed,
        value_unattributed=paths.value_unattributed,
        model=model,
    )


@stay_frozen
@attrs.frozen(kw_only=True)
class ChannelTransitions:
    """How often paths go from one channel to the next.

    Parameters
    ----------
    origin : tuple of str
        "start", then the channels: the rows.
    target : tuple of str
        The channels, then "conversion" and "lost": the columns.
    n : ndarray
        How often, shape (rows, columns).

    Examples
    --------
    >>> channel_transitions(Paths.from_lists([["ads", "email"]])).n
    array([[1, 0, 0, 0],
           [0, 1, 0, 0],
           [0, 0, 1, 0]])
    """

    origin: tuple[str, ...]
    target: tuple[str, ...]
    n: Integers = array_field()

    @property
    def share(self) -> Floats:
        """Share of each row that goes to each column; NaN where nobody came."""
        total = self.n.sum(axis=1, keepdims=True)
        shares: Floats = np.divide(self.n, total, out=np.full(self.n.shape, np.nan), where=total > 0)
        return shares


def channel_transitions(paths: Paths) -> ChannelTransitions:
    """Count the steps of all paths from channel to channel.

    Parameters
    ----------
    paths : Paths
        The paths; those without a touch are left out.

    Returns
    -------
    ChannelTransitions
        Counts; in each row but the first as many leave as have come in.

    Raises
    ------
    InputError
        If `paths` is of another class.

    Examples
    --------
    >>> found = channel_transitions(Paths.from_lists([["ads", "email"], ["ads"]], n_conversions=[1, 0], n_lost=[0, 3]))
    >>> found.origin, found.n[1].tolist()
    (('start', 'ads', 'email'), [0, 1, 0, 3])
    """
    require_paths(paths)
    n = len(paths.channels)
    length = paths.length
    some = length > 0
    path = np.repeat(np.arange(len(paths)), length)
    times = (paths.n_conversions + paths.n_lost)[path]
    first, last = paths.start[:-1][some], paths.start[1:][some] - 1
    inner = np.ones(len(paths.channel), dtype=bool)
    inner[last] = False
    here = np.nonzero(inner)[0]
    steps = (  # from, to, how often
        (np.zeros(len(first), dtype=np.int64), paths.channel[first], times[first]),
        (paths.channel[here] + 1, paths.channel[here + 1], times[here]),
        (paths.channel[last] + 1, np.full(len(last), n), paths.n_conversions[some]),
        (paths.channel[last] + 1, np.full(len(last), n + 1), paths.n_lost[some]),
    )
    origin, target, often = (np.concatenate(column) for column in zip(*steps, strict=True))
    counts = np.bincount(origin * (n + 2) + target, weights=often, minlength=(n + 1) * (n + 2))
    return ChannelTransitions(
        origin=("start", *paths.channels),
        target=(*paths.channels, "conversion", "lost"),
        n=own(counts.astype(np.int64).reshape(n + 1, n + 2)),
    )


@stay_frozen
@attrs.frozen(kw_only=True)
class ChannelReturns:
    """What each channel cost and brought, columns of equal length.

    Parameters
    ----------
    channel : ndarray of str
        Channels.
    cost : ndarray
        What was spent on each [money].
    cost_per_conversion : ndarray
        Cost / conversions credited [money]; infinite where money was spent for none, NaN where there was neither.
    value_per_cost : ndarray
        Money credited / cost, the return on advertising spend; infinite where nothing was spent.
    return_on_investment : ndarray
        (money credited x margin - cost) / cost.

    Examples
    --------
    >>> credit = attribute(Paths.from_lists([["ads"]], n_conversions=4, value=[100]), model="last")
    >>> channel_returns(credit, {"ads": 50}, margin=0.6).return_on_investment
    array([0.2])
    """

    channel: npt.NDArray[np.str_] = array_field()
    cost: Floats = array_field()
    cost_per_conversion: Floats = array_field()
    value_per_cost: Floats = array_field()
    return_on_investment: Floats = array_field()


def channel_returns(credit: Attribution, cost: Mapping[str, float], *, margin: float) -> ChannelReturns:
    """Set the cost of each channel against what it was credited with.

    Parameters
    ----------
    credit : Attribution
        Credits.
    cost : mapping of str to float
        What was spent on each channel in the time of the paths [money], >= 0; 0 for a free one. Every channel has to
        be named, and channels without a touch may be.
    margin : float
        Gross margin of the money credited, in [0, 1].

    Returns
    -------
    ChannelReturns
        Ratios, by channel.

    Raises
    ------
    InputError
        If a channel has no cost, or a number is out of its range.

    Examples
    --------
    >>> credit = attribute(Paths.from_lists([["ads", "email"]], n_conversions=4, value=[100]), model="linear")
    >>> channel_returns(credit, {"ads": 50, "email": 10}, margin=0.6).cost_per_conversion
    array([25.,  5.])
    """
    if not isinstance(credit, Attribution):
        raise InputError("credit", "an Attribution", type(credit).__name__)
    if not isinstance(cost, Mapping):
        raise InputError("cost", "a mapping from channels to money", type(cost).__name__)
    share = as_fraction("margin", margin, closed=True)
    known = credit.channel.tolist()
    missing = [name for name in known if name not in cost]
    if missing:
        raise InputError("cost", "given for every channel", missing[0], count=len(missing))
    names = [*known, *sorted(as_text("cost", name) for name in cost if name not in known)]
    spent = as_column("cost", [cost[name] for name in names])
    require(spent >= 0, "cost", spent, ">= 0")
    idle = np.zeros(len(names) - len(known))
    brought, money = np.concatenate((credit.n_conversions, idle)), np.concatenate((credit.value, idle))
    with np.errstate(divide="ignore", invalid="ignore"):
        return ChannelReturns(
            channel=own(np.array(names, dtype=np.str_)),
            cost=own(spent),
            cost_per_conversion=own(spent / brought),
            value_per_cost=own(money / spent),
            return_on_investment=own((share * money - spent) / spent),
        )


def _distinct(paths: Paths, path: Integers) -> tuple[Integers, Integers]:
    """Give each path and each of its channels once."""
    n = len(paths.channels)
    key = np.sort(path * n + paths.channel)
    key = key[np.diff(key, prepend=-1) > 0]
    return key // max(n, 1), key % max(n, 1)


def _by_channel(paths: Paths, path: Integers, channel: Integers, weight: Floats) -> tuple[Floats, Floats]:
    n = len(paths.channels)
    conversions = np.bincount(channel, weights=weight * paths.n_conversions[path], minlength=n)
    money = np.bincount(channel, weights=weight * paths.value[path], minlength=n)
    return conversions.astype(np.float64), money.astype(np.float64)  # of no touch bincount makes whole numbers


def _markov_credit(paths: Paths, order: int) -> tuple[Floats, Floats]:
    some = paths.length > 0
    n, money = float(paths.n_conversions[some].sum()), float(paths.value[some].sum())
    if not some.any():
        return np.zeros(len(paths.channels)), np.zeros(len(paths.channels))
    share = np.nan_to_num(markov_removal_effects(paths, order=order).share)  # nothing to share without conversions
    return share * n, share * money


class _Rule(NamedTuple):
    """Checked options of the rules."""

    direct: str
    half_life_days: float
    position: tuple[float, float]


def _read_position(shares: tuple[float, float]) -> tuple[float, float]:
    given: object = shares
    if not isinstance(given, tuple | list) or len(given) != 2:
        raise InputError("position_shares", "shares of the first and the last touch", given)
    first, last = (as_fraction("position_shares", share, closed=True) for share in shares)
    if first + last > 1 or first + last == 0:
        raise InputError("position_shares", "above 0 and at most 1 together", shares)
    return first, last


def _weights(paths: Paths, path: Integers, model: str, rule: _Rule) -> Floats:
    """Share of each touch in the credit of its path."""
    m, length = len(paths.channel), paths.length
    place = np.arange(m) - paths.start[path]
    of_path = length[path]
    is_last = place == of_path - 1
    if model == "linear":
        return np.divide(1.0, of_path)
    if model == "first":
        return np.asarray(place == 0, dtype=np.float64)
    if model == "last":
        return np.asarray(is_last, dtype=np.float64)
    if model == "last non-direct":
        other = paths.channel != (paths.channels.index(rule.direct) if rule.direct in paths.channels else -1)
        latest = np.full(len(paths), -1)
        np.maximum.at(latest, path[other], place[other])
        return np.asarray(np.where(latest[path] < 0, is_last, place == latest[path]), dtype=np.float64)
    if model == "position":
        return _position_weights(place, of_path, is_last, rule.position)
    require(~np.isnan(paths.days_before), "days_before", paths.days_before, "given for time decay")
    nearest = np.full(len(paths), np.inf)
    np.minimum.at(nearest, path, paths.days_before)
    weight = np.exp2(
        (nearest[path] - paths.days_before) / rule.half_life_days
    )  # of the latest touch 1: no underflow of all
    total = np.bincount(path, weights=weight, minlength=len(paths))
    return np.asarray(weight / total[path], dtype=np.float64)


def _position_weights(
    place: Integers, of_path: Integers, is_last: npt.NDArray[np.bool_], shares: tuple[float, float]
) -> Floats:
    first, last = shares
    weight = np.where(place == 0, first, np.where(is_last, last, (1 - first - last) / np.maximum(of_path - 2, 1)))
    weight = np.where(of_path == 2, weight / (first + last), weight)
    return np.asarray(np.where(of_path == 1, 1.0, weight), dtype=np.float64)
