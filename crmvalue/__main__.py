"""The command `python -m crmvalue`: from a file of orders to what the customers are worth."""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from crmvalue import __version__
from crmvalue.errors import InputError, broken_rule

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import TextIO

    from crmvalue._purchases.order_log import Log, Policy
    from crmvalue._report.reading.orders import OrderFile
    from crmvalue._report.reading.terms import CustomerTerms
    from crmvalue.report import ModelSummary, Report

__all__ = ["main"]

_EPILOG = """\
Without FILE, the command measures the CDNOW sample, which ships with the package.
FILE is a CSV or Parquet file, with one row per order. Several files, a folder, or a pattern in quotes such as
'orders/**/*.csv' are read as one log. The command guesses the columns from their names,
and the form of dates and amounts from their values. Refunds (amounts below 0) are taken off earlier purchases, unless
--refunds says otherwise. The report counts all rows that are left out.
The last 40 % of the time in the log is held back to compare purchase models. The best model is fitted again on the
whole log.
"""
_FILE_OPTIONS = (
    "customer",
    "date",
    "amount",
    "quantity",
    "date_format",
    "decimal",
    "time_zone",
    "encoding",
    "leave_out",
)
_MONEY_OPTIONS = ("margin", "acquisition_cost", "discount_rate", "service_cost")
_OTHER_OPTIONS = (*_MONEY_OPTIONS, "terms", "industry", "as_of", "output", "report", "language", "ignore_first_days")
_OPTIONS = {argument: "--" + argument.replace("_", "-") for argument in (*_FILE_OPTIONS, *_OTHER_OPTIONS)}
"""The option behind each argument."""
_INTERRUPTED = "Query interrupted"  # what DuckDB raises, as a RuntimeError, where the user stops it
_SPACES = "\n\u00a0\u202f"  # they are no control characters, although Python does not count them as printable


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code: 0, 2 for input that cannot be used, or 130 where the user stops it."""
    if sys.stderr is None:  # it is closed: what would be printed there belongs nowhere, least of all to the overview
        with Path(os.devnull).open("w", encoding="utf-8") as nowhere, contextlib.redirect_stderr(nowhere):
            return main(arguments)
    try:
        return _run(_parser().parse_args(arguments))
    except (KeyboardInterrupt, RuntimeError) as error:
        if type(error) is RuntimeError and str(error) != _INTERRUPTED:
            raise
        _complain("crmvalue: stopped")
        return 130  # as shells have it: 128 and the number of the signal


def _run(options: argparse.Namespace) -> int:
    try:
        overview, problem = _overview(options)
    except (InputError, ModuleNotFoundError) as error:
        problems = getattr(error, "problems", ())
        if not problems:
            return _fail(_sentence(error))
        only = len(options.file) == 1 and options.terms is None
        what = f"{options.file[0]!r} has" if only else "the files have"
        return _fail("\n- ".join([f"{what} {len(problems)} problems:", *map(_sentence, problems)]))
    except MemoryError:
        return _fail("there is too little memory for this log. Hint: crmvalue.frames leaves the rows where they are")
    except OSError as error:  # a file that can be opened, but not read to its end
        return _fail(f"cannot read {', '.join(options.file)!r}: {error.strerror or error}")
    if _is_terminal(sys.stdout):
        from crmvalue._report.text import fit_lines

        overview = fit_lines(overview, shutil.get_terminal_size().columns)
    return _print("the overview", overview) or (0 if problem is None else _fail(problem))


def _print(what: str, text: str) -> int:
    """Print the overview, or another text that was asked for; return the exit code."""
    if sys.stdout is None:
        return _fail(f"cannot print {what}: the output is closed")
    try:
        _say(text, sys.stdout)
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        _abandon(sys.stdout)
    except OSError as error:
        _abandon(sys.stdout)
        return _fail(f"cannot print {what}: {error.strerror or error}")
    return 0


def _fail(sentence: str) -> int:
    """Print why there is no result, or no table; return the exit code for it."""
    _complain(f"crmvalue: {sentence}")
    return 2


def _complain(sentence: str) -> None:
    """Print to the stream of errors; where it is full or has no reader, the exit code says it alone."""
    try:
        _say(sentence, sys.stderr)
    except OSError:
        _abandon(sys.stderr)


def _say(text: str, stream: TextIO | None) -> None:
    """Print a text; escape control characters, and replace what the console cannot show."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    print(_shown(text).encode(encoding, "replace").decode(encoding), file=stream, flush=True)


def _shown(text: str) -> str:
    """Escape control characters, which would steer the console."""
    return "".join(
        letter if letter.isprintable() or letter in _SPACES else letter.encode("unicode_escape").decode("ascii")
        for letter in text
    )


class _Parser(argparse.ArgumentParser):
    """A parser whose errors show what was given as the rest of the command does."""

    def error(self, message: str) -> NoReturn:
        super().error(_shown(message))

    def _print_message(self, message: str, file: Any = None) -> None:
        """Print the help, the version or an error; that of argparse says nothing where a disk is full."""
        if file is not sys.stdout:
            _complain(message.rstrip("\n"))
        elif code := _print("the help" if len(message.splitlines()) > 1 else "the version", message.rstrip("\n")):
            raise SystemExit(code)


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and stream.isatty()


def _abandon(stream: TextIO) -> None:
    """Let what is left to print go nowhere, so that nothing fails at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m crmvalue",
        description="Measure what the customers in a log of orders are worth.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", metavar="FILE", nargs="*", help="CSV or Parquet file of orders, folder or pattern")
    parser.add_argument("--customer", metavar="COL", help="column that identifies the customer")
    parser.add_argument("--date", metavar="COL", help="column with the date of the order")
    parser.add_argument("--amount", metavar="COL", help="column with the amount of the order")
    parser.add_argument(
        "--quantity",
        metavar="COL",
        help="column with the number of pieces, if the amount is the price of one: their product is the amount",
    )
    parser.add_argument("--date-format", metavar="F", help="form of the dates, such as %%d/%%m/%%Y (default: guessed)")
    parser.add_argument(
        "--time-zone",
        metavar="ZONE",
        help="zone whose days count, such as Europe/Kyiv, for dates with a time zone (default: UTC)",
    )
    parser.add_argument(
        "--decimal",
        metavar="SIGN",
        choices=[".", ","],
        help='decimal sign of the amounts, "." or "," (default: guessed)',
    )
    parser.add_argument(
        "--encoding",
        metavar="E",
        help="encoding of CSV files that are not UTF-8, such as cp1251 (default: found from the heading row)",
    )
    parser.add_argument(
        "--refunds",
        choices=["net", "drop", "raise"],
        default="net",
        help="what to do with amounts below 0 (default: net)",
    )
    parser.add_argument(
        "--zeros",
        choices=["keep", "drop", "raise"],
        default="keep",
        help="what to do with amounts of 0 (default: keep)",
    )
    parser.add_argument(
        "--missing",
        choices=["drop", "raise"],
        default="drop",
        help="what to do with rows without an amount (default: drop)",
    )
    parser.add_argument(
        "--duplicates",
        choices=["keep", "drop", "raise"],
        default="keep",
        help="what to do with rows that are exact copies of another row, in all columns (default: keep)",
    )
    parser.add_argument(
        "--leave-out",
        metavar="STATUS",
        action="append",
        help="leave out the rows with this status, such as cancelled; may be given several times",
    )
    parser.add_argument(
        "--spend",
        choices=["total", "mean"],
        default="total",
        help="what M of RFM is: the total spend of a customer, or their mean spend per purchase (default: total)",
    )
    parser.add_argument(
        "--margin",
        metavar="M",
        type=_term,
        help="margin, a fraction of revenue, such as 0.3; or by segment, such as web=0.3,shop=0.4, with --terms",
    )
    parser.add_argument("--acquisition-cost", metavar="C", type=_term, help="cost to win one customer, or by segment")
    parser.add_argument(
        "--discount-rate",
        metavar="D",
        type=_term,
        help="effective rate per year, a fraction, such as 0.1, or by segment",
    )
    parser.add_argument(
        "--service-cost", metavar="S", type=_term, help="cost of serving one customer for a year, or by segment"
    )
    parser.add_argument(
        "--terms",
        metavar="TABLE",
        help="CSV or Parquet file with one row per customer: customer, and segment, margin, acquisition_cost, "
        "discount_rate or service_cost; a number for all counts only for customers without one there, numbers by "
        "segment count for all",
    )
    parser.add_argument("--industry", metavar="NAME", help="industry that LTV:CAC is compared with, such as 'B2B SaaS'")
    parser.add_argument(
        "--ignore-first-days",
        metavar="N",
        type=_whole_number,
        help="customers first seen on the first N days are no newcomers; 0 if the business began with the log "
        "(default: the days on which first purchases pile up)",
    )
    parser.add_argument(
        "--as-of",
        metavar="DATE",
        help="last day to look at, such as 2024-02-29 "
        "(default: the last date; the sum of the table or a date more than five years after all others does not count)",
    )
    parser.add_argument(
        "--output",
        metavar="TABLE",
        help="file to write, .csv or .parquet: one row for each customer, with their forecast and value",
    )
    parser.add_argument(
        "--report",
        metavar="PAGE",
        help="file to write, .html: the overview as one page with pictures, the customers who are due today, and those "
        "about to be lost",
    )
    parser.add_argument(
        "--language",
        metavar="L",
        choices=["en", "uk", "ka", "az"],
        help="language of the page of --report: en, uk, ka or az (default: en)",
    )
    parser.add_argument("--version", action="version", version=f"crmvalue {__version__}")
    return parser


def _number(text: str) -> float:
    """Read a number; Python alone would also take 1_000 and the digits of other scripts."""
    if "_" in text or not text.isascii():
        raise argparse.ArgumentTypeError(f"invalid number: {text!r}")
    try:
        return float(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"invalid number: {text!r}") from error


def _term(text: str) -> float | dict[str, float]:
    """Read a number, or numbers by segment such as web=0.3,shop=0.4."""
    if "=" not in text:
        return _number(text)
    found: dict[str, float] = {}
    for part in text.split(","):
        segment, equals, number = part.rpartition("=")
        if not equals or not segment.strip() or segment.strip() in found:
            raise argparse.ArgumentTypeError(f"invalid numbers by segment: {text!r}")
        found[segment.strip()] = _number(number)
    return found


def _whole_number(text: str) -> int:
    """Read a whole number, as :func:`_number` does."""
    if not re.fullmatch(r"[+-]?[0-9]{1,18}", text):
        raise argparse.ArgumentTypeError(f"invalid whole number: {text!r}")
    return int(text)


def _overview(options: argparse.Namespace) -> tuple[str, str | None]:
    """Give what to print, and the reason if no table could be written."""
    from crmvalue import report  # `--help` needs none of it
    from crmvalue._purchases.order_log import Log, Policy, read_log
    from crmvalue._report.output import check_output, write_table
    from crmvalue._report.page.contents import assemble

    if options.margin is None and options.terms is None:
        _refuse(options, _MONEY_OPTIONS[1:], _OPTIONS["margin"])
    sources = _sources([*options.file, *([] if options.terms is None else [options.terms])])
    output = None if options.output is None else check_output(options.output, sources)
    page, customer_kind, orders = _check_page(options, sources, output), None, None
    as_of = options.as_of
    if not options.file:
        _refuse(options, _FILE_OPTIONS, "a FILE")
        from crmvalue.datasets import load_cdnow

        cdnow = load_cdnow()
        log = read_log(cdnow.customer, cdnow.date, cdnow.amount, time_unit="day", grain="day")
        heading = ["The CDNOW sample: orders of an online music shop, in US dollars. Yours: python -m crmvalue FILE"]
    else:
        from crmvalue._report.reading.orders import read_orders
        from crmvalue._report.reading.totals import end_before_totals

        chosen = {argument: getattr(options, argument) for argument in _FILE_OPTIONS}
        orders = read_orders(options.file, duplicates=options.duplicates, as_of=options.as_of, **chosen)
        log = Log(orders.customer, orders.code, orders.date, orders.amount, orders.n_file_rows, orders.n_residues)
        as_of = as_of or end_before_totals(orders)
        heading = _describe(orders, options.duplicates, as_of)
        customer_kind = orders.customer_kind
    policy = Policy(options.refunds, options.zeros, options.missing, options.duplicates)
    terms = _terms(options, log)
    means = _means(options, log, terms)
    money = {"margin": means["margin"], "discount_rate": means["discount_rate"], "as_of": as_of}
    summary = _measure(log, policy, options, means, as_of)
    money["as_of"] = summary.as_of
    (groups, group_columns), outlook = _foretell(log, policy, options, terms, money)
    ahead, columns = outlook.summary, outlook.columns
    parts = [*heading, "", report.format_summary(summary), "", report.format_groups(groups), ""]
    parts += [report.format_models(ahead), *_describe_costs(terms, columns), *_describe_unmatched(options, terms)]
    if page is not None:
        try:
            found = assemble(log, policy, summary, (groups, group_columns), outlook, terms=terms)
            _write_page(options, page, orders, found, terms)
        except InputError as error:
            return "\n".join(parts), _sentence(error)
        parts += ["", f"Wrote the report to {options.report}."]
    if output is None:
        return "\n".join(parts), None
    if columns is None:
        return "\n".join(parts), f"--output wrote no table, because there is no forecast: {ahead.problem}"
    try:
        n_guarded = write_table({**columns, **group_columns}, output, customer_kind)
    except InputError as error:  # the disk became full, say; the overview is not lost
        return "\n".join(parts), _sentence(error)
    return "\n".join([*parts, "", *_describe_table(ahead, options.output, n_guarded)]), None


def _check_page(options: argparse.Namespace, sources: list[str | Path], output: Path | None) -> Path | None:
    """Give the place of the report, or raise before anything is computed."""
    from crmvalue._report.output import check_page

    if options.report is None:
        _refuse(options, ("language",), _OPTIONS["report"])
        return None
    page = check_page(options.report, [*sources, *([] if output is None else [output])])
    from crmvalue._report.page.html import import_extras

    import_extras()
    return page


def _write_page(
    options: argparse.Namespace, page: Path, orders: OrderFile | None, found: Report, terms: CustomerTerms | None
) -> None:
    """Write the report in its language."""
    from crmvalue._report.output import write_page
    from crmvalue._report.page.html import make_page

    name = ", ".join(Path(path).name for path in options.file) or "CDNOW"
    write_page(make_page(found, orders, options.language or "en", name, terms), page)


def _terms(options: argparse.Namespace, log: Log) -> CustomerTerms | None:
    """Read the terms of each customer, if they are more than one number for all."""
    from crmvalue._report.reading.terms import read_terms_file

    given = {name: getattr(options, name) for name in _MONEY_OPTIONS}
    several = any(isinstance(term, dict) for term in given.values())
    if options.terms is None and options.service_cost is None and not several:
        return None
    terms = read_terms_file(options.terms, log.ids, given, options.encoding)
    if terms.margin is None:
        raise InputError(_OPTIONS["terms"], "a file with the margin of each customer, or --margin beside it", None)
    return terms


def _means(options: argparse.Namespace, log: Log, terms: CustomerTerms | None) -> dict[str, Any]:
    """Give the money terms of the base: as given, or the means of those of the customers."""
    if terms is None:
        return {name: getattr(options, name) for name in _MONEY_OPTIONS}
    means = {name: terms.mean(name) for name in _MONEY_OPTIONS}
    spend = np.bincount(log.code, np.nan_to_num(log.amount), len(log.ids)) if log.amount is not None else None
    means["margin"] = terms.mean("margin", None if spend is None else np.maximum(spend, 0.0))
    rounded = {name: None if mean is None else round(mean, 6) for name, mean in means.items()}
    if rounded["acquisition_cost"] == 0 and options.acquisition_cost != 0:  # of the file: no ratio to a cost of 0
        rounded["acquisition_cost"] = None
    return rounded


def _describe_costs(terms: CustomerTerms | None, columns: Mapping[str, Any] | None) -> list[str]:
    """Say which terms differ by customer, and whose service is expected to cost more than they bring."""
    from crmvalue._core.labels import counted, money

    if terms is None:
        return []
    lines = []
    if own := [name.replace("_", " ") for name in terms.varying()]:
        rests = "" if columns is None or own == ["acquisition cost"] else "; the value rests on those of each customer"
        named = ", ".join(f"{name} (weighted by revenue)" if name == "margin" else name for name in own)
        lines.append(f"  Different by customer, above as means: {named}{rests}.")
    if columns is None or not np.isfinite(columns["clv"]).all():
        return lines
    loss = columns["clv"] < 0
    if loss.any():
        cost = money(-columns["clv"][loss].sum())
        n, are = int(loss.sum()), "is" if loss.sum() == 1 else "are"
        of_all = counted(len(loss), "customer")
        lines.append(f"  {n:,} of {of_all} {are} expected to cost {cost} more than they bring.")
        lines.append("  Their clv is below 0 in the table of --output.")
    return lines


def _describe_unmatched(options: argparse.Namespace, terms: CustomerTerms | None) -> list[str]:
    """Say which terms are of no use, how many customers are in one file only, and how many rows are of no customer."""
    from crmvalue._core.labels import as_given, counted

    lines: list[str] = []
    if terms is None:
        return lines
    if terms.acquisition_cost is not None and not terms.mean("acquisition_cost"):
        lines.append("  No LTV:CAC: the acquisition cost of all customers is 0.")
    of_all = counted(len(terms.customer), "customer")
    for name, n in terms.n_filled:
        column = f"the column {name} of the file of --terms"
        if isinstance(getattr(options, name), dict):
            lines.append(f"  {_OPTIONS[name]} is used for all customers, and {column} for none.")
        else:
            number = as_given(getattr(options, name))
            lines.append(f"  {_OPTIONS[name]} {number} is used for {n:,} of {of_all}, {column} for the others.")
    if terms.n_absent:
        lines.append(f"  Not in the file of --terms: {terms.n_absent:,} of {of_all}.")
        lines.append("  They have the numbers that the options give for all.")
    if terms.n_unknown:
        rows = "1 customer" if terms.n_unknown == 1 else f"{terms.n_unknown:,} customers"
        lines.append(f"  In the file of --terms, but not in the orders: {rows}.")
    if terms.n_nameless:
        lines.append(
            f"  Left out of the file of --terms, because the customer is missing: {terms.n_nameless:,} of the rows."
        )
    return lines


def _foretell(log: Log, policy: Policy, options: argparse.Namespace, terms: Any, money: dict[str, Any]) -> Any:
    """Sum up the groups and what is to come; the heading has said already what is odd about the dates."""
    from crmvalue._core.labels import spoken_for
    from crmvalue._report.groups import summarise_groups_log
    from crmvalue._report.models import summarise_models_log

    with spoken_for():
        groups = summarise_groups_log(log, policy, as_of=money["as_of"], spend_basis=options.spend)
        return groups, summarise_models_log(log, policy, **money, terms=terms)


def _measure(log: Log, policy: Policy, options: argparse.Namespace, means: Mapping[str, Any], as_of: Any) -> Any:
    """Measure the base; the heading has said already what is odd about the dates."""
    from crmvalue._core.labels import spoken_for
    from crmvalue._report.base import summarise_base_log

    with spoken_for():
        return summarise_base_log(
            log,
            policy,
            margin=means["margin"],
            acquisition_cost=means["acquisition_cost"],
            discount_rate=means["discount_rate"],
            as_of=as_of,
            ignore_first_days=options.ignore_first_days,
            industry=options.industry,
            service_cost=means["service_cost"],
        )


def _sources(paths: list[str]) -> list[str | Path]:
    """List the files that will be read, for the output must be none of them."""
    from crmvalue._report.reading.places import find_files

    return [*paths, *find_files(paths).files]


def _refuse(options: argparse.Namespace, arguments: Sequence[str], without: str) -> None:
    """Raise for an option that means nothing without something else."""
    for argument in arguments:
        if getattr(options, argument) is not None:
            raise InputError(_OPTIONS[argument], f"given together with {without}", getattr(options, argument))


def _describe_table(ahead: ModelSummary, path: str, n_guarded: int) -> list[str]:
    """Say what was written, and which customers were changed."""
    from crmvalue._core.labels import counted

    lines = [f"Wrote the table of {counted(ahead.n_customers, 'customer')} to {path}."]
    if ahead.value is None:
        lines.append("Its column clv is empty, because the value is not known.")
    else:
        lines.append(f"Its column clv is the value of the next {ahead.horizon:g} weeks.")
    if n_guarded:
        begin = "1 customer begins" if n_guarded == 1 else f"{n_guarded:,} customers begin"
        before = "it" if n_guarded == 1 else "them"
        lines.append(
            f"{begin} with a sign that a spreadsheet takes for a formula, or with apostrophes before such a sign: one "
            f"apostrophe more stands before {before}."
        )
        lines.append("A table in .parquet has all customers as they are.")
    return lines


def _describe(orders: OrderFile, duplicates: str, as_of: Any) -> list[str]:
    """Say what was read, guessed and left out."""
    from crmvalue._report.reading.gaps import describe_far, describe_gap, describe_late, describe_silence
    from crmvalue._report.reading.spoiled import describe_spoiled
    from crmvalue._report.reading.statuses import describe_statuses
    from crmvalue._report.reading.totals import describe_totals

    lines = _describe_columns(orders, duplicates)
    if orders.date_format is not None:
        lines.append(f"Dates read as {orders.date_format}. If this is wrong, give --date-format.")
    if orders.time_zone is not None:
        lines.append(f"The dates have a time zone: each order counts on its day in {orders.time_zone}.")
        if orders.n_without_zone:
            n = orders.n_without_zone
            which = (
                "1 of the rows has no time zone, and counts" if n == 1 else f"{n:,} of the rows have none, and count"
            )
            lines.append(f"{which} on the day that is written.")
        if orders.time_zone == "UTC":
            lines.append("For the days of another zone, give --time-zone, such as Europe/Kyiv.")
    if orders.decimal == ",":
        lines.append("Amounts read with a decimal comma. If this is wrong, give --decimal .")
    if orders.n_without_currency:
        n, currency = orders.n_without_currency, orders.currency
        which = "1 of the rows names none, and counts" if n == 1 else f"{n:,} of the rows name none, and count"
        lines.append(f"Some amounts are in {currency}; {which} as {currency}.")
    if orders.currencies:
        name, *found = orders.currencies
        lines.append(f"Column {name!r} has {len(found):,} currencies, such as {found[0]} and {found[1]}.")
        lines.append("Amounts are added up as they are: convert them to one currency first, if they differ.")
    if orders.ids_shortened:
        who = orders.customer[0]
        lines.append(f"The customers were decimal numbers: {who}.0 is read as {who}.")
    lines += describe_spoiled(orders.customer) + describe_totals(orders, as_of)
    if "amount" not in orders.columns:
        lines.append("No column looks like an amount. Name one with --amount to see revenue and value.")
    lines += describe_statuses(orders.statuses, orders.n_rows)
    lines += [*_describe_missing(orders), *describe_far(orders), *describe_gap(orders, as_of)]
    lines += [*describe_silence(orders, as_of), *describe_late(orders, as_of)]
    return lines + _describe_copies(orders, duplicates)


def _describe_missing(orders: OrderFile) -> list[str]:
    """Count the rows without a customer or a date, and those with an infinite amount."""
    from crmvalue._core.labels import counted

    lines = []
    if orders.n_without_customer:
        again = f" (headings repeated: {orders.n_headings:,})" if orders.n_headings else ""
        lines.append(f"Left out, because the customer is missing: {orders.n_without_customer:,} of the rows{again}.")
    if n_undated := orders.n_without_date - orders.unreadable.get("date", (0, ""))[0]:
        lines.append(f"Left out, because the date is missing: {n_undated:,} of the rows.")
    for role, (n, sentence) in orders.unreadable.items():
        what, them = "Left out" if role == "date" else "Counted as missing", "it" if n == 1 else "them"
        lines.append(f"{what}: {sentence}. Correct {them} in the file.")
    if orders.n_infinite:
        rows, some = counted(orders.n_infinite, "row"), orders.n_infinite > 1
        verbs = ("have", "count as rows") if some else ("has", "counts as a row")
        lines.append(f"{rows} {verbs[0]} an infinite amount, as a division by 0 leaves it, and {verbs[1]} without one.")
    return lines


def _describe_columns(orders: OrderFile, duplicates: str) -> list[str]:
    """Say which columns were read, and how to correct a guess."""
    from crmvalue._core.labels import counted

    parts = [_describe_column(orders, role) for role in orders.columns if role != "quantity"]
    n_rows = orders.n_rows + orders.statuses.n_left_out + (orders.n_duplicates or 0 if duplicates == "drop" else 0)
    files = f" of {orders.n_files:,} files" if orders.n_files > 1 else ""
    lines = [f"Read {counted(n_rows, 'row')}{files}: {', '.join(parts)}.", *orders.notes, *_describe_encodings(orders)]
    if orders.guessed:
        options = ", ".join(f"--{role}" for role in orders.columns if role in orders.guessed)
        lines.append(f"If a guess is wrong, name the column with {options}.")
    if "quantity" in orders.guessed:
        name = orders.columns["amount"]
        shown = shlex.quote(name) if name.isprintable() else repr(name)
        lines.append(f"If {name!r} is the money of the whole row, give --amount {shown}.")
    return lines


def _describe_encodings(orders: OrderFile) -> list[str]:
    """Say in which encodings files were read that are not UTF-8, and how to correct a guess."""
    if not orders.encodings:
        return []
    found = list(orders.encodings.values())
    which = " and ".join(
        encoding if orders.n_files == 1 else f"{encoding} ({found.count(encoding):,} of the files)"
        for encoding in dict.fromkeys(found)
    )
    said = "Not UTF-8: read as" if orders.n_files == 1 else "Not all UTF-8: read as"
    return [f"{said} {which}, which makes known headings. If letters look wrong, give --encoding."]


def _describe_column(orders: OrderFile, role: str) -> str:
    """Say which column has a role, and whether it was guessed."""
    roles = ("quantity", role) if role == "amount" and "quantity" in orders.columns else (role,)
    names = " x ".join(repr(orders.columns[name]) for name in roles)
    return f"{role} = {names}" + (" (guessed)" if orders.guessed.intersection(roles) else "")


def _describe_copies(orders: OrderFile, duplicates: str) -> list[str]:
    """Say how many rows are copies, in which columns, and what was done with them."""
    from crmvalue._core.labels import counted

    n = orders.n_duplicates
    if n is None:
        why = "a column that is not used is not UTF-8"
        return [f"Exact copies of rows were not counted: {why}. To have them counted, give --encoding."]
    if not n:
        return []
    what = "row is an exact copy" if n == 1 else "rows are exact copies"
    done = "Left out" if duplicates == "drop" else "Counted like the others; --duplicates drop leaves them out"
    files = "files" if orders.n_files > 1 else "file"
    lines = [f"{n:,} {what} of another row, in all {orders.n_columns} columns of the {files}."]
    lines += [
        f"In {other!r}: {counted(n_both, 'row')} that {first!r} has too." for first, other, n_both in orders.copied[:3]
    ]
    if len(orders.copied) > 3:
        lines.append(f"{len(orders.copied) - 3:,} more pairs of files share rows.")
    lines.append(f"{done}.")
    if orders.n_columns == len(orders.columns):
        lines.append("No other column tells such rows apart: they may be different purchases or lines of one order.")
    return lines


def _sentence(error: Exception) -> str:
    """Write an error in one line, with the options of the command in place of the arguments behind them."""
    if type(error) is not InputError:
        text = str(error)
    elif error.name == "amount":  # rows of a day were added up: the first wrong sum and its place say nothing
        text = broken_rule("the amounts", error.rule, hint=_hint(error))
    else:
        own = {"date": "the dates", "rate": "--discount-rate", "ratio": "the LTV:CAC"}  # --date names their column
        words = {**_OPTIONS, **own}
        text = broken_rule(words.get(error.name, error.name), error.rule, got=repr(error.value), hint=_hint(error))
    return " ".join(text.split())


def _hint(error: InputError) -> str | None:
    """Give the hint of an error in the words of the command."""
    from crmvalue._core.checks import DATE_HINT
    from crmvalue._purchases.order_log import ALTERNATIVES, say_alternatives

    words = {say_alternatives(policy): say_alternatives(policy, "--{} {}") for policy in ALTERNATIVES}
    words[DATE_HINT] = "a day such as 2024-02-29"
    return None if error.hint is None else words.get(error.hint, error.hint)


if __name__ == "__main__":
    sys.exit(main())
