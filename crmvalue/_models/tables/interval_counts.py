"""Probability of 0, 1, 2, ... purchases of new customers in a period that begins some time after their first purchase.

A customer who may leave has to be alive when the period begins. Given their own rate and chance (or rate) to leave,
purchases and leaving have no memory. So what is left is an average over customers. Every result is a sum of positive
terms, the open cell too.

Parameters are columns, one row for each set of them. Results have shape (rows, top + 1): 0, 1, ..., top - 1 purchases,
and `top` or more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from crmvalue._models.repeat.pareto_nbd_predictions import prob_at_least, prob_purchases
from crmvalue._models.shared.numerics import beta_rule, log_rising, prob_of_count

if TYPE_CHECKING:
    from crmvalue.typing import Floats

__all__ = ["beta_geometric_counts", "nbd_counts", "pareto_nbd_counts"]


def nbd_counts(start: float, end: float, top: int, r: Floats, alpha: Floats) -> Floats:
    """Negative binomial probabilities: nobody leaves, so the start does not matter."""
    from scipy.special import betainc

    n, shape, w = np.broadcast_arrays(np.arange(float(top)), r[:, np.newaxis], (end - start) / alpha[:, np.newaxis])
    w_open = (end - start) / alpha
    return np.column_stack([prob_of_count(n, shape, w), betainc(float(top), r, w_open / (1.0 + w_open))])


def pareto_nbd_counts(start: float, end: float, top: int, r: Floats, alpha: Floats, s: Floats, beta: Floats) -> Floats:
    """Those alive at the start leave at rates of gamma(s, beta + start). Their rates of purchase are as ever."""
    log_alive = -s * np.log1p(start / beta)
    n = np.arange(float(top))
    columns = [np.repeat(column, top) for column in (r, alpha, s, beta + start)]
    length = np.full(len(r), end - start)
    each = prob_purchases(np.tile(n, len(r)), np.repeat(length, top), *columns).reshape(len(r), top)
    found = np.exp(log_alive)[:, np.newaxis] * each
    found[:, 0] -= np.expm1(log_alive)
    many = prob_at_least(np.full(len(r), float(top)), length, r, alpha, s, beta + start)
    return np.column_stack([found, np.exp(log_alive) * many])


def beta_geometric_counts(
    start: float, end: float, top: int, r: Floats, alpha: Floats, a: Floats, b: Floats, *, early: int
) -> Floats:
    """Averages over the chances p to leave: until the start the customers leave at the rate p times their own.

    `early` is 1 where they may leave at their first purchase too.
    """
    from scipy.special import betainc, gammaln

    n = np.arange(float(top))
    power, longest = r + top, (start + (end - start)) / alpha
    log_p, log_q, weight = beta_rule(a, b, power, longest)
    p = np.exp(log_p)
    r_row, alpha_row = r[:, np.newaxis], alpha[:, np.newaxis]
    at_start = p * (start / alpha_row)  # what leaving adds to alpha, in alphas
    w = (end - start) / alpha_row
    staying: Floats | float = log_q if early else 0.0
    # Purchases of those who stay until the start, as if they could not leave any more: n, and top or more.
    log_w, log_all = np.log(w), np.log1p(at_start + w)
    log_n = log_rising(np.repeat(r_row, top, axis=1), np.broadcast_to(n, (len(r), top))) - gammaln(n + 1.0)
    exactly = np.exp(
        log_n[:, np.newaxis]
        + (n * (log_w - log_all)[:, :, np.newaxis])
        - (r_row * log_all)[:, :, np.newaxis]
    )  # fmt: skip
    last = np.exp(-r_row * np.log1p(at_start)) * betainc(float(top), r_row, w / (1.0 + at_start + w))
    # n or more, for n = 0, 1, ..., top: from the end, so that nothing cancels.
    at_least = np.cumsum(np.concatenate((last[:, :, np.newaxis], exactly[:, :, ::-1]), axis=2), axis=2)[:, :, ::-1]
    stay = np.exp(log_q[:, :, np.newaxis] * n)  # (1 - p)^n
    alive = np.exp(staying) * weight
    found = np.empty((len(r), top + 1))
    leaves = p[:, :, np.newaxis] * stay[:, :, : top - 1] * at_least[:, :, 1:top]
    found[:, 1:top] = ((stay[:, :, 1:] * exactly[:, :, 1:] + leaves) * alive[:, :, np.newaxis]).sum(axis=1)
    found[:, top] = (stay[:, :, top - 1] * last * alive).sum(axis=1)
    lost = -np.expm1(staying - r_row * np.log1p(at_start))
    found[:, 0] = (weight * lost).sum(axis=1) + (alive * exactly[:, :, 0]).sum(axis=1)
    return found
