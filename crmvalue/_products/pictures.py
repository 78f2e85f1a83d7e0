"""Pictures of products; the results of the room show them by `plot`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from crmvalue._core.comparisons import leaders
from crmvalue._core.labels import also_equal, counted
from crmvalue._core.pictures.parts import Axis, Form, Layer, Parts, apart, cut, nothing, shown, shown_things, stretch

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from crmvalue._core.pictures.parts import Style
    from crmvalue._products.lines import Labels
    from crmvalue.typing import Floats

__all__ = ["hits_parts", "offers_parts"]

_MOST_ROWS = 14
_STYLES: tuple[Style, ...] = ("main", "second", "light")


def offers_parts(
    product: Labels, of_kind: Sequence[npt.NDArray[np.bool_]], prob: Floats, margin: Floats, kinds: Sequence[str],
    horizon_days: int,
) -> Parts:  # fmt: skip
    """Draw what is expected of each product, by the kind of its offers: margin where it is known, or purchases.

    The customers may buy without an offer too, so no title says that an offer brings something.
    """
    if not len(product):
        return nothing("There is no product to offer")
    has_margin = bool(np.isfinite(margin).all())
    worth = margin if has_margin else prob
    names, code = product.distinct, product.code
    by_kind = [np.bincount(code[those], worth[those], len(names)) for those in of_kind]
    n_offers, total = np.bincount(code, minlength=len(names)), np.sum(by_kind, axis=0)
    order = np.argsort(-total, kind="stable")
    labels = [str(names[k]) for k in order[:_MOST_ROWS].tolist()]
    best = int(order[0])
    what: Form = "money" if has_margin else "number"
    unit, is_or_are = ("margin", "is") if has_margin else ("purchases", "are")
    title = f"The most {unit} {is_or_are} expected of {cut(str(names[best]))}"
    if total.min() >= 0 and total[best] > 0:
        title += f": {shown(total[best] / total.sum(), 'share')} of all"
    title += also_equal(len(leaders(total)))
    if len(names) == 1:
        amount = f"{shown(total[best], 'money')} of margin" if has_margin else shown_things(total[best], "purchase")
        is_or_are = "is" if has_margin or amount == shown_things(1.0, "purchase") else "are"
        title = f"{amount[:1].upper()}{amount[1:]} {is_or_are} expected of {cut(str(names[best]))}"
    if total[best] <= 0:
        title = f"No {'margin' if has_margin else 'purchase'} is expected of any product"
    rows = [column[order] for column in by_kind]
    counts = n_offers[order]
    if len(order) > _MOST_ROWS:
        first = _MOST_ROWS - 1
        labels = [*labels[:first], f"{len(order) - first:,} other products"]
        rows = [np.append(column[:first], column[first:].sum()) for column in rows]
        counts = np.append(counts[:first], counts[first:].sum())
    said = [f"{count:,} {'offer' if count == 1 else 'offers'}" for count in counts]
    ends = np.cumsum([np.zeros(len(labels)), *rows], axis=0)
    wide = max(float(ends.max()), 0.0) * stretch(labels, said) or 1.0
    columns: dict[str, npt.NDArray[np.generic]] = {"product": np.array(apart(labels))}
    layers = []
    for name, style, low, high in zip(kinds, _STYLES, ends[:-1], ends[1:], strict=False):
        columns |= {f"{name}_low": np.where(high == low, np.nan, low), f"{name}_high": high}
        if (high != low).any():
            layers.append(
                Layer(mark="bar", y="product", low=f"{name}_low", high=f"{name}_high", label=name, style=style)
            )
    columns |= {"end": np.maximum(ends[-1], 0.0) + 0.012 * wide, "said": np.array(said)}
    layers.append(Layer(mark="text", x="end", y="product", text="said"))
    return Parts(
        title=title,
        x=Axis(
            title=f"Expected {unit} in {counted(horizon_days, 'day')}{' [money]' if has_margin else ''}",
            form=what,
            low=0 if ends.min() >= 0 else None,
            high=wide,
        ),
        y=Axis(title="", form="name"),
        columns=columns,
        layers=layers,
    )


def hits_parts(
    rule: Sequence[str], rate: Floats, ends: tuple[Floats, Floats], lead: tuple[Floats, Floats], n: int
) -> Parts:
    """Draw the share of the customers whom the products of each rule hit, the naive rules in grey."""
    low, high = ends
    lead_low, lead_high = lead
    what = f"The first {n} products hit" if n > 1 else "The first product hits"
    own = f"{what} {shown(rate[0], 'share')} of the customers"
    close = [f'"{name}"' for name, least in zip(rule[1:], lead_low[1:], strict=True) if least <= 0]
    worse = [f'"{name}"' for name, most in zip(rule[1:], lead_high[1:], strict=True) if most < 0]
    title = f"{own}, more than each naive rule"
    if close:
        title = f"{own}, not shown to be more than by {' and '.join(close)}"
    if worse:
        title = f"{own}, less than by {' and '.join(worse)}"
    is_naive = np.arange(len(rule)) > 0
    columns = {"rule": np.array(rule)}
    for name, column in {"hit_rate": rate, "low": low, "high": high}.items():
        columns |= {name: np.where(is_naive, np.nan, column), f"naive_{name}": np.where(is_naive, column, np.nan)}
    return Parts(
        title=title,
        x=Axis(title="Customers who bought one of the products", form="share", low=0),
        y=Axis(title="", form="name"),
        columns=columns,
        layers=[
            Layer(mark="interval", y="rule", low="naive_low", high="naive_high", style="naive"),
            Layer(mark="interval", y="rule", low="low", high="high"),
            Layer(mark="points", x="hit_rate", y="rule", label="share and interval"),
            Layer(mark="points", x="naive_hit_rate", y="rule", label="naive rule", style="naive"),
        ],
    )
