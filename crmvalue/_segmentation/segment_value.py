"""Size and value of groups of customers, and the groups whose value fell."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from crmvalue._core.checks import as_day, require, require_same_index
from crmvalue._core.encoding.customers import text_array
from crmvalue._core.frames import Columns
from crmvalue._core.json import from_json, to_json
from crmvalue._core.pictures.pictured import Pictured
from crmvalue._core.values import (
    array_columns,
    checked_field,
    count_column,
    hand_over,
    number_column,
    optional,
    stay_frozen,
)
from crmvalue._segmentation.labels import as_money, as_texts, encode_labels, group_sums
from crmvalue._segmentation.pictures import summary_parts
from crmvalue._segmentation.segment_table import SegmentTable
from crmvalue.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue._core.pictures.parts import Parts
    from crmvalue.typing import ArrayLike, Floats, Integers

__all__ = ["SegmentSummary", "SegmentValueChanges", "segment_value_changes", "summarise_segments"]

_ROUNDING = 1e-12  # share of a value by which sums and means of the same customers may differ


@stay_frozen
@attrs.frozen(kw_only=True)
class SegmentSummary(Columns, Pictured):
    """Size and value of each group; the groups add up to the base.

    Parameters
    ----------
    names : tuple of str
        Groups.
    n_customers : ndarray
        Customers of each, shape (k,).
    value : ndarray
        Value of each, the sum over its customers [money], shape (k,).
    meanings, actions : tuple of str
        For each group, a line that describes its customers and a line that says what to do; empty without a table.
    as_of : datetime64[D] or None
        Day of the values; it shows whether they are stale.

    Examples
    --------
    >>> summary = summarise_segments(["a", "b", "a"], [10.0, 5.0, 20.0])
    >>> summary.names, summary.n_customers, summary.value
    (('a', 'b'), array([2, 1]), array([30.,  5.]))
    >>> SegmentSummary.from_json(summary.to_json()) == summary
    True
    """

    names: tuple[str, ...] = checked_field("names", as_texts)
    n_customers: Integers = count_column("n_customers")
    value: Floats = number_column("value")
    meanings: tuple[str, ...] = checked_field("meanings", as_texts)
    actions: tuple[str, ...] = checked_field("actions", as_texts)
    as_of: np.datetime64 | None = checked_field("as_of", optional(as_day), default=None, eq=str)

    def __attrs_post_init__(self) -> None:
        if not self.names or len(set(self.names)) != len(self.names):
            raise InputError("names", "at least one, all different", self.names)
        for name in ("n_customers", "value", "meanings", "actions"):
            if np.shape(getattr(self, name)) != (len(self.names),):
                raise InputError(name, f"one for each of the {len(self.names)} groups", getattr(self, name))
        if not self.n_customers.any():
            raise InputError("n_customers", "above 0 for at least one group", self.n_customers)
        require((self.n_customers > 0) | (self.value == 0), "value", self.value, "0 for a group without customers")

    @property
    def total(self) -> float:
        """Value of the base [money]."""
        return math.fsum(self.value.tolist())

    @property
    def customer_share(self) -> Floats:
        """Share of the customers in each group [fraction], shape (k,)."""
        share: Floats = self.n_customers / self.n_customers.sum()
        return share

    @property
    def value_share(self) -> Floats:
        """Share of the value in each group [fraction], shape (k,); NaN if the total is not above 0."""
        if not self.total > 0:
            return np.full(len(self.names), np.nan)
        with np.errstate(over="ignore"):  # infinite where large values cancel out
            share: Floats = self.value / self.total
        return share

    @property
    def mean_value(self) -> Floats:
        """Mean value of a customer of each group [money], shape (k,); NaN for an empty group."""
        mean = np.full(len(self.names), np.nan)
        np.divide(self.value, self.n_customers, out=mean, where=self.n_customers > 0)
        return mean

    def _parts(self) -> Parts:
        return summary_parts(self.names, self.n_customers, self.value)

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """All columns by name, for a dataframe of any kind.

        Returns
        -------
        dict of str to ndarray
            Columns of one length, a row for each group.
        """
        return {
            "segment": text_array(self.names),
            "n_customers": self.n_customers,
            "customer_share": self.customer_share,
            "value": self.value,
            "value_share": self.value_share,
            "mean_value": self.mean_value,
            "meaning": np.array(self.meanings),
            "action": np.array(self.actions),
        }

    def to_json(self) -> str:
        """Write the groups as JSON text, for a comparison with a later date.

        Returns
        -------
        str
            A JSON object with the fields.
        """
        return to_json(self)

    @classmethod
    def from_json(cls, text: str) -> SegmentSummary:
        """Read what :meth:`to_json` wrote.

        Parameters
        ----------
        text : str
            JSON text.

        Returns
        -------
        SegmentSummary
            The same groups.

        Raises
        ------
        InputError
            If the text is no such object.
        """
        return from_json(cls, text)


@stay_frozen
@attrs.frozen(kw_only=True)
class SegmentValueChanges(Columns):
    """Value of each group at two dates.

    Parameters
    ----------
    names : tuple of str
        All groups that exist on at least one of the two dates.
    value_before, value_now : ndarray
        Value [money], shape (k,); 0 for a group that the date does not have.
    mean_before, mean_now : ndarray
        Mean value of a customer [money], shape (k,); NaN for a group without customers.

    Examples
    --------
    >>> before = summarise_segments(["a", "b"], [10.0, 5.0])
    >>> changes = segment_value_changes(before, summarise_segments(["a", "b", "b"], [9.0, 6.0, 2.0]))
    >>> changes.fallen, changes.fallen_mean
    (('a',), ('a', 'b'))
    """

    names: tuple[str, ...] = checked_field("names", as_texts)
    value_before: Floats = number_column("value_before")
    value_now: Floats = number_column("value_now")
    mean_before: Floats = number_column("mean_before", missing=True)
    mean_now: Floats = number_column("mean_now", missing=True)

    def __attrs_post_init__(self) -> None:
        for name in ("value_before", "value_now", "mean_before", "mean_now"):
            if len(getattr(self, name)) != len(self.names):
                raise InputError(name, f"one for each of the {len(self.names)} groups", len(getattr(self, name)))
        if len(set(self.names)) != len(self.names):
            raise InputError("names", "all different", self.names)
        for value, mean in (("value_before", "mean_before"), ("value_now", "mean_now")):
            column = getattr(self, value)
            known = ~np.isnan(getattr(self, mean))
            require(known | (column == 0), value, column, f"0 where `{mean}` is NaN: the group has no customers")

    @property
    def fallen(self) -> tuple[str, ...]:
        """Groups whose value is less than before, by more than rounding."""
        return self._lower(self.value_now, self.value_before)

    @property
    def fallen_mean(self) -> tuple[str, ...]:
        """Groups whose mean value of a customer is less than before, by more than rounding."""
        return self._lower(self.mean_now, self.mean_before)

    def _lower(self, now: Floats, before: Floats) -> tuple[str, ...]:
        lower = now < before - _ROUNDING * np.abs(before)
        return tuple(name for name, hit in zip(self.names, lower.tolist(), strict=True) if hit)

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give all columns by name, a row for each segment, for a dataframe of any kind."""
        return {"segment": text_array(self.names), **array_columns(self)}


def summarise_segments(
    segment: ArrayLike,
    value: ArrayLike,
    *,
    table: SegmentTable | Sequence[str] | None = None,
    as_of: ArrayLike | None = None,
) -> SegmentSummary:
    """Add up the customers and their value by segment, channel, region or cohort.

    Parameters
    ----------
    segment : array_like of str
        Group of each customer, shape (n,).
    value : array_like
        Value of each customer, shape (n,): revenue, or the CLV of :func:`crmvalue.models.customer_values` [money].
        A magnitude below 1e-9 counts as 0: it is what binary arithmetic leaves of nothing.
    table : SegmentTable or sequence of str, optional
        Table of the groups: the result has its order, its meanings and actions, and also its groups without customers.
        Or only the names of all groups in order, such as `LIFECYCLE_STAGES`.
    as_of : date, optional
        Day of the values.

    Returns
    -------
    SegmentSummary
        One row for each group, in the order of the table; without a table, the most valuable group first.

    Raises
    ------
    InputError
        If a label is missing or not in the table, a value is NaN or infinite, or the lengths differ.

    Notes
    -----
    To multiply the revenue of each segment by a retention probability and a margin first, use
    :func:`crmvalue.ltv.ltv_segments`.

    Examples
    --------
    >>> summary = summarise_segments(["New", "Lost", "New"], [10, 2, 30], table=SegmentTable.preset("A"))
    >>> summary.names[3], int(summary.n_customers[3]), summary.total
    ('New', 2, 42.0)
    """
    day = None if as_of is None else as_day("as_of", as_of)
    given = None if table is None else _read_table(table)
    require_same_index(segment=segment, value=value)
    labels, code = encode_labels("segment", segment)
    values = as_money("value", value)
    if len(values) != len(code):
        raise InputError("value", f"one for each of the {len(code)} customers", len(values))
    n = np.bincount(code, minlength=len(labels))
    sums = group_sums(code, values, len(labels))
    if given is None:
        order = np.lexsort((np.arange(len(labels)), -sums))
        names = tuple(labels[i] for i in order)
        meanings = actions = ("",) * len(names)
    else:
        names, meanings, actions = given
        strange = sorted(set(labels) - set(names))
        if strange:
            raise InputError("segment", "a group of the table", strange[0], count=len(strange))
        place = {label: i for i, label in enumerate(labels)}
        n, sums = np.append(n, 0), np.append(sums, 0.0)  # for groups without customers
        order = np.array([place.get(name, len(labels)) for name in names])
    return SegmentSummary(
        names=names,
        n_customers=hand_over(n[order]),
        value=hand_over(sums[order]),
        meanings=meanings,
        actions=actions,
        as_of=day,
    )


def _read_table(table: SegmentTable | Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Give the names of all groups, their meanings and their actions."""
    if isinstance(table, SegmentTable):
        return table.names, table.meanings, table.actions
    given: object = table
    if isinstance(given, str) or not isinstance(given, Sequence) or not given:
        raise InputError("table", "a SegmentTable, or the names of all groups", given)
    names = as_texts("table", given)
    if len(set(names)) != len(names):
        raise InputError("table", "names that are all different", names)
    return names, ("",) * len(names), ("",) * len(names)


def segment_value_changes(before: SegmentSummary, now: SegmentSummary) -> SegmentValueChanges:
    """Compare the values of groups at two dates.

    Revenue of all time only rises, and then no group ever falls: take that of windows of one length, as
    :func:`crmvalue.purchases.summarise_window` counts it, or expected values.

    Parameters
    ----------
    before, now : SegmentSummary
        Summaries of the earlier and the later date.

    Returns
    -------
    SegmentValueChanges
        All groups of both; `fallen` and `fallen_mean` name the groups that lost value.

    Raises
    ------
    InputError
        If an argument is no summary, or `before` has a later day than `now`.

    Examples
    --------
    >>> before = summarise_segments(["a"], [10.0], as_of="2024-03-31")
    >>> segment_value_changes(before, summarise_segments(["a"], [12.0], as_of="2024-06-30")).fallen
    ()
    """
    for name, summary in (("before", before), ("now", now)):
        if not isinstance(summary, SegmentSummary):
            raise InputError(name, "a SegmentSummary", type(summary).__name__)
    if before.as_of is not None and now.as_of is not None and before.as_of > now.as_of:
        raise InputError("before", f"no later than `now` ({now.as_of})", str(before.as_of))
    known = set(now.names)
    names = now.names + tuple(name for name in before.names if name not in known)
    columns = []
    for summary in (before, now):
        place = {name: i for i, name in enumerate(summary.names)}
        for column, empty in ((summary.value, 0.0), (summary.mean_value, np.nan)):
            columns.append(hand_over(np.array([column[place[name]] if name in place else empty for name in names])))
    return SegmentValueChanges(
        names=names, value_before=columns[0], mean_before=columns[1], value_now=columns[2], mean_now=columns[3]
    )
