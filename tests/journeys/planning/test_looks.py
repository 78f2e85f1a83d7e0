"""Which look at a message counts, against a walk row by row."""

from __future__ import annotations

import numpy as np
import pytest

from crmvalue._journeys.planning.looks import last_looks


@pytest.mark.parametrize("low", [0, 3, -(2**40)])
@pytest.mark.parametrize("is_ordered", [True, False])
def test_where_it_was_sent_or_else_the_last_look(low, is_ordered):
    rng = np.random.default_rng(7)
    for _ in range(40):
        n = rng.integers(1, 25)
        day = np.datetime64("2024-01-01") + rng.integers(0, 4, n)
        day = np.sort(day) if is_ordered else day
        sent = rng.random(n) < 0.3
        columns = [low + rng.integers(0, 4, n), rng.choice(["a", "b"], n), low + rng.integers(0, 3, n)]
        n_of_day, looks = {}, {}
        for i in sorted(range(n), key=day.__getitem__):
            key = tuple(column[i] for column in columns)
            number = n_of_day[key, day[i]] = n_of_day.get((key, day[i]), 0) + 1  # equal rows of a day are messages
            looks.setdefault((key, number), []).append(i)
        expected = {([i for i in rows if sent[i]] or rows)[-1] for rows in looks.values()}
        assert set(np.nonzero(last_looks(day.astype("datetime64[s]"), sent, columns))[0].tolist()) == expected
