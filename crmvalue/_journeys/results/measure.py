"""Measure what came of messages: planned, sent, reactions, orders by a stated rule, money, and the control group."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Context, Decimal, localcontext
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

import numpy as np

from crmvalue._core.checks import (
    as_end,
    as_fraction,
    as_ordered_items,
    as_text,
    as_whole_number,
    first_moment_after,
    require_choice,
    require_same_index,
)
from crmvalue._core.encoding.customers import encode_customers
from crmvalue._core.encoding.keys import row_keys
from crmvalue._core.values import hand_over
from crmvalue._journeys.data import MessageHistory, text_column
from crmvalue._journeys.planning.plan import DECISIONS, Plan, take
from crmvalue._journeys.results.control import Increment, increments
from crmvalue._journeys.results.credit import (
    CREDITS,
    MODELS,
    Credit,
    Log,
    by_code,
    by_last,
    credit_by_message,
    credit_by_model,
    followed,
)
from crmvalue._journeys.results.logs import (
    NUMBER,
    REACTIONS,
    Orders,
    Responses,
    codes_of,
    common_customers,
    minor_units,
    responded_to,
    some_orders,
)
from crmvalue._journeys.results.table import KEYS, JourneyResults
from crmvalue.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue.typing import ArrayLike, Dates, Floats, Integers

    Bools = npt.NDArray[np.bool_]

__all__ = ["CreditRule", "Instants", "journey_results", "measure"]

CreditRule: TypeAlias = Literal[
    "code", "last", "code or last", "first", "linear", "position", "time_decay", "markov", "shapley"
]
"""Rules that credit an order to messages."""


class Instants(NamedTuple):
    """Moments in UTC of the rows of a history, of responses (None if not known) and of orders, as `datetime64[s]`.

    In the hour that comes twice, local times do not tell what came first.
    """

    sent: Dates
    responded: Dates | None
    ordered: Dates


_PERIODS = {"day": "D", "month": "M", "year": "Y"}
_MOST_ROWS = 100_000
_MOST_FIGURES = 60  # of a sum of costs


def journey_results(
    messages: Plan | MessageHistory,
    responses: Responses | None,
    orders: Orders,
    *,
    as_of: ArrayLike,
    by: str | Iterable[str] = ("journey",),
    credit: CreditRule = "last",
    within_days: int = 14,
    contact_cost: Any = 0,
    segment_customer: ArrayLike | None = None,
    segment: ArrayLike | None = None,
    period: Literal["day", "week", "month", "year"] = "month",
    level: float = 0.95,
) -> JourneyResults:
    r"""Tell what came of messages, by journey, step, offer, channel, segment and period.

    Parameters
    ----------
    messages : Plan or MessageHistory
        What was planned: the plan of all days, such as ``monday + tuesday``, tells also what was not sent and why, and
        who was in the control group. A history tells only what was sent.
    responses : Responses or None
        What customers did with the messages.
    orders : Orders
        Orders of all customers, those without messages and the control group included.
    as_of : date
        When the logs end; a day counts to its end. Later messages, reactions and orders are left out and counted.
    by : str or iterable of str, optional
        What the rows are split by: "journey", "version", "step", "offer", "channel", "segment", "period"; an empty list
        for one row.
    credit : str, optional
        Rule that credits orders. "last": the last message to the customer before the order. "code": the last message
        with the code of the order. "code or last": by code where one was used, else the last message. "first",
        "linear", "position", "time_decay", "markov", "shapley": the models of :func:`crmvalue.attribution.attribute`,
        with their defaults; the rows take the place of the channels. No message is direct, so "last" is also
        "last_non_direct".
    within_days : int, optional
        Days after a message in which an order may be credited to it, 1 to 3660. A code may be used later.
    contact_cost : number, Decimal, str or mapping, optional
        Cost of a message that was sent [money], >= 0: one, or one for each channel, such as ``{"sms": "0.80"}``.
    segment_customer, segment : array_like, optional
        Customers and the segment of each; others are in the segment "".
    period : {"day", "week", "month", "year"}, optional
        Length of the periods; weeks begin on Monday. A planned message belongs to the period in which it was due.
    level : float, optional
        Confidence level of the intervals, in (0, 1).

    Returns
    -------
    JourneyResults
        One row for each part in which a message was planned.

    Raises
    ------
    InputError
        If an argument is of another kind or outside its range, there are more than 100,000 rows, "markov" has more than
        2,000 rows with messages, or a model has more than 25 million pairs of a message and a later order within the
        days. They take some ten seconds and 2 GB; fewer `within_days` make fewer.

    Notes
    -----
    A message that several runs looked at counts once, with its last decision, so the messages planned are those sent
    and those not sent by reason. Each order is credited once in sum, or not at all; money is added up in whole minor
    units, so the parts sum to the whole to the cent. A model's parts are rounded to minor units, and the largest
    remainders take what is left.

    A clicked message counts as opened, and an opened or replied one as delivered. Where no "delivered" was reported,
    every message sent without "bounced" counts as delivered.

    Credit does not say which orders would have come anyway. The control group of a plan (:class:`Policy`) does: beside
    the credited figures stands the difference between customers who were meant to get a message and those of the
    control group, over `within_days` from the moment at which it was due. A customer counts once for each journey, in
    the row of the first message that was due, because later ones depend on what the first one did. In a row of several
    journeys a customer counts once too, from the first of these messages. Customers whose days are not over are left
    out. Customers without consent, or held back by a cap, count as meant in both groups, so the
    difference is that of the whole plan and not of single contacts. A message that expires while it waits for quiet
    hours to end counts in neither group. The control group gets nothing from any journey, so the difference includes
    what other journeys sent within these days. Journeys on one date count as one journey, with the message of the
    highest priority.

    A plan may go on from an earlier one, such as that of one month. Then two kinds of messages stand in the plan of one
    group only, and the comparison leaves them out: those due before its first day, where the earlier plan has sent
    some of them, and steps that are due to nobody in the control group, such as a reminder of a message.

    By channel, a message belongs to the channel on which it was sent, or else to the first one that the customer has
    agreed to (`first_channel` of the plan); who has agreed to none stands in the row "". The comparison is always that
    of the first channel, which is known for the control group too. So each row compares customers with the same first
    channel. It does not compare the channels with each other: other customers have agreed to them. Without a control
    group, and in plans that do not know the first channel, these figures are NaN, and `conclusion` says so.

    Spend is skewed, and a small group mostly misses the few large orders. So the intervals of money are the wider of
    Welch's and Student's, as in :func:`crmvalue.experiments.compare_means`. Where rows are many, some of them leave 0
    out by chance.

    The interval of the revenue per message looks at customers as units: with :math:`y_c` the credited revenue and
    :math:`n_c` the messages of a customer, :math:`R = \sum y_c / \sum n_c`, the variance of :math:`R` is
    :math:`\frac{C}{C-1} \sum (y_c - R n_c)^2 / (\sum n_c)^2`. A model has up to 20 groups of customers as units.

    Examples
    --------
    >>> from crmvalue.journeys import BirthdayJourney, Customers, Policy, plan
    >>> base = Customers(
    ...     customer=["ann", "bob"],
    ...     dates={"birthday": ["1990-06-07", "1985-06-07"]},
    ...     segments={"vip": [False, True]},
    ...     consent={"email": [True, True]},
    ... )
    >>> birthdays = [
    ...     BirthdayJourney("birthday", offer="10 %"),
    ...     BirthdayJourney("vip birthday", offer="a gift", segment="vip", priority=1),
    ... ]
    >>> made = plan(birthdays, base, None, None, Policy(), "2024-05-31")
    >>> seen = Responses(customer=["bob"], name=["opened"], time=["2024-05-31T12:00"])
    >>> sold = Orders(
    ...     customer=["ann", "bob"], time=["2024-06-02", "2024-06-03"], revenue=["19.90", "80.00"], margin=0.3
    ... )
    >>> found = journey_results(made, seen, sold, as_of="2024-06-30", by=["journey", "offer"], contact_cost="0.05")
    >>> for row in zip(found.label, found.n_sent, found.n_opened, found.revenue, found.net.round(2)):
    ...     print(*row)
    birthday, 10 % 1 0 19.9 5.92
    vip birthday, a gift 1 1 80.0 23.95
    """
    return measure(
        messages, responses, orders, as_of=as_of, by=by, credit=credit, within_days=within_days,
        contact_cost=contact_cost, segment_customer=segment_customer, segment=segment, period=period, level=level,
    )  # fmt: skip


def measure(
    messages: Plan | MessageHistory,
    responses: Responses | None,
    orders: Orders,
    *,
    as_of: ArrayLike,
    by: str | Iterable[str],
    credit: str,
    within_days: int,
    contact_cost: Any,
    segment_customer: ArrayLike | None,
    segment: ArrayLike | None,
    period: str,
    level: float,
    instants: Instants | None = None,
) -> JourneyResults:
    """Do what :func:`journey_results` does; with `instants`, messages are a history, and these tell what came first."""
    _check_kinds(messages, responses, orders)
    end = first_moment_after(as_end("as_of", as_of))
    keys = (by,) if isinstance(by, str) else tuple(as_ordered_items("by", by, f"names out of {', '.join(KEYS)}"))
    for name in keys:
        require_choice("by", name, KEYS)
    if len(set(keys)) < len(keys):
        raise InputError("by", "each name once", keys)
    require_choice("credit", credit, CREDITS)
    require_choice("period", period, (*_PERIODS, "week"))
    days = as_whole_number("within_days", within_days, low=1, high=3660)
    level = as_fraction("level", level)
    costs = _costs(contact_cost)
    segments = _segments(segment_customer, segment)
    if "segment" in keys and segments is None:
        raise InputError("segment", "given where the rows are split by it", None)

    table, decision, moment_of, is_last, kept = _rows(messages, end)
    n_later = len(messages) - len(table) if isinstance(messages, MessageHistory) else 0
    n_customers, (whom, who) = common_customers(table.customer, orders.customer)
    cell, meant, labels = _cells(table, moment_of, is_last, keys, segments, period)
    n_cells = len(labels[0]) if keys else 1
    if n_cells > _MOST_ROWS:
        raise InputError("by", f"a split into at most {_MOST_ROWS:,} rows", n_cells)
    in_time = orders.time < end
    n_later += int(np.count_nonzero(~in_time))
    sold, who = some_orders(orders, in_time), who[in_time]
    revenue, benefit = (minor_units(money, orders.decimals) for money in (sold.revenue, sold.benefit))
    margin = np.rint(revenue * sold.margin).astype(np.int64)

    sent = np.nonzero(decision == DECISIONS.index("send"))[0]
    on_clock = (table.send_time if isinstance(table, Plan) else table.sent_at)[sent]
    sent_at, bought_at = on_clock, sold.time
    if instants is not None:
        sent_at, bought_at = instants.sent[kept], instants.ordered[in_time]
    log = Log(
        whom=whom[sent],
        sent_at=sent_at,
        sent_on_clock=on_clock,
        cell=cell[sent],
        code=table.code[sent],
        who=who,
        time=bought_at,
        time_on_clock=sold.time,
        order_code=sold.code,
        by_time=np.lexsort((sent_at, whom[sent])),
        days=days,
    )
    if credit == "code" and sold.code is None:
        hint = "Orders(code=...) holds the codes that were used, and Plan.with_codes those that were sent"
        raise InputError("credit", "another rule where the orders have no codes", credit, hint=hint)
    used = by_code(log)
    given = _credit(log, credit, used, [revenue, margin, benefit], n_cells, n_customers)
    outcome = (cell * len(DECISIONS) + decision)[is_last]
    n_by_decision = np.bincount(outcome, minlength=n_cells * len(DECISIONS))
    reactions, n_late, n_unmatched = _reactions(responses, table, sent, log, end, n_cells, instants)
    redeemed = np.bincount(log.cell[np.unique(used[used >= 0])], minlength=n_cells)
    found = None
    if isinstance(table, Plan) and _has_control(table, decision, keys):
        bought = (who, sold.time, revenue, margin)
        found = increments(table, decision, whom, meant, n_cells, bought, days=days, end=end, level=level)
    unit = 10.0**orders.decimals
    return JourneyResults(
        by=keys,
        **{name: hand_over(column) for name, column in zip(keys, labels, strict=True)},
        credit=credit,
        within_days=days,
        level=level,
        n_by_decision=hand_over(n_by_decision.reshape(n_cells, len(DECISIONS))),
        **reactions,
        n_converted=hand_over(np.bincount(log.cell[followed(log)], minlength=n_cells)),
        n_codes_redeemed=None if sold.code is None else hand_over(redeemed),
        n_orders=hand_over(given.orders),
        **{
            name: hand_over(part / unit)
            for name, part in zip(("revenue", "margin", "benefit"), given.money, strict=True)
        },
        contact_cost=hand_over(_contacts(costs, table.channel[sent], log.cell, n_cells)),
        **_errors(given, n_cells, unit),
        **_effects(found, n_cells, unit),
        n_all_orders=len(sold),
        n_credited_orders=int(np.count_nonzero(given.credited)),
        all_revenue=int(revenue.sum()) / unit,
        credited_revenue=int(given.money[0].sum()) / unit,
        n_later=n_later + n_late,
        n_open=int(np.count_nonzero(on_clock + np.timedelta64(days, "D") >= end)),
        n_unmatched=n_unmatched,
        n_copies=_copies(sold, who, bought_at),
        n_message_copies=_message_copies(table, whom, sent),
    )


def _check_kinds(messages: Any, responses: Any, orders: Any) -> None:
    kinds: tuple[tuple[str, object, tuple[type, ...]], ...]
    kinds = (
        ("messages", messages, (Plan, MessageHistory)),
        ("responses", responses, (Responses, type(None))),
        ("orders", orders, (Orders,)),
    )
    for name, value, allowed in kinds:
        if not isinstance(value, allowed):
            words = " or ".join("None" if kind is type(None) else kind.__name__ for kind in allowed)
            raise InputError(name, words, type(value).__name__)


def _copies(sold: Orders, who: Integers, time: Dates) -> int:
    """Count the orders that equal another one in all columns."""
    columns = [who, time.astype(np.int64), sold.revenue, sold.margin, sold.benefit]
    if sold.code is not None:
        columns.append(codes_of(sold.code)[1])
    key = row_keys(*(np.asarray(column, dtype=np.float64) for column in columns))
    return len(key) - len(np.unique(key))


def _message_copies(table: Any, whom: Integers, sent: Integers) -> int:
    """Count the messages that were sent with the key of another one, group, step, customer and anchor, on its channel.

    A log of days has one key for a letter and a text message of one day.
    """
    words = (codes_of(column)[1] for column in (table.group, table.step, table.channel))
    columns = whom, table.anchor.astype(np.int64), *words
    key = row_keys(*(np.asarray(column[sent], dtype=np.float64) for column in columns))
    return len(key) - len(np.unique(key))


def _costs(value: Any) -> dict[str, Decimal]:
    """Take the cost of a message: one for all channels, written "*", or one for each."""
    if isinstance(value, Mapping):
        return {as_text("contact_cost", channel): _cost(cost) for channel, cost in value.items()}
    return {"*": _cost(value)}


def _cost(value: Any) -> Decimal:
    rule = "money >= 0, such as 0.05 or '0.05'"
    other = isinstance(value, bool) or not isinstance(value, int | float | str | Decimal | np.integer | np.floating)
    if other or (isinstance(value, str) and not NUMBER.fullmatch(value)):
        raise InputError("contact_cost", rule, value)
    try:
        cost = Decimal(str(value))
    except ArithmeticError as error:
        raise InputError("contact_cost", rule, value) from error
    if not cost.is_finite() or not 0 <= cost <= 10**9:
        raise InputError("contact_cost", f"{rule}, at most 10**9", value)
    return cost


def _contacts(costs: dict[str, Decimal], channel: npt.NDArray[np.str_], cell: Integers, n_cells: int) -> Floats:
    """Add up the cost of the messages of each cell, exactly: counts by channel times the cost of one."""
    names, code = codes_of(channel)
    count = np.bincount(cell * max(len(names), 1) + code, minlength=n_cells * max(len(names), 1))
    table = count.reshape(n_cells, max(len(names), 1)).tolist()
    lost = [name for name in names.tolist() if name not in costs and "*" not in costs]
    if lost:
        raise InputError("contact_cost", "one for each channel of the messages", lost[0], hint="0 for a free one")
    price = [costs.get(name, costs.get("*", Decimal(0))) for name in names.tolist()] or [Decimal(0)]
    with localcontext(Context(prec=_MOST_FIGURES)):  # whatever the host has set
        return np.array([float(sum((n * p for n, p in zip(row, price, strict=True)), Decimal(0))) for row in table])


def _segments(customer: ArrayLike | None, segment: ArrayLike | None) -> tuple[Any, Any] | None:
    if customer is None and segment is None:
        return None
    if customer is None or segment is None:
        raise InputError("segment" if segment is None else "segment_customer", "given where the other one is", None)
    require_same_index(segment_customer=customer, segment=segment)
    distinct, code = encode_customers("segment_customer", customer)
    words = text_column("segment", segment)
    if len(words) != len(code):
        raise InputError("segment", f"one for each of the {len(code)} customers", len(words))
    if len(distinct) != len(code):
        twice = distinct[np.argmax(np.bincount(code))]
        raise InputError("segment_customer", "one row a customer", twice, count=len(code) - len(distinct))
    return distinct, words[np.argsort(code)]


def _rows(messages: Plan | MessageHistory, end: np.datetime64) -> tuple[Any, Integers, Dates, Bools, Bools]:
    """Give the messages, the decision on each, the moment that decides on its period, and which looks count.

    Each look at a message is a row, because a comparison begins with the first one. Those after the end are left out;
    the last column tells which rows of the messages are kept.
    """
    if isinstance(messages, MessageHistory):
        early = messages.sent_at < end
        if not early.all():
            names = messages.to_columns()
            messages = MessageHistory(**{name: hand_over(getattr(messages, name)[early]) for name in names})
        n = len(messages)
        return messages, np.zeros(n, dtype=np.int64), messages.sent_at, np.ones(n, dtype=bool), early
    rows = messages.planned < end
    table = messages if rows.all() else take(messages, rows)
    several_days = len(table) > 0 and bool((table.run != table.run[0]).any())
    is_last = table.is_last_look if several_days else np.ones(len(table), dtype=bool)
    words, code = codes_of(table.decision)
    place = np.array([DECISIONS.index(word) for word in words.tolist()], dtype=np.int64)
    return table, place[code], table.planned, is_last, rows


def _cells(
    table: Any,
    time: Dates,
    counts: npt.NDArray[np.bool_],
    keys: tuple[str, ...],
    segments: tuple[Any, Any] | None,
    period: str,
) -> tuple[Integers, Integers, list[npt.NDArray[np.str_]]]:
    """Give the row of the results to which each look belongs, the row of its comparison, and the labels of the rows.

    The two differ by channel only: a message was sent on one, and meant for one before anything was decided.
    """
    n, texts, n_ways = len(table), [], 1 + ("channel" in keys)
    cell = np.zeros(n_ways * n, dtype=np.int64)
    for name in keys:
        way = _channels(table) if name == "channel" else [_column(table, time, name, segments, period)] * n_ways
        words, code = codes_of(np.concatenate(way))
        cell = cell * max(len(words), 1) + code
        texts.append(words)
    if n_ways > 1:
        cell[:n] = np.where(counts, cell[:n], cell[n:])  # looks that do not count make no row
    distinct, place = np.unique(cell, return_inverse=True)
    labels = []
    for words in reversed(texts):
        labels.append(words[distinct % max(len(words), 1)])
        distinct = distinct // max(len(words), 1)
    return place[:n], place[-n:], labels[::-1]


def _channels(table: Any) -> list[npt.NDArray[np.str_]]:
    """Give the channel on which each message was sent, or else its first one, and the channel it was meant for."""
    if not isinstance(table, Plan):
        return [table.channel, table.channel]
    return [np.where(table.channel == "", table.first_channel, table.channel), table.first_channel]


def _column(table: Any, time: Dates, name: str, segments: tuple[Any, Any] | None, period: str) -> npt.NDArray[np.str_]:
    if name == "period":
        day = time.astype("datetime64[D]")
        if period == "week":
            return np.asarray((day - ((day.astype(np.int64) + 3) % 7).astype("timedelta64[D]")).astype(np.str_))
        return day.astype(f"datetime64[{_PERIODS[period]}]").astype(np.str_)
    if name == "segment":
        assert segments is not None  # noqa: S101 - checked by the caller
        customer, words = segments
        _, (whom, known) = common_customers(table.customer, customer)
        if not len(known):
            return np.full(len(whom), "")
        order = np.argsort(known)
        place = np.minimum(np.searchsorted(known, whom, sorter=order), len(order) - 1)
        hit = known[order[place]] == whom
        found: npt.NDArray[np.str_] = np.where(hit, words[order[place]], "")
        return found
    column = np.asarray(getattr(table, name))
    return column if column.dtype.kind in "OU" else column.astype(np.str_)


def _has_control(made: Plan, decision: Integers, keys: tuple[str, ...]) -> bool:
    """Tell whether there is a control group, and by channel also whether the plan knows what it was meant to get."""
    unknown = (decision == DECISIONS.index("send")) & (made.first_channel == "")
    return bool((decision == DECISIONS.index("control group")).any()) and not ("channel" in keys and unknown.any())


def _credit(log: Log, rule: str, used: Integers, money: list[Integers], n_cells: int, n_customers: int) -> Credit:
    if rule in MODELS:
        return credit_by_model(log, rule, money, n_cells)
    chosen = used
    if rule != "code":
        chosen = by_last(log)
        if rule == "code or last":
            chosen = np.where(used >= 0, used, chosen)
    return credit_by_message(log, chosen, money, n_cells, n_customers)


def _reactions(
    responses: Responses | None,
    table: Any,
    sent: Integers,
    log: Log,
    end: np.datetime64,
    n_cells: int,
    instants: Instants | None,
) -> tuple[dict[str, Any], int, int]:
    """Count the messages with each reaction; also the reactions that are too late, and those to no known message."""
    if responses is None:
        return {}, 0, 0
    whole = len(sent) == len(table)
    moments = None if instants is None else instants.responded
    sent_at, time = (log.sent_on_clock, responses.time) if moments is None else (log.sent_at, moments)
    place = responded_to(responses, table if whole else take(table, sent), sent_at, time)
    late = responses.time >= end
    seen = {}
    for word in REACTIONS:
        flags = np.zeros(len(sent), dtype=bool)
        flags[place[(place >= 0) & ~late & (responses.name == word)]] = True
        seen[word] = flags
    opened = seen["opened"] | seen["clicked"]
    delivered = seen["delivered"] if seen["delivered"].any() else ~seen["bounced"]
    delivered = delivered | opened | seen["replied"]
    flags_of = {"delivered": delivered, "opened": opened, "clicked": seen["clicked"], "replied": seen["replied"]}
    counts = {
        f"n_{name}": hand_over(np.bincount(log.cell[flags], minlength=n_cells)) for name, flags in flags_of.items()
    }
    return counts, int(np.count_nonzero(late)), int(np.count_nonzero((place < 0) & ~late))


def _errors(given: Credit, n_cells: int, unit: float) -> dict[str, Any]:
    """Find the standard error of the revenue of each cell, over its customers or groups of customers."""
    n_units = np.bincount(given.unit_cell, minlength=n_cells)
    n = np.bincount(given.unit_cell, weights=given.unit_messages, minlength=n_cells)
    total = np.bincount(given.unit_cell, weights=given.unit_money, minlength=n_cells)
    ratio = np.divide(total, n, out=np.zeros(n_cells), where=n > 0)
    rest = given.unit_money - ratio[given.unit_cell] * given.unit_messages
    spread = np.bincount(given.unit_cell, weights=rest**2, minlength=n_cells)
    error = np.full(n_cells, np.nan)
    enough = (n_units > 1) & (spread > (1e-12 * total) ** 2)  # nothing shows how money varies that is one for all
    error[enough] = np.sqrt(spread[enough] * n_units[enough] / (n_units[enough] - 1)) / unit
    return {"revenue_error": hand_over(error), "n_units": hand_over(n_units)}


def _effects(found: Increment | None, n_cells: int, unit: float) -> dict[str, Any]:
    none, nan = np.zeros(n_cells, dtype=np.int64), np.full(n_cells, np.nan)
    counts = (none,) * 4 if found is None else found[:4]
    names = ("n_treated", "n_control", "n_treated_converted", "n_control_converted")
    columns: dict[str, Any] = dict(zip(names, counts, strict=True))
    for kind, scale in (("converted", 1.0), ("revenue", unit), ("margin", unit)):
        parts = (nan,) * 3 if found is None else getattr(found, kind)[:3]
        for end, part in zip(("", "_low", "_high"), parts, strict=True):
            columns[f"{kind}_effect{end}"] = part / scale
    columns["revenue_p_value"] = nan if found is None else found.revenue[3]
    return {name: hand_over(column) for name, column in columns.items()}
