"""The win-back cascade: offers that grow with the silence of a customer, until he is churned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import attrs
import numpy as np

from crmvalue._core.calendar import add_months, months_between
from crmvalue._core.checks import as_day, as_day_column, as_days, as_text, as_whole_number, require, require_choice
from crmvalue._core.values import array_field, checked_field, hand_over, stay_frozen
from crmvalue._journeys.json import journey_from_json, journey_to_json
from crmvalue._journeys.kinds.trigger import (
    cascade_candidates,
    channels_field,
    flag_field,
    hour_field,
    name_field,
    purpose_field,
    segment_field,
    whole_field,
)
from crmvalue._journeys.offers import Offer, as_offers
from crmvalue.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue._journeys.kinds.trigger import Candidates, Context
    from crmvalue.typing import ArrayLike, Dates, Integers

__all__ = ["Cascade", "CascadeDue", "CascadeState", "CascadeSteps"]

_MOST_MONTHS = 1200
_STATES = ("active", "in cascade", "churned")


def _optional_days(name: str, value: Any) -> int | None:
    return None if value is None else as_whole_number(name, value, low=0, high=3660)


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
        Day from which the customer is churned, in the shape of the last purchases.

    Examples
    --------
    >>> steps = Cascade().steps("2023-01-31")
    >>> steps.months[:3], steps.dates[:3]
    (array([ 9, 12, 15]), array(['2023-10-31', '2024-01-31', '2024-04-30'], dtype='datetime64[D]'))
    """

    months: Integers = array_field()
    dates: Dates = array_field()
    offers: tuple[Offer | None, ...]
    churned_on: Dates = array_field()


@stay_frozen
@attrs.frozen(kw_only=True)
class CascadeState:
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
        Day of the next offer; NaT where none will come.

    Examples
    --------
    >>> state = Cascade().state("2023-01-31", "2024-09-30")
    >>> str(state.state), int(state.month), str(state.next_date)
    ('in cascade', 18, '2024-10-31')
    """

    state: npt.NDArray[np.str_] = array_field()
    month: Integers = array_field()
    silent_months: Integers = array_field()
    next_date: Dates = array_field()


@stay_frozen
@attrs.frozen(kw_only=True)
class CascadeDue:
    """Offers that a cascade has to make on a day, columns of equal length.

    Parameters
    ----------
    row : ndarray
        Place of the customer in the columns that were given.
    month : ndarray
        Months of silence of the step.
    date : ndarray of datetime64[D]
        Day of the step: that of the run or, for a step that was missed, earlier.
    offer : tuple of Offer or None
        What to offer.

    Examples
    --------
    >>> due = Cascade().due(["2023-01-31", "2024-05-01"], "2024-09-30")
    >>> due.row, due.month, due.date
    (array([0]), array([18]), array(['2024-07-31'], dtype='datetime64[D]'))
    """

    row: Integers = array_field()
    month: Integers = array_field()
    date: Dates = array_field()
    offer: tuple[Offer | None, ...]

    def __len__(self) -> int:
        return len(self.row)

    @property
    def n_by_month(self) -> dict[int, int]:
        """Number of offers by step."""
        months, counts = np.unique(self.month, return_counts=True)
        return dict(zip(months.tolist(), counts.tolist(), strict=True))


@attrs.frozen(kw_only=True)
class Cascade:
    """Offers after so many months of silence, each better than the last, ended by a purchase or by giving up.

    Parameters
    ----------
    first_month : int, optional
        Months of silence before the first offer, >= 1.
    every_months : int, optional
        Months between offers, >= 1.
    end_month : int, optional
        Months of silence with which the customer is churned, > `first_month`.
    offers : sequence, optional
        One for each step, in order: :class:`Offer` objects or texts. Percentages and amounts must not fall from step to
        step. A shorter list stays with its last offer.
    offer_at_end : bool, optional
        Whether `end_month` is itself the last step. By default the last offer is the last one before it, and with the
        end nobody is written to.
    ends_with : {"purchase", "reaction"}, optional
        What ends a cascade: a purchase alone, or any reaction to an offer. A purchase always moves the anchor. In
        :func:`plan` these are the events "purchase", on whichever hour of the day, and "reaction".
    catch_up_days : int, optional
        Days after which :func:`plan` gives up a step that was missed, >= 0; the customer waits for the next one. By
        default 3, but in a first run, with no message of the cascade in the history, every customer gets the latest
        step that he has reached. Give the days between two steps, such as 92, where a budget of :class:`Policy` spreads
        the first run over many days.
    name, date, segment, priority, channels, purpose, exempt, send_hour
        For :func:`plan`, as in :class:`BirthdayJourney`; `date` is that of the last purchase.

    Notes
    -----
    All steps are counted from the last purchase in calendar months, clamped to the end of the month and never chained:
    after 31 January the step of month 15 is 30 April, and that of month 18 is 31 July. The months are those of a
    retailer whose case is published.

    Examples
    --------
    >>> cascade = Cascade(offers=["5 %", "7 %", "10 %"])
    >>> cascade.months
    (9, 12, 15, 18, 21, 24, 27, 30, 33)
    >>> cascade.due(["2023-10-01"], "2024-07-01").offer
    (Offer(label='5 %', percent=None, amount=None),)
    """

    first_month: int = whole_field("first_month", 1, _MOST_MONTHS, default=9)
    every_months: int = whole_field("every_months", 1, _MOST_MONTHS, default=3)
    end_month: int = whole_field("end_month", 1, _MOST_MONTHS, default=36)
    offers: tuple[Offer, ...] = attrs.field(default=(), converter=as_offers)
    offer_at_end: bool = flag_field("offer_at_end", default=False)
    ends_with: Literal["purchase", "reaction"] = "purchase"
    name: str = name_field(default="win-back")
    date: str = checked_field("date", as_text, default="last_purchase")
    segment: str | None = segment_field()
    priority: int = whole_field("priority", -1_000_000, 1_000_000, default=0)
    channels: tuple[str, ...] = channels_field()
    purpose: str = purpose_field()
    exempt: bool = flag_field("exempt", default=False)
    send_hour: int = hour_field()
    catch_up_days: int | None = checked_field("catch_up_days", _optional_days, default=None)

    def __attrs_post_init__(self) -> None:
        require_choice("ends_with", self.ends_with, ("purchase", "reaction"))
        if self.end_month <= self.first_month:
            raise InputError("end_month", f"above first_month ({self.first_month})", self.end_month)
        if len(self.offers) > len(self.months):
            raise InputError("offers", f"at most one for each of the {len(self.months)} steps", len(self.offers))

    @property
    def group(self) -> str:
        """A cascade is a group of its own."""
        return self.name

    def to_json(self) -> str:
        """Write the cascade as JSON text.

        Returns
        -------
        str
            A JSON object.
        """
        return journey_to_json(self)

    @classmethod
    def from_json(cls, text: str) -> Cascade:
        """Read what :meth:`to_json` wrote.

        Parameters
        ----------
        text : str
            JSON text.

        Returns
        -------
        Cascade
            An equal cascade.

        Raises
        ------
        InputError
            If the text is not what :meth:`to_json` wrote.
        """
        return journey_from_json(text, cls, Offer)

    def candidates(self, context: Context) -> Candidates:
        """Find the steps of the run, those missed in the last days included.

        :meta private:
        """
        return cascade_candidates(self, context)

    @property
    def months(self) -> tuple[int, ...]:
        """Months of silence of each step."""
        before = tuple(range(self.first_month, self.end_month, self.every_months))
        return (*before, self.end_month) if self.offer_at_end else before

    @property
    def given_up_month(self) -> int:
        """Months of silence from which nothing is offered; the step at the end itself holds for one month."""
        return self.end_month + 1 if self.offer_at_end else self.end_month

    def offer_of(self, step: int) -> Offer | None:
        """Offer of a step, counted from 0; None where the cascade has no offers."""
        return self.offers[min(step, len(self.offers) - 1)] if self.offers else None

    def steps(self, last_purchase: ArrayLike) -> CascadeSteps:
        """Days of all steps.

        Parameters
        ----------
        last_purchase : array_like
            Day of the last purchase; one customer or any number.

        Returns
        -------
        CascadeSteps
            Months, days and offers.

        Raises
        ------
        InputError
            If a date is missing or none.

        Examples
        --------
        >>> Cascade().steps("2024-02-29").dates[-1]
        np.datetime64('2026-11-29')
        """
        anchor = as_days("last_purchase", last_purchase)
        months = np.array(self.months, dtype=np.int64)
        return CascadeSteps(
            months=hand_over(months),
            dates=add_months(anchor[..., np.newaxis], months),
            offers=tuple(self.offer_of(i) for i in range(len(months))),
            churned_on=add_months(anchor, self.end_month),
        )

    def state(self, last_purchase: ArrayLike, as_of: ArrayLike) -> CascadeState:
        """Where customers stand on a day.

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
        return CascadeState(
            state=np.array(_STATES)[place],
            month=np.append(0, months)[n_passed],
            silent_months=silent,
            next_date=np.where(coming, add_months(anchor, following), np.datetime64("NaT", "D")),
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
        """Offers to make on a day: the latest step of each customer that has not been sent.

        Parameters
        ----------
        last_purchase : array_like
            Day of the last purchase of each customer, shape (n,).
        as_of : date
            Day of the run.
        last_sent : array_like, optional
            Day of the last offer of this cascade to each customer, NaT where there was none, shape (n,). A step that
            fell before or on that day is done; offers of the time before the last purchase do not count.
        last_reaction : array_like, optional
            Day of each customer's last reaction to an offer, NaT where there was none; used where `ends_with` is
            "reaction".
        most_days_late : int, optional
            Days after its day on which a missed step is still sent, >= 0; by default until the next step.

        Returns
        -------
        CascadeDue
            One row for each offer, in the order of the customers. Who was missed for long gets the latest step alone.

        Raises
        ------
        InputError
            If a date is missing or after `as_of`, or the lengths differ.

        Examples
        --------
        >>> Cascade().due(["2023-01-31"], "2024-09-30", last_sent=["2024-08-02"]).row
        array([], dtype=int64)
        """
        today = as_day("as_of", as_of)
        anchor = as_day_column("last_purchase", last_purchase)
        require(anchor <= today, "last_purchase", anchor, f"no later than as_of ({today})")
        months = np.array(self.months, dtype=np.int64)
        # Only customers whose silence reaches the first step are looked at further.
        earliest = add_months(np.asarray(today), -self.first_month) + np.timedelta64(4, "D")  # clamping moves 3 days
        rows = np.nonzero(anchor <= earliest)[0]
        silent = months_between(anchor[rows], np.asarray(today))
        step = np.searchsorted(months, silent, side="right") - 1
        keep = (step >= 0) & (silent < self.given_up_month)
        rows, step = rows[keep], step[keep]
        date = add_months(anchor[rows], months[step])
        open_ = np.ones(len(rows), dtype=bool)
        if most_days_late is not None:
            late = as_whole_number("most_days_late", most_days_late, low=0)
            open_ &= today - date <= np.timedelta64(late, "D")
        if last_sent is not None:
            sent = self._column("last_sent", last_sent, anchor, today)[rows]
            open_ &= ~(sent >= date)
        if last_reaction is not None and self.ends_with == "reaction":
            reacted = self._column("last_reaction", last_reaction, anchor, today)[rows]
            open_ &= ~(reacted > anchor[rows])
        rows, step, date = rows[open_], step[open_], date[open_]
        return CascadeDue(
            row=hand_over(rows),
            month=hand_over(months[step]),
            date=hand_over(date),
            offer=tuple(self.offer_of(i) for i in step.tolist()),
        )

    def _column(self, name: str, value: ArrayLike, anchor: Dates, today: np.datetime64) -> Dates:
        column = as_day_column(name, value, allow_missing=True)
        if len(column) != len(anchor):
            raise InputError(name, f"one for each of the {len(anchor)} customers", len(column))
        require(np.isnat(column) | (column <= today), name, column, f"no later than as_of ({today})")
        return column
