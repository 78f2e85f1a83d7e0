"""Which column of a frame is which: named by the user, or guessed from the headings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from crmvalue._core.headings import ARGUMENTS, choose_columns, listed
from crmvalue._frames.engines import ignores_case
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import narwhals as nw

__all__ = [
    "TIMES",
    "Roles",
    "find_customer",
    "find_named",
    "find_needed",
    "find_roles",
    "names_of",
    "require_free",
    "require_name",
    "require_numbers",
    "require_other_names",
    "require_present",
]

TIMES = ("time", "timestamp", "event_time", "occurred_at", "created_at", "datetime", "date", "event_date")
"""Usual headings of the time of an event, the best first."""


class Roles(NamedTuple):
    """Column of each role, and the roles whose column was guessed."""

    columns: dict[str, str]
    guessed: tuple[str, ...]


def names_of(name: str, frame: nw.DataFrame[Any] | nw.LazyFrame[Any]) -> list[str]:
    """List the columns of a frame, each once."""
    names = frame.collect_schema().names()
    known = [column.lower() for column in names] if ignores_case(frame) else names
    twice = [column for column, key in zip(names, known, strict=True) if known.count(key) > 1]
    if twice:
        hint = "this engine does not tell capitals from small letters" if ignores_case(frame) else ""
        raise InputError(name, "a frame whose columns have different names", twice[0], hint=hint)
    return names


def find_roles(name: str, frame: nw.DataFrame[Any] | nw.LazyFrame[Any], asked: Mapping[str, str | None]) -> Roles:
    """Find the column of each role by its name, or by its heading; several that fit equally well are an error."""
    for role, wanted in asked.items():
        if wanted is not None:
            require_name(role, wanted)
    names = _some_texts(name, frame)
    if ignores_case(frame):
        _require_first(names, asked)
    columns, problems = choose_columns(names, asked, form=ARGUMENTS)
    if problems:
        lost = [f'{role.strip("`")}="..."' for role, _, value in problems if value is None]
        role, _, value = problems[0]
        raise _UnclearError(
            role.strip("`"),
            "; ".join(sentence for _, sentence, _ in problems),
            value,
            count=len(problems),
            hint=_say_index(frame) or (f"give the names of the columns: {', '.join(lost)}" if lost else None),
        )
    if len(set(columns.values())) < len(columns):
        raise InputError(name, "one whose roles have different columns", listed(list(columns.values())))
    return Roles(columns, tuple(role for role in columns if asked.get(role) is None))


def _texts(names: Sequence[Any]) -> list[str]:
    """Leave out names that are no text, as pandas has; no role is in such a column."""
    return [column for column in names if isinstance(column, str)]


def _some_texts(name: str, frame: nw.DataFrame[Any] | nw.LazyFrame[Any]) -> list[str]:
    """List the columns whose names are text; a frame without any is refused, since no argument can name its columns."""
    names = names_of(name, frame)
    texts = _texts(names)
    if names and not texts:
        shown = listed([str(column) for column in names])
        raise InputError(name, "a frame whose columns are named by text", shown, hint="rename the columns first")
    return texts


def _require_first(names: Sequence[str], asked: Mapping[str, str | None]) -> None:
    """Refuse a name of which DuckDB made another one, since it has no two columns that differ in capitals alone."""
    for role, wanted in asked.items():
        if wanted is not None and wanted not in names and f"{wanted}_1" in names:
            raise InputError(role, f"a column of the frame ({listed(names)})", wanted, hint=f"is it {wanted}_1?")


def find_customer(name: str, frame: nw.DataFrame[Any] | nw.LazyFrame[Any], asked: str | None) -> str:
    """Find the column of the customers alone."""
    if asked is not None:
        require_name("customer", asked)
        require_present(name, frame, (asked,), "name the column of the customers")
        return asked
    names = _some_texts(name, frame)
    columns, problems = choose_columns(names, {"customer": None, "date": "", "amount": ""}, form=ARGUMENTS)
    wrong = [sentence for role, sentence, _ in problems if role == ARGUMENTS.role("customer")]
    if wrong:
        raise _UnclearError("customer", wrong[0], None, hint=_say_index(frame))
    return columns["customer"]


def find_needed(name: str, frame: nw.DataFrame[Any] | nw.LazyFrame[Any], asked: Mapping[str, str | None]) -> Roles:
    """Find the columns of some roles alone, whatever the other headings look like."""
    for role, wanted in asked.items():
        if wanted is not None:
            require_name(role, wanted)
    names = _some_texts(name, frame)
    columns, problems = choose_columns(names, {"customer": "", "date": "", "amount": ""} | dict(asked), form=ARGUMENTS)
    mine = {ARGUMENTS.role(role): role for role in asked}
    for role, sentence, value in problems:
        if role in mine:
            raise _UnclearError(mine[role], sentence, value, hint=_say_index(frame))
    return Roles({role: columns[role] for role in asked}, tuple(role for role in asked if asked[role] is None))


def find_named(
    name: str, frame: nw.DataFrame[Any] | nw.LazyFrame[Any], role: str, asked: str | None, usual: Sequence[str]
) -> str:
    """Find a column by its name, or by the first usual heading that it bears."""
    if asked is not None:
        require_name(role, asked)
        require_present(name, frame, (asked,), f"name the column of the {role}")
        return asked
    names = _some_texts(name, frame)
    same = {column.lower().replace(" ", "_"): column for column in reversed(names)}
    found = [same[heading] for heading in usual if heading in same]
    if not found:
        raise InputError(role, f"named: no column looks like one ({listed(names)})", None)
    return found[0]


def require_name(role: str, column: object) -> None:
    """Refuse what is no name of a column."""
    if not isinstance(column, str):
        raise InputError(role, "the name of a column", column)


def require_present(name: str, frame: nw.DataFrame[Any] | nw.LazyFrame[Any], needed: Sequence[str], hint: str) -> None:
    """Refuse a frame that lacks a column."""
    names = names_of(name, frame)
    missing = [column for column in needed if column not in names]
    if missing:
        _some_texts(name, frame)
        shown = listed([str(column) for column in names])
        raise InputError(name, f"a frame with {', '.join(missing)}", shown, hint=hint)


def require_free(frame: nw.DataFrame[Any] | nw.LazyFrame[Any], customer: str, made: Sequence[str]) -> None:
    """Refuse a column of customers whose name is that of a column of the result."""
    if (customer.lower() if ignores_case(frame) else customer) in made:
        raise InputError("customer", "a column whose name is not that of a result", customer, hint="rename the column")


def require_other_names(name: str, frame: nw.DataFrame[Any] | nw.LazyFrame[Any], made: Iterable[str]) -> None:
    """Refuse a column that the engine cannot tell from one that is made, since only capitals differ."""
    if not ignores_case(frame):
        return
    new = {column.lower(): column for column in made}
    for column in names_of(name, frame):
        if new.get(column.lower(), column) != column:
            rule = f"a frame whose columns are other than {new[column.lower()]!r}, which is made, in more than capitals"
            raise InputError(name, rule, column, hint="rename the column")


def require_numbers(
    name: str,
    frame: nw.DataFrame[Any] | nw.LazyFrame[Any],
    columns: Iterable[str],
    flags: Iterable[str] = (),
) -> None:
    """Refuse columns of an engine that hold no numbers, such as texts, which some engines would read as numbers.

    The columns `flags` may be True and False too.
    """
    import narwhals as nw

    schema = frame.collect_schema()
    flagged = {column for column in flags if isinstance(schema[column], nw.Boolean)}
    for column in (*columns, *flags):
        if not schema[column].is_numeric() and column not in flagged:
            rule = f"a frame whose column {column!r} has numbers"
            raise InputError(name, rule, str(schema[column]), hint="cast the column first")


def _say_index(frame: nw.DataFrame[Any] | nw.LazyFrame[Any]) -> str | None:
    """Point to the index of a pandas frame that has a name, since it is no column."""
    named = [str(name) for name in getattr(getattr(frame.to_native(), "index", None), "names", ()) if name is not None]
    return f"reset_index() makes {listed(named)} of the index a column" if named else None


class _UnclearError(InputError):
    """Which column is meant is not clear; `rule` is the whole sentence."""

    def __str__(self) -> str:
        return f"{self.rule}. Hint: {self.hint}" if self.hint else self.rule
