"""Profiles of the property tests: `dev` is the default, `ci` has more examples, always the same; `search` has most.

The garbage collector waits while the tests are collected, and does not look at what they are made of again.
"""

from __future__ import annotations

import gc
import os

import pytest
from hypothesis import HealthCheck, settings

SLOW = [HealthCheck.too_slow]
settings.register_profile("dev", deadline=None, max_examples=50, suppress_health_check=SLOW)
settings.register_profile("ci", deadline=None, max_examples=100, derandomize=True, suppress_health_check=SLOW)
settings.register_profile("search", deadline=None, max_examples=1000, suppress_health_check=SLOW)
settings.load_profile("ci" if os.environ.get("CI") else "dev")


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """Collect without the garbage collector: thousands of tests stay until the end, and nothing of them is garbage."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()
