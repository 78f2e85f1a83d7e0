"""More events for a ledger: what is booked again equals what is booked all at once."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmvalue._loyalty.booking.addition import join_members, rows_of_events
from crmvalue.errors import InputError
from crmvalue.loyalty import PointsLedger, PointsPolicy
from tests.loyalty.test_ledger import ledger

START = np.datetime64("2023-12-20", "D")
POLICIES = [
    PointsPolicy(if_spent="negative", pending_days=7, expire_months=2),
    PointsPolicy(if_spent="refund", inactive_months=1),
    PointsPolicy(if_spent="forgive"),
]
SHARES = {"earn": 0.4, "spend": 0.2, "expire": 0.1, "reverse": 0.15, "adjust": 0.1, "transfer": 0.05}
NAMES = ("event", "member", "kind", "time", "points", "refers_to", "to_member", "last_day")


@st.composite
def logs(draw, most=30):
    """Events in any order of time, with repeats, references to events of others and transfers in chains."""
    n = draw(st.integers(2, most))
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    n_members = int(rng.integers(1, 9))
    kind = rng.choice(
        ["earn", "spend", "expire", "reverse", "adjust", "transfer"], n, p=[0.4, 0.2, 0.1, 0.15, 0.1, 0.05]
    )
    member = rng.integers(0, n_members, n)
    event = np.where(rng.random(n) < 0.9, np.arange(n), rng.integers(0, n, n))
    day = START + rng.integers(0, 120, n)
    refers = [
        int(rng.integers(0, n)) if rng.random() < (0.95 if word == "reverse" else 0.02) else None for word in kind
    ]
    points = rng.integers(1, 60, n) * np.where((kind == "adjust") & (rng.random(n) < 0.5), -1, 1)
    to = [int(member[i] + 1) % (n_members + 1) if kind[i] == "transfer" else None for i in range(n)]
    last = [day[i] + int(rng.integers(0, 90)) if rng.random() < 0.2 else None for i in range(n)]
    if draw(st.booleans()):
        event, refers = np.char.mod("e%d", event), [None if item is None else f"e{item}" for item in refers]
    if draw(st.booleans()):
        member, to = np.char.mod("m%d", member), [None if item is None else f"m{item}" for item in to]
    columns = dict(zip(NAMES, (event, member, kind, day, points, refers, to, last), strict=True))
    return columns, sorted(rng.integers(1, n, draw(st.integers(1, 4))).tolist())


def part(columns, begin, end, *, without=()):
    return {name: column[begin:end] for name, column in columns.items() if name not in without}


def check_same(found, wanted):
    """Compare all that a ledger tells, every three weeks."""
    assert found == wanted
    assert found.members.tolist() == wanted.members.tolist()
    assert found.refusals[0].tolist() == wanted.refusals[0].tolist()
    assert found.refusals[1] == wanted.refusals[1]
    assert [side.tolist() for side in found.shortages] == [side.tolist() for side in wanted.shortages]
    for day in START + np.arange(0, 250, 21):
        assert found.totals(day) == wanted.totals(day)
        assert found.balances(day).tolist() == wanted.balances(day).tolist()
        assert found.pending(day).tolist() == wanted.pending(day).tolist()
        for name in ("lots", "expired", "issues"):
            one, other = (getattr(ledger, name)(day) for ledger in (found, wanted))
            assert [side.tolist() for side in one] == [side.tolist() for side in other]


def check_parts(policy, columns, cuts):
    wanted = PointsLedger(policy=policy, if_refused="count", **columns)
    ends = [*cuts, len(columns["event"])]
    found = PointsLedger(policy=policy, if_refused="count", **part(columns, 0, ends[0]))
    for begin, end in pairwise(ends):
        found = found.add(**part(columns, begin, end))
    check_same(found, wanted)
    return found


class TestAdd:
    """A ledger to which events were added is the ledger of all events."""

    @given(policy=st.sampled_from(POLICIES), log=logs())
    def test_equals_booking_all_at_once(self, policy, log):
        check_parts(policy, *log)

    @pytest.mark.slow
    @settings(max_examples=200)
    @given(policy=st.sampled_from(POLICIES), log=logs(most=120))
    def test_equals_booking_all_at_once_in_long_logs(self, policy, log):
        found = check_parts(policy, *log)
        check_same(PointsLedger.from_json(found.to_json()), found)

    def test_only_the_members_of_new_events_are_booked(self, monkeypatch):
        """Bob gave points to Dan, and Eve's reversal refers to an event of Dan: the three belong together."""
        from crmvalue._loyalty import ledger as module

        seen = []
        replay = module.replay
        monkeypatch.setattr(
            module, "replay", lambda policy, log, n: seen.append(sorted(log.row.tolist())) or replay(policy, log, n)
        )
        book = PointsLedger(
            policy=POLICIES[2],
            event=["a", "b", "c", "d", "e", "f"],
            member=["ann", "bob", "bob", "dan", "eve", "fay"],
            kind=["earn", "earn", "transfer", "earn", "reverse", "reverse"],
            time=["2024-01-01"] * 6,
            points=[10, 20, 5, 7, 7, 1],
            refers_to=[None, None, None, None, "d", "late"],
            to_member=[None, None, "dan", None, None, None],
            if_refused="count",
        )
        row = {"kind": ["earn"], "time": ["2024-01-02"], "points": [1]}
        book.add(event=["x"], member=["ann"], **row)
        book.add(event=["x"], member=["new"], **row)
        book.add(event=["x"], member=["eve"], **row)
        book.add(event=["late"], member=["ann"], **row)
        alone = [[0, 1, 2, 3, 4, 5], [0], [0, 6], [0], [6], [0], [1, 2, 3, 4, 6], [0], [0, 5, 6]]
        assert seen == alone

    def test_a_debt_stays_beside_the_lots_of_others(self):
        """Bob owes 30 for a returned order, also after the points of Ann, the only ones in a lot, have expired."""
        book = PointsLedger(
            policy=POLICIES[0],
            event=["a", "b", "s"],
            member=["ann", "bob", "bob"],
            kind=["earn", "earn", "spend"],
            time=["2024-01-01", "2024-01-01", "2024-01-10"],
            points=[10, 30, 30],
        )
        row = {"kind": ["reverse"], "time": ["2024-01-20"], "points": [30], "refers_to": ["b"]}
        found = book.add(event=["r"], member=["bob"], **row)
        assert found.balances("2024-01-20").tolist() == [10, -30]
        assert found.balances("2025-01-20").tolist() == [0, -30]
        assert found.lots("2024-01-20")[3].tolist() == [10]

    def test_shortages_and_refusals_stay_in_the_order_of_rows(self):
        """Each of two members spends, returns the order, and spends what is not there; then the first one earns."""
        book = PointsLedger(
            policy=POLICIES[2],
            event=range(8),
            member=["ann", "bob"] * 4,
            kind=["earn"] * 2 + ["spend"] * 2 + ["reverse"] * 2 + ["spend"] * 2,
            time=["2024-01-01"] * 8,
            points=[20, 10] * 4,
            refers_to=[None] * 4 + [0, 1] + [None] * 2,
            if_refused="count",
        )
        found = book.add(event=[8], member=["ann"], kind=["earn"], time=["2024-02-01"], points=[1])
        assert [side.tolist() for side in found.shortages] == [[4, 5], [20, 10]]
        assert found.refusals[0].tolist() == [6, 7]

    def test_the_ledger_itself_stays_as_it_is(self):
        row = {"member": ["ann"], "kind": ["earn"], "points": [100]}
        book = PointsLedger(policy=POLICIES[2], event=["e2"], time=["2024-01-10"], **row)
        more = book.add(event=["e1"], time=["2024-01-05"], **row)
        assert (book.balance("ann", "2024-02-01"), more.balance("ann", "2024-02-01")) == (100, 200)
        with pytest.raises(ValueError, match="read-only"):
            more.points[0] = 7

    def test_an_old_event_that_no_longer_can_be_is_named(self):
        """A late spending takes the points of an earlier row."""
        book = PointsLedger(
            policy=POLICIES[2],
            event=["e", "s"],
            member=["ann", "ann"],
            kind=["earn", "spend"],
            time=["2024-01-01", "2024-03-01"],
            points=[100, 100],
        )
        with pytest.raises(InputError, match="more points than the member has") as caught:
            book.add(event=["t"], member=["ann"], kind=["spend"], time=["2024-02-01"], points=[1])
        assert caught.value.index == 1

    @pytest.mark.parametrize("change", [{"event": [7]}, {"member": [7]}, {"refers_to": [7], "kind": ["reverse"]}])
    def test_identifiers_of_another_type_are_refused(self, change):
        row = {"event": ["e"], "member": ["ann"], "kind": ["earn"], "time": ["2024-01-01"], "points": [1]}
        book = PointsLedger(policy=POLICIES[2], refers_to=["x"], if_refused="count", **row)
        with pytest.raises(InputError) as caught:
            book.add(**{**row, "event": ["f"], **change})
        assert caught.value.name in change

    def test_points_beyond_the_limit_are_refused(self):
        row = {"member": ["ann"] * 4000, "kind": ["earn"] * 4000, "time": ["2024-01-01"] * 4000}
        book = PointsLedger(policy=POLICIES[2], event=range(4000), points=[10**12] * 4000, **row)
        with pytest.raises(InputError, match=r"2\*\*52"):
            book.add(event=range(4000, 8000), points=[10**12] * 4000, **row)


class TestParts:
    """What `add` stands on."""

    @given(st.sets(st.integers(0, 9), min_size=1), st.sets(st.integers(0, 9)))
    def test_members_of_both(self, old, new):
        before, after = np.array(sorted(old)), np.array(sorted(new), dtype=np.int64)
        both, one, other = join_members(before, after)
        assert both.tolist() == sorted(old | new)
        assert both[one].tolist() == before.tolist()
        assert both[other].tolist() == after.tolist()

    def test_longer_names_stay_whole(self):
        assert join_members(np.array(["b"]), np.array(["a long name"]))[0].tolist() == ["a long name", "b"]

    def test_ends_of_null_characters_are_not_cut_off(self):
        rows = [("a", "ann", "earn", "2024-01-01", 5), ("r", "ann", "reverse", "2024-01-02", 5, "a\0")]
        assert ledger(rows, if_refused="count").refusals[1] == ["the event to reverse is unknown"]
        both = [("a\0", "ann", "earn", "2024-01-01", 7), *rows]
        assert ledger(both).balance("ann", "2024-01-02") == 7

    def test_rows_of_events(self):
        assert rows_of_events(np.array([5, 3, 5, 4]), [5, None, "5", 9, 3]).tolist() == [0, -1, -1, -1, 1]
        assert rows_of_events(np.array(["b", "a", "b"]), ["b", 5, "c"]).tolist() == [0, -1, -1]
