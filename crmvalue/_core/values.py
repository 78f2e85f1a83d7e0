"""Fields of frozen values: checked, and for arrays copied, cast, read-only and comparable."""

from __future__ import annotations

import datetime as dt
import math
from functools import wraps
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, Self, TypeVar, get_args

import attrs
import numpy as np
import numpy.typing as npt

from crmvalue._core.checks import (
    as_column,
    as_count_column,
    as_ordered_items,
    as_text,
    as_times,
    as_whole_number,
    plain_text,
    require,
    require_choice,
    to_array,
)
from crmvalue._core.encoding.customers import encode_customers
from crmvalue._core.encoding.indexes import index_of, other_index, require_order
from crmvalue._core.labels import as_given
from crmvalue.errors import InputError
from crmvalue.typing import Interval

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = [
    "FixedMapping",
    "Given",
    "array_columns",
    "array_field",
    "checked_field",
    "choice_field",
    "count_column",
    "count_field",
    "date_table",
    "flag_table",
    "float_column",
    "frame_column",
    "given_field",
    "hand_over",
    "interval_field",
    "is_label",
    "label_column",
    "number_column",
    "number_field",
    "number_table",
    "of_class",
    "optional",
    "plain_array",
    "plain_given",
    "plain_label",
    "read_only",
    "require_at_most",
    "require_columns",
    "require_ends",
    "require_inside",
    "short_repr",
    "stay_frozen",
    "tuple_of",
    "whole_table",
    "words_field",
]

_LARGEST_WHOLE = 2**53
"""Up to here, floats hold each whole number."""

_LARGEST = 1e300
"""Magnitude of a computed number, so that sums and percentages of such numbers stay floats."""
_LARGEST_END = 1e250
"""Ends of an interval may be multiplied by counts."""
_ROUNDING = 1e-9
"""So much a computed number may pass the bound that it has by its meaning: a share of 1.0000000000000002."""

_MOST_WORDS = 100
"""The `repr` of longer lists of texts, such as one for each customer, shows their ends, as that of arrays does."""

_PLAIN = (list, tuple, dict, str, int, float)
_MOST_LEVELS = 32
"""Lists in lists that are looked at, the most dimensions that a check takes."""

_FIRST_YEAR, _LAST_YEAR = 1970, 9999
"""The year that numpy counts from, and the last one of four digits."""
_LABEL_UNITS = frozenset((unit, 1) for unit in ("Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns"))
"""Units of labels that are days or moments, as JSON writes them."""

_T = TypeVar("_T")
_K = TypeVar("_K")


class FixedMapping(dict[_K, _T]):
    """A mapping that cannot be changed."""

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise TypeError("the mapping of a frozen value cannot be changed")

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse

    def __hash__(self) -> int:  # type: ignore[override]  # a dict has none
        return hash(frozenset(self.items()))

    def __reduce__(self) -> tuple[type[Self], tuple[dict[_K, _T]]]:
        return type(self), (dict(self),)


_AS_THEY_ARE = frozenset((str, int, float, bool, type(None), np.ndarray, FixedMapping))


class _Unreadable:
    """Stands for a value whose own code raises; no check takes it."""

    def __init__(self, value: object) -> None:
        self._kind = type(value).__name__

    def __repr__(self) -> str:
        return f"a {self._kind} that cannot be read"


def _is_own(kind: type[Any]) -> bool:
    """Whether a kind of value is a user's own kind of list, mapping, text or number, with its own code."""
    return kind not in _PLAIN and issubclass(kind, _PLAIN) and not issubclass(kind, np.generic | FixedMapping | bool)


def plain_given(value: Any, depth: int = 0) -> Any:
    """Give a list, mapping, text or number of a user's own class as a plain one, and so what is in it.

    So no code of a user runs in the checks that follow. A value whose code raises becomes one that no check takes.
    """
    if type(value) in _AS_THEY_ARE:
        return value
    try:
        value = _plain_copy(value) if _is_own(type(value)) else value
    except Exception:  # noqa: BLE001 - whatever the value's own code raises
        return _Unreadable(value)
    if depth == _MOST_LEVELS or type(value) not in {list, tuple, dict} or not value:
        return value
    inside = set(map(type, value.values() if isinstance(value, dict) else value))
    kinds = inside | set(map(type, value)) if isinstance(value, dict) else inside
    if kinds <= _AS_THEY_ARE or not (inside & {list, tuple, dict} or any(map(_is_own, kinds))):
        return value
    if isinstance(value, dict):
        return {plain_given(key): plain_given(part, depth + 1) for key, part in value.items()}
    return type(value)([plain_given(part, depth + 1) for part in value])


def _plain_copy(value: Any) -> Any:
    if isinstance(value, str):
        return plain_text(value)
    if isinstance(value, int | float):
        return int(value) if isinstance(value, int) else float(value)
    if hasattr(value, "_fields"):
        return value
    return dict(value.items()) if isinstance(value, dict) else [*value] if isinstance(value, list) else (*value,)


def given_field(converter: Callable[[Any], Any], **options: Any) -> Any:
    """Field with a converter, which gets plain lists, mappings, texts and numbers for those of a user's own classes."""

    def convert(value: Any) -> Any:
        return converter(value if type(value) in _AS_THEY_ARE else plain_given(value))

    return attrs.field(converter=convert, **options)


class Given(NamedTuple):
    """A checked array that its maker gives away; a frozen value takes it without a copy."""

    array: npt.NDArray[Any]


def hand_over(array: npt.NDArray[Any]) -> Any:
    """Give a new, checked array away: a frozen value neither checks nor copies it."""
    return Given(array)


def read_only(value: Any) -> npt.NDArray[Any]:
    """Return a read-only copy, or a view of the very array that :func:`hand_over` gave away."""
    array = value.array if isinstance(value, Given) else np.array(value)
    if not array.dtype.isnative:  # bytes in the other order are no columns of Arrow
        array = array.astype(array.dtype.newbyteorder("="))
    return _fixed(array)


def _fixed(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return a view that cannot be unlocked, which numpy refuses for an array that does not own its locked memory."""
    if array.base is not None:
        view = array.view()
        try:
            view.flags.writeable = True
        except ValueError:  # its owner is locked already
            return view
        array = array.copy()  # another array, or somebody else, can write to its memory
    array.flags.writeable = False
    return array.view()


def stay_frozen(cls: type[_T]) -> type[_T]:
    """Keep the arrays of a class read-only in its copies and pickles, and make its values unhashable.

    Its columns of pandas must have one index, those of other lengths another one: rows are matched by position.
    Numbers next to 0 become 0 in its checks and properties, whatever the caller's `np.errstate` says of underflow.
    """
    made: Any = cls
    init, restore = np.errstate(under="ignore")(made.__init__), made.__setstate__  # attrs wrote them
    for name, part in list(vars(made).items()):
        if isinstance(part, property) and part.fget is not None:
            setattr(made, name, property(np.errstate(under="ignore")(part.fget)))

    @wraps(init)
    def init_of_columns(self: _T, *args: Any, **named: Any) -> None:
        _require_rows_alike(made, args, named)
        init(self, *args, **named)

    def restore_frozen(self: _T, state: Any) -> None:
        restore(self, state)
        for field in attrs.fields(made):
            object.__setattr__(self, field.name, _locked(getattr(self, field.name)))

    made.__init__ = init_of_columns
    made.__setstate__ = restore_frozen
    made.__hash__ = None
    made.__array_ufunc__ = None  # numpy leaves == to the value, and does not look for numbers in it
    return cls


def _require_rows_alike(cls: type[Any], args: tuple[Any, ...], named: dict[str, Any]) -> None:
    """Refuse columns of one length with different indexes."""
    first: dict[int, tuple[str, Any]] = {}
    names = [field.alias for field in attrs.fields(cls) if field.init and not field.kw_only] if args else []
    for name, value in (*zip(names, args, strict=False), *named.items()):
        index = index_of(value)
        if index is not None:
            other, same = first.setdefault(len(index), (name, index))
            if not same.equals(index):
                raise other_index(name, other, index)
    for name, value in (*zip(names, args, strict=False), *named.items()) if first else ():
        for column, index in first.values():
            require_order(column, index, name, value)


def _locked(value: Any) -> Any:
    """Give what was restored with its arrays locked again, those inside mappings and tuples included."""
    if isinstance(value, np.ndarray):
        return _fixed(value)
    if isinstance(value, FixedMapping):
        return type(value)({key: _locked(part) for key, part in value.items()})
    if isinstance(value, tuple):
        parts = [_locked(part) for part in value]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    return value


def array_columns(value: Any) -> dict[str, npt.NDArray[Any]]:
    """Give the arrays of a value by the names of its fields; moments in microseconds, which every dataframe takes."""
    parts = ((field.name, getattr(value, field.name)) for field in attrs.fields(type(value)))
    return {name: frame_column(part) for name, part in parts if isinstance(part, np.ndarray)}


def frame_column(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Give an array as the column of a dataframe of any kind."""
    return np.ravel(array.astype("datetime64[us]") if array.dtype == "datetime64[s]" else array)


def repr_of_given(value: Any) -> str:
    """Write a value with those of its fields that differ from their defaults."""
    shown = []
    for field in attrs.fields(type(value)):
        item = getattr(value, field.name)
        default: Any = field.default
        if hasattr(default, "factory"):
            default = default.factory()
        if default is attrs.NOTHING or item != default:
            shown.append(f"{field.name}={field.repr(item) if callable(field.repr) else repr(item)}")
    return f"{type(value).__name__}({', '.join(shown)})"


def count_field(name: str, *, low: int = 0, **options: Any) -> Any:
    """Field for a whole number of at least `low`, checked under the name of the field."""
    return given_field(lambda value: as_whole_number(name, value, low=low), **options)


def checked_field(name: str, check: Callable[[str, Any], Any], **options: Any) -> Any:
    """Field with a check, which gets the name of the field and the value; a long tuple is shown short."""

    def convert(value: Any) -> Any:
        return check(name, value if type(value) in _AS_THEY_ARE else plain_given(value))

    return attrs.field(converter=convert, **{"repr": _shown, **options})


def choice_field(name: str, choices: Any, **options: Any) -> Any:
    """Field for one of some words, or of those of a Literal; None passes where it is the default."""
    words = get_args(choices) or tuple(choices)
    can_lack = options.get("default", attrs.NOTHING) is None

    def check(name: str, value: Any) -> str | None:
        return None if value is None and can_lack else require_choice(name, value, words)

    return checked_field(name, check, **options)


def _shown(value: Any) -> str:
    return short_repr(value) if type(value) is tuple else repr(value)


def float_column(name: str, *, missing: bool = False, optional: bool = False) -> Any:
    """Field for a one-dimensional read-only float64 column, checked under the name of the field."""

    def convert(value: Any) -> npt.NDArray[np.float64] | None:
        if optional and value is None:
            return None
        return read_only(value if isinstance(value, Given) else as_column(name, value, allow_missing=missing))

    return array_field(convert, default=None) if optional else array_field(convert)


def number_field(
    name: str,
    *,
    low: float = -math.inf,
    high: float = math.inf,
    infinite: bool = False,
    missing: bool = False,
    optional: bool = False,
    **options: Any,
) -> Any:
    """Field for one computed number of up to 1e300, in [low, high]: an infinity, NaN, and None only if allowed.

    Where infinities are allowed, a larger number counts as infinite.
    """
    ends = f"in [{low:g}, {high:g}]" if math.isfinite(high) else f">= {low:g}" if math.isfinite(low) else "a number"
    rule = ends if infinite or (math.isfinite(low) and math.isfinite(high)) else f"{ends}, finite"

    def convert(value: Any) -> float | None:
        if value is None and (optional or options.get("default", attrs.NOTHING) is None):
            return None
        others = isinstance(value, bool | np.bool_ | np.timedelta64)  # numpy takes a time span for a whole number
        if others or not isinstance(value, int | float | np.integer | np.floating):
            raise InputError(name, rule, value)
        try:
            number = float(value)
        except Exception as error:  # whatever the value's own code raises
            raise InputError(name, rule, value) from error
        if missing and math.isnan(number):
            return math.nan
        if not low <= number <= high or (math.isinf(number) and not infinite):
            raise InputError(name, rule, value)
        if infinite and abs(number) > _LARGEST:
            return math.copysign(math.inf, number)
        if _LARGEST < abs(number) < math.inf:
            raise InputError(name, f"of a magnitude up to {_LARGEST:g}", value)
        return number + 0.0  # no -0

    return given_field(convert, eq=repr if missing else True, **options)  # NaN equals NaN


def number_column(name: str, **options: Any) -> Any:
    """Field for a column of computed numbers, with the rules of :func:`number_table`."""
    return number_table(name, 1, **options)


def number_table(
    name: str,
    n_dimensions: int | None,
    *,
    low: float = -math.inf,
    high: float = math.inf,
    infinite: bool = False,
    missing: bool = False,
    **options: Any,
) -> Any:
    """Field for an array of computed numbers of up to 1e300; infinities and NaN if allowed.

    With None for `n_dimensions` it has any shape, but is no single number. The numbers are in [low, high], a share in
    [0, 1], but for their last digits. Where infinities are allowed, a larger number counts as infinite.
    """
    kind = "an array of numbers" if n_dimensions is None else f"an array of numbers of {n_dimensions} dimensions"
    kind = "a column of numbers" if n_dimensions == 1 else kind

    def convert(value: Any) -> npt.NDArray[np.float64] | None:
        if value is None and options.get("default", attrs.NOTHING) is None:
            return None
        if isinstance(value, Given):
            return read_only(value)
        array, types = to_array(name, value, kind)
        fits = array.ndim == n_dimensions if n_dimensions is not None else array.ndim > 0
        if not fits or array.dtype.kind not in "fiu" or types & {bool, np.bool_}:
            raise InputError(name, kind, f"{array.ndim} dimensions of {array.dtype}")
        require(~np.isnan(array) | missing, name, array, "a number, not NaN" if infinite else "a finite number")
        require(~np.isinf(array) | infinite, name, array, "a finite number")
        numbers = array.astype(np.float64) + 0.0  # no -0
        large = np.abs(numbers) > _LARGEST
        if infinite:
            numbers = np.where(large, np.copysign(np.inf, numbers), numbers)
        else:
            require(~large, name, numbers, f"of a magnitude up to {_LARGEST:g}")
        outside = (numbers < low - _ROUNDING) | (numbers > high + _ROUNDING)
        require(~outside, name, numbers, f"in [{low:g}, {high:g}]" if math.isfinite(high) else f">= {low:g}")
        return read_only(hand_over(numbers))

    return array_field(convert, **options)


def count_column(name: str) -> Any:
    """Field for a one-dimensional read-only column of whole numbers >= 0, checked under the name of the field."""

    def convert(value: Any) -> npt.NDArray[np.int64]:
        if isinstance(value, Given):
            return read_only(value)
        return read_only(hand_over(as_count_column(name, value)))

    return array_field(convert)


def whole_table(name: str, n_dimensions: int | None = 1, *, low: int = 0, **options: Any) -> Any:
    """Field for an array of whole numbers of at least `low`, by default one column, of any shape for None."""
    kind = "whole numbers" if n_dimensions is None else f"whole numbers in {n_dimensions} dimensions"
    kind = "a column of whole numbers" if n_dimensions == 1 else kind

    def check(value: Any) -> npt.NDArray[np.int64]:
        array, types = to_array(name, value, kind)
        fits = n_dimensions in {None, array.ndim}
        if not fits or array.dtype.kind not in "fiu" or types & {bool, np.bool_}:
            raise InputError(name, kind, f"{array.ndim} dimensions of {array.dtype}")
        if array.dtype.kind == "f":
            array = array.astype(np.float64)  # float16 does not reach the bounds
        whole = (array >= low) & (array <= _LARGEST_WHOLE) & (array == np.floor(array))
        require(whole, name, array, f"a whole number >= {low}, at most 2**53")
        return array.astype(np.int64)

    return _given_or(check, options)


def flag_table(name: str, n_dimensions: int = 1, **options: Any) -> Any:
    """Field for an array of True and False, by default one column."""

    def check(value: Any) -> npt.NDArray[np.bool_]:
        array, _ = to_array(name, value, "True and False")
        if array.ndim != n_dimensions or (array.dtype.kind != "b" and array.size):
            rule = f"True and False in {n_dimensions} dimensions"
            raise InputError(name, rule, f"{array.ndim} dimensions of {array.dtype}")
        return array.astype(np.bool_)

    return _given_or(check, options)


def date_table(name: str, n_dimensions: int | None = 1, *, missing: bool = True, **options: Any) -> Any:
    """Field for an array of days or moments, of any shape for None; their unit stays, and NaT passes if `missing`."""

    def check(value: Any) -> npt.NDArray[np.datetime64]:
        checked = as_times(name, value, allow_missing=missing)
        if n_dimensions not in {None, checked.ndim}:
            raise InputError(name, f"of {n_dimensions} dimensions", checked.shape)
        dates = np.asarray(value)
        return dates.copy() if dates.dtype.kind == "M" else checked

    return _given_or(check, options)


def label_column(
    name: str, *, any_shape: bool = False, identifiers: bool = False, texts: bool = False, **options: Any
) -> Any:
    """Field for a column of labels: texts, numbers or days; for an array of them with `any_shape`.

    Identifiers are whole numbers or texts, none of them empty. With `texts`, all labels are texts.
    """

    def check(value: Any) -> npt.NDArray[Any]:
        array = _labels(name, value)
        others = array.dtype.kind in "OT" and not all(map(_is_label, array.ravel()))  # a text of numpy may be missing
        if (array.ndim != 1 and not any_shape) or others or array.dtype.kind not in "OUiufbMT":
            raise InputError(name, "a column of labels", value)
        if array.dtype.kind == "f":
            require(np.isfinite(array), name, array, "a column of labels, without NaN and infinities")
        if array.dtype.kind == "M":
            rule = "days and moments of the years 1 to 9999, in nanoseconds or coarser"
            if np.datetime_data(array.dtype) not in _LABEL_UNITS:
                raise InputError(name, rule, array.dtype.name)
            years = array.astype("datetime64[Y]").astype(np.int64) + _FIRST_YEAR
            require(np.isnat(array) | ((years >= 1) & (years <= _LAST_YEAR)), name, array, rule)
        if identifiers and array.size:
            encode_customers(name, value)
            encode_customers(name, array)  # numpy cuts off null characters at the end of a text
        if texts and array.dtype.kind in "OiufbM" and not all(isinstance(label, str) for label in array.ravel()):
            raise InputError(name, "a column of texts", value)
        return array.copy()

    return _given_or(check, options)


def _labels(name: str, value: Any) -> npt.NDArray[Any]:
    """Make an array of labels, each as it is.

    Numpy would make text of values beside text and cut off nulls at its end, and floats of large whole numbers.
    """
    array, types = to_array(name, value, "a column of labels")
    if array.dtype.kind in "SU" and not isinstance(value, np.ndarray):
        objects, _ = to_array(name, value, "a column of labels", as_objects=True)
        if any(not isinstance(label, str) or label.endswith("\0") for label in objects.ravel().tolist()):
            array = objects
    elif array.dtype.kind == "f" and types and all(issubclass(kind, int | np.integer) for kind in types):
        array, _ = to_array(name, value, "a column of labels", as_objects=True)
    if array.dtype == object:
        labels = np.empty(array.size, dtype=object)
        labels[:] = [plain_label(label) for label in array.ravel().tolist()]
        array = labels.reshape(array.shape)
    return array.astype(np.float64) if array.dtype.kind == "f" else array


def plain_label(label: Any) -> Any:
    """Give a label of numpy as one of Python, which JSON can say, and a member of an enumeration as its text."""
    if isinstance(label, np.datetime64):
        return label.astype("datetime64[D]" if np.datetime_data(label)[0] == "D" else "datetime64[us]").item()
    if isinstance(label, np.floating):
        return float(label)
    return label.item() if isinstance(label, np.integer | np.bool_) else plain_text(label)


def is_label(label: Any) -> bool:
    """Whether something can be a label as it is: a text, a finite number but no Decimal, True or False, a day."""
    return _is_label(plain_label(label))


def _is_label(label: Any) -> bool:
    if isinstance(label, float):
        return math.isfinite(label)
    return isinstance(label, str | int | dt.date) and type(label).__name__ != "NaTType"


def words_field(name: str, *, distinct: bool = False, **options: Any) -> Any:
    """Field for a tuple of texts, all different where `distinct`."""

    def convert(value: Any) -> tuple[str, ...]:
        if not isinstance(value, list | tuple) and to_array(name, value, "a list of texts")[0].ndim != 1:
            raise InputError(name, "a list of texts", value)
        words = tuple(as_text(name, word) for word in as_ordered_items(name, value, "a list of texts"))
        if distinct and len(set(words)) != len(words):
            raise InputError(name, "different texts", value)
        return words

    return given_field(convert, repr=short_repr, **options)


def short_repr(words: tuple[Any, ...] | None) -> str:
    """Show the first and the last items of a long tuple, as numpy does of arrays."""
    if words is None or len(words) <= _MOST_WORDS:
        return repr(words)
    return f"({', '.join(map(repr, words[:3]))}, ..., {', '.join(map(repr, words[-3:]))})"


def plain_array(name: str, rule: str) -> Any:
    """Field for an array that its class checks; what numpy cannot read raises."""
    return _given_or(lambda value: to_array(name, value, rule)[0].copy(), {})


def interval_field(name: str, *, optional: bool = False, **options: Any) -> Any:
    """Field for a low and a high end, in this order; an end may be infinite."""

    def convert(value: Any) -> Interval | None:
        if value is None and optional:
            return None
        rule = "a low and a high end, in this order"
        array, types = to_array(name, value, rule)
        numbers = array.shape == (2,) and array.dtype.kind in "fiu" and not types & {bool, np.bool_}
        if not numbers or not array[0] <= array[1]:
            raise InputError(name, rule, value)
        ends = array.astype(np.float64) + 0.0  # no -0, and wide enough for the bound
        if np.abs(ends)[np.isfinite(ends)].max(initial=0.0) > _LARGEST_END:
            raise InputError(name, "of ends below 1e250, or infinite", value)
        return Interval(*ends)

    return given_field(convert, **options)


def of_class(*kinds: type[Any]) -> Callable[[str, Any], Any]:
    """Make a check, for :func:`checked_field`, that a value is of one of these classes."""

    def check(name: str, value: Any) -> Any:
        if not isinstance(value, kinds):
            raise InputError(
                name,
                " or ".join(f"{'an' if kind.__name__[0] in 'AEIO' else 'a'} {kind.__name__}" for kind in kinds),
                value,
            )
        return value

    return check


def tuple_of(*kinds: type[Any]) -> Callable[[str, Any], tuple[Any, ...]]:
    """Make a check, for :func:`checked_field`, that a value is a list or tuple of values of these classes."""
    of_kind = of_class(*kinds)

    def check(name: str, value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list | tuple):
            raise InputError(name, "a tuple of values", value)
        return tuple(of_kind(name, part) for part in value)

    return check


def require_columns(value: Any, n: int, names: Iterable[str], what: str, *, least: int = 0) -> None:
    """Check that the named columns of a value, None left out, have one element for each of the `n` rows."""
    if n < least:
        raise InputError(next(iter(names)), f"at least one row, one for each of the {what}", n)
    for name in names:
        column = getattr(value, name)
        if column is not None and len(column) != n:
            raise InputError(name, f"one for each of the {n} {what}", len(column))


@np.errstate(under="ignore")
def require_at_most(value: Any, *names: str) -> None:
    """Check that the named numbers, columns or days of a value do not fall from one to the next, but for rounding.

    So parts are not larger than their whole, and a low end not above its high end. NaN and None pass.
    """
    for name, other in pairwise(names):
        if getattr(value, name) is None or getattr(value, other) is None:
            continue
        lower, upper = np.asarray(getattr(value, name)), np.asarray(getattr(value, other))
        above = np.asarray(lower > upper)
        if above.any() and lower.dtype.kind in "fiu":
            above &= ~np.isclose(lower, upper, rtol=_ROUNDING, atol=_ROUNDING)
        require(~above, name, getattr(value, name), f"at most `{other}`")


def require_ends(value: Any, low: str, high: str) -> None:
    """Check two fields that hold the low and the high ends of intervals: in this order, both NaN or none of them."""
    missing = np.isnan(getattr(value, low)), np.isnan(getattr(value, high))
    require(missing[0] == missing[1], low, getattr(value, low), f"NaN where, and only where, `{high}` is NaN")
    require_at_most(value, low, high)


def require_inside(name: str, interval: tuple[Any, Any], estimate: float) -> None:
    """Refuse an interval that does not hold its estimate, but for their last digits; infinite ends are not known."""
    low, high = map(float, interval)
    if math.isinf(low) and math.isinf(high):
        return
    slack = _ROUNDING * max((abs(end) for end in (estimate, low, high) if math.isfinite(end)), default=0.0)
    if not low - slack <= estimate <= high + slack:
        raise InputError(name, f"an interval that holds its estimate, {as_given(estimate)}", interval)


def _given_or(check: Callable[[Any], npt.NDArray[Any]], options: dict[str, Any]) -> Any:
    """Make a field for an array that is checked unless its maker gives it away; None passes where it is the default."""

    def convert(value: Any) -> npt.NDArray[Any] | None:
        if value is None and options.get("default", attrs.NOTHING) is None:
            return None
        return read_only(value if isinstance(value, Given) else hand_over(check(value)))

    return array_field(convert, **options)


def optional(check: Callable[[str, Any], _T]) -> Callable[[str, Any], _T | None]:
    """Let None pass a check that takes the name of a field and its value."""
    return lambda name, value: None if value is None else check(name, value)


def array_field(converter: Any = read_only, **options: Any) -> Any:
    """Field for an array; equality compares all elements, NaN equal to NaN."""
    return given_field(converter, eq=attrs.cmp_using(eq=_equal), repr=_short, **options)


def _equal(left: npt.NDArray[Any] | None, right: npt.NDArray[Any] | None) -> bool:
    if left is None or right is None:
        return left is right
    return np.array_equal(left, right, equal_nan=left.dtype.kind in "fcmM" and right.dtype.kind in "fcmM")


def _short(array: npt.NDArray[Any] | None) -> str:
    return repr(array) if array is None else np.array2string(array, threshold=6, edgeitems=3, separator=", ")
