"""Customer journey maps: written down as values, checked for gaps, compared, and kept as JSON.

==========================================================  ===========================================================
For                                                         Use
==========================================================  ===========================================================
a map, with its stages and their touchpoints                :class:`JourneyMap`, :class:`Stage`, :class:`Touchpoint`
whose journey it is, and how one knows                      :class:`Persona`, :class:`Evidence`
what is still missing in a map                              :func:`lint`
what a future state changes                                 :func:`compare_maps`
a map as JSON, also written by hand                         :meth:`JourneyMap.to_json`, :meth:`JourneyMap.from_json`
==========================================================  ===========================================================

A map may have gaps, because a workshop fills it step by step. A wrong value, such as an emotion of 3 or two stages with
the same name, raises at once. To send messages, see :mod:`crmvalue.journeys`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, product
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar, get_args

import attrs
import numpy as np

from crmvalue._core.calendar import add_months
from crmvalue._core.checks import as_day, as_float, as_text, plain_text, require_choice
from crmvalue._core.encoding.indexes import part_of
from crmvalue._core.json import from_json, to_json
from crmvalue._core.labels import counted
from crmvalue._core.pictures.parts import Axis, Layer, Parts, as_cells, cut, evenly, fitted, nothing, of_all
from crmvalue._core.pictures.pictured import Pictured
from crmvalue._core.values import checked_field, choice_field, given_field, of_class, optional, tuple_of, words_field
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crmvalue.typing import ArrayLike

__all__ = [
    "Evidence",
    "EvidenceType",
    "JourneyMap",
    "JourneyMapDifference",
    "LintFinding",
    "LintRule",
    "MapType",
    "Persona",
    "Stage",
    "StageDifference",
    "StagePart",
    "Touchpoint",
    "compare_maps",
    "lint",
]

MapType = Literal["current state", "day in the life", "future state", "service blueprint"]
EvidenceType = Literal["interview", "data", "mystery shopper"]
LintRule = Literal[
    "goal",
    "stages",
    "review",
    "persona",
    "positives",
    "action",
    "teams",
    "touchpoint",
    "channel",
    "emotion",
    "kpi",
    "stage goal",
    "evidence",
    "barrier",
    "owner",
    "backstage",
    "states",
]
StagePart = Literal[
    "touchpoints",
    "channels",
    "triggers",
    "drivers",
    "expectations",
    "barriers",
    "actions",
    "kpis",
    "evidence",
    "backstage",
]
_Gap: TypeAlias = tuple[LintRule, str, str]  # rule, what is missing, what to do

_STATES: tuple[MapType, MapType] = ("current state", "future state")
_FEWEST_STAGES, _MOST_STAGES = 5, 10
_REVIEW_MONTHS = 6
_MOST_DRAWN, _LETTERS_ACROSS = 20, 70  # stages in the picture, and letters across it

_T = TypeVar("_T")


def _text(name: str, value: object, index: int | None = None, *, may_be_empty: bool = False) -> str:
    text = as_text(name, value)
    if text != text.strip() or not (text or may_be_empty):
        raise InputError(name, "a text that is not empty, without blanks around it", text, index=index)
    return text


def _require_different(name: str, values: Sequence[object], rule: str = "all different") -> None:
    for i, value in enumerate(values):
        if value in values[:i]:
            raise InputError(name, rule, value, index=i)


def _sequence(name: str, value: object, kind: type[_T]) -> tuple[_T, ...]:
    """Take a list or tuple of different values of a kind."""
    rule = f"a list of {'text' if kind is str else kind.__name__}"
    if isinstance(value, str | bytes) or not isinstance(value, Sequence):
        raise InputError(name, rule, value)
    items = tuple(map(plain_text, value))
    for i, item in enumerate(items):
        if not isinstance(item, kind):
            raise InputError(name, rule, item, index=i)
        if kind is str:
            _text(name, item, i)
    _require_different(name, items)
    return items


def _emotion(name: str, value: ArrayLike) -> float:
    emotion = as_float(name, value)
    if not -2 <= emotion <= 2:
        raise InputError(name, "from -2 to 2", emotion)
    return emotion


def _text_field(name: str, **options: Any) -> Any:
    """Field for a text, which may be empty if it has a default."""
    return given_field(converter=lambda value: _text(name, value, may_be_empty="default" in options), **options)


def _sequence_field(name: str, kind: type) -> Any:
    return given_field(converter=lambda value: _sequence(name, value, kind), default=(), kw_only=True)


@attrs.frozen
class Touchpoint:
    """One place where a customer meets the company.

    Parameters
    ----------
    name : str
        What happens there, such as "product page".
    channel : str, optional
        Channel, such as "website"; empty while it is not known.

    Examples
    --------
    >>> Touchpoint("reminder of the cart", "e-mail")
    Touchpoint(name='reminder of the cart', channel='e-mail')
    """

    name: str = _text_field("name")
    channel: str = _text_field("channel", default="")


@attrs.frozen
class Evidence:
    """How one knows what a map says.

    Parameters
    ----------
    type : {"interview", "data", "mystery shopper"}
        What customers said, what they did, or what somebody found who bought like a customer.
    source : str
        Where it is from, such as "12 students, May 2024".

    Examples
    --------
    >>> Evidence("interview", "12 students, May 2024")
    Evidence(type='interview', source='12 students, May 2024')
    """

    type: EvidenceType = choice_field("type", EvidenceType)
    source: str = _text_field("source")


@attrs.frozen
class Persona:
    """A typical customer, who is not the average of all customers.

    Parameters
    ----------
    name : str
        Name, such as "Student".
    who : str, optional
        Who that is, such as "20, lives in a dormitory, buys gifts".
    needs : sequence of str, optional
        What the persona needs or fears.
    evidence : sequence of Evidence, optional
        How one knows.

    Examples
    --------
    >>> student = Persona("Student", who="20, buys gifts", needs=["delivery before the day"])
    >>> JourneyMap(persona=student, type="current state").persona.needs
    ('delivery before the day',)
    """

    name: str = _text_field("name")
    who: str = _text_field("who", default="", kw_only=True)
    needs: tuple[str, ...] = _sequence_field("needs", str)
    evidence: tuple[Evidence, ...] = _sequence_field("evidence", Evidence)


def _persona(value: object) -> Persona:
    return value if isinstance(value, Persona) else Persona(_text("persona", value))


@attrs.frozen
class Stage:
    """One stage of a journey, as the customer sees it; everything but the name may be filled in later.

    Parameters
    ----------
    name : str
        Name, such as "delivery".
    goal : str, optional
        What the customer wants at this stage.
    touchpoints : sequence of Touchpoint, optional
        Places where the customer meets the company, all different.
    emotion : float or None, optional
        How the customer feels, from -2 (very bad) to 2 (very good); the mean of several answers need not be whole.
    triggers : sequence of str, optional
        What brings the customer to this stage.
    drivers : sequence of str, optional
        What moves the customer on.
    expectations : sequence of str, optional
        What the customer expects of the company.
    barriers : sequence of str, optional
        What stands in the customer's way.
    actions : sequence of str, optional
        What the company will do about it.
    owner : str, optional
        Person or team in the company that is responsible for the stage.
    kpis : sequence of str, optional
        Figures that show whether the stage works.
    evidence : sequence of Evidence, optional
        How one knows: interviews, data, mystery shoppers.
    backstage : sequence of str, optional
        For a service blueprint: what the company does behind the touchpoints, unseen by the customer.

    Examples
    --------
    >>> stage = Stage("delivery", touchpoints=[Touchpoint("parcel", "courier")], emotion=-1, barriers=["comes late"])
    >>> stage.channels
    ('courier',)
    """

    name: str = _text_field("name")
    goal: str = _text_field("goal", default="", kw_only=True)
    touchpoints: tuple[Touchpoint, ...] = _sequence_field("touchpoints", Touchpoint)
    emotion: float | None = checked_field("emotion", optional(_emotion), default=None, kw_only=True)
    triggers: tuple[str, ...] = _sequence_field("triggers", str)
    drivers: tuple[str, ...] = _sequence_field("drivers", str)
    expectations: tuple[str, ...] = _sequence_field("expectations", str)
    barriers: tuple[str, ...] = _sequence_field("barriers", str)
    actions: tuple[str, ...] = _sequence_field("actions", str)
    owner: str = _text_field("owner", default="", kw_only=True)
    kpis: tuple[str, ...] = _sequence_field("kpis", str)
    evidence: tuple[Evidence, ...] = _sequence_field("evidence", Evidence)
    backstage: tuple[str, ...] = _sequence_field("backstage", str)

    @property
    def channels(self) -> tuple[str, ...]:
        """Channels of the touchpoints, each once."""
        return tuple(dict.fromkeys(point.channel for point in self.touchpoints if point.channel))


def _beside(stage: Stage, room: float) -> str:
    """Give the channels of a stage and its first barrier, as far as there is room for letters."""
    parts = [", ".join(stage.channels), *stage.barriers[:1]]
    return fitted(": ".join(part for part in parts if part), room)


@attrs.frozen(kw_only=True)
class JourneyMap(Pictured):
    """The way of one persona to a goal, stage by stage.

    Parameters
    ----------
    persona : Persona or str
        Typical customer who goes the way; a text stands for ``Persona(text)``.
    type : {"current state", "day in the life", "future state", "service blueprint"}
        The journey as it is; a whole day of the persona, with or without the company; the journey as it should be; the
        journey together with what the company does behind it.
    goal : str, optional
        What the persona wants in the end.
    stages : sequence of Stage, optional
        Stages in their order, of different names.
    reviewed_on : date or None, optional
        Day on which the map was last checked against reality.
    teams : sequence of str, optional
        Teams that have drawn the map, such as "marketing" and "service".

    Examples
    --------
    >>> journey = JourneyMap(persona="Student", type="current state", stages=[Stage("search"), Stage("purchase")])
    >>> JourneyMap.from_json(journey.to_json()) == journey
    True
    """

    persona: Persona = attrs.field(converter=_persona)
    type: MapType = choice_field("type", MapType)
    goal: str = _text_field("goal", default="")
    stages: tuple[Stage, ...] = _sequence_field("stages", Stage)
    reviewed_on: np.datetime64 | None = checked_field("reviewed_on", optional(as_day), default=None, eq=str)
    teams: tuple[str, ...] = _sequence_field("teams", str)

    def __attrs_post_init__(self) -> None:
        _require_different("stages", [stage.name for stage in self.stages], "of different names")

    def _parts(self) -> Parts:
        """Draw the emotion line from stage to stage, the worst stage marked, and what stands beside each stage."""
        if not self.stages:
            return nothing(f"The map of {cut(self.persona.name)} has no stage yet")
        known = np.array([np.nan if stage.emotion is None else stage.emotion for stage in self.stages])
        lowest = np.nonzero(known == np.min(np.where(np.isnan(known), np.inf, known)))[0]
        kept = np.union1d(evenly(len(known), _MOST_DRAWN), lowest[:2])
        stages, emotion = [self.stages[k] for k in kept], known[kept]
        worst = np.full(len(stages), np.nan)
        room = 0.45 * (_LETTERS_ACROSS - max(1.2 * len(cut(stage.name)) for stage in stages))
        title = f"No stage of {cut(self.persona.name)} has an emotion yet"
        if np.isfinite(known).any():
            title = f"{cut(self.persona.name)} feels the same at each stage that is known"
            if np.nanmin(known) < np.nanmax(known):
                names = " and ".join(cut(self.stages[k].name) for k in lowest[:2])
                where = names if len(lowest) <= 2 else f"{len(lowest)} of {len(known)} stages"
                title = f"{cut(self.persona.name)} feels worst at {where}"
                worst = np.where(np.isin(kept, lowest), emotion, np.nan)
        marked = [Layer(mark="points", x="worst", y="stage", label="worst stage", style="action")]
        return Parts(
            title=title,
            x=Axis(
                title="Emotion, from −2 to 2; beside it: channels and the first barrier",  # noqa: RUF001 - a minus
                low=-2.2,
                high=6.2,
                ticks=(-2, -1, 0, 1, 2),
            ),
            y=Axis(title=of_all(len(kept), len(known), "stages")[2:], form="name"),
            columns={
                "stage": np.array([stage.name for stage in stages]),
                "emotion": emotion,
                "worst": worst,
                "neutral": as_cells(len(stages), 0.0),
                "said_at": np.full(len(stages), 2.2),
                "said": np.array([_beside(stage, room) for stage in stages]),
            },
            layers=[
                Layer(mark="rule", x="neutral", style="naive"),
                Layer(mark="line", x="emotion", y="stage"),
                Layer(mark="points", x="emotion", y="stage", label="emotion"),
                *(marked if np.isfinite(worst).any() else []),
                Layer(mark="text", x="said_at", y="stage", text="said"),
            ],
        )

    def to_json(self) -> str:
        """Write the map as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str) -> JourneyMap:
        """Read what :meth:`to_json` wrote, or a map written by hand.

        What has a default may be left out by hand, and so may every "kind". Other text raises
        :class:`~crmvalue.errors.InputError`.
        """
        return from_json(cls, text, Stage, Touchpoint, Persona, Evidence)


@attrs.frozen
class LintFinding:
    """One gap in a map, and what to do about it.

    Parameters
    ----------
    persona, type : str
        Persona and type of the map with the gap; for the rule "states" the type that is missing.
    stage : str or None
        Stage with the gap; None if the gap concerns the map as a whole.
    rule : str
        Rule that is broken; see the table in :func:`lint`.
    message : str
        What is missing.
    action : str
        What to do.

    Examples
    --------
    >>> journey = JourneyMap(persona="Student", type="current state", goal="a gift", reviewed_on="2024-06-01")
    >>> print(lint(journey, as_of="2024-06-30")[0])
    Student, current state: The map has 0 stages, not 5 to 10. Add stages until the journey is told from end to end.
    """

    persona: str = checked_field("persona", as_text)
    type: MapType = choice_field("type", MapType)
    stage: str | None = checked_field("stage", optional(as_text))
    rule: LintRule = choice_field("rule", LintRule)
    message: str = checked_field("message", as_text)
    action: str = checked_field("action", as_text)

    def to_json(self) -> str:
        """Write the finding as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str) -> LintFinding:
        """Read what :meth:`to_json` wrote, and check it; other text is an InputError."""
        return from_json(cls, text)

    def __str__(self) -> str:
        place = [self.persona, self.type, *([] if self.stage is None else [self.stage])]
        return f"{', '.join(place)}: {self.message} {self.action}"


@attrs.frozen
class StageDifference:
    """A stage that is in both maps, before and after.

    Parameters
    ----------
    before, after : Stage
        The stage in the current and in the future state.

    Examples
    --------
    >>> now, then = Stage("delivery", emotion=-1, barriers=["late"]), Stage("delivery", emotion=1, kpis=["days"])
    >>> delivery = StageDifference(now, then)
    >>> delivery.emotion_change, delivery.removed("barriers"), delivery.added("kpis")
    (2.0, ('late',), ('days',))
    """

    before: Stage = checked_field("before", of_class(Stage))
    after: Stage = checked_field("after", of_class(Stage))

    def to_json(self) -> str:
        """Write both stages as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str) -> StageDifference:
        """Read what :meth:`to_json` wrote, and check it; other text is an InputError."""
        return from_json(cls, text, Stage, Touchpoint, Evidence)

    @property
    def emotion_change(self) -> float | None:
        """Emotion after minus emotion before; None if one of them is not known."""
        if self.before.emotion is None or self.after.emotion is None:
            return None
        return self.after.emotion - self.before.emotion

    def added(self, part: StagePart) -> tuple[Any, ...]:
        """Give what is new in a part of the stage, such as "touchpoints", "channels", "barriers" or "actions"."""
        return _only_in(self.after, self.before, part)

    def removed(self, part: StagePart) -> tuple[Any, ...]:
        """Give what is gone, for the same parts as :meth:`added`."""
        return _only_in(self.before, self.after, part)


@attrs.frozen(kw_only=True)
class JourneyMapDifference:
    """Changes from the current to the future state of a journey.

    Parameters
    ----------
    added : tuple of str
        Stages that only the future state has, in its order.
    removed : tuple of str
        Stages that only the current state has, in its order.
    kept : tuple of StageDifference
        Stages of both states, in the order of the future state.

    Examples
    --------
    >>> now = JourneyMap(persona="Student", type="current state", stages=[Stage("queue"), Stage("purchase")])
    >>> then = JourneyMap(persona="Student", type="future state", stages=[Stage("purchase"), Stage("thanks")])
    >>> difference = compare_maps(now, then)
    >>> difference.added, difference.removed, [kept.after.name for kept in difference.kept]
    (('thanks',), ('queue',), ['purchase'])
    """

    added: tuple[str, ...] = words_field("added")
    removed: tuple[str, ...] = words_field("removed")
    kept: tuple[StageDifference, ...] = checked_field("kept", tuple_of(StageDifference))

    def to_json(self) -> str:
        """Write the changes as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str) -> JourneyMapDifference:
        """Read what :meth:`to_json` wrote, and check it; other text is an InputError."""
        return from_json(cls, text, StageDifference, Stage, Touchpoint, Evidence)


def lint(maps: JourneyMap | Sequence[JourneyMap], *, as_of: ArrayLike) -> tuple[LintFinding, ...]:
    """Name what is missing in a map, or in the maps of one or more personas.

    Parameters
    ----------
    maps : JourneyMap or sequence of JourneyMap
        One map, or all maps that belong together, at most one of each type for each persona.
    as_of : date
        Today, for the age of the last review.

    Returns
    -------
    tuple of LintFinding
        Gaps, map by map and stage by stage; empty if nothing is missing.

    Raises
    ------
    InputError
        If `maps` is empty, holds something other than maps, or holds two maps of one type for a persona, or if `as_of`
        is not a date.

    Notes
    -----
    ==============  =======================================================================================
    Rule            Broken if
    ==============  =======================================================================================
    ``goal``        the map has no goal
    ``stages``      it has fewer than 5 or more than 10 stages
    ``review``      it was never reviewed, or more than six calendar months ago, or after `as_of`
    ``persona``     nothing says who the persona is or what it needs: an average customer
    ``positives``   no stage has a barrier or an emotion below 0: nobody's journey is like that
    ``action``      no stage has an action, a map for its own sake; or a stage has a barrier and no action
    ``teams``       fewer than two teams have drawn it, such as marketing alone
    ``touchpoint``  a stage has none; ``emotion``, ``kpi`` and ``stage goal`` likewise
    ``evidence``    a stage has none: no real data
    ``channel``     a touchpoint of a stage has none
    ``barrier``     the emotion of a stage is below 0, and it has none; ``owner`` likewise
    ``backstage``   a stage of a service blueprint has no backstage action
    ``states``      of a sequence: a persona has no current state or no future state
    ==============  =======================================================================================

    Six months end on the same day of the month, or on the last day of a shorter month: a review of 31 August is good
    until the end of February.

    Examples
    --------
    >>> stages = [Stage("search", emotion=1), Stage("delivery", emotion=-1, owner="logistics")]
    >>> journey = JourneyMap(persona="Student", type="current state", goal="a gift", stages=stages)
    >>> [(finding.rule, finding.stage) for finding in lint(journey, as_of="2024-06-30")][-3:]
    [('stage goal', 'delivery'), ('evidence', 'delivery'), ('barrier', 'delivery')]
    """
    day = as_day("as_of", as_of)
    if isinstance(maps, JourneyMap):
        return tuple(_lint_map(maps, day))
    several = _sequence("maps", maps, JourneyMap)
    if not several:
        raise InputError("maps", "at least one map", maps)
    seen = [(journey.persona.name, journey.type) for journey in several]
    _require_different("maps", seen, "of a different persona or type each")
    found = [finding for journey in several for finding in _lint_map(journey, day)]
    for persona, state in product(dict(seen), _STATES):
        if (persona, state) not in seen:
            message, action = f"The persona has no map of the {state}.", "Draw it, so that both can be compared."
            found.append(LintFinding(persona, state, None, "states", message, action))
    return tuple(found)


def compare_maps(current: JourneyMap, future: JourneyMap) -> JourneyMapDifference:
    """Tell what the future state of a persona's journey changes in the current state.

    Parameters
    ----------
    current : JourneyMap
        Map of the type "current state".
    future : JourneyMap
        Map of the type "future state", of the same persona.

    Returns
    -------
    JourneyMapDifference
        Stages that were added, removed and kept, matched by name, and the changes of each kept stage.

    Raises
    ------
    InputError
        If a map is of another type, or the personas differ.

    Examples
    --------
    >>> now = JourneyMap(persona="Student", type="current state", stages=[Stage("delivery", emotion=-1)])
    >>> then = JourneyMap(persona="Student", type="future state", stages=[Stage("delivery", emotion=1)])
    >>> compare_maps(now, then).kept[0].emotion_change
    2.0
    """
    given: dict[str, object] = {"current": current, "future": future}
    for (name, journey), state in zip(given.items(), _STATES, strict=True):
        if not isinstance(journey, JourneyMap) or journey.type != state:
            raise InputError(name, f"a JourneyMap of the type {state!r}", part_of(journey, "type", journey))
    if future.persona.name != current.persona.name:
        raise InputError("future", f"of the persona of `current`, {current.persona.name!r}", future.persona.name)
    before = {stage.name: stage for stage in current.stages}
    after = {stage.name: stage for stage in future.stages}
    return JourneyMapDifference(
        added=tuple(name for name in after if name not in before),
        removed=tuple(name for name in before if name not in after),
        kept=tuple(StageDifference(before[name], after[name]) for name in after if name in before),
    )


def _lint_map(journey: JourneyMap, day: np.datetime64) -> list[LintFinding]:
    whole = chain(_map_gaps(journey, day), _whole_gaps(journey))
    found = [LintFinding(journey.persona.name, journey.type, None, *gap) for gap in whole]
    for stage in journey.stages:
        gaps = chain(_stage_gaps(stage), _trouble_gaps(stage, journey.type))
        found += [LintFinding(journey.persona.name, journey.type, stage.name, *gap) for gap in gaps]
    return found


def _map_gaps(journey: JourneyMap, day: np.datetime64) -> Iterator[_Gap]:
    if not journey.goal:
        yield "goal", "The map has no goal.", "Say what the persona wants in the end."
    n, reviewed_on = len(journey.stages), journey.reviewed_on
    has = f"The map has {n} stage{'' if n == 1 else 's'}, not {_FEWEST_STAGES} to {_MOST_STAGES}."
    if n < _FEWEST_STAGES:
        yield "stages", has, "Add stages until the journey is told from end to end."
    if n > _MOST_STAGES:
        yield "stages", has, "Join stages, or split the journey."
    if reviewed_on is None:
        yield "review", "The map was never reviewed.", "Check it against reality and note the day."
    elif reviewed_on > day:
        yield "review", f"The review of {reviewed_on} lies after {day}.", "Correct the day of the review."
    elif day > (due := add_months(np.asarray(reviewed_on), _REVIEW_MONTHS)):
        yield "review", f"The review of {reviewed_on} was good until {due}.", "Check the map against reality again."


def _whole_gaps(journey: JourneyMap) -> Iterator[_Gap]:
    """Find what makes a map useless as a whole."""
    known = {"who the persona is": journey.persona.who, "what it needs": journey.persona.needs}
    if missing := " and ".join(words for words, value in known.items() if not value):
        yield "persona", f"Nothing says {missing}.", "Describe one typical customer, not the average of all."
    if journey.stages and not any(stage.barriers or (stage.emotion or 0) < 0 for stage in journey.stages):
        yield "positives", "No stage has a barrier or a bad emotion.", "Ask customers what annoys them."
    if journey.stages and not any(stage.actions for stage in journey.stages):
        yield "action", "No stage has an action.", "Say what will be done, or the map is for its own sake."
    teams = {team.casefold() for team in journey.teams}
    if len(teams) < 2:
        n = counted(len(teams), "team")
        yield "teams", f"The map names {n}, not two or more.", "Draw it with sales, service and logistics, not alone."


def _stage_gaps(stage: Stage) -> Iterator[_Gap]:
    if not stage.touchpoints:
        yield "touchpoint", "The stage has no touchpoint.", "Say where the customer meets the company."
    if not all(point.channel for point in stage.touchpoints):
        yield "channel", "A touchpoint has no channel.", "Name the channel, such as 'e-mail'."
    if stage.emotion is None:
        yield "emotion", "The stage has no emotion.", "Rate how the customer feels, from -2 to 2."
    if not stage.kpis:
        yield "kpi", "The stage has no KPI.", "Name a figure that tells whether the stage works."
    if not stage.goal:
        yield "stage goal", "The stage has no goal.", "Say what the customer wants at this stage."
    if not stage.evidence:
        yield "evidence", "The stage has no evidence.", "Ask customers, look at data, or buy like a customer."


def _trouble_gaps(stage: Stage, map_type: MapType) -> Iterator[_Gap]:
    """Find what is missing where something goes wrong, and behind the scene."""
    if stage.barriers and not stage.actions:
        yield "action", "The stage has a barrier, and no action.", "Say what will be done about it."
    if stage.emotion is not None and stage.emotion < 0:
        if not stage.barriers:
            yield "barrier", "The emotion is negative, and no barrier says why.", "Name what is in the customer's way."
        if not stage.owner:
            yield "owner", "The emotion is negative, and nobody owns the stage.", "Name who will remove the barrier."
    if map_type == "service blueprint" and not stage.backstage:
        yield "backstage", "The stage has no backstage action.", "Say what the company does there unseen."


def _only_in(stage: Stage, other: Stage, part: StagePart) -> tuple[Any, ...]:
    require_choice("part", part, get_args(StagePart))
    return tuple(item for item in getattr(stage, part) if item not in getattr(other, part))
