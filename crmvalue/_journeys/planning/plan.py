"""A plan: every message that was looked at, with its decision."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from crmvalue._core.checks import as_day_column, as_text, as_time_column, require_choice, to_array
from crmvalue._core.frames import Columns
from crmvalue._core.json import from_json, to_json
from crmvalue._core.pictures.pictured import Pictured
from crmvalue._core.values import array_columns, count_field, hand_over, stay_frozen
from crmvalue._journeys.data import (
    MessageHistory,
    customer_column,
    flag_column,
    second_column,
    table_field,
    word_column,
)
from crmvalue._journeys.pictures import plan_parts
from crmvalue.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue._core.pictures.parts import Parts
    from crmvalue.typing import ArrayLike, Dates

    Bools = npt.NDArray[np.bool_]

__all__ = ["DECISIONS", "Plan", "concatenate", "take"]

DECISIONS = (
    "send", "duplicate", "exited", "missed", "expired", "suppressed", "control group", "no consent", "cool-down",
    "outranked", "capped", "over budget",
)  # fmt: skip
"""All decisions; the how-to page "Whom do I write to today?" states the order of the checks."""

_REASONS = {
    "send": "the message is due, and no rule holds it back",
    "duplicate": "the message was sent before, or the same event was given twice",
    "exited": "an event that ends the journey came first",
    "missed": "an earlier run missed the message, and the policy sends only the latest missed message or none",
    "expired": "the message is no longer valid",
    "suppressed": "the customer is on the suppression list",
    "control group": "the customer is in the control group",
    "no consent": "no channel of the journey has the customer's consent",
    "cool-down": "the journey has written to the customer a short while ago, or writes now with another message",
    "outranked": "another journey on the same date has a higher priority",
    "capped": "on every channel the customer has got as many messages as a frequency cap allows",
    "over budget": "the budget of the day goes to messages of higher priority, or to those drawn first",
}
_MOVED = "the message is due; it goes out later than planned: after quiet hours, a missed run or a clock change"


def _decision_column(name: str, value: ArrayLike) -> npt.NDArray[np.str_]:
    words = word_column(name, value)
    for word in np.unique(words).tolist():
        require_choice(name, word, DECISIONS)
    return words


def _text_column(name: str, value: Any) -> npt.NDArray[np.str_]:
    """Take a column of texts, empty ones included."""
    array, _ = to_array(name, value, "a column of texts", as_objects=True)
    if array.ndim != 1:
        raise InputError(name, "a column of texts", value)
    texts = [as_text(name, text) for text in array.tolist()]
    return np.array([text.rstrip("\0") for text in texts], dtype=np.str_)  # as numpy keeps them


def _expiry_column(name: str, value: ArrayLike) -> Dates:
    return as_time_column(name, value, allow_missing=True).astype("datetime64[s]")


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
    expires: Dates = table_field("expires", _expiry_column)
    send_time_utc: Dates = table_field("send_time_utc", second_column)
    channel: npt.NDArray[np.str_] = table_field("channel", _text_column)
    offer: npt.NDArray[np.str_] = table_field("offer", _text_column)
    decision: npt.NDArray[np.str_] = table_field("decision", _decision_column)
    counted: Bools = table_field("counted", flag_column)
    n_unknown_events: int = count_field("n_unknown_events", default=0)
    n_unknown_messages: int = count_field("n_unknown_messages", default=0)

    def __attrs_post_init__(self) -> None:
        for name, column in self.to_columns().items():
            if column.shape != self.run.shape:
                raise InputError(name, f"as long as `run` ({len(self.run)})", column.shape)

    def __len__(self) -> int:
        return len(self.run)

    def _parts(self) -> Parts:
        last = self.is_last_look
        return plan_parts(self.run[last], self.decision[last])

    @property
    def n_by_decision(self) -> dict[str, int]:
        """Number of messages by what became of them: each message counts once, with its last decision.

        A plan over several days looks at an open message on each day; :attr:`n_looks_by_decision` counts these looks. A
        message that was sent counts as "send", although later days find it again as a duplicate.
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

        A message is a customer, a journey, a step and an anchor. One event given twice makes two rows of one day, and
        each of them counts.
        """
        columns = (self.customer, self.journey, self.group, self.step, self.anchor)
        codes = [np.unique(column, return_inverse=True)[1] for column in columns]
        rank = np.zeros(len(self), dtype=np.int64)  # of equal messages within a day, the first, the second, and so on
        run = np.unique(self.run, return_inverse=True)[1]
        order = np.lexsort((*codes, run))
        alike = np.ones(len(self), dtype=bool)
        for code in (*codes, run):
            alike[1:] &= code[order][1:] == code[order][:-1]
        if len(self):
            alike[0] = False
        place = np.arange(len(self))
        rank[order] = place - np.maximum.accumulate(np.where(alike, 0, place))
        sent = self.decision == "send"
        order = np.lexsort((run, sent, rank, *codes))
        last = np.ones(len(self), dtype=bool)
        for i, code in enumerate((rank, *codes)):
            same = code[order][1:] == code[order][:-1]
            last[:-1] = same if i == 0 else last[:-1] & same
        last[:-1] = ~last[:-1]
        found = np.zeros(len(self), dtype=bool)
        found[order] = last
        return found

    @property
    def key(self) -> npt.NDArray[np.str_]:
        """Idempotency key of each message: the same message has the same key in every plan."""
        words = (_escaped(column.tolist()) for column in (self.group, self.step, self.customer))
        parts = zip(*words, self.anchor.astype(np.str_).tolist(), strict=True)
        return np.array(["|".join(part) for part in parts], dtype=np.str_)

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
        names = ("customer", "group", "step", "anchor", "channel", "counted")
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


def _escaped(words: list[Any]) -> list[str]:
    r"""Write each word with a backslash before every "|" and backslash in it."""
    return [str(word).replace("\\", "\\\\").replace("|", "\\|") for word in words]


def concatenate(parts: list[Plan]) -> Plan:
    """Put plans one after the other."""
    columns = {
        name: hand_over(np.concatenate([getattr(part, name) for part in parts])) for name in parts[0].to_columns()
    }
    return Plan(**columns, n_unknown_events=parts[-1].n_unknown_events, n_unknown_messages=parts[-1].n_unknown_messages)


def take(made: Plan, rows: Any) -> Plan:
    """Give some rows of a plan, by place or by flag."""
    return attrs.evolve(made, **{name: hand_over(getattr(made, name)[rows]) for name in made.to_columns()})
