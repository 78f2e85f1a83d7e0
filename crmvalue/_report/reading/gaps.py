"""Years without an order: the dates before may stand for none."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from crmvalue._purchases.order_log import FAR_YEARS

if TYPE_CHECKING:
    from crmvalue._report.reading.orders import OrderFile

__all__ = ["Gap", "find_gap"]


class Gap(NamedTuple):
    """The days between which a log has no order, and the rows of the file up to the first of them."""

    before: np.datetime64
    after: np.datetime64
    n_before: int


def find_gap(orders: OrderFile) -> Gap | None:
    """Find the longest time without an order, if it is years; None where rows are left out for their date."""
    days = np.unique(orders.date)
    gap = np.diff(days)
    if orders.n_far or not len(gap) or gap.max() <= np.timedelta64(round(FAR_YEARS * 365.25), "D"):
        return None
    before, after = days[gap.argmax()], days[gap.argmax() + 1]
    return Gap(before, after, int(orders.n_file_rows[orders.date <= before].sum()))
