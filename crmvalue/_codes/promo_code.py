"""A promotional code: its rules, the log of its events, and the states that follow from both."""

from __future__ import annotations

from copy import copy
from itertools import takewhile
from typing import Any, Self

import attrs
import numpy as np

from crmvalue._codes.event_log import Outcome, next_time, read_record, require_numbered
from crmvalue._codes.hashes import as_digest, as_key, as_pin_hash, code_digest, hash_pin, is_same_text, pin_matches
from crmvalue._codes.policy import CodePolicy
from crmvalue._codes.rules import CodeRules, as_order_amount
from crmvalue._core.checks import as_items, as_name, as_text, as_time
from crmvalue._core.json import to_json
from crmvalue._core.labels import moment_repr
from crmvalue._core.phones import as_stored_phone, normal_phone
from crmvalue._core.values import checked_field, choice_field, count_field, of_class, tuple_of
from crmvalue.errors import InputError

__all__ = ["CODE_STATES", "CodeEvent", "PromoCode"]

CODE_STATES = ("issued", "active", "reserved", "redeemed", "released", "expired", "void")
"""All states of a code."""

_ALLOWED = {
    "activated": {"issued"},
    "reserved": {"active", "released"},
    "redeemed": {"active", "reserved", "released", "expired"},
    "released": {"active", "reserved", "redeemed", "released", "expired"},
    "failed": {"active", "released"},
    "unlocked": {"issued", "active", "reserved", "released", "expired"},
    "voided": {"issued", "active", "reserved", "released", "expired"},
}
"""States in which each event may happen, after the first one, "issued"."""


@attrs.frozen(kw_only=True)
class CodeEvent:
    """One event in the log of a code.

    Parameters
    ----------
    code_id : str
        Identifier of the code.
    event_id : str
        Identifier that the shop gives to the request. The same request has the same one when it comes again.
    sequence : int
        Number of the event in the log of its code: 1, 2, 3, ...
    kind : {"issued", "activated", "reserved", "redeemed", "released", "failed", "unlocked", "voided"}
        What happened; "failed" is a wrong attempt.
    time : datetime64
        When.
    order, customer : str
        The order and the customer; empty where there is none.

    Examples
    --------
    >>> CodeEvent(code_id="c-1", event_id="e1", sequence=1, kind="issued", time="2026-03-01").order
    ''
    """

    code_id: str = checked_field("code_id", as_name)
    event_id: str = checked_field("event_id", as_name)
    sequence: int = count_field("sequence", low=1)
    kind: str = choice_field("kind", ("issued", *_ALLOWED))
    time: np.datetime64 = checked_field("time", as_time, repr=moment_repr)
    order: str = checked_field("order", as_text, default="")
    customer: str = checked_field("customer", as_text, default="")


class _State:
    """What the log of a code comes to, event by event."""

    def __init__(self, rules: CodeRules, issued: CodeEvent) -> None:
        self.rules = rules
        self.events = {issued.event_id: issued}
        self.is_active = self.is_void = self.was_released = False
        self.held: dict[str, tuple[str, np.datetime64]] = {}
        self.redeemed: dict[str, str] = {}
        self.n_by_customer: dict[str, int] = {}
        self.n_failed = 0

    def copy(self) -> _State:
        """Give a state that can go on by itself."""
        other = copy(self)
        for name in ("events", "held", "redeemed", "n_by_customer"):
            setattr(other, name, getattr(self, name).copy())
        return other

    def go_to(self, time: np.datetime64) -> None:
        """Give back the uses that no order holds any longer."""
        if self.rules.hold_minutes is not None:
            hold = np.timedelta64(self.rules.hold_minutes, "m")
            over = takewhile(lambda item: time >= item[1][1] + hold, self.held.items())  # the oldest hold comes first
            for order in [order for order, _ in over]:
                self._give_back(order)

    def word(self, time: np.datetime64) -> str:
        """Name the state at a time; :meth:`go_to` comes first."""
        most, until = self.rules.max_uses, self.rules.until
        if self.is_void:
            return "void"
        if most is not None and len(self.redeemed) >= most:
            return "redeemed"
        if self.held and most is not None and len(self.redeemed) + len(self.held) >= most:
            return "reserved"
        if until is not None and time >= until:
            return "expired"
        if not self.is_active:
            return "issued"
        return "released" if self.was_released else "active"

    def refusal(self, event: CodeEvent) -> str:
        """Say why an event cannot come next, or nothing."""
        self.go_to(event.time)
        word = self.word(event.time)
        if word not in _ALLOWED[event.kind]:
            has_use = event.order in self.held or event.order in self.redeemed
            return "already reserved" if has_use and word == event.kind == "reserved" else word
        if event.kind == "failed":
            return self._refuse_attempt(event)
        if event.kind == "reserved":
            return self._refuse_attempt(event) or self._refuse_use(event)
        if event.kind == "redeemed":
            return "" if event.order in self.held else "no reservation"
        if event.kind == "released":
            return "" if event.order in self.held or event.order in self.redeemed else "no reservation"
        return "not locked" if event.kind == "unlocked" and not self.n_failed else ""

    def follow(self, event: CodeEvent) -> None:
        """Take an event that can come next."""
        self.events[event.event_id] = event
        if event.kind == "activated":
            self.is_active = True
        elif event.kind == "reserved":
            self.held[event.order] = (event.customer, event.time)
            self.n_by_customer[event.customer] = self.n_by_customer.get(event.customer, 0) + 1
            self.was_released, self.n_failed = False, 0
        elif event.kind == "redeemed":
            self.redeemed[event.order] = self.held.pop(event.order)[0]
        elif event.kind == "released":
            self._give_back(event.order)
        elif event.kind == "failed":
            self.n_failed += 1
        elif event.kind == "unlocked":
            self.n_failed = 0
        elif event.kind == "voided":
            self.is_void = True

    def _refuse_attempt(self, event: CodeEvent) -> str:
        if self.rules.starts is not None and event.time < self.rules.starts:
            return "not started"
        return "locked" if self.n_failed >= self.rules.max_attempts else ""

    def _refuse_use(self, event: CodeEvent) -> str:
        if event.order in self.held or event.order in self.redeemed:
            return "already reserved"
        most = self.rules.max_uses_per_customer
        return "used by customer" if most is not None and self.n_by_customer.get(event.customer, 0) >= most else ""

    def _give_back(self, order: str) -> None:
        customer = self.held.pop(order)[0] if order in self.held else self.redeemed.pop(order)
        self.n_by_customer[customer] -= 1
        self.was_released = True


@attrs.frozen(kw_only=True)
class PromoCode:
    """One promotional code: what is stored of it, its rules, and the log of its events.

    Make one with :meth:`issue`. The code itself and the PIN are not in it: only a digest, and a slow salted hash.

    Parameters
    ----------
    code_id : str
        Identifier of the code in the shop; it may stand in logs.
    digest : str
        What :func:`code_digest` gives: the shop finds the code by it. Not shown.
    rules : CodeRules
        Who may use the code, when, where and how often.
    phone : str
        Phone number to which the code is tied, such as +380671234567; empty for none. Not shown.
    pin_hash : str
        Hash of the PIN, by ``hashlib.scrypt`` and with the key of the shop; empty for none. Not shown.
    events : tuple of CodeEvent
        All that happened, the issue first. The state follows from them and from the time alone. A log that cannot
        happen by the rules raises :class:`~crmvalue.errors.InputError`.

    See Also
    --------
    generate_codes : Makes the texts of codes.

    Notes
    -----
    ========  =================================================  =================================================
    Request   is accepted if the code is                         and then the code is
    ========  =================================================  =================================================
    activate  issued                                             active
    reserve   active or released                                 reserved, if orders hold all uses that are left
    redeem    held by the order                                  redeemed, if no use is left
    release   held by the order, or redeemed by it               released
    void      not redeemed and not void                          void, for ever
    ========  =================================================  =================================================

    A hold that is not redeemed ends after `hold_minutes`, and the code is released. An order that holds a use in time
    may redeem it after the code has expired.

    All times follow one clock, and one that is behind the last event counts as the time of that event.
    Minutes are those between the given times: over a change of local clocks a hold ends an hour too early, or lasts an
    hour longer. Where that matters, give all times in UTC, `starts` and `ends` too.

    Every request has an event id and gives an :class:`Outcome`. The same request with the same id changes nothing. Each
    new attempt of a customer is a request of its own.

    The code is a value. A shop with a database stores the events, with a unique constraint on (`code_id`, `sequence`):
    of two tills that answer at once, the second cannot store its event, loads the code again and asks once more. Store
    the event, a failed one too, before you answer the customer; so nobody can try PINs at many tills at once.

    A PIN of four digits is protected by the limit of attempts. The hash protects it from those who see the records but
    not the key.

    Examples
    --------
    >>> key = bytes(range(32))  # secrets.token_bytes(32), kept outside of the database
    >>> code = PromoCode.issue("SPRING", code_id="c-1", event_id="e1", time="2026-03-01", key=key)
    >>> code = code.activate("e2", time="2026-03-01").value
    >>> outcome = code.reserve(
    ...     "e3",
    ...     time="2026-03-02T10:00",
    ...     order="o-1",
    ...     customer="ann",
    ...     code="spring",
    ...     key=key,
    ... )
    >>> outcome.accepted, outcome.value.state("2026-03-02T10:10")
    (True, 'reserved')
    >>> code = outcome.value.redeem("e4", time="2026-03-02T10:15", order="o-1").value
    >>> code.state("2026-03-03"), code.void("e5", time="2026-03-03").reason
    ('redeemed', 'the code has no use left')
    """

    code_id: str = checked_field("code_id", as_name)
    digest: str = checked_field("digest", as_digest, repr=False)
    rules: CodeRules = checked_field("rules", of_class(CodeRules))
    phone: str = checked_field("phone", as_stored_phone, default="", repr=False)
    pin_hash: str = checked_field("pin_hash", as_pin_hash, default="", repr=False)
    events: tuple[CodeEvent, ...] = checked_field(
        "events", tuple_of(CodeEvent), repr=lambda events: f"<{len(events)} events>"
    )

    _now: _State = attrs.field(init=False, repr=False, eq=False)

    def __attrs_post_init__(self) -> None:
        require_numbered(self.events)
        object.__setattr__(self, "_now", self._replay(None))

    @classmethod
    def issue(
        cls,
        code: str,
        *,
        code_id: str,
        event_id: str,
        time: Any,
        key: bytes,
        rules: CodeRules | None = None,
        phone: str | None = None,
        pin: str | None = None,
    ) -> Self:
        """Make the record of a code.

        Parameters
        ----------
        code : str
            The code, for example one of :func:`generate_codes`.
        code_id, event_id : str
            Identifiers of the code and of this event.
        time : datetime64, date, datetime or str
            Moment of the issue, by the clock that all times of the code follow.
        key : bytes
            Secret key of the shop, as for :func:`code_digest`.
        rules : CodeRules, optional
            One use in all, by default.
        phone : str, optional
            Phone number to which the code is tied; needs the extra `match`.
        pin : str, optional
            PIN of 4 to 12 digits.

        Returns
        -------
        PromoCode
            In the state "issued": :meth:`activate` it when the message with the code is sent.

        Raises
        ------
        InputError
            If an argument breaks its rule. The error shows no code, phone number, PIN or key.
        """
        checked = CodeRules() if rules is None else of_class(CodeRules)("rules", rules)
        secret = as_key(key)
        return cls(
            code_id=code_id,
            digest=code_digest(code, key=secret, policy=checked.policy),
            rules=checked,
            phone="" if phone is None else normal_phone("phone", phone, checked.region),
            pin_hash="" if pin is None else hash_pin(pin, secret),
            events=(CodeEvent(code_id=code_id, event_id=event_id, sequence=1, kind="issued", time=time),),
        )

    def state(self, as_of: Any) -> str:
        """Name the state at a time: one of `CODE_STATES`.

        Events after `as_of` do not count, so the state of any past moment can be told.
        """
        time = as_time("as_of", as_of)
        if time < self.events[0].time:
            raise InputError("as_of", "not before the code was issued", str(time))
        state = self._replay(time)
        state.go_to(time)
        return state.word(time)

    @property
    def n_redeemed(self) -> int:
        """Number of uses, those that were given back left out."""
        return len(self._now.redeemed)

    @property
    def n_failed(self) -> int:
        """Number of wrong attempts in a row, up to now."""
        return self._now.n_failed

    def activate(self, event_id: str, *, time: Any) -> Outcome[Self]:
        """Let the code be used from now on, for example because its message was sent."""
        return self._ask("activated", event_id, time)

    def reserve(
        self,
        event_id: str,
        *,
        time: Any,
        order: str,
        customer: str,
        code: str,
        key: bytes,
        amount: Any = 0,
        channel: str = "",
        segments: Any = (),
        phone: str | None = None,
        pin: str | None = None,
        currency: str | None = None,
    ) -> Outcome[Self]:
        """Hold one use for an order, while it is in the cart.

        Parameters
        ----------
        event_id : str
            Identifier of the request; another attempt is another request.
        time : datetime64, date, datetime or str
            Now.
        order, customer : str
            The order and the customer.
        code : str
            The code as the customer typed it.
        key : bytes
            Secret key of the shop.
        amount : int, Decimal or str
            Price of the order before discounts: a whole number in minor units, or "500.00" in units of the currency.
        channel : str
            Where the order comes from.
        segments : sequence of str
            Segments of the customer.
        phone, pin : str, optional
            As the customer typed them; needed if the code is tied to them.
        currency : str, optional
            Currency of the order, by three letters; needed if the rules have one.

        Returns
        -------
        Outcome
            The refusal is a state of the code, "locked", "not started", "credentials missing", "wrong credentials",
            "wrong segment", "wrong channel", "wrong currency", "below minimum", "used by customer", "already
            reserved" or "event id taken". It does not tell which of the credentials is wrong. Only wrong credentials
            count as an attempt.

        Raises
        ------
        InputError
            If an argument is of a wrong kind.
        """
        rules, secret = self.rules, as_key(key)
        order, customer = as_name("order", order), as_name("customer", customer)
        paid, is_same_currency = as_order_amount(amount, currency, rules)
        where = as_text("channel", channel)
        groups = {as_text("segments", word) for word in as_items("segments", segments, "a list of texts")}
        event = self._next("reserved", event_id, time, order, customer)
        known = self._now.events.get(event.event_id)
        if known is not None:
            return self._again(known, event, "failed")
        state = self._now.copy()
        refusal = state.refusal(event)
        if not refusal and ((self.phone and phone is None) or (self.pin_hash and pin is None)):
            refusal = "credentials missing"
        if refusal:
            return Outcome(value=self, refusal=refusal)
        if not self._is_right(code, secret, phone, pin):
            failed = attrs.evolve(event, kind="failed")
            return Outcome(value=self._with(failed, state), refusal="wrong credentials")
        if rules.segments and not groups & {*rules.segments}:
            refusal = "wrong segment"
        elif rules.channels and where not in rules.channels:
            refusal = "wrong channel"
        elif not is_same_currency:
            refusal = "wrong currency"
        elif paid < rules.min_amount:
            refusal = "below minimum"
        return Outcome(value=self if refusal else self._with(event, state), refusal=refusal)

    def redeem(self, event_id: str, *, time: Any, order: str) -> Outcome[Self]:
        """Count the use that an order holds: the order is paid."""
        return self._ask("redeemed", event_id, time, as_name("order", order))

    def release(self, event_id: str, *, time: Any, order: str) -> Outcome[Self]:
        """Give back the use of an order that was not paid, or that was returned and should not cost the code."""
        return self._ask("released", event_id, time, as_name("order", order))

    def unlock(self, event_id: str, *, time: Any) -> Outcome[Self]:
        """Forget the wrong attempts, once the shop knows that it talks to the customer."""
        return self._ask("unlocked", event_id, time)

    def void(self, event_id: str, *, time: Any) -> Outcome[Self]:
        """Withdraw the code for ever. What was redeemed stays redeemed."""
        return self._ask("voided", event_id, time)

    def to_json(self) -> str:
        """Write the record as JSON text: no code and no PIN is in it, the phone number is."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> PromoCode:
        """Read what :meth:`to_json` wrote; other text raises :class:`~crmvalue.errors.InputError`."""
        return read_record(cls, text, CodeRules, CodePolicy, CodeEvent)

    def _replay(self, until: np.datetime64 | None) -> _State:
        """Follow the log up to a time; an event that cannot happen raises."""
        if not self.events or self.events[0].kind != "issued":
            raise InputError("events", "a log that begins with an issue", len(self.events))
        state = _State(self.rules, self.events[0])
        for index, event in enumerate(self.events):
            if event.code_id != self.code_id:
                raise InputError("events", f"of the code {self.code_id!r}", event.code_id, index=index)
        for index, event in enumerate(self.events[1:], start=1):
            if until is not None and event.time > until:
                break
            refusal = "issued twice" if event.kind == "issued" else state.refusal(event)
            if refusal:
                raise InputError("events", f"a log that can happen; {event.kind}: {refusal}", event.kind, index=index)
            state.follow(event)
        return state

    def _next(self, kind: str, event_id: str, time: Any, order: str = "", customer: str = "") -> CodeEvent:
        return CodeEvent(
            code_id=self.code_id,
            event_id=event_id,
            sequence=len(self.events) + 1,
            kind=kind,
            time=next_time(self.events, as_time("time", time)),
            order=order,
            customer=customer,
        )

    def _ask(self, kind: str, event_id: str, time: Any, order: str = "") -> Outcome[Self]:
        event = self._next(kind, event_id, time, order)
        known = self._now.events.get(event.event_id)
        if known is not None:
            return self._again(known, event)
        state = self._now.copy()
        refusal = state.refusal(event)
        return Outcome(value=self if refusal else self._with(event, state), refusal=refusal)

    def _again(self, known: CodeEvent, event: CodeEvent, failed: str = "") -> Outcome[Self]:
        """Answer a request whose event id the log has already, as it was answered the first time."""
        same = (known.order, known.customer) == (event.order, event.customer)
        if same and known.kind == event.kind:
            return Outcome(value=self, is_duplicate=True)
        if same and known.kind == failed:
            return Outcome(value=self, refusal="wrong credentials", is_duplicate=True)
        return Outcome(value=self, refusal="event id taken")

    def _with(self, event: CodeEvent, state: _State) -> Self:
        """Add an event that was found to be possible, without following the whole log again."""
        state.follow(event)
        new = copy(self)
        object.__setattr__(new, "events", (*self.events, event))  # new, and nobody else has it yet
        object.__setattr__(new, "_now", state)
        return new

    def _is_right(self, code: Any, key: bytes, phone: Any, pin: Any) -> bool:
        """Compare all that was typed, whatever of it is wrong."""
        try:
            digest = code_digest(code, key=key, policy=self.rules.policy)
        except InputError:
            digest = ""
        good = is_same_text(digest, self.digest)
        if self.phone:
            try:
                typed = normal_phone("phone", phone, self.rules.region)
            except InputError:
                typed = ""
            good &= is_same_text(typed, self.phone)
        if self.pin_hash:
            good &= pin_matches(pin, self.pin_hash, key)
        return good
