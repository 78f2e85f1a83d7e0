"""Members with returns and transfers, who are booked event by event: points that come back, and many open lots."""

from __future__ import annotations

import time

import numpy as np
import pytest

from crmvalue.loyalty import PointsLedger, PointsPolicy
from tests.loyalty.test_ledger import ledger


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
        n = 40_000
        row = np.arange(n)
        kind = np.where(row % 4 < 2, "earn", "transfer")
        refers = np.full(n, -1)
        points = np.where(row % 4 < 2, 9, 1)
        if case == "debt":  # the first order is returned when its points are spent, and new points pay for it
            kind[:], points[:] = "earn", 1
            kind[:3], points[:3], refers[2] = ["earn", "spend", "reverse"], 10**6, 0
        begun = time.process_time()
        found = PointsLedger(
            policy=PointsPolicy(if_spent="negative"),
            event=row,
            member=row % 2 if case == "transfers" else row * 0,
            kind=kind,
            time=np.datetime64("2024-01-01", "s") + 60 * row,
            points=points,
            refers_to=refers,
            to_member=1 - row % 2,
        )
        assert time.process_time() - begun < 3  # it was 15 seconds with transfers
        left = [9 * n // 4] * 2 if case == "transfers" else [n - 3 - 10**6, 0]
        assert found.balances("2024-12-31", [0, 1]).tolist() == left
