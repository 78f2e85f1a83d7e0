"""Likelihood of the heavy-tailed model of spend, with its gradient and Hessian."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from crmvalue._models.shared.climb import Evaluation
from crmvalue._models.shared.numerics import log_rising
from crmvalue._models.spend.spend_model import add_up, blocks

if TYPE_CHECKING:
    from crmvalue._models.spend.spend_fit import Task
    from crmvalue.typing import Floats, Integers

__all__ = ["Gb2Likelihood", "log_ratio", "log_sums"]

_FEW = 1e-3  # a variance to start from
_LARGEST = 600.0  # logarithm of a number of which thousands add up to a number
_FARTHEST = 1e8  # a power of an amount beyond which no search goes


def log_sums(power: Floats, n: Floats) -> tuple[Floats, Floats]:
    """Give 1 + the sum of exp(power) of each customer, as exp(top) times a sum."""
    top = _tops(power, n)
    scaled = np.exp(power - np.repeat(top, n.astype(np.int64)))
    return top, np.exp(-top) + add_up(scaled, n)


def _dot(x: Floats, y: Floats) -> float:
    """Sum of products, by numpy itself: threads of a linear algebra library do not pay for blocks."""
    return float(np.einsum("j,j->", x, y))


def _shares(power: Floats, n: Floats) -> tuple[Floats, Floats, Floats]:
    """Give log(1 + S) of each customer, then 1 + S and exp(power), both over the same factor."""
    if power.max() < _LARGEST:
        scaled = np.exp(power)
        below = 1.0 + add_up(scaled, n)
        return np.log(below), below, scaled
    top, below = log_sums(power, n)
    return top + np.log(below), below, np.exp(power - np.repeat(top, n.astype(np.int64)))


def _tops(power: Floats, n: Floats) -> Floats:
    """Largest power of each customer, at least 0."""
    top = np.zeros(len(n))
    some = n > 0
    if some.any():
        top[some] = np.maximum(np.maximum.reduceat(power, (np.cumsum(n) - n)[some].astype(np.int64)), 0.0)
    return top


def log_ratio(x: Any, more: Any) -> Floats:
    """Give the logarithm of Gamma(x + more) / Gamma(x), without the loss of digits of a difference."""
    start, above = np.broadcast_arrays(np.asarray(x, dtype=np.float64), np.asarray(more, dtype=np.float64))
    return log_rising(start.ravel(), above.ravel()).reshape(above.shape)


class Gb2Likelihood:
    """Log-likelihood of the logarithms as a function of the logarithms of (a, scale, p, q) and the coefficients.

    It is computed in (a, b, p, q), where log b = log scale + log(q / p) / a. Log b and the coefficients add up to what
    is taken off the logarithm of an amount. Sums over the purchases of a customer are needed as ratios to 1 + S alone,
    so powers of amounts do not overflow.

    Purchases of one month share its effect, so sums by month take the place of products of columns. `wide` leads from
    what is searched to the four parameters, the effects of drift and covariates, and the effect of each month.
    """

    def __init__(self, task: Task, unit: float) -> None:
        self.log = task.spent.log - np.log(unit)
        self.n = task.spent.n
        self.distinct, self.code, weight = np.unique(self.n, return_inverse=True, return_counts=True)
        self.weight = weight.astype(np.float64)
        self.k = 4 + len(task.names)
        self.row = task.spent.row
        self.blocks = list(blocks(self.n))
        contrasts, self.n_months = task.contrasts, task.n_months
        self.wide = np.eye(4 + len(contrasts), self.k)
        self.wide[4:, 4:] = contrasts
        self.month = task.month_places() if self.n_months else np.zeros(0, dtype=np.int64)
        self.columns = np.empty((len(contrasts) - self.n_months, len(self.log)))
        for customers, purchases in self.blocks if len(self.columns) else ():
            here = self.row[purchases] - customers.start
            self.columns[:, purchases] = task.plain_columns(customers, purchases, here)

    def start(self, a: float) -> Floats:
        """Give the point of a power at which the variances within and between customers are the observed ones."""
        mean = add_up(self.log, self.n) / self.n
        extra = float(self.n.sum()) - len(self.n)
        spread = float(mean.var())
        within = float(((self.log - mean[self.row]) ** 2).sum()) / extra if extra else 0.5 * spread
        p, q = (1.0 / (a * a * max(v, _FEW)) + 0.5 for v in (within, spread - (within / self.n).mean()))
        logs = [np.log(a), self.log.mean(), np.log(p), np.log(q)]
        return np.array([*logs, *np.zeros(self.k - len(logs))])

    def __call__(self, theta: Floats) -> Evaluation:
        root = float(np.exp(-theta[0]))
        turn = float(theta[3] - theta[2]) * root
        inner = theta.copy()
        inner[1] += turn
        at = self._of_b(inner)
        jacobian = np.eye(self.k)
        jacobian[1, [0, 2, 3]] = -turn, -root, root
        bend = np.zeros((self.k, self.k))  # of log b
        bend[0, [0, 2, 3]] = bend[[0, 2, 3], 0] = turn, root, -root
        hessian = jacobian.T @ at.hessian @ jacobian + at.gradient[1] * bend
        return Evaluation(at.value, jacobian.T @ at.gradient, hessian)

    def _of_b(self, theta: Floats) -> Evaluation:
        from scipy.special import digamma, gammaln, polygamma

        a, p, q = np.exp(theta[[0, 2, 3]])
        with np.errstate(over="ignore", invalid="ignore"):
            sums = self._sums(theta, a, p, q)
        if sums is None:
            return Evaluation(-np.inf, np.zeros(self.k), np.zeros((self.k, self.k)))
        n_all, n_customers = float(self.n.sum()), float(len(self.n))
        shape = q + self.distinct * p
        psi, tri = digamma(shape), polygamma(1, shape)
        value, gradient, hessian = sums
        value += float(n_all * (theta[0] - gammaln(p)) + self.weight @ log_ratio(q, self.distinct * p))
        gradient[0] += n_all
        slope_p = gradient[2] / p - n_all * digamma(p) + float((self.weight * self.distinct) @ psi)
        slope_q = gradient[3] / q + float(self.weight @ psi) - n_customers * digamma(q)
        gradient[2], gradient[3] = p * slope_p, q * slope_q
        hessian[2, 2] = gradient[2] + p * p * (
            float((self.weight * self.distinct**2) @ tri) - n_all * float(polygamma(1, p))
        )
        hessian[3, 3] = gradient[3] + q * q * (float(self.weight @ tri) - n_customers * float(polygamma(1, q)))
        hessian[2, 3] = hessian[3, 2] = p * q * float((self.weight * self.distinct) @ tri)
        return Evaluation(value, gradient, hessian)

    def _sums(self, theta: Floats, a: float, p: float, q: float) -> tuple[float, Floats, Floats] | None:
        """Add up what depends on the amounts: value, gradient and Hessian, without the special functions."""
        effects = (self.wide @ theta)[4:]
        of_plain, of_month = effects[: len(self.columns)], effects[len(self.columns) :]
        k = len(self.wide)
        value, gradient, hessian = 0.0, np.zeros(k), np.zeros((k, k))
        slots = np.array([0, 1, *range(4, k)])  # what moves the powers
        for customers, purchases in self.blocks:
            n, columns, month = self.n[customers], self.columns[:, purchases], self.month[purchases]
            number = n.astype(np.int64)
            power = self.log[purchases] - theta[1]
            for effect, column in zip(of_plain, columns, strict=True):
                power -= effect * column
            if self.n_months:
                power -= of_month[month]
            power *= a
            if not np.abs(power).max() < _FARTHEST:
                return None
            log_sum, below, scaled = _shares(power, n)
            shape = q + n * p
            scaled *= np.repeat(1.0 / below, number)
            tilted = scaled * power
            moved = self._by_customer(
                a, n, columns, month, scaled, tilted
            )  # shares of 1 + S times slopes of the powers
            scaled *= np.repeat(shape, number)
            tilted *= np.repeat(shape, number)
            by_month = np.bincount(month, minlength=self.n_months)
            slopes = np.array([power.sum(), -a * len(power), *(-a * columns.sum(axis=1)), *(-a * by_month)])
            value += p * slopes[0] - _dot(shape, log_sum)
            falls = np.einsum("cj,j->c", moved, shape)
            gradient[slots] += p * slopes - falls
            gradient[2] += p * (slopes[0] - _dot(n, log_sum))
            gradient[3] -= q * float(log_sum.sum())
            bends = np.einsum("cj,dj->cd", moved * shape, moved)
            bends -= self._products(a, power, columns, month, scaled, tilted)
            twice = p * slopes - falls  # second derivatives of powers along log a
            bends[0] += twice
            bends[1:, 0] += twice[1:]
            hessian[np.ix_(slots, slots)] += bends
            by_p, by_q = p * (slopes - np.einsum("cj,j->c", moved, n)), -q * moved.sum(axis=1)
            hessian[2, slots] += by_p
            hessian[slots, 2] += by_p
            hessian[3, slots] += by_q
            hessian[slots, 3] += by_q
        return value, self.wide.T @ gradient, self.wide.T @ hessian @ self.wide

    def _by_customer(
        self, a: float, n: Floats, columns: Floats, month: Integers, weight: Floats, tilted: Floats
    ) -> Floats:
        """Weighted sums of the slopes (power, -a, -a times columns, -a by month) over the purchases of customers."""
        sums = np.empty((len(self.wide) - 2, len(n)))
        sums[0] = add_up(tilted, n)
        sums[1] = -a * add_up(weight, n)
        for line, column in zip(sums[2:], columns, strict=False):
            line[:] = -a * add_up(weight * column, n)
        if self.n_months:
            cell = month * len(n) + np.repeat(np.arange(len(n)), n.astype(np.int64))
            cells = np.bincount(cell, weights=weight, minlength=self.n_months * len(n))
            sums[2 + len(columns) :] = -a * cells.reshape(self.n_months, len(n))
        return sums

    def _products(
        self, a: float, power: Floats, columns: Floats, month: Integers, weight: Floats, tilted: Floats
    ) -> Floats:
        """Weighted products of the slopes; `tilted` is the weight times the power."""
        k = len(self.wide) - 2
        plain, months = np.arange(2, 2 + len(columns)), np.arange(2 + len(columns), k)
        products = np.zeros((k, k))
        products[0, 0] = _dot(tilted, power)
        products[0, 1] = -a * tilted.sum()
        products[1, 1] = a * a * weight.sum()
        weighted = columns * weight
        products[0, plain] = -a * np.einsum("cj,j->c", columns, tilted)
        products[1, plain] = a * a * weighted.sum(axis=1)
        products[np.ix_(plain, plain)] = a * a * np.einsum("cj,dj->cd", weighted, columns)
        if self.n_months:
            by_month = [np.bincount(month, weights=sums, minlength=len(months)) for sums in (tilted, weight, *weighted)]
            products[0, months] = -a * by_month[0]
            products[1, months] = products[months, months] = a * a * by_month[1]
            for i, sums in zip(plain, by_month[2:], strict=True):
                products[i, months] = a * a * sums
        return np.triu(products) + np.triu(products, 1).T
