"""Ready data about stages: which signals open each, what to do next, and when a step needs attention."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from crmvalue._core.checks import as_fraction, as_ordered_items, as_whole_number, require
from crmvalue._core.comparisons import decimals, holm, just_below
from crmvalue._core.encoding.customers import text_array
from crmvalue._core.frames import Columns
from crmvalue._core.json import from_json, to_json
from crmvalue._core.labels import first_lines, percent
from crmvalue._core.values import (
    FixedMapping,
    array_columns,
    checked_field,
    flag_table,
    hand_over,
    label_column,
    number_column,
    require_at_most,
    require_columns,
    require_ends,
    stay_frozen,
    whole_table,
)
from crmvalue._funnels.counts import Funnel, FunnelConversion, as_name, as_names
from crmvalue._funnels.leads.follow_up import FollowUpRule
from crmvalue.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue._core.clock.business_hours import BusinessHours
    from crmvalue.typing import Floats, Integers

__all__ = ["STAGE_CRITERIA", "StageCriteria", "StageCriterion", "StepAlarms", "sales_funnel", "step_alarms"]

_STAGES_OF_SALES = (  # each with the size of the smallest funnel that has it
    ("lead generation", 4),
    ("qualification", 4),
    ("needs", 7),
    ("presentation", 5),
    ("offer", 4),
    ("negotiation", 6),
    ("closing", 4),
    ("after-sales", 8),
)


def _signals(value: Any) -> tuple[str, ...]:
    signals = as_names(
        "signals", [value] if isinstance(value, str) else as_ordered_items("signals", value, "a list of names")
    )
    if not signals:
        raise InputError("signals", "at least one event", value)
    return signals


@attrs.frozen
class StageCriterion:
    """What opens a stage, and what to do with a customer who is there.

    Parameters
    ----------
    stage : str
        Name of the stage.
    signals : str or sequence of str
        Events of which one is enough to open the stage.
    action : str
        What to do next, such as "hand to a manager".

    Examples
    --------
    >>> StageCriterion("desire", signals=["price_list", "demo"], action="hand to a manager").signals
    ('price_list', 'demo')
    """

    stage: str = checked_field("stage", as_name)
    signals: tuple[str, ...] = attrs.field(converter=_signals, kw_only=True)
    action: str = checked_field("action", as_name, kw_only=True)


def _criteria(value: Any) -> tuple[StageCriterion, ...]:
    found = as_ordered_items("criteria", value, "a list of StageCriterion values")
    stages: list[str] = []
    seen: list[str] = []
    for index, one in enumerate(found):
        if not isinstance(one, StageCriterion) or one.stage in stages:
            raise InputError("criteria", "StageCriterion values of different stages", one, index=index)
        twice = [signal for signal in one.signals if signal in seen]
        if twice:
            raise InputError("criteria", "of different signals", twice[0], index=index)
        stages.append(one.stage)
        seen += one.signals
    if len(found) < 2:
        raise InputError("criteria", "at least two stages", value)
    return tuple(found)


@attrs.frozen
class StageCriteria:
    """The stages of a funnel with their signals and next actions, in order.

    Parameters
    ----------
    criteria : sequence of StageCriterion
        At least two stages of different names, without a common signal.

    Examples
    --------
    Change the events of :data:`STAGE_CRITERIA` to those of your log, or write your own:

    >>> criteria = StageCriteria(
    ...     [
    ...         StageCriterion("interest", signals="click", action="personalise"),
    ...         StageCriterion("action", signals=["call_agreed", "offer_answered"], action="close"),
    ...     ]
    ... )
    >>> criteria.steps
    {'interest': ('click',), 'action': ('call_agreed', 'offer_answered')}
    >>> from crmvalue.funnels import funnel_from_events
    >>> found = funnel_from_events(
    ...     ["ann", "ann", "bob"],
    ...     ["click", "offer_answered", "click"],
    ...     ["2024-06-01", "2024-06-02", "2024-06-02"],
    ...     steps=criteria.steps,
    ...     as_of="2024-06-30",
    ...     order="stages",
    ...     absent="allow",
    ... )
    >>> found.n_reached.tolist()
    [2, 1]
    """

    criteria: tuple[StageCriterion, ...] = attrs.field(converter=_criteria)

    def __len__(self) -> int:
        return len(self.criteria)

    @property
    def funnel(self) -> Funnel:
        """The stages as a funnel."""
        return Funnel(tuple(one.stage for one in self.criteria))

    @property
    def steps(self) -> Mapping[str, tuple[str, ...]]:
        """Signals of each stage, as `steps` of :func:`funnel_from_events`."""
        return FixedMapping({one.stage: one.signals for one in self.criteria})

    @property
    def actions(self) -> Mapping[str, str]:
        """Next action at each stage."""
        return FixedMapping({one.stage: one.action for one in self.criteria})

    def rules(self, *, hours: float = 24.0, business_hours: BusinessHours | None = None) -> tuple[FollowUpRule, ...]:
        """Make a task of each signal, as `rules` of :func:`follow_up_tasks`.

        Parameters
        ----------
        hours : float, optional
            Hours until the next action is due, above 0; 24 is the usual limit for an answered offer.
        business_hours : BusinessHours, optional
            The hours that count; by default all hours of the calendar.

        Returns
        -------
        tuple of FollowUpRule
            One rule for each signal; its task is the next action of the stage.

        Raises
        ------
        InputError
            If `hours` is not above 0, or `business_hours` are of another kind.
        """
        return tuple(
            FollowUpRule(event=signal, hours=hours, business_hours=business_hours, task=one.action)
            for one in self.criteria
            for signal in one.signals
        )

    def to_json(self) -> str:
        """Write the criteria as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> StageCriteria:
        """Read what :meth:`to_json` wrote."""
        return from_json(cls, text, StageCriterion)


STAGE_CRITERIA = StageCriteria(
    [
        StageCriterion("attention", signals=["visit"], action="win interest"),
        StageCriterion("interest", signals=["link_click", "subscription"], action="personalise"),
        StageCriterion(
            "desire",
            signals=["price_list_download", "demo_registration", "chat_question"],
            action="hand to a manager",
        ),
        StageCriterion("action", signals=["consultation", "call_agreed", "offer_answered"], action="close"),
        StageCriterion("after-sales", signals=["payment"], action="support"),
    ]
)


def sales_funnel(n_stages: int = 5) -> Funnel:
    """Give the stages of a sale from lead generation to closing, in four to eight stages.

    Parameters
    ----------
    n_stages : int, optional
        Number of stages, 4 to 8. Five add a presentation, six a negotiation, seven the needs, eight the time after the
        sale.

    Returns
    -------
    Funnel
        The stages. Their names are a proposal; write a :class:`Funnel` for your own.

    Raises
    ------
    InputError
        If `n_stages` is not a whole number from 4 to 8.

    Examples
    --------
    >>> sales_funnel(4).stages
    ('lead generation', 'qualification', 'offer', 'closing')
    """
    n = as_whole_number("n_stages", n_stages, low=4, high=8)
    return Funnel(tuple(stage for stage, fewest in _STAGES_OF_SALES if fewest <= n), name=f"sales, {n} stages")


@stay_frozen
@attrs.frozen(kw_only=True)
class StepAlarms(Columns):
    """Steps of a funnel against the least share that should pass each.

    Parameters
    ----------
    group : ndarray of str
        Group of each row; empty without groups.
    stage, next_stage : ndarray of str
        The step.
    n_at, n_passed : ndarray of int
        Prospects at the stage, and those who moved on.
    low, high : ndarray
        Wilson's interval of the share that moved on; NaN where nobody was at the stage.
    least : ndarray
        Share below which a step needs attention.
    is_below : ndarray of bool
        Whether the share is below it.
    p_value : ndarray
        Chance that so few or fewer move on at the least share, corrected by Holm for all rows; 1 where nobody was at
        the stage.
    level : float, default 0.95
        Level of the intervals, and one minus the level of the test of all rows together.

    Examples
    --------
    >>> from crmvalue.funnels import funnel_conversion
    >>> alarms = step_alarms(funnel_conversion([500, 300, 30], funnel=Funnel(["enquiry", "call", "deal"])), 0.2)
    >>> alarms.stage[alarms.is_below].tolist(), alarms.is_beyond_chance.tolist()
    (['call'], [False, True])
    """

    group: npt.NDArray[np.str_] = label_column("group", texts=True)
    stage: npt.NDArray[np.str_] = label_column("stage", texts=True)
    next_stage: npt.NDArray[np.str_] = label_column("next_stage", texts=True)
    n_at: Integers = whole_table("n_at")
    n_passed: Integers = whole_table("n_passed")
    low: Floats = number_column("low", low=0.0, high=1.0, missing=True)
    high: Floats = number_column("high", low=0.0, high=1.0, missing=True)
    least: Floats = number_column("least", low=0.0, high=1.0)
    is_below: npt.NDArray[np.bool_] = flag_table("is_below")
    p_value: Floats = number_column("p_value", low=0.0, high=1.0)
    level: float = checked_field("level", as_fraction, default=0.95)

    def __attrs_post_init__(self) -> None:
        names = ("stage", "next_stage", "n_at", "n_passed", "low", "high", "least", "is_below", "p_value")
        require_columns(self, len(self.group), names, "steps")
        require(~self.is_below | (self.n_at > 0), "is_below", self.is_below, "False where nobody was at the stage")
        require_at_most(self, "n_passed", "n_at")
        require_ends(self, "low", "high")

    @property
    def is_beyond_chance(self) -> npt.NDArray[np.bool_]:
        """Whether the whole interval is below the least share, and the p-value below one minus the level."""
        return np.asarray(self.is_below & (self.high < self.least) & (self.p_value < 1 - self.level))

    @property
    def conclusion(self) -> str:
        """Name each step below its least share, the certain ones as such; beyond 200 they are counted."""
        is_certain = self.is_beyond_chance

        def line(i: int) -> str:
            group = f"{self.group[i]}: " if self.group[i] else ""
            shown = "beyond chance" if is_certain[i] else "which may be chance"
            share, least = float(self.n_passed[i] / self.n_at[i]), float(self.least[i])
            digits, digits_of_least = decimals(100 * share, 100 * least, 1), 1
            if abs(round(100 * least, 1) - 100 * least) > 1e-9:  # a limit that one decimal does not give
                written = (n for n in range(digits, 15) if percent(share, digits=n) != percent(least, digits=n))
                digits = digits_of_least = next(written, digits)
            return (
                f"{group}{self.stage[i]} to {self.next_stage[i]}: {self.n_passed[i]:,} of {self.n_at[i]:,} pass "
                f"({percent(share, digits=digits)}), below {percent(least, digits=digits_of_least)}, {shown}."
            )

        below = np.nonzero(self.is_below)[0].tolist()
        lines = first_lines(below, line, "step below its least share", "steps below their least share")
        return "\n".join(lines) or "No step is below its least share."

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give the table column by column, for a dataframe of any kind."""
        return array_columns(self) | {"is_beyond_chance": self.is_beyond_chance}

    def to_json(self) -> str:
        """Write the table as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str) -> StepAlarms:
        """Read what :meth:`to_json` wrote, and check it; other text is an InputError."""
        return from_json(cls, text)


def step_alarms(conversion: FunnelConversion, least: float | Mapping[str, float]) -> StepAlarms:
    """Find the steps of a funnel that too few prospects pass.

    Parameters
    ----------
    conversion : FunnelConversion
        Result of :func:`funnel_conversion`, or `funnel_conversion()` of a funnel from events.
    least : float or mapping of str to float
        Least share that should move on, in [0, 1]: one for all steps, or one for each stage that is left, such as
        ``{"first contact": 0.2}`` for "80 % lost at first contact". Stages without one are left out.

    Returns
    -------
    StepAlarms
        A row for each step with a least share, within each group.

    Raises
    ------
    InputError
        If `conversion` is of another kind, a share is outside [0, 1], or a stage is not one that can be left.

    Notes
    -----
    Among many steps and groups some are below their least share by chance. A step is beyond chance if its interval is
    below the least share, and the chance of so few or fewer at that share (a binomial tail) is below one minus the
    level after Holm's correction for all rows.

    Examples
    --------
    >>> from crmvalue.funnels import funnel_conversion
    >>> result = funnel_conversion([500, 300, 30], funnel=Funnel(["enquiry", "call", "deal"]))
    >>> print(step_alarms(result, {"call": 0.2}).conclusion)
    call to deal: 30 of 300 pass (10.0%), below 20.0%, beyond chance.
    """
    given: object = conversion
    if not isinstance(given, FunnelConversion):
        raise InputError("conversion", "a FunnelConversion", given, hint="funnel_conversion(counts) makes one")
    stages = conversion.stages
    levels = _least(least, stages[:-1])
    steps = np.array([k for k, stage in enumerate(stages[:-1]) if stage in levels], dtype=np.int64)
    counts = np.atleast_2d(conversion.counts)
    groups = [""] if conversion.groups is None else conversion.groups
    low, high = (np.atleast_2d(end)[:, steps].ravel() for end in conversion.step_interval)
    at, passed = counts[:, steps].ravel(), counts[:, steps + 1].ravel()
    passed_alone, at_alone = (np.atleast_2d(part)[:, steps].ravel() for part in conversion.independent_steps)
    wanted = np.tile([levels[stages[k]] for k in steps.tolist()], len(groups))
    return StepAlarms(
        group=hand_over(np.repeat(text_array(groups), len(steps))),
        stage=hand_over(np.tile(text_array(stages)[steps], len(groups))),
        next_stage=hand_over(np.tile(text_array(stages)[steps + 1], len(groups))),
        n_at=hand_over(at),
        n_passed=hand_over(passed),
        low=hand_over(low),
        high=hand_over(high),
        least=hand_over(wanted),
        is_below=hand_over((at > 0) & (passed / np.maximum(at, 1) < just_below(wanted))),  # 1 - 0.7 is above 0.3
        p_value=hand_over(_too_few(passed_alone, at_alone, wanted)),
        level=conversion.level,
    )


def _too_few(passed: Integers, at: Integers, least: Floats) -> Floats:
    """Find the binomial chance of so few or fewer at the least share, corrected by Holm for all rows with anybody."""
    from scipy import special

    p_value, known = np.ones(len(at)), at > 0
    with np.errstate(under="ignore"):
        # The binomial tail, which special.bdtr gives only for counts of 32 bits; it is 1 where everybody passed.
        tail = special.betaincc(passed[known] + 1, np.maximum(at - passed, 1)[known], least[known])
        p_value[known] = holm(np.where(passed[known] < at[known], tail, 1.0))
    return p_value


def _least(value: Any, stages: tuple[str, ...]) -> dict[str, float]:
    if not isinstance(value, Mapping):
        return dict.fromkeys(stages, as_fraction("least", value, closed=True))
    for stage in value:
        if stage not in stages:
            raise InputError("least", f"for stages that can be left, {', '.join(stages)}", stage)
    if not value:
        raise InputError("least", "a share for at least one stage", value)
    return {stage: as_fraction("least", share, closed=True) for stage, share in value.items()}
