"""A job that runs each night: who gets a message today? Then, after some weeks, what did the messages bring?

Run with `python examples/nightly_campaign.py`.

The job reads the orders until today and the plans of the days before, plans, and writes the plans back. A job that runs
twice, or a day late, sends nothing twice. The orders are those of CDNOW. The log has no consent, so the
script assumes that all customers have agreed to e-mail.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import pandas as pd

from crmvalue.datasets import load_cdnow
from crmvalue.frames import journey_results, plan, summarise
from crmvalue.journeys import Cascade, FrequencyCap, Offer, Plan, Policy

CASCADE = Cascade(
    name="win back",
    first_month=4,
    every_months=2,
    end_month=12,
    offers=[Offer(percent=percent) for percent in (5, 7, 10)],
    repeat_last=True,
    catch_up_days=61,
)
POLICY = Policy(
    caps=[FrequencyCap(messages=1, days=30)],
    control_share=0.2,
    budget=300,
)


def run(orders: pd.DataFrame, today: str, file: Path) -> Plan:
    """Plan the messages of one day, and keep the plans of all days in the file."""
    past = Plan.from_json(file.read_text()) if file.exists() else None
    customers = summarise(orders[orders["date"] <= today], as_of=today).frame
    customers["last_purchase"] = pd.Timestamp(today) - pd.to_timedelta(customers["days_since_last"], unit="D")
    customers["email_ok"] = True
    made = plan(
        [CASCADE],
        customers,
        history=None if past is None else past.history(),
        policy=POLICY,
        as_of=today,
        dates=["last_purchase"],
        consent={"email": "email_ok"},
    ).result
    everything = made if past is None else past + made
    file.write_text(everything.to_json())
    print(today, made.n_by_decision)
    return everything


def main() -> None:
    orders = load_cdnow().to_frame()
    with tempfile.TemporaryDirectory() as folder:
        for today in ("1998-01-05", "1998-01-06", "1998-01-06", "1998-01-08"):  # one day twice, one day not at all
            everything = run(orders, today, Path(folder, "plans.json"))
    found = journey_results(
        everything, None, orders, as_of="1998-06-30", within_days=60, margin=0.3, contact_cost="0.05"
    )
    print(found.frame[["journey", "n_sent", "n_orders", "revenue", "net"]].round(2).to_string(index=False))
    low, high = found.result.incremental_revenue_interval
    print(f"against the control group: {low[0]:+,.0f} to {high[0]:+,.0f} dollars")
    print("nobody wrote to these customers in 1998, so 0 is the truth")


if __name__ == "__main__":
    main()
