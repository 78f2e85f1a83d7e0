"""A gift certificate: paid first, spent in parts with one-time passwords, by a log of its events."""

from __future__ import annotations

from copy import copy
from typing import Any, Self

import attrs
import numpy as np

from crmvalue._codes.event_log import Outcome, next_time, read_record, require_numbered
from crmvalue._codes.hashes import as_digest, as_key, code_digest, is_same_text, secret_of
from crmvalue._codes.passwords import find_number, numbers_now, one_time_password
from crmvalue._codes.policy import CodePolicy
from crmvalue._codes.rules import CertificateRules, as_minor_units, as_order_amount
from crmvalue._core.checks import as_name, as_text, as_time, as_whole_number
from crmvalue._core.json import to_json
from crmvalue._core.labels import moment_repr
from crmvalue._core.money import exponent_of, whole_amount
from crmvalue._core.phones import as_stored_phone, normal_phone
from crmvalue._core.values import checked_field, choice_field, count_field, of_class, optional, tuple_of
from crmvalue.errors import InputError

__all__ = ["CertificateEvent", "CertificateState", "GiftCertificate", "replay"]

_KINDS = ("sold", "spent", "refunded", "reissued", "cancelled", "expired", "failed", "unlocked")
_CARRIERS = frozenset({"sold", "reissued"})
"""Events that name a code and a phone number."""

_AMOUNTS = frozenset({"sold", "spent", "refunded", "cancelled", "expired"})
"""Events that move money."""

_ANY_PASSWORD = 2**53
"""Largest number of a password; that of a payment whose password was not looked at yet."""


def _optional_digest(name: str, value: Any) -> str:
    return "" if isinstance(value, str) and not value else as_digest(name, value)


def _number(name: str, value: Any) -> int:
    return as_whole_number(name, value, low=0, high=_ANY_PASSWORD)


def _amount(name: str, value: Any) -> int:
    return whole_amount(name, value, low=0)


def _short(events: tuple[CertificateEvent, ...]) -> str:
    return f"<{len(events)} events of {events[0].certificate!r}>"


@attrs.frozen(kw_only=True)
class CertificateEvent:
    """One event in the log of a gift certificate.

    Parameters
    ----------
    certificate : str
        Identifier of the certificate.
    event_id : str
        Identifier that the shop gives to the request. The same request has the same one when it comes again.
    sequence : int
        Number of the event in the log of its certificate: 1, 2, 3, ...
    kind : {"sold", "spent", "refunded", "reissued", "cancelled", "expired", "failed", "unlocked"}
        What happened; "failed" is a wrong attempt.
    time : datetime64
        When.
    amount : int
        Money that it moves [minor units], >= 0.
    order : str
        The order that paid the certificate, or that was paid with it; empty where there is none.
    digest, phone : str
        The code, as :func:`code_digest` gives it, and the phone number, of a sale or a reissue. Not shown.
    password_number : int, optional
        Counter or time step of the password that was used. It is no secret.

    Examples
    --------
    >>> event = CertificateEvent(
    ...     certificate="g-1",
    ...     event_id="e2",
    ...     sequence=2,
    ...     kind="refunded",
    ...     time="2026-03-01",
    ...     amount=300,
    ...     order="o-7",
    ... )
    >>> event.amount
    300
    """

    certificate: str = checked_field("certificate", as_name)
    event_id: str = checked_field("event_id", as_name)
    sequence: int = count_field("sequence", low=1)
    kind: str = choice_field("kind", _KINDS)
    time: np.datetime64 = checked_field("time", as_time, repr=moment_repr)
    amount: int = checked_field("amount", _amount, default=0)
    order: str = checked_field("order", as_text, default="")
    digest: str = checked_field("digest", _optional_digest, default="", repr=False)
    phone: str = checked_field("phone", as_stored_phone, default="", repr=False)
    password_number: int | None = checked_field("password_number", optional(_number), default=None)

    def __attrs_post_init__(self) -> None:
        if (self.amount > 0) != (self.kind in _AMOUNTS):
            raise InputError("amount", "above 0 where money moves, and else 0", self.amount)
        if {bool(self.digest), bool(self.phone)} != {self.kind in _CARRIERS}:
            raise InputError("phone", "given with `digest` for a sale or a reissue, and only then", self.kind)
        if (self.password_number is not None) != (self.kind == "spent"):
            raise InputError("password_number", "given for a payment, and only then", self.password_number)


class CertificateState:
    """What the log of a certificate comes to, event by event."""

    def __init__(self, rules: CertificateRules, sold: CertificateEvent) -> None:
        self.rules = rules
        self.balance = sold.amount
        self.until = None if rules.valid_days is None else sold.time + np.timedelta64(rules.valid_days, "D")
        self.sold_at = sold.time
        self.digest, self.phone = sold.digest, sold.phone
        self.is_void = False
        self.spent: dict[str, int] = {}
        self.n_reissued = self.n_failed = self.next_number = 0
        self.history = [(sold.time, self.balance, self.until)]
        self.events = {sold.event_id: sold}

    def copy(self) -> CertificateState:
        """Give a state that can go on by itself."""
        other = copy(self)
        other.spent, other.history, other.events = {**self.spent}, [*self.history], {**self.events}
        return other

    def is_over(self, time: np.datetime64) -> bool:
        """Whether the certificate has expired."""
        return self.until is not None and bool(time >= self.until)

    def word(self, time: np.datetime64) -> str:
        """Name the state at a time."""
        if self.is_void:
            return "void"
        if self.is_over(time):
            return "expired"
        return "active" if self.balance else "spent"

    def refusal(self, event: CertificateEvent) -> str:
        """Say why an event cannot come next, or nothing."""
        if self.is_void:
            return "void"
        refuse = {
            "spent": self._refuse_payment,
            "refunded": self._refuse_refund,
            "reissued": self._refuse_reissue,
            "cancelled": self._refuse_cancelling,
            "expired": self._refuse_expiry,
            "failed": self._refuse_attempt,
            "unlocked": self._refuse_unlocking,
        }
        return refuse[event.kind](event)

    def follow(self, event: CertificateEvent) -> None:
        """Take an event that can come next."""
        if event.kind == "spent":
            self.balance -= event.amount
            self.spent[event.order] = self.spent.get(event.order, 0) + event.amount
            self.next_number, self.n_failed = (event.password_number or 0) + 1, 0
        elif event.kind == "refunded":
            self.balance += event.amount
            self.spent[event.order] -= event.amount
            if self.until is not None:
                self.until = max(self.until, event.time + np.timedelta64(self.rules.refund_days, "D"))
        elif event.kind == "reissued":
            self.digest, self.phone = event.digest, event.phone
            self.n_reissued += 1
            self.n_failed = self.next_number = 0
        elif event.kind in {"cancelled", "expired"}:
            self.balance -= event.amount
            self.is_void = event.kind == "cancelled"
        elif event.kind == "failed":
            self.n_failed += 1
        else:
            self.n_failed = 0
        self.history.append((event.time, self.balance, self.until))
        self.events[event.event_id] = event

    def _refuse_attempt(self, event: CertificateEvent) -> str:
        if self.is_over(event.time):
            return "expired"
        if not self.balance:
            return "spent"
        return "locked" if self.n_failed >= self.rules.max_attempts else ""

    def _refuse_unlocking(self, _: CertificateEvent) -> str:
        return "" if self.n_failed else "not locked"

    def _refuse_payment(self, event: CertificateEvent) -> str:
        refusal = self._refuse_attempt(event)
        if not refusal and event.amount > self.balance:
            return "not enough"
        used = event.password_number is not None and event.password_number < self.next_number
        return refusal or ("wrong credentials" if used else "")

    def _refuse_refund(self, event: CertificateEvent) -> str:
        return "more than spent" if event.amount > self.spent.get(event.order, 0) else ""

    def _refuse_reissue(self, event: CertificateEvent) -> str:
        if self.is_over(event.time):
            return "expired"
        return "reissued too often" if self.n_reissued >= self.rules.max_reissues else ""

    def _refuse_cancelling(self, event: CertificateEvent) -> str:
        if self.is_over(event.time):
            return "expired"
        if any(self.spent.values()) or event.amount != self.balance:
            return "partly used"
        return "too late" if event.time >= self.sold_at + np.timedelta64(self.rules.cancel_days, "D") else ""

    def _refuse_expiry(self, event: CertificateEvent) -> str:
        if not self.is_over(event.time):
            return "not expired yet"
        return "" if event.amount == self.balance else "spent"


@attrs.frozen(kw_only=True)
class GiftCertificate:
    """A gift certificate: its rules and the log of its events. Money is in minor units, such as cents.

    Make one with :meth:`sell`, which names the order that has paid it: there is no certificate before. Its code is
    stored as a digest, and its passwords follow from the key of the shop, so they stand in no record.

    Parameters
    ----------
    rules : CertificateRules
        How long it lasts, how it is protected, what may be done with it.
    events : tuple of CertificateEvent
        All that happened, the sale first. Balance and state follow from them and from the time alone. A log that cannot
        happen by the rules raises :class:`~crmvalue.errors.InputError`.

    See Also
    --------
    CertificateLedger : The money of many certificates.

    Notes
    -----
    A payment needs the code, the phone number and a one-time password, which :meth:`password` gives and the shop sends
    to the phone. Each payment needs a new one. A lost code is answered with :meth:`reissue`: the money stays, the old
    code and its passwords end.

    Every request has an event id and gives an :class:`Outcome`. The same request with the same id changes nothing. Each
    new attempt of a customer is a request of its own.

    The certificate is a value. A shop with a database stores the events, with a unique constraint on (`certificate`,
    `sequence`): of two tills that take the certificate at once, the second cannot store its event, loads the
    certificate again and asks once more. Store the event, a failed one too, before you answer the customer.

    All times follow one clock, and one that is behind the last event counts as the time of that event.
    One-time passwords by time need times in UTC: by local times, one that is sent in the last minutes before a change
    of the clocks ends with it.

    Examples
    --------
    >>> key = bytes(range(32))  # secrets.token_bytes(32), kept outside of the database
    >>> gift = GiftCertificate.sell(
    ...     "GIFT 1",
    ...     certificate="g-1",
    ...     event_id="e1",
    ...     amount="1000.00",
    ...     order="o-1",
    ...     paid_at="2026-03-01T12:00",
    ...     phone="067 123 45 67",
    ...     key=key,
    ...     rules=CertificateRules(policy=None, region="UA"),
    ... )
    >>> now = "2026-03-08T15:00"
    >>> outcome = gift.spend(
    ...     "e2",
    ...     time=now,
    ...     amount="350.50",
    ...     order="o-2",
    ...     code="gift-1",
    ...     phone="+38 067 123 45 67",
    ...     password=gift.password(time=now, key=key),
    ...     key=key,
    ... )
    >>> outcome.accepted, outcome.value.balance(now)
    (True, 64950)
    """

    rules: CertificateRules = checked_field("rules", of_class(CertificateRules))
    events: tuple[CertificateEvent, ...] = checked_field("events", tuple_of(CertificateEvent), repr=_short)

    _now: CertificateState = attrs.field(init=False, repr=False, eq=False)

    def __attrs_post_init__(self) -> None:
        require_numbered(self.events)
        object.__setattr__(self, "_now", replay(self.rules, self.events))

    @classmethod
    def sell(
        cls,
        code: str,
        *,
        certificate: str,
        event_id: str,
        amount: Any,
        order: str,
        paid_at: Any,
        phone: str,
        key: bytes,
        rules: CertificateRules | None = None,
    ) -> Self:
        """Make a certificate, once its order is paid.

        Parameters
        ----------
        code : str
            The code of the certificate, for example one of :func:`generate_codes`.
        certificate, event_id : str
            Identifiers of the certificate and of this event.
        amount : int, Decimal or str
            What was paid for it, above 0: a whole number in minor units, or "500.00" in units of the currency.
        order : str
            The order that paid it.
        paid_at : datetime64, date, datetime or str
            Moment of the payment.
        phone : str
            Phone number to which it is tied; needs the extra `match`.
        key : bytes
            Secret key of the shop, as for :func:`code_digest`.
        rules : CertificateRules, optional
            No end, by default.

        Returns
        -------
        GiftCertificate
            With one event.

        Raises
        ------
        InputError
            If an argument breaks its rule. The error shows no code, phone number or key.
        """
        checked = CertificateRules() if rules is None else of_class(CertificateRules)("rules", rules)
        sold = CertificateEvent(
            certificate=certificate,
            event_id=event_id,
            sequence=1,
            kind="sold",
            time=as_time("paid_at", paid_at),
            amount=as_minor_units("amount", amount, exponent_of(checked.currency, checked.exponent), low=1),
            order=as_name("order", order),
            digest=code_digest(code, key=as_key(key), policy=checked.policy),
            phone=normal_phone("phone", phone, checked.region),
        )
        return cls(rules=checked, events=(sold,))

    @property
    def certificate(self) -> str:
        """Identifier of the certificate."""
        return self.events[0].certificate

    @property
    def digest(self) -> str:
        """Digest of its code of today: the shop finds the certificate by it."""
        return self._now.digest

    @property
    def phone(self) -> str:
        """Phone number of today, to which passwords are sent."""
        return self._now.phone

    @property
    def valid_until(self) -> np.datetime64 | None:
        """Moment at which it expires, after all events so far; None for no end."""
        return self._now.until

    def state(self, as_of: Any) -> str:
        """Name the state at a time: "active", "spent", "expired" or "void"; later events do not count."""
        time = self._moment(as_of)
        return self._at(time).word(time)

    def balance(self, as_of: Any) -> int:
        """Give what can be spent at a time [minor units]: nothing once it has expired; later events do not count."""
        time = self._moment(as_of)
        state = self._at(time)
        return 0 if state.is_over(time) else state.balance

    def password(self, *, time: Any, key: bytes) -> str:
        """Give the one-time password of the next payment, to be sent to :attr:`phone` and nowhere else.

        It needs the extra `otp`. Passwords by time need a new step after each payment; before it, `time` is refused.
        """
        state, secret = self._now, as_key(key)
        moment = next_time(self.events, as_time("time", time))
        numbers = numbers_now(state.next_number, moment, self.rules.step_seconds)
        if not numbers:
            hint = f"each step of {self.rules.password_seconds} seconds has one password; ask again in the next one"
            raise InputError("time", "in a time step after that of the last payment", str(time), hint=hint)
        return one_time_password(self._secret(state, secret), numbers[0], self.rules.password_digits)

    def spend(
        self,
        event_id: str,
        *,
        time: Any,
        amount: Any,
        order: str,
        code: str,
        phone: str,
        password: str,
        key: bytes,
        currency: str | None = None,
    ) -> Outcome[Self]:
        """Pay a part of an order, or all of it.

        Parameters
        ----------
        event_id : str
            Identifier of the request; another attempt is another request.
        time : datetime64, date, datetime or str
            Now.
        amount : int, Decimal or str
            What to pay, above 0: a whole number in minor units, or "500.00" in units of the currency.
        order : str
            The order.
        code, phone, password : str
            As the customer typed them.
        key : bytes
            Secret key of the shop.
        currency : str, optional
            Currency of the order, by three letters; needed if the rules have one.

        Returns
        -------
        Outcome
            The refusal is "void", "expired", "spent", "locked", "wrong credentials", "wrong currency", "not enough" or
            "event id taken". It does not tell which of the credentials is wrong. Only wrong credentials count as an
            attempt.

        Raises
        ------
        InputError
            If an argument is of a wrong kind.
        """
        secret = as_key(key)
        paid, is_same_currency = as_order_amount(amount, currency, self.rules, low=1)
        event = self._next(
            "spent", event_id, time, amount=paid, order=as_name("order", order), password_number=_ANY_PASSWORD
        )
        known = self._now.events.get(event.event_id)
        if known is not None:
            if known.kind == "failed" and known.order == event.order:
                return Outcome(value=self, refusal="wrong credentials", is_duplicate=True)
            return self._again(known, event)
        state = self._now
        refusal = state.refusal(event)
        if refusal and refusal != "not enough":
            return Outcome(value=self, refusal=refusal)
        number = self._is_right(state, event.time, code, phone, password, secret)
        if number is None:
            failed = attrs.evolve(event, kind="failed", amount=0, password_number=None)
            return Outcome(value=self._with(failed), refusal="wrong credentials")
        if not is_same_currency:
            refusal = "wrong currency"
        if refusal:
            return Outcome(value=self, refusal=refusal)
        return Outcome(value=self._with(attrs.evolve(event, password_number=number)))

    def refund(self, event_id: str, *, time: Any, amount: Any, order: str) -> Outcome[Self]:
        """Put money of a returned order back on the certificate, at most what the order has paid with it.

        The certificate can then be spent for at least `refund_days`, also if it had expired.
        """
        paid = as_minor_units("amount", amount, exponent_of(self.rules.currency, self.rules.exponent), low=1)
        return self._ask(self._next("refunded", event_id, time, amount=paid, order=as_name("order", order)))

    def reissue(self, event_id: str, *, time: Any, code: str, phone: str, key: bytes) -> Outcome[Self]:
        """Give the certificate another code and phone number, once the shop knows that it talks to the holder.

        The old code and its passwords end, and a locked certificate is open again.
        """
        digest = code_digest(code, key=as_key(key), policy=self.rules.policy)
        tied = normal_phone("phone", phone, self.rules.region)
        return self._ask(self._next("reissued", event_id, time, digest=digest, phone=tied))

    def cancel(self, event_id: str, *, time: Any) -> Outcome[Self]:
        """Take back an unused certificate: the order that paid it is returned, and its money is paid out."""
        return self._ask_for_all("cancelled", event_id, time, order=self.events[0].order)

    def expire(self, event_id: str, *, time: Any) -> Outcome[Self]:
        """Book what is left of an expired certificate as income of the shop.

        Nobody can pay with an expired certificate, whether or not this was booked.
        """
        return self._ask_for_all("expired", event_id, time)

    def unlock(self, event_id: str, *, time: Any) -> Outcome[Self]:
        """Forget the wrong attempts, once the shop knows that it talks to the holder."""
        return self._ask(self._next("unlocked", event_id, time))

    def to_json(self) -> str:
        """Write the certificate as JSON text: no code and no password is in it, the phone number is."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> GiftCertificate:
        """Read what :meth:`to_json` wrote; other text raises :class:`~crmvalue.errors.InputError`."""
        return read_record(cls, text, CertificateRules, CodePolicy, CertificateEvent)

    def _at(self, time: np.datetime64) -> CertificateState:
        """Give the state after the events up to a time."""
        return self._now if time >= self.events[-1].time else replay(self.rules, self.events, time)

    def _moment(self, as_of: Any) -> np.datetime64:
        time = as_time("as_of", as_of)
        if time < self.events[0].time:
            raise InputError("as_of", "not before the certificate was paid", str(time))
        return time

    def _next(self, kind: str, event_id: str, time: Any, **fields: Any) -> CertificateEvent:
        return CertificateEvent(
            certificate=self.certificate,
            event_id=event_id,
            sequence=len(self.events) + 1,
            kind=kind,
            time=next_time(self.events, as_time("time", time)),
            **fields,
        )

    def _ask(self, event: CertificateEvent) -> Outcome[Self]:
        known = self._now.events.get(event.event_id)
        if known is not None:
            return self._again(known, event)
        refusal = self._now.refusal(event)
        return Outcome(value=self if refusal else self._with(event), refusal=refusal)

    def _ask_for_all(self, kind: str, event_id: str, time: Any, order: str = "") -> Outcome[Self]:
        """Ask for an event that moves all the money there is."""
        known = self._now.events.get(as_name("event_id", event_id))
        if known is not None and known.kind == kind:
            as_time("time", time)
            return Outcome(value=self, is_duplicate=True)
        event = self._next(kind, event_id, time, amount=self._now.balance or 1, order=order)
        return self._ask(event)

    def _again(self, known: CertificateEvent, event: CertificateEvent) -> Outcome[Self]:
        """Answer a request whose event id the log has already, as it was answered the first time."""
        said = ("kind", "order", "amount", "digest", "phone")
        if all(getattr(known, name) == getattr(event, name) for name in said):
            return Outcome(value=self, is_duplicate=True)
        return Outcome(value=self, refusal="event id taken")

    def _with(self, event: CertificateEvent) -> Self:
        """Add an event that was found to be possible, without following the whole log again."""
        state = self._now.copy()
        state.follow(event)
        new = copy(self)
        object.__setattr__(new, "events", (*self.events, event))  # new, and nobody else has it yet
        object.__setattr__(new, "_now", state)
        return new

    def _secret(self, state: CertificateState, key: bytes) -> bytes:
        return secret_of(key, self.certificate, state.n_reissued)

    def _is_right(
        self, state: CertificateState, time: np.datetime64, code: Any, phone: Any, password: Any, key: bytes
    ) -> int | None:
        """Compare all that was typed, whatever of it is wrong; give the number of the password, or None."""
        try:
            digest = code_digest(code, key=key, policy=self.rules.policy)
        except InputError:
            digest = ""
        try:
            typed = normal_phone("phone", phone, self.rules.region)
        except InputError:
            typed = ""
        numbers = numbers_now(state.next_number, time, self.rules.step_seconds)
        number = find_number(password, self._secret(state, key), numbers, self.rules.password_digits)
        same = is_same_text(digest, state.digest) & is_same_text(typed, state.phone)
        return number if same else None


def replay(
    rules: CertificateRules, events: tuple[CertificateEvent, ...], until: np.datetime64 | None = None
) -> CertificateState:
    """Follow a log up to a time; an event that cannot happen raises."""
    if not events or events[0].kind != "sold":
        raise InputError("events", "a log that begins with a sale", len(events))
    state = CertificateState(rules, events[0])
    for index, event in enumerate(events[1:], start=1):
        if until is not None and event.time > until:
            break
        if event.certificate != events[0].certificate:
            raise InputError("events", "of one certificate", event.certificate, index=index)
        refusal = "sold twice" if event.kind == "sold" else state.refusal(event)
        if refusal:
            raise InputError("events", f"a log that can happen; {event.kind}: {refusal}", event.kind, index=index)
        state.follow(event)
    return state
