"""What codes and certificates share: a log of numbered events, and the answer to a request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

import attrs

from crmvalue._codes.policy import NOT_SHOWN
from crmvalue._core.checks import as_flag
from crmvalue._core.json import from_json
from crmvalue._core.values import FixedMapping, checked_field, choice_field
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

__all__ = ["REFUSALS", "Outcome", "next_time", "read_record", "require_numbered"]

REFUSALS: FixedMapping[str, str] = FixedMapping(
    {
        "issued": "the code is not active yet",
        "active": "the code is active already",
        "reserved": "other orders hold all uses that are left",
        "redeemed": "the code has no use left",
        "released": "the code is active already",
        "expired": "the code or certificate has expired",
        "void": "the code or certificate was withdrawn",
        "spent": "nothing is left on the certificate",
        "locked": "there were too many wrong attempts; it must be unlocked first",
        "not locked": "there was no wrong attempt",
        "not started": "the code cannot be used yet; its rules say from when",
        "credentials missing": "the code needs its phone number or its PIN, which was not given",
        "wrong credentials": "the code, the phone number, the PIN or the password is wrong",
        "wrong segment": "the code is for customers of other segments",
        "wrong channel": "the code is for other channels",
        "wrong currency": "the code or certificate is in another currency",
        "below minimum": "the order is smaller than the code asks for",
        "used by customer": "the customer has used the code as often as they may",
        "already reserved": "the order holds a use of the code, or has used it",
        "no reservation": "the order holds no use of the code; it must be reserved, or reserved again",
        "not enough": "the certificate has less than this amount",
        "more than spent": "the order has paid less than this amount with the certificate",
        "partly used": "a part of the certificate was spent",
        "too late": "the certificate can no longer be cancelled",
        "not expired yet": "the certificate has not expired yet",
        "reissued too often": "the certificate was issued again as often as it may",
        "event id taken": "another event has this id",
        "stale": "another event was stored first; load the certificate again",
        "code taken": "another certificate has this code",
    }
)
"""All reasons for which a request is refused, each as a sentence."""

_T = TypeVar("_T")


def _code_value(name: str, value: Any) -> Any:
    if value is not None and not attrs.has(type(value)):
        raise InputError(name, "a code, a certificate or a ledger", value)
    return value


@attrs.frozen(kw_only=True)
class Outcome(Generic[_T]):
    """The answer to a request: the code, certificate or ledger as it is now, and the reason of a refusal.

    Parameters
    ----------
    value : PromoCode, GiftCertificate or CertificateLedger
        The value with the event of the request, if there is one. A refused request leaves it as it was, with one
        exception: a wrong attempt is an event too. Store the value before you answer the customer.
    refusal : str
        Key of `REFUSALS`; empty for a request that was accepted.
    is_duplicate : bool
        Whether the log had the event before. The answer is that of the first time, and nothing changes.

    Examples
    --------
    >>> outcome = Outcome(value=None, refusal="expired")
    >>> outcome.accepted, outcome.reason
    (False, 'the code or certificate has expired')
    """

    value: _T = checked_field("value", _code_value)
    refusal: str = choice_field("refusal", ("", *REFUSALS), default="")
    is_duplicate: bool = checked_field("is_duplicate", as_flag, default=False)

    @property
    def accepted(self) -> bool:
        """Whether the request was accepted."""
        return not self.refusal

    @property
    def reason(self) -> str:
        """The refusal as a sentence; empty for a request that was accepted."""
        return REFUSALS[self.refusal] if self.refusal else ""


class _Event(Protocol):
    @property
    def event_id(self) -> str: ...
    @property
    def sequence(self) -> int: ...
    @property
    def time(self) -> np.datetime64: ...


def require_numbered(events: Sequence[_Event]) -> None:
    """Check that events count from 1, that their times do not run back, and that each id occurs once."""
    seen: set[str] = set()
    last = events[0].time if events else None
    for index, event in enumerate(events):
        if event.sequence != index + 1:
            raise InputError("events", "numbered 1, 2, 3, ...", event.sequence, index=index)
        if event.event_id in seen:
            raise InputError("events", "with different ids", event.event_id, index=index)
        if last is None or not event.time >= last:
            raise InputError("events", "in the order of their times", str(event.time), index=index)
        seen.add(event.event_id)
        last = event.time


def next_time(events: Sequence[_Event], time: np.datetime64) -> np.datetime64:
    """Give the time of the next event: a clock that is behind that of the last event counts as that one."""
    return max(time, events[-1].time) if events else time


def read_record(cls: type[_T], text: str | bytes, *parts: type[Any]) -> _T:
    """Read what `to_json` wrote; of a text that breaks a rule, the error names the rule and shows nothing."""
    try:
        return from_json(cls, text, *parts)
    except InputError as error:
        inner = error.__cause__
        known = f"`{inner.name}` must be {inner.rule}" if isinstance(inner, InputError) else None
        rule = error.rule
    raise InputError("text", rule, NOT_SHOWN, hint=known)
