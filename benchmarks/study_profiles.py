"""Precision and recall of rules and scores on records corrupted on purpose: python benchmarks/study_profiles.py.

4,000 persons, 2,000 of whom have a second record. In each second record, a name gets a typing error with probability
0.3, a phone and an e-mail are another one with probability 0.4 each, a birthday is wrong with probability 0.1, and each
value is missing with probability 0.2. Intervals are those of Wilson, at 95 %, over pairs of records.
"""

from __future__ import annotations

import numpy as np

from crmvalue.metrics import proportion_interval
from crmvalue.profiles import resolve_profiles, score_pairs

FIRST = ["olena", "olha", "nino", "tamar", "elvin", "aysel", "petro", "ivan", "maria", "giorgi", "leyla", "oksana"]


def records(rng, n=4000, again=2000):
    """Give the person of each record, and the columns."""
    letters = list("abcdefghijklmnopqrstuvwxyz")
    surnames = ["".join(rng.choice(letters, rng.integers(5, 10))) for _ in range(1500)]
    year, month, day = rng.integers(1950, 2006, n), rng.integers(1, 13, n), rng.integers(1, 29, n)
    base = {
        "first_name": rng.choice(FIRST, n),
        "last_name": rng.choice(surnames, n),
        "phone": np.array([f"+38067{i:07d}" for i in rng.choice(10**7, n, replace=False)]),
        "birthday": np.array([f"{y}-{m:02d}-{d:02d}" for y, m, d in zip(year, month, day, strict=True)]),
    }
    base["email"] = np.array([f"{name}{i}@example.com" for i, name in enumerate(base["last_name"])])
    person = np.concatenate([np.arange(n), rng.permutation(n)[:again]])
    columns = {name: column[person].astype(object) for name, column in base.items()}
    for i in range(n, n + again):
        for name in ("first_name", "last_name"):
            if rng.random() < 0.3:
                word = columns[name][i]
                at = rng.integers(len(word))
                columns[name][i] = word[:at] + rng.choice(letters) + word[at + 1 :]
        if rng.random() < 0.4:
            columns["phone"][i] = f"+38050{rng.integers(10**7):07d}"
        if rng.random() < 0.4:
            columns["email"][i] = f"new{i}@example.com"
        if rng.random() < 0.1:
            columns["birthday"][i] = base["birthday"][rng.integers(n)]
        for column in columns.values():
            if rng.random() < 0.2:
                column[i] = None
    return person, columns


def figures(profiles, person):
    """Give the number of merged pairs, and precision and recall, each with its interval."""
    place = profiles.profile
    found = sum(size * (size - 1) // 2 for size in np.bincount(place).tolist())
    both = np.unique(np.column_stack([place, person]), axis=0, return_counts=True)[1]
    right = int(sum(size * (size - 1) // 2 for size in both.tolist()))
    true = int(sum(size * (size - 1) // 2 for size in np.bincount(person).tolist()))
    return found, *((right / of, *proportion_interval(right, of)) for of in (found, true))


def rows():
    """Give each row of the table in the docs: its name, and its figures."""
    person, columns = records(np.random.default_rng(11))
    i = np.arange(len(person))
    exact = resolve_profiles(i, columns, ["phone", "email"])
    yield "the rules phone, e-mail", figures(exact, person)
    pairs = score_pairs(i, columns)
    for least in (0.99, 0.95, 0.5):
        yield f"these and scores from {least}", figures(exact.with_scores(pairs, min_prob=least), person)


def line(name, precision, recall):
    """Write a row of the table in the docs."""
    return (
        f"| {name} | " + " | ".join("{:.3f} ({:.3f} to {:.3f})".format(*share) for share in (precision, recall)) + " |"
    )


def main():
    for name, (found, precision, recall) in rows():
        print(line(name, precision, recall), found, "pairs")


if __name__ == "__main__":
    main()
