r"""Fixed opportunities: customers who may buy once at each of them, until they are lost unnoticed; the BG/BB model.

For donors asked once a year, conferences, seasons, subscriptions to single events. Time is counted in whole
opportunities. Where customers may buy at any time see :mod:`crmvalue._models.repeat.bg_nbd`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import attrs
import numpy as np

from crmvalue._core.checks import as_column, as_counts, as_float, as_whole_number, require, require_same_length
from crmvalue._core.values import array_field, read_only, stay_frozen
from crmvalue._models.shared.common import as_n, as_rng, model_from_json, model_to_json, per_customer
from crmvalue._models.shared.discrete import (
    as_periods,
    distinct_rows,
    log_beta_ratio,
    log_gamma_draws,
    parameter,
    sum_exp,
)
from crmvalue._models.shared.fit import Evaluation, Fit, Parameters, fit_parameters, register
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import numpy.typing as npt

    from crmvalue.typing import ArrayLike, FloatOrArray, Floats

__all__ = ["BgBb", "OpportunityHistory", "fit_bg_bb"]

_MOST = 100_000  # opportunities
_CHUNK = 1 << 20  # terms that are held at once


def _column(name: str) -> Any:
    return array_field(lambda value: read_only(as_column(name, value)))


def _as_weight(value: ArrayLike) -> Floats:
    """Cast weights; none yet are an empty column."""
    return read_only(np.zeros(0) if value is None else as_column("weight", value))


@stay_frozen
@attrs.frozen(kw_only=True)
class OpportunityHistory:
    """At how many of his opportunities each customer bought, and at which one last.

    Parameters
    ----------
    frequency : ndarray
        Opportunities taken, shape (n,), whole numbers >= 0; the purchase that made somebody a customer is not one.
    recency : ndarray
        Number of the last opportunity taken, from `frequency` to `n_opportunities`; 0 exactly where `frequency` is 0.
    n_opportunities : ndarray
        Opportunities each customer had, whole numbers from 1 to 100,000.
    weight : ndarray, optional
        How many customers share each row; 1 by default.

    Examples
    --------
    >>> history = OpportunityHistory(frequency=[0, 4], recency=[0, 5], n_opportunities=[6, 6], weight=[3464, 42])
    >>> history.n_customers
    3506
    """

    frequency: Floats = _column("frequency")
    recency: Floats = _column("recency")
    n_opportunities: Floats = _column("n_opportunities")
    weight: Floats = array_field(_as_weight, default=None)

    def __attrs_post_init__(self) -> None:
        if self.weight.size == 0:
            object.__setattr__(self, "weight", read_only(np.ones(np.size(self.frequency))))
        x, t_x, n, weight = self.frequency, self.recency, self.n_opportunities, self.weight
        require_same_length(frequency=x, recency=t_x, n_opportunities=n, weight=weight)
        as_counts(frequency=x)
        as_counts(weight=weight)
        require((n >= 1) & (n == np.floor(n)) & (n <= _MOST), "n_opportunities", n, "a whole number from 1 to 100,000")
        require(
            (t_x == np.floor(t_x)) & (t_x >= x) & (t_x <= n), "recency", t_x,
            "a whole number from `frequency` to `n_opportunities`", hint="the number of the last opportunity taken",
        )  # fmt: skip
        require((t_x > 0) == (x > 0), "recency", t_x, "0 where `frequency` is 0")
        if weight.sum() == 0:
            raise InputError("weight", "above 0 for at least one row", 0)

    @property
    def n_customers(self) -> int:
        """Number of customers."""
        return int(self.weight.sum())

    def __len__(self) -> int:
        return len(self.frequency)


@register
@attrs.frozen
class BgBb:
    r"""BG/BB with known parameters, ready to predict.

    While alive, a customer takes each opportunity with a chance of his own; before each opportunity he is lost with
    another chance of his own.

    Parameters
    ----------
    alpha, beta : float
        Beta distribution of the chance to buy at an opportunity, > 0.
    gamma, delta : float
        Beta distribution of the chance to be lost before an opportunity, > 0.

    Notes
    -----
    Fader, Hardie and Shang, "Customer-base analysis in a discrete-time noncontractual setting" (2010). All results are
    sums of positive terms, so that no parameter is singular.

    Examples
    --------
    >>> model = BgBb(1.204, 0.750, 0.657, 2.783)
    >>> history = OpportunityHistory(frequency=[0, 4], recency=[0, 5], n_opportunities=[6, 6])
    >>> model.expected_purchases(history, horizon=10).round(4)
    array([0.1301, 3.6271])
    """

    alpha: float = parameter("alpha")
    beta: float = parameter("beta")
    gamma: float = parameter("gamma")
    delta: float = parameter("delta")

    def log_likelihood(self, history: OpportunityHistory) -> Floats:
        """Log-likelihood of each row of the history, once whatever its weight.

        Parameters
        ----------
        history : OpportunityHistory
            Customers.

        Returns
        -------
        ndarray
            Log-probabilities of each sequence of purchases, shape (n,).
        """
        return self._per_row(history)[0]

    def prob_alive(self, history: OpportunityHistory, *, at: ArrayLike = 0) -> Floats:
        """Probability that each customer is still alive.

        Parameters
        ----------
        history : OpportunityHistory
            Customers.
        at : array_like, optional
            Opportunities after the last observed; one number or one for each customer. 0 is the last observed itself;
            Fader, Hardie and Shang give 1: alive at the next opportunity.

        Returns
        -------
        ndarray
            Probabilities, shape (n,).

        Raises
        ------
        InputError
            If `at` is no whole number >= 0.
        """
        ahead = per_customer("at", as_periods("at", at), len(_checked(history)))
        return np.exp(self._per_row(history)[1] + self._log_staying(ahead, history.n_opportunities))

    def expected_purchases(self, history: OpportunityHistory, *, horizon: ArrayLike) -> Floats:
        """Foretell the purchases of each customer at the next opportunities.

        Parameters
        ----------
        history : OpportunityHistory
            Customers.
        horizon : array_like
            Opportunities ahead, whole numbers >= 0; one number or one for each customer.

        Returns
        -------
        ndarray
            Expected numbers, shape (n,).

        Raises
        ------
        InputError
            If `horizon` is no whole number >= 0.
        """
        ahead = per_customer("horizon", as_periods("horizon", horizon), len(_checked(history)))
        rows, place = distinct_rows(history.n_opportunities, ahead)
        stays = np.empty(len(rows))
        for length in np.unique(rows[:, 1]):
            same = rows[:, 1] == length
            stays[same] = self._sum_of_stays(rows[same, 0], length, 0.0)
        return self._buying_if_alive(history) * stays[place]

    def expected_purchases_new(self, horizon: ArrayLike) -> FloatOrArray:
        """Foretell the purchases of a new customer at his first opportunities.

        Parameters
        ----------
        horizon : array_like
            Number of opportunities, whole numbers >= 0.

        Returns
        -------
        float or ndarray
            Expected numbers.

        Raises
        ------
        InputError
            If `horizon` is no whole number >= 0.

        Examples
        --------
        >>> model = BgBb(1.204, 0.750, 0.657, 2.783)
        >>> model.expected_purchases_new([6, 12]).round(3)
        array([2.22 , 3.587])
        """
        ahead = as_periods("horizon", horizon)
        stays = [self._sum_of_stays(np.zeros(1), float(length), 0.0)[0] for length in ahead.ravel()]
        mean = self.alpha / (self.alpha + self.beta)
        result: FloatOrArray = (mean * np.reshape(stays, ahead.shape))[()]
        return result

    def prob_purchases_new(self, n: ArrayLike, horizon: ArrayLike) -> FloatOrArray:
        """Probability that a new customer takes exactly n of his first opportunities.

        Parameters
        ----------
        n : array_like
            Numbers of purchases, whole numbers >= 0.
        horizon : array_like
            Number of opportunities, whole numbers from 0 to 100,000.

        Returns
        -------
        float or ndarray
            Probabilities; over n = 0 to `horizon` they sum to 1.

        Raises
        ------
        InputError
            If `n` or `horizon` is no whole number >= 0.

        Examples
        --------
        >>> model = BgBb(1.204, 0.750, 0.657, 2.783)
        >>> model.prob_purchases_new([0, 1, 2], 6).round(3)
        array([0.311, 0.17 , 0.121])
        """
        number, ahead = as_n(n), _as_short("horizon", horizon)
        try:
            number, ahead = np.broadcast_arrays(number, ahead)
        except ValueError as error:
            raise InputError("n", f"of a shape that broadcasts with `horizon` {ahead.shape}", number.shape) from error
        possible = number <= ahead
        rows, place = distinct_rows(np.where(possible, number, 0.0).ravel(), ahead.ravel())
        prob = np.array([self._prob(x, length, np.zeros(1), np.zeros(1))[0] for x, length in rows])
        result: FloatOrArray = np.where(possible, prob[place].reshape(number.shape), 0.0)[()]
        return result

    def prob_purchases(self, history: OpportunityHistory, n: int, *, horizon: int) -> Floats:
        """Probability that each customer takes exactly n of his next opportunities.

        Parameters
        ----------
        history : OpportunityHistory
            Customers.
        n : int
            Number of purchases, >= 0.
        horizon : int
            Opportunities ahead, from 0 to 100,000.

        Returns
        -------
        ndarray
            Probabilities, shape (n,).

        Raises
        ------
        InputError
            If `n` or `horizon` is no whole number >= 0.
        """
        number = float(as_whole_number("n", n, low=0))
        ahead = float(_as_short("horizon", as_whole_number("horizon", horizon, low=0)))
        _, log_alive, lost = self._per_row(history)
        if number > 0:
            lost = np.zeros(len(history))
        if number > ahead:
            return lost
        rows, place = distinct_rows(history.frequency, history.n_opportunities)
        prob = self._prob(number, ahead, rows[:, 0], rows[:, 1])
        return np.minimum(lost + np.exp(log_alive) * prob[place], 1.0)

    def discounted_expected_purchases(
        self, history: OpportunityHistory, *, discount_rate: float, horizon: int | None = None
    ) -> Floats:
        """Present value of 1 per future purchase of each customer.

        Parameters
        ----------
        history : OpportunityHistory
            Customers.
        discount_rate : float
            Effective rate per opportunity, >= 0; a purchase at the j-th next one counts (1 + discount_rate)^-j.
        horizon : int, optional
            Opportunities ahead; None for life.

        Returns
        -------
        ndarray
            Discounted expected numbers, shape (n,).

        Raises
        ------
        InputError
            If the rate is below 0, or 0 without a horizon where gamma <= 1: the mean lifetime is infinite.
        """
        distinct, place = np.unique(_checked(history).n_opportunities, return_inverse=True)
        return self._buying_if_alive(history) * self._sum_of_stays(distinct, horizon, discount_rate)[place]

    def discounted_expected_purchases_new(self, discount_rate: float, horizon: int | None = None) -> float:
        """Present value of 1 per future purchase of a new customer.

        Parameters
        ----------
        discount_rate : float
            Effective rate per opportunity, >= 0.
        horizon : int, optional
            Number of opportunities; None for life.

        Returns
        -------
        float
            Discounted expected number.

        Raises
        ------
        InputError
            As for :meth:`discounted_expected_purchases`.

        Examples
        --------
        >>> model = BgBb(1.204, 0.750, 0.657, 2.783)
        >>> round(model.discounted_expected_purchases_new(0.1), 3)
        2.701
        """
        stays = self._sum_of_stays(np.zeros(1), horizon, discount_rate)
        return float(stays[0]) * self.alpha / (self.alpha + self.beta)

    def simulate(self, n_customers: int, *, n_opportunities: int, rng: np.random.Generator) -> OpportunityHistory:
        """Draw histories of new customers.

        Parameters
        ----------
        n_customers : int
            How many.
        n_opportunities : int
            Opportunities that each of them has.
        rng : numpy.random.Generator
            Source of the randomness.

        Returns
        -------
        OpportunityHistory
            One row per customer.

        Raises
        ------
        InputError
            If a number is not whole and above 0, or `rng` no generator.

        Examples
        --------
        >>> model = BgBb(1.204, 0.750, 0.657, 2.783)
        >>> model.simulate(1000, n_opportunities=6, rng=np.random.default_rng(1)).n_customers
        1000
        """
        size = as_whole_number("n_customers", n_customers, low=1)
        n = int(_as_short("n_opportunities", as_whole_number("n_opportunities", n_opportunities, low=1)))
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

    def to_json(self) -> str:
        """Write the parameters.

        Returns
        -------
        str
            A JSON object of the parameters and the name of the model.
        """
        return model_to_json(self)

    @classmethod
    def from_json(cls, text: str) -> BgBb:
        """Read what :meth:`to_json` wrote, and check it.

        Parameters
        ----------
        text : str
            JSON text.

        Returns
        -------
        BgBb
            The model.
        """
        model: BgBb = model_from_json(cls, text)
        return model

    def _per_row(self, history: OpportunityHistory) -> tuple[Floats, Floats, Floats]:
        """Log-likelihood, log-probability that the customer is alive, and probability that he is lost."""
        history = _checked(history)
        rows, place = distinct_rows(history.frequency, history.recency, history.n_opportunities)
        tables = _Tables(np.array([self.alpha, self.beta, self.gamma, self.delta]), int(rows[:, 2].max()))
        log_likelihood, log_alive, lost = np.empty((3, len(rows)))
        for part, terms in _chunks(rows):
            logs = tables.logs(terms)
            log_likelihood[part], share = terms.log_sums(logs)
            log_alive[part] = logs[terms.last] - log_likelihood[part]
            lost[part] = terms.add(np.where(terms.last, 0.0, share))
        return log_likelihood[place], np.minimum(log_alive, 0.0)[place], np.minimum(lost, 1.0)[place]

    def _buying_if_alive(self, history: OpportunityHistory) -> Floats:
        mean = (self.alpha + history.frequency) / (self.alpha + self.beta + history.n_opportunities)
        return np.exp(self._per_row(history)[1]) * mean

    def _log_staying(self, ahead: Floats, n: Floats) -> Floats:
        """Log-probability that one alive at opportunity n is alive `ahead` opportunities later."""
        return log_beta_ratio(self.gamma, self.delta + n, ahead)

    def _sum_of_stays(self, n: Floats, horizon: float | None, discount_rate: float) -> Floats:
        """Discounted number of opportunities ahead, up to `horizon`, that one alive at opportunity n lives to see."""
        d = as_float("discount_rate", discount_rate)
        require(d >= 0, "discount_rate", d, ">= 0")
        length = None if horizon is None else as_whole_number("horizon", horizon, low=0)
        if length is None and d == 0 and self.gamma <= 1:
            raise InputError(
                "horizon", "given: with gamma <= 1 so many are never lost that the mean lifetime is infinite", None,
                hint="a horizon, or a discount rate",
            )  # fmt: skip
        tail_ratio = 2.0 ** (1.0 - self.gamma) if d == 0 and length is None else 0.0
        log_factor = math.log1p(d)
        column = n[:, np.newaxis]
        return sum_exp(lambda j: self._log_staying(j, column) - j * log_factor, length, tail_ratio=tail_ratio)

    def _prob(self, x: float, ahead: float, taken: Floats, n: Floats) -> Floats:
        """Probability of x purchases at the next opportunities of one who is alive and took `taken` of n."""
        alpha, beta = (self.alpha + taken)[:, np.newaxis], (self.beta + (n - taken))[:, np.newaxis]
        j = np.arange(x, ahead + 1.0)  # opportunities he lives to see
        missed = j - x
        log_choose = np.log((missed + 1.0) / (j + 1.0)) - log_beta_ratio(missed + 1.0, 1.0, x)
        leaves = np.log(self.gamma / (self.gamma + (self.delta + n[:, np.newaxis] + j)))
        leaves[:, -1] = 0.0  # he lives to see them all
        result = np.empty(len(n))
        step = max(1, _CHUNK // len(j))
        for first in range(0, len(n), step):
            part = slice(first, first + step)
            buys = log_beta_ratio(alpha[part], beta[part], missed) + log_beta_ratio(beta[part] + missed, alpha[part], x)
            stays = self._log_staying(j, n[part, np.newaxis])
            result[part] = np.exp(log_choose + buys + stays + leaves[part]).sum(axis=1)
        return np.minimum(result, 1.0)


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
    _checked(history)
    parameters = Parameters(("alpha", "beta", "gamma", "delta"), np.ones(4, dtype=bool))
    starts = [
        np.log(start)
        for start in ([1.0, 1.0, 1.0, 3.0], [0.3, 1.0, 0.3, 1.0], [5.0, 5.0, 1.0, 20.0], [0.5, 5.0, 2.0, 2.0])
    ]
    estimates, covariance, log_likelihood, diagnosis, checked = fit_parameters(
        _objective(history), parameters, starts[:1], more_starts=starts[1:], priors=priors
    )
    return Fit(
        model=BgBb(*estimates.tolist()),
        log_likelihood=log_likelihood,
        n_customers=history.n_customers,
        names=parameters.names,
        estimates=estimates,
        search_covariance=covariance,
        positive=parameters.positive,
        diagnosis=diagnosis,
        priors=checked,
    )


class _Terms(NamedTuple):
    """The ways in which rows can have come about: lost after j opportunities, or (the last) alive after all of them."""

    x: npt.NDArray[np.intp]
    j: npt.NDArray[np.intp]
    last: npt.NDArray[np.bool_]
    starts: npt.NDArray[np.intp]
    lengths: npt.NDArray[np.intp]

    def spread(self, per_row: Floats) -> Floats:
        """Repeat a number of each row for each of its terms."""
        return np.repeat(per_row, self.lengths, axis=-1)

    def add(self, per_term: Floats) -> Floats:
        """Sum of the terms of each row."""
        total: Floats = np.add.reduceat(per_term, self.starts, axis=-1)
        return total

    def log_sums(self, logs: Floats) -> tuple[Floats, Floats]:
        """Logarithm of the sum of each row's terms, and the share of each term in it."""
        top = np.maximum.reduceat(logs, self.starts)
        terms = np.exp(logs - self.spread(top))
        total = self.add(terms)
        log_sum: Floats = top + np.log(total)
        return log_sum, terms / self.spread(total)


def _chunks(rows: Floats) -> Iterator[tuple[slice, _Terms]]:
    """Terms of the rows (frequency, recency, opportunities), as many rows at a time as memory likes."""
    x, t_x, n = rows.astype(np.intp).T
    lengths = n - t_x + 1
    ends = np.cumsum(lengths)
    first = 0
    while first < len(rows):
        before = ends[first] - lengths[first]
        after = max(first + 1, int(np.searchsorted(ends, before + _CHUNK, side="right")))
        part = slice(first, after)
        starts = ends[part] - lengths[part] - before
        order = np.arange(int(ends[after - 1] - before))
        j = order - np.repeat(starts - t_x[part], lengths[part])
        yield (
            part,
            _Terms(
                x=np.repeat(x[part], lengths[part]),
                j=j,
                last=j == np.repeat(n[part], lengths[part]),
                starts=starts,
                lengths=lengths[part],
            ),
        )
        first = after


class _Tables(NamedTuple):
    """Sums over i < k of functions of (parameter + i), for all k; products are taken relative to alpha + beta."""

    natural: Floats
    size: int

    def logs(self, terms: _Terms) -> Floats:
        """Log-probability of each term."""
        alpha, beta, gamma, delta = self.natural
        i = np.arange(self.size)
        both, ends = alpha + beta, gamma + delta
        missed = terms.j - terms.x
        leaves = np.log(gamma / (ends + terms.j))
        logs: Floats = (
            _sums(np.log((alpha + i) / both))[terms.x]
            + _sums(np.log((beta + i) / both))[missed]
            - _sums(np.log1p(i / both))[terms.j]
            - _sums(np.log1p(gamma / (delta + i)))[terms.j]
            + np.where(terms.last, 0.0, leaves)
        )
        return logs

    def slopes(self, terms: _Terms) -> Floats:
        """First derivatives of each log-term, shape (4, terms)."""
        return self._derivatives(terms, 1)

    def curves(self, terms: _Terms) -> tuple[Floats, Floats, Floats, Floats, Floats, Floats]:
        """Second derivatives: (aa, ab, bb) and (cc, cd, dd)."""
        aa, bb, cc, dd = self._derivatives(terms, 2)
        alpha, beta, gamma, delta = self.natural
        i = np.arange(self.size + 1)
        ab = _sums((alpha + beta + i) ** -2.0)[terms.j]
        cd = _sums((gamma + delta + i) ** -2.0)[terms.j + ~terms.last]
        return aa, ab, bb, cc, cd, dd

    def _derivatives(self, terms: _Terms, order: int) -> Floats:
        alpha, beta, gamma, delta = self.natural
        sign = 1.0 if order == 1 else -1.0
        i = np.arange(self.size + 1)
        missed = terms.j - terms.x
        seen = terms.j + ~terms.last  # decisions to stay or leave
        both = _sums((alpha + beta + i) ** -float(order))[terms.j]
        ends = _sums((gamma + delta + i) ** -float(order))[seen]
        parts = [
            _sums((alpha + i) ** -float(order))[terms.x] - both,
            _sums((beta + i) ** -float(order))[missed] - both,
            np.where(terms.last, 0.0, gamma ** -float(order)) - ends,
            _sums((delta + i) ** -float(order))[terms.j] - ends,
        ]
        derivatives: Floats = sign * np.stack(parts)
        return derivatives


def _sums(values: Floats) -> Floats:
    """Add up the first k values, k = 0, 1, ..."""
    return np.append(0.0, np.cumsum(values))


def _objective(history: OpportunityHistory) -> Callable[[Floats], Evaluation]:
    """Log-likelihood with derivatives in the logarithms of the parameters, on distinct rows."""
    rows, place = distinct_rows(history.frequency, history.recency, history.n_opportunities)
    weight = np.bincount(place, weights=history.weight).astype(np.float64)
    chunks = list(_chunks(rows))
    most = int(rows[:, 2].max())

    def evaluate(theta: Floats) -> Evaluation:
        natural = np.exp(theta)
        tables = _Tables(natural, most)
        value, gradient, hessian = 0.0, np.zeros(4), np.zeros((4, 4))
        for part, terms in chunks:
            total, share = terms.log_sums(tables.logs(terms))
            value += float((weight[part] * total).sum())
            slopes = tables.slopes(terms)
            mean = terms.add(share * slopes)
            gradient += (weight[part] * mean).sum(axis=1)
            heavy = terms.spread(weight[part]) * share
            away = slopes - terms.spread(mean)
            hessian += np.einsum("k,ik,jk->ij", heavy, away, away)
            aa, ab, bb, cc, cd, dd = (float((heavy * curve).sum()) for curve in tables.curves(terms))
            hessian += [[aa, ab, 0.0, 0.0], [ab, bb, 0.0, 0.0], [0.0, 0.0, cc, cd], [0.0, 0.0, cd, dd]]
        gradient *= natural
        return Evaluation(value, gradient, hessian * np.outer(natural, natural) + np.diag(gradient))

    return evaluate


def _checked(history: OpportunityHistory) -> OpportunityHistory:
    if not isinstance(history, OpportunityHistory):
        raise InputError("history", "an OpportunityHistory", type(history).__name__)
    return history


def _as_short(name: str, value: ArrayLike) -> Floats:
    number = as_periods(name, value)
    require(number <= _MOST, name, number, "at most 100,000")
    return number


def _chances(a: float, b: float, size: int, rng: np.random.Generator) -> Floats:
    """Draw beta(a, b) variates, also where the gamma variates behind them would underflow."""
    log_odds = log_gamma_draws(np.full(size, a), rng) - log_gamma_draws(np.full(size, b), rng)
    return 1.0 / (1.0 + np.exp(np.clip(-log_odds, -700.0, 700.0)))
