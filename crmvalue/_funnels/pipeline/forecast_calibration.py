"""Past forecasts of deals, compared with their results."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from crmvalue._core.checks import (
    as_amounts,
    as_column,
    as_fraction,
    as_outcomes,
    as_whole_number,
    require,
    require_same_index,
    require_same_length,
)
from crmvalue._core.comparisons import holm, p_text
from crmvalue._core.frames import Columns
from crmvalue._core.json import from_json, to_json
from crmvalue._core.labels import counted, figure, on_its_side
from crmvalue._core.pictures.pictured import Pictured
from crmvalue._core.values import (
    checked_field,
    hand_over,
    number_column,
    number_field,
    require_at_most,
    require_columns,
    stay_frozen,
    whole_table,
)
from crmvalue._funnels.counts import share, share_interval
from crmvalue._funnels.pictures import forecast_parts
from crmvalue._funnels.pipeline.forecast import distribution_of_total
from crmvalue.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue._core.pictures.parts import Parts
    from crmvalue.typing import ArrayLike, Floats, Integers, Interval

    Bools = npt.NDArray[np.bool_]

_ROUNDING = 1e-9

__all__ = ["ForecastCalibration", "forecast_calibration"]


@stay_frozen
@attrs.frozen(kw_only=True)
class ForecastCalibration(Columns, Pictured):
    """Forecast probabilities of deals, compared with how many were won.

    Parameters
    ----------
    edge : ndarray
        Ends of the bins of the forecast probability, shape (bins + 1,).
    n_deals, n_won : ndarray of int
        Closed deals of each bin, and won deals among them, shape (bins,).
    expected : ndarray
        Sum of their forecast probabilities: how many should have been won.
    level : float
        Level of `interval`.
    brier_score : float
        Mean squared difference between the forecast probability and the result, which is 1 for a won deal; 0 is best.
    brier_score_constant : float
        Brier score of one forecast for all deals: the share that was won in the end.
    p_value_total : float
        Two-sided test of the number of won deals, from its distribution under the forecast.
    amount_expected, amount_won : float or None
        Money that was forecast, and money of the won deals [money]; None without amounts.
    p_value_amount : float or None
        Two-sided test of the money of the won deals, from its distribution under the forecast.
    p_value : float
        Spiegelhalter's test of the single probabilities; 0 where a forecast of 0 or 1 was wrong, otherwise NaN where
        all are 0, 1/2 or 1, which it cannot test.

    Examples
    --------
    >>> past = forecast_calibration([0.2, 0.2, 0.8, 0.8], [False, False, True, True], n_bins=2)
    >>> past.n_won, past.expected
    (array([0, 2]), array([0.4, 1.6]))
    >>> round(past.brier_score, 3)
    0.04
    """

    edge: Floats = number_column("edge", low=0.0, high=1.0)
    n_deals: Integers = whole_table("n_deals")
    n_won: Integers = whole_table("n_won")
    expected: Floats = number_column("expected", low=0.0)
    level: float = checked_field("level", as_fraction)
    brier_score: float = number_field("brier_score", low=0.0, high=1.0)
    brier_score_constant: float = number_field("brier_score_constant", low=0.0, high=1.0)
    p_value_total: float = number_field("p_value_total", low=0.0, high=1.0)
    p_value: float = number_field("p_value", low=0.0, high=1.0, missing=True)
    amount_expected: float | None = number_field("amount_expected", low=0.0, default=None)
    amount_won: float | None = number_field("amount_won", low=0.0, default=None)
    p_value_amount: float | None = number_field("p_value_amount", low=0.0, high=1.0, default=None)

    def __attrs_post_init__(self) -> None:
        require_columns(self, len(self.edge) - 1, ("n_deals", "n_won", "expected"), "bins")
        require(self.n_won <= self.n_deals, "n_won", self.n_won, "at most `n_deals`")
        require_at_most(self, "expected", "n_deals")
        require(np.diff(self.edge, prepend=-1.0) > 0, "edge", self.edge, "ascending")
        money = (self.amount_expected, self.amount_won, self.p_value_amount)
        if any(part is None for part in money) and any(part is not None for part in money):
            raise InputError("amount_expected", "given with `amount_won` and `p_value_amount`, or all None", money)

    @property
    def mean_prob(self) -> Floats:
        """Mean forecast probability of each bin; NaN where the bin is empty."""
        return share(self.expected, self.n_deals)

    @property
    def win_rate(self) -> Floats:
        """Share of each bin that was won; NaN where the bin is empty."""
        return share(self.n_won, self.n_deals)

    @property
    def interval(self) -> Interval:
        """Wilson's interval for each win rate by itself; NaN where the bin is empty."""
        return share_interval(self.n_won, self.n_deals, self.level)

    def _parts(self) -> Parts:
        names = ("total", "single", "money")
        off = {name for name, p in zip(names, self._adjusted(), strict=True) if p < 1 - self.level}
        return forecast_parts(self.n_deals, self.n_won, self.expected, self.interval, off)

    @property
    def conclusion(self) -> str:
        """Whether the past shows errors of the forecasts, in two or three sentences."""
        won, expected, n = int(self.n_won.sum()), float(self.expected.sum()), int(self.n_deals.sum())
        alpha = 1 - self.level
        of_total, of_single, of_amount = self._adjusted()
        side = "more" if won > expected else "fewer"
        total = f"{side} than chance explains" if of_total < alpha else "within what chance explains"
        if math.isnan(self.p_value):
            single = "The single probabilities cannot be tested ("
        elif of_single < alpha:
            single = f"The single probabilities do not fit the results ({self._p(self.p_value, of_single)}, "
        else:
            p = self._p(self.p_value, of_single)
            single = f"Nothing shows that the single probabilities are wrong ({p}, "
        money = ""
        if self.p_value_amount is not None:
            side = "beyond" if of_amount < alpha else "within"
            money = (
                f"Of {figure(self.amount_expected)} that were forecast, {figure(self.amount_won)} came, {side} what "
                f"chance explains ({self._p(self.p_value_amount, of_amount)}). "
            )
        return (
            f"{money}Of {counted(n, 'deal')}, {on_its_side(expected, 0, 1, 'z,')} were expected to be won and "
            f"{counted(won, 'was won', 'were won')}, {total} ({self._p(self.p_value_total, of_total)}). "
            f"{single}Brier score {on_its_side(self.brier_score, 0, 3)})."
        )

    def _adjusted(self) -> tuple[float, float, float]:
        """P-values of the total, the single probabilities and the money, corrected by Holm for all that are made."""
        given = [self.p_value_total, self.p_value, math.nan if self.p_value_amount is None else self.p_value_amount]
        p = np.array(given)
        made = ~np.isnan(p)
        p[made] = holm(p[made])
        total, single, amount = p.tolist()
        return total, single, amount

    def _p(self, p_value: float, adjusted: float) -> str:
        """Write a p-value, and the corrected one where it alone says that chance is enough."""
        alpha = 1 - self.level
        if p_value < alpha <= adjusted:
            return f"{p_text(p_value, alpha)}, {p_text(adjusted, alpha)[2:]} corrected for several tests"
        return p_text(p_value, alpha)

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give the table column by column, for a dataframe of any kind.

        Returns
        -------
        dict of str to ndarray
            One row for each bin; `from` and `to` are its ends.
        """
        low, high = map(np.asarray, self.interval)
        names = ("n_deals", "n_won", "expected", "mean_prob", "win_rate")
        columns = {"from": self.edge[:-1], "to": self.edge[1:], **{name: getattr(self, name) for name in names}}
        return columns | {"low": low, "high": high}

    def to_json(self) -> str:
        """Write bins and tests as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> ForecastCalibration:
        """Read what :meth:`to_json` wrote."""
        return from_json(cls, text)


def forecast_calibration(
    prob_won: ArrayLike,
    won: ArrayLike,
    *,
    amount: ArrayLike | None = None,
    n_bins: int = 10,
    level: float = 0.95,
) -> ForecastCalibration:
    r"""Compare past forecasts of deals with their results.

    Parameters
    ----------
    prob_won : array_like
        Forecast probability that each deal is won, in [0, 1], shape (deals,). All deals are closed now.
    won : array_like
        Whether each deal was won, True and False or 1 and 0, shape (deals,).
    amount : array_like, optional
        Amount of each deal [money], >= 0, to compare the money of the won deals with the forecast too.
    n_bins : int, optional
        Bins of equal width, 1 to 1,000. Each bin includes its lower end; the last bin includes both ends.
    level : float, optional
        Level of the intervals, in (0, 1).

    Returns
    -------
    ForecastCalibration
        Expected and actual wins by bin, Brier score and two tests.

    Raises
    ------
    InputError
        If the columns differ in length or are empty, or a value is missing or outside its range.

    Notes
    -----
    The number of won deals has the distribution of :func:`forecast_pipeline` with amounts of 1. The p-value is twice
    the smaller tail, at most 1. Spiegelhalter's statistic [1]_ uses the mean and the variance of the Brier score under
    the forecast:

    .. math:: z = \frac{\sum (y_i - p_i)(1 - 2 p_i)}{\sqrt{\sum (1 - 2 p_i)^2 p_i (1 - p_i)}}

    It is normal for many deals. If a forecast of 0 or 1 was wrong, the p-value of the single probabilities is 0. The
    totals are tested all the same: they may fit.

    .. [1] Spiegelhalter, D. J. (1986). Probabilistic prediction in patient management and clinical trials. Statistics
       in Medicine 5, 421-433. Brier, G. W. (1950). Verification of forecasts expressed in terms of probability. Monthly
       Weather Review 78, 1-3.

    Examples
    --------
    >>> past = forecast_calibration([0.5] * 8 + [0.9] * 8, [True] * 4 + [False] * 4 + [True] * 2 + [False] * 6)
    >>> past.conclusion.split("(")[0]
    'Of 16 deals, 11.2 were expected to be won and 6 were won, fewer than chance explains '
    >>> past.p_value_total < 0.01
    True
    """
    require_same_index(prob_won=prob_won, won=won, amount=amount)
    p = as_column("prob_won", prob_won)
    y = as_outcomes("won", won)
    require_same_length(prob_won=p, won=y)
    require((p >= 0) & (p <= 1), "prob_won", p, "in [0, 1]", hint="a fraction, not percent")
    n = as_whole_number("n_bins", n_bins, low=1, high=1000)
    level = as_fraction("level", level)
    edge = np.arange(n + 1) / n  # 0.3 itself, not the float above it
    bin_ = np.minimum(np.searchsorted(edge, p, side="right") - 1, n - 1)
    rate = y.mean()
    p_value_total, p_value = _calibration_tests(p, y)
    money: dict[str, float] = {}
    if amount is not None:
        a = as_amounts("amount", amount)
        require_same_length(prob_won=p, amount=a)
        require(a >= 0, "amount", a, ">= 0")
        money = {
            "amount_expected": float(a @ p),
            "amount_won": float(a[y].sum()),
            "p_value_amount": _two_tails(a, p, y),
        }
    return ForecastCalibration(
        edge=hand_over(edge),
        n_deals=hand_over(np.bincount(bin_, minlength=n)),
        n_won=hand_over(np.bincount(bin_[y], minlength=n)),
        expected=hand_over(np.bincount(bin_, weights=p, minlength=n)),
        level=level,
        brier_score=float(np.mean((p - y) ** 2)),
        brier_score_constant=float(rate * (1 - rate)),
        p_value_total=p_value_total,
        p_value=p_value,
        **money,
    )


def _calibration_tests(p: Floats, y: Bools) -> tuple[float, float]:
    from scipy import special

    total = _two_tails(np.ones(len(p)), p, y)
    if np.any((p == 1) & ~y) or np.any((p == 0) & y):
        return total, 0.0
    weight = 1 - 2 * p
    spread = float(np.sum(weight**2 * p * (1 - p)))
    z = float(np.sum((y - p) * weight)) / math.sqrt(spread) if spread > 0 else math.nan
    return total, 2 * float(special.ndtr(-abs(z)))


def _two_tails(a: Floats, p: Floats, y: Bools) -> float:
    """Two-sided p-value of the total that was won: twice the smaller tail."""
    forecast, won = distribution_of_total(a, p, "auto"), float(a[y].sum())
    slack = _ROUNDING * won
    if forecast.method == "grid":  # its lattice shares each total between two points
        step = float(np.diff(forecast.total).min(initial=won))
        deviation = math.sqrt(float(np.sum(a * a * p * (1 - p))))
        slack += min((2 + math.sqrt(len(y))) * step, 0.005 * deviation)
    up_to = float(forecast.prob[forecast.total <= won + slack].sum())
    at_least = float(forecast.prob[forecast.total >= won - slack].sum())
    return min(1.0, 2 * up_to, 2 * at_least)
