"""When two records are one customer: rules of keys, and the limits within which they count."""

from __future__ import annotations

from typing import Any

import attrs

from crmvalue._core.checks import as_ordered_items, as_text
from crmvalue._core.json import from_json, to_json
from crmvalue.errors import InputError

__all__ = ["MatchRule", "rules_of"]


def _words(value: Any) -> tuple[str, ...]:
    words = tuple(
        as_text("keys", word)
        for word in as_ordered_items("keys", [value] if isinstance(value, str) else value, "a list of texts")
    )
    if len(set(words)) != len(words):
        raise InputError("keys", "different texts", value)
    return words


@attrs.frozen
class MatchRule:
    """Keys that two records must share, all of them, to be one customer.

    Several rules are joined by "or": records that one of them finds are one customer.

    Parameters
    ----------
    keys : str or list of str
        Names of the keys, at least one, each once.

    Examples
    --------
    >>> MatchRule(["name", "phone"])
    MatchRule(keys=('name', 'phone'))
    >>> print(MatchRule(["name", "phone"]))
    name and phone
    """

    keys: tuple[str, ...] = attrs.field(converter=_words)

    def __attrs_post_init__(self) -> None:
        if not self.keys or not all(self.keys):
            raise InputError("keys", "at least one name of a key", self.keys)

    def __str__(self) -> str:
        return " and ".join(self.keys)

    def to_json(self) -> str:
        """Write the rule as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> MatchRule:
        """Read what `to_json` wrote."""
        return from_json(cls, text)


def rules_of(name: str, value: Any) -> tuple[MatchRule, ...]:
    """Take a list of rules; a text is a rule of one key."""
    items = as_ordered_items(name, value, "a list of rules or names of keys")
    for index, item in enumerate(items):
        if not isinstance(item, MatchRule | str):
            raise InputError(name, "a `MatchRule` or the name of a key", item, index=index)
    rules = tuple(item if isinstance(item, MatchRule) else MatchRule(item) for item in items)
    if not rules:
        raise InputError(name, "at least one rule", value)
    return rules
