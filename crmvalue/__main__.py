"""The command `python -m crmvalue`: from a file of orders to what the customers are worth."""

from __future__ import annotations

import argparse
import os
import re
import sys
from typing import TYPE_CHECKING

from crmvalue import __version__
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crmvalue._report.files import OrderFile

__all__ = ["main"]

_EPILOG = """\
Without FILE the command works on the data that ship with the package: the CDNOW sample.
FILE is CSV or Parquet of any size, one row per order; columns are guessed by their names, and how dates and amounts
are written is told by their values. Refunds (amounts below 0) are taken off earlier purchases unless --refunds says
otherwise; what is left out is counted and said.
The newest 40 % of the log are held back to check the purchase models; the best is fitted again on all of it.
"""
_FILE_OPTIONS = ("customer", "date", "amount", "date_format", "decimal")
_ROWS = ("customer", "date", "amount")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code: 0, or 2 for input that cannot be used."""
    options = _parser().parse_args(arguments)
    try:
        overview, problem = _overview(options)
    except (InputError, ModuleNotFoundError) as error:
        print(f"crmvalue: {_sentence(error)}", file=sys.stderr)
        return 2
    try:
        print(overview, flush=True)
    except BrokenPipeError:  # the reader, such as `head`, has seen enough; nothing is left to flush at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if problem is not None:
        print(f"crmvalue: {problem}", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m crmvalue",
        description="Measure what the customers in a log of orders are worth.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", metavar="FILE", nargs="?", help="CSV or Parquet file of orders")
    parser.add_argument("--customer", metavar="COL", help="column that identifies the customer")
    parser.add_argument("--date", metavar="COL", help="column with the date of the order")
    parser.add_argument("--amount", metavar="COL", help="column with the money of the order")
    parser.add_argument(
        "--date-format", metavar="F", help="how dates are written, such as %%d/%%m/%%Y (default: guessed)"
    )
    parser.add_argument("--decimal", choices=[".", ","], help="decimal sign of the amounts (default: guessed)")
    parser.add_argument("--refunds", choices=["net", "drop", "raise"], default="net", help="amounts below 0 (net)")
    parser.add_argument("--zeros", choices=["keep", "drop", "raise"], default="keep", help="amounts of 0 (keep)")
    parser.add_argument("--missing", choices=["drop", "raise"], default="drop", help="rows without an amount (drop)")
    parser.add_argument("--margin", metavar="M", type=float, help="gross margin, a fraction of revenue: 0.3")
    parser.add_argument("--acquisition-cost", metavar="C", type=float, help="cost to win one customer")
    parser.add_argument("--discount-rate", metavar="D", type=float, help="effective rate per year, a fraction: 0.1")
    parser.add_argument("--as-of", metavar="DATE", help="last day to look at, such as 2024-02-29")
    parser.add_argument(
        "--output",
        metavar="TABLE",
        help="file for the table of all customers, their future and value: .csv or .parquet",
    )
    parser.add_argument("--version", action="version", version=f"crmvalue {__version__}")
    return parser


def _overview(options: argparse.Namespace) -> tuple[str, str | None]:
    """Give what to print, and why no table was written where one was asked for and there is no model."""
    from crmvalue import report  # `--help` needs none of it
    from crmvalue._purchases.order_log import Log, Policy, read_log
    from crmvalue._report.output import check_output, write_table

    if options.margin is None:
        for argument in ("acquisition_cost", "discount_rate"):
            if getattr(options, argument) is not None:
                raise InputError(argument, "given together with --margin", getattr(options, argument))
    output = None if options.output is None else check_output(options.output, options.file)
    if options.file is None:
        for argument in _FILE_OPTIONS:
            if getattr(options, argument) is not None:
                raise InputError(_option(argument), "given together with a FILE", getattr(options, argument))
        from crmvalue.datasets import load_cdnow

        cdnow = load_cdnow()
        log = read_log(cdnow.customer, cdnow.date, cdnow.amount, time_unit="day", grain="day")
        heading = ["The CDNOW sample: orders of an online music shop, in US dollars. Yours: python -m crmvalue FILE"]
    else:
        from crmvalue._report.files import read_orders

        orders = read_orders(options.file, **{argument: getattr(options, argument) for argument in _FILE_OPTIONS})
        log = Log(orders.customer, orders.code, orders.date, orders.amount, orders.n_file_rows)
        heading = _describe(orders)
    policy = Policy(options.refunds, options.zeros, options.missing)
    money = {"margin": options.margin, "discount_rate": options.discount_rate, "as_of": options.as_of}
    summary = report.summarise_base_log(log, policy, acquisition_cost=options.acquisition_cost, **money)
    groups, group_columns = report.summarise_groups_log(log, policy, as_of=options.as_of)
    ahead, columns = report.summarise_models_log(log, policy, **money)
    parts = [*heading, "", report.format_summary(summary), "", report.format_groups(groups)]
    parts += ["", report.format_models(ahead)]
    if output is None:
        return "\n".join(parts), None
    if columns is None:
        return "\n".join(parts), f"--output wrote no table, because there is no model: {ahead.problem}"
    write_table({**columns, **group_columns}, output)
    parts += ["", f"Wrote the table of {summary.n_customers:,} customers to {options.output}; clv is that of 52 weeks."]
    return "\n".join(parts), None


def _describe(orders: OrderFile) -> list[str]:
    """Say what was read, and what was guessed or left out."""
    parts = [
        f"{role} = {column!r}" + (" (guessed)" if role in orders.guessed else "")
        for role, column in orders.columns.items()
    ]
    lines = [f"Read {orders.n_rows:,} rows: {', '.join(parts)}."]
    if orders.guessed:
        options = ", ".join(f"--{role}" for role in orders.columns if role in orders.guessed)
        lines.append(f"If a guess is wrong, name the column with {options}.")
    if orders.date_format is not None:
        lines.append(f"Dates read as {orders.date_format}; another form: --date-format.")
    if orders.in_utc:
        lines.append("The dates are instants with a time zone: each falls on its day in UTC.")
    if orders.decimal == ",":
        lines.append("Amounts read with a decimal comma; a point: --decimal .")
    if orders.ids_shortened:
        lines.append("Customers were written as decimal numbers: 17850.0 is read as 17850.")
    if "amount" not in orders.columns:
        lines.append("No column looks like an amount: name one with --amount to see revenue and value.")
    if orders.n_without_customer:
        lines.append(f"Left out for want of a customer: {orders.n_without_customer:,} of the rows.")
    if orders.n_without_date:
        lines.append(f"Left out for want of a date: {orders.n_without_date:,} of the rows.")
    return lines


def _sentence(error: Exception) -> str:
    """One line, whatever the error carries, naming the options of the command, not the arguments behind them."""
    text = str(error)
    if isinstance(error, InputError):
        hint = "" if error.hint is None else f". Hint: {error.hint}"
        if error.name == "as_of" and hint:
            hint = ". Hint: a day such as 2024-02-29"
        if error.name in _ROWS and error.index is not None:  # rows are added up before: the place of one says nothing
            text = f"the {error.name}s must be {error.rule}{hint}".replace("must be not", "must not be")
        elif error.name in _ROWS:
            text = f"{error.value}: there are only refunds and rows that are left out"
        elif error.rule.startswith("given together"):
            text = f"{_option(error.name)} must be {error.rule}"
        elif f"`{error.name}`" in text:
            text = f"{_option(error.name)} must be {error.rule}; got {error.value!r}{hint}"
    text = re.sub(r'\b(refunds|zeros|missing)="(\w+)"', r"--\1 \2", text)
    return " ".join(text.split())


def _option(argument: str) -> str:
    return argument if argument.startswith(("-", "FILE")) else "--" + argument.replace("_", "-")


if __name__ == "__main__":
    sys.exit(main())
