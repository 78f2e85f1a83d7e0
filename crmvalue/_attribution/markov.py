"""Markov chains over channels: conversions that would be lost without each channel."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from crmvalue._attribution.touch_paths import as_paths, names_field, path_of_touch
from crmvalue._core.checks import as_whole_number, require
from crmvalue._core.encoding.customers import text_array
from crmvalue._core.encoding.keys import distinct_keys
from crmvalue._core.frames import Columns
from crmvalue._core.json import from_json, to_json
from crmvalue._core.values import count_field, hand_over, number_column, number_field, stay_frozen
from crmvalue.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue._attribution.touch_paths import Paths
    from crmvalue.typing import Floats, Integers

__all__ = ["RemovalEffects", "markov_removal_effects"]

_HIGHEST_ORDER = 3
_ROUNDING = 1e-9
_MOST_CHANNELS = 2000
_MOST_DIRECT = 2000  # states
_BLOCK = 64  # rows that are eliminated together
_RESIDUAL, _ENOUGH = 3e-14, 1e-10  # of the paths that convert: what is sought, and what must be reached
_PER_SOLVE = 1e-9  # of the right side, for one of several solves
_MOST_STEPS = 500  # of one solve
_PER_STATE = 20  # what a step does with vectors, in products of the sparse matrix
_FIRST = 3  # channels, the largest, whose steps tell what all of them will take
_MOST_WORK = 10_000_000_000  # products: some ten seconds
_MOST_BRANCHES = 1000  # more steps than states, up to which factors stay sparse
_MOST_FACTORED = 15_000  # states of such a chain
_MOST_COLUMNS = 64  # of inverses, together


@stay_frozen
@attrs.frozen(kw_only=True)
class RemovalEffects(Columns):
    """Conversions that would be lost without each channel, by a Markov chain.

    Parameters
    ----------
    channels : tuple of str
        Names of the channels.
    order : int
        Number of last touches on which the next step depends.
    n_states : int
        Different sequences of up to `order` last touches that occur.
    n_conversions : int
        Conversions with a touch. These are distributed.
    prob_conversion : float
        Probability that a path with a touch converts.
    prob_without : ndarray
        Probability of conversion if every path that reaches the channel is lost there, shape (channels,).

    Examples
    --------
    >>> from crmvalue.attribution import Paths
    >>> paths = Paths.from_lists([["search"], ["mail"], ["search", "mail"], ["search"]], [2, 1, 1, 0])
    >>> markov_removal_effects(paths).removal_effect
    array([0.5 , 0.75])
    """

    channels: tuple[str, ...] = names_field()
    order: int = count_field("order", low=1)
    n_states: int = count_field("n_states", low=1)
    n_conversions: int = count_field("n_conversions", low=1)
    prob_conversion: float = number_field("prob_conversion", low=0.0, high=1 + _ROUNDING)
    prob_without: Floats = number_column("prob_without", low=0.0, high=1.0)

    def __attrs_post_init__(self) -> None:
        if len(self.prob_without) != len(self.channels):
            raise InputError("prob_without", f"one for each of the {len(self.channels)} channels", self.prob_without)
        require(self.prob_conversion > 0, "prob_conversion", self.prob_conversion, "> 0")
        fewer = self.prob_without <= self.prob_conversion * (1 + _ROUNDING)
        require(fewer, "prob_without", self.prob_without, "at most `prob_conversion`")

    @property
    @np.errstate(under="ignore")
    def removal_effect(self) -> Floats:
        """Share of the conversions that would be lost without each channel, in [0, 1]."""
        return 1 - self.prob_without / self.prob_conversion

    @property
    def share(self) -> Floats:
        """Removal effects divided by their sum."""
        effect = self.removal_effect
        share: Floats = effect / effect.sum()
        return share

    @property
    def conversion_credit(self) -> Floats:
        """Conversions credited to each channel; they sum to `n_conversions`."""
        return self.n_conversions * self.share

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give the table column by column, for a dataframe of any kind.

        Returns
        -------
        dict of str to ndarray
            One row for each channel.
        """
        names = ("prob_without", "removal_effect", "share", "conversion_credit")
        return {"channel": text_array(self.channels), **{name: getattr(self, name) for name in names}}

    def to_json(self) -> str:
        """Write the effects as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> RemovalEffects:
        """Read what :meth:`to_json` wrote."""
        return from_json(cls, text)


@np.errstate(under="ignore")
def markov_removal_effects(paths: Paths, *, order: int = 1) -> RemovalEffects:
    r"""Conversions that would be lost without each channel, from a Markov chain of the touches.

    Parameters
    ----------
    paths : Paths
        The paths, with the paths without conversion: the probabilities of the chain need both.
    order : {1, 2, 3}, default 1
        Number of last touches on which the next step depends.

    Returns
    -------
    RemovalEffects
        The probability of conversion with all channels and without each channel, and the credits.

    Raises
    ------
    InputError
        If `order` is not 1, 2 or 3, no conversion had a touch, there are more than 2,000 channels, or the chain has so
        many states and channels that its solution would take longer than some ten seconds: 400 channels at order 2 do
        for 3,000 paths of 50 touches that follow no rule. Lower the order or join channels then.

    Notes
    -----
    A state is the sequence of the last `order` channels; it is shorter at the beginning of a path. Let :math:`Q` be the
    probabilities from state to state, :math:`r` the probabilities of conversion from each state, and :math:`s` the
    probabilities of the first state. A path converts with probability :math:`s (I - Q)^{-1} r`. Without a channel,
    every path that reaches it is lost: its states are removed. The removal effect is :math:`1 - P_{without} / P`.
    Credit is proportional to it. Up to 2,000 states, all removals follow from one elimination of :math:`I - Q`: of the
    paths, those are lost that reach the channel and would convert from it. Up to 15,000 states of which hardly one has
    two that follow, scipy's sparse factors serve in the same way. Else the ways to conversion after the last visit of
    the channel are found for each channel, by stabilised biconjugate gradients, to 1e-10 of the conversions that are
    lost or better. What all channels will take is known from the largest three.

    With all channels the probability is the share of the paths that converted, for every order. Paths without a touch
    are left out.

    References
    ----------
    Anderl, Becker, von Wangenheim, Schumann, Mapping the customer journey, International Journal of Research in
    Marketing 33 (2016), 457-474.
    Grassmann, Taksar, Heyman, Regenerative analysis and steady state distributions for Markov chains, Operations
    Research 33 (1985), 1107-1116.

    Examples
    --------
    >>> from crmvalue.attribution import Paths
    >>> paths = Paths.from_lists([["search"], ["mail"], ["search", "mail"], ["search"]], [2, 1, 1, 0])
    >>> effects = markov_removal_effects(paths)
    >>> round(effects.prob_conversion, 3), effects.conversion_credit.round(3)
    (0.8, array([1.6, 2.4]))
    """
    order = as_whole_number("order", order, low=1, high=_HIGHEST_ORDER)
    touched = as_paths(paths).n_touches > 0
    n_conversions = int(paths.n_conversions[touched].sum())
    if not n_conversions:
        raise InputError("paths", "with at least one conversion after a touch", "none")
    if len(paths.channels) > _MOST_CHANNELS:
        raise InputError("paths", f"of at most {_MOST_CHANNELS:,} channels", len(paths.channels))
    chain = _chain(paths, touched, order)
    prob = n_conversions / float(paths.n_paths[touched].sum())  # a chain of counts converts as often as its paths
    if len(chain.last) <= _MOST_DIRECT:
        lost = _lost(chain, len(paths.channels))
    elif len(chain.last) <= _MOST_FACTORED and chain.step.nnz - len(chain.last) <= _MOST_BRANCHES:
        lost = _lost_from_factors(chain, len(paths.channels))
    else:
        lost = _lost_of_each(chain, len(paths.channels), order)
    without = np.maximum(prob - lost, 0.0)
    return RemovalEffects(
        channels=paths.channels,
        order=order,
        n_states=len(chain.last),
        n_conversions=n_conversions,
        prob_conversion=prob,
        prob_without=hand_over(np.minimum(without, prob)),  # without a channel it is larger by rounding only
    )


@attrs.frozen
class _Chain:
    """Probabilities of a Markov chain whose states are sequences of channels."""

    step: Any  # from state to state, sparse
    convert: Floats  # from each state to conversion
    lost: Floats  # from each state to the end without conversion
    start: Floats  # of the first state
    last: Integers  # last channel of each state
    visits: Floats  # of each state by a path, on average


def _chain(paths: Paths, touched: npt.NDArray[np.bool_], order: int) -> _Chain:
    from scipy.sparse import csr_array

    first, last = paths.offsets[:-1][touched], paths.offsets[1:][touched] - 1
    n = paths.n_paths[touched].astype(np.float64)
    key = _last_channels(paths, first, order)
    place, state, _ = distinct_keys(key)
    size = len(place)
    inner = np.ones(len(state), dtype=bool)
    inner[first] = False
    to = np.nonzero(inner)[0]
    weight = paths.n_paths[path_of_touch(paths)[to]].astype(np.float64)
    counts = csr_array((weight, (state[to - 1], state[to])), shape=(size, size))
    converted = np.bincount(state[last], weights=paths.n_conversions[touched], minlength=size)
    ended = np.bincount(state[last], weights=n, minlength=size)
    visits = counts.sum(axis=1) + ended
    counts.data /= np.repeat(visits, np.diff(counts.indptr))
    start = np.bincount(state[first], weights=n, minlength=size) / n.sum()
    return _Chain(
        counts,
        converted / visits,
        (ended - converted) / visits,
        start,
        paths.code[place].astype(np.int64),
        visits / n.sum(),
    )


def _last_channels(paths: Paths, first: Integers, order: int) -> Integers:
    """One whole number per touch for the last `order` channels of its path, the touch included."""
    base = len(paths.channels) + 1
    code = paths.code.astype(np.int64) + 1
    key = code.copy()
    begins = np.zeros(len(code), dtype=bool)
    begins[first] = True
    known = np.ones(len(code), dtype=bool)
    for back in range(1, order):
        # the touch `back` places before belongs to the same path if no path begins after it, up to this touch
        known[back - 1 :] &= ~begins[: len(begins) - back + 1]
        known[:back] = False
        key[back:] += np.where(known[back:], code[:-back] * base**back, 0)
    return key


def _lost(chain: _Chain, n_channels: int) -> Floats:
    """Probability, by channel, that a path reaches the channel and converts afterwards: from one elimination for all.

    With N the expected visits of each state from each other one, a path first reaches the states S of a channel in
    proportions h with h N[S, S] = (s N)[S].
    """
    from scipy.linalg import solve_triangular

    lower, upper = _eliminated(chain.step.toarray(), chain.convert + chain.lost)
    size = len(chain.last)
    first = solve_triangular(lower, np.eye(size), lower=True, unit_diagonal=True, check_finite=False)
    second = solve_triangular(upper, np.eye(size), check_finite=False)
    visits, convert = (chain.start @ second) @ first, second @ (first @ chain.convert)
    found = np.zeros(n_channels)
    order = np.argsort(chain.last, kind="stable")
    for states in np.split(order, np.nonzero(np.diff(chain.last[order]))[0] + 1):
        again = second[states] @ first[:, states]
        reach = visits[states] / again[0, 0] if len(states) == 1 else np.linalg.solve(again.T, visits[states])
        found[chain.last[states[0]]] = reach @ convert[states]
    return found


def _eliminated(step: Floats, leave: Floats) -> tuple[Floats, Floats]:
    """Factor I - Q into a lower triangle of unit diagonal and an upper one, without a difference of numbers.

    The rows of Q and the chance to leave sum to 1. A pivot is the sum of what lies to its right and of the chance to
    leave, so all digits stay where leaving is rare (Grassmann, Taksar, Heyman, Operations Research 33 (1985)).
    Rows and columns are taken in blocks.
    """
    size = len(leave)
    work = np.column_stack([step, leave])
    pivot = np.empty(size)
    for low in range(0, size, _BLOCK):
        high = min(low + _BLOCK, size)
        for k in range(low, high):
            pivot[k] = work[k, k + 1 :].sum()
            work[k + 1 :, k] /= pivot[k]
            work[k + 1 : high, k + 1 :] += np.outer(work[k + 1 : high, k], work[k, k + 1 :])
            work[high:, k + 1 : high] += np.outer(work[high:, k], work[k, k + 1 : high])
        work[high:, high:] += work[high:, low:high] @ work[low:high, high:]
    upper = -np.triu(work[:, :size], 1)
    np.fill_diagonal(upper, pivot)
    return -np.tril(work[:, :size], -1), upper


def _lost_from_factors(chain: _Chain, n_channels: int) -> Floats:
    """Give the probabilities of `_lost` from sparse factors: hardly a state has two that follow, so they are sparse."""
    from scipy.sparse import eye_array
    from scipy.sparse.linalg import splu

    size = len(chain.last)
    factors = splu((eye_array(size, format="csr") - chain.step).tocsc())
    convert, found = factors.solve(chain.convert), np.zeros(n_channels)
    by_channel = np.argsort(chain.last, kind="stable")
    for states in np.split(by_channel, np.nonzero(np.diff(chain.last[by_channel]))[0] + 1):
        again = np.empty((len(states), len(states)))
        for low in range(0, len(states), _MOST_COLUMNS):
            some = states[low : low + _MOST_COLUMNS]
            unit = np.zeros((size, len(some)), order="F")
            unit[some, np.arange(len(some))] = 1.0
            again[:, low : low + len(some)] = factors.solve(unit)[states]
        found[chain.last[states[0]]] = np.linalg.solve(again.T, chain.visits[states]) @ convert[states]
    return found


def _lost_of_each(chain: _Chain, n_channels: int, order: int) -> Floats:
    """Probability, by channel, that a path reaches the channel and converts afterwards: from sparse solves for each.

    A path that reaches the channel and converts has left it for the last time. The visits of its states are counted; so
    only the ways remain that start from there, avoid the channel and convert.
    """
    found, work = np.zeros(n_channels), 0
    back, step = chain.step.T.tocsr(), chain.step.nnz + _PER_STATE * len(chain.last)
    often = np.bincount(chain.last, weights=chain.visits, minlength=n_channels)
    for solved, channel in enumerate(np.argsort(-often, kind="stable").tolist(), start=1):
        most = int((_MOST_WORK * solved / n_channels - work) / step) if solved <= _FIRST else sys.maxsize
        found[channel], n_steps = _lost_after(chain, back, chain.last != channel, most)
        work += n_steps * step
        if n_steps > most:
            rule = "so low that the chain is solved for all channels within some ten seconds"
            states = f"{n_channels:,} channels have {len(chain.last):,} states"
            raise InputError("order", rule, order, hint=f"{states}; lower it, join channels or take fewer paths")
    return found


def _lost_after(chain: _Chain, back: Any, kept: npt.NDArray[np.bool_], most: int) -> tuple[float, int]:
    """Probability to convert after the last visit of the states that are not `kept`, and the steps that it took.

    It stops at more than `most` steps, with a probability that is too low.
    No state converts with more than 1, so the absolute sum of what is left bounds the error.
    """
    at_once = float(chain.visits[~kept] @ chain.convert[~kept])
    entry = kept * (back @ np.where(kept, 0.0, chain.visits))
    way, left, error, steps = np.zeros(len(kept)), entry, float(entry.sum()), 0
    while error > _RESIDUAL * (at_once + float(way @ chain.convert)):
        more, taken = _visits(back, kept, left, min(_MOST_STEPS, most - steps + 1))
        tried, steps = way + more, steps + taken
        if steps > most:
            return at_once, steps
        rest = entry - tried + kept * (back @ tried)
        if not float(np.abs(rest).sum()) < error / 2:
            break
        way, left, error = tried, rest, float(np.abs(rest).sum())
    lost = at_once + float(way @ chain.convert)
    return (lost if error <= _ENOUGH * lost else at_once + _directly(chain, entry, kept)), steps


def _visits(back: Any, kept: npt.NDArray[np.bool_], entry: Floats, most: int) -> tuple[Floats, int]:
    """Visits of the kept states from an entry, avoiding the others, and the steps taken.

    The search begins at random visits: begun at none, it soon finds only what is orthogonal to the entry, and stops.
    """
    from scipy.sparse.linalg import LinearOperator, bicgstab

    steps = 0

    def count(_: Floats) -> None:
        nonlocal steps
        steps += 1

    size, unit = len(kept), float(np.abs(entry).max())  # scipy takes small numbers for a breakdown
    system = LinearOperator((size, size), matvec=lambda way: way - kept * (back @ way), dtype=np.float64)
    first = np.random.default_rng(1).random(size) * kept * np.abs(entry / unit).mean()
    with np.errstate(under="ignore"):
        found, _ = bicgstab(system, entry / unit, x0=first, rtol=_PER_SOLVE, maxiter=most, callback=count)
    return unit * np.asarray(found, dtype=np.float64), steps


def _directly(chain: _Chain, entry: Floats, kept: npt.NDArray[np.bool_]) -> float:
    """Probability to convert from an entry to the kept states, without the others, by sparse factors."""
    from scipy.sparse import eye_array
    from scipy.sparse.linalg import splu

    rows = np.nonzero(kept)[0]
    system = eye_array(len(rows), format="csr") - chain.step[rows][:, rows]
    return float(entry[rows] @ splu(system.tocsc()).solve(chain.convert[rows]))
