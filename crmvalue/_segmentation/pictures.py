"""Pictures of groups and shares; the results of the room show them by `plot`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from crmvalue._core.comparisons import leaders
from crmvalue._core.labels import also_equal, counted
from crmvalue._core.pictures.parts import Axis, Layer, Parts, as_cells, cut, shown, stretch

if TYPE_CHECKING:
    from crmvalue.typing import Floats, Integers

__all__ = ["lorenz_parts", "migration_parts", "scores_parts", "summary_parts"]

_MOST_POINTS = 201
_MOST_GROUPS = 15
_MOST_STATES, _MOST_SCORES = 20, 20  # rows of a table
_MOST_WRITTEN = 12  # rows or columns of a table whose cells still have room for their numbers


def lorenz_parts(customer_share: Floats, value_share: Floats) -> Parts:
    """Draw the share of the value that the best customers bring, best first."""
    customers, value = 1 - customer_share[::-1], 1 - value_share[::-1]
    n = len(customers) - 1
    after = max(1, int(np.argmax(value >= 0.5)))
    kept = np.unique([*np.linspace(0, n, min(n + 1, _MOST_POINTS)).astype(np.int64), after - 1, after])
    at = int(np.searchsorted(kept, after))
    half = round(float(np.interp(0.5, value[after - 1 : after + 1], customers[after - 1 : after + 1])), 12)
    share = shown(half, "share")
    title = f"Half of the value comes from {share} of the customers"
    if half * n < 1:
        title = f"The best customer brings {shown(float(value[1]), 'share')} of the value"
    if (value - customers).max() < 0.05:
        title = "All customers bring about the same value"
    if n == 1:
        title = "One customer brings all of the value"
    columns = {
        "customer_share": customers[kept],
        "value_share": value[kept],
        "equal_share": customers[kept],
        "half_customer_share": as_cells(len(kept), half, at=at),
        "half_value_share": as_cells(len(kept), 0.5, at=at),
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


@np.errstate(under="ignore")
def summary_parts(names: tuple[str, ...], n_customers: Integers, value: Floats) -> Parts:
    """Draw the value of each group, with its shares of the value and of the customers."""
    order = np.argsort(-value, kind="stable")
    top, rest = order[:_MOST_GROUPS], order[_MOST_GROUPS:]
    labels = [names[k] for k in top]
    amounts, counts = value[top], n_customers[top]
    if len(rest):
        labels.append(f"{len(rest):,} other groups")
        amounts, counts = np.append(amounts, value[rest].sum()), np.append(counts, n_customers[rest].sum())
    total, base = value.sum(), n_customers.sum()
    of_customers = [shown(count / base, "share") for count in counts]
    title = "The groups bring no value in all"
    if total > 0:
        share = shown(amounts[0] / total, "share")
        title = f"{cut(labels[0])}: {share} of the value from {of_customers[0]} of the customers"
        title += also_equal(len(leaders(value)))
    if amounts.min() < 0:
        title += f"; {cut(labels[int(amounts.argmin())])} cost {shown(-amounts.min(), 'money')}"
        title += also_equal(len(leaders(-amounts)))
    low, high = min(0.0, amounts.min()), max(0.0, amounts.max())
    shares = [f"{size} of customers" for size in of_customers]
    return Parts(
        title=title,
        x=Axis(
            title="Value of the group [money]",
            form="money",
            low=low,
            high=high + (stretch(labels, shares) - 1) * ((high - low) or 1.0),
        ),
        y=Axis(title="", form="name"),
        columns={
            "group": labels,
            "value": amounts,
            "n_customers": counts,
            "shares": shares,
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
    scores = np.arange(1, n_bins + 1)
    cells = (r.astype(np.int64) - 1) * n_bins + f - 1
    table = np.bincount(cells, minlength=n_bins * n_bins).reshape(n_bins, n_bins)
    n_asleep = int(table[np.ix_(scores <= max(0.4 * n_bins, 1), scores > 0.6 * n_bins)].sum())
    title = "No customer who bought often has been silent for long"
    if n_asleep:
        share = shown(n_asleep / len(r), "share")
        title = f"{share} of the customers bought often, but not lately: win them back first"
    starts = np.arange(0, n_bins, -(-n_bins // _MOST_SCORES))  # neighbours stand together where there are many
    labels = [_scores(ends) for ends in zip((starts + 1).tolist(), [*starts[1:].tolist(), n_bins], strict=True)]
    table = np.add.reduceat(np.add.reduceat(table, starts, axis=0), starts, axis=1)[::-1]
    n_shown = len(labels)
    rows, columns = (grid.ravel() for grid in np.indices(table.shape))
    counts = table.ravel()
    layers = [Layer(mark="heat", x="f_score", y="r_score", fill="n_customers")]
    if n_shown <= _MOST_WRITTEN:
        layers.append(Layer(mark="text", x="f_score", y="r_score", text="customers"))
    return Parts(
        title=title,
        x=Axis(title=f"Score of frequency: {n_bins} bought most often", form="name"),
        y=Axis(title=f"Score of recency: {n_bins} bought last", form="name"),
        columns={
            "r_score": np.array(labels)[::-1][rows],
            "f_score": np.array(labels)[columns],
            "n_customers": counts.astype(np.float64),
            "customers": [shown(count, "count") if count else "" for count in counts.tolist()],
        },
        layers=layers,
    )


def _scores(ends: tuple[int, int]) -> str:
    first, last = ends
    return f"{first}" if first == last else f"{first}–{last}"  # noqa: RUF001 - a dash between the ends of a range


def _largest(
    states: tuple[str, ...], counts: Integers, n_new: Integers, n_gone: Integers, named: list[int]
) -> tuple[tuple[str, ...], Integers, Integers, Integers]:
    """Keep the named groups and the largest, and put the others together."""
    size = counts.sum(axis=0) + counts.sum(axis=1) + n_new + n_gone
    is_other = ~np.isin(np.arange(len(states)), named)
    kept = np.sort(np.lexsort((-size, is_other))[: _MOST_STATES - 1])
    place = np.full(len(states), len(kept))
    place[kept] = np.arange(len(kept))
    rows, columns = (grid.ravel() for grid in np.indices(counts.shape))
    k = len(kept) + 1
    table = np.zeros((k, k), dtype=np.int64)
    np.add.at(table, (place[rows], place[columns]), counts.ravel())
    new, gone = np.zeros((2, k), dtype=np.int64)
    np.add.at(new, place, n_new)
    np.add.at(gone, place, n_gone)
    names = (*(states[row] for row in kept), f"{len(states) - len(kept):,} other groups")
    return names, table, new, gone


def migration_parts(states: tuple[str, ...], counts: Integers, n_new: Integers, n_gone: Integers) -> Parts:
    """Draw how many customers went from each group to each other, came new, or are gone."""
    moved = np.column_stack([counts, n_gone])
    np.fill_diagonal(moved, 0)
    start, end = divmod(int(moved.argmax()), moved.shape[1])
    title = "No customer changed the group"
    if moved[start, end]:
        who = counted(int(moved[start, end]), "customer")
        title = f"The largest move: {who} from {cut(states[start])} to {cut([*states, 'gone'][end])}"
        title += also_equal(int((moved == moved[start, end]).sum()))
    is_cut = len(states) > _MOST_STATES
    if is_cut:
        states, counts, n_new, n_gone = _largest(states, counts, n_new, n_gone, [start, end])
    has_new, has_gone = bool(n_new.any()), bool(n_gone.any())
    table = np.vstack([counts, n_new]) if has_new else counts
    befores = [*states, "new customers"] if has_new else list(states)
    nows = [*states, "gone"] if has_gone else list(states)
    if has_gone:
        table = np.column_stack([table, np.append(n_gone, 0) if has_new else n_gone])
    drawn = table.astype(np.float64)
    if is_cut:
        drawn[len(states) - 1, len(states) - 1] = np.nan  # many groups together would take all colours
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
            "n_customers": drawn.ravel(),
            "customers": [shown(count, "count") if count else "" for count in table.ravel().tolist()],
        },
        layers=layers,
    )
