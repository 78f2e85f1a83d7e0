"""Fits of purchase models to tables of counts."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast

import attrs
import numpy as np

from crmvalue._core.checks import require_choice
from crmvalue._core.values import hand_over
from crmvalue._models.repeat.beta_geometric_fit import points_to_start
from crmvalue._models.repeat.bg_nbd import SEARCH as BG_NBD
from crmvalue._models.repeat.mbg_nbd import SEARCH as MBG_NBD
from crmvalue._models.repeat.nbd import SEARCH as NBD
from crmvalue._models.repeat.pareto_nbd import SEARCH as PARETO_NBD
from crmvalue._models.shared.fit import Parameters, fit_model, read_starts
from crmvalue._models.shared.purchase_model import as_purchase_model
from crmvalue._models.tables.binned_history import BinnedHistory
from crmvalue._models.tables.binned_likelihood import BinnedLikelihood, middles_of, nodes_of
from crmvalue._models.tables.count_histogram import CountHistogram
from crmvalue._models.tables.histogram_likelihood import HistogramLikelihood, cell_probabilities
from crmvalue._models.tables.interval_counts import beta_geometric_counts, nbd_counts, pareto_nbd_counts
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from crmvalue._models.shared.fit import Fit
    from crmvalue._models.shared.purchase_fit import Search
    from crmvalue._models.tables.binned_likelihood import Nodes
    from crmvalue.typing import Floats

__all__ = ["TableModel", "expected_histogram", "fit_table"]

TableModel: TypeAlias = Literal["nbd", "bg_nbd", "mbg_nbd", "pareto_nbd"]
"""A purchase model that can be fitted to a table."""

_Priors: TypeAlias = "Mapping[str, tuple[float, float]] | None"

_SEARCHES: dict[str, Search] = {"nbd": NBD, "bg_nbd": BG_NBD, "mbg_nbd": MBG_NBD, "pareto_nbd": PARETO_NBD}
_COUNTS: dict[str, Callable[..., Floats]] = {
    "nbd": nbd_counts,
    "bg_nbd": partial(beta_geometric_counts, early=0),
    "mbg_nbd": partial(beta_geometric_counts, early=1),
    "pareto_nbd": pareto_nbd_counts,
}
_BEYOND = 1e-10  # share of customers with more purchases than are summed
_FIRST_MOST = 64  # purchases up to which open bins are summed at first
_MOST = 2_048


@np.errstate(under="ignore")
def fit_table(
    table: CountHistogram | BinnedHistory,
    *,
    model: TableModel,
    priors: Mapping[str, tuple[float, float]] | None = None,
    starts: Sequence[Any] | None = None,
) -> Fit[Any]:
    """Fit a purchase model to a table of counts, where there are no single customers.

    Parameters
    ----------
    table : CountHistogram or BinnedHistory
        Customers by their number of purchases in each period, or in bins of frequency and recency.
    model : {"nbd", "bg_nbd", "mbg_nbd", "pareto_nbd"}
        The model. A histogram of one period tells little about leaving: its fit of any but "nbd" is often flat, and
        the diagnosis says so.
    priors : mapping of str to (float, float), optional
        For some of the parameters: median and log-scale standard deviation of a log-normal prior.
    starts : sequence of model or Fit, optional
        Where to start the search. By default the table gives starts.

    Returns
    -------
    Fit
        The model, the same as of a fit to single customers, with standard errors and a diagnosis.

    Raises
    ------
    InputError
        If it is no table, or the model is none of these.

    Notes
    -----
    The log-likelihood is the sum of n log(P) over the cells, n being the customers of a cell and P its probability
    (Fader, Hardie, Jerath 2007). Several periods of a histogram are of the same customers, but the histogram does not
    tell who they are. So they are treated as if they were independent. The estimates remain consistent. The covariance
    is multiplied by the number of periods: with large samples standard errors then are upper bounds, whatever the
    dependence. Criteria such as AIC, and likelihood ratio tests, are exact for one period only.

    The likelihood of a bin of frequency and recency is exact: a sum over the numbers of purchases, and an integral over
    the time of the last one. Where each bin holds one frequency and one recency, the fit is that to single customers.

    Examples
    --------
    >>> from crmvalue.models import CountHistogram
    >>> table = CountHistogram(
    ...     counts=[[1467, 442, 190, 102, 57, 99], [1769, 295, 142, 46, 46, 59]],
    ...     cells=[0, 1, 2, 3, 4, 5],
    ...     period_ends=[0.5, 1],
    ...     time_unit="year",
    ... )
    >>> found = fit_table(table, model="pareto_nbd")
    >>> found.n_customers, found.names
    (2357, ('r', 'alpha', 's', 'beta'))
    """
    require_choice("model", model, tuple(_SEARCHES))
    if not isinstance(table, CountHistogram | BinnedHistory):
        raise InputError("table", "a CountHistogram or a BinnedHistory", type(table).__name__)
    search = _SEARCHES[model]
    given = read_starts(starts, cast("type[Any]", search.make), table.time_unit)
    if isinstance(table, CountHistogram):
        return _fit_histogram(table, model, search, priors, given)
    return _fit_bins(table, search, priors, given)


@np.errstate(under="ignore")
def expected_histogram(model: object, table: CountHistogram) -> Floats:
    """Give the customers that a model expects in each cell of a histogram.

    Parameters
    ----------
    model : Nbd, BgNbd, MbgNbd, ParetoNbd or a Fit of one
        The model, without covariates, in the time unit of the table.
    table : CountHistogram
        The cells, the periods, and how many customers each period has.

    Returns
    -------
    ndarray
        Customers, shape (periods, cells). Each row adds up to that of the table.

    Raises
    ------
    InputError
        If the model is of another kind or another time unit.

    Examples
    --------
    >>> from crmvalue.models import CountHistogram, Nbd
    >>> table = CountHistogram(counts=[60, 25, 15], cells=[0, 1, 2], period_ends=[1], time_unit="year")
    >>> expected_histogram(Nbd(0.8, 1.2, "year"), table).round(1)
    array([[61.6, 22.4, 16. ]])
    """
    known: Any = as_purchase_model("model", model)
    names = [name for name, search in _SEARCHES.items() if type(known) is search.make]
    if not names or known.purchase_effects or getattr(known, "dropout_effects", ()):
        raise InputError("model", "an Nbd, BgNbd, MbgNbd or ParetoNbd without covariates", model)
    if not isinstance(table, CountHistogram):
        raise InputError("table", "a CountHistogram", type(table).__name__)
    if known.time_unit != table.time_unit:
        raise InputError("model", f"measured in the unit of the table, {table.time_unit!r}", known.time_unit)
    parameters = np.array([[getattr(known, name)] for name in _SEARCHES[names[0]].kind.names])
    cells = cell_probabilities(_COUNTS[names[0]], table, parameters)
    found: Floats = np.concatenate(cells) * table.counts.sum(axis=1, keepdims=True)
    return found


def _units(search: Search, ruler: float) -> Floats:
    return np.array([ruler if name in search.kind.times else 1.0 for name in search.kind.names])


def _to_search(search: Search, models: Sequence[Any], units: Floats) -> list[Floats]:
    names = search.kind.names
    return [np.log(np.array([getattr(model, name) for name in names]) / units) for model in models]


def _fit_histogram(
    table: CountHistogram,
    model: str,
    search: Search,
    priors: Mapping[str, tuple[float, float]] | None,
    given: list[Any],
) -> Fit[Any]:
    ruler = float(table.period_ends[0])
    units = _units(search, ruler)
    pace = max(float((table.counts[0] * table.cells).sum() / table.counts[0].sum()), 1e-3)
    first, *more = _points(model, pace)
    fit = fit_model(
        lambda *estimates: search.make(*estimates, table.time_unit),
        HistogramLikelihood(_COUNTS[model], table, units),
        Parameters(search.kind.names, np.ones(len(units), dtype=bool)),
        _to_search(search, given, units) or [first],
        more_starts=more,
        priors=priors,
        units=units,
        n_customers=table.n_customers,
    )
    covariance = fit.search_covariance * len(table.period_ends)
    return attrs.evolve(fit, search_covariance=hand_over(covariance))


def _points(model: str, pace: float) -> list[Floats]:
    """Points to search from, for a number of purchases in the first period."""
    if model == "nbd":
        return [np.log(np.array((0.5, 0.5 / pace)))]
    if model == "pareto_nbd":
        points = ((0.7, 0.5 / pace, 0.6, 0.5), (1.0, 1.0 / pace, 0.3, 3.0), (2.0, 1.0 / pace, 0.25, 0.05))
        return [np.log(np.array(point)) for point in points]
    return [point for point in points_to_start(pace) if np.isfinite(point).all()]


def _fit_bins(table: BinnedHistory, search: Search, priors: _Priors, given: list[Any]) -> Fit[Any]:
    weight = table.weight
    ruler = float((weight * table.age).sum() / weight.sum()) or 1.0
    units = _units(search, ruler)
    name = next(name for name, one in _SEARCHES.items() if one is search)

    def fitted(nodes: Nodes, starts: list[Floats], more: list[Floats]) -> Fit[Any]:
        return fit_model(
            lambda *estimates: search.make(*estimates, table.time_unit),
            BinnedLikelihood(search.derivatives, nodes, ruler),
            Parameters(search.kind.names, np.ones(len(units), dtype=bool)),
            starts,
            more_starts=more,
            priors=priors,
            units=units,
            n_customers=table.n_customers,
        )

    points = ((table.frequency_low == table.frequency_high) & (table.recency_low == table.recency_high)).all()
    middles = middles_of(table)
    pace = max(float((weight * middles.x).sum() / weight.sum()), 1e-3)
    first, *more = _points(name, pace)
    near = fitted(middles, _to_search(search, given, units) or [first], more)
    if points:
        return near
    whole = np.isfinite(table.frequency_high).all()
    most = _FIRST_MOST
    for _ in range(2):  # the points that count are chosen near the end of the search, and then at it
        while not whole and most < _MOST and _beyond(name, near, table, most) > _BEYOND:
            most *= 2
        (end,) = _to_search(search, [near.model], units)
        all_points = BinnedLikelihood(search.derivatives, nodes_of(table, most), ruler)
        near = fitted(all_points.without_negligible(end), [end], more)
    return near


def _beyond(name: str, fit: Fit[Any], table: BinnedHistory, most: int) -> float:
    """Share of customers that make more purchases than are summed."""
    parameters = fit.estimates[:, np.newaxis]
    return float(_COUNTS[name](0.0, float(table.age.max()), most + 1, *parameters)[0, -1])
