"""RFM groups and movements of the customers of a frame; :mod:`crmvalue.frames` is the public door."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import attrs
import numpy as np

from crmvalue._core.checks import as_whole_number, require, require_choice
from crmvalue._frames.columns import find_customer, require_name, require_numbers, require_other_names
from crmvalue._frames.customers import CustomerFrame, FrameResult, names_here, open_customers
from crmvalue._frames.engines import (
    Arrays,
    collect,
    flag,
    from_columns,
    in_engine,
    is_whole,
    join_rows,
    native,
    total,
    upload,
    with_columns,
)
from crmvalue._frames.orders import WHOLE, is_named, no_id, require_ids, without_residue
from crmvalue._segmentation.migration import read_states
from crmvalue._segmentation.rfm import (
    EQUAL_MONEY,
    OTHER_WINDOW,
    breaks_of_counts,
    require_window,
    say_inside,
    without_rounding,
)
from crmvalue.errors import InputError
from crmvalue.segmentation import (
    Migration,
    RfmBreaks,
    SegmentTable,
    assign_segments,
    fit_rfm,
    migration_matrix,
    score_rfm,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    import narwhals as nw

    from crmvalue._segmentation.migration import Window
    from crmvalue.segmentation import RfmMethod, SpendBasis

__all__ = ["migrate", "rfm"]

_SCORES = ("r_score", "f_score", "m_score")
_PRESET_BINS = 5
_NAMES = {"customer_before": "before", "customer_now": "now", "value_before": "value", "value_now": "value"}
"""Arguments of :func:`crmvalue.segmentation.migration_matrix` that are columns here, and where they come from."""
_LARGEST = 1e100  # as in the functions of arrays


def rfm(
    customers: Any,
    *,
    spend_basis: SpendBasis | None = None,
    n_bins: int | None = None,
    method: RfmMethod | None = None,
    breaks: RfmBreaks | None = None,
    table: SegmentTable | None = None,
    window: float | None = None,
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
        As in :func:`crmvalue.segmentation.fit_rfm`; by default those of `breaks`, or 5 and "rank". "threshold" needs
        `breaks`.
    breaks : RfmBreaks, optional
        Break points of an earlier result (its `breaks`), so that scores can be compared; by default they are fitted to
        these customers.
    table : SegmentTable, optional
        Names of the groups; by default the preset "A" for five bins, and no groups for another number.
    window : float, optional
        Window over which purchases and money were counted [days], above 0, such as 180; by default they are those of
        all time. It must be that of `breaks`. :func:`crmvalue.purchases.summarise_window` gives such columns.

    Returns
    -------
    CustomerFrame
        The same customers with the columns `r_score`, `f_score` and `m_score`, 1 to k, k best, and `rfm_group`; and the
        break points (`breaks`). Columns of these names that the frame already has are replaced.

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
    if breaks is not None:
        _require_same(breaks, spend_basis, n_bins, method)
    basis = breaks.spend_basis if breaks is not None else spend_basis
    if not isinstance(basis, str) or basis not in {"mean", "total"}:
        raise InputError("spend_basis", '"mean" or "total"', basis, hint="both are common and give different scores")
    bins, kind = 5 if n_bins is None else n_bins, "rank" if method is None else method
    spend = f"{require_choice('spend_basis', basis, ('mean', 'total'))}_spend"
    needed = ("days_since_last", "n_purchases", spend)
    opened = open_customers(customers, needed, timed=False)
    lazy = in_engine(opened.frame)
    as_of = opened.known.as_of
    result: Any
    if lazy is None:
        days, number, money = (opened.frame[name].to_native() for name in needed)
        with names_here({"spend": spend}):
            if breaks is None:
                breaks = fit_rfm(
                    days, number, money, spend_basis=basis, n_bins=bins, method=kind, as_of=as_of, window=window
                )
            scores = score_rfm(days, number, money, breaks, window=window)
        made: dict[str, Any] = {name: getattr(scores, name).astype(np.int64) for name in _SCORES}
        table = _table(table, breaks)
        if table is not None:
            made["rfm_group"] = scores.segments(table)
        result = with_columns(opened.frame.drop("rfm_group", strict=False), made).to_native()
    else:
        require_numbers("customers", lazy, needed)
        require_other_names("customers", lazy, (*_SCORES, "rfm_group"))
        if breaks is None:
            breaks = _fit(lazy, needed, basis, bins, kind, as_of, window)
        else:
            require_window(window, breaks)
            _check(lazy, needed)
        _require_inside(lazy, needed, window)
        lazy = lazy.drop("rfm_group", strict=False)
        result = native(_scored(lazy, needed, breaks, _table(table, breaks)), opened.frame)
    return attrs.evolve(opened.known, frame=result, breaks=breaks)


def migrate(
    before: Any,
    now: Any,
    *,
    group: str = "rfm_group",
    customer: str | None = None,
    value: str | None = None,
    states: Sequence[str] | None = None,
    level: float = 0.95,
    window_before: float | Literal["all"] | None = None,
    window_now: float | Literal["all"] | None = None,
) -> FrameResult:
    """Count how customers moved between groups from one frame to a later one.

    Parameters
    ----------
    before, now : CustomerFrame, DataFrame or LazyFrame
        The customers at the two dates, of one kind and, for lazy frames, of one session.
    group : str, optional
        Column of the groups, in both frames.
    customer : str, optional
        Column of the customers, in both frames; by default that of the frames, or guessed from its heading.
    value : str, optional
        Column of the value of each customer [money], in both frames.
    states, level
        As in :func:`crmvalue.segmentation.migration_matrix`.
    window_before, window_now : float or "all", optional
        As there. By default those of :func:`rfm`, if both frames are its results and `group` is its column;
        not those of one length of days if the break points differ.

    Returns
    -------
    FrameResult
        The table of :meth:`crmvalue.segmentation.Migration.to_columns`, and the
        :class:`crmvalue.segmentation.Migration` as `result`.

    Raises
    ------
    InputError
        As :func:`crmvalue.segmentation.migration_matrix`; if a column is missing, or the frames are of different kinds.

    Notes
    -----
    An engine joins the customers and counts them by group before and group now.

    Examples
    --------
    >>> import pandas as pd
    >>> before = pd.DataFrame({"customer": [1, 2], "rfm_group": ["Loyal", "Lost"]})
    >>> now = pd.DataFrame({"customer": [1, 2, 3], "rfm_group": ["Loyal", "Loyal", "New"]})
    >>> moved = migrate(before, now)
    >>> moved.result.states, moved.result.size_now
    (('Lost', 'Loyal', 'New'), array([0, 2, 1]))
    """
    then, today = (_open_groups(*given, group, customer, value) for given in (("before", before), ("now", now)))
    lazy, later = in_engine(then.frame), in_engine(today.frame)
    if then.frame.implementation is not today.frame.implementation or (lazy is None) != (later is None):
        kinds = (then.frame.implementation.value, today.frame.implementation.value)
        raise InputError("now", f"a frame of the kind of `before`, {kinds[0]}", kinds[1])
    if group == "rfm_group" and window_before is None and window_now is None:
        window_before, window_now = _windows_of_scores(before, now)
    options: dict[str, Any] = {
        "states": states, "level": level, "window_before": window_before, "window_now": window_now,
    }  # fmt: skip
    if lazy is None or later is None:
        columns: dict[str, Any] = {
            "customer_before": then.frame[then.customer].to_native(),
            "customer_now": today.frame[today.customer].to_native(),
        }
        if value is not None:
            columns["value_before"] = then.frame[value].to_native()
            columns["value_now"] = today.frame[value].to_native()
        group_then, group_now = then.frame[group].to_native(), today.frame[group].to_native()
        with names_here(_NAMES):
            result = migration_matrix(group_then, group_now, **columns, **options)
        table: Any = from_columns(result.to_columns(), then.frame)
    else:
        result = _count_moves(lazy, later, then.customer, today.customer, group, value, options)
        table = upload(result.to_columns(), lazy)
    guessed = ("customer",) if then.guessed else ()
    return FrameResult(
        frame=native(table, then.frame), result=result, columns={"customer": then.customer, "group": group},
        guessed=guessed,
    )  # fmt: skip


def _windows_of_scores(before: Any, now: Any) -> tuple[Window | None, Window | None]:
    """Give the windows over which the scores of two results of `rfm` count.

    None for other frames. None too for equal windows of days with different break points: scores of these do not
    compare.
    """
    windows: list[Window] = []
    for given in (before, now):
        if not isinstance(given, CustomerFrame) or given.breaks is None:
            return None, None
        windows.append("all" if given.breaks.window is None else given.breaks.window)
    if windows[0] == windows[1] != "all":
        names = ("days_since_last", "n_purchases", "spend", "spend_basis")
        if not all(np.array_equal(getattr(before.breaks, name), getattr(now.breaks, name)) for name in names):
            return None, None
    return windows[0], windows[1]


def _require_same(breaks: RfmBreaks, spend_basis: object, n_bins: int | None, method: str | None) -> None:
    """Refuse arguments that contradict the break points."""
    if n_bins is not None:
        n_bins = as_whole_number("n_bins", n_bins, low=2, high=100)
    for name, asked in (("spend_basis", spend_basis), ("n_bins", n_bins), ("method", method)):
        known = getattr(breaks, name)
        if asked is not None and asked != known:
            raise InputError(name, f"that of the break points, {known!r}", asked)


class _Groups(NamedTuple):
    """A frame with groups, the column of its customers, and whether that was guessed."""

    frame: nw.DataFrame[Any] | nw.LazyFrame[Any]
    customer: str
    guessed: bool


def _open_groups(name: str, given: Any, group: str, customer: str | None, value: str | None) -> _Groups:
    needed = (group,) if value is None else (group, value)
    for role, column in zip(("group", "value"), needed, strict=False):
        require_name(role, column)
    known = given.columns.get("customer") if isinstance(given, CustomerFrame) else None
    with names_here({"customers": name}):
        opened = open_customers(given, needed, timed=False)
    who = find_customer(name, opened.frame, known if customer is None else customer)
    return _Groups(opened.frame, who, customer is None and known is None)


def _count_moves(
    before: nw.LazyFrame[Any], now: nw.LazyFrame[Any], who_before: str, who_now: str, group: str, value: str | None,
    options: dict[str, Any],
) -> Migration:  # fmt: skip
    """Count customers by group before and group now, and sum their values, in the engine."""
    import narwhals as nw

    sides, sums = [], []
    kinds = [_kind_of_ids("before", before, who_before), _kind_of_ids("now", now, who_now)]
    if kinds[0] != kinds[1]:
        raise InputError("now", f"a frame whose customers are {kinds[0]}, as in `before`", kinds[1])
    has_floats = any(frame.collect_schema()[who].is_float() for frame, who in ((before, who_before), (now, who_now)))
    for name, frame, who in (("before", before, who_before), ("now", now, who_now)):
        if not isinstance(frame.collect_schema()[group], _text_types()):
            raise InputError(name, f"a frame whose column {group!r} has texts", str(frame.collect_schema()[group]))
        label = nw.col(group).cast(nw.String).alias("_group")
        ids = nw.col(who).cast(nw.String) if kinds[0] == "text" else nw.col(who)
        side = frame.select(ids.alias("_who"), label)
        _check_ids(name, side)
        if has_floats:  # they are whole and below 2**53, so no other whole number meets them
            side = side.with_columns(nw.col("_who").cast(nw.Float64))
        if value is not None:
            _check_values(name, frame, value)
        money = () if value is None else (without_residue(nw.col(value).cast(nw.Float64)).alias("_value"),)
        worth_of = () if value is None else (nw.col("_value").sum(),)
        table = collect(frame.select(label, *money).group_by("_group").agg(nw.len().alias("_n"), *worth_of))
        sums.append(_labelled(name, table))
        sides.append(side.rename({"_group": f"_{name}"}))
    pairs = collect(_meet(*sides).group_by("_before", "_now").agg(nw.len().alias("_n")))
    known = read_states(options.pop("states"), *(list(table) for table in sums))
    place = {name: i for i, name in enumerate(known)}
    counts = np.zeros((len(known), len(known)), dtype=np.int64)
    for one, other, n in zip(pairs["_before"].tolist(), pairs["_now"].tolist(), pairs["_n"].tolist(), strict=True):
        counts[place[one], place[other]] = n
    size = [np.array([table.get(name, (0, 0.0))[0] for name in known]) for table in sums]
    money_of = [np.array([table.get(name, (0, 0.0))[1] for name in known]) for table in sums]
    return Migration(
        states=known,
        counts=counts,
        n_new=size[1] - counts.sum(axis=0),
        n_gone=size[0] - counts.sum(axis=1),
        value_before=None if value is None else money_of[0],
        value_now=None if value is None else money_of[1],
        **options,
    )


def _check_values(name: str, frame: nw.LazyFrame[Any], value: str) -> None:
    """Refuse values that are no numbers, or missing."""
    import narwhals as nw

    kind = frame.collect_schema()[value]
    if not kind.is_numeric():
        raise InputError("value", f"a column of numbers in `{name}`", str(kind))
    unknown = flag(~_is_ordinary(nw.col(value).cast(nw.Float64).abs())).alias("_unknown")
    n_unknown = total(collect(frame.select(unknown).select(nw.col("_unknown").sum()))["_unknown"])
    if n_unknown:
        raise InputError("value", f"a number in each row of `{name}`", "another value", count=n_unknown)


def _kind_of_ids(name: str, frame: nw.LazyFrame[Any], who: str) -> str:
    """Say what the identifiers are; those of two kinds are never equal, though some engines would cast them."""
    kind = frame.collect_schema()[who]
    require_ids(who, kind, name)
    if isinstance(kind, _text_types()):
        return "text"
    return "whole numbers" if kind.is_integer() or kind.is_float() else str(kind)


def _text_types() -> tuple[Any, ...]:
    import narwhals as nw

    return (nw.String, nw.Categorical, nw.Enum)


def _check_ids(name: str, side: nw.LazyFrame[Any]) -> None:
    """Refuse missing customers, customers of more than one row, and floats that are no identifiers."""
    import narwhals as nw

    who = nw.col("_who")
    odd = no_id(side)
    missing = ~is_named(who, side.collect_schema()["_who"])
    counts = side.group_by("_who").agg(nw.len().alias("_n"))
    flags = {"_most": nw.col("_n").cast(nw.Int64), "_gone": flag(missing)}
    if odd is not None:
        flags["_odd"] = flag(odd)
    found = collect(counts.select(*(kind.alias(key) for key, kind in flags.items())).select(nw.all().max()))
    most, gone, is_odd = (total(found.get(key, np.zeros(1))) for key in ("_most", "_gone", "_odd"))
    if gone:
        raise InputError(name, "a frame with a customer in each row, not missing", None)
    if is_odd:
        raise InputError(name, f"a frame whose customers are {WHOLE}", "another float")
    if most > 1:
        raise InputError(name, "a frame with one row a customer", f"a customer in {most} rows")


def _meet(then: nw.LazyFrame[Any], now: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """Join the customers of both frames."""
    import narwhals as nw

    if then.implementation is not nw.Implementation.DUCKDB:
        return then.join(now, on="_who", how="inner")
    import duckdb

    try:
        return then.join(now, on="_who", how="inner")
    except duckdb.InvalidInputException as error:
        raise InputError("now", "a frame of the connection of `before`", "one of another connection") from error


def _labelled(name: str, table: Arrays) -> dict[str, tuple[int, float]]:
    """Give the number of customers and the value of each group."""
    labels, n = table["_group"].tolist(), table["_n"].tolist()
    if not labels:
        raise InputError(name, "a frame with at least one row", 0)
    for label, count in zip(labels, n, strict=True):
        if not isinstance(label, str) or not label:
            raise InputError(name, "a group for each customer, not missing", label, count=int(count))
    worth = table["_value"].tolist() if "_value" in table else [0.0] * len(labels)
    return {label: (int(count), float(money)) for label, count, money in zip(labels, n, worth, strict=True)}


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
    lazy: nw.LazyFrame[Any], needed: Sequence[str], basis: Any, n_bins: int, method: RfmMethod, as_of: Any,
    window: float | None,
) -> RfmBreaks:  # fmt: skip
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
            number = _equal_money(number)
        table = collect(lazy.select(number.alias("_value")).group_by("_value").agg(nw.len().alias("_n")))
        value, count = table["_value"].astype(np.float64), table["_n"].astype(np.int64)
        if not len(value):
            raise InputError("customers", "a frame with at least one row", 0)
        require((value >= 0) & (value <= _LARGEST), name, value, "a finite number >= 0, not missing")
        if name == "n_purchases":
            require(value == np.floor(value), name, value, "a whole number >= 0")
        sign = -1.0 if name == needed[0] else 1.0
        order = np.argsort(sign * value)
        found.append(sign * breaks_of_counts(sign * value[order], count[order], k, method))
        n_customers = int(count.sum())
    return RfmBreaks(
        days_since_last=found[0], n_purchases=found[1], spend=found[2], spend_basis=basis, method=method, as_of=as_of,
        n_customers=n_customers, window=window,
    )  # fmt: skip


def _check(lazy: nw.LazyFrame[Any], needed: Sequence[str]) -> None:
    """Refuse values that cannot be scored."""
    import narwhals as nw

    days, count, money = (nw.col(name).cast(nw.Float64) for name in needed)
    good = {
        needed[0]: _is_ordinary(days),
        needed[1]: _is_ordinary(count) & is_whole(count),
        needed[2]: _is_ordinary(without_residue(money)),
    }
    table = collect(lazy.select(*(flag(~known).alias(name) for name, known in good.items())).select(nw.all().sum()))
    for name in needed:
        n_wrong = total(table[name])
        if n_wrong:
            rule = "a finite whole number >= 0" if name == "n_purchases" else "a finite number >= 0"
            raise InputError(name, f"{rule}, not missing", "another value", count=n_wrong)


def _require_inside(lazy: nw.LazyFrame[Any], needed: Sequence[str], window: float | None) -> None:
    """Refuse customers who bought in the window, but have been silent for longer than it."""
    if window is None:
        return
    import narwhals as nw

    days, number = (nw.col(name).cast(nw.Float64) for name in needed[:2])
    wrong = flag((days > float(window)) & (number > 0.0)).alias("_wrong")
    n_wrong = total(collect(lazy.select(wrong).select(nw.col("_wrong").sum()))["_wrong"])
    if n_wrong:
        rule = say_inside(float(window))
        raise InputError("days_since_last", rule, "more days", count=n_wrong, hint=OTHER_WINDOW)


def _equal_money(money: nw.Expr) -> nw.Expr:
    """Round money as :func:`crmvalue.segmentation.fit_rfm` does; an engine adds up in another order each time.

    Engines round a half up or to even, so they only tidy the last digit of what is a whole number of steps already.
    """
    import narwhals as nw

    money = without_residue(money)
    found = money
    for limit, decimals in reversed(EQUAL_MONEY):
        is_below = money.abs() < limit
        small = nw.when(is_below).then(money).otherwise(nw.lit(0.0)).cast(nw.Float64)
        steps = (small * 10.0**decimals + 0.5).floor().cast(nw.Float64)
        found = nw.when(is_below).then((steps * 10.0**-decimals).round(decimals)).otherwise(found)
    return found


def _is_ordinary(number: nw.Expr) -> nw.Expr:
    """Whether a number is from 0 to the largest that may be; NaN is not, which some engines hold to be above all."""
    import narwhals as nw

    inside = (number >= 0.0) & (number <= _LARGEST)
    return nw.when(inside).then(nw.lit(True)).otherwise(nw.lit(False)).cast(nw.Boolean)


def _scored(
    lazy: nw.LazyFrame[Any], needed: Sequence[str], breaks: RfmBreaks, table: SegmentTable | None
) -> nw.LazyFrame[Any]:
    """Write the scores as expressions: 1, and 1 more for each break point that is passed."""
    import narwhals as nw

    days, count, money = (nw.col(name).cast(nw.Float64) for name in needed)
    columns = {
        "r_score": (-days, -breaks.days_since_last),
        "f_score": (count, breaks.n_purchases),
        "m_score": (_equal_money(money), without_rounding(breaks.spend)),
    }
    scores = []
    for name, (value, points) in columns.items():
        score = nw.lit(1 + int(np.isneginf(points).sum())).cast(nw.Int64)
        for point in points[np.isfinite(points)].tolist():
            score = score + flag(value > point)
        scores.append(score.alias(name))
    scored = lazy.with_columns(*scores)
    if table is None:
        return scored
    bins = np.arange(1, breaks.n_bins + 1)
    r, f, m = (axis.ravel() for axis in np.meshgrid(bins, bins, bins, indexing="ij"))
    group = assign_segments(r, f, m, table, n_bins=breaks.n_bins)
    return join_rows(scored, {"r_score": r, "f_score": f, "m_score": m, "rfm_group": group}, _SCORES)
