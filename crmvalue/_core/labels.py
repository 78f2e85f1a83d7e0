"""Values by name: mappings and labelled columns, whose order must not be mistaken for that of other columns.

Also the words that go with a number in a sentence, and warnings of what figures rest on.
"""

from __future__ import annotations

import inspect
import math
import warnings
from collections import Counter
from collections.abc import Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from crmvalue._core.checks import as_ordered_items, as_text, plain_text
from crmvalue._core.encoding.indexes import names_of_columns, part_of
from crmvalue.errors import DataWarning, InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

_T = TypeVar("_T")

__all__ = [
    "HINT_OF_CATEGORIES",
    "MOST_LINES",
    "SPOKEN_FOR",
    "also_equal",
    "as_given",
    "by_name",
    "columns_of",
    "counted",
    "decimal",
    "decimals_apart",
    "figure",
    "figures_apart",
    "first_lines",
    "fraction",
    "has_columns",
    "in_percent",
    "labelled",
    "listed",
    "moment_repr",
    "moment_text",
    "money",
    "name_text",
    "on_its_side",
    "percent",
    "percents",
    "points",
    "refuse_category",
    "span",
    "spoken_for",
    "times",
    "warn_at_user",
    "warn_of_data",
]

MOST_LINES = 200
"""Most groups that get a line of their own in a text."""

_LEAST_WRITTEN = 1e-9  # a smaller number is written in words
_LARGEST_WRITTEN = 1e15  # a number as large has an exponent

HINT_OF_CATEGORIES = "for a category, give a 0/1 column for each value but one"

SPOKEN_FOR: ContextVar[bool] = ContextVar("spoken_for", default=False)
"""Whether a caller inside the package says itself what figures rest on. It belongs to one thread, as filters do not."""


_NOT_USERS = frozenset({"crmvalue", "contextlib", "functools", "numpy"})  # numpy's errstate is a wrapper


def warn_of_data(message: str, count: int | None, *, stacklevel: int) -> None:
    """Warn of data or fits that figures rest on, unless the caller says it."""
    if not SPOKEN_FOR.get():
        warnings.warn(DataWarning(message, count), stacklevel=stacklevel + 1)


def warn_at_user(message: str, count: int | None) -> None:
    """Warn as :func:`warn_of_data` does, at the line of the user that called the package."""
    frame, level = inspect.currentframe(), 1
    while frame and str(frame.f_globals.get("__name__")).partition(".")[0] in _NOT_USERS:
        frame, level = frame.f_back, level + 1
    warn_of_data(message, count, stacklevel=level)


@contextmanager
def spoken_for() -> Iterator[None]:
    """Say for a while that the caller itself says what figures rest on."""
    before = SPOKEN_FOR.set(True)
    try:
        yield
    finally:
        SPOKEN_FOR.reset(before)


def moment_text(time: np.datetime64) -> str:
    """Write a day, or a time without the zeros at its end."""
    text = str(np.datetime_as_string(time, unit="auto"))
    is_day = np.datetime_data(time.dtype)[0] == "D"
    return text if is_day or "T" in text else f"{text}T00:00"


def moment_repr(time: np.datetime64 | None) -> str:
    """Write a time in a way that can be given again."""
    return repr(None if time is None else moment_text(time))


def labelled(name: str, value: object) -> dict[Any, Any] | None:
    """Give labels and values of a mapping or a column with an index; None without labels or with row numbers only."""
    found = _pairs(name, value)
    return None if found is None or _numbers_rows(found) else found


def by_name(names: Any = None, /, **inputs: Any) -> tuple[Any, tuple[Any, ...]]:
    """Bring columns that are given by name into one order; columns without labels pass unchanged.

    The order is that of `names`, or of the labels of the first column. The result is the names and the columns.
    """
    found = {name: _pairs(name, value) for name, value in inputs.items()}
    if all(labels is None or _numbers_rows(labels) for labels in found.values()):
        return names, tuple(inputs.values())
    first = next(name for name, labels in found.items() if labels is not None)
    order = list(found[first] or ())
    if names is not None:
        names = [plain_text(name) for name in as_ordered_items("names", names, "a list of names")]
        texts = {str(label): label for label in order}
        order = [texts.get(str(name), str(name)) for name in names]
    for name, labels in found.items():
        if labels is None:
            rule = f"given in order, as `{name}` is, or both by name"
            raise InputError(first, rule, listed(order))
        unlike = set(order) ^ set(labels)
        if unlike:
            raise InputError(name, f"of the names {listed(order)}", min(map(str, unlike)))
    columns = tuple([labels[label] for label in order] for labels in found.values() if labels is not None)
    return order, columns


def _numbers_rows(labels: Mapping[Any, Any]) -> bool:
    return all(label == place and not _is_flag(label) for place, label in enumerate(labels))


def _is_flag(label: object) -> bool:
    """Whether a label is True or False: no number of a row, although it equals one."""
    return isinstance(label, bool | np.bool_)


def _pairs(name: str, value: object) -> dict[Any, Any] | None:
    if isinstance(value, Mapping):
        return dict(value)
    index, items = part_of(value, "index"), part_of(value, "items")
    if index is None or callable(index) or not callable(items) or has_columns(value):
        return None
    pairs = [(str(label) if _is_flag(label) else label, item) for label, item in items()]
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = next(label for label, n in Counter(label for label, _ in pairs).items() if n > 1)
        raise InputError(name, "with different labels in its index", twice)
    return found


def columns_of(name: str, value: Any) -> Mapping[str, Any]:
    """Give the columns by name of a mapping or of a dataframe of any kind."""
    if isinstance(value, Mapping):
        return value
    rule = "a mapping from names to columns, or a dataframe"
    if callable(part_of(value, "collect")):
        raise InputError(name, rule, type(value).__name__, hint="collect the lazy frame first")
    try:
        return {column: value[column] for column in names_of_columns(value)}
    except Exception as error:  # whatever the value's own code raises
        raise InputError(name, rule, type(value).__name__) from error


def refuse_category(name: str, value: object) -> None:
    """Refuse a category of pandas with more than two values in no order: numbers there are mere names."""
    kind: Any = part_of(value, "dtype")
    if getattr(kind, "name", "") == "category" and not kind.ordered and len(kind.categories) > 2:
        raise InputError(name, "numeric", f"a category of {len(kind.categories)} values", hint=HINT_OF_CATEGORIES)


def has_columns(value: object) -> bool:
    """Whether a value is a dataframe, lazy ones included: asking one of them for its columns would run its query."""
    return hasattr(type(value), "columns")


def counted(n: int, one: str, many: str | None = None) -> str:
    """Write a number with its thing, such as "1 row" and "2,000 rows"; `many` is `one` with an s unless given."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def also_equal(n: int) -> str:
    """Say how many of `n` equal things a sentence does not name, if it names one: "; 2 more are equal"."""
    return f"; {counted(n - 1, 'more is equal', 'more are equal')}" if n > 1 else ""


def name_text(name: str, item: object) -> str:
    """Take a name: a text, or a whole number, which stands for its digits."""
    whole = isinstance(item, int | np.integer) and not isinstance(item, bool | np.timedelta64)
    return str(item) if whole else as_text(name, item)


def listed(names: Iterable[object], most: int = 20, *, between: str = ", ") -> str:
    """List names in a sentence, and count those after the first ones: "a, b and 999,998 more"."""
    words = list(names)
    shown = between.join(map(str, words[:most]))
    return shown if len(words) <= most else f"{shown} and {len(words) - most:,} more"


def first_lines(items: Sequence[_T], write: Callable[[_T], str], one: str, many: str | None = None) -> list[str]:
    """Write a line for each of the first 200 items, and one that counts the others; words as in :func:`counted`."""
    lines, rest = [write(item) for item in items[:MOST_LINES]], len(items) - MOST_LINES
    return [*lines, f"And {counted(rest, f'more {one}', many and f'more {many}')}."] if rest > 0 else lines


def span(low: Any, high: Any, form: str | Callable[[float], str]) -> str:
    """Write the ends of an interval, such as "0.2 to 0.4".

    `form` is a format, or a function that writes a number.

    Where only one is a finite number, it is "at least 0.2" or "at most 0.4"; where neither is, "not known".
    """
    low, high = float(low), float(high)
    write = form if callable(form) else lambda x: format(x, form)
    if not (math.isfinite(low) or math.isfinite(high)):
        return "not known"
    if not math.isfinite(high):
        return f"at least {write(low)}"
    if not math.isfinite(low):
        return f"at most {write(high)}"
    return f"{write(low)} to {write(high)}"


def percent(share: Any, *, digits: int = 1) -> str:
    """Write a share with so many decimals, and below 1 % with two significant digits: "12.3%", "0.05%", "0.0%".

    A share below 1 has as many decimals as it needs not to be written as 100 %: "99.96%".
    """
    share = max(share, 0.0)  # by rounding it may be a little below 0
    if 0.99 < share < 1 - 1e-12:
        digits = next(n for n in range(digits, 12) if round(100 * share, n) < 100)
    return f"{_hundredths(share, digits, '')}%"


def percents(*shares: float) -> list[str]:
    """Write shares beside each other with at least one decimal, and so many that their differences are about true."""
    written = ([percent(share, digits=digits) for share in shares] for digits in range(1, 8))
    of_100 = [100 * share for share in shares]
    return next((texts for texts in written if _differ_alike(texts, of_100)), [percent(x) for x in shares])


def _differ_alike(texts: Sequence[str], numbers: Sequence[float]) -> bool:
    """Whether each text differs from the next one as the numbers do, to half of the difference."""
    meant = [x - y for x, y in pairwise(numbers)]
    written = [float(text.rstrip("%").replace(",", "")) for text in texts]
    shown = [x - y for x, y in pairwise(written)]
    return all(abs(x - y) <= 0.5 * abs(y) for x, y in zip(shown, meant, strict=True))


def decimals_apart(x: float, y: float, digits: int) -> tuple[str, str]:
    """Write two numbers with so many decimals, or more where different ones would look the same."""
    enough = (n for n in range(digits, 10) if f"{x:z,.{n}f}" != f"{y:z,.{n}f}")
    digits = next(enough, digits) if x != y else digits
    return f"{x:z,.{digits}f}", f"{y:z,.{digits}f}"


def on_its_side(x: Any, limit: float, digits: int = 2, form: str = "z", kind: str = "f") -> str:
    """Write a number with so many decimals, or more where it would be on the other side of a limit, or on it.

    For `kind` "g" the digits are significant ones. Beside 0.5, 0.50031 is "0.5003".
    """
    x, limit = float(x), round(float(limit), 12)
    texts = (f"{x:{form}.{n}{kind}}" for n in range(digits, 18))
    sides = ((text, float(text.replace(",", "")) - limit) for text in texts)
    return next((text for text, y in sides if np.sign(y) == np.sign(x - limit)), f"{x:{form}.{digits}{kind}}")


def fraction(share: Any, *beside: Any) -> str:
    """Write a share as a number with two decimals, or with more where it or one `beside` it would be 0 or 1."""
    known = [x for x in map(float, (share, *beside)) if 1e-9 < x < 1 - 1e-12]
    digits = next((n for n in range(2, 13) if all(0 < round(x, n) < 1 for x in known)), 2)
    return f"{float(share):z.{digits}f}"


def times(factor: Any) -> str:
    """Write a factor above 1 with one decimal, or with so many that it is not written as 1: "2.3", "1.04"."""
    digits = next((n for n in range(1, 12) if round(float(factor), n) > 1), 1)
    return f"{factor:,.{digits}f}"


def points(difference: Any) -> str:
    """Write a difference of shares in percentage points: "+1.2", "-0.034"."""
    return _hundredths(difference, 1, "+")


def _hundredths(share: Any, digits: int, sign: str) -> str:
    x = 100 * float(share)
    if not 1e-12 < abs(x) < 1:
        return f"{x:{sign}z,.{digits}f}"
    whole, decimals = f"{x:{sign}.{max(digits, 1 - math.floor(math.log10(abs(x))))}f}".split(".")
    decimals = decimals.rstrip("0").ljust(digits, "0")
    return f"{whole}.{decimals}" if decimals else whole


def money(amount: Any, *beside: Any, form: str = "z,") -> str:
    """Write an amount with two decimals, and one that would be 0.00 with two significant digits: "12.30", "0.0012".

    It has as many decimals as any of the amounts `beside` it needs, so that the ends of an interval are written alike:
    "0.0012" beside "0.0100". One of another size needs no more than three significant digits: "0.462", "5.00".
    """
    known = [abs(float(x)) for x in (amount, *beside) if math.isfinite(x)]
    residue = max([1e-9, *(1e-12 * x for x in known)])  # what binary arithmetic leaves of nothing
    digits = max([2, *(1 - math.floor(math.log10(x)) for x in known if residue < x < 0.005)])
    if residue < abs(amount) < math.inf:
        digits = max(2, min(digits, 2 - math.floor(math.log10(abs(amount)))))
    return f"{float(amount):{form}.{digits}f}"


def figure(x: Any, *, sign: bool = False, digits: int = 4) -> str:
    """Write a quantity of any size with so many significant digits, and with all whole ones: "0.1235", "+123,457"."""
    if 10.0 ** (digits - 1) <= abs(x) < _LARGEST_WRITTEN:  # :g alone writes 1.2e+05
        return f"{float(x):{'+' if sign else ''}z,.0f}"
    return decimal(x, digits, "+" if sign else "")


def figures_apart(x: float, y: float) -> tuple[str, str]:
    """Write two quantities of any size, with so many decimals that their difference is about true."""
    usual = figure(x), figure(y)
    if any("e" in text or "almost" in text for text in usual):
        return usual
    written = ((f"{x:z,.{n}f}", f"{y:z,.{n}f}") for n in range(1, 10))
    return next((texts for texts in (usual, *written) if _differ_alike(texts, (x, y))), usual)


def decimal(x: Any, digits: int, sign: str = "") -> str:
    """Write a number with so many significant digits and no exponent: "0.00000046", "almost 0", "1,250"."""
    x = float(x)
    if not 0 < abs(x) < 1e-4:
        text = f"{x:{sign}z,.{digits}g}"
        return f"{float(text):{sign}z,.0f}" if "e" in text and abs(x) < _LARGEST_WRITTEN else text
    if abs(x) < _LEAST_WRITTEN:
        return "almost 0"
    return f"{x:{sign}.{digits - 1 - math.floor(math.log10(abs(x)))}f}".rstrip("0")


def as_given(x: Any) -> str:
    """Write a number as it was given, with all of its digits: "1234567", "33.3333333", "0.00001".

    From 1e-15 on, the smallest amount that is taken, it has no exponent; below, different numbers stay different.
    """
    text = f"{float(x):.15g}"
    return np.format_float_positional(float(text), trim="-") if 1e-15 <= abs(float(x)) < 1e-4 else text


def in_percent(level: Any) -> str:
    """Write the level of an interval in percent, with the digits that tell it from 100: "95", "99.999"."""
    texts = (f"{100 * float(level):.{digits}g}" for digits in range(4, 18))
    text = next((text for text in texts if text != "100"), "100")
    return as_given(text) if "e" in text else text
