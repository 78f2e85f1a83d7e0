"""Customers that a file has spoiled: different ones may have become one, or rows lie within a name."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = [
    "LOST",
    "describe_spoiled",
    "find_capitals",
    "find_lost",
    "find_of_many_lines",
    "find_rounded",
    "first_line",
    "n_lines",
]

LOST = re.compile(r"\?(\?|[^\W\d_])")  # a question mark is written for each letter that an encoding does not have
_ROUNDED = re.compile(r"\d([.,]\d{1,16})?[eE]\+\d{2,3}", re.ASCII)  # how spreadsheets and floats show long numbers
_ROWS = re.compile(r"[\r\n].*[,;|\t]")  # a further line with what separates the columns of a file
_LETTERS = 40  # of a name that is shown


def find_rounded(customer: npt.NDArray[Any]) -> list[str]:
    """Find customers whose numbers a spreadsheet has rounded; those with nearby numbers have become one."""
    return [who for who in customer.tolist() if "+" in who and _ROUNDED.fullmatch(who)]


def find_lost(customer: npt.NDArray[Any]) -> list[str]:
    """Find customers whose letters became question marks when a file was saved; different ones may have become one."""
    return [who for who in customer.tolist() if "?" in who and LOST.search(who)]


def find_of_many_lines(customer: npt.NDArray[Any]) -> list[str]:
    """Find customers with rows of the file in their names, as a missing quotation mark leaves them."""
    return [who for who in customer.tolist() if ("\n" in who or "\r" in who) and _ROWS.search(who)]


def find_capitals(customer: npt.NDArray[Any]) -> list[str]:
    """Find customers whose e-mail is that of another one, but for capitals."""
    emails = [who for who in customer.tolist() if "@" in who]
    seen = Counter(map(str.casefold, emails))
    return [who for who in emails if seen[who.casefold()] > 1]


def n_lines(names: list[str]) -> int:
    """Count the lines of names."""
    return sum(len(name.splitlines()) for name in names)


def first_line(name: str) -> str:
    """Give the first line of a name, at most some letters of it."""
    return name.strip().splitlines()[0][:_LETTERS]


def describe_spoiled(customer: npt.NDArray[Any]) -> list[str]:
    """Name the customers that the file has spoiled, in lines for the command."""
    lines = []
    if rounded := find_rounded(customer):
        some = len(rounded) > 1
        names = f"{len(rounded):,} customers are rounded numbers" if some else "1 customer is a rounded number"
        lines += [
            f"{names}, such as {rounded[0]}, as spreadsheets write long ones.",
            "Different customers may have become one. Write the table again with the customers as text.",
        ]
    if lost := find_lost(customer):
        names = f"{len(lost):,} customers have" if len(lost) > 1 else "1 customer has"
        lines += [
            f"{names} ? in place of letters, such as {lost[0]!r}: the encoding of the file does not have them.",
            "Different customers may have become one. Save the table again as CSV in UTF-8.",
        ]
    if long := find_of_many_lines(customer):
        names = f"{len(long):,} customers have names" if len(long) > 1 else "1 customer has a name"
        lines += [
            f"{names} of {n_lines(long):,} lines of the file, such as {first_line(long[0])!r}.",
            "Rows within a name do not count. Look there for a quotation mark too many, and take it out.",
        ]
    if same := find_capitals(customer):
        what = f"{len(same):,} customers are e-mails that differ in capitals alone, such as {same[0]}."
        lines.append(f"{what} They count as different: write them in one way.")
    return lines
