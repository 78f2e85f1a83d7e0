"""Civil-calendar arithmetic on whole arrays of `datetime64[D]`.

Dates must have passed :func:`crmvalue._core.checks.as_days`. No function reads a clock. Months are counted from the
original date, never chained, and clamped to the end of a month: 31 January + 1 month is the last day of February. Only
:func:`local_to_utc` knows time zones.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

import numpy as np

from crmvalue._core.checks import require
from crmvalue._core.labels import counted, warn_at_user

if TYPE_CHECKING:
    from collections.abc import Callable
    from zoneinfo import ZoneInfo

    import numpy.typing as npt

    from crmvalue.typing import Dates, Floats, Integers

__all__ = [
    "FAR_YEARS",
    "LEAP_DAY_POLICIES",
    "YEAR_FRACTION_CONVENTIONS",
    "LeapDayPolicy",
    "Silence",
    "YearFractionConvention",
    "add_months",
    "anniversary",
    "begin_of_log",
    "find_late",
    "find_silence",
    "first_day_of_log",
    "last_date",
    "local_to_utc",
    "main_span",
    "months_between",
    "n_days_after",
    "next_day_at",
    "pile_of_first_days",
    "purchases_by_day",
    "skip_quiet_hours",
    "start_of_log",
    "warn_of_days_after",
    "warn_of_early_rows",
    "warn_of_late_rows",
    "year_fraction",
    "years_without",
]

LeapDayPolicy: TypeAlias = Literal["backward", "forward", "skip"]
LEAP_DAY_POLICIES: tuple[LeapDayPolicy, ...] = ("backward", "forward", "skip")
YearFractionConvention: TypeAlias = Literal["actual/365", "actual/actual"]
YEAR_FRACTION_CONVENTIONS: tuple[YearFractionConvention, ...] = ("actual/365", "actual/actual")

FAR_YEARS = 5
"""So many years without any row set rows apart; see :func:`main_span`."""

_FAR_DAYS = round(FAR_YEARS * 365.25)
_TIMES_AS_MANY = 9  # rows set apart are odd ones only if the log has so many times as many: they are a tenth of both
_STEEPER = 1.3  # first purchases of one stretch of weeks beside the next stretch of the same length
_LONGEST_PILE, _MUCH_STEEPER = 13, 2.0  # weeks of a pile of those who buy at regular times, and how it falls
_HALF_OF_EVEN, _REST = 0.4, 0.1  # share of such a pile in its first half, and of all customers who come later
_SIGNIFICANT = 3.0  # standard deviations of a difference of counts
_MOST_NOISE = 0.1  # weeks that differ by a third; where they differ by more, few customers come at rare times
_ABOVE_LEVEL = 1.25  # first purchases that are so much above the later level still belong to the pile
_LONGER = 1.5  # old customers who buy rarely come after the pile
_FEW = 200  # one of so many customers may stand before the log by a wrong date
_FEW_CUSTOMERS = 100  # one of so many may have come long before the others
_LONG_BEFORE = np.timedelta64(91, "D")
_DAYS_OF_A_GAP, _ROWS_OF_A_GAP = 7, 20.0
_DAYS_OF_SILENCE, _PURCHASES_BEFORE, _TIMES_AS_LONG = 14, 20, 4
_FEW_TIMES = 3  # that show a rhythm
_FEW_LATE = 4  # purchases at the end of a log
_NOT_THE_END = 0.25  # times as many purchases a day after weeks without any as before them
_DAY = np.timedelta64(1, "D")


def add_months(date: Dates, months: Integers | int) -> Dates:
    """Move each date by calendar months, clamped to the end of the month; shapes broadcast.

    31 January 2023 + 15 months is 30 April 2024, and + 16 months is 31 May: the day of the first date is kept.
    """
    start = date.astype("datetime64[D]")
    month = start.astype("datetime64[M]")
    day = start - month.astype("datetime64[D]")
    target = month + np.asarray(months, dtype=np.int64).astype("timedelta64[M]")
    moved: Dates = target.astype("datetime64[D]") + np.minimum(day, _days_in_month(target) - _DAY)
    return moved


def months_between(start: Dates, end: Dates) -> Integers:
    """Whole months from `start` to `end`: the largest m with ``add_months(start, m) <= end``; shapes broadcast.

    Clamping counts: from 31 January to 28 February 2023 is one whole month. Negative where `end` is earlier.
    """
    m = (end.astype("datetime64[M]") - start.astype("datetime64[M]")).astype(np.int64)
    whole: Integers = m - (add_months(start, m) > end)
    return whole


def anniversary(date: Dates, year: Integers | int, *, leap_day: LeapDayPolicy = "backward") -> Dates:
    """Day of each date's anniversary in a year; shapes broadcast.

    In a common year, the anniversary of 29 February is 28 February ("backward"), 1 March ("forward") or NaT ("skip").
    """
    start = date.astype("datetime64[D]")
    years = np.asarray(year, dtype=np.int64) - 1970
    shift = years - start.astype("datetime64[Y]").astype(np.int64)
    day = add_months(start, 12 * shift)
    moved = _is_leap_day(start) & ~_is_leap_day(day)
    if leap_day == "backward":
        return day
    return np.where(moved, day + _DAY if leap_day == "forward" else np.datetime64("NaT", "D"), day)


def year_fraction(start: Dates, end: Dates, *, convention: YearFractionConvention = "actual/365") -> Floats:
    """Years from `start` to `end`, negative where `end` is earlier; shapes broadcast.

    "actual/365" divides the days by 365, as the XNPV of spreadsheets does. "actual/actual" divides the days of each
    calendar year by the length of that year, so that 1 January to 1 January is exactly one year.
    """
    if convention == "actual/365":
        return (end - start).astype(np.float64) / 365.0
    return _position_in_years(end) - _position_in_years(start)


def skip_quiet_hours(local_time: Dates, *, start_hour: int, end_hour: int) -> Dates:
    """Move each local time inside the quiet hours to their end; the hours may span midnight.

    With 22 to 6, 05:30 becomes 06:00 of the same day and 23:00 becomes 06:00 of the next day. The start hour is quiet,
    the end hour is not. Equal hours mean no quiet hours.
    """
    time = local_time.astype("datetime64[s]")
    day = time.astype("datetime64[D]")
    since_midnight = (time - day).astype(np.int64)
    start, end = start_hour * 3600, end_hour * 3600
    if start <= end:
        quiet = (since_midnight >= start) & (since_midnight < end)
        wait_days = np.zeros(quiet.shape, dtype=np.int64)
    else:
        quiet = (since_midnight >= start) | (since_midnight < end)
        wait_days = (since_midnight >= start).astype(np.int64)
    wake: Dates = day.astype("datetime64[s]") + (wait_days * 86_400 + end).astype("timedelta64[s]")
    return np.where(quiet, wake, time)


def next_day_at(entered: Dates, *, days: int, hour: int) -> Dates:
    """Local time at `hour` o'clock, `days` calendar days after the day of entry, whatever the time of entry."""
    day = entered.astype("datetime64[D]") + np.timedelta64(days, "D")
    wake: Dates = day + np.asarray(hour * 3600, dtype="timedelta64[s]")
    return wake


def local_to_utc(local_time: Dates, zone: ZoneInfo) -> Dates:
    """Instant in UTC of each local time in a time zone.

    A local time that a clock change skips becomes the first valid instant after the gap. A local time that a clock
    change repeats means its first occurrence.
    """
    times, place = np.unique(local_time.astype("datetime64[s]"), return_inverse=True)
    instants = [_one_local_to_utc(time, zone) for time in times.tolist()]
    utc = np.empty(times.shape, dtype="datetime64[s]")
    utc[:] = instants
    return utc[place].reshape(local_time.shape)


def _days_in_month(month: Dates) -> npt.NDArray[np.timedelta64]:
    length: npt.NDArray[np.timedelta64] = (month + np.timedelta64(1, "M")).astype("datetime64[D]") - month.astype(
        "datetime64[D]"
    )
    return length


def _is_leap_day(date: Dates) -> npt.NDArray[np.bool_]:
    month = date.astype("datetime64[M]")
    february = month.astype(np.int64) % 12 == 1
    leap: npt.NDArray[np.bool_] = february & (date - month.astype("datetime64[D]") == np.timedelta64(28, "D"))
    return leap


def _position_in_years(date: Dates) -> Floats:
    year = date.astype("datetime64[Y]")
    first = year.astype("datetime64[D]")
    length = (year + np.timedelta64(1, "Y")).astype("datetime64[D]") - first
    position: Floats = year.astype(np.float64) + (date - first).astype(np.float64) / length.astype(np.float64)
    return position


def _one_local_to_utc(time: datetime, zone: ZoneInfo) -> datetime:
    instant = time.replace(tzinfo=zone).astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None, fold=0) != time:  # skipped: `instant` lies past the change
        before = time.replace(tzinfo=zone, fold=1).astimezone(UTC)
        offset = before.astimezone(zone).utcoffset()
        while instant - before > timedelta(seconds=1):
            middle = before + (instant - before) // 2
            if middle.astimezone(zone).utcoffset() == offset:
                before = middle
            else:
                instant = middle
        instant = instant.replace(microsecond=0)
    return instant.replace(tzinfo=None)


def last_date(
    name: str, day: Dates, purchases: Callable[[], tuple[Dates, Integers]], n_rows: Integers | None = None
) -> np.datetime64:
    """Give the last day of a log, the default of the argument `name`.

    Rows far after all others are refused: one wrong date would move the end by years. Of what is less plain, a warning
    says it: see :func:`find_late` and :func:`find_silence`. `purchases` gives what :func:`purchases_by_day` does; it is
    asked only where weeks have no row.
    """
    begin, end = main_span(day, n_rows)
    require(
        ~(day > end),  # a missing date is no late one
        "date",
        day,
        f"at most {FAR_YEARS} years after all earlier rows, unless `{name}` is given",
        hint=f"correct the date, or give {name}=, such as {str(end)!r}, the last date before",
    )
    used = day >= begin
    if not used.all():
        day, n_rows = day[used], None if n_rows is None else n_rows[used]
    number = np.bincount((day - begin).astype(np.int64), n_rows)
    days = begin + np.flatnonzero(number)
    if len(days) > 1 and _long_times(days, number[number > 0])[2].any():
        days, n = purchases()
        _warn_of_silence(name, days[days >= begin], n[days >= begin])
    return end


def main_span(day: Dates, n_rows: Integers | None = None) -> tuple[np.datetime64, np.datetime64]:
    """Give the first and the last day of a log without its odd dates, such as one order dated 2203.

    More than five years without any row cut the log in parts. The largest part is the log. The parts before it, from
    the first one on, are odd as far as they are at most a tenth of their rows and those of the largest part together;
    and so are the parts after it, from the last one on. `n_rows` weighs the rows. Rows without a date do not count.
    """
    known = ~np.isnat(day)
    if not known.all():
        day, n_rows = day[known], None if n_rows is None else n_rows[known]
    first, last = day.min(), day.max()
    if (last - first).astype(np.int64) <= _FAR_DAYS:
        return first, last
    number = np.bincount((day - first).astype(np.int64), n_rows)
    days = np.nonzero(number)[0]
    start = np.concatenate([[0], np.nonzero(np.diff(days) > _FAR_DAYS)[0] + 1])
    rows = np.add.reduceat(number[days], start)
    largest = int(rows.argmax())
    n_before, n_after = (
        int(np.count_nonzero(_TIMES_AS_MANY * np.cumsum(others) <= rows[largest]))
        for others in (rows[:largest], rows[:largest:-1])
    )
    ends = np.concatenate([start[1:], [len(days)]]) - 1
    return first + days[start[n_before]], first + days[ends[len(ends) - 1 - n_after]]


def warn_of_early_rows(day: Dates, n_rows: Integers | None = None) -> None:
    """Warn of rows far before all others, such as those of 1900-01-01, the first day that spreadsheets know.

    So it does of a log that has years without any row, as :func:`years_without` finds them, with 20 rows or more before
    them, too many for odd ones.
    """
    begin, end = main_span(day, n_rows)
    is_early = day < begin  # a missing date is no early one
    if is_early.any():
        n = int(np.count_nonzero(is_early) if n_rows is None else n_rows[is_early].sum())
        rows = "1 row is" if n == 1 else f"{n:,} rows are"
        first = day[is_early].min()
        message = f"{rows} more than {FAR_YEARS} years before all others, the first of {first}: correct a wrong date"
        warn_at_user(message, n)
    if (end - begin).astype(np.int64) > _FAR_DAYS:
        used = (day >= begin) & (day <= end)
        number = np.bincount((day[used] - begin).astype(np.int64), None if n_rows is None else n_rows[used])
        if gap := years_without(begin + np.flatnonzero(number)):
            n = int(number[: int((gap[0] - begin).astype(np.int64)) + 1].sum())
            if n >= _PURCHASES_BEFORE:
                message = f"no purchase between {gap[0]} and {gap[1]}: {n:,} rows lie before, and count"
                warn_at_user(f"{message}. If a date stands for none, leave it out", n)


def warn_of_late_rows(day: Dates) -> None:
    """Warn of rows far after all others, such as one of 2203, where no argument says the last day."""
    is_late = day > main_span(day)[1]
    if is_late.any():
        n = int(np.count_nonzero(is_late))
        rows = "1 row is" if n == 1 else f"{n:,} rows are"
        message = f"{rows} more than {FAR_YEARS} years after all others, the last of {day[is_late].max()}"
        warn_at_user(f"{message}: correct a wrong date", n)


class Silence(NamedTuple):
    """Weeks without a purchase: the days around them, None at the end of the log, and how many as many days before had.

    `n_before` is the number of purchases in the `n_days` days up to `before`.
    """

    before: np.datetime64
    after: np.datetime64 | None
    n_days: int
    n_before: int


def purchases_by_day(day: Dates, customer: Integers) -> tuple[Dates, Integers]:
    """Count the purchases of each day, ascending: all rows of a customer on one day are one; those without a day none.

    `customer` has the code of each row's customer, a whole number from 0 on.
    """
    known = ~np.isnat(day)
    if not known.all():
        day, customer = day[known], customer[known]
    first = day.min()
    n_days = int((day.max() - first).astype(np.int64)) + 1
    keys = np.sort(customer.astype(np.int64) * n_days + (day - first).astype(np.int64))
    number = np.bincount(keys[np.append(True, keys[1:] > keys[:-1])] % n_days)  # faster than np.unique
    found = np.flatnonzero(number)
    return first + found, number[found]


def years_without(days: Dates) -> tuple[np.datetime64, np.datetime64] | None:
    """Give the days around the longest time without any of the days, if it is years; `days` ascend."""
    gap = np.diff(days)
    if not len(gap) or gap.max().astype(np.int64) <= _FAR_DAYS:
        return None
    return days[gap.argmax()], days[gap.argmax() + 1]


def find_silence(days: Dates, n_purchases: Integers, end: np.datetime64 | None = None) -> Silence | None:
    """Find the longest time without a purchase, until a day if one is given, of those of which rows may be lost.

    Such a time has at least 14 days, at least four times the median time between two days with purchases, and in as
    many days before it there are 20 purchases. At the end of a log that fades away, purchases just become rare: after a
    time that may be lost they come at least a quarter as often as before it. Years without a purchase, which
    :func:`years_without` finds, are something else. `days` and `n_purchases` are those of :func:`purchases_by_day`.

    What is the rhythm of the shop is not lost: the day in the middle of the time lies in a time without a purchase, at
    least half as long and shorter than a year, in every other year in which the log covers this day, at least one; or
    there are three such times or more, half to twice as long, which fill half of the log.
    """
    return _longest(days, n_purchases, end, goes_on=True)


def find_late(days: Dates, n_purchases: Integers, end: np.datetime64 | None = None) -> Silence | None:
    """Find such a time after which a few purchases are all that comes: their dates may be wrong, or purchases rare."""
    return _longest(days, n_purchases, end, goes_on=False)


def _longest(days: Dates, purchases: Integers, end: np.datetime64 | None, *, goes_on: bool) -> Silence | None:
    if len(days) < 2 or years_without(days):
        return None
    length, n_before, long = _long_times(days, purchases, end)
    first = days[: len(length)]
    after = first + length + _DAY
    seen = np.concatenate([[0], np.cumsum(purchases)])  # purchases before each of the days, and all
    known = seen[1 : len(length) + 1]
    n_later = seen[np.searchsorted(days, after + length)] - known - 1  # but the one that ends it
    n_days = np.minimum(length, days[-1] - after + _DAY)
    often = (after > days[-1]) | (n_later * (length / _DAY) >= _NOT_THE_END * n_before * (n_days / _DAY))
    found = np.flatnonzero(long & (often if goes_on else ~often & (seen[-1] - known <= _FEW_LATE)))
    found = found[np.argsort(-length[found], kind="stable")]
    begin = (first + _DAY - days[0]).astype(np.int64)
    k = next((k for k in found.tolist() if not _is_rhythm(begin, length.astype(np.int64), k)), None)
    if k is None:
        return None
    return Silence(first[k], None if after[k] > days[-1] else after[k], int(length[k] / _DAY), int(n_before[k]))


def _is_rhythm(begin: Integers, n_days: Integers, k: int) -> bool:
    """Tell whether a time without a purchase is one of a shop's rhythm, as :func:`find_silence` says.

    `begin` and `n_days` are the first day of each such time, counted from the first day of the log, and its length.
    """
    log, middle = int(begin[-1] + n_days[-1]), int(begin[k] + n_days[k] // 2)
    alike = n_days[(2 * n_days >= n_days[k]) & (n_days <= 2 * n_days[k])]
    if len(alike) >= _FEW_TIMES and 2 * alike.sum() >= log:
        return True
    used = (2 * n_days >= n_days[k]) & (n_days < 365)  # no season lasts for a year
    begin, n_days = begin[used], n_days[used]
    year = np.arange(-(log // 365) - 1, log // 365 + 2)
    day = middle + np.rint(365.25 * year[year != 0]).astype(np.int64)
    day = day[(day >= 0) & (day < log)]
    i = np.searchsorted(begin, day, side="right") - 1  # the last time that begins by this day
    return bool(len(begin) and len(day) and ((i >= 0) & (day < (begin + n_days)[i])).all())


def _long_times(
    days: Dates, number: Integers, end: np.datetime64 | None = None
) -> tuple[npt.NDArray[np.timedelta64], Integers, npt.NDArray[np.bool_]]:
    """Give the time without a purchase after each day, the purchases in as many days before it, and which are long."""
    length: npt.NDArray[np.timedelta64] = np.diff(days if end is None else np.append(days, end + _DAY)) - _DAY
    seen = np.concatenate([[0], np.cumsum(number)])
    first = days[: len(length)]
    n_before = seen[1 : len(length) + 1] - seen[np.searchsorted(days, first - length, side="right")]
    shortest = max(_DAYS_OF_SILENCE, _TIMES_AS_LONG * np.median(np.diff(days) / _DAY))
    return length, n_before, (length / _DAY >= shortest) & (n_before >= _PURCHASES_BEFORE)


def _warn_of_silence(name: str, days: Dates, n_purchases: Integers) -> None:
    """Warn of weeks that may be lost, and of few purchases long after all others."""
    if found := find_silence(days, n_purchases):
        warn_at_user(
            f"no purchase between {found.before} and {found.after}, for {found.n_days:,} days; the {found.n_days:,} "
            f"days before have {counted(found.n_before, 'purchase')}. If rows are missing, figures are wrong; if not, "
            f"give `{name}`",
            None,
        )
    if found := find_late(days, n_purchases):
        n, last = int(n_purchases[days > found.before].sum()), days[-1]
        when = f"on {last}" if last == found.after else f"from {found.after} to {last}"
        warn_at_user(
            f"only {counted(n, 'purchase')} {'is' if n == 1 else 'are'} later than {found.before}, by "
            f"{found.n_days + 1:,} days or more: {when}. Times are counted up to the last day: correct a wrong date, "
            f"or give {name}={str(found.before)!r}",
            n,
        )


def first_day_of_log(day: Dates) -> np.datetime64:
    """Give the first day of a log without odd early rows, such as a test order three months before all others.

    The first rows, up to one of 200, and one of 100 rows or more, are odd if at least a week without any row follows
    them, in which 20 rows would have come at the pace of the middle half of all rows.
    """
    n = len(day)
    few = max(n // _FEW, int(n >= _FEW // 2))
    ordered = np.partition(day, [few, n // 4, 3 * n // 4])
    early = np.sort(ordered[: few + 1])
    pace = n / 2 / (int((ordered[3 * n // 4] - ordered[n // 4]).astype(np.int64)) + 1)
    empty = np.diff(early).astype(np.int64) - 1
    odd = np.nonzero((empty >= _DAYS_OF_A_GAP) & (empty * pace >= _ROWS_OF_A_GAP))[0]
    first: np.datetime64 = early[odd[-1] + 1] if len(odd) else early[0]
    return first


def start_of_log(came: Dates) -> np.datetime64:
    """Give the day on which a log begins: that of the first purchase, if the others do not come long after it.

    `came` has the day of the first purchase of each customer. If it takes more than a quarter until the first hundredth
    of the customers has come, the log begins after them: few customers say nothing about the churn of all.
    """
    first: np.datetime64 = came.min()
    few = len(came) // _FEW_CUSTOMERS
    most: np.datetime64 = np.partition(came, few)[few]
    return most if most - first > _LONG_BEFORE else first


def begin_of_log(day: Dates, customer: npt.NDArray[Any]) -> np.datetime64:
    """Give the first day of a log without odd early rows, and without a few customers long before all others.

    `customer` has the code of each row's customer, a whole number from 0 on.
    """
    came = np.full(int(customer.max()) + 1, day.max())
    np.minimum.at(came, customer, day)
    return max(first_day_of_log(day), start_of_log(came[np.bincount(customer) > 0]))


def n_days_after(day: Dates, end: np.datetime64) -> int:
    """Give the days from the last day of a log to `end`; 0 where they are so few that they may be quiet ones.

    They count if they are at least a week in which 20 rows would have come; as in :func:`first_day_of_log`, an odd row
    that stands apart at the end does not make the log longer.
    """
    last = day.max() - (first_day_of_log(day.max() - day + end) - end)
    n = int((end - last).astype(np.int64))
    ordered = np.partition(day, [len(day) // 4, 3 * len(day) // 4])
    middle = int((ordered[3 * len(day) // 4] - ordered[len(day) // 4]).astype(np.int64)) + 1
    return n if n >= _DAYS_OF_A_GAP and n * len(day) / 2 / middle >= _ROWS_OF_A_GAP else 0


def warn_of_days_after(day: Dates, name: str, end: np.datetime64) -> None:
    """Warn if a log of 100 rows or more ends well before the argument `name`: nobody seems to buy in its last days."""
    day = day[day <= end]
    n = n_days_after(day, end) if len(day) >= _FEW // 2 else 0
    if n:
        message = f"the log ends {n:,} days before `{name}` ({end}): whoever buys in these days counts as silent"
        warn_at_user(message, n)


def pile_of_first_days(came: Dates) -> int:
    """Give the number of days at the start of a log in which first purchases pile up; 0 if they do not.

    `came` has the day of the first purchase in the log of each customer. The first purchases are counted week by week.
    They pile up if the first weeks have at least 1.3 times as many as the same number of weeks after them, beyond
    chance (three standard deviations, which grow where neighbouring weeks of the second half of the log differ by more
    than chance, up to a third), for some number of weeks up to half of those in which half of the customers came. More
    weeks, up to 13 and to half of the log, pile up if they look like old customers who buy at regular times: at least
    40 % of them come in the first half of these weeks, they are at least twice as many as in the same number of weeks
    after them, and at least a tenth of all customers comes still later, in at least half of the weeks. The pile ends
    where the mean of the next four weeks and that of the next eight are at most 1.25 times the mean of the second half
    of the log, two standard deviations of chance aside. Half as many days again are left out, because old customers who
    buy rarely come after the pile.

    One order with a wrong date, long before all others, hides no pile: where there is none from the first day on, it is
    looked for behind the first customers too, one of 200 (at least one); the days before it are among those given.
    Where the days with first purchases are mostly over a week apart, as in a log with months for dates, each has its
    customers evenly until the next one; two or three days are no such log. First purchases alone cannot tell old
    customers from a business that opens: see :func:`crmvalue._core.clock.old_customers.pile_of_old_customers`.
    """
    came = _spread_out(came)
    days = _pile(came)
    few = min(max(len(came) // _FEW, 1), len(came) - 1)
    start = np.partition(came, few)[few]
    if days or start == came.min():
        return days
    days = _pile(came[came >= start])
    return days and days + int((start - came.min()).astype(np.int64))


def _spread_out(came: Dates) -> Dates:
    """Lay first purchases of days that are mostly over a week apart evenly into the days until the next ones."""
    day, number = np.unique(came, return_counts=True)
    gap = np.diff(day).astype(np.int64)
    if len(gap) < _FEW_TIMES or np.median(gap) <= _DAYS_OF_A_GAP:
        return came
    gap = np.append(gap, round(float(np.median(gap))))
    place = np.arange(len(came)) - np.repeat(np.cumsum(number) - number, number)
    return np.repeat(day, number) + place * np.repeat(gap, number) // np.repeat(number, number)


def _pile(came: Dates) -> int:
    """Give the days of a pile that begins on the first day."""
    week = (came - came.min()).astype(np.int64) // 7
    per_week = np.bincount(week).astype(np.float64)
    total = np.concatenate([[0.0], np.cumsum(per_week)])
    n_weeks = len(per_week)
    half = int(np.searchsorted(total, total[-1] / 2.0, side="right")) - 1
    n_first, noise = max(half // 2, 1), _noise_of_weeks(per_week[n_weeks // 2 :])
    for first in range(1, max(n_first, min(_LONGEST_PILE, n_weeks // 2)) + 1):
        if _falls(total, first, _STEEPER, noise) and (first <= n_first or _is_even(total, first, noise)):
            break
    else:
        return 0
    level = float(per_week[n_weeks // 2 :].mean())
    for start in range(first, n_weeks):
        spans = [per_week[start : start + n] for n in (4, 8)]
        if all(span.mean() <= _ABOVE_LEVEL * level + 2.0 * np.sqrt(level / len(span)) for span in spans):
            return int(7 * start * _LONGER)
    return 7 * n_weeks


def _noise_of_weeks(per_week: Floats) -> float:
    """Give the squared relative deviation of weeks from their neighbours, beyond that of counts; 0 for chance."""
    mean = float(per_week.mean())
    if len(per_week) < 3 or not mean:
        return 0.0
    steps = np.diff(per_week)
    by_chance = mean * float(1.0 + 2.0 * np.sqrt(3.0 / len(steps)))
    beyond = max(float(steps @ steps) / (2.0 * len(steps)) - by_chance, 0.0)
    return min(beyond / mean**2, _MOST_NOISE)


def _falls(total: Floats, first: int, times: float, noise: float) -> bool:
    """Tell whether the first weeks have so many times as many as the weeks after them, beyond chance."""
    early, later = total[first], total[min(2 * first, len(total) - 1)] - total[first]
    deviation = np.sqrt(early + later + noise * (early**2 + later**2) / first)
    return bool(early >= times * later and early - later > _SIGNIFICANT * deviation)


def _is_even(total: Floats, first: int, noise: float) -> bool:
    """Tell whether the first weeks look like old customers who buy at regular times: even, then a steep fall.

    So many others come after as many weeks again, and in so many weeks, that it is no cohort and no season.
    """
    is_even = total[(first + 1) // 2] >= _HALF_OF_EVEN * total[first]
    later = np.diff(total[2 * first :])
    is_no_cohort = later.sum() >= _REST * total[-1] and 2 * np.count_nonzero(later) >= len(later)
    return bool(is_even and is_no_cohort and _falls(total, first, _MUCH_STEEPER, noise))
