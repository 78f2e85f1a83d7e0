"""Margin, costs and discount rate of each customer, from a second file, for the command."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from crmvalue._core.checks import LARGEST_AMOUNT, require
from crmvalue._core.headings import listed
from crmvalue._core.labels import as_given
from crmvalue._report.reading.encodings import as_utf8, say_encoding
from crmvalue._report.reading.orders import MISSING
from crmvalue._report.reading.places import FileError, find_files, raise_all
from crmvalue._report.reading.sources import Union, folder_of, import_duckdb, open_database, reason
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from crmvalue.typing import Floats

__all__ = ["TERMS", "CustomerTerms", "read_terms_file"]

TERMS = ("margin", "discount_rate", "service_cost", "acquisition_cost")
"""Columns of the file that are terms; the rates and the cost of serving are those of a year."""

_CUSTOMER, _SEGMENT = "customer", "segment"
_OPTION = "--terms"
_NUMBER = re.compile(r"-?\d*\.?\d+([eE][+-]?\d{1,3})?", re.ASCII)
_WITH_COMMA = re.compile(r"-?\d*,\d+", re.ASCII)
_OF_THOUSANDS = re.compile(r"-?[1-9]\d{0,2},\d{3}", re.ASCII)  # or decimals: 1,200
_NOT_MORE = f"at most {LARGEST_AMOUNT:g}"
_RESIDUE = 1e-9
"""A smaller magnitude is what binary arithmetic leaves of nothing, as in an order log."""

_WHOLE = re.compile(r"(-?\d+)\.0+", re.ASCII)


class CustomerTerms(NamedTuple):
    """Terms of each customer of the log, in its order; a term that nothing is known of is None.

    `n_filled` has the options that stand beside a column of the file, and for how many customers each is used.
    `n_absent` customers are not in the file, `n_unknown` of the file are not in the log, and `n_nameless` rows of the
    file have no customer.
    """

    customer: npt.NDArray[Any]
    margin: Floats | None
    discount_rate: Floats | None
    service_cost: Floats | None
    acquisition_cost: Floats | None
    n_absent: int = 0
    n_unknown: int = 0
    n_nameless: int = 0
    n_filled: tuple[tuple[str, int], ...] = ()

    def mean(self, name: str, weight: Floats | None = None) -> float | None:
        """Give the weighted mean of a term."""
        column = getattr(self, name)
        if column is None:
            return None
        weighted = weight is not None and weight.sum() > 0
        return float(np.average(column, weights=weight if weighted else None))

    def varying(self) -> tuple[str, ...]:
        """Name the terms that are not one number for all customers."""
        columns = {name: getattr(self, name) for name in TERMS}
        return tuple(name for name, column in columns.items() if column is not None and np.ptp(column) > 0.0)

    def of(self, customer: npt.NDArray[Any]) -> CustomerTerms:
        """Give the terms of some customers of the log."""
        place = np.searchsorted(self.customer, customer)
        columns = {name: getattr(self, name) for name in TERMS}
        taken: dict[str, Any] = {name: None if column is None else column[place] for name, column in columns.items()}
        return self._replace(customer=customer, **taken)


def read_terms_file(
    path: str | None,
    customer: npt.NDArray[Any],
    given: Mapping[str, float | dict[str, float] | None],
    encoding: str | None = None,
) -> CustomerTerms:
    """Read the terms of customers: a column of the file, else a number for all or one for each segment.

    A customer who is not in the file gets the number for all; without one they are an error. Rows of the file without a
    customer are left out, and counted. `encoding` is that of a CSV file without a byte order mark.
    """
    table, n_nameless = ({}, 0) if path is None else _of_customers(_read(path, encoding))
    place = np.full(len(customer), -1)
    if table:
        ids = table[_CUSTOMER]
        if all(_WHOLE.fullmatch(who) for who in ids):  # 17.0 is 17, as in the orders
            ids = [who.split(".")[0] for who in ids]
        rows = {who: i for i, who in enumerate(ids)}
        if len(rows) != len(ids):
            raise FileError(_OPTION, f"{path!r} has customers in more than one row")
        place = np.array([rows.get(str(who), -1) for who in customer.tolist()], dtype=np.int64)
        if len(place) and (place < 0).all():
            hint = (
                f"it has {ids[0]!r}, the orders have {str(customer[0])!r}" if ids else "it has no row with a customer"
            )
            raise InputError(_OPTION, "a file with customers of the orders", path, hint=hint)
    columns = {name: _column(name, given.get(name), table, place, customer) for name in TERMS}
    n_absent = int(np.count_nonzero(place < 0)) if table else 0
    n_unknown = len(table[_CUSTOMER]) - (len(place) - n_absent) if table else 0
    return CustomerTerms(
        customer,
        **columns,
        n_absent=n_absent,
        n_unknown=n_unknown,
        n_nameless=n_nameless,
        n_filled=_count_filled(given, table, place),
    )


def _count_filled(
    given: Mapping[str, float | dict[str, float] | None], table: Mapping[str, list[str]], place: npt.NDArray[Any]
) -> tuple[tuple[str, int], ...]:
    """Count for how many customers an option is used, where the file has a column of its name."""
    found = []
    for name in TERMS:
        if given.get(name) is not None and name in table:
            empty = np.array(
                [text.lower() in MISSING for text in table[name]] + [True]
            )  # the last one: not in the file
            found.append((name, len(place) if isinstance(given[name], dict) else int(np.count_nonzero(empty[place]))))
    return tuple(found)


def _of_customers(table: dict[str, list[str]]) -> tuple[dict[str, list[str]], int]:
    """Leave out the rows without a customer, such as those that spreadsheets write below a table; count them."""
    named = [who.lower() not in MISSING for who in table[_CUSTOMER]]
    kept = {name: list(itertools.compress(column, named)) for name, column in table.items()}
    return kept, named.count(False)


def _column(
    name: str,
    given: float | dict[str, float] | None,
    table: Mapping[str, list[str]],
    place: npt.NDArray[Any],
    customer: npt.NDArray[Any],
) -> Floats | None:
    option = f"--{name.replace('_', '-')}"
    found = _values(name, option, given, table, place, customer)
    if found is not None:
        found = np.where(np.abs(found) < _RESIDUE, 0.0, found)
        above = found >= 0 if name != "margin" else (found >= 0) & (found <= 1)
        for ok, rule in ((above, "in [0, 1]" if name == "margin" else ">= 0"), (found <= LARGEST_AMOUNT, _NOT_MORE)):
            wrong = np.nonzero(~ok & (place >= 0))[0]
            if name in table and not isinstance(given, dict) and len(wrong):
                value, who = table[name][place[wrong[0]]], customer[wrong[0]]
                raise FileError(_OPTION, f"column {name!r} of the terms must be {rule}; customer {who!s} has {value}")
            require(ok, option, found, rule)
    return found


def _values(
    name: str,
    option: str,
    given: float | dict[str, float] | None,
    table: Mapping[str, list[str]],
    place: npt.NDArray[Any],
    customer: npt.NDArray[Any],
) -> Floats | None:
    if isinstance(given, dict):
        if _SEGMENT not in table:
            raise InputError(option, "one number where --terms has no column segment", _shown(given))
        segments = [table[_SEGMENT][i] if i >= 0 else "" for i in place.tolist()]
        lost = next((i for i, segment in enumerate(segments) if segment not in given), None)
        if lost is not None:
            has = f"has the segment {segments[lost]!r}" if place[lost] >= 0 else f"is not in the file of {_OPTION}"
            hint = f"customer {customer[lost]!s} {has}"
            raise InputError(option, "given for the segment of each customer", _shown(given), hint=hint)
        return np.array([given[segment] for segment in segments])
    if name not in table:
        return None if given is None else np.full(len(place), float(given))
    texts = _with_points(name, table[name])
    values = np.array([_as_number(name, texts[i]) if i >= 0 else np.nan for i in place.tolist()])
    missing = np.isnan(values)
    if missing.any():
        if given is None:
            hint = f"customer {customer[missing][0]!s} has none; {option} gives it for those without one"
            raise InputError(_OPTION, f"a file with the {name} of each customer", int(missing.sum()), hint=hint)
        values[missing] = float(given)
    return values


def _shown(given: Mapping[str, float]) -> str:
    return ",".join(f"{segment}={as_given(number)}" for segment, number in given.items())


def _with_points(name: str, texts: list[str]) -> list[str]:
    """Write numbers with a decimal point, if a comma is the decimal sign of the column; raise if nobody can tell."""
    commas = [text for text in texts if "," in text]
    if not commas or any("." in text for text in texts) or not all(map(_WITH_COMMA.fullmatch, commas)):
        return texts
    if all(map(_OF_THOUSANDS.fullmatch, commas)):
        sentence = f"the comma in {commas[0]!r} can stand before decimals or thousands: write decimals with a point"
        raise FileError(_OPTION, f"column {name!r} of the terms: {sentence}")
    return [text.replace(",", ".") for text in texts]


def _as_number(name: str, text: str) -> float:
    if text.lower() in MISSING:
        return np.nan
    if not _NUMBER.fullmatch(text):
        raise FileError(_OPTION, f"column {name!r} of the terms has {text!r}, which is no number such as 0.3")
    return float(text)


def _read(path: str, encoding: str | None) -> dict[str, list[str]]:
    """Read the columns that the terms need, as texts."""
    places = find_files([path])
    raise_all(places.problems)
    duckdb = import_duckdb("reading files")
    with open_database() as database:
        places, _ = as_utf8(places, folder_of(database), encoding, _count_known)
        try:
            union = Union(database, places.files, places.names)
            if union.problems:
                raise union.problems[0]
            known = {column.name.strip().casefold(): column for column in union.columns}
            names = [column.name.strip().casefold() for column in union.columns]
            twice = [name for name in (_CUSTOMER, _SEGMENT, *TERMS) if names.count(name) > 1]
            if twice:
                raise FileError(_OPTION, f"{path!r} has the column {twice[0]!r} more than once")
            wanted = [name for name in (_CUSTOMER, _SEGMENT, *TERMS) if name in known]
            if _CUSTOMER not in known or len(wanted) < 2:
                have = listed([column.name for column in union.columns])
                rule = f"a file with the column customer and at least one of segment, {', '.join(TERMS)}"
                raise InputError(_OPTION, rule, have)
            cells = ", ".join(f"coalesce(trim(cast({known[name].sql} as varchar)), '')" for name in wanted)
            rows = database.execute(f"select {cells} from file").fetchall()  # noqa: S608 - our own names
        except (duckdb.Error, OSError) as error:
            why = reason(error)
            hint = say_encoding(places.files) if why.endswith("save the file as UTF-8") else ""
            raise FileError(_OPTION, f"cannot read {path!r}: {why}{hint}") from error
    return {name: [row[i] for row in rows] for i, name in enumerate(wanted)}


def _count_known(names: Sequence[str]) -> int:
    return len({_CUSTOMER, _SEGMENT, *TERMS}.intersection(name.strip().casefold() for name in names))
