"""Columns of texts in whole: the distinct texts in ascending order and each row's place among them.

No Python object is made for a row where the column is fixed-width text of numpy, Arrow, Polars or an Arrow-backed or
categorical column of pandas. A list of texts is joined to one text first. All work is arithmetic on words of 8 bytes,
whose order as numbers is the order of the texts. The functions give None for a column that they do not serve: then the
caller looks at its elements one by one, and says what is wrong.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from crmvalue._core.encoding.indexes import part_of
from crmvalue._core.encoding.keys import in_order
from crmvalue._core.encoding.threads import in_halves, side_by_side

if TYPE_CHECKING:
    from crmvalue.typing import Integers

__all__ = ["Encoded", "encode_column", "encode_items", "encode_matrix", "too_wide"]

Encoded: TypeAlias = "tuple[npt.NDArray[np.str_], Integers]"
Words: TypeAlias = npt.NDArray[np.uint64]

_WORD = 8  # bytes
_LONGEST = 4096  # bytes of one text; longer ones are rare, and better compared as a whole
_ORDINARY = 256  # characters of an identifier or a name, or less
_WIDEST = 2**31  # bytes of the distinct texts, all padded to the longest one
_OFFSETS = {"string": np.int32, "large_string": np.int64}
_BEGINNINGS = np.array([0] + [(2**64 - 1) ^ (2 ** (64 - 8 * n) - 1) for n in range(1, 9)], dtype=np.uint64)
_MOST_WORDS = 8  # looked at for the bits in which texts differ
_ENOUGH_BITS = 40  # of a leading key: equal keys of different texts are rare then
_LAST_OF_ASCII = 127
_MARK, _GOES_ON = 0xC0, 0x80  # of a byte of UTF-8 that does not begin a character
_PART = 1 << 13  # texts
_CHUNK = 1 << 14  # rows that the processor keeps at hand


class Key(NamedTuple):
    """One number for each text, which ascends with the texts."""

    number: Words
    n_bits: int
    level: int
    """The first word of the texts that is not wholly in the number."""
    masks: list[int] | None
    """Of each word of the texts, the bits that are in the number; None if it is one word as it stands."""
    fixed: list[int]
    """The other bits of each word before `level`, which are the same in all texts."""


class Texts(NamedTuple):
    """Texts one after the other in one buffer."""

    data: npt.NDArray[np.uint8]
    """The characters, each a big-endian number of `size` bytes."""
    start: Integers | None
    """The place of the first byte of each text; None if the texts stand close, each of the same length."""
    length: Integers | int
    """Bytes of each text."""
    n: int
    size: int = 1
    utf8: bool = False
    """Whether a character takes one to four bytes instead, as UTF-8 has it. They ascend with the characters, too."""


def too_wide(n: int, longest: int) -> bool:
    """Whether `n` texts would take too much memory if all are padded to as many characters as the longest one.

    One text of thousands of characters, such as what a stray quotation mark makes of a file, would take gigabytes:
    of a few distinct texts too, as soon as each row gets its own.
    `longest` is in characters, or in bytes of UTF-8, which are never fewer.
    """
    return longest > _ORDINARY or 4 * n * longest > _WIDEST


def encode_column(value: Any) -> Encoded | None:
    """Encode a text column of Arrow, Polars or pandas; None for any other column, and for one with missing values."""
    kind = str(part_of(value, "dtype", "")).lower()
    try:
        if kind == "category" and hasattr(value, "array"):  # of pandas
            return _encode_categories(value.array.categories, np.asarray(value.array.codes))
        if kind.startswith(("string", "categorical", "enum")) and hasattr(value, "to_arrow"):  # of Polars
            value = value.to_arrow()
        elif "str" in kind and hasattr(getattr(value, "array", None), "__arrow_array__"):  # of pandas
            value = value.array.__arrow_array__()
    except ImportError:  # pyarrow is not there
        return None
    if part_of(value, "type") is None or part_of(value, "null_count") is None or value.null_count:
        return None
    if hasattr(value, "combine_chunks"):
        value = value.chunk(0) if getattr(value, "num_chunks", 0) == 1 else value.combine_chunks()
    if hasattr(value, "dictionary"):
        return _encode_categories(value.dictionary, np.asarray(value.indices))
    if str(part_of(value, "type", "")) == "string_view":
        value = value.cast("large_string")
    return _encode_arrow(value)


def encode_items(items: list[Any] | tuple[Any, ...] | npt.NDArray[np.object_]) -> Encoded | None:
    """Encode a list of texts, or an array of objects; None if an item is no text, or one ends in a null character."""
    parts = []
    for begin in range(0, len(items), _PART):  # the processor keeps the texts of a part at hand
        part = items[begin : begin + _PART]
        try:
            parts.append("\0".join(part.tolist() if isinstance(part, np.ndarray) else part))
        except TypeError:
            return None
    if all(map(str.isascii, parts)):
        data, size = np.frombuffer(b"\0".join([part.encode("ascii") for part in parts]), dtype=np.uint8), 1
        points = data
    else:
        joined = "\0".join(parts).encode("utf-32-le", "surrogatepass")
        data, size = _narrow(np.frombuffer(joined, dtype="<u4"))
        points = data.view(f">u{size}")
    end = np.append(np.nonzero(points == 0)[0], len(points))
    if len(end) == len(items):
        length = np.diff(end, prepend=-1) - 1
    else:  # some texts have null characters
        length = np.fromiter(map(len, items), dtype=np.int64, count=len(items))
        end = np.cumsum(length + 1) - 1
        if not points[end[length > 0] - 1].all():
            return None
    start = end - length
    return _encode_flat(data, length * size, size, start=start * size)


def encode_matrix(array: npt.NDArray[np.str_]) -> Encoded | None:
    """Encode a one-dimensional array of fixed-width text."""
    width = array.dtype.itemsize // 4
    if not width or not len(array):
        return None
    points = np.ascontiguousarray(array.astype(array.dtype.newbyteorder("="), copy=False)).view(np.uint32)
    data, size = _narrow(points)
    return _encode(Texts(data, None, width * size, len(array), size))


def _encode_arrow(value: Any) -> Encoded | None:
    kind = _OFFSETS.get(str(part_of(value, "type", "")))
    if kind is None or not len(value):
        return None
    _, offsets, buffer = value.buffers()
    ends = np.frombuffer(offsets, dtype=kind)[value.offset : value.offset + len(value) + 1].astype(np.int64)
    data = np.zeros(0, dtype=np.uint8) if buffer is None else np.frombuffer(buffer, dtype=np.uint8)
    data = data[ends[0] : ends[-1]]
    ends -= ends[0]
    try:
        return _encode_flat(data, np.diff(ends), utf8=bool(data.max(initial=0) > _LAST_OF_ASCII))
    except UnicodeDecodeError:
        return None


def _narrow(points: npt.NDArray[np.uint32]) -> tuple[npt.NDArray[np.uint8], int]:
    """Give characters in as few bytes as the largest one needs, with that number of bytes."""
    largest = int(points.max(initial=0))
    kind = "u1" if largest < 2**8 else ">u2" if largest < 2**16 else ">u4"
    data = points.astype(kind)
    return data.view(np.uint8), data.dtype.itemsize


def _encode_flat(
    data: npt.NDArray[np.uint8], length: Integers, size: int = 1, *, utf8: bool = False, start: Integers | None = None
) -> Encoded | None:
    """Encode texts that stand one after the other, with a character between them if their places are given."""
    n, longest = len(length), int(length.max(initial=0))
    if not longest:
        return None
    if start is not None and longest == length.min():
        close = np.concatenate([data, np.zeros(size, dtype=np.uint8)]).reshape(n, longest + size)[:, :longest]
        return _encode(Texts(np.ascontiguousarray(close).reshape(-1), None, longest, n, size))
    if start is not None:
        return _encode(Texts(data, start, length, n, size))
    ends = np.cumsum(length)
    if not data.all() and not data.reshape(-1, size)[ends[length > 0] // size - 1].any(axis=1).all():
        return None  # numpy would cut off nulls at the end of a text
    if longest == length.min():
        return _encode(Texts(data, None, longest, n, size, utf8))
    return _encode(Texts(data, ends - length, length, n, size, utf8))


def _encode_categories(categories: Any, code: npt.NDArray[Any]) -> Encoded | None:
    """Encode the categories of a column and then its rows; categories without rows are left out."""
    if not len(code) or not len(categories) or code.min() < 0:
        return None
    found = encode_column(categories)
    if found is None:
        items = np.asarray(categories)
        found = encode_items(items) if items.dtype == object else None
    if found is None:
        return None
    distinct, place = found
    rows = place[code]
    used = np.zeros(len(distinct), dtype=bool)
    used[rows] = True
    if used.all():
        return distinct, rows
    left = distinct[used]
    width = max(int(np.strings.str_len(left).max()), 1)
    return left.astype(f"U{width}"), (np.cumsum(used, dtype=np.int64) - 1)[rows]


def _encode(texts: Texts) -> Encoded | None:
    longest = int(np.max(texts.length))
    if longest > _LONGEST:
        return None
    key = _leading_key(texts, -(-longest // 8))
    order, ascending = in_order(key.number, key.n_bits, stable=False)
    new = np.ones(texts.n, dtype=bool)
    new[1:] = _differs(ascending)
    levels = range(key.level, -(-longest // 8))
    whole = not levels and key.masks is not None and not (texts.utf8 and texts.start is not None)
    key = key._replace(number=ascending[new] if whole else np.zeros(0, dtype=np.uint64))
    del ascending
    chosen = _rows_to_sort(texts, order, new, levels)
    if len(chosen):
        first = new[chosen]
        by = _sort_on(_taken(texts, order[chosen]), first, levels)
        order[chosen] = order[chosen[by]]
        new[chosen] = first
    if too_wide(int(np.count_nonzero(new)), longest // texts.size):
        return None

    def distinct() -> npt.NDArray[np.str_]:
        if whole:
            return _to_strings(texts, _unpack(key), longest)
        taken = _taken(texts, order[new])
        return _to_strings(taken, _words(taken, longest), longest)

    def place() -> Integers:
        code = np.empty(texts.n, dtype=np.int64)
        code[order] = np.cumsum(new, dtype=np.int64) - 1
        return code

    return side_by_side(texts.n, distinct, place)


def _rows_to_sort(texts: Texts, order: Integers, new: npt.NDArray[np.bool_], levels: range) -> Integers:
    """Give the places in `order` that are not sorted yet: groups of equal words before `levels` whose texts differ."""
    unequal = np.zeros(texts.n - 1, dtype=bool)

    def compare(first: int, beyond: int) -> None:
        for begin in range(first, beyond, _CHUNK):
            end = min(begin + _CHUNK, beyond)
            part = _taken(texts, order[begin : end + 1])
            for level in levels:
                unequal[begin:end] |= _differs(_word(part, level))

    if levels:
        in_halves(texts.n - 1, compare)
    unequal &= ~new[1:]
    if not unequal.any():
        return np.zeros(0, dtype=np.int64)
    group = np.cumsum(new) - 1
    mixed = np.zeros(int(group[-1]) + 1, dtype=bool)
    mixed[group[1:][unequal]] = True
    return np.nonzero(mixed[group])[0]


def _sort_on(texts: Texts, new: npt.NDArray[np.bool_], levels: range) -> Integers:
    """Sort texts further that are sorted by the words before `levels`; give their order.

    `new` tells whether a text differs from the one before it, and is brought up to date.
    """
    order = np.arange(texts.n)
    place: Integers | None = None  # of texts that equal a neighbour so far
    for level in levels:
        if place is None:
            place = _tied(new)
            first = new[place]
        if not len(place):
            break
        rows = order[place]
        word = _word(texts, level, rows)
        differs = _differs(word) & ~first[1:]
        if not differs.any():
            continue
        group = np.cumsum(first) - 1
        mixed = np.zeros(int(group[-1]) + 1, dtype=bool)
        mixed[group[1:][differs]] = True
        chosen = np.nonzero(mixed[group])[0]
        by = chosen[np.lexsort((word[chosen], group[chosen]))]
        order[place[chosen]] = rows[by]
        word[chosen] = word[by]
        new[place[1:]] |= _differs(word)
        place = None
    return order


def _tied(new: npt.NDArray[np.bool_]) -> Integers:
    """Give the places of texts that equal a neighbour; all places if they are most."""
    tied = ~new
    tied[:-1] |= ~new[1:]
    return np.arange(len(new)) if 2 * np.count_nonzero(tied) > len(new) else np.nonzero(tied)[0]


def _differs(column: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    differs: npt.NDArray[np.bool_] = column[1:] != column[:-1]
    return differs


def _leading_key(texts: Texts, n_words: int) -> Key:
    """Give a number that ascends with the texts.

    It is the first word of 8 bytes in which the texts differ, or, if they differ in few bits of it, those bits and
    the ones that follow: "customer-0012" and "customer-0345" differ in a few bits after the ninth byte only.
    """
    words: list[Words] = []
    masks: list[int] = []
    fixed: list[int] = []
    n_bits = 0
    while len(masks) < min(n_words, _MOST_WORDS) and n_bits < _ENOUGH_BITS:
        word = _word(texts, len(masks))
        masks.append(int(np.bitwise_or.reduce(word ^ word[0])))
        fixed.append(int(word[0]) & ~masks[-1])
        if masks[-1]:
            words.append(word)
            n_bits += masks[-1].bit_count()
    level = len(masks)
    if len(words) == 1 and n_bits + (texts.n - 1).bit_length() > 64:
        return Key(words[0], 64, level, None, fixed)
    if n_bits > 64:
        for _ in range(n_bits - 64):
            masks[-1] &= masks[-1] - 1  # without its lowest bit
        level, n_bits = level - 1, 64
    return Key(_pack(words, [mask for mask in masks if mask], texts.n), n_bits, level, masks, fixed)


def _pack(words: list[Words], masks: list[int], n: int) -> Words:
    """Put the bits of the masks side by side, those of the first word first."""
    runs = [(word, shift, size) for word, mask in zip(words, masks, strict=True) for shift, size in _runs(mask)]
    key = np.zeros(n, dtype=np.uint64)

    def pack(first: int, beyond: int) -> None:
        for begin in range(first, beyond, _CHUNK):
            rows = slice(begin, min(begin + _CHUNK, beyond))
            packed = key[rows]
            for word, shift, size in runs:
                packed <<= np.uint64(size)
                packed |= (word[rows] >> np.uint64(shift)) & np.uint64(2**size - 1)

    in_halves(n, pack)
    return key


def _unpack(key: Key) -> Words:
    """Give the words of texts that are wholly in their numbers, one text a row."""
    words = np.empty((len(key.number), len(key.fixed)), dtype=np.uint64)
    words[:] = np.array(key.fixed, dtype=np.uint64)
    left = key.n_bits
    for level, mask in enumerate(key.masks or ()):
        for shift, size in _runs(mask):
            left -= size
            words[:, level] |= ((key.number >> np.uint64(left)) & np.uint64(2**size - 1)) << np.uint64(shift)
    return words


def _runs(mask: int) -> list[tuple[int, int]]:
    """Give the runs of set bits, highest first: the place of the lowest bit of each, and its number of bits."""
    runs = []
    while mask:
        shift = (mask & -mask).bit_length() - 1
        size = (~(mask >> shift) & ((mask >> shift) + 1)).bit_length() - 1
        runs.append((shift, size))
        mask &= ~((2**size - 1) << shift)
    return runs[::-1]


def _taken(texts: Texts, rows: Integers) -> Texts:
    if texts.start is None:
        data = texts.data[: texts.n * texts.length].reshape(texts.n, -1).take(rows, axis=0).reshape(-1)
        return texts._replace(data=data, n=len(rows))
    return texts._replace(start=texts.start[rows], length=texts.length[rows], n=len(rows))  # type: ignore[index]  # both are arrays


def _word(texts: Texts, level: int, rows: Integers | None = None) -> Words:
    """Give 8 bytes of each text as a number, with nulls after its end."""
    if texts.start is None:
        return _word_of_equally_long(texts, level, rows)
    start, length = (texts.start, texts.length) if rows is None else (texts.start[rows], texts.length[rows])  # type: ignore[index]  # both are arrays
    data = texts.data if len(texts.data) >= _WORD else np.concatenate([texts.data, np.zeros(_WORD, dtype=np.uint8)])
    last = len(data) - _WORD
    place = start + _WORD * level
    late = np.nonzero(place > last)[0]
    beyond = np.minimum(place[late] - last, _WORD).astype(np.uint64)
    place[late] = last
    word: Words = np.ndarray(last + 1, dtype=">u8", buffer=data, strides=(1,))[place].astype(np.uint64)
    word[late] <<= beyond * np.uint64(8)
    if np.min(length) < _WORD * (level + 1):
        word &= _BEGINNINGS[np.clip(length - _WORD * level, 0, _WORD)]
    return word


def _word_of_equally_long(texts: Texts, level: int, rows: Integers | None) -> Words:
    width, data = int(texts.length), texts.data
    if width < _WORD:
        data = np.zeros((texts.n, _WORD), dtype=np.uint8)
        data[:, :width] = texts.data.reshape(texts.n, width)
        width = _WORD
    begin = min(_WORD * level, width - _WORD)
    words = np.ndarray(texts.n, dtype=">u8", buffer=data, offset=begin, strides=(width,))
    word: Words = (words if rows is None else words[rows]).astype(np.uint64)
    word <<= np.uint64(8 * (_WORD * level - begin))
    return word


def _words(texts: Texts, longest: int) -> Words | None:
    """Give the words of each text in a row; None for texts of one length, which stand so already."""
    if texts.start is None:
        return None
    words = np.empty((texts.n, -(-longest // _WORD)), dtype=np.uint64)
    for level in range(words.shape[1]):
        words[:, level] = _word(texts, level)
    return words


def _to_strings(texts: Texts, words: Words | None, longest: int) -> npt.NDArray[np.str_]:
    """Make fixed-width text of `words`, a text a row, or of texts of one length."""
    units = texts.data.reshape(texts.n, longest) if words is None else words.astype(">u8").view(np.uint8)[:, :longest]
    points = _decode(units, texts.length) if texts.utf8 else np.ascontiguousarray(units).view(f">u{texts.size}")
    width = points.shape[1]
    while width > 1 and not points[:, width - 1].any():
        width -= 1
    distinct = np.empty(len(points), dtype=f"U{width}")  # it owns its memory, so whoever takes it over need not copy it
    distinct.view(np.uint32).reshape(len(points), width)[:] = points[:, :width]
    return distinct


def _decode(units: npt.NDArray[np.uint8], length: Integers | int) -> npt.NDArray[np.uint32]:
    """Give the characters of one text in each row."""
    used = np.arange(units.shape[1]) < np.reshape(length, (-1, 1))
    used = np.broadcast_to(used, units.shape)
    n_points = (((units & _MARK) != _GOES_ON) & used).sum(axis=1)
    points = np.zeros((len(units), int(n_points.max())), dtype=np.uint32)
    text = units[used].tobytes().decode()
    points[np.arange(points.shape[1]) < n_points[:, None]] = np.frombuffer(text.encode("utf-32-le"), dtype="<u4")
    return points
