"""Heavy-tailed spend: the gamma-gamma model of powers of amounts, so that one amount follows a GB2.

The power `a` lets levels of customers and single amounts have heavier or lighter tails than those of the gamma-gamma
model (a = 1). With a small power it comes near the lognormal model.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

import attrs
import numpy as np

from crmvalue._models.shared.common import positive_field
from crmvalue._models.shared.covariates import CovariateEffect, effects_field
from crmvalue._models.shared.discrete import log_gamma_draws
from crmvalue._models.shared.fit import Fit, Parameters, fit_model, has_priors, register
from crmvalue._models.spend.gb2_likelihood import Gb2Likelihood, log_ratio, log_sums
from crmvalue._models.spend.spend_fit import diagnosed, read_task
from crmvalue._models.spend.spend_model import (
    Level,
    SpendModel,
    add_up,
    drift_field,
    first_field,
    origin_field,
    season_field,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from crmvalue.purchases import PurchaseHistory
    from crmvalue.typing import Floats

__all__ = ["Gb2Spend", "fit_gb2_spend"]

_MANY = 100_000  # from this many customers on, a first search looks at every 32nd only
_THINNED = 32
_POWERS = (1.0, 2.5, 0.4)  # to start from
_LARGEST = 690.0  # logarithm of a number that is still one


@register
@attrs.frozen(repr=False)
class Gb2Spend(SpendModel):
    r"""Spend per purchase: powers of amounts are gamma within a customer and gamma between customers.

    Parameters
    ----------
    a : float
        Power, > 0.
    scale : float
        Scale of the base [money], > 0: about a typical amount.
    p : float
        Shape of the powers of the amounts of one customer, > 0: the larger, the less they differ.
    q : float
        Shape of the customers' rates, > 0: the larger, the less customers differ. Means are finite only if `a` times
        `q` is above 1.
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
    With :math:`b = \mathrm{scale} \, (q/p)^{1/a}`, the amount y of a customer is such that :math:`(y/b)^a` is gamma
    distributed with shape p and rate :math:`\nu`; over customers :math:`\nu` is gamma distributed with shape q and rate
    1. So one amount follows the generalised beta distribution of the second kind, GB2(a, b, p, q), of McDonald (1984);
    its upper tail falls like :math:`y^{-aq-1}`. With a = 1 it is the gamma-gamma model with :math:`\gamma = b`.

    Given n amounts with :math:`S = \sum (y/b)^a`, the rate is gamma with shape q + n p and rate 1 + S. So with a > 1
    large amounts of a customer decide what is expected of them, and small ones hardly count.

    Examples
    --------
    >>> model = Gb2Spend(2.1, 290.0, 0.8, 1.0)
    >>> round(model.expected_spend_new(), 1)
    422.9
    """

    a: float = positive_field("a")
    scale: float = positive_field("scale")
    p: float = positive_field("p")
    q: float = positive_field("q")
    use_first: bool = first_field()
    drift: float = drift_field()
    origin: np.datetime64 | None = origin_field()
    season: tuple[float, ...] = season_field()
    spend_effects: tuple[CovariateEffect, ...] = effects_field("spend_effects")

    def __attrs_post_init__(self) -> None:
        self._check_drift()

    @property
    def _log_b(self) -> float:
        return math.log(self.scale) + (math.log(self.q) - math.log(self.p)) / self.a

    def _densities(self, log: Floats, n: Floats) -> Floats:
        from scipy.special import gammaln

        power = self.a * (log - self._log_b)
        top, sums = log_sums(power, n)
        own = n * (np.log(self.a) - gammaln(self.p)) + self.p * add_up(power, n)
        ratio = log_ratio(self.q, np.arange(n.max(initial=0.0) + 1.0) * self.p)[n.astype(np.int64)]
        densities: Floats = own + ratio - (self.q + n * self.p) * (top + np.log(sums))
        return densities

    def _level(self, log: Floats, n: Floats) -> Level:
        top, sums = log_sums(self.a * (log - self._log_b), n)
        known = self._log_b + (top + np.log(sums) + math.log(self.p) - np.log(self.q + n * self.p)) / self.a
        return Level(np.exp(np.clip(known, -_LARGEST, _LARGEST)), n)

    def _mean(self, n: Floats) -> Floats:
        root, shape = 1.0 / self.a, self.q + n * self.p
        finite = shape > root
        ratio = log_ratio(self.p, root) - log_ratio(np.where(finite, shape - root, 1.0), root)
        ratio += root * (np.log(shape) - math.log(self.p))
        return np.where(finite, np.exp(np.minimum(ratio, _LARGEST)), np.inf)

    def _quantile(self, n: Floats, prob: float) -> Floats:
        from scipy.special import betaincinv

        shape = self.q + n * self.p
        share, rest = betaincinv(self.p, shape, prob), betaincinv(shape, self.p, 1.0 - prob)
        with np.errstate(divide="ignore", over="ignore"):
            odds = np.log(share) - np.log(rest) + np.log(shape) - math.log(self.p)
            quantile: Floats = np.exp(odds / self.a)
        return quantile

    def _draw_levels(self, n: Floats, rng: np.random.Generator) -> Floats:
        shape = self.q + n * self.p
        return np.exp(np.clip((np.log(shape) - log_gamma_draws(shape, rng)) / self.a, -230.0, 230.0))

    def _draw_purchases(self, size: int, rng: np.random.Generator) -> Floats:
        logs = log_gamma_draws(np.full(size, self.p), rng) - math.log(self.p)
        return np.exp(np.clip(logs / self.a, -230.0, 230.0))

    def _moments(self) -> tuple[float, float]:
        roots = np.array([1.0, 2.0]) / self.a
        first, second = np.exp(log_ratio(self.p, roots) - roots * math.log(self.p)).tolist()
        return first, second - first * first


@np.errstate(under="ignore")
def fit_gb2_spend(
    history: PurchaseHistory,
    *,
    use_first: bool = True,
    zeros: Literal["raise", "drop"] = "raise",
    drift: bool = False,
    season: bool = False,
    spend_covariates: Sequence[str] = (),
    priors: Mapping[str, tuple[float, float]] | None = None,
) -> Fit[Gb2Spend]:
    """Fit the heavy-tailed model of spend to single amounts.

    Parameters
    ----------
    history : PurchaseHistory
        With `amounts` (`keep_amounts`).
    use_first, zeros, drift, season, spend_covariates
        As in :func:`fit_lognormal_spend`.
    priors : dict of str to tuple of float, optional
        For `a`, `scale`, `p`, `q`: median and standard deviation of the logarithm of a log-normal prior; for `drift`,
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
    If amounts are lognormal, `a` falls and `p` and `q` grow along a ridge. The diagnosis then says that they are
    undetermined: use :func:`fit_lognormal_spend`.

    Examples
    --------
    >>> from crmvalue.datasets import load_cdnow
    >>> from crmvalue.purchases import summarise_purchases
    >>> cdnow = load_cdnow()
    >>> history = summarise_purchases(cdnow.customer, cdnow.date, cdnow.amount, keep_amounts=True)
    >>> fit = fit_gb2_spend(history, zeros="drop", use_first=False)
    >>> round(fit.model.a, 2), fit.diagnosis.trustworthy
    (0.25, True)
    """
    task = read_task(
        history, use_first=use_first, zeros=zeros, drift=drift, season=season, spend_covariates=spend_covariates
    )
    unit = float(np.exp(task.spent.log.mean()))  # the search has bounds, so it counts money in typical purchases
    names = ("a", "scale", "p", "q", *task.names)
    n = len(task.spent.n)
    evaluate = Gb2Likelihood(task, unit)
    starts = [evaluate.start(power) for power in _POWERS]
    fit = fit_model(
        lambda a, scale, p, q, *rest: Gb2Spend(a, scale, p, q, **task.fields(rest)),
        evaluate,
        Parameters(names, np.arange(len(names)) < 4),
        starts[:1],
        more_starts=starts[1:],
        priors=priors,
        units=np.array([1.0, unit, *np.ones(len(names) - 2)]),
        n_customers=n,
        rough=Gb2Likelihood(task.thinned(_THINNED), unit) if n >= _MANY and not has_priors(priors) else None,
    )
    total = float(task.spent.log.sum())
    return diagnosed(attrs.evolve(fit, log_likelihood=fit.log_likelihood - total), task)
