"""The result for customers: a frame of the user's kind, and what is known about it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import attrs

from crmvalue._core.checks import plain_text, require_choice
from crmvalue._core.values import FixedMapping
from crmvalue._frames.columns import require_present
from crmvalue._frames.engines import as_frame
from crmvalue.errors import InputError
from crmvalue.purchases import DAYS_PER_UNIT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import narwhals as nw
    import numpy as np

    from crmvalue.models import Fit
    from crmvalue.purchases import OrderLogCounts, PurchaseAmounts, TimeUnit
    from crmvalue.segmentation import RfmBreaks

__all__ = ["CustomerFrame", "FrameResult", "Opened", "names_here", "open_customers"]

_MADE = "summarise() of crmvalue.frames makes it"
_NO_MONEY = "the orders had no amount: name its column with `amount` of summarise()"


def _fixed(columns: Mapping[str, str]) -> FixedMapping[str, str]:
    return FixedMapping({plain_text(role): plain_text(column) for role, column in columns.items()})


def _texts(words: Any) -> tuple[str, ...]:
    return tuple(map(plain_text, words))


def _kind(frame: object) -> str:
    kind = type(frame)
    return f"{kind.__module__.partition('.')[0]}.{kind.__name__}"


def _guesses(columns: Mapping[str, str], guessed: tuple[str, ...]) -> str:
    found = ", ".join(f"{role}={columns[role]!r}" for role in guessed)
    return f", guessed {found}" if found else ""


@attrs.frozen(kw_only=True, eq=False)
class CustomerFrame:
    """One row per customer, in a frame of the kind that was given.

    :func:`summarise` and :func:`split` make it; :func:`value`, :func:`rfm` and :func:`segments` add columns to it. Each
    of them takes it, or a frame of your own with the same columns.

    Parameters
    ----------
    frame : DataFrame or LazyFrame
        The frame, of the user's own kind. A lazy frame is still lazy.
    columns : mapping of str to str
        Name of the column of each role: "customer", and for a log also "date", "amount" and "quantity".
    guessed : tuple of str
        Roles whose column was guessed from its heading.
    time_unit : {"day", "week", "month", "quarter", "year"} or None
        Unit of `recency` and `age`; None if it was not said for a frame of your own.
    grain : {"day", "week"} or None
        All purchases of a customer in one grain are one purchase.
    as_of : datetime64[D] or None
        Last day of observation.
    holdout_length : float or None
        Length of the holdout of :func:`split` [time_unit].
    counts : OrderLogCounts or None
        Counts of the rows of the log and of what the policies did with them. On a frame that is asked in its own
        engine, what would need one more pass over the log is None.
    holdout_counts : OrderLogCounts or None
        The same for the rows of the holdout of :func:`split`; `counts` are then those of the calibration.
    fits : tuple of Fit
        The fits behind the values, the purchases first.
    breaks : RfmBreaks or None
        The break points behind the scores.
    amounts : PurchaseAmounts or None
        Day and money of each purchase, in the order of the rows of a frame in memory (`keep_amounts`).

    Examples
    --------
    >>> import pandas as pd
    >>> from crmvalue.frames import summarise
    >>> dates = pd.to_datetime(["2024-01-01", "2024-01-08"])
    >>> customers = summarise(pd.DataFrame({"customer_id": ["ann", "bob"], "order_date": dates}))
    >>> customers.columns["date"], customers.guessed, len(customers.frame)
    ('order_date', ('customer', 'date'), 2)
    """

    frame: Any
    columns: Mapping[str, str] = attrs.field(converter=_fixed)
    guessed: tuple[str, ...] = attrs.field(default=(), converter=_texts)
    time_unit: TimeUnit | None = attrs.field(default=None, converter=plain_text)
    grain: str | None = attrs.field(default=None, converter=plain_text)
    as_of: np.datetime64 | None = None
    holdout_length: float | None = None
    counts: OrderLogCounts | None = None
    holdout_counts: OrderLogCounts | None = None
    fits: tuple[Fit[Any], ...] = ()
    breaks: RfmBreaks | None = None
    amounts: PurchaseAmounts | None = None

    def __repr__(self) -> str:
        return (
            f"CustomerFrame({_kind(self.frame)}, as_of={self.as_of}, "
            f"time_unit={self.time_unit!r}{_guesses(self.columns, self.guessed)})"
        )


@attrs.frozen(kw_only=True, eq=False)
class FrameResult:
    """A small table in a frame of the kind that was given, and the result object that it comes from.

    :func:`retention`, :func:`funnel`, :func:`plan`, :func:`journey_results` and :func:`migrate` make it.

    Parameters
    ----------
    frame : DataFrame or LazyFrame
        The table, of the user's own kind.
    result : object
        The result of the function of arrays, with all its methods.
    columns : mapping of str to str
        Name of the column of each role in the frame that was given. Where there are several frames, a role of another
        one bears its name: "responses.time".
    guessed : tuple of str
        Roles whose column was guessed from its heading.

    Examples
    --------
    >>> import pandas as pd
    >>> from crmvalue.frames import migrate
    >>> before = pd.DataFrame({"customer": [1, 2], "rfm_group": ["Loyal", "Lost"]})
    >>> moved = migrate(before, before)
    >>> type(moved.frame).__name__, type(moved.result).__name__
    ('DataFrame', 'Migration')
    """

    frame: Any
    result: Any
    columns: Mapping[str, str] = attrs.field(converter=_fixed)
    guessed: tuple[str, ...] = attrs.field(default=(), converter=_texts)

    @property
    def conclusion(self) -> str:
        """What the result says in words; an empty text if it draws no conclusion."""
        return str(getattr(self.result, "conclusion", ""))

    def __repr__(self) -> str:
        found = type(self.result).__name__
        return f"FrameResult({_kind(self.frame)}, result={found}{_guesses(self.columns, self.guessed)})"


class Opened(NamedTuple):
    """An opened frame of customers, and what is known about it."""

    frame: nw.DataFrame[Any] | nw.LazyFrame[Any]
    known: CustomerFrame
    time_unit: Any


def open_customers(
    customers: object,
    needed: tuple[str, ...],
    time_unit: TimeUnit | None = None,
    *,
    timed: bool = True,
    made: str = _MADE,
) -> Opened:
    """Take a result of this module, or a frame of the user's with the same columns; `timed` ones need a unit.

    `made` says where the needed columns come from.
    """
    if isinstance(customers, CustomerFrame):
        frame, known = as_frame("customers", customers.frame), customers
        if time_unit is not None and known.time_unit is not None and time_unit != known.time_unit:
            raise InputError("time_unit", f"that of the frame, {known.time_unit!r}", time_unit)
    else:
        frame = as_frame("customers", customers)
        known = CustomerFrame(frame=customers, columns={})
    if known.time_unit is None and time_unit is not None:
        require_choice("time_unit", time_unit, DAYS_PER_UNIT)
        known = attrs.evolve(known, time_unit=time_unit)
    if timed and known.time_unit is None:
        hint = f"the unit of `recency` and `age`, one of {', '.join(DAYS_PER_UNIT)}"
        raise InputError("time_unit", "given for a frame of your own", None, hint=hint)
    without_money = "date" in known.columns and "amount" not in known.columns
    require_present("customers", frame, needed, _NO_MONEY if without_money else made)
    return Opened(frame, known, known.time_unit)


@contextmanager
def names_here(names: Mapping[str, str]) -> Iterator[None]:
    """Let an error of a function of arrays call its arguments by the names that they have here."""
    try:
        yield
    except InputError as error:
        if error.name not in names:
            raise
        name = names[error.name]
        raise InputError(
            name, error.rule, error.value, index=error.index, count=error.count, hint=error.hint
        ) from error
