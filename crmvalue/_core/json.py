"""Frozen values as JSON text: one writer, one reader.

A value is an object with its class under "kind" and its fields by name; the outermost one also says the "schema".
Arrays are lists, days and times ISO text; a day among values of any type says that it is one. Mappings are lists of
pairs, because their order counts and some stores of JSON sort keys. JSON has no infinity and no NaN: "inf", "-inf" and
null stand for them. An array without an element, of several dimensions, is written as its "shape", which lists do not
show. A column of labels that are days or moments is written as its type and its texts. Text is not escaped, but for
half of a pair of UTF-16, which UTF-8 cannot write. A field that is itself named "kind" or "schema" is written as
"kind_" or "schema_".
"""

from __future__ import annotations

import datetime as dt
import json
import math
import re
from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import attrs
import numpy as np
import numpy.typing as npt

from crmvalue.errors import InputError
from crmvalue.typing import Interval

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["SCHEMA", "from_json", "read_json", "to_json"]

_T = TypeVar("_T")

SCHEMA = 1
"""The "schema" of every text that is written; reading refuses any other."""

_TAKEN = {"kind": "kind_", "schema": "schema_"}
"""Keys with a meaning of their own, and what a field of that name is written as."""

_MOST_NAMED = 20
"""Unknown keys that an error names, the first ones of the text."""

_DAY, _MOMENT = "date", "datetime"
"""The "kind" of a day and of a moment that stand among values of any type."""

_HALF = re.compile("[\ud800-\udfff]+")
_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")

_INFINITIES = {"inf": math.inf, "-inf": -math.inf}


def to_json(value: Any, **written: Any) -> str:
    """Write a frozen value with all its fields; `written` are fields that are plain data already."""
    parts = [f'{{"schema": {SCHEMA}']
    for key, plain in _plain_fields(value):  # one by one: a long column takes much more memory as a list than as text
        parts.append(f", {_dumped(key)}: {_dumped(written.pop(key, plain))}")
    parts.extend(f", {_dumped(key)}: {_dumped(plain)}" for key, plain in written.items())
    text = "".join([*parts, "}"])
    return text if text.isascii() else _HALF.sub(_escaped, text)


def _dumped(plain: Any) -> str:
    return json.dumps(plain, allow_nan=False, ensure_ascii=False, default=_refuse)


def _refuse(value: Any) -> NoReturn:
    rule = "of texts, numbers, True, False, days and moments, which JSON can say"
    raise InputError("value", rule, value)


def _escaped(found: re.Match[str]) -> str:
    """Escape halves of pairs of UTF-16; a reader of JSON makes one letter of a first half before a second."""
    if _PAIR.search(found[0]):
        rule = "without a letter in two halves of UTF-16, which JSON cannot tell from the letter"
        raise InputError("text", rule, found[0], hint="text.encode('utf-16', 'surrogatepass').decode('utf-16') joins")
    return "".join(f"\\u{ord(half):04x}" for half in found[0])


def from_json(cls: type[_T], text: str | bytes, *parts: type[Any], **readers: Callable[[Any], Any]) -> _T:
    """Read what :func:`to_json` wrote; `parts` are the classes of the frozen values inside.

    Fields are read by the first word of their type, and checked by the class itself; `readers` read those of `cls` that
    need more than their type. By hand, "kind" may be left out where the type of the field names one of the classes.
    """
    kinds = {kind.__name__: kind for kind in (cls, *parts)}

    def build(fields: dict[str, Any]) -> Any:
        if not fields:
            raise ValueError("an object without fields")
        return _build({"kind": cls.__name__, **fields}, kinds, cls, readers)

    value: _T = read_json(text, build)
    return value


def read_json(text: str | bytes, build: Callable[[dict[str, Any]], _T]) -> _T:
    """Build a value from the fields of a JSON object; every error becomes one of `text`."""
    try:
        fields = json.loads(
            text, object_pairs_hook=_each_key_once, parse_float=_finite_number, parse_constant=_finite_number
        )
        if not isinstance(fields, dict):
            raise TypeError("it is no object of fields by name")  # noqa: TRY301 - one kind of error for all texts
        _require_schema(fields.pop("schema", SCHEMA))
        return build(fields)
    except InputError as error:
        if error.name == "text":
            raise
        raise InputError("text", "what `to_json` wrote", text, hint=_in_words(error)) from error
    except (AttributeError, ArithmeticError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise InputError("text", "what `to_json` wrote", text, hint=_in_words(error)) from error


_LACKING = re.compile(r"missing \d+ required (?:keyword-only|positional) arguments?: (.+)")


def _in_words(error: Exception) -> str:
    """Say what is wrong with a text in words of the text, not of Python."""
    if lacking := _LACKING.search(str(error)):
        return f"missing: {lacking[1].replace(chr(39), '`')}"
    if isinstance(error, KeyError):
        return f"missing: `{error.args[0]}`" if error.args else "a field is missing"
    for kind, words in _WORDS.items():
        if isinstance(error, kind):
            return words
    if isinstance(error, TypeError | ValueError) and (found := _OF_PYTHON.match(str(error))):
        return "a list of another length than is needed" if found["length"] else _WORDS[AttributeError]
    if isinstance(error, json.JSONDecodeError):
        return f"it is no JSON: {error.msg} in line {error.lineno}, column {error.colno}"
    return str(error) or "a value of another kind than is needed"


_WORDS: dict[type[Exception], str] = {
    OverflowError: "a number is too large",
    ArithmeticError: "numbers that cannot be computed with",
    LookupError: "a list is too short",
    RecursionError: "lists or objects nested too deeply",
    AttributeError: "a value of another kind than is needed",
}
"""What errors of Python itself mean in a text; the others say it themselves."""

_OF_PYTHON = re.compile(
    r"(?P<length>(too many|not enough) values to unpack|\w+\.__new__\(\) takes)"
    r"|unhashable type|cannot unpack|'[\w.]+' object |'\S+' not supported between|\w+\(\) argument"
)
"""Words of Python about what it was given: lists of another length, and values of another kind."""


def _require_schema(schema: Any) -> None:
    if type(schema) is not int or schema != SCHEMA:
        raise InputError("text", f"JSON of schema {SCHEMA}", schema, hint="another version of crmvalue wrote it")


def _each_key_once(pairs: list[tuple[str, Any]]) -> Any:
    """Make an object of its pairs; Python's reader would silently take the last of two values."""
    fields = dict(pairs)
    if len(pairs) == 2 and fields.keys() == {"kind", "value"} and fields["kind"] in {_DAY, _MOMENT}:
        return (dt.date if fields["kind"] == _DAY else dt.datetime).fromisoformat(_text(fields["value"]))
    if len(fields) != len(pairs):
        raise InputError("text", "without a key that occurs twice", [key for key, _ in pairs])
    return fields


def _finite_number(text: str) -> float:
    """Read a number with a point or an exponent; Python alone would also take 1e999, Infinity and NaN."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"a finite number, not {text}")
    return number


def _plain(value: Any) -> Any:
    """Turn any field of a value into plain data for the writer of JSON."""
    if attrs.has(type(value)):
        return dict(_plain_fields(value))
    if isinstance(value, Mapping):
        return [[key, _plain(item)] for key, item in value.items()]
    if isinstance(value, np.ndarray):
        return _plain_list(value)
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return _plain_scalar(value)


def _plain_fields(value: Any) -> Iterator[tuple[str, Any]]:
    """Give the class and the fields of a frozen value as plain data, by the keys that they are written under."""
    yield "kind", type(value).__name__
    for field in attrs.fields(type(value)):
        if field.init:
            yield _TAKEN.get(field.name, field.name), _plain_field(field, getattr(value, field.name))


def _plain_field(field: attrs.Attribute[Any], value: Any) -> Any:
    """Turn a field into plain data; days among labels say their type, or they would come back as texts."""
    labels = _holds_labels(field) and isinstance(value, np.ndarray) and value.dtype.kind == "M"
    return {"kind": value.dtype.name, "value": value.astype(str).tolist()} if labels else _plain(value)


def _holds_labels(field: attrs.Attribute[Any]) -> bool:
    return str(field.type).startswith("npt.NDArray[Any]")


def _plain_scalar(value: Any) -> Any:
    if isinstance(value, Decimal | np.datetime64):
        return str(value)
    if isinstance(value, float | np.floating):
        return _plain_number(float(value))
    if isinstance(value, dt.date):
        return {"kind": _DAY if type(value) is dt.date else _MOMENT, "value": value.isoformat()}
    return value.item() if isinstance(value, np.generic) else value


def _plain_list(array: npt.NDArray[Any]) -> Any:
    if array.ndim > 1 and not array.size:
        return {"shape": list(array.shape)}
    if array.dtype.kind == "M":
        texts = array.astype(str).tolist()
        has_unit = array.dtype.name in _UNITS and np.isnat(array).all()  # which no text of a moment shows
        return {"kind": array.dtype.name, "value": texts} if has_unit else texts
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        flat = [_plain_number(number) for number in array.ravel().tolist()]
        array = np.array(flat, dtype=object).reshape(array.shape)
    elif array.dtype.kind == "O":
        return _plain_objects(array.tolist())
    plain: list[Any] = array.tolist()
    return plain


def _plain_objects(items: list[Any]) -> list[Any]:
    """Turn objects, in lists in lists, into plain data."""
    return [_plain_objects(item) if isinstance(item, list) else _plain_scalar(item) for item in items]


def _plain_number(number: float) -> float | str | None:
    if math.isfinite(number):
        return number
    return None if math.isnan(number) else str(number)


def _build(
    given: dict[str, Any],
    kinds: dict[str, type[Any]],
    expected: type[Any] | None = None,
    readers: Mapping[str, Callable[[Any], Any]] = MappingProxyType({}),
) -> Any:
    """Build a frozen value of its fields, or a column without a moment."""
    if expected is None and _is_no_times(given):
        return _no_times(given)
    fields = dict(given)
    kind = fields.pop("kind", None)
    if kind not in kinds or (expected is not None and kind != expected.__name__):
        wanted = ", ".join(kinds) if expected is None else expected.__name__
        raise ValueError(f"its kind is {kind!r}, not {wanted}")
    cls = kinds[kind]
    known = {_TAKEN.get(field.name, field.name): field for field in attrs.fields(cls)}
    unknown = [name for name in fields if name not in known]
    if unknown:
        more = f" and {len(unknown) - _MOST_NAMED:,} more" if len(unknown) > _MOST_NAMED else ""
        raise ValueError(f"a {kind} has no {', '.join(sorted(unknown[:_MOST_NAMED]))}{more}")
    read = {
        known[name].alias: readers[name](value) if name in readers else _read(known[name], value, kinds)
        for name, value in fields.items()
    }
    return cls(**read)


def _read(field: attrs.Attribute[Any], value: Any, kinds: dict[str, type[Any]]) -> Any:
    """Read a field by its type; a value of another shape is left to the converter of the field, if it has one."""
    kind = str(field.type)
    word = kind.split("[", maxsplit=1)[0].split(" ", maxsplit=1)[0]
    unchecked = word in kinds and field.converter is None
    if value is None and (kind.endswith("None") or not (unchecked or word in _NEVER_NULL)):
        return math.nan if kind == "float" else None
    if isinstance(value, dict) and (read_times := _reader_of_times(field, word, value)):
        return read_times(value)
    if word in _ARRAYS and isinstance(value, dict) and set(value) == {"shape"}:
        return _no_elements(value["shape"], "Bools" if kind.startswith("npt.NDArray[np.bool_]") else word)
    if word in _ARRAYS and not isinstance(value, list):
        raise TypeError(f"a list, not {value!r}")
    if word in _MAPPINGS:
        return _mapping([[*pair] for pair in value.items()] if isinstance(value, dict) else value, kinds)
    if isinstance(value, dict) or (word not in kinds and _holds_objects(value)):
        return _read_parts(kind, word, value, kinds)
    if word == "tuple" and not isinstance(value, list):
        unchecked = field.converter is None or any(name in kinds for name in re.findall(r"\w+", kind))
    if unchecked:
        raise TypeError(f"a field of type {kind}, not {value!r}")
    reader = _READERS.get(kind.removesuffix(" | None"), _READERS.get(word))
    if field.converter is None:
        reader = _UNCHECKED.get(kind.removesuffix(" | None"), reader)
    return reader(value) if reader else value


def _reader_of_times(field: attrs.Attribute[Any], word: str, value: dict[str, Any]) -> Callable[[Any], Any] | None:
    """Give the reader of a column of moments that say their type."""
    if _holds_labels(field) and "value" in value:
        return _labels
    return _no_times if word == "Dates" and _is_no_times(value) else None


def _holds_objects(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(item, dict) for item in value)


def _read_parts(kind: str, word: str, value: Any, kinds: dict[str, type[Any]]) -> Any:
    """Read a frozen value or a list of such; where the type of the field names one class, it is of that class."""
    named = [name for name in re.findall(r"\w+", kind) if name in kinds]
    known = {"kind": named[0]} if len(named) == 1 else {}
    if {} in (value if isinstance(value, list) else [value]):
        fields = sorted({field.name for name in named for field in attrs.fields(kinds[name])})
        raise ValueError(f"an object without fields, such as {', '.join(fields)}")
    if isinstance(value, dict):
        return _build({**known, **value}, kinds, kinds[word] if named == [word] else None)
    return tuple(_build({**known, **item}, kinds) if isinstance(item, dict) else item for item in value)


def _mapping(pairs: Any, kinds: dict[str, type[Any]]) -> dict[Any, Any]:
    """Read pairs, or an object that was written by hand."""
    if not isinstance(pairs, list) or not all(isinstance(pair, list) for pair in pairs):
        raise TypeError(f"pairs of a key and a value, not {pairs!r}")
    found = {key: _build(item, kinds) if isinstance(item, dict) else item for key, item in pairs}
    if len(found) != len(pairs):
        raise ValueError("a key that occurs twice")
    return found


def _no_elements(shape: Any, word: str) -> npt.NDArray[Any]:
    """Make an array of several dimensions without an element, which its lists would not show."""
    known = isinstance(shape, list) and all(type(n) is int and n >= 0 for n in shape)
    known = known and len(shape) > 1 and 0 in shape
    if not known:
        raise ValueError(f"the shape of an array without an element, not {shape!r}")
    return np.zeros(shape, dtype=_TYPES.get(word, np.float64))


def _numbers(value: Any) -> Any:
    """Read numbers in lists in lists as an array."""
    table = np.array(value, dtype=object)
    return np.array([_number(item) for item in table.ravel()], dtype=np.float64).reshape(table.shape)


def _number(value: Any) -> float:
    if value is None:
        return math.nan
    if isinstance(value, str) and value in _INFINITIES:
        return _INFINITIES[value]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"a number, not {value!r}")
    return float(value)


def _floats(value: Any) -> Any:
    """Read a list of numbers; what is no list is left to the class."""
    return tuple(map(_number, value)) if isinstance(value, list) else value


def _whole_numbers(value: Any) -> Any:
    """Read whole numbers in lists in lists as an array; numpy alone would cut off the decimals of others."""
    table = np.array(value, dtype=object)
    for item in table.ravel():
        _whole_number(item)
    return table.astype(np.int64)


def _whole_number(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"a whole number, not {value!r}")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"a text, not {value!r}")
    return value


def _flags(value: Any) -> Any:
    """Read true and false in a list; numpy alone would take any other value for one of them."""
    if not all(isinstance(item, bool) for item in value):
        raise TypeError(f"true and false, not {value!r}")
    return np.array(value, dtype=np.bool_)


_UNITS = frozenset(f"datetime64[{unit}]" for unit in ("h", "m", "s", "ms", "us", "ns"))
"""Units of columns of moments, other than days."""


def _times(value: Any) -> Any:
    """Read days, or points in time, in the unit of the text."""
    for item in np.array(value, dtype=object).ravel():
        _require_iso(item)
    try:
        times = np.array(value, dtype="datetime64" if value else "datetime64[D]")
    except ValueError as error:
        for item in np.array(value, dtype=object).ravel():
            _time(item)
        raise ValueError("days or moments in equally long lists") from error
    return times.astype("datetime64[D]") if np.datetime_data(times.dtype)[0] == "generic" else times  # all are NaT


def _is_no_times(given: Any) -> bool:
    return isinstance(given, dict) and isinstance(given.get("kind"), str) and given["kind"] in _UNITS


def _no_times(given: dict[str, Any]) -> Any:
    """Read a column without a moment, whose unit stands beside it."""
    times = _times(given.get("value")) if set(given) == {"kind", "value"} and isinstance(given["value"], list) else None
    if times is None or times.ndim != 1 or not np.isnat(times).all():
        raise ValueError(f"missing moments alone, not {given!r}")
    return times.astype(given["kind"])


def _labels(given: dict[str, Any]) -> npt.NDArray[np.datetime64]:
    """Read labels that are days or moments, in the unit that stands beside them."""
    kind, texts = given.get("kind"), given.get("value")
    if set(given) != {"kind", "value"} or kind not in _LABELS or not isinstance(texts, list):
        raise ValueError(f"days or moments as labels, not {given!r}")
    shape = _LABELS[kind]
    for text in np.array(texts, dtype=object).ravel():
        if not isinstance(text, str) or (text != "NaT" and not shape.fullmatch(text)):
            raise ValueError(f"labels of type {kind}, not {text!r}")
    return np.array(texts, dtype=kind)


def _texts(value: Any) -> Any:
    """Read a column of texts: numpy takes an empty list for numbers."""
    return np.zeros(0, dtype=np.str_) if value == [] else value


def _time(value: Any) -> np.datetime64:
    _require_iso(value)
    try:
        return np.datetime64(value)
    except ValueError as error:
        raise ValueError(f"a day or a moment of the calendar, not {value!r}") from error


def _require_iso(text: Any) -> None:
    """Refuse other text that numpy reads: "now" would ask the clock, and a time zone would be lost."""
    if not isinstance(text, str) or not _ISO.fullmatch(text):
        raise ValueError(f"a day or a moment such as '2024-05-31', not {text!r}")


_ISO = re.compile(r"NaT|\d{4}-\d{2}-\d{2}(T\d{2}(:\d{2}(:\d{2}(\.\d{1,9})?)?)?)?", re.ASCII)

_LABELS = {
    f"datetime64[{unit}]": re.compile(shape, re.ASCII)
    for unit, shape in {
        "Y": r"\d{4}",
        "M": r"\d{4}-\d{2}",
        "W": r"\d{4}-\d{2}-\d{2}",
        "D": r"\d{4}-\d{2}-\d{2}",
        "h": r"\d{4}-\d{2}-\d{2}T\d{2}",
        "m": r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}",
        "s": r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}",
        "ms": r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}",
        "us": r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}",
        "ns": r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{9}",
    }.items()
}
"""How numpy writes days and moments of each type."""

_MAPPINGS = frozenset({"Mapping", "FixedMapping", "dict"})

_ARRAYS = frozenset({"Floats", "Integers", "Dates", "Bools", "npt.NDArray"})

_TYPES: dict[str, Any] = {"Integers": np.int64, "Bools": np.bool_, "Dates": "datetime64[D]"}
"""Types of arrays that are no floats."""

_NEVER_NULL = _ARRAYS | {"int", "str", "np.datetime64", "Interval", "tuple", *_MAPPINGS}
"""Types whose fields hold null only where the type says so."""

_READERS: dict[str, Callable[[Any], Any]] = {
    "Floats": _numbers,
    "Integers": _whole_numbers,
    "Dates": _times,
    "Bools": _flags,
    "npt.NDArray[np.bool_]": _flags,
    "npt.NDArray[np.str_]": _texts,
    "np.datetime64": _time,
    "Interval": lambda value: Interval(*(np.float64(_number(item)) for item in value)),
    "float": _number,
    "tuple": lambda value: tuple(value) if isinstance(value, list) else value,
    "tuple[float, ...]": _floats,
    "tuple[float, float]": _floats,
}

_UNCHECKED: dict[str, Callable[[Any], Any]] = {
    "int": _whole_number,
    "str": _text,
    "tuple[str, ...]": lambda value: tuple(map(_text, value)),
}
"""Readers of fields that their class leaves unchecked."""
