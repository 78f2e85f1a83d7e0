"""Encodings of CSV files: a file that is not UTF-8 is written again in UTF-8, because the database reads nothing else.

A byte order mark tells UTF-8 and UTF-16. Without one, the heading row is tried in UTF-8 first, then in the encodings
that spreadsheets and older systems use. One of these is taken only if it alone makes headings that are known.

Blank last lines, and a few lines with more or fewer fields than the header, are left out in the same way. Lines with
different ends get the same one.
"""

from __future__ import annotations

import codecs
import contextlib
import csv
import gzip
import io
import itertools
import re
import unicodedata
import zlib
from typing import TYPE_CHECKING, Any, NamedTuple

from crmvalue._report.reading.places import FileError, raise_all
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from crmvalue._report.reading.places import Places

__all__ = [
    "Heading",
    "as_utf8",
    "is_packed",
    "is_parquet",
    "parse_heading",
    "read_head",
    "say_encoding",
    "without_uneven",
]

_CANDIDATES = (
    "cp1252", "cp1251", "cp1250", "cp1254", "mac-roman", "mac-cyrillic", "koi8-u", "cp866", "utf-16-le", "utf-16-be",
)  # fmt: skip
_MARKS = (  # at the start of a file; that of UTF-32 begins as that of UTF-16
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_OTHERS = (  # what files of other kinds begin with
    (b"PK\x03\x04", "a workbook or a ZIP archive: save the table as CSV, or unpack the file"),
    (b"\xd0\xcf\x11\xe0", "a workbook of Excel: save the table as CSV"),
    (b"BZh", "packed by bzip2: unpack it"),
    (b"\x28\xb5\x2f\xfd", "packed by Zstandard: unpack it"),
    (b"\xfd7zXZ", "packed by xz: unpack it"),
    (b"7z\xbc\xaf", "a 7z archive: unpack it"),
    (b"Rar!", "a RAR archive: unpack it"),
    (b"%PDF", "a PDF: save the table as CSV"),
)
_UTF8 = {"utf-8", "utf-8-sig"}
_HEAD = 1 << 20  # bytes of the longest header
_BLOCK = 1 << 20
_LINES_FOR_ONE = 200  # so many lines of a file for each that has more or fewer fields than the header
_AROUND = 40  # bytes beside one that is not UTF-8, which may show what the text is
_MOST_SHOWN = 3  # readings in one error
_SIGNS = {"Zs", "Sc", "Pd", "Pi", "Pf"}  # kinds of signs that a heading or a name may have besides letters and digits
_WORD = re.compile(r"[^\W\d_]+")
_SIGN_INSIDE = re.compile(r"[^\W\d_][№°\u2013\u2014\xab\xbb\u201c\u201d\u2039\u203a\xa2-\xa5\u20ac][^\W\d_]")
_ENDS = re.compile(rb'[\r\n,;\t|"]')
_NO_ROW = b" \x00\x1a"  # of which lines at the end are no rows
_MOST_ABOVE = 30  # lines, of a title and what stands with it
_NAMED_DELIMITER = re.compile(r'"?sep=([^"\r\n])"?\r?\n', re.IGNORECASE)  # a line before the header, which Excel reads


class Heading(NamedTuple):
    """The delimiter of a CSV file, the names of its columns, and the number of lines before them."""

    delimiter: str
    names: list[str]
    n_before: int


def is_parquet(place: Path) -> bool:
    """Tell whether a file is Parquet."""
    with place.open("rb") as file:
        return file.read(4) == b"PAR1"


def is_packed(place: Path) -> bool:
    """Tell whether a file is packed by gzip."""
    with place.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


def read_head(place: Path) -> bytes:
    """Read the first bytes of a file, plain or packed."""
    with _open(place) as file:
        return file.read(_HEAD)


def _open(place: Path) -> io.BufferedIOBase:
    return gzip.open(place, "rb") if is_packed(place) else place.open("rb")


def parse_heading(text: str) -> Heading:
    """Find the names of the columns at the start of a text; csv.Error if they cannot be told apart."""
    named = _NAMED_DELIMITER.match(text)
    text = text[named.end() :] if named else text
    line = re.sub(r'"[^"]*"', "", text).partition("\n")[0]
    delimiter = named[1] if named else max(",;\t|", key=line.count)
    names = next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), [])
    return Heading(delimiter, names, int(named is not None))


def heading_below(place: Path, known: Callable[[Sequence[str]], int]) -> int | None:
    """Find the line that rather has the headings of a CSV file than its first one, such as the line below a title."""
    lines = [] if is_parquet(place) else read_head(place).decode("utf-8-sig", "replace").splitlines()
    for number, line in enumerate(lines[1:_MOST_ABOVE], 2):
        with contextlib.suppress(csv.Error):
            if known(parse_heading(line).names) > 1:
                return number
    return None


def say_heading(places: Sequence[Path], known: Callable[[Sequence[str]], int]) -> str:
    """Say which line has the headings of a CSV file that cannot be read, if its first one is rather a title."""
    if len(places) > 1:
        return ""
    with contextlib.suppress(csv.Error, OSError, EOFError, zlib.error):  # the file itself cannot be read
        if is_parquet(places[0]):
            return ""
        title = read_head(places[0]).decode("utf-8-sig", "replace").split("\n", 1)[0]
        line = heading_below(places[0], known) if known(parse_heading(title).names) < 2 else None
        return f". Line {line} looks like the row of headings: take out the lines above it" if line else ""
    return ""


def as_utf8(
    places: Places, folder: Path, encoding: str | None, known: Callable[[Sequence[str]], int]
) -> tuple[Places, dict[str, str]]:
    """Write the CSV files that are not UTF-8 again in UTF-8, into a folder; other files stay where they are.

    `encoding` is that of all files without a byte order mark, except those that are UTF-8 to their end with a letter
    beyond ASCII: they stay where they are, and a note says so. None finds it from the heading row of each. `known` says
    how many of some headings are known. Gives the places with the new files, and the encoding of each that was guessed.

    Raises
    ------
    InputError
        If there is no such encoding, if a heading could be in several, or if a file cannot be read in its encoding. If
        several files are wrong, it says all of them.
    """
    if encoding is not None:
        _require_encoding(encoding, places)
    files: list[Path] = []
    guessed: dict[str, str] = {}
    as_they_are: list[str] = []
    problems: list[InputError] = []
    for place, name in zip(places.files, places.names, strict=True):
        files.append(place)
        with contextlib.suppress(OSError, EOFError, zlib.error):  # who reads the file will say what is wrong with it
            if is_parquet(place):
                continue
            try:
                head = read_head(place)
                if other := next((what for mark, what in _OTHERS if head.startswith(mark)), None):
                    raise FileError("FILE", f"{name!r} is {other}")
                own = _marked(head) or encoding or ("utf-8" if _fits(head) else _guess(head, name, known))
                if own == encoding and codecs.lookup(own).name != "ascii" and _is_utf8(place):
                    own = "utf-8"
                    as_they_are.append(name)
                if own in _CANDIDATES and encoding is None:
                    guessed[name] = own
                if codecs.lookup(own).name in _UTF8:
                    if not _fits(head):
                        raise FileError("FILE", f"line 1 of {name!r} is not UTF-8: save the file as CSV in UTF-8")
                else:
                    files[-1] = folder / f"utf8-{len(files)}.csv"
                    _write_whole(place, files[-1], own, name, guessed=name in guessed)
                files[-1] = _without_end(files[-1], folder / f"cut-{len(files)}.csv")
            except InputError as error:
                problems.append(error)
    raise_all(problems)
    return places._replace(files=files, notes=[*places.notes, *_say_utf8(as_they_are, encoding)]), guessed


def _without_end(place: Path, target: Path) -> Path:
    """Write a file again without last lines that hold nothing but blanks, nulls or the end of file of DOS."""
    with _open(place) as file:
        starts = (0,) if is_packed(place) else (max(place.stat().st_size - _BLOCK, 0), 0)
        n_left = next((found for start in starts if (found := _end_of_rows(file, start)) is not None), -1)
    if n_left < 0:
        return place
    with _open(place) as source, target.open("wb") as sink:
        while block := source.read(min(_BLOCK, n_left)):
            n_left -= sink.write(block)
    return target


def without_uneven(places: Places, folder: Path) -> Places:
    """Write CSV files again without the lines that have more or fewer fields than the header, and say so in notes.

    All lines get the same end. A file with more than one such line in 200 stays as it is, and so does one with a quote
    that is not closed.
    """
    files, notes = [], [*places.notes]
    for place, name in zip(places.files, places.names, strict=True):
        files.append(place)
        target = folder / f"even-{len(files)}.csv"
        with contextlib.suppress(csv.Error, OSError, EOFError, zlib.error):  # who reads the file will say what is wrong
            if is_parquet(place):
                continue
            n_fields, n_rows, uneven = _write_even(place, target)
            if len(uneven) * _LINES_FOR_ONE > n_rows:
                continue
            files[-1] = target
            if uneven:
                notes.append(_say_uneven(uneven, n_fields, name if len(places.files) > 1 else None))
    return places._replace(files=files, notes=notes)


def _say_uneven(lines: list[int], n_fields: int, name: str | None) -> str:
    of_file = "" if name is None else f" of {name!r}"
    why = f"more or fewer fields than the {n_fields} of the header"
    if len(lines) == 1:
        return f"Line {lines[0]}{of_file} is left out: it has {why}."
    return f"{len(lines):,} lines{of_file} are left out, such as line {lines[0]}: they have {why}."


def _write_even(place: Path, target: Path) -> tuple[int, int, list[int]]:
    """Write the rows with as many fields as the header; give that number, the number of all rows, and the other rows.

    The others are given by the numbers of their lines.
    """
    opened: Any = _open(place)
    heading = parse_heading(read_head(place).decode("utf-8-sig", "replace"))
    n_rows, uneven = 0, []
    with (
        io.TextIOWrapper(opened, "utf-8-sig", errors="surrogateescape", newline="") as source,
        target.open("w", encoding="utf-8", errors="surrogateescape", newline="") as sink,
    ):
        for _ in range(heading.n_before):
            sink.write(source.readline().rstrip("\r\n") + "\n")
        reader = csv.reader(source, delimiter=heading.delimiter, strict=True)
        writer = csv.writer(sink, delimiter=heading.delimiter, lineterminator="\n")
        for row in reader:
            if len(row) == len(heading.names):
                writer.writerow(row)
            elif row:  # no blank line
                uneven.append(reader.line_num + heading.n_before)
            n_rows += bool(row)
    return len(heading.names), n_rows, uneven


def _end_of_rows(file: io.BufferedIOBase, start: int) -> int | None:
    """Find where the blank last lines of a file begin, -1 if it has none; None if nothing else follows `start`."""
    end, begin, found, is_blank = file.seek(start), -1, False, False
    while block := file.read(_BLOCK):
        rows = block.rstrip(_NO_ROW + b"\r\n")
        rest = block[len(rows) :]
        if rows:
            begin, found, is_blank = -1, True, False
        if begin < 0:
            line = re.search(rb"[\r\n]", rest)
            begin, rest = (end + len(rows) + line.start(), rest[line.start() :]) if line else (-1, b"")
        is_blank |= bool(rest.strip(b"\r\n"))
        end += len(block)
    return (begin if is_blank else -1) if found else None


def _say_utf8(names: list[str], encoding: str | None) -> list[str]:
    """Say which files were read in UTF-8 although another encoding was given."""
    if not names or encoding is None or codecs.lookup(encoding).name in _UTF8:
        return []
    files = "1 CSV file is" if len(names) == 1 else f"{len(names):,} CSV files are"
    return [f"{files} in UTF-8 and not in {encoding}, and read so: {names[0]!r}{' and more' * (len(names) > 1)}."]


def _require_encoding(encoding: str, places: Places) -> None:
    try:
        " ".encode(encoding)
        codecs.getincrementaldecoder(encoding)
    except (LookupError, ValueError):
        hint = "others are cp1250, cp1254 and koi8-u"
        raise InputError(
            "--encoding", "the name of an encoding, such as cp1251, cp1252 or utf-16", encoding, hint=hint
        ) from None
    if all(map(is_parquet, places.files)):
        raise FileError("--encoding", f"--encoding is for CSV, and {places.names[0]!r} is Parquet", encoding)


def _marked(head: bytes) -> str | None:
    """Give the encoding that a byte order mark tells."""
    return next((encoding for mark, encoding in _MARKS if head.startswith(mark)), None)


def _is_utf8(place: Path) -> bool:
    """Tell whether a file is UTF-8 to its end and not only ASCII; text in another encoding hardly ever is by chance."""
    decoder, plain = codecs.getincrementaldecoder("utf-8")(), True
    with _open(place) as file:
        while block := file.read(_BLOCK):
            plain = plain and block.isascii()
            try:
                decoder.decode(block)
            except UnicodeDecodeError:
                return False
    return not plain and not decoder.getstate()[0]


def _fits(head: bytes) -> bool:
    """Tell whether the heading row is UTF-8, as far as it is a heading row at all."""
    try:
        return not re.search("[\ufffd\0]", "".join(parse_heading(head.decode("utf-8", "replace")).names))
    except csv.Error:
        return True


def _guess(head: bytes, name: str, known: Callable[[Sequence[str]], int]) -> str:
    """Give the only encoding in which the heading row has most names that are known, or say which there are."""
    readings: dict[tuple[str, ...], str] = {}  # some encodings read the row alike: the first counts
    for encoding in _CANDIDATES:
        names = _read_names(head, encoding)
        if names and all(map(_is_plausible, names)):
            readings.setdefault(names, encoding)
    counts = {names: known(names) for names in readings}
    most = max(counts.values(), default=0)
    best = [names for names, n in counts.items() if n == most]
    if most and len(best) == 1:
        return readings[best[0]]
    ways = [f"--encoding {readings[names]} if {_foreign(names)!r} is right" for names in best[:_MOST_SHOWN]]
    add = f"add {' or '.join(ways)}" if ways else "name its encoding with --encoding"
    raise FileError("FILE", f"line 1 of {name!r} is not UTF-8: save the file as CSV in UTF-8, or {add}")


def _read_names(head: bytes, encoding: str) -> tuple[str, ...]:
    try:
        return tuple(parse_heading(codecs.getincrementaldecoder(encoding)("replace").decode(head)).names)
    except csv.Error:
        return ()


def _is_plausible(text: str) -> bool:
    """Tell whether a text may be what its writer meant: no odd signs, and no word that mixes scripts or cases."""
    return all(map(_is_usual, text)) and not _SIGN_INSIDE.search(text) and all(map(_is_word, _WORD.findall(text)))


def _is_usual(letter: str) -> bool:
    if letter.isascii():
        return letter.isprintable() or letter.isspace()
    return letter.isalnum() or letter in "№°" or unicodedata.category(letter) in _SIGNS


def _is_word(word: str) -> bool:
    scripts = {unicodedata.name(letter, "?").split()[0] for letter in word}
    sudden = any(a.islower() and b.isupper() and not b.isascii() for a, b in itertools.pairwise(word))
    return len(scripts) == 1 and not sudden and unicodedata.is_normalized("NFKC", word)


def _foreign(names: Sequence[str]) -> str:
    """Give the first heading that is no plain ASCII, by which an encoding is seen to be right."""
    return next((text for text in names if not text.isascii()), names[0])


def _write_whole(place: Path, target: Path, encoding: str, name: str, *, guessed: bool) -> None:
    """Write a file again in UTF-8; raise where only a part of it could be read or written, which nobody would miss."""
    try:
        _write_again(place, target, encoding, name, guessed=guessed)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise FileError("FILE", f"cannot read {name!r}: it is damaged or not complete") from error
    except OSError as error:
        sentence = f"cannot read {name!r}, or write it again in UTF-8 in {str(target.parent)!r}"
        raise FileError("FILE", f"{sentence}: {error.strerror or error}") from error


def _write_again(place: Path, target: Path, encoding: str, name: str, *, guessed: bool) -> None:
    """Write a file again in UTF-8, block by block."""
    decoder = codecs.getincrementaldecoder(encoding)()
    n_lines = 1
    with _open(place) as source, target.open("w", encoding="utf-8", newline="") as sink:
        while True:
            block = source.read(_BLOCK)
            try:
                text = decoder.decode(block, final=not block)
                sink.write(text)
            except UnicodeError as error:
                n_lines += _count_lines_before(error, encoding)
                as_its_heading = ", in which its heading is known: name another with --encoding" if guessed else ""
                sentence = f"line {n_lines} of {name!r} cannot be read as {encoding}{as_its_heading}"
                raise FileError("--encoding", sentence, encoding) from error
            n_lines += text.count("\n")
            if not block:
                return


def _count_lines_before(error: UnicodeError, encoding: str) -> int:
    """Count the ends of lines before what cannot be read, or written again, as far as the error tells its place."""
    if isinstance(error, UnicodeEncodeError):  # half of a surrogate pair
        return error.object[: error.start].count("\n")
    if isinstance(error, UnicodeDecodeError):
        with contextlib.suppress(UnicodeError):
            return error.object[: error.start].decode(encoding, "ignore").count("\n")
    return 0


def say_encoding(places: Sequence[Path]) -> str:
    """Say which encodings make sense of the first text that is not UTF-8, or nothing if there is none."""
    for place in places:
        with contextlib.suppress(OSError, EOFError, zlib.error):
            text = b"" if is_parquet(place) else _first_other(place)
            if not text:
                continue
            readings: dict[str, str] = {}
            for encoding in _CANDIDATES[:-2]:
                with contextlib.suppress(UnicodeDecodeError):
                    readings.setdefault(text.decode(encoding), encoding)
            ways = [f"--encoding {own} if {said!r} is right" for said, own in readings.items() if _is_plausible(said)]
            return f", or add {' or '.join(ways[:_MOST_SHOWN])}" if ways else ", or name its encoding with --encoding"
    return ""


def _first_other(place: Path) -> bytes:
    """Find the first cell of a file that is not UTF-8."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with _open(place) as file:
        while block := file.read(_BLOCK):
            try:
                decoder.decode(block)
            except UnicodeDecodeError as error:
                before = _ENDS.split(error.object[max(0, error.start - _AROUND) : error.start])[-1]
                return before + _ENDS.split(error.object[error.start : error.start + _AROUND])[0]
    return b""
