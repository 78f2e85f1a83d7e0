"""The most likely next products of each customer, in blocks of customers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from crmvalue._products.counting import additions, blocks, each_block, first_of_each, may_lead
from crmvalue._products.offers.learning import Correction, History, Lessons, activity, again_cells

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from crmvalue.typing import Floats, Integers

__all__ = ["Candidates", "May", "score"]

May: TypeAlias = "Callable[..., npt.NDArray[np.bool_]]"
"""From customers, products, and whether they are new (`is_new`): which ones may be offered."""

_BLOCK = 1 << 20
"""Candidates of one block of customers, which bound its memory."""

_PRIOR = 3.0
"""Products that the overall shares count for, beside those that the customer had bought."""

_POPULAR = 20
"""Popular products that everybody may be offered, beside the `n` that are asked for."""


class Candidates(NamedTuple):
    """Products that a customer may buy, with the probability; `reason` is the product that speaks most for it."""

    customer: npt.NDArray[Any]
    product: npt.NDArray[Any]
    prob: Floats
    is_new: npt.NDArray[np.bool_]
    reason: npt.NDArray[Any]  # the product itself for what was bought before, -1 for what is only popular


def score(
    history: History, lessons: Lessons, customers: Integers, n: int, may: May | None, worth: Floats | None = None
) -> Candidates:
    """Give the best `n` candidates of each customer, by customer and rank.

    Their order is that of the probability, times what each product is worth, where that is given.
    """
    from scipy.sparse import diags_array

    had = history.ones[customers]
    popular = np.argsort(-lessons.base, kind="stable")[: n + _POPULAR]
    popular = popular[lessons.base[popular] > 0]
    again = history.times.copy()
    of_customer = lessons.activity_again[activity(history)[history.customer]]
    again.data = np.minimum(lessons.again[again_cells(history)] * of_customer * lessons.factor[again.indices], 1.0)
    again = again[customers]
    silent = history.times.copy()
    silent.data = history.end - history.last
    silent = silent[customers].data  # days since the last purchase, of each entry of `had`
    active = lessons.activity[activity(history)[customers]]
    more = (lessons.more + diags_array(np.full(had.shape[1], -np.inf))).tocsr()  # marks what a customer had bought

    def best_of(begin: int, end: int) -> Candidates:
        who = customers[begin:end]
        spoken = _spoken(had[begin:end], more, lessons.base, active[begin:end])
        liked = _liked(spoken, popular, lessons.base, active[begin:end])
        ahead = [
            _ahead(spoken, who, n, may, worth, lessons.correct_new, is_new=True),
            _ahead(liked, who, n, may, worth, lessons.correct_new, is_new=True),
            _ahead(again[begin:end], who, n, may, worth, lessons.correct_again, is_new=False),
        ]
        row, product, prob, value = (np.concatenate(column) for column in zip(*ahead, strict=True))
        is_new = np.arange(len(row)) < len(ahead[0][0]) + len(ahead[1][0])
        rows = first_of_each(row, product, value, n)
        reason = np.where(is_new, -1, product)
        best = Candidates(row[rows], product[rows], prob[rows], is_new[rows], reason[rows])
        best = best._replace(
            reason=_reasons(
                had[begin:end],
                silent[had.indptr[begin] : had.indptr[end]],
                lessons.more,
                best,
                rows < len(ahead[0][0]),
            )
        )
        return best._replace(customer=who[best.customer].astype(np.int32))

    parts = each_block(best_of, blocks(additions(had, more) + len(popular) + 1, _BLOCK), had.nnz)
    columns: list[Any] = [np.concatenate(column) for column in zip(*parts, strict=True)]
    return Candidates(*columns)


def _spoken(had: Any, more: Any, base: Floats, active: Floats) -> Any:
    """Give the probabilities of products that others speak for; -1 for those that the customer had bought."""
    found = had @ more
    size = np.diff(found.indptr)
    prob = found.data
    prob /= np.repeat(np.diff(had.indptr) + _PRIOR, size)
    prob += base[found.indices]
    prob *= np.repeat(active, size)
    np.clip(prob, -1.0, 1.0, out=prob)
    return found


def _liked(spoken: Any, popular: Integers, base: Floats, active: Floats) -> Any:
    """Give the probabilities of popular products that are not among the others."""
    from scipy.sparse import csr_array

    place_of = np.full(spoken.shape[1], -1)
    place_of[popular] = np.arange(len(popular))
    place = place_of[spoken.indices]
    there = np.nonzero(place >= 0)[0]
    missing = np.ones((spoken.shape[0], len(popular)), dtype=bool)
    missing[np.repeat(np.arange(spoken.shape[0]), np.diff(spoken.indptr))[there], place[there]] = False
    row, column = np.nonzero(missing)
    prob = np.minimum(base[popular[column]] * active[row], 1.0)
    return csr_array((prob, popular[column], np.append(0, np.cumsum(missing.sum(axis=1)))), shape=spoken.shape)


def _ahead(
    made: Any, who: Integers, n: int, may: May | None, worth: Floats | None, correct: Correction, *, is_new: bool
) -> tuple[Any, ...]:
    """Give row, product, probability and rank value of whatever may be among the first `n` of a row."""
    row = np.repeat(np.arange(len(who), dtype=np.int32), np.diff(made.indptr))
    product = made.indices.astype(np.int32, copy=False)
    offered = made.data >= 0
    if may is not None:
        offered &= may(who[row], product, is_new=is_new)
    prob = np.where(offered, made.data, 0.0)
    # A correction keeps the order, so that without `worth` only the first ones need it.
    value = prob if worth is None else correct(prob) * worth[product]
    rows = may_lead(made.indptr, np.where(offered, value, -np.inf), n)
    prob = correct(prob[rows])
    return row[rows], product[rows], prob, prob if worth is None else value[rows]


def _reasons(
    had: Any, silent: Integers, more: Any, best: Candidates, spoken: npt.NDArray[np.bool_]
) -> npt.NDArray[Any]:
    """Find for each new product that others speak for, `spoken`, which one the customer had bought speaks most.

    Of those that speak equally much, it is the one bought last.
    """
    reason = best.reason.copy()
    rows = np.nonzero(spoken)[0]
    if not len(rows) or not len(more.data):
        return reason
    n_products = more.shape[0]
    key = np.repeat(np.arange(n_products), np.diff(more.indptr)) * n_products + more.indices
    n_had = np.diff(had.indptr)[best.customer[rows]]
    for begin, end in blocks(n_had, _BLOCK):
        size, part = n_had[begin:end], rows[begin:end]
        row = np.repeat(part, size)
        inside = np.arange(len(row)) - np.repeat(np.cumsum(size) - size, size)
        entry = had.indptr[best.customer[row]] + inside
        product = had.indices[entry].astype(np.int64)
        tie = silent[entry] * n_products + product
        wanted = product * n_products + best.product[row]
        place = np.minimum(np.searchsorted(key, wanted), len(key) - 1)
        speaks = key[place] == wanted
        row, product, value = row[speaks], product[speaks], more.data[place[speaks]]
        first = first_of_each(row, tie[speaks], value, 1)
        reason[row[first]] = product[first]
    return reason
