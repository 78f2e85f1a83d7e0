"""Pictures to look at in tests, and what matplotlib drew, read back."""

from __future__ import annotations

import importlib

import numpy as np
from matplotlib import dates
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.text import Text

from crmvalue._core.pictures.pictured import Pictured

__all__ = ["boxes", "drawn_layers", "public", "title_of", "wanted"]


def public():
    """Give the public values with a picture, one of each class."""
    values = importlib.import_module("tests.core.public_values").VALUES
    return list({type(value): value for value in values if isinstance(value, Pictured)}.values())


def title_of(ax):
    return ax.figure.get_suptitle() or ax.get_title(loc="left")


def boxes(figure):
    """Give the box of each text that is shown, in pixels."""
    renderer, hidden = figure.canvas.get_renderer(), {id(label) for label in hidden_ticks(figure)}
    texts = {id(text): text for text in figure.findobj(Text) if text.get_text() and text.get_visible()}
    return [(text, text.get_window_extent(renderer)) for key, text in texts.items() if key not in hidden]


def hidden_ticks(figure):
    """Give the labels of ticks outside of the axes, which matplotlib keeps and does not draw."""
    hidden = []
    for axis in (figure.axes[0].xaxis, figure.axes[0].yaxis):
        low, high = sorted(axis.get_view_interval())
        for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
            near_end = 1e-9 * (high - low)
            shown = low - near_end <= tick.get_loc() <= high + near_end
            hidden += [tick.label2] if shown else [tick.label1, tick.label2]
    return hidden


def number(column, parts, name):
    """Give a column as matplotlib's numbers, NaN where it is missing."""
    column = np.asarray(column)
    if column.dtype.kind == "M":
        return dates.date2num(column)
    if getattr(parts, name).form == "name":
        labels = []
        for layer in parts.layers:
            labels += [str(x) for x in parts.columns.get(getattr(layer, name), ())]
        places = {label: place for place, label in enumerate(dict.fromkeys(labels))}
        return np.array([places[str(x)] for x in column.tolist()], dtype=float)
    return column.astype(float)


def wanted(layer, parts):
    """Give the rows that a layer has to draw: numbers, and a text."""
    along = "x" if parts.y.form == "name" else "y"
    axis = {"x": "x", "y": "y", "low": along, "high": along, "left": "x", "right": "x"}
    roles = [role for role in ("x", "y", "low", "high", "left", "right", "text", "fill") if getattr(layer, role)]
    columns = {role: parts.columns[getattr(layer, role)] for role in roles}
    columns |= {role: number(column, parts, axis[role]) for role, column in columns.items() if role in axis}
    rows = [dict(zip(roles, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return [row for row in rows if row.get("text", " ") and np.isfinite([row.get(role, 0) for role in axis]).all()]


def near(found, value):
    """Whether one of the places found is this one."""
    return any(len(one) == len(value) and np.allclose(one, value, rtol=1e-9, atol=1e-9) for one in found)


def drawn_layers(ax, parts):
    """Yield each layer, the rows that it has to draw, and whether matplotlib drew just these."""
    lying = parts.y.form == "name"
    for layer in parts.layers:
        rows = wanted(layer, parts)
        yield layer, rows, not rows or READERS[layer.mark](ax, rows, lying)


def drew_line(ax, rows, _lying):
    lines = [np.column_stack([ax.convert_xunits(line.get_xdata()), line.get_ydata()]) for line in ax.lines]
    return near([np.ravel(line).astype(float) for line in lines], np.ravel([(row["x"], row["y"]) for row in rows]))


def drew_rule(ax, rows, _lying):
    ends = [line.get_xydata()[0] for line in ax.lines if len(line.get_xydata()) == 2]
    role, part = ("x", slice(0, 1)) if "x" in rows[0] else ("y", slice(1, 2))
    return all(near([end[part] for end in ends], [row[role]]) for row in rows)


def drew_bar(ax, rows, lying):
    boxes_of_bars = [bar.get_bbox() for bar in ax.patches]
    across, along = ("y", "x") if lying else ("x", "y")
    found = [
        ((b.y0 + b.y1) / 2, *sorted((b.x0, b.x1))) if lying else ((b.x0 + b.x1) / 2, *sorted((b.y0, b.y1)))
        for b in boxes_of_bars
    ]
    ends = [(row.get("low", 0), row.get("high", row.get(along))) for row in rows]
    return all(near(found, (row[across], *sorted(end))) for row, end in zip(rows, ends, strict=True))


def drew_interval(ax, rows, lying):
    found = [np.ravel(one) for c in ax.collections if isinstance(c, LineCollection) for one in c.get_segments()]
    if lying:
        return all(near(found, (row["low"], row["y"], row["high"], row["y"])) for row in rows)
    return all(near(found, (row["x"], row["low"], row["x"], row["high"])) for row in rows)


def drew_band(ax, rows, _lying):
    bands = [c.get_paths()[0].vertices for c in ax.collections if isinstance(c, PolyCollection)]
    return any(all(near(band, (row["x"], row[end])) for row in rows for end in ("low", "high")) for band in bands)


def drew_box(ax, rows, _lying):
    found = [(b.x0, b.x1, b.y0, b.y1) for b in (box.get_bbox() for box in ax.patches)]
    return all(near(found, [row[role] for role in ("left", "right", "low", "high")]) for row in rows)


def drew_heat(ax, rows, _lying):
    table = ax.images[0].get_array().filled(np.nan)
    return all(np.array_equal(table[int(row["y"]), int(row["x"])], row["fill"], equal_nan=True) for row in rows)


def drew_text(ax, rows, _lying):
    written = {text.get_text(): [] for text in ax.texts}
    for text in ax.texts:
        x, y = text.xy if hasattr(text, "xy") else text.get_position()
        written[text.get_text()].append((float(ax.convert_xunits(x)), y))
    return all(near(written.get(row["text"], []), (row["x"], row["y"])) for row in rows)


READERS = {
    "line": drew_line,
    "step": drew_line,
    "points": drew_line,
    "rule": drew_rule,
    "bar": drew_bar,
    "interval": drew_interval,
    "band": drew_band,
    "step band": drew_band,
    "heat": drew_heat,
    "box": drew_box,
    "text": drew_text,
}
