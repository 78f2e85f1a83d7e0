"""What all models of purchases share: checks, distinct rows, covariates, and the docstrings of the public methods.

A base class, so that each public method stands once with its docstring, and a model is a file with its mathematics:
a :class:`~crmvalue._models.shared.process.Process` and a frozen class of parameters that makes one.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Generic, NamedTuple, Self, TypeVar, cast

import attrs
import numpy as np

from crmvalue._core.checks import as_column, as_positive, require, require_same_index, require_same_labels
from crmvalue._core.per_customer import beside
from crmvalue._models.shared.common import as_horizon, as_n, as_rng, check_history, per_customer
from crmvalue._models.shared.covariates import CovariateEffect, factors, factors_for, read_covariates
from crmvalue._models.shared.fit import COEFFICIENT_LIMIT, Fit, Parameters
from crmvalue._models.shared.model import Model
from crmvalue._models.shared.process import ContinuousProcess, Past, Process
from crmvalue.errors import InputError
from crmvalue.purchases import PurchaseHistory

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from crmvalue.purchases import TimeUnit
    from crmvalue.typing import ArrayLike, FloatOrArray, Floats, Integers

__all__ = ["ContinuousModel", "Kind", "PurchaseModel", "as_purchase_model", "process_of"]


History = TypeVar("History")

_FARTHEST = 12.0  # from 0 is a signed parameter searched


class _Here(NamedTuple):
    """Distinct customers of a history, what was asked about each, and the place of each customer among them."""

    process: Any
    past: Past
    asked: list[Floats]
    place: Integers


class PurchaseModel(Model, ABC, Generic[History]):
    """Predictions for known and new customers."""

    __slots__ = ()

    @abstractmethod
    def _past(self, history: History) -> Past:
        """Columns of a history, which is checked."""

    @abstractmethod
    def _process(self, history: History | None) -> Process:
        """Mathematics with the parameters of each customer of a history, or (None) of new customers."""

    def _as_ahead(self, name: str, value: ArrayLike) -> Floats:
        """Check a length of future time."""
        return as_horizon(name, value)

    def _require_end(self) -> None:
        """Refuse a sum for life without a discount, which may be infinite."""
        hint = "the sum may be infinite: give a rate or a horizon"
        raise InputError("discount_rate", "> 0 without a `horizon`", 0.0, hint=hint)

    @np.errstate(under="ignore")
    def log_likelihood(self, history: History) -> Floats:
        """Log-likelihood of each customer, or of one customer of each row where rows have weights.

        Parameters
        ----------
        history : PurchaseHistory, or for BgBb OpportunityHistory
            Customers.

        Returns
        -------
        ndarray
            Natural logarithm of the density (for BgBb: the probability) of each customer's purchases, shape (n,).

        Raises
        ------
        InputError
            If the history is empty or measured in another unit.

        Examples
        --------
        >>> from crmvalue.models import BgNbd
        >>> from crmvalue.purchases import PurchaseHistory
        >>> model = BgNbd(0.243, 4.414, 0.793, 2.426, "week")
        >>> known = PurchaseHistory.from_columns(frequency=[2], recency=[30.43], age=[38.86], time_unit="week")
        >>> model.log_likelihood(known).round(4)
        array([-9.4586])
        """
        here = self._distinct(history)
        each: Floats = here.process.log_likelihood(*here.past)[here.place]
        return each

    @np.errstate(under="ignore")
    def prob_alive(self, history: History, *, at: ArrayLike = 0.0) -> Floats:
        """Probability that each customer is still alive.

        Parameters
        ----------
        history : PurchaseHistory, or for BgBb OpportunityHistory
            Customers. A column of pandas beside them whose index holds identifiers is brought into their order.
        at : array_like, optional
            Time after the end of observation, >= 0; one number or one for each customer. Nothing is known of what
            happens until then. The unit is that of the model; for BgBb a whole number of opportunities, where 0 is the
            last observed one (Fader, Hardie and Shang give 1: alive at the next opportunity).

        Returns
        -------
        ndarray
            Probabilities, shape (n,).

        Raises
        ------
        InputError
            If the history is empty or measured in another unit, or `at` is below 0.

        Examples
        --------
        >>> from crmvalue.models import BgNbd
        >>> from crmvalue.purchases import PurchaseHistory
        >>> model = BgNbd(0.243, 4.414, 0.793, 2.426, "week")
        >>> known = PurchaseHistory.from_columns(frequency=[2], recency=[30.43], age=[38.86], time_unit="week")
        >>> model.prob_alive(known).round(3), model.prob_alive(known, at=52).round(3)
        (array([0.727]), array([0.532]))
        """
        past, later = self._past(history), self._as_ahead("at", beside(history, "at", at))
        process = self._process(history)
        if process.closed_form:
            return process.prob_alive(past, per_customer("at", later, len(past.x)))
        here = self._distinct(history, at=later)
        each: Floats = here.process.prob_alive(here.past, *here.asked)[here.place]
        return each

    @np.errstate(under="ignore")
    def expected_purchases(self, history: History, *, horizon: ArrayLike) -> Floats:
        """Give the expected number of purchases of each customer after the end of observation.

        Parameters
        ----------
        history : PurchaseHistory, or for BgBb OpportunityHistory
            Customers. A column of pandas beside them whose index holds identifiers is brought into their order.
        horizon : array_like
            Length of the future, >= 0, in the unit of the model (for BgBb: whole opportunities); one number or one for
            each customer.

        Returns
        -------
        ndarray
            Purchases, shape (n,).

        Raises
        ------
        InputError
            If the history is empty or measured in another unit, or `horizon` is below 0.

        Examples
        --------
        >>> from crmvalue.models import BgNbd
        >>> from crmvalue.purchases import PurchaseHistory
        >>> model = BgNbd(0.243, 4.414, 0.793, 2.426, "week")
        >>> known = PurchaseHistory.from_columns(frequency=[2], recency=[30.43], age=[38.86], time_unit="week")
        >>> model.expected_purchases(known, horizon=52).round(3)
        array([1.559])
        """
        here = self._distinct(history, horizon=self._as_ahead("horizon", beside(history, "horizon", horizon)))
        each: Floats = here.process.expected_purchases(here.past, *here.asked)[here.place]
        return each

    @np.errstate(under="ignore")
    def expected_purchases_new(self, *, horizon: ArrayLike) -> FloatOrArray:
        """Give the expected number of repeat purchases of a new customer.

        Parameters
        ----------
        horizon : array_like
            Time since the first purchase, >= 0, in the unit of the model (for BgBb: whole opportunities).

        Returns
        -------
        float or ndarray
            Expected number of repeat purchases, shape of `horizon`.

        Raises
        ------
        InputError
            If `horizon` is below 0.

        Examples
        --------
        >>> from crmvalue.models import BgNbd
        >>> model = BgNbd(0.243, 4.414, 0.793, 2.426, "week")
        >>> model.expected_purchases_new(horizon=[13, 52]).round(3)
        array([0.534, 1.446])
        """
        return self._of_newcomers("expected_purchases", self._as_ahead("horizon", horizon))

    @np.errstate(under="ignore")
    def prob_purchases(self, history: History, n: ArrayLike, *, horizon: ArrayLike) -> Floats:
        """Probability that each customer purchases exactly `n` times after the end of observation.

        Parameters
        ----------
        history : PurchaseHistory, or for BgBb OpportunityHistory
            Customers. A column of pandas beside them whose index holds identifiers is brought into their order.
        n : array_like
            Number of purchases, whole, >= 0; one number or one for each customer.
        horizon : array_like
            Length of the future, >= 0, in the unit of the model (for BgBb: whole opportunities, at most 100,000); one
            number or one for each customer.

        Returns
        -------
        ndarray
            Probabilities, shape (n,).

        Raises
        ------
        InputError
            If the history is empty or measured in another unit, `n` is no whole number >= 0, or `horizon` is below 0.

        Examples
        --------
        >>> from crmvalue.models import BgNbd
        >>> from crmvalue.purchases import PurchaseHistory
        >>> model = BgNbd(0.243, 4.414, 0.793, 2.426, "week")
        >>> known = PurchaseHistory.from_columns(frequency=[2], recency=[30.43], age=[38.86], time_unit="week")
        >>> model.prob_purchases(known, 0, horizon=52).round(3)
        array([0.397])
        """
        n, horizon = beside(history, "n", n), beside(history, "horizon", horizon)
        here = self._distinct(history, horizon=self._as_ahead("horizon", horizon), n=as_n(n))
        each: Floats = here.process.prob_purchases(here.past, *here.asked)[here.place]
        return each

    @np.errstate(under="ignore")
    def prob_purchases_new(self, n: ArrayLike, *, horizon: ArrayLike) -> FloatOrArray:
        """Probability that a new customer makes exactly `n` repeat purchases.

        Parameters
        ----------
        n : array_like
            Number of repeat purchases, whole, >= 0.
        horizon : array_like
            Time since the first purchase, >= 0, in the unit of the model (for BgBb: whole opportunities, at most
            100,000).

        Returns
        -------
        float or ndarray
            Probabilities, shape of `n` and `horizon` broadcast.

        Raises
        ------
        InputError
            If `n` is no whole number >= 0 or `horizon` is below 0. For BgBb also where the pairs would take minutes:
            horizons with more than 16 counts each whose squares add up to more than 3 * 10**10, or other pairs with
            more than 8 million opportunities from `n` to `horizon` in all.

        Examples
        --------
        >>> from crmvalue.models import BgNbd
        >>> model = BgNbd(0.243, 4.414, 0.793, 2.426, "week")
        >>> model.prob_purchases_new([0, 1, 2], horizon=52).round(3)
        array([0.538, 0.205, 0.091])
        """
        require_same_labels({"n": n, "horizon": horizon})
        count, ahead = as_n(n), self._as_ahead("horizon", horizon)
        try:
            count, ahead = np.broadcast_arrays(count, ahead)
        except ValueError as error:
            raise InputError("horizon", f"of a shape that broadcasts with `n` {count.shape}", ahead.shape) from error
        return self._of_newcomers("prob_purchases", ahead, count)

    @np.errstate(under="ignore")
    def discounted_expected_purchases(
        self, history: History, *, discount_rate: ArrayLike, horizon: ArrayLike | None = None
    ) -> Floats:
        """Sum the expected purchases of each customer, those further away counting less.

        Parameters
        ----------
        history : PurchaseHistory, or for BgBb OpportunityHistory
            Customers. A column of pandas beside them whose index holds identifiers is brought into their order.
        discount_rate : float
            Effective rate d per `time_unit` (for BgBb: per opportunity), >= 0; a purchase at the time s ahead counts
            (1 + d)^-s. For a rate per year see :func:`crmvalue.ltv.convert_rate`.
        horizon : array_like, optional
            Length of the future, >= 0, in the unit of the model (for BgBb: whole opportunities); one number or one for
            each customer. By default for life.

        Returns
        -------
        ndarray
            Discounted purchases, shape (n,).

        Raises
        ------
        InputError
            If the history is empty or measured in another unit, the rate or `horizon` is below 0, or the rate is 0
            without a horizon. Some models allow the last where the sum is finite: ParetoNbd and CorrelatedParetoNbd for
            s > 1, and BgBb for gamma > 1.

        Examples
        --------
        >>> from crmvalue.models import BgNbd
        >>> from crmvalue.purchases import PurchaseHistory
        >>> model = BgNbd(0.243, 4.414, 0.793, 2.426, "week")
        >>> known = PurchaseHistory.from_columns(frequency=[2], recency=[30.43], age=[38.86], time_unit="week")
        >>> model.discounted_expected_purchases(known, discount_rate=0.002).round(3)
        array([6.077])
        """
        force = self._force(discount_rate, for_life=horizon is None)
        here = self._distinct(history, horizon=self._as_ahead_or_life(beside(history, "horizon", horizon)))
        each: Floats = here.process.expected_discounted(here.past, *here.asked, force)[here.place]
        return each

    @np.errstate(under="ignore")
    def discounted_expected_purchases_new(
        self, *, discount_rate: ArrayLike, horizon: ArrayLike | None = None
    ) -> FloatOrArray:
        """Sum the expected repeat purchases of a new customer, those further away counting less.

        Parameters
        ----------
        discount_rate : float
            Effective rate d per `time_unit` (for BgBb: per opportunity), >= 0; a purchase at the time s counts
            (1 + d)^-s.
        horizon : array_like, optional
            Time since the first purchase, >= 0, in the unit of the model (for BgBb: whole opportunities). By default
            for life.

        Returns
        -------
        float or ndarray
            Discounted number of repeat purchases.

        Raises
        ------
        InputError
            As for :meth:`discounted_expected_purchases`.

        Examples
        --------
        >>> from crmvalue.models import BgNbd
        >>> model = BgNbd(0.243, 4.414, 0.793, 2.426, "week")
        >>> float(model.discounted_expected_purchases_new(discount_rate=0.002, horizon=52).round(3))
        1.386
        """
        force = self._force(discount_rate, for_life=horizon is None)
        return self._of_newcomers("expected_discounted", self._as_ahead_or_life(horizon), force=force)

    def _distinct(self, history: History, **asked: Floats) -> _Here:
        """Compress customers who bought alike, have the same parameters and are asked about in the same way."""
        past = self._past(history)
        columns = [per_customer(name, column, len(past.x)) for name, column in asked.items()]
        process, few, place = self._process(history).distinct(*past, *columns)
        return _Here(process, Past(*few[:3]), few[3:], place)

    def _of_newcomers(self, method: str, *asked: Floats, **options: Any) -> FloatOrArray:
        """Predict for customers of age 0, one for each element of what is asked."""
        shape, size = asked[0].shape, asked[0].size
        if size == 0:
            return np.zeros(shape)
        nothing = np.zeros(size)
        columns = (column.ravel() if shape else np.broadcast_to(column, (1,)) for column in asked)
        found = getattr(self._process(None), method)(Past(nothing, nothing, nothing), *columns, **options)
        each: FloatOrArray = found.reshape(shape)[()]
        return each

    def _as_ahead_or_life(self, horizon: ArrayLike | None) -> Floats:
        return np.asarray(np.inf) if horizon is None else self._as_ahead("horizon", horizon)

    def _force(self, discount_rate: ArrayLike, *, for_life: bool) -> float:
        """Continuous rate of an effective one."""
        rate = as_positive("discount_rate", discount_rate, zero=True)
        if for_life and rate == 0.0:
            self._require_end()
        return math.log1p(rate)


class Kind(NamedTuple):
    """The parameters of a model in continuous time, and how the factors of covariates move them.

    The first two are of purchases, the others of dropout; a model without dropout has only the first. A parameter is
    multiplied by its factor to the power in `signs`: 1, -1, or 0 for not at all. `times` are the parameters that are
    measured in time, `rates` those in its inverse, `small` those that may be far below 1. `signed`, which come last,
    may be below 0 and are searched as they are; the others are searched as logarithms.
    """

    names: tuple[str, ...]
    times: tuple[str, ...]
    signs: tuple[int, ...]
    rates: tuple[str, ...] = ()
    small: tuple[str, ...] = ()
    signed: tuple[str, ...] = ()

    @property
    def n_positive(self) -> int:
        """How many parameters are searched as logarithms; they come first."""
        return len(self.names) - len(self.signed)

    @property
    def processes(self) -> tuple[int, ...]:
        """Process of each parameter: 0 for purchases, 1 for dropout."""
        return (0, 0, *(1 for _ in self.names[2:]))

    @property
    def smallness(self) -> float:
        """Unit in which a search counts the small ones."""
        return 1e-3

    def units(self, ruler: float) -> list[float]:
        """Units in which a search counts that measures times in `ruler`."""
        unit_of = dict.fromkeys(self.times, ruler) | dict.fromkeys(self.rates, 1.0 / ruler)
        unit_of |= dict.fromkeys(self.small, self.smallness)
        return [unit_of.get(name, 1.0) for name in self.names]

    def parameters(self, coefficients: Sequence[str] = ()) -> Parameters:
        """Give what a search takes: these parameters, and coefficients of covariates."""
        names = (*self.names, *coefficients)
        farthest = [_FARTHEST if name in self.signed else COEFFICIENT_LIMIT for name in names]
        return Parameters(names, np.arange(len(names)) < self.n_positive, np.array(farthest))

    def searched(self, model: Any, ruler: float) -> Floats:
        """Give the parameters of a model as a search counts them."""
        found = np.array([getattr(model, name) for name in self.names]) / self.units(ruler)
        found[: self.n_positive] = np.log(found[: self.n_positive])
        return found

    def scaled(self, model: Any, purchase: Floats | float, dropout: Floats | float) -> dict[str, Any]:
        """Parameters of a model, moved by factors."""
        factor_of = purchase, dropout
        moved = {}
        for name, sign, process in zip(self.names, self.signs, self.processes, strict=True):
            value, factor = getattr(model, name), factor_of[process]
            moved[name] = value if sign == 0 else value * factor if sign > 0 else value / factor
        return moved


class ContinuousModel(PurchaseModel[PurchaseHistory]):
    """A model of purchases at any time, whose parameters may be moved by covariates."""

    __slots__ = ()

    _kind: ClassVar[Kind]
    time_unit: TimeUnit
    purchase_effects: tuple[CovariateEffect, ...]

    @property
    def dropout_effects(self) -> tuple[CovariateEffect, ...]:
        """Effects of covariates on dropout; none for a model without dropout."""
        return ()

    @abstractmethod
    def _with(self, parameters: dict[str, Any]) -> ContinuousProcess:
        """Mathematics with these parameters."""

    def __repr__(self) -> str:
        """Write the parameters, and the effects where there are any."""
        fields = {name: getattr(self, name) for name in attrs.fields_dict(cast("Any", type(self)))}
        shown = (f"{name}={value!r}" for name, value in fields.items() if value != ())
        return f"{type(self).__name__}({', '.join(shown)})"

    @np.errstate(under="ignore")
    def simulate(
        self, ages: ArrayLike, *, rng: np.random.Generator, covariates: Mapping[str, ArrayLike] | None = None
    ) -> PurchaseHistory:
        """Draw new customers and what each has bought up to an age, in continuous time.

        Parameters
        ----------
        ages : array_like
            Time from the first purchase to the end of observation [time_unit], one per customer, shape (n,).
        rng : numpy.random.Generator
            Source of randomness.
        covariates : mapping of str to array_like, optional
            For a model with effects: the covariates of each customer by name, numbers or columns of shape (n,). They
            become those of the history.

        Returns
        -------
        PurchaseHistory
            One row per customer, in the order of `ages`.

        Raises
        ------
        InputError
            If an age is below 0 or `rng` is no generator.

        Examples
        --------
        >>> import numpy as np
        >>> from crmvalue.models import BgNbd
        >>> model = BgNbd(0.243, 4.414, 0.793, 2.426, "week")
        >>> drawn = model.simulate([52.0] * 1000, rng=np.random.default_rng(1))
        >>> drawn.n_customers, drawn.time_unit
        (1000, 'week')
        """
        if isinstance(covariates, Mapping):
            require_same_index(ages=ages, **{f"covariates[{name!r}]": value for name, value in covariates.items()})
        age = as_column("ages", ages)
        require(age >= 0, "ages", age, ">= 0")
        columns = read_covariates(self, {} if covariates is None else covariates, len(age))
        x, t_x = self._moved(lambda of: factors_for(of, columns)).simulate(age, as_rng(rng))
        drawn = PurchaseHistory(frequency=x, recency=t_x, age=age, time_unit=self.time_unit)
        return drawn.with_covariates(columns) if columns else drawn

    @np.errstate(under="ignore")
    def for_covariates(self, covariates: Mapping[str, float]) -> Self:
        """Give the model of customers whose covariates are known: the same without effects.

        Parameters
        ----------
        covariates : mapping of str to float
            A value for each covariate of the model.

        Returns
        -------
        model
            What such customers have in common, ready for the methods about newcomers.

        Raises
        ------
        InputError
            If a covariate is missing, unknown or no number.

        Examples
        --------
        >>> from crmvalue.models import BgNbd, CovariateEffect
        >>> model = BgNbd(0.243, 4.414, 0.793, 2.426, "week", purchase_effects=[CovariateEffect("is_member", 0.5)])
        >>> model.for_covariates({"is_member": 1})
        BgNbd(r=0.243, alpha=2.67..., a=0.793, b=2.426, time_unit='week')
        """
        columns = read_covariates(self, covariates)
        purchase, dropout = (float(factors_for(of, columns)) for of in (self.purchase_effects, self.dropout_effects))
        moved = self._kind.scaled(self, purchase, dropout)
        effects = {name: () for name in ("purchase_effects", "dropout_effects") if getattr(self, name)}
        plain: Self = attrs.evolve(cast("Any", self), **moved, **effects)
        return plain

    def _past(self, history: PurchaseHistory) -> Past:
        known = check_history(history, self.time_unit)
        return Past(known.frequency, known.recency, known.age)

    def _process(self, history: PurchaseHistory | None) -> ContinuousProcess:
        return self._moved(lambda of: 1.0 if history is None else factors(of, history))

    def _moved(self, factor: Callable[[tuple[CovariateEffect, ...]], Floats | float]) -> ContinuousProcess:
        return self._with(self._kind.scaled(self, factor(self.purchase_effects), factor(self.dropout_effects)))


def as_purchase_model(name: str, given: object) -> ContinuousModel:
    """Take a model of purchases in continuous time, or the fit of one."""
    model = given.model if isinstance(given, Fit) else given
    if not isinstance(model, ContinuousModel):
        rule = "a purchase model (such as BgNbd, MbgNbd, ParetoNbd, GgompertzNbd, Nbd, MbgCnbd) or its fit"
        hint = getattr(type(model), "_elsewhere", None)
        raise InputError(name, rule, type(model).__name__, hint=hint)
    return model


def process_of(model: PurchaseModel[Any], history: Any) -> Any:
    """Mathematics of a model with the parameters of each customer, for those who compress a history themselves."""
    return model._process(history)  # noqa: SLF001 - what subclasses supply to this module is no public method
