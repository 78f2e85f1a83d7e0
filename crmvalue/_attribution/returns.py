"""Cost and return of channels, by their credits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from crmvalue._attribution.credit import Attribution
from crmvalue._attribution.pictures import costs_parts, returns_parts
from crmvalue._attribution.touch_paths import names_field
from crmvalue._core.checks import as_amounts, require
from crmvalue._core.encoding.customers import text_array
from crmvalue._core.frames import Columns
from crmvalue._core.json import from_json, to_json
from crmvalue._core.labels import labelled
from crmvalue._core.pictures.pictured import Pictured
from crmvalue._core.values import number_column, stay_frozen
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from crmvalue._core.pictures.parts import Parts
    from crmvalue.typing import ArrayLike, Floats

__all__ = ["ChannelReturns", "channel_returns"]


@stay_frozen
@attrs.frozen(kw_only=True)
class ChannelReturns(Columns, Pictured):
    """Cost of each channel, and its return by its credits.

    Parameters
    ----------
    channels : tuple of str
        Names of the channels.
    cost : ndarray
        Cost of each channel [money], shape (channels,).
    conversion_credit : ndarray
        Conversions credited to each channel.
    value_credit : ndarray or None
        Money credited to each channel [money]; None where the paths have no money.

    Examples
    --------
    >>> from crmvalue.attribution import Paths, attribute
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

    def _parts(self) -> Parts:
        if self.value_credit is None:
            return costs_parts(self.channels, self.acquisition_cost)
        return returns_parts(self.channels, self.cost, self.value_credit)

    @property
    def acquisition_cost(self) -> Floats:
        """Cost per credited conversion [money]: infinite for cost without credit, NaN for neither cost nor credit.

        It is the cost of a new customer if the conversions are first purchases.
        """
        return _ratio(self.cost, self.conversion_credit)

    @property
    def net_gain(self) -> Floats | None:
        """Credited money less cost [money]; None where the paths have no money."""
        return None if self.value_credit is None else self.value_credit - self.cost

    @property
    def return_on_investment(self) -> Floats | None:
        """Net gain per unit of cost: infinite for gain without cost, NaN for neither; None without money."""
        return None if self.value_credit is None else _ratio(self.value_credit - self.cost, self.cost)

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give the table column by column, for a dataframe of any kind.

        Returns
        -------
        dict of str to ndarray
            One row for each channel.
        """
        columns = {"channel": text_array(self.channels), "cost": self.cost, "conversion_credit": self.conversion_credit}
        columns["acquisition_cost"] = self.acquisition_cost
        for name in ("value_credit", "net_gain", "return_on_investment"):
            if (column := getattr(self, name)) is not None:
                columns[name] = column
        return columns

    def to_json(self) -> str:
        """Write costs and credits as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> ChannelReturns:
        """Read what :meth:`to_json` wrote."""
        return from_json(cls, text)


def channel_returns(attribution: Attribution, cost: Mapping[str, float] | ArrayLike) -> ChannelReturns:
    """Compare the cost of each channel with its credits.

    Parameters
    ----------
    attribution : Attribution
        Credits from :func:`attribute`, for the same period as the cost.
    cost : mapping or array_like
        Cost of each channel, >= 0 [money]. A mapping, or a column whose index holds the channels, gives it by name.
        Other columns give it in the order of the channels. A free channel costs 0. A channel that is named here but
        has no touch gets no credit.

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
    >>> from crmvalue.attribution import Paths, attribute
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
        known = set(names)
        names += tuple(name for name in by_channel if name not in known)
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
    """Credits, with 0 for further channels, which have no touch."""
    return np.concatenate((credit, np.zeros(n - len(credit))))


def _ratio(above: Floats, below: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return np.divide(above, below)
