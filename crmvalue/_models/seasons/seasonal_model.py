"""A purchase model with a calendar: customers buy by a clock that runs faster in their season."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Self

import attrs
import numpy as np

from crmvalue._core.checks import as_day
from crmvalue._core.json import from_json
from crmvalue._core.values import checked_field, of_class, optional, stay_frozen
from crmvalue._models.clocks.clock import Clock
from crmvalue._models.clocks.clock_process import clocked
from crmvalue._models.clocks.pareto_clock_process import ParetoClockProcess
from crmvalue._models.regular.bg_cnbd import BgCnbd, MbgCnbd
from crmvalue._models.repeat.bg_nbd import BgNbd
from crmvalue._models.repeat.mbg_nbd import MbgNbd
from crmvalue._models.repeat.nbd import Nbd
from crmvalue._models.repeat.pareto_nbd import ParetoNbd, ParetoNbdProcess
from crmvalue._models.seasons.calendar import Calendar, DayEffect, last_day_of, levels_on
from crmvalue._models.shared.common import check_history
from crmvalue._models.shared.covariates import CovariateEffect
from crmvalue._models.shared.fit import register
from crmvalue._models.shared.purchase_model import ContinuousModel, process_of
from crmvalue.errors import InputError
from crmvalue.purchases import DAYS_PER_UNIT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crmvalue._models.shared.process import ContinuousProcess
    from crmvalue.purchases import PurchaseHistory, TimeUnit
    from crmvalue.typing import ArrayLike, Floats, Integers

__all__ = ["SeasonalModel", "expected_of_arrivals"]

_MOST_PAIRS = 1 << 17  # of days of arrival and ends that are computed at once
_INNER = (BgNbd, MbgNbd, Nbd, BgCnbd, MbgCnbd, ParetoNbd)


def _as_inner(name: str, value: object) -> Any:
    if isinstance(value, _INNER):
        return value
    rule = f"one of {', '.join(kind.__name__ for kind in _INNER)}"
    raise InputError(name, rule, type(value).__name__)


def _of_model(name: str) -> Any:
    """Field that repeats what the model says."""
    return attrs.field(init=False, default=attrs.Factory(lambda self: getattr(self.model, name), takes_self=True))


@register
@stay_frozen
@attrs.frozen(repr=False)
class SeasonalModel(ContinuousModel):
    """A purchase model whose customers buy by the clock of a calendar.

    While alive, a customer buys at a rate of their own times the level of the day. Whether they are lost is decided
    after each purchase, as before. So the model holds in operational time, the sum of the levels of the days. Customers
    of ParetoNbd are lost at any moment, by the ordinary clock: alpha is in operational time, beta is not.

    Parameters
    ----------
    model : BgNbd, MbgNbd, Nbd, BgCnbd, MbgCnbd or ParetoNbd
        The model in operational time; its effects of covariates included.
    calendar : Calendar
        Levels of the days. A level of 1 is the pace that the parameters of the model mean.
    start : date, optional
        First purchase of newcomers, for the methods about them. By default all their days have the level 1, as if
        there were no season.

    Raises
    ------
    InputError
        If the model is another one.

    Notes
    -----
    Histories need `as_of`: the days of purchases follow from it. `log_likelihood` leaves out the levels of the days on
    which customers bought, which a history does not tell. So it must not be compared with that of a model without a
    calendar; the numbers in `comparison` of a fit have them.

    Sixty years before and after the end of a history, the calendar counts with its mean. In drawn futures customers
    stay for the right time and buy the right number; the purchases before that are put at even operational times.

    Examples
    --------
    >>> from crmvalue.models import Calendar, MbgNbd, SeasonalModel
    >>> from crmvalue.purchases import PurchaseHistory
    >>> model = SeasonalModel(MbgNbd(0.525, 6.183, 0.891, 1.614, "week"), Calendar(month={"December": 2.0}))
    >>> history = PurchaseHistory.from_columns(
    ...     frequency=[2], recency=[30], age=[38], time_unit="week", as_of="2024-11-30"
    ... )
    >>> model.expected_purchases(history, horizon=4).round(3)
    array([0.309])
    >>> model.model.expected_purchases(history, horizon=4).round(3)
    array([0.158])
    """

    model: BgNbd | MbgNbd | Nbd | BgCnbd | MbgCnbd | ParetoNbd = checked_field("model", _as_inner)
    calendar: Calendar = checked_field("calendar", of_class(Calendar))
    start: np.datetime64 | None = checked_field("start", optional(as_day), default=None, eq=str)
    time_unit: TimeUnit = _of_model("time_unit")
    purchase_effects: tuple[CovariateEffect, ...] = _of_model("purchase_effects")

    @property
    def dropout_effects(self) -> tuple[CovariateEffect, ...]:
        """Effects of covariates on dropout."""
        return self.model.dropout_effects

    @property
    def r(self) -> float:
        """Parameter r of the model."""
        return self.model.r

    @property
    def alpha(self) -> float:
        """Parameter alpha of the model, in operational time."""
        return self.model.alpha

    @property
    def a(self) -> float:
        """Parameter a of the model, if it has one."""
        return float(getattr(self.model, "a"))  # noqa: B009 - Nbd has none, and says so

    @property
    def b(self) -> float:
        """Parameter b of the model, if it has one."""
        return float(getattr(self.model, "b"))  # noqa: B009 - Nbd has none, and says so

    @property
    def s(self) -> float:
        """Parameter s of the model, if it has one."""
        return float(getattr(self.model, "s"))  # noqa: B009 - only ParetoNbd has it, the others say so

    @property
    def beta(self) -> float:
        """Parameter beta of the model, in ordinary time, if it has one."""
        return float(getattr(self.model, "beta"))  # noqa: B009 - only ParetoNbd has it, the others say so

    def __repr__(self) -> str:
        """Write the model and the calendar, and the start where there is one."""
        start = "" if self.start is None else f", start='{self.start}'"
        return f"SeasonalModel({self.model!r}, {self.calendar!r}{start})"

    def starting(self, start: ArrayLike) -> SeasonalModel:
        """Give the model of newcomers whose first purchase is on a day.

        Parameters
        ----------
        start : date
            Day of the first purchase.

        Returns
        -------
        SeasonalModel
            The same model; its methods about newcomers count from this day.

        Raises
        ------
        InputError
            If it is no day.

        Examples
        --------
        >>> from crmvalue.models import Calendar, MbgNbd, SeasonalModel
        >>> model = SeasonalModel(MbgNbd(0.525, 6.183, 0.891, 1.614, "week"), Calendar(month={"December": 2.0}))
        >>> model.starting("2024-06-30").expected_purchases_new(horizon=[4, 13]).round(3)
        array([0.196, 0.535])
        >>> model.starting("2024-11-30").expected_purchases_new(horizon=[4, 13]).round(3)
        array([0.36 , 0.671])
        """
        return attrs.evolve(self, start=as_day("start", start))

    def for_covariates(self, covariates: Mapping[str, float]) -> Self:
        """Give the model of customers whose covariates are known: see the same method of the other models.

        Parameters
        ----------
        covariates : mapping of str to float
            A value for each covariate of the model.

        Returns
        -------
        SeasonalModel
            The same without effects.

        Raises
        ------
        InputError
            If a covariate is missing, unknown or no number.
        """
        return attrs.evolve(self, model=self.model.for_covariates(covariates))

    def simulate(
        self,
        ages: ArrayLike,
        *,
        rng: np.random.Generator,
        covariates: Mapping[str, ArrayLike] | None = None,
        as_of: ArrayLike | None = None,
    ) -> PurchaseHistory:
        """Draw new customers and what each has bought up to an age, in continuous time.

        Parameters
        ----------
        ages, rng, covariates
            As for the other models.
        as_of : date
            Last day of observation, at which customers have these ages. It must be given.

        Returns
        -------
        PurchaseHistory
            One row per customer, in the order of `ages`, with `as_of`.

        Raises
        ------
        InputError
            As for the other models, and if `as_of` is not given.
        """
        if as_of is None:
            raise InputError("as_of", "given: the season of each purchase follows from it", None)
        end = as_day("as_of", as_of)
        here = attrs.evolve(self, start=end)
        drawn = ContinuousModel.simulate(here, ages, rng=rng, covariates=covariates)
        return attrs.evolve(drawn, as_of=end)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` wrote, and check it.

        Parameters
        ----------
        text : str
            JSON text.

        Returns
        -------
        SeasonalModel
            An equal model.

        Raises
        ------
        InputError
            If the text is of another model or a parameter is outside its range.
        """
        return from_json(cls, text, CovariateEffect, Calendar, DayEffect, *_INNER)

    def _past(self, history: PurchaseHistory) -> Any:
        known = check_history(history, self.time_unit)
        last_day_of(known)
        return super()._past(known)

    def _process(self, history: PurchaseHistory | None) -> ContinuousProcess:
        end = self.start if history is None else last_day_of(history)
        inner: ContinuousProcess = process_of(self.model, history)
        return inner if end is None else _by_clock(inner, self._clock(end))

    def _moved(self, factor: Any) -> ContinuousProcess:
        """Give the mathematics by the clock before `start`, for what is drawn."""
        inner = self.model._moved(factor)  # noqa: SLF001 - a model too
        return inner if self.start is None else _by_clock(inner, self._clock(self.start))

    def _with(self, parameters: dict[str, Any]) -> ContinuousProcess:
        return self.model._with(parameters)  # noqa: SLF001 - a model too

    def _clock(self, end: np.datetime64) -> Clock:
        return Clock(partial(levels_on, self.calendar), end, DAYS_PER_UNIT[self.time_unit])


def _by_clock(inner: ContinuousProcess, clock: Clock) -> ContinuousProcess:
    return ParetoClockProcess(inner, clock) if isinstance(inner, ParetoNbdProcess) else clocked(inner, clock)


def expected_of_arrivals(model: SeasonalModel, first: np.datetime64, entered: Integers, ends: Integers) -> Floats:
    """Repeat purchases until each end, expected of the newcomers of each day; days are counted from `first`."""
    level = levels_on(model.calendar, first + np.arange(len(entered)))
    if isinstance(model.model, ParetoNbd):
        return _expected_of_pareto(model.model, level, entered)[ends]
    clock = np.cumsum(level) / DAYS_PER_UNIT[model.time_unit]
    arrivals = np.flatnonzero(entered)
    expected = np.zeros(len(ends))
    step = max(1, _MOST_PAIRS // len(ends))
    for start in range(0, len(arrivals), step):
        some = arrivals[start : start + step]
        ahead = np.maximum(clock[ends] - clock[some][:, np.newaxis], 0.0)  # 0 for those who come later
        expected += entered[some] @ np.asarray(model.model.expected_purchases_new(horizon=ahead))
    return expected


def _expected_of_pareto(model: ParetoNbd, level: Floats, entered: Integers) -> Floats:
    """Give the same until each day: those who came so many days ago stay by the ordinary clock."""
    even = attrs.evolve(model, purchase_effects=(), dropout_effects=())
    upto = np.asarray(even.expected_purchases_new(horizon=np.arange(len(level)) / DAYS_PER_UNIT[model.time_unit]))
    expected: Floats = np.cumsum(level * np.convolve(entered, np.diff(upto, prepend=0.0))[: len(level)])
    return expected
