"""Funnels as named stages, and their conversion from counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from crmvalue._core.checks import as_counts, as_fraction, as_ordered_items, as_text, require
from crmvalue._core.comparisons import p_text, rates_p
from crmvalue._core.frames import Columns
from crmvalue._core.json import from_json, to_json
from crmvalue._core.labels import (
    also_equal,
    by_name,
    columns_of,
    counted,
    first_lines,
    has_columns,
    in_percent,
    labelled,
    percent,
)
from crmvalue._core.pictures.pictured import Pictured
from crmvalue._core.values import (
    Given,
    array_field,
    checked_field,
    hand_over,
    optional,
    read_only,
    short_repr,
    stay_frozen,
)
from crmvalue._funnels.pictures import groups_parts, stages_parts
from crmvalue.errors import InputError
from crmvalue.metrics import proportion_interval
from crmvalue.typing import Interval

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from crmvalue._core.pictures.parts import Parts
    from crmvalue.typing import ArrayLike, FloatOrArray, Floats, Integers

__all__ = [
    "AIDA",
    "B2B",
    "MQL_SQL",
    "SALES",
    "TOP_MIDDLE_BOTTOM",
    "Funnel",
    "FunnelConversion",
    "as_name",
    "as_names",
    "funnel_conversion",
    "share",
    "share_interval",
    "stage_columns",
    "to_all_stages",
]

_ORDER = "`funnel=` gives the order of stages that `counts` names"


def as_name(name: str, value: object) -> str:
    """Take a text that is not empty."""
    text = as_text(name, value)
    if not text.strip():
        raise InputError(name, "not empty", text)
    return text


def as_names(name: str, value: Any) -> tuple[str, ...]:
    """Take a list of different names, each a text that is not empty."""
    names = tuple(as_text(name, item) for item in as_ordered_items(name, value, "a list of names"))
    seen: set[str] = set()
    for place, item in enumerate(names):
        if not item.strip() or item in seen:
            raise InputError(name, "different names, none of them empty", item, index=place)
        seen.add(item)
    return names


def _group_names(name: str, value: Any) -> tuple[str, ...]:
    """Take the names of groups; a whole number stands for its digits."""
    items = as_ordered_items(name, value, "a list of names")
    return as_names(name, [str(item) if _is_whole(item) else item for item in items])


def _is_whole(item: object) -> bool:
    return isinstance(item, int | np.integer) and not isinstance(item, bool | np.timedelta64)


def _stages(value: Any, name: str = "stages") -> tuple[str, ...]:
    names = as_names(name, value)
    if len(names) < 2:
        raise InputError(name, "at least two", names)
    return names


@attrs.frozen
class Funnel:
    """The stages of a funnel, in order.

    Parameters
    ----------
    stages : list of str
        At least two different names, from entry to the last stage.
    name : str, default ""
        Name of the funnel.

    Examples
    --------
    >>> funnel = Funnel(["enquiry", "call", "presentation"])
    >>> len(funnel), funnel.stages[-1]
    (3, 'presentation')
    >>> Funnel.from_json(funnel.to_json()) == funnel
    True
    """

    stages: tuple[str, ...] = attrs.field(converter=_stages)
    name: str = checked_field("name", as_text, default="", kw_only=True)

    def __len__(self) -> int:
        return len(self.stages)

    def to_json(self) -> str:
        """Write the funnel as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> Funnel:
        """Read what :meth:`to_json` wrote."""
        return from_json(cls, text)


AIDA = Funnel(("attention", "interest", "desire", "action"), name="AIDA")
SALES = Funnel(("lead", "qualified", "presentation", "offer", "deal"), name="sales")
B2B = Funnel(("need", "search", "evaluation", "agreement", "contract", "after-sales"), name="B2B")
TOP_MIDDLE_BOTTOM = Funnel(("top", "middle", "bottom"), name="top, middle, bottom")
MQL_SQL = Funnel(("MQL", "SQL"), name="MQL to SQL")


def _counts(value: Any) -> Integers:
    """Take counts of stages, or those that were checked already."""
    if isinstance(value, Given):
        return read_only(value)
    (counts,) = as_counts(counts=value)
    if counts.ndim not in {1, 2} or counts.shape[-1] < 2 or not counts.size:
        raise InputError("counts", "of shape (stages,) or (groups, stages), with at least two stages", counts.shape)
    entered = counts[..., :1]
    rule = (
        "at least 1 at the first stage" if counts.ndim == 1 else "at least 1 at the first stage of at least one group"
    )
    require((entered > 0) | (entered > 0).any(), "counts", entered, rule)
    grows = np.zeros(counts.shape, dtype=bool)
    grows[..., 1:] = counts[..., 1:] > counts[..., :-1]
    require(~grows, "counts", counts, "at most the count of the stage before", hint=_ORDER)
    return read_only(hand_over(counts.astype(np.int64)))


def _independent(value: Any) -> Integers | None:
    if value is None:
        return None
    (numbers,) = as_counts(n_independent=value)
    return read_only(hand_over(numbers.astype(np.int64)))


@stay_frozen
@attrs.frozen(kw_only=True)
class FunnelConversion(Columns, Pictured):
    """Share of prospects who move on from each stage, with intervals and tests.

    Parameters
    ----------
    counts : ndarray of int
        Prospects that reached each stage, shape (stages,) or (groups, stages). A group may have none at all: its rates
        and their intervals are NaN.
    stages : tuple of str
        Names of the stages.
    groups : tuple of str or None, default None
        Names of the groups; None without groups.
    level : float, default 0.95
        Level of the intervals, and one minus the level of the tests.
    n_independent : ndarray of int or None, default None
        How many independent prospects those at each stage count for in intervals and tests, in the shape of `counts`:
        fewer than `counts` where one customer stands behind several attempts. None if each stands for itself.

    Examples
    --------
    >>> result = funnel_conversion([500, 300, 120], funnel=Funnel(["enquiry", "call", "presentation"]))
    >>> result.step_conversion
    array([0.6, 0.4])
    >>> result.weakest_step
    ('call', 'presentation')
    """

    counts: Integers = array_field(_counts)
    stages: tuple[str, ...] = attrs.field(converter=_stages)
    groups: tuple[str, ...] | None = checked_field("groups", optional(_group_names), default=None, repr=short_repr)
    level: float = checked_field("level", as_fraction, default=0.95)
    n_independent: Integers | None = array_field(_independent, default=None)

    def __attrs_post_init__(self) -> None:
        if len(self.stages) != self.counts.shape[-1]:
            raise InputError("counts", f"one for each of the {len(self.stages)} stages", self.counts.shape)
        own = self.n_independent
        if own is not None and own.shape != self.counts.shape:
            raise InputError("n_independent", f"of shape {self.counts.shape}", own.shape)
        if own is not None:
            fits = (own <= self.counts) & ((own > 0) == (self.counts > 0))
            require(fits, "n_independent", own, "at most `counts`, and at least 1 where there are any")
        _require_group_for_each_row("groups", self.groups, self.counts)

    def _parts(self) -> Parts:
        if self.groups is None:
            return stages_parts(self.stages, self.counts, self.step_interval, int(self._weakest()[0]))
        return groups_parts(self.groups, self.stages, self.step_conversion, self.step_interval, self._weakest())

    @property
    def lost(self) -> Integers:
        """Prospects who did not move on, for each stage but the last."""
        return self.counts[..., :-1] - self.counts[..., 1:]

    @property
    def step_conversion(self) -> Floats:
        """Share of prospects at each stage who reached the next stage; NaN where nobody reached the stage."""
        return share(self.counts[..., 1:], self.counts[..., :-1])

    @property
    def step_interval(self) -> Interval:
        """Wilson's interval for each step conversion; NaN where nobody reached the stage."""
        passed, at = self.independent_steps
        return _around(self.step_conversion, share_interval(passed, at, self.level))

    @property
    def independent_steps(self) -> tuple[Integers, Integers]:
        """Prospects who moved on from each stage, and those at it, as intervals and tests count them."""
        at = self.counts[..., :-1]
        if self.n_independent is None:
            return self.counts[..., 1:], at
        return self._as_independent(self.step_conversion, self.n_independent[..., :-1])

    @property
    def overall_conversion(self) -> FloatOrArray:
        """Share of prospects at the first stage who reached the last stage; for each group, NaN without prospects."""
        return share(self.counts[..., -1], self.counts[..., 0])[()]

    @property
    def overall_interval(self) -> Interval:
        """Wilson's interval for the overall conversion; NaN for a group without prospects."""
        if self.n_independent is None:
            return share_interval(self.counts[..., -1], self.counts[..., 0], self.level)
        passed, at = self._as_independent(self.overall_conversion, self.n_independent[..., 0])
        return _around(self.overall_conversion, share_interval(passed, at, self.level))

    @staticmethod
    def _as_independent(share: FloatOrArray, n: Integers) -> tuple[Integers, Integers]:
        """Give a share of independent prospects as counts, rounded to whole ones."""
        return np.rint(np.nan_to_num(share) * n).astype(np.int64), n

    @property
    def weakest_step(self) -> tuple[str, str] | tuple[tuple[str, str] | None, ...]:
        """Names of the two stages with the lowest step conversion, the first of equals.

        One pair for each group, and None for a group without prospects.
        """
        pairs = [(self.stages[k], self.stages[k + 1]) if k >= 0 else None for k in self._weakest()]
        return tuple(pairs) if self.groups is not None or pairs[0] is None else pairs[0]

    @property
    def neighbour_p_value(self) -> Floats:
        """P-values of no difference between the weakest step and the step before it, and the step after it.

        NaN where there is no such step, or nobody reached it. The test is the two-proportion z test with a pooled
        variance, or Fisher's exact test where an expected count is below 5. Each p-value is multiplied by the number
        of pairs of neighbours in all groups with prospects (Bonferroni), because the weakest step was picked from all
        steps.
        """
        return self._tests().reshape(*self.counts.shape[:-1], 2)

    @property
    def is_weakest_beyond_chance(self) -> Any:
        """Whether the weakest step differs from each of its neighbours at the stated level; one for each group."""
        p = self.neighbour_p_value
        alpha = 1 - self.level
        differs = np.all(np.isnan(p) | (p < alpha), axis=-1) & np.any(~np.isnan(p), axis=-1)
        return bool(differs) if self.groups is None else differs

    @property
    def conclusion(self) -> str:
        """Overall conversion and the weakest step in words, a line for each of the first 200 groups with prospects."""
        rows = np.atleast_2d(self.counts)
        low, high = (np.atleast_1d(end) for end in self.overall_interval)
        names = [""] if self.groups is None else [f"{group}: " for group in self.groups]
        weakest, tests = self._weakest(), self._tests()

        def line(g: int) -> str:
            row = rows[g]
            return (
                f"{names[g]}{row[-1]:,} of {row[0]:,} reached {self.stages[-1]} ({percent(row[-1] / row[0])}, "
                f"{in_percent(self.level)} % interval {percent(low[g])} to {percent(high[g])}). "
                f"{self._about_weakest(row, weakest[g], tests[g])}"
            )

        lines = first_lines(np.nonzero(rows[:, 0])[0].tolist(), line, "group")
        empty = int(np.count_nonzero(rows[:, 0] == 0))
        if empty:
            lines.append(f"{counted(empty, 'group has', 'groups have')} no attempt to count yet.")
        if self.n_independent is not None:
            lines.append("Attempts of one customer are alike, so intervals and tests count fewer prospects.")
        return "\n".join(lines)

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give the table column by column, for a dataframe of any kind.

        Returns
        -------
        dict of str to ndarray
            One row for each stage, within each group where there are groups. `step_conversion` leads to the next
            stage; it is NaN at the last.
        """
        low, high = self.step_interval
        return stage_columns(
            self.stages,
            self.groups,
            n_reached=self.counts,
            lost=to_all_stages(self.lost, 0),
            step_conversion=to_all_stages(self.step_conversion, np.nan),
            low=to_all_stages(low, np.nan),
            high=to_all_stages(high, np.nan),
        )

    def to_json(self) -> str:
        """Write counts, names and level as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> FunnelConversion:
        """Read what :meth:`to_json` wrote."""
        return from_json(cls, text)

    def _weakest(self) -> list[int]:
        """Give the place of the weakest step of each group; -1 without prospects, else the first step has a rate."""
        rate = np.atleast_2d(self.step_conversion)
        place = np.where(np.isnan(rate), np.inf, rate).argmin(axis=1)
        return [int(k) for k in np.where(np.isnan(rate[:, 0]), -1, place)]

    def _tests(self) -> Floats:
        rows = np.atleast_2d(self.counts)
        passed, at = map(np.atleast_2d, self.independent_steps)
        n_pairs = max(np.count_nonzero(rows[:, 0]) * (rows.shape[1] - 2), 1)
        p = np.full((len(rows), 2), np.nan)
        weakest = np.array(self._weakest())
        for side, other in enumerate((weakest - 1, weakest + 1)):
            inside = (weakest >= 0) & (other >= 0) & (other < rows.shape[1] - 1)
            tested = np.nonzero(inside & (rows[np.arange(len(rows)), other * inside] > 0))[0]
            if len(tested):
                own, beside = (tested, weakest[tested]), (tested, other[tested])
                each = rates_p(passed[own], at[own], passed[beside], at[beside])
                p[tested, side] = np.minimum(1.0, n_pairs * each)
        return p

    def _about_weakest(self, row: Integers, k: int, p: Floats) -> str:
        if row[0] == row[-1]:
            return "No prospect was lost at any step."
        step = f"{self.stages[k]} to {self.stages[k + 1]}"
        rate = row[1:] / np.maximum(row[:-1], 1)
        equal = also_equal(int((rate[row[:-1] > 0] == rate[k]).sum()))
        said = f"The weakest step is {step}: {row[k + 1]:,} of {row[k]:,} ({percent(rate[k])}{equal})"
        if np.isnan(p).all():
            return f"{said}; there is no other step to compare it with."
        alpha = 1 - self.level
        words = {False: "no difference shown from", True: "lower than"}
        parts = [
            f"{words[bool(value < alpha)]} the step {side} it ({p_text(value, alpha)})"
            for value, side in zip(p, ("before", "after"), strict=True)
            if not np.isnan(value)
        ]
        return f"{said}: {' and '.join(parts)}."


def funnel_conversion(
    counts: ArrayLike,
    *,
    funnel: Funnel | Sequence[str] | None = None,
    by: Any = None,
    level: float = 0.95,
) -> FunnelConversion:
    r"""Conversion of each step and overall from the counts of the stages, and the weakest step.

    Parameters
    ----------
    counts : array_like of int or mapping
        Prospects who reached each stage, shape (stages,), or (groups, stages) with `by`. Counts never grow from one
        stage to the next and are at least 1 at the first stage, with `by` in at least one group: a group with none gets
        NaN. Counts by name are taken too: a mapping or a column
        with an index of stages, or a dataframe with a column for each stage and a row for each group.
    funnel : Funnel or list of str, optional
        Names of the stages, and their order where `counts` has names too. The default names are those of `counts`, or
        "stage 1", "stage 2" and so on.
    by : list of str, optional
        Name of each row of `counts`, such as sources or managers. The default for a dataframe is its index, where that
        holds names.
    level : float, default 0.95
        Level of the intervals, and one minus the level of the tests, in (0, 1).

    Returns
    -------
    FunnelConversion
        `step_conversion`, `overall_conversion`, `lost`, Wilson's intervals, `weakest_step` and a `conclusion`.

    Raises
    ------
    InputError
        If a count is no whole number >= 0, counts grow from stage to stage, nobody entered, or names do not fit.

    See Also
    --------
    funnel_from_events : The same from a log of events, with prospects that are still open kept apart.

    Notes
    -----
    All prospects are taken as finished: prospects still on the way count as lost. Of :math:`n_k` prospects at a stage,
    :math:`n_{k+1}` move on. Given :math:`n_k`, that is a binomial count, so neighbouring steps are compared as
    independent proportions. Any step may turn out to be the weakest, so its two tests are corrected for all pairs of
    neighbours in all groups.

    Examples
    --------
    >>> result = funnel_conversion([500, 300, 120])
    >>> result.step_conversion, round(float(result.overall_conversion), 2)
    (array([0.6, 0.4]), 0.24)
    >>> print(result.conclusion)
    120 of 500 reached stage 3 (24.0%, 95 % interval 20.5% to 27.9%). The weakest step is stage 2 to stage 3: 120 of 300 (40.0%): lower than the step before it (p < 0.0001).
    """  # noqa: E501 - the conclusion is one line
    if funnel is not None and not isinstance(funnel, Funnel):
        funnel = Funnel(_stages(funnel, "funnel"))
    funnel, groups, counts = _by_stage(funnel, by, counts)
    checked = _counts(counts)
    names = None if groups is None else _group_names("by", groups)
    _require_group_for_each_row("by", names, checked)
    stages = funnel.stages if funnel is not None else tuple(f"stage {k + 1}" for k in range(checked.shape[-1]))
    return FunnelConversion(counts=hand_over(checked), stages=stages, groups=names, level=level)


def _require_group_for_each_row(name: str, groups: tuple[str, ...] | None, counts: Integers) -> None:
    if (groups is not None) != (counts.ndim == 2):
        raise InputError(name, "given if and only if `counts` has a row for each group", groups)
    if groups is not None and len(groups) != len(counts):
        raise InputError(name, f"one for each of the {len(counts)} rows of `counts`", groups)


def _by_stage(funnel: Funnel | None, groups: Any, counts: Any) -> tuple[Funnel | None, Any, Any]:
    """Put counts that are given by the names of the stages into their order."""
    found = dict(columns_of("counts", counts)) if has_columns(counts) else labelled("counts", counts)
    if found is None:
        return funnel, groups, counts
    if len(found) < 2:
        raise InputError("counts", "of at least two stages", counts)
    if funnel is None:
        nameless = next((stage for stage in found if not isinstance(stage, str)), None)
        if nameless is not None:
            hint = "for a row of numbers for each group, give lists of numbers, and the groups as `by`"
            raise InputError("counts", "given by the names of stages, which are texts", nameless, hint=hint)
        funnel = Funnel(_stages(list(found), "counts"))
    for stage in (*funnel.stages, *found):
        if stage not in found or stage not in funnel.stages:
            raise InputError("counts", f"of the stages {', '.join(funnel.stages)}", stage)
    columns = {str(stage): found[stage] for stage in funnel.stages}
    try:
        if any(np.ndim(column) for column in columns.values()):
            groups, rows = by_name(groups, **columns)
        else:
            rows = tuple(columns.values())
        return funnel, groups, np.stack([np.asarray(row) for row in rows], axis=-1)
    except ValueError as error:  # an InputError is one too
        hint = str(error) if isinstance(error, InputError) else "give a number for each group in each stage"
        raise InputError("counts", "of the same groups in every stage", type(counts).__name__, hint=hint) from error


def share(part: Integers | Floats, whole: Integers) -> Floats:
    """Divide counts; NaN where the whole is 0."""
    shares: Floats = np.divide(part, whole, out=np.full(np.shape(part), np.nan), where=whole > 0)
    return shares


def share_interval(part: Integers, whole: Integers, level: float) -> Interval:
    """Wilson's interval for each share; NaN where the whole is 0."""
    low, high = proportion_interval(part, np.maximum(whole, 1), level=level)
    return Interval(np.where(whole > 0, low, np.nan), np.where(whole > 0, high, np.nan))


def _around(share: FloatOrArray, interval: Interval) -> Interval:
    """Let an interval hold its share, which rounding to whole prospects may have put outside."""
    return Interval(np.minimum(interval.low, share)[()], np.maximum(interval.high, share)[()])


def stage_columns(
    stages: tuple[str, ...], groups: tuple[Any, ...] | None, **tables: npt.NDArray[Any]
) -> dict[str, npt.NDArray[Any]]:
    """Columns of a table with one row for each stage, within each group where there are groups."""
    k = 1 if groups is None else len(groups)
    columns = {} if groups is None else {"group": np.repeat(np.array(groups), len(stages))}
    columns["stage"] = np.tile(np.array(stages), k)
    return columns | {name: table.ravel() for name, table in tables.items()}


def to_all_stages(steps: Any, last: float) -> npt.NDArray[Any]:
    """Append the value of the last stage, which has no step, to what each step has."""
    steps = np.asarray(steps)
    return np.concatenate((steps, np.full((*steps.shape[:-1], 1), last, dtype=steps.dtype)), axis=-1)
