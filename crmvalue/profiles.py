"""Profiles: one customer from the records of many channels.

==========================================================  ===========================================================
For                                                         Use
==========================================================  ===========================================================
records that are one customer, by rules of shared keys      :func:`resolve_profiles`, :class:`MatchRule`
the profile of each record, and why                         :class:`Profiles`, :class:`MergeStep`
pairs that are probably one customer, scored by splink       :func:`score_pairs`, :class:`ScoredPairs`
shared keys that were not used, and why not                 :class:`RefusedKeys`
profiles that merged or split since last time               :class:`IdentityEvents`
one value of a field, and the record that it comes from     :func:`choose_values`, :class:`ProfileField`
consent of a customer with several records                  :func:`merge_consent`
all customers side by side, and one of them                 :func:`profile_table`, :class:`ProfileTable`,
                                                            :class:`CustomerProfile`
missing, invalid and duplicate contacts by source            :func:`contact_quality`, :class:`ContactQuality`
first names that exist, and suggestions for the others      :func:`check_names`, :class:`NameCheck`
==========================================================  ===========================================================

The records of a shop, a website and a chat:

>>> profiles = resolve_profiles(
...     ["shop-1", "web-1", "web-2", "chat-7"],
...     {
...         "phone": ["067 123 45 67", "+380671234567", None, "+380501112233"],
...         "email": [None, "Olena@Example.com", "olena@example.com", None],
...     },
...     rules=["phone", "email"],
...     region="UA",
... )
>>> profiles.of(["shop-1", "web-2", "chat-7"]).tolist()
[1, 1, 0]
"""

from __future__ import annotations

from crmvalue._profiles.fields import (
    CustomerProfile,
    ProfileField,
    ProfileTable,
    choose_values,
    merge_consent,
    profile_table,
)
from crmvalue._profiles.names import NameCheck, check_names
from crmvalue._profiles.profiles import IdentityEvents, MergeStep, Profiles, RefusedKeys, resolve_profiles
from crmvalue._profiles.quality import ContactQuality, contact_quality
from crmvalue._profiles.rules import MatchRule
from crmvalue._profiles.scores import ScoredPairs, score_pairs

__all__ = [
    "ContactQuality",
    "CustomerProfile",
    "IdentityEvents",
    "MatchRule",
    "MergeStep",
    "NameCheck",
    "ProfileField",
    "ProfileTable",
    "Profiles",
    "RefusedKeys",
    "ScoredPairs",
    "check_names",
    "choose_values",
    "contact_quality",
    "merge_consent",
    "profile_table",
    "resolve_profiles",
    "score_pairs",
]
