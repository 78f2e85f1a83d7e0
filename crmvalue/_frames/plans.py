"""Plans of messages and their results from frames; :mod:`crmvalue.frames` is the public door."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import attrs
import numpy as np

from crmvalue._core.checks import as_float, as_ordered_items, as_time_column
from crmvalue._frames.columns import TIMES, find_customer, find_named, find_roles, require_name, require_present
from crmvalue._frames.customers import CustomerFrame, FrameResult
from crmvalue._frames.engines import as_frame, from_columns
from crmvalue._frames.log import instants_of, plain_time, utc_time, zone_of
from crmvalue._journeys.planning.planner import plan_events
from crmvalue._journeys.results.measure import Instants, measure
from crmvalue._journeys.zones import Clocks
from crmvalue.errors import InputError
from crmvalue.journeys import CreditRule, Customers, Events, MessageHistory, Orders, Plan, Policy, Responses

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from crmvalue.typing import ArrayLike, Dates

__all__ = ["journey_results", "plan"]

_REACTIONS = ("name", "reaction", "event", "event_name", "event_type", "status", "action")
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
        Column of the time zone of each customer; without it, times are those of UTC. Events and history have local
        times of the customers, or times with a zone, which become local times of the customers.
    send_hour : str, optional
        Column of the hour at which each customer is best written to, for ``send_hour="best"`` of a journey or a policy.

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
    who = find_customer("customers", frame, known if customer is None else customer)
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
    guesses: dict[str, str] = {}
    (done, instants), sent = _read_events(events, base, guesses), _read_history(history, base)
    made = plan_events(journeys, base, done, sent, rules, as_of, days=days, instants=instants)
    table = from_columns(made.to_columns(), frame)
    guessed = (*(("customer",) if customer is None and known is None else ()), *guesses)
    return FrameResult(frame=table.to_native(), result=made, columns={"customer": who, **guesses}, guessed=guessed)


def journey_results(
    messages: Any,
    responses: Any,
    orders: Any,
    *,
    as_of: ArrayLike,
    margin: float | str,
    by: str | Iterable[str] = ("journey",),
    credit: CreditRule = "last",
    within_days: int = 14,
    contact_cost: Any = 0,
    segment: Any = None,
    period: Literal["day", "week", "month", "year"] = "month",
    level: float = 0.95,
    customer: str | None = None,
    date: str | None = None,
    amount: str | None = None,
    code: str | None = None,
) -> FrameResult:
    """Tell what came of messages, from frames of messages, reactions and orders.

    Parameters
    ----------
    messages : Plan, MessageHistory or DataFrame
        What was planned or sent; a frame has the columns of a history, or with the column `decision` those of a plan.
        A log of another system has the customer, `journey`, `sent_at` and `channel`; see
        :meth:`crmvalue.journeys.MessageHistory.from_log`. Plans of several runs of one day are added up as plans
        (``made.result + later.result``), which keeps one look at each message; rows of frames each count.
    responses : Responses, DataFrame or None
        What customers did with the messages: customer, name and time, found by the usual headings; also `message` and
        `channel`, where they are.
    orders : DataFrame
        Orders of all customers, one row each: pandas, Polars or PyArrow.
    as_of, by, credit, within_days, contact_cost, period, level
        As in :func:`crmvalue.journeys.journey_results`.
    margin : float or str
        Share of the revenue that remains as margin, or its column in `orders`. Take 1 where no goods are paid.
    segment : DataFrame, optional
        Segment of each customer: a frame with a row per customer, and in it the customer and the column `segment`.
    customer, date, amount : str, optional
        Columns of the orders; by default guessed from their headings. The amount is the revenue [money].
    code : str, optional
        Column of the codes that were used; missing ones are none.

    Returns
    -------
    FrameResult
        The results as a table of the kind of `orders`, and the :class:`crmvalue.journeys.JourneyResults` as `result`.

    Raises
    ------
    InputError
        As :func:`crmvalue.journeys.journey_results`; if a column is missing; for a frame that is still lazy; if times
        of messages, responses and orders have different time zones.

    Notes
    -----
    All times are local times of the customers. Orders with days alone are orders of midnight: those of the day on which
    a message was sent are not credited to it. Times with a zone count as its clock shows them. Where messages
    that were sent and orders have one, their moments tell what came first, as do those of reactions that have one; for
    a model of `credit`, a day of `within_days` is then 24 hours. Without a zone, and for a plan, nothing tells the two
    moments apart at which a clock that goes back shows the same: in that hour, an order or a reaction may seem to come
    before the message that it followed.

    Examples
    --------
    >>> import pandas as pd
    >>> from crmvalue.journeys import Cascade, Customers, Policy, plan
    >>> base = Customers(customer=["ann"], dates={"last_purchase": ["2023-08-31"]}, consent={"email": [True]})
    >>> sent = plan([Cascade()], base, None, None, Policy(), "2024-05-31").history().to_frame()
    >>> bought = pd.DataFrame({"customer": ["ann"], "date": ["2024-06-02"], "amount": [19.9]})
    >>> found = journey_results(sent, None, bought, as_of="2024-06-30", margin=0.3)
    >>> found.frame[["journey", "n_sent", "revenue"]]
        journey  n_sent  revenue
    0  win-back       1     19.9
    """
    frame = _eager("orders", orders)
    roles = find_roles("orders", frame, {"customer": customer, "date": date, "amount": amount})
    columns: dict[str, Any] = {
        "customer": frame[roles.columns["customer"]].to_native(),
        "time": plain_time(frame[roles.columns["date"]]).to_native(),
        "revenue": frame[roles.columns["amount"]].to_native(),
        "margin": _margin(frame, margin),
    }
    if code is not None:
        require_name("code", code)
        require_present("code", frame, (code,), "name a column of the frame")
        columns["code"] = _texts("code", frame[code])
    owner: dict[str, Any] = {"segment_customer": None, "segment": None}
    guesses: dict[str, str] = {}
    if segment is not None:
        table = _eager("segment", segment)
        require_present("segment", table, ("segment",), "one row per customer, with the column `segment`")
        who = _guessed("segment", "customer", table, guesses)
        owner = {"segment_customer": table[who].to_native(), "segment": table["segment"].to_native()}
    times = {"orders": frame[roles.columns["date"]]}
    sent = _read_messages(messages, guesses, times)
    reactions = _read_responses(responses, guesses, times)
    found = measure(
        sent,
        reactions,
        Orders(**columns),
        as_of=as_of,
        by=by,
        credit=credit,
        within_days=within_days,
        contact_cost=contact_cost,
        period=period,
        level=level,
        **owner,
        instants=_instants(sent, times),
    )
    table = from_columns(found.to_columns(), frame)
    columns_of_roles, guessed = {**roles.columns, **guesses}, (*roles.guessed, *guesses)
    return FrameResult(frame=table.to_native(), result=found, columns=columns_of_roles, guessed=guessed)


def _eager(name: str, given: Any) -> Any:
    """Open a frame whose rows are in memory."""
    import narwhals as nw

    frame = as_frame(name, given)
    if isinstance(frame, nw.LazyFrame):
        plans = name in {"customers", "events", "history"}
        hint = "collect the customers who may get a message first" if plans else "collect it first"
        rule = "a frame in memory, since a plan looks at every customer" if plans else "a frame in memory"
        raise InputError(name, rule, type(given).__name__, hint=hint)
    return frame


def _column(name: str, frame: Any, column: Any) -> Any:
    require_name(name, column)
    require_present(name, frame, (column,), "name a column of the frame")
    return plain_time(frame[column]).to_native()


def _mapped(frame: Any, role: str, columns: Any) -> dict[Any, Any]:
    """Give columns by the names that journeys know."""
    rule = "a mapping of names to columns, or a list of columns"
    if isinstance(columns, Mapping):
        named = dict(columns)
    else:
        listed = as_ordered_items(role, columns, rule)
        for column in listed:
            require_name(role, column)
        named = {column: column for column in listed}
    return {name: _column(role, frame, column) for name, column in named.items()}


def _guessed(name: str, role: str, frame: Any, guesses: dict[str, str], usual: Sequence[str] = ()) -> str:
    """Find a column by its heading, and remember it as "events.time"."""
    column = find_named(name, frame, role, None, usual) if usual else find_customer(name, frame, None)
    guesses[f"{name}.{role}"] = column
    return column


def _local_time(name: str, column: Any, customer: Any, base: Customers) -> Any:
    """Give times with a zone as the clock of each customer shows them; others are local times already."""
    if zone_of(column) is None:
        return column.to_native()
    times = as_time_column(name, utc_time(column).to_native()).astype("datetime64[s]")
    row = base.rows_of(customer)
    return np.where(row >= 0, Clocks(base).to_local(np.maximum(row, 0), times), times)


def _read_events(given: Any, base: Customers, guesses: dict[str, str]) -> tuple[Events | None, Dates | None]:
    """Give the events, and their instants in UTC where their times have a zone."""
    if given is None or isinstance(given, Events):
        return given, None
    frame = _eager("events", given)
    who = _guessed("events", "customer", frame, guesses)
    name = _guessed("events", "name", frame, guesses, _NAMES)
    time = _guessed("events", "time", frame, guesses, TIMES)
    customer = frame[who].to_native()
    moments = _local_time("time", frame[time], customer, base)
    instants = instants_of(frame[time])
    done = Events(customer=customer, name=frame[name].to_native(), time=moments)
    return done, None if instants is None else instants.astype("datetime64[s]")


def _texts(name: str, column: Any) -> Any:
    """Give texts, "" where there is none; numbers are refused, for each engine would write them in its own way."""
    import narwhals as nw

    if column.null_count() == len(column):
        return np.full(len(column), "")
    if isinstance(column.dtype, nw.Categorical | nw.Enum):
        known = column.drop_nulls().unique().to_list()
        column = column.cast(nw.String) if all(isinstance(value, str) for value in known) else column
    if column.implementation is nw.Implementation.PYARROW and column.dtype == nw.String:
        column = column.cast(nw.String)  # Arrow cannot fill views of texts
    has_objects = isinstance(column.dtype, nw.Object) and column.implementation is nw.Implementation.PANDAS
    if column.dtype != nw.String and not has_objects:
        rule = f"text in column {column.name!r}"
        raise InputError(name, rule, str(column.dtype), hint="cast the column to text first")
    return column.fill_null("").to_native()


def _margin(frame: Any, margin: Any) -> Any:
    """Take a share for all orders, or the column of the shares."""
    if isinstance(margin, str):
        if margin not in frame.columns:
            raise InputError("margin", "a share, or a column of the orders", margin)
        return frame[margin].to_native()
    share = as_float("margin", margin)
    if not -1 <= share <= 1:
        raise InputError("margin", "in [-1, 1]", margin, hint="0.3 for 30 percent")
    return share


def _instants(sent: Any, times: dict[str, Any]) -> Instants | None:
    """Give the moments of a history and of orders, if both have a zone, and those of reactions that have one."""
    moments = {name: instants_of(column) for name, column in times.items()}
    found = {name: moment.astype("datetime64[s]") for name, moment in moments.items() if moment is not None}
    if not isinstance(sent, MessageHistory) or not {"sent_at", "orders"} <= set(found):
        return None
    return Instants(found["sent_at"], found.get("responses"), found["orders"])


def _require_one_zone(name: str, column: Any, times: dict[str, Any], role: str) -> None:
    """Refuse times of another zone than those of another column, since each counts as its own clock shows it."""
    known = [zone for zone in map(zone_of, (*times.values(), column)) if zone is not None]
    if len({str(zone) for zone in known}) > 1:
        hint = "make them local times of the customers"
        raise InputError(name, f"a frame whose times are those of {known[0]}, as others are", str(known[-1]), hint=hint)
    times[role] = column


def _read_messages(given: Any, guesses: dict[str, str], times: dict[str, Any]) -> Plan | MessageHistory:
    if isinstance(given, Plan | MessageHistory):
        return given
    frame = _eager("messages", given)
    for column in ("sent_at", "send_time", "anchor"):
        if column in frame.columns:
            _require_one_zone("messages", frame[column], times, column)
    found: Plan | MessageHistory
    if not {"decision", "anchor", "group"} & set(frame.columns):
        return _read_sent(frame, guesses)
    found = _read_table("messages", frame, Plan if "decision" in frame.columns else MessageHistory)
    return found


def _read_sent(frame: Any, guesses: dict[str, str]) -> MessageHistory:
    """Read messages that another system has sent."""
    hint = "a log of your own needs these and the customer, and may have step, offer, code and purpose"
    require_present("messages", frame, ("journey", "sent_at", "channel"), hint)
    who = _guessed("messages", "customer", frame, guesses)
    columns = {"customer": frame[who], "sent_at": plain_time(frame["sent_at"])}
    columns |= {name: frame[name] for name in ("journey", "channel", "step") if name in frame.columns}
    arrays = {name: column.to_native() for name, column in columns.items()}
    arrays |= {name: _texts(name, frame[name]) for name in ("offer", "code", "purpose") if name in frame.columns}
    return MessageHistory.from_log(**arrays)


def _read_responses(given: Any, guesses: dict[str, str], times: dict[str, Any]) -> Responses | None:
    if given is None or isinstance(given, Responses):
        return given
    frame = _eager("responses", given)
    columns = {
        "customer": frame[_guessed("responses", "customer", frame, guesses)],
        "name": frame[_guessed("responses", "name", frame, guesses, _REACTIONS)],
    }
    time = frame[_guessed("responses", "time", frame, guesses, TIMES)]
    _require_one_zone("responses", time, times, "responses")
    columns["time"] = plain_time(time)
    arrays = {name: column.to_native() for name, column in columns.items()}
    arrays |= {name: _texts(name, frame[name]) for name in ("message", "channel") if name in frame.columns}
    return Responses(**arrays)


def _read_history(given: Any, base: Customers) -> MessageHistory | None:
    if given is None or isinstance(given, MessageHistory):
        return given
    found: MessageHistory = _read_table("history", _eager("history", given), MessageHistory, base)
    return found


def _read_table(name: str, frame: Any, kind: type[Any], base: Customers | None = None) -> Any:
    """Read a history or a plan from its columns; those that came later may be missing.

    Times with a zone become local times of the customers, where these are known.
    """
    arrays = [field for field in attrs.fields(kind) if not field.name.startswith("n_")]
    needed = tuple(field.name for field in arrays if field.default is attrs.NOTHING)
    require_present(name, frame, needed, "Plan.history makes it, and its to_columns gives the columns")
    names = [field.name for field in arrays if field.name in frame.columns]
    if base is None:
        return kind(**{column: plain_time(frame[column]).to_native() for column in names})
    who = frame["customer"].to_native()
    return kind(**{column: _local_time(column, frame[column], who, base) for column in names})
