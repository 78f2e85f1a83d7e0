"""Tables that turn RFM scores into named groups: presets, tables of one's own, and the meaning of each group."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import product
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

import attrs
import numpy as np

from crmvalue._core.checks import as_counts, as_text, as_whole_number, require, require_choice, to_array
from crmvalue._core.encoding.customers import text_array
from crmvalue._core.json import from_json, to_json
from crmvalue._core.values import array_field, checked_field, hand_over, read_only, stay_frozen
from crmvalue._segmentation.labels import as_texts
from crmvalue.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue.typing import ArrayLike

__all__ = ["Inversion", "SegmentTable", "TableBasis", "assign_segments"]

TableBasis = Literal["rfm", "rf", "r_fm"]

_DIGITS = {"rfm": 3, "rf": 2, "r_fm": 2}
_PIECE = re.compile(r"\d|\[\d-\d\]|\*", re.ASCII)
_MOST_GROUPS = 256

_MOST_SHOWN = 12

_NOTES = {
    "Champions": (
        "Bought lately, often and for much money.",
        "Thank them, show them what is new first, ask for referrals.",
    ),
    "Loyal": (
        "Bought fairly recently, often or for much money.",
        "Offer more of what they like, ask for reviews, keep the programme worth it.",
    ),
    "Potential Loyalist": (
        "Bought more recently than many; frequency and spend in the middle.",
        "Invite them to the programme, recommend what fits.",
    ),
    "New": ("Bought just now for the first time.", "Welcome them, help with the start, lead to the second purchase."),
    "Promising": ("Bought not long ago, little so far.", "Show what else there is; give a small reason to return."),
    "Need Attention": (
        "Without a purchase for longer than many; little or middling spend so far.",
        "Make an offer with an end date, based on past purchases.",
    ),
    "About To Sleep": ("Have not bought for a while; bought little before.", "Remind them of what they liked."),
    "At Risk": (
        "Bought often or for much money, long ago.",
        "Win them back in person: make a good offer, ask what was wrong.",
    ),
    "Can't Lose Them": (
        "High in frequency or spend; without a purchase for the longest time.",
        "Call them; make the best win-back offer there is.",
    ),
    "Hibernating": ("Bought little, long ago.", "Send a cheap reminder now and then; make no costly offers."),
    "Lost": ("Bought least, longest ago.", "Make one last try at no cost, or leave them alone."),
}
"""The meaning of each group and an action for it, in our own words."""

_PRESETS: dict[str, tuple[TableBasis, dict[str, str]]] = {
    "A": (
        "r_fm",
        {
            "Champions": "55 54 45",
            "Loyal": "53 44 35 34",
            "Potential Loyalist": "52 42 33 43",
            "New": "51",
            "Promising": "41 31",
            "Need Attention": "32 23 22",
            "About To Sleep": "21",
            "At Risk": "25 24 13",
            "Can't Lose Them": "15 14",
            "Hibernating": "12",
            "Lost": "11",
        },
    ),
    "B": (
        "rfm",
        {
            "Champions": "555 554 544 545 454 455 445",
            "Loyal": "543 444 435 355 354 345 344 335",
            "Potential Loyalist": "553 551 552 541 542 533 532 531 452 451 442 441 431 453 433 432 423 353 352 351 342 "
            "341 333 323",
            "New": "512 511 422 421 412 411 311",
            "Promising": "525 524 523 522 521 515 514 513 425 424 413 414 415 315 314 313",
            "Need Attention": "535 534 443 434 343 334 325 324",
            "About To Sleep": "331 321 312 221 213 231 241 251",
            "At Risk": "255 254 245 244 253 252 243 242 235 234 225 224 153 152 145 143 142 135 134 133 125 124",
            "Can't Lose Them": "155 154 144 214 215 115 114 113",
            "Hibernating": "332 322 233 232 223 222 132 123 122 212 211",
            "Lost": "111 112 121 131 141 151",
        },
    ),
    "D": (
        "rf",
        {
            "Champions": "5[4-5]",
            "Loyal": "[3-4][4-5]",
            "Potential Loyalist": "[4-5][2-3]",
            "New": "51",
            "Promising": "41",
            "Need Attention": "33",
            "About To Sleep": "3[1-2]",
            "At Risk": "[1-2][3-4]",
            "Can't Lose Them": "[1-2]5",
            "Hibernating": "[1-2][1-2]",
        },
    ),
}
"""A: R and the rounded mean of F and M. B: 125 cells, one by one. D: R and F only, ten groups."""


class Inversion(NamedTuple):
    """Two neighbouring cells: the better cell is in the worse group.

    Parameters
    ----------
    better_cell, worse_cell : tuple of int
        The cells as (r, f, m); they differ by 1 in one score.
    better_cell_group, worse_cell_group : str
        Their groups.

    Examples
    --------
    >>> table = SegmentTable.from_groups({"core": "1*", "other": "2*"}, basis="rf", n_bins=2)
    >>> table.inversions[0]
    Inversion(better_cell=(2, 1, 1), better_cell_group='other', worse_cell=(1, 1, 1), worse_cell_group='core')
    """

    better_cell: tuple[int, int, int]
    better_cell_group: str
    worse_cell: tuple[int, int, int]
    worse_cell_group: str


def _whole(value: ArrayLike) -> npt.NDArray[np.uint8]:
    cells, types = to_array("cells", value, "whole numbers")
    if cells.dtype.kind not in "iu" or types & {bool, np.bool_}:
        raise InputError("cells", "whole numbers", value)
    require((cells >= 0) & (cells < _MOST_GROUPS), "cells", cells, f"whole numbers from 0 to {_MOST_GROUPS - 1}")
    return read_only(hand_over(cells.astype(np.uint8)))


@stay_frozen
@attrs.frozen(kw_only=True)
class SegmentTable:
    """The group of each cell of the RFM cube; every cell has exactly one.

    Take a preset with :meth:`preset`, or write a table of your own with :meth:`from_groups`.

    Parameters
    ----------
    names : tuple of str
        Groups, best first.
    cells : ndarray
        For each cell [r - 1, f - 1, m - 1] the position of its group in `names`, shape (k, k, k).
    meanings, actions : tuple of str
        For each group, a line that describes its customers relative to the base of the break points, and a line that
        says what to do.

    Examples
    --------
    >>> table = SegmentTable.preset("A")
    >>> table.n_cells["Champions"]
    13
    >>> str(assign_segments(5, 5, 4, table, n_bins=5))
    'Champions'
    """

    names: tuple[str, ...] = checked_field("names", as_texts)
    cells: npt.NDArray[np.uint8] = array_field(_whole)
    meanings: tuple[str, ...] = checked_field("meanings", as_texts)
    actions: tuple[str, ...] = checked_field("actions", as_texts)

    def __attrs_post_init__(self) -> None:
        n, k = len(self.names), len(self.cells) if self.cells.ndim else 0
        if len(set(self.names)) != n:
            raise InputError("names", "all different", self.names)
        if self.cells.shape != (k, k, k) or not 2 <= k <= 9:
            raise InputError("cells", "of shape (k, k, k), k from 2 to 9", self.cells.shape)
        if set(np.unique(self.cells).tolist()) != set(range(n)):
            raise InputError("cells", "such that every group has a cell and every cell a group", n)
        for field in ("meanings", "actions"):
            if len(getattr(self, field)) != n:
                raise InputError(field, f"one line for each of the {n} groups", len(getattr(self, field)))

    @classmethod
    def preset(cls, name: Literal["A", "B", "D"] = "A") -> SegmentTable:
        """Take one of the tables in use.

        Parameters
        ----------
        name : {"A", "B", "D"}, optional
            "A": recency and the mean of frequency and money, rounded half up; eleven groups, easy to explain.
            "B": a widely copied list of all 125 cells; it is not monotone, see :attr:`inversions`.
            "D": recency and frequency only; ten groups.

        Returns
        -------
        SegmentTable
            For five bins.

        Raises
        ------
        InputError
            If there is no such preset.

        Examples
        --------
        >>> SegmentTable.preset("D").names[:3]
        ('Champions', 'Loyal', 'Potential Loyalist')
        """
        require_choice("name", name, _PRESETS)
        basis, groups = _PRESETS[name]
        return cls.from_groups(groups, basis=basis)

    @classmethod
    def from_groups(
        cls,
        groups: Mapping[str, str],
        *,
        basis: TableBasis = "rfm",
        n_bins: int = 5,
        notes: Mapping[str, tuple[str, str]] | None = None,
    ) -> SegmentTable:
        """Write a table of one's own.

        Parameters
        ----------
        groups : mapping of str to str
            For each group, best first, its cells, separated by blanks. A cell has a digit, a range in brackets or `*`
            for each score, such as "55* 5[4-5]3".
        basis : {"rfm", "rf", "r_fm"}, optional
            Scores that the cells name: all three; recency and frequency; or recency and the mean of frequency and
            money, rounded half up.
        n_bins : int, optional
            Number of scores, from 2 to 9.
        notes : mapping of str to (str, str), optional
            For some groups, a line that describes the customers and a line that says what to do. Groups with the name
            of a preset's group have its lines by default.

        Returns
        -------
        SegmentTable
            The checked table.

        Raises
        ------
        InputError
            If a cell has no group or more than one, a pattern cannot be read, or a note is for no group.

        Examples
        --------
        >>> table = SegmentTable.from_groups(
        ...     {"core": "[4-5][3-5]", "fresh": "[4-5][1-2]", "slipping": "[2-3]*", "gone": "1*"}, basis="rf"
        ... )
        >>> str(assign_segments(4, 2, 5, table, n_bins=5))
        'fresh'
        """
        require_choice("basis", basis, get_args(TableBasis))
        k = as_whole_number("n_bins", n_bins, low=2, high=9)
        given: object = groups
        if not (isinstance(given, Mapping) and 0 < len(given) <= _MOST_GROUPS):
            raise InputError("groups", f"a mapping from names to cells, 1 to {_MOST_GROUPS} of them", given)
        owner: dict[tuple[int, ...], str] = {}
        twice: dict[tuple[int, ...], list[str]] = {}
        for name, text in groups.items():
            for cell in _read_cells(as_text("groups", name), as_text(f"groups[{name!r}]", text), _DIGITS[basis], k):
                if cell in owner and owner[cell] != name:
                    twice.setdefault(cell, [owner[cell]]).append(name)
                owner[cell] = name
        missing = [cell for cell in product(range(1, k + 1), repeat=_DIGITS[basis]) if cell not in owner]
        problems = [f"{_join(cell)} in {' and '.join(names)}" for cell, names in sorted(twice.items())]
        problems += [f"{_join(cell)} in none" for cell in missing]
        if problems:
            more = "" if len(problems) <= _MOST_SHOWN else f" and {len(problems) - _MOST_SHOWN} more"
            raise InputError("groups", "each cell in exactly one group", ", ".join(problems[:_MOST_SHOWN]) + more)
        names = tuple(groups)
        place = {name: i for i, name in enumerate(names)}
        cells = np.empty((k, k, k), dtype=np.uint8)
        for r, f, m in product(range(1, k + 1), repeat=3):
            key = {"rfm": (r, f, m), "rf": (r, f), "r_fm": (r, (f + m + 1) // 2)}[basis]
            cells[r - 1, f - 1, m - 1] = place[owner[key]]
        known = {**_NOTES, **_read_notes(notes, names)}
        lines = [known.get(name, ("", "")) for name in names]
        meanings, actions = zip(*lines, strict=True)
        return cls(names=names, cells=cells, meanings=meanings, actions=actions)

    @property
    def n_bins(self) -> int:
        """Number of scores, k."""
        return len(self.cells)

    @property
    def n_cells(self) -> dict[str, int]:
        """Number of cells of each group."""
        counts = np.bincount(self.cells.ravel(), minlength=len(self.names))
        return dict(zip(self.names, counts.tolist(), strict=True))

    @property
    def inversions(self) -> tuple[Inversion, ...]:
        """Neighbouring cells where one more point in a score leads to a group further down the list.

        A table without inversions is monotone. In a published table an inversion may be intended: a new customer is no
        champion. In a table of your own it is often a slip.
        """
        found = []
        for axis in range(3):
            better, worse = np.delete(self.cells, 0, axis), np.delete(self.cells, -1, axis)
            for at in np.argwhere(better > worse).tolist():
                low = tuple(score + 1 for score in at)
                high = tuple(score + (i == axis) for i, score in enumerate(low))
                found.append(Inversion(high, self._name(high), low, self._name(low)))  # type: ignore[arg-type]  # of three
        return tuple(found)

    def to_json(self) -> str:
        """Write the table as JSON text.

        Returns
        -------
        str
            A JSON object.

        Examples
        --------
        >>> table = SegmentTable.preset("B")
        >>> SegmentTable.from_json(table.to_json()) == table
        True
        """
        return to_json(self)

    @classmethod
    def from_json(cls, text: str) -> SegmentTable:
        """Read what :meth:`to_json` wrote, and check it.

        Parameters
        ----------
        text : str
            JSON text.

        Returns
        -------
        SegmentTable
            An equal table.

        Raises
        ------
        InputError
            If the text is not what :meth:`to_json` wrote, or a cell has no group.
        """
        return from_json(cls, text)

    def _name(self, cell: tuple[int, ...]) -> str:
        r, f, m = cell
        return self.names[int(self.cells[r - 1, f - 1, m - 1])]


def assign_segments(
    r_score: ArrayLike, f_score: ArrayLike, m_score: ArrayLike, table: SegmentTable, *, n_bins: int
) -> npt.NDArray[np.str_]:
    """Give the group of each customer by their scores.

    The scores of :func:`score_rfm` know their number of bins: :meth:`RfmScores.segments` does the same for them.

    Parameters
    ----------
    r_score, f_score, m_score : array_like
        Scores from 1 to k, k best; one customer or any number.
    table : SegmentTable
        A table for k bins.
    n_bins : int
        Number of bins that the scores come from, k, from 2 to 9, such as 5. A 4 of four bins is the best score, a 4 of
        five is not: the scores alone do not tell.

    Returns
    -------
    str or ndarray of str
        Name of the group, in the shape of the scores.

    Raises
    ------
    InputError
        If a score is no whole number from 1 to k, the shapes do not broadcast, or the table is for another number of
        bins.

    Examples
    --------
    >>> assign_segments([5, 1], [1, 5], [1, 5], SegmentTable.preset("A"), n_bins=5)
    array(['New', "Can't Lose Them"], dtype='<U18')
    """
    if not isinstance(table, SegmentTable):
        raise InputError("table", "a SegmentTable", type(table).__name__, hint='SegmentTable.preset("A")')
    k = as_whole_number("n_bins", n_bins, low=2)
    if k != table.n_bins:
        hint = "score the customers with as many bins as the table has, or write a table for the bins of the scores"
        raise InputError("n_bins", f"{table.n_bins}, as the table has", k, hint=hint)
    scores = as_counts(r_score=r_score, f_score=f_score, m_score=m_score)
    for name, score in zip(("r_score", "f_score", "m_score"), scores, strict=True):
        require((score >= 1) & (score <= table.n_bins), name, score, f"from 1 to {k}")
    r, f, m = (score.astype(np.int64) - 1 for score in scores)
    group: npt.NDArray[np.str_] = text_array(table.names)[table.cells[r, f, m]]
    return group


def _read_cells(name: str, text: str, n_digits: int, k: int) -> list[tuple[int, ...]]:
    """List all cells of patterns such as 5[4-5]*."""
    cells: list[tuple[int, ...]] = []
    for pattern in text.split():
        pieces = _PIECE.findall(pattern)
        ranges = [_read_piece(piece, k) for piece in pieces]
        if "".join(pieces) != pattern or len(pieces) != n_digits or any(not numbers for numbers in ranges):
            rule = f"cells of {n_digits} scores from 1 to {k}, each a digit, a range such as [2-4], or *"
            raise InputError(f"groups[{name!r}]", rule, pattern)
        cells.extend(product(*ranges))
    return cells


def _read_piece(piece: str, k: int) -> range:
    """List the scores of a piece of a pattern; none if they are outside 1 to k."""
    if piece == "*":
        return range(1, k + 1)
    low, high = (int(piece[1]), int(piece[3])) if piece[0] == "[" else (int(piece), int(piece))
    return range(low, high + 1) if 1 <= low <= high <= k else range(0)


def _join(cell: tuple[int, ...]) -> str:
    return "".join(map(str, cell))


def _read_notes(notes: Mapping[str, tuple[str, str]] | None, names: tuple[str, ...]) -> dict[str, tuple[str, str]]:
    given: Any = {} if notes is None else notes
    if not isinstance(given, Mapping):
        raise InputError("notes", "a mapping from groups to two lines", given)
    for name, lines in given.items():
        if name not in names:
            raise InputError("notes", "for groups of the table", name)
        if not isinstance(lines, tuple | list) or len(lines) != 2:
            raise InputError(f"notes[{name!r}]", "two lines: who the customers are, and what to do", lines)
    return dict(given)
