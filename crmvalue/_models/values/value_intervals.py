"""Uncertainty of the value of each customer: from the parameters, and separately from chance."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from crmvalue._core.checks import as_flag, as_fraction, as_ordered_items, as_whole_number, require, require_same_length
from crmvalue._core.encoding.keys import distinct_keys, row_keys
from crmvalue._core.frames import Columns
from crmvalue._core.labels import counted, warn_of_data
from crmvalue._core.values import checked_field, count_field, given_field, number_column, number_field, stay_frozen
from crmvalue._models.seasons.seasonal_model import SeasonalModel
from crmvalue._models.shared.common import as_rng, take
from crmvalue._models.shared.fit import ADVICE, WITHOUT_PRIORS, Fit
from crmvalue._models.shared.process import Past
from crmvalue._models.shared.purchase_model import process_of
from crmvalue._models.spend.gamma_gamma import GammaGamma
from crmvalue._models.spend.payments import payments_of
from crmvalue._models.spend.spend_model import known_of
from crmvalue._models.values.expected_ends import Equals, drawn_of, expected_ends, spent_by_curves, spent_by_mean
from crmvalue._models.values.outcome_ends import outcome_ends
from crmvalue._models.values.outcomes import Known, Terms
from crmvalue._models.values.posterior import (
    MOST_DRAWS,
    Posterior,
    draw,
    is_that_of,
    spenders,
    total_of_alike,
    total_of_rows,
    total_of_spend,
)
from crmvalue.errors import InputError
from crmvalue.typing import Interval

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from crmvalue._models.shared.common import Alike
    from crmvalue.purchases import PurchaseHistory
    from crmvalue.typing import Floats, Integers

__all__ = ["ValueIntervals", "draw_fit", "draw_spending", "require_few_draws", "require_fit", "value_intervals"]

_POOR = 0.25  # an effective share below this is warned of: ends move twice as much from one `rng` to another
_USELESS = 0.1  # below this they are not to be trusted
_ENOUGH = 20  # effective draws beyond each end, which know the chance beyond it to within a quarter
_ROUNDING = 1e-9
_MOST_TERMS = 60_000_000  # of log-likelihoods, draws times rows: some ten seconds
_PER_DRAW = 1000  # rows that take as long as a draw without rows
_USUAL_DRAWS = 200  # as many are always taken


def _interval(name: str) -> Any:
    """Field for one interval, whose ends may be infinite."""

    def convert(value: Any) -> Interval:
        rule = "an interval: two numbers, the low end not above the high one"
        ends = tuple(as_ordered_items(name, value, rule))
        numbers = all(
            isinstance(end, int | float | np.integer | np.floating) and not isinstance(end, bool) for end in ends
        )
        if len(ends) != 2 or not numbers or not ends[0] <= ends[1]:
            raise InputError(name, rule, value)
        low, high = (float(end) for end in ends)
        return Interval(low, high)  # type: ignore[arg-type]  # a float is as good as numpy's

    return given_field(converter=convert)


@stay_frozen
@attrs.frozen(kw_only=True)
class ValueIntervals(Columns):
    """Two kinds of intervals of the values of customers, in the order of the history.

    They hold if the models do. They leave out the season, a change of the market, and what else the models miss, unless
    they are widened by the errors on holdouts (`inflation`). `caution` says it in words.

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
        Smallest effective share of the draws of the parameters, in (0, 1]; see :class:`Posterior`. Below 0.25 the ends
        of the first kind are rough, unless 20 effective draws lie beyond each end. Below 0.1 they are not to be
        trusted.
    inflation : float or None
        Factor by which all intervals are widened, >= 1: the money of each end is divided or multiplied by it, for sums
        together with the other sources of error. None if they are not widened; 1 if the holdouts show no error beyond
        what the models expect. If it is given, `total_outcome` holds every source of error: parameters, chance,
        season and misfit.
    holdout_errors : ndarray or None
        Logarithm of the money of each holdout over its forecast, from which the factor follows.
    seasonal : bool
        Whether the purchase model has a calendar. Its levels count as known: the intervals leave out how well the log
        knows them.

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
    inflation: float | None = number_field("inflation", low=1.0, default=None)
    holdout_errors: Floats | None = number_column("holdout_errors", default=None)
    seasonal: bool = checked_field("seasonal", as_flag, default=False)

    def __attrs_post_init__(self) -> None:
        require_same_length(**self.to_columns())
        require(self.clv_low <= self.clv_high, "clv_low", self.clv_low, "not above `clv_high`")
        require(self.outcome_low <= self.outcome_high, "outcome_low", self.outcome_low, "not above `outcome_high`")
        if (self.inflation is None) != (self.holdout_errors is None):
            raise InputError("holdout_errors", "given where, and only where, `inflation` is", self.holdout_errors)

    @property
    def caution(self) -> str:
        """Say in words what the intervals leave out, and whether they rest on too few draws."""
        return " ".join(sentence for sentence in (self._left_out(), self._roughness()) if sentence)

    def _left_out(self) -> str:
        if self.inflation is None and self.seasonal:
            return (
                "The intervals follow the calendar of the purchase model, whose levels count as known: they leave out "
                "how well the log knows them (`ends` of the fit with the calendar says it), a change of the market, "
                "and what else the models miss."
            )
        if self.inflation is None:
            return (
                "The intervals leave out the season, a change of the market, and what else the models miss: "
                '`inflate="holdout"` widens them by the errors on holdouts.'
            )
        n = 0 if self.holdout_errors is None else len(self.holdout_errors)
        if n == 1:
            return "The intervals are widened by the error on one holdout, which says little: give more holdouts."
        return f"The intervals are widened by the errors on {n} holdouts. They leave out what these did not see."

    def _roughness(self) -> str:
        verdict = _verdict(self.effective_share, self.n_draws, self.level)
        if not verdict:
            return ""
        n = self.effective_share * self.n_draws
        return (
            f"Those of the expected values are {verdict}: they rest on only {n:.0f} of {counted(self.n_draws, 'draw')}."
        )

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give the ends of the intervals of the customers by name, for a dataframe of any kind."""
        return {name: getattr(self, name) for name in ("clv_low", "clv_high", "outcome_low", "outcome_high")}


def _verdict(share: float, n_draws: int, level: float) -> str:
    """Say in words how far ends from draws of an effective share can be relied upon; empty where they can."""
    if share < _USELESS:
        return "not to be trusted"
    few = share * n_draws * 0.5 * (1.0 - level) < _ENOUGH
    return "rough" if share < _POOR and few else ""


def value_intervals(
    history: PurchaseHistory,
    customers: Alike,
    alive: Floats,
    clv: Floats,
    purchase_fit: Any,
    spend_fit: Any,
    terms: Terms,
    terms_of_rows: Terms,
    *,
    level: float,
    n_draws: int,
    rng: object,
) -> ValueIntervals:
    """Intervals of the values of customers, from draws of the parameters and of the future.

    `customers` are those of the history without their spend, compressed; `alive` is the chance of each of these rows.
    `clv` is the value of each customer, `terms` are theirs, `terms_of_rows` those of the compressed rows.
    """
    coverage = as_fraction("level", level)
    least = math.ceil(2.0 / (1.0 - coverage) - _ROUNDING)  # one draw beyond each end
    n = as_whole_number("n_draws", n_draws, low=1, high=MOST_DRAWS)
    if n < least:
        raise InputError("n_draws", f"at least {least} for a level of {coverage:g}", n)
    require_few_draws(n, len(customers.rows))
    generator = as_rng(rng)
    require_fit("purchase_model", purchase_fit)
    purchase = draw_fit(
        "purchase_model", purchase_fit, len(history), total_of_alike(purchase_fit, customers), n, generator
    )
    require_fit("spend_model", spend_fit)
    spending, scale, spent_at = draw_spending(history, spend_fit, terms.horizon, n, generator)
    share = min(purchase.effective_share, spending.effective_share)
    verdict = _verdict(share, n, coverage)
    if verdict:
        message = (
            f"the intervals of the values rest on only {share * n:.0f} of {n} draws of the parameters, since their "
            f"distribution is far from normal. They are {verdict}: give priors, or get more data"
        )
        warn_of_data(message, len(history), stacklevel=3)
    first, place, weight = distinct_keys(
        row_keys(customers.place.astype(np.float64), scale, *terms.columns("margin", "service_cost"))
    )
    here = terms.of_rows(first)
    equals = Equals(take(history, first), customers.place[first], weight)
    spent = spent_at(first, spending.draws[drawn_of(purchase, spending)])
    expected = expected_ends(
        equals, customers.rows, purchase_fit, purchase, spent, spending, here, terms_of_rows, coverage
    )
    known = Known(
        process=process_of(purchase_fit.model, equals.rows),
        past=Past(equals.rows.frequency, equals.rows.recency, equals.rows.age),
        scale=scale[first],
        alive=alive[equals.place],
    )
    outcomes = outcome_ends(known, weight, clv[first], payments_of(spend_fit.model), here, coverage, n, generator)
    return ValueIntervals(
        level=coverage,
        n_draws=n,
        clv_low=expected.low[place],
        clv_high=expected.high[place],
        outcome_low=outcomes.low[place],
        outcome_high=outcomes.high[place],
        total=expected.total,
        total_outcome=outcomes.total,
        effective_share=share,
        seasonal=isinstance(purchase_fit.model, SeasonalModel),
    )


def draw_spending(
    history: PurchaseHistory, fit: Any, horizon: float | None, n: int, rng: np.random.Generator
) -> tuple[Posterior, Floats, Callable[[Integers, Floats], Callable[[slice], Floats]]]:
    """Draw parameters of the spend; give each customer's scale, and their expected spend at draws of the parameters.

    The last is a function of places of customers and of draws.
    """
    require_fit("spend_model", fit)
    scale = payments_of(fit.model).scale(history, horizon)
    if isinstance(fit.model, GammaGamma):
        paying = spenders(history)
        drawn = draw_fit("spend_model", fit, len(paying), total_of_spend(fit, paying), n, rng)
        return drawn, scale, lambda first, draws: spent_by_mean(take(history, first), *draws.T)
    known = known_of(fit.model, history, horizon).n
    if (known != history.frequency + fit.model.use_first).any():
        rule = "one without purchases of 0 where `level` is given"
        raise InputError("history", rule, "one with some", hint='zeros="drop" in the summary')
    drawn = draw_fit("spend_model", fit, int((known > 0).sum()), total_of_rows(fit, history), n, rng)
    return (
        drawn,
        scale,
        lambda first, draws: spent_by_curves(
            fit, draws, lambda model: model.expected_spend(history, horizon=horizon)[first]
        ),
    )


def require_few_draws(n: int, n_rows: int) -> None:
    """Refuse draws of the parameters that would take long for the number of different customers."""
    most = max(_USUAL_DRAWS, _MOST_TERMS // (_PER_DRAW + n_rows))
    if n > most:
        rule = f"at most {most:,} for {n_rows:,} different customers, to take some ten seconds"
        raise InputError("n_draws", rule, n, hint="the ends of intervals of a level of 0.9 move little beyond 2,000")


def require_fit(name: str, fit: object) -> None:
    """Refuse what is no fit, or a fit whose parameters are too uncertain to draw others."""
    if not isinstance(fit, Fit):
        rule = "a Fit where `level` is given: only a fit knows the uncertainty of the parameters"
        raise InputError(name, rule, type(fit).__name__)
    if not (fit.diagnosis.trustworthy and np.isfinite(fit.search_covariance).all()):
        messages = fit.diagnosis.messages
        advice = WITHOUT_PRIORS if any(message.endswith(f": {WITHOUT_PRIORS}") for message in messages) else ADVICE
        found = [message.removesuffix(f": {advice}") for message in messages]
        hint = f"{'; '.join(found)}: {advice}" if found else advice
        raise InputError(name, "a trustworthy fit where `level` is given", "one that is not", hint=hint)


def draw_fit(
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
