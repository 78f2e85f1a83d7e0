"""The same forecast from several days: one holdout may be a lucky one, or lie in a season."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, get_args

import attrs
import numpy as np

from crmvalue._core.checks import (
    as_day_column,
    as_positive,
    as_text,
    require,
    require_choice,
    require_same_index,
)
from crmvalue._core.encoding.customers import text_array
from crmvalue._core.frames import Columns
from crmvalue._core.json import from_json, to_json
from crmvalue._core.values import (
    array_columns,
    date_table,
    label_column,
    number_column,
    require_at_most,
    stay_frozen,
    whole_table,
    words_field,
)
from crmvalue._models.shared.purchase_model import as_purchase_model
from crmvalue._models.validation.candidates import MODELS, options_of, require_log
from crmvalue._models.validation.comparison import NAIVE_RULES, compare_models
from crmvalue.errors import ConvergenceError, InputError
from crmvalue.purchases import DAYS_PER_UNIT, Missing, split_purchases

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    from crmvalue._models.shared.fit import Fit
    from crmvalue._models.validation.comparison import ModelScore
    from crmvalue.purchases import Grain, PurchaseHistory, PurchaseSplit, TimeUnit
    from crmvalue.typing import ArrayLike, Dates, Floats, Integers

__all__ = ["RollingHoldout", "rolling_holdout"]

_SCORES = ("bias", "mean_absolute_error", "root_mean_squared_error", "log_score", "crps", "coverage")

_MOST_DAYS = 4e6  # longer than any log


@stay_frozen
@attrs.frozen(kw_only=True)
class RollingHoldout(Columns):
    """Scores of models and naive rules on several holdouts of one log; one row for each of them on each holdout.

    Parameters
    ----------
    origin : ndarray of datetime64[D]
        Last day of the calibration, shape (rows,); NaT for all holdouts together.
    name : ndarray of str
        Model or naive rule.
    n_customers : ndarray of int
        Customers of the calibration.
    n_purchases, expected : ndarray
        Purchases of these customers in the holdout, and what was foretold; NaN where a fit failed.
    bias, mean_absolute_error, root_mean_squared_error : ndarray
        As in :class:`HoldoutError`; NaN where a fit failed.
    log_score, crps, coverage : ndarray
        As in :class:`ProperScores`; NaN where a fit failed, and for a rule without a distribution.
    problems : tuple of str
        Fits that failed, with the reason.

    Examples
    --------
    >>> from crmvalue.datasets import load_cdnow
    >>> log = load_cdnow()
    >>> found = rolling_holdout(
    ...     log.customer, log.date, origins=["1997-09-30", "1997-12-30"], horizon=26, models=["nbd", "bg_nbd"]
    ... )
    >>> whole = found.over_all()
    >>> for name, log_score in zip(whole.name[:4], whole.log_score.round(3), strict=False):
    ...     print(name, log_score)
    NBD 0.831
    BG/NBD 0.787
    nobody buys inf
    same rate as before 0.923
    """

    origin: Dates = date_table("origin")
    name: npt.NDArray[np.str_] = label_column("name", texts=True)
    n_customers: Integers = whole_table("n_customers", low=1)
    n_purchases: Floats = number_column("n_purchases", low=0.0)
    expected: Floats = number_column("expected", low=0.0, missing=True)
    bias: Floats = number_column("bias", low=-1.0, missing=True, infinite=True)
    mean_absolute_error: Floats = number_column("mean_absolute_error", low=0.0, missing=True)
    root_mean_squared_error: Floats = number_column("root_mean_squared_error", low=0.0, missing=True)
    log_score: Floats = number_column("log_score", low=0.0, missing=True, infinite=True)
    crps: Floats = number_column("crps", low=0.0, missing=True)
    coverage: Floats = number_column("coverage", low=0.0, high=1.0, missing=True)
    problems: tuple[str, ...] = words_field("problems", default=())

    def __attrs_post_init__(self) -> None:
        for field in attrs.fields(type(self))[1:-1]:
            if getattr(self, field.name).shape != self.origin.shape:
                raise InputError(
                    field.name, f"of {len(self.origin)} rows, as `origin`", getattr(self, field.name).shape
                )
        require_at_most(self, "mean_absolute_error", "root_mean_squared_error")

    def over_all(self) -> RollingHoldout:
        """Put all holdouts together: each customer of each holdout counts once.

        Returns
        -------
        RollingHoldout
            One row for each model and rule, in the order of this table; NaN where it has no score on some holdout.
        """
        names = list(dict.fromkeys(self.name.tolist()))
        place = {name: i for i, name in enumerate(names)}
        code = np.array([place[name] for name in self.name.tolist()], dtype=np.int64)
        groups = [code == i for i in range(len(names))]
        n_customers = np.array([self.n_customers[rows].sum() for rows in groups])
        n_purchases, expected = (
            np.array([column[rows].sum() for rows in groups]) for column in (self.n_purchases, self.expected)
        )
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):  # a bias may be infinite
            excess = expected - n_purchases
            bias = np.where(excess == 0.0, 0.0, excess / n_purchases)
        return RollingHoldout(
            origin=np.full(len(names), "NaT", dtype="datetime64[D]"),
            name=text_array(names),
            n_customers=n_customers,
            n_purchases=n_purchases,
            expected=expected,
            bias=bias,
            root_mean_squared_error=self._mean(self.root_mean_squared_error, groups, power=2),
            **{name: self._mean(getattr(self, name), groups) for name in _SCORES[1:] if "root" not in name},
            problems=self.problems,
        )

    def _mean(self, column: Floats, groups: list[npt.NDArray[np.bool_]], power: int = 1) -> Floats:
        """Weighted mean of each group, or root of the mean square, in units of the size of the largest number."""
        weight = self.n_customers.astype(np.float64)
        largest = float(np.abs(column[np.isfinite(column)]).max(initial=1.0))
        size = math.ldexp(1.0, math.frexp(largest)[1])  # dividing by a power of two rounds nothing
        with np.errstate(under="ignore"):
            parts = (column / size) ** power * weight
            means = np.array([parts[rows].sum() / weight[rows].sum() for rows in groups])
        found: Floats = size * means ** (1 / power)
        return found

    def to_json(self) -> str:
        """Write the table as JSON text; :meth:`from_json` reads it back."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str) -> RollingHoldout:
        """Read the table that :meth:`to_json` wrote; other text is an InputError."""
        return from_json(cls, text)

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give all columns by name, for a dataframe of any kind."""
        return array_columns(self)


def rolling_holdout(
    customer: ArrayLike,
    date: ArrayLike,
    *,
    origins: ArrayLike,
    horizon: float,
    models: Sequence[str] | Mapping[str, Callable[[PurchaseHistory], Fit[Any]]] = MODELS,
    time_unit: TimeUnit = "week",
    grain: Grain = "day",
    missing: Missing = "raise",
) -> RollingHoldout:
    """Fit models to a log up to each of several days, and score their forecasts of the time after it.

    Parameters
    ----------
    customer, date, time_unit, grain, missing
        As in :func:`crmvalue.purchases.summarise_purchases`.
    origins : array_like of date
        Last days of the calibrations, all different; each before the last date of the log.
    horizon : float
        Length of each holdout [time_unit], > 0, rounded to whole days. It must end within the log.
    models : sequence of str or mapping of str to function, optional
        Names as in :func:`choose_model`, or functions by name, which give the fit to a history, such as `fit_bg_nbd`.

    Returns
    -------
    RollingHoldout
        Scores of each model and naive rule on each holdout; `over_all` puts them together.

    Raises
    ------
    InputError
        If an origin or the horizon is not legal, or a name is unknown. With a calendar also if `grain` is not "day", or
        a value is missing.

    Notes
    -----
    The scores are those of :func:`compare_models`. A fit that is not usable is scored all the same. Holdouts that
    overlap share purchases, so their scores are not independent.

    Examples
    --------
    >>> from crmvalue.datasets import load_cdnow
    >>> from crmvalue.models import fit_mbg_nbd
    >>> log = load_cdnow()
    >>> found = rolling_holdout(
    ...     log.customer, log.date, origins=["1997-09-30", "1997-12-30"], horizon=26, models={"MBG/NBD": fit_mbg_nbd}
    ... )
    >>> found.log_score[found.name == "MBG/NBD"].round(3)
    array([0.836, 0.735])
    """
    require_same_index(customer=customer, date=date)
    length = as_positive("horizon", horizon)
    options = [] if isinstance(models, Mapping) else options_of("models", models)
    fits = {option.title: option.of_log(customer, date) for option in options} or _functions(models)
    days = as_day_column("origins", origins)
    if not len(days) or len(np.unique(days)) < len(days):
        raise InputError("origins", "different days, at least one", days)
    require_choice("time_unit", time_unit, DAYS_PER_UNIT)
    require_choice("missing", missing, get_args(Missing))
    ahead = np.timedelta64(max(1, round(min(length * DAYS_PER_UNIT[time_unit], _MOST_DAYS))), "D")
    found: list[tuple[np.datetime64, PurchaseSplit, ModelScore | str]] = []
    first = _first_day(as_day_column("date", date, allow_missing=missing == "drop"))
    require(np.array(days) >= first, "origins", np.array(days), f"on or after the first date of the log, {first}")
    problems = []
    known = as_day_column("date", date, allow_missing=missing == "drop")
    last = known[~np.isnat(known)].max()
    require(days + ahead <= last, "origins", days, f"such that the horizon ends by the last date, {last}")
    for day in days:
        split = split_purchases(
            customer,
            date,
            calibration_end=day,
            holdout_end=day + ahead,
            time_unit=time_unit,
            grain=grain,
            missing=missing,
        )
        require_log(options, grain, split.calibration)
        made = {}
        for name, fit_one in fits.items():
            try:
                fit = fit_one(split.calibration)
            except (ConvergenceError, InputError) as error:
                problems.append(f"{name}, {day}: {error}")
                continue
            made[name] = fit
            model = as_purchase_model(f"models[{name!r}]", fit)
            if model.purchase_effects or model.dropout_effects:
                rule = "without effects of covariates, since the log does not say who had which"
                hint = "compare_models, with a split for each origin that has them"
                raise InputError(f"models[{name!r}]", rule, type(model).__name__, hint=hint)
        scores = {score.name: score for score in compare_models(split, made)} if made else {}
        found += [(day, split, scores.get(name, name)) for name in dict.fromkeys([*fits, *scores])]
    return _table(found, problems)


def _first_day(date: Dates) -> np.datetime64:
    known: Dates = date[~np.isnat(date)]
    if not len(known):
        raise InputError("date", "at least one date", 0)
    found: np.datetime64 = known.min()
    return found


def _functions(models: Any) -> dict[str, Callable[[PurchaseHistory], Fit[Any]]]:
    functions = {as_text("models", name): function for name, function in models.items()}
    if not functions or not all(map(callable, functions.values())):
        raise InputError("models", "names of models, or functions by name, at least one", models)
    for name in NAIVE_RULES:
        if name in functions:
            raise InputError("models", "names other than those of the naive rules", name)
    return functions


def _table(found: list[tuple[np.datetime64, PurchaseSplit, Any]], problems: list[str]) -> RollingHoldout:
    columns: dict[str, list[float]] = {name: [] for name in ("n_purchases", "expected", *_SCORES)}
    names = []
    for _, split, score in found:
        came = float(split.holdout_n_purchases.sum())
        values = dict.fromkeys(columns, np.nan)
        values["n_purchases"] = came
        if isinstance(score, str):
            names.append(score)
        else:
            names.append(score.name)
            error, counts = score.purchases, score.counts
            values |= {name: getattr(error, name) for name in _SCORES[:3]}
            # where nobody bought, all that was foretold is error
            values["expected"] = (
                came * (1.0 + error.bias) if came else error.mean_absolute_error * len(split.calibration)
            )
            if counts is not None:
                values |= {name: getattr(counts, name) for name in _SCORES[3:]}
        for name, value in values.items():
            columns[name].append(value)
    return RollingHoldout(
        origin=np.array([day for day, _, _ in found], dtype="datetime64[D]"),
        name=text_array(names),
        n_customers=np.array([len(split.calibration) for _, split, _ in found]),
        problems=tuple(problems),
        **{name: np.array(column) for name, column in columns.items()},
    )
