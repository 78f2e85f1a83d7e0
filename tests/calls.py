"""What a valid call of each public function looks like, for the test that walks through every `__all__`.

Each `calls_<module>.py` lists one :class:`Call` for every public function of its module.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import field, frozen

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Call"]


@frozen
class Call:
    """A valid call and, per numeric or date argument, one value outside its range.

    `arguments` are keyword arguments; arrays are lists of at least two elements, and all arrays that go together are
    equally long. `out_of_range` maps an argument to one scalar that is finite and yet illegal (for a date: a wrong
    text); an argument where every finite number is legal is listed in `unbounded`. Arguments that are neither numbers
    nor dates (words, flags, generators, functions, values of crmvalue's own classes) appear in neither.
    """

    function: Callable[..., Any]
    arguments: dict[str, Any]
    out_of_range: dict[str, Any] = field(factory=dict)
    unbounded: frozenset[str] = field(default=frozenset(), converter=frozenset)
    missing_allowed: frozenset[str] = field(default=frozenset(), converter=frozenset)
    """Arguments in which NaN is documented as legal."""
