"""Frequency caps: what a customer may still get after all earlier messages, also those of the same run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from crmvalue._core.encoding.customers import encode_customers
from crmvalue._core.encoding.keys import row_keys
from crmvalue._journeys.data import rows_among
from crmvalue._journeys.moments import NEVER, moment

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from crmvalue._journeys.data import Customers, MessageHistory
    from crmvalue._journeys.planning.policy import FrequencyCap
    from crmvalue._journeys.zones import Clocks
    from crmvalue.typing import Dates, Integers

    Bools = npt.NDArray[np.bool_]

__all__ = ["Past", "apply_caps"]


class Past:
    """The messages that the customers of a run got before."""

    def __init__(
        self,
        history: MessageHistory,
        customers: Customers,
        rows: Integers,
        groups: npt.NDArray[np.str_],
        labels: Sequence[str],
    ) -> None:
        row = np.zeros(0, dtype=np.int64)
        if len(history):
            distinct, code = encode_customers("history", history.customer)
            row = rows_among(customers, distinct)[code]
        present = np.zeros(len(customers), dtype=bool)
        present[rows] = True
        self.n_unknown = int(np.count_nonzero(row < 0))
        kept = np.nonzero((row >= 0) & present[row])[0]
        self.row, self.sent_at = row[kept], history.sent_at[kept]
        self.anchor, self.channel, self.counted = history.anchor[kept], history.channel[kept], history.counted[kept]
        self.purpose = history.purpose[kept]
        self.group = _codes(history.group[kept], groups.tolist())
        self.step = _codes(history.step[kept], labels)

    def has(self, row: Integers, group: Integers, step: Integers, anchor: Dates) -> Bools:
        """Tell whether each message was sent before."""
        n = len(self.row)
        columns = ((self.row, row), (self.group, group), (self.step, step), (self.anchor, anchor))
        joined = [np.concatenate(pair).astype(np.float64) for pair in columns]
        # Group, step and anchor make a message, whichever journey of the group it comes from.
        key = row_keys(*joined)
        return np.isin(key[n:], key[:n])

    def latest(self, row: Integers, group: Integers) -> Dates:
        """Find the time of the last message of a group to each customer; NaT where there was none."""
        if len(self.row) == 0:
            return np.full(len(row), NEVER)
        n_groups = int(max(self.group.max(), group.max(initial=0))) + 2
        key = self.row * n_groups + self.group
        order = np.lexsort((self.sent_at, key))
        key, time = key[order], self.sent_at[order]
        wanted = row * n_groups + group
        place = np.searchsorted(key, wanted, side="right") - 1
        hit = (place >= 0) & (key[place] == wanted)
        return np.where(hit, time[place], NEVER)


def _codes(words: npt.NDArray[np.str_], known: Sequence[str]) -> Integers:
    """Find the place of each word among the known ones; -1 for others."""
    distinct, inverse = np.unique(words, return_inverse=True)
    place = {word: i for i, word in enumerate(known)}
    codes: Integers = np.array([place.get(word, -1) for word in distinct.tolist()], dtype=np.int64)[inverse]
    return codes


def apply_caps(
    caps: tuple[FrequencyCap, ...],
    names: list[str],
    channels: Integers,
    row: Integers,
    send: Dates,
    send_utc: Dates,
    exempt: Bools,
    purpose: npt.NDArray[np.str_],
    open_: Bools,
    past: Past,
    lost: Bools,
    whose: Integers,
    clocks: Clocks,
) -> tuple[Integers, Bools]:
    """Choose the channel of each open message under the caps, -1 for none; tell also which messages rest.

    The messages of a customer are decided one after the other: each round takes the next message of every customer. A
    message that is lost to another rule does not count for those after it. Of messages with one number in `whose`, all
    after the one that is sent rest; those with -1 do not.
    """
    used, rests = np.full(len(row), -1, dtype=np.int64), np.zeros(len(row), dtype=bool)
    free = open_ & (exempt | (not caps))
    for position in range(channels.shape[1]):
        chosen = free & (used < 0)
        used[chosen] = channels[chosen, position]
    bound = np.nonzero(open_ & ~free)[0]
    if len(bound) == 0:
        return used, rests
    counts = [_Counter(cap, names, past, clocks) for cap in caps]
    windows = [_window(cap, row, send, send_utc, clocks) for cap in caps]
    starts = np.r_[True, row[bound][1:] != row[bound][:-1]]
    turn = np.arange(len(bound)) - np.maximum.accumulate(np.where(starts, np.arange(len(bound)), 0))
    is_sent = np.zeros(int(whose.max()) + 2, dtype=bool)  # the last one stands for -1, and stays False
    for lines in np.split(bound[np.argsort(turn, kind="stable")], np.bincount(turn).cumsum()[:-1]):
        rests[lines] = is_sent[whose[lines]]
        for position in range(channels.shape[1]):
            trial = lines[~rests[lines] & (used[lines] < 0) & (channels[lines, position] >= 0)]
            channel = channels[trial, position]
            room = np.ones(len(trial), dtype=bool)
            for count, (begin, end) in zip(counts, windows, strict=True):
                room &= count.has_room(begin[trial], end[trial], channel, purpose[trial])
            trial, channel = trial[room], channel[room]
            used[trial] = channel
            sent = ~lost[trial]
            for count, (begin, end) in zip(counts, windows, strict=True):
                count.add(begin[trial[sent]], end[trial[sent]], channel[sent], purpose[trial[sent]])
            is_sent[whose[trial[sent]]] = True
            is_sent[-1] = False
    return used, rests


class _Counter:
    """Messages that count for one cap, by where their windows begin and end."""

    def __init__(self, cap: FrequencyCap, names: list[str], past: Past, clocks: Clocks) -> None:
        self.cap = cap
        self.channel = None if cap.channel is None else (names.index(cap.channel) if cap.channel in names else -2)
        counted = past.counted if cap.channel is None else past.counted & (past.channel == cap.channel)
        if cap.purpose is not None:
            counted = counted & (past.purpose == cap.purpose)
        row, sent_at = past.row[counted], past.sent_at[counted]
        begins, ends = _window(cap, row, sent_at, clocks.to_utc(row, sent_at), clocks)
        self.begins, self.ends = np.sort(begins), np.sort(ends)

    def has_room(self, begin: Integers, end: Integers, channel: Integers, purpose: npt.NDArray[np.str_]) -> Bools:
        """Tell whether one more message fits among those whose windows overlap with its own.

        A later message may have been decided before an earlier one.
        """
        n = np.searchsorted(self.begins, end) - np.searchsorted(self.ends, begin, side="right")
        return (n < self.cap.messages) | ~self._holds_for(channel, purpose)

    def add(self, begin: Integers, end: Integers, channel: Integers, purpose: npt.NDArray[np.str_]) -> None:
        """Count messages that will be sent."""
        if not len(begin):
            return
        mine = self._holds_for(channel, purpose)
        self.begins = np.sort(np.concatenate((self.begins, begin[mine])))
        self.ends = np.sort(np.concatenate((self.ends, end[mine])))

    def _holds_for(self, channel: Integers, purpose: npt.NDArray[np.str_]) -> Bools:
        """Tell for which messages the cap is."""
        mine = np.ones(len(channel), dtype=bool)
        if self.channel is not None:
            mine &= channel == self.channel
        if self.cap.purpose is not None:
            mine &= purpose == self.cap.purpose
        return mine


def _window(
    cap: FrequencyCap, row: Integers, send: Dates, send_utc: Dates, clocks: Clocks
) -> tuple[Integers, Integers]:
    """Find where the window of each message begins, and the first moment after it, as numbers by customer and moment.

    A rolling window begins at the instant of sending and ends where the clock first shows that time of day again, some
    days later. A calendar period is one of local times.
    """
    if cap.days is not None:
        return moment(row, send_utc), moment(row, clocks.to_utc(row, send + np.timedelta64(cap.days, "D")))
    day = send.astype("datetime64[D]")
    first: Dates = day.astype("datetime64[M]") if cap.per == "month" else day
    if cap.per == "week":
        first = day - ((day.astype(np.int64) + 3) % 7).astype("timedelta64[D]")
    after: Dates = np.add(first, np.timedelta64(7 if cap.per == "week" else 1, "M" if cap.per == "month" else "D"))
    return moment(row, first), moment(row, after)
