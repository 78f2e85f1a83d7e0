"""Plans of messages from frames; :mod:`crmvalue.frames` is the public door."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs

from crmvalue._frames.columns import TIMES, find_customer, find_named, require_name, require_present
from crmvalue._frames.customers import CustomerFrame, FrameResult
from crmvalue._frames.engines import as_frame, from_columns
from crmvalue._frames.log import plain_time
from crmvalue.errors import InputError
from crmvalue.journeys import Customers, Events, MessageHistory, Policy
from crmvalue.journeys import plan as plan_messages

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crmvalue.typing import ArrayLike

__all__ = ["plan"]

_NAMES = ("name", "event", "event_name", "event_type", "action", "activity")


def plan(
    journeys: Sequence[Any],
    customers: Any,
    events: Any = None,
    history: Any = None,
    policy: Policy | None = None,
    *,
    as_of: ArrayLike,
    days: int = 1,
    customer: str | None = None,
    dates: Mapping[str, str] | Sequence[str] = (),
    segments: Mapping[str, str] | Sequence[str] = (),
    attributes: Mapping[str, str] | Sequence[str] = (),
    consent: Mapping[Any, str] | Sequence[str] = (),
    time_zone: str | None = None,
    send_hour: str | None = None,
) -> FrameResult:
    """Decide on every message that is due on a day, for the customers of a frame.

    Parameters
    ----------
    journeys : sequence
        As in :func:`crmvalue.journeys.plan`.
    customers : CustomerFrame or DataFrame
        One row per customer: pandas, Polars or PyArrow.
    events : DataFrame, optional
        What they did, one row per event: the customer, the name and the time. Their columns are found by the usual
        headings, such as `customer`, `event` and `time`.
    history : MessageHistory or DataFrame, optional
        What was sent to them before; a frame has the columns of :class:`crmvalue.journeys.MessageHistory`.
    policy : Policy, optional
        Rules for all messages; by default those of ``Policy()``.
    as_of, days
        As in :func:`crmvalue.journeys.plan`.
    customer : str, optional
        Column of the customers; by default that of the frame, or guessed from its heading.
    dates, segments, attributes : mapping of str to str, or sequence of str, optional
        Which columns are dates, segments (True or False) and attributes: the names by which the journeys know them, and
        for each its column; or columns whose names are the same. See :class:`crmvalue.journeys.Customers`.
    consent : mapping to str, or sequence of str, optional
        Columns of consent by channel, or by (channel, purpose).
    time_zone : str, optional
        Column of the time zone of each customer; without it, times are those of UTC.
    send_hour : str, optional
        Column of the hour at which each customer is best written to, for journeys with ``send_hour="best"``.

    Returns
    -------
    FrameResult
        The plan as a table of the kind of `customers`, one row per message that was looked at, and the
        :class:`crmvalue.journeys.Plan` as `result`.

    Raises
    ------
    InputError
        As :func:`crmvalue.journeys.plan`; if a column is missing; for a frame that is still lazy. A plan needs every
        customer by themselves: collect the customers who may get a message first.

    Examples
    --------
    >>> import pandas as pd
    >>> from crmvalue.journeys import BirthdayJourney
    >>> customers = pd.DataFrame(
    ...     {"customer": ["ann", "bob"], "born": ["1990-06-07", "1985-01-01"], "email_ok": [True, True]}
    ... )
    >>> due = plan(
    ...     [BirthdayJourney("birthday", offer="10 %")],
    ...     customers,
    ...     as_of="2024-05-31",
    ...     dates={"birthday": "born"},
    ...     consent={"email": "email_ok"},
    ... )
    >>> due.frame[["customer", "journey", "decision"]]
      customer   journey decision
    0      ann  birthday     send
    """
    known = customers.columns.get("customer") if isinstance(customers, CustomerFrame) else None
    frame = _eager("customers", customers.frame if isinstance(customers, CustomerFrame) else customers)
    who = find_customer("customers", frame, customer or known)
    columns: dict[str, Any] = {
        "dates": _mapped(frame, "dates", dates),
        "segments": _mapped(frame, "segments", segments),
        "attributes": _mapped(frame, "attributes", attributes),
        "consent": _mapped(frame, "consent", consent),
    }
    if time_zone is not None:
        columns["time_zone"] = _column("time_zone", frame, time_zone)
    if send_hour is not None:
        columns["send_hour"] = _column("send_hour", frame, send_hour)
    base = Customers(customer=frame[who].to_native(), **columns)
    rules = Policy() if policy is None else policy
    made = plan_messages(journeys, base, _read_events(events), _read_history(history), rules, as_of, days=days)
    table = from_columns(made.to_columns(), frame)
    guessed = ("customer",) if customer is None and known is None else ()
    return FrameResult(frame=table.to_native(), result=made, columns={"customer": who}, guessed=guessed)


def _eager(name: str, given: Any) -> Any:
    """Open a frame whose rows are in memory."""
    import narwhals as nw

    frame = as_frame(name, given)
    if isinstance(frame, nw.LazyFrame):
        hint = "collect the customers who may get a message first"
        raise InputError(
            name, "a frame in memory, since a plan looks at every customer", type(given).__name__, hint=hint
        )
    return frame


def _column(name: str, frame: Any, column: Any) -> Any:
    require_name(name, column)
    require_present(name, frame, (column,), "name a column of the frame")
    return plain_time(frame[column]).to_native()


def _mapped(frame: Any, role: str, columns: Any) -> dict[Any, Any]:
    """Give columns by the names that journeys know."""
    if isinstance(columns, str) or not hasattr(columns, "__iter__"):
        raise InputError(role, "a mapping of names to columns, or a list of columns", columns)
    named = dict(columns) if isinstance(columns, Mapping) else {column: column for column in columns}
    return {name: _column(role, frame, column) for name, column in named.items()}


def _read_events(given: Any) -> Events | None:
    if given is None or isinstance(given, Events):
        return given
    frame = _eager("events", given)
    who = find_customer("events", frame, None)
    name = find_named("events", frame, "name", None, _NAMES)
    time = find_named("events", frame, "time", None, TIMES)
    moments = plain_time(frame[time]).to_native()
    return Events(customer=frame[who].to_native(), name=frame[name].to_native(), time=moments)


def _read_history(given: Any) -> MessageHistory | None:
    if given is None or isinstance(given, MessageHistory):
        return given
    frame = _eager("history", given)
    fields = attrs.fields(MessageHistory)
    needed = tuple(field.name for field in fields if field.default is attrs.NOTHING)
    require_present("history", frame, needed, "Plan.history makes it, and its to_columns gives the columns")
    names = tuple(field.name for field in fields if field.name in needed or field.name in frame.columns)
    return MessageHistory(**{name: plain_time(frame[name]).to_native() for name in names})
