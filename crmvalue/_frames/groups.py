"""RFM groups, segments and movements of the customers of a frame; :mod:`crmvalue.frames` is the public door."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from crmvalue._core.checks import as_day, as_whole_number, require, require_choice
from crmvalue._frames.conditions import rule_expression
from crmvalue._frames.customers import CustomerFrame, open_customers
from crmvalue._frames.engines import collect, in_engine, join_rows, native, with_columns
from crmvalue._purchases.order_log import RESIDUE
from crmvalue._segmentation.membership import read_segments
from crmvalue._segmentation.rfm import breaks_of_counts
from crmvalue._segmentation.rules import rule_conditions
from crmvalue.errors import InputError
from crmvalue.segmentation import RfmBreaks, SegmentTable, assign_segments, evaluate_segments, fit_rfm, score_rfm

if TYPE_CHECKING:
    from collections.abc import Sequence

    import narwhals as nw

    from crmvalue.segmentation import RfmMethod, Segment, SpendBasis
    from crmvalue.typing import ArrayLike

__all__ = ["rfm", "segments"]

_SCORES = ("r_score", "f_score", "m_score")
_PRESET_BINS = 5


def rfm(
    customers: Any,
    *,
    spend_basis: SpendBasis | None = None,
    n_bins: int = 5,
    method: RfmMethod = "rank",
    breaks: RfmBreaks | None = None,
    table: SegmentTable | None = None,
) -> CustomerFrame:
    """Score the customers of a frame by recency, frequency and money, and name their groups.

    Parameters
    ----------
    customers : CustomerFrame, DataFrame or LazyFrame
        A result of :func:`summarise`, or a frame of your own with the columns `days_since_last`, `n_purchases`, and
        `mean_spend` or `total_spend`.
    spend_basis : {"mean", "total"}, optional
        Whether money is that of a mean purchase (`mean_spend`) or of all purchases (`total_spend`). Both are common and
        give different scores, so it has to be said, unless `breaks` say it.
    n_bins, method
        As in :func:`crmvalue.segmentation.fit_rfm`; "threshold" needs `breaks`.
    breaks : RfmBreaks, optional
        Break points of an earlier result (its `breaks`), so that scores can be compared; by default they are fitted to
        these customers.
    table : SegmentTable, optional
        Names of the groups; by default the preset "A" for five bins, and no groups for another number.

    Returns
    -------
    CustomerFrame
        The same customers with the columns `r_score`, `f_score` and `m_score`, 1 to k, k best, and `rfm_group`; and the
        break points (`breaks`).

    Raises
    ------
    InputError
        As :func:`crmvalue.segmentation.fit_rfm`, or if a column is missing.

    Notes
    -----
    An engine counts the customers of each distinct value; the break points follow from the counts. Scores are
    expressions, and groups are joined by their scores.

    Examples
    --------
    >>> import pandas as pd
    >>> customers = pd.DataFrame(
    ...     {"name": ["ann", "bob"], "days_since_last": [5, 200], "n_purchases": [9, 1], "total_spend": [900, 20]}
    ... )
    >>> rfm(customers, spend_basis="total").frame[["name", "r_score", "rfm_group"]]
      name  r_score       rfm_group
    0  ann        4           Loyal
    1  bob        2  Need Attention
    """
    if breaks is not None and not isinstance(breaks, RfmBreaks):
        raise InputError("breaks", "an RfmBreaks", type(breaks).__name__, hint="the `breaks` of an earlier result")
    basis = breaks.spend_basis if breaks is not None and spend_basis is None else spend_basis
    if basis not in {"mean", "total"}:
        raise InputError("spend_basis", '"mean" or "total"', basis, hint="both are common and give different scores")
    if breaks is not None and breaks.spend_basis != basis:
        raise InputError("spend_basis", f"that of the break points, {breaks.spend_basis!r}", basis)
    spend = f"{basis}_spend"
    needed = ("days_since_last", "n_purchases", spend)
    opened = open_customers(customers, needed, timed=False)
    lazy = in_engine(opened.frame)
    as_of = opened.known.as_of
    result: Any
    if lazy is None:
        days, number, money = (opened.frame[name].to_native() for name in needed)
        if breaks is None:
            breaks = fit_rfm(days, number, money, spend_basis=basis, n_bins=n_bins, method=method, as_of=as_of)
        scores = score_rfm(days, number, money, breaks)
        made: dict[str, Any] = {name: getattr(scores, name).astype(np.int64) for name in _SCORES}
        table = _table(table, breaks)
        if table is not None:
            made["rfm_group"] = scores.segments(table)
        result = with_columns(opened.frame, made).to_native()
    else:
        if breaks is None:
            breaks = _fit(lazy, needed, basis, n_bins, method, as_of)
        else:
            _check(lazy, needed)
        result = native(_scored(lazy, needed, breaks, _table(table, breaks)), opened.frame)
    return attrs.evolve(opened.known, frame=result, breaks=breaks)


def segments(customers: Any, rules: Sequence[Segment], *, as_of: ArrayLike | None = None) -> CustomerFrame:
    """Add one column of True and False for each segment.

    Parameters
    ----------
    customers : CustomerFrame, DataFrame or LazyFrame
        A result of this module, or a frame of your own.
    rules : sequence of Segment
        Segments with different names; their rules use the columns of the frame.
    as_of : date, optional
        Day of the evaluation; by default that of the frame.

    Returns
    -------
    CustomerFrame
        The same customers with a column for each segment, under its name.

    Raises
    ------
    InputError
        As :func:`crmvalue.segmentation.evaluate_segments`; if the name of a segment is that of a column, or no day is
        known.

    Examples
    --------
    >>> import pandas as pd
    >>> from crmvalue.segmentation import Segment, SegmentColumns
    >>> of = SegmentColumns({"total_spend": "number"})
    >>> customers = pd.DataFrame({"name": ["ann", "bob"], "total_spend": [900, 20]})
    >>> segments(customers, [Segment("vip", of["total_spend"] >= 500)], as_of="2024-06-30").frame
      name  total_spend    vip
    0  ann          900   True
    1  bob           20  False
    """
    chosen = read_segments(rules)
    used = {condition.column for segment in chosen for condition in rule_conditions(segment.rule)}
    opened = open_customers(customers, tuple(sorted(used)), timed=False)
    taken = sorted({segment.name for segment in chosen} & set(opened.frame.collect_schema().names()))
    if taken:
        raise InputError("rules", "segments whose names are no columns of the frame", taken[0])
    if as_of is None and opened.known.as_of is None:
        raise InputError("as_of", "given for a frame of your own", None)
    today = as_day("as_of", opened.known.as_of if as_of is None else as_of)
    lazy = in_engine(opened.frame)
    result: Any
    if lazy is None:
        columns = {name: opened.frame[name].to_native() for name in used}
        members = evaluate_segments(chosen, columns, as_of=today)
        result = with_columns(opened.frame, {segment.name: members.members(segment.name) for segment in chosen})
        result = result.to_native()
    else:
        made = (rule_expression(segment.rule, lazy, today).alias(segment.name) for segment in chosen)
        result = native(lazy.with_columns(*made), opened.frame)
    return attrs.evolve(opened.known, frame=result)


def _table(table: SegmentTable | None, breaks: RfmBreaks) -> SegmentTable | None:
    """Give the table of the groups, by default for five bins alone."""
    if table is None:
        return SegmentTable.preset("A") if breaks.n_bins == _PRESET_BINS else None
    if not isinstance(table, SegmentTable):
        raise InputError("table", "a SegmentTable", type(table).__name__, hint='SegmentTable.preset("A")')
    if table.n_bins != breaks.n_bins:
        raise InputError("table", f"one for {breaks.n_bins} bins, as the scores have", table.n_bins)
    return table


def _fit(
    lazy: nw.LazyFrame[Any], needed: Sequence[str], basis: Any, n_bins: int, method: RfmMethod, as_of: Any
) -> RfmBreaks:
    """Fit break points to the counts of each distinct value."""
    import narwhals as nw

    require_choice("method", method, ("rank", "quantile", "threshold"))
    k = as_whole_number("n_bins", n_bins, low=2, high=100)
    if method == "threshold":
        raise InputError("breaks", "given for the method 'threshold'", None, hint="fit_rfm makes them of thresholds")
    found = []
    n_customers = 0
    for name in needed:
        number = nw.col(name).cast(nw.Float64)
        if name == needed[2]:
            number = _without_residue(number)
        table = collect(lazy.select(number.alias("_value")).group_by("_value").agg(nw.len().alias("_n")))
        value, count = table["_value"].astype(np.float64), table["_n"].astype(np.int64)
        if not len(value):
            raise InputError("customers", "a frame with at least one row", 0)
        require(value >= 0, name, value, "a number >= 0, not missing")
        if name == "n_purchases":
            require(value == np.floor(value), name, value, "a whole number >= 0")
        sign = -1.0 if name == needed[0] else 1.0
        order = np.argsort(sign * value)
        found.append(sign * breaks_of_counts(sign * value[order], count[order], k, method))
        n_customers = int(count.sum())
    return RfmBreaks(
        days_since_last=found[0], n_purchases=found[1], spend=found[2], spend_basis=basis, method=method, as_of=as_of,
        n_customers=n_customers,
    )  # fmt: skip


def _check(lazy: nw.LazyFrame[Any], needed: Sequence[str]) -> None:
    """Refuse values that cannot be scored."""
    import narwhals as nw

    wrong = [
        nw.when(nw.col(name) >= 0).then(nw.lit(0)).otherwise(nw.lit(1)).cast(nw.Int64).alias(name) for name in needed
    ]
    table = collect(lazy.select(*wrong).select(*(nw.col(name).sum() for name in needed)))
    for name in needed:
        count = int(np.nan_to_num(np.asarray(table[name], dtype=np.float64))[0])
        if count:
            raise InputError(name, "a number >= 0, not missing", f"another in {count} rows", count=count)


def _without_residue(number: nw.Expr) -> nw.Expr:
    """Count as 0 what binary arithmetic leaves of nothing."""
    import narwhals as nw

    return nw.when(number.abs() < RESIDUE).then(nw.lit(0.0)).otherwise(number).cast(nw.Float64)


def _scored(
    lazy: nw.LazyFrame[Any], needed: Sequence[str], breaks: RfmBreaks, table: SegmentTable | None
) -> nw.LazyFrame[Any]:
    """Write the scores as expressions: 1, and 1 more for each break point that is passed."""
    import narwhals as nw

    days, count, money = (nw.col(name).cast(nw.Float64) for name in needed)
    columns = {
        "r_score": (-days, -breaks.days_since_last),
        "f_score": (count, breaks.n_purchases),
        "m_score": (_without_residue(money), breaks.spend),
    }
    scores = []
    for name, (value, points) in columns.items():
        score = nw.lit(1 + int(np.isneginf(points).sum())).cast(nw.Int64)
        for point in points[np.isfinite(points)].tolist():
            score = score + nw.when(value > point).then(nw.lit(1)).otherwise(nw.lit(0)).cast(nw.Int64)
        scores.append(score.alias(name))
    scored = lazy.with_columns(*scores)
    if table is None:
        return scored
    bins = np.arange(1, breaks.n_bins + 1)
    r, f, m = (axis.ravel() for axis in np.meshgrid(bins, bins, bins, indexing="ij"))
    group = assign_segments(r, f, m, table, n_bins=breaks.n_bins)
    return join_rows(scored, {"r_score": r, "f_score": f, "m_score": m, "rfm_group": group}, _SCORES)
