"""Promotional codes: one state at each time, every refusal by name, and a log from which all of it follows."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from crmvalue.codes import CODE_STATES, REFUSALS, CodeEvent, CodePolicy, CodeRules, PromoCode, code_digest
from crmvalue.errors import InputError
from tests.codes.makers import KEY, PHONE, PIN, SECRET_CODE, SPRING, make_code, reserve
from tests.work import times_longer

ORDERS, CUSTOMERS = ("o-1", "o-2", "o-3"), ("ann", "bob")
START = np.datetime64("2026-03-01T00:00", "us")


def minutes(n):
    return START + np.timedelta64(n, "m")


class Model:
    """The table of the docstring of PromoCode, written again in the plainest way: each use has one of three words."""

    def __init__(self, max_uses, per_customer, hold):
        self.max_uses, self.per_customer, self.hold = max_uses, per_customer, hold
        self.active = self.void = self.given_back = False
        self.uses = {}
        self.n_failed = 0

    def pass_time(self, now):
        for use in self.uses.values():
            if use["word"] == "held" and self.hold is not None and now >= use["since"] + self.hold:
                use["word"], self.given_back = "free", True

    def count(self, *words, customer=None):
        return sum(use["word"] in words and customer in {None, use["customer"]} for use in self.uses.values())

    def word_of(self, order):
        return self.uses.get(order, {"word": "free"})["word"]

    def state(self, now, until):
        self.pass_time(now)
        full = self.max_uses is not None
        if self.void:
            return "void"
        if full and self.count("used") == self.max_uses:
            return "redeemed"
        if full and self.count("used", "held") == self.max_uses:
            return "reserved"
        if now >= until:
            return "expired"
        return "released" if self.given_back else "active" if self.active else "issued"


class CodeMachine(RuleBasedStateMachine):
    """Any order of requests: the code does what the model says, a duplicate changes nothing, the log tells it all."""

    @initialize(
        max_uses=st.sampled_from([1, 2, None]),
        per_customer=st.sampled_from([1, 2, None]),
        hold=st.sampled_from([20, None]),
    )
    def issue(self, max_uses, per_customer, hold):
        self.now, self.until, self.n = 10, 200, 0
        self.model = Model(max_uses, per_customer, hold)
        self.code = make_code(
            active=False,
            pin=PIN,
            phone=PHONE,
            max_uses=max_uses,
            max_uses_per_customer=per_customer,
            hold_minutes=hold,
            max_attempts=2,
            starts=minutes(12),
            ends=minutes(200),
        )
        self.requests, self.past = [], []

    def ask(self, name, expected, **given):
        self.n += 1
        event_id = f"e{self.n}"
        outcome = getattr(self.code, name)(event_id, time=minutes(self.now), **given)
        assert outcome.accepted == expected, outcome
        assert not outcome.is_duplicate
        n_new = len(outcome.value.events) - len(self.code.events)
        assert n_new == (outcome.accepted or outcome.refusal == "wrong credentials")
        if n_new:
            self.requests.append((name, event_id, given, outcome.refusal))
        self.code = outcome.value
        return outcome

    def is_open(self):
        return self.model.state(self.now, self.until) in {"active", "released"} and self.now >= 12

    @rule(by=st.sampled_from([1, 3, 19, 20, 21, 60]))
    def wait(self, by):
        self.past.append((self.now, self.code.state(minutes(self.now))))
        self.now += by

    @rule()
    def activate(self):
        good = self.model.state(self.now, self.until) == "issued"
        self.ask("activate", good)
        self.model.active |= good

    @rule(order=st.sampled_from(ORDERS), customer=st.sampled_from(CUSTOMERS))
    def reserve(self, order, customer):
        model = self.model
        good = (
            self.is_open()
            and model.n_failed < 2
            and model.word_of(order) == "free"
            and (model.per_customer is None or model.count("held", "used", customer=customer) < model.per_customer)
        )
        typed = {"code": SPRING, "phone": PHONE, "pin": PIN, "key": KEY}
        self.ask("reserve", good, order=order, customer=customer, **typed)
        if good:
            model.uses[order] = {"word": "held", "customer": customer, "since": self.now}
            model.given_back, model.n_failed = False, 0

    @rule(wrong=st.sampled_from([{"pin": "0000"}, {"phone": "067 123 45 68"}, {"code": "SUMMER"}, {"phone": "x"}]))
    def try_wrong(self, wrong):
        typed = {"code": SPRING, "phone": PHONE, "pin": PIN, "key": KEY, **wrong}
        outcome = self.ask("reserve", expected=False, order="o-9", customer="eve", **typed)
        if self.is_open():
            assert outcome.refusal == ("locked" if self.model.n_failed >= 2 else "wrong credentials")
            self.model.n_failed = min(self.model.n_failed + 1, 2)

    @rule(order=st.sampled_from(ORDERS))
    def redeem(self, order):
        good = self.model.state(self.now, self.until) != "void" and self.model.word_of(order) == "held"
        self.ask("redeem", good, order=order)
        if good:
            self.model.uses[order]["word"] = "used"

    @rule(order=st.sampled_from(ORDERS))
    def release(self, order):
        good = self.model.state(self.now, self.until) != "void" and self.model.word_of(order) != "free"
        self.ask("release", good, order=order)
        if good:
            self.model.uses[order]["word"], self.model.given_back = "free", True

    @rule()
    def unlock(self):
        good = self.model.state(self.now, self.until) not in {"void", "redeemed"} and self.model.n_failed > 0
        self.ask("unlock", good)
        if good:
            self.model.n_failed = 0

    @precondition(lambda self: self.n > 12)
    @rule()
    def withdraw(self):
        good = self.model.state(self.now, self.until) not in {"void", "redeemed"}
        self.ask("void", good)
        self.model.void |= good

    @precondition(lambda self: self.requests)
    @rule(data=st.data())
    def repeat(self, data):
        name, event_id, given, refusal = data.draw(st.sampled_from(self.requests))
        outcome = getattr(self.code, name)(event_id, time=minutes(self.now), **given)
        assert outcome.is_duplicate
        assert outcome.refusal == refusal
        assert outcome.value == self.code

    @precondition(lambda self: self.requests)
    @rule(data=st.data())
    def use_an_id_twice(self, data):
        name, event_id, _, _ = data.draw(st.sampled_from(self.requests))
        other = ("redeem", {"order": "o-8"}) if name != "redeem" else ("void", {})
        outcome = getattr(self.code, other[0])(event_id, time=minutes(self.now), **other[1])
        assert outcome.refusal == "event id taken"
        assert outcome.value == self.code

    @invariant()
    def state_is_that_of_the_model(self):
        if hasattr(self, "code"):
            assert self.code.state(minutes(self.now)) == self.model.state(self.now, self.until)
            assert self.code.n_redeemed == self.model.count("used")
            assert self.code.n_failed == self.model.n_failed

    def teardown(self):
        """Read the code again from its log alone, and the state of each past moment."""
        if not hasattr(self, "code"):
            return
        again = PromoCode.from_json(self.code.to_json())
        assert again == self.code
        for now, word in self.past:
            assert again.state(minutes(now)) == word
        for n_events in range(1, len(self.code.events) + 1):
            assert attrs.evolve(self.code, events=self.code.events[:n_events]).state(minutes(5000)) in CODE_STATES


TestCodeMachine = CodeMachine.TestCase


class TestReserve:
    """Every rule has a refusal of its own."""

    @pytest.mark.parametrize(
        ("rules", "more", "refusal"),
        [
            ({}, {}, ""),
            ({}, {"text": "spr ing"}, ""),
            ({}, {"text": "SUMMER"}, "wrong credentials"),
            ({}, {"text": ""}, "wrong credentials"),
            ({"pin": PIN}, {"pin": PIN}, ""),
            ({"pin": PIN}, {}, "credentials missing"),
            ({"pin": PIN}, {"pin": "0000"}, "wrong credentials"),
            ({"pin": PIN}, {"pin": PIN + "0"}, "wrong credentials"),
            ({"pin": PIN}, {"pin": ""}, "wrong credentials"),
            ({"phone": PHONE}, {"phone": "+38 (067) 123-45-67"}, ""),
            ({"phone": PHONE}, {"phone": "0038 067 1234567"}, ""),
            ({"phone": PHONE}, {}, "credentials missing"),
            ({"phone": PHONE, "pin": PIN}, {"phone": PHONE}, "credentials missing"),
            ({"phone": PHONE}, {"phone": "nonsense"}, "wrong credentials"),
            ({"starts": "2026-03-02T00:01"}, {}, "not started"),
            ({"starts": "2026-03-02"}, {}, ""),
            ({"ends": "2026-03-01"}, {}, "expired"),
            ({"ends": "2026-03-02"}, {}, ""),
            ({"ends": "2026-03-02"}, {"time": "2026-03-03"}, "expired"),
            ({"ends": "2026-03-02T00:00"}, {}, "expired"),
            ({"ends": "2026-03-02T00:01"}, {}, ""),
            ({"segments": ["vip"]}, {}, "wrong segment"),
            ({"segments": ["vip", "new"]}, {"segments": ["old", "new"]}, ""),
            ({"channels": ["app"]}, {"channel": "shop"}, "wrong channel"),
            ({"channels": ["app", "shop"]}, {"channel": "shop"}, ""),
            ({"min_amount": "500"}, {"amount": 49_999}, "below minimum"),
            ({"min_amount": "500"}, {"amount": "500.00"}, ""),
            ({"min_amount": 500}, {"amount": "5"}, ""),
            ({"active": False}, {}, "issued"),
        ],
    )
    def test_rules(self, rules, more, refusal):
        outcome = reserve(make_code(**rules), **more)
        assert outcome.refusal == refusal
        assert outcome.accepted == (not refusal)
        assert outcome.reason == REFUSALS.get(refusal, "")
        assert outcome.value.state("2026-03-02") == (
            "reserved" if not refusal else make_code(**rules).state("2026-03-02")
        )

    def test_right_credentials_begin_the_count_again(self):
        code = make_code(pin=PIN, max_attempts=2, max_uses=None, max_uses_per_customer=None)
        for i in range(4):
            code = reserve(code, f"w{i}", pin="0000").value
            code = reserve(code, f"r{i}", order=f"o-{i}", pin=PIN).value
        code = reserve(code, "x1", order="o-9", pin="0000").value
        code = reserve(code, "x2", order="o-9", pin="1111").value
        assert reserve(code, "x3", order="o-9", pin=PIN).refusal == "locked"
        code = code.unlock("u", time="2026-03-02").value
        assert reserve(code, "x3", order="o-9", pin=PIN).accepted

    def test_missing_rules_do_not_count_as_attempts(self):
        code = make_code(min_amount=100, pin=PIN)
        for i in range(9):
            assert reserve(code, f"e{i}", pin=PIN).value == code

    def test_an_order_that_holds_the_last_use_is_told_so(self):
        code = reserve(make_code(max_uses=2, max_uses_per_customer=None), "one").value
        code = reserve(code.redeem("paid", time="2026-03-02", order="o-1").value, "two", order="o-2").value
        assert [reserve(code, "again", order=order).refusal for order in ("o-1", "o-2", "o-3")] == [
            "already reserved",
            "already reserved",
            "reserved",
        ]

    def test_a_held_code_may_be_paid_after_its_end(self):
        code = reserve(make_code(ends="2026-03-02T00:05")).value
        assert code.state("2026-03-02T00:10") == "reserved"
        assert code.redeem("p", time="2026-03-02T00:10", order="o-1").accepted
        late = code.redeem("p", time="2026-03-02T00:30", order="o-1")
        assert late.refusal == "no reservation"
        assert late.value.state("2026-03-02T00:30") == "expired"

    def test_a_returned_order_may_give_its_use_back(self):
        code = reserve(make_code()).value.redeem("p", time="2026-03-02", order="o-1").value
        code = code.release("back", time="2026-03-09", order="o-1").value
        assert (code.state("2026-03-08"), code.state("2026-03-09")) == ("redeemed", "released")
        assert reserve(code, "r2", order="o-2", time="2026-03-10").accepted

    def test_a_clock_that_is_behind_counts_as_the_last_time(self):
        code = reserve(make_code(), time="2026-03-02T10:00").value
        code = code.redeem("p", time="2026-03-02T09:59:58", order="o-1").value
        assert code.events[-1].time == np.datetime64("2026-03-02T10:00")

    def test_two_tills_at_once_make_events_of_one_number(self):
        code = make_code()
        left, right = reserve(code, "left").value, reserve(code, "right", order="o-2").value
        assert left.events[-1].sequence == right.events[-1].sequence == 3
        with pytest.raises(InputError, match="numbered"):
            attrs.evolve(code, events=(*left.events, right.events[-1]))

    def test_code_of_a_policy(self):
        code = make_code(SECRET_CODE, policy=CodePolicy())
        assert code.digest == code_digest(SECRET_CODE.lower().replace("-", " "), key=KEY, policy=CodePolicy())
        assert reserve(code, text=SECRET_CODE.replace("-", "")).accepted
        assert reserve(code, text=SPRING).refusal == "wrong credentials"

    def test_another_key_opens_nothing(self):
        code = make_code(pin=PIN)
        other = {"time": "2026-03-02", "order": "o-1", "customer": "ann", "code": SPRING, "pin": PIN}
        assert code.reserve("r", key=KEY[::-1], **other).refusal == "wrong credentials"

    def test_many_uses(self):
        """5,000 uses of one code in less than quadratic time."""
        events = list(make_code(max_uses=None).events)
        for i in range(5000):
            fields = {"time": "2026-03-02", "order": f"o-{i}", "customer": f"c-{i}"}
            events.append(
                CodeEvent(code_id="c-1", event_id=f"r{i}", sequence=len(events) + 1, kind="reserved", **fields)
            )
            events.append(
                CodeEvent(
                    code_id="c-1",
                    event_id=f"p{i}",
                    sequence=len(events) + 1,
                    kind="redeemed",
                    time="2026-03-02",
                    order=f"o-{i}",
                )
            )
        assert attrs.evolve(make_code(max_uses=None), events=events).n_redeemed == 5000

    def test_a_request_does_not_follow_the_whole_log_again(self, monkeypatch):
        code = make_code(max_uses=None)
        monkeypatch.setattr(PromoCode, "_replay", lambda *_: pytest.fail("the log was followed again"))
        for i in range(50):
            code = reserve(code, f"r{i}", order=f"o-{i}", customer="ann" if i == 0 else f"c-{i}").value
            code = code.redeem(f"p{i}", time="2026-03-02", order=f"o-{i}").value
        assert (code.n_redeemed, len(code.events)) == (50, 102)
        monkeypatch.undo()
        assert code == PromoCode.from_json(code.to_json())

    def test_events_name_their_code(self):
        code = make_code()
        assert {event.code_id for event in code.events} == {"c-1"}
        with pytest.raises(InputError, match=r"`events` must be of the code 'c-2'; got 'c-1' at index 0"):
            attrs.evolve(code, code_id="c-2")


class TestCurrency:
    """A code whose rules have a currency asks each order for its own."""

    def test_another_currency_is_refused(self):
        code = make_code(min_amount="500.00", currency="UAH")
        assert reserve(code, amount="500.00", currency="UAH").accepted
        assert reserve(code, amount="500.00", currency="EUR").refusal == "wrong currency"
        assert reserve(code, amount="500.000", currency="KWD").refusal == "wrong currency"

    def test_decimals_follow_from_it(self):
        assert CodeRules(min_amount="500", currency="JPY").min_amount == 500
        assert CodeRules(min_amount="5.0001", currency="EUR", exponent=4).min_amount == 50001

    @pytest.mark.parametrize(("in_rules", "in_order"), [("UAH", None), (None, "UAH"), ("UAH", "uah")])
    def test_it_stands_in_both_or_in_neither(self, in_rules, in_order):
        with pytest.raises(InputError, match="`currency`"):
            reserve(make_code(currency=in_rules), currency=in_order)


BAD_CALLS = {
    "time": "yesterday",
    "order": " ",
    "customer": None,
    "key": b"short",
    "amount": 9.9,
    "channel": None,
    "segments": "vip",
    "event_id": "",
}


class TestBadInput:
    """One clear error for each argument of a wrong kind."""

    @pytest.mark.parametrize("name", BAD_CALLS)
    def test_reserve(self, name):
        fine = {"event_id": "r", "time": "2026-03-02", "order": "o", "customer": "a", "code": SPRING, "key": KEY}
        with pytest.raises(InputError) as caught:
            make_code().reserve(**{**fine, name: BAD_CALLS[name]})
        assert caught.value.name == name

    @pytest.mark.parametrize(
        ("name", "wrong"),
        [
            ("code", ""),
            ("code", "- -"),
            ("code", 5),
            ("code_id", ""),
            ("event_id", None),
            ("time", np.datetime64("NaT")),
            ("key", "text of more than sixteen letters"),
            ("rules", {}),
            ("phone", "123"),
            ("phone", 380671234567),
            ("phone", "067 123 45 67"),
            ("pin", "123"),
            ("pin", "12a4"),
            ("pin", 4821),
            ("pin", "\u0661\u0662\u0663\u0664"),
        ],
    )
    def test_issue(self, name, wrong):
        fine = {"code": SPRING, "code_id": "c", "event_id": "e", "time": "2026-03-01", "key": KEY}
        with pytest.raises(InputError) as caught:
            PromoCode.issue(**{**fine, name: wrong})
        assert caught.value.name == name

    @pytest.mark.parametrize(
        ("name", "wrong"),
        [
            ("min_amount", 9.9),
            ("min_amount", "9.999"),
            ("min_amount", "-1"),
            ("min_amount", -1),
            ("min_amount", True),
            ("min_amount", 10**16),
            ("ends", "2026-03-01"),
            ("starts", "March"),
            ("segments", "vip"),
            ("channels", [""]),
            ("max_uses", 0),
            ("max_uses_per_customer", 1.5),
            ("hold_minutes", 0),
            ("max_attempts", 0),
            ("policy", "plain"),
            ("region", "ua"),
            ("exponent", 5),
            ("campaign", None),
        ],
    )
    def test_rules(self, name, wrong):
        with pytest.raises(InputError) as caught:
            CodeRules(**{"starts": "2026-03-02", name: wrong})
        assert caught.value.name == name

    def test_logs_that_cannot_happen(self):
        code = reserve(make_code()).value
        first, second, third = code.events
        paid = attrs.evolve(third, event_id="p", sequence=4, kind="redeemed")
        attrs.evolve(code, events=(first, second, third, paid))
        wrong_logs = [
            (),
            (second,),
            (first, attrs.evolve(third, sequence=2)),
            (first, second, attrs.evolve(paid, sequence=3)),
            (first, second, third, attrs.evolve(paid, order="o-2")),
            (first, second, third, attrs.evolve(third, event_id="x", sequence=4)),
            (first, second, third, attrs.evolve(paid, event_id=third.event_id)),
            (first, second, third, attrs.evolve(paid, sequence=5)),
            (first, second, third, attrs.evolve(paid, time="2026-03-01T23:00")),
            (first, second, third, attrs.evolve(paid, time="2026-03-02T00:30")),
            (first, attrs.evolve(first, event_id="x", sequence=2)),
        ]
        for log in wrong_logs:
            with pytest.raises(InputError) as caught:
                attrs.evolve(code, events=log)
            assert caught.value.name == "events"

    def test_shown_in_one_short_line(self):
        shown = repr(make_code(ends="2026-04-01"))
        assert "rules=CodeRules(ends='2026-04-01', region='UA')" in shown
        assert shown.endswith("events=<2 events>)")

    def test_state_before_the_issue(self):
        with pytest.raises(InputError, match="before the code was issued"):
            make_code().state("2026-02-28")

    def test_a_log_of_many_held_uses_is_followed_at_once(self):
        """Each event looked through all held uses before it: 3,000 took 30 seconds."""
        code = make_code(max_uses=None, max_uses_per_customer=None, hold_minutes=60 * 24 * 366)
        issued, activated = code.events
        held = [
            attrs.evolve(
                issued,
                event_id=f"r{i}",
                sequence=i + 3,
                kind="reserved",
                time=minutes(i),
                order=f"o{i}",
                customer="ann",
            )
            for i in range(1_200)
        ]
        ratio, many = times_longer(lambda n: attrs.evolve(code, events=(issued, activated, *held[:n])), 200, 1_200)
        assert ratio < 18  # 6 times the events; 36 with all of them looked through for each
        late = many.redeem("p", time=minutes(60 * 24 * 366 + 1), order="o1")
        assert late.refusal == "no reservation"
        assert many.redeem("p", time=minutes(60 * 24 * 366 + 1), order="o2").accepted
