"""Uncertainty of the value of each customer: from the parameters, and separately from chance."""

from __future__ import annotations

import math
import warnings
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import attrs
import numpy as np

from crmvalue._core.checks import as_fraction, as_whole_number, require, require_same_length
from crmvalue._core.keys import distinct_keys, row_keys
from crmvalue._core.values import checked_field, count_field, number_column, stay_frozen
from crmvalue._models.shared.common import as_rng, covariate_columns, take
from crmvalue._models.shared.covariates import with_estimates
from crmvalue._models.shared.fit import Fit
from crmvalue._models.shared.purchase_model import process_of
from crmvalue._models.values.outcomes import Known, Terms, draw_outcomes, time_rule
from crmvalue._models.values.posterior import MOST_DRAWS, Posterior, draw, is_that_of, total_of_alike, total_of_rows
from crmvalue.errors import DataWarning, InputError
from crmvalue.typing import Interval

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy.typing as npt

    from crmvalue._models.shared.common import Alike
    from crmvalue._models.values.gamma_gamma import GammaGamma
    from crmvalue.purchases import PurchaseHistory
    from crmvalue.typing import Floats, Integers

__all__ = ["ValueIntervals", "value_intervals"]

_MOST_VALUES = 1 << 21  # of rows x draws held at a time
_MOST_FUTURES = 1 << 19  # of customers x draws drawn at a time
_POOR = 0.1  # an effective share below this is warned of
_ROUNDING = 1e-9


def _interval(name: str) -> Any:
    """Field for one interval, whose ends may be infinite."""

    def convert(value: Any) -> Interval:
        rule = "an interval: two numbers, the low end not above the high one"
        try:
            ends = tuple(value)
        except TypeError as error:
            raise InputError(name, rule, value) from error
        numbers = all(
            isinstance(end, int | float | np.integer | np.floating) and not isinstance(end, bool) for end in ends
        )
        if len(ends) != 2 or not numbers or not ends[0] <= ends[1]:
            raise InputError(name, rule, value)
        low, high = (float(end) for end in ends)
        return Interval(low, high)  # type: ignore[arg-type]  # a float is as good as numpy's

    return attrs.field(converter=convert)


@stay_frozen
@attrs.frozen(kw_only=True)
class ValueIntervals:
    """Two kinds of intervals of the values of customers, in the order of the history.

    Parameters
    ----------
    level : float
        Probability that an interval contains its true value, in (0, 1).
    n_draws : int
        Draws of the parameters, and futures of each customer, from which the intervals are read.
    clv_low, clv_high : ndarray
        Uncertainty of the parameters: interval of the **expected** value of each customer [money]. The upper end is
        infinite if too many draws of the spend model give the customer no finite mean (p x + q <= 1 after x repeat
        purchases).
    outcome_low, outcome_high : ndarray
        Spread of outcomes at the fitted parameters: interval of the money that a customer will really bring [money].
        Equal customers have equal ends.
    total : Interval
        Of the sum over the base: uncertainty of the parameters, which is common to all customers.
    total_outcome : Interval
        Of the sum over the base: spread of outcomes, independent between customers.
    effective_share : float
        Smallest effective share of the draws of the parameters, in (0, 1]; see :class:`Posterior`.

    Examples
    --------
    >>> intervals = ValueIntervals(
    ...     level=0.95,
    ...     n_draws=200,
    ...     clv_low=[5.0],
    ...     clv_high=[7.0],
    ...     outcome_low=[0.0],
    ...     outcome_high=[31.0],
    ...     total=(5.0, 7.0),
    ...     total_outcome=(0.0, 31.0),
    ...     effective_share=0.9,
    ... )
    >>> intervals.total.high - intervals.total.low
    2.0
    """

    level: float = checked_field("level", as_fraction)
    n_draws: int = count_field("n_draws", low=1)
    clv_low: Floats = number_column("clv_low", infinite=True)
    clv_high: Floats = number_column("clv_high", infinite=True)
    outcome_low: Floats = number_column("outcome_low", infinite=True)
    outcome_high: Floats = number_column("outcome_high", infinite=True)
    total: Interval = _interval("total")
    total_outcome: Interval = _interval("total_outcome")
    effective_share: float = checked_field("effective_share", partial(as_fraction, closed=True))

    def __attrs_post_init__(self) -> None:
        require_same_length(**self.to_columns())
        require(self.clv_low <= self.clv_high, "clv_low", self.clv_low, "not above `clv_high`")
        require(self.outcome_low <= self.outcome_high, "outcome_low", self.outcome_low, "not above `outcome_high`")

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give the ends of the intervals of the customers by name, for a dataframe of any kind."""
        return {name: getattr(self, name) for name in ("clv_low", "clv_high", "outcome_low", "outcome_high")}


class _Equals(NamedTuple):
    """Distinct rows of customers who bought and spent alike, the row of each customer, and how many share it."""

    rows: PurchaseHistory
    place: Integers
    weight: Integers


def value_intervals(
    history: PurchaseHistory,
    customers: Alike,
    alive: Floats,
    purchase_fit: Any,
    spend_fit: Any,
    terms: Terms,
    *,
    level: float,
    n_draws: int,
    rng: object,
) -> ValueIntervals:
    """Intervals of the values of customers, from draws of the parameters and of the future.

    `customers` are those of the history without their spend, compressed; `alive` is the chance of each of these rows.
    """
    coverage = as_fraction("level", level)
    least = math.ceil(2.0 / (1.0 - coverage) - _ROUNDING)  # one draw beyond each end
    n = as_whole_number("n_draws", n_draws, low=1, high=MOST_DRAWS)
    if n < least:
        raise InputError("n_draws", f"at least {least} for a level of {coverage:g}", n)
    generator = as_rng(rng)
    spend = np.nan_to_num(history.mean_repeat_spend)  # type: ignore[arg-type]  # whoever values has it
    spenders = take(history, np.flatnonzero((history.frequency > 0) & (spend > 0)))  # a spend model learns from them
    _require_fit("purchase_model", purchase_fit)
    purchase = _draw(
        "purchase_model", purchase_fit, len(history), total_of_alike(purchase_fit, customers), n, generator
    )
    _require_fit("spend_model", spend_fit)
    spending = _draw("spend_model", spend_fit, len(spenders), total_of_rows(spend_fit, spenders), n, generator)
    share = min(purchase.effective_share, spending.effective_share)
    if share < _POOR:
        message = (
            f"the intervals of the values rest on only {share * n:.0f} of {n} draws of the parameters, since their "
            "distribution is far from normal: give priors, or get more data"
        )
        warnings.warn(DataWarning(message, len(history)), stacklevel=3)
    first, place, weight = distinct_keys(row_keys(customers.place.astype(np.float64), spend))
    equals = _Equals(take(history, first), place, weight)
    parameters = _parameter_ends(equals, purchase_fit, purchase, spending, terms, coverage)
    known = Known(
        process=process_of(purchase_fit.model, history),
        x=history.frequency,
        age=history.age,
        bought=history.frequency * spend,
        alive=alive[customers.place],
    )
    outcomes = _outcome_ends(known, place, spend_fit.model, terms, coverage, n, generator)
    return ValueIntervals(
        level=coverage,
        n_draws=n,
        clv_low=parameters.low[place],
        clv_high=parameters.high[place],
        outcome_low=outcomes.low[place],
        outcome_high=outcomes.high[place],
        total=parameters.total,
        total_outcome=outcomes.total,
        effective_share=share,
    )


def _require_fit(name: str, fit: object) -> None:
    """Refuse what is no fit, or a fit whose parameters are too uncertain to draw others."""
    if not isinstance(fit, Fit):
        rule = "a Fit where `level` is given: only a fit knows the uncertainty of the parameters"
        raise InputError(name, rule, type(fit).__name__)
    if not (fit.diagnosis.trustworthy and np.isfinite(fit.search_covariance).all()):
        raise InputError(
            name, "a trustworthy fit where `level` is given", "; ".join(fit.diagnosis.messages),
            hint="give priors, try a simpler model, or get more data",
        )  # fmt: skip


class _Ends(NamedTuple):
    """Ends of the interval of each distinct row, and the interval of the sum over all customers."""

    low: Floats
    high: Floats
    total: Interval


def _draw(
    name: str,
    fit: Fit[Any],
    n_customers: int,
    total: Callable[[Floats], float],
    n_draws: int,
    rng: np.random.Generator,
) -> Posterior:
    same_number = n_customers == fit.n_customers
    if not (same_number and is_that_of(fit, total(fit.estimates))):
        raise InputError(
            name, "a fit to this history where `level` is given",
            f"a fit to {fit.n_customers} customers, {'others than these' if same_number else f'not {n_customers}'}",
            hint="value other customers without `level`",
        )  # fmt: skip
    return draw(fit, total, n_draws, rng)


def _blocks(n_rows: int, n_draws: int, most: int) -> Iterator[slice]:
    step = max(1, most // n_draws)
    for start in range(0, n_rows, step):
        yield slice(start, min(start + step, n_rows))


def _parameter_ends(
    equals: _Equals,
    fit: Any,
    purchase: Posterior,
    spend: Posterior,
    terms: Terms,
    level: float,
) -> _Ends:
    weight = purchase.weight * spend.weight  # the two are drawn apart
    weight = weight / weight.sum()
    n_rows, n_draws = len(equals.rows), len(weight)
    low, high, total = np.empty(n_rows), np.empty(n_rows), np.zeros(n_draws)
    for block in _blocks(n_rows, n_draws, _MOST_VALUES):
        values = _expected_values(take(equals.rows, block), fit, purchase, spend, terms)
        low[block], high[block] = _weighted_ends(values, weight, level)
        for i in range(n_draws):
            total[i] += (equals.weight[block] * values[:, i]).sum()
    (first,), (last,) = _weighted_ends(total[np.newaxis], weight, level)
    return _Ends(low, high, Interval(first, last))


def _expected_values(
    rows: PurchaseHistory,
    fit: Any,
    purchase: Posterior,
    spend: Posterior,
    terms: Terms,
) -> Floats:
    """Value of each row for each draw of the parameters, shape (rows, draws).

    Given that a customer is alive, the time of the last purchase does not matter. So customers with the same number of
    purchases in the same time share one result.
    """
    first, place, _ = distinct_keys(row_keys(rows.frequency, rows.age, *covariate_columns(rows)))
    x, age = rows.frequency[first], rows.age[first]
    moment, weight = time_rule(age, terms.discount_rate, terms.horizon)
    at_each = np.repeat(np.arange(len(x)), len(moment))  # all moments at once
    moments = np.tile(moment, len(x))
    ahead = np.broadcast_to(math.inf if terms.horizon is None else terms.horizon, x.shape)
    force = math.log1p(terms.discount_rate)
    values = np.empty((len(rows), len(purchase.draws)))
    for i, draw_of_all in enumerate(purchase.draws.tolist()):
        process = process_of(with_estimates(fit.model, purchase.names, draw_of_all), rows)
        here = process.of_rows(first)
        alive = process.alive(rows.frequency, rows.recency, rows.age)
        bought = here.purchases(x, age, ahead) if force == 0.0 else here.discounted(x, age, ahead, force)
        p, q, gamma = (float(spend[name][i]) for name in ("p", "q", "gamma"))
        earning = terms.margin * alive * bought[place]
        mean = _expected_spend(rows, p, q, gamma)
        values[:, i] = np.multiply(mean, earning, out=np.zeros(len(rows)), where=earning > 0)
        if terms.service_cost > 0.0:
            stays = here.of_rows(at_each).survival(x[at_each], age[at_each], moments).reshape(len(x), len(moment))
            values[:, i] -= terms.service_cost * alive * (stays * weight).sum(axis=1)[place]
    return values


def _expected_spend(rows: PurchaseHistory, p: float, q: float, gamma: float) -> Floats:
    """Give the expected spend of a purchase of each row, infinite where p x + q <= 1."""
    x = rows.frequency
    bought = np.where(x > 0, x * rows.mean_repeat_spend, 0.0)  # type: ignore[operator]  # whoever values has it
    below = p * x + (q - 1.0)
    spend: Floats = np.divide(p * (gamma + bought), below, out=np.full(len(x), np.inf), where=below > 0)
    return spend


def _weighted_ends(values: Floats, weight: Floats, level: float) -> tuple[Floats, Floats]:
    """Find the ends of each row, beyond either of which lies at most half of 1 - level of the weight."""
    tail = 0.5 * (1.0 - level) + _ROUNDING
    order = np.argsort(values, axis=1)
    upto = np.cumsum(weight[order], axis=1)
    low = np.minimum((upto <= tail).sum(axis=1), len(weight) - 1)
    high = np.maximum((upto[:, :-1] < 1.0 - tail).sum(axis=1), low)
    low, high = (np.take_along_axis(order, place[:, np.newaxis], axis=1) for place in (low, high))
    return np.take_along_axis(values, low, axis=1)[:, 0], np.take_along_axis(values, high, axis=1)[:, 0]


def _outcome_ends(
    known: Known,
    place: Integers,
    spend_model: GammaGamma,
    terms: Terms,
    level: float,
    n_draws: int,
    rng: np.random.Generator,
) -> _Ends:
    n_rows = int(place.max()) + 1
    low, high, total = np.empty(n_rows), np.empty(n_rows), np.zeros(n_draws)
    order = np.argsort(place, kind="stable")
    for block in _blocks(len(order), n_draws, _MOST_FUTURES):
        customers = order[block]
        values = draw_outcomes(known.of_rows(customers), spend_model, terms, n_draws, rng)
        total += values.sum(axis=0)
        rows, starts = np.unique(place[customers], return_index=True)
        low[rows], high[rows] = _pooled_ends(values, starts, level)
    (first,), (last,) = _pooled_ends(total[np.newaxis], np.zeros(1, dtype=np.int64), level)
    return _Ends(low, high, Interval(first, last))


def _pooled_ends(values: Floats, starts: Integers, level: float) -> tuple[Floats, Floats]:
    """Find the ends of each group of rows, which begin at `starts`, all values of a group taken together."""
    n_draws = values.shape[1]
    size = np.diff(starts, append=len(values)) * n_draws
    group = np.repeat(np.arange(len(starts)), size)
    flat = values.ravel()
    flat = flat[np.lexsort((flat, group))]
    out = np.floor(size * (0.5 * (1.0 - level)) + _ROUNDING).astype(np.int64)
    begin = starts * n_draws
    return flat[begin + out], flat[begin + size - 1 - out]
