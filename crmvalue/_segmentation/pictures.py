"""Pictures of groups and shares; the results of the room show them by `plot`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from crmvalue._core.pictures.parts import Axis, Layer, Parts, as_cells, cut, shown

if TYPE_CHECKING:
    from crmvalue.typing import Floats, Integers

__all__ = ["lorenz_parts", "migration_parts", "scores_parts", "summary_parts"]

_MOST_POINTS = 201
_MOST_GROUPS = 15
_MOST_WRITTEN = 12  # rows or columns of a table whose cells still have room for their numbers


def lorenz_parts(customer_share: Floats, value_share: Floats) -> Parts:
    """Draw the share of the value that the best customers bring, best first."""
    customers, value = 1 - customer_share[::-1], 1 - value_share[::-1]
    n = len(customers) - 1
    half = int(np.argmax(value >= 0.5))
    kept = np.unique([*np.linspace(0, n, min(n + 1, _MOST_POINTS)).astype(np.int64), half])
    at = int(np.searchsorted(kept, half))
    share = shown(customers[half], "share")
    title = f"Half of the value comes from {share} of the customers"
    if (value - customers).max() < 0.05:
        title = "All customers bring about the same value"
    if n == 1:
        title = "One customer brings all of the value"
    columns = {
        "customer_share": customers[kept],
        "value_share": value[kept],
        "equal_share": customers[kept],
        "half_customer_share": as_cells(len(kept), customers[half], at=at),
        "half_value_share": as_cells(len(kept), value[half], at=at),
    }
    x, y = "customer_share", "value_share"
    return Parts(
        title=title,
        x=Axis(title="Share of the customers, best first", form="share", low=0, high=1),
        y=Axis(title="Share of the value", form="share", low=0, high=1.02),
        columns=columns,
        layers=[
            Layer(mark="line", x=x, y="equal_share", label="if all were alike", style="naive"),
            Layer(mark="line", x=x, y=y, label="customers as they are"),
            Layer(mark="points", x="half_customer_share", y="half_value_share", style="action"),
        ],
    )


def summary_parts(names: tuple[str, ...], n_customers: Integers, value: Floats) -> Parts:
    """Draw the value of each group, with its shares of the value and of the customers."""
    order = np.argsort(-value, kind="stable")
    top, rest = order[:_MOST_GROUPS], order[_MOST_GROUPS:]
    labels = [names[k] for k in top]
    amounts, counts = value[top], n_customers[top]
    if len(rest):
        labels.append(f"{len(rest)} other groups")
        amounts, counts = np.append(amounts, value[rest].sum()), np.append(counts, n_customers[rest].sum())
    total, base = value.sum(), n_customers.sum()
    of_customers = [shown(count / base, "share") for count in counts]
    title = f"The groups bring no value in all; {labels[0]} bring most"
    if total > 0:
        share = shown(amounts[0] / total, "share")
        title = f"{cut(labels[0])}: {share} of the value from {of_customers[0]} of the customers"
    low, high = min(0.0, amounts.min()), max(0.0, amounts.max())
    return Parts(
        title=title,
        x=Axis(title="Value of the group [money]", form="money", low=low, high=high + 0.5 * ((high - low) or 1.0)),
        y=Axis(title="", form="name"),
        columns={
            "group": labels,
            "value": amounts,
            "n_customers": counts,
            "shares": [f"{size} of customers" for size in of_customers],
            "end": np.maximum(amounts, 0),
        },
        layers=[
            Layer(mark="bar", x="value", y="group"),
            Layer(mark="text", x="end", y="group", text="shares"),
        ],
    )


def scores_parts(r_score: Integers, f_score: Integers, n_bins: int) -> Parts:
    """Draw how many customers have each pair of scores of recency and frequency."""
    r, f = np.ravel(r_score), np.ravel(f_score)
    table = np.bincount((r - 1) * n_bins + f - 1, minlength=n_bins * n_bins).reshape(n_bins, n_bins)
    rows, columns = n_bins - np.repeat(np.arange(n_bins), n_bins), 1 + np.tile(np.arange(n_bins), n_bins)
    counts = table[rows - 1, columns - 1]
    often = f > 0.6 * n_bins
    n_asleep = np.count_nonzero(often & (r <= 0.4 * n_bins))
    title = "No customer who bought often has been silent for long"
    if n_asleep:
        share = shown(n_asleep / len(r), "share")
        title = f"{share} of the customers bought often, but not lately: win them back first"
    layers = [Layer(mark="heat", x="f_score", y="r_score", fill="n_customers")]
    if n_bins <= _MOST_WRITTEN:
        layers.append(Layer(mark="text", x="f_score", y="r_score", text="customers"))
    return Parts(
        title=title,
        x=Axis(title=f"Score of frequency: {n_bins} bought most often", form="name"),
        y=Axis(title=f"Score of recency: {n_bins} bought last", form="name"),
        columns={
            "r_score": rows.astype(str),
            "f_score": columns.astype(str),
            "n_customers": counts.astype(np.float64),
            "customers": [shown(count, "count") if count else "" for count in counts],
        },
        layers=layers,
    )


def migration_parts(states: tuple[str, ...], counts: Integers, n_new: Integers, n_gone: Integers) -> Parts:
    """Draw how many customers went from each group to each other, came new, or are gone."""
    has_new, has_gone = bool(n_new.any()), bool(n_gone.any())
    table = np.vstack([counts, n_new]) if has_new else counts
    befores = [*states, "new customers"] if has_new else list(states)
    nows = [*states, "gone"] if has_gone else list(states)
    if has_gone:
        table = np.column_stack([table, np.append(n_gone, 0) if has_new else n_gone])
    moved = np.where(np.eye(*table.shape) == 1, -1, table)
    moved[len(states) :] = -1
    start, end = np.unravel_index(int(moved.argmax()), moved.shape)
    n_moved = int(moved[start, end])
    title = "No customer changed the group"
    if n_moved > 0:
        who = "1 customer" if n_moved == 1 else f"{n_moved:,} customers"
        title = f"The largest move: {who} from {cut(befores[start])} to {cut(nows[end])}"
    rows, columns = (grid.ravel() for grid in np.indices(table.shape))
    layers = [Layer(mark="heat", x="now", y="before", fill="n_customers")]
    if max(table.shape) <= _MOST_WRITTEN + 1:
        layers.append(Layer(mark="text", x="now", y="before", text="customers"))
    return Parts(
        title=title,
        x=Axis(title="Group now", form="name"),
        y=Axis(title="Group before", form="name"),
        columns={
            "before": [befores[row] for row in rows],
            "now": [nows[column] for column in columns],
            "n_customers": table.ravel().astype(np.float64),
            "customers": [shown(count, "count") if count else "" for count in table.ravel().tolist()],
        },
        layers=layers,
    )
