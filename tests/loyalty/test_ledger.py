"""The ledger of points against a slow list of dictionaries, in any order of events."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from crmvalue._core.money import split_amount
from crmvalue._loyalty.ledger import balances_of_entries
from crmvalue._loyalty.shares import share_out_groups
from crmvalue.errors import InputError
from crmvalue.loyalty import PointsLedger, PointsPolicy
from tests.loyalty.references import SlowLedger, largest_remainder, months_later
from tests.tables import check_json

START = np.datetime64("2023-12-20", "D")
MEMBERS = ["ann", "bob"]


def ledger(rows, *, policy=None, if_refused="raise", **columns):
    """Make a ledger of rows (event, member, kind, time, points, refers_to)."""
    event, member, kind, time, points, refers = zip(*((*row, None)[:6] for row in rows), strict=True)
    return PointsLedger(
        policy=policy or PointsPolicy(if_spent="negative"),
        event=event,
        member=member,
        kind=kind,
        time=time,
        points=points,
        refers_to=refers,
        if_refused=if_refused,
        **columns,
    )


EARN = ("e1", "ann", "earn", "2024-01-10", 100)


class TestPointsLedger:
    """Balances follow from events alone; spending takes the points that expire first."""

    def test_what_expires_first_is_spent_first(self):
        """Two lots of 100, the later one expires in March: 120 are 100 of March and 20 of June (oracles, section 6)."""
        rows = [EARN, ("e2", "ann", "earn", "2024-02-10", 100), ("s", "ann", "spend", "2024-02-20", 120)]
        found = ledger(rows, last_day=["2024-06-30", "2024-03-31", None])
        _, _, last, left = found.lots("2024-02-20")
        assert last.astype(str).tolist() == ["2024-06-30"]
        assert left.tolist() == [80]
        assert found.balances("2024-06-30").tolist() == [80]
        assert found.balances("2024-07-01").tolist() == [0]
        assert found.expired("2024-07-01")[2].tolist() == [80]

    def test_pending_points_cannot_be_spent(self):
        policy = PointsPolicy(if_spent="negative", pending_days=14)
        found = ledger([EARN], policy=policy)
        assert found.pending("2024-01-23").tolist() == [100]
        assert found.balances("2024-01-23").tolist() == [0]
        assert found.pending("2024-01-24").tolist() == [0]
        assert found.balances("2024-01-24").tolist() == [100]
        with pytest.raises(InputError, match="more points than the member has"):
            ledger([EARN, ("s", "ann", "spend", "2024-01-23", 1)], policy=policy)

    def test_pending_points_are_not_spent_before_others_that_expire_later(self):
        rows = [EARN, ("a", "ann", "adjust", "2024-01-11", 50), ("s", "ann", "spend", "2024-01-11", 20)]
        found = ledger(rows, policy=PointsPolicy(if_spent="negative", pending_days=14, expire_months=1))
        assert found.lots("2024-01-11")[3].tolist() == [100, 30]

    @pytest.mark.parametrize(
        ("if_spent", "balance", "shortage"), [("negative", -60, 60), ("refund", 0, 60), ("forgive", 0, 60)]
    )
    def test_a_return_of_spent_points_follows_the_policy(self, if_spent, balance, shortage):
        rows = [EARN, ("s", "ann", "spend", "2024-01-11", 60), ("r", "ann", "reverse", "2024-01-12", 100, "e1")]
        found = ledger(rows, policy=PointsPolicy(if_spent=if_spent))
        assert found.balance("ann", "2024-01-12") == balance
        assert found.shortages[1].tolist() == [shortage]

    def test_new_points_pay_a_debt_when_they_can_be_spent(self):
        rows = [EARN, ("s", "ann", "spend", "2024-01-25", 100), ("r", "ann", "reverse", "2024-01-26", 100, "e1")]
        policy = PointsPolicy(if_spent="negative", pending_days=14)
        found = ledger([*rows, ("e2", "ann", "earn", "2024-02-01", 130)], policy=policy)
        assert [found.balance("ann", f"2024-02-{day}") for day in ("14", "15")] == [-100, 30]

    def test_half_a_return_of_a_spending_goes_back_in_proportion(self):
        rows = [EARN, ("e2", "ann", "earn", "2024-02-10", 20), ("s", "ann", "spend", "2024-02-20", 120)]
        found = ledger([*rows, ("r", "ann", "reverse", "2024-02-21", 60, "s")])
        assert sorted(found.lots("2024-02-21")[3].tolist()) == [10, 50]

    def test_returned_points_can_be_spent_again(self):
        rows = [EARN, ("s", "ann", "spend", "2024-01-11", 100), ("r", "ann", "reverse", "2024-01-12", 100, "s")]
        assert ledger([*rows, ("s2", "ann", "spend", "2024-01-13", 90)]).balance("ann", "2024-01-13") == 10

    def test_inactivity_ends_all_points(self):
        policy = PointsPolicy(if_spent="negative", inactive_months=6)
        rows = [EARN, ("e2", "ann", "earn", "2024-06-10", 5), ("e3", "ann", "earn", "2025-06-10", 7)]
        found = ledger(rows, policy=policy)
        assert [found.balance("ann", day) for day in ("2024-07-10", "2024-12-10", "2024-12-11", "2025-06-10")] == [
            105,
            105,
            0,
            7,
        ]  # fmt: skip - one row of days, one of balances

    @pytest.mark.parametrize("spent", [99, 100])
    def test_points_that_come_back_after_inactivity_have_ended_with_the_others(self, spent):
        ledger = PointsLedger(
            policy=PointsPolicy(if_spent="negative", inactive_months=1),
            event=[1, 2, 3, 4],
            member=["ann"] * 4,
            kind=["earn", "spend", "earn", "reverse"],
            time=["2024-01-01", "2024-01-02", "2024-06-01", "2024-06-02"],
            points=[100, spent, 10, spent],
            refers_to=[None, None, None, 2],
        )
        assert ledger.balance("ann", "2024-06-02") == 10
        assert ledger.totals("2024-06-02")["expire"] == -100

    def test_the_last_day_before_inactivity_counts(self):
        policy = PointsPolicy(if_spent="negative", inactive_months=6)
        rows = [EARN, ("s", "ann", "spend", "2024-07-10", 30)]
        assert ledger(rows, policy=policy).balance("ann", "2025-01-10") == 70
        late = ledger([EARN, ("s", "ann", "spend", "2024-07-11", 30)], policy=policy, if_refused="count")
        assert late.refusals[1] == ["more points than the member has"]

    def test_points_that_expired_unspent_have_paid_the_debt(self):
        rows = [EARN, ("s", "ann", "spend", "2024-01-11", 60), ("r", "ann", "reverse", "2024-01-12", 100, "e1")]
        rows += [("e2", "ann", "earn", "2024-01-20", 100), ("e3", "ann", "earn", "2024-06-01", 5)]
        found = ledger(rows, policy=PointsPolicy(if_spent="negative", expire_months=1))
        assert found.balance("ann", "2024-01-20") == 40
        assert found.balance("ann", "2024-06-01") == 5
        assert found.expired("2024-06-01")[2].tolist() == [40]

    def test_points_that_never_become_usable_pay_no_debt(self):
        rows = [EARN, ("r", "ann", "reverse", "2024-01-11", 100, "e1"), ("a", "ann", "adjust", "2024-01-12", 20)]
        rows += [("s", "ann", "spend", "2024-01-12", 20), ("r2", "ann", "reverse", "2024-01-12", 20, "a")]
        rows += [("e2", "ann", "earn", "2024-01-13", 50), ("e3", "ann", "earn", "2024-06-01", 5)]
        policy = PointsPolicy(if_spent="negative", pending_days=60, inactive_months=1)
        assert ledger(rows, policy=policy).balance("ann", "2024-06-01") == -20

    def test_points_that_can_be_spent_first_pay_the_debt(self):
        rows = [("a", "ann", "adjust", "2024-01-01", 60), ("s", "ann", "spend", "2024-01-02", 60)]
        rows += [("r", "ann", "reverse", "2024-01-03", 60, "a"), ("e2", "ann", "earn", "2024-01-20", 100)]
        rows += [("e3", "ann", "earn", "2024-01-21", 100), ("b", "ann", "adjust", "2024-03-01", 1)]
        last = [None, None, None, "2024-12-31", "2024-02-10", None]
        found = ledger(rows, policy=PointsPolicy(if_spent="negative", pending_days=14), last_day=last)
        assert [found.balance("ann", day) for day in ("2024-02-02", "2024-02-03", "2024-03-01")] == [-60, 40, 41]

    def test_a_ledger_may_be_empty(self):
        empty = PointsLedger(policy=PointsPolicy(if_spent="refund"), event=[], member=[], kind=[], time=[], points=[])
        assert empty.balance("ann", "2024-01-01") == 0
        assert sum(empty.totals("2024-01-01").values()) == 0
        row = {"event": ["x"], "member": ["ann"], "kind": ["earn"], "time": ["2024-01-01"], "points": [7]}
        assert empty.add(**row).balance("ann", "2024-01-01") == 7
        with pytest.raises(InputError):
            PointsLedger(policy=empty.policy, **{**row, "event": [], "member": []})

    def test_columns_of_dataframes_with_gaps(self):
        columns = {
            "event": [1, 2, 3],
            "member": ["ann"] * 3,
            "kind": ["earn", "spend", "reverse"],
            "time": ["2024-01-01", "2024-01-02", "2024-01-03"],
            "points": [100, 50, 20],
            "refers_to": [None, None, 2],
        }
        for frame in (pd.DataFrame(columns), pl.DataFrame(columns)):
            made = PointsLedger(policy=PointsPolicy(if_spent="negative"), **{name: frame[name] for name in columns})
            assert made.balance("ann", "2024-01-03") == 70

    @pytest.mark.parametrize(
        ("earned", "years", "last"),
        [("2024-05-01", 0, "2024-12-31"), ("2024-12-31", 0, "2024-12-31"), ("2024-01-01", 1, "2025-12-31")],
    )
    def test_points_expire_at_a_day_of_the_year(self, earned, years, last):
        policy = PointsPolicy(if_spent="negative", expire_on="12-31", expire_years=years)
        assert str(policy.last_days(earned)) == last

    def test_a_transfer_keeps_the_last_day(self):
        rows = [EARN, ("t", "ann", "transfer", "2024-01-20", 40)]
        found = ledger(rows, to_member=[None, "bob"], last_day=["2024-03-31", None])
        assert found.members.tolist() == ["ann", "bob"]
        assert found.balances("2024-03-31").tolist() == [60, 40]
        assert found.balances("2024-04-01").tolist() == [0, 0]

    def test_a_late_event_is_booked_at_its_time(self):
        late = ledger([("s", "ann", "spend", "2024-01-11", 60)], if_refused="count")
        assert late.refusals[1] == ["the member has no points yet"]
        full = late.add(event=["e1"], member=["ann"], kind=["earn"], time=["2024-01-10"], points=[100])
        assert full.refusals[1] == []
        assert full.balance("ann", "2024-01-11") == 40

    @pytest.mark.parametrize(
        ("row", "reason"),
        [
            (EARN, "a repeated event"),
            (("e1", "ann", "earn", "2024-01-10", 99), "another event has the same identifier"),
            (("s", "bob", "spend", "2024-02-01", 1), "the member has no points yet"),
            (("s", "ann", "spend", "2024-01-01", 1), "the member has no points yet"),
            (("s", "ann", "spend", "2024-02-01", 101), "more points than the member has"),
            (("s", "ann", "adjust", "2024-02-01", -101), "more points than the member has"),
            (("r", "ann", "reverse", "2024-02-01", 1, "x"), "the event to reverse is unknown"),
            (("r", "ann", "reverse", "2024-02-01", 1), "the event to reverse is unknown"),
            (("r", "bob", "reverse", "2024-02-01", 1, "e1"), "the event to reverse is of another member"),
            (("r", "ann", "reverse", "2024-02-01", 101, "e1"), "more points than are left to reverse"),
        ],
    )
    def test_a_hostile_log_raises_or_is_counted(self, row, reason):
        found = ledger([EARN, row], if_refused="count")
        assert found.refusals[1] == [reason]
        assert found.balance("ann", "2024-12-31") == 100
        if reason == "a repeated event":
            assert ledger([EARN, row]).balance("ann", "2024-12-31") == 100
        else:
            with pytest.raises(InputError, match=reason):
                ledger([EARN, row])

    def test_a_second_reversal_is_refused(self):
        rows = [EARN, ("r", "ann", "reverse", "2024-01-11", 100, "e1"), ("r2", "ann", "reverse", "2024-01-11", 1, "e1")]
        found = ledger(rows, if_refused="count")
        assert found.refusals[1] == ["more points than are left to reverse"]
        assert found.balance("ann", "2024-01-11") == 0

    @pytest.mark.parametrize(
        ("change", "name"),
        [
            ({"points": 0}, "points"),
            ({"points": 1.5}, "points"),
            ({"points": 1e13}, "points"),
            ({"kind": "gift"}, "kind"),
            ({"time": "soon"}, "time"),
            ({"member": ""}, "member"),
            ({"kind": "transfer"}, "to_member"),
            ({"last_day": "2023-01-01"}, "last_day"),
            ({"event": None}, "event"),
        ],
    )
    def test_wrong_columns_are_refused(self, change, name):
        row = dict(zip(("event", "member", "kind", "time", "points"), EARN, strict=True))
        columns = {key: [value] for key, value in {**row, **change}.items()}
        with pytest.raises(InputError) as caught:
            PointsLedger(policy=PointsPolicy(if_spent="negative"), **columns)
        assert caught.value.name == name

    @pytest.mark.parametrize(
        "wrong",
        [
            {"if_spent": "x"},
            {"expire_months": 0},
            {"expire_on": "02-30"},
            {"pending_days": -1},
            {"expire_on": "x"},
            {"pending_days": 32, "expire_months": 1},
            {"pending_days": 366, "expire_on": "12-31"},
        ],
    )
    def test_wrong_policies_are_refused(self, wrong):
        with pytest.raises(InputError) as caught:
            PointsPolicy(**{"if_spent": "negative", **wrong})
        assert caught.value.name in wrong

    @pytest.mark.parametrize(
        "legal", [{"expire_months": 1, "pending_days": 31}, {"inactive_months": 1, "pending_days": 99}]
    )
    def test_policies_whose_points_can_be_spent_are_taken(self, legal):
        assert PointsPolicy(if_spent="negative", **legal).pending_days == legal["pending_days"]

    def test_json_gives_the_same_ledger(self):
        rows = [EARN, ("r", "ann", "reverse", "2024-01-11", 40, "e1"), ("t", "ann", "transfer", "2024-01-12", 1)]
        made = ledger(rows, to_member=[None, None, "bob"], policy=PointsPolicy(if_spent="refund", expire_on="12-31"))
        check_json(made)
        check_json(made.policy)
        assert PointsLedger.from_json(made.to_json()).balances("2024-02-01").tolist() == [59, 1]

    def test_an_unknown_member_has_no_points(self):
        assert ledger([EARN]).balances("2024-02-01", ["zoe", "ann", "zoe"]).tolist() == [0, 100, 0]

    def test_members_whose_names_differ_by_a_null_at_the_end(self):
        """It would be cut off by numpy, so such names are kept as objects; they are texts all the same."""
        odd = ledger([EARN, ("e2", "ann\0", "earn", "2024-01-10", 7)])
        assert odd.members.tolist() == ["ann", "ann\0"]
        assert odd.balances("2024-02-01", ["ann"]).tolist() == [100]
        assert ledger([EARN]).balances("2024-02-01", ["ann", "ann\0"]).tolist() == [100, 0]
        assert ledger([EARN]).balance("ann\0", "2024-02-01") == 0
        with pytest.raises(InputError, match="of the same type as the members"):
            odd.balance(7, "2024-02-01")

    def test_issues_count_what_was_spent_of_each_lot(self):
        rows = [EARN, ("e2", "ann", "earn", "2024-02-10", 20), ("s", "ann", "spend", "2024-02-20", 110)]
        rows += [("r", "ann", "reverse", "2024-02-21", 11, "s")]
        _, day, issued, spent, _ = ledger(rows).issues("2024-03-01")
        assert day.astype(str).tolist() == ["2024-01-10", "2024-02-10"]
        assert issued.tolist() == [100, 20]
        assert spent.tolist() == [90, 9]

    def test_a_debt_is_paid_when_the_points_come_back(self):
        """Not before: between the debt and the day on which they come back no lot is below 0."""
        rows = [
            EARN,
            ("s1", "ann", "spend", "2024-01-12", 100),
            ("r1", "ann", "reverse", "2024-01-15", 100, "e1"),
            ("r2", "ann", "reverse", "2024-01-20", 60, "s1"),
            ("e2", "ann", "earn", "2024-01-25", 5),
        ]
        book = ledger(rows)
        days = ["2024-01-14", "2024-01-17", "2024-01-20", "2024-01-26"]
        assert [book.balance("ann", day) for day in days] == [0, -100, -40, -35]
        assert [book.lots(day)[3].tolist() for day in days] == [[], [], [], []]

    def test_members_of_another_type_are_refused(self):
        book = ledger([EARN])
        with pytest.raises(InputError, match="of the same type"):
            book.balance(7, "2024-02-01")
        assert book.balances("2024-02-01", ["bob"]).tolist() == [0]

    @pytest.mark.parametrize("n_unsigned", range(3))
    def test_numbers_without_a_sign_are_exact_beside_those_of_lists(self, n_unsigned):
        """Numpy makes floats of both together: nothing could be added, and what an event takes back was unknown."""
        low, day = 2**60, ["2024-01-01"]
        old, new = (lambda *ids, k=k: np.array(ids, dtype=np.uint64 if k < n_unsigned else np.int64) for k in (0, 1))
        ledger = PointsLedger(
            policy=PointsPolicy(if_spent="negative"), event=old(low + 11, low + 12, low + 13, low + 14),
            member=old(low + 1, low + 2, low + 2, low + 1), kind=["earn", "earn", "reverse", "reverse"], time=day * 4,
            points=[10, 20, 5, 1], refers_to=[None, None, low + 12, low + 11],
        )  # fmt: skip
        more = ledger.add(
            event=new(low + 15), member=new(low + 2), kind=["reverse"], time=day, points=[3], refers_to=[low + 12]
        )
        assert more.balances("2024-02-01", [low + 1, low + 2]).tolist() == [9, 12]


class TestShares:
    """Whole parts in proportion, the largest remainders first."""

    @pytest.mark.parametrize(
        ("weights", "amount", "parts"),
        [
            ([4000, 2000, 2000], 300, [150, 75, 75]),
            ([4300, 1400, 2300], 299, [161, 52, 86]),
            ([1000, 1000, 1000], 299, [100, 100, 99]),
            ([10, 0], 40, [40, 0]),
        ],
    )
    def test_known_answers(self, weights, amount, parts):
        """Oracles, section 5."""
        assert list(split_amount(amount, weights)) == parts
        assert share_out_groups(np.zeros(len(weights), int), np.array([amount]), np.array(weights)).tolist() == parts

    @given(
        st.lists(st.tuples(st.integers(0, 3), st.integers(0, 50)), min_size=1),
        st.lists(st.integers(0, 99), min_size=4, max_size=4),
    )
    def test_equals_giving_units_one_by_one(self, lines, amounts):
        group, weight = np.array(lines).T
        found = share_out_groups(group, np.array(amounts), weight)
        for number, amount in enumerate(amounts):
            own = weight[group == number].tolist()
            if sum(own):
                assert found[group == number].tolist() == largest_remainder(amount, own)
                assert list(split_amount(amount, own)) == largest_remainder(amount, own)


class Machine(RuleBasedStateMachine):
    """Any order of events, booked here and in the slow ledger."""

    policy: dict

    def __init__(self):
        super().__init__()
        self.rows = []
        self.slow = SlowLedger(**self.policy)
        self.day = START
        self.results = []

    def book(self, member, kind, points, refers_to=None, to_member=None):
        row = (len(self.rows), member, kind, self.day, points, refers_to, to_member)
        self.rows.append(row)
        self.results.append(self.slow.post(*row))

    @rule(days=st.sampled_from([1, 5, 14]))
    def wait(self, days):
        self.day = self.day + days

    @rule(months=st.sampled_from([1, 2, 3, 6]))
    def wait_months(self, months):
        self.day = months_later(self.day, months)

    @rule(member=st.sampled_from(MEMBERS), points=st.integers(1, 100))
    def earn(self, member, points):
        self.book(member, "earn", points)

    @rule(member=st.sampled_from(MEMBERS), points=st.integers(1, 150))
    def spend(self, member, points):
        self.book(member, "spend", points)

    @rule(member=st.sampled_from(MEMBERS), points=st.integers(1, 30))
    def expire(self, member, points):
        self.book(member, "expire", points)

    @rule(member=st.sampled_from(MEMBERS), points=st.integers(-30, 30).filter(bool))
    def adjust(self, member, points):
        self.book(member, "adjust", points)

    @rule(pair=st.permutations(MEMBERS), points=st.integers(1, 60))
    def transfer(self, pair, points):
        self.book(pair[0], "transfer", points, to_member=pair[1])

    @rule(data=st.data(), points=st.integers(1, 100))
    def reverse(self, data, points):
        if self.rows:
            of = data.draw(st.sampled_from(self.rows))
            whole = data.draw(st.booleans())
            self.book(of[1], "reverse", abs(of[4]) if whole else points, refers_to=of[0])

    def made(self, rows):
        event, member, kind, time, points, refers, to = zip(*rows, strict=True)
        return PointsLedger(
            policy=PointsPolicy(**self.policy),
            event=event,
            member=member,
            kind=kind,
            time=np.array(time),
            points=points,
            refers_to=refers,
            to_member=to,
            if_refused="count",
        )

    @invariant()
    def agrees(self):
        if not self.rows:
            return
        made = self.made(self.rows)
        refused = made.refusals[0].tolist()
        assert refused == [i for i, done in enumerate(self.results) if not done]
        found = made.balances(self.day, MEMBERS).tolist()
        assert found == [self.slow.balance(member, self.day) for member in MEMBERS]
        assert found == [made.balance(member, self.day) for member in MEMBERS]
        if self.policy["if_spent"] != "negative":
            assert min(found) >= 0
        for day in (self.day, self.day + 400):
            total = made.totals(day)
            balance, pending = total.pop("balance"), total.pop("pending")
            assert sum(total.values()) == balance + pending
            assert total["transfer"] == 0

    def teardown(self):
        if not self.rows:
            return
        made = self.made(self.rows)
        twice = self.made([*self.rows, *self.rows])
        half = len(self.rows) // 2
        steps = self.made(self.rows[: half + 1])
        for row in self.rows[half + 1 :]:
            columns = dict(
                zip(("event", "member", "kind", "time", "points", "refers_to", "to_member"), row, strict=True)
            )
            steps = steps.add(**{name: [value] for name, value in columns.items()})
        days = sorted({row[3] for row in self.rows})
        for day in days:
            now = made.balances(day, MEMBERS).tolist()
            assert twice.balances(day, MEMBERS).tolist() == now
            assert steps.balances(day, MEMBERS).tolist() == now
            before = self.made([row for row in self.rows if row[3] <= day])
            assert before.balances(day, MEMBERS).tolist() == now


def machine(name, n_examples, n_steps, **policy):
    case = type(name, (Machine,), {"policy": policy}).TestCase
    case.settings = settings(
        max_examples=n_examples,
        stateful_step_count=n_steps,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    return case


NEGATIVE = {"if_spent": "negative", "pending_days": 14, "expire_months": 3}
REFUND = {"if_spent": "refund", "pending_days": 5, "inactive_months": 2}
FORGIVE = {"if_spent": "forgive", "expire_months": 6, "inactive_months": 3}

TestNegative = machine("Negative", 20, 25, **NEGATIVE)
TestRefund = machine("Refund", 20, 25, **REFUND)
TestForgive = machine("Forgive", 20, 25, **FORGIVE)
TestNegativeLong = pytest.mark.slow(machine("NegativeLong", 50, 40, **NEGATIVE))
TestRefundLong = pytest.mark.slow(machine("RefundLong", 50, 40, **REFUND))
TestForgiveLong = pytest.mark.slow(machine("ForgiveLong", 50, 40, **FORGIVE))


def test_a_sum_of_entries_counts_lots_that_are_alive():
    entries = np.array([[0, 1, 2], [0, 0, 1], [0, 0, -1], [5, 6, 6], [10, -3, -4]])
    lots = np.array([[0], [0], [7], [9]])
    balances = [balances_of_entries(entries, lots, 2, np.datetime64(day, "D")).tolist() for day in (6, 7, 9, 10)]
    assert balances == [[0, -4], [7, -4], [7, -4], [0, -4]]
