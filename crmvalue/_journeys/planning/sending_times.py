"""When messages go out: after missed runs, outside quiet hours, at times that the clocks do not skip."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from crmvalue._core.calendar import skip_quiet_hours

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue._journeys.planning.policy import Policy
    from crmvalue._journeys.zones import Clocks
    from crmvalue.typing import Dates, Integers

    Bools = npt.NDArray[np.bool_]

__all__ = ["is_late", "send_times"]


def is_late(planned: Dates, planned_utc: Dates, row: Integers, today: np.datetime64, clocks: Clocks) -> Bools:
    """Tell which messages were due before the day of the run began.

    Where a clock comes back over midnight, an hour of the day before follows the beginning of the day.
    """
    midnight = np.full(len(planned), today, dtype="datetime64[s]")
    late: Bools = (planned < midnight) & (planned_utc < clocks.to_utc(row, midnight))
    return late


def send_times(
    planned: Dates,
    planned_utc: Dates,
    late: Bools,
    row: Integers,
    today: np.datetime64,
    policy: Policy,
    clocks: Clocks,
) -> tuple[Dates, Dates]:
    """Find the local time at which each message goes out, and the same in UTC.

    A missed message goes out today at its hour, a message in quiet hours at their end, or when the clocks go back to an
    hour before them, and a message at a time that a change of the clocks skips right after the change.
    """
    midnight = today.astype("datetime64[s]")
    hour = planned - planned.astype("datetime64[D]")
    send: Dates = np.where(late, midnight + hour, planned)
    send = _skip_gaps(send, clocks, row)
    if policy.quiet_hours is not None or policy.contact_hours is not None:
        allowed = _allowed(send, policy)
        # A missed message whose hour is quiet waits no longer than to the first allowed moment of the day.
        earliest = _allowed(midnight[np.newaxis], policy)
        send = _skip_gaps(np.where(late & (allowed != send), earliest, allowed), clocks, row)
        send = _allowed(send, policy)  # where a zone skips a day, its end may be quiet
    # Within an hour that comes twice, a message goes out no earlier than it was due: as planned, or as long after it.
    utc = clocks.to_utc(row, send)
    utc = np.where(~late & (utc < planned_utc), planned_utc + (send - planned), utc)
    waits = np.nonzero(~late & (utc > planned_utc))[0]
    if len(waits):
        send[waits], utc[waits] = _after_going_back(
            planned[waits], planned_utc[waits], send[waits], utc[waits], row[waits], policy, clocks
        )
    return send, utc


def _after_going_back(
    planned: Dates, planned_utc: Dates, send: Dates, utc: Dates, row: Integers, policy: Policy, clocks: Clocks
) -> tuple[Dates, Dates]:
    """Send sooner where the clocks go back to an hour before the quiet ones, on the same day."""
    back = clocks.next_back(row, planned_utc)
    there = np.nonzero(back < utc)[0]  # of NaT, this is False
    if not len(there):
        return send, utc
    send, utc, back, row = send.copy(), utc.copy(), back[there], row[there]
    local = clocks.to_local(row, back)
    allowed = _allowed(local, policy)
    instant = clocks.to_utc(row, allowed)
    instant = np.where(instant < back, back + (allowed - local), instant)
    days = planned[there].astype("datetime64[D]")
    sooner = (instant < utc[there]) & (local.astype("datetime64[D]") == days)
    send[there[sooner]], utc[there[sooner]] = allowed[sooner], instant[sooner]
    return send, utc


def _allowed(local: Dates, policy: Policy) -> Dates:
    """Move local times outside the hours of a policy to the next moment inside them."""
    if policy.contact_hours is not None:
        return policy.contact_hours.next_open(local).astype("datetime64[s]")
    start, end = policy.quiet_hours or (0, 0)
    return skip_quiet_hours(local, start_hour=start, end_hour=end)


def _skip_gaps(local: Dates, clocks: Clocks, row: Integers) -> Dates:
    """Move local times that a change of the clocks skips to the first moment after it."""
    return clocks.to_local(row, clocks.to_utc(row, local))
