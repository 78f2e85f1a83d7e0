"""A loyalty programme: rules of earning, levels, and what they give for a log of orders and events."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import attrs
import numpy as np
import numpy.typing as npt

from crmvalue._core.calendar import LEAP_DAY_POLICIES, last_date, purchases_by_day
from crmvalue._core.checks import (
    as_column,
    as_counts,
    as_day,
    as_day_column,
    as_flag,
    as_time_column,
    as_whole_number,
    is_missing_object,
    require,
    require_choice,
    require_same_index,
    require_same_length,
    to_array,
)
from crmvalue._core.encoding.customers import as_words, encode_customers
from crmvalue._core.frames import Columns
from crmvalue._core.json import from_json, to_json
from crmvalue._core.values import (
    checked_field,
    choice_field,
    date_table,
    hand_over,
    label_column,
    number_table,
    of_class,
    require_columns,
    stay_frozen,
    whole_table,
    words_field,
)
from crmvalue._loyalty.earning import EarnRule, Lines, points_of_rule
from crmvalue._loyalty.ledger import PointsLedger
from crmvalue._loyalty.levels import Level, MemberLevels, Scheme, walk_levels
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from crmvalue._core.calendar import LeapDayPolicy
    from crmvalue._loyalty.levels import Walk
    from crmvalue._loyalty.policy import PointsPolicy
    from crmvalue.typing import ArrayLike, Dates, Integers

__all__ = ["EarnedPoints", "LoyaltyProgramme"]

LevelWindow: TypeAlias = Literal["year", "anniversary", "rolling"]
LevelBasis: TypeAlias = Literal["spend", "points", "orders"]
_MOST_MONEY = 10**12


def _tuple(kind: type[Any]) -> Any:
    def check(name: str, value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list | tuple):
            raise InputError(name, f"a list of {kind.__name__}", value)
        return tuple(of_class(kind)(name, part) for part in value)

    return check


@stay_frozen
@attrs.frozen(kw_only=True)
class EarnedPoints(Columns):
    """Points of each order and event by the rules of a programme.

    Parameters
    ----------
    order : ndarray
        Identifier of each order or event, in the order of time.
    member : ndarray
        Member of each order.
    time : ndarray of datetime64
        Moment of each order.
    spend : ndarray of int
        Money of each order [minor units].
    points : ndarray of int
        Points of each order.
    by_rule : ndarray of float
        Points of each order and rule, shape (n orders, n rules).
    rules : tuple of str
        Names of the rules.
    line_points : ndarray of int
        Points of each line, as the lines were given; those of an order sum to its points. They are what a return of
        the line takes back.
    tier : ndarray of int
        Number of the level that the member had just before each order, 0 for the lowest.

    Examples
    --------
    >>> programme = LoyaltyProgramme(rules=[EarnRule(name="base", points=1, per=1000)])
    >>> earned = programme.earn(
    ...     order=[1, 1, 2],
    ...     customer=["ann", "ann", "bob"],
    ...     time=["2024-01-05", "2024-01-05", "2024-01-06"],
    ...     spend=[2500, 2500, 900],
    ... )
    >>> earned.points.tolist(), earned.line_points.tolist()
    ([5, 0], [3, 2, 0])
    """

    order: npt.NDArray[Any] = label_column("order")
    member: npt.NDArray[Any] = label_column("member")
    time: Dates = date_table("time")
    spend: Integers = whole_table("spend")
    points: Integers = whole_table("points")
    by_rule: npt.NDArray[np.float64] = number_table("by_rule", 2, low=0.0)
    rules: tuple[str, ...] = words_field("rules")
    line_points: Integers = whole_table("line_points")
    tier: Integers = whole_table("tier")

    def __attrs_post_init__(self) -> None:
        require_columns(self, len(self.order), ("member", "time", "spend", "points", "by_rule", "tier"), "orders")
        if self.by_rule.shape[1] != len(self.rules):
            raise InputError("by_rule", f"with a column for each of the {len(self.rules)} rules", self.by_rule.shape)
        require(~np.isnat(self.time), "time", self.time, "a moment, not missing")
        require(self.by_rule.sum(axis=1) == self.points, "points", self.points, "the sum of `by_rule`")
        whole = int(self.points.sum())
        if self.line_points.sum() != whole:
            raise InputError("line_points", f"of the same sum as `points`, {whole}", int(self.line_points.sum()))

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give one row for each order, for a dataframe of any kind."""
        return {name: getattr(self, name) for name in ("order", "member", "time", "spend", "points", "tier")}

    def ledger(self, policy: PointsPolicy) -> PointsLedger:
        """Make the ledger in which each order with points is an earning, under the identifier of the order."""
        kept = np.nonzero(self.points)[0]
        return PointsLedger(
            policy=policy,
            event=self.order[kept],
            member=self.member[kept],
            kind=np.full(len(kept), "earn"),
            time=self.time[kept],
            points=self.points[kept],
        )

    def to_json(self) -> str:
        """Write the points as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> EarnedPoints:
        """Read what `to_json` wrote."""
        return from_json(cls, text)


@attrs.frozen(kw_only=True)
class LoyaltyProgramme:
    """The rules of a loyalty programme: how points are earned, and how members rise and fall.

    A member rises as soon as they have what a level needs in the window. They fall at the end of a period at the
    earliest.

    Parameters
    ----------
    rules : sequence of EarnRule, default ()
        What earns points. The points of all rules add up. A bonus is a rule of its own.
    levels : sequence of Level, default ()
        Levels, the lowest first; the first one needs 0, each other one more than the one before.
    window : {"year", "anniversary", "rolling"}, optional
        In what time a level must be earned; required with levels. "year": a calendar year. "anniversary": a year of the
        member from the day of joining. What was earned in one such year counts to the end of the next one. "rolling":
        the month of the day so far, and the `rolling_months` - 1 calendar months before it; levels fall at the start of
        a month.
    level_basis : {"spend", "points", "orders"}, default "spend"
        What counts for levels in :meth:`earn`. Points count as they are before the percentage of the level.
    rolling_months : int, default 12
        Calendar months of a rolling window, from 1 to 120. With 1 nothing counts after the end of its month,
        so no amount holds a level (``MemberLevels.to_keep`` is None).
    soft_landing : bool, default False
        Whether a member falls by one level at most at the end of each period.
    leap_day : {"backward", "forward"}, default "backward"
        Anniversary of 29 February in common years: 28 February or 1 March.

    Examples
    --------
    >>> programme = LoyaltyProgramme(
    ...     rules=[EarnRule(name="base", points=1, per=1000, level_percent={"gold": 200})],
    ...     levels=[Level(name="base", at_least=0), Level(name="gold", at_least=100_000)],
    ...     window="year",
    ... )
    >>> earned = programme.earn(
    ...     order=[1, 2], customer=["ann", "ann"], time=["2024-01-05", "2024-02-05"], spend=[100_000, 10_000]
    ... )
    >>> earned.points.tolist()
    [100, 20]
    """

    rules: tuple[EarnRule, ...] = checked_field("rules", _tuple(EarnRule), default=())
    levels: tuple[Level, ...] = checked_field("levels", _tuple(Level), default=())
    window: str | None = choice_field("window", LevelWindow, default=None)
    level_basis: str = choice_field("level_basis", LevelBasis, default="spend")
    rolling_months: int = checked_field(
        "rolling_months", lambda name, value: as_whole_number(name, value, low=1, high=120), default=12
    )
    soft_landing: bool = checked_field("soft_landing", as_flag, default=False)
    leap_day: LeapDayPolicy = choice_field("leap_day", LEAP_DAY_POLICIES[:2], default="backward")

    def __attrs_post_init__(self) -> None:
        names = [rule.name for rule in self.rules]
        if len(set(names)) != len(names):
            raise InputError("rules", "of different names", names)
        if self.levels:
            require_choice("window", self.window, get_args(LevelWindow))
        names = [level.name for level in self.levels]
        needs = [level.at_least for level in self.levels]
        if len(set(names)) != len(names):
            raise InputError("levels", "of different names", names)
        if needs and (needs[0] != 0 or sorted(set(needs)) != needs):
            raise InputError("levels", "from 0 upwards, each with more than the one before", needs)
        unknown = [name for rule in self.rules for name in rule.level_percent if name not in names]
        if unknown:
            raise InputError("rules", "with percentages for known levels", unknown[0])

    def member_levels(
        self,
        member: ArrayLike,
        day: ArrayLike,
        amount: ArrayLike,
        *,
        as_of: ArrayLike | None = None,
        joined: ArrayLike | None = None,
    ) -> MemberLevels:
        """Find the level of each member at the end of a day, and what is missing for the next one.

        `amount` is what counts, a whole number >= 0 in each row: minor units of money, points, or 1 for an order. Give
        orders without returned goods. Rows after `as_of`, by default the last day, do not count; give it if rows lie
        far after all others. `joined` is the day of
        joining, the same in all rows of a member; by default the day of their first row.
        """
        people, log, end = self._log("day", member, day, amount, as_of, joined)
        walk = self._walk(log, end, each_row=False)
        needs = self._needs()
        top = np.append(needs[1:], needs[-1])
        holds = self.window != "rolling" or self.rolling_months > 1
        return MemberLevels(
            member=hand_over(people),
            tier=hand_over(walk.level),
            names=tuple(level.name for level in self.levels),
            collected=hand_over(walk.collected),
            to_next=hand_over(np.maximum(top[walk.level] - walk.collected, 0) * (walk.level < len(needs) - 1)),
            to_keep=hand_over(np.maximum(needs[walk.level] - walk.kept, 0)) if holds else None,
            period_end=hand_over(walk.period_end),
        )

    def level_history(
        self,
        member: ArrayLike,
        time: ArrayLike,
        amount: ArrayLike,
        *,
        as_of: ArrayLike | None = None,
        joined: ArrayLike | None = None,
    ) -> dict[str, npt.NDArray[Any]]:
        """Follow each member through the levels: "customer", "tier" and "time" of each change, in the order of time.

        The columns are what :func:`crmvalue.journeys.level_changes` takes. The first record of a member has the lowest
        level and stands one second before the day of joining. Rows of one member and second, such as a day without a
        time, count together: only the level after all of them is recorded. Arguments are those of
        :meth:`member_levels`, with the moment in place of the day.
        """
        people, log, end = self._log("time", member, time, amount, as_of, joined)
        walk = self._walk(log, end, each_row=True)
        number, _, _, begin, moments = log
        second = moments.astype("datetime64[s]")
        up = np.nonzero(walk.after > walk.before)[0]
        up = up[np.lexsort((second[up], number[up]))]
        goes_on = (np.diff(number[up]) == 0) & (np.diff(second[up]) == np.timedelta64(0, "s"))
        up = np.delete(up, np.nonzero(goes_on)[0])
        falls, day, level = walk.falls
        starts = begin.astype("datetime64[s]") - np.timedelta64(1, "s")
        who = np.concatenate([np.arange(len(people)), falls, number[up]])
        when = np.concatenate([starts, day.astype("datetime64[s]"), second[up]])
        which = np.concatenate([np.zeros(len(people), dtype=np.int64), level, walk.after[up]])
        order = np.lexsort((np.arange(len(who)), when))
        names = np.array([level.name for level in self.levels])
        return {"customer": people[who[order]], "tier": names[which[order]], "time": when[order]}

    def earn(
        self,
        *,
        order: ArrayLike,
        customer: ArrayLike,
        time: ArrayLike,
        spend: ArrayLike,
        items: ArrayLike | None = None,
        event: ArrayLike | None = None,
        traits: Mapping[str, ArrayLike] | None = None,
        joined: ArrayLike | None = None,
    ) -> EarnedPoints:
        """Give the points of each order and event by all rules, at the level that the member had before it.

        Rows are lines of orders. `order` and `customer` are identifiers, `time` is the moment of the order, `spend` the
        money of the line [minor units, >= 0], `items` the number of items (by default 1), `traits` more columns for
        `only` and `excluded`. `event` is "order" for lines of orders and else the name of an event; by default all rows
        are lines of orders. `joined` is the day of joining of the customer. Orders of one moment, such as a day without
        a time, all earn at the level before them; what a cap leaves goes to them in the order of their identifiers.
        """
        if traits is not None and not isinstance(traits, Mapping):
            raise InputError("traits", "a mapping of names to columns", traits)
        given = {"order": order, "customer": customer, "time": time, "spend": spend}
        others = (("items", items), ("event", event), ("joined", joined))
        present = {name: column for name, column in others if column is not None}
        extra = {f"traits[{name!r}]": column for name, column in (traits or {}).items()}
        require_same_index(**given, **present, **extra)
        lines, ids, people, moment, place = _lines(order, customer, time, spend, items, event, traits)
        begin = _joined(joined, place, lines, len(people))
        n = len(lines.day)
        whole = np.full(n, 100, dtype=np.int64)
        is_order = np.ones(n, dtype=bool)
        if lines.event is not None:
            is_order = np.bincount(lines.order, lines.event == "order", minlength=n) > 0
        money = np.bincount(lines.order, lines.spend, minlength=n).astype(np.int64)
        level = np.zeros(n, dtype=np.int64)
        if self.levels:
            if self.level_basis == "points":
                amount = sum((points_of_rule(rule, lines, whole)[0] for rule in self.rules), np.zeros(n, np.int64))
            else:
                amount = np.where(is_order, money, 0) if self.level_basis == "spend" else is_order.astype(np.int64)
            walk = self._walk((lines.member, lines.day, amount, begin, lines.day), lines.day.max(), each_row=True)
            level = _before_all(lines.member, moment, walk.before)
        points, by_line, by_rule = np.zeros(n, np.int64), np.zeros(len(lines.order), np.int64), []
        for rule in self.rules:
            percents = np.array([rule.level_percent.get(known.name, 100) for known in self.levels] or [100])
            of_order, of_line = points_of_rule(rule, lines, percents[level])
            points, by_line = points + of_order, by_line + of_line
            by_rule.append(of_order)
        return EarnedPoints(
            order=hand_over(ids),
            member=hand_over(people[lines.member]),
            time=hand_over(moment),
            spend=hand_over(np.where(is_order, money, 0)),
            points=hand_over(points),
            by_rule=hand_over(np.array(by_rule, dtype=np.float64).reshape(len(self.rules), n).T.copy()),
            rules=tuple(rule.name for rule in self.rules),
            line_points=hand_over(by_line),
            tier=hand_over(level),
        )

    def to_json(self) -> str:
        """Write the programme as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> LoyaltyProgramme:
        """Read what `to_json` wrote."""
        return from_json(cls, text, EarnRule, Level)

    def _needs(self) -> Integers:
        if not self.levels:
            raise InputError("levels", "given, to find the levels of members", self.levels)
        return np.array([level.at_least for level in self.levels], dtype=np.int64)

    def _walk(self, log: tuple[Any, ...], end: np.datetime64, *, each_row: bool) -> Walk:
        member, day, amount, joined, _ = log
        months, window = self.rolling_months, str(self.window)
        scheme = Scheme(self._needs(), window, months, self.soft_landing, self.leap_day)
        return walk_levels(scheme, member, day, amount, joined, end, each_row=each_row)

    def _log(
        self, name: str, member: Any, when: Any, amount: Any, as_of: Any, joined: Any
    ) -> tuple[npt.NDArray[Any], tuple[Any, ...], np.datetime64]:
        """Check a log of what counts for levels; give the members, its rows ("time" orders them), and the last day."""
        others = {} if joined is None else {"joined": joined}
        require_same_index(member=member, **{name: when}, amount=amount, **others)
        self._needs()
        people, number = encode_customers("member", member)
        moment = (as_time_column if name == "time" else as_day_column)(name, when)
        days = moment.astype("datetime64[D]")
        count = as_counts(amount=as_column("amount", amount))[0].astype(np.int64)
        require_same_length(member=number, **{name: days}, amount=count)
        if float(count.sum(dtype=np.float64)) > 2**52:
            raise InputError("amount", "at most 2**52 together", float(count.sum(dtype=np.float64)))
        begin = np.full(len(people), np.datetime64("9999-12-31", "D"))
        if joined is None:
            np.minimum.at(begin, number, days)
        else:
            begun = as_day_column("joined", joined)
            require_same_length(member=number, joined=begun)
            begin[number] = begun
            require(begun == begin[number], "joined", begun, "the same in all rows of a member")
            require(begun <= days, "joined", begun, "not after a row of the member")
        by_day = partial(purchases_by_day, days, number)
        end = as_day("as_of", as_of) if as_of is not None else last_date("as_of", days, by_day)
        late = days > end
        if late.all():
            raise InputError("as_of", "not before all rows", str(end))
        begin = np.minimum(begin, end)
        if name == "day":  # the order of rows does not matter
            if late.any():
                number, days, count = number[~late], days[~late], count[~late]
            return people, (number, days, count, begin, days), end
        order = np.argsort(moment, kind="stable")
        order = order[~late[order]]
        return people, (number[order], days[order], count[order], begin, moment[order]), end


def _lines(
    order: Any, customer: Any, time: Any, spend: Any, items: Any, event: Any, traits: Any
) -> tuple[Lines, npt.NDArray[Any], npt.NDArray[Any], Dates, Integers]:
    """Check the lines of orders; give them, the orders, the members, the moments, and a line of each order."""
    ids, code = encode_customers("order", order)
    people, person = encode_customers("customer", customer)
    moment = as_time_column("time", time)
    money = as_counts(spend=as_column("spend", spend))[0]
    require(money <= _MOST_MONEY, "spend", money, "at most 10**12 minor units")
    count = np.ones(len(money)) if items is None else as_counts(items=as_column("items", items))[0]
    require(count <= 10**6, "items", count, "at most 10**6")
    names = None
    if event is not None:
        words, word = as_words("event", event)
        names = np.array(words, dtype=object)[word]
    present = {} if names is None else {"event": names}
    require_same_length(order=code, customer=person, time=moment, spend=money, items=count, **present)
    columns = {name: _trait(name, column, len(code)) for name, column in (traits or {}).items()}
    place = np.zeros(len(ids), dtype=np.int64)
    place[code[::-1]] = np.arange(len(code))[::-1]
    rule = "the same in all lines of an order"
    shared = "where customers share a number of an order, make the identifier of both"
    apart = "give all lines of an order one moment, such as that of its first line"
    require(person == person[place[code]], "customer", np.asarray(people[person]), rule, hint=shared)
    require(moment == moment[place[code]], "time", moment, rule, hint=apart)
    rank = np.argsort(moment[place], kind="stable")
    number = np.empty(len(ids), dtype=np.int64)
    number[rank] = np.arange(len(ids))
    place = place[rank]
    whole, pieces = money.astype(np.int64), count.astype(np.int64)
    days = moment[place].astype("datetime64[D]")
    lines = Lines(number[code], person[place], days, whole, pieces, names, columns)
    return lines, ids[rank], people, moment[place], place


def _before_all(member: Integers, moment: Dates, level: Integers) -> Integers:
    """Give the orders of a member and moment the level before all of them, since none is earlier than another."""
    order = np.lexsort((level, moment, member))
    first = np.ones(len(order), dtype=bool)
    first[1:] = (np.diff(member[order]) != 0) | (np.diff(moment[order]) != np.timedelta64(0))
    found = np.empty_like(level)
    found[order] = level[order][first][np.cumsum(first) - 1]
    return found


def _trait(name: str, value: Any, n: int) -> npt.NDArray[Any]:
    """Give a further column of the lines; a missing value is None among objects."""
    column, types = to_array(name, value, "a column")
    if column.dtype.kind == "U" and str in types and any(str(item).endswith("\0") for item in value):
        column, _ = to_array(name, value, "a column", as_objects=True)  # numpy cuts null characters off at the end
    if column.shape != (n,):
        raise InputError(name, f"a column of {n} rows", f"the shape {column.shape}")
    if column.dtype.kind in "UMiufb":
        return column
    return np.array([*(None if is_missing_object(item) else item for item in column.tolist()), None], dtype=object)[:-1]


def _joined(joined: Any, place: Integers, lines: Lines, n: int) -> Dates:
    begin = np.full(n, np.datetime64("9999-12-31", "D"))
    if joined is None:
        np.minimum.at(begin, lines.member, lines.day)
        return begin
    begun = as_day_column("joined", joined)
    require_same_length(order=lines.order, joined=begun)
    begin[lines.member] = begun[place]
    require(begun <= lines.day[lines.order], "joined", begun, "not after an order of the customer")
    require(begun == begin[lines.member[lines.order]], "joined", begun, "the same in all rows of a customer")
    return begin
