"""Rules over columns of customers: written in Python or JSON, checked when they are made, never run as code.

>>> from crmvalue.segmentation import SegmentColumns
>>> columns = SegmentColumns({"total_spend": "number", "last_purchase": "date", "city": "text"})
>>> rule = (columns["total_spend"] >= 500) & ~columns["city"].is_in(["Kyiv", "Lviv"])
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, NoReturn, TypeAlias, get_args

import attrs
import numpy as np

from crmvalue._core.checks import as_day, as_float, as_items, as_ordered_items, as_text, plain_text, require_choice
from crmvalue._core.values import checked_field, choice_field, plain_given
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "LEAST_STEP",
    "ROUNDED",
    "AllOf",
    "AnyOf",
    "Column",
    "ColumnType",
    "Condition",
    "Not",
    "Rule",
    "SegmentColumns",
    "as_rule",
    "ends_of",
    "read_rule",
    "rule_conditions",
    "rule_to_fields",
]

ColumnType = Literal["number", "text", "date", "flag"]
Measure = Literal["value", "days_ago", "months_ago"]

_COMPARISONS = ("==", "!=", "<", "<=", ">", ">=", "between", "in")
_OPERATORS: dict[str, tuple[str, ...]] = {
    "number": (*_COMPARISONS, "missing"),
    "date": (*_COMPARISONS, "missing"),
    "text": ("==", "!=", "in", "missing"),
    "flag": ("true", "false", "missing"),
}
_DEEPEST = 50  # rules inside rules
ROUNDED = 1e-12
"""Part of a number that may be rounding."""
LEAST_STEP = 1e-3
"""Numbers so far apart are different ones, however large."""


def _and(self: Rule, other: object) -> AllOf:
    both = (self, as_rule(other))
    return AllOf([part for rule in both for part in (rule.rules if isinstance(rule, AllOf) else (rule,))])


def _or(self: Rule, other: object) -> AnyOf:
    both = (self, as_rule(other))
    return AnyOf([part for rule in both for part in (rule.rules if isinstance(rule, AnyOf) else (rule,))])


def _not(self: Rule) -> Not:
    return Not(self)


def _no_truth(self: object) -> NoReturn:
    raise InputError(
        "rule", "combined with &, | and ~", repr(self),
        hint="`and`, `or`, `not`, `in` and a < b < c are ambiguous: use &, |, ~, is_in and between",
    )  # fmt: skip


def as_rule(value: object, name: str = "rule") -> Rule:
    """Take a rule; the error for anything else shows one."""
    if not isinstance(value, Condition | AllOf | AnyOf | Not):
        raise InputError(name, "a condition such as columns['age'] >= 18", value, hint="put each in parentheses")
    return value


def _rules(value: Iterable[Rule]) -> tuple[Rule, ...]:
    rules = tuple(as_rule(rule, "rules") for rule in as_ordered_items("rules", value, "a sequence of rules"))
    if not rules:
        raise InputError("rules", "at least one rule", 0)
    return rules


def _parts(rule: Rule) -> tuple[Rule, ...]:
    if isinstance(rule, Condition):
        return ()
    return (rule.rule,) if isinstance(rule, Not) else rule.rules


def _depth(rule: Rule) -> int:
    return 1 + max(map(_depth, _parts(rule)), default=-1)


def _require_shallow(self: Rule) -> None:
    depth = _depth(self)
    if depth > _DEEPEST:
        raise InputError("rule", f"at most {_DEEPEST} rules inside each other", depth, hint="put them side by side")


@attrs.frozen
class Condition:
    """One comparison of one column; the operators of :class:`Column` make it.

    A customer with a missing value does not meet it, whatever the operator, except "missing".

    Parameters
    ----------
    column : str
        Name of the column.
    type : {"number", "text", "date", "flag"}
        Type of the column.
    operator : str
        "==", "!=", "<", "<=", ">", ">=", "between" (both ends in), "in", "true", "false" or "missing".
    value : object, optional
        Value that the column is compared with: a number, a text, an ISO date, a pair or a tuple of these. None for an
        operator without a value.
    measure : {"value", "days_ago", "months_ago"}, optional
        For a date: the day itself, or the days or whole calendar months from it to the day of evaluation.

    Examples
    --------
    >>> Condition("age", "number", ">=", 18)
    Condition(column='age', type='number', operator='>=', value=18.0, measure='value')
    """

    column: str = checked_field("column", as_text)
    type: ColumnType = choice_field("type", ColumnType)
    operator: str = checked_field("operator", lambda _, value: plain_text(value))
    value: Any = None
    measure: Measure = choice_field("measure", Measure, default="value")

    __and__, __or__, __invert__, __bool__ = _and, _or, _not, _no_truth
    __rand__, __ror__ = _and, _or  # of 5 & rule, where parentheses are missing

    def __attrs_post_init__(self) -> None:
        if self.measure != "value" and self.type != "date":
            raise InputError("measure", "'value' for a column that is no date", self.measure)
        require_choice(f"operator on {self.column}", self.operator, _OPERATORS[self.type])
        object.__setattr__(self, "value", self._read_value())  # frozen, but checked as a whole

    def _read_value(self) -> Any:
        name = f"{self.column} {self.operator}"
        if self.operator in ("true", "false", "missing"):
            if self.value is not None:
                raise InputError(name, "without a value", self.value)
            return None
        read = _READERS["number" if self.measure != "value" else self.type]
        if self.operator == "in":
            values = tuple(read(name, item) for item in as_items(name, self.value, "a sequence of values"))
            if not values:
                raise InputError(name, "at least one value", self.value)
            return tuple(sorted(set(values)))  # in the same order in every process, whatever a set gave
        if self.operator == "between":
            pair = tuple(read(name, item) for item in as_ordered_items(name, self.value, "a pair of values"))
            if len(pair) != 2 or not pair[0] <= pair[1]:
                raise InputError(name, "a pair of values, the lower one first", self.value)
            return pair
        return read(name, self.value)


@attrs.frozen
class AllOf:
    """A rule that holds where all of its rules hold; `&` makes it.

    Parameters
    ----------
    rules : tuple
        At least one rule.

    Examples
    --------
    >>> adult = Condition("age", "number", ">=", 18)
    >>> adult & Condition("city", "text", "==", "Lviv") == AllOf([adult, Condition("city", "text", "==", "Lviv")])
    True
    """

    rules: tuple[Rule, ...] = attrs.field(converter=_rules)

    __and__, __or__, __invert__, __bool__ = _and, _or, _not, _no_truth
    __rand__, __ror__, __attrs_post_init__ = _and, _or, _require_shallow


@attrs.frozen
class AnyOf:
    """A rule that holds where at least one of its rules holds; `|` makes it.

    Parameters
    ----------
    rules : tuple
        At least one rule.

    Examples
    --------
    >>> child = Condition("age", "number", "<", 18)
    >>> child | Condition("age", "number", ">=", 65) == AnyOf([child, Condition("age", "number", ">=", 65)])
    True
    """

    rules: tuple[Rule, ...] = attrs.field(converter=_rules)

    __and__, __or__, __invert__, __bool__ = _and, _or, _not, _no_truth
    __rand__, __ror__, __attrs_post_init__ = _and, _or, _require_shallow


@attrs.frozen
class Not:
    """A rule that holds where another rule does not; `~` makes it.

    Parameters
    ----------
    rule : rule
        A condition or a combination.

    Examples
    --------
    >>> ~Condition("is_member", "flag", "true")
    Not(rule=Condition(column='is_member', type='flag', operator='true', value=None, measure='value'))
    """

    rule: Rule = attrs.field(converter=as_rule)

    __and__, __or__, __invert__, __bool__ = _and, _or, _not, _no_truth
    __rand__, __ror__, __attrs_post_init__ = _and, _or, _require_shallow


Rule: TypeAlias = Condition | AllOf | AnyOf | Not


@attrs.frozen(eq=False)
class Column:
    """One column, ready for comparisons; take it from :class:`SegmentColumns`.

    Parameters
    ----------
    name : str
        Name of the column.
    type : {"number", "text", "date", "flag"}
        Type of its values.
    measure : {"value", "days_ago", "months_ago"}, optional
        For a date, the measure that is compared.

    Examples
    --------
    >>> column = Column("last_purchase", "date")
    >>> column.months_ago >= 9
    Condition(column='last_purchase', type='date', operator='>=', value=9.0, measure='months_ago')
    """

    name: str
    type: ColumnType
    measure: Measure = "value"

    __hash__ = None  # type: ignore[assignment]  # == makes a condition
    __bool__ = _no_truth

    def __eq__(self, value: object) -> Condition:  # type: ignore[override]  # it makes a condition
        return self._condition("==", value)

    def __ne__(self, value: object) -> Condition:  # type: ignore[override]  # it makes a condition
        return self._condition("!=", value)

    def __lt__(self, value: object) -> Condition:
        return self._condition("<", value)

    def __le__(self, value: object) -> Condition:
        return self._condition("<=", value)

    def __gt__(self, value: object) -> Condition:
        return self._condition(">", value)

    def __ge__(self, value: object) -> Condition:
        return self._condition(">=", value)

    def __and__(self, other: object) -> NoReturn:
        _no_truth(self)

    __or__ = __rand__ = __ror__ = __and__

    def __invert__(self) -> NoReturn:
        _no_truth(self)

    def __contains__(self, item: object) -> NoReturn:
        _no_truth(self)

    def between(self, low: object, high: object) -> Condition:
        """Make the condition that a value lies from low to high, both ends included."""
        return self._condition("between", (low, high))

    def is_in(self, values: Iterable[object]) -> Condition:
        """Make the condition that a value is one of several."""
        return self._condition("in", values)

    def is_true(self) -> Condition:
        """Make the condition that a flag is true."""
        return self._condition("true")

    def is_false(self) -> Condition:
        """Make the condition that a flag is false; a missing value is not."""
        return self._condition("false")

    def is_missing(self) -> Condition:
        """Make the condition that a value is missing."""
        return self._condition("missing")

    @property
    def days_ago(self) -> Column:
        """Days from a date to the day of evaluation, below 0 for a later date."""
        return self._measured("days_ago")

    @property
    def months_ago(self) -> Column:
        """Whole calendar months from a date to the day of evaluation."""
        return self._measured("months_ago")

    def _measured(self, measure: Measure) -> Column:
        if self.type != "date" or self.measure != "value":
            raise InputError(
                f"{self.name}.{measure}", "of a date", self.type if self.measure == "value" else self.measure
            )
        return attrs.evolve(self, measure=measure)

    def _condition(self, operator: str, value: object = None) -> Condition:
        return Condition(self.name, self.type, operator, value, self.measure)


def _read_types(value: object) -> tuple[tuple[str, ColumnType], ...]:
    plain = plain_given(value)
    given = plain.items() if isinstance(plain, Mapping) else plain
    pairs = as_ordered_items("types", given, "a mapping from columns to their types")
    read = []
    for pair in pairs:
        if not isinstance(pair, tuple) or len(pair) != 2:
            raise InputError("types", "pairs of a column and its type", pair)
        name, kind = pair
        word: Any = require_choice(f"types[{name!r}]", kind, get_args(ColumnType))
        read.append((as_text("types", name), word))
    if not read or len(dict(read)) != len(read):
        raise InputError("types", "at least one column, each once", value)
    return tuple(read)


@attrs.frozen
class SegmentColumns:
    """Columns that rules may use, with their types.

    Parameters
    ----------
    types : mapping of str to {"number", "text", "date", "flag"}
        Type of each column.

    Examples
    --------
    >>> columns = SegmentColumns({"age": "number", "city": "text"})
    >>> (columns["age"] >= 18) & (columns["city"] == "Lviv")  # doctest: +ELLIPSIS
    AllOf(rules=(Condition(column='age', ...), Condition(column='city', ...)))
    """

    types: tuple[tuple[str, ColumnType], ...] = attrs.field(converter=_read_types)

    def __getitem__(self, name: str) -> Column:
        types = dict(self.types)
        given: object = name
        if not isinstance(given, str) or given not in types:
            raise InputError("column", f"one of {', '.join(types)}", name)
        return Column(name, types[name])


_READERS: dict[str, Callable[[str, Any], Any]] = {
    "number": as_float,
    "text": as_text,
    "date": lambda name, value: str(as_day(name, value)),
}


def rule_conditions(rule: Rule) -> list[Condition]:
    """List all conditions of a rule, from left to right."""
    if isinstance(rule, Condition):
        return [rule]
    return [condition for part in _parts(rule) for condition in rule_conditions(part)]


def rule_to_fields(rule: Rule) -> dict[str, Any]:
    """Give the plain data of a rule, for JSON."""
    if isinstance(rule, Condition):
        fields: dict[str, Any] = {"column": rule.column, "type": rule.type, "operator": rule.operator}
        if rule.value is not None:
            fields["value"] = list(rule.value) if isinstance(rule.value, tuple) else rule.value
        if rule.measure != "value":
            fields["measure"] = rule.measure
        return fields
    if isinstance(rule, Not):
        return {"not": rule_to_fields(rule.rule)}
    return {"all" if isinstance(rule, AllOf) else "any": [rule_to_fields(part) for part in rule.rules]}


def ends_of(value: Any) -> tuple[Any, Any]:
    """Give the ends, both in, of the numbers that only rounding keeps from being a value."""
    away = np.minimum(ROUNDED * np.abs(value), LEAST_STEP)
    return value - away, value + away


def read_rule(fields: object, columns: SegmentColumns, depth: int = 0) -> Rule:
    """Build a rule from plain data; its columns must be among the given ones, with the same types."""
    if depth > _DEEPEST:
        raise InputError("rule", f"at most {_DEEPEST} rules inside each other", depth)
    if not isinstance(fields, Mapping):
        raise InputError("rule", "an object", fields)
    keys = set(fields)
    if keys in ({"all"}, {"any"}):
        ((key, parts),) = fields.items()
        if not isinstance(parts, list):
            raise InputError("rule", f"a list under {key!r}", parts)
        rules = [read_rule(part, columns, depth + 1) for part in parts]
        return AllOf(rules) if key == "all" else AnyOf(rules)
    if keys == {"not"}:
        return Not(read_rule(fields["not"], columns, depth + 1))
    if not {"column", "operator"} <= keys <= {"column", "type", "operator", "value", "measure"}:
        rule = 'either {"all": [...]}, {"any": [...]}, {"not": ...} or a condition with "column" and "operator"'
        raise InputError("rule", rule, sorted(map(str, keys)), hint="two of them in one object are ambiguous")
    column = columns[fields["column"]]
    if fields.get("type", column.type) != column.type:
        raise InputError(f"rule on {column.name}", f"of the type of the column, {column.type}", fields["type"])
    return Condition(column.name, column.type, fields["operator"], fields.get("value"), fields.get("measure", "value"))
