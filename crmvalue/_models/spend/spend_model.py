"""What the models of single amounts share: levels of customers, drift, season and effects on the logarithm.

The logarithm of an amount is the level of the customer, plus the common drift up to the day, plus the effect of the
month, plus chance. A model file holds the distributions of levels and of chance.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, NamedTuple

import attrs
import numpy as np

from crmvalue._core.checks import (
    as_counts,
    as_day,
    as_flag,
    as_float,
    as_fraction,
    as_ordered_items,
    as_positive,
    require,
)
from crmvalue._core.values import checked_field, given_field, optional
from crmvalue._models.shared.common import MOST_PURCHASES, as_rng, check_history
from crmvalue._models.shared.model import Model
from crmvalue.errors import InputError
from crmvalue.purchases import DAYS_PER_UNIT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crmvalue._models.shared.covariates import CovariateEffect
    from crmvalue.purchases import PurchaseHistory
    from crmvalue.typing import ArrayLike, Dates, Floats, Integers

__all__ = [
    "DAYS_PER_YEAR",
    "Level",
    "SpendModel",
    "Spent",
    "add_up",
    "blocks",
    "drift_field",
    "first_field",
    "known_of",
    "level_draws",
    "month_of",
    "origin_field",
    "purchase_draws",
    "purchase_moments",
    "read_spent",
    "season_field",
]

DAYS_PER_YEAR = DAYS_PER_UNIT["year"]
_BLOCK = 1 << 16  # purchases at a time
_FARTHEST = 500.0  # a logarithm: money of exp(500) is no money
_NO_MONEY = np.exp(_FARTHEST)
_MONTHS = 12


class Spent(NamedTuple):
    """Logarithms and days of the purchases that count, customer by customer; `n` is the number of each customer."""

    n: Floats
    log: Floats
    day: Dates

    @property
    def row(self) -> Integers:
        """Place of the customer of each purchase."""
        return np.repeat(np.arange(len(self.n)), self.n.astype(np.int64))


class Level(NamedTuple):
    """What is known of customers: the money of their next purchase is `scale` times a number of which `n` is all."""

    scale: Floats
    n: Floats


def read_spent(history: PurchaseHistory, *, use_first: bool) -> Spent:
    """Give the purchases of money of a history, with or without the first of each customer."""
    amounts = check_history(history).amounts
    if amounts is None:
        hint = "keep_amounts=True in summarise_purchases or split_purchases"
        raise InputError("history", "one with `amounts`", None, hint=hint)
    counts = amounts.amount > 0
    if not use_first:
        counts[amounts.start] = False
    n = np.bincount(amounts.row[counts], minlength=len(history)).astype(np.float64)
    return Spent(n, np.log(amounts.amount[counts]), amounts.day[counts])


def month_of(day: Dates) -> Integers:
    """Month of each day, 0 for January."""
    return day.astype("datetime64[M]").astype(np.int64) % _MONTHS


def add_up(values: Floats, n: Floats) -> Floats:
    """Sum values that stand customer by customer, one or more a purchase: shape (customers, ...)."""
    number = n.astype(np.int64)
    sums = np.zeros((len(n), *values.shape[1:]))
    some = number > 0
    if some.any():
        sums[some] = np.add.reduceat(values, (np.cumsum(number) - number)[some], axis=0)
    return sums


def blocks(n: Floats) -> Iterator[tuple[slice, slice]]:
    """Cut customers and their purchases into pieces that stay in the cache of the processor."""
    end = np.cumsum(n.astype(np.int64))
    first = begin = 0
    while first < len(n):
        last = max(first + 1, int(np.searchsorted(end, begin + _BLOCK, side="right")))
        stop = int(end[last - 1])
        yield slice(first, last), slice(begin, stop)
        first, begin = last, stop


def first_field() -> Any:
    """Field that says whether the first purchase of a customer counts."""
    return checked_field("use_first", as_flag, default=True, kw_only=True)


def drift_field() -> Any:
    """Field for the drift of the logarithm in a year."""
    return checked_field("drift", as_float, default=0.0, kw_only=True)


def origin_field() -> Any:
    """Field for the day at which the drift is 0."""
    return checked_field("origin", optional(as_day), default=None, kw_only=True, eq=str)


def season_field() -> Any:
    """Field for the effects of the twelve months: none, or all."""

    def convert(value: Any) -> tuple[float, ...]:
        rule = "empty, or twelve numbers, from January to December"
        effects = tuple(as_float("season", effect) for effect in as_ordered_items("season", value, rule))
        if len(effects) not in {0, _MONTHS}:
            raise InputError("season", rule, len(effects))
        return effects

    return given_field(default=(), converter=convert, kw_only=True)


class SpendModel(Model):
    """A model of the logarithm of single amounts; a base class, so that public methods stand once."""

    __slots__ = ()

    use_first: bool
    drift: float
    origin: np.datetime64 | None
    season: tuple[float, ...]
    spend_effects: tuple[CovariateEffect, ...]

    @abstractmethod
    def _densities(self, log: Floats, n: Floats) -> Floats:
        """Log-density of the logarithms of all purchases of each customer."""

    @abstractmethod
    def _level(self, log: Floats, n: Floats) -> Level:
        """Give what is known of each customer."""

    @abstractmethod
    def _mean(self, n: Floats) -> Floats:
        """Mean of the next purchase over the scale; infinite where there is none."""

    @abstractmethod
    def _quantile(self, n: Floats, prob: float) -> Floats:
        """Quantile of the next purchase over the scale."""

    @abstractmethod
    def _draw_levels(self, n: Floats, rng: np.random.Generator) -> Floats:
        """Draw the level of each customer over the scale."""

    @abstractmethod
    def _draw_purchases(self, size: int, rng: np.random.Generator) -> Floats:
        """Draw purchases over the level."""

    @abstractmethod
    def _moments(self) -> tuple[float, float]:
        """Mean and variance of purchases over the level."""

    def _check_drift(self) -> None:
        if self.drift and self.origin is None:
            raise InputError("origin", "a day where there is a drift", None)

    def _grown(self, day: Any) -> Any:
        """Drift up to a day."""
        if self.origin is None:
            return 0.0
        return self.drift * ((day - self.origin) / np.timedelta64(1, "D") / DAYS_PER_YEAR)

    def __repr__(self) -> str:
        """Write the parameters, and the effects where there are any."""
        plain = {field.name: field.default for field in attrs.fields(type(self))}  # type: ignore[arg-type]  # subclasses are
        shown = {name: getattr(self, name) for name in plain}
        text = ", ".join(f"{name}={v!r}" for name, v in shown.items() if not (v == plain[name] or v is plain[name]))
        return f"{type(self).__name__}({text})"

    @np.errstate(under="ignore")
    def log_likelihood(self, history: PurchaseHistory) -> Floats:
        """Log-density of the amounts of each customer.

        Parameters
        ----------
        history : PurchaseHistory
            With `amounts` (`keep_amounts`).

        Returns
        -------
        ndarray
            Log-density of all amounts that count [1/money each] per customer; 0 for a customer without any. Purchases
            of 0 do not count.

        Raises
        ------
        InputError
            If the history has no amounts, or lacks a covariate of the model.

        Examples
        --------
        >>> from crmvalue.models import LognormalSpend
        >>> from crmvalue.purchases import summarise_purchases
        >>> history = summarise_purchases(["ann", "ann"], ["2024-01-01", "2024-02-01"], [20, 40], keep_amounts=True)
        >>> LognormalSpend(3.0, 0.8, 0.5).log_likelihood(history).round(3)
        array([-8.599])
        """
        spent = read_spent(history, use_first=self.use_first)
        density = self._densities(self._adjusted(spent, history), spent.n) - add_up(spent.log, spent.n)
        return np.where(spent.n > 0, density, 0.0)

    @np.errstate(under="ignore", over="ignore")
    def expected_spend(self, history: PurchaseHistory, *, horizon: float | None = None) -> Floats:
        """Give the expected spend per future purchase of each customer, given their past.

        Parameters
        ----------
        history : PurchaseHistory
            With `amounts` (`keep_amounts`).
        horizon : float, optional
            Length of the future [time unit of the history], > 0: the months in it are those of the season. By default
            all months of the year count alike.

        Returns
        -------
        ndarray
            Money per purchase of money, one per customer, at the prices of the end of observation: the drift is not
            carried on beyond it.

        Raises
        ------
        InputError
            If the history has no amounts or lacks a covariate of the model, or a customer has no finite mean.

        Examples
        --------
        >>> from crmvalue.models import LognormalSpend
        >>> from crmvalue.purchases import summarise_purchases
        >>> history = summarise_purchases(["ann", "ann"], ["2024-01-01", "2024-02-01"], [20, 40], keep_amounts=True)
        >>> LognormalSpend(3.0, 0.8, 0.5).expected_spend(history).round(2)
        array([31.93])
        """
        known = self._known(history, horizon)
        money = known.scale * self._mean(known.n)
        require(
            money < _NO_MONEY, "history", known.n, "of customers with enough purchases for a finite mean",
            hint="look for outliers in the spend, or fit with priors",
        )  # fmt: skip
        return money

    @np.errstate(under="ignore", over="ignore")
    def spend_interval(
        self, history: PurchaseHistory, *, level: float = 0.9, horizon: float | None = None
    ) -> tuple[Floats, Floats]:
        """Give an interval of the money of the next purchase of each customer, at the given parameters.

        Parameters
        ----------
        history : PurchaseHistory
            With `amounts` (`keep_amounts`).
        level : float, optional
            Probability that the interval contains the amount, in (0, 1).
        horizon : float, optional
            As in :meth:`expected_spend`.

        Returns
        -------
        low : ndarray
            Lower end of the interval [money], one per customer.
        high : ndarray
            Upper end: as much probability lies above it as below the lower one.

        Raises
        ------
        InputError
            As :meth:`expected_spend`, and if `level` is outside its range.

        Examples
        --------
        >>> from crmvalue.models import LognormalSpend
        >>> from crmvalue.purchases import summarise_purchases
        >>> history = summarise_purchases(["ann", "ann"], ["2024-01-01", "2024-02-01"], [20, 40], keep_amounts=True)
        >>> low, high = LognormalSpend(3.0, 0.8, 0.5).spend_interval(history, level=0.8)
        >>> low.round(2), high.round(2)
        (array([12.47]), array([57.37]))
        """
        tail = 0.5 * (1.0 - as_fraction("level", level))
        known = self._known(history, horizon)
        low, high = (known.scale * self._quantile(known.n, prob) for prob in (tail, 1.0 - tail))
        return low, high

    @np.errstate(under="ignore", over="ignore")
    def expected_spend_new(self) -> float:
        """Give the expected spend per purchase of a new customer.

        Returns
        -------
        float
            Money per purchase, without drift and season, for a customer whose covariates are those of the mean.

        Raises
        ------
        InputError
            If the base has no finite mean.

        Examples
        --------
        >>> from crmvalue.models import LognormalSpend
        >>> round(LognormalSpend(3.0, 0.8, 0.5).expected_spend_new(), 2)
        31.34
        """
        nobody = np.zeros(1)
        money = float((self._level(np.zeros(0), nobody).scale * self._mean(nobody))[0])
        if not money < _NO_MONEY:
            hint = "look for outliers in the spend, or fit with priors"
            raise InputError("model", "one whose new customers have a finite mean", repr(self), hint=hint)
        return money

    @np.errstate(under="ignore")
    def simulate(self, n_purchases: ArrayLike, *, rng: np.random.Generator) -> Floats:
        """Draw the amounts of new customers, without drift, season and effects.

        Parameters
        ----------
        n_purchases : array_like
            Purchases of each customer, shape (n,), at most 10**8 in all.
        rng : numpy.random.Generator
            Source of randomness.

        Returns
        -------
        ndarray
            Money of each purchase, customer by customer, shape (sum of `n_purchases`,).

        Raises
        ------
        InputError
            If `n_purchases` holds anything but whole numbers >= 0, or too many, or `rng` is no generator.

        Examples
        --------
        >>> from crmvalue.models import LognormalSpend
        >>> LognormalSpend(3.0, 0.8, 0.5).simulate([2, 1], rng=np.random.default_rng(1)).shape
        (3,)
        """
        (number,) = as_counts(n_purchases=n_purchases)
        require(number.ndim == 1, "n_purchases", number.ndim, "a column of numbers")
        if number.sum() > MOST_PURCHASES:
            raise InputError("n_purchases", f"of at most {MOST_PURCHASES:,} purchases in all", int(number.sum()))
        source = as_rng(rng)
        nobody = np.zeros(len(number))
        level = self._level(np.zeros(0), nobody).scale * self._draw_levels(nobody, source)
        owner = np.repeat(np.arange(len(number)), number.astype(np.int64))
        return level[owner] * self._draw_purchases(len(owner), source)

    def _adjusted(self, spent: Spent, history: PurchaseHistory) -> Floats:
        """Logarithms of the amounts without drift, season and effects."""
        log = spent.log
        if self.spend_effects:
            log = log - self._shift(history)[spent.row]
        if self.drift:
            log = log - self._grown(spent.day)
        return log - np.array(self.season)[month_of(spent.day)] if self.season else log

    def _shift(self, history: PurchaseHistory) -> Floats:
        """Effects of the covariates on the level of each customer."""
        shift = np.zeros(len(history))
        for effect in self.spend_effects:
            shift += effect.coefficient * ((history.covariate(effect.name) - effect.centre) / effect.scale)
        rule = f"such that the effect is within exp(+-{_FARTHEST:g})"
        require(np.abs(shift) <= _FARTHEST, "history", shift, rule, hint="far outside what the model was fitted to")
        return shift

    def _known(self, history: PurchaseHistory, horizon: float | None) -> Level:
        """Give what is known of each customer at the end of observation, for the months ahead."""
        length = None if horizon is None else as_positive("horizon", horizon)
        spent = read_spent(history, use_first=self.use_first)
        level = self._level(self._adjusted(spent, history), spent.n)
        ahead = self._shift(history) + self._ahead(history, length)
        rule = f"such that drift, season and effects move its spend by at most exp(+-{_FARTHEST:g})"
        require(np.abs(ahead) <= _FARTHEST, "history", ahead, rule)
        return Level(level.scale * np.exp(ahead), level.n)

    def _ahead(self, history: PurchaseHistory, length: float | None) -> float:
        """Logarithm of the common factor of the purchases ahead."""
        if not (self.drift or self.season):
            return 0.0
        end = history.as_of
        if end is None:
            raise InputError("history", "one with `as_of` for a model with drift or season", None)
        grown = float(self._grown(end))
        if not self.season:
            return grown
        months = np.arange(_MONTHS)
        if length is not None:
            n_days = max(1, min(round(length * DAYS_PER_UNIT[history.time_unit]), round(4 * DAYS_PER_YEAR)))
            months = month_of(end + np.arange(1, n_days + 1))
        return grown + float(np.log(np.exp(np.array(self.season))[months].mean()))


def known_of(model: SpendModel, history: PurchaseHistory, horizon: float | None) -> Level:
    """Give what a model knows of each customer, for whoever draws their purchases."""
    return model._known(history, horizon)  # noqa: SLF001 - what subclasses supply to this module is no public method


def level_draws(model: SpendModel, n: Floats, rng: np.random.Generator) -> Floats:
    """Draw levels of customers of whom n purchases are known, over their scale."""
    return model._draw_levels(n, rng)  # noqa: SLF001 - as above


def purchase_draws(model: SpendModel, size: int, rng: np.random.Generator) -> Floats:
    """Draw purchases over the level."""
    return model._draw_purchases(size, rng)  # noqa: SLF001 - as above


def purchase_moments(model: SpendModel) -> tuple[float, float]:
    """Give mean and variance of purchases over the level."""
    return model._moments()  # noqa: SLF001 - as above
