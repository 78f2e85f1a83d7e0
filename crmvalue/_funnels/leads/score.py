"""Lead scores: points for attributes and events of leads, steady grades, and an explanation of each score."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import attrs
import numpy as np

from crmvalue._core.checks import (
    as_column,
    as_float,
    as_items,
    as_ordered_items,
    as_positive,
    as_time,
    as_time_column,
    is_missing_object,
    require,
    require_same_index,
    to_array,
)
from crmvalue._core.encoding.customers import as_comparable, encode_customers
from crmvalue._core.frames import Columns
from crmvalue._core.json import from_json, to_json
from crmvalue._core.labels import as_given, columns_of
from crmvalue._core.values import (
    checked_field,
    count_field,
    given_field,
    hand_over,
    label_column,
    number_column,
    optional,
    require_columns,
    stay_frozen,
    whole_table,
    words_field,
)
from crmvalue._funnels.counts import as_name
from crmvalue._funnels.steps import DAY
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from crmvalue.typing import ArrayLike, Floats, Integers

    Bools = npt.NDArray[np.bool_]

__all__ = ["FitRule", "Grade", "LeadScore", "LeadScores", "ScoreItem", "Signal"]

_T = TypeVar("_T")

_MOST_POINTS = 10_000.0
_MOST_RULES = 200
_FINE = 2.0**30  # points are kept to its inverse, so that sums of them are exact in any order
_SLACK = 1e-6  # by which sums of 2,000 such points may miss a limit


def _points(name: str, value: ArrayLike) -> float:
    points = as_float(name, value)
    if abs(points) > _MOST_POINTS:
        raise InputError(name, f"from -{_MOST_POINTS:,.0f} to {_MOST_POINTS:,.0f}", points)
    return points


@attrs.frozen(kw_only=True)
class Signal:
    """Points for an event, each time it happens.

    Parameters
    ----------
    event : str
        Name of the event in the log.
    points : float
        Points for one event at `as_of`, from -10,000 to 10,000; negative for an event that speaks against the lead.
    cap : float, optional
        Most points that all events of the signal together give, positive or negative, > 0; by default no limit.
    lookback_days : float, optional
        Greatest age of an event that counts, > 0 [days]; by default all events count.
    half_life_days : float, optional
        Time in which the points of an event halve, > 0 [days]; by default points do not fall.

    Examples
    --------
    >>> signal = Signal(event="price_list", points=10, cap=30, lookback_days=90, half_life_days=30)
    >>> signal.cap
    30.0
    """

    event: str = checked_field("event", as_name)
    points: float = checked_field("points", _points)
    cap: float | None = checked_field("cap", optional(as_positive), default=None)
    lookback_days: float | None = checked_field("lookback_days", optional(as_positive), default=None)
    half_life_days: float | None = checked_field("half_life_days", optional(as_positive), default=None)


def _words(name: str, value: object) -> tuple[str | float, ...]:
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    if isinstance(value, set | frozenset):
        value = sorted(value, key=str)  # in the same order in every process
    rule = "a word, a number, True or False, or a list of them"
    found = (value,) if isinstance(value, str | bool | int | float) else tuple(as_items(name, value, rule))
    for index, item in enumerate(found):
        if not isinstance(item, str | bool | int | float) or (isinstance(item, float) and not math.isfinite(item)):
            raise InputError(name, "words, numbers, True or False", item, index=index)
    if not found:
        raise InputError(name, "at least one value", found)
    return found


@attrs.frozen(kw_only=True)
class FitRule:
    """Points for an attribute of a lead that equals a value, or lies in a range.

    A lead whose attribute is missing gets no points.

    Parameters
    ----------
    attribute : str
        Name of the attribute.
    points : float
        Points from -10,000 to 10,000.
    equals : value or iterable of values, optional
        Words, numbers, True or False. The attribute must be one of them.
    at_least, below : float, optional
        Range of a number: ``at_least <= attribute < below``; one end may be left out. Give either `equals` or a range.

    Examples
    --------
    >>> FitRule(attribute="industry", points=20, equals=["retail", "bank"]).equals
    ('retail', 'bank')
    >>> FitRule(attribute="employees", points=10, at_least=50).label
    'employees from 50'
    """

    attribute: str = checked_field("attribute", as_name)
    points: float = checked_field("points", _points)
    equals: tuple[str | float, ...] | None = checked_field("equals", optional(_words), default=None)
    at_least: float | None = checked_field("at_least", optional(as_float), default=None)
    below: float | None = checked_field("below", optional(as_float), default=None)

    def __attrs_post_init__(self) -> None:
        is_range = self.at_least is not None or self.below is not None
        if is_range == (self.equals is not None):
            raise InputError("equals", "given, or a range, but not both", self.equals)
        if self.at_least is not None and self.below is not None and self.below <= self.at_least:
            raise InputError("below", "above `at_least`", self.below)

    @property
    def label(self) -> str:
        """The rule in words."""
        if self.equals is not None:
            return f"{self.attribute} is {' or '.join(map(str, self.equals))}"
        low = "" if self.at_least is None else f" from {as_given(self.at_least)}"
        high = "" if self.below is None else f" below {as_given(self.below)}"
        return f"{self.attribute}{low}{high}"


@attrs.frozen(kw_only=True)
class Grade:
    """A grade with a score to enter and a lower score to leave, so that leads near a limit keep their grade.

    Parameters
    ----------
    name : str
        Name of the grade.
    enter : float
        Score from which a lead gets the grade.
    leave : float
        Score below which a lead loses the grade, at most `enter`.

    Examples
    --------
    >>> Grade(name="hot", enter=60, leave=50).leave
    50.0
    """

    name: str = checked_field("name", as_name)
    enter: float = checked_field("enter", as_float)
    leave: float = checked_field("leave", as_float)

    def __attrs_post_init__(self) -> None:
        if self.leave > self.enter:
            raise InputError("leave", "at most `enter`", self.leave)


class ScoreItem(NamedTuple):
    """One line of an explained score.

    Parameters
    ----------
    rule : str
        The rule that gave points: a fit rule in words, or the name of an event.
    points : float
        Points after decay and cap.
    n_events : int or None
        Number of events behind the points; None for a fit rule.

    Examples
    --------
    >>> ScoreItem("price_list", 17.5, 2).points
    17.5
    """

    rule: str
    points: float
    n_events: int | None


@stay_frozen
@attrs.frozen(kw_only=True)
class LeadScores(Columns):
    """Scores and grades of leads at one moment, with the points behind them.

    Parameters
    ----------
    as_of : datetime64[us]
        Moment of the scores.
    customer : ndarray
        The leads, in their given order.
    fit, engagement : ndarray
        Points for attributes and for events.
    grade : ndarray of str
        Grade of each lead.
    rule : tuple of str
        All rules: fit rules in words, then the names of events.
    item_row, item_rule : ndarray of int
        Position of the lead and of the rule of each item, ascending by lead and then by rule. An item is a rule that
        gave points to a lead.
    item_points : ndarray
        Points of each item.
    item_events : ndarray of int
        Number of events behind each item; 0 for a fit rule.
    n_rules_of_fit : int
        How many of the rules are fit rules.
    n_events : int
        Events that were counted.
    n_later, n_too_old, n_without_signal, n_unknown_customer : int
        Events that were not counted: they came after `as_of`, are older than the look-back of their signal, have no
        signal, or belong to no given customer. An event with several reasons is counted once. The order is: no given
        customer, no signal, after `as_of`, too old.

    Examples
    --------
    >>> score = LeadScore(
    ...     signals=[Signal(event="visit", points=5, cap=10)], grades=[Grade(name="warm", enter=10, leave=5)]
    ... )
    >>> found = score.score(["anna"], events=(["anna"] * 3, ["visit"] * 3, ["2024-05-01"] * 3), as_of="2024-05-31")
    >>> found.total, found.grade.tolist()
    (array([10.]), ['warm'])
    """

    as_of: np.datetime64 = checked_field("as_of", as_time, eq=str)
    customer: npt.NDArray[Any] = label_column("customer")
    fit: Floats = number_column("fit")
    engagement: Floats = number_column("engagement")
    grade: npt.NDArray[np.str_] = label_column("grade", texts=True)
    rule: tuple[str, ...] = words_field("rule")
    item_row: Integers = whole_table("item_row")
    item_rule: Integers = whole_table("item_rule")
    item_points: Floats = number_column("item_points")
    item_events: Integers = whole_table("item_events")
    n_rules_of_fit: int = count_field("n_rules_of_fit")
    n_events: int = count_field("n_events", default=0)
    n_later: int = count_field("n_later", default=0)
    n_too_old: int = count_field("n_too_old", default=0)
    n_without_signal: int = count_field("n_without_signal", default=0)
    n_unknown_customer: int = count_field("n_unknown_customer", default=0)

    def __attrs_post_init__(self) -> None:
        require_columns(self, len(self.customer), ("fit", "engagement", "grade"), "customers")
        require_columns(self, len(self.item_row), ("item_rule", "item_points", "item_events"), "items")
        require(self.item_row < len(self.customer), "item_row", self.item_row, "the row of a customer")
        require(self.item_rule < len(self.rule), "item_rule", self.item_rule, "the place of one of the rules")
        require(np.diff(self.item_row, prepend=0) >= 0, "item_row", self.item_row, "ascending")
        require(self.n_rules_of_fit <= len(self.rule), "n_rules_of_fit", self.n_rules_of_fit, "at most all rules")

    @property
    def total(self) -> Floats:
        """Sum of fit and engagement."""
        return self.fit + self.engagement

    @property
    def unmet(self) -> tuple[str, ...]:
        """Rules that gave no points to any lead; their name may be misspelt."""
        met = set(self.item_rule.tolist())
        return tuple(rule for k, rule in enumerate(self.rule) if k not in met)

    @property
    def conclusion(self) -> str:
        """How many leads have each grade, and which rules gave no points."""
        names, counts = np.unique(self.grade, return_counts=True)
        grades = ", ".join(f"{n:,} {name}" for name, n in zip(names.tolist(), counts.tolist(), strict=True))
        n = len(self.customer)
        text = f"{n:,} lead{'' if n == 1 else 's'}: {grades}."
        return f"{text} No lead has points for: {', '.join(self.unmet)}." if self.unmet else text

    def explain(self, customer: object) -> tuple[ScoreItem, ...]:
        """Explain the score of one lead item by item; the points sum exactly to its total.

        Parameters
        ----------
        customer : int or str
            The lead.

        Returns
        -------
        tuple of ScoreItem
            The rules that gave points, fit before engagement, in the order of the rules.

        Raises
        ------
        InputError
            If the customer was not scored.
        """
        kinds = str if len(self.customer) and isinstance(self.customer[0], str) else int | float | np.number
        comparable = isinstance(customer, kinds)
        rows = np.nonzero(np.asarray(self.customer == customer))[0] if comparable else np.zeros(0, dtype=np.int64)
        if len(rows) != 1:
            raise InputError("customer", "one of the leads that were scored", customer)
        low, high = np.searchsorted(self.item_row, [rows[0], rows[0] + 1])
        return tuple(
            ScoreItem(self.rule[rule], points, None if rule < self.n_rules_of_fit else n)
            for rule, points, n in zip(
                self.item_rule[low:high].tolist(),
                self.item_points[low:high].tolist(),
                self.item_events[low:high].tolist(),
                strict=True,
            )
        )

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give the scores column by column, for a dataframe of any kind.

        Returns
        -------
        dict of str to ndarray
            One row for each lead: `customer`, `fit`, `engagement`, `total` and `grade`.
        """
        names = ("customer", "fit", "engagement", "total", "grade")
        return {name: getattr(self, name) for name in names}


def _many(name: str, kind: type[_T]) -> Any:
    def convert(value: object) -> tuple[_T, ...]:
        found = tuple(as_ordered_items(name, value, f"{kind.__name__} values"))
        for index, item in enumerate(found):
            if not isinstance(item, kind):
                raise InputError(name, f"{kind.__name__} values", item, index=index)
        if len(found) > _MOST_RULES:
            raise InputError(name, f"at most {_MOST_RULES}", len(found))
        return found

    return given_field(converter=convert, default=())


@attrs.frozen(kw_only=True)
class LeadScore:
    """The rules of a lead score.

    Parameters
    ----------
    fit : iterable of FitRule, optional
        Points for attributes. Each rule that holds adds its points.
    signals : iterable of Signal, optional
        Points for events, at most one signal for each event.
    grades : iterable of Grade, optional
        Grades from the lowest to the highest, `enter` and `leave` rising.
    lowest : str, optional
        Name of the grade below all others.

    Examples
    --------
    >>> score = LeadScore(
    ...     fit=[FitRule(attribute="employees", points=20, at_least=50)],
    ...     signals=[
    ...         Signal(event="demo", points=30),
    ...         Signal(event="visit", points=4, cap=10, half_life_days=10),
    ...         Signal(event="unsubscribe", points=-25),
    ...     ],
    ...     grades=[Grade(name="warm", enter=20, leave=15), Grade(name="hot", enter=50, leave=40)],
    ... )
    >>> found = score.score(
    ...     ["anna", "boris"],
    ...     attributes={"employees": [120, None]},
    ...     events=(["anna", "anna", "boris"], ["demo", "visit", "visit"], ["2024-05-30", "2024-05-21", "2024-05-31"]),
    ...     as_of="2024-05-31",
    ... )
    >>> found.fit, found.engagement, found.grade.tolist()
    (array([20.,  0.]), array([32.,  4.]), ['hot', 'cold'])
    >>> for item in found.explain("anna"):
    ...     print(item.rule, item.points)
    employees from 50 20.0
    demo 30.0
    visit 2.0
    """

    fit: tuple[FitRule, ...] = _many("fit", FitRule)
    signals: tuple[Signal, ...] = _many("signals", Signal)
    grades: tuple[Grade, ...] = _many("grades", Grade)
    lowest: str = checked_field("lowest", as_name, default="cold")

    def __attrs_post_init__(self) -> None:
        if not self.fit and not self.signals:
            raise InputError("signals", "given, or `fit`", self.signals)
        _require_distinct("signals", [signal.event for signal in self.signals])
        _require_distinct("grades", [self.lowest, *(grade.name for grade in self.grades)])
        for low, high in zip(self.grades[:-1], self.grades[1:], strict=True):
            if high.enter <= low.enter or high.leave < low.leave:
                raise InputError("grades", "from the lowest to the highest, `enter` and `leave` rising", high)

    def score(
        self,
        customer: ArrayLike,
        *,
        attributes: Mapping[str, ArrayLike] | None = None,
        events: tuple[ArrayLike, ArrayLike, ArrayLike] | None = None,
        as_of: ArrayLike,
        previous_grade: ArrayLike | None = None,
    ) -> LeadScores:
        """Score leads at one moment.

        Parameters
        ----------
        customer : array_like
            The leads, each once, whole numbers or text, shape (leads,).
        attributes : mapping of str to array_like, optional
            Attributes of the leads by name, shape (leads,) each. Every attribute of a fit rule is needed. Missing
            values are None or NaN.
        events : tuple of three array_like, optional
            Customer, name and time of each event of the log, in any order; needed where there are signals.
        as_of : datetime
            Moment of the score; a date means its midnight. Later events do not count.
        previous_grade : array_like of str, optional
            Last grade of each lead, None for a new lead, shape (leads,). By default all leads are new.

        Returns
        -------
        LeadScores
            Fit, engagement, total and grade of each lead, the points behind them, and counts of ignored events.

        Raises
        ------
        InputError
            If columns differ in length, a customer occurs twice, an attribute is missing or of a wrong kind, a time is
            missing, or a previous grade is unknown.

        Notes
        -----
        An event of age `d` days counts ``points * 0.5 ** (d / half_life_days)``. The sum over the events of a signal
        is limited by its cap, positive or negative. Points are rounded to multiples of 2**-30, so that sums below 2**23
        points are exact: the order of the events does not matter, and the items of an explanation sum to the score.

        There are two candidates for the grade of a lead: the highest grade whose `enter` it reaches, and, among the
        grades up to its previous one, the highest whose `leave` it reaches. The lead gets the higher of the two.
        """
        attributes = None if attributes is None else columns_of("attributes", attributes)
        named = {f"attributes[{name!r}]": column for name, column in (attributes or {}).items()}
        require_same_index(customer=customer, **named, previous_grade=previous_grade)
        leads = _Leads.of(customer)
        now = as_time("as_of", as_of)
        parts = _fit_items(self.fit, attributes, leads.n)
        counts = dict.fromkeys(("n_events", "n_later", "n_too_old", "n_without_signal", "n_unknown_customer"), 0)
        if self.signals:
            found, counts = _event_items(self.signals, events, leads, now, len(self.fit))
            parts += found

        row, rule, points, n_events = (np.concatenate(columns) for columns in zip(_NOTHING, *parts, strict=True))
        order = np.argsort(row, kind="stable")  # the parts ascend by rule
        is_fit = rule < len(self.fit)
        fit = np.bincount(row[is_fit], weights=points[is_fit], minlength=leads.n).astype(np.float64)
        engagement = np.bincount(row[~is_fit], weights=points[~is_fit], minlength=leads.n).astype(np.float64)
        return LeadScores(
            as_of=now,
            customer=hand_over(leads.customer),
            fit=hand_over(fit),
            engagement=hand_over(engagement),
            grade=hand_over(self._grade(fit + engagement, previous_grade)),
            rule=tuple([rule.label for rule in self.fit] + [signal.event for signal in self.signals]),
            item_row=hand_over(row[order]),
            item_rule=hand_over(rule[order]),
            item_points=hand_over(points[order]),
            item_events=hand_over(n_events[order]),
            n_rules_of_fit=len(self.fit),
            **counts,
        )

    def to_json(self) -> str:
        """Write the rules as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> LeadScore:
        """Read what :meth:`to_json` wrote."""
        return from_json(cls, text, FitRule, Signal, Grade)

    def _grade(self, total: Floats, previous: ArrayLike | None) -> npt.NDArray[np.str_]:
        names = [self.lowest, *(grade.name for grade in self.grades)]
        grade = np.searchsorted([grade.enter - _SLACK for grade in self.grades], total, side="right")
        if previous is not None:
            before = _previous(previous, names, len(total))
            held = np.searchsorted([grade.leave - _SLACK for grade in self.grades], total, side="right")
            grade = np.maximum(grade, np.minimum(before, held))
        return np.array(names)[grade]


_NOTHING = (np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0), np.zeros(0, np.int64))
_Items = list[tuple["Integers", "Integers", "Floats", "Integers"]]


class _Leads(NamedTuple):
    """The leads to score, and their rows by ascending identifier."""

    customer: npt.NDArray[Any]
    distinct: npt.NDArray[Any]
    row: Integers

    @property
    def n(self) -> int:
        return len(self.customer)

    @classmethod
    def of(cls, value: ArrayLike) -> _Leads:
        distinct, code = encode_customers("customer", value)
        if len(code) == 0:
            raise InputError("customer", "at least one row", 0)
        if len(distinct) != len(code):
            twice = distinct[np.argmax(np.bincount(code))]
            raise InputError("customer", "one row a customer", twice, count=len(code) - len(distinct))
        row = np.empty(len(code), dtype=np.int64)
        row[code] = np.arange(len(code))
        return cls(distinct[code], distinct, row)

    def rows_of(self, others: npt.NDArray[Any]) -> Integers:
        """Row of each of the ascending identifiers; -1 for an identifier that is not among the leads."""
        if len(others) == 0:
            return np.zeros(0, dtype=np.int64)
        if isinstance(self.distinct[0], str) != isinstance(others[0], str):
            raise InputError("events", "with customers as in `customer`: all numbers, or all text", others[0])
        known, others = as_comparable(self.distinct, others)
        place = np.minimum(np.searchsorted(known, others), self.n - 1)
        found: Integers = np.where(known[place] == others, self.row[place], -1)
        return found


def _require_distinct(name: str, words: list[str]) -> None:
    for index, word in enumerate(words):
        if word in words[:index]:
            raise InputError(name, "of different names", word)


def _fine(points: Any) -> Any:
    return np.rint(points * _FINE) / _FINE


def _fit_items(rules: tuple[FitRule, ...], attributes: Mapping[str, ArrayLike] | None, n: int) -> _Items:
    items: _Items = []
    for number, rule in enumerate(rules):
        if attributes is None or rule.attribute not in attributes:
            raise InputError("attributes", f"with a column {rule.attribute!r}", sorted(attributes or ()))
        holds = _holds(rule, attributes[rule.attribute])
        if len(holds) != n:
            raise InputError(f"attributes[{rule.attribute!r}]", f"as long as `customer` ({n} rows)", len(holds))
        row = np.nonzero(holds & (rule.points != 0))[0]
        points = np.full(len(row), float(_fine(rule.points)))
        items.append((row, np.full(len(row), number), points, np.zeros(len(row), dtype=np.int64)))
    return items


def _holds(rule: FitRule, value: ArrayLike) -> Bools:
    """Whether a fit rule holds for each lead; it never holds for a missing attribute."""
    name = f"attributes[{rule.attribute!r}]"
    if rule.equals is None:
        column = as_column(name, value, allow_missing=True)
        low = -math.inf if rule.at_least is None else rule.at_least
        high = math.inf if rule.below is None else rule.below
        inside: Bools = (column >= low) & (column < high)  # NaN compares false
        return inside
    array, _ = to_array(name, value, "a column of words, numbers or flags", as_objects=True)
    if array.ndim != 1:
        raise InputError(name, "one-dimensional, one element a lead", f"{array.ndim} dimensions")
    wanted = {(isinstance(item, str), item) for item in rule.equals}
    try:
        return np.fromiter(((isinstance(x, str), x) in wanted for x in array.tolist()), dtype=bool, count=len(array))
    except TypeError as error:
        raise InputError(name, "a column of words, numbers or flags", "a list inside") from error


def _event_items(
    signals: tuple[Signal, ...], events: object, leads: _Leads, now: np.datetime64, first: int
) -> tuple[_Items, dict[str, int]]:
    if not isinstance(events, tuple | list) or len(events) != 3:
        raise InputError("events", "a tuple of customer, name and time, where there are signals", type(events).__name__)
    require_same_index(**{f"events[{place}]": column for place, column in enumerate(events)})
    people, person = encode_customers("events[0]", events[0])
    names, kind = encode_customers("events[1]", events[1])
    times = as_time_column("events[2]", events[2])
    for place, column in ((1, kind), (2, times)):
        if len(column) != len(person):
            raise InputError(f"events[{place}]", f"as long as `events[0]` ({len(person)} rows)", len(column))
    number = {signal.event: i for i, signal in enumerate(signals)}
    signal_of = np.array([number.get(name, -1) for name in names.tolist()], dtype=np.int64)

    row, signal = leads.rows_of(people)[person], signal_of[kind]
    age = (now - times).astype(np.int64) / DAY
    known = row >= 0
    ours = known & (signal >= 0)
    past = ours & (age >= 0)
    counts = {
        "n_unknown_customer": int((~known).sum()),
        "n_without_signal": int((known & ~ours).sum()),
        "n_later": int((ours & ~past).sum()),
        "n_too_old": 0,
        "n_events": 0,
    }
    items: _Items = []
    for i, one in enumerate(signals):
        chosen = np.nonzero(past & (signal == i))[0]
        if one.lookback_days is not None:
            young = chosen[age[chosen] <= one.lookback_days]
            counts["n_too_old"] += len(chosen) - len(young)
            chosen = young
        counts["n_events"] += len(chosen)
        items.append(_signal_items(one, row[chosen], age[chosen], leads.n, first + i))
    return items, counts


@np.errstate(under="ignore")
def _signal_items(
    signal: Signal, row: Integers, age: Floats, n: int, number: int
) -> tuple[Integers, Integers, Floats, Integers]:
    n_events = np.bincount(row, minlength=n).astype(np.int64, copy=False)
    if signal.half_life_days is None:
        points = (n_events * float(_fine(signal.points))).astype(np.float64)
    else:
        each = _fine(signal.points * np.exp2(-age / signal.half_life_days))
        points = np.bincount(row, weights=each, minlength=n).astype(np.float64)
    if signal.cap is not None:
        cap = float(_fine(signal.cap))
        points = np.clip(points, -cap, cap)
    rows = np.nonzero(points)[0]
    return rows, np.full(len(rows), number), points[rows], n_events[rows]


def _previous(value: ArrayLike, names: list[str], n: int) -> Integers:
    array, _ = to_array("previous_grade", value, "a column of grades", as_objects=True)
    if array.shape != (n,):
        raise InputError("previous_grade", f"one for each of the {n} leads", array.shape)
    place = {name: i for i, name in enumerate(names)}
    items = array.tolist()
    code = [place.get(item, -1) if isinstance(item, str) else 0 if is_missing_object(item) else -1 for item in items]
    found = np.array(code, dtype=np.int64)
    require(found >= 0, "previous_grade", array, f"one of {', '.join(names)}, or None")
    return found
