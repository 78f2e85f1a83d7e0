"""Steps of a search, counted, so that every search ends."""

from __future__ import annotations

import attrs

__all__ = ["Budget", "OutOfSteps"]

_PARTS_A_STEP = 12
"""Small parts of work for each step that is allowed: prices of lines, units that are moved, bundles that are listed."""

_LEAST_PARTS = 100_000
"""Parts of work that are allowed in any case."""


class OutOfSteps(Exception):  # noqa: N818 - it ends a search and is no error
    """The search has reached its limit."""


@attrs.define
class Budget:
    """Steps of a search, and parts of its work, counted: on a large cart one step is a thousand times the work."""

    limit: int
    used: int = 0
    exceeded: bool = False  # whether a result is the best so far only
    parts: int = 0

    def spend(self, steps: int = 1, parts: int = 0) -> None:
        """Count steps and parts of work; raise where there are too many."""
        self.used += steps
        self.parts += parts
        if self.used > self.limit or self.is_empty():
            raise OutOfSteps

    @property
    def _most(self) -> int:
        return max(_LEAST_PARTS, _PARTS_A_STEP * self.limit)

    def is_empty(self) -> bool:
        """Whether all parts of the work are done."""
        return self.parts > self._most

    def is_for_search(self) -> bool:
        """Whether what is left is for the search: bundles are listed in the first third only."""
        return 3 * self.parts > self._most

    def is_over(self) -> bool:
        """Whether the search has to end."""
        return self.used > self.limit or self.is_empty()
