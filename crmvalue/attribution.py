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

from collections.abc import Callable, Iterable, Mapping
from math import comb
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import attrs
import numpy as np

from crmvalue._checks import as_column, as_fraction, as_positive, as_text, as_whole_number, require, require_choice
from crmvalue._paths import Paths, paths_from_touches
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

_EXACT_CHANNELS = 15
_ORDERS = (1, 3)


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
    _require_paths(paths)
    require_choice("model", model, get_args(AttributionModel))
    n = len(paths.channels)
    length = paths.length
    path = np.repeat(np.arange(len(paths)), length)
    times = paths.n_conversions + paths.n_lost
    touches = np.bincount(paths.channel, weights=times[path], minlength=n)
    distinct_path, distinct_channel = _distinct(paths, path)
    on_paths = np.bincount(distinct_channel, weights=times[distinct_path], minlength=n)
    if model == "markov":
        credits_ = _markov_credit(paths, order)
    elif model == "shapley":
        share = 1.0 / np.bincount(distinct_path, minlength=len(paths))[distinct_path]
        credits_ = _by_channel(paths, distinct_path, distinct_channel, share)
    else:
        weight = _weights(paths, path, model, direct, half_life_days, position_shares)
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
class RemovalEffects:
    """What is lost without each channel, in a Markov chain of the paths.

    Parameters
    ----------
    channel : ndarray of str
        Channels.
    prob_conversion : float
        Probability that a path of the chain ends in a conversion.
    effect : ndarray
        Share of the conversions that is lost without the channel, in [0, 1].
    share : ndarray
        The effects divided by their sum; NaN where no channel has one.
    order : int
        Order of the chain.

    Examples
    --------
    >>> effects = markov_removal_effects(Paths.from_lists([["ads"], ["ads", "email"]]))
    >>> effects.channel, effects.effect
    (array(['ads', 'email'], dtype='<U5'), array([1. , 0.5]))
    """

    channel: npt.NDArray[np.str_] = array_field()
    prob_conversion: float
    effect: Floats = array_field()
    share: Floats = array_field()
    order: int = count_field("order", low=1)


def markov_removal_effects(paths: Paths, *, order: int = 1) -> RemovalEffects:
    r"""Compute how many conversions would be lost without each channel, by a Markov chain.

    Parameters
    ----------
    paths : Paths
        The paths; those without a conversion count too.
    order : int, optional
        Number of the last touches on which the next one depends, from 1 to 3.

    Returns
    -------
    RemovalEffects
        Probability of conversion of the whole chain, and the effect of each channel.

    Raises
    ------
    InputError
        If no path has a touch, or the order is not 1, 2 or 3.

    Notes
    -----
    The states are the last `order` touches, the beginning, conversion and loss; the probabilities of the transitions
    are their shares in the paths, a path that occurs often counting as often. Without channel *c* whoever would have
    come to it is lost. The effect is :math:`1 - P_{-c} / P` with the probability *P* to be absorbed by the conversion.
    Paths without a touch take no part. Source: Anderl, Becker, von Wangenheim and Schumann, Mapping the customer
    journey, International Journal of Research in Marketing 33 (2016), 457-474.

    Examples
    --------
    >>> paths = Paths.from_lists([["G"], ["M"], ["G", "M"]], n_conversions=[2, 1, 1], n_lost=[1, 0, 0])
    >>> effects = markov_removal_effects(paths)
    >>> round(effects.prob_conversion, 12), effects.effect.round(12), (effects.share * 4).round(12)
    (0.8, array([0.75, 0.5 ]), array([2.4, 1.6]))
    """
    _require_paths(paths)
    steps = as_whole_number("order", order, low=_ORDERS[0], high=_ORDERS[1])
    if len(paths.channel) == 0:
        raise InputError("paths", "with at least one touch", len(paths))
    chain = _chain(paths, steps)
    whole = _prob_conversion(chain, None)
    without = np.array([_prob_conversion(chain, c) for c in range(len(paths.channels))])
    effect = np.clip(1.0 - without / whole, 0.0, 1.0) if whole > 0 else np.zeros(len(without))
    total = effect.sum()
    return RemovalEffects(
        channel=own(np.array(paths.channels, dtype=np.str_)),
        prob_conversion=whole,
        effect=own(effect),
        share=own(effect / total if total > 0 else np.full(len(effect), np.nan)),
        order=steps,
    )


@stay_frozen
@attrs.frozen(kw_only=True)
class ShapleyValues:
    """What each channel adds to the worth of the others, on average.

    Parameters
    ----------
    channel : ndarray of str
        Channels.
    value : ndarray
        Shapley values; their sum is the worth of all channels together.
    standard_error : ndarray
        Of the drawing of orders; 0 where the values are exact.

    Examples
    --------
    >>> shapley_values({"ads": 6, "email": 4, ("ads", "email"): 14}).value
    array([8., 6.])
    """

    channel: npt.NDArray[np.str_] = array_field()
    value: Floats = array_field()
    standard_error: Floats = array_field()


def shapley_values(
    worth: Mapping[Any, float] | Callable[[frozenset[str]], float],
    *,
    channels: Iterable[str] | None = None,
    n_samples: int = 2000,
    rng: np.random.Generator | None = None,
) -> ShapleyValues:
    r"""Divide the worth of a set of channels by what each adds to the sets of the others.

    Parameters
    ----------
    worth : mapping or callable
        Worth of every set of channels but the empty one, which is worth 0: a mapping whose keys are names or
        collections of names, or a function of a frozenset.
    channels : sequence of str, optional
        The channels; needed with a function, by default all names of the mapping.
    n_samples : int, optional
        Orders that are drawn where there are more than 15 channels, >= 2.
    rng : numpy.random.Generator, optional
        Needed there.

    Returns
    -------
    ShapleyValues
        Exact up to 15 channels; beyond, the mean over drawn orders, whose sum is exact all the same.

    Raises
    ------
    InputError
        If a set has no worth, a worth is not finite, or `channels` or `rng` is missing where it is needed.

    Notes
    -----
    .. math::
        \varphi_c = \sum_{S \not\ni c} \frac{|S|!\,(n - |S| - 1)!}{n!}\,\bigl(v(S \cup c) - v(S)\bigr)

    Source: Shapley, A value for n-person games, Contributions to the Theory of Games II (1953), 307-317.

    Examples
    --------
    >>> game = {"O": 7, "F": 6, "D": 4, "OF": 15, "OD": 7, "FD": 9, "OFD": 19}
    >>> found = shapley_values({tuple(names): value for names, value in game.items()})
    >>> dict(zip(found.channel.tolist(), found.value.round(4).tolist()))
    {'D': 3.1667, 'F': 8.1667, 'O': 7.6667}
    """
    table = None if callable(worth) else _read_game(worth)
    names = _channel_names(channels, table)
    n = len(names)

    def of(members: frozenset[str]) -> float:
        if not members:
            return 0.0
        if table is not None and members not in table:
            raise InputError("worth", f"given for every set of channels, such as {sorted(members)}", "none")
        value = table[members] if table is not None else worth(members)  # type: ignore[operator]  # a function then
        return float(as_column("worth", [value])[0])

    if n <= _EXACT_CHANNELS:
        game = np.array([of(frozenset(names[i] for i in range(n) if s >> i & 1)) for s in range(1 << n)])
        return ShapleyValues(channel=own(np.array(names)), value=own(_exact(game, n)), standard_error=own(np.zeros(n)))
    if rng is None:
        raise InputError("rng", f"given for more than {_EXACT_CHANNELS} channels, whose orders are drawn", None)
    draws = as_whole_number("n_samples", n_samples, low=2, high=10**7)
    marginal = np.empty((draws, n))
    for row in marginal:
        worth_before, members = 0.0, frozenset[str]()
        for i in rng.permutation(n).tolist():
            members = members | {names[i]}
            worth_now = of(members)
            row[i], worth_before = worth_now - worth_before, worth_now
    return ShapleyValues(
        channel=own(np.array(names)),
        value=own(marginal.mean(axis=0)),
        standard_error=own(marginal.std(axis=0, ddof=1) / np.sqrt(draws)),
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
    _require_paths(paths)
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


def _require_paths(paths: Paths) -> None:
    if not isinstance(paths, Paths):
        raise InputError("paths", "Paths", type(paths).__name__, hint="Paths.from_lists or paths_from_touches")


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


def _weights(
    paths: Paths,
    path: Integers,
    model: str,
    direct: str,
    half_life_days: float,
    position_shares: tuple[float, float],
) -> Floats:
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
        passed = as_text("direct", direct)
        other = paths.channel != (paths.channels.index(passed) if passed in paths.channels else -1)
        latest = np.full(len(paths), -1)
        np.maximum.at(latest, path[other], place[other])
        return np.where(latest[path] < 0, is_last, place == latest[path]).astype(np.float64)
    if model == "position":
        return _position_weights(place, of_path, is_last, position_shares)
    half = as_positive("half_life_days", half_life_days)
    require(~np.isnan(paths.days_before), "days_before", paths.days_before, "given for time decay")
    nearest = np.full(len(paths), np.inf)
    np.minimum.at(nearest, path, paths.days_before)
    weight = np.exp2((nearest[path] - paths.days_before) / half)  # of the latest touch 1: no underflow of all
    total = np.bincount(path, weights=weight, minlength=len(paths))
    return np.asarray(weight / total[path], dtype=np.float64)


def _position_weights(
    place: Integers, of_path: Integers, is_last: npt.NDArray[np.bool_], shares: tuple[float, float]
) -> Floats:
    given: object = shares
    if not isinstance(given, tuple | list) or len(given) != 2:
        raise InputError("position_shares", "shares of the first and the last touch", given)
    first, last = (as_fraction("position_shares", share, closed=True) for share in shares)
    if first + last > 1 or first + last == 0:
        raise InputError("position_shares", "above 0 and at most 1 together", shares)
    weight = np.where(place == 0, first, np.where(is_last, last, (1 - first - last) / np.maximum(of_path - 2, 1)))
    weight = np.where(of_path == 2, weight / (first + last), weight)
    return np.asarray(np.where(of_path == 1, 1.0, weight), dtype=np.float64)


class _Chain:
    """Transition probabilities between the states of a chain, which are the last touches of a path."""

    def __init__(self, leave: Any, start: Floats, convert: Floats, channel: Integers) -> None:  # noqa: ANN401 - sparse
        self.leave, self.start, self.convert, self.channel = leave, start, convert, channel


def _chain(paths: Paths, order: int) -> _Chain:
    from scipy.sparse import coo_array

    n = len(paths.channels) + 1
    length = paths.length
    some = length > 0
    path = np.repeat(np.arange(len(paths)), length)
    place = np.arange(len(path)) - paths.start[path]
    code = np.zeros(len(path), dtype=np.int64)
    for back in range(order):
        known = place >= back
        earlier = np.zeros(len(path), dtype=np.int64)
        earlier[known] = paths.channel[np.nonzero(known)[0] - back] + 1
        code += earlier * n**back
    distinct, state = np.unique(code, return_inverse=True)
    times = (paths.n_conversions + paths.n_lost)[path].astype(np.float64)
    first, last = paths.start[:-1][some], paths.start[1:][some] - 1
    inner = np.ones(len(path), dtype=bool)
    inner[last] = False
    here = np.nonzero(inner)[0]
    k = len(distinct)
    visits = np.bincount(state, weights=times, minlength=k)
    pairs, inverse = np.unique(state[here] * k + state[here + 1], return_inverse=True)
    steps = np.bincount(inverse, weights=times[here], minlength=len(pairs))
    leave = coo_array((steps / visits[pairs // k], (pairs // k, pairs % k)), shape=(k, k)).tocsr()
    begins = np.bincount(state[first], weights=times[first], minlength=k)
    converts = np.bincount(state[last], weights=paths.n_conversions[some], minlength=k)
    return _Chain(leave, begins / begins.sum(), converts / visits, distinct % n - 1)


def _prob_conversion(chain: _Chain, without: int | None) -> float:
    """Probability that a path of the chain is absorbed by the conversion, one channel removed."""
    from scipy.sparse import eye_array
    from scipy.sparse.linalg import spsolve

    kept = np.nonzero(chain.channel != (-1 if without is None else without))[0]
    if len(kept) == 0:
        return 0.0
    system = eye_array(len(kept), format="csc") - chain.leave[kept][:, kept].tocsc()
    prob = np.atleast_1d(spsolve(system, chain.convert[kept]))
    return float(chain.start[kept] @ prob)


def _read_game(worth: Mapping[Any, float]) -> dict[frozenset[str], float]:
    if not isinstance(worth, Mapping):
        raise InputError("worth", "a mapping from sets of channels, or a function", type(worth).__name__)
    table: dict[frozenset[str], float] = {}
    for key, value in worth.items():
        members = frozenset((key,)) if isinstance(key, str) else frozenset(as_text("worth", name) for name in key)
        if members in table:
            raise InputError("worth", "one number for each set of channels", sorted(members))
        if not members and value != 0:
            raise InputError("worth", "0 for the empty set", value)
        table[members] = value
    return table


def _channel_names(channels: Iterable[str] | None, table: dict[frozenset[str], float] | None) -> list[str]:
    if channels is None:
        if table is None:
            raise InputError("channels", "given with a function", None)
        names = sorted(frozenset().union(*table))
    else:
        given: object = channels
        if isinstance(given, str) or not isinstance(given, Iterable):
            raise InputError("channels", "a sequence of texts", given)
        names = [as_text("channels", name) for name in given]
    if not names or len(set(names)) < len(names):
        raise InputError("channels", "at least one, all different", names)
    return names


def _exact(game: Floats, n: int) -> Floats:
    """Shapley values of a game over all sets, a set being the bits of its place."""
    sets = np.arange(1 << n)
    size = np.array([int(s).bit_count() for s in range(1 << n)])
    weight = np.array([1.0 / (n * comb(n - 1, k)) if k < n else 0.0 for k in range(n + 1)])[size]
    values = np.empty(n)
    for i in range(n):
        without = sets[(sets >> i) & 1 == 0]
        values[i] = weight[without] @ (game[without | 1 << i] - game[without])
    return values
