"""Groups as rectangles: as large as they have customers, as dark as a customer of theirs is worth."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from crmvalue._core.comparisons import leaders
from crmvalue._core.pictures.parts import Axis, Layer, Parts, cut, fitted, shown
from crmvalue._core.pictures.pictured import Picture
from crmvalue.errors import InputError
from crmvalue.segmentation import SegmentSummary

if TYPE_CHECKING:
    from crmvalue.typing import Floats

__all__ = ["segment_treemap"]

_MOST = 20
_KEY = "Size: share of the customers; colour: value of a customer [money]"
_WIDTH, _HEIGHT = 590.0, 290.0  # pixels of the picture without its title
_LETTER, _LINE = 7.4, 16.0  # pixels of a letter of usual width, and of a line


def segment_treemap(summary: SegmentSummary) -> Picture:
    """Draw groups as rectangles: as large as they have customers, as dark as a customer of theirs is worth.

    Parameters
    ----------
    summary : SegmentSummary
        Result of :func:`crmvalue.segmentation.summarise_segments`. Of more than 20 groups, the smallest are one.

    Returns
    -------
    Picture
        With columns `group`, `n_customers`, `mean_value` and the sides of each rectangle. `summary.plot` draws the
        value of each group as a bar.

    Raises
    ------
    InputError
        If `summary` is not such a result.

    Notes
    -----
    Rectangles are laid along the shorter side of the room that is left, as long as that makes them more square (Bruls,
    Huizing and van Wijk, "Squarified treemaps", 2000).

    Examples
    --------
    >>> from crmvalue.segmentation import summarise_segments
    >>> groups = summarise_segments(["new"] * 6 + ["loyal"] * 3 + ["lost"], [5.0] * 6 + [90.0] * 3 + [1.0])
    >>> segment_treemap(groups).title
    'A customer of loyal is worth 90, the average customer 30.1'
    """
    if not isinstance(summary, SegmentSummary):
        raise InputError("summary", "a SegmentSummary", summary, hint="summarise_segments makes one")
    order = np.argsort(-summary.n_customers, kind="stable")
    order = order[summary.n_customers[order] > 0]
    names = [summary.names[k] for k in order]
    sizes, values = summary.n_customers[order].astype(np.float64), summary.value[order]
    if len(names) > _MOST:
        first = _MOST - 1
        names = [*names[:first], f"{len(names) - first:,} other groups"]
        sizes = np.append(sizes[:first], sizes[first:].sum())
        values = np.append(values[:first], values[first:].sum())
    mean, n = values / sizes, sizes.sum()
    left, right, low, high = _rectangles(sizes / n).T
    widths, heights = (right - left) * _WIDTH, (high - low) * _HEIGHT
    shares = [shown(size / n, "share") for size in sizes]
    said = [
        _label(name, f"{share}, {shown(worth, 'money')} each", width, height)
        for name, share, worth, width, height in zip(names, shares, mean, widths, heights, strict=True)
    ]
    average = float(values.sum() / n)
    same = 0.05 * abs(average)
    better = mean if mean.max() > average + same else -mean
    best, rank = int(better.argmax()), "best" if better is mean else "worst"
    title = f"The customers of all groups are worth about the same: {shown(average, 'money')}"
    if len(names) == 1:
        title = f"All customers are in one group, {cut(names[0])}"
    elif abs(mean[best] - average) > same:
        worth, usual = shown(mean[best], "money"), shown(average, "money")
        n_best = len(leaders(better))
        who = cut(names[best]) if n_best == 1 else f"each of the {rank} {n_best} groups"
        title = f"A customer of {who} is worth {worth}, the average customer {usual}"
    return Picture(
        Parts(
            title=title,
            x=Axis(
                title=_KEY,
                form="none",
                low=0.0,
                high=1.0,
            ),
            y=Axis(title="", form="none", low=0.0, high=1.0),
            columns={
                "group": np.array(names),
                "n_customers": sizes,
                "mean_value": mean,
                "left": left,
                "right": right,
                "low": low,
                "high": high,
                "across": (left + right) / 2,
                "along": (low + high) / 2,
                "said": np.array(said),
            },
            layers=[
                Layer(mark="box", left="left", right="right", low="low", high="high", fill="mean_value"),
                Layer(mark="text", x="across", y="along", text="said"),
            ],
        )
    )


def _label(name: str, size: str, width: float, height: float) -> str:
    """Write the name, and below it the size, where a rectangle has room for them."""
    letters = width / _LETTER - 1
    lines = [line for line in (fitted(name, letters), fitted(size, letters)) if line][: int(height / _LINE)]
    if len(lines) == 2 and lines[1].endswith("…"):
        lines = lines[:1]
    return "\n".join(lines)


def _rectangles(share: Floats) -> Floats:
    """Divide the picture among shares that descend, into left, right, low and high of each."""
    found: list[tuple[float, float, float, float]] = []
    areas = (share * _WIDTH * _HEIGHT).tolist()
    x, y, width, height = 0.0, 0.0, _WIDTH, _HEIGHT
    while areas:
        side = min(width, height)
        n = 1
        while n < len(areas) and _worst(areas[: n + 1], side) <= _worst(areas[:n], side):
            n += 1
        row, areas = areas[:n], areas[n:]
        depth = sum(row) / side if areas else max(width, height)
        ends = np.cumsum([0.0, *row]) / sum(row) * side
        for start, end in zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True):
            if width >= height:
                found.append((x, x + depth, y + start, y + end))
            else:
                found.append((x + start, x + end, y, y + depth))
        if width >= height:
            x, width = x + depth, width - depth
        else:
            y, height = y + depth, height - depth
    left, right, top, bottom = np.array(found).T
    return np.column_stack([left / _WIDTH, right / _WIDTH, 1 - bottom / _HEIGHT, 1 - top / _HEIGHT])


def _worst(row: list[float], side: float) -> float:
    """Give the side ratio of the least square rectangle of a row."""
    total = sum(row)
    return max(side * side * max(row) / total**2, total**2 / (side * side * min(row)))
