"""Members whose points only come and go, booked all at once, against a slow list of dictionaries."""

from __future__ import annotations

import numpy as np
import pytest

from crmvalue.loyalty import PointsLedger, PointsPolicy
from tests.loyalty.references import SlowLedger
from tests.loyalty.test_ledger import EARN, START, ledger


class TestPlainMembers:
    """Members without returns and transfers are booked all at once; nobody sees a difference."""

    @pytest.mark.parametrize(
        "policy",
        [
            {},
            {"pending_days": 5, "expire_months": 1},
            {"expire_months": 2, "inactive_months": 1},
            {"pending_days": 40, "inactive_months": 2},
        ],
    )
    @pytest.mark.parametrize("seed", range(8))
    def test_equals_the_slow_ledger(self, policy, seed):
        rng = np.random.default_rng(seed)
        members = ["ann", "bob", "eve", "zoe"]
        slow = SlowLedger(if_spent="negative", **policy)
        day, rows, refused = START, [], []
        for number in range(120):
            day += int(rng.choice([0, 0, 1, 3, 20]))
            kind = str(rng.choice(["earn", "earn", "spend", "expire", "adjust"]))
            points = int(rng.integers(1, 60)) * (-1 if kind == "adjust" and rng.random() < 0.5 else 1)
            row = (number, members[int(rng.integers(0, 3 + seed % 2))], kind, day, points)
            rows.append(row)
            if not slow.post(*row):
                refused.append(number)
            if number in {40, 80, 119}:
                event, member, what, time, amount = zip(*rows, strict=True)
                made = PointsLedger(
                    policy=PointsPolicy(if_spent="negative", **policy),
                    event=event,
                    member=member,
                    kind=what,
                    time=np.array(time),
                    points=amount,
                    if_refused="count",
                )
                assert made.refusals[0].tolist() == refused
                assert made.balances(day, members).tolist() == [slow.balance(member, day) for member in members]
                left = [lot for lot in slow.lots if lot["left"] and slow.end(lot) >= day]
                kept = sorted((lot["member"], lot["first"], slow.end(lot), lot["left"]) for lot in left)
                assert sorted(zip(*made.lots(day), strict=True)) == kept

    def test_lots_out_of_order_and_many_refusals_are_booked_one_by_one(self):
        rows = [(f"s{i}", "ann", "spend", "2024-01-01", 1) for i in range(40)]
        rows += [EARN, ("e2", "ann", "earn", "2024-01-11", 5), ("s", "ann", "spend", "2024-01-12", 101)]
        last = [None] * 40 + ["2024-06-30", "2024-03-31", None]
        found = ledger(rows, last_day=last, if_refused="count")
        assert found.refusals[1] == ["the member has no points yet"] * 40
        assert found.lots("2024-01-12")[3].tolist() == [4]

    def test_points_beyond_whole_numbers_on_one_line(self, monkeypatch):
        """A line that whole numbers would not hold is left to the loop."""
        monkeypatch.setattr("crmvalue._loyalty.booking.plain._MOST", 1000)
        rows = [(i, i, "earn", "2024-01-10", 500) for i in range(9)]
        rows += [(20 + i, i, "spend", "2024-01-11", 500 - i) for i in range(9)]
        assert ledger(rows).balances("2024-01-11").tolist() == list(range(9))
