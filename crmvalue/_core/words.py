"""Words of sentences that change with a number."""

from __future__ import annotations

__all__ = ["counted"]


def counted(n: int, one: str, many: str | None = None) -> str:
    """Write a number with its thing, such as "1 row" and "2,000 rows"; `many` is `one` with an s unless given."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"
