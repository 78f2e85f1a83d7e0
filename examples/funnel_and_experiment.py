"""Where do we lose prospects, which change would help, and did it help?

Run with `python examples/funnel_and_experiment.py`.

The prospects are simulated, so the script knows the truth: the new page brings 30 % of the visitors to a call, the old
one 22 %, and nothing else differs.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from crmvalue.experiments import (
    assign_variant,
    compare_proportions,
    duration,
    sample_ratio_mismatch,
    sample_size,
    sequential_test_from_stream,
)
from crmvalue.frames import funnel

STEPS = ["enquiry", "call", "offer", "contract"]
TRUTH = {"old page": (0.22, 0.60, 0.40), "new page": (0.30, 0.60, 0.40)}


def simulate(customer: pd.Series, page: pd.Series, first_day: str, rng: np.random.Generator) -> pd.DataFrame:
    """Write the log of events of prospects: each step comes some days after the one before."""
    rates = np.array([TRUTH[name] for name in page])
    passed = np.cumprod(rng.random(rates.shape) < rates, axis=1).astype(bool)
    reached = np.column_stack([np.ones(len(page), dtype=bool), passed])
    gaps = np.column_stack([rng.integers(0, 20, len(page)), rng.integers(1, 8, rates.shape)])
    when = np.datetime64(first_day) + np.cumsum(gaps, axis=1).astype("timedelta64[D]")
    row, step = np.nonzero(reached)
    return pd.DataFrame(
        {
            "customer": customer.to_numpy()[row],
            "event": np.array(STEPS)[step],
            "time": when[row, step],
            "page": page.to_numpy()[row],
        }
    )


def main() -> None:
    rng = np.random.default_rng(4)

    print("Last quarter: where are prospects lost?\n")
    prospects = pd.Series(np.arange(1, 1501))
    log = simulate(prospects, pd.Series(["old page"] * len(prospects)), "2026-01-01", rng)
    past = funnel(log, steps=STEPS, as_of="2026-02-20", window=40)
    columns = ["stage", "entered", "lost", "open", "matured", "step_conversion"]
    print(past.frame[columns].round(2).to_string(index=False))
    print(past.result.conclusion)

    print("\nA new page may bring more of them to a call. How long must both run?\n")
    size = sample_size(0.22, 0.28, null_variance="pooled")
    days = duration(size.n_total, n_per_day=150)
    print(f"{size.n_variant:,} prospects for each page show a rise from 22 % to 28 %: {days:.0f} days")

    print("\nA hash of the number of a prospect decides which page they see.\n")
    prospects = pd.Series(np.arange(10_001, 10_001 + size.n_total))
    page = pd.Series(assign_variant(prospects, {"old page": 0.5, "new page": 0.5}, salt="new page, spring"))
    print(sample_ratio_mismatch(page.value_counts()[["old page", "new page"]].to_numpy(), [0.5, 0.5]).conclusion)

    print("\nDid it help?\n")
    log = simulate(prospects, page, "2026-04-01", rng)
    result = funnel(log, steps=STEPS, as_of="2026-06-30", window=40, by="page").result
    called = dict(zip(result.groups, result.matured[:, 1], strict=True))
    entered = dict(zip(result.groups, result.matured[:, 0], strict=True))
    print(compare_proportions(called, entered, control="old page").conclusion)

    print("\nMay we look each day? With this test, yes:\n")
    came = np.isin(prospects, log.loc[log["event"] == "call", "customer"])
    print(sequential_test_from_stream(came, page, control="old page").conclusion)


if __name__ == "__main__":
    main()
