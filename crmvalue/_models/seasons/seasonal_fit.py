"""What a fit with a calendar found: the model, the levels with their uncertainty, and what they cannot know."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import attrs
import numpy as np
import numpy.typing as npt

from crmvalue._core.checks import as_day, as_fraction, as_positive, as_text, require
from crmvalue._core.frames import Columns
from crmvalue._core.json import from_json, to_json
from crmvalue._core.pictures.pictured import Pictured
from crmvalue._core.values import (
    FixedMapping,
    checked_field,
    count_column,
    count_field,
    number_column,
    number_field,
    number_table,
    of_class,
    read_only,
    require_at_most,
    require_columns,
    stay_frozen,
    words_field,
)
from crmvalue._models.pictures import calendar_parts
from crmvalue._models.seasons.calendar import SEASONS, Calendar
from crmvalue._models.seasons.seasonal_model import SeasonalModel
from crmvalue._models.shared.fit import Fit
from crmvalue.errors import InputError
from crmvalue.purchases import DAYS_PER_UNIT

if TYPE_CHECKING:
    from crmvalue._core.pictures.parts import Parts
    from crmvalue.typing import ArrayLike, Floats, Integers

__all__ = ["SeasonalFit"]

_LAST_DAY = np.datetime64("9999-12-31", "D")


def _as_spreads(name: str, value: object) -> FixedMapping[str, float]:
    if not isinstance(value, Mapping):
        raise InputError(name, "a mapping from seasons to spreads", value)
    return FixedMapping({as_text(name, key): as_positive(f"{name}[{key!r}]", one) for key, one in value.items()})


def _read_fit(fields: Any) -> Fit[Any]:
    return Fit.from_json(json.dumps(fields))


@stay_frozen
@attrs.frozen(kw_only=True)
class SeasonalFit(Columns, Pictured):
    """A purchase model that was fitted together with a calendar.

    Parameters
    ----------
    fit : Fit
        Fit of the :class:`SeasonalModel`. Its standard errors take the uncertainty of the levels into account.
    names : tuple of str
        Names of the k levels that were estimated.
    level : ndarray
        Levels, shape (k,). Those of a season have the mean 1 over the days of observation. For effects of single days,
        the factor for a value of 1.
    covariance : ndarray
        Covariance of the logarithms of the levels given the prior, shape (k, k).
    data_level, data_error : ndarray
        Levels as the data alone have them, and the standard errors of their logarithms, each of shape (k,). Intervals
        come from these: the prior draws `level` towards 1, a large one more than a small one. What is left of the prior
        is a standard deviation of 3, or of `shrinkage` where that is larger, which keeps finite what the data say
        nothing of.
    n_days : ndarray of int
        Days of observation of each level, shape (k,).
    n_repeat : ndarray of int
        Repeat purchases on these days, shape (k,).
    shrinkage : mapping of str to float
        Standard deviation of the normal prior of the logarithms of the levels, for each season.
    begin, end : datetime64[D]
        Day of the first purchase, and last day of observation.
    log_likelihood, log_likelihood_flat : float
        Of the times of all purchases: with the calendar, and of the same model without one.
    n_later : int
        Rows of the log after `end`, which are left out.
    messages : tuple of str
        In words: what the calendar cannot know. Empty if nothing was found.

    Examples
    --------
    >>> from crmvalue.datasets import load_cdnow
    >>> from crmvalue.models import fit_calendar
    >>> log = load_cdnow()
    >>> season = fit_calendar(log.customer, log.date, by="weekday")
    >>> dict(zip(season.names, season.level.round(2).tolist()))["Sunday"]
    0.98
    """

    fit: Fit[Any] = checked_field("fit", of_class(Fit))
    names: tuple[str, ...] = words_field("names", distinct=True)
    level: Floats = number_column("level")
    covariance: Floats = number_table("covariance", None)
    data_level: Floats = number_column("data_level")
    data_error: Floats = number_column("data_error")
    n_days: Integers = count_column("n_days")
    n_repeat: Integers = count_column("n_repeat")
    shrinkage: Mapping[str, float] = checked_field("shrinkage", _as_spreads)
    begin: np.datetime64 = checked_field("begin", as_day, eq=str)
    end: np.datetime64 = checked_field("end", as_day, eq=str)
    log_likelihood: float = number_field("log_likelihood")
    log_likelihood_flat: float = number_field("log_likelihood_flat")
    n_later: int = count_field("n_later", default=0)
    messages: tuple[str, ...] = words_field("messages", default=())

    _elsewhere: ClassVar[str] = "its `fit` is the fit of the purchase model"

    def __attrs_post_init__(self) -> None:
        if not isinstance(self.fit.model, SeasonalModel):
            raise InputError("fit", "the fit of a SeasonalModel", type(self.fit.model).__name__)
        k = len(self.names)
        require_columns(self, k, ("level", "data_level", "data_error", "n_days", "n_repeat"), "levels")
        if self.covariance.size == 0:  # JSON does not tell the shape of nothing
            object.__setattr__(self, "covariance", read_only(np.zeros((0, 0))))
        if self.covariance.shape != (k, k):
            raise InputError("covariance", f"of shape {(k, k)}, for the levels", self.covariance.shape)
        for name in ("level", "data_level"):
            require(getattr(self, name) > 0, name, getattr(self, name), "> 0")
        require(self.data_error >= 0, "data_error", self.data_error, ">= 0")
        require(np.diag(self.covariance) >= 0, "covariance", np.diag(self.covariance), ">= 0 on the diagonal")
        require_at_most(self, "begin", "end")

    @property
    def model(self) -> SeasonalModel:
        """The model, ready to predict."""
        model: SeasonalModel = self.fit.model
        return model

    @property
    def calendar(self) -> Calendar:
        """The calendar of the model."""
        return self.model.calendar

    @property
    def trustworthy(self) -> bool:
        """Whether nothing was found to be wrong, neither with the parameters nor with the calendar."""
        return self.fit.diagnosis.trustworthy and not self.messages

    def ends(self, level: float = 0.95) -> tuple[Floats, Floats]:
        """Give the ends of the interval of each level.

        Parameters
        ----------
        level : float, optional
            Coverage, in (0, 1).

        Returns
        -------
        tuple of ndarray
            Low and high ends, shape (k,). They hold the estimate of each level too. For a level of which the data say
            nothing, the high end of 95 % is hundreds of times the low one or more; see `data_level`.

        Raises
        ------
        InputError
            If `level` is not in (0, 1).

        Notes
        -----
        Intervals around the levels of the data alone, in logarithms. In 95 of 100 logs such an interval holds the true
        level, whatever it is. Around the estimates that the prior holds back, intervals hold the truth as often on
        average over all levels, but the largest level less often, and the less so the fewer the purchases.

        Examples
        --------
        >>> from crmvalue.datasets import load_cdnow
        >>> from crmvalue.models import fit_calendar
        >>> log = load_cdnow()
        >>> low, high = fit_calendar(log.customer, log.date, by="weekday").ends()
        >>> low[:2].round(2), high[:2].round(2)
        (array([1.01, 1.01]), array([1.16, 1.16]))
        """
        from scipy.special import ndtri

        z = -float(ndtri((1.0 - as_fraction("level", level)) / 2.0))
        with np.errstate(over="ignore", under="ignore"):
            half = np.exp(z * self.data_error)
            return np.minimum(self.data_level / half, self.level), np.maximum(self.data_level * half, self.level)

    def horizon_messages(self, horizon: ArrayLike) -> tuple[str, ...]:
        """Say which part of a horizon lies in a season that the data have not seen, and which covariates end in it.

        Parameters
        ----------
        horizon : float
            Length of the future after `end`, > 0, in the unit of the model.

        Returns
        -------
        tuple of str
            Sentences; empty if all levels of the horizon were seen, and all covariates are known until its end.

        Raises
        ------
        InputError
            If `horizon` is not above 0, or ends after the year 9999.

        Examples
        --------
        >>> from crmvalue.datasets import load_cdnow
        >>> from crmvalue.models import fit_calendar
        >>> log = load_cdnow()
        >>> season = fit_calendar(log.customer, log.date, as_of="1997-09-30", by="month")
        >>> print(season.horizon_messages(13)[0])
        the horizon (1997-10-01 to 1997-12-30) lies in a season that the data have not seen: October, November, December
        """
        days = as_positive("horizon", horizon) * DAYS_PER_UNIT[self.model.time_unit]
        if days > (_LAST_DAY - self.end).astype(np.int64):
            raise InputError("horizon", "such that it ends by the year 9999", horizon)
        first, last = self.end + 1, self.end + max(round(days), 1)
        unseen = self.calendar.unseen_between(self.end, last)
        said = []
        if unseen:
            some = "lies" if set(self._met(first, last)) <= set(unseen) else "lies in part"
            listed = ", ".join(unseen)
            said.append(f"the horizon ({first} to {last}) {some} in a season that the data have not seen: {listed}")
        figures = (effect for effect in self.calendar.days if effect.value is not None and len(effect.date))
        ends = {effect.name: effect.date.max() for effect in figures}
        said.extend(
            f"the horizon ends on {last}, but {name} has no value after {known}: it is 0 then"
            for name, known in ends.items()
            if known < last
        )
        return tuple(said)

    def _met(self, first: np.datetime64, last: np.datetime64) -> tuple[str, ...]:
        """Names of all levels of a period that the calendar tells apart by season."""
        known = attrs.evolve(self.calendar, days=(), unseen=_all_names(self.calendar))
        return known.unseen_between(first - 1, last)

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give one row for each level, with its 95 % interval, for a dataframe of any kind."""
        low, high = self.ends()
        return {
            "name": np.array(self.names, dtype=np.str_),
            "level": self.level,
            "low": low,
            "high": high,
            "n_days": self.n_days,
            "n_repeat": self.n_repeat,
        }

    def to_json(self) -> str:
        """Write the fit as JSON text; :meth:`from_json` reads it back."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str) -> SeasonalFit:
        """Read the fit that :meth:`to_json` wrote; other text is an InputError.

        Examples
        --------
        >>> from crmvalue.datasets import load_cdnow
        >>> from crmvalue.models import SeasonalFit, fit_calendar
        >>> log = load_cdnow()
        >>> season = fit_calendar(log.customer, log.date, by="weekday")
        >>> SeasonalFit.from_json(season.to_json()) == season
        True
        """
        return from_json(cls, text, fit=_read_fit)

    def _parts(self) -> Parts:
        together = self.ends(1.0 - 0.05 / max(len(self.names), 1))  # Bonferroni
        return calendar_parts(self.names, self.level, self.ends(), together)


def _all_names(calendar: Calendar) -> tuple[str, ...]:
    return tuple(name for season in SEASONS if getattr(calendar, season) is not None for name in SEASONS[season])
