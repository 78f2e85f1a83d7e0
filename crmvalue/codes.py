"""Codes and certificates: promotional codes that are hard to guess, gift certificates whose money adds up.

==========================================================  ===========================================================
For                                                         Use
==========================================================  ===========================================================
how codes are written, and how hard they are to guess       :class:`CodePolicy`
many codes at once                                          :func:`generate_codes`
a code for each message of a plan                           :func:`codes_for_messages`, :class:`MessageCodes`
what is stored of a code, and what it is looked up by       :func:`code_digest`
a code with its rules, its phone number and its PIN         :class:`PromoCode`, :class:`CodeRules`
the log of a code, and its states                           :class:`CodeEvent`, `CODE_STATES`
a gift certificate, spent in parts                          :class:`GiftCertificate`, :class:`CertificateRules`
the log of a certificate                                    :class:`CertificateEvent`
the money of all certificates, what is owed at a date       :class:`CertificateLedger`, :class:`LedgerBalance`
accepted or refused, and why                                :class:`Outcome`, `REFUSALS`
==========================================================  ===========================================================

A birthday code, tied to a phone number and a PIN, from the message to the paid order:

>>> import secrets
>>> key = secrets.token_bytes(32)  # once for the shop, kept outside of the database
>>> policy = CodePolicy.against_guessing(n_live=100_000, n_attempts=1_000_000, prob=1e-3)
>>> made = codes_for_messages(["birthday|1990|ann"], policy)
>>> text = made.of(["birthday|1990|ann"])[0]  # stands in the message
>>> rules = CodeRules(
...     campaign="birthday",
...     ends="2026-03-15",
...     min_amount="500.00",
...     policy=policy,
...     region="UA",
... )
>>> code = PromoCode.issue(
...     text,
...     code_id="b-1",
...     event_id="e1",
...     time="2026-03-01",
...     key=key,
...     rules=rules,
...     phone="067 123 45 67",
...     pin="4821",
... )
>>> code = code.activate("e2", time="2026-03-01T10:00").value
>>> outcome = code.reserve(
...     "e3",
...     time="2026-03-07T18:00",
...     order="o-7",
...     customer="ann",
...     amount="1200.00",
...     code=text.lower(),
...     phone="+38 (067) 123-45-67",
...     pin="4821",
...     key=key,
... )
>>> outcome.accepted, outcome.value.rules.campaign
(True, 'birthday')
>>> code = outcome.value.redeem("e4", time="2026-03-07T18:05", order="o-7").value
>>> code.state("2026-03-07T18:05")
'redeemed'

The state of a code or certificate follows from the log of its events and from the time, which is always an argument.
A request never changes a value: it gives an :class:`Outcome` with the next one. No code, PIN or password is in a
`repr` or in an error, and none is stored. JSON has the codes of messages only if they are asked for. An amount is a
whole number of minor units such as cents, or a Decimal or text in units of the currency, such as "9.90". A float is
refused, because it is not exact. Phone numbers need the extra `match`, one-time passwords the extra `otp`.
"""

from __future__ import annotations

from crmvalue._codes.certificate import CertificateEvent, GiftCertificate
from crmvalue._codes.event_log import REFUSALS, Outcome
from crmvalue._codes.generate import generate_codes
from crmvalue._codes.hashes import code_digest
from crmvalue._codes.ledger import CertificateLedger, LedgerBalance
from crmvalue._codes.messages import MessageCodes, codes_for_messages
from crmvalue._codes.policy import CodePolicy
from crmvalue._codes.promo_code import CODE_STATES, CodeEvent, PromoCode
from crmvalue._codes.rules import CertificateRules, CodeRules

__all__ = [
    "CODE_STATES",
    "REFUSALS",
    "CertificateEvent",
    "CertificateLedger",
    "CertificateRules",
    "CodeEvent",
    "CodePolicy",
    "CodeRules",
    "GiftCertificate",
    "LedgerBalance",
    "MessageCodes",
    "Outcome",
    "PromoCode",
    "code_digest",
    "codes_for_messages",
    "generate_codes",
]
