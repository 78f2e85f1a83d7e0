"""Pictures of experiments; the results of the room show them by `plot`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from crmvalue._core.comparisons import leaders
from crmvalue._core.labels import also_equal, decimal
from crmvalue._core.pictures.parts import Axis, Form, Layer, Mark, Parts, as_cells, cut, of_all, shown

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from crmvalue.typing import Floats, Integers, Interval

__all__ = ["differences_parts", "looks_parts"]

_MOST, _MOST_LOOKS, _MOST_POINTS = 15, 100, 40
_EARLY = 0.1  # share of the customers whose intervals may be cut


def differences_parts(
    variants: tuple[str, ...],
    control: str,
    difference: Floats,
    interval: Interval,
    *,
    what: str,
    form: Form,
    is_shown: npt.NDArray[np.bool_],
) -> Parts:
    """Draw the difference of each variant from the control, with its interval; the title follows the tests."""
    low, high = map(np.asarray, interval)
    first, n = cut(control), len(variants)
    title = f"No variant is shown to be better than {first}"
    better = is_shown & (difference > 0)
    best = int(np.argmax(np.where(better, difference, -np.inf)))
    if better.any():
        title = f"{cut(variants[best])} is better than {first} by {_said(difference[best], form)}"
        title += also_equal(len(leaders(difference[better])))
    elif (is_shown & (difference < 0)).all():
        title = f"{first} is better than {cut(variants[0]) if n == 1 else 'each variant'}"
    order = np.argsort(-difference, kind="stable")[:_MOST] if n > _MOST else np.arange(n)
    if better.any() and best not in order:
        order[-1] = best  # of many variants, the one that the title names is drawn in any case
    difference, low, high = difference[order], low[order], high[order]
    rest = of_all(len(order), n, "variants")
    return Parts(
        title=title,
        x=Axis(title=f"Difference of the {what} from {first if rest else control}{rest}", form=form),
        y=Axis(title="", form="name"),
        columns={
            "variant": np.array(variants)[order],
            "difference": difference,
            "low": np.where(np.isfinite(low), low, np.nan),
            "high": np.where(np.isfinite(high), high, np.nan),
            "no_difference": as_cells(len(order), 0.0),
        },
        layers=[
            Layer(mark="rule", x="no_difference", label="no difference", style="naive"),
            Layer(mark="interval", y="variant", low="low", high="high"),
            Layer(mark="points", x="difference", y="variant", label="difference and interval"),
        ],
    )


def looks_parts(
    variants: tuple[str, ...],
    control: str,
    n: Floats,
    difference: Floats,
    interval_at: Callable[[Integers], Interval],
    decided: Integers,
    form: Form,
) -> Parts:
    """Draw the difference of the best variant at some looks, with an interval that holds at all looks.

    The best is the one with the largest difference, of those that are shown to be better, if there are any.

    The first look is among them, the last one, that of the decision, and the one before. Intervals of the first looks
    are so wide that they would hide all others, so they are cut where they leave what most looks need.
    """
    last = np.where(np.isnan(difference[-1]), -np.inf, difference[-1])
    won = (decided >= 0) & (difference[decided, np.arange(len(decided))] > 0)  # at the decision, as the conclusion
    best = int(np.argmax(np.where(won, last, -np.inf) if won.any() else last))
    name, control, look = cut(variants[best]), cut(control), int(decided[best])
    kept = _looks(n, look)
    found = difference[kept, best]
    low, high = (_bounded(np.asarray(end)[:, best]) for end in interval_at(kept))
    least, most = _ends(n[kept], found, low, high)
    is_cut = bool((low < least).any() or (high > most).any())
    size = len(kept)
    columns = {
        "n_customers": n[kept],
        "difference": np.where((found < least) | (found > most), np.nan, found),
        "low": np.clip(low, least, most),
        "high": np.clip(high, least, most),
        "no_difference": np.zeros(size),
    }
    span: Mark = "band" if size > 1 else "interval"
    layers = [
        Layer(mark=span, x="n_customers", low="low", high="high", label="interval for all looks", style="light"),
        Layer(mark="line", x="n_customers", y="no_difference", label="no difference", style="naive"),
        Layer(mark="line", x="n_customers", y="difference", label=f"{name} less {control}"),
        *([Layer(mark="points", x="n_customers", y="difference")] if size <= _MOST_POINTS else []),
    ]
    title = f"No difference between {name} and {control} is shown yet: go on"
    if look >= 0:
        word = "better" if difference[look, best] > 0 else "worse"
        after = f"after {shown(n[look], 'count')} customers"
        title = f"{name} is {word} than {control}, shown {after}"
        if (high[-1] < 0) if difference[look, best] > 0 else (low[-1] > 0):
            title = f"{name} was {word} than {control} {after}, and is {'worse' if word == 'better' else 'better'} now"
        elif difference[look, best] * difference[-1, best] < 0:
            title = f"{name} was {word} than {control} {after}; the difference has the other sign now"
        columns |= {"decided": as_cells(size, float(n[look])), "said": as_cells(size, "decided")}
        layers.append(Layer(mark="rule", x="decided", text="said", style="action"))
    return Parts(
        title=title,
        x=Axis(title="Customers so far, all arms", form="count", low=0),
        y=Axis(title=f"Difference from {control}{'; wide ends cut' if is_cut else ''}", form=form),
        columns=columns,
        layers=layers,
    )


def _looks(n: Floats, decided: int) -> Integers:
    """Give the looks to draw: all of few, of many those at even steps of the customers and of their logarithm."""
    if len(n) <= _MOST_LOOKS:
        return np.arange(len(n))
    even = np.linspace(n[0], n[-1], _MOST_LOOKS // 2)
    early = np.geomspace(max(float(n[0]), 1.0), max(float(n[-1]), 1.0), _MOST_LOOKS // 2)
    first, final = 0, len(n) - 1
    found = np.searchsorted(n, np.concatenate([even, early]))
    return np.unique([first, *np.minimum(found, final), *([decided - 1, decided] if decided > 0 else []), final])


def _ends(n: Floats, difference: Floats, low: Floats, high: Floats) -> tuple[float, float]:
    """Give the ends of what is drawn: all intervals of few looks, else those from a tenth of the customers on."""
    late = n >= (_EARLY * n[-1] if len(n) > _MOST_POINTS else 0.0)
    columns = np.concatenate([[0.0], difference[late], low[late], high[late]])
    known = columns[np.isfinite(columns)]
    return float(known.min()), float(known.max())


def _bounded(ends: Floats) -> Floats:
    return np.where(np.isfinite(ends), ends, np.nan)


def _said(number: float, form: Form) -> str:
    """Write a difference; that of two shares in percentage points."""
    return f"{decimal(100 * number, 3)} percentage points" if form == "share" else shown(number)
