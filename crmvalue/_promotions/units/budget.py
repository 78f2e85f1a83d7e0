"""The work of a search, counted, so that every search ends.

One budget serves a whole cart. Everything that takes time counts its work there: one part is about a microsecond on a
usual machine. Small searches are parts of it and count theirs in both.
"""

from __future__ import annotations

import attrs

__all__ = ["Budget", "OutOfSteps"]

_PARTS_A_STEP = 12
"""Small parts of work for each step that is allowed: prices of lines, units that are moved, bundles that are listed."""

_LEAST_PARTS = 100_000
"""Parts of work that are allowed in any case."""

_LEAST_AFTER = 500_000
"""The same for what is tried after a search that was given up."""

_LEAST_SMALL = 2_000
"""The same for each small search, where all other work is done."""

_LEAST_FOR_SINGLES = 4_000_000
"""The same for promotions that are then looked at as if there were no other one; they have as much as all else."""


class OutOfSteps(Exception):  # noqa: N818 - it ends a search and is no error
    """The search has reached its limit."""


@attrs.define
class Budget:
    """Steps of a search, and parts of its work, counted: on a large cart one step is a thousand times the work.

    A search that is given up has as much work again for choices that are tried after it (`small`), once for the cart.
    """

    limit: int
    used: int = 0
    exceeded: bool = False  # whether a result is the best so far only
    parts: int = 0
    of_singles: int = 0  # parts of work for promotions that are looked at as if there were no other one
    of_one: bool = False  # whether it is for one promotion by itself
    whole: Budget | None = None  # of the search that this one is a small part of
    _most: int = attrs.field(init=False)  # parts of work

    def __attrs_post_init__(self) -> None:
        self._most = max(_LEAST_PARTS, _PARTS_A_STEP * self.limit)

    def small(self, steps: int) -> Budget:
        """Give the budget of a small search, whose work counts here too."""
        return Budget(steps, whole=self if self.whole is None else self.whole)

    def spend(self, steps: int = 1, parts: int = 0) -> None:
        """Count steps and parts of work; raise where there are too many."""
        self.used += steps
        self.parts += parts
        if self.whole is not None:
            self.whole.parts += parts
        if self.used > self.limit or self.is_empty():
            raise OutOfSteps

    def work(self, parts: int) -> None:
        """Count parts of work that is not stopped in the middle."""
        self.parts += parts
        if self.whole is not None:
            self.whole.parts += parts

    def is_empty(self) -> bool:
        """Whether all parts of the work are done."""
        spent = self.whole is not None and self.parts > _LEAST_SMALL and self.whole.is_spent()
        return spent or self.parts > self._most

    def is_for_search(self) -> bool:
        """Whether what is left is for the search: bundles are listed in the first third only."""
        return 3 * self.parts > self._most or (self.whole is not None and self.whole.is_spent())

    def is_over(self) -> bool:
        """Whether the search has to end."""
        return self.used > self.limit or self.is_empty()

    def is_spent(self) -> bool:
        """Whether also the work for what is tried after the search is done, so that only the least is done still."""
        if self.whole is not None:
            return self.whole.is_spent()
        return self.parts > self._most + max(_LEAST_AFTER, self._most)

    def is_for_single(self) -> bool:
        """Whether there is work left for a promotion by itself."""
        is_of_cart = self.whole is None and not self.of_one
        return is_of_cart and self.of_singles < max(_LEAST_FOR_SINGLES, 2 * self._most)

    def count_single(self, single: Budget) -> None:
        """Count the work for a promotion by itself."""
        self.of_singles += single.parts
