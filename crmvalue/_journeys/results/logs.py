"""What came back: reactions of customers to messages, and their orders."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

import attrs
import numpy as np

from crmvalue._core.checks import (
    RESIDUE,
    as_column,
    as_whole_number,
    require,
    require_choice,
    require_same_index,
    to_array,
)
from crmvalue._core.encoding.customers import encode_customers, join_customers
from crmvalue._core.frames import Columns
from crmvalue._core.values import Given, array_columns, array_field, checked_field, hand_over, read_only, stay_frozen
from crmvalue._journeys.data import (
    Events,
    MessageHistory,
    customer_column,
    keys_of,
    newer_field,
    second_column,
    table_field,
    text_column,
    word_column,
)
from crmvalue._journeys.moments import MOST_CUSTOMERS, moment
from crmvalue.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue._journeys.planning.plan import Plan
    from crmvalue.typing import ArrayLike, Dates, Floats, Integers

__all__ = [
    "NUMBER",
    "REACTIONS",
    "Orders",
    "Responses",
    "codes_of",
    "common_customers",
    "latest_before",
    "minor_units",
    "places_in",
    "responded_to",
    "some_orders",
]

REACTIONS = ("delivered", "bounced", "opened", "clicked", "replied", "unsubscribed")
"""What a provider reports of a message; the first two come from its system, the others from the customer."""

_LARGEST = 1e13  # money up to here has exact cents as a float
_LARGEST_SUM = 9e18  # minor units; sums are whole numbers of 64 bits
NUMBER = re.compile(r"[+-]?\d{1,13}(\.\d+)?", re.ASCII)
_MONEY = "money in units of the currency, such as 19.90 or '19.90'"
_DAY = 86_400


def _reaction_column(name: str, value: ArrayLike) -> npt.NDArray[np.str_]:
    words = word_column(name, value)
    for word in codes_of(words)[0].tolist():
        require_choice(name, word, REACTIONS)
    return words


@stay_frozen
@attrs.frozen(kw_only=True)
class Responses(Columns):
    """What became of messages: delivered or bounced, opened, clicked, replied, unsubscribed; one element each.

    Parameters
    ----------
    customer : array_like
        Identifier of the customer.
    name : array_like of str
        "delivered", "bounced", "opened", "clicked", "replied" or "unsubscribed".
    time : array_like
        Local time of the customer.
    message : array_like of str, optional
        Key of the message, from :attr:`Plan.key`: give it to the provider with each message, and take it back. Without
        it, a reaction belongs to the last message to the customer before it.
    channel : array_like of str, optional
        Channel of the message; without `message`, the last message on this channel is taken.

    Examples
    --------
    >>> seen = Responses(customer=["ann"], name=["opened"], time=["2024-05-31T12:00"])
    >>> seen.events().names
    ('opened',)
    """

    customer: npt.NDArray[Any] = table_field("customer", customer_column)
    name: npt.NDArray[np.str_] = table_field("name", _reaction_column)
    time: Dates = table_field("time", second_column)
    message: npt.NDArray[np.str_] | None = newer_field("message", text_column)
    channel: npt.NDArray[np.str_] | None = newer_field("channel", text_column)

    def __attrs_pre_init__(self, **columns: object) -> None:
        require_same_index(**columns)

    def __attrs_post_init__(self) -> None:
        _require_rows(self, "reactions")

    def __len__(self) -> int:
        return len(self.customer)

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give all columns by name, for a dataframe of any kind; the same columns make the value again."""
        return array_columns(self)

    def events(self, history: MessageHistory | None = None) -> Events:
        """Give the reactions as events, so that they end or feed journeys.

        Parameters
        ----------
        history : MessageHistory, optional
            What was sent. With it, each reaction is also an event of its journey, such as "opened win-back", and of its
            step, such as "opened win-back, month 9".

        Returns
        -------
        Events
            Events named like the reactions, for ``unless=``, ``goals=``, ``exits=``, ``WaitFor("opened")`` or
            ``Cascade(ends_with="opened")``.

        Raises
        ------
        InputError
            If `history` is not a history, or its customers are of another kind.
        """
        customer, name, time = [self.customer], [self.name.astype(object)], [self.time]
        if history is not None:
            if not isinstance(history, MessageHistory):
                raise InputError("history", "a MessageHistory or None", type(history).__name__)
            place = responded_to(self, history, history.sent_at, self.time)
            known = place >= 0
            of = place[known]
            journey = self.name[known].astype(object) + " " + history.journey[of].astype(object)
            name += [journey, journey + ", " + history.step[of].astype(object)]
            customer += [self.customer[known]] * 2
            time += [self.time[known]] * 2
        return Events(customer=join_customers(*customer), name=np.concatenate(name), time=np.concatenate(time))


@stay_frozen
@attrs.frozen(kw_only=True)
class Orders(Columns):
    """Orders of customers, one element each; sums of their money are exact to the cent.

    Parameters
    ----------
    customer : array_like
        Identifier of the customer.
    time : array_like
        Local time of the customer. A day without a time of day is its midnight, so an order of the day on which a
        message was sent counts as one before the message.
    revenue : array_like
        What the customer paid [money], >= 0, with at most `decimals` decimals: numbers, Decimals or texts such as
        "19.90". Take returned goods off first. What binary arithmetic leaves, less than 1e-9 beside whole cents such as
        4e-16 or 0.1 + 0.2, is rounded off: it changes no cent.
    margin : float or array_like
        Share of the revenue that remains as margin, in [-1, 1]: one, or one for each order. Take 1 where no goods are
        paid.
    benefit : array_like, optional
        Money given away with the order and not taken off its revenue [money], >= 0, such as a gift or points: one, or
        one for each order.
    code : array_like of str, optional
        Code that was used, as in :meth:`Plan.with_codes`; empty for none.
    decimals : int, optional
        Decimals of the currency, 0 to 4.

    Examples
    --------
    >>> sold = Orders(customer=["ann"], time=["2024-06-02T18:00"], revenue=["19.90"], margin=0.3)
    >>> sold.revenue, sold.margin
    (array([19.9]), array([0.3]))
    """

    customer: npt.NDArray[Any] = table_field("customer", customer_column)
    time: Dates = table_field("time", second_column)
    revenue: Floats = array_field(lambda value: read_only(hand_over(_money("revenue", value))))
    margin: Floats = array_field(lambda value: read_only(hand_over(_numbers("margin", value))))
    benefit: Floats = array_field(lambda value: read_only(hand_over(_money("benefit", value))), default=0.0)
    code: npt.NDArray[np.str_] | None = newer_field("code", text_column)
    decimals: int = checked_field(
        "decimals", lambda name, value: as_whole_number(name, value, low=0, high=4), default=2
    )

    def __attrs_pre_init__(self, **columns: Any) -> None:
        require_same_index(**{name: column for name, column in columns.items() if name != "decimals"})

    def __attrs_post_init__(self) -> None:
        n = len(self.customer)
        for name in ("margin", "benefit"):
            if getattr(self, name).shape == (1,) and n != 1:
                wide = read_only(hand_over(np.repeat(getattr(self, name), n)))
                object.__setattr__(self, name, wide)  # one number stands for all orders
        _require_rows(self, "orders")
        require(
            (self.margin >= -1) & (self.margin <= 1), "margin", self.margin, "in [-1, 1]", hint="0.3 for 30 percent"
        )
        for name in ("revenue", "benefit"):
            given = getattr(self, name)
            money = minor_units(given, self.decimals) / 10.0**self.decimals
            residue = np.maximum(RESIDUE, 4.0 * np.spacing(np.maximum(np.abs(money), 1.0)))
            near = np.abs(money - given) <= residue
            require((given >= 0) | (near & (money == 0)), name, given, ">= 0")
            require(near, name, given, f"of at most {self.decimals} decimals", hint="round it first")
            object.__setattr__(self, name, read_only(hand_over(money)))
            total = float(money.sum()) * 10.0**self.decimals
            if total > _LARGEST_SUM:
                raise InputError(name, "of at most 9 * 10**18 minor units in sum", total)

    def __len__(self) -> int:
        return len(self.customer)

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give all columns by name, for a dataframe of any kind; the same columns make the value again."""
        return array_columns(self)


def minor_units(money: Floats, decimals: int) -> Integers:
    """Give money in whole minor units, rounded."""
    return np.rint(money * 10.0**decimals).astype(np.int64)


def some_orders(orders: Orders, rows: npt.NDArray[np.bool_]) -> Orders:
    """Give some of the orders."""
    names = ("customer", "time", "revenue", "margin", "benefit", "code")
    parts = {name: getattr(orders, name) for name in names}
    kept: dict[str, Any] = {name: None if part is None else hand_over(part[rows]) for name, part in parts.items()}
    return attrs.evolve(orders, **kept)


def _require_rows(table: Any, what: str) -> None:
    for field in attrs.fields(type(table)):
        column = getattr(table, field.name)
        if isinstance(column, np.ndarray) and len(column) != len(table.customer):
            raise InputError(field.name, f"one for each of the {len(table.customer)} {what}", len(column))


def _money(name: str, value: Any) -> Floats:
    """Take a column of money, or one amount; a text is a number with a point."""
    if isinstance(value, Given):
        return value.array
    array, types = to_array(name, value, _MONEY)
    if types & {str, Decimal} or array.dtype.kind in "UO":
        objects, _ = to_array(name, value, _MONEY, as_objects=True)
        items = np.atleast_1d(objects).tolist()
        for i, item in enumerate(items):
            if isinstance(item, str) and not NUMBER.fullmatch(item):
                raise InputError(name, _MONEY, item, index=i)
        value = [float(item) if isinstance(item, str) else item for item in items]
    column = _numbers(name, value)
    require(np.abs(column) <= _LARGEST, name, column, "at most 10**13")
    return column


def _numbers(name: str, value: Any) -> Floats:
    if isinstance(value, Given):
        return value.array
    if isinstance(value, int | float | np.number) and not isinstance(value, bool | np.bool_ | np.timedelta64):
        value = [value]
    return np.array(as_column(name, value))


def codes_of(words: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], Integers]:
    """Give the distinct texts of a column, empty ones included, in ascending order, and the place of each row's."""
    from crmvalue._core.encoding.texts import encode_items, encode_matrix

    found = encode_items(words) if words.dtype.kind == "O" else encode_matrix(words)
    if found is not None:
        return np.asarray(found[0]), np.asarray(found[1])
    distinct, place = np.unique(words, return_inverse=True)
    return distinct, place


def common_customers(*columns: npt.NDArray[Any]) -> tuple[int, list[Integers]]:
    """Give the customers of several columns common numbers; also how many there are."""
    filled = [column for column in columns if len(column)]
    for column in filled[1:]:
        if isinstance(column[0], str) != isinstance(filled[0][0], str):
            raise InputError("customer", "identifiers of one kind, numbers or text", column[0])
    if not filled:
        return 0, [np.zeros(0, dtype=np.int64) for _ in columns]
    distinct, code = encode_customers("customer", join_customers(*filled))
    if len(distinct) > MOST_CUSTOMERS:
        raise InputError(
            "customer", f"of at most {MOST_CUSTOMERS:,} customers", len(distinct), hint="take them in parts"
        )
    ends = np.cumsum([len(column) for column in columns])
    parts = np.split(code, ends[:-1])
    return len(distinct), parts


def places_in(key: Integers, wanted: Integers, side: Literal["left", "right"] = "left") -> Integers:
    """Search in ascending numbers, in their order: that keeps close in memory what is looked up one after the other."""
    order = np.argsort(wanted)
    place = np.empty(len(wanted), dtype=np.int64)
    place[order] = np.searchsorted(key, wanted[order], side=side)
    return place


def latest_before(
    customer: Integers, time: Dates, order: Integers, wanted: Integers, at: Dates, days: int | None = None
) -> Integers:
    """Find the last row of a customer at each moment or before it, at most some days ago; -1 for none.

    `order` sorts the rows by customer and time. Of rows of one moment, the one that comes last in it is taken.
    """
    if not len(order):
        return np.full(len(wanted), -1, dtype=np.int64)
    key = moment(customer[order], time[order])
    place = np.maximum(places_in(key, moment(wanted, at), side="right") - 1, 0)
    row = order[place]
    found = (customer[row] == wanted) & (time[row] <= at)
    if days is not None:
        found &= at - time[row] <= np.timedelta64(days * _DAY, "s")
    return np.where(found, row, -1)


def responded_to(responses: Responses, messages: MessageHistory | Plan, sent_at: Dates, time: Dates) -> Integers:
    """Find the message of each reaction as a place among the sent messages, by their times; -1 for none."""
    _, (whom, who) = common_customers(messages.customer, responses.customer)
    place = np.full(len(responses), -1, dtype=np.int64)
    if not len(messages) or not len(responses):
        return place
    without = np.ones(len(responses), dtype=bool)
    if responses.message is not None:
        given = np.nonzero(responses.message != "")[0]
        without[given] = False
        key = keys_of(messages)
        order = np.argsort(key, kind="stable")
        hit = order[np.minimum(np.searchsorted(key, responses.message[given], sorter=order), len(order) - 1)]
        place[given] = np.where(key[hit] == responses.message[given], hit, -1)
    order = np.lexsort((sent_at, whom))
    if responses.channel is None:
        rows = np.nonzero(without)[0]
        place[rows] = latest_before(whom, sent_at, order, who[rows], time[rows])
        return place
    for channel in codes_of(responses.channel)[0].tolist():
        rows = np.nonzero(without & (responses.channel == channel))[0]
        mine = order if not channel else order[messages.channel[order] == channel]
        place[rows] = latest_before(whom, sent_at, mine, who[rows], time[rows])
    return place
