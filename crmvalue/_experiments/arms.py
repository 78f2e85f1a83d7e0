"""What all comparisons of arms share: names, the control, correction for many variants, rows by arm, JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias, get_args

import numpy as np

from crmvalue._core.checks import (
    as_amounts,
    as_fraction,
    as_text,
    as_whole_number,
    require,
    require_choice,
    require_same_length,
)
from crmvalue._core.comparisons import holm
from crmvalue._core.customers import encode_customers
from crmvalue.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue.typing import ArrayLike, Floats, Integers

__all__ = [
    "ArmRows",
    "Correction",
    "adjusted",
    "against_control",
    "arm_names",
    "as_control",
    "as_correction",
    "as_level",
    "choice_text",
    "columns",
    "correction_text",
    "default_names",
    "interval_level",
    "require_arms",
    "rows_by_arm",
    "variant_columns",
    "variants_of",
    "verdict_text",
]

Correction: TypeAlias = Literal["holm", "bonferroni", "none"]

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def arm_names(value: Any) -> tuple[str, ...]:
    """Take the names of the arms: at least two different texts."""
    if isinstance(value, str) or not hasattr(value, "__iter__"):
        raise InputError("names", "a list of names", value)
    names = tuple(_text("names", item) for item in value)
    for place, item in enumerate(names):
        if not item.strip() or item in names[:place]:
            raise InputError("names", "different names, none of them empty", item, index=place)
    if len(names) < 2:
        raise InputError("names", "at least two", names)
    return names


def _text(name: str, item: object) -> str:
    """Take a name; a whole number stands for its digits."""
    return str(item) if isinstance(item, int | np.integer) and not isinstance(item, bool) else as_text(name, item)


def default_names(n: int) -> tuple[str, ...]:
    """Name the arms A, B, C, ... as far as the alphabet goes."""
    return tuple(_ALPHABET[:n]) if n <= len(_ALPHABET) else tuple(f"arm {k + 1}" for k in range(n))


def require_arms(name: str, array: npt.NDArray[Any]) -> int:
    """Check that there is one element for each of at least two arms; return how many."""
    if array.ndim != 1 or len(array) < 2:
        raise InputError(name, "one-dimensional, one element for each of at least two arms", array.shape)
    return len(array)


def as_control(value: Any, names: tuple[str, ...], labels: Any = None) -> int:
    """Take the position of the control arm, or find its name; among labels that are whole numbers, its label."""
    numbered = labels is not None and any(not isinstance(label, str) for label in labels)
    if numbered and isinstance(value, int | np.integer) and str(value) in names:
        value = str(value)
    if isinstance(value, str):
        if value not in names:
            raise InputError("control", f"one of {', '.join(names)}, or a position", value)
        return names.index(value)
    return as_whole_number("control", value, low=0, high=len(names) - 1)


def as_level(name: str, value: ArrayLike) -> float:
    """Take a confidence level that float64 can tell from 0 and 1."""
    level = as_fraction(name, value)
    if not 1e-12 <= level <= 1 - 1e-12:
        raise InputError(name, "from 1e-12 to 1 - 1e-12", level)
    return level


def as_correction(value: Any) -> Any:
    """Take the name of a correction."""
    require_choice("correction", value, get_args(Correction))
    return value


def variants_of(n_arms: int, control: int) -> Integers:
    """Positions of all arms but the control, in order."""
    return np.delete(np.arange(n_arms), control)


def against_control(values: Any, control: int) -> tuple[Floats, Floats]:
    """Values of the variants, and that of the control, along the last axis."""
    return np.delete(values, control, axis=-1), values[..., control : control + 1]


def adjusted(p: Floats, correction: str) -> Floats:
    """P-values after the correction, so that each may be compared with the level itself."""
    if correction == "none":
        return p
    if correction == "bonferroni":
        return np.minimum(1.0, p * len(p))
    return holm(p)


def interval_level(level: float, n_variants: int, correction: str) -> float:
    """Level of each interval: with a correction all hold together at `level` (Bonferroni)."""
    return level if correction == "none" else 1 - (1 - level) / n_variants


def correction_text(correction: str, n_variants: int) -> str:
    """Say what was done about many variants, as words after a p-value."""
    if n_variants == 1:
        return ""
    if correction == "none":
        return f", not corrected for {n_variants} variants"
    return f", {correction.capitalize()} over {n_variants} variants"


def verdict_text(name: str, difference: float, *, shown: bool, covers_zero: bool) -> str:
    """Say what a difference does and does not mean."""
    if not shown:
        return "no difference is shown, and that there is none may not be concluded either."
    said = (
        f"{name} is {'higher' if difference > 0 else 'lower'}, if chance alone chose the arms and the end of the test "
        "was set before; "
    )
    if covers_zero:
        return f"{said}the interval is wider than the test is strict, so that by how much is not known."
    return f"{said}by how much is known only within the interval."


def choice_text(names: tuple[str, ...], quantity: str, best: Floats, given_away: list[str]) -> str:
    """Say which arm has the highest quantity, how surely, and what choosing it gives away."""
    top = int(np.argmax(best))
    prob = "more than 99.9%" if best[top] > 0.999 else f"{best[top]:.1%}"
    return (
        f"{names[top]} has the highest {quantity} with probability {prob} (flat priors); choosing it gives away "
        f"{given_away[top]} on average."
    )


class ArmRows(NamedTuple):
    """Rows coded by arm."""

    names: tuple[str, ...]
    control: int
    arm: Integers
    n: Integers


def rows_by_arm(arm: ArrayLike, control: Any, n_rows: int, *, at_least: int) -> ArmRows:
    """Code the arm of each row; the arms stand in ascending order of their labels, the control where it falls."""
    if isinstance(control, np.generic):
        control = control.item()
    labels, code = encode_customers("arm", arm)
    if len(code) != n_rows:
        raise InputError("arm", f"one for each of the {n_rows} rows", len(code))
    if len(labels) < 2:
        raise InputError("arm", "of at least two arms", len(labels))
    place = [k for k, label in enumerate(labels.tolist()) if type(label) is type(control) and label == control]
    if not place:
        raise InputError("control", "one of the labels in `arm`", control)
    n = np.bincount(code, minlength=len(labels))
    require(n >= at_least, "arm", n, f"with at least {at_least} rows in each arm")
    return ArmRows(tuple(str(label) for label in labels.tolist()), place[0], code, n)


def columns(**inputs: ArrayLike) -> list[Floats]:
    """Check columns of amounts of one length, one row a customer."""
    found = {name: as_amounts(name, value) for name, value in inputs.items()}
    require_same_length(**found)
    return list(found.values())


def variant_columns(comparison: Any, control: int) -> dict[str, Floats]:
    """Give what compares each arm with the control, NaN in the row of the control."""
    low, high = comparison.difference_interval
    found = {"difference": comparison.difference, "low": low, "high": high}
    found |= {"p_value": comparison.p_value, "adjusted_p_value": comparison.adjusted_p_value}
    return {name: np.insert(np.asarray(column, dtype=np.float64), control, np.nan) for name, column in found.items()}
