"""What open deals will bring: the distribution of their total, also by month and by manager."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias, get_args

import attrs
import numpy as np

from crmvalue._core.checks import (
    as_amounts,
    as_column,
    as_day_column,
    as_floats,
    as_fraction,
    require,
    require_choice,
    require_same_index,
    require_same_length,
    to_array,
)
from crmvalue._core.encoding.customers import encode_customers
from crmvalue._core.frames import Columns
from crmvalue._core.json import from_json, to_json
from crmvalue._core.labels import counted, figure, in_percent
from crmvalue._core.values import (
    checked_field,
    choice_field,
    count_field,
    hand_over,
    label_column,
    number_column,
    number_field,
    of_class,
    optional,
    require_at_most,
    require_columns,
    stay_frozen,
    whole_table,
)
from crmvalue._funnels.pipeline.few_deals import ends_of_few
from crmvalue._funnels.pipeline.work import (
    BLOCK,
    FEW_DEALS,
    GRID,
    LARGE_DEALS,
    MOST_DEALS,
    MOST_EXACT,
    MOST_PAIRS,
    MOST_UNITS,
    n_above_gap,
    require_little_work,
)
from crmvalue.errors import InputError
from crmvalue.typing import Interval

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue.typing import ArrayLike, FloatOrArray, Floats, Integers

    Bools = npt.NDArray[np.bool_]

__all__ = ["PipelineForecast", "PipelineTable", "distribution_of_total", "forecast_pipeline"]

ForecastMethod: TypeAlias = Literal["auto", "exact", "grid"]

_RARE = 0.05  # probability below which wins, or losses, are rare
_TERMS = 6  # of the series for rare ones
_NORMAL = 0.01  # sum of absolute third moments over the variance to 3/2, below which a total is taken as normal
_FINER = 4.0  # rare wins go together if this makes the lattice so many times finer, even with room for each
_REACH = 9.0  # standard deviations of a normal amount that the lattice covers on each side
_MONTH = re.compile(r"\d{4}-\d{2}", re.ASCII)
_ROUNDING = 1e-12
_SLACK = 1e-9  # of sums, for rounding
_METHODS = ("exact", "grid")
_TINY = 1e-12  # rounding of sums of probabilities


@stay_frozen
@attrs.frozen(kw_only=True)
class PipelineTable(Columns):
    """A forecast by month or by group; the expected totals add up to that of the pipeline.

    Parameters
    ----------
    label : ndarray
        The months (datetime64[M]) or the groups, ascending.
    n_deals : ndarray of int
        Open deals in each month or group.
    amount : ndarray
        Sum of their amounts [money].
    expected, standard_deviation : ndarray
        Mean and standard deviation of their total [money].
    low, high : ndarray
        Ends of the interval of each total by itself [money].
    method : ndarray of str
        How each distribution was computed: "exact" or "grid".

    Examples
    --------
    >>> forecast = forecast_pipeline([5000, 12000, 3000], [0.6, 0.25, 0.9], by=["Anna", "Boris", "Anna"])
    >>> forecast.by_group.label.tolist(), forecast.by_group.expected
    (['Anna', 'Boris'], array([5700., 3000.]))
    """

    label: npt.NDArray[Any] = label_column("label")
    n_deals: Integers = whole_table("n_deals")
    amount: Floats = number_column("amount", low=0.0)
    expected: Floats = number_column("expected", low=0.0)
    standard_deviation: Floats = number_column("standard_deviation", low=0.0)
    low: Floats = number_column("low", low=0.0)
    high: Floats = number_column("high", low=0.0)
    method: npt.NDArray[np.str_] = label_column("method", texts=True)

    def __attrs_post_init__(self) -> None:
        names = ("n_deals", "amount", "expected", "standard_deviation", "low", "high", "method")
        require_columns(self, len(self.label), names, "rows")
        require(np.isin(self.method, _METHODS), "method", self.method, "'exact' or 'grid'")
        require_at_most(self, "expected", "amount")
        require_at_most(self, "standard_deviation", "amount")
        require_at_most(self, "low", "high", "amount")

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give the table column by column, for a dataframe of any kind.

        Returns
        -------
        dict of str to ndarray
            One row for each month or group.
        """
        return {field.name: getattr(self, field.name) for field in attrs.fields(type(self))}


def _require_sums(name: str, table: PipelineTable | None, whole: PipelineForecast) -> None:
    """Check that a table adds up to the whole pipeline."""
    for column in ("n_deals", "amount", "expected") if table is not None else ():
        total, sums = getattr(whole, column), float(getattr(table, column).sum())
        require(math.isclose(total, sums, rel_tol=_SLACK), name, sums, f"a table whose `{column}` sums to {total}")


def _with_months(name: str, table: PipelineTable) -> PipelineTable:
    """Take a table by month; older JSON holds the months as text."""
    if not isinstance(table, PipelineTable):
        raise InputError(name, "a PipelineTable", table)
    if table.label.dtype.kind == "M":
        return table
    if table.label.dtype.kind != "U":
        raise InputError(name, "a table by month", table.label.tolist())
    months = table.label.tolist()
    if not all(map(_is_month, months)):
        raise InputError(name, "a table by month", months)
    return attrs.evolve(table, label=as_day_column(name, [f"{month}-01" for month in months]).astype("datetime64[M]"))


@stay_frozen
@attrs.frozen(kw_only=True)
class PipelineForecast:
    """What the open deals of a pipeline will bring, as a distribution.

    Parameters
    ----------
    n_deals : int
        Open deals.
    amount : float
        Sum of their amounts: the total if all are won [money].
    expected, standard_deviation : float
        Mean and standard deviation of the total [money].
    level : float
        Level of `interval`, and of the intervals by month and by group.
    method : {"exact", "grid"}
        How the distribution was computed.
    total : ndarray
        Possible totals, ascending [money].
    prob_total : ndarray
        Probability of each total; they sum to 1.
    by_month, by_group : PipelineTable, optional
        The forecast by month and by group, where these were given.

    Examples
    --------
    >>> forecast = forecast_pipeline([5000, 12000, 3000], [0.6, 0.25, 0.9])
    >>> low, high = forecast.interval
    >>> float(low), float(high)
    (0.0, 20000.0)
    >>> float(forecast.quantile(0.5)), round(float(forecast.prob_at_least(12000)), 3)
    (8000.0, 0.25)
    """

    n_deals: int = count_field("n_deals")
    amount: float = number_field("amount", low=0.0)
    expected: float = number_field("expected", low=0.0)
    standard_deviation: float = number_field("standard_deviation", low=0.0)
    level: float = checked_field("level", as_fraction)
    method: str = choice_field("method", _METHODS)
    total: Floats = number_column("total", low=0.0)
    prob_total: Floats = number_column("prob_total", low=0.0, high=1.0)
    by_month: PipelineTable | None = checked_field("by_month", optional(_with_months), default=None)
    by_group: PipelineTable | None = checked_field("by_group", optional(of_class(PipelineTable)), default=None)

    def __attrs_post_init__(self) -> None:
        require_columns(self, len(self.total), ("prob_total",), "totals", least=1)
        require_at_most(self, "expected", "amount")
        require_at_most(self, "standard_deviation", "amount")
        require(self.total <= self.amount * (1 + _SLACK), "total", self.total, "at most `amount`")
        require(np.diff(self.total, prepend=0.0) >= 0, "total", self.total, "ascending")
        require(abs(self.prob_total.sum() - 1) <= _SLACK, "prob_total", float(self.prob_total.sum()), "of sum 1")
        for name in ("by_month", "by_group"):
            _require_sums(name, getattr(self, name), self)

    @property
    def interval(self) -> Interval:
        """Interval of the total at the level, with equal tails [money]."""
        low, high = _ends(Distribution(self.total, self.prob_total, self.method), self.level)
        return Interval(np.float64(low), np.float64(high))

    @property
    def conclusion(self) -> str:
        """Expected total and its interval in words."""
        low, high = self.interval
        deals, are = counted(self.n_deals, "open deal"), "is" if self.n_deals == 1 else "are"
        return (
            f"{deals} worth {figure(self.amount)} {are} expected to bring {figure(self.expected)}; "
            f"with {in_percent(self.level)} % probability from {figure(low)} to {figure(high)}, "
            f"if the deals are independent and their probabilities are right."
        )

    def quantile(self, prob: ArrayLike) -> FloatOrArray:
        """Quantiles of the total: the smallest total that is not exceeded with a probability of at least `prob`.

        Parameters
        ----------
        prob : array_like
            Probabilities in (0, 1).

        Returns
        -------
        float or ndarray
            Totals [money], in the shape of `prob`.

        Raises
        ------
        InputError
            If a probability is outside (0, 1).
        """
        (wanted,) = as_floats(prob=prob)
        require((wanted > 0) & (wanted < 1), "prob", wanted, "in (0, 1)", hint="a fraction, not percent")
        found: FloatOrArray = _quantile(Distribution(self.total, self.prob_total, self.method), wanted)[()]
        return found

    def prob_at_least(self, target: ArrayLike) -> FloatOrArray:
        """Give the probability that the total reaches a target.

        Parameters
        ----------
        target : array_like
            Totals to be reached [money].

        Returns
        -------
        float or ndarray
            Probabilities, in the shape of `target`.

        Raises
        ------
        InputError
            If a target is NaN or infinite.
        """
        (goal,) = as_floats(target=target)
        slack = _ROUNDING * np.abs(goal)  # a total is a sum of rounded amounts, none of them negative
        at_least = np.append(np.minimum(self.prob_total[::-1].cumsum()[::-1], 1.0), 0.0)
        found: FloatOrArray = at_least[np.searchsorted(self.total, goal - slack)][()]
        return found

    def to_json(self) -> str:
        """Write the forecast with its distribution as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> PipelineForecast:
        """Read what :meth:`to_json` wrote."""
        return from_json(cls, text, PipelineTable)


def forecast_pipeline(
    amount: ArrayLike,
    prob_won: ArrayLike,
    *,
    month: ArrayLike | None = None,
    by: ArrayLike | None = None,
    level: float = 0.95,
    method: ForecastMethod = "auto",
) -> PipelineForecast:
    r"""Forecast what open deals will bring, each won with its own probability, independently of the others.

    Parameters
    ----------
    amount : array_like
        Amount of each open deal if it is won [money], >= 0, shape (deals,).
    prob_won : array_like
        Probability that each deal is won, in [0, 1], shape (deals,); for instance from
        :meth:`StageProbabilities.assign`.
    month : array_like of dates, optional
        Month in which each deal is expected to close: "2024-06", or any day of it.
    by : array_like, optional
        Manager, source or product of each deal, whole numbers or text.
    level : float, optional
        Level of the intervals, in (0, 1).
    method : {"auto", "exact", "grid"}, optional
        How the distribution is computed. "auto" takes "exact" where that is possible, otherwise "grid".

    Returns
    -------
    PipelineForecast
        Mean, standard deviation, interval, quantiles and distribution of the total; by month and by group.

    Raises
    ------
    InputError
        If the columns differ in length or are empty, a value is missing or outside its range, or `method` is "exact"
        for amounts whose exact distribution is too large. Also if more than 3,000 months, or groups, have more than 16
        open deals each, or their distributions would take more than some 10 s, such as those of 3,000 groups with 100
        deals each, 800 with 1,000, 80 with 1,000 on an exact lattice of a million units, or 200 with a dozen small
        deals and ten more than a hundred times as large as those together.

    Notes
    -----
    The total is :math:`\sum a_i B_i` with independent :math:`B_i`, which are 1 with probability :math:`p_i`, else 0.
    Its mean is :math:`\sum a_i p_i`, its variance :math:`\sum a_i^2 p_i (1 - p_i)`.

    *Exact*, up to rounding. All totals are counted where at most 16 deals are open. Otherwise a convolution is used,
    where all amounts are multiples of one unit of at least 0.01, the open amounts are at most 1,048,576 such units, and
    at most 20,000 deals are open. Deals of probability 0 or 1 are not open and cost nothing.

    *Grid*: a lattice of 65,536 steps, from the smallest total to the largest that can be expected. Totals are accurate
    to a few steps. Each amount is shared between its two neighbours on the lattice so that its mean is kept [1]_. This
    adds at most a quarter of a squared step to the variance of each deal. Three kinds of deals are treated together:

    - The smallest deals join as one normal amount with their mean and variance: as many as are normal together (the sum
      of their absolute third moments is below 0.01 times their variance to the power of 3/2), and in any case the deals
      beyond 4,096.
    - Deals with a probability below 0.05 or above 0.95 go together, by six terms of the logarithm of their
      characteristic function, where this allows a finer lattice.
    - Deals more than a hundred times as large as all smaller deals together are counted apart, where they have few
      totals.

    If a common cause wins or loses several deals together, the total spreads more than this distribution. Errors of the
    probabilities are not in the interval either: forecast with the low and with the high ends of their intervals to see
    their effect.

    .. [1] Gerber, H. U. (1982). On the numerical evaluation of the distribution of aggregate claims. Insurance:
       Mathematics and Economics 1, 13-18.

    Examples
    --------
    >>> month = ["2024-06-03", "2024-07-15", "2024-06-20"]
    >>> forecast = forecast_pipeline([5000, 12000, 3000], [0.6, 0.25, 0.9], month=month)
    >>> forecast.expected, round(forecast.standard_deviation, 1), forecast.method
    (8700.0, 5814.6, 'exact')
    >>> forecast.by_month.label.astype(str).tolist(), forecast.by_month.expected
    (['2024-06', '2024-07'], array([5700., 3000.]))
    """
    require_same_index(amount=amount, prob_won=prob_won, month=month, by=by)
    a = as_amounts("amount", amount)
    p = as_column("prob_won", prob_won)
    require_same_length(amount=a, prob_won=p)
    require(a >= 0, "amount", a, ">= 0")
    require((p >= 0) & (p <= 1), "prob_won", p, "in [0, 1]", hint="a fraction, not percent")
    level = as_fraction("level", level)
    require_choice("method", method, get_args(ForecastMethod))
    by_month = by_group = None
    if month is not None:
        months = _as_months(month)
        require_same_length(amount=a, month=months)
        by_month = _table("month", *np.unique(months, return_inverse=True), a, p, level, method)
    if by is not None:
        labels, code = encode_customers("by", by)
        require_same_length(amount=a, by=code)
        by_group = _table("by", labels, code, a, p, level, method)

    found = distribution_of_total(a, p, method)
    return PipelineForecast(
        n_deals=len(a),
        amount=float(a.sum()),
        expected=float(a @ p),
        standard_deviation=_deviation(a, p),
        level=level,
        method=found.method,
        total=hand_over(found.total),
        prob_total=hand_over(found.prob),
        by_month=by_month,
        by_group=by_group,
    )


class Distribution(NamedTuple):
    """Possible totals, ascending, with their probabilities."""

    total: Floats
    prob: Floats
    method: str


def _as_months(value: Any) -> Any:
    items, _ = to_array("month", value, "a column of months or days")
    if items.dtype.kind == "M":
        whole_months = np.datetime_data(items.dtype)[0] in {"Y", "M"}
        days = as_day_column("month", items.astype("datetime64[D]") if whole_months else items)
        return days.astype("datetime64[M]")
    if items.dtype.kind in "OU" and items.ndim == 1:
        value = [f"{item}-01" if _is_month(item) else item for item in items.tolist()]
    return as_day_column("month", value).astype("datetime64[M]")


def _is_month(item: object) -> bool:
    return isinstance(item, str | np.datetime64) and _MONTH.fullmatch(str(item)) is not None


def _quantile(distribution: Distribution, prob: Floats | float) -> Floats:
    up_to = distribution.prob.cumsum()
    place = np.searchsorted(up_to, np.asarray(prob) - _TINY)
    found: Floats = distribution.total[np.minimum(place, len(up_to) - 1)]
    return found


def _ends(distribution: Distribution, level: float) -> tuple[float, float]:
    tail = (1 - level) / 2
    low, high = _quantile(distribution, np.array([tail, 1 - tail]))
    return float(low), float(high)


def _deviation(a: Floats, p: Floats) -> float:
    return math.sqrt(float(np.sum(a * a * p * (1 - p))))


def _table(name: str, labels: Any, code: Any, a: Floats, p: Floats, level: float, method: str) -> PipelineTable:
    k = len(labels)
    require_little_work(name, code, a, p, method)
    order = np.argsort(code, kind="stable")
    n_deals = np.bincount(code, minlength=k)
    ends = n_deals.cumsum()
    rows = [order[end - n : end] for n, end in zip(n_deals.tolist(), ends.tolist(), strict=True)]
    tail, methods = (1 - level) / 2, ["exact"] * k
    probs = tail - _TINY, 1 - tail - _TINY
    low, high = np.full((2, k), np.nan) if method == "grid" else ends_of_few(code, k, a, p, probs)
    for i in np.nonzero(np.isnan(low))[0].tolist():
        found = distribution_of_total(a[rows[i]], p[rows[i]], method)  # none is kept
        low[i], high[i] = _ends(found, level)
        methods[i] = found.method
    return PipelineTable(
        label=labels,
        n_deals=hand_over(n_deals),
        amount=hand_over(np.bincount(code, weights=a, minlength=k)),
        expected=hand_over(np.bincount(code, weights=a * p, minlength=k)),
        standard_deviation=hand_over(np.sqrt(np.bincount(code, weights=a * a * p * (1 - p), minlength=k))),
        low=hand_over(low.copy()),
        high=hand_over(high.copy()),
        method=hand_over(np.array(methods)),
    )


@np.errstate(under="ignore")  # the chance that nearly all deals are won is below all floats
def distribution_of_total(a: Floats, p: Floats, method: str) -> Distribution:
    """Distribution of the total; deals that are sure to be won are added to each total."""
    sure = float(a[p == 1].sum())
    is_open = (a > 0) & (p > 0) & (p < 1)
    a, p = a[is_open], p[is_open]
    if len(a) == 0:
        return Distribution(np.array([sure]), np.ones(1), "grid" if method == "grid" else "exact")
    if method != "grid":
        units, unit = _units(a)
        if units is not None and len(a) <= FEW_DEALS and 2 ** len(a) < units.sum():
            steps, prob = _all_totals(units.astype(np.float64), p, 0.0)
            steps, place = np.unique(steps, return_inverse=True)
            return _trim(steps * unit + sure, np.bincount(place, prob).astype(np.float64), "exact")
        if units is not None and len(a) <= MOST_DEALS:
            prob = _convolve_deals(units, p)
            return _trim(np.arange(len(prob), dtype=np.float64) * unit + sure, prob, "exact")
        if len(a) <= FEW_DEALS:
            return _trim(*_all_totals(a, p, sure), "exact")
        if method == "exact":
            hint = "'exact' takes up to 16 deals, or up to 20,000 with 1,048,576 common units of at least 0.01"
            raise InputError("method", "'auto' or 'grid' for these amounts", method, hint=hint)
    return _on_grid(a, p, sure)


def _units(a: Floats) -> tuple[Integers | None, float]:
    """Amounts as multiples of their largest common unit in hundredths; None where this unit is too small."""
    hundredths = np.rint(a * 100)
    if a.sum() > MOST_EXACT or not np.array_equal(hundredths / 100, a):
        return None, 0.0
    whole = hundredths.astype(np.int64)
    unit = int(np.gcd.reduce(whole))
    units = whole // unit
    return (units, unit / 100) if units.sum() <= MOST_UNITS else (None, 0.0)


def _trim(total: Floats, prob: Floats, method: str) -> Distribution:
    possible = prob > 0
    prob = prob[possible]
    prob /= prob.sum()
    return Distribution(total[possible], prob, method)


def _all_totals(a: Floats, p: Floats, sure: float) -> tuple[Floats, Floats]:
    total, prob = np.array([sure]), np.ones(1)
    for amount, chance in zip(a, p, strict=True):
        total = np.concatenate([total, total + amount])
        prob = np.concatenate([prob * (1 - chance), prob * chance])
    order = np.argsort(total, kind="stable")
    return total[order], prob[order]


def _convolve_deals(units: Integers, p: Floats) -> Floats:
    """Probability of each number of units; small amounts come first, so that both halves stay short."""
    order = np.argsort(units, kind="stable")
    return _convolve_all(_blocks(units[order].astype(np.float64), p[order]))


@np.errstate(under="ignore")
def _blocks(steps: Floats, p: Floats) -> list[Floats]:
    """Distributions of the totals of a few neighbouring deals each, on a lattice of steps.

    A deal has two places on the lattice, or three where it stands between two of them, so that adding one by one is
    faster than a convolution while they are few.
    """
    below = np.floor(steps).astype(np.int64)
    share = steps - below
    places = below + (share > 0)
    blocks = []
    for begin in range(0, len(steps), BLOCK):
        block = slice(begin, begin + BLOCK)
        prob, size = np.zeros(int(places[block].sum()) + 1), 1
        prob[0] = 1.0
        deals = zip(
            below[block].tolist(), share[block].tolist(), places[block].tolist(), p[block].tolist(), strict=True
        )
        for low, part, high, chance in deals:
            won = prob[:size] * chance
            prob[:size] *= 1 - chance
            prob[low : low + size] += won * (1 - part) if part else won
            if part:
                prob[high : high + size] += won * part
            size += high
        blocks.append(prob)
    return blocks


def _convolve_all(parts: list[Floats]) -> Floats:
    """Convolution of all parts: neighbours first, then neighbours of the results."""
    while len(parts) > 1:
        pairs = [_convolve(one, other) for one, other in zip(parts[::2], parts[1::2], strict=False)]
        parts = pairs + ([parts[-1]] if len(parts) % 2 else [])
    return parts[0]


def _convolve(one: Floats, other: Floats) -> Floats:
    if min(len(one), len(other)) <= 256:
        return np.convolve(one, other)
    from scipy import fft

    n = len(one) + len(other) - 1
    size = fft.next_fast_len(n, real=True)
    product: Floats = fft.irfft(fft.rfft(one, size) * fft.rfft(other, size), size)[:n]
    product[product < 1e-17] = 0.0  # rounding
    return product


def _on_grid(a: Floats, p: Floats, sure: float) -> Distribution:
    """Distribution on a lattice.

    Common deals stand on it one by one, rare wins and rare losses together, and the smallest deals as one normal
    amount. A few deals that are much larger than all others are kept apart, so that the others have a fine lattice.
    """
    order = np.argsort(-a, kind="stable")
    a, p = a[order], p[order]
    n = n_above_gap(a)
    if n:
        up, low = (distribution_of_total(a[part], p[part], "auto") for part in (slice(n), slice(n, None)))
        if len(up.total) * len(low.total) <= MOST_PAIRS:
            return _combined(up, low, sure)

    is_small = np.arange(len(a)) >= len(a) - _n_normal(a, p)
    is_win, is_loss = (p < _RARE) & ~is_small, (p > 1 - _RARE) & ~is_small
    reach = [_reach(a[is_win], p[is_win]), _reach(a[is_loss], 1 - p[is_loss])]
    is_rare = is_win | is_loss
    n_alone, alone = np.count_nonzero(~is_small), float(a[~is_small].sum())
    if n_alone <= LARGE_DEALS and alone <= _FINER * (float(a[~is_small & ~is_rare].sum()) + sum(reach)):
        is_win = is_loss = is_rare = np.zeros(len(a), dtype=bool)
        reach = [0.0, 0.0]
    common = np.nonzero(~is_rare & ~is_small)[0]
    common = common[np.argsort(-(a[common] ** 2) * p[common] * (1 - p[common]), kind="stable")]
    large, small = common[:LARGE_DEALS], np.append(common[LARGE_DEALS:], np.nonzero(is_small)[0])
    mean, deviation = float(a[small] @ p[small]), _deviation(a[small], p[small])
    step = (float(a[large].sum()) + 2 * _REACH * deviation + sum(reach)) / GRID

    by_size = large[::-1][np.argsort(a[large[::-1]], kind="stable")]
    parts = _blocks(a[by_size] / step, p[by_size])
    offset = sure + mean
    if deviation > 0:
        from scipy import special

        far = math.ceil(_REACH * deviation / step)
        ends = (np.arange(-far, far + 2) - 0.5) * (step / deviation)
        parts.append(np.diff(special.ndtr(ends)))
        offset -= far * step
    if reach[0]:
        parts.append(_rare(a[is_win] / step, p[is_win], reach[0] / step))
    if reach[1]:
        parts.append(_rare(a[is_loss] / step, 1 - p[is_loss], reach[1] / step)[::-1])
        offset += float(a[is_loss].sum()) - (len(parts[-1]) - 1) * step
    prob = _convolve_all(parts)
    total: Floats = np.arange(len(prob), dtype=np.float64) * step + offset
    return _merged(*_clipped(total, prob, sure, sure + float(a.sum())))


def _clipped(total: Floats, prob: Floats, low: float, high: float) -> tuple[Floats, Floats]:
    """Move what is outside of the ends to them, as one total each."""
    begin = int(np.searchsorted(total, low, side="right"))
    end = max(begin, int(np.searchsorted(total, high)))
    total, prob, outside = total[begin:end], prob[begin:end], (prob[:begin].sum(), prob[end:].sum())
    return np.concatenate([[low], total, [high]]), np.concatenate([outside[:1], prob, outside[1:]])


def _n_normal(a: Floats, p: Floats) -> int:
    """Count the smallest deals that are nearly normal together, by the ratio of Berry and Esseen; `a` descends."""
    variance = (a**2 * p * (1 - p))[::-1].cumsum()
    third = (a**3 * p * (1 - p) * (p**2 + (1 - p) ** 2))[::-1].cumsum()
    normal = np.nonzero(third < _NORMAL * variance**1.5)[0]
    return int(normal[-1]) + 1 if len(normal) else 0


def _combined(one: Distribution, other: Distribution, sure: float) -> Distribution:
    total = np.add.outer(one.total, other.total).ravel() + sure
    order = np.argsort(total, kind="stable")
    return _merged(total[order], np.multiply.outer(one.prob, other.prob).ravel()[order])


def _merged(total: Floats, prob: Floats) -> Distribution:
    """Distribution on a lattice; equal totals become one."""
    is_new = np.append(True, total[1:] > total[:-1])
    if not is_new.all():
        first = is_new.nonzero()[0]
        total, prob = total[first], np.add.reduceat(prob, first)
    return _trim(total, prob, "grid")


def _reach(a: Floats, p: Floats) -> float:
    """Total that rare wins exceed with a probability below 1e-15, by Chernoff's bound; 0 without deals."""
    if not len(a):
        return 0.0
    largest = float(a.max())
    t = np.geomspace(1e-4, 8.0, 200)
    return min(largest * float(((np.expm1(t) * (a @ p) / largest + 35) / t).min()), float(a.sum()))


@np.errstate(under="ignore")
def _rare(steps: Floats, p: Floats, reach: float) -> Floats:
    r"""Distribution of the total of deals that are rarely won, from the logarithm of its characteristic function.

    :math:`\log(1 + p (z - 1)) = \sum_k (-1)^{k+1} p^k (z - 1)^k / k` with :math:`z = e^{i \omega a}`. The powers of z
    are amounts 2a, 3a, ... on the lattice, so all deals are added up before one transform.
    """
    from scipy import fft

    size = fft.next_fast_len(math.ceil(reach) + 3, real=True)
    log_transform = np.zeros(size)
    for m in range(_TERMS + 1):
        weight = sum((-1) ** (m + 1) * math.comb(k, m) / k * p**k for k in range(max(m, 1), _TERMS + 1))
        below = np.floor(m * steps)
        share = m * steps - below
        place = below.astype(np.int64) % size
        log_transform += np.bincount(place, weight * (1 - share), size)
        log_transform += np.bincount((place + 1) % size, weight * share, size)
    prob: Floats = fft.irfft(np.exp(fft.rfft(log_transform)), size)
    prob[prob < 1e-17] = 0.0  # rounding
    return prob
