"""What a picture is made of: a sentence, two axes, one table, and layers that draw columns of the table."""

from __future__ import annotations

import math
import re
import textwrap
import unicodedata
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

from crmvalue._core.labels import decimal, on_its_side
from crmvalue._core.values import FixedMapping, read_only, stay_frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = [
    "BLUES",
    "COLOURS",
    "EDGE",
    "LONGEST_LABEL",
    "LONGEST_SLANTED",
    "Axis",
    "Form",
    "Layer",
    "Mark",
    "Parts",
    "Style",
    "apart",
    "as_cells",
    "columns_of_legend",
    "cut",
    "distinct",
    "ends_of_colours",
    "evenly",
    "fitted",
    "is_wide",
    "labels_of",
    "nothing",
    "of_all",
    "shown",
    "shown_beside",
    "shown_things",
    "slants",
    "stretch",
    "tick",
    "title_of",
    "wrapped",
]

Form: TypeAlias = Literal["number", "count", "money", "share", "date", "name", "none"]
Mark: TypeAlias = Literal[
    "line", "step", "bar", "band", "step band", "points", "interval", "rule", "heat", "box", "text"
]
Style: TypeAlias = Literal["main", "second", "third", "naive", "quiet", "light", "action"]

COLOURS: dict[Style, str] = {
    "main": "#0072b2",
    "second": "#e69f00",
    "third": "#009e73",
    "naive": "#5f5f5f",
    "quiet": "#bdbdbd",
    "light": "#cfe3f0",
    "action": "#7d0a12",
}
"""Colours that colour-blind people tell apart and that differ in lightness: Okabe and Ito (2008), and greys."""

BLUES = ["#f7fbff", "#c6dbef", "#6baed6", "#2171b5", "#08306b"]
"""Colours of a table, from few to many: one hue whose lightness falls."""

EDGE = "#a6a6a6"
"""Colour of the edge between boxes, which light and dark ones differ from."""

LONGEST_TITLE, LONGEST_LABEL, LONGEST_SLANTED = 58, 26, 16
"""Letters of a line of the title, and of a label at an axis; what is longer is broken or cut."""

_SHORTEST_HEAD = 12
"""Letters of the title of an axis that stay before its notes."""

_WIDTH, _LETTER = 575.0, 7.2
"""Pixels of a picture between its edges, and of a letter of usual width."""

_UNIT = re.compile(r"(?<=\d) (?=%|(?:k|M|bn)\b)")
"""The blank between a number and its unit, at which no line breaks."""

_SCALES = ((1e9, 1e9, " bn"), (1e6, 1e6, " M"), (1e4, 1e3, " k"))
"""From where on a number is written in which unit, and its name."""


@attrs.frozen(kw_only=True)
class Axis:
    """An axis: its title with the unit, the form of its numbers, and its ends and ticks where they are fixed.

    The form "none" is for places that mean nothing, such as those of a treemap.
    """

    title: str
    form: Form = "number"
    low: float | None = None
    high: float | None = None
    ticks: tuple[float, ...] = ()


@attrs.frozen(kw_only=True)
class Layer:
    """One kind of mark over columns of the table, each by its name; `label` explains it in the legend.

    A box goes from `left` to `right` and from `low` to `high`.
    """

    mark: Mark
    x: str = ""
    y: str = ""
    low: str = ""
    high: str = ""
    left: str = ""
    right: str = ""
    text: str = ""
    fill: str = ""
    label: str = ""
    style: Style = "main"


def _frozen_columns(columns: Mapping[str, Any]) -> FixedMapping[str, npt.NDArray[Any]]:
    return FixedMapping({name: read_only(_sound_column(np.array(column))) for name, column in columns.items()})


def _sound_column(column: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Replace what no file and no browser takes as text."""
    if column.dtype.kind != "U":
        return column
    texts = column.tolist()
    sound = [_sound(text) for text in texts]
    return column if sound == texts else np.array(sound)


def _sound(text: str) -> str:
    """Replace halves of surrogate pairs, which some sources put for bytes that are no text."""
    return text if text.isascii() else text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _as_layers(layers: Iterable[Layer]) -> tuple[Layer, ...]:
    return tuple(layers)


def _comparable(columns: Mapping[str, npt.NDArray[Any]]) -> str:
    return repr({name: column.tolist() for name, column in columns.items()})


@stay_frozen
@attrs.frozen(kw_only=True)
class Parts:
    """All that a picture shows; a missing cell (NaN, NaT or an empty text) is not drawn."""

    title: str = attrs.field(converter=_sound)
    x: Axis
    y: Axis
    columns: Mapping[str, npt.NDArray[Any]] = attrs.field(converter=_frozen_columns, eq=_comparable)
    layers: tuple[Layer, ...] = attrs.field(converter=_as_layers)


def as_cells(n: int, value: Any = math.nan, *, at: int = 0) -> npt.NDArray[Any]:
    """Make a column of `n` rows that is missing but for one cell, for a mark that stands alone."""
    if isinstance(value, str):
        texts = [""] * n
        texts[at] = value
        return np.array(texts)
    if isinstance(value, np.datetime64):
        days = np.full(n, np.datetime64("NaT"), dtype="datetime64[D]")
        days[at] = value
        return days
    numbers = np.full(n, math.nan)
    numbers[at] = value
    return numbers


def apart(labels: Iterable[str]) -> list[str]:
    """Put a number behind labels that occur again, so that each row of names has its own."""
    taken: set[str] = set()
    found = []
    for label in labels:
        name, k = label, 1
        while name in taken:
            k += 1
            name = f"{label} ({k})"
        taken.add(name)
        found.append(name)
    return found


def nothing(title: str) -> Parts:
    """Draw that there is nothing to draw."""
    axis = Axis(title="", form="none", low=-1.0, high=1.0)
    columns = {"x": np.zeros(1), "y": np.zeros(1), "said": ["nothing to draw"]}
    return Parts(title=title, x=axis, y=axis, columns=columns, layers=[Layer(mark="text", x="x", y="y", text="said")])


def evenly(n: int, most: int) -> npt.NDArray[np.int64]:
    """Give at most `most` places of `n`, the first and the last among them, in even steps."""
    return np.unique(np.linspace(0, n - 1, min(n, most)).round().astype(np.int64)) if n else np.arange(0)


def of_all(n_drawn: int, n: int, things: str) -> str:
    """Say behind the title of an axis how many of all rows are drawn: "; 15 of 200 groups"; nothing if all are."""
    return f"; {n_drawn:,} of {n:,} {things}" if n_drawn < n else ""


def shown(value: float, form: Form = "number") -> str:
    """Write a number as the axes do: 48 %, 9,500, 12 k, 3.4 M."""
    if not math.isfinite(value):
        return ""
    if form == "share":
        return _percent(100 * value)
    for least, unit, name in _SCALES:
        if abs(value) >= least:
            return _signed(f"{float(f'{value / unit:.3g}'):,.15g}{name}")
    if form == "count" or abs(value) >= 99.95:
        return _signed(f"{value:,.0f}")
    if form == "money" and not 1e-9 <= abs(value) < 0.005:
        return _signed(f"{round(value, 2):.3g}")
    return _signed(decimal(value, 3))


def shown_beside(value: float, limit: float) -> str:
    """Write a number near a limit with the digits that show on which side of it the number is."""
    return _signed(on_its_side(value, limit, 3, kind="g")) if abs(value - limit) < 0.01 * limit else shown(value)


def shown_things(value: float, thing: str) -> str:
    """Write a number with its thing: "1 day", "1.5 days"."""
    text = shown(value)
    return f"{text} {thing}" if text == "1" else f"{text} {thing}s"


def _percent(percent: float) -> str:
    if 0 < percent < 0.05:
        return "<0.1 %"
    if -0.05 < percent < 0:
        return ">−0.1 %"  # noqa: RUF001 - a minus
    if 99.95 <= percent < 100 - 1e-9:
        return ">99.9 %"
    whole = 9.95 <= abs(percent) < 99.5 or abs(percent) > 100 - 1e-9 or percent == round(percent)
    return _signed(f"{percent:.0f} %" if whole else f"{percent:.1f} %")


def _signed(text: str) -> str:
    """Write the sign of a number below 0 as a minus, and that of 0 not at all."""
    return text.replace("-", "−", 1) if text.startswith("-") and text.strip("-0.% ") else text.lstrip("-")  # noqa: RUF001 - a minus


def tick(value: float, form: Form) -> str:
    """Write a number at an axis; shares with all their digits, so that those of near ticks differ."""
    return _signed(f"{decimal(100 * value, 3)} %") if form == "share" else shown(value, form)


def cut(text: str, longest: int = LONGEST_LABEL) -> str:
    """Shorten a label that is too long for an axis, in the middle: long names often differ at their ends."""
    text = " ".join(text.split())
    if len(text) <= longest:
        return text
    n_last = longest // 3
    return f"{text[: longest - 1 - n_last].rstrip()}…{text[-n_last:].lstrip()}"


def fitted(text: str, width: float) -> str:
    """Shorten a text to a number of letters of usual width; empty where not even three fit."""
    text = " ".join(text.split())
    if _width(text) <= width:
        return text
    n = int(np.searchsorted(np.cumsum([1.0 + _extra_width(letter) for letter in text]), width - 1, side="right"))
    return text[:n].rstrip() + "…" if n >= 3 else ""


def stretch(labels: Iterable[str], texts: Iterable[str]) -> float:
    """Give how much longer than its longest bar an axis has to be, so that the texts behind the bars fit."""
    axis = _across(labels)
    text = _LETTER * max((_width(text) for text in texts), default=0.0) + 12
    return axis / max(60.0, axis - text)


def is_wide(parts: Parts) -> bool:
    """Whether the title of the axis below is wider than the axis, so that it has to begin below the labels."""
    return _LETTER * _width(parts.x.title) > _across(labels_of(parts, "y") if parts.y.form == "name" else ["0.000"])


def _across(labels: Iterable[str]) -> float:
    """Give the pixels across a picture that the labels at its side leave."""
    return _WIDTH - _LETTER * max((_width(cut(label)) for label in labels), default=0.0)


def title_of(axis: Axis, name: str) -> str:
    """Give the title of an axis as far as there is room; what it says after ";", such as what is left out, stays."""
    most = 74.0 if name == "x" else 40.0
    head, mark, notes = axis.title.partition(";")
    room = most - _width(mark + notes)
    return f"{fitted(head, room)}{mark}{notes}" if room >= _SHORTEST_HEAD else fitted(axis.title, most)


def wrapped(text: str, longest: int = LONGEST_TITLE) -> list[str]:
    """Break a sentence into as few lines as fit, of about equal length.

    Letters of other scripts count more, those of double width twice.
    """
    text = _UNIT.sub("\N{NO-BREAK SPACE}", text)
    widest = max(12, int(longest * len(text) / max(1.0, _width(text))))
    lines = textwrap.wrap(text, widest)
    even = textwrap.wrap(text, max(12, -(-len(text) // max(1, len(lines))) + 3))
    return [line.replace("\N{NO-BREAK SPACE}", " ") for line in (even if len(even) == len(lines) else lines)] or [""]


def _width(text: str) -> float:
    """Give the width of a text in letters of usual width."""
    return len(text) + sum(_extra_width(letter) for letter in text)


def _extra_width(letter: str) -> float:
    return 1.0 if unicodedata.east_asian_width(letter) in "WF" else 0.25 if ord(letter) >= 0x370 else 0.0


def distinct(values: Iterable[Any]) -> list[Any]:
    """Give values in the order of their first appearance."""
    return list(dict.fromkeys(values))


def slants(labels: Iterable[str]) -> bool:
    """Whether labels below a picture are too long to stand beside each other."""
    return sum(len(label) + 2 for label in labels) > 72


def ends_of_colours(column: npt.NDArray[Any]) -> tuple[float, float]:
    """Give the numbers of the lightest and the darkest colour; one number alone is dark."""
    known = column[np.isfinite(column)]
    low = min(0.0, float(known.min(initial=0.0)))
    high = float(known.max(initial=low))
    return low, high if high > low else low + 1.0


def labels_of(parts: Parts, name: str) -> list[str]:
    """Give the labels of an axis of names, each once, in the order of the table."""
    columns = [getattr(layer, name) for layer in parts.layers if getattr(layer, name)]
    return distinct(str(label) for column in columns for label in parts.columns[column].tolist())


def columns_of_legend(labels: Iterable[str]) -> int:
    """Give the number of labels that stand beside each other in the legend."""
    found = list(labels)
    return len(found) if sum(len(label) + 7 for label in found) <= 78 else 2
