"""Accounts of certificates whose pieces contradict each other are refused."""

from __future__ import annotations

import numpy as np
import pytest

from tests.contradictions import first, refuses


@pytest.mark.parametrize(
    ("cls", "changes", "words"),
    [
        ("LedgerBalance", {"overdue": first(10**9)}, "overdue.*at most `liability`"),
        ("LedgerBalance", {"n_open": first(10**9)}, "n_open.*at most the money that can be spent"),
        ("LedgerBalance", {"as_of": first(np.datetime64("NaT"))}, "as_of.*a moment, not missing"),
    ],
)
def test_contradictions_are_refused(cls, changes, words):
    refuses(cls, changes, words)
