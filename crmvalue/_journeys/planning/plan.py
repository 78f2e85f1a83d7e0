"""A plan: every message that was looked at, with its decision."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from crmvalue._core.checks import as_day_column, require_choice, require_same_index
from crmvalue._core.encoding.customers import is_among, join_customers, text_array
from crmvalue._core.encoding.indexes import index_of
from crmvalue._core.frames import Columns
from crmvalue._core.json import from_json, to_json
from crmvalue._core.labels import labelled
from crmvalue._core.pictures.pictured import Pictured
from crmvalue._core.values import array_columns, count_field, hand_over, stay_frozen
from crmvalue._journeys.data import (
    MessageHistory,
    customer_column,
    fill_in,
    flag_column,
    journey_of,
    keys_of,
    newer_field,
    second_column,
    table_field,
    text_column,
    version_column,
    word_column,
)
from crmvalue._journeys.pictures import plan_parts
from crmvalue._journeys.planning.looks import last_looks
from crmvalue.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue._core.pictures.parts import Parts
    from crmvalue.typing import ArrayLike, Dates, Integers

    Bools = npt.NDArray[np.bool_]

__all__ = ["DECISIONS", "Plan", "concatenate", "take"]

DECISIONS = (
    "send", "duplicate", "exited", "missed", "expired", "suppressed", "control group", "no consent", "cool-down",
    "outranked", "capped", "over budget",
)  # fmt: skip
"""All decisions; the how-to page "Whom do I write to today?" states the order of the checks."""

_REASONS = {
    "send": "the message is due, and no rule holds it back",
    "duplicate": "the message, or another one in its place, was sent before, or the same event was given twice",
    "exited": "an event that ends the journey came first",
    "missed": "an earlier run missed the message, and the policy sends only the latest missed message or none",
    "expired": "the message is no longer valid",
    "suppressed": "the customer is on the suppression list",
    "control group": "the customer is in the control group",
    "no consent": "no channel of the journey has the customer's consent",
    "cool-down": "the journey wrote a short while ago, may write only once, or writes now with another message",
    "outranked": "another journey on the same date has a higher priority",
    "capped": "on every channel the customer has got as many messages as a frequency cap allows",
    "over budget": "the budget of the day goes to messages of higher priority, or to those drawn first",
}
_MOVED = (
    "the message is due; it goes out later than planned: after quiet hours, in contact hours, at the hour of sending, "
    "after a missed run or a clock change"
)


def _decision_column(name: str, value: ArrayLike) -> npt.NDArray[np.str_]:
    words = word_column(name, value)
    for word in np.unique(words).tolist():
        require_choice(name, word, DECISIONS)
    return words


@stay_frozen
@attrs.frozen(kw_only=True)
class Plan(Columns, Pictured):
    """All messages that were looked at, with one decision each; columns of equal length, sorted by run and customer.

    Parameters
    ----------
    run : ndarray of datetime64[D]
        Day of the run.
    customer : ndarray
        Identifier of the customer.
    journey, step : ndarray of str
        Name of the journey, and name of its step.
    group : ndarray of str
        Group of the journey. Journeys of one group send one message together; most journeys are alone in their group.
    anchor : ndarray of datetime64[s]
        Day or moment that started the message. For an anniversary it is 1 January of its year, so that a corrected date
        makes no second message.
    planned, send_time, expires : ndarray of datetime64[s]
        Local times: when the message was due; when it is sent, after quiet hours and missed runs; its last moment.
    send_time_utc : ndarray of datetime64[s]
        The time of sending in UTC.
    channel : ndarray of str
        Channel; empty where the message is not sent.
    offer : ndarray of str
        Label of the offer; empty where there is none.
    decision : ndarray of str
        One of `DECISIONS`.
    counted : ndarray of bool
        Whether it counts for frequency caps once it is sent.
    n_unknown_events, n_unknown_messages : int
        Number of events, and of messages of the history, whose customers are not in the plan.
    version : ndarray of int, optional
        Version of the journey; 0 for a kind of journey without versions.
    code : ndarray of str, optional
        Code in the message; empty where there is none. :meth:`with_codes` fills it in.
    purpose : ndarray of str, optional
        Purpose of the journey.
    first_channel : ndarray of str, optional
        First channel of the message that the customer has agreed to, also where it is not sent, such as in the control
        group; empty where there is none. A cap may send it on another one. Plans of earlier releases do not know it.

    Examples
    --------
    >>> from crmvalue.journeys import Cascade, Customers, Policy, plan
    >>> base = Customers(customer=[1], dates={"last_purchase": ["2023-01-31"]}, consent={"email": [True]})
    >>> made = plan([Cascade(offers=["5 %", "7 %"], repeat_last=True)], base, None, None, Policy(), "2023-10-31")
    >>> made.n_by_decision, str(made.send_time[0]), str(made.offer[0])
    ({'send': 1}, '2023-10-31T10:00:00', '5 %')
    """

    run: Dates = table_field("run", as_day_column)
    customer: npt.NDArray[Any] = table_field("customer", customer_column)
    journey: npt.NDArray[np.str_] = table_field("journey", word_column)
    step: npt.NDArray[np.str_] = table_field("step", word_column)
    group: npt.NDArray[np.str_] = table_field("group", word_column)
    anchor: Dates = table_field("anchor", second_column)
    planned: Dates = table_field("planned", second_column)
    send_time: Dates = table_field("send_time", second_column)
    expires: Dates = table_field("expires", second_column)
    send_time_utc: Dates = table_field("send_time_utc", second_column)
    channel: npt.NDArray[np.str_] = table_field("channel", text_column)
    offer: npt.NDArray[np.str_] = table_field("offer", text_column)
    decision: npt.NDArray[np.str_] = table_field("decision", _decision_column)
    counted: Bools = table_field("counted", flag_column)
    n_unknown_events: int = count_field("n_unknown_events", default=0)
    n_unknown_messages: int = count_field("n_unknown_messages", default=0)
    version: Integers = newer_field("version", version_column)
    code: npt.NDArray[np.str_] = newer_field("code", text_column)
    purpose: npt.NDArray[np.str_] = newer_field("purpose", text_column)
    first_channel: npt.NDArray[np.str_] = newer_field("first_channel", text_column)

    def __attrs_post_init__(self) -> None:
        fill_in(
            self,
            version=lambda: journey_of(self.group)[1],
            **dict.fromkeys(("code", "purpose", "first_channel"), lambda: np.zeros(len(self), dtype=np.str_)),
        )
        for name, column in self.to_columns().items():
            if column.shape != self.run.shape:
                raise InputError(name, f"as long as `run` ({len(self.run)})", column.shape)

    def __len__(self) -> int:
        return len(self.run)

    def __add__(self, other: Plan) -> Plan:
        """Join two plans, such as those of two days, one after the other; counts of unknown rows are those of the last.

        An empty plan adds nothing. Where both have looked at a message on one day, such as runs of each hour do, only
        one look stays: that which sent it, or else the later one.
        """
        if not isinstance(other, Plan):
            return NotImplemented
        if not len(self) or not len(other):
            return other if not len(self) else self
        if isinstance(self.customer[0], str) != isinstance(other.customer[0], str):
            raise InputError("customer", "identifiers of one kind, numbers or text", other.customer[0])
        return concatenate([self, other] if not np.isin(other.run, self.run).any() else _one_look_a_day(self, other))

    def with_codes(self, code: ArrayLike, *, key: ArrayLike | None = None) -> Plan:
        """Write codes into the plan, so that :meth:`history` and :func:`journey_results` know them.

        Parameters
        ----------
        code : array_like of str
            Code of each row, such as "SPRING-1A", or what the orders write in place of it; empty for rows without one.
            Labels are not matched: for a column of pandas with any, give its index as `key` or plain values.
        key : array_like of str, optional
            Keys of the messages to which the codes belong, each once; other messages get none. So codes of
            :func:`crmvalue.codes.codes_for_messages` come into the plan:
            ``made.with_codes(drawn.code, key=drawn.key)``.

        Returns
        -------
        Plan
            The same plan with the codes.

        Raises
        ------
        InputError
            If there is not one text for each row or key, or a key is not one of the plan.
        """
        if key is None:
            if index_of(code) is not None and labelled("code", code) is not None:
                hint = "give the keys of the messages as `key`"
                raise InputError("code", "a plain column in the order of the plan, without labels", code, hint=hint)
            return attrs.evolve(self, code=code)
        require_same_index(key=key, code=code)
        wanted, codes, mine = text_column("key", key), text_column("code", code), self.key
        if len(codes) != len(wanted):
            raise InputError("code", f"one for each of the {len(wanted)} keys", len(codes))
        order = np.argsort(wanted, kind="stable")
        if len(np.unique(wanted)) != len(wanted):
            raise InputError("key", "each once", wanted[order][:-1][wanted[order][1:] == wanted[order][:-1]][0])
        lost = ~is_among(wanted, mine)
        if lost.any():
            raise InputError("key", "a key of the plan", wanted[lost][0], count=int(lost.sum()))
        if not len(wanted):
            return attrs.evolve(self, code=np.zeros(len(self), dtype=np.str_))
        place = order[np.minimum(np.searchsorted(wanted, mine, sorter=order), len(order) - 1)]
        return attrs.evolve(self, code=np.where(wanted[place] == mine, codes[place], ""))

    def _parts(self) -> Parts:
        last = self.is_last_look
        if last.all():
            return plan_parts(self.run, self.decision, DECISIONS)
        return plan_parts(self.run[last], self.decision[last], DECISIONS)

    @property
    def n_by_decision(self) -> dict[str, int]:
        """Number of messages by what became of them: each message counts once, with its last decision.

        A plan over several days looks at an open message on each day; :attr:`n_looks_by_decision` counts these looks. A
        message that was sent counts as "send", although later days find it again as a duplicate, and one that was
        outranked as "outranked".
        """
        words, counts = np.unique(self.decision[self.is_last_look], return_counts=True)
        return dict(zip(words.tolist(), counts.tolist(), strict=True))

    @property
    def n_looks_by_decision(self) -> dict[str, int]:
        """Number of rows by decision: one for each look at a message, so a message has one a day while it is open."""
        words, counts = np.unique(self.decision, return_counts=True)
        return dict(zip(words.tolist(), counts.tolist(), strict=True))

    @property
    def is_last_look(self) -> Bools:
        """Whether each row is the one that counts for its message: where it was sent, or else the last look at it.

        A look that finds a duplicate counts only where there is no other one. A message is a customer, a journey, a
        step and an anchor. One event given twice makes two rows of one day, and each of them counts.
        """
        if not len(self) or (self.run == self.run[0]).all():
            return np.ones(len(self), dtype=bool)
        group = () if np.array_equal(self.group, self.journey) else (self.group,)
        columns = (self.customer, self.journey, *group, self.step, self.anchor)
        return last_looks(self.run, self.decision == "send", self.decision == "duplicate", columns)

    @property
    def key(self) -> npt.NDArray[np.str_]:
        """Idempotency key of each message: the same message has the same key in every plan."""
        return keys_of(self)

    @property
    def reason(self) -> npt.NDArray[np.str_]:
        """Reason of each decision, in words."""
        words, place = np.unique(self.decision, return_inverse=True)
        said = np.array([_REASONS[word] for word in words.tolist()], dtype=np.str_)
        moved = (self.decision == "send") & (self.send_time != self.planned)
        return np.where(moved, _MOVED, said[place])

    def history(self) -> MessageHistory:
        """Give the messages that are sent; the next plan needs them.

        Returns
        -------
        MessageHistory
            Messages of this plan. Add them to the earlier ones: ``past + plan.history()``.
        """
        sent = self.decision == "send"
        names = (
            "customer", "group", "step", "anchor", "channel", "counted", "journey", "version", "offer", "code",
            "purpose",
        )  # fmt: skip
        columns = {name: hand_over(getattr(self, name)[sent]) for name in names}
        return MessageHistory(sent_at=hand_over(self.send_time[sent]), **columns)

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give all columns by name, for a dataframe of any kind; moments are in microseconds."""
        return array_columns(self)

    def to_json(self) -> str:
        """Write the plan as JSON text, an object of columns."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str) -> Plan:
        """Read what :meth:`to_json` wrote; other text raises :class:`~crmvalue.errors.InputError`."""
        return from_json(cls, text)


def _one_look_a_day(first: Plan, second: Plan) -> list[Plan]:
    """Keep one look at each message that both plans have looked at on one day, and leave out the other one."""
    near = np.isin(first.run, second.run)
    nearby = take(first, near)
    one, two = _looks(nearby), _looks(second)
    sent_first, sent_again = one[nearby.decision == "send"], two[second.decision == "send"]
    decided_again = two[second.decision != "duplicate"]
    stays = ~is_among(one, decided_again) | (is_among(one, sent_first) & ~is_among(one, sent_again))
    kept = ~near
    kept[near] = stays
    return [take(first, kept), take(second, ~is_among(two, one[stays]))]


def _looks(made: Plan) -> npt.NDArray[np.str_]:
    """Name the message and the day of each row."""
    parts = zip(made.run.tolist(), made.journey.tolist(), made.key.tolist(), strict=True)
    return text_array([f"{day} {name} {key}" for day, name, key in parts])


def concatenate(parts: list[Plan]) -> Plan:
    """Put plans one after the other, and empty the list, so that each column of theirs goes once its copy is made."""
    counts = {name: getattr(parts[-1], name) for name in ("n_unknown_events", "n_unknown_messages")}
    pieces = {name: [getattr(part, name) for part in parts] for name in parts[0].to_columns()}
    parts.clear()
    columns = {"customer": hand_over(join_customers(*pieces.pop("customer")))}
    columns |= {name: hand_over(np.concatenate(pieces.pop(name))) for name in tuple(pieces)}
    return Plan(**columns, **counts)


def take(made: Plan, rows: Any) -> Plan:
    """Give some rows of a plan, by place or by flag."""
    return attrs.evolve(made, **{name: hand_over(getattr(made, name)[rows]) for name in made.to_columns()})
