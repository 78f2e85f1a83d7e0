"""Funnels from a log of events: who entered, how far each came, and who is still on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import attrs
import numpy as np

from crmvalue._core.checks import (
    as_time,
    as_time_column,
    is_missing_object,
    require,
    require_choice,
    require_same_length,
    to_array,
)
from crmvalue._core.customers import encode_customers
from crmvalue._core.values import array_field, hand_over, read_only, stay_frozen
from crmvalue._funnels.attempts import (
    Rows,
    are_distinct,
    choose,
    first_attempts,
    follow,
    is_first,
    near_first_entry,
    outcome,
    sorted_log,
)
from crmvalue._funnels.counts import FunnelConversion, stage_columns
from crmvalue._funnels.steps import as_window, read_steps, rules_for
from crmvalue.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue.typing import ArrayLike, Dates, FloatOrArray, Floats, Integers

    Bools = npt.NDArray[np.bool_]

__all__ = ["BelongsTo", "EventFunnel", "Order", "Reentry", "Ties", "funnel_from_events"]

Order: TypeAlias = Literal["ordered", "strict", "any", "stages"]
Reentry: TypeAlias = Literal["first", "best", "every"]
Ties: TypeAlias = Literal["steps", "row", "error"]
BelongsTo: TypeAlias = Literal["entry", "last"]

_DAY = 86_400_000_000  # microseconds
_UNITS = {"D": _DAY, "h": 3_600_000_000, "m": 60_000_000, "s": 1_000_000, "ms": 1_000, "us": 1}  # in microseconds


def _optional(value: ArrayLike | None) -> Any:
    return None if value is None else read_only(value)


@stay_frozen
@attrs.frozen(kw_only=True)
class EventFunnel:
    """Every attempt to pass a funnel, and the counts of its stages.

    Counts and rates have the shape (stages,), or (groups, stages) with groups; steps are one fewer than stages.

    Parameters
    ----------
    stages : tuple of str
        Names of the stages; "1 of 3 steps" and so on where steps may come in any order.
    customer : ndarray
        Whose attempt, one element per attempt, ascending by customer and entry.
    level : ndarray of int
        Stages reached, 1 to the number of stages.
    is_lost : ndarray of bool
        Over without the last stage: the window has passed, an excluded event came, or strict order was broken.
    is_matured : ndarray of bool
        Whether the window had passed by `as_of`, whatever became of the attempt; False without a window.
    step_time : ndarray of datetime64
        When each stage was reached, shape (attempts, stages); NaT where it was not.
    ended_at : ndarray of datetime64
        When the attempt converted or was lost; `as_of` while it is open.
    as_of : datetime64
        When the log ends.
    window : float or None
        Days from the first step within which the last must come.
    groups : tuple or None
        Distinct values of `by` that attempts belong to, ascending; None without `by`.
    group : ndarray of int or None
        Position of each attempt's value among `groups`.
    skipped : ndarray of bool or None
        With order "stages": stages passed over, shape (attempts, stages).
    n_returns : ndarray of int or None
        With order "stages": signals of a stage after a later one was reached, shape (attempts, stages).
    n_customers : int
        Customers with an event by `as_of`.
    n_without_entry : int
        Those of them with no attempt.
    n_before_entry : int
        Events of steps before the entry of their customer's first attempt that counts: they count for nothing.
    n_other : int
        Events by `as_of` that the funnel does not name.
    n_later : int
        Events after `as_of`, left out.

    Examples
    --------
    >>> result = funnel_from_events(
    ...     [1, 1, 2],
    ...     ["lead", "deal", "lead"],
    ...     ["2024-01-01", "2024-01-05", "2024-01-02"],
    ...     ["lead", "deal"],
    ...     as_of="2024-03-01",
    ...     window=30,
    ... )
    >>> result.entered, result.lost, result.open, result.step_conversion
    (array([2, 1]), array([1, 0]), array([0, 0]), array([0.5]))
    """

    stages: tuple[str, ...]
    customer: npt.NDArray[Any] = array_field()
    level: Integers = array_field()
    is_lost: Bools = array_field()
    is_matured: Bools = array_field()
    step_time: Dates = array_field()
    ended_at: Dates = array_field()
    as_of: np.datetime64
    window: float | None = None
    groups: tuple[Any, ...] | None = None
    group: Integers | None = array_field(_optional, default=None)
    skipped: Bools | None = array_field(_optional, default=None)
    n_returns: Integers | None = array_field(_optional, default=None)
    n_customers: int
    n_without_entry: int
    n_before_entry: int
    n_other: int
    n_later: int

    def __attrs_post_init__(self) -> None:
        n = len(self.customer)
        for name in ("level", "is_lost", "is_matured", "step_time", "ended_at", "group", "skipped", "n_returns"):
            column = getattr(self, name)
            if column is not None and len(column) != n:
                raise InputError(name, f"one for each of the {n} attempts", len(column))
        if self.step_time.shape != (n, len(self.stages)):
            raise InputError("step_time", f"of shape ({n}, {len(self.stages)})", self.step_time.shape)
        require((self.level >= 1) & (self.level <= len(self.stages)), "level", self.level, "a number of stages")
        if (self.group is None) != (self.groups is None):
            raise InputError("group", "given if and only if `groups` is", self.group)

    def __len__(self) -> int:
        """Count the attempts."""
        return len(self.customer)

    @property
    def entered(self) -> Integers:
        """Attempts that reached each stage: entered = converted + lost + open."""
        return self._reached(slice(None))

    @property
    def converted(self) -> Integers:
        """Of those, how many reached the next stage; at the last stage all, for they have passed the funnel."""
        return _moved_on(self.entered)

    @property
    def lost(self) -> Integers:
        """Of those, how many are over without having reached the next stage."""
        return self._stopped(self.is_lost)

    @property
    def open(self) -> Integers:
        """Of those, how many may still reach the next stage."""
        return self._stopped(~self.is_lost)

    @property
    def matured(self) -> Integers:
        """Attempts whose window is over that reached each stage: what conversion may be read from."""
        return self._reached(self.is_matured)

    @property
    def step_conversion(self) -> Floats:
        """Share of the matured attempts at each stage that reached the next; NaN where there is none."""
        return _step_share(self.matured)

    @property
    def overall_conversion(self) -> FloatOrArray:
        """Share of the matured attempts that passed the funnel; NaN where there is none."""
        return _overall_share(self.matured)

    @property
    def naive_step_conversion(self) -> Floats:
        """Share of all attempts at each stage that have reached the next so far, as if the open ones were lost."""
        return _step_share(self.entered)

    @property
    def naive_overall_conversion(self) -> FloatOrArray:
        """Share of all attempts that have passed the funnel so far, as if the open ones were lost."""
        return _overall_share(self.entered)

    def conversion(self, *, level: float = 0.95) -> FunnelConversion:
        """Conversion of the matured attempts with its intervals; every group needs at least one.

        Parameters
        ----------
        level : float, default 0.95
            Level of the intervals, in (0, 1).

        Returns
        -------
        FunnelConversion
            Conversion of each step and overall, of each group where there are groups.

        Raises
        ------
        InputError
            If no window is given, or no attempt of a group has its window over by `as_of`.
        """
        if self.window is None:
            rule = "given to `funnel_from_events` for conversion with intervals"
            raise InputError("window", rule, None, hint="conversion(result.entered) counts the open ones as lost")
        empty = np.nonzero(np.atleast_2d(self.matured)[:, 0] == 0)[0].tolist()
        if empty:
            who = "all" if self.groups is None else ", ".join(str(self.groups[g]) for g in empty)
            hint = "a later `as_of`, or `of_group` for the others"
            raise InputError("window", "over by `as_of` for an attempt of every group", who, hint=hint)
        names = None if self.groups is None else tuple(str(name) for name in self.groups)
        return FunnelConversion(counts=self.matured, stages=self.stages, groups=names, level=level)

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give the counts of the stages column by column, for a dataframe of any kind.

        Returns
        -------
        dict of str to ndarray
            One row for each stage, of each group where there are groups; conversion is that of the matured to the next
            stage, NaN at the last.
        """
        steps = self.step_conversion
        last = np.full((*steps.shape[:-1], 1), np.nan)
        return stage_columns(
            self.stages,
            self.groups,
            entered=self.entered,
            converted=self.converted,
            lost=self.lost,
            open=self.open,
            matured=self.matured,
            step_conversion=np.concatenate((steps, last), axis=-1),
        )

    def of_group(self, group: Any) -> EventFunnel:
        """Give the attempts of one group alone, such as for :func:`time_in_stage`.

        Parameters
        ----------
        group : str or int
            One of `groups`.

        Returns
        -------
        EventFunnel
            Its attempts, without groups. Of what is counted in customers and events only `n_customers` is kept, as
            those with an attempt.

        Raises
        ------
        InputError
            If there is no such group.
        """
        if self.groups is None or self.group is None or group not in self.groups:
            raise InputError("group", f"one of {self.groups}", group)
        rows = np.nonzero(self.group == self.groups.index(group))[0]
        columns = ("customer", "level", "is_lost", "is_matured", "step_time", "ended_at", "skipped", "n_returns")
        kept: dict[str, Any] = {
            name: None if getattr(self, name) is None else getattr(self, name)[rows] for name in columns
        }
        n = len(np.unique(kept["customer"]))
        none: dict[str, Any] = dict.fromkeys(("n_without_entry", "n_before_entry", "n_other", "n_later"), 0)
        return attrs.evolve(self, **kept, **none, group=None, groups=None, n_customers=n)

    @property
    def conclusion(self) -> str:
        """What the log says of all attempts together, and of each group."""
        n, won, lost = len(self), int((self.level == len(self.stages)).sum()), int(self.is_lost.sum())
        text = (
            f"By {_plain_time(self.as_of)} {n} attempts entered at {self.stages[0]}: {won} reached {self.stages[-1]}, "
            f"{lost} are lost, {n - won - lost} still open."
        )
        if self.n_later:
            text += f" {self.n_later} events came after that moment and are left out."
        if self.window is None:
            return f"{text} Without a window nobody is ever late, so what share will convert cannot be read from them."
        if self.groups is None:
            return f"{text} {self._about_matured(self.matured)}"
        lines = [f"{group}: {self._about_matured(row)}" for group, row in zip(self.groups, self.matured, strict=True)]
        return "\n".join([f"{text} {self._about_matured(self.matured.sum(axis=0))}", *lines])

    def _about_matured(self, reached: Integers) -> str:
        if not reached[0]:
            return "No window is over, so what share will convert cannot be read from them yet."
        share = np.asarray(_step_share(reached))
        k = int(np.nanargmin(share))
        return (
            f"Of the {reached[0]} whose window is over {reached[-1] / reached[0]:.1%} converted; the weakest step is "
            f"{self.stages[k]} to {self.stages[k + 1]} ({share[k]:.1%})."
        )

    def _reached(self, which: Any) -> Integers:
        return np.cumsum(self._at_level(which)[..., ::-1], axis=-1)[..., ::-1]

    def _stopped(self, which: Bools) -> Integers:
        counts = self._at_level(which)
        counts[..., -1] = 0
        return counts

    def _at_level(self, which: Any) -> Integers:
        k = len(self.stages)
        if self.group is None or self.groups is None:
            return np.bincount(self.level[which] - 1, minlength=k)
        cell = self.group[which] * k + self.level[which] - 1
        return np.bincount(cell, minlength=k * len(self.groups)).reshape(len(self.groups), k)


def funnel_from_events(
    customer: ArrayLike,
    event: ArrayLike,
    time: ArrayLike,
    steps: Any,
    *,
    as_of: ArrayLike,
    window: Any = None,
    order: Order = "ordered",
    reentry: Reentry = "first",
    exclude: Any = (),
    ties: Ties = "steps",
    by: ArrayLike | None = None,
    belongs_to: BelongsTo = "entry",
    absent: Literal["error", "allow"] = "error",
) -> EventFunnel:
    r"""Follow customers through the steps of a funnel, and keep converted, lost and open apart.

    Parameters
    ----------
    customer : array_like
        Whose event, whole numbers or text, one element per event, in any order.
    event : array_like
        What happened, whole numbers or text.
    time : array_like
        When.
    steps : Funnel, list or mapping
        The steps in order. Of a Funnel each stage is the event of its name. In a list each element is an event, or a
        list of events any of which will do. A mapping gives such an element for each name of a stage.
    as_of : date_like
        When the log ends; a date is its midnight. Later events are left out and counted.
    window : float or timedelta, optional
        Longest time from the first step to the last, both ends in [days]. Without it nothing is ever lost but by
        `exclude` or strict order.
    order : {"ordered", "strict", "any", "stages"}, default "ordered"
        "ordered": the steps in their order, whatever happens between. "strict": nothing else in the log between them,
        also no event that the funnel does not name; what comes between ends the attempt. "any": all steps in any order,
        the first event of any of them is the entry, and the level is the number of steps seen. "stages": a signal
        opens its stage and all before it, so that the entry is any signal; stages passed over and signals of an
        earlier stage than the one reached are recorded. In the last two an event may belong to one step only.
    reentry : {"first", "best", "every"}, default "first"
        Which attempts count. "first": the one from the customer's first entry. "best": of all entries the one that
        gets furthest, the earliest of equals. "every": each entry that begins after the last attempt is over; an
        attempt without a window is over only by conversion, `exclude` or strict order.
    exclude : list, optional
        Events that end an attempt.
    ties : {"steps", "row", "error"}, default "steps"
        Events of one customer at one moment: "steps" takes them in the order of the steps, other events before and
        excluded ones after, so that the order of rows does not matter and a day's events can all count; "row" as the
        rows stand; "error" raises.
    by : array_like, optional
        A value per event to break down by, such as a source, a manager, a product or a period: text, whole numbers or
        numpy's dates (``time.astype("datetime64[M]")``), which become text. Two at once are one text of both. It may be
        missing where it is not read, as on all rows but the entries.
    belongs_to : {"entry", "last"}, default "entry"
        Whether an attempt belongs to the value at its entry or at the last step it reached.
    absent : {"error", "allow"}, default "error"
        Whether an event that `steps` or `exclude` name and the log lacks is an error (it may be misspelt) or simply
        did not happen yet.

    Returns
    -------
    EventFunnel
        The attempts, and per stage those who entered, converted, were lost and are open.

    Raises
    ------
    InputError
        If columns differ in length, hold missing values, `window` is not in (0, 1,000,000] days, an event is unknown,
        belongs to steps and `exclude`, or two events tie where `ties` is "error".

    See Also
    --------
    conversion : From counts.
    time_in_stage : How long each step takes.

    Notes
    -----
    One event never satisfies two steps. From a given entry the earliest event of each step is taken, which reaches the
    furthest that can be reached. Entered = converted + lost + open at every stage.

    `step_conversion` and `overall_conversion` are read from the attempts whose window has passed by `as_of` only.
    Among young ones those who convert fast are known and those who never will are not, so that neither leaving out the
    open ones nor counting them as lost (`naive_step_conversion`) gives the share that will convert.

    The first attempts through steps in order, each step with events of its own, take one pass for each step, :math:`O(n
    K)`. Otherwise the events are sorted once by customer and time before it.

    Examples
    --------
    >>> customer = [1, 1, 1, 2, 2, 3]
    >>> event = ["lead", "offer", "deal", "lead", "offer", "lead"]
    >>> time = ["2024-01-01", "2024-01-03", "2024-01-20", "2024-01-05", "2024-01-06", "2024-02-25"]
    >>> result = funnel_from_events(customer, event, time, ["lead", "offer", "deal"], as_of="2024-03-01", window=30)
    >>> result.entered, result.converted, result.lost, result.open
    (array([3, 2, 1]), array([2, 1, 1]), array([0, 1, 0]), array([1, 0, 0]))
    >>> result.step_conversion, result.naive_step_conversion.round(2)
    (array([1. , 0.5]), array([0.67, 0.5 ]))
    """
    for name, value, choices in (
        ("order", order, Order),
        ("reentry", reentry, Reentry),
        ("ties", ties, Ties),
        ("belongs_to", belongs_to, BelongsTo),
        ("absent", absent, Literal["error", "allow"]),
    ):
        require_choice(name, value, get_args(choices))
    stages, wanted = read_steps(steps)
    end = as_time("as_of", as_of)
    length = as_window("window", window)
    ids, who = encode_customers("customer", customer)
    names, code = encode_customers("event", event)
    moment, latest = _read_times(time)
    groups, group = (None, None) if by is None else _encode_groups(by)
    require_same_length(customer=who, event=code, time=moment, **({} if group is None else {"by": group}))
    rules = rules_for(wanted, exclude, names, order=order, allow_absent=absent == "allow")
    if order == "any":
        stages = tuple(f"{k + 1} of {len(stages)} steps" for k in range(len(stages)))

    symbol = rules.symbol.take(code)
    named, n_later, n_customers = symbol > 0, 0, len(ids)
    counts = named if order != "strict" else np.ones(len(named), dtype=bool)
    n_other = len(named) - int(np.count_nonzero(named))
    if latest > end:
        known: Bools = np.asarray(moment <= end)
        n_later = len(known) - int(np.count_nonzero(known))
        n_customers = int(np.count_nonzero(np.bincount(who[known], minlength=len(ids))))
        n_other = int(np.count_nonzero(known & ~named))
        counts = counts & known
    rows = np.nonzero(counts)[0]
    events = Rows(
        who[rows],
        _microseconds(moment, rows),
        symbol[rows],
        None if group is None else group[rows],
        len(ids),
    )
    del who, code, moment, symbol, named, counts, rows, group
    until = int(end.view(np.int64))
    if (order, reentry, ties) == ("ordered", "first", "steps") and are_distinct(rules):
        found = first_attempts(events, rules, length, until, order, belongs_to)
    else:
        n_before = 0
        if reentry == "first" and ties != "error":
            events, _, n_before = near_first_entry(events, rules, length, order)
        log = sorted_log(events, ties)
        attempts = choose(follow(log, rules, length, until, order, reentry), reentry)
        found = outcome(log, rules, attempts, belongs_to, n_before)
    group = found.group
    if groups is not None and group is not None:
        unknown = np.nonzero(group == len(groups))[0]
        if len(unknown):
            where = "entry" if belongs_to == "entry" else "last step"
            rule, first = f"known at the {where} of every attempt", ids[found.who[unknown[0]]]
            raise InputError("by", rule, f"nothing for customer {first}", count=len(unknown))
        occurring, group = np.unique(group, return_inverse=True)
        groups = groups[occurring]
    return EventFunnel(
        customer=hand_over(ids[found.who]),
        level=hand_over(found.level),
        is_lost=hand_over(found.lost),
        is_matured=hand_over(found.matured),
        step_time=hand_over(found.step_time.view("datetime64[us]")),
        ended_at=hand_over(found.ended.view("datetime64[us]")),
        group=None if group is None else hand_over(group),
        skipped=None if found.skipped is None else hand_over(found.skipped),
        n_returns=None if found.n_returns is None else hand_over(found.n_returns),
        n_before_entry=found.n_before,
        stages=stages,
        groups=None if groups is None else tuple(groups.tolist()),
        as_of=end,
        window=None if length is None else length / _DAY,
        n_customers=n_customers,
        n_without_entry=n_customers - int(np.count_nonzero(is_first(found.who))),
        n_other=n_other,
        n_later=n_later,
    )


def _plain_time(moment: np.datetime64) -> str:
    """Write a moment without the zeros of its time of day."""
    day = moment.astype("datetime64[D]")
    return str(day) if day == moment else str(moment.astype("datetime64[s]")).replace("T", " ")


def _moved_on(reached: Integers) -> Integers:
    return np.concatenate((reached[..., 1:], reached[..., -1:]), axis=-1)


def _step_share(reached: Integers) -> Floats:
    n = reached[..., :-1]
    share: Floats = np.divide(reached[..., 1:], n, out=np.full(n.shape, np.nan), where=n > 0)
    return share


def _overall_share(reached: Integers) -> FloatOrArray:
    n = reached[..., 0]
    share: FloatOrArray = np.divide(reached[..., -1], n, out=np.full(n.shape, np.nan), where=n > 0)[()]
    return share


def _encode_groups(by: ArrayLike) -> tuple[npt.NDArray[Any], Integers]:
    """Give distinct groups and the place of each row's; a period or a day that numpy holds as a date by its text."""
    column, _ = to_array("by", by, "text or whole numbers", as_objects=not hasattr(by, "dtype"))
    if column.ndim != 1:
        raise InputError("by", "one-dimensional, one element a row", f"{column.ndim} dimensions")
    if column.dtype.kind == "M":
        unknown = np.isnat(column)
        if (
            np.datetime_data(column.dtype)[0] not in {"Y", "M", "W", "D"}
            and (unknown | (column == column.astype("M8[D]"))).all()
        ):
            column = column.astype("M8[D]")
        column = column.astype(np.str_).astype(object)
        column[unknown] = None
    missing: Bools = np.zeros(len(column), dtype=bool)
    if column.dtype.kind == "f":
        missing = np.isnan(column)
    elif column.dtype.kind == "O":
        missing = np.fromiter((is_missing_object(item) for item in column.tolist()), dtype=bool, count=len(column))
    if not missing.any() or missing.all():
        return encode_customers("by", column if column.dtype.kind != "O" else column.tolist())
    groups, found = encode_customers("by", column[~missing].tolist())
    code = np.full(len(column), len(groups))  # after all groups, so that at one moment a known one comes first
    code[~missing] = found
    return groups, code


def _read_times(time: ArrayLike) -> tuple[Dates, np.datetime64]:
    """Check times, and give the last; a column of points in time needs no copy of another unit."""
    if type(time) is np.ndarray and time.ndim == 1 and time.dtype.kind == "M" and len(time):
        unit, step = np.datetime_data(time.dtype)
        if unit in _UNITS and step == 1 and time.dtype.isnative:
            counts = time.view(np.int64)  # a missing one is the least
            ends = np.array([counts.min(), counts.max()]).view(time.dtype)
            try:
                return time, as_time_column("time", ends)[1]
            except InputError:
                pass  # the whole column tells which element is wrong
    times = as_time_column("time", time)
    return times, times.max() if len(times) else np.datetime64("NaT", "us")


def _microseconds(times: Dates, rows: Integers) -> Integers:
    """Count microseconds at some rows; numpy's own cast takes far longer than a product."""
    counts = times.view(np.int64)[rows]
    counts *= _UNITS[np.datetime_data(times.dtype)[0]]
    return counts
