"""How much work a piece of code does, in a way that no slow machine changes: by counting, or by comparing two sizes."""

from __future__ import annotations

import sys
import time


def n_calls(work):
    """Count the functions that a piece of work calls, and give its result too."""
    n = 0

    def count(*what):
        nonlocal n
        n += what[1] in ("call", "c_call")

    sys.setprofile(count)
    try:
        result = work()
    finally:
        sys.setprofile(None)
    return n, result


def times_longer(work, few, many, *, n_rounds=3):
    """Tell how many times longer the processor works for `many` than for `few`, and give the result for `many`.

    The two take turns, and the fastest of each counts, so that a busy machine matters little. The clock is that of the
    thread: a limit on the processor time of the process makes that of the process too coarse.
    """
    work(few)  # what it imports is no work
    fastest, result = {}, None
    for _ in range(n_rounds):
        for size in (few, many):
            start = time.thread_time()
            result = work(size)
            fastest[size] = min(time.thread_time() - start, fastest.get(size, float("inf")))
    return fastest[many] / fastest[few], result
