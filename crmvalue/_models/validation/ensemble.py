"""A linear pool of purchase models: the weighted mean of what they foretell, with weights from a holdout."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

import attrs
import numpy as np

from crmvalue._core.checks import as_ordered_items, as_text, require
from crmvalue._core.json import from_json
from crmvalue._core.values import number_column, stay_frozen, words_field
from crmvalue._models.seasons.seasonal_model import SeasonalModel
from crmvalue._models.shared.common import check_history
from crmvalue._models.shared.covariates import read_covariates
from crmvalue._models.shared.fit import Fit, read_model
from crmvalue._models.shared.process import ContinuousProcess, Future, Past
from crmvalue._models.shared.purchase_model import ContinuousModel, as_purchase_model, process_of
from crmvalue._models.validation.proper_scores import check_split
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from crmvalue._models.shared.covariates import CovariateEffect
    from crmvalue.purchases import PurchaseHistory, PurchaseSplit, TimeUnit
    from crmvalue.typing import ArrayLike, Floats, Integers

__all__ = ["Ensemble", "fit_ensemble"]

_TINY = 0.01  # a smaller weight drops to 0
_EXACT = 1e-9  # by which the weights may change the sum of 1


@attrs.frozen
class _Pool(ContinuousProcess):
    """Processes and their weights; whatever is asked of customers who are alive is weighted by their being so."""

    processes: tuple[ContinuousProcess, ...]
    weights: tuple[float, ...]
    recalls = True

    @property
    def tail_in_closed_form(self) -> bool:  # type: ignore[override]  # of a class elsewhere
        """Whether all processes have it."""
        return all(process.tail_in_closed_form for process in self.processes)

    def log_likelihood(self, x: Floats, t_x: Floats, age: Floats) -> Floats:
        """Logarithm of the weighted mean of the likelihoods."""
        parts = [process.log_likelihood(x, t_x, age) for process in self.processes]
        with np.errstate(divide="ignore"):
            logs = np.log(self.weights)
        found: Floats = np.logaddexp.reduce([log + part for log, part in zip(logs, parts, strict=True)])
        return found

    def alive_and_lost(self, x: Floats, t_x: Floats, age: Floats) -> tuple[Floats, Floats]:
        """Weighted means."""
        parts = np.array([process.alive_and_lost(x, t_x, age) for process in self.processes])
        alive, lost = np.einsum("m,mir->ir", np.array(self.weights), parts)
        return alive, lost

    def survival(self, past: Past, ahead: Floats) -> Floats:
        """Weighted mean."""
        return self._mean(past, [process.survival(past, ahead) for process in self.processes])

    def purchases(self, past: Past, ahead: Floats) -> Floats:
        """Weighted mean."""
        return self._mean(past, [process.purchases(past, ahead) for process in self.processes])

    def discounted(self, past: Past, ahead: Floats, force: float) -> Floats:
        """Weighted mean."""
        return self._mean(past, [process.discounted(past, ahead, force) for process in self.processes])

    def stay(self, past: Past, ahead: Floats, force: float) -> Floats:
        """Weighted mean."""
        return self._mean(past, [process.stay(past, ahead, force) for process in self.processes])

    def prob(self, past: Past, ahead: Floats, n: Floats) -> Floats:
        """Weighted mean."""
        return self._mean(past, [process.prob(past, ahead, n) for process in self.processes])

    def ways(self, past: Past) -> Floats:
        """Those of all processes, weighted."""
        parts = zip(self.weights, self.processes, strict=True)
        return np.concatenate([weight * process.ways(past) for weight, process in parts])

    def tails(self, past: Past, ahead: Floats) -> Iterator[Floats]:
        """Those of all processes."""
        for parts in zip(*(process.tails(past, ahead) for process in self.processes), strict=True):
            yield np.concatenate(parts)

    def tail(self, past: Past, ahead: Floats, n: Floats) -> Floats:
        """Those of all processes."""
        return np.concatenate([process.tail(past, ahead, n) for process in self.processes])

    def shape_of_counts(self, past: Past) -> tuple[float, Floats]:
        """Give that of the narrowest distribution."""
        steps, shapes = zip(*(process.shape_of_counts(past) for process in self.processes), strict=True)
        return max(steps), np.maximum.reduce(shapes)

    def simulate(self, age: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Draw a process for each customer, and what they buy by it."""
        chosen = rng.choice(len(self.weights), len(age), p=self.weights)
        x, t_x = np.zeros(len(age)), np.zeros(len(age))
        for m, process in enumerate(self.processes):
            rows = np.flatnonzero(chosen == m)
            x[rows], t_x[rows] = process.of_rows(rows).simulate(age[rows], rng)
        return x, t_x

    def draw_future(self, past: Past, owner: Integers, end: float, rng: np.random.Generator) -> Future:
        """Draw a process for each future, by its weight and the chance to be alive, and the future by it."""
        upto = np.cumsum(self._shares(past), axis=0)[:-1, owner]
        chosen = (rng.random(len(owner)) > upto).sum(axis=0)
        found = Future(*(np.zeros(len(owner)) for _ in Future._fields))
        for m, process in enumerate(self.processes):
            rows = np.flatnonzero(chosen == m)
            for whole, part in zip(found, process.draw_future(past, owner[rows], end, rng), strict=True):
                whole[rows] = part
        return found

    def of_rows(self, rows: Any) -> Self:
        """Give the parameters of some rows."""
        return attrs.evolve(self, processes=tuple(process.of_rows(rows) for process in self.processes))

    def _own(self) -> dict[str, Floats]:
        own = [process._own() for process in self.processes]  # noqa: SLF001 - what subclasses give to their base
        return {f"{m}.{name}": column for m, columns in enumerate(own) for name, column in columns.items()}

    def _shares(self, past: Past) -> Floats:
        """Chance of each process for customers who are alive, shape (processes, rows)."""
        alive = np.array([process.alive(*past) for process in self.processes])
        shares = np.array(self.weights)[:, np.newaxis] * alive
        total = shares.sum(axis=0)
        even = np.broadcast_to(np.array(self.weights)[:, np.newaxis], shares.shape)
        found: Floats = np.divide(shares, total, out=even.copy(), where=total > 0)
        return found

    def _mean(self, past: Past, parts: list[Floats]) -> Floats:
        found: Floats = (self._shares(past) * np.array(parts)).sum(axis=0)
        return found


def _as_models(value: Any) -> tuple[ContinuousModel, ...]:
    rule = "purchase models or their fits, one or more, in one time unit"
    models = tuple(
        as_purchase_model(f"models[{i}]", given) for i, given in enumerate(as_ordered_items("models", value, rule))
    )
    if not models or len({model.time_unit for model in models}) > 1:
        raise InputError("models", rule, [model.time_unit for model in models])
    if any(isinstance(model, Ensemble) for model in models):
        raise InputError("models", "single models, no ensembles", "Ensemble")
    return models


@stay_frozen
@attrs.frozen(kw_only=True, repr=False)
class Ensemble(ContinuousModel):
    """A linear pool of purchase models, ready to predict: the weighted mean of what they foretell.

    The probability of each number of purchases is the weighted mean of those of the models, and so are the chance to be
    alive and the expected purchases. It is a purchase model: :func:`compare_models`, :func:`proper_scores`,
    :func:`customer_values` without intervals and others take it.

    Parameters
    ----------
    models : sequence of purchase models or Fit
        The models, in one time unit.
    weights : array_like
        Weight of each, >= 0, with the sum 1. A model with the weight 0 is not asked.
    names : sequence of str
        Name of each model.

    Raises
    ------
    InputError
        If the models are none, are ensembles themselves or differ in their units, or the weights are not such.

    Notes
    -----
    `log_likelihood` is the logarithm of the weighted mean of the likelihoods. Do not compare it where models with
    different k are among them: see :class:`MbgCnbd`.

    Examples
    --------
    >>> from crmvalue.models import BgNbd, Nbd
    >>> from crmvalue.purchases import PurchaseHistory
    >>> models = [BgNbd(0.243, 4.414, 0.793, 2.426, "week"), Nbd(0.385, 12.07, "week")]
    >>> pool = Ensemble(models=models, weights=[0.75, 0.25], names=["BG/NBD", "NBD"])
    >>> known = PurchaseHistory.from_columns(frequency=[2], recency=[30.43], age=[38.86], time_unit="week")
    >>> [model.expected_purchases(known, horizon=39.0).round(3).item() for model in (*models, pool)]
    [1.226, 1.826, 1.376]
    """

    models: tuple[ContinuousModel, ...] = attrs.field(converter=_as_models)
    weights: Floats = number_column("weights")
    names: tuple[str, ...] = words_field("names", distinct=True)

    def __attrs_post_init__(self) -> None:
        n = len(self.models)
        if self.weights.shape != (n,) or len(self.names) != n:
            raise InputError("weights", f"one weight and one name for each of {n} models", self.weights.shape)
        require(self.weights >= 0, "weights", self.weights, ">= 0")
        if abs(float(self.weights.sum()) - 1.0) > _EXACT:
            raise InputError("weights", "numbers with the sum 1", float(self.weights.sum()))

    def __repr__(self) -> str:
        """Write each model with its weight and its name."""
        parts = zip(self.weights.tolist(), self.names, self.models, strict=True)
        return f"Ensemble({', '.join(f'{weight:.3g} {name}: {model!r}' for weight, name, model in parts)})"

    @property
    def time_unit(self) -> TimeUnit:  # type: ignore[override]  # of a field elsewhere
        """Unit of every time given to the models."""
        return self.models[0].time_unit

    @property
    def purchase_effects(self) -> tuple[CovariateEffect, ...]:  # type: ignore[override]  # of a field elsewhere
        """Effects of covariates on purchases, of all models."""
        return tuple(effect for model in self.models for effect in model.purchase_effects)

    @property
    def dropout_effects(self) -> tuple[CovariateEffect, ...]:
        """Effects of covariates on dropout, of all models."""
        return tuple(effect for model in self.models for effect in model.dropout_effects)

    def refitted(self, fits: Mapping[str, ContinuousModel | Fit[Any]]) -> Ensemble:
        """Give an ensemble with the same weights and other fits of the models, such as those to the whole log.

        Parameters
        ----------
        fits : mapping of str to Fit or model
            A model for each name with a weight above 0; others are not looked at.

        Returns
        -------
        Ensemble
            With the models that have a weight above 0.

        Raises
        ------
        InputError
            If a name is missing.
        """
        kept = [(name, weight) for name, weight in zip(self.names, self.weights.tolist(), strict=True) if weight > 0]
        given: object = fits
        if not isinstance(given, Mapping) or not {name for name, _ in kept} <= set(given):
            raise InputError("fits", f"a mapping with the names {', '.join(name for name, _ in kept)}", fits)
        return Ensemble(
            models=[fits[name] for name, _ in kept],
            weights=np.array([weight for _, weight in kept]),
            names=tuple(name for name, _ in kept),
        )

    def for_covariates(self, covariates: Mapping[str, float]) -> Self:
        """Give the ensemble of the models of customers whose covariates are known: see :meth:`BgNbd.for_covariates`."""
        read, models = read_covariates(self, covariates), []
        for model in self.models:
            names = {effect.name for effect in (*model.purchase_effects, *model.dropout_effects)}
            models.append(model.for_covariates({name: float(read[name]) for name in names}))
        return attrs.evolve(self, models=models)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what :meth:`to_json` wrote, and check it; other text is an InputError."""
        return from_json(cls, text, models=lambda given: tuple(read_model(fields) for fields in given))

    def simulate(
        self, ages: ArrayLike, *, rng: np.random.Generator, covariates: Mapping[str, ArrayLike] | None = None
    ) -> PurchaseHistory:
        """Draw new customers, each by one of the models, and what they have bought: see :meth:`BgNbd.simulate`.

        Parameters
        ----------
        ages, rng, covariates
            As there.

        Returns
        -------
        PurchaseHistory
            As there.

        Raises
        ------
        InputError
            As there, and if a model has a calendar: its customers need a last day.
        """
        if any(isinstance(model, SeasonalModel) for model in self.models):
            hint = "`simulate` of each of its `models` draws customers, with `as_of` where there is a calendar"
            raise InputError("models", "without a calendar where customers are drawn", "a SeasonalModel", hint=hint)
        return ContinuousModel.simulate(self, ages, rng=rng, covariates=covariates)

    def _past(self, history: PurchaseHistory) -> Past:
        """Columns of a history that every model can read."""
        past = super()._past(history)
        for model, weight in zip(self.models, self.weights.tolist(), strict=True):
            if weight > 0:
                model._past(history)  # noqa: SLF001 - of the same base
        return past

    def _process(self, history: PurchaseHistory | None) -> ContinuousProcess:
        return self._pool(lambda model: process_of(model, history))

    def _with(self, parameters: dict[str, Any]) -> ContinuousProcess:
        raise NotImplementedError(parameters)  # an ensemble has no parameters of its own

    def _moved(self, factor: Callable[[tuple[CovariateEffect, ...]], Floats | float]) -> ContinuousProcess:
        return self._pool(lambda model: model._moved(factor))  # noqa: SLF001 - of the same base

    def _pool(self, process: Callable[[ContinuousModel], ContinuousProcess]) -> ContinuousProcess:
        kept = [(m, weight) for m, weight in zip(self.models, self.weights.tolist(), strict=True) if weight > 0]
        return _Pool(tuple(process(model) for model, _ in kept), tuple(weight for _, weight in kept))


@np.errstate(under="ignore")
def fit_ensemble(split: PurchaseSplit, fits: Mapping[str, ContinuousModel | Fit[Any]]) -> Ensemble:
    """Pool models with the weights that foretell the holdout best.

    Parameters
    ----------
    split : PurchaseSplit
        Calibration, on which the models are fitted, and holdout, which sets the weights. To check the ensemble, take
        another holdout.
    fits : mapping of str to Fit or model
        Purchase models by name.

    Returns
    -------
    Ensemble
        The models with their weights. :meth:`Ensemble.refitted` puts fits to the whole log in their place.

    Raises
    ------
    InputError
        If `split` is not one, `fits` is no mapping of names to purchase models or their fits or is empty, or units
        differ.

    Notes
    -----
    The weights have the best log score: they maximise the mean of log(w1 P1(X = x) + w2 P2(X = x) + ...), which has one
    maximum. A weight below 0.01 drops to 0, and the others are found again. Compare Geweke and Amisano, "Optimal
    prediction pools", Journal of Econometrics 164 (2011).

    Examples
    --------
    >>> from crmvalue.datasets import load_cdnow
    >>> from crmvalue.models import fit_mbg_nbd, fit_nbd, fit_pareto_nbd
    >>> from crmvalue.purchases import split_purchases
    >>> log = load_cdnow()
    >>> split = split_purchases(log.customer, log.date, calibration_end="1997-07-24", holdout_end="1997-09-30")
    >>> past = split.calibration
    >>> fits = {"MBG/NBD": fit_mbg_nbd(past), "Pareto/NBD": fit_pareto_nbd(past), "NBD": fit_nbd(past)}
    >>> fit_ensemble(split, fits).weights.round(2)
    array([0.69, 0.  , 0.31])
    """
    checked = check_split(split)
    given: object = fits
    if not isinstance(given, Mapping) or not given:
        raise InputError("fits", "a mapping of names to fits or models, with at least one", fits)
    names = tuple(as_text("fits", name) for name in fits)
    models = [as_purchase_model(f"fits[{name!r}]", model) for name, model in fits.items()]
    for name, model in zip(names, models, strict=True):
        if isinstance(model, Ensemble):
            raise InputError(f"fits[{name!r}]", "a single model, no ensemble", "Ensemble", hint="take its `models`")
    history = check_history(checked.calibration)
    came, length = checked.holdout_n_purchases, checked.holdout_length
    prob = np.array([model.prob_purchases(history, came, horizon=length) for model in models])
    return Ensemble(models=models, weights=_best_weights(prob), names=names)


def _best_weights(prob: Floats) -> Floats:
    """Weights of the greatest mean logarithm of the mixture of columns, shape (models, customers)."""
    top = prob.max(axis=0)
    ratio = (prob / np.where(top > 0, top, 1.0))[:, top > 0]
    kept = np.arange(len(prob))
    while True:
        found = _maximise(ratio[kept])
        large = found >= _TINY
        if large.all():
            weights = np.zeros(len(prob))
            weights[kept] = found
            return weights
        kept = kept[large]


def _maximise(ratio: Floats) -> Floats:
    from scipy.optimize import minimize

    n, size = ratio.shape
    if n == 1 or not size:
        return np.full(n, 1.0 / n)

    def loss(weights: Floats) -> tuple[float, Floats]:
        mixed = np.maximum(weights @ ratio, 1e-300)
        return -float(np.log(mixed).mean()), -(ratio / mixed).mean(axis=1)

    ends = minimize(
        loss,
        np.full(n, 1.0 / n),
        jac=True,
        method="SLSQP",
        bounds=[(0.0, 1.0)] * n,
        constraints={"type": "eq", "fun": lambda weights: weights.sum() - 1.0, "jac": lambda weights: weights * 0 + 1},
        options={"ftol": 1e-13, "maxiter": 200},
    )
    weights = np.maximum(ends.x, 0.0)
    weights /= weights.sum()
    for _ in range(20):  # each step of the EM algorithm is a gain
        weights = weights * (ratio / np.maximum(weights @ ratio, 1e-300)).mean(axis=1)
    found: Floats = weights / weights.sum()
    return found
