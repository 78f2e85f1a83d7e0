"""What a result with a picture can do more: show it."""

from __future__ import annotations

import io
from typing import Any, Protocol

import attrs
import numpy as np
import numpy.typing as npt

from crmvalue._core.pictures.drawing import draw
from crmvalue._core.pictures.parts import Parts
from crmvalue._core.pictures.vega import MIME, vega_of
from crmvalue._core.values import checked_field, of_class, stay_frozen

__all__ = ["Picture", "Pictured", "picture_of"]


class _HasParts(Protocol):
    def _parts(self) -> Parts: ...


class Pictured:
    """A value with a picture: its columns, Vega-Lite for browsers, and matplotlib.

    A base class, because many values share the four methods. It adds no field and no slot.
    """

    __slots__ = ()

    def plot_data(self: _HasParts) -> dict[str, npt.NDArray[Any]]:
        """Give what the picture draws, as columns; a missing cell is not drawn.

        Returns
        -------
        dict of str to ndarray
            New columns of one length.
        """
        return {name: np.array(column) for name, column in self._parts().columns.items()}

    def to_vega(self: _HasParts) -> dict[str, Any]:
        """Write the picture as a Vega-Lite dictionary (version 5), which browsers and notebooks draw.

        Returns
        -------
        dict
            Plain dictionaries, lists, texts and numbers, ready for `json.dumps`. The data are in it.
        """
        return vega_of(self._parts())

    def plot(self: _HasParts, ax: Any = None) -> Any:
        """Draw the picture with matplotlib, which the extra `plot` installs.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw. If omitted, a new figure, 600 pixels wide; `plot().figure.savefig("file.svg")` saves it.

        Returns
        -------
        matplotlib.axes.Axes
            The axes with the picture.

        Raises
        ------
        ModuleNotFoundError
            If matplotlib is not installed.
        """
        return draw(self._parts(), ax)

    def _repr_mimebundle_(self, **_: object) -> dict[str, Any]:
        """Show the picture in notebooks; :meth:`to_vega` where they know it, a PNG elsewhere, and the text."""
        parts = self._parts()  # type: ignore[attr-defined]  # each class has its own
        bundle: dict[str, Any] = {"text/plain": repr(self), MIME: vega_of(parts)}
        try:
            figure = draw(parts).figure
        except ModuleNotFoundError:
            return bundle
        file = io.BytesIO()
        figure.savefig(file, format="png")
        return bundle | {"image/png": file.getvalue()}


@stay_frozen
@attrs.frozen(repr=False)
class Picture(Pictured):
    """A picture that a function of :mod:`crmvalue.plots` made.

    Parameters
    ----------
    parts : object
        What it is made of, as the functions give it.

    Examples
    --------
    >>> from crmvalue.plots import compare_attributions
    >>> from crmvalue.attribution import Paths, attribute
    >>> paths = Paths.from_lists([["search"], ["mail"], ["search", "mail"]], [2, 1, 2])
    >>> picture = compare_attributions([attribute(paths, model=model) for model in ("first", "last")])
    >>> picture.title
    'The models disagree: search gets most by first, mail by last'
    """

    parts: Any = checked_field("parts", of_class(Parts))

    @property
    def title(self) -> str:
        """The sentence above the picture."""
        title: str = self.parts.title
        return title

    def __repr__(self) -> str:
        return f"Picture({self.title!r})"

    def _parts(self) -> Parts:
        parts: Parts = self.parts
        return parts


def picture_of(result: _HasParts) -> Picture:
    """Give the picture of a result by itself, so that the result need not be kept for it."""
    return Picture(result._parts())  # noqa: SLF001 - the classes of this file share it
