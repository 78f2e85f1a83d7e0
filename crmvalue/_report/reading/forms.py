"""The forms of dates and numbers in text columns: found from all values of a column, and written as SQL."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from crmvalue._report.reading.places import FileError
from crmvalue._report.reading.sources import NUMBERS, literal
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from crmvalue._report.reading.sources import Column, Database

__all__ = [
    "CURRENCY",
    "ISO",
    "WHOLE_YEAR",
    "ZONED",
    "ZONED_KINDS",
    "first_value",
    "read_dates",
    "read_numbers",
    "spelled",
]

ISO = "%Y-%m-%d"
_DATES = (
    ISO, "%Y%m%d", "%Y/%m/%d", "%Y.%m.%d", "%d.%m.%Y", "%d.%m.%y", "%d/%m/%Y", "%m/%d/%Y", "%d/%m/%y", "%m/%d/%y",
    "%y/%m/%d", "%d-%m-%Y", "%m-%d-%Y", "%d-%m-%y", "%m-%d-%y", "%y-%m-%d", "%d %b %Y", "%d %B %Y", "%b %d, %Y",
    "%B %d, %Y", "%d-%b-%Y", "%d-%b-%y", "%b-%d-%Y", "%b-%d-%y",
)  # fmt: skip
_TIMES = (
    "", " %H:%M:%S", " %H:%M", "T%H:%M:%S", "T%H:%M", " %H:%M:%S.%f", "T%H:%M:%S.%f", " %I:%M:%S %p", " %I:%M %p",
    " %I:%M%p",
)  # fmt: skip
_OFFSET = r"(?:(?:0\d|1[0-3])(?::?[0-5]\d)?|14(?::?00)?)"  # no clock on earth is further from UTC
ZONED = rf"^(\d{{4}}-\d\d?-\d\d?)[T ](\d\d?:\d\d)(?::(?:[0-5]\d|60))?(?:\.\d+)? ?(?:Z|z|UTC|([+-]{_OFFSET}))$"
ZONED_KINDS = ("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ_NS")
_FRACTION = r"(:\d\d\.\d{6})\d+"
CURRENCY = (
    r"(?:[A-Z]{0,3}\p{Sc}|[A-Z]{3}|"
    r"(?i:zł|kč|kr|rs|ft|fr|tl|lei|manat|man|грн|руб|р|сом|тг|лв|лари|ლარი)\.?)"  # noqa: RUF001 - Cyrillic
)
WHOLE_YEAR = r"(year({0}) >= 1000 or (year({0}) >= 1 and regexp_matches(date_text, '(^|\D)0001(\D|$)')))"
"""24 is no year before 1000; but in some systems 0001-01-01 stands for no date."""

_SAMPLE = 1000  # values that sort out readings before the whole column is read


def read_dates(database: Database, column: Column | None, asked: str | None) -> tuple[str | None, str]:
    """Find the pattern of the dates, and the SQL for their day."""
    if column is None:
        return None, "cast(NULL as date)"
    if column.kind == "DATE" or column.kind.startswith("TIMESTAMP"):
        if asked is not None:
            raise FileError(
                "--date-format", f"--date-format is for text, and column {column.name!r} holds dates", asked
            )
        return (
            None,
            f"try_cast({'try_cast(date_raw as timestamptz)' if column.kind in ZONED_KINDS else 'date_raw'} as date)",
        )
    if asked is not None:
        codes = set(re.findall(r"%-?(.|$)", asked))
        if not (codes <= set("aAbBdmyYHIMSpfnzj%") and codes & set("yY") and codes & set("mbBj")):
            raise InputError("--date-format", "a strptime pattern such as %d/%m/%Y", asked)
        return asked, _day(asked)
    readings = {pattern: _day(pattern) for pattern in _DATES}
    fits, example = _fitting(database, "date_text", readings, WHOLE_YEAR)
    if example is not None:
        ways = " or ".join(spelled(pattern) for pattern in fits)
        sentence = f"dates such as {example!r} in column {column.name!r} can be read as {ways}"
        raise FileError("--date-format", f"{sentence}: give --date-format {' or '.join(fits)}", example)
    return fits[0], readings[fits[0]]


def _day(pattern: str) -> str:
    """Write the SQL for the day of a text that follows a pattern, with or without a time of day."""
    times = _TIMES if not set("HI") & set(re.findall(r"%-?(.)", pattern)) else ("",)
    # More than six digits of a second would ask for times in nanoseconds, which exist from 1677 to 2262 only.
    text = rf"case when length(date_text) < 20 then date_text else regexp_replace(date_text, '{_FRACTION}', '\1') end"
    day = f"try_strptime({text}, [{', '.join(literal((pattern + time).replace('%n', '%f')) for time in times)}])"
    # DuckDB reads three words whatever the pattern, and any number of digits if nothing separates them.
    good = "lower(date_text) not in ('infinity', '-infinity', 'epoch')"
    if pattern == "%Y%m%d":
        good = r"regexp_full_match(date_text, '\d{8}(\D.*)?')"
    day = f"cast(case when {good} then {day} end as date)"
    if pattern != ISO:
        return day
    # Seconds never change the day, and DuckDB 1.1 reads no zone after minutes without seconds.
    offset = rf"coalesce(nullif(regexp_extract(date_text, '{ZONED}', 3), ''), '+00')"
    zoned = rf"try_cast(regexp_replace(date_text, '{ZONED}', '\1 \2:00') || {offset} as timestamptz)"
    return f"case when zoned then cast({zoned} as date) else {day} end"


def spelled(pattern: str) -> str:
    """Write a pattern in words, such as "day.month.year"."""
    words = {"%d": "day", "%m": "month", "%b": "month", "%B": "month", "%Y": "year", "%y": "year"}
    text = re.sub("%[dmbBYy]", lambda found: words[found[0]], pattern)
    return f"{text} (two digits)" if "%y" in pattern else text


def read_numbers(database: Database, column: Column | None, role: str, asked: str | None) -> tuple[str | None, str]:
    """Find the decimal sign of the amounts or quantities, and the SQL for their numbers."""
    if column is None:
        return None, "cast(NULL as double)"
    if re.match(NUMBERS, column.kind):
        if asked is not None and role == "amount":
            raise FileError("--decimal", f"--decimal is for text, and column {column.name!r} holds numbers", asked)
        return None, f"case when {role}_text is not null then cast({role}_raw as double) end"
    readings = {sign: _number(sign, f"{role}_text") for sign in (asked or ".,")}
    fits, example = _fitting(database, f"{role}_text", readings, "{} is not null")
    if example is not None:
        what = "amounts" if role == "amount" else "quantities"
        sentence = (
            f"the sign in {what} such as {example!r} in column {column.name!r} can stand before decimals or thousands"
        )
        raise FileError("--decimal", f"{sentence}: give the sign of the decimals, --decimal . or --decimal ,", example)
    return fits[0], readings[fits[0]]


def _number(sign: str, column: str) -> str:
    """Write the SQL for the number of a text with this decimal sign, with or without thousands and currency."""
    comma = "," if sign == "." else r"\."
    units = rf"(?:\d+|[1-9]\d{{0,2}}(?:(?:{comma}\d{{3}})+|(?: \d{{3}})+|(?:''\d{{3}})+))"
    number = rf"{units}(?:[{sign}]\d*)?|[{sign}]\d+"
    below = rf"\((?:{number})\)|{units}(?:[{sign}]\d+)?-"  # in accounts; but 5,- is 5
    body, less = (rf"(?:{CURRENCY} ?)?(?:{digits})(?: ?{CURRENCY})?" for digits in (number, below))
    whole = rf"[-+]? ?{body}|\({body}\)|{less}|{CURRENCY} ?[-+] ?(?:{number})"
    text = f"translate({column}, '\u00a0\u202f\u2009\u2019\u2212', '   ''-')"
    digits = rf"cast(replace(regexp_replace({text}, '{CURRENCY}|[^0-9{sign}]', '', 'g'), '{sign}', '.') as double)"
    minus = f"case when regexp_matches({text}, '[-(]') then -1 else 1 end"
    # DuckDB itself reads most values, and fast; but it also takes 1_000 for a number.
    plain = f"try_cast(replace({column}, ',', '.') as double)"
    other = "," if sign == "." else "."
    return (
        f"coalesce(case when not contains({column}, '{other}') and not contains({column}, '_') then {plain} end, "
        f"case when regexp_full_match({text}, '{whole}') then {minus} * {digits} end)"
    )


def _fitting(database: Database, text: str, readings: dict[str, str], rule: str) -> tuple[list[str], str | None]:
    """Find the readings that fit the values of a column best, and a value that these read differently, if any.

    For most columns a sample leaves one reading; the reader of the rows finds values that it does not fit.
    """
    for rows in (f"(select * from texts where named and {text} is not null limit {_SAMPLE})", "texts"):  # noqa: S608 - our own names
        values = ", ".join(f"{sql} as r{i}" for i, sql in enumerate(readings.values()))
        wrong = ", ".join(f"count(*) filter (({rule.format(f'r{i}')}) is not true)" for i in range(len(readings)))
        sql = f"select count(*), {wrong} from (select {text}, {values} from {rows} where named and {text} is not null)"  # noqa: S608 - our own names
        n, *n_wrong = database.execute(sql).fetchone()
        readings = {name: readings[name] for name, bad in zip(readings, n_wrong, strict=True) if bad == min(n_wrong)}
        if len(readings) == 1 or min(n_wrong) == n:
            return list(readings), None
    values = ", ".join(readings.values())
    return list(readings), first_value(database, text, f"named and greatest({values}) > least({values})")


def first_value(database: Database, value: str, condition: str, table: str = "texts") -> str | None:
    found = database.execute(f"select {value} from {table} where {condition} limit 1").fetchone()  # noqa: S608 - our own names
    return None if found is None else found[0]
