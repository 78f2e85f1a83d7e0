"""Visits by district, technician and hour, at a time when somebody is at home."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from crmvalue._core.checks import as_day, as_day_column, as_ordered_items, as_whole_number, require, require_same_index
from crmvalue._core.clock.business_hours import BusinessHours
from crmvalue._core.encoding.customers import as_words
from crmvalue._core.frames import Columns
from crmvalue._core.json import from_json, to_json
from crmvalue._core.labels import counted
from crmvalue._core.values import array_columns, checked_field, date_table, hand_over, label_column, stay_frozen
from crmvalue._journeys.fields import name_field, words_of
from crmvalue._journeys.service.columns import require_equal_columns
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from crmvalue.typing import ArrayLike, Dates, Floats, Integers

__all__ = ["AssignedVisits", "Technician", "assign_visits"]

_LAST_DAY = np.datetime64("9999-12-31", "D")
_MOST_DAYS = 366
_MOST_TOGETHER = 3660
_MOST_PAIRS = 20_000_000
_SAME = 1e-9  # hours
_A_DAY_AWAY = 10_000.0  # a visit on another day costs more than the latest hour of the planned one
_NO_ROOM, _NOBODY_HOME, _NO_TECHNICIAN = "no room", "nobody at home", "no technician"


def _working_hours(name: str, value: object) -> BusinessHours:
    if not isinstance(value, BusinessHours) or value.time_zone is not None:
        raise InputError(name, "BusinessHours without a time zone; visits are in local time", value)
    return value


def _districts(name: str, value: Any) -> tuple[str, ...]:
    words = words_of(name, value)
    if not words:
        raise InputError(name, "at least one district", value)
    return words


@stay_frozen
@attrs.frozen
class Technician:
    """Somebody who makes visits.

    Parameters
    ----------
    name : str
        Name.
    districts : str or sequence of str
        Districts to which the technician goes.
    hours : BusinessHours
        Working hours in local time, with the days off as `holidays`; no time zone.

    Examples
    --------
    >>> Technician("Ivan", districts="north", hours=BusinessHours(start="09:00", end="18:00")).districts
    ('north',)
    """

    name: str = name_field()
    districts: tuple[str, ...] = checked_field("districts", _districts, kw_only=True)
    hours: BusinessHours = checked_field("hours", _working_hours, kw_only=True)

    def to_json(self) -> str:
        """Write the technician as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> Technician:
        """Read what :meth:`to_json` wrote."""
        return from_json(cls, text, BusinessHours)


@stay_frozen
@attrs.frozen(kw_only=True)
class AssignedVisits(Columns):
    """Visits with technician and hour, columns of equal length in the order of the visits.

    Parameters
    ----------
    planned : ndarray of datetime64[D]
        Day for which each visit was planned; for an overdue visit the day of the run.
    technician : ndarray of str
        Who makes the visit; empty where it has no place.
    start : ndarray of datetime64[us]
        When it begins, in local time; NaT where it has no place.
    meets : ndarray of str
        Who is at home then; empty where nobody was named.
    reason : ndarray of str
        Why a visit has no place: "no technician", "nobody at home" in the hours of one, or "no room"; else empty.

    Examples
    --------
    >>> ivan = Technician("Ivan", districts="north", hours=BusinessHours(start="09:00", end="11:00"))
    >>> made = assign_visits(["2024-06-10"] * 3, ["north"] * 3, [ivan], as_of="2024-06-10", days_late=0)
    >>> made.is_placed, made.conclusion
    (array([ True,  True, False]), '3 visits: 2 placed, 0 of them on another day; 1 without a place.')
    """

    planned: Dates = date_table("planned", missing=False)
    technician: npt.NDArray[np.str_] = label_column("technician", texts=True)
    start: Dates = date_table("start")
    meets: npt.NDArray[np.str_] = label_column("meets", texts=True)
    reason: npt.NDArray[np.str_] = label_column("reason", texts=True)

    def __attrs_post_init__(self) -> None:
        require_equal_columns(self)

    def __len__(self) -> int:
        return len(self.start)

    @property
    def is_placed(self) -> npt.NDArray[np.bool_]:
        """Whether each visit has a technician and an hour."""
        return ~np.isnat(self.start)

    @property
    def days_moved(self) -> Integers:
        """Days by which each visit was moved, negative for earlier; 0 where it has no place."""
        moved = np.where(self.is_placed, self.start.astype("datetime64[D]") - self.planned, np.timedelta64(0, "D"))
        return moved.astype(np.int64)

    @property
    def conclusion(self) -> str:
        """Count the visits that are placed, moved and without a place."""
        n, placed, moved = len(self), int(self.is_placed.sum()), int(np.count_nonzero(self.days_moved))
        placed_text = f"{placed:,} placed, {moved:,} of them on another day"
        return f"{counted(n, 'visit')}: {placed_text}; {n - placed:,} without a place."

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give all columns by name, for a dataframe of any kind."""
        return array_columns(self)

    def to_json(self) -> str:
        """Write the visits as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str) -> AssignedVisits:
        """Read what :meth:`to_json` wrote, and check it; other text is an InputError."""
        return from_json(cls, text)


def assign_visits(
    dates: ArrayLike,
    district: ArrayLike,
    technicians: Sequence[Technician],
    *,
    as_of: ArrayLike,
    at_home: Sequence[Any] | None = None,
    minutes: int = 60,
    days_early: int = 0,
    days_late: int = 4,
) -> AssignedVisits:
    """Give each visit a technician of its district and an hour at which somebody is at home.

    Parameters
    ----------
    dates : array_like
        Day for which each visit is planned, shape (n,), such as the weeks of :func:`spread_visits`. A visit planned
        before `as_of` counts for `as_of`.
    district : array_like of str
        District of each visit.
    technicians : sequence of Technician
        Who makes visits, of different names.
    as_of : date
        First day on which a visit is possible.
    at_home : sequence, optional
        For each visit when somebody is at home: BusinessHours, or a mapping from names to them such as
        ``{"Olena": mornings, "Petro": evenings}``, or None for any time.
    minutes : int, optional
        Length of a visit with its way, 1 to 1440; working hours are cut into slots of this length.
    days_early, days_late : int, optional
        Most days by which a visit may be earlier and later than planned, 0 to 366.

    Returns
    -------
    AssignedVisits
        Technician, hour and who is at home for each visit, and why others have no place.

    Raises
    ------
    InputError
        If a date is missing, the lengths differ, a technician or an hour is of a wrong kind, or visits and slots make
        more than 20 million pairs.

    Notes
    -----
    No other assignment places more visits. Of those that place as many, it moves them by the fewest days, and then
    begins as early in the day as it can: a matching of visits with slots of the least total cost [1]_. Ways between the
    addresses of a district are not looked at; make `minutes` long enough for them. 300,000 visits take about 25 s.

    .. [1] Jonker, R. and Volgenant, A. (1987). A shortest augmenting path algorithm for dense and sparse linear
       assignment problems. Computing 38, 325-340.

    Examples
    --------
    >>> ivan = Technician("Ivan", districts=["north"], hours=BusinessHours(start="09:00", end="18:00"))
    >>> maria = Technician("Maria", districts=["north", "south"], hours=BusinessHours(start="12:00", end="20:00"))
    >>> evenings = BusinessHours(start="18:00", end="22:00")
    >>> made = assign_visits(
    ...     ["2024-06-10", "2024-06-10"],
    ...     ["north", "south"],
    ...     [ivan, maria],
    ...     at_home=[{"Olena": evenings}, None],
    ...     as_of="2024-06-10",
    ... )
    >>> made.technician.tolist(), made.start.astype("datetime64[h]").astype(str).tolist(), made.meets.tolist()
    (['Maria', 'Maria'], ['2024-06-10T18', '2024-06-10T12'], ['Olena', ''])
    """
    require_same_index(dates=dates, district=district, at_home=at_home)
    day = as_day_column("dates", dates)
    places, place = as_words("district", district)
    n = len(day)
    if len(place) != n:
        raise InputError("district", f"one for each of the {n} visits", len(place))
    first = as_day("as_of", as_of)
    team = _team(technicians)
    households, household = _households(at_home, n)
    length = as_whole_number("minutes", minutes, low=1, high=1440)
    early = as_whole_number("days_early", days_early, low=0, high=_MOST_DAYS)
    late = as_whole_number("days_late", days_late, low=0, high=_MOST_DAYS)

    if n == 0:
        empty = hand_over(np.zeros(0, dtype=np.str_))
        never = np.zeros(0, dtype="datetime64[us]")
        return AssignedVisits(
            planned=hand_over(day), technician=empty, start=hand_over(never), meets=empty, reason=empty
        )
    planned = np.maximum(day, first)
    rule = f"at least `days_late` ({late}) before the end of the year 9999"
    for name, dates_of in (("as_of", np.asarray(first)), ("dates", day)):
        require(dates_of <= _LAST_DAY - np.timedelta64(late, "D"), name, dates_of, rule)
    technician, start = _slots(team, planned, first, early, late, length)
    goes = np.array([[name in one.districts for one in team] for name in places], dtype=bool)
    moved = (start.astype("datetime64[D]") - planned[:, np.newaxis]).astype(np.int64)
    fits = (moved >= -early) & (moved <= late) & goes[place][:, technician]
    near = fits.any(axis=1)
    meets = [_who_is_home(people, start, length) for people in households]
    if meets:
        fits &= np.array([home for home, _ in meets])[household]
    has_chance = _place_among_alike(planned, place, household) < fits.sum(axis=1)
    visit, slot = np.nonzero(fits & has_chance[:, np.newaxis])
    cost = 1 + _A_DAY_AWAY * np.abs(moved[visit, slot]) + _minutes_of_day(start[slot])
    chosen = _match(n, len(start), visit, slot, cost)

    placed = np.nonzero(chosen >= 0)[0]
    reason = np.where(fits.any(axis=1), _NO_ROOM, np.where(near, _NOBODY_HOME, _NO_TECHNICIAN))
    reason[placed] = ""
    moment = np.full(n, np.datetime64("NaT", "us"))
    moment[placed] = start[chosen[placed]]
    who, by = np.full(n, "", dtype=object), np.full(n, "", dtype=object)
    for v in placed.tolist():
        by[v] = team[technician[chosen[v]]].name
        who[v] = meets[household[v]][1][chosen[v]] if meets else ""
    return AssignedVisits(
        planned=hand_over(planned),
        technician=hand_over(by.astype(np.str_)),
        start=hand_over(moment),
        meets=hand_over(who.astype(np.str_)),
        reason=hand_over(reason),
    )


def _team(technicians: Any) -> list[Technician]:
    team = as_ordered_items("technicians", technicians, "a list of technicians")
    for index, one in enumerate(team):
        if not isinstance(one, Technician) or one.name in [other.name for other in team[:index]]:
            raise InputError("technicians", "Technician values of different names", one, index=index)
    if not team:
        raise InputError("technicians", "at least one", technicians)
    return team


def _households(at_home: Any, n: int) -> tuple[list[dict[str, BusinessHours] | None], Integers]:
    """Distinct entries of `at_home`, and the place of that of each visit among them."""
    if at_home is None:
        return [], np.zeros(n, dtype=np.int64)
    rule = "for each visit BusinessHours without a time zone, a mapping of names to them, or None"
    given = as_ordered_items("at_home", at_home, rule)
    if len(given) != n:
        raise InputError("at_home", f"one for each of the {n} visits", len(given))
    seen: dict[int, int] = {}
    found: list[dict[str, BusinessHours] | None] = []
    for index, item in enumerate(given):
        if id(item) in seen:
            continue
        people = {"": item} if isinstance(item, BusinessHours) else item
        if people is not None and not _are_hours(people):
            raise InputError("at_home", rule, item, index=index)
        seen[id(item)] = len(found)
        found.append(people if people is None else dict(people))
    return found, np.array([seen[id(item)] for item in given], dtype=np.int64)


def _are_hours(people: Any) -> bool:
    return isinstance(people, Mapping) and all(
        isinstance(name, str) and isinstance(hours, BusinessHours) and hours.time_zone is None
        for name, hours in people.items()
    )


def _slots(
    team: list[Technician], planned: Dates, first: np.datetime64, early: int, late: int, length: int
) -> tuple[Integers, Dates]:
    """Technician and start of each slot of the days on which a visit is possible."""
    begin = max(planned.min() - np.timedelta64(early, "D"), first)
    end = planned.max() + np.timedelta64(late, "D")
    if (end - begin).astype(np.int64) > _MOST_TOGETHER:
        rule = f"so near to each other that all visits are within {_MOST_TOGETHER:,} days, early and late ones included"
        raise InputError("dates", rule, str(planned.max()), hint="give the visits of one week at a time")
    slots = [one.hours.slots(begin, end, minutes=length) for one in team]
    n_slots = [len(each) for each in slots]
    if len(planned) * sum(n_slots) > _MOST_PAIRS:
        rule = f"so few that visits and slots make at most {_MOST_PAIRS:,} pairs"
        raise InputError("dates", rule, len(planned) * sum(n_slots), hint="give the visits of one week at a time")
    return np.repeat(np.arange(len(team)), n_slots), np.concatenate(slots)


def _place_among_alike(planned: Dates, district: Integers, household: Integers) -> Integers:
    """Count the visits before each one that are like it in all; of such visits, the first ones have the slots."""
    columns = (household, district, planned)
    order = np.lexsort(columns)
    begins = np.ones(len(order), dtype=bool)
    begins[1:] = np.any([column[order[1:]] != column[order[:-1]] for column in columns], axis=0)
    count = np.arange(len(order))
    place = np.empty(len(order), dtype=np.int64)
    place[order] = count - np.maximum.accumulate(np.where(begins, count, 0))
    return place


def _who_is_home(
    people: dict[str, BusinessHours] | None, start: Dates, length: int
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[Any]]:
    """Whether somebody is at home during each whole slot, and who; of several people the first."""
    home, who = np.full(len(start), people is None), np.full(len(start), "", dtype=object)
    end = start + np.timedelta64(length, "m")
    for name, hours in (people or {}).items():
        mine = ~home & (np.abs(np.asarray(hours.hours_between(start, end)) - length / 60) < _SAME)
        home |= mine
        who[mine] = name
    return home, who


def _minutes_of_day(time: Dates) -> Floats:
    minutes: Floats = (time - time.astype("datetime64[D]")) / np.timedelta64(1, "m")
    return minutes


def _match(n: int, n_slots: int, visit: Integers, slot: Integers, cost: Floats) -> Integers:
    """Find the slot of each visit, -1 for none; each visit has a last resort that costs more than all slots."""
    from scipy import sparse
    from scipy.sparse import csgraph

    cost = cost * (n + 1)
    some, visit = np.unique(visit, return_inverse=True)  # the others have no slot
    last = (cost.max(initial=1.0) + 1) * (n + 1) + (n - some)  # of equal visits, the first rows stay
    columns = np.concatenate((slot, n_slots + np.arange(len(some))))
    rows, costs = np.concatenate((visit, np.arange(len(some)))), np.concatenate((cost, last))
    graph = sparse.csr_array((costs, (rows, columns)), shape=(len(some), n_slots + len(some)))
    _, got = csgraph.min_weight_full_bipartite_matching(graph)
    chosen = np.full(n, -1)
    chosen[some] = np.where(got < n_slots, got, -1)
    return chosen
