"""Checks of everything that a caller hands in.

Functions call these checks first and compute afterwards. A broken rule raises :class:`crmvalue.errors.InputError` with
the argument, the rule, the first offending value and its index.
"""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from crmvalue._core.encoding.indexes import part_of, require_same_index, require_same_labels
from crmvalue._core.encoding.texts import too_wide
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from crmvalue.typing import ArrayLike, Dates, Floats, Integers

__all__ = [
    "AMOUNT_RULE",
    "DATE_HINT",
    "LARGEST_AMOUNT",
    "RESIDUE",
    "as_amounts",
    "as_column",
    "as_count_column",
    "as_counts",
    "as_day",
    "as_day_column",
    "as_days",
    "as_end",
    "as_flag",
    "as_float",
    "as_floats",
    "as_fraction",
    "as_items",
    "as_log_amounts",
    "as_name",
    "as_ordered_items",
    "as_outcomes",
    "as_positive",
    "as_text",
    "as_time",
    "as_time_column",
    "as_times",
    "as_whole_number",
    "first_moment_after",
    "is_missing_object",
    "is_numeric",
    "plain_text",
    "require",
    "require_arguments",
    "require_choice",
    "require_same_index",
    "require_same_labels",
    "require_same_length",
    "to_array",
]

_LARGEST = 1e100
LARGEST_AMOUNT = 1e15
AMOUNT_RULE = "of a magnitude up to 1e15"
"""Of a log of money, in which smaller amounts than a residue count as 0."""
_FIRST_DAY = np.datetime64("0001-01-01", "D")
_LAST_DAY = np.datetime64("9999-12-31", "D")
_COARSE_UNITS = frozenset({"Y", "M", "W"})
_MOST_WHOLE = 2**53
_NO_NUMBERS = (  # what `float` would take, or numpy turn into a number
    str, bytes, bool, np.bool_, complex, np.ndarray, list, tuple, np.datetime64, np.timedelta64
)  # fmt: skip
_MOST_DIMENSIONS = 32  # that numpy can bring into one shape
_ISO_DATE = re.compile(r"\s*\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?)?\s*", re.ASCII)
RESIDUE = 1e-9
"""An amount of a smaller size is what binary arithmetic leaves of nothing: it counts as 0."""
_ENDS = (">= 0", "in [0, 1]", "at most 1")  # rules that a number breaks which binary arithmetic has moved a little
_BEYOND_HINT = "so little beyond the end is what binary arithmetic leaves: round the numbers, such as money to cents"
DATE_HINT = (
    "use datetime64, datetime.date or ISO text such as '2024-02-29'; convert other text first, such as "
    "pandas.to_datetime(texts, format='%d.%m.%Y')"
)
_ZONE_HINT = {  # by the unit that is asked for
    "D": "convert to local time first, and drop the zone",
    "us": "convert to UTC first if hours count, to local time if days do, and drop the zone",
}
_OUTCOMES = "a column of True and False or of 1 and 0"
_WITH_COMMA = re.compile(r"-?[\d. ]*,\d+")
_COMMA_HINT = "name the decimal comma where the file is read, such as pandas.read_csv(file, decimal=',')"


def as_floats(**inputs: ArrayLike) -> tuple[Floats, ...]:
    """Cast each input to float64 and check that all are ordinary numbers whose shapes broadcast together.

    An ordinary number is 0 or of a magnitude from 1e-100 to 1e100, so that a product or quotient of a few numbers
    cannot overflow; what is smaller is too small to matter, and counts as 0. Text, booleans, complex numbers, dates,
    NaN, infinities and masked or missing values raise.
    """
    require_same_labels(inputs)
    arrays = {name: _finite(name, value) for name, value in inputs.items()}
    _require_broadcast(arrays)
    return tuple(arrays.values())


def as_counts(**inputs: ArrayLike) -> tuple[Floats, ...]:
    """Cast each input to float64 and check that all are whole numbers >= 0 whose shapes broadcast together."""
    arrays = as_floats(**inputs)
    for (name, given), array in zip(inputs.items(), arrays, strict=True):
        require((array >= 0) & (array == np.floor(array)), name, array, "a whole number >= 0")
        exact = np.asarray(given) if array.max(initial=0) >= _MOST_WHOLE else array  # 2**53 + 1 has become 2**53
        require(exact <= _MOST_WHOLE, name, exact, "a whole number up to 2**53", hint="beyond it float64 cannot count")
    return arrays


def as_count_column(name: str, value: ArrayLike) -> Integers:
    """Cast one column of whole numbers >= 0 to int64."""
    as_column(name, value)  # one dimension; its floats no longer tell 2**53 + 1 from 2**53
    return as_counts(**{name: value})[0].astype(np.int64)


def as_column(
    name: str, value: ArrayLike, *, allow_missing: bool = False, any_shape: bool = False, largest: float = _LARGEST
) -> Floats:
    """Cast one column, or numbers of `any_shape`, to a float64 array; NaN passes only with `allow_missing`.

    The values may have been computed: a magnitude below 1e-100 is too small to matter, and counts as 0.
    """
    array = _numeric(name, value)
    if not any_shape:
        _require_one_dimension(name, array)
    return _ordinary_numbers(name, array, allow_missing=allow_missing, largest=largest)


def as_log_amounts(name: str, value: ArrayLike, *, allow_missing: bool = False) -> Floats:
    """Cast the amounts of a log of money: up to 1e15, with what binary arithmetic leaves of nothing as 0."""
    array = as_column(name, value, allow_missing=allow_missing, largest=np.inf)
    size = np.abs(array)
    require((size <= LARGEST_AMOUNT) | np.isnan(size), name, array, AMOUNT_RULE)
    tiny = size < RESIDUE
    return np.where(tiny, 0.0, array) if tiny.any() else array


def as_amounts(name: str, value: ArrayLike, *, allow_missing: bool = False) -> Floats:
    """Cast one column of money to add up, of a magnitude up to 1e15, so that sums stay ordinary.

    The values may have been computed: a magnitude below 1e-15 is too small to matter beside money, and counts as 0.
    """
    return as_column(name, value, allow_missing=allow_missing, largest=LARGEST_AMOUNT)


def as_float(name: str, value: ArrayLike) -> float:
    """Cast one number; arrays with a dimension raise."""
    if type(value) is float and 1 / _LARGEST <= abs(value) <= _LARGEST:  # models are made by the thousand
        return value
    if value is None:
        raise InputError(name, "one number", None)
    array = _finite(name, value)
    if array.ndim:
        raise InputError(name, "one number, not an array", value)
    return float(array) + 0.0  # no -0


def as_positive(name: str, value: ArrayLike, *, zero: bool = False) -> float:
    """Cast one number above 0, or of at least 0 with `zero`."""
    number = as_float(name, value)
    if number == 0 and not zero and value != 0:
        raise InputError(name, ">= 1e-100: what is smaller counts as 0", value)
    require(number > 0 or (number == 0 and zero), name, number, ">= 0" if zero else "> 0")
    return number


def as_name(name: str, value: object) -> str:
    """Take a text that is not blank."""
    text = as_text(name, value)
    if not text.strip():
        raise InputError(name, "a text that is not empty", value)
    return text


def as_whole_number(name: str, value: ArrayLike, *, low: int, high: int | None = None) -> int:
    """Cast one whole number from `low` to `high`, by default to 2**53."""
    number = as_float(name, value)
    top = _MOST_WHOLE if high is None else high
    if number != math.floor(number) or not low <= number <= top or _is_rounded(value, number):
        rule = f"from {low} to {high}" if high is not None else f">= {low}" if number < 2**53 else "up to 2**53"
        raise InputError(name, f"a whole number {rule}", value)
    return int(number)


def _is_rounded(value: Any, number: float) -> bool:
    """Tell whether a whole number beyond 2**53 became 2**53 as a float."""
    return abs(number) == _MOST_WHOLE and int(value) != number


def as_text(name: str, value: object) -> str:
    """Take a text."""
    if not isinstance(value, str):
        raise InputError(name, "text", value)
    return str.__str__(value)


def plain_text(value: Any) -> Any:
    """Give a text itself, and not a member of an enumeration that equals it; other values are left as they are."""
    return str.__str__(value) if isinstance(value, str) else value


def as_items(name: str, value: object, rule: str, *, index: int | None = None, hint: str | None = None) -> list[Any]:
    """Take the items of a list, a column or whatever else can be walked; a text, a mapping or a single value raises."""
    if isinstance(value, str | bytes | bytearray | Mapping):
        raise InputError(name, rule, value, index=index, hint=hint)
    items: Any = value
    try:
        return [*(items.to_pylist() if hasattr(items, "to_pylist") else items)]  # Arrow wraps each of its items
    except Exception as error:  # whatever the value's own code raises
        raise InputError(name, rule, value, index=index, hint=hint) from error


def as_ordered_items(
    name: str, value: object, rule: str, *, index: int | None = None, hint: str | None = None
) -> list[Any]:
    """Take items of which each has its place; a set, which would give them in any order, raises."""
    if isinstance(value, set | frozenset):
        raise InputError(name, "a list or tuple", value, index=index, hint="a set has no order")
    return as_items(name, value, rule, index=index, hint=hint)


def as_flag(name: str, value: object) -> bool:
    """Take True or False; other values that Python takes for true or false raise."""
    if not isinstance(value, bool | np.bool_):
        raise InputError(name, "True or False", value)
    return bool(value)


def as_outcomes(
    name: str, value: ArrayLike, *, rule: str = _OUTCOMES, if_missing: str | None = None
) -> npt.NDArray[np.bool_]:
    """Cast one column of True and False, or of 1 and 0; `if_missing` is the hint for a missing value."""
    array, types = to_array(name, value, rule)
    if types:  # numpy makes text or numbers of True beside them
        array = np.asarray(value, dtype=object)
    if array.ndim != 1 or array.dtype.kind not in "biufO":
        found = array.ravel()[0] if array.size else array.shape
        raise InputError(name, rule, _plain(found), index=0 if array.ndim == 1 else None)
    if array.dtype.kind == "O":
        for index, item in enumerate(array.tolist()):
            if is_missing_object(item):
                raise InputError(name, f"{rule}, not missing", item, index=index, hint=if_missing)
            known = isinstance(item, bool | np.bool_ | int | float | np.integer | np.floating)
            known = known and not isinstance(item, np.timedelta64)  # numpy takes a time span for a whole number
            if not known or not -_MOST_WHOLE <= _wide(item) <= _MOST_WHOLE:
                raise InputError(name, rule, item, index=index)
        array = array.astype(np.float64)
    if array.dtype.kind == "f":
        require(~np.isnan(array), name, array, f"{rule}, not missing", hint=if_missing)
    require((array == 0) | (array == 1), name, array, "True or False, 1 or 0")
    return array.astype(bool)


def _wide(item: Any) -> Any:
    """Give a float of few bits as one of 64, which reaches 2**53."""
    return float(item) if isinstance(item, np.floating) else item


def as_fraction(name: str, value: ArrayLike, *, closed: bool = False) -> float:
    """Cast one number in (0, 1), or in [0, 1] with `closed`."""
    number = as_float(name, value)
    if closed:
        require(0 <= number <= 1, name, number, "in [0, 1]", hint="a fraction, not percent")
    if not closed and not 0 < number < 1:
        raise InputError(name, "in (0, 1)", number, hint="a fraction, not percent")
    if name == "level" and not closed and 1.0 - number == 1.0:  # no quantile tells it from 0
        raise InputError(name, "in (0, 1), and so large that float64 tells 1 - level from 1", number)
    return number


def as_days(name: str, value: ArrayLike, *, allow_missing: bool = False) -> Dates:
    """Cast dates of any usual kind to `datetime64[D]`; a time of day is cut off.

    Taken: `datetime64` of day resolution or finer, `datetime.date`, `datetime.datetime` without time zone, ISO text,
    and columns of these. Numbers, partial dates such as "2024-02" and times with a time zone raise. Missing dates
    (None, NaT, NaN, pandas' NA) raise too, but with `allow_missing` they become NaT.
    """
    return _as_datetimes(name, value, "D", allow_missing=allow_missing)


def as_times(name: str, value: ArrayLike, *, allow_missing: bool = False) -> Dates:
    """Cast points in time of any usual kind to `datetime64[us]`, by the rules of :func:`as_days`."""
    return _as_datetimes(name, value, "us", allow_missing=allow_missing)


def as_day(name: str, value: ArrayLike) -> np.datetime64:
    """Cast one date to `datetime64[D]`; arrays with a dimension raise."""
    return _only(name, as_days(name, value))


def as_time(name: str, value: ArrayLike) -> np.datetime64:
    """Cast one point in time to `datetime64[us]`; arrays with a dimension raise."""
    return _only(name, as_times(name, value))


def as_end(name: str, value: Any) -> np.datetime64:
    """Take the end of a period: a day, which belongs to the period as a whole, or a time, which does not."""
    time = as_time(name, value)
    if isinstance(value, np.datetime64):
        is_day = np.datetime_data(value.dtype)[0] == "D"
    else:
        is_day = len(value.strip()) == len("2026-03-08") if isinstance(value, str) else not hasattr(value, "hour")
    return time.astype("datetime64[D]") if is_day else time


def first_moment_after(end: np.datetime64) -> np.datetime64:
    """Give the first moment that no longer belongs to a period, from what :func:`as_end` gives."""
    is_day = np.datetime_data(end.dtype)[0] == "D"
    first: np.datetime64 = (end + np.timedelta64(1, "D") if is_day else end).astype("datetime64[us]")
    return first


def as_day_column(name: str, value: ArrayLike, *, allow_missing: bool = False) -> Dates:
    """Cast one column of dates to a one-dimensional array of `datetime64[D]`."""
    days = as_days(name, value, allow_missing=allow_missing)
    _require_one_dimension(name, days)
    return days


def as_time_column(name: str, value: ArrayLike, *, allow_missing: bool = False) -> Dates:
    """Cast one column of points in time to a one-dimensional array of `datetime64[us]`."""
    times = as_times(name, value, allow_missing=allow_missing)
    _require_one_dimension(name, times)
    return times


def require(
    condition: npt.NDArray[np.bool_] | np.bool_ | bool,  # noqa: FBT001 - it is the condition itself, not a switch
    name: str,
    value: ArrayLike,
    rule: str,
    *,
    hint: str | None = None,
) -> None:
    """Raise :class:`InputError` for the first element of `value` for which `condition` does not hold."""
    ok = np.asarray(condition)
    if ok.all():
        return
    values = np.asarray(value)
    if ok.shape != values.shape:  # a relation between arguments of different shapes
        ok, values = np.broadcast_arrays(ok, values)
    places = np.nonzero(~ok.ravel())[0]
    first = int(places[0])
    place, found = _place(values, first), _plain(values.ravel()[first])
    if rule.startswith(_ENDS) and isinstance(found, float) and 0 < min(abs(found), abs(found - 1)) < RESIDUE:
        hint = _BEYOND_HINT
    raise InputError(name, rule, found, index=place, count=len(places), hint=hint)


def to_array(
    name: str, value: ArrayLike, rule: str, *, hint: str | None = None, as_objects: bool = False
) -> tuple[npt.NDArray[Any], set[type]]:
    """Make an array, and give the types in a list; numpy would drop masks and read True as 1."""
    try:
        if part_of(value, "combine_chunks") is not None and "dictionary" in str(part_of(value, "type", "")):
            value = value.combine_chunks()  # numpy would find a text in place of each null of the chunks
        types = _types_in(value)
        if any(hasattr(kind, "to_numpy") and hasattr(kind, "index") for kind in types):
            require_same_index(**{f"{name}[{place}]": part for place, part in enumerate(value)})
        hidden = any(issubclass(kind, np.ma.MaskedArray) for kind in types)
        as_objects = as_objects or _is_too_wide(value, types)
        if isinstance(value, str) or any(issubclass(kind, str) and kind not in {str, np.str_} for kind in types):
            value = _plain_texts(value)
        array = np.zeros(0) if hidden else np.asarray(value, dtype=object if as_objects else None)
    except InputError:
        raise
    except Exception as error:  # whatever the value's own code raises
        raise InputError(name, rule, value, hint=hint) from error
    if hidden:
        raise InputError(name, "without masked arrays inside a list", value)
    if array.ndim > _MOST_DIMENSIONS:
        raise InputError(name, rule, f"{array.ndim} dimensions", hint=hint)
    if isinstance(value, np.ma.MaskedArray):
        require(~np.ma.getmaskarray(value), name, array, "without masked values")
    return array, types


def _types_in(value: ArrayLike) -> set[type]:
    """Find the types of the elements of a list, at any depth, with the element types of arrays in it."""
    if not isinstance(value, list | tuple):
        return set()
    types = set(map(type, value))
    if any(issubclass(kind, list | tuple | np.ndarray) for kind in types):
        types.update(*map(_types_in, value), (item.dtype.type for item in value if isinstance(item, np.ndarray)))
    return types


def _plain_texts(value: Any) -> Any:
    """Give texts, in lists in lists, as they are; of a member of an enumeration, numpy would take the name."""
    if isinstance(value, list | tuple):
        return [_plain_texts(item) for item in value]
    return plain_text(value)


def _is_too_wide(value: Any, types: set[type]) -> bool:
    """Whether a list or a Polars column of texts has one so long that all would take too much memory padded to it."""
    if types == {str}:
        return too_wide(len(value), max(map(len, value)))
    return str(part_of(value, "dtype", "")) == "String" and too_wide(len(value), value.str.len_chars().max() or 0)


def is_numeric(value: Any) -> bool:
    """Whether a value is a number or numbers; what numpy cannot read is not."""
    with suppress(Exception):  # of a ragged list, or of the value's own code
        return not isinstance(value, bool) and np.asarray(value).dtype.kind in "fiu"
    return False


def require_arguments(function: Callable[..., Any], inputs: Mapping[str, Any]) -> None:
    """Check that a function takes what it is given; one in C may not say what it takes, so it is called."""
    bind: Callable[..., Any] = function
    hint = None
    with suppress(TypeError, ValueError):
        signature = inspect.signature(function)
        bind, hint = signature.bind, f"it takes {', '.join(signature.parameters) or 'nothing'}"
    try:
        bind(**inputs)
    except TypeError as error:
        raise InputError("inputs", "the arguments of `function`", list(inputs), hint=hint) from error


def require_choice(name: str, value: object, choices: Collection[str]) -> str:
    """Take one of the words `choices`; of a member of an enumeration that equals one, the word itself."""
    word = plain_text(value)
    if not isinstance(word, str) or word not in choices:
        words = ", ".join(repr(choice) for choice in choices)
        raise InputError(name, f"one of {words}", value)
    return word


def require_same_length(**columns: npt.NDArray[Any]) -> int:
    """Check that columns of raw data are equally long and not empty; return their length."""
    (first_name, first), *others = columns.items()
    for name, column in others:
        if len(column) != len(first):
            raise InputError(name, f"as long as `{first_name}` ({len(first)} rows)", len(column))
    if len(first) == 0:
        raise InputError(first_name, "at least one row", 0)
    return len(first)


def _finite(name: str, value: ArrayLike) -> Floats:
    return _ordinary_numbers(name, _numeric(name, value))


def _ordinary_numbers(name: str, array: Floats, *, allow_missing: bool = False, largest: float = _LARGEST) -> Floats:
    """Check that numbers are ordinary; a magnitude below one over the `largest` is too small to matter, and 0."""
    size = np.abs(array)
    nothing = (size < 1 / largest) & (size > 0)
    good = size <= largest  # NaN compares false
    if good.all():
        return np.where(nothing, 0.0, array) if nothing.any() else array
    if allow_missing:
        good |= np.isnan(array)
    else:
        require(np.isfinite(array), name, array, "finite, without NaN")
    require(good, name, array, _ordinary(largest))
    return np.where(nothing, 0.0, array)


def _ordinary(largest: float = _LARGEST) -> str:
    return f"of a magnitude up to {largest:g}".replace("+", "")


def _numeric(name: str, value: ArrayLike) -> Floats:
    array, types = to_array(name, value, "a number or a regular array of numbers")
    if types & {bool, np.bool_}:
        _objects_to_floats(name, np.asarray(value, dtype=object))
    if array.dtype.kind == "O":
        return _objects_to_floats(name, array)
    if array.dtype.kind not in "fiu":
        if array.size == 0 and array.dtype.kind in "US":
            return array.astype(np.float64)
        if array.dtype.kind in "USc" or types:  # one text or time span has changed the type of the whole list: find it
            _objects_to_floats(name, np.asarray(value, dtype=object))
        if array.size == 0:
            raise InputError(name, "numeric", str(array.dtype))
        raise InputError(name, "numeric", _plain(array.ravel()[0]), index=_place(array, 0))
    with np.errstate(over="ignore"):  # a long double beyond float64 becomes an infinity, which raises later
        return array.astype(np.float64, copy=False)


def _objects_to_floats(name: str, array: npt.NDArray[Any]) -> Floats:
    flat = [_object_to_float(name, item, _place(array, i)) for i, item in enumerate(array.ravel().tolist())]
    return np.array(flat, dtype=np.float64).reshape(array.shape)


def _object_to_float(name: str, item: Any, index: int | tuple[int, ...] | None) -> float:
    if item is None or type(item).__name__ == "NAType":
        return math.nan
    if isinstance(item, _NO_NUMBERS):
        comma = isinstance(item, str) and _WITH_COMMA.fullmatch(plain_text(item).strip())
        raise InputError(name, "numeric", item, index=index, hint=_COMMA_HINT if comma else None)
    try:
        return float(item)
    except OverflowError as error:
        raise InputError(name, _ordinary(), item, index=index) from error
    except Exception as error:  # whatever the value's own code raises
        raise InputError(name, "numeric", item, index=index) from error


def _require_broadcast(arrays: dict[str, Floats]) -> None:
    shape: tuple[int, ...] = ()
    seen: list[str] = []
    for name, array in arrays.items():
        try:
            shape = np.broadcast_shapes(shape, array.shape)
        except ValueError as error:
            others = " and ".join(f"`{other}`" for other in seen)
            raise InputError(name, f"of a shape that broadcasts with {others} {shape}", array.shape) from error
        seen.append(name)


def _require_one_dimension(name: str, array: npt.NDArray[Any]) -> None:
    if array.ndim != 1:
        raise InputError(name, "one-dimensional, one element a row", f"{array.ndim} dimensions")


def _only(name: str, dates: Dates) -> np.datetime64:
    if dates.ndim:
        raise InputError(name, "one date, not an array", f"{dates.ndim} dimensions")
    date: np.datetime64 = dates.reshape(1)[0]
    return date


def _as_datetimes(name: str, value: ArrayLike, unit: Literal["D", "us"], *, allow_missing: bool) -> Dates:
    kept_by = part_of(value, "dtype", part_of(value, "type"))  # numpy would drop the zone of Polars and Arrow
    kept_by = part_of(kept_by, "value_type", kept_by)  # of Arrow's dictionary columns
    if part_of(kept_by, "time_zone", part_of(kept_by, "tz")) and not np.isscalar(value):
        raise InputError(name, "without time zone", str(kept_by), hint=_ZONE_HINT[unit])
    gaps = allow_missing and isinstance(value, list | tuple)
    array, _ = to_array(name, value, "a date or a regular array of dates", hint=DATE_HINT, as_objects=gaps)
    array = array.astype(object) if array.dtype.kind == "T" else array  # numpy's variable-width text
    missing = _is_missing(array) if allow_missing else np.zeros(array.shape, dtype=bool)
    if missing.any():  # a day takes their place, so that the others keep their position in errors
        filler = np.zeros((), array.dtype) if array.dtype.kind == "M" else np.array(date(1970, 1, 1), dtype=object)
        array = np.where(missing, filler, array)
    kind = array.dtype.kind
    if kind == "O":
        array = _objects_to_datetimes(name, array, unit)
    elif kind in "US":
        array = _text_to_datetimes(name, np.char.decode(array, "latin-1") if kind == "S" else array)
    elif kind == "M":
        if np.datetime_data(array.dtype)[0] in _COARSE_UNITS:
            raise InputError(name, "dates of day resolution or finer", str(array.dtype))
    elif array.size or kind != "f":  # an empty list arrives as empty floats
        wrong = _plain(array.ravel()[0]) if array.size else str(array.dtype)
        raise InputError(name, "a date", wrong, index=_place(array, 0) if array.size else None, hint=DATE_HINT)
    try:
        days = array.astype("datetime64[D]")
    except OverflowError as error:  # units below the nanosecond
        raise InputError(name, "dates of nanosecond resolution or coarser", str(array.dtype)) from error
    require(~np.isnat(days), name, array, "a date, not missing")
    require((days >= _FIRST_DAY) & (days <= _LAST_DAY), name, days, "in the years 1 to 9999")
    times = days if unit == "D" else array.astype("datetime64[us]")
    return np.where(missing, np.datetime64("NaT", unit), times) if missing.any() else times


def _is_missing(array: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    if array.dtype.kind != "O":
        missing: npt.NDArray[np.bool_] = array != array  # noqa: PLR0124 - NaN and NaT differ from themselves
        return missing
    flags = [is_missing_object(item) for item in array.ravel().tolist()]
    return np.array(flags, dtype=bool).reshape(array.shape)


def is_missing_object(item: Any) -> bool:
    if isinstance(item, float | np.floating | np.datetime64):
        return bool(item != item)  # noqa: PLR0124 - NaN and NaT differ from themselves
    if isinstance(item, Decimal):
        return item.is_nan()
    return item is None or type(item).__name__ in {"NAType", "NaTType"}


def _objects_to_datetimes(name: str, array: npt.NDArray[Any], unit: str) -> Dates:
    items = array.ravel().tolist()
    text = False
    for position, item in enumerate(items):
        if isinstance(item, str):
            text = True
            continue
        index = _place(array, position)
        if part_of(item, "tzinfo") is not None:
            raise InputError(name, "without time zone", item, index=index, hint=_ZONE_HINT[unit])
        if is_missing_object(item):
            raise InputError(name, "a date, not missing", _plain(item), index=index)
        if not _is_date(item):
            raise InputError(name, "a date", item, index=index, hint=DATE_HINT)
    if text:
        return _text_to_datetimes(name, array.astype(str))
    return np.array(items, dtype="datetime64[us]").reshape(array.shape)


def _is_date(item: Any) -> bool:
    if isinstance(item, np.datetime64):
        coarse = np.datetime_data(item.dtype)[0] in _COARSE_UNITS
        return not coarse and bool(_FIRST_DAY <= np.array(item, dtype="datetime64[D]") <= _LAST_DAY)
    return isinstance(item, date)  # datetime.datetime and pandas' Timestamp are such


def _text_to_datetimes(name: str, array: npt.NDArray[np.str_]) -> Dates:
    # Numpy also reads "today", "" and "20240229" (as a year), so the form of each distinct text is checked first.
    texts, place = np.unique(array, return_inverse=True)
    times = np.full(texts.shape, "NaT", dtype="datetime64[us]")
    for i, text in enumerate(texts.tolist()):
        with suppress(ValueError):
            times[i] = np.datetime64(text.strip() if _ISO_DATE.fullmatch(text) else "not a date", "us")
    wrong = np.isnat(times)[place].ravel()
    if wrong.any():
        first = int(np.argmax(wrong))
        text, index = str(array.ravel()[first]), _place(array, first)
        raise InputError(name, "a date", text, index=index, count=int(wrong.sum()), hint=DATE_HINT)
    return np.asarray(times[place]).reshape(array.shape)


def _place(array: npt.NDArray[Any], position: int) -> int | tuple[int, ...] | None:
    if array.ndim <= 1:
        return position if array.ndim else None
    return tuple(int(i) for i in np.unravel_index(position, array.shape))


def _plain(value: Any) -> object:
    if isinstance(value, np.datetime64 | np.timedelta64):
        return str(value)
    return value.item() if isinstance(value, np.generic) else value
