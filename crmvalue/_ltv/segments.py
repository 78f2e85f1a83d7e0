"""Lifetime value by segment; :mod:`crmvalue.ltv` is the public door."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from crmvalue._core.checks import as_day, as_floats, as_ordered_items, require_same_index
from crmvalue._core.encoding.indexes import index_of
from crmvalue._core.json import from_json, to_json
from crmvalue._core.labels import name_text
from crmvalue._core.values import checked_field, float_column, optional, short_repr, stay_frozen
from crmvalue._ltv.checks import require_fractions, require_not_negative
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from crmvalue.typing import ArrayLike, Floats

__all__ = ["SegmentLtv", "ltv_segments"]


def _names(value: Iterable[str]) -> tuple[str, ...]:
    return tuple(name_text("names", item) for item in as_ordered_items("names", value, "a list of names"))


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
        Name of each segment, all different; a whole number stands for its digits.
    as_of : date, optional
        The day that the value refers to; :func:`is_stale` tells whether it should be computed again.

    Examples
    --------
    >>> kept = SegmentLtv(values=[10, 20], as_of="2025-03-31")
    >>> kept.total, SegmentLtv.from_json(kept.to_json()) == kept
    (30.0, True)
    """

    values: Floats = float_column("values")
    names: tuple[str, ...] | None = attrs.field(
        default=None, converter=attrs.converters.optional(_names), repr=short_repr
    )
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
    r"""Lifetime value of a base by segment, for segments that differ, over one horizon or period by period.

    Basis: margin, before acquisition cost.

    Parameters
    ----------
    revenue : array_like, shape (n,) or (n, periods)
        Expected revenue of each segment over its horizon [money], >= 0; or of each segment (row) in each period
        (column).
    prob_retained : array_like
        Probability that the segment stays and brings this revenue [fraction], in [0, 1]; one, or one for each segment.
        By period also a table: the probability to be a customer still in that period, such as the curves of
        :func:`retention_curve`. One for each segment is not compounded: it holds in every period.
    margin : array_like
        Share of revenue that is margin [fraction], in [0, 1]; one, or one for each segment; by period also a table.
    names : iterable of str, optional
        Name of each segment; the result keeps it. A whole number stands for its digits. Columns whose index has the
        same names have them in this order.
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
    .. math:: \sum_{i=1}^{n} \sum_{t=1}^{T} \mathrm{revenue}_{it} \, p_{it} \, m_{it}

    with one period for a revenue over the whole horizon. Money is not discounted. Source: formula 5 of the articles.

    Examples
    --------
    >>> result = ltv_segments([100_000, 40_000], [0.8, 0.5], [0.3, 0.4])
    >>> result.values, result.total
    (array([24000.,  8000.]), 32000.0)

    Two periods, of which 80 % and 50 % of the customers see the second:

    >>> by_period = ltv_segments([[50_000, 50_000], [20_000, 20_000]], [[1, 0.8], [1, 0.5]], [0.3, 0.4])
    >>> by_period.values, by_period.total
    (array([27000., 12000.]), 39000.0)
    """
    words = None if names is None else _names(names)
    index = index_of(revenue, prob_retained, margin)
    labels = () if index is None else tuple(map(str, index))
    if words is not None and words != labels and sorted(words) == sorted(labels) and not _are_places(index):
        raise InputError("names", "in the order of the index of the columns", words)
    require_same_index(revenue=revenue, prob_retained=prob_retained, margin=margin, names=names)
    (amounts,) = as_floats(revenue=revenue)
    if amounts.ndim not in {1, 2} or not amounts.size:
        rule = "one amount for each of at least one segment, or a row of amounts by period for each"
        raise InputError("revenue", rule, amounts.shape)
    require_not_negative(revenue=amounts)
    stay, share = (
        _for_each(amounts, name, value) for name, value in (("prob_retained", prob_retained), ("margin", margin))
    )

    values = amounts * stay * share
    values = values if values.ndim == 1 else values.sum(axis=1)
    values = np.where(values < 1e-100, 0, values)  # less than the smallest ordinary number is nothing
    return SegmentLtv(values=values, names=words, as_of=as_of)


def _are_places(index: Any) -> bool:
    return list(index) == list(range(len(index)))


def _for_each(amounts: Floats, name: str, value: ArrayLike) -> Floats:
    """Take fractions: one, one for each segment, or one for each segment and period."""
    (share,) = as_floats(**{name: value})  # the end of a long curve of retention is nearly 0
    require_fractions(**{name: share})
    if share.shape not in {(), amounts.shape[:1], amounts.shape}:
        rule = f"one, or one for each of the {len(amounts)} segments"
        raise InputError(name, rule if amounts.ndim == 1 else f"{rule}, or of the shape of `revenue`", share.shape)
    return share[:, np.newaxis] if share.ndim == 1 and amounts.ndim == 2 else share
