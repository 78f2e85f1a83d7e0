"""Funnels from a log of events: who entered, how far each came, and who is still on the way."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias, get_args

import attrs
import numpy as np

from crmvalue._core.checks import (
    as_positive,
    as_time,
    is_missing_object,
    require,
    require_choice,
    require_same_index,
    require_same_length,
    to_array,
)
from crmvalue._core.encoding.copies import find_copies
from crmvalue._core.encoding.customers import encode_customers
from crmvalue._core.encoding.indexes import part_of
from crmvalue._core.frames import Columns
from crmvalue._core.labels import also_equal, counted, first_lines, percent
from crmvalue._core.pictures.pictured import Pictured
from crmvalue._core.values import (
    checked_field,
    count_field,
    date_table,
    flag_table,
    hand_over,
    label_column,
    optional,
    plain_label,
    require_at_most,
    require_columns,
    short_repr,
    stay_frozen,
    whole_table,
    words_field,
)
from crmvalue._funnels.attempts import (
    Options,
    Rows,
    all_attempts,
    first_attempts,
    independent,
    is_first,
    near_first_entry,
    takes_first_in_order,
)
from crmvalue._funnels.counts import FunnelConversion, share, stage_columns, to_all_stages
from crmvalue._funnels.event_times import microseconds, read_times
from crmvalue._funnels.pictures import events_parts
from crmvalue._funnels.steps import DAY, as_window, read_steps, rules_for
from crmvalue.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue._core.pictures.parts import Parts
    from crmvalue._funnels.attempts import Outcome
    from crmvalue._funnels.steps import Rules, Steps
    from crmvalue.typing import ArrayLike, Dates, FloatOrArray, Floats, Integers

    Bools = npt.NDArray[np.bool_]

__all__ = ["EventFunnel", "funnel_from_events"]

Order: TypeAlias = Literal["ordered", "strict", "any", "stages"]
Reentry: TypeAlias = Literal["first", "best", "every"]
Ties: TypeAlias = Literal["steps", "later", "row", "error"]
Repeats: TypeAlias = Literal["end", "pass"]
Duplicates: TypeAlias = Literal["keep", "drop"]
BelongsTo: TypeAlias = Literal["entry", "last"]
Absent: TypeAlias = Literal["error", "allow"]


def _labels(name: str, value: Any) -> tuple[Any, ...]:
    """Take the labels of groups: plain numbers and texts."""
    if not isinstance(value, list | tuple) or not all(isinstance(label, Hashable) for label in value):
        raise InputError(name, "a tuple of labels", value)
    return tuple(map(plain_label, value))


@stay_frozen
@attrs.frozen(kw_only=True)
class EventFunnel(Columns, Pictured):
    """All attempts to pass a funnel, and the counts of its stages.

    Counts and rates have the shape (stages,), or (groups, stages) with groups; steps are one fewer than stages.

    Parameters
    ----------
    stages : tuple of str
        Names of the stages; "1 of 3 steps" and so on where steps may come in any order.
    customer : ndarray
        Customer of each attempt. Attempts ascend by customer and entry.
    n_reached : ndarray of int
        How many stages each attempt reached, from 1 to the number of stages.
    is_lost : ndarray of bool
        Whether the attempt ended before the last stage: the window passed, an excluded event came, or strict order was
        broken.
    is_matured : ndarray of bool
        Whether the window had passed by `as_of`, whether the attempt converted or not; False without a window.
    step_time : ndarray of datetime64
        When each stage was reached, shape (attempts, stages); NaT for a stage that was not reached.
    ended_at : ndarray of datetime64
        When the attempt converted or was lost; `as_of` while it is open.
    as_of : datetime64
        When the log ends.
    window : float or None
        Longest time from the first step to the last [days].
    groups : tuple or None
        Distinct values of `by` that attempts belong to, ascending; None without `by`.
    group : ndarray of int or None
        Position of each attempt's value among `groups`.
    skipped : ndarray of bool or None
        With order "stages": whether the attempt skipped each stage, shape (attempts, stages).
    n_returns : ndarray of int or None
        With order "stages": signals of each stage after a later stage was reached, shape (attempts, stages).
    n_customers : int
        Customers with an event by `as_of`.
    n_without_entry : int
        Customers among them without an attempt.
    n_before_entry : int
        Events of steps that came before the customer's first attempt that counts. They are ignored.
    n_other : int
        Events by `as_of` that the funnel does not name.
    n_later : int
        Events after `as_of`. They are ignored.
    n_duplicates : int, default 0
        Rows that were dropped because an earlier row says the same; 0 with ``duplicates="keep"``.

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

    stages: tuple[str, ...] = words_field("stages", distinct=True)
    customer: npt.NDArray[Any] = label_column("customer")
    n_reached: Integers = whole_table("n_reached", low=1)
    is_lost: Bools = flag_table("is_lost")
    is_matured: Bools = flag_table("is_matured")
    step_time: Dates = date_table("step_time", 2)
    ended_at: Dates = date_table("ended_at", missing=False)
    as_of: np.datetime64 = checked_field("as_of", as_time)
    window: float | None = checked_field("window", optional(as_positive), default=None)
    groups: tuple[Any, ...] | None = checked_field("groups", optional(_labels), default=None, repr=short_repr)
    group: Integers | None = whole_table("group", default=None)
    skipped: Bools | None = flag_table("skipped", 2, default=None)
    n_returns: Integers | None = whole_table("n_returns", 2, default=None)
    n_customers: int = count_field("n_customers")
    n_without_entry: int = count_field("n_without_entry")
    n_before_entry: int = count_field("n_before_entry")
    n_other: int = count_field("n_other")
    n_later: int = count_field("n_later")
    n_duplicates: int = count_field("n_duplicates", default=0)

    def __attrs_post_init__(self) -> None:
        n = len(self.customer)
        columns = ("n_reached", "is_lost", "is_matured", "step_time", "ended_at", "group", "skipped", "n_returns")
        require_columns(self, n, columns, "attempts")
        if self.step_time.shape != (n, len(self.stages)):
            raise InputError("step_time", f"of shape ({n}, {len(self.stages)})", self.step_time.shape)
        fits = (self.n_reached >= 1) & (self.n_reached <= len(self.stages))
        require(fits, "n_reached", self.n_reached, f"from 1 to {len(self.stages)} stages")
        ended = ~self.is_lost | (self.n_reached < len(self.stages))
        require(ended, "is_lost", self.is_lost, "False where the last stage was reached")
        require_at_most(self, "n_without_entry", "n_customers")
        if (self.group is None) != (self.groups is None):
            raise InputError("group", "given if and only if `groups` is", self.group)
        if self.group is not None and self.groups is not None:
            require(self.group < len(self.groups), "group", self.group, "the place of one of the `groups`")

    def __len__(self) -> int:
        """Count the attempts."""
        return len(self.customer)

    def _parts(self) -> Parts:
        counts = (self.converted, self.lost, self.open, self.matured)
        return events_parts(self.stages, counts, has_window=self.window is not None)

    @property
    def entered(self) -> Integers:
        """Attempts that reached each stage: entered = converted + lost + open."""
        return self._reached(slice(None))

    @property
    def converted(self) -> Integers:
        """Attempts that reached the stage after each stage; at the last stage, all that reached it."""
        return _moved_on(self.entered)

    @property
    def lost(self) -> Integers:
        """Attempts that ended at each stage without the next."""
        return self._stopped(self.is_lost)

    @property
    def open(self) -> Integers:
        """Attempts at each stage that may still reach the next."""
        return self._stopped(~self.is_lost)

    @property
    def matured(self) -> Integers:
        """Attempts that reached each stage, among those whose window is over: the basis of conversion."""
        return self._reached(self.is_matured)

    @property
    def step_conversion(self) -> Floats:
        """Share of the matured attempts at each stage that reached the next; NaN without such attempts."""
        return _step_share(self.matured)

    @property
    def overall_conversion(self) -> FloatOrArray:
        """Share of the matured attempts that reached the last stage; NaN without such attempts."""
        return _overall_share(self.matured)

    @property
    def naive_step_conversion(self) -> Floats:
        """Share of all attempts at each stage that reached the next so far; open attempts count as lost."""
        return _step_share(self.entered)

    @property
    def naive_overall_conversion(self) -> FloatOrArray:
        """Share of all attempts that reached the last stage so far; open attempts count as lost."""
        return _overall_share(self.entered)

    def funnel_conversion(self, *, level: float = 0.95) -> FunnelConversion:
        """Conversion of the matured attempts with its intervals; NaN for a group without a matured attempt.

        Parameters
        ----------
        level : float, default 0.95
            Level of the intervals, in (0, 1).

        Returns
        -------
        FunnelConversion
            Conversion of each step and overall, for each group where there are groups. Where customers have several
            attempts, intervals and tests count them as the number of customers who tell as much if attempts of one
            customer all end alike (Kish): the square of the sum of their attempts over the sum of the squares.

        Raises
        ------
        InputError
            If there is no window, or no attempt at all has a window that is over by `as_of`.
        """
        if self.window is None:
            rule = "given to `funnel_from_events` for conversion with intervals"
            hint = "funnel_conversion(result.entered) counts open attempts as lost"
            raise InputError("window", rule, None, hint=hint)
        if not self.is_matured.any():
            rule = "over by `as_of` for at least one attempt"
            raise InputError("window", rule, self.window, hint="give a later `as_of`")
        names = None if self.groups is None else tuple(str(name) for name in self.groups)
        return FunnelConversion(
            counts=self.matured, stages=self.stages, groups=names, level=level, n_independent=self._independent()
        )

    def _independent(self) -> Integers | None:
        done, group = self.is_matured, None if self.group is None else self.group[self.is_matured]
        return independent(self.customer[done], self.n_reached[done], len(self.stages), group, self.groups)

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give the counts of the stages column by column, for a dataframe of any kind.

        Returns
        -------
        dict of str to ndarray
            One row for each stage, within each group where there are groups. `step_conversion` is that of the matured
            attempts to the next stage; it is NaN at the last.
        """
        return stage_columns(
            self.stages,
            self.groups,
            entered=self.entered,
            converted=self.converted,
            lost=self.lost,
            open=self.open,
            matured=self.matured,
            step_conversion=to_all_stages(self.step_conversion, np.nan),
        )

    def of_group(self, group: Any) -> EventFunnel:
        """Give the attempts of one group, for instance for :func:`time_in_stage`.

        Parameters
        ----------
        group : str or int
            One of `groups`.

        Returns
        -------
        EventFunnel
            The attempts of the group, without groups. `n_customers` counts the customers with such an attempt; the
            other counts of customers and events are 0.

        Raises
        ------
        InputError
            If there is no such group.
        """
        try:
            place = (self.groups or ()).index(group)
        except (TypeError, ValueError) as error:  # what cannot be compared is no group either
            raise InputError("group", f"one of {self.groups}", group) from error
        rows = np.nonzero(np.equal(self.group, place))[0]  # type: ignore[arg-type]  # with groups it is a column
        columns = ("customer", "n_reached", "is_lost", "is_matured", "step_time", "ended_at", "skipped", "n_returns")
        kept: dict[str, Any] = {
            name: None if getattr(self, name) is None else getattr(self, name)[rows] for name in columns
        }
        n = len(np.unique(kept["customer"]))
        none: dict[str, Any] = dict.fromkeys(
            ("n_without_entry", "n_before_entry", "n_other", "n_later", "n_duplicates"), 0
        )
        return attrs.evolve(self, **kept, **none, group=None, groups=None, n_customers=n)

    @property
    def conclusion(self) -> str:
        """How all attempts ended, and what share converts; with groups, a line for each of the first 200."""
        n, won, lost = len(self), int((self.n_reached == len(self.stages)).sum()), int(self.is_lost.sum())
        text = (
            f"By {_plain_time(self.as_of)} {counted(n, 'attempt')} entered at {self.stages[0]}: {won:,} reached "
            f"{self.stages[-1]}, {counted(lost, 'is lost', 'are lost')}, {n - won - lost:,} still open."
        )
        if self.n_later:
            text += f" {counted(self.n_later, 'event')} came after that moment: left out."
        if self.n_duplicates:
            text += f" {counted(self.n_duplicates, 'row says', 'rows say')} the same as an earlier row: dropped."
        if self.window is None:
            return f"{text} Without a window, attempts may stay open for ever, so the final conversion is not known."
        if self.groups is None:
            return f"{text} {self._about_matured(self.matured)}"
        groups, matured = self.groups, self.matured
        lines = first_lines(range(len(groups)), lambda g: f"{groups[g]}: {self._about_matured(matured[g])}", "group")
        return "\n".join([f"{text} {self._about_matured(self.matured.sum(axis=0))}", *lines])

    def _about_matured(self, reached: Integers) -> str:
        if not reached[0]:
            return "No window is over yet, so the final conversion is not known."
        n = int(reached[0])
        if reached[-1] == n:
            all_of = f"{'The' if n == 1 else 'All'} {counted(n, 'attempt')}"
            return f"{all_of} whose window is over converted: none was lost at any step."
        step = _step_share(reached)
        k = int(np.nanargmin(step))
        return (
            f"Of the {counted(n, 'attempt')} whose window is over, {percent(reached[-1] / n)} "
            f"converted; the weakest step is {self.stages[k]} to {self.stages[k + 1]} ({percent(step[k])}"
            f"{also_equal(int((step == step[k]).sum()))})."
        )

    def _reached(self, which: Any) -> Integers:
        return np.cumsum(self._at_last_stage(which)[..., ::-1], axis=-1)[..., ::-1]

    def _stopped(self, which: Bools) -> Integers:
        counts = self._at_last_stage(which)
        counts[..., -1] = 0
        return counts

    def _at_last_stage(self, which: Any) -> Integers:
        """Count attempts by the last stage that they reached."""
        k = len(self.stages)
        if self.group is None or self.groups is None:
            return np.bincount(self.n_reached[which] - 1, minlength=k)
        cell = self.group[which] * k + self.n_reached[which] - 1
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
    repeats: Repeats = "end",
    exclude: Any = (),
    ties: Ties = "steps",
    duplicates: Duplicates = "keep",
    by: ArrayLike | None = None,
    belongs_to: BelongsTo = "entry",
    absent: Absent = "error",
) -> EventFunnel:
    r"""Follow customers through the steps of a funnel, and keep converted, lost and open apart.

    Parameters
    ----------
    customer : array_like
        Customer of each event, whole numbers or text, shape (events,), in any order.
    event : array_like
        Name of each event, whole numbers or text.
    time : array_like
        Time of each event; in UTC if hours matter, because a window over a change of the clocks is an hour too short or
        too long by local times.
    steps : Funnel, list or mapping
        The steps in order. In a Funnel, the name of each stage is its event. In a list, each element is an event, or a
        list of events of which one is enough. A mapping gives such an element for the name of each stage.
    as_of : date_like
        When the log ends; a date is its midnight. Later events are left out and counted.
    window : float or timedelta, optional
        Longest time from the first step to the last, both ends in [days]. Without it, an attempt is lost only by
        `exclude` or strict order.
    order : {"ordered", "strict", "any", "stages"}, default "ordered"
        "ordered": the steps come in their order, with any events between. "strict": no event may come between the
        steps, not even one that the funnel does not name; such an event ends the attempt. "any": the steps come in any
        order. The first event of any step is the entry, and `n_reached` counts the steps seen. "stages": an event of a
        stage opens this stage and all stages before it, so any of them is an entry. Skipped stages and later events of
        earlier stages are recorded. With "any" and "stages", an event belongs to one step only.
    reentry : {"first", "best", "every"}, default "first"
        Which attempts count. "first": the attempt from the customer's first entry. "best": the attempt of each customer
        that gets furthest, the earliest of equals. "every": each entry after the end of the last attempt. Without a
        window, only conversion, `exclude` or strict order ends an attempt.
    repeats : {"end", "pass"}, default "end"
        With order "strict": whether a repeat of a step that the attempt has reached, such as a page seen twice, ends
        the attempt like any other event, or passes. A repeat that is also the next step is the next step. In all other
        orders repeats pass anyway.
    exclude : list, optional
        Events that end an attempt.
    ties : {"steps", "later", "row", "error"}, default "steps"
        Which of a customer's events at one moment comes first. "steps": in the order of the steps, after all other
        events and before excluded ones. The order of rows then does not matter, and all events of a day can count.
        "later": a step counts only if it is later than the step before, with order "ordered" or "strict". In strict
        order a further event at the moment of the last step ends the attempt. "row": in the order of the rows. "error":
        such events raise.
    duplicates : {"keep", "drop"}, default "keep"
        What to do about a row that says the same as an earlier row: equal customer, event, time and, where it is given,
        value of `by`. "keep": it is an event of its own, for instance a second purchase. "drop": it was written twice.
        The number of dropped rows is `n_duplicates`.
    by : array_like, optional
        A value of each event to break down by, such as a source, a manager, a product or a period: text, whole numbers
        or numpy's dates (``time.astype("datetime64[M]")``), which become text. To break down by two columns, join them
        to one text. Values may be missing where they are not read, such as in all rows but the entries.
    belongs_to : {"entry", "last"}, default "entry"
        Which event gives an attempt its value of `by`: the entry, or the last step it reached.
    absent : {"error", "allow"}, default "error"
        What to do about an event that `steps` or `exclude` name and the log does not have. "error": raise, because it
        may be misspelt. "allow": it has not happened yet.

    Returns
    -------
    EventFunnel
        The attempts, and how many of them entered, converted, were lost and are open at each stage.

    Raises
    ------
    InputError
        If columns differ in length or hold missing values, `window` is not in (0, 1,000,000] days, an event is unknown
        or stands in both `steps` and `exclude`, two events tie where `ties` is "error", or `ties` is "later" with an
        order in which one event may open several stages or steps have no order.

    See Also
    --------
    funnel_conversion : From counts.
    time_in_stage : How long each step takes.

    Notes
    -----
    One event never satisfies two steps. Each attempt takes the earliest event of each step, and so gets as far as it
    can. Entered = converted + lost + open at every stage.

    `step_conversion` and `overall_conversion` use only the attempts whose window has passed by `as_of`. Among younger
    attempts, the fast conversions are known already and the slow ones are not. Leaving out the open attempts therefore
    shows too high a conversion; counting them as lost (`naive_step_conversion`) shows too low a one.

    First attempts through ordered steps with different events take one pass for each step, :math:`O(n K)`. In all other
    cases the events are first sorted by customer and time.

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
    require_same_index(customer=customer, event=event, time=time, by=by)
    options = _read_options(order, reentry, ties, belongs_to, window, as_of, repeats)
    require_choice("absent", absent, get_args(Absent))
    require_choice("duplicates", duplicates, get_args(Duplicates))
    funnel = read_steps(steps, exclude, order)
    read = {"allow_absent": absent == "allow", "drop": duplicates == "drop"}
    events, log = _read_events(customer, event, time, by, funnel, options, **read)
    if reentry == "first" and ties != "error":
        events = near_first_entry(events, log.rules, options)
    follow = first_attempts if takes_first_in_order(log.rules, options) else all_attempts
    found = follow(events, log.rules, options)
    groups, group = _groups_of_attempts(found, log, belongs_to)
    return EventFunnel(
        customer=hand_over(log.ids[found.who]),
        n_reached=hand_over(found.n_reached),
        is_lost=hand_over(found.lost),
        is_matured=hand_over(found.matured),
        step_time=hand_over(found.step_time.view("datetime64[us]")),
        ended_at=hand_over(found.ended.view("datetime64[us]")),
        group=None if group is None else hand_over(group),
        skipped=None if found.skipped is None else hand_over(found.skipped),
        n_returns=None if found.n_returns is None else hand_over(found.n_returns),
        n_before_entry=found.n_before,
        stages=funnel.stages,
        groups=groups,
        as_of=_as_datetime(options.as_of),
        window=None if options.window is None else options.window / DAY,
        n_customers=log.n_customers,
        n_without_entry=log.n_customers - int(np.count_nonzero(is_first(found.who))),
        n_other=log.n_other,
        n_later=log.n_later,
        n_duplicates=log.n_duplicates,
    )


class _Log(NamedTuple):
    """What is known of a log beside its events."""

    ids: npt.NDArray[Any]
    groups: npt.NDArray[Any] | None
    rules: Rules
    n_customers: int
    n_other: int
    n_later: int
    n_duplicates: int


class _Columns(NamedTuple):
    """The columns of a log, checked and encoded."""

    ids: npt.NDArray[Any]
    who: Integers
    names: npt.NDArray[Any]
    code: Integers
    moment: Dates
    latest: np.datetime64
    groups: npt.NDArray[Any] | None
    group: Integers | None
    n_duplicates: int = 0


def _read_options(
    order: str, reentry: str, ties: str, belongs_to: str, window: Any, as_of: ArrayLike, repeats: str
) -> Options:
    require_choice("order", order, get_args(Order))
    require_choice("reentry", reentry, get_args(Reentry))
    require_choice("ties", ties, get_args(Ties))
    require_choice("belongs_to", belongs_to, get_args(BelongsTo))
    require_choice("repeats", repeats, get_args(Repeats))
    if ties == "later" and order in {"any", "stages"}:
        raise InputError("ties", f"'steps', 'row' or 'error' where `order` is {order!r}", ties)
    end = int(as_time("as_of", as_of).view(np.int64))
    return Options(order, reentry, ties, belongs_to, as_window("window", window), end, repeats)


def _read_events(
    customer: ArrayLike,
    event: ArrayLike,
    time: ArrayLike,
    by: ArrayLike | None,
    steps: Steps,
    options: Options,
    *,
    allow_absent: bool,
    drop: bool,
) -> tuple[Rows, _Log]:
    """Keep the events that may count; the encoded columns, which are large, end here."""
    columns = _read_columns(customer, event, time, by)
    if drop:
        columns = _without_duplicates(columns)
    rules = rules_for(steps, columns.names, allow_absent=allow_absent)
    return _events_that_count(columns, rules, options)


def _read_columns(customer: ArrayLike, event: ArrayLike, time: ArrayLike, by: ArrayLike | None) -> _Columns:
    ids, who = encode_customers("customer", customer)
    names, code = encode_customers("event", event)
    moment, latest = read_times(time)
    groups, group = (None, None) if by is None else _encode_groups(by)
    require_same_length(customer=who, event=code, time=moment, **({} if group is None else {"by": group}))
    return _Columns(ids, who, names, code, moment, latest, groups, group)


def _without_duplicates(log: _Columns) -> _Columns:
    """Drop the rows that say the same as an earlier row."""
    columns = [log.who, log.code, log.moment.view(np.int64)]
    if log.group is not None:
        columns.append(log.group)
    copy = find_copies(columns)
    if copy is None:
        return log
    kept = ~copy
    group = None if log.group is None else log.group[kept]
    return log._replace(
        who=log.who[kept],
        code=log.code[kept],
        moment=log.moment[kept],
        group=group,
        n_duplicates=int(np.count_nonzero(copy)),
    )


def _events_that_count(log: _Columns, rules: Rules, options: Options) -> tuple[Rows, _Log]:
    """Drop later events, and, except for strict order, those that the funnel does not name."""
    end = _as_datetime(options.as_of)
    symbol = rules.symbol.take(log.code)
    named, n_later, n_customers = symbol > 0, 0, len(log.ids)
    counts = np.ones(len(named), dtype=bool) if options.order == "strict" else named
    n_other = len(named) - int(np.count_nonzero(named))
    if log.latest > end:
        known: Bools = np.asarray(log.moment <= end)
        n_later = len(known) - int(np.count_nonzero(known))
        n_customers = int(np.count_nonzero(np.bincount(log.who[known], minlength=len(log.ids))))
        n_other = int(np.count_nonzero(known & ~named))
        counts = counts & known
    rows = np.nonzero(counts)[0]
    events = Rows(
        who=log.who[rows],
        time=microseconds(log.moment, rows),
        symbol=symbol[rows],
        group=None if log.group is None else log.group[rows],
        n_customers=len(log.ids),
    )
    return events, _Log(log.ids, log.groups, rules, n_customers, n_other, n_later, log.n_duplicates)


def _groups_of_attempts(found: Outcome, log: _Log, belongs_to: str) -> tuple[tuple[Any, ...] | None, Integers | None]:
    """Give the groups that attempts belong to, and the place of each attempt's among them."""
    if log.groups is None or found.group is None:
        return None, None
    unknown = np.nonzero(found.group == len(log.groups))[0]
    if len(unknown):
        where = "entry" if belongs_to == "entry" else "last step"
        rule, first = f"known at the {where} of every attempt", log.ids[found.who[unknown[0]]]
        raise InputError("by", rule, f"nothing for customer {first}", count=len(unknown))
    occurring, group = np.unique(found.group, return_inverse=True)
    return tuple(log.groups[occurring].tolist()), group


def _as_datetime(microseconds: int) -> np.datetime64:
    return np.datetime64(microseconds, "us")


def _plain_time(moment: np.datetime64) -> str:
    """Write a moment without the zeros of its time of day."""
    day = moment.astype("datetime64[D]")
    return str(day) if day == moment else str(moment.astype("datetime64[s]")).replace("T", " ")


def _moved_on(reached: Integers) -> Integers:
    return np.concatenate((reached[..., 1:], reached[..., -1:]), axis=-1)


def _step_share(reached: Integers) -> Floats:
    return share(reached[..., 1:], reached[..., :-1])


def _overall_share(reached: Integers) -> FloatOrArray:
    return share(reached[..., -1], reached[..., 0])[()]


def _encode_groups(by: ArrayLike) -> tuple[npt.NDArray[Any], Integers]:
    """Give distinct groups, and the place of each row's group among them; dates of numpy become text."""
    column, _ = to_array("by", by, "text or whole numbers", as_objects=part_of(by, "dtype") is None)
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
    code = np.full(len(column), len(groups))  # after all groups, so that a known group wins a tie
    code[~missing] = found
    return groups, code
