"""What customers spend per purchase: the gamma-gamma model.

Each customer has a mean spend of their own, and purchases scatter around it. The estimate for a customer with few
purchases rests mostly on the base, that for a customer with many on their own spend. Money is in the unit of the
history's amounts.

The spend is that of **repeat** purchases. It must not depend on how often a customer buys: check this before use with
:func:`crmvalue.models.spend_independence`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import attrs
import numpy as np

from crmvalue._core.checks import as_counts, require, require_choice
from crmvalue._models.shared.common import as_rng, check_history, positive_field
from crmvalue._models.shared.discrete import (
    log_beta_density,
    log_gamma_draws,
)
from crmvalue._models.shared.fit import Fit, Parameters, fit_model, has_priors, register
from crmvalue._models.shared.model import Model
from crmvalue._models.spend.gamma_gamma_likelihood import objective
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from crmvalue.purchases import PurchaseHistory
    from crmvalue.typing import ArrayLike, Floats

__all__ = ["GammaGamma", "fit_gamma_gamma", "fit_mean_spend", "repeat_spend"]

_MANY = 100_000  # from this many customers on, a first search looks at every 32nd only
_THINNED = 32
_START = np.log([3.0, 3.0, 1.0])
_MORE_STARTS = (np.log([0.3, 3.0, 10.0]),)  # in 1,900 bases in doubt no third start led higher
_ALIKE = np.log(50.0)  # of 500 searches that ended with q and gamma above it, no other start led higher


@register
@attrs.frozen
class GammaGamma(Model):
    r"""Spend per purchase, gamma within a customer and gamma between customers.

    Parameters
    ----------
    p : float
        Shape of the spend of one purchase, > 0: the larger, the less the purchases of one customer differ.
    q : float
        Shape of the customers' rates, > 0: the larger, the less customers differ. Means are finite for q > 1 only.
    gamma : float
        Scale of the base [money], > 0.

    Notes
    -----
    Fader and Hardie, "The gamma-gamma model of monetary value" (2013): each purchase of a customer is gamma
    distributed with shape p and rate :math:`\nu`; over customers :math:`\nu` is gamma distributed with shape q and rate
    :math:`\gamma`. The mean spend of the base is :math:`p\gamma/(q-1)`.

    Examples
    --------
    >>> model = GammaGamma(6.25, 3.74, 15.44)
    >>> round(model.expected_spend_new(), 2)
    35.22
    """

    p: float = positive_field("p")
    q: float = positive_field("q")
    gamma: float = positive_field("gamma")

    @np.errstate(under="ignore")
    def log_likelihood(self, history: PurchaseHistory) -> Floats:
        """Log-density of each customer's mean repeat spend, given the number of repeat purchases.

        Parameters
        ----------
        history : PurchaseHistory
            With `mean_repeat_spend`.

        Returns
        -------
        ndarray
            Log-density [1/money] per customer; 0 without a repeat purchase, since nothing was observed.

        Raises
        ------
        InputError
            If the history has no spend, or a mean repeat spend of 0, which no gamma distribution gives.

        Examples
        --------
        >>> model = GammaGamma(6.25, 3.74, 15.44)
        >>> from crmvalue.purchases import PurchaseHistory
        >>> history = PurchaseHistory.from_columns(
        ...     frequency=[2], recency=[3], age=[4], mean_repeat_spend=[50.0], time_unit="week"
        ... )
        >>> model.log_likelihood(history).round(4)
        array([-4.8813])
        """
        frequency, spend, bought = repeat_spend(history)
        require(spend > 0, "history", spend, "one whose mean repeat spend is above 0", hint="leave these customers out")
        x = np.where(bought, frequency, 1.0)
        density = log_beta_density(self.p * x, np.full(len(x), self.q), x * spend / self.gamma) - np.log(spend)
        return np.where(bought, density, 0.0)

    @np.errstate(under="ignore")
    def expected_spend(self, history: PurchaseHistory) -> Floats:
        """Give the expected spend per future purchase of each customer, given their past.

        Parameters
        ----------
        history : PurchaseHistory
            With `mean_repeat_spend`.

        Returns
        -------
        ndarray
            Money per purchase, one per customer: a weighted mean of the customer's spend and the base's. The more
            purchases are known, the more the customer's own spend counts.

        Raises
        ------
        InputError
            If q <= 1, where the base has no finite mean, or if the history has no spend.

        Examples
        --------
        >>> model = GammaGamma(6.25, 3.74, 15.44)
        >>> from crmvalue.purchases import PurchaseHistory
        >>> history = PurchaseHistory.from_columns(
        ...     frequency=[2], recency=[3], age=[4], mean_repeat_spend=[50.0], time_unit="week"
        ... )
        >>> model.expected_spend(history).round(2)
        array([47.34])
        """
        self._require_mean()
        frequency, spend, bought = repeat_spend(history)
        spend = np.where(bought, spend, 0.0)
        own = self.p * frequency
        result: Floats = (self.gamma + frequency * spend) * (self.p / (own + (self.q - 1.0)))
        return result

    @np.errstate(under="ignore")
    def expected_spend_new(self) -> float:
        """Give the expected spend per purchase of a new customer.

        Returns
        -------
        float
            Money per purchase.

        Raises
        ------
        InputError
            If q <= 1, where the base has no finite mean.

        Examples
        --------
        >>> model = GammaGamma(6.25, 3.74, 15.44)
        >>> round(model.expected_spend_new(), 2)
        35.22
        """
        self._require_mean()
        return self.gamma * (self.p / (self.q - 1.0))

    @np.errstate(under="ignore")
    def simulate(self, frequency: ArrayLike, *, rng: np.random.Generator) -> Floats:
        """Draw the mean repeat spend of customers.

        Parameters
        ----------
        frequency : array_like
            Repeat purchases of each customer, shape (n,).
        rng : numpy.random.Generator
            Source of the randomness.

        Returns
        -------
        ndarray
            Mean spend of the repeat purchases [money]; NaN where there is none. Kept within 1e-100 to 1e100, which
            matters for p or q below 0.2 only.

        Raises
        ------
        InputError
            If `frequency` holds anything but whole numbers >= 0.

        Examples
        --------
        >>> model = GammaGamma(6.25, 3.74, 15.44)
        >>> model.simulate([2, 0, 5], rng=np.random.default_rng(1)).round(2)
        array([23.6 ,   nan, 35.57])
        """
        (frequency,) = as_counts(frequency=frequency)
        source = as_rng(rng)
        shape = self.p * np.maximum(frequency, 1.0)
        total = log_gamma_draws(shape, source)
        rate = log_gamma_draws(np.full(frequency.shape, self.q), source)
        log_mean = np.log(self.gamma) + total - rate - np.log(np.maximum(frequency, 1.0))
        return np.where(frequency > 0, np.exp(np.clip(log_mean, -230.0, 230.0)), np.nan)

    def _require_mean(self) -> None:
        if self.q <= 1:
            raise InputError(
                "q", "> 1 for an expected spend: for q <= 1 the base has no finite mean", self.q,
                hint="look for outliers in the spend, or fit with a prior on q",
            )  # fmt: skip


@np.errstate(under="ignore")
def fit_gamma_gamma(
    history: PurchaseHistory,
    *,
    zeros: Literal["raise", "drop"] = "raise",
    priors: Mapping[str, tuple[float, float]] | None = None,
) -> Fit[GammaGamma]:
    """Fit the gamma-gamma model to the mean repeat spend of all customers with a repeat purchase.

    Parameters
    ----------
    history : PurchaseHistory
        With `mean_repeat_spend`.
    zeros : {"raise", "drop"}, optional
        What to do with customers whose mean repeat spend is 0, which no gamma distribution gives: raise, or leave them
        out and count them.
    priors : dict of str to tuple of float, optional
        For `p`, `q`, `gamma`: median and standard deviation of the logarithm of a log-normal prior.

    Returns
    -------
    Fit
        Model, log-likelihood, covariance and diagnosis; `n_customers` are those used, `left_out` counts the others.

    Raises
    ------
    InputError
        If the history has no spend, no customer with a repeat purchase, or a spend of 0 with `zeros="raise"`.

    Notes
    -----
    The log-likelihood is that of the mean spend, as in Fader and Hardie (2013). If every customer always spends the
    same, or all customers spend alike, the likelihood grows without end in `p` or `q`. The diagnosis then says so.

    Examples
    --------
    >>> from crmvalue.purchases import PurchaseHistory
    >>> frequency, spend = [1, 2, 4, 2, 3, 1, 0], [9.0, 20.0, 31.0, 12.0, 45.0, 17.0, 0.0]
    >>> history = PurchaseHistory.from_columns(
    ...     frequency=frequency, recency=frequency, age=[5] * 7, mean_repeat_spend=spend, time_unit="week"
    ... )
    >>> fit = fit_gamma_gamma(history, priors={"p": (5, 0.5), "q": (4, 0.5)})
    >>> fit.n_customers, fit.left_out
    (6, {'no repeat purchase': 1, 'zero spend': 0})
    """
    require_choice("zeros", zeros, ("raise", "drop"))
    frequency, spend, bought = repeat_spend(history)
    zero = bought & (spend == 0)
    if zeros == "raise":
        require(
            ~zero, "history", spend, "one whose mean repeat spend is above 0",
            hint="zeros='drop' leaves these customers out and counts them",
        )  # fmt: skip
    used = bought & ~zero
    if not used.any():
        raise InputError("history", "one with a customer who has a repeat purchase of some money", 0)
    left_out = {"no repeat purchase": int((~bought).sum()), "zero spend": int(zero.sum())}
    return fit_mean_spend(frequency[used], spend[used], priors=priors, left_out=left_out)


def fit_mean_spend(
    x: Floats, m: Floats, *, priors: Mapping[str, tuple[float, float]] | None = None, left_out: Mapping[str, int]
) -> Fit[GammaGamma]:
    """Fit the model to customers with x repeat purchases of mean m, both above 0; `left_out` counts the others."""
    unit = float(np.exp(np.log(m).mean()))  # the search has bounds, so it counts money in typical purchases
    many = len(x) >= _MANY  # the search on a part of the customers ends near that on all
    fit = fit_model(
        GammaGamma,
        objective(x, m, unit),
        Parameters(("p", "q", "gamma"), np.ones(3, dtype=bool)),
        [_START],
        more_starts=_MORE_STARTS,
        priors=priors,
        units=np.array([1.0, 1.0, unit]),
        n_customers=len(x),
        n_more=None if has_priors(priors) else lambda end: 0 if (end[1:] > _ALIKE).all() else None,
        rough=objective(x[::_THINNED], m[::_THINNED], unit) if many else None,
    )
    return attrs.evolve(fit, log_likelihood=fit.log_likelihood - len(x) * np.log(unit), left_out=left_out)


def repeat_spend(history: PurchaseHistory) -> tuple[Floats, Floats, npt.NDArray[np.bool_]]:
    """Frequency, mean repeat spend (1 where there is none) and whether there is one."""
    spend = check_history(history).mean_repeat_spend
    if spend is None:
        raise InputError("history", "one with `mean_repeat_spend`", None, hint="summarise a log with amounts")
    bought = history.frequency > 0
    return history.frequency, np.where(bought, spend, 1.0), bought
