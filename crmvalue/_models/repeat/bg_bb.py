"""BG/BB: customers may buy once at each of fixed opportunities, until they are lost unnoticed.

Examples are donors who are asked once a year, conferences, seasons, single events. Time is counted in whole
opportunities. Where customers may buy at any time see :mod:`crmvalue._models.repeat.bg_nbd`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import attrs
import numpy as np

from crmvalue._core.checks import as_whole_number, require
from crmvalue._models.repeat.bg_bb_likelihood import CHUNK, Tables, chunks, objective
from crmvalue._models.repeat.opportunities import MOST_OPPORTUNITIES, OpportunityHistory
from crmvalue._models.shared.common import MOST_CUSTOMERS, as_rng, positive_field
from crmvalue._models.shared.discrete import (
    as_periods,
    distinct_rows,
    log_beta_ratio,
    log_gamma_draws,
    sum_exp,
)
from crmvalue._models.shared.fit import Fit, Parameters, fit_model, register
from crmvalue._models.shared.process import Past, Process
from crmvalue._models.shared.purchase_model import PurchaseModel
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from crmvalue.typing import ArrayLike, Floats

__all__ = ["BgBb", "fit_bg_bb"]

_MOST_DRAWS = 10**9  # opportunities that are drawn
_MOST_TERMS = 8_000_000  # of sums for single counts: ten seconds
_MOST_PRODUCTS = 3 * 10**10  # horizons squared where all counts are computed at once: ten seconds
_EACH = 250  # terms that take as long as the start of a sum
_FEW = 16  # counts that are summed one by one
_BLOCK = 256
_LEAST = 1e-140  # factors of which two and a sum of 100,000 stay in the range of float64


@attrs.frozen
class _BgBbProcess(Process):
    """Parameters of both chances; the age of a customer is the number of opportunities n."""

    alpha: float
    beta: float
    gamma: float
    delta: float

    def log_likelihood(self, x: Floats, t_x: Floats, age: Floats) -> Floats:
        """Log-probability of one given sequence of purchases."""
        return self._sums(x, t_x, age)[0]

    def alive_and_lost(self, x: Floats, t_x: Floats, age: Floats) -> tuple[Floats, Floats]:
        """Probability to be alive at the last opportunity, and to be lost by then."""
        _, log_alive, lost = self._sums(x, t_x, age)
        return np.exp(log_alive), lost

    def survival(self, past: Past, ahead: Floats) -> Floats:
        """Probability to be alive `ahead` opportunities after the n-th."""
        return np.exp(self._log_staying(ahead, past.age))

    def purchases(self, past: Past, ahead: Floats) -> Floats:
        """Chance to buy times the opportunities that a customer lives to see."""
        return self.discounted(past, ahead, 0.0)

    def discounted(self, past: Past, ahead: Floats, force: float) -> Floats:
        """Chance to buy times the discounted opportunities, which do not depend on x."""
        x, _, age = past
        life = bool(np.isinf(ahead).all())
        rows, place = distinct_rows(age, np.zeros(len(age)) if life else ahead)
        stays = np.empty(len(rows))
        for length in np.unique(rows[:, 1]).tolist():
            same = rows[:, 1] == length
            stays[same] = self._sum_of_stays(rows[same, 0], None if life else length, force)
        mean: Floats = (self.alpha + x) / (self.alpha + self.beta + age)
        return mean * stays[place]

    def prob(self, past: Past, ahead: Floats, n: Floats) -> Floats:
        """Probability to take n of the next opportunities."""
        x, _, age = past
        rule = f"at most {MOST_OPPORTUNITIES:,}: each takes a term of a sum"
        require(ahead <= MOST_OPPORTUNITIES, "horizon", ahead, rule)
        rows, place = distinct_rows(x, age, ahead, np.minimum(n, ahead + 1.0))
        prob = np.zeros(len(rows))
        singly = rows[:, 3] <= rows[:, 2]
        many = [same for same in _groups(distinct_rows(*rows.T[:3])[1]) if len(same) > _FEW]
        rule = f"with horizons whose squares add up to at most {_MOST_PRODUCTS:,}"
        _require_few(sum(rows[same[0], 2] ** 2 for same in many), _MOST_PRODUCTS, rule)
        factors = [self._factors(*rows[same[0], :3]) for same in many]
        whole = [(same, each) for same, each in zip(many, factors, strict=True) if each]
        for same, _ in whole:
            singly[same] = False
        rest = np.flatnonzero(singly)
        pairs = _groups(distinct_rows(*rows[rest, 2:].T)[1])
        terms = (rows[rest, 2] - rows[rest, 3] + 1.0).sum() + _EACH * len(pairs)
        rule = f"such that it has at most {_MOST_TERMS:,} opportunities to the horizon, all pairs that differ together"
        _require_few(terms, _MOST_TERMS, rule)
        for same, parts in whole:
            prob[same] = np.append(_all_counts(*parts), 0.0)[rows[same, 3].astype(np.intp)]
        for same in (rest[pair] for pair in pairs):
            length, count = rows[same[0], 2:].tolist()
            prob[same] = self._prob(count, length, rows[same, 0], rows[same, 1])
        found: Floats = prob[place]
        return found

    @np.errstate(over="ignore", invalid="ignore")
    def _factors(self, x: float, n: float, ahead: float) -> tuple[Floats, Floats, Floats] | None:
        """Factors of the chance to take c of j opportunities and to live to see j, of c, j - c and j.

        None if they leave the range in which their products are exact.
        """
        alpha, beta, delta = self.alpha + x, self.beta + (n - x), self.delta + n
        i = np.arange(ahead)
        taken, missed = (np.append(1.0, np.cumprod((shape + i) / (i + 1.0))) for shape in (alpha, beta))
        steps = (i + 1.0) / (alpha + beta + i) * ((delta + i) / (self.gamma + delta + i))
        stays = np.append(1.0, np.cumprod(steps))
        stays[:-1] *= self.gamma / (self.gamma + delta + i)
        inside = all(part.min() > _LEAST and part.max() < 1.0 / _LEAST for part in (taken, missed, stays))
        return (taken, missed, stays) if inside else None

    def _sums(self, x: Floats, t_x: Floats, age: Floats) -> tuple[Floats, Floats, Floats]:
        """Log-likelihood, log-probability that the customer is alive, and probability that they are lost."""
        tables = Tables(np.array([self.alpha, self.beta, self.gamma, self.delta]), int(age.max()))
        log_likelihood, log_alive, lost = np.empty((3, len(x)))
        for part, terms in chunks(np.stack([x, t_x, age], axis=1)):
            logs = tables.after(terms)
            total, share = terms.log_sums(logs)
            log_likelihood[part] = tables.first(terms) + total
            log_alive[part] = logs[terms.last] - total
            lost[part] = terms.add(np.where(terms.last, 0.0, share))
        return log_likelihood, np.minimum(log_alive, 0.0), np.minimum(lost, 1.0)

    def _log_staying(self, ahead: Floats, n: Floats) -> Floats:
        """Log-probability that a customer alive at opportunity n is alive `ahead` opportunities later."""
        return log_beta_ratio(self.gamma, self.delta + n, ahead)

    def _sum_of_stays(self, n: Floats, length: float | None, force: float) -> Floats:
        """Discounted number of the next opportunities that a customer alive at opportunity n lives to see."""
        tail_ratio = 2.0 ** (1.0 - self.gamma) if force == 0 and length is None else 0.0
        column = n[:, np.newaxis]
        return sum_exp(lambda j: self._log_staying(j, column) - j * force, length, tail_ratio=tail_ratio)

    def _prob(self, count: float, ahead: float, x: Floats, n: Floats) -> Floats:
        """Probability to take `count` of the next `ahead` opportunities, after x of n."""
        alpha, beta = (self.alpha + x)[:, np.newaxis], (self.beta + (n - x))[:, np.newaxis]
        j = np.arange(count, ahead + 1.0)  # opportunities that the customer lives to see
        missed = j - count
        log_choose = np.log((missed + 1.0) / (j + 1.0)) - log_beta_ratio(missed + 1.0, 1.0, count)
        leaves = np.log(self.gamma / (self.gamma + (self.delta + n[:, np.newaxis] + j)))
        leaves[:, -1] = 0.0  # alive at all of them
        result = np.empty(len(n))
        step = max(1, CHUNK // len(j))
        for first in range(0, len(n), step):
            part = slice(first, first + step)
            buys = log_beta_ratio(alpha[part], beta[part], missed)
            buys = buys + log_beta_ratio(beta[part] + missed, alpha[part], count)
            stays = self._log_staying(j, n[part, np.newaxis])
            result[part] = np.exp(log_choose + buys + stays + leaves[part]).sum(axis=1)
        return np.minimum(result, 1.0)


@register
@attrs.frozen
class BgBb(PurchaseModel[OpportunityHistory]):
    r"""BG/BB with known parameters, ready to predict.

    A customer who is alive takes each opportunity with a chance of their own. Before each opportunity they are lost
    with another chance of their own.

    Parameters
    ----------
    alpha, beta : float
        Beta distribution of the chance to buy at an opportunity, > 0.
    gamma, delta : float
        Beta distribution of the chance to be lost before an opportunity, > 0.

    Notes
    -----
    Fader, Hardie and Shang, "Customer-base analysis in a discrete-time noncontractual setting" (2010). All results are
    sums of positive terms, so no parameter is singular.

    Examples
    --------
    >>> model = BgBb(1.204, 0.750, 0.657, 2.783)
    >>> history = OpportunityHistory(frequency=[0, 4], recency=[0, 5], n_opportunities=[6, 6])
    >>> model.expected_purchases(history, horizon=10).round(4)
    array([0.1301, 3.6271])
    """

    alpha: float = positive_field("alpha")
    beta: float = positive_field("beta")
    gamma: float = positive_field("gamma")
    delta: float = positive_field("delta")

    _elsewhere: ClassVar[str | None] = "it counts opportunities: its own methods take an OpportunityHistory"

    @np.errstate(under="ignore")
    def simulate(self, n_customers: int, *, n_opportunities: int, rng: np.random.Generator) -> OpportunityHistory:
        """Draw histories of new customers.

        Parameters
        ----------
        n_customers : int
            How many, at least 1.
        n_opportunities : int
            Opportunities that each of them has, from 1 to 100,000; at most 1,000,000,000 for all customers together.
        rng : numpy.random.Generator
            Source of the randomness.

        Returns
        -------
        OpportunityHistory
            One row per customer.

        Raises
        ------
        InputError
            If a number is not whole or outside its range, or `rng` no generator.

        Examples
        --------
        >>> model = BgBb(1.204, 0.750, 0.657, 2.783)
        >>> model.simulate(1000, n_opportunities=6, rng=np.random.default_rng(1)).n_customers
        1000
        """
        size = as_whole_number("n_customers", n_customers, low=1, high=MOST_CUSTOMERS)
        n = as_whole_number("n_opportunities", n_opportunities, low=1, high=MOST_OPPORTUNITIES)
        if size * n > _MOST_DRAWS:
            rule = f"such that all customers together have at most {_MOST_DRAWS:,} opportunities"
            raise InputError("n_opportunities", rule, n)
        source = as_rng(rng)
        lost = _chances(self.gamma, self.delta, size, source)
        buys = _chances(self.alpha, self.beta, size, source)
        alive = np.ones(size, dtype=bool)
        frequency, recency = np.zeros(size), np.zeros(size)
        for opportunity in range(1, n + 1):
            alive &= source.random(size) >= lost
            taken = alive & (source.random(size) < buys)
            frequency += taken
            recency[taken] = opportunity
        return OpportunityHistory(frequency=frequency, recency=recency, n_opportunities=np.full(size, float(n)))

    def _past(self, history: OpportunityHistory) -> Past:
        known = _checked(history)
        return Past(known.frequency, known.recency, known.n_opportunities)

    def _process(self, history: OpportunityHistory | None) -> _BgBbProcess:  # noqa: ARG002 - all have the same chances
        return _BgBbProcess(self.alpha, self.beta, self.gamma, self.delta)

    def _as_ahead(self, name: str, value: ArrayLike) -> Floats:
        return as_periods(name, value)

    def _require_end(self) -> None:
        if self.gamma <= 1:
            raise InputError(
                "horizon", "given: with gamma <= 1 the mean lifetime is infinite", None,
                hint="a horizon, or a discount rate",
            )  # fmt: skip


@np.errstate(under="ignore")
def fit_bg_bb(history: OpportunityHistory, *, priors: Mapping[str, tuple[float, float]] | None = None) -> Fit[BgBb]:
    """Fit the BG/BB model.

    Parameters
    ----------
    history : OpportunityHistory
        Customers, with weights or one a row.
    priors : dict of str to tuple of float, optional
        For `alpha`, `beta`, `gamma`, `delta`: median and standard deviation of the logarithm of a log-normal prior.

    Returns
    -------
    Fit
        Model, log-likelihood, covariance and diagnosis.

    Raises
    ------
    InputError
        If a prior is not two numbers above 0 for one of the parameters.

    Examples
    --------
    >>> history = OpportunityHistory(
    ...     frequency=[0, 1, 1, 2, 2, 3],
    ...     recency=[0, 1, 3, 2, 3, 3],
    ...     n_opportunities=[3] * 6,
    ...     weight=[50, 20, 10, 15, 20, 30],
    ... )
    >>> fit = fit_bg_bb(history, priors={"alpha": (1, 1), "beta": (1, 1), "gamma": (1, 1), "delta": (3, 1)})
    >>> fit.n_customers, fit.diagnosis.trustworthy
    (145, True)
    """
    starts = [
        np.log(start)
        for start in ([1.0, 1.0, 1.0, 3.0], [0.3, 1.0, 0.3, 1.0], [5.0, 5.0, 1.0, 20.0], [0.5, 5.0, 2.0, 2.0])
    ]
    return fit_model(
        BgBb,
        objective(_checked(history)),
        Parameters(("alpha", "beta", "gamma", "delta"), np.ones(4, dtype=bool)),
        starts[:1],
        more_starts=starts[1:],
        priors=priors,
        n_customers=history.n_customers,
    )


def _checked(history: OpportunityHistory) -> OpportunityHistory:
    if not isinstance(history, OpportunityHistory):
        raise InputError("history", "an OpportunityHistory", type(history).__name__)
    return history


def _groups(place: npt.NDArray[np.intp]) -> list[npt.NDArray[np.intp]]:
    """Positions of equal places."""
    return np.split(np.argsort(place, kind="stable"), np.cumsum(np.bincount(place))[:-1]) if len(place) else []


def _require_few(work: float, most: int, rule: str) -> None:
    """Raise where the probabilities of so many counts would take minutes."""
    if work > most:
        raise InputError("n", rule, int(work), hint="fewer pairs of `n` and `horizon` at a time")


def _all_counts(taken: Floats, missed: Floats, stays: Floats) -> Floats:
    """Give taken[c] times the sum over m of missed[m] stays[c + m], for all c, as products of blocks."""
    n = len(stays)
    n_blocks = -(-n // _BLOCK)
    columns = np.append(missed, np.zeros(n_blocks * _BLOCK - n)).reshape(n_blocks, _BLOCK).T
    windows = np.lib.stride_tricks.sliding_window_view(np.append(stays, np.zeros((n_blocks + 1) * _BLOCK - n)), _BLOCK)
    sums = np.zeros((_BLOCK, n_blocks))
    for block in range(n_blocks):
        first = block * _BLOCK
        sums[:, block::-1] += windows[first : first + _BLOCK].copy() @ columns[:, : block + 1]
    prob: Floats = np.minimum(taken * sums.T.ravel()[:n], 1.0)
    return prob


def _chances(a: float, b: float, size: int, rng: np.random.Generator) -> Floats:
    """Draw beta(a, b) variates, also where the gamma variates behind them would underflow."""
    log_odds = log_gamma_draws(np.full(size, a), rng) - log_gamma_draws(np.full(size, b), rng)
    return 1.0 / (1.0 + np.exp(np.clip(-log_odds, -700.0, 700.0)))
