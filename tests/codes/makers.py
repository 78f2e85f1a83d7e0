"""Codes and certificates for tests, with fast hashes."""

from __future__ import annotations

import numpy as np

from crmvalue._codes import hashes
from crmvalue.codes import CertificateRules, CodePolicy, CodeRules, GiftCertificate, PromoCode, generate_codes

__all__ = ["GIFT", "KEY", "PHONE", "PIN", "SECRET_CODE", "SPRING", "WRONG", "make_code", "make_gift", "pay", "reserve"]

KEY = b"the key of the shop, 32 bytes it"
PHONE = "067 123 45 67"
PIN = "907341"
SECRET_CODE = str(generate_codes(CodePolicy(), 1, rng=np.random.default_rng(5))[0])
SPRING, GIFT, WRONG = "SPRING", "GIFT ONE", "no password"


def fast_hashes(monkeypatch):
    """Let scrypt take less than a millisecond; a stored hash knows its own cost."""
    monkeypatch.setattr(hashes, "_COST", (2, 1, 1))


def make_code(text=SPRING, *, phone=None, pin=None, active=True, **rules):
    code = PromoCode.issue(
        text,
        code_id="c-1",
        event_id="issue",
        time="2026-03-01",
        key=KEY,
        rules=CodeRules(region="UA", **rules),
        phone=phone,
        pin=pin,
    )
    return code.activate("activate", time="2026-03-01").value if active else code


def reserve(code, event_id="r", *, time="2026-03-02", order="o-1", customer="ann", text=SPRING, **more):
    return code.reserve(event_id, time=time, order=order, customer=customer, code=text, key=KEY, **more)


def make_gift(amount=1000, certificate="g-1", text=GIFT, event_id="sale", paid_at="2026-03-01T12:00", **rules):
    return GiftCertificate.sell(
        text,
        certificate=certificate,
        event_id=event_id,
        amount=amount,
        order="o-0",
        paid_at=paid_at,
        phone=PHONE,
        key=KEY,
        rules=CertificateRules(**{"policy": None, "region": "UA", "one_time_by": "counter", **rules}),
    )


def pay(gift, event_id="p", *, amount=300, time="2026-03-02T12:00", order="o-1", **typed):
    given = {"code": GIFT, "phone": PHONE, **typed}
    if "password" not in given:
        given["password"] = gift.password(time=time, key=KEY)
    return gift.spend(event_id, time=time, amount=amount, order=order, key=KEY, **given)
