"""What came of messages: every message once, every order credited once, the control group, and ranks."""

from __future__ import annotations

import re
from decimal import Context, Decimal, localcontext

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from crmvalue._attribution import markov
from crmvalue._journeys.results import credit
from crmvalue._journeys.results.logs import some_orders
from crmvalue.errors import InputError
from crmvalue.journeys import (
    DECISIONS,
    BirthdayJourney,
    BusinessHours,
    Cascade,
    Customers,
    Events,
    FrequencyCap,
    Journey,
    JourneyRank,
    JourneyResults,
    Message,
    MessageHistory,
    Orders,
    Plan,
    Policy,
    Responses,
    TriggerJourney,
    Wait,
    journey_results,
    plan,
    simulate_plan,
)

MODELS = ("first", "linear", "position", "time_decay", "markov", "shapley")
RULES = ("last", "code", "code or last", *MODELS)


def history(rows, **columns):
    """Give a history of rows of customer, journey, channel and time."""
    customer, journey, channel, time = zip(*rows, strict=True)
    return MessageHistory(
        customer=list(customer),
        group=list(journey),
        step=[f"step {i}" for i in range(len(rows))],
        anchor=list(time),
        sent_at=list(time),
        channel=list(channel),
        counted=[True] * len(rows),
        **columns,
    )


def money(*cents):
    return [str(Decimal(cent) / 100) for cent in cents]


@st.composite
def logs(draw):
    """Draw a history, orders and their codes on a grid of few moments, so that ties are common."""
    day = st.integers(0, 40).map(lambda n: f"2024-05-{1 + n // 2:02d}T{12 * (n % 2):02d}:00")
    who, code = st.integers(1, 4), st.sampled_from(["", "A", "B", "C"])
    n, m = draw(st.integers(1, 12)), draw(st.integers(1, 10))
    rows = [(draw(who), draw(st.sampled_from(["x", "y", "z"])), "email", draw(day)) for _ in range(n)]
    past = history(rows, code=[draw(code) for _ in range(n)])
    cents = [draw(st.integers(0, 10_000)) for _ in range(m)]
    sold = Orders(
        customer=[draw(who) for _ in range(m)],
        time=[draw(day) for _ in range(m)],
        revenue=money(*cents),
        margin=[draw(st.sampled_from([-0.1, 0.0, 0.3, 1.0])) for _ in range(m)],
        benefit=money(*[draw(st.integers(0, 500)) for _ in range(m)]),
        code=[draw(code) for _ in range(m)],
    )
    return past, sold


def last_message(past, order, days):
    """Find the last message before an order by looking at all of them."""
    best = None
    for i in range(len(past)):
        before = past.sent_at[i] <= order["time"] <= past.sent_at[i] + np.timedelta64(days, "D")
        if past.customer[i] == order["customer"] and before and (best is None or past.sent_at[i] >= past.sent_at[best]):
            best = i
    return best


def message_of_code(past, order):
    """Find the message whose code an order used by looking at all of them."""
    if not order["code"]:
        return None
    same = [i for i in range(len(past)) if past.code[i] == order["code"]]
    early = [i for i in same if past.sent_at[i] <= order["time"]]
    mine = [i for i in early if past.customer[i] == order["customer"]]
    if mine:
        return max(mine, key=lambda i: (past.sent_at[i], i))
    return same[0] if len(same) == 1 and early else None


class TestCredit:
    """Each order is credited once in sum, to the messages of the stated rule."""

    @given(logs(), st.sampled_from(["last", "code", "code or last"]), st.integers(1, 20))
    def test_equals_a_look_at_every_pair(self, log, rule, days):
        past, sold = log
        found = journey_results(past, None, sold, as_of="2024-06-30", credit=rule, within_days=days)
        names = sorted(set(past.journey.tolist()))
        cents = dict.fromkeys(names, 0)
        n_orders = dict.fromkeys(names, 0)
        redeemed = {name: set() for name in names}
        for i in range(len(sold)):
            order = {name: getattr(sold, name)[i] for name in ("customer", "time", "code")}
            by_code, last = message_of_code(past, order), last_message(past, order, days)
            if by_code is not None:
                redeemed[past.journey[by_code]].add(by_code)
            chosen = {"last": last, "code": by_code, "code or last": last if by_code is None else by_code}[rule]
            if chosen is not None:
                cents[past.journey[chosen]] += round(sold.revenue[i] * 100)
                n_orders[past.journey[chosen]] += 1
        assert found.journey.tolist() == names
        assert np.rint(found.revenue * 100).tolist() == list(cents.values())
        assert found.n_orders.tolist() == list(n_orders.values())
        assert found.n_codes_redeemed.tolist() == [len(part) for part in redeemed.values()]
        followed = dict.fromkeys(names, 0)
        for i in range(len(past)):
            window = (sold.time >= past.sent_at[i]) & (sold.time <= past.sent_at[i] + np.timedelta64(days, "D"))
            followed[past.journey[i]] += bool(np.any(window & (sold.customer == past.customer[i])))
        assert found.n_converted.tolist() == list(followed.values())

    @settings(max_examples=25)
    @given(logs(), st.sampled_from(RULES))
    def test_the_parts_sum_to_what_is_credited_once(self, log, rule):
        past, sold = log
        found = journey_results(past, None, sold, as_of="2024-06-30", credit=rule, by=["journey", "step"])
        last = journey_results(past, None, sold, as_of="2024-06-30")
        assert round(sum(np.rint(found.revenue * 100))) == round(found.credited_revenue * 100)
        assert found.n_orders.sum() == pytest.approx(found.n_credited_orders, abs=1e-9)
        assert found.credited_revenue <= found.all_revenue
        if rule in MODELS:  # a model divides the orders that the last message would get
            assert found.credited_revenue == last.credited_revenue
            for name in ("margin", "benefit"):
                assert round(sum(np.rint(getattr(found, name) * 100))) == round(getattr(last, name).sum() * 100)

    @pytest.mark.parametrize(
        ("rule", "cents"),
        [("first", [9000, 0]), ("last", [0, 9000]), ("linear", [4500, 4500]), ("shapley", [4500, 4500])],
    )
    def test_two_messages_before_one_order(self, rule, cents):
        past = history([(1, "a", "email", "2024-05-01"), (1, "b", "sms", "2024-05-05")])
        sold = Orders(customer=[1], time=["2024-05-06"], revenue=[90], margin=1)
        found = journey_results(past, None, sold, as_of="2024-06-30", credit=rule)
        assert np.rint(found.revenue * 100).tolist() == cents
        assert found.n_converted.tolist() == [1, 1]

    @pytest.mark.parametrize("rule", RULES[3:])
    def test_days_are_counted_to_the_second(self, rule):
        past = history([(1, "a", "email", "2024-05-01T12:00")])
        sold = Orders(customer=[1, 1], time=["2024-05-31T12:00:00", "2024-05-31T12:00:01"], revenue=[90, 80], margin=1)
        found = journey_results(past, None, sold, as_of="2024-06-30", credit=rule, within_days=30)
        assert found.revenue.tolist() == [90.0]

    def test_time_decay_of_one_week(self):
        """A touch weighs half as much as one seven days later: 1 : 2 : 4 of 70."""
        past = history([(1, "a", "e", "2024-05-01"), (1, "b", "e", "2024-05-08"), (1, "c", "e", "2024-05-15")])
        sold = Orders(customer=[1], time=["2024-05-15"], revenue=[70], margin=1)
        found = journey_results(past, None, sold, as_of="2024-06-30", credit="time_decay", within_days=30)
        assert found.revenue.tolist() == [10.0, 20.0, 40.0]

    def test_a_cent_that_three_share(self):
        past = history([(1, name, "e", "2024-05-01") for name in "abc"])
        sold = Orders(customer=[1], time=["2024-05-02"], revenue=["1.00"], margin=1)
        found = journey_results(past, None, sold, as_of="2024-06-30", credit="linear")
        assert sorted(found.revenue.tolist()) == [0.33, 0.33, 0.34]

    @pytest.mark.parametrize("rule", MODELS)
    @pytest.mark.parametrize("margin", [1.0, -1.0])
    def test_large_amounts_move_no_money_between_messages(self, rule, margin):
        past = history([(name, name, "e", "2024-05-01") for name in "abc"])
        sold = Orders(customer=["a", "b"], time=["2024-05-02"] * 2, revenue=["99999999999.99", "5.00"], margin=margin)
        found = journey_results(past, None, sold, as_of="2024-06-30", credit=rule)
        if rule == "markov":  # its money follows the orders: half each
            assert found.revenue.tolist() == [50000000002.5, 50000000002.49, 0.0]
        else:
            assert found.revenue.tolist() == [99999999999.99, 5.0, 0.0]
        assert found.margin.tolist() == (margin * found.revenue).tolist()
        assert JourneyResults.from_json(found.to_json()).revenue.tolist() == found.revenue.tolist()

    def test_more_pairs_than_memory_holds_are_refused_at_once(self):
        """8,000 messages and 8,000 orders of one customer within the days: 32 million pairs, 2.7 GB."""
        n = 8_000
        time = np.datetime64("2024-05-01", "s") + np.arange(n)
        past = MessageHistory(
            customer=["ann"] * n,
            group=["a"] * n,
            step=["m"] * n,
            anchor=time,
            sent_at=time,
            channel=["e"] * n,
            counted=[True] * n,
            journey=["a"] * n,
        )
        sold = Orders(customer=["ann"] * n, time=time, revenue=[1.0] * n, margin=1)
        with pytest.raises(InputError, match=r"at most 25,000,000 .* there are 32,004,000; or take") as caught:
            journey_results(past, None, sold, as_of="2024-06-30", credit="linear")
        assert caught.value.name == "within_days"
        assert journey_results(past, None, sold, as_of="2024-06-30").revenue.tolist() == [n]

    def test_more_rows_than_a_chain_may_have(self):
        """The error named `paths`, which nobody gave, and came after the work on parts of the customers."""
        assert credit._MOST_MARKOV == markov._MOST_CHANNELS
        n = 2_001
        time = np.datetime64("2024-05-01", "s") + np.arange(n) * np.timedelta64(1, "m")
        past = MessageHistory(
            customer=np.arange(n) % 40,
            group=["a"] * n,
            step=[f"m{k}" for k in range(n)],
            anchor=time,
            sent_at=time,
            channel=["e"] * n,
            counted=[True] * n,
            journey=["a"] * n,
        )
        sold = Orders(customer=[7], time=["2024-05-03"], revenue=[1.0], margin=1)
        ask = {"as_of": "2024-06-30", "credit": "markov"}
        with pytest.raises(InputError, match=r"at most 2,000 rows .* got 2001\. Hint: .*`credit=\"last\"`") as caught:
            journey_results(past, None, sold, by=["step"], **ask)
        assert caught.value.name == "by"
        assert journey_results(past, None, sold, by=["journey"], **ask).revenue.tolist() == [1.0]
        none = Orders(customer=[7], time=["2024-04-03"], revenue=[1.0], margin=1)
        assert len(journey_results(past, None, none, by=["step"], **ask)) == n

    @pytest.mark.parametrize("days", [1, 2, 30])
    def test_pairs_are_counted_as_one_by_one(self, days, monkeypatch):
        rng = np.random.default_rng(days)
        start = np.datetime64("2024-05-01", "s")
        sent, time = (start + rng.integers(0, 4 * 24, 60) * np.timedelta64(1, "h") for _ in range(2))
        whom, who = rng.integers(0, 9, 60), rng.integers(0, 9, 60)
        past = MessageHistory(
            customer=whom,
            group=["a"] * 60,
            step=["m"] * 60,
            anchor=sent,
            sent_at=sent,
            channel=["e"] * 60,
            counted=[True] * 60,
            journey=["a"] * 60,
        )
        sold = Orders(customer=who, time=time, revenue=[1.0] * 60, margin=1)
        gone = np.timedelta64(days, "D")
        n = sum(
            a == b and at <= bought <= at + gone
            for a, at in zip(whom, sent, strict=True)
            for b, bought in zip(who, time, strict=True)
        )
        monkeypatch.setattr(credit, "_MOST_PAIRS", n)
        journey_results(past, None, sold, as_of="2024-06-30", credit="linear", within_days=days)
        monkeypatch.setattr(credit, "_MOST_PAIRS", n - 1)
        with pytest.raises(InputError, match=f"there are {n:,};"):
            journey_results(past, None, sold, as_of="2024-06-30", credit="linear", within_days=days)

    def test_sums_are_exact_where_floats_are_not(self):
        """A tenth added ten million times as floats is off; whole cents are not."""
        n = 100_000
        past = history([(1, "a", "e", "2024-05-01")])
        sold = Orders(customer=np.ones(n, dtype=int), time=["2024-05-02"] * n, revenue=[0.1] * n, margin=1)
        assert sum([0.1] * n) != 10_000.0
        assert journey_results(past, None, sold, as_of="2024-06-30").revenue.tolist() == [10_000.0]

    @given(logs(), st.sampled_from(["last", "linear"]), st.randoms(use_true_random=False))
    def test_the_order_of_orders_does_not_matter(self, log, rule, random):
        past, sold = log
        rows = random.sample(range(len(sold)), len(sold))
        one = journey_results(past, None, sold, as_of="2024-06-30", credit=rule)
        other = journey_results(past, None, some_orders(sold, rows), as_of="2024-06-30", credit=rule)
        assert one.revenue.tolist() == other.revenue.tolist()

    def test_the_error_is_that_of_the_mean_over_customers(self):
        """With one message each, revenue per message is a mean, and its standard error s / sqrt(n)."""
        revenue = [0.0, 10.0, 30.0, 5.0]
        past = history([(i, "a", "e", "2024-05-01") for i in range(4)])
        sold = Orders(customer=[1, 2, 3], time=["2024-05-02"] * 3, revenue=revenue[1:], margin=1)
        found = journey_results(past, None, sold, as_of="2024-06-30")
        assert found.revenue_error[0] / 4 == pytest.approx(np.std(revenue, ddof=1) / 2)
        low, high = found.revenue_per_message_interval
        half = 3.182446305284263 * np.std(revenue, ddof=1) / 2  # Student's quantile of 3 degrees
        assert (low[0], high[0]) == pytest.approx((11.25 - half, 11.25 + half))


class TestRows:
    """Every message counts once: planned is sent, and not sent by reason."""

    BASE = Customers(
        customer=np.arange(200),
        dates={"last_purchase": np.repeat(["2023-08-31", "2023-09-05"], 100), "birthday": ["1990-06-07"] * 200},
        segments={"vip": np.arange(200) % 3 == 0},
        consent={"email": np.arange(200) % 5 > 0, "sms": np.arange(200) % 2 > 0},
    )
    JOURNEYS = (
        Cascade(channels=["email", "sms"], offers=["5 %"], repeat_last=True),
        BirthdayJourney("birthday", channels="sms"),
        BirthdayJourney("vip birthday", segment="vip", priority=1),
    )

    @pytest.mark.parametrize("by", [[], "journey", ["channel", "period"], ["journey", "version", "step", "offer"]])
    def test_planned_is_sent_and_not_sent_by_reason(self, by):
        made = simulate_plan(
            self.JOURNEYS, self.BASE, None, Policy(control_share=0.3, budget=40), "2024-05-29", "2024-06-06"
        )
        found = journey_results(
            made, None, Orders(customer=[1], time=["2024-06-01"], revenue=[5], margin=1), as_of="2024-08-01", by=by
        )
        total = made.n_by_decision
        assert {word: int(n) for word, n in zip(DECISIONS, found.n_by_decision.sum(axis=0), strict=True) if n} == total
        assert (found.n_planned == found.n_sent + sum(found.n_not_sent.values())).all()
        assert found.n_planned.sum() == made.is_last_look.sum()

    def test_nobody_has_a_segment(self):
        past, sold = history([(1, "x", "sms", "2024-05-01")]), Orders(customer=[], time=[], revenue=[], margin=1)
        found = journey_results(past, None, sold, as_of="2024-06-30", by="segment", segment_customer=[], segment=[])
        assert found.segment.tolist() == [""]

    def test_segment_and_period(self):
        past = history([(1, "a", "e", "2024-05-31T23:59"), (2, "a", "e", "2024-06-01"), (3, "a", "e", "2024-06-03")])
        sold = Orders(customer=[1, 2], time=["2024-06-02"] * 2, revenue=[10, 20], margin=1)
        options = {
            "as_of": "2024-07-30",
            "by": ["segment", "period"],
            "segment_customer": [2, 1, 9],
            "segment": ["v", "w", "v"],
        }
        found = journey_results(past, None, sold, **options)
        rows = list(zip(found.segment.tolist(), found.period.tolist(), found.revenue.tolist(), strict=True))
        assert rows == [("", "2024-06", 0.0), ("v", "2024-06", 20.0), ("w", "2024-05", 10.0)]
        weeks = journey_results(past, None, sold, **{**options, "by": "period"}, period="week")
        assert weeks.period.tolist() == ["2024-05-27", "2024-06-03"]
        assert weeks.label.tolist() == weeks.period.tolist()

    def test_costs_by_channel(self):
        past = history([(1, "a", "email", "2024-05-01"), (2, "a", "sms", "2024-05-01"), (3, "a", "sms", "2024-05-01")])
        sold = Orders(customer=[2], time=["2024-05-02"], revenue=[10], margin=0.25, benefit="0.50")
        found = journey_results(past, None, sold, as_of="2024-06-30", contact_cost={"email": 0.1, "sms": "0.2"})
        assert (found.contact_cost[0], found.margin[0], found.benefit[0], found.net[0]) == (0.5, 2.5, 0.5, 1.5)
        with pytest.raises(InputError, match="contact_cost"):
            journey_results(past, None, sold, as_of="2024-06-30", contact_cost={"email": 0.1})

    @pytest.mark.parametrize("figures", [1, 3, 28])
    def test_costs_do_not_hang_on_the_decimals_of_the_host(self, figures):
        past = history([(n, "a", "email", "2024-05-01") for n in range(123)])
        sold = Orders(customer=[2], time=["2024-05-02"], revenue=[10], margin=0.25)
        with localcontext(Context(prec=figures)):
            found = journey_results(past, None, sold, as_of="2024-06-30", contact_cost="0.0567")
        assert found.contact_cost[0] == 6.9741  # 123 * 0.0567

    def test_logs_end(self):
        past = history([(1, "a", "e", "2024-05-01"), (1, "a", "e", "2024-05-30"), (1, "a", "e", "2024-06-02")])
        sold = Orders(customer=[1, 1], time=["2024-05-02", "2024-06-02"], revenue=[10, 20], margin=1)
        seen = Responses(customer=[1], name=["opened"], time=["2024-06-03"])
        found = journey_results(past, seen, sold, as_of="2024-05-31")
        assert (found.n_sent[0], found.revenue[0], found.n_open, found.n_later) == (2, 10.0, 1, 3)

    @pytest.mark.parametrize("rule", RULES)
    def test_orders_of_a_log_without_messages(self, rule):
        sold = Orders(customer=[1], time=["2024-06-02"], revenue=[10], code=["A"], margin=1)
        late = history([(1, "x", "sms", "2024-07-01T10:00")])
        for past in (MessageHistory.empty(), late):
            found = journey_results(past, None, sold, as_of="2024-06-30", credit=rule)
            assert len(found) == found.n_credited_orders == found.credited_revenue == 0

    def test_no_orders_and_no_messages(self):
        past = history([(1, "a", "e", "2024-05-01")])
        for rule in RULES:
            sold = Orders(customer=[], time=[], revenue=[], code=[], margin=1)
            found = journey_results(past, None, sold, as_of="2024-05-31", credit=rule)
            assert (found.revenue.tolist(), found.n_all_orders) == ([0.0], 0)
        sold = Orders(customer=[1], time=["2024-05-02"], revenue=[5], margin=1)
        empty = journey_results(MessageHistory.empty(), None, sold, as_of="2024-05-31")
        assert (len(empty), empty.n_credited_orders, empty.all_revenue) == (0, 0, 5.0)
        assert empty.rank().conclusion == "No row has both a known figure and a known error."

    def test_two_birthday_journeys_after_json(self):
        base = attrs.evolve(self.BASE, consent={"email": [True] * 200, "sms": [True] * 200})
        made = plan(self.JOURNEYS[1:], base, None, None, Policy(), "2024-05-31")
        sold = Orders(customer=[0, 1], time=["2024-06-02"] * 2, revenue=[10, 20], margin=1)
        for messages in (made, Plan.from_json(made.to_json()), MessageHistory.from_json(made.history().to_json())):
            found = journey_results(messages, None, sold, as_of="2024-06-30")
            assert found.journey.tolist() == ["birthday", "vip birthday"]
            assert (found.n_sent.tolist(), found.revenue.tolist()) == ([133, 67], [20.0, 10.0])

    def test_the_result_survives_json_and_frames(self):
        past = history([(1, "a", "e", "2024-05-01"), (2, "b", "e", "2024-05-01")])
        sold = Orders(customer=[2], time=["2024-05-02"], revenue=[10], margin=1)
        seen = Responses(customer=[1], name=["opened"], time=["2024-05-03"])
        found = journey_results(past, seen, sold, as_of="2024-06-30")
        assert JourneyResults.from_json(found.to_json()) == found
        for part, whole in (("converted", "sent"), ("treated_converted", "treated"), ("control_converted", "control")):
            with pytest.raises(InputError, match=f"`n_{part}` must be <= `n_{whole}`"):
                attrs.evolve(found, **{f"n_{part}": getattr(found, f"n_{whole}") + 1})
        frame = found.to_frame()
        assert list(frame["journey"]) == ["a", "b"]
        assert list(frame["n_opened"]) == [1, 0]
        assert "By the rule 'last'" in found.conclusion


class TestResponses:
    """A reaction belongs to the message whose key it names, or to the last one before it."""

    PAST = history(
        [(1, "a", "email", "2024-05-01T10:00"), (1, "b", "sms", "2024-05-03T10:00"), (2, "a", "email", "2024-05-03")]
    )

    def found(self, **columns):
        seen = Responses(**columns)
        sold = Orders(customer=[9], time=["2024-05-02"], revenue=[10], margin=1)
        return journey_results(self.PAST, seen, sold, as_of="2024-06-30")

    def test_by_time_channel_and_key(self):
        one = {"customer": [1], "name": ["opened"], "time": ["2024-05-04"]}
        assert self.found(**one).n_opened.tolist() == [0, 1]
        assert self.found(**one, channel=["email"]).n_opened.tolist() == [1, 0]
        assert self.found(**one, message=[self.PAST.key[0]]).n_opened.tolist() == [1, 0]
        assert self.found(**one, message=["unknown"]).n_unmatched == 1
        assert self.found(**{**one, "time": ["2024-04-30"]}).n_unmatched == 1

    def test_a_click_is_an_open_and_a_message_counts_once(self):
        found = self.found(customer=[1, 1, 1], name=["clicked", "opened", "clicked"], time=["2024-05-04"] * 3)
        assert (found.n_opened.tolist(), found.n_clicked.tolist()) == ([0, 1], [0, 1])
        share, (low, high) = found.share("clicked")
        assert share.tolist() == [0.0, 1.0]
        assert (low[1], high[0]) == pytest.approx((0.20654931, 0.65762029))  # Wilson for 1 of 1, and for 0 of 2

    def test_delivered(self):
        bounced = self.found(customer=[2], name=["bounced"], time=["2024-05-04"])
        assert bounced.n_delivered.tolist() == [1, 1]
        told = self.found(customer=[2, 1], name=["delivered", "replied"], time=["2024-05-04"] * 2)
        assert told.n_delivered.tolist() == [1, 1]

    def test_reactions_end_and_feed_journeys(self):
        seen = Responses(customer=[1, 2], name=["opened", "replied"], time=["2024-05-04"] * 2)
        did = seen.events(self.PAST)
        assert did.names == ("opened", "opened b", "opened b, step 1", "replied", "replied a", "replied a, step 2")
        assert seen.events().names == ("opened", "replied")
        base = Customers(customer=[1, 2, 3], dates={"last_purchase": ["2023-08-31"] * 3}, consent={"email": [True] * 3})
        for ends, sent in (
            ("opened", [2, 3]),
            (("opened", "replied"), [3]),
            ("purchase", [1, 2, 3]),
            ("opened a", [1, 2, 3]),
        ):
            cascade = Cascade(ends_with=ends)
            made = plan([cascade], base, did, None, Policy(), "2024-05-31")
            assert made.customer[made.decision == "send"].tolist() == sent
            assert Cascade.from_json(cascade.to_json()) == cascade
        fed = TriggerJourney("thanks", event="replied a", wait_hours=1)
        assert plan([fed], base, did, None, Policy(), "2024-05-04").customer.tolist() == [2]
        assert (
            set(Cascade(ends_with="opened").due(["2023-08-31"], "2024-05-31", last_reaction=["2024-05-04"]).row)
            == set()
        )

    @pytest.mark.parametrize(
        ("name", "wrong"),
        [("name", ["seen"]), ("time", [None]), ("customer", [None]), ("message", [None]), ("channel", ["a", "b"])],
    )
    def test_rejections(self, name, wrong):
        columns = {"customer": [1], "name": ["opened"], "time": ["2024-05-04"], name: wrong}
        with pytest.raises(InputError) as caught:
            Responses(**columns)
        assert caught.value.name == name


class TestOrders:
    """Money is exact: at most the decimals of the currency."""

    def test_numbers_decimals_and_texts_are_one(self):
        columns = {"customer": [1, 2], "time": ["2024-05-01"] * 2, "margin": 1}
        for revenue in (["19.90", "5"], [19.9, 5], [Decimal("19.90"), Decimal(5)]):
            assert Orders(**columns, revenue=revenue) == Orders(**columns, revenue=np.array([19.9, 5.0]))

    def test_what_binary_arithmetic_leaves_is_rounded_off(self):
        revenue = [4e-16, -1e-17, 0.1 + 0.2, 19.9, 1e13 - 0.02, np.nextafter(9e9, 1e10)]
        with np.errstate(all="raise"):
            sold = Orders(customer=range(6), time=["2024-05-01"] * 6, revenue=revenue, benefit=1.1 * 3, margin=1)
        assert sold.revenue.tolist() == [0.0, 0.0, 0.3, 19.9, 9_999_999_999_999.98, 9e9]
        assert not np.signbit(sold.revenue).any()
        assert sold.benefit.tolist() == [3.3] * 6

    @pytest.mark.parametrize(
        ("name", "wrong"),
        [
            ("revenue", [1.234]),
            ("revenue", [2e-9]),
            ("revenue", [-2e-9]),
            ("revenue", ["1.234"]),
            ("revenue", [-1]),
            ("revenue", ["1e3"]),
            ("revenue", [np.nan]),
            ("revenue", [2e13]),
            ("revenue", [Decimal("sNaN")]),
            ("revenue", [Decimal("inf")]),
            ("benefit", -1),
            ("margin", 30),
            ("margin", [0.1, 0.2]),
            ("code", [None]),
            ("decimals", 5),
        ],
    )
    def test_rejections(self, name, wrong):
        with pytest.raises(InputError) as caught:
            Orders(**{"customer": [1], "time": ["2024-05-01"], "revenue": [5], "margin": 1, name: wrong})
        assert caught.value.name == name


def test_sums_of_orders_have_64_bits():
    def orders(n):
        return Orders(customer=[1] * n, time=["2024-05-01"] * n, revenue=[9e12] * n, decimals=4, margin=1)

    assert len(orders(10)) == 10
    with pytest.raises(InputError, match="minor units in sum"):
        orders(101)


def test_messages_read_twice_are_named():
    sent = MessageHistory.from_log(
        customer=[1, 1, 2], journey=["news"] * 3, sent_at=["2024-05-01T10:00"] * 3, channel=["email"] * 3
    )
    sold = Orders(customer=[1], time=["2024-05-02"], revenue=[10], margin=1)
    found = journey_results(sent, None, sold, as_of="2024-07-01")
    assert (found.n_sent.tolist(), found.n_message_copies) == ([3], 1)
    assert found.conclusion.startswith("1 message has the key of another one: if they were read twice, they count")
    twice = journey_results(sent + sent, None, sold, as_of="2024-07-01")
    assert twice.conclusion.startswith("4 messages have the key of another one: ")


def test_rows_of_one_customer_have_a_figure_but_no_known_error():
    sent = MessageHistory.from_log(
        customer=[1, 2], journey=["a", "b"], sent_at=["2024-05-01"] * 2, channel=["email"] * 2
    )
    sold = Orders(customer=[1], time=["2024-05-02"], revenue=[30], margin=1)
    found = journey_results(sent, None, sold, as_of="2024-07-01")
    assert found.revenue.tolist() == [30, 0]
    assert found.rank().conclusion == "No row has both a known figure and a known error."
    assert found.rank()._parts().title == "No row has both a known figure and a known error"


def test_messages_of_one_day_on_two_channels_were_not_read_twice():
    sent = MessageHistory.from_log(
        customer=[1, 1], journey=["news"] * 2, sent_at=["2024-05-01"] * 2, channel=["letter", "sms"]
    )
    sold = Orders(customer=[1], time=["2024-05-02"], revenue=[10], margin=1)
    assert journey_results(sent, None, sold, as_of="2024-07-01").n_message_copies == 0


def campaign(rng, n=800, lift=4.0, control_share=0.5):
    """Simulate a win-back of which chance leaves out some customers: every message adds `lift` in mean."""
    base = Customers(
        customer=np.arange(n), dates={"last_purchase": ["2023-08-31"] * n}, consent={"email": rng.random(n) < 0.8}
    )
    policy = Policy(control_share=control_share, salt=str(rng.integers(10**9)))
    made = plan([Cascade()], base, None, None, policy, "2024-05-31")
    spend = np.where(rng.random(n) < 0.4, rng.gamma(2.0, 20.0, n), 0.0)  # with or without a message
    spend = spend + np.where(made.decision == "send", rng.gamma(1.0, lift, n), 0.0)
    spend = np.round(spend, 2)
    buys = spend > 0
    sold = Orders(
        customer=np.arange(n)[buys],
        time=np.datetime64("2024-06-01") + rng.integers(0, 9, n)[buys],
        revenue=spend[buys],
        margin=0.5,
    )
    return made, sold


class TestControlGroup:
    """Beside the credit stands the difference between those who were meant to get a message and the control group."""

    def test_a_control_group_that_cannot_be_compared(self):
        made, sold = campaign(np.random.default_rng(5))
        early = journey_results(made, None, sold, as_of="2024-06-05")
        assert "The control group cannot show it here" in early.conclusion

    def test_by_channel_it_compares_customers_with_the_same_first_channel(self):
        """By hand: who has agreed to e-mail, who only to text messages, and who to neither, treated minus control."""
        rng, n = np.random.default_rng(3), 900
        email, sms = rng.random(n) < 0.5, rng.random(n) < 0.5
        base = Customers(
            customer=np.arange(n), dates={"last_purchase": ["2023-08-31"] * n}, consent={"email": email, "sms": sms}
        )
        cascade = Cascade(channels=["email", "sms"])
        policy = Policy(control_share=0.4, caps=[FrequencyCap(messages=1, days=9, channel="email")])
        before = MessageHistory.from_log(np.arange(0, n, 7), ["x"] * 129, ["2024-05-30"] * 129, ["email"] * 129)
        made = simulate_plan([cascade], base, None, policy, "2024-05-31", "2024-06-02", history=before)
        spend = np.round(np.where(rng.random(n) < 0.5, rng.gamma(2.0, 20.0, n), 0.0), 2)
        who = np.nonzero(spend)[0]
        sold = Orders(customer=who, time=["2024-06-09"] * len(who), revenue=spend[who], margin=1)
        found = journey_results(made, None, sold, as_of="2024-07-30", by="channel")
        assert found.channel.tolist() == ["", "email", "sms"]
        control = made.customer[(made.decision == "control group") & (made.run == made.run[0])]
        control = np.isin(np.arange(n), control)
        first = np.where(email, "email", np.where(sms, "sms", ""))
        for i, name in enumerate(found.channel.tolist()):
            mine = first == name
            two = spend[mine & ~control], spend[mine & control]
            ends = [stats.ttest_ind(*two, equal_var=equal).confidence_interval().low for equal in (False, True)]
            assert found.n_treated[i] == (mine & ~control).sum()
            assert found.n_control[i] == (mine & control).sum() > 0
            difference = spend[mine & ~control].mean() - spend[mine & control].mean()
            assert found.revenue_effect[i] == pytest.approx(difference)
            assert found.revenue_effect_low[i] == pytest.approx(min(ends))
        sent = made.channel[made.decision == "send"]
        assert found.n_sent.tolist() == [0, (sent == "email").sum(), (sent == "sms").sum()]
        assert ((made.first_channel == "email") & (made.channel == "sms")).any()  # moved by the cap
        whole = journey_results(made, None, sold, as_of="2024-07-30", by=["journey", "channel"])
        assert whole.revenue_effect.tolist() == found.revenue_effect.tolist()
        assert found.n_planned.sum() == made.is_last_look.sum()

    def test_by_channel_nothing_is_said_where_the_first_channel_is_not_known(self):
        """A plan of an earlier release tells the channel of what was sent only."""
        made, sold = campaign(np.random.default_rng(5))
        old = attrs.evolve(made, first_channel=None)
        found = journey_results(old, None, sold, as_of="2024-07-30", by="channel")
        assert np.isnan(found.revenue_effect).all()
        assert found.n_control.tolist() == [0, 0]
        assert found.conclusion.endswith("a plan that knows the first channel of each message.")
        assert journey_results(old, None, sold, as_of="2024-07-30").n_control[0] > 0

    def test_rows_without_a_control_group_are_named(self):
        """The control group of this plan has nobody who has agreed to text messages alone."""
        made, sold = campaign(np.random.default_rng(5))
        moved = (made.decision == "send") & (np.arange(len(made)) < 200)
        other = {name: np.where(moved, "sms", getattr(made, name)) for name in ("channel", "first_channel")}
        found = journey_results(attrs.evolve(made, **other), None, sold, as_of="2024-07-30", by="channel")
        assert np.isnan(found.revenue_effect[found.channel == "sms"]).all()
        assert "1 row without customers in the control group: nothing shows it there." in found.conclusion

    def test_equals_the_wider_of_welch_and_student(self):
        made, sold = campaign(np.random.default_rng(5))
        found = journey_results(made, None, sold, as_of="2024-07-30")
        spend = np.zeros(800)
        spend[sold.customer] = sold.revenue
        control = made.decision == "control group"
        two = spend[~control], spend[control]
        lows = [stats.ttest_ind(*two, equal_var=equal).confidence_interval().low for equal in (False, True)]
        assert found.n_control.tolist() == [control.sum()]
        assert found.revenue_effect[0] == pytest.approx(spend[~control].mean() - spend[control].mean())
        assert found.revenue_effect_low[0] == pytest.approx(min(lows))
        p_values = [stats.ttest_ind(*two, equal_var=equal).pvalue for equal in (False, True)]
        assert found.revenue_p_value[0] == pytest.approx(max(p_values))
        assert found.margin_effect[0] == pytest.approx(found.revenue_effect[0] / 2, rel=1e-3)  # cents are rounded
        bought = [np.mean(spend[~control] > 0), np.mean(spend[control] > 0)]
        assert found.converted_effect[0] == pytest.approx(bought[0] - bought[1])
        assert "Against the control group" in found.conclusion
        assert (found.revenue_effect_low[0] > 0) == ("win-back brought +" in found.conclusion)
        assert "by chance alone" not in found.conclusion
        parts = {"by": "segment", "segment_customer": np.arange(800), "segment": ["a", "b"] * 400}
        split = journey_results(made, None, sold, as_of="2024-07-30", **parts)
        assert "Of 2 rows, about 5 % have an interval without 0 by chance alone; only what holds" in split.conclusion
        assert split.n_control.sum() == found.n_control.sum()

    @pytest.mark.parametrize("by", [(), ("channel",), ("offer",)])
    def test_a_row_of_several_journeys_counts_a_customer_once(self, by):
        """Four messages after one event: the difference is that of the customers by hand, and not four times."""
        rng, n = np.random.default_rng(3), 200
        at = np.datetime64("2024-05-01T10:00") + rng.integers(0, 4, n).astype("timedelta64[D]")
        journeys = [TriggerJourney(f"after {i} days", event="cart", wait_days=i) for i in range(4)]
        base = Customers(customer=np.arange(n), consent={"email": [True] * n})
        did = Events(customer=np.arange(n), name=["cart"] * n, time=at)
        made = simulate_plan(journeys, base, did, Policy(control_share=0.4), "2024-05-01", "2024-05-09")
        spend = np.where(rng.random(n) < 0.5, np.round(rng.gamma(2.0, 20.0, n), 2), 0.0)
        buys = spend > 0
        sold = Orders(
            customer=np.nonzero(buys)[0], time=(at + np.timedelta64(5, "D"))[buys], revenue=spend[buys], margin=1
        )
        found = journey_results(made, None, sold, as_of="2024-07-30", by=by)
        control = np.isin(np.arange(n), made.customer[made.decision == "control group"])
        assert (found.n_treated.tolist(), found.n_control.tolist()) == ([(~control).sum()], [control.sum()])
        difference = spend[~control].mean() - spend[control].mean()
        assert found.incremental_revenue[0] == pytest.approx(difference * (~control).sum())
        lows = [stats.ttest_ind(spend[~control], spend[control], equal_var=e).confidence_interval().low for e in (0, 1)]
        assert found.revenue_effect_low[0] == pytest.approx(min(lows))

    def test_rows_without_a_shown_difference_brought_nothing_in_words(self):
        """Gains that are shown, losses that are shown, and differences that may be chance."""
        made, sold = campaign(np.random.default_rng(5))
        parts = {"by": "segment", "segment_customer": np.arange(800), "segment": [*"abcdefgh"] * 100}
        split = journey_results(made, None, sold, as_of="2024-07-30", **parts)
        effects = np.array([1.0, 5, 4, 3, 2, -1, 9, -9])
        width = np.array([0.5, 1, 1, 1, 1, 0.5, 10, 10])
        low, high = effects - width, effects + width
        p = np.array([0.0001] * 6 + [0.5] * 2)
        known = {
            "revenue_p_value": p,
            "revenue_effect": effects,
            "revenue_effect_low": low,
            "revenue_effect_high": high,
        }
        said = attrs.evolve(split, n_treated=np.full(8, 100), **known).conclusion
        assert (
            "Against the control group, b brought +500.00 (+400.00 to +600.00); c brought +400.00 (+300.00 to "
            "+500.00); d brought +300.00 (+200.00 to +400.00); 3 more rows show a difference; 2 rows show none. Of 8"
        ) in said
        weaker = known | {"revenue_p_value": np.array([0.02] * 6 + [0.5] * 2)}  # 8 * 0.02 > 0.05
        said = attrs.evolve(split, n_treated=np.full(8, 100), **weaker).conclusion
        assert "group, no difference is shown: g" in said
        losing = {
            "revenue_p_value": p,
            "revenue_effect": -effects,
            "revenue_effect_low": -high,
            "revenue_effect_high": -low,
        }
        assert (
            "group, b brought -500.00 (-600.00 to -400.00)"
            in attrs.evolve(split, n_treated=np.full(8, 100), **losing).conclusion
        )
        none = {"revenue_effect": effects, "revenue_effect_low": effects - 20, "revenue_effect_high": effects + 20}
        said = attrs.evolve(split, n_treated=np.full(8, 100), **none).conclusion
        assert "group, no difference is shown: g +900.00 (-1,100.00 to +2,900.00); h -900.00" in said
        assert "brought" not in said

    def test_a_small_control_group_varies_no_less_than_all_customers(self):
        """Most small groups miss the few large orders; Welch's interval of this one left 0 out."""
        made, sold = campaign(np.random.default_rng(5), lift=0.1, control_share=0.03)
        control = made.decision == "control group"
        few = some_orders(sold, ~control[sold.customer] | (sold.revenue < 10))
        spend = np.zeros(800)
        spend[few.customer] = few.revenue
        found = journey_results(made, None, few, as_of="2024-07-30")
        n = np.array([800 - control.sum(), control.sum()])
        squares = sum(((part - part.mean()) ** 2).sum() for part in (spend[~control], spend[control]))
        error = np.sqrt(squares / 798 / n[1])  # of the control group alone
        assert stats.ttest_ind(spend[~control], spend[control], equal_var=False).confidence_interval().low > 0
        assert found.revenue_effect[0] - found.revenue_effect_low[0] > 1.96 * error

    def test_a_customer_counts_once_with_the_first_message_and_with_days_that_are_over(self):
        base = Customers(customer=[1, 2, 3, 4], consent={"email": [True] * 4})
        did = Events(
            customer=[1, 1, 2, 3, 4], name=["visit"] * 5, time=[f"2024-05-{d}T09:00" for d in (10, 20, 10, 10, 29)]
        )
        journey = TriggerJourney("visit", event="visit", cool_down_days=0)
        made = simulate_plan([journey], base, did, Policy(control_share=0.5, salt="s"), "2024-05-10", "2024-05-30")
        sold = Orders(customer=[1, 1], time=["2024-05-11", "2024-05-21"], revenue=[10, 20], margin=1)
        found = journey_results(made, None, sold, as_of="2024-06-01", within_days=5)
        in_control = set(made.customer[made.decision == "control group"].tolist())
        assert found.n_control[0] + found.n_treated[0] == 3  # the days of customer 4 are not over
        side = found.n_control_converted if 1 in in_control else found.n_treated_converted
        assert side.tolist() == [1]

    def test_who_is_compared_does_not_depend_on_the_group(self):
        """The control group had customers whose message would have expired on Sunday, and the other group had none.

        They bought more, so a campaign without effect was said to lose money.
        """
        weekend = np.arange(200) % 2 == 0
        time = np.where(weekend, np.datetime64("2024-06-01T12:00"), np.datetime64("2024-06-03T12:00"))
        did = Events(customer=np.arange(200), name=["cart"] * 200, time=time)
        base = Customers(customer=np.arange(200), consent={"email": [True] * 200})
        hours = BusinessHours(hours={"Mon-Fri": ["09:00-18:00"]})
        carts = TriggerJourney("cart", event="cart", valid_days=1)
        made = plan([carts], base, did, None, Policy(contact_hours=hours, control_share=0.5), "2024-06-01", days=3)
        sold = Orders(customer=np.arange(200), time=time, revenue=np.where(weekend, 100, 10), margin=1)
        found = journey_results(made, None, sold, as_of="2024-07-01")
        in_control = np.unique(made.customer[made.decision == "control group"])
        n = np.count_nonzero(~weekend[in_control])
        assert (found.n_control[0], found.n_treated[0]) == (n, 100 - n)
        assert found.revenue_effect[0] == 0.0

    def test_a_plan_that_goes_on_from_another_one_compares_who_stands_in_both_groups(self):
        """Those of the first week bought more: their reminder was due to the treated alone, a campaign of nothing."""
        first_week = np.arange(200) % 2 == 0
        time = np.where(first_week, np.datetime64("2024-06-03T12:00"), np.datetime64("2024-06-10T12:00"))
        did = Events(customer=np.arange(200), name=["in"] * 200, time=time)
        base = Customers(customer=np.arange(200), consent={"email": [True] * 200})
        steps = {"hello": Message(), "pause": Wait("7 days"), "reminder": Message()}
        two = Journey("two", entry="in", steps=steps), Policy(control_share=0.5)
        before = simulate_plan([two[0]], base, did, two[1], "2024-06-03", "2024-06-09")
        made = simulate_plan([two[0]], base, did, two[1], "2024-06-10", "2024-06-16", history=before.history())
        sold = Orders(
            customer=np.arange(200), time=["2024-06-11"] * 200, revenue=np.where(first_week, 100, 10), margin=1
        )
        found = journey_results(made, None, sold, as_of="2024-07-01")
        n = np.count_nonzero(~first_week[np.unique(made.customer[made.decision == "control group"])])
        assert (found.n_control[0], found.n_treated[0]) == (n, 100 - n)
        assert found.revenue_effect[0] == 0.0
        whole = journey_results(before + made, None, sold, as_of="2024-07-01")
        assert whole.n_control[0] + whole.n_treated[0] == 200

    def test_messages_due_before_a_plan_are_compared_in_a_first_run_alone(self):
        """In a later run, those of the control group are still open, and all others have got theirs."""
        early = np.arange(200) % 2 == 0
        time = np.where(early, np.datetime64("2024-06-08T12:00"), np.datetime64("2024-06-10T12:00"))
        did = Events(customer=np.arange(200), name=["cart"] * 200, time=time)
        base = Customers(customer=np.arange(200), consent={"email": [True] * 200})
        carts, policy = TriggerJourney("cart", event="cart"), Policy(control_share=0.5)
        sold = Orders(customer=np.arange(200), time=["2024-06-11"] * 200, revenue=np.where(early, 100, 10), margin=1)
        before = simulate_plan([carts], base, did, policy, "2024-06-08", "2024-06-09")
        sizes = []
        for history in (None, before.history()):
            made = simulate_plan([carts], base, did, policy, "2024-06-10", "2024-06-12", history=history)
            found = journey_results(made, None, sold, as_of="2024-07-01")
            in_control = np.unique(made.customer[made.decision == "control group"])
            sizes.append((found.n_control[0], found.n_treated[0]))
        n = np.count_nonzero(~early[in_control])
        assert sizes == [(len(in_control), 200 - len(in_control)), (n, 100 - n)]
        assert found.revenue_effect[0] == 0.0

    def test_customers_of_a_journey_without_a_control_group_are_counted(self):
        base = Customers(customer=np.arange(60), consent={"email": [True] * 60})
        carts, policy = TriggerJourney("cart", event="cart"), Policy(control_share=0.5)
        did = Events(customer=np.arange(60), name=["cart"] * 60, time=["2024-06-10T12:00"] * 60)
        made = plan([carts], base, did, None, policy, "2024-06-10")
        treated = made.customer[made.decision == "send"]
        seen = Events(customer=treated, name=["visit"] * len(treated), time=["2024-06-10T12:00"] * len(treated))
        both = [carts, TriggerJourney("visit", event="visit")]
        made = plan(both, base, did + seen, None, policy, "2024-06-10")
        sold = Orders(customer=[1], time=["2024-06-11"], revenue=[10], margin=1)
        found = journey_results(made, None, sold, as_of="2024-07-01")
        assert found.n_treated.tolist() == [len(treated), len(treated)]
        assert found.n_control.tolist() == [60 - len(treated), 0]

    def test_small_money_shows_as_much_as_large(self):
        """In units of 1,000 hryvnias the sums of 800 customers vary by less than one unit."""
        made, sold = campaign(np.random.default_rng(5))
        whole = attrs.evolve(sold, revenue=np.rint(sold.revenue / 20), margin=1, decimals=0)
        large = attrs.evolve(whole, revenue=whole.revenue * 1000)
        found, other = (journey_results(made, None, orders, as_of="2024-07-30") for orders in (whole, large))
        assert found.revenue_effect_low[0] == pytest.approx(other.revenue_effect_low[0] / 1000)

    def test_groups_without_an_order_show_no_effect_of_nothing(self):
        """Where no customer's money differs, nothing shows how it varies: an interval of width 0 would be certain."""
        made, sold = campaign(np.random.default_rng(6), n=20)
        found = journey_results(made, None, some_orders(sold, np.zeros(len(sold), dtype=bool)), as_of="2024-07-30")
        assert (found.n_control[0] > 1, found.revenue_effect[0]) == (True, 0.0)
        assert np.isnan(found.revenue_effect_low[0])
        assert found.conclusion.endswith("The control group does not show it yet: too few customers or orders.")
        assert found.rank(rank_by="incremental_revenue").n_unknown == 1

    def test_without_a_control_group_nothing_is_said(self):
        made, sold = campaign(np.random.default_rng(5))
        for messages in (made.history(), plan([Cascade()], TestRows.BASE, None, None, Policy(), "2024-05-31")):
            found = journey_results(messages, None, sold, as_of="2024-07-30")
            assert np.isnan(found.incremental_revenue).all()
            assert "Without a control group" in found.conclusion

    @pytest.mark.slow
    def test_the_interval_covers_the_truth_of_simulated_campaigns(self):
        """Of 200 campaigns, 184 to 196 intervals of 95 % cover: the share 0.95 within two standard errors and a bit."""
        rng, hits = np.random.default_rng(11), 0
        for _ in range(200):
            made, sold = campaign(rng)
            found = journey_results(made, None, sold, as_of="2024-07-30")
            truth = 4.0 * found.n_sent[0]  # in expectation over those who got a message
            low, high = found.incremental_revenue_interval
            hits += low[0] <= truth <= high[0]
        assert 184 <= hits <= 196


class TestRanks:
    """The chance to be among the best comes from the figures and their standard errors."""

    def test_equals_a_simulation(self):
        from crmvalue._journeys.results.ranks import chances

        rng = np.random.default_rng(2)
        value, error = rng.normal(0, 1, 7), rng.gamma(2, 0.4, 7)
        best, chosen = chances(value, error, 3)
        drawn = rng.normal(value, error, size=(400_000, 7))
        place = np.argsort(np.argsort(-drawn, axis=1), axis=1)
        assert best == pytest.approx((place == 0).mean(axis=0), abs=0.004)
        assert chosen == pytest.approx((place < 3).mean(axis=0), abs=0.004)
        assert (best.sum(), chosen.sum()) == pytest.approx((1.0, 3.0), abs=1e-6)

    @settings(max_examples=30)
    @given(
        st.lists(st.tuples(st.integers(-5, 5), st.sampled_from([0.0, 0.5, 2.0])), min_size=1, max_size=6),
        st.integers(1, 4),
    )
    def test_probabilities_sum_to_the_places(self, rows, top):
        from crmvalue._journeys.results.ranks import chances

        value, error = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
        best, chosen = chances(value, error, top)
        assert best.sum() == pytest.approx(1.0, abs=0.02)  # equal figures without an error share a place only roughly
        assert chosen.sum() == pytest.approx(min(top, len(value)), abs=0.04)
        assert (chosen >= best - 1e-9).all()

    def test_all_of_few_rows_are_among_more_places(self):
        from crmvalue._journeys.results.ranks import chances

        value = np.arange(60.0)
        best, chosen = chances(value, np.full(60, 9.0), 10**6)
        np.testing.assert_array_equal(chosen, 1.0)
        np.testing.assert_array_equal(best, chances(value, np.full(60, 9.0), 1)[0])

    def test_too_many_rows_are_refused_before_the_work(self):
        from crmvalue._journeys.results.ranks import rank_of

        names, value = np.arange(1444).astype(str), np.arange(1444.0)
        with pytest.raises(InputError, match="at most 1,443 rows with a known figure, to rank the best 3; got 1444"):
            rank_of(names, value, np.ones(1444), 3, "revenue")
        with pytest.raises(InputError, match="at most 176 rows"):
            rank_of(names, value, np.ones(1444), 400, "revenue")

    def test_of_results(self):
        rng = np.random.default_rng(3)
        rows = [
            (i, name, "e", "2024-05-01") for i, name in enumerate(np.repeat(["birthday", "cart", "poll", "news"], 100))
        ]
        spend = np.round(rng.gamma(1.0, np.repeat([40.0, 30.0, 5.0, 1.0], 100)), 2)
        sold = Orders(customer=np.arange(400), time=["2024-05-02"] * 400, revenue=spend, margin=1)
        found = journey_results(history(rows), None, sold, as_of="2024-06-30")
        rank = found.rank(top=2)
        assert rank.label.tolist() == ["birthday", "cart", "poll", "news"]
        assert rank.place.tolist() == [1, 2, 3, 4]
        assert rank.prob_top[:2] == pytest.approx([1, 1], abs=1e-3)
        assert rank.prob_best[2] < 1e-3
        assert "birthday is among the best 2 with" in rank.conclusion
        assert found.rank(rank_by="incremental_revenue").n_unknown == 4

    def test_an_error_below_0(self):
        sold = Orders(customer=[1], time=["2024-05-02"], revenue=[1], margin=1)
        found = journey_results(history([(1, "a", "e", "2024-05-01")]), None, sold, as_of="2024-06-30")
        with pytest.raises(InputError, match="revenue_error"):
            attrs.evolve(found, revenue_error=[-1.0])

    @pytest.mark.parametrize("n_messages", [1, 3])
    def test_two_customers_alike_make_no_rank_certain(self, n_messages):
        rows = [(i, "ab"[i // 2], "e", "2024-05-01") for i in range(4) for _ in range(n_messages)]
        sold = Orders(customer=[0, 1], time=["2024-05-02"] * 2, revenue=["0.10", "0.10"], margin=1)
        found = journey_results(history(rows), None, sold, as_of="2024-06-30")
        assert found.revenue.tolist() == [0.2, 0.0]
        assert np.isnan(found.revenue_error).all()
        assert found.rank(top=1).n_unknown == 2

    def test_no_more_rows_than_places(self):
        """Each of two rows is among the best three: that says nothing."""
        rows = {"label": ["a", "b"], "value": [5.0, 4.0], "error": [1.0, 1.0], "place": [1, 2]}
        rank = JourneyRank(**rows, prob_best=[0.76, 0.24], prob_top=[1, 1], top=3, rank_by="revenue", n_unknown=1)
        assert rank.conclusion == (
            "By revenue, the 2 rows are a (5.00), b (4.00). a is the best with 76 %. "
            "Not ranked, without a known figure or error: 1 row."
        )
        assert "the 2 rows are a" in attrs.evolve(rank, top=2).conclusion
        assert "are a (0.0020), b (0.0012)." in attrs.evolve(rank, value=[0.002, 0.0012]).conclusion

    @pytest.mark.parametrize(("name", "wrong"), [("error", [-1.0]), ("prob_best", [1.5]), ("prob_top", [-0.5])])
    def test_values_that_no_log_gives(self, name, wrong):
        row = {"label": ["a"], "value": [5.0], "error": [1.0], "place": [1], "prob_best": [1], "prob_top": [1]}
        with pytest.raises(InputError) as caught:
            JourneyRank(**{**row, name: wrong}, top=3, rank_by="revenue")
        assert caught.value.name == name

    def test_code_without_codes(self):
        """Orders without codes cannot be credited by code; that is no turnover of 0."""
        sold = Orders(customer=[1], time=["2024-05-02"], revenue=[1], margin=1)
        with pytest.raises(InputError, match=re.escape("Orders(code=...) holds the codes")):
            journey_results(history([(1, "a", "e", "2024-05-01")]), None, sold, as_of="2024-06-30", credit="code")

    @pytest.mark.parametrize(("name", "wrong"), [("top", 0), ("rank_by", "beauty")])
    def test_rejections(self, name, wrong):
        found = journey_results(
            history([(1, "a", "e", "2024-05-01")]),
            None,
            Orders(customer=[1], time=["2024-05-02"], revenue=[1], margin=1),
            as_of="2024-06-30",
        )
        with pytest.raises(InputError) as caught:
            found.rank(**{name: wrong})
        assert caught.value.name == name


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("messages", "no"), ("responses", 5), ("orders", None), ("as_of", "x"), ("by", ["colour"]),
        ("by", ["step"] * 2), ("credit", "luck"), ("within_days", 0), ("contact_cost", -1), ("contact_cost", "x"),
        ("contact_cost", "1_0"), ("contact_cost", "\u0661"), ("contact_cost", {"e": "1e5"}),
        ("segment", ["v"]),
        ("period", "hour"), ("level", 1.0), ("by", "segment"),
    ],
)  # fmt: skip
def test_rejections(name, wrong):
    given = {"messages": history([(1, "a", "e", "2024-05-01")]), "responses": None, "as_of": "2024-06-30"}
    given["orders"] = Orders(customer=[1], time=["2024-05-02"], revenue=[1], margin=1)
    with pytest.raises(InputError) as caught:
        journey_results(**{**given, name: wrong})
    assert caught.value.name in {name, "segment", "segment_customer"}


def test_copies_of_orders_are_counted_and_said():
    base = Customers(customer=[1, 2], dates={"last_purchase": ["2023-08-31"] * 2}, consent={"email": [True] * 2})
    made = plan([Cascade()], base, None, None, Policy(), "2024-05-31")
    sold = Orders(customer=[1, 1, 1, 2], time=["2024-06-02T10:00"] * 4, revenue=[10, 10, 11, 10], margin=1)
    found = journey_results(made, None, sold, as_of="2024-06-30")
    assert found.n_copies == 1
    assert found.conclusion.startswith("1 order is an exact copy of another one: if they were read twice")
    assert JourneyResults.from_json(found.to_json()) == found
    coded = Orders(customer=[1, 1], time=["2024-06-02"] * 2, revenue=[10, 10], code=["a", "b"], margin=1)
    assert journey_results(made, None, coded, as_of="2024-06-30").n_copies == 0
