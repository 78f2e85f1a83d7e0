"""Accounts of certificates whose pieces contradict each other are refused."""

from __future__ import annotations

import numpy as np
import pytest

from crmvalue.codes import Outcome
from crmvalue.errors import InputError
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


@pytest.mark.parametrize("value", [np.zeros(0), np.zeros(3), "WELCOME-1"])
def test_an_outcome_of_another_value_is_refused(value):
    """Two of them could not be compared: numpy has no one answer for arrays."""
    with pytest.raises(InputError, match="`value` must be a code, a certificate or a ledger"):
        Outcome(value=value)
