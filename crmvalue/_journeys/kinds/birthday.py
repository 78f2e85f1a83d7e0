"""Birthdays and other days that come round each year: one message before each, and when it is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, NamedTuple

import attrs
import numpy as np

from crmvalue._core.calendar import LEAP_DAY_POLICIES, LeapDayPolicy, anniversary
from crmvalue._core.checks import as_days, as_whole_number
from crmvalue._core.json import from_json, to_json
from crmvalue._core.values import checked_field, choice_field, of_class
from crmvalue._journeys.context import Candidates, Context
from crmvalue._journeys.fields import (
    CATCH_UP_DAYS,
    channels_field,
    flag_field,
    hour_field,
    name_field,
    name_of,
    offer_field,
    priority_field,
    purpose_field,
    segment_field,
    whole_field,
)
from crmvalue._journeys.moments import NEVER, at_hour
from crmvalue._journeys.offers import Offer

if TYPE_CHECKING:
    from crmvalue.typing import ArrayLike, Dates

__all__ = ["AnniversaryMessage", "BirthdayJourney"]

_DAY = np.timedelta64(1, "D")
_SECOND = np.timedelta64(1, "s")


@attrs.frozen
class BirthdayJourney:
    """A message some days before each birthday or other anniversary, with an offer that ends some days after it.

    Several journeys may use one date. Then each customer gets one message a year: among the journeys that are due on a
    day and whose segment includes the customer, the one with the highest priority sends it.

    Parameters
    ----------
    name : str
        Name of the journey. A plan recognises the messages of the journey by it; a new name begins anew.
    date : str, optional
        Name of the date that comes round each year: "birthday", "registered", or a name of your own.
    day_itself : bool, optional
        Whether the date itself counts, as for the end of a contract. By default only the later years count, as for a
        birth.
    days_before : int, optional
        Days from the message to the anniversary, >= 0.
    valid_days_after : int, optional
        Days after the anniversary on which the offer still holds, >= 0.
    leap_day : {"backward", "forward", "skip"}, optional
        When somebody born on 29 February celebrates in a common year: 28 February, 1 March, or not at all.
    offer : Offer or str, optional
        What is offered.
    segment : str, optional
        Segment whose customers the journey is for; by default all.
    priority : int, optional
        Where not all messages may be sent, the higher priority goes first: under caps, under a budget, and among
        journeys on one date.
    channels : str or sequence of str, optional
        Channels, the preferred one first. The others are tried where the preferred one may not be used.
    purpose : str, optional
        Purpose to which the customer has to have agreed.
    exempt : bool, optional
        Whether frequency caps leave its messages alone: they are neither counted nor held back. The control group and
        the budget still apply.
    send_hour : int or "best", optional
        Local hour of sending, 0 to 23; "best" for the `send_hour` of each customer. By default that of the policy, or
        10 where the policy has none.
    catch_up_days : int, optional
        Days after which a missed message is given up, >= 0; later runs do not look at it.

    Examples
    --------
    >>> vip = BirthdayJourney("vip birthday", offer="a gift", segment="vip", priority=2)
    >>> message = vip.message("1992-02-29", 2025)
    >>> str(message.sent_on), str(message.day), str(message.valid_until)
    ('2025-02-21', '2025-02-28', '2025-03-07')
    """

    name: str = name_field()
    date: str = checked_field("date", name_of, default="birthday", kw_only=True)
    day_itself: bool = flag_field("day_itself", default=False)
    days_before: int = whole_field("days_before", 0, 180, default=7)
    valid_days_after: int = whole_field("valid_days_after", 0, 180, default=7)
    leap_day: LeapDayPolicy = choice_field("leap_day", LEAP_DAY_POLICIES, default="backward", kw_only=True)
    offer: Offer | None = offer_field()
    segment: str | None = segment_field()
    priority: int = priority_field()
    channels: tuple[str, ...] = channels_field()
    purpose: str = purpose_field()
    exempt: bool = flag_field("exempt", default=False)
    send_hour: int | str | None = hour_field()
    catch_up_days: int = whole_field("catch_up_days", 0, 180, default=CATCH_UP_DAYS)

    version: ClassVar[int] = 0
    shares_group: ClassVar[bool] = True
    cool_down_days: ClassVar[int] = 0
    once: ClassVar[bool] = False

    @property
    def group(self) -> str:
        """All journeys on one date are one group: each customer gets one message a year from them together."""
        return f"anniversary of {self.date}"

    def message(self, date: ArrayLike, year: int) -> AnniversaryMessage:
        """Compute the days of the message for an anniversary.

        Parameters
        ----------
        date : array_like
            The date itself, such as the date of birth; one customer or any number.
        year : int
            Year of the anniversary. Its message may fall into the year before.

        Returns
        -------
        AnniversaryMessage
            Day of the message, day of the anniversary, and last day of the offer.

        Raises
        ------
        InputError
            If a date is missing or the year is not from 2 to 9998.

        Examples
        --------
        >>> message = BirthdayJourney("birthday").message("1990-01-03", 2025)
        >>> str(message.sent_on), str(message.valid_until)
        ('2024-12-27', '2025-01-10')
        """
        of_year = as_whole_number("year", year, low=2, high=9998)
        day = anniversary(as_days("date", date), of_year, leap_day=self.leap_day)
        before, after = (np.timedelta64(days, "D") for days in (self.days_before, self.valid_days_after))
        return AnniversaryMessage(sent_on=day - before, day=day, valid_until=day + after)

    def to_json(self) -> str:
        """Write the journey as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str) -> BirthdayJourney:
        """Read what :meth:`to_json` wrote, or the same written by hand.

        Other text raises :class:`~crmvalue.errors.InputError`.
        """
        return from_json(cls, text, Offer)

    def candidates(self, context: Context) -> Candidates:
        """Find the messages of the run, including those that were missed in the last days.

        :meta private:
        """
        of_class(Context)("context", context)
        date = context.date(self.date)
        first = context.today - np.timedelta64(self.catch_up_days, "D")
        rows, days = [], []
        target = np.arange(first, context.today + _DAY) + np.timedelta64(self.days_before, "D")
        around = context.rows_by_month_day(self.date, target)
        for year in np.unique(target.astype("datetime64[Y]").astype(np.int64) + 1970).tolist():
            day = anniversary(date[around], year, leap_day=self.leap_day)
            hit = (day >= target[0]) & (day <= target[-1]) & (day >= date[around] + (_DAY * (not self.day_itself)))
            rows.append(around[hit])
            days.append(day[hit])
        row, day = np.concatenate(rows), np.concatenate(days)
        planned = at_hour(day - np.timedelta64(self.days_before, "D"), context.hour_of_day(self.send_hour, row))
        expires = at_hour(day + np.timedelta64(self.valid_days_after + 1, "D"), 0) - _SECOND
        return Candidates(
            row, np.zeros(len(row), dtype=np.int64), ("message",),
            day.astype("datetime64[Y]").astype("datetime64[s]"),  # one a year, even if the date is corrected meanwhile
            planned, expires,
            np.full(len(row), NEVER), (self.offer,),
        )  # fmt: skip


class AnniversaryMessage(NamedTuple):
    """Days of a message of an anniversary.

    Parameters
    ----------
    sent_on : ndarray of datetime64[D]
        When it is sent.
    day : ndarray of datetime64[D]
        The anniversary.
    valid_until : ndarray of datetime64[D]
        Last day on which its offer holds.

    Examples
    --------
    >>> str(BirthdayJourney("birthday").message("1990-03-05", 2024).sent_on)
    '2024-02-27'
    """

    sent_on: Dates
    day: Dates
    valid_until: Dates
