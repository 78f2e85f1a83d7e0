"""Looks at a running experiment: their rows, what each arm holds at each of them, and what is said of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from crmvalue._core.checks import as_column, as_counts, require
from crmvalue._core.comparisons import p_text
from crmvalue._core.labels import in_percent
from crmvalue._core.values import array_field, hand_over, read_only
from crmvalue._experiments.arms import require_few_arms
from crmvalue.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue._experiments.arms import ArmRows
    from crmvalue.typing import ArrayLike, Floats, Integers

__all__ = [
    "first_decided",
    "look_columns",
    "look_counts",
    "look_sentences",
    "looks_of",
    "moments",
    "require_few_looks",
    "running_p",
]

_MOST_CELLS = 10_000_000  # looks times arms: tables of 80 megabytes, of which a test needs some ten


def look_counts(name: str) -> Any:
    """Field for counts of each arm at each look."""

    def convert(value: ArrayLike) -> Integers:
        (counts,) = as_counts(**{name: value})
        if counts.ndim != 2 or counts.shape[1] < 2 or not len(counts):
            raise InputError(name, "of shape (looks, arms), with at least one look and two arms", counts.shape)
        require_few_arms(name, counts.shape[1])
        return read_only(hand_over(counts.astype(np.int64)))

    return array_field(convert)


def looks_of(value: ArrayLike | None, n_rows: int) -> Integers:
    """Position of the last row at each look."""
    if value is None:
        return np.arange(n_rows)
    looks = as_column("looks", value)
    if not len(looks):
        raise InputError("looks", "at least one", 0)
    require((looks == np.floor(looks)) & (looks >= 1) & (looks <= n_rows), "looks", looks, f"from 1 to {n_rows} rows")
    rises = np.ones(len(looks), dtype=bool)
    rises[1:] = looks[1:] > looks[:-1]
    require(rises, "looks", looks, "ascending")
    return looks.astype(np.int64) - 1


def require_few_looks(n_looks: int, n_arms: int) -> None:
    """Refuse so many looks at so many arms that their tables take gigabytes."""
    if n_looks * n_arms > _MOST_CELLS:
        rule = f"at most {_MOST_CELLS // n_arms:,} for {n_arms} arms"
        raise InputError("looks", rule, n_looks, hint="give fewer, such as one a day")


def moments(x: Floats, rows: ArmRows, places: Integers) -> tuple[Integers, Floats, Floats]:
    """Count, mean and standard error of each arm at each look, from the rows up to it alone; 0 for an empty arm."""
    k = len(rows.names)
    n = np.empty((len(places), k), np.int64)
    mean, error = np.zeros((len(places), k)), np.zeros((len(places), k))
    for a in range(k):  # over arms, so that no table of rows by arms is needed
        mine = rows.arm == a
        own, count = x[mine], np.arange(1, np.count_nonzero(mine) + 1)
        moved = own - own[0]  # keeps the digits of the squares
        upto = np.cumsum(moved) / count
        steps = (moved[1:] - upto[:-1]) ** 2 * count[:-1] / count[1:]  # what each row adds to the squares (Welford)
        squares = np.concatenate([[0.0], np.cumsum(steps)])
        size, away = np.maximum.accumulate(np.abs(own)), np.maximum.accumulate(np.abs(moved))
        squares[away <= 1e-12 * size] = 0.0  # nothing but rounding
        n[:, a] = np.cumsum(mine)[places]
        some, last = n[:, a] > 0, n[n[:, a] > 0, a] - 1
        mean[some, a] = own[0] + upto[last]
        error[some, a] = np.sqrt(squares[last] / np.maximum(last, 1) / (last + 1))
    return n, mean, error


@np.errstate(under="ignore")  # overwhelming evidence has a p-value of 0
def running_p(log_evidence: Floats) -> Floats:
    """Smallest corrected p-value so far, from the log of the evidence for a difference at each look."""
    p = np.minimum(1.0, log_evidence.shape[1] * np.exp(-np.maximum(log_evidence, 0.0)))
    return np.minimum.accumulate(p, axis=0)


def first_decided(p: Floats, level: float) -> Integers:
    """Position of the first look whose p-value is at most one minus the level, for each variant; -1 for none."""
    return np.where((p <= 1 - level).any(axis=0), (p <= 1 - level).argmax(axis=0), -1)


def look_columns(test: Any) -> dict[str, npt.NDArray[Any]]:
    """Give the looks column by column: one row for each look, from 1, and each variant."""
    n, k = test.p_value.shape
    low, high = map(np.asarray, test.difference_interval)
    table = {"difference": test.difference, "low": low, "high": high, "p_value": test.p_value}
    columns = {"look": np.repeat(np.arange(1, n + 1), k), "variant": np.tile(np.array(test.variants), n)}
    return columns | {name: np.asarray(column).ravel() for name, column in table.items()}


def look_sentences(test: Any, told: list[tuple[str, str]], ends: tuple[Floats, Floats], guarantee: str) -> str:
    """Say what can be concluded at the last look: a line for each variant."""
    p, decided, (low, high) = test.p_value[-1], test.decided_at, ends
    first = test.difference[np.maximum(decided, 0), np.arange(len(decided))]
    n_looks, lines = len(test.p_value), []
    for k, (name, (difference, interval)) in enumerate(zip(test.variants, told, strict=True)):
        text = (
            f"{name} against {test.names[test.control]} after {n_looks} look{'s' * (n_looks > 1)}: {difference} "
            f"({in_percent(test.level)} % interval {interval}), {p_text(p[k], 1 - test.level)}: "
        )
        if decided[k] >= 0:
            side, look = ("higher" if first[k] > 0 else "lower"), f"decided at look {decided[k] + 1}"
            said = f"{name} is {side}, {look}."
            if (high[k] < 0) if first[k] > 0 else (low[k] > 0):
                said = f"{name} was {side}, {look}, but the last look shows the opposite: the difference has changed."
            elif low[k] <= 0 <= high[k] and first[k] * test.difference[-1, k] < 0:
                said = f"{name} was {side}, {look}; the last look has the other sign, and its interval includes 0."
            elif low[k] <= 0 <= high[k]:
                said = f"{name} is {side}, {look}; the interval of the last look alone includes 0."
        else:
            said = "no difference is shown yet; this does not prove that there is none. You may go on."
        lines.append(f"{text}{said} {guarantee}")
    return "\n".join(lines)
