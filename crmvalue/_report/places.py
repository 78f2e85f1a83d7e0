"""The files that a command names: what may be read of them, and the errors that name them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from crmvalue.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["FileError", "FileProblemsError", "existing_file", "raise_all"]


class FileError(InputError):
    """An error in a file; `rule` is the whole sentence."""

    def __init__(self, name: str, rule: str, value: object = None, **fields: Any) -> None:
        super().__init__(name, rule, value, **fields)

    def __str__(self) -> str:
        return self.rule


class FileProblemsError(FileError):
    """Several errors of one file, all of them; it has the fields of the first."""

    def __init__(self, problems: Sequence[InputError]) -> None:
        self.problems = tuple(problems)
        sentences = "".join(f"\n- {problem}" for problem in problems)
        rule = f"the file has {len(problems)} problems:{sentences}"
        super().__init__(problems[0].name, rule, problems[0].value, count=problems[0].count)


def raise_all(problems: Sequence[InputError]) -> None:
    """Raise all problems at once, if there are any."""
    if problems:
        raise problems[0] if len(problems) == 1 else FileProblemsError(problems)


def existing_file(path: str) -> Path:
    place = Path(path).expanduser() if path.startswith("~/") else Path(path)
    try:
        if place.is_file():
            place.open("rb").close()
            return _with_legal_name(place.absolute())
        if place.is_dir():
            raise FileError("FILE", f"{path!r} is a folder, not a file", path)
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
