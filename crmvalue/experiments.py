"""Experiments: whether a change helped, and how surely.

==========================================================  ===========================================================
For                                                         Use
==========================================================  ===========================================================
which idea to try first                                     :func:`ice_score`, :class:`IceScores`
how many customers, for how long                            :func:`sample_size`, :func:`sample_size_means`,
                                                            :func:`detectable_difference`, :func:`days_needed`
who gets which variant, always the same                     :func:`assign_variant`
whether the split can be right                              :func:`sample_ratio_mismatch`, :class:`SplitCheck`
rates compared: conversion, opening, churn                  :func:`compare_proportions`, :class:`ProportionComparison`
means compared: revenue per customer                        :func:`compare_means`, :class:`VariantComparison`
ratios compared: revenue per order                          :func:`compare_ratios`
narrower intervals by what was known before                 :func:`adjust_by_covariate`, :class:`CovariateAdjustment`
a test that may be watched                                  :func:`sequential_test`, :class:`SequentialTest`
==========================================================  ===========================================================

Decide on the size before the start and look once, or take :func:`sequential_test` and look as often as you like. Every
result says in a sentence what may be concluded and what may not.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import attrs
import numpy as np

from crmvalue._checks import (
    as_column,
    as_counts,
    as_float,
    as_floats,
    as_fraction,
    as_positive,
    as_text,
    as_whole_number,
    require,
    require_choice,
)
from crmvalue._customers import encode_customers, stable_draw
from crmvalue._sequential import SequentialTest, sequential_test
from crmvalue._values import array_field, own, stay_frozen
from crmvalue._variants import (
    CovariateAdjustment,
    ProportionComparison,
    VariantComparison,
    adjust_by_covariate,
    compare_means,
    compare_proportions,
    compare_ratios,
)
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from crmvalue.typing import ArrayLike, Floats, Integers

__all__ = [
    "CovariateAdjustment",
    "IceConvention",
    "IceScores",
    "ProportionComparison",
    "SequentialTest",
    "SplitCheck",
    "VariantComparison",
    "adjust_by_covariate",
    "assign_variant",
    "compare_means",
    "compare_proportions",
    "compare_ratios",
    "days_needed",
    "detectable_difference",
    "ice_score",
    "sample_ratio_mismatch",
    "sample_size",
    "sample_size_means",
    "sequential_test",
]

IceConvention: TypeAlias = Literal["mean", "product"]
"""Ways to make one number of impact, confidence and ease."""

_MISMATCH = 0.01  # p-value below which a split is taken for wrong


@stay_frozen
@attrs.frozen(kw_only=True)
class IceScores:
    """Scores of ideas.

    Parameters
    ----------
    score : ndarray
        One for each idea, in the shape of the inputs.
    rank : ndarray
        Place of each idea, 1 for the best; equal scores share the better place.

    Examples
    --------
    >>> ice_score([8, 5], [6, 9], [3, 9], convention="product").rank
    array([2, 1])
    """

    score: Floats = array_field()
    rank: Integers = array_field()


def ice_score(impact: ArrayLike, confidence: ArrayLike, ease: ArrayLike, *, convention: IceConvention) -> IceScores:
    """Score ideas by impact, confidence and ease.

    Parameters
    ----------
    impact, confidence, ease : array_like
        Points from 1 to 10; one idea or any number.
    convention : {"mean", "product"}
        Mean of the three, from 1 to 10, or their product, from 1 to 1000. Both are in use, and they rank differently:
        the product punishes one low number harder.

    Returns
    -------
    IceScores
        Scores and ranks.

    Raises
    ------
    InputError
        If a number is not from 1 to 10 or the convention is unknown.

    Examples
    --------
    >>> (
    ...     round(float(ice_score(8, 6, 3, convention="mean").score), 2),
    ...     float(ice_score(8, 6, 3, convention="product").score),
    ... )
    (5.67, 144.0)
    """
    parts = as_floats(impact=impact, confidence=confidence, ease=ease)
    for name, part in zip(("impact", "confidence", "ease"), parts, strict=True):
        require((part >= 1) & (part <= 10), name, part, "from 1 to 10")
    require_choice("convention", convention, get_args(IceConvention))
    i, c, e = np.broadcast_arrays(*parts)
    score = (i + c + e) / 3 if convention == "mean" else i * c * e
    flat = np.sort(score.ravel())
    rank = 1 + len(flat) - np.searchsorted(flat, score, side="right")
    return IceScores(score=own(np.array(score)), rank=own(np.asarray(rank, dtype=np.int64)))


def sample_size(
    rate: float, difference: float, *, level: float = 0.95, power: float = 0.8, n_comparisons: int = 1
) -> int:
    r"""Compute how many customers each of two variants needs, to tell two rates apart.

    Parameters
    ----------
    rate : float
        Rate of the control, in (0, 1).
    difference : float
        Smallest difference that matters, in points of the rate: 0.05 for five; not 0, and the rate plus it in (0, 1).
    level : float, optional
        One minus the probability of a false alarm of the two-sided test, in (0, 1).
    power : float, optional
        Probability to find the difference if it is there, in (0, 1).
    n_comparisons : int, optional
        Variants that are compared with the control, >= 1; the test of each is made that much stricter (Bonferroni).

    Returns
    -------
    int
        Customers of each variant, rounded to a whole number.

    Raises
    ------
    InputError
        If a number is out of its range.

    Notes
    -----
    .. math:: n = \frac{\bigl(z_{1-\alpha/2} \sqrt{2 p (1 - p)} + z_{power} \sqrt{p (1 - p) + q (1 - q)}\bigr)^2}
        {(q - p)^2}

    with the rates *p* of the control and *q* of the variant: if there is no difference, both have that of the control.
    Formulas with a pooled rate ask for a few percent more.

    Examples
    --------
    >>> sample_size(0.20, 0.05)
    1030
    """
    p = as_fraction("rate", rate)
    d = as_float("difference", difference)
    if d == 0 or not 0 < p + d < 1:
        raise InputError("difference", f"not 0, and with the rate {p:g} in (0, 1)", d)
    alpha, beta = _quantiles(level, power, n_comparisons)
    q = p + d
    root = alpha * math.sqrt(2 * p * (1 - p)) + beta * math.sqrt(p * (1 - p) + q * (1 - q))
    return max(round((root / d) ** 2), 2)


def sample_size_means(
    standard_deviation: float, difference: float, *, level: float = 0.95, power: float = 0.8, n_comparisons: int = 1
) -> int:
    r"""Compute how many customers each of two variants needs, to tell two means apart.

    Parameters
    ----------
    standard_deviation : float
        Of one customer's value, > 0 [unit of the value].
    difference : float
        Smallest difference of the means that matters, not 0 [the same unit].
    level, power, n_comparisons
        As in :func:`sample_size`.

    Returns
    -------
    int
        Customers of each variant, rounded up.

    Raises
    ------
    InputError
        If a number is out of its range.

    Notes
    -----
    :math:`n = 2 (z_{1-\alpha/2} + z_{power})^2 s^2 / d^2`, the normal approximation.

    Examples
    --------
    >>> sample_size_means(40, 2)
    6280
    """
    spread = as_positive("standard_deviation", standard_deviation)
    d = as_float("difference", difference)
    if d == 0:
        raise InputError("difference", "not 0", d)
    alpha, beta = _quantiles(level, power, n_comparisons)
    return max(math.ceil(2 * ((alpha + beta) * spread / d) ** 2), 2)


def detectable_difference(
    rate: float, n: int, *, level: float = 0.95, power: float = 0.8, n_comparisons: int = 1
) -> float:
    """Smallest increase of a rate that so many customers of each variant can show.

    Parameters
    ----------
    rate : float
        Rate of the control, in (0, 1).
    n : int
        Customers of each variant, >= 2.
    level, power, n_comparisons
        As in :func:`sample_size`, of which this is the inverse.

    Returns
    -------
    float
        Points of the rate; infinite where not even a rate of 1 would be found.

    Raises
    ------
    InputError
        If a number is out of its range.

    Examples
    --------
    >>> round(detectable_difference(0.20, 1030), 4)
    0.05
    """
    from scipy import optimize

    p = as_fraction("rate", rate)
    size = as_whole_number("n", n, low=2)
    alpha, beta = _quantiles(level, power, n_comparisons)

    def surplus(d: float) -> float:
        q = p + d
        return d * math.sqrt(size) - alpha * math.sqrt(2 * p * (1 - p)) - beta * math.sqrt(p * (1 - p) + q * (1 - q))

    if surplus(1 - p) < 0:
        return math.inf
    return float(optimize.brentq(surplus, 0.0, 1 - p, xtol=1e-14))


def days_needed(n_per_variant: int, visitors_per_day: float, *, n_variants: int = 2) -> int:
    """Days until every variant has its customers.

    Parameters
    ----------
    n_per_variant : int
        Customers of each variant, >= 1.
    visitors_per_day : float
        Customers who come into the experiment on a day, > 0.
    n_variants : int, optional
        Variants, the control included, >= 2.

    Returns
    -------
    int
        Days, rounded up to whole weeks, so that every day of the week counts alike.

    Raises
    ------
    InputError
        If a number is out of its range.

    Examples
    --------
    >>> days_needed(1030, 150)
    14
    """
    n = as_whole_number("n_per_variant", n_per_variant, low=1)
    daily = as_positive("visitors_per_day", visitors_per_day)
    k = as_whole_number("n_variants", n_variants, low=2)
    return 7 * math.ceil(n * k / daily / 7)


@stay_frozen
@attrs.frozen(kw_only=True)
class SplitCheck:
    """Whether the customers are split as planned.

    Parameters
    ----------
    count, expected : ndarray
        Customers of each variant, and what the planned shares make of all, shape (k,).
    p_value : float
        Probability of a split at least so far away, if the shares are as planned.

    Examples
    --------
    >>> sample_ratio_mismatch([310, 98], [0.7, 0.3]).is_wrong
    True
    """

    count: Floats = array_field()
    expected: Floats = array_field()
    p_value: float

    @property
    def is_wrong(self) -> bool:
        """Whether the split is hardly chance: a p-value below 0.01."""
        return self.p_value < _MISMATCH

    @property
    def conclusion(self) -> str:
        """What may be concluded, and what may not."""
        if self.is_wrong:
            return (
                f"The split is hardly chance (p = {self.p_value:.2g}): look for the fault before you compare anything; "
                "the results of this experiment cannot be trusted."
            )
        return f"The split may be chance (p = {self.p_value:.2g}); that it is right is not proved."


def sample_ratio_mismatch(counts: ArrayLike, shares: ArrayLike) -> SplitCheck:
    """Check whether the customers of the variants are split as planned.

    Parameters
    ----------
    counts : array_like
        Customers of each variant, whole numbers >= 0, shape (k,), k >= 2; together at least 1.
    shares : array_like
        Planned shares, > 0, shape (k,), with the sum 1.

    Returns
    -------
    SplitCheck
        Expected counts and the p-value of the chi-squared test.

    Raises
    ------
    InputError
        If a count or a share is out of its range, the shares do not sum to 1, or the lengths differ.

    Examples
    --------
    >>> round(sample_ratio_mismatch([310, 98], [0.7, 0.3]).p_value, 6)
    0.008388
    """
    from scipy import stats

    (count,) = as_counts(counts=counts)
    share = _read_shares(shares)
    if count.shape != share.shape:
        raise InputError("counts", f"one for each of the {len(share)} shares", count.shape)
    if count.sum() == 0:
        raise InputError("counts", "at least one customer", 0)
    expected = share * count.sum()
    found = stats.chisquare(count, expected)
    return SplitCheck(count=own(count), expected=own(expected), p_value=float(found.pvalue))


def assign_variant(customer: ArrayLike, shares: ArrayLike, *, salt: str, strata: ArrayLike | None = None) -> Integers:
    """Assign customers to variants by a hash of their identifiers, without keeping a list.

    Parameters
    ----------
    customer : array_like
        Identifiers, whole numbers or text, shape (n,).
    shares : array_like
        Share of each variant, > 0, with the sum 1, shape (k,).
    salt : str
        Name of the experiment, not empty: another name draws anew, independently of this one.
    strata : array_like, optional
        Stratum of each customer, such as a segment, whole numbers or text, shape (n,). Within each the variants then
        get their shares to the nearest customer.

    Returns
    -------
    ndarray
        Place of the variant of each customer, shape (n,).

    Raises
    ------
    InputError
        If an identifier is missing, the shares do not sum to 1, or the lengths differ.

    Notes
    -----
    Without strata a customer's variant depends on nothing but his identifier, the salt and the shares: he keeps it
    whoever else comes, and where the last share grows at the cost of the first, only those in between move. With strata
    the customers of each stratum are put in the order of their hashes and cut by the shares, so that the same customers
    get the same variants in any order; but new ones may move others, so assign once and keep the result. A customer who
    occurs twice gets one variant, and has to be in one stratum.

    Examples
    --------
    >>> assign_variant(["ann", "bob", "eve", "joe"], [0.5, 0.5], salt="spring offer")
    array([0, 0, 0, 1])
    >>> assign_variant(["ann", "bob", "eve", "joe"], [0.5, 0.5], salt="spring offer", strata=["a", "a", "b", "b"])
    array([1, 0, 0, 1])
    """
    ids, code = encode_customers("customer", customer)
    share = _read_shares(shares)
    word = as_text("salt", salt)
    if not word.strip():
        raise InputError("salt", "a text that is not empty", salt)
    draw = stable_draw(ids, word)
    bounds = np.cumsum(share)[:-1]
    if strata is None:
        return np.searchsorted(bounds, draw, side="right")[code]
    _, stratum = encode_customers("strata", strata)
    if len(stratum) != len(code):
        raise InputError("strata", f"one for each of the {len(code)} customers", len(stratum))
    of_id = np.zeros(len(ids), dtype=np.int64)
    of_id[code] = stratum
    require(of_id[code] == stratum, "strata", stratum, "the same for every row of a customer")
    order = np.lexsort((draw, of_id))
    n = np.bincount(of_id)
    place = np.empty(len(ids))
    place[order] = np.arange(len(ids)) - np.repeat(np.cumsum(n) - n, n)
    middle = (place + 0.5) / n[of_id]  # of the stretch that a customer takes in his stratum
    return np.searchsorted(bounds, middle, side="right")[code]


def _quantiles(level: float, power: float, n_comparisons: int) -> tuple[float, float]:
    from scipy import special

    alpha = (1 - as_fraction("level", level)) / as_whole_number("n_comparisons", n_comparisons, low=1)
    return float(special.ndtri(1 - alpha / 2)), float(special.ndtri(as_fraction("power", power)))


def _read_shares(shares: Any) -> Floats:  # noqa: ANN401 - checked here
    share = as_column("shares", shares)
    require(share > 0, "shares", share, "above 0")
    if len(share) < 2 or not math.isclose(math.fsum(share.tolist()), 1.0, rel_tol=1e-9):
        raise InputError("shares", "of at least two variants, with the sum 1", float(share.sum()))
    return share
