"""Customer identifiers: one code for each distinct customer, fast for whole numbers and for text."""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import numpy.typing as npt

from crmvalue._core.checks import is_missing_object, require, to_array
from crmvalue._core.encoding.indexes import part_of
from crmvalue._core.encoding.texts import Encoded, encode_column, encode_items, encode_matrix, too_wide
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crmvalue.typing import ArrayLike, Floats, Integers

__all__ = [
    "are_texts",
    "as_comparable",
    "as_words",
    "encode_customers",
    "fill_missing",
    "is_among",
    "join_customers",
    "stable_draw",
    "text_array",
]

_KINDS = "all whole numbers or all text"
_NO_NUMBERS = (bool, np.bool_, np.timedelta64)  # numpy takes a time span for a whole number
_WHOLE = "give identifiers as text, or as a column of whole numbers with nulls, such as Int64 of pandas"
_CAST = "cast the column to whole numbers or text first"
_FLOAT = 2.0**53  # from here on, neighbouring whole numbers are the same float
_BLANKS = np.array(["", *(chr(point) for point in range(0x3001) if chr(point).isspace())])  # a blank text begins so
_AFTER_BLANKS = np.array([chr(ord(text or "\0") + 1) for text in _BLANKS.tolist()])


def encode_customers(name: str, value: ArrayLike) -> tuple[npt.NDArray[Any], Integers]:
    """Give the distinct customers in ascending order, and the position of each row's customer among them.

    Identifiers are whole numbers or text. A missing or empty identifier raises, because it would join many people to
    one customer.
    """
    found = _encode_texts(value)
    if found is not None and not _has_blank(found[0]):
        return found
    ids, types = to_array(name, value, _KINDS)
    if types & {bool, np.bool_} or (ids.dtype.kind == "U" and not isinstance(value, np.ndarray)):
        # numpy makes text of values beside text, and cuts off nulls at its end
        ids, _ = to_array(name, value, _KINDS, as_objects=True)
    if types and ids.dtype.kind == "f" and all(issubclass(kind, int | np.integer) for kind in types):
        # numpy makes floats of whole numbers of which some are above 2**63
        ids, _ = to_array(name, value, _KINDS, as_objects=True)
    if ids.ndim != 1:
        raise InputError(name, "one-dimensional, one element a row", f"{ids.ndim} dimensions")
    if ids.dtype.kind == "f":
        digits = min(
            np.finfo(ids.dtype).nmant + 1, 53
        )  # above 2**digits, neighbouring whole numbers are the same float
        with np.errstate(over="ignore"):  # a long double beyond float64 becomes an infinity, which raises
            ids = ids.astype(np.float64, copy=False)
        require(np.isfinite(ids), name, ids, "an identifier, not missing")
        require(ids == np.floor(ids), name, ids, _KINDS)
        rule = f"below 2**{digits} in a column of floats, which cannot tell larger numbers apart"
        require(np.abs(ids) < 2**digits, name, ids, rule, hint=_WHOLE)
        ids = ids.astype(np.int64)
    if ids.dtype.kind in "iu":
        return _encode_whole_numbers(ids)
    if ids.dtype.kind in "OU":
        return _encode_objects(name, ids.tolist())
    if ids.dtype.kind == "T":  # numpy's variable-width text
        return _encode_objects(name, ids.astype(object).tolist())
    raise InputError(name, _KINDS, str(ids.dtype), hint=_CAST)


def are_texts(ids: npt.NDArray[Any]) -> bool:
    """Whether distinct identifiers are texts.

    Objects are whole numbers beyond int64, or texts some of which end in a null character, which numpy would cut off.
    """
    return ids.dtype.kind == "U" or (ids.dtype.kind == "O" and len(ids) > 0 and isinstance(ids[0], str))


def fill_missing(name: str, value: ArrayLike) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
    """Put another identifier of the column in place of missing and blank ones, and tell where they are.

    So the other identifiers keep their places for :func:`encode_customers` and its errors.
    """
    hidden = np.ma.getmaskarray(value) if isinstance(value, np.ma.MaskedArray) else None
    column = value if hidden is None else value.data
    whole = not isinstance(value, list | tuple) or set(map(type, value)) <= {int, float}
    array, _ = to_array(name, column, _KINDS, as_objects=not whole)
    if array.ndim != 1:
        raise InputError(name, "one-dimensional, one element a row", f"{array.ndim} dimensions")
    if array.dtype.kind == "f" and _lost_digits(column, array):
        to_items = part_of(column, "to_pylist", part_of(column, "to_list", lambda: column))
        items = to_items()
        array = np.array([*items, None], dtype=object)[:-1]
    if array.dtype.kind in "fc":
        missing = np.isnan(array)
    elif array.dtype.kind in "OUT":
        items = array.astype(object, copy=False).ravel().tolist()
        flags = [is_missing_object(item) or (isinstance(item, str) and not item.strip()) for item in items]
        missing = np.array(flags, dtype=bool).reshape(array.shape)
    else:
        missing = np.zeros(array.shape, dtype=bool)
    if hidden is not None:
        missing |= hidden
    if missing.any() and not missing.all():
        array = array.astype(object) if array.dtype.kind in "UT" else array.copy()
        other = np.empty(1, dtype=array.dtype)
        other[0] = array[np.argmin(missing)]  # one element, even if it is a list
        array[missing] = other
    return array, missing


def _lost_digits(column: Any, array: npt.NDArray[Any]) -> bool:
    """Whether whole numbers became floats, because some are missing, and are too large for that."""
    kind = str(part_of(column, "dtype", part_of(column, "type", ""))).lower()
    whole = "int" in kind or isinstance(column, list | tuple)
    return whole and bool(np.nanmax(np.abs(array), initial=0.0) >= _FLOAT)


def as_words(name: str, value: ArrayLike) -> tuple[list[str], Integers]:
    """Give the distinct texts of a column in ascending order, and the position of each row's text among them."""
    found = _encode_texts(value)
    if found is not None and found[0][0]:
        return found[0].tolist(), found[1]
    array, _ = to_array(name, value, "a column of texts", as_objects=True)  # numpy makes text of values beside text
    if array.ndim != 1:
        raise InputError(name, "one-dimensional, one element a row", f"{array.ndim} dimensions")
    items = array.tolist()
    try:
        distinct = list(dict.fromkeys(items))
    except Exception as error:  # of a list, or whatever the value's own code raises
        raise InputError(name, "a column of texts", type(items[0]).__name__) from error
    for item in distinct:
        if not isinstance(item, str) or not item.strip("\0"):  # numpy drops null characters at the end of a text
            place_of = next(i for i, one in enumerate(items) if one is item)  # pandas' NA equals nothing
            raise InputError(name, "a text, not empty or missing", item, index=place_of)
    distinct.sort()
    place = {item: i for i, item in enumerate(distinct)}
    return distinct, np.fromiter(map(place.__getitem__, items), dtype=np.int64, count=len(items))


def text_array(texts: Sequence[str]) -> npt.NDArray[Any]:
    """Make an array of texts; those stay objects that numpy would cut off at null characters, or pad too widely."""
    texts = [str.__str__(text) for text in texts]  # the text itself, not a subclass such as a member of an enumeration
    as_objects = any(text.endswith("\0") for text in texts) or too_wide(len(texts), max(map(len, texts), default=0))
    return np.array(texts, dtype=object if as_objects else np.str_)


def is_among(values: npt.NDArray[Any], others: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Whether each value is one of `others`; numpy compares each object with each, which never ends for many."""
    values, others = as_comparable(values, others)
    if values.dtype.kind != "O" and others.dtype.kind != "O":
        return np.isin(values, others)
    known = set(others.tolist())
    return np.fromiter(map(known.__contains__, values.tolist()), dtype=np.bool_, count=len(values))


def as_comparable(one: npt.NDArray[Any], other: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Make identifiers that numpy compares exactly; it would turn signed and unsigned numbers together into floats."""
    if _mix(one, other):
        one, other = _signed(one), _signed(other)
    if _mix(one, other) or (one.dtype.kind == "O") != (other.dtype.kind == "O"):
        return one.astype(object), other.astype(object)
    return one, other


def join_customers(*columns: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Put columns of identifiers one after the other, each as it is; numpy would make floats of some of them."""
    if _mix(*columns):
        columns = tuple(map(_signed, columns))
    return np.concatenate([column.astype(object) for column in columns] if _mix(*columns) else columns)


def _mix(*columns: npt.NDArray[Any]) -> bool:
    """Whether numpy would make floats of the whole numbers in these columns together."""
    return {column.dtype.kind for column in columns} == {"i", "u"} and np.result_type(*columns).kind == "f"


def _signed(ids: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Give unsigned numbers as signed ones, if a sign leaves room for them."""
    has_room = ids.dtype.kind == "u" and (not ids.size or int(ids.max()) < 2**63)
    return ids.astype(np.int64) if has_room else ids


def stable_draw(ids: npt.NDArray[Any], salt: str) -> Floats:
    """Draw a number in [0, 1) for each identifier, always the same for the same salt."""
    key = _bytes_of(salt)
    if len(key) > 64:
        key = hashlib.blake2b(key).hexdigest()[:64].encode()
    hashes = (hashlib.blake2b(_bytes_of(str(item)), digest_size=8, key=key).digest() for item in ids.tolist())
    numbers = np.frombuffer(b"".join(hashes), dtype=">u8") if len(ids) else np.zeros(0, dtype=np.uint64)
    return (numbers >> np.uint64(11)).astype(np.float64) / 2.0**53


def _bytes_of(text: str) -> bytes:
    return text.encode(errors="surrogatepass")  # half of a pair of UTF-16, which no file holds, may be in a text


def _encode_texts(value: ArrayLike) -> Encoded | None:
    """Encode a column that holds nothing but texts; None for any other, which is looked at element by element."""
    if isinstance(value, list | tuple):
        return encode_items(value)
    if isinstance(value, np.ma.MaskedArray):
        return None
    if part_of(value, "dtype") is not None or part_of(value, "type") is not None:
        found = encode_column(value)
        if found is not None:
            return found
    array: Any = value
    if not isinstance(value, np.ndarray) and isinstance(part_of(value, "dtype"), np.dtype):
        array = part_of(value, "values")  # of other types of pandas, such as periods, it warns
    if not isinstance(array, np.ndarray) or array.ndim != 1:
        return None
    if array.dtype.kind == "U":
        return encode_matrix(array)
    return encode_items(array.astype(object, copy=False)) if array.dtype.kind in "OT" else None


def _has_blank(distinct: npt.NDArray[np.str_]) -> bool:
    """Whether one of ascending texts is empty or has nothing but white space."""
    begin, end = np.searchsorted(distinct, _BLANKS), np.searchsorted(distinct, _AFTER_BLANKS)
    candidates = (text for i, j in zip(begin.tolist(), end.tolist(), strict=True) for text in distinct[i:j].tolist())
    return not all(text.strip() for text in candidates)


def _encode_whole_numbers(ids: npt.NDArray[np.integer[Any]]) -> tuple[npt.NDArray[Any], Integers]:
    if ids.size:
        low, high = int(ids.min()), int(ids.max())
        if high - low < 4 * ids.size + 1024 and high < 2**63:  # close together: count instead of sorting
            offset = ids.astype(np.int64) - low
            seen = np.zeros(high - low + 1, dtype=bool)
            seen[offset] = True
            if seen.all():
                return np.arange(low, high + 1, dtype=ids.dtype), offset
            place = np.cumsum(seen) - 1
            return (np.nonzero(seen)[0] + low).astype(ids.dtype), place[offset]
    distinct, codes = np.unique(ids, return_inverse=True)
    return distinct, codes.astype(np.int64, copy=False)


def _encode_objects(name: str, ids: list[Any]) -> tuple[npt.NDArray[Any], Integers]:
    try:
        distinct = list(dict.fromkeys(ids))
    except Exception:  # noqa: BLE001 - a list or another value that cannot be a key, or whatever its own code raises
        _raise_for_identifier(name, ids)
    kinds = set(map(type, ids))  # of all rows: True and 1.0 are the same key as 1
    text = all(issubclass(kind, str) for kind in kinds) and all(item.strip() for item in distinct)
    whole = all(issubclass(kind, int | np.integer) and kind not in _NO_NUMBERS for kind in kinds)
    if not (text or whole):
        _raise_for_identifier(name, ids)
    distinct.sort()
    place = {item: i for i, item in enumerate(distinct)}
    codes = np.fromiter(map(place.__getitem__, ids), dtype=np.int64, count=len(ids))
    return _to_array(distinct, text=text), codes


def _to_array(distinct: list[Any], *, text: bool) -> npt.NDArray[Any]:
    """Make an array of ascending identifiers; identifiers that numpy would change stay objects."""
    if not distinct:
        return np.array([], dtype=np.int64)
    if text:
        return text_array(distinct)
    fits = distinct[0] >= -(2**63) and distinct[-1] < 2**63
    return np.array(distinct, dtype=np.int64 if fits else object)


def _raise_for_identifier(name: str, ids: list[Any]) -> NoReturn:
    for index, item in enumerate(ids):
        if item is None or type(item).__name__ == "NAType" or (isinstance(item, float) and math.isnan(item)):
            raise InputError(name, "an identifier, not missing", item, index=index)
        if isinstance(item, str) and not item.strip():
            raise InputError(name, "an identifier, not empty", item, index=index)
        if not isinstance(item, str | int | np.integer) or isinstance(item, _NO_NUMBERS):
            hint = None if isinstance(item, bool | np.bool_ | float) else _CAST
            raise InputError(name, _KINDS, item, index=index, hint=hint)
    first_is_text = isinstance(ids[0], str)
    index = next(i for i, item in enumerate(ids) if isinstance(item, str) != first_is_text)
    raise InputError(name, _KINDS, ids[index], index=index, hint="text and numbers are mixed")
