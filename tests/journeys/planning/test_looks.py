"""Which look at a message counts, against a walk row by row."""

from __future__ import annotations

import numpy as np
import pytest

from crmvalue._journeys.planning.looks import last_looks
from crmvalue.journeys import BirthdayJourney, Customers, Policy, simulate_plan


@pytest.mark.parametrize("low", [0, 3, -(2**40)])
@pytest.mark.parametrize("is_ordered", [True, False])
def test_where_it_was_sent_or_else_the_last_look_that_is_no_duplicate(low, is_ordered):
    rng = np.random.default_rng(7)
    for _ in range(40):
        n = rng.integers(1, 25)
        day = np.datetime64("2024-01-01") + rng.integers(0, 4, n)
        day = np.sort(day) if is_ordered else day
        sent = rng.random(n) < 0.3
        repeated = ~sent & (rng.random(n) < 0.5)
        columns = [low + rng.integers(0, 4, n), rng.choice(["a", "b"], n), low + rng.integers(0, 3, n)]
        n_of_day, looks = {}, {}
        for i in sorted(range(n), key=day.__getitem__):
            key = tuple(column[i] for column in columns)
            number = n_of_day[key, day[i]] = n_of_day.get((key, day[i]), 0) + 1  # equal rows of a day are messages
            looks.setdefault((key, number), []).append(i)
        expected = {
            ([i for i in rows if sent[i]] or [i for i in rows if not repeated[i]] or rows)[-1]
            for rows in looks.values()
        }
        found = last_looks(day.astype("datetime64[s]"), sent, repeated, columns)
        assert set(np.nonzero(found)[0].tolist()) == expected


def test_an_outranked_message_stays_outranked_on_later_days():
    base = Customers(
        customer=["ann", "bob"],
        dates={"birthday": ["1990-06-07", "1985-06-07"]},
        segments={"vip": [False, True]},
        consent={"email": [True, True]},
    )
    journeys = [BirthdayJourney("birthday"), BirthdayJourney("vip birthday", segment="vip", priority=1)]
    made = simulate_plan(journeys, base, None, Policy(), "2024-05-31", "2024-06-10")
    assert made.n_by_decision == {"outranked": 1, "send": 2}
    assert made.n_looks_by_decision == {"duplicate": 9, "outranked": 1, "send": 2}
