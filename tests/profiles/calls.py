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
    score_pairs,
)
from tests.calls import Call

__all__ = ["CALLS"]

PROFILES = resolve_profiles(["a", "b"], {"card": ["1", "1"]}, ["card"])

NUMBERS = list(range(200))  # of records
PERSONS = [n % 150 for n in NUMBERS]

CALLS = [
    Call(
        score_pairs,
        {
            "record": [f"r{n}" for n in NUMBERS],
            "columns": {
                "first_name": [["Olena", "Nino", "Elvin"][n % 3] for n in PERSONS],
                "last_name": [f"{'abcdefghij'[n % 10]}oval{'klmnopqrst'[n % 7]}" for n in PERSONS],
                "birthday": [f"{1950 + n % 50}-0{1 + n % 9}-1{n % 8}" for n in PERSONS],
            },
            "min_prob": 0.5,
        },
        out_of_range={"min_prob": 1.5},
    ),
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
