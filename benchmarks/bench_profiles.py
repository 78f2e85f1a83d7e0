"""One million records of many channels resolved by exact rules: python benchmarks/bench_profiles.py."""

from __future__ import annotations

import time

import numpy as np

from crmvalue.profiles import MatchRule, resolve_profiles

N = 1_000_000


def main():
    rng = np.random.default_rng(5)
    person = rng.integers(0, N // 2, N)
    phone = np.strings.add("+38067", np.strings.zfill(person.astype(str), 7)).astype(object)
    email = np.strings.add(np.strings.add("Ann", person.astype(str)), "@example.com").astype(object)
    card = np.strings.zfill((person * 7).astype(str), 10).astype(object)
    for column, share in ((phone, 0.3), (email, 0.5), (card, 0.7)):
        column[rng.random(N) < share] = None
    phone[rng.permutation(N)[:10_000]] = "+380501112233"
    name = rng.choice(["Olena", "Nino", "Elvin"], N)
    start, busy = time.perf_counter(), time.process_time()
    rules = ["phone", "email", MatchRule(["name", "card"])]
    profiles = resolve_profiles(np.arange(N), {"phone": phone, "email": email, "card": card, "name": name}, rules)
    clock, processor = time.perf_counter() - start, time.process_time() - busy
    print(f"{N:,} records, {profiles.n_profiles:,} profiles: {clock:.1f} s, processor {processor:.1f} s")
    print(profiles.refused)


if __name__ == "__main__":
    main()
