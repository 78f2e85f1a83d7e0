"""The mathematics behind the models of contracts: survival at renewals, its sums, and the likelihood of lifetimes.

Both models are one: a customer with the churn probability theta survives t renewals with probability
(1 - theta)^(t^c); the shifted beta-geometric model has c = 1.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from crmvalue._core.checks import as_float, as_whole_number, require, require_same_labels
from crmvalue._models.contracts.histories import ContractHistory
from crmvalue._models.shared.climb import Evaluation
from crmvalue._models.shared.common import MOST_CUSTOMERS, as_rng
from crmvalue._models.shared.discrete import as_periods, log1mexp, log_beta_ratio, log_gamma_draws, sum_exp
from crmvalue._models.shared.fit import Fit, Parameters, fit_model
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from crmvalue.typing import ArrayLike, FloatOrArray, Floats

__all__ = ["Contract", "fit_contract", "objective"]

_MOST_LIFETIMES = 100_000  # that differ: each costs a row of the likelihood in every step of a search
_HUGE = 600.0  # beyond exp(600) a beta function is a power
_HUGE_IN_SEARCH = 300.0  # its square has to be a number


class Contract(NamedTuple):
    """Survival at renewals when churn probabilities are beta(a, b) and tenure counts as tenure^c."""

    a: float
    b: float
    c: float

    def log_survival(self, t: Floats, tenure: Floats | float) -> Floats:
        """Log-probability to survive t more renewals, t and tenure whole or not."""
        t, k = np.broadcast_arrays(np.asarray(t, dtype=np.float64), np.asarray(tenure, dtype=np.float64))
        end = t + k
        with np.errstate(divide="ignore"):  # the logarithm of 0 is right here
            log_from, log_to = self.c * np.log(k), self.c * np.log(end)
        start = np.exp(np.minimum(log_from, _HUGE))
        power = self.c * np.log1p(t / np.where(k > 0, k, 1.0))
        step = np.where(k > 0, -np.expm1(-power), 1.0) * np.exp(np.minimum(log_to, _HUGE))
        result = log_beta_ratio(self.a, self.b + start, step) - self.a * np.maximum(log_to - _HUGE, 0.0)
        return np.where(t == 0, 0.0, np.where(log_from > _HUGE, -self.a * power, result))

    @np.errstate(under="ignore")
    def survival(self, t: ArrayLike, tenure: ArrayLike) -> FloatOrArray:
        """Probability to survive t more renewals."""
        require_same_labels({"t": t, "tenure": tenure})
        t, tenure = _pair("t", as_periods("t", t), as_periods("tenure", tenure))
        survival: FloatOrArray = np.exp(self.log_survival(t, tenure))[()]
        return survival

    @np.errstate(under="ignore")
    def prob_churn(self, t: ArrayLike, tenure: ArrayLike) -> FloatOrArray:
        """Probability to leave exactly at the t-th renewal from now."""
        require_same_labels({"t": t, "tenure": tenure})
        t, tenure = _pair("t", as_periods("t", t, low=1), as_periods("tenure", tenure))
        leave = -np.expm1(self.log_survival(np.ones(t.shape), tenure + t - 1.0))
        prob: FloatOrArray = (np.exp(self.log_survival(t - 1.0, tenure)) * leave)[()]
        return prob

    @np.errstate(under="ignore")
    def log_likelihood(self, history: ContractHistory) -> Floats:
        """Log-likelihood of one customer of each row."""
        t = history.lifetime
        before = np.where(history.churned, t - 1.0, t)
        leave = log1mexp(np.minimum(self.log_survival(np.ones(len(t)), before), -1e-300))
        return self.log_survival(before, 0.0) + np.where(history.churned, leave, 0.0)

    @np.errstate(under="ignore")
    def lifetime(self, tenure: ArrayLike, discount_rate: float, horizon: int | None, *, shift: float) -> FloatOrArray:
        """Sum of the survival of renewal j = 1, 2, ... times (1 + d)^-(j - shift)."""
        k = as_periods("tenure", tenure)
        d = as_float("discount_rate", discount_rate)
        require(d >= 0, "discount_rate", d, ">= 0")
        n = None if horizon is None else as_whole_number("horizon", horizon, low=0)
        tail_ratio = 0.0
        if n is None and d == 0:
            if self.a * self.c <= 1:
                raise InputError(
                    "horizon", "given: the mean lifetime of this base is infinite",
                    None, hint="a horizon, or a discount rate",
                )  # fmt: skip
            tail_ratio = 2.0 ** (1.0 - self.a * self.c)
        log_factor = math.log1p(d)
        distinct, place = np.unique(k, return_inverse=True)
        tenures = distinct[:, np.newaxis]
        total = sum_exp(lambda j: self.log_survival(j, tenures) - (j - shift) * log_factor, n, tail_ratio=tail_ratio)
        result: FloatOrArray = total[place.reshape(k.shape)][()]
        return result

    @np.errstate(under="ignore")
    def simulate(self, n_customers: int, n_periods: int, rng: np.random.Generator) -> ContractHistory:
        """Draw churn probabilities and lifetimes."""
        n = as_whole_number("n_customers", n_customers, low=1, high=MOST_CUSTOMERS)
        end = as_whole_number("n_periods", n_periods, low=0, high=10**9)
        source = as_rng(rng)
        log_odds = log_gamma_draws(np.full(n, self.a), source) - log_gamma_draws(np.full(n, self.b), source)
        # hazard -log(1 - theta) = log(1 + odds), in logs because the odds of a small `a` are beyond float64
        log_hazard = np.where(log_odds < -30, log_odds, np.log(np.logaddexp(0.0, np.maximum(log_odds, -30.0))))
        log_time = (np.log(np.maximum(source.standard_exponential(n), 1e-300)) - log_hazard) / self.c
        time = np.maximum(np.ceil(np.exp(np.minimum(log_time, 40.0))), 1.0)  # whole periods up to 2e17
        return ContractHistory(lifetime=np.minimum(time, end), churned=time <= end)


@np.errstate(under="ignore")
def fit_contract(
    make: Callable[..., Any],
    names: tuple[str, ...],
    survivors: ArrayLike | ContractHistory,
    priors: Mapping[str, tuple[float, float]] | None,
) -> Fit[Any]:
    """Fit (alpha, beta) or (alpha, beta, c)."""
    history = survivors if isinstance(survivors, ContractHistory) else ContractHistory.from_survivors(survivors)
    n_lifetimes = len(np.unique(history.lifetime[history.weight > 0]))
    if n_lifetimes > _MOST_LIFETIMES:
        raise InputError(
            "survivors", f"of at most {_MOST_LIFETIMES:,} different lifetimes", n_lifetimes,
            hint="count longer periods, such as months instead of days",
        )  # fmt: skip
    if history.lifetime.max() < 1:
        raise InputError("survivors", "a base in which at least one customer has had a renewal", 0)
    churn = float((history.weight * history.churned).sum() / (history.weight * history.lifetime).sum())
    churn = min(max(churn, 1e-4), 1.0 - 1e-4)
    starts = [np.log([size * churn, size * (1.0 - churn), 1.0][: len(names)]) for size in (2.0, 0.5, 20.0, 500.0)]
    return fit_model(
        make,
        objective(history, len(names)),
        Parameters(names, np.ones(len(names), dtype=bool)),
        starts[:1],
        more_starts=starts[1:],
        priors=priors,
        n_customers=history.n_customers,
        n_events=int((history.weight * history.churned).sum()),
    )


def objective(history: ContractHistory, n_parameters: int) -> Callable[[Floats], Evaluation]:
    """Log-likelihood with derivatives in the logarithms of the parameters, on distinct rows."""
    some = history.weight > 0  # a renewal at which nobody left has no row
    key, place = np.unique((2.0 * history.lifetime + history.churned)[some], return_inverse=True)
    weight = np.bincount(place, weights=history.weight[some]).astype(np.float64)
    lifetime, churned = np.floor(key / 2.0), key % 2.0 > 0
    compressed = ContractHistory(lifetime=lifetime, churned=churned, weight=weight)
    before = np.where(churned, lifetime - 1.0, lifetime)

    def evaluate(theta: Floats) -> Evaluation:
        natural = np.exp(np.append(theta, 0.0)[:3] if n_parameters == 2 else theta)
        contract = Contract(*natural.tolist())
        value = float((weight * contract.log_likelihood(compressed)).sum())
        slope, curve = _survival_derivatives(natural, before)
        slope_end, curve_end = _survival_derivatives(natural, lifetime)
        drop = np.where(churned, np.minimum(contract.log_survival(lifetime - before, before), -1e-100), -1.0)
        # log(1 - exp(drop)): first and second derivative; 0 for those who stayed
        stays = np.where(churned, -np.exp(drop) / -np.expm1(drop), 0.0)
        bends = np.where(churned, -np.exp(drop) / np.expm1(drop) ** 2, 0.0)
        change = slope_end - slope
        gradient = (weight * (slope + stays * change)).sum(axis=-1)
        hessian = (
            weight * (curve + stays * (curve_end - curve) + bends * change[:, np.newaxis] * change[np.newaxis])
        ).sum(axis=-1)
        gradient = gradient * natural
        hessian = hessian * np.outer(natural, natural) + np.diag(gradient)
        return Evaluation(value, gradient[:n_parameters], hessian[:n_parameters, :n_parameters])

    return evaluate


def _survival_derivatives(natural: Floats, t: Floats) -> tuple[Floats, Floats]:
    """First and second derivatives of log S(t) in (a, b, c), shapes (3, n) and (3, 3, n)."""
    from scipy.special import digamma, polygamma

    a, b, c = natural
    log_t = np.log(np.maximum(t, 1.0))
    u = np.where(t > 0, np.exp(np.minimum(c * log_t, _HUGE_IN_SEARCH)), 0.0)
    whole, part = a + b + u, b + u
    to_u = digamma(part) - digamma(whole)
    by_a = digamma(a + b) - digamma(whole)
    by_b = to_u - (digamma(b) - digamma(a + b))
    tri_whole, tri_part = polygamma(1, whole), polygamma(1, part)
    aa = polygamma(1, a + b) - tri_whole
    bb = aa - polygamma(1, b) + tri_part
    uu = tri_part - tri_whole
    du = u * log_t
    slope = np.stack([by_a, by_b, to_u * du])
    ac, bc, cc = -tri_whole * du, uu * du, uu * du**2 + to_u * du * log_t
    curve = np.stack([np.stack([aa, aa, ac]), np.stack([aa, bb, bc]), np.stack([ac, bc, cc])])
    return slope, curve


def _pair(name: str, first: Floats, tenure: Floats) -> tuple[Floats, Floats]:
    try:
        a, b = np.broadcast_arrays(first, tenure)
    except ValueError as error:
        raise InputError("tenure", f"of a shape that broadcasts with `{name}` {first.shape}", tenure.shape) from error
    return a, b
