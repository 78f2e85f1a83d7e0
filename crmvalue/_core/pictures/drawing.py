"""A picture drawn by matplotlib, without pyplot: no window, no state of the process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from crmvalue._core.pictures.parts import (
    BLUES,
    COLOURS,
    EDGE,
    LONGEST_LABEL,
    LONGEST_SLANTED,
    columns_of_legend,
    cut,
    distinct,
    ends_of_colours,
    is_wide,
    labels_of,
    slants,
    tick,
    title_of,
    wrapped,
)
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from crmvalue._core.pictures.parts import Axis, Form, Layer, Parts, Style

__all__ = ["draw"]

_DASHES: dict[Style, Any] = {"second": (0, (5, 2)), "third": (0, (6, 2, 1, 2)), "naive": (0, (1, 1.6))}
_SHAPES: dict[Style, str] = {"second": "s", "third": "^", "naive": "D"}
_SIZE = (6.0, 3.75)  # inches, at 100 dots each: 600 pixels wide
_FEW_LABELS, _MOST_LABELS = 10, 20  # labels of names in letters of the usual size, and in small ones
_SOME_DAYS = 20  # within which places on an axis are counted from day to day
_MISSING = "A picture needs matplotlib: pip install 'crmvalue[plot]'"


def draw(parts: Parts, ax: Any = None) -> Any:
    """Draw a picture into axes, or into a figure of its own, and give the axes."""
    try:
        import matplotlib  # noqa: F401, ICN001 - whether it is there
        from matplotlib.figure import Figure
        from matplotlib.transforms import blended_transform_factory
    except ImportError as error:
        raise ModuleNotFoundError(_MISSING, name="matplotlib") from error
    labels = distinct(layer.label for layer in parts.layers if layer.label)
    beside = columns_of_legend(labels)
    own = ax is None
    n_texts = 0 if own else len(getattr(ax, "texts", ()))
    if not own and not hasattr(ax, "transAxes"):
        raise InputError("ax", "axes of matplotlib, or None for a figure of its own", ax)
    if own:
        figure = Figure(figsize=_SIZE, dpi=100, layout="constrained")
        ax = figure.add_subplot()
        title = figure.suptitle("\n".join(wrapped(parts.title)), x=0.015, ha="left", fontsize=11.5, fontweight="bold")
    else:
        pad = 8 + 15 * -(-len(labels) // beside) if len(labels) > 1 else 8
        title = ax.set_title("\n".join(wrapped(parts.title, 48)), loc="left", fontsize=11, fontweight="bold", pad=pad)
    positions = {name: _positions(parts, name) for name in ("x", "y")}
    for layer in parts.layers:
        _MARKS[layer.mark](ax, layer, _Cells(layer, parts, positions))
    for name in ("x", "y"):
        _set_axis(ax, name, parts, positions[name])
    _clear(ax, is_heat=any(layer.fill for layer in parts.layers))
    texts = [title, *list(ax.texts)[n_texts:]]
    if len(labels) > 1:
        figure = ax.figure
        left = blended_transform_factory(figure.transFigure, ax.transAxes) if own else ax.transAxes
        look = {"frameon": False, "fontsize": 9, "borderaxespad": 0.2, "bbox_transform": left}
        legend = ax.legend(loc="lower left", bbox_to_anchor=(0.01 if own else 0, 1), ncols=beside, **look)
        texts += legend.get_texts()
    _write_as_it_is(ax, texts)
    return ax


class _Cells:
    """The columns of a layer as places on the axes, in the rows that it draws."""

    def __init__(self, layer: Layer, parts: Parts, positions: dict[str, dict[str, int]]) -> None:
        self.lying = parts.y.form == "name"
        self.form: Form = (parts.x if self.lying else parts.y).form
        names = {role: getattr(layer, role) for role in ("x", "y", "low", "high", "left", "right", "text", "fill")}
        columns = {role: parts.columns[name] for role, name in names.items() if name}
        drawn = np.logical_and.reduce([_is_known(column) for role, column in columns.items() if role != "fill"])
        shades = [parts.columns[other.fill] for other in parts.layers if other.fill]
        self.is_dark = _is_dark(shades[0])[drawn] if shades else None
        self.over_days = parts.x.form == "date"
        self.n_across = len(positions["x"])
        along = "x" if self.lying else "y"
        self.columns = {}
        for role, column in columns.items():
            axis = along if role in {"low", "high"} else role
            known = column[drawn]
            places = positions.get(axis)
            self.columns[role] = np.array([places[str(label)] for label in known.tolist()]) if places else known

    def __getitem__(self, role: str) -> npt.NDArray[Any]:
        return self.columns[role]

    def get(self, role: str, default: Any = None) -> Any:
        return self.columns.get(role, default)

    def __contains__(self, role: str) -> bool:
        return role in self.columns


def _is_dark(shade: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Whether letters on the colour of each number have to be white."""
    low, high = ends_of_colours(shade)
    dark: npt.NDArray[np.bool_] = shade > low + 0.55 * (high - low)
    return dark


def _is_known(column: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    kind = column.dtype.kind
    known: npt.NDArray[np.bool_] = (
        ~np.isnat(column) if kind == "M" else np.isfinite(column) if kind == "f" else np.ones(len(column), bool)
    )
    return column != "" if kind == "U" else known


def _positions(parts: Parts, name: str) -> dict[str, int]:
    """Give a number to each label of an axis of names, in the order of the table."""
    if getattr(parts, name).form != "name":
        return {}
    labels = labels_of(parts, name)
    return {label: place for place, label in enumerate(labels)}


def _write_as_it_is(ax: Any, texts: list[Any]) -> None:
    """Take no text as a formula, also where the settings of matplotlib send all texts through TeX."""
    for side in (ax.xaxis, ax.yaxis):
        side.get_major_ticks()  # makes them; those that a new scale needs are copies of the first
        texts += [side.label, side.offsetText]
        texts += [label for tick in (*side.majorTicks, *side.minorTicks) for label in (tick.label1, tick.label2)]
    for text in texts:
        text.set_usetex(False)
        text.set_parse_math(False)


def _look(layer: Layer) -> dict[str, Any]:
    look: dict[str, Any] = {"color": COLOURS[layer.style]}
    label = f" {layer.label}" if layer.label.startswith("_") else layer.label  # matplotlib hides what begins with _
    return look | ({"label": label} if label else {})


def _line(ax: Any, layer: Layer, cells: _Cells) -> None:
    width = 1.0 if layer.style == "quiet" else 2.2
    style = "steps-post" if layer.mark == "step" else "default"
    dash = _DASHES.get(layer.style, "-")
    ax.plot(cells["x"], cells["y"], lw=width, ls=dash, drawstyle=style, **_look(layer))


def _bar(ax: Any, layer: Layer, cells: _Cells) -> None:
    low = cells.get("low", 0)
    if cells.lying:
        high = cells.get("high", cells.get("x"))
        ax.barh(cells["y"], high - low, left=low, height=0.72, **_look(layer))
        return
    high = cells.get("high", cells.get("y"))
    x = cells["x"]
    if not len(x):
        return  # matplotlib has no dates of nothing
    width = np.timedelta64(20, "h") if x.dtype.kind == "M" else 0.85
    ax.bar(x, high - low, bottom=low, width=width, **_look(layer))


def _band(ax: Any, layer: Layer, cells: _Cells) -> None:
    step = "post" if layer.mark == "step band" else None
    ax.fill_between(cells["x"], cells["low"], cells["high"], step=step, lw=0, **_look(layer))


def _points(ax: Any, layer: Layer, cells: _Cells) -> None:
    ax.plot(
        cells["x"],
        cells["y"],
        ls="none",
        marker=_SHAPES.get(layer.style, "o"),
        ms=8,
        mec="white",
        mew=1,
        **_look(layer),
    )


def _interval(ax: Any, layer: Layer, cells: _Cells) -> None:
    if cells.lying:
        ax.hlines(cells["y"], cells["low"], cells["high"], lw=2, **_look(layer))
    else:
        ax.vlines(cells["x"], cells["low"], cells["high"], lw=2, **_look(layer))


def _rule(ax: Any, layer: Layer, cells: _Cells) -> None:
    upright = "x" in cells
    for row, place in enumerate(cells["x" if upright else "y"]):
        look = _look(layer) if row == 0 else {"color": COLOURS[layer.style]}
        (ax.axvline if upright else ax.axhline)(place, lw=1.6, ls=_DASHES.get(layer.style, "-"), **look)
        if upright and "text" in cells:
            _note(ax, place, cells["text"][row], COLOURS[layer.style])


def _note(ax: Any, place: Any, text: str, colour: str) -> None:
    """Write beside a line, on the side that has room; which one is known when the axes have their ends."""
    note = ax.annotate(
        text, (place, 1), xycoords=("data", "axes fraction"), xytext=(5, -4), textcoords="offset points",
        va="top", ha="left", fontsize=9.5, color=colour, fontweight="bold",
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1},
    )  # fmt: skip
    note.set_gid("note")


def _blues() -> Any:
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("blues", BLUES)


def _heat(ax: Any, _layer: Layer, cells: _Cells) -> None:
    x, y = cells["x"], cells["y"]
    table = np.full((int(y.max(initial=-1)) + 1, int(x.max(initial=-1)) + 1), np.nan)
    table[y, x] = cells["fill"]
    low, high = ends_of_colours(table)
    ax.imshow(table, cmap=_blues(), vmin=low, vmax=high, aspect="auto")
    for edge in range(1, table.shape[1]):
        ax.axvline(edge - 0.5, color="white", lw=1)
    for edge in range(1, table.shape[0]):
        ax.axhline(edge - 0.5, color="white", lw=1)


def _box(ax: Any, _layer: Layer, cells: _Cells) -> None:
    from matplotlib.patches import Rectangle

    blues, (low, high) = _blues(), ends_of_colours(cells["fill"])
    sides = (cells[name] for name in ("left", "right", "low", "high", "fill"))
    for left, right, bottom, top, fill in zip(*sides, strict=True):
        colour = blues((fill - low) / (high - low)) if np.isfinite(fill) else "white"
        ax.add_patch(Rectangle((left, bottom), right - left, top - bottom, facecolor=colour, edgecolor=EDGE, lw=1))


def _text(ax: Any, _layer: Layer, cells: _Cells) -> None:
    if cells.is_dark is not None:
        size = 9.0 if cells.n_across <= 10 else 7.0
        for x, y, text, is_dark in zip(cells["x"], cells["y"], cells["text"], cells.is_dark, strict=True):
            colour = "white" if is_dark else "black"
            ax.text(x, y, text, ha="center", va="center", fontsize=size, color=colour)
        return
    from matplotlib.patheffects import withStroke

    look: dict[str, Any] = {"textcoords": "offset points", "fontsize": 9, "annotation_clip": False}
    look |= {"xytext": (5, 0), "va": "center", "ha": "left"} if cells.lying else {"xytext": (0, 4), "ha": "center"}
    look |= {"xytext": (-4, 3), "ha": "right"} if cells.over_days else {}  # a line may rise from below
    halo = [withStroke(linewidth=2.5, foreground=ax.get_facecolor())]  # a line may pass behind
    for x, y, text in zip(cells["x"], cells["y"], cells["text"], strict=True):
        ax.annotate(text, (x, y), path_effects=halo, **look)


_MARKS: dict[str, Callable[[Any, Layer, _Cells], None]] = {
    "line": _line,
    "step": _line,
    "bar": _bar,
    "band": _band,
    "step band": _band,
    "points": _points,
    "interval": _interval,
    "rule": _rule,
    "heat": _heat,
    "box": _box,
    "text": _text,
}


def _set_axis(ax: Any, name: str, parts: Parts, positions: dict[str, int]) -> None:
    """Give an axis its title, its ends, and labels in the form of its numbers."""
    from matplotlib import dates, ticker

    axis: Axis = getattr(parts, name)
    side = ax.xaxis if name == "x" else ax.yaxis
    side.set_label_text(title_of(axis, name), fontsize=10)
    if name == "x" and is_wide(parts):
        side.label.set(x=1.0, ha="right")
    side.set_tick_params(labelsize=9)
    if positions:
        slanted = name == "x" and slants(positions)
        labels = [cut(label, LONGEST_SLANTED if slanted else LONGEST_LABEL) for label in positions]
        side.set_tick_params(labelsize=9 if len(labels) <= _FEW_LABELS else 7)
        each = -(-len(labels) // _MOST_LABELS)
        turned = {"rotation": 40, "ha": "right", "rotation_mode": "anchor"} if slanted else {}
        side.set_ticks(list(positions.values())[::each], labels[::each], **turned)
        if name == "y":
            ax.set_ylim(len(labels) - 0.5, -0.5)
        else:
            ax.set_xlim(-0.5, len(labels) - 0.5)
        return
    if axis.form == "none":
        side.set_ticks([])
        ax.spines[:].set_visible(False)
        (ax.set_xlim if name == "x" else ax.set_ylim)(axis.low, axis.high)
        return
    if axis.form == "date":
        locator: Any = dates.AutoDateLocator
        formatter: Any = dates.DateFormatter
        days = np.concatenate([parts.columns[layer.x] for layer in parts.layers if layer.x])
        days = days[~np.isnat(days)]
        if len(days) and days.min() == days.max():
            ax.set_xlim(days[0] - np.timedelta64(3, "D"), days[0] + np.timedelta64(3, "D"))
        across = len(days) > 0 and days.max() - days.min() > np.timedelta64(_SOME_DAYS, "D")
        # Multiples of some days begin again with each month: the 31st, and the 1st beside it.
        side.set_major_locator(locator(minticks=2, maxticks=5, interval_multiples=across))
        side.set_major_formatter(formatter("%Y-%m-%d", usetex=False))
        number: Any = dates.date2num
        first, last = number(np.array(["0001-01-01", "9999-12-31"], dtype="datetime64[D]"))
        ends = np.clip((ax.get_xlim if name == "x" else ax.get_ylim)(), first, last)
        (ax.set_xlim if name == "x" else ax.set_ylim)(*ends)  # matplotlib knows no other years
        return
    places = ticker.MaxNLocator(6, integer=axis.form == "count", steps=[1, 2, 2.5, 5, 10])
    side.set_major_locator(ticker.FixedLocator(axis.ticks) if axis.ticks else places)
    side.set_major_formatter(ticker.FuncFormatter(lambda value, _: tick(value, axis.form)))
    low, high = (ax.get_xlim if name == "x" else ax.get_ylim)()
    if axis.form == "count" and high - low < 1:  # one value alone
        low, high = (low + high) / 2 - 1, (low + high) / 2 + 1
    fixed = (low if axis.low is None else axis.low, high if axis.high is None else axis.high)
    (ax.set_xlim if name == "x" else ax.set_ylim)(*fixed)


def _clear(ax: Any, *, is_heat: bool) -> None:
    """Take off what says nothing, and turn notes to the side that has room."""
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    if is_heat:
        ax.spines[:].set_visible(False)
        ax.tick_params(length=0)
    else:
        ax.set_axisbelow(True)
        ax.grid(axis="x" if ax.yaxis_inverted() else "y", color="#e6e6e6")
    left, right = ax.get_xlim()
    for note in ax.texts:
        if note.get_gid() == "note" and ax.convert_xunits(note.xy[0]) > (left + right) / 2:
            note.set_ha("right")
            note.set_x(-5)
