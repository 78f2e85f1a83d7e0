"""Order of ideas by score, and stable assignment of customers to variants."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import numpy as np

from crmvalue._core.checks import as_column, as_float, as_floats, as_text, require, require_choice, require_same_index
from crmvalue._core.comparisons import just_below
from crmvalue._core.encoding.customers import encode_customers, stable_draw, text_array
from crmvalue._core.labels import labelled
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from crmvalue.typing import ArrayLike, FloatOrArray, Floats, Integers

__all__ = ["assign_variant", "ice_rank", "ice_score"]

IceConvention: TypeAlias = Literal["mean", "product"]


def ice_score(impact: ArrayLike, confidence: ArrayLike, ease: ArrayLike, *, convention: IceConvention) -> FloatOrArray:
    """Score ideas by impact, confidence and ease, the opposite of effort.

    Parameters
    ----------
    impact : array_like
        Benefit of the idea, from 1 to 10.
    confidence : array_like
        How certain the benefit is, from 1 to 10.
    ease : array_like
        How easy the idea is to do, from 1 to 10; 10 is the easiest. Ease is the opposite of effort: some sources name
        the third mark "effort" and mean that 10 takes the least. If your 10 is the most effort, give 11 minus effort.
    convention : {"mean", "product"}
        Both are in use: the mean of the three marks, from 1 to 10, or their product, from 1 to 1,000. They may rank
        ideas differently: one low mark lowers the product more.

    Returns
    -------
    float or ndarray
        The score of each idea.

    Raises
    ------
    InputError
        If a mark is NaN or outside 1 to 10, or the convention is no known word.

    Examples
    --------
    >>> float(ice_score(8, 6, 3, convention="product"))
    144.0
    >>> round(float(ice_score(8, 6, 3, convention="mean")), 2)
    5.67
    """
    marks = as_floats(impact=impact, confidence=confidence, ease=ease)
    for name, mark in zip(("impact", "confidence", "ease"), marks, strict=True):
        require((mark >= 1) & (mark <= 10), name, mark, "from 1 to 10")
    require_choice("convention", convention, get_args(IceConvention))
    one, two, three = marks
    score: FloatOrArray = ((one + two + three) / 3 if convention == "mean" else one * two * three)[()]
    return score


def ice_rank(score: ArrayLike) -> npt.NDArray[np.int64]:
    """Rank ideas by their score, the best first.

    Parameters
    ----------
    score : array_like
        Score of each idea, from :func:`ice_score`.

    Returns
    -------
    ndarray of int
        Rank of each idea, 1 for the highest score. Equal scores share the better rank, and the next rank is left out:
        1, 2, 2, 4. Scores that only rounding tells apart are equal.

    Raises
    ------
    InputError
        If a score is NaN or infinite.

    Examples
    --------
    >>> ice_rank(ice_score([8, 5, 6, 9], [6, 5, 8, 9], [3, 2, 3, 9], convention="product"))
    array([2, 4, 2, 1])
    """
    scores = as_column("score", score)
    order = np.argsort(-scores, kind="stable")
    starts = np.ones(len(order), dtype=bool)
    starts[1:] = scores[order][1:] < just_below(scores[order][:-1])
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = 1 + np.maximum.accumulate(np.where(starts, np.arange(len(order)), 0))
    return rank


def assign_variant(
    customer: ArrayLike, shares: Mapping[str, float], *, salt: str, strata: ArrayLike | None = None
) -> npt.NDArray[np.str_]:
    """Assign customers to variants by a stable hash of their identifiers.

    Parameters
    ----------
    customer : array_like
        Identifier of each row: text or whole numbers. Rows of one customer get one variant.
    shares : mapping of str to float
        Share of each variant, in (0, 1), of sum 1, such as ``{"control": 0.5, "new": 0.5}``.
    salt : str
        Name of the experiment. Assignments with different salts are independent.
    strata : array_like, optional
        Group of each row, text or whole numbers, such as a segment; the same in all rows of a customer.

    Returns
    -------
    ndarray of str
        Variant of each row.

    Raises
    ------
    InputError
        If an identifier is missing, the salt or an identifier is no valid text (a lone surrogate), shares do not sum to
        1, or a customer is in two strata.

    Notes
    -----
    Without strata only the hash decides. A customer keeps their variant as long as the salt and the shares (with their
    order) stay the same; other customers have no influence. The counts follow the shares up to chance.

    With strata, the customers of each stratum are ordered by their hashes, and this order is cut into the variants. The
    number of customers of each variant differs from its share of the stratum by less than one. The hash of the stratum
    decides which variant gets the odd customer, so small strata do not all favour the same variant. A customer keeps
    their variant as long as the salt, the shares and the customers of the stratum stay the same: assign once, and store
    the result. The order of rows never matters.

    Examples
    --------
    >>> assign_variant([101, 102, 103, 104], {"control": 0.5, "new": 0.5}, salt="spring", strata=["a", "a", "b", "b"])
    array(['new', 'control', 'control', 'new'], dtype='<U7')
    """
    require_same_index(customer=customer, strata=strata)
    names, cuts = _cuts(shares)
    key = as_text("salt", salt)
    if not key:
        raise InputError("salt", "a text of its own for each experiment, not empty", salt)
    _require_valid("salt", key)
    customers, code = encode_customers("customer", customer)
    groups = None if strata is None else _strata(strata, len(code))
    _require_valid("customer", *customers.tolist())
    draw = stable_draw(customers, key)
    if groups is not None:
        draw = _position_in_stratum(draw, code, *groups, key)
    return names[np.searchsorted(cuts, draw, side="right")][code]


def _require_valid(name: str, *values: object) -> None:
    """Check that each text can be written as UTF-8, which the hash needs."""
    for value in values:
        try:
            str(value).encode()
        except UnicodeEncodeError as error:
            raise InputError(name, "valid text, without lone surrogates", ascii(value)) from error


def _cuts(shares: Any) -> tuple[npt.NDArray[np.str_], Floats]:
    """Give the names of the variants, and where in [0, 1) each one but the last ends."""
    shares = labelled("shares", shares)
    if shares is None or len(shares) < 2:
        raise InputError("shares", "a mapping of at least two variants to their shares", shares)
    names = [as_text("shares", name) for name in shares]
    if not all(name.strip() for name in names):
        raise InputError("shares", "with names that are not empty", names)
    parts = np.array([as_float("shares", share) for share in shares.values()])
    require((parts > 0) & (parts < 1), "shares", parts, "in (0, 1)", hint="fractions, not percent")
    if abs(parts.sum() - 1) > 1e-9:
        raise InputError("shares", "of sum 1", float(parts.sum()))
    return text_array(names), np.cumsum(parts)[:-1]


def _strata(strata: ArrayLike, n_rows: int) -> tuple[npt.NDArray[Any], Integers]:
    """Give the labels of the strata, and the stratum of each row."""
    labels, group = encode_customers("strata", strata)
    if len(group) != n_rows:
        raise InputError("strata", f"one for each of the {n_rows} rows", len(group))
    _require_valid("strata", *labels.tolist())
    return labels, group


def _position_in_stratum(draw: Floats, code: Integers, labels: npt.NDArray[Any], group: Integers, salt: str) -> Floats:
    """Place the customers of each stratum evenly in [0, 1), from a start that is drawn for the stratum."""
    mine = np.empty(len(draw), dtype=np.int64)
    mine[code] = group
    require(mine[code] == group, "strata", labels[group], "the same in all rows of a customer")
    order = np.lexsort((draw, mine))
    size = np.bincount(mine, minlength=len(labels))
    start = np.concatenate(([0], np.cumsum(size)[:-1]))
    rank = np.empty(len(draw), dtype=np.int64)
    rank[order] = np.arange(len(draw)) - start[mine[order]]
    offset = stable_draw(labels, f"stratum of {salt}")
    place: Floats = np.minimum((rank + offset[mine]) / size[mine], np.nextafter(1.0, 0.0))
    return place
