"""Whether a model fits: purchases by past frequency, tracking over time, and independence of spend and frequency.

Everything returns its numbers. To choose among models see :mod:`crmvalue._models.validation.comparison`.
"""

from __future__ import annotations

import warnings
from functools import partial
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from crmvalue._core.calendar import last_date, purchases_by_day, warn_of_early_rows
from crmvalue._core.checks import (
    as_day,
    as_day_column,
    as_flag,
    as_text,
    as_whole_number,
    require,
    require_same_index,
    require_same_length,
)
from crmvalue._core.comparisons import p_text
from crmvalue._core.encoding.customers import encode_customers
from crmvalue._core.frames import Columns
from crmvalue._core.json import from_json, to_json
from crmvalue._core.labels import counted, on_its_side
from crmvalue._core.pictures.pictured import Pictured
from crmvalue._core.values import (
    array_columns,
    array_field,
    checked_field,
    count_column,
    count_field,
    number_column,
    number_field,
    read_only,
    stay_frozen,
)
from crmvalue._models.changing.known_customers import as_model_of, refuse_unused
from crmvalue._models.pictures import calibration_parts, tracking_parts
from crmvalue._models.seasons.seasonal_model import SeasonalModel, expected_of_arrivals
from crmvalue._models.shared.common import check_history
from crmvalue._models.shared.purchase_model import as_purchase_model
from crmvalue._models.validation.ensemble import Ensemble
from crmvalue.errors import DataWarning, InputError
from crmvalue.purchases import DAYS_PER_UNIT, PurchaseSplit

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue._core.pictures.parts import Parts
    from crmvalue._models.changing.time_varying_history import TimeVaryingHistory
    from crmvalue._models.changing.time_varying_pareto_nbd import TimeVaryingParetoNbd
    from crmvalue._models.shared.fit import Fit
    from crmvalue._models.shared.purchase_model import ContinuousModel
    from crmvalue.purchases import PurchaseHistory
    from crmvalue.typing import ArrayLike, Dates, Floats, Integers

__all__ = [
    "FrequencyCalibration",
    "PurchaseTracking",
    "SpendIndependence",
    "calibration_by_frequency",
    "measure_independence",
    "purchase_tracking",
    "spend_independence",
]

_MOST_YEARS_LATER = 200  # from the last date to `as_of`: an end such as 9999-12-31 stands for none
_MOST_PAIRS = 10**8  # of days of arrival and periods that are added up one by one
_STRONG = 0.2  # a weaker correlation hardly moves expected spend, even if it is significant in a large base
_SIGNIFICANT = 0.05
_ROUNDING = 1e-9


@stay_frozen
@attrs.frozen(kw_only=True)
class FrequencyCalibration(Columns, Pictured):
    """Actual and expected purchases in the holdout, by repeat purchases in the calibration.

    The title of the picture says how far the totals are apart, whatever the reason. It is no test: chance and the error
    of the estimates alone set them apart.

    Parameters
    ----------
    frequency : ndarray of int
        Repeat purchases of each group, shape (groups,); the last group has this many or more.
    n_customers : ndarray of int
        Customers in each group.
    actual, expected : ndarray
        Mean purchases of a customer of the group in the holdout; NaN for a group without customers.

    Examples
    --------
    >>> groups = FrequencyCalibration(frequency=[0, 1], n_customers=[3, 1], actual=[0.5, 2.0], expected=[0.4, 2.4])
    >>> groups.actual - groups.expected
    array([ 0.1, -0.4])
    """

    frequency: Integers = count_column("frequency")
    n_customers: Integers = count_column("n_customers")
    actual: Floats = number_column("actual", low=0.0, missing=True)
    expected: Floats = number_column("expected", low=0.0, missing=True)

    def __attrs_post_init__(self) -> None:
        columns = {name: getattr(self, name) for name in ("frequency", "n_customers", "actual", "expected")}
        require_same_length(**columns)
        require(np.diff(self.frequency, prepend=-1) > 0, "frequency", self.frequency, "in ascending order, each once")
        for name in ("actual", "expected"):
            missing = np.isnan(columns[name])
            rule = "NaN where, and only where, `n_customers` is 0"
            require(missing == (self.n_customers == 0), name, columns[name], rule)

    def to_json(self) -> str:
        """Write the groups as JSON text, where the mean of an empty group is null; :meth:`from_json` reads it back."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str) -> FrequencyCalibration:
        """Read the groups that :meth:`to_json` wrote; other text is an InputError.

        Examples
        --------
        >>> groups = FrequencyCalibration(
        ...     frequency=[0, 1], n_customers=[3, 0], actual=[0.5, np.nan], expected=[0.4, np.nan]
        ... )
        >>> FrequencyCalibration.from_json(groups.to_json()) == groups
        True
        """
        return from_json(cls, text)

    def _parts(self) -> Parts:
        return calibration_parts(self.frequency, self.n_customers, self.actual, self.expected)

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give all columns by name, for a dataframe of any kind."""
        return array_columns(self)


@stay_frozen
@attrs.frozen(kw_only=True)
class PurchaseTracking(Columns, Pictured):
    """Actual and expected repeat purchases of a whole base, period by period.

    The title of the picture says how far the totals are apart, whatever the reason. It is no test: chance and the error
    of the estimates alone set them apart.

    Parameters
    ----------
    end : ndarray of datetime64[D]
        Last day of each period, shape (periods,).
    actual, expected : ndarray
        Repeat purchases in each period.
    cumulative_actual, cumulative_expected : ndarray
        Repeat purchases up to the end of each period.
    n_later : int
        Rows of the log after the last period, which are left out.

    Examples
    --------
    >>> tracking = PurchaseTracking(
    ...     end=np.array(["2024-01-07"], dtype="datetime64[D]"),
    ...     actual=[3.0],
    ...     expected=[2.5],
    ...     cumulative_actual=[3.0],
    ...     cumulative_expected=[2.5],
    ... )
    >>> tracking.cumulative_expected / tracking.cumulative_actual
    array([0.83333333])
    """

    end: Dates = array_field(lambda value: read_only(as_day_column("end", value)))
    actual: Floats = number_column("actual", low=0.0)
    expected: Floats = number_column("expected", low=0.0)
    cumulative_actual: Floats = number_column("cumulative_actual", low=0.0)
    cumulative_expected: Floats = number_column("cumulative_expected", low=0.0)
    n_later: int = count_field("n_later", default=0)

    def __attrs_post_init__(self) -> None:
        names = ("end", "actual", "expected", "cumulative_actual", "cumulative_expected")
        require_same_length(**{name: getattr(self, name) for name in names})
        require(np.append(True, self.end[1:] > self.end[:-1])[: len(self.end)], "end", self.end, "in ascending order")
        for name in ("actual", "expected"):
            total = getattr(self, f"cumulative_{name}")
            least = np.append(0.0, total[:-1])[: len(total)] + getattr(self, name)
            enough = (total >= least) | np.isclose(total, least, rtol=_ROUNDING, atol=_ROUNDING)
            require(enough, f"cumulative_{name}", total, f"at least that of the period before and `{name}`")

    def to_json(self) -> str:
        """Write the periods as JSON text; :meth:`from_json` reads it back."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str) -> PurchaseTracking:
        """Read the periods that :meth:`to_json` wrote; other text is an InputError.

        Examples
        --------
        >>> columns = dict.fromkeys(("actual", "expected", "cumulative_actual", "cumulative_expected"), [3.0])
        >>> tracking = PurchaseTracking(end=np.array(["2024-01-07"], dtype="datetime64[D]"), **columns)
        >>> PurchaseTracking.from_json(tracking.to_json()) == tracking
        True
        """
        return from_json(cls, text)

    def _parts(self, *, cumulative: bool = True) -> Parts:
        actual, expected = (
            (self.cumulative_actual, self.cumulative_expected) if cumulative else (self.actual, self.expected)
        )
        return tracking_parts(self.end, actual, expected, cumulative=cumulative)

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give all columns by name, for a dataframe of any kind."""
        return array_columns(self)


@attrs.frozen(kw_only=True)
class SpendIndependence:
    """Correlation of how often customers buy and what they spend on a purchase.

    Parameters
    ----------
    n_customers : int
        Customers with a repeat purchase.
    correlation : float
        Pearson's correlation of frequency and mean repeat spend, in [-1, 1].
    p_value : float
        Probability of a correlation at least as far from 0 where there is none.
    holds : bool
        Whether spend and frequency are independent enough for spend models.
    conclusion : str
        The finding in words.

    Examples
    --------
    >>> SpendIndependence(n_customers=946, correlation=0.11, p_value=0.001, holds=True, conclusion="Weak.").holds
    True
    """

    n_customers: int = count_field("n_customers")
    correlation: float = number_field("correlation", low=-1.0, high=1.0)
    p_value: float = number_field("p_value", low=0.0, high=1.0)
    holds: bool = checked_field("holds", as_flag)
    conclusion: str = checked_field("conclusion", as_text)

    def to_json(self) -> str:
        """Write the finding as JSON text; :meth:`from_json` reads it back."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str) -> SpendIndependence:
        """Read the finding that :meth:`to_json` wrote; other text is an InputError.

        Examples
        --------
        >>> found = SpendIndependence(n_customers=946, correlation=0.11, p_value=0.001, holds=True, conclusion="Weak.")
        >>> SpendIndependence.from_json(found.to_json()) == found
        True
        """
        return from_json(cls, text)


@np.errstate(under="ignore")
def calibration_by_frequency(
    split: PurchaseSplit,
    model: ContinuousModel | TimeVaryingParetoNbd | Fit[Any],
    *,
    most: int = 7,
    time_varying: TimeVaryingHistory | None = None,
) -> FrequencyCalibration:
    """Compare actual with expected purchases in the holdout, by repeat purchases in the calibration.

    Parameters
    ----------
    split : PurchaseSplit
        Calibration and holdout.
    model : purchase model or Fit
        Purchase model in the time unit of the split, or the fit of one.
    most : int, optional
        Customers with at least this many repeat purchases make the last group, from 1 to 10,000.
    time_varying : TimeVaryingHistory, optional
        Only for a fit of :class:`TimeVaryingParetoNbd`: the customers of the calibration, in the same order, with their
        covariates up to the end of the holdout.

    Returns
    -------
    FrequencyCalibration
        One element for each of 0, 1, ..., `most` repeat purchases.

    Raises
    ------
    InputError
        If `split` is not one, `model` is not a purchase model, units differ, or `most` is outside its range.

    Notes
    -----
    Figure "conditional expectations" of Fader, Hardie and Lee, "Counting your customers" the easy way (2005).

    Examples
    --------
    >>> from crmvalue.datasets import load_cdnow
    >>> from crmvalue.models import BgNbd
    >>> from crmvalue.purchases import split_purchases
    >>> log = load_cdnow()
    >>> split = split_purchases(log.customer, log.date, calibration_end="1997-09-30")
    >>> groups = calibration_by_frequency(split, BgNbd(0.243, 4.414, 0.793, 2.426, "week"), most=2)
    >>> groups.n_customers
    array([1411,  439,  507])
    >>> groups.expected[:2].round(4)
    array([0.2255, 0.5232])
    """
    if not isinstance(split, PurchaseSplit):
        raise InputError("split", "a PurchaseSplit", split, hint="crmvalue.purchases.split_purchases makes one")
    refuse_unused(time_varying, model)
    known = as_model_of("model", model, split.calibration, time_varying)
    last = as_whole_number("most", most, low=1, high=10_000)
    history = check_history(split.calibration, known.time_unit)
    expected = known.expected_purchases(history, horizon=split.holdout_length)
    group = np.minimum(history.frequency, last).astype(np.int64)
    count = np.bincount(group, minlength=last + 1)
    means = []
    for purchases in (split.holdout_n_purchases, expected):
        total = np.bincount(group, weights=purchases, minlength=last + 1)
        means.append(np.divide(total, count, out=np.full(last + 1, np.nan), where=count > 0))
    return FrequencyCalibration(frequency=np.arange(last + 1), n_customers=count, actual=means[0], expected=means[1])


@np.errstate(under="ignore")
def purchase_tracking(
    customer: ArrayLike,
    date: ArrayLike,
    model: ContinuousModel | Fit[Any],
    *,
    as_of: ArrayLike | None = None,
    period_days: int = 7,
) -> PurchaseTracking:
    """Track actual against expected repeat purchases of a whole base over time.

    Each customer enters with the first purchase and is then expected to buy like any new customer of the model. Later
    purchases do not change this. So the tracking checks the model, not its predictions for known customers.

    Parameters
    ----------
    customer : array_like
        Customer of each row, whole numbers or text, shape (rows,).
    date : array_like
        Date of each row; several purchases of a customer on a day are one.
    model : purchase model or Fit
        Purchase model, or the fit of one.
    as_of : date, optional
        Last day of observation, at most 200 years after the last date of the log; later rows are left out. By default
        that last date. Without it, a few rows more than five years after all others raise: one wrong date would move
        the end by years.
    period_days : int, optional
        Length of a period [days], from 1 to 3,660. The first begins on the first date of the log; a last one that is
        not complete by `as_of` is left out. Rows after the last period are counted in `n_later`.

    Returns
    -------
    PurchaseTracking
        One element per period.

    Raises
    ------
    InputError
        If a column has a value that is not legal, the columns differ in length, `model` is not a purchase model, or
        no period is complete.

    Warns
    -----
    DataWarning
        If at most a tenth of the rows lie more than five years before all others, as 1970-01-01 does. They are used.

    Examples
    --------
    >>> from crmvalue.datasets import load_cdnow
    >>> from crmvalue.models import BgNbd
    >>> log = load_cdnow()
    >>> tracking = purchase_tracking(log.customer, log.date, BgNbd(0.243, 4.414, 0.793, 2.426, "week"))
    >>> print(tracking.end[38], tracking.cumulative_actual[38])
    1997-09-30 2457.0
    """
    require_same_index(customer=customer, date=date)
    known = as_purchase_model("model", model)
    if known.purchase_effects or known.dropout_effects:
        rule = "a model without effects of covariates, since the log does not say who had which"
        raise InputError("model", rule, type(known).__name__, hint="`for_covariates` gives the model of one profile")
    days = as_day_column("date", date)
    _, codes = encode_customers("customer", customer)
    require_same_length(customer=codes, date=days)
    length = as_whole_number("period_days", period_days, low=1, high=3660)
    warn_of_early_rows(days)
    start = days.min()
    by_day = partial(purchases_by_day, days, codes)
    final = last_date("as_of", days, by_day) if as_of is None else as_day("as_of", as_of)
    if (final - days.max()).astype(np.int64) > _MOST_YEARS_LATER * DAYS_PER_UNIT["year"]:
        rule = f"at most {_MOST_YEARS_LATER} years after the last date of the log, {days.max()}"
        raise InputError("as_of", rule, str(final))
    n_periods = int((final - start).astype(np.int64) + 1) // length
    if n_periods < 1:
        name = "period_days" if as_of is None else "as_of"
        raise InputError(name, f"such that a period of {length} days from {start} is complete", str(final))
    span = n_periods * length
    lag = (days - start).astype(np.int64)
    inside = lag < span
    order = np.unique(codes[inside].astype(np.int64) * span + lag[inside])  # one a customer and day
    day = order % span
    first = np.concatenate([[True], np.diff(order // span) > 0])
    entered = np.bincount(day[first], minlength=span)
    repeated = np.bincount(day[~first], minlength=span)
    ends = np.arange(length - 1, span, length)
    expected = _expected(known, start, entered, ends)
    actual = np.cumsum(repeated)[ends].astype(np.float64)
    return PurchaseTracking(
        end=start + ends,
        actual=np.diff(actual, prepend=0.0),
        expected=np.maximum(np.diff(expected, prepend=0.0), 0.0),  # rounding may leave less
        cumulative_actual=actual,
        cumulative_expected=expected,
        n_later=int(np.count_nonzero(~inside)),
    )


def _expected(model: ContinuousModel, start: np.datetime64, entered: Integers, ends: Integers) -> Floats:
    """Repeat purchases until each end, expected of the customers who entered on each day."""
    if isinstance(model, Ensemble):
        parts = [(w, one) for w, one in zip(model.weights.tolist(), model.models, strict=True) if w > 0]
        expected = [weight * _expected(one, start, entered, ends) for weight, one in parts]
        found: Floats = np.sum(expected, axis=0)
        return found
    if isinstance(model, SeasonalModel):
        return expected_of_arrivals(model, start, entered, ends)
    horizon = np.arange(len(entered)) / DAYS_PER_UNIT[model.time_unit]
    return _expected_since_arrival(entered, np.asarray(model.expected_purchases_new(horizon=horizon)), ends)


def _expected_since_arrival(entered: Integers, curve: Floats, ends: Integers) -> Floats:
    """Add up what is expected of the customers of each day of arrival until each end."""
    arrivals = np.flatnonzero(entered)
    if len(arrivals) * len(ends) > _MOST_PAIRS:  # by a convolution, whose error is the rounding of the total
        from scipy.fft import irfft, next_fast_len, rfft

        size = next_fast_len(2 * len(curve), real=True)
        total: Floats = irfft(rfft(entered, size) * rfft(curve, size), size)[ends]
        return np.maximum.accumulate(np.maximum(total, 0.0))  # noise of rounding aside, it grows
    expected = np.zeros(len(ends))
    for day in arrivals.tolist():
        first = int(np.searchsorted(ends, day))
        expected[first:] += entered[day] * curve[ends[first:] - day]
    return expected


def spend_independence(history: PurchaseHistory) -> SpendIndependence:
    """Check that frequent buyers do not spend more, or less, on a purchase.

    Spend models such as gamma-gamma assume this. If it does not hold, they misjudge the value of frequent buyers.

    Parameters
    ----------
    history : PurchaseHistory
        With mean repeat spend, and at least three customers with a repeat purchase.

    Returns
    -------
    SpendIndependence
        Correlation among the customers with a repeat purchase, its p-value, and the finding in words. The assumption
        is broken if the correlation is above 0.2 or below -0.2 and the p-value is below 0.05. If all frequencies or
        all spends are equal, the correlation is 0.

    Raises
    ------
    InputError
        If the history has no spend, or fewer than three customers with a repeat purchase.

    Warns
    -----
    DataWarning
        If the assumption is broken.

    Notes
    -----
    Fader, Hardie and Lee, "RFM and CLV" (2005), find 0.11 in the CDNOW sample and keep the assumption.

    Examples
    --------
    >>> from crmvalue.datasets import load_cdnow
    >>> from crmvalue.purchases import summarise_purchases
    >>> log = load_cdnow()
    >>> found = spend_independence(summarise_purchases(log.customer, log.date, log.amount, as_of="1997-09-30"))
    >>> found.n_customers, round(found.correlation, 2)
    (946, 0.11)
    """
    found = measure_independence(history)
    if not found.holds:
        warnings.warn(DataWarning(found.conclusion, found.n_customers), stacklevel=2)
    return found


def measure_independence(history: PurchaseHistory) -> SpendIndependence:
    """Do what :func:`spend_independence` does, without a warning."""
    from scipy.stats import pearsonr

    spend = check_history(history).mean_repeat_spend
    if spend is None:
        raise InputError("history", "one with mean_repeat_spend", None, hint="give amounts to summarise_purchases")
    again = history.frequency > 0
    n = int(np.count_nonzero(again))
    if n < 3:
        raise InputError("history", "one with at least three customers who have a repeat purchase", n)
    x, y = history.frequency[again], spend[again]
    correlation, p_value = 0.0, 1.0
    if np.ptp(x) > 0 and np.ptp(y) > 1e-12 * y.max():  # less is rounding
        with np.errstate(under="ignore"):
            found = pearsonr(x, y / y.max())
        correlation, p_value = float(found.statistic), float(found.pvalue)
    broken = abs(correlation) > _STRONG and p_value < _SIGNIFICANT
    conclusion = _conclusion(correlation, p_value, n, broken=broken)
    return SpendIndependence(
        n_customers=n, correlation=correlation, p_value=p_value, holds=not broken, conclusion=conclusion
    )


def _conclusion(correlation: float, p_value: float, n: int, *, broken: bool) -> str:
    side = round(correlation)  # only a perfect correlation is written as 1
    r = on_its_side(round(correlation, 12), side) if side or p_value < _SIGNIFICANT else f"{correlation:z.2f}"
    p = p_text(p_value, _SIGNIFICANT)
    numbers = f"(correlation {r}, {p}, {counted(n, 'customer')} with a repeat purchase)"
    more = "more" if correlation > 0 else "less"
    if broken:
        return f"Frequent buyers spend {more} on a purchase {numbers}: a spend model misjudges their value."
    if p_value < _SIGNIFICANT:
        return f"Frequent buyers spend a little {more} on a purchase {numbers}: too little to matter."
    return f"Spend does not depend on frequency as far as the data show {numbers}."
