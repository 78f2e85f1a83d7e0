"""What each channel adds to the worth of the others, averaged over all orders."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from math import comb
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from crmvalue._checks import as_column, as_text, as_whole_number
from crmvalue._values import array_field, own, stay_frozen
from crmvalue.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue.typing import Floats

__all__ = ["ShapleyValues", "shapley_values"]

_EXACT_CHANNELS = 15


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
    draws = as_whole_number("n_samples", n_samples, low=2, high=10**7)
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
