"""The win-back cascade: offers that grow with the silence of a customer, until the customer counts as churned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import attrs
import numpy as np

from crmvalue._core.calendar import add_months, months_between
from crmvalue._core.checks import (
    as_day,
    as_day_column,
    as_days,
    as_text,
    as_whole_number,
    require,
    require_choice,
    require_same_index,
)
from crmvalue._core.encoding.keys import distinct_days
from crmvalue._core.frames import Columns
from crmvalue._core.json import from_json, to_json
from crmvalue._core.values import (
    array_columns,
    checked_field,
    date_table,
    hand_over,
    label_column,
    of_class,
    optional,
    require_columns,
    short_repr,
    stay_frozen,
    tuple_of,
    whole_table,
)
from crmvalue._journeys.context import Candidates, Context
from crmvalue._journeys.fields import (
    CATCH_UP_DAYS,
    channels_field,
    flag_field,
    hour_field,
    name_field,
    priority_field,
    purpose_field,
    segment_field,
    whole_field,
    words_of,
)
from crmvalue._journeys.moments import at_hour
from crmvalue._journeys.offers import Offer, as_offers, require_rising
from crmvalue.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue.typing import ArrayLike, Dates, Integers

__all__ = ["Cascade", "CascadeDue", "CascadeState", "CascadeSteps"]

_MOST_MONTHS = 1200
_LAST_DAY = np.datetime64("9999-12-31", "D")
_EARLY = "so early that the steps after it are in the years up to 9999"
_MOST_DAYS = 20_000_000  # customers times steps; a table of them takes 160 MB
_DAY = np.timedelta64(1, "D")
_SECOND = np.timedelta64(1, "s")
_REACTIONS = ("reaction", "opened", "clicked", "replied")
_STATES = ("active", "in cascade", "churned")


def _days(name: str, value: Any) -> int:
    return as_whole_number(name, value, low=0, high=3660)


def _ending(name: str, value: Any) -> str | tuple[str, ...]:
    """Take what ends a cascade: a purchase, or reactions, maybe those to one journey or step."""
    words = words_of(name, value)
    for word in words:
        if word != "purchase":
            require_choice(name, word.split(" ", maxsplit=1)[0], _REACTIONS)
    return words[0] if isinstance(value, str) else words


@stay_frozen
@attrs.frozen(kw_only=True)
class CascadeSteps:
    """When a cascade makes its offers.

    Parameters
    ----------
    months : ndarray
        Months of silence of each step, shape (k,).
    dates : ndarray of datetime64[D]
        Day of each step: the shape of the last purchases, followed by k.
    offers : tuple of Offer or None
        Offer of each step.
    churned_on : ndarray of datetime64[D]
        Day from which the customer counts as churned, in the shape of the last purchases.

    Examples
    --------
    >>> steps = Cascade().steps("2023-01-31")
    >>> steps.months[:3], steps.dates[:3]
    (array([ 9, 12, 15]), array(['2023-10-31', '2024-01-31', '2024-04-30'], dtype='datetime64[D]'))
    """

    months: Integers = whole_table("months")
    dates: Dates = date_table("dates", None, missing=False)
    offers: tuple[Offer | None, ...] = checked_field("offers", tuple_of(Offer, type(None)))
    churned_on: Dates = date_table("churned_on", None, missing=False)


@stay_frozen
@attrs.frozen(kw_only=True)
class CascadeState(Columns):
    """Where customers stand in a cascade, each column in the shape of the last purchases.

    Parameters
    ----------
    state : ndarray of str
        "active" before the first step, "in cascade" from it on, "churned" from the end on.
    month : ndarray
        Months of silence of the latest step; 0 before the first.
    silent_months : ndarray
        Whole calendar months since the last purchase.
    next_date : ndarray of datetime64[D]
        Day of the next offer; NaT where no offer will follow.

    Examples
    --------
    >>> state = Cascade().state("2023-01-31", "2024-09-30")
    >>> str(state.state), int(state.month), str(state.next_date)
    ('in cascade', 18, '2024-10-31')
    """

    state: npt.NDArray[np.str_] = label_column("state", texts=True, any_shape=True)
    month: Integers = whole_table("month", None)
    silent_months: Integers = whole_table("silent_months", None)
    next_date: Dates = date_table("next_date", None)

    def __attrs_post_init__(self) -> None:
        for name in ("month", "silent_months", "next_date"):
            if getattr(self, name).shape != self.state.shape:
                raise InputError(name, f"of the shape of `state`, {self.state.shape}", getattr(self, name).shape)

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give all columns by name, for a dataframe of any kind."""
        return array_columns(self)


@stay_frozen
@attrs.frozen(kw_only=True)
class CascadeDue(Columns):
    """The offers that a cascade makes on a day, columns of equal length.

    Parameters
    ----------
    row : ndarray
        Place of the customer in the columns that were given.
    month : ndarray
        Months of silence of the step.
    date : ndarray of datetime64[D]
        Day of the step: the day of the run, or an earlier day for a missed step.
    offer : tuple of Offer or None
        What to offer.

    Examples
    --------
    >>> due = Cascade().due(["2023-01-31", "2024-05-01"], "2024-09-30")
    >>> due.row, due.month, due.date
    (array([0]), array([18]), array(['2024-07-31'], dtype='datetime64[D]'))
    """

    row: Integers = whole_table("row")
    month: Integers = whole_table("month")
    date: Dates = date_table("date", missing=False)
    offer: tuple[Offer | None, ...] = checked_field("offer", tuple_of(Offer, type(None)), repr=short_repr)

    def __attrs_post_init__(self) -> None:
        require_columns(self, len(self.row), ("month", "date", "offer"), "rows")

    def __len__(self) -> int:
        return len(self.row)

    @property
    def n_by_month(self) -> dict[int, int]:
        """Number of offers by step."""
        months, counts = np.unique(self.month, return_counts=True)
        return dict(zip(months.tolist(), counts.tolist(), strict=True))

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give all columns by name, the offers by their labels, for a dataframe of any kind."""
        labels = [None if offer is None else offer.label for offer in self.offer]
        return array_columns(self) | {"offer": np.array(labels, dtype=object)}


@attrs.frozen(kw_only=True)
class Cascade:
    """Offers after months of silence, each at least as good as the one before, until a purchase or the last month.

    Parameters
    ----------
    first_month : int, optional
        Months of silence before the first offer, >= 1.
    every_months : int, optional
        Months between offers, >= 1.
    end_month : int, optional
        Months of silence after which the customer counts as churned, > `first_month`.
    offers : sequence, optional
        One for each step, in order: :class:`Offer` objects or texts. The benefit of a cascade grows: a percentage after
        a percentage, or an amount after an amount, must be above it. With other offers between them they must not fall.
        Texts such as "5 %" are names, whose size nobody knows; only the same name twice in a row is refused.
    repeat_last : bool, optional
        Whether the last offer stands for all later steps. Without it, a list shorter than the steps is refused.
    allow_equal : bool, optional
        Whether an offer may be equal to the one before it. Without it, a benefit that does not grow is refused.
    offer_at_end : bool, optional
        Whether `end_month` is itself the last step. By default the last step is the one before it, and no message goes
        out at the end.
    ends_with : str or sequence of str, optional
        What ends a cascade: "purchase" alone, or also a reaction to an offer. A purchase always begins the count anew.
        Reactions are the events "reaction", "opened", "clicked" and "replied"; :meth:`Responses.events` makes the last
        three, also those of one journey or step, such as "clicked win-back". In :func:`plan` a purchase is the event
        "purchase", at any hour of the day.
    catch_up_days : int, optional
        Days after which :func:`plan` gives up a missed step, >= 0; the customer waits for the next one. The default is
        3, except in a first run, when the history holds no message of the cascade: then every customer gets the latest
        step that they have reached. Where a budget of :class:`Policy` spreads the first run over many days, give the
        days between two steps, such as 92.
    name, date, segment, priority, channels, purpose, exempt, send_hour
        For :func:`plan`, as in :class:`BirthdayJourney`; `date` names the date of the last purchase.

    Notes
    -----
    All steps are counted from the last purchase in calendar months. Where a month is too short, its last day counts;
    the next step is again counted from the purchase. After 31 January the step of month 15 is 30 April, and the step of
    month 18 is 31 July. The default months come from a published case of a retailer.

    Examples
    --------
    >>> cascade = Cascade(offers=["5 %", "7 %", "10 %"], repeat_last=True)
    >>> cascade.months
    (9, 12, 15, 18, 21, 24, 27, 30, 33)
    >>> cascade.due(["2023-10-01"], "2024-07-01").offer
    (Offer(label='5 %', percent=None, amount=None),)
    """

    first_month: int = whole_field("first_month", 1, _MOST_MONTHS, default=9)
    every_months: int = whole_field("every_months", 1, _MOST_MONTHS, default=3)
    end_month: int = whole_field("end_month", 1, _MOST_MONTHS, default=36)
    offers: tuple[Offer, ...] = attrs.field(default=(), converter=as_offers)
    repeat_last: bool = flag_field("repeat_last", default=False)
    allow_equal: bool = flag_field("allow_equal", default=False)
    offer_at_end: bool = flag_field("offer_at_end", default=False)
    ends_with: str | tuple[str, ...] = checked_field("ends_with", _ending, default="purchase")
    name: str = name_field(default="win-back")
    date: str = checked_field("date", as_text, default="last_purchase")
    segment: str | None = segment_field()
    priority: int = priority_field()
    channels: tuple[str, ...] = channels_field()
    purpose: str = purpose_field()
    exempt: bool = flag_field("exempt", default=False)
    send_hour: int | str | None = hour_field()
    catch_up_days: int | None = checked_field("catch_up_days", optional(_days), default=None)

    version: ClassVar[int] = 0
    shares_group: ClassVar[bool] = False
    cool_down_days: ClassVar[int] = 0
    once: ClassVar[bool] = False

    def __attrs_post_init__(self) -> None:
        if self.end_month <= self.first_month:
            raise InputError("end_month", f"above first_month ({self.first_month})", self.end_month)
        if len(self.offers) > len(self.months):
            raise InputError("offers", f"at most one for each of the {len(self.months)} steps", len(self.offers))
        if 0 < len(self.offers) < len(self.months) and not self.repeat_last:
            hint = "repeat_last=True gives the last offer in all later steps"
            raise InputError("offers", f"one for each of the {len(self.months)} steps", len(self.offers), hint=hint)
        if not self.allow_equal:
            require_rising(self.offers)

    @property
    def group(self) -> str:
        """A cascade is a group of its own."""
        return self.name

    def to_json(self) -> str:
        """Write the cascade as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str) -> Cascade:
        """Read what :meth:`to_json` wrote, or the same written by hand.

        Other text raises :class:`~crmvalue.errors.InputError`.
        """
        return from_json(cls, text, Offer)

    def candidates(self, context: Context) -> Candidates:
        """Find the steps of the run, including those that were missed in the last days.

        :meta private:
        """
        of_class(Context)("context", context)
        last = self._last_purchases(context)
        rows = np.nonzero(~np.isnat(last))[0]
        late = self.catch_up_days
        if late is None and (context.history.group == self.group).any():
            late = CATCH_UP_DAYS  # not the first run
        place, step, date = self._due(last[rows], context.today, late)
        months = np.array(self.months, dtype=np.int64)
        row = rows[place]
        anchor = last[row]
        ends = add_months(anchor, np.append(months[1:], self.given_up_month)[step])
        # A purchase of the day has moved the anchor; one of the night after it comes before a message that waits there.
        exited = context.first_after(("purchase",), row, np.full(len(row), context.end - _SECOND))
        if self._reactions:
            reacted = context.first_after(self._reactions, row, at_hour(np.add(anchor, _DAY), 0) - _SECOND)
            exited = np.fmin(exited, reacted)
        return Candidates(
            row, step, tuple(f"month {month}" for month in self.months), anchor.astype("datetime64[s]"),
            at_hour(date, context.hour_of_day(self.send_hour, row)), at_hour(ends, 0) - _SECOND, exited,
            tuple(self.offer_of(i) for i in range(len(months))),
        )  # fmt: skip

    def _last_purchases(self, context: Context) -> Dates:
        """Day of the last purchase of each customer, from the dates and the events; NaT where there is none."""
        last = np.fmax(context.date(self.date), context.latest_day("purchase"))
        rule = f"no later than the day of the run ({context.today})"
        hint = "correct it, take the last purchase until that day, or leave it missing"
        require(np.isnat(last) | (last <= context.today), f"dates[{self.date!r}]", last, rule, hint=hint)
        return last

    @property
    def _reactions(self) -> tuple[str, ...]:
        """Events other than a purchase that end the cascade."""
        names = (self.ends_with,) if isinstance(self.ends_with, str) else self.ends_with
        return tuple(name for name in names if name != "purchase")

    @property
    def months(self) -> tuple[int, ...]:
        """Months of silence of each step."""
        before = tuple(range(self.first_month, self.end_month, self.every_months))
        return (*before, self.end_month) if self.offer_at_end else before

    @property
    def given_up_month(self) -> int:
        """Months of silence from which nothing is offered; a step at the end itself holds for one month."""
        return self.end_month + 1 if self.offer_at_end else self.end_month

    def offer_of(self, step: int) -> Offer | None:
        """Offer of a step, counted from 0; None where the cascade has no offers."""
        given: object = step
        if not isinstance(given, int | np.integer) or given < 0:
            raise InputError("step", "a whole number >= 0", step)
        return self.offers[min(step, len(self.offers) - 1)] if self.offers else None

    def steps(self, last_purchase: ArrayLike) -> CascadeSteps:
        """Compute the days of all steps.

        Parameters
        ----------
        last_purchase : array_like
            Day of the last purchase; one customer or any number, up to 20,000,000 steps of all customers together.

        Returns
        -------
        CascadeSteps
            Months, days and offers.

        Raises
        ------
        InputError
            If a date is missing or is not a date, or if there are more than 20,000,000 steps.

        Examples
        --------
        >>> print(Cascade().steps("2024-02-29").dates[-1])
        2026-11-29
        """
        anchor = as_days("last_purchase", last_purchase)
        months = np.array(self.months, dtype=np.int64)
        if anchor.size * len(months) > _MOST_DAYS:
            rule = f"at most {_MOST_DAYS // len(months):,} customers with {len(months):,} steps each"
            hint = "take the customers in parts; `due` and `state` need no table of all steps"
            raise InputError("last_purchase", rule, anchor.size, hint=hint)
        ends = add_months(anchor, self.end_month)
        require(ends <= _LAST_DAY, "last_purchase", anchor, _EARLY)
        return CascadeSteps(
            months=hand_over(months),
            dates=add_months(anchor[..., np.newaxis], months),
            offers=tuple(self.offer_of(i) for i in range(len(months))),
            churned_on=ends,
        )

    def state(self, last_purchase: ArrayLike, as_of: ArrayLike) -> CascadeState:
        """Tell where customers stand on a day.

        Parameters
        ----------
        last_purchase : array_like
            Day of the last purchase; one customer or any number.
        as_of : date
            Day of the answer.

        Returns
        -------
        CascadeState
            State, latest step and next day, in the shape of `last_purchase`.

        Raises
        ------
        InputError
            If a date is missing or after `as_of`.

        Examples
        --------
        >>> Cascade().state(["2024-01-31", "2021-01-31"], "2024-09-30").state
        array(['active', 'churned'], dtype='<U10')
        """
        today = as_day("as_of", as_of)
        anchor = as_days("last_purchase", last_purchase)
        require(anchor <= today, "last_purchase", anchor, f"no later than as_of ({today})")
        silent = months_between(anchor, np.asarray(today))
        months = np.array(self.months, dtype=np.int64)
        n_passed = np.searchsorted(months, silent, side="right")
        churned = silent >= self.end_month
        following = np.append(months, 0)[n_passed]
        coming = (n_passed < len(months)) & ~churned
        place = np.where(churned, 2, np.where(n_passed > 0, 1, 0))
        next_date = np.where(coming, add_months(anchor, following), np.datetime64("NaT", "D"))
        require(~(next_date > _LAST_DAY), "last_purchase", anchor, _EARLY)
        return CascadeState(
            state=np.array(_STATES)[place],
            month=np.append(0, months)[n_passed],
            silent_months=silent,
            next_date=next_date,
        )

    def due(
        self,
        last_purchase: ArrayLike,
        as_of: ArrayLike,
        *,
        last_sent: ArrayLike | None = None,
        last_reaction: ArrayLike | None = None,
        most_days_late: int | None = None,
    ) -> CascadeDue:
        """Find the offers to make on a day: the latest step of each customer, unless it has been sent.

        Parameters
        ----------
        last_purchase : array_like
            Day of the last purchase of each customer, shape (n,).
        as_of : date
            Day of the run.
        last_sent : array_like, optional
            Day of the last offer of this cascade to each customer, NaT where there was none, shape (n,). A step on or
            before that day is done. Offers before the last purchase do not count.
        last_reaction : array_like, optional
            Day of each customer's last reaction to an offer, NaT where there was none; used where `ends_with`
            names a reaction.
        most_days_late : int, optional
            Days after its day on which a missed step is still sent, >= 0; by default until the next step.

        Returns
        -------
        CascadeDue
            One row for each offer, in the order of the customers. Of several missed steps, only the latest is offered.

        Raises
        ------
        InputError
            If a date is missing or after `as_of`, or the lengths differ.

        Examples
        --------
        >>> Cascade().due(["2023-01-31"], "2024-09-30", last_sent=["2024-08-02"]).row
        array([], dtype=int64)
        """
        require_same_index(last_purchase=last_purchase, last_sent=last_sent, last_reaction=last_reaction)
        today = as_day("as_of", as_of)
        anchor = as_day_column("last_purchase", last_purchase)
        require(anchor <= today, "last_purchase", anchor, f"no later than as_of ({today})")
        late = None if most_days_late is None else as_whole_number("most_days_late", most_days_late, low=0)
        rows, step, date = self._due(anchor, today, late)
        open_ = np.ones(len(rows), dtype=bool)
        if last_sent is not None:
            sent = self._column("last_sent", last_sent, anchor, today)[rows]
            open_ &= ~(sent >= date)
        if last_reaction is not None and self._reactions:
            reacted = self._column("last_reaction", last_reaction, anchor, today)[rows]
            open_ &= ~(reacted > anchor[rows])
        rows, step, date = rows[open_], step[open_], date[open_]
        return CascadeDue(
            row=hand_over(rows),
            month=hand_over(np.array(self.months, dtype=np.int64)[step]),
            date=hand_over(date),
            offer=tuple(self.offer_of(i) for i in step.tolist()),
        )

    def _due(self, anchor: Dates, today: np.datetime64, most_days_late: int | None) -> tuple[Integers, Integers, Dates]:
        """Find customers who have reached a step, and that step and its day; customers of one day share the answer."""
        months = np.array(self.months, dtype=np.int64)
        days, place = distinct_days(anchor)
        silent = months_between(days, np.asarray(today))
        step = np.searchsorted(months, silent, side="right") - 1
        date = add_months(days, months[step])
        is_due = (step >= 0) & (silent < self.given_up_month)
        if most_days_late is not None:
            is_due &= today - date <= np.timedelta64(most_days_late, "D")
        rows = np.nonzero(is_due[place])[0]
        place = place[rows]
        return rows, step[place], date[place]

    def _column(self, name: str, value: ArrayLike, anchor: Dates, today: np.datetime64) -> Dates:
        column = as_day_column(name, value, allow_missing=True)
        if len(column) != len(anchor):
            raise InputError(name, f"one for each of the {len(anchor)} customers", len(column))
        require(np.isnat(column) | (column <= today), name, column, f"no later than as_of ({today})")
        return column
