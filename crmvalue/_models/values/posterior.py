"""Uncertainty of parameters: draws from a normal approximation of their posterior, with weights that correct it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from crmvalue._core.checks import as_whole_number, require
from crmvalue._core.encoding.indexes import part_of
from crmvalue._core.frames import Columns
from crmvalue._core.labels import as_given
from crmvalue._core.pictures.pictured import Pictured
from crmvalue._core.values import checked_field, number_column, number_table, stay_frozen
from crmvalue._models.pictures import posterior_parts
from crmvalue._models.shared.common import Alike, alike, as_names, as_rng, check_history, take
from crmvalue._models.shared.covariates import with_estimates
from crmvalue._models.shared.fit import Fit
from crmvalue._models.shared.purchase_model import ContinuousModel, process_of
from crmvalue._models.spend.gamma_gamma import GammaGamma, repeat_spend
from crmvalue._models.spend.gamma_gamma_likelihood import objective
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from crmvalue._core.pictures.parts import Parts
    from crmvalue.purchases import PurchaseHistory
    from crmvalue.typing import Floats

__all__ = [
    "MOST_DRAWS",
    "Posterior",
    "draw",
    "draw_posterior",
    "is_that_of",
    "spenders",
    "total_of_alike",
    "total_of_rows",
    "total_of_spend",
]

MOST_DRAWS = 100_000  # each costs one log-likelihood: up to a minute for a thousand different customers
_ROUNDING = 1e-9
_SAME = 1e-6  # relative difference of two log-likelihoods of the same data


@stay_frozen
@attrs.frozen(kw_only=True)
class Posterior(Columns, Pictured):
    """Draws from the Laplace approximation of the posterior, with weights that correct it.

    Parameters
    ----------
    names : tuple of str
        Names of the k parameters.
    draws : ndarray
        Draws of the parameters, shape (n, k).
    weight : ndarray
        Importance weight of each draw, shape (n,); sums to 1.

    Examples
    --------
    >>> posterior = Posterior(names=("r",), draws=[[0.2], [0.3]], weight=[0.5, 0.5])
    >>> posterior.effective_share, posterior["r"]
    (1.0, array([0.2, 0.3]))
    """

    names: tuple[str, ...] = checked_field("names", as_names)
    draws: Floats = number_table("draws", 2, infinite=True)
    weight: Floats = number_column("weight")

    def __attrs_post_init__(self) -> None:
        n, k = len(self.weight), len(self.names)
        if not n or not k or len(set(self.names)) != k:
            raise InputError("names" if n else "weight", "at least one, all different", self.names if n else 0)
        if self.draws.shape != (n, k):
            raise InputError("draws", f"of shape {(n, k)}, a row for each weight", self.draws.shape)
        require(self.weight >= 0, "weight", self.weight, ">= 0")
        if not math.isclose(self.weight.sum(), 1.0, rel_tol=_ROUNDING):
            raise InputError("weight", "of sum 1", float(self.weight.sum()))

    def _parts(self) -> Parts:
        return posterior_parts(self.names, self.draws, self.weight, self.effective_share)

    def __getitem__(self, name: str) -> Floats:
        if name not in self.names:
            raise InputError("name", f"one of {', '.join(self.names)}", name)
        return self.draws[:, self.names.index(name)]

    @property
    def effective_share(self) -> float:
        """Effective sample size over the number of draws: 1 where the approximation is exact, near 0 where it fails."""
        return float(1.0 / (len(self.weight) * np.sum(self.weight**2)))

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give each parameter and the weight, one row for each draw, for a dataframe of any kind."""
        return {name: self[name] for name in self.names} | {"weight": self.weight}


@np.errstate(under="ignore")
def draw_posterior(fit: Fit[Any], history: Any, *, n_draws: int = 1000, rng: np.random.Generator) -> Posterior:
    """Draw parameters from the posterior by Laplace's approximation with importance weights.

    Parameters
    ----------
    fit : Fit
        A fit with priors, or by maximum likelihood, where the prior is flat in the logarithms.
    history : PurchaseHistory, OpportunityHistory or ContractHistory
        The data of that fit.
    n_draws : int, optional
        Number of draws, from 1 to 100,000. Each costs one log-likelihood of all different customers: 0.1 to 0.8
        milliseconds for a thousand of them, so 100,000 draws take up to about a minute.
    rng : numpy.random.Generator
        Source of randomness; the same state gives the same draws.

    Returns
    -------
    Posterior
        The draws and their weights. Their `effective_share` says how good the approximation is. Above about 0.5 it may
        be used; far below, get more data, give priors, or use another sampler.

    Raises
    ------
    InputError
        If a parameter of the fit is on a boundary or undetermined, the history is not that of the fit, or `rng` is no
        generator.

    Notes
    -----
    Draws are normal on the logarithms of positive parameters, with the covariance of the fit. The weight of a draw is
    the true posterior density over the normal one. Tierney and Kadane (1986); Gelman et al., Bayesian Data Analysis,
    section 10.4.

    Examples
    --------
    >>> from crmvalue.datasets import load_cdnow
    >>> from crmvalue.models import fit_bg_nbd
    >>> from crmvalue.purchases import summarise_purchases
    >>> cdnow = load_cdnow()
    >>> history = summarise_purchases(cdnow.customer, cdnow.date, as_of="1997-09-30")
    >>> fit = fit_bg_nbd(history)
    >>> posterior = draw_posterior(fit, history, n_draws=200, rng=np.random.default_rng(1))
    >>> posterior.effective_share > 0.5
    True
    """
    if not isinstance(fit, Fit):
        raise InputError("fit", "a Fit: only a fit knows the uncertainty of its parameters", type(fit).__name__)
    n = as_whole_number("n_draws", n_draws, low=1, high=MOST_DRAWS)
    generator = as_rng(rng)
    if not np.isfinite(fit.search_covariance).all():
        hint = "; ".join((*fit.diagnosis.messages, "give priors"))
        raise InputError("fit", "a fit that determines all its parameters", "one that does not", hint=hint)
    total = _total_of(fit, history)
    found = total(fit.estimates)
    if not is_that_of(fit, found):
        rule = f"that of the fit, of {fit.n_customers} customers and log-likelihood {as_given(fit.log_likelihood)}"
        raise InputError("history", rule, f"one of log-likelihood {as_given(found)}")
    return draw(fit, total, n, generator)


def _total_of(fit: Fit[Any], history: Any) -> Callable[[Floats], float]:
    """Log-likelihood of all customers as a function of the parameters of a fit."""
    if isinstance(fit.model, ContinuousModel):
        return total_of_alike(fit, alike(check_history(history, fit.model.time_unit)))
    if isinstance(fit.model, GammaGamma):
        return total_of_spend(fit, spenders(history))
    return total_of_rows(fit, history)


def spenders(history: PurchaseHistory) -> PurchaseHistory:
    """Give the customers of whom a fit of spend learns."""
    _, spend, bought = repeat_spend(history)
    return take(history, np.flatnonzero(bought & (spend > 0)))


def total_of_spend(fit: Fit[Any], history: PurchaseHistory) -> Callable[[Floats], float]:
    """Log-likelihood of the spend of customers, each of whom has some, as a function of the parameters."""
    if not len(history):
        return lambda _: 0.0
    evaluate = objective(history.frequency, history.mean_repeat_spend)  # type: ignore[arg-type]  # they have some

    def total(values: Floats) -> float:
        model = with_estimates(fit.model, fit.names, values.tolist())
        return evaluate(np.log([model.p, model.q, model.gamma])).value

    return total


def total_of_rows(fit: Fit[Any], history: Any) -> Callable[[Floats], float]:
    """Log-likelihood of all rows of a history, as a function of the parameters."""
    weight = part_of(history, "weight", 1.0)

    def total(values: Floats) -> float:
        model = with_estimates(fit.model, fit.names, values.tolist())
        return float((model.log_likelihood(history) * weight).sum())

    return total


def total_of_alike(fit: Fit[Any], customers: Alike) -> Callable[[Floats], float]:
    """Log-likelihood of all customers of a compressed history as a function of the parameters of a purchase model."""
    rows, place = customers
    weight = np.bincount(place).astype(np.float64)

    def total(values: Floats) -> float:
        process = process_of(with_estimates(fit.model, fit.names, values.tolist()), rows)
        return float((process.log_likelihood(rows.frequency, rows.recency, rows.age) * weight).sum())

    return total


def is_that_of(fit: Fit[Any], log_likelihood: float) -> bool:
    """Whether data of this log-likelihood are those of the fit."""
    return math.isclose(log_likelihood, fit.log_likelihood, rel_tol=_SAME, abs_tol=_SAME)


def draw(fit: Fit[Any], total: Callable[[Floats], float], n: int, rng: np.random.Generator) -> Posterior:
    """Draw n points around a determined fit, and weigh them by their log-likelihood."""
    centre = np.where(fit.positive, np.log(np.where(fit.positive, fit.estimates, 1.0)), fit.estimates)
    noise = rng.standard_normal((n, len(centre)))
    draws = centre + noise @ np.linalg.cholesky(fit.search_covariance).T
    with np.errstate(over="ignore"):
        values = np.where(fit.positive, np.exp(np.where(fit.positive, draws, 0.0)), draws)
    height = np.array([_log_posterior(fit, total, row) for row in values]) + 0.5 * np.sum(noise**2, axis=1)
    weight = np.exp(height - height.max())
    return Posterior(names=fit.names, draws=values, weight=weight / weight.sum())


def _log_posterior(fit: Fit[Any], total: Callable[[Floats], float], values: Floats) -> float:
    try:
        height = total(values)
    except InputError:  # a draw so far away that it is no model
        return -math.inf
    named = dict(zip(fit.names, values.tolist(), strict=True))
    positive = dict(zip(fit.names, fit.positive.tolist(), strict=True))
    for name, (median, spread) in fit.priors.items():
        away = math.log(named[name] / median) if positive[name] else named[name] - median
        height -= 0.5 * (away / spread) ** 2
    return height
