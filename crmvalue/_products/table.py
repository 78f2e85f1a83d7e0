"""What all results of this room share: a table as columns, as a dataframe and as JSON; figures for many items."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self, TypeVar

import attrs
import numpy as np

from crmvalue._core.checks import require
from crmvalue._core.frames import Columns
from crmvalue._core.json import from_json, to_json
from crmvalue._core.labels import counted
from crmvalue._core.values import choice_field, frame_column, hand_over, label_column, read_only
from crmvalue._products.lines import ItemKind, Labels, encode
from crmvalue.errors import InputError
from crmvalue.typing import Interval

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue.typing import Floats

__all__ = [
    "Table",
    "coded",
    "coded_column",
    "interval_of_ratio",
    "item_kind_field",
    "labels_of",
    "lines_left_out",
    "q_values",
    "read_as_arrays",
    "require_quotient",
    "rows_of",
    "tail",
    "taken",
]

_ROUNDING = 1e-9

_T = TypeVar("_T")


class Table(Columns):
    """A frozen value whose arrays are the columns of one table."""

    __slots__ = ()

    def __attrs_post_init__(self) -> None:
        n = len(self)
        for name, column in _stored(self).items():
            if len(column) != n:
                raise InputError(name, f"one for each of the {n} rows", len(column))

    def __len__(self) -> int:
        return len(next(iter(_stored(self).values())))

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give all columns by name, for a dataframe of any kind."""
        return {name: frame_column(_plain(column)) for name, column in _stored(self).items()}

    def to_json(self) -> str:
        """Write the result as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read what :meth:`to_json` wrote.

        Parameters
        ----------
        text : str or bytes
            The text.

        Returns
        -------
        object
            A value equal to the one that was written.
        """
        return from_json(cls, text)


def lines_left_out(n_later: int) -> str:
    """Say how many lines after the last day are left out, in a sentence that follows others; "" for none."""
    return f" Left out, after the last day: {counted(n_later, 'line')}." if n_later else ""


def item_kind_field() -> Any:
    """Field for what an item is."""
    return choice_field("item_kind", ItemKind)


def require_quotient(value: Any, name: str, part: str, whole: str) -> None:
    """Check that a column is the quotient of two others, but for rounding; NaN and a whole of 0 pass."""
    quotient, above, below = (np.asarray(getattr(value, field), dtype=np.float64) for field in (name, part, whole))
    with np.errstate(over="ignore", invalid="ignore"):
        same = np.isclose(quotient * below, above, rtol=_ROUNDING, atol=_ROUNDING * np.minimum(below, 1.0))
    require(same | np.isnan(quotient) | (below == 0), name, quotient, f"`{part}` / `{whole}`")


def coded_column(name: str, **options: Any) -> Any:
    """Field as :func:`crmvalue._core.values.label_column`, which also takes :class:`Labels` and keeps them as such."""
    field = label_column(name, metadata={"coded": True}, **options)
    check = field.converter
    field.converter = lambda value: value if isinstance(value, Labels) else check(value)
    return field


def coded(distinct: npt.NDArray[Any], code: npt.NDArray[Any]) -> Any:
    """Give away a coded column: distinct values, and for each row the place of its own."""
    return Labels(hand_over(distinct), hand_over(code))


def read_as_arrays(cls: type[_T]) -> type[_T]:
    """Let each coded column of a class be read as an array, which takes the place of its codes when it is read."""
    for field in attrs.fields(cls):  # type: ignore[arg-type]  # mypy cannot know that it is of attrs
        if field.metadata.get("coded"):
            setattr(cls, field.name, _Decoded(getattr(cls, field.name)))
    return cls


class _Decoded:
    """What reads and writes a coded column, around the slot that holds it."""

    def __init__(self, slot: Any) -> None:
        self.slot = slot

    def __get__(self, value: Any, owner: Any = None) -> Any:
        if value is None:
            return self
        column = self.slot.__get__(value, owner)
        if isinstance(column, Labels):
            column = _plain(column)
            self.slot.__set__(value, column)
        return column

    def __set__(self, value: Any, column: Any) -> None:
        self.slot.__set__(value, column)


def _plain(column: Any) -> npt.NDArray[Any]:
    """Give a column as an array."""
    return read_only(hand_over(column.distinct[column.code])) if isinstance(column, Labels) else column


def _stored(value: Any) -> dict[str, Any]:
    """Give the columns as they are kept: arrays, or codes that have not been read yet."""
    kind = type(value)
    slots = {field.name: vars(kind).get(field.name) for field in attrs.fields(kind)}
    parts = {
        name: slot.slot.__get__(value, kind) if isinstance(slot, _Decoded) else getattr(value, name)
        for name, slot in slots.items()
    }
    return {name: part for name, part in parts.items() if isinstance(part, np.ndarray | Labels)}


def labels_of(value: Any, name: str) -> Labels:
    """Give the codes of a column of texts or identifiers; some of the distinct values may not occur."""
    return encode(name, _stored(value)[name])


def taken(value: Any, rows: Any) -> Any:
    """Give some rows of a table."""

    def some(column: Any) -> Any:
        if isinstance(column, Labels):
            return coded(column.distinct, column.code[rows])
        return hand_over(column[rows])

    return attrs.evolve(value, **{name: some(column) for name, column in _stored(value).items()})


def rows_of(value: Any, column: str, name: str, item: Any) -> Any:
    """Give the rows of a table that have an identifier in a column."""
    if isinstance(item, bool) or not isinstance(item, str | int | np.integer):
        raise InputError(name, "an identifier: a whole number or text", item)
    kept = _stored(value)[column]
    if isinstance(kept, Labels):
        places = [k for k, one in enumerate(kept.distinct.tolist()) if one == item]
        return taken(value, np.isin(kept.code, places))
    return taken(value, np.array([one == item for one in kept.tolist()], dtype=bool))


def q_values(p_value: Floats, n_tested: int) -> Floats:
    """Correct p-values for the share of false findings (Benjamini and Hochberg 1995); those not given count as 1."""
    order = np.argsort(p_value, kind="stable")
    grown = p_value[order] * (n_tested / np.arange(1, len(order) + 1))
    corrected = np.empty(len(order))
    corrected[order] = np.minimum.accumulate(grown[::-1])[::-1]
    return np.minimum(corrected, 1.0)


def interval_of_ratio(ratio: Floats, variance: Floats, level: float, degrees: Floats | float = np.inf) -> Interval:
    """Interval of a ratio from the variance of its logarithm; a ratio of 0 or infinity keeps its open end.

    With `degrees` of freedom of the variance, Student's distribution takes the place of the normal one; with 0 nothing
    is known.
    """
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        factor = np.exp(_quantile(level, degrees) * np.sqrt(np.maximum(variance, 0.0)))
        low, high = ratio / factor, ratio * factor
    known = np.isfinite(ratio) & (ratio > 0) & np.isfinite(factor)
    return Interval(np.where(known, low, 0.0), np.where(known, high, np.inf))


def tail(ratio: Floats, variance: Floats, degrees: Floats | float = np.inf) -> Floats:
    """Give the two-sided p-value of a ratio of 1 from the variance of its logarithm; 1 where nothing is known."""
    from scipy import special

    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.abs(np.log(ratio)) / np.sqrt(variance)
    known = np.isfinite(z) & (np.asarray(degrees) > 0)
    z, freedom = np.where(known, z, 0.0), np.where(np.asarray(degrees) > 0, degrees, 1.0)
    with np.errstate(under="ignore"):
        return np.where(known, 2 * np.where(np.isinf(freedom), special.ndtr(-z), special.stdtr(freedom, -z)), 1.0)


def _quantile(level: float, degrees: Floats | float) -> Floats:
    """Give the quantile of Student's distribution for a two-sided interval; infinite without a degree of freedom."""
    from scipy import special

    degrees = np.asarray(degrees, dtype=np.float64)
    known = np.isfinite(degrees) & (degrees > 0)
    student = -special.stdtrit(np.where(known, degrees, 1.0), (1 - level) / 2)
    return np.where(degrees > 0, np.where(known, student, -special.ndtri((1 - level) / 2)), np.inf)
