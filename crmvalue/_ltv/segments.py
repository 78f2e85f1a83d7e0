"""Lifetime value by segment; :mod:`crmvalue.ltv` is the public door."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

import attrs
import numpy as np

from crmvalue._core.checks import as_column, as_day, as_floats, require_same_index
from crmvalue._core.json import from_json, to_json
from crmvalue._core.values import checked_field, float_column, optional, stay_frozen
from crmvalue._ltv.checks import require_fractions, require_not_negative
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from crmvalue.typing import ArrayLike, Floats

__all__ = ["SegmentLtv", "ltv_segments"]


def _names(value: Iterable[str]) -> tuple[str, ...]:
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise InputError("names", "a list of names", value)
    return tuple(str(item) for item in value)


@stay_frozen
@attrs.frozen(kw_only=True)
class SegmentLtv:
    """Lifetime value by segment; the total is exactly the sum of the segments.

    Basis: margin, before acquisition cost.

    Parameters
    ----------
    values : array_like, shape (n,)
        Value of each segment [money].
    names : iterable of str, optional
        Name of each segment, all different.
    as_of : date, optional
        The day that the value refers to; :func:`is_stale` tells whether it should be computed again.

    Examples
    --------
    >>> kept = SegmentLtv(values=[10, 20], as_of="2025-03-31")
    >>> kept.total, SegmentLtv.from_json(kept.to_json()) == kept
    (30.0, True)
    """

    values: Floats = float_column("values")
    names: tuple[str, ...] | None = attrs.field(default=None, converter=attrs.converters.optional(_names))
    as_of: np.datetime64 | None = checked_field("as_of", optional(as_day), default=None, eq=str)

    def __attrs_post_init__(self) -> None:
        if self.names is not None and len(set(self.names)) != len(self.values):
            raise InputError("names", f"{len(self.values)} different names, one for each segment", self.names)

    @property
    def total(self) -> float:
        """Sum of the values [money], rounded once, so that the order of the segments does not matter."""
        return math.fsum(self.values)

    def to_json(self) -> str:
        """Write the values, their names and their date as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str) -> SegmentLtv:
        """Read what :meth:`to_json` wrote, and check it; other text is an InputError."""
        return from_json(cls, text)


def ltv_segments(
    revenue: ArrayLike,
    prob_retained: ArrayLike,
    margin: ArrayLike,
    *,
    names: Iterable[str] | None = None,
    as_of: ArrayLike | None = None,
) -> SegmentLtv:
    r"""Lifetime value of a base by segment, for segments that differ.

    Basis: margin, before acquisition cost.

    Parameters
    ----------
    revenue : array_like, shape (n,)
        Expected revenue of each segment over its horizon [money], >= 0.
    prob_retained : array_like
        Probability that the segment stays and brings this revenue [fraction], in [0, 1]; one, or one for each segment.
    margin : array_like
        Share of revenue that is margin [fraction], in [0, 1]; one, or one for each segment.
    names : iterable of str, optional
        Name of each segment; the result keeps it.
    as_of : date, optional
        The day that the inputs refer to; the result keeps it.

    Returns
    -------
    SegmentLtv
        The value of each segment and their total.

    Raises
    ------
    InputError
        If an input is NaN, infinite or outside its range, or not one for each segment.

    Notes
    -----
    .. math:: \sum_{i=1}^{n} \mathrm{revenue}_i \, p_i \, m_i

    Source: formula 5 of the articles.

    Examples
    --------
    >>> result = ltv_segments([100_000, 40_000], [0.8, 0.5], [0.3, 0.4])
    >>> result.values, result.total
    (array([24000.,  8000.]), 32000.0)
    """
    require_same_index(revenue=revenue, prob_retained=prob_retained, margin=margin)
    column = as_column("revenue", revenue)
    _, stay, share = as_floats(revenue=column, prob_retained=prob_retained, margin=margin)
    require_not_negative(revenue=column)
    require_fractions(prob_retained=stay, margin=share)
    values = column * stay * share
    if values.shape != column.shape or not column.size:
        raise InputError("revenue", "one amount for each of at least one segment", column.shape)

    values = np.where(values < 1e-100, 0, values)  # less than the smallest ordinary number is nothing
    return SegmentLtv(values=values, names=names, as_of=as_of)
