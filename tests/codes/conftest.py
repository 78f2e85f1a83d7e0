"""Fast hashes for all tests of codes."""

from __future__ import annotations

import pytest

from tests.codes.makers import fast_hashes


@pytest.fixture(autouse=True, scope="session")
def _fast():
    with pytest.MonkeyPatch.context() as patch:
        fast_hashes(patch)
        yield
