"""Make a million codes, find one among them by its digest, and redeem codes one after the other.

    python benchmarks/bench_codes.py [REPETITIONS]

Codes with a PIN take as long as their slow hash, on purpose. The table gives medians of the repetitions.
"""

from __future__ import annotations

import platform
import statistics
import sys
from time import perf_counter

import numpy as np

from crmvalue.codes import (
    CertificateLedger,
    CertificateRules,
    CodePolicy,
    CodeRules,
    GiftCertificate,
    PromoCode,
    code_digest,
    generate_codes,
)

N_CODES, N_REDEEMED, N_WITH_PIN = 1_000_000, 2_000, 5
KEY, PHONE, NOW = bytes(range(32)), "+380671234567", "2026-03-02T12:00"
POLICY = CodePolicy.against_guessing(n_live=N_CODES, n_attempts=1_000_000, prob=1e-2)
CODES = generate_codes(POLICY, N_CODES)


def issue(text, pin=None):
    rules = CodeRules(policy=POLICY, min_amount=500)
    code = PromoCode.issue(
        text, code_id="c", event_id="e1", time="2026-03-01", key=KEY, rules=rules, phone=PHONE, pin=pin
    )
    return code.activate("e2", time="2026-03-01").value


def redeem(code, text, pin=None):
    outcome = code.reserve(
        "e3", time=NOW, order="o", customer="ann", code=text, key=KEY, amount=500, phone=PHONE, pin=pin
    )
    assert outcome.value.redeem("e4", time=NOW, order="o").accepted


def sell(number, text):
    rules = CertificateRules(policy=POLICY, one_time_by="counter")
    given = {"certificate": f"g-{number}", "event_id": "e1", "order": "o", "paid_at": "2026-03-01"}
    return GiftCertificate.sell(text, amount=1000, phone=PHONE, key=KEY, rules=rules, **given)


def spend(gift, text):
    password = gift.password(time=NOW, key=KEY)
    given = {"code": text, "phone": PHONE, "password": password, "key": KEY}
    outcome = gift.spend("e2", time=NOW, amount=400, order="o-2", **given)
    assert outcome.accepted
    return outcome.value


def made_once():
    texts = CODES[:N_REDEEMED].tolist()
    plain = [(issue(text), text) for text in texts]
    with_pin = [(issue(text, "4821"), text) for text in texts[:N_WITH_PIN]]
    gifts = [(sell(number, text), text) for number, text in enumerate(texts)]
    ledger = CertificateLedger(certificates=[spend(*gift) for gift in gifts])
    days = np.datetime64("2026-03-01") + np.arange(30)
    return {
        "make 1,000,000 codes": (1, lambda: generate_codes(POLICY, N_CODES)),
        "make 1,000,000 codes beside 1,000,000": (1, lambda: generate_codes(POLICY, N_CODES, existing=CODES)),
        "digest of a typed code": (N_REDEEMED, lambda: [code_digest(t, key=KEY, policy=POLICY) for t in texts]),
        "issue and activate, phone": (N_REDEEMED, lambda: [issue(text) for text in texts]),
        "reserve and redeem, phone": (N_REDEEMED, lambda: [redeem(*one) for one in plain]),
        "reserve and redeem, phone and PIN": (N_WITH_PIN, lambda: [redeem(*one, "4821") for one in with_pin]),
        "pay with a certificate": (N_REDEEMED, lambda: [spend(*gift) for gift in gifts]),
        f"accounts of {N_REDEEMED:,} certificates on 30 days": (1, lambda: ledger.balance(days)),
    }


def main():
    repetitions = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    print(f"Python {platform.python_version()}, numpy {np.__version__}, codes of {POLICY.n_random + 1} characters\n")
    print("| What | each | in a second |\n|---|---|---|")
    for name, (n, run) in made_once().items():
        times = []
        for _ in range(repetitions):
            start = perf_counter()
            run()
            times.append((perf_counter() - start) / n)
        each = statistics.median(times)
        print(f"| {name} | {each:.2f} s | |" if each > 0.5 else f"| {name} | {each * 1e3:.2f} ms | {1 / each:,.0f} |")


if __name__ == "__main__":
    main()
