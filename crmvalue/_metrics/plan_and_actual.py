"""Targets against what came in so far; :mod:`crmvalue.metrics` is the public door."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime, time
from typing import TYPE_CHECKING, Any, NamedTuple

import attrs
import numpy as np

from crmvalue._core.calendar import first_day_of_log
from crmvalue._core.checks import (
    as_amounts,
    as_day,
    as_day_column,
    as_fraction,
    as_log_amounts,
    as_ordered_items,
    as_text,
    require,
    require_same_index,
    require_same_length,
    to_array,
)
from crmvalue._core.clock.business_hours import as_business_hours
from crmvalue._core.encoding.customers import text_array
from crmvalue._core.frames import Columns
from crmvalue._core.json import from_json, to_json
from crmvalue._core.labels import columns_of, counted, percent
from crmvalue._core.per_customer import Segments, as_segments, plain_moments
from crmvalue._core.pictures.pictured import Pictured
from crmvalue._core.values import (
    FixedMapping,
    checked_field,
    count_column,
    count_field,
    date_table,
    hand_over,
    number_column,
    number_field,
    optional,
    require_at_most,
    require_columns,
    require_ends,
    short_repr,
    stay_frozen,
)
from crmvalue._metrics.pictures import targets_parts
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from crmvalue._core.clock.business_hours import BusinessHours
    from crmvalue._core.pictures.parts import Parts
    from crmvalue.typing import ArrayLike, Dates, Floats, Integers

__all__ = ["PlanAndActual", "plan_and_actual"]

_PLAN = ("start", "end", "target")
_ACTUAL = ("date", "amount")
_NUMBERS = ("target", "actual", "forecast", "forecast_low", "forecast_high", "prob_reached")
_COUNTS = ("days_over", "days_left")
_COLUMNS = (
    "start", "end", "target", "actual", "share", "needed", "days_left", "needed_per_day",
    "forecast", "forecast_low", "forecast_high", "prob_reached",
)  # fmt: skip
_CERTAIN = 0.995  # a probability that is written as 100 %
_FEWEST_DAYS = 5  # of which a pace can be told
_ROUNDING = 1e-12  # of the largest day: less is what binary arithmetic leaves of nothing
_DAY = np.timedelta64(1, "D")
_KEY = 1 << 24  # more than the days from year 1 to 9999, and as many before them
_MOST_CELLS = 200_000_000  # that take some ten seconds
_CELLS = 1 << 20  # targets times days in memory at a time


def _dimensions(name: str, value: Any) -> FixedMapping[str, tuple[str, ...]]:
    rule = "a mapping from the name of a dimension to the labels of the targets"
    if not isinstance(value, Mapping):
        raise InputError(name, rule, value)
    return FixedMapping(
        {
            as_text(name, key): tuple(as_text(of, label) for label in as_ordered_items(of, column, "a list of texts"))
            for key, of, column in ((key, f"{name}[{key!r}]", column) for key, column in value.items())
        }
    )


def _repr_of_labels(dimensions: Mapping[str, tuple[str, ...]]) -> str:
    return f"{{{', '.join(f'{name!r}: {short_repr(labels)}' for name, labels in dimensions.items())}}}"


@stay_frozen
@attrs.frozen(kw_only=True)
class PlanAndActual(Columns, Pictured):
    """Each target with what came in so far, what is needed per remaining day, and the chance to reach it.

    Parameters
    ----------
    dimensions : mapping of str to tuple of str
        Labels of each row, such as {"manager": (...), "region": (...)}.
    start, end : ndarray of datetime64[D]
        First and last day of each target.
    target, actual : ndarray
        Target, and what came in from `start` to `as_of` [money].
    days_over, days_left : ndarray of int
        Working days of the period up to `as_of`, and after it.
    forecast, forecast_low, forecast_high : ndarray
        What will have come in at the end, at the present pace, with its interval [money]; NaN where fewer than five
        days show the pace. The ends are NaN too where all days brought the same, such as nothing. An end is infinite
        where few skewed days set no bound.
    prob_reached : ndarray
        Chance to reach the target; 1 where it is reached and no day took money back; NaN where the pace, or how days
        vary, is not known.
    level : float
        Level of the intervals.
    as_of : datetime64[D]
        Last day that is known.
    n_unplanned : int
        Amounts without a target: of another label, or outside all periods.
    unplanned : float
        Their sum [money].
    n_unlabelled : int
        Those of them whose labels no target has.
    n_later : int
        Amounts after `as_of`, which are left out and in no other count.

    Examples
    --------
    >>> plan = {"manager": ["ann"], "start": ["2025-03-01"], "end": ["2025-03-31"], "target": [3100]}
    >>> sales = {"manager": ["ann"] * 10, "date": np.arange("2025-03-01", "2025-03-11", dtype="datetime64[D]")}
    >>> found = plan_and_actual(plan, sales | {"amount": [90, 110] * 5}, as_of="2025-03-10")
    >>> found.actual, found.needed_per_day, found.forecast
    (array([1000.]), array([100.]), array([3100.]))
    """

    dimensions: Mapping[str, tuple[str, ...]] = checked_field("dimensions", _dimensions, repr=_repr_of_labels)
    start: Dates = date_table("start", missing=False)
    end: Dates = date_table("end", missing=False)
    target: Floats = number_column("target", low=0.0)
    actual: Floats = number_column("actual")
    days_over: Integers = count_column("days_over")
    days_left: Integers = count_column("days_left")
    forecast: Floats = number_column("forecast", missing=True)
    forecast_low: Floats = number_column("forecast_low", infinite=True, missing=True)
    forecast_high: Floats = number_column("forecast_high", infinite=True, missing=True)
    prob_reached: Floats = number_column("prob_reached", low=0.0, high=1.0, missing=True)
    level: float = checked_field("level", as_fraction)
    as_of: np.datetime64 = checked_field("as_of", as_day, eq=str)
    n_unplanned: int = count_field("n_unplanned", default=0)
    unplanned: float = number_field("unplanned", default=0.0)
    n_unlabelled: int = count_field("n_unlabelled", default=0)
    n_later: int = count_field("n_later", default=0)

    def __attrs_post_init__(self) -> None:
        require_columns(self, len(self.start), ("end", *_NUMBERS, *_COUNTS), "targets")
        taken = next((name for name in self.dimensions if name in _COLUMNS), None)
        if taken is not None:
            raise InputError("dimensions", f"of other names than {', '.join(_COLUMNS)}", taken)
        for name, labels in self.dimensions.items():
            if len(labels) != len(self.start):
                raise InputError("dimensions", f"one {name} for each of the {len(self.start)} targets", len(labels))
        self._require_days()
        require_ends(self, "forecast_low", "forecast_high")
        known = np.isnan(self.forecast_low) | ~np.isnan(self.forecast)
        require(known, "forecast_low", self.forecast_low, "NaN where `forecast` is NaN")
        require_at_most(self, "forecast_low", "forecast", "forecast_high")
        require_at_most(self, "n_unlabelled", "n_unplanned")
        if self.unplanned and not self.n_unplanned:
            raise InputError("unplanned", "0 where `n_unplanned` is 0", self.unplanned)

    def _require_days(self) -> None:
        """Check that periods end after they start, and have room for the working days before and after `as_of`."""
        for name in ("start", "end"):
            require(~np.isnat(getattr(self, name)), name, getattr(self, name), "a day")
        require_at_most(self, "start", "end")
        start, end = self.start.astype("datetime64[D]"), self.end.astype("datetime64[D]")
        last = np.clip(self.as_of, start - _DAY, end)
        for name, most in (("days_over", last - start + _DAY), ("days_left", end - last)):
            days = getattr(self, name)
            require(days <= most.astype(np.int64), name, days, "at most the days of the period up to `as_of`, or after")

    def __len__(self) -> int:
        return len(self.start)

    @property
    def share(self) -> Floats:
        """Share of the target that came in [fraction]; NaN for a target of 0."""
        with np.errstate(over="ignore", under="ignore"):  # infinite for a target next to nothing
            share: Floats = np.divide(self.actual, self.target, out=np.full(len(self), np.nan), where=self.target > 0)
        return share

    @property
    def needed(self) -> Floats:
        """What is missing to the target [money], at least 0."""
        return np.maximum(self.target - self.actual, 0.0)

    @property
    def needed_per_day(self) -> Floats:
        """What each remaining working day has to bring [money]; infinite where something is missing and no day left."""
        needed = self.needed
        days = self.days_left
        per_day: Floats = np.divide(needed, days, out=np.where(needed > 0, np.inf, 0.0), where=days > 0)
        return per_day

    @property
    def conclusion(self) -> str:
        """How many targets are reached, likely, open and unlikely, and how many amounts have other labels."""
        reached = self.actual >= self.target
        over = ~reached & (self.days_left == 0)
        known = ~reached & ~over & ~np.isnan(self.prob_reached)
        likely, unlikely = known & (self.prob_reached >= 0.8), known & (self.prob_reached < 0.2)
        words = {
            "reached": reached,
            "missed": over,
            "likely (at least 80 %)": likely,
            "open": known & ~likely & ~unlikely,
            "unlikely (below 20 %)": unlikely,
            "without enough days to say": ~reached & ~over & np.isnan(self.forecast),
            "not to say, because all days are alike": ~reached & ~over & ~known & ~np.isnan(self.forecast),
        }
        parts = [f"{int(who.sum()):,} {word}" for word, who in words.items() if who.any()]
        text = f"Of {counted(len(self), 'target')}: {', '.join(parts)}.{self._may_be_lost(reached)}"
        if self.n_unlabelled:
            has = "has" if self.n_unlabelled == 1 else "have"
            text += f" {counted(self.n_unlabelled, 'amount')} {has} labels of which no target is known."
        if self.n_later:
            text += f" {counted(self.n_later, 'amount')} came after {self.as_of}: left out."
        return text

    def _may_be_lost(self, reached: npt.NDArray[np.bool_]) -> str:
        """Say how many targets are reached before their end, and could be lost again."""
        may = reached & (self.days_left > 0) & ~(self.prob_reached >= _CERTAIN)
        if not may.any():
            return ""
        known = may & ~np.isnan(self.prob_reached)
        lowest = float(np.min(self.prob_reached, where=known, initial=1.0))
        one = may.sum() == 1
        least = percent(lowest, digits=0) if one else f"at least {math.floor(100 * lowest)}%"
        where = "" if known.sum() == may.sum() else ", where it is known,"
        chance = f" (probability to end at or above it{where} {least})" if lowest < _CERTAIN else ""
        who = "has days left: returns may still take it" if one else "have days left: returns may still take them"
        return f" {int(may.sum()):,} of those reached {who} below the target{chance}."

    def _parts(self) -> Parts:
        labels = [", ".join(row) for row in zip(*self.dimensions.values(), strict=True)] or [""] * len(self)
        ends, money = (self.forecast_low, self.forecast_high), (self.target, self.actual, self.forecast)
        return targets_parts(labels, (self.start, self.end), money, ends, self.prob_reached, self.needed_per_day)

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """All columns by name, a row for each target, for a dataframe of any kind."""
        columns = {name: text_array(labels) for name, labels in self.dimensions.items()}
        return columns | {name: getattr(self, name) for name in _COLUMNS}

    def to_json(self) -> str:
        """Write all columns as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str) -> PlanAndActual:
        """Read what :meth:`to_json` wrote, and check it; other text is an InputError."""
        return from_json(cls, text)


def plan_and_actual(
    plan: Mapping[str, ArrayLike],
    actual: Mapping[str, ArrayLike],
    *,
    as_of: ArrayLike,
    business_hours: BusinessHours | None = None,
    level: float = 0.95,
) -> PlanAndActual:
    r"""Compare targets with what came in: by manager, region, product, period, or whatever the plan is made for.

    Parameters
    ----------
    plan : mapping or dataframe
        Columns `start` and `end` (first and last day), `target` [money, >= 0], and one column for each dimension, such
        as `manager` and `region`. A row is one target.
    actual : mapping or dataframe
        Columns `date` and `amount` [money], and the dimensions of the plan under the same names. A row is one sale; a
        refund has an amount below 0; an amount smaller than 1e-9 counts as 0, as in an order log.
    as_of : date
        Last day that is known; later rows of `actual` are left out and counted in `n_later`.
    business_hours : BusinessHours, optional
        Calendar of the working days: the days with hours, without the holidays. A short day counts as one, like any
        other. Every day is a working day by default.
    level : float, default 0.95
        Level of the intervals of the forecast, in (0, 1).

    Returns
    -------
    PlanAndActual
        One row for each row of the plan. What belongs to no target is counted in `n_unplanned` and `unplanned`.

    Raises
    ------
    InputError
        If a column is missing or breaks its rule, a period ends before it starts, or there is no working day in it.

    Notes
    -----
    The pace is the mean of the working days that are over; days without a sale count as 0. What came in on another day
    counts for the next working day. So that the first days of a period are not alone, as many calendar days before its
    start are added as the period has, if `actual` reaches so far back.

    .. math:: \text{rest} \sim d \bar{x} \pm t_{m-1} \, s \sqrt{d + d^2 / n}, \quad
        m = \left(\sum |x|\right)^2 / \sum x^2

    for d days left and n days x that show the pace: Student's prediction of a sum. Few large days say little of how
    days vary, so they count as m days (Kish 1965), at least two. It supposes days that are alike and independent. Large
    deals that no day shows yet make it rough, and it knows no season.

    Skewed days mostly miss the few large ones: mean and spread are both too low. On the side of the long tail, the end
    is therefore at least

    .. math:: d \bar{x} + \frac{t_{n-1} \, e}{1 - t_{n-1} \, c}, \quad e = s \sqrt{d + d^2 / n}, \quad
        c = \min(s / |\bar{x}|, \gamma) \sqrt{d / (n (n + d))}

    with the skewness :math:`\gamma`: if the rest brings D more, the mean is probably higher by D / (n + d), and the
    spread by so much times its relation to the mean. The end is infinite where the denominator is not above 0: so few
    skewed days set no bound. The chance to reach a target follows the same rule.

    Intervals of 95 % hold in 91 to 96 of 100 simulated worlds with 43 or 90 days seen and 16 or 45 left (lognormal days
    of sigma 0.5 to 1.5, 0 to 80 % of them empty), and in 90 to 99 with 15 or 10 days seen and 16 or 50 left. Most of
    the other sums end above the interval.

    Examples
    --------
    >>> plan = {
    ...     "manager": ["ann", "bob"],
    ...     "start": ["2025-03-01", "2025-03-01"],
    ...     "end": ["2025-03-31", "2025-03-31"],
    ...     "target": [3100, 2000],
    ... }
    >>> days = np.arange("2025-03-01", "2025-03-11", dtype="datetime64[D]").astype(str).tolist()
    >>> sales = {
    ...     "manager": ["ann"] * 10 + ["bob"] * 2,
    ...     "date": [*days, "2025-03-02", "2025-03-09"],
    ...     "amount": [90, 110] * 5 + [200, 100],
    ... }
    >>> found = plan_and_actual(plan, sales, as_of="2025-03-10")
    >>> found.needed_per_day.round(2), found.prob_reached.round(2)
    (array([100.  ,  80.95]), array([0.5 , 0.17]))
    >>> found.conclusion
    'Of 2 targets: 1 open, 1 unlikely (below 20 %).'
    """
    planned, sold = columns_of("plan", plan), columns_of("actual", actual)
    for name, given, needed in (("plan", planned, _PLAN), ("actual", sold, _ACTUAL)):
        missing = [column for column in needed if column not in given]
        if missing:
            raise InputError(name, f"with the columns {', '.join(needed)}", tuple(map(str, given)))
    names = tuple(as_text("plan", name) for name in planned if name not in _PLAN)
    for name in names:
        if name in _COLUMNS or name in _ACTUAL:
            raise InputError("plan", "with other names of dimensions", name, hint=f"{name!r} has a meaning of its own")
    absent = [name for name in names if name not in sold]
    if absent:
        raise InputError("actual", f"with the dimension {absent[0]!r} of the plan", tuple(map(str, sold)))
    require_same_index(**{str(name): planned[name] for name in (*_PLAN, *names)})
    require_same_index(**{str(name): sold[name] for name in (*_ACTUAL, *names)})
    start, end = as_day_column("start", planned["start"]), as_day_column("end", planned["end"])
    target = as_amounts("target", planned["target"])
    n = require_same_length(start=start, end=end, target=target)
    require(end >= start, "end", end, "not before `start`")
    require(target >= 0, "target", target, ">= 0")
    date, amount = as_day_column("date", sold["date"]), as_log_amounts("amount", sold["amount"])
    if len(date) != len(amount):
        raise InputError("amount", f"as long as `date` ({len(date)} rows)", len(amount))
    now, coverage = as_day("as_of", as_of), as_fraction("level", level)
    working = _working_days(optional(as_business_hours)("business_hours", business_hours))

    key_of_plan, key = _keys({name: (planned[name], sold[name]) for name in names}, n, len(date))
    known = date <= now
    date, amount, key = date[known], amount[known], key[known]
    first_day = first_day_of_log(date) if len(date) else now
    order = np.lexsort((date, key))
    sales = _Sales(key[order], date[order], amount[order])
    last = np.minimum(end, now)
    n_days, over = working(start, end + _DAY), np.maximum(working(start, last + _DAY), 0)
    if not n_days.all():
        i = int(np.argmin(n_days))
        raise InputError("plan", "periods with a working day", str(start[i]), index=i)
    left = n_days - over
    rows = sales.rows(key_of_plan, start, end)
    begin = np.maximum(first_day, start - (end - start + _DAY))
    work = int((rows[1] - rows[0]).sum()) + int(np.maximum((last - begin).astype(np.int64), 0).sum())
    if work > _MOST_CELLS:
        rule = f"targets that have at most {_MOST_CELLS:,} days and amounts, counted for each target"
        raise InputError("plan", rule, work, hint="give it in parts")
    came = np.array([math.fsum(sales.amount[i:j].tolist()) for i, j in np.column_stack(rows).tolist()])
    came = np.where(np.abs(came - target) <= _ROUNDING * target, target, came)  # whole cents met to the cent, as floats
    begun, ended = (np.bincount(edge, minlength=len(date) + 1) for edge in rows)
    unplanned = np.cumsum(begun - ended)[:-1] == 0
    found = np.vstack([target, came, np.full((4, n), np.nan)])
    for some, days in _daily(sales, key_of_plan, begin, last, working):
        found[2:, some] = _forecast(days, came[some], left[some], target[some], coverage)
    return PlanAndActual(
        dimensions={name: _texts(name, planned[name]) for name in names},
        start=start,
        end=end,
        **{name: hand_over(column) for name, column in zip(_NUMBERS, found, strict=True)},
        days_over=hand_over(over),
        days_left=hand_over(left),
        level=coverage,
        as_of=now,
        n_unplanned=int(unplanned.sum()),
        unplanned=math.fsum(sales.amount[unplanned].tolist()),
        n_unlabelled=int((~np.isin(key, key_of_plan)).sum()),
        n_later=int((~known).sum()),
    )


def _texts(name: str, column: Any) -> tuple[str, ...]:
    array, _ = to_array(name, column, "a column of labels", as_objects=isinstance(column, list | tuple))
    return tuple(map(_label, plain_moments(array).tolist()))


def _label(label: Any) -> str:
    """Write a label: a whole number is the same as integer and as float, and a day the same as its midnight."""
    if isinstance(label, datetime) and label.tzinfo is None and label.time() == time.min:
        return str(label.date())
    return str(int(label)) if isinstance(label, float) and label.is_integer() else str(label)


def _keys(columns: Mapping[str, tuple[Any, Any]], n: int, n_rows: int) -> tuple[Integers, Integers]:
    """Give one whole number for each combination of labels, of the plan and of the sales."""
    key_of_plan, key = np.zeros(n, dtype=np.int64), np.zeros(n_rows, dtype=np.int64)
    for name, (planned, sold) in columns.items():
        ours, theirs = as_segments(planned, n, name), as_segments(sold, n_rows, name)
        if ours is None or theirs is None:
            raise InputError(name, "a column of labels", None)
        labels: dict[str, int] = {}
        for label in (*ours.labels, *theirs.labels):
            labels.setdefault(_label(label), len(labels))
        both = np.concatenate([_place(ours, labels), _place(theirs, labels)])
        _, code = np.unique(np.concatenate([key_of_plan, key]) * len(labels) + both, return_inverse=True)
        key_of_plan, key = code[:n].astype(np.int64), code[n:].astype(np.int64)
    return key_of_plan, key


def _place(segments: Segments, labels: Mapping[str, int]) -> Integers:
    """Give the place of each row's label among all labels."""
    place = np.array([labels[_label(label)] for label in segments.labels], dtype=np.int64)
    return place[segments.code]


def _working_days(office: BusinessHours | None) -> Any:
    """Make a function that counts the working days from one day to another, the last one out."""
    weekmask = "1111111" if office is None else " ".join(office.hours or office.days)
    free = np.zeros(0, dtype="datetime64[D]") if office is None else office.holidays

    def count(start: Any, end: Any) -> Any:
        return np.busday_count(start, end, weekmask=weekmask, holidays=free)

    return count


class _Sales(NamedTuple):
    """Sales in ascending order of their key and, for each key, of their day."""

    key: Integers
    date: Dates
    amount: Floats

    def rows(self, key: Integers, first: Dates, last: Dates) -> tuple[Integers, Integers]:
        """Give the first row of each key from one day to another, and the row after the last one."""
        place = _in_one(self.key, self.date)
        return np.searchsorted(place, _in_one(key, first)), np.searchsorted(place, _in_one(key, last + _DAY))


def _in_one(key: Integers, date: Dates) -> Integers:
    """Write key and day as one number that ascends as they do."""
    return key * _KEY + date.astype(np.int64)


def _daily(sales: _Sales, key: Integers, begin: Dates, last: Dates, working: Any) -> Iterator[tuple[Integers, Floats]]:
    """Sum up the working days of each target, shape (targets, days), for targets of as many days at a time.

    What came in on another day counts for the next one.
    """
    n_days = np.maximum(working(begin, last + _DAY), 0)
    low, high = sales.rows(key, begin, np.where(n_days > 0, last, begin - _DAY))
    for n in np.unique(n_days).tolist():
        alike = np.flatnonzero(n_days == n).astype(np.int64)
        cells = np.cumsum((high - low)[alike] + n)
        for some in np.split(alike, np.flatnonzero(np.diff(cells // _CELLS)) + 1):
            count = (high - low)[some]
            of = np.repeat(np.arange(len(some)), count)
            row = np.arange(len(of)) + np.repeat(low[some] - np.cumsum(count) + count, count)
            place = np.minimum(working(begin[some][of], sales.date[row]), n - 1)
            days = np.bincount(of * n + place, sales.amount[row], len(some) * n).astype(np.float64)
            yield some, days.reshape(len(some), n)


def _forecast(days: Floats, came: Floats, left: Integers, target: Floats, level: float) -> Floats:
    """Foretell the sums at the end, with their intervals, and the chances to reach the targets; a row of days each."""
    from scipy import special

    n = days.shape[1]
    done = np.where((came >= target) & ~(days < 0).any(axis=1), 1.0, np.nan)
    found = np.vstack([np.full((3, len(came)), np.nan), done])
    over = left == 0
    found[:, over] = np.vstack([came, came, came, came >= target])[:, over]
    if n < _FEWEST_DAYS:
        return found
    top = np.abs(days).max(axis=1)
    found[0] = came + days.mean(axis=1) * left
    varies = ~over & (np.ptp(days, axis=1) > _ROUNDING * top)  # nothing shows how days vary that are all alike
    days, left, rest, done = days[varies], left[varies], (found[0] - target)[varies], done[varies]
    spread = days.std(axis=1, ddof=1)
    error = spread * np.sqrt(left + left * left / n)
    share = np.abs(days) / top[varies, np.newaxis]
    counted_as = share.sum(axis=1) ** 2 / (share * share).sum(axis=1)
    degrees = np.maximum(counted_as - 1.0, 1.0)  # a few large days tell little
    slopes = _slopes(days, spread, left)
    t, few = (-special.stdtrit(df, (1.0 - level) / 2.0) for df in (n - 1.0, degrees))
    with np.errstate(divide="ignore"):
        low, high = (np.maximum(few * error, t * error / np.maximum(1.0 - t * c, 0.0)) for c in slopes)
    found[1, varies], found[2, varies] = found[0, varies] - low, found[0, varies] + high
    away = np.abs(rest)
    own = away / (error + np.where(rest < 0, slopes[1], slopes[0]) * away)
    tail = np.maximum(special.stdtr(degrees, -away / error), special.stdtr(n - 1.0, -own))
    found[3, varies] = np.where(np.isnan(done), np.where(rest < 0, tail, 1.0 - tail), done)
    return found


def _slopes(days: Floats, spread: Floats, left: Integers) -> tuple[Floats, Floats]:
    """Give how fast the errors of the rest grow with the distance below and above the forecasts.

    If the days to come bring more, by D in all, the mean is probably higher by D / (n + left), and the spread higher by
    so much times its relation to the mean, at most the skewness. On the side of the short tail it does not grow.
    """
    n, mean = days.shape[1], days.mean(axis=1)
    skewness = (((days - mean[:, np.newaxis]) / spread[:, np.newaxis]) ** 3).sum(axis=1) / (n - 1)
    known = np.abs(mean) > _ROUNDING * spread
    relation = np.divide(spread, np.abs(mean), out=np.full(len(mean), np.inf), where=known)
    slope = np.minimum(relation, np.abs(skewness)) * np.sqrt(left / (n * (n + left)))
    return np.where(skewness > 0, 0.0, slope), np.where(skewness > 0, slope, 0.0)
