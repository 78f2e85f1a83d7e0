"""The errors and warnings that crmvalue raises.

:class:`InputError` says that an argument breaks its rule, :class:`ConvergenceError` that a search found no answer,
:class:`DataWarning` that data were used although they break an assumption. Each carries its facts as fields, so that a
service can react without reading the message.
"""

from __future__ import annotations

from functools import partial
from itertools import islice
from typing import Any

__all__ = ["ConvergenceError", "DataWarning", "InputError"]


_LONGEST = 1000
"""A longer rule or hint is shown without its middle."""

_MOST_SHOWN = 81
"""Items of a list that are looked at: so many are longer than what is shown of a value."""


def broken_rule(subject: str, rule: str, *, got: str = "", hint: str | None = None) -> str:
    """Write the sentence of an :class:`InputError`; the command writes its own with the names of its options."""
    found = f"; got {got}" if got else ""
    advice = f". Hint: {_at_most(hint)}" if hint else ""
    return f"{_at_most(subject)} must be {_at_most(rule)}{found}{advice}"


def _at_most(text: str) -> str:
    """Leave out the middle of a text that is too long to be read, such as a rule with a long name in it."""
    if len(text) <= _LONGEST:
        return text
    half = _LONGEST // 2
    return f"{_whole_words(text[: half + 1], half)} ... {_whole_words(text[: -half - 2 : -1], half)[::-1]}"


def _whole_words(text: str, most: int) -> str:
    """Cut a text before the word that goes beyond so many characters; one long word is cut within."""
    end = text.rfind(" ", most // 2, most + 1)
    return text[:most] if end < 0 else text[:end]


class InputError(ValueError):
    """An argument breaks its rule.

    Parameters
    ----------
    name : str
        The argument that breaks the rule.
    rule : str
        What the argument must be; it ends the sentence "`name` must be ...".
    value : object
        The first offending value.
    index : int or tuple of int, optional
        Position of that value in the argument; None for a scalar or for the argument as a whole.
    count : int, optional
        How many values of the argument break the rule.
    hint : str, optional
        What to try instead.

    Examples
    --------
    >>> raise InputError("recency", "in [0, age]", 40.0, index=1, count=4, hint="both in weeks?")
    Traceback (most recent call last):
    crmvalue.errors.InputError: `recency` must be in [0, age]; got 40.0 at index 1 (3 more). Hint: both in weeks?
    """

    def __init__(
        self,
        name: str,
        rule: str,
        value: object,
        *,
        index: int | tuple[int, ...] | None = None,
        count: int = 1,
        hint: str | None = None,
    ) -> None:
        self.name = name
        self.rule = rule
        self.value = value
        self.index = index
        self.count = count
        self.hint = hint
        place = "" if index is None else f" at index {index}"
        more = f" ({count - 1} more)" if count > 1 else ""
        super().__init__(broken_rule(f"`{name}`", rule, got=f"{_shown(value)}{place}{more}", hint=hint))

    def __reduce__(self) -> tuple[Any, ...]:
        rebuild = partial(type(self), index=self.index, count=self.count, hint=self.hint)
        return rebuild, (self.name, self.rule, self.value), vars(self)


def _shown(value: object) -> str:
    """Show a value in at most 80 characters, cut between words; one that cannot be shown is named by its type."""
    try:
        is_long = hasattr(value, "to_numpy") and hasattr(value, "__len__") and len(value) > _MOST_SHOWN
        shown = _of_rows(value) if is_long else repr(_plain(value))
        if "\n" in shown:
            shown = _of_rows(value) or " ".join(shown.split())
    except Exception:  # noqa: BLE001 - whatever the value's own code raises, the error of the caller comes first
        return f"{_kind(value)} that cannot be shown"
    if len(shown) <= 80:
        return shown
    start = _whole_words(shown, 76)
    return f"{start} ..." if shown[len(start)] == " " else f"{shown[:77]}..."


def _of_rows(value: Any) -> str:
    """Name a column or table, whose repr is a drawing of many lines, by its type and its rows; "" for all else."""
    if not hasattr(value, "to_numpy"):
        return ""
    n = len(value)
    return f"{_kind(value)} of {n:,} {'row' if n == 1 else 'rows'}"


def _kind(value: object) -> str:
    """Name the type of a value with its article."""
    name = type(value).__name__
    return f"{'an' if name[0] in 'AEIO' else 'a'} {name}"


def _plain(value: Any) -> Any:
    """Give a number, text or date of numpy as plain ones, whose repr says nothing of numpy; so for those in a list.

    Of what is long, only the beginning is given: numpy and pandas may have been told to show everything.
    """
    if type(value) in {list, tuple}:
        return type(value)(map(_plain, value[:_MOST_SHOWN]))
    if type(value) is dict:
        return {key: _plain(part) for key, part in islice(value.items(), _MOST_SHOWN)}
    kind, shape = str(getattr(value, "dtype", "")), getattr(value, "shape", None)
    if type(value).__module__ != "numpy" or shape is None:
        return value
    if shape:
        return value if value.size <= _MOST_SHOWN else value.flat[:_MOST_SHOWN]
    return str(value) if kind.startswith(("datetime64", "timedelta64")) else value.item()


class ConvergenceError(RuntimeError):
    """A numerical search ended without an answer.

    Parameters
    ----------
    message : str
        The search, and why it failed.
    best : object, optional
        The best attempt, for inspection.

    Examples
    --------
    >>> error = ConvergenceError("the search did not settle", best=[0.2, 4.4])
    >>> str(error), error.best
    ('the search did not settle', [0.2, 4.4])
    """

    def __init__(self, message: str, best: object = None) -> None:
        self.best = best
        super().__init__(message)

    def __reduce__(self) -> tuple[Any, ...]:
        return ConvergenceError, (str(self), self.best), vars(self)


class DataWarning(UserWarning):
    """Data were used although they break an assumption.

    Parameters
    ----------
    message : str
        The assumption and how it is broken.
    count : int, optional
        How many rows or customers break it.

    Examples
    --------
    >>> warning = DataWarning("spend is not independent of frequency", count=946)
    >>> str(warning), warning.count
    ('spend is not independent of frequency', 946)
    """

    def __init__(self, message: str, count: int | None = None) -> None:
        self.count = count
        super().__init__(message)

    def __reduce__(self) -> tuple[Any, ...]:
        return DataWarning, (str(self), self.count)
