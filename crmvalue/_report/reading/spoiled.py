"""Customers and dates that a file has spoiled: customers who became one, rows within a name, numbers of days."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = [
    "LOST",
    "TOTALS",
    "describe_spoiled",
    "find_capitals",
    "find_lost",
    "find_of_many_lines",
    "find_rounded",
    "first_line",
    "hint_for_date",
    "is_total",
    "n_lines",
]

LOST = re.compile(r"\?(\?|[^\W\d_])")  # a question mark is written for each letter that an encoding does not have
_ROUNDED = re.compile(
    r"\d([.,]\d{1,16})?[eE]\+\d{2,3}|\d[.,]\d{2,16}[eE][1-9]\d", re.ASCII
)  # how spreadsheets and floats show long numbers
_ROWS = re.compile(r"[\r\n].*[,;|\t]")  # a further line with what separates the columns of a file
TOTALS = {
    "total", "totals", "grand total", "subtotal", "sum", "summe", "gesamt", "gesamtsumme", "gesamtergebnis", "итого",
    "всего", "общий итог", "сумма", "разом", "усього", "всього", "загалом", "сума", "загальна сума",
    "загальний підсумок", "სულ", "ჯამი", "cəmi", "yekun", "toplam", "genel toplam", "total général", "total general",
    "totale", "totaal", "razem", "suma", "zwischensumme", "teilsumme", "підсумок", "проміжний підсумок", "ara toplam",
}  # fmt: skip
_LETTERS = 40  # of a name that is shown
_DAY_NUMBER = re.compile(r"([2-7]\d{4})([.,]\d+)?", re.ASCII)  # from 1954 to 2119
_MONTH = re.compile(r"\d{1,2}\.? (?:de )?([^\W\d_]{3,})\.?,? (?:de )?\d{4}\b")
_ENGLISH = {
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "sept", "oct", "nov", "dec", "january", "february",
    "march", "april", "june", "july", "august", "september", "october", "november", "december",
}  # fmt: skip


def find_rounded(customer: npt.NDArray[Any]) -> list[str]:
    """Find customers whose numbers a spreadsheet has rounded; those with nearby numbers have become one."""
    return [who for who in customer.tolist() if ("+" in who or who[1:2] in {".", ","}) and _ROUNDED.fullmatch(who)]


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


def hint_for_date(text: str) -> str:
    """Say what to do about a text that is no date."""
    if is_total(text):
        return "if this is the sum of the table, take the row out of the file"
    if number := _DAY_NUMBER.fullmatch(text):
        day = np.datetime64("1899-12-30") + int(number[1])
        return f"if a spreadsheet wrote this for {day}, show the column as dates there, and save it again"
    if (month := _MONTH.match(text)) and month[1].casefold() not in _ENGLISH:
        return "write months as numbers, such as 2024-02-29"
    return "write dates as 2024-02-29, or name their format with --date-format"


def is_total(name: str) -> bool:
    """Whether a name is a word for a sum."""
    return name.strip(" :=").casefold() in TOTALS


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
