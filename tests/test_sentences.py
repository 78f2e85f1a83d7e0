"""Sentences that results print: one thing is no things, and no float of the machine stands in them."""

from __future__ import annotations

import copy
import importlib
import re
import warnings
from pathlib import Path

import pytest

from crmvalue.errors import ConvergenceError, DataWarning, InputError

CALLS = [
    call
    for path in sorted(Path(__file__).parent.glob("*/calls.py"))
    for call in importlib.import_module(f"tests.{path.parent.name}.calls").CALLS
]
WRONG = re.compile(r"(?<![\d.,])1 (?!was|is|has)([a-z]+-[a-z]+ |open )?[a-z]+[^s\W]s\b|\bnan\b|\binf\b|np\.|e-\d\d\d")


def cut(value, n):
    return value[:n] if isinstance(value, list) else value


@pytest.mark.parametrize("n", [1, 2, None])
@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.function.__name__)
def test_counts_of_one_and_numbers(call, n):
    arguments = {name: cut(value, n) for name, value in copy.deepcopy(call.arguments).items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        try:
            result = call.function(**arguments)
        except (InputError, ConvergenceError):
            return  # so few rows are refused
    texts = [getattr(result, name, "") for name in ("conclusion", "caution")]
    texts += result.statements() if hasattr(result, "statements") else []
    for text in texts:
        assert isinstance(text, str)
        assert not WRONG.search(text), text
