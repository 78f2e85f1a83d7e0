"""What known customers will bring: the time they are expected to stay, and whole futures drawn at random.

Everything is for given parameters. Of a customer who is still one, the rate of purchases is gamma(r + x, alpha + T); a
BG/NBD or MBG/NBD customer is lost after a purchase with a chance p that is beta(a, b + tosses so far), a Pareto/NBD
customer leaves at a rate that is gamma(s, beta + T). His purchases are a Poisson process until then. Each brings a
gamma(p) over his own nu, which is gamma(q + p x, gamma + x m) given the mean m of x purchases.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from crmvalue._models.repeat.mbg_nbd import MbgNbd
from crmvalue._models.repeat.pareto_nbd import ParetoNbd
from crmvalue._models.shared.covariates import factors
from crmvalue._models.shared.numerics import gauss_legendre

if TYPE_CHECKING:
    from crmvalue._models.repeat.bg_nbd import BgNbd
    from crmvalue._models.values.gamma_gamma import GammaGamma
    from crmvalue.purchases import PurchaseHistory
    from crmvalue.typing import Floats, Integers

__all__ = ["Terms", "discounted_time_alive", "draw_outcomes", "time_rule"]

_SERVICE_NODES = 40  # of the integral of the cost of serving over the horizon
_DISCOUNTED_AWAY = 40.0  # a discount of exp(-40) leaves nothing
_NOT_WORTH_DRAWING = 25.0  # nor does one of exp(-25), next to what chance does
_MANY = 4096.0  # so many purchases of one future are drawn together
_BLOCK = 1 << 20  # purchases drawn at a time
_MOST_EXPECTED = 1e15  # purchases of one future


class Terms(NamedTuple):
    """How money of the future counts; the horizon is None for life."""

    horizon: float | None
    discount_rate: float
    margin: float
    service_cost: float


class _Future(NamedTuple):
    """How long customers stay, their purchases before that moment, and whether one more takes place at it."""

    stay: Floats
    n_before: Floats
    one_more: Floats


def discounted_time_alive(history: PurchaseHistory, model: Any, rate: float, horizon: float | None) -> Floats:
    """Integrate the time that each customer is expected to stay, each moment s ahead counting (1 + d)^-s."""
    alive = np.zeros(len(history))
    for time, weight in zip(*(column.tolist() for column in time_rule(history, rate, horizon)), strict=True):
        alive += weight * model.prob_alive(history, at=time)
    return alive


def time_rule(history: PurchaseHistory, rate: float, horizon: float | None) -> tuple[Floats, Floats]:
    """Moments ahead and their weights, for integrals of (1 + d)^-s times what falls at the pace of the customers."""
    force = math.log1p(rate)
    end = _DISCOUNTED_AWAY / force if horizon is None else min(horizon, _DISCOUNTED_AWAY / force if force else math.inf)
    scale = float(np.median(history.age)) or 1.0  # customers are lost at the pace of their age, so log time is smooth
    node, weight = gauss_legendre(_SERVICE_NODES)
    reach = math.log1p(end / scale)
    time = scale * np.expm1(reach * node)
    return time, reach * weight * (scale + time) * np.exp(-force * time)


def draw_outcomes(
    history: PurchaseHistory,
    model: BgNbd | MbgNbd | ParetoNbd,
    spend_model: GammaGamma,
    terms: Terms,
    n_draws: int,
    rng: np.random.Generator,
) -> Floats:
    """Net value that each customer brings in each of some futures, shape (customers, n_draws)."""
    force = math.log1p(terms.discount_rate)
    worth = _NOT_WORTH_DRAWING / force if force else math.inf
    end = worth if terms.horizon is None else min(terms.horizon, worth)
    still = np.flatnonzero(rng.random((len(history), n_draws)) < model.prob_alive(history)[:, np.newaxis])
    owner = still // n_draws
    future = _draw_futures(model, history, owner, end, rng)
    spend = _discounted_sum(future.n_before, future.stay, force, spend_model.p, rng)
    spend += future.one_more * np.exp(-force * future.stay) * rng.standard_gamma(spend_model.p, len(owner))
    x = history.frequency
    bought = np.where(x > 0, x * history.mean_repeat_spend, 0.0)  # type: ignore[operator]  # whoever values has it
    nu = rng.standard_gamma((spend_model.q + spend_model.p * x)[owner]) / (spend_model.gamma + bought)[owner]
    time = future.stay if force == 0.0 else -np.expm1(-force * future.stay) / force
    outcomes = np.zeros(len(history) * n_draws)
    outcomes[still] = terms.margin * spend / nu - terms.service_cost * time
    return outcomes.reshape(len(history), n_draws)


def _draw_futures(
    model: BgNbd | MbgNbd | ParetoNbd,
    history: PurchaseHistory,
    owner: Integers,
    end: float,
    rng: np.random.Generator,
) -> _Future:
    """Draw the futures up to `end` of customers who are still there; `owner` says whose each is."""
    if isinstance(model, ParetoNbd):
        shape, ruler, s, beta = _rates_if_alive_pareto(model, history)
        rate = rng.standard_gamma(shape[owner]) / ruler[owner]
        leaving = rng.standard_gamma(s, len(owner)) / beta[owner]
        patience = rng.standard_exponential(len(owner))
        stay = np.divide(patience, leaving, out=np.full(len(owner), end), where=leaving * end > patience)
        n_before = rng.poisson(np.minimum(rate * stay, _MOST_EXPECTED)).astype(np.float64)
        return _Future(stay, n_before, np.zeros(len(owner)))
    shape, ruler, a, b = _rates_if_alive_beta(model, history)
    rate = rng.standard_gamma(shape[owner]) / ruler[owner]
    p = rng.beta(a[owner], b[owner])
    with np.errstate(divide="ignore", over="ignore"):
        luck = rng.standard_exponential(len(owner)) / -np.log1p(-p)  # infinite for who never leaves
    last = np.floor(luck) + 1.0  # of his purchases
    attempts = rng.poisson(np.minimum(rate * end, _MOST_EXPECTED)).astype(np.float64)
    leaves = attempts >= last
    stay = np.full(len(owner), end)  # the k-th of n points that are uniform on (0, 1) is beta(k, n - k + 1)
    stay[leaves] *= rng.beta(last[leaves], attempts[leaves] - last[leaves] + 1.0)
    return _Future(stay, np.where(leaves, last - 1.0, attempts), leaves.astype(np.float64))


def _rates_if_alive_pareto(model: ParetoNbd, history: PurchaseHistory) -> tuple[Floats, Floats, float, Floats]:
    """Shape and rate of the gamma distributions of buying and of leaving."""
    alpha = model.alpha / factors(model.purchase_effects, history)
    beta = model.beta / factors(model.dropout_effects, history)
    return model.r + history.frequency, alpha + history.age, model.s, beta + history.age


def _rates_if_alive_beta(model: BgNbd | MbgNbd, history: PurchaseHistory) -> tuple[Floats, Floats, Floats, Floats]:
    """Shape and rate of the gamma distribution of buying, and the beta distribution of the chance to be lost."""
    alpha = model.alpha / factors(model.purchase_effects, history)
    dropout = factors(model.dropout_effects, history)
    tosses = history.frequency + isinstance(model, MbgNbd)
    a = np.broadcast_to(model.a * dropout, tosses.shape)
    return model.r + history.frequency, alpha + history.age, a, model.b * dropout + tosses


def _discounted_sum(count: Floats, stay: Floats, force: float, p: float, rng: np.random.Generator) -> Floats:
    """Sum gamma(p) variates at times uniform on (0, stay), each counting exp(-force time); so many for each element.

    Without a discount such a sum is one gamma variate. Nearly so is a sum of thousands with it: they are drawn as the
    gamma variate of the same mean and variance.
    """
    total = np.zeros(len(count))
    at_once = np.flatnonzero(count > (_MANY if force else 0.0))
    n, z = count[at_once], force * stay[at_once]
    kept, kept_squared = (_mean_discount(fold * z) for fold in (1.0, 2.0))
    mean, variance = p * kept, p * kept_squared + p * p * (kept_squared - kept * kept)
    total[at_once] = rng.standard_gamma(n * mean * mean / variance) * (variance / mean)
    if force == 0.0:
        return total
    rows = np.flatnonzero((count > 0) & (count <= _MANY))
    whole = count[rows].astype(np.int64)
    block = (np.cumsum(whole) - 1) // _BLOCK
    edges = [*np.flatnonzero(np.diff(block, prepend=-1)).tolist(), len(rows)]
    for i, j in pairwise(edges):
        owner = np.repeat(np.arange(j - i), whole[i:j])
        term = rng.random(len(owner))
        term *= stay[rows[i:j]][owner]
        term *= -force
        np.exp(term, out=term)
        term *= rng.standard_gamma(p, len(owner))
        total[rows[i:j]] = np.bincount(owner, weights=term, minlength=j - i)
    return total


def _mean_discount(z: Floats) -> Floats:
    """Mean of exp(-z u) over u in (0, 1)."""
    return np.divide(-np.expm1(-z), z, out=np.ones_like(z), where=z > 0)
