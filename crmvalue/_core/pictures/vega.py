"""A picture as a Vega-Lite dictionary."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from crmvalue._core.pictures.parts import (
    BLUES,
    COLOURS,
    EDGE,
    LONGEST_LABEL,
    LONGEST_SLANTED,
    columns_of_legend,
    distinct,
    ends_of_colours,
    is_wide,
    labels_of,
    slants,
    title_of,
    wrapped,
)

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue._core.pictures.parts import Axis, Layer, Parts, Style

__all__ = ["MIME", "vega_of"]

MIME = "application/vnd.vegalite.v5+json"
_SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json"
_DASHES: dict[Style, list[int]] = {"second": [7, 3], "third": [9, 3, 2, 3], "naive": [2, 3]}
_SHAPES: dict[Style, str] = {"second": "square", "third": "triangle-up", "naive": "diamond"}
_MOST_LABELS = 20  # labels of names that stand at an axis all
_ROLES = ("x", "y", "low", "high", "left", "right", "text")
_KINDS = {"date": "temporal", "name": "nominal"}
_NUMBER = (
    "abs(datum.value) >= 1e9 ? format(datum.value / 1e9, ',.3~r') + ' bn' : "
    "abs(datum.value) >= 1e6 ? format(datum.value / 1e6, ',.3~r') + ' M' : "
    "abs(datum.value) >= 1e4 ? format(datum.value / 1e3, ',.3~r') + ' k' : format(datum.value, ',.4~r')"
)
_SHARE = "format(100 * datum.value, '.3~r') + ' %'"


def vega_of(parts: Parts) -> dict[str, Any]:
    """Write a picture as plain dictionaries, lists, texts and numbers."""
    names = [name for name in ("x", "y") if getattr(parts, name).form == "name"]
    return {
        "$schema": _SCHEMA,
        "description": parts.title,
        "title": {"text": wrapped(parts.title), "anchor": "start", "frame": "bounds", "fontSize": 14, "offset": 8},
        "width": 600,
        "height": 375,
        "autosize": {"type": "fit", "contains": "padding"},
        "background": "white",
        "data": {"values": _rows(parts.columns)},
        "layer": [_layer(layer, parts, names) for layer in parts.layers],
        "config": {
            "view": {"stroke": None},
            "axis": {"labelFontSize": 11, "titleFontSize": 12, "titleFontWeight": "normal", "gridColor": "#e6e6e6"},
            "legend": {
                "orient": "top",
                "title": None,
                "labelFontSize": 11,
                "labelLimit": 300,
                "offset": 4,
                "symbolOpacity": 1,
            },
        },
    }


def _rows(columns: Any) -> list[dict[str, Any]]:
    """Give the table row by row; what is missing is null."""
    cells = {name: [_cell(value) for value in _plain(column)] for name, column in columns.items()}
    return [dict(zip(cells, row, strict=True)) for row in zip(*cells.values(), strict=True)]


def _plain(column: npt.NDArray[Any]) -> list[Any]:
    if column.dtype.kind == "M":
        return ["" if day == "NaT" else day for day in np.datetime_as_string(column).tolist()]
    plain: list[Any] = column.tolist()
    return plain


def _cell(value: Any) -> Any:
    missing = value == "" or (isinstance(value, float) and not math.isfinite(value))
    return None if missing else value


def _layer(layer: Layer, parts: Parts, names: list[str]) -> dict[str, Any]:
    """Write one layer: its mark, the columns that it draws, and its place in the legend."""
    colour = COLOURS[layer.style]
    encoding = _places(layer, parts)
    shown_with = [getattr(layer, role) for role in _ROLES if getattr(layer, role)]
    transform: list[dict[str, Any]] = [{"filter": " && ".join(f"isValid(datum['{name}'])" for name in shown_with)}]
    mark: dict[str, Any] = {"color": colour, **_mark(layer, parts, names)}
    if layer.text and layer.mark != "rule":
        encoding["text"] = {"field": layer.text, "type": "nominal"}
    if layer.fill:
        scale = {"range": BLUES, "domain": list(ends_of_colours(parts.columns[layer.fill]))}
        encoding["color"] = {"field": layer.fill, "type": "quantitative", "scale": scale, "legend": None}
    if layer.mark == "text" and (heat := _heat_of(parts)):
        low, high = ends_of_colours(parts.columns[heat])
        is_dark = f"datum['{heat}'] > {low + 0.55 * (high - low)}"
        encoding["color"] = {"condition": {"test": is_dark, "value": "white"}, "value": "black"}
    if layer.label:
        labelled = [other for other in parts.layers if other.label]
        labels = distinct(other.label for other in labelled)
        colours = [COLOURS[next(other.style for other in labelled if other.label == label)] for label in labels]
        legend = {"legend": {"columns": columns_of_legend(labels)} if len(labels) > 1 else None}
        scale = {"domain": labels, "range": colours}
        encoding["color"] = {"field": "legend", "type": "nominal", "scale": scale, **legend}
        transform.append({"calculate": json.dumps(layer.label), "as": "legend"})
    drawn: dict[str, Any] = {"mark": mark, "encoding": encoding}
    if layer.mark == "rule" and layer.text:
        where = {"align": "left", "dx": 5, "baseline": "top", "color": colour, "fontWeight": "bold"}
        place = {"x": encoding["x"], "y": {"value": 2}, "text": {"field": layer.text, "type": "nominal"}}
        note = {"mark": {"type": "text", **where}, "encoding": place}
        return {"transform": transform, "layer": [drawn, note]}
    if layer.mark == "text" and "condition" not in encoding.get("color", {}):  # a line may pass behind
        halo = {"mark": {**mark, "stroke": "white", "strokeWidth": 3}, "encoding": encoding}
        return {"transform": transform, "layer": [halo, drawn]}
    return {"transform": transform, **drawn}


def _places(layer: Layer, parts: Parts) -> dict[str, Any]:
    """Write where a layer stands: its ends run along the axis that is no name and, for a span, along the upright."""
    encoding: dict[str, Any] = {}
    lying = parts.y.form == "name"
    along = "x" if lying else "y"
    for name in ("x", "y"):
        column = getattr(layer, name)
        if name == along and layer.low:
            encoding[name] = _channel(layer.low, name, parts)
            encoding[f"{name}2"] = {"field": layer.high}
        elif layer.left:
            encoding[name] = _channel(layer.left, name, parts)
            encoding[f"{name}2"] = {"field": layer.right}
        elif column:
            encoding[name] = _channel(column, name, parts)
    return encoding


def _mark(layer: Layer, parts: Parts, names: list[str]) -> dict[str, Any]:
    """Give the Vega-Lite mark of a layer with its look."""
    dash = {"strokeDash": _DASHES[layer.style]} if layer.style in _DASHES else {}
    shape = _SHAPES.get(layer.style, "circle")
    wide = 1.2 if layer.style == "quiet" else 2.4
    marks: dict[str, dict[str, Any]] = {
        "line": {"type": "line", "strokeWidth": wide, **dash},
        "step": {"type": "line", "interpolate": "step-after", "strokeWidth": wide, **dash},
        "bar": {"type": "bar"},
        "band": {"type": "area", "opacity": 1},
        "step band": {"type": "area", "interpolate": "step-after", "opacity": 1},
        "points": {
            "type": "point",
            "filled": True,
            "size": 100,
            "stroke": "white",
            "opacity": 1,
            "shape": shape,
        },
        "interval": {"type": "rule", "strokeWidth": 2},
        "rule": {"type": "rule", "strokeWidth": 1.6, **dash},
        "heat": {"type": "rect", "stroke": "white"},
        "box": {"type": "rect", "stroke": EDGE},
        "text": {"type": "text", "fontSize": 11, "color": "black", "lineBreak": "\n"},
    }
    mark = marks[layer.mark]
    if layer.mark == "text" and "x" not in names and "y" in names:
        mark |= {"align": "left", "dx": 5}
    elif layer.mark == "line" and "y" in names:
        mark |= {"orient": "horizontal"}  # from row to row
    elif layer.mark == "text" and parts.x.form == "date":
        mark |= {"align": "right", "baseline": "bottom", "dx": -4, "dy": -3}
    elif layer.mark == "text" and "y" not in names and parts.y.form != "none":
        mark |= {"baseline": "bottom", "dy": -4}
    return mark


def _channel(column: str, name: str, parts: Parts) -> dict[str, Any]:
    """Write the axis of a column."""
    axis: Axis = getattr(parts, name)
    channel: dict[str, Any] = {
        "field": column,
        "type": _KINDS.get(axis.form, "quantitative"),
        "title": title_of(axis, name),
    }
    if axis.form == "none":
        bare = {"ticks": False, "labels": False, "domain": False, "grid": False}
        return channel | {
            "axis": bare if axis.title else None,
            "scale": {"domain": [axis.low, axis.high], "nice": False},
        }
    at_end = {"titleAnchor": "end"} if name == "x" and is_wide(parts) else {}
    look: dict[str, Any] = {**at_end, "grid": axis.form != "name" and name == "y"}
    if axis.form == "name":
        labels = labels_of(parts, name)
        channel["scale"] = {"domain": labels}
        slanted = name == "x" and slants(labels)
        longest = LONGEST_SLANTED if slanted else LONGEST_LABEL
        n_last = longest // 3
        short = f"slice(datum.label, 0, {longest - 1 - n_last}) + '…' + slice(datum.label, -{n_last})"
        look |= {"labelExpr": f"length(datum.label) <= {longest} ? datum.label : {short}", "labelLimit": 0}
        look |= {"labelAngle": -40 if slanted else 0}
        look |= {"labelOverlap": len(labels) > _MOST_LABELS}
    elif axis.form == "date":
        channel["scale"] = {"type": "utc"}
        if any(layer.mark == "bar" for layer in parts.layers):
            channel["timeUnit"] = "utcyearmonthdate"  # bars as wide as a day
        look |= {"format": "%Y-%m-%d", "tickCount": 5}
    else:
        look |= {"labelExpr": _SHARE if axis.form == "share" else _NUMBER, "tickCount": 6}
        if axis.ticks:
            look["values"] = list(axis.ticks)
        elif axis.form == "count":
            look |= _whole_ticks(parts, name)
        ends = {"domainMin": axis.low, "domainMax": axis.high}
        fixed = {end: value for end, value in ends.items() if value is not None}
        from_zero = any(layer.mark == "bar" and not layer.low for layer in parts.layers)
        is_length = name == ("x" if parts.y.form == "name" else "y")
        channel["scale"] = {"zero": from_zero and is_length and "domainMin" not in fixed, **fixed}
    return channel | {"axis": look}


def _whole_ticks(parts: Parts, name: str) -> dict[str, Any]:
    """Give the ticks of counts: each whole number where there are few."""
    along = "x" if parts.y.form == "name" else "y"
    roles = (name, "low", "high") if name == along else (name,)
    columns = [parts.columns[getattr(layer, role)] for layer in parts.layers for role in roles if getattr(layer, role)]
    most = max((float(np.nanmax(column)) for column in columns if np.isfinite(column).any()), default=1.0)
    least = min((float(np.nanmin(column)) for column in columns if np.isfinite(column).any()), default=0.0)
    least = min(least, getattr(parts, name).low or 0.0) if getattr(parts, name).low is not None else least
    return {"values": list(range(int(least), int(most) + 1))} if most <= 6 else {}


def _heat_of(parts: Parts) -> str:
    return next((layer.fill for layer in parts.layers if layer.fill), "")
