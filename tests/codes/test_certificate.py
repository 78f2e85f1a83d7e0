"""Gift certificates and their ledger: money is never lost, made twice or spent twice."""

from __future__ import annotations

from decimal import Decimal

import attrs
import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from crmvalue._codes import certificate
from crmvalue._codes.hashes import secret_of
from crmvalue._codes.passwords import numbers_now, one_time_password
from crmvalue._codes.rules import as_minor_units
from crmvalue.codes import CertificateEvent, CertificateLedger, CertificateRules, GiftCertificate
from crmvalue.errors import InputError
from tests.codes import references
from tests.codes.makers import GIFT, KEY, PHONE, WRONG, make_gift, pay

SECRET = b"12345678901234567890"


class TestOneTimePasswords:
    """The published tables of both RFCs, and the first one step by step."""

    @pytest.mark.parametrize(
        ("counter", "password"),
        [
            *enumerate(
                ["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"]
            )
        ],
    )
    def test_rfc_4226(self, counter, password):
        """RFC 4226, appendix D."""
        assert one_time_password(SECRET, counter, 6) == password == references.hotp(SECRET, counter, 6)

    @pytest.mark.parametrize(
        ("seconds", "password"),
        [
            (59, "94287082"),
            (1111111109, "07081804"),
            (1111111111, "14050471"),
            (1234567890, "89005924"),
            (2000000000, "69279037"),
            (20000000000, "65353130"),
        ],
    )
    def test_rfc_6238(self, seconds, password):
        """RFC 6238, appendix B, SHA-1, steps of 30 seconds."""
        step = numbers_now(0, np.datetime64(seconds, "s").astype("datetime64[us]"), 30)[0]
        assert one_time_password(SECRET, step, 8) == password == references.hotp(SECRET, step, 8)

    @pytest.mark.parametrize("digits", [6, 7, 8])
    def test_against_the_rfc_by_hand(self, digits):
        for number in range(0, 2**40, 2**40 // 50):
            assert one_time_password(KEY, number, digits) == references.hotp(KEY, number, digits)


class TestMinorUnits:
    """Whole numbers are minor units, a Decimal and a text are major ones, and nothing is rounded."""

    @pytest.mark.parametrize(
        ("value", "digits", "units"),
        [
            (5, 2, 5),
            (np.int64(5), 2, 5),
            ("5", 2, 500),
            ("9.90", 2, 990),
            ("9.9", 2, 990),
            (Decimal("9.90"), 2, 990),
            (Decimal("1E+3"), 2, 100_000),
            (Decimal("9.9000"), 2, 990),
            ("12", 0, 12),
            ("1.2345", 4, 12_345),
        ],
    )
    def test_known(self, value, digits, units):
        found = as_minor_units("amount", value, digits)
        assert (found, type(found)) == (units, int)

    @pytest.mark.parametrize(
        "wrong",
        [
            9.9,
            5.0,
            np.float64(5),
            True,
            None,
            "9,90",
            "-5",
            "1e3",
            "1_000",
            " 5",
            "",
            "9.999",
            "\u0665",
            Decimal("NaN"),
            Decimal("Infinity"),
            Decimal(-1),
            np.timedelta64(5, "D"),
            Decimal("1E+999999999"),
            Decimal("1E-999999999"),
            -1,
            10**16,
            "9" * 30,
            [5],
        ],
    )
    def test_refusals(self, wrong):
        with pytest.raises(InputError) as caught:
            as_minor_units("amount", wrong, 2)
        assert caught.value.name == "amount"


class TestSpend:
    """Paid in parts, each with a password of its own."""

    def test_in_two_parts(self):
        gift = pay(make_gift(), "p1", amount="3.00").value
        gift = pay(gift, "p2", amount="7.00", time="2026-03-05T09:00", order="o-2").value
        times = ("2026-03-01T12:00", "2026-03-02T12:00", "2026-03-05T09:00")
        assert [gift.balance(time) for time in times] == [1000, 700, 0]
        assert [gift.state(time) for time in times] == ["active", "active", "spent"]
        assert pay(gift, "p3", amount=1, password=WRONG).refusal == "spent"

    @pytest.mark.parametrize(
        ("rules", "more", "refusal"),
        [
            ({}, {}, ""),
            ({}, {"amount": 1001}, "not enough"),
            ({}, {"amount": 1000}, ""),
            ({}, {"code": "GIFT TWO"}, "wrong credentials"),
            ({}, {"phone": "067 123 45 68"}, "wrong credentials"),
            ({}, {"password": ""}, "wrong credentials"),
            ({}, {"password": None}, "wrong credentials"),
            ({}, {"code": None}, "wrong credentials"),
            ({}, {"phone": None}, "wrong credentials"),
            ({"valid_days": 1}, {}, "expired"),
            ({"valid_days": 1}, {"time": "2026-03-02T11:59:59"}, ""),
            ({"one_time_by": "time"}, {}, ""),
            ({"one_time_by": "time", "password_digits": 8}, {}, ""),
        ],
    )
    def test_refusals(self, rules, more, refusal):
        gift = make_gift(**rules)
        outcome = pay(gift, **more)
        assert outcome.refusal == refusal
        assert (outcome.value == gift) == (refusal not in {"", "wrong credentials"})

    def test_a_password_is_good_once(self):
        gift = make_gift()
        password = gift.password(time="2026-03-02", key=KEY)
        gift = pay(gift, password=password).value
        assert pay(gift, "again", order="o-2", password=password).refusal == "wrong credentials"

    def test_passwords_by_counter_may_be_lost(self):
        """Up to three passwords that were sent and never used; the fourth is too many."""
        gift = make_gift()
        secret = [one_time_password(*given, 6) for given in secrets_of(gift, range(5))]
        assert secret[0] == gift.password(time="2026-03-02", key=KEY)
        assert [pay(gift, password=password).accepted for password in secret] == [True] * 4 + [False]
        gift = pay(gift, password=secret[2]).value
        assert gift.events[-1].password_number == 2
        assert pay(gift, "again", order="o-2", password=secret[1]).refusal == "wrong credentials"

    def test_passwords_by_time_end(self):
        gift = make_gift(one_time_by="time")
        password = gift.password(time="2026-03-02T12:00:00", key=KEY)
        late = [pay(gift, time=f"2026-03-02T12:{m}", password=password).accepted for m in ("00", "03:59", "04", "09")]
        assert late == [True, True, False, False]

    def test_one_payment_in_a_time_step(self):
        gift = pay(make_gift(one_time_by="time"), time="2026-03-02T12:00:00").value
        with pytest.raises(InputError, match="time step") as caught:
            gift.password(time="2026-03-02T12:01:59", key=KEY)
        assert caught.value.name == "time"
        assert "ask again in the next one" in str(caught.value)
        assert pay(gift, "p2", time="2026-03-02T12:02:00", order="o-2").accepted

    @pytest.mark.parametrize("time", ["2026-03-02T12:50", "2026-03-02T12:00"])
    def test_a_password_of_a_clock_that_is_behind_is_good(self, time):
        """As in the hour that comes twice at the end of summer time: the last event gives the time of both."""
        gift = make_gift(one_time_by="time").unlock("none", time="2026-03-01T12:00").value
        gift = pay(gift, "wrong", time="2026-03-02T12:55", password=WRONG).value
        outcome = pay(gift, time=time)
        assert (outcome.refusal, outcome.value.balance("2026-03-03")) == ("", 700)
        with pytest.raises(InputError, match="after that of the last payment"):
            outcome.value.password(time=time, key=KEY)

    def test_locked_after_wrong_attempts(self):
        gift = make_gift(max_attempts=2)
        for i in range(2):
            gift = pay(gift, f"w{i}", password=WRONG).value
        assert pay(gift).refusal == "locked"
        assert pay(gift.unlock("u", time="2026-03-02T12:00").value).accepted
        assert pay(
            gift.reissue("n", time="2026-03-02T12:00", code="NEW", phone=PHONE, key=KEY).value, code="NEW"
        ).accepted

    def test_another_certificate_has_other_passwords(self):
        now = "2026-03-02"
        passwords = {make_gift(certificate=f"g-{i}").password(time=now, key=KEY) for i in range(20)}
        assert len(passwords) == 20
        assert make_gift().password(time=now, key=KEY[::-1]) not in passwords


def secrets_of(gift, numbers):
    return [(secret_of(KEY, gift.certificate, 0), number) for number in numbers]


class TestOtherEvents:
    """Refunds, reissues, cancelling and expiry."""

    def test_refund_is_at_most_what_the_order_paid(self):
        gift = pay(make_gift()).value
        assert gift.refund("b", time="2026-03-03", amount=301, order="o-1").refusal == "more than spent"
        assert gift.refund("b", time="2026-03-03", amount=300, order="o-2").refusal == "more than spent"
        gift = gift.refund("b", time="2026-03-03", amount=200, order="o-1").value
        assert gift.refund("c", time="2026-03-03", amount=101, order="o-1").refusal == "more than spent"
        assert gift.balance("2026-03-03") == 900

    def test_refund_opens_an_expired_certificate(self):
        gift = pay(make_gift(valid_days=2, refund_days=10)).value
        gift = gift.expire("x", time="2026-03-04").value
        assert gift.balance("2026-03-04") == 0
        gift = gift.refund("b", time="2026-03-05", amount=300, order="o-1").value
        assert gift.balance("2026-03-05") == 300
        assert gift.valid_until == np.datetime64("2026-03-15")
        assert gift.state("2026-03-14T23:59") == "active"
        assert gift.state("2026-03-15") == "expired"

    def test_refund_does_not_shorten(self):
        gift = pay(make_gift(valid_days=365, refund_days=10)).value
        assert gift.refund("b", time="2026-03-05", amount=300, order="o-1").value.valid_until == gift.valid_until

    def test_reissue(self):
        gift = pay(make_gift(max_reissues=1)).value
        other = {"time": "2026-03-03", "code": "NEW", "phone": "+44 20 7946 0958", "key": KEY}
        new = gift.reissue("n", **other).value
        assert (new.balance("2026-03-03"), new.phone) == (700, "+442079460958")
        assert pay(new, "p2", time="2026-03-04", order="o-2").refusal == "wrong credentials"
        assert pay(new, "p2", time="2026-03-04", order="o-2", code="new", phone="+442079460958").accepted
        assert new.reissue("n2", **other).refusal == "reissued too often"
        assert new.reissue("n", **other).is_duplicate
        assert new.reissue("n", **{**other, "code": "NEWER"}).refusal == "event id taken"

    @pytest.mark.parametrize("kind", ["time", "counter"])
    def test_passwords_begin_again_with_a_reissue(self, kind):
        gift = pay(make_gift(one_time_by=kind)).value
        gift = gift.reissue("n", time="2026-03-02T12:00", code=GIFT, phone=PHONE, key=KEY).value
        paid = pay(gift, "p2", order="o-2")
        assert paid.accepted
        assert kind == "time" or paid.value.events[-1].password_number == 0

    @pytest.mark.parametrize("kind", ["time", "counter"])
    def test_old_passwords_end_with_a_reissue(self, kind):
        gift = make_gift(one_time_by=kind)
        old = gift.password(time="2026-03-02T12:00", key=KEY)
        gift = gift.reissue("n", time="2026-03-02T12:00", code=GIFT, phone=PHONE, key=KEY).value
        assert pay(gift, password=old).refusal == "wrong credentials"
        assert pay(gift).accepted

    @pytest.mark.parametrize(
        ("make", "time", "refusal"),
        [
            (make_gift, "2026-03-15T11:59", ""),
            (make_gift, "2026-03-15T12:00", "too late"),
            (lambda: pay(make_gift()).value, "2026-03-03", "partly used"),
            (lambda: make_gift(valid_days=1), "2026-03-03", "expired"),
        ],
    )
    def test_cancel(self, make, time, refusal):
        outcome = make().cancel("c", time=time)
        assert outcome.refusal == refusal
        if not refusal:
            assert outcome.value.state(time) == "void"
            assert outcome.value.cancel("c", time=time).is_duplicate
            assert outcome.value.cancel("c2", time=time).refusal == "void"

    @pytest.mark.parametrize(("valid_days", "refusal"), [(None, "not expired yet"), (3, "not expired yet"), (2, "")])
    def test_expire(self, valid_days, refusal):
        outcome = make_gift(valid_days=valid_days).expire("x", time="2026-03-03T12:00")
        assert outcome.refusal == refusal
        if not refusal:
            assert outcome.value.expire("x", time="2026-03-03T12:00").is_duplicate
            assert outcome.value.expire("y", time="2026-03-03T12:00").refusal == "spent"

    def test_a_request_does_not_follow_the_whole_log_again(self, monkeypatch):
        """2,000 payments of 0.01 took 20 seconds."""
        gift = make_gift(amount=1000)
        monkeypatch.setattr(certificate, "replay", lambda *_: pytest.fail("the log was followed again"))
        for i in range(30):
            gift = pay(gift, f"p{i}", amount=3, order=f"o-{i}").value
            gift = gift.refund(f"r{i}", time="2026-03-02T12:00", amount=2, order=f"o-{i}").value
        assert (gift.balance("2026-03-03"), gift.state("2026-03-03"), len(gift.events)) == (970, "active", 61)
        monkeypatch.undo()
        assert gift == GiftCertificate.from_json(gift.to_json())
        assert gift.balance("2026-03-01T12:00") == 1000

    def test_nothing_exists_before_the_sale(self):
        with pytest.raises(InputError, match="before the certificate was paid"):
            make_gift().balance("2026-03-01T11:59")
        with pytest.raises(InputError, match="begins with a sale"):
            GiftCertificate(rules=CertificateRules(), events=())


class TestBadInput:
    """One clear error for each argument of a wrong kind, and for logs that cannot happen."""

    @pytest.mark.parametrize(
        ("name", "wrong"),
        [
            ("event_id", ""),
            ("time", "now"),
            ("amount", 3.0),
            ("amount", 0),
            ("amount", -1),
            ("order", ""),
            ("key", None),
        ],
    )
    def test_spend(self, name, wrong):
        fine = {"event_id": "p", "time": "2026-03-02", "amount": 1, "order": "o", "code": GIFT, "phone": PHONE}
        with pytest.raises(InputError) as caught:
            make_gift().spend(**{**fine, "password": "123456", "key": KEY, name: wrong})
        assert caught.value.name == name

    @pytest.mark.parametrize(
        ("name", "wrong"),
        [
            ("amount", 0),
            ("amount", "0.00"),
            ("amount", 10.5),
            ("paid_at", None),
            ("order", None),
            ("order", "  "),
            ("phone", None),
            ("phone", "911"),
            ("certificate", ""),
            ("code", "GIFT TWO"),
            ("key", b""),
            ("rules", {}),
        ],
    )
    def test_sell(self, name, wrong):
        fine = {"certificate": "g", "event_id": "s", "amount": 1000, "order": "o", "paid_at": "2026-03-01"}
        fine |= {"phone": "+380671234567", "code": "2346-789C-DFG3", "key": KEY}
        GiftCertificate.sell(**fine)
        with pytest.raises(InputError) as caught:
            GiftCertificate.sell(**{**fine, name: wrong})
        assert caught.value.name == name

    @pytest.mark.parametrize(
        ("name", "wrong"),
        [
            ("valid_days", 0),
            ("refund_days", -1),
            ("cancel_days", 1.5),
            ("max_reissues", None),
            ("one_time_by", "sms"),
            ("password_digits", 5),
            ("password_seconds", 10),
            ("max_attempts", 101),
            ("region", "UKR"),
            ("policy", 5),
        ],
    )
    def test_rules(self, name, wrong):
        with pytest.raises(InputError) as caught:
            CertificateRules(**{name: wrong})
        assert caught.value.name == name

    def test_logs_that_cannot_happen(self):
        gift = pay(make_gift()).value
        sold, spent = gift.events
        wrong_logs = [
            (spent,),
            (sold, attrs.evolve(spent, amount=1001)),
            (sold, attrs.evolve(spent, sequence=3)),
            (sold, attrs.evolve(spent, certificate="g-2")),
            (sold, attrs.evolve(spent, event_id=sold.event_id)),
            (sold, attrs.evolve(spent, time="2026-03-01")),
            (sold, spent, attrs.evolve(spent, event_id="x", sequence=3)),  # the same password
            (sold, attrs.evolve(sold, event_id="x", sequence=2)),
        ]
        for log in wrong_logs:
            with pytest.raises(InputError) as caught:
                attrs.evolve(gift, events=log)
            assert caught.value.name == "events"

    @pytest.mark.parametrize(
        ("fields", "name"),
        [
            ({"kind": "spent", "amount": 0, "password_number": 1}, "amount"),
            ({"kind": "failed", "amount": 5}, "amount"),
            ({"kind": "reissued"}, "phone"),
            ({"kind": "reissued", "digest": "0" * 64}, "phone"),
            ({"kind": "reissued", "phone": "+380671234567"}, "phone"),
            ({"kind": "failed", "digest": "0" * 64}, "phone"),
            ({"kind": "failed", "phone": "+380671234567"}, "phone"),
            ({"kind": "spent", "amount": 5}, "password_number"),
            ({"kind": "expired", "amount": 5, "password_number": 1}, "password_number"),
            ({"kind": "stolen"}, "kind"),
        ],
    )
    def test_events(self, fields, name):
        with pytest.raises(InputError) as caught:
            CertificateEvent(certificate="g", event_id="e", sequence=2, time="2026-03-01", **fields)
        assert caught.value.name == name


class TestRepr:
    """A certificate is named by its identifier."""

    def test_known(self):
        assert repr(make_gift()).endswith("events=<1 events of 'g-1'>)")
        assert repr(CertificateLedger().store(make_gift()).value) == "CertificateLedger(certificates=<1 certificates>)"


class TestLedger:
    """Accounts that balance, and one of two tills."""

    def test_spent_at_two_tills_at_once_is_spent_once(self):
        gift = make_gift()
        ledger = CertificateLedger().store(gift).value
        left, right = pay(gift, "left", amount=1000).value, pay(gift, "right", amount=1000, order="o-2").value
        ledger = ledger.store(left).value
        refused = ledger.store(right)
        assert (refused.refusal, refused.value) == ("stale", ledger)
        assert pay(ledger.of("g-1"), "right", amount=1000, order="o-2", password=WRONG).refusal == "spent"
        assert ledger.balance("2026-04-01").sales.tolist() == [1000]

    def test_an_older_version_changes_nothing(self):
        gift = make_gift()
        ledger = CertificateLedger(certificates=[pay(gift).value])
        assert ledger.store(gift).is_duplicate
        assert ledger.store(ledger.of("g-1")).value == ledger

    def test_a_code_belongs_to_one_certificate(self):
        ledger = CertificateLedger(certificates=[make_gift()])
        assert ledger.store(make_gift(certificate="g-2")).refusal == "code taken"
        assert ledger.store(make_gift(certificate="g-2", text="TWO")).accepted
        with pytest.raises(InputError, match="different digest"):
            CertificateLedger(certificates=[make_gift(), make_gift(certificate="g-2")])
        with pytest.raises(InputError, match="different certificate"):
            CertificateLedger(certificates=[make_gift(), make_gift(text="TWO")])

    def test_a_stored_ledger_is_that_of_its_certificates(self):
        first, second = make_gift(), make_gift(certificate="g-2", text="GIFT TWO")
        ledger = CertificateLedger().store(first).value.store(second).value
        first = first.reissue("again", time="2026-03-02", code="GIFT THREE", phone=PHONE, key=KEY).value
        ledger = ledger.store(first).value
        assert (
            ledger == CertificateLedger(certificates=[first, second]) == CertificateLedger.from_json(ledger.to_json())
        )
        assert (ledger.of("g-1"), ledger.of("g-2")) == (first, second)
        third = make_gift(certificate="g-3")  # its code is free again
        assert ledger.store(third).value.of("g-3") == third
        taken = second.reissue("again", time="2026-03-02", code="GIFT THREE", phone=PHONE, key=KEY).value
        assert ledger.store(taken).refusal == "code taken"

    def test_storing_does_not_look_at_all_certificates_again(self, monkeypatch):
        gifts = [make_gift(certificate=f"g-{i}", text=f"GIFT {i}") for i in range(5)]
        ledger = CertificateLedger(certificates=gifts[:-1])
        looked: list[str] = []
        monkeypatch.setattr(
            GiftCertificate, "digest", property(lambda one: looked.append(one.certificate) or one.events[0].digest)
        )
        assert len(ledger.store(gifts[-1]).value.certificates) == 5
        assert looked == ["g-4"]

    def test_other_rules_are_another_version(self):
        ledger = CertificateLedger(certificates=[make_gift()])
        assert ledger.store(make_gift(valid_days=9)).refusal == "stale"

    def test_unknown(self):
        with pytest.raises(InputError, match="in the ledger"):
            CertificateLedger().of("g-1")

    def test_known_accounts(self):
        """By hand: 1,000 sold and 300 spent, 200 come back, and what is left expires after 30 days."""
        gift = pay(make_gift(valid_days=30, refund_days=0)).value
        gift = gift.refund("b", time="2026-03-05", amount=200, order="o-1").value
        gift = gift.expire("x", time="2026-04-02").value
        other = make_gift(500, certificate="g-2", text="TWO").cancel("c", time="2026-03-06").value
        ledger = CertificateLedger(certificates=[gift, other])
        days = ["2026-03-01", "2026-03-02", "2026-03-03", "2026-03-05", "2026-03-06", "2026-04-01", "2026-04-02"]
        found = ledger.balance(days)
        assert found.cash.tolist() == [0, 1500, 1500, 1500, 1000, 1000, 1000]
        assert found.liability.tolist() == [0, 1500, 1200, 1400, 900, 900, 0]
        assert found.sales.tolist() == [0, 0, 300, 100, 100, 100, 100]
        assert found.expired.tolist() == [0, 0, 0, 0, 0, 0, 900]
        assert found.overdue.tolist() == [0, 0, 0, 0, 0, 900, 0]
        assert found.n_open.tolist() == [0, 2, 2, 2, 1, 0, 0]
        assert ledger.to_columns()["kind"].tolist() == ["sold", "sold", "spent", "refunded", "cancelled", "expired"]

    def test_overdue_from_the_moment_of_expiry(self):
        found = CertificateLedger(certificates=[make_gift(valid_days=1)]).balance(
            ["2026-03-02T11:59", "2026-03-02T12:00"]
        )
        assert (found.overdue.tolist(), found.n_open.tolist()) == ([0, 1000], [1, 0])

    def test_a_certificate_without_an_end_is_open_on_the_last_day_of_all(self):
        found = CertificateLedger(certificates=[make_gift()]).balance("9999-12-31T12:00")
        assert (found.overdue.tolist(), found.n_open.tolist()) == ([0], [1])

    def test_refuses_what_is_no_certificate(self):
        with pytest.raises(InputError):
            CertificateLedger().store("g-1")

    @pytest.mark.parametrize("wrong", ["soon", None, object(), 5, [["2026-03-01"]], ["2026-03-01", None]])
    def test_refuses_what_is_no_moment(self, wrong):
        with pytest.raises(InputError) as caught:
            CertificateLedger().balance(wrong)
        assert caught.value.name == "as_of"


START = np.datetime64("2026-03-01T12:00", "us")


class LedgerMachine(RuleBasedStateMachine):
    """Any order of requests on three certificates, some by tills that have an old version.

    The model keeps what each order has paid with each certificate, and what is left, in plain numbers.
    """

    @initialize(kinds=st.tuples(*[st.sampled_from(["time", "counter"])] * 3), days=st.sampled_from([None, 3, 10]))
    def sell(self, kinds, days):
        self.now, self.n = START, 0
        self.days = days
        self.ledger = CertificateLedger()
        self.left, self.paid, self.until, self.is_void = {}, {}, {}, {}
        self.old, self.requests, self.past = [], [], []
        self.cash = self.income = 0
        for i, kind in enumerate(kinds):
            name = f"g-{i}"
            gift = make_gift(
                1000 * (i + 1),
                certificate=name,
                text=f"GIFT {i}",
                one_time_by=kind,
                valid_days=days,
                refund_days=2,
                cancel_days=2,
                max_attempts=2,
            )
            self.ledger = self.ledger.store(gift).value
            self.left[name] = 1000 * (i + 1)
            self.cash += 1000 * (i + 1)
            self.until[name] = None if days is None else START + np.timedelta64(days, "D")
            self.is_void[name] = False
            self.old.append(gift)

    certificates = st.sampled_from(["g-0", "g-1", "g-2"])
    orders = st.sampled_from(["o-1", "o-2"])
    amounts = st.sampled_from([1, 300, 1000, 1500])

    def is_over(self, name):
        return self.until[name] is not None and self.now >= self.until[name]

    def book(self, name, outcome, request):
        """Store what came out; it is new, so it is accepted."""
        if outcome.value != self.ledger.of(name):
            self.ledger = self.ledger.store(outcome.value).value
            self.requests.append((name, outcome.refusal, request))

    def next_id(self):
        self.n += 1
        return f"e{self.n}"

    @rule(hours=st.sampled_from([1, 13, 24, 50]))
    def wait(self, hours):
        self.past.append((self.now, self.ledger.balance(self.now)))
        self.now += np.timedelta64(hours, "h")

    def typed(self, gift, number):
        self.now += np.timedelta64(240, "s")  # beyond the time step of any password before
        return {
            "time": self.now,
            "code": f"GIFT {number[-1]}",
            "phone": gift.phone,
            "password": gift.password(time=self.now, key=KEY),
            "key": KEY,
        }

    @rule(name=certificates, order=orders, amount=amounts)
    def spend(self, name, order, amount):
        gift = self.ledger.of(name)
        locked = gift.unlock("probe", time=self.now).accepted and n_failed(gift) >= 2
        given = {"amount": amount, "order": order, **self.typed(gift, name)}
        good = not self.is_void[name] and not self.is_over(name) and amount <= self.left[name] and not locked
        event_id = self.next_id()
        outcome = gift.spend(event_id, **given)
        assert outcome.accepted == good, outcome
        self.book(name, outcome, ("spend", event_id, given))
        if good:
            self.left[name] -= amount
            self.paid[name, order] = self.paid.get((name, order), 0) + amount

    @rule(name=certificates)
    def try_wrong(self, name):
        gift, event_id = self.ledger.of(name), self.next_id()
        given = {**self.typed(gift, name), "amount": 1, "order": "o-9", "password": "none"}
        outcome = gift.spend(event_id, **given)
        assert not outcome.accepted
        self.book(name, outcome, ("spend", event_id, given))

    @rule(name=certificates)
    def unlock(self, name):
        event_id = self.next_id()
        self.book(name, self.ledger.of(name).unlock(event_id, time=self.now), ("unlock", event_id, {"time": self.now}))

    @rule(name=certificates, order=orders, amount=amounts)
    def refund(self, name, order, amount):
        event_id, given = self.next_id(), {"time": self.now, "amount": amount, "order": order}
        good = not self.is_void[name] and amount <= self.paid.get((name, order), 0)
        outcome = self.ledger.of(name).refund(event_id, **given)
        assert outcome.accepted == good, outcome
        self.book(name, outcome, ("refund", event_id, given))
        if good:
            self.left[name] += amount
            self.paid[name, order] -= amount
            if self.until[name] is not None:
                self.until[name] = max(self.until[name], self.now + np.timedelta64(2, "D"))

    @rule(name=certificates)
    def cancel(self, name):
        event_id = self.next_id()
        unused = not any(amount for (one, _), amount in self.paid.items() if one == name)
        in_time = self.now < START + np.timedelta64(2, "D")
        good = not self.is_void[name] and unused and in_time and not self.is_over(name)
        outcome = self.ledger.of(name).cancel(event_id, time=self.now)
        assert outcome.accepted == good, outcome
        self.book(name, outcome, ("cancel", event_id, {"time": self.now}))
        if good:
            self.cash -= self.left[name]
            self.left[name], self.is_void[name] = 0, True

    @rule(name=certificates)
    def expire(self, name):
        event_id = self.next_id()
        good = not self.is_void[name] and self.is_over(name) and self.left[name] > 0
        outcome = self.ledger.of(name).expire(event_id, time=self.now)
        assert outcome.accepted == good, outcome
        self.book(name, outcome, ("expire", event_id, {"time": self.now}))
        if good:
            self.income += self.left[name]
            self.left[name] = 0

    @rule(name=certificates)
    def keep_an_old_version(self, name):
        self.old.append(self.ledger.of(name))

    @rule(data=st.data(), amount=amounts)
    def spend_an_old_version(self, data, amount):
        """Pay at a till that loaded the certificate earlier: the payment is stored only if nothing came in between."""
        gift = data.draw(st.sampled_from(self.old))
        name = gift.certificate
        is_current = gift == self.ledger.of(name)
        event_id, given = self.next_id(), {"amount": amount, "order": "o-1", **self.typed(gift, name)}
        outcome = gift.spend(event_id, **given)
        if not outcome.accepted:
            return
        stored = self.ledger.store(outcome.value)
        assert stored.accepted == is_current
        if is_current:
            self.book(name, outcome, ("spend", event_id, given))
            self.left[name] -= amount
            self.paid[name, "o-1"] = self.paid.get((name, "o-1"), 0) + amount
        else:
            assert stored.refusal == "stale"
            assert stored.value == self.ledger

    @precondition(lambda self: self.requests)
    @rule(data=st.data())
    def repeat(self, data):
        name, refusal, (method, event_id, given) = data.draw(st.sampled_from(self.requests))
        gift = self.ledger.of(name)
        outcome = getattr(gift, method)(event_id, **given)
        assert outcome.is_duplicate
        assert (outcome.refusal, outcome.value) == (refusal, gift)
        assert self.ledger.store(outcome.value).value == self.ledger

    @invariant()
    def money_is_conserved(self):
        if not hasattr(self, "ledger"):
            return
        found = self.ledger.balance(self.now)
        assert found.cash[0] == self.cash == found.liability[0] + found.sales[0] + found.expired[0]
        assert found.liability[0] == sum(self.left.values())
        assert found.sales[0] == sum(self.paid.values())
        assert found.expired[0] == self.income
        assert found.overdue[0] == sum(left for name, left in self.left.items() if self.is_over(name))
        for name, left in self.left.items():
            assert self.ledger.of(name).balance(self.now) == (0 if self.is_over(name) else left)
        rows = self.ledger.to_columns()
        np.testing.assert_array_equal(rows["cash"], rows["liability"] + rows["sales"] + rows["expired"])
        assert (np.cumsum(rows["liability"]) >= 0).all()
        assert (np.cumsum(rows["sales"]) >= 0).all()

    def teardown(self):
        """Read the ledger again from its stored events alone, and the accounts of each past moment."""
        if not hasattr(self, "ledger"):
            return
        again = CertificateLedger.from_json(self.ledger.to_json())
        assert again == self.ledger
        for now, found in self.past:
            assert again.balance(now) == found


def n_failed(gift):
    """Count the wrong attempts since the last payment or unlocking."""
    count = 0
    for event in gift.events:
        count = count + 1 if event.kind == "failed" else 0 if event.kind in {"spent", "unlocked"} else count
    return count


TestLedgerMachine = LedgerMachine.TestCase


class TestCurrency:
    """A certificate whose rules have a currency pays orders of that currency alone."""

    def test_another_currency_is_refused(self):
        gift = make_gift(currency="UAH")
        refused = pay(gift, currency="EUR")
        assert (refused.refusal, refused.value) == ("wrong currency", gift)
        assert pay(gift, currency="UAH").value.balance("2026-03-03") == 700

    def test_wrong_credentials_learn_nothing_of_it(self):
        assert pay(make_gift(currency="UAH"), currency="EUR", code="other").refusal == "wrong credentials"

    @pytest.mark.parametrize(("in_rules", "in_order"), [("UAH", None), (None, "UAH")])
    def test_it_stands_in_both_or_in_neither(self, in_rules, in_order):
        with pytest.raises(InputError, match="`currency`"):
            pay(make_gift(currency=in_rules), currency=in_order)

    def test_decimals_follow_from_it(self):
        assert make_gift("1000", currency="JPY").balance("2026-03-02") == 1000

    @pytest.mark.parametrize("other", [{"currency": "EUR"}, {"exponent": 3}])
    def test_a_ledger_has_one_currency(self, other):
        ledger = CertificateLedger().store(make_gift()).value
        with pytest.raises(InputError, match="in one currency"):
            ledger.store(make_gift(certificate="g-2", text="GIFT TWO", **other))

    @pytest.mark.parametrize("amount", [10**15 + 1, 10**30])
    def test_amounts_fit_the_ledger(self, amount):
        event = make_gift().events[0]
        with pytest.raises(InputError, match="`amount` must be a whole number of minor units, at most"):
            attrs.evolve(event, amount=amount)
