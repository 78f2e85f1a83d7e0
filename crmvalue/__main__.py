"""The command `python -m crmvalue`: from a file of orders to what the customers are worth."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from crmvalue import __version__
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crmvalue._files import OrderFile

__all__ = ["main"]

_EPILOG = """\
Without FILE the command works on the data that ship with the package: the CDNOW sample.
FILE is CSV or Parquet of any size, one row per order; columns are guessed by their names.
Refunds (amounts below 0) are taken off earlier purchases; what is left out is counted and said.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code: 0, or 2 for input that cannot be used."""
    options = _parser().parse_args(arguments)
    try:
        print(_overview(options))
    except (InputError, ModuleNotFoundError) as error:
        print(f"crmvalue: {_sentence(error)}", file=sys.stderr)
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
    parser.add_argument("--margin", metavar="M", type=float, help="gross margin, a fraction of revenue: 0.3")
    parser.add_argument("--acquisition-cost", metavar="C", type=float, help="cost to win one customer")
    parser.add_argument("--discount-rate", metavar="D", type=float, help="effective rate per year, a fraction: 0.1")
    parser.add_argument("--as-of", metavar="DATE", help="last day to look at, such as 2024-02-29")
    parser.add_argument("--version", action="version", version=f"crmvalue {__version__}")
    return parser


def _overview(options: argparse.Namespace) -> str:
    from crmvalue._order_log import Log, Policy, read_log  # `--help` needs none of it
    from crmvalue.report import format_summary, summarise_base_log

    if options.file is None:
        for role in ("customer", "date", "amount"):
            if getattr(options, role) is not None:
                raise InputError(f"--{role}", "given together with a FILE", getattr(options, role))
        from crmvalue.datasets import load_cdnow

        cdnow = load_cdnow()
        log = read_log(cdnow.customer, cdnow.date, cdnow.amount, time_unit="day", grain="day")
        heading = ["The CDNOW sample: orders of an online music shop, in US dollars. Yours: python -m crmvalue FILE"]
    else:
        from crmvalue._files import read_orders

        orders = read_orders(options.file, customer=options.customer, date=options.date, amount=options.amount)
        log = Log(orders.customer, orders.code, orders.date, orders.amount, orders.n_file_rows)
        heading = _describe(orders)
    summary = summarise_base_log(
        log,
        Policy(refunds="net", zeros="keep", missing="drop"),
        margin=options.margin,
        acquisition_cost=options.acquisition_cost,
        discount_rate=options.discount_rate,
        as_of=options.as_of,
    )
    return "\n".join([*heading, "", format_summary(summary)])


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
    if "amount" not in orders.columns:
        lines.append("No column looks like an amount: name one with --amount to see revenue and value.")
    if orders.n_without_customer:
        lines.append(f"Left out for want of a customer: {orders.n_without_customer:,} of the rows.")
    if orders.n_without_date:
        lines.append(f"Left out for want of a date: {orders.n_without_date:,} of the rows.")
    return lines


def _sentence(error: Exception) -> str:
    """One line, whatever the error carries."""
    return " ".join(str(error).split())


if __name__ == "__main__":
    sys.exit(main())
