"""A valid call of each function of `crmvalue.metrics`."""

from __future__ import annotations

from crmvalue import metrics
from tests.calls import Call

__all__ = ["CALLS"]

DAYS = ["2024-01-01", "2024-01-15", "2024-02-01"]
NOT_A_DAY = "2024-02-30"


def share(function, part, whole):
    """Describe a call of a share of two counts."""
    return Call(function, {part: [1, 2], whole: [4, 5]}, out_of_range={part: -1, whole: 0})


def amount_per_unit(function, amount, unit):
    """Describe a call of an amount per unit."""
    return Call(function, {amount: [100.0, 200.0], unit: [4, 5]}, out_of_range={amount: -1.0, unit: 0})


CALLS = [
    Call(
        metrics.retention_rate,
        {"n_start": [100, 80], "n_end": [90, 60], "n_new": [20, 10]},
        out_of_range={"n_start": 0, "n_end": 1000, "n_new": 91},
    ),
    share(metrics.churn_rate, "n_lost", "n_start"),
    share(metrics.repeat_purchase_rate, "n_repeat", "n_customers"),
    amount_per_unit(metrics.acquisition_cost, "spend", "n_new"),
    Call(metrics.time_between_purchases, {"customer": [1, 1, 2], "date": DAYS}, out_of_range={"date": NOT_A_DAY}),
    Call(
        metrics.customer_movements,
        {"customer": [1, 1, 2], "date": DAYS, "start": "2024-01-20", "end": "2024-02-20", "active_days": 30},
        out_of_range={"date": NOT_A_DAY, "start": NOT_A_DAY, "end": "2024-01-20", "active_days": 0},
    ),
    Call(
        metrics.time_to_purchase,
        {"first_contact": DAYS, "first_purchase": ["2024-01-03", None, "2024-02-03"], "as_of": "2024-03-01"},
        out_of_range={"first_contact": NOT_A_DAY, "first_purchase": "2023-12-31", "as_of": NOT_A_DAY},
        missing_allowed={"first_purchase"},
    ),
    amount_per_unit(metrics.average_order_value, "revenue", "n_orders"),
    amount_per_unit(metrics.average_revenue_per_user, "revenue", "n_active"),
    Call(
        metrics.monthly_recurring_revenue,
        {"n_subscribers": [200, 300], "mean_monthly_fee": [300.0, 250.0]},
        out_of_range={"n_subscribers": 1.5, "mean_monthly_fee": -1.0},
    ),
    Call(
        metrics.recurring_revenue_movements,
        {"fee_before": [50.0, 0.0], "fee_after": [60.0, 30.0], "subscribed_earlier": [True, False]},
        out_of_range={"fee_before": -1.0, "fee_after": -1.0},
    ),
    Call(
        metrics.net_promoter_score,
        {"n_promoters": [70, 50], "n_detractors": [20, 20], "n_answers": [100, 100]},
        out_of_range={"n_promoters": -1, "n_detractors": -1, "n_answers": 89},
    ),
    Call(
        metrics.net_promoter_score_interval,
        {"n_promoters": [70, 50], "n_detractors": [20, 20], "n_answers": [100, 100], "level": 0.9},
        out_of_range={"n_promoters": -1, "n_detractors": -1, "n_answers": 89, "level": 95.0},
    ),
    Call(metrics.nps_counts, {"scores": [10, 7, 0]}, out_of_range={"scores": 11}),
    share(metrics.customer_satisfaction, "n_positive", "n_answers"),
    Call(
        metrics.customer_satisfaction_from_scores,
        {"scores": [5, 4, 1], "method": "share_positive", "lowest": 1, "highest": 5, "positive_from": 4},
        out_of_range={"scores": 6, "lowest": -1, "highest": 2, "positive_from": 6},
    ),
    Call(
        metrics.customer_effort_score,
        {"scores": [7, 4, 1], "method": "mean", "hardest": 1, "easiest": 7},
        out_of_range={"scores": 8, "hardest": -1, "easiest": 2},
    ),
    share(metrics.first_contact_resolution, "n_resolved_first", "n_contacts"),
    Call(
        metrics.first_contact_resolution_from_tickets,
        {
            "opened": DAYS,
            "resolved": ["2024-01-01 10:00", None, "2024-02-03"],
            "next_contact": ["2024-01-03", None, None],
            "as_of": "2024-02-05",
            "window_days": 7,
        },
        out_of_range={
            "opened": NOT_A_DAY,
            "resolved": "2023-12-31",
            "next_contact": "2023-12-31",
            "as_of": NOT_A_DAY,
            "window_days": 0,
        },
        missing_allowed={"resolved", "next_contact"},
    ),
    Call(
        metrics.resolution_time,
        {"opened": DAYS, "resolved": ["2024-01-01 10:00", None, "2024-02-03"], "as_of": "2024-02-05"},
        out_of_range={"opened": NOT_A_DAY, "resolved": "2023-12-31", "as_of": NOT_A_DAY},
        missing_allowed={"resolved"},
    ),
    Call(
        metrics.response_time,
        {"contacted": DAYS, "replied": ["2024-01-01 10:00", None, "2024-02-03"], "as_of": "2024-02-05"},
        out_of_range={"contacted": NOT_A_DAY, "replied": "2023-12-31", "as_of": NOT_A_DAY},
        missing_allowed={"replied"},
    ),
    Call(
        metrics.service_level,
        {
            "opened": DAYS,
            "resolved": ["2024-01-01 10:00", None, "2024-02-03"],
            "target_hours": [4, 5, 6],
            "as_of": "2024-02-05",
            "priority": ["high", "low", "low"],
            "customer_class": ["a", "b", "a"],
            "at_risk_hours": 1.0,
            "level": 0.9,
        },
        out_of_range={
            "opened": NOT_A_DAY,
            "resolved": "2023-12-31",
            "target_hours": 0,
            "as_of": NOT_A_DAY,
            "at_risk_hours": -1,
            "level": 95,
        },
        missing_allowed={"resolved"},
    ),
    Call(
        metrics.agent_scores,
        {"agent": ["ann", "bob", "ann"], "score": [4.0, 5.0, 3.0], "level": 0.9},
        out_of_range={"level": 95},
        unbounded={"score"},
    ),
    Call(
        metrics.retention_by_worst_ticket,
        {
            "customer": ["ann", "bob", "cy"],
            "start": DAYS,
            "lost": [None, None, "2024-05-01"],
            "ticket_customer": ["ann", "ann", "cy"],
            "ticket_time": ["2024-01-02", "2024-01-03", "2024-02-02"],
            "severity": ["minor", "major", "major"],
            "order": ["minor", "major"],
            "as_of": "2024-12-31",
            "landmark_days": 30,
            "horizon_days": 90,
            "level": 0.9,
        },
        out_of_range={
            "start": NOT_A_DAY,
            "lost": "2023-12-31",
            "ticket_time": NOT_A_DAY,
            "as_of": NOT_A_DAY,
            "landmark_days": 0,
            "horizon_days": 0,
            "level": 95,
        },
        missing_allowed={"lost"},
    ),
    Call(
        metrics.nps_change,
        {"before": metrics.nps_counts([9, 7, 3]), "after": metrics.nps_counts([9, 9, 3]), "level": 0.9},
        out_of_range={"level": 95},
    ),
    Call(
        metrics.score_drivers,
        {"score": [9.0, 7.0, 3.0, 8.0], "answers": {"speed": [5, 4, 2, 4]}, "level": 0.9},
        out_of_range={"level": 95},
        unbounded={"score"},
        missing_allowed={"score"},
    ),
    Call(
        metrics.response_by_segment,
        {"segment": ["new", "vip", "new"], "answered": [True, False, True], "level": 0.9},
        out_of_range={"level": 95},
    ),
    share(metrics.open_rate, "n_opened", "n_delivered"),
    share(metrics.click_through_rate, "n_clicked", "n_delivered"),
    share(metrics.click_to_open_rate, "n_clicked", "n_opened"),
    share(metrics.conversion_rate, "n_converted", "n_entered"),
    amount_per_unit(metrics.cost_per_contact, "cost", "n_contacts"),
    share(metrics.participation_rate, "n_members", "n_customers"),
    share(metrics.redemption_rate, "n_redeemed", "n_issued"),
    share(metrics.return_rate, "n_returned", "n_sold"),
    share(metrics.complaint_rate, "n_complained", "n_orders"),
    Call(
        metrics.return_on_investment,
        {"gain": [150.0, -10.0], "cost": [100.0, 20.0]},
        out_of_range={"cost": 0.0},
        unbounded={"gain"},
    ),
    Call(
        metrics.growth_rate,
        {"before": [100.0, 80.0], "now": [121.0, 60.0], "n_periods": [2, 1]},
        out_of_range={"before": 0.0, "now": -1.0, "n_periods": 0},
    ),
    Call(metrics.doubling_time, {"growth_rate": [0.1, 0.2]}, out_of_range={"growth_rate": 0.0}),
    Call(
        metrics.plan_and_actual,
        {
            "plan": {"manager": ["ann"], "start": ["2024-01-01"], "end": ["2024-01-31"], "target": [100.0]},
            "actual": {"manager": ["ann", "bob"], "date": ["2024-01-02", "2024-01-03"], "amount": [10.0, 20.0]},
            "as_of": "2024-01-10",
            "business_hours": metrics.BusinessHours(holidays=["2024-01-01"]),
            "level": 0.8,
        },
        out_of_range={"as_of": NOT_A_DAY, "level": 80.0},
    ),
    Call(
        metrics.weighted_choice,
        {"marks": {"A": {"price": 9, "help": 4}, "B": {"price": 5, "help": 7}}, "weights": {"price": 3, "help": 2}},
    ),
    Call(
        metrics.proportion_interval,
        {"successes": [81, 15], "n": [263, 148], "level": 0.95},
        out_of_range={"successes": 264, "n": 0, "level": 1.0},
    ),
    Call(
        metrics.mean_interval,
        {"values": [4.0, 5.0, 3.0], "level": 0.95},
        out_of_range={"level": 0.0},
        unbounded={"values"},
    ),
    Call(
        metrics.ratio_interval,
        {"numerator": [120.0, 80.0, 300.0], "denominator": [2.0, 1.0, 4.0], "method": "fieller", "level": 0.5},
        out_of_range={"level": 1.5},
        unbounded={"numerator", "denominator"},
    ),
]
