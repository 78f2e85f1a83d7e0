"""Profiles: one customer from the records of many channels.

==========================================================  ===========================================================
For                                                         Use
==========================================================  ===========================================================
records that are one customer, by rules of shared keys      :func:`resolve_profiles`, :class:`MatchRule`
the profile of each record, and why                         :class:`Profiles`, :class:`MergeStep`
shared keys that were not used, and why not                 :class:`RefusedKeys`
profiles that merged or split since last time               :class:`IdentityEvents`
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

from crmvalue._profiles.profiles import IdentityEvents, MergeStep, Profiles, RefusedKeys, resolve_profiles
from crmvalue._profiles.rules import MatchRule

__all__ = ["IdentityEvents", "MatchRule", "MergeStep", "Profiles", "RefusedKeys", "resolve_profiles"]
