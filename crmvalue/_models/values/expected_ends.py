"""What the data leave open about expected values: their intervals, from draws of the parameters.

Values at hundreds of draws are not computed one by one. The logarithm of what a customer is expected to bring is a
smooth function of the logarithms of the parameters. So it is computed at the fitted parameters, and at two points on
each axis of their uncertainty. A parabola along each axis gives the values at all draws.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from crmvalue._models.shared.covariates import with_estimates
from crmvalue._models.shared.purchase_model import process_of
from crmvalue._models.values.outcomes import expect
from crmvalue.typing import Interval

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import numpy.typing as npt

    from crmvalue._models.shared.fit import Fit
    from crmvalue._models.values.outcomes import Expected, Terms
    from crmvalue._models.values.posterior import Posterior
    from crmvalue.purchases import PurchaseHistory
    from crmvalue.typing import Floats, Integers

__all__ = [
    "Ends",
    "Equals",
    "at_draws",
    "blocks",
    "drawn_of",
    "expected_ends",
    "models_at_points",
    "spent_by_curves",
    "spent_by_mean",
    "weighted_ends",
]

MOST_VALUES = 1 << 21  # of rows x draws held at a time
_STEP = 1.5  # standard deviations from the fitted parameters to the other points
_LEAST = 1e-300  # less is nothing, and its logarithm is of no use
_ROUNDING = 1e-9


class Equals(NamedTuple):
    """Customers who bought and spent alike: one row for all, its row without the spend, and how many share it."""

    rows: PurchaseHistory
    place: Integers
    weight: Integers


class Ends(NamedTuple):
    """Ends of the interval of each row, and the interval of the sum over all customers."""

    low: Floats
    high: Floats
    total: Interval


def blocks(n_rows: int, n_draws: int) -> Iterator[slice]:
    """Cut rows into pieces of which not too many values are held at a time."""
    step = max(1, MOST_VALUES // n_draws)
    for start in range(0, n_rows, step):
        yield slice(start, min(start + step, n_rows))


def expected_ends(
    equals: Equals,
    alike: PurchaseHistory,
    fit: Fit[Any],
    purchase: Posterior,
    spent: Callable[[slice], Floats],
    spend: Posterior,
    terms: Terms,
    terms_of_alike: Terms,
    level: float,
) -> Ends:
    """Find intervals of the expected values; `alike` are the rows to which `equals.place` leads.

    `spent` gives the expected spend of some rows at the draws of `spend` that have a weight, shape (rows, draws).
    """
    weight = purchase.weight * spend.weight  # the two are drawn apart
    drawn = weight > 0
    weight = weight[drawn] / weight.sum()
    axes = _axes(fit)
    places = axes.places(fit, purchase.draws[drawn])
    points = [(point.discounted, point.time) for point in _at_points(alike, fit, axes, terms_of_alike)]
    bought = _curves([discounted for discounted, _ in points], places)
    times = [time for _, time in points if time is not None]
    stayed = _curves(times, places) if times else None
    n = len(equals.weight)
    low, high, total = np.empty(n), np.empty(n), np.zeros(len(weight))
    for block in blocks(n, len(weight)):
        values = bought.of_rows(equals.place[block])
        here = terms.of_rows(block)
        values *= np.reshape(here.margin, (-1, 1))
        spent_here = spent(block)
        if np.isfinite(spent_here.max()):
            values *= spent_here
        else:
            values = np.multiply(spent_here, values, out=np.zeros(values.shape), where=values > 0)
        if stayed is not None:
            values -= np.reshape(here.service_cost, (-1, 1)) * stayed.of_rows(equals.place[block])
        low[block], high[block] = weighted_ends(values, weight, level)
        total += np.einsum("i,ij->j", equals.weight[block].astype(np.float64), values)
    (first,), (last,) = weighted_ends(total[np.newaxis], weight, level)
    return Ends(low, high, Interval(first, last))


def drawn_of(purchase: Posterior, spend: Posterior) -> npt.NDArray[np.bool_]:
    """Tell which draws have a weight."""
    return purchase.weight * spend.weight > 0


def spent_by_mean(rows: PurchaseHistory, p: Floats, q: Floats, gamma: Floats) -> Callable[[slice], Floats]:
    """Give the expected spend of the gamma-gamma model at draws; infinite where there is no finite mean."""
    x = rows.frequency
    paid = np.where(x > 0, x * rows.mean_repeat_spend, 0.0)  # type: ignore[operator]  # whoever values has it

    def spent(block: slice) -> Floats:
        below = np.multiply.outer(x[block], p)
        below += q - 1.0
        mean: Floats = np.multiply.outer(paid[block], p)
        mean += p * gamma
        if below.min() > 0:
            mean /= below
            return mean
        np.divide(mean, below, out=mean, where=below > 0)
        mean[below <= 0] = np.inf
        return mean

    return spent


def spent_by_curves(fit: Fit[Any], draws: Floats, figures: Callable[[Any], Floats]) -> Callable[[slice], Floats]:
    """Give the expected spend of any model at draws, by parabolas through `figures` of the model."""
    axes = _axes(fit)
    curves = _curves([figures(model) for model in models_at_points(fit, axes)], axes.places(fit, draws))
    return lambda block: curves.of_rows(np.arange(block.start, block.stop))


class _Axes(NamedTuple):
    """Axes of the uncertainty of the parameters as searched: the centre, and a standard deviation along each."""

    centre: Floats
    steps: Floats  # one row an axis
    inverse: Floats

    def places(self, fit: Fit[Any], values: Floats) -> Floats:
        """Place of parameters on each axis [standard deviations]."""
        return (_searched(fit, values) - self.centre) @ self.inverse


def _searched(fit: Fit[Any], values: Floats) -> Floats:
    """Logarithms of positive parameters, the others as they are."""
    return np.where(fit.positive, np.log(np.where(fit.positive, values, 1.0)), values)


def _axes(fit: Fit[Any]) -> _Axes:
    variance, direction = np.linalg.eigh(fit.search_covariance)
    scale = np.sqrt(np.maximum(variance, np.finfo(float).tiny))
    return _Axes(_searched(fit, fit.estimates), (direction * scale).T, direction / scale)


def _at_points(rows: PurchaseHistory, fit: Fit[Any], axes: _Axes, terms: Terms) -> Iterator[Expected]:
    """Give what is expected of each row at the centre and at both points of each axis."""
    for model in models_at_points(fit, axes):
        yield expect(process_of(model, rows), rows, terms, nearly=True)


def models_at_points(fit: Fit[Any], axes: _Axes | None = None, away: float = _STEP) -> Iterator[Any]:
    """Give the model at the centre and at both points of each axis, `away` standard deviations from it."""
    axes = _axes(fit) if axes is None else axes
    for step in (np.zeros(1), *(sign * axis for axis in axes.steps for sign in (away, -away))):
        searched = axes.centre + step
        values = np.where(fit.positive, np.exp(np.where(fit.positive, searched, 0.0)), searched)
        yield with_estimates(fit.model, fit.names, values.tolist())


def at_draws(fit: Fit[Any], draws: Floats, figures: Callable[[Any], Floats]) -> Floats:
    """Give positive figures of a model at all draws of its parameters, by parabolas: shape (figures, draws)."""
    axes = _axes(fit)
    points = [figures(model) for model in models_at_points(fit, axes)]
    return _curves(points, axes.places(fit, draws)).of_rows(np.arange(len(points[0])))


class _Curves(NamedTuple):
    """Logarithm of one figure of each row, as parabolas along the axes."""

    coefficients: Floats  # shape (rows, 1 + 2 axes)
    powers: Floats  # of the places of the draws, shape (1 + 2 axes, draws)

    def of_rows(self, rows: Integers) -> Floats:
        """Give the figure of some rows at all draws, shape (rows, draws)."""
        values = self.coefficients[rows] @ self.powers
        return np.exp(values, out=values)


def _curves(points: Sequence[Floats], places: Floats) -> _Curves:
    """Lay parabolas through figures at the centre, and up and down each axis; `places` are those of the draws."""
    centre, *others = (np.log(np.maximum(point, _LEAST)) for point in points)
    up, down = np.array(others[::2]), np.array(others[1::2])
    slope, bend = (up - down) / (2.0 * _STEP), (up + down - 2.0 * centre) / (2.0 * _STEP**2)
    powers = np.vstack([np.ones(len(places)), places.T, places.T**2])
    return _Curves(np.vstack([centre, slope, bend]).T, powers)


def weighted_ends(values: Floats, weight: Floats, level: float) -> tuple[Floats, Floats]:
    """Find the ends of each row, beyond either of which lies at most half of 1 - level of the weight."""
    tail = 0.5 * (1.0 - level) + _ROUNDING
    order = np.argsort(values, axis=1)
    upto = np.cumsum(weight[order], axis=1)
    low = np.minimum((upto <= tail).sum(axis=1), len(weight) - 1)
    high = np.maximum((upto[:, :-1] < 1.0 - tail).sum(axis=1), low)
    low, high = (np.take_along_axis(order, place[:, np.newaxis], axis=1) for place in (low, high))
    return np.take_along_axis(values, low, axis=1)[:, 0], np.take_along_axis(values, high, axis=1)[:, 0]
