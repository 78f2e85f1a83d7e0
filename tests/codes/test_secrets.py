"""No code, PIN, password or key is in a `repr`, a text, JSON that did not ask for it, or an error."""

from __future__ import annotations

import json
import logging
import sys
import traceback

import attrs
import numpy as np
import pytest

from crmvalue._codes import hashes
from crmvalue.codes import (
    CertificateLedger,
    CodePolicy,
    GiftCertificate,
    MessageCodes,
    PromoCode,
    code_digest,
    generate_codes,
)
from crmvalue.errors import InputError
from tests.codes.makers import KEY, PHONE, PIN, SECRET_CODE, fast_hashes, make_code, make_gift, pay, reserve

NOW = "2026-03-02T12:00"
GIFTS = [make_gift(text=SECRET_CODE, policy=CodePolicy(), one_time_by=kind) for kind in ("time", "counter")]
PASSWORDS = [gift.password(time=NOW, key=KEY) for gift in GIFTS]
SECRETS = [
    SECRET_CODE,
    SECRET_CODE.replace("-", ""),
    SECRET_CODE[5:12],
    PIN,
    *PASSWORDS,
    KEY.decode(),
    KEY.hex(),
    "671234567",
    PHONE,
]
PERSONAL = SECRETS[-2:]
"""The phone number is no secret: it is stored as it is, but not shown."""


def leaks(text, but=()):
    plain = str(text).lower()
    return [secret for secret in SECRETS if secret.lower() in plain and secret not in but]


def shown(value):
    """Everything that a log or a prompt would show of a value."""
    return "\n".join([repr(value), str(value), f"{value}", "%s %r" % (value, value)])  # noqa: UP031 - as a log does it


with pytest.MonkeyPatch.context() as patch:
    fast_hashes(patch)
    CODE = make_code(SECRET_CODE, policy=CodePolicy(), phone=PHONE, pin=PIN)
    OUTCOMES = [
        reserve(CODE, text=SECRET_CODE, phone=PHONE, pin=PIN),
        reserve(CODE, text=SECRET_CODE, phone=PHONE, pin="0000"),
        *(pay(gift, code=SECRET_CODE, time=NOW) for gift in GIFTS),
        *(pay(gift, code=SECRET_CODE, time=NOW, password="0") for gift in GIFTS),  # noqa: S106 - a wrong one
        GIFTS[0].reissue("n", time=NOW, code=SECRET_CODE, phone=PHONE, key=KEY),
        CertificateLedger().store(GIFTS[0]),
    ]
VALUES = [CODE, *GIFTS, *OUTCOMES, *(outcome.value for outcome in OUTCOMES)]


class TestShown:
    """Values show nothing of it, and neither do their events."""

    @pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
    def test_repr_and_log(self, value, caplog):
        logging.getLogger("shop").warning("%s %r", value, value)
        events = getattr(value, "events", ())
        assert leaks(shown(value) + caplog.text + "".join(map(shown, events))) == []

    @pytest.mark.parametrize("value", [v for v in VALUES if hasattr(v, "to_json")], ids=lambda v: type(v).__name__)
    def test_json(self, value):
        assert leaks(value.to_json(), but=PERSONAL) == []

    def test_message_codes(self):
        made = MessageCodes(key=["a"], code=[SECRET_CODE])
        assert leaks(shown(made) + made.to_json() + shown(attrs.evolve(made))) == []
        assert SECRET_CODE in made.to_json(show_codes=True)
        assert SECRET_CODE in made.to_columns()["code"]

    def test_the_leak_finder_finds_leaks(self):
        assert leaks(f"got {SECRET_CODE.lower()}") == [SECRET_CODE, SECRET_CODE[5:12]]
        assert leaks(PIN) == [PIN]


NEAR = SECRET_CODE[:-1] + ("2" if SECRET_CODE[-1] != "2" else "3")
FINE = {"time": NOW, "order": "o", "customer": "ann", "code": SECRET_CODE, "phone": PHONE, "pin": PIN, "key": KEY}
ISSUE = {"code": SECRET_CODE, "code_id": "c", "event_id": "e", "time": NOW, "key": KEY, "phone": "+380671234567"}
SPEND = {"time": NOW, "amount": 1, "order": "o", "code": SECRET_CODE, "phone": PHONE, "password": PASSWORDS[0]}
WRONG = {
    "a near code": lambda: CodePolicy().normalise(NEAR),
    "a long code": lambda: CodePolicy().normalise(SECRET_CODE + "2"),
    "a code with another sign": lambda: CodePolicy().normalise(SECRET_CODE[:-1] + "%"),
    "a code in a list": lambda: CodePolicy().format([SECRET_CODE]),
    "a digest of a near code": lambda: code_digest(NEAR, key=KEY, policy=CodePolicy()),
    "a digest of bytes": lambda: code_digest(SECRET_CODE.encode(), key=KEY),
    "a digest with a text as key": lambda: code_digest(SECRET_CODE, key=KEY.decode()),
    "a digest with a short key": lambda: code_digest(SECRET_CODE, key=KEY[:9]),
    "an issue with a short pin": lambda: PromoCode.issue(**ISSUE, pin=PIN + "x"),
    "an issue with a number as pin": lambda: PromoCode.issue(**ISSUE, pin=int(PIN)),
    "an issue with a long pin": lambda: PromoCode.issue(**ISSUE, pin=PIN * 3),
    "an issue with a wrong phone": lambda: PromoCode.issue(**{**ISSUE, "phone": PHONE + "9999"}),
    "an issue without a region": lambda: PromoCode.issue(**{**ISSUE, "phone": PHONE}),
    "an issue with a number as phone": lambda: PromoCode.issue(**{**ISSUE, "phone": 380671234567}),
    "an issue with a wrong time": lambda: PromoCode.issue(**{**ISSUE, "time": "soon"}, pin=PIN),
    "a record with a code as digest": lambda: attrs.evolve(CODE, digest=SECRET_CODE),
    "a record with a PIN as hash": lambda: attrs.evolve(CODE, pin_hash=PIN),
    "a record with a wrong phone": lambda: attrs.evolve(CODE, phone=PHONE),
    "a record without events": lambda: attrs.evolve(CODE, events=()),
    "a reservation with a wrong key": lambda: CODE.reserve("r", **{**FINE, "key": KEY.decode()}),
    "a reservation with a float": lambda: CODE.reserve("r", **FINE, amount=9.5),
    "a payment with a wrong key": lambda: GIFTS[0].spend("p", **SPEND, key=list(KEY)),
    "a payment with a float": lambda: GIFTS[0].spend("p", **{**SPEND, "amount": 1.5}, key=KEY),
    "a reissue with a near code": lambda: GIFTS[0].reissue("n", time=NOW, code=NEAR, phone=PHONE, key=KEY),
    "a reissue with a wrong phone": lambda: GIFTS[0].reissue(
        "n", time=NOW, code=SECRET_CODE, phone="0" + PHONE, key=KEY
    ),
    "a password too early": lambda: OUTCOMES[2].value.password(time=NOW, key=KEY),
    "existing codes that are a text": lambda: generate_codes(CodePolicy(), 1, existing=SECRET_CODE),
    "existing codes that are wrong": lambda: generate_codes(CodePolicy(), 1, existing=[SECRET_CODE, NEAR]),
    "existing codes and a number": lambda: generate_codes(CodePolicy(), 1, existing=[SECRET_CODE, 5]),
    "a text as codes": lambda: MessageCodes(key=["a"], code=SECRET_CODE),
    "codes and a number": lambda: MessageCodes(key=["a", "b"], code=[SECRET_CODE, 5]),
    "a code twice": lambda: MessageCodes(key=["a", "b"], code=[SECRET_CODE, SECRET_CODE]),
    "too many codes": lambda: MessageCodes(key=["a"], code=[SECRET_CODE, NEAR]),
    "broken JSON of codes": lambda: MessageCodes.from_json(f'{{"code": ["{SECRET_CODE}"'),
    "JSON of other codes": lambda: MessageCodes.from_json(json.dumps({"code": [SECRET_CODE, SECRET_CODE], "key": [1]})),
    "broken JSON of a record": lambda: PromoCode.from_json(CODE.to_json()[:-9]),
    "JSON of another record": lambda: PromoCode.from_json(CODE.to_json().replace('"activated"', '"redeemed"')),
}


class TestErrors:
    """What was typed nearly right stands in no error: not in its text, fields, traceback or what it came from."""

    @pytest.mark.parametrize("name", WRONG)
    def test_table(self, name):
        with pytest.raises(InputError) as caught:
            WRONG[name]()
        error, told = caught.value, []
        while error is not None:
            told += [str(error), repr(error), repr(error.args)]
            told += [repr(part) for key, part in vars(error).items() if not (key == "value" and "record" in name)]
            error = error.__cause__ or error.__context__
        lines = [line for line in traceback.format_exception(caught.value) if not line.startswith("  File")]
        assert leaks("\n".join([*told, *lines]), but=PERSONAL if "record" in name else ()) == []


class TestReading:
    """Text that is not read back is not shown: it has digests, hashes and phone numbers."""

    @pytest.mark.parametrize("cls", [PromoCode, GiftCertificate, CertificateLedger])
    @pytest.mark.parametrize(
        "spoil", [lambda t: t[:-1], lambda t: f"[{t}]", lambda t: t.replace('"digest": "', '"digest": "zz')]
    )
    def test_error_shows_nothing(self, cls, spoil):
        gift = make_gift()
        made = {PromoCode: make_code(phone=PHONE, pin=PIN), GiftCertificate: gift}
        value = made.get(cls, CertificateLedger(certificates=[gift]))
        with pytest.raises(InputError, match="not shown") as caught:
            cls.from_json(spoil(value.to_json()))
        told = "".join(traceback.format_exception(caught.value))
        events = value.certificates[0].events if cls is CertificateLedger else value.events
        secrets = [getattr(event, "digest", "") or value.digest for event in events]
        assert not any(secret[:8] in told for secret in secrets)

    def test_another_schema_is_told(self):
        text = make_code().to_json().replace('"schema": 1', '"schema": 2')
        with pytest.raises(InputError, match="JSON of schema 1"):
            PromoCode.from_json(text)


class TestExtras:
    """Without an extra, the error names it."""

    @pytest.mark.parametrize(
        ("library", "extra", "call"),
        [
            ("phonenumbers", "match", lambda: make_code(phone=PHONE)),
            ("pyotp", "otp", lambda: GIFTS[0].password(time=NOW, key=KEY)),
        ],
    )
    def test_error_names_the_extra(self, library, extra, call, monkeypatch):
        monkeypatch.setitem(sys.modules, library, None)
        with pytest.raises(ModuleNotFoundError, match=rf"crmvalue\[{extra}\]") as caught:
            call()
        assert caught.value.name == library

    def test_codes_without_phone_need_none(self, monkeypatch):
        for library in ("phonenumbers", "pyotp"):
            monkeypatch.setitem(sys.modules, library, None)
        assert reserve(make_code(pin=PIN), pin=PIN).accepted


class TestHashes:
    """What is stored instead of secrets."""

    def test_every_hash_has_its_own_salt(self):
        assert len({hashes.hash_pin(PIN, KEY) for _ in range(5)}) == 5

    @pytest.mark.parametrize("stored", [hashes.hash_pin(PIN, KEY) for _ in range(2)])
    def test_pin(self, stored):
        assert hashes.pin_matches(PIN, stored, KEY)
        assert not hashes.pin_matches(PIN, stored, KEY + b"1")
        for wrong in ("", PIN[:-1], PIN + "0", PIN[::-1], None, int(PIN), PIN.encode()):
            assert not hashes.pin_matches(wrong, stored, KEY)

    def test_cost_is_that_of_the_cheat_sheet(self):
        """N = 2**14, r = 8 and p = 5 need 16 MiB; the tests themselves take less."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(hashes, "_COST", (14, 8, 5))
            stored = hashes.hash_pin(PIN, KEY)
        assert stored.startswith("scrypt$14$8$5$")
        assert hashes.pin_matches(PIN, stored, KEY)

    @pytest.mark.parametrize("cost", ["21$8$1", "14$17$1", "14$8$17", "0$8$1", "14$0$1", "14$8$0", "14$8"])
    def test_a_record_cannot_ask_for_too_much_work(self, cost):
        wrong = f"scrypt${cost}${'0' * 32}${'0' * 64}"
        with pytest.raises(InputError):
            attrs.evolve(CODE, pin_hash=wrong)

    def test_digest_is_keyed(self):
        digests = {code_digest("SPRING", key=bytes([i]) * 16) for i in range(5)}
        assert len(digests) == 5
        assert all(len(digest) == 64 for digest in digests)

    @pytest.mark.parametrize("typed", ["spring", " S-P-R I N.G ", "\u0455pring", "\uff33PRING"])
    def test_digest_of_what_is_typed(self, typed):
        assert code_digest(typed, key=KEY) == code_digest("SPRING", key=KEY)

    def test_parts_are_kept_apart(self):
        assert hashes.secret_of(KEY, "g-1", 12) != hashes.secret_of(KEY, "g-11", 2)
        assert len(hashes.secret_of(KEY, "g-1", 0)) == 20

    def test_comparisons_take_constant_time(self, monkeypatch):
        """Each comparison goes through `hmac.compare_digest`, and a wrong one stops none of the others."""
        seen = []
        original = hashes.hmac.compare_digest
        monkeypatch.setattr("hmac.compare_digest", lambda a, b: seen.append(1) or original(a, b))
        counts = []
        for typed in ({}, {"text": "X"}, {"phone": "x"}, {"pin": "0"}, {"text": "X", "phone": "x", "pin": "0"}):
            seen.clear()
            reserve(CODE, **{"text": SECRET_CODE, "phone": PHONE, "pin": PIN, **typed})
            counts.append(len(seen))
        assert counts == [3] * 5

    def test_random_source(self):
        """Codes of a seed are the same again, codes without one are not."""
        codes = [generate_codes(CodePolicy(), 1, rng=np.random.default_rng(1))[0] for _ in range(2)]
        assert codes[0] == codes[1]
        assert len({generate_codes(CodePolicy(), 1)[0] for _ in range(9)}) == 9
