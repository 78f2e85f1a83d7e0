"""The steps of a funnel as rules over the events of a log."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from crmvalue._core.checks import as_positive
from crmvalue._funnels.counts import Funnel, as_names
from crmvalue.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["DAY", "Rules", "Steps", "as_window", "read_steps", "rules_for"]

EventName: TypeAlias = str | int

DAY = 86_400_000_000  # microseconds
_MOST_DAYS = 1e6
_MOST_STEPS = 100
_MOST_KINDS = 32_000  # of events that do the same; their symbols are of 16 bits
_MOST_TO_SEARCH = 10_000  # events among which a similar name is looked for


class Steps(NamedTuple):
    """The steps of a funnel, checked without the log."""

    stages: tuple[str, ...]
    parts: dict[EventName, tuple[int, ...]]  # steps that each event may satisfy
    closing: tuple[EventName, ...]  # events that end an attempt
    by_stage: bool


class Rules(NamedTuple):
    """What each event does in a funnel.

    Events that do the same share a symbol. Symbols ascend in the order of the steps; an event without a part has 0.
    """

    symbol: npt.NDArray[np.int16]  # of each distinct event of the log
    opens: npt.NDArray[np.bool_]  # steps by symbols
    closes: npt.NDArray[np.bool_]  # of symbols
    by_stage: bool

    def opens_from(self, step: int) -> npt.NDArray[np.bool_]:
        """Tell the symbols that open this step or a later one."""
        symbols: npt.NDArray[np.bool_] = np.logical_or.reduce(self.opens[step:])
        return symbols


def as_window(name: str, value: Any) -> int | None:
    """Take a window in days or as a timedelta, and give it in microseconds."""
    if value is None:
        return None
    if isinstance(value, timedelta):
        days = value / timedelta(days=1)
    elif isinstance(value, np.timedelta64) and not np.isnat(value):
        if np.datetime_data(value.dtype)[0] in {"Y", "M", "generic"}:
            raise InputError(name, "of a fixed length: days, hours or shorter", str(value))
        days = float(value / np.timedelta64(1, "D"))
    else:
        days = as_positive(name, value)
    if not 0 < days <= _MOST_DAYS:
        raise InputError(name, f"above 0 and at most {_MOST_DAYS:,.0f} days", value)
    return max(round(days * DAY), 1)


def read_steps(steps: Any, exclude: Any, order: str) -> Steps:
    """Read the steps, and the events that end an attempt."""
    stages, wanted = _stages_and_events(steps)
    closing = _events("exclude", exclude, empty=True)
    if order == "any":
        stages = tuple(f"{k + 1} of {len(stages)} steps" for k in range(len(stages)))
    return Steps(stages, _parts(wanted, closing, order), closing, order == "stages")


def rules_for(steps: Steps, names: npt.NDArray[Any], *, allow_absent: bool) -> Rules:
    """Give each distinct event of the log its part in the funnel."""
    if not allow_absent:
        known = set(names.tolist())
        _require_known("steps", steps.parts, known)
        _require_known("exclude", steps.closing, known)

    kinds = sorted(set(steps.parts.values()))
    if len(kinds) > _MOST_KINDS:
        raise InputError("steps", f"of at most {_MOST_KINDS:,} kinds of events", len(kinds))
    last = 1 + len(kinds)
    symbol_of = {of: symbol for symbol, of in enumerate(kinds, start=1)}
    place = {**{item: symbol_of[of] for item, of in steps.parts.items()}, **dict.fromkeys(steps.closing, last)}
    symbol = np.fromiter((place.get(name, 0) for name in names.tolist()), dtype=np.int16, count=len(names))
    opens = np.zeros((len(steps.stages), len(kinds) + 2), dtype=bool)
    for kind, of in enumerate(kinds, start=1):
        opens[list(of), kind] = True
    closes = np.zeros(len(kinds) + 2, dtype=bool)
    closes[-1] = bool(steps.closing)
    return Rules(symbol, opens, closes, steps.by_stage)


def _stages_and_events(steps: Any) -> tuple[tuple[str, ...], list[tuple[EventName, ...]]]:
    """Names of the stages, and the events that open each."""
    if not isinstance(steps, Funnel | Mapping | Sequence | np.ndarray) or isinstance(steps, str | bytes):
        raise InputError("steps", "a Funnel, a list of events or a mapping of stages to events", steps)
    n_steps = 1 if isinstance(steps, np.ndarray) and steps.ndim == 0 else len(steps)
    if not 2 <= n_steps <= _MOST_STEPS:
        raise InputError("steps", f"2 to {_MOST_STEPS}", n_steps)
    if isinstance(steps, Funnel):
        return steps.stages, [(stage,) for stage in steps.stages]
    if isinstance(steps, Mapping):
        return as_names("steps", list(steps)), [_events("steps", value) for value in steps.values()]
    wanted = [_events("steps", value) for value in steps]
    return _labels(wanted), wanted


def _parts(
    wanted: list[tuple[EventName, ...]], closing: tuple[EventName, ...], order: str
) -> dict[EventName, tuple[int, ...]]:
    """List the steps that each event may satisfy."""
    parts: dict[EventName, tuple[int, ...]] = {}
    for step, events in enumerate(wanted):
        for item in events:
            parts[item] = (*parts.get(item, ()), step)
    ends = set(closing)
    for item, of in parts.items():
        if item in ends:
            raise InputError("exclude", "of other events than the steps", item)
        if len(of) > 1 and order in {"any", "stages"}:
            raise InputError("steps", f"of different events where `order` is {order!r}", item)
    return parts


def _events(name: str, value: Any, *, empty: bool = False) -> tuple[EventName, ...]:
    """Read one event, or a list of events, each once."""
    if isinstance(value, str | int | np.integer):
        items: list[Any] = [value]
    elif (isinstance(value, Sequence | AbstractSet) and not isinstance(value, bytes)) or (
        isinstance(value, np.ndarray) and value.ndim
    ):
        items = sorted(value, key=str) if isinstance(value, set | frozenset) else list(value)  # one label in all runs
    else:
        raise InputError(name, "events (text or whole numbers), or lists of them", value)
    for item in items:
        if not isinstance(item, str | int | np.integer) or isinstance(item, bool | np.timedelta64):
            raise InputError(name, "events (text or whole numbers), or lists of them", item)
    if not items and not empty:
        raise InputError(name, "at least one event for each step", value)
    return tuple(dict.fromkeys(str.__str__(item) if isinstance(item, str) else int(item) for item in items))


def _labels(wanted: list[tuple[EventName, ...]]) -> tuple[str, ...]:
    """Name each step after its events; a name that was given before gets a number, such as "a (2)"."""
    labels: list[str] = []
    for events in wanted:
        label = plain = " or ".join(map(str, events))
        n = 1
        while label in labels:
            n += 1
            label = f"{plain} ({n})"
        labels.append(label)
    return tuple(labels)


def _require_known(name: str, events: Any, known: set[Any]) -> None:
    missing = [item for item in events if item not in known]
    if not missing:
        return
    texts = sorted(str(item) for item in known)
    near = difflib.get_close_matches(str(missing[0]), texts, n=1) if len(texts) <= _MOST_TO_SEARCH else []
    hint = f"{near[0]!r}? " if near else ""
    raise InputError(
        name,
        "of events that occur in `event`",
        missing[0],
        count=len(missing),
        hint=f"{hint}use absent='allow' if the event has just not happened yet",
    )
