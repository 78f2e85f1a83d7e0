"""A plan: every message that was looked at, with its decision."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from crmvalue._core.checks import as_whole_number, read_json, require_choice
from crmvalue._core.values import array_field, hand_over, stay_frozen
from crmvalue._journeys.data import MessageHistory, plain_columns, read_table, table_columns
from crmvalue.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue.typing import Dates

    Bools = npt.NDArray[np.bool_]

__all__ = ["DECISIONS", "Plan", "concatenate"]

DECISIONS = (
    "send", "duplicate", "exited", "missed", "expired", "suppressed", "control group", "no consent", "cool-down",
    "outranked", "capped", "over budget",
)  # fmt: skip
"""All decisions; the how-to page "Whom do I write to today?" states the order of the checks."""

_COUNTS = ("n_unknown_events", "n_unknown_messages")
_REASONS = {
    "send": "due, and nothing speaks against it",
    "duplicate": "it was sent before, or the same event was given twice",
    "exited": "what ends the journey came first",
    "missed": "an earlier run missed it, and the policy sends the latest alone or none",
    "expired": "its time is over",
    "suppressed": "the customer is on the suppression list",
    "control group": "the customer is in the control group",
    "no consent": "no channel of the journey has the customer's consent",
    "cool-down": "the journey has written to the customer already, or does so with another message",
    "outranked": "another journey of the group goes first",
    "capped": "a frequency cap is reached on every channel",
    "over budget": "the budget of the day is spent on other messages, more important or drawn before",
}


_MOVED = "due; sent later than planned, after quiet hours, a missed run or a change of the clocks"


@stay_frozen
@attrs.frozen(kw_only=True)
class Plan:
    """All messages that were looked at, with one decision each; columns of equal length, by run and customer.

    Parameters
    ----------
    run : ndarray of datetime64[D]
        Day of the run.
    customer : ndarray
        To whom.
    journey, step : ndarray of str
        Journey, and its step.
    group : ndarray of str
        Group of journeys that sends one message between them; the journey itself for most.
    anchor : ndarray of datetime64[s]
        What the message is about: the day or the moment that started it; of an anniversary 1 January of its year, so
        that a corrected date makes no second message.
    planned, send_time, expires : ndarray of datetime64[s]
        Local times: when it was due, when it is sent after quiet hours and missed runs, and its last moment.
    send_time_utc : ndarray of datetime64[s]
        The time of sending in UTC.
    channel : ndarray of str
        Channel; empty where none may be used or the message was decided on before.
    offer : ndarray of str
        Label of the offer; empty where there is none.
    decision : ndarray of str
        One of `DECISIONS`.
    counted : ndarray of bool
        Whether it counts for frequency caps once it is sent.
    n_unknown_events, n_unknown_messages : int
        Events, and messages of the history, of customers who are not among those of the plan.

    Examples
    --------
    >>> from crmvalue.journeys import Cascade, Customers, Policy, plan
    >>> base = Customers(customer=[1], dates={"last_purchase": ["2023-01-31"]}, consent={"email": [True]})
    >>> made = plan([Cascade(offers=["5 %", "7 %"])], base, None, None, Policy(), "2023-10-31")
    >>> made.n_by_decision, str(made.send_time[0]), str(made.offer[0])
    ({'send': 1}, '2023-10-31T10:00:00', '5 %')
    """

    run: Dates = array_field()
    customer: npt.NDArray[Any] = array_field()
    journey: npt.NDArray[np.str_] = array_field()
    step: npt.NDArray[np.str_] = array_field()
    group: npt.NDArray[np.str_] = array_field()
    anchor: Dates = array_field()
    planned: Dates = array_field()
    send_time: Dates = array_field()
    expires: Dates = array_field()
    send_time_utc: Dates = array_field()
    channel: npt.NDArray[np.str_] = array_field()
    offer: npt.NDArray[np.str_] = array_field()
    decision: npt.NDArray[np.str_] = array_field()
    counted: Bools = array_field()
    n_unknown_events: int = 0
    n_unknown_messages: int = 0

    def __attrs_post_init__(self) -> None:
        for name, column in self.to_columns().items():
            if column.shape != self.run.shape:
                raise InputError(name, f"as long as `run` ({len(self.run)})", column.shape)

    def __len__(self) -> int:
        return len(self.run)

    @property
    def n_by_decision(self) -> dict[str, int]:
        """Number of rows by decision; in a plan over several days a message has a row on each day it is looked at."""
        words, counts = np.unique(self.decision, return_counts=True)
        return dict(zip(words.tolist(), counts.tolist(), strict=True))

    @property
    def key(self) -> npt.NDArray[np.str_]:
        """Idempotency key of each message: the same message has the same key in every plan."""
        words = (_escaped(column.tolist()) for column in (self.group, self.step, self.customer))
        parts = zip(*words, self.anchor.astype(np.str_).tolist(), strict=True)
        return np.array(["|".join(part) for part in parts], dtype=np.str_)

    @property
    def reason(self) -> npt.NDArray[np.str_]:
        """Why each decision was taken, in words."""
        words, place = np.unique(self.decision, return_inverse=True)
        said = np.array([_REASONS[word] for word in words.tolist()], dtype=np.str_)
        moved = (self.decision == "send") & (self.send_time != self.planned)
        return np.where(
            moved,
            "due; sent later than planned, after quiet hours, a missed run or a change of the clocks",
            said[place],
        )

    def history(self) -> MessageHistory:
        """Give the messages that are sent, to be kept for the next plan.

        Returns
        -------
        MessageHistory
            Of an earlier plan and a later one the sum: ``past + plan.history()``.
        """
        sent = self.decision == "send"
        names = ("customer", "group", "step", "anchor", "channel", "counted")
        columns = {name: hand_over(getattr(self, name)[sent]) for name in names}
        return MessageHistory(sent_at=hand_over(self.send_time[sent]), **columns)

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """All columns by name, for a dataframe of any kind; moments in the unit that each of them takes."""
        return table_columns(self)

    def to_json(self) -> str:
        """Write the plan as JSON text.

        Returns
        -------
        str
            A JSON object of columns.
        """
        return json.dumps({**plain_columns(self), **{name: getattr(self, name) for name in _COUNTS}})

    @classmethod
    def from_json(cls, text: str) -> Plan:
        """Read what :meth:`to_json` wrote.

        Parameters
        ----------
        text : str
            JSON text.

        Returns
        -------
        Plan
            An equal plan.

        Raises
        ------
        InputError
            If the text is not what :meth:`to_json` wrote.
        """
        return read_json(text, _plan_from_fields)


def _escaped(words: list[Any]) -> list[str]:
    r"""Write each word with a backslash before every "|" and backslash in it."""
    return [str(word).replace("\\", "\\\\").replace("|", "\\|") for word in words]


def concatenate(parts: list[Plan]) -> Plan:
    """Put plans one after the other."""
    columns = {
        name: hand_over(np.concatenate([getattr(part, name) for part in parts])) for name in parts[0].to_columns()
    }
    return Plan(**columns, **{name: getattr(parts[-1], name) for name in _COUNTS})


def _plan_from_fields(fields: dict[str, Any]) -> Plan:
    read: dict[str, Any] = {name: as_whole_number(name, fields.pop(name), low=0) for name in _COUNTS}
    read |= read_table(fields)
    for word in set(read["decision"].tolist()):
        require_choice("decision", word, DECISIONS)
    return Plan(**read)
