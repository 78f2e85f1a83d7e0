"""Shapley values: the fair share of each channel, from the worth of sets of channels."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from crmvalue._attribution.touch_paths import Paths, names_field, names_of, path_of_touch
from crmvalue._core.checks import as_float, as_text, as_whole_number, require, to_array
from crmvalue._core.encoding.customers import text_array
from crmvalue._core.frames import Columns
from crmvalue._core.json import from_json, to_json
from crmvalue._core.labels import as_given
from crmvalue._core.values import checked_field, hand_over, number_column, optional, stay_frozen
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt

    from crmvalue.typing import Floats, Integers

    Bools = npt.NDArray[np.bool_]

__all__ = ["ShapleyValues", "set_shares", "shapley_values"]

_MOST_EXACT = 15  # channels; 2**15 sets
_SETS_AT_ONCE = 1 << 16
_MOST_SAMPLED = 10_000  # channels, of which one drawn order needs a table of their square
_MOST_ORDERS = 10_000_000
_ROUNDING = 1e-6  # of all values: what sums of large worths may lose
_MOST_CELLS = 10**10  # of all tables of drawn orders: some minutes


@stay_frozen
@attrs.frozen(kw_only=True)
class ShapleyValues(Columns):
    """Shapley value of each channel: its share in the worth of all channels.

    Parameters
    ----------
    channels : tuple of str
        Names of the channels.
    value : ndarray
        Shapley value of each channel, in the unit of the worth; they sum to `total`.
    total : float
        Worth of all channels together less the worth of the empty set.
    standard_error : ndarray or None
        Standard error of each value, where orders of channels were drawn; None where the values are exact.
    n_orders : int or None
        Number of drawn orders; None where the values are exact.

    Examples
    --------
    >>> shares = shapley_values({("ad",): 4, ("mail",): 2, ("ad", "mail"): 10})
    >>> shares.channels, shares.value, shares.total
    (('ad', 'mail'), array([6., 4.]), 10.0)
    """

    channels: tuple[str, ...] = names_field()
    value: Floats = number_column("value")
    total: float = checked_field("total", as_float)
    standard_error: Floats | None = number_column("standard_error", infinite=True, default=None)
    n_orders: int | None = checked_field("n_orders", optional(partial(as_whole_number, low=2)), default=None)

    def __attrs_post_init__(self) -> None:
        for name in ("value", "standard_error"):
            column = getattr(self, name)
            if column is not None and len(column) != len(self.channels):
                raise InputError(name, f"one for each of the {len(self.channels)} channels", len(column))
        if (self.standard_error is None) != (self.n_orders is None):
            raise InputError("n_orders", "given if and only if `standard_error` is", self.n_orders)
        size = float(np.abs(self.value).sum()) + abs(self.total)
        if not abs(float(self.value.sum()) - self.total) <= _ROUNDING * size:
            raise InputError("total", f"the sum of `value` ({as_given(self.value.sum())})", self.total)
        if self.standard_error is not None:
            require(self.standard_error >= 0, "standard_error", self.standard_error, ">= 0")

    @property
    def is_exact(self) -> bool:
        """Whether the values are exact, not estimated from drawn orders."""
        return self.n_orders is None

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give the table column by column, for a dataframe of any kind.

        Returns
        -------
        dict of str to ndarray
            One row for each channel.
        """
        columns = {"channel": text_array(self.channels), "value": self.value}
        return columns if self.standard_error is None else columns | {"standard_error": self.standard_error}

    def to_json(self) -> str:
        """Write the values as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> ShapleyValues:
        """Read what :meth:`to_json` wrote."""
        return from_json(cls, text)


def shapley_values(
    worth: Paths | Mapping[Any, float] | Callable[[Bools], Any],
    *,
    channels: Iterable[str] | None = None,
    n_orders: int = 1000,
    rng: np.random.Generator | None = None,
) -> ShapleyValues:
    r"""Divide the worth of all channels by what each channel adds to every set of other channels.

    Parameters
    ----------
    worth : Paths, mapping or function
        Worth of each set of channels. :class:`Paths`: a set is worth the conversions of the paths that use only its
        channels. Mapping: a number for each set, written as a tuple or frozenset of names, up to 15 channels; the empty
        set may be left out and is then worth 0. Function: it takes an array of bool of shape (sets, channels), True for
        the channels of each set, and returns the worth of each set, shape (sets,).
    channels : list of str, optional
        Names of the channels; needed with a function, and only with it. At most 10,000.
    n_orders : int, default 1000
        Number of orders to draw, with a function of more than 15 channels, 2 to 10,000,000. The number of orders times
        the square of the number of channels is at most 10,000,000,000.
    rng : numpy.random.Generator, optional
        Draws the orders; needed with a function of more than 15 channels.

    Returns
    -------
    ShapleyValues
        Exact values for paths, for a mapping, and for a function of up to 15 channels. Otherwise means over drawn
        orders, with standard errors. In both cases the values sum to the worth of all channels.

    Raises
    ------
    InputError
        If the worth of a set is missing or not a number, there is no channel, `rng` is missing where it is needed, or
        there are too many orders or channels.

    Notes
    -----
    .. math:: \phi_i = \sum_{S \not\ni i} \frac{|S|! \, (n - |S| - 1)!}{n!} \, (v(S \cup i) - v(S))

    Up to 15 channels all sets are summed. For paths, the dividend of a set is the conversions of the paths with exactly
    its channels; the channels share it equally. This gives the same values for any number of channels. In a drawn order
    each channel gets what it adds to the channels before it; these amounts sum to the worth of all channels.

    References
    ----------
    Shapley, A value for n-person games, Contributions to the Theory of Games 2 (1953), 307-317.
    Harsanyi, A simplified bargaining model for the n-person cooperative game, International Economic Review 4 (1963),
    194-220, for dividends. Castro, Gómez, Tejada, Polynomial calculation of the Shapley value based on sampling,
    Computers & Operations Research 36 (2009), 1726-1730.

    Examples
    --------
    >>> worth = {("O",): 7, ("F",): 6, ("D",): 4, ("O", "F"): 15, ("O", "D"): 7, ("F", "D"): 9, ("O", "F", "D"): 19}
    >>> shares = shapley_values(worth)
    >>> dict(zip(shares.channels, shares.value.round(4).tolist()))
    {'D': 3.1667, 'F': 8.1667, 'O': 7.6667}
    """
    n_orders = as_whole_number("n_orders", n_orders, low=2, high=_MOST_ORDERS)
    if rng is not None and not isinstance(rng, np.random.Generator):
        raise InputError("rng", "a numpy.random.Generator", rng)
    if callable(worth):
        if channels is None:
            raise InputError("channels", "given with a function", None)
        names = names_of(channels)
        if not names:
            raise InputError("channels", "at least one", names)
        if len(names) > _MOST_EXACT:
            _require_feasible(len(names), n_orders)
            return _sampled(worth, names, n_orders, rng)
        return _exact(_worth_of(worth, _all_sets(len(names))), names)
    if channels is not None:
        raise InputError("channels", "given only with a function", channels)
    if isinstance(worth, Paths):
        return _of_paths(worth)
    if isinstance(worth, Mapping):
        return _exact(*_read_mapping(worth))
    raise InputError("worth", "Paths, a mapping or a function", type(worth).__name__)


def set_shares(paths: Paths) -> tuple[Integers, npt.NDArray[np.integer[Any]], Floats]:
    """Give each different channel of a path the same share: row, channel and share."""
    if not len(paths.code):
        return np.zeros(0, dtype=np.int64), paths.code, np.zeros(0)
    k = len(paths.channels)
    cell = path_of_touch(paths) * k + paths.code
    cell.sort()
    distinct = cell[np.concatenate([[True], cell[1:] != cell[:-1]])]
    row, code = np.divmod(distinct, k)
    return row, code, 1 / np.bincount(row, minlength=len(paths))[row]


def _of_paths(paths: Paths) -> ShapleyValues:
    row, code, share = set_shares(paths)
    value = np.bincount(code, weights=share * paths.n_conversions[row], minlength=len(paths.channels))
    total = float(paths.n_conversions[paths.n_touches > 0].sum())
    return ShapleyValues(channels=paths.channels, value=hand_over(value), total=total)


def _read_mapping(worth: Mapping[Any, float]) -> tuple[Floats, tuple[str, ...]]:
    """Read the worth of all sets, in the order of their bits, and the channels in alphabetical order."""
    sets: dict[frozenset[str], float] = {}
    for key, number in worth.items():
        if isinstance(key, str) or not isinstance(key, tuple | frozenset):
            raise InputError("worth", "a mapping from tuples or frozensets of names", key, hint='("ad",) for one')
        members = frozenset(as_text("worth", name) for name in key)
        if members in sets:
            raise InputError("worth", "one number for each set", key)
        sets[members] = as_float("worth", number)
    sets.setdefault(frozenset(), 0.0)
    names = tuple(sorted(frozenset().union(*sets)))
    if not names:
        raise InputError("worth", "a mapping of sets with at least one channel", worth)
    if len(names) > _MOST_EXACT:
        raise InputError("worth", f"a function for more than {_MOST_EXACT} channels", f"a mapping of {len(names)}")
    if len(sets) < 2 ** len(names):
        absent = next(found for bits in range(2 ** len(names)) if (found := _members(bits, names)) not in sets)
        n = 2 ** len(names) - len(sets)
        raise InputError("worth", "a number for every set of channels", tuple(sorted(absent)), count=n)
    return np.array([sets[_members(bits, names)] for bits in range(2 ** len(names))]), names


def _members(bits: int, names: tuple[str, ...]) -> frozenset[str]:
    return frozenset(name for i, name in enumerate(names) if bits >> i & 1)


def _all_sets(n: int) -> Bools:
    """All sets of `n` channels, one in each row; bit i of the row number tells whether channel i is in the set."""
    return (np.arange(2**n)[:, None] >> np.arange(n) & 1).astype(bool)


def _worth_of(worth: Callable[[Bools], Any], sets: Bools) -> Floats:
    values, _ = to_array("worth", worth(sets), "a function that gives one number for each set")
    if values.shape != (len(sets),) or values.dtype.kind not in "bfiu":
        raise InputError("worth", f"a function that gives numbers of shape ({len(sets)},)", values.shape)
    require(np.isfinite(values), "worth", values, "a function that gives finite numbers")
    return values.astype(np.float64)


def _exact(values: Floats, names: tuple[str, ...]) -> ShapleyValues:
    n = len(names)
    size = _all_sets(n - 1).sum(axis=1)  # of each set of the others
    weight = np.array([1 / (n * math.comb(n - 1, k)) for k in range(n)])[size]
    shares = np.empty(n)
    for i in range(n):
        pairs = values.reshape(2 ** (n - 1 - i), 2, 2**i)  # the middle axis is bit i
        shares[i] = weight @ (pairs[:, 1] - pairs[:, 0]).ravel()
    return ShapleyValues(channels=names, value=hand_over(shares), total=float(values[-1] - values[0]))


def _require_feasible(n_channels: int, n_orders: int) -> None:
    if n_channels > _MOST_SAMPLED:
        raise InputError("channels", f"at most {_MOST_SAMPLED:,}", n_channels)
    most = _MOST_CELLS // n_channels**2
    if n_orders > most:
        raise InputError("n_orders", f"at most {most:,} for {n_channels:,} channels", n_orders)


def _sampled(
    worth: Callable[[Bools], Any], names: tuple[str, ...], n_orders: int, rng: np.random.Generator | None
) -> ShapleyValues:
    if rng is None:
        raise InputError("rng", f"a numpy.random.Generator for more than {_MOST_EXACT} channels", None)
    n = len(names)
    block = max(1, _SETS_AT_ONCE // (n + 1))
    ends = _worth_of(worth, np.array([[False] * n, [True] * n]))
    total, mean, spread, done = ends[1] - ends[0], np.zeros(n), np.zeros(n), 0
    while done < n_orders:
        m = min(block, n_orders - done)
        rank = np.argsort(rng.random((m, n)), axis=1)  # place of each channel in a drawn order
        sets = (
            rank[:, None, :] < np.arange(n + 1)[:, None]
        )  # channels before each place, shape (orders, n + 1, channels)
        along = _worth_of(worth, sets.reshape(-1, n)).reshape(m, n + 1)
        added = np.take_along_axis(np.diff(along, axis=1), rank, axis=1)
        off = added.mean(axis=0) - mean
        spread += ((added - added.mean(axis=0)) ** 2).sum(axis=0) + off**2 * (done * m / (done + m))
        mean += off * (m / (done + m))
        done += m
    return ShapleyValues(
        channels=names,
        value=hand_over(mean),
        total=float(total),
        standard_error=hand_over(np.sqrt(spread / (n_orders - 1) / n_orders)),
        n_orders=n_orders,
    )
