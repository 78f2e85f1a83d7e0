"""Search strategies over the whole legal domain of crmvalue's inputs."""

from __future__ import annotations

import datetime as dt

import numpy as np
from hypothesis import strategies as st

__all__ = ["counts", "dates", "discount_rates", "money", "open_rates", "positive_money", "rates"]

money = st.floats(0, 1e9, allow_subnormal=False).map(lambda x: 0.0 if x < 1e-6 else x)
"""Amounts from 0 to a billion; what is smaller than a millionth is 0."""

positive_money = st.floats(1e-6, 1e9)
"""Amounts above 0."""

rates = st.floats(0, 1).map(lambda x: 0.0 if x < 1e-12 else x)
"""Fractions in [0, 1]."""

open_rates = st.floats(1e-12, 1 - 1e-12)
"""Fractions in (0, 1)."""

discount_rates = st.floats(0, 10).map(lambda x: 0.0 if x < 1e-12 else x)
"""Effective discount rates per period, up to 1,000 % a period."""

counts = st.integers(0, 10**12)
"""Counts of customers, orders, answers."""

dates = st.dates(dt.date(1600, 1, 1), dt.date(2400, 12, 31)).map(lambda day: np.datetime64(day, "D"))
"""Days far on both sides of 1970, leap days and century years included."""
