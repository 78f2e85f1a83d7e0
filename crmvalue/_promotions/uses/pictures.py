"""The picture of a comparison of promotions; the result shows it by `plot`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from crmvalue._core.pictures.parts import Axis, Layer, Parts, of_all, shown

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue.typing import Integers

__all__ = ["discounts_parts"]

_MOST = 15


def discounts_parts(
    name: npt.NDArray[np.str_], discount_before: Integers, discount_after: Integers, revenue: int, margin: int
) -> Parts:
    """Draw what each promotion takes off, before and after; `revenue` and `margin` are the changes of all carts."""
    order = np.argsort(-np.maximum(discount_before, discount_after), kind="stable")[:_MOST]
    rest = of_all(len(order), len(name), "promotions")
    amounts = {"revenue": revenue, "margin": margin}
    changes = " and ".join(_change(what, amount) for what, amount in amounts.items() if amount)
    change = f"{changes} minor units" if changes else "nothing"
    return Parts(
        title=f"With the same purchases, the new promotions change {change}",
        x=Axis(title=f"Taken off the past carts [minor units]{rest}", form="money", low=0),
        y=Axis(title="", form="name"),
        columns={
            "promotion": name[order],
            "discount_after": discount_after[order],
            "discount_before": discount_before[order],
        },
        layers=[
            Layer(mark="bar", x="discount_after", y="promotion", label="new promotions"),
            Layer(mark="points", x="discount_before", y="promotion", label="old promotions", style="second"),
        ],
    )


def _change(what: str, amount: int) -> str:
    return f"{what} by {'+' if amount > 0 else ''}{shown(amount, 'money')}"
