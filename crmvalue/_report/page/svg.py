"""The pictures of a report as SVG that stands inside a page: small, in the colours of the page, read by its language.

matplotlib draws them; it needs no window and no browser.
"""

from __future__ import annotations

import io
import re
from html import escape
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from crmvalue._core.pictures.drawing import draw
from crmvalue._core.pictures.parts import COLOURS, distinct, wrapped

if TYPE_CHECKING:
    from crmvalue._core.pictures.parts import Parts, Style
    from crmvalue._report.page.words import Words

__all__ = ["ONE_AT_A_TIME", "Key", "draw_svg", "keys_of"]

ONE_AT_A_TIME = Lock()
"""Held while settings of the whole process are changed: those of matplotlib, and the filters of warnings."""

_WIDTH = 4.2  # inches; so narrow that the letters can be read on a phone
_HEIGHT, _PER_NAME = 2.9, 0.3
_FEW_NAMES = 7
_LETTERS = 9
_LONGEST_BELOW, _LONGEST_BESIDE = 40, 34  # letters of a line of a title of an axis
_DARK_INK = "#101418"  # letters on light cells, on a dark page too

_EDGES = "#e6e6e6"

_ROLES = {**{colour: style for style, colour in COLOURS.items()}, _EDGES: "grid", "#ffffff": "paper"}
_HEADER = re.compile(r"^.*?(?=<g )|<metadata>.*?</metadata>|<defs>\s*<style.*?</style>\s*</defs>", re.DOTALL)


class Key(NamedTuple):
    """One sign of a picture and its meaning."""

    style: Style
    mark: str
    label: str


def keys_of(parts: Parts) -> list[Key]:
    """Give the signs of a picture that has more than one, each once."""
    labels = distinct(layer.label for layer in parts.layers if layer.label)
    first = [next(layer for layer in parts.layers if layer.label == label) for label in labels]
    return [Key(layer.style, layer.mark, layer.label) for layer in first] if len(labels) > 1 else []


def draw_svg(parts: Parts, name: str, words: Words) -> str:
    """Draw a picture without its title and legend, which the page writes.

    `name` is that of the picture and stands in all its identifiers. What it shows is its title for readers of screens.
    """
    import matplotlib as mpl
    from matplotlib import dates, ticker
    from matplotlib.figure import Figure

    day_form: Any = dates.DateFormatter
    names = {len(parts.columns[layer.y]) for layer in parts.layers if layer.y and parts.y.form == "name"}
    height = _HEIGHT + _PER_NAME * max(0, max(names, default=0) - _FEW_NAMES)
    if any(layer.fill for layer in parts.layers):
        height = _HEIGHT
    file = io.StringIO()
    with ONE_AT_A_TIME, mpl.rc_context():
        mpl.rcdefaults()  # a page looks the same, whatever style the program around it has chosen
        mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": name})
        figure = Figure(figsize=(_WIDTH, height), layout="constrained")
        ax = draw(parts, figure.add_subplot())
        ax.set_title("", loc="left")
        if ax.get_legend() is not None:
            ax.get_legend().remove()
        for side, axis in ((ax.xaxis, parts.x), (ax.yaxis, parts.y)):
            longest = _LONGEST_BELOW if side is ax.xaxis else _LONGEST_BESIDE
            side.set_label_text("\n".join(wrapped(axis.title, longest)))
            if axis.form == "date":
                side.set_major_formatter(day_form(words.day_pattern))
            elif axis.form == "name":
                side.set_tick_params(labelsize=_LETTERS)
            else:
                if axis.form != "share" and side is ax.xaxis:  # numbers beside each other need more room
                    side.set_major_locator(ticker.MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
                side.set_major_formatter(lambda value, _, form=axis.form: words.short(value, form))
        _as_cells(ax)
        for text in ax.texts:
            text.set_path_effects([])  # they would make it a black shape; the page draws the halo
        figure.savefig(file, format="svg", metadata={"Date": None}, transparent=True)
        width, tall = (72.0 * inches for inches in figure.get_size_inches())
    body = _HEADER.sub("", file.getvalue().split("<svg", 1)[1].split(">", 1)[1].rsplit("</svg>", 1)[0])
    axes = "; ".join(axis.title for axis in (parts.x, parts.y) if axis.title)
    return (
        f'<svg viewBox="0 0 {width:.0f} {tall:.0f}" role="img" aria-labelledby="{name}-title {name}-axes">'
        f'<title id="{name}-title">{escape(parts.title)}</title><desc id="{name}-axes">{escape(axes)}</desc>'
        f"{_small(_coloured(body), name)}</svg>"
    )


def _as_cells(ax: Any) -> None:
    """Draw the cells of a table as shapes in place of an image, and keep letters on light cells dark."""
    for image in list(ax.images):
        (low, high), numbers = image.get_clim(), image.get_array()
        table = np.ma.masked_where(numbers == 0, numbers)  # an empty cell is as light as the page, or as dark
        edges = [[k - 0.5 for k in range(n + 1)] for n in table.shape]
        ax.pcolormesh(edges[1], edges[0], table, cmap=image.get_cmap(), vmin=low, vmax=high, zorder=0)
        image.remove()
        for line in ax.lines:
            line.set_color(_EDGES)
        for text in ax.texts:
            if text.get_color() == "black":
                text.set_color(_DARK_INK)


def _coloured(svg: str) -> str:
    """Let the page choose the colours, by their role; letters without a colour have that of the text."""
    for colour, role in _ROLES.items():
        svg = svg.replace(f"stroke: {colour}", f"stroke: var(--{role})").replace(
            f"fill: {colour}", f"fill: var(--{role})"
        )
    svg = re.sub(r'(<text style="[^"]*?)fill: var\(--paper\)', r"\1fill: #fff", svg)
    return re.sub(r"(stroke|fill): #000000", r"\1: currentColor", svg)


def _small(svg: str, name: str) -> str:
    """Take out what a page does not need, and keep only identifiers that something refers to, unique in the page."""
    used = set(re.findall(r'(?:href="|url\()#([\w.-]+)', svg))
    return re.sub(r">\n\s*<", "><", re.sub(r"<[^>]+>", lambda found: _small_tag(found[0], name, used), svg)).strip()


def _small_tag(tag: str, name: str, used: set[str]) -> str:
    """Shorten one tag; the texts between tags stay as they are."""
    tag = re.sub(r"font-family: [^\"]*?sans-serif(; |(?=\"))", "", re.sub(r"\s+", " ", tag))
    tag = re.sub(r"(\.\d\d)\d+", r"\1", re.sub(r' transform="rotate\(-?0 [^)]*\)"', "", tag))
    tag = re.sub(r' id="([\w.-]+)"', lambda found: f' id="{name}-{found[1]}"' if found[1] in used else "", tag)
    return re.sub(r'(?:xlink:)?(href="|url\()#([\w.-]+)', rf"\1#{name}-\2", tag)
