"""Work side by side: numpy lets go of the interpreter during long loops over arrays, so a second core can help."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["in_halves", "side_by_side"]

First = TypeVar("First")
Second = TypeVar("Second")

_FEW = 1 << 16  # elements; for fewer, starting a thread costs more than it saves


def side_by_side(n: int, first: Callable[[], First], second: Callable[[], Second]) -> tuple[First, Second]:
    """Call two functions that work on `n` elements at the same time; an error of the first hides one of the second."""
    if n < _FEW or os.cpu_count() == 1:
        return first(), second()
    with ThreadPoolExecutor(1) as pool:
        try:
            later = pool.submit(copy_context().run, second)  # the caller's numpy.errstate holds there, too
        except RuntimeError:  # the host allows no further thread
            return first(), second()
        return first(), later.result()


def in_halves(n: int, work: Callable[[int, int], None]) -> None:
    """Call `work(begin, end)` for the two halves of `n` elements at the same time."""
    side_by_side(n, lambda: work(0, n // 2), lambda: work(n // 2, n))
