"""What a running programme costs by month, by its ledger; and what it was to cost before launch."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmvalue.errors import InputError
from crmvalue.loyalty import (
    EarnRule,
    Level,
    LoyaltyProgramme,
    PointsLedger,
    PointsPolicy,
    programme_costs,
    simulate_programme,
)
from tests.loyalty.booking.test_addition import POLICIES, logs
from tests.tables import check_json, check_table


def book(rows, *, if_spent="negative", last_day=None):
    event, member, kind, time, points, refers = zip(*((*row, None)[:6] for row in rows), strict=True)
    return PointsLedger(
        policy=PointsPolicy(if_spent=if_spent),
        event=event,
        member=member,
        kind=kind,
        time=time,
        points=points,
        refers_to=refers,
        last_day=last_day,
    )


class TestProgrammeCosts:
    """Redeemed points at their value, plus the change of what the outstanding points are expected to cost."""

    def test_an_example_by_hand(self):
        """Bob's order comes back; Ann spends 300, gets half of it back, and 850 run out after 30 April."""
        rows = [
            ("e1", "ann", "earn", "2024-01-10", 1000),
            ("e2", "bob", "earn", "2024-01-12", 500),
            ("r1", "bob", "reverse", "2024-02-01", 500, "e2"),
            ("s1", "ann", "spend", "2024-02-20", 300),
            ("r2", "ann", "reverse", "2024-03-05", 150, "s1"),
            ("a1", "ann", "adjust", "2024-03-06", 50),
        ]
        ledger = book(rows, last_day=["2024-04-30", None, None, None, None, None])
        orders = {"time": ["2023-12-30", "2024-01-10", "2024-05-02"], "spend": [10, 20_000, 30]}
        found = programme_costs(ledger, "2024-05-01", point_value=2, redemption_rate=0.5, **orders)
        assert found.month.astype(str).tolist() == [
            "2023-12-01",
            "2024-01-01",
            "2024-02-01",
            "2024-03-01",
            "2024-04-01",
            "2024-05-01",
        ]
        assert found.issued.tolist() == [0, 1500, -500, 0, 0, 0]
        assert found.redeemed.tolist() == [0, 0, 300, -150, 0, 0]
        assert found.expired.tolist() == [0, 0, 0, 0, 0, 850]
        assert found.adjusted.tolist() == [0, 0, 0, 50, 0, 0]
        assert found.outstanding.tolist() == [0, 1500, 700, 900, 900, 50]
        assert found.liability_change.tolist() == [0, 1500, -800, 200, 0, -850]
        assert found.cost.tolist() == [0, 1500, -200, -100, 0, -850]
        assert found.spend.tolist() == [10, 20_000, 0, 0, 0, 0]
        assert found.cost_share[:2].tolist() == [0, 0.075]
        assert np.isnan(found.cost_share[2:]).all()
        check_table(found, 6, "cost", found.cost)
        check_json(found)

    @pytest.mark.parametrize(
        ("if_spent", "deducted", "outstanding", "cost"),
        [("negative", 0, -100, -100), ("refund", 100, 0, -100), ("forgive", 0, 0, 0)],
    )
    def test_a_return_of_spent_points(self, if_spent, deducted, outstanding, cost):
        """100 are spent and their order comes back: owed by the member, taken from the refund, or lost."""
        rows = [("e", "ann", "earn", "2024-01-10", 100), ("s", "ann", "spend", "2024-02-10", 100)]
        ledger = book([*rows, ("r", "ann", "reverse", "2024-03-10", 100, "e")], if_spent=if_spent)
        before = programme_costs(ledger, "2024-03-09", point_value=1, redemption_rate=1)
        assert before.cost.tolist() == [100, 0, 0]
        assert before.deducted.tolist() == [0, 0, 0]
        found = programme_costs(ledger, "2024-03-10", point_value=1, redemption_rate=1)
        assert found.cost.tolist() == [100, 0, cost]
        assert found.deducted.tolist() == [0, 0, deducted]
        assert found.outstanding.tolist() == [100, 0, outstanding]
        assert found.spend is None
        assert "cost_share" not in found.to_columns()
        with pytest.raises(InputError, match="spend"):
            _ = found.cost_share

    def test_points_that_come_back_too_late_expire_at_once(self):
        rows = [("e", "ann", "earn", "2024-01-10", 100), ("s", "ann", "spend", "2024-01-20", 100)]
        rows += [("r", "ann", "reverse", "2024-03-10", 60, "s")]
        found = programme_costs(
            book(rows, last_day=["2024-01-31", None, None]), "2024-03-31", point_value=1, redemption_rate=1
        )
        assert found.redeemed.tolist() == [100, 0, -60]
        assert found.expired.tolist() == [0, 0, 60]

    @given(policy=st.sampled_from(POLICIES), log=logs(), rate=st.sampled_from([0, 0.3, 1]))
    def test_months_sum_to_the_ledger(self, policy, log, rate):
        """At the end of each month the months so far sum to the totals of the ledger, and no cost is lost."""
        ledger = PointsLedger(policy=policy, if_refused="count", **log[0])
        if not any(ledger.totals("2024-08-15").values()):
            return  # no event could be, or all cancel
        found = programme_costs(ledger, "2024-08-15", point_value=2, redemption_rate=rate)
        ends = np.append((found.month[1:].astype("datetime64[M]")).astype("datetime64[D]") - 1, found.month[-1] + 14)
        for number, end in enumerate(ends, start=1):
            total = ledger.totals(end)
            so_far = {name: int(getattr(found, name)[:number].sum()) for name in ("issued", "redeemed", "expired")}
            adjusted = int(found.adjusted[:number].sum())
            assert so_far["expired"] == -total["expire"]
            assert so_far["issued"] + adjusted - so_far["redeemed"] == sum(
                total[kind] for kind in ("earn", "adjust", "spend", "reverse")
            )
            assert found.outstanding[number - 1] == total["balance"] + total["pending"]
        whole = 2 * (found.redeemed.sum() - found.deducted.sum() + found.outstanding[-1] * rate)
        assert found.cost.sum() == pytest.approx(whole, abs=1e-6)

    def test_wrong_inputs_are_refused(self):
        ledger = book([("e", "ann", "earn", "2024-01-10", 100)])
        options = {"point_value": 1, "redemption_rate": 0.5}
        with pytest.raises(InputError, match="something happened"):
            programme_costs(ledger, "2024-01-09", **options)
        with pytest.raises(InputError, match="`spend`"):
            programme_costs(ledger, "2024-02-01", **options, time=["2024-01-09"])
        with pytest.raises(InputError, match="`time`"):
            programme_costs(ledger, "2024-02-01", **options, spend=[5])


ORDERS = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 150), st.integers(0, 4000), st.integers(1, 5)), min_size=1, max_size=15
)
RULES = [
    EarnRule(name="money", points=7, per=100, rounding="half_up", level_percent={"gold": 150}),
    EarnRule(name="items", basis="items", points=3, most_per_order=9),
    EarnRule(name="visits", basis="orders", points=20, most_per_period=40),
]


class TestSimulationAgainstTheLedger:
    """Rules on past orders cost what a ledger costs in which the same orders were booked."""

    @given(orders=ORDERS, rate=st.sampled_from([0, 0.4, 1]), chosen=st.sets(st.integers(0, 2), min_size=1))
    def test_points_and_cost_are_the_same(self, orders, rate, chosen):
        customer, day, spend, items = (np.array(column) for column in zip(*orders, strict=True))
        made = LoyaltyProgramme(
            rules=[RULES[i] for i in sorted(chosen)],
            levels=[Level(name="base", at_least=0), Level(name="gold", at_least=5000)],
            window="rolling",
            rolling_months=3,
        )
        time = np.datetime64("2023-12-20") + day
        log = {"order": np.arange(len(day)), "customer": customer, "time": time, "spend": spend, "items": items}
        told = simulate_programme(made, **log, point_value=2, redemption_rate=rate)
        ledger = made.earn(**log).ledger(PointsPolicy(if_spent="negative"))
        end = time.max()
        assert told.member_points.tolist() == ledger.balances(end, told.member).tolist()
        costs = programme_costs(ledger, end, point_value=2, redemption_rate=rate, time=time, spend=spend)
        known = np.isin(costs.month, told.month)
        assert costs.issued[known].tolist() == told.points_by_month.tolist()
        assert not costs.issued[~known].any()
        assert costs.cost[known] == pytest.approx(told.cost_by_month)
        assert costs.cost.sum() == pytest.approx(told.cost)
        assert costs.spend.sum() == told.spend
        redeem = {"event": -told.member - 1, "member": told.member, "kind": ["spend"] * len(told.member)}
        kept = told.member_points > 0
        redeem = {name: np.array(column)[kept] for name, column in redeem.items()}
        spent = (
            ledger.add(**redeem, time=np.full(kept.sum(), end), points=told.member_points[kept])
            if kept.any()
            else ledger
        )
        whole = programme_costs(spent, end, point_value=2, redemption_rate=rate, time=time, spend=spend)
        assert whole.cost.sum() == pytest.approx(told.cost_if_all_redeemed)
