"""Lognormal spend with a level of each customer: the normal model of random effects, on the logarithm.

Amounts differ by factors, not by sums: an order of a wholesaler is large by a factor. Each customer has a level of
their own, and their purchases scatter around it. Of a customer's amounts only the geometric mean counts.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal, NamedTuple

import attrs
import numpy as np

from crmvalue._core.checks import as_float
from crmvalue._core.values import checked_field
from crmvalue._models.shared.climb import Evaluation
from crmvalue._models.shared.common import positive_field
from crmvalue._models.shared.covariates import CovariateEffect, effects_field
from crmvalue._models.shared.fit import Fit, Parameters, fit_model, register
from crmvalue._models.spend.spend_fit import diagnosed, read_task
from crmvalue._models.spend.spend_model import (
    Level,
    SpendModel,
    add_up,
    blocks,
    drift_field,
    first_field,
    origin_field,
    season_field,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from crmvalue._models.spend.spend_fit import Task
    from crmvalue.purchases import PurchaseHistory
    from crmvalue.typing import Floats

__all__ = ["LogSums", "LognormalSpend", "fit_log_sums", "fit_lognormal_spend"]

_LOG_2_PI = math.log(2.0 * math.pi)
_LEAST = 1e-4  # a variance to start from


@register
@attrs.frozen(repr=False)
class LognormalSpend(SpendModel):
    r"""Spend per purchase, lognormal within a customer, with a lognormal level of each customer.

    Parameters
    ----------
    mu : float
        Mean of the customers' levels [logarithm of money].
    tau : float
        Standard deviation of the levels between customers [logarithm], > 0.
    sigma : float
        Standard deviation of the purchases of one customer [logarithm], > 0.
    use_first : bool, optional
        Whether the first purchase of a customer counts.
    drift : float, optional
        Growth of all amounts [logarithm per year].
    origin : datetime64[D] or None, optional
        Day at which the drift is 0; needed with a drift.
    season : tuple of float, optional
        Effect of each month on the amounts [logarithm], from January to December; empty for no season.
    spend_effects : tuple of CovariateEffect, optional
        Effects of known traits of a customer on their level.

    Notes
    -----
    The logarithm of the j-th amount of customer i is :math:`\mu + b_i + e_{ij}`, with :math:`b_i` of variance
    :math:`\tau^2` and :math:`e_{ij}` of variance :math:`\sigma^2`: the linear model of random effects of Laird and Ware
    (1982). The expected amount is :math:`\exp(\mu + \tau^2/2 + \sigma^2/2)`. Given n amounts with the mean logarithm
    :math:`\bar y`, the level is normal with mean :math:`\mu + k(\bar y - \mu)`, where :math:`k = n\tau^2 / (\sigma^2 +
    n\tau^2)`, and variance :math:`\tau^2(1 - k)`.

    Examples
    --------
    >>> model = LognormalSpend(3.0, 0.8, 0.5)
    >>> round(model.expected_spend_new(), 2)
    31.34
    """

    mu: float = checked_field("mu", as_float)
    tau: float = positive_field("tau")
    sigma: float = positive_field("sigma")
    use_first: bool = first_field()
    drift: float = drift_field()
    origin: np.datetime64 | None = origin_field()
    season: tuple[float, ...] = season_field()
    spend_effects: tuple[CovariateEffect, ...] = effects_field("spend_effects")

    def __attrs_post_init__(self) -> None:
        self._check_drift()

    def _densities(self, log: Floats, n: Floats) -> Floats:
        number = np.maximum(n, 1.0)
        mean = add_up(log, n) / number
        within = add_up((log - np.repeat(mean, n.astype(np.int64))) ** 2, n)
        total = self.sigma**2 + number * self.tau**2
        away = number * (mean - self.mu) ** 2 / total + within / self.sigma**2
        return -0.5 * (number * _LOG_2_PI + (number - 1.0) * 2.0 * math.log(self.sigma) + np.log(total) + away)

    def _level(self, log: Floats, n: Floats) -> Level:
        mean = add_up(log, n) / np.maximum(n, 1.0)
        own = n * self.tau**2 / (self.sigma**2 + n * self.tau**2)
        return Level(np.exp(self.mu + own * (mean - self.mu)), n)

    def _mean(self, n: Floats) -> Floats:
        return np.exp(0.5 * self._spread(n) ** 2)

    def _quantile(self, n: Floats, prob: float) -> Floats:
        from scipy.special import ndtri

        return np.exp(self._spread(n) * float(ndtri(prob)))

    def _spread(self, n: Floats) -> Floats:
        """Give the standard deviation of the logarithm of the next purchase."""
        return np.hypot(self.sigma, self._spread_of_level(n))

    def _spread_of_level(self, n: Floats) -> Floats:
        return self.tau * self.sigma / np.sqrt(self.sigma**2 + n * self.tau**2)

    def _draw_levels(self, n: Floats, rng: np.random.Generator) -> Floats:
        return np.exp(self._spread_of_level(n) * rng.standard_normal(len(n)))

    def _draw_purchases(self, size: int, rng: np.random.Generator) -> Floats:
        return np.exp(self.sigma * rng.standard_normal(size))

    def _moments(self) -> tuple[float, float]:
        square = self.sigma**2
        return math.exp(0.5 * square), math.exp(square) * math.expm1(square)


@np.errstate(under="ignore")
def fit_lognormal_spend(
    history: PurchaseHistory,
    *,
    use_first: bool = True,
    zeros: Literal["raise", "drop"] = "raise",
    drift: bool = False,
    season: bool = False,
    spend_covariates: Sequence[str] = (),
    priors: Mapping[str, tuple[float, float]] | None = None,
) -> Fit[LognormalSpend]:
    """Fit the lognormal model of spend to single amounts.

    Parameters
    ----------
    history : PurchaseHistory
        With `amounts` (`keep_amounts`).
    use_first : bool, optional
        Whether the first purchase of a customer counts. If first purchases are as large as later ones, they add what is
        known of customers with one or two purchases.
    zeros : {"raise", "drop"}, optional
        What to do with purchases of 0, which have no logarithm: raise, or leave them out. Refunds are a matter of the
        summary: ``refunds="net"`` takes them off the purchase before them.
    drift : bool, optional
        Whether all amounts grow or fall with time.
    season : bool, optional
        Whether amounts differ by the month of the year.
    spend_covariates : list of str, optional
        Covariates of the history that move the level of a customer, such as the logarithm of the purchase rate.
    priors : dict of str to tuple of float, optional
        For `tau` and `sigma`: median and standard deviation of the logarithm of a log-normal prior; for `mu`, `drift`,
        `season.1` (January) and so on, and `spend.NAME` of a covariate: mean and standard deviation of a normal prior.

    Returns
    -------
    Fit
        Model, log-likelihood, covariance and diagnosis; `n_customers` are those used. `left_out` counts
        the others, and the purchases of 0.
        With drift or season from less than a year of purchases, the diagnosis says that the two cannot be told apart.

    Raises
    ------
    InputError
        If the history has no amounts, no purchase of money that counts, or a purchase of 0 with `zeros="raise"`.

    Notes
    -----
    Sums of the logarithms and of their squares are all that is needed, so the search takes no time. If all amounts of
    each customer are equal, or no customer has two, `sigma` and `tau` are undetermined; the diagnosis says so.

    Examples
    --------
    >>> from crmvalue.datasets import load_cdnow
    >>> from crmvalue.purchases import summarise_purchases
    >>> cdnow = load_cdnow()
    >>> history = summarise_purchases(cdnow.customer, cdnow.date, cdnow.amount, keep_amounts=True)
    >>> fit = fit_lognormal_spend(history, zeros="drop")
    >>> round(fit.model.tau, 3), round(fit.model.sigma, 3)
    (0.433, 0.58)
    """
    task = read_task(
        history, use_first=use_first, zeros=zeros, drift=drift, season=season, spend_covariates=spend_covariates
    )
    fit = _searched(
        _products_of(task),
        task.names,
        lambda mu, tau, sigma, *rest: LognormalSpend(mu, tau, sigma, **task.fields(rest)),
        priors,
    )
    fit = attrs.evolve(fit, log_likelihood=fit.log_likelihood - float(task.spent.log.sum()))
    return diagnosed(fit, task)


class LogSums(NamedTuple):
    """Sums over the customers of each distinct number of purchases of money, of whom each has a mean logarithm."""

    n_paid: Floats
    n_customers: Floats
    mean: Floats
    square: Floats  # of the mean
    variance: Floats  # of the logarithms of a customer around their mean, over their number


@np.errstate(under="ignore")
def fit_log_sums(sums: LogSums, left_out: Mapping[str, int]) -> Fit[LognormalSpend]:
    """Fit the lognormal model to sums alone, as a warehouse gives them; the first purchases count."""
    n, weight = sums.n_paid, sums.n_customers
    between = np.empty((len(n), 2, 2))
    between[:, 0, 0] = n * sums.square
    between[:, 0, 1] = between[:, 1, 0] = n * sums.mean
    between[:, 1, 1] = n * weight
    within = np.diag([float(n @ sums.variance), 0.0])
    fit = _searched(_Products(n, weight, within, between), (), LognormalSpend, None)
    total = float(n @ sums.mean)
    return attrs.evolve(fit, log_likelihood=fit.log_likelihood - total, left_out=left_out)


def _searched(
    products: _Products,
    coefficients: tuple[str, ...],
    make: Callable[..., LognormalSpend],
    priors: Mapping[str, tuple[float, float]] | None,
) -> Fit[LognormalSpend]:
    """Search for the likeliest parameters of the logarithms."""
    names = ("mu", "tau", "sigma", *coefficients)
    return fit_model(
        make,
        products,
        Parameters(names, np.isin(names, ["tau", "sigma"])),
        [products.start()],
        more_starts=[products.start(turn) for turn in (1.0, -1.0)],
        priors=priors,
        n_customers=int(products.weight.sum()),
    )


def _products_of(task: Task) -> _Products:
    """Add up the products of the columns of purchases."""
    n = task.spent.n
    distinct, code, weight = np.unique(n, return_inverse=True, return_counts=True)
    k = 2 + len(task.names)
    within, between = np.zeros((k, k)), np.zeros((len(distinct), k, k))
    for customers, purchases in blocks(n):
        number = n[customers].astype(np.int64)
        row = np.repeat(np.arange(len(number)), number)
        log = task.spent.log[purchases]
        table = np.column_stack([log, np.ones(len(log)), *task.columns(customers, purchases, row)])
        mean = add_up(table, n[customers]) / n[customers, np.newaxis]
        table -= mean[row]
        within += table.T @ table
        for i in range(k):
            product = (n[customers] * mean[:, i])[:, np.newaxis] * mean
            for j in range(i, k):
                sums = np.bincount(code[customers], weights=product[:, j], minlength=len(distinct))
                between[:, i, j] += sums
                if j > i:
                    between[:, j, i] += sums
    return _Products(distinct, weight.astype(np.float64), within, between)


class _Products:
    """Log-likelihood of the logarithms, from sums of products of the columns (logarithm, 1, columns of coefficients).

    `within` holds those of distances to the means of customers, `between` those of the means times the number of
    purchases, for each distinct number `n`, which `weight` customers have.
    """

    def __init__(self, n: Floats, weight: Floats, within: Floats, between: Floats) -> None:
        self.n, self.weight, self.within, self.between = n, weight, within, between
        self.n_purchases = float(n @ weight)

    def start(self, turn: float = 0.0) -> Floats:
        """Give moments to start from; `turn` moves variance from within customers to between them."""
        k = len(self.within)
        extra = self.n_purchases - self.weight.sum()
        within = self.within[0, 0] / extra if extra else _LEAST
        mean = self.between[:, 0, 1].sum() / self.n_purchases
        away = self.between[:, 0, 0] - 2.0 * mean * self.between[:, 0, 1] + mean**2 * self.n * self.weight
        between = float((away / self.n).sum() / self.weight.sum())
        half = 0.5 * np.log(np.maximum([between, within], _LEAST))
        return np.array([mean, half[0] + turn, half[1] - turn, *np.zeros(k - 2)])

    def __call__(self, theta: Floats) -> Evaluation:
        tau2, sigma2 = np.exp(2.0 * theta[1:3])
        residual = np.concatenate([[1.0, -theta[0]], -theta[3:]])
        total = sigma2 + self.n * tau2
        inside = max(float(residual @ self.within @ residual), 0.0)
        outside = np.einsum("gij,i,j->g", self.between, residual, residual)
        value = -0.5 * (
            self.n_purchases * _LOG_2_PI
            + (self.n_purchases - self.weight.sum()) * float(np.log(sigma2))
            + float(self.weight @ np.log(total))
            + inside / sigma2
            + float((outside / total).sum())
        )
        of_total = self.weight / total - outside / total**2  # slope of twice the negative value
        bend = 2.0 * outside / total**3 - self.weight / total**2
        by_tau, by_sigma = 2.0 * self.n * tau2, np.full(len(self.n), 2.0 * sigma2)
        free = self.n_purchases - float(self.weight.sum())
        k = len(theta)
        places = np.array([0, *range(3, k)])
        products = self.within / sigma2 + np.einsum("gij,g->ij", self.between, 1.0 / total)
        gradient, hessian = np.empty(k), np.empty((k, k))
        gradient[1] = -0.5 * float(of_total @ by_tau)
        gradient[2] = -0.5 * (2.0 * free - 2.0 * inside / sigma2 + float(of_total @ by_sigma))
        gradient[places] = (products @ residual)[1:]
        hessian[1, 1] = -0.5 * float(of_total @ (2.0 * by_tau) + bend @ by_tau**2)
        hessian[2, 2] = -0.5 * (4.0 * inside / sigma2 + float(of_total @ (2.0 * by_sigma) + bend @ by_sigma**2))
        hessian[1, 2] = hessian[2, 1] = -0.5 * float((bend * by_tau) @ by_sigma)
        hessian[np.ix_(places, places)] = -products[1:, 1:]
        across = np.einsum("gij,g->ij", self.between, -by_tau / total**2) @ residual
        along = (
            np.einsum("gij,g->ij", self.between, -by_sigma / total**2) @ residual
            - 2.0 * (self.within @ residual) / sigma2
        )
        hessian[1, places] = hessian[places, 1] = across[1:]
        hessian[2, places] = hessian[places, 2] = along[1:]
        return Evaluation(value, gradient, hessian)
