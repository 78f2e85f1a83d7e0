"""What all comparisons of arms share: names, the control, correction for several variants, rows by arm, sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias, get_args

import numpy as np

from crmvalue._core.checks import (
    as_amounts,
    as_counts,
    as_fraction,
    as_ordered_items,
    as_positive,
    as_text,
    as_whole_number,
    require,
    require_choice,
    require_same_length,
)
from crmvalue._core.comparisons import holm, leaders, p_text
from crmvalue._core.encoding.customers import encode_customers, text_array
from crmvalue._core.labels import MOST_LINES, counted, figure, in_percent, listed, name_text
from crmvalue._core.values import array_field, given_field, hand_over, plain_given, read_only, short_repr
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import numpy.typing as npt

    from crmvalue.typing import ArrayLike, Floats, Integers

__all__ = [
    "ArmRows",
    "Correction",
    "adjusted",
    "against_control",
    "arm_columns",
    "arm_names",
    "arm_names_field",
    "as_control",
    "as_correction",
    "as_level",
    "as_mean_plan",
    "as_prior",
    "choice_text",
    "columns",
    "counts_field",
    "difference_from_control",
    "few_enough",
    "fix_control",
    "interval_level",
    "ratio_to_control",
    "read_names",
    "require_arms",
    "require_comparable",
    "require_each_arm",
    "require_few_arms",
    "require_same_arms",
    "require_variation",
    "rows_by_arm",
    "variant_lines",
    "variant_names",
    "variants_of",
]

Correction: TypeAlias = Literal["holm", "bonferroni", "none"]

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_NOTHING = 1e-6  # part of a quantity that nobody would notice
_TOO_FEW = (
    "nothing is concluded: one of both arms is too small to show how its values vary, and if both varied alike, such a "
    "difference would be within chance."
)
_VARIES = "above 0 in the control or the variant: a test needs values that vary"
_MOST_ARMS = 200  # integrals over all arms together take up to the square of their number: at 200, seconds


def arm_names(value: Any) -> tuple[str, ...]:
    """Take the names of the arms: at least two different texts."""
    names = tuple(name_text("names", item) for item in as_ordered_items("names", value, "a list of names"))
    seen: set[str] = set()
    for place, item in enumerate(names):
        if not item.strip() or item in seen:
            raise InputError("names", "different names, none of them empty", item, index=place)
        seen.add(item)
    if len(names) < 2:
        raise InputError("names", "at least two", names)
    return names


def arm_names_field() -> Any:
    """Field for the names of the arms."""
    return given_field(converter=arm_names, repr=short_repr)


def read_names(names: Any, control: Any, n_arms: int) -> tuple[tuple[str, ...], int]:
    """Take the names of the arms, by default A, B, C and so on, and the position of the control among them."""
    if names is None:
        default = _ALPHABET[:n_arms] if n_arms <= len(_ALPHABET) else [f"arm {k + 1}" for k in range(n_arms)]
        words = tuple(default)
    else:
        words = arm_names(names)
    if len(words) != n_arms:
        raise InputError("names", f"one for each of the {n_arms} arms", words)
    return words, as_control(control, words, names)


def fix_control(comparison: Any, n_arms: int) -> None:
    """Check the names of a new comparison, and replace the name of its control by the position."""
    if len(comparison.names) != n_arms:
        raise InputError("names", f"one for each of the {n_arms} arms", comparison.names)
    object.__setattr__(comparison, "control", as_control(comparison.control, comparison.names))


def counts_field(name: str) -> Any:
    """Field for whole numbers >= 0, checked under the name of the field."""
    return array_field(lambda value: read_only(hand_over(as_counts(**{name: value})[0].astype(np.int64))))


def require_arms(name: str, array: npt.NDArray[Any]) -> int:
    """Check that there is one element for each of at least two arms; return how many."""
    if array.ndim != 1 or len(array) < 2:
        raise InputError(name, "one-dimensional, one element for each of at least two arms", array.shape)
    return len(array)


def require_each_arm(ok: Any, name: str, value: Any, names: tuple[str, ...], rule: str) -> None:
    """Check what holds for every arm that can be compared; the error names the arms for which it does not hold."""
    wrong = [word for word, fine in zip(names, np.asarray(ok).tolist(), strict=True) if not fine]
    require(ok, name, value, rule, hint=f"leave out {_arms(wrong)}, which cannot be compared")


def require_comparable(name: str, n: Integers | Floats, names: tuple[str, ...], control: int) -> None:
    """Check that the control and at least one variant have two customers; others are kept, but not compared."""
    enough = n >= 2
    ok = np.full(len(n), np.delete(enough, control).any())
    ok[control] = enough[control]
    rule = "of at least 2 customers in the control and in at least one variant"
    require(ok, name, n, rule, hint=f"the control is {names[control]}")


def require_variation(
    name: str, spread: Any, names: tuple[str, ...], control: int, *, rule: str = _VARIES, value: Any = None
) -> None:
    """Check that the control or each variant varies; the error names the variants that stand beside it as constants."""
    variant, base = against_control(spread, control)
    varies = ~(variant + base == 0)  # NaN of an arm that is not compared passes
    wrong = [names[k] for k in variants_of(len(names), control)[~varies]]
    hint = f"leave out {_arms(wrong)}: nothing varies there, nor in the control"
    require(varies if value is None else varies.all(), name, variant if value is None else value, rule, hint=hint)


def _arms(names: list[str]) -> str:
    return f"the arm{'s' * (len(names) > 1)} {listed(names)}"


def require_few_arms(name: str, n_arms: int) -> None:
    """Check that there are not too many arms for integrals over all of them, or for a table of looks by arms."""
    if n_arms > _MOST_ARMS:
        raise InputError(name, f"of at most {_MOST_ARMS} arms", n_arms)


def as_control(value: Any, names: tuple[str, ...], labels: Any = None) -> int:
    """Take the position or the name of the control arm; where labels are whole numbers, a number is a label."""
    value = plain_given(value)
    numbered = labels is not None and any(not isinstance(label, str) for label in labels)
    if numbered and isinstance(value, int | np.integer) and str(value) in names:
        value = str(value)
    if isinstance(value, str):
        if value not in names:
            raise InputError("control", f"one of {listed(names)}, or a position", value)
        return names.index(value)
    return as_whole_number("control", value, low=0, high=len(names) - 1)


def as_level(name: str, value: ArrayLike) -> float:
    """Take a confidence level; float64 must be able to tell it from 0 and 1."""
    level = as_fraction(name, value)
    if not 1e-12 <= level <= 1 - 1e-12:
        raise InputError(name, "from 1e-12 to 1 - 1e-12", level)
    return level


def as_prior(level: Any, prior_successes: Any, prior_failures: Any) -> tuple[float, float, float]:
    """Take the level and the prior of a sequential test, before its rows are counted."""
    prior = as_positive("prior_successes", prior_successes), as_positive("prior_failures", prior_failures)
    return as_level("level", level), *prior


def as_mean_plan(level: Any, effect_scale: Any, min_n: Any) -> tuple[float, float, int]:
    """Take what a sequential test of means is planned with, before its rows are counted."""
    scale = as_positive("effect_scale", effect_scale)
    return as_level("level", level), scale, as_whole_number("min_n", min_n, low=2)


def as_correction(value: Any) -> Any:
    """Take the name of a correction."""
    return require_choice("correction", value, get_args(Correction))


def variants_of(n_arms: int, control: int) -> Integers:
    """Positions of all arms but the control, in order."""
    return np.delete(np.arange(n_arms), control)


def variant_names(comparison: Any) -> tuple[str, ...]:
    """Names of all arms but the control, in order."""
    return tuple(comparison.names[k] for k in variants_of(len(comparison.names), comparison.control))


def against_control(values: Any, control: int) -> tuple[Floats, Floats]:
    """Values of the variants, and that of the control, along the last axis."""
    return np.delete(values, control, axis=-1), values[..., control : control + 1]


def difference_from_control(values: Any, control: int) -> Floats:
    """Value of each variant minus the value of the control."""
    variant, base = against_control(values, control)
    return variant - base


def require_same_arms(first: Any, **others: Any) -> None:
    """Check that comparisons are of the arms of the first one, with its level and correction."""
    for name, other in others.items():
        for part in ("names", "control", "n", "level", "correction"):
            if not np.array_equal(getattr(other, part), getattr(first, part)):
                raise InputError(name, f"with the `{part}` of the adjusted comparison", getattr(other, part))


def ratio_to_control(values: Any, control: int) -> Floats:
    """Value of each variant over the value of the control; NaN for 0 over 0, otherwise infinite over 0."""
    variant, base = against_control(values, control)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return np.asarray(variant / base)


def adjusted(p: Floats, correction: str) -> Floats:
    """Correct p-values for several variants, so that each can be compared with the level; NaN are left out."""
    if correction == "none":
        return p
    known = ~np.isnan(p)
    if correction == "bonferroni":
        return np.minimum(1.0, p * np.count_nonzero(known))
    corrected = np.full(len(p), np.nan)
    corrected[known] = holm(p[known])
    return corrected


def interval_level(level: float, n_variants: int, correction: str) -> float:
    """Level of each interval; with a correction all intervals together hold at `level` (Bonferroni)."""
    return level if correction == "none" else 1 - (1 - level) / n_variants


def _correction_text(correction: str, n_variants: int) -> str:
    """Name the correction for several variants, as words after a p-value."""
    if n_variants == 1:
        return ""
    if correction == "none":
        return f", not corrected for {n_variants} variants"
    return f", {correction.capitalize()} over {n_variants} variants"


def variant_lines(
    comparison: Any, told: Iterable[tuple[str, str, str]], too_few: npt.NDArray[np.bool_] | None = None
) -> list[str]:
    """Conclude on each variant from what is told of it: the difference, its interval, and the name of the test.

    Beyond 200 variants, those that are shown to differ are counted. Nothing is concluded from arms that are `too_few`.
    """
    low, high, p, difference = (
        np.asarray(column).tolist()
        for column in (*comparison.difference_interval, comparison.adjusted_p_value, comparison.difference)
    )
    correction = _correction_text(comparison.correction, int(np.count_nonzero(~np.isnan(p))))
    lines = []
    for k, (name, (found, interval, test)) in enumerate(zip(variant_names(comparison), told, strict=True)):
        if k == MOST_LINES:
            shown = np.count_nonzero(np.array(p[k:]) < 1 - comparison.level)
            lines.append(f"A difference is shown for {shown:,} of {counted(len(p) - k, 'more variant')}.")
            break
        if np.isnan(p[k]):
            lines.append(f"{name} is not compared: fewer than two customers do not show how their values vary.")
            continue
        shown, covers_zero = p[k] < 1 - comparison.level, low[k] <= 0 <= high[k]
        verdict = _verdict(name, difference[k], shown=shown, covers_zero=covers_zero)
        p_value = p_text(p[k], 1 - comparison.level)
        lines.append(
            f"{found} ({in_percent(comparison.level)} % interval {interval}), {p_value} ({test}{correction}): "
            f"{_TOO_FEW if too_few is not None and too_few[k] else verdict}"
        )
    return lines


def _verdict(name: str, difference: float, *, shown: bool, covers_zero: bool) -> str:
    """Say what a difference means, and what it does not mean."""
    if not shown:
        said = "no difference is shown; this does not prove that there is none."
        if covers_zero:
            return said
        return f"{said} The test and the interval disagree: the interval leaves 0 out. The conclusion follows the test."
    said = (
        f"{name} is {'higher' if difference > 0 else 'lower'}, provided that the arms were chosen at random and the "
        "end of the test was fixed before"
    )
    if covers_zero:
        return (
            f"{said}. The test and the interval disagree: the interval includes 0. The conclusion follows the test; "
            "the size of the difference is not known."
        )
    return f"{said}. The size of the difference is known only within the interval."


def few_enough(n_arms: int) -> bool:
    """Tell whether integrals over all arms together are computed."""
    return n_arms <= _MOST_ARMS


def choice_text(
    names: tuple[str, ...],
    quantity: str,
    seen: Floats,
    best: Floats,
    losses: Floats,
    *,
    unit: str = "",
    some_left_out: bool = False,
) -> str:
    """Say which arm probably has the highest quantity, and the average loss from choosing it.

    Of arms whose observed quantities, `seen`, are all equal but for rounding, only the prior and the numbers of
    customers could choose one, so none is named. A loss below a millionth of the size of the quantities is nothing in
    practice. `some_left_out` tells whether other arms are not compared.
    """
    if len(leaders(seen)) == len(seen):
        which = "all arms that are compared" if some_left_out else "all arms"
        return f"The {quantity} is the same in {which}, so nothing shows which arm is best."
    tied, size = leaders(best), 100.0 if unit else float(np.abs(seen).max())
    top, which = int(tied[0]), "it" if len(tied) == 1 else "one of them"
    prob = "more than 99.9%" if best[top] > 0.999 else f"{best[top]:z.1%}"
    loss = float(losses[top])
    if not np.isfinite(loss):
        loses = f"what choosing {which} loses on average is not known, because an arm has too few customers"
    elif loss < _NOTHING * size:
        loses = f"choosing {which} loses practically nothing on average"
    else:
        loses = f"choosing {which} loses {figure(loss, digits=2)}{unit} on average"
    have = "has" if len(tied) == 1 else "each have"
    named = listed(names[i] for i in tied)
    return f"{named} {have} the highest {quantity} with probability {prob} (flat priors); {loses}."


class ArmRows(NamedTuple):
    """Rows coded by arm."""

    names: tuple[str, ...]
    control: int
    arm: Integers
    n: Integers


def rows_by_arm(arm: ArrayLike, control: Any, n_rows: int) -> ArmRows:
    """Code the arm of each row; all arms, with the control, are in ascending order of their labels."""
    if isinstance(control, np.generic):
        control = control.item()
    control = as_text("control", control) if isinstance(control, str) else control
    labels, code = encode_customers("arm", arm)
    if len(code) != n_rows:
        raise InputError("arm", f"one for each of the {n_rows} rows", len(code))
    if len(labels) < 2:
        raise InputError("arm", "of at least two arms", len(labels))
    place = [k for k, label in enumerate(labels.tolist()) if type(label) is type(control) and label == control]
    if not place:
        raise InputError("control", "one of the labels in `arm`", control)
    n = np.bincount(code, minlength=len(labels))
    return ArmRows(tuple(str(label) for label in labels.tolist()), place[0], code, n)


def columns(**inputs: ArrayLike) -> list[Floats]:
    """Check that columns of amounts have the same length, one row for each customer."""
    found = {name: as_amounts(name, value) for name, value in inputs.items()}
    require_same_length(**found)
    return list(found.values())


def arm_columns(
    comparison: Any, own: dict[str, npt.NDArray[Any]], choose: Callable[[], tuple[Floats, Floats]] | None
) -> dict[str, npt.NDArray[Any]]:
    """Give the table of the arms: what is known of each, of the choice, and of each against the control.

    `choose` computes `prob_best` and `expected_loss`. What compares with the control is NaN in the row of the control.
    """
    choice = {} if choose is None else dict(zip(("prob_best", "expected_loss"), choose(), strict=True))
    low, high = comparison.difference_interval
    found = {"difference": comparison.difference, "low": low, "high": high}
    p = comparison.p_value
    found |= {"p_value": p, "adjusted_p_value": adjusted(p, comparison.correction)}
    against = {n: np.insert(np.asarray(x, dtype=np.float64), comparison.control, np.nan) for n, x in found.items()}
    return {"arm": text_array(comparison.names), **own, **choice, **against}
