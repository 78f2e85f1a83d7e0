"""Valid calls of crmvalue.profiles."""

from __future__ import annotations

from crmvalue.profiles import (
    ProfileField,
    check_names,
    choose_values,
    contact_quality,
    merge_consent,
    profile_table,
    resolve_profiles,
)
from tests.calls import Call

__all__ = ["CALLS"]

PROFILES = resolve_profiles(["a", "b"], {"card": ["1", "1"]}, ["card"])

CALLS = [
    Call(contact_quality, {"source": ["web", "shop"], "keys": {"card": ["1", None]}}),
    Call(
        choose_values,
        {
            "profiles": PROFILES,
            "record": ["a", "b"],
            "value": ["x", "y"],
            "choose": "most_recent",
            "time": ["2024-01-01", "2024-02-01"],
            "source": ["shop", "web"],
        },
        unbounded={"time"},
    ),
    Call(
        check_names,
        {"name": ["Ana", "Ben"], "directory": ["Anna", "Hanna", "Ben"], "n_suggestions": 2, "min_similarity": 0.5},
        out_of_range={"n_suggestions": 0, "min_similarity": 1.5},
    ),
    Call(merge_consent, {"profiles": PROFILES, "record": ["a", "b"], "consent": [True, False]}),
    Call(profile_table, {"profiles": PROFILES, "fields": {"city": ProfileField(profile=[0], value=["Kyiv"])}}),
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
