"""Members with returns and transfers, who are booked event by event: points that come back, and many open lots."""

from __future__ import annotations

import numpy as np
import pytest

from crmvalue._loyalty.booking.replacements import Replacements, undo_replacements
from crmvalue.loyalty import PointsLedger, PointsPolicy
from tests.loyalty.references import SlowLedger
from tests.loyalty.test_ledger import ledger
from tests.work import times_longer


class TestReplay:
    """A member may have any number of open lots, empty ones among them."""

    def test_points_that_come_back_to_a_lot_emptied_by_a_return_have_ended_too(self):
        rows = [
            ("e1", "ann", "earn", "2024-01-01", 100),
            ("s1", "ann", "spend", "2024-01-02", 60),
            ("r1", "ann", "reverse", "2024-01-03", 40, "e1"),
            ("e2", "ann", "earn", "2024-01-04", 10),
            ("s2", "ann", "spend", "2024-01-05", 10),
            ("e3", "ann", "earn", "2024-06-01", 5),
            ("r2", "ann", "reverse", "2024-06-02", 60, "s1"),
        ]
        found = ledger(rows, policy=PointsPolicy(if_spent="negative", inactive_months=1))
        assert found.balance("ann", "2024-06-02") == 5  # it was 65
        assert found.totals("2024-06-02")["expire"] == -60

    @pytest.mark.parametrize("case", ["transfers", "debt"])
    def test_time_grows_with_the_events_and_not_with_the_lots_of_a_member(self, case):
        """40,000 events took 15 seconds with transfers."""

        def book(n):
            row = np.arange(n)
            kind = np.where(row % 4 < 2, "earn", "transfer")
            refers = np.full(n, -1)
            points = np.where(row % 4 < 2, 9, 1)
            if case == "debt":  # the first order is returned when its points are spent, and new points pay for it
                kind[:], points[:] = "earn", 1
                kind[:3], points[:3], refers[2] = ["earn", "spend", "reverse"], 10**6, 0
            return PointsLedger(
                policy=PointsPolicy(if_spent="negative"),
                event=row,
                member=row % 2 if case == "transfers" else row * 0,
                kind=kind,
                time=np.datetime64("2024-01-01", "s") + 60 * row,
                points=points,
                refers_to=refers,
                to_member=1 - row % 2,
            )

        n = 16_000
        ratio, found = times_longer(book, 2_000, n, n_rounds=1)
        assert ratio < 24  # 8 times the events; 64 with all lots looked through for each
        left = [9 * n // 4] * 2 if case == "transfers" else [n - 3 - 10**6, 0]
        assert found.balances("2024-12-31", [0, 1]).tolist() == left


class TestIssues:
    """Every point of a lot is spent once, expired once or still there, however often orders are returned."""

    def test_points_come_back_whose_place_others_have_taken(self):
        """Of 16, 6 are spent; 14 are returned, 4 of them out of the other lot; then 5 of the spending come back."""
        rows = [
            ("a", "ann", "earn", "2024-01-01", 16),
            ("b", "ann", "earn", "2024-01-02", 11),
            ("s", "ann", "spend", "2024-01-03", 6),
            ("r1", "ann", "reverse", "2024-01-04", 14, "a"),
            ("r2", "ann", "reverse", "2024-01-05", 5, "s"),
        ]
        found = ledger(rows, last_day=["2024-01-31", "2024-12-31", None, None, None])
        assert [part.tolist() for part in found.issues("2024-01-04")[2:]] == [[2, 11], [2, 4], [0, 0]]
        assert [part.tolist() for part in found.issues("2024-01-06")[2:]] == [[2, 11], [0, 1], [0, 0]]
        # the lot of the order runs out with 5 points: its own 2, and 3 that the other lot had lent it
        assert [part.tolist() for part in found.issues("2024-02-01")[2:]] == [[2, 11], [0, 1], [2, 3]]
        assert found.expired("2024-02-01")[2].tolist() == [5]

    @pytest.mark.parametrize(("n_spent", "spent"), [(0, [0, 0]), (3, [0, 3]), (5, [1, 4])])
    def test_points_that_were_transferred_are_not_spent_by_others(self, n_spent, spent):
        """Of 16, 6 are gone, spent or with bob; 14 are returned, 4 of them out of the other lot, which lends them."""
        rows = [("a", "ann", "earn", "2024-01-01", 16), ("b", "ann", "earn", "2024-01-02", 11)]
        rows += [("s", "ann", "spend", "2024-01-03", n_spent)] * (n_spent > 0)
        rows += [("t", "ann", "transfer", "2024-01-03", 6 - n_spent), ("r", "ann", "reverse", "2024-01-04", 14, "a")]
        found = ledger(rows, to_member=[*[None] * (len(rows) - 2), "bob", None])
        assert [part.tolist() for part in found.issues("2024-02-01")[2:]] == [[2, 11], spent, [0, 0]]
        assert found.balances("2024-02-01", ["ann", "bob"]).tolist() == [7, 6 - n_spent]

    @pytest.mark.parametrize("if_spent", ["negative", "refund", "forgive"])
    def test_points_go_every_way_out_as_in_a_slow_ledger(self, if_spent):
        """Spent, transferred, taken away and expired ones; what was spent is counted once, whatever took its place."""
        rng, start = np.random.default_rng(9), np.datetime64("2024-01-01", "D")
        for _ in range(40):
            slow, rows, redeemed = SlowLedger(if_spent=if_spent, expire_months=1), [], 0
            for i in range(24):
                later = ["earn", "reverse", "reverse", "reverse", "transfer"]
                out = ["spend", "spend", "transfer", "adjust", "expire"]
                kind = "earn" if i < 4 else str(rng.choice(out if i < 10 else later))
                points, refers = int(rng.integers(9, 20) if kind == "earn" else rng.integers(3, 9)), None
                if kind == "reverse":
                    known = [(row[0], row[4]) for row in rows if row[2] in {"earn", "spend"}]
                    refers, most = known[rng.integers(len(known))]
                    points = min(int(rng.integers(1, 16)), most)
                rows.append((f"e{i}", "ann", kind, start + i, -points if kind == "adjust" else points, refers))
            to_member = ["bob" if row[2] == "transfer" else None for row in rows]
            for (event, member, kind, day, points, refers), other in zip(rows, to_member, strict=True):
                if slow.post(event, member, kind, day, points, refers, other):
                    of = slow.events[refers or event]["kind"]
                    redeemed += (1 if kind == "spend" else -1) * points * (of == "spend")
            as_of = start + int(rng.integers(30, 60))
            slow.at("ann", as_of)
            ran_out = sum(lot["left"] for lot in slow.lots if lot["member"] == "ann" and slow.end(lot) < as_of)
            debt = sum(one["points"] for one in slow.debts)
            policy = PointsPolicy(if_spent=if_spent, expire_months=1)
            _, _, issued, spent, expired = ledger(rows, policy=policy, to_member=to_member, if_refused="count").issues(
                as_of
            )
            assert (spent >= 0).all()
            assert (expired >= 0).all()
            assert (spent + expired <= issued).all()
            assert redeemed - debt <= spent.sum() <= redeemed
            if not debt:
                assert expired.sum() == ran_out

    @pytest.mark.parametrize("if_spent", ["negative", "refund", "forgive"])
    def test_sums_are_those_of_a_slow_ledger(self, if_spent):
        """Against one event after the other: what was redeemed, what ran out, and what is there."""
        rng = np.random.default_rng(7)
        start, replaced = np.datetime64("2024-01-01", "D"), 0
        for _ in range(40):
            slow, rows, redeemed = SlowLedger(if_spent=if_spent, expire_months=1), [], 0
            for i in range(20):
                kind = "earn" if i < 4 else "spend" if i < 8 else str(rng.choice(["earn", "reverse", "reverse"]))
                points, refers = int(rng.integers(*{"earn": (9, 20), "spend": (3, 9)}.get(kind, (1, 16)))), None
                if kind == "reverse":
                    refers, most = [(row[0], row[4]) for row in rows if row[2] != "reverse"][rng.integers(8)]
                    points = min(points, most)
                rows.append((f"e{i}", "ann", kind, start + i, points, refers))
            for event, member, kind, day, points, refers in rows:
                of = slow.events.get(refers, {})
                replaced += kind == "reverse" and "lot" in of and of["lot"]["left"] < points <= of["left"]
                if slow.post(event, member, kind, day, points, refers):
                    record = slow.events[refers or event]
                    redeemed += (1 if kind == "spend" else -1) * points * ("taken" in record)
            as_of = start + int(rng.integers(30, 60))
            slow.at("ann", as_of)
            ran_out = sum(lot["left"] for lot in slow.lots if slow.end(lot) < as_of)
            debt = sum(one["points"] for one in slow.debts)
            book = ledger(rows, policy=PointsPolicy(if_spent=if_spent, expire_months=1), if_refused="count")
            _, _, issued, spent, expired = book.issues(as_of)
            assert (spent >= 0).all()
            assert (expired >= 0).all()
            assert (spent + expired <= issued).all()
            # a debt that is not paid is owed for points that were spent and are of no lot any more
            assert redeemed - debt <= spent.sum() <= redeemed
            assert expired.sum() + spent.sum() == ran_out + redeemed - debt
            if not debt:
                assert (spent.sum(), expired.sum()) == (redeemed, ran_out)
        assert replaced > 5  # orders were returned whose points were spent

    def test_undone_along_a_chain(self):
        """The second lot lent 3 to the first and has itself 2 from the third: those go back there."""
        lent = Replacements(np.array([0, 1]), np.array([1, 2]), np.array([3, 2]))
        columns = np.array([[-3, 1, 2], [4, 0, 0], [0, 5, 1], [0, 0, 0]])
        spent, expired = undo_replacements(*columns, lent)
        assert spent.tolist() == [0, 0, 0]
        assert expired.tolist() == [1, 1, 2]
