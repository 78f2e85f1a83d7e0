"""What is lost without a channel, by a Markov chain of the paths."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from crmvalue._checks import as_whole_number
from crmvalue._paths import Paths, require_paths
from crmvalue._values import array_field, count_field, own, stay_frozen
from crmvalue.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue.typing import Floats, Integers

__all__ = ["RemovalEffects", "markov_removal_effects"]

_ORDERS = (1, 3)


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
    >>> from crmvalue.attribution import Paths
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
    >>> from crmvalue.attribution import Paths
    >>> paths = Paths.from_lists([["G"], ["M"], ["G", "M"]], n_conversions=[2, 1, 1], n_lost=[1, 0, 0])
    >>> effects = markov_removal_effects(paths)
    >>> round(effects.prob_conversion, 12), effects.effect.round(12), (effects.share * 4).round(12)
    (0.8, array([0.75, 0.5 ]), array([2.4, 1.6]))
    """
    require_paths(paths)
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
