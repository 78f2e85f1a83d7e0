"""The money of many certificates: what was received, what is still owed, and what became sales or income."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any, Self

import attrs
import numpy as np
import numpy.typing as npt

from crmvalue._codes.certificate import CertificateEvent, GiftCertificate, replay
from crmvalue._codes.event_log import Outcome, read_record
from crmvalue._codes.policy import CodePolicy
from crmvalue._codes.rules import CertificateRules
from crmvalue._core.checks import as_text, as_times, require
from crmvalue._core.frames import Columns
from crmvalue._core.json import from_json, to_json
from crmvalue._core.money import exponent_of
from crmvalue._core.values import (
    FixedMapping,
    array_columns,
    checked_field,
    date_table,
    of_class,
    require_at_most,
    stay_frozen,
    tuple_of,
    whole_table,
)
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from crmvalue.typing import Dates, Integers

__all__ = ["CertificateLedger", "LedgerBalance"]

_SIGNS = {
    "sold": (1, 1, 0, 0),
    "spent": (0, -1, 1, 0),
    "refunded": (0, 1, -1, 0),
    "cancelled": (-1, -1, 0, 0),
    "expired": (0, -1, 0, 1),
}
"""What an event adds to each account: cash, liability, sales, income from expiry."""

_NO_END = np.datetime64(2**63 - 1, "us")
"""After every moment that can be asked for."""

_ACCOUNTS = ("cash", "liability", "sales", "expired")


@stay_frozen
@attrs.frozen(kw_only=True)
class LedgerBalance(Columns):
    """The accounts of gift certificates at some moments; one element a moment, money in minor units.

    Parameters
    ----------
    as_of : ndarray of datetime64
        The moments.
    cash : ndarray of int
        Money received for certificates, less what was paid out for cancelled ones.
    liability : ndarray of int
        Money that is still on certificates. It is `cash` less `sales` less `expired`.
    sales : ndarray of int
        Money paid with certificates, less refunds.
    expired : ndarray of int
        Money of expired certificates that was booked as income.
    overdue : ndarray of int
        Part of the liability that nobody can spend, because the certificates have expired and
        :meth:`GiftCertificate.expire` was not booked.
    n_open : ndarray of int
        Number of certificates that can be spent.

    Examples
    --------
    >>> CertificateLedger().balance(["2026-01-31"]).liability
    array([0])
    """

    as_of: Dates = date_table("as_of")
    cash: Integers = whole_table("cash")
    liability: Integers = whole_table("liability")
    sales: Integers = whole_table("sales")
    expired: Integers = whole_table("expired")
    overdue: Integers = whole_table("overdue")
    n_open: Integers = whole_table("n_open")

    def __attrs_post_init__(self) -> None:
        for name, column in self.to_columns().items():
            if column.shape != self.as_of.shape:
                raise InputError(name, f"as long as `as_of` ({len(self.as_of)})", column.shape)
        if not np.array_equal(self.cash, self.liability + self.sales + self.expired):
            raise InputError("cash", "what is owed, sold and expired", self.cash.tolist())
        require(~np.isnat(self.as_of), "as_of", self.as_of, "a moment, not missing")
        require_at_most(self, "overdue", "liability")
        usable = self.liability - self.overdue
        rule = "at most the money that can be spent, `liability` less `overdue`"
        require(self.n_open <= usable, "n_open", self.n_open, rule)

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give all columns by name, for a dataframe of any kind."""
        return array_columns(self)

    def to_json(self) -> str:
        """Write the balances as JSON text, an object of columns."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> LedgerBalance:
        """Read what :meth:`to_json` wrote; other text raises :class:`~crmvalue.errors.InputError`."""
        return from_json(cls, text)


@attrs.frozen(kw_only=True)
class CertificateLedger(Columns):
    """The gift certificates of a shop, and the accounts that follow from their events. Money is in minor units.

    After every event, the money received is what is still owed, what was sold and what has expired, together.

    Parameters
    ----------
    certificates : tuple of GiftCertificate
        Each certificate once, and each code once; all in one currency.

    Notes
    -----
    :meth:`store` takes a certificate with new events. It does what a database does with a unique constraint on
    (certificate, sequence): of two versions with different events of the same number, the first one counts, and the
    second one is refused as "stale". So a certificate that is spent at two tills at once is spent once.

    ==========  ==========  ==========  ==========  ==========
    Event       cash        liability   sales       expired
    ==========  ==========  ==========  ==========  ==========
    sold        plus        plus
    spent                   minus       plus
    refunded                plus        minus
    cancelled   minus       minus
    expired                 minus                   plus
    ==========  ==========  ==========  ==========  ==========

    Examples
    --------
    >>> gift = GiftCertificate.sell(
    ...     "GIFT 1",
    ...     certificate="g-1",
    ...     event_id="e1",
    ...     amount="1000.00",
    ...     order="o-1",
    ...     paid_at="2026-03-01T12:00",
    ...     phone="+380671234567",
    ...     key=bytes(range(32)),
    ...     rules=CertificateRules(policy=None),
    ... )
    >>> ledger = CertificateLedger().store(gift).value
    >>> ledger.balance(["2026-02-28", "2026-03-31"]).liability.tolist()
    [0, 100000]
    """

    certificates: tuple[GiftCertificate, ...] = checked_field(
        "certificates", tuple_of(GiftCertificate), default=(), repr=lambda given: f"<{len(given)} certificates>"
    )

    _place: FixedMapping[str, int] = attrs.field(init=False, repr=False, eq=False)
    _owner: FixedMapping[str, str] = attrs.field(init=False, repr=False, eq=False)

    def __attrs_post_init__(self) -> None:
        for name in ("certificate", "digest"):
            seen = [getattr(one, name) for one in self.certificates]
            if len(set(seen)) != len(seen):
                raise InputError("certificates", f"with a different {name} each", f"{len(seen)} certificates")
        for index, one in enumerate(self.certificates):
            _require_money_of(self.certificates[0], one, index)
        places = {one.certificate: place for place, one in enumerate(self.certificates)}
        _keep(self, self.certificates, places, {one.digest: one.certificate for one in self.certificates})

    def of(self, certificate: str) -> GiftCertificate:
        """Give the certificate with an identifier, as it was stored last; an unknown one raises."""
        place = self._place.get(as_text("certificate", certificate))
        if place is None:
            raise InputError("certificate", "in the ledger", certificate)
        return self.certificates[place]

    def store(self, certificate: GiftCertificate) -> Outcome[Self]:
        """Take a new certificate, or a known one with new events.

        Parameters
        ----------
        certificate : GiftCertificate
            The value of an :class:`Outcome`.

        Returns
        -------
        Outcome
            With the ledger. The refusal is "stale" if other events were stored first, or "code taken" if another
            certificate has the code. A version that has no new event is a duplicate and changes nothing.
        """
        new = of_class(GiftCertificate)("certificate", certificate)
        place = self._place.get(new.certificate)
        digest = new.digest
        owner = {**self._owner}
        if place is not None:
            old = self.certificates[place]
            del owner[old.digest]
            n_both = min(len(old.events), len(new.events))
            if old.rules != new.rules or old.events[:n_both] != new.events[:n_both]:
                return Outcome(value=self, refusal="stale")
            if n_both == len(new.events):
                return Outcome(value=self, is_duplicate=True)
        if digest in owner:
            return Outcome(value=self, refusal="code taken")
        place = len(self.certificates) if place is None else place
        _require_money_of(self.certificates[0] if self.certificates else new, new, place)
        ledger = copy(self)  # only the new one is checked: with thousands of certificates, all of them would take long
        _keep(
            ledger,
            (*self.certificates[:place], new, *self.certificates[place + 1 :]),
            {**self._place, new.certificate: place},
            {**owner, digest: new.certificate},
        )
        return Outcome(value=ledger)

    def balance(self, as_of: Any) -> LedgerBalance:
        """Give the accounts at some moments; a date is its midnight, and events at the moment itself count.

        Parameters
        ----------
        as_of : array_like of dates
            Moments, one or many.

        Returns
        -------
        LedgerBalance
            One element for each moment.

        Raises
        ------
        InputError
            If `as_of` is no moment or column of moments.
        """
        moments = np.atleast_1d(as_times("as_of", as_of))
        if moments.ndim != 1:
            raise InputError("as_of", "one moment or a column of them", f"{moments.ndim} dimensions")
        found = np.zeros((len(_ACCOUNTS) + 2, len(moments)), dtype=np.int64)
        columns = self.to_columns()
        place = np.searchsorted(columns["time"], moments, side="right")
        for row, name in enumerate(_ACCOUNTS):
            found[row] = np.concatenate([[0], np.cumsum(columns[name])])[place]
        for one in self.certificates:
            time, left, until = _history(one)
            at = np.searchsorted(time, moments, side="right") - 1
            is_over = moments >= until[at]
            found[-2] += np.where((at >= 0) & is_over, left[at], 0)
            found[-1] += (at >= 0) & ~is_over & (left[at] > 0)
        names = (*_ACCOUNTS, "overdue", "n_open")
        return LedgerBalance(as_of=moments, **dict(zip(names, found, strict=True)))

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give a row for each event that moves money, in the order of their times, for a dataframe of any kind.

        `cash`, `liability`, `sales` and `expired` are what the event adds to each account.
        """
        events = [event for one in self.certificates for event in one.events if event.kind in _SIGNS]
        events.sort(key=lambda event: (event.time, event.certificate, event.sequence))
        moved = np.array([_moved(event) for event in events], dtype=np.int64).reshape(len(events), len(_ACCOUNTS))
        return {
            "time": np.array([event.time for event in events], dtype="datetime64[us]"),
            **{name: _texts(events, name) for name in ("certificate", "kind", "order")},
            "sequence": np.array([event.sequence for event in events], dtype=np.int64),
            **{name: moved[:, i] for i, name in enumerate(_ACCOUNTS)},
        }

    def to_json(self) -> str:
        """Write all certificates as JSON text: no code and no password is in it, the phone numbers are."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> CertificateLedger:
        """Read what :meth:`to_json` wrote; other text raises :class:`~crmvalue.errors.InputError`."""
        return read_record(cls, text, GiftCertificate, CertificateRules, CodePolicy, CertificateEvent)


def _require_money_of(first: GiftCertificate, one: GiftCertificate, index: int) -> None:
    """Require that a certificate is in the currency of the first one, with the same exponent."""
    wanted, money = (
        (rules.currency, exponent_of(rules.currency, rules.exponent)) for rules in (first.rules, one.rules)
    )
    if money != wanted:
        raise InputError("certificates", "in one currency, with one exponent", money, index=index)


def _keep(
    ledger: CertificateLedger,
    certificates: tuple[GiftCertificate, ...],
    places: dict[str, int],
    owners: dict[str, str],
) -> None:
    """Set the certificates of a new ledger, the place of each, and the one that each code is of."""
    fields = {"certificates": certificates, "_place": FixedMapping(places), "_owner": FixedMapping(owners)}
    for name, value in fields.items():
        object.__setattr__(ledger, name, value)  # frozen, but nobody else has it yet


def _moved(event: CertificateEvent) -> tuple[int, ...]:
    return tuple(sign * event.amount for sign in _SIGNS[event.kind])


def _texts(events: list[CertificateEvent], name: str) -> npt.NDArray[np.str_]:
    return np.array([getattr(event, name) for event in events], dtype=np.str_)


def _history(one: GiftCertificate) -> tuple[Dates, Integers, Dates]:
    """Give, after each event of a certificate, its time, what is left, and the moment at which it expires."""
    time, left, until = zip(*replay(one.rules, one.events).history, strict=True)
    ends = [_NO_END if end is None else end for end in until]
    return np.array(time), np.array(left, dtype=np.int64), np.array(ends)
