"""A pipeline forecast in money, in margin and in deals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from crmvalue._core.checks import as_amounts, as_floats, require, require_same_index
from crmvalue._core.frames import Columns
from crmvalue._core.json import from_json, to_json
from crmvalue._core.labels import figure, in_percent
from crmvalue._core.values import checked_field, of_class, stay_frozen
from crmvalue._funnels.pipeline.forecast import PipelineForecast, PipelineTable, forecast_pipeline
from crmvalue.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue.typing import ArrayLike, Floats

__all__ = ["SalesForecast", "forecast_sales"]

_SMALLEST = 1e-15  # money, as of amounts


@stay_frozen
@attrs.frozen(kw_only=True)
class SalesForecast(Columns):
    """What the open deals of a pipeline will bring: revenue, margin and deals.

    Parameters
    ----------
    revenue, margin, deals : PipelineForecast
        Forecast of the revenue [money], of the margin [money], and of the number of deals that are won.

    Examples
    --------
    >>> sales = forecast_sales([5000, 12000, 3000], [0.6, 0.25, 0.9], margin=0.3)
    >>> sales.revenue.expected, round(sales.margin.expected, 2), round(sales.deals.expected, 2)
    (8700.0, 2610.0, 1.75)
    >>> round(float(sales.deals.prob_at_least(2)), 3)
    0.645
    """

    revenue: PipelineForecast = checked_field("revenue", of_class(PipelineForecast))
    margin: PipelineForecast = checked_field("margin", of_class(PipelineForecast))
    deals: PipelineForecast = checked_field("deals", of_class(PipelineForecast))

    def __attrs_post_init__(self) -> None:
        for name in ("margin", "deals"):
            one = getattr(self, name)
            same = one.n_deals == self.revenue.n_deals and one.level == self.revenue.level
            require(same, name, (one.n_deals, one.level), "of the deals and the level of `revenue`")

    @property
    def conclusion(self) -> str:
        """Expected revenue, margin and number of deals, with their intervals."""
        parts = []
        for name, one in (("revenue", self.revenue), ("margin", self.margin), ("deals", self.deals)):
            low, high = one.interval
            digits = 2 if name == "deals" and one.expected < 10 else 4
            parts.append(f"{name} {figure(one.expected, digits=digits)} ({figure(low)} to {figure(high)})")
        return f"Expected, with {in_percent(self.revenue.level)} % intervals: {'; '.join(parts)}."

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give the three forecasts as rows with their intervals, for a dataframe of any kind."""
        names = ("revenue", "margin", "deals")
        forecasts = [getattr(self, name) for name in names]
        low, high = np.array([one.interval for one in forecasts]).T
        return {
            "forecast": np.array(names),
            "expected": np.array([one.expected for one in forecasts]),
            "low": low,
            "high": high,
            "standard_deviation": np.array([one.standard_deviation for one in forecasts]),
        }

    def to_json(self) -> str:
        """Write the forecast with its distributions as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> SalesForecast:
        """Read what :meth:`to_json` wrote."""
        return from_json(cls, text, PipelineForecast, PipelineTable)


def forecast_sales(
    amount: ArrayLike,
    prob_won: ArrayLike,
    *,
    margin: ArrayLike,
    month: ArrayLike | None = None,
    by: ArrayLike | None = None,
    level: float = 0.95,
) -> SalesForecast:
    """Forecast a pipeline in money, in margin and in number of deals, each with its distribution.

    Parameters
    ----------
    amount : array_like
        Amount of each open deal if it is won [money], >= 0, shape (deals,).
    prob_won : array_like
        Probability that each deal is won, in [0, 1].
    margin : array_like
        Share of the amount that remains as margin, in [0, 1]: one for all deals, or one for each.
    month : array_like of dates, optional
        Month in which each deal is expected to close.
    by : array_like, optional
        Manager, source or product of each deal, whole numbers or text.
    level : float, optional
        Level of the intervals, in (0, 1).

    Returns
    -------
    SalesForecast
        Three forecasts as of :func:`forecast_pipeline`, also by month and by group.

    Raises
    ------
    InputError
        If the columns differ in length or are empty, or a value is missing or outside its range; also for too many
        large months or groups, as :func:`forecast_pipeline`.

    Notes
    -----
    The three forecasts share their deals and probabilities, and each is a distribution of its own. With one margin for
    all deals, that of the margin is that of the revenue times the margin. Margins are not rounded.

    Examples
    --------
    >>> print(forecast_sales([5000, 12000, 3000], [0.6, 0.25, 0.9], margin=[0.3, 0.2, 0.5]).conclusion)
    Expected, with 95 % intervals: revenue 8,700 (0 to 20,000); margin 2,850 (0 to 5,400); deals 1.8 (0 to 3).
    """
    require_same_index(amount=amount, prob_won=prob_won, margin=margin, month=month, by=by)
    money = as_amounts("amount", amount)
    (share,) = as_floats(margin=margin)
    require((share >= 0) & (share <= 1), "margin", share, "in [0, 1]", hint="a fraction, not percent")
    if share.shape not in ((), money.shape):
        raise InputError("margin", f"one, or one for each of the {len(money)} deals", share.shape)

    def forecast(value: ArrayLike) -> PipelineForecast:
        return forecast_pipeline(value, prob_won, month=month, by=by, level=level)

    revenue = forecast(amount)
    lowest, highest = float(share.min(initial=1.0)), float(share.max(initial=0.0))
    is_one = _SMALLEST <= lowest == highest
    return SalesForecast(
        revenue=revenue,
        margin=_scaled(revenue, lowest) if is_one else forecast(_margins(money, share)),
        deals=forecast(np.ones(len(money))),
    )


def _margins(money: Floats, share: Floats) -> Floats:
    """Margin of each deal; a product that only rounding keeps from whole cents is whole cents, which count exactly."""
    margins = money * share
    cents = np.round(margins, 2)
    margins = np.where(np.abs(margins - cents) <= 2 * np.spacing(margins), cents, margins)
    return np.where(margins < _SMALLEST, 0.0, margins)


def _scaled(forecast: PipelineForecast, share: float) -> PipelineForecast:
    """Forecast of the same share of every amount."""

    def parts(one: Any, *names: str) -> dict[str, Any]:
        return {name: getattr(one, name) * share for name in ("amount", "expected", "standard_deviation", *names)}

    def table(one: PipelineTable | None) -> PipelineTable | None:
        return None if one is None else attrs.evolve(one, **parts(one, "low", "high"))

    by_month, by_group = table(forecast.by_month), table(forecast.by_group)
    return attrs.evolve(forecast, **parts(forecast, "total"), by_month=by_month, by_group=by_group)
