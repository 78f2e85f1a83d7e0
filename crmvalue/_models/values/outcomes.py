"""What known customers will bring: the time that counts, and whole futures drawn at random.

Everything is for given parameters. How long customers stay and when they buy is drawn by the process of the model, what
a purchase brings by the payments of the model of spend.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from crmvalue._core.checks import as_positive
from crmvalue._core.per_customer import PerCustomer, as_per_customer
from crmvalue._core.values import optional
from crmvalue._models.shared.common import take
from crmvalue._models.shared.numerics import time_rule
from crmvalue._models.shared.process import Past
from crmvalue._models.spend.payments import MANY
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crmvalue._core.per_customer import Rows, Segments
    from crmvalue._models.shared.process import ContinuousProcess
    from crmvalue._models.spend.payments import Payments
    from crmvalue.purchases import PurchaseHistory
    from crmvalue.typing import Floats, Integers

__all__ = ["Expected", "Known", "Terms", "Units", "draw_outcomes", "draw_units", "expect", "read_terms"]

_FEW_NODES = 4  # of the integral of the interest on purchases
_SMALL_DISCOUNT = 0.5  # a logarithm: up to this one the few nodes err by less than 1e-4
_NOT_WORTH_DRAWING = 25.0  # a discount of exp(-25) leaves little beside chance
_BLOCK = 1 << 17  # purchases drawn at a time
_SHARES = (
    (np.arange(256) + 0.5) / 256.0
).tolist()  # of a stay, at which the discount of thousands of purchases is looked up


class Terms(NamedTuple):
    """How money of the future counts; the horizon is None for life. Each other term is one, or one for each row."""

    horizon: float | None
    discount_rate: PerCustomer
    margin: PerCustomer
    service_cost: PerCustomer

    def of_rows(self, rows: Any) -> Terms:
        """Give the terms of some rows."""
        rate, margin, cost = (term[rows] if isinstance(term, np.ndarray) else term for term in self[1:])
        return Terms(self.horizon, rate, margin, cost)

    def columns(self, *names: str) -> list[Floats]:
        """Give those of the named terms that differ from row to row."""
        terms = (getattr(self, name) for name in names)
        return [term for term in terms if isinstance(term, np.ndarray)]

    def by_rate(self) -> Iterator[tuple[Any, Terms]]:
        """Give the rows of each discount rate, and their terms with that one rate."""
        if not isinstance(self.discount_rate, np.ndarray):
            yield slice(None), self
            return
        rates, code = np.unique(self.discount_rate, return_inverse=True)
        order = np.argsort(code, kind="stable")
        ends = np.cumsum(np.bincount(code, minlength=len(rates)))
        for rate, rows in zip(rates.tolist(), np.split(order, ends[:-1]), strict=True):
            yield rows, self.of_rows(rows)._replace(discount_rate=rate)

    @property
    def has_service(self) -> bool:
        """Whether it costs anything to serve anybody."""
        return bool(np.any(np.asarray(self.service_cost) > 0.0))


def read_terms(
    horizon: float | None,
    margin: Any,
    discount_rate: Any,
    service_cost: Any,
    n: int = 0,
    segments: Segments | None = None,
    rows: Rows | None = None,
) -> Terms:
    """Check the terms of n customers; a value for life needs a discount."""

    def read(name: str, value: Any, kind: str) -> PerCustomer:
        return as_per_customer(name, value, n, kind=kind, segments=segments, rows=rows)

    terms = Terms(
        horizon=optional(as_positive)("horizon", horizon),
        margin=read("margin", margin, "fraction"),
        discount_rate=read("discount_rate", discount_rate, "amount"),
        service_cost=read("service_cost", service_cost, "amount"),
    )
    if terms.horizon is None and np.any(np.asarray(terms.discount_rate) == 0.0):
        raise InputError("discount_rate", "above 0 for a value for life", 0.0, hint="or give a horizon")
    return terms


class Known(NamedTuple):
    """Customers whose futures are drawn, one row each.

    `scale` is that of the money of a purchase, `alive` the probability to be alive. The process has the parameters of
    each row.
    """

    process: ContinuousProcess
    past: Past
    scale: Floats
    alive: Floats

    def of_rows(self, rows: Any) -> Known:
        """Give some of them."""
        return Known(self.process.of_rows(rows), self.past.of_rows(rows), self.scale[rows], self.alive[rows])


class Expected(NamedTuple):
    """What is expected of each row: to be alive, purchases, the same discounted, and the discounted time alive.

    For life there is no number of purchases; without a cost of serving the time is not needed.
    """

    alive: Floats
    purchases: Floats | None
    discounted: Floats
    time: Floats | None

    def spread(self, place: Integers) -> Expected:
        """Give each customer what is expected of their row."""
        return Expected(
            alive=self.alive[place],
            purchases=None if self.purchases is None else self.purchases[place],
            discounted=self.discounted[place],
            time=None if self.time is None else self.time[place],
        )


def expect(process: ContinuousProcess, rows: PurchaseHistory, terms: Terms, *, nearly: bool = False) -> Expected:
    """Compute on distinct rows: the chance to be alive for each, the rest once for each pair of purchases and age.

    `nearly` allows an error of 1e-4 of the discounted purchases, at a part of the cost. Each discount rate is computed
    by itself.
    """
    if not isinstance(terms.discount_rate, np.ndarray):
        return _expect(process, rows, terms, terms.discount_rate, nearly=nearly)
    found: list[Floats | None] = [None] * len(Expected._fields)
    for chosen, of_rate in terms.by_rate():
        part = _expect(process.of_rows(chosen), take(rows, chosen), of_rate, of_rate.discount_rate, nearly=nearly)  # type: ignore[arg-type]  # it is one number now
        for i, column in enumerate(part):
            if column is not None:
                whole = found[i] = np.zeros(len(rows)) if found[i] is None else found[i]
                whole[chosen] = column  # type: ignore[index]  # just made
    return Expected(*found)  # type: ignore[arg-type]  # what no part has is None


def _expect(process: ContinuousProcess, rows: PurchaseHistory, terms: Terms, rate: float, *, nearly: bool) -> Expected:
    """Do what :func:`expect` does, at one discount rate."""
    past = Past(rows.frequency, rows.recency, rows.age)
    alive = process.alive(*past)
    here, known, _, place = process.living(past)
    ahead = np.broadcast_to(math.inf if terms.horizon is None else terms.horizon, known.x.shape)
    purchases = time = None
    at_end = np.zeros(0)
    if terms.horizon is not None:
        at_end = here.purchases(known, ahead)
        purchases = alive * at_end[place]
    force = math.log1p(rate)
    if purchases is not None and force == 0.0:
        discounted = purchases
    elif nearly and terms.horizon is not None and force * terms.horizon <= _SMALL_DISCOUNT:
        discounted = alive * _discounted_nearly(here, known, at_end, terms.horizon, rate)[place]
    else:
        discounted = alive * here.discounted(known, ahead, force)[place]
    if terms.has_service:
        time = alive * here.stay(known, ahead, force)[place]
    return Expected(alive, purchases, discounted, time)


def _discounted_nearly(process: ContinuousProcess, past: Past, at_end: Floats, horizon: float, rate: float) -> Floats:
    """Discounted purchases of those alive: purchases grow smoothly, so few moments give the interest on them.

    By parts, the integral of exp(-d s) dU(s) is exp(-d h) U(h) plus d times the integral of exp(-d s) U(s) ds.
    """
    force = math.log1p(rate)
    moments, weights = time_rule(past.age, force, horizon, _FEW_NODES)
    n, size = len(moments), len(past.x)
    again = np.tile(np.arange(size), n)
    upto = process.of_rows(again).purchases(past.of_rows(again), np.repeat(moments, size)).reshape(n, size)
    interest: Floats = np.einsum("i,ij->j", weights, upto)
    return math.exp(-force * horizon) * at_end + force * interest


class Units(NamedTuple):
    """Futures of customers who are alive: money for one unit of the scale, and discounted time of staying."""

    money: Floats
    time: Floats


def draw_units(known: Known, owner: Integers, payments: Payments, terms: Terms, rng: np.random.Generator) -> Units:
    """Draw futures of customers who are alive; `owner` says which row of the known ones each future belongs to.

    The money of a future is the drawn number times the scale of the customer, so customers who differ in their past
    spend alone can share it.
    """
    force = math.log1p(terms.discount_rate)  # one number: see Terms.by_rate
    worth = _NOT_WORTH_DRAWING / force if force else math.inf
    end = worth if terms.horizon is None else min(terms.horizon, worth)
    future = known.process.draw_future(known.past, owner, end, rng)
    spend = _discounted_sum(future.n_before, future.stay, force, payments, rng, known.process)
    last = payments.purchases(len(owner), rng)
    last *= np.exp(-force * future.stay)
    last *= future.one_more
    spend += last
    spend *= payments.levels(known.past.x[owner], rng)
    return Units(spend, future.stay if force == 0.0 else -np.expm1(-force * future.stay) / force)


def draw_outcomes(known: Known, payments: Payments, terms: Terms, n_draws: int, rng: np.random.Generator) -> Floats:
    """Net value that each customer brings in each of some futures, shape (customers, n_draws)."""
    n = len(known.alive)
    if isinstance(terms.discount_rate, np.ndarray):
        drawn = np.empty((n, n_draws))
        for rows, of_rate in terms.by_rate():
            drawn[rows] = draw_outcomes(known.of_rows(rows), payments, of_rate, n_draws, rng)
        return drawn
    still = np.flatnonzero(rng.random((n, n_draws)) < known.alive[:, np.newaxis])
    owner = still // n_draws
    value, time = draw_units(known, owner, payments, terms, rng)
    value *= (terms.margin * known.scale)[owner]
    value -= np.broadcast_to(terms.service_cost, (n,))[owner] * time
    outcomes = np.zeros(n * n_draws)
    outcomes[still] = value
    return outcomes.reshape(n, n_draws)


def _discounted_sum(
    count: Floats,
    stay: Floats,
    force: float,
    payments: Payments,
    rng: np.random.Generator,
    process: ContinuousProcess | None = None,
) -> Floats:
    """Sum purchases at times uniform on (0, stay), each counting exp(-force time); so many for each element.

    With a process, they are uniform by its clock of purchases.

    Without a discount such a sum of gamma variates is one. Nearly so is any sum of thousands: it is drawn as the gamma
    variate of the same mean and variance.
    """
    total = np.zeros(len(count))
    longest = float(stay.max(initial=0.0))
    until = stay if process is None or not force else process.operational(stay)
    at_once = np.flatnonzero(count > (0.0 if payments.sums_are_exact and not force else MANY))
    n, z = count[at_once], force * stay[at_once]
    if process is None or until is stay:
        kept, kept_squared = (_mean_discount(fold * z) for fold in (1.0, 2.0))
    else:
        kept, kept_squared = np.zeros((2, len(n)))
        for share in _SHARES if len(n) else ():
            discount = np.exp(-force * process.ordinary(share * until[at_once], longest))
            kept, kept_squared = kept + discount / len(_SHARES), kept_squared + discount**2 / len(_SHARES)
    one, spread = payments.mean, payments.variance
    mean, variance = one * kept, spread * kept_squared + one * one * (kept_squared - kept * kept)
    total[at_once] = rng.standard_gamma(n * mean * mean / variance) * (variance / mean)
    if payments.sums_are_exact and force == 0.0:
        return total
    rows = np.flatnonzero((count > 0) & (count <= MANY))
    whole = count[rows].astype(np.int64)
    block = (np.cumsum(whole) - 1) // _BLOCK
    edges = [*np.flatnonzero(np.diff(block, prepend=-1)).tolist(), len(rows)]
    for i, j in pairwise(edges):
        owner = np.repeat(np.arange(j - i), whole[i:j])
        term = rng.random(len(owner))
        term *= until[rows[i:j]][owner]
        if process is not None and until is not stay:
            term = process.ordinary(term, longest)
        term *= -force
        np.exp(term, out=term)
        term *= payments.purchases(len(owner), rng)
        total[rows[i:j]] = np.bincount(owner, weights=term, minlength=j - i)
    return total


def _mean_discount(z: Floats) -> Floats:
    """Mean of exp(-z u) over u in (0, 1)."""
    return np.divide(-np.expm1(-z), z, out=np.ones_like(z), where=z > 0)
