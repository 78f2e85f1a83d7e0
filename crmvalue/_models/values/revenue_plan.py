"""What the customers of today will bring, month by month."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import attrs
import numpy as np

from crmvalue._core.calendar import add_months
from crmvalue._core.checks import as_day, as_flag, as_fraction, as_whole_number, require
from crmvalue._core.frames import Columns
from crmvalue._core.json import from_json, to_json
from crmvalue._core.labels import counted
from crmvalue._core.per_customer import Rows, as_per_customer, as_segments
from crmvalue._core.pictures.pictured import Pictured
from crmvalue._core.values import (
    checked_field,
    date_table,
    hand_over,
    interval_field,
    number_column,
    number_field,
    optional,
    require_at_most,
    require_columns,
    require_ends,
    stay_frozen,
)
from crmvalue._models.pictures import revenue_parts
from crmvalue._models.seasons.seasonal_model import SeasonalModel
from crmvalue._models.shared.common import alike, as_rng, check_history
from crmvalue._models.shared.process import Past
from crmvalue._models.shared.purchase_model import as_purchase_model, process_of
from crmvalue._models.spend.any_model import as_spend_model, month_factors, spend_ahead
from crmvalue._models.spend.gamma_gamma import GammaGamma
from crmvalue._models.spend.payments import payments_of
from crmvalue._models.values.customer_values import grade_of
from crmvalue._models.values.expected_ends import at_draws, weighted_ends
from crmvalue._models.values.posterior import MOST_DRAWS, total_of_alike
from crmvalue._models.values.value_intervals import draw_fit, draw_spending, require_few_draws, require_fit
from crmvalue.errors import InputError
from crmvalue.purchases import DAYS_PER_UNIT
from crmvalue.typing import Interval

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from crmvalue._core.pictures.parts import Parts
    from crmvalue._models.shared.common import Alike
    from crmvalue._models.shared.fit import Fit
    from crmvalue._models.shared.process import ContinuousProcess
    from crmvalue._models.shared.purchase_model import ContinuousModel
    from crmvalue._models.spend.gb2 import Gb2Spend
    from crmvalue._models.spend.lognormal import LognormalSpend
    from crmvalue._models.spend.payments import Payments
    from crmvalue.purchases import PurchaseHistory
    from crmvalue.typing import ArrayLike, Dates, Floats, Integers

__all__ = ["RevenuePlan", "revenue_plan"]

_MOST_MONTHS = 120
_MOST_WORK = 2_400_000_000  # of futures x months x rows: two minutes
_PER_ROW = 150  # futures that take as long as what is expected of a row in a month
_MOST_CELLS = 1 << 20  # of futures x months drawn at a time
_FUTURES = 1000  # of each distinct row, whose moments the variance needs; a small base has more
_ALL_CELLS = 1 << 22  # of futures x months x rows, up to which a base has as many futures as draws
_ROUNDING = 1e-9
_NUMBERS = ("expected_purchases", "revenue", "margin")
_ENDS = ("revenue_low", "revenue_high")


@stay_frozen
@attrs.frozen(kw_only=True)
class RevenuePlan(Columns, Pictured):
    """Expected purchases, revenue and margin of the customers of today in each month ahead.

    Parameters
    ----------
    start, end : ndarray of datetime64[D]
        First and last day of each month; the first month begins on the day after the end of observation.
    expected_purchases : ndarray
        Purchases of all customers in each month.
    revenue, margin : ndarray
        Money of these purchases, and the margin in it [money].
    revenue_low, revenue_high : ndarray or None
        Interval of the revenue that a month will really bring [money]; None without a level.
    total_revenue : Interval or None
        The same for the sum of all months. Months move together, so it is narrower than the sums of their ends.
    level : float or None
        Probability of the intervals.
    as_of : datetime64[D]
        End of observation.
    seasonal : bool
        Whether the purchase model has a calendar. The plan then follows its season, and its levels count as known.

    Examples
    --------
    >>> plan = RevenuePlan(
    ...     start=["2024-01-01"],
    ...     end=["2024-01-31"],
    ...     expected_purchases=[12.0],
    ...     revenue=[300.0],
    ...     margin=[90.0],
    ...     as_of="2023-12-31",
    ... )
    >>> plan.total, plan.to_frame()["revenue"].tolist()
    (300.0, [300.0])
    """

    start: Dates = date_table("start", missing=False)
    end: Dates = date_table("end", missing=False)
    expected_purchases: Floats = number_column("expected_purchases", low=0.0)
    revenue: Floats = number_column("revenue", low=0.0)
    margin: Floats = number_column("margin", low=0.0)
    revenue_low: Floats | None = number_column("revenue_low", infinite=True, default=None)
    revenue_high: Floats | None = number_column("revenue_high", infinite=True, default=None)
    total_revenue: Interval | None = interval_field("total_revenue", optional=True, default=None)
    level: float | None = number_field("level", low=0.0, high=1.0, default=None)
    as_of: np.datetime64 | None = checked_field("as_of", optional(as_day), eq=str)
    seasonal: bool = checked_field("seasonal", as_flag, default=False)

    def __attrs_post_init__(self) -> None:
        require_columns(self, len(self.start), ("end", *_NUMBERS, *_ENDS), "months")
        require_at_most(self, "start", "end")
        for name in ("start", "end"):
            require(~np.isnat(getattr(self, name)), name, getattr(self, name), "a date, not missing")
        later = np.append(True, self.start[1:] > self.end[:-1])[: len(self.start)]
        require(later, "start", self.start, "after the end of the month before")
        if self.as_of is not None:
            require(self.start > self.as_of, "start", self.start, f"after `as_of`, {self.as_of}")
        slack = _ROUNDING * (1.0 + float(self.revenue.sum()))  # each is a difference of sums
        require(self.margin <= self.revenue + slack, "margin", self.margin, "at most `revenue`")
        ends = (*_ENDS, "total_revenue")
        lacking = [name for name in ends if getattr(self, name) is None]
        if lacking and (self.level is not None or len(lacking) < len(ends)):
            raise InputError(lacking[0], f"given with {', '.join(name for name in ends if name != lacking[0])}", None)
        if self.revenue_low is not None:
            require_ends(self, *_ENDS)

    def _parts(self) -> Parts:
        ends = None if self.revenue_low is None or self.revenue_high is None else (self.revenue_low, self.revenue_high)
        return revenue_parts(self.start, self.end, self.revenue, ends, self.total_revenue)

    @property
    def total(self) -> float:
        """Revenue of all months [money]."""
        return math.fsum(self.revenue.tolist())

    @property
    def caution(self) -> str:
        """Say in words what the plan leaves out."""
        today = "The plan holds the customers of today alone: what new customers bring comes on top."
        if not self.seasonal:
            return f"{today} It knows no season but that of its models: compare it with the same months of last year."
        season = "It follows the calendar of the purchase model."
        if self.level is None:
            return f"{today} {season}"
        return f"{today} {season} The intervals take its levels as known: `ends` of its fit says how well they are."

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give all columns by name, a row for each month, for a dataframe of any kind."""
        columns = {name: getattr(self, name) for name in ("start", "end", *_NUMBERS, *_ENDS)}
        return {name: column for name, column in columns.items() if column is not None}

    def to_json(self) -> str:
        """Write the plan as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str) -> RevenuePlan:
        """Read what :meth:`to_json` wrote, and check it; other text is an InputError."""
        return from_json(cls, text)


def revenue_plan(
    history: PurchaseHistory,
    purchase_model: ContinuousModel | Fit[Any],
    spend_model: GammaGamma | LognormalSpend | Gb2Spend | Fit[Any],
    *,
    margin: float | Mapping[Any, float] | ArrayLike,
    n_months: int = 12,
    segment: ArrayLike | None = None,
    level: float | None = None,
    n_draws: int = 200,
    rng: np.random.Generator | None = None,
) -> RevenuePlan:
    r"""Plan what the customers of today will bring in each of the next calendar months.

    Basis: revenue, and margin before service and acquisition cost. Nothing is discounted.

    Parameters
    ----------
    history : PurchaseHistory
        The customers, with mean repeat spend and `as_of`, in the time unit of the model; with `amounts` for models of
        single amounts.
    purchase_model : purchase model or Fit
        Model of purchases, or the fit of one.
    spend_model : GammaGamma, LognormalSpend, Gb2Spend or Fit
        Model of the spend of one purchase, or the fit of one. Each month has the factor of its season, if there is one.
    margin : float, mapping or array_like
        Share of the spend that is margin [fraction], in [0, 1]: one number, by segment, or one for each customer. Take
        1 where no goods are paid.
    n_months : int, default 12
        Calendar months, 1 to 120. Where observation ends within a month, the first one is the rest of it.
    segment : array_like, optional
        Segment of each customer, for a mapping; matched with the customers as in :func:`customer_values`.
    level : float, optional
        Probability of the intervals, in (0, 1); without it there are none. Both models must then be trustworthy fits to
        this history.
    n_draws : int, optional
        Draws of the parameters and futures of customers, for the intervals: at least 2 / (1 - level). More than 200 are
        taken up to 60 million divided by 1000 plus the number of different customers: 29,732 for the 1,018 of 2,357
        customers, in some 10 seconds. From a thousand on, the futures of a large base are no more: their variance is
        known by then. With 200 draws, 12 months of 100,000 different customers take 20 s of CPU. Beyond two minutes,
        fewer draws or months are asked for: a million different customers have 50 draws for 12 months.
    rng : numpy.random.Generator, optional
        Source of randomness of the intervals, needed with `level`.

    Returns
    -------
    RevenuePlan
        One row for each month.

    Raises
    ------
    InputError
        As :func:`customer_values`; also if the history has no `as_of` or `n_draws` would take long.

    Notes
    -----
    .. math:: s_k \sum_i E[\text{spend}_i] \, \left(E[N_i(t_k)] - E[N_i(t_{k-1})]\right)

    Here s is the factor of the season of a month: 1 in a model of spend without a season. So each month counts by its
    purchases. :func:`customer_values` weights the months by their days, so that with a season of spend its total for
    the same days differs: by 1.1 % in a base that buys less and less, with twice the spend in December, and by 6 % if
    December has twice the purchases, too.

    An interval joins two sources of error. The parameters are drawn from both fits; the purchases of a month follow
    them as parabolas of its logarithm, as in :func:`customer_values`, and with a model of single amounts its money
    does too. Chance has the variance of simulated futures, in which each customer has a spend of their own; the sum
    over the base is taken as normal. So a plan for a few dozen customers has rough intervals, and so has one with a
    heavy-tailed model of spend.

    Examples
    --------
    >>> from crmvalue.models import BgNbd, GammaGamma
    >>> from crmvalue.purchases import PurchaseHistory
    >>> history = PurchaseHistory.from_columns(
    ...     frequency=[2, 0],
    ...     recency=[30.43, 0],
    ...     age=[38.86, 38.86],
    ...     mean_repeat_spend=[22.35, 0],
    ...     time_unit="week",
    ...     as_of="1997-09-30",
    ... )
    >>> models = BgNbd(0.243, 4.414, 0.793, 2.426, "week"), GammaGamma(6.25, 3.74, 15.44)
    >>> plan = revenue_plan(history, *models, margin=0.3, n_months=3)
    >>> plan.end.astype(str).tolist(), plan.revenue.round(2)
    (['1997-10-31', '1997-11-30', '1997-12-31'], array([4.88, 4.52, 4.49]))
    """
    purchases = as_purchase_model("purchase_model", purchase_model)
    spending = as_spend_model("spend_model", spend_model)
    check_history(history, purchases.time_unit)
    if history.as_of is None:
        raise InputError("history", "one with `as_of`, the day from which the months are counted", None)
    n = as_whole_number("n_months", n_months, low=1, high=_MOST_MONTHS)
    n_draws = as_whole_number("n_draws", n_draws, low=1, high=MOST_DRAWS)
    rows = Rows(history.customer)
    segments = as_segments(segment, len(history), rows=rows)
    share = np.broadcast_to(
        as_per_customer("margin", margin, len(history), kind="fraction", segments=segments, rows=rows),
        (len(history),),
    )
    start, end = _months(history.as_of, n)
    until = (end - history.as_of).astype(np.float64) / DAYS_PER_UNIT[history.time_unit]
    with np.errstate(under="ignore"):
        spend, season = spend_ahead(spending, history, None), month_factors(spending, start)
        customers = alike(history)
        coverage = None if level is None else as_fraction("level", level)
        if coverage is not None:
            _require_short(coverage, n_draws, len(customers.rows), n)
        upto = _purchases_upto(process_of(purchases, customers.rows), customers, until)
        weights = (np.ones(len(history)), spend, spend * share)
        counts, revenue, kept = (
            np.maximum(np.diff(_sum_rows(customers, weight) @ upto, prepend=0.0), 0.0)  # rounding may leave less
            for weight in weights
        )
        revenue, kept = revenue * season, kept * season
        low = high = total = None
        if coverage is not None:
            found = _intervals(
                history, customers, purchase_model, spend_model, (start, until), revenue, coverage, n_draws, as_rng(rng)
            )
            low, high, total = found
    grade_of(len(history), purchase_model, spend_model)  # warns of a fit that is not usable
    return RevenuePlan(
        start=start,
        end=end,
        expected_purchases=hand_over(counts),
        revenue=hand_over(revenue),
        margin=hand_over(kept),
        revenue_low=low,
        revenue_high=high,
        total_revenue=total,
        level=coverage,
        as_of=history.as_of,
        seasonal=isinstance(purchases, SeasonalModel),
    )


def _require_short(level: float, n_draws: int, n_rows: int, n_months: int) -> None:
    """Refuse intervals from too few draws, or that would take long, before the work."""
    least = math.ceil(2.0 / (1.0 - level) - _ROUNDING)
    if n_draws < least:
        raise InputError("n_draws", f"at least {least} for a level of {level:g}", n_draws)
    require_few_draws(n_draws, n_rows)
    most = _MOST_WORK // (n_rows * n_months) - _PER_ROW
    if min(n_draws, _FUTURES) <= most:
        return
    if most >= least:
        rule = f"at most {most:,} for {n_rows:,} different customers and {counted(n_months, 'month')}"
        raise InputError("n_draws", f"{rule}, to take some two minutes", n_draws, hint="fewer months allow more")
    months = _MOST_WORK // (n_rows * (least + _PER_ROW))
    rule = f"at most {months:,} with intervals of {n_rows:,} different customers, to take some two minutes"
    raise InputError("n_months", rule, n_months, hint="or plan without `level`")


def _months(as_of: np.datetime64, n: int) -> tuple[Dates, Dates]:
    """First and last day of the next calendar months."""
    day = np.timedelta64(1, "D")
    first = as_of + day
    require(first.astype("datetime64[Y]").astype(int) < 9990 - 1970, "history", as_of, "before the year 9990")
    month = np.array(first.astype("datetime64[M]").astype("datetime64[D]"))
    starts = add_months(month, np.arange(n + 1))
    begin = starts[:-1].copy()
    begin[0] = first
    return begin, starts[1:] - day


def _purchases_upto(process: ContinuousProcess, customers: Alike, until: Floats) -> Floats:
    """Purchases expected of each distinct row up to each moment, shape (rows, moments)."""
    rows = customers.rows
    past = Past(rows.frequency, rows.recency, rows.age)
    alive = process.alive(*past)
    here, known, _, place = process.living(past)
    found = np.empty((len(known.x), len(until)))
    for k, moment in enumerate(until.tolist()):
        found[:, k] = here.purchases(known, np.broadcast_to(moment, known.x.shape))
    expected: Floats = alive[:, np.newaxis] * found[place]
    return expected


def _sum_rows(customers: Alike, weight: Floats) -> Floats:
    """Sum a column of customers for each distinct row."""
    return np.bincount(customers.place, weight, len(customers.rows)).astype(np.float64)


class _Ends(NamedTuple):
    low: Floats
    high: Floats
    total: Interval


def _intervals(
    history: PurchaseHistory,
    customers: Alike,
    purchase_fit: Any,
    spend_fit: Any,
    months: tuple[Dates, Floats],
    revenue: Floats,
    level: float,
    n: int,
    rng: np.random.Generator,
) -> _Ends:
    """Find the ends of each month and of their sum: draws of the parameters, and normal chance around them.

    `months` are their first days, and their ends as times from the end of observation.
    """
    start, until = months
    require_fit("purchase_model", purchase_fit)
    require_fit("spend_model", spend_fit)
    purchase = draw_fit("purchase_model", purchase_fit, len(history), total_of_alike(purchase_fit, customers), n, rng)
    spending, scale, _ = draw_spending(history, spend_fit, None, n, rng)
    weight = purchase.weight * spending.weight  # the two are drawn apart
    drawn = weight > 0
    weight = weight[drawn] / weight.sum()
    model = spend_fit.model
    of_rows = _sum_rows(customers, spend_ahead(model, history, None))
    upto = _purchases_upto(process_of(purchase_fit.model, customers.rows), customers, until)

    def by_month(other: Any) -> Floats:
        found = _purchases_upto(process_of(other, customers.rows), customers, until)
        return np.diff(of_rows @ found, prepend=0.0)

    season = month_factors(model, start)
    by_purchases = at_draws(purchase_fit, purchase.draws[drawn], by_month) * season[:, np.newaxis]
    draws = spending.draws[drawn]
    if isinstance(model, GammaGamma):
        by_spend = _spend_at_draws(history, customers, upto, list(draws.T))
    else:

        def by_month_of_spend(other: Any) -> Floats:
            spent = np.diff(_sum_rows(customers, spend_ahead(other, history, None)) @ upto, prepend=0.0)
            return spent * month_factors(other, start)

        by_spend = at_draws(spend_fit, draws, by_month_of_spend)
    whole = revenue[:, np.newaxis]
    values = np.divide(by_purchases * by_spend, whole, out=by_purchases.copy(), where=whole > 0)
    process = process_of(purchase_fit.model, customers.rows)
    variance = _variance(customers, process, payments_of(model), scale, (season, until), n, rng)
    values = np.vstack([values, values.sum(axis=0)])
    values += np.sqrt(variance)[:, np.newaxis] * rng.standard_normal(values.shape)
    low, high = weighted_ends(np.maximum(values, 0.0), weight, level)
    return _Ends(low[:-1], high[:-1], Interval(low[-1], high[-1]))


def _spend_at_draws(history: PurchaseHistory, customers: Alike, upto: Floats, draws: list[Floats]) -> Floats:
    """Revenue of each month at draws of the spend model, shape (months, draws); infinite without a finite mean."""
    x = customers.rows.frequency
    number = _sum_rows(customers, np.ones(len(history)))
    spend = np.nan_to_num(history.mean_repeat_spend)  # type: ignore[arg-type]  # whoever plans has it
    paid = _sum_rows(customers, history.frequency * spend)
    monthly = np.diff(upto, axis=1, prepend=0.0)
    found = np.empty((upto.shape[1], len(draws[0])))
    for d, (p, q, gamma) in enumerate(zip(*draws, strict=True)):
        below = p * x + (q - 1.0)
        mean = np.divide(p * (gamma * number + paid), below, out=np.full(len(x), np.inf), where=below > 0)
        found[:, d] = mean @ monthly if np.isfinite(mean).all() else np.inf
    return found


def _variance(
    customers: Alike,
    process: ContinuousProcess,
    payments: Payments,
    scale: Floats,
    months: tuple[Floats, Floats],
    n_draws: int,
    rng: np.random.Generator,
) -> Floats:
    """Variance by chance of the revenue of each month, and of their sum, from futures shared by equal customers.

    The money of a future is a drawn number times the `scale` of the spend of the customer, as in
    :func:`customer_values`. `months` are their factors of the season, and their ends.
    """
    season, until = months
    rows = customers.rows
    past = Past(rows.frequency, rows.recency, rows.age)
    alive = process.alive(*past)
    here, living, _, pair = process.living(past)
    size = len(living.x)
    first, second = np.zeros((2, size, len(until) + 1))
    n_draws = min(n_draws, max(_FUTURES, _ALL_CELLS // max(1, size * len(until))))
    step = max(1, _MOST_CELLS // (n_draws * len(until)))
    for begin in range(0, size, step):
        some = slice(begin, min(begin + step, size))
        owner = np.repeat(np.arange(some.stop - begin), n_draws)
        units = _units(here.of_rows(some), living.of_rows(some), owner, payments, until, rng) * season
        units = np.column_stack([units, units.sum(axis=1)]).reshape(-1, n_draws, len(until) + 1)
        first[some], second[some] = units.mean(axis=1), (units * units).mean(axis=1)
    squares = _sum_rows(customers, scale * scale)
    of_row = alive[:, np.newaxis] * second[pair] - (alive[:, np.newaxis] * first[pair]) ** 2
    variance: Floats = squares @ np.maximum(of_row, 0.0)
    return variance


def _units(
    process: ContinuousProcess,
    past: Past,
    owner: Integers,
    payments: Payments,
    until: Floats,
    rng: np.random.Generator,
) -> Floats:
    """Money of each month for one unit of the scale of the spend, without a season, shape (futures, months)."""
    future = process.draw_future(past, owner, float(until[-1]), rng)
    found = np.zeros((len(owner), len(until)))
    left, before = future.n_before.astype(np.int64), 0.0
    stay = process.operational(future.stay)
    for k, moment in enumerate(process.operational(until).tolist()):
        rest = np.maximum(stay - before, 0.0)
        here = np.clip(stay - before, 0.0, moment - before)
        part = np.divide(here, rest, out=np.zeros(len(rest)), where=rest > 0)
        count = rng.binomial(left, np.minimum(part, 1.0))
        left = left - count
        last = future.one_more * ((stay > before) & (stay <= moment))
        found[:, k] = payments.sums(count + last, rng)
        before = moment
    found *= payments.levels(past.x[owner], rng)[:, np.newaxis]
    return found
