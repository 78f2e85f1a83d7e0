"""Valid calls of crmvalue.profiles."""

from __future__ import annotations

from crmvalue.profiles import resolve_profiles
from tests.calls import Call

__all__ = ["CALLS"]

CALLS = [
    Call(
        resolve_profiles,
        {
            "record": ["a", "b"],
            "keys": {"card": ["1", "1"]},
            "rules": ["card"],
            "most_sharing": 20,
            "most_records": 50,
        },
        out_of_range={"most_sharing": 1, "most_records": 1},
    ),
]
