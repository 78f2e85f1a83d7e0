"""Valid calls about codes."""

from __future__ import annotations

import numpy as np

from crmvalue.codes import CodePolicy, code_digest, codes_for_messages, generate_codes
from tests.calls import Call, Later

__all__ = ["CALLS"]

CALLS = [
    Call(
        generate_codes,
        {"policy": CodePolicy(), "n": 3, "rng": Later(lambda: np.random.default_rng(1))},
        out_of_range={"n": 0},
    ),
    Call(code_digest, {"code": "spring", "key": bytes(32)}),
    Call(
        codes_for_messages,
        {"keys": ["a|1", "a|2"], "policy": CodePolicy(), "rng": Later(lambda: np.random.default_rng(1))},
    ),
]
