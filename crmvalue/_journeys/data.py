"""What a plan needs to know: customers, what they did, and what was sent to them before."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from crmvalue._core.checks import (
    as_column,
    as_count_column,
    as_day_column,
    as_ordered_items,
    as_outcomes,
    as_text,
    as_time_column,
    is_missing_object,
    plain_text,
    require,
    require_same_index,
    to_array,
)
from crmvalue._core.clock.zones import as_zone
from crmvalue._core.encoding.customers import as_comparable, as_words, encode_customers, join_customers, text_array
from crmvalue._core.frames import Columns
from crmvalue._core.json import from_json, to_json
from crmvalue._core.values import (
    FixedMapping,
    Given,
    array_columns,
    array_field,
    given_field,
    hand_over,
    plain_given,
    read_only,
    stay_frozen,
)
from crmvalue._journeys.moments import MOST_CUSTOMERS
from crmvalue.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue.typing import ArrayLike, Dates, Integers

    Bools = npt.NDArray[np.bool_]

__all__ = [
    "Coded",
    "Customers",
    "Events",
    "MessageHistory",
    "customer_column",
    "fill_in",
    "flag_column",
    "journey_of",
    "keys_of",
    "newer_field",
    "rows_among",
    "second_column",
    "table_field",
    "text_column",
    "version_column",
    "word_column",
]

_OLD_GROUP = re.compile(r"(?P<journey>.+), version (?P<version>\d{1,7})", re.DOTALL)
"""How the group of a version of a journey is written; histories of earlier releases name only the group."""

_NO_ANSWER = "fill missing values with False: who has not answered has not agreed"


def _identifiers(value: ArrayLike) -> npt.NDArray[Any]:
    distinct, code = encode_customers("customer", value)
    if len(distinct) != len(code):
        twice = distinct[np.argmax(np.bincount(code, minlength=len(distinct)))]
        raise InputError("customer", "one row a customer", twice, count=len(code) - len(distinct))
    return read_only(distinct[code])


def _dates(value: Mapping[str, ArrayLike] | None) -> FixedMapping[str, Dates]:
    if value is None:
        return FixedMapping()
    return FixedMapping(
        {
            as_text("dates", name): _locked(as_day_column(f"dates[{name!r}]", column, allow_missing=True))
            for name, column in _items("dates", value)
        }
    )


def flag_column(name: str, value: ArrayLike, *, if_missing: str = "fill missing values with False") -> Bools:
    """Take a column of True and False, or of 1 and 0; `if_missing` is the hint for a missing value."""
    rule = "True or False for each customer"
    flags: Bools = _locked(np.array(as_outcomes(name, value, rule=rule, if_missing=if_missing)))
    return flags


def _segments(value: Mapping[str, ArrayLike] | None) -> FixedMapping[str, Bools]:
    if value is None:
        return FixedMapping()
    return FixedMapping(
        {
            as_text("segments", name): flag_column(f"segments[{name!r}]", column)
            for name, column in _items("segments", value)
        }
    )


def _consent(value: Mapping[Any, ArrayLike] | None) -> FixedMapping[tuple[str, str], Bools]:
    """Take consent by channel and purpose; a channel alone stands for all purposes, written "*"."""
    if value is None:
        return FixedMapping()
    found = {}
    for key, column in _items("consent", value):
        pair = key if isinstance(key, tuple) else (key, "*")
        if len(pair) != 2:
            raise InputError("consent", "by channel, or by (channel, purpose)", key)
        channel, purpose = (as_text("consent", part) for part in pair)
        if (channel, purpose) in found:
            raise InputError("consent", "each channel and purpose once", key)
        found[channel, purpose] = flag_column(f"consent[{key!r}]", column, if_missing=_NO_ANSWER)
    return FixedMapping(found)


def _attributes(value: Mapping[str, ArrayLike] | None) -> FixedMapping[str, Coded]:
    if value is None:
        return FixedMapping()
    return FixedMapping(
        {
            as_text("attributes", name): column if isinstance(column, Coded) else _attribute(name, column)
            for name, column in _items("attributes", value)
        }
    )


def _attribute(name: str, value: ArrayLike) -> Coded:
    """Encode a column of texts; a missing one has the code -1."""
    of = f"attributes[{name!r}]"
    array, _ = to_array(of, value, "a column of texts", as_objects=True)
    if array.ndim != 1:
        raise InputError(of, "one-dimensional, one element a customer", f"{array.ndim} dimensions")
    items = list(map(plain_text, array.tolist()))
    try:
        distinct = dict.fromkeys(items)
    except TypeError as error:
        raise InputError(of, "texts, or None", type(items[0]).__name__) from error
    for item in distinct:
        if not is_missing_object(item) and not isinstance(item, str):
            index = next(i for i, other in enumerate(items) if other is item)  # == of pandas' NA has no truth
            raise InputError(of, "a text, or None", item, index=index, hint="write numbers as text")
    words = sorted(item for item in distinct if isinstance(item, str))
    place = dict.fromkeys(distinct, -1) | {word: i for i, word in enumerate(words)}
    code = np.fromiter(map(place.__getitem__, items), dtype=np.int64, count=len(items))
    return Coded(np.array(words, dtype=object), hand_over(code))


def _items(name: str, value: object) -> list[tuple[Any, Any]]:
    if not isinstance(value, Mapping):
        raise InputError(name, "a mapping from names to columns", type(value).__name__)
    return list(value.items())


def _locked(array: npt.NDArray[Any]) -> Any:
    return read_only(hand_over(array))


def _utc() -> Any:
    return "UTC"


def _zones(value: ArrayLike) -> tuple[tuple[str, ...], Integers]:
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[1], np.ndarray):  # from another value
        names = as_ordered_items("time_zone", value[0], "names of time zones")
        code = as_count_column("time_zone", value[1])
        require(code < len(names), "time_zone", code, "the place of one of the zones")
        return tuple(as_zone("time_zone", name) for name in names), _locked(code)
    if isinstance(value, str):
        return (as_zone("time_zone", value),), _locked(np.zeros(0, dtype=np.int64))
    names, code = as_words("time_zone", value)
    return tuple(as_zone("time_zone", name) for name in names), _locked(code)


def _send_hours(value: ArrayLike | None) -> Integers | None:
    if value is None:
        return None
    hours = as_column("send_hour", value)
    require((hours >= 0) & (hours <= 23) & (hours == np.floor(hours)), "send_hour", hours, "a whole hour from 0 to 23")
    column: Integers = _locked(hours.astype(np.int64))
    return column


def _same(left: Any, right: Any) -> bool:
    """Whether two fields hold the same values."""
    if isinstance(left, Mapping):
        return left.keys() == right.keys() and all(_same(left[key], right[key]) for key in left)
    if isinstance(left, tuple):
        return len(left) == len(right) and all(map(_same, left, right))
    if isinstance(left, np.ndarray):
        return np.array_equal(left, right, equal_nan=left.dtype.kind == "M")
    return bool(left == right)


def _require_one_kind(one: npt.NDArray[Any], other: npt.NDArray[Any]) -> None:
    if isinstance(one[0], str) != isinstance(other[0], str):
        raise InputError("customer", "identifiers of one kind, numbers or text", other[0])


def _joined(name: str, *columns: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return join_customers(*columns) if name == "customer" else np.concatenate(columns)


def _data_field(converter: Any, **options: Any) -> Any:
    return given_field(converter=converter, eq=attrs.cmp_using(eq=_same), **options)


@stay_frozen
@attrs.frozen
class Coded:
    """A column as its distinct values, and for each row the place of its value among them."""

    distinct: npt.NDArray[Any] = array_field(lambda value: read_only(hand_over(value)))
    code: Integers = array_field()


@stay_frozen
@attrs.frozen(kw_only=True)
class Customers:
    """The customers of a plan; every column has one element for each customer.

    Parameters
    ----------
    customer : array_like
        Identifiers, all different, shape (n,).
    dates : mapping of str to array_like, optional
        Days from which journeys start, such as "last_purchase", "birthday", "registered"; missing ones are NaT or None.
    segments : mapping of str to array_like of bool, optional
        For each segment, who belongs to it: `{name: membership.members(name) for name in membership.names}`.
    attributes : mapping of str to array_like of str, optional
        Texts, such as a language or a city, by which a :class:`Choice` finds the next step; missing ones are None.
    consent : mapping, optional
        Whether each customer may be written to, True or False, or 1 or 0: by channel, or by (channel, purpose). A
        consent for the channel and the purpose overrides the consent for the channel alone. A channel without a consent
        column counts as not consented. A missing value raises, because it may mean either.
    time_zone : str or array_like of str, optional
        Name of the time zone of all customers, or of each.
    send_hour : array_like of int, optional
        Local hour at which each customer is best written to, 0 to 23, for ``send_hour="best"`` of a journey or policy:
        ``best_send_hours(...).of(customer)``, which gives who opened nothing the hour of everybody.

    Examples
    --------
    >>> base = Customers(customer=[1, 2], dates={"birthday": ["1990-02-28", None]}, consent={"email": [True, False]})
    >>> len(base)
    2
    """

    customer: npt.NDArray[Any] = array_field(_identifiers)
    dates: FixedMapping[str, Dates] = _data_field(_dates, default=None)
    segments: FixedMapping[str, Bools] = _data_field(_segments, default=None)
    attributes: FixedMapping[str, Coded] = _data_field(_attributes, default=None)
    consent: FixedMapping[tuple[str, str], Bools] = _data_field(_consent, default=None)
    time_zone: tuple[tuple[str, ...], Integers] = _data_field(_zones, factory=_utc)
    send_hour: Integers | None = _data_field(_send_hours, default=None)

    def __attrs_pre_init__(self, customer: ArrayLike, **columns: Any) -> None:
        named = {
            f"{kind}[{name!r}]": column
            for kind, found in plain_given(columns).items()
            if isinstance(found, Mapping)
            for name, column in found.items()
        }
        require_same_index(
            customer=customer, time_zone=columns.get("time_zone"), send_hour=columns.get("send_hour"), **named
        )

    def __attrs_post_init__(self) -> None:
        n = len(self.customer)
        if not 1 <= n <= MOST_CUSTOMERS:
            hint = "plan larger bases in parts" if n else None
            raise InputError("customer", f"1 to {MOST_CUSTOMERS:,} customers", n, hint=hint)
        for kind in ("dates", "segments", "attributes", "consent"):
            for name, column in getattr(self, kind).items():
                shape = column.code.shape if isinstance(column, Coded) else column.shape
                if shape != (n,):
                    raise InputError(f"{kind}[{name!r}]", f"one for each of the {n} customers", shape)
        if self.send_hour is not None and len(self.send_hour) != n:
            raise InputError("send_hour", f"one for each of the {n} customers", len(self.send_hour))
        zones, code = self.time_zone
        if len(code) not in (0, n):
            raise InputError("time_zone", f"one, or one for each of the {n} customers", len(code))
        if len(zones) == 1 and len(code) == 0:
            one = _locked(np.zeros((), dtype=np.int64))
            object.__setattr__(self, "time_zone", (zones, np.broadcast_to(one, (n,))))  # for all

    def __len__(self) -> int:
        return len(self.customer)

    def rows_of(self, customer: ArrayLike) -> Integers:
        """Find the row of each identifier; -1 for one that is not among the customers."""
        distinct, code = encode_customers("customer", customer)
        return rows_among(self, distinct)[code]


def rows_among(customers: Customers, distinct: npt.NDArray[Any]) -> Integers:
    """Find the row of each of some checked identifiers; -1 for one that is not among the customers."""
    if len(distinct) == 0:
        return np.zeros(0, dtype=np.int64)
    _require_one_kind(customers.customer, distinct)
    order = np.argsort(customers.customer, kind="stable")
    known, distinct = as_comparable(customers.customer, distinct)
    place = np.minimum(np.searchsorted(known, distinct, sorter=order), len(order) - 1)
    row = order[place]
    return np.where(known[row] == distinct, row, -1)


def _coded_customers(value: ArrayLike | Coded) -> Coded:
    if isinstance(value, Coded):
        return value
    distinct, code = encode_customers("customer", plain_given(value))
    return Coded(distinct, hand_over(code))


def _coded_names(value: ArrayLike | Coded) -> Coded:
    if isinstance(value, Coded):
        return value
    words, code = as_words("name", plain_given(value))
    return Coded(np.array(words, dtype=object), hand_over(code))


def _times(value: ArrayLike) -> Dates:
    times: Dates = _locked(as_time_column("time", value).astype("datetime64[s]"))
    return times


@stay_frozen
@attrs.frozen(kw_only=True)
class Events:
    """What customers did, and when: one element per event, in any order.

    Parameters
    ----------
    customer : array_like
        Identifier of the customer, shape (m,).
    name : array_like of str
        What happened: "purchase", "cart", a name of your own. A cascade looks at "purchase" and "reaction". A first
        purchase is two events: "first purchase" and "purchase".
    time : array_like
        Local time of the customer, without time zone: `datetime64`, `datetime.datetime` or ISO text.

    Examples
    --------
    >>> events = Events(customer=[1], name=["purchase"], time=["2024-05-31T12:00"])
    >>> events.names
    ('purchase',)
    """

    customer: Coded = attrs.field(converter=_coded_customers)
    name: Coded = attrs.field(converter=_coded_names)
    time: Dates = array_field(_times)

    def __attrs_pre_init__(self, **columns: object) -> None:
        require_same_index(**columns)

    def __attrs_post_init__(self) -> None:
        n = len(self.time)
        for name in ("customer", "name"):
            if len(getattr(self, name).code) != n:
                raise InputError(name, f"one for each of the {n} events", len(getattr(self, name).code))

    def __len__(self) -> int:
        return len(self.time)

    def __add__(self, other: Events) -> Events:
        """Join both, one after the other."""
        if not isinstance(other, Events):
            return NotImplemented
        if not len(self) or not len(other):
            return other if not len(self) else self
        _require_one_kind(self.customer.distinct, other.customer.distinct)
        pairs = ((self.customer, other.customer), (self.name, other.name))
        customer, name = (join_customers(*(part.distinct[part.code] for part in pair)) for pair in pairs)
        return Events(customer=customer, name=name, time=np.concatenate((self.time, other.time)))

    @property
    def names(self) -> tuple[str, ...]:
        """Distinct names of events."""
        return tuple(self.name.distinct)


def customer_column(name: str, value: ArrayLike) -> npt.NDArray[Any]:
    """Take a column of identifiers."""
    distinct, code = encode_customers(name, value)
    return distinct[code]


def word_column(name: str, value: ArrayLike) -> npt.NDArray[np.str_]:
    """Take a column of texts that are not empty."""
    words, code = as_words(name, value)
    return text_array(words)[code]


def second_column(name: str, value: ArrayLike) -> Dates:
    """Take a column of moments, cut to the second."""
    return as_time_column(name, value).astype("datetime64[s]")


def text_column(name: str, value: ArrayLike) -> npt.NDArray[np.str_]:
    """Take a column of texts, empty ones included."""
    array, _ = to_array(name, value, "a column of texts", as_objects=True)
    if array.ndim != 1:
        raise InputError(name, "a column of texts", value)
    texts = [as_text(name, text) for text in array.tolist()]
    return text_array([text.rstrip("\0") for text in texts])  # as numpy keeps them


def version_column(name: str, value: ArrayLike) -> Integers:
    """Take a column of numbers of versions; 0 for a journey without versions."""
    return as_count_column(name, value)


def newer_field(name: str, check: Callable[[str, Any], npt.NDArray[Any]]) -> Any:
    """Field for a column that tables of earlier releases do not have; :func:`fill_in` makes it where it is missing.

    Codes are worth money, so they are not shown.
    """

    def convert(value: Any) -> npt.NDArray[Any] | None:
        if value is None:
            return None
        return read_only(value if isinstance(value, Given) else hand_over(check(name, value)))

    if name != "code":
        return array_field(convert, default=None)
    same = attrs.cmp_using(eq=np.array_equal)
    return given_field(converter=convert, default=None, eq=same, repr=_hidden)


def _hidden(codes: npt.NDArray[np.str_] | None) -> str:
    return "None" if codes is None else f"<{len(codes)} codes, not shown>"


def fill_in(table: Any, **missing: Callable[[], npt.NDArray[Any]]) -> None:
    """Make columns of a frozen table that were not given."""
    for name, make in missing.items():
        if getattr(table, name) is None:
            object.__setattr__(table, name, read_only(hand_over(make())))  # the class is frozen, but makes the field


def journey_of(group: npt.NDArray[np.str_]) -> tuple[npt.NDArray[np.str_], Integers]:
    """Read name and version of each journey from its group, as far as the group tells them."""
    names, code = np.unique(group, return_inverse=True)
    found = [_OLD_GROUP.fullmatch(name) for name in names.tolist()]
    journeys = [match["journey"] if match else name for match, name in zip(found, names.tolist(), strict=True)]
    versions = [int(match["version"]) if match else 0 for match in found]
    return np.array(journeys, dtype=np.str_)[code], np.array(versions, dtype=np.int64)[code]


def keys_of(table: Any) -> npt.NDArray[np.str_]:
    """Idempotency key of each message of a plan or a history: group, step, customer and anchor."""
    words = (_escaped(column.tolist()) for column in (table.group, table.step, table.customer))
    parts = zip(*words, table.anchor.astype(np.str_).tolist(), strict=True)
    return text_array(["|".join(part) for part in parts])


def _escaped(words: list[Any]) -> list[str]:
    r"""Write each word with a backslash before every "|" and backslash in it."""
    return [str(word).replace("\\", "\\\\").replace("|", "\\|") for word in words]


def table_field(name: str, check: Callable[[str, Any], npt.NDArray[Any]]) -> Any:
    """Field for a column of a table, checked unless it was handed over."""
    return array_field(lambda value: read_only(value if isinstance(value, Given) else hand_over(check(name, value))))


@stay_frozen
@attrs.frozen(kw_only=True)
class MessageHistory(Columns):
    """Messages that were sent, one element each in every column.

    :meth:`Plan.history` makes it of a plan, and :meth:`from_log` of the log of another system.

    The last five columns may be left out, as in histories of earlier releases. Journey and version then come from the
    group; offer, code and purpose are not known. Journeys on one date cannot be told apart in such a history.

    Parameters
    ----------
    customer : ndarray
        Identifier of the customer.
    group, step : ndarray of str
        Group of the journey, and step of the journey.
    anchor : ndarray of datetime64[s]
        Day or moment that started the message.
    sent_at : ndarray of datetime64[s]
        Local time of sending.
    channel : ndarray of str
        Channel.
    counted : ndarray of bool
        Whether it counts for frequency caps.
    journey : ndarray of str, optional
        Name of the journey.
    version : ndarray of int, optional
        Its version; 0 for a kind of journey without versions.
    offer : ndarray of str, optional
        Label of the offer; empty where there is none.
    code : ndarray of str, optional
        Code in the message, as the orders write it, or what is stored in place of it; empty where there is none.
    purpose : ndarray of str, optional
        Purpose of the journey; empty where it is not known.

    Examples
    --------
    >>> len(MessageHistory.empty())
    0
    """

    customer: npt.NDArray[Any] = table_field("customer", customer_column)
    group: npt.NDArray[np.str_] = table_field("group", word_column)
    step: npt.NDArray[np.str_] = table_field("step", word_column)
    anchor: Dates = table_field("anchor", second_column)
    sent_at: Dates = table_field("sent_at", second_column)
    channel: npt.NDArray[np.str_] = table_field("channel", word_column)
    counted: Bools = table_field("counted", flag_column)
    journey: npt.NDArray[np.str_] = newer_field("journey", word_column)
    version: Integers = newer_field("version", version_column)
    offer: npt.NDArray[np.str_] = newer_field("offer", text_column)
    code: npt.NDArray[np.str_] = newer_field("code", text_column)
    purpose: npt.NDArray[np.str_] = newer_field("purpose", text_column)

    def __attrs_pre_init__(self, **columns: object) -> None:
        require_same_index(**columns)

    def __attrs_post_init__(self) -> None:
        n = len(self.customer)
        fill_in(
            self,
            journey=lambda: journey_of(self.group)[0],
            version=lambda: journey_of(self.group)[1],
            **dict.fromkeys(("offer", "code", "purpose"), lambda: np.zeros(n, dtype=np.str_)),
        )
        for name in self.to_columns():
            if getattr(self, name).shape != (n,):
                raise InputError(name, f"one for each of the {n} messages", getattr(self, name).shape)

    @classmethod
    def empty(cls) -> MessageHistory:
        """Give a history without messages."""
        none = np.zeros(0, dtype=np.int64)
        words, times = none.astype(np.str_), none.astype("datetime64[s]")
        return cls(
            customer=hand_over(none),
            group=hand_over(words),
            step=hand_over(words),
            anchor=hand_over(times),
            sent_at=hand_over(times),
            channel=hand_over(words),
            counted=hand_over(none.astype(bool)),
        )

    @classmethod
    def from_log(
        cls,
        customer: ArrayLike,
        journey: ArrayLike,
        sent_at: ArrayLike,
        channel: ArrayLike,
        *,
        step: ArrayLike | None = None,
        offer: ArrayLike | None = None,
        code: ArrayLike | None = None,
        purpose: ArrayLike | None = None,
    ) -> MessageHistory:
        """Make a history of messages that another system has sent, for :func:`journey_results` and frequency caps.

        Parameters
        ----------
        customer : array_like
            Customer of each message, whole numbers or text.
        journey : array_like of str
            Campaign or journey of each message.
        sent_at : array_like of dates
            Local time of sending.
        channel : array_like of str
            Channel, such as "email".
        step : array_like of str, optional
            Step of the journey; "message" by default.
        offer, code, purpose : array_like of str, optional
            As in the class; by default not known.

        Returns
        -------
        MessageHistory
            The messages. Each is its own anchor and counts for frequency caps. A plan that repeats a journey does not
            know them: give it the history of its own plans.

        Raises
        ------
        InputError
            If the columns differ in length, or a value is missing.

        Examples
        --------
        >>> sent = MessageHistory.from_log(
        ...     customer=["ann", "bob"],
        ...     journey=["newsletter", "birthday"],
        ...     sent_at=["2024-03-01T09:00", "2024-03-02T09:00"],
        ...     channel=["email", "sms"],
        ... )
        >>> sent.journey.tolist(), sent.step.tolist()
        (['newsletter', 'birthday'], ['message', 'message'])
        """
        columns = {"customer": customer, "journey": journey, "sent_at": sent_at, "channel": channel}
        more = {"step": step, "offer": offer, "code": code, "purpose": purpose}
        columns |= {name: column for name, column in more.items() if column is not None}
        require_same_index(**columns)
        n = len(second_column("sent_at", sent_at))
        known = {
            "group": columns["journey"],
            "step": np.full(n, "message"),
            "anchor": sent_at,
            "counted": np.ones(n, dtype=bool),
            "version": np.zeros(n, dtype=np.int64),
        }
        return cls(**{**known, **columns})

    @property
    def key(self) -> npt.NDArray[np.str_]:
        """Idempotency key of each message, as in :attr:`Plan.key`."""
        return keys_of(self)

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give all columns by name, for a dataframe of any kind; the same columns make a history again."""
        return array_columns(self)

    def to_json(self) -> str:
        """Write the history as JSON text, an object of columns."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str) -> MessageHistory:
        """Read what :meth:`to_json` wrote; other text raises :class:`~crmvalue.errors.InputError`."""
        return from_json(cls, text)

    def __len__(self) -> int:
        return len(self.customer)

    def __add__(self, other: MessageHistory) -> MessageHistory:
        """Join both, one after the other."""
        if not isinstance(other, MessageHistory):
            return NotImplemented
        if not len(self) or not len(other):
            return other if not len(self) else self
        _require_one_kind(self.customer, other.customer)
        return MessageHistory(
            **{
                field.name: hand_over(_joined(field.name, getattr(self, field.name), getattr(other, field.name)))
                for field in attrs.fields(MessageHistory)
            }
        )
