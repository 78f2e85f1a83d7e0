"""What a valid call of each public function looks like, for the test that walks through every `__all__`.

The `calls.py` of each room lists one :class:`Call` for every public function of its subject. Nothing is fitted,
planned or summarised when it is imported: such an argument is a :class:`Later`.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Call", "Later"]


@frozen
class Later:
    """An argument that takes time: `make` runs once, when a test first needs the argument."""

    make: Callable[[], Any]

    @cached_property
    def value(self) -> Any:
        """What was made."""
        return self.make()


@frozen
class Call:
    """A valid call and, per numeric or date argument, one value outside its range.

    `given` are keyword arguments; arrays are lists of at least two elements, and all arrays that go together are
    equally long. `out_of_range` maps an argument to one scalar that is finite and yet illegal (for a date: a wrong
    text); an argument where every finite number is legal is listed in `unbounded`. Arguments that are neither numbers
    nor dates (words, flags, generators, functions, values of crmvalue's own classes) appear in neither.
    """

    function: Callable[..., Any]
    given: dict[str, Any]
    out_of_range: dict[str, Any] = field(factory=dict)
    unbounded: frozenset[str] = field(default=frozenset(), converter=frozenset)
    missing_allowed: frozenset[str] = field(default=frozenset(), converter=frozenset)
    """Arguments in which NaN is documented as legal."""

    @cached_property
    def arguments(self) -> dict[str, Any]:
        """The keyword arguments, each :class:`Later` made."""
        return {name: given.value if isinstance(given, Later) else given for name, given in self.given.items()}
