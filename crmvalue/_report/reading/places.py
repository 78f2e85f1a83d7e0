"""The files that a command names: what may be read of them, and the errors that name them."""

from __future__ import annotations

import glob
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from crmvalue.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["FileError", "FileProblemsError", "Places", "find_files", "raise_all"]

_ENDINGS = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".parquet")
_PARTITION = re.compile(r"[^=]+=.*")  # a folder such as "year=2024"


class FileError(InputError):
    """An error in a file; `rule` is the whole sentence."""

    def __init__(self, name: str, rule: str, value: object = None, **fields: Any) -> None:
        super().__init__(name, rule, value, **fields)

    def __str__(self) -> str:
        return self.rule


class FileProblemsError(FileError):
    """Several errors of one file or several, all of them; it has the fields of the first."""

    def __init__(self, problems: Sequence[InputError]) -> None:
        self.problems = tuple(problems)
        sentences = "".join(f"\n- {problem}" for problem in problems)
        rule = f"the file has {len(problems)} problems:{sentences}"
        super().__init__(problems[0].name, rule, problems[0].value, count=problems[0].count)


def raise_all(problems: Sequence[InputError]) -> None:
    """Raise all problems at once, if there are any."""
    if problems:
        raise problems[0] if len(problems) == 1 else FileProblemsError(problems)


class Places(NamedTuple):
    """Files to read, each once, the names to show for them, what was left out in words, and what is wrong."""

    files: list[Path]
    names: list[str]
    notes: list[str]
    problems: list[InputError]


def find_files(paths: Sequence[str]) -> Places:
    """Find the files that are meant by names of files, folders and patterns such as `orders/**/*.csv`.

    A folder means the CSV and Parquet files in it, without those in folders inside. A file that exists is no pattern.
    """
    found: dict[Path, tuple[Path, str]] = {}
    notes: list[str] = []
    problems: list[InputError] = []
    n_again = 0
    for path in paths:
        try:
            for place, name in _meant_by(path, notes):
                n_again += place.resolve() in found
                found.setdefault(place.resolve(), (place, name))
        except InputError as error:
            problems.append(error)
    if n_again:
        notes.append(f"{_count(n_again, 'file')} named more than once: read once.")
    folders = sorted({part for place, _ in found.values() for part in place.parent.parts if _PARTITION.fullmatch(part)})
    if len(found) > 1 and folders:
        notes.append(
            f"The names of folders, such as {folders[0]!r}, were not read: only columns inside the files count."
        )
    return Places([place for place, _ in found.values()], [name for _, name in found.values()], notes, problems)


def _count(number: int, what: str) -> str:
    return f"1 {what} was" if number == 1 else f"{number:,} {what}s were"


def _meant_by(path: str, notes: list[str]) -> list[tuple[Path, str]]:
    """Give the files that one name means, each with the name to show."""
    if not path:  # pathlib takes it for the folder of the command, and a variable that is not set is empty
        raise FileError("FILE", "the name of a file is empty", path)
    place = Path(path).expanduser() if path.startswith("~/") else Path(path)
    try:
        if place.is_dir():
            return _files_of(place, path, notes)
        if place.exists() or not glob.has_magic(path):
            return [(_existing_file(place, path), path)]
        every = [Path(name) for name in sorted(glob.glob(str(place), recursive=True))]  # noqa: PTH207 - a pattern may be absolute
    except OSError as error:
        raise FileError("FILE", f"cannot open {path!r}: {error.strerror}", path) from error
    files = [file for file in every if not file.is_dir()]
    kept = [file for file in files if not file.name.startswith(("_", "."))]
    if not kept:
        raise FileError("FILE", f"no file fits the pattern {path!r}", path)
    if len(kept) < len(files):
        notes.append(f"{_count(len(files) - len(kept), 'file')} skipped, because the name begins with an underscore.")
    return [(_existing_file(file, str(file)), str(file)) for file in kept]


def _files_of(folder: Path, path: str, notes: list[str]) -> list[tuple[Path, str]]:
    """Give the CSV and Parquet files of a folder; note what else is in it."""
    inside = sorted(folder.iterdir())
    kept = [
        place
        for place in inside
        if place.name.lower().endswith(_ENDINGS) and not place.name.startswith(("_", ".")) and place.is_file()
    ]
    folders = [place for place in inside if place.is_dir()]
    if not kept:
        hint = f". Hint: for the files of the folders in it, give {str(folder / '**' / '*.csv')!r}, or .parquet"
        raise FileError("FILE", f"the folder {path!r} has no CSV or Parquet file{hint if folders else ''}", path)
    others = [place.name for place in inside if place not in {*kept, *folders}]
    if others:
        listed = ", ".join(map(repr, others[:3])) + (", ..." if len(others) > 3 else "")
        notes.append(f"{_count(len(others), 'file')} skipped, as no CSV or Parquet file: {listed}.")
    if folders:
        notes.append(f"{_count(len(folders), 'folder')} skipped, inside {path!r}: for their files, give a pattern.")
    return [(_existing_file(place, str(place)), str(place)) for place in kept]


def _existing_file(place: Path, path: str) -> Path:
    try:
        if place.is_file():
            place.open("rb").close()
            return _with_legal_name(place.absolute())
        if path == "-" or place.exists():
            raise FileError("FILE", f"{path!r} is a stream, not a file: save it to a file first", path)
    except OSError as error:
        raise FileError("FILE", f"cannot open {path!r}: {error.strerror}", path) from error
    raise FileError("FILE", f"there is no file {path!r}", path)


def _with_legal_name(place: Path) -> Path:
    try:
        str(place).encode()
    except UnicodeEncodeError:
        whole = str(place)
        raise FileError("FILE", f"the name of {whole!r} is not UTF-8: rename the file or its folder", whole) from None
    return place
